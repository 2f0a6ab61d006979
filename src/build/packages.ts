import { ParagraphReader } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';

export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly source: string;
}

/** The installed packages of a dpkg status file, by name. @throws FormatError */
export function readPackages(status: Uint8Array): InstalledPackage[] {
  const packages: InstalledPackage[] = [];
  const reader = new ParagraphReader(['package', 'version', 'architecture', 'status', 'source'], (fields) => {
    const name = fields.get('package');
    const version = fields.get('version');
    if (name === undefined || version === undefined || !(fields.get('status') ?? '').endsWith(' installed')) return;
    packages.push({
      name,
      version,
      architecture: fields.get('architecture') ?? 'all',
      source: (fields.get('source') ?? name).replace(/ \(.*/, ''),
    });
  });
  reader.write(status);
  reader.end();
  return packages.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The package list as CycloneDX 1.6; the same packages give the same bytes. */
export function describePackages(
  packages: readonly InstalledPackage[],
  image: { readonly name: string; readonly release: string; readonly configDigest: Digest },
): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'container', name: image.name, version: image.configDigest } },
    components: packages.map((found) => ({
      type: 'library',
      'bom-ref': purlOf(found, image.release),
      name: found.name,
      version: found.version,
      purl: purlOf(found, image.release),
      properties: [{ name: 'darsena:source-package', value: found.source }],
    })),
  };
}

function purlOf(found: InstalledPackage, release: string): string {
  const version = encodeURIComponent(found.version).replaceAll('%3A', ':');
  return `pkg:deb/debian/${found.name.replaceAll('+', '%2B')}@${version}?arch=${found.architecture}&distro=${release}`;
}
