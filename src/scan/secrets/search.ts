import { BLOCK_BYTES, RUN_LENGTHS, SET_BYTES, SETS_MAX } from './machine/programs.ts';
import { type FindRun, isVectorSet, VectorMachine } from './machine/vector-machine.ts';
import { CLASS_BITS, compileWords, type OnWord, type WordTable } from './words.ts';

export { BLOCK_BYTES, SETS_MAX };

/** Bytes of one kind in a row. */
export interface ByteRun {
  /** 1 for each byte that belongs. */
  readonly members: Uint8Array;
  /** The shortest that is looked for. */
  readonly length: number;
}

/** Where a search for words stands in a text that comes in blocks. */
export interface WordCursor {
  /** 0 at the start. */
  state: number;
}

/**
 * Looks through a text block by block, and says where something may be: most of the work of a scan, so vector
 * instructions do it where there are some. It keeps nothing of a block once the next is taken.
 */
export interface TextSearch<T> {
  /** @param block at most BLOCK_BYTES, which the other questions are then about */
  take(block: Uint8Array): void;
  /** All words that end in the block, `base` added to their places: in a few stretches, each in the order of places. */
  words(cursor: WordCursor, base: number, onWord: OnWord<T>): void;
  /** Where the first run of a kind begins at or after a place; -1 when there is none. Its end is then in `stop`. */
  run(kind: number, from: number): number;
  stop: number;
  /** The first place at or after another whose byte is not of a kind; the end of the block. */
  runEnd(kind: number, from: number): number;
  /** Ends of lines before a place. */
  newlines(to: number): number;
}

/** Runs of other kinds are too short, or their bytes too mixed, to be looked for. */
export function isSearchable({ members, length }: ByteRun): boolean {
  return length >= RUN_LENGTHS[0] && isVectorSet(members);
}

/** The search by vectors; where there are none the plain one. Both say the same. */
export function textSearch<T>(
  words: Iterable<readonly [string | Uint8Array, T]>,
  runs: readonly ByteRun[],
): TextSearch<T> {
  const table = compileWords(words);
  return vectorSearch(table, runs) ?? new PlainSearch(table, runs);
}

/** Null where there are no vectors. */
export function vectorSearch<T>(table: WordTable<T>, runs: readonly ByteRun[]): TextSearch<T> | null {
  const machine = VectorMachine.make(
    table,
    runs.map(({ members }) => members),
  );
  return machine && new VectorSearch(table, runs, machine);
}

interface VectorRun {
  readonly length: number;
  readonly find: FindRun;
}

class VectorSearch<T> implements TextSearch<T> {
  stop = 0;
  readonly #table: WordTable<T>;
  readonly #machine: VectorMachine;
  readonly #runs: readonly VectorRun[];
  #length = 0;

  constructor(table: WordTable<T>, runs: readonly ByteRun[], machine: VectorMachine) {
    this.#table = table;
    this.#machine = machine;
    this.#runs = runs.map(({ length }) => ({ length, find: machine.finder(length) }));
  }

  take(block: Uint8Array): void {
    this.#machine.text.set(block);
    this.#length = block.length;
  }

  words(cursor: WordCursor, base: number, onWord: OnWord<T>): void {
    const { ends, firstEnd } = this.#table;
    const { hits, hitStarts, hitEnds } = this.#machine;
    cursor.state = this.#machine.words(cursor.state, this.#length);
    for (let stretch = 0; stretch < hitStarts.length; stretch++) {
      const last = (hitEnds[stretch] as number) >> 2;
      for (let at = hitStarts[stretch] as number; at < last; at += 2) {
        const end = base + (hits[at] as number);
        const found = ends[(hits[at + 1] as number) - firstEnd] as readonly T[];
        for (let one = 0; one < found.length; one++) onWord(found[one] as T, end);
      }
    }
  }

  run(kind: number, from: number): number {
    const { length, find } = this.#runs[kind] as VectorRun;
    let start = from;
    for (;;) {
      // Where a run of the length that there is a program for begins, or a shorter one.
      start = find(start, this.#length, kind * SET_BYTES);
      if (start < 0) return -1;
      this.stop = this.#machine.runEnd(start, this.#length, kind * SET_BYTES);
      if (this.stop - start >= length) return start;
      start = this.stop;
    }
  }

  runEnd(kind: number, from: number): number {
    return this.#machine.runEnd(from, this.#length, kind * SET_BYTES);
  }

  newlines(to: number): number {
    return this.#machine.newlines(0, to);
  }
}

/** The same in plain words: for processors without vectors, and to hold the other one to. */
export class PlainSearch<T> implements TextSearch<T> {
  stop = 0;
  readonly #table: WordTable<T>;
  readonly #runs: readonly ByteRun[];
  #block: Uint8Array = new Uint8Array(0);

  constructor(table: WordTable<T>, runs: readonly ByteRun[]) {
    this.#table = table;
    this.#runs = runs;
  }

  take(block: Uint8Array): void {
    this.#block = block;
  }

  words(cursor: WordCursor, base: number, onWord: OnWord<T>): void {
    const { table, classOf, firstEnd, ends } = this.#table;
    const block = this.#block;
    let node = cursor.state;
    for (let at = 0; at < block.length; at++) {
      node = table[(node << CLASS_BITS) | (classOf[block[at] as number] as number)] as number;
      if (node >= firstEnd) for (const found of ends[node - firstEnd] as readonly T[]) onWord(found, base + at + 1);
    }
    cursor.state = node;
  }

  run(kind: number, from: number): number {
    const { members, length } = this.#runs[kind] as ByteRun;
    for (let at = from; at < this.#block.length; at++) {
      if (members[this.#block[at] as number] === 0) continue;
      const start = at;
      at = this.runEnd(kind, start);
      this.stop = at;
      if (at - start >= length) return start;
    }
    return -1;
  }

  runEnd(kind: number, from: number): number {
    const { members } = this.#runs[kind] as ByteRun;
    let at = from;
    while (at < this.#block.length && members[this.#block[at] as number] === 1) at++;
    return at;
  }

  newlines(to: number): number {
    let count = 0;
    for (let at = 0; at < to; at++) if (this.#block[at] === 10) count++;
    return count;
  }
}
