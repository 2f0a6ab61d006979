import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Text } from './text.ts';

/**
 * Replaces a file so that a reader or a crash sees the old bytes or the new ones, never a part: temporary file in the
 * same folder, fsync, rename, fsync of the folder.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: { readonly mode?: number; readonly owner?: { readonly uid: number; readonly gid: number } } = {},
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  const mode = options.mode ?? 0o644;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      await handle.chmod(mode);
      if (options.owner !== undefined) await handle.chown(options.owner.uid, options.owner.gid);
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/** What comes first and what it goes through, as `pipeline` of `node:stream` takes them. */
export type StreamStages = readonly [
  NodeJS.ReadableStream | AsyncIterable<Uint8Array>,
  ...(NodeJS.ReadWriteStream | ((source: AsyncIterable<Buffer>) => AsyncIterable<Uint8Array>))[],
];

/**
 * Writes what the stages give into a file that only its owner may read (mode 0600). When this ends, well or not, nobody has
 * the file open. `pipeline` alone does not wait for the opening of a file when its source fails: the file could appear
 * after whoever failed had removed it.
 *
 * @param options.exclusive refuses a file that is there (EEXIST), and a link in its place
 * @param options.flush what was written is on disk (fsync(2)) when this ends
 * @throws what a stage threw, or the Error of open(2), write(2), fsync(2)
 */
export async function streamToFile(
  path: string,
  stages: StreamStages,
  options: { readonly exclusive?: boolean; readonly flush?: boolean } = {},
): Promise<void> {
  const flags = options.exclusive === true ? 'wx' : 'w';
  const file = createWriteStream(path, { mode: 0o600, flags, flush: options.flush === true });
  try {
    await pipeline([...stages, file] as never);
  } catch (error) {
    if (!file.closed) await once(file, 'close');
    throw error;
  }
}

/**
 * The bytes of a file, or of a part of it (`end` is the last of them), from when the first is asked for. A stream that is
 * opened earlier tells nobody why it could not be, which ends the process, and stays open when nobody comes to read.
 *
 * @throws the Error of open(2) or read(2)
 */
export async function* readFileBytes(
  path: string,
  options: { readonly start?: number; readonly end?: number; readonly highWaterMark?: number } = {},
): AsyncGenerator<Buffer> {
  yield* createReadStream(path, options) as AsyncIterable<Buffer>;
}

/** Makes a rename or unlink in the folder durable (fsync(2): the directory entry needs its own fsync). */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** errno(3), as a person says it. */
const FILE_REASONS: Readonly<Record<string, Text>> = {
  ENOENT: { en: 'it is not there', es: 'no existe' },
  EACCES: { en: 'there is no permission', es: 'no hay permiso' },
  EPERM: { en: 'there is no permission', es: 'no hay permiso' },
  EISDIR: { en: 'it is a folder', es: 'es una carpeta' },
  ENOTDIR: { en: 'part of its path is no folder', es: 'una parte de su ruta no es una carpeta' },
  ELOOP: { en: 'its links lead in a circle', es: 'sus enlaces dan vueltas' },
  ENAMETOOLONG: { en: 'its name is too long', es: 'su nombre es demasiado largo' },
  ENOSPC: { en: 'the disk is full', es: 'el disco está lleno' },
  EROFS: { en: 'the disk is read-only', es: 'el disco es de solo lectura' },
};

/** Why a file could not be read or written, in both languages where the reason is a known one. */
export function fileReason(error: unknown): Text {
  const { code, message, spanish } = error as { code?: string; message?: string; spanish?: string | null };
  const en = message ?? String(error);
  return FILE_REASONS[code ?? ''] ?? { en, es: spanish ?? en };
}
