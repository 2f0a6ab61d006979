import { TITLE_MAX_LENGTH } from '../limits.ts';
import type { AffectedPackage, FeedItem } from '../record.ts';
import { DEBIAN_RELEASES } from '../releases.ts';
import { cvesIn, type Feed, isNamedText, timeOf } from './feed.ts';

/**
 * The lists of Debian's security tracker as its repository keeps them (data/DSA/list, data/DLA/list): a notice a block,
 * its issues in braces, the fix of each release below. They know what was announced, not what is still open.
 */
export const debianLists: Feed = {
  name: 'debian-lists',
  sourceName: 'debian-lists',
  isPartial: true,
  recognises: (document) => isNamedText(document) && HEAD.test(document.text.slice(0, 200)),
  *read(document) {
    if (!isNamedText(document) || !HEAD.test(document.text.slice(0, 200))) return;
    let block: string[] = [];
    for (const line of document.text.split('\n')) {
      if (HEAD.test(line) && block.length > 0) {
        yield readNotice(block);
        block = [];
      }
      block.push(line);
    }
    yield readNotice(block);
  },
};

const HEAD = /^\[(\d{2} \w{3} \d{4})\] ((?:DSA|DLA|DTSA)-\d+(?:-\d+)?) (.*)/;
const FIX = /^\s+\[([a-z]+)\] - (\S+) (\S+)/;

function readNotice([head = '', ...lines]: readonly string[]): FeedItem {
  const [, date, id, title = ''] = HEAD.exec(head) ?? [];
  if (id === undefined) return { kind: 'skipped' };
  const affected = lines.flatMap((line) => readFix(line) ?? []);
  if (affected.length === 0) return { kind: 'skipped' };
  const braces = lines.filter((line) => /^\s+\{.*\}/.test(line)).join(' ');
  return {
    kind: 'advisory',
    record: {
      id,
      aliases: [],
      issues: cvesIn(braces),
      modified: timeOf(`${date} UTC`),
      title: `${id} ${title}`.slice(0, TITLE_MAX_LENGTH),
      url: `https://security-tracker.debian.org/tracker/${id}`,
      severity: 'unknown',
      cvss: null,
      cvssVector: null,
      affected,
    },
  };
}

function readFix(line: string): AffectedPackage | null {
  const [, codename = '', name, version] = FIX.exec(line) ?? [];
  const number = DEBIAN_RELEASES[codename];
  if (number === undefined || name === undefined || version === undefined || version === '<not-affected>') return null;
  const isOpen = version === '<unfixed>' || version === '<end-of-life>';
  if (!isOpen && !/^\d/.test(version)) return null;
  return {
    ecosystem: `Debian:${number}`,
    name,
    intervals: [{ introduced: null, fixed: isOpen ? null : version, lastAffected: null }],
    versions: [],
    status: version === '<end-of-life>' ? 'will-not-fix' : 'affected',
  };
}
