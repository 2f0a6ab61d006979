import { hash } from 'node:crypto';
import { der, FormatError } from '../../formats/index.ts';
import { CHAIN_LENGTH_MAX } from '../limits.ts';
import { Doubt, timeText } from './doubt.ts';
import { type CheckedKey, checkedKey, HASH_OF_SIGNATURE, type SignatureMemo } from './signatures.ts';

const { decode, membersOf, readObjectIdentifier, readOctetString, readSmallInteger, readTime, readBitString, TAG } =
  der;

/** What of an X.509 certificate (RFC 5280) decides about a signature. Times are milliseconds since 1970. */
export interface Certificate {
  readonly der: Uint8Array;
  /** Lower-case hexadecimal SHA-256 of the whole certificate. */
  readonly fingerprint: string;
  readonly toBeSigned: Uint8Array;
  readonly serial: Uint8Array;
  /** Names as DER: two names are the same when their bytes are. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo in DER. */
  readonly publicKeyInfo: Uint8Array;
  readonly key: CheckedKey;
  readonly signatureHash: string | null;
  readonly signature: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly isAuthority: boolean;
  readonly pathLength: number | null;
  readonly keyUsage: number | null;
  readonly extendedKeyUsage: readonly string[] | null;
}

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
  readonly whole: Uint8Array;
}

export const OID = {
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  anyUsage: '2.5.29.37.0',
  signedTimestamps: '1.3.6.1.4.1.11129.2.4.2',
  fulcioIssuer: '1.3.6.1.4.1.57264.1.1',
  fulcioIssuerText: '1.3.6.1.4.1.57264.1.8',
  fulcioOtherName: '1.3.6.1.4.1.57264.1.7',
} as const;

/** Critical extensions whose meaning is checked here; another one means that we do not know what we would accept. */
const UNDERSTOOD = new Set<string>([OID.keyUsage, OID.subjectAltName, OID.basicConstraints, OID.extendedKeyUsage]);

const KEY_USAGE_SIGN = 0x80; // bit 0, digitalSignature
const KEY_USAGE_CERTIFICATES = 0x04; // bit 5, keyCertSign

/**
 * Reads a certificate strictly.
 * @throws Doubt certificate-rules
 */
export function readCertificate(bytes: Uint8Array): Certificate {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw new Doubt('certificate-rules', error.message);
    throw error;
  }
}

function parse(bytes: Uint8Array): Certificate {
  const [toBeSigned, algorithm, signature] = exactly(decode(bytes), 3, 3);
  if (toBeSigned === undefined || algorithm === undefined || signature === undefined) throw broken('three parts');
  const members = membersOf(toBeSigned, TAG.sequence);
  const [versionBox] = members;
  if (versionBox?.tag !== 0xa0) throw broken('it is not of version 3');
  const version = readSmallInteger(decode(versionBox.content));
  const [, serial, innerAlgorithm, issuer, validity, subject, publicKeyInfo, ...rest] = members;
  if (version !== 2 || serial === undefined || innerAlgorithm === undefined || issuer === undefined)
    throw broken('version 3');
  if (validity === undefined || subject === undefined || publicKeyInfo === undefined) throw broken('it is cut short');
  if (!Buffer.from(innerAlgorithm.whole).equals(algorithm.whole)) throw broken('it names two signature algorithms');
  const [from, until] = exactly(validity, 2, 2);
  const extensions = readExtensions(rest.find((member) => member.tag === 0xa3));
  const extensionValue = (oid: string): Uint8Array | null => extensions.find((one) => one.oid === oid)?.value ?? null;
  const constraints = readBasicConstraints(extensionValue(OID.basicConstraints));
  const keyUsage = extensionValue(OID.keyUsage);
  const extended = extensionValue(OID.extendedKeyUsage);
  return {
    der: bytes,
    fingerprint: hash('sha256', bytes, 'hex'),
    toBeSigned: toBeSigned.whole,
    serial: serial.content,
    issuer: issuer.whole,
    subject: subject.whole,
    notBefore: readTime(from ?? validity),
    notAfter: readTime(until ?? validity),
    publicKeyInfo: publicKeyInfo.whole,
    key: checkedKey(publicKeyInfo.whole),
    signatureHash: signatureHash(algorithm),
    signature: readBitString(signature),
    extensions,
    ...constraints,
    keyUsage: keyUsage === null ? null : (decode(keyUsage).content[1] ?? 0),
    extendedKeyUsage: extended === null ? null : membersOf(decode(extended), TAG.sequence).map(readObjectIdentifier),
  };
}

function signatureHash(algorithm: der.DerValue): string | null {
  const [oid] = membersOf(algorithm, TAG.sequence);
  const name = oid === undefined ? '' : readObjectIdentifier(oid);
  if (!Object.hasOwn(HASH_OF_SIGNATURE, name)) throw broken(`signature algorithm ${name}`);
  return HASH_OF_SIGNATURE[name] ?? null;
}

function readExtensions(box: der.DerValue | undefined): Extension[] {
  if (box === undefined) return [];
  const seen = new Set<string>();
  return membersOf(decode(box.content), TAG.sequence).map((extension) => {
    const [oidValue, second, third] = exactly(extension, 2, 3);
    const value = third ?? second;
    if (oidValue === undefined || value === undefined) throw broken('an extension is cut short');
    const oid = readObjectIdentifier(oidValue);
    if (seen.has(oid)) throw broken(`extension ${oid} twice`); // RFC 5280 section 4.2
    seen.add(oid);
    const critical = third !== undefined && second?.tag === TAG.boolean && second.content[0] === 0xff;
    return { oid, critical, value: readOctetString(value), whole: extension.whole };
  });
}

function readBasicConstraints(value: Uint8Array | null): { isAuthority: boolean; pathLength: number | null } {
  if (value === null) return { isAuthority: false, pathLength: null };
  const [first, second] = membersOf(decode(value), TAG.sequence);
  const isAuthority = first?.tag === TAG.boolean && first.content[0] === 0xff;
  return { isAuthority, pathLength: isAuthority && second !== undefined ? readSmallInteger(second) : null };
}

/** A path from a certificate to one that the trusted root lists, nearest first. Signatures hold; times are not asked yet. */
export type CertificatePath = readonly [Certificate, ...Certificate[]];

/**
 * RFC 5280 section 6 for the profiles of Sigstore: names chain, signatures hold, authorities are authorities within their
 * path length, the purpose is allowed all the way, nothing critical is unknown.
 * @param trusted certificates of one authority of the trusted root; the last one is its anchor
 * @throws Doubt chain-unknown, certificate-rules
 */
export function findPath(
  leaf: Certificate,
  trusted: readonly Certificate[],
  purpose: string,
  memos: { readonly memo: SignatureMemo; readonly chainMemo: SignatureMemo },
): CertificatePath {
  checkLeaf(leaf, purpose);
  const path: [Certificate, ...Certificate[]] = [leaf];
  for (let current = leaf; ; ) {
    if (current !== leaf && isAnchor(current, trusted)) return path;
    if (path.length > CHAIN_LENGTH_MAX) throw new Doubt('certificate-rules', 'its chain is too long');
    const below = path.length - 1; // authorities between the next one and the leaf
    const issuer = trusted.find(
      (one) =>
        Buffer.from(one.subject).equals(current.issuer) &&
        !path.includes(one) &&
        // What the trusted root's own certificates sign about each other stays true however many bundles come by.
        (current === leaf ? memos.memo : memos.chainMemo).holds(
          one.key,
          current.signatureHash,
          current.toBeSigned,
          current.signature,
        ),
    );
    if (issuer === undefined) throw new Doubt('chain-unknown', nameText(leaf.subject));
    checkAuthority(issuer, below, purpose);
    path.push(issuer);
    current = issuer;
  }
}

function isAnchor(certificate: Certificate, trusted: readonly Certificate[]): boolean {
  return certificate === trusted.at(-1) || Buffer.from(certificate.subject).equals(certificate.issuer);
}

function checkLeaf(leaf: Certificate, purpose: string): void {
  checkCritical(leaf);
  if (leaf.isAuthority) throw new Doubt('certificate-rules', 'an authority signs no artifacts');
  if (leaf.keyUsage !== null && (leaf.keyUsage & KEY_USAGE_SIGN) === 0) {
    throw new Doubt('certificate-rules', 'its key is not for signatures');
  }
  if (leaf.extendedKeyUsage?.includes(purpose) !== true) {
    throw new Doubt(
      'certificate-rules',
      purpose === OID.timeStamping ? 'it is not for time stamps' : 'it is not for signing code',
    );
  }
}

function checkAuthority(authority: Certificate, below: number, purpose: string): void {
  checkCritical(authority);
  if (!authority.isAuthority) throw new Doubt('certificate-rules', `${nameText(authority.subject)} is no authority`);
  if (authority.keyUsage !== null && (authority.keyUsage & KEY_USAGE_CERTIFICATES) === 0) {
    throw new Doubt('certificate-rules', `${nameText(authority.subject)} may not sign certificates`);
  }
  if (authority.pathLength !== null && authority.pathLength < below) {
    throw new Doubt('certificate-rules', `${nameText(authority.subject)} allows no further authority`);
  }
  const usages = authority.extendedKeyUsage;
  if (usages !== null && !usages.includes(purpose) && !usages.includes(OID.anyUsage)) {
    throw new Doubt('certificate-rules', `${nameText(authority.subject)} is for something else`);
  }
}

function checkCritical(certificate: Certificate): void {
  const unknown = certificate.extensions.find((one) => one.critical && !UNDERSTOOD.has(one.oid));
  if (unknown !== undefined)
    throw new Doubt('certificate-rules', `critical extension ${unknown.oid} is not understood`);
}

/** Every certificate of the path was valid then; both ends count (RFC 5280 section 4.1.2.5). @throws Doubt certificate-time */
export function checkPathAt(path: CertificatePath, at: number): void {
  for (const { subject, notBefore, notAfter } of path) {
    if (!(at >= notBefore && at <= notAfter)) {
      throw new Doubt('certificate-time', nameText(subject), timeText(at), timeText(notBefore), timeText(notAfter));
    }
  }
}

/** Whom a certificate authority of Sigstore vouches for. */
export interface CertificateIdentity {
  /** The OIDC issuer. */
  readonly issuer: string;
  readonly subject: string;
  /** An e-mail address never passes for a URI that looks like it. */
  readonly subjectKind: 'email' | 'uri' | 'username';
}

/**
 * Fulcio's profile: one alternative name, and the issuer in an extension.
 * @throws Doubt certificate-rules
 */
export function identityOf(certificate: Certificate): CertificateIdentity {
  try {
    return { issuer: issuerOf(certificate), ...subjectOf(certificate) };
  } catch (error) {
    if (error instanceof FormatError) throw new Doubt('certificate-rules', error.message);
    throw error;
  }
}

function issuerOf({ extensions }: Certificate): string {
  const current = extensions.find((one) => one.oid === OID.fulcioIssuerText);
  const old = extensions.find((one) => one.oid === OID.fulcioIssuer);
  const issuer =
    current !== undefined ? strictText(decode(current.value).content) : old !== undefined ? strictText(old.value) : '';
  if (issuer === '') throw new Doubt('certificate-rules', 'it names no issuer of the identity');
  return issuer;
}

function subjectOf({ extensions }: Certificate): Omit<CertificateIdentity, 'issuer'> {
  const names = extensions.find((one) => one.oid === OID.subjectAltName);
  const [name, ...more] = names === undefined ? [] : membersOf(decode(names.value), TAG.sequence);
  if (name === undefined || more.length > 0)
    throw new Doubt('certificate-rules', 'it does not name exactly one subject');
  const [subject, subjectKind] = readName(name);
  if (subject === '') throw new Doubt('certificate-rules', 'it names no subject');
  return { subject, subjectKind };
}

function readName(name: der.DerValue): [string, CertificateIdentity['subjectKind']] {
  switch (name.tag) {
    case 0x81:
      return [strictText(name.content), 'email'];
    case 0x86:
      return [strictText(name.content), 'uri'];
    case 0xa0: {
      const [oid, value] = membersOf({ ...name, tag: TAG.sequence }, TAG.sequence);
      if (oid !== undefined && value !== undefined && readObjectIdentifier(oid) === OID.fulcioOtherName) {
        return [strictText(decode(value.content).content), 'username'];
      }
    }
  }
  throw new Doubt('certificate-rules', 'its subject is neither an e-mail address, a URI nor a user name');
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function strictText(bytes: Uint8Array): string {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw new Doubt('certificate-rules', 'a name in it is not UTF-8');
  }
  // A NUL or line end inside a name is how one name has passed for another before.
  if (/\p{Cc}/u.test(text)) throw new Doubt('certificate-rules', 'a name in it holds control characters');
  return text;
}

/** A distinguished name for people: organisation and common name. */
export function nameText(name: Uint8Array): string {
  const parts: string[] = [];
  try {
    for (const set of membersOf(decode(name), TAG.sequence)) {
      for (const pair of membersOf(set, TAG.set)) {
        const [oid, value] = membersOf(pair, TAG.sequence);
        const known = oid === undefined ? '' : readObjectIdentifier(oid);
        if (value !== undefined && (known === OID.commonName || known === OID.organization)) {
          parts.push(Buffer.from(value.content).toString('utf8'));
        }
      }
    }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return '?';
  }
  return parts.join(' ') || '—';
}

function exactly(value: der.DerValue, least: number, most: number): der.DerValue[] {
  const members = membersOf(value, TAG.sequence);
  if (members.length < least || members.length > most) throw broken('it has another number of parts');
  return members;
}

function broken(why: string): Doubt {
  return new Doubt('certificate-rules', why);
}
