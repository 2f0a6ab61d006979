/** Reads patterns of RE2 (https://github.com/google/re2/wiki/Syntax) as Go reads them, and refuses what Go refuses. */
import {
  anyCase,
  LAST_CHARACTER,
  NAMED_CLASSES,
  negated,
  PERL_CLASSES,
  type Ranges,
  setOf,
  unicodeClass,
} from './character-sets.ts';

export type Place = 'text-start' | 'text-end' | 'line-start' | 'line-end' | 'word-edge' | 'no-word-edge';

export type Part =
  | { readonly kind: 'set'; readonly set: Ranges }
  | { readonly kind: 'place'; readonly place: Place }
  | { readonly kind: 'row'; readonly parts: readonly Part[] }
  | { readonly kind: 'choice'; readonly parts: readonly Part[] }
  | { readonly kind: 'group'; readonly index: number; readonly part: Part }
  | {
      readonly kind: 'repeat';
      readonly part: Part;
      readonly least: number;
      /** Null: no end. */
      readonly most: number | null;
      readonly greedy: boolean;
    };

/** RE2's own bounds. */
const REPEATS_MAX = 1000;
const DEPTH_MAX = 1000;

const NEWLINE = 0x0a;
const SIMPLE_ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const PLACES: Readonly<Record<string, Place>> = { A: 'text-start', z: 'text-end', b: 'word-edge', B: 'no-word-edge' };

interface Flags {
  readonly anyCase: boolean;
  readonly byLines: boolean;
  readonly dotIsAll: boolean;
  readonly lazy: boolean;
}

/** @throws RangeError that says why the pattern is none */
export function readRe2(source: string, dotIsAll = false): { readonly part: Part; readonly groups: number } {
  if (!source.isWellFormed()) throw new RangeError('the pattern is not UTF-8');
  const reader = new Reader(source, { anyCase: false, byLines: false, dotIsAll, lazy: false });
  return { part: reader.whole(), groups: reader.groups };
}

class Reader {
  groups = 0;
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;
  #flags: Flags;

  constructor(source: string, flags: Flags) {
    this.#characters = [...source];
    this.#flags = flags;
  }

  whole(): Part {
    const part = this.#choice();
    if (this.#peek() === ')') throw new RangeError('unexpected )');
    return part;
  }

  #peek(ahead = 0): string {
    return this.#characters[this.#at + ahead] ?? '';
  }

  #next(): string {
    return this.#characters[this.#at++] ?? '';
  }

  #from(start: number): string {
    return this.#characters.slice(start, this.#at).join('').slice(0, 60);
  }

  /** The text up to and without `end`, which is passed; null: it does not come. */
  #until(end: string): string | null {
    const at = this.#characters.indexOf(end, this.#at);
    if (at < 0) return null;
    const text = this.#characters.slice(this.#at, at).join('');
    this.#at = at + 1;
    return text;
  }

  #choice(): Part {
    const rows: Part[] = [];
    for (;;) {
      rows.push(this.#row());
      if (this.#peek() !== '|') break;
      this.#at++;
    }
    return rows.length === 1 && rows[0] !== undefined ? rows[0] : { kind: 'choice', parts: rows };
  }

  #row(): Part {
    const parts: Part[] = [];
    let repeated = false;
    for (;;) {
      const c = this.#peek();
      if (c === '' || c === '|' || c === ')') return { kind: 'row', parts };
      const start = this.#at;
      const times = this.#times();
      if (times === null) {
        this.#one(parts);
        repeated = false;
        continue;
      }
      const lazy = this.#peek() === '?';
      if (lazy) this.#at++;
      if (repeated) throw new RangeError(`two repetitions in a row: ${this.#from(start)}`);
      const part = parts.pop();
      if (part === undefined) throw new RangeError(`nothing to repeat before ${this.#from(start)}`);
      const [least, most] = times;
      const repeat: Part = { kind: 'repeat', part, least, most, greedy: lazy === this.#flags.lazy };
      if ((least >= 2 || (most ?? 0) >= 2) && !repeatsWithin(repeat, REPEATS_MAX))
        throw new RangeError(`repetitions in repetitions come to more than ${REPEATS_MAX} times: ${this.#from(start)}`);
      parts.push(repeat);
      repeated = true;
    }
  }

  /** How often what stands before is repeated; null: no repetition stands here. */
  #times(): [number, number | null] | null {
    switch (this.#peek()) {
      case '*':
        this.#at++;
        return [0, null];
      case '+':
        this.#at++;
        return [1, null];
      case '?':
        this.#at++;
        return [0, 1];
      case '{':
        return this.#bounds();
      default:
        return null;
    }
  }

  /** `{2}`, `{2,}` or `{2,3}`; any other brace stands for itself. */
  #bounds(): [number, number | null] | null {
    const written = this.#characters.slice(this.#at, this.#at + 64).join('');
    const found = /^\{(0|[1-9]\d*)(,(0|[1-9]\d*)?)?\}/.exec(written);
    if (found === null) {
      if (/^\{(?:\d{1,20},)?[1-9]\d{20}/.test(written)) throw wrongBounds(written);
      return null;
    }
    const least = Number(found[1]);
    const most = found[2] === undefined ? least : found[3] === undefined ? null : Number(found[3]);
    if (least > REPEATS_MAX || (most ?? 0) > REPEATS_MAX || (most !== null && least > most))
      throw wrongBounds(found[0]);
    this.#at += found[0].length;
    return [least, most];
  }

  #one(parts: Part[]): void {
    const c = this.#next();
    switch (c) {
      case '(':
        this.#bracket(parts);
        return;
      case '[':
        parts.push({ kind: 'set', set: this.#class() });
        return;
      case '.':
        parts.push({ kind: 'set', set: this.#flags.dotIsAll ? [0, LAST_CHARACTER] : negated([NEWLINE, NEWLINE]) });
        return;
      case '^':
        parts.push({ kind: 'place', place: this.#flags.byLines ? 'line-start' : 'text-start' });
        return;
      case '$':
        parts.push({ kind: 'place', place: this.#flags.byLines ? 'line-end' : 'text-end' });
        return;
      case '\\':
        this.#backslash(parts);
        return;
      default:
        parts.push(this.#literal(c.codePointAt(0) ?? 0));
    }
  }

  #literal(point: number): Part {
    const set: Ranges = [point, point];
    return { kind: 'set', set: this.#flags.anyCase ? anyCase(set) : set };
  }

  #bracket(parts: Part[]): void {
    const before = this.#flags;
    let index = 0;
    if (this.#peek() === '?') {
      const start = this.#at - 1;
      this.#at++;
      const name = this.#groupName(start);
      if (name === null && this.#changeFlags(start)) return;
      if (name !== null) index = ++this.groups;
    } else index = ++this.groups;
    if (++this.#depth > DEPTH_MAX) throw new RangeError(`brackets nest deeper than ${DEPTH_MAX}`);
    const part = this.#choice();
    if (this.#next() !== ')') throw new RangeError('a closing ) is missing');
    this.#depth--;
    this.#flags = before;
    parts.push(index === 0 ? part : { kind: 'group', index, part });
  }

  /** Null: the bracket has no name. */
  #groupName(start: number): string | null {
    const long = this.#peek() === 'P' && this.#peek(1) === '<';
    if (!long && this.#peek() !== '<') return null;
    if (!long && (this.#peek(1) === '=' || this.#peek(1) === '!')) throw noLookingAround();
    this.#at += long ? 2 : 1;
    const name = this.#until('>');
    if (name === null || !/^\w+$/.test(name)) throw new RangeError(`no name of a group: ${this.#from(start)}`);
    return name;
  }

  /** True: the flags hold for the rest of the bracket around, and no bracket is opened. */
  #changeFlags(start: number): boolean {
    if (this.#peek() === '=' || this.#peek() === '!') throw noLookingAround();
    const flags = { ...this.#flags };
    let on = true;
    let seen = false;
    for (;;) {
      const c = this.#next();
      if ((c === ':' || c === ')') && (on || seen)) {
        this.#flags = flags;
        return c === ')';
      }
      const name = FLAG_NAMES[c];
      if (name !== undefined) {
        flags[name] = on;
        seen = true;
      } else if (c === '-' && on) {
        on = false;
        seen = false;
      } else throw new RangeError(`no bracket of RE2: ${this.#from(start)}`);
    }
  }

  #backslash(parts: Part[]): void {
    const c = this.#peek();
    const place = PLACES[c];
    if (place !== undefined) {
      this.#at++;
      parts.push({ kind: 'place', place });
      return;
    }
    if (c === 'Q') {
      this.#at++;
      for (;;) {
        const one = this.#next();
        if (one === '') return;
        if (one === '\\' && this.#peek() === 'E') {
          this.#at++;
          return;
        }
        parts.push(this.#literal(one.codePointAt(0) ?? 0));
      }
    }
    const set = this.#classEscape();
    parts.push(set === null ? this.#literal(this.#escape()) : { kind: 'set', set });
  }

  /** `\d`, `\pN` and the like, after the backslash; null: another escape. */
  #classEscape(): Ranges | null {
    const c = this.#peek();
    if (c === 'p' || c === 'P') {
      this.#at++;
      return this.#unicode(c === 'P');
    }
    const set = PERL_CLASSES[c.toLowerCase()];
    if (set === undefined) return null;
    this.#at++;
    return this.#inEitherCase(set, c !== c.toLowerCase());
  }

  #unicode(without: boolean): Ranges {
    const start = this.#at - 2;
    const first = this.#next();
    const written = first === '{' ? this.#until('}') : first;
    const isOther = written?.startsWith('^') === true;
    const set = unicodeClass(isOther ? (written ?? '').slice(1) : (written ?? ''));
    if (set === null) throw new RangeError(`no category or script of Unicode: ${this.#from(start)}`);
    return this.#inEitherCase(set, without !== isOther);
  }

  #inEitherCase(set: Ranges, without: boolean): Ranges {
    const whole = this.#flags.anyCase ? anyCase(set) : set;
    return without ? negated(whole) : whole;
  }

  /** One character, after its backslash. */
  #escape(): number {
    const start = this.#at - 1;
    const c = this.#next();
    if (c === '') throw new RangeError('a backslash stands at the end');
    if (/^[1-7]$/.test(c) && !/^[0-7]$/.test(this.#peek())) throw new RangeError('back-references are not supported');
    if (/^[0-7]$/.test(c)) {
      let digits = c;
      while (digits.length < 3 && /^[0-7]$/.test(this.#peek())) digits += this.#next();
      return Number.parseInt(digits, 8);
    }
    const point = c === 'x' ? this.#hexadecimal() : SIMPLE_ESCAPES[c];
    if (point !== undefined && point !== null) return point;
    // Any sign stands for itself; a letter that means nothing may mean something one day.
    if (c < '\x80' && !/^[0-9A-Za-z]$/.test(c)) return c.codePointAt(0) ?? 0;
    throw new RangeError(`no escape of RE2: ${this.#from(start)}`);
  }

  #hexadecimal(): number | null {
    const first = this.#next();
    const digits = first === '{' ? this.#until('}') : first + this.#next();
    if (digits === null || !/^[0-9A-Fa-f]+$/.test(digits)) return null;
    const point = Number.parseInt(digits, 16);
    return point <= LAST_CHARACTER ? point : null;
  }

  /** What stands in brackets, after the first of them. */
  #class(): Ranges {
    const start = this.#at - 1;
    const without = this.#peek() === '^';
    if (without) this.#at++;
    const pairs: number[] = [];
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#peek() === '') throw new RangeError(`a closing ] is missing: ${this.#from(start)}`);
      const named = this.#named() ?? this.#classInClass();
      if (named !== null) {
        for (const point of named) pairs.push(point);
        continue;
      }
      const low = this.#classCharacter(start);
      let high = low;
      if (this.#peek() === '-' && this.#peek(1) !== ']' && this.#peek(1) !== '') {
        this.#at++;
        high = this.#classCharacter(start);
        if (high < low) throw new RangeError(`a range ends before it begins: ${this.#from(start)}`);
      }
      const range = this.#flags.anyCase ? anyCase([low, high]) : [low, high];
      for (const point of range) pairs.push(point);
    }
    this.#at++;
    const set = setOf(pairs);
    return without ? negated(set) : set;
  }

  #classCharacter(start: number): number {
    const c = this.#next();
    if (c === '') throw new RangeError(`a closing ] is missing: ${this.#from(start)}`);
    return c === '\\' ? this.#escape() : (c.codePointAt(0) ?? 0);
  }

  /** `[:alpha:]` or `[:^alpha:]`; null: nothing of the kind stands here. */
  #named(): Ranges | null {
    if (this.#peek() !== '[' || this.#peek(1) !== ':') return null;
    const rest = this.#characters.slice(this.#at + 2).join('');
    const end = rest.indexOf(':]');
    if (end < 0) return null;
    const written = rest.slice(0, end);
    const without = written.startsWith('^');
    const name = without ? written.slice(1) : written;
    const set = Object.hasOwn(NAMED_CLASSES, name) ? NAMED_CLASSES[name] : undefined;
    if (set === undefined) throw new RangeError(`the class [:${written.slice(0, 60)}:] is not known`);
    this.#at += 4 + [...written].length;
    return this.#inEitherCase(set, without);
  }

  #classInClass(): Ranges | null {
    if (this.#peek() !== '\\') return null;
    this.#at++;
    const set = this.#classEscape();
    if (set === null) this.#at--;
    return set;
  }
}

const FLAG_NAMES: Readonly<Record<string, keyof Flags>> = { i: 'anyCase', m: 'byLines', s: 'dotIsAll', U: 'lazy' };

function wrongBounds(written: string): RangeError {
  return new RangeError(`a repetition has bounds from 0 to ${REPEATS_MAX}, the lower first: ${written.slice(0, 20)}`);
}

function noLookingAround(): RangeError {
  return new RangeError('look-ahead and look-behind are not supported');
}

/** Repetitions in repetitions count by their product. */
function repeatsWithin(part: Part, most: number): boolean {
  let rest = most;
  switch (part.kind) {
    case 'repeat': {
      const times = part.most ?? part.least;
      const counted =
        part.least >= 2 || (part.most ?? 0) >= 2 || part.most === 0 || (part.least === 1 && part.most === 1);
      if (counted) {
        if (times === 0) return true;
        if (times > rest) return false;
        rest = Math.floor(rest / times);
      }
      return repeatsWithin(part.part, rest);
    }
    case 'row':
    case 'choice':
      return part.parts.every((one) => repeatsWithin(one, rest));
    case 'group':
      return repeatsWithin(part.part, rest);
    default:
      return true;
  }
}
