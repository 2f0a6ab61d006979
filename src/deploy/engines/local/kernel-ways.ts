import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import type { Text } from '../../../system/index.ts';
import { engineFault } from './errors.ts';

/** Where the descriptors of the run-time are while it joins a container; /dev/fd is a link to it. */
const DESCRIPTORS = 'proc';
/** path_resolution(7): the kernel gives up after 40 links. */
const LINKS_MAX = 40;
/** Folders of a way that are open at once: links lead as deep as somebody inside has made folders, descriptors are everybody's. */
const DEPTH_MAX = 200;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Refuses a folder to work in that the links of a container lead into /proc, where run-times of before 2024 hand over the
 * host (CVE-2024-21626). The way is walked name by name from the open root, so that nothing leads the agent itself
 * anywhere. What the container does after that a fixed run-time looks at itself: it is what the check of versions asks for.
 * @param root as `/proc/PID/root`
 * @throws Fault engine.refused
 */
export async function refuseKernelWay(root: string, path: string, operation: string): Promise<void> {
  const why = await objectionTo(root, path);
  if (why !== null) throw engineFault('engine.refused', { operation, why });
}

/** Null: it does not come into /proc, or there is no such folder. */
async function objectionTo(root: string, path: string): Promise<Text | null> {
  const rest = path.split('/').reverse();
  const way: { readonly name: string; readonly folder: FileHandle }[] = [];
  const top = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  const leave = async (): Promise<void> => void (await way.pop()?.folder.close());
  let links = 0;
  try {
    for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
      if (name === '' || name === '.') continue;
      if (name === '..') {
        await leave();
        continue;
      }
      if (way.length === 0 && name === DESCRIPTORS) {
        const found = `/${[name, ...rest.reverse()].join('/')}`;
        return {
          en: `its way ${path.slice(0, 200)} leads to ${found.slice(0, 200)}, a folder of the kernel`,
          es: `su ruta ${path.slice(0, 200)} lleva a ${found.slice(0, 200)}, una carpeta del núcleo`,
        };
      }
      if (way.length === DEPTH_MAX) {
        return {
          en: `its way ${path.slice(0, 200)} leads more than ${DEPTH_MAX} folders deep`,
          es: `su ruta ${path.slice(0, 200)} lleva a más de ${DEPTH_MAX} carpetas de profundidad`,
        };
      }
      const place = `/proc/self/fd/${(way.at(-1)?.folder ?? top).fd}/${name}`;
      try {
        way.push({ name, folder: await open(place, FOLDER) });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return null;
        if (code !== 'ELOOP' && code !== 'ENOTDIR') throw error;
        const target = await readlink(place).catch(() => null);
        // No link: a file, in which nobody works.
        if (target === null || ++links > LINKS_MAX) return null;
        if (target.startsWith('/')) while (way.length > 0) await leave();
        rest.push(...target.split('/').reverse());
      }
    }
    return null;
  } finally {
    await Promise.all([top, ...way.map(({ folder }) => folder)].map((folder) => folder.close()));
  }
}

/**
 * Refuses a folder to work in that lies in a volume behind a link: whoever else writes there chooses where it leads.
 * @param root folder of the volume
 * @param part the rest of the way, below it
 * @throws Fault engine.refused
 */
export async function refuseLinkInVolume(root: string, part: string, operation: string): Promise<void> {
  let at = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of part.split('/').filter((one) => one !== '' && one !== '.')) {
      let next: FileHandle;
      try {
        next = await open(`/proc/self/fd/${at.fd}/${name}`, FOLDER);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
        throw engineFault(
          'engine.refused',
          {
            operation,
            why: {
              en: `its way in the volume, ${part.slice(0, 200)}, goes over a link or what is no folder`,
              es: `su ruta en el volumen, ${part.slice(0, 200)}, pasa por un enlace o por lo que no es carpeta`,
            },
          },
          { cause: error },
        );
      }
      await at.close();
      at = next;
    }
  } finally {
    await at.close();
  }
}
