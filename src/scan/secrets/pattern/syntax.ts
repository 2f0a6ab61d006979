import { DEPTH_MAX, PATTERN_MAX_LENGTH, REPEAT_MAX } from './limits.ts';

/*
 * RE2's syntax (https://github.com/google/re2/wiki/Syntax) over bytes.
 *
 *   choice  = concat *( "|" concat )
 *   concat  = *( atom *quantifier )
 *   atom    = "." / class / escape / "^" / "$" / "(" [ "?" ( flags [":"] / "P<" name ">" / ":" ) ] choice ")" / byte
 *   quantifier = ( "*" / "+" / "?" / "{" n [ "," [ m ] ] "}" ) [ "?" ]
 *
 * A letter outside ASCII is its UTF-8 bytes; within a class it stands for any byte from 0x80, and `.` takes one byte.
 * Back references and look-around do not exist in RE2 and are refused: nothing here needs to go back.
 */

/** 256 marks, one a byte. */
export type ByteSet = Uint8Array;

export type Assertion = 'begin-text' | 'end-text' | 'begin-line' | 'end-line' | 'boundary' | 'no-boundary';

export type Pattern =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly set: ByteSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'concat'; readonly parts: readonly Pattern[] }
  | { readonly kind: 'choice'; readonly parts: readonly Pattern[] }
  | {
      readonly kind: 'repeat';
      readonly of: Pattern;
      readonly min: number;
      /** Infinity where there is no end. */
      readonly max: number;
      readonly greedy: boolean;
    }
  | { readonly kind: 'group'; readonly index: number; readonly of: Pattern };

/** A pattern that is not RE2, or is larger than allowed. */
export class PatternError extends Error {
  /** Place in the pattern, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(`${message} at ${at}`);
    this.at = at;
  }
}

interface Flags {
  readonly fold: boolean;
  readonly dotAll: boolean;
  readonly multiline: boolean;
  readonly lazy: boolean;
}

const NO_FLAGS: Flags = { fold: false, dotAll: false, multiline: false, lazy: false };

/** @throws PatternError */
export function parsePattern(source: string): { readonly pattern: Pattern; readonly groups: number } {
  if (source.length > PATTERN_MAX_LENGTH) {
    throw new PatternError(`the pattern has ${source.length} characters, the limit is ${PATTERN_MAX_LENGTH}`, 0);
  }
  const parser = new Parser(source);
  const pattern = parser.readWhole();
  return { pattern, groups: parser.groups };
}

class Parser {
  readonly #source: string;
  #at = 0;
  #flags = NO_FLAGS;
  groups = 0;

  constructor(source: string) {
    this.#source = source;
  }

  readWhole(): Pattern {
    const pattern = this.#choice(0);
    if (this.#at < this.#source.length) throw this.#fault('a closing bracket without an opening one');
    return pattern;
  }

  #fault(message: string): PatternError {
    return new PatternError(message, this.#at);
  }

  #peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  #eat(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(depth: number): Pattern {
    if (depth > DEPTH_MAX) throw this.#fault(`groups nest deeper than ${DEPTH_MAX}`);
    const parts = [this.#concat(depth)];
    while (this.#eat('|')) parts.push(this.#concat(depth));
    return parts.length === 1 ? (parts[0] as Pattern) : { kind: 'choice', parts };
  }

  #concat(depth: number): Pattern {
    const parts: Pattern[] = [];
    while (this.#at < this.#source.length && !this.#peek('|') && !this.#peek(')')) {
      if (this.#eat('\\Q')) {
        const end = this.#source.indexOf('\\E', this.#at);
        const stop = end < 0 ? this.#source.length : end;
        for (const letter of this.#source.slice(this.#at, stop)) parts.push(this.#literal(letter));
        this.#at = end < 0 ? stop : stop + 2;
        continue;
      }
      const atom = this.#atom(depth);
      if (atom !== null) parts.push(this.#quantified(atom));
    }
    if (parts.length === 0) return { kind: 'empty' };
    return parts.length === 1 ? (parts[0] as Pattern) : { kind: 'concat', parts };
  }

  #quantified(atom: Pattern): Pattern {
    let pattern = atom;
    for (;;) {
      const bounds = this.#quantifier();
      if (bounds === null) return pattern;
      const isLazy = this.#eat('?');
      pattern = { kind: 'repeat', of: pattern, ...bounds, greedy: isLazy === this.#flags.lazy };
    }
  }

  #quantifier(): { min: number; max: number } | null {
    if (this.#eat('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#eat('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#eat('?')) return { min: 0, max: 1 };
    const counted = /^\{(\d{1,6})(?:(,)(\d{0,6}))?\}/.exec(this.#source.slice(this.#at, this.#at + 20));
    if (!counted) return null;
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : counted[3] ? Number(counted[3]) : Number.POSITIVE_INFINITY;
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Number.POSITIVE_INFINITY) || max < min) {
      throw this.#fault(`a count outside of 0 to ${REPEAT_MAX}, or the wrong way round,`);
    }
    this.#at += counted[0].length;
    return { min, max };
  }

  #atom(depth: number): Pattern | null {
    const letter = this.#take();
    switch (letter) {
      case '.': {
        const set = new Uint8Array(256).fill(1);
        if (!this.#flags.dotAll) set[10] = 0;
        return { kind: 'set', set };
      }
      case '^':
        return { kind: 'assert', what: this.#flags.multiline ? 'begin-line' : 'begin-text' };
      case '$':
        return { kind: 'assert', what: this.#flags.multiline ? 'end-line' : 'end-text' };
      case '[':
        return { kind: 'set', set: this.#class() };
      case '(':
        return this.#group(depth);
      case '*':
      case '+':
      case '?':
        throw this.#fault('a repetition of nothing');
      case '\\':
        return this.#escape();
      default:
        return this.#literal(letter);
    }
  }

  /** One whole letter, which may be two units of JavaScript. */
  #take(): string {
    const point = this.#source.codePointAt(this.#at);
    if (point === undefined) throw this.#fault('the pattern ends too early');
    const letter = String.fromCodePoint(point);
    this.#at += letter.length;
    return letter;
  }

  #literal(letter: string): Pattern {
    const bytes = [...Buffer.from(letter)].map(
      (byte): Pattern => ({ kind: 'set', set: letterSet(byte, this.#flags.fold) }),
    );
    return bytes.length === 1 ? (bytes[0] as Pattern) : { kind: 'concat', parts: bytes };
  }

  #group(depth: number): Pattern | null {
    const outer = this.#flags;
    let index = 0;
    if (this.#eat('?')) {
      if (this.#eat('P<') || (this.#eat('<') && !this.#peek('=') && !this.#peek('!'))) {
        const name = /^\w+>/.exec(this.#source.slice(this.#at));
        if (!name) throw this.#fault('a group without a name');
        this.#at += name[0].length;
        index = ++this.groups;
      } else {
        const flags = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.#source.slice(this.#at));
        if (!flags) throw this.#fault('RE2 knows no such group (look-around and back references do not exist)');
        this.#at += flags[0].length;
        this.#flags = withFlags(outer, flags[1] ?? '', flags[2] ?? '');
        // (?i) holds to the end of the group that it stands in.
        if (flags[3] === ')') return null;
      }
    } else {
      index = ++this.groups;
    }
    const of = this.#choice(depth + 1);
    if (!this.#eat(')')) throw this.#fault('a group that does not end');
    this.#flags = outer;
    return index === 0 ? of : { kind: 'group', index, of };
  }

  #escape(): Pattern {
    const letter = this.#take();
    switch (letter) {
      case 'A':
        return { kind: 'assert', what: 'begin-text' };
      case 'z':
        return { kind: 'assert', what: 'end-text' };
      case 'b':
        return { kind: 'assert', what: 'boundary' };
      case 'B':
        return { kind: 'assert', what: 'no-boundary' };
      case 'C':
        return { kind: 'set', set: new Uint8Array(256).fill(1) };
      default: {
        const set = this.#classEscape(letter);
        if (set !== null) return { kind: 'set', set };
        return this.#literal(this.#letterOf(letter));
      }
    }
  }

  /** \d \w \s \pL and their opposites; null for the escape of a single letter. */
  #classEscape(letter: string): ByteSet | null {
    const named = PERL_CLASSES.get(letter.toLowerCase());
    if (named !== undefined) return letter === letter.toLowerCase() ? named.slice() : invert(named);
    if (letter !== 'p' && letter !== 'P') return null;
    const name = /^(?:\{\^?(\w+)\}|(\w))/.exec(this.#source.slice(this.#at));
    if (!name) throw this.#fault('a class of Unicode without a name');
    this.#at += name[0].length;
    const set = unicodeClass(name[1] ?? name[2] ?? '');
    if (set === null) throw this.#fault(`the unknown class of Unicode ${name[0]}`);
    return (letter === 'P') !== name[0].startsWith('{^') ? withBeyondAscii(invert(set)) : set;
  }

  #letterOf(letter: string): string {
    const control = CONTROLS.get(letter);
    if (control !== undefined) return control;
    if (letter === 'x') {
      const hex = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(this.#source.slice(this.#at));
      if (!hex) throw this.#fault('\\x without hex digits');
      this.#at += hex[0].length;
      const point = Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
      if (point > 0x10ffff) throw this.#fault('a letter that Unicode does not have');
      return String.fromCodePoint(point);
    }
    if (/[0-7]/.test(letter)) {
      const octal = /^[0-7]{0,2}/.exec(this.#source.slice(this.#at))?.[0] ?? '';
      // \1 to \7 alone are back references elsewhere.
      if (letter !== '0' && octal === '') throw this.#fault('a back reference, which RE2 does not have,');
      this.#at += octal.length;
      return String.fromCodePoint(Number.parseInt(letter + octal, 8));
    }
    if (/[a-zA-Z0-9]/.test(letter)) throw this.#fault(`the unknown escape \\${letter}`);
    return letter;
  }

  #class(): ByteSet {
    const isNegated = this.#eat('^');
    const set = new Uint8Array(256);
    let isFirst = true;
    while (isFirst || !this.#peek(']')) {
      isFirst = false;
      const posix = /^\[:(\^?)(\w+):\]/.exec(this.#source.slice(this.#at, this.#at + 20));
      if (posix) {
        const named = POSIX_CLASSES.get(posix[2] ?? '');
        if (named === undefined) throw this.#fault(`the unknown class ${posix[0]}`);
        this.#at += posix[0].length;
        add(set, posix[1] === '^' ? invert(named) : named);
        continue;
      }
      const low = this.#member();
      if (typeof low !== 'number') {
        add(set, low);
        continue;
      }
      let high = low;
      if (this.#peek('-') && this.#source[this.#at + 1] !== ']') {
        this.#at += 1;
        const end = this.#member();
        if (typeof end !== 'number' || end < low) throw this.#fault('a range the wrong way round');
        high = end;
      }
      for (let point = low; point <= Math.min(high, 0x7f); point++) set[point] = 1;
      if (high > 0x7f) set.fill(1, 0x80);
    }
    this.#at += 1;
    const folded = this.#flags.fold ? foldCase(set) : set;
    return isNegated ? withBeyondAscii(invert(folded)) : folded;
  }

  #member(): number | ByteSet {
    const letter = this.#take();
    if (letter !== '\\') return letter.codePointAt(0) ?? 0;
    const escaped = this.#take();
    return this.#classEscape(escaped) ?? this.#letterOf(escaped).codePointAt(0) ?? 0;
  }
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const value = (letter: string, before: boolean): boolean =>
    off.includes(letter) ? false : on.includes(letter) ? true : before;
  return {
    fold: value('i', flags.fold),
    dotAll: value('s', flags.dotAll),
    multiline: value('m', flags.multiline),
    lazy: value('U', flags.lazy),
  };
}

function setOf(...ranges: readonly string[]): ByteSet {
  const set = new Uint8Array(256);
  for (const range of ranges) {
    const low = range.charCodeAt(0);
    set.fill(1, low, range.charCodeAt(range.length - 1) + 1);
  }
  return set;
}

const CONTROLS: ReadonlyMap<string, string> = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['f', '\f'],
  ['v', '\v'],
  ['a', '\x07'],
]);

const DIGITS = setOf('09');
const WORD = setOf('09', 'AZ', 'az', '_');

const PERL_CLASSES: ReadonlyMap<string, ByteSet> = new Map([
  ['d', DIGITS],
  ['w', WORD],
  // RE2's \s has no vertical tab.
  ['s', setOf('\t\n', '\f\r', ' ')],
]);

const POSIX_CLASSES: ReadonlyMap<string, ByteSet> = new Map([
  ['alnum', setOf('09', 'AZ', 'az')],
  ['alpha', setOf('AZ', 'az')],
  ['ascii', setOf('\0\x7f')],
  ['blank', setOf('\t', ' ')],
  ['cntrl', setOf('\0\x1f', '\x7f')],
  ['digit', DIGITS],
  ['graph', setOf('!~')],
  ['lower', setOf('az')],
  ['print', setOf(' ~')],
  ['punct', setOf('!/', ':@', '[`', '{~')],
  ['space', setOf('\t\r', ' ')],
  ['upper', setOf('AZ')],
  ['word', WORD],
  ['xdigit', setOf('09', 'AF', 'af')],
]);

/** The ASCII part of a general category of Unicode and every byte beyond: a little more than asked, never less. */
function unicodeClass(name: string): ByteSet | null {
  const ascii = UNICODE_CLASSES.get(name[0] ?? '');
  if (ascii === undefined || name.length > 2) return null;
  const exact = name === 'Lu' ? setOf('AZ') : name === 'Ll' ? setOf('az') : ascii;
  return withBeyondAscii(exact.slice());
}

const UNICODE_CLASSES: ReadonlyMap<string, ByteSet> = new Map([
  ['L', setOf('AZ', 'az')],
  ['N', DIGITS],
  ['P', setOf('!#', '%*', ',/', ':;', '?@', '[]', '_', '{', '}')],
  ['S', setOf('$', '+', '<>', '^', '`', '|', '~')],
  ['Z', setOf(' ')],
  ['C', setOf('\0\x1f', '\x7f')],
  ['M', new Uint8Array(256)],
]);

function add(set: ByteSet, more: ByteSet): void {
  for (let byte = 0; byte < 256; byte++) set[byte] = (set[byte] as number) | (more[byte] as number);
}

function invert(set: ByteSet): ByteSet {
  return set.map((mark) => 1 - mark);
}

function withBeyondAscii(set: ByteSet): ByteSet {
  return set.fill(1, 0x80);
}

/** Patterns are made of few bytes: a list of words has thousands of letters, and each is told apart by its set. */
const SETS_OF_ONE = new Map<number, ByteSet>();

function letterSet(byte: number, fold: boolean): ByteSet {
  const key = byte * 2 + (fold ? 1 : 0);
  let set = SETS_OF_ONE.get(key);
  if (set === undefined) {
    const plain = new Uint8Array(256);
    plain[byte] = 1;
    set = fold ? foldCase(plain) : plain;
    SETS_OF_ONE.set(key, set);
  }
  return set;
}

function foldCase(set: ByteSet): ByteSet {
  const folded = set.slice();
  for (let upper = 65; upper <= 90; upper++) {
    if (set[upper] || set[upper + 32]) folded[upper] = folded[upper + 32] = 1;
  }
  return folded;
}
