/**
 * The platform's own certificate authority: servers (control, registry, edge), clients (agents) and the wildcard of the
 * published domain. ECDSA P-256 throughout (RFC 5480), profiles after RFC 5280 section 4.2.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import { isIP, isIPv4 } from 'node:net';
import { der, FormatError } from '../formats/index.ts';
import type { Clock } from '../system/index.ts';
import { networkFault } from './errors.ts';
import {
  CERTIFICATE_NAMES_MAX,
  CLOCK_SKEW_MS,
  COMMON_NAME_CHARACTERS_MAX,
  DNS_LABEL_CHARACTERS_MAX,
  DNS_NAME_CHARACTERS_MAX,
  REQUEST_BYTES_MAX,
} from './limits.ts';

const { bitString, boolean, context, contextPrimitive, decode, integer, membersOf } = der;
const { objectIdentifier, octetString, sequence, set, TAG, time, utf8String } = der;
const DAY_MS = 86_400_000;
const HOURS_OF_DAY = 24;
const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  extensionRequest: '1.2.840.113549.1.9.14',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;
const SIGNATURE_ALGORITHM = sequence(objectIdentifier(OID.ecdsaWithSha256));

/** A certificate authority that can sign. Its key stays in a private field, so that no log or JSON shows it. */
export class Authority {
  readonly name: string;
  readonly certificatePem: string;
  readonly clock: Clock;
  readonly #key: KeyObject;

  constructor(name: string, certificatePem: string, key: KeyObject, clock: Clock) {
    this.name = name;
    this.certificatePem = certificatePem;
    this.clock = clock;
    this.#key = key;
  }

  sign(bytes: Uint8Array): Uint8Array {
    return sign('sha256', bytes, this.#key);
  }

  /** PKCS #8 in PEM, encrypted (PBES2, AES-256) when a passphrase is given. */
  privateKeyPem(passphrase?: string): string {
    return exportKey(this.#key, passphrase);
  }
}

/** A certificate with the key that belongs to it; both in PEM, the key as PKCS #8. Times are RFC 3339 in UTC. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface CertificateDescription {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly fingerprintSha256: string;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
}

/**
 * Makes a root that signs end-entity certificates only (path length 0).
 * @param options.domains when given, the root may only ever vouch for these DNS names and those below them (critical
 *   name constraints, RFC 5280 section 4.2.1.10): whoever trusts it in a browser risks nothing beyond them
 * @param options.days life of the root, 3650 by default
 */
export function createAuthority(options: {
  name: string;
  clock: Clock;
  domains?: readonly string[];
  days?: number;
}): Authority {
  const { name, clock, domains, days = 3650 } = options;
  checkSubject(name);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const extensions = [
    extension(OID.basicConstraints, true, sequence(boolean(true), integer(Uint8Array.of(0)))),
    // keyCertSign (bit 5) and cRLSign (bit 6)
    extension(OID.keyUsage, true, bitString(Uint8Array.of(0b0000_0110), 1)),
    extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(publicKey))),
  ];
  if (domains !== undefined) extensions.push(nameConstraints(domains));
  const tbs = toBeSigned({ issuer: name, subject: name, publicKey, extensions, days, clock });
  const certificate = signed(tbs, sign('sha256', tbs, privateKey));
  return new Authority(name, toPem('CERTIFICATE', certificate), privateKey, clock);
}

/** Reads an authority back. @throws Fault `network.authority-broken` when key and certificate are not a pair or not an authority */
export function parseAuthority(
  pem: { certificatePem: string; privateKeyPem: string; passphrase?: string },
  clock: Clock,
): Authority {
  let certificate: X509Certificate;
  let key: KeyObject;
  try {
    certificate = new X509Certificate(pem.certificatePem);
    key = createPrivateKey({
      key: pem.privateKeyPem,
      ...(pem.passphrase === undefined ? {} : { passphrase: pem.passphrase }),
    });
  } catch (cause) {
    throw networkFault('network.authority-broken', { reason: 'its PEM is not readable' }, { cause });
  }
  if (!certificate.ca)
    throw networkFault('network.authority-broken', { reason: 'its certificate is not an authority' });
  if (!certificate.checkPrivateKey(key)) {
    throw networkFault('network.authority-broken', { reason: 'its key belongs to another certificate' });
  }
  return new Authority(commonName(certificate.subject), certificate.toString(), key, clock);
}

/** An authority as PEM texts to keep: the key encrypted when a passphrase is given. */
export function serialiseAuthority(authority: Authority, passphrase?: string): IssuedCertificate {
  return { certificatePem: authority.certificatePem, privateKeyPem: authority.privateKeyPem(passphrase) };
}

/**
 * Issues a TLS server certificate for DNS names (a leading `*.` label allowed) and addresses.
 * @throws Fault `network.name-invalid`, `network.wildcard-too-wide`, `network.address-invalid`
 */
export function issueServerCertificate(
  authority: Authority,
  options: { names: readonly string[]; addresses?: readonly string[]; days?: number },
): IssuedCertificate {
  const { names, addresses = [], days = 90 } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const first = names[0] ?? addresses[0] ?? '';
  const certificatePem = issue(authority, {
    // Clients read the alternative names only; a name too long for a common name is left out of it.
    subject: first.length <= COMMON_NAME_CHARACTERS_MAX ? first : 'darsena',
    publicKey,
    days,
    usage: OID.serverAuth,
    alternativeNames: alternativeNames(names, addresses),
  });
  return { certificatePem, privateKeyPem: exportKey(privateKey) };
}

/** Issues a TLS client certificate whose common name is `subject`, such as `agent:host1`. */
export function issueClientCertificate(
  authority: Authority,
  options: { subject: string; days?: number },
): IssuedCertificate {
  const { subject, days = 90 } = options;
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificatePem = issue(authority, { subject, publicKey, days, usage: OID.clientAuth });
  return { certificatePem, privateKeyPem: exportKey(privateKey) };
}

/** The wildcard certificate of a published domain: `*.<domain>` and the domain itself. */
export function issueWildcardCertificate(
  authority: Authority,
  options: { domain: string; days?: number },
): IssuedCertificate {
  const { domain, days = 90 } = options;
  return issueServerCertificate(authority, { names: [`*.${domain}`, domain], days });
}

/** The domain an instance publishes under when nobody chose one; see decisions/0003-default-domain.md. */
export function defaultDomain(instance: string): string {
  return `${instance}.localhost`;
}

/** Makes a key and a PKCS #10 request (RFC 2986) that proves possession of it; the key never leaves the caller. */
export function createRequest(options: { subject: string }): { requestPem: string; privateKeyPem: string } {
  checkSubject(options.subject);
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = sequence(
    integer(Uint8Array.of(0)),
    distinguishedName(options.subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(0),
  );
  const request = sequence(info, SIGNATURE_ALGORITHM, bitString(sign('sha256', info, privateKey)));
  return { requestPem: toPem('CERTIFICATE REQUEST', request), privateKeyPem: exportKey(privateKey) };
}

/** Makes a key and a request for a server certificate of these names, as other authorities take it (RFC 2986, RFC 2985 section 5.4.2). */
export function createServerRequest(names: readonly string[]): { requestDer: Uint8Array; privateKeyPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const wanted = sequence(extension(OID.subjectAltName, false, alternativeNames(names, [])));
  const info = sequence(
    integer(Uint8Array.of(0)),
    sequence(),
    publicKey.export({ type: 'spki', format: 'der' }),
    context(0, sequence(objectIdentifier(OID.extensionRequest), set(wanted))),
  );
  const request = sequence(info, SIGNATURE_ALGORITHM, bitString(sign('sha256', info, privateKey)));
  return { requestDer: request, privateKeyPem: exportKey(privateKey) };
}

/**
 * Turns a request into a client certificate. Of the request only the public key is taken, after its signature is
 * verified: the subject is the caller's decision, never the requester's wish.
 * @throws Fault `network.request-refused`, `network.der-broken`
 */
export function signRequest(
  authority: Authority,
  requestPem: string,
  options: { subject: string } & ({ days?: number } | { hours: number }),
): { certificatePem: string } {
  const publicKey = verifyRequest(requestPem);
  const { subject } = options;
  const days = 'hours' in options ? options.hours / HOURS_OF_DAY : (options.days ?? 90);
  return { certificatePem: issue(authority, { subject, publicKey, days, usage: OID.clientAuth }) };
}

/**
 * True when a third or less of the certificate's life is left (also when none is), or when it begins at a time still to come.
 * @param authorityPem who issued it
 */
export function needsRenewal(certificatePem: string, authorityPem: string, clock: Clock): boolean {
  const certificate = new X509Certificate(certificatePem);
  const start = certificate.validFromDate.getTime();
  const end = certificate.validToDate.getTime();
  const nowMs = clock.now().getTime();
  // Issued by a clock that has been set back since: nobody would take it until then. Where its authority is still to come as well
  // the clock is behind, and what is issued now would have ended long ago when it is set right.
  if (nowMs < start) return nowMs >= new X509Certificate(authorityPem).validFromDate.getTime();
  return end - nowMs <= (end - start) / 3;
}

/** What people and lists need to know of a certificate. */
export function describeCertificate(certificatePem: string): CertificateDescription {
  const certificate = new X509Certificate(certificatePem);
  const alternatives = (certificate.subjectAltName ?? '').split(', ');
  const taken = (prefix: string): string[] =>
    alternatives.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  return {
    subject: commonName(certificate.subject),
    issuer: commonName(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate.toISOString(),
    notAfter: certificate.validToDate.toISOString(),
    fingerprintSha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    names: taken('DNS:'),
    addresses: taken('IP Address:'),
  };
}

function issue(
  authority: Authority,
  options: { subject: string; publicKey: KeyObject; days: number; usage: string; alternativeNames?: Buffer },
): string {
  checkSubject(options.subject);
  const issuer = new X509Certificate(authority.certificatePem);
  const extensions = [
    extension(OID.basicConstraints, true, sequence()),
    // digitalSignature (bit 0): all an ECDSA key does in TLS 1.2 and 1.3
    extension(OID.keyUsage, true, bitString(Uint8Array.of(0b1000_0000), 7)),
    extension(OID.extendedKeyUsage, false, sequence(objectIdentifier(options.usage))),
    extension(OID.subjectKeyIdentifier, false, octetString(keyIdentifier(options.publicKey))),
    extension(OID.authorityKeyIdentifier, false, sequence(contextPrimitive(0, keyIdentifier(issuer.publicKey)))),
  ];
  if (options.alternativeNames !== undefined) {
    extensions.push(extension(OID.subjectAltName, false, options.alternativeNames));
  }
  const tbs = toBeSigned({
    issuer: authority.name,
    subject: options.subject,
    publicKey: options.publicKey,
    extensions,
    days: options.days,
    clock: authority.clock,
    notAfterMax: issuer.validToDate,
  });
  return toPem('CERTIFICATE', signed(tbs, authority.sign(tbs)));
}

function toBeSigned(options: {
  issuer: string;
  subject: string;
  publicKey: KeyObject;
  extensions: readonly Buffer[];
  days: number;
  clock: Clock;
  notAfterMax?: Date;
}): Buffer {
  const now = options.clock.now().getTime();
  const end = Math.min(now + options.days * DAY_MS, options.notAfterMax?.getTime() ?? Number.POSITIVE_INFINITY);
  return sequence(
    context(0, integer(Uint8Array.of(2))),
    integer(randomSerial()),
    SIGNATURE_ALGORITHM,
    distinguishedName(options.issuer),
    sequence(time(new Date(now - CLOCK_SKEW_MS)), time(new Date(end))),
    distinguishedName(options.subject),
    options.publicKey.export({ type: 'spki', format: 'der' }),
    context(3, sequence(...options.extensions)),
  );
}

function signed(tbs: Buffer, signature: Uint8Array): Buffer {
  return sequence(tbs, SIGNATURE_ALGORITHM, bitString(signature));
}

/** 126 random bits: positive, never zero, always 16 bytes (RFC 5280 section 4.1.2.2 allows 20). */
function randomSerial(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

function distinguishedName(text: string): Buffer {
  return sequence(set(sequence(objectIdentifier(OID.commonName), utf8String(text))));
}

function extension(oid: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(oid), ...(critical ? [boolean(true)] : []), octetString(value));
}

/** RFC 7093 section 2, method 1: the leftmost 160 bits of SHA-256 over the public key's bits. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const [, bits] = membersOf(decode(publicKey.export({ type: 'spki', format: 'der' })), TAG.sequence);
  const key = bits?.content.subarray(1) ?? new Uint8Array();
  return createHash('sha256').update(key).digest().subarray(0, 20);
}

function nameConstraints(domains: readonly string[]): Buffer {
  const permitted = domains.map((domain) => {
    checkDnsName(domain, false);
    return sequence(contextPrimitive(2, Buffer.from(domain, 'ascii')));
  });
  return extension(OID.nameConstraints, true, sequence(context(0, ...permitted)));
}

function alternativeNames(names: readonly string[], addresses: readonly string[]): Buffer {
  const count = names.length + addresses.length;
  if (count === 0 || count > CERTIFICATE_NAMES_MAX) {
    throw networkFault('network.name-invalid', { name: `(${count} names)` });
  }
  return sequence(
    ...names.map((name) => {
      checkDnsName(name, true);
      return contextPrimitive(2, Buffer.from(name, 'ascii'));
    }),
    ...addresses.map((address) => contextPrimitive(7, addressBytes(address))),
  );
}

function checkDnsName(name: string, wildcardAllowed: boolean): void {
  const wildcard = name.startsWith('*.');
  const labels = (wildcard ? name.slice(2) : name).split('.');
  const valid =
    name.length <= DNS_NAME_CHARACTERS_MAX &&
    (wildcardAllowed || !wildcard) &&
    labels.every((label) => label.length <= DNS_LABEL_CHARACTERS_MAX && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label));
  if (!valid || isIP(name) !== 0) throw networkFault('network.name-invalid', { name });
  if (wildcard && labels.length < 2) throw networkFault('network.wildcard-too-wide', { name });
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes any IPv6 text in its one canonical form; a zone has no place in a certificate.
  const canonical = isIP(address) === 6 && !address.includes('%') ? new URL(`http://[${address}]/`).hostname : '';
  if (canonical === '') throw networkFault('network.address-invalid', { address });
  const [head = '', tail] = canonical.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const middle = new Array<number>(8 - left.length - right.length).fill(0);
  return Buffer.from([...left, ...middle, ...right].flatMap((group) => [group >> 8, group & 0xff]));
}

function checkSubject(subject: string): void {
  const control = [...subject].some((character) => (character.codePointAt(0) ?? 0) < 0x20 || character === '\x7f');
  if (subject === '' || [...subject].length > COMMON_NAME_CHARACTERS_MAX || control) {
    throw networkFault('network.subject-invalid', { subject: JSON.stringify(subject).slice(0, 80) });
  }
}

/** The public key of a request whose own signature holds. */
function verifyRequest(requestPem: string): KeyObject {
  try {
    return readRequest(requestPem);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw networkFault('network.der-broken', { reason: error.message }, { cause: error });
  }
}

function readRequest(requestPem: string): KeyObject {
  const refuse = (reason: string, cause?: unknown) =>
    networkFault('network.request-refused', { reason }, cause === undefined ? {} : { cause });
  if (requestPem.length > REQUEST_BYTES_MAX) throw refuse(`it is larger than ${REQUEST_BYTES_MAX} bytes`);
  const match = /^\s*-----BEGIN CERTIFICATE REQUEST-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*$/.exec(
    requestPem,
  );
  if (match?.[1] === undefined) throw refuse('it is not one PEM block CERTIFICATE REQUEST');
  const [info, algorithm, signature, ...more] = membersOf(decode(Buffer.from(match[1], 'base64')), TAG.sequence);
  if (info === undefined || algorithm === undefined || signature === undefined || more.length > 0) {
    throw refuse('it does not have the three parts of PKCS #10');
  }
  if (!SIGNATURE_ALGORITHM.equals(algorithm.whole)) throw refuse('it is not signed with ECDSA and SHA-256');
  const [version, , publicKeyInfo] = membersOf(info, TAG.sequence);
  if (version === undefined || !integer(Uint8Array.of(0)).equals(version.whole) || publicKeyInfo === undefined) {
    throw refuse('it is not of PKCS #10 version 1');
  }
  let publicKey: KeyObject;
  try {
    publicKey = createPublicKey({ key: Buffer.from(publicKeyInfo.whole), format: 'der', type: 'spki' });
  } catch (cause) {
    throw refuse('its public key is not readable', cause);
  }
  if (publicKey.asymmetricKeyType !== 'ec' || publicKey.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw refuse('its key is not on the curve P-256');
  }
  if (signature.tag !== TAG.bitString || signature.content[0] !== 0) throw refuse('its signature is not a bit string');
  if (!verify('sha256', info.whole, publicKey, signature.content.subarray(1))) {
    throw refuse('its signature was not made by its own key');
  }
  return publicKey;
}

function exportKey(key: KeyObject, passphrase?: string): string {
  return key
    .export({
      type: 'pkcs8',
      format: 'pem',
      ...(passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase }),
    })
    .toString();
}

function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

function commonName(subject: string): string {
  const line = subject.split('\n').find((part) => part.startsWith('CN='));
  return line === undefined ? '' : line.slice(3);
}
