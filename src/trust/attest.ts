import { Fault, type Json } from '../system/index.ts';
import { preAuthenticationEncoding, serializeEnvelope } from './dsse.ts';
import { keyHint, type PublicKey, type SigningKey } from './key.ts';
import { BUNDLE_MEDIA_TYPE, readBundle } from './sigstore/bundle.ts';
import {
  type ImageSubject,
  PREDICATE_TYPE,
  predicateUse,
  readStatement,
  type SignatureUse,
  STATEMENT_PAYLOAD_TYPE,
  subjectWith,
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

/**
 * What this key stated of the image in this bundle; undefined when the bundle is another's, states something else, or
 * cannot be read.
 */
export function predicateBy(
  key: PublicKey,
  bundleBytes: Uint8Array,
  { digest }: ImageSubject,
  use: SignatureUse,
): Json | undefined {
  try {
    const { content, signature } = readBundle(bundleBytes);
    if (content.kind !== 'dsse' || content.payloadType !== STATEMENT_PAYLOAD_TYPE) return undefined;
    if (!key.verify(preAuthenticationEncoding(content.payloadType, content.payload), signature)) return undefined;
    const statement = readStatement(content.payload);
    const isMeant = predicateUse(statement.predicateType) === use && subjectWith(statement, digest) !== null;
    return isMeant ? statement.predicate : undefined;
  } catch (error) {
    if (error instanceof Fault) return undefined; // what strangers left there is not ours to judge here
    throw error;
  }
}
