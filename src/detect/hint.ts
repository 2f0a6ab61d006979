/** What was perhaps meant by a name that nobody knows. */
import { HINT_STEPS_MAX } from './limits.ts';

/** As far as a slip of the fingers goes: a third of the letters. */
const DISTANCE_SHARE = 3;
/** Longer names are no slips. */
const NAME_LENGTH_MAX = 80;

/** Names to look through for one that was perhaps meant. */
export interface Meant {
  readonly name: string;
  readonly known: Iterable<string>;
}

/**
 * Hints for the mistakes of one file. All of them together have a bound, so that a file of nothing but unknown names costs no more
 * than reading it; the same name is looked for once.
 */
export class Hints {
  #left = HINT_STEPS_MAX;
  readonly #found = new Map<Iterable<string>, Map<string, string | undefined>>();

  for({ name, known }: Meant): string | undefined {
    const best = this.#nearest(name, known);
    return best === undefined ? undefined : `did you mean "${best}"?`;
  }

  #nearest(name: string, known: Iterable<string>): string | undefined {
    if (this.#left <= 0 || name.length > NAME_LENGTH_MAX) return undefined;
    const found = this.#found.get(known) ?? new Map<string, string | undefined>();
    this.#found.set(known, found);
    if (!found.has(name)) {
      const { best, steps } = search(name, known, this.#left);
      this.#left -= steps;
      found.set(name, best);
    }
    return found.get(name);
  }
}

export function findNearest(name: string, known: Iterable<string>): string | undefined {
  return search(name, known, HINT_STEPS_MAX).best;
}

function search(name: string, known: Iterable<string>, most: number): { best: string | undefined; steps: number } {
  let best: string | undefined;
  let steps = 0;
  if (name.length > NAME_LENGTH_MAX) return { best, steps };
  let least = Math.max(2, Math.floor(name.length / DISTANCE_SHARE)) + 1;
  const letters = lettersOf(name);
  for (const one of known) {
    steps += one.length;
    if (Math.abs(one.length - name.length) >= least || lettersApart(letters, lettersOf(one)) >= least) continue;
    steps += name.length * one.length;
    // With what is left unlooked at the nearest is not known, and a hint that leads astray is worse than none.
    if (steps > most) return { best: undefined, steps };
    const distance = distanceOf(name, one);
    if (distance < least) [best, least] = [one, distance];
  }
  return { best, steps };
}

/** A bit for each letter that is in it, of 32 kinds. */
function lettersOf(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits |= 1 << (text.charCodeAt(i) & 31);
  return bits;
}

/** At least so many letters must be changed: those that only one of the two has. */
function lettersApart(a: number, b: number): number {
  return Math.max(countBits(a & ~b), countBits(b & ~a));
}

function countBits(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}

/** Letters to change, add or take away, two swapped ones counted once. */
function distanceOf(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, i) => i)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
