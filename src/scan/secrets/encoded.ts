import { ENCODED_RUN_MAX_BYTES, ENCODED_RUN_MIN, ENCODED_TOTAL_MAX_BYTES } from './limits.ts';

/** The alphabets of RFC 4648, sections 4 and 5, and what their letters stand for. */
const IS_BASE64 = new Uint8Array(256);
const VALUE = new Uint8Array(256);
for (const alphabet of ['+/', '-_'].map(
  (ends) => `ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789${ends}`,
)) {
  for (const [value, letter] of [...alphabet].entries()) {
    IS_BASE64[letter.charCodeAt(0)] = 1;
    VALUE[letter.charCodeAt(0)] = value;
  }
}
/**
 * What a byte is in a text (RFC 3629): the letters that follow it, or one of these. Words and checksums decode to bytes of
 * which most are above 127, and hardly ever in the order of UTF-8.
 */
const FOLLOWING = 4;
const NO_TEXT = 5;
const TEXT_KIND = new Uint8Array(256).map((_, byte) => {
  if (byte >= 0xf5) return NO_TEXT;
  if (byte >= 0xc2) return byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
  if (byte >= 0x80) return byte < 0xc0 ? FOLLOWING : NO_TEXT;
  return (byte >= 32 && byte !== 127) || (byte >= 9 && byte <= 13) ? 0 : NO_TEXT;
});
/** Letters that are decoded first: what is no text is nearly always known by them. Whole groups of four. */
const PROBE = 16;
/** Every run of the least length holds a byte at a multiple of this. */
const STRIDE = ENCODED_RUN_MIN;

/** Where something begins in a text: both count from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** Takes a text that was found in Base64, and where it begins; asking for that counts lines, so it is for a finding. */
export type OnDecoded = (text: Buffer, place: () => TextPlace) => void;

/** Looks for texts in Base64 in a text that flows by, nearly as fast as one can skip it: most bytes are not looked at. */
export class EncodedTexts {
  readonly #onDecoded: OnDecoded;
  #bytesLeft = ENCODED_TOTAL_MAX_BYTES;
  /** A run that the end of a chunk has cut, and the column where it began; no line ends inside of it. */
  #cut: { readonly parts: Buffer[]; length: number; readonly column: number } | null = null;
  /** Bytes of the current line in chunks before. */
  #before = 0;

  constructor(onDecoded: OnDecoded) {
    this.#onDecoded = onDecoded;
  }

  /** @param linesBefore ends of lines before the chunk; counted when they are asked for, as most texts hold nothing */
  take(chunk: Buffer, linesBefore: () => number): void {
    const first = this.#cut === null ? 0 : this.#continue(chunk, linesBefore);
    for (let at = nextLetter(chunk, first + STRIDE - 1); at >= 0; ) {
      const start = startOfRun(chunk, at);
      const end = endOfRun(chunk, at + 1);
      if (end === chunk.length) this.#keep(chunk, start);
      else if (end - start >= ENCODED_RUN_MIN && looksLikeText(chunk, start)) {
        this.#decode(chunk.subarray(start, end), () => this.#placeOf(chunk, start, linesBefore()));
      }
      at = nextLetter(chunk, end + STRIDE);
    }
    this.#keepTail(chunk);
    const newline = chunk.lastIndexOf(10);
    this.#before = newline < 0 ? this.#before + chunk.length : chunk.length - newline - 1;
  }

  /** @param linesBefore ends of lines before what is behind the last chunk */
  end(linesBefore: () => number): void {
    const cut = this.#cut;
    this.#cut = null;
    if (cut === null || cut.length < ENCODED_RUN_MIN) return;
    const run = Buffer.concat(cut.parts);
    if (looksLikeText(run, 0)) this.#decode(run, () => ({ line: linesBefore() + 1, column: cut.column }));
  }

  /** @returns where the run that was cut ends in this chunk */
  #continue(chunk: Buffer, linesBefore: () => number): number {
    const end = endOfRun(chunk, 0);
    const cut = this.#cut;
    if (cut !== null && cut.length < ENCODED_RUN_MAX_BYTES) {
      cut.parts.push(Buffer.from(chunk.subarray(0, end)));
      cut.length += end;
    }
    if (end < chunk.length) this.end(linesBefore);
    return end;
  }

  /** The last bytes may begin a run without reaching a place that is looked at. */
  #keepTail(chunk: Buffer): void {
    if (this.#cut !== null) return;
    const start = tailStart(chunk);
    if (start < chunk.length) this.#keep(chunk, start);
  }

  #keep(chunk: Buffer, start: number): void {
    const newline = chunk.lastIndexOf(10);
    const column = newline < 0 ? this.#before + start + 1 : start - newline;
    const run = Buffer.from(chunk.subarray(start));
    this.#cut = { parts: [run], length: run.length, column };
  }

  #placeOf(chunk: Buffer, start: number, lines: number): TextPlace {
    let line = lines + 1;
    let from = -1;
    for (let at = chunk.indexOf(10); at >= 0 && at < start; at = chunk.indexOf(10, at + 1)) {
      line++;
      from = at;
    }
    return { line, column: from < 0 ? this.#before + start + 1 : start - from };
  }

  #decode(run: Buffer, place: () => TextPlace): void {
    if (run.length > ENCODED_RUN_MAX_BYTES || run.length > this.#bytesLeft) return;
    const text = Buffer.from(run.toString('latin1'), 'base64');
    if (!isText(text)) return;
    this.#bytesLeft -= run.length;
    this.#onDecoded(text, place);
  }
}

// Loops of their own: V8 optimises each once, where it gave up a method that held them all two hundred times in a scan.

/** The next place that is looked at and has a letter of Base64; -1: there is none. */
function nextLetter(chunk: Uint8Array, from: number): number {
  for (let at = from; at < chunk.length; at += STRIDE) if (IS_BASE64[chunk[at] as number] === 1) return at;
  return -1;
}

function startOfRun(chunk: Uint8Array, from: number): number {
  let start = from;
  while (start > 0 && IS_BASE64[chunk[start - 1] as number] === 1) start--;
  return start;
}

function tailStart(chunk: Uint8Array): number {
  let start = chunk.length;
  while (start > 0 && chunk.length - start < STRIDE && IS_BASE64[chunk[start - 1] as number] === 1) start--;
  return start;
}

/** Where letters of Base64 end: four at a time, because whole files may be one run. */
function endOfRun(chunk: Uint8Array, from: number): number {
  const last = chunk.length - 4;
  let end = from;
  while (end <= last && areFour(chunk, end)) end += 4;
  while (end < chunk.length && IS_BASE64[chunk[end] as number] === 1) end++;
  return end;
}

function areFour(chunk: Uint8Array, at: number): boolean {
  return (
    ((IS_BASE64[chunk[at] as number] as number) &
      (IS_BASE64[chunk[at + 1] as number] as number) &
      (IS_BASE64[chunk[at + 2] as number] as number) &
      (IS_BASE64[chunk[at + 3] as number] as number)) ===
    1
  );
}

/** By its first letters, without making anything: most runs are words of a text, and there are many. */
function looksLikeText(run: Uint8Array, start: number): boolean {
  let expected = 0;
  for (let at = start; at < start + PROBE; at += 4) {
    const bits =
      (valueAt(run, at) << 18) | (valueAt(run, at + 1) << 12) | (valueAt(run, at + 2) << 6) | valueAt(run, at + 3);
    for (let shift = 16; shift >= 0; shift -= 8) {
      expected = expectAfter(expected, (bits >> shift) & 255);
      if (expected < 0) return false;
    }
  }
  return true;
}

function valueAt(run: Uint8Array, at: number): number {
  return VALUE[run[at] as number] as number;
}

function isText(bytes: Uint8Array): boolean {
  let expected = 0;
  for (let at = 0; at < bytes.length; at++) {
    expected = expectAfter(expected, bytes[at] as number);
    if (expected < 0) return false;
  }
  // The last letter may be cut: so may the run be.
  return bytes.length > 0;
}

/** How many bytes of a letter are still to come; -1 when this is no text. */
function expectAfter(expected: number, byte: number): number {
  const kind = TEXT_KIND[byte] as number;
  if (kind === FOLLOWING) return expected - 1;
  return expected > 0 || kind === NO_TEXT ? -1 : kind;
}

/**
 * The decoder of a text in UTF-16 by its first bytes: a byte order mark, or letters of which every other byte is nothing.
 * Null: it is none.
 */
export function utf16Decoder(start: Uint8Array): TextDecoder | null {
  const [a, b] = start;
  if (a === 0xff && b === 0xfe) return new TextDecoder('utf-16le');
  if (a === 0xfe && b === 0xff) return new TextDecoder('utf-16be');
  // Nearly every text: neither of its first two bytes is nothing.
  if (start.length < 8 || (a !== 0 && b !== 0)) return null;
  const probe = start.subarray(0, 64);
  const hasOnlyZeros = (first: number): boolean =>
    probe.every((byte, at) => (at % 2 === first ? byte === 0 : byte !== 0));
  if (hasOnlyZeros(1)) return new TextDecoder('utf-16le');
  return hasOnlyZeros(0) ? new TextDecoder('utf-16be') : null;
}
