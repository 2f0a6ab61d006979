import { basename, dirname } from 'node:path';
import { detectCompression, FormatError, inflate, readZip } from '../formats/index.ts';
import { DOCUMENT_MAX_BYTES, FEED_MAX_BYTES, FEED_MAX_RATIO, RECORD_MAX_BYTES, ZIP_MAX_BYTES } from './limits.ts';

/** A JSON value, or of a CSV table first its head line as text and then its rows as objects. */
export type Document = unknown;

/**
 * Parts the bytes of a feed into documents: NDJSON into its lines, CSV into rows, JSON whole. What it is, is seen from the
 * first line. A stream that ends early is an error.
 *
 * @throws FormatError
 */
export async function* readDocuments(source: AsyncIterable<Uint8Array>): AsyncGenerator<Document> {
  const { start, chunks } = await peek(source);
  if (start[0] === 0x50 && start[1] === 0x4b) {
    // OSV publishes each ecosystem as a zip with a file a record; its directory is at the end, so it is read whole.
    for (const { path, bytes } of readZip(await collect(chunks))) {
      if (path.endsWith('.json')) yield parseJson(Buffer.from(bytes).toString());
    }
    return;
  }
  const compression = detectCompression(start);
  const limits = { maxOutputBytes: FEED_MAX_BYTES, maxRatio: FEED_MAX_RATIO };
  const lines = readLines(inflate(chunks, compression, limits));
  const head: string[] = [];
  for (;;) {
    const next = await lines.next();
    if (next.done) {
      if (head.length > 0) yield parseJson(head.join('\n'));
      return;
    }
    const line = next.value.startsWith('\ufeff') ? next.value.slice(1) : next.value;
    if (head.length === 0 && line.trim() === '') continue;
    if (head.length === 0 && (line.startsWith('#') || /^"?cve/i.test(line))) {
      yield* readTable(line, lines);
      return;
    }
    const isWhole = head.length === 0 && /^\s*\{.*\}\s*$/.test(line) ? tryJson(line) : undefined;
    if (isWhole !== undefined) {
      yield isWhole;
      for await (const record of lines) if (record.trim() !== '') yield parseJson(record);
      return;
    }
    head.push(line);
    for await (const more of lines) head.push(more);
  }
}

/** 'pypa' of '/some/where/pypa.osv.ndjson.gz'; 'npm' of '…/npm/all.zip', as OSV names its exports. */
export function stemOf(path: string): string {
  const stem = (name: string): string => name.replace(/(?:\.(?:gz|zst|zip|json|ndjson|jsonl|csv|osv|tar))+$/i, '');
  const own = stem(basename(path));
  return own === 'all' ? stem(basename(dirname(path))) || own : own;
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the first line of a longer document
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError('json.syntax', cause instanceof Error ? cause.message.slice(0, 200) : 'not JSON', { cause });
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of source) {
    size += part.length;
    if (size > ZIP_MAX_BYTES) throw new FormatError('zip.size', `the archive has more than ${ZIP_MAX_BYTES} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let rest = '';
  for await (const chunk of source) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > DOCUMENT_MAX_BYTES) {
      throw new FormatError('json.size', `a document has more than ${DOCUMENT_MAX_BYTES} bytes`);
    }
    for (const line of parts) {
      if (line.length > DOCUMENT_MAX_BYTES)
        throw new FormatError('json.size', `a line has more than ${RECORD_MAX_BYTES} bytes`);
      yield line;
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}

/** RFC 4180 rows as objects by lower-case column. FIRST writes "#model_version:…,score_date:…" above the head line. */
async function* readTable(first: string, lines: AsyncGenerator<string>): AsyncGenerator<Document> {
  let head = first;
  let remark: Record<string, string> | null = null;
  if (first.startsWith('#')) {
    const pairs = first
      .slice(1)
      .trim()
      .split(',')
      .map((pair) => pair.split(/:(.*)/s));
    remark = Object.fromEntries(pairs.map(([key = '', value = '']) => [key, value]));
    head = (await lines.next()).value ?? '';
  }
  yield head.trim();
  if (remark) yield remark;
  const columns = parseRow(head.trim()).map((column) => column.toLowerCase());
  let waiting = '';
  for await (const line of lines) {
    waiting = waiting === '' ? line : `${waiting}\n${line}`;
    // A quoted value may hold line feeds: the row is whole when its quotes are paired.
    if ((waiting.split('"').length - 1) % 2 === 1) {
      if (waiting.length > RECORD_MAX_BYTES) throw new FormatError('csv.syntax', 'a row of the table has no end');
      continue;
    }
    if (waiting.trim() !== '') {
      const values = parseRow(waiting.replace(/\r$/, ''));
      yield Object.fromEntries(columns.map((column, index) => [column, values[index] ?? '']));
    }
    waiting = '';
  }
  if (waiting !== '') throw new FormatError('csv.syntax', 'the table ends inside a quoted value');
}

function parseRow(text: string): string[] {
  const values: string[] = [];
  for (const [, quoted, plain] of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    values.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
  }
  return values;
}

async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ start: Uint8Array; chunks: AsyncIterable<Uint8Array> }> {
  const iterator = source[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < 4) {
    const next = await iterator.next();
    if (next.done) break;
    start = Buffer.concat([start, next.value]);
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (start.length > 0) yield start;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  return { start, chunks: chunks() };
}
