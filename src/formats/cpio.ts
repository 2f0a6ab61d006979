import { FormatError } from './errors.ts';

export interface CpioFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What to expect of the fields of one kind of header. */
interface Head {
  readonly length: number;
  readonly align: number;
  readonly nameLength: number;
  readonly size: number;
  readonly mode: number;
}

const TYPE_MASK = 0o170000;
const REGULAR = 0o100000;

/**
 * Reads the regular files of a cpio archive in memory: the new format with and without checksum, the old portable one, and
 * the old binary one in both byte orders (cpio(5)).
 *
 * @throws FormatError with a `cpio.*` code
 */
export function* readCpio(archive: Uint8Array, { maxEntries = 1_000_000 } = {}): Generator<CpioFile> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  let at = 0;
  for (let entries = 0; at < bytes.length; entries++) {
    if (entries >= maxEntries) throw new FormatError('cpio.entry-limit', `cpio has more than ${maxEntries} entries`);
    const { length, align, nameLength, size, mode } = readHead(bytes, at);
    const nameAt = at + length;
    const bodyAt = nameAt + nameLength + padding(length + nameLength, align);
    const end = bodyAt + size;
    if (end > bytes.length) throw new FormatError('cpio.corrupt', `cpio ends inside entry ${entries}`);
    const path = bytes.toString('utf8', nameAt, nameAt + Math.max(nameLength - 1, 0));
    if (path === 'TRAILER!!!') return;
    if ((mode & TYPE_MASK) === REGULAR) yield { path, bytes: bytes.subarray(bodyAt, end) };
    at = end + padding(size, align);
  }
}

/** Whether bytes begin like one. */
export function isCpio(start: Uint8Array): boolean {
  const [a, b] = start;
  if ((a === 0xc7 && b === 0x71) || (a === 0x71 && b === 0xc7)) return true;
  return /^07070[127]$/.test(Buffer.from(start.subarray(0, 6)).toString('latin1'));
}

function readHead(bytes: Buffer, at: number): Head {
  const magic = bytes.toString('latin1', at, at + 6);
  const field = (offset: number, digits: number, radix: 8 | 16): number => {
    const text = bytes.toString('latin1', at + offset, at + offset + digits);
    if (!(radix === 8 ? /^[0-7]+$/ : /^[0-9a-fA-F]+$/).test(text) || text.length < digits) {
      throw new FormatError('cpio.corrupt', `cpio has no number at byte ${at + offset}`);
    }
    return Number.parseInt(text, radix);
  };
  if (magic === '070701' || magic === '070702') {
    return { length: 110, align: 4, nameLength: field(94, 8, 16), size: field(54, 8, 16), mode: field(14, 8, 16) };
  }
  if (magic === '070707') {
    return { length: 76, align: 1, nameLength: field(59, 6, 8), size: field(65, 11, 8), mode: field(18, 6, 8) };
  }
  if (at + 26 > bytes.length) throw new FormatError('cpio.corrupt', `cpio ends at byte ${bytes.length}`);
  const isBig = bytes.readUInt16BE(at) === 0o070707;
  if (!isBig && bytes.readUInt16LE(at) !== 0o070707) {
    throw new FormatError('cpio.corrupt', `cpio has no header at byte ${at}`);
  }
  // Words in the order of the machine that wrote it; numbers of two words with the upper word first.
  const word = (index: number): number =>
    isBig ? bytes.readUInt16BE(at + index * 2) : bytes.readUInt16LE(at + index * 2);
  return { length: 26, align: 2, nameLength: word(10), size: word(11) * 0x10000 + word(12), mode: word(3) };
}

function padding(length: number, align: number): number {
  return (align - (length % align)) % align;
}
