import { createHash, type Hash, randomUUID } from 'node:crypto';
import {
  closeSync,
  fdatasync,
  fstatSync,
  fsync,
  open as openDescriptor,
  openSync,
  read as readDescriptor,
  readFileSync,
  rename as renameFile,
  statSync,
  write as writeDescriptor,
} from 'node:fs';
import { type FileHandle, mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Digest, type DigestAlgorithm, digestAlgorithm, digestHex, isDigest } from '../oci/index.ts';
import { registryFault } from './errors.ts';
import {
  BLOB_BYTES_MAX,
  CHUNK_BYTES,
  FRESH_UPLOADS_MAX,
  SPARE_WRITE_BUFFERS_MAX,
  SYNC_BYTES,
  UPLOAD_STATES_MAX,
  WRITE_BYTES,
} from './limits.ts';

/** The running digest of an upload; valid only while `bytes` equals the size of its file. */
interface UploadState {
  readonly algorithm: DigestAlgorithm;
  readonly hasher: Hash;
  bytes: number;
}

/** What is asked of the disk when bytes are kept: the calls that fail when it is full or breaks. Tests let them fail. */
export interface Disk {
  /** @returns bytes written, maybe fewer than asked (pwrite(2)) */
  write(descriptor: number, bytes: Buffer, position: number): Promise<number>;
  sync(descriptor: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  syncFolder(path: string): Promise<void>;
}

// The calls of node:fs with descriptors: those of node:fs/promises take twice the time of this thread for each.
const openFile = promisify(openDescriptor);
const flushFile = promisify(fsync);
const flushData = promisify(fdatasync);
const writeAt = promisify(writeDescriptor);
const readAt = promisify(readDescriptor);
const rename = promisify(renameFile);

export const realDisk: Disk = {
  write: async (descriptor, bytes, position) =>
    (await writeAt(descriptor, bytes, 0, bytes.byteLength, position)).bytesWritten,
  sync: flushData,
  rename,
  async syncFolder(path) {
    // Opened and closed without a thread's round trip, which costs more than either.
    const folder = openSync(path, 'r');
    try {
      await flushFile(folder);
    } finally {
      closeSync(folder);
    }
  },
};

export interface AppendOptions {
  /** Where the caller believes the upload ends; another place is refused before reading anything. */
  readonly offset?: number;
  /** Of the digest that is expected at the end, when it is known by now. */
  readonly algorithm?: DigestAlgorithm;
  readonly maxBytes?: number;
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
  readonly #disk: Disk;
  readonly #states = new Map<string, UploadState>();
  /** Uploads that began and have no byte yet: no file either. A restart forgets them, and the client begins again. */
  readonly #fresh = new Set<string>();
  readonly #held = new Map<Digest, Uint8Array>();
  #heldBytes = 0;
  readonly #busy = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #turns = new Map<string, Promise<void>>();

  private constructor(root: string, disk: Disk) {
    this.#root = root;
    this.#disk = disk;
  }

  static async open(root: string, disk: Disk = realDisk): Promise<BlobFiles> {
    for (const folder of ['uploads', 'damaged', 'blobs', 'blobs/sha256', 'blobs/sha512']) {
      await mkdir(join(root, folder), { recursive: true, mode: 0o700 });
    }
    await disk.syncFolder(join(root, 'blobs'));
    await disk.syncFolder(root);
    return new BlobFiles(root, disk);
  }

  /** Starts an empty upload. `id` is a plain file name made by us, never a client's text. */
  async begin(id: string): Promise<void> {
    if (this.#fresh.size < FRESH_UPLOADS_MAX) this.#fresh.add(id);
    else await (await open(this.#uploadPath(id), 'wx', 0o600)).close();
  }

  /** Whether an upload began and has no byte yet. */
  isFresh(id: string): boolean {
    return this.#fresh.has(id);
  }

  /** Bytes of an upload that have arrived, or null when there is none of that id. */
  async uploadedBytes(id: string): Promise<number | null> {
    return this.#fresh.has(id) ? 0 : sizeOf(this.#uploadPath(id));
  }

  /**
   * Adds bytes to the end of an upload and returns its new size. When the source fails, the bytes that arrived stay and
   * the error goes on to the caller. Bytes are not durable before `seal`. When the disk fails the upload is gone.
   * @param options.offset where the caller believes the upload ends; another place is refused before reading anything
   * @param options.algorithm of the digest that is expected at the end, when it is known by now
   * @throws Fault registry.upload-unknown, .upload-busy, .upload-out-of-order, .blob-too-large
   */
  async append(id: string, source: ByteSource, options: AppendOptions = {}): Promise<number> {
    return this.#alone(id, async () => {
      const file = await this.#openUpload(id);
      try {
        return await this.#append(id, file, source, options);
      } finally {
        closeSync(file);
      }
    });
  }

  /**
   * `append` and then `seal`, with one opening of the file: the usual end of a push.
   * @returns size in bytes
   * @throws Fault as both of them
   */
  async appendAndSeal(id: string, source: ByteSource, digest: Digest, options: AppendOptions = {}): Promise<number> {
    return this.#alone(id, async () => {
      const file = await this.#openUpload(id);
      try {
        await this.#append(id, file, source, options);
        return await this.#seal(id, file, digest);
      } finally {
        closeSync(file);
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
      const file = await this.#openUpload(id);
      try {
        return await this.#seal(id, file, digest);
      } finally {
        closeSync(file);
      }
    });
  }

  async #seal(id: string, file: number, digest: Digest): Promise<number> {
    const algorithm = digestAlgorithm(digest);
    const size = sizeOfOpen(file);
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
    await this.#durably(id, () => this.#disk.sync(file));
    return size;
  }

  /**
   * Gives a sealed upload its place under its digest; durable when it returns. A file already there is replaced by the
   * same bytes, freshly verified. Call within `exclusively(digest)`.
   */
  async place(id: string, digest: Digest): Promise<void> {
    const folder = await this.#folderOf(digest);
    await this.#disk.rename(this.#uploadPath(id), this.#blobPath(digest));
    await this.#disk.syncFolder(folder);
  }

  /**
   * Takes content of a few KiB, whose digest the caller has checked, and serves it from memory until `settle` gives it a
   * file. It is NOT durable here: the caller keeps the bytes durably elsewhere, so that many such writes share one wait
   * for the disk, and none of them waits for a file. Call within `exclusively(digest)`.
   * @returns false when it is held already
   */
  hold(digest: Digest, bytes: Uint8Array): boolean {
    if (this.#held.has(digest)) return false;
    this.#held.set(digest, bytes);
    this.#heldBytes += bytes.byteLength;
    return true;
  }

  /** Whether small content has its file, with these very bytes. */
  hasFile(digest: Digest, bytes: Uint8Array): boolean {
    return holdsBytes(this.#blobPath(digest), bytes);
  }

  /** Content without a file as yet, or undefined. Ask before `openBlob`: it has its file before it is let go here. */
  held(digest: Digest): Uint8Array | undefined {
    return this.#held.get(digest);
  }

  /** Bytes of all such content: what memory it takes. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Forgets content that was not kept elsewhere after all, or that has its file. */
  letGo(digest: Digest): void {
    const bytes = this.#held.get(digest);
    if (bytes === undefined) return;
    this.#held.delete(digest);
    this.#heldBytes -= bytes.byteLength;
  }

  /**
   * Gives small content its files, all of them durable when this returns. A file that is there and does not have the
   * bytes, or whose write-back failed, is written anew: the kernel tells of a failed write-back once and then believes
   * its pages to be clean.
   */
  async settle(contents: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[]): Promise<void> {
    const folders = new Set<string>();
    const rest = [...contents];
    const lane = async (): Promise<void> => {
      for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
        const { digest, bytes } = next;
        folders.add(await this.#folderOf(digest));
        await this.exclusively(digest, async () => {
          await this.#settleFile(digest, bytes);
          this.letGo(digest);
        });
      }
    };
    // Two lanes, so that uploads find a free thread of the pool beside them.
    await Promise.all([lane(), lane()]);
    for (const folder of folders) await this.#disk.syncFolder(folder);
  }

  async #settleFile(digest: Digest, bytes: Uint8Array): Promise<void> {
    const path = this.#blobPath(digest);
    if (holdsBytes(path, bytes)) {
      const file = openSync(path, 'r+');
      try {
        await this.#disk.sync(file);
        return;
      } catch {
        // Written anew below: the bytes are at hand, and the error comes back if the disk stays broken.
      } finally {
        closeSync(file);
      }
    }
    const temporary = this.#uploadPath(`small-${randomUUID()}`);
    try {
      const file = await openFile(temporary, 'wx', 0o600);
      try {
        await writeFully(this.#disk, file, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
        await this.#disk.sync(file);
      } finally {
        closeSync(file);
      }
      await this.#disk.rename(temporary, path);
    } catch (error) {
      await removeFile(temporary);
      throw error;
    }
  }

  /** Forgets an upload and removes its bytes; false when there was none. */
  async abandon(id: string): Promise<boolean> {
    if (this.#busy.has(id)) throw registryFault('registry.upload-busy');
    this.#states.delete(id);
    if (this.#fresh.delete(id)) return true;
    return removeFile(this.#uploadPath(id));
  }

  /** Size of a stored blob, or null. */
  async size(digest: Digest): Promise<number | null> {
    return this.#held.get(digest)?.byteLength ?? sizeOf(this.#blobPath(digest));
  }

  /** Opens the file of a stored blob, or null when there is none; see `held`. The caller closes it. A removal meanwhile does not disturb it. */
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
    const held = this.held(digest);
    if (held !== undefined) {
      yield held;
      return;
    }
    const file = await this.openBlob(digest);
    if (file === null) throw registryFault('registry.blob-unknown', { digest, repository: 'the store' });
    try {
      const algorithm = digestAlgorithm(digest);
      const hasher = createHash(algorithm);
      for await (const chunk of readChunks(file.fd)) {
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
    const wasHeld = this.#held.has(digest);
    this.letGo(digest);
    return (await removeFile(this.#blobPath(digest))) || wasHeld;
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
      await this.#disk.syncFolder(base);
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

  async #openUpload(id: string): Promise<number> {
    const isFresh = this.#fresh.delete(id);
    try {
      const file = await openFile(this.#uploadPath(id), isFresh ? 'wx+' : 'r+', 0o600);
      if (isFresh) this.#remember(id, { algorithm: 'sha256', hasher: createHash('sha256'), bytes: 0 });
      return file;
    } catch (error) {
      if (isMissing(error)) throw registryFault('registry.upload-unknown');
      throw error;
    }
  }

  async #append(id: string, file: number, source: ByteSource, options: AppendOptions): Promise<number> {
    const size = sizeOfOpen(file);
    if (options.offset !== undefined && options.offset !== size) {
      throw registryFault('registry.upload-out-of-order', { expected: size, actual: options.offset });
    }
    const state = this.#stateAt(id, size, options.algorithm ?? 'sha256');
    // Taken out while in flight: whatever fails now leaves no state that disagrees with the file.
    this.#states.delete(id);
    const writer = new GatheringWriter(this.#disk, file, {
      position: size,
      maxBytes: options.maxBytes ?? BLOB_BYTES_MAX,
      hasher: state?.hasher ?? null,
    });
    try {
      for await (const chunk of source) {
        const isRoom = writer.add(chunk);
        if (isRoom !== undefined) await isRoom;
      }
    } finally {
      await this.#durably(id, () => writer.flush());
      if (state !== null) {
        state.bytes = writer.position;
        this.#remember(id, state);
      }
    }
    return writer.position;
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
 *
 * Pieces are copied into two buffers in turn, so that whoever brings them can let go of them at once.
 */
class GatheringWriter {
  readonly #disk: Disk;
  readonly #file: number;
  readonly #maxBytes: number;
  readonly #hasher: Hash | null;
  #filling: Buffer | null = null;
  #spare: Buffer | null = null;
  #filled = 0;
  #received: number;
  #written: number;
  #writing: Promise<void> = Promise.resolve();
  #synced: number;
  #syncing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    disk: Disk,
    file: number,
    options: { readonly position: number; readonly maxBytes: number; readonly hasher: Hash | null },
  ) {
    this.#disk = disk;
    this.#file = file;
    this.#received = options.position;
    this.#written = options.position;
    this.#synced = options.position;
    this.#maxBytes = options.maxBytes;
    this.#hasher = options.hasher;
  }

  /** Bytes of the file that are written. */
  get position(): number {
    return this.#written;
  }

  /** @returns when the next piece may come; undefined: at once, as of most */
  add(piece: Uint8Array): Promise<void> | undefined {
    this.#received += piece.byteLength;
    if (this.#received > this.#maxBytes) throw registryFault('registry.blob-too-large', { maximum: this.#maxBytes });
    const taken = this.#fill(piece);
    return this.#filled < WRITE_BYTES ? undefined : this.#addRest(piece.subarray(taken));
  }

  async #addRest(piece: Uint8Array): Promise<void> {
    await this.#start();
    for (let rest = piece; rest.byteLength > 0; ) {
      rest = rest.subarray(this.#fill(rest));
      if (this.#filled === WRITE_BYTES) await this.#start();
    }
  }

  /** Copies as much as there is room for. @returns bytes taken */
  #fill(piece: Uint8Array): number {
    if (this.#filling === null) this.#filling = takeWriteBuffer();
    const count = Math.min(piece.byteLength, WRITE_BYTES - this.#filled);
    this.#filling.set(count === piece.byteLength ? piece : piece.subarray(0, count), this.#filled);
    this.#filled += count;
    return count;
  }

  /** Ends the writing; the writer is not used afterwards. */
  async flush(): Promise<void> {
    try {
      if (this.#filled > 0) await this.#start();
      await this.#writing;
      await this.#syncing;
      if (this.#failure !== undefined) throw this.#failure.error;
    } finally {
      // After the last write has ended, well or not; what failed half-way may still be read by the kernel.
      await this.#writing.then(
        () => giveWriteBuffers(this.#filling, this.#spare),
        () => undefined,
      );
      await this.#syncing;
    }
  }

  /** Writes what is gathered once the batch before is written, whose buffer is then the next to be filled. */
  async #start(): Promise<void> {
    await this.#writing;
    const buffer = this.#filling;
    if (buffer === null) return;
    const bytes = buffer.subarray(0, this.#filled);
    this.#filling = this.#spare;
    this.#spare = buffer;
    this.#filled = 0;
    this.#writing = this.#write(bytes);
    // Awaited by the next batch or flush; the handler keeps a failure in between from counting as unhandled.
    this.#writing.catch(() => undefined);
    // Meanwhile, in one piece: the write runs on another thread.
    this.#hasher?.update(bytes);
  }

  async #write(bytes: Buffer): Promise<void> {
    await writeFully(this.#disk, this.#file, bytes, this.#written);
    this.#written += bytes.byteLength;
    // One at a time, and never waited for here: a slow disk is waited for once, at the end.
    if (this.#syncing !== undefined || this.#written - this.#synced < SYNC_BYTES) return;
    this.#synced = this.#written;
    this.#syncing = this.#disk.sync(this.#file).then(
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

const spareWriteBuffers: Buffer[] = [];

function takeWriteBuffer(): Buffer {
  return spareWriteBuffers.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES);
}

function giveWriteBuffers(...buffers: readonly (Buffer | null)[]): void {
  for (const buffer of buffers) {
    if (buffer !== null && spareWriteBuffers.length < SPARE_WRITE_BUFFERS_MAX) spareWriteBuffers.push(buffer);
  }
}

/** pwrite(2) may write less than asked; what remains is written by the next call. */
async function writeFully(disk: Disk, descriptor: number, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength)
    written += await disk.write(descriptor, bytes.subarray(written), position + written);
}

/** Whether a file is there and holds exactly these bytes. */
function holdsBytes(path: string, bytes: Uint8Array): boolean {
  // Asked first, because the usual answer is no and an error costs more than the question.
  if (statSync(path, { throwIfNoEntry: false })?.size !== bytes.byteLength) return false;
  try {
    return readFileSync(path).equals(bytes);
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function* readChunks(file: number): AsyncGenerator<Uint8Array> {
  let position = 0;
  for (;;) {
    // A fresh buffer for each chunk: the consumer may keep it.
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const { bytesRead } = await readAt(file, buffer, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function hashFile(file: number, algorithm: DigestAlgorithm): Promise<Hash> {
  const hasher = createHash(algorithm);
  for await (const chunk of readChunks(file)) hasher.update(chunk);
  return hasher;
}

/** The kernel has it in memory: asking costs less than a thread's round trip. */
function sizeOfOpen(file: number): number {
  return fstatSync(file).size;
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
