import { AsyncLocalStorage } from 'node:async_hooks';

const patience = new AsyncLocalStorage<number>();

/**
 * Does work whose statements wait no longer than this for a lock of another process: for an answer that is to come in time
 * or not at all. Others' waiting stays as it is. PostgreSQL, which locks rows and not the database, knows nothing of it.
 */
export function withLockPatience<T>(ms: number, work: () => Promise<T>): Promise<T> {
  return patience.run(ms, work);
}

/** How long the caller's statements may wait, in ms; undefined: as long as the database waits. */
export function lockPatience(): number | undefined {
  return patience.getStore();
}
