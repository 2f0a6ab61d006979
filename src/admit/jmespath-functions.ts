import { createHash } from 'node:crypto';
import { FormatError, parseStrictJson, parseYaml } from '../formats/index.ts';
import type { Json } from '../system/index.ts';
import { spendMembers, tooLarge } from './cel-budget.ts';
import { nanosOf } from './cel-kubernetes.ts';
import { compareVersionTexts } from './cel-names.ts';
import { patternOf } from './cel-text.ts';
import { isSameJson, wordOf } from './jmespath-values.ts';
import { compareAmounts, durationText, matchesWildcard, secondsOf } from './kyverno-amounts.ts';
import { imageParts } from './kyverno-images.ts';
import { addTime, cronTime, parseTime, refuseLayout, timeOf, truncateTime, utcTime } from './kyverno-times.ts';
import { EVALUATION_VALUE_MAX } from './limits.ts';

export type JmesArgument = Json | ((value: Json) => Json);

type Members = { [key: string]: Json };

/** The time of the question that is being answered: a verdict speaks of one moment. */
let now = '';

/** Runs queries that speak of the time. They are synchronous, so only one question is answered at a time. */
export function atTime<Value>(time: string, run: () => Value): Value {
  const before = now;
  now = time;
  try {
    return run();
  } finally {
    now = before;
  }
}

/** What a function is handed, each asked for by its type. @throws RangeError for one of another type */
class Arguments {
  readonly #name: string;
  readonly #all: readonly JmesArgument[];

  constructor(name: string, all: readonly JmesArgument[]) {
    this.#name = name;
    this.#all = all;
  }

  get count(): number {
    return this.#all.length;
  }

  text(at: number): string {
    const value = this.#all[at];
    if (typeof value !== 'string') throw this.#wrong(at, 'text');
    spendMembers(value.length);
    return value;
  }

  /** A text, or a number as text. */
  word(at: number): string {
    const value = this.#all[at];
    return typeof value === 'number' || typeof value === 'boolean' ? String(value) : this.text(at);
  }

  number(at: number): number {
    const value = this.#all[at];
    if (typeof value !== 'number') throw this.#wrong(at, 'a number');
    return value;
  }

  list(at: number): readonly Json[] {
    const value = this.#all[at];
    if (!Array.isArray(value)) throw this.#wrong(at, 'a list');
    spendMembers(value.length);
    return value;
  }

  object(at: number): Members {
    const value = this.#all[at];
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.#wrong(at, 'an object');
    spendMembers(Object.keys(value).length);
    return value;
  }

  by(at: number): (value: Json) => Json {
    const value = this.#all[at];
    if (typeof value !== 'function') throw this.#wrong(at, 'an expression with &');
    return value;
  }

  any(at: number): Json {
    const value = this.#all[at];
    if (value === undefined || typeof value === 'function') throw this.#wrong(at, 'a value');
    return value;
  }

  #wrong(at: number, what: string): RangeError {
    return new RangeError(`expected ${what} as argument ${at + 1} of ${this.#name}`);
  }
}

type Handler = (given: Arguments) => Json;

const numbersOf = (list: readonly Json[], name: string): number[] =>
  list.map((one) => {
    if (typeof one !== 'number') throw new RangeError(`expected numbers in the list of ${name}`);
    return one;
  });

function order(a: Json, b: Json): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [x, y] = [String(a), String(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function best(list: readonly Json[], keyOf: (one: Json) => Json, sign: 1 | -1): Json {
  return list.reduce<Json>(
    (found, one, at) => (at === 0 || sign * order(keyOf(one), keyOf(found)) > 0 ? one : found),
    null,
  );
}

/** The functions of the specification. */
const STANDARD: Readonly<Record<string, Handler>> = {
  abs: (a) => Math.abs(a.number(0)),
  avg: (a) => {
    const all = numbersOf(a.list(0), 'avg');
    return all.length === 0 ? null : all.reduce((sum, one) => sum + one, 0) / all.length;
  },
  ceil: (a) => Math.ceil(a.number(0)),
  contains: (a) => {
    const whole = a.any(0);
    const part = a.any(1);
    if (Array.isArray(whole)) return a.list(0).some((one) => isSameJson(one, part));
    return a.text(0).includes(a.text(1));
  },
  ends_with: (a) => a.text(0).endsWith(a.text(1)),
  floor: (a) => Math.floor(a.number(0)),
  join: (a) => {
    const parts = a.list(1).map(wordOf);
    if (parts.reduce((sum, part) => sum + part.length + a.text(0).length, 0) > EVALUATION_VALUE_MAX) throw tooLarge();
    return parts.join(a.text(0));
  },
  keys: (a) => Object.keys(a.object(0)),
  length: (a) => {
    const value = a.any(0);
    if (typeof value === 'string') return [...a.text(0)].length;
    return Array.isArray(value) ? value.length : Object.keys(a.object(0)).length;
  },
  map: (a) => a.list(1).map((one) => a.by(0)(one)),
  max: (a) => best(a.list(0), (one) => one, 1),
  max_by: (a) => best(a.list(0), a.by(1), 1),
  merge: (a) => Object.assign({}, ...Array.from({ length: a.count }, (_, at) => a.object(at))),
  min: (a) => best(a.list(0), (one) => one, -1),
  min_by: (a) => best(a.list(0), a.by(1), -1),
  not_null: (a) => Array.from({ length: a.count }, (_, at) => a.any(at)).find((one) => one !== null) ?? null,
  reverse: (a) => {
    const value = a.any(0);
    return typeof value === 'string' ? [...a.text(0)].reverse().join('') : [...a.list(0)].reverse();
  },
  sort: (a) => [...a.list(0)].sort(order),
  sort_by: (a) => [...a.list(0)].sort((x, y) => order(a.by(1)(x), a.by(1)(y))),
  starts_with: (a) => a.text(0).startsWith(a.text(1)),
  sum: (a) => a.list(0).reduce<Json>((sum, one, at) => (at === 0 ? one : arithmetic('+', sum, one)), 0),
  to_array: (a) => (Array.isArray(a.any(0)) ? a.any(0) : [a.any(0)]),
  to_number: (a) => {
    const value = a.any(0);
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    return typeof number === 'number' && Number.isFinite(number) ? number : null;
  },
  to_string: (a) => wordOf(a.any(0)),
  type: (a) => {
    const value = a.any(0);
    if (Array.isArray(value)) return 'array';
    return value === null ? 'null' : typeof value;
  },
  values: (a) => Object.values(a.object(0)),
};

/** The functions that Kyverno adds, but those that ask the clock for chance, a network or certificates. */
const KYVERNO: Readonly<Record<string, Handler>> = {
  add: (a) => arithmetic('+', a.any(0), a.any(1)),
  subtract: (a) => arithmetic('-', a.any(0), a.any(1)),
  multiply: (a) => arithmetic('*', a.any(0), a.any(1)),
  divide: (a) => arithmetic('/', a.any(0), a.any(1)),
  modulo: (a) => arithmetic('%', a.any(0), a.any(1)),
  round: (a) => Number(a.number(0).toFixed(Math.min(Math.max(a.number(1), 0), 15))),
  base64_decode: (a) => Buffer.from(a.text(0), 'base64').toString('utf8'),
  base64_encode: (a) => Buffer.from(a.text(0)).toString('base64'),
  compare: (a) => order(a.text(0), a.text(1)),
  equal_fold: (a) => a.text(0).toLowerCase() === a.text(1).toLowerCase(),
  replace: (a) => replaceTimes(a.text(0), a.text(1), a.text(2), a.number(3)),
  replace_all: (a) => replaceTimes(a.text(0), a.text(1), a.text(2), -1),
  to_upper: (a) => a.text(0).toUpperCase(),
  to_lower: (a) => a.text(0).toLowerCase(),
  trim: (a) => trimAll(a.text(0), a.text(1)),
  trim_prefix: (a) => (a.text(0).startsWith(a.text(1)) ? a.text(0).slice(a.text(1).length) : a.text(0)),
  trim_suffix: (a) =>
    a.text(0).endsWith(a.text(1)) ? a.text(0).slice(0, a.text(0).length - a.text(1).length) : a.text(0),
  split: (a) => (a.text(1) === '' ? [...a.text(0)] : a.text(0).split(a.text(1))),
  truncate: (a) => a.text(0).slice(0, Math.max(0, a.number(1))),
  regex_match: (a) => patternOf(a.text(0)).test(a.word(1)),
  regex_replace_all: (a) => {
    const words = a.word(2);
    return replaceMatches(a.word(1), a.text(0), (groups) => expand(words, groups));
  },
  regex_replace_all_literal: (a) => {
    const words = a.word(2);
    return replaceMatches(a.word(1), a.text(0), () => words);
  },
  pattern_match: (a) => matchesWildcard(a.text(0), a.word(1)),
  label_match: (a) =>
    Object.entries(a.object(0)).every(([name, value]) => isSameJson(a.object(1)[name] ?? null, value)),
  to_boolean: (a) => {
    const text = a.text(0).toLowerCase();
    if (text !== 'true' && text !== 'false') throw new RangeError('expected true or false as argument 1 of to_boolean');
    return text === 'true';
  },
  path_canonicalize: (a) => canonicalPath(a.text(0)),
  semver_compare: (a) => isInRange(a.text(0), a.text(1)),
  parse_json: (a) => parsed(() => parseStrictJson(Buffer.from(a.text(0)))),
  parse_yaml: (a) => parsed(() => parseYaml(a.text(0)).value),
  lookup: (a) => {
    const whole = a.any(0);
    return Array.isArray(whole) ? (whole[a.number(1)] ?? null) : memberOf(a.object(0), a.text(1));
  },
  items: (a) => {
    const [name, value] = [a.text(1), a.text(2)];
    const whole = a.any(0);
    const entries: [Json, Json][] = Array.isArray(whole)
      ? whole.map((one, at) => [at, one])
      : Object.entries(a.object(0));
    return entries.map(([key, one]) => ({ [name]: key, [value]: one }));
  },
  object_from_lists: (a) => Object.fromEntries(a.list(0).map((name, at) => [String(name), a.list(1)[at] ?? null])),
  sha256: (a) => createHash('sha256').update(a.text(0)).digest('hex'),
  image_normalize: (a) => imageParts(a.text(0)).reference,
  time_since: (a) => {
    refuseLayout(a.text(0));
    return durationText((timeOf(a.text(2) || now) - timeOf(a.text(1))) / 1000);
  },
  time_now: () => now,
  time_now_utc: () => now,
  time_parse: (a) => parseTime(a.text(0), a.text(1)),
  time_utc: (a) => utcTime(a.text(0)),
  time_to_cron: (a) => cronTime(a.text(0)),
  time_diff: (a) => durationText((timeOf(a.text(1)) - timeOf(a.text(0))) / 1000),
  time_before: (a) => timeOf(a.text(0)) < timeOf(a.text(1)),
  time_after: (a) => timeOf(a.text(0)) > timeOf(a.text(1)),
  time_between: (a) => timeOf(a.text(0)) > timeOf(a.text(1)) && timeOf(a.text(0)) < timeOf(a.text(2)),
  time_add: (a) => addTime(a.text(0), a.text(1)),
  time_truncate: (a) => truncateTime(a.text(0), a.text(1)),
};

const FUNCTIONS = new Map([...Object.entries(STANDARD), ...Object.entries(KYVERNO)]);

export function isFunction(name: string): boolean {
  return FUNCTIONS.has(name);
}

/** @throws RangeError for arguments of other types */
export function callFunction(name: string, args: readonly JmesArgument[]): Json {
  const handler = FUNCTIONS.get(name);
  if (handler === undefined) throw new RangeError(`the function ${name} is not known here`);
  return handler(new Arguments(name, args));
}

function memberOf(object: Members, name: string): Json {
  return Object.hasOwn(object, name) ? (object[name] ?? null) : null;
}

function parsed(parse: () => Json): Json {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw new RangeError(`expected a text that can be read: ${error.message}`);
  }
}

/** What stands for each match, counted as it is made: a word for each letter of a long text is more than a process holds. */
function replaceMatches(text: string, pattern: string, wordsOf: (groups: readonly string[]) => string): string {
  let characters = text.length;
  return patternOf(pattern).replace(text, (groups) => {
    const words = wordsOf(groups);
    characters += words.length;
    spendMembers(words.length);
    if (characters > EVALUATION_VALUE_MAX) throw tooLarge();
    return words;
  });
}

/** `$1` and `${1}` are what a group found, and `$$` is `$`, as in Go. */
function expand(words: string, groups: readonly string[]): string {
  return words.replace(/\$(?:\$|(\d+)|\{(\d+)\})/g, (whole, one?: string, other?: string) =>
    whole === '$$' ? '$' : (groups[Number(one ?? other)] ?? ''),
  );
}

function replaceTimes(text: string, from: string, to: string, times: number): string {
  const parts = text.split(from);
  if (text.length + parts.length * to.length > EVALUATION_VALUE_MAX) throw tooLarge();
  if (times < 0) return parts.join(to);
  return [parts.slice(0, times + 1).join(to), ...parts.slice(times + 1)].join(from);
}

function trimAll(text: string, characters: string): string {
  let [from, to] = [0, text.length];
  while (from < to && characters.includes(text[from] ?? '')) from += 1;
  while (to > from && characters.includes(text[to - 1] ?? '')) to -= 1;
  return text.slice(from, to);
}

function canonicalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '..' || !path.startsWith('/')) parts.push(part);
  }
  const joined = parts.join('/');
  return path.startsWith('/') ? `/${joined}` : joined || '.';
}

/** `>=1.2.0 <2.0.0 || 3.x` of a version; parts that name no third number are read as beginnings. */
function isInRange(text: string, range: string): boolean {
  return range.split('||').some((all) =>
    all
      .trim()
      .split(/\s+(?=[<>=!\dv])/)
      .every((one) => {
        const [, sign = '', written = ''] = /^(>=|<=|!=|==|=|>|<|!)?\s*v?(.*)$/.exec(one.trim()) ?? [];
        if (/[xX*]/.test(written)) return text.replace(/^v/, '').startsWith(written.replace(/[.]?[xX*].*$/, ''));
        const sides = compareVersionTexts(text, written);
        if (sign === '>=') return sides >= 0;
        if (sign === '<=') return sides <= 0;
        if (sign === '>') return sides > 0;
        if (sign === '<') return sides < 0;
        return sign.startsWith('!') ? sides !== 0 : sides === 0;
      }),
  );
}

type Sign = '+' | '-' | '*' | '/' | '%';

/** Numbers, amounts (`500m`, `1Gi`) and spans of time (`1h`), as far as each can be reckoned with. */
function arithmetic(sign: Sign, a: Json, b: Json): Json {
  if (typeof a === 'number' && typeof b === 'number') return checked(reckon(sign, a, b));
  const [x, y] = [String(a), String(b)];
  const [spanA, spanB] = [typeof a === 'string' ? secondsOf(x) : a, typeof b === 'string' ? secondsOf(y) : b];
  const isSpan = /[a-zµμ]/.test(x) || /[a-zµμ]/.test(y);
  if (isSpan && typeof spanA === 'number' && typeof spanB === 'number') {
    const seconds = checked(reckon(sign, spanA, spanB));
    // A span by a span is a number.
    return sign === '/' && typeof a === 'string' && typeof b === 'string' ? seconds : durationText(seconds);
  }
  if (compareAmounts(x, y) === null)
    throw new RangeError(`expected numbers, amounts or spans of time, got ${x.slice(0, 40)} and ${y.slice(0, 40)}`);
  const [left, right] = [Number(nanosOf(x)) / 1e9, Number(nanosOf(y)) / 1e9];
  const result = checked(reckon(sign, left, right));
  return sign === '/' && typeof a === 'string' && typeof b === 'string' ? result : String(result);
}

function reckon(sign: Sign, a: number, b: number): number {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
  }
}

function checked(number: number): number {
  if (!Number.isFinite(number)) throw new RangeError('expected a divisor other than 0');
  return number;
}
