import { type Digest, digestOf } from '../oci/index.ts';
import { type Clock, Fault, type Json, type Text } from '../system/index.ts';
import { bundleOfEnvelope, bundleOfSimpleSigning, readSimpleSigning, type SimpleSigning } from './cosign.ts';
import { type DemandVerdict, judgeDemands } from './demands.ts';
import { readingReason } from './errors.ts';
import { keyHint } from './key.ts';
import { BUNDLE_COUNT_MAX, BUNDLE_TOTAL_BYTES_MAX } from './limits.ts';
import { NOTATION_PAYLOAD_TYPE, type NotationSignature, readNotation, verifyNotation } from './notation.ts';
import {
  coversRepository,
  type DemandedUse,
  kindOfSubject,
  matchesPattern,
  ruleFor,
  type TrustedSigner,
  type TrustPolicy,
} from './policy.ts';
import { type ReadBundle, readBundle } from './sigstore/bundle.ts';
import type { CertificateIdentity } from './sigstore/certificate.ts';
import { Doubt, timeText } from './sigstore/doubt.ts';
import type { TrustedRoot } from './sigstore/trusted-root.ts';
import { type BundleProof, type TrustedTime, verifyByCertificate, verifyByKey } from './sigstore/verify.ts';
import {
  boundRepository,
  fullRepository,
  PREDICATE_TYPE,
  predicateUse,
  readStatement,
  type SignatureUse,
  STATEMENT_PAYLOAD_TYPE,
  subjectWith,
} from './statement.ts';
import { useInWords } from './use-words.ts';

export interface ImageToVerify {
  readonly digest: Digest;
  /** `project/image`, or with its registry */
  readonly repository: string;
  /** Sigstore bundles found as referrers of the digest, in any order. */
  readonly bundles: readonly Uint8Array[];
  /** Signatures and attestations in the cosign 2 layout (tags `sha256-<hex>.sig` and `.att`). */
  readonly simpleSignings?: readonly SimpleSigning[];
  /** Notation signatures found as referrers. */
  readonly notations?: readonly NotationSignature[];
  readonly trust: TrustPolicy;
  /** Where it is to start, for demands that are made of some environments only; null or left out: no place in particular. */
  readonly environment?: string | null;
  readonly clock: Clock;
}

/** What is known about the signatures of one image. Only `accepted` counts; every other one says why it does not. */
export interface SignatureVerdict {
  readonly digest: Digest;
  readonly repository: string;
  readonly accepted: readonly AcceptedSignature[];
  readonly refused: readonly RefusedSignature[];
  /** What the repository asks for, and whether the accepted ones meet it. */
  readonly demands: readonly DemandVerdict[];
}

export interface AcceptedSignature {
  readonly use: SignatureUse;
  /** The name in the trust policy. */
  readonly signer: string;
  readonly identity: AcceptedIdentity;
  readonly predicateType: string;
  readonly predicate: Json;
  readonly format: SignatureFormat;
  /** The digest of the bundle's own bytes, the name of this signature in lists and reasons. */
  readonly bundle: Digest;
  /** The signer vouches for the person whom the statement names. */
  readonly vouches: boolean;
  /** Whether a transparency log entry was checked. */
  readonly logged: boolean;
  /** Trusted times of signing; none with a managed key alone. */
  readonly times: readonly TrustedTime[];
}

export type SignatureFormat = 'bundle' | 'cosign' | 'notation';

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
  | 'signer-revoked'
  | 'signature-wrong'
  | 'time-wrong'
  | 'log-wrong'
  | 'internal';

export interface RefusedSignature {
  readonly code: RefusalCode;
  readonly reason: Text;
  readonly bundle: Digest | null;
  readonly format: SignatureFormat | null;
}

/** Names of the signers whose signature of this use is accepted, each once. */
export function signersOf(verdict: SignatureVerdict, use: SignatureUse): string[] {
  return [...new Set(verdict.accepted.filter((one) => one.use === use).map((one) => one.signer))].sort();
}

/** Whether the accepted signatures meet what the repository asks for. A use that nobody speaks of is not met. */
export function isMet(verdict: Pick<SignatureVerdict, 'demands'>, use: DemandedUse): boolean {
  return verdict.demands.some((demand) => demand.use === use && demand.met);
}

/**
 * Decides which signatures of an image count. Never throws for what a signature holds: anything that cannot be read or
 * checked is refused with its reason. Over the limits nothing counts, however good a part of it may be.
 */
export function verifyImage(image: ImageToVerify): SignatureVerdict {
  const { bundles, simpleSignings = [], notations = [] } = image;
  const verdict = (accepted: AcceptedSignature[], refused: RefusedSignature[]): SignatureVerdict => ({
    digest: image.digest,
    repository: fullRepository(image.repository),
    accepted,
    refused,
    demands: judgeDemands(image.trust, image.repository, image.environment ?? null, accepted),
  });
  const count = bundles.length + simpleSignings.length + notations.length;
  if (count > BUNDLE_COUNT_MAX) return verdict([], [refusal(null, 'too-many', `${count}`, `${BUNDLE_COUNT_MAX}`)]);
  const bytes =
    sum(bundles, (bundle) => bundle.length) +
    sum(simpleSignings, sizeOfSigning) +
    sum(notations, (one) => one.bytes.length);
  if (bytes > BUNDLE_TOTAL_BYTES_MAX) {
    return verdict([], [refusal(null, 'too-large', `${bytes}`, `${BUNDLE_TOTAL_BYTES_MAX}`)]);
  }
  const outcomes = [
    ...bundles.map((bundle) => guarded('bundle', bundle, () => judgeBundle(bundle, image))),
    ...simpleSignings.map((one) => guarded('cosign', one.payload, () => judgeSimpleSigning(one, image))),
    ...notations.map((one) => guarded('notation', one.bytes, () => judgeNotation(one, image))),
  ];
  return verdict(
    outcomes.filter((outcome) => 'signer' in outcome),
    outcomes.filter((outcome) => 'code' in outcome),
  );
}

type Outcome = AcceptedSignature | RefusedSignature;
/** What a format says it is, before any signer is tried. */
interface Claim {
  readonly name: Digest;
  readonly format: SignatureFormat;
  readonly use: SignatureUse;
  readonly predicateType: string;
  readonly predicate: Json;
}
/** What one signer's identity amounts to for this signature. */
type Proof = Omit<BundleProof, 'identity'> & { readonly identity: AcceptedIdentity };

/** Whatever goes wrong in here, the answer is no: a mistake of ours must not be a way in. */
function guarded(format: SignatureFormat, bytes: Uint8Array, judge: () => Outcome): Outcome {
  try {
    const outcome = judge();
    return 'code' in outcome ? { ...outcome, format } : outcome;
  } catch (error) {
    const name = digestOf(bytes);
    if (error instanceof Doubt) return { ...doubted(name, error), format };
    if (error instanceof Fault) return { ...unread(name, reasonOf(error)), format };
    return { ...refusal(name, 'internal', error instanceof Error ? error.message : String(error)), format };
  }
}

function judgeBundle(bytes: Uint8Array, image: ImageToVerify): Outcome {
  return judgeStatement(digestOf(bytes), 'bundle', readBundle(bytes), image);
}

/** An in-toto statement, however its envelope was stored. */
function judgeStatement(name: Digest, format: SignatureFormat, bundle: ReadBundle, image: ImageToVerify): Outcome {
  if (bundle.content.kind !== 'dsse' || bundle.content.payloadType !== STATEMENT_PAYLOAD_TYPE) {
    return unread(name, readingReason(`expected an in-toto statement (${STATEMENT_PAYLOAD_TYPE})`));
  }
  const statement = readStatement(bundle.content.payload);
  const { predicateType, predicate } = statement;
  const use = predicateUse(predicateType);
  if (use === null) return refusal(name, 'unknown-predicate', predicateType);
  const subject = subjectWith(statement, image.digest);
  if (subject === null) return refusal(name, 'other-image', image.digest);
  return (
    checkBinding(name, boundRepository(subject), image) ??
    chooseSigner({ name, format, use, predicateType, predicate }, image, proverOf(bundle, null, image.clock))
  );
}

/** The cosign 2 layout: a signature has no predicate and is always one of the image; an attestation is a statement. */
function judgeSimpleSigning(signing: SimpleSigning, image: ImageToVerify): Outcome {
  const name = digestOf(signing.payload);
  if (signing.signature === '') return judgeStatement(name, 'cosign', bundleOfEnvelope(signing), image);
  const claim = readSimpleSigning(signing);
  if (claim.digest !== image.digest) return refusal(name, 'other-image', image.digest);
  const wanted = {
    name,
    format: 'cosign',
    use: 'image',
    predicateType: PREDICATE_TYPE.image,
    predicate: null,
  } as const;
  return (
    checkBinding(name, claim.repository === '' ? null : claim.repository, image) ??
    chooseSigner(wanted, image, proverOf(bundleOfSimpleSigning(signing), signing.payload, image.clock))
  );
}

/** Notation binds no repository: its scope is the policy's rule for the repository, as in Notation's own trust policies. */
function judgeNotation(signature: NotationSignature, image: ImageToVerify): Outcome {
  const name = digestOf(signature.bytes);
  const notation = readNotation(signature);
  if (notation.target !== image.digest) return refusal(name, 'other-image', image.digest);
  const wanted = {
    name,
    format: 'notation',
    use: 'image',
    predicateType: NOTATION_PAYLOAD_TYPE,
    predicate: null,
  } as const;
  const prove: Prover = {
    who: `x509 ${notation.subject}`,
    couldBe: ({ identity }) => identity.kind === 'x509',
    prove: ({ identity }) => {
      if (identity.kind !== 'x509') throw new Doubt('needs-certificate');
      return verifyNotation(notation, identity, image.clock.now().getTime());
    },
  };
  return checkBinding(name, null, image) ?? chooseSigner(wanted, image, prove);
}

/** How the signers of the policy are held against one signature. */
interface Prover {
  /** How the signature calls its signer. */
  readonly who: string;
  couldBe(signer: TrustedSigner): boolean;
  /** @throws Doubt */
  prove(signer: TrustedSigner): Proof;
}

function proverOf(bundle: ReadBundle, artifact: Uint8Array | null, clock: Clock): Prover {
  const now = clock.now().getTime();
  // The same for every signer under the same root: asked once, however many identities the policy lists.
  const proven = new Map<TrustedRoot, BundleProof | Doubt>();
  const byCertificate = (root: TrustedRoot, signer: TrustedSigner): BundleProof => {
    const known = proven.get(root) ?? settle(() => verifyByCertificate(bundle, artifact, root, { now }));
    proven.set(root, known);
    if (known instanceof Doubt) throw known;
    if (known.logs < signer.witnesses.logs) throw new Doubt('log-missing');
    if (known.times.length < signer.witnesses.times) throw new Doubt('time-missing');
    return known;
  };
  return {
    who: bundle.keyHint === null ? 'certificate' : `key ${bundle.keyHint.slice(0, 64)}`,
    couldBe({ identity }) {
      if (identity.kind !== bundle.signedBy) return false;
      // The hint is the signer's word. It may be of any form, so one that is not ours rules nobody out.
      const isOurForm = bundle.keyHint !== null && /^[A-Za-z0-9+/]{43}=$/.test(bundle.keyHint);
      return identity.kind !== 'key' || !isOurForm || keyHint(identity.publicKey.id) === bundle.keyHint;
    },
    prove(signer) {
      const { identity } = signer;
      switch (identity.kind) {
        case 'key': {
          const demand = { now, ...signer.witnesses };
          const proof = verifyByKey(bundle, artifact, identity.publicKey, identity.trustedRoot, demand);
          return { ...proof, identity: { kind: 'key', keyId: identity.publicKey.id } };
        }
        case 'certificate': {
          const proof = byCertificate(identity.trustedRoot, signer);
          if (proof.identity.kind !== 'certificate') throw new Doubt('needs-certificate');
          checkIdentity(identity, proof.identity);
          const { issuer, subject } = proof.identity;
          return { ...proof, identity: { kind: 'certificate', issuer, subject } };
        }
        case 'x509':
          throw new Doubt('needs-certificate');
      }
    },
  };
}

function settle(prove: () => BundleProof): BundleProof | Doubt {
  try {
    return prove();
  } catch (error) {
    if (error instanceof Doubt) return error;
    throw error;
  }
}

/** The issuer exactly, the subject by its pattern, and as what it was written: an address is no URI. */
function checkIdentity(wanted: { readonly issuer: string; readonly subject: string }, seen: CertificateIdentity): void {
  if (seen.issuer !== wanted.issuer) throw new Doubt('other-identity', wanted.issuer, seen.issuer);
  if (seen.subjectKind !== kindOfSubject(wanted.subject) || !matchesPattern(wanted.subject, seen.subject)) {
    throw new Doubt('other-identity', wanted.subject, seen.subject);
  }
}

/**
 * Tries the signers that could have made it. The reason given at the end is that of the nearest candidate: a known key
 * used for the wrong thing says more than "unknown".
 */
function chooseSigner(claim: Claim, image: ImageToVerify, prover: Prover): Outcome {
  const { name, use } = claim;
  let nearest: RefusedSignature | null = null;
  for (const signer of image.trust.signers) {
    if (!prover.couldBe(signer)) continue;
    let proof: Proof;
    try {
      proof = prover.prove(signer);
    } catch (error) {
      if (!(error instanceof Doubt)) throw error;
      nearest ??= doubted(name, error);
      continue;
    }
    // Asked after the signature, so that nobody learns or hides behind another's name.
    if (!signer.uses.includes(use) || !coversRepository(signer, image.repository)) {
      nearest = refusal(name, 'signer-not-for-this', signer.name, use, image.repository);
      continue;
    }
    const outside = timeOutside(signer, proof.times, image.clock.now().getTime());
    if (outside !== null) {
      nearest = refusal(
        name,
        signer.revokedAt === null ? 'signer-not-valid-now' : 'signer-revoked',
        calledBy(signer),
        outside,
      );
      continue;
    }
    const { times, logs, identity } = proof;
    const { format, predicateType, predicate } = claim;
    const text = { predicateType, predicate, format, bundle: name };
    return { use, signer: signer.name, identity, ...text, vouches: signer.vouches, logged: logs > 0, times };
  }
  return nearest ?? refusal(name, 'signer-unknown', prover.who);
}

/** With its id where it is a key: another one of the same name may well be believed. */
function calledBy({ name, identity }: TrustedSigner): string {
  const id = identity.kind === 'key' ? identity.publicKey.id.slice(0, 12) : '';
  return name.includes(id) ? name : `${name} (${id})`;
}

/** The first time at which the signer was not to be believed, or null. A revoked one is never to be. */
function timeOutside(signer: TrustedSigner, times: readonly TrustedTime[], now: number): string | null {
  if (signer.revokedAt !== null) return signer.revokedAt;
  const from = signer.validFrom === null ? Number.NEGATIVE_INFINITY : Date.parse(signer.validFrom);
  const until = signer.validUntil === null ? Number.POSITIVE_INFINITY : Date.parse(signer.validUntil);
  const asked = times.length > 0 ? times.map(({ at }) => at) : [now];
  // A bound that is no date makes both comparisons false: not valid.
  const outside = asked.find((at) => !(at >= from && at < until));
  return outside === undefined ? null : timeText(outside);
}

function checkBinding(name: Digest, bound: string | null, image: ImageToVerify): RefusedSignature | null {
  const rule = ruleFor(image.trust, image.repository);
  if ((rule.repositoryBinding ?? image.trust.repositoryBinding) === 'ignored') return null;
  const wanted = fullRepository(image.repository);
  if (bound === null) return refusal(name, 'not-bound', wanted);
  const isHere = bound === wanted || rule.alsoBoundTo.some((pattern) => matchesPattern(pattern, bound));
  return isHere ? null : refusal(name, 'other-repository', bound, wanted);
}

function sum<T>(list: readonly T[], sizeOf: (one: T) => number): number {
  return list.reduce((total, one) => total + sizeOf(one), 0);
}

function sizeOfSigning({ payload, signature, annotations = {} }: SimpleSigning): number {
  return payload.length + signature.length + sum(Object.values(annotations), (text) => text.length);
}

const REASONS: Readonly<Record<Exclude<RefusalCode, 'unreadable'>, (...seen: string[]) => Text>> = {
  'too-many': (seen, limit) => ({
    en: `the image has ${seen} signatures, more than the ${limit} that are looked at; none counts`,
    es: `la imagen tiene ${seen} firmas, más de las ${limit} que se examinan; no cuenta ninguna`,
  }),
  'too-large': (seen, limit) => ({
    en: `the signatures of the image take ${seen} bytes, more than the ${limit} that are read; none counts`,
    es: `las firmas de la imagen ocupan ${seen} bytes, más de los ${limit} que se leen; no cuenta ninguna`,
  }),
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
    es: `quien firma no está en la política de confianza (${who?.replace(/^key /, 'clave ').replace(/^certificate$/, 'certificado')})`,
  }),
  'signer-not-for-this': (who, use, repository) => ({
    en: `${who} is trusted, but not for ${useInWords(use ?? '').en} at ${repository}`,
    es: `${who} es de confianza, pero no para ${useInWords(use ?? '').es} en ${repository}`,
  }),
  'signer-not-valid-now': (who, now) => ({
    en: `${who} is not valid at ${now}`,
    es: `${who} no es válido a fecha ${now}`,
  }),
  'signer-revoked': (who, at) => ({
    en: `${who} was revoked at ${at}; nothing it signed counts`,
    es: `${who} se revocó el ${at}; nada de lo que firmó cuenta`,
  }),
  'signature-wrong': (why) => ({ en: `the check failed: ${why}`, es: `la comprobación falla: ${why}` }),
  'time-wrong': (why) => ({ en: why, es: why }),
  'log-wrong': (why) => ({ en: why, es: why }),
  internal: (why) => ({
    en: `the check itself failed, so it does not count: ${why}`,
    es: `la propia comprobación falló, así que no cuenta: ${why}`,
  }),
};

function unread(bundle: Digest, why: Text): RefusedSignature {
  const reason = { en: `it cannot be read: ${why.en}`, es: `no se puede leer: ${why.es}` };
  return { code: 'unreadable', reason, bundle, format: null };
}

function refusal(bundle: Digest | null, code: keyof typeof REASONS, ...seen: string[]): RefusedSignature {
  return { code, reason: REASONS[code](...seen), bundle, format: null };
}

/** Which part of a signature a doubt is about. */
function doubted(bundle: Digest, { code, text }: Doubt): RefusedSignature {
  const isTime =
    code.startsWith('time-') ||
    code === 'certificate-time' ||
    code === 'signature-expired' ||
    code === 'authority-time' ||
    code === 'stamp-wrong';
  const kind = isTime ? 'time-wrong' : code.startsWith('log-') ? 'log-wrong' : 'signature-wrong';
  return { code: kind, reason: text, bundle, format: null };
}

function reasonOf(fault: Fault): Text {
  const [en, es] = [fault.text('en'), fault.text('es')];
  return { en: en.why ?? en.what, es: es.why ?? es.what };
}
