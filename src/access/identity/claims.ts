import type { Json } from '../../system/index.ts';
import { accessFault } from '../errors.ts';
import { CLAIM_CHARACTERS_MAX, CLAIMS_MAX } from '../limits.ts';

/** One claim that a token must have: a text in full, or a pattern over the whole of it. */
export interface ClaimRule {
  /** The claim's name, or, beginning with `/`, a JSON pointer to one inside another (RFC 6901). */
  readonly claim: string;
  /** In full, or with `*` for any characters but `/` and `:`. Case counts. */
  readonly value: string;
}

/**
 * Claims that say who somebody is; without one of them a rule would believe everybody that the issuer knows. A branch or
 * an environment says nothing about whose it is.
 */
const WHO: ReadonlySet<string> = new Set([
  'sub',
  'repository',
  'repository_id',
  'repository_owner',
  'repository_owner_id',
  'project_path',
  'project_id',
  'namespace_path',
  'namespace_id',
]);

/** Checked for every token, so a rule cannot be made of them. */
const NOT_A_RULE: ReadonlySet<string> = new Set(['iss', 'aud', 'exp', 'nbf', 'iat', 'jti']);

/** Separators before the first wildcard: `repo:ORG/` has two, so the owner is always named. */
const NAMED_PARTS_MIN = 2;

/**
 * Refuses rules that would believe more than their writer meant: no claims, only those that everybody has, a pattern
 * that leaves the owner open.
 * @throws Fault access.trust-invalid
 */
export function requireClaims(claims: readonly ClaimRule[]): void {
  const invalid = (why: string) => accessFault('access.trust-invalid', { why });
  if (claims.length === 0) throw invalid('it names no claim, so it would believe everybody that the issuer knows');
  if (claims.length > CLAIMS_MAX) throw invalid(`at most ${CLAIMS_MAX} claims`);
  const names = claims.map(({ claim }) => claim);
  if (new Set(names).size !== names.length) throw invalid('it names a claim twice');
  if (!names.some((name) => WHO.has(name))) {
    throw invalid(`none of its claims says who it is; one of ${[...WHO].join(', ')} is needed`);
  }
  for (const { claim, value } of claims) {
    if (NOT_A_RULE.has(claim)) throw invalid(`${claim} is checked for every token and cannot stand in a rule`);
    if (claim === '' || claim.length > 100) throw invalid('the name of a claim has between 1 and 100 characters');
    if (value === '' || value.length > CLAIM_CHARACTERS_MAX) {
      throw invalid(`the value of ${claim} has between 1 and ${CLAIM_CHARACTERS_MAX} characters`);
    }
    const why = openPattern(value);
    if (why !== null) throw invalid(`${claim} = ${value}: ${why}`);
  }
}

/** Why a pattern matches more than somebody can oversee, or null. */
function openPattern(value: string): string | null {
  const first = value.indexOf('*');
  if (first < 0) return null;
  if (value.includes('**')) return '** is not known here';
  const named = value.slice(0, first).split(/[/:]/).length - 1;
  if (named < NAMED_PARTS_MIN) {
    return 'before the first * at least two parts must be named, for example repo:ORGANISATION/*';
  }
  const parts = value.split(/[/:]/);
  // Part of a word may be open at the end (`refs/tags/v*`); in the middle it would match the names of others.
  const torn = parts.slice(0, -1).find((part) => part.includes('*') && part !== '*');
  if (torn !== undefined)
    return `"${torn}" leaves part of a name open; * stands for a whole part, or ends the last one`;
  if (/^system:serviceaccount:\*/.test(value)) return 'the namespace of a service account must be named';
  return null;
}

/** Whether the token's claims fit the rule: every one of them, over the whole value. */
export function matchClaims(rules: readonly ClaimRule[], claims: { readonly [name: string]: unknown }): boolean {
  return rules.length > 0 && rules.every(({ claim, value }) => matchValue(value, readClaim(claims, claim)));
}

function matchValue(wanted: string, actual: string | null): boolean {
  if (actual === null || actual.length > CLAIM_CHARACTERS_MAX) return false;
  if (!wanted.includes('*')) return wanted === actual;
  // Part by part: a wildcard never crosses a separator, so the parts must be as many and parted by the same.
  const [want, have] = [wanted.split(/([/:])/), actual.split(/([/:])/)];
  return want.length === have.length && want.every((part, index) => matchPart(part, have[index] ?? ''));
}

/** At most one wildcard a part is of use; each is matched by its literal ends. */
function matchPart(wanted: string, actual: string): boolean {
  const star = wanted.indexOf('*');
  if (star < 0) return wanted === actual;
  const [head, tail] = [wanted.slice(0, star), wanted.slice(star + 1)];
  if (tail.includes('*')) return false;
  const isLongEnough = actual.length > head.length + tail.length;
  return isLongEnough && actual.startsWith(head) && actual.endsWith(tail);
}

/** A claim as text; null when it is missing or is no single value. */
export function readClaim(claims: { readonly [name: string]: unknown }, name: string): string | null {
  let value: unknown = claims;
  const path = name.startsWith('/')
    ? name
        .slice(1)
        .split('/')
        .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [name];
  for (const part of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, part)) return null;
    value = (value as { [key: string]: unknown })[part];
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}

export function describeClaims(claims: readonly ClaimRule[]): Json[] {
  return claims.map(({ claim, value }) => ({ claim, value }));
}
