import type { FileTree } from '../../oci/layers.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { GEMSPEC_MAX_BYTES, LOCK_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName, isMostlyInstalled, oncePerTree } from '../reading/paths.ts';
import { collectText } from './text.ts';

const LOCKS = ['Gemfile.lock', 'gems.locked'];
/** Where RubyGems keeps what is installed; those in `default/` come with Ruby itself. */
const INSTALLED = /(?:^|\/)specifications\/(?:default\/)?[^/]+\.gemspec$/;

/** Installed gems, and those that a lock file of Bundler names where they are not installed. */
export const ruby: Analyser = {
  name: 'ruby',
  version: 1,
  fileNames: LOCKS,
  folderNames: [],
  suffixes: ['.gemspec'],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path, sizeBytes }) =>
    path.endsWith('.gemspec')
      ? INSTALLED.test(path) && sizeBytes <= GEMSPEC_MAX_BYTES
      : LOCKS.includes(baseName(path)) && !/(?:^|\/)gems\/[^/]+\/gems\//.test(path),
  read: ({ path }) => collectText(path.endsWith('.gemspec') ? readSpecification : readLock),
  counts: (found, tree) =>
    found.path.endsWith('.gemspec') ||
    !isMostlyInstalled(found, installedGems(tree), ({ name, version }) => `${name}-${version}`),
};

const installedGems = oncePerTree((tree: FileTree) => {
  const gems = new Set<string>();
  for (const { path } of tree.files()) {
    if (path.endsWith('.gemspec') && INSTALLED.test(path)) gems.add(baseName(path).slice(0, -'.gemspec'.length));
  }
  return gems;
});

/** RubyGems writes these itself: `s.name = "x".freeze`, `s.version = "1.2"`, with double quotes. */
function readSpecification(text: string): Evidence | null {
  const packages = new PackageList('gem');
  const [, name] = /^\s{0,8}s\.name = ["']([^"']{1,200})["']/m.exec(text) ?? [];
  const [, version] = /^\s{0,8}s\.version = (?:Gem::Version\.new\()?["']([^"']{1,100})["']/m.exec(text) ?? [];
  const [, platform] = /^\s{0,8}s\.platform = ["']([^"']{1,100})["']/m.exec(text) ?? [];
  const [, list = ''] = /^\s{0,8}s\.licenses = \[([^\]]{0,500})\]/m.exec(text) ?? [];
  const licences = [...list.matchAll(/["']([^"']{1,100})["']/g)].map(([, licence]) => licence);
  packages.add(name, version, { licences, architecture: platform ?? null });
  return packages.evidence();
}

/** Gems stand four deep under `specs:` of a source; what they need stands six deep. PATH is the project itself. */
function readLock(text: string): Evidence | null {
  const packages = new PackageList('gem');
  let section = '';
  for (const line of text.split('\n')) {
    if (/^[A-Z]/.test(line)) section = line.trim();
    if (section !== 'GEM' && section !== 'GIT') continue;
    // "name (1.2.3)", with the platform after a dash: "nokogiri (1.15.0-x86_64-linux)".
    const [, name, version] =
      /^ {4}([^\s(]{1,200}) \(([0-9][0-9A-Za-z.]{0,100})(?:-[^)]{0,100})?\)\s*$/.exec(line) ?? [];
    packages.add(name, version);
  }
  return packages.evidence();
}
