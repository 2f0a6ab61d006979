/**
 * Conditions to JavaScript: one function for each event type with what is known beforehand (the type itself) folded away, every
 * field read at most once per event and only when a comparison needs it.
 */
import type { FieldType, FieldValue } from '../events/index.ts';
import { Code, code, FALSE, TRUE } from './code.ts';
import { type BinaryOperator, type Filter, FilterError, type Operand } from './filter-ast.ts';
import { compareValues, makeManyTester, makeTester, parseValue, type Scalar, type Tester } from './operators.ts';
import { type FieldSource, makeReader, manyOf, typeOfOperand } from './transforms.ts';

/** The tests of the values on the right. The filter must have passed `checkFilter`. */
export function testerOf<Event>(filter: Filter & { kind: 'check' }, fields: FieldSource<Event>): Tester {
  const type = typeOfOperand(filter.left, fields);
  const { right, operator, quantifier } = filter;
  const values = right.kind === 'list' ? right.items : [right];
  const texts = values.map((value) => (value.kind === 'value' ? value.text : ''));
  const isSet = (operator === 'in' || operator === 'intersects') && type !== 'address' && type !== 'network';
  if (isSet) {
    const set = new Set(texts.map((text) => parseValue(text, type)));
    return (value) => set.has(value);
  }
  return makeManyTester(
    texts.map((text) => makeTester(operator, type, text)),
    quantifier,
  );
}

/** `evt.around[T] = D`: D milliseconds before or after T. Its reader answers how many the event is away. */
export function isAround(operand: Operand): boolean {
  return operand.kind === 'field' && operand.name === 'evt.around';
}

const INLINE: ReadonlySet<BinaryOperator> = new Set([
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'contains',
  'startswith',
  'endswith',
  'in',
]);
const IN_AS_COMPARISONS_MAX = 3;

/** Collects the code of many conditions over one event. */
export class Generator<Event> {
  readonly #fields: FieldSource<Event>;
  readonly #readers: ((event: Event) => FieldValue)[] = [];
  readonly #readerIndex = new Map<string, number>();
  readonly #constants: unknown[] = [];
  /** How often each part of the conditions comes, and the slot of those that come again: macros stand in many rules. */
  readonly #uses = new Map<string, number>();
  readonly #keys = new Map<Filter, string>();
  readonly #shared = new Map<string, number>();

  constructor(fields: FieldSource<Event>, filters: readonly (Filter | boolean)[]) {
    this.#fields = fields;
    for (const filter of filters) if (typeof filter !== 'boolean') this.#count(filter);
  }

  #count(filter: Filter): string {
    const parts =
      filter.kind === 'and' || filter.kind === 'or'
        ? filter.children.map((child) => this.#count(child)).join(filter.kind)
        : filter.kind === 'not'
          ? this.#count(filter.child)
          : JSON.stringify(filter, withoutPlaces);
    const key = `${filter.kind}(${parts})`;
    this.#keys.set(filter, key);
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
    return key;
  }

  /** A condition that comes again is tried once an event. */
  condition(filter: Filter | boolean): Code {
    if (typeof filter === 'boolean') return filter ? TRUE : FALSE;
    const key = this.#keys.get(filter) ?? '';
    if (!isWorthSharing(filter) || (this.#uses.get(key) ?? 0) < 2) return this.#whole(filter);
    const text = this.#whole(filter);
    const index = this.#shared.get(key) ?? this.#shared.size;
    this.#shared.set(key, index);
    const slot = Code.name('s', index);
    // Whoever comes first in the text need not come first when it runs: the others work it out as well.
    return code`(${slot}===undefined?${slot}=${text}:${slot})`;
  }

  #whole(filter: Filter): Code {
    switch (filter.kind) {
      case 'or':
        return code`(${Code.join(
          filter.children.map((child) => this.condition(child)),
          '||',
        )})`;
      case 'and':
        return code`(${Code.join(
          filter.children.map((child) => this.condition(child)),
          '&&',
        )})`;
      case 'not':
        return code`!(${this.condition(filter.child)})`;
      case 'macro':
        throw new FilterError(`macro "${filter.name}" is not defined`, filter.at);
      case 'exists':
        return code`some(${this.#read(filter.left)},always)`;
      case 'check':
        return this.#comparison(filter);
    }
  }

  #comparison(filter: Filter & { kind: 'check' }): Code {
    const { left, right } = filter;
    const type = typeOfOperand(left, this.#fields);
    const operator = isAround(left) ? '<=' : filter.operator;
    const many = manyOf(left, this.#fields);
    const isWholeList = many === 'list' && operator === 'in';
    if (right.kind === 'field' || right.kind === 'transform') {
      const call = isWholeList ? 'in-whole' : operator;
      return code`dynamic(${call},${type},${this.#read(left)},${this.#read(right)})`;
    }
    const simple = filter.quantifier === null && INLINE.has(operator) && type !== 'address' && type !== 'network';
    if (simple && many === null && !isPartOfLetter(operator, right))
      return this.#inline(this.#read(left), operator, type, right);
    const test = this.#constant(testerOf(filter, this.#fields));
    if (isWholeList) return code`whole(${this.#read(left)},${test})`;
    const isOfAll = operator === '!=' && filter.quantifier === null && many !== 'lineage';
    if (isOfAll && many === 'names') return code`whole(${this.#read(left)},${test})`;
    return isOfAll ? code`every(${this.#read(left)},${test})` : code`some(${this.#read(left)},${test})`;
  }

  /** A single value and a plain operator: no call. Null, "not there", must make each of these false. */
  #inline(value: Code, operator: BinaryOperator, type: FieldType, right: Operand): Code {
    if (operator === 'in' && right.kind === 'list') {
      const values = right.items.map((item) => parseValue(item.kind === 'value' ? item.text : '', type));
      if (values.length === 0) return FALSE;
      if (values.length > IN_AS_COMPARISONS_MAX) return code`${this.#constant(new Set(values))}.has(${value})`;
      return code`(${Code.join(
        values.map((one) => code`${value}===${one}`),
        '||',
      )})`;
    }
    const wanted = parseValue(right.kind === 'value' ? right.text : '', type);
    switch (operator) {
      case '=':
        return code`${value}===${wanted}`;
      case '!=':
        return code`(${value}!==null&&${value}!==${wanted})`;
      case '<':
        return code`(${value}!==null&&${value}<${wanted})`;
      case '<=':
        return code`(${value}!==null&&${value}<=${wanted})`;
      case '>':
        return code`(${value}!==null&&${value}>${wanted})`;
      case '>=':
        return code`(${value}!==null&&${value}>=${wanted})`;
      case 'contains':
        return code`(${value}!==null&&${value}.includes(${wanted}))`;
      case 'startswith':
        return code`(${value}!==null&&${value}.startsWith(${wanted}))`;
      case 'endswith':
        return code`(${value}!==null&&${value}.endsWith(${wanted}))`;
      default:
        throw new TypeError(`operator ${operator} has no inline form`);
    }
  }

  /** The value of an operand, read at the first need and kept for the event. */
  #read(operand: Operand): Code {
    const key = JSON.stringify(operand, withoutPlaces);
    let index = this.#readerIndex.get(key);
    if (index === undefined) {
      index = this.#readers.length;
      this.#readers.push(makeReader(operand, this.#fields));
      this.#readerIndex.set(key, index);
    }
    const slot = Code.name('f', index);
    return code`(${slot}===undefined?${slot}=${Code.name('r', index)}(e):${slot})`;
  }

  #constant(value: unknown): Code {
    this.#constants.push(value);
    return Code.name('k', this.#constants.length - 1);
  }

  /** Equal for conditions that say the same, wherever they stand. Only of those that were given to the constructor. */
  key(filter: Filter): string {
    return this.#keys.get(filter) ?? '';
  }

  /** The function of all conditions: answers the indexes of those that hold, or null. */
  build(conditions: readonly Code[]): (event: Event) => number[] | null {
    const tests = conditions.map((test, i) => code`if(${test})(held??=[]).push(${i});`);
    const make = this.#maker([], [code`function(e){let held=null;`], [...tests, code`return held;}`]);
    return make() as (event: Event) => number[] | null;
  }

  /** A function of the event and of words of bits: it tries only the conditions whose bit is set. */
  buildMarked(conditions: readonly Code[]): (event: Event, ...words: number[]) => number[] | null {
    const words = wordsOf(conditions.length);
    const parameters = code`e,${Code.join(listOf(words, 'm'), ',')}`;
    const tests = listOf(words, 'm').flatMap((word, place) => [
      code`if(${word}!==0){`,
      ...conditions
        .slice(place * WORD_BITS, (place + 1) * WORD_BITS)
        .map((test, i) => code`if((${word}&${2 ** i})!==0&&(${test}))(held??=[]).push(${place * WORD_BITS + i});`),
      code`}`,
    ]);
    const make = this.#maker([], [code`function(${parameters}){let held=null;`], [...tests, code`return held;}`]);
    return make() as (event: Event, ...words: number[]) => number[] | null;
  }

  /**
   * A function of the event, of a place and of words of bits. What it finds of the conditions whose bit is set it writes into
   * `known` and `held` from that place on. Each part says which conditions cannot hold without it.
   */
  buildSifter(
    parts: readonly { readonly test: Code; readonly words: readonly number[] }[],
    known: Int32Array,
    held: Int32Array,
  ): (event: Event, at: number, ...words: number[]) => void {
    const count = parts[0]?.words.length ?? 1;
    const asked = listOf(count, 'n');
    const found = listOf(count, 'v');
    const tests = parts.map(({ test, words }) => {
      // Only of conditions that nothing before has ruled out.
      const concerned = words.flatMap((bits, i) => (bits === 0 ? [] : [code`(${found[i] ?? FALSE}&${bits})!==0`]));
      const taken = words.flatMap((bits, i) => (bits === 0 ? [] : [code`${found[i] ?? FALSE}&=${~bits};`]));
      return code`if((${Code.join(concerned, '||')})&&!(${test})){${Code.join(taken, '')}}`;
    });
    const ends = asked.map((word, i) => code`known[at+${i}]|=${word};held[at+${i}]|=${found[i] ?? FALSE};`);
    const make = this.#maker(
      ['known', 'held'],
      [
        code`function(e,at,${Code.join(asked, ',')}){`,
        ...found.map((word, i) => code`let ${word}=${asked[i] ?? FALSE};`),
      ],
      [...tests, ...ends, code`}`],
    );
    return make(known, held) as (event: Event, at: number, ...words: number[]) => void;
  }

  /** Puts what fields and constants need between the two. The parameters are names of ours. */
  #maker(
    parameters: readonly string[],
    head: readonly Code[],
    body: readonly Code[],
  ): (...values: readonly unknown[]) => unknown {
    const text = [
      ...this.#readers.map((_, i) => code`const ${Code.name('r', i)}=readers[${i}];`),
      ...this.#constants.map((_, i) => code`const ${Code.name('k', i)}=constants[${i}];`),
      code`return ${Code.join(head, '')}`,
      ...this.#readers.map((_, i) => code`let ${Code.name('f', i)};`),
      ...[...this.#shared.values()].map((i) => code`let ${Code.name('s', i)};`),
      ...body,
    ].join('\n');
    const names = ['readers', 'constants', 'some', 'every', 'whole', 'always', 'dynamic', ...parameters];
    const make = new Function(...names, `"use strict";\n${text}`);
    return (...values) =>
      make(this.#readers, this.#constants, someValue, everyValue, wholeList, always, compareDynamic, ...values);
  }
}

/** Conditions that have a bit in one word: as many as stay small integers for V8. */
const WORD_BITS = 30;

export function wordsOf(conditions: number): number {
  return Math.max(1, Math.ceil(conditions / WORD_BITS));
}

/** The bits of one condition in all words. */
export function bitsOf(condition: number, words: number): number[] {
  const word = Math.floor(condition / WORD_BITS);
  return Array.from({ length: words }, (_, i) => (i === word ? 2 ** (condition % WORD_BITS) : 0));
}

export function listOf(count: number, prefix: string): Code[] {
  return Array.from({ length: count }, (_, i) => Code.name(prefix, i));
}

/** Equal in all but where it stands. */
function withoutPlaces(name: string, value: unknown): unknown {
  return name === 'at' ? undefined : value;
}

/** A byte that is no letter may be a part of one in the value, where its text is not to be found. */
function isPartOfLetter(operator: BinaryOperator, right: Operand): boolean {
  const isWhole = operator === '=' || operator === '!=' || operator === 'in';
  return !isWhole && right.kind === 'value' && !right.text.isWellFormed();
}

/** A single comparison of a number costs no more than the question whether it was made. */
function isWorthSharing(filter: Filter): boolean {
  if (filter.kind === 'and' || filter.kind === 'or') return true;
  return filter.kind === 'check' && (!INLINE.has(filter.operator) || filter.left.kind === 'transform');
}

const always: Tester = () => true;

function someValue(value: FieldValue, test: Tester): boolean {
  if (value === null) return false;
  if (Array.isArray(value)) return value.some((one: Scalar) => test(one));
  return test(value as Scalar);
}

function everyValue(value: FieldValue, test: Tester): boolean {
  if (value === null) return false;
  if (Array.isArray(value)) return value.length > 0 && value.every((one: Scalar) => test(one));
  return test(value as Scalar);
}

/** All that a list has; one with nothing in it has nothing that is not meant. */
function wholeList(value: FieldValue, test: Tester): boolean {
  return Array.isArray(value) ? value.every((one: Scalar) => test(one)) : everyValue(value, test);
}

function compareDynamic(
  operator: BinaryOperator | 'in-whole',
  type: FieldType,
  left: FieldValue,
  right: FieldValue,
): boolean {
  if (left === null || right === null) return false;
  const lefts = (Array.isArray(left) ? left : [left]) as readonly Scalar[];
  const rights = (Array.isArray(right) ? right : [right]) as readonly Scalar[];
  if (operator === 'in-whole')
    return lefts.every((one) => rights.some((other) => compareValues('=', type, one, other)));
  const plain = operator === 'in' || operator === 'intersects' ? '=' : operator;
  return lefts.some((one) => rights.some((other) => compareValues(plain, type, one, other)));
}
