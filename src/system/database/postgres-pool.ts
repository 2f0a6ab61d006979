import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type pg from 'pg';
import { databaseFault } from './database.ts';
import { currentPatience } from './patience.ts';

/** How long a connection, a new one or a free one of the pool, may take before who waits for it is told, in ms. A server that is stopped accepts them and says nothing. */
export const CONNECT_MS = 30_000;
/** How soon a session ends whose client has gone, in ms. */
export const LEFT_MS = 2_000;

/**
 * The pool, with statements that wait no longer than the patience of who asks. A connection that did not answer in time is
 * ended, and with it what it was doing: PostgreSQL rolls back what was not committed.
 */
export function patientPool(pool: pg.Pool): PostgresPool {
  return {
    connect: async () => patientClient(await connect(pool)),
    end: () => pool.end(),
  };
}

async function connect(pool: pg.Pool): Promise<pg.PoolClient> {
  const connecting = pool.connect();
  try {
    return await inTime(connecting);
  } catch (error) {
    // It may come when nobody waits for it any more.
    connecting.then(
      (client) => client.release(),
      () => undefined,
    );
    throw error;
  }
}

function patientClient(client: pg.PoolClient): PostgresPoolClient {
  let silent: unknown = null;
  const query = async (...given: unknown[]): Promise<never> => {
    // What follows a statement without an answer, such as the end of its transaction, would wait behind it.
    if (silent !== null) throw silent;
    const asked = (client.query as (...all: unknown[]) => Promise<never>)(...given);
    try {
      return await inTime(asked);
    } catch (error) {
      if (!isSilence(error)) throw error;
      silent = error;
      asked.catch(() => undefined);
      throw error;
    }
  };
  return {
    // Cursors are not asked for: Kysely makes them only where it streams.
    query: query as unknown as PostgresPoolClient['query'],
    release: () => client.release(silent !== null),
  };
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'system.database-silent';
}

/** @throws Fault system.database-silent */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const ms = currentPatience()?.answerMs;
  if (ms === undefined) return work;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(databaseFault('system.database-silent', { seconds: ms / 1000 })), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
