import type { Environment } from '@marcbachmann/cel-js';
import { fromRe2, linearSearch } from '../formats/index.ts';
import { spendMembers, tooLarge } from './cel-budget.ts';
import { EVALUATION_VALUE_MAX, PATTERNS_KEPT_MAX } from './limits.ts';

const patterns = new Map<string, RegExp>();

/** What RE2 understands and JavaScript silently reads as something else: `\pL` would be the letters p and L. */
const OTHERWISE_IN_RE2 = /\\(?:[pPQECaZ]|x\{)|\[:\^|(?<!\[)\[\^?\]/;

/** A pattern of RE2, kept for the next time. @throws RangeError for one that cannot be run in linear time, or not as RE2 does */
export function patternOf(source: string): RegExp {
  const kept = patterns.get(source);
  if (kept !== undefined) return kept;
  // An escaped backslash or bracket begins no such part.
  if (OTHERWISE_IN_RE2.test(source.replaceAll(/\\[^pPQECaZx]/g, '')))
    throw new RangeError(`the pattern ${JSON.stringify(source.slice(0, 60))} has parts of RE2 that are not known here`);
  const pattern = linearSearch(fromRe2(isOfAllLines(source) ? overLines(source) : source));
  // Patterns may come out of documents: what is kept is bounded.
  if (patterns.size >= PATTERNS_KEPT_MAX) patterns.clear();
  patterns.set(source, pattern);
  return pattern;
}

function isOfAllLines(source: string): boolean {
  return /^\(\?i?si?\)/.test(source);
}

/** With the flag `s` a dot is any character, the end of a line too; dots in brackets and after a backslash are dots. */
function overLines(source: string): string {
  return source.replace(/\\.|\[(?:\\.|[^\]\\])*\]|\./gs, (part) => (part === '.' ? '[^]' : part));
}

/** `matches` of the library backtracks, which can take minutes; expressions that call it call this instead. */
export const LINEAR_MATCHES = 'matchesInLinearTime';

/** Functions over text that CEL's string extension and the library of Kubernetes have, and the library in use has not. */
export function registerTextFunctions(environment: Environment): void {
  const sync = { async: false } as const;
  environment
    .registerFunction(
      `string.${LINEAR_MATCHES}(string): bool`,
      (text: string, source: string) => text.search(patternOf(source)) >= 0,
      sync,
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, source: string) => text.match(patternOf(source))?.[0] ?? '',
      sync,
    )
    .registerFunction(
      'string.findAll(string): list<string>',
      (text: string, source: string) => [...(text.match(patternOf(source)) ?? [])],
      sync,
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, source: string, most: bigint) => {
        const all = [...(text.match(patternOf(source)) ?? [])];
        return most < 0n ? all : all.slice(0, Number(most));
      },
      sync,
    )
    .registerFunction(
      'string.replace(string, string): string',
      (text: string, from: string, to: string) => replaceAll(text, from, to),
      sync,
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, times: bigint) =>
        times < 0n ? replaceAll(text, from, to) : replaceSome(text, from, to, Number(times)),
      sync,
    )
    .registerFunction('string.charAt(int): string', charAt, sync)
    .registerFunction('hoursBetween(string, string): int', hoursBetween, sync)
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''), sync);
}

/** @throws RangeError before a text is made that is too large */
function replaceAll(text: string, from: string, to: string): string {
  if ((text.length + 1) * to.length > EVALUATION_VALUE_MAX) {
    const times = from === '' ? text.length + 1 : text.split(from).length - 1;
    if (text.length + times * (to.length - from.length) > EVALUATION_VALUE_MAX) throw tooLarge();
  }
  return text.replaceAll(from, () => to);
}

function replaceSome(text: string, from: string, to: string, times: number): string {
  const parts = text.split(from);
  const kept = parts.slice(0, times + 1);
  const rest = parts.slice(times + 1);
  return [kept.join(to), ...rest].join(from);
}

function charAt(text: string, index: bigint): string {
  const characters = [...text];
  const at = Number(index);
  if (at < 0 || at > characters.length) throw new RangeError(`index ${at} is out of range`);
  return characters[at] ?? '';
}

/** Whole hours from one time to another, RFC 3339. @throws RangeError for what is no time */
function hoursBetween(from: string, to: string): bigint {
  const ms = Date.parse(to) - Date.parse(from);
  if (Number.isNaN(ms)) throw new RangeError('expected two times in RFC 3339');
  return BigInt(Math.floor(ms / 3_600_000));
}

/** `strings.quote`: in double quotes, with escapes, fit for a log. */
export function quoteText(text: string): string {
  return JSON.stringify(text);
}

const VERB = /%(?:%|(\.\d{1,2})?([sdfeboxX]))/g;

/**
 * `'%s has %d'.format([a, 1])`: the verbs of CEL's string extension.
 * @throws RangeError for a verb or a number of values that does not fit
 */
export function formatText(template: string, values: readonly unknown[]): string {
  let used = 0;
  let end = 0;
  const parts: string[] = [];
  for (const match of template.matchAll(VERB)) {
    parts.push(template.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[0] === '%%') {
      parts.push('%');
      continue;
    }
    if (used >= values.length) throw new RangeError('format: there are more places than values');
    parts.push(formatOne(match[2] ?? 's', match[1], values[used]));
    used += 1;
  }
  parts.push(template.slice(end));
  if (parts.some((part, index) => index % 2 === 0 && part.includes('%')))
    throw new RangeError('format: a place that is none');
  if (used < values.length) throw new RangeError('format: there are more values than places');
  return parts.join('');
}

function formatOne(verb: string, precision: string | undefined, value: unknown): string {
  const digits = precision === undefined ? 6 : Number(precision.slice(1));
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  if (verb === 's') return wordsOf(value);
  if (verb === 'x' || verb === 'X') {
    const hex =
      typeof value === 'bigint'
        ? value.toString(16)
        : typeof value === 'string'
          ? Buffer.from(value).toString('hex')
          : null;
    if (hex === null) throw new RangeError(`format: %${verb} of ${typeof value}`);
    return verb === 'x' ? hex : hex.toUpperCase();
  }
  if (verb === 'b' && typeof value === 'boolean') return value ? '1' : '0';
  if ((verb === 'd' || verb === 'b' || verb === 'o') && typeof value === 'bigint') {
    return value.toString({ d: 10, b: 2, o: 8 }[verb]);
  }
  if (isNumber && verb === 'f') return Number(value).toFixed(digits);
  if (isNumber && verb === 'e') return Number(value).toExponential(digits);
  throw new RangeError(`format: %${verb} of ${typeof value}`);
}

/** Values as `%s` writes them: lists in brackets, maps in braces with their keys in order. */
function wordsOf(value: unknown): string {
  spendMembers(1);
  if (Array.isArray(value)) return joinParts('[', value.map(wordsOf), ']');
  if (value instanceof Map) {
    const members = [...value].map(([name, member]) => `${wordsOf(name)}: ${wordsOf(member)}`);
    return joinParts('{', members.sort(), '}');
  }
  return String(value);
}

/** Lists in lists may name the same list many times: their text can be larger than all of them. @throws RangeError */
function joinParts(begin: string, parts: readonly string[], end: string): string {
  if (parts.reduce((sum, { length }) => sum + length, 0) > EVALUATION_VALUE_MAX) throw tooLarge();
  return `${begin}${parts.join(', ')}${end}`;
}
