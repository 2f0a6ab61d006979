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
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #length = 0;
  #previous: Buffer = Buffer.alloc(0);
  #rawLeft: number;

  constructor(rawMaxBytes = OWNED_RAW_MAX_BYTES) {
    this.#rawLeft = rawMaxBytes;
  }

  /** @param paths files inside the root, without a leading slash */
  add({ name, version, architecture }: Owner, paths: readonly string[]): void {
    for (const text of [name, version ?? '', architecture ?? '']) {
      const bytes = Buffer.from(text);
      this.#reserve(bytes.length + 8);
      this.#number(bytes.length);
      this.#length += bytes.copy(this.#bytes, this.#length);
    }
    this.#number(paths.length);
    for (const path of paths) {
      const bytes = Buffer.from(path);
      this.#rawLeft -= bytes.length;
      if (bytes.length > OWNED_PATH_MAX_BYTES || this.#rawLeft < 0) {
        throw new FormatError('tar.size', `it names files of more than ${OWNED_RAW_MAX_BYTES} bytes`);
      }
      const most = Math.min(bytes.length, this.#previous.length);
      let shared = 0;
      while (shared < most && bytes[shared] === this.#previous[shared]) shared++;
      this.#previous = bytes;
      this.#reserve(bytes.length - shared + 16);
      this.#number(shared);
      this.#number(bytes.length - shared);
      this.#length += bytes.copy(this.#bytes, this.#length, shared);
    }
  }

  finish(type: string): OwnedFiles {
    return { type, bytes: this.#bytes.subarray(0, this.#length) };
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

/** @throws FormatError when the bytes are cut or forged */
export function readOwned(owned: Uint8Array, take: (owner: Owner, path: string) => void): void {
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
      const own = piece(number());
      const length = shared + own.length;
      if (length > path.length) throw new FormatError('tar.size', 'a stored list of owned files is forged');
      own.copy(path, shared);
      take(owner, path.toString('utf8', 0, length));
    }
  }
}
