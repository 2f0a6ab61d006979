import { ENCODED_RUN_MAX_BYTES, ENCODED_RUN_MIN, ENCODED_TOTAL_MAX_BYTES } from './limits.ts';
import type { ByteRun, TextSearch } from './search.ts';

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

/** Where something begins in a text: both count from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/**
 * Takes a text that was found in Base64, and where it begins: that counts lines, so it is asked for a finding, and while the
 * block lies where it lay. The search still has the block.
 */
export type OnDecoded = (text: Buffer, place: () => TextPlace) => void;

/** Runs of letters that may be a text in Base64. */
export const ENCODED_RUN: ByteRun = { members: IS_BASE64, length: ENCODED_RUN_MIN };

type Runs = Pick<TextSearch<unknown>, 'run' | 'runEnd' | 'stop'>;

/** Looks for texts in Base64 in a text that flows by in blocks. */
export class EncodedTexts {
  readonly #onDecoded: OnDecoded;
  readonly #kind: number;
  #bytesLeft = ENCODED_TOTAL_MAX_BYTES;
  /** A run that the end of a block has cut, and the column where it began; no line ends inside of it. */
  #cut: { readonly parts: Buffer[]; length: number; readonly column: number } | null = null;
  /** Bytes of the current line in blocks before. */
  #before = 0;

  /** @param kind of `ENCODED_RUN` in the search */
  constructor(kind: number, onDecoded: OnDecoded) {
    this.#kind = kind;
    this.#onDecoded = onDecoded;
  }

  /**
   * @param search that has taken the block
   * @param linesBefore ends of lines before the block
   */
  take(block: Buffer, search: Runs, linesBefore: number): void {
    const first = this.#cut === null ? 0 : this.#continue(block, search, linesBefore);
    let start = search.run(this.#kind, first);
    for (; start >= 0 && search.stop < block.length; start = search.run(this.#kind, search.stop)) {
      if (looksLikeText(block, start)) this.#decode(block, start, search.stop, linesBefore);
    }
    // What the end of the block cuts may begin a run without being one yet.
    const tail = this.#cut !== null ? block.length : start >= 0 ? start : tailStart(block);
    if (tail < block.length) this.#keep(block, tail);
    const newline = block.lastIndexOf(10);
    this.#before = newline < 0 ? this.#before + block.length : block.length - newline - 1;
  }

  /** @param linesBefore ends of lines before what is behind the last block */
  end(linesBefore: () => number): void {
    const cut = this.#cut;
    this.#cut = null;
    if (cut === null || cut.length < ENCODED_RUN_MIN) return;
    const run = Buffer.concat(cut.parts);
    if (looksLikeText(run, 0)) this.#tell(run, () => ({ line: linesBefore() + 1, column: cut.column }));
  }

  /** @returns where the run that was cut ends in this block */
  #continue(block: Buffer, search: Runs, linesBefore: number): number {
    const end = search.runEnd(this.#kind, 0);
    const cut = this.#cut;
    if (cut !== null && cut.length < ENCODED_RUN_MAX_BYTES) {
      cut.parts.push(Buffer.from(block.subarray(0, end)));
      cut.length += end;
    }
    if (end < block.length) this.end(() => linesBefore);
    return end;
  }

  #keep(chunk: Buffer, start: number): void {
    const newline = chunk.lastIndexOf(10);
    const column = newline < 0 ? this.#before + start + 1 : start - newline;
    const run = Buffer.from(chunk.subarray(start));
    this.#cut = { parts: [run], length: run.length, column };
  }

  #decode(block: Buffer, start: number, end: number, linesBefore: number): void {
    const before = this.#before;
    this.#tell(block.subarray(start, end), () => placeIn(block, start, linesBefore, before));
  }

  #tell(run: Buffer, place: () => TextPlace): void {
    if (run.length > ENCODED_RUN_MAX_BYTES || run.length > this.#bytesLeft) return;
    const text = Buffer.from(run.toString('latin1'), 'base64');
    if (!isText(text)) return;
    this.#bytesLeft -= run.length;
    this.#onDecoded(text, place);
  }
}

/** @param before bytes of the first line of the block that came with others */
function placeIn(block: Buffer, start: number, linesBefore: number, before: number): TextPlace {
  let line = linesBefore + 1;
  let from = -1;
  for (let at = block.indexOf(10); at >= 0 && at < start; at = block.indexOf(10, at + 1)) {
    line++;
    from = at;
  }
  return { line, column: from < 0 ? before + start + 1 : start - from };
}

function tailStart(chunk: Uint8Array): number {
  let start = chunk.length;
  while (start > 0 && chunk.length - start < ENCODED_RUN_MIN && IS_BASE64[chunk[start - 1] as number] === 1) start--;
  return start;
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
