/**
 * The part of CBOR (RFC 8949) that COSE signatures use: integers, byte and text strings, arrays, maps, tags, definite
 * lengths only. Maps come as lists of pairs, because their keys are integers and texts alike.
 */
import { FormatError } from './errors.ts';
import { CBOR_LIMITS } from './limits.ts';

export type Cbor =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'array'; readonly value: readonly Cbor[] }
  | { readonly kind: 'map'; readonly value: readonly (readonly [Cbor, Cbor])[] }
  | { readonly kind: 'tag'; readonly tag: number; readonly value: Cbor }
  | { readonly kind: 'simple'; readonly value: number };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads exactly one value that fills `bytes`. @throws FormatError `cbor.syntax` */
export function readCbor(bytes: Uint8Array): Cbor {
  const reader = new Reader(bytes);
  const value = reader.read(0);
  if (reader.at !== bytes.length) throw broken('bytes are left over');
  return value;
}

/** Head and content of a byte or text string, an array's head: what a signature structure is written with. */
export function writeCborHead(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count]);
  if (count < 0x100) return Buffer.from([(major << 5) | 24, count]);
  if (count < 0x10000) return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff]);
  const head = Buffer.alloc(5);
  head[0] = (major << 5) | 26;
  head.writeUInt32BE(count, 1);
  return head;
}

class Reader {
  readonly #bytes: Uint8Array;
  #items = 0;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(depth: number): Cbor {
    if (depth > CBOR_LIMITS.maxDepth) throw broken('it nests too deep');
    this.#items += 1;
    if (this.#items > CBOR_LIMITS.maxItems) throw broken('it has too many items');
    const head = this.#byte();
    const major = head >> 5;
    const argument = this.#argument(head & 0x1f);
    switch (major) {
      case 0:
        return { kind: 'integer', value: argument };
      case 1:
        return { kind: 'integer', value: -1 - argument };
      case 2:
        return { kind: 'bytes', value: this.#take(argument) };
      case 3:
        return { kind: 'text', value: this.#text(argument) };
      case 4:
        return { kind: 'array', value: this.#list(argument, () => this.read(depth + 1)) };
      case 5:
        return {
          kind: 'map',
          value: this.#list(argument, () => [this.read(depth + 1), this.read(depth + 1)] as const),
        };
      case 6:
        return { kind: 'tag', tag: argument, value: this.read(depth + 1) };
      default:
        return { kind: 'simple', value: argument };
    }
  }

  #argument(short: number): number {
    if (short < 24) return short;
    if (short > 27) throw broken('indefinite lengths are not read');
    let value = 0;
    for (let left = 1 << (short - 24); left > 0; left -= 1) value = value * 256 + this.#byte();
    if (!Number.isSafeInteger(value)) throw broken('a number is out of range');
    return value;
  }

  #list<T>(count: number, read: () => T): T[] {
    if (count > this.#bytes.length - this.at) throw broken('it is cut short');
    return Array.from({ length: count }, read);
  }

  #text(length: number): string {
    try {
      return decoder.decode(this.#take(length));
    } catch (cause) {
      if (cause instanceof FormatError) throw cause;
      throw broken('a text is not UTF-8');
    }
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw broken('it is cut short');
    const taken = this.#bytes.subarray(this.at, this.at + length);
    this.at += length;
    return taken;
  }

  #byte(): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw broken('it is cut short');
    this.at += 1;
    return byte;
  }
}

function broken(reason: string): FormatError {
  return new FormatError('cbor.syntax', `CBOR is broken: ${reason}`);
}
