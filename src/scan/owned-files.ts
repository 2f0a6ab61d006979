import type { FileTree } from '../oci/layers.ts';
import type { Analyser } from './analyser.ts';
import type { LayerResult } from './layer.ts';
import { type Owner, readOwned } from './owned.ts';

const ENDINGS = 2 ** 15;
const SLASH = 0x2f;

/** Of the last part of a name, which may be shorter than that. */
function endingOf(path: Uint8Array, length: number): number {
  let ending = 0;
  for (let at = length - 1; at >= length - 3 && at >= 0; at--) {
    const byte = path[at] as number;
    if (byte === SLASH) break;
    ending = (ending << 5) | (byte & 31);
  }
  return ending;
}

/** Called for each file that a package says is its own: the purl type, its name without links, the layer of the list. */
export type OwnedVisitor = (owner: Owner, type: string, realPath: string, layer: number) => void;

/**
 * Goes through the lists of owned files that are still there in the merged image.
 *
 * @param asked last parts of the names that matter, for which alone links of folders are followed; null: all names
 */
export function visitOwned(
  layers: readonly LayerResult[],
  analysers: readonly Analyser[],
  tree: FileTree,
  asked: ReadonlySet<string> | null,
  visit: OwnedVisitor,
): void {
  const byName = new Map(analysers.map((analyser) => [analyser.name, analyser]));
  const lists = layers.map(({ owned }) => Map.groupBy(owned, ({ ordinal }) => ordinal));
  if (lists.every(({ size }) => size === 0)) return;
  const folders = new Map<string, string>();
  // An image has ten times more owned files than names that matter: three letters tell most of them apart.
  const endings = new Uint8Array(ENDINGS);
  for (const name of asked ?? []) {
    const bytes = Buffer.from(name);
    endings[endingOf(bytes, bytes.length)] = 1;
  }
  for (const { path, node } of tree.files()) {
    if (!node.content) continue;
    const { layer, ordinal } = node.content;
    for (const { analyser, files } of lists[layer]?.get(ordinal) ?? []) {
      const evidence = { kind: 'packages', packages: [] } as const;
      if (byName.get(analyser)?.counts?.({ analyser, path, layer, evidence }, tree) === false) continue;
      readOwned(
        files.bytes,
        (owner, file) => {
          if (asked !== null && !asked.has(file.slice(file.lastIndexOf('/') + 1))) return;
          visit(owner, files.type, withoutLinks(file, tree, folders), layer);
        },
        (path, length) => asked === null || endings[endingOf(path, length)] === 1,
      );
    }
  }
}

/** The name with its folders' links followed, but not a link that it is itself: packages own links too. */
export function withoutLinks(path: string, tree: FileTree, folders: Map<string, string>): string {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return path;
  const folder = path.slice(0, slash);
  let real = folders.get(folder);
  if (real === undefined) {
    real = tree.realPath(folder) ?? folder;
    folders.set(folder, real);
  }
  return real === '' ? path.slice(slash + 1) : `${real}${path.slice(slash)}`;
}
