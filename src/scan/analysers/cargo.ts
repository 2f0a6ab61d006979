import { parseToml } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { objectsIn } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/**
 * Cargo.lock. It does not say what is needed for tests or for building only, so all is named but the crates of the
 * project itself, which have no source. Locks of crates in cargo's own store are not of this project.
 */
export const cargo: Analyser = {
  name: 'cargo',
  version: 1,
  fileNames: ['Cargo.lock'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) => !path.includes('registry/src/') && !isBelow(path, '.cargo') && !isBelow(path, 'vendor'),
  read: () => collectText(readLock),
};

function readLock(text: string): Evidence | null {
  const packages = new PackageList('cargo');
  for (const { name, version, source } of objectsIn(parseToml(text)['package'])) {
    if (typeof source === 'string') packages.add(name, version);
  }
  return packages.evidence();
}
