import { sql } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { type Digest, projectOf } from '../oci/index.ts';
import { type Clock, type Log, timeOfAges } from '../system/index.ts';
import { PULL_WINDOW_ENTRIES_MAX, PULL_WINDOW_MS, PULLS_KEPT_DAYS } from './limits.ts';
import type { RegistryDatabase } from './store.ts';

const DAY_MS = 86_400_000;
/** `2026-11-22T09` of an instant. */
export const HOUR_CHARACTERS = 13;

interface Pull {
  readonly actor: string;
  readonly repository: string;
  readonly reference: string;
  readonly digest: Digest;
  readonly firstMs: number;
  lastMs: number;
  count: number;
}

/**
 * States pulls as `image.pulled` facts, a window of them in one commit. The same pull by the same actor within a window
 * is one fact with its count, so that a client in a loop cannot fill the journal. A crash loses at most the window.
 * The same commit counts them by hour, so that a chart of a year reads no facts.
 */
export class PullRecorder {
  readonly #db: RegistryDatabase;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #log: Log;
  #window = new Map<string, Pull>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #droppedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: { db: RegistryDatabase; journal: Pick<Journal, 'record' | 'committed'>; clock: Clock; log: Log }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  add(actor: string, repository: string, reference: string, digest: Digest): void {
    const key = `${actor} ${repository} ${reference} ${digest}`;
    const known = this.#window.get(key);
    const now = this.#clock.now().getTime();
    if (known !== undefined) {
      known.count += 1;
      known.lastMs = now;
      return;
    }
    this.#window.set(key, { actor, repository, reference, digest, firstMs: now, lastMs: now, count: 1 });
    if (this.#window.size >= PULL_WINDOW_ENTRIES_MAX) void this.flush();
    else this.#timer ??= setTimeout(() => void this.flush(), PULL_WINDOW_MS);
  }

  /** Writes the window; durable when it settles. A failure is logged with what it lost and never fails a pull. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const window = this.#window;
    this.#window = new Map();
    if (window.size > 0) this.#writing = this.#writing.then(() => this.#write([...window.values()]));
    return this.#writing;
  }

  /** Once a day of this process: counts that nobody compares with any more. */
  async #dropOld(tx: RegistryDatabase): Promise<void> {
    const now = timeOfAges(this.#clock).getTime();
    if (now - this.#droppedMs < DAY_MS) return;
    this.#droppedMs = now;
    const oldest = new Date(now - PULLS_KEPT_DAYS * DAY_MS).toISOString().slice(0, HOUR_CHARACTERS);
    await tx.deleteFrom('registry_pulls').where('hour', '<', oldest).execute();
  }

  async #write(pulls: readonly Pull[]): Promise<void> {
    try {
      await this.#db.transaction().execute(async (tx) => {
        for (const { actor, repository, reference, digest, firstMs, lastMs, count } of pulls) {
          await this.#journal.record(tx, {
            kind: 'image.pulled',
            project: projectOf(repository),
            actor,
            subject: reference.includes(':') ? `${repository}@${reference}` : `${repository}:${reference}`,
            digest,
            body: {
              repository,
              firstAt: new Date(firstMs).toISOString(),
              lastAt: new Date(lastMs).toISOString(),
              count,
            },
          });
          await countPulls(tx, { actor, repository, digest, lastMs, count });
        }
        await this.#dropOld(tx);
      });
      this.#journal.committed();
    } catch (error) {
      this.#log.error({ err: error, pulls }, 'pulls could not be written to the journal');
    }
  }
}

async function countPulls(
  tx: RegistryDatabase,
  { actor, repository, digest, lastMs, count }: Pick<Pull, 'actor' | 'repository' | 'digest' | 'lastMs' | 'count'>,
): Promise<void> {
  const lastAt = new Date(lastMs).toISOString();
  const hour = lastAt.slice(0, HOUR_CHARACTERS);
  await tx
    .insertInto('registry_pulls')
    .values({ project: projectOf(repository), repository, digest, hour, actor, pulls: count, last_at: lastAt })
    .onConflict((conflict) =>
      conflict.columns(['project', 'hour', 'repository', 'digest', 'actor']).doUpdateSet({
        pulls: sql<number>`registry_pulls.pulls + excluded.pulls`,
        last_at: lastAt,
      }),
    )
    .execute();
}
