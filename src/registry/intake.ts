import type { Digest } from '../oci/index.ts';
import type { Clock, Log } from '../system/index.ts';
import type { BlobFiles } from './blob-files.ts';
import { CommitTogether } from './commit-together.ts';
import { HELD_BYTES_MAX, INTAKE_BYTES_MAX, INTAKE_MS, SETTLE_TOGETHER_MAX } from './limits.ts';
import { prepared } from './prepared.ts';
import { type BroughtBlob, ensureRepository, linkBlobs, type RegistryDatabase } from './store.ts';

const takeIn = prepared((db: RegistryDatabase, digest: string, bytes: Uint8Array) =>
  db
    .insertInto('registry_intake')
    .values({ digest, bytes })
    .onConflict((conflict) => conflict.column('digest').doNothing()),
);

/** A blob whose file is in place, or which is small and held, to be stated in a repository. */
export interface Arrival {
  readonly repository: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** The bound of the project; null: none. */
  readonly quotaBytes: number | null;
  readonly pushedById: string;
  /** The bytes, when there is no file: they become durable with the commit. */
  readonly small: { readonly bytes: Uint8Array; readonly isNewHere: boolean } | null;
}

/**
 * States that blobs are stored and whose they are, many pushes in one commit. Small content becomes durable with that
 * commit, in `registry_intake`, and is served from memory; a moment later it gets its files, synced together, and the
 * rows go. A crash in between leaves the rows, from which the files are made when the registry opens.
 */
export class BlobIntake {
  readonly #db: RegistryDatabase;
  readonly #files: BlobFiles;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #together: CommitTogether<Arrival>;
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #settling: Promise<void> = Promise.resolve();

  constructor(parts: { db: RegistryDatabase; files: BlobFiles; clock: Clock; log: Log }) {
    this.#db = parts.db;
    this.#files = parts.files;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#together = new CommitTogether((arrivals) => this.#commit(arrivals));
  }

  /**
   * Durable when it returns. Call within `exclusively(digest)`, after the file was placed or the content held.
   * @throws Fault registry.quota-exceeded
   */
  async add(arrival: Arrival): Promise<void> {
    await this.#together.add(arrival);
    if (arrival.small === null) return;
    this.#pendingBytes += arrival.sizeBytes;
    if (this.#pendingBytes >= INTAKE_BYTES_MAX) void this.settle();
    else this.#timer ??= setTimeout(() => void this.settle(), INTAKE_MS).unref();
  }

  /** Waits while more small content is held in memory than may be: files are made slower than content comes. */
  async room(): Promise<void> {
    if (this.#files.heldBytes >= HELD_BYTES_MAX) await this.settle();
  }

  /** Makes the files of what is in the intake and lets its rows go. A failure is logged and tried again with the next. */
  settle(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pendingBytes = 0;
    this.#settling = this.#settling.then(async () => {
      try {
        await this.#settleAll();
      } catch (error) {
        this.#log.error({ err: error }, 'small content could not be synced to its files; the database keeps it');
        this.#timer ??= setTimeout(() => void this.settle(), INTAKE_MS).unref();
      }
    });
    return this.#settling;
  }

  /** @returns for each arrival why it was refused, or null */
  async #commit(arrivals: readonly Arrival[]): Promise<readonly unknown[]> {
    const now = this.#clock.now().toISOString();
    return this.#db.transaction().execute(async (tx) => {
      const ids = new Map<string, string>();
      // In one order, as `linkBlobs` goes on: two that make the same repositories must not wait for each other in a circle.
      const names = [...new Set(arrivals.map(({ repository }) => repository))].sort();
      for (const name of names) ids.set(name, await ensureRepository(tx, name, this.#clock));
      const brought = arrivals.map(({ repository: name, quotaBytes, digest, sizeBytes, pushedById }): BroughtBlob => {
        const repository = { id: ids.get(name) ?? '', name, quotaBytes };
        return { repository, digest, sizeBytes, pushedById };
      });
      const outcomes = await linkBlobs(tx, brought, now);
      for (const [index, { digest, small }] of arrivals.entries()) {
        const isNew = outcomes[index];
        if (small === null || typeof isNew !== 'boolean') continue;
        // Known before, and its file has it: durable already.
        if (!isNew && this.#files.hasFile(digest, small.bytes)) this.#files.letGo(digest);
        else if (isNew || small.isNewHere) await takeIn(tx, digest, small.bytes);
      }
      return outcomes.map((outcome) => (typeof outcome === 'boolean' ? null : outcome));
    });
  }

  async #settleAll(): Promise<void> {
    for (;;) {
      const rows = await this.#db
        .selectFrom('registry_intake')
        .select(['digest', 'bytes'])
        .limit(SETTLE_TOGETHER_MAX)
        .execute();
      if (rows.length === 0) return;
      await this.#files.settle(rows.map(({ digest, bytes }) => ({ digest: digest as Digest, bytes })));
      await this.#db
        .deleteFrom('registry_intake')
        .where(
          'digest',
          'in',
          rows.map((row) => row.digest),
        )
        .execute();
    }
  }
}
