import { REQUIREMENT_MAX_LENGTH } from './limits.ts';
import { parseNpmRange } from './npm-range.ts';
import type { VersionInterval } from './record.ts';

/**
 * Reads a version requirement of RubyGems ("~> 1.2.3, >= 1.2.5"), Cargo (">= 0.7.0, < 0.7.2", "^1.2") or Composer
 * (">=2.0,<2.1.3") into one interval; null when it is too long or a part cannot be read. A version without an operator
 * means `bare`: itself, or for Cargo all that is compatible with it.
 */
export function parseRequirement(text: string, bare: '=' | '^' = '='): VersionInterval | null {
  if (text.length > REQUIREMENT_MAX_LENGTH) return null;
  let interval: VersionInterval = { introduced: null, fixed: null, lastAffected: null };
  const parts = text
    .replace(/([<>=~^]+)\s+/g, '$1')
    .split(/[\s,]+/)
    .filter((part) => part !== '' && part !== '*');
  for (const part of parts) {
    const [, operator = bare, version = ''] = /^(~>|>=|<=|==|=|>|<|\^|~)?v?(\d[\w.+-]*)$/.exec(part) ?? [];
    if (version === '') return null;
    switch (operator) {
      case '>=':
        interval = { ...interval, introduced: version };
        break;
      case '>':
        interval = { ...interval, introduced: version, isAfter: true };
        break;
      case '<':
        interval = { ...interval, fixed: version, lastAffected: null };
        break;
      case '<=':
        interval = { ...interval, fixed: null, lastAffected: version };
        break;
      case '~>':
        // Up to the next change of the last but one part.
        interval = { ...interval, introduced: higher(interval, version), fixed: bumped(version) };
        break;
      case '^':
      case '~': {
        const [range] = parseNpmRange(`${operator}${version}`) ?? [];
        if (!range) return null;
        interval = range;
        break;
      }
      default:
        interval = { introduced: version, fixed: null, lastAffected: version };
    }
  }
  return interval;
}

/** "~> 4.2.5, >= 4.2.5.1": the later lower end counts; it is the longer text of the two. */
function higher({ introduced }: VersionInterval, version: string): string {
  return introduced !== null && introduced.length > version.length ? introduced : version;
}

/** What `~> 1.2.3` ends before: 1.3, and of that not even the pre-releases. */
function bumped(version: string): string {
  const parts = version.split('.').filter((part) => /^\d+$/.test(part));
  const kept = parts.length > 1 ? parts.slice(0, -1) : parts;
  const last = Number(kept.at(-1) ?? '0') + 1;
  return [...kept.slice(0, -1), `${last}`, 'a'].join('.');
}
