import { compareDigits, type Ordering } from './ordering.ts';

/** Composer's versions (getcomposer.org, "Versions and constraints") in the order of PHP's version_compare(). */
export const composer: Ordering = {
  name: 'composer',
  ecosystems: ['Packagist'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (!left || !right) return null;
    return (
      compareNumbers(left.numbers, right.numbers) ||
      left.stability - right.stability ||
      compareNumbers(left.build, right.build) ||
      left.dev - right.dev
    );
  },
};

interface Version {
  readonly numbers: string[];
  readonly stability: number;
  readonly build: string[];
  /** -1 for what leads to the pre-release it names (1.0-beta2-dev). */
  readonly dev: number;
}

const STABILITIES: Readonly<Record<string, number>> = {
  a: -3,
  alpha: -3,
  b: -2,
  beta: -2,
  rc: -1,
  stable: 0,
  p: 1,
  pl: 1,
  patch: 1,
};
/** "1.0-dev": below every pre-release of it. */
const DEVELOPMENT = -4;
const PATTERN =
  /^v?(\d+(?:[.-]\d+){0,5})(?:[._-]?(stable|beta|b|rc|alpha|a|patch|pl|p)[._-]?(\d+(?:[.-]\d+)*)?)?([._-]?dev)?(?:\+.*)?$/;

/** Branches ("dev-main") have no place among versions. */
function parse(text: string): Version | null {
  const match = PATTERN.exec(text.trim().toLowerCase());
  if (!match) return null;
  const [, numbers = '', word, build = '', dev] = match;
  return {
    numbers: numbers.split(/[.-]/),
    stability: word === undefined ? (dev === undefined ? 0 : DEVELOPMENT) : (STABILITIES[word] ?? 0),
    build: build === '' ? [] : build.split(/[.-]/),
    dev: dev === undefined ? 0 : -1,
  };
}

function compareNumbers(a: readonly string[], b: readonly string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = compareDigits(a[at] ?? '0', b[at] ?? '0');
    if (order !== 0) return order;
  }
  return 0;
}
