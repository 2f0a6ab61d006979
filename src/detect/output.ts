/** Output sentences: text with `%field` places. */
import { cutText, type FieldValue, fieldArgument, fieldNames } from '../events/index.ts';
import { FilterError, type Operand } from './filter-ast.ts';
import { fieldsOfOperand } from './filter-fields.ts';
import { parseOperand } from './filter-parser.ts';
import { OUTPUT_VALUE_LENGTH_MAX } from './limits.ts';
import { type FieldSource, makeReader, manyOf, typeOfOperand } from './transforms.ts';
import { deprecatedIn, type FilterWarning } from './warnings.ts';

const MISSING = '<NA>';
const WIDTH = /\d*/y;

export interface Output<Event> {
  /** The sentence and the values in it by their names, as they are (not escaped). */
  format(event: Event): {
    text: string;
    fields: Record<string, string | number | boolean | null>;
    /** A value was longer than what is kept of one. */
    isCut: boolean;
  };
  /** Fields in the sentence that this source cannot see. */
  readonly unseen: readonly string[];
  /** Names of all fields in the sentence. */
  readonly fields: ReadonlySet<string>;
  /** What stands in it and is on its way out of the language. */
  readonly warnings: readonly FilterWarning[];
}

interface Part<Event> {
  readonly name: string;
  /** So many characters: what is shorter is filled up with blanks, what is longer is cut; 0 is as many as there are. */
  readonly width: number;
  readonly isList: boolean;
  readonly read: (event: Event) => FieldValue;
}

/**
 * Reads an output sentence. As in Falco a "%" is always followed by a field or a transformer, perhaps with a width before it, and a
 * leading `*` (print even if a value is missing) is taken. Throws `FilterError`.
 */
export function compileOutput<Event>(template: string, fields: FieldSource<Event>): Output<Event> {
  const text = template.startsWith('*') ? template.slice(1) : template;
  const shift = template.length - text.length;
  const parts: (string | Part<Event>)[] = [];
  const unseen: string[] = [];
  const names = new Set<string>();
  const warnings: FilterWarning[] = [];
  let end = 0;
  for (let at = text.indexOf('%'); at !== -1; at = text.indexOf('%', end)) {
    parts.push(text.slice(end, at));
    WIDTH.lastIndex = at + 1;
    const width = WIDTH.exec(text)?.[0] ?? '';
    if (Number(width) > OUTPUT_VALUE_LENGTH_MAX) {
      throw new FilterError(`a width may be ${OUTPUT_VALUE_LENGTH_MAX} at most`, at + shift);
    }
    const start = at + 1 + width.length;
    const place = placeAt(text, start, at, shift, fields);
    for (const field of unseenIn(place.operand, fields)) unseen.push(field);
    for (const { name } of fieldsOfOperand(place.operand, fields)) names.add(name);
    warnings.push(...deprecatedIn(place.operand, fields).map((one) => ({ ...one, at: one.at + shift })));
    parts.push({
      name: text.slice(start, place.end),
      width: Number(width),
      isList: manyOf(place.operand, fields) === 'list',
      read: shownReader(place.operand, fields),
    });
    end = place.end;
  }
  parts.push(text.slice(end));
  return {
    unseen,
    fields: names,
    warnings,
    format: (event) => {
      const values: Record<string, string | number | boolean | null> = {};
      let sentence = '';
      let isCut = false;
      for (const part of parts) {
        if (typeof part === 'string') {
          sentence += part;
          continue;
        }
        const given = part.read(event);
        if (isTooLong(given)) isCut = true;
        const value = shown(given, part.isList);
        values[part.name] = value;
        const word = value === null ? MISSING : String(value);
        sentence += part.width === 0 ? word : word.slice(0, part.width).padEnd(part.width);
      }
      return { text: escapeControls(sentence), fields: values, isCut };
    },
  };
}

/**
 * Bytes as Falco prints them: what is no letter of ASCII is a dot. The nanoseconds since 1970 as a text, because a number of this
 * language (and of most readers of JSON) has no place for the last of their digits.
 */
function shownReader<Event>(operand: Operand, fields: FieldSource<Event>): (event: Event) => FieldValue {
  if (operand.kind === 'field' && operand.name === 'evt.rawtime') {
    const [seconds, rest] = [fields.reader('evt.rawtime.s', null), fields.reader('evt.rawtime.ns', null)];
    return (event) => `${seconds?.(event)}${String(rest?.(event)).padStart(9, '0')}`;
  }
  const read = makeReader(operand, fields);
  if (typeOfOperand(operand, fields) !== 'bytes') return read;
  return (event) => {
    const value = read(event);
    return typeof value === 'string' ? value.replace(/[^\x20-\x7e]/g, '.') : value;
  };
}

/** The longest beginning that is a field: what follows one without a blank between them is text. */
function placeAt<Event>(
  text: string,
  start: number,
  percent: number,
  shift: number,
  fields: FieldSource<Event>,
): { operand: Operand; end: number } {
  try {
    const place = parseOperand(text, start);
    typeOfOperand(place.operand, fields);
    return place;
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    const name = longestField(text, start);
    if (name !== null) return { operand: { kind: 'field', name, argument: null, at: start }, end: start + name.length };
    if (!/[a-zA-Z]/.test(text[start] ?? '')) {
      throw new FilterError('a "%" must be followed by a field, as in %proc.name', percent + shift);
    }
    throw error.moved(shift);
  }
}

function longestField(text: string, start: number): string | null {
  let longest: string | null = null;
  for (const name of fieldNames()) {
    const isTaken = fieldArgument(name) !== 'index' && fieldArgument(name) !== 'name';
    if (isTaken && name.length > (longest?.length ?? 0) && text.startsWith(name, start)) longest = name;
  }
  return longest;
}

function unseenIn<Event>(operand: Operand, fields: FieldSource<Event>): string[] {
  if (operand.kind === 'transform') return operand.operands.flatMap((one) => unseenIn(one, fields));
  if (operand.kind === 'list') return operand.items.flatMap((one) => unseenIn(one, fields));
  if (operand.kind !== 'field') return [];
  const { name, argument } = fields.normalize(operand.name, operand.argument);
  if (fields.reader(name, argument) !== undefined) return [];
  return [operand.argument === null ? operand.name : `${operand.name}[${operand.argument}]`];
}

function shown(value: FieldValue, isList: boolean): string | number | boolean | null {
  if (Array.isArray(value)) {
    if (value.length === 0 && !isList) return null;
    const joined = value.map((one) => shownText(String(one))).join(',');
    return isList ? `(${joined})` : joined;
  }
  return typeof value === 'string' ? shownText(value) : (value as number | boolean | null);
}

function shownText(text: string): string {
  return cutText(text, OUTPUT_VALUE_LENGTH_MAX).toWellFormed();
}

function isTooLong(value: FieldValue): boolean {
  if (Array.isArray(value)) return value.some((one) => String(one).length > OUTPUT_VALUE_LENGTH_MAX);
  return typeof value === 'string' && value.length > OUTPUT_VALUE_LENGTH_MAX;
}

/** Controls, the C1 range that terminals obey, line separators, and the marks that turn the direction of writing. */
function isUnsafe(point: number): boolean {
  if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) return true;
  if (point === 0x061c || point === 0x2028 || point === 0x2029 || point === 0x200e || point === 0x200f) return true;
  return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/** Makes a text safe to print on one line of a terminal: a hostile file name may hold escape sequences. */
export function escapeControls(given: string): string {
  // A byte that is no letter is half of one within the sensor, and is shown like everywhere else.
  const text = given.toWellFormed();
  let safe = '';
  for (let i = 0; i < text.length; i++) {
    const point = text.charCodeAt(i);
    if (!isUnsafe(point)) safe += text[i];
    else
      safe += point < 0x100 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
  }
  return safe;
}
