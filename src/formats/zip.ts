import { inflateRawSync } from 'node:zlib';
import { inflateBzip2 } from './bzip2.ts';
import { FormatError } from './errors.ts';
import { ZIP_LIMITS, type ZipLimits } from './limits.ts';

export interface ZipFile {
  /** As the archive spells it. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const STORED = 0;
const DEFLATED = 8;
const BZIP2 = 12;

/** One file of an archive, not inflated yet. */
export interface ZipEntry {
  /** As the archive spells it. */
  readonly path: string;
  /** What it says to have once inflated. */
  readonly sizeBytes: number;
  /** What it takes in the archive. */
  readonly packedBytes: number;
  /** Then reading it copies nothing. */
  readonly isStored: boolean;
  /** @throws FormatError when it is encrypted, too large, or not what the directory says */
  read(): Uint8Array;
}

/**
 * Reads the files of a zip archive that is in memory, by its central directory (APPNOTE 6.3.10, 4.3; zip64 for the number
 * of entries). Folders are left out. Overlapping entries, the trick of the largest bombs, are refused, as are encryption
 * and methods other than stored, deflate and bzip2.
 *
 * @throws FormatError with a `zip.*` code
 */
export function* readZip(archive: Uint8Array, options: Partial<ZipLimits> = {}): Generator<ZipFile> {
  for (const entry of listZip(archive, options)) yield { path: entry.path, bytes: entry.read() };
}

/** The same, inflating nothing but what the caller reads; limits of bytes hold for what is read. */
export function* listZip(archive: Uint8Array, options: Partial<ZipLimits> = {}): Generator<ZipEntry> {
  const limits = { ...ZIP_LIMITS, ...options };
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const { entries, offset, shift } = findDirectory(bytes);
  if (entries > limits.maxEntries) {
    throw new FormatError('zip.entry-limit', `zip has ${entries} entries, the limit is ${limits.maxEntries}`);
  }
  let at = offset;
  let total = 0;
  let taken = 0;
  for (let index = 0; index < entries; index++) {
    need(bytes, at, 46);
    if (bytes.readUInt32LE(at) !== CENTRAL) throw new FormatError('zip.corrupt', `zip entry ${index} has no header`);
    const flags = bytes.readUInt16LE(at + 8);
    const method = bytes.readUInt16LE(at + 10);
    const packedSize = bytes.readUInt32LE(at + 20);
    const size = bytes.readUInt32LE(at + 24);
    const nameLength = bytes.readUInt16LE(at + 28);
    const skip = bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    const local = bytes.readUInt32LE(at + 42) + shift;
    need(bytes, at + 46, nameLength);
    const path = bytes.toString('utf8', at + 46, at + 46 + nameLength);
    at += 46 + nameLength + skip;
    if (path.endsWith('/')) continue;
    taken += packedSize;
    const named = `zip entry ${JSON.stringify(path.slice(0, 200))}`;
    if (taken > bytes.length) throw new FormatError('zip.corrupt', `${named} overlaps another one`);
    const read = (): Uint8Array => {
      if (flags & 1) throw new FormatError('zip.encrypted', `${named} is encrypted`);
      if (size > limits.maxFileBytes) {
        throw new FormatError('zip.size', `${named} has ${size} bytes, the limit is ${limits.maxFileBytes}`);
      }
      total += size;
      if (total > limits.maxTotalBytes) {
        throw new FormatError('zip.size', `zip holds more than ${limits.maxTotalBytes} bytes`);
      }
      return readEntry(bytes, { named, method, packedSize, size, local });
    };
    yield { path, sizeBytes: size, packedBytes: packedSize, isStored: method === 0, read };
  }
}

interface Entry {
  readonly named: string;
  readonly method: number;
  readonly packedSize: number;
  readonly size: number;
  readonly local: number;
}

function readEntry(bytes: Buffer, { named, method, packedSize, size, local }: Entry): Uint8Array {
  need(bytes, local, 30);
  if (bytes.readUInt32LE(local) !== LOCAL)
    throw new FormatError('zip.corrupt', `${named} is not where the directory says`);
  const start = local + 30 + bytes.readUInt16LE(local + 26) + bytes.readUInt16LE(local + 28);
  need(bytes, start, packedSize);
  const packed = bytes.subarray(start, start + packedSize);
  if (method !== STORED && method !== DEFLATED && method !== BZIP2)
    throw new FormatError('zip.unsupported', `${named} has the unknown method ${method}`);
  let content: Uint8Array;
  try {
    // One byte more than stated, so that a lie about the size is seen and not cut.
    if (method === STORED) content = packed;
    else if (method === BZIP2) content = inflateBzip2(packed, { maxOutputBytes: size + 1 });
    // In one piece: many small ones would be there twice when they are joined.
    else content = inflateRawSync(packed, { maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) });
  } catch (cause) {
    throw new FormatError('zip.corrupt', `${named} cannot be inflated`, { cause });
  }
  if (content.length !== size)
    throw new FormatError('zip.corrupt', `${named} has ${content.length} bytes, expected ${size}`);
  return content;
}

/** The end record is the last thing in the file but for a comment of at most 65,535 bytes. */
function findDirectory(bytes: Buffer): { entries: number; offset: number; shift: number } {
  for (let at = bytes.length - 22; at >= Math.max(0, bytes.length - 22 - 0xffff); at--) {
    if (bytes.readUInt32LE(at) !== END) continue;
    const entries = bytes.readUInt16LE(at + 10);
    const size = bytes.readUInt32LE(at + 12);
    const offset = bytes.readUInt32LE(at + 16);
    if (entries !== 0xffff && offset !== 0xffffffff) {
      // A program put before an archive moves it: the directory ends where the end record begins, wherever it says to be.
      const actual = at - size;
      const isMoved = actual > offset && bytes.readUInt32LE(actual) === CENTRAL;
      return isMoved ? { entries, offset: actual, shift: actual - offset } : { entries, offset, shift: 0 };
    }
    const locator = at - 20;
    if (locator < 0 || bytes.readUInt32LE(locator) !== END_64_LOCATOR) return { entries, offset, shift: 0 };
    const end64 = Number(bytes.readBigUInt64LE(locator + 8));
    need(bytes, end64, 56);
    if (bytes.readUInt32LE(end64) !== END_64) break;
    return {
      entries: Number(bytes.readBigUInt64LE(end64 + 32)),
      offset: Number(bytes.readBigUInt64LE(end64 + 48)),
      shift: 0,
    };
  }
  throw new FormatError('zip.corrupt', 'zip has no end record; it was cut or is no zip');
}

function need(bytes: Buffer, at: number, length: number): void {
  if (at < 0 || at + length > bytes.length) throw new FormatError('zip.corrupt', `zip is cut at byte ${bytes.length}`);
}
