import { FormatError } from '../../formats/index.ts';

/** Takes little-endian values off a piece of a recording. Reading past the end is a FormatError. */
export class ByteReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  at: number;

  constructor(bytes: Buffer, start = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get left(): number {
    return this.#end - this.at;
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#step(1));
  }
  u16(): number {
    return this.#bytes.readUInt16LE(this.#step(2));
  }
  u32(): number {
    return this.#bytes.readUInt32LE(this.#step(4));
  }
  i32(): number {
    return this.#bytes.readInt32LE(this.#step(4));
  }
  u64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#step(8));
  }
  /** An id or a size: exact below 2^53. */
  i64(): number {
    return Number(this.#bytes.readBigInt64LE(this.#step(8)));
  }
  bytes(length: number): Buffer {
    const start = this.#step(length);
    return this.#bytes.subarray(start, start + length);
  }
  /** 16 bits of length, then the text. */
  text(): string {
    return this.bytes(this.u16()).toString();
  }
  /** 16 bits of length, then texts each ended by NUL. */
  texts(): string[] {
    return splitTexts(this.bytes(this.u16()));
  }
  /** The next `length` bytes as a reader of their own. */
  part(length: number): ByteReader {
    const start = this.#step(length);
    return new ByteReader(this.#bytes, start, start + length);
  }

  #step(length: number): number {
    const start = this.at;
    if (length > this.#end - start) {
      throw new FormatError('scap.truncated', `a value of ${length} bytes does not fit into its block`, {
        spanish: `un valor de ${length} bytes no cabe en su bloque`,
      });
    }
    this.at = start + length;
    return start;
  }
}

/** Texts each ended by NUL; the last one may lack it. */
export function splitTexts(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  const text = bytes.toString();
  return (text.endsWith('\0') ? text.slice(0, -1) : text).split('\0');
}
