import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type FeedItem, type Severity, severityOfScore } from '../record.ts';
import { parseRequirement } from '../requirements.ts';
import { type Feed, isObject, type JsonObject, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/**
 * rubysec's advisory database, a YAML document an issue of a gem, or of Ruby itself (`engine`): all versions but those
 * patched or never affected.
 */
export const rubyAdvisoryDb: Feed = {
  name: 'ruby-advisory-db',
  sourceName: 'ruby-advisory-db',
  recognises: isAdvisory,
  *read(document) {
    if (isAdvisory(document)) yield readAdvisory(document);
  },
};

function isAdvisory(value: unknown): value is JsonObject {
  return (
    isObject(value) &&
    textOf(value['gem'] ?? value['engine']) !== null &&
    textOf(value['title']) !== null &&
    'url' in value
  );
}

function readAdvisory(value: JsonObject): FeedItem {
  const gem = textOf(value['gem']);
  const name = gem ?? textOf(value['engine']) ?? '';
  const number = (key: string): string | null => (value[key] === undefined ? null : String(value[key]));
  const cve = number('cve');
  const ghsa = number('ghsa');
  const osvdb = number('osvdb');
  const names = [cve && `CVE-${cve}`, ghsa && `GHSA-${ghsa}`, osvdb && `OSVDB-${osvdb}`].filter((one) => one !== null);
  const [id, ...aliases] = names;
  const free = [...textsOf(value['patched_versions']), ...textsOf(value['unaffected_versions'])].map((one) =>
    parseRequirement(one),
  );
  const unaffected = free.filter((one) => one !== null);
  if (!id || unaffected.length !== free.length) return { kind: 'skipped' };
  const cvss = ['cvss_v3', 'cvss_v2'].map((key) => value[key]).find((one) => typeof one === 'number');
  const score4 = value['cvss_v4'];
  const scored = cvss ?? (typeof score4 === 'number' ? score4 : null);
  const severity: Severity = scored === null ? 'unknown' : severityOfScore(scored);
  return {
    kind: 'advisory',
    record: {
      id,
      aliases,
      modified: timeOf(value['date']),
      title: titleOf(textOf(value['title']), TITLE_MAX_LENGTH),
      url: textOf(value['url']),
      severity,
      // The score without its vector; that of version 2 is no score of today's scale.
      cvss: typeof value['cvss_v3'] === 'number' ? value['cvss_v3'] : null,
      cvssVector: null,
      affected: [
        {
          ecosystem: gem === null ? 'Binary' : 'RubyGems',
          name,
          intervals: [{ introduced: null, fixed: null, lastAffected: null }],
          versions: [],
          unaffected,
        },
      ],
    },
  };
}
