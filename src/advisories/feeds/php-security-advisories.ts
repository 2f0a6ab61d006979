import { TITLE_MAX_LENGTH } from '../limits.ts';
import type { FeedItem, VersionInterval } from '../record.ts';
import { parseRequirement } from '../requirements.ts';
import { type Feed, isObject, type JsonObject, textOf, textsOf, timeOf, titleOf } from './feed.ts';

/** FriendsOfPHP's database: a document a package and issue, with the affected versions of each branch. */
export const phpSecurityAdvisories: Feed = {
  name: 'php-security-advisories',
  sourceName: 'php-security-advisories',
  recognises: isAdvisory,
  *read(document) {
    if (isAdvisory(document)) yield readAdvisory(document);
  },
};

function isAdvisory(value: unknown): value is JsonObject {
  return isObject(value) && isObject(value['branches']) && /^composer:\/\//.test(textOf(value['reference']) ?? '');
}

function readAdvisory(value: JsonObject): FeedItem {
  const name = (textOf(value['reference']) ?? '').slice('composer://'.length);
  const branches = isObject(value['branches']) ? Object.values(value['branches']).filter(isObject) : [];
  const intervals = branches.flatMap((branch): VersionInterval[] => {
    const versions = textsOf(branch['versions']);
    const interval = versions.length === 0 ? null : parseRequirement(versions.join(','));
    return interval === null ? [] : [interval];
  });
  if (name === '' || intervals.length === 0) return { kind: 'skipped' };
  const cve = textOf(value['cve']);
  const path = textOf(value['path'])?.replace(/\.ya?ml$/, '');
  const times = branches.map((branch) => timeOf(textOf(branch['time'])?.concat(' UTC'))).filter((one) => one !== null);
  return {
    kind: 'advisory',
    record: {
      id: cve?.startsWith('CVE-') ? cve : `PHPSA-${path ?? `${name}/${textOf(value['link']) ?? ''}`}`.slice(0, 200),
      aliases: [],
      modified: times.sort().at(-1) ?? null,
      title: titleOf(textOf(value['title']), TITLE_MAX_LENGTH),
      url: textOf(value['link']),
      severity: 'unknown',
      cvss: null,
      cvssVector: null,
      affected: [{ ecosystem: 'Packagist', name, intervals, versions: [] }],
    },
  };
}
