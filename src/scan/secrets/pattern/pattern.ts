import { type Anchor, findNeeds, type Needs } from './anchor.ts';
import { Automaton, type Stretch } from './automaton.ts';
import { findGroups } from './groups.ts';
import { compileProgram, type Program } from './program.ts';
import { parsePattern } from './syntax.ts';

export type { Anchor, Needs, RunAnchor } from './anchor.ts';
export type { Stretch } from './automaton.ts';
export { PatternError } from './syntax.ts';

export interface PatternMatch {
  readonly start: number;
  readonly end: number;
}

/**
 * A regular expression of RE2's syntax that finds what Go's `regexp` would find, in time that grows with the text and the
 * pattern and never with their mischief. See decisions/0019.
 */
export class LinearPattern {
  readonly source: string;
  readonly groups: number;
  readonly #needs: () => Needs;
  readonly #forward: Program;
  readonly #backward: () => Automaton;
  readonly #ends: () => Automaton;

  /** @throws PatternError */
  constructor(source: string) {
    const { pattern, groups } = parsePattern(source);
    this.source = source;
    this.groups = groups;
    this.#needs = once(() => findNeeds(pattern));
    this.#forward = compileProgram(pattern, 'forward');
    this.#ends = once(() => new Automaton(this.#forward));
    this.#backward = once(() => new Automaton(compileProgram(pattern, 'backward'), { longest: true }));
  }

  get needs(): Needs {
    return this.#needs();
  }

  /** The first match that begins from `first` to `last`. */
  find(stretch: Stretch, first: number, last: number): PatternMatch | null {
    const end = this.#ends().findEnd(stretch, first, last);
    if (end < 0) return null;
    const start = first === last ? first : this.#backward().findStart(stretch, end, first);
    return { start, end };
  }

  /** Whether a match that begins at a place may still go on after some bytes. */
  mayBegin(stretch: Stretch, place: number, bytes: number): boolean {
    return this.#ends().mayBegin(stretch, place, bytes);
  }

  /** Of places where a match may begin those that are worth `find`; cheaper than that for many of them. */
  sieve(stretch: Stretch, places: readonly number[]): readonly number[] {
    return this.#ends().sieve(stretch, places);
  }

  /** Start and end of each group of a match, -1 where it took no part; null for a match too long to look into. */
  groupsOf(stretch: Stretch, match: PatternMatch): Int32Array | null {
    return findGroups(this.#forward, stretch, match, this.groups);
  }

  /** Whether some part of a text matches. */
  test(text: string | Uint8Array): boolean {
    if (typeof text === 'string' && !mayMatch(text, this.needs.anchor)) return false;
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    return this.#ends().findEnd({ bytes, isStart: true, isEnd: true }, 0, bytes.length) >= 0;
  }
}

/** Nearly all names hold none of the texts that a match must hold. */
function mayMatch(text: string, anchor: Anchor | null): boolean {
  if (anchor === null) return true;
  const lower = text.toLowerCase();
  // An anchor names bytes, which letters beyond ASCII have several of.
  return anchor.literals.some((literal) => Buffer.byteLength(literal) > literal.length || lower.includes(literal));
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
