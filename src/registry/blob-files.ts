import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex, isDigest } from '../oci/index.ts';
import { syncFolder } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { BLOB_BYTES_MAX, CHUNK_BYTES, SYNC_BYTES, UPLOAD_STATES_MAX, WRITE_BYTES } from './limits.ts';

/** The running digest of an upload; valid only while `bytes` equals the size of its file. */
interface UploadState {
  readonly algorithm: DigestAlgorithm;
  readonly hasher: Hash;
  bytes: number;
}

/** Bytes as they arrive. An error of the source (a cut connection) keeps what came before it. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/**
 * Content as plain files by digest: `<root>/blobs/sha256/ab/<hex>`, and what is still arriving as `<root>/uploads/<id>`.
 *
 * Life of a blob: `begin` → `append`… → `seal` (digest checked, bytes on disk) → `place` (visible under its digest).
 * A blob file is complete and verified from the instant it exists, because it gets its name by rename(2) after fsync(2);
 * a crash leaves the upload or the blob, never a part under the blob's name, so nothing has to be repaired.
 */
export class BlobFiles {
  readonly #root: string;
  readonly #states = new Map<string, UploadState>();
  readonly #busy = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #turns = new Map<string, Promise<void>>();

  private constructor(root: string) {
    this.#root = root;
  }

  static async open(root: string): Promise<BlobFiles> {
    for (const folder of ['uploads', 'damaged', 'blobs', 'blobs/sha256', 'blobs/sha512']) {
      await mkdir(join(root, folder), { recursive: true, mode: 0o700 });
    }
    await syncFolder(join(root, 'blobs'));
    await syncFolder(root);
    return new BlobFiles(root);
  }

  /** Starts an empty upload. `id` is a plain file name made by us, never a client's text. */
  async begin(id: string): Promise<void> {
    const file = await open(this.#uploadPath(id), 'wx', 0o600);
    await file.close();
    this.#remember(id, { algorithm: 'sha256', hasher: createHash('sha256'), bytes: 0 });
  }

  /** Bytes of an upload that have arrived, or null when there is none of that id. */
  async uploadedBytes(id: string): Promise<number | null> {
    return sizeOf(this.#uploadPath(id));
  }

  /**
   * Adds bytes to the end of an upload and returns its new size. When the source fails, the bytes that arrived stay and
   * the error goes on to the caller. Bytes are not durable before `seal`. When the disk fails the upload is gone.
   * @param options.offset where the caller believes the upload ends; another place is refused before reading anything
   * @param options.algorithm of the digest that is expected at the end, when it is known by now
   * @throws Fault registry.upload-unknown, .upload-busy, .upload-out-of-order, .blob-too-large
   */
  async append(
    id: string,
    source: ByteSource,
    options: { readonly offset?: number; readonly algorithm?: DigestAlgorithm; readonly maxBytes?: number } = {},
  ): Promise<number> {
    return this.#alone(id, async () => {
      const file = await openUpload(this.#uploadPath(id), 'r+');
      try {
        const size = (await file.stat()).size;
        if (options.offset !== undefined && options.offset !== size) {
          throw registryFault('registry.upload-out-of-order', { expected: size, actual: options.offset });
        }
        const state = this.#stateAt(id, size, options.algorithm ?? 'sha256');
        // Taken out while in flight: whatever fails now leaves no state that disagrees with the file.
        this.#states.delete(id);
        const writer = new GatheringWriter(file, size, options.maxBytes ?? BLOB_BYTES_MAX);
        try {
          for await (const chunk of source) {
            await writer.add(chunk);
            // After `add`, so that hashing overlaps the write it may have started, and counts no refused chunk.
            state?.hasher.update(chunk);
          }
        } finally {
          await this.#durably(id, () => writer.flush());
          if (state !== null) {
            state.bytes = writer.position;
            this.#remember(id, state);
          }
        }
        return writer.position;
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Checks a finished upload against its digest and makes its bytes durable. An upload that does not match is removed.
   * @returns its size in bytes
   * @throws Fault registry.digest-mismatch, .upload-unknown, .upload-busy
   */
  async seal(id: string, digest: Digest): Promise<number> {
    return this.#alone(id, async () => {
      const file = await openUpload(this.#uploadPath(id), 'r+');
      try {
        const size = (await file.stat()).size;
        const algorithm = digestAlgorithm(digest);
        const state = this.#states.get(id);
        this.#states.delete(id);
        const hasher =
          state !== undefined && state.bytes === size && state.algorithm === algorithm
            ? state.hasher
            : await hashFile(file, algorithm);
        const actual = `${algorithm}:${hasher.digest('hex')}`;
        if (actual !== digest) {
          await unlink(this.#uploadPath(id));
          throw registryFault('registry.digest-mismatch', { expected: digest, actual });
        }
        await this.#durably(id, () => file.datasync());
        return size;
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Gives a sealed upload its place under its digest; durable when it returns. A file already there is replaced by the
   * same bytes, freshly verified. Call within `exclusively(digest)`.
   */
  async place(id: string, digest: Digest): Promise<void> {
    const folder = await this.#folderOf(digest);
    await rename(this.#uploadPath(id), this.#blobPath(digest));
    await syncFolder(folder);
  }

  /** Forgets an upload and removes its bytes; false when there was none. */
  async abandon(id: string): Promise<boolean> {
    if (this.#busy.has(id)) throw registryFault('registry.upload-busy');
    this.#states.delete(id);
    return removeFile(this.#uploadPath(id));
  }

  /** Size of a stored blob, or null. */
  async size(digest: Digest): Promise<number | null> {
    return sizeOf(this.#blobPath(digest));
  }

  /** Opens a stored blob, or null when there is none. The caller closes it. A removal meanwhile does not disturb it. */
  async openBlob(digest: Digest): Promise<FileHandle | null> {
    try {
      return await open(this.#blobPath(digest), 'r');
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  /**
   * The bytes of a stored blob, verified as they pass: a reader that gets to the end has seen exactly the digest's bytes.
   * @throws Fault registry.blob-unknown at the start, registry.blob-damaged at the end
   */
  async *readVerified(digest: Digest): AsyncGenerator<Uint8Array> {
    const file = await this.openBlob(digest);
    if (file === null) throw registryFault('registry.blob-unknown', { digest, repository: 'the store' });
    try {
      const algorithm = digestAlgorithm(digest);
      const hasher = createHash(algorithm);
      for await (const chunk of readChunks(file)) {
        hasher.update(chunk);
        yield chunk;
      }
      if (hasher.digest('hex') !== digestHex(digest)) throw registryFault('registry.blob-damaged', { digest });
    } finally {
      await file.close();
    }
  }

  /** Takes a damaged file out of its place, kept for who wants to look; nothing when it has gone. Call within `exclusively`. */
  async setAside(digest: Digest, at: string): Promise<void> {
    const name = `${digest.replace(':', '-')}-${at.replaceAll(':', '')}`;
    try {
      await rename(this.#blobPath(digest), join(this.#root, 'damaged', name));
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }

  /** Removes damaged files that were set aside before a time (ms since 1970). */
  async removeDamagedBefore(beforeMs: number): Promise<void> {
    for (const name of await readdir(join(this.#root, 'damaged'))) {
      const path = join(this.#root, 'damaged', name);
      if (((await changedAt(path)) ?? beforeMs) < beforeMs) await removeFile(path);
    }
  }

  /** Removes a blob's file; true when there was one. Call within `exclusively(digest)`. */
  async remove(digest: Digest): Promise<boolean> {
    return removeFile(this.#blobPath(digest));
  }

  /**
   * Runs work on one digest while nobody else places or removes that digest's file. Keeps "row and file" one step for
   * pushes and for the collection of garbage, which would otherwise race.
   */
  async exclusively<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(digest);
    const mine = Promise.withResolvers<void>();
    this.#turns.set(digest, mine.promise);
    await before;
    try {
      return await work();
    } finally {
      mine.resolve();
      if (this.#turns.get(digest) === mine.promise) this.#turns.delete(digest);
    }
  }

  /** Every stored blob with the time of its last change (ms since 1970), one folder of files in memory at a time. */
  async *blobs(): AsyncGenerator<{ digest: Digest; changedMs: number }> {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const base = join(this.#root, 'blobs', algorithm);
      for (const shard of (await readdir(base)).sort()) {
        for (const name of await readdir(join(base, shard))) {
          const digest = `${algorithm}:${name}`;
          if (!isDigest(digest)) continue;
          const changedMs = await changedAt(join(base, shard, name));
          if (changedMs !== null) yield { digest, changedMs };
        }
      }
    }
  }

  /** Every upload with the time its last byte arrived (ms since 1970). */
  async *uploads(): AsyncGenerator<{ id: string; changedMs: number }> {
    for (const id of await readdir(join(this.#root, 'uploads'))) {
      const changedMs = await changedAt(join(this.#root, 'uploads', id));
      if (changedMs !== null) yield { id, changedMs };
    }
  }

  #uploadPath(id: string): string {
    return join(this.#root, 'uploads', id);
  }

  #blobPath(digest: Digest): string {
    const hex = digestHex(digest);
    return join(this.#root, 'blobs', digestAlgorithm(digest), hex.slice(0, 2), hex);
  }

  async #folderOf(digest: Digest): Promise<string> {
    const base = join(this.#root, 'blobs', digestAlgorithm(digest));
    const folder = join(base, digestHex(digest).slice(0, 2));
    if (!this.#folders.has(folder)) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await syncFolder(base);
      this.#folders.add(folder);
    }
    return folder;
  }

  /**
   * Writes, and forgets the upload when the disk fails. The kernel reports a failed write-back once and then believes its
   * pages to be clean (fsync(2)), so trying again with the same file could acknowledge bytes that never reached the disk.
   */
  async #durably(id: string, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      await removeFile(this.#uploadPath(id));
      throw error;
    }
  }

  /** One writer per upload: two would interleave their bytes. */
  async #alone<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw registryFault('registry.upload-busy');
    this.#busy.add(id);
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
    }
  }

  #stateAt(id: string, size: number, algorithm: DigestAlgorithm): UploadState | null {
    const state = this.#states.get(id);
    // Before the first byte any algorithm can start; later only reading the file again could, which `seal` does.
    if (size === 0) return { algorithm, hasher: createHash(algorithm), bytes: 0 };
    return state !== undefined && state.bytes === size ? state : null;
  }

  #remember(id: string, state: UploadState): void {
    this.#states.set(id, state);
    if (this.#states.size <= UPLOAD_STATES_MAX) return;
    const oldest = this.#states.keys().next().value;
    if (oldest !== undefined) this.#states.delete(oldest);
  }
}

/**
 * Gathers pieces into large writes and overlaps writing one batch with receiving the next. What is written is pushed to
 * the disk along the way, so that the fsync at the end of a large upload has little left to wait for.
 */
class GatheringWriter {
  readonly #file: FileHandle;
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #gathered = 0;
  #received: number;
  #written: number;
  #writing: Promise<void> = Promise.resolve();
  #synced: number;
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(file: FileHandle, position: number, maxBytes: number) {
    this.#file = file;
    this.#received = position;
    this.#written = position;
    this.#synced = position;
    this.#maxBytes = maxBytes;
  }

  /** Bytes of the file that are written. */
  get position(): number {
    return this.#written;
  }

  async add(piece: Uint8Array): Promise<void> {
    this.#received += piece.byteLength;
    if (this.#received > this.#maxBytes) throw registryFault('registry.blob-too-large', { maximum: this.#maxBytes });
    this.#pieces.push(piece);
    this.#gathered += piece.byteLength;
    if (this.#gathered < WRITE_BYTES) return;
    await this.#writing;
    this.#start();
  }

  async flush(): Promise<void> {
    await this.#writing;
    if (this.#gathered > 0) this.#start();
    await this.#writing;
    await this.#syncing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #start(): void {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#gathered = 0;
    this.#writing = this.#write(pieces);
    // Awaited by the next add or flush; the handler keeps a failure in between from counting as unhandled.
    this.#writing.catch(() => undefined);
  }

  async #write(pieces: Uint8Array[]): Promise<void> {
    let rest = pieces;
    while (rest.length > 0) {
      const { bytesWritten } = await this.#file.writev(rest, this.#written);
      this.#written += bytesWritten;
      rest = skipBytes(rest, bytesWritten);
    }
    // One at a time, and never waited for here: a slow disk is waited for once, at the end.
    if (this.#syncing !== undefined || this.#written - this.#synced < SYNC_BYTES) return;
    this.#synced = this.#written;
    this.#syncing = this.#file.datasync().then(
      () => {
        this.#syncing = undefined;
      },
      (error: unknown) => {
        this.#syncing = undefined;
        this.#failure = { error };
      },
    );
  }
}

/** writev(2) may write less than asked; what remains is written by the next call. */
function skipBytes(pieces: Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  for (const [index, piece] of pieces.entries()) {
    if (skip < piece.byteLength) return [piece.subarray(skip), ...pieces.slice(index + 1)];
    skip -= piece.byteLength;
  }
  return [];
}

async function* readChunks(file: FileHandle): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (;;) {
    // A fresh buffer for each chunk: the consumer may keep it.
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function hashFile(file: FileHandle, algorithm: DigestAlgorithm): Promise<Hash> {
  const hasher = createHash(algorithm);
  for await (const chunk of readChunks(file)) hasher.update(chunk);
  return hasher;
}

async function openUpload(path: string, flags: 'r+'): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    if (isMissing(error)) throw registryFault('registry.upload-unknown');
    throw error;
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function changedAt(path: string): Promise<number | null> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
