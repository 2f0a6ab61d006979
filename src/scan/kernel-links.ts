import { posix } from 'node:path';
import { KERNEL_LINKS_MAX, LINKS_WATCHED_MAX, LINKS_WORK_MAX } from './limits.ts';
import type { ListedEntry } from './listing.ts';
import type { KernelLink } from './package.ts';

/** Where a run-time mounts the kernel's own file systems, and what it opens while it makes a container. */
const KERNEL_FOLDERS: ReadonlySet<string> = new Set(['proc', 'sys', 'dev']);
/** path_resolution(7): the kernel gives up after 40 links. */
const HOPS_MAX = 40;
const KERNELS = Symbol('kernel');

/**
 * Finds the links of an image that lead into the folders of the kernel, by however many links, and those that stand in the
 * place of one. A run-time that follows them while it starts a container may leave it (CVE-2024-21626, CVE-2025-31133).
 */
export class KernelLinks {
  readonly #links = new Map<string, { readonly target: string; readonly layer: number }>();
  #isFull = false;
  #work = LINKS_WORK_MAX;

  /** Looks at entries on their way into the tree. */
  *watch(layer: number, entries: Iterable<ListedEntry>): Generator<ListedEntry> {
    for (const entry of entries) {
      if (entry.kind !== 'symlink') this.#links.delete(entry.path);
      else if (this.#links.size < LINKS_WATCHED_MAX || this.#links.has(entry.path))
        this.#links.set(entry.path, { target: entry.linkTarget, layer });
      else this.#isFull = true;
      yield entry;
    }
  }

  /**
   * By path, under each name that links above give them. Null: there are more than are looked at, so that nothing can be said.
   */
  found<Layer>(layers: readonly { readonly digest: Layer }[]): (Omit<KernelLink, 'layer'> & { layer: Layer })[] | null {
    if (this.#isFull) return null;
    const found = new Map<string, { readonly target: string; readonly layer: Layer }>();
    /** Links to folders of the image, by where they end. */
    const others = new Map<string, string[]>();
    for (const [path, { target, layer }] of this.#links) {
      const digest = layers[layer]?.digest;
      const end = this.#follow(path);
      if (this.#work < 0) return null;
      if (digest !== undefined && (KERNEL_FOLDERS.has(path) || end === KERNELS))
        found.set(path, { target, layer: digest });
      else if (end !== null && end !== KERNELS) others.set(end, [...(others.get(end) ?? []), path]);
    }
    // A map goes on over what is added meanwhile: other names of other names are found too.
    for (const [path, link] of found) {
      const parts = path.split('/');
      this.#work -= path.length * parts.length;
      if (this.#work < 0) return null;
      for (let depth = parts.length - 1; depth >= 0; depth -= 1) {
        const rest = parts.slice(depth).join('/');
        for (const other of others.get(parts.slice(0, depth).join('/')) ?? []) found.set(`${other}/${rest}`, link);
        if (found.size > KERNEL_LINKS_MAX) return null;
      }
    }
    return [...found].map(([path, link]) => ({ path, ...link })).sort((one, other) => (one.path < other.path ? -1 : 1));
  }

  /** Where a link ends inside the root, as the names say. Null: nowhere. Links of a layer below that are gone count too. */
  #follow(start: string): string | typeof KERNELS | null {
    let path = start;
    for (let hop = 0; hop <= HOPS_MAX; hop += 1) {
      const parts = path.split('/');
      this.#work -= path.length * parts.length;
      if (this.#work < 0) return null;
      // Within those folders themselves the image has no say: what it put there is mounted over.
      if (hop > 0 && KERNEL_FOLDERS.has(parts[0] ?? '')) return KERNELS;
      const at = parts.map((_, index) => parts.slice(0, index + 1).join('/')).find((one) => this.#links.has(one));
      if (at === undefined) return path;
      const { target = '' } = this.#links.get(at) ?? {};
      const from = target.startsWith('/') ? '' : `${posix.dirname(at)}/`;
      path = posix.normalize(`/${from}${target}${path.slice(at.length)}`).replace(/^\/+|\/+$/g, '');
    }
    return null;
  }
}
