import { outlineChild, readOutline } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES, PACKAGE_TEXT_MAX } from '../limits.ts';
import { isObject, objectsIn, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName } from '../reading/paths.ts';
import { collectText } from './text.ts';

const SWIFT = 'Package.resolved';

/** Swift packages (Package.resolved of versions 1 to 3) and CocoaPods (Podfile.lock). */
export const apple: Analyser = {
  name: 'apple',
  version: 2,
  fileNames: [SWIFT, 'Podfile.lock'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: () => true,
  read: ({ path }) => collectText(baseName(path) === SWIFT ? readResolved : readPodfile),
};

/** A Swift package is named by where its repository is, without scheme and '.git' (purl-spec, swift). */
function readResolved(text: string): Evidence | null {
  const resolved = readJsonObject(text);
  const { object } = resolved;
  const pins = objectsIn(isObject(object) ? object['pins'] : resolved['pins']);
  const packages = new PackageList('swift');
  for (const { identity, kind, location, repositoryURL, state } of pins) {
    // A registry's package is its scope and name, and has no location.
    const url = kind === 'registry' ? identity : (location ?? repositoryURL);
    if (typeof url !== 'string' || url.length > PACKAGE_TEXT_MAX || !isObject(state)) continue;
    const name = url
      .replace(/^[a-z+]{1,10}:\/\//, '')
      .replace(/^[^@/]{1,64}@/, '')
      .replace(/^([^/:]+):/, '$1/')
      .replace(/(?:\.git)?\/*$/, '');
    // A pin to a branch or a commit alone has no version.
    packages.add(name, state['version']);
  }
  return packages.evidence();
}

/** PODS: "- Name/Part (1.2.3)", some with a list of what they need below. */
function readPodfile(text: string): Evidence | null {
  const packages = new PackageList('cocoapods');
  for (const { key, value } of outlineChild(readOutline(text), 'PODS')?.children.flatMap((node) => [
    node,
    ...node.children,
  ]) ?? []) {
    const [, name, version] = /^"?([^\s"/(]+)(?:\/[^\s"(]*)? \(([0-9][^)\s]*)\)"?$/.exec(key || value) ?? [];
    packages.add(name, version);
  }
  return packages.evidence();
}
