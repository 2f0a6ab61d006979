import type { JavaIndex } from './knowledge/java-index.ts';
import type { Inventory, InventoryPackage, UnnamedArchive } from './package.ts';
import { purlOf } from './purl.ts';

/**
 * Names archives of Java by their checksum: those that say nothing of themselves, and those whose name was guessed by
 * the name of the file or the manifest.
 */
export function nameArchives(inventory: Inventory, index: JavaIndex | null): Inventory {
  const { packages, archives = [] } = inventory;
  if (index === null) return inventory;
  const named: InventoryPackage[] = [];
  const added = new Map<string, number>();
  const unnamed: UnnamedArchive[] = [];
  for (const one of packages) {
    const called = one.guessed && one.sha1 !== undefined ? index.find(one.sha1) : null;
    if (called === null) {
      named.push(one);
      continue;
    }
    const { guessed: _, ...sure } = one;
    named.push(withPurl({ ...sure, name: `${called.group}:${called.artifact}`, version: called.version }, inventory));
  }
  for (const one of archives) {
    const called = index.find(one.sha1);
    if (called === null) {
      unnamed.push(one);
      continue;
    }
    const { path, layer, sha1, inside } = one;
    const found = {
      ...{ type: 'maven', name: `${called.group}:${called.artifact}`, version: called.version },
      ...{ architecture: null, source: null, licences: [], sha1, path, layer, purl: '' },
      ...(inside === undefined ? {} : { inside }),
    };
    named.push(withPurl(found, inventory));
    added.set(layer, (added.get(layer) ?? 0) + 1);
  }
  const places = new Set<string>();
  return {
    ...inventory,
    packages: named
      .filter(({ purl, path }) => places.size < places.add(`${purl}\0${path}`).size)
      .sort((a, b) => compare(a.purl, b.purl) || compare(a.path, b.path)),
    layers: inventory.layers.map((layer) => ({ ...layer, packages: layer.packages + (added.get(layer.digest) ?? 0) })),
    archives: unnamed,
  };
}

function withPurl(one: InventoryPackage, { distribution }: Inventory): InventoryPackage {
  return { ...one, purl: purlOf(one, distribution) };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
