import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

/** Packages that conda, mamba or pixi installed into an environment. */
export const conda: Analyser = {
  name: 'conda',
  version: 1,
  fileNames: [],
  folderNames: ['conda-meta'],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) => path.endsWith('.json'),
  read: () => collectText(readRecord),
};

function readRecord(text: string): Evidence | null {
  const { name, version, license, subdir } = readJsonObject(text);
  const packages = new PackageList('conda');
  packages.add(name, version, { licences: license, architecture: typeof subdir === 'string' ? subdir : null });
  return packages.evidence();
}
