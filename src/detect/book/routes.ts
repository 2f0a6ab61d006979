import { z } from 'zod';
import { type ApiApp, accessFault, may, type Principal, visibleProjects } from '../../access/index.ts';
import { detectFault, unknownRule } from '../errors.ts';
import { inBothLanguages } from '../finding-words.ts';
import { parseRuleFile } from '../rule-file.ts';
import { readRulePages, techniqueOf } from '../shipped-rules.ts';
import { CONDITION_LENGTH_MAX, RULE_TEXT_BYTES_MAX } from './limits.ts';
import type { KeptTuning, RuleBook } from './rule-book.ts';

const word = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/);
/** An environment is one of a project's. */
const scope = { project: word.nullable().default(null), environment: word.nullable().default(null) };
const isScope = ({ project, environment }: { project: string | null; environment: string | null }): boolean =>
  environment === null || project !== null;
const needsProject = { message: 'an environment needs its project', path: ['environment'] };

/** What hosts say of their rules, as of now. */
export interface RuleHosts {
  /** How often they kept an alert back, by the id of the tuning, since their sensors loaded it. */
  keptBack(): ReadonlyMap<string, number>;
  /** The set that each host's sensor was given last; null before the first. */
  states(): readonly { readonly host: string; readonly revision: string | null; readonly accepted: boolean }[];
}

export function registerRuleRoutes(app: ApiApp, book: RuleBook, hosts: RuleHosts): void {
  const sees = (principal: Principal, project: string | null): boolean => {
    const seen = visibleProjects(principal, 'incident.read');
    return project === null || seen === '*' || seen.includes(project);
  };
  const pages = { en: readRulePages('en'), es: readRulePages('es') };
  /** What people call a rule; one of their own has the name that they gave it. */
  const titleOf = (rule: string) => ({
    en: pages.en.get(rule)?.title ?? rule,
    es: pages.es.get(rule)?.title ?? rule,
  });
  const show = (tuning: KeptTuning) => ({ ...tuning, suppressed: hosts.keptBack().get(tuning.id) ?? 0 });
  app.route({
    method: 'GET',
    url: '/api/v1/rules',
    config: { action: 'policy.read' },
    schema: { tags: ['rules'], summary: 'Detection rules in force, and what there is to say of their files' },
    handler: async ({ principal }) => {
      const { rules, findings } = book.rules();
      const { revision } = book.order();
      return {
        items: rules
          .filter(({ project }) => sees(principal, project))
          .map((rule) => ({ ...rule, title: titleOf(rule.name) })),
        files: book
          .files()
          .filter(({ project }) => sees(principal, project))
          .map(({ text, ...file }) => ({ ...file, bytes: Buffer.byteLength(text) })),
        hosts: hosts.states().map(({ host, revision: has, accepted }) => ({
          host,
          state: has !== revision ? 'behind' : accepted ? 'in-force' : 'refused',
        })),
        findings: findings.filter(({ file }) => sees(principal, projectOf(book, file) ?? null)).map(inBothLanguages),
      };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/rules/by-name/:rule',
    config: { action: 'policy.read' },
    schema: {
      tags: ['rules'],
      summary:
        'A rule: what it means, when it is innocent, what to do first, what it misses, and what is excepted from it',
      params: z.object({ rule: z.string().min(1).max(200) }),
    },
    handler: async ({ principal, params }) => {
      const rules = book.rules().rules.filter(({ project }) => sees(principal, project));
      const rule = rules.find(({ name }) => name === params.rule);
      if (rule === undefined) {
        throw unknownRule(
          params.rule,
          rules.map(({ name }) => name),
        );
      }
      const [en, es] = [pages.en.get(rule.name), pages.es.get(rule.name)];
      return {
        ...rule,
        title: titleOf(rule.name),
        techniques: rule.tags.flatMap((tag) => techniqueOf(tag) ?? []),
        // Another file may switch a rule off, or change it under its name.
        changedBy: book
          .files()
          .filter(({ name, text, project }) => sees(principal, project) && namesRule(name, text, rule.name))
          .map(({ name, project, environment, author, appliedAt }) => ({
            ...{ file: name, project, environment, author, appliedAt },
          })),
        page: rule.origin === 'shipped' && en !== undefined && es !== undefined ? { en, es } : null,
        tunings: (await book.tunings())
          .filter((tuning) => tuning.rule === rule.name && tuning.endedAt === null && sees(principal, tuning.project))
          .map(show),
      };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/rules/files/:name',
    config: { action: 'policy.read' },
    schema: { tags: ['rules'], summary: 'A rule file with its text', params: z.object({ name: fileName }) },
    handler: async ({ principal, params }) => {
      const file = book.file(params.name);
      // A file of a project that the caller may not see is not there for them.
      if (!sees(principal, file.project)) throw detectFault('detect.rule-file-unknown', { file: params.name });
      return file;
    },
  });
  app.route({
    method: 'PUT',
    url: '/api/v1/rules/files/:name',
    // Where it counts is in the body: the handler asks.
    config: { action: 'any' },
    bodyLimit: RULE_TEXT_BYTES_MAX * 2,
    schema: {
      tags: ['rules'],
      summary: 'Put a rule file in force, everywhere or in a project; hosts are told at once',
      params: z.object({ name: fileName }),
      body: z.object({ text: z.string().max(RULE_TEXT_BYTES_MAX), ...scope }).refine(isScope, needsProject),
    },
    handler: async ({ principal, params, body }) => {
      requireManage(principal, body.project);
      // Changing where a file counts takes it away from where it did.
      const now = projectOf(book, params.name);
      if (now !== undefined) requireManage(principal, now);
      const before = book.files().find(({ name }) => name === params.name);
      const findings = await book.apply({ name: params.name, ...body }, principal.actor);
      // A file of this name that counted elsewhere does so no more: nobody means that who mistypes a project.
      const hasMoved =
        before !== undefined && (before.project !== body.project || before.environment !== body.environment);
      const moved = hasMoved ? { project: before.project, environment: before.environment } : null;
      return { file: params.name, findings: findings.map(inBothLanguages), moved };
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/rules/files/:name',
    config: { action: 'any' },
    schema: { tags: ['rules'], summary: 'Take a rule file out of force', params: z.object({ name: fileName }) },
    handler: async ({ principal, params }) => {
      requireManage(principal, projectOf(book, params.name) ?? null);
      const { name } = await book.remove(params.name, principal.actor);
      return { file: name };
    },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/rules/tunings',
    config: { action: 'policy.read' },
    schema: {
      tags: ['rules'],
      summary: 'What of rules is known harmless: by whom, why, until when, and how often it held',
    },
    handler: async ({ principal }) => {
      const tunings = await book.tunings();
      return { items: tunings.filter(({ project }) => sees(principal, project)).map(show) };
    },
  });
  app.route({
    method: 'POST',
    url: '/api/v1/rules/tunings',
    config: { action: 'any' },
    schema: {
      tags: ['rules'],
      summary: 'Say what of a rule is known harmless',
      body: z
        .object({
          rule: z.string().min(1).max(200),
          ...scope,
          workload: word.nullable().default(null),
          condition: z.string().min(1).max(CONDITION_LENGTH_MAX).nullable().default(null),
          until: z.iso.datetime().nullable().default(null),
          reason: z.string().min(1).max(2000),
        })
        .refine(isScope, needsProject)
        .refine(({ workload, project }) => workload === null || project !== null, {
          message: 'a workload needs its project',
          path: ['workload'],
        }),
    },
    handler: async ({ principal, body }, reply) => {
      requireManage(principal, body.project);
      reply.code(201);
      return show(await book.tune(body, principal.actor));
    },
  });
  app.route({
    method: 'DELETE',
    url: '/api/v1/rules/tunings/:id',
    config: { action: 'any' },
    schema: { tags: ['rules'], summary: 'Let a rule speak again', params: z.object({ id: z.uuid() }) },
    handler: async ({ principal, params }) => {
      requireManage(principal, book.tuning(params.id).project);
      return show(await book.untune(params.id, principal.actor));
    },
  });
}

function namesRule(file: string, text: string, rule: string): boolean {
  return parseRuleFile(file, text).items.some(({ kind, name }) => kind === 'rule' && name === rule);
}

/** Undefined when there is no such file of one's own. */
function projectOf(book: RuleBook, name: string): string | null | undefined {
  return book.files().find((file) => file.name === name)?.project;
}

function requireManage(principal: Principal, project: string | null): void {
  if (may(principal, 'rule.manage', project)) return;
  const place = project ?? 'the platform';
  throw accessFault('access.not-allowed', { name: principal.name, action: 'rule.manage', place });
}
