import { FormatError } from '../../formats/index.ts';
import { SCAP_BLOCK_MAX_BYTES } from './limits.ts';

/** Blocks of the scap format, which is shaped like pcapng (libscap, scap_savefile.h). */
export const BLOCK = {
  section: 0x0a0d0d0a,
  machine: 0x201,
  interfaces: 0x205,
  interfacesWithLengths: 0x219,
  descriptors: 0x203,
  descriptorsWithLengths: 0x218,
  users: 0x206,
  usersWithLengths: 0x220,
  event: 0x204,
  eventWithFlags: 0x208,
  countedEvent: 0x216,
  countedEventWithFlags: 0x217,
  longEvent: 0x221,
  longEventWithFlags: 0x222,
} as const;

/** Numbers that recorders wrote before the library was released, for the blocks of the same meaning. */
const UNOFFICIAL: ReadonlyMap<number, number> = new Map([
  [0x8000abcd, 0x202],
  [0x8001abcd, BLOCK.descriptors],
  [0x8002abcd, BLOCK.machine],
  [0x8010abcd, BLOCK.event],
  [0x8011abcd, BLOCK.interfaces],
  [0x8012abcd, BLOCK.users],
  [0x8013abcd, 0x207],
  [0x8014abcd, 0x209],
]);

/** The process list in its versions, oldest first. */
export const PROCESS_BLOCKS: readonly number[] = [0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215];

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const MAJOR_VERSION = 1;
const HEAD_BYTES = 8;
const TAIL_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/** Takes a block that stands between the two places of the bytes, without head and tail, with the zeros that fill it up to 4 bytes. */
export type BlockTaker = (type: number, bytes: Buffer, start: number, end: number) => void;

/**
 * Parts a recording into its blocks. The bytes that are handed out are valid for the call only.
 *
 * @throws FormatError scap.header when it is no recording of this byte order and version, scap.truncated when it ends inside
 *   a block, scap.size when a block is larger than any real one
 */
export async function readBlocks(source: AsyncIterable<Uint8Array>, take: BlockTaker): Promise<void> {
  /** The beginning of a block that goes on in the next chunk. */
  let cut: Buffer = EMPTY;
  let isFirst = true;
  /** Hands out the whole blocks; answers where the first one begins that is not whole. */
  const takeWhole = (bytes: Buffer, start: number): number => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = start;
    while (bytes.length - at >= HEAD_BYTES) {
      const type = view.getUint32(at, true);
      const length = view.getUint32(at + 4, true);
      if (isFirst && type !== BLOCK.section) throw noScap();
      if (length < HEAD_BYTES + TAIL_BYTES || length > SCAP_BLOCK_MAX_BYTES) {
        throw new FormatError('scap.size', `a block claims ${length} bytes, the limit is ${SCAP_BLOCK_MAX_BYTES}`, {
          spanish: `un bloque dice tener ${length} bytes; el límite es ${SCAP_BLOCK_MAX_BYTES}`,
        });
      }
      if (bytes.length - at < length) break;
      if (isFirst) requireSection(bytes.subarray(at + HEAD_BYTES, at + length - TAIL_BYTES));
      isFirst = false;
      take(type < 0x80000000 ? type : (UNOFFICIAL.get(type) ?? type), bytes, at + HEAD_BYTES, at + length - TAIL_BYTES);
      at += length;
    }
    return at;
  };
  for await (const chunk of source) {
    const bytes = asBuffer(chunk);
    let at = 0;
    // Only the block that was cut is put together; what follows is read where it stands.
    while (cut.length > 0 && at < bytes.length) {
      const wanted = cut.length < HEAD_BYTES ? HEAD_BYTES : cut.readUInt32LE(4);
      const more = bytes.subarray(at, at + wanted - cut.length);
      at += more.length;
      const joined = Buffer.concat([cut, more]);
      cut = joined.subarray(takeWhole(joined, 0));
    }
    // A copy: a source may give the next piece in the same memory.
    if (cut.length === 0) cut = Buffer.from(bytes.subarray(takeWhole(bytes, at)));
  }
  if (isFirst && cut.length === 0) throw new FormatError('scap.truncated', 'it is empty', { spanish: 'está vacía' });
  if (isFirst && (cut.length < 4 || cut.readUInt32LE(0) !== BLOCK.section)) throw noScap();
  if (isFirst || cut.length > 0) {
    throw new FormatError('scap.truncated', 'the recording ends inside a block', {
      spanish: 'la grabación termina dentro de un bloque',
    });
  }
}

function noScap(): FormatError {
  return new FormatError('scap.header', 'it does not begin as a scap file does', {
    spanish: 'no empieza como un archivo scap',
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function requireSection(body: Buffer): void {
  if (body.length < 8 || body.readUInt32LE(0) !== BYTE_ORDER_MAGIC) {
    throw new FormatError('scap.header', 'it was written on a machine of the other byte order', {
      spanish: 'se escribió en una máquina con el otro orden de bytes',
    });
  }
  const version = body.readUInt16LE(4);
  if (version !== MAJOR_VERSION) {
    throw new FormatError('scap.header', `it has version ${version} of the format`, {
      spanish: `tiene la versión ${version} del formato`,
    });
  }
}
