import type { Json } from '../system/index.ts';
import { preAuthenticationEncoding, serializeEnvelope } from './dsse.ts';
import { keyHint, type SigningKey } from './key.ts';
import { BUNDLE_MEDIA_TYPE } from './sigstore/bundle.ts';
import {
  type ImageSubject,
  PREDICATE_TYPE,
  type SignatureUse,
  STATEMENT_PAYLOAD_TYPE,
  writeStatement,
} from './statement.ts';

/**
 * Signs an image: "I stand for this digest under this name". The bytes are a Sigstore bundle v0.3 as cosign 3 writes it
 * with a managed key, without a transparency log.
 */
export function signImage(key: SigningKey, subject: ImageSubject): Uint8Array {
  return attest(key, 'image', subject, {});
}

/** Signs a statement about an image: SLSA provenance v1, a scan result or a verdict, given as the predicate. */
export function attest(key: SigningKey, use: SignatureUse, subject: ImageSubject, predicate: Json): Uint8Array {
  const payload = writeStatement(subject, PREDICATE_TYPE[use], predicate);
  const sig = key.sign(preAuthenticationEncoding(STATEMENT_PAYLOAD_TYPE, payload));
  const envelope = { payloadType: STATEMENT_PAYLOAD_TYPE, payload, signatures: [{ keyid: '', sig }] };
  return Buffer.from(
    JSON.stringify({
      mediaType: BUNDLE_MEDIA_TYPE,
      verificationMaterial: { publicKey: { hint: keyHint(key.id) }, tlogEntries: [] },
      dsseEnvelope: serializeEnvelope(envelope),
    }),
  );
}
