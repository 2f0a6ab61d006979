import { hkdfSync } from 'node:crypto';
import type { Journal } from '../journal/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import { type Clock, Fault, type Log, silentLog, systemClock } from '../system/index.ts';
import { BlobFiles, type ByteSource, type Disk } from './blob-files.ts';
import { type Collected, type CollectionState, collectGarbage, collectionState } from './collection.ts';
import { RepositoryContent } from './content.ts';
import { registryFault } from './errors.ts';
import { BlobIntake } from './intake.ts';
import { SMALL_BLOB_BYTES } from './limits.ts';
import { type Page, type Referrer, RepositoryManifests } from './manifests.ts';
import { isOurRepository } from './names.ts';
import type { Caller, DigestsInUse, ImagePushed, PullGate, UpstreamSource } from './ports.ts';
import { PullRecorder } from './pulls.ts';
import { Quarantine } from './quarantine.ts';
import { Graces } from './quarantine-grace.ts';
import { ProjectQuotas } from './quota.ts';
import { Retention } from './retention-run.ts';
import { type Damage, Scrub, type ScrubState } from './scrub.ts';
import { RepositorySettingsStore } from './settings.ts';
import { findBlobSize, type RegistryDatabase, type StoredManifest } from './store.ts';

export interface RegistryOptions {
  readonly db: RegistryDatabase;
  /** Folder of the content; made when it is missing. */
  readonly root: string;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly gate: PullGate;
  readonly inUse: DigestsInUse;
  /** At least 32 secret bytes of this instance; tokens and upload ids are signed with keys derived from it. */
  readonly serverKey: Uint8Array;
  /** Word that an image arrived, after its transaction; what it throws is logged. */
  readonly onImagePushed?: (pushed: ImagePushed) => void;
  /** How long a pull waits for a verdict that is on its way. @default PATIENT_PULL_MS */
  readonly patienceMs?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  /** The calls that keep bytes; tests let them fail. */
  readonly disk?: Disk;
}

export interface RegistryStatus {
  readonly content: {
    readonly blobs: number;
    readonly bytes: number;
    readonly manifests: number;
    readonly repositories: number;
  };
  readonly collection: CollectionState;
  readonly scrub: ScrubState;
  /** What was found damaged: what is not healed first. */
  readonly damages: readonly Damage[];
}

/** The platform itself, where it attaches SBOMs, signatures and verdicts to images. */
const PLATFORM: Caller = { id: 'platform', actor: 'platform', kind: 'platform', name: 'platform' };

/**
 * The registry of an instance. The fields are its parts for the routes; the methods are the doors for other rooms, which
 * are trusted: they pass no quarantine and no rights.
 */
export class Registry {
  readonly content: RepositoryContent;
  readonly manifests: RepositoryManifests;
  readonly quarantine: Quarantine;
  readonly pulls: PullRecorder;
  readonly settings: RepositorySettingsStore;
  readonly quotas: ProjectQuotas;
  readonly retention: Retention;
  readonly scrub: Scrub;
  readonly graces: Graces;
  readonly clock: Clock;
  readonly log: Log;
  readonly db: RegistryDatabase;
  /** Which instance this is, for others to tell it apart: not secret, the same after a restart. */
  readonly instanceId: string;
  readonly #files: BlobFiles;
  readonly #intake: BlobIntake;
  #upstream: UpstreamSource | null = null;

  private constructor(options: RegistryOptions, files: BlobFiles) {
    const {
      db,
      journal,
      gate,
      inUse,
      serverKey,
      clock = systemClock,
      log = silentLog,
      onImagePushed,
      patienceMs,
    } = options;
    const onPushed = (pushed: ImagePushed): void => {
      try {
        onImagePushed?.(pushed);
      } catch (error) {
        log.error({ err: error, digest: pushed.digest }, 'a listener for pushed images failed');
      }
    };
    this.db = db;
    this.clock = clock;
    this.log = log;
    this.#files = files;
    this.instanceId = Buffer.from(hkdfSync('sha256', serverKey, new Uint8Array(0), 'darsena instance', 8)).toString(
      'hex',
    );
    this.settings = new RepositorySettingsStore({ db, clock, journal });
    this.quotas = new ProjectQuotas({ db, settings: this.settings, clock });
    this.#intake = new BlobIntake({ db, files, clock, log });
    this.content = new RepositoryContent({
      db,
      files,
      clock,
      serverKey,
      quotas: this.quotas,
      intake: this.#intake,
    });
    this.manifests = new RepositoryManifests({
      db,
      clock,
      journal,
      inUse,
      settings: this.settings,
      onPushed,
      onRemoved: () => this.quarantine.forget(),
    });
    this.quarantine = new Quarantine({
      db,
      manifests: this.manifests,
      gate,
      log,
      ...(patienceMs === undefined ? {} : { patienceMs }),
    });
    this.pulls = new PullRecorder({ db, journal, clock, log });
    this.retention = new Retention({
      db,
      clock,
      log,
      journal,
      settings: this.settings,
      inUse,
      pulls: this.pulls,
      onRemoved: () => this.quarantine.forget(),
    });
    this.graces = new Graces({ db, clock, journal });
    this.scrub = new Scrub({ db, files, clock, log, journal });
  }

  static async open(options: RegistryOptions): Promise<Registry> {
    const registry = new Registry(options, await BlobFiles.open(options.root, options.disk));
    // What a crash left between the database and its file.
    await registry.#intake.settle();
    return registry;
  }

  /** Where mirrored repositories get their content from; null when there are none. */
  get upstream(): UpstreamSource | null {
    return this.#upstream;
  }

  /** Mirrors stand on the registry, so they come after it. */
  useUpstream(upstream: UpstreamSource): void {
    this.#upstream = upstream;
  }

  /** A manifest by digest, from one repository or from whichever has it; null when none does. */
  readManifest(digest: Digest, repository?: string): Promise<StoredManifest | null> {
    return repository === undefined ? this.manifests.findAnywhere(digest) : this.manifests.find(repository, { digest });
  }

  /** A blob's bytes, verified as they pass: the end is reached only when they match. @throws Fault registry.blob-unknown */
  async *openBlob(digest: Digest): AsyncGenerator<Uint8Array> {
    try {
      yield* this.content.readBlob(digest);
    } catch (error) {
      // Found by a reader instead of the scrub: set aside and healed the same way, not waited for.
      if (error instanceof Fault && error.code === 'registry.blob-damaged') this.#checkSoon(digest);
      throw error;
    }
  }

  #checkSoon(digest: Digest): void {
    findBlobSize(this.db, digest)
      .then((sizeBytes) => (sizeBytes === null ? undefined : this.scrub.check(digest, sizeBytes)))
      .catch((error: unknown) => this.log.error({ err: error, digest }, 'a damaged blob could not be set aside'));
  }

  /** Stores content; idempotent, durable when it returns. @throws Fault registry.digest-mismatch */
  async putBlob(repository: string, bytes: Uint8Array | ByteSource, digest: Digest): Promise<void> {
    requireRepository(repository);
    if (!(bytes instanceof Uint8Array)) await this.content.putBlob(repository, bytes, digest);
    else if (bytes.byteLength > SMALL_BLOB_BYTES) await this.content.putBlob(repository, [bytes], digest);
    else await this.content.putSmall(repository, PLATFORM.id, bytes, digest);
  }

  /** Stores a manifest, such as an SBOM or signature that names an image as its subject. @returns its digest */
  async putManifest(
    repository: string,
    bytes: Uint8Array,
    mediaType: string,
    options: { readonly tag?: string; readonly actor?: string } = {},
  ): Promise<Digest> {
    requireRepository(repository);
    const by = options.actor === undefined ? PLATFORM : { ...PLATFORM, actor: options.actor };
    const reference = options.tag === undefined ? null : { tag: options.tag };
    return (await this.manifests.put(repository, bytes, mediaType, { reference, by, mayMoveTag: true })).digest;
  }

  /** Removes a manifest, such as a statement that another one has replaced. @throws Fault registry.manifest-unknown */
  removeManifest(repository: string, digest: Digest, options: { readonly actor?: string } = {}): Promise<void> {
    const by = options.actor === undefined ? PLATFORM : { ...PLATFORM, actor: options.actor };
    return this.manifests.delete(repository, digest, by);
  }

  /** What refers to a digest: the first 1,000. */
  async listReferrers(repository: string, digest: Digest, artifactType?: string): Promise<readonly Referrer[]> {
    const page: Page<Referrer> = await this.manifests.listReferrers(
      repository,
      digest,
      artifactType === undefined ? {} : { artifactType },
    );
    return page.items;
  }

  /** Projects that something was pushed to, by name, with the time of the first push. */
  async listProjects(): Promise<readonly { readonly name: string; readonly createdAt: string }[]> {
    const rows = await this.db
      .selectFrom('registry_repositories')
      .select(({ fn }) => ['project', fn.min('created_at').as('created_at')])
      .groupBy('project')
      .orderBy('project')
      .execute();
    return rows.map((row) => ({ name: row.project, createdAt: row.created_at }));
  }

  /** The manifest that a tag or digest names; null when there is none. */
  resolve(repository: string, tagOrDigest: string): Promise<StoredManifest | null> {
    return this.manifests.find(repository, isDigest(tagOrDigest) ? { digest: tagOrDigest } : { tag: tagOrDigest });
  }

  /** One pass of the collection; safe while serving. @param options.graceMs age below which nothing is touched */
  collectGarbage(
    options: {
      readonly graceMs?: number;
      readonly signal?: AbortSignal;
      readonly progress?: (collected: Collected) => void;
    } = {},
  ): Promise<Collected> {
    return collectGarbage({ db: this.db, files: this.#files, clock: this.clock, ...options });
  }

  /** Where the collection and the scrub stand. */
  async upkeep(): Promise<{ readonly collection: CollectionState; readonly scrub: ScrubState }> {
    const parts = { db: this.db, files: this.#files, clock: this.clock };
    const [collection, scrub] = await Promise.all([collectionState(parts).read(), this.scrub.state()]);
    return { collection, scrub };
  }

  /** What is stored, removed and found, for people. */
  async status(): Promise<RegistryStatus> {
    const sum = await this.db
      .selectFrom('registry_blobs')
      .select(({ fn }) => [fn.countAll<number>().as('blobs'), fn.sum<number | null>('size_bytes').as('bytes')])
      .executeTakeFirstOrThrow();
    const count = async (table: 'registry_manifests' | 'registry_repositories'): Promise<number> => {
      const row = await this.db
        .selectFrom(table)
        .select(({ fn }) => fn.countAll<number>().as('n'))
        .executeTakeFirstOrThrow();
      return Number(row.n);
    };
    const [manifests, repositories] = [await count('registry_manifests'), await count('registry_repositories')];
    return {
      content: { blobs: Number(sum.blobs), bytes: Number(sum.bytes ?? 0), manifests, repositories },
      ...(await this.upkeep()),
      damages: await this.scrub.damages(),
    };
  }

  /** Gives small content its files now, which it gets by itself within seconds. */
  settle(): Promise<void> {
    return this.#intake.settle();
  }

  /** Writes what is still in memory. */
  async close(): Promise<void> {
    await this.pulls.flush();
    await this.settle();
  }
}

function requireRepository(name: string): void {
  if (!isOurRepository(name)) throw registryFault('registry.name-invalid', { name: name.slice(0, 300) });
}
