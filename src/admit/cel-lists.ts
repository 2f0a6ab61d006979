import { Optional } from '@marcbachmann/cel-js';
import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { spendMembers, tooLarge } from './cel-budget.ts';
import type { AddFunction } from './cel-kubernetes.ts';
import { EVALUATION_VALUE_MAX } from './limits.ts';

/** `lists.range(n)`: the library has no namespaces of functions, so `lists` is a constant with methods. */
class Lists {}

export const LIST_TYPES = { 'kubernetes.Lists': Lists } as const;
export const LISTS = new Lists();

/** What has an order among its own: numbers, texts, truths, times, spans and bytes. */
export function compareValues(a: unknown, b: unknown): number {
  spendMembers(1);
  const [left, right] = [orderedOf(a), orderedOf(b)];
  if (left instanceof Uint8Array && right instanceof Uint8Array) {
    spendMembers(Math.min(left.length, right.length));
    return Buffer.compare(left, right);
  }
  if (typeof left === 'string' && typeof right === 'string') return compareTexts(left, right);
  const isOne = typeof left === 'boolean' && typeof right === 'boolean';
  if (!(isOne || (isNumber(left) && isNumber(right))))
    throw new RangeError('expected members of one kind with an order');
  return left < right ? -1 : left > right ? 1 : 0;
}

function isNumber(value: unknown): value is bigint | number {
  return typeof value === 'bigint' || typeof value === 'number';
}

/** By code points: the units of JavaScript put what is beyond the first 65,536 before the last of them. */
function compareTexts(a: string, b: string): number {
  spendMembers(a.length + b.length);
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function orderedOf(value: unknown): string | boolean | bigint | number | Uint8Array | null {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint') return value;
  if (typeof value === 'number' || value instanceof Uint8Array) return value;
  if (value instanceof UnsignedInt) return value.value;
  if (value instanceof Date) return value.getTime();
  if (value instanceof Duration) return value.seconds * 1_000_000_000n + BigInt(value.nanos);
  return null;
}

function sorted(list: readonly unknown[], keys: readonly unknown[]): unknown[] {
  const order = keys.map((_, index) => index).sort((a, b) => compareValues(keys[a], keys[b]) || a - b);
  // One member alone is compared with none, and still has to be one that has an order.
  if (keys.length === 1) compareValues(keys[0], keys[0]);
  return order.map((index) => list[index]);
}

/** `list.sortBy(e, key)` after its keys are known. */
export function sortByKeys(list: readonly unknown[], keys: readonly unknown[]): unknown[] {
  return sorted(list, keys);
}

function sumOf(list: readonly unknown[]): unknown {
  if (list.length === 0) return 0n;
  spendMembers(list.length);
  return list.reduce((sum, one) => {
    if (sum instanceof Duration && one instanceof Duration) return sum.addDuration(one);
    if (sum instanceof UnsignedInt && one instanceof UnsignedInt) return new UnsignedInt(sum.value + one.value);
    if (typeof sum === 'bigint' && typeof one === 'bigint') return sum + one;
    if (typeof sum === 'number' && typeof one === 'number') return sum + one;
    throw new RangeError('expected numbers or spans of one kind');
  });
}

function flattened(list: readonly unknown[], depth: bigint): unknown[] {
  if (depth < 0n) throw new RangeError('flatten: the level must not be negative');
  const flat: unknown[] = [];
  flattenInto(flat, list, depth);
  return flat;
}

/** A list may hold another many times, so that what becomes of it is known to be too large only while it is made. */
function flattenInto(flat: unknown[], list: readonly unknown[], depth: bigint): void {
  spendMembers(list.length);
  for (const one of list) {
    if (Array.isArray(one) && depth > 0n) flattenInto(flat, one, depth - 1n);
    else if (flat.push(one) > EVALUATION_VALUE_MAX) throw tooLarge();
  }
}

function sliced(list: readonly unknown[], start: bigint, end: bigint): unknown[] {
  if (start < 0n || end < 0n || start > end || end > BigInt(list.length))
    throw new RangeError(`slice(${start}, ${end}) of a list of ${list.length}: out of range`);
  return list.slice(Number(start), Number(end));
}

function rangeTo(count: bigint): bigint[] {
  if (count > BigInt(EVALUATION_VALUE_MAX)) throw tooLarge();
  return Array.from({ length: Math.max(0, Number(count)) }, (_, index) => BigInt(index));
}

/** Functions of Kubernetes’ library of lists and of CEL's extension for lists; `isSame` is equality as CEL has it. */
export function addListFunctions(add: AddFunction, isSame: (a: unknown, b: unknown) => boolean): void {
  const best = (list: readonly unknown[], sign: number): unknown => {
    if (list.length === 0) throw new RangeError('expected a list that is not empty');
    return list.reduce((so, one) => (compareValues(one, so) * sign > 0 ? one : so));
  };
  add('list.max(): dyn', (list: unknown[]) => best(list, 1));
  add('list.min(): dyn', (list: unknown[]) => best(list, -1));
  add('list.sum(): dyn', sumOf);
  add('list.isSorted(): bool', (list: unknown[]) =>
    list.every((one, index) => index === 0 || compareValues(list[index - 1], one) <= 0),
  );
  add('list.placeOf(dyn): int', (list: unknown[], value: unknown) =>
    BigInt(list.findIndex((one) => isSame(one, value))),
  );
  add('list.lastPlaceOf(dyn): int', (list: unknown[], value: unknown) =>
    BigInt(list.findLastIndex((one) => isSame(one, value))),
  );
  add('kubernetes.Lists.range(int): list<int>', (_: Lists, count: bigint) => rangeTo(count));
  add('list.slice(int, int): list<dyn>', sliced);
  add('list.flatten(): list<dyn>', (list: unknown[]) => flattened(list, 1n));
  add('list.flatten(int): list<dyn>', flattened);
  add('list.reverse(): list<dyn>', (list: unknown[]) => list.toReversed());
  add('list.sort(): list<dyn>', (list: unknown[]) => sorted(list, list));
  add('list.distinct(): list<dyn>', (list: unknown[]) => {
    const kept: unknown[] = [];
    for (const one of list) if (!kept.some((other) => isSame(other, one))) kept.push(one);
    return kept;
  });
  add('list.first(): optional<dyn>', (list: unknown[]) => (list.length === 0 ? Optional.none() : Optional.of(list[0])));
  add('list.last(): optional<dyn>', (list: unknown[]) =>
    list.length === 0 ? Optional.none() : Optional.of(list.at(-1)),
  );
}
