import {
  add,
  and,
  and64,
  and128,
  atLeast,
  branch,
  branchIf,
  bytes16,
  differ8,
  equal8,
  extend64,
  giveBack,
  i32,
  i64,
  increase,
  isZero,
  isZero64,
  type Local,
  less,
  lessSigned,
  load8,
  load16,
  load128,
  loop,
  low32,
  more,
  onesIn,
  or64,
  pick8,
  type Statement,
  set,
  shiftLeft,
  shiftLeft64,
  shiftRight16,
  shiftRight64,
  store32,
  subtract,
  subtract64,
  upperBits8,
  type Value,
  when,
  zerosBehind,
  zerosBehind64,
} from './code.ts';
import { define, type FunctionBody } from './module.ts';

type I32 = Value<'i32'>;
type Number32 = Local<'i32'>;

/** Bytes of a text that are looked at at once. */
export const BLOCK_BYTES = 64 * 1024;
/** Places of a text that are gone through at once. */
export const LANES = 4;
/** End and node. */
const HIT_BYTES = 8;
/** Every byte of a lane may be a hit, and every byte of a block where the longest word is too long for lanes. */
const HITS_BYTES = (BLOCK_BYTES / LANES) * HIT_BYTES;
const HITS_BEHIND_BYTES = BLOCK_BYTES * HIT_BYTES;
/** Vectors are read past the end of a text; what lies there does not count. */
const PAST_BYTES = 64;

const TEXT = 4096;
const HITS = TEXT + BLOCK_BYTES + PAST_BYTES;

/** Where things lie in the memory. What grows with the rules comes last. */
export const AT = {
  /** Where the hits of each lane end, and those behind the lanes. */
  hitEnds: 0,
  /** Class of each byte, twice: that is its offset in a row of the table. */
  classes: 256,
  /** Of each set of bytes what its lower halves belong to, and its upper ones: a byte is in it where both share a bit. */
  sets: 512,
  text: TEXT,
  /** Of the lanes, and then of what is behind them. */
  hits: Array.from({ length: LANES + 1 }, (_, index) => HITS + index * HITS_BYTES),
  table: HITS + LANES * HITS_BYTES + HITS_BEHIND_BYTES,
} as const;

export const SET_BYTES = 32;
export const SETS_MAX = (AT.text - AT.sets) / SET_BYTES;
/** Lengths of runs that are looked for. */
export const RUN_LENGTHS = [8, 15, 24] as const;

/** The state after a byte: a row of the table has 64 entries of two bytes. */
function nextState(state: I32, place: I32): I32 {
  return load16(add(shiftLeft(state, i32(7)), load8(load8(place, AT.text), AT.classes)), AT.table);
}

function note(out: Number32, end: I32, state: I32): Statement[] {
  return [store32(out, end), store32(out, state, 4), increase(out, i32(HIT_BYTES))];
}

/** walk(state, from, to, firstEnd): goes through a text at one place; the state behind it. */
const walk = define('walk', 4, 'i32', ({ params, local }) => {
  const [state, at, to, firstEnd] = params as [Number32, Number32, Number32, Number32];
  const out = local('i32');
  return [
    set(out, i32(AT.hits[LANES] ?? 0)),
    loop('bytes', (again) => [
      when(less(at, to), [
        set(state, nextState(state, at)),
        increase(at, i32(1)),
        when(atLeast(state, firstEnd), note(out, at, state)),
        branch(again),
      ]),
    ]),
    store32(i32(AT.hitEnds + 4 * LANES), out),
    giveBack(state),
  ];
});

/**
 * lanes(state, lane, firstEnd, longest): goes through as many lanes of a text at once, because each look-up waits for the
 * one before it. The state where a lane begins is that of the bytes before it, and of no more than the longest text.
 */
const lanes = define('lanes', 4, 'i32', ({ params, local }) => {
  const [first, lane, firstEnd, longest] = params as [Number32, Number32, Number32, Number32];
  const end = local('i32');
  const all = Array.from({ length: LANES }, (_, index) => ({
    state: index === 0 ? first : local('i32'),
    at: local('i32'),
    out: local('i32'),
  }));
  const [{ at: firstAt }, last] = [all[0], all[LANES - 1]] as [(typeof all)[0], (typeof all)[0]];
  const belowEnds = all.map(({ state }): I32 => subtract(state, firstEnd)).reduce(and);
  return [
    ...all.flatMap(({ state, at, out }, index) => [
      set(out, i32(AT.hits[index] ?? 0)),
      ...(index === 0
        ? []
        : [
            set(state, i32(0)),
            increase(end, lane),
            set(at, subtract(end, longest)),
            loop('before', (again) => [
              when(less(at, end), [set(state, nextState(state, at)), increase(at, i32(1)), branch(again)]),
            ]),
          ]),
    ]),
    loop('bytes', (again) => [
      ...all.map(({ state, at }) => set(state, nextState(state, at))),
      ...all.map(({ at }) => increase(at, i32(1))),
      // Nothing is said where all differences are negative.
      when(
        lessSigned(i32(-1), belowEnds),
        all.map(({ state, at, out }) => when(atLeast(state, firstEnd), note(out, at, state))),
      ),
      branchIf(less(firstAt, lane), again),
    ]),
    ...all.map(({ out }, index) => store32(i32(AT.hitEnds + 4 * index), out)),
    giveBack(last.state),
  ];
});

/** A bit for each of the sixteen bytes at a place: whether it is in the set. */
function membersAt(place: I32, offset: number, which: I32, bytes: Local<'v128'>): [Statement, I32] {
  const lower = pick8(load128(which, AT.sets), and128(bytes, bytes16(15)));
  const upper = pick8(load128(which, AT.sets + 16), and128(shiftRight16(bytes, i32(4)), bytes16(15)));
  return [set(bytes, load128(place, AT.text + offset)), upperBits8(differ8(and128(lower, upper), bytes16(0)))];
}

const WINDOW = 64;

/** runN(from, to, set): where the first N bytes in a row begin that are in a set; -1 when there are none. */
function runOf(length: number): FunctionBody {
  return define(`run${length}`, 3, 'i32', ({ params, local }) => {
    const [at, to, which] = params as [Number32, Number32, Number32];
    const bytes = local('v128');
    const members = local('i64');
    const shrink: Statement[] = [];
    for (let covered = 1; covered < length; ) {
      const by = Math.min(covered, length - covered);
      shrink.push(set(members, and64(members, shiftRight64(members, i64(BigInt(by))))));
      covered += by;
    }
    return [
      loop('windows', (again) => [
        when(atLeast(at, to), [giveBack(i32(-1))]),
        set(members, i64(0n)),
        ...[0, 16, 32, 48].flatMap((offset) => {
          const [take, bits] = membersAt(at, offset, which, bytes);
          return [take, set(members, or64(members, shiftLeft64(extend64(bits), i64(BigInt(offset)))))];
        }),
        when(less(subtract(to, at), i32(WINDOW)), [
          set(members, and64(members, subtract64(shiftLeft64(i64(1n), extend64(subtract(to, at))), i64(1n)))),
        ]),
        ...shrink,
        when(isZero(isZero64(members)), [giveBack(add(at, low32(zerosBehind64(members))))]),
        // A run that begins in what is left of the window ends in it too.
        increase(at, i32(WINDOW - length + 1)),
        branch(again),
      ]),
      giveBack(i32(-1)),
    ];
  });
}

/** runEnd(from, to, set): where the first byte is that is not in a set, or `to`. */
const runEnd = define('runEnd', 3, 'i32', ({ params, local }) => {
  const [at, to, which] = params as [Number32, Number32, Number32];
  const bytes = local('v128');
  const others = local('i32');
  const [take, bits] = membersAt(at, 0, which, bytes);
  return [
    loop('bytes', (again) => [
      when(atLeast(at, to), [giveBack(to)]),
      take,
      set(others, subtract(i32(0xffff), bits)),
      when(isZero(others), [increase(at, i32(16)), branch(again)]),
      increase(at, zerosBehind(others)),
    ]),
    when(more(at, to), [giveBack(to)]),
    giveBack(at),
  ];
});

/** newlines(from, to): how many lines end there. */
const newlines = define('newlines', 2, 'i32', ({ params, local }) => {
  const [at, to] = params as [Number32, Number32];
  const count = local('i32');
  const bits = upperBits8(equal8(load128(at, AT.text), bytes16(10)));
  return [
    loop('bytes', (again) => [
      when(less(at, to), [
        when(
          less(subtract(to, at), i32(16)),
          [increase(count, onesIn(and(bits, subtract(shiftLeft(i32(1), subtract(to, at)), i32(1)))))],
          [increase(count, onesIn(bits))],
        ),
        increase(at, i32(16)),
        branch(again),
      ]),
    ]),
    giveBack(count),
  ];
});

export const PROGRAMS: readonly FunctionBody[] = [walk, lanes, ...RUN_LENGTHS.map(runOf), runEnd, newlines];
