import type { Digest } from '../oci/index.ts';
import { type Clock, timeOfAges } from '../system/index.ts';
import type { BlobFiles } from './blob-files.ts';
import { DAMAGED_KEPT_MS, GARBAGE_BATCH, GARBAGE_GRACE_MS, UPLOAD_KEPT_MS } from './limits.ts';
import { unlinkBlob } from './quota.ts';
import type { RegistryDatabase } from './store.ts';
import { WorkState } from './work-state.ts';

export interface Collected {
  readonly uploads: number;
  readonly links: number;
  readonly blobs: number;
  readonly freedBytes: number;
}

/** The collection's figures: the pass that runs or was cut, and the last one that ended. */
export type CollectionState = {
  /** Where an unfinished pass stands; null between passes. */
  readonly phase: 'uploads' | 'links' | 'blobs' | 'files' | null;
  /** The last blob that was looked at. */
  readonly cursor: string;
  readonly startedAt: string | null;
  readonly collected: {
    readonly uploads: number;
    readonly links: number;
    readonly blobs: number;
    readonly freedBytes: number;
  };
  readonly finishedAt: string | null;
  readonly last: {
    readonly uploads: number;
    readonly links: number;
    readonly blobs: number;
    readonly freedBytes: number;
  } | null;
};

const NOTHING: Collected = { uploads: 0, links: 0, blobs: 0, freedBytes: 0 };
const EMPTY: CollectionState = {
  phase: null,
  cursor: '',
  startedAt: null,
  collected: NOTHING,
  finishedAt: null,
  last: null,
};

export interface CollectionParts {
  readonly db: RegistryDatabase;
  readonly files: BlobFiles;
  readonly clock: Clock;
}

export function collectionState(parts: CollectionParts): WorkState<CollectionState> {
  return new WorkState(parts, 'collection', EMPTY);
}

/**
 * Removes what nothing refers to, while pushes and pulls go on. Steps, each in small batches: expired uploads; links that
 * no manifest of their repository needs; blobs without a link; files without a row (a crash between the two leaves such a
 * file). All of it only after a grace, and a blob's row and file go within `exclusively(digest)`, so that a push of the
 * same content either finds both or stores both again. Where it stands is written down: a pass that was cut goes on.
 */
export async function collectGarbage(
  parts: CollectionParts & {
    readonly graceMs?: number;
    readonly signal?: AbortSignal;
    /** Told after each batch. */
    readonly progress?: (collected: Collected) => void;
  },
): Promise<Collected> {
  const { db, files, clock, graceMs = GARBAGE_GRACE_MS, signal, progress } = parts;
  const work = collectionState(parts);
  const now = timeOfAges(clock).getTime();
  const before = new Date(now - graceMs).toISOString();
  const standing = await work.read();
  let state: CollectionState =
    standing.phase === null
      ? { ...standing, phase: 'uploads', cursor: '', startedAt: clock.now().toISOString(), collected: NOTHING }
      : standing;
  const collected = { ...state.collected };
  const reached = async (phase: CollectionState['phase'], cursor = ''): Promise<void> => {
    state = { ...state, phase, cursor, collected: { ...collected } };
    await work.write(state);
    progress?.(collected);
    // Requests come first: between batches the event loop is theirs.
    await clock.sleep(0);
  };

  if (state.phase === 'uploads') {
    for await (const upload of files.uploads()) {
      signal?.throwIfAborted();
      if (upload.changedMs > now - Math.max(graceMs, UPLOAD_KEPT_MS)) continue;
      if (await files.abandon(upload.id)) collected.uploads += 1;
    }
    await files.removeDamagedBefore(now - DAMAGED_KEPT_MS);
    await reached('links');
  }

  while (state.phase === 'links') {
    signal?.throwIfAborted();
    const { looked, removed } = await removeLinks(db, files, before);
    collected.links += removed;
    await reached(looked === 0 || removed === 0 ? 'blobs' : 'links');
  }

  while (state.phase === 'blobs') {
    signal?.throwIfAborted();
    const rows = await db
      .selectFrom('registry_blobs as b')
      .select(['b.digest', 'b.size_bytes'])
      .where('b.digest', '>', state.cursor)
      .where('b.stored_at', '<', before)
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('registry_blob_links as l').select('l.digest').whereRef('l.digest', '=', 'b.digest'))),
      )
      .orderBy('b.digest')
      .limit(GARBAGE_BATCH)
      .execute();
    for (const row of rows) {
      if (!(await removeBlob(db, files, row.digest as Digest))) continue;
      collected.blobs += 1;
      collected.freedBytes += Number(row.size_bytes);
    }
    const isEnd = rows.length < GARBAGE_BATCH;
    await reached(isEnd ? 'files' : 'blobs', isEnd ? '' : (rows.at(-1)?.digest ?? ''));
  }

  for await (const blob of files.blobs()) {
    signal?.throwIfAborted();
    if (blob.changedMs > now - graceMs) continue;
    await files.exclusively(blob.digest, async () => {
      const row = await db
        .selectFrom('registry_blobs')
        .select('digest')
        .where('digest', '=', blob.digest)
        .executeTakeFirst();
      if (row !== undefined) return;
      const sizeBytes = (await files.size(blob.digest)) ?? 0;
      if (await files.remove(blob.digest)) {
        collected.blobs += 1;
        collected.freedBytes += sizeBytes;
      }
    });
  }
  await work.write({
    ...state,
    phase: null,
    cursor: '',
    collected: { ...collected },
    finishedAt: clock.now().toISOString(),
    last: { ...collected },
  });
  return collected;
}

async function removeLinks(
  db: RegistryDatabase,
  files: BlobFiles,
  before: string,
): Promise<{ looked: number; removed: number }> {
  const stale = await db
    .selectFrom('registry_blob_links as l')
    .select(['l.repository_id', 'l.digest'])
    .where('l.touched_at', '<', before)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('registry_manifest_content as c')
            .select('c.content_digest')
            .whereRef('c.repository_id', '=', 'l.repository_id')
            .whereRef('c.content_digest', '=', 'l.digest'),
        ),
      ),
    )
    .limit(GARBAGE_BATCH)
    .execute();
  let removed = 0;
  for (const { repository_id: repositoryId, digest } of stale) {
    // Asked again with the age: a push that touched the link meanwhile keeps it.
    const isRemoved = await files.exclusively(digest as Digest, () =>
      db.transaction().execute((tx) => unlinkBlob(tx, { repositoryId, digest, touchedBefore: before })),
    );
    if (isRemoved) removed += 1;
  }
  return { looked: stale.length, removed };
}

function removeBlob(db: RegistryDatabase, files: BlobFiles, digest: Digest): Promise<boolean> {
  return files.exclusively(digest, async () => {
    const result = await db
      .deleteFrom('registry_blobs')
      .where('digest', '=', digest)
      .where(({ not, exists, selectFrom }) =>
        not(exists(selectFrom('registry_blob_links as l').select('l.digest').where('l.digest', '=', digest))),
      )
      .executeTakeFirst();
    if (result.numDeletedRows === 0n) return false;
    await db.deleteFrom('registry_damage').where('digest', '=', digest).execute();
    await db.deleteFrom('registry_intake').where('digest', '=', digest).execute();
    await files.remove(digest);
    return true;
  });
}
