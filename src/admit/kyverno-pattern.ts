import type { Json } from '../system/index.ts';
import { spendMembers } from './cel-budget.ts';
import { isObject, jsonText } from './jmespath-values.ts';
import { compareAmounts, hasWildcard, matchesWildcard, secondsOf } from './kyverno-amounts.ts';

/** Where a value is not as the pattern says; `isSkip`: a condition of the pattern does not hold, so it says nothing. */
export interface PatternMismatch {
  readonly isSkip: boolean;
  readonly path: string;
  readonly why: string;
}

type Answer = PatternMismatch | null;
type Members = { readonly [key: string]: Json };

/**
 * Compares a value with a pattern of Kyverno: wildcards, `|` and `&`, comparisons and ranges in texts, and the anchors
 * `(condition)`, `<(global)`, `=(equality)`, `^(existence)` and `X(negation)`.
 * @returns null when the value is as the pattern says
 */
export function matchPattern(value: Json, pattern: Json): PatternMismatch | null {
  return element(value, pattern, '/');
}

function fails(path: string, why: string): PatternMismatch {
  return { isSkip: false, path, why };
}

function element(value: Json, pattern: Json, path: string): Answer {
  spendMembers(8);
  if (isObject(pattern)) {
    return isObject(value) ? mapping(value, pattern, path) : fails(path, `expected an object, got ${brief(value)}`);
  }
  if (Array.isArray(pattern)) {
    return Array.isArray(value) ? listing(value, pattern, path) : fails(path, `expected a list, got ${brief(value)}`);
  }
  const values = Array.isArray(value) ? value : [value];
  const wrong = values.find((one) => !matchesValue(one, pattern));
  return wrong === undefined ? null : fails(path, `${brief(wrong)} is not ${brief(pattern)}`);
}

const ANCHOR = /^([<=X^])?\((.+)\)$/s;

interface Anchor {
  /** Empty: a condition. */
  readonly sign: string;
  readonly name: string;
}

function anchorOf(key: string): Anchor | null {
  const found = ANCHOR.exec(key);
  return found === null ? null : { sign: found[1] ?? '', name: found[2] ?? '' };
}

/** Conditions first, then the other anchors, then members that hold conditions themselves, then the rest: what skips decides first. */
function rankOf(key: string, pattern: Json): number {
  const sign = anchorOf(key)?.sign;
  if (sign === '') return 0;
  if (sign === '=' || sign === '^' || sign === 'X') return 1;
  return sign === '<' || hasCondition(pattern) ? 2 : 3;
}

function hasCondition(pattern: Json): boolean {
  if (Array.isArray(pattern)) return pattern.some(hasCondition);
  if (!isObject(pattern)) return false;
  return Object.entries(pattern).some(([key, inner]) => {
    const sign = anchorOf(key)?.sign;
    return sign === '' || sign === '<' || hasCondition(inner);
  });
}

function mapping(value: Members, written: Members, path: string): Answer {
  const pattern = Object.entries(withNamesOf(value, written));
  const ordered = pattern.sort(([a, inA], [b, inB]) => rankOf(a, inA) - rankOf(b, inB));
  for (const [key, inner] of ordered) {
    const answer = member(value, key, inner, path);
    if (answer !== null) return answer;
  }
  return null;
}

function member(value: Members, key: string, pattern: Json, path: string): Answer {
  const anchor = anchorOf(key);
  const name = anchor?.name ?? key;
  const place = `${path}${name}/`;
  const isThere = Object.hasOwn(value, name);
  const own = isThere ? (value[name] ?? null) : null;
  if (anchor === null) {
    if (pattern !== '*') return element(own, pattern, place);
    return own === null ? fails(place, 'it is not there') : null;
  }
  switch (anchor.sign) {
    case 'X':
      return isThere ? fails(place, 'it is not allowed') : null;
    case '=':
      return isThere ? element(own, pattern, place) : null;
    case '^':
      return isThere ? existing(own, pattern, place) : null;
    case '<': {
      const inside = isThere ? element(own, pattern, place) : null;
      return inside === null ? null : { ...inside, isSkip: true };
    }
    default: {
      const inside = isThere ? element(own, pattern, place) : fails(place, 'it is not there');
      return inside === null ? null : { ...inside, isSkip: true };
    }
  }
}

function existing(list: Json, patterns: Json, path: string): Answer {
  if (!Array.isArray(list) || !Array.isArray(patterns)) return fails(path, 'expected a list');
  const missing = patterns.some((pattern) => list.every((one, at) => element(one, pattern, `${path}${at}/`) !== null));
  return missing ? fails(path, 'no member is as the pattern says') : null;
}

function listing(list: readonly Json[], pattern: readonly Json[], path: string): Answer {
  const [first] = pattern;
  if (first === undefined) return fails(path, 'the pattern is an empty list');
  if (!Array.isArray(first) && !isObject(first)) return element([...list], first, path);
  const isForEach = isObject(first);
  if (!isForEach && list.length < pattern.length)
    return fails(path, `expected ${pattern.length} members, got ${list.length}`);
  const asked = isForEach
    ? list.map((one) => [one, first] as const)
    : pattern.map((one, at) => [list[at] ?? null, one] as const);
  let skipped: Answer = null;
  let applied = 0;
  for (const [at, [one, inner]] of asked.entries()) {
    const answer = element(one, inner, `${path}${at}/`);
    if (answer === null) applied += 1;
    else if (answer.isSkip) skipped = answer;
    else return answer;
  }
  return applied === 0 ? skipped : null;
}

/** Names with wildcards in labels and annotations stand for the names that are there. */
function withNamesOf(value: Members, pattern: Members): Members {
  if (!Object.keys(pattern).some((key) => (anchorOf(key)?.name ?? key) === 'metadata')) return pattern;
  return Object.fromEntries(
    Object.entries(pattern).map(([key, inner]) => {
      const name = anchorOf(key)?.name ?? key;
      if (name !== 'metadata' || !isObject(inner)) return [key, inner];
      const own = value['metadata'];
      return [key, Object.fromEntries(Object.entries(inner).map((entry) => namesIn(entry, isObject(own) ? own : {})))];
    }),
  );
}

function namesIn([key, inner]: [string, Json], metadata: Members): [string, Json] {
  const name = anchorOf(key)?.name ?? key;
  const own = metadata[name];
  if ((name !== 'labels' && name !== 'annotations') || !isObject(inner)) return [key, inner];
  const there = isObject(own) ? Object.entries(own) : [];
  return [key, Object.fromEntries(Object.entries(inner).flatMap(([label, wanted]) => namesOf(label, wanted, there)))];
}

/** Every name that is there and has the form; where none has, one that nothing has. */
function namesOf(label: string, wanted: Json, there: readonly (readonly [string, Json])[]): [string, Json][] {
  const anchor = anchorOf(label);
  const written = anchor?.name ?? label;
  if (!hasWildcard(written)) return [[label, wanted]];
  const found = there.flatMap(([one]) => (matchesWildcard(written, one) ? [one] : []));
  const places = found.length === 0 ? [written.replaceAll(/[*?]/g, '0')] : found;
  return places.map((place) => [anchor === null ? place : `${anchor.sign}(${place})`, wanted]);
}

/** Whether a value that is neither list nor object is as a pattern says. */
export function matchesValue(value: Json, pattern: Json): boolean {
  spendMembers(4);
  if (typeof pattern === 'string')
    return value === pattern || pattern.split('|').some((one) => isAllOf(value, one.trim()));
  if (typeof pattern === 'boolean') return value === pattern;
  if (typeof pattern === 'number') {
    if (typeof value === 'number') return value === pattern;
    return typeof value === 'string' && value.trim() !== '' && Number(value) === pattern;
  }
  if (pattern === null) return value === null || value === 0 || value === '' || value === false;
  return isObject(pattern) && isObject(value);
}

function isAllOf(value: Json, pattern: string): boolean {
  return pattern.split('&').every((one) => isOne(value, one.trim()));
}

const BOUND = '([-+]?\\d+(?:\\.\\d+)?[A-Za-z]*)';
const RANGE = new RegExp(`^${BOUND}(!?)-${BOUND}$`);

/** The ends of `1-10`, and of `1!-10` what is not between them; null for any other pattern. */
export function rangeOf(
  pattern: string,
): { readonly from: string; readonly to: string; readonly isOutside: boolean } | null {
  const found = RANGE.exec(pattern);
  return found === null ? null : { from: found[1] ?? '', to: found[3] ?? '', isOutside: found[2] === '!' };
}

function isOne(value: Json, pattern: string): boolean {
  const range = rangeOf(pattern);
  if (range !== null) {
    const { from, to, isOutside } = range;
    return isOutside
      ? isOne(value, `< ${from}`) || isOne(value, `> ${to}`)
      : isOne(value, `>= ${from}`) && isOne(value, `<= ${to}`);
  }
  const sign = pattern.length < 2 ? '' : (/^(?:>=|<=|>|<|!)/.exec(pattern)?.[0] ?? '');
  const wanted = pattern.slice(sign.length).trim();
  return (
    isSided(sidesOfSpans(value, wanted), sign) ||
    isSided(sidesOfAmounts(value, wanted), sign) ||
    isText(value, wanted, sign)
  );
}

function isSided(sides: number | null, sign: string): boolean {
  if (sides === null) return false;
  switch (sign) {
    case '>=':
      return sides >= 0;
    case '<=':
      return sides <= 0;
    case '>':
      return sides > 0;
    case '<':
      return sides < 0;
    case '!':
      return sides !== 0;
    default:
      return sides === 0;
  }
}

/** What is not there counts as nothing, as in Kyverno. */
function plain(value: Json): string | null {
  if (value === null) return '0';
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

function sidesOfSpans(value: Json, wanted: string): number | null {
  const text = plain(value);
  const [a, b] = [text === null ? null : secondsOf(text), secondsOf(wanted)];
  return a === null || b === null ? null : Math.sign(a - b);
}

function sidesOfAmounts(value: Json, wanted: string): number | null {
  const text = plain(value);
  return text === null ? null : compareAmounts(text, wanted);
}

function isText(value: Json, wanted: string, sign: string): boolean {
  if ((sign !== '' && sign !== '!') || value === null || typeof value === 'object') return false;
  return matchesWildcard(wanted, String(value)) !== (sign === '!');
}

function brief(value: Json): string {
  const text = jsonText(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
