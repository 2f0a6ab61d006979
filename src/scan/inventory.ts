import { FormatError } from '../formats/index.ts';
import { FileTree, type LinkOnTheWay } from '../oci/layers.ts';
import type { Analyser, LiveEvidence } from './analyser.ts';
import { ExposedFiles } from './exposed.ts';
import type { FileEvidence, LayerResult } from './layer.ts';
import { JAVA_UNNAMED_MAX, NOTICES_MAX, PACKAGES_MAX } from './limits.ts';
import { readListing } from './listing.ts';
import { visitOwned } from './owned-files.ts';
import type { Distribution, Inventory, InventoryPackage, KernelLink, UnnamedArchive } from './package.ts';
import { purlOf } from './purl.ts';
import type { ImageSecret } from './secrets/secret.ts';

/** A file that had to be read for a complete answer and was not. */
export class IncompleteInventory extends Error {
  readonly code = 'inventory.incomplete';
}

/** What the layers make together, by names alone. */
export interface MergedNames {
  readonly tree: FileTree;
  readonly exposed: ExposedFiles;
}

/** @throws FormatError when the layers do not fit together */
export function mergeNames(layers: readonly LayerResult[]): MergedNames {
  const tree = new FileTree();
  const exposed = new ExposedFiles();
  for (const [index, layer] of layers.entries()) tree.apply(index, exposed.watch(index, readListing(layer.listing)));
  return { tree, exposed };
}

/**
 * Merges what the layers told: evidence counts when its file is still there after whiteouts and replacements.
 *
 * @throws IncompleteInventory when a file that matters could not be read; FormatError when layers do not fit together
 */
export function inventoryOf(
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  { tree, exposed }: MergedNames,
  workingDir = '',
): Inventory {
  const byName = new Map(analysers.map((analyser) => [analyser.name, analyser]));
  const counting = findLive(layers, tree).filter((found) => byName.get(found.analyser)?.counts?.(found, tree) ?? true);
  const live = leaveToDistribution(counting, layers, analysers, tree);
  requirePlaces(layers, analysers, tree);

  const notices: Inventory['notices'][number][] = [];
  const packages = new Map<string, InventoryPackage>();
  const archives: UnnamedArchive[] = [];
  const distribution = chooseDistribution(live);
  const counts = layers.map(() => 0);
  for (const { analyser, path, layer, evidence } of live) {
    const digest = layers[layer]?.digest;
    if (!digest) continue;
    switch (evidence.kind) {
      case 'unreadable':
        if (byName.get(analyser)?.unreadable !== 'notice') {
          throw new IncompleteInventory(`${path} cannot be read: ${evidence.reason}`);
        }
        if (notices.length < NOTICES_MAX) notices.push({ path, reason: evidence.reason });
        break;
      case 'packages':
        for (const reason of evidence.unread ?? []) if (notices.length < NOTICES_MAX) notices.push({ path, reason });
        for (const one of evidence.unnamed ?? []) {
          if (archives.length < JAVA_UNNAMED_MAX) archives.push({ ...one, path, layer: digest });
        }
        for (const found of evidence.packages) {
          const purl = purlOf(found, distribution);
          const key = `${purl}\0${path}`;
          if (packages.has(key)) continue;
          packages.set(key, { ...found, purl, path, layer: digest });
          counts[layer] = (counts[layer] ?? 0) + 1;
          if (packages.size > PACKAGES_MAX) {
            throw new FormatError('tar.entry-limit', `the image has more than ${PACKAGES_MAX} packages`);
          }
        }
        break;
      case 'licences':
      case 'distribution':
      case 'secrets':
        break;
    }
  }
  addLicences(packages, live, tree);
  return {
    distribution,
    packages: [...packages.values()].sort(byPurl),
    layers: layers.map(({ digest, diffId, sizeBytes, uncompressedBytes, entries }, index) => ({
      digest,
      diffId,
      sizeBytes,
      uncompressedBytes,
      entries,
      packages: counts[index] ?? 0,
    })),
    secrets: placeSecrets(layers, tree),
    exposed: exposed.live(tree, layers),
    ...kernelLinksOf(layers, tree, workingDir),
    archives,
    notices,
  };
}

/**
 * Takes away what analysers that yield found in files which a package of the distribution brought: that package tells of
 * them, and its version says more about fixes. A file that a later layer put in its place is not the package's any more.
 */
function leaveToDistribution(
  live: readonly LiveEvidence[],
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  tree: FileTree,
): readonly LiveEvidence[] {
  const yielding = new Set(analysers.filter((one) => one.yieldsToDistribution).map(({ name }) => name));
  const disputed = new Map<string, number>();
  for (const { analyser, path, layer } of live) if (yielding.has(analyser)) disputed.set(path, layer);
  if (disputed.size === 0) return live;
  const owned = new Set<string>();
  const names = new Set([...disputed.keys()].map((path) => path.slice(path.lastIndexOf('/') + 1)));
  visitOwned(layers, analysers, tree, names, (_owner, _type, path, listLayer) => {
    if ((disputed.get(path) ?? Number.POSITIVE_INFINITY) <= listLayer) owned.add(path);
  });
  return owned.size === 0 ? live : live.filter(({ analyser, path }) => !yielding.has(analyser) || !owned.has(path));
}

/** Debian's copyright files have their own place, which may be a link to that of another package of the same source. */
function addLicences(packages: Map<string, InventoryPackage>, live: readonly LiveEvidence[], tree: FileTree): void {
  const byPath = new Map(
    live.flatMap(({ path, evidence }) => (evidence.kind === 'licences' ? [[path, evidence.licences] as const] : [])),
  );
  if (byPath.size === 0) return;
  for (const [key, found] of packages) {
    if (found.type !== 'deb' || found.licences.length > 0) continue;
    const licences = byPath.get(tree.realPath(`usr/share/doc/${found.name}/copyright`) ?? '');
    if (licences) packages.set(key, { ...found, licences });
  }
}

/** Credentials in all layers: a layer is read by who has the image, whatever later ones remove. */
export function placeSecrets(layers: readonly Pick<LayerResult, 'digest' | 'found'>[], tree: FileTree): ImageSecret[] {
  const found = layers.flatMap(({ digest, found: all }, layer) =>
    all.flatMap(({ path, ordinal, evidence }) =>
      evidence.kind === 'secrets' ? [{ digest, layer, path, ordinal, secrets: evidence.secrets }] : [],
    ),
  );
  if (found.length === 0) return [];
  const wanted = new Set(found.map(({ layer, ordinal }) => `${layer} ${ordinal}`));
  const there = new Set<string>();
  for (const { node } of tree.files()) {
    const place = node.content && `${node.content.layer} ${node.content.ordinal}`;
    if (place && wanted.has(place)) there.add(place);
  }
  return found.flatMap(({ digest, layer, path, ordinal, secrets }) =>
    secrets.map((secret) => ({
      ...secret,
      source: 'file' as const,
      path,
      layer: digest,
      removed: !there.has(`${layer} ${ordinal}`),
    })),
  );
}

/** Names in the merged tree whose bytes are those that an analyser read. */
function findLive(layers: readonly LayerResult[], tree: FileTree): LiveEvidence[] {
  const read = layers.map((layer) => Map.groupBy(layer.found, (found) => found.ordinal));
  const live: LiveEvidence[] = [];
  for (const { path, node } of tree.files()) {
    if (!node.content) continue;
    const { layer, ordinal } = node.content;
    const all: readonly FileEvidence[] = read[layer]?.get(ordinal) ?? [];
    for (const { analyser, evidence } of all) live.push({ analyser, path, layer, evidence });
  }
  return live;
}

/**
 * A database that is reached through a link may have a name no analyser asks for. It was not read, so what it tells is
 * not known, and that must be said.
 */
function requirePlaces(layers: readonly LayerResult[], analysers: readonly Analyser[], tree: FileTree): void {
  for (const { name, places } of analysers) {
    for (const place of places) {
      const content = tree.lookup(place)?.content;
      if (!content) continue;
      const found = layers[content.layer]?.found.some(
        (one) => one.ordinal === content.ordinal && one.analyser === name,
      );
      if (!found) throw new IncompleteInventory(`${place} leads to a file under a name that was not read`);
    }
  }
}

function chooseDistribution(live: readonly LiveEvidence[]): Distribution | null {
  let chosen: Distribution | null = null;
  for (const { path, evidence } of live) {
    if (evidence.kind !== 'distribution') continue;
    // os-release(5): /etc/os-release takes precedence over /usr/lib/os-release.
    if (chosen === null || path === 'etc/os-release') chosen = evidence.distribution;
  }
  return chosen;
}

function byPurl(a: InventoryPackage, b: InventoryPackage): number {
  if (a.purl !== b.purl) return a.purl < b.purl ? -1 : 1;
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

/** Where a run-time mounts the kernel's own file systems, and what it opens while it makes a container. */
const KERNEL_FOLDERS: ReadonlySet<string> = new Set(['proc', 'sys', 'dev']);

/** By which link of the image the way to each of these folders comes into one of the kernel's, as for `workingDirLink`. */
export function kernelWays(layers: readonly LayerResult[], folders: readonly string[]): (KernelLink | null)[] {
  const { tree } = mergeNames(layers);
  return folders.map((folder) => placed(tree.linkInto(folder, KERNEL_FOLDERS), layers)[0] ?? null);
}

function placed(link: LinkOnTheWay | null, layers: readonly LayerResult[]): KernelLink[] {
  const layer = link === null ? undefined : layers[link.layer]?.digest;
  // Beyond 4,096 bytes, which no path has, nothing is kept of what they say.
  return link === null || layer === undefined ? [] : [{ ...link, target: link.target.slice(0, 4096), layer }];
}

/** A run-time that follows them while it starts a container may leave it (CVE-2024-21626, CVE-2025-31133). */
function kernelLinksOf(
  layers: readonly LayerResult[],
  tree: FileTree,
  workingDir: string,
): Pick<Inventory, 'kernelLinks' | 'workingDirLink'> {
  const [way] = placed(tree.linkInto(workingDir, KERNEL_FOLDERS), layers);
  return {
    kernelLinks: [...KERNEL_FOLDERS].flatMap((name) => placed(tree.rootLink(name), layers)),
    ...(way === undefined ? {} : { workingDirLink: way }),
  };
}
