import type { Journal } from '../journal/index.ts';
import {
  type Digest,
  digestAlgorithm,
  digestHex,
  digestOf,
  type Index,
  isTag,
  MANIFEST_BYTES_MAX,
  type Manifest,
  MEDIA_TYPE,
  type ParsedManifest,
  parseManifest,
  projectOf,
} from '../oci/index.ts';
import { type Clock, Fault } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { PAGE_MAX } from './limits.ts';
import type { Caller, DigestsInUse, ImagePushed } from './ports.ts';
import { countUsage } from './quota.ts';
import { isImmutableTag, type RepositorySettingsStore } from './settings.ts';
import {
  type ContentRole,
  ensureRepository,
  findRepository,
  findStoredManifest,
  type ManifestKind,
  type RegistryDatabase,
  type StoredManifest,
} from './store.ts';

/** One manifest that refers to another by `subject`; the descriptor of distribution-spec 1.1 "Listing Referrers". */
export interface Referrer {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Where the next page starts (exclusive); null at the end. */
  readonly next: string | null;
}

export type Reference = { readonly tag: string } | { readonly digest: Digest };

/** Layers of cosign's older signature layout, which wears the config type of an image but cannot run. */
const SIGNATURE_LAYERS: readonly string[] = [
  'application/vnd.dev.cosign.simplesigning.v1+json',
  'application/vnd.dsse.envelope.v1+json',
  'application/vnd.in-toto+json',
];

/**
 * Whether a manifest could be run, and so is held until it is released. `subject` and `artifactType` do not decide it:
 * engines ignore both, so an image that sets them would walk around the quarantine.
 */
export function manifestKind(manifest: ParsedManifest): ManifestKind {
  if (manifest.kind === 'index') return 'index';
  const isImageConfig = [MEDIA_TYPE.config, MEDIA_TYPE.dockerConfig].some((type) => type === manifest.config.mediaType);
  if (!isImageConfig) return 'artifact';
  const isSignature =
    manifest.layers.length > 0 && manifest.layers.every((layer) => SIGNATURE_LAYERS.includes(layer.mediaType));
  return isSignature ? 'artifact' : 'image';
}

/** Manifests, tags and referrers of repositories. Each change and the fact that states it are one transaction. */
export class RepositoryManifests {
  readonly #db: RegistryDatabase;
  readonly #clock: Clock;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #inUse: DigestsInUse;
  readonly #onPushed: (pushed: ImagePushed) => void;
  readonly #onRemoved: () => void;
  readonly #settings: RepositorySettingsStore;

  constructor(parts: {
    db: RegistryDatabase;
    clock: Clock;
    journal: Pick<Journal, 'record' | 'committed'>;
    inUse: DigestsInUse;
    settings: RepositorySettingsStore;
    onPushed: (pushed: ImagePushed) => void;
    /** A manifest has gone: whatever was remembered by it is not true any more. */
    onRemoved: () => void;
  }) {
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#journal = parts.journal;
    this.#inUse = parts.inUse;
    this.#onPushed = parts.onPushed;
    this.#onRemoved = parts.onRemoved;
    this.#settings = parts.settings;
  }

  /** The manifest that a tag or digest names in a repository, or null. */
  find(repository: string, reference: Reference): Promise<StoredManifest | null> {
    return findStoredManifest(this.#db, repository, reference);
  }

  /** A manifest by digest from whatever repository has it: for other rooms of the platform. */
  async findAnywhere(digest: Digest): Promise<StoredManifest | null> {
    const row = await this.#db
      .selectFrom('registry_manifests as m')
      .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
      .select('r.name')
      .where('m.digest', '=', digest)
      .orderBy('m.pushed_at')
      .executeTakeFirst();
    return row === undefined ? null : findStoredManifest(this.#db, row.name, { digest });
  }

  /**
   * Stores a manifest with the tag it was pushed as. Durable, with its fact, when it returns; idempotent. The first
   * pusher of a digest stays its pusher.
   * @param options.mayMoveTag whether the tag may be taken from another digest; decided again within the transaction
   * @throws Fault registry.manifest-invalid, .manifest-too-large, .manifest-blob-unknown, .digest-mismatch, .tag-invalid,
   * .tag-exists, .tag-immutable, .quota-exceeded
   */
  async put(
    repository: string,
    bytes: Uint8Array,
    mediaType: string | undefined,
    options: { readonly reference: Reference | null; readonly by: Caller; readonly mayMoveTag: boolean },
  ): Promise<{ digest: Digest; subject: Digest | null; kind: ManifestKind }> {
    if (bytes.byteLength > MANIFEST_BYTES_MAX) {
      throw registryFault('registry.manifest-too-large', { maximum: MANIFEST_BYTES_MAX });
    }
    const { reference, by, mayMoveTag } = options;
    const asked = reference !== null && 'digest' in reference ? reference.digest : null;
    const tag = reference !== null && 'tag' in reference ? reference.tag : null;
    if (tag !== null && !isTag(tag)) throw registryFault('registry.tag-invalid', { tag });
    const digest = digestOf(bytes, asked === null ? 'sha256' : digestAlgorithm(asked));
    if (asked !== null && asked !== digest) {
      throw registryFault('registry.digest-mismatch', { expected: asked, actual: digest });
    }
    const parsed = readManifest(bytes, mediaType);
    const kind = manifestKind(parsed);
    const subject = parsed.subject?.digest ?? null;
    const settings = await this.#settings.of(repository);
    const isMovable = tag === null || (mayMoveTag && !isImmutableTag(settings, tag));
    const now = this.#clock.now().toISOString();
    await this.#db.transaction().execute(async (tx) => {
      const repositoryId = await ensureRepository(tx, repository, this.#clock);
      const contentBytes =
        parsed.kind === 'manifest'
          ? await touchContent(tx, { repositoryId, repository, manifest: parsed, now })
          : await sumChildren(tx, repositoryId, parsed);
      const stored = await tx
        .insertInto('registry_manifests')
        .values({
          repository_id: repositoryId,
          digest,
          kind,
          media_type: parsed.mediaType,
          artifact_type: parsed.artifactType ?? (parsed.kind === 'manifest' ? parsed.config.mediaType : null),
          subject_digest: subject,
          annotations: JSON.stringify(parsed.annotations),
          content_bytes: contentBytes,
          layers: parsed.kind === 'manifest' ? parsed.layers.length : 0,
          pushed_at: now,
          pushed_by: by.actor,
          pushed_by_id: by.id,
          bytes,
        })
        .onConflict((conflict) => conflict.columns(['repository_id', 'digest']).doNothing())
        .executeTakeFirst();
      const content = contentOf(parsed);
      if (content.size > 0) {
        await tx
          .insertInto('registry_manifest_content')
          .values(
            [...content].map(([contentDigest, role]) => ({
              repository_id: repositoryId,
              manifest_digest: digest,
              content_digest: contentDigest,
              role,
            })),
          )
          .onConflict((conflict) =>
            conflict.columns(['repository_id', 'manifest_digest', 'content_digest']).doNothing(),
          )
          .execute();
      }
      if (tag !== null) {
        const wanted = { repositoryId, repository, tag, digest, now, by };
        if (isMovable) await setTag(tx, wanted);
        else await createTag(tx, { ...wanted, isImmutable: mayMoveTag });
      }
      if ((stored.numInsertedOrUpdatedRows ?? 0n) === 0n) {
        // The same manifest again; one whose bytes were found damaged and set aside is healed by it.
        await tx
          .updateTable('registry_manifests')
          .set({ bytes })
          .where('repository_id', '=', repositoryId)
          .where('digest', '=', digest)
          .where(({ fn }) => fn('length', ['bytes']), '=', 0)
          .execute();
      } else {
        await countUsage(tx, projectOf(repository), bytes.byteLength, settings.quotaBytes);
      }
      await this.#journal.record(tx, {
        kind: 'image.pushed',
        project: projectOf(repository),
        actor: by.actor,
        subject: tag === null ? `${repository}@${digest}` : `${repository}:${tag}`,
        digest,
        body: { repository, tag, kind, mediaType: parsed.mediaType, subject, contentBytes },
      });
    });
    this.#journal.committed();
    this.#onPushed({
      project: projectOf(repository),
      repository,
      digest,
      tag,
      mediaType: parsed.mediaType,
      kind,
      subject,
      principal: by,
    });
    return { digest, subject, kind };
  }

  /** The indexes of a repository that name a manifest, and those that name them. */
  async #indexesOf(repository: string, digest: Digest): Promise<readonly string[]> {
    const found = new Set<string>();
    for (let wanted: readonly string[] = [digest]; wanted.length > 0; ) {
      const rows = await this.#db
        .selectFrom('registry_manifest_content as c')
        .innerJoin('registry_repositories as r', 'r.id', 'c.repository_id')
        .select('c.manifest_digest')
        .distinct()
        .where('r.name', '=', repository)
        .where('c.role', '=', 'manifest')
        .where('c.content_digest', 'in', [...wanted])
        .execute();
      wanted = rows.map((row) => row.manifest_digest).filter((index) => !found.has(index));
      for (const index of wanted) found.add(index);
    }
    return [...found];
  }

  /**
   * Removes a manifest and the tags that name it.
   * @throws Fault registry.manifest-unknown, .in-use, .tag-immutable when one of its tags is
   */
  async delete(repository: string, digest: Digest, by: Caller): Promise<void> {
    // Asked before the transaction: within it only the database is awaited.
    const used = await this.#inUse.list();
    if (used.has(digest) || (await this.#indexesOf(repository, digest)).some((index) => used.has(index))) {
      throw registryFault('registry.in-use', { digest });
    }
    const settings = await this.#settings.of(repository);
    await this.#db.transaction().execute(async (tx) => {
      const unknown = () => registryFault('registry.manifest-unknown', { repository, reference: digest });
      const repositoryId = await findRepository(tx, repository);
      if (repositoryId === null) throw unknown();
      const tags = await tx
        .deleteFrom('registry_tags')
        .where('repository_id', '=', repositoryId)
        .where('digest', '=', digest)
        .returning('name')
        .execute();
      const immutable = tags.find((row) => isImmutableTag(settings, row.name));
      if (immutable !== undefined) throw registryFault('registry.tag-immutable', { repository, tag: immutable.name });
      await tx
        .deleteFrom('registry_manifest_content')
        .where('repository_id', '=', repositoryId)
        .where('manifest_digest', '=', digest)
        .execute();
      const removed = await tx
        .deleteFrom('registry_manifests')
        .where('repository_id', '=', repositoryId)
        .where('digest', '=', digest)
        .returning(({ fn }) => fn<number>('length', ['bytes']).as('size_bytes'))
        .executeTakeFirst();
      if (removed === undefined) throw unknown();
      await countUsage(tx, projectOf(repository), -Number(removed.size_bytes), null);
      await this.#journal.record(tx, {
        kind: 'image.deleted',
        project: projectOf(repository),
        actor: by.actor,
        subject: `${repository}@${digest}`,
        digest,
        body: { repository, tags: tags.map((row) => row.name) },
      });
    });
    this.#onRemoved();
    this.#journal.committed();
  }

  /** Removes a tag; the manifest stays. @throws Fault registry.manifest-unknown, .tag-immutable */
  async deleteTag(repository: string, tag: string, by: Caller): Promise<void> {
    const settings = await this.#settings.of(repository);
    await this.#db.transaction().execute(async (tx) => {
      const repositoryId = await findRepository(tx, repository);
      const row =
        repositoryId === null
          ? undefined
          : await tx
              .deleteFrom('registry_tags')
              .where('repository_id', '=', repositoryId)
              .where('name', '=', tag)
              .returning('digest')
              .executeTakeFirst();
      if (row === undefined) throw registryFault('registry.manifest-unknown', { repository, reference: tag });
      // After the look: a tag that is not there is unknown, whatever the settings say of its name.
      if (isImmutableTag(settings, tag)) throw registryFault('registry.tag-immutable', { repository, tag });
      await this.#journal.record(tx, {
        kind: 'image.untagged',
        project: projectOf(repository),
        actor: by.actor,
        subject: `${repository}:${tag}`,
        digest: row.digest,
        body: { repository, tag },
      });
    });
    this.#journal.committed();
  }

  /** Tags in byte order after `last`. @throws Fault registry.repository-unknown */
  async listTags(
    repository: string,
    options: { readonly limit: number; readonly last?: string },
  ): Promise<Page<string>> {
    const repositoryId = await findRepository(this.#db, repository);
    if (repositoryId === null) throw registryFault('registry.repository-unknown', { repository });
    const limit = Math.min(options.limit, PAGE_MAX);
    if (limit === 0) return { items: [], next: null };
    let query = this.#db.selectFrom('registry_tags').select('name').where('repository_id', '=', repositoryId);
    if (options.last !== undefined) query = query.where('name', '>', options.last);
    const rows = await query
      .orderBy('name')
      .limit(limit + 1)
      .execute();
    const items = rows.slice(0, limit).map((row) => row.name);
    return { items, next: rows.length > limit ? (items.at(-1) ?? null) : null };
  }

  /** Names of repositories that have an image or artifact, in byte order; read piece by piece, so ending early costs nothing. */
  async *repositoriesAfter(last: string): AsyncGenerator<string> {
    for (let after = last; ; ) {
      const rows = await this.#db
        .selectFrom('registry_repositories as r')
        .select('r.name')
        .where('r.name', '>', after)
        .where(({ exists, selectFrom }) =>
          exists(selectFrom('registry_manifests as m').select('m.digest').whereRef('m.repository_id', '=', 'r.id')),
        )
        .orderBy('r.name')
        .limit(PAGE_MAX)
        .execute();
      for (const { name } of rows) yield name;
      after = rows.at(-1)?.name ?? '';
      if (rows.length < PAGE_MAX) return;
    }
  }

  /**
   * What refers to a digest in this repository, whether or not the digest itself is there (distribution-spec 1.1). What
   * clients of registries without referrers list at the tag of that digest counts as well, if it is here and names no
   * other subject.
   */
  async listReferrers(
    repository: string,
    digest: Digest,
    options: { readonly artifactType?: string; readonly last?: string } = {},
  ): Promise<Page<Referrer>> {
    let query = this.#db
      .selectFrom('registry_repositories as r')
      .innerJoin('registry_manifests as m', 'm.repository_id', 'r.id')
      .select(['m.digest', 'm.media_type', 'm.artifact_type', 'm.annotations', 'm.bytes'])
      .where('r.name', '=', repository);
    const listed = await this.#listedAtTag(repository, digest);
    query = query.where((is) =>
      listed.length === 0
        ? is('m.subject_digest', '=', digest)
        : is.or([
            is('m.subject_digest', '=', digest),
            is.and([is('m.subject_digest', 'is', null), is('m.digest', 'in', listed)]),
          ]),
    );
    if (options.artifactType !== undefined) query = query.where('m.artifact_type', '=', options.artifactType);
    if (options.last !== undefined) query = query.where('m.digest', '>', options.last);
    const rows = await query
      .orderBy('m.digest')
      .limit(PAGE_MAX + 1)
      .execute();
    const items = rows.slice(0, PAGE_MAX).map((row): Referrer => {
      const annotations = JSON.parse(row.annotations) as Record<string, string>;
      return {
        mediaType: row.media_type,
        digest: row.digest as Digest,
        size: row.bytes.byteLength,
        ...(row.artifact_type === null ? {} : { artifactType: row.artifact_type }),
        ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      };
    });
    return { items, next: rows.length > PAGE_MAX ? (items.at(-1)?.digest ?? null) : null };
  }

  /** The content of the index at the referrers tag; nothing when there is none, or when it is something else. */
  async #listedAtTag(repository: string, digest: Digest): Promise<readonly Digest[]> {
    const stored = await findStoredManifest(this.#db, repository, { tag: referrersTag(digest) });
    if (stored?.kind !== 'index') return [];
    const parsed = parseManifest(stored.bytes, stored.mediaType);
    return parsed.kind === 'index' ? parsed.manifests.map((child) => child.digest) : [];
  }
}

/**
 * The tag where a client lists referrers when the registry cannot: `sha256-<hex>`, both parts cut (distribution-spec 1.1
 * "Referrers Tag Schema").
 */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest).slice(0, 32)}-${digestHex(digest).slice(0, 64)}`;
}

interface WantedTag {
  readonly repositoryId: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  readonly now: string;
  readonly by: Caller;
}

async function setTag(tx: RegistryDatabase, { repositoryId, tag, digest, now, by }: WantedTag): Promise<void> {
  const moved = { digest, updated_at: now, updated_by: by.actor };
  await tx
    .insertInto('registry_tags')
    .values({ repository_id: repositoryId, name: tag, ...moved })
    .onConflict((conflict) => conflict.columns(['repository_id', 'name']).doUpdateSet(moved))
    .execute();
}

/**
 * Makes a tag and never moves one: it is inserted first and read afterwards, so that of two pushes at the same moment
 * the second waits for the first and finds its tag (PostgreSQL waits at the key). The same digest again is no change.
 * @throws Fault registry.tag-exists, or .tag-immutable where nobody may move it
 */
async function createTag(tx: RegistryDatabase, wanted: WantedTag & { readonly isImmutable: boolean }): Promise<void> {
  const { isImmutable, repositoryId, repository, tag, digest, now, by } = wanted;
  await tx
    .insertInto('registry_tags')
    .values({ repository_id: repositoryId, name: tag, digest, updated_at: now, updated_by: by.actor })
    .onConflict((conflict) => conflict.columns(['repository_id', 'name']).doNothing())
    .execute();
  const row = await tx
    .selectFrom('registry_tags')
    .select('digest')
    .where('repository_id', '=', repositoryId)
    .where('name', '=', tag)
    .executeTakeFirst();
  if (row?.digest !== digest) {
    if (isImmutable) throw registryFault('registry.tag-immutable', { repository, tag });
    throw registryFault('registry.tag-exists', { actor: by.actor, repository, tag, digest: row?.digest ?? 'nothing' });
  }
}

function readManifest(bytes: Uint8Array, mediaType: string | undefined): ParsedManifest {
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (!(error instanceof Fault) || error.kind !== 'invalid') throw error;
    const why = error.text('en').why ?? error.message;
    throw registryFault('registry.manifest-invalid', { why }, { cause: error });
  }
}

/** What a manifest refers to, each digest once. */
function contentOf(parsed: ParsedManifest): Map<Digest, ContentRole> {
  if (parsed.kind === 'index') return new Map(parsed.manifests.map((child) => [child.digest, 'manifest']));
  const content = new Map<Digest, ContentRole>(parsed.layers.map((layer) => [layer.digest, 'layer']));
  content.set(parsed.config.digest, 'config');
  return content;
}

/**
 * Checks that all content of a manifest is in the repository with the stated sizes, and touches the links: a collection
 * that runs now sees either the touch or no link at all, and then the push fails instead of the image.
 * @returns the sum of sizes in bytes, shared content counted once
 */
async function touchContent(
  tx: RegistryDatabase,
  push: {
    readonly repositoryId: string;
    readonly repository: string;
    readonly manifest: Manifest;
    readonly now: string;
  },
): Promise<number> {
  const { repositoryId, repository, manifest, now } = push;
  // In one order, so that two pushes that share layers never wait for each other in a circle (PostgreSQL row locks).
  const digests = [...contentOf(manifest).keys()].sort();
  for (const digest of digests) {
    const { numUpdatedRows } = await tx
      .updateTable('registry_blob_links')
      .set({ touched_at: now })
      .where('repository_id', '=', repositoryId)
      .where('digest', '=', digest)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw registryFault('registry.manifest-blob-unknown', { repository, digest });
  }
  const rows = await tx
    .selectFrom('registry_blobs')
    .select(['digest', 'size_bytes'])
    .where('digest', 'in', digests)
    .where('damaged_at', 'is', null)
    .execute();
  const sizes = new Map(rows.map((row) => [row.digest, Number(row.size_bytes)]));
  for (const { digest, size } of [manifest.config, ...manifest.layers]) {
    const actual = sizes.get(digest);
    if (actual !== size) {
      const why = `${digest}: the manifest states ${size} bytes, the stored content has ${actual ?? 'none'}`;
      throw registryFault('registry.manifest-invalid', { why });
    }
  }
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}

/** An index may name manifests that are not here (a sparse index), so only those present are counted. */
async function sumChildren(tx: RegistryDatabase, repositoryId: string, index: Index): Promise<number> {
  if (index.manifests.length === 0) return 0;
  const rows = await tx
    .selectFrom('registry_manifests')
    .select('content_bytes')
    .where('repository_id', '=', repositoryId)
    .where('digest', 'in', [...new Set(index.manifests.map((child) => child.digest))])
    .execute();
  return rows.reduce((sum, row) => sum + Number(row.content_bytes), 0);
}
