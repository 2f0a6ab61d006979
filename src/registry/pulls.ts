import type { Journal } from '../journal/index.ts';
import { type Digest, projectOf } from '../oci/index.ts';
import type { Clock, Log } from '../system/index.ts';
import { PULL_WINDOW_ENTRIES_MAX, PULL_WINDOW_MS } from './limits.ts';
import type { RegistryDatabase } from './store.ts';

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
 */
export class PullRecorder {
  readonly #db: RegistryDatabase;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #log: Log;
  #window = new Map<string, Pull>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();

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
        }
      });
      this.#journal.committed();
    } catch (error) {
      this.#log.error({ err: error, pulls }, 'pulls could not be written to the journal');
    }
  }
}
