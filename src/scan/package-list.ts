import type { Digest } from '../oci/index.ts';
import type { Inventory, InventoryPackage } from './package.ts';
import type { Finding } from './report.ts';

/** A package of an image as lists show it. */
export interface ListedPackage {
  readonly purl: string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly source: { readonly name: string; readonly version: string } | null;
  readonly licences: readonly string[];
  /** The file that tells of it. */
  readonly path: string;
  readonly layer: Digest;
  /** How many findings it has. */
  readonly findings: number;
}

export interface PackageQuestion {
  /** Part of name, version, path, purl or name of the source, in any case of letters. */
  readonly match?: string;
  readonly type?: string;
  readonly layer?: string;
  /** Place in the list after which to go on. */
  readonly after?: number;
  readonly limit: number;
}

export interface PackagePage {
  readonly items: readonly ListedPackage[];
  /** For `after`; null at the end. */
  readonly next: string | null;
  /** Of all that the question lets pass. */
  readonly matching: number;
  /** Of the whole image, by purl type. */
  readonly byType: Readonly<Record<string, number>>;
}

/** A page of an inventory, in its own order. */
export function listPackages(
  { packages }: Inventory,
  findings: readonly Finding[],
  { match = '', type, layer, after = -1, limit }: PackageQuestion,
): PackagePage {
  const counts = new Map<string, number>();
  for (const { package: one } of findings) {
    const key = `${one.purl} ${one.path ?? ''}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const byType: Record<string, number> = {};
  for (const one of packages) byType[one.type] = (byType[one.type] ?? 0) + 1;
  const wanted = match.toLowerCase();
  const items: ListedPackage[] = [];
  let matching = 0;
  let last = -1;
  let hasMore = false;
  for (const [place, one] of packages.entries()) {
    if (type !== undefined && one.type !== type) continue;
    if (layer !== undefined && one.layer !== layer) continue;
    const texts = `${one.name} ${one.version} ${one.path} ${one.purl} ${one.source?.name ?? ''}`;
    if (wanted !== '' && !texts.toLowerCase().includes(wanted)) continue;
    matching += 1;
    if (place <= after) continue;
    if (items.length === limit) {
      hasMore = true;
      continue;
    }
    items.push(toListed(one, counts.get(`${one.purl} ${one.path}`) ?? 0));
    last = place;
  }
  return { items, next: hasMore ? String(last) : null, matching, byType };
}

function toListed(one: InventoryPackage, findings: number): ListedPackage {
  const { purl, type, name, version, source, licences, path, layer } = one;
  return { purl, type, name, version, source, licences, path, layer, findings };
}

/** What became of the packages of an image since another one. */
export interface PackageChanges {
  readonly added: readonly PackageVersion[];
  readonly removed: readonly PackageVersion[];
  /** The same package in another version. */
  readonly changed: readonly (PackageVersion & { readonly from: string })[];
}

interface PackageVersion {
  readonly type: string;
  readonly name: string;
  readonly version: string;
}

/** Packages by type and name; one that is there in several versions changed only in those that came and went. */
export function comparePackages(before: Inventory, after: Inventory): PackageChanges {
  const [old, now] = [versionsOf(before), versionsOf(after)];
  const added: PackageVersion[] = [];
  const removed: PackageVersion[] = [];
  const changed: (PackageVersion & { from: string })[] = [];
  for (const [key, { type, name, versions }] of now) {
    const had = old.get(key)?.versions ?? new Set<string>();
    const came = [...versions].filter((version) => !had.has(version));
    const went = [...had].filter((version) => !versions.has(version));
    for (const [index, version] of came.entries()) {
      const from = went[index];
      if (from === undefined) added.push({ type, name, version });
      else changed.push({ type, name, version, from });
    }
    for (const version of went.slice(came.length)) removed.push({ type, name, version });
  }
  for (const [key, { type, name, versions }] of old) {
    if (!now.has(key)) for (const version of versions) removed.push({ type, name, version });
  }
  return { added, removed, changed };
}

function versionsOf({ packages }: Inventory): Map<string, { type: string; name: string; versions: Set<string> }> {
  const found = new Map<string, { type: string; name: string; versions: Set<string> }>();
  for (const { type, name, version } of packages) {
    const key = `${type} ${name}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { type, name, versions: new Set([version]) });
    else known.versions.add(version);
  }
  return found;
}
