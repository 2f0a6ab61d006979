/**
 * Reading text out of a record. Names of files and arguments are bytes, and a rule may ask for those that are no UTF-8: each such
 * byte becomes half a character of its own (U+DC80 to U+DCFF), so that nothing is lost. `toWellFormed` makes U+FFFD of them for people.
 */

/** Bytes as text. Almost all of it is UTF-8, where the second look costs nothing: V8 finds no U+FFFD in a text of one-byte letters. */
export function decodeText(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  return text.includes('\ufffd') ? decodeKeeping(bytes, start, Math.min(end, bytes.length)) : text;
}

function decodeKeeping(bytes: Buffer, start: number, end: number): string {
  let text = '';
  let from = start;
  let at = start;
  while (at < end) {
    const length = sequenceLength(bytes, at, end);
    if (length > 0) {
      at += length;
      continue;
    }
    text += bytes.toString('utf8', from, at) + String.fromCharCode(STRAY + (bytes[at] ?? 0));
    from = ++at;
  }
  return text + bytes.toString('utf8', from, end);
}
const STRAY = 0xdc00;

/** How many bytes the character at that place has; 0: it is none. */
function sequenceLength(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  if (length === 0 || at + length > end) return 0;
  const second = bytes[at + 1] ?? 0;
  // No longer than it must be, no half of a pair, and nothing beyond U+10FFFF.
  const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i = 2; i < length; i++) if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** The bytes of a text that `decodeText` made, as letters of Latin-1, one each. */
export function bytesOfText(text: string): string {
  if (text.isWellFormed()) return Buffer.from(text).toString('latin1');
  return text
    .split(/([\udc80-\udcff])/u)
    .map((part) =>
      part.isWellFormed() ? Buffer.from(part).toString('latin1') : String.fromCharCode(part.charCodeAt(0) - STRAY),
    )
    .join('');
}

/** A text that ends at NUL or after `max` bytes. */
export function readText(bytes: Buffer, at: number, max: number): string {
  const end = bytes.indexOf(0, at);
  return decodeText(bytes, at, end === -1 || end > at + max ? at + max : end);
}

/**
 * A path written leaf first with a NUL after each name ("shadow\0etc\0") as "/etc/shadow"; no names at all is "/".
 * One decoding for the whole: each crossing into native code costs more than the turning round.
 */
export function readReversedPath(bytes: Buffer, at: number, length: number): string {
  return length === 0 ? '/' : turnedPath(decodeText(bytes, at, at + length - 1));
}

/** The same of what was decoded already, without the last NUL. */
export function turnedPath(text: string): string {
  let path = '';
  let start = 0;
  for (;;) {
    const stop = text.indexOf('\0', start);
    if (stop === -1) return `/${text.slice(start)}${path}`;
    path = `/${text.slice(start, stop)}${path}`;
    start = stop + 1;
  }
}

/** An argument list: texts each ended by NUL; the last one may have been cut. */
export function readArguments(bytes: Buffer, at: number, length: number): string[] {
  const list: string[] = [];
  let start = at;
  const end = at + length;
  while (start < end) {
    let stop = bytes.indexOf(0, start);
    if (stop === -1 || stop > end) stop = end;
    list.push(decodeText(bytes, start, stop));
    start = stop + 1;
  }
  return list;
}

/** A power of two; no record is larger. */
const SPACED_BYTES_MAX = 16_384;
const spaced = new Int32Array(SPACED_BYTES_MAX / 4);
const spacedBytes = Buffer.from(spaced.buffer);

/** Texts with a NUL behind each as one, with a space in the place of each NUL. Four bytes at a time: an environment has a page. */
export function readSpaced(bytes: Buffer, view: DataView, at: number, end: number): string {
  const length = Math.min(end - at, SPACED_BYTES_MAX);
  if (length <= 0) return '';
  const words = length >> 2;
  for (let i = 0; i < words; i++) {
    const word = view.getInt32(at + 4 * i, true);
    // The highest bit of each byte that is zero, and of no other.
    const zeros = ~(((word & 0x7f7f_7f7f) + 0x7f7f_7f7f) | word | 0x7f7f_7f7f);
    spaced[i] = word | (zeros >>> 2);
  }
  for (let i = 4 * words; i < length; i++) spacedBytes[i] = bytes[at + i] || 0x20;
  return decodeText(spacedBytes, 0, length);
}

/** The same of what was decoded already. */
export function splitArguments(text: string): string[] {
  const list = text.split('\0');
  if (list.at(-1) === '') list.pop();
  return list;
}

/** A short text as `readText` reads it: most names are ASCII, and put together here they cost a third. */
export function readName(bytes: Buffer, at: number, max: number): string {
  let name = '';
  for (let i = at; i < at + max; i++) {
    const byte = bytes[i] ?? 0;
    if (byte === 0) return name;
    if (byte >= 0x80) return readText(bytes, at, max);
    name += LETTERS[byte];
  }
  return name;
}
const LETTERS: readonly string[] = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code));

/** Joins a name to a folder and takes out `.`, `..` and doubled slashes, as text only: links are not followed. */
export function joinPath(folder: string, name: string): string {
  const parts: string[] = [];
  for (const part of (name.startsWith('/') ? name : `${folder}/${name}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** The way into the root of a process is a way to the same place: `/proc/self/root/etc/shadow` is `/etc/shadow`. */
const THROUGH_ROOT = /^(?:\/proc\/(?:self|thread-self|\d+)\/root(?=\/|$))+/;

/** A path as text alone, for what the kernel did not resolve because the call failed. */
export function plainPath(folder: string, name: string): string {
  const path = joinPath(folder, name).replace(THROUGH_ROOT, '');
  return path === '' ? '/' : path;
}

/** The beginning of a text, with a sign that it goes on; half a character is none. */
export function cutText(text: string, most: number): string {
  if (text.length <= most) return text;
  const last = text.charCodeAt(most - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? most - 1 : most)}…`;
}
