/**
 * The little of DER (ITU-T X.690) that certificates, certificate requests, keys and time stamps need: values are written
 * whole and definite, and read strictly. A value is read one level at a time, so nothing recurses with the input.
 */
import { FormatError } from './errors.ts';
import { DER_DEPTH_MAX, DER_MEMBERS_MAX } from './limits.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export function encode(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.from([tag, ...encodeLength(length)]), ...contents]);
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export function sequence(...members: readonly Uint8Array[]): Buffer {
  return encode(TAG.sequence, ...members);
}

export function set(...members: readonly Uint8Array[]): Buffer {
  return encode(TAG.set, ...members);
}

/** A context-specific tag around whole values (`[n] EXPLICIT`), or in place of a constructed value's own tag. */
export function context(number: number, ...members: readonly Uint8Array[]): Buffer {
  return encode(0xa0 | number, ...members);
}

/** A context-specific tag in place of a primitive value's own tag (`[n] IMPLICIT`). */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return encode(0x80 | number, content);
}

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const trimmed = bytes.subarray(start);
  const negative = ((trimmed[0] ?? 0) & 0x80) !== 0;
  return encode(TAG.integer, negative ? Uint8Array.of(0) : new Uint8Array(), trimmed);
}

export function boolean(value: boolean): Buffer {
  return encode(TAG.boolean, Uint8Array.of(value ? 0xff : 0));
}

export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc & 0x7f];
    for (let remaining = Math.floor(arc / 128); remaining > 0; remaining = Math.floor(remaining / 128)) {
      groups.unshift((remaining & 0x7f) | 0x80);
    }
    bytes.push(...groups);
  }
  return encode(TAG.oid, Uint8Array.from(bytes));
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return encode(TAG.bitString, Uint8Array.of(unusedBits), bytes);
}

export function octetString(bytes: Uint8Array): Buffer {
  return encode(TAG.octetString, bytes);
}

export function utf8String(text: string): Buffer {
  return encode(TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** RFC 5280 section 4.1.2.5: UTCTime up to 2049, GeneralizedTime after; always whole seconds in UTC. */
export function time(date: Date): Buffer {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  return date.getUTCFullYear() < 2050
    ? encode(TAG.utcTime, Buffer.from(digits.slice(2), 'ascii'))
    : encode(TAG.generalizedTime, Buffer.from(digits, 'ascii'));
}

/** One value: its tag, its content, and the whole of it (header and content) as it was written. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  readonly whole: Uint8Array;
}

/** Reads exactly one value that fills `bytes`. @throws FormatError `der.syntax` */
export function decode(bytes: Uint8Array): DerValue {
  const { value, end } = decodeAt(bytes, 0);
  if (end !== bytes.length) throw broken(`${bytes.length - end} bytes too many`);
  return value;
}

/** The members of a constructed value. @throws FormatError `der.syntax` */
export function membersOf(value: DerValue, tag: number): DerValue[] {
  if (value.tag !== tag) {
    throw broken(`tag ${value.tag} where ${tag} is expected`);
  }
  const members: DerValue[] = [];
  for (let at = 0; at < value.content.length; ) {
    if (members.length === DER_MEMBERS_MAX) throw broken('too many members');
    const { value: member, end } = decodeAt(value.content, at);
    members.push(member);
    at = end;
  }
  return members;
}

/**
 * Every constructed value inside is well-formed, however deep: for what carries parts that nobody signed and nobody reads.
 * @throws FormatError `der.syntax`
 */
export function requireWellFormed(value: DerValue, depth = 0): void {
  if ((value.tag & 0x20) === 0) return;
  if (depth > DER_DEPTH_MAX) throw broken('nested too deep');
  for (const member of membersOf(value, value.tag)) requireWellFormed(member, depth + 1);
}

/** Dotted form of an object identifier's content (X.690 section 8.19). @throws FormatError `der.syntax` */
export function readObjectIdentifier(value: DerValue): string {
  if (value.tag !== TAG.oid || value.content.length === 0) throw broken('expected an object identifier');
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, byte] of value.content.entries()) {
    if (arc === 0 && byte === 0x80) throw broken('object identifier with padding');
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw broken('object identifier out of range');
    if ((byte & 0x80) !== 0) {
      if (index === value.content.length - 1) throw broken('object identifier cut short');
      continue;
    }
    if (arcs.length === 0) {
      const first = Math.min(Math.floor(arc / 40), 2);
      arcs.push(first, arc - first * 40);
    } else {
      arcs.push(arc);
    }
    arc = 0;
  }
  return arcs.join('.');
}

/**
 * UTCTime or GeneralizedTime in the forms RFC 5280 section 4.1.2.5 allows, fractions of a second as RFC 3161 does.
 * @returns milliseconds since 1970
 * @throws FormatError `der.syntax`
 */
export function readTime(value: DerValue): number {
  const text = Buffer.from(value.content).toString('latin1');
  const form =
    value.tag === TAG.utcTime
      ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/
      : value.tag === TAG.generalizedTime
        ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\.\d{1,9})?Z$/
        : null;
  const match = form?.exec(text);
  if (match === null || match === undefined) throw broken('expected a time in UTC');
  const [, yearText = '', month = '', day = '', hour = '', minute = '', second = '', fraction = ''] = match;
  const short = Number(yearText);
  const year = value.tag === TAG.utcTime ? (short < 50 ? 2000 + short : 1900 + short) : short;
  const iso = `${String(year).padStart(4, '0')}-${month}-${day}T${hour}:${minute}:${second}`;
  const at = Date.parse(`${iso}Z`);
  // Date.parse rolls 30 February over to March; a date that does not come back as it went in is none.
  if (!Number.isFinite(at) || !new Date(at).toISOString().startsWith(iso)) throw broken(`${text} is no time`);
  return at + Math.floor(Number(`0${fraction}`) * 1000);
}

/** A small integer that is not negative: a version, a path length, a count. @throws FormatError `der.syntax` */
export function readSmallInteger(value: DerValue): number {
  const { tag, content } = value;
  const [first, second] = content;
  if (tag !== TAG.integer || first === undefined || content.length > 6) throw broken('expected a small integer');
  if ((first & 0x80) !== 0) throw broken('expected no negative integer');
  if (first === 0 && second !== undefined && (second & 0x80) === 0) throw broken('integer with padding');
  return content.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Bytes of a bit string without unused bits, as keys and signatures are. @throws FormatError `der.syntax` */
export function readBitString(value: DerValue): Uint8Array {
  if (value.tag !== TAG.bitString || value.content[0] !== 0) throw broken('expected a bit string of whole bytes');
  return value.content.subarray(1);
}

/** Content of an octet string. @throws FormatError `der.syntax` */
export function readOctetString(value: DerValue): Uint8Array {
  if (value.tag !== TAG.octetString) throw broken('expected an octet string');
  return value.content;
}

function broken(reason: string): FormatError {
  return new FormatError('der.syntax', `DER is broken: ${reason}`);
}

function decodeAt(bytes: Uint8Array, at: number): { value: DerValue; end: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw broken('cut short');
  if ((tag & 0x1f) === 0x1f) throw broken('tag of several bytes');
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    // Four bytes of length are 4 GiB; zero of them is the indefinite form that DER forbids.
    if (count === 0 || count > 4) throw broken('length of a form DER forbids');
    length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + (bytes[start + index] ?? 0);
    start += count;
    if (length < 0x80 || length < 256 ** (count - 1)) {
      throw broken('length not in its shortest form');
    }
  }
  const end = start + length;
  if (end > bytes.length) throw broken('cut short');
  return { value: { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) }, end };
}
