import type { RingMemory } from '../system/native.ts';

const BUSY = 0x8000_0000;
const DISCARDED = 0x4000_0000;
const LENGTH = 0x3fff_ffff;
const RECORD_HEADER_BYTES = 8;

/**
 * Reads a BPF ring buffer in place (Documentation/bpf/ringbuf.rst). Each record is a 32-bit length with two flags, a 32-bit page
 * offset, then the data, all rounded up to eight bytes. The kernel publishes by the producer position and by clearing the busy
 * flag; we give room back by the consumer position.
 */
export class RingReader {
  readonly #memory: RingMemory;
  readonly #lengths: Int32Array;
  /** The lower half of the producer's position: a whole one would be a big number for each record. */
  readonly #produced: Int32Array;
  readonly #mask: number;
  #consumer: number;
  #producer: number;
  #next = 0;

  constructor(memory: RingMemory) {
    this.#memory = memory;
    this.#lengths = new Int32Array(memory.data);
    const { producer } = memory;
    this.#produced = new Int32Array(producer.buffer, producer.byteOffset, 1);
    this.#mask = memory.sizeBytes - 1;
    this.#consumer = Number(Atomics.load(memory.consumer, 0));
    this.#producer = this.#consumer;
  }

  get data(): ArrayBuffer {
    return this.#memory.data;
  }

  /** Offset of the next record's data, or -1. The record stays until `advance`. */
  peek(): number {
    for (;;) {
      if (this.#consumer >= this.#producer) {
        // Never further ahead than the ring is large.
        this.#producer = this.#consumer + ((Atomics.load(this.#produced, 0) - this.#consumer) >>> 0);
        if (this.#consumer >= this.#producer) return -1;
      }
      const at = this.#consumer & this.#mask;
      const word = Atomics.load(this.#lengths, at >> 2) >>> 0;
      if ((word & BUSY) !== 0) return -1;
      this.#next = this.#consumer + (((word & LENGTH) + RECORD_HEADER_BYTES + 7) & ~7);
      if ((word & DISCARDED) === 0) return at + RECORD_HEADER_BYTES;
      this.#consumer = this.#next;
    }
  }

  /** Leaves the record that `peek` answered. Its room goes back to the kernel with `release`. */
  advance(): void {
    this.#consumer = this.#next;
  }

  release(): void {
    Atomics.store(this.#memory.consumer, 0, BigInt(this.#consumer));
  }
}
