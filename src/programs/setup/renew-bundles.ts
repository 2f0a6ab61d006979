import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { BUNDLES_FOLDER, BUNDLES_LOCK, BUNDLES_LOCK_MS } from '../../system/kept-bundle.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

/**
 * Makes the bundles of this checkout again (see system/kept-bundle.ts), beside the caller and not waited for: about two
 * seconds of processor time after a change of the sources. Only for the checkout's owner, where the bundler is (an
 * installed copy has neither), where they can be written, and while nobody else is at it.
 */
export function renewBundles(): void {
  const modules = statSync(join(ROOT, 'node_modules'), { throwIfNoEntry: false });
  if (modules?.uid !== process.getuid?.() || !isWritable(join(ROOT, 'node_modules'))) return;
  if (!statSync(join(ROOT, 'node_modules/rolldown'), { throwIfNoEntry: false })) return;
  const lock = statSync(join(ROOT, BUNDLES_FOLDER, BUNDLES_LOCK), { throwIfNoEntry: false });
  if (lock && Date.now() - lock.mtimeMs <= BUNDLES_LOCK_MS) return;
  const maker = join(import.meta.dirname, 'make-bundles.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', maker], {
    detached: true,
    stdio: 'ignore',
    cwd: ROOT,
    env: {},
  });
  // No process to be had: the sources run as well.
  child.on('error', () => undefined);
  child.unref();
}

/** Not so on a file system that is mounted to be read, for root neither. */
function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
