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
  /** A run that the end of a chunk has cut, and where it began. */
  #cut: { readonly parts: Buffer[]; length: number; readonly place: TextPlace } | null = null;
  /** Bytes of the current line in chunks before. */
  #before = 0;

  constructor(onDecoded: OnDecoded) {
    this.#onDecoded = onDecoded;
  }

  /** @param lines ends of lines before the chunk, and after it */
  take(chunk: Buffer, lines: { readonly before: number; readonly after: number }): void {
    let at = this.#cut === null ? 0 : this.#continue(chunk);
    for (at += STRIDE - 1; at < chunk.length; at += STRIDE) {
      if (IS_BASE64[chunk[at] ?? 0] !== 1) continue;
      let start = at;
      while (start > 0 && IS_BASE64[chunk[start - 1] ?? 0] === 1) start--;
      let end = at + 1;
      while (end < chunk.length && IS_BASE64[chunk[end] ?? 0] === 1) end++;
      if (end === chunk.length) this.#keep(chunk, start, lines.after);
      else if (end - start >= ENCODED_RUN_MIN && looksLikeText(chunk, start)) {
        const from = start;
        this.#decode(chunk.subarray(start, end), () => this.#placeOf(chunk, from, lines.before));
      }
      at = end;
    }
    this.#keepTail(chunk, lines);
    const newline = chunk.lastIndexOf(10);
    this.#before = newline < 0 ? this.#before + chunk.length : chunk.length - newline - 1;
  }

  end(): void {
    const cut = this.#cut;
    this.#cut = null;
    if (cut === null || cut.length < ENCODED_RUN_MIN) return;
    const run = Buffer.concat(cut.parts);
    if (looksLikeText(run, 0)) this.#decode(run, () => cut.place);
  }

  /** @returns where the run that was cut ends in this chunk */
  #continue(chunk: Buffer): number {
    let end = 0;
    while (end < chunk.length && IS_BASE64[chunk[end] ?? 0] === 1) end++;
    const cut = this.#cut;
    if (cut !== null && cut.length < ENCODED_RUN_MAX_BYTES) {
      cut.parts.push(Buffer.from(chunk.subarray(0, end)));
      cut.length += end;
    }
    if (end < chunk.length) this.end();
    return end;
  }

  /** The last bytes may begin a run without reaching a place that is looked at. */
  #keepTail(chunk: Buffer, lines: { readonly after: number }): void {
    if (this.#cut !== null) return;
    let start = chunk.length;
    while (start > 0 && chunk.length - start < STRIDE && IS_BASE64[chunk[start - 1] ?? 0] === 1) start--;
    if (start < chunk.length) this.#keep(chunk, start, lines.after);
  }

  /** A run that reaches the end of the chunk stands on its last line. */
  #keep(chunk: Buffer, start: number, lines: number): void {
    const newline = chunk.lastIndexOf(10);
    const column = newline < 0 ? this.#before + start + 1 : start - newline;
    const run = Buffer.from(chunk.subarray(start));
    this.#cut = { parts: [run], length: run.length, place: { line: lines + 1, column } };
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
  const probe = start.subarray(0, 64);
  if (probe.length < 8) return null;
  const hasOnlyZeros = (first: number): boolean =>
    probe.every((byte, at) => (at % 2 === first ? byte === 0 : byte !== 0));
  if (hasOnlyZeros(1)) return new TextDecoder('utf-16le');
  return hasOnlyZeros(0) ? new TextDecoder('utf-16be') : null;
}
