/**
 * What a host keeps of its last days, so that a rule can be tried on them: files of batches of the recording format, each
 * compressed by itself. A file grows at its end and is removed as a whole; a block that was being written when the machine
 * stopped is left out.
 *
 *     block*      head (36 bytes, little endian), a batch compressed with zstd
 *     head        "dkb1", length (4), first and last time (ms since 1970, 8 each, floating point), events (4), missing (4), 0 (4)
 */
import { zstdDecompressSync } from 'node:zlib';
import { BLOCK_BYTES_MAX } from './format.ts';

const MAGIC = 0x31626b64;
export const KEPT_HEAD_BYTES = 36;

/** Opens of files come ten times as often as all the rest, and have room of their own: they push nothing else out. */
export const KEPT_LANES = ['others', 'opens'] as const;
export type KeptLane = (typeof KEPT_LANES)[number];

export interface KeptBlock {
  /** Milliseconds since 1970, of the first and last event. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly events: number;
  /** Events since the block before that could not be kept. */
  readonly missing: number;
}

/** @param packed the batch, compressed */
export function encodeKeptBlock({ firstMs, lastMs, events, missing }: KeptBlock, packed: Uint8Array): Buffer {
  const head = Buffer.alloc(KEPT_HEAD_BYTES);
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(packed.length, 4);
  head.writeDoubleLE(firstMs, 8);
  head.writeDoubleLE(lastMs, 16);
  head.writeUInt32LE(events, 24);
  head.writeUInt32LE(missing, 28);
  return Buffer.concat([head, packed]);
}

/**
 * The blocks of a file up to the first that is not whole; `unpack` throws when the batch is damaged.
 *
 * @returns the bytes that are no whole block
 */
export function* keptBlocks(file: Buffer): Generator<KeptBlock & { readonly unpack: () => Buffer }, number> {
  let at = 0;
  while (at + KEPT_HEAD_BYTES <= file.length) {
    const length = file.readUInt32LE(at + 4);
    const start = at + KEPT_HEAD_BYTES;
    if (file.readUInt32LE(at) !== MAGIC || start + length > file.length) break;
    const packed = file.subarray(start, start + length);
    yield {
      firstMs: file.readDoubleLE(at + 8),
      lastMs: file.readDoubleLE(at + 16),
      events: file.readUInt32LE(at + 24),
      missing: file.readUInt32LE(at + 28),
      unpack: () => zstdDecompressSync(packed, { maxOutputLength: BLOCK_BYTES_MAX }),
    };
    at = start + length;
  }
  return file.length - at;
}

/** `others-1790000000000.kept`: which lane, and when it was begun. */
export function keptFileName(lane: KeptLane, beganMs: number): string {
  return `${lane}-${String(beganMs).padStart(13, '0')}.kept`;
}

/** Null for what is no such file. */
export function readKeptFileName(name: string): { readonly lane: KeptLane; readonly beganMs: number } | null {
  const [, lane, began] = /^(others|opens)-(\d{13})\.kept$/.exec(name) ?? [];
  return lane === undefined ? null : { lane: lane as KeptLane, beganMs: Number(began) };
}
