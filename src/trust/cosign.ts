import { parseStrictJson } from '../formats/index.ts';
import { type Digest, parseDigest } from '../oci/index.ts';
import { isRecord, readBase64 } from './dsse.ts';
import { trustFault } from './errors.ts';
import { fullRepository } from './statement.ts';

/** A signature in the cosign 2 layout: one layer of the artifact at tag `sha256-<hex>.sig`. */
export interface SimpleSigning {
  /** The layer's bytes, media type `application/vnd.dev.cosign.simplesigning.v1+json`. */
  readonly payload: Uint8Array;
  /** The layer's annotation `dev.cosignproject.cosign/signature`, base64. */
  readonly signature: string;
}

export const COSIGN_SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
export const SIMPLE_SIGNING_MEDIA_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';

/** The tag under which cosign 2 keeps the signatures of a digest. */
export function cosignSignatureTag(digest: Digest): string {
  return `${digest.replace(':', '-')}.sig`;
}

/**
 * Reads the claim (containers/image, "signature protocol": critical.identity, critical.image, critical.type).
 * @throws Fault trust.statement-unreadable or trust.bundle-unreadable
 */
export function readSimpleSigning(signing: SimpleSigning): {
  digest: Digest;
  repository: string;
  signature: Uint8Array;
} {
  const value = parseStrictJson(signing.payload, { maxBytes: 64 * 1024 });
  const critical = isRecord(value) ? value['critical'] : undefined;
  const image = isRecord(critical) ? critical['image'] : undefined;
  const identity = isRecord(critical) ? critical['identity'] : undefined;
  const digest = isRecord(image) ? image['docker-manifest-digest'] : undefined;
  const reference = isRecord(identity) ? identity['docker-reference'] : undefined;
  if (!isRecord(critical) || critical['type'] !== 'cosign container image signature') {
    throw trustFault('trust.statement-unreadable', { reason: 'expected the type "cosign container image signature"' });
  }
  if (typeof digest !== 'string' || typeof reference !== 'string') {
    throw trustFault('trust.statement-unreadable', { reason: 'it names no digest or no reference' });
  }
  return {
    digest: parseDigest(digest),
    repository: reference === '' ? '' : fullRepository(reference),
    signature: readBase64(signing.signature, 'signature'),
  };
}
