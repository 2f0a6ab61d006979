import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { isObject, type JsonObject, objectsOf, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

/** conan.lock of Conan 1 (a graph) and 2 (lists); tools that only build are left out. */
export const conan: Analyser = {
  name: 'conan',
  version: 2,
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
  if (isObject(graph)) {
    const nodes = [...objectsOf(graph['nodes'])];
    const tools = toolsOf(nodes);
    // The project itself has the path of its recipe.
    for (const [id, { ref, context, path }] of nodes) {
      if (context !== 'build' && path === undefined && !tools.has(id)) add(ref);
    }
  }
  return packages.evidence();
}

/** Before profiles for building Conan 1 said no context: what is named as a tool, and nowhere as a need, is one. */
function toolsOf(nodes: readonly (readonly [string, JsonObject])[]): ReadonlySet<string> {
  const named = (field: string): Set<string> =>
    new Set(
      nodes.flatMap(([, { [field]: ids }]) => {
        // The first versions named the reference as well: { "zlib/1.2.11#0": "3" }.
        const list = isObject(ids) ? Object.values(ids) : ids;
        return Array.isArray(list) ? list.map(String) : [];
      }),
    );
  const needed = named('requires');
  return new Set([...named('build_requires')].filter((id) => !needed.has(id)));
}
