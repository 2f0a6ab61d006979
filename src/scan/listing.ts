import { FormatError } from '../formats/index.ts';
import type { LayerEntry } from '../oci/layers.ts';
import { LISTING_RECORD_MAX_BYTES } from './limits.ts';

const KINDS = ['file', 'directory', 'symlink', 'hardlink', 'other'] as const;
/** Sizes are written in two numbers, because one holds 28 bits. */
const SIZE_LOW = 2 ** 24;
const NUMBER_BITS = 28;

/** Version of the records below and of what is stored with them; part of the key under which results of a layer are stored. */
export const LISTING_VERSION = 4;

/** An entry as a listing keeps it. */
export interface ListedEntry extends LayerEntry {
  /** Of files; 0 for all others. */
  readonly sizeBytes: number;
  /** Permission bits, with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
  /** Of files: capabilities of the kernel that it gives, a bit each. */
  readonly capabilities: number;
}

/** In the place of a thirteenth bit of the mode: capabilities follow. */
const HAS_CAPABILITIES = 0o10000;

/**
 * Names of all entries of a layer in a few bytes each, so that a million of them fit into memory: each path shares its
 * start with the one before. Record: shared bytes, own bytes, the own bytes, kind, mode, for links length and target, for
 * files the size and, where the mode says so, capabilities; numbers as LEB128.
 */
export class ListingWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  #previous: Buffer = Buffer.alloc(0);

  add(
    path: string,
    entry: Pick<ListedEntry, 'kind' | 'linkTarget' | 'sizeBytes' | 'mode'> & { capabilities?: number },
  ): void {
    const { kind, linkTarget, sizeBytes, mode, capabilities = 0 } = entry;
    const name = Buffer.from(path);
    const most = Math.min(name.length, this.#previous.length);
    let shared = 0;
    while (shared < most && name[shared] === this.#previous[shared]) shared++;
    this.#previous = name;
    const target = linkTarget === '' ? null : Buffer.from(linkTarget);
    this.#reserve(name.length - shared + (target?.length ?? 0) + 48);
    this.#number(shared);
    this.#number(name.length - shared);
    this.#length += name.copy(this.#bytes, this.#length, shared);
    this.#bytes[this.#length++] = KINDS.indexOf(kind);
    const isGiving = kind === 'file' && capabilities > 0;
    this.#number((mode & 0o7777) | (isGiving ? HAS_CAPABILITIES : 0));
    if (kind === 'symlink' || kind === 'hardlink') {
      this.#number(target?.length ?? 0);
      if (target) this.#length += target.copy(this.#bytes, this.#length);
    }
    if (kind === 'file') {
      this.#number(Math.floor(sizeBytes / SIZE_LOW));
      this.#number(sizeBytes % SIZE_LOW);
    }
    if (isGiving) {
      this.#number(Math.floor(capabilities / SIZE_LOW));
      this.#number(capabilities % SIZE_LOW);
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }
}

/** Takes records off a listing that may still be arriving: `next` is null when the record is not all there yet. */
class RecordReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** The path of the last whole record, in place. */
  readonly #path = Buffer.allocUnsafe(2 * LISTING_RECORD_MAX_BYTES);
  #pathLength = 0;
  #ordinal = 0;

  /** Bytes that are no whole record yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  add(chunk: Buffer): void {
    this.#bytes = this.left === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  next(): ListedEntry | null {
    const start = this.#at;
    const entry = this.#read();
    if (entry === null) this.#at = start;
    return entry;
  }

  #read(): ListedEntry | null {
    const shared = this.#number();
    const own = shared === null ? null : this.#take(this.#number());
    const kindNumber = own === null ? null : this.#number();
    const mode = kindNumber === null ? null : this.#number();
    if (shared === null || own === null || kindNumber === null || mode === null) return null;
    const kind = KINDS[kindNumber];
    if (!kind) throw new FormatError('tar.unsupported', 'the stored listing of a layer has an unknown kind');
    let linkTarget = '';
    let sizeBytes = 0;
    if (kind === 'symlink' || kind === 'hardlink') {
      const target = this.#take(this.#number());
      if (target === null) return null;
      linkTarget = target.toString();
    } else if (kind === 'file') {
      const high = this.#number();
      const low = high === null ? null : this.#number();
      if (high === null || low === null) return null;
      sizeBytes = high * SIZE_LOW + low;
    }
    let capabilities = 0;
    if ((mode & HAS_CAPABILITIES) !== 0) {
      const high = this.#number();
      const low = high === null ? null : this.#number();
      if (high === null || low === null) return null;
      capabilities = high * SIZE_LOW + low;
    }
    const length = shared + own.length;
    if (shared > this.#pathLength || length > this.#path.length) {
      throw new FormatError('tar.size', 'the stored listing of a layer has an impossible name');
    }
    own.copy(this.#path, shared);
    this.#pathLength = length;
    const path = this.#path.toString('utf8', 0, length);
    const ordinal = this.#ordinal++;
    return { path, kind, linkTarget, ordinal, sizeBytes, mode: mode & 0o7777, capabilities };
  }

  #number(): number | null {
    let value = 0;
    for (let shift = 0; shift < NUMBER_BITS; shift += 7) {
      const next = this.#bytes[this.#at++];
      if (next === undefined) return null;
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    throw new FormatError('tar.size', 'the stored listing of a layer has an impossible number');
  }

  #take(length: number | null): Buffer | null {
    if (length === null) return null;
    if (length > LISTING_RECORD_MAX_BYTES) {
      throw new FormatError('tar.size', 'the stored listing of a layer has an impossible name');
    }
    if (this.#at + length > this.#bytes.length) return null;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** @throws FormatError when the listing is cut or forged */
export function* readListing(listing: Uint8Array): Generator<ListedEntry> {
  const reader = new RecordReader();
  reader.add(Buffer.from(listing.buffer, listing.byteOffset, listing.byteLength));
  yield* wholeRecords(reader);
  requireNothingLeft(reader);
}

/** The same of a listing that arrives in pieces; never more than a piece and a record in memory. */
export async function* streamListing(pieces: AsyncIterable<Buffer>): AsyncGenerator<readonly ListedEntry[]> {
  const reader = new RecordReader();
  for await (const piece of pieces) {
    reader.add(piece);
    yield [...wholeRecords(reader)];
  }
  requireNothingLeft(reader);
}

function* wholeRecords(reader: RecordReader): Generator<ListedEntry> {
  for (let entry = reader.next(); entry !== null; entry = reader.next()) yield entry;
}

function requireNothingLeft(reader: RecordReader): void {
  if (reader.left > 0) throw new FormatError('tar.truncated', 'the stored listing of a layer is cut');
}
