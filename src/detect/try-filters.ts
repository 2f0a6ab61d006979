/** Conditions by themselves: are they well formed, and which events of a recording do they hold for? */
import { createReadStream } from 'node:fs';
import { openCapture, readCapture } from '../events/capture/index.ts';
import type { KernelEvent } from '../events/index.ts';
import { readScap, type ScapEvent, scapFields } from '../events/scap/index.ts';
import { inflateUnknown, peekStream } from '../formats/index.ts';
import { fileReason, type Text } from '../system/index.ts';
import { checkFilter, compileFilters } from './compile.ts';
import { liveFields } from './engine.ts';
import { type Filter, FilterError, requireNoMacro } from './filter-ast.ts';
import { fieldsOf } from './filter-fields.ts';
import { parseFilter } from './filter-parser.ts';
import { FILTERS_MAX, RECORDED_FILE_BYTES_MAX, RECORDING_CHUNK_BYTES } from './limits.ts';
import { eventNumber, parseEvents, type RecordedEvent, recordedFields } from './recorded-events.ts';
import type { FieldSource } from './transforms.ts';

export interface FilterMistake {
  readonly message: string;
  readonly hint?: string;
  /** Characters before it. */
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

export interface FilterVerdict {
  readonly filter: string;
  readonly error: FilterMistake | null;
}

export interface FilterMatches extends FilterVerdict {
  /** Numbers of the events it holds for, as the recording counts them. */
  readonly events: readonly number[];
  /** Fields it asks for that no event of the recording has: taken for "not there". */
  readonly unseen: readonly string[];
}

export interface Recording {
  readonly kind: 'scap' | 'json' | 'capture';
  readonly events: number;
  readonly filters: readonly FilterMatches[];
  /** Why it cannot be read to its end, where there were events before that: what is told is of these. */
  readonly cut: Text | null;
}

function readObject(line: string): { expr?: unknown; filter?: unknown } {
  try {
    return JSON.parse(line) as { expr?: unknown; filter?: unknown };
  } catch {
    throw new RangeError(`a line that begins with "{" is no JSON: ${line.slice(0, 60)}`);
  }
}

/** Conditions out of a file: one a line, or JSON objects with the member `expr` or `filter`. */
export function readFilterLines(text: string): string[] {
  const filters = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      if (!line.startsWith('{')) return line;
      const value = readObject(line);
      const filter = value.expr ?? value.filter;
      if (typeof filter !== 'string') throw new RangeError('an object of the list has neither "expr" nor "filter"');
      return filter;
    });
  if (filters.length > FILTERS_MAX) throw new RangeError(`more than ${FILTERS_MAX} conditions`);
  return filters;
}

function mistakeOf(error: unknown, text: string): FilterMistake {
  if (!(error instanceof FilterError)) throw error;
  const before = text.slice(0, error.at).split('\n');
  const place = { offset: error.at, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  return { message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }), ...place };
}

/** Reads and checks a condition that names no macro. */
function prepare<Event>(text: string, fields: FieldSource<Event>): Filter | FilterMistake {
  try {
    const filter = parseFilter(text);
    checkFilter(filter, fields);
    requireNoMacro(filter);
    return filter;
  } catch (error) {
    return mistakeOf(error, text);
  }
}

/** Whether each condition is well formed; which events there are is not asked. */
export function checkFilters(texts: readonly string[]): FilterVerdict[] {
  return texts.map((filter) => {
    const prepared = prepare(filter, liveFields);
    return { filter, error: 'message' in prepared ? prepared : null };
  });
}

/** Tries conditions over a recording: one of ours, a .scap file, or events as JSON lines; each may be compressed. */
export async function tryFilters(path: string, texts: readonly string[]): Promise<Recording> {
  const own = await openCapture(path);
  if (own !== null) return tryOnCapture(own, texts);
  const plain = inflateUnknown(createReadStream(path, { highWaterMark: RECORDING_CHUNK_BYTES }), {
    maxOutputBytes: RECORDED_FILE_BYTES_MAX,
  });
  const { start, chunks } = await peekStream(plain, 1);
  return start[0] === '{'.charCodeAt(0) ? tryOnJson(chunks, texts) : tryOnScap(chunks, texts);
}

async function tryOnCapture(source: AsyncIterable<Uint8Array>, texts: readonly string[]): Promise<Recording> {
  const run = new Run<KernelEvent>(texts, liveFields);
  // Its seal is its worth: of one that was cut or changed nothing is told.
  await readCapture(source, (event) => run.take(event, event.number));
  return { kind: 'capture', events: run.events, filters: run.matches, cut: null };
}

/** The recorder's lists of users and groups, which newer recordings have as events: no reader shows them. */
const LISTS: ReadonlySet<string> = new Set(['useradded', 'userdeleted', 'groupadded', 'groupdeleted']);

async function tryOnScap(chunks: AsyncIterable<Uint8Array>, texts: readonly string[]): Promise<Recording> {
  const run = new Run<ScapEvent>(texts, scapFields);
  const cut = await untilCut(run, () =>
    readScap(chunks, (event) => {
      if (!LISTS.has(event.name)) run.take(event, event.number);
    }),
  );
  return { kind: 'scap', events: run.events, filters: run.matches, cut };
}

async function tryOnJson(chunks: AsyncIterable<Uint8Array>, texts: readonly string[]): Promise<Recording> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  const events = parseEvents(Buffer.concat(parts).toString('utf8'));
  const fields = recordedFields(events);
  const run = new Run<RecordedEvent>(texts, fields);
  events.forEach((event, place) => {
    run.take(event, eventNumber(event, place));
  });
  return { kind: 'json', events: events.length, filters: run.matches, cut: null };
}

/** Reads as far as it goes; what was found before the recording ends is kept, and why it ends there. */
async function untilCut(run: { readonly events: number }, read: () => Promise<unknown>): Promise<Text | null> {
  try {
    await read();
    return null;
  } catch (cause) {
    if (run.events === 0) throw cause;
    return fileReason(cause);
  }
}

class Run<Event> {
  events = 0;
  readonly matches: (FilterMatches & { readonly events: number[] })[];
  readonly #places: number[] = [];
  readonly #match: (event: Event) => number[] | null;

  constructor(texts: readonly string[], fields: FieldSource<Event>) {
    const filters: Filter[] = [];
    this.matches = texts.map((text, place) => {
      const prepared = prepare(text, fields);
      if ('message' in prepared) return { filter: text, error: prepared, events: [], unseen: [] };
      filters.push(prepared);
      this.#places.push(place);
      const unseen = fieldsOf(prepared, fields)
        .filter(({ name, argument }) => fields.reader(name, argument) === undefined)
        .map(({ name, argument }) => (argument === null ? name : `${name}[${argument}]`));
      return { filter: text, error: null, events: [], unseen: [...new Set(unseen)] };
    });
    this.#match = compileFilters(filters, fields);
  }

  take(event: Event, number: number): void {
    this.events++;
    for (const held of this.#match(event) ?? []) {
      const place = this.#places[held];
      if (place !== undefined) this.matches[place]?.events.push(number);
    }
  }
}
