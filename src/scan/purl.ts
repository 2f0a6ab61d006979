import { formatPurl, type PurlParts } from '../formats/index.ts';
import type { Distribution, FoundPackage } from './package.ts';

type Naming = (found: FoundPackage, distribution: Distribution | null) => Pick<PurlParts, 'namespace' | 'name'>;

/** The letter between namespace and name, at its last place; what has none has no namespace. */
const partedBy =
  (letter: string): Naming =>
  ({ name }) => {
    const at = name.lastIndexOf(letter);
    return at < 0 ? { name } : { namespace: name.slice(0, at), name: name.slice(at + 1) };
  };

/** Packages of a distribution are named within it. */
const withinDistribution =
  (fallback: string): Naming =>
  ({ name }, distribution) => ({ namespace: distribution?.id ?? fallback, name });

/** How the types of the purl specification name a package (purl-spec, types/). Types that are not here have no namespace. */
const NAMING: Readonly<Record<string, Naming>> = {
  alpm: withinDistribution('arch'),
  apk: withinDistribution('alpine'),
  deb: withinDistribution('debian'),
  rpm: withinDistribution('redhat'),
  composer: partedBy('/'),
  golang: partedBy('/'),
  maven: partedBy(':'),
  npm: partedBy('/'),
  pypi: ({ name }) => ({ name: name.toLowerCase().replaceAll('_', '-') }),
  swift: partedBy('/'),
};

const OF_DISTRIBUTION = new Set(['alpm', 'apk', 'deb', 'rpm']);

export function purlOf(found: FoundPackage, distribution: Distribution | null): string {
  const { type, name, architecture, module } = found;
  const isOfDistribution = OF_DISTRIBUTION.has(type);
  // rpm's epoch is a qualifier, not part of the version.
  const [, epoch = null, version = found.version] =
    type === 'rpm' ? (/^(\d+):(.+)$/.exec(found.version) ?? []) : [undefined, null, found.version];
  return formatPurl({
    type,
    ...(NAMING[type]?.(found, distribution) ?? { name }),
    version,
    qualifiers: {
      arch: isOfDistribution ? architecture : null,
      distro: isOfDistribution && distribution ? `${distribution.id}-${distribution.version}` : null,
      epoch,
      rpmmod: module ?? null,
    },
  });
}
