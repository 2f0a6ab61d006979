import { FormatError } from './errors.ts';

/**
 * Blobs of rpm's own database (rpm, lib/backend/ndb/rpmpkg.c), as SUSE has it: a table of slots of 16 bytes at the start,
 * each leading to a blob counted in blocks of 16 bytes. Everything is little endian.
 *
 * Header: "RpmP", version, generation, pages of slots. Slot: "Slot", package, first block, blocks.
 * Blob: "BlbS", package, checksum, length, the bytes.
 *
 * @throws FormatError `rpm.corrupt`
 */
export function* readRpmNdb(file: Uint8Array): Generator<Uint8Array> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  if (bytes.length < NDB_PAGE || bytes.readUInt32LE(0) !== NDB_MAGIC) throw corrupt('it is no database of rpm');
  if (bytes.readUInt32LE(4) !== 0) throw corrupt(`it has the version ${bytes.readUInt32LE(4)}`);
  const slotPages = bytes.readUInt32LE(12);
  if (slotPages === 0 || slotPages * NDB_PAGE > bytes.length) throw corrupt(`it states ${slotPages} pages of slots`);
  let bytesLeft = bytes.length;
  // The header takes the place of two slots.
  for (let at = 32; at < slotPages * NDB_PAGE; at += 16) {
    if (bytes.readUInt32LE(at) !== NDB_SLOT) throw corrupt(`there is no slot at byte ${at}`);
    const id = bytes.readUInt32LE(at + 4);
    if (id === 0) continue;
    const start = bytes.readUInt32LE(at + 8) * NDB_BLOCK;
    const room = bytes.readUInt32LE(at + 12) * NDB_BLOCK;
    if (start + 16 > bytes.length || start + room > bytes.length) throw corrupt(`package ${id} lies beyond its end`);
    const length = bytes.readUInt32LE(start + 12);
    if (bytes.readUInt32LE(start) !== NDB_BLOB || bytes.readUInt32LE(start + 4) !== id || 16 + length > room) {
      throw corrupt(`package ${id} is not where its slot says`);
    }
    bytesLeft -= length;
    if (bytesLeft < 0) throw corrupt('its packages hold more than the file');
    yield bytes.subarray(start + 16, start + 16 + length);
  }
}

const NDB_MAGIC = 0x506d7052;
const NDB_SLOT = 0x746f6c53;
const NDB_BLOB = 0x53626c42;
const NDB_PAGE = 4096;
const NDB_BLOCK = 16;

/** Tags of a header (rpm, include/rpm/rpmtag.h). */
export const RPM_TAG = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  vendor: 1011,
  license: 1014,
  arch: 1022,
  oldFileNames: 1027,
  fileModes: 1030,
  sourceRpm: 1044,
  dirIndexes: 1116,
  baseNames: 1117,
  dirNames: 1118,
  modularityLabel: 5096,
} as const;

export type RpmTag = (typeof RPM_TAG)[keyof typeof RPM_TAG];

/**
 * A header as databases of rpm hold it (rpm, docs/manual/format_header.md, without the magic): number of index entries,
 * bytes of data, both big endian; entries of tag, type, offset, count; the data.
 */
export class RpmHeader {
  readonly #data: Buffer;
  readonly #index = new Map<number, { type: number; offset: number; count: number }>();

  /** @throws FormatError `rpm.corrupt` */
  constructor(blob: Uint8Array) {
    const bytes = Buffer.from(blob.buffer, blob.byteOffset, blob.byteLength);
    if (bytes.length < 8) throw corrupt('a header is too short');
    const entries = bytes.readUInt32BE(0);
    const size = bytes.readUInt32BE(4);
    const start = 8 + entries * 16;
    if (start + size > bytes.length) throw corrupt(`a header states ${entries} entries and ${size} bytes`);
    this.#data = bytes.subarray(start, start + size);
    for (let at = 8; at < start; at += 16) {
      const tag = bytes.readUInt32BE(at);
      // Of a tag that comes twice the first counts: those behind the signed region are additions.
      if (!WANTED.has(tag) || this.#index.has(tag)) continue;
      const type = bytes.readUInt32BE(at + 4);
      const offset = bytes.readUInt32BE(at + 8);
      const count = bytes.readUInt32BE(at + 12);
      if (offset > size) throw corrupt(`tag ${tag} lies beyond its header`);
      this.#index.set(tag, { type, offset, count });
    }
  }

  /** The text of a tag, the first of several. */
  text(tag: RpmTag): string | null {
    const found = this.#index.get(tag);
    if (!found || !TEXT_TYPES.has(found.type) || found.count === 0) return null;
    return this.#textAt(found.offset, tag).text;
  }

  texts(tag: RpmTag): string[] {
    const found = this.#index.get(tag);
    if (!found || !TEXT_TYPES.has(found.type)) return [];
    // Each ends with a NUL.
    if (found.count > this.#data.length - found.offset) throw corrupt(`tag ${tag} states ${found.count} texts`);
    const texts: string[] = [];
    let at = found.offset;
    for (let left = found.count; left > 0; left--) {
      const { text, end } = this.#textAt(at, tag);
      texts.push(text);
      at = end + 1;
    }
    return texts;
  }

  /** Numbers of 16 or 32 bits. */
  numbers(tag: RpmTag): number[] {
    const found = this.#index.get(tag);
    const width = found?.type === INT16 ? 2 : found?.type === INT32 ? 4 : 0;
    if (!found || width === 0) return [];
    if (found.count * width > this.#data.length - found.offset)
      throw corrupt(`tag ${tag} states ${found.count} numbers`);
    return Array.from({ length: found.count }, (_, index) =>
      this.#data.readUIntBE(found.offset + index * width, width),
    );
  }

  #textAt(at: number, tag: number): { text: string; end: number } {
    const end = this.#data.indexOf(0, at);
    if (end < 0) throw corrupt(`the text of tag ${tag} has no end`);
    return { text: this.#data.toString('utf8', at, end), end };
  }
}

const WANTED: ReadonlySet<number> = new Set(Object.values(RPM_TAG));
const INT16 = 3;
const INT32 = 4;
/** A string, a list of them, and one in several languages, of which the first is without a language. */
const TEXT_TYPES: ReadonlySet<number> = new Set([6, 8, 9]);

function corrupt(why: string): FormatError {
  return new FormatError('rpm.corrupt', `the database of rpm cannot be read: ${why}`);
}
