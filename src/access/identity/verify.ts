import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import { type Clock, Fault } from '../../system/index.ts';
import { accessFault } from '../errors.ts';
import { CLOCK_SKEW_S, ISSUER_TOKEN_AGE_S_MAX, ISSUER_TOKEN_BYTES_MAX } from '../limits.ts';
import type { IssuerKeys, KeySource } from './keys.ts';

/** Signatures with a public key, and nothing else: no `none`, no HMAC, which a public key could be used for. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

export interface TrustedIssuer extends KeySource {
  /** The one audience that its tokens must be for, to the letter. */
  readonly audience: string;
  /** Whether a token may be shown again while it lives: for workloads that cannot ask for a fresh one. */
  readonly reuse: boolean;
}

export interface VerifiedToken {
  readonly issuer: TrustedIssuer;
  readonly claims: JWTPayload & { readonly sub: string; readonly exp: number };
}

/** The issuer that a token says it is of; not believed before the signature is checked. @throws Fault access.workload-refused */
export function issuerOf(token: string): { issuer: string; audience: string } {
  if (Buffer.byteLength(token) > ISSUER_TOKEN_BYTES_MAX) {
    throw refused(`it has more than ${ISSUER_TOKEN_BYTES_MAX} bytes`);
  }
  try {
    const { iss, aud } = decodeJwt(token);
    const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
    if (typeof iss === 'string' && typeof audience === 'string') return { issuer: iss, audience };
  } catch (cause) {
    throw refused('it is no signed token (JWT)', cause);
  }
  throw refused('it does not name one issuer and one audience');
}

/** What a token says of itself, believed by nobody: for the record of a refusal. */
export function claimedBy(token: string): { readonly issuer: string; readonly sub: string | null } {
  try {
    if (Buffer.byteLength(token) > ISSUER_TOKEN_BYTES_MAX) throw new RangeError('too long to be read');
    const { iss, sub } = decodeJwt(token);
    return { issuer: (iss ?? 'unknown').slice(0, 300), sub: typeof sub === 'string' ? sub.slice(0, 500) : null };
  } catch {
    // Not even a token: the record says so in its reason.
    return { issuer: 'unknown', sub: null };
  }
}

/**
 * Checks a token of a workload (RFC 7519, RFC 8725): signature by a key of that issuer with an algorithm of the list,
 * issuer and audience to the letter, times with a minute of leeway.
 * @throws Fault access.workload-refused, access.issuer-unavailable
 */
export async function verifyToken(
  token: string,
  issuer: TrustedIssuer,
  keys: IssuerKeys,
  clock: Clock,
): Promise<VerifiedToken> {
  try {
    const { typ } = decodeProtectedHeader(token);
    if (typ !== undefined && typ.toLowerCase() !== 'jwt') throw refused(`it is a ${typ.slice(0, 40)}, not a JWT`);
    const { payload } = await jwtVerify(token, keys.finder(issuer), {
      algorithms: ALGORITHMS,
      issuer: issuer.url,
      audience: issuer.audience,
      clockTolerance: CLOCK_SKEW_S,
      maxTokenAge: ISSUER_TOKEN_AGE_S_MAX,
      requiredClaims: ['iss', 'aud', 'sub', 'exp', 'iat'],
      currentDate: clock.now(),
    });
    const { sub, exp, iat, aud } = payload;
    if (typeof sub !== 'string' || sub === '' || exp === undefined || iat === undefined)
      throw refused('it names nobody');
    // A token for several services could be shown here by any of them.
    if (Array.isArray(aud) && aud.length !== 1) throw refused('it is for more than one audience');
    if (exp - iat > ISSUER_TOKEN_AGE_S_MAX) throw refused('it lives for more than a day');
    return { issuer, claims: { ...payload, sub, exp } };
  } catch (error) {
    if (error instanceof Fault) throw error;
    if (error instanceof errors.JOSEError) throw refused(reasonOf(error), error);
    throw error;
  }
}

/** In words, without anything of the token but the name of a claim. */
function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `its claim ${error.claim} is not what is expected`;
  if (error instanceof errors.JOSEAlgNotAllowed) return 'its algorithm is not on the list';
  if (error instanceof errors.JWKSNoMatchingKey) return 'the issuer has no such key';
  if (error instanceof errors.JWKSMultipleMatchingKeys) return 'it does not say which key signed it';
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'its signature is wrong';
  return 'it is no signed token (JWT) of this kind';
}

export function refused(why: string, cause?: unknown): Fault {
  return accessFault('access.workload-refused', { why }, cause === undefined ? {} : { cause });
}
