/** Output sentences: text with `%field` places. */
import { cutText, type FieldValue } from '../events/index.ts';
import { FilterError, type Operand } from './filter-ast.ts';
import { OUTPUT_VALUE_LENGTH_MAX } from './limits.ts';
import { type FieldSource, makeReader, typeOfOperand } from './transforms.ts';

const MISSING = '<NA>';
const PLACE =
  /%(?:(tolower|toupper|b64|basename)\()?([a-zA-Z][a-zA-Z0-9_]*(?:\.[a-zA-Z][a-zA-Z0-9_]*)+(?:\[[^\]\s]+\])?)(\))?/g;

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
}

/** Reads an output sentence. Throws `FilterError` on an unknown field. A leading `*` (print even if a value is missing) is taken. */
export function compileOutput<Event>(template: string, fields: FieldSource<Event>): Output<Event> {
  const text = template.startsWith('*') ? template.slice(1) : template;
  const parts: (string | { name: string; read: (event: Event) => FieldValue })[] = [];
  const unseen: string[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACE)) {
    const [whole, transform, name = '', close] = match;
    const argument = /\[([^\]]+)\]$/.exec(name)?.[1] ?? null;
    const bare = argument === null ? name : name.slice(0, name.indexOf('['));
    const field: Operand = { kind: 'field', name: bare, argument, at: match.index };
    typeOfOperand(field, fields);
    const normal = fields.normalize(bare, argument);
    if (fields.reader(normal.name, normal.argument) === undefined) unseen.push(name);
    const transformed = transform !== undefined && close !== undefined;
    const operand: Operand = transformed
      ? { kind: 'transform', name: transform as 'tolower', operands: [field], argument: null, at: match.index }
      : field;
    parts.push(text.slice(end, match.index), {
      name: transformed ? `${transform}(${name})` : name,
      read: makeReader(operand, fields),
    });
    end = match.index + whole.length - (close !== undefined && !transformed ? 1 : 0);
  }
  parts.push(text.slice(end));
  if (/%[a-zA-Z]/.test(text.replace(PLACE, ''))) {
    const at = text.search(/%[a-zA-Z][a-zA-Z0-9_]*(?![a-zA-Z0-9_.])/);
    if (at !== -1) throw new FilterError('a "%" place must name a field, as in %proc.name', at);
  }
  return {
    unseen,
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
        const value = shown(given);
        values[part.name] = value;
        sentence += value === null ? MISSING : String(value);
      }
      return { text: escapeControls(sentence), fields: values, isCut };
    },
  };
}

function shown(value: FieldValue): string | number | boolean | null {
  if (Array.isArray(value)) return value.map((one) => cutText(String(one), OUTPUT_VALUE_LENGTH_MAX)).join(',');
  return typeof value === 'string' ? cutText(value, OUTPUT_VALUE_LENGTH_MAX) : (value as number | boolean | null);
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
export function escapeControls(text: string): string {
  let safe = '';
  for (let i = 0; i < text.length; i++) {
    const point = text.charCodeAt(i);
    if (!isUnsafe(point)) safe += text[i];
    else
      safe += point < 0x100 ? `\\x${point.toString(16).padStart(2, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
  }
  return safe;
}
