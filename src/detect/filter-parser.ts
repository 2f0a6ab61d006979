/**
 * Reads a condition of Falco's language.
 *
 *   condition   = or
 *   or          = and { "or" ( blank and | group ) }
 *   and         = not { "and" ( blank not | group ) }
 *   not         = { "not" blank } ( "not" group | check )
 *   check       = group | ( field | transformed ) test | macro
 *   group       = "(" or ")"
 *   test        = "exists"
 *               | ( "<" | "<=" | ">" | ">=" ) ( number | operand )
 *               | text-op ( blank quantifier blank ( list | name ) | string | operand )
 *               | ( "in" | "intersects" | "pmatch" ) ( list | name | operand )
 *   text-op     = "=" | "==" | "!=" | word-op blank
 *   word-op     = "glob" | "iglob" | "contains" | "icontains" | "bcontains" | "startswith" | "bstartswith" | "endswith" | "regex"
 *   quantifier  = "anyof" | "allof" | "oneof"                  (a plain string when no list or name follows)
 *   operand     = transformed | "val(" field ")"               (a field on the right side; bare it would be a string)
 *   transformed = ( "tolower" | "toupper" | "b64" | "basename" | "len" ) "(" argument ")"
 *               | ( "join" | "concat" | "getopt" ) "(" argument { "," argument } ")" [ "[" key "]" ]
 *   argument    = item | "(" [ item { "," item } ] ")"
 *   item        = transformed | field | string | number
 *   field       = name { "." name } [ "[" ( quoted | bare-key ) "]" ]   (at least one dot)
 *   list        = "(" [ string { "," string } ] ")"
 *   string      = quoted | bare        bare: any run without blanks, brackets ( ), comma, =, quotes
 *   quoted      = '"' or "'" around text with \b \f \n \r \t, \\, the quote after a backslash, and \xHH, a byte by its number
 *   number      = [ "+" | "-" ] digits [ "." digits ] [ "e" sign digits ] | "0x" hex digits
 *
 * Keywords need a blank or a bracket after them where a name could go on: "a andb" is wrong, "(a)and(b)" is right. Blanks are
 * space, tab, backspace (as in Falco's parser), and line ends.
 */
import { decodeText } from '../events/index.ts';
import type { BinaryOperator, Filter, Operand, Quantifier, TransformName } from './filter-ast.ts';
import { FilterError } from './filter-ast.ts';
import { FILTER_DEPTH_MAX } from './limits.ts';

const BLANK = /[ \t\b\r\n]*/y;
const NAME = /[a-zA-Z][a-zA-Z0-9_]*/y;
const FIELD = /[a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+/y;
const BARE_KEY = /[^ \b\t\n\r[\]"']+/y;
const BARE = /[^ \b\t\n\r(),="']+/y;
const HEX = /0[xX][0-9a-fA-F]+/y;
const NUMBER = /[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?/y;
const UNARY_TRANSFORM = /(tolower|toupper|b64|basename|len)\(/y;
const LIST_TRANSFORM = /(join|concat|getopt)\(/y;
const VALUE_TRANSFORM = /val\(/y;
const NOT_BLANK = /not[ \t\b\r\n]+/y;
const NOT_GROUP = /not\(/y;
const NUMBER_OPERATOR = /<=|>=|<|>/y;
const SIGN_OPERATOR = /==|=|!=/y;
const WORD_OPERATOR = /(bstartswith|startswith|icontains|bcontains|contains|endswith|iglob|glob|regex)(?=[ \t\b\r\n])/y;
const LIST_OPERATOR = /intersects|in|pmatch/y;
const QUANTIFIER = /(anyof|allof|oneof)(?=[ \t\b\r\n])/y;
const AFTER_QUANTIFIER = /[ \t\b\r\n]+(?:\(|(?!(?:and|or)(?![a-zA-Z0-9_]))[a-zA-Z])/y;

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** How other languages say it. */
interface Slip {
  readonly found: RegExp;
  readonly hint: string;
}
const JOINED_OTHERWISE: readonly Slip[] = [
  { found: /^(?:AND|And|&&)/, hint: 'it is written "and"' },
  { found: /^(?:OR|Or|\|\|)/, hint: 'it is written "or"' },
  { found: /^#/, hint: 'a condition has no comments' },
  { found: /^[=,]/, hint: 'a value with "=", "," or brackets in it is put in quotes' },
];
const COMPARED_OTHERWISE: readonly Slip[] = [
  { found: /^not\b/, hint: '"not" stands before the field: not proc.name in (…)' },
  { found: /^(?:matches|=~|~)/, hint: 'a pattern is asked by "glob" or "regex"' },
  { found: /^(?:is|IS)\b/, hint: 'whether a field is there is asked by "exists"' },
  { found: /^(?:IN|CONTAINS|STARTSWITH|ENDSWITH|EXISTS)\b/, hint: 'operators have small letters' },
];

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Filter {
    const filter = this.#or();
    if (this.#at < this.#text.length)
      throw this.#error('unexpected text, expected "and", "or" or the end', JOINED_OTHERWISE);
    return filter;
  }

  /** A field, or what a transformer makes of one, from there on; and where it ends. */
  parseOperand(at: number): { operand: Operand; end: number } {
    this.#at = at;
    const operand = this.#field() ?? this.#transform();
    if (operand === null) throw this.#error('expected a field');
    return { operand, end: this.#at };
  }

  /** @param hints what is said besides where the text goes on like that */
  #error(message: string, hints: readonly Slip[] = []): FilterError {
    const rest = this.#text.slice(this.#at, this.#at + 20);
    const meant = hints.find(({ found }) => found.test(rest))?.hint;
    return new FilterError(`${message}; found ${rest === '' ? 'the end' : JSON.stringify(rest)}`, this.#at, meant);
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #word(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #blank(): boolean {
    return (this.#take(BLANK)?.[0].length ?? 0) > 0;
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > FILTER_DEPTH_MAX) throw this.#error(`nested deeper than ${FILTER_DEPTH_MAX}`);
    const result = read();
    this.#depth--;
    return result;
  }

  #or(): Filter {
    return this.#nested(() => this.#series('or', () => this.#and()));
  }

  #and(): Filter {
    return this.#nested(() => this.#series('and', () => this.#not()));
  }

  #series(kind: 'or' | 'and', read: () => Filter): Filter {
    this.#blank();
    const at = this.#at;
    const children = [read()];
    this.#blank();
    while (this.#word(kind)) {
      if (this.#blank()) children.push(read());
      else if (this.#word('(')) children.push(this.#group());
      else throw this.#error(`expected a blank or "(" after "${kind}"`);
      this.#blank();
    }
    const [only] = children;
    return children.length === 1 && only !== undefined ? only : { kind, children, at };
  }

  #not(): Filter {
    this.#blank();
    const at = this.#at;
    let negated = false;
    while (this.#take(NOT_BLANK) !== null) negated = !negated;
    let child: Filter;
    if (this.#take(NOT_GROUP) !== null) {
      negated = !negated;
      child = this.#group();
    } else child = this.#check();
    return negated ? { kind: 'not', child, at } : child;
  }

  /** The rest of a group after its "(". */
  #group(): Filter {
    const filter = this.#or();
    this.#blank();
    if (!this.#word(')')) throw this.#error('expected ")"');
    return filter;
  }

  #check(): Filter {
    this.#blank();
    const at = this.#at;
    if (this.#word('(')) return this.#group();
    const left = this.#field() ?? this.#transform();
    if (left !== null) return this.#test(left, at);
    const name = this.#take(NAME);
    if (name !== null) return { kind: 'macro', name: name[0], at };
    throw this.#error('expected a field, a macro, "not" or "("');
  }

  #field(): Operand | null {
    const at = this.#at;
    const name = this.#take(FIELD);
    return name === null ? null : { kind: 'field', name: name[0], argument: this.#key(), at };
  }

  #key(): string | null {
    if (!this.#word('[')) return null;
    const key = this.#quoted() ?? this.#take(BARE_KEY)?.[0];
    if (key === undefined || key === null) throw this.#error('expected an argument of the field');
    if (!this.#word(']')) throw this.#error('expected "]"');
    return key;
  }

  #transform(): Operand | null {
    const at = this.#at;
    const unary = this.#take(UNARY_TRANSFORM);
    if (unary !== null) {
      const operand = this.#nested(() => this.#argument());
      return this.#closeTransform(unary[1] as TransformName, [operand], at);
    }
    const many = this.#take(LIST_TRANSFORM);
    if (many === null) return null;
    const operands = [this.#nested(() => this.#argument())];
    this.#blank();
    while (this.#word(',')) {
      operands.push(this.#nested(() => this.#argument()));
      this.#blank();
    }
    return this.#closeTransform(many[1] as TransformName, operands, at);
  }

  #closeTransform(name: TransformName, operands: readonly Operand[], at: number): Operand {
    this.#blank();
    if (!this.#word(')')) throw this.#error(`expected ")" that closes "${name}("`);
    return { kind: 'transform', name, operands, argument: name === 'getopt' ? this.#key() : null, at };
  }

  #argument(inList = false): Operand {
    this.#blank();
    const at = this.#at;
    const operand = this.#transform() ?? this.#field();
    if (operand !== null) return operand;
    const text = this.#quoted();
    if (text !== null) return { kind: 'value', text, quoted: true, at };
    const number = this.#number();
    if (number !== null) return { kind: 'value', text: number, quoted: false, at };
    if (!inList && this.#word('(')) {
      const items: Operand[] = [];
      this.#blank();
      if (this.#word(')')) return { kind: 'list', items, at };
      do {
        items.push(this.#nested(() => this.#argument(true)));
        this.#blank();
      } while (this.#word(','));
      if (!this.#word(')')) throw this.#error('expected "," or ")" in the list');
      return { kind: 'list', items, at };
    }
    throw this.#error(
      `expected a field, a transformer${inList ? ' or' : ','} a quoted string${inList ? '' : ' or a list'}`,
    );
  }

  #test(left: Operand, at: number): Filter {
    this.#blank();
    if (this.#word('exists')) return { kind: 'exists', left, at };
    const numeric = this.#take(NUMBER_OPERATOR);
    if (numeric !== null) return this.#made(left, numeric[0] as BinaryOperator, null, this.#numberSide(), at);
    const sign = this.#take(SIGN_OPERATOR);
    const word = sign === null ? this.#take(WORD_OPERATOR) : null;
    if (sign !== null || word !== null) {
      const operator = sign === null ? (word?.[1] as BinaryOperator) : sign[0] === '!=' ? '!=' : '=';
      const parted = this.#blank();
      const quantifier = parted ? this.#quantifier() : null;
      const right = quantifier === null ? this.#textSide() : this.#listSide();
      return this.#made(left, operator, quantifier, right, at);
    }
    const list = this.#take(LIST_OPERATOR);
    if (list !== null) {
      this.#blank();
      return this.#made(left, list[0] as BinaryOperator, null, this.#listSide(), at);
    }
    throw this.#error('expected an operator such as "=", "in", "contains" or "exists"', COMPARED_OTHERWISE);
  }

  #made(left: Operand, operator: BinaryOperator, quantifier: Quantifier | null, right: Operand, at: number): Filter {
    return { kind: 'check', left, operator, quantifier, right, at };
  }

  #quantifier(): Quantifier | null {
    const before = this.#at;
    const word = this.#take(QUANTIFIER);
    if (word === null) return null;
    const after = this.#at;
    if (this.#take(AFTER_QUANTIFIER) === null) {
      this.#at = before;
      return null;
    }
    this.#at = after;
    this.#blank();
    return word[1] as Quantifier;
  }

  /** A field on the right side: only through a transformer or `val(…)`. */
  #operand(): Operand | null {
    const at = this.#at;
    if (this.#take(VALUE_TRANSFORM) === null) return this.#transform();
    this.#blank();
    const field = this.#field();
    if (field === null) throw this.#error('expected a field in "val("');
    this.#blank();
    if (!this.#word(')')) throw this.#error('expected ")" that closes "val("');
    return { kind: 'transform', name: 'val', operands: [field], argument: null, at };
  }

  #numberSide(): Operand {
    this.#blank();
    const at = this.#at;
    const operand = this.#operand();
    if (operand !== null) return operand;
    const text = this.#number();
    if (text === null) throw this.#error('expected a number');
    return { kind: 'value', text, quoted: false, at };
  }

  #number(): string | null {
    return this.#take(HEX)?.[0] ?? this.#take(NUMBER)?.[0] ?? null;
  }

  #textSide(): Operand {
    this.#blank();
    return this.#operand() ?? this.#string();
  }

  #string(): Operand {
    this.#blank();
    const at = this.#at;
    const quoted = this.#quoted();
    if (quoted !== null) return { kind: 'value', text: quoted, quoted: true, at };
    const bare = this.#take(BARE);
    if (bare === null) throw this.#error('expected a string');
    return { kind: 'value', text: bare[0], quoted: false, at };
  }

  #listSide(): Operand {
    const at = this.#at;
    if (this.#word('(')) {
      const items: Operand[] = [];
      this.#blank();
      if (this.#word(')')) return { kind: 'list', items, at };
      do {
        items.push(this.#string());
        this.#blank();
      } while (this.#word(','));
      if (!this.#word(')')) throw this.#error('expected "," or ")" in the list');
      return { kind: 'list', items, at };
    }
    const operand = this.#operand();
    if (operand !== null) return operand;
    const name = this.#take(NAME);
    if (name === null) throw this.#error('expected a list in brackets or the name of a list');
    return { kind: 'list', items: [{ kind: 'value', text: name[0], quoted: false, at }], at };
  }

  /**
   * A quoted string without its quotes, or null. As in Falco a quote after a backslash never ends the string, the other kind of
   * quote must not be escaped, `\xHH` is a byte, and a backslash before anything unknown stays.
   */
  #quoted(): string | null {
    const quote = this.#text[this.#at];
    if (quote !== '"' && quote !== "'") return null;
    let end = this.#at + 1;
    while (end < this.#text.length && (this.#text[end] !== quote || this.#text[end - 1] === '\\')) end++;
    if (end >= this.#text.length) throw this.#error('the quoted string has no end');
    let value = '';
    // Bytes by their numbers may be parts of one letter, and may be none: all are read together.
    const bytes: Buffer[] = [];
    for (let i = this.#at + 1; i < end; i++) {
      const c = this.#text[i] ?? '';
      if (c !== '\\') {
        value += c;
        continue;
      }
      const next = this.#text[++i] ?? '';
      if (next === 'x') {
        const byte = this.#text.slice(i + 1, i + 3);
        if (!/^[0-9a-fA-F]{2}$/.test(byte)) throw this.#error('"\\x" in quotes needs two hexadecimal digits');
        bytes.push(Buffer.from(value), Buffer.from(byte, 'hex'));
        value = '';
        i += 2;
      } else if (next === '\\' || next === quote) value += next;
      else if (next === '"' || next === "'") throw this.#error('a quote of the other kind needs no backslash');
      else value += ESCAPES[next] ?? `\\${next}`;
    }
    this.#at = end + 1;
    if (bytes.length === 0) return value;
    const whole = Buffer.concat([...bytes, Buffer.from(value)]);
    return decodeText(whole, 0, whole.length);
  }
}

/** Text to tree. Throws `FilterError`. */
export function parseFilter(text: string): Filter {
  if (text.trim() === '') throw new FilterError('the condition is empty', 0);
  return new Parser(text).parse();
}

/** A field or a transformer at a place of another text. Throws `FilterError`. */
export function parseOperand(text: string, at: number): { operand: Operand; end: number } {
  return new Parser(text).parseOperand(at);
}
