import { parseToml } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { isObject, objectsIn } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

/** Julia's Manifest.toml: the packages of an environment; those of Julia itself have no version. */
export const julia: Analyser = {
  name: 'julia',
  version: 1,
  fileNames: ['Manifest.toml', 'JuliaManifest.toml'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: () => true,
  read: () => collectText(readManifest),
};

/** `[[deps.Name]]` since format 2, `[[Name]]` before. */
function readManifest(text: string): Evidence | null {
  const manifest = parseToml(text);
  const packages = new PackageList('julia');
  const entries = isObject(manifest['deps']) ? manifest['deps'] : manifest;
  for (const [name, versions] of Object.entries(entries)) {
    for (const { version, uuid } of objectsIn(versions)) if (typeof uuid === 'string') packages.add(name, version);
  }
  return packages.evidence();
}
