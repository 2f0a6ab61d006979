/**
 * Shares one slow flush among all who ask while one is under way. Whoever asks waits for a flush that began after the
 * question: one that is under way may have begun before what is to be flushed was written.
 *
 * After a flush that failed none is tried again: the kernel marks the pages that it could not write as clean, so the next
 * one would succeed without them on disk (fsync(2), "EIO"). Everybody from then on is told.
 */
export class Flusher {
  readonly #flushNow: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(flushNow: () => Promise<void>) {
    this.#flushNow = flushNow;
  }

  /** Resolves when everything that was written before this call is on disk. @throws what the flush threw */
  flush(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#running === undefined) {
      this.#running = this.#flushNow()
        .catch((cause: unknown) => {
          const why = cause instanceof Error ? cause.message : String(cause);
          this.#failure = new Error(`not flushed to disk, so nothing is acknowledged until a restart: ${why}`, {
            cause,
          });
          throw this.#failure;
        })
        .finally(() => {
          this.#running = undefined;
        });
      return this.#running;
    }
    this.#next ??= this.#running
      .catch(() => undefined) // told to those who waited for that one
      .then(() => {
        this.#next = undefined;
        return this.flush();
      });
    return this.#next;
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await Promise.allSettled([this.#running, this.#next]);
  }
}
