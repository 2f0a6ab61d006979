/** A rule before it is in force: what is wrong with it, and what it would have found in what hosts kept of their last days. */
import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { type Action, type ApiApp, accessFault, may, type Principal, visibleProjects } from '../../access/index.ts';
import type { Journal, JournalTables } from '../../journal/index.ts';
import { Fault, type Text } from '../../system/index.ts';
import { detectFault, unknownRule } from '../errors.ts';
import { inBothLanguages } from '../finding-words.ts';
import {
  KEPT_COUNTS_MAX,
  KEPT_EXAMPLES_MAX,
  KEPT_OUTPUT_LENGTH_MAX,
  KEPT_QUESTIONS_MAX,
  KEPT_SECONDS_MAX,
} from '../limits.ts';
import type { KeptAnswer, KeptQuestion } from '../try-kept.ts';
import { RULE_TEXT_BYTES_MAX } from './limits.ts';
import type { RuleBook } from './rule-book.ts';

/** Where the hosts' memory is asked. */
export interface KeptGroundPort {
  /** Names of the hosts that answer now. */
  hosts(): readonly string[];
  /** What one host answers, unread. @throws Fault when it does not */
  ask(host: string, question: KeptQuestion, signal: AbortSignal): Promise<unknown>;
}

export interface KeptParts {
  readonly book: RuleBook;
  readonly ground: KeptGroundPort;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly db: Kysely<JournalTables>;
  readonly clock: { now(): Date };
}

/** As long as names of projects, environments and workloads are: a host reads no longer ones. */
const nameUpTo = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
const draftBody = z.object({
  text: z.string().min(1).max(RULE_TEXT_BYTES_MAX),
  /** The name under which it would be applied. */
  name: fileName.default('draft.yaml'),
  project: nameUpTo(40).nullable().default(null),
  environment: nameUpTo(20).nullable().default(null),
});
const triedBody = draftBody.partial({ text: true }).extend({
  /** A rule that is in force, instead of a text. */
  rule: z.string().min(1).max(200).optional(),
  workload: nameUpTo(63).nullable().default(null),
  seconds: z.number().int().min(60).max(KEPT_SECONDS_MAX).default(KEPT_SECONDS_MAX),
  host: z.string().max(253).optional(),
});

const text = z.string().max(8_192);
const short = z.string().max(300);
const place = { project: short.nullable(), environment: short.nullable(), workload: short.nullable() };
const count = z.number().int().min(0);
const time = z.iso.datetime();
const finding = z.object({
  severity: z.enum(['error', 'warning']),
  ...{ code: short, message: text, file: short, line: count, column: count, item: text.nullable() },
  spanish: text.optional(),
  hint: text.optional(),
});
/** What a host says, which has fewer rights than control. */
const answer = z.object({
  ...{ from: time.nullable(), to: time.nullable(), opensFrom: time.nullable(), stoppedAt: time.nullable() },
  // An agent of before does not say it.
  completeFrom: time.nullable().default(null),
  ...{ events: count, damaged: count, milliseconds: count, uncounted: count },
  ...{ bytes: count.nullable(), missing: count.nullable(), lossy: z.boolean().optional() },
  rules: z.array(z.object({ name: short, priority: short, off: text.nullable() })).max(10_000),
  counts: z
    .array(z.object({ rule: short, ...place, day: z.string().regex(/^\d{4}-\d\d-\d\d$/), matches: count }))
    .max(KEPT_COUNTS_MAX),
  examples: z
    .array(
      z.object({
        ...{ at: time, rule: short, priority: short, event: short },
        output: z.string().max(KEPT_OUTPUT_LENGTH_MAX + 1),
        ...{ ...place, pod: short.nullable(), container: short.nullable(), process: short, pid: count },
      }),
    )
    .max(KEPT_EXAMPLES_MAX),
  findings: z.array(finding).max(10_000),
});
type Answer = z.infer<typeof answer>;

export function registerKeptRoutes(app: ApiApp, { book, ground, journal, db, clock }: KeptParts): void {
  /** Questions that hosts answer now, by who asked. */
  const asking = new Set<string>();

  app.route({
    method: 'POST',
    url: '/api/v1/rules/check',
    config: { action: 'policy.read' },
    bodyLimit: RULE_TEXT_BYTES_MAX * 2,
    schema: {
      tags: ['rules'],
      summary: 'What there is to say of a rule file beside those in force; nothing changes',
      body: draftBody,
    },
    handler: async ({ principal, body }) => {
      requireSight(principal, body.project);
      return book.draft(body);
    },
  });

  app.route({
    method: 'POST',
    url: '/api/v1/rules/try',
    // Where it counts is in the body: the handler asks.
    config: { action: 'any' },
    bodyLimit: RULE_TEXT_BYTES_MAX * 2,
    schema: {
      tags: ['rules'],
      summary: 'What a rule would have found in what hosts kept of their last days',
      body: triedBody.refine((body) => (body.text === undefined) !== (body.rule === undefined), {
        message: 'either a text or the name of a rule',
        path: ['text'],
      }),
    },
    handler: async ({ principal, body }, reply) => {
      const question = questionOf(principal, body);
      const hosts = ground.hosts().filter((host) => body.host === undefined || host === body.host);
      if (hosts.length === 0) throw detectFault('detect.no-host', { host: body.host ?? '–' });
      if (asking.has(principal.actor)) throw detectFault('detect.asking-already', { name: principal.name });
      if (asking.size >= KEPT_QUESTIONS_MAX)
        throw detectFault('detect.too-many-questions', { most: KEPT_QUESTIONS_MAX });
      asking.add(principal.actor);
      const gone = new AbortController();
      // Who asked went away: the request was read whole long ago, so that its answer is what closes.
      const onClose = (): void => gone.abort();
      reply.raw.once('close', onClose);
      try {
        await record(principal, body, question);
        const answers = await Promise.all(
          hosts.map(async (host) => ({ host, said: await askOne(host, question, gone.signal) })),
        );
        return summarize(answers, question.projects !== null);
      } finally {
        reply.raw.off('close', onClose);
        asking.delete(principal.actor);
      }
    },
  });

  async function askOne(host: string, question: KeptQuestion, signal: AbortSignal): Promise<Answer | Text> {
    try {
      const read = answer.safeParse(await ground.ask(host, question, signal));
      if (read.success) return read.data;
      const where = read.error.issues[0]?.path.join('.') ?? '';
      return { en: `its answer cannot be read (${where})`, es: `su respuesta no se puede leer (${where})` };
    } catch (error) {
      // One host that cannot answer must not hide the others.
      if (!(error instanceof Fault)) throw error;
      const say = (language: 'en' | 'es'): string => {
        const { what, why } = error.text(language);
        return why === undefined ? what : `${what}: ${why}`;
      };
      return { en: say('en'), es: say('es') };
    }
  }

  function questionOf(principal: Principal, body: z.infer<typeof triedBody>): KeptQuestion {
    const { project, environment, workload } = body;
    const untilMs = clock.now().getTime();
    const when = { sinceMs: untilMs - body.seconds * 1_000, untilMs, environment, workload };
    if (body.text === undefined) {
      requireSight(principal, project);
      const seen = visibleProjects(principal, 'incident.read');
      const rules = book
        .rules()
        .rules.filter((one) => one.project === null || seen === '*' || seen.includes(one.project));
      const name = body.rule ?? '';
      if (!rules.some((one) => one.name === name)) {
        throw unknownRule(
          name,
          rules.map((one) => one.name),
        );
      }
      const projects = project !== null ? [project] : seen === '*' ? null : seen;
      return { ...when, draft: null, rules: [name], projects };
    }
    // A condition of one's own asks letter by letter for whatever stands on a command line.
    requireRight(principal, 'rule.manage', project);
    requireRight(principal, 'incident.respond', project);
    // In the place of a file elsewhere it would tell what that does there.
    const known = book.files().find(({ name }) => name === body.name);
    if (known !== undefined) requireRight(principal, 'rule.manage', known.project);
    book.requireSound({ name: body.name, text: body.text, project, environment });
    const draft = { file: body.name, text: body.text, scope: { project, environment } };
    return { ...when, draft, rules: [], projects: project === null ? null : [project] };
  }

  async function record(principal: Principal, body: z.infer<typeof triedBody>, question: KeptQuestion): Promise<void> {
    const { project, environment, workload, seconds } = body;
    await db.transaction().execute(async (tx) => {
      await journal.record(tx, {
        kind: 'rules.tried',
        project,
        actor: principal.actor,
        subject: body.rule ?? body.name,
        digest: null,
        body: {
          ...{ environment, workload, seconds },
          projects: question.projects === null ? null : [...question.projects],
          sha256: body.text === undefined ? null : createHash('sha256').update(body.text).digest('hex'),
        },
      });
    });
    journal.committed();
  }
}

interface TriedHost extends Partial<Omit<KeptAnswer, 'rules' | 'counts' | 'examples' | 'findings'>> {
  readonly host: string;
  /** Why it did not answer. */
  readonly why: Text | null;
}

/** @param isBound to projects: a host of before told sums of everybody's as well */
function summarize(answers: readonly { readonly host: string; readonly said: Answer | Text }[], isBound: boolean) {
  const given = answers.flatMap(({ host, said }) => ('events' in said ? [{ host, ...said }] : []));
  const [first] = given;
  return {
    hosts: answers.map(({ host, said }): TriedHost => {
      if (!('events' in said)) return { host, why: said };
      const { rules: _rules, counts: _counts, examples: _examples, findings: _findings, ...facts } = said;
      const lossy = facts.lossy ?? (facts.missing ?? 0) > 0;
      return { host, why: null, ...facts, lossy, ...(isBound ? { bytes: null, missing: null } : {}) };
    }),
    rules: first?.rules ?? [],
    findings: (first?.findings ?? []).map(inBothLanguages),
    matches: given.reduce(
      (sum, { counts, uncounted }) => sum + uncounted + counts.reduce((n, one) => n + one.matches, 0),
      0,
    ),
    counts: given.flatMap(({ host, counts }) => counts.map((one) => ({ host, ...one }))),
    examples: given
      .flatMap(({ host, examples }) => examples.map((one) => ({ host, ...one })))
      .sort((one, other) => (one.at < other.at ? 1 : -1))
      .slice(0, KEPT_EXAMPLES_MAX),
  };
}

/** Without a project: in any. */
function requireSight(principal: Principal, project: string | null): void {
  if (project === null && visibleProjects(principal, 'incident.read').length > 0) return;
  requireRight(principal, 'incident.read', project);
}

function requireRight(principal: Principal, action: Action, project: string | null): void {
  if (may(principal, action, project)) return;
  throw accessFault('access.not-allowed', { name: principal.name, action, place: project ?? 'the platform' });
}
