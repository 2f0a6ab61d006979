import { semver } from './orderings/semver.ts';
import type { VersionInterval } from './record.ts';

/**
 * Reads an npm version range (node-semver, "Ranges") into intervals: `||`, comparators, hyphens, x, tilde and caret.
 * Null when a part cannot be read. What lies just above a version is its next patch's lowest pre-release.
 */
export function parseNpmRange(range: string): VersionInterval[] | null {
  const intervals: VersionInterval[] = [];
  for (const alternative of range.split('||')) {
    const interval = parseAlternative(alternative.trim());
    if (interval === null) return null;
    intervals.push(interval);
  }
  return intervals;
}

interface Bounds {
  low: string | null;
  high: string | null;
  isHighInside: boolean;
}

function parseAlternative(text: string): VersionInterval | null {
  const bounds: Bounds = { low: null, high: null, isHighInside: false };
  const hyphen = /^(\S+)\s+-\s+(\S+)$/.exec(text);
  const comparators = hyphen
    ? [`>=${hyphen[1]}`, `<=${hyphen[2]}`]
    : text
        .replace(/([<>=~^]+)\s+/g, '$1')
        .split(/[\s,]+/)
        .filter((part) => part !== '');
  for (const comparator of comparators) if (!narrow(bounds, comparator)) return null;
  return {
    introduced: bounds.low,
    fixed: bounds.isHighInside ? null : bounds.high,
    lastAffected: bounds.isHighInside ? bounds.high : null,
  };
}

const PART = /^(<=|>=|<|>|=|~>?|\^)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(-[0-9A-Za-z.-]+)?(?:\+\S*)?$/;

/** Of two comparators of one side the narrower counts: ">=5.0.3 >=4.2.1" begins with 5.0.3. */
function narrow(bounds: Bounds, comparator: string): boolean {
  if (comparator === '' || comparator === '*') return true;
  const match = PART.exec(comparator);
  if (!match) return false;
  const [, operator = '=', ...parts] = match;
  const numbers: number[] = [];
  for (const part of parts.slice(0, 3)) {
    if (part === undefined || /[xX*]/.test(part)) break;
    numbers.push(Number(part));
  }
  const [major, minor, patch] = numbers;
  if (major === undefined) return true;
  const floor = `${major}.${minor ?? 0}.${patch ?? 0}${parts[3] ?? ''}`;
  const isWhole = patch !== undefined;
  /** Just above everything that the written parts cover. */
  const ceiling =
    minor === undefined
      ? `${major + 1}.0.0-0`
      : patch === undefined
        ? `${major}.${minor + 1}.0-0`
        : `${major}.${minor}.${patch + 1}-0`;
  switch (operator) {
    case '>=':
      raise(bounds, floor);
      break;
    case '>':
      raise(bounds, ceiling);
      break;
    case '<':
      lower(bounds, floor, false);
      break;
    case '<=':
      lower(bounds, isWhole ? floor : ceiling, isWhole);
      break;
    case '=':
      raise(bounds, floor);
      lower(bounds, isWhole ? floor : ceiling, isWhole);
      break;
    case '~':
    case '~>':
      raise(bounds, floor);
      lower(bounds, minor === undefined ? `${major + 1}.0.0-0` : `${major}.${minor + 1}.0-0`, false);
      break;
    case '^':
      raise(bounds, floor);
      lower(bounds, caretCeiling(major, minor, patch), false);
      break;
  }
  return true;
}

function raise(bounds: Bounds, version: string): void {
  if (bounds.low === null || (semver.compare(version, bounds.low) ?? 1) > 0) bounds.low = version;
}

function lower(bounds: Bounds, version: string, isInside: boolean): void {
  const order = bounds.high === null ? -1 : (semver.compare(version, bounds.high) ?? -1);
  if (order > 0 || (order === 0 && isInside)) return;
  bounds.high = version;
  bounds.isHighInside = isInside;
}

/** Up to the next change of the leftmost part that is not zero. */
function caretCeiling(major: number, minor: number | undefined, patch: number | undefined): string {
  if (major > 0 || minor === undefined) return `${major + 1}.0.0-0`;
  if (minor > 0 || patch === undefined) return `0.${minor + 1}.0-0`;
  return `0.0.${patch + 1}-0`;
}
