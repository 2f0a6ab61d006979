import { FormatError, parsePurl, parseStrictJson } from '../../formats/index.ts';
import { type Digest, digestOf } from '../../oci/index.ts';
import { BILL_LIST_MAX, BILL_MAX_BYTES, PACKAGE_TEXT_MAX, PACKAGES_MAX } from '../limits.ts';
import type { Distribution, FoundPackage, Inventory, InventoryPackage } from '../package.ts';
import { purlOf } from '../purl.ts';

export type BillFormat = 'CycloneDX' | 'SPDX 2' | 'SPDX 3';

export interface ReadBill {
  readonly format: BillFormat;
  readonly inventory: Inventory;
  /** Of the document itself. */
  readonly digest: Digest;
  /** What the document says that it is of; null when it does not. */
  readonly subject: string | null;
}

type Value = { readonly [key: string]: unknown };

const BILL_DEPTH_MAX = 64;

/** Whether a file may be a bill of materials, by its first bytes and without reading it. */
export function looksLikeJson(start: Uint8Array): boolean {
  const text = new TextDecoder()
    .decode(start)
    .replace(/^\ufeff/, '')
    .trimStart();
  return text.startsWith('{');
}

/**
 * Reads a bill of materials as an inventory: CycloneDX 1.4 to 1.7, SPDX 2.2 and 2.3, SPDX 3.0, all in JSON, from
 * whatever tool. Packages without a purl or version are left out and named in `notices`.
 *
 * @throws FormatError when it is none of these, larger than allowed, or broken
 */
export function readBill(bytes: Uint8Array): ReadBill {
  const document = parseStrictJson(bytes, { maxBytes: BILL_MAX_BYTES, maxDepth: BILL_DEPTH_MAX });
  if (!isObject(document)) throw unknownBill();
  const digest = digestOf(bytes);
  const reader = new BillReader(digest);
  if (document['bomFormat'] === 'CycloneDX') {
    const subject = readCycloneDx(document, reader);
    return { format: 'CycloneDX', digest, subject, inventory: reader.finish(bytes.length) };
  }
  if (/^SPDX-2\.[23]$/.test(textOf(document['spdxVersion']) ?? '')) {
    readSpdx2(document, reader);
    return { format: 'SPDX 2', digest, subject: textOf(document['name']), inventory: reader.finish(bytes.length) };
  }
  if (Array.isArray(document['@graph']) && JSON.stringify(document['@context'] ?? '').includes('spdx.org/rdf/3.0')) {
    const subject = readSpdx3(document['@graph'], reader);
    return { format: 'SPDX 3', digest, subject, inventory: reader.finish(bytes.length) };
  }
  throw unknownBill();
}

function unknownBill(): FormatError {
  return new FormatError('json.syntax', 'it is no CycloneDX 1.4 to 1.7, SPDX 2.2, 2.3 or 3.0 document in JSON');
}

/** Collects packages in the shape in which analysers find them. */
class BillReader {
  readonly #layer: Digest;
  readonly #packages = new Map<string, InventoryPackage>();
  readonly #notices: { path: string; reason: string }[] = [];
  #stated: Distribution | null = null;
  #guessed: Distribution | null = null;

  constructor(layer: Digest) {
    this.#layer = layer;
  }

  distribution(id: string | null, version: string | null, name: string | null): void {
    const word = id?.toLowerCase().replaceAll(/\s+/g, '') ?? '';
    if (!/^[a-z0-9._-]{1,64}$/.test(word)) return;
    this.#stated ??= { id: word, version: (version ?? '').slice(0, 64), name: (name ?? id ?? '').slice(0, 200) };
  }

  add(
    purl: string,
    said: {
      version: string | null;
      places: readonly string[];
      licences: readonly string[];
      source: string | null;
      sha1?: string | null;
    },
  ): void {
    const found = toFound(purl, said);
    if (!found) {
      if (this.#notices.length < 100)
        this.#notices.push({ path: purl.slice(0, 200), reason: 'it names no package with a version' });
      return;
    }
    // What Syft writes of a distribution: debian-12.
    const [, id, version = ''] = /^([a-z0-9._]+)-(.{0,64})$/.exec(parsePurl(purl)?.qualifiers['distro'] ?? '') ?? [];
    if (id) this.#guessed ??= { id, version, name: `${id} ${version}`.trim() };
    for (const path of said.places.length > 0 ? said.places : ['']) {
      const key = `${purl}\0${path}`;
      if (this.#packages.size >= PACKAGES_MAX)
        throw new FormatError('json.size', `it names more than ${PACKAGES_MAX} packages`);
      if (!this.#packages.has(key)) this.#packages.set(key, { ...found, purl: '', path, layer: this.#layer });
    }
  }

  finish(sizeBytes: number): Inventory {
    const distribution = this.#stated ?? this.#guessed;
    const packages = [...this.#packages.values()].map((one) => ({ ...one, purl: purlOf(one, distribution) }));
    packages.sort((a, b) => (a.purl < b.purl ? -1 : a.purl > b.purl ? 1 : a.path < b.path ? -1 : 1));
    const layer = { digest: this.#layer, diffId: this.#layer, sizeBytes, uncompressedBytes: sizeBytes, entries: 1 };
    return {
      distribution,
      packages,
      layers: [{ ...layer, packages: packages.length }],
      secrets: [],
      notices: this.#notices,
    };
  }
}

/** How each type's names are put together; the reverse of what `purlOf` does. */
const JOINED_BY: Readonly<Record<string, string>> = {
  composer: '/',
  golang: '/',
  maven: ':',
  npm: '/',
  swift: '/',
  github: '/',
};

function toFound(
  purl: string,
  {
    version,
    licences,
    source,
    sha1,
  }: { version: string | null; licences: readonly string[]; source: string | null; sha1?: string | null },
): FoundPackage | null {
  const parts = parsePurl(purl);
  const stated = parts?.version ?? version;
  if (!parts || !stated) return null;
  const { type, namespace, qualifiers } = parts;
  const letter = JOINED_BY[type];
  const name = letter !== undefined && namespace ? `${namespace}${letter}${parts.name}` : parts.name;
  const epoch = qualifiers['epoch'];
  const whole =
    type === 'rpm' && epoch !== undefined && /^\d{1,9}$/.test(epoch) && !/^\d+:/.test(stated)
      ? `${epoch}:${stated}`
      : stated;
  if (name.length > PACKAGE_TEXT_MAX || whole.length > PACKAGE_TEXT_MAX) return null;
  // Syft: upstream=source@version, or without a version when it is the same.
  const [, sourceName, sourceVersion] =
    /^([^@\s]{1,512})(?:[@\s](\S{1,512}))?$/.exec(source ?? qualifiers['upstream'] ?? '') ?? [];
  return {
    type,
    name,
    version: whole,
    architecture: qualifiers['arch']?.slice(0, 64) ?? null,
    source: sourceName ? { name: sourceName, version: sourceVersion ?? whole } : null,
    licences: licences.slice(0, BILL_LIST_MAX),
    ...(qualifiers['rpmmod'] ? { module: qualifiers['rpmmod'].slice(0, PACKAGE_TEXT_MAX) } : {}),
    ...(sha1 && /^[0-9a-f]{40}$/i.test(sha1) ? { sha1: sha1.toLowerCase() } : {}),
  };
}

function readCycloneDx(document: Value, reader: BillReader): string | null {
  if (!/^1\.[4-7]$/.test(textOf(document['specVersion']) ?? '')) throw unknownBill();
  const metadata = isObject(document['metadata']) ? document['metadata'] : {};
  const root = isObject(metadata['component']) ? metadata['component'] : {};
  // Components may hold components; the reader of JSON has bounded how deep.
  const waiting: unknown[] = [...listOf(document['components'])];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (!isObject(next)) continue;
    waiting.push(...listOf(next['components']));
    if (next['type'] === 'operating-system') {
      reader.distribution(textOf(next['name']), textOf(next['version']), textOf(next['description']));
      continue;
    }
    const purl = textOf(next['purl']);
    if (purl === null) continue;
    const properties = new Map(
      listOf(next['properties']).flatMap((one) => {
        const [name, value] = isObject(one) ? [textOf(one['name']), textOf(one['value'])] : [null, null];
        return name !== null && value !== null ? [[name, value] as const] : [];
      }),
    );
    const evidence = isObject(next['evidence']) ? next['evidence'] : {};
    const occurrences = listOf(evidence['occurrences']).flatMap((one) =>
      isObject(one) ? (textOf(one['location']) ?? []) : [],
    );
    const other = properties.get('aquasecurity:trivy:FilePath') ?? properties.get('syft:location:0:path');
    const hashes = listOf(next['hashes']).filter(isObject);
    reader.add(purl, {
      version: textOf(next['version']),
      places: (occurrences.length > 0 ? occurrences : other === undefined ? [] : [other])
        .slice(0, BILL_LIST_MAX)
        .map(cleanPlace),
      licences: listOf(next['licenses']).flatMap(licenceOf),
      source: properties.get('darsena:source') ?? trivySource(properties),
      sha1: textOf(hashes.find(({ alg }) => alg === 'SHA-1')?.['content']),
    });
  }
  return textOf(root['name']);
}

/** Trivy parts a source's version into epoch, version and release. */
function trivySource(properties: ReadonlyMap<string, string>): string | null {
  const read = (key: string): string => properties.get(`aquasecurity:trivy:${key}`) ?? '';
  const [name, version, release, epoch] = ['SrcName', 'SrcVersion', 'SrcRelease', 'SrcEpoch'].map(read);
  if (!name || !version) return null;
  return `${name} ${epoch ? `${epoch}:` : ''}${version}${release ? `-${release}` : ''}`;
}

function licenceOf(one: unknown): string[] {
  if (!isObject(one)) return [];
  const licence = isObject(one['license']) ? one['license'] : {};
  return [textOf(one['expression']) ?? textOf(licence['id']) ?? textOf(licence['name'])].filter(
    (text) => text !== null,
  );
}

function readSpdx2(document: Value, reader: BillReader): void {
  for (const one of listOf(document['packages'])) {
    if (!isObject(one)) continue;
    if (/^OPERATING[-_]SYSTEM$/.test(textOf(one['primaryPackagePurpose']) ?? '')) {
      reader.distribution(textOf(one['name']), textOf(one['versionInfo']), textOf(one['description']));
      continue;
    }
    if (one['primaryPackagePurpose'] === 'CONTAINER') continue;
    const references = listOf(one['externalRefs']).filter(isObject);
    const purl = textOf(references.find(({ referenceType }) => referenceType === 'purl')?.['referenceLocator']);
    if (purl === null) continue;
    const declared = textOf(one['licenseDeclared']) ?? '';
    const checksums = listOf(one['checksums']).filter(isObject);
    reader.add(purl, {
      version: textOf(one['versionInfo']),
      ...sourceInfo(textOf(one['sourceInfo'])),
      licences: declared === '' || /^(?:NOASSERTION|NONE)$|LicenseRef-/.test(declared) ? [] : [declared],
      sha1: textOf(checksums.find(({ algorithm }) => algorithm === 'SHA1')?.['checksumValue']),
    });
  }
}

/** What we write ourselves; and Syft's "acquired package info from … : PATH". */
function sourceInfo(text: string | null): { places: string[]; source: string | null } {
  const places: string[] = [];
  let source: string | null = null;
  for (const part of (text ?? '').split('; ')) {
    const [, path] = /^found in (.+) of layer sha\d+:[0-9a-f]+$/.exec(part) ?? [];
    if (path !== undefined && places.length < BILL_LIST_MAX) places.push(cleanPlace(path));
    source ??= /^built from (\S+ \S+)$/.exec(part)?.[1] ?? null;
  }
  return { places, source };
}

function readSpdx3(graph: readonly unknown[], reader: BillReader): string | null {
  let subject: string | null = null;
  for (const one of graph) {
    if (!isObject(one) || one['type'] !== 'software_Package') continue;
    const purpose = one['software_primaryPurpose'];
    const version = textOf(one['software_packageVersion']);
    if (purpose === 'operatingSystem') reader.distribution(textOf(one['name']), version, textOf(one['description']));
    if (purpose === 'container') subject ??= textOf(one['name']);
    if (purpose === 'operatingSystem' || purpose === 'container') continue;
    const identifiers = listOf(one['externalIdentifier']).filter(isObject);
    const identifier = identifiers.find(({ externalIdentifierType }) => externalIdentifierType === 'packageUrl');
    const purl = textOf(one['software_packageUrl']) ?? textOf(identifier?.['identifier']);
    if (purl === null) continue;
    const hashes = listOf(one['verifiedUsing']).filter(isObject);
    reader.add(purl, {
      version,
      ...sourceInfo(textOf(one['software_sourceInfo'])),
      licences: [],
      sha1: textOf(hashes.find(({ algorithm }) => algorithm === 'sha1')?.['hashValue']),
    });
  }
  return subject;
}

function cleanPlace(path: string): string {
  return path.replace(/^\/+/, '').slice(0, 4096);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.slice(0, 8192) : null;
}

function isObject(value: unknown): value is Value {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
