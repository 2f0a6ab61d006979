/**
 * Shares one slow flush among all who ask while one is under way. Whoever asks waits for a flush that began after the
 * question: one that is under way may have begun before what is to be flushed was written.
 */
export class Flusher {
  readonly #flushNow: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(flushNow: () => Promise<void>) {
    this.#flushNow = flushNow;
  }

  /** Resolves when everything that was written before this call is on disk. @throws what the flush threw */
  flush(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#flushNow().finally(() => {
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
