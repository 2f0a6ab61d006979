import { FormatError } from './errors.ts';

/**
 * Values of a Berkeley DB hash that is in memory (db_page.h of release 4 and 5), in the order of its pages; keys are left
 * out. Only what databases of rpm have: no checksums, encryption or sub-databases. Byte order is the file's.
 *
 * Page: 20 entries (2), 22 free offset (2), 25 type (1), 26 the place of each entry (2); 16 the next page of an overflow.
 * First page: 12 magic (4), 20 page size (4), 24 encryption (1), 25 type (1), 32 last page (4).
 *
 * @throws FormatError `berkeley.corrupt`
 */
export function* readBerkeleyHash(file: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < 512) throw corrupt('it is too short');
  const isLittle = bytes.readUInt32LE(12) === MAGIC;
  if (!isLittle && bytes.readUInt32BE(12) !== MAGIC) throw corrupt('it is no hash');
  const u16 = (at: number): number => (isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at));
  const u32 = (at: number): number => (isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at));
  const pageSize = u32(20);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0)
    throw corrupt(`its pages have ${pageSize} bytes`);
  if (bytes[24] !== 0) throw corrupt('it is encrypted');
  if (bytes[25] !== HASH_META) throw corrupt('its first page is none of a hash');
  const pages = Math.floor(bytes.length / pageSize);
  const last = u32(32);
  if (last >= pages) throw corrupt(`it states ${last + 1} pages and has ${pages}: it was cut`);
  let bytesLeft = bytes.length;

  /** A large value in pages of its own, each leading to the next. */
  const readOverflow = (first: number, length: number): Uint8Array => {
    bytesLeft -= length;
    if (bytesLeft < 0) throw corrupt('its values hold more than the file');
    const value = Buffer.alloc(length);
    let fill = 0;
    for (let page = first; fill < length; page = u32(page * pageSize + 16)) {
      if (page < 1 || page > last) throw corrupt(`a value leads to page ${page} of ${last}`);
      const start = page * pageSize;
      const held = u16(start + 22);
      if (bytes[start + 25] !== OVERFLOW || held === 0 || held > pageSize - PAGE_HEADER) {
        throw corrupt(`page ${page} is no page of a value`);
      }
      fill += bytes.copy(value, fill, start + PAGE_HEADER, start + PAGE_HEADER + Math.min(held, length - fill));
    }
    return value;
  };

  for (let page = 1; page <= last; page++) {
    const start = page * pageSize;
    const type = bytes[start + 25];
    if (type !== HASH && type !== HASH_UNSORTED) continue;
    const entries = u16(start + 20);
    if (PAGE_HEADER + 2 * entries > pageSize) throw corrupt(`page ${page} states ${entries} entries`);
    // Keys and values take turns.
    for (let entry = 1; entry < entries; entry += 2) {
      const at = u16(start + PAGE_HEADER + 2 * entry);
      const end = u16(start + PAGE_HEADER + 2 * (entry - 1));
      if (at < PAGE_HEADER || end > pageSize || at >= end) throw corrupt(`an entry of page ${page} lies beyond it`);
      const kind = bytes[start + at];
      if (kind === KEY_DATA) {
        bytesLeft -= end - at;
        if (bytesLeft < 0) throw corrupt('its values hold more than the file');
        yield bytes.subarray(start + at + 1, start + end);
      } else if (kind === OFF_PAGE) {
        if (at + 12 > pageSize) throw corrupt(`an entry of page ${page} lies beyond it`);
        yield readOverflow(u32(start + at + 4), u32(start + at + 8));
      } else {
        throw corrupt(`an entry of page ${page} has the unknown kind ${kind}`);
      }
    }
  }
}

const MAGIC = 0x00061561;
const PAGE_HEADER = 26;
const HASH_UNSORTED = 2;
const OVERFLOW = 7;
const HASH_META = 8;
const HASH = 13;
const KEY_DATA = 1;
const OFF_PAGE = 3;

function corrupt(why: string): FormatError {
  return new FormatError('berkeley.corrupt', `the Berkeley database cannot be read: ${why}`);
}
