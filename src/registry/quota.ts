import type { Digest } from '../oci/index.ts';
import { projectOf } from '../oci/index.ts';
import type { Clock } from '../system/index.ts';
import { registryFault } from './errors.ts';
import { UPLOAD_KEPT_MS } from './limits.ts';
import { prepared } from './prepared.ts';
import type { RepositorySettingsStore } from './settings.ts';
import type { RegistryDatabase } from './store.ts';

/**
 * What a project stores: the bytes of its manifests, and of each blob that its repositories have, once however many of
 * them share it. Content that projects share counts in each of them, so that one project's bound never depends on what
 * another deletes. Counted in the transaction of each change; a bound is checked there, so pushes at the same moment
 * cannot pass it together.
 */
export interface Usage {
  readonly usedBytes: number;
  readonly quotaBytes: number | null;
}

interface Lease {
  readonly project: string;
  bytes: number;
  touchedMs: number;
}

/** Keeps uploads within the bound of their project while their bytes arrive, before anything is counted. */
export class ProjectQuotas {
  readonly #db: RegistryDatabase;
  readonly #settings: RepositorySettingsStore;
  readonly #clock: Clock;
  /** Bytes of uploads that are not finished, by upload. Lost with a restart: the count at the end still holds. */
  readonly #leases = new Map<string, Lease>();

  constructor(parts: { db: RegistryDatabase; settings: RepositorySettingsStore; clock: Clock }) {
    this.#db = parts.db;
    this.#settings = parts.settings;
    this.#clock = parts.clock;
  }

  async usage(project: string): Promise<Usage> {
    const quotaBytes = await this.#settings.quotaOf(project);
    return { usedBytes: await readUsage(this.#db, project), quotaBytes };
  }

  /** The bound that a change to a repository is counted against. */
  boundOf(repository: string): Promise<number | null> {
    return this.#settings.quotaOf(projectOf(repository));
  }

  /**
   * Takes room for an upload that has `receivedBytes` and expects `moreBytes`, or, where the sender does not say,
   * gives a guard that takes room as bytes come. Null: there is no bound.
   * @throws Fault registry.quota-exceeded before anything is read
   */
  async lease(
    repository: string,
    upload: string,
    size: { readonly receivedBytes: number; readonly moreBytes: number | undefined },
  ): Promise<((totalBytes: number) => void) | null> {
    const project = projectOf(repository);
    const quotaBytes = await this.#settings.quotaOf(project);
    if (quotaBytes === null) return null;
    // What was found damaged is counted and not here: bringing it again takes no new room.
    const usedBytes = (await readUsage(this.#db, project)) - (await readDamaged(this.#db, project));
    this.#forgetOld();
    const take = (totalBytes: number): void => {
      const neededBytes = totalBytes;
      const others = this.#leasedBytes(project, upload);
      if (usedBytes + others + neededBytes > quotaBytes) {
        throw quotaExceeded(project, { usedBytes: usedBytes + others, quotaBytes, neededBytes });
      }
      this.#leases.set(upload, { project, bytes: totalBytes, touchedMs: this.#clock.monotonicMs() });
    };
    take(size.receivedBytes + (size.moreBytes ?? 0));
    return take;
  }

  /** The upload was finished, cancelled or lost. */
  release(upload: string): void {
    this.#leases.delete(upload);
  }

  /** Whether a repository's project has a blob already, so that pushing it again takes no room. */
  async hasBlob(repository: string, digest: Digest): Promise<boolean> {
    return isLinkedInProject(this.#db, projectOf(repository), digest);
  }

  #leasedBytes(project: string, except: string): number {
    let sum = 0;
    for (const [upload, lease] of this.#leases) if (lease.project === project && upload !== except) sum += lease.bytes;
    return sum;
  }

  #forgetOld(): void {
    const before = this.#clock.monotonicMs() - UPLOAD_KEPT_MS;
    for (const [upload, lease] of this.#leases) if (lease.touchedMs < before) this.#leases.delete(upload);
  }
}

const addUsage = prepared((db: RegistryDatabase, project: string, bytes: number) =>
  db
    .updateTable('registry_usage')
    .set((column) => ({ bytes: column('bytes', '+', bytes) }))
    .where('project', '=', project),
);

const addWithin = prepared((db: RegistryDatabase, project: string, bytes: number, mostBefore: number) =>
  db
    .updateTable('registry_usage')
    .set((column) => ({ bytes: column('bytes', '+', bytes) }))
    .where('project', '=', project)
    .where('bytes', '<=', mostBefore),
);

const linkInProject = prepared((db: RegistryDatabase, project: string, digest: string) =>
  db
    .selectFrom('registry_blob_links as l')
    .innerJoin('registry_repositories as r', 'r.id', 'l.repository_id')
    .select('l.digest')
    .where('l.digest', '=', digest)
    .where('r.project', '=', project)
    .limit(1),
);

/**
 * Counts bytes that come to a project or, negative, leave it, within the caller's transaction.
 * @param quotaBytes the bound for bytes that come; null: none
 * @throws Fault registry.quota-exceeded
 */
export async function countUsage(
  tx: RegistryDatabase,
  project: string,
  bytes: number,
  quotaBytes: number | null,
): Promise<void> {
  if (bytes === 0) return;
  // One statement: PostgreSQL holds the row until the transaction ends, so the next one adds to what this one left.
  const add = async (): Promise<boolean> => {
    const isBound = quotaBytes !== null && bytes > 0;
    const { numAffectedRows = 0n } = isBound
      ? await addWithin(tx, project, bytes, quotaBytes - bytes)
      : await addUsage(tx, project, bytes);
    return numAffectedRows > 0n;
  };
  if (await add()) return;
  await tx
    .insertInto('registry_usage')
    .values({ project, bytes: 0 })
    .onConflict((conflict) => conflict.column('project').doNothing())
    .execute();
  if (await add()) return;
  const usedBytes = await readUsage(tx, project);
  throw quotaExceeded(project, { usedBytes, quotaBytes: quotaBytes ?? 0, neededBytes: bytes });
}

/** Whether any repository of a project has a blob. */
export async function isLinkedInProject(db: RegistryDatabase, project: string, digest: string): Promise<boolean> {
  return (await linkInProject(db, project, digest)).rows.length > 0;
}

/** Takes a blob's link out of a repository and out of the count when it was the project's last; false when it was not there. */
export async function unlinkBlob(
  tx: RegistryDatabase,
  link: { readonly repositoryId: string; readonly digest: string; readonly touchedBefore?: string },
): Promise<boolean> {
  let remove = tx
    .deleteFrom('registry_blob_links')
    .where('repository_id', '=', link.repositoryId)
    .where('digest', '=', link.digest);
  if (link.touchedBefore !== undefined) remove = remove.where('touched_at', '<', link.touchedBefore);
  if ((await remove.executeTakeFirst()).numDeletedRows === 0n) return false;
  const row = await tx
    .selectFrom('registry_repositories as r')
    .innerJoin('registry_blobs as b', (join) => join.on('b.digest', '=', link.digest))
    .select(['r.project', 'b.size_bytes'])
    .where('r.id', '=', link.repositoryId)
    .executeTakeFirst();
  if (row !== undefined && !(await isLinkedInProject(tx, row.project, link.digest))) {
    await countUsage(tx, row.project, -Number(row.size_bytes), null);
  }
  return true;
}

async function readUsage(db: RegistryDatabase, project: string): Promise<number> {
  const row = await db.selectFrom('registry_usage').select('bytes').where('project', '=', project).executeTakeFirst();
  return Number(row?.bytes ?? 0);
}

async function readDamaged(db: RegistryDatabase, project: string): Promise<number> {
  const rows = await db
    .selectFrom('registry_damage as d')
    .innerJoin('registry_blobs as b', 'b.digest', 'd.digest')
    .innerJoin('registry_blob_links as l', 'l.digest', 'd.digest')
    .innerJoin('registry_repositories as r', 'r.id', 'l.repository_id')
    .select(['b.digest', 'b.size_bytes'])
    .distinct()
    .where('d.is_open', '=', 1)
    .where('b.damaged_at', 'is not', null)
    .where('r.project', '=', project)
    .execute();
  return rows.reduce((sum, row) => sum + Number(row.size_bytes), 0);
}

function quotaExceeded(
  project: string,
  { usedBytes, quotaBytes, neededBytes }: { usedBytes: number; quotaBytes: number; neededBytes: number },
) {
  return registryFault(
    'registry.quota-exceeded',
    { project, used: formatSize(usedBytes), limit: formatSize(quotaBytes), needed: formatSize(neededBytes) },
    { details: { project, usedBytes, quotaBytes, neededBytes } },
  );
}

/** `12.3 MB`, for messages of clients that print only text. */
export function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
