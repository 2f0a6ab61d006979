import type { Text } from '../system/index.ts';
import { type Admission, type Door, toPolicyValues } from './admission.ts';
import { covers, type Exception } from './exception.ts';
import type { Subject } from './expression.ts';
import { REASONS_PER_RULE_MAX } from './limits.ts';
import { type Effect, fillMessage, type Policy, type PolicyRule } from './policy.ts';
import type { Reason, Verdict } from './verdict.ts';

export interface Question {
  readonly id: string;
  /** RFC 3339: the time that the verdict speaks of. */
  readonly at: string;
  readonly door: Door;
  readonly policy: Policy;
  readonly admission: Admission;
  readonly exceptions: readonly Exception[];
  readonly specHash: string | null;
}

/**
 * Answers a question at a door from facts, a policy and nothing else: no clock, no store, no network. Every reason is
 * given, not only the first. What cannot be evaluated refuses, unless the policy says of this door that it fails open.
 */
export function judge(question: Question): Verdict {
  const { policy, admission, door, at } = question;
  const reasons = orderReasons(reasonsFor(question));
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
    expiresAt: endOf(reasons, new Date(Date.parse(at) + policy.validHours * 3_600_000).toISOString()),
  };
}

/** A verdict that rests on an exception ends with it. */
function endOf(reasons: readonly Reason[], latest: string): string {
  const ends = reasons.flatMap(({ exception }) =>
    exception === null ? [] : [new Date(exception.expiresAt).toISOString()],
  );
  return [latest, ...ends].sort()[0] ?? latest;
}

/** Names the exception of a verdict that permits because of a grace. */
export const GRACE_EXCEPTION = 'grace';

/**
 * A refusal that may be lived with until a deadline, because the image ran before it was refused: every refusing reason
 * becomes a warning that says so, and the verdict permits nothing after the deadline.
 */
export function withGrace(
  verdict: Verdict,
  grace: { readonly id: string; readonly at: string; readonly until: string },
): Verdict {
  if (verdict.decision !== 'refuse') return verdict;
  const exception = { id: GRACE_EXCEPTION, expiresAt: grace.until, reason: 'the image ran before it was refused' };
  return {
    ...verdict,
    id: grace.id,
    at: grace.at,
    decision: 'warn',
    reasons: verdict.reasons.map((reason) =>
      reason.effect === 'refuse' ? { ...reason, effect: 'warn', exception } : reason,
    ),
    expiresAt: [grace.until, verdict.expiresAt].sort()[0] ?? grace.until,
  };
}

function reasonsFor(question: Question): Reason[] {
  const { policy, door } = question;
  const failMode = policy.doors[door];
  if (failMode === undefined) {
    return [reasonOf('door-not-covered', 'refuse', NOT_COVERED(policy.name, door), null)];
  }
  const onFailure: Effect = failMode === 'open' ? 'warn' : 'refuse';
  let values: Record<string, unknown>;
  try {
    values = { ...toPolicyValues(question.admission), door };
  } catch (error) {
    return [reasonOf('facts-malformed', onFailure, MALFORMED(messageOf(error)), null)];
  }
  return policy.rules
    .filter((rule) => rule.doors.includes(door))
    .flatMap((rule) => {
      try {
        return reasonsOfRule(rule, rule.evaluate(values), question);
      } catch (error) {
        return [reasonOf(rule.id, onFailure, FAILED(rule.id, messageOf(error)), null)];
      }
    });
}

function reasonsOfRule(rule: PolicyRule, subjects: readonly (Subject | null)[], question: Question): Reason[] {
  const reasons = dedupe(subjects).map((subject) => {
    const reason = reasonOf(rule.id, rule.effect, fillMessage(rule.message, subject?.label ?? ''), subject);
    const remedy = rule.remedy === null ? null : fillMessage(rule.remedy, subject?.label ?? '');
    return withException({ ...reason, remedy }, subject, question);
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
const MORE = (rule: string, count: number): Text => ({
  en: `rule ${rule} speaks against ${count} more`,
  es: `la regla ${rule} se opone a ${count} más`,
});
