import { parseStrictJson } from '../../formats/index.ts';
import { type Envelope, readEnvelope } from '../dsse.ts';
import { trustFault } from '../errors.ts';
import {
  BUNDLE_BYTES_MAX,
  CERTIFICATE_BYTES_MAX,
  CHAIN_LENGTH_MAX,
  DOCUMENT_DEPTH_MAX,
  LOG_ENTRIES_MAX,
} from '../limits.ts';
import { Doubt } from './doubt.ts';
import { bytesOf, type Fields, fieldsOf, listOf, optional, required, textOf, unreadable } from './fields.ts';
import { hashName, type LogEntry, readLogEntry } from './log-entry.ts';

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** A bundle that was read, once, at the door. Nothing in it is verified yet. */
export interface ReadBundle {
  readonly content: BundleContent;
  readonly signedBy: 'key' | 'certificate';
  /** What the signer calls its key, of any form; null with a certificate. */
  readonly keyHint: string | null;
  /** The signing certificate in DER; null with a managed key. */
  readonly certificate: Uint8Array | null;
  /** The signature over the content: one, by the bundle format. */
  readonly signature: Uint8Array;
  readonly logEntries: readonly LogEntry[];
  /** RFC 3161 answers over the signature. */
  readonly timestamps: readonly Uint8Array[];
}

export type BundleContent =
  | { readonly kind: 'dsse'; readonly payloadType: string; readonly payload: Uint8Array }
  | { readonly kind: 'message'; readonly hash: string; readonly digest: Uint8Array };

/**
 * Reads a Sigstore bundle, v0.1 to v0.3 (sigstore protobuf-specs, Bundle; the client specification for what each version
 * must carry).
 * @throws Fault trust.bundle-unreadable
 */
export function readBundle(bytes: Uint8Array): ReadBundle {
  if (bytes.length > BUNDLE_BYTES_MAX)
    throw unreadable(`expected at most ${BUNDLE_BYTES_MAX} bytes, got ${bytes.length}`);
  try {
    const json = parseStrictJson(bytes, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
    const bundle = fieldsOf(json, 'the bundle');
    const version = readVersion(required(bundle, 'mediaType', textOf));
    const material = required(bundle, 'verificationMaterial', fieldsOf);
    const logEntries = optional(material, 'tlogEntries', listOf(LOG_ENTRIES_MAX, readLogEntry)) ?? [];
    for (const entry of logEntries) checkEntryOfVersion(entry, version);
    return {
      ...readContent(bundle),
      ...readSigner(material, version),
      logEntries,
      timestamps: readTimestamps(material),
    };
  } catch (error) {
    if (error instanceof Doubt) throw trustFault('trust.bundle-unreadable', { reason: error.text }, { cause: error });
    if (error instanceof Error && 'code' in error && error.code === 'trust.bundle-unreadable') throw error;
    throw unreadable(error instanceof Error ? error.message : String(error), error);
  }
}

function readVersion(mediaType: string): 1 | 2 | 3 {
  const match = /^application\/vnd\.dev\.sigstore\.bundle(?:\+json;version=0\.([123])|\.v0\.(3)\+json)$/.exec(
    mediaType,
  );
  const version = Number(match?.[1] ?? match?.[2]);
  if (version !== 1 && version !== 2 && version !== 3)
    throw unreadable(`expected a bundle of version 0.1 to 0.3, got ${mediaType}`);
  return version;
}

function checkEntryOfVersion({ promise, proof }: LogEntry, version: 1 | 2 | 3): void {
  if (version === 1 && promise === null) throw unreadable('a bundle of version 0.1 needs an inclusion promise');
  if (version > 1 && proof?.checkpoint == null)
    throw unreadable('the bundle needs an inclusion proof with its checkpoint');
}

function readContent(bundle: Fields): Pick<ReadBundle, 'content' | 'signature'> {
  const envelope = optional(bundle, 'dsseEnvelope', readEnvelopeAt);
  const message = optional(bundle, 'messageSignature', fieldsOf);
  if ((envelope === null) === (message === null)) throw unreadable('expected one of dsseEnvelope and messageSignature');
  if (message !== null) {
    const digest = required(message, 'messageDigest', fieldsOf);
    return {
      content: {
        kind: 'message',
        hash: hashName(required(digest, 'algorithm', textOf)),
        digest: required(digest, 'digest', bytesOf),
      },
      signature: required(message, 'signature', bytesOf),
    };
  }
  const [signature, ...more] = envelope?.signatures ?? [];
  if (envelope === null || signature === undefined || more.length > 0) {
    throw unreadable(`expected one signature in the bundle, got ${envelope?.signatures.length}`);
  }
  const { payloadType, payload } = envelope;
  return { content: { kind: 'dsse', payloadType, payload }, signature: signature.sig };
}

function readEnvelopeAt(value: unknown): Envelope {
  return readEnvelope(value);
}

function readSigner(material: Fields, version: 1 | 2 | 3): Pick<ReadBundle, 'signedBy' | 'keyHint' | 'certificate'> {
  const key = optional(material, 'publicKey', fieldsOf);
  const single = optional(material, 'certificate', fieldsOf);
  const chain = optional(material, 'x509CertificateChain', fieldsOf);
  if ([key, single, chain].filter((one) => one !== null).length !== 1) {
    throw unreadable('expected one of publicKey, certificate and x509CertificateChain');
  }
  if (key !== null) return { signedBy: 'key', keyHint: optional(key, 'hint', textOf) ?? '', certificate: null };
  if (chain !== null && version === 3) throw unreadable('a bundle of version 0.3 carries one certificate, not a chain');
  const rawBytes = (value: unknown, where: string): Uint8Array => {
    const bytes = required(fieldsOf(value, where), 'rawBytes', bytesOf);
    if (bytes.length > CERTIFICATE_BYTES_MAX)
      throw unreadable(`a certificate is larger than ${CERTIFICATE_BYTES_MAX} bytes`);
    return bytes;
  };
  // Only the leaf is taken from a chain: what is between it and the trusted root comes from the trusted root.
  const certificates =
    chain === null
      ? [rawBytes(single, 'certificate')]
      : required(chain, 'certificates', listOf(CHAIN_LENGTH_MAX, rawBytes));
  const [certificate] = certificates;
  if (certificate === undefined) throw unreadable('the certificate chain is empty');
  return { signedBy: 'certificate', keyHint: null, certificate };
}

function readTimestamps(material: Fields): Uint8Array[] {
  const data = optional(material, 'timestampVerificationData', fieldsOf);
  if (data === null) return [];
  const read = (value: unknown, where: string): Uint8Array =>
    required(fieldsOf(value, where), 'signedTimestamp', bytesOf);
  return optional(data, 'rfc3161Timestamps', listOf(LOG_ENTRIES_MAX, read)) ?? [];
}
