import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { deployFault } from '../../deploy/index.ts';
import {
  decodeText,
  describeFormatError,
  FormatError,
  packTar,
  type TarEntry,
  type TarInput,
  TarReader,
} from '../../formats/index.ts';
import { isDiskFull, readFileBytes, streamToFile } from '../../system/index.ts';

/** A source larger than this is no source: it is data that belongs in a volume. */
const SOURCE_BYTES_MAX = 2 * 1024 ** 3;
const ENTRIES_MAX = 200_000;
/** Files that control itself reads: darsena.yaml and manifests. */
const TEXT_BYTES_MAX = 1024 * 1024;

interface Entry {
  readonly path: string;
  readonly kind: TarEntry['kind'];
  readonly linkTarget: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly offsetBytes: number;
}

/** A project's source as it was sent, kept in a file while it is built from. Nothing of it is ever unpacked here. */
export class SourceBundle {
  readonly #path: string;
  readonly #entries: readonly Entry[];

  private constructor(path: string, entries: readonly Entry[]) {
    this.#path = path;
    this.#entries = entries;
  }

  /**
   * Takes a tar as it arrives.
   * @throws Fault deploy.source-broken, deploy.source-too-large
   */
  static async receive(folder: string, id: string, source: AsyncIterable<Uint8Array>): Promise<SourceBundle> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${id}.tar`);
    const entries: Entry[] = [];
    const reader = new TarReader((entry) => {
      if (entries.length >= ENTRIES_MAX)
        throw deployFault('deploy.source-too-large', {
          limit: { en: `${ENTRIES_MAX} files`, es: `${ENTRIES_MAX} archivos` },
        });
      entries.push({ ...entry, path: cleanPath(entry.path) });
      return null;
    });
    let bytes = 0;
    try {
      const read = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          if (bytes > SOURCE_BYTES_MAX)
            throw deployFault('deploy.source-too-large', { limit: `${SOURCE_BYTES_MAX} bytes` });
          reader.write(chunk);
          yield chunk;
        }
        reader.end();
      };
      await streamToFile(path, [source, read], { exclusive: true });
    } catch (error) {
      await rm(path, { force: true });
      if (error instanceof Error && 'code' in error && String(error.code).startsWith('deploy.')) throw error;
      // What is wrong is here, not in what was sent.
      if (isDiskFull(error)) throw error;
      throw deployFault(
        'deploy.source-broken',
        { why: error instanceof Error ? error.message : String(error) },
        { cause: error },
      );
    }
    return new SourceBundle(path, entries);
  }

  /** The text of a file; null when there is none. @throws Fault deploy.file-too-large, deploy.file-unreadable */
  async text(path: string): Promise<string | null> {
    const entry = this.#entries.find((one) => one.path === posix.normalize(path) && one.kind === 'file');
    if (entry === undefined) return null;
    if (entry.sizeBytes > TEXT_BYTES_MAX) {
      const sizes = { bytes: entry.sizeBytes, limit: TEXT_BYTES_MAX };
      throw deployFault('deploy.file-too-large', { path: entry.path.slice(0, 200), ...sizes });
    }
    const handle = await open(this.#path, 'r');
    try {
      const bytes = Buffer.alloc(entry.sizeBytes);
      await handle.read(bytes, 0, entry.sizeBytes, entry.offsetBytes);
      return textOf(entry.path, bytes);
    } finally {
      await handle.close();
    }
  }

  /**
   * Manifests at a path: the file itself, or those directly in the folder, by name. As kubectl does, JSON too; but not beside
   * darsena.yaml, where other tools keep theirs.
   */
  yamlFiles(path: string): string[] {
    const wanted = posix.normalize(path).replace(/\/$/, '');
    return this.#entries
      .filter((entry) => entry.kind === 'file' && /\.(?:ya?ml|json)$/.test(entry.path))
      .map((entry) => entry.path)
      .filter(
        (name) =>
          name === wanted ||
          posix.dirname(name) === wanted ||
          (wanted === '.' && !name.includes('/') && !name.endsWith('.json')),
      )
      .sort();
  }

  hasFolder(path: string): boolean {
    const wanted = `${posix.normalize(path).replace(/\/$/, '')}/`;
    return wanted === './' || this.#entries.some((entry) => entry.path.startsWith(wanted));
  }

  /** The canonical tar of one folder of it: what a build gets and nothing else. */
  folder(path: string): AsyncIterable<Uint8Array> {
    const prefix = posix.normalize(path).replace(/\/$/, '');
    const isWhole = prefix === '.';
    return packTar(this.#inputs(isWhole ? '' : `${prefix}/`));
  }

  async *#inputs(prefix: string): AsyncGenerator<TarInput> {
    for (const entry of this.#entries) {
      if (!entry.path.startsWith(prefix) || entry.path === prefix) continue;
      const path = entry.path.slice(prefix.length);
      const { kind, linkTarget, mode, sizeBytes, offsetBytes } = entry;
      if (kind === 'directory') yield { path, kind, mode };
      else if (kind === 'symlink') yield { path, kind, linkTarget };
      else if (kind === 'file') {
        const content = sizeBytes === 0 ? new Uint8Array(0) : this.#slice(offsetBytes, sizeBytes);
        yield { path, kind, mode, sizeBytes, content };
      }
    }
  }

  #slice(offsetBytes: number, sizeBytes: number): AsyncIterable<Uint8Array> {
    return readFileBytes(this.#path, {
      start: offsetBytes,
      end: offsetBytes + sizeBytes - 1,
      highWaterMark: 256 * 1024,
    });
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

/** Removes what deploys that were cut short left. Call once at start. */
export async function sweepSources(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true, recursive: true });
}

/** @throws Fault deploy.source-broken for a name that leads out of the source */
function cleanPath(path: string): string {
  const clean = posix.normalize(path).replace(/\/$/, '');
  if (clean.startsWith('/') || clean === '..' || clean.startsWith('../')) {
    throw deployFault('deploy.source-broken', { why: `"${path}" leads out of the source` });
  }
  return clean;
}

/** @throws Fault deploy.file-unreadable */
function textOf(path: string, bytes: Uint8Array): string {
  try {
    return decodeText(bytes);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw deployFault(
      'deploy.file-unreadable',
      { path: path.slice(0, 200), why: describeFormatError(cause) },
      { cause },
    );
  }
}
