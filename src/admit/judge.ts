import type { Json, Text } from '../system/index.ts';
import { type Admission, type Door, toPolicyValues } from './admission.ts';
import { withinBudget } from './cel-budget.ts';
import type { DirectScope } from './cel-direct.ts';
import { type PolicyDocument, podsOf, toDirectPod, toPodValues, toPolicyValue } from './document.ts';
import { covers, type Exception } from './exception.ts';
import type { Subject } from './expression.ts';
import { coversHost, type HostException } from './host-exceptions.ts';
import {
  DOCUMENT_NODES_MAX,
  DOCUMENTS_MAX,
  EVALUATION_STEPS_MAX,
  QUESTION_STEPS_MAX,
  REASONS_PER_RULE_MAX,
} from './limits.ts';
import { type Effect, type FailMode, fillMessage, type Policy, type PolicyRule } from './policy.ts';
import type { Reason, Verdict } from './verdict.ts';

export interface Question {
  readonly id: string;
  /** RFC 3339: the time that the verdict speaks of. */
  readonly at: string;
  readonly door: Door;
  readonly policy: Policy;
  readonly admission: Admission;
  readonly exceptions: readonly Exception[];
  /** Exceptions of hosts from what stands against their run-times. */
  readonly hostExceptions?: readonly HostException[];
  readonly specHash: string | null;
  /** The image runs in the environment already; null: it does not, and what is refused is refused now. */
  readonly running: Running | null;
  /** Why nobody may have this image whatever the policy says; null or absent: nothing of the kind. */
  readonly quarantine?: Text | null;
}

/** That an image runs already: what it turned out to be may be lived with until a deadline. */
export interface Running {
  /** Containers of what runs are started again; false: a new release wants the same image. */
  readonly restart: boolean;
  /** RFC 3339: the deadline of whatever has none of its own, as findings have. */
  readonly until: string;
}

/**
 * Answers a question at a door from facts, a policy and nothing else: no clock, no store, no network. Every reason is
 * given, not only the first. What cannot be evaluated refuses, unless the policy says of this door that it fails open.
 */
export function judge(question: Question): Verdict {
  const { quarantine = null } = question;
  const held = quarantine === null ? [] : [failed(QUARANTINE_RULE, 'refuse', quarantine)];
  return verdictOf(question, [...held, ...judgeRules(question)]);
}

/** The verdict that the words of all rules come to. */
export function verdictOf(question: Question, outcomes: readonly RuleOutcome[]): Verdict {
  const { policy, admission, door, at } = question;
  const reasons = orderReasons(outcomes.flatMap((outcome) => outcome.reasons));
  const refused = reasons.some((reason) => reason.effect === 'refuse');
  return {
    id: question.id,
    at,
    door,
    decision: refused ? 'refuse' : reasons.length > 0 ? 'warn' : 'allow',
    reasons,
    policy: { name: policy.name, version: policy.version },
    project: admission.image.project,
    environment: environmentOf(admission),
    digest: admission.image.digest,
    specHash: question.specHash,
    restart: question.running?.restart ?? false,
    expiresAt: endOf(reasons, question, new Date(Date.parse(at) + policy.validHours * 3_600_000).toISOString()),
  };
}

/** A verdict that rests on an exception ends with it, and so with a deadline unless restarts go on after it. */
function endOf(reasons: readonly Reason[], question: Question, latest: string): string {
  const ends = reasons.flatMap(({ exception }) => {
    if (exception === null) return [];
    if (exception.id === GRACE_EXCEPTION && outlivesDeadlines(question)) return [];
    return [new Date(exception.expiresAt).toISOString()];
  });
  return [latest, ...ends].sort()[0] ?? latest;
}

function outlivesDeadlines({ running, policy }: Question): boolean {
  return running?.restart === true && policy.restarts === 'allow';
}

/** Names the exception of a reason that is only a warning because the image runs and its deadline is to come. */
export const GRACE_EXCEPTION = 'grace';

/** Names the reason of a refusal that no policy, exception or deadline sets aside. */
export const QUARANTINE_RULE = 'image-quarantined';

/** What no deadline is given for, by the rules of the presets: hosts would not start it, or it is not merely out of date. */
const RULES_WITHOUT_GRACE: readonly string[] = [
  'malware',
  'scan-failed',
  'trust-unmet',
  'image-escapes',
  QUARANTINE_RULE,
];

/** Whether what a verdict refuses may be lived with for a while by who runs it. */
export function mayHaveGrace({ reasons }: Pick<Verdict, 'reasons'>): boolean {
  return !reasons.some((reason) => reason.effect === 'refuse' && RULES_WITHOUT_GRACE.includes(reason.rule));
}

/**
 * What refuses an image that runs already is a warning until its deadline, that of the finding or that of the image.
 * After it new releases are refused, and restarts as the policy says: at night nobody is there to replace the image.
 */
function withGrace(reason: Reason, subject: Subject | null, question: Question): Reason {
  const { running, at } = question;
  if (reason.effect !== 'refuse' || running === null || RULES_WITHOUT_GRACE.includes(reason.rule)) return reason;
  const expiresAt = dueOf(subject, question.admission) ?? running.until;
  const isOver = Date.parse(expiresAt) <= Date.parse(at);
  if (isOver && !outlivesDeadlines(question)) return reason;
  const why = isOver ? 'the deadline has passed; what runs goes on' : 'the image ran before it was refused';
  return { ...reason, effect: 'warn', exception: { id: GRACE_EXCEPTION, expiresAt, reason: why } };
}

/** The deadline of the finding that a reason is about. */
function dueOf(subject: Subject | null, { scan }: Admission): string | null {
  if (subject === null) return null;
  const { key, package: inPackage } = subject;
  const dues = scan.findings.flatMap((finding) =>
    finding.due !== '' &&
    finding.key === key &&
    (inPackage === null || (finding.package === inPackage.name && finding.version === inPackage.version))
      ? [finding.due]
      : [],
  );
  return dues.sort()[0] ?? null;
}

/** What one rule says of one document, or of the facts. */
export interface RuleOutcome {
  readonly rule: PolicyRule | null;
  /** `skip`: it does not concern this document; `error`: it could not be evaluated. */
  readonly result: 'pass' | 'fail' | 'skip' | 'error';
  /** Null: it speaks of the facts, not of a document. */
  readonly document: PolicyDocument | null;
  readonly reasons: readonly Reason[];
  /** What a rule that completes documents makes of this one. */
  readonly completion: Json | null;
}

/** What every rule says, one by one. Pure, like `judge`. */
export function judgeRules(question: Question): RuleOutcome[] {
  return withinBudget(() => askRules(question), QUESTION_STEPS_MAX).map((outcome) =>
    outcome.result === 'error'
      ? { ...outcome, reasons: outcome.reasons.map((reason) => withGrace(reason, null, question)) }
      : outcome,
  );
}

function askRules(question: Question): RuleOutcome[] {
  const { policy, door, admission } = question;
  const failMode = policy.doors[door];
  if (failMode === undefined) return [failed('door-not-covered', 'refuse', NOT_COVERED(policy.name, door))];
  const effectOf = (mode: FailMode): Effect => (mode === 'open' ? 'warn' : 'refuse');
  let facts: Record<string, unknown>;
  try {
    facts = { ...toPolicyValues(admission), door, now: question.at };
    if (admission.documents.length > DOCUMENTS_MAX) {
      throw new RangeError(`expected at most ${DOCUMENTS_MAX} documents, got ${admission.documents.length}`);
    }
  } catch (error) {
    return [failed('facts-malformed', effectOf(failMode), MALFORMED(messageOf(error)))];
  }
  const scenes = admission.documents.map((document) => new Scene(document, facts));
  return policy.rules
    .filter((rule) => rule.doors.includes(door))
    .flatMap((rule) => {
      const onFailure = effectOf(rule.onFailure ?? failMode);
      if (rule.scope === 'facts' && rule.kinds === null) {
        return [outcomeOf(rule, null, [{ ...facts, params: rule.params }], question, onFailure)];
      }
      // What reads documents says nothing where none can be yet, and refuses where they should be and are not.
      if (scenes.length === 0) {
        const isExpected = door === 'start' || door === 'promote';
        return isExpected ? [failed(rule.id, onFailure, FAILED(rule.id, 'no document was given'), rule)] : [];
      }
      return scenes.map((scene) => judgeScene(rule, scene, question, onFailure));
    });
}

function judgeScene(rule: PolicyRule, scene: Scene, question: Question, onFailure: Effect): RuleOutcome {
  const { document } = scene;
  const skipped: RuleOutcome = { rule, result: 'skip', document, reasons: [], completion: null };
  if (rule.kinds !== null && !rule.kinds.includes(document.kind)) return skipped;
  const plain = judgeDirectly(rule, scene, question);
  if (plain !== null) return plain;
  let values: Record<string, unknown>[];
  try {
    values = rule.scope === 'pod' ? scene.pods() : [scene.whole()];
  } catch (error) {
    return failed(rule.id, onFailure, UNJUDGED(placeOf(document), messageOf(error)), rule, document);
  }
  if (values.length === 0) return skipped;
  const { concerns } = rule;
  try {
    // Before its cost: what a rule does not speak of is not refused for being long.
    if (concerns !== undefined && !values.some(concerns)) return skipped;
    checkCost(rule, scene.size());
  } catch (error) {
    return failed(rule.id, onFailure, FAILED(rule.id, messageOf(error)), rule, document);
  }
  return outcomeOf(
    rule,
    document,
    values.map((value) => ({ ...value, params: rule.params })),
    question,
    onFailure,
  );
}

/** By the pods as they were written; null: something about them is not plain, and the library is asked. */
function judgeDirectly(rule: PolicyRule, scene: Scene, question: Question): RuleOutcome | null {
  const { direct } = rule;
  const { document } = scene;
  const pods = direct === undefined ? null : scene.directPods();
  if (direct === undefined || pods === null || pods.length === 0) return null;
  try {
    checkCost(rule, scene.size());
    const { match } = direct;
    const matching = match === null ? pods : pods.filter((pod) => match(pod));
    if (matching.length === 0) return { rule, result: 'skip', document, reasons: [], completion: null };
    const subjects = matching.flatMap((pod) => direct.evaluate(pod));
    const reasons = subjects.length === 0 ? [] : reasonsOfRule(rule, subjects, question);
    return { rule, result: reasons.length === 0 ? 'pass' : 'fail', document, reasons, completion: null };
  } catch {
    // UNSURE, or what went wrong: the library says it in its words.
    return null;
  }
}

/** A document with the facts, as expressions see it; made once, when the first rule asks. */
class Scene {
  readonly document: PolicyDocument;
  readonly #facts: Record<string, unknown>;
  #direct: readonly DirectScope[] | null | undefined;
  #whole: Record<string, unknown> | null = null;
  #pods: Record<string, unknown>[] | null = null;
  #size: { items: number; longest: number } | null = null;

  constructor(document: PolicyDocument, facts: Record<string, unknown>) {
    this.document = document;
    this.#facts = facts;
  }

  whole(): Record<string, unknown> {
    this.#whole ??= { ...this.#facts, object: toPolicyValue(this.document.object) };
    return this.#whole;
  }

  pods(): Record<string, unknown>[] {
    this.#pods ??= podsOf(this.document).map((pod) => ({ ...this.whole(), ...toPodValues(pod) }));
    return this.#pods;
  }

  /** The pods as they were written; null: they cannot be judged so, and `pods` says why or has them. */
  directPods(): readonly DirectScope[] | null {
    if (this.#direct !== undefined) return this.#direct;
    try {
      // Of a document with more values than are judged the whole says so.
      this.#direct = this.size().items >= DOCUMENT_NODES_MAX ? null : podsOf(this.document).map(toDirectPod);
    } catch {
      this.#direct = null;
    }
    return this.#direct;
  }

  /** Members of all lists and objects, and of the longest. */
  size(): { items: number; longest: number } {
    this.#size ??= sizeOf(this.document.object);
    return this.#size;
  }
}

function sizeOf(value: Json): { items: number; longest: number } {
  const size = { items: 0, longest: 0 };
  const count = (node: Json[] | { [key: string]: Json }): void => {
    const members = Array.isArray(node) ? node : Object.values(node);
    size.items += members.length;
    if (members.length > size.longest) size.longest = members.length;
    for (const member of members) if (typeof member === 'object' && member !== null) count(member);
  };
  if (typeof value === 'object' && value !== null) count(value);
  return size;
}

/** @throws RangeError for a rule and a document that together would take too long */
function checkCost(
  { cost }: PolicyRule,
  { items, longest }: { readonly items: number; readonly longest: number },
): void {
  if (cost.loops === 0) return;
  const steps = cost.nodes * items * longest ** (cost.loops - 1);
  if (steps > EVALUATION_STEPS_MAX) throw new RangeError(`its lists are too long for this rule (${steps} steps)`);
}

function outcomeOf(
  rule: PolicyRule,
  document: PolicyDocument | null,
  scenes: readonly Record<string, unknown>[],
  question: Question,
  onFailure: Effect,
): RuleOutcome {
  try {
    const { match } = rule;
    const matching = match === null ? scenes : scenes.filter((values) => match(values));
    const [first] = matching;
    if (first === undefined) return { rule, result: 'skip', document, reasons: [], completion: null };
    if (rule.completes !== null) {
      return { rule, result: 'pass', document, reasons: [], completion: rule.completes.evaluate(first) };
    }
    const subjects = matching.flatMap((values) => [...rule.evaluate(values)]);
    const reasons = reasonsOfRule(rule, subjects, question);
    return { rule, result: reasons.length === 0 ? 'pass' : 'fail', document, reasons, completion: null };
  } catch (error) {
    return failed(rule.id, onFailure, FAILED(rule.id, messageOf(error)), rule, document);
  }
}

function failed(
  id: string,
  effect: Effect,
  message: Text,
  rule: PolicyRule | null = null,
  document: PolicyDocument | null = null,
): RuleOutcome {
  return { rule, result: 'error', document, reasons: [reasonOf(id, effect, message, null)], completion: null };
}

function placeOf({ kind, name }: PolicyDocument): string {
  return `${kind} ${name}`.trim();
}

function reasonsOfRule(rule: PolicyRule, subjects: readonly (Subject | null)[], question: Question): Reason[] {
  const reasons = dedupe(subjects).map((subject) => {
    const label = subject?.label ?? '';
    const reason = reasonOf(rule.id, rule.effect, fillMessage(rule.message, label, rule.params), subject);
    const remedy = rule.remedy === null ? null : fillMessage(rule.remedy, label, rule.params);
    return withGrace(withException({ ...reason, remedy }, subject, question), subject, question);
  });
  if (reasons.length <= REASONS_PER_RULE_MAX) return reasons;
  // Those that still refuse come first: what is left out must never be all that refuses.
  const kept = orderReasons(reasons).slice(0, REASONS_PER_RULE_MAX);
  const left = orderReasons(reasons).slice(REASONS_PER_RULE_MAX);
  const effect = left.some((reason) => reason.effect === 'refuse') ? 'refuse' : 'warn';
  return [...kept, reasonOf(rule.id, effect, MORE(rule.id, left.length), null)];
}

function withException(reason: Reason, subject: Subject | null, question: Question): Reason {
  const { admission, at } = question;
  // What stands against a host is not the project's to except.
  const onHost = subject?.onHost;
  if (onHost !== undefined) {
    const agreed = question.hostExceptions?.find((one) => coversHost(one, onHost, subject?.key ?? '', at));
    if (agreed === undefined) return reason;
    const { id, expiresAt } = agreed;
    return { ...reason, effect: 'warn', exception: { id, expiresAt, reason: agreed.reason } };
  }
  const exception = question.exceptions.find((one) =>
    covers(one, {
      project: admission.image.project,
      environment: environmentOf(admission),
      digest: admission.image.digest,
      repository: admission.image.repository,
      rule: reason.rule,
      subjectKey: subject?.key ?? null,
      package: subject?.package?.name ?? null,
      at,
    }),
  );
  if (exception === undefined) return withStatement(reason, subject, question);
  const { id, expiresAt } = exception;
  return { ...reason, effect: 'warn', exception: { id, expiresAt, reason: exception.reason } };
}

/** A finding of which a believed VEX document says that the image is not affected warns and does not refuse. */
function withStatement(reason: Reason, subject: Subject | null, { admission, policy, at }: Question): Reason {
  const { key, package: inPackage } = subject ?? {};
  if (key === undefined || inPackage === undefined || inPackage === null) return reason;
  const statement = admission.statements.find(
    (one) => one.finding === key && one.package === inPackage.name && one.version === inPackage.version,
  );
  if (statement === undefined) return reason;
  // It holds until somebody takes it back: as long as the verdict that rests on it.
  const expiresAt = new Date(Date.parse(at) + policy.validHours * 3_600_000).toISOString();
  return { ...reason, effect: 'warn', exception: { id: statement.id, expiresAt, reason: statement.reason } };
}

function dedupe(subjects: readonly (Subject | null)[]): (Subject | null)[] {
  return [
    ...new Map(
      subjects.map((subject) => [
        subject === null ? '' : `${subject.key}\n${subject.label}\n${subject.package?.name ?? ''}`,
        subject,
      ]),
    ).values(),
  ];
}

/** Refusals first; within them the order of the policy, which the sort keeps. */
function orderReasons(reasons: readonly Reason[]): Reason[] {
  return [...reasons].sort((a, b) => Number(a.effect === 'warn') - Number(b.effect === 'warn'));
}

function reasonOf(rule: string, effect: Effect, message: Text, subject: Subject | null): Reason {
  return { rule, effect, message, remedy: null, subject: subject?.label ?? null, exception: null };
}

function environmentOf(admission: Admission): string | null {
  return admission.environment.name === '' ? null : admission.environment.name;
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

const NOT_COVERED = (policy: string, door: string): Text => ({
  en: `policy ${policy} does not answer at door ${door}`,
  es: `la política ${policy} no responde en la puerta ${door}`,
});
const MALFORMED = (why: string): Text => ({
  en: `the facts about the image cannot be judged: ${why}`,
  es: `los hechos sobre la imagen no se pueden juzgar: ${why}`,
});
const FAILED = (rule: string, why: string): Text => ({
  en: `rule ${rule} could not be evaluated: ${why}`,
  es: `la regla ${rule} no se pudo evaluar: ${why}`,
});
const UNJUDGED = (place: string, why: string): Text => ({
  en: `${place} cannot be judged: ${why}`,
  es: `${place} no se puede juzgar: ${why}`,
});
const MORE = (rule: string, count: number): Text => ({
  en: `rule ${rule} speaks against ${count} more`,
  es: `la regla ${rule} se opone a ${count} más`,
});
