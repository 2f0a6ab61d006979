import { spendMembers } from './cel-budget.ts';
import { isQuantity, nanosOf } from './cel-kubernetes.ts';

/** A span of time as Go writes it, `1h30m`, in seconds; null: it is none. */
export function secondsOf(text: string): number | null {
  const whole = /^([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.exec(text);
  if (whole === null) return text === '0' || text === '+0' || text === '-0' ? 0 : null;
  let seconds = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    seconds += Number(amount) * (SECONDS[unit ?? ''] ?? 0);
  }
  return whole[1] === '-' ? -seconds : seconds;
}

const SECONDS: Readonly<Record<string, number>> = {
  ...{ ns: 1e-9, us: 1e-6, µs: 1e-6, μs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 },
};

/** A span of time in the words of Go: `1h30m0s`. */
export function durationText(seconds: number): string {
  if (seconds === 0) return '0s';
  const sign = seconds < 0 ? '-' : '';
  const all = Math.abs(seconds);
  if (all < 1) return `${sign}${all * 1000}ms`;
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor((all % 3600) / 60);
  const rest = `${Number((all % 60).toFixed(9))}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${sign}${minutes}m${rest}` : `${sign}${rest}`;
}

/** -1, 0 or 1 for two amounts of Kubernetes; null: one of them is none. */
export function compareAmounts(a: string, b: string): number | null {
  if (!isQuantity(a) || !isQuantity(b)) return null;
  const [x, y] = [nanosOf(a), nanosOf(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Whether a text has the form of a pattern with `*` (any characters) and `?` (one); in time of both lengths. */
export function matchesWildcard(pattern: string, text: string): boolean {
  let [at, place, star, mark] = [0, 0, -1, 0];
  while (place < text.length) {
    if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[place]) && pattern[at] !== '*') {
      at += 1;
      place += 1;
    } else if (pattern[at] === '*') {
      star = at;
      mark = place;
      at += 1;
    } else if (star >= 0) {
      spendMembers(1);
      at = star + 1;
      mark += 1;
      place = mark;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

export function hasWildcard(text: string): boolean {
  return /[*?]/.test(text);
}
