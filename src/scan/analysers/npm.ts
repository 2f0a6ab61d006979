import { FormatError } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { PACKAGE_JSON_MAX_BYTES, PACKAGE_LOCK_MAX_BYTES } from '../limits.ts';
import { isObject, objectsOf, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName, hasInstalledModules, isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/** `package.json` directly in a folder that npm, yarn or pnpm installed a package into. */
const INSTALLED = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/;
/** npm-shrinkwrap.json is the same file under the name that is published with a package. */
const LOCKS = ['package-lock.json', 'npm-shrinkwrap.json'];

/** Installed npm packages, and those that a lock file names where nothing is installed beside it. */
export const npm: Analyser = {
  name: 'npm',
  version: 2,
  fileNames: ['package.json', ...LOCKS],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: PACKAGE_LOCK_MAX_BYTES,
  wants: ({ path }) => INSTALLED.test(path) || (isLock(path) && !isBelow(path, 'node_modules')),
  read: ({ path }) => collectText((text) => (isLock(path) ? readLock(text) : readManifest(text))),
  counts: ({ path }, tree) => !isLock(path) || !hasInstalledModules(path, tree),
};

function isLock(path: string): boolean {
  return LOCKS.includes(baseName(path));
}

function readManifest(text: string): Evidence | null {
  if (text.length > PACKAGE_JSON_MAX_BYTES) {
    throw new FormatError('json.size', `package.json has more than ${PACKAGE_JSON_MAX_BYTES} bytes`);
  }
  const manifest = readJsonObject(text);
  const packages = new PackageList('npm');
  addNpm(packages, manifest['name'], manifest['version'], manifest['license'] ?? manifest['licenses']);
  return packages.evidence();
}

/** Version 1 nests `dependencies`; 2 and 3 have a flat `packages` by path (npm docs, package-lock.json). */
function readLock(text: string): Evidence | null {
  const lock = readJsonObject(text);
  const packages = new PackageList('npm');
  if (isObject(lock['packages'])) {
    for (const [path, entry] of objectsOf(lock['packages'])) {
      if (entry['dev'] === true || entry['devOptional'] === true || entry['link'] === true) continue;
      const at = path.lastIndexOf('node_modules/');
      if (at >= 0) addNpm(packages, entry['name'] ?? path.slice(at + 13), entry['version'], entry['license']);
    }
  } else {
    const waiting: unknown[] = [lock['dependencies']];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      for (const [name, entry] of objectsOf(next)) {
        if (entry['dev'] === true) continue;
        addNpm(packages, name, entry['version'], entry['license']);
        if (entry['dependencies'] !== undefined) waiting.push(entry['dependencies']);
      }
    }
  }
  return packages.evidence();
}

/** Leaves out what is not a version but a place: file:, git+ssh:, npm:other@1 (an alias; the lock has the real name). */
function addNpm(packages: PackageList, name: unknown, version: unknown, licences: unknown): void {
  if (typeof version === 'string' && /^[v=]?\d/.test(version)) packages.add(name, version, { licences });
}
