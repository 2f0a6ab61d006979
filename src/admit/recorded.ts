import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { Kysely } from 'kysely';
import { canonicalJson, type Json } from '../system/index.ts';
import type { Admission, Door } from './admission.ts';
import type { Exception } from './exception.ts';
import type { HostException } from './host-exceptions.ts';
import { judge } from './judge.ts';
import { RECORD_BYTES_MAX, RECORD_DAYS, RECORDS_MAX, REPLAY_LISTED_MAX, REPLAYED_MAX } from './limits.ts';
import type { Policy } from './policy.ts';
import type { AdmitTables } from './store.ts';
import type { Reason, Verdict } from './verdict.ts';

/** A question that was answered, with all that it was answered from. */
interface Recorded {
  readonly verdict: Verdict;
  readonly admission: Admission;
  readonly subject: string;
}

/**
 * Keeps what was judged, so that a policy can be tried on it later. The same question asked again, as renewals do each
 * hour, is one row with a later time. What is too large is kept without its content and counted when it is missed.
 */
export async function recordAdmission(
  tx: Kysely<AdmitTables>,
  { verdict, admission, subject }: Recorded,
): Promise<void> {
  const text = canonicalJson(admission as unknown as Json);
  const key = createHash('sha256').update(`${verdict.door}\n${subject}\n${verdict.policy.name}\n${text}`).digest('hex');
  const { numUpdatedRows } = await tx
    .updateTable('admit_admissions')
    .set({ at: verdict.at, decision: verdict.decision })
    .where('key', '=', key)
    .executeTakeFirst();
  if (Number(numUpdatedRows) > 0) return;
  const packed = gzipSync(text, { level: 1 }).toString('base64');
  await tx
    .insertInto('admit_admissions')
    .values({
      key,
      at: verdict.at,
      door: verdict.door,
      project: verdict.project,
      environment: verdict.environment,
      subject,
      digest: verdict.digest,
      policy: verdict.policy.name,
      decision: verdict.decision,
      body: packed.length <= RECORD_BYTES_MAX ? packed : '',
    })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
}

/** Removes what is older than it is kept, and the oldest beyond the number that is kept. */
export async function forgetAdmissions(db: Kysely<AdmitTables>, now: Date): Promise<void> {
  const oldest = new Date(now.getTime() - RECORD_DAYS * 86_400_000).toISOString();
  await db.deleteFrom('admit_admissions').where('at', '<', oldest).execute();
  const beyond = await db
    .selectFrom('admit_admissions')
    .select('at')
    .orderBy('at', 'desc')
    .offset(RECORDS_MAX)
    .limit(1)
    .executeTakeFirst();
  if (beyond !== undefined) await db.deleteFrom('admit_admissions').where('at', '<=', beyond.at).execute();
}

/** One recorded answer that the draft would give otherwise. */
export interface ChangedAnswer {
  readonly at: string;
  readonly door: Door;
  readonly subject: string;
  readonly digest: string;
  readonly before: Verdict['decision'];
  readonly after: Verdict['decision'];
  /** Of the draft; none when it allows. */
  readonly reasons: readonly Reason[];
}

/** What a draft would have said of what was judged. */
export interface Replay {
  readonly policy: string;
  /** The policy whose answers it is compared with; null: those of all. */
  readonly insteadOf: string | null;
  readonly since: string;
  readonly replayed: number;
  /** Too large to have been kept, or beyond the number that is replayed. */
  readonly missed: number;
  readonly same: number;
  readonly newlyRefused: readonly ChangedAnswer[];
  readonly newlyAllowed: readonly ChangedAnswer[];
  /** Allowed before and after, with a warning more or less. */
  readonly otherwise: readonly ChangedAnswer[];
  /** Whole numbers, where the lists above are cut. */
  readonly counts: { readonly newlyRefused: number; readonly newlyAllowed: number; readonly otherwise: number };
  /** Rules that could not be evaluated, and how often. */
  readonly errors: readonly { readonly rule: string; readonly times: number; readonly why: string }[];
}

/**
 * Asks a draft about everything that was judged since a time. Nothing is kept and no clock is asked: each answer is as of
 * the time of the recorded one, with the exceptions of now.
 */
export async function replayAdmissions(
  db: Kysely<AdmitTables>,
  draft: Policy,
  question: {
    readonly since: string;
    readonly insteadOf: string | null;
    /** Only what was judged there. */
    readonly place?: { readonly project: string; readonly environment: string };
    /**
     * Compared with what this policy says of the same facts now; without it with the answers as they were given, by which
     * what ran already was let be until its deadline.
     */
    readonly against?: Policy;
    readonly exceptions: (project: string) => Promise<readonly Exception[]>;
    readonly hostExceptions?: readonly HostException[];
  },
): Promise<Replay> {
  let select = db.selectFrom('admit_admissions').selectAll().where('at', '>=', question.since);
  if (question.insteadOf !== null) select = select.where('policy', '=', question.insteadOf);
  if (question.place !== undefined) {
    const { project, environment } = question.place;
    select = select.where('project', '=', project).where('environment', '=', environment);
  }
  const rows = await select
    .orderBy('at', 'desc')
    .limit(REPLAYED_MAX + 1)
    .execute();
  const changed = { refused: [] as ChangedAnswer[], allowed: [] as ChangedAnswer[], other: [] as ChangedAnswer[] };
  const errors = new Map<string, { times: number; why: string }>();
  const exceptions = new Map<string, readonly Exception[]>();
  let [replayed, missed, same] = [0, Math.max(0, rows.length - REPLAYED_MAX), 0];
  for (const row of rows.slice(0, REPLAYED_MAX)) {
    if (row.body === '') {
      missed += 1;
      continue;
    }
    const admission = JSON.parse(gunzipSync(Buffer.from(row.body, 'base64')).toString('utf8')) as Admission;
    const known = exceptions.get(row.project) ?? (await question.exceptions(row.project));
    exceptions.set(row.project, known);
    const door = row.door as Door;
    const answerOf = (policy: Policy): Verdict =>
      judge({
        ...{ id: row.key, at: row.at, door, policy, admission, specHash: null, running: null },
        exceptions: known.filter(({ digest }) => digest === null || digest === row.digest),
        hostExceptions: question.hostExceptions ?? [],
      });
    const { decision, reasons } = answerOf(draft);
    replayed += 1;
    for (const { rule, message } of reasons.filter((reason) => reason.effect === 'refuse' && isError(draft, reason))) {
      errors.set(rule, { times: (errors.get(rule)?.times ?? 0) + 1, why: message.en });
    }
    const { against } = question;
    const before = against === undefined ? (row.decision as Verdict['decision']) : answerOf(against).decision;
    const answer = { at: row.at, door, subject: row.subject, digest: row.digest, before, after: decision, reasons };
    if (decision === before) same += 1;
    else if (decision === 'refuse') changed.refused.push(answer);
    else if (before === 'refuse') changed.allowed.push(answer);
    else changed.other.push(answer);
  }
  return {
    ...{ policy: draft.name, insteadOf: question.insteadOf, since: question.since, replayed, missed, same },
    newlyRefused: changed.refused.slice(0, REPLAY_LISTED_MAX),
    newlyAllowed: changed.allowed.slice(0, REPLAY_LISTED_MAX),
    otherwise: changed.other.slice(0, REPLAY_LISTED_MAX),
    counts: {
      newlyRefused: changed.refused.length,
      newlyAllowed: changed.allowed.length,
      otherwise: changed.other.length,
    },
    errors: [...errors].map(([rule, { times, why }]) => ({ rule, times, why })),
  };
}

/** A reason whose words are not of the rule but of what stopped it. */
function isError(policy: Policy, { rule, message }: Reason): boolean {
  return /could not be evaluated|cannot be judged/.test(message.en) || !policy.rules.some(({ id }) => id === rule);
}
