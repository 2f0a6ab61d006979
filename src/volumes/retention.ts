/** How many copies stay: the last ones, and the newest of each day, week and month, as far back as said. */
export interface Keep {
  readonly last: number;
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
}

export const KEEP_DEFAULT: Keep = { last: 3, daily: 7, weekly: 4, monthly: 6 };

/**
 * Those of the copies that no rule keeps; the newest always stays. Times are RFC 3339, days those of UTC. One of a time still
 * to come was made while the clock was ahead: it stays, and takes the place of none that was made since.
 */
export function expiredCopies<T extends { readonly createdAt: string }>(
  copies: readonly T[],
  keep: Keep,
  now: Date,
): T[] {
  const newest = copies
    .filter(({ createdAt }) => Date.parse(createdAt) <= now.getTime())
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  const kept = new Set<T>(newest.slice(0, Math.max(1, keep.last)));
  for (const [period, count] of [
    [(at: string) => at.slice(0, 10), keep.daily],
    [weekOf, keep.weekly],
    [(at: string) => at.slice(0, 7), keep.monthly],
  ] as const) {
    const seen = new Set<string>();
    for (const copy of newest) {
      const name = period(copy.createdAt);
      if (seen.has(name)) continue;
      if (seen.size >= count) break;
      seen.add(name);
      kept.add(copy);
    }
  }
  return newest.filter((copy) => !kept.has(copy));
}

/** The Monday of its week. */
function weekOf(at: string): string {
  const day = new Date(at);
  day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  return day.toISOString().slice(0, 10);
}
