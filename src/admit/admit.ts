import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { projectOf } from '../oci/index.ts';
import { type Clock, Fault, newId, type Text, timeOfAges, withPatience } from '../system/index.ts';
import type { SignedRecord, SigningKey } from '../trust/index.ts';
import type { Admission, Door, EnvironmentClass, HostFacts } from './admission.ts';
import { admitFault } from './errors.ts';
import { EVERY_RULE, EXPIRING_DAYS, type Exception, stateOf } from './exception.ts';
import type { HostException, HostExceptions } from './host-exceptions.ts';
import { GRACE_EXCEPTION, judge, type Running } from './judge.ts';
import { EXCEPTION_DAYS_MAX, LOCKED_MS, SILENT_MS } from './limits.ts';
import type { Policy } from './policy.ts';
import { PolicyBook } from './policy-book.ts';
import { selectPolicy } from './presets.ts';
import { forgetAdmissions, type Replay, recordAdmission, replayAdmissions } from './recorded.ts';
import {
  type AdmitTables,
  insertException,
  insertVerdict,
  markAnnounced,
  markApproved,
  markRevoked,
  readEnding,
  readExceptions,
  readVerdicts,
  type VerdictQuery,
} from './store.ts';
import { type Reason, signVerdict, type Verdict } from './verdict.ts';

export interface AdmitOptions {
  readonly db: Kysely<AdmitTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** Those in force, or who knows them. */
  readonly policies: readonly Policy[] | PolicyBook;
  /** The key of control; agents know its public part. */
  readonly key: SigningKey;
  /** Why nobody may have an image whatever policies say, or null. */
  readonly quarantined?: (project: string, digest: string) => Text | null;
  /** What stands against hosts, and what is excepted from it; without it nothing is known of them. */
  readonly hosts?: Pick<HostExceptions, 'facts' | 'list'>;
}

/** What is known of hosts where a question is about a start. */
interface Ground {
  readonly host: HostFacts | null;
  readonly exceptions: readonly HostException[];
}

export interface AdmitQuestion {
  readonly door: Door;
  readonly admission: Admission;
  /** The policy to ask; without it the one of the environment's class. */
  readonly policy?: string;
  readonly specHash: string | null;
  /** Given when the image runs in the environment already. */
  readonly running?: Running;
  /** When its facts began to be read: what changed since is not in them. @default now */
  readonly readAt?: Date;
  readonly actor: string;
  /** What people call it: `tienda/dev/web`, `tienda/web`. */
  readonly subject: string;
}

/** Where a workload is judged: what is asked at other doors is an image alone, and asked often. */
const RECORDED_DOORS: readonly Door[] = ['start', 'promote'];

/** The policies, the answers that were given, and the exceptions from them. */
export class Admit {
  readonly #options: AdmitOptions;

  constructor(options: AdmitOptions) {
    this.#options = options;
  }

  policies(): readonly Policy[] {
    const { policies } = this.#options;
    return policies instanceof PolicyBook ? policies.policies() : policies;
  }

  /** @throws Fault admit.policy-unknown */
  policy(name: string): Policy {
    const { policies } = this.#options;
    // One that cannot be used any more is not one that nobody knows: who asks is told what is wrong with it.
    const problem = policies instanceof PolicyBook ? policies.problems().get(name) : undefined;
    if (problem !== undefined) throw problem;
    return selectPolicy((one) => this.policies().find((policy) => policy.name === one) ?? null, name);
  }

  /**
   * What a policy would have said of what was judged, with the exceptions of now.
   * @param since RFC 3339
   * @param insteadOf only what this policy judged; null: everything
   * @throws Fault admit.policy-unknown of `insteadOf`, when it judged nothing either
   */
  async replay(draft: Policy, since: string, insteadOf: string | null): Promise<Replay> {
    const { db, hosts } = this.#options;
    const exceptions = (project: string) => readExceptions(db, { project });
    const hostExceptions = (await hosts?.list()) ?? [];
    const replay = await replayAdmissions(db, draft, { since, insteadOf, exceptions, hostExceptions });
    // A name misspelt must not read as if nothing would be refused; a policy that is gone may have judged.
    if (insteadOf !== null && replay.replayed + replay.missed === 0) this.policy(insteadOf);
    return replay;
  }

  /**
   * What an environment would have been told under another policy, held against what its own says of the same facts.
   * @param since RFC 3339
   * @throws Fault admit.policy-unknown, admit.param-invalid
   */
  async replayPlace(
    place: { readonly project: string; readonly environment: string; readonly policy: string },
    policy: string,
    since: string,
  ): Promise<Replay> {
    const { db, hosts } = this.#options;
    const exceptions = (project: string) => readExceptions(db, { project });
    const hostExceptions = (await hosts?.list()) ?? [];
    const against = this.#policyInUse(place.policy);
    return replayAdmissions(db, this.policy(policy), {
      ...{ since, insteadOf: null, place, exceptions, hostExceptions },
      // Of a policy that is gone what it said is all that is known.
      ...(against === null ? {} : { against }),
    });
  }

  #policyInUse(name: string): Policy | null {
    try {
      return this.policy(name);
    } catch (error) {
      if (error instanceof Fault) return null;
      throw error;
    }
  }

  /** Removes recorded admissions that are older than they are kept. */
  async forgetOld(): Promise<void> {
    await forgetAdmissions(this.#options.db, timeOfAges(this.#options.clock));
  }

  /** The policy of a class of environment: what is not development is judged as production. */
  policyFor(environment: EnvironmentClass): Policy {
    return this.policy(environment === 'development' || environment === 'none' ? 'dev' : 'prod');
  }

  /**
   * Answers questions and keeps the answers, all in one transaction: a deploy asks once for each container it starts. What
   * is to start is refused soon where no answer can be kept; other doors wait for the database as everybody does.
   * @throws Fault admit.policy-unknown, admit.not-kept, admit.no-answer
   */
  async judge(questions: readonly AdmitQuestion[]): Promise<Verdict[]> {
    const isStart = questions.some(({ door }) => RECORDED_DOORS.includes(door));
    const verdicts = await (isStart ? inTime(() => this.#judge(questions)) : this.#judge(questions));
    // Outside: what the journal does now waits as long as it must.
    this.#options.journal.committed();
    return verdicts;
  }

  async #judge(questions: readonly AdmitQuestion[]): Promise<Verdict[]> {
    const { db, journal } = this.#options;
    const exceptions = await Promise.all(
      questions.map(({ admission: { image } }) => readExceptions(db, { project: image.project, digest: image.digest })),
    );
    const ground = await this.#ground(questions.map(({ door }) => door));
    const asked = questions.map((question) => onGround(question, ground));
    const verdicts = asked.map((question, index) => this.#answer(question, exceptions[index] ?? [], ground));
    await db.transaction().execute(async (tx) => {
      for (const [index, verdict] of verdicts.entries()) {
        const question = asked[index];
        await insertVerdict(tx, verdict);
        if (question !== undefined && RECORDED_DOORS.includes(verdict.door)) {
          await recordAdmission(tx, { verdict, admission: question.admission, subject: question.subject });
        }
        await journal.record<AdmitTables>(tx, {
          kind: 'workload.judged',
          project: verdict.project,
          actor: question?.actor ?? 'platform',
          subject: question?.subject ?? verdict.project,
          digest: verdict.digest,
          body: {
            verdict: verdict.id,
            door: verdict.door,
            decision: verdict.decision,
            environment: verdict.environment,
            policy: { ...verdict.policy },
            rules: [...new Set(verdict.reasons.map((reason) => reason.rule))],
            ...graceOf(verdict),
          },
        });
      }
    });
    return verdicts;
  }

  /** Answers without keeping anything: what a pipeline or a preview asks. @throws Fault admit.not-kept, admit.no-answer */
  async preview(question: Omit<AdmitQuestion, 'actor' | 'subject'>): Promise<Verdict> {
    return await inTime(() => this.#preview(question));
  }

  async #preview(question: Omit<AdmitQuestion, 'actor' | 'subject'>): Promise<Verdict> {
    const { image } = question.admission;
    const exceptions = await readExceptions(this.#options.db, { project: image.project, digest: image.digest });
    const ground = await this.#ground([question.door]);
    return this.#answer(onGround(question, ground), exceptions, ground);
  }

  /** A verdict as it travels to an agent. */
  sign(verdict: Verdict): SignedRecord {
    return signVerdict(this.#options.key, verdict);
  }

  /** Newest first. */
  verdicts(query: VerdictQuery): Promise<Verdict[]> {
    return readVerdicts(this.#options.db, query);
  }

  /** The newest verdict of an image at a door that has not expired, or null. */
  async current(query: Omit<VerdictQuery, 'limit'>): Promise<Verdict | null> {
    const [newest] = await readVerdicts(this.#options.db, { ...query, limit: 1 });
    const isFresh = newest !== undefined && this.#options.clock.now().getTime() < Date.parse(newest.expiresAt);
    return isFresh ? newest : null;
  }

  exceptions(project: string, digest?: string): Promise<Exception[]> {
    return readExceptions(this.#options.db, { project, ...(digest === undefined ? {} : { digest }) });
  }

  /**
   * Asks for an exception; it covers nothing until a second person approves it.
   * @param actor by whom or what it was asked for, where that is a token of the author
   * @throws Fault admit.exception-expiry, admit.exception-scope, admit.exception-rule
   */
  async requestException(
    wanted: Omit<Exception, 'id' | 'author' | 'approver' | 'createdAt' | 'revokedAt' | 'revokedBy'>,
    author: string,
    actor = author,
  ): Promise<Exception> {
    const { db, journal, clock } = this.#options;
    const now = clock.now();
    requireScope(wanted);
    const { rule } = wanted;
    if (rule !== '*' && !this.policies().some(({ rules }) => rules.some(({ id }) => id === rule)))
      throw admitFault('admit.exception-rule', { rule });
    const latest = now.getTime() + EXCEPTION_DAYS_MAX * 86_400_000;
    const expiry = Date.parse(wanted.expiresAt);
    if (!(expiry > now.getTime() && expiry <= latest)) {
      throw admitFault('admit.exception-expiry', { days: EXCEPTION_DAYS_MAX, expiresAt: wanted.expiresAt });
    }
    const exception: Exception = {
      ...wanted,
      id: newId(clock),
      author,
      approver: null,
      createdAt: now.toISOString(),
      expiresAt: new Date(expiry).toISOString(),
      revokedAt: null,
      revokedBy: null,
    };
    await db.transaction().execute(async (tx) => {
      await insertException(tx, exception);
      await journal.record<AdmitTables>(tx, factOf('exception.requested', exception, actor));
    });
    journal.committed();
    return exception;
  }

  /**
   * The second person agrees. Approving again changes nothing.
   * @throws Fault admit.exception-unknown; admit.exception-own for the author
   */
  async approveException(project: string, id: string, approver: string): Promise<Exception> {
    const { db, journal } = this.#options;
    const exception = await this.#exception(project, id);
    if (exception.author === approver) throw admitFault('admit.exception-own', { id, author: exception.author });
    const state = stateOf(exception, this.#options.clock.now());
    if (state === 'revoked' || state === 'expired') throw admitFault('admit.exception-over', { id });
    const approved = await db.transaction().execute(async (tx) => {
      if (!(await markApproved(tx, exception, approver))) return null;
      await journal.record<AdmitTables>(tx, factOf('exception.approved', exception, approver));
      return { ...exception, approver };
    });
    journal.committed();
    return approved ?? exception;
  }

  /**
   * Takes an exception back, or refuses one that waits; from then on it covers nothing. Twice changes nothing.
   * @throws Fault admit.exception-unknown
   */
  async revokeException(project: string, id: string, actor: string): Promise<Exception> {
    const { db, journal, clock } = this.#options;
    const exception = await this.#exception(project, id);
    const at = clock.now().toISOString();
    const revoked = await db.transaction().execute(async (tx) => {
      if (!(await markRevoked(tx, exception, { at, by: actor }))) return null;
      await journal.record<AdmitTables>(tx, factOf('exception.revoked', exception, actor));
      return { ...exception, revokedAt: at, revokedBy: actor };
    });
    journal.committed();
    return revoked ?? exception;
  }

  /** Announces approved exceptions that end within `EXPIRING_DAYS`, each once; the fact is `exception.expiring`. */
  async tellExpiring(): Promise<Exception[]> {
    const { db, journal, clock } = this.#options;
    const now = clock.now();
    const ending = await readEnding(db, new Date(now.getTime() + EXPIRING_DAYS * 86_400_000).toISOString());
    for (const exception of ending) {
      await db.transaction().execute(async (tx) => {
        await markAnnounced(tx, exception.id, now.toISOString());
        await journal.record<AdmitTables>(tx, factOf('exception.expiring', exception, 'platform'));
      });
    }
    if (ending.length > 0) journal.committed();
    return ending;
  }

  async #exception(project: string, id: string): Promise<Exception> {
    const exception = (await readExceptions(this.#options.db, { project })).find((one) => one.id === id);
    if (exception === undefined) throw admitFault('admit.exception-unknown', { id, project });
    return exception;
  }

  /** Asked once for all questions: a deploy asks one for each container. */
  async #ground(doors: readonly Door[]): Promise<Ground> {
    const { hosts } = this.#options;
    if (hosts === undefined || !doors.some((door) => RECORDED_DOORS.includes(door))) return NO_GROUND;
    return { host: await hosts.facts(), exceptions: await hosts.list() };
  }

  #answer(
    question: Omit<AdmitQuestion, 'actor' | 'subject'>,
    exceptions: readonly Exception[],
    ground: Ground,
  ): Verdict {
    const { clock } = this.#options;
    const { door, admission, specHash } = question;
    const policy =
      question.policy === undefined ? this.policyFor(admission.environment.class) : this.policy(question.policy);
    const running = question.running ?? null;
    const at = (question.readAt ?? clock.now()).toISOString();
    const { project, digest } = admission.image;
    const quarantine = this.#options.quarantined?.(project, digest) ?? null;
    const hostExceptions = ground.exceptions;
    return judge({
      ...{ id: newId(clock), at, door, policy, admission, exceptions, hostExceptions, specHash, running, quarantine },
    });
  }
}

/** Who asks at a door hears no soon, and why, when somebody else holds the database or it does not answer. */
async function inTime<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await withPatience({ lockMs: LOCKED_MS, answerMs: SILENT_MS }, work);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === 'system.database-locked')
      throw admitFault('admit.not-kept', { ms: LOCKED_MS }, { cause: error });
    if (error.code !== 'system.database-silent') throw error;
    throw admitFault('admit.no-answer', { seconds: SILENT_MS / 1000 }, { cause: error });
  }
}

const NO_GROUND: Ground = { host: null, exceptions: [] };

function onGround<Question extends Pick<AdmitQuestion, 'door' | 'admission'>>(
  question: Question,
  { host }: Ground,
): Question {
  if (host === null || !RECORDED_DOORS.includes(question.door)) return question;
  return { ...question, admission: { ...question.admission, host } };
}

/** The first deadline that a verdict rests on. */
function graceOf({ reasons }: Verdict): { grace?: string } {
  const untils = reasons.flatMap(({ exception }) => (exception?.id === GRACE_EXCEPTION ? [exception.expiresAt] : []));
  const [first] = untils.sort();
  return first === undefined ? {} : { grace: first };
}

/** One image or one pattern of repositories of the project; and for every rule, something that it is about. */
function requireScope(
  wanted: Pick<Exception, 'project' | 'digest' | 'repository' | 'rule' | 'subject' | 'package'>,
): void {
  const { project, digest, repository, rule, subject, package: inPackage } = wanted;
  const isOne = (digest === null) !== (repository === null);
  const isInside = repository === null || projectOf(repository) === project;
  const isAbout = rule !== EVERY_RULE || subject !== null || inPackage !== null;
  if (!isOne || !isInside || !isAbout) throw admitFault('admit.exception-scope', { project });
}

function factOf(kind: string, exception: Exception, actor: string) {
  const { id, project, rule, subject, environment, expiresAt, reason, repository, package: inPackage } = exception;
  return {
    kind,
    project,
    actor,
    subject: `exception ${id}`,
    ...(exception.digest === null ? {} : { digest: exception.digest }),
    body: { exception: id, rule, subject, package: inPackage, repository, environment, expiresAt, reason },
  };
}

/** Rules of the presets that speak of hosts and of no workload. */
const HOST_RULES: readonly string[] = ['host-runtime', 'host-unknown'];

/** Whether a rule of the presets speaks of a host, and of no workload. */
export function isOfHost(rule: string): boolean {
  return HOST_RULES.includes(rule);
}

/**
 * The answer about several containers as one: the worst decision and every reason, each naming whose it is. For people
 * and for the release; starts are permitted by the verdicts themselves.
 */
export function joinVerdicts(
  verdicts: readonly { readonly subject: string; readonly verdict: Verdict }[],
  specHash: string | null,
): Verdict | null {
  const [first] = verdicts;
  if (first === undefined) return null;
  const decisions = new Set(verdicts.map(({ verdict }) => verdict.decision));
  const reasons = verdicts.flatMap(({ subject, verdict }) =>
    verdict.reasons.map((reason) => ({
      ...reason,
      // What stands against a host stands against it once, and its message names it.
      subject: isOfHost(reason.rule) ? null : reason.subject === null ? subject : `${subject}: ${reason.subject}`,
    })),
  );
  const keyOf = ({ rule, subject, message }: Reason): string => `${rule}\n${subject ?? message.en}`;
  const unique = [...new Map(reasons.map((reason) => [keyOf(reason), reason])).values()];
  return {
    ...first.verdict,
    decision: decisions.has('refuse') ? 'refuse' : decisions.has('warn') ? 'warn' : 'allow',
    reasons: unique.sort((a, b) => Number(a.effect === 'warn') - Number(b.effect === 'warn')),
    specHash,
    expiresAt: verdicts.map(({ verdict }) => verdict.expiresAt).sort()[0] ?? first.verdict.expiresAt,
  };
}
