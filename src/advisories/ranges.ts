import type { Ordering } from './orderings/ordering.ts';
import type { VersionInterval } from './record.ts';

/** One event of an OSV range. */
export interface RangeEvent {
  readonly introduced?: string;
  readonly fixed?: string;
  readonly last_affected?: string;
  readonly limit?: string;
}

/**
 * Turns OSV events into intervals (OSV schema, "Evaluation"): sorted by version, `introduced` opens, `fixed`, `limit` and
 * `last_affected` close. Events of versions that the ordering does not know keep the place they were written in.
 */
export function toIntervals(events: readonly RangeEvent[], ordering: Ordering | null): VersionInterval[] {
  const versionOf = (event: RangeEvent): string =>
    event.introduced ?? event.fixed ?? event.last_affected ?? event.limit ?? '0';
  const rank = (event: RangeEvent): number => (event.introduced !== undefined ? 1 : 0);
  const compare = (a: RangeEvent, b: RangeEvent): number => {
    const [left, right] = [versionOf(a), versionOf(b)];
    if (left === right) return rank(a) - rank(b);
    if (left === '0' || right === '0') return left === '0' ? -1 : 1;
    return ordering?.compare(left, right) ?? 0;
  };
  const intervals: VersionInterval[] = [];
  let open: string | null | undefined;
  for (const event of [...events].sort(compare)) {
    if (event.introduced !== undefined) {
      if (open === undefined) open = event.introduced === '0' ? null : event.introduced;
      continue;
    }
    if (open === undefined || event.limit === '*') continue;
    intervals.push({
      introduced: open,
      fixed: event.fixed ?? event.limit ?? null,
      lastAffected: event.last_affected ?? null,
    });
    open = undefined;
  }
  if (open !== undefined) intervals.push({ introduced: open, fixed: null, lastAffected: null });
  return intervals;
}

/** Whether a version lies in an interval. A version that cannot be compared lies in none. */
export function isInside(version: string, interval: VersionInterval, ordering: Ordering): boolean {
  const { introduced, fixed, lastAffected } = interval;
  const against = (other: string): number | null => ordering.compare(version, other);
  if (introduced !== null) {
    const order = against(introduced);
    if (order === null || order < 0 || (order === 0 && interval.isAfter)) return false;
  }
  if (fixed !== null) {
    const order = against(fixed);
    return order !== null && order < 0;
  }
  if (lastAffected !== null) {
    const order = against(lastAffected);
    return order !== null && order <= 0;
  }
  return introduced !== null || ordering.compare(version, version) !== null;
}
