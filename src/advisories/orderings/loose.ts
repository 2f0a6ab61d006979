import { compareDigits, type Ordering } from './ordering.ts';

/**
 * Versions that follow no standard, as upstream projects write them (1.1.1w, 9.2p1, 8.1.2-3, 6.0.0-rc2): numbers and
 * words in turn. Words of a pre-release are below the release, other words above it; a number behind a dash is a
 * revision, but for "-0", by which feeds mark where a pre-release may begin.
 */
export const loose: Ordering = {
  name: 'loose',
  ecosystems: ['Bitnami', 'Binary', 'JavaScript', 'ConanCenter', 'CRAN', 'Hackage', 'Bioconductor', 'opam', 'GHC'],
  compare(a, b) {
    const left = parse(a);
    const right = parse(b);
    if (!left || !right) return null;
    for (let at = 0; at < Math.max(left.length, right.length); at++) {
      const one = left[at];
      const other = right[at];
      const order = rankOf(one) - rankOf(other) || compareSame(one, other);
      if (order !== 0) return order;
    }
    return 0;
  },
};

const PRERELEASE = /^(?:dev|snapshot|nightly|alpha|beta|milestone|preview|pre|rc|cr|candidate|canary|next|unstable)$/;
const RELEASE = /^(?:final|ga|release|stable)$/;
const ORDER = ['dev', 'snapshot', 'nightly', 'canary', 'unstable', 'next', 'alpha', 'beta'];
/** Python's 3.13.0a1 is a pre-release; OpenSSL's 1.1.1a is a fix. */
const BEFORE_NUMBER: Readonly<Record<string, string>> = { a: 'alpha', b: 'beta', m: 'milestone', c: 'rc' };

function parse(text: string): string[] | null {
  const [version = ''] = text
    .trim()
    .toLowerCase()
    .replace(/^(?:v|release[-_])(?=\d)/, '')
    .split('+');
  if (!/^\d[\w.~-]*$/.test(version)) return null;
  const parts = version.match(/\d+|[a-z]+|-0$/g) ?? [];
  const kept = parts
    .map((part, at) => (isNumber(parts[at + 1]) ? (BEFORE_NUMBER[part] ?? part) : part))
    .filter((part) => !RELEASE.test(part));
  // 1.2 and 1.2.0 are one version; "-0" stays.
  while (/^0+$/.test(kept.at(-1) ?? '') && kept.length > 1 && isNumber(kept[kept.length - 2])) kept.pop();
  return kept;
}

function isNumber(part: string | undefined): boolean {
  const code = part?.charCodeAt(0) ?? 0;
  return code >= 0x30 && code <= 0x39;
}

/** A pre-release is below the end of the other version, which is below anything else. */
function rankOf(part: string | undefined): number {
  if (part === '-0') return -2;
  if (part === undefined) return 0;
  if (isNumber(part)) return /^0+$/.test(part) ? 0 : 2;
  return PRERELEASE.test(part) ? -1 : 1;
}

function compareSame(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return 0;
  if (isNumber(one) && isNumber(other)) return compareDigits(one, other);
  const rank = (word: string): number => {
    const at = ORDER.indexOf(word);
    return at < 0 ? ORDER.length : at;
  };
  return rank(one) - rank(other) || (one < other ? -1 : one > other ? 1 : 0);
}
