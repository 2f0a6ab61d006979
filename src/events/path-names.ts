import { readReversedPath } from './text.ts';

/** A path and the parts of it that rules ask for. */
export interface PathName {
  readonly text: string;
  /** Of the root `/`; of a name without a folder `.`. */
  readonly folder: string;
  readonly file: string;
  /** Where it is kept, below PATH_PLACES, until another path comes to the place; PATH_PLACES when it is not kept. */
  readonly place: number;
}

/** Places for paths that came before; a busy host opens some thousand different files again and again. */
export const PATH_PLACES = 8192;
/** A path may be kept in any of so many places: which ones follows from its bytes. */
const WAYS = 4;
const SETS = PATH_PLACES / WAYS;
/** Longer paths (and those of just so many bytes: the last word is the tail's) are rare and not kept, so that the memory has a bound: 1 MiB of bytes, and as much of text. */
const KEPT_BYTES_MAX = 128;
const KEPT_WORDS_MAX = KEPT_BYTES_MAX / 4;

/** Paths of the kernel have no slash at their end and no doubled ones. */
export function partPath(text: string, place = PATH_PLACES): PathName {
  const end = text.lastIndexOf('/');
  return { text, folder: end > 0 ? text.slice(0, end) : end === 0 ? '/' : '.', file: text.slice(end + 1), place };
}

/**
 * Paths as the kernel wrote them, leaf first, to text. Decoding costs more than all rules together; most paths have been seen a
 * moment ago, so their bytes are looked up first. What is found is compared byte by byte: a hash decides nothing.
 */
export class PathNames {
  readonly #names: (PathName | undefined)[] = new Array<PathName | undefined>(PATH_PLACES).fill(undefined);
  readonly #lengths = new Uint16Array(PATH_PLACES);
  readonly #hashes = new Int32Array(PATH_PLACES);
  /** The bytes of the path at each place, in one piece: they are compared where they lie. */
  readonly #kept = new Int32Array(PATH_PLACES * KEPT_WORDS_MAX);
  /** Of the places of one set the next that is given away. */
  readonly #next = new Uint8Array(SETS);

  find(bytes: Buffer, view: DataView, at: number, length: number): PathName {
    if (length >= KEPT_BYTES_MAX) return partPath(readReversedPath(bytes, at, length));
    const end = at + (length & ~3);
    let hash = length;
    for (let i = at; i < end; i += 4) hash = mix(hash, view.getInt32(i, true));
    const tail = (length & 3) === 0 ? 0 : tailOf(view, end, at + length);
    hash = mix(hash, tail);
    const set = hash & (SETS - 1);
    for (let place = set * WAYS; place < (set + 1) * WAYS; place++) {
      if (this.#hashes[place] !== hash || this.#lengths[place] !== length) continue;
      const name = this.#names[place];
      if (name !== undefined && this.#isSame(place * KEPT_WORDS_MAX, view, at, end, tail)) return name;
    }
    return this.#keep(set, hash, tail, bytes, view, at, length);
  }

  #isSame(start: number, view: DataView, at: number, end: number, tail: number): boolean {
    const kept = this.#kept;
    let word = start;
    for (let i = at; i < end; i += 4) if (kept[word++] !== view.getInt32(i, true)) return false;
    return kept[word] === tail;
  }

  #keep(set: number, hash: number, tail: number, bytes: Buffer, view: DataView, at: number, length: number): PathName {
    const way = this.#next[set] ?? 0;
    this.#next[set] = (way + 1) % WAYS;
    const place = set * WAYS + way;
    const name = partPath(readReversedPath(bytes, at, length), place);
    this.#names[place] = name;
    this.#hashes[place] = hash;
    this.#lengths[place] = length;
    let word = place * KEPT_WORDS_MAX;
    for (let i = at; i + 4 <= at + length; i += 4) this.#kept[word++] = view.getInt32(i, true);
    this.#kept[word] = tail;
    return name;
  }
}

/** The bytes that fill no word. */
function tailOf(view: DataView, start: number, end: number): number {
  let word = 0;
  for (let i = start; i < end; i++) word = (word << 8) | view.getUint8(i);
  return word;
}

function mix(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x9e37_79b1);
  return mixed ^ (mixed >>> 15);
}
