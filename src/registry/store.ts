import type { Kysely } from 'kysely';
import { type Digest, projectOf } from '../oci/index.ts';
import { type Clock, Fault, newId } from '../system/index.ts';
import { prepared } from './prepared.ts';
import { countUsage, isLinkedInProject } from './quota.ts';

/** `image` runs; `artifact` travels beside images (signature, SBOM, chart); `index` names several of them. */
export type ManifestKind = 'image' | 'index' | 'artifact';
export type ContentRole = 'config' | 'layer' | 'manifest';

export interface RegistryTables {
  registry_repositories: { id: string; name: string; project: string; created_at: string };
  /** A row means: the file is complete, verified and durable. */
  registry_blobs: {
    digest: string;
    size_bytes: number;
    stored_at: string;
    /** Set aside by the scrub: not here until somebody brings it again. */
    damaged_at: string | null;
  };
  /** Bytes of small content whose file is not synced yet. */
  registry_intake: { digest: string; bytes: Uint8Array };
  /** Content is served through a repository only where it is linked: the tenancy boundary. */
  registry_blob_links: {
    repository_id: string;
    digest: string;
    touched_at: string;
    /** Who uploaded it here last: theirs alone until a manifest uses it. */
    pushed_by_id: string | null;
  };
  registry_manifests: {
    repository_id: string;
    digest: string;
    kind: string;
    media_type: string;
    artifact_type: string | null;
    subject_digest: string | null;
    annotations: string;
    content_bytes: number;
    layers: number;
    pushed_at: string;
    pushed_by: string;
    pushed_by_id: string;
    bytes: Uint8Array;
  };
  registry_manifest_content: { repository_id: string; manifest_digest: string; content_digest: string; role: string };
  registry_tags: { repository_id: string; name: string; digest: string; updated_at: string; updated_by: string };
  /** Deadlines of refused images that already ran; environment '' speaks of pulls: see Graces. */
  registry_grace: {
    project: string;
    digest: string;
    environment: string;
    started_at: string;
    until_at: string;
    reasons: string;
    over_at: string | null;
  };
  /** Where long work on the content stands, as JSON: see WorkState. */
  registry_work: { name: string; state: string; updated_at: string };
  /** What the scrub found; `is_open` while no good copy has come. */
  registry_damage: {
    digest: string;
    content: string;
    kind: string;
    found_at: string;
    repositories: string;
    is_open: number;
    healed_at: string | null;
    healed_from: string | null;
  };
  /** What a project stores: see ProjectQuotas. */
  registry_usage: { project: string; bytes: number };
  /** What a pattern of a project's repositories sets; null: nothing. Lists are JSON. */
  registry_settings: {
    project: string;
    pattern: string;
    anonymous_pull: number | null;
    immutable_tags: string | null;
    retention: string | null;
    quota_bytes: number | null;
    updated_at: string;
    updated_by: string;
  };
  /** Pulls counted by hour (`2026-11-22T09`, UTC), written with their `image.pulled` facts. */
  registry_pulls: {
    project: string;
    repository: string;
    digest: string;
    hour: string;
    actor: string;
    pulls: number;
    last_at: string;
  };
}

export type RegistryDatabase = Kysely<RegistryTables>;

/** A manifest as it was pushed to one repository. `bytes` are exactly what the client sent. */
export interface StoredManifest {
  readonly repository: string;
  readonly repositoryId: string;
  readonly digest: Digest;
  readonly kind: ManifestKind;
  readonly mediaType: string;
  readonly subject: Digest | null;
  readonly pushedById: string;
  readonly bytes: Uint8Array;
}

const repositoryByName = prepared((db: RegistryDatabase, name: string) =>
  db.selectFrom('registry_repositories').select('id').where('name', '=', name),
);

export async function findRepository(db: RegistryDatabase, name: string): Promise<string | null> {
  return (await repositoryByName(db, name)).rows[0]?.id ?? null;
}

/** The id of a repository, which appears with its first content. */
export async function ensureRepository(db: RegistryDatabase, name: string, clock: Clock): Promise<string> {
  const known = await findRepository(db, name);
  if (known !== null) return known;
  await db
    .insertInto('registry_repositories')
    .values({
      id: newId(clock),
      name,
      project: name.slice(0, name.indexOf('/')),
      created_at: clock.now().toISOString(),
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .execute();
  const made = await findRepository(db, name);
  if (made === null) throw new Error(`the repository ${name} vanished while it was made`);
  return made;
}

const stateBlob = prepared((db: RegistryDatabase, digest: string, sizeBytes: number, now: string) =>
  db
    .insertInto('registry_blobs')
    .values({ digest, size_bytes: sizeBytes, stored_at: now, damaged_at: null })
    .onConflict((conflict) => conflict.column('digest').doNothing()),
);

// A fresh copy, verified as it came, heals one that was set aside.
const healBlob = prepared((db: RegistryDatabase, digest: string) =>
  db
    .updateTable('registry_blobs')
    .set({ damaged_at: null })
    .where('digest', '=', digest)
    .where('damaged_at', 'is not', null),
);

const stateLink = prepared(
  (db: RegistryDatabase, repository_id: string, digest: string, now: string, pushed_by_id: string) =>
    db
      .insertInto('registry_blob_links')
      .values({ repository_id, digest, touched_at: now, pushed_by_id })
      .onConflict((conflict) =>
        conflict.columns(['repository_id', 'digest']).doUpdateSet({ touched_at: now, pushed_by_id }),
      ),
);

/** A blob whose bytes are durable, or will be with the transaction, and the repository that somebody brought it to. */
export interface BroughtBlob {
  readonly repository: {
    readonly id: string;
    readonly name: string;
    /** The bound of its project; null: none. */
    readonly quotaBytes: number | null;
  };
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly pushedById: string;
}

/**
 * States that blobs are stored and to which repositories they belong. Call within `exclusively` of each digest, so that
 * a project counts it once.
 * @returns for each whether nobody had stated it before; or, where it goes beyond the bound of its project, the Fault
 *   registry.quota-exceeded: of that one nothing is stated
 */
export async function linkBlobs(
  tx: RegistryDatabase,
  blobs: readonly BroughtBlob[],
  now: string,
): Promise<readonly (boolean | Fault)[]> {
  // Rows in one order, blobs before projects before links, so that two transactions on PostgreSQL never wait for each
  // other in a circle.
  const order = [...blobs.entries()].sort(([, a], [, b]) => (a.digest < b.digest ? -1 : 1));
  const outcomes: (boolean | Fault)[] = blobs.map(() => false);
  const projects = new Map<string, [index: number, blob: BroughtBlob][]>();
  for (const [index, blob] of order) {
    const isNew = (await stateBlob(tx, blob.digest, blob.sizeBytes, now)).numAffectedRows === 1n;
    outcomes[index] = isNew;
    const project = projectOf(blob.repository.name);
    if (!isNew && (await isLinkedInProject(tx, project, blob.digest))) continue;
    const coming = projects.get(project);
    if (coming === undefined) projects.set(project, [[index, blob]]);
    else coming.push([index, blob]);
  }
  for (const project of [...projects.keys()].sort()) {
    let unboundBytes = 0;
    for (const [index, blob] of projects.get(project) ?? []) {
      const { quotaBytes } = blob.repository;
      if (quotaBytes === null) unboundBytes += blob.sizeBytes;
      else {
        const refusal = await quotaRefusal(tx, project, blob.sizeBytes, quotaBytes);
        if (refusal === null) continue;
        if (outcomes[index] === true) await tx.deleteFrom('registry_blobs').where('digest', '=', blob.digest).execute();
        outcomes[index] = refusal;
      }
    }
    await countUsage(tx, project, unboundBytes, null);
  }
  for (const [index, { repository, digest, pushedById }] of order) {
    if (typeof outcomes[index] !== 'boolean') continue;
    if (!outcomes[index]) await healBlob(tx, digest);
    await stateLink(tx, repository.id, digest, now, pushedById);
  }
  return outcomes;
}

async function quotaRefusal(
  tx: RegistryDatabase,
  project: string,
  bytes: number,
  quotaBytes: number,
): Promise<Fault | null> {
  try {
    await countUsage(tx, project, bytes, quotaBytes);
    return null;
  } catch (error) {
    if (error instanceof Fault && error.code === 'registry.quota-exceeded') return error;
    throw error;
  }
}

/** Size and last touch of a blob as seen through a repository, or null where it is not linked. */
export async function findLinkedBlob(
  db: RegistryDatabase,
  repository: string,
  digest: Digest,
): Promise<{ repositoryId: string; sizeBytes: number; touchedAt: string } | null> {
  const row = await db
    .selectFrom('registry_repositories as r')
    .innerJoin('registry_blob_links as l', 'l.repository_id', 'r.id')
    .innerJoin('registry_blobs as b', 'b.digest', 'l.digest')
    .select(['r.id', 'b.size_bytes', 'l.touched_at'])
    .where('r.name', '=', repository)
    .where('l.digest', '=', digest)
    .where('b.damaged_at', 'is', null)
    .executeTakeFirst();
  if (row === undefined) return null;
  return { repositoryId: row.id, sizeBytes: Number(row.size_bytes), touchedAt: row.touched_at };
}

/** Size of a stored blob, whatever repository has it; null when it is not here. */
export async function findBlobSize(db: RegistryDatabase, digest: Digest): Promise<number | null> {
  const row = await db
    .selectFrom('registry_blobs')
    .select('size_bytes')
    .where('digest', '=', digest)
    .where('damaged_at', 'is', null)
    .executeTakeFirst();
  return row === undefined ? null : Number(row.size_bytes);
}

const MANIFEST_COLUMNS = [
  'm.repository_id',
  'm.digest',
  'm.kind',
  'm.media_type',
  'm.subject_digest',
  'm.pushed_by_id',
  'm.bytes',
] as const;

const manifestByTag = prepared((db: RegistryDatabase, repository: string, tag: string) =>
  db
    .selectFrom('registry_repositories as r')
    .innerJoin('registry_tags as t', 't.repository_id', 'r.id')
    .innerJoin('registry_manifests as m', (join) =>
      join.onRef('m.repository_id', '=', 't.repository_id').onRef('m.digest', '=', 't.digest'),
    )
    .select(MANIFEST_COLUMNS)
    .where('r.name', '=', repository)
    .where('t.name', '=', tag),
);

const manifestByDigest = prepared((db: RegistryDatabase, repository: string, digest: string) =>
  db
    .selectFrom('registry_repositories as r')
    .innerJoin('registry_manifests as m', 'm.repository_id', 'r.id')
    .select(MANIFEST_COLUMNS)
    .where('r.name', '=', repository)
    .where('m.digest', '=', digest),
);

/** What a tag or digest names in a repository; null when nothing, or when it was found damaged. */
export async function findStoredManifest(
  db: RegistryDatabase,
  repository: string,
  reference: { readonly tag: string } | { readonly digest: Digest },
): Promise<StoredManifest | null> {
  const { rows } =
    'tag' in reference
      ? await manifestByTag(db, repository, reference.tag)
      : await manifestByDigest(db, repository, reference.digest);
  const row = rows[0];
  // Without bytes: found damaged and set aside.
  if (row === undefined || row.bytes.byteLength === 0) return null;
  return {
    repository,
    repositoryId: row.repository_id,
    digest: row.digest as Digest,
    kind: row.kind as ManifestKind,
    mediaType: row.media_type,
    subject: row.subject_digest as Digest | null,
    pushedById: row.pushed_by_id,
    bytes: row.bytes,
  };
}
