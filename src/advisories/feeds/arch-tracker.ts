import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type FeedItem, severityOfWord } from '../record.ts';
import { type Feed, isObject, type JsonObject, textOf, textsOf } from './feed.ts';

/** Arch Linux's security tracker (security.archlinux.org/all.json): groups of issues of packages. */
export const archTracker: Feed = {
  name: 'arch-tracker',
  sourceName: 'arch-tracker',
  recognises: (document) => isGroup(Array.isArray(document) ? document[0] : null),
  *read(document) {
    for (const group of Array.isArray(document) ? document : []) if (isGroup(group)) yield readGroup(group);
  },
};

function isGroup(value: unknown): value is JsonObject {
  return isObject(value) && /^AVG-\d+$/.test(textOf(value['name']) ?? '') && Array.isArray(value['packages']);
}

function readGroup(group: JsonObject): FeedItem {
  const id = textOf(group['name']) ?? '';
  const affected = textOf(group['affected']);
  const fixed = textOf(group['fixed']);
  const status = group['status'];
  if (status === 'Not affected' || affected === null) return { kind: 'skipped' };
  const type = textOf(group['type']);
  return {
    kind: 'advisory',
    record: {
      id,
      aliases: [],
      issues: textsOf(group['issues']).filter((one) => one.startsWith('CVE-')),
      modified: null,
      title: `${id}: ${type ?? 'several issues'}`.slice(0, TITLE_MAX_LENGTH),
      url: `https://security.archlinux.org/${id}`,
      severity: severityOfWord(group['severity']),
      cvss: null,
      cvssVector: null,
      affected: textsOf(group['packages']).map((name) => ({
        ecosystem: 'Arch Linux',
        name,
        level: 'binary',
        intervals: [
          { introduced: null, fixed, lastAffected: fixed === null && status !== 'Vulnerable' ? affected : null },
        ],
        versions: [],
      })),
    },
  };
}
