/**
 * How one ecosystem orders its versions. Negative, zero or positive like `Array.sort`; null when a text is no version of
 * this ecosystem, because a guess would make findings appear or vanish.
 */
export interface Ordering {
  readonly name: string;
  /** Ecosystems of OSV that it holds for, without what follows a colon. */
  readonly ecosystems: readonly string[];
  compare(a: string, b: string): number | null;
}

/** Digits of any length, without going through a number. */
export function compareDigits(a: string, b: string): number {
  const left = a.replace(/^0+/, '');
  const right = b.replace(/^0+/, '');
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}
