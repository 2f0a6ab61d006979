import { type FileHandle, link, lstat, mkdir, open, readdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { packTar, type TarEntry, type TarInput, TarReader } from '../../formats/index.ts';
import { type CliProgram, readFileBytes, type Text } from '../../system/index.ts';
import { checkCopied, copyFault, staysInside } from '../link/copied.ts';
import { writeWhole } from '../link/session.ts';

/** What a copy did. */
export interface Copied {
  readonly files: number;
  readonly bytes: number;
  /** What was left out, and why. */
  readonly notes: readonly Text[];
}

/**
 * Unpacks what came out of a container below a folder here. The archive is not believed: nothing is written through a link
 * of it, nothing outside of the folder.
 * @param from the path in the container
 * @param to as docker cp has it: an existing folder takes the thing in, any other name is its new name; `-`: the tar
 * @throws Fault copy.refused, copy.too-large
 */
export async function copyOut(tar: AsyncIterable<Uint8Array>, from: string, to: string): Promise<Copied> {
  if (to === '-') {
    let bytes = 0;
    for await (const chunk of tar) {
      bytes += chunk.length;
      await writeWhole(process.stdout, chunk);
    }
    return { files: 0, bytes, notes: [] };
  }
  const isFolder = await stat(to).then(
    (found) => found.isDirectory(),
    () => false,
  );
  // All there is has no name of its own.
  const isRoot = /^\/+\.?$/.test(from);
  const contentOnly = isRoot || from.endsWith('/.');
  const folder = resolve(isFolder || contentOnly ? to : dirname(resolve(to)));
  // The first name of every entry is the one that was asked for; it may get another here.
  const rename = isFolder || contentOnly ? null : basename(resolve(to));
  if (contentOnly) await mkdir(folder, { recursive: true });
  return new Unpacker(folder, (path) => {
    const [first = '', ...rest] = path.split('/');
    if (isRoot) return path;
    if (contentOnly) return rest.join('/');
    return [rename ?? first, ...rest].join('/');
  }).unpack(tar);
}

class Unpacker {
  readonly #folder: string;
  readonly #place: (path: string) => string;
  readonly #notes: Text[] = [];
  #files = 0;
  #bytes = 0;

  constructor(folder: string, place: (path: string) => string) {
    this.#folder = folder;
    this.#place = place;
  }

  async unpack(tar: AsyncIterable<Uint8Array>): Promise<Copied> {
    const check = checkCopied();
    /** Work in the order of the archive; a piece is taken only when what came before it is on disk. */
    const work: (() => Promise<void>)[] = [];
    let file: FileHandle | null = null;
    const close = async (): Promise<void> => {
      await file?.close();
      file = null;
    };
    const reader = new TarReader((entry: TarEntry) => {
      const input = check(entry);
      if (input === null) return null;
      const path = this.#place(input.path);
      if (path === '') return null;
      if (input.kind !== 'file') {
        work.push(() => this.#make(path, input));
        return null;
      }
      work.push(async () => {
        file = await open(await this.#free(path), 'wx', input.mode ?? 0o644);
        this.#files += 1;
      });
      return {
        write: (chunk) => {
          const piece = chunk.slice();
          this.#bytes += piece.length;
          work.push(async () => file?.writeFile(piece));
        },
        end: () => work.push(close),
      };
    });
    const flush = async (): Promise<void> => {
      for (const step of work.splice(0)) await step();
    };
    try {
      for await (const chunk of tar) {
        reader.write(chunk);
        await flush();
      }
      reader.end();
      await flush();
    } finally {
      await close();
    }
    return { files: this.#files, bytes: this.#bytes, notes: this.#notes };
  }

  async #make(path: string, input: TarInput): Promise<void> {
    const target = input.linkTarget ?? '';
    if (input.kind === 'directory') {
      await this.#enter(path);
    } else if (input.kind === 'symlink') {
      if (!staysInside(path, target)) {
        this.#notes.push({
          en: `left out: ${path}, a link to ${target}, out of the copy`,
          es: `omitido: ${path}, un enlace a ${target}, fuera de la copia`,
        });
        return;
      }
      await symlink(target, await this.#free(path));
      this.#files += 1;
    } else if (input.kind === 'hardlink') {
      const from = this.#place(target);
      await this.#enter(posix.dirname(from));
      const found = await lstat(join(this.#folder, from)).catch(() => null);
      if (found?.isFile() !== true) {
        throw copyFault('copy.refused', {
          path,
          reason: 'is a hard link to nothing',
          razon: 'es un enlace duro a nada',
        });
      }
      await link(join(this.#folder, from), await this.#free(path));
      this.#files += 1;
    }
  }

  /** Makes the folders of a path one by one; none of them may be a link, whoever made it. */
  async #enter(path: string): Promise<void> {
    let at = this.#folder;
    for (const part of path.split('/').filter((one) => one !== '' && one !== '.')) {
      at = join(at, part);
      const found = await lstat(at).catch(() => null);
      if (found === null) await mkdir(at, { mode: 0o755 });
      else if (!found.isDirectory()) {
        throw copyFault('copy.refused', {
          path,
          reason: `leads through ${at}, which is no folder`,
          razon: `pasa por ${at}, que no es una carpeta`,
        });
      }
    }
  }

  /** The place of a file whose former content goes. @throws Fault copy.refused for a folder that is there */
  async #free(path: string): Promise<string> {
    await this.#enter(posix.dirname(path));
    const full = join(this.#folder, path);
    const found = await lstat(full).catch(() => null);
    if (found?.isDirectory() === true) {
      throw copyFault('copy.refused', { path, reason: 'is a folder here', razon: 'aquí es una carpeta' });
    }
    if (found !== null) await rm(full);
    return full;
  }
}

/**
 * Sends a file or folder into a container, as docker cp has it: an existing folder there takes it in, any other name is
 * its new name; `-` is a tar that is unpacked there.
 */
export async function copyIn(
  cli: CliProgram,
  from: string,
  to: string,
  options: { readonly followLink: boolean; readonly url: (folder: string) => string },
): Promise<Copied> {
  const send = (folder: string, tar: AsyncIterable<Uint8Array>) =>
    cli.api.upload<{ bytes: number }>(options.url(folder), tar, { contentType: 'application/x-tar', method: 'PUT' });
  if (from === '-') {
    const { bytes } = await send(to, process.stdin as AsyncIterable<Buffer>);
    return { files: 0, bytes, notes: [] };
  }
  const count = { files: 0, bytes: 0 };
  const contentOnly = from.endsWith('/.');
  const isFolderThere = to.endsWith('/') || (await isFolderInside(cli, options.url(to)));
  const name = contentOnly ? '' : isFolderThere ? basename(resolve(from)) : posix.basename(to);
  const folder = isFolderThere || contentOnly ? to : posix.dirname(to);
  await send(folder, packTar(walk(resolve(from), name, options.followLink, count)));
  return { ...count, notes: [] };
}

/** The first entry of its archive tells; nothing more of it is read. */
async function isFolderInside(cli: CliProgram, url: string): Promise<boolean> {
  let first: TarEntry['kind'] | null = null;
  const reader = new TarReader((entry) => {
    first ??= entry.kind;
    return null;
  });
  try {
    for await (const chunk of cli.api.download(url)) {
      reader.write(chunk);
      if (first !== null) break;
    }
  } catch {
    // Not there: then it is a new name, and what else is wrong is said when it is written.
    return false;
  }
  return first === 'directory';
}

async function* walk(
  path: string,
  name: string,
  followLink: boolean,
  count: { files: number; bytes: number },
): AsyncGenerator<TarInput> {
  const found = followLink ? await stat(path) : await lstat(path);
  const mtimeSeconds = Math.floor(found.mtimeMs / 1000);
  const mode = found.mode & 0o777;
  if (found.isSymbolicLink()) {
    count.files += 1;
    yield { path: name, kind: 'symlink', linkTarget: await readlink(path), mtimeSeconds };
  } else if (found.isDirectory()) {
    if (name !== '') yield { path: name, kind: 'directory', mode, mtimeSeconds };
    for (const child of (await readdir(path)).sort()) {
      yield* walk(join(path, child), name === '' ? child : `${name}/${child}`, followLink, count);
    }
  } else if (found.isFile()) {
    count.files += 1;
    count.bytes += found.size;
    const content = found.size === 0 ? new Uint8Array() : readFileBytes(path, { end: found.size - 1 });
    yield { path: name, kind: 'file', mode, mtimeSeconds, sizeBytes: found.size, content };
  }
}
