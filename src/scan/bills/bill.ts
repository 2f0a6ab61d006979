import { createHash } from 'node:crypto';
import type { Digest } from '../../oci/index.ts';
import type { Inventory, InventoryPackage } from '../package.ts';

/** What a bill of materials is of. */
export interface BillSubject {
  readonly digest: Digest;
  /** As people know it; null when nobody named it. */
  readonly reference: string | null;
  /** RFC 3339 UTC: when it was read. With the same, equal inventories give the same bytes. */
  readonly createdAt: string;
  /** @default image */
  readonly kind?: 'image' | 'files';
}

/** One package of a bill: equal purls are one, found in several places. */
export interface BillPackage {
  readonly purl: string;
  readonly found: InventoryPackage;
  readonly licences: readonly string[];
  readonly places: readonly { readonly path: string; readonly layer: Digest }[];
}

export const TOOL = { name: 'darsena', vendor: 'Dársena' } as const;

export function billPackages({ packages }: Inventory): BillPackage[] {
  return [...Map.groupBy(packages, ({ purl }) => purl)].map(([purl, all]) => ({
    purl,
    found: all[0] as InventoryPackage,
    licences: [...new Set(all.flatMap(({ licences }) => licences))],
    places: all.map(({ path, layer }) => ({ path, layer })),
  }));
}

/** RFC 9562, 5.8: a version 8 UUID of our own making, from what the document says. */
export function billUuid(subject: BillSubject, inventory: Inventory): string {
  const text = `${subject.digest}\n${inventory.packages.map(({ purl, path }) => `${purl} ${path}`).join('\n')}`;
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** SPDX knows no parts of a second. */
export function wholeSeconds(at: string): string {
  return `${at.slice(0, 19)}Z`;
}

/** The purl of an image by its digest (purl-spec, types/oci); null without a name. */
export function imagePurl({ reference, digest, kind }: BillSubject): string | null {
  if (kind === 'files' || reference === null || !/^[\w./:@-]+$/.test(reference) || reference.startsWith('/'))
    return null;
  const repository = reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const name = repository.slice(repository.lastIndexOf('/') + 1).toLowerCase();
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name)) return null;
  const qualifier = repository.includes('/')
    ? `?repository_url=${encodeURIComponent(repository.toLowerCase()).replaceAll('%3A', ':')}`
    : '';
  return `pkg:oci/${name}@${digest.replace(':', '%3A')}${qualifier}`;
}
