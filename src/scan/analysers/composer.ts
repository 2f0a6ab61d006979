import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { type JsonObject, objectsIn, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName, folderOf } from '../reading/paths.ts';
import { collectText } from './text.ts';

const LOCK = 'composer.lock';

/** PHP packages that composer installed, and those of a lock file, without `packages-dev`, where none are beside it. */
export const composer: Analyser = {
  name: 'composer',
  version: 2,
  fileNames: [LOCK, 'installed.json'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) => path.endsWith('vendor/composer/installed.json') || baseName(path) === LOCK,
  read: () => collectText(readList),
  counts: ({ path }, tree) =>
    baseName(path) !== LOCK || tree.lookup(`${folderOf(path)}vendor/composer/installed.json`) === null,
};

/** installed.json: `packages` (composer 2, where `dev-package-names` are told apart) or the list itself (composer 1). */
function readList(text: string): Evidence | null {
  const top = text.trimStart();
  const entries: readonly JsonObject[] = top.startsWith('[')
    ? objectsIn(readJsonObject(`{"packages":${top}}`)['packages'])
    : objectsIn(readJsonObject(text)['packages']);
  const packages = new PackageList('composer');
  for (const { name, version, license } of entries) {
    // 'dev-main' and '2.x-dev' are branches: no release that advisories could speak of.
    if (typeof version !== 'string' || /^dev-|-dev$/i.test(version)) continue;
    packages.add(name, version.replace(/^v(?=\d)/, ''), { licences: license });
  }
  return packages.evidence();
}
