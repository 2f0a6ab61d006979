import { isRecord, readBase64 } from '../dsse.ts';
import { readingReason, trustFault } from '../errors.ts';

/**
 * Reading of the JSON form of Sigstore's messages: what is missing, of another type or out of range is refused by name.
 * Fields that are not known are skipped, as the JSON mapping of Protocol Buffers asks.
 */
export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(value: unknown, where: string): Fields {
  if (!isRecord(value)) throw unreadable(`expected an object at ${where}`);
  return value;
}

/** A field that may be left out: absent and null mean the same. */
export function optional<T>(parent: Fields, name: string, read: (value: unknown, where: string) => T): T | null {
  const value = Object.hasOwn(parent, name) ? parent[name] : undefined;
  return value === undefined || value === null ? null : read(value, name);
}

export function required<T>(parent: Fields, name: string, read: (value: unknown, where: string) => T): T {
  const value = optional(parent, name, read);
  if (value === null) throw unreadable(`${name} is missing`);
  return value;
}

export function listOf<T>(max: number, read: (value: unknown, where: string) => T) {
  return (value: unknown, where: string): T[] => {
    if (!Array.isArray(value)) throw unreadable(`expected a list at ${where}`);
    if (value.length > max) throw unreadable(`expected at most ${max} in ${where}, got ${value.length}`);
    return value.map((member) => read(member, where));
  };
}

export function textOf(value: unknown, where: string): string {
  if (typeof value !== 'string') throw unreadable(`expected text at ${where}`);
  return value;
}

export function bytesOf(value: unknown, where: string): Uint8Array {
  return readBase64(value, where);
}

/** An int64 that counts from zero: text or number, within what a double holds exactly. */
export function countOf(value: unknown, where: string): number {
  const text = typeof value === 'number' ? String(value) : value;
  const count = typeof text === 'string' && /^[0-9]{1,16}$/.test(text) ? Number(text) : -1;
  if (count < 0 || !Number.isSafeInteger(count)) throw unreadable(`expected a number from 0 at ${where}`);
  return count;
}

/** RFC 3339 to milliseconds. */
export function instantOf(value: unknown, where: string): number {
  const text = textOf(value, where);
  const at = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (!Number.isFinite(at)) throw unreadable(`expected a time at ${where}`);
  return at;
}

export function unreadable(reason: string, cause?: unknown): Error {
  const options = cause === undefined ? {} : { cause };
  return trustFault('trust.bundle-unreadable', { reason: readingReason(reason, cause) }, options);
}
