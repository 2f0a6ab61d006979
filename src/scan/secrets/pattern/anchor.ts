import { ANCHOR_LITERALS_MAX } from './limits.ts';
import type { ByteSet, Pattern } from './syntax.ts';

/**
 * Texts one of which every match holds, in lower case, and how many bytes of a match may stand before it. Whoever finds
 * these texts knows all places where a match can begin.
 */
export interface Anchor {
  readonly literals: readonly string[];
  readonly minBefore: number;
  readonly maxBefore: number;
}

/** Further from the start than this, an anchor would not narrow much. */
const BEFORE_MAX = 256;
const LITERAL_MAX_LENGTH = 24;
/** A single letter stands everywhere. */
const LITERAL_MIN_LENGTH = 2;

/** The best anchor of a pattern: long texts near the start; null when it has none. */
export function findAnchor(pattern: Pattern): Anchor | null {
  return anchorOf(pattern, 0, 0);
}

function anchorOf(pattern: Pattern, minBefore: number, maxBefore: number): Anchor | null {
  if (maxBefore > BEFORE_MAX) return null;
  switch (pattern.kind) {
    case 'empty':
    case 'assert':
      return null;
    case 'group':
      return anchorOf(pattern.of, minBefore, maxBefore);
    case 'repeat':
      return pattern.min > 0 ? anchorOf(pattern.of, minBefore, maxBefore) : null;
    case 'set':
      return null;
    case 'choice': {
      const whole = literalsOf(pattern);
      if (whole !== null) return usable(whole, minBefore, maxBefore);
      const anchors = pattern.parts.map((part) => anchorOf(part, minBefore, maxBefore));
      if (anchors.some((anchor) => anchor === null)) return null;
      const all = anchors as Anchor[];
      return usable(
        all.flatMap(({ literals }) => literals),
        Math.min(...all.map((anchor) => anchor.minBefore)),
        Math.max(...all.map((anchor) => anchor.maxBefore)),
      );
    }
    case 'concat':
      return anchorOfConcat(pattern.parts, minBefore, maxBefore);
  }
}

/** Neighbouring parts that stand for few texts are joined: `sk` `[-_]` `live` stands for two. */
function anchorOfConcat(parts: readonly Pattern[], minBefore: number, maxBefore: number): Anchor | null {
  let best: Anchor | null = null;
  let run: string[] = [''];
  let runMin = minBefore;
  let runMax = maxBefore;
  let min = minBefore;
  let max = maxBefore;
  const close = (): void => {
    best = better(best, usable(run, runMin, runMax));
    run = [''];
  };
  for (const part of parts) {
    const literals = literalsOf(part);
    const joined = literals?.flatMap((end) => run.map((start) => start + end)) ?? null;
    const fits = joined !== null && joined.length <= ANCHOR_LITERALS_MAX && longest(joined) <= LITERAL_MAX_LENGTH;
    const [partMin, partMax] = lengthOf(part);
    if (fits) {
      run = joined;
    } else {
      close();
      best = better(best, anchorOf(part, min, max));
      runMin = min + partMin;
      runMax = max + partMax;
      if (literals !== null && longest(literals) <= LITERAL_MAX_LENGTH) {
        run = [...literals];
        runMin = min;
        runMax = max;
      }
    }
    min += partMin;
    max += partMax;
  }
  close();
  return best;
}

function longest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => text.length));
}

function shortest(texts: readonly string[]): number {
  return Math.min(...texts.map((text) => text.length));
}

function usable(literals: readonly string[], minBefore: number, maxBefore: number): Anchor | null {
  const distinct = [...new Set(literals)];
  const isUsable =
    distinct.length > 0 &&
    distinct.length <= ANCHOR_LITERALS_MAX &&
    shortest(distinct) >= LITERAL_MIN_LENGTH &&
    maxBefore <= BEFORE_MAX;
  return isUsable ? { literals: distinct, minBefore, maxBefore } : null;
}

function better(a: Anchor | null, b: Anchor | null): Anchor | null {
  if (a === null || b === null) return a ?? b;
  return worth(b) > worth(a) ? b : a;
}

function worth({ literals, minBefore, maxBefore }: Anchor): number {
  return Math.min(shortest(literals), 8) * 4 - Math.log2(literals.length) * 2 - (maxBefore - minBefore) / 8;
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
