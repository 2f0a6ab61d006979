import { basename, dirname } from 'node:path';
import {
  detectCompression,
  FormatError,
  inflate,
  parseYaml,
  peekStream,
  readTar,
  readZip,
  type XmlElement,
  XmlReader,
} from '../formats/index.ts';
import {
  ARCHIVE_ENTRIES_MAX,
  DOCUMENT_MAX_BYTES,
  FEED_MAX_BYTES,
  FEED_MAX_RATIO,
  RECORD_MAX_BYTES,
  YAML_MAX_BYTES,
  ZIP_MAX_BYTES,
} from './limits.ts';
import { packingOf, unpack } from './unpack.ts';

/** A text that is neither JSON nor YAML nor XML, with its name. */
export interface NamedText {
  readonly path: string;
  readonly text: string;
}

/** A JSON or YAML value, an `XmlRecord`, a `NamedText`, or of a CSV table first its head line as text and then its rows. */
export type Document = unknown;

/** One element of an XML feed. */
export interface XmlRecord {
  readonly xml: XmlElement;
}

/** What is read of XML: the records of OVAL and of updateinfo.xml. */
const XML_RECORDS = /^(?:generator|definition|update|constant_variable|\w+_(?:test|object|state))$/;

/**
 * Parts the bytes of a feed into documents: NDJSON into its lines, CSV into rows, XML into records, archives into what is
 * in them, JSON and YAML whole. What it is, is seen from its first bytes. A stream that ends early is an error.
 *
 * @throws FormatError
 */
export async function* readDocuments(source: AsyncIterable<Uint8Array>, name = ''): AsyncGenerator<Document> {
  const packed = await peekStream(source, 6);
  if (packed.start[0] === 0x50 && packed.start[1] === 0x4b) {
    // OSV publishes each ecosystem as a zip with a file a record; its directory is at the end, so it is read whole.
    for (const { path, bytes } of readZip(await collect(packed.chunks))) {
      if (isReadable(path)) yield* readMember(path, bytes);
    }
    return;
  }
  const limits = { maxOutputBytes: FEED_MAX_BYTES, maxRatio: FEED_MAX_RATIO };
  const packing = packingOf(packed.start);
  const inflated =
    packing === null ? inflate(packed.chunks, detectCompression(packed.start), limits) : unpack(packed.chunks, packing);
  const plain = await peekStream(inflated, TAR_HEADER_BYTES);
  if (Buffer.from(plain.start.subarray(TAR_MAGIC_AT, TAR_MAGIC_AT + 5)).toString('latin1') === 'ustar') {
    const tar = { maxEntries: ARCHIVE_ENTRIES_MAX, maxFileBytes: DOCUMENT_MAX_BYTES };
    for await (const { entry, bytes } of readTar(plain.chunks, ({ path }) => isReadable(path), tar)) {
      if (entry.kind === 'file') yield* readMember(entry.path, bytes);
    }
    return;
  }
  const first = Buffer.from(plain.start)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .trimStart();
  if (first.startsWith('<')) yield* readXml(plain.chunks);
  else yield* readText(plain.chunks, name);
}

const TAR_HEADER_BYTES = 512;
const TAR_MAGIC_AT = 257;

/** Archives of repositories hold tests, pictures and code as well. */
function isReadable(path: string): boolean {
  return /\.(?:json|ya?ml|md|list)$/i.test(path) || /(?:^|\/)(?:DSA|DLA|DTSA)\/list$/.test(path);
}

async function* readMember(path: string, bytes: Uint8Array): AsyncGenerator<Document> {
  if (/\.(?:md|list)$|\/list$/i.test(path)) {
    yield { path, text: Buffer.from(bytes).toString() } satisfies NamedText;
    return;
  }
  async function* once(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  yield* readText(once(), path);
}

async function* readXml(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<XmlRecord> {
  const decoder = new TextDecoder('utf-8');
  const reader = new XmlReader((element) => XML_RECORDS.test(element));
  for await (const chunk of chunks) {
    for (const xml of reader.write(decoder.decode(chunk, { stream: true }))) yield { xml };
  }
  for (const xml of reader.write(decoder.decode())) yield { xml };
  reader.end();
}

async function* readText(chunks: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Document> {
  const lines = readLines(chunks);
  const head: string[] = [];
  for (;;) {
    const next = await lines.next();
    if (next.done) {
      if (head.length > 0) yield parseWhole(head.join('\n'), name);
      return;
    }
    const line = next.value.startsWith('\ufeff') ? next.value.slice(1) : next.value;
    if (head.length === 0 && line.trim() === '') continue;
    if (head.length === 0 && (/^#[a-z_]+:/.test(line) || /^"?cve"?,/i.test(line))) {
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
    let length = line.length;
    for await (const more of lines) {
      length += more.length + 1;
      if (length > DOCUMENT_MAX_BYTES) throw tooLarge();
      head.push(more);
    }
  }
}

function parseWhole(text: string, path: string): Document {
  // Debian's lists begin with a date in brackets.
  if (/^\s*[[{]/.test(text) && !/^\[\d\d \w{3} \d{4}\]/.test(text)) return parseJson(text);
  if (/^(?:---|[A-Za-z_][\w-]*:)/.test(text) && !/^(?:---)?\s*$/.test(text))
    return parseYaml(text, { maxBytes: YAML_MAX_BYTES }).value;
  return { path, text } satisfies NamedText;
}

/** 'pypa' of '/some/where/pypa.osv.ndjson.gz'; 'npm' of '…/npm/all.zip', as OSV names its exports. */
export function stemOf(path: string): string {
  const stem = (name: string): string =>
    name.replace(/(?:\.(?:gz|tgz|zst|bz2|xz|zip|json|ndjson|jsonl|csv|osv|oval|tar|xml|ya?ml))+$/i, '');
  const own = stem(basename(path));
  // Files whose name says only what kind of file it is go by their folder.
  return /^(?:all|updateinfo|main|community|security|export)$/.test(own) ? stem(basename(dirname(path))) || own : own;
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
  // A document of 200 MB may be one line: what is held of it is looked at once and joined at its end.
  let held: string[] = [];
  let length = 0;
  const hold = (text: string): void => {
    length += text.length;
    if (length > DOCUMENT_MAX_BYTES) throw tooLarge();
    held.push(text);
  };
  for await (const chunk of source) {
    const text = decoder.decode(chunk, { stream: true });
    let at = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', at)) {
      hold(text.slice(at, end));
      yield held.join('');
      held = [];
      length = 0;
      at = end + 1;
    }
    hold(text.slice(at));
  }
  hold(decoder.decode());
  if (length > 0) yield held.join('');
}

function tooLarge(): FormatError {
  return new FormatError('json.size', `a document has more than ${DOCUMENT_MAX_BYTES} bytes`);
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
