import { compareDigits, type Ordering } from './ordering.ts';
import { comparePrerelease } from './semver.ts';

/** NuGet's versions (learn.microsoft.com, "Package versioning"): SemVer 2.0 with a fourth number, case of no account. */
export const nuget: Ordering = {
  name: 'nuget',
  ecosystems: ['NuGet'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (!left || !right) return null;
    for (let at = 0; at < 4; at++) {
      const order = compareDigits(left.numbers[at] ?? '0', right.numbers[at] ?? '0');
      if (order !== 0) return order;
    }
    return comparePrerelease(left.prerelease, right.prerelease);
  },
};

const PATTERN = /^v?(\d+(?:\.\d+){0,3})(?:-([0-9a-z-]+(?:\.[0-9a-z-]+)*))?(?:\+[0-9a-z.-]*)?$/;

function parse(text: string): { numbers: string[]; prerelease: string[] } | null {
  const match = PATTERN.exec(text.trim().toLowerCase());
  if (!match) return null;
  const [, numbers = '', prerelease] = match;
  return { numbers: numbers.split('.'), prerelease: prerelease === undefined ? [] : prerelease.split('.') };
}
