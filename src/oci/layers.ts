import { FormatError } from '../formats/index.ts';

/** An entry of a layer with its path already inside the root: no leading slash, no `..`; the root is ''. */
export interface LayerEntry {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other';
  /** As written by symlinks; a cleaned path for hard links; otherwise empty. */
  readonly linkTarget: string;
  /** The place of the entry in its layer; with the layer's number it names the bytes of a file. */
  readonly ordinal: number;
}

/** Where the bytes of a file are: two names of one file (hard links) have the same content. */
export interface FileContent {
  readonly layer: number;
  readonly ordinal: number;
}

export interface FileNode {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** The layer that last spoke of this name. */
  readonly layer: number;
  /** Of files only. */
  readonly content: FileContent | null;
  /** Of symlinks only. */
  readonly target: string | null;
}

/** A link, where it lies without other links before it, and what it says. */
export interface LinkOnTheWay {
  readonly path: string;
  readonly target: string;
  /** The layer that made it. */
  readonly layer: number;
}

interface Node extends FileNode {
  layer: number;
  readonly children: Map<string, Node> | null;
  /** The layer that last made this folder opaque, so that repeating the mark costs nothing. */
  opaque: number;
}

const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';
/** path_resolution(7): the kernel gives up after 40 links. */
const LINKS_MAX = 40;
/** Nodes that whiteouts may look at, over all layers. Real images stay below their number of files. */
const REMOVAL_VISITS_MAX = 20_000_000;

/**
 * The file tree that the layers of an image make together (image-spec 1.1, layer.md "Applying Changesets"), as names
 * only. Everything happens inside the root: links are followed as chroot(2) would, so no name leads out of it.
 */
export class FileTree {
  readonly #root: Node = folder(-1);
  readonly #removalVisitsMax: number;
  #visits = 0;
  /** Folders by the path that led to them; emptied when a name that may lie on a way is replaced or removed. */
  readonly #parents = new Map<string, Map<string, Node>>();

  constructor(options: { removalVisitsMax?: number } = {}) {
    this.#removalVisitsMax = options.removalVisitsMax ?? REMOVAL_VISITS_MAX;
  }

  /**
   * Lays the next layer over the tree. Whiteouts hide names of lower layers only, wherever they stand in the layer.
   *
   * @throws FormatError for an entry that no engine could unpack, named
   */
  apply(layer: number, entries: Iterable<LayerEntry>): void {
    for (const entry of entries) {
      if (entry.path === '') continue;
      const slash = entry.path.lastIndexOf('/');
      const name = entry.path.slice(slash + 1);
      const parentPath = slash < 0 ? '' : entry.path.slice(0, slash);
      if (name.startsWith(WHITEOUT)) this.#parents.clear();
      if (name === OPAQUE) {
        const parent = this.#walk(parentPath, null);
        if (parent?.children && parent.opaque !== layer) {
          parent.opaque = layer;
          this.#removeLower(parent, layer);
        }
      } else if (name.startsWith(`${WHITEOUT}${WHITEOUT}`)) {
        // AUFS kept its own books under these names; they are no files.
      } else if (name.startsWith(WHITEOUT)) {
        this.#whiteOut(this.#walk(parentPath, null), name.slice(WHITEOUT.length), layer);
      } else {
        const parent = this.#parentFor(parentPath, layer, entry.path);
        const replaced = parent.get(name);
        if (replaced && (replaced.children || replaced.target !== null)) {
          if (entry.kind !== 'directory' || replaced.target !== null) this.#parents.clear();
        }
        this.#add(parent, name, entry, layer);
      }
    }
  }

  /** The node at a path, following links, the last one too; null when there is none. */
  lookup(path: string): FileNode | null {
    return this.#walk(path, null);
  }

  /** The name without links that a path leads to; null when there is none. */
  realPath(path: string): string | null {
    const trail: string[] = [];
    return this.#walk(path, null, trail) ? trail.join('/') : null;
  }

  /** The link that lies in the root under a name; null when something else does, or nothing. */
  rootLink(name: string): LinkOnTheWay | null {
    const node = this.#root.children?.get(name);
    if (node === undefined || node.target === null) return null;
    return { path: name, target: node.target, layer: node.layer };
  }

  /**
   * The last link by which the way to a path, as the kernel goes it, comes into one of these folders of the root. Null: it comes
   * into none, or by names alone. What is not there counts as a folder: it may be made before the way is gone.
   */
  linkInto(path: string, folders: ReadonlySet<string>): LinkOnTheWay | null {
    const trail: { readonly name: string; readonly node: Node | null }[] = [];
    const rest = path.split('/').reverse();
    let last: LinkOnTheWay | null = null;
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        trail.pop();
        continue;
      }
      const above = trail.at(-1);
      if (above === undefined && folders.has(name)) return last;
      const node = (above === undefined ? this.#root : above.node)?.children?.get(name) ?? null;
      if (node === null || node.target === null) {
        trail.push({ name, node });
        continue;
      }
      if (++links > LINKS_MAX) return null;
      const { target, layer } = node;
      last = { path: [...trail, { name }].map((one) => one.name).join('/'), target, layer };
      if (target.startsWith('/')) trail.length = 0;
      rest.push(...target.split('/').reverse());
    }
    return null;
  }

  /** Names in the folder at a path; empty when it is no folder. */
  list(path: string): string[] {
    return [...(this.#walk(path, null)?.children?.keys() ?? [])];
  }

  /** Every name but folders, in no promised order. */
  *files(): Generator<{ path: string; node: FileNode }> {
    const waiting: [string, Node][] = [['', this.#root]];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [prefix, node] = next;
      for (const [name, child] of node.children ?? []) {
        const path = prefix === '' ? name : `${prefix}/${name}`;
        if (child.children) waiting.push([path, child]);
        else yield { path, node: child };
      }
    }
  }

  #add(parent: Map<string, Node>, name: string, entry: LayerEntry, layer: number): void {
    const { kind } = entry;
    if (kind === 'directory') {
      const existing = parent.get(name);
      if (existing?.children) existing.layer = layer;
      else parent.set(name, folder(layer));
    } else if (kind === 'hardlink') {
      const slash = entry.linkTarget.lastIndexOf('/');
      const target = this.#walk(slash < 0 ? '' : entry.linkTarget.slice(0, slash), null)?.children?.get(
        entry.linkTarget.slice(slash + 1),
      );
      if (!target || target.children) {
        throw refused(entry.path, `is a hard link to ${JSON.stringify(entry.linkTarget)}, which is no file`);
      }
      parent.set(name, { ...target, layer });
    } else {
      parent.set(name, {
        kind,
        layer,
        content: kind === 'file' ? { layer, ordinal: entry.ordinal } : null,
        target: kind === 'symlink' ? entry.linkTarget : null,
        children: null,
        opaque: -1,
      });
    }
  }

  #parentFor(path: string, layer: number, entryPath: string): Map<string, Node> {
    const known = this.#parents.get(path);
    if (known) return known;
    const parent = this.#walk(path, layer);
    if (!parent?.children) throw refused(entryPath, 'lies below something that is no folder');
    this.#parents.set(path, parent.children);
    return parent.children;
  }

  /**
   * @param create the layer to make missing folders for, or null to make none
   * @param trail takes the names of the way without links
   */
  #walk(path: string, create: number | null, trail: string[] = []): Node | null {
    const above: Node[] = [];
    let node = this.#root;
    const rest = path === '' ? [] : path.split('/').reverse();
    let links = 0;
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        node = above.pop() ?? this.#root;
        trail.pop();
        continue;
      }
      if (!node.children) return null;
      let child = node.children.get(name);
      if (!child) {
        if (create === null) return null;
        child = folder(create);
        node.children.set(name, child);
      }
      if (child.target === null) {
        above.push(node);
        trail.push(name);
        node = child;
        continue;
      }
      if (++links > LINKS_MAX) {
        // Who only looks finds nothing there, as open(2) does (ELOOP); who would write cannot.
        if (create === null) return null;
        throw refused(path, `goes through more than ${LINKS_MAX} links`);
      }
      if (child.target.startsWith('/')) {
        above.length = 0;
        trail.length = 0;
        node = this.#root;
      }
      rest.push(...child.target.split('/').reverse());
    }
    return node;
  }

  #whiteOut(parent: Node | null, name: string, layer: number): void {
    const node = parent?.children?.get(name);
    if (!parent?.children || !node) return;
    if (node.children) this.#removeLower(node, layer);
    if (node.layer < layer && (node.children?.size ?? 0) === 0) parent.children.delete(name);
  }

  /** Removes what lower layers put below a folder; names of this layer stay. */
  #removeLower(top: Node, layer: number): void {
    // Children come after their folder in this list, so going backwards empties folders before looking at them.
    const found: [Map<string, Node>, string, Node][] = [];
    const waiting: Node[] = [top];
    for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
      if (!node.children) continue;
      this.#visits += node.children.size;
      if (this.#visits > this.#removalVisitsMax) {
        throw new FormatError('tar.entry-limit', `whiteouts look at more than ${this.#removalVisitsMax} names`);
      }
      for (const [name, child] of node.children) {
        found.push([node.children, name, child]);
        if (child.children) waiting.push(child);
      }
    }
    for (const [parent, name, child] of found.reverse()) {
      if (child.layer < layer && (child.children?.size ?? 0) === 0) parent.delete(name);
    }
  }
}

function folder(layer: number): Node {
  return { kind: 'directory', layer, content: null, target: null, children: new Map(), opaque: -1 };
}

function refused(path: string, why: string): FormatError {
  return new FormatError('tar.name', `entry ${JSON.stringify(path.slice(0, 200))} ${why}`);
}
