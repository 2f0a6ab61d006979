import { type OutlineNode, outlineChild, outlineValue, readOutline } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { PACKAGE_LOCK_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { hasInstalledModules, isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/** pnpm-lock.yaml of versions 5 to 9, without what is needed in development only. */
export const pnpm: Analyser = {
  name: 'pnpm',
  version: 1,
  fileNames: ['pnpm-lock.yaml'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: PACKAGE_LOCK_MAX_BYTES,
  wants: ({ path }) => !isBelow(path, 'node_modules'),
  read: () => collectText(readLock),
  counts: ({ path }, tree) => !hasInstalledModules(path, tree),
};

interface Entry {
  readonly name: string;
  readonly version: string;
}

function readLock(text: string): Evidence | null {
  const nodes = readOutline(text);
  const packages = new PackageList('npm');
  const major = Number.parseInt(outlineValue(nodes, 'lockfileVersion'), 10);
  const entries = outlineChild(nodes, 'packages')?.children ?? [];
  if (major >= 9) {
    const used = reachable(nodes);
    for (const { key } of entries) {
      const entry = parseKey(key, major);
      if (entry && used(entry)) packages.add(entry.name, entry.version);
    }
  } else {
    for (const { key, children } of entries) {
      // `dev: true` is written by versions 5 and 6 only.
      if (outlineValue(children, 'dev') === 'true') continue;
      const entry = parseKey(key, major);
      // What does not come from a registry has its name and version in fields of its own.
      packages.add(outlineValue(children, 'name') || entry?.name, outlineValue(children, 'version') || entry?.version);
    }
  }
  return packages.evidence();
}

/** `/name/1.0.0_peers` (5), `/name@1.0.0(peers)` (6), `name@1.0.0` (9); the registry's host may stand before. */
function parseKey(key: string, major: number): Entry | null {
  const own = key.replace(/\(.*$/, '');
  const pattern =
    major < 6 ? /^[^/]*\/((?:@[^/]+\/)?[^/]+)\/(\d[^_/]*)/ : /^(?:[^/@]*\/)?((?:@[^/]+\/)?[^/@]+)@(\d[^/]*)$/;
  const [, name, version] = pattern.exec(own) ?? [];
  return name && version ? { name, version } : null;
}

/**
 * Since version 9 nothing says "development only": the graph of `snapshots` is walked from what the workspaces'
 * `dependencies` and `optionalDependencies` name.
 */
function reachable(nodes: readonly OutlineNode[]): (entry: Entry) => boolean {
  const snapshots = new Map<string, OutlineNode>();
  for (const node of outlineChild(nodes, 'snapshots')?.children ?? []) snapshots.set(node.key, node);
  const waiting: string[] = [];
  const push = (children: readonly OutlineNode[], versionOf: (node: OutlineNode) => string): void => {
    for (const field of ['dependencies', 'optionalDependencies']) {
      for (const one of outlineChild(children, field)?.children ?? []) {
        const version = versionOf(one);
        // An alias names the other package whole.
        waiting.push(snapshots.has(version) ? version : `${one.key}@${version}`);
      }
    }
  };
  const importers = outlineChild(nodes, 'importers')?.children ?? [];
  for (const { children } of importers) push(children, (node) => outlineValue(node.children, 'version'));
  const seen = new Set<string>();
  const used = new Set<string>();
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const node = snapshots.get(next);
    if (!node || seen.has(next)) continue;
    seen.add(next);
    used.add(next.replace(/\(.*$/, ''));
    push(node.children, ({ value }) => value);
  }
  // A graph that cannot be followed hides nothing.
  if (importers.length === 0 || snapshots.size === 0) return () => true;
  return ({ name, version }) => used.has(`${name}@${version}`);
}
