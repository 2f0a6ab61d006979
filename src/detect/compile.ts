/**
 * Conditions to JavaScript: one function for each event type with what is known beforehand (the type itself) folded away, every
 * field read at most once per event and only when a comparison needs it.
 */
import type { FieldType, FieldValue } from '../events/index.ts';
import { Code, code, FALSE, TRUE } from './code.ts';
import { type BinaryOperator, type Filter, FilterError, type Operand } from './filter-ast.ts';
import {
  compareValues,
  isAllowed,
  makeManyTester,
  makeTester,
  parseValue,
  type Scalar,
  type Tester,
} from './operators.ts';
import { type FieldSource, isManyOperand, makeReader, typeOfOperand } from './transforms.ts';

/** Checks types, operators and values of a condition without macros. Throws `FilterError`. */
export function checkFilter<Event>(filter: Filter, fields: FieldSource<Event>): void {
  switch (filter.kind) {
    case 'or':
    case 'and':
      for (const child of filter.children) checkFilter(child, fields);
      return;
    case 'not':
      checkFilter(filter.child, fields);
      return;
    case 'macro':
      return;
    case 'exists':
      typeOfOperand(filter.left, fields);
      return;
    case 'check':
      checkComparison(filter, fields);
  }
}

function checkComparison<Event>(filter: Filter & { kind: 'check' }, fields: FieldSource<Event>): void {
  const type = typeOfOperand(filter.left, fields);
  if (isAround(filter.left) && filter.operator !== '=') {
    throw new FilterError('"evt.around" is only compared with "="', filter.at);
  }
  if (!isAllowed(filter.operator, type)) {
    throw new FilterError(`operator "${filter.operator}" cannot be used with ${type} values`, filter.at);
  }
  const { right } = filter;
  if (right.kind === 'field' || right.kind === 'transform') {
    const other = typeOfOperand(right, fields);
    const isText = (one: FieldType): boolean => one === 'text' || one === 'path';
    if (other !== type && !(isText(other) && isText(type))) {
      throw new FilterError(`cannot compare a ${type} value with a ${other} value`, filter.at);
    }
    return;
  }
  for (const value of right.kind === 'list' ? right.items : [right]) {
    if (value.kind !== 'value') throw new FilterError('a list of a comparison holds only values', value.at);
    try {
      makeTester(filter.operator, type, value.text);
    } catch (error) {
      if (error instanceof RangeError) throw new FilterError(error.message, value.at);
      throw error;
    }
  }
}

/** The tests of the values on the right. The filter must have passed `checkFilter`. */
function testerOf<Event>(filter: Filter & { kind: 'check' }, fields: FieldSource<Event>): Tester {
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

/** Fields whose value follows from the event's type alone. */
export type KnownFields = Readonly<Record<string, FieldValue>>;

/** Puts in what is known; answers a boolean when that decides all. */
export function foldFilter<Event>(filter: Filter, known: KnownFields, fields: FieldSource<Event>): Filter | boolean {
  switch (filter.kind) {
    case 'not': {
      const child = foldFilter(filter.child, known, fields);
      return typeof child === 'boolean' ? !child : child === filter.child ? filter : { ...filter, child };
    }
    case 'and':
    case 'or': {
      const decisive = filter.kind === 'or';
      const children: Filter[] = [];
      for (const child of filter.children) {
        const folded = foldFilter(child, known, fields);
        if (folded === decisive) return decisive;
        if (typeof folded !== 'boolean') children.push(folded);
      }
      const [only] = children;
      if (only === undefined) return !decisive;
      return children.length === 1 ? only : { ...filter, children };
    }
    case 'macro':
      return filter;
    case 'exists':
      return filter.left.kind === 'field' && Object.hasOwn(known, filter.left.name)
        ? known[filter.left.name] !== null
        : filter;
    case 'check': {
      if (filter.left.kind !== 'field' || filter.right.kind === 'transform') return filter;
      // The placeholder of Falco's rule files for "never": events are counted from one.
      if (filter.left.name === 'evt.num' && filter.operator === '=' && isZero(filter.right)) return false;
      if (!Object.hasOwn(known, filter.left.name)) return filter;
      const value = known[filter.left.name] ?? null;
      return value !== null && !Array.isArray(value) && testerOf(filter, fields)(value as Scalar);
    }
  }
}

/** `evt.around[T] = D`: D milliseconds before or after T. Its reader answers how many the event is away. */
function isAround(operand: Operand): boolean {
  return operand.kind === 'field' && operand.name === 'evt.around';
}

function isZero(operand: Operand): boolean {
  return operand.kind === 'value' && operand.text === '0';
}

/** Names of the fields that a condition reads. */
export function fieldsOf<Event>(
  filter: Filter,
  fields: FieldSource<Event>,
): { name: string; argument: string | null; at: number }[] {
  const found: { name: string; argument: string | null; at: number }[] = [];
  const visitOperand = (operand: Operand): void => {
    if (operand.kind === 'field') found.push({ ...fields.normalize(operand.name, operand.argument), at: operand.at });
    if (operand.kind === 'transform') operand.operands.forEach(visitOperand);
    if (operand.kind === 'list') operand.items.forEach(visitOperand);
  };
  const visit = (one: Filter): void => {
    if (one.kind === 'or' || one.kind === 'and') one.children.forEach(visit);
    if (one.kind === 'not') visit(one.child);
    if (one.kind === 'exists' || one.kind === 'check') visitOperand(one.left);
    if (one.kind === 'check') visitOperand(one.right);
  };
  visit(filter);
  return found;
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
class Generator<Event> {
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
    if (right.kind === 'field' || right.kind === 'transform') {
      return code`dynamic(${operator},${type},${this.#read(left)},${this.#read(right)})`;
    }
    const simple = filter.quantifier === null && INLINE.has(operator) && type !== 'address' && type !== 'network';
    if (simple && !isManyOperand(left, this.#fields)) return this.#inline(this.#read(left), operator, type, right);
    const test = this.#constant(testerOf(filter, this.#fields));
    return operator === '!=' && filter.quantifier === null
      ? code`every(${this.#read(left)},${test})`
      : code`some(${this.#read(left)},${test})`;
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

  /** The function of all conditions: answers the indexes of those that hold, or null. */
  build(conditions: readonly Code[]): (event: Event) => number[] | null {
    const heads = [
      ...this.#readers.map((_, i) => code`const ${Code.name('r', i)}=readers[${i}];`),
      ...this.#constants.map((_, i) => code`const ${Code.name('k', i)}=constants[${i}];`),
    ];
    const slots = [
      ...this.#readers.map((_, i) => code`let ${Code.name('f', i)};`),
      ...[...this.#shared.values()].map((i) => code`let ${Code.name('s', i)};`),
    ];
    const tests = conditions.map((test, i) => code`if(${test})(held??=[]).push(${i});`);
    const text = [
      ...heads,
      code`return function match(e){let held=null;`,
      ...slots,
      ...tests,
      code`return held;}`,
    ].join('\n');
    const make = new Function('readers', 'constants', 'some', 'every', 'always', 'dynamic', `"use strict";\n${text}`);
    return make(this.#readers, this.#constants, someValue, everyValue, always, compareDynamic) as (
      event: Event,
    ) => number[] | null;
  }
}

/** Equal in all but where it stands. */
function withoutPlaces(name: string, value: unknown): unknown {
  return name === 'at' ? undefined : value;
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

function compareDynamic(operator: BinaryOperator, type: FieldType, left: FieldValue, right: FieldValue): boolean {
  if (left === null || right === null) return false;
  const lefts = (Array.isArray(left) ? left : [left]) as readonly Scalar[];
  const rights = (Array.isArray(right) ? right : [right]) as readonly Scalar[];
  const plain = operator === 'in' || operator === 'intersects' ? '=' : operator;
  return lefts.some((one) => rights.some((other) => compareValues(plain, type, one, other)));
}

/** One function over many checked conditions without macros. */
export function compileFilters<Event>(
  filters: readonly (Filter | boolean)[],
  fields: FieldSource<Event>,
): (event: Event) => number[] | null {
  const generator = new Generator(fields, filters);
  return generator.build(filters.map((filter) => generator.condition(filter)));
}
