import { parseStrictJson } from '../formats/index.ts';
import { type Digest, digestAlgorithm, digestHex, parseReference, REGISTRY_NAME } from '../oci/index.ts';
import type { Json } from '../system/index.ts';
import { isRecord } from './dsse.ts';
import { readingReason, trustFault } from './errors.ts';
import { BUNDLE_BYTES_MAX, DOCUMENT_DEPTH_MAX, STATEMENT_SUBJECTS_MAX } from './limits.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** What a signature says. Who may say what differs: the builder provenance, people the image, control scan and verdict. */
export type SignatureUse = (typeof SIGNATURE_USES)[number];

export const SIGNATURE_USES = [
  'image',
  'provenance',
  'sbom',
  'scan',
  'approval',
  'exception',
  'verdict',
  'vex',
  'profile',
] as const;

/** The predicate type of each use. The first is what cosign 3 writes for a plain image signature. */
export const PREDICATE_TYPE: Readonly<Record<SignatureUse, string>> = {
  image: 'https://sigstore.dev/cosign/sign/v1',
  provenance: 'https://slsa.dev/provenance/v1',
  sbom: 'https://cyclonedx.org/bom',
  // cosign's own, so that `cosign verify-attestation --type vuln` reads it (cosign, specs/COSIGN_VULN_ATTESTATION_SPEC.md)
  scan: 'https://cosign.sigstore.dev/attestation/vuln/v1',
  approval: 'https://darsena.internal/attestation/approval/v1',
  exception: 'https://darsena.internal/attestation/exceptions/v1',
  verdict: 'https://darsena.internal/attestation/verdict/v1',
  vex: 'https://openvex.dev/ns',
  profile: 'https://darsena.internal/attestation/profile/v1',
};

/** What else means the same: what older builders sign, the other SBOM format, and our scan result before it was cosign's. */
const OTHER_PREDICATE_TYPES: Readonly<Record<string, SignatureUse>> = {
  'https://slsa.dev/provenance/v0.2': 'provenance',
  'https://spdx.dev/Document': 'sbom',
  'https://openvex.dev/ns/v0.2.0': 'vex',
  'https://darsena.internal/attestation/scan/v1': 'scan',
};

/** The use that a predicate type stands for, or null. */
export function predicateUse(predicateType: string): SignatureUse | null {
  if (Object.hasOwn(OTHER_PREDICATE_TYPES, predicateType)) return OTHER_PREDICATE_TYPES[predicateType] ?? null;
  return SIGNATURE_USES.find((use) => PREDICATE_TYPE[use] === predicateType) ?? null;
}

/** The annotation by which a signer that cannot set the subject's name binds the repository (`cosign sign -a`). */
export const REPOSITORY_ANNOTATION = 'darsena.internal/repository';

/** in-toto attestation framework, Statement v1: "this predicate holds for these subjects". */
export interface Statement {
  readonly predicateType: string;
  readonly subjects: readonly StatementSubject[];
  readonly predicate: Json;
}

export interface StatementSubject {
  readonly name: string;
  /** algorithm → lower-case hex, as written */
  readonly digest: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, Json>>;
}

/** The image that a signature is for: a digest under the full name of its repository. */
export interface ImageSubject {
  readonly digest: Digest;
  /** `project/image` or with a registry in front; see fullRepository */
  readonly repository: string;
}

/** The name that signatures bind: `project/image` becomes `registry.darsena.internal/project/image`. */
export function fullRepository(repository: string): string {
  const reference = parseReference(repository);
  return `${reference.registry ?? REGISTRY_NAME}/${reference.repository}`;
}

export function writeStatement(subject: ImageSubject, predicateType: string, predicate: Json): Uint8Array {
  const { digest } = subject;
  return Buffer.from(
    JSON.stringify({
      _type: STATEMENT_TYPE,
      subject: [{ name: fullRepository(subject.repository), digest: { [digestAlgorithm(digest)]: digestHex(digest) } }],
      predicateType,
      predicate,
    }),
  );
}

/**
 * Reads a statement; what it does not understand it refuses.
 * @throws Fault trust.statement-unreadable
 */
export function readStatement(bytes: Uint8Array): Statement {
  let value: Json;
  try {
    value = parseStrictJson(bytes, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
  } catch (cause) {
    throw unreadable(cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!isRecord(value)) throw unreadable('expected an object');
  const { _type: type, subject, predicateType, predicate } = value;
  // v0.1 has the same shape and is what older builders still sign
  if (type !== STATEMENT_TYPE && type !== 'https://in-toto.io/Statement/v0.1') {
    throw unreadable(`expected _type ${STATEMENT_TYPE}, got ${JSON.stringify(type)}`);
  }
  if (typeof predicateType !== 'string' || predicateType === '') throw unreadable('it names no predicateType');
  if (!Array.isArray(subject) || subject.length === 0) throw unreadable('it names no subject');
  if (subject.length > STATEMENT_SUBJECTS_MAX) {
    throw unreadable(`expected at most ${STATEMENT_SUBJECTS_MAX} subjects, got ${subject.length}`);
  }
  return { predicateType, subjects: subject.map(readSubject), predicate: predicate ?? null };
}

/** The subject of a statement that carries this digest, or null. */
export function subjectWith(statement: Statement, digest: Digest): StatementSubject | null {
  const algorithm = digestAlgorithm(digest);
  const hex = digestHex(digest);
  return statement.subjects.find((subject) => subject.digest[algorithm] === hex) ?? null;
}

/** The repository that a subject is bound to, as the signer wrote it, or null when it is bound to none. */
export function boundRepository(subject: StatementSubject): string | null {
  const annotated = subject.annotations[REPOSITORY_ANNOTATION];
  if (typeof annotated === 'string' && annotated !== '') return annotated;
  return subject.name === '' ? null : subject.name;
}

function readSubject(value: Json): StatementSubject {
  if (!isRecord(value)) throw unreadable('expected each subject to be an object');
  const { name, digest, annotations } = value;
  if (name !== undefined && typeof name !== 'string') throw unreadable('expected the name of a subject to be text');
  if (!isRecord(digest)) throw unreadable('a subject has no digest');
  const digests: [string, string][] = Object.entries(digest).map(([algorithm, hex]) => {
    if (typeof hex !== 'string') throw unreadable('expected the digest of a subject to be text');
    return [algorithm, hex];
  });
  return {
    name: name ?? '',
    digest: Object.fromEntries(digests),
    annotations: isRecord(annotations) ? (annotations as Record<string, Json>) : {},
  };
}

function unreadable(reason: string, cause?: unknown): Error {
  const options = cause === undefined ? {} : { cause };
  return trustFault('trust.statement-unreadable', { reason: readingReason(reason, cause) }, options);
}
