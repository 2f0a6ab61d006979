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

/** The process list in its versions, oldest first. */
export const PROCESS_BLOCKS: readonly number[] = [0x202, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214, 0x215];

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const MAJOR_VERSION = 1;
const HEAD_BYTES = 8;
const TAIL_BYTES = 4;

export interface Block {
  readonly type: number;
  /** Between head and tail, with the zeros that fill it up to 4 bytes. Valid until the next block. */
  readonly body: Buffer;
}

/**
 * Parts a recording into its blocks.
 *
 * @throws FormatError scap.header when it is no recording of this byte order and version, scap.truncated when it ends inside
 *   a block, scap.size when a block is larger than any real one
 */
export async function* readBlocks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Block> {
  let held: Buffer = Buffer.alloc(0);
  let isFirst = true;
  for await (const chunk of source) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk]);
    let at = 0;
    while (held.length - at >= HEAD_BYTES) {
      const type = held.readUInt32LE(at);
      const length = held.readUInt32LE(at + 4);
      if (isFirst && type !== BLOCK.section)
        throw new FormatError('scap.header', 'it does not begin as a scap file does');
      if (length < HEAD_BYTES + TAIL_BYTES || length > SCAP_BLOCK_MAX_BYTES) {
        throw new FormatError('scap.size', `a block claims ${length} bytes, the limit is ${SCAP_BLOCK_MAX_BYTES}`);
      }
      if (held.length - at < length) break;
      const body = held.subarray(at + HEAD_BYTES, at + length - TAIL_BYTES);
      if (isFirst) requireSection(body);
      isFirst = false;
      yield { type, body };
      at += length;
    }
    held = held.subarray(at);
  }
  if (isFirst || held.length > 0) throw new FormatError('scap.truncated', 'the recording ends inside a block');
}

function requireSection(body: Buffer): void {
  if (body.length < 8 || body.readUInt32LE(0) !== BYTE_ORDER_MAGIC) {
    throw new FormatError('scap.header', 'it was written on a machine of the other byte order');
  }
  const version = body.readUInt16LE(4);
  if (version !== MAJOR_VERSION) throw new FormatError('scap.header', `it has version ${version} of the format`);
}
