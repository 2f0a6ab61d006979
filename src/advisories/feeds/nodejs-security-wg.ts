import { FormatError, scoreCvss3 } from '../../formats/index.ts';
import { TITLE_MAX_LENGTH } from '../limits.ts';
import { parseNpmRange } from '../npm-range.ts';
import { semver } from '../orderings/semver.ts';
import { type FeedItem, severityOfScore, type VersionInterval } from '../record.ts';
import { type Feed, isObject, type JsonObject, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/** The npm advisories of the Node.js security working group. Those of Node.js itself are no packages and are left out. */
export const nodejsSecurityWg: Feed = {
  name: 'nodejs-security-wg',
  sourceName: null,
  recognises: (document) =>
    isObject(document) &&
    (document['set'] === 'npm' || document['set'] === 'core') &&
    ('vulnerable' in document || 'vulnerable_versions' in document),
  *read(document) {
    if (isObject(document)) yield readAdvisory(document);
  },
};

function readAdvisory(value: JsonObject): FeedItem {
  const name = textOf(value['module_name']);
  const vulnerable = textOf(value['vulnerable_versions']);
  const intervals = vulnerable === null ? null : parseNpmRange(vulnerable);
  if (value['set'] !== 'npm' || !name || !intervals) return { kind: 'skipped' };
  const cvss = readScore(value);
  return {
    kind: 'advisory',
    record: {
      id: `NSWG-ECO-${String(value['id'])}`,
      aliases: textsOf(value['cves']),
      modified: timeOf(value['updated_at']),
      title: titleOf(`${textOf(value['title']) ?? ''} in ${name}`, TITLE_MAX_LENGTH),
      url: textsOf(value['references']).find((link) => link.startsWith('https://')) ?? null,
      severity: cvss === null ? 'unknown' : severityOfScore(cvss),
      cvss,
      cvssVector: textOf(value['cvss_vector']),
      affected: [
        { ecosystem: 'npm', name, intervals: withFixes(intervals, textOf(value['patched_versions'])), versions: [] },
      ],
    },
  };
}

/** An interval that ends with its last affected version learns from `patched_versions` where the fix is. */
function withFixes(intervals: readonly VersionInterval[], patched: string | null): VersionInterval[] {
  const fixes = (patched === null ? null : parseNpmRange(patched)) ?? [];
  const starts = fixes.map((one) => one.introduced).filter((one): one is string => one !== null);
  return intervals.map((interval) => {
    if (interval.lastAffected === null) return interval;
    const { lastAffected } = interval;
    const later = starts.filter((start) => (semver.compare(start, lastAffected) ?? -1) > 0);
    const first = later.sort((a, b) => semver.compare(a, b) ?? 0)[0];
    return first === undefined ? interval : { ...interval, fixed: first.replace(/-0$/, ''), lastAffected: null };
  });
}

function readScore(value: JsonObject): number | null {
  const vector = textOf(value['cvss_vector']);
  if (vector !== null) {
    try {
      return scoreCvss3(vector);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
    }
  }
  const score = value['cvss_score'];
  return typeof score === 'number' && score >= 0 && score <= 10 ? score : null;
}
