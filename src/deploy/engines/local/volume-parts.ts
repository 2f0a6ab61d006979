import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, readFile, rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../../../system/index.ts';
import { engineFault } from './errors.ts';

/** Where one file or folder of a volume is mounted by itself for a container. */
export interface VolumeParts {
  /**
   * Gives the place on this host that holds just this part of a volume; a folder that is not there is made.
   * @param root folder of the volume
   * @param part relative path without `..`
   * @param container for whom, as errors name it
   * @throws Fault deploy.part-outside when the way leads over a link
   */
  mount(pod: string, root: string, part: string, container: string): Promise<string>;
  /** A file system in memory for a volume of a pod; the same one each time. */
  memory(
    pod: string,
    volume: string,
    options: {
      /** Null: as large as the host allows. */
      readonly sizeBytes: number | null;
      /** Whose the files in it are; null: of who makes them. */
      readonly group: number | null;
    },
  ): Promise<string>;
  release(pod: string): Promise<void>;
  /** Releases what belongs to none of these pods. */
  sweep(pods: ReadonlySet<string>): Promise<void>;
}

/**
 * Parts of volumes by bind mounts. A workload writes into its volume while this happens, so the way to the part is walked
 * one name after the other from an open folder, following no link, and what is mounted is the open file itself: a link
 * that is put in its place meanwhile leads nowhere.
 */
export class BoundParts implements VolumeParts {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async mount(pod: string, root: string, part: string, container: string): Promise<string> {
    const folder = join(this.#root, pod);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const place = join(folder, createHash('sha256').update(`${root}\0${part}`).digest('hex'));
    const handle = await walk(root, part, container);
    try {
      const isFolder = (await handle.stat()).isDirectory();
      if ((await mounted()).has(place)) return place;
      if (isFolder) await mkdir(place, { recursive: true });
      else await (await open(place, 'a')).close();
      const source = `/proc/${process.pid}/fd/${handle.fd}`;
      const { code, stderr } = await runCommand('mount', ['--bind', source, place], { timeoutMs: 10_000 });
      if (code !== 0) throw engineFault('engine.failed', { operation: `mount ${part}`, why: stderr.slice(0, 300) });
      return place;
    } finally {
      await handle.close();
    }
  }

  async memory(
    pod: string,
    volume: string,
    { sizeBytes, group }: Parameters<VolumeParts['memory']>[2],
  ): Promise<string> {
    const place = join(this.#root, pod, `memory-${volume}`);
    if ((await mounted()).has(place)) return place;
    await mkdir(place, { recursive: true, mode: 0o700 });
    // Open to every container of the pod, as in Kubernetes; to nobody else, because the folders above are closed.
    const rights = group === null ? 'mode=0777' : `mode=2777,gid=${group}`;
    const options = `nosuid,nodev,${rights}${sizeBytes === null ? '' : `,size=${sizeBytes}`}`;
    const words = ['-t', 'tmpfs', '-o', options, 'tmpfs', place];
    const { code, stderr } = await runCommand('mount', words, { timeoutMs: 10_000 });
    if (code !== 0) throw engineFault('engine.failed', { operation: `mount ${volume}`, why: stderr.slice(0, 300) });
    return place;
  }

  async release(pod: string): Promise<void> {
    if (pod === '' || pod.includes('/') || pod === '..') return;
    const folder = join(this.#root, pod);
    for (const place of await mounted()) {
      if (!place.startsWith(`${folder}/`)) continue;
      const { code, stderr } = await runCommand('umount', ['--lazy', place], { timeoutMs: 10_000 });
      if (code !== 0) throw engineFault('engine.failed', { operation: `unmount ${place}`, why: stderr.slice(0, 300) });
    }
    // A part on a NAS that was away may be mounted this very moment, long after its pod was given up: what is in it is never removed.
    for (const name of await namesIn(folder)) await removeEmpty(join(folder, name));
    await removeEmpty(folder);
  }

  async sweep(pods: ReadonlySet<string>): Promise<void> {
    for (const name of await namesIn(this.#root)) if (!pods.has(name)) await this.release(name);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

/** The place of a mount, when nothing is mounted there any more; the next sweep asks again for one that is. */
async function removeEmpty(path: string): Promise<void> {
  try {
    await rmdir(path).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTDIR') throw error;
      await unlink(path);
    });
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'EBUSY'].includes(code)) throw error;
  }
}

/** For hosts on which nothing can be mounted (rootless). */
export const NO_PARTS: VolumeParts = {
  mount: async (pod) => {
    const what = {
      en: 'a part of a volume (subPath), which needs root',
      es: 'una parte de un volumen (subPath), que necesita root',
    };
    throw engineFault('deploy.host-lacks', { pod, what });
  },
  memory: async (pod) => {
    const what = {
      en: 'an emptyDir in memory, which needs root',
      es: 'un emptyDir en memoria, que necesita root',
    };
    throw engineFault('deploy.host-lacks', { pod, what });
  },
  release: async () => undefined,
  sweep: async () => undefined,
};

/** Opens the last name of the way; those before it must be folders. */
async function walk(root: string, part: string, container: string): Promise<FileHandle> {
  const names = part.split('/').filter((name) => name !== '' && name !== '.');
  let at = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const { mode } = await closedUnless(at, at.stat());
  for (const [index, name] of names.entries()) {
    const isLast = index === names.length - 1;
    const path = `/proc/self/fd/${at.fd}/${name}`;
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    let next: FileHandle;
    try {
      next = await open(path, isLast ? flags : flags | constants.O_DIRECTORY).catch(
        async (error: NodeJS.ErrnoException) => {
          if (error.code !== 'ENOENT') throw error;
          await mkdir(path, { mode: 0o700 });
          const made = await open(path, flags | constants.O_DIRECTORY);
          // As open as the volume, like in Kubernetes, whatever the agent's own umask is.
          await closedUnless(made, made.chmod(mode & 0o7777));
          return made;
        },
      );
    } catch (cause) {
      await at.close();
      const { code } = cause as NodeJS.ErrnoException;
      if (code !== 'ELOOP' && code !== 'ENOTDIR') throw cause;
      throw engineFault('deploy.part-outside', { container, path: part }, { cause });
    }
    await at.close();
    at = next;
  }
  return at;
}

/** What fails leaves no folder open: one that is forgotten ends the process when the collector finds it. */
async function closedUnless<T>(folder: FileHandle, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** Mount points of this machine (proc(5), mountinfo). */
async function mounted(): Promise<Set<string>> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return new Set(text.split('\n').map((line) => line.split(' ')[4] ?? ''));
}
