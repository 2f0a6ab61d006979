/** What is done with a condition before it runs: checked, folded by what is known of the event, made into a function. */
import { eventTypeNames, type FieldType, type FieldValue } from '../events/index.ts';
import { type Filter, FilterError, type Operand } from './filter-ast.ts';
import { Generator, isAround, testerOf } from './generator.ts';
import { isAllowed, makeTester, type Scalar } from './operators.ts';
import { compileShared, type SharedSubject } from './shared-subjects.ts';
import { comparedByItself, type FieldSource, manyOf, typeOfOperand, UNKNOWN_EVENT } from './transforms.ts';

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

const IS: ReadonlySet<string> = new Set(['=', '!=', 'in', 'intersects']);

function checkComparison<Event>(filter: Filter & { kind: 'check' }, fields: FieldSource<Event>): void {
  const type = typeOfOperand(filter.left, fields);
  if (isAround(filter.left) && filter.operator !== '=') {
    throw new FilterError('"evt.around" is only compared with "="', filter.at);
  }
  if (
    filter.left.kind === 'field' &&
    type === 'bytes' &&
    fields.normalize(filter.left.name, filter.left.argument).name === 'evt.rawarg'
  ) {
    const hint = 'ask for evt.arg instead';
    throw new FilterError(`"${filter.left.name}" is bytes as they come: it either exists or not`, filter.at, hint);
  }
  if (!isAllowed(filter.operator, type)) {
    throw new FilterError(`operator "${filter.operator}" cannot be used with ${type} values`, filter.at);
  }
  const isList = manyOf(filter.left, fields) === 'list';
  if (isList && filter.operator !== 'in' && filter.operator !== 'intersects') {
    throw new FilterError(`operator "${filter.operator}" cannot be used with a list`, filter.at, 'use "intersects"');
  }
  const { right } = filter;
  if (right.kind === 'field' || right.kind === 'transform') {
    requireComparable(filter, fields);
    const other = typeOfOperand(right, fields);
    const isText = (one: FieldType): boolean => one === 'text' || one === 'path';
    if (other !== type && !(isText(other) && isText(type))) {
      throw new FilterError(`cannot compare a ${type} value with a ${other} value`, filter.at);
    }
    return;
  }
  const isOfTypes = isEventType(filter.left) && IS.has(filter.operator);
  for (const value of right.kind === 'list' ? right.items : [right]) {
    if (isOfTypes && value.kind === 'value' && !eventTypeNames().has(value.text)) {
      throw new FilterError(`${UNKNOWN_EVENT}"${value.text}"`, value.at, { name: value.text, known: eventTypeNames() });
    }
    if (value.kind !== 'value') throw new FilterError('a list of a comparison holds only values', value.at);
    if (type !== 'bytes' && value.text.includes('\0'))
      throw new FilterError('a NUL byte is in no text, only in bytes', value.at);
    try {
      makeTester(filter.operator, type, value.text);
    } catch (error) {
      if (error instanceof RangeError) throw new FilterError(error.message, value.at);
      throw error;
    }
  }
}

/** The type of the event, or that with other letters: what it is compared with must be one all the same. */
function isEventType(operand: Operand): boolean {
  if (operand.kind === 'field') return operand.name === 'evt.type';
  const [only] = operand.kind === 'transform' && operand.name !== 'len' ? operand.operands : [];
  return operand.kind === 'transform' && operand.operands.length === 1 && only !== undefined && isEventType(only);
}

/** Not every field, and by no means every operator, has a field on its other side. */
function requireComparable<Event>(filter: Filter & { kind: 'check' }, fields: FieldSource<Event>): void {
  if (filter.operator === 'regex' || filter.operator === 'pmatch') {
    throw new FilterError(`operator "${filter.operator}" takes values only, no field`, filter.right.at);
  }
  for (const side of [filter.left, filter.right]) {
    const plain = side.kind === 'transform' && side.name === 'val' ? side.operands[0] : side;
    if (plain?.kind === 'field' && manyOf(plain, fields) === 'list')
      throw new FilterError(`field "${plain.name}" is compared with values only, no field`, plain.at);
    const name = comparedByItself(side);
    if (name !== null) throw new FilterError(`field "${name}" is compared with values only, no field`, side.at);
  }
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

function isZero(operand: Operand): boolean {
  return operand.kind === 'value' && operand.text === '0';
}

/**
 * One function over many checked conditions without macros. It answers the indexes of those that hold, or null.
 *
 * @param subjects what events of this kind have in common with others; what follows from it alone is not worked out again
 */
export function compileFilters<Event>(
  filters: readonly (Filter | boolean)[],
  fields: FieldSource<Event>,
  subjects: readonly SharedSubject<Event>[] = [],
): (event: Event) => number[] | null {
  if (subjects.length > 0) return compileShared(filters, fields, subjects);
  const generator = new Generator(fields, filters);
  return generator.build(filters.map((filter) => generator.condition(filter)));
}
