import { randomBytes } from 'node:crypto';
import { link, mkdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setupFault } from './errors.ts';
import type { InstanceFolders } from './instance.ts';
import { identify, readPidFile } from './processes.ts';

const TRIES = 5;

/**
 * Holds the instance for one `up` or `down` at a time. A lock whose process is gone is taken over.
 * @throws Fault `setup.busy`
 */
export async function withInstanceLock<T>(name: string, folders: InstanceFolders, work: () => Promise<T>): Promise<T> {
  const path = join(folders.run, '..', `${name}.lock`);
  const own = await identify(process.pid);
  const draft = `${path}.${own.pid}.${randomBytes(4).toString('hex')}`;
  for (let attempt = 1; ; attempt++) {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    try {
      // Linked when it is written: nobody ever reads a lock without its holder's name.
      await writeFile(draft, `${own.pid} ${own.start}\n`, { mode: 0o644 });
      await link(draft, path);
      break;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // The common folder may go with another instance between two steps.
      if (code !== 'EEXIST' && (code !== 'ENOENT' || attempt === TRIES)) throw error;
      if (code === 'EEXIST') {
        const holder = await readPidFile(path);
        if (holder !== null || attempt === TRIES) throw setupFault('setup.busy', { name, pid: holder?.pid ?? '?' });
        await takeAway(path, draft);
      }
    } finally {
      await rm(draft, { force: true });
    }
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
    // The common folder goes with the last instance.
    await rmdir(dirname(path)).catch(() => undefined);
  }
}

/** Removes a lock that nobody holds. Another process may do the same, and hold a fresh one already: that is put back. */
async function takeAway(path: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
    if ((await readPidFile(aside)) !== null) await link(aside, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}
