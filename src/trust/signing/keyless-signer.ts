import { generateKeyPairSync, hash, randomBytes, sign, X509Certificate } from 'node:crypto';
import { der, parseStrictJson } from '../../formats/index.ts';
import type { Json, Text } from '../../system/index.ts';
import { preAuthenticationEncoding, type SerializedEnvelope, serializeEnvelope } from '../dsse.ts';
import { trustFault } from '../errors.ts';
import { DOCUMENT_DEPTH_MAX, SERVICE_ANSWER_BYTES_MAX } from '../limits.ts';
import { networkReason } from '../network-reason.ts';
import { reasonInWords } from '../reason-words.ts';
import { bytesOf, countOf, type Fields, fieldsOf, listOf, optional, required, textOf } from '../sigstore/fields.ts';
import type { KeylessSigner, WitnessedMaterial } from './signer.ts';

const TIMEOUT_MS = 30_000;

/** The services of a Sigstore instance that signing asks; a time stamp authority is optional. */
export interface SigningServices {
  readonly fulcio: string;
  readonly rekor: string;
  /** Rekor 2 (tiles) gives no time of its own: a time stamp authority is needed then. 1 when left out. */
  readonly rekorVersion?: 1 | 2;
  readonly timestamp: string | null;
}

/**
 * Signs with a key that lives for one signature. An OIDC token says who signs; the certificate authority vouches for it,
 * the transparency log makes it public, the time stamp authority says when.
 * @param token an OIDC identity token; it goes to the certificate authority and nowhere else
 */
export function keylessSigner(services: SigningServices, token: string): KeylessSigner {
  return {
    kind: 'certificate',
    async signWitnessed({ payloadType, payload }) {
      const { rekorVersion = 1 } = services;
      if (rekorVersion === 2 && services.timestamp === null) {
        throw failed(services.rekor, 'its second version gives no time: name a time stamp authority as well');
      }
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const proof = sign('sha256', Buffer.from(subjectOf(token)), privateKey);
      const publicPem = publicKey.export({ format: 'pem', type: 'spki' }) as string;
      const certificate = await askForCertificate(services.fulcio, token, publicPem, proof);
      if (!certificate.publicKey.equals(publicKey)) throw failed(services.fulcio, 'it certified another key');
      const signature = sign('sha256', preAuthenticationEncoding(payloadType, payload), privateKey);
      const envelope = serializeEnvelope({ payloadType, payload, signatures: [{ keyid: '', sig: signature }] });
      const stamp = services.timestamp === null ? null : await askForStamp(services.timestamp, signature);
      const entry =
        rekorVersion === 2
          ? await askForTile(services.rekor, envelope, certificate)
          : await askForEntry(services.rekor, JSON.stringify(envelope), certificate.toString());
      const material: WitnessedMaterial = {
        certificate: { rawBytes: certificate.raw.toString('base64') },
        tlogEntries: [entry],
        ...(stamp === null
          ? {}
          : {
              timestampVerificationData: {
                rfc3161Timestamps: [{ signedTimestamp: Buffer.from(stamp).toString('base64') }],
              },
            }),
      };
      return { signature, material };
    },
  };
}

/** What Fulcio wants a proof of possession over: the address where the token has one, else the subject. */
function subjectOf(token: string): string {
  const [, payload = ''] = token.split('.');
  try {
    const claims = fieldsOf(parseStrictJson(Buffer.from(payload, 'base64url')), 'the token');
    return optional(claims, 'email', textOf) ?? required(claims, 'sub', textOf);
  } catch {
    throw trustFault('trust.identity-token', {}); // the cause would hold parts of the token
  }
}

async function askForCertificate(
  fulcio: string,
  token: string,
  publicPem: string,
  proof: Uint8Array,
): Promise<X509Certificate> {
  const answer = await ask(fulcio, '/api/v2/signingCert', {
    credentials: { oidcIdentityToken: token },
    publicKeyRequest: {
      publicKey: { algorithm: 'ECDSA', content: publicPem },
      proofOfPossession: Buffer.from(proof).toString('base64'),
    },
  });
  const signed =
    optional(answer, 'signedCertificateEmbeddedSct', fieldsOf) ??
    required(answer, 'signedCertificateDetachedSct', fieldsOf);
  const [leaf] = required(required(signed, 'chain', fieldsOf), 'certificates', listOf(16, textOf));
  try {
    return new X509Certificate(leaf ?? '');
  } catch (cause) {
    throw failed(fulcio, 'its certificate is not readable', cause);
  }
}

/** RFC 3161 section 2.4.1, with the certificate asked for. */
async function askForStamp(address: string, signature: Uint8Array): Promise<Uint8Array> {
  const { boolean, integer, objectIdentifier, octetString, sequence } = der;
  const algorithm = sequence(objectIdentifier('2.16.840.1.101.3.4.2.1'));
  const request = sequence(
    integer(Uint8Array.of(1)),
    sequence(algorithm, octetString(hash('sha256', signature, 'buffer'))),
    integer(randomBytes(8)),
    boolean(true),
  );
  return post(address, request, 'application/timestamp-query');
}

/** Rekor 1 with an entry of kind dsse; its answer becomes the form that bundles carry. */
async function askForEntry(rekor: string, envelope: string, certificatePem: string): Promise<Json> {
  const answer = await ask(rekor, '/api/v1/log/entries', {
    apiVersion: '0.0.1',
    kind: 'dsse',
    spec: { proposedContent: { envelope, verifiers: [Buffer.from(certificatePem).toString('base64')] } },
  });
  const [value] = Object.values(answer);
  const entry = fieldsOf(value, 'the log entry');
  const verification = required(entry, 'verification', fieldsOf);
  const proof = required(verification, 'inclusionProof', fieldsOf);
  const hex = (text: string): string => Buffer.from(text, 'hex').toString('base64');
  const body = fieldsOf(
    parseStrictJson(required(entry, 'body', bytesOf), { maxDepth: DOCUMENT_DEPTH_MAX }),
    'the log entry',
  );
  return {
    logIndex: String(required(entry, 'logIndex', countOf)),
    logId: { keyId: hex(required(entry, 'logID', textOf)) },
    kindVersion: { kind: required(body, 'kind', textOf), version: required(body, 'apiVersion', textOf) },
    integratedTime: String(required(entry, 'integratedTime', countOf)),
    inclusionPromise: { signedEntryTimestamp: required(verification, 'signedEntryTimestamp', textOf) },
    inclusionProof: {
      logIndex: String(required(proof, 'logIndex', countOf)),
      rootHash: hex(required(proof, 'rootHash', textOf)),
      treeSize: String(required(proof, 'treeSize', countOf)),
      hashes: required(proof, 'hashes', listOf(64, textOf)).map(hex),
      checkpoint: { envelope: required(proof, 'checkpoint', textOf) },
    },
    canonicalizedBody: required(entry, 'body', textOf),
  };
}

/**
 * Rekor 2 (rekor-tiles, `POST /api/v2/log/entries`): the answer is a TransparencyLogEntry as bundles carry it, with its
 * proof and checkpoint and without a time.
 */
async function askForTile(
  rekor: string,
  { payload, payloadType, signatures }: SerializedEnvelope,
  certificate: X509Certificate,
): Promise<Json> {
  const rawBytes = certificate.raw.toString('base64');
  const answer = await ask(rekor, '/api/v2/log/entries', {
    dsseRequestV002: {
      envelope: { payload, payloadType, signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig })) },
      verifiers: [{ x509Certificate: { rawBytes }, keyDetails: 'PKIX_ECDSA_P256_SHA_256' }],
    },
  });
  const kindVersion = required(answer, 'kindVersion', fieldsOf);
  const proof = required(answer, 'inclusionProof', fieldsOf);
  return {
    logIndex: String(required(answer, 'logIndex', countOf)),
    logId: { keyId: required(required(answer, 'logId', fieldsOf), 'keyId', textOf) },
    kindVersion: { kind: required(kindVersion, 'kind', textOf), version: required(kindVersion, 'version', textOf) },
    inclusionProof: {
      logIndex: String(required(proof, 'logIndex', countOf)),
      rootHash: required(proof, 'rootHash', textOf),
      treeSize: String(required(proof, 'treeSize', countOf)),
      hashes: optional(proof, 'hashes', listOf(64, textOf)) ?? [],
      checkpoint: { envelope: required(required(proof, 'checkpoint', fieldsOf), 'envelope', textOf) },
    },
    canonicalizedBody: required(answer, 'canonicalizedBody', textOf),
  };
}

async function ask(base: string, path: string, body: Json): Promise<Fields> {
  const bytes = await post(`${base.replace(/\/+$/, '')}${path}`, Buffer.from(JSON.stringify(body)), 'application/json');
  try {
    return fieldsOf(parseStrictJson(bytes, { maxDepth: DOCUMENT_DEPTH_MAX }), 'the answer');
  } catch (cause) {
    throw failed(base, 'its answer is no JSON object', cause);
  }
}

async function post(url: string, body: Uint8Array, contentType: string): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, {
      ...{ method: 'POST', headers: { 'content-type': contentType }, body: Buffer.from(body) },
      ...{ redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) },
    });
  } catch (cause) {
    throw failed(url, networkReason(cause), cause);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > SERVICE_ANSWER_BYTES_MAX) throw failed(url, `it answers more than ${SERVICE_ANSWER_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  if (!response.ok) throw failed(url, `it answered ${response.status}`);
  return Buffer.concat(chunks);
}

function failed(service: string, why: Text | string, cause?: unknown): Error {
  const reason = typeof why === 'string' ? reasonInWords(why) : why;
  return trustFault('trust.service-failed', { service, reason }, cause === undefined ? {} : { cause });
}
