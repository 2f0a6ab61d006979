import { childOf, descendantsOf, type XmlElement } from '../../formats/index.ts';
import { TITLE_MAX_LENGTH } from '../limits.ts';
import { type AffectedPackage, type FeedItem, severityOfWord } from '../record.ts';
import { cvesIn, type Feed, isXml, timeOf } from './feed.ts';

/** updateinfo.xml of an rpm repository: Amazon Linux, Oracle Linux, Rocky Linux, Fedora, EPEL, openSUSE, RHEL. */
export const updateinfo: Feed = {
  name: 'updateinfo',
  sourceName: null,
  recognises: (document) =>
    isXml(document) && document.xml.name === 'update' && childOf(document.xml, 'pkglist') !== null,
  *read(document) {
    if (isXml(document) && document.xml.name === 'update') yield readUpdate(document.xml);
  },
};

/** Who publishes, by the id of the update; the release is in the releases of its packages. */
const PUBLISHERS: readonly (readonly [RegExp, string])[] = [
  [/^ALAS/, 'Amazon Linux'],
  [/^EL[SBE]A-/, 'Oracle Linux'],
  [/^R[LX][SBE]A-/, 'Rocky Linux'],
  [/^AL[SBE]A-/, 'AlmaLinux'],
  [/^RH[SBE]A-/, 'Red Hat'],
  [/^FEDORA-EPEL-/, 'EPEL'],
  [/^FEDORA-/, 'Fedora'],
  [/^openSUSE-/, 'openSUSE'],
  [/^SUSE-/, 'SUSE'],
  [/^CE[SBE]A-/, 'CentOS'],
];

function readUpdate(update: XmlElement): FeedItem {
  const id = childOf(update, 'id')?.text.trim() ?? '';
  const family = PUBLISHERS.find(([pattern]) => pattern.test(id))?.[1];
  const references = [...descendantsOf(update, 'reference')];
  const named = references.map(({ attributes }) => `${attributes['id'] ?? ''} ${attributes['title'] ?? ''}`).join(' ');
  const description = childOf(update, 'description')?.text ?? '';
  const issues = cvesIn(`${named} ${childOf(update, 'title')?.text ?? ''} ${description}`);
  const isSecurity = update.attributes['type'] === 'security' || issues.length > 0;
  if (family === undefined || !isSecurity) return { kind: 'skipped' };
  const release = childOf(update, 'release')?.text ?? '';
  const affected = [...descendantsOf(update, 'collection')].flatMap((collection) => {
    const module = childOf(collection, 'module')?.attributes;
    const stream = module?.['name'] ? `${module['name']}:${module['stream'] ?? ''}` : null;
    return collection.children.flatMap((one) =>
      one.name === 'package' ? readPackage(one, family, `${id} ${release}`, stream) : [],
    );
  });
  if (affected.length === 0) return { kind: 'skipped' };
  const dated = (name: string): string | null => {
    const text = childOf(update, name)?.attributes['date'] ?? '';
    return timeOf(/^\d{9,11}$/.test(text) ? new Date(Number(text) * 1000).toISOString() : text);
  };
  const title = childOf(update, 'title')?.text.trim() || id;
  return {
    kind: 'advisory',
    record: {
      id,
      aliases: [],
      issues,
      modified: dated('updated') ?? dated('issued'),
      title: title.slice(0, TITLE_MAX_LENGTH),
      url:
        references.map(({ attributes }) => attributes['href'] ?? '').find((href) => href.startsWith('https://')) ??
        null,
      severity: severityOfWord(childOf(update, 'severity')?.text.trim()),
      cvss: null,
      cvssVector: null,
      affected: distinct(affected),
    },
  };
}

function readPackage(one: XmlElement, family: string, from: string, module: string | null): AffectedPackage[] {
  const { name, version, release = '', epoch = '0', arch } = one.attributes;
  const suffix = releaseOf(family, release, from);
  if (!name || !version || arch === 'src' || suffix === null) return [];
  const fixed = `${epoch === '0' || epoch === '' ? '' : `${epoch}:`}${version}-${release}`;
  return [
    {
      ecosystem: `${family}${suffix}`,
      name,
      level: 'binary',
      intervals: [{ introduced: null, fixed, lastAffected: null }],
      versions: [],
      module,
    },
  ];
}

/** ":9" of "1.el9_2", ":2023" of "1.amzn2023.0.1", ":40" of "1.fc40", ":15.5" of an update for "SLE 15 SP5". */
function releaseOf(family: string, release: string, from: string): string | null {
  const pick = (pattern: RegExp, text = release): string | null => {
    const [, found] = pattern.exec(text) ?? [];
    return found === undefined ? null : `:${found}`;
  };
  switch (family) {
    case 'Amazon Linux':
      return pick(/\.amzn(\d+)/) ?? (/^ALAS2023/.test(from) ? ':2023' : /^ALAS2/.test(from) ? ':2' : ':1');
    case 'Fedora':
      return pick(/\.fc(\d+)/);
    case 'SUSE': {
      const [, major, pack] = /(?:SLE|Enterprise)\D*(\d+)(?:\D{0,3}SP(\d+))?/i.exec(from) ?? [];
      return major === undefined ? null : `:${major}.${pack ?? '0'}`;
    }
    case 'openSUSE':
      return pick(/Leap[- ](\d+\.\d+)/i, from) ?? (/tumbleweed/i.test(from) ? ':Tumbleweed' : null);
    default:
      return pick(/[.+](?:module\+)?el(\d+)/);
  }
}

/** Each architecture repeats the list. */
function distinct(affected: readonly AffectedPackage[]): AffectedPackage[] {
  const known = new Map(
    affected.map((one) => [`${one.ecosystem} ${one.name} ${one.intervals[0]?.fixed} ${one.module}`, one]),
  );
  return [...known.values()];
}
