/** What was perhaps meant by a name that nobody knows. */

/** As far as a slip of the fingers goes: a third of the letters. */
const DISTANCE_SHARE = 3;
/** Longer names are no slips. */
const NAME_LENGTH_MAX = 80;

export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const best = findNearest(name, known);
  return best === undefined ? undefined : `did you mean "${best}"?`;
}

export function findNearest(name: string, known: Iterable<string>): string | undefined {
  if (name.length > NAME_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let least = Math.max(2, Math.floor(name.length / DISTANCE_SHARE)) + 1;
  for (const one of known) {
    if (Math.abs(one.length - name.length) >= least) continue;
    const distance = distanceOf(name, one);
    if (distance < least) [best, least] = [one, distance];
  }
  return best;
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
