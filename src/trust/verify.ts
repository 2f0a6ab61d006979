import { type Digest, digestOf } from '../oci/index.ts';
import type { Clock, Json, Text } from '../system/index.ts';
import { type ReadBundle, readBundle, verifyByCertificate, verifyByKey } from './bundle.ts';
import { readSimpleSigning, type SimpleSigning } from './cosign.ts';
import { keyHint } from './key.ts';
import { BUNDLE_COUNT_MAX, BUNDLE_TOTAL_BYTES_MAX } from './limits.ts';
import { coversRepository, matchesPattern, type TrustedSigner, type TrustPolicy } from './policy.ts';
import {
  boundRepository,
  fullRepository,
  PREDICATE_TYPE,
  readStatement,
  type SignatureUse,
  STATEMENT_PAYLOAD_TYPE,
  type Statement,
  subjectWith,
} from './statement.ts';

export interface ImageToVerify {
  readonly digest: Digest;
  /** `project/image`, or with its registry */
  readonly repository: string;
  /** Sigstore bundles found as referrers of the digest, in any order. */
  readonly bundles: readonly Uint8Array[];
  /** Signatures in the cosign 2 layout (tag `sha256-<hex>.sig`). */
  readonly simpleSignings?: readonly SimpleSigning[];
  readonly trust: TrustPolicy;
  readonly clock: Clock;
}

/** What is known about the signatures of one image. Only `accepted` counts; every other one says why it does not. */
export interface SignatureVerdict {
  readonly digest: Digest;
  readonly repository: string;
  readonly accepted: readonly AcceptedSignature[];
  readonly refused: readonly RefusedSignature[];
}

export interface AcceptedSignature {
  readonly use: SignatureUse;
  /** The name in the trust policy. */
  readonly signer: string;
  readonly identity: AcceptedIdentity;
  readonly predicateType: string;
  readonly predicate: Json;
  /** The digest of the bundle's own bytes, the name of this signature in lists and reasons. */
  readonly bundle: Digest;
  /** Whether a transparency log entry was checked. */
  readonly logged: boolean;
}

export type AcceptedIdentity =
  | { readonly kind: 'key'; readonly keyId: string }
  | { readonly kind: 'certificate'; readonly issuer: string; readonly subject: string };

export type RefusalCode =
  | 'too-many'
  | 'too-large'
  | 'unreadable'
  | 'unknown-predicate'
  | 'other-image'
  | 'other-repository'
  | 'not-bound'
  | 'signer-unknown'
  | 'signer-not-for-this'
  | 'signer-not-valid-now'
  | 'signature-wrong';

export interface RefusedSignature {
  readonly code: RefusalCode;
  readonly reason: Text;
  readonly bundle: Digest | null;
}

/** Names of the signers whose signature of this use is accepted, each once. */
export function signersOf(verdict: SignatureVerdict, use: SignatureUse): string[] {
  return [...new Set(verdict.accepted.filter((one) => one.use === use).map((one) => one.signer))].sort();
}

/**
 * Decides which signatures of an image count. Never throws for what a signature holds: anything that cannot be read or
 * checked is refused with its reason. Over the limits nothing counts, however good a part of it may be.
 */
export function verifyImage(image: ImageToVerify): SignatureVerdict {
  const simpleSignings = image.simpleSignings ?? [];
  const verdict = (accepted: AcceptedSignature[], refused: RefusedSignature[]): SignatureVerdict => ({
    digest: image.digest,
    repository: fullRepository(image.repository),
    accepted,
    refused,
  });
  const count = image.bundles.length + simpleSignings.length;
  if (count > BUNDLE_COUNT_MAX) return verdict([], [refusal(null, 'too-many', `${count}`, `${BUNDLE_COUNT_MAX}`)]);
  const bytes =
    image.bundles.reduce((sum, bundle) => sum + bundle.length, 0) +
    simpleSignings.reduce((sum, signing) => sum + signing.payload.length + signing.signature.length, 0);
  if (bytes > BUNDLE_TOTAL_BYTES_MAX) {
    return verdict([], [refusal(null, 'too-large', `${bytes}`, `${BUNDLE_TOTAL_BYTES_MAX}`)]);
  }
  const outcomes = [
    ...image.bundles.map((bundle) => judgeBundle(bundle, image)),
    ...simpleSignings.map((signing) => judgeSimpleSigning(signing, image)),
  ];
  return verdict(
    outcomes.filter((outcome) => 'signer' in outcome),
    outcomes.filter((outcome) => 'code' in outcome),
  );
}

type Outcome = AcceptedSignature | RefusedSignature;

function judgeBundle(bytes: Uint8Array, image: ImageToVerify): Outcome {
  const name = digestOf(bytes);
  let bundle: ReadBundle;
  let statement: Statement;
  try {
    bundle = readBundle(bytes);
    if (bundle.content.kind !== 'dsse' || bundle.content.payloadType !== STATEMENT_PAYLOAD_TYPE) {
      return refusal(name, 'unreadable', `expected an in-toto statement (${STATEMENT_PAYLOAD_TYPE})`);
    }
    statement = readStatement(bundle.content.payload);
  } catch (error) {
    return refusal(name, 'unreadable', messageOf(error));
  }
  const use = useOf(statement.predicateType);
  if (use === null) return refusal(name, 'unknown-predicate', statement.predicateType);
  const subject = subjectWith(statement, image.digest);
  if (subject === null) return refusal(name, 'other-image', image.digest);
  const binding = checkBinding(name, boundRepository(subject), image);
  if (binding !== null) return binding;
  return chooseSigner(name, use, image, bundle, (signer) => ({
    use,
    signer: signer.name,
    identity: verifyIdentity(bundle, signer),
    predicateType: statement.predicateType,
    predicate: statement.predicate,
    bundle: name,
    logged: bundle.logged && signer.identity.trustedRoot !== null,
  }));
}

/** The cosign 2 layout has no hint of the key and no predicate: it is always an image signature. */
function judgeSimpleSigning(signing: SimpleSigning, image: ImageToVerify): Outcome {
  const name = digestOf(signing.payload);
  let claim: ReturnType<typeof readSimpleSigning>;
  try {
    claim = readSimpleSigning(signing);
  } catch (error) {
    return refusal(name, 'unreadable', messageOf(error));
  }
  if (claim.digest !== image.digest) return refusal(name, 'other-image', image.digest);
  const binding = checkBinding(name, claim.repository === '' ? null : claim.repository, image);
  if (binding !== null) return binding;
  return chooseSigner(name, 'image', image, null, (signer) => {
    if (signer.identity.kind !== 'key') throw new Error('a certificate in the cosign 2 layout is not read');
    if (!signer.identity.publicKey.verify(signing.payload, claim.signature)) {
      throw new Error(`the signature does not match key ${signer.identity.publicKey.id.slice(0, 12)}`);
    }
    return {
      use: 'image',
      signer: signer.name,
      identity: { kind: 'key', keyId: signer.identity.publicKey.id },
      predicateType: PREDICATE_TYPE.image,
      predicate: null,
      bundle: name,
      logged: false,
    };
  });
}

/**
 * Tries the signers that could have made it. The reason given at the end is that of the nearest candidate: a known key
 * used for the wrong thing says more than "unknown".
 */
function chooseSigner(
  name: Digest,
  use: SignatureUse,
  image: ImageToVerify,
  bundle: ReadBundle | null,
  accept: (signer: TrustedSigner) => AcceptedSignature,
): Outcome {
  let nearest: RefusedSignature | null = null;
  for (const signer of image.trust.signers) {
    if (bundle !== null && !couldBe(signer, bundle)) continue;
    let accepted: AcceptedSignature;
    try {
      accepted = accept(signer);
    } catch (error) {
      nearest ??= refusal(name, 'signature-wrong', messageOf(error));
      continue;
    }
    // Asked after the signature, so that nobody learns or hides behind another's name.
    if (!signer.uses.includes(use) || !coversRepository(signer, image.repository)) {
      nearest = refusal(name, 'signer-not-for-this', signer.name, use, image.repository);
      continue;
    }
    const now = image.clock.now().toISOString();
    if (!isValidAt(signer, now)) {
      nearest = refusal(name, 'signer-not-valid-now', signer.name, now);
      continue;
    }
    return accepted;
  }
  return nearest ?? refusal(name, 'signer-unknown', describeSigner(bundle));
}

function couldBe(signer: TrustedSigner, bundle: ReadBundle): boolean {
  if (signer.identity.kind !== bundle.signedBy) return false;
  // The hint is the signer's word. It may be of any form, so one that is not ours rules nobody out.
  const isOurForm = bundle.keyHint !== null && /^[A-Za-z0-9+/]{43}=$/.test(bundle.keyHint);
  return signer.identity.kind !== 'key' || !isOurForm || keyHint(signer.identity.publicKey.id) === bundle.keyHint;
}

function verifyIdentity(bundle: ReadBundle, signer: TrustedSigner): AcceptedIdentity {
  const { identity } = signer;
  switch (identity.kind) {
    case 'key':
      verifyByKey(bundle, null, identity.publicKey, identity.trustedRoot);
      return { kind: 'key', keyId: identity.publicKey.id };
    case 'certificate': {
      const { issuer, subject } = verifyByCertificate(bundle, null, identity.trustedRoot);
      if (issuer !== identity.issuer) throw new Error(`expected issuer ${identity.issuer}, got ${issuer}`);
      if (!matchesPattern(identity.subject, subject)) {
        throw new Error(`expected subject ${identity.subject}, got ${subject}`);
      }
      return { kind: 'certificate', issuer, subject };
    }
  }
}

function checkBinding(name: Digest, bound: string | null, image: ImageToVerify): RefusedSignature | null {
  if (image.trust.repositoryBinding === 'ignored') return null;
  const wanted = fullRepository(image.repository);
  if (bound === null) return refusal(name, 'not-bound', wanted);
  return bound === wanted ? null : refusal(name, 'other-repository', bound, wanted);
}

function isValidAt(signer: TrustedSigner, now: string): boolean {
  const time = Date.parse(now);
  const from = signer.validFrom === null ? -Infinity : Date.parse(signer.validFrom);
  const until = signer.validUntil === null ? Infinity : Date.parse(signer.validUntil);
  // A bound that is no date makes both comparisons false: not valid.
  return time >= from && time < until;
}

function useOf(predicateType: string): SignatureUse | null {
  const uses: SignatureUse[] = ['image', 'provenance', 'scan', 'verdict'];
  return uses.find((use) => PREDICATE_TYPE[use] === predicateType) ?? null;
}

function describeSigner(bundle: ReadBundle | null): string {
  if (bundle === null) return 'cosign 2';
  return bundle.keyHint === null ? 'certificate' : `key ${bundle.keyHint.slice(0, 64)}`;
}

const REASONS: Readonly<Record<RefusalCode, (...seen: string[]) => Text>> = {
  'too-many': (seen, limit) => ({
    en: `the image has ${seen} signatures, more than the ${limit} that are looked at; none counts`,
    es: `la imagen tiene ${seen} firmas, más de las ${limit} que se examinan; no cuenta ninguna`,
  }),
  'too-large': (seen, limit) => ({
    en: `the signatures of the image take ${seen} bytes, more than the ${limit} that are read; none counts`,
    es: `las firmas de la imagen ocupan ${seen} bytes, más de los ${limit} que se leen; no cuenta ninguna`,
  }),
  unreadable: (why) => ({ en: `it cannot be read: ${why}`, es: `no se puede leer: ${why}` }),
  'unknown-predicate': (type) => ({
    en: `it states something the platform does not ask about (${type})`,
    es: `afirma algo por lo que la plataforma no pregunta (${type})`,
  }),
  'other-image': (digest) => ({
    en: `it was made for another image, not for ${digest}`,
    es: `se hizo para otra imagen, no para ${digest}`,
  }),
  'other-repository': (bound, wanted) => ({
    en: `it was made for ${bound}, and the image is at ${wanted}`,
    es: `se hizo para ${bound} y la imagen está en ${wanted}`,
  }),
  'not-bound': (wanted) => ({
    en: `it names no repository, so it does not say that the image belongs at ${wanted}`,
    es: `no nombra ningún repositorio, así que no dice que la imagen pertenezca a ${wanted}`,
  }),
  'signer-unknown': (who) => ({
    en: `its signer is not in the trust policy (${who})`,
    es: `quien firma no está en la política de confianza (${who})`,
  }),
  'signer-not-for-this': (who, use, repository) => ({
    en: `${who} is trusted, but not for ${use} at ${repository}`,
    es: `${who} es de confianza, pero no para ${use} en ${repository}`,
  }),
  'signer-not-valid-now': (who, now) => ({
    en: `${who} is not valid at ${now}`,
    es: `${who} no es válido a fecha ${now}`,
  }),
  'signature-wrong': (why) => ({ en: `the check failed: ${why}`, es: `la comprobación falla: ${why}` }),
};

function refusal(bundle: Digest | null, code: RefusalCode, ...seen: string[]): RefusedSignature {
  return { code, reason: REASONS[code](...seen), bundle };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
