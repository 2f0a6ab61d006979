import { FormatError } from '../../formats/index.ts';
import type { Analyser, Evidence, LiveEvidence } from '../analyser.ts';
import { PACKAGE_JSON_MAX_BYTES, PACKAGE_LOCK_MAX_BYTES, PACKAGE_TEXT_MAX, PACKAGES_MAX } from '../limits.ts';
import type { FoundPackage } from '../package.ts';
import { collectText } from './text.ts';

/** `package.json` directly in a folder that npm, yarn or pnpm installed a package into. */
const INSTALLED = /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/@.][^/]*\/package\.json$/;
const LOCK = 'package-lock.json';

/** Installed npm packages, and those that a lock file names where nothing is installed beside it. */
export const npm: Analyser = {
  name: 'npm',
  version: 1,
  fileNames: ['package.json', LOCK],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: PACKAGE_LOCK_MAX_BYTES,
  wants: ({ path }) => INSTALLED.test(path) || (isNamed(path, LOCK) && !path.includes('node_modules/')),
  read: ({ path }) => collectText((text) => (isNamed(path, LOCK) ? readLock(text) : readManifest(text))),
  counts: ({ path }: LiveEvidence, tree) => {
    if (!isNamed(path, LOCK)) return true;
    const installed = tree.list(`${path.slice(0, -LOCK.length)}node_modules`);
    return !installed.some((name) => !name.startsWith('.'));
  },
};

function isNamed(path: string, name: string): boolean {
  return path === name || path.endsWith(`/${name}`);
}

function readManifest(text: string): Evidence | null {
  if (text.length > PACKAGE_JSON_MAX_BYTES) {
    throw new FormatError('json.size', `package.json has more than ${PACKAGE_JSON_MAX_BYTES} bytes`);
  }
  const manifest = readObject(text);
  const found = toPackage(manifest['name'], manifest['version'], manifest['license'] ?? manifest['licenses']);
  return found ? { kind: 'packages', packages: [found] } : null;
}

/** Version 1 nests `dependencies`; 2 and 3 have a flat `packages` by path (npm docs, package-lock.json). */
function readLock(text: string): Evidence {
  const lock = readObject(text);
  const packages: FoundPackage[] = [];
  const add = (name: string, entry: Record<string, unknown>): void => {
    const found = toPackage(name, entry['version'], entry['license']);
    if (found) packages.push(found);
    if (packages.length > PACKAGES_MAX) {
      throw new FormatError('json.size', `package-lock.json names more than ${PACKAGES_MAX} packages`);
    }
  };
  if (isObject(lock['packages'])) {
    for (const [path, entry] of Object.entries(lock['packages'])) {
      if (!isObject(entry) || entry['dev'] === true || entry['devOptional'] === true || entry['link'] === true)
        continue;
      const at = path.lastIndexOf('node_modules/');
      if (at >= 0) add(typeof entry['name'] === 'string' ? entry['name'] : path.slice(at + 13), entry);
    }
  } else {
    const waiting: unknown[] = [lock['dependencies']];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (!isObject(next)) continue;
      for (const [name, entry] of Object.entries(next)) {
        if (!isObject(entry) || entry['dev'] === true) continue;
        add(name, entry);
        if (entry['dependencies'] !== undefined) waiting.push(entry['dependencies']);
      }
    }
  }
  return { kind: 'packages', packages };
}

function readObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch (cause) {
    throw new FormatError('json.syntax', cause instanceof Error ? cause.message.slice(0, 200) : 'not JSON', { cause });
  }
  if (!isObject(value)) throw new FormatError('json.syntax', 'expected an object');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function toPackage(name: unknown, version: unknown, licence: unknown): FoundPackage | null {
  if (typeof name !== 'string' || typeof version !== 'string') return null;
  if (name === '' || version === '' || name.length > PACKAGE_TEXT_MAX || version.length > PACKAGE_TEXT_MAX) return null;
  // Not a version but a place: file:, git+ssh:, npm:other@1 (an alias; the lock names the real one in `name`).
  if (!/^[v=]?\d/.test(version)) return null;
  return { type: 'npm', name, version, architecture: null, source: null, licences: readLicences(licence) };
}

/** A text, or in old packages an object or a list of objects with `type`. */
function readLicences(licence: unknown): string[] {
  const all = Array.isArray(licence) ? licence : [licence];
  return all
    .map((one) => (isObject(one) ? one['type'] : one))
    .filter((one): one is string => typeof one === 'string' && one !== '' && one.length <= PACKAGE_TEXT_MAX)
    .slice(0, 8);
}
