import { FormatError } from './errors.ts';

export interface ArFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

const MAGIC = '!<arch>\n';
const HEAD_BYTES = 60;
/** Where a header has its size, and how it ends (ar(5)). */
const SIZE_AT = 48;
const SIZE_DIGITS = 10;
const END = '`\n';

/**
 * Reads the members of an ar archive in memory, as libraries (`.a`) and Debian packages are; long names as GNU and as BSD
 * write them. Tables of symbols and of names are no members.
 *
 * @throws FormatError with an `ar.*` code
 */
export function* readAr(archive: Uint8Array, { maxEntries = 1_000_000 } = {}): Generator<ArFile> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  if (!isAr(bytes)) throw new FormatError('ar.corrupt', 'it does not begin as an ar archive does');
  let names = '';
  let at = MAGIC.length;
  for (let entries = 0; at < bytes.length; entries++) {
    if (entries >= maxEntries) throw new FormatError('ar.entry-limit', `ar has more than ${maxEntries} entries`);
    const head = bytes.toString('latin1', at, at + HEAD_BYTES);
    const digits = head.slice(SIZE_AT, SIZE_AT + SIZE_DIGITS).trim();
    if (!head.endsWith(END) || head.length !== HEAD_BYTES || !/^\d+$/.test(digits)) {
      throw new FormatError('ar.corrupt', `ar has no header at byte ${at}`);
    }
    const start = at + HEAD_BYTES;
    const end = start + Number(digits);
    if (end > bytes.length) throw new FormatError('ar.corrupt', `ar ends inside entry ${entries}`);
    // Members begin at even bytes.
    at = end + (end % 2);
    const name = head.slice(0, 16).trimEnd();
    if (name === '//') names = bytes.toString('utf8', start, end);
    else if (name !== '/' && name !== '/SYM64/' && !name.startsWith('__.SYMDEF')) {
      const long = Math.min(Number(/^#1\/(\d+)$/.exec(name)?.[1] ?? 0), end - start);
      const path = long > 0 ? bytes.toString('utf8', start, start + long).replace(/\0+$/, '') : nameOf(name, names);
      yield { path, bytes: bytes.subarray(start + long, end) };
    }
  }
}

/** Whether bytes begin like one. */
export function isAr(start: Uint8Array): boolean {
  return Buffer.from(start.subarray(0, MAGIC.length)).toString('latin1') === MAGIC;
}

/** `/123` is a place in the table of names; others end with a slash. */
function nameOf(name: string, names: string): string {
  const [, place] = /^\/(\d+)$/.exec(name) ?? [];
  const text = place === undefined ? name : (names.slice(Number(place)).split('\n')[0] ?? name);
  return text.replace(/\/$/, '');
}
