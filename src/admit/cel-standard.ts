import type { Environment, Optional } from '@marcbachmann/cel-js';
import type { UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { LINEAR_MATCHES } from './cel-text.ts';

/**
 * Methods of the library that are not those of the specification: they count units of UTF-16 and not characters, fold more than
 * ASCII, or take time without bound. Expressions call these in their place.
 */
export const IN_PLACE_OF: ReadonlyMap<string, string> = new Map([
  ['matches', LINEAR_MATCHES],
  ['indexOf', 'placeOf'],
  ['lastIndexOf', 'lastPlaceOf'],
  ['substring', 'partFrom'],
  ['lowerAscii', 'inLowerAscii'],
  ['upperAscii', 'inUpperAscii'],
  ['trim', 'trimmed'],
  ['split', 'partsBetween'],
]);

/** A text by its characters: as it is where each is one unit, which nearly all are. */
function charactersOf(text: string): string | readonly string[] {
  return /[\ud800-\udfff]/.test(text) ? [...text] : text;
}

function textOf(characters: string | readonly string[], from: number, to: number): string {
  return typeof characters === 'string' ? characters.slice(from, to) : characters.slice(from, to).join('');
}

/** From units to characters. */
function placeIn(text: string, unit: number): bigint {
  if (unit <= 0) return BigInt(unit);
  return BigInt(charactersOf(text.slice(0, unit)).length);
}

/** From characters to units. */
function unitAt(text: string, place: number): number {
  const characters = charactersOf(text);
  return typeof characters === 'string' ? place : characters.slice(0, place).join('').length;
}

function placeOf(text: string, part: string, from = 0n): bigint {
  if (from < 0n) throw new RangeError(`index out of range: ${from}`);
  const length = charactersOf(text).length;
  if (part === '') return from < BigInt(length) ? from : BigInt(length);
  if (from >= BigInt(length)) return -1n;
  return placeIn(text, text.indexOf(part, unitAt(text, Number(from))));
}

function lastPlaceOf(text: string, part: string, from: bigint | null = null): bigint {
  if (from !== null && from < 0n) throw new RangeError(`index out of range: ${from}`);
  const length = BigInt(charactersOf(text).length);
  if (part === '') return from === null || from >= length ? length : from;
  if (from !== null && from >= length) return -1n;
  return placeIn(text, from === null ? text.lastIndexOf(part) : text.lastIndexOf(part, unitAt(text, Number(from))));
}

function partFrom(text: string, from: bigint, to: bigint | null = null): string {
  const characters = charactersOf(text);
  const end = to ?? BigInt(characters.length);
  if (from < 0n || end < from || end > BigInt(characters.length))
    throw new RangeError(`substring(${from}, ${end}) of ${characters.length} characters: out of range`);
  return textOf(characters, Number(from), Number(end));
}

function partsBetween(text: string, between: string, most = -1n): string[] {
  if (most === 0n) return [];
  const parts = between === '' ? [...text] : text.split(between);
  if (most < 0n || BigInt(parts.length) <= most) return parts;
  const kept = Number(most) - 1;
  return [...parts.slice(0, kept), parts.slice(kept).join(between)];
}

/** What Unicode calls white space: JavaScript's own `trim` leaves U+0085 and takes U+FEFF. */
const SPACE_BEFORE = /^[\p{White_Space}]+/u;
const SPACE_AFTER = /[\p{White_Space}]$/u;

function trimmed(text: string): string {
  let [from, to] = [SPACE_BEFORE.exec(text)?.[0].length ?? 0, text.length];
  while (to > from && SPACE_AFTER.test(text[to - 1] ?? '')) to -= 1;
  if (from > to) from = to;
  return text.slice(from, to);
}

/** What a time is in RFC 3339, without a fraction that is none. */
export function timeText(time: Date): string {
  return time.toISOString().replace(/\.?0*Z$/, 'Z');
}

/** Conversions, comparisons and functions of CEL’s own specification that the library in use has not, or has otherwise. */
export function registerStandard(environment: Environment): void {
  const sync = { async: false } as const;
  const add = (signature: string, handler: (...values: never[]) => unknown): void => {
    environment.registerFunction(signature, handler as (...values: unknown[]) => unknown, sync);
  };
  const [T, D] = ['google.protobuf.Timestamp', 'google.protobuf.Duration'];
  add('int(uint): int', (number: UnsignedInt) => number.value);
  add(`int(${T}): int`, (time: Date) => BigInt(Math.floor(time.getTime() / 1000)));
  add(`string(${T}): string`, timeText);
  add(`string(${D}): string`, String);
  add(`timestamp(${T}): ${T}`, (time: Date) => time);
  add(`duration(${D}): ${D}`, (span: unknown) => span);
  add('string.placeOf(string): int', placeOf);
  add('string.placeOf(string, int): int', placeOf);
  add('string.lastPlaceOf(string): int', lastPlaceOf);
  add('string.lastPlaceOf(string, int): int', lastPlaceOf);
  add('string.partFrom(int): string', partFrom);
  add('string.partFrom(int, int): string', partFrom);
  add('string.partsBetween(string): list<string>', partsBetween);
  add('string.partsBetween(string, int): list<string>', partsBetween);
  add('string.inLowerAscii(): string', (text: string) => text.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase()));
  add('string.inUpperAscii(): string', (text: string) => text.replaceAll(/[a-z]+/g, (part) => part.toUpperCase()));
  add('string.trimmed(): string', trimmed);
  const order: readonly (readonly [string, (order: number) => boolean])[] = [
    ['<', (one) => one < 0],
    ['<=', (one) => one <= 0],
    ['>', (one) => one > 0],
    ['>=', (one) => one >= 0],
  ];
  for (const [sign, holds] of order)
    environment.registerOperator(`bytes ${sign} bytes`, ((a: Uint8Array, b: Uint8Array) =>
      holds(Buffer.compare(a, b))) as never);
}

/** Two optional values are the same when both are missing, or both are there and the same. */
export function registerOptionalEquality(environment: Environment, isSame: (a: unknown, b: unknown) => boolean): void {
  environment.registerOperator('optional == optional', ((a: Optional, b: Optional) => {
    if (!a.hasValue() || !b.hasValue()) return a.hasValue() === b.hasValue();
    return isSame(a.value(), b.value());
  }) as never);
}
