import { FormatError } from './errors.ts';
import { SQLITE_DEPTH_MAX } from './limits.ts';

export type SqliteValue = null | number | bigint | string | Uint8Array;

export interface SqliteRow {
  readonly rowid: number;
  /** In the order of the table. An `INTEGER PRIMARY KEY` is null here: it is the rowid. Blobs are views. */
  readonly values: readonly SqliteValue[];
}

const MAGIC = 'SQLite format 3\0';
const INTERIOR = 0x05;
const LEAF = 0x0d;

/**
 * Reads one table of an SQLite database that is in memory (sqlite.org/fileformat2.html), without an engine: table
 * b-trees with overflow pages, UTF-8 text. No index is used, no journal is replayed. Each page is read once and no more is
 * given out than the file holds, so that forged pointers cost no more than an honest file of the size.
 *
 * @throws FormatError `sqlite.corrupt`
 */
export function* readSqliteTable(file: Uint8Array, table: string): Generator<SqliteRow> {
  const database = new Database(Buffer.from(file.buffer, file.byteOffset, file.byteLength));
  for (const { values } of database.rows(1)) {
    const [type, name, , root] = values;
    if (type !== 'table' || name !== table) continue;
    if (typeof root !== 'number') throw corrupt(`the table ${table} has no root page`);
    yield* database.rows(root);
    return;
  }
  throw corrupt(`it has no table ${table}`);
}

class Database {
  readonly #bytes: Buffer;
  readonly #pageSize: number;
  /** What of a page is used; the rest is reserved for extensions. */
  readonly #usable: number;
  readonly #pages: number;
  /** Payload that may still be given out. */
  #payloadLeft: number;

  constructor(bytes: Buffer) {
    if (bytes.length < 100 || bytes.toString('latin1', 0, 16) !== MAGIC) throw corrupt('it is no SQLite database');
    const stated = bytes.readUInt16BE(16);
    this.#pageSize = stated === 1 ? 65536 : stated;
    const isPower = (this.#pageSize & (this.#pageSize - 1)) === 0;
    if (this.#pageSize < 512 || !isPower) throw corrupt(`its pages have ${this.#pageSize} bytes`);
    this.#usable = this.#pageSize - (bytes[20] ?? 0);
    if (this.#usable < 480) throw corrupt(`its pages reserve ${bytes[20]} bytes`);
    const encoding = bytes.readUInt32BE(56);
    if (encoding > 1) throw corrupt('its text is no UTF-8');
    this.#bytes = bytes;
    this.#pages = Math.floor(bytes.length / this.#pageSize);
    this.#payloadLeft = 2 * bytes.length;
  }

  *rows(root: number): Generator<SqliteRow> {
    const seen = new Set<number>();
    const waiting: { number: number; depth: number }[] = [{ number: root, depth: 0 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { number, depth } = next;
      if (seen.has(number)) throw corrupt(`page ${number} is in the tree twice`);
      if (depth > SQLITE_DEPTH_MAX) throw corrupt('its tree is too deep');
      seen.add(number);
      const page = this.#page(number);
      const start = number === 1 ? 100 : 0;
      const kind = page[start];
      if (kind !== INTERIOR && kind !== LEAF) throw corrupt(`page ${number} is no page of a table`);
      const cells = page.readUInt16BE(start + 3);
      const pointers = start + (kind === LEAF ? 8 : 12);
      if (pointers + 2 * cells > this.#usable) throw corrupt(`page ${number} states ${cells} cells`);
      if (kind === INTERIOR) {
        // Children are waiting in reverse, so that rows come in their order.
        waiting.push({ number: page.readUInt32BE(start + 8), depth: depth + 1 });
        for (let cell = cells - 1; cell >= 0; cell--) {
          const at = page.readUInt16BE(pointers + 2 * cell);
          if (at + 4 > this.#usable) throw corrupt(`a cell of page ${number} lies beyond it`);
          waiting.push({ number: page.readUInt32BE(at), depth: depth + 1 });
        }
      } else {
        for (let cell = 0; cell < cells; cell++) yield this.#row(page, page.readUInt16BE(pointers + 2 * cell), number);
      }
    }
  }

  #page(number: number): Buffer {
    if (number < 1 || number > this.#pages) throw corrupt(`it leads to page ${number} of ${this.#pages}`);
    return this.#bytes.subarray((number - 1) * this.#pageSize, number * this.#pageSize);
  }

  /** "B-tree Cell Format": payload size, rowid, the payload as far as it fits, the first overflow page. */
  #row(page: Buffer, at: number, number: number): SqliteRow {
    const cursor = new Cursor(page, at, this.#usable);
    const size = cursor.varint();
    const rowid = cursor.varint();
    this.#payloadLeft -= size;
    if (this.#payloadLeft < 0) throw corrupt('its rows hold more than the file');
    const local = this.#localBytes(size);
    const start = cursor.at;
    if (start + local + (local < size ? 4 : 0) > this.#usable) throw corrupt(`a cell of page ${number} lies beyond it`);
    if (local === size) return { rowid, values: readRecord(page.subarray(start, start + size)) };
    const payload = Buffer.alloc(size);
    page.copy(payload, 0, start, start + local);
    let next = page.readUInt32BE(start + local);
    for (let fill = local; fill < size; ) {
      const overflow = this.#page(next);
      const take = Math.min(size - fill, this.#usable - 4);
      overflow.copy(payload, fill, 4, 4 + take);
      fill += take;
      next = overflow.readUInt32BE(0);
    }
    return { rowid, values: readRecord(payload) };
  }

  #localBytes(size: number): number {
    const most = this.#usable - 35;
    if (size <= most) return size;
    const least = Math.floor(((this.#usable - 12) * 32) / 255) - 23;
    const fitting = least + ((size - least) % (this.#usable - 4));
    return fitting <= most ? fitting : least;
  }
}

/** "Record Format": the size of the header, a serial type a column, the values. */
function readRecord(payload: Buffer): SqliteValue[] {
  const header = new Cursor(payload, 0, payload.length);
  const headerSize = header.varint();
  if (headerSize > payload.length) throw corrupt('the header of a row is longer than the row');
  const values: SqliteValue[] = [];
  let at = headerSize;
  while (header.at < headerSize) {
    const type = header.varint();
    const length = lengthOf(type);
    if (at + length > payload.length) throw corrupt('a value lies beyond its row');
    values.push(readValue(payload, at, type, length));
    at += length;
  }
  return values;
}

const LENGTHS = [0, 1, 2, 3, 4, 6, 8, 8, 0, 0];

function lengthOf(type: number): number {
  if (type >= 12) return Math.floor((type - 12) / 2);
  const length = LENGTHS[type];
  if (length === undefined) throw corrupt(`a row has the serial type ${type}`);
  return length;
}

function readValue(payload: Buffer, at: number, type: number, length: number): SqliteValue {
  if (type >= 12) {
    return type % 2 === 0 ? payload.subarray(at, at + length) : payload.toString('utf8', at, at + length);
  }
  switch (type) {
    case 0:
      return null;
    case 6:
      return payload.readBigInt64BE(at);
    case 7:
      return payload.readDoubleBE(at);
    case 8:
      return 0;
    case 9:
      return 1;
    default:
      return payload.readIntBE(at, length);
  }
}

/** Takes varints off: big endian, seven bits a byte, all eight of the ninth. */
class Cursor {
  readonly #bytes: Buffer;
  readonly #end: number;
  at: number;

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes;
    this.at = at;
    this.#end = end;
  }

  varint(): number {
    let value = 0;
    for (let count = 1; count <= 9; count++) {
      if (this.at >= this.#end) throw corrupt('a number is cut');
      const byte = this.#bytes[this.at++] as number;
      if (count === 9) value = value * 256 + byte;
      else value = value * 128 + (byte & 0x7f);
      if (byte < 0x80 || count === 9) break;
    }
    // Larger ones are sizes that no file has, or rowids below zero, which nobody here asks for.
    if (!Number.isSafeInteger(value)) throw corrupt('a number is too large');
    return value;
  }
}

function corrupt(why: string): FormatError {
  return new FormatError('sqlite.corrupt', `the SQLite database cannot be read: ${why}`);
}
