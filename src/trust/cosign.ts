import { hash, X509Certificate } from 'node:crypto';
import { parseStrictJson } from '../formats/index.ts';
import { type Digest, parseDigest } from '../oci/index.ts';
import { isRecord, readBase64, readEnvelope } from './dsse.ts';
import { readingReason, trustFault } from './errors.ts';
import { BUNDLE_BYTES_MAX, CERTIFICATE_BYTES_MAX, DOCUMENT_DEPTH_MAX, SIMPLE_SIGNING_BYTES_MAX } from './limits.ts';
import type { ReadBundle } from './sigstore/bundle.ts';
import { bytesOf, countOf, type Fields, fieldsOf, required, textOf, unreadable } from './sigstore/fields.ts';
import type { LogEntry } from './sigstore/log-entry.ts';
import { fullRepository } from './statement.ts';

/**
 * A signature in the cosign 2 layout: one layer of the artifact at tag `sha256-<hex>.sig`. An attestation is a layer at
 * `sha256-<hex>.att`: its bytes are a DSSE envelope that carries its own signature, and the annotation is empty.
 */
export interface SimpleSigning {
  /** The layer's bytes, media type SIMPLE_SIGNING_MEDIA_TYPE or ENVELOPE_MEDIA_TYPE. */
  readonly payload: Uint8Array;
  /** The layer's annotation `dev.cosignproject.cosign/signature`, base64; empty with an envelope. */
  readonly signature: string;
  /** All annotations of the layer; certificate, log entry and time stamp are among them. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export const COSIGN_SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
export const SIMPLE_SIGNING_MEDIA_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const ENVELOPE_MEDIA_TYPE = 'application/vnd.dsse.envelope.v1+json';
/** What an attestation of that layout states, told beside it. */
export const ENVELOPE_PREDICATE_ANNOTATION = 'predicateType';

const CERTIFICATE_ANNOTATION = 'dev.sigstore.cosign/certificate';
const BUNDLE_ANNOTATION = 'dev.sigstore.cosign/bundle';
const TIMESTAMP_ANNOTATION = 'dev.sigstore.cosign/rfc3161timestamp';

/** The tag under which cosign 2 keeps the signatures of a digest. */
export function cosignSignatureTag(digest: Digest): string {
  return `${digest.replace(':', '-')}.sig`;
}

/** The tag under which cosign 2 keeps the attestations of a digest. */
export function cosignAttestationTag(digest: Digest): string {
  return `${digest.replace(':', '-')}.att`;
}

/**
 * Reads the claim (containers/image, "signature protocol": critical.identity, critical.image, critical.type).
 * @throws Fault trust.statement-unreadable or trust.bundle-unreadable
 */
export function readSimpleSigning(signing: SimpleSigning): { digest: Digest; repository: string } {
  const value = parseStrictJson(signing.payload, { maxBytes: SIMPLE_SIGNING_BYTES_MAX });
  const critical = isRecord(value) ? value['critical'] : undefined;
  const image = isRecord(critical) ? critical['image'] : undefined;
  const identity = isRecord(critical) ? critical['identity'] : undefined;
  const digest = isRecord(image) ? image['docker-manifest-digest'] : undefined;
  const reference = isRecord(identity) ? identity['docker-reference'] : undefined;
  if (!isRecord(critical) || critical['type'] !== 'cosign container image signature') {
    throw trustFault('trust.statement-unreadable', {
      reason: readingReason('expected the type "cosign container image signature"'),
    });
  }
  if (typeof digest !== 'string' || typeof reference !== 'string') {
    throw trustFault('trust.statement-unreadable', { reason: readingReason('it names no digest or no reference') });
  }
  return { digest: parseDigest(digest), repository: reference === '' ? '' : fullRepository(reference) };
}

/** The claim that a signer of this layout signs. The reference is the repository's name, without tag or digest. */
export function writeSimpleSigning(image: { digest: Digest; repository: string }): Uint8Array {
  return Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': fullRepository(image.repository) },
        image: { 'docker-manifest-digest': image.digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
}

/**
 * The signature with what stands beside it, in the form of a bundle, so that one verifier checks both.
 * @throws Fault trust.bundle-unreadable
 */
export function bundleOfSimpleSigning(signing: SimpleSigning): ReadBundle {
  const { payload, signature } = signing;
  return {
    content: { kind: 'message', hash: 'sha256', digest: hash('sha256', payload, 'buffer') },
    signature: readBase64(signature, 'signature'),
    ...materialOf(signing),
  };
}

/** As bundleOfSimpleSigning, of an attestation. @throws Fault trust.bundle-unreadable */
export function bundleOfEnvelope(signing: SimpleSigning): ReadBundle {
  const json = parseStrictJson(signing.payload, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
  const { payloadType, payload, signatures } = readEnvelope(json);
  const [signature, ...more] = signatures;
  if (signature === undefined || more.length > 0) {
    throw unreadable(`expected one signature in the envelope, got ${signatures.length}`);
  }
  return { content: { kind: 'dsse', payloadType, payload }, signature: signature.sig, ...materialOf(signing) };
}

/** What stands beside the signature in the annotations of its layer: certificate, log entry, time stamp. */
function materialOf({ annotations = {} }: SimpleSigning): Omit<ReadBundle, 'content' | 'signature'> {
  const annotation = (name: string): string => (Object.hasOwn(annotations, name) ? (annotations[name] ?? '') : '');
  const certificate = readPem(annotation(CERTIFICATE_ANNOTATION));
  return {
    signedBy: certificate === null ? 'key' : 'certificate',
    keyHint: certificate === null ? '' : null,
    certificate,
    logEntries: readLogged(annotation(BUNDLE_ANNOTATION)),
    timestamps: readTimestamp(annotation(TIMESTAMP_ANNOTATION)),
  };
}

function readPem(pem: string): Uint8Array | null {
  if (pem === '') return null;
  if (pem.length > CERTIFICATE_BYTES_MAX)
    throw unreadable(`the certificate is larger than ${CERTIFICATE_BYTES_MAX} bytes`);
  try {
    return new X509Certificate(pem).raw;
  } catch (cause) {
    throw unreadable('the certificate is not readable', cause);
  }
}

/** cosign's own form of a Rekor 1 entry: `SignedEntryTimestamp` and `Payload`. */
function readLogged(text: string): LogEntry[] {
  if (text === '') return [];
  const bundle = parseAnnotation(text, BUNDLE_ANNOTATION);
  const payload = required(bundle, 'Payload', fieldsOf);
  const body = required(payload, 'body', bytesOf);
  const entry = fieldsOf(parseStrictJson(body, { maxDepth: DOCUMENT_DEPTH_MAX }), 'the log entry');
  const logId = required(payload, 'logID', textOf);
  if (!/^[0-9a-f]{64}$/.test(logId)) throw unreadable('the log has no id');
  return [
    {
      kind: required(entry, 'kind', textOf),
      version: required(entry, 'apiVersion', textOf),
      logId: Buffer.from(logId, 'hex').toString('base64'),
      logIndex: required(payload, 'logIndex', countOf),
      integratedTime: required(payload, 'integratedTime', countOf),
      promise: required(bundle, 'SignedEntryTimestamp', bytesOf),
      proof: null,
      body,
    },
  ];
}

function readTimestamp(text: string): Uint8Array[] {
  return text === '' ? [] : [required(parseAnnotation(text, TIMESTAMP_ANNOTATION), 'SignedRFC3161Timestamp', bytesOf)];
}

function parseAnnotation(text: string, name: string): Fields {
  if (text.length > SIMPLE_SIGNING_BYTES_MAX)
    throw unreadable(`${name} is larger than ${SIMPLE_SIGNING_BYTES_MAX} bytes`);
  return fieldsOf(parseStrictJson(Buffer.from(text), { maxDepth: DOCUMENT_DEPTH_MAX }), name);
}
