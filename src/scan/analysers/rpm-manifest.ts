import { FormatError, LineReader } from '../../formats/index.ts';
import type { Analyser } from '../analyser.ts';
import { OWNED_LIST_MAX_BYTES, OWNED_PATH_MAX_BYTES, PACKAGE_TEXT_MAX, PACKAGES_MAX } from '../limits.ts';
import type { FoundPackage } from '../package.ts';
import { requireBelow } from './bounds.ts';
import { readSource } from './rpm.ts';

const PLACE = 'var/lib/rpmmanifest/container-manifest-2';

/**
 * What distroless images of Azure Linux (Mariner) have in the place of rpm's database: `rpm -qa` with name,
 * version-release, two times, vendor, epoch, size, architecture, epoch as a number and source, parted by tabs.
 */
export const rpmManifest: Analyser = {
  name: 'rpm-manifest',
  version: 1,
  fileNames: ['container-manifest-2'],
  folderNames: [],
  places: [PLACE],
  unreadable: 'incomplete',
  maxFileBytes: OWNED_LIST_MAX_BYTES,
  wants: ({ path }) => path.endsWith('rpmmanifest/container-manifest-2'),
  read: () => {
    const packages: FoundPackage[] = [];
    const lines = new LineReader((line) => {
      if (line === '') return;
      packages.push(toPackage(line.split('\t')));
      requireBelow(packages.length, PACKAGES_MAX, 'packages');
    }, OWNED_PATH_MAX_BYTES);
    return {
      write: (chunk) => {
        lines.write(chunk);
        return true;
      },
      end: () => {
        lines.end();
        return { kind: 'packages', packages };
      },
    };
  },
  counts: ({ path }, tree) => path === tree.realPath(PLACE),
};

function toPackage(fields: readonly string[]): FoundPackage {
  const [name, version, , , vendor, , , architecture, epochText, source] = fields;
  if (!name || !version || name.length > PACKAGE_TEXT_MAX || version.length > PACKAGE_TEXT_MAX) {
    throw new FormatError('rpm.corrupt', 'a line of the manifest names no package');
  }
  const epoch = Number(epochText) || 0;
  const full = `${epoch ? `${epoch}:` : ''}${version}`;
  const isSaid = vendor !== undefined && vendor !== '' && vendor !== '(none)' && vendor.length <= PACKAGE_TEXT_MAX;
  return {
    type: 'rpm',
    name,
    version: full,
    architecture: architecture?.slice(0, PACKAGE_TEXT_MAX) || null,
    source: readSource(source ?? null, name, full, epoch),
    licences: [],
    ...(isSaid ? { vendor } : {}),
  };
}
