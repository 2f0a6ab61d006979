import type { FeedItem } from '../record.ts';
import { type Feed, isObject, type JsonObject, textOf } from './feed.ts';

/** What the changelogs of newer packages name as fixed: for machines that reach nothing but a mirror. */
export const debianChangelog: Feed = {
  name: 'debian-changelog',
  sourceName: 'debian-changelog',
  isPartial: true,
  recognises: isRow,
  *read(document) {
    if (isRow(document)) yield* readRow(document);
  },
};

function isRow(value: unknown): value is JsonObject {
  return isObject(value) && textOf(value['debianChangelog']) !== null && isObject(value['fixes']);
}

function* readRow(row: JsonObject): Generator<FeedItem> {
  const name = textOf(row['debianChangelog']) ?? '';
  const release = textOf(row['release']) ?? '';
  for (const [id, fixed] of Object.entries(isObject(row['fixes']) ? row['fixes'] : {})) {
    const version = textOf(fixed);
    if (!/^CVE-/.test(id) || version === null) continue;
    yield {
      kind: 'advisory',
      record: {
        id,
        aliases: [],
        modified: null,
        title: `${id}: fixed in ${name} ${version}`,
        url: `https://security-tracker.debian.org/tracker/${id}`,
        severity: 'unknown',
        cvss: null,
        cvssVector: null,
        affected: [
          {
            ecosystem: `Debian:${release}`,
            name,
            level: 'source',
            intervals: [{ introduced: null, fixed: version, lastAffected: null }],
            versions: [],
          },
        ],
      },
    };
  }
}
