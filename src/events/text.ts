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
  if (length === 0) return '/';
  const text = bytes.toString('utf8', at, at + length - 1);
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
