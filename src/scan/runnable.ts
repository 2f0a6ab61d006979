import type { Analyser } from './analyser.ts';
import { inventoryOf, mergeNames } from './inventory.ts';
import type { LayerResult } from './layer.ts';
import { RUNNABLE_FILES_MAX } from './limits.ts';
import { readListing } from './listing.ts';
import { visitOwned } from './owned-files.ts';
import type { PackageKey } from './owners.ts';
import type { InventoryPackage } from './package.ts';

/**
 * Why what a package brings cannot all be told from other files by the kernel. `interpreted`: an interpreter reads it.
 * `no-program`: nothing of it is started or loaded. `no-files`: only a lock or a list names it. `inside`: it lies in an archive.
 * `together`: one file holds it and other packages. `many`: it has more files than are named. `cut`: the image has more lists of
 * files than are kept.
 */
export const RUNNABLE_GAPS = ['interpreted', 'no-program', 'no-files', 'inside', 'together', 'many', 'cut'] as const;
export type RunnableGap = (typeof RUNNABLE_GAPS)[number];

/** What of a package runs. */
export interface Runnable extends PackageKey {
  /** Files that may be executed, by their names in the image without links, from its root. */
  readonly programs: readonly string[];
  /** Shared objects and archives of classes: who opens one loads it. */
  readonly libraries: readonly string[];
  readonly gap: RunnableGap | null;
}

/** Their packages are text that a program of another package reads. */
const INTERPRETED = new Set([
  ...['npm', 'pypi', 'gem', 'composer', 'pub', 'hex', 'cran', 'julia', 'luarocks', 'cpan', 'conda', 'bitnami'],
]);
const LISTED = new Set(['deb', 'rpm', 'apk', 'alpm', 'opkg']);
const LIBRARY = /\.(?:so(?:\.[\w.+-]+)?|node|jar|war|ear)$/;
const ARCHIVE = /\.(?:jar|war|ear)$/;
const EXECUTABLE = 0o111;

/** Says of packages of an image which of their files run. A package that the image does not have is left out. */
export function findRunnable(
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  asked: readonly PackageKey[],
): Runnable[] {
  const names = mergeNames(layers);
  const { tree } = names;
  const { packages } = inventoryOf(layers, analysers, names);
  const isAsked = new Set(asked.map(keyOf));
  const wanted = packages.filter((one) => isAsked.has(keyOf(one)));
  const files = new Map<InventoryPackage, Set<string>>(wanted.map((one) => [one, new Set()]));
  const byName = Map.groupBy(wanted, ({ type, name }) => `${type} ${name}`);
  visitOwned(layers, analysers, tree, null, ({ name, version, architecture }, type, real) => {
    for (const one of byName.get(`${type} ${name}`) ?? []) {
      const isIt =
        (version === null || version === one.version) &&
        (architecture === null || architecture === one.architecture || one.architecture === 'all');
      if (isIt) files.get(one)?.add(real);
    }
  });
  const folders = wanted.flatMap((one) => {
    const isFolder = one.type === 'npm' && one.path.endsWith('/package.json');
    return isFolder ? [{ one, folder: one.path.slice(0, -'package.json'.length) }] : [];
  });
  for (const [one, own] of files)
    if (own.size === 0 && !LISTED.has(one.type) && one.inside === undefined) own.add(one.path);
  const owned = new Set([...files.values()].flatMap((own) => [...own]));
  const contents = new Map<string, string>();
  for (const { path, node } of tree.files()) {
    if (!node.content) continue;
    for (const { one, folder } of folders) {
      if (!path.startsWith(folder) || path.includes('/node_modules/', folder.length - 1)) continue;
      files.get(one)?.add(path);
      owned.add(path);
    }
    if (owned.has(path)) contents.set(path, `${node.content.layer} ${node.content.ordinal}`);
  }
  const modes = modesOf(layers, new Set(contents.values()));
  // The same file by another name is the same program.
  const twins = new Map<string, string[]>([...modes.keys()].map((content) => [content, []]));
  for (const { path, node } of tree.files())
    if (node.content) twins.get(`${node.content.layer} ${node.content.ordinal}`)?.push(path);
  return [...files].map(([one, own]) => {
    const programs = new Set<string>();
    const libraries = new Set<string>();
    // A file may have very many names, and all of them may be the package's own.
    for (const content of new Set([...own].map((file) => contents.get(file)))) {
      if (content === undefined) continue;
      const isProgram = ((modes.get(content) ?? 0) & EXECUTABLE) !== 0;
      for (const path of twins.get(content) ?? []) {
        if (isProgram) programs.add(`/${path}`);
        if (LIBRARY.test(path)) libraries.add(`/${path}`);
      }
    }
    const gap = gapOf(one, packages, { own: own.size, programs: programs.size, libraries: libraries.size });
    const isMany = programs.size > RUNNABLE_FILES_MAX || libraries.size > RUNNABLE_FILES_MAX;
    const isNamed = !isMany && gap !== 'together' && gap !== 'no-files';
    const list = (some: ReadonlySet<string>): string[] => (isNamed ? [...some].sort() : []);
    const why = isMany ? 'many' : (gap ?? (layers.some(({ ownedCut }) => ownedCut) ? 'cut' : null));
    return { purl: one.purl, path: one.path, programs: list(programs), libraries: list(libraries), gap: why };
  });
}

function gapOf(
  one: InventoryPackage,
  packages: readonly InventoryPackage[],
  counted: { readonly own: number; readonly programs: number; readonly libraries: number },
): RunnableGap | null {
  if (one.inside !== undefined) return 'inside';
  if (INTERPRETED.has(one.type)) return counted.own > 1 || one.type !== 'npm' ? 'interpreted' : 'no-files';
  if (!LISTED.has(one.type)) {
    if (counted.programs + counted.libraries === 0) return 'no-files';
    const beside = packages.some(
      ({ path, purl, inside }) => path === one.path && purl !== one.purl && inside === undefined,
    );
    return beside && !ARCHIVE.test(one.path) ? 'together' : null;
  }
  return counted.programs + counted.libraries === 0 ? 'no-program' : null;
}

function keyOf({ purl, path }: PackageKey): string {
  return `${purl}\0${path}`;
}

/** The permission bits of these contents. */
function modesOf(layers: readonly LayerResult[], wanted: ReadonlySet<string>): ReadonlyMap<string, number> {
  const modes = new Map<string, number>();
  for (const [layer, { listing }] of layers.entries()) {
    for (const { kind, ordinal, mode } of readListing(listing)) {
      const content = `${layer} ${ordinal}`;
      if (kind === 'file' && wanted.has(content)) modes.set(content, mode);
    }
  }
  return modes;
}
