import type { Json } from '../../system/index.ts';
import { preAuthenticationEncoding, serializeEnvelope } from '../dsse.ts';
import { keyHint } from '../key.ts';
import { BUNDLE_MEDIA_TYPE } from '../sigstore/bundle.ts';
import {
  type ImageSubject,
  PREDICATE_TYPE,
  type SignatureUse,
  STATEMENT_PAYLOAD_TYPE,
  writeStatement,
} from '../statement.ts';

/**
 * The port by which signatures are made, wherever the private key is: a file, a PKCS #11 token, a program that speaks to a
 * key service, or nowhere for longer than a minute (keyless). ECDSA signatures are DER over SHA-256 (P-384: SHA-384).
 */
export type Signer = KeySigner | KeylessSigner;

export interface KeySigner {
  readonly kind: 'key';
  /** Lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo. */
  readonly keyId: string;
  readonly publicPem: string;
  sign(data: Uint8Array): Promise<Uint8Array>;
}

export interface KeylessSigner {
  readonly kind: 'certificate';
  /** Signs and has it witnessed: what a bundle carries beside the signature. */
  signWitnessed(content: {
    readonly payloadType: string;
    readonly payload: Uint8Array;
  }): Promise<{ readonly signature: Uint8Array; readonly material: WitnessedMaterial }>;
}

/** verificationMaterial of a bundle, in the JSON form of sigstore's protobuf-specs. */
export interface WitnessedMaterial {
  readonly certificate: { readonly rawBytes: string };
  readonly tlogEntries: readonly Json[];
  readonly timestampVerificationData?: { readonly rfc3161Timestamps: readonly { readonly signedTimestamp: string }[] };
}

/** Signs a statement about an image as a Sigstore bundle v0.3. */
export async function makeBundle(
  signer: Signer,
  use: SignatureUse,
  subject: ImageSubject,
  predicate: Json,
  predicateType: string = PREDICATE_TYPE[use],
): Promise<Uint8Array> {
  const payload = writeStatement(subject, predicateType, predicate);
  const { signature, material } = await signWith(signer, payload);
  const envelope = { payloadType: STATEMENT_PAYLOAD_TYPE, payload, signatures: [{ keyid: '', sig: signature }] };
  return Buffer.from(
    JSON.stringify({
      mediaType: BUNDLE_MEDIA_TYPE,
      verificationMaterial: material,
      dsseEnvelope: serializeEnvelope(envelope),
    }),
  );
}

async function signWith(
  signer: Signer,
  payload: Uint8Array,
): Promise<{ readonly signature: Uint8Array; readonly material: WitnessedMaterial | Json }> {
  const payloadType = STATEMENT_PAYLOAD_TYPE;
  if (signer.kind === 'certificate') return signer.signWitnessed({ payloadType, payload });
  const signature = await signer.sign(preAuthenticationEncoding(payloadType, payload));
  return { signature, material: { publicKey: { hint: keyHint(signer.keyId) }, tlogEntries: [] } };
}
