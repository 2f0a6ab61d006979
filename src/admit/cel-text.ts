import type { Environment } from '@marcbachmann/cel-js';
import { fromRe2, linearSearch } from '../formats/index.ts';
import { tooLarge } from './cel-budget.ts';
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
  const { rest, byLines } = withoutLines(source);
  const pattern = linearSearch(fromRe2(isOfAllLines(rest) ? overLines(rest) : rest), byLines);
  // Patterns may come out of documents: what is kept is bounded.
  if (patterns.size >= PATTERNS_KEPT_MAX) patterns.clear();
  patterns.set(source, pattern);
  return pattern;
}

/** With the flag `m` each line has a beginning and an end. */
function withoutLines(source: string): { rest: string; byLines: boolean } {
  const flags = /^\(\?([ims]+)\)/.exec(source)?.[1] ?? '';
  if (!flags.includes('m')) return { rest: source, byLines: false };
  const others = flags.replaceAll('m', '');
  return { rest: `${others === '' ? '' : `(?${others})`}${source.slice(flags.length + 3)}`, byLines: true };
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
