import { compareDigits, type Ordering, rememberLast } from './ordering.ts';

/** Semantic Versioning 2.0.0, section 11; npm tolerates a `v` before it. Missing parts are zero. */
export const semver: Ordering = {
  name: 'semver',
  ecosystems: ['npm', 'crates.io', 'Hex', 'Pub', 'SwiftURL', 'Julia', 'GitHub Actions', 'VSCode'],
  compare(a, b) {
    const left = parseFirst(a);
    const right = parse(b);
    if (!left || !right) return null;
    for (let at = 0; at < 3; at++) {
      const order = compareDigits(left.core[at] ?? '0', right.core[at] ?? '0');
      if (order !== 0) return order;
    }
    return comparePrerelease(left.prerelease, right.prerelease);
  },
};

const parseFirst = rememberLast(parse);

const PATTERN = /^[v=\s]*(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-?([0-9A-Za-z][0-9A-Za-z.-]*))?(?:\+[0-9A-Za-z.-]*)?$/;

function parse(text: string): { core: string[]; prerelease: string[] } | null {
  const match = PATTERN.exec(text.trim());
  if (!match) return null;
  const [, major = '0', minor = '0', patch = '0', prerelease = ''] = match;
  return { core: [major, minor, patch], prerelease: prerelease === '' ? [] : prerelease.split('.') };
}

export function comparePrerelease(a: string[], b: string[]): number {
  if (a.length === 0 || b.length === 0) return (a.length === 0 ? 1 : 0) - (b.length === 0 ? 1 : 0);
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const left = a[at];
    const right = b[at];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    const isLeftNumber = /^\d+$/.test(left);
    const isRightNumber = /^\d+$/.test(right);
    if (isLeftNumber !== isRightNumber) return isLeftNumber ? -1 : 1;
    const order = isLeftNumber ? compareDigits(left, right) : left < right ? -1 : left > right ? 1 : 0;
    if (order !== 0) return order;
  }
  return 0;
}
