import type { Json } from '../system/index.ts';
import { spendMembers } from './cel-budget.ts';
import { compareVersionTexts } from './cel-names.ts';
import { isObject, isSameJson, wordOf } from './jmespath-values.ts';
import { compareAmounts, matchesWildcard, secondsOf } from './kyverno-amounts.ts';
import { matchesValue, rangeOf } from './kyverno-pattern.ts';

type Operator = (key: Json, value: Json) => boolean;

/** A text that is a list in JSON is a list, as in Kyverno; one that is another value in JSON says nothing. */
function listOf(text: string): string[] | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.map(String) : null;
  } catch {
    // Not JSON: it is one member.
    return [text];
  }
}

const isAlike = (a: string, b: string): boolean => matchesWildcard(a, b) || matchesWildcard(b, a);

type Choice = 'some' | 'every';

/**
 * Whether some, or all, of the key are among the values, or outside them. A value may be a list, a text, a list in a text, or
 * a range; null: it is of none of these, and the condition does not hold.
 */
function among(choice: Choice, isOutside: boolean): Operator {
  return (key, value) => {
    const keys = keysOf(key);
    if (keys === null) return false;
    const isIn = memberTest(value);
    if (isIn === null) return false;
    spendMembers(keys.length * (Array.isArray(value) ? value.length : 1));
    const test = (one: string): boolean => isIn(one) !== isOutside;
    return choice === 'some' ? keys.some(test) : keys.every(test);
  };
}

function keysOf(key: Json): string[] | null {
  if (Array.isArray(key)) return key.map(wordOf);
  return key === null || isObject(key) ? null : [wordOf(key)];
}

function memberTest(value: Json): ((key: string) => boolean) | null {
  if (Array.isArray(value)) {
    const words = value.map(wordOf);
    return (key) => words.some((one) => isAlike(one, key));
  }
  if (typeof value === 'number') return (key) => isAlike(String(value), key);
  if (typeof value !== 'string') return null;
  if (rangeOf(value) !== null) return (key) => matchesValue(key, value);
  const list = listOf(value);
  if (list === null) return (key) => key === value;
  return (key) => list.some((one) => isAlike(one, key));
}

function isEqual(key: Json, value: Json): boolean {
  if (typeof key === 'boolean') return key === value;
  if (Array.isArray(key) || isObject(key)) return isSameJson(key, value);
  if (key === null) return false;
  const spans = compareSpans(key, value);
  if (spans !== null) return spans === 0;
  if (typeof key === 'number') {
    return typeof value === 'string' ? value.trim() !== '' && Number(value) === key : value === key;
  }
  if (typeof value !== 'string') return false;
  const amounts = compareAmounts(key, value);
  return amounts === null ? matchesWildcard(value, key) : amounts === 0;
}

/** Not the opposite of `isEqual`: values of different kinds are not equal, and lists of different members neither. */
function isDifferent(key: Json, value: Json): boolean {
  return !isEqual(key, value);
}

/** -1, 0 or 1 where at least one is a span of time (`1h`) and the other one, or seconds; null: they are not compared so. */
function compareSpans(key: Json, value: Json): number | null {
  const spanOf = (one: Json): number | null => (typeof one === 'string' && one !== '0' ? secondsOf(one) : null);
  const [a, b] = [spanOf(key), spanOf(value)];
  if (a === null && b === null) return null;
  const [left, right] = [a ?? (typeof key === 'number' ? key : null), b ?? (typeof value === 'number' ? value : null)];
  return left === null || right === null ? null : Math.sign(left - right);
}

function compareSizes(key: Json, value: Json): number | null {
  const spans = compareSpans(key, value);
  if (spans !== null) return spans;
  if (typeof key === 'string' && typeof value === 'string') {
    const amounts = compareAmounts(key, value);
    if (amounts !== null) return amounts;
  }
  const numberOf = (one: Json): number =>
    typeof one === 'number' ? one : typeof one === 'string' && one.trim() !== '' ? Number(one) : Number.NaN;
  const [a, b] = [numberOf(key), numberOf(value)];
  if (!Number.isNaN(a) && !Number.isNaN(b)) return Math.sign(a - b);
  if (typeof key !== 'string' || typeof value !== 'string') return null;
  try {
    return compareVersionTexts(key, value);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

const sized =
  (test: (sides: number) => boolean): Operator =>
  (key, value) => {
    const sides = compareSizes(key, value);
    return sides !== null && test(sides);
  };

/** The operators of conditions, in lower case as Kyverno takes them in any. */
const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['equal', isEqual],
  ['equals', isEqual],
  ['notequal', isDifferent],
  ['notequals', isDifferent],
  ['in', among('every', false)],
  ['anyin', among('some', false)],
  ['allin', among('every', false)],
  ['notin', among('some', true)],
  ['anynotin', among('some', true)],
  ['allnotin', among('every', true)],
  ...(['', 'duration'] as const).flatMap((kind): [string, Operator][] => [
    [`${kind}greaterthan`, sized((sides) => sides > 0)],
    [`${kind}greaterthanorequals`, sized((sides) => sides >= 0)],
    [`${kind}lessthan`, sized((sides) => sides < 0)],
    [`${kind}lessthanorequals`, sized((sides) => sides <= 0)],
  ]),
]);

export function operatorOf(name: string): Operator | null {
  return OPERATORS.get(name.toLowerCase()) ?? null;
}
