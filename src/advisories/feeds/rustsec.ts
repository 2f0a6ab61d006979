import { FormatError, parseToml } from '../../formats/index.ts';
import { TITLE_MAX_LENGTH } from '../limits.ts';
import type { FeedItem } from '../record.ts';
import { parseRequirement } from '../requirements.ts';
import { bestScores, severityOf } from '../scores.ts';
import { type Feed, isNamedText, isObject, textOf, textsOf, timeOf } from './feed.ts';

/**
 * RustSec's advisory database as its repository keeps it: Markdown with TOML on top. All versions are affected but those
 * patched or never affected. A note that a crate is no longer maintained is told, without a severity of its own.
 */
export const rustsec: Feed = {
  name: 'rustsec',
  sourceName: 'rustsec',
  recognises: (document) => isNamedText(document) && HEAD.test(document.text),
  *read(document) {
    if (isNamedText(document) && HEAD.test(document.text)) yield readAdvisory(document.path, document.text);
  },
};

/** A line at a time: blank lines that could be parted in many ways would be tried in all of them. */
const HEAD = /^```toml[^\S\n]*\n(?:#[^\n]*\n|[^\S\n]*\n)*\[advisory\]/;

function readAdvisory(path: string, text: string): FeedItem {
  const [, toml = '', body = ''] = text.split('```');
  let front: ReturnType<typeof parseToml>;
  try {
    front = parseToml(toml.replace(/^toml/, ''));
  } catch (error) {
    if (error instanceof FormatError) return { kind: 'skipped' };
    throw error;
  }
  const { advisory, versions } = front;
  if (!isObject(advisory) || !isObject(versions)) return { kind: 'skipped' };
  const id = textOf(advisory['id']);
  const name = textOf(advisory['package']);
  const isNotice = advisory['informational'] === 'unmaintained' || advisory['informational'] === 'notice';
  if (!id || !name || advisory['withdrawn'] !== undefined) return { kind: 'skipped' };
  // The standard library and cargo are no crates; the compiler that built a program is not known.
  if (/(?:^|\/)rust\/[^/]+\/[^/]+\.md$/.test(path)) return { kind: 'skipped' };
  const free = [...textsOf(versions['patched']), ...textsOf(versions['unaffected'])].map((one) =>
    parseRequirement(one, '^'),
  );
  const unaffected = free.filter((one) => one !== null);
  // A branch that cannot be read might be taken for affected: better nothing than a false alarm.
  if (unaffected.length !== free.length) return { kind: 'skipped' };
  const scores = bestScores([textOf(advisory['cvss'])]);
  return {
    kind: 'advisory',
    record: {
      id,
      aliases: textsOf(advisory['aliases']),
      modified: timeOf(advisory['date']),
      title: (/^#\s+(.+)$/m.exec(body)?.[1] ?? id).slice(0, TITLE_MAX_LENGTH),
      url: `https://rustsec.org/advisories/${id}.html`,
      severity: isNotice ? 'none' : severityOf(scores),
      ...scores,
      affected: [
        {
          ecosystem: 'crates.io',
          name,
          intervals: [{ introduced: null, fixed: null, lastAffected: null }],
          versions: [],
          unaffected,
        },
      ],
    },
  };
}
