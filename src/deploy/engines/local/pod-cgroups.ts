import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** The last process of a pod may still be on its way out. */
const TRIES = 10;
const TRY_MS = 50;

/**
 * Removes the empty groups that Podman 4 leaves of a removed pod where cgroup v1 is mounted: it takes them out of the
 * hierarchies with a controller and forgets `systemd` and `unified`, so that each roll-out would leave some behind.
 * A group with a process in it cannot be removed, so nothing that runs is touched.
 */
export async function removePodCgroups(podId: string, root = ROOT): Promise<void> {
  if (!/^[0-9a-f]{64}$/.test(podId)) return;
  for (const hierarchy of await readdir(root)) {
    const folder = join(root, hierarchy, 'libpod_parent', podId);
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const error = await rmdir(folder).then(
        () => null,
        (cause: NodeJS.ErrnoException) => cause,
      );
      if (error === null || error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') break;
      if (error.code !== 'EBUSY' && error.code !== 'ENOTEMPTY') throw error;
      await delay(TRY_MS);
    }
  }
}
