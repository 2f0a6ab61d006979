import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Programs as few files. Loading a module costs a third of a millisecond, and a scan loads more than a hundred in each of
 * its processes, so what it starts is kept as a bundle beside the dependencies of the checkout, written by their owner
 * (programs/setup/make-bundles.ts). A bundle is used only while every source that it was made from is the same, and it
 * never has to be there: the sources do the same.
 */
export const BUNDLES_FOLDER = join('node_modules', '.darsena-bundles');

export type BundleName = 'scan-cli' | 'scan-worker';

/** Made by whoever makes the bundles, in BUNDLES_FOLDER, and gone when they are whole. */
export const BUNDLES_LOCK = 'making';
/** A maker that has not ended by then has died, or failed and may try again. */
export const BUNDLES_LOCK_MS = 2 * 60 * 1000;

/** What a bundle was made from, as JSON in BUNDLES_FOLDER. */
export interface BundleRecord {
  readonly node: string;
  /** Of the checkout. A bundle names places of it, so that in a copy of the checkout it would read those of the other. */
  readonly root: string;
  /** Below BUNDLES_FOLDER. */
  readonly folder: string;
  /** Size of the program itself, in bytes. */
  readonly programBytes: number;
  /** Path below the root, time of its last change in ms, size in bytes. */
  readonly sources: readonly (readonly [string, number, number])[];
}

const ROOT = join(import.meta.dirname, '..', '..');

/** @returns the path of its program, and the one folder that it has to read; null when there is none of these sources */
export function keptBundle(
  name: BundleName,
  root = ROOT,
): { readonly program: string; readonly folder: string; readonly url: string } | null {
  const base = join(root, BUNDLES_FOLDER);
  try {
    const record = JSON.parse(readFileSync(join(base, `${name}.json`), 'utf8')) as BundleRecord;
    if (record.node !== process.version || record.root !== root) return null;
    for (const [path, mtimeMs, sizeBytes] of record.sources) {
      const now = statSync(`${root}/${path}`, { throwIfNoEntry: false });
      if (now?.mtimeMs !== mtimeMs || now.size !== sizeBytes) return null;
    }
    const folder = join(base, record.folder);
    const program = join(folder, `${name}.mjs`);
    if (statSync(program, { throwIfNoEntry: false })?.size !== record.programBytes) return null;
    return { program, folder, url: pathToFileURL(program).href };
  } catch {
    // Never made, or a record that nobody can read: then the sources run.
    return null;
  }
}
