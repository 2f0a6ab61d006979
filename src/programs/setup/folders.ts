import { chmod, chown, lstat, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setupFault } from './errors.ts';
import { type Instance, instanceFiles } from './instance.ts';

interface Folder {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Every folder of an instance with its owner: parents first. Nobody but root can write where root reads. */
export function planFolders(instance: Instance): Folder[] {
  const files = instanceFiles(instance);
  const { control, build, edge } = instance.users;
  const own = instance.mode === 'root' ? { uid: 0, gid: 0 } : { uid: control.uid, gid: control.gid };
  const folder = (path: string, mode: number, owner: { uid: number; gid: number } = own): Folder => ({
    path,
    mode,
    uid: owner.uid,
    gid: owner.gid,
  });
  return [
    folder(instance.data, instance.mode === 'root' ? 0o755 : 0o700),
    folder(instance.run, instance.mode === 'root' ? 0o755 : 0o700),
    folder(instance.logs, 0o750),
    folder(files.control.folder, 0o700, control),
    folder(files.control.blobs, 0o700, control),
    folder(files.control.keys, 0o700, control),
    folder(files.control.run, 0o700, control),
    folder(files.agent.folder, 0o700),
    folder(files.agent.run, 0o700),
    folder(files.sensor.folder, 0o700),
    folder(files.sensor.run, 0o700),
    // Written by root, read by HAProxy (keys are inside): the set-group-ID bit gives new files to its group.
    folder(files.edge.folder, 0o2750, { uid: own.uid, gid: edge.gid }),
    folder(files.edge.run, 0o700, edge),
    // Builds work below it under ids of the build user's range: other users to the kernel, who must pass through.
    folder(files.build.folder, 0o711, build),
    folder(files.podman, 0o755),
    folder(files.supervisors, 0o755),
  ];
}

/**
 * Makes the folders and sets owner and mode.
 * @throws Fault `setup.folder-foreign` when one is a link or belongs to somebody else: it is never taken over
 */
export async function ensureFolders(instance: Instance): Promise<void> {
  for (const parent of [instance.data, instance.run, instance.logs]) {
    await mkdir(join(parent, '..'), { recursive: true, mode: 0o755 });
  }
  for (const { path, mode, uid, gid } of planFolders(instance)) {
    try {
      await mkdir(path, { mode });
      if (process.geteuid?.() === 0) await chown(path, uid, gid);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const stats = await lstat(path);
      if (!stats.isDirectory() || stats.uid !== uid) {
        throw setupFault('setup.folder-foreign', { path, uid: stats.uid, wanted: uid });
      }
    }
    await chmod(path, mode);
  }
}
