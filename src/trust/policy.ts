import type { TrustedRoot } from './bundle.ts';
import { trustFault } from './errors.ts';
import type { PublicKey } from './key.ts';
import { fullRepository, type SignatureUse } from './statement.ts';

/** Whom an instance believes. An empty list believes nobody. */
export interface TrustPolicy {
  readonly signers: readonly TrustedSigner[];
  /** `required`: a signature counts only under the repository it names, so a signed image copied elsewhere does not pass. */
  readonly repositoryBinding: 'required' | 'ignored';
}

/** One signer: what for, where, from when to when, and how it is recognised. */
export interface TrustedSigner {
  readonly name: string;
  readonly uses: readonly SignatureUse[];
  /** Full repository names; `*` stands for part of one segment, `**` for any number of segments. */
  readonly repositories: readonly string[];
  /** RFC 3339; null is unbounded. Managed keys carry no trusted time of signing, so this is asked at verification. */
  readonly validFrom: string | null;
  readonly validUntil: string | null;
  readonly identity: SignerIdentity;
}

export type SignerIdentity =
  | { readonly kind: 'key'; readonly publicKey: PublicKey; readonly trustedRoot: TrustedRoot | null }
  | {
      readonly kind: 'certificate';
      /** The OIDC issuer, exactly. */
      readonly issuer: string;
      /** The whole subject alternative name: an e-mail or URI; `*` within one path segment. */
      readonly subject: string;
      readonly trustedRoot: TrustedRoot;
    };

/** A pattern is for people: this many wildcards are never needed and keep matching linear in practice. */
const WILDCARDS_MAX = 8;

/**
 * A signer with the defaults filled in and its patterns checked.
 * @throws Fault trust.identity-pattern for an identity that would match more than its writer meant
 */
export function defineSigner(
  signer: Pick<TrustedSigner, 'name' | 'uses' | 'identity'> & Partial<TrustedSigner>,
): TrustedSigner {
  const wrong = (reason: string) => trustFault('trust.identity-pattern', { name: signer.name, reason });
  const repositories = signer.repositories ?? ['**'];
  for (const pattern of repositories) {
    if ((pattern.match(/\*+/g) ?? []).length > WILDCARDS_MAX) throw wrong(`${pattern} has too many wildcards`);
  }
  const { identity } = signer;
  if (identity.kind === 'certificate') {
    if (identity.issuer === '' || identity.issuer.includes('*')) throw wrong('expected one issuer in full');
    if (identity.subject.includes('**')) throw wrong('** is not allowed in a subject');
    if (identity.subject.replaceAll(/[*@./:]/g, '') === '') throw wrong('the subject would match everybody');
    if (identity.subject.split('*').length - 1 > WILDCARDS_MAX) throw wrong('the subject has too many wildcards');
  }
  return {
    name: signer.name,
    uses: signer.uses,
    repositories,
    validFrom: signer.validFrom ?? null,
    validUntil: signer.validUntil ?? null,
    identity,
  };
}

/** Whether a signer is trusted for a repository (its full name or `project/image`). */
export function coversRepository(signer: TrustedSigner, repository: string): boolean {
  const name = fullRepository(repository);
  return signer.repositories.some((pattern) => matchesPattern(pattern, name));
}

/** The whole text against the whole pattern, case counts; `*` does not cross a slash. */
export function matchesPattern(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text;
  const source = pattern
    .split(/(\*+)/)
    .map((part) =>
      part === '*' ? '[^/\\p{Cc}]*' : part.startsWith('*') ? '.*' : part.replaceAll(/[\\^$.|?+()[\]{}]/g, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}$`, 'u').test(text);
}
