/**
 * A build's source: a canonical tar. Names ascend by their bytes, owners are root, times are zero, modes are 0644 or 0755,
 * folders that everybody may write 0777 or 1777, so that the same files always have the same digest, whoever packs them wherever.
 */
import { createHash } from 'node:crypto';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { cleanTarPath, FormatError, packTar, type TarEntry, type TarInput, TarReader } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import { readFileBytes } from '../system/index.ts';
import { buildFault } from './errors.ts';
import { SOURCE_BYTES_MAX, SOURCE_ENTRIES_MAX } from './limits.ts';

export interface SourceLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

const LIMITS: SourceLimits = { maxBytes: SOURCE_BYTES_MAX, maxEntries: SOURCE_ENTRIES_MAX };

export interface SourceSummary {
  readonly digest: Digest;
  readonly entries: number;
  readonly sizeBytes: number;
}

/**
 * Packs a folder as a canonical tar. `.git` stays out; what else stays out of the image is for `.containerignore`, which
 * buildah reads. Sockets, devices and pipes are left out.
 * @throws Fault build.source-too-large, build.source-refused (a link that leads out of the folder)
 */
export async function* packSource(
  folder: string,
  limits: Partial<SourceLimits> = {},
  added: readonly AddedFile[] = [],
): AsyncGenerator<Uint8Array> {
  yield* packTar(walk(folder, { ...LIMITS, ...limits }, added));
}

/** A file that is packed as if it stood in the folder; one that does is left out for it. */
export interface AddedFile {
  /** A name without a folder. */
  readonly path: string;
  readonly text: string;
}

async function* walk(folder: string, limits: SourceLimits, added: readonly AddedFile[] = []): AsyncGenerator<TarInput> {
  const waiting = [''];
  const found: { path: string; kind: 'file' | 'directory' | 'symlink'; text?: string }[] = added.map(
    ({ path, text }) => ({ path, kind: 'file', text }),
  );
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const entry of await readdir(join(folder, at), { withFileTypes: true })) {
      if (at === '' && entry.name === '.git') continue;
      const path = at === '' ? entry.name : `${at}/${entry.name}`;
      if (added.some((one) => one.path === path)) continue;
      if (entry.isDirectory()) waiting.push(path);
      if (entry.isDirectory()) found.push({ path, kind: 'directory' });
      else if (entry.isFile()) found.push({ path, kind: 'file' });
      else if (entry.isSymbolicLink()) found.push({ path, kind: 'symlink' });
      if (found.length > limits.maxEntries) {
        throw buildFault('build.source-too-large', { limit: limits.maxEntries, unit: 'files' });
      }
    }
  }
  found.sort((left, right) => compareBytes(left.path, right.path));
  let bytes = 0;
  for (const { path, kind, text } of found) {
    const full = join(folder, path);
    if (text !== undefined) yield { path, kind: 'file', mode: 0o644, content: Buffer.from(text) };
    else if (kind === 'directory') yield { path, kind, mode: folderMode((await lstat(full)).mode) };
    else if (kind === 'symlink') {
      const linkTarget = await readlink(full);
      checkLink(path, linkTarget);
      yield { path, kind, linkTarget };
    } else {
      const { size, mode } = await lstat(full);
      bytes += size;
      if (bytes > limits.maxBytes)
        throw buildFault('build.source-too-large', { limit: limits.maxBytes, unit: 'bytes' });
      yield {
        path,
        kind,
        mode: (mode & 0o100) === 0 ? 0o644 : 0o755,
        sizeBytes: size,
        // Bounded to what was announced: a file that grows while it is read must not break the archive.
        content: size === 0 ? new Uint8Array() : readFileBytes(full, { end: size - 1 }),
      };
    }
  }
}

/**
 * Reads a tar from outside and gives a canonical one, checked entry by entry: what comes out can be unpacked by any tar
 * into an empty folder without a file appearing outside it.
 * @returns through `summary()`, once the stream has ended, the digest of the canonical tar
 * @throws Fault build.source-refused, build.source-too-large
 */
export function checkSource(
  source: AsyncIterable<Uint8Array>,
  limits: Partial<SourceLimits> = {},
): { stream: AsyncGenerator<Uint8Array>; summary: () => SourceSummary } {
  const hash = createHash('sha256');
  const gate = new EntryGate({ ...LIMITS, ...limits });
  let digest: Digest | null = null;
  async function* stream(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of packTar(inputsOf(partsOf(source, gate)))) {
        hash.update(chunk);
        yield chunk;
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      throw buildFault('build.source-refused', { reason: error.message }, { cause: error });
    }
    digest = `sha256:${hash.digest('hex')}`;
  }
  return {
    stream: stream(),
    summary: () => {
      if (digest === null) throw new TypeError('the source has not been read to its end');
      return { digest, entries: gate.entries, sizeBytes: gate.sizeBytes };
    },
  };
}

type Part = { readonly input: TarInput } | { readonly chunk: Uint8Array } | 'end';

/** The archive as a flat run of parts: an entry, then, for a file, its chunks and an end. */
async function* partsOf(source: AsyncIterable<Uint8Array>, gate: EntryGate): AsyncGenerator<Part> {
  const parts: Part[] = [];
  const reader = new TarReader((entry) => {
    const input = gate.pass(entry);
    if (input === null) return null;
    parts.push({ input });
    if (entry.kind !== 'file') return null;
    return { write: (chunk) => parts.push({ chunk: chunk.slice() }), end: () => parts.push('end') };
  });
  for await (const chunk of source) {
    reader.write(chunk);
    yield* parts.splice(0);
  }
  reader.end();
  yield* parts.splice(0);
}

async function* inputsOf(parts: AsyncGenerator<Part>): AsyncGenerator<TarInput> {
  for (let next = await parts.next(); !next.done; next = await parts.next()) {
    if (next.value === 'end' || !('input' in next.value)) continue;
    const { input } = next.value;
    yield input.kind === 'file' ? { ...input, content: bodyOf(parts) } : input;
  }
}

async function* bodyOf(parts: AsyncGenerator<Part>): AsyncGenerator<Uint8Array> {
  for (let next = await parts.next(); !next.done && next.value !== 'end'; next = await parts.next()) {
    if ('chunk' in next.value) yield next.value.chunk;
  }
}

/** Decides entry by entry what may pass, and in which canonical form. */
class EntryGate {
  entries = 0;
  sizeBytes = 0;
  readonly #limits: SourceLimits;
  readonly #folders = new Set<string>(['.']);
  #last = '';

  constructor(limits: SourceLimits) {
    this.#limits = limits;
  }

  pass(entry: TarEntry): TarInput | null {
    const path = cleanTarPath(entry.path);
    if (path === null || entry.path.startsWith('/')) throw refused(entry.path, 'leads out of the source folder');
    if (path === '') return null;
    const { kind } = entry;
    if (kind !== 'file' && kind !== 'directory' && kind !== 'symlink') {
      throw refused(path, `is a ${kind}; only files, folders and symbolic links can be built from`);
    }
    if (this.#last !== '' && compareBytes(this.#last, path) >= 0) {
      throw refused(path, `comes after ${JSON.stringify(this.#last)}, names must ascend`);
    }
    this.#last = path;
    if (!this.#folders.has(posix.dirname(path))) throw refused(path, 'is not inside a folder of the source');
    if (kind === 'directory') this.#folders.add(path);
    if (kind === 'symlink') checkLink(path, entry.linkTarget);
    this.entries += 1;
    this.sizeBytes += entry.sizeBytes;
    const { maxEntries, maxBytes } = this.#limits;
    if (this.entries > maxEntries) throw buildFault('build.source-too-large', { limit: maxEntries, unit: 'files' });
    if (this.sizeBytes > maxBytes) throw buildFault('build.source-too-large', { limit: maxBytes, unit: 'bytes' });
    if (kind === 'symlink') return { path, kind, linkTarget: entry.linkTarget };
    if (kind === 'directory') return { path, kind, mode: folderMode(entry.mode) };
    return { path, kind, mode: (entry.mode & 0o100) === 0 ? 0o644 : 0o755, sizeBytes: entry.sizeBytes };
  }
}

/** What a umask leaves differs from one machine to the next; that everybody may write somebody meant, as of a /tmp of 1777. */
export function folderMode(mode: number): number {
  return (mode & 0o002) === 0 ? 0o755 : 0o777 | (mode & 0o1000);
}

function refused(path: string, reason: string): Error {
  return buildFault('build.source-refused', { reason: `${JSON.stringify(path.slice(0, 200))} ${reason}` });
}

function checkLink(path: string, target: string): void {
  const resolved = posix.normalize(posix.join(posix.dirname(path), target));
  if (target === '' || target.startsWith('/') || resolved === '..' || resolved.startsWith('../')) {
    throw refused(path, `links to ${JSON.stringify(target.slice(0, 200))}, out of the source folder`);
  }
}

function compareBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
