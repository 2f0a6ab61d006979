import { matchesGlob } from '../oci/index.ts';
import { trustFault } from './errors.ts';
import type { PublicKey } from './key.ts';
import { reasonInWords } from './reason-words.ts';
import type { CertificateIdentity } from './sigstore/certificate.ts';
import type { TrustedRoot } from './sigstore/trusted-root.ts';
import { fullRepository, type SignatureUse } from './statement.ts';

/** Whom an instance believes. An empty list believes nobody. */
export interface TrustPolicy {
  readonly signers: readonly TrustedSigner[];
  /** `required`: a signature counts only under the repository it names, so a signed image copied elsewhere does not pass. */
  readonly repositoryBinding: 'required' | 'ignored';
  /** What a repository asks for; the first rule that covers it stands. Without one: one signature of any signer, which a verdict may forgo. */
  readonly rules?: readonly TrustRule[];
}

/** One signer: what for, where, from when to when, and how it is recognised. */
export interface TrustedSigner {
  readonly name: string;
  readonly uses: readonly SignatureUse[];
  /** Full repository names; `*` stands for part of one segment, `**` for any number of segments. */
  readonly repositories: readonly string[];
  /**
   * RFC 3339; null is unbounded. Asked of every trusted time of signing; of the time of checking where there is none, as
   * with a managed key without log and time stamp.
   */
  readonly validFrom: string | null;
  readonly validUntil: string | null;
  /** RFC 3339. Set: nothing this signer ever signed counts, whatever any log says. */
  readonly revokedAt: string | null;
  readonly identity: SignerIdentity;
  /** It signs approvals for people whom it authenticated, and names them: control does, a person's own key never. */
  readonly vouches: boolean;
  /** Transparency logs and trusted times that must stand beside the signature. A keyless one always needs one of each. */
  readonly witnesses: { readonly logs: number; readonly times: number };
}

export type SignerIdentity =
  | { readonly kind: 'key'; readonly publicKey: PublicKey; readonly trustedRoot: TrustedRoot | null }
  | {
      readonly kind: 'certificate';
      /** The OIDC issuer, exactly. */
      readonly issuer: string;
      /** The whole subject alternative name: an e-mail, URI or user name; `*` within one path segment. */
      readonly subject: string;
      readonly trustedRoot: TrustedRoot;
    }
  | {
      /** Notation: a certificate under one of these authorities. */
      readonly kind: 'x509';
      /** Trusted certificates in PEM. */
      readonly authorities: readonly string[];
      /** Attributes that the subject must have, such as `O=Example, CN=release`. */
      readonly subject: string;
    };

/** What a rule may ask for, in the order in which it is told. */
export const DEMANDED_USES = ['image', 'provenance', 'sbom', 'scan', 'approval'] as const satisfies SignatureUse[];
export type DemandedUse = (typeof DEMANDED_USES)[number];

/** What the repositories of a pattern ask for. */
export interface TrustRule {
  readonly repositories: readonly string[];
  /** What is named here, a start needs. */
  readonly demands: { readonly [Use in DemandedUse]?: SignatureDemand };
  /** Other names that a signature may be bound to, as patterns: where images are copied from on purpose. */
  readonly alsoBoundTo: readonly string[];
  /** Null: as the policy says. */
  readonly repositoryBinding: 'required' | 'ignored' | null;
}

/** `2 of release, security`: so many different signers. `of` null: any that is trusted for the use. */
export interface SignatureDemand {
  readonly count: number;
  readonly of: readonly string[] | null;
  /** Environments, as patterns, whose starts need it; null: all. */
  readonly environments: readonly string[] | null;
}

export const USUAL_RULE: TrustRule = {
  repositories: ['**'],
  demands: {},
  alsoBoundTo: [],
  repositoryBinding: null,
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
  const wrong = (reason: string) =>
    trustFault('trust.identity-pattern', { name: signer.name, reason: reasonInWords(reason) });
  const repositories = signer.repositories ?? ['**'];
  for (const pattern of repositories) {
    if ((pattern.match(/\*+/g) ?? []).length > WILDCARDS_MAX) throw wrong(`${pattern} has too many wildcards`);
  }
  const { identity } = signer;
  if (identity.kind === 'certificate') {
    if (identity.issuer === '' || identity.issuer.includes('*')) throw wrong('expected one issuer in full');
    if (identity.subject.includes('**')) throw wrong('** is not allowed in a subject');
    if (identity.subject.replaceAll(/[*@./:]/g, '') === '') throw wrong('the subject would match everybody');
    // A wildcard for the host or the domain would let anybody who owns one be the signer.
    if (/^[a-z][a-z0-9+.-]*:\/\/[^/]*\*/i.test(identity.subject))
      throw wrong('the host of a subject takes no wildcard');
    if (/@[^/]*\*/.test(identity.subject) && kindOfSubject(identity.subject) === 'email') {
      throw wrong('the domain of an address takes no wildcard');
    }
    if (identity.subject.split('*').length - 1 > WILDCARDS_MAX) throw wrong('the subject has too many wildcards');
  }
  if (identity.kind === 'x509' && !/^[A-Za-z]+=/.test(identity.subject)) throw wrong('the subject names no attribute');
  for (const bound of [signer.validFrom, signer.validUntil, signer.revokedAt]) {
    if (typeof bound === 'string' && Number.isNaN(Date.parse(bound))) throw wrong(`${bound} is no time`);
  }
  return {
    name: signer.name,
    uses: signer.uses,
    repositories,
    validFrom: signer.validFrom ?? null,
    validUntil: signer.validUntil ?? null,
    revokedAt: signer.revokedAt ?? null,
    identity,
    vouches: signer.vouches ?? false,
    witnesses: signer.witnesses ?? { logs: 0, times: 0 },
  };
}

/** What a subject is, by its form: an address never stands for a URI, and the other way round. */
export function kindOfSubject(subject: string): CertificateIdentity['subjectKind'] {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(subject)) return 'uri';
  return /^[^/\s]+@[^/\s]+$/.test(subject) ? 'email' : 'username';
}

/** Whether a signer is trusted for a repository (its full name or `project/image`). */
export function coversRepository(signer: Pick<TrustedSigner, 'repositories'>, repository: string): boolean {
  const name = fullRepository(repository);
  return signer.repositories.some((pattern) => matchesRepository(pattern, name));
}

/** A pattern may leave out the platform's own registry, as names do: `tienda/**`. */
function matchesRepository(pattern: string, fullName: string): boolean {
  if (matchesPattern(pattern, fullName)) return true;
  const first = pattern.split('/')[0] ?? '';
  const namesRegistry = first.includes('.') || first.includes(':') || first.includes('*');
  return !namesRegistry && matchesPattern(fullRepository('x/y').replace('x/y', pattern), fullName);
}

/** The rule that stands for a repository. */
export function ruleFor(policy: TrustPolicy, repository: string): TrustRule {
  return policy.rules?.find((rule) => coversRepository(rule, repository)) ?? USUAL_RULE;
}

/** What is read beside an image before it starts: what its rule names, and what stands for it in any case. */
export function usesAsked(policy: TrustPolicy, repository: string): DemandedUse[] {
  const { demands } = ruleFor(policy, repository);
  return DEMANDED_USES.filter((use) => use === 'image' || use === 'provenance' || demands[use] !== undefined);
}

/** The whole text against the whole pattern, case counts; `*` does not cross a slash. Control characters fit nothing. */
export function matchesPattern(pattern: string, text: string): boolean {
  return pattern === text || (!/\p{Cc}/u.test(text) && matchesGlob(pattern, text));
}
