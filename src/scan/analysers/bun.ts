import { FormatError } from '../../formats/index.ts';
import type { Analyser, Evidence, FileReader } from '../analyser.ts';
import { PACKAGE_LOCK_MAX_BYTES } from '../limits.ts';
import { isObject, objectsOf, readJsonObject, withoutTrailingCommas } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName, hasInstalledModules, isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/** A place joins the names on the way; npm's own names end at 214 letters. */
const PLACE_MAX = 4096;

/** bun.lock, without what is needed in development only; of the older binary bun.lockb a notice is given. */
export const bun: Analyser = {
  name: 'bun',
  version: 2,
  fileNames: ['bun.lock', 'bun.lockb'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: PACKAGE_LOCK_MAX_BYTES,
  wants: ({ path }) => !isBelow(path, 'node_modules'),
  read: ({ path }) => (baseName(path) === 'bun.lockb' ? refuseBinary() : collectText(readLock)),
  counts: ({ path }, tree) => {
    if (hasInstalledModules(path, tree)) return false;
    // Both are written while a project changes over.
    return !path.endsWith('.lockb') || tree.lookup(path.slice(0, -1)) === null;
  },
};

function refuseBinary(): FileReader {
  const refuse = (): never => {
    throw new FormatError(
      'package-list.syntax',
      'a bun.lockb is not read; bun install --save-text-lockfile writes bun.lock, which is',
    );
  };
  return { write: refuse, end: refuse };
}

/** `packages` maps a place in node_modules to `[name@version, registry, { dependencies … }, integrity]` (bun docs, lockfile). */
function readLock(text: string): Evidence | null {
  const lock = readJsonObject(withoutTrailingCommas(text));
  const entries = new Map<string, { id: string; needs: string[] }>();
  if (isObject(lock['packages'])) {
    for (const [place, entry] of Object.entries(lock['packages'])) {
      if (!Array.isArray(entry) || place.length > PLACE_MAX) continue;
      const [id] = entry as unknown[];
      if (typeof id !== 'string') continue;
      entries.set(place, { id, needs: (entry as unknown[]).flatMap((part) => needsOf(part)) });
    }
  }
  const waiting: string[] = [];
  for (const [, workspace] of objectsOf(lock['workspaces'])) {
    // What only one workspace needs in that version stands below its name.
    const from = typeof workspace['name'] === 'string' ? workspace['name'].slice(0, PLACE_MAX) : '';
    for (const name of needsOf(workspace)) waiting.push(placeFor(from, name, entries));
  }
  // A workspace that is itself a dependency stands in `packages` as [name@workspace:path].
  const seen = new Set<string>();
  const packages = new PackageList('npm');
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const entry = entries.get(next);
    if (!entry || seen.has(next)) continue;
    seen.add(next);
    const at = entry.id.lastIndexOf('@');
    const version = entry.id.slice(at + 1);
    if (/^\d/.test(version)) packages.add(entry.id.slice(0, at), version);
    for (const name of entry.needs) waiting.push(placeFor(next, name, entries));
  }
  return packages.evidence();
}

function needsOf(part: unknown): string[] {
  if (!isObject(part)) return [];
  return ['dependencies', 'optionalDependencies', 'peerDependencies'].flatMap((field) => {
    const names = part[field];
    return isObject(names) ? Object.keys(names) : [];
  });
}

/**
 * As node looks it up: in the package's own node_modules first, then in those above. Places join names with '/'; a scope
 * is half a name and no place: what `@a/b` needs of the name `c` is never `@a/c`.
 */
function placeFor(from: string, name: string, entries: ReadonlyMap<string, unknown>): string {
  for (let above = from; above !== ''; above = above.slice(0, Math.max(0, above.lastIndexOf('/')))) {
    if (/(?:^|\/)@[^/]*$/.test(above)) continue;
    if (entries.has(`${above}/${name}`)) return `${above}/${name}`;
  }
  return name;
}
