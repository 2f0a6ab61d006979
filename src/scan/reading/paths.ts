import type { FileTree } from '../../oci/layers.ts';
import type { LiveEvidence } from '../analyser.ts';
import type { FoundPackage } from '../package.ts';

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** All but the last part of a path, with its slash; '' at the root. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** Whether one of the folders on the way has this name. */
export function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`) || path.includes(`/${folder}/`);
}

/** npm, yarn, pnpm and bun install into `node_modules` beside the lock file. */
export function hasInstalledModules(path: string, tree: FileTree): boolean {
  return tree.list(`${folderOf(path)}node_modules`).some((name) => !name.startsWith('.') || name === '.pnpm');
}

/** Asks a question about the whole tree once, however many files need the answer. */
export function oncePerTree<T>(ask: (tree: FileTree) => T): (tree: FileTree) => T {
  const answers = new WeakMap<FileTree, { readonly answer: T }>();
  return (tree) => {
    const known = answers.get(tree) ?? { answer: ask(tree) };
    answers.set(tree, known);
    return known.answer;
  };
}

/**
 * Whether the packages a lock file names are installed in the image: at least half of them are. Then what is installed
 * counts, and the lock does not: it may name other versions, and what is needed in development only.
 */
export function isMostlyInstalled(
  { evidence }: LiveEvidence,
  installed: ReadonlySet<string>,
  keyOf: (found: FoundPackage) => string,
): boolean {
  if (evidence.kind !== 'packages') return false;
  const found = evidence.packages.filter((one) => installed.has(keyOf(one)));
  return found.length > 0 && found.length * 2 >= evidence.packages.length;
}
