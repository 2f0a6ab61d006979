/** Reading text out of a record. Names of files and arguments are bytes; what is not UTF-8 becomes U+FFFD. */

/** A text that ends at NUL or after `max` bytes. */
export function readText(bytes: Buffer, at: number, max: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString('utf8', at, end === -1 || end > at + max ? at + max : end);
}

/**
 * A path written leaf first with a NUL after each name ("shadow\0etc\0") as "/etc/shadow"; no names at all is "/".
 * One decoding for the whole: each crossing into native code costs more than the turning round.
 */
export function readReversedPath(bytes: Buffer, at: number, length: number): string {
  return length === 0 ? '/' : turnedPath(bytes.toString('utf8', at, at + length - 1));
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
    list.push(bytes.toString('utf8', start, stop));
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
  return spacedBytes.toString('utf8', 0, length);
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
