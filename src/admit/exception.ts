/**
 * A promise that a refusal may be lived with for a while: who asked, why, for which image, until when, and who else
 * agreed. It covers one rule, or with the rule `*` one finding or package under every rule.
 */
export interface Exception {
  readonly id: string;
  readonly project: string;
  /** Null: every environment of the project. */
  readonly environment: string | null;
  /** Of the policy; `*` where `subject` or `package` says what it is about. */
  readonly rule: string;
  /** The key of the finding (CVE-…) or container, or null for all that the rule says. */
  readonly subject: string | null;
  /** Name of the package; null: in whatever package. */
  readonly package: string | null;
  /** The image; null where `repository` says which ones. */
  readonly digest: string | null;
  /** Repository, or a pattern of them in which `*` stands for any text but a slash; null where `digest` says which. */
  readonly repository: string | null;
  readonly reason: string;
  readonly author: string;
  /** Null until a second person agrees; until then it covers nothing. */
  readonly approver: string | null;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
  readonly revokedBy: string | null;
}

/** The rule of an exception that is about a finding, whatever rule speaks of it. */
export const EVERY_RULE = '*';

export type ExceptionState = 'waiting' | 'active' | 'expiring' | 'expired' | 'revoked';

/** Days before the end in which an exception is called expiring, and announced. */
export const EXPIRING_DAYS = 7;

export function stateOf(exception: Exception, now: Date): ExceptionState {
  if (exception.revokedAt !== null) return 'revoked';
  const left = Date.parse(exception.expiresAt) - now.getTime();
  if (!(left > 0)) return 'expired';
  if (exception.approver === null) return 'waiting';
  return left <= EXPIRING_DAYS * 86_400_000 ? 'expiring' : 'active';
}

/** What an exception is asked to cover. */
export interface Refusal {
  readonly project: string;
  readonly environment: string | null;
  readonly digest: string;
  readonly repository: string;
  readonly rule: string;
  readonly subjectKey: string | null;
  readonly package: string | null;
  readonly at: string;
}

/** Whether it holds for this refusal now. Whatever is in doubt does not hold. */
export function covers(exception: Exception, refusal: Refusal): boolean {
  return (
    exception.approver !== null &&
    exception.approver !== exception.author &&
    exception.revokedAt === null &&
    exception.project === refusal.project &&
    (exception.environment === null || exception.environment === refusal.environment) &&
    coversImage(exception, refusal) &&
    coversRule(exception, refusal) &&
    (exception.subject === null || exception.subject === refusal.subjectKey) &&
    (exception.package === null || exception.package === refusal.package) &&
    Date.parse(refusal.at) < Date.parse(exception.expiresAt)
  );
}

/** Whether it speaks of an image at all, approved or not. */
export function coversImage(
  { digest, repository }: Pick<Exception, 'digest' | 'repository'>,
  image: { readonly digest: string; readonly repository: string },
): boolean {
  if (digest !== null) return digest === image.digest;
  return repository !== null && matchesPattern(repository, image.repository);
}

/** An exception for every rule has to say what it is about. */
function coversRule({ rule, subject, package: name }: Exception, refusal: Refusal): boolean {
  if (rule !== EVERY_RULE) return rule === refusal.rule;
  return subject !== null || name !== null;
}

/** `tienda/*` matches `tienda/web` and not `tienda/web/x`. Only `*` means something, so it takes linear time. */
export function matchesPattern(pattern: string, repository: string): boolean {
  const [wanted, given] = [pattern.split('/'), repository.split('/')];
  return wanted.length === given.length && wanted.every((part, index) => matchesPart(part, given[index] ?? ''));
}

function matchesPart(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return first === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  const last = rest.pop() ?? '';
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
