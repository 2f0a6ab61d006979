import { ANCHOR_LITERALS_MAX } from './limits.ts';
import type { ByteSet, Pattern } from './syntax.ts';

/**
 * Texts one of which every match holds, in lower case, and how many bytes of a match may stand before it. Whoever finds
 * these texts knows all places where a match can begin.
 */
export interface Anchor {
  /** A letter for each byte (Latin-1), as patterns are over bytes. */
  readonly literals: readonly string[];
  readonly minBefore: number;
  readonly maxBefore: number;
}

/** What every match must hold, as far as it narrows where one can be. */
export interface Needs {
  /** Null: no text is sure to be in a match. */
  readonly anchor: Anchor | null;
  /** Texts further on, each list of which a match holds one of too: looked for where many matches only seem to begin. */
  readonly company: readonly Anchor[];
  /** Where there is no anchor: bytes of one kind in a row. */
  readonly run: RunAnchor | null;
}

/** As many bytes of one kind in a row, with so many of the match before them. */
export interface RunAnchor {
  /** The bytes that belong. */
  readonly bytes: readonly number[];
  readonly length: number;
  readonly minBefore: number;
  readonly maxBefore: number;
}

/** Further from the start than this, an anchor would not narrow much. */
const BEFORE_MAX = 256;
const LITERAL_MAX_LENGTH = 24;
/** A single letter stands everywhere. */
const LITERAL_MIN_LENGTH = 2;
/** Nearer than this, trying the pattern tells it as soon. */
const COMPANY_FROM = 64;
/** As far as company is looked for; all of it is known where a place is looked at. */
const COMPANY_MAX = 1024;
const COMPANY_LITERALS_MAX = 4;
/** More of them say little more. Long ones say most, and those far off: what is near, the pattern itself tells soon. */
const COMPANY_LISTS_MAX = 2;
/** Shorter runs are in every text. */
const RUN_MIN_LENGTH = 8;
/** Half of all texts hold these, so they tell little of a match. */
const COMMON = /https?:\/\/|www\./g;

/** What a pattern needs; its anchor is the best there is: long texts near the start. */
export function findNeeds(pattern: Pattern): Needs {
  const all = [...anchorsOf(pattern, 0, 0)];
  const anchor = all.filter(isUsable).reduce(better, null);
  const company = all
    .filter((one) => one !== anchor && one.maxBefore >= COMPANY_FROM && one.maxBefore <= COMPANY_MAX)
    // Each of them is held against each other.
    .filter(({ literals }) => literals.length <= ANCHOR_LITERALS_MAX)
    .map(fewer)
    .filter(({ literals }) => literals.length <= COMPANY_LITERALS_MAX && literals.every(isAscii))
    .sort((a, b) => shortest(b.literals) - shortest(a.literals) || b.maxBefore - a.maxBefore)
    .slice(0, COMPANY_LISTS_MAX);
  return { anchor, company, run: anchor === null ? runOf(pattern, 0, 0) : null };
}

/** An anchor names bytes; beyond ASCII a letter has several. */
function isAscii(text: string): boolean {
  return text !== '' && Buffer.byteLength(text) === text.length;
}

/**
 * The same with as few texts as can be looked for: one that holds another of the list says no more than that one, and
 * where there are many ways to begin, what follows is asked for.
 */
function fewer({ literals: all, minBefore, maxBefore }: Anchor): Anchor {
  for (let cut = 0; ; cut++) {
    const ends = [...new Set(all.map((one) => one.slice(cut)))];
    const literals = ends.filter((one) => !ends.some((other) => other !== one && one.includes(other)));
    if (literals.length <= COMPANY_LITERALS_MAX || cut + 1 >= shortest(all)) {
      // What stands for a longer text may begin further on, where it begins in that one.
      const within = ends.map((one) => Math.min(...literals.map((text) => one.indexOf(text)).filter((at) => at >= 0)));
      return { literals, minBefore: minBefore + cut, maxBefore: maxBefore + cut + Math.max(...within) };
    }
  }
}

/** Every list of texts that a match must hold one of. */
function* anchorsOf(pattern: Pattern, minBefore: number, maxBefore: number): Generator<Anchor> {
  switch (pattern.kind) {
    case 'empty':
    case 'assert':
    case 'set':
      return;
    case 'group':
      yield* anchorsOf(pattern.of, minBefore, maxBefore);
      return;
    case 'repeat':
      if (pattern.min > 0) yield* anchorsOf(pattern.of, minBefore, maxBefore);
      return;
    case 'choice': {
      const whole = literalsOf(pattern);
      if (whole !== null) {
        yield { literals: [...new Set(whole)], minBefore, maxBefore };
        return;
      }
      const best = pattern.parts.map((part) => {
        const own = [...anchorsOf(part, minBefore, maxBefore)];
        return own.filter(isUsable).reduce(better, null) ?? own.reduce(better, null);
      });
      if (best.some((one) => one === null)) return;
      const all = best as Anchor[];
      yield {
        literals: [...new Set(all.flatMap(({ literals }) => literals))],
        minBefore: Math.min(...all.map((one) => one.minBefore)),
        maxBefore: Math.max(...all.map((one) => one.maxBefore)),
      };
      return;
    }
    case 'concat':
      yield* anchorsOfConcat(pattern.parts, minBefore, maxBefore);
  }
}

/** Neighbouring parts that stand for few texts are joined: `sk` `[-_]` `live` stands for two. */
function* anchorsOfConcat(parts: readonly Pattern[], minBefore: number, maxBefore: number): Generator<Anchor> {
  let run: readonly string[] = [''];
  let runMin = minBefore;
  let runMax = maxBefore;
  let min = minBefore;
  let max = maxBefore;
  for (const part of parts) {
    const literals = literalsOf(part);
    const joined = literals?.flatMap((end) => run.map((start) => start + end)) ?? null;
    const fits = joined !== null && joined.length <= ANCHOR_LITERALS_MAX && longest(joined) <= LITERAL_MAX_LENGTH;
    const [partMin, partMax] = lengthOf(part);
    if (fits) {
      run = joined;
    } else {
      if (longest(run) > 0) yield { literals: [...new Set(run)], minBefore: runMin, maxBefore: runMax };
      yield* anchorsOf(part, min, max);
      run = [''];
      runMin = min + partMin;
      runMax = max + partMax;
      if (literals !== null && longest(literals) <= LITERAL_MAX_LENGTH) {
        run = literals;
        runMin = min;
        runMax = max;
      }
    }
    min += partMin;
    max += partMax;
  }
  if (longest(run) > 0) yield { literals: [...new Set(run)], minBefore: runMin, maxBefore: runMax };
}

/** The longest run of one kind of bytes near the start of a match; what may begin in several ways has none. */
function runOf(pattern: Pattern, minBefore: number, maxBefore: number): RunAnchor | null {
  if (maxBefore > BEFORE_MAX) return null;
  switch (pattern.kind) {
    case 'group':
      return runOf(pattern.of, minBefore, maxBefore);
    case 'repeat': {
      if (pattern.of.kind !== 'set' || pattern.min < RUN_MIN_LENGTH) return null;
      const { set } = pattern.of;
      const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => set[byte] !== 0);
      return { bytes, length: pattern.min, minBefore, maxBefore };
    }
    case 'concat': {
      let best: RunAnchor | null = null;
      let [min, max] = [minBefore, maxBefore];
      for (const part of pattern.parts) {
        const found = runOf(part, min, max);
        if (found !== null && (best === null || rarity(found) > rarity(best))) best = found;
        const [partMin, partMax] = lengthOf(part);
        min += partMin;
        max += partMax;
      }
      return best;
    }
    case 'empty':
    case 'assert':
    case 'set':
    case 'choice':
      return null;
  }
}

/** Bits that a random run of bytes would have to hit. */
function rarity({ bytes, length }: RunAnchor): number {
  return length * (8 - Math.log2(Math.max(bytes.length, 1)));
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function shortest(texts: readonly string[]): number {
  return Math.min(...texts.map((text) => text.length));
}

function isUsable({ literals, maxBefore }: Anchor): boolean {
  return (
    literals.length > 0 &&
    literals.length <= ANCHOR_LITERALS_MAX &&
    shortest(literals) >= LITERAL_MIN_LENGTH &&
    maxBefore <= BEFORE_MAX
  );
}

function better(a: Anchor | null, b: Anchor | null): Anchor | null {
  if (a === null || b === null) return a ?? b;
  return worth(b) > worth(a) ? b : a;
}

function worth({ literals, minBefore, maxBefore }: Anchor): number {
  const least = Math.min(...literals.map((literal) => Math.max(literal.replace(COMMON, '').length, 1)), 8);
  return least * 4 - Math.log2(literals.length) * 2 - (maxBefore - minBefore) / 8;
}

/** All texts that a pattern can be, in lower case; null when there are many. */
function literalsOf(pattern: Pattern): readonly string[] | null {
  switch (pattern.kind) {
    case 'empty':
      return [''];
    // It takes no bytes; what it asks is asked later.
    case 'assert':
      return [''];
    case 'set':
      return lettersOf(pattern.set);
    case 'group':
      return literalsOf(pattern.of);
    case 'choice': {
      const parts = pattern.parts.map(literalsOf);
      if (parts.some((part) => part === null)) return null;
      return few([...new Set(parts.flatMap((part) => part ?? []))]);
    }
    case 'concat': {
      let texts: readonly string[] = [''];
      for (const part of pattern.parts) {
        const next = literalsOf(part);
        const joined = next && few(next.flatMap((end) => texts.map((start) => start + end)));
        if (!joined) return null;
        texts = joined;
      }
      return texts;
    }
    case 'repeat': {
      if (pattern.max > LITERAL_MAX_LENGTH) return null;
      const of = literalsOf(pattern.of);
      if (of === null) return null;
      const texts = new Set<string>();
      let current: readonly string[] = [''];
      for (let count = 0; count <= pattern.max; count++) {
        if (count >= pattern.min) for (const text of current) texts.add(text);
        const next = few(of.flatMap((end) => current.map((start) => start + end)));
        if (next === null && count < pattern.max) return null;
        current = next ?? [];
      }
      return few([...texts]);
    }
  }
}

function few(texts: readonly string[]): readonly string[] | null {
  return texts.length <= ANCHOR_LITERALS_MAX && longest(texts) <= LITERAL_MAX_LENGTH * 2 ? texts : null;
}

const LETTERS_MAX = 4;

function lettersOf(set: ByteSet): readonly string[] | null {
  const letters = new Set<string>();
  for (let byte = 0; byte < 256; byte++) {
    if (set[byte] === 0) continue;
    letters.add(String.fromCharCode(byte >= 65 && byte <= 90 ? byte + 32 : byte));
    if (letters.size > LETTERS_MAX) return null;
  }
  return [...letters];
}

/** Least and most bytes that a pattern takes. */
export function lengthOf(pattern: Pattern): readonly [number, number] {
  switch (pattern.kind) {
    case 'empty':
    case 'assert':
      return [0, 0];
    case 'set':
      return [1, 1];
    case 'group':
      return lengthOf(pattern.of);
    case 'choice': {
      const lengths = pattern.parts.map(lengthOf);
      return [Math.min(...lengths.map(([min]) => min)), Math.max(...lengths.map(([, max]) => max))];
    }
    case 'concat':
      return pattern.parts.map(lengthOf).reduce(([min, max], [least, most]) => [min + least, max + most], [0, 0]);
    case 'repeat': {
      const [min, max] = lengthOf(pattern.of);
      return [min * pattern.min, pattern.max === 0 || max === 0 ? 0 : max * pattern.max];
    }
  }
}
