/** What the transformers of the language do to a value; null stays null. */
import { basename } from 'node:path/posix';
import {
  bytesOfText,
  decodeText,
  eventArgumentNames,
  eventTypeNames,
  type FieldType,
  type FieldValue,
  fieldNames,
  isComparedByItself,
  type ManyKind,
  normalizeField,
} from '../events/index.ts';
import { FilterError, type Operand, type TransformName } from './filter-ast.ts';
import { lowerCase } from './operators.ts';

/** What the values of a rule may name: the live sensor's fields, a recording's, a test's. */
export interface FieldSource<Event> {
  normalize(name: string, argument: string | null): { name: string; argument: string | null };
  /** Undefined when the language has no such field. */
  type(name: string, argument?: string | null): FieldType | undefined;
  argument(name: string): 'none' | 'index' | 'name' | 'may-index' | 'may-name';
  /** How the reader's values count where it may answer several; null where it answers one. */
  many(name: string, argument: string | null): ManyKind | null;
  /** Whether `evt.arg` and its like may be asked for whatever a recording calls it. */
  readonly anyArgument?: boolean;
  /** Undefined when this source cannot see what the field speaks of. */
  reader(name: string, argument: string | null): ((event: Event) => FieldValue) | undefined;
}

const ARITY: Readonly<Record<TransformName, readonly [number, number]>> = {
  tolower: [1, 1],
  toupper: [1, 1],
  b64: [1, 1],
  basename: [1, 1],
  len: [1, 1],
  val: [1, 1],
  join: [2, 2],
  concat: [2, 64],
  getopt: [2, 2],
};

const INDEX_MAX = 65_535;

/** The type of what stands on a side of a comparison, after checking that it makes sense. Throws `FilterError`. */
export function typeOfOperand<Event>(operand: Operand, fields: FieldSource<Event>): FieldType {
  switch (operand.kind) {
    case 'value':
    case 'list':
      return 'text';
    case 'field':
      return typeOfField(operand, fields);
    case 'transform':
      return typeOfTransform(operand, fields);
  }
}

function typeOfField<Event>(operand: Operand & { kind: 'field' }, fields: FieldSource<Event>): FieldType {
  const { name, argument } = fields.normalize(operand.name, operand.argument);
  const type = fields.type(name, argument);
  if (type === undefined) {
    throw new FilterError(`unknown field "${operand.name}"`, operand.at, { name: operand.name, known: fieldNames() });
  }
  const wants = fields.argument(name);
  if (argument === null && (wants === 'name' || wants === 'index')) {
    throw new FilterError(`field "${name}" needs an argument, as in ${name}[…]`, operand.at);
  }
  if (argument !== null && wants === 'none') throw new FilterError(`field "${name}" takes no argument`, operand.at);
  if (argument !== null && (wants === 'index' || wants === 'may-index')) {
    if (!/^[+-]?\d+$/.test(argument)) {
      throw new FilterError(`the argument of "${name}" must be a number, found "${argument}"`, operand.at);
    }
  }
  if (argument !== null && fields.anyArgument !== true) checkArgument(operand, name, argument);
  return type;
}

/** Where the argument stands in brackets it may be a number only, or nothing; after the dot it is a name that some event has. */
const IN_BRACKETS: Readonly<Record<string, 'number' | 'nothing'>> = {
  'evt.arg': 'number',
  'evt.around': 'number',
  'evt.rawarg': 'nothing',
  'evt.type.is': 'nothing',
  'thread.cgroup': 'nothing',
};

function checkArgument(operand: Operand & { kind: 'field' }, name: string, argument: string): void {
  const allowed = Object.hasOwn(IN_BRACKETS, name) ? IN_BRACKETS[name] : undefined;
  if (allowed === undefined) return;
  const { at } = operand;
  if (operand.argument !== null) {
    const isNumber = /^[+-]?\d+$/.test(argument);
    if (allowed === 'number' && isNumber) return;
    const message = allowed === 'number' ? `"${name}[…]" takes a number` : `"${name}" takes no brackets`;
    throw new FilterError(`${message}, found "${argument}"`, at, `write ${name}.${argument}`);
  }
  if (name === 'thread.cgroup' && !/^[a-zA-Z_]+$/.test(argument))
    throw new FilterError(`"${argument}" is no name of a control group's controller`, at);
  const known = name === 'evt.type.is' ? eventTypeNames() : eventArgumentNames();
  if (name === 'thread.cgroup' || known.has(argument)) return;
  if (name === 'evt.type.is' && /^\d+$/.test(argument)) return;
  const what = name === 'evt.type.is' ? UNKNOWN_EVENT : UNKNOWN_ARGUMENT;
  throw new FilterError(`${what}"${argument}"`, at, { name: argument, known });
}

export const UNKNOWN_EVENT = 'unknown type of event ';
const UNKNOWN_ARGUMENT = 'unknown argument of events ';

function typeOfTransform<Event>(operand: Operand & { kind: 'transform' }, fields: FieldSource<Event>): FieldType {
  const { name, operands } = operand;
  const [least, most] = ARITY[name];
  if (operands.length < least || operands.length > most) {
    throw new FilterError(`"${name}" takes ${least === most ? least : `at least ${least}`} arguments`, operand.at);
  }
  const [first, second] = operands;
  const type = first === undefined ? 'text' : typeOfOperand(first, fields);
  const isText = type === 'text' || type === 'path';
  switch (name) {
    case 'val':
      return type;
    case 'tolower':
    case 'toupper':
    case 'basename':
      requireChangeable(first, name);
      if (!isText || first?.kind === 'list') throw new FilterError(`"${name}" takes text, not ${type}`, operand.at);
      return type;
    case 'b64':
      requireChangeable(first, name);
      if (!isText && type !== 'bytes') throw new FilterError(`"b64" takes text or bytes, not ${type}`, operand.at);
      return type;
    case 'len':
      requireChangeable(first, name);
      if (!isText && type !== 'bytes' && !isListed(first, fields)) {
        throw new FilterError(`"len" takes text, bytes or a list, not ${type}`, operand.at);
      }
      return 'number';
    case 'join':
      if (!isListed(second, fields)) throw new FilterError('the second argument of "join" must be a list', operand.at);
      if (manyOf(first, fields) !== null) {
        throw new FilterError('the first argument of "join" must be one text, not a list', operand.at);
      }
      checkItems(operands, fields);
      return 'text';
    case 'concat':
      if (operands.some((one) => manyOf(one, fields) !== null)) {
        throw new FilterError('"concat" takes texts, not lists: "join" puts a list together', operand.at);
      }
      checkItems(operands, fields);
      return 'text';
    case 'getopt':
      if (!isListed(first, fields)) throw new FilterError('the first argument of "getopt" must be a list', operand.at);
      if (manyOf(second, fields) !== null) {
        throw new FilterError('the second argument of "getopt" must be one text, not a list', operand.at);
      }
      checkItems(operands, fields);
      return 'text';
  }
}

function requireChangeable(operand: Operand | undefined, transform: TransformName): void {
  const name = operand?.kind === 'field' ? comparedByItself(operand) : null;
  if (name !== null) throw new FilterError(`"${transform}" cannot be used on the field "${name}"`, operand?.at ?? 0);
}

/** A list as it stands there, or what may be one. */
function isListed<Event>(operand: Operand | undefined, fields: FieldSource<Event>): boolean {
  return operand?.kind === 'transform' || manyOf(operand, fields) !== null;
}

function checkItems<Event>(operands: readonly Operand[], fields: FieldSource<Event>): void {
  for (const operand of operands) {
    typeOfOperand(operand, fields);
    if (operand.kind === 'list') checkItems(operand.items, fields);
  }
}

/** How the values of the operand count where it may have several; null where it has one. */
export function manyOf<Event>(operand: Operand | undefined, fields: FieldSource<Event>): ManyKind | null {
  if (operand === undefined || operand.kind === 'value') return null;
  if (operand.kind === 'list') return 'list';
  if (operand.kind === 'transform') {
    if (operand.name === 'getopt') return operand.argument === null ? 'list' : null;
    const keeps = operand.name !== 'len' && operand.name !== 'join' && operand.name !== 'concat';
    return keeps ? manyOf(operand.operands[0], fields) : null;
  }
  const { name, argument } = fields.normalize(operand.name, operand.argument);
  return fields.many(name, argument);
}

/** The name of a field in the operand that is compared with nothing but values, if there is one. */
export function comparedByItself(operand: Operand): string | null {
  if (operand.kind === 'transform') {
    for (const one of operand.operands) {
      const found = comparedByItself(one);
      if (found !== null) return found;
    }
    return null;
  }
  if (operand.kind !== 'field') return null;
  // A recording may have a column of the whole name.
  const { name } = normalizeField(operand.name, operand.argument);
  return isComparedByItself(name) ? operand.name : null;
}

/** A function that reads the operand from an event. The operand must have passed `typeOfOperand`. */
export function makeReader<Event>(operand: Operand, fields: FieldSource<Event>): (event: Event) => FieldValue {
  switch (operand.kind) {
    case 'value':
      return () => operand.text;
    case 'list': {
      const items = operand.items.map((item) => makeReader(item, fields));
      return (event) => items.flatMap((read) => texts(read(event)));
    }
    case 'field': {
      const { name, argument } = fields.normalize(operand.name, operand.argument);
      const wants = fields.argument(name);
      // Nobody has so many ancestors, arguments or descriptors; what is asked for there is not there.
      const isBeyond =
        (wants === 'index' || wants === 'may-index') &&
        argument !== null &&
        !(Number(argument) >= 0 && Number(argument) <= INDEX_MAX);
      return isBeyond ? () => null : (fields.reader(name, argument) ?? (() => null));
    }
    case 'transform':
      return makeTransform(operand, fields);
  }
}

function makeTransform<Event>(
  operand: Operand & { kind: 'transform' },
  fields: FieldSource<Event>,
): (event: Event) => FieldValue {
  const readers = operand.operands.map((one) => makeReader(one, fields));
  const [whose] = operand.operands;
  const isBytes = whose !== undefined && typeOfOperand(whose, fields) === 'bytes';
  const first = readers[0] ?? (() => null);
  const second = readers[1] ?? (() => null);
  switch (operand.name) {
    case 'val':
      return first;
    case 'tolower':
      return (event) => eachText(first(event), lowerCase);
    case 'toupper':
      return (event) => eachText(first(event), upperCase);
    case 'basename':
      return (event) => eachText(first(event), (text) => (text.endsWith('/') ? '' : basename(text)));
    case 'b64':
      return (event) => eachText(first(event), (text) => fromBase64(text, isBytes ? 'latin1' : 'utf8'));
    case 'len':
      return (event) => {
        const value = first(event);
        if (value === null) return null;
        if (Array.isArray(value)) return value.length;
        return isBytes ? String(value).length : bytesOfText(String(value)).length;
      };
    case 'join':
      return (event) => {
        const separator = first(event);
        const list = second(event);
        return separator === null || list === null ? null : texts(list).join(String(separator));
      };
    case 'concat':
      return (event) => {
        const parts = readers.map((read) => read(event));
        return parts.some((part) => part === null) ? null : parts.flatMap(texts).join('');
      };
    case 'getopt':
      return (event) => {
        const options = parseOptions(texts(first(event)), String(second(event) ?? ''));
        const key = operand.argument;
        if (key !== null) {
          const found = options.findLast(({ name }) => name === key);
          return found === undefined ? null : (found.value ?? '');
        }
        return options.flatMap(({ name, value, takes }) => (takes ? (value === null ? [] : [name, value]) : [name]));
      };
  }
}

function texts(value: FieldValue): string[] {
  if (value === null) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

/** Null when one of the values is none of those that can be changed. */
function eachText(value: FieldValue, change: (text: string) => string | null): FieldValue {
  if (value === null) return null;
  if (!Array.isArray(value)) return change(String(value));
  const changed = value.map((one) => change(String(one)));
  return changed.some((one) => one === null) ? null : (changed as string[]);
}

/** Letters of ASCII alone, as `lowerCase`. */
function upperCase(text: string): string {
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
}

/** What is no base64, to its last bit, has no value, as for Falco: two "=" at most, and none of the letters for addresses. */
function fromBase64(text: string, as: 'utf8' | 'latin1'): string | null {
  const letters = text.replace(/={1,2}$/, '');
  const bytes = Buffer.from(letters, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') !== letters
    ? null
    : as === 'utf8'
      ? decodeText(bytes, 0, bytes.length)
      : bytes.toString(as);
}

/**
 * Options of a command line as POSIX's getopt(3) reads them: `spec` lists the letters, a colon after one that takes a value; the
 * first word that is no option ends them, and a letter that is not listed is passed over. An option whose value is missing has the
 * value null where it takes one, and is left out of the list.
 */
function parseOptions(list: readonly string[], spec: string): { name: string; value: string | null; takes: boolean }[] {
  const letters = new Map<string, boolean>();
  for (let i = 0; i < spec.length; i++) {
    const letter = spec[i] ?? '';
    if (letter !== ':') letters.set(letter, spec[i + 1] === ':');
  }
  const found: { name: string; value: string | null; takes: boolean }[] = [];
  for (let i = 0; i < list.length; i++) {
    const word = list[i] ?? '';
    if (word === '--' || word === '-' || !word.startsWith('-')) break;
    for (let j = 1; j < word.length; j++) {
      const name = word[j] ?? '';
      const takes = letters.get(name);
      if (takes === undefined) continue;
      if (!takes) {
        found.push({ name, value: null, takes });
        continue;
      }
      const rest = word.slice(j + 1);
      found.push({ name, value: (rest === '' ? list[++i] : rest) ?? null, takes });
      break;
    }
  }
  return found;
}
