import { FormatError } from '../formats/index.ts';
import { OWNED_PATH_MAX_BYTES, OWNED_RAW_MAX_BYTES } from './limits.ts';

/** A package as its database names it. */
export interface Owner {
  readonly name: string;
  /** Null where the list of files does not say it. */
  readonly version: string | null;
  readonly architecture: string | null;
}

/** Which package brought which files, of one database or list. */
export interface OwnedFiles {
  /** purl type of the owners. */
  readonly type: string;
  /** See `OwnedWriter`. */
  readonly bytes: Uint8Array;
}

/**
 * Files of packages in few bytes, because an image has more of them than of everything else together: each path shares
 * its start with the one before. Record: name, version, architecture, each with its length; number of paths; of each path
 * shared bytes, own bytes, the own bytes. Numbers as LEB128.
 */
export class OwnedWriter {
  #bytes = Buffer.allocUnsafe(2 * 1024);
  #length = 0;
  /** The path before, where it lies. */
  #previous: Buffer = Buffer.alloc(0);
  #previousStart = 0;
  #previousEnd = 0;
  #rawLeft: number;

  constructor(rawMaxBytes = OWNED_RAW_MAX_BYTES) {
    this.#rawLeft = rawMaxBytes;
  }

  /** @param paths files inside the root, without a leading slash */
  add(owner: Owner, paths: readonly string[]): void {
    this.#head(owner, paths.length);
    for (const path of paths) {
      const bytes = Buffer.from(path);
      this.#path(bytes, 0, bytes.length);
    }
  }

  /**
   * The same for paths that lie in one text, which must stay as it is until the end.
   *
   * @param places start and end of each path, one after the other
   */
  addPlaces(owner: Owner, text: Buffer, places: readonly number[]): void {
    this.#head(owner, places.length / 2);
    for (let at = 0; at < places.length; at += 2) this.#path(text, places[at] as number, places[at + 1] as number);
  }

  #head({ name, version, architecture }: Owner, paths: number): void {
    for (const text of [name, version ?? '', architecture ?? '']) {
      const bytes = Buffer.from(text);
      this.#reserve(bytes.length + 8);
      this.#number(bytes.length);
      this.#length += bytes.copy(this.#bytes, this.#length);
    }
    this.#number(paths);
  }

  #path(bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    this.#rawLeft -= length;
    if (length > OWNED_PATH_MAX_BYTES || this.#rawLeft < 0) {
      throw new FormatError('tar.size', `it names files of more than ${OWNED_RAW_MAX_BYTES} bytes`);
    }
    const previous = this.#previous;
    const previousStart = this.#previousStart;
    const most = Math.min(length, this.#previousEnd - previousStart);
    let shared = 0;
    while (shared < most && bytes[start + shared] === previous[previousStart + shared]) shared++;
    this.#previous = bytes;
    this.#previousStart = start;
    this.#previousEnd = end;
    this.#reserve(length - shared + 16);
    this.#number(shared);
    this.#number(length - shared);
    this.#length += bytes.copy(this.#bytes, this.#length, start + shared, end);
  }

  finish(type: string): OwnedFiles {
    // A copy of the right size: one is kept for each of a thousand packages.
    return { type, bytes: Buffer.from(this.#bytes.subarray(0, this.#length)) };
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  #number(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }
}

/**
 * @param wants asked first, of the path's bytes: an image has more paths than anybody asks for
 * @throws FormatError when the bytes are cut or forged
 */
export function readOwned(
  owned: Uint8Array,
  take: (owner: Owner, path: string) => void,
  wants: (path: Buffer, length: number) => boolean = () => true,
): void {
  const bytes = Buffer.from(owned.buffer, owned.byteOffset, owned.byteLength);
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const next = bytes[at++];
      if (next === undefined) break;
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    throw new FormatError('tar.truncated', 'a stored list of owned files is cut');
  };
  const piece = (length: number): Buffer => {
    if (at + length > bytes.length) throw new FormatError('tar.truncated', 'a stored list of owned files is cut');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const path = Buffer.alloc(OWNED_PATH_MAX_BYTES);
  while (at < bytes.length) {
    const name = piece(number()).toString();
    const version = piece(number()).toString();
    const architecture = piece(number()).toString();
    const owner = { name, version: version || null, architecture: architecture || null };
    for (let left = number(); left > 0; left--) {
      const shared = number();
      const own = number();
      const length = shared + own;
      if (length > path.length) throw new FormatError('tar.size', 'a stored list of owned files is forged');
      if (at + own > bytes.length) throw new FormatError('tar.truncated', 'a stored list of owned files is cut');
      bytes.copy(path, shared, at, at + own);
      at += own;
      if (wants(path, length)) take(owner, path.toString('utf8', 0, length));
    }
  }
}
