/**
 * A promise that a refusal may be lived with for a while: who asked, why, for which image, until when, and who else
 * agreed. It covers one rule, and where `subject` is set one finding or container only.
 */
export interface Exception {
  readonly id: string;
  readonly project: string;
  /** Null: every environment of the project. */
  readonly environment: string | null;
  readonly rule: string;
  /** The key of the finding (CVE-…) or container, or null for all that the rule says. */
  readonly subject: string | null;
  readonly digest: string;
  readonly reason: string;
  readonly author: string;
  /** Null until a second person agrees; until then it covers nothing. */
  readonly approver: string | null;
  readonly createdAt: string;
  readonly expiresAt: string;
}

/** What an exception is asked to cover. */
export interface Refusal {
  readonly project: string;
  readonly environment: string | null;
  readonly digest: string;
  readonly rule: string;
  readonly subjectKey: string | null;
  readonly at: string;
}

/** Whether it holds for this refusal now. Whatever is in doubt does not hold. */
export function covers(exception: Exception, refusal: Refusal): boolean {
  return (
    exception.approver !== null &&
    exception.approver !== exception.author &&
    exception.project === refusal.project &&
    (exception.environment === null || exception.environment === refusal.environment) &&
    exception.digest === refusal.digest &&
    exception.rule === refusal.rule &&
    (exception.subject === null || exception.subject === refusal.subjectKey) &&
    Date.parse(refusal.at) < Date.parse(exception.expiresAt)
  );
}
