import { FormatError } from '../formats/index.ts';
import type { LayerEntry } from '../oci/layers.ts';

const KINDS = ['file', 'directory', 'symlink', 'hardlink', 'other'] as const;

/**
 * Names of all entries of a layer in a few bytes each, so that a million of them fit into memory: each path shares its
 * start with the one before. Record: shared bytes, own bytes, the own bytes, kind, and for links length and target;
 * numbers as LEB128.
 */
export class ListingWriter {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  #previous: Buffer = Buffer.alloc(0);

  add(path: string, kind: LayerEntry['kind'], linkTarget: string): void {
    const name = Buffer.from(path);
    const most = Math.min(name.length, this.#previous.length);
    let shared = 0;
    while (shared < most && name[shared] === this.#previous[shared]) shared++;
    this.#previous = name;
    const target = linkTarget === '' ? null : Buffer.from(linkTarget);
    this.#reserve(name.length - shared + (target?.length ?? 0) + 24);
    this.#number(shared);
    this.#number(name.length - shared);
    this.#length += name.copy(this.#bytes, this.#length, shared);
    this.#bytes[this.#length++] = KINDS.indexOf(kind);
    if (kind === 'symlink' || kind === 'hardlink') {
      this.#number(target?.length ?? 0);
      if (target) this.#length += target.copy(this.#bytes, this.#length);
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }

  #number(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }
}

/** @throws FormatError when the listing is cut or forged */
export function* readListing(listing: Uint8Array): Generator<LayerEntry> {
  const bytes = Buffer.from(listing.buffer, listing.byteOffset, listing.byteLength);
  let at = 0;
  let previous: Buffer = Buffer.alloc(0);
  const byte = (): number => {
    const value = bytes[at++];
    if (value === undefined) throw new FormatError('tar.truncated', 'the stored listing of a layer is cut');
    return value;
  };
  const number = (): number => {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const next = byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value;
    }
    throw new FormatError('tar.size', 'the stored listing of a layer has an impossible number');
  };
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new FormatError('tar.truncated', 'the stored listing of a layer is cut');
    at += length;
    return bytes.subarray(at - length, at);
  };
  for (let ordinal = 0; at < bytes.length; ordinal++) {
    const shared = number();
    const own = take(number());
    const path = shared === 0 ? own : Buffer.concat([previous.subarray(0, shared), own]);
    previous = path;
    const kind = KINDS[byte()];
    if (!kind) throw new FormatError('tar.unsupported', 'the stored listing of a layer has an unknown kind');
    const linkTarget = kind === 'symlink' || kind === 'hardlink' ? take(number()).toString() : '';
    yield { path: path.toString(), kind, linkTarget, ordinal };
  }
}
