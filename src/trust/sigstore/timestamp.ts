import { hash } from 'node:crypto';
import { der, FormatError } from '../../formats/index.ts';
import { CHAIN_LENGTH_MAX, TIMESTAMP_BYTES_MAX } from '../limits.ts';
import { type Certificate, checkPathAt, findPath, OID, readCertificate } from './certificate.ts';
import { Doubt, timeText } from './doubt.ts';
import { HASH_OF_SIGNATURE } from './signatures.ts';
import { covers, type TrustedAuthority, type TrustedRoot } from './trusted-root.ts';

const { decode, membersOf, readObjectIdentifier, readOctetString, readSmallInteger, readTime, TAG } = der;

const SIGNED_DATA = '1.2.840.113549.1.7.2';
const TST_INFO = '1.2.840.113549.1.9.16.1.4';
const CONTENT_TYPE = '1.2.840.113549.1.9.3';
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4';
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47';
const ECDSA_PLAIN = '1.2.840.10045.2.1';
const RSA_PLAIN = '1.2.840.113549.1.1.1';
const HASHES: Readonly<Record<string, string>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

/** A time stamp response (RFC 3161 section 2.4.2) as far as it says who stamped what, and when. Nothing is checked yet. */
interface Stamp {
  readonly at: number;
  readonly imprintHash: string;
  readonly imprint: Uint8Array;
  readonly info: Uint8Array;
  readonly embedded: readonly Certificate[];
  readonly issuer: Uint8Array;
  readonly serial: Uint8Array;
  readonly digestHash: string;
  readonly signatureHash: string | null;
  /** The signed attributes under the tag they are signed with (RFC 5652 section 5.4). */
  readonly attributes: Buffer;
  readonly attributeValues: ReadonlyMap<string, der.DerValue>;
  readonly signature: Uint8Array;
}

/**
 * Checks a time stamp over `signed` (the signature's own bytes).
 * @returns the time, in milliseconds since 1970, and the serial by which two stamps are told apart
 * @throws Doubt stamp-wrong, authority-time, certificate-time
 */
export function checkTimestamp(
  response: Uint8Array,
  signed: Uint8Array,
  root: TrustedRoot,
): { at: number; name: string } {
  const stamp = readStamp(response);
  if (!sameBytes(hash(stamp.imprintHash, signed, 'buffer'), stamp.imprint)) throw wrong('it is over other bytes');
  const digest = stamp.attributeValues.get(MESSAGE_DIGEST);
  if (digest === undefined || !sameBytes(hash(stamp.digestHash, stamp.info, 'buffer'), readOctetString(digest))) {
    throw wrong('its attributes are over another content');
  }
  let nearest: Doubt | null = null;
  for (const authority of root.timestampAuthorities) {
    try {
      checkStampedBy(stamp, authority, root);
      return { at: stamp.at, name: `${authority.name} ${timeText(stamp.at)} ${hash('sha256', stamp.info, 'hex')}` };
    } catch (error) {
      if (!(error instanceof Doubt)) throw error;
      // A reason that speaks of time or rules comes from an authority that did issue it, and says more.
      if (nearest === null || nearest.code === 'stamp-wrong') nearest = error;
    }
  }
  throw nearest ?? wrong('the trusted root lists no time stamp authority');
}

function checkStampedBy(stamp: Stamp, authority: TrustedAuthority, root: TrustedRoot): void {
  const listed = authority.certificates.filter((one) => !one.isAuthority);
  // Where the root lists the stamping certificate itself, no other one counts.
  const candidates = listed.length > 0 ? listed : stamp.embedded;
  const signer = candidates.find((one) => sameBytes(one.issuer, stamp.issuer) && sameBytes(one.serial, stamp.serial));
  if (signer === undefined) throw wrong('no authority of the trusted root made it');
  const certified = stamp.attributeValues.get(SIGNING_CERTIFICATE_V2);
  if (certified !== undefined && !namesCertificate(certified, signer))
    throw wrong('it was made with another certificate');
  if (!root.memo.holds(signer.key, stamp.signatureHash, stamp.attributes, stamp.signature)) {
    throw wrong('its signature does not hold');
  }
  const trusted = authority.certificates.filter((one) => one.isAuthority);
  const path = findPath(signer, trusted, OID.timeStamping, root);
  checkPathAt(path, stamp.at);
  if (!covers(authority.valid, stamp.at)) throw new Doubt('authority-time', authority.name, timeText(stamp.at));
}

/** RFC 5816: the first of the certificates is the one that stamped; without an algorithm its hash is SHA-256. */
function namesCertificate(value: der.DerValue, signer: Certificate): boolean {
  const [list] = membersOf(value, TAG.sequence);
  const [first] = list === undefined ? [] : membersOf(list, TAG.sequence);
  const members = first === undefined ? [] : membersOf(first, TAG.sequence);
  const algorithm = members[0]?.tag === TAG.sequence ? hashOf(members[0]) : 'sha256';
  const digest = members.find((member) => member.tag === TAG.octetString);
  return digest !== undefined && sameBytes(hash(algorithm, signer.der, 'buffer'), digest.content);
}

function readStamp(response: Uint8Array): Stamp {
  if (response.length > TIMESTAMP_BYTES_MAX) throw wrong(`it is larger than ${TIMESTAMP_BYTES_MAX} bytes`);
  try {
    return parse(response);
  } catch (error) {
    if (error instanceof FormatError) throw wrong(error.message);
    throw error;
  }
}

function parse(response: Uint8Array): Stamp {
  const whole = decode(response);
  der.requireWellFormed(whole);
  const [status, token] = membersOf(whole, TAG.sequence);
  const [granted] = status === undefined ? [] : membersOf(status, TAG.sequence);
  // 0 granted, 1 granted with changes; everything else carries no token that counts
  if (granted === undefined || readSmallInteger(granted) > 1 || token === undefined) throw wrong('it was not granted');
  const [contentType, box] = membersOf(token, TAG.sequence);
  if (contentType === undefined || readObjectIdentifier(contentType) !== SIGNED_DATA || box?.tag !== 0xa0) {
    throw wrong('it is no signed data');
  }
  const [, , encapsulated, ...rest] = membersOf(decode(box.content), TAG.sequence);
  const [infoType, infoBox] = encapsulated === undefined ? [] : membersOf(encapsulated, TAG.sequence);
  if (infoType === undefined || readObjectIdentifier(infoType) !== TST_INFO || infoBox?.tag !== 0xa0) {
    throw wrong('it holds something else than a time');
  }
  const info = readOctetString(decode(infoBox.content));
  const certificates = rest.find((member) => member.tag === 0xa0);
  const signers = rest.at(-1);
  const [signer, ...more] = signers === undefined ? [] : membersOf(signers, TAG.set);
  if (signer === undefined || more.length > 0) throw wrong('expected one signer');
  const embedded = certificates === undefined ? [] : membersOf({ ...certificates, tag: TAG.set }, TAG.set);
  if (embedded.length > CHAIN_LENGTH_MAX) throw wrong('it carries too many certificates');
  return {
    ...readInfo(info),
    info,
    embedded: embedded.map((one) => readCertificate(one.whole)),
    ...readSigner(signer),
  };
}

function readInfo(info: Uint8Array): Pick<Stamp, 'at' | 'imprint' | 'imprintHash'> {
  const [version, , messageImprint, , time] = membersOf(decode(info), TAG.sequence);
  if (version === undefined || readSmallInteger(version) !== 1 || messageImprint === undefined || time === undefined) {
    throw wrong('it is not of version 1');
  }
  const [algorithm, imprint] = membersOf(messageImprint, TAG.sequence);
  if (algorithm === undefined || imprint === undefined) throw wrong('it names no bytes');
  return { at: readTime(time), imprintHash: hashOf(algorithm), imprint: readOctetString(imprint) };
}

function readSigner(
  signer: der.DerValue,
): Pick<Stamp, 'issuer' | 'serial' | 'digestHash' | 'signatureHash' | 'attributes' | 'attributeValues' | 'signature'> {
  const [, identifier, digestAlgorithm, attributes, algorithm, signature] = membersOf(signer, TAG.sequence);
  if (attributes?.tag !== 0xa0 || algorithm === undefined || signature === undefined)
    throw wrong('it signs no attributes');
  const [issuer, serial] = identifier === undefined ? [] : membersOf(identifier, TAG.sequence);
  if (issuer === undefined || serial === undefined || digestAlgorithm === undefined) throw wrong('it names no signer');
  const digestHash = hashOf(digestAlgorithm);
  const values = new Map<string, der.DerValue>();
  for (const attribute of membersOf({ ...attributes, tag: TAG.set }, TAG.set)) {
    const [type, set] = membersOf(attribute, TAG.sequence);
    const [value, ...others] = set === undefined ? [] : membersOf(set, TAG.set);
    if (type === undefined || value === undefined || others.length > 0) throw wrong('an attribute is not readable');
    const name = readObjectIdentifier(type);
    if (values.has(name)) throw wrong('an attribute is given twice');
    values.set(name, value);
  }
  const contentType = values.get(CONTENT_TYPE);
  if (contentType === undefined || readObjectIdentifier(contentType) !== TST_INFO) {
    throw wrong('its attributes are for another content');
  }
  const asSigned = Buffer.from(attributes.whole);
  asSigned[0] = TAG.set;
  return {
    issuer: issuer.whole,
    serial: serial.content,
    digestHash,
    signatureHash: signatureHash(algorithm, digestHash),
    attributes: asSigned,
    attributeValues: values,
    signature: readOctetString(signature),
  };
}

function signatureHash(algorithm: der.DerValue, digestHash: string): string | null {
  const [oid] = membersOf(algorithm, TAG.sequence);
  const name = oid === undefined ? '' : readObjectIdentifier(oid);
  if (name === ECDSA_PLAIN || name === RSA_PLAIN) return digestHash;
  if (!Object.hasOwn(HASH_OF_SIGNATURE, name)) throw wrong(`signature algorithm ${name} is not known`);
  return HASH_OF_SIGNATURE[name] ?? null;
}

function hashOf(algorithm: der.DerValue): string {
  const [oid] = membersOf(algorithm, TAG.sequence);
  const known = oid === undefined ? undefined : HASHES[readObjectIdentifier(oid)];
  if (known === undefined) throw wrong('its hash is not of the SHA-2 family');
  return known;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function wrong(why: string): Doubt {
  return new Doubt('stamp-wrong', why);
}
