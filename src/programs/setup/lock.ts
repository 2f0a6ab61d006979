import { mkdir, open, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setupFault } from './errors.ts';
import type { InstanceFolders } from './instance.ts';
import { identify, readPidFile } from './processes.ts';

/**
 * Holds the instance for one `up` or `down` at a time. A lock whose process is gone is taken over.
 * @throws Fault `setup.busy`
 */
export async function withInstanceLock<T>(name: string, folders: InstanceFolders, work: () => Promise<T>): Promise<T> {
  const path = join(folders.run, '..', `${name}.lock`);
  const own = await identify(process.pid);
  for (let attempt = 0; ; attempt++) {
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o755 });
      const file = await open(path, 'wx', 0o644);
      await file.writeFile(`${own.pid} ${own.start}\n`);
      await file.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = await readPidFile(path);
      if (holder !== null || attempt === 3) throw setupFault('setup.busy', { name, pid: holder?.pid ?? '?' });
      await rm(path, { force: true });
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
