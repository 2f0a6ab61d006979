import { constants } from 'node:fs';
import { type FileHandle, open, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type CommandResult, Fault, runCommand, writeFileAtomic } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { PROBE_MS } from '../limits.ts';

/** What a host allows of itself, in a file that control cannot write. Absent: the engine's own storage and nothing else. */
const allowed = z.strictObject({
  /** Folders below which classes may keep claims. */
  folders: z.array(z.string().max(4_096).regex(/^\//)).max(100).default([]),
  /** Where backups may go: folders, and the beginnings of `rest:` and `sftp:` addresses. */
  repositories: z.array(z.string().max(4_096)).max(100).default([]),
});
export type AllowedPlaces = z.infer<typeof allowed>;

/** @throws Fault volume.place-refused when the file cannot be understood: then nothing is allowed */
export async function readAllowed(file: string): Promise<AllowedPlaces> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { folders: [], repositories: [] };
    throw error;
  }
  const parsed = allowed.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  const why = { en: `${file} cannot be understood`, es: `${file} no se entiende` };
  throw volumeFault('volume.place-refused', { place: file, why, file });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Whether a path is one of the folders or lies below one. */
export function isBelow(path: string, folders: readonly string[]): boolean {
  const whole = resolve(path);
  return folders.some((folder) => {
    const top = resolve(folder);
    return whole === top || whole.startsWith(top === '/' ? '/' : `${top}/`);
  });
}

/**
 * Whether a place for backups is allowed. An address is compared by whole parts, so that one host's name is not the
 * beginning of another's.
 */
export function isAllowedRepository(location: string, places: readonly string[]): boolean {
  // restic and servers of SFTP follow a way back up.
  if (/[/:]\.\.(?:\/|$)/.test(location)) return false;
  if (location.startsWith('/'))
    return isBelow(
      location,
      places.filter((place) => place.startsWith('/')),
    );
  return places.some((place) => {
    if (place.startsWith('/')) return false;
    const top = place.replace(/\/+$/, '');
    return location === top || location === `${top}/` || location.startsWith(`${top}/`);
  });
}

/**
 * A folder that nobody but this host's administrator can have put something else in place of: each name on the way is
 * opened without following links, and belongs to root (or whoever we are) and to nobody else's pen.
 * @returns its path, without links
 * @throws Fault volume.place-away, volume.place-unsafe
 */
export async function requireSafeFolder(path: string): Promise<string> {
  const unsafe = (en: string, es: string): Fault =>
    volumeFault('volume.place-unsafe', { place: path, why: { en, es } });
  await requireAnswers(path);
  let at = await open('/', constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of resolve(path).split('/').filter(Boolean)) {
      const next: FileHandle = await open(
        `/proc/self/fd/${at.fd}/${name}`,
        constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
      ).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ELOOP' || error.code === 'ENOTDIR')
          throw unsafe(
            `${name} on its way is a link or no folder`,
            `${name}, en su ruta, es un enlace o no es una carpeta`,
          );
        throw error;
      });
      await at.close();
      at = next;
      const { uid, mode } = await at.stat();
      const self = process.getuid?.() ?? 0;
      // A sticky folder that everybody may write to (/tmp) lets nobody replace what is another's.
      const isOpen = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
      if ((uid !== 0 && uid !== self) || isOpen) {
        throw unsafe(
          `somebody other than the administrator could replace ${name} on its way`,
          `alguien distinto de quien administra podría sustituir ${name}, en su ruta`,
        );
      }
    }
    return resolve(path);
  } finally {
    await at.close();
  }
}

/** Lies at the top of every folder of a class. */
const MARK = '.darsena-storage';
const MARK_TEXT = /^[0-9a-f-]{36}$/;

/**
 * Knows the file systems that classes lie on again. One that is not mounted leaves an empty folder in its place on the
 * host's own disk, and a workload that was given that one would begin anew, without its data: so each has a mark, and the
 * host remembers which.
 */
export class Marks {
  readonly #file: string;
  readonly #newMark: () => string;
  #last: Promise<void> = Promise.resolve();

  constructor(file: string, newMark: () => string) {
    this.#file = file;
    this.#newMark = newMark;
  }

  /** @param root a folder that `requireSafeFolder` gave @throws Fault volume.place-away */
  check(root: string): Promise<void> {
    const mine = this.#last.then(() => this.#check(root));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #check(root: string): Promise<void> {
    const known = await this.#read();
    const found = await readMark(join(root, MARK));
    const expected = Object.hasOwn(known, root) ? known[root] : undefined;
    if (expected !== undefined && found !== expected) {
      const why =
        found === null
          ? { en: 'its file system is not mounted', es: 'su sistema de ficheros no está montado' }
          : {
              en: 'another file system is mounted in its place',
              es: 'en su lugar está montado otro sistema de ficheros',
            };
      throw volumeFault('volume.place-away', { place: root, why });
    }
    if (expected !== undefined) return;
    const mark = found ?? this.#newMark();
    if (found === null) await writeFile(join(root, MARK), `${mark}\n`, { flag: 'wx', mode: 0o644 });
    await writeFileAtomic(this.#file, JSON.stringify({ ...known, [root]: mark }), { mode: 0o600 });
  }

  async #read(): Promise<Record<string, string>> {
    try {
      return z.record(z.string(), z.string().regex(MARK_TEXT)).parse(JSON.parse(await readFile(this.#file, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
      throw error;
    }
  }
}

/** Null when there is none. */
async function readMark(path: string): Promise<string | null> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const text = Buffer.alloc(100);
      const { bytesRead } = await handle.read(text, 0, text.length, 0);
      const mark = text.toString('utf8', 0, bytesRead).trim();
      return MARK_TEXT.test(mark) ? mark : '';
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

export interface FileSystemRoom {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * Asks a file system for its room, in a process of its own: a NAS that is away holds who asks it, and this one goes on.
 * @throws Fault volume.place-away
 */
export async function requireAnswers(path: string): Promise<FileSystemRoom> {
  const away = (en: string, es: string): Fault => volumeFault('volume.place-away', { place: path, why: { en, es } });
  let result: CommandResult | 'late';
  const late = Promise.withResolvers<'late'>();
  // A process that waits in the kernel for a server does not end when it is killed: nobody waits for it here.
  const timer = setTimeout(() => late.resolve('late'), PROBE_MS + 500);
  try {
    const asked = runCommand('stat', ['--file-system', '--format', '%S %a %b', '--', path], { timeoutMs: PROBE_MS });
    asked.catch(() => undefined);
    result = await Promise.race([asked, late.promise]);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'system.command-timeout') throw error;
    result = 'late';
  } finally {
    clearTimeout(timer);
  }
  if (result === 'late') {
    throw away(`no reply within ${PROBE_MS / 1000} s`, `sin respuesta en ${PROBE_MS / 1000} s`);
  }
  const [block, free, total] = result.stdout.trim().split(' ').map(Number);
  if (result.code !== 0 || block === undefined || free === undefined || total === undefined) {
    const words = result.stderr
      .replace(/^stat: /, '')
      .trim()
      .slice(0, 300);
    throw away(words, words);
  }
  return { freeBytes: block * free, totalBytes: block * total };
}
