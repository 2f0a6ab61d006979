import { AsyncLocalStorage } from 'node:async_hooks';

/** How long the statements of one piece of work wait for the database. */
export interface Patience {
  /** For a lock that another process holds on the file of SQLite, in ms. */
  readonly lockMs: number;
  /** For PostgreSQL to answer one statement, or to give a connection, in ms: it locks rows, and it may be silent. */
  readonly answerMs: number;
}

const patience = new AsyncLocalStorage<Patience>();

/** Does work whose statements wait no longer than this: for an answer that is to come in time or not at all. */
export function withPatience<T>(most: Patience, work: () => Promise<T>): Promise<T> {
  return patience.run(most, work);
}

/** How long the caller's statements may wait; undefined: as long as the database takes. */
export function currentPatience(): Patience | undefined {
  return patience.getStore();
}
