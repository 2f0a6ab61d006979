import { readReversedPath } from './text.ts';

/** A path and the parts of it that rules ask for. */
export interface PathName {
  readonly text: string;
  /** Of the root `/`; of a name without a folder `.`. */
  readonly folder: string;
  readonly file: string;
}

/** Places for paths that came before; a busy host opens some thousand different files again and again. */
const PLACES = 8192;
/** Longer paths are rare and not kept, so that the memory has a bound: 1 MiB of bytes, and as much of text. */
const KEPT_BYTES_MAX = 128;
const KEPT_WORDS_MAX = KEPT_BYTES_MAX / 4;

/** Paths of the kernel have no slash at their end and no doubled ones. */
export function partPath(text: string): PathName {
  const end = text.lastIndexOf('/');
  return { text, folder: end > 0 ? text.slice(0, end) : end === 0 ? '/' : '.', file: text.slice(end + 1) };
}

/**
 * Paths as the kernel wrote them, leaf first, to text. Decoding costs more than all rules together; most paths have been seen a
 * moment ago, so their bytes are looked up first. What is found is compared byte by byte: a hash decides nothing.
 */
export class PathNames {
  readonly #names: (PathName | undefined)[] = new Array<PathName | undefined>(PLACES).fill(undefined);
  readonly #lengths = new Uint16Array(PLACES);
  readonly #hashes = new Int32Array(PLACES);
  /** The bytes of the path at each place, in one piece: they are compared where they lie. */
  readonly #kept = new Int32Array(PLACES * KEPT_WORDS_MAX);
  readonly #words = new Int32Array(KEPT_WORDS_MAX);

  find(bytes: Buffer, view: DataView, at: number, length: number): PathName {
    if (length > KEPT_BYTES_MAX) return partPath(readReversedPath(bytes, at, length));
    const words = this.#words;
    const whole = length >> 2;
    let hash = length;
    for (let i = 0; i < whole; i++) {
      const word = view.getInt32(at + i * 4, true);
      words[i] = word;
      hash = mix(hash, word);
    }
    let count = whole;
    if ((length & 3) !== 0) {
      let word = 0;
      for (let i = at + whole * 4; i < at + length; i++) word = (word << 8) | view.getUint8(i);
      words[count++] = word;
      hash = mix(hash, word);
    }
    const place = hash & (PLACES - 1);
    const there = this.#names[place];
    const isThere = there !== undefined && this.#hashes[place] === hash && this.#lengths[place] === length;
    if (isThere && this.#isSame(place * KEPT_WORDS_MAX, count)) return there;
    const name = partPath(readReversedPath(bytes, at, length));
    this.#names[place] = name;
    this.#hashes[place] = hash;
    this.#lengths[place] = length;
    this.#kept.set(words.subarray(0, count), place * KEPT_WORDS_MAX);
    return name;
  }

  #isSame(start: number, count: number): boolean {
    for (let i = 0; i < count; i++) if (this.#kept[start + i] !== this.#words[i]) return false;
    return true;
  }
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}
