import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { objectsOf, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

/** conan.lock of Conan 1 (a graph) and 2 (lists); tools that only build are left out. */
export const conan: Analyser = {
  name: 'conan',
  version: 1,
  fileNames: ['conan.lock'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: () => true,
  read: () => collectText(readLock),
};

function readLock(text: string): Evidence | null {
  const lock = readJsonObject(text);
  const packages = new PackageList('conan');
  const add = (reference: unknown): void => {
    // name/version@user/channel#revision%time
    const [, name, version] = typeof reference === 'string' ? (/^([^/@#]+)\/([^@#%]+)/.exec(reference) ?? []) : [];
    packages.add(name, version);
  };
  if (Array.isArray(lock['requires'])) lock['requires'].forEach(add);
  const graph = lock['graph_lock'];
  if (typeof graph === 'object' && graph !== null && 'nodes' in graph) {
    for (const [, { ref, context }] of objectsOf(graph.nodes)) if (context !== 'build') add(ref);
  }
  return packages.evidence();
}
