import { normaliseEcosystem } from '../ecosystems.ts';
import { TITLE_MAX_LENGTH, VERSION_MAX_LENGTH } from '../limits.ts';
import { orderingOf } from '../orderings/index.ts';
import { type RangeEvent, toIntervals } from '../ranges.ts';
import { type AdvisoryRecord, type AffectedPackage, type FeedItem, type Severity, severityOfWord } from '../record.ts';
import { bestScores, type Scores, severityOf } from '../scores.ts';
import { type Feed, isObject, type JsonObject, objectsOf, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/**
 * OSV records (ossf.github.io/osv-schema), alone, in a list, or as osv.dev answers a query (`{ vulns: […] }`): GitHub, Go,
 * PyPI, RustSec, Bitnami, distributions …
 */
export const osv: Feed = {
  name: 'osv',
  sourceName: null,
  recognises: (document) => {
    const records = recordsOf(document);
    return records.length > 0 && records.slice(0, 3).every(isOsv);
  },
  *read(document) {
    for (const one of recordsOf(document)) if (isOsv(one)) yield readRecord(one);
  },
};

function recordsOf(document: unknown): readonly unknown[] {
  if (Array.isArray(document)) return document;
  return isObject(document) && Array.isArray(document['vulns']) ? document['vulns'] : [document];
}

function isOsv(value: unknown): value is JsonObject {
  return (
    isObject(value) &&
    typeof value['id'] === 'string' &&
    typeof value['modified'] === 'string' &&
    !('cveMetadata' in value)
  );
}

/** Ids of what distributions publish for an update: one of them fixes any number of issues. */
const NOTICE =
  /^(?:DSA|DLA|DTSA|USN|LSN|ALSA|ALBA|ALEA|RLSA|RXSA|RHSA|RHBA|RHEA|ELSA|ALAS\w*|(?:open)?SUSE-[A-Z]+|MGASA|OESA|AZL|ROOT-OS|CGA)-/;

function readRecord(value: JsonObject): FeedItem {
  const id = textOf(value['id']);
  if (!id || value['withdrawn'] !== undefined) return { kind: 'skipped' };
  const aliases = textsOf(value['aliases']);
  const title = titleOf(textOf(value['summary']) ?? textOf(value['details']), TITLE_MAX_LENGTH);
  const module = moduleOf(textOf(value['summary']) ?? '');
  const affected = objectsOf(value['affected']).flatMap((one) => readAffected(one, module) ?? []);
  if (affected.length === 0) return { kind: 'skipped' };
  const scores = readScores(value);
  // `upstream` names the CVE that a record of a distribution is about; AlmaLinux writes it as `related`.
  const upstream = textsOf(value['upstream']);
  const issues = NOTICE.test(id)
    ? [...new Set([...aliases, ...upstream, ...textsOf(value['related'])].filter((one) => one.startsWith('CVE-')))]
    : [];
  const record: AdvisoryRecord = {
    id,
    aliases: [...new Set([...aliases, ...upstream.filter((one) => /^(?:CVE|GHSA)-/.test(one))])],
    issues,
    modified: timeOf(value['modified']) ?? timeOf(value['published']),
    title: title || id,
    url: readUrl(value, id),
    severity: readSeverity(value, scores),
    ...scores,
    affected,
  };
  return { kind: 'advisory', record };
}

/** "Important: nodejs:18 security update" speaks of that module stream. */
function moduleOf(summary: string): string | null {
  const [, module] =
    /(?:^|\s)([a-z][\w.+-]*:[a-z]*\d[\w.]*)\s+(?:security|bug|enhancement|update)/i.exec(summary) ?? [];
  return module ?? null;
}

function readAffected(value: JsonObject, module: string | null): AffectedPackage | null {
  const subject = isObject(value['package']) ? value['package'] : {};
  const ecosystem = textOf(subject['ecosystem']);
  const name = textOf(subject['name']);
  if (!ecosystem || !name) return null;
  const ordering = orderingOf(normaliseEcosystem(ecosystem));
  const intervals = objectsOf(value['ranges'])
    // GIT ranges speak of commits, which no package has.
    .filter((range) => range['type'] === 'SEMVER' || range['type'] === 'ECOSYSTEM')
    .flatMap((range) => {
      const events = toIntervals(objectsOf(range['events']).map(readEvent), ordering);
      const last = lastKnown(value['database_specific']) ?? lastKnown(range['database_specific']);
      // GitHub keeps "<= 1.2" there when no fix is known, and leaves the range open.
      return events.map((one) =>
        one.fixed === null && one.lastAffected === null && last !== null ? { ...one, ...last } : one,
      );
    });
  const versions = textsOf(value['versions']).filter((version) => version.length <= VERSION_MAX_LENGTH);
  if (intervals.length === 0 && versions.length === 0) return null;
  const isModular = module !== null && intervals.some(({ fixed }) => fixed !== null && /\.module[_+]/.test(fixed));
  return { ecosystem, name, intervals, versions, module: isModular ? module : null };
}

function lastKnown(specific: unknown): { fixed: string | null; lastAffected: string | null } | null {
  const text = isObject(specific) ? textOf(specific['last_known_affected_version_range']) : null;
  const [, operator, version] = /^(<=?)\s*(\S+)$/.exec(text ?? '') ?? [];
  if (version === undefined || version.length > VERSION_MAX_LENGTH) return null;
  return operator === '<' ? { fixed: version, lastAffected: null } : { fixed: null, lastAffected: version };
}

function readEvent(event: JsonObject): RangeEvent {
  const found: { -readonly [K in keyof RangeEvent]: RangeEvent[K] } = {};
  for (const key of ['introduced', 'fixed', 'last_affected', 'limit'] as const) {
    const version = textOf(event[key]);
    if (version && version.length <= VERSION_MAX_LENGTH) found[key] = version;
  }
  return found;
}

function readScores(value: JsonObject): Scores {
  const holders = [value, ...objectsOf(value['affected'])];
  return bestScores(holders.flatMap((holder) => objectsOf(holder['severity'])).map((one) => textOf(one['score'])));
}

/** That of the CVSS vectors; else the word that the database gives. */
function readSeverity(value: JsonObject, scores: Scores): Severity {
  const scored = severityOf(scores);
  if (scored !== 'unknown') return scored;
  const stated = objectsOf(value['severity']).map((one) => one['score']);
  const words = [value, ...objectsOf(value['affected'])].flatMap((holder) =>
    ['database_specific', 'ecosystem_specific'].flatMap((key) => {
      const specific = holder[key];
      return isObject(specific) ? [specific['severity'], specific['urgency'], specific['cvss_severity']] : [];
    }),
  );
  // "Important: firefox security update" of AlmaLinux and Rocky Linux; Ubuntu writes its word as a score.
  const [, prefix] = /^(\w+):/.exec(textOf(value['summary']) ?? '') ?? [];
  return [...words, ...stated, prefix].map(severityOfWord).find((one) => one !== 'unknown') ?? 'unknown';
}

function readUrl(value: JsonObject, id: string): string | null {
  const links = objectsOf(value['references']).filter((one) => /^https?:\/\//.test(textOf(one['url']) ?? ''));
  const best = links.find((one) => one['type'] === 'ADVISORY') ?? links[0];
  return textOf(best?.['url']) ?? (id.startsWith('CVE-') ? `https://www.cve.org/CVERecord?id=${id}` : null);
}
