import { createHash } from 'node:crypto';
import { BLOCK_HEAD_BYTES, CAPTURE_BLOCK, CAPTURE_MAGIC, type CaptureEnd, type CaptureHeader } from './format.ts';

/** Writes a recording block by block, and its seal. */
export class CaptureWriter {
  readonly #hash = createHash('sha256');
  #bytes = 0;
  #events = 0;
  #dropped = 0;

  get bytes(): number {
    return this.#bytes;
  }
  get events(): number {
    return this.#events;
  }
  get dropped(): number {
    return this.#dropped;
  }

  begin(header: CaptureHeader): Buffer {
    return this.#take(Buffer.concat([Buffer.from(CAPTURE_MAGIC), block(CAPTURE_BLOCK.header, JSON.stringify(header))]));
  }

  /** @param seen events that held since the batch before; @param dropped those of them that are not in it */
  batch(payload: Uint8Array, { seen, dropped }: { readonly seen: number; readonly dropped: number }): Buffer {
    this.#events += seen - dropped;
    this.#dropped += dropped;
    return this.#take(block(CAPTURE_BLOCK.batch, payload));
  }

  /** Counts what came without a batch. */
  lose(dropped: number): void {
    this.#dropped += dropped;
  }

  /** The last two blocks, and the seal in hexadecimal. */
  end(end: Pick<CaptureEnd, 'endedAt' | 'why'>): { readonly bytes: Buffer; readonly sha256: string } {
    const whole: CaptureEnd = { ...end, events: this.#events, dropped: this.#dropped };
    const last = this.#take(block(CAPTURE_BLOCK.end, JSON.stringify(whole)));
    const seal = this.#hash.digest();
    return { bytes: Buffer.concat([last, block(CAPTURE_BLOCK.seal, seal)]), sha256: seal.toString('hex') };
  }

  #take(bytes: Buffer): Buffer {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    return bytes;
  }
}

function block(kind: number, payload: Uint8Array | string): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload;
  const head = Buffer.alloc(BLOCK_HEAD_BYTES);
  head.writeUInt8(kind, 0);
  head.writeUInt32LE(body.length, 1);
  return Buffer.concat([head, body]);
}
