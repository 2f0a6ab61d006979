import { COMMIT_TOGETHER_MAX } from './limits.ts';

interface Waiting<T> {
  readonly item: T;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Lets callers who come at the same time share one commit, and so one wait for the disk: what arrives while a commit
 * runs goes into the next one. A commit that fails, fails all who were in it.
 */
export class CommitTogether<T> {
  readonly #commit: (items: readonly T[]) => Promise<readonly unknown[]>;
  #waiting: Waiting<T>[] = [];
  #running = false;

  /** @param commit gives for each item why it alone was refused, or null */
  constructor(commit: (items: readonly T[]) => Promise<readonly unknown[]>) {
    this.#commit = commit;
  }

  /** Settles when the item is committed or has failed. */
  add(item: T): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ item, done, failed });
      if (this.#running) return;
      this.#running = true;
      // After the other requests that this turn of the event loop has read.
      setImmediate(() => void this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, COMMIT_TOGETHER_MAX);
      try {
        const refusals = await this.#commit(batch.map((one) => one.item));
        for (const [index, one] of batch.entries()) {
          if (refusals[index] === null) one.done();
          else one.failed(refusals[index]);
        }
      } catch (error) {
        for (const one of batch) one.failed(error);
      }
    }
    this.#running = false;
  }
}
