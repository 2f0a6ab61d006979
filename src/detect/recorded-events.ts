/**
 * Events as JSON, one a line, as Falco's and sysdig's `-j` and our own `darsena events --json` write them: each line is an object
 * from field names to values, and a value that is null or missing is not there.
 */
import {
  bytesOfText,
  type FieldType,
  type FieldValue,
  fieldArgument,
  fieldType,
  manyKind,
  normalizeField,
} from '../events/index.ts';
import { RECORDED_EVENTS_MAX, RECORDED_LINE_BYTES_MAX } from './limits.ts';
import type { FieldSource } from './transforms.ts';

export type RecordedEvent = Readonly<Record<string, FieldValue>>;

/** Where a field that answers a list is put together from: every column whose name begins so, or these. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  'fd.ip': ['fd.cip', 'fd.sip', 'fd.lip', 'fd.rip'],
  'fd.net': ['fd.cip', 'fd.sip', 'fd.lip', 'fd.rip'],
  'fd.port': ['fd.cport', 'fd.sport', 'fd.lport', 'fd.rport'],
  'fd.types': ['fd.type'],
};
/** A field that another one answers as well. */
const SAME: Readonly<Record<string, string>> = {
  'fd.cnet': 'fd.cip',
  'fd.snet': 'fd.sip',
  'fd.lnet': 'fd.lip',
  'fd.rnet': 'fd.rip',
  'proc.pname': 'proc.aname[1]',
  'proc.aname[1]': 'proc.pname',
  'proc.apid[1]': 'proc.ppid',
  'proc.ppid': 'proc.apid[1]',
  'proc.aname[0]': 'proc.name',
  'proc.apid[0]': 'proc.pid',
  'evt.info': 'evt.args',
};
const NUMBERED = /^(proc\.(?:aname|aexe|aexepath|acmdline|apid))$/;
/** The key of an argument in the text of them all; a value ends where the next key begins. */
const ARGUMENT_KEY = /(?:^| )([a-z][a-z0-9_]*)=/g;

/** @throws RangeError with the number of the line that is not an event */
export function parseEvents(text: string): RecordedEvent[] {
  const events: RecordedEvent[] = [];
  let line = 0;
  for (const one of text.split('\n')) {
    line++;
    if (one.trim() === '') continue;
    if (one.length > RECORDED_LINE_BYTES_MAX)
      throw new RangeError(`line ${line} is longer than ${RECORDED_LINE_BYTES_MAX}`);
    if (events.length >= RECORDED_EVENTS_MAX) throw new RangeError(`more than ${RECORDED_EVENTS_MAX} events`);
    let value: unknown;
    try {
      value = JSON.parse(one);
    } catch {
      throw new RangeError(`line ${line} is not JSON`);
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new RangeError(`line ${line} is not an event`);
    // Falco's own output keeps the fields one level below.
    const fields = (value as Record<string, unknown>)['output_fields'];
    const source = typeof fields === 'object' && fields !== null ? fields : value;
    const event: Record<string, FieldValue> = Object.create(null) as Record<string, FieldValue>;
    for (const [name, field] of Object.entries(source)) {
      if (isFieldValue(field)) event[name] = field;
    }
    events.push(event);
  }
  return events;
}

function isFieldValue(value: unknown): value is FieldValue {
  if (Array.isArray(value)) return value.every((one) => typeof one === 'string' || typeof one === 'number');
  return value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

/** The number that an event goes by: its own, or its place in the file. */
export function eventNumber(event: RecordedEvent, place: number): number {
  const number = event['evt.num'];
  return typeof number === 'number' ? number : place + 1;
}

/** The fields of these events. Names beyond Falco's are fields when some event has them; their values say of which type. */
export function recordedFields(events: readonly RecordedEvent[]): FieldSource<RecordedEvent> {
  const columns = new Map<string, FieldValue>();
  for (const event of events) {
    for (const name of Object.keys(event))
      if ((columns.get(name) ?? null) === null) columns.set(name, event[name] ?? null);
  }
  const column = (name: string): ((event: RecordedEvent) => FieldValue) | undefined => {
    const same = SAME[name];
    if (columns.has(name)) return (event) => event[name] ?? (same === undefined ? null : (event[same] ?? null));
    return same !== undefined && columns.has(same) ? (event) => event[same] ?? null : undefined;
  };
  const reader = (name: string, argument: string | null): ((event: RecordedEvent) => FieldValue) | undefined => {
    const read = readerOf(name, argument);
    return read !== undefined && fieldType(name) === 'bytes' ? (event) => asBytes(read(event)) : read;
  };
  const readerOf = (name: string, argument: string | null): ((event: RecordedEvent) => FieldValue) | undefined => {
    const whole = column(argument === null ? name : `${name}[${argument}]`) ?? column(`${name}.${argument}`);
    if (whole !== undefined) return whole;
    if ((name === 'evt.arg' || name === 'evt.rawarg') && argument !== null && columns.has('evt.args')) {
      return (event) => argumentOf(event['evt.args'] ?? null, argument, name === 'evt.rawarg');
    }
    if (argument !== null) return undefined;
    if (NUMBERED.test(name)) {
      const levels = [...columns.keys()].filter((one) => one.startsWith(`${name}[`));
      return levels.length === 0 ? undefined : (event) => listOf(levels.map((level) => event[level] ?? null));
    }
    const parts = PARTS[name]?.filter((part) => columns.has(part)) ?? [];
    return parts.length === 0 ? undefined : (event) => listOf(parts.map((part) => event[part] ?? null));
  };
  return {
    normalize: (name, argument) =>
      columns.has(name) && argument === null ? { name, argument } : normalizeField(name, argument),
    type: (name) => fieldType(name) ?? typeOfValue(columns.get(name)),
    argument: (name) => (fieldType(name) === undefined ? 'none' : fieldArgument(name)),
    anyArgument: true,
    many: (name, argument) => manyKind(name, argument) ?? (Array.isArray(columns.get(name)) ? 'ends' : null),
    reader,
  };
}

/** Fields of bytes are letters of Latin-1, one a byte, wherever they come from. */
function asBytes(value: FieldValue): FieldValue {
  return typeof value === 'string' ? bytesOfText(value) : value;
}

function listOf(values: readonly FieldValue[]): FieldValue {
  const found = [...new Set(values.flat().filter((one) => one !== null))];
  return found.length === 0 ? null : (found as string[]);
}

function typeOfValue(value: FieldValue | undefined): FieldType | undefined {
  if (value === undefined) return undefined;
  const one = Array.isArray(value) ? value[0] : value;
  return typeof one === 'number' ? 'number' : typeof one === 'boolean' ? 'boolean' : 'text';
}

/** One argument out of the text of all: `fd=-2(ENOENT) name=/x flags=1(O_RDONLY)`. Words in brackets stand for the number. */
function argumentOf(text: FieldValue, name: string, raw: boolean): FieldValue {
  if (typeof text !== 'string') return null;
  const keys = [...text.matchAll(ARGUMENT_KEY)];
  const at = /^\d+$/.test(name) ? Number(name) : keys.findIndex((key) => key[1] === name);
  const key = keys[at];
  if (key === undefined) return null;
  const value = text.slice(key.index + key[0].length, keys[at + 1]?.index).trimEnd();
  const worded = /^(-?[0-9A-Fa-f]+)\(([^()]*)\)$/.exec(value);
  if (raw) {
    const number = Number(worded?.[1] ?? value);
    return Number.isFinite(number) && value !== '' ? number : null;
  }
  return worded?.[2] ?? value;
}
