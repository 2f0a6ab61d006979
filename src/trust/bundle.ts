import { createHash, createPublicKey } from 'node:crypto';
import { type Bundle, bundleFromJSON } from '@sigstore/bundle';
import { TrustedRoot as TrustedRootMessage } from '@sigstore/protobuf-specs';
import { type SignedEntity, type TrustMaterial, toSignedEntity, toTrustMaterial, Verifier } from '@sigstore/verify';
import { parseStrictJson } from '../formats/index.ts';
import { isRecord, preAuthenticationEncoding, readBase64, readEnvelope } from './dsse.ts';
import { trustFault } from './errors.ts';
import type { PublicKey } from './key.ts';
import { BUNDLE_BYTES_MAX, DOCUMENT_DEPTH_MAX } from './limits.ts';

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** Authorities of a Sigstore instance: certificate authorities, transparency logs, time stamps. Read once, used often. */
export interface TrustedRoot {
  readonly material: TrustMaterial;
}

/** Who signed, as far as mathematics can tell; whether that one is trusted is decided against the policy. */
export type BundleSigner =
  | { readonly kind: 'key'; readonly hint: string }
  | { readonly kind: 'certificate'; readonly issuer: string; readonly subject: string };

/** A bundle that was read, once, at the door. Nothing in it is verified yet. */
export interface ReadBundle {
  readonly content:
    | { readonly kind: 'dsse'; readonly payloadType: string; readonly payload: Uint8Array }
    | { readonly kind: 'message'; readonly sha256: string };
  readonly signedBy: 'key' | 'certificate';
  readonly keyHint: string | null;
  readonly logged: boolean;
  readonly parsed: Bundle;
  /** The signatures over the content: one, by the bundle format. */
  readonly signature: Uint8Array;
}

/** @throws Fault trust.bundle-unreadable when the bytes are no trusted_root.json */
export function readTrustedRoot(bytes: Uint8Array): TrustedRoot {
  try {
    const json = parseStrictJson(bytes, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
    return { material: toTrustMaterial(TrustedRootMessage.fromJSON(json)) };
  } catch (cause) {
    throw unreadable(`trusted root: ${messageOf(cause)}`, cause);
  }
}

/**
 * Reads a Sigstore bundle, v0.1 to v0.3.
 * @throws Fault trust.bundle-unreadable
 */
export function readBundle(bytes: Uint8Array): ReadBundle {
  if (bytes.length > BUNDLE_BYTES_MAX)
    throw unreadable(`expected at most ${BUNDLE_BYTES_MAX} bytes, got ${bytes.length}`);
  let json: unknown;
  let parsed: Bundle;
  try {
    json = parseStrictJson(bytes, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
    parsed = bundleFromJSON(json);
  } catch (cause) {
    throw unreadable(messageOf(cause), cause);
  }
  const material = parsed.verificationMaterial;
  for (const { logIndex } of material.tlogEntries) {
    // The library takes any text for an index; an entry before the first cannot exist.
    if (!/^[0-9]{1,19}$/.test(logIndex)) throw unreadable(`expected a log index from 0, got ${logIndex}`);
  }
  const keyHint = material.content.$case === 'publicKey' ? material.content.publicKey.hint : null;
  const common = { signedBy: keyHint === null ? 'certificate' : 'key', keyHint, parsed } as const;
  const logged = material.tlogEntries.length > 0;
  switch (parsed.content.$case) {
    case 'dsseEnvelope': {
      const envelope = readEnvelope(isRecord(json) ? json['dsseEnvelope'] : null);
      const [signature, ...more] = envelope.signatures;
      if (signature === undefined || more.length > 0) {
        throw unreadable(`expected one signature in the bundle, got ${envelope.signatures.length}`);
      }
      const content = { kind: 'dsse', payloadType: envelope.payloadType, payload: envelope.payload } as const;
      return { ...common, logged, content, signature: signature.sig };
    }
    case 'messageSignature': {
      const { messageDigest, signature } = parsed.content.messageSignature;
      const content = { kind: 'message', sha256: Buffer.from(messageDigest.digest).toString('hex') } as const;
      return { ...common, logged, content, signature };
    }
  }
}

/**
 * Checks the signature of a bundle by a managed key. With a trusted root, the log entries and time stamps that the
 * bundle carries must hold too; without one they say nothing and are not looked at.
 * @param artifact the signed bytes where the bundle carries only their digest, else null
 * @throws Error with the reason in its message
 */
export function verifyByKey(
  bundle: ReadBundle,
  artifact: Uint8Array | null,
  key: PublicKey,
  root: TrustedRoot | null,
): void {
  if (bundle.signedBy !== 'key')
    throw new Error('expected a bundle signed by a managed key, got one with a certificate');
  if (!key.verify(signedBytes(bundle, artifact), bundle.signature)) {
    throw new Error(`the signature does not match key ${key.id.slice(0, 12)}`);
  }
  if (root !== null) {
    const publicKey = createPublicKey(key.pem);
    const material = { ...root.material, publicKey: () => ({ publicKey, validFor: () => true }) };
    const verifier = new Verifier(material, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });
    verifier.verify(toEntity(bundle, artifact));
    checkLogNamesSigner(bundle, publicKey.export({ format: 'der', type: 'spki' }));
  }
}

/**
 * Checks a keyless bundle: certificate chain at the trusted time of signing, its inclusion in the certificate log, the
 * entry in the transparency log, the signature.
 * @returns the identity that the certificate authority vouches for
 * @throws Error with the reason in its message
 */
export function verifyByCertificate(
  bundle: ReadBundle,
  artifact: Uint8Array | null,
  root: TrustedRoot,
): { issuer: string; subject: string } {
  if (bundle.signedBy !== 'certificate') throw new Error('expected a certificate in the bundle, got a managed key');
  signedBytes(bundle, artifact);
  const verifier = new Verifier(root.material, { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 });
  const signer = verifier.verify(toEntity(bundle, artifact));
  checkLogNamesSigner(bundle, leafCertificate(bundle.parsed));
  const issuer = signer.identity?.extensions?.issuer;
  const subject = signer.identity?.subjectAlternativeName;
  if (!issuer || !subject) throw new Error('the certificate names no issuer or no subject');
  return { issuer, subject };
}

/**
 * The bundle as the library checks it. Rekor 2 logs a DSSE envelope by the hash of its pre-authentication encoding
 * (rekor-v2-spec section 6.1.4), Rekor 1 by that of its payload; the library knows the second only.
 */
function toEntity(bundle: ReadBundle, artifact: Uint8Array | null): SignedEntity {
  const entity = toSignedEntity(bundle.parsed, artifact === null ? undefined : Buffer.from(artifact));
  if (bundle.content.kind !== 'dsse') return entity;
  const encoding = preAuthenticationEncoding(bundle.content.payloadType, bundle.content.payload);
  const encodingDigest = createHash('sha256').update(encoding).digest();
  const { signature } = entity;
  return {
    ...entity,
    signature: {
      signature: signature.signature,
      compareSignature: (other) => signature.compareSignature(other),
      compareDigest: (other) => signature.compareDigest(other) || encodingDigest.equals(other),
      verifySignature: (key) => signature.verifySignature(key),
    },
  };
}

/**
 * A log entry that was made for another certificate or key proves nothing about this one, even over equal bytes; the
 * library compares only signature and digest. The places follow the entry types of Rekor.
 */
function checkLogNamesSigner(bundle: ReadBundle, signerDer: Uint8Array): void {
  for (const { canonicalizedBody, kindVersion } of bundle.parsed.verificationMaterial.tlogEntries) {
    const body = parseStrictJson(canonicalizedBody, { maxBytes: BUNDLE_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
    const kind = kindVersion === undefined ? '' : `${kindVersion.kind} ${kindVersion.version}`;
    const named = ENTRY_SIGNERS[kind]?.map((path) => valueAt(body, path)).filter((value) => value !== undefined) ?? [];
    if (!named.some((value) => derOf(value).equals(signerDer))) {
      throw new Error(`the transparency log entry (${kind}) is for another signer`);
    }
  }
}

const ENTRY_SIGNERS: Readonly<Record<string, readonly (readonly (string | number)[])[]>> = {
  'hashedrekord 0.0.1': [['spec', 'signature', 'publicKey', 'content']],
  'hashedrekord 0.0.2': [
    ['spec', 'hashedRekordV002', 'signature', 'verifier', 'x509Certificate', 'rawBytes'],
    ['spec', 'hashedRekordV002', 'signature', 'verifier', 'publicKey', 'rawBytes'],
  ],
  'dsse 0.0.1': [['spec', 'signatures', 0, 'verifier']],
  'dsse 0.0.2': [
    ['spec', 'dsseV002', 'signatures', 0, 'verifier', 'x509Certificate', 'rawBytes'],
    ['spec', 'dsseV002', 'signatures', 0, 'verifier', 'publicKey', 'rawBytes'],
  ],
  'intoto 0.0.1': [['spec', 'publicKey']],
  'intoto 0.0.2': [['spec', 'content', 'envelope', 'signatures', 0, 'publicKey']],
};

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof step === 'number') current = Array.isArray(current) ? current[step] : undefined;
    else current = isRecord(current) && Object.hasOwn(current, step) ? current[step] : undefined;
  }
  return current;
}

/** base64 of PEM or of DER, as the entry types differ; intoto wraps the PEM once more. */
function derOf(value: unknown): Buffer {
  const bytes = Buffer.from(readBase64(value, 'verifier'));
  const text = bytes.toString('latin1');
  const pem = /-----BEGIN [A-Z ]+-----([A-Za-z0-9+/=\s]+)-----END/.exec(text);
  return pem?.[1] === undefined ? bytes : Buffer.from(pem[1], 'base64');
}

function leafCertificate(bundle: Bundle): Uint8Array {
  const { content } = bundle.verificationMaterial;
  switch (content.$case) {
    case 'certificate':
      return content.certificate.rawBytes;
    case 'x509CertificateChain':
      return content.x509CertificateChain.certificates[0]?.rawBytes ?? new Uint8Array();
    case 'publicKey':
      return new Uint8Array();
  }
}

/** The bytes that the signature is over; a message must be the artifact that the bundle names by digest. */
function signedBytes(bundle: ReadBundle, artifact: Uint8Array | null): Uint8Array {
  switch (bundle.content.kind) {
    case 'dsse':
      return preAuthenticationEncoding(bundle.content.payloadType, bundle.content.payload);
    case 'message': {
      if (artifact === null) throw new Error('the bundle signs bytes that are not in it, and none were given');
      const sha256 = createHash('sha256').update(artifact).digest('hex');
      if (sha256 !== bundle.content.sha256) throw new Error('the bundle is for other bytes');
      return artifact;
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unreadable(reason: string, cause?: unknown): Error {
  return trustFault('trust.bundle-unreadable', { reason }, cause === undefined ? {} : { cause });
}
