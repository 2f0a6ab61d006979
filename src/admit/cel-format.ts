import { Duration, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { spendMembers, tooLarge } from './cel-budget.ts';
import { timeText } from './cel-standard.ts';
import { EVALUATION_VALUE_MAX } from './limits.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '\u0007': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' },
  ...{ '\\': '\\\\', '"': '\\"' },
};

/** `strings.quote`: in double quotes, with escapes, fit for a log. */
export function quoteText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that are escaped.
  return `"${text.toWellFormed().replaceAll(/[\u0007\b\f\n\r\t\v\\"]/g, (one) => ESCAPES[one] ?? one)}"`;
}

const VERB = /%(?:%|(\.\d{1,2})?([sdfeboxX]))/g;

/**
 * `'%s has %d'.format([a, 1])`: the verbs of CEL's string extension.
 * @throws RangeError for a verb or a number of values that does not fit
 */
export function formatText(template: string, values: readonly unknown[]): string {
  let used = 0;
  let end = 0;
  let size = template.length;
  const parts: string[] = [];
  for (const match of template.matchAll(VERB)) {
    parts.push(template.slice(end, match.index));
    end = match.index + match[0].length;
    if (match[0] === '%%') {
      parts.push('%');
      continue;
    }
    if (used >= values.length) throw new RangeError('format: there are more places than values');
    const part = formatOne(match[2] ?? 's', match[1], values[used]);
    size += part.length;
    if (size > EVALUATION_VALUE_MAX) throw tooLarge();
    parts.push(part);
    used += 1;
  }
  parts.push(template.slice(end));
  if (parts.some((part, index) => index % 2 === 0 && part.includes('%')))
    throw new RangeError('format: a place that is none');
  if (used < values.length) throw new RangeError('format: there are more values than places');
  return parts.join('');
}

function formatOne(verb: string, precision: string | undefined, value: unknown): string {
  const wrong = (): RangeError => new RangeError(`format: %${verb} of ${typeof value}`);
  const whole = value instanceof UnsignedInt ? value.value : typeof value === 'bigint' ? value : null;
  switch (verb) {
    case 's':
      return wordsOf(value);
    case 'x':
    case 'X': {
      const isBytes = typeof value === 'string' || value instanceof Uint8Array;
      if (whole === null && !isBytes) throw wrong();
      const hex = isBytes ? Buffer.from(value as string).toString('hex') : (whole ?? 0n).toString(16);
      return verb === 'x' ? hex : hex.toUpperCase();
    }
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      if (whole === null) throw wrong();
      return whole.toString(2);
    case 'd':
    case 'o':
      if (whole === null) throw wrong();
      return whole.toString(verb === 'd' ? 10 : 8);
    case 'f':
      if (typeof value !== 'number') throw wrong();
      return Number.isFinite(value) ? fixed(value, precision) : withoutEnd(value);
    default:
      if (typeof value !== 'number') throw wrong();
      return Number.isFinite(value) ? scientific(value) : withoutEnd(value).padStart(6);
  }
}

function withoutEnd(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '-∞';
}

/** Halves go to the even digit where the number is exactly between two, as in C and Go; `toFixed` takes the larger. */
function fixed(value: number, precision: string | undefined): string {
  const digits = precision === undefined ? 6 : Number(precision.slice(1));
  const text = value.toFixed(digits);
  const size = Math.abs(value);
  // Texts of up to a hundred digits are exact, and a number between two ends within them.
  const exact = size < 1e21 ? size.toFixed(Math.min(100, digits + 60)) : '';
  const end = exact.indexOf('.') + 1 + digits;
  const below = exact.slice(0, digits === 0 ? end - 1 : end);
  if (!/^50*$/.test(exact.slice(end)) || !/[02468]$/.test(below)) return text;
  return `${value < 0 ? '-' : ''}${below}`;
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** As the specification's own implementation prints it: six digits, the power of ten raised. */
function scientific(value: number): string {
  const [digits = '', power = '0'] = value.toExponential(6).split('e');
  const number = Number(power);
  const raised = String(Math.abs(number))
    .padStart(2, '0')
    .replaceAll(/\d/g, (digit) => RAISED[Number(digit)] ?? '');
  return `${digits}×10${number < 0 ? '⁻' : ''}${raised}`;
}

/** A value as `%s` writes it by itself. */
function wordsOf(value: unknown): string {
  spendMembers(1);
  if (value === null) return 'null';
  if (Array.isArray(value)) return joinParts('[', value.map(wordsInside), ']');
  const members = membersOf(value);
  if (members !== null) {
    const parts = members.map(
      ([name, member]) => [keyOf(name), `${wordsInside(name)}:${wordsInside(member)}`] as const,
    );
    parts.sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
    return joinParts(
      '{',
      parts.map(([, words]) => words),
      '}',
    );
  }
  if (value instanceof Date) return timeText(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  if (typeof value === 'object' && !(value instanceof UnsignedInt || value instanceof Duration)) {
    const type = /^Type<(.+)>$/.exec(String(value))?.[1];
    if (type === undefined) throw new RangeError('format: %s of an object');
    return type;
  }
  return String(value);
}

/** In a list or a map texts are in quotes, and what is no number says what it is. */
function wordsInside(value: unknown): string {
  if (typeof value === 'string') return quoteText(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value.toFixed(6) : `"${wordsOf(value)}"`;
  if (value instanceof Date) return `timestamp("${wordsOf(value)}")`;
  if (value instanceof Duration) return `duration("${wordsOf(value)}")`;
  if (value instanceof Uint8Array) return `b${quoteText(wordsOf(value))}`;
  return wordsOf(value);
}

function keyOf(name: unknown): string {
  return String(name);
}

function membersOf(value: unknown): [unknown, unknown][] | null {
  if (value instanceof Map) return [...value];
  const isPlain = typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? Object.entries(value) : null;
}

/** Lists in lists may name the same list many times: their text can be larger than all of them. @throws RangeError */
function joinParts(begin: string, parts: readonly string[], end: string): string {
  if (parts.reduce((sum, { length }) => sum + length, 0) > EVALUATION_VALUE_MAX) throw tooLarge();
  return `${begin}${parts.join(', ')}${end}`;
}
