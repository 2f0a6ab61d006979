import { readSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { FormatError } from '../formats/index.ts';

/** What flows between the scan and its confined worker: type (1 byte), length (4 bytes, big endian), body. */
export const FRAME = {
  /** Parent: a `ScanOrder` as JSON, first. */
  order: 1,
  /** Parent: a piece of the current layer. */
  piece: 2,
  /** Parent: the current layer is whole. */
  layerEnd: 3,
  /** Parent: the stored result of a layer, instead of its bytes. */
  known: 4,
  /** Parent: the current layer comes inflated by the descriptor in the body (1 byte), until its end. */
  channel: 5,
  /** Parent: what came by the channel is all of it, and its bytes were those that the image names. */
  channelEnd: 6,
  /** Worker: the result of a layer, to be stored. */
  layer: 11,
  /** Worker: a `WorkerAnswer` as JSON, last. */
  answer: 12,
  /** Worker that shows files (malware/files-worker.ts): a `ShownFile` as JSON, then its pieces, then its end as JSON. */
  file: 21,
  filePiece: 22,
  fileEnd: 23,
  /** That worker: the layer was whole and the one that the image names. */
  layerSeen: 24,
} as const;

/** Type and length. */
const HEAD_BYTES = 5;

export type FrameType = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly type: number;
  readonly body: Uint8Array;
}

export function frameHeader(type: FrameType, length: number): Uint8Array {
  const header = Buffer.allocUnsafe(HEAD_BYTES);
  header[0] = type;
  header.writeUInt32BE(length, 1);
  return header;
}

/**
 * @param maxBytes of one body; what is larger is not collected
 * @throws FormatError when a body is larger or the stream ends inside a frame
 */
export async function* readFrames(source: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Frame> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  let needed = 5;
  for await (const chunk of source) {
    waiting.push(chunk);
    size += chunk.length;
    while (size >= needed) {
      let whole = waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting);
      while (whole.length >= 5) {
        const length = Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).readUInt32BE(1);
        if (length > maxBytes) {
          throw new FormatError('inflate.output-limit', `a frame has ${length} bytes, the limit is ${maxBytes}`);
        }
        needed = 5 + length;
        if (whole.length < needed) break;
        yield { type: whole[0] as number, body: whole.subarray(5, needed) };
        whole = whole.subarray(needed);
        needed = 5;
      }
      waiting = whole.length > 0 ? [whole] : [];
      size = whole.length;
    }
  }
  if (size > 0) throw new FormatError('tar.truncated', 'the stream ends inside a frame');
}

/** Bytes that are read at once: a piece of a layer with its head, as the scan sends them. */
const READ_BYTES = 1024 * 1024 + 64;

/**
 * The same from a descriptor, for a process that has nothing else to do meanwhile: blocking reads into one buffer cost
 * half of what a stream does.
 *
 * @returns frames whose body is valid until the next one is asked for
 */
export function* readFramesSync(descriptor: number, maxBytes: number): Generator<Frame> {
  // No Buffer: of one, slice() would not copy, and the next read would change what was kept.
  let room = new Uint8Array(READ_BYTES);
  let start = 0;
  let end = 0;
  /** False when nothing more comes. */
  const fill = (needed: number): boolean => {
    if (room.length - start < needed) {
      const larger = needed > room.length ? new Uint8Array(needed) : room;
      larger.set(room.subarray(start, end));
      room = larger;
      end -= start;
      start = 0;
    }
    while (end - start < needed) {
      const length = readSync(descriptor, room, end, room.length - end, null);
      if (length === 0) return false;
      end += length;
    }
    return true;
  };
  while (fill(HEAD_BYTES)) {
    const length = Buffer.from(room.buffer, room.byteOffset, room.length).readUInt32BE(start + 1);
    if (length > maxBytes) {
      throw new FormatError('inflate.output-limit', `a frame has ${length} bytes, the limit is ${maxBytes}`);
    }
    if (!fill(HEAD_BYTES + length)) break;
    const from = start + HEAD_BYTES;
    const type = room[start] as number;
    start = from + length;
    yield { type, body: room.subarray(from, start) };
    if (start === end) [start, end] = [0, 0];
  }
  if (end > start) throw new FormatError('tar.truncated', 'the stream ends inside a frame');
}

/** Writes frames into a confined child, each whole before the next; what is sent after the child closed its end is dropped. */
export class FrameSender {
  readonly #to: Writable;
  #isOpen = true;
  #wake = (): void => undefined;

  constructor(to: Writable) {
    this.#to = to;
    const close = (): void => {
      this.#isOpen = false;
      this.#wake();
    };
    // EPIPE: the worker has said its answer before it had read everything.
    to.on('error', close);
    to.once('close', close);
  }

  get isOpen(): boolean {
    // Its end is told later, and not before whoever gives pieces without waiting for anything lets it.
    return this.#isOpen && !this.#to.destroyed;
  }

  async send(type: FrameType, body: Uint8Array): Promise<void> {
    if (!this.isOpen) return;
    // Whoever gives pieces may use their memory again, so each is written before the next is asked for.
    const written = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#to.cork();
    this.#to.write(frameHeader(type, body.length));
    this.#to.write(body, () => this.#wake());
    this.#to.uncork();
    await written;
  }
}
