import { cleanTarPath } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import type { FileTree } from '../oci/layers.ts';
import type { Analyser } from './analyser.ts';
import { inventoryOf, mergeNames } from './inventory.ts';
import type { LayerResult } from './layer.ts';
import { visitOwned, withoutLinks } from './owned-files.ts';
import type { Inventory, InventoryPackage } from './package.ts';

/** Whose a file of an image is. */
export interface FileOwners {
  /** As it was asked for. */
  readonly path: string;
  /** Its name without links; null when the image has no such file. */
  readonly realPath: string | null;
  /** The layer its bytes are from; null when there are none. */
  readonly layer: Digest | null;
  /** Usually one; empty when no package says that it is its own. */
  readonly packages: readonly FileOwner[];
}

export interface FileOwner {
  readonly type: string;
  readonly name: string;
  readonly version: string | null;
  /** Null when the inventory does not have the package, as when only its configuration is left. */
  readonly purl: string | null;
  /** The file is from a later layer than the package's record: whoever wrote it there was not the package. */
  readonly replaced: boolean;
}

/**
 * Says of files in the merged image which packages brought them: by the lists of the distribution's package manager; else
 * the package whose own file it is (an archive, a binary), or the installed npm package it lies in.
 */
export function findOwners(
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  paths: readonly string[],
): FileOwners[] {
  const names = mergeNames(layers);
  const { tree } = names;
  const inventory = inventoryOf(layers, analysers, names);
  const asked = paths.map((path) => locate(path, tree));
  const owners = new Map<string, Map<string, FileOwner>>();
  for (const { names } of asked) for (const name of names) owners.set(name, new Map());
  readLists(layers, analysers, tree, inventory, owners);
  return asked.map(({ path, realPath, names, layer }) => {
    const listed = names.map((name) => [...(owners.get(name)?.values() ?? [])]).find((found) => found.length > 0);
    const own = listed ?? ownPackage(realPath, inventory);
    return {
      path,
      realPath: realPath === null ? null : `/${realPath}`,
      layer: layer === null ? null : (layers[layer]?.digest ?? null),
      packages: own.map((one) => (layer === null ? { ...one, replaced: false } : one)),
    };
  });
}

/** Which package a question about files means: one of the inventory. */
export type PackageKey = Pick<InventoryPackage, 'purl' | 'path'>;

export interface PackageFiles {
  /** Names in the image without links, in order; at most as many as were asked for. */
  readonly files: readonly string[];
  readonly total: number;
}

/**
 * The files of a package: what the distribution's lists say; of an installed npm package its folder without the modules
 * inside it; else the file that tells of it. Null when the inventory has no such package.
 */
export function findFiles(
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  asked: PackageKey,
  limit: number,
): PackageFiles | null {
  const names = mergeNames(layers);
  const { tree } = names;
  const wanted = inventoryOf(layers, analysers, names).packages.find(
    ({ purl, path }) => purl === asked.purl && path === asked.path,
  );
  if (wanted === undefined) return null;
  const found = new Set<string>();
  visitOwned(layers, analysers, tree, null, ({ name, version, architecture }, type, real) => {
    const isIt =
      type === wanted.type &&
      name === wanted.name &&
      (version === null || version === wanted.version) &&
      (architecture === null || architecture === wanted.architecture || wanted.architecture === 'all');
    // Lists name folders too, and what was there before a later layer removed it.
    if (isIt && tree.lookup(real)?.content) found.add(real);
  });
  if (found.size === 0 && wanted.type === 'npm' && wanted.path.endsWith('/package.json')) {
    const folder = wanted.path.slice(0, -'package.json'.length);
    for (const { path, node } of tree.files()) {
      if (node.content && path.startsWith(folder) && !path.includes('/node_modules/', folder.length - 1))
        found.add(path);
    }
  }
  if (found.size === 0) found.add(wanted.path);
  const files = [...found].sort().map((path) => `/${path}`);
  return { files: files.slice(0, limit), total: files.length };
}

interface Located {
  readonly path: string;
  readonly realPath: string | null;
  /** Names that a list may have it under: without any link, and with the last one. */
  readonly names: readonly string[];
  readonly layer: number | null;
}

function locate(path: string, tree: FileTree): Located {
  const clean = cleanTarPath(path);
  const realPath = clean === null ? null : tree.realPath(clean);
  if (clean === null || realPath === null) return { path, realPath: null, names: [], layer: null };
  const asLink = withoutLinks(clean, tree, new Map());
  return {
    path,
    realPath,
    names: [...new Set([realPath, asLink])],
    layer: tree.lookup(realPath)?.content?.layer ?? null,
  };
}

function readLists(
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  tree: FileTree,
  inventory: Inventory,
  owners: ReadonlyMap<string, Map<string, FileOwner>>,
): void {
  const packages = Map.groupBy(inventory.packages, ({ type, name }) => `${type} ${name}`);
  const asked = new Set([...owners.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1)));
  visitOwned(layers, analysers, tree, asked, ({ name, version, architecture }, type, real, layer) => {
    const found = owners.get(real);
    if (!found) return;
    const matching = (packages.get(`${type} ${name}`) ?? []).filter(
      (one) =>
        (version === null || one.version === version) &&
        (architecture === null || one.architecture === architecture || one.architecture === 'all'),
    );
    const one: InventoryPackage | undefined = matching[0];
    const replaced = (tree.lookup(real)?.content?.layer ?? layer) > layer;
    const key = one?.purl ?? `${type} ${name}`;
    found.set(key, { type, name, version: one?.version ?? version, purl: one?.purl ?? null, replaced });
  });
}

/** Packages of languages have no lists: a jar or binary is its own, a module's folder is the module's. */
function ownPackage(realPath: string | null, { packages }: Inventory): FileOwner[] {
  if (realPath === null) return [];
  const toOwner = ({ type, name, version, purl }: InventoryPackage): FileOwner => ({
    type,
    name,
    version,
    purl,
    replaced: false,
  });
  const same = packages.filter(({ path }) => path === realPath || path.startsWith(`${realPath}!`));
  if (same.length > 0) return same.map(toOwner);
  let nearest: InventoryPackage | null = null;
  for (const one of packages) {
    if (one.type !== 'npm' || !one.path.endsWith('/package.json')) continue;
    const folder = one.path.slice(0, -'package.json'.length);
    if (realPath.startsWith(folder) && folder.length > (nearest?.path.length ?? 0) - 12) nearest = one;
  }
  return nearest ? [toOwner(nearest)] : [];
}
