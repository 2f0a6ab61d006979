/**
 * The little of DER (ITU-T X.690) that certificates and certificate requests need: values are written whole and
 * definite, and read strictly. Node parses certificates itself, but neither writes them nor reads PKCS #10.
 */
import { networkFault } from './errors.ts';
import { DER_DEPTH_MAX } from './limits.ts';

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
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

/** Reads exactly one value that fills `bytes`. @throws Fault `network.der-broken` */
export function decode(bytes: Uint8Array): DerValue {
  const { value, end } = decodeAt(bytes, 0);
  if (end !== bytes.length)
    throw networkFault('network.der-broken', { reason: `${bytes.length - end} bytes too many` });
  return value;
}

/** The members of a constructed value. @throws Fault `network.der-broken` */
export function membersOf(value: DerValue, tag: number): DerValue[] {
  if (value.tag !== tag) {
    throw networkFault('network.der-broken', { reason: `tag ${value.tag} where ${tag} is expected` });
  }
  const members: DerValue[] = [];
  for (let at = 0; at < value.content.length; ) {
    if (members.length === DER_DEPTH_MAX) throw networkFault('network.der-broken', { reason: 'too many members' });
    const { value: member, end } = decodeAt(value.content, at);
    members.push(member);
    at = end;
  }
  return members;
}

function decodeAt(bytes: Uint8Array, at: number): { value: DerValue; end: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw networkFault('network.der-broken', { reason: 'cut short' });
  if ((tag & 0x1f) === 0x1f) throw networkFault('network.der-broken', { reason: 'tag of several bytes' });
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    // Four bytes of length are 4 GiB; zero of them is the indefinite form that DER forbids.
    if (count === 0 || count > 4) throw networkFault('network.der-broken', { reason: 'length of a form DER forbids' });
    length = 0;
    for (let index = 0; index < count; index += 1) length = length * 256 + (bytes[start + index] ?? 0);
    start += count;
    if (length < 0x80 || length < 256 ** (count - 1)) {
      throw networkFault('network.der-broken', { reason: 'length not in its shortest form' });
    }
  }
  const end = start + length;
  if (end > bytes.length) throw networkFault('network.der-broken', { reason: 'cut short' });
  return { value: { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) }, end };
}
