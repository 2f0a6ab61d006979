import { FormatError } from './errors.ts';

/** Bits are counted from the top of each byte; tables of a block: at most six, of codes of at most 20 bits. */
const GROUP_SYMBOLS = 50;
const CODE_BITS_MAX = 20;
const TABLES_MIN = 2;
const TABLES_MAX = 6;
const RUN_A = 0;
const RUN_B = 1;
const BLOCK_START = 0x314159265359;
const STREAM_END = 0x177245385090;

/**
 * Inflates bzip2 (streams that follow each other too) in memory; checksums are compared.
 *
 * The format has no specification of its own; this follows its author's description: "BZh", a digit of the block size,
 * blocks of Huffman codes over move-to-front positions and runs over a Burrows-Wheeler transform over runs, a checksum.
 *
 * @throws FormatError inflate.corrupt; inflate.output-limit beyond `maxOutputBytes`
 */
export function inflateBzip2(input: Uint8Array, { maxOutputBytes }: { readonly maxOutputBytes: number }): Buffer {
  const bits = new Bits(input);
  const out = new Output(maxOutputBytes);
  do {
    readStream(bits, out);
    bits.align();
  } while (bits.startsStream());
  return out.finish();
}

function readStream(bits: Bits, out: Output): void {
  if (bits.read(24) !== 0x425a68) throw broken('it has no header');
  const level = bits.read(8) - 0x30;
  if (level < 1 || level > 9) throw broken('its block size is unknown');
  let combined = 0;
  for (;;) {
    const mark = bits.read(24) * 0x1000000 + bits.read(24);
    if (mark === STREAM_END) {
      if (bits.read(32) !== combined >>> 0) throw broken('its checksum differs');
      return;
    }
    if (mark !== BLOCK_START) throw broken('a block has no mark');
    const expected = bits.read(32);
    const actual = readBlock(bits, out, level * 100_000);
    if (actual !== expected) throw broken('the checksum of a block differs');
    combined = ((combined << 1) | (combined >>> 31)) ^ actual;
  }
}

/** @returns the checksum of what came out */
function readBlock(bits: Bits, out: Output, sizeMax: number): number {
  if (bits.read(1) !== 0) throw broken('randomised blocks are not read');
  const origin = bits.read(24);
  const symbols = readSymbols(bits);
  if (symbols.length === 0) throw broken('a block uses no byte');
  const tableCount = bits.read(3);
  if (tableCount < TABLES_MIN || tableCount > TABLES_MAX) throw broken('it has no tables');
  const selectors = readSelectors(bits, tableCount);
  const tables = Array.from({ length: tableCount }, () => readTable(bits, symbols.length + 2));
  const block = new Uint32Array(sizeMax);
  const counts = new Uint32Array(256);
  const endOfBlock = symbols.length + 1;
  let length = 0;
  let left = 0;
  let group = 0;
  let table: Table | undefined;
  let run = 0;
  let weight = 1;
  for (;;) {
    if (left === 0) {
      table = tables[selectors[group++] ?? -1];
      left = GROUP_SYMBOLS;
    }
    left--;
    if (table === undefined) throw broken('it has too few tables');
    const symbol = readSymbol(bits, table);
    if (symbol === RUN_A || symbol === RUN_B) {
      // Runs are numbers in base two with the digits 1 and 2.
      run += weight << symbol;
      weight <<= 1;
      if (run > sizeMax) throw broken('a run is longer than its block');
      continue;
    }
    if (run > 0) {
      const byte = symbols[0] ?? 0;
      if (length + run > sizeMax) throw broken('a block is too long');
      counts[byte] = (counts[byte] ?? 0) + run;
      block.fill(byte, length, length + run);
      length += run;
      run = 0;
      weight = 1;
    }
    if (symbol === endOfBlock) break;
    if (length >= sizeMax) throw broken('a block is too long');
    const byte = symbols[symbol - 1] ?? 0;
    symbols.copyWithin(1, 0, symbol - 1);
    symbols[0] = byte;
    counts[byte] = (counts[byte] ?? 0) + 1;
    block[length++] = byte;
  }
  return unwind(block, length, counts, origin, out);
}

/** The bytes that a block uses: a map of sixteen ranges, then one of each that is used. */
function readSymbols(bits: Bits): Uint8Array {
  const ranges = bits.read(16);
  const used: number[] = [];
  for (let range = 0; range < 16; range++) {
    if ((ranges & (0x8000 >> range)) === 0) continue;
    const map = bits.read(16);
    for (let index = 0; index < 16; index++) if (map & (0x8000 >> index)) used.push(range * 16 + index);
  }
  return Uint8Array.from(used);
}

function readSelectors(bits: Bits, tableCount: number): Uint8Array {
  const count = bits.read(15);
  if (count === 0) throw broken('it selects no table');
  const order = Array.from({ length: tableCount }, (_, index) => index);
  const selectors = new Uint8Array(count);
  for (let at = 0; at < count; at++) {
    let place = 0;
    while (bits.read(1) === 1) if (++place >= tableCount) throw broken('it selects an unknown table');
    const [table = 0] = order.splice(place, 1);
    order.unshift(table);
    selectors[at] = table;
  }
  return selectors;
}

/** A Huffman code in canonical order. */
interface Table {
  /** By length: the first code of it, less the place of its symbol. */
  readonly base: Int32Array;
  /** By length: the last code of it; -1 when there is none. */
  readonly limit: Int32Array;
  readonly symbols: Uint16Array;
}

function readTable(bits: Bits, symbolCount: number): Table {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol++) {
    while (bits.read(1) === 1) length += bits.read(1) === 1 ? -1 : 1;
    if (length < 1 || length > CODE_BITS_MAX) throw broken('a code is too long');
    lengths[symbol] = length;
  }
  const base = new Int32Array(CODE_BITS_MAX + 1);
  const limit = new Int32Array(CODE_BITS_MAX + 1).fill(-1);
  const symbols = new Uint16Array(symbolCount);
  let code = 0;
  let place = 0;
  for (let bitsOf = 1; bitsOf <= CODE_BITS_MAX; bitsOf++) {
    const first = code;
    base[bitsOf] = code - place;
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      if (lengths[symbol] !== bitsOf) continue;
      symbols[place++] = symbol;
      code++;
    }
    if (code > first) limit[bitsOf] = code - 1;
    code <<= 1;
  }
  return { base, limit, symbols };
}

function readSymbol(bits: Bits, { base, limit, symbols }: Table): number {
  let code = 0;
  for (let length = 1; length <= CODE_BITS_MAX; length++) {
    code = (code << 1) | bits.read(1);
    if (code > (limit[length] ?? -1)) continue;
    const symbol = symbols[code - (base[length] ?? 0)];
    if (symbol !== undefined && code >= (base[length] ?? 0)) return symbol;
  }
  throw broken('a code is unknown');
}

/** The Burrows-Wheeler transform back, then the runs: four equal bytes are followed by how many more there are. */
function unwind(block: Uint32Array, length: number, counts: Uint32Array, origin: number, out: Output): number {
  if (origin >= length) throw broken('a block has no origin');
  let sum = 0;
  for (let byte = 0; byte < 256; byte++) {
    const count = counts[byte] ?? 0;
    counts[byte] = sum;
    sum += count;
  }
  // The upper 24 bits become the place of the next byte.
  for (let at = 0; at < length; at++) {
    const byte = (block[at] ?? 0) & 0xff;
    const place = counts[byte] ?? 0;
    counts[byte] = place + 1;
    block[place] = ((block[place] ?? 0) | (at << 8)) >>> 0;
  }
  out.startBlock();
  let next = (block[origin] ?? 0) >>> 8;
  let last = -1;
  let same = 0;
  for (let at = 0; at < length; at++) {
    const entry = block[next] ?? 0;
    const byte = entry & 0xff;
    next = entry >>> 8;
    if (same === 4) {
      for (let more = byte; more > 0; more--) out.put(last);
      same = 0;
      last = -1;
      continue;
    }
    same = byte === last ? same + 1 : 1;
    last = byte;
    out.put(byte);
  }
  return out.endBlock();
}

const CRC_TABLE = new Uint32Array(256).map((_, index) => {
  let crc = index << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

class Output {
  readonly #maxBytes: number;
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  #crc = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  startBlock(): void {
    this.#crc = 0xffffffff;
  }

  put(byte: number): void {
    if (this.#length === this.#bytes.length) this.#grow();
    this.#bytes[this.#length++] = byte;
    this.#crc = (this.#crc << 8) ^ (CRC_TABLE[((this.#crc >>> 24) ^ byte) & 0xff] ?? 0);
  }

  endBlock(): number {
    return ~this.#crc >>> 0;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(): void {
    if (this.#length >= this.#maxBytes) {
      throw new FormatError('inflate.output-limit', `the stream inflates to more than ${this.#maxBytes} bytes`);
    }
    const larger = Buffer.allocUnsafe(Math.min(this.#bytes.length * 2, this.#maxBytes));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

class Bits {
  readonly #bytes: Uint8Array;
  #at = 0;
  #held = 0;
  #count = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @param count 1 to 32 */
  read(count: number): number {
    if (count > 16) return this.read(count - 16) * 0x10000 + this.read(16);
    while (this.#count < count) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw broken('it ends too early');
      this.#held = ((this.#held << 8) | byte) & 0xffffff;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#held >>> this.#count) & ((1 << count) - 1);
  }

  align(): void {
    this.#count -= this.#count % 8;
    this.#at -= this.#count / 8;
    this.#count = 0;
  }

  startsStream(): boolean {
    const [b, z, h] = this.#bytes.subarray(this.#at, this.#at + 3);
    return b === 0x42 && z === 0x5a && h === 0x68;
  }
}

function broken(why: string): FormatError {
  return new FormatError('inflate.corrupt', `the bzip2 stream cannot be read: ${why}`);
}
