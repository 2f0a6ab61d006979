import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type AdvisoryStatus, type AffectedPackage, severityOfWord } from '../record.ts';
import { DEBIAN_RELEASES } from '../releases.ts';
import { type Feed, isObject, type JsonObject, textOf, titleOf } from './feed.ts';

/** Debian's security tracker as one document: { source package: { CVE: { releases: { codename: { status, … } } } } }. */
export const debianTracker: Feed = {
  name: 'debian-tracker',
  sourceName: 'debian-tracker',
  recognises: (document) => {
    if (!isObject(document)) return false;
    const [first] = Object.values(document);
    const [issue] = isObject(first) ? Object.values(first) : [];
    return isObject(issue) && isObject(issue['releases']);
  },
  *read(document) {
    if (!isObject(document)) return;
    for (const [name, issues] of Object.entries(document)) {
      if (!isObject(issues)) continue;
      for (const [id, issue] of Object.entries(issues)) {
        if (!isObject(issue) || !isObject(issue['releases'])) continue;
        const releases = Object.entries(issue['releases']).filter((entry): entry is [string, JsonObject] =>
          isObject(entry[1]),
        );
        const affected = releases.flatMap(([codename, release]) => readRelease(name, codename, release) ?? []);
        if (affected.length === 0) {
          yield { kind: 'skipped' };
          continue;
        }
        yield {
          kind: 'advisory',
          record: {
            id,
            aliases: [],
            modified: null,
            title: titleOf(textOf(issue['description']) ?? '', TITLE_MAX_LENGTH) || id,
            url: `https://security-tracker.debian.org/tracker/${encodeURIComponent(id)}`,
            severity:
              releases.map(([, release]) => severityOfWord(release['urgency'])).find((one) => one !== 'unknown') ??
              'unknown',
            cvss: null,
            cvssVector: null,
            affected,
          },
        };
      }
    }
  },
};

/** `open` affects all versions, `resolved` those before `fixed_version`; "0" there means it never was affected. */
function readRelease(name: string, codename: string, release: JsonObject): AffectedPackage | null {
  const number = DEBIAN_RELEASES[codename];
  const fixed = textOf(release['fixed_version']);
  if (number === undefined || release['status'] === 'undetermined' || fixed === '0') return null;
  if (release['status'] === 'resolved' && fixed === null) return null;
  return {
    ecosystem: `Debian:${number}`,
    name,
    intervals: [{ introduced: null, fixed: release['status'] === 'resolved' ? fixed : null, lastAffected: null }],
    versions: [],
    status: release['status'] === 'resolved' ? 'affected' : statusOf(release),
  };
}

/** Why there is no security update: "no DSA" is to come with a point release, or not at all. */
function statusOf(release: JsonObject): AdvisoryStatus {
  if (release['urgency'] === 'end-of-life') return 'will-not-fix';
  switch (release['nodsa_reason']) {
    case 'ignored':
      return 'will-not-fix';
    case 'postponed':
      return 'fix-deferred';
    default:
      return release['nodsa'] === undefined ? 'affected' : 'fix-deferred';
  }
}
