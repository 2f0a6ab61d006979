import { compareDigits, type Ordering, rememberLast } from './ordering.ts';

/** PEP 440, "Summary of permitted suffixes and relative ordering", after the normalisations it asks for. */
export const pypi: Ordering = {
  name: 'pypi',
  ecosystems: ['PyPI'],
  compare(a, b) {
    const left = parseFirst(a);
    const right = parse(b);
    if (!left || !right) return null;
    return (
      compareDigits(left.epoch, right.epoch) ||
      compareRelease(left.release, right.release) ||
      comparePre(left, right) ||
      compareOptional(left.post, right.post, -1) ||
      compareOptional(left.dev, right.dev, 1) ||
      compareLocal(left.local, right.local)
    );
  },
};

const parseFirst = rememberLast(parse);

interface Version {
  readonly epoch: string;
  readonly release: string[];
  readonly pre: { readonly rank: number; readonly number: string } | null;
  readonly post: string | null;
  readonly dev: string | null;
  readonly local: string[] | null;
}

const PATTERN =
  /^v?(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[._-]?(a|alpha|b|beta|c|rc|pre|preview)[._-]?(\d*))?(?:-(\d+)|[._-]?(post|rev|r)[._-]?(\d*))?(?:[._-]?(dev)[._-]?(\d*))?(?:\+([a-z0-9]+(?:[._-][a-z0-9]+)*))?$/;
const RANKS: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 };

function parse(text: string): Version | null {
  const match = PATTERN.exec(text.trim().toLowerCase());
  if (!match) return null;
  const [, epoch, release = '', pre, preNumber, barePost, post, postNumber, dev, devNumber, local] = match;
  return {
    epoch: epoch ?? '0',
    release: release.split('.'),
    pre: pre ? { rank: RANKS[pre] ?? 0, number: preNumber || '0' } : null,
    post: barePost ?? (post ? postNumber || '0' : null),
    dev: dev ? devNumber || '0' : null,
    local: local ? local.split(/[._-]/) : null,
  };
}

function compareRelease(a: string[], b: string[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = compareDigits(a[at] ?? '0', b[at] ?? '0');
    if (order !== 0) return order;
  }
  return 0;
}

/** 1.0.dev1 < 1.0a1 < 1.0: without a pre-release a version comes last, unless it is just a development release. */
function comparePre(a: Version, b: Version): number {
  const rank = (version: Version): number => {
    if (version.pre) return version.pre.rank;
    return version.dev !== null && version.post === null ? -1 : 3;
  };
  return rank(a) - rank(b) || (a.pre && b.pre ? compareDigits(a.pre.number, b.pre.number) : 0);
}

function compareOptional(a: string | null, b: string | null, whenMissing: -1 | 1): number {
  if (a === null || b === null) return (a === null ? whenMissing : 0) - (b === null ? whenMissing : 0);
  return compareDigits(a, b);
}

function compareLocal(a: string[] | null, b: string[] | null): number {
  if (!a || !b) return (a ? 1 : 0) - (b ? 1 : 0);
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const left = a[at];
    const right = b[at];
    if (left === undefined) return -1;
    if (right === undefined) return 1;
    const isLeftNumber = /^\d+$/.test(left);
    const isRightNumber = /^\d+$/.test(right);
    if (isLeftNumber !== isRightNumber) return isLeftNumber ? 1 : -1;
    const order = isLeftNumber ? compareDigits(left, right) : left < right ? -1 : left > right ? 1 : 0;
    if (order !== 0) return order;
  }
  return 0;
}
