import { FormatError, scoreCvss3 } from '../../formats/index.ts';
import { TITLE_MAX_LENGTH, VERSION_MAX_LENGTH } from '../limits.ts';
import { orderingOf } from '../orderings/index.ts';
import { type RangeEvent, toIntervals } from '../ranges.ts';
import {
  type AdvisoryRecord,
  type AffectedPackage,
  type FeedItem,
  type Severity,
  severityOfScore,
  severityOfWord,
} from '../record.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/** OSV records (ossf.github.io/osv-schema), alone or in a list. */
export const osv: Feed = {
  name: 'osv',
  sourceName: null,
  recognises: (document) =>
    isOsv(document) || (Array.isArray(document) && document.length > 0 && document.slice(0, 3).every(isOsv)),
  *read(document) {
    for (const one of Array.isArray(document) ? document : [document]) {
      if (isOsv(one)) yield readRecord(one);
    }
  },
};

function isOsv(value: unknown): value is JsonObject {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['modified'] === 'string' &&
    !('cveMetadata' in value)
  );
}

function readRecord(value: JsonObject): FeedItem {
  const id = textOf(value['id']);
  if (!id || value['withdrawn'] !== undefined) return { kind: 'skipped' };
  const affected = objectsOf(value['affected']).flatMap((one) => readAffected(one) ?? []);
  if (affected.length === 0) return { kind: 'skipped' };
  const { cvss, cvssVector, severity } = readSeverity(value);
  const record: AdvisoryRecord = {
    id,
    // `upstream` names the CVE that a distribution's own advisory (DSA, ALSA) is about.
    aliases: [
      ...new Set([...textsOf(value['aliases']), ...textsOf(value['upstream']).filter((one) => one.startsWith('CVE-'))]),
    ],
    modified: timeOf(value['modified']) ?? timeOf(value['published']),
    title: titleOf(textOf(value['summary']) ?? textOf(value['details']), TITLE_MAX_LENGTH) || id,
    url: readUrl(value, id),
    severity,
    cvss,
    cvssVector,
    affected,
  };
  return { kind: 'advisory', record };
}

function readAffected(value: JsonObject): AffectedPackage | null {
  const subject = isObject(value['package']) ? value['package'] : {};
  const ecosystem = textOf(subject['ecosystem']);
  const name = textOf(subject['name']);
  if (!ecosystem || !name) return null;
  const ordering = orderingOf(ecosystem);
  const intervals = objectsOf(value['ranges'])
    // GIT ranges speak of commits, which no package has.
    .filter((range) => range['type'] === 'SEMVER' || range['type'] === 'ECOSYSTEM')
    .flatMap((range) => toIntervals(objectsOf(range['events']).map(readEvent), ordering));
  const versions = textsOf(value['versions']).filter((version) => version.length <= VERSION_MAX_LENGTH);
  if (intervals.length === 0 && versions.length === 0) return null;
  return { ecosystem, name, intervals, versions };
}

function readEvent(event: JsonObject): RangeEvent {
  const found: { -readonly [K in keyof RangeEvent]: RangeEvent[K] } = {};
  for (const key of ['introduced', 'fixed', 'last_affected', 'limit'] as const) {
    const version = textOf(event[key]);
    if (version && version.length <= VERSION_MAX_LENGTH) found[key] = version;
  }
  return found;
}

/** The highest CVSS 3 score of the record or of what it affects; else the word its database gives. */
function readSeverity(value: JsonObject): { cvss: number | null; cvssVector: string | null; severity: Severity } {
  const affected = objectsOf(value['affected']);
  let cvss: number | null = null;
  let cvssVector: string | null = null;
  for (const one of [value, ...affected].flatMap((holder) => objectsOf(holder['severity']))) {
    const vector = textOf(one['score']);
    const score = vector === null ? null : scoreOf(vector);
    if (score !== null && score > (cvss ?? -1)) {
      cvss = score;
      cvssVector = vector;
    }
  }
  if (cvss !== null) return { cvss, cvssVector, severity: severityOfScore(cvss) };
  const words = [value, ...affected].flatMap((holder) =>
    ['database_specific', 'ecosystem_specific'].flatMap((key) => {
      const specific = holder[key];
      return isObject(specific) ? [specific['severity'], specific['urgency'], specific['cvss_severity']] : [];
    }),
  );
  return { cvss, cvssVector, severity: words.map(severityOfWord).find((one) => one !== 'unknown') ?? 'unknown' };
}

function scoreOf(vector: string): number | null {
  try {
    return scoreCvss3(vector);
  } catch (error) {
    if (error instanceof FormatError) return null; // a vector of another version of CVSS
    throw error;
  }
}

function readUrl(value: JsonObject, id: string): string | null {
  const links = objectsOf(value['references']).filter((one) => /^https?:\/\//.test(textOf(one['url']) ?? ''));
  const best = links.find((one) => one['type'] === 'ADVISORY') ?? links[0];
  return textOf(best?.['url']) ?? (id.startsWith('CVE-') ? `https://www.cve.org/CVERecord?id=${id}` : null);
}
