import { FormatError, scoreCvss3 } from '../../formats/index.ts';
import { TITLE_MAX_LENGTH } from '../limits.ts';
import { parseNpmRange } from '../npm-range.ts';
import { type FeedItem, severityOfScore, severityOfWord } from '../record.ts';
import { type Feed, isObject, type JsonObject, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/** The advisories of the Node.js security working group: npm's (until 2019) and those of Node.js itself. */
export const nodejsSecurityWg: Feed = {
  name: 'nodejs-security-wg',
  sourceName: null,
  recognises: (document) =>
    isObject(document) &&
    (document['set'] === 'npm' || document['set'] === 'core') &&
    ('vulnerable' in document || 'vulnerable_versions' in document),
  *read(document) {
    if (isObject(document)) yield document['set'] === 'core' ? readCore(document) : readPackage(document);
  },
};

function readPackage(value: JsonObject): FeedItem {
  const name = textOf(value['module_name']);
  const vulnerable = textOf(value['vulnerable_versions']);
  const intervals = vulnerable === null ? null : parseNpmRange(vulnerable);
  if (!name || !intervals) return { kind: 'skipped' };
  const patched = textOf(value['patched_versions']);
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
        {
          ecosystem: 'npm',
          name,
          intervals,
          versions: [],
          unaffected: (patched === null ? null : parseNpmRange(patched)) ?? [],
        },
      ],
    },
  };
}

/** "8.x || 10.x" is vulnerable, but not what "^8.14.0 || ^10.14.0" holds. */
function readCore(value: JsonObject): FeedItem {
  const cves = textsOf(value['cve']);
  const intervals = parseNpmRange(textOf(value['vulnerable']) ?? '');
  const patched = parseNpmRange(textOf(value['patched']) ?? '');
  const [id = `NSWG-CORE-${textOf(value['file']) ?? ''}`, ...aliases] = cves;
  if (!intervals || intervals.length === 0 || !patched || value['vulnerable'] === '') return { kind: 'skipped' };
  const text = textOf(value['description']) ?? textOf(value['overview']);
  return {
    kind: 'advisory',
    record: {
      id,
      aliases,
      modified: timeOf(value['publish_date']),
      title: titleOf(text, TITLE_MAX_LENGTH) || id,
      url: textOf(value['ref']),
      severity: severityOfWord(value['severity']),
      cvss: null,
      cvssVector: null,
      affected: [
        {
          ecosystem: 'Binary',
          name: 'node',
          intervals,
          versions: [],
          unaffected: textOf(value['patched']) ? patched : [],
        },
      ],
    },
  };
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
