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
  const left = withoutZeros(a);
  const right = withoutZeros(b);
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

function withoutZeros(digits: string): string {
  return digits.startsWith('0') ? digits.replace(/^0+/, '') : digits;
}

/**
 * A parser that knows the text it parsed last: one version of a package is compared with the ends of all the ranges that
 * its advisories name.
 */
export function rememberLast<Parsed>(parse: (text: string) => Parsed): (text: string) => Parsed {
  let last: { readonly text: string; readonly parsed: Parsed } | null = null;
  return (text) => {
    if (last?.text !== text) last = { text, parsed: parse(text) };
    return last.parsed;
  };
}
