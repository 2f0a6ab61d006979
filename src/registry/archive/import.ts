import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanTarPath, describeFormatError, FormatError, parseStrictJson, TarReader } from '../../formats/index.ts';
import {
  type Descriptor,
  type Digest,
  digestAlgorithm,
  digestOf,
  isTag,
  MANIFEST_BYTES_MAX,
  type ParsedManifest,
  parseManifest,
  parseReference,
  REGISTRY_NAME,
} from '../../oci/index.ts';
import type { StepHandle } from '../../progress/index.ts';
import { Fault, type Language, readFileBytes, streamToFile } from '../../system/index.ts';
import { isOurRepository } from '../names.ts';
import type { Caller } from '../ports.ts';
import type { Registry } from '../registry.ts';
import { archiveFault } from './errors.ts';
import { digestOfPath, INDEX_FILE, LAYOUT_FILE, nameOf } from './layout.ts';
import { ARCHIVE_BYTES_MAX, ARCHIVE_ENTRIES_MAX, ARCHIVE_IMAGES_MAX, LAYOUT_BYTES_MAX } from './limits.ts';

interface Place {
  readonly offset: number;
  readonly size: number;
}

/** Where an image of an archive goes. */
interface Target {
  readonly entry: Descriptor;
  readonly repository: string;
  readonly tag: string | null;
}

export interface ImportResult {
  readonly images: readonly { readonly repository: string; readonly tag: string | null; readonly digest: Digest }[];
  readonly referrers: number;
  readonly bytes: number;
}

/**
 * An archive as it was sent, kept in a file of its own while it is read: the parts of a layout come in any order, so the
 * whole has to be there. Nothing is unpacked; blobs go from their place in the file into the store, verified on the way.
 */
export class ReceivedArchive {
  readonly #path: string;
  readonly #places: ReadonlyMap<string, Place>;

  private constructor(path: string, places: ReadonlyMap<string, Place>) {
    this.#path = path;
    this.#places = places;
  }

  /** Takes an archive as it arrives. @throws Fault archive.invalid, archive.too-large */
  static async receive(folder: string, id: string, source: AsyncIterable<Uint8Array>): Promise<ReceivedArchive> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${id}.tar`);
    const places = new Map<string, Place>();
    const reader = new TarReader(
      (entry) => {
        const name = cleanTarPath(entry.path);
        const isWanted = name === LAYOUT_FILE || name === INDEX_FILE || (name !== null && digestOfPath(name) !== null);
        if (name === null || !isWanted) return null;
        if (entry.kind !== 'file') throw archiveFault('archive.invalid', { why: `${name} is a ${entry.kind}` });
        // Twice the same name is two meanings of one archive, whoever of two readers is asked.
        if (places.has(name)) throw archiveFault('archive.invalid', { why: `${name} is there twice` });
        places.set(name, { offset: entry.offsetBytes, size: entry.sizeBytes });
        return null;
      },
      { maxEntries: ARCHIVE_ENTRIES_MAX },
    );
    let bytes = 0;
    try {
      const read = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
        for await (const chunk of chunks) {
          bytes += chunk.length;
          if (bytes > ARCHIVE_BYTES_MAX) {
            throw archiveFault('archive.too-large', { why: `more than ${ARCHIVE_BYTES_MAX} bytes` });
          }
          reader.write(chunk);
          yield chunk;
        }
        reader.end();
      };
      await streamToFile(path, [source, read], { exclusive: true });
      return new ReceivedArchive(path, places);
    } catch (error) {
      await rm(path, { force: true });
      if (error instanceof FormatError)
        throw archiveFault('archive.invalid', { why: describeFormatError(error) }, { cause: error });
      throw error;
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }

  /**
   * Puts the images into the registry as the caller, as pushes are: each is held until it was scanned and judged.
   * Everything is read and asked before anything is stored.
   * @param options.as the image that an archive of one image becomes
   * @throws Fault archive.invalid, .damaged, .unnamed, .as-ambiguous, .not-allowed, and as a push
   */
  async store(
    registry: Registry,
    options: {
      readonly caller: Caller;
      readonly as: string | null;
      readonly may: (action: 'image.push' | 'image.move-tag', repository: string) => boolean;
      readonly step: StepHandle;
      readonly signal?: AbortSignal;
    },
  ): Promise<ImportResult> {
    const { caller, step, may } = options;
    const entries = await this.#readIndex();
    const targets = await this.#targetsOf(entries, options.as);
    for (const repository of new Set(targets.map((target) => target.repository))) {
      if (!may('image.push', repository) || (registry.upstream?.owner(repository) ?? null) !== null) {
        throw archiveFault('archive.not-allowed', { actor: caller.actor, repository });
      }
    }
    const subjects = await this.#subjectsOf(entries);
    // Every manifest is read once before the first byte is stored: what is not whole is refused as a whole.
    let total = 0;
    for (const { entry } of targets) total += await this.#measure(entry.digest, new Set());
    let done = 0;
    let referrers = 0;
    const putBlob = async (repository: string, { digest, size }: Descriptor): Promise<void> => {
      options.signal?.throwIfAborted();
      if ((await registry.content.blobSize(repository, digest)) === null) {
        try {
          await registry.putBlob(repository, this.#read(this.#placeOf(digest, size)), digest);
        } catch (error) {
          throw damaged(error, digest);
        }
      }
      done += size;
      step.update({ done: Math.min(done, total), total, unit: 'bytes' });
    };
    const putAll = async (repository: string, digest: Digest, tag: string | null, seen: Set<string>): Promise<void> => {
      if (seen.has(digest) && tag === null) return;
      seen.add(digest);
      const { bytes, manifest } = await this.#readManifest(digest);
      if (manifest.kind === 'manifest') {
        for (const blob of unique([manifest.config, ...manifest.layers])) await putBlob(repository, blob);
      } else {
        for (const child of manifest.manifests) {
          if (this.#has(child.digest)) await putAll(repository, child.digest, null, seen);
        }
      }
      for (const referrer of subjects.get(digest) ?? []) {
        if (seen.has(referrer)) continue;
        referrers += 1;
        await putAll(repository, referrer, null, seen);
      }
      await registry.manifests.put(repository, bytes, manifest.mediaType, {
        reference: tag === null ? { digest } : { tag },
        by: caller,
        mayMoveTag: may('image.move-tag', repository),
      });
    };
    for (const { entry, repository, tag } of targets) await putAll(repository, entry.digest, tag, new Set());
    return {
      images: targets.map(({ entry, repository, tag }) => ({ repository, tag, digest: entry.digest })),
      referrers,
      bytes: done,
    };
  }

  async #readIndex(): Promise<readonly Descriptor[]> {
    const layout = this.#places.get(LAYOUT_FILE);
    const index = this.#places.get(INDEX_FILE);
    if (layout === undefined || index === undefined) {
      throw archiveFault('archive.invalid', { why: `it has no ${layout === undefined ? LAYOUT_FILE : INDEX_FILE}` });
    }
    const stated = readJson(await this.#whole(layout, LAYOUT_BYTES_MAX), LAYOUT_FILE);
    if (stated['imageLayoutVersion'] !== '1.0.0') {
      throw archiveFault('archive.invalid', { why: 'its imageLayoutVersion is not 1.0.0' });
    }
    const parsed = parse(await this.#whole(index, MANIFEST_BYTES_MAX), INDEX_FILE);
    if (parsed.kind !== 'index') throw archiveFault('archive.invalid', { why: `${INDEX_FILE} is no index` });
    if (parsed.manifests.length > ARCHIVE_ENTRIES_MAX) {
      throw archiveFault('archive.too-many', { maximum: ARCHIVE_ENTRIES_MAX });
    }
    return parsed.manifests;
  }

  /** Which image goes where; what only refers to another goes where that one goes. */
  async #targetsOf(entries: readonly Descriptor[], as: string | null): Promise<readonly Target[]> {
    const images: Descriptor[] = [];
    for (const entry of entries) {
      const isAttached = nameOf(entry) === null && (await this.#readManifest(entry.digest)).manifest.subject !== null;
      if (!isAttached) images.push(entry);
    }
    if (images.length === 0) throw archiveFault('archive.invalid', { why: 'it names no image' });
    if (images.length > ARCHIVE_IMAGES_MAX) throw archiveFault('archive.too-many', { maximum: ARCHIVE_IMAGES_MAX });
    if (as !== null) {
      const wanted = parseReference(as);
      const { repository, tag } = ours(wanted) ?? unnamed(as);
      const names = images.map((entry) => nameOf(entry) ?? entry.digest);
      if (images.length > 1 && tag !== null) {
        throw archiveFault('archive.as-ambiguous', { count: images.length, names: names.slice(0, 5).join(', ') });
      }
      return images.map((entry) => ({ entry, repository, tag: tag ?? tagOf(nameOf(entry)) }));
    }
    return images.map((entry) => {
      const name = nameOf(entry);
      const read = name === null ? null : readName(name);
      return read === null ? unnamed(name ?? entry.digest) : { entry, ...read };
    });
  }

  /** The manifests among the entries of the index that refer to another, by what they refer to. */
  async #subjectsOf(entries: readonly Descriptor[]): Promise<ReadonlyMap<Digest, readonly Digest[]>> {
    const subjects = new Map<Digest, Digest[]>();
    for (const { digest } of entries) {
      const { manifest } = await this.#readManifest(digest);
      if (manifest.subject === null) continue;
      subjects.set(manifest.subject.digest, [...(subjects.get(manifest.subject.digest) ?? []), digest]);
    }
    return subjects;
  }

  /** Bytes of everything below a manifest. @throws Fault archive.damaged when something of it is missing */
  async #measure(digest: Digest, seen: Set<string>): Promise<number> {
    if (seen.has(digest)) return 0;
    seen.add(digest);
    const { manifest } = await this.#readManifest(digest);
    let bytes = 0;
    if (manifest.kind === 'manifest') {
      for (const blob of unique([manifest.config, ...manifest.layers]))
        bytes += this.#placeOf(blob.digest, blob.size).size;
      return bytes;
    }
    for (const child of manifest.manifests)
      if (this.#has(child.digest)) bytes += await this.#measure(child.digest, seen);
    return bytes;
  }

  async #readManifest(digest: Digest): Promise<{ readonly bytes: Buffer; readonly manifest: ParsedManifest }> {
    const bytes = await this.#whole(this.#placeOf(digest, null), MANIFEST_BYTES_MAX);
    const actual = digestOf(bytes, digestAlgorithm(digest));
    if (actual !== digest)
      throw archiveFault('archive.damaged', { digest, why: `its bytes have the digest ${actual}` });
    return { bytes, manifest: parse(bytes, digest) };
  }

  #has(digest: Digest): boolean {
    return this.#places.has(`blobs/${digest.replace(':', '/')}`);
  }

  #placeOf(digest: Digest, size: number | null): Place {
    const place = this.#places.get(`blobs/${digest.replace(':', '/')}`);
    if (place === undefined) throw archiveFault('archive.damaged', { digest, why: 'it is not in the archive' });
    if (size !== null && place.size !== size) {
      throw archiveFault('archive.damaged', { digest, why: `expected ${size} bytes, it has ${place.size}` });
    }
    return place;
  }

  async #whole({ offset, size }: Place, maxBytes: number): Promise<Buffer> {
    if (size > maxBytes) throw archiveFault('archive.too-large', { why: `a document has ${size} bytes` });
    const handle = await open(this.#path, 'r');
    try {
      const bytes = Buffer.alloc(size);
      await handle.read(bytes, 0, size, offset);
      return bytes;
    } finally {
      await handle.close();
    }
  }

  #read({ offset, size }: Place): AsyncIterable<Uint8Array> | readonly Uint8Array[] {
    if (size === 0) return [];
    return readFileBytes(this.#path, { start: offset, end: offset + size - 1, highWaterMark: 256 * 1024 });
  }
}

/** Removes what imports that were cut short left. Call once at start. */
export async function sweepArchives(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) await rm(join(folder, name), { force: true, recursive: true });
}

/** `[registry.darsena.internal/]PROJECT/IMAGE[:TAG]`; null for any other name, such as a bare tag. */
function readName(name: string): { repository: string; tag: string | null } | null {
  try {
    return ours(parseReference(name));
  } catch (error) {
    if (error instanceof Fault) return null;
    throw error;
  }
}

/** A name of another registry loses that registry: the image belongs here now. */
function ours(reference: ReturnType<typeof parseReference>): { repository: string; tag: string | null } | null {
  const { registry, repository, tag } = reference;
  if (registry !== null && registry !== REGISTRY_NAME) return null;
  return isOurRepository(repository) ? { repository, tag } : null;
}

function tagOf(name: string | null): string | null {
  if (name === null) return null;
  const last = name.slice(name.lastIndexOf(':') + 1);
  return isTag(last) && !last.includes('/') ? last : null;
}

function unnamed(name: string): never {
  throw archiveFault('archive.unnamed', { name: name.slice(0, 200) });
}

function unique(blobs: readonly Descriptor[]): Descriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function parse(bytes: Buffer, name: string): ParsedManifest {
  try {
    return parseManifest(bytes);
  } catch (error) {
    const said = (language: Language): string =>
      error instanceof Fault ? (error.text(language).why ?? error.message) : String(error);
    const why = { en: `${name}: ${said('en')}`, es: `${name}: ${said('es')}` };
    throw archiveFault('archive.invalid', { why }, { cause: error });
  }
}

function readJson(bytes: Buffer, name: string): { [key: string]: unknown } {
  try {
    const value = parseStrictJson(bytes, { maxBytes: LAYOUT_BYTES_MAX });
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) return value;
  } catch (error) {
    throw archiveFault('archive.invalid', { why: `${name} is not JSON` }, { cause: error });
  }
  throw archiveFault('archive.invalid', { why: `${name} is no object` });
}

function damaged(error: unknown, digest: Digest): unknown {
  if (!(error instanceof Fault) || error.code !== 'registry.digest-mismatch') return error;
  const why = { en: error.text('en').why ?? '', es: error.text('es').why ?? '' };
  return archiveFault('archive.damaged', { digest, why }, { cause: error });
}
