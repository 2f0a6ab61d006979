import { STATE_THREADS_MAX, STATES_MAX } from './limits.ts';
import type { Program } from './program.ts';
import type { Assertion, ByteSet } from './syntax.ts';

/** What stands beside a place in the text. */
const WORD = 1;
const NEWLINE = 2;
const EDGE = 4;

/** Number of the state without threads. */
const DEAD = 1;
/** Places gone on from at once: each look-up waits for the one before of its own place alone. */
const LANES = 4;
/** Start states: one for each thing that may stand before, seeding or not. */
const STARTS = 16;

export function kindOfByte(byte: number): number {
  const isWord = (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte === 95;
  return isWord ? WORD : byte === 10 ? NEWLINE : 0;
}

export function holds(what: Assertion, before: number, after: number): boolean {
  switch (what) {
    case 'begin-text':
      return (before & EDGE) !== 0;
    case 'end-text':
      return (after & EDGE) !== 0;
    case 'begin-line':
      return (before & (EDGE | NEWLINE)) !== 0;
    case 'end-line':
      return (after & (EDGE | NEWLINE)) !== 0;
    case 'boundary':
      return (before & WORD) !== (after & WORD);
    case 'no-boundary':
      return (before & WORD) === (after & WORD);
  }
}

/** Where a text stands that is a part of a longer one. */
export interface Stretch {
  readonly bytes: Uint8Array;
  /** The first byte of `bytes` is the first of the text. */
  readonly isStart: boolean;
  /** The last byte of `bytes` is the last of the text. */
  readonly isEnd: boolean;
}

/** Threads in order of preference, what stood before them, and whether new ones still begin at each byte. */
interface State {
  readonly threads: readonly number[];
  readonly before: number;
  readonly isSeeding: boolean;
  /** The same without new threads, once it was asked for. */
  sterile: number;
}

/**
 * The subsets of threads that a program can be in, found as they are needed and kept: each byte is one look-up in a table
 * once its state is known, and costs at most the length of the program otherwise. There is no going back, so no text makes
 * it slow. Threads are ordered as a backtracking engine would try them, so it finds what Perl or Go would find.
 *
 * A match is known one byte late: only then do `\b` and `$` know what follows.
 */
export class Automaton {
  readonly #program: Program;
  /** Longest match instead of first: what is wanted when reading backward for the start of a match. */
  readonly #longest: boolean;
  readonly #classOf = new Uint8Array(256);
  readonly #members: number[] = [];
  readonly #width: number;
  readonly #usesContext: boolean;
  readonly #marks: Int32Array;
  #generation = 0;
  /**
   * Where to go from a state by a byte. A state is named by the place of its row, so that a step is one addition and one
   * look-up: positive as it is, negative when a match ends before the byte, 0 when the step was not asked for yet. The row
   * of the state without threads is the least of all.
   */
  #table: Int32Array;
  /** How often all states were forgotten, and with them what their rows mean. */
  #resets = 0;
  #states: State[] = [];
  #byKey = new Map<string, number>();
  #threads = 0;
  #starts = new Int32Array(STARTS);

  constructor(program: Program, options: { readonly longest?: boolean } = {}) {
    this.#program = program;
    this.#longest = options.longest ?? false;
    this.#marks = new Int32Array(program.code.length);
    this.#usesContext = program.code.some(({ op }) => op === 'assert');
    this.#divideBytes();
    this.#width = this.#members.length + 1;
    this.#table = new Int32Array(0);
    this.#reset();
  }

  /**
   * The end of the first match that begins from `first` to `last`; -1 when there is none.
   */
  findEnd({ bytes, isStart, isEnd }: Stretch, first: number, last: number): number {
    let row = this.#startRow(kindBefore(bytes, first, isStart), first < last);
    const classOf = this.#classOf;
    const dead = DEAD * this.#width;
    const length = bytes.length;
    let end = -1;
    // One place to begin at needs no seeding: its thread is in the start state.
    let at = first;
    for (const stop of [Math.min(last + 1, length), length]) {
      for (; at < stop && row !== dead; at++) {
        const kind = classOf[bytes[at] as number] as number;
        const step = this.#table[row + kind] || this.#step(row, kind);
        if (step < 0) end = at;
        row = Math.abs(step);
      }
      if (at > last) row = this.#stopSeeding(row);
    }
    if (row === dead || !isEnd) return end;
    return this.#step(row, this.#width - 1) < 0 ? length : end;
  }

  /** Whether a match that begins at a place is not ruled out by as many bytes as are there. */
  mayBegin({ bytes, isStart }: Stretch, place: number, count: number): boolean {
    let row = this.#startRow(kindBefore(bytes, place, isStart), false);
    const classOf = this.#classOf;
    const dead = DEAD * this.#width;
    const stop = Math.min(place + count, bytes.length);
    for (let at = place; at < stop; at++) {
      const kind = classOf[bytes[at] as number] as number;
      row = this.#table[row + kind] || this.#step(row, kind);
      if (row < 0) return true;
      if (row === dead) return false;
    }
    return true;
  }

  /**
   * Of places where a match may begin, those where one does, and some of which that is not said: few that stand near the
   * end of the text. Four at a time, so a text made of nothing but beginnings costs less than half (measured).
   */
  sieve({ bytes, isStart }: Stretch, places: readonly number[]): number[] {
    const kept: number[] = [];
    const rows = new Int32Array(LANES);
    const at = new Int32Array(LANES);
    const from = new Int32Array(LANES);
    let next = 0;
    const resets = this.#resets;
    const begin = (lane: number): void => {
      const place = places[next++] as number;
      rows[lane] = this.#startRow(kindBefore(bytes, place, isStart), false);
      at[lane] = place;
      from[lane] = place;
    };
    for (let lane = 0; lane < LANES && next < places.length; lane++) begin(lane);
    // Once all states were forgotten, what the lanes stand at means nothing any more.
    while (next < places.length && this.#resets === resets) {
      this.#runLanes(bytes, rows, at);
      for (let lane = 0; lane < LANES && next < places.length && this.#resets === resets; lane++) {
        const place = at[lane] as number;
        const kind = this.#classOf[bytes[place] ?? 0] as number;
        const row = rows[lane] as number;
        const step = place >= bytes.length ? -1 : this.#table[row + kind] || this.#step(row, kind);
        if (step < 0) kept.push(from[lane] as number);
        if (step < 0 || step === DEAD * this.#width) begin(lane);
        else {
          rows[lane] = step;
          at[lane] = place + 1;
        }
      }
    }
    return [...kept, ...from.subarray(0, Math.min(LANES, places.length)), ...places.slice(next)].sort(byNumber);
  }

  /** Goes on in all lanes until one of them has something to say. */
  #runLanes(bytes: Uint8Array, rows: Int32Array, at: Int32Array): void {
    const table = this.#table;
    const classOf = this.#classOf;
    const least = DEAD * this.#width + 1;
    // By index: to take an array of numbers apart costs more than the steps between two stops (measured).
    const first = at[0] as number;
    const second = at[1] as number;
    const third = at[2] as number;
    const fourth = at[3] as number;
    let a = rows[0] as number;
    let b = rows[1] as number;
    let c = rows[2] as number;
    let d = rows[3] as number;
    const steps = bytes.length - Math.max(first, second, third, fourth);
    let done = 0;
    for (; done < steps; done++) {
      const nextA = table[a + (classOf[bytes[first + done] as number] as number)] as number;
      const nextB = table[b + (classOf[bytes[second + done] as number] as number)] as number;
      const nextC = table[c + (classOf[bytes[third + done] as number] as number)] as number;
      const nextD = table[d + (classOf[bytes[fourth + done] as number] as number)] as number;
      // One question for all: not known yet, a match, and nothing left are all below.
      if (((nextA - least) | (nextB - least) | (nextC - least) | (nextD - least)) < 0) break;
      a = nextA;
      b = nextB;
      c = nextC;
      d = nextD;
    }
    rows[0] = a;
    rows[1] = b;
    rows[2] = c;
    rows[3] = d;
    for (let lane = 0; lane < LANES; lane++) at[lane] = (at[lane] as number) + done;
  }

  /** Of a backward program: where the match that ends before `end` begins, not before `first`. */
  findStart({ bytes, isStart, isEnd }: Stretch, end: number, first: number): number {
    const after = end < bytes.length ? kindOfByte(bytes[end] as number) : isEnd ? EDGE : 0;
    let row = this.#startRow(after, false);
    const dead = DEAD * this.#width;
    let start = -1;
    for (let at = end; ; at--) {
      if (row === dead) return start;
      const isEdge = at === 0 && isStart;
      if (at === 0 && !isEdge) return start;
      const kind = isEdge ? this.#width - 1 : (this.#classOf[bytes[at - 1] as number] as number);
      const step = this.#table[row + kind] || this.#step(row, kind);
      if (step < 0) start = at;
      if (at <= first) return start;
      row = Math.abs(step);
    }
  }

  /** Bytes that no instruction tells apart share one column of the table. */
  #divideBytes(): void {
    const sets = new Set<ByteSet>();
    for (const instruction of this.#program.code) if (instruction.op === 'set') sets.add(instruction.set);
    const asked = new Set(this.#program.code.flatMap((one) => (one.op === 'assert' ? [one.what] : [])));
    const kinds = Uint8Array.from({ length: 256 }, (_, byte) => kindOfByte(byte));
    if (asked.has('boundary') || asked.has('no-boundary')) sets.add(kinds.map((kind) => kind & WORD));
    if (asked.has('begin-line') || asked.has('end-line')) sets.add(kinds.map((kind) => (kind & NEWLINE) >> 1));
    // Each set parts the columns that there are into what it holds and what it does not.
    const parts = new Int16Array(512);
    for (const set of sets) {
      parts.fill(-1);
      let count = 0;
      for (let byte = 0; byte < 256; byte++) {
        const key = (this.#classOf[byte] as number) * 2 + (set[byte] as number);
        if (parts[key] === -1) parts[key] = count++;
        this.#classOf[byte] = parts[key] as number;
      }
    }
    for (let byte = 0; byte < 256; byte++) {
      if (this.#classOf[byte] === this.#members.length) this.#members.push(byte);
    }
  }

  #reset(): void {
    this.#resets += 1;
    this.#states = [];
    this.#byKey.clear();
    this.#threads = 0;
    this.#starts.fill(0);
    this.#table = new Int32Array(64 * this.#width);
    // State 0 is never used, so that an empty cell of the table is 0.
    this.#states.push({ threads: [], before: 0, isSeeding: false, sterile: 0 });
    this.#intern([], 0, false);
  }

  #startRow(before: number, isSeeding: boolean): number {
    const slot = before * 2 + (isSeeding ? 1 : 0);
    const known = this.#starts[slot] as number;
    if (known !== 0) return known;
    // A seeding state brings its first thread itself.
    const row = this.#intern(isSeeding ? [] : [this.#program.start], this.#usesContext ? before : 0, isSeeding);
    this.#starts[slot] = row;
    return row;
  }

  #stopSeeding(row: number): number {
    const known = this.#states[row / this.#width];
    if (known === undefined || !known.isSeeding) return row;
    // States that a reset forgets are forgotten with what they point to.
    if (known.sterile === 0) known.sterile = this.#intern(known.threads, known.before, false);
    return known.sterile;
  }

  /** The row of a state, made when there is none. */
  #intern(threads: readonly number[], before: number, isSeeding: boolean): number {
    const context = threads.length === 0 && !isSeeding ? 0 : before;
    const key = String.fromCharCode(context * 2 + (isSeeding ? 1 : 0), ...threads);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#states.length >= STATES_MAX || this.#threads >= STATE_THREADS_MAX) this.#reset();
    const row = (this.#states.push({ threads, before: context, isSeeding, sterile: 0 }) - 1) * this.#width;
    this.#threads += threads.length;
    this.#byKey.set(key, row);
    if (row + this.#width > this.#table.length) {
      const larger = new Int32Array(this.#table.length * 2);
      larger.set(this.#table);
      this.#table = larger;
    }
    return row;
  }

  /** The row of the next state, negative when a match ends before this byte. */
  #step(row: number, kind: number): number {
    const { threads, before, isSeeding } = this.#states[row / this.#width] as State;
    const member = this.#members[kind];
    const after = member === undefined ? EDGE : kindOfByte(member);
    const next: number[] = [];
    this.#generation += 1;
    let isMatch = false;
    let isCut = false;
    for (const thread of threads) {
      if (this.#follow(thread, before, after, member, next)) {
        isMatch = true;
        if (!this.#longest) {
          isCut = true;
          break;
        }
      }
    }
    if (isSeeding && !isCut && this.#follow(this.#program.start, before, after, member, next)) {
      isMatch = true;
      isCut = true;
    }
    const goesOn = isSeeding && !isCut && member !== undefined;
    const statesBefore = this.#states.length;
    const target = this.#intern(dedupe(next), this.#usesContext ? after : 0, goesOn);
    const result = isMatch ? -target : target;
    // After a reset the row that we came from means nothing.
    if (this.#states.length >= statesBefore) this.#table[row + kind] = result;
    return result;
  }

  /**
   * Follows a thread to all bytes that it may take next, in order of preference; true when it reaches the end of the
   * pattern, and then what comes after in this order does not count.
   */
  #follow(thread: number, before: number, after: number, member: number | undefined, next: number[]): boolean {
    const { code, direction } = this.#program;
    const stack = [thread];
    let isMatch = false;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (this.#marks[at] === this.#generation) continue;
      this.#marks[at] = this.#generation;
      const instruction = code[at] as (typeof code)[number];
      switch (instruction.op) {
        case 'match':
          if (!this.#longest) return true;
          isMatch = true;
          break;
        case 'set':
          if (member !== undefined && instruction.set[member] !== 0) next.push(instruction.out);
          break;
        case 'split':
          stack.push(instruction.other, instruction.out);
          break;
        case 'save':
          stack.push(instruction.out);
          break;
        case 'assert': {
          const holdsHere =
            direction === 'forward' ? holds(instruction.what, before, after) : holds(instruction.what, after, before);
          if (holdsHere) stack.push(instruction.out);
          break;
        }
      }
    }
    return isMatch;
  }
}

function kindBefore(bytes: Uint8Array, place: number, isStart: boolean): number {
  return place > 0 ? kindOfByte(bytes[place - 1] as number) : isStart ? EDGE : 0;
}

function byNumber(one: number, other: number): number {
  return one - other;
}

function dedupe(threads: readonly number[]): number[] {
  return threads.length < 2 ? [...threads] : [...new Set(threads)];
}
