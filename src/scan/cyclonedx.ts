import { createHash } from 'node:crypto';
import type { Digest } from '../oci/index.ts';
import type { Json } from '../system/index.ts';
import type { Inventory, InventoryPackage } from './package.ts';

export interface CycloneDxSubject {
  readonly digest: Digest;
  /** As people know the image; null when nobody named it. */
  readonly reference: string | null;
  /** RFC 3339 UTC. */
  readonly createdAt: string;
}

/**
 * The inventory as a CycloneDX 1.6 bill of materials in JSON (cyclonedx.org/docs/1.6/json). Equal inventories of the same
 * image give the same serial number.
 */
export function toCycloneDx(inventory: Inventory, subject: CycloneDxSubject): { [key: string]: Json } {
  const rootRef = `image:${subject.digest}`;
  const components: Json[] = [];
  if (inventory.distribution) {
    const { id, version, name } = inventory.distribution;
    components.push({
      'bom-ref': `os:${id}-${version}`,
      type: 'operating-system',
      name: id,
      ...(version === '' ? {} : { version }),
      description: name,
    });
  }
  const refs = new Set<string>();
  for (const one of inventory.packages) {
    const ref = refs.has(one.purl) ? `${one.purl}#${one.path}` : one.purl;
    refs.add(ref);
    components.push(toComponent(one, ref));
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(`${subject.digest}\n${[...refs].join('\n')}`)}`,
    version: 1,
    metadata: {
      timestamp: subject.createdAt,
      tools: { components: [{ type: 'application', name: 'darsena' }] },
      component: {
        'bom-ref': rootRef,
        type: 'container',
        name: subject.reference ?? subject.digest,
        version: subject.digest,
      },
    },
    components,
    dependencies: [{ ref: rootRef, dependsOn: components.map((one) => (one as { 'bom-ref': string })['bom-ref']) }],
  };
}

function toComponent(one: InventoryPackage, ref: string): Json {
  const properties = [
    { name: 'darsena:layer', value: one.layer },
    { name: 'darsena:path', value: one.path },
    ...(one.source ? [{ name: 'darsena:source', value: `${one.source.name} ${one.source.version}` }] : []),
  ];
  const slash = one.type === 'npm' && one.name.startsWith('@') ? one.name.indexOf('/') : -1;
  return {
    'bom-ref': ref,
    type: 'library',
    ...(slash < 0 ? {} : { group: one.name.slice(0, slash) }),
    name: one.name.slice(slash + 1),
    version: one.version,
    purl: one.purl,
    ...(one.licences.length === 0 ? {} : { licenses: toLicences(one.licences) }),
    properties,
  };
}

/** One expression, or names. What merely looks like SPDX is a name: a wrong `id` would make the document invalid. */
function toLicences(licences: readonly string[]): Json[] {
  const [first] = licences;
  if (licences.length === 1 && first && /\s(?:AND|OR|WITH)\s/.test(first) && /^[\w.+() -]+$/.test(first)) {
    return [{ expression: first }];
  }
  return licences.map((name) => ({ license: { name } }));
}

/** RFC 9562, 5.8: a version 8 UUID of our own making, here from a hash. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
