import type { Digest } from '../oci/index.ts';
import type { Clock } from '../system/index.ts';
import type { BlobFiles } from './blob-files.ts';
import { GARBAGE_BATCH, GARBAGE_GRACE_MS, UPLOAD_KEPT_MS } from './limits.ts';
import { unlinkBlob } from './quota.ts';
import type { RegistryDatabase } from './store.ts';

export interface Collected {
  readonly uploads: number;
  readonly links: number;
  readonly blobs: number;
  readonly freedBytes: number;
}

/**
 * Removes what nothing refers to, while pushes and pulls go on. Three steps, each in small batches: expired uploads;
 * links that no manifest of their repository needs; blobs without a link, then files without a row (a crash between the
 * two leaves such a file). All of it only after a grace, and a blob's row and file go within `exclusively(digest)`, so
 * that a push of the same content either finds both or stores both again.
 */
export async function collectGarbage(parts: {
  readonly db: RegistryDatabase;
  readonly files: BlobFiles;
  readonly clock: Clock;
  readonly graceMs?: number;
  readonly signal?: AbortSignal;
}): Promise<Collected> {
  const { db, files, clock, graceMs = GARBAGE_GRACE_MS, signal } = parts;
  const before = new Date(clock.now().getTime() - graceMs).toISOString();
  const collected = { uploads: 0, links: 0, blobs: 0, freedBytes: 0 };

  for await (const upload of files.uploads()) {
    signal?.throwIfAborted();
    if (upload.changedMs > clock.now().getTime() - Math.max(graceMs, UPLOAD_KEPT_MS)) continue;
    if (await files.abandon(upload.id)) collected.uploads += 1;
  }

  for (;;) {
    signal?.throwIfAborted();
    const removed = await removeLinks(db, files, before);
    collected.links += removed;
    if (removed === 0) break;
  }

  let last = '';
  for (;;) {
    signal?.throwIfAborted();
    const rows = await db
      .selectFrom('registry_blobs as b')
      .select(['b.digest', 'b.size_bytes'])
      .where('b.digest', '>', last)
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
    last = rows.at(-1)?.digest ?? last;
    if (rows.length < GARBAGE_BATCH) break;
  }

  for await (const blob of files.blobs()) {
    signal?.throwIfAborted();
    if (blob.changedMs > clock.now().getTime() - graceMs) continue;
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
  return collected;
}

async function removeLinks(db: RegistryDatabase, files: BlobFiles, before: string): Promise<number> {
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
  return removed;
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
    await files.remove(digest);
    return true;
  });
}
