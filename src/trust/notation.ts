import { verify, X509Certificate } from 'node:crypto';
import { type Cbor, der, FormatError, parseStrictJson, readCbor, writeCborHead } from '../formats/index.ts';
import { type Digest, parseDigest } from '../oci/index.ts';
import { CERTIFICATE_BYTES_MAX, CHAIN_LENGTH_MAX, DOCUMENT_DEPTH_MAX, NOTATION_BYTES_MAX } from './limits.ts';
import { type Certificate, checkPathAt, findPath, nameText, OID, readCertificate } from './sigstore/certificate.ts';
import { Doubt, timeText } from './sigstore/doubt.ts';
import { bytesOf, fieldsOf, instantOf, listOf, optional, required, textOf, unreadable } from './sigstore/fields.ts';
import { SignatureMemo } from './sigstore/signatures.ts';
import type { TrustedTime } from './sigstore/verify.ts';

export const NOTATION_ARTIFACT_TYPE = 'application/vnd.cncf.notary.signature';
export const NOTATION_PAYLOAD_TYPE = 'application/vnd.cncf.notary.payload.v1+json';
export const NOTATION_MEDIA_TYPES = ['application/jose+json', 'application/cose'] as const;

/** A Notation signature (Notary Project specification 1.0): the layer of a referrer. */
export interface NotationSignature {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A signature that was read; nothing in it is verified yet. */
export interface ReadNotation {
  readonly target: Digest;
  /** The signing certificate's subject, for people. */
  readonly subject: string;
  readonly chain: readonly [Certificate, ...Certificate[]];
  readonly algorithm: NotationAlgorithm;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
  /** Milliseconds since 1970; null when it does not end by itself. */
  readonly expiry: number | null;
}

type NotationAlgorithm = (typeof ALGORITHMS)[number];

const ALGORITHMS = [
  { jose: 'ES256', cose: -7, hash: 'sha256', key: 'ec' },
  { jose: 'ES384', cose: -35, hash: 'sha384', key: 'ec' },
  { jose: 'ES512', cose: -36, hash: 'sha512', key: 'ec' },
  { jose: 'PS256', cose: -37, hash: 'sha256', key: 'rsa' },
  { jose: 'PS384', cose: -38, hash: 'sha384', key: 'rsa' },
  { jose: 'PS512', cose: -39, hash: 'sha512', key: 'rsa' },
] as const;

const SCHEME = 'io.cncf.notary.signingScheme';
const SIGNING_TIME = 'io.cncf.notary.signingTime';
const EXPIRY = 'io.cncf.notary.expiry';
/** What may be marked as critical: the rest would ask for a check that is not made here, such as a plug-in's. */
const UNDERSTOOD: readonly string[] = [SCHEME, EXPIRY];

/** @throws Fault trust.bundle-unreadable, Doubt certificate-rules */
export function readNotation({ mediaType, bytes }: NotationSignature): ReadNotation {
  if (bytes.length > NOTATION_BYTES_MAX)
    throw unreadable(`expected at most ${NOTATION_BYTES_MAX} bytes, got ${bytes.length}`);
  try {
    switch (mediaType) {
      case 'application/jose+json':
        return readJws(bytes);
      case 'application/cose':
        return readCose(bytes);
    }
  } catch (error) {
    if (error instanceof FormatError) throw unreadable(error.message, error);
    throw error;
  }
  throw unreadable(`expected a JWS or COSE envelope, got ${mediaType}`);
}

/**
 * Checks the signature under the authorities of a signer. Its signing time is the signer's own word, so the certificate
 * must be valid now.
 * @throws Doubt
 */
export function verifyNotation(
  notation: ReadNotation,
  trusted: { readonly authorities: readonly string[]; readonly subject: string },
  now: number,
): { identity: { kind: 'certificate'; issuer: string; subject: string }; times: readonly TrustedTime[]; logs: number } {
  const { chain, algorithm, expiry } = notation;
  const [leaf, ...between] = chain;
  const authorities = trusted.authorities.map((pem) => readCertificate(new X509Certificate(pem).raw));
  const path = findPath(leaf, [...between, ...authorities], OID.codeSigning, {
    memo: new SignatureMemo(),
    chainMemo: new SignatureMemo(),
  });
  const anchor = path.at(-1);
  // Anybody can put a root of his own into the chain: the end of the path must be one of ours.
  if (!authorities.some((authority) => authority.fingerprint === anchor?.fingerprint)) {
    throw new Doubt('chain-unknown', nameText(leaf.subject));
  }
  checkPathAt(path, now);
  if (expiry !== null && now >= expiry) throw new Doubt('signature-expired', timeText(expiry));
  const key = leaf.key.object();
  const held =
    key.asymmetricKeyType === algorithm.key &&
    verify(
      algorithm.hash,
      notation.signed,
      algorithm.key === 'ec' ? { key, dsaEncoding: 'ieee-p1363' } : { key, padding: 6, saltLength: -1 }, // PSS, salt as long as the hash
      notation.signature,
    );
  if (!held) throw new Doubt('signature-mismatch', nameText(leaf.subject));
  checkSubject(leaf, trusted.subject);
  return {
    identity: { kind: 'certificate', issuer: nameText(anchor?.subject ?? leaf.issuer), subject: notation.subject },
    times: [],
    logs: 0,
  };
}

function readJws(bytes: Uint8Array): ReadNotation {
  const envelope = fieldsOf(parseStrictJson(bytes, { maxDepth: DOCUMENT_DEPTH_MAX }), 'the envelope');
  const protectedText = required(envelope, 'protected', textOf);
  const payloadText = required(envelope, 'payload', textOf);
  const head = fieldsOf(parseStrictJson(base64Url(protectedText)), 'the protected header');
  const name = required(head, 'alg', textOf);
  const algorithm = ALGORITHMS.find(({ jose }) => jose === name);
  if (algorithm === undefined) throw unreadable(`algorithm ${name} is not one of Notation's`);
  const header = required(envelope, 'header', fieldsOf);
  const expiry = optional(head, EXPIRY, instantOf);
  checkHead(
    required(head, 'cty', textOf),
    required(head, SCHEME, textOf),
    optional(head, 'crit', listOf(16, textOf)) ?? [],
  );
  required(head, SIGNING_TIME, instantOf);
  return {
    target: readPayload(base64Url(payloadText)),
    ...readChain(required(header, 'x5c', listOf(CHAIN_LENGTH_MAX, bytesOf))),
    algorithm,
    signed: Buffer.from(`${protectedText}.${payloadText}`, 'latin1'),
    signature: base64Url(required(envelope, 'signature', textOf)),
    expiry,
  };
}

function readCose(bytes: Uint8Array): ReadNotation {
  const value = readCbor(bytes);
  const message = value.kind === 'tag' && value.tag === 18 ? value.value : value;
  const [head, unprotected, payload, signature, ...more] = message.kind === 'array' ? message.value : [];
  if (
    head?.kind !== 'bytes' ||
    unprotected?.kind !== 'map' ||
    payload?.kind !== 'bytes' ||
    signature?.kind !== 'bytes'
  ) {
    throw unreadable('expected COSE_Sign1');
  }
  if (more.length > 0) throw unreadable('expected COSE_Sign1 of four parts');
  const fields = mapOf(readCbor(head.value));
  const number = fields.get(1);
  const algorithm = ALGORITHMS.find(({ cose }) => number?.kind === 'integer' && cose === number.value);
  if (algorithm === undefined) throw unreadable("the algorithm is not one of Notation's");
  const critical = fields.get(2);
  const names = critical === undefined ? [] : critical.kind === 'array' ? critical.value : null;
  if (names === null) throw unreadable('its critical header is no list');
  // Integers name what every COSE reader knows (RFC 9052 section 3.1): algorithm and content type.
  const texts = names.filter((name) => !(name.kind === 'integer' && name.value >= 0 && name.value <= 7));
  checkHead(textIn(fields.get(3)), textIn(fields.get(SCHEME)), texts.map(textIn));
  const chain = mapOf(unprotected).get(33);
  const certificates = chain?.kind === 'array' ? chain.value : chain === undefined ? [] : [chain];
  if (certificates.length > CHAIN_LENGTH_MAX) throw unreadable('it carries too many certificates');
  const signed = ['Signature1', head.value, new Uint8Array(), payload.value] as const;
  return {
    target: readPayload(payload.value),
    ...readChain(certificates.map(bytesIn)),
    algorithm,
    signed: Buffer.concat([
      writeCborHead(4, signed.length),
      ...signed.flatMap((part) => {
        const content = typeof part === 'string' ? Buffer.from(part) : part;
        return [writeCborHead(typeof part === 'string' ? 3 : 2, content.length), content];
      }),
    ]),
    signature: signature.value,
    expiry: readEpoch(fields.get(EXPIRY)),
  };
}

function checkHead(contentType: string, scheme: string, critical: readonly string[]): void {
  if (contentType !== NOTATION_PAYLOAD_TYPE) throw unreadable(`expected a payload of Notation, got ${contentType}`);
  if (scheme !== 'notary.x509') throw unreadable(`signing scheme ${scheme} is not read`);
  const unknown = critical.find((name) => !UNDERSTOOD.includes(name));
  if (unknown !== undefined) throw unreadable(`critical header ${unknown} is not understood`);
}

function readPayload(bytes: Uint8Array): Digest {
  const payload = fieldsOf(parseStrictJson(bytes, { maxDepth: DOCUMENT_DEPTH_MAX }), 'the payload');
  return parseDigest(required(required(payload, 'targetArtifact', fieldsOf), 'digest', textOf));
}

function readChain(certificates: readonly Uint8Array[]): Pick<ReadNotation, 'chain' | 'subject'> {
  if (certificates.some((one) => one.length > CERTIFICATE_BYTES_MAX)) throw unreadable('a certificate is too large');
  const [leaf, ...rest] = certificates.map((one) => readCertificate(one));
  if (leaf === undefined) throw unreadable('it carries no certificate');
  return { chain: [leaf, ...rest], subject: nameText(leaf.subject) };
}

/** Attribute types of RFC 4514 section 3. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
};

/** Every attribute that the policy names must be in the subject with that very value. */
function checkSubject(leaf: Certificate, wanted: string): void {
  const pairs = der.membersOf(der.decode(leaf.subject), der.TAG.sequence).flatMap((set) =>
    der.membersOf(set, der.TAG.set).map((pair) => {
      const [oid, value] = der.membersOf(pair, der.TAG.sequence);
      return `${oid === undefined ? '' : der.readObjectIdentifier(oid)}=${Buffer.from(value?.content ?? []).toString('utf8')}`;
    }),
  );
  for (const part of wanted.split(/\s*,\s*/)) {
    const split = part.indexOf('=');
    const oid = ATTRIBUTES[part.slice(0, split)];
    if (split < 1 || oid === undefined || !pairs.includes(`${oid}=${part.slice(split + 1)}`)) {
      throw new Doubt('other-identity', wanted, nameText(leaf.subject));
    }
  }
}

function mapOf(value: Cbor): Map<string | number, Cbor> {
  if (value.kind !== 'map') throw unreadable('expected a map');
  const map = new Map<string | number, Cbor>();
  for (const [key, member] of value.value) {
    if (key.kind !== 'integer' && key.kind !== 'text') throw unreadable('a header has no name');
    if (map.has(key.value)) throw unreadable(`header ${key.value} is given twice`);
    map.set(key.value, member);
  }
  return map;
}

function textIn(value: Cbor | undefined): string {
  if (value?.kind !== 'text') throw unreadable('a header is missing or no text');
  return value.value;
}

function bytesIn(value: Cbor): Uint8Array {
  if (value.kind !== 'bytes') throw unreadable('a certificate is no byte string');
  return value.value;
}

/** Tag 1, seconds since 1970 (RFC 8949 section 3.4.2), as Notation writes times. */
function readEpoch(value: Cbor | undefined): number | null {
  if (value === undefined) return null;
  const inner = value.kind === 'tag' && value.tag === 1 ? value.value : value;
  if (inner.kind !== 'integer') throw unreadable('a time is not readable');
  return inner.value * 1000;
}

/** base64url without padding (RFC 7515 section 2), strictly: one text for one meaning. */
function base64Url(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text || text === '') throw unreadable('a part is not base64url');
  return bytes;
}
