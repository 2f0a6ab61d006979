import type { FileTree } from '../oci/layers.ts';
import { EXPOSED_FILES_MAX } from './limits.ts';
import type { ListedEntry } from './listing.ts';
import type { ExposedFile } from './package.ts';

/** Names that matter whatever their rights: accounts, ways to become root, keys. */
const NAMED =
  /^(?:etc\/g?shadow-?|(?:usr\/)?bin\/(?:sudo|doas)|etc\/ssh\/ssh_host_[a-z0-9]+_key|(?:.*\/)?\.ssh\/id_[a-z0-9]+)$/;
/** What package managers leave behind when a step does not clean up. */
const CACHES =
  /^(?:var\/lib\/apt\/lists\/[^/]+_(?:Packages|Release|InRelease)(?:\.\w+)?|var\/cache\/(?:apt\/archives\/[^/]+\.deb|apk\/[^/]+\.(?:apk|tar\.gz)|(?:dnf|yum)\/.+\.(?:solv|xml\.gz|rpm))|root\/\.(?:cache\/pip|npm\/_cacache)\/.+)$/;

interface Candidate {
  readonly entry: Pick<ListedEntry, 'kind' | 'mode' | 'ordinal' | 'capabilities'>;
  readonly layer: number;
}

/** Finds, while layers are laid over each other, the files whose rights or names open something. */
export class ExposedFiles {
  readonly #candidates = new Map<string, Candidate>();

  /** Looks at entries on their way into the tree. */
  *watch(layer: number, entries: Iterable<ListedEntry>): Generator<ListedEntry> {
    for (const entry of entries) {
      const { path, kind, mode, ordinal, capabilities } = entry;
      if (isExposed(entry)) {
        if (this.#candidates.size < EXPOSED_FILES_MAX || this.#candidates.has(path)) {
          this.#candidates.set(path, { entry: { kind, mode, ordinal, capabilities }, layer });
        }
      } else if (kind === 'directory' && this.#candidates.size > 0) {
        // A later layer may close a folder that stays.
        this.#candidates.delete(path);
      }
      yield entry;
    }
  }

  /** Those that the finished tree still has, by path. */
  live<Layer>(
    tree: FileTree,
    layers: readonly { readonly digest: Layer }[],
  ): (Omit<ExposedFile, 'layer'> & { layer: Layer })[] {
    return [...this.#candidates]
      .flatMap(([path, { entry, layer }]) => {
        const digest = layers[layer]?.digest;
        const node = tree.lookup(path);
        if (digest === undefined || node === null || tree.realPath(path) !== path) return [];
        const isSame =
          entry.kind === 'directory'
            ? node.content === null || node.content === undefined
            : node.content?.layer === layer && node.content.ordinal === entry.ordinal;
        if (!isSame) return [];
        const { kind, mode, capabilities } = entry;
        return [
          {
            path,
            kind: kind === 'directory' ? ('directory' as const) : ('file' as const),
            mode,
            cache: CACHES.test(path),
            ...(capabilities > 0 ? { capabilities } : {}),
            layer: digest,
          },
        ];
      })
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

function isExposed({ path, kind, mode, capabilities }: ListedEntry): boolean {
  if (kind === 'directory') return (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
  if (kind !== 'file') return false;
  return (mode & 0o6002) !== 0 || capabilities > 0 || hasToldName(path);
}

/** The quick look comes first: nearly no path has one of these words. */
function hasToldName(path: string): boolean {
  return /shadow|sudo|doas|ssh|\/(?:cache|lists)\/|_cacache/.test(path) && (NAMED.test(path) || CACHES.test(path));
}
