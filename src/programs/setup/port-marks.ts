import { lstat, lutimes, readlink, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { INSTANCE_NAME, type Instance } from './instance.ts';

/** Everybody may write there, nobody may remove what is another's, and it outlasts a restart of the machine (hier(7)). */
const MARKS = '/var/tmp';

/**
 * Which ports belong to instances of ordinary users, also while they are down: nobody else can read what these wrote down.
 * A mark is a link that leads nowhere; its owner is who says so, its text is the name of the instance, and it is followed by
 * nobody. It asks to be passed over while other ports are free and can keep nobody from the last one, so that a mark of
 * whoever means harm is worth less than a listener would be.
 */
export async function keeperOfPort(port: number, instance: string | null, folder = MARKS): Promise<string | null> {
  try {
    const path = markOf(port, folder);
    const { uid } = await lstat(path);
    // Those of root are read from their descriptions, by everybody.
    if (uid === 0) return null;
    const text = await readlink(path);
    if (!INSTANCE_NAME.test(text) || (uid === process.getuid?.() && text === instance)) return null;
    return `Dársena ${text} (uid ${uid})`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // None, or something that is no link: no mark.
    if (code === 'ENOENT' || code === 'EINVAL') return null;
    throw error;
  }
}

/** Says of the ports of an ordinary user's instance whose they are; at each `up`, because old files there are cleared away. */
export async function markPorts({ mode, name, ports }: Instance, folder = MARKS): Promise<void> {
  if (mode === 'root') return;
  for (const port of Object.values(ports)) {
    const path = markOf(port, folder);
    try {
      await symlink(name, path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Without the folder, or with no room in it, others are not told while this instance is down; that is all.
      if (code !== 'EEXIST') return;
      const now = new Date();
      if (await isOwn(path, name)) await lutimes(path, now, now);
    }
  }
}

export async function unmarkPorts({ mode, name, ports }: Instance, folder = MARKS): Promise<void> {
  if (mode === 'root') return;
  for (const port of Object.values(ports)) {
    const path = markOf(port, folder);
    if (await isOwn(path, name)) await unlink(path);
  }
}

async function isOwn(path: string, name: string): Promise<boolean> {
  const found = await lstat(path).catch(() => null);
  if (found === null || !found.isSymbolicLink() || found.uid !== process.getuid?.()) return false;
  return (await readlink(path)) === name;
}

function markOf(port: number, folder: string): string {
  return join(folder, `.darsena-port-${port}`);
}
