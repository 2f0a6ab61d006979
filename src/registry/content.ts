import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { type Digest, digestAlgorithm, digestOf } from '../oci/index.ts';
import { type Clock, Fault, newId } from '../system/index.ts';
import type { AppendOptions, BlobFiles, ByteSource } from './blob-files.ts';
import { registryFault } from './errors.ts';
import type { BlobIntake } from './intake.ts';
import { GARBAGE_GRACE_MS } from './limits.ts';
import { type ProjectQuotas, unlinkBlob } from './quota.ts';
import { ensureRepository, findLinkedBlob, findRepository, linkBlobs, type RegistryDatabase } from './store.ts';

const UPLOAD_ID = /^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})-([0-9a-f]{32})$/;

/**
 * Blobs as repositories see them. A blob is stored once and linked to each repository that it was pushed or mounted to;
 * nothing is ever served through a repository that it is not linked to.
 *
 * An upload's id carries a mac over repository and owner, so it needs no table: an id that was guessed, or shown by
 * somebody else or for another repository, is unknown, and a restart forgets only uploads without a byte.
 */
export class RepositoryContent {
  readonly #db: RegistryDatabase;
  readonly #files: BlobFiles;
  readonly #clock: Clock;
  readonly #key: Buffer;
  readonly #quotas: ProjectQuotas;
  readonly #intake: BlobIntake;

  constructor(parts: {
    db: RegistryDatabase;
    files: BlobFiles;
    clock: Clock;
    serverKey: Uint8Array;
    quotas: ProjectQuotas;
    intake: BlobIntake;
  }) {
    this.#db = parts.db;
    this.#files = parts.files;
    this.#clock = parts.clock;
    this.#quotas = parts.quotas;
    this.#intake = parts.intake;
    this.#key = Buffer.from(hkdfSync('sha256', parts.serverKey, new Uint8Array(0), 'darsena registry uploads', 32));
  }

  /** Starts an upload and returns its id for URLs. */
  async beginUpload(repository: string, ownerId: string): Promise<string> {
    const file = newId(this.#clock);
    await this.#files.begin(file);
    return `${file}-${this.#mac(repository, ownerId, file)}`;
  }

  /** Bytes that have arrived. @throws Fault registry.upload-unknown */
  async uploadedBytes(repository: string, ownerId: string, uploadId: string): Promise<number> {
    const bytes = await this.#files.uploadedBytes(this.#fileOf(repository, ownerId, uploadId));
    if (bytes === null) throw registryFault('registry.upload-unknown');
    return bytes;
  }

  /** Adds bytes to the end of an upload; see BlobFiles.append. */
  async appendUpload(
    repository: string,
    ownerId: string,
    uploadId: string,
    source: ByteSource,
    options: ReceiveOptions = {},
  ): Promise<number> {
    const file = this.#fileOf(repository, ownerId, uploadId);
    return this.#within(repository, file, source, options, (metered) => this.#files.append(file, metered, options));
  }

  /** Lets bytes arrive within the bound of the project. */
  async #within(
    repository: string,
    file: string,
    source: ByteSource,
    { statedBytes, digest }: ReceiveOptions,
    receive: (source: ByteSource) => Promise<number>,
  ): Promise<number> {
    if ((await this.#quotas.boundOf(repository)) === null) return receive(source);
    const isHere = digest !== undefined && (await this.#quotas.hasBlob(repository, digest));
    try {
      const receivedBytes = isHere ? 0 : ((await this.#files.uploadedBytes(file)) ?? 0);
      const take = isHere
        ? null
        : await this.#quotas.lease(repository, file, { receivedBytes, moreBytes: statedBytes });
      return await receive(take === null ? source : metered(source, receivedBytes, take));
    } catch (error) {
      // Bytes beyond the bound are not kept for a resume that could not end well.
      if (error instanceof Fault && error.code === 'registry.quota-exceeded') {
        await this.#files.abandon(file);
        this.#quotas.release(file);
      }
      throw error;
    }
  }

  /**
   * Ends an upload: verified, durable and linked to the repository when it returns.
   * @throws Fault registry.digest-mismatch, .size-mismatch (nothing is stored), .upload-unknown, .upload-busy
   */
  async finishUpload(
    repository: string,
    ownerId: string,
    uploadId: string,
    expected: { readonly digest: Digest; readonly sizeBytes?: number },
  ): Promise<number> {
    const file = this.#fileOf(repository, ownerId, uploadId);
    const sizeBytes = await this.#files.seal(file, expected.digest);
    if (expected.sizeBytes !== undefined && expected.sizeBytes !== sizeBytes) {
      await this.#files.abandon(file);
      throw registryFault('registry.size-mismatch', { expected: expected.sizeBytes, actual: sizeBytes });
    }
    return this.#place(repository, ownerId, file, expected.digest, sizeBytes);
  }

  /** The last bytes of an upload and its end in one; see `appendUpload` and `finishUpload`. */
  async receiveUpload(
    repository: string,
    ownerId: string,
    uploadId: string,
    source: ByteSource,
    options: ReceiveOptions & { readonly digest: Digest },
  ): Promise<number> {
    const file = this.#fileOf(repository, ownerId, uploadId);
    const { digest } = options;
    const sizeBytes = await this.#within(repository, file, source, options, (metered) =>
      this.#files.appendAndSeal(file, metered, digest, options),
    );
    return this.#place(repository, ownerId, file, digest, sizeBytes);
  }

  async #place(repository: string, ownerId: string, file: string, digest: Digest, sizeBytes: number): Promise<number> {
    const quotaBytes = await this.#quotas.boundOf(repository);
    try {
      await this.#files.exclusively(digest, async () => {
        await this.#files.place(file, digest);
        await this.#intake.add({ repository, digest, sizeBytes, quotaBytes, pushedById: ownerId, small: null });
      });
    } finally {
      this.#quotas.release(file);
    }
    return sizeBytes;
  }

  /** An upload that began and has no byte yet, for `putSmall`; null when it has some, or is not there. */
  freshUpload(repository: string, ownerId: string, uploadId: string): FreshUpload | null {
    const file = this.#fileOf(repository, ownerId, uploadId);
    return this.#files.isFresh(file) ? { file } : null;
  }

  /**
   * Stores a few KiB that have come as a whole; many such pushes share one wait for the disk. Durable when it returns.
   * @param upload ends with it
   * @throws Fault registry.digest-mismatch (nothing is stored), .quota-exceeded, .upload-unknown, .upload-busy
   */
  async putSmall(
    repository: string,
    ownerId: string,
    bytes: Uint8Array,
    digest: Digest,
    upload?: FreshUpload,
  ): Promise<void> {
    if (upload !== undefined) await this.#cancel(upload.file);
    const actual = digestOf(bytes, digestAlgorithm(digest));
    if (actual !== digest) throw registryFault('registry.digest-mismatch', { expected: digest, actual });
    const sizeBytes = bytes.byteLength;
    const quotaBytes = await this.#quotas.boundOf(repository);
    if (quotaBytes !== null && !(await this.#quotas.hasBlob(repository, digest))) {
      // Beside uploads that are still arriving; what this one takes is counted in its own commit.
      await this.#quotas.lease(repository, digest, { receivedBytes: 0, moreBytes: sizeBytes });
      this.#quotas.release(digest);
    }
    await this.#intake.room();
    await this.#files.exclusively(digest, async () => {
      const isNewHere = this.#files.hold(digest, bytes);
      try {
        const small = { bytes, isNewHere };
        await this.#intake.add({ repository, digest, sizeBytes, quotaBytes, pushedById: ownerId, small });
      } catch (error) {
        if (isNewHere) this.#files.letGo(digest);
        throw error;
      }
    });
  }

  /** @throws Fault registry.upload-unknown, .upload-busy */
  async cancelUpload(repository: string, ownerId: string, uploadId: string): Promise<void> {
    await this.#cancel(this.#fileOf(repository, ownerId, uploadId));
  }

  async #cancel(file: string): Promise<void> {
    const known = await this.#files.abandon(file);
    this.#quotas.release(file);
    if (!known) throw registryFault('registry.upload-unknown');
  }

  /** Removes an upload that failed, if it is still there. */
  async dropUpload(repository: string, ownerId: string, uploadId: string): Promise<void> {
    const file = this.#fileOf(repository, ownerId, uploadId);
    await this.#files.abandon(file);
    this.#quotas.release(file);
  }

  /** Stores content of the platform itself; idempotent. @returns size in bytes */
  async putBlob(repository: string, source: ByteSource, digest: Digest): Promise<number> {
    const upload = await this.beginUpload(repository, 'platform');
    try {
      await this.appendUpload(repository, 'platform', upload, source);
    } catch (error) {
      await this.dropUpload(repository, 'platform', upload);
      throw error;
    }
    return this.finishUpload(repository, 'platform', upload, { digest });
  }

  /** Links a blob of one repository to another; false when the source does not have it. The caller checked the rights. */
  async mountBlob(from: string, to: string, digest: Digest, ownerId: string): Promise<boolean> {
    const quotaBytes = await this.#quotas.boundOf(to);
    return this.#files.exclusively(digest, () =>
      this.#db.transaction().execute(async (tx) => {
        const source = await findLinkedBlob(tx, from, digest);
        if (source === null) return false;
        const repositoryId = await ensureRepository(tx, to, this.#clock);
        const { sizeBytes } = source;
        const repository = { id: repositoryId, name: to, quotaBytes };
        const [outcome] = await linkBlobs(tx, [{ repository, digest, sizeBytes, pushedById: ownerId }], this.#now());
        if (outcome instanceof Fault) throw outcome;
        return true;
      }),
    );
  }

  /** Size of a blob in a repository, or null. Saying "it is here" keeps it from the collection for a grace. */
  async blobSize(repository: string, digest: Digest): Promise<number | null> {
    const linked = await findLinkedBlob(this.#db, repository, digest);
    if (linked === null) return null;
    const now = this.#clock.now().getTime();
    if (now - Date.parse(linked.touchedAt) > GARBAGE_GRACE_MS / 4) {
      await this.#db
        .updateTable('registry_blob_links')
        .set({ touched_at: this.#now() })
        .where('repository_id', '=', linked.repositoryId)
        .where('digest', '=', digest)
        .execute();
    }
    return linked.sizeBytes;
  }

  /** Opens a blob through a repository; a file is the caller's to close. @throws Fault registry.blob-unknown */
  async openBlob(repository: string, digest: Digest): Promise<OpenedBlob> {
    const linked = await findLinkedBlob(this.#db, repository, digest);
    const content = linked === null ? null : (this.#files.held(digest) ?? (await this.#files.openBlob(digest)));
    if (linked === null || content === null) throw registryFault('registry.blob-unknown', { digest, repository });
    return { content, sizeBytes: linked.sizeBytes };
  }

  /** A blob's bytes for other rooms of the platform, whatever repository it is in; verified as they pass. */
  readBlob(digest: Digest): AsyncGenerator<Uint8Array> {
    return this.#files.readVerified(digest);
  }

  /**
   * Takes a blob out of a repository; the file goes with the collection once no repository has it.
   * @throws Fault registry.blob-unknown, .blob-referenced
   */
  async deleteBlob(repository: string, digest: Digest): Promise<void> {
    await this.#files.exclusively(digest, () => this.#deleteLink(repository, digest));
  }

  async #deleteLink(repository: string, digest: Digest): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      const repositoryId = await findRepository(tx, repository);
      if (repositoryId === null) throw registryFault('registry.blob-unknown', { digest, repository });
      const user = await tx
        .selectFrom('registry_manifest_content')
        .select('manifest_digest')
        .where('repository_id', '=', repositoryId)
        .where('content_digest', '=', digest)
        .executeTakeFirst();
      if (user !== undefined) throw registryFault('registry.blob-referenced', { digest, repository });
      const isRemoved = await unlinkBlob(tx, { repositoryId, digest });
      if (!isRemoved) throw registryFault('registry.blob-unknown', { digest, repository });
    });
  }

  #fileOf(repository: string, ownerId: string, uploadId: string): string {
    const [, file, mac] = UPLOAD_ID.exec(uploadId) ?? [];
    if (file === undefined || mac === undefined) throw registryFault('registry.upload-unknown');
    if (!timingSafeEqual(Buffer.from(mac), Buffer.from(this.#mac(repository, ownerId, file)))) {
      throw registryFault('registry.upload-unknown');
    }
    return file;
  }

  #mac(repository: string, ownerId: string, file: string): string {
    const mac = createHmac('sha256', this.#key).update(`${repository}\0${ownerId}\0${file}`);
    return mac.digest('hex').slice(0, 32);
  }

  #now(): string {
    return this.#clock.now().toISOString();
  }
}

/** The upload's file, which is known by its id alone and is not there yet. */
export interface FreshUpload {
  readonly file: string;
}

export interface ReceiveOptions extends AppendOptions {
  /** What the sender says it will send, for the project's bound. */
  readonly statedBytes?: number | undefined;
  /** Of the whole, where the sender has said it: content that the project has already takes no room. */
  readonly digest?: Digest;
}

/** A blob to be read: its file, or its bytes where it has none as yet. */
export interface OpenedBlob {
  readonly content: FileHandle | Uint8Array;
  readonly sizeBytes: number;
}

/** Takes room for bytes before they are written. */
async function* metered(
  source: ByteSource,
  receivedBytes: number,
  take: (totalBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let total = receivedBytes;
  for await (const piece of source) {
    total += piece.byteLength;
    take(total);
    yield piece;
  }
}
