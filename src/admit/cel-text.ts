import type { Environment } from '@marcbachmann/cel-js';
import { Re2 } from '../formats/index.ts';
import { tooLarge } from './cel-budget.ts';
import { EVALUATION_VALUE_MAX, PATTERNS_KEPT_MAX } from './limits.ts';

const patterns = new Map<string, Re2>();

/** A pattern of RE2, kept for the next time. @throws RangeError for one that RE2 refuses, or that would take too long */
export function patternOf(source: string): Re2 {
  const kept = patterns.get(source);
  if (kept !== undefined) return kept;
  const pattern = new Re2(source);
  // Patterns may come out of documents: what is kept is bounded.
  if (patterns.size >= PATTERNS_KEPT_MAX) patterns.clear();
  patterns.set(source, pattern);
  return pattern;
}

/** `matches` of the library backtracks, which can take minutes; expressions that call it call this instead. */
export const LINEAR_MATCHES = 'matchesInLinearTime';

/** Functions over text that CEL's string extension and the library of Kubernetes have, and the library in use has not. */
export function registerTextFunctions(environment: Environment): void {
  const sync = { async: false } as const;
  environment
    .registerFunction(
      `string.${LINEAR_MATCHES}(string): bool`,
      (text: string, source: string) => patternOf(source).test(text),
      sync,
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, source: string) => patternOf(source).find(text),
      sync,
    )
    .registerFunction(
      'string.findAll(string): list<string>',
      (text: string, source: string) => patternOf(source).findAll(text),
      sync,
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, source: string, most: bigint) => patternOf(source).findAll(text, Number(most)),
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
