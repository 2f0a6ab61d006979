import { hash } from 'node:crypto';
import { der } from '../../formats/index.ts';
import { PROVEN_CERTIFICATES_MAX } from '../limits.ts';
import {
  type Certificate,
  type CertificateIdentity,
  type CertificatePath,
  checkPathAt,
  findPath,
  identityOf,
  OID,
  readCertificate,
} from './certificate.ts';
import { Doubt, timeText } from './doubt.ts';
import { usualHash } from './signatures.ts';
import { covers, type TrustedAuthority, type TrustedRoot } from './trusted-root.ts';

const { decode, membersOf, readOctetString, sequence, TAG } = der;

/**
 * What is true of one certificate under one trusted root whatever the time: who issued it, that a certificate log knows
 * it, whom it names. The time of signing is asked anew for each signature.
 */
export interface ProvenCertificate {
  readonly certificate: Certificate;
  readonly identity: CertificateIdentity;
  readonly paths: readonly { readonly path: CertificatePath; readonly authority: TrustedAuthority }[];
}

/** By the SHA-256 of the whole certificate, within one trusted root; the oldest goes first. */
export type ProvenCertificates = Map<string, ProvenCertificate>;

/**
 * Proves a certificate of the bundle.
 * @throws Doubt chain-unknown, certificate-rules, sct-missing, sct-wrong
 */
export function proveCertificate(bytes: Uint8Array, root: TrustedRoot): ProvenCertificate {
  const name = hash('sha256', bytes, 'base64');
  const known = root.proven.get(name);
  if (known !== undefined) return known;
  const certificate = readCertificate(bytes);
  const paths: { path: CertificatePath; authority: TrustedAuthority }[] = [];
  let nearest: Doubt | null = null;
  for (const authority of root.certificateAuthorities) {
    try {
      const path = findPath(certificate, authority.certificates, OID.codeSigning, root);
      checkCertificateLogs(certificate, path[1] ?? certificate, root);
      paths.push({ path, authority });
    } catch (error) {
      if (!(error instanceof Doubt)) throw error;
      if (nearest === null || nearest.code === 'chain-unknown') nearest = error;
    }
  }
  if (paths.length === 0) throw nearest ?? new Doubt('chain-unknown', 'the trusted root lists no authority');
  const proven = { certificate, identity: identityOf(certificate), paths };
  if (root.proven.size >= PROVEN_CERTIFICATES_MAX) {
    for (const oldest of root.proven.keys()) {
      root.proven.delete(oldest);
      break;
    }
  }
  root.proven.set(name, proven);
  return proven;
}

/**
 * The certificate, its authorities and the root's own word for them were all valid then.
 * @throws Doubt certificate-time, authority-time
 */
export function checkProvenAt({ paths }: ProvenCertificate, at: number): void {
  let nearest: Doubt | null = null;
  for (const { path, authority } of paths) {
    try {
      checkPathAt(path, at);
      if (covers(authority.valid, at)) return;
      throw new Doubt('authority-time', authority.name, timeText(at));
    } catch (error) {
      if (!(error instanceof Doubt)) throw error;
      nearest ??= error;
    }
  }
  throw nearest ?? new Doubt('time-missing');
}

/** One signed certificate timestamp (RFC 6962 section 3.2). */
interface CertificateTimestamp {
  readonly logId: string;
  readonly at: number;
  readonly extensions: Uint8Array;
  readonly signature: Uint8Array;
}

/** RFC 6962 section 3: each timestamp in the certificate must hold, and there must be one. */
function checkCertificateLogs(leaf: Certificate, issuer: Certificate, root: TrustedRoot): void {
  const extension = leaf.extensions.find((one) => one.oid === OID.signedTimestamps);
  const timestamps = extension === undefined ? [] : readTimestamps(readOctetString(decode(extension.value)));
  if (extension === undefined || timestamps.length === 0) throw new Doubt('sct-missing');
  const body = withoutExtension(leaf, extension.whole);
  for (const { logId, at, extensions, signature } of timestamps) {
    const logs = root.certificateLogs.filter((log) => log.ids.includes(logId) && covers(log.valid, at));
    if (logs.length === 0) throw new Doubt('sct-wrong', `log ${logId} is not trusted at ${timeText(at)}`);
    const signed = Buffer.concat([
      Buffer.from([0, 0]), // v1, certificate_timestamp
      unsigned(at, 8),
      Buffer.from([0, 1]), // precert_entry
      issuer.key.id,
      unsigned(body.length, 3),
      body,
      unsigned(extensions.length, 2),
      extensions,
    ]);
    if (!logs.some(({ key }) => root.memo.holds(key, usualHash(key), signed, signature))) {
      throw new Doubt('sct-wrong', 'its signature does not hold');
    }
  }
}

function readTimestamps(list: Uint8Array): CertificateTimestamp[] {
  const bytes = Buffer.from(list);
  const short = (): Doubt => new Doubt('sct-wrong', 'it is cut short');
  if (bytes.length < 2 || bytes.readUInt16BE(0) !== bytes.length - 2) throw short();
  const timestamps: CertificateTimestamp[] = [];
  for (let at = 2; at < bytes.length; ) {
    if (at + 2 > bytes.length) throw short();
    const end = at + 2 + bytes.readUInt16BE(at);
    const one = bytes.subarray(at + 2, end);
    if (end > bytes.length || one.length < 47) throw short();
    if (one[0] !== 0) throw new Doubt('sct-wrong', 'it is not of version 1');
    const extensionsEnd = 43 + one.readUInt16BE(41);
    if (extensionsEnd + 4 > one.length) throw short();
    const signatureEnd = extensionsEnd + 4 + one.readUInt16BE(extensionsEnd + 2);
    if (signatureEnd !== one.length) throw short();
    // hash 4 is SHA-256; signature 1 is RSA, 3 is ECDSA (RFC 5246 section 7.4.1.4.1)
    if (one[extensionsEnd] !== 4) throw new Doubt('sct-wrong', 'its hash is not SHA-256');
    timestamps.push({
      logId: one.subarray(1, 33).toString('base64'),
      at: Number(one.readBigUInt64BE(33)),
      extensions: one.subarray(43, extensionsEnd),
      signature: one.subarray(extensionsEnd + 4, signatureEnd),
    });
    at = end;
  }
  return timestamps;
}

/** The certificate as the log saw it: without the extension that holds the log's answer. */
function withoutExtension(leaf: Certificate, whole: Uint8Array): Buffer {
  const members = membersOf(decode(leaf.toBeSigned), TAG.sequence).map((member) => {
    if (member.tag !== 0xa3) return member.whole;
    const kept = membersOf(decode(member.content), TAG.sequence).filter(
      (one) => Buffer.compare(one.whole, whole) !== 0,
    );
    return der.context(3, sequence(...kept.map((one) => one.whole)));
  });
  return sequence(...members);
}

function unsigned(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64BE(BigInt(value));
  return buffer.subarray(8 - bytes);
}
