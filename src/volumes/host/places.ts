import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { type CommandResult, Fault, runCommand, writeFileAtomic } from '../../system/index.ts';
import { volumeFault } from '../errors.ts';
import { PROBE_MS } from '../limits.ts';
import { exportsOf } from './exports.ts';
import { directFiles, type PlaceFiles, readOwn } from './place-files.ts';

/** What a host allows of itself, in a file that control cannot write. Absent: the engine's own storage and nothing else. */
const allowed = z.strictObject({
  /** Folders below which classes may keep claims. */
  folders: z.array(z.string().max(4_096).regex(/^\//)).max(100).default([]),
  /** Where backups may go: folders, and the beginnings of `rest:` and `sftp:` addresses. */
  repositories: z.array(z.string().max(4_096)).max(100).default([]),
  /** NAS and SAN that the platform mounts by itself, by the name that classes use. */
  exports: exportsOf.default({}),
});
export type AllowedPlaces = z.infer<typeof allowed>;

/** @throws Fault volume.place-refused when the file cannot be understood: then nothing is allowed */
export async function readAllowed(file: string): Promise<AllowedPlaces> {
  const text = await readOwn(file);
  if (text === null) return { folders: [], repositories: [], exports: {} };
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
 * @throws Fault volume.place-away, volume.place-missing, volume.place-unsafe
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

  /** @param root a folder that `requireSafeFolder` gave, and who touches its files @throws Fault volume.place-away */
  async check(root: string, files: PlaceFiles = directFiles): Promise<void> {
    // Read outside of the queue: a place that does not answer holds up no other.
    const text = await files.read(join(root, MARK));
    const mine = this.#last.then(() => this.#check(root, files, text));
    this.#last = mine.catch(() => undefined);
    await mine;
  }

  async #check(root: string, files: PlaceFiles, text: string | null): Promise<void> {
    const known = await this.#read();
    // What is no mark of ours is none that is known.
    const found = text === null ? null : MARK_TEXT.test(text.trim()) ? text.trim() : '';
    const expected = Object.hasOwn(known, root) ? known[root] : undefined;
    if (expected !== undefined && found !== expected) {
      const why =
        found === null
          ? { en: 'its file system is not mounted', es: 'su sistema de archivos no está montado' }
          : {
              en: 'another file system is mounted in its place',
              es: 'en su lugar está montado otro sistema de archivos',
            };
      throw volumeFault('volume.place-away', { place: root, why });
    }
    if (expected !== undefined) return;
    const mark = found ?? this.#newMark();
    if (found === null) await files.create(join(root, MARK), `${mark}\n`);
    await writeFileAtomic(this.#file, JSON.stringify({ ...known, [root]: mark }), { mode: 0o600 });
  }

  async #read(): Promise<Record<string, string>> {
    const text = await readOwn(this.#file);
    return text === null ? {} : z.record(z.string(), z.string().regex(MARK_TEXT)).parse(JSON.parse(text));
  }
}

export interface FileSystemRoom {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * Asks for the room below several folders of one storage in one process. What could not be told is not in the answer.
 * @throws Fault volume.place-away when it does not answer in time
 */
export async function roomsOf(place: string, paths: readonly string[]): Promise<Map<string, FileSystemRoom>> {
  const rooms = new Map<string, FileSystemRoom>();
  for (let at = 0; at < paths.length; at += PATHS_AT_ONCE) {
    const some = paths.slice(at, at + PATHS_AT_ONCE);
    const { stdout } = await askFileSystem(place, ['--format', '%S %a %b %n', '--', ...some]);
    for (const line of stdout.split('\n')) {
      const [, block, free, total, path] = /^(\d+) (\d+) (\d+) (.+)$/.exec(line) ?? [];
      if (path === undefined) continue;
      rooms.set(path, { freeBytes: Number(block) * Number(free), totalBytes: Number(block) * Number(total) });
    }
  }
  return rooms;
}

/** Their names fit into the arguments of one program many times over. */
const PATHS_AT_ONCE = 200;

/**
 * The top folder of something that the platform itself mounted: whoever writes into it could put another in the place of a
 * claim's.
 * @param owners who may have it beside the administrator
 * @throws Fault volume.place-away, volume.place-unsafe
 */
export async function requireSafeTop(path: string, owners: readonly number[]): Promise<void> {
  const result = await askFileSystem(path, ['--format', '%u %f', '--', path], false);
  const [uid = '', mode = ''] = result.stdout.trim().split(' ');
  if (result.code !== 0 || mode === '') throw silent(path, result);
  const bits = Number.parseInt(mode, 16);
  const isOpen = (bits & 0o022) !== 0 && (bits & 0o1000) === 0;
  if (![0, process.getuid?.() ?? 0, ...owners].includes(Number(uid)) || isOpen) {
    const why = {
      en: `its top folder belongs to ${uid} with the mode ${(bits & 0o7777).toString(8)}: somebody else could replace what lies in it`,
      es: `su carpeta superior es de ${uid} con el modo ${(bits & 0o7777).toString(8)}: otra persona podría sustituir lo que contiene`,
    };
    throw volumeFault('volume.place-unsafe', { place: path, why });
  }
}

/**
 * Asks a file system for its room, in a process of its own: a NAS that is away holds who asks it, and this one goes on.
 * @throws Fault volume.place-away
 */
export async function requireAnswers(path: string): Promise<FileSystemRoom> {
  const result = await askFileSystem(path, ['--format', '%S %a %b', '--', path]);
  const [block, free, total] = result.stdout.trim().split(' ').map(Number);
  if (result.code !== 0 || block === undefined || free === undefined || total === undefined) throw silent(path, result);
  return { freeBytes: block * free, totalBytes: block * total };
}

/** What stat(1) said of a place that it could not look at. */
function silent(place: string, { stderr }: CommandResult): Fault {
  const words = stderr
    .replace(/^stat: /, '')
    .trim()
    .slice(0, 300);
  if (words.endsWith(': No such file or directory')) return volumeFault('volume.place-missing', { place });
  return volumeFault('volume.place-away', { place, why: { en: words, es: words } });
}

/** stat(1) in a process of its own, waited for so long and no longer. @throws Fault volume.place-away */
async function askFileSystem(place: string, words: readonly string[], fileSystem = true): Promise<CommandResult> {
  let result: CommandResult | 'late';
  const late = Promise.withResolvers<'late'>();
  // A process that waits in the kernel for a server does not end when it is killed: nobody waits for it here.
  const timer = setTimeout(() => late.resolve('late'), PROBE_MS + 500);
  try {
    const all = [...(fileSystem ? ['--file-system'] : []), ...words];
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
    const asked = runCommand('stat', all, { timeoutMs: PROBE_MS, env });
    asked.catch(() => undefined);
    result = await Promise.race([asked, late.promise]);
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'system.command-timeout') throw error;
    result = 'late';
  } finally {
    clearTimeout(timer);
  }
  if (result !== 'late') return result;
  const seconds = PROBE_MS / 1000;
  const why = { en: `no reply within ${seconds} s`, es: `sin respuesta en ${seconds} s` };
  throw volumeFault('volume.place-away', { place, why });
}
