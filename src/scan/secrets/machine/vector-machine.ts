import type { WordTable } from '../words.ts';
import { moduleOf } from './module.ts';
import { AT, BLOCK_BYTES, LANES, PROGRAMS, RUN_LENGTHS, SET_BYTES, SETS_MAX } from './programs.ts';

const PAGE_BYTES = 64 * 1024;
/** Below this the states before the lanes cost more than the lanes save. */
const LANE_BYTES_MIN = 64;

export type FindRun = (from: number, to: number, set: number) => number;

interface Programs {
  walk(state: number, from: number, to: number, firstEnd: number): number;
  lanes(state: number, lane: number, firstEnd: number, longest: number): number;
  runEnd: FindRun;
  newlines(from: number, to: number): number;
}

/** What of WebAssembly's interface is used here; its types come with those of browsers. */
interface Engine {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => Memory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
}

interface Memory {
  readonly buffer: ArrayBuffer;
}

/** Not there when V8 may make no code. */
const { WebAssembly: engine } = globalThis as { readonly WebAssembly?: Engine };

let compiled: object | null | undefined;

/** Null where this processor or this V8 has no vectors: what is made for them cannot be compiled there. */
function compile({ Module }: Engine): object | null {
  if (compiled !== undefined) return compiled;
  try {
    compiled = new Module(moduleOf(PROGRAMS, 1));
  } catch {
    compiled = null;
  }
  return compiled;
}

/**
 * The programs of `programs.ts` with a memory of their own. What lies there of a text is overwritten by the next; no
 * program reads further than it is told, and what comes out are places and nodes, no bytes.
 */
export class VectorMachine {
  /** Room for a block of a text. */
  readonly text: Uint8Array;
  /** Place behind the hit and node in turns. */
  readonly hits: Int32Array;
  /** Where in `hits` those of each stretch begin. */
  readonly hitStarts: readonly number[] = AT.hits.map((place) => place / 4);
  /** Where they end, in bytes of the memory. */
  readonly hitEnds: Int32Array;
  readonly #programs: Programs;
  readonly #finds: readonly { readonly length: number; readonly find: FindRun }[];
  readonly #firstEnd: number;
  readonly #longest: number;

  private constructor(memory: Memory, programs: Programs, { firstEnd, longest }: WordTable<unknown>) {
    this.text = new Uint8Array(memory.buffer, AT.text, BLOCK_BYTES);
    this.hits = new Int32Array(memory.buffer, 0, AT.table / 4);
    this.hitEnds = new Int32Array(memory.buffer, AT.hitEnds, LANES + 1);
    this.#programs = programs;
    const named = programs as unknown as Readonly<Record<string, FindRun>>;
    this.#finds = RUN_LENGTHS.map((length) => ({ length, find: named[`run${length}`] as FindRun }));
    this.#firstEnd = firstEnd;
    this.#longest = longest;
  }

  /** @param sets of bytes that runs are looked for of, 1 for each byte that belongs */
  static make(table: WordTable<unknown>, sets: readonly Uint8Array[]): VectorMachine | null {
    const module = engine ? compile(engine) : null;
    if (!engine || module === null) return null;
    if (sets.length > SETS_MAX) throw new RangeError(`${sets.length} sets of bytes, the limit is ${SETS_MAX}`);
    const pages = Math.ceil((AT.table + table.table.byteLength) / PAGE_BYTES);
    const memory = new engine.Memory({ initial: pages, maximum: pages });
    const bytes = new Uint8Array(memory.buffer);
    // Twice the class is where its entry lies in a row.
    bytes.set(
      table.classOf.map((one) => one * 2),
      AT.classes,
    );
    new Uint16Array(memory.buffer, AT.table, table.table.length).set(table.table);
    for (const [index, set] of sets.entries()) {
      const halves = halvesOf(set);
      if (halves === null) throw new RangeError('a set of bytes is too mixed for two tables');
      bytes.set(halves, AT.sets + index * SET_BYTES);
    }
    const { exports } = new engine.Instance(module, { host: { memory } });
    return new VectorMachine(memory, exports as unknown as Programs, table);
  }

  /** Finds the words of a block; the state behind it. */
  words(state: number, length: number): number {
    const lane = Math.floor(length / LANES);
    let last = state;
    let done = 0;
    if (lane >= LANE_BYTES_MIN && lane >= this.#longest) {
      last = this.#programs.lanes(last, lane, this.#firstEnd, this.#longest);
      done = lane * LANES;
    } else {
      for (let at = 0; at < LANES; at++) this.hitEnds[at] = 0;
    }
    return this.#programs.walk(last, done, length, this.#firstEnd);
  }

  /** The longest run that there is a program for, of those not longer than the one that is looked for. */
  finder(length: number): FindRun {
    const found = this.#finds.findLast((one) => one.length <= length);
    if (found === undefined) throw new RangeError(`runs of ${length} bytes are in every text`);
    return found.find;
  }

  /** @param set where its tables lie among those of all, as in what `finder` gives */
  runEnd(from: number, to: number, set: number): number {
    return this.#programs.runEnd(from, to, set);
  }

  newlines(from: number, to: number): number {
    return this.#programs.newlines(from, to);
  }
}

/**
 * A set of bytes as two tables of sixteen: a byte is in it where what stands at its lower half and what stands at its upper
 * half share a bit. Upper halves with the same lower ones have one bit; null when there are more than eight kinds of them.
 */
function halvesOf(set: Uint8Array): Uint8Array | null {
  const halves = new Uint8Array(SET_BYTES);
  const kinds = new Map<number, number>();
  for (let upper = 0; upper < 16; upper++) {
    let lowers = 0;
    for (let lower = 0; lower < 16; lower++) lowers |= (set[upper * 16 + lower] as number) << lower;
    if (lowers === 0) continue;
    const bit = kinds.get(lowers) ?? kinds.size;
    if (bit === 8) return null;
    kinds.set(lowers, bit);
    halves[16 + upper] = 1 << bit;
    for (let lower = 0; lower < 16; lower++) {
      if ((lowers >> lower) & 1) halves[lower] = (halves[lower] as number) | (1 << bit);
    }
  }
  return halves;
}

/** Whether runs of a set of bytes can be looked for. */
export function isVectorSet(set: Uint8Array): boolean {
  return halvesOf(set) !== null;
}
