import { closeSync, fdatasync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type LimitNode,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  ValueNode,
} from 'kysely';
import { databaseFault } from './database.ts';
import { Flusher } from './flusher.ts';
import { currentPatience } from './patience.ts';

const flushFile = promisify(fdatasync);

/** Prepared statements kept per connection: preparing costs more than running for the short statements of hot paths. */
const STATEMENTS_KEPT = 256;

/**
 * Pages in the log before they go to the database's own file: 16 MB. That is done in this thread and waits for the disk
 * twice; four times the default of SQLite, it comes seldom, and a page that changed often is written once.
 */
const CHECKPOINT_PAGES = 4000;

/**
 * How long a write waits while another process writes to the file. SQLite's own waiting would stop this thread, and with
 * it whatever needs no lock.
 */
const LOCKED_MS = 5_000;
const LOCKED_PAUSE_MS = 20;

/**
 * Kysely over node:sqlite. One connection, one user of it at a time: a transaction holds it until it ends, so callers
 * await nothing but the database inside one.
 */
export function sqliteDialect(
  path: string,
  writes: WriteCount = new WriteCount(),
  lockedMs: number = LOCKED_MS,
): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(path, writes, lockedMs),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new LiteralLimits(),
  };
}

/**
 * Writes a limit into the statement. SQLite plans by the value of a bound one, so it would compile the statement anew each
 * time that it is run (measured: 30 µs).
 */
class LiteralLimits extends SqliteQueryCompiler {
  protected override visitLimit(node: LimitNode): void {
    const { limit } = node;
    if (ValueNode.is(limit) && Number.isSafeInteger(limit.value)) this.append(`limit ${limit.value}`);
    else super.visitLimit(node);
  }
}

/**
 * Counts what may have changed a database, so that an answer derived from it can be kept while the count stands: writes
 * of this process as they commit, and those of others, which are looked for at most this often.
 */
const OTHERS_MS = 100;

export class WriteCount {
  #count = 0;
  #othersVersion: number | null = null;
  #askedMs = 0;
  #database: DatabaseSync | undefined;

  watch(database: DatabaseSync | undefined): void {
    this.#database = database;
    this.#count += 1;
  }

  add(): void {
    this.#count += 1;
  }

  read(): number {
    const now = performance.now();
    if (now - this.#askedMs >= OTHERS_MS) {
      this.#askedMs = now;
      // Changes when another connection has committed to the same file (sqlite.org/pragma.html#pragma_data_version).
      const row = this.#database?.prepare('PRAGMA data_version').get();
      const version = Number(row?.['data_version'] ?? -1);
      if (version !== this.#othersVersion) this.#count += 1;
      this.#othersVersion = version;
    }
    return this.#count;
  }
}

class SqliteDriver implements Driver {
  readonly #path: string;
  readonly #writes: WriteCount;
  readonly #lockedMs: number;
  #open: OpenedFile | undefined;
  #turn: Promise<void> = Promise.resolve();

  constructor(path: string, writes: WriteCount, lockedMs: number) {
    this.#path = path;
    this.#writes = writes;
    this.#lockedMs = lockedMs;
  }

  async init(): Promise<void> {
    const database = new DatabaseSync(this.#path, { timeout: LOCKED_MS });
    // NORMAL leaves the write-ahead log unsynced at a commit; `WriteAheadLog` does that, off this thread,
    // before a commit answers.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}; PRAGMA busy_timeout = 0`);
    this.#writes.watch(database);
    this.#open = {
      database,
      writes: this.#writes,
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      statements: new Map(),
      wal: this.#path === ':memory:' ? null : new WriteAheadLog(`${this.#path}-wal`),
    };
  }

  async acquireConnection(): Promise<SqliteConnection> {
    return new SqliteConnection(() => this.#takeTurn(), await this.#takeTurn(), this.#lockedMs);
  }

  async #takeTurn(): Promise<Turn> {
    const previous = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    await previous;
    if (this.#open === undefined) {
      resolve();
      throw new Error('the SQLite database is closed');
    }
    return { open: this.#open, end: resolve };
  }

  async beginTransaction(connection: SqliteConnection): Promise<void> {
    // IMMEDIATE: the write lock is taken now, not in the middle, where SQLITE_BUSY could not be waited out.
    await connection.whenUnlocked(({ begin }) => begin.run());
  }

  async commitTransaction(connection: SqliteConnection): Promise<void> {
    this.#open?.commit.run();
    this.#writes.add();
    // The next one may work while the disk does; commits that come meanwhile share one flush.
    connection.free();
    await this.#open?.wal?.flush();
  }

  async rollbackTransaction(connection: SqliteConnection): Promise<void> {
    // A failed statement such as SQLITE_FULL may have rolled back already; a commit that could not be flushed has given
    // its turn away, and the transaction that is open now is another's.
    if (connection.hasTurn && this.#open?.database.isTransaction === true) this.#open.database.exec('ROLLBACK');
  }

  async releaseConnection(connection: SqliteConnection): Promise<void> {
    connection.free();
  }

  async destroy(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    this.#writes.watch(undefined);
    await open?.wal?.close();
    open?.database.close();
  }
}

interface OpenedFile {
  readonly database: DatabaseSync;
  readonly writes: WriteCount;
  readonly begin: Statement;
  readonly commit: Statement;
  readonly statements: Map<string, PreparedStatement>;
  /** Null for a database in memory. */
  readonly wal: WriteAheadLog | null;
}

/**
 * The log that a commit is written to. Recovery believes a commit once its record is whole on disk (sqlite.org/wal.html);
 * flushing the log after the commit, and before its caller hears of it, promises as much as `synchronous = FULL` does,
 * and this thread is free meanwhile.
 */
class WriteAheadLog {
  readonly #path: string;
  readonly #flusher = new Flusher(() => this.#flushNow());
  #descriptor: number | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Resolves when what was committed before this call is on disk. */
  flush(): Promise<void> {
    return this.#flusher.flush();
  }

  async close(): Promise<void> {
    await this.#flusher.settled();
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  async #flushNow(): Promise<void> {
    // SQLite made the file before the first commit and keeps it, the same one, while the database is open.
    this.#descriptor ??= openSync(this.#path, 'r');
    await flushFile(this.#descriptor);
  }
}

type Statement = ReturnType<DatabaseSync['prepare']>;

interface PreparedStatement {
  readonly statement: Statement;
  readonly givesRows: boolean;
  readonly writes: boolean;
}

/** SQLITE_BUSY and its kinds (sqlite.org/rescode.html): another process has the lock. */
function isLocked(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

interface Turn {
  readonly open: OpenedFile;
  /** Lets the next one have its turn; again changes nothing. */
  readonly end: () => void;
}

/** One turn on the one connection. */
class SqliteConnection implements DatabaseConnection {
  readonly #takeTurn: () => Promise<Turn>;
  readonly #lockedMs: number;
  #held: Turn;
  hasTurn = true;

  constructor(takeTurn: () => Promise<Turn>, first: Turn, lockedMs: number) {
    this.#takeTurn = takeTurn;
    this.#held = first;
    this.#lockedMs = lockedMs;
  }

  get #open(): OpenedFile {
    return this.#held.open;
  }

  /** Lets the next one have its turn. */
  free(): void {
    this.hasTurn = false;
    this.#held.end();
  }

  /**
   * Does what needs the file's lock. While another process has it the others have their turns, so that what only reads is
   * answered at once.
   * @throws Fault system.database-locked
   */
  async whenUnlocked<T>(work: (open: OpenedFile) => T): Promise<T> {
    const lockedMs = Math.min(this.#lockedMs, currentPatience()?.lockMs ?? Number.POSITIVE_INFINITY);
    for (const end = performance.now() + lockedMs; ; ) {
      try {
        return work(this.#open);
      } catch (error) {
        if (!isLocked(error)) throw error;
        const seconds = lockedMs < 1000 ? lockedMs / 1000 : Math.ceil(lockedMs / 1000);
        if (performance.now() >= end) throw databaseFault('system.database-locked', { seconds }, { cause: error });
      }
      this.free();
      await delay(LOCKED_PAUSE_MS);
      this.#held = await this.#takeTurn();
      this.hasTurn = true;
    }
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, givesRows, writes } = this.#prepare(query.sql);
    const parameters = query.parameters as SQLInputValue[];
    const run = (): QueryResult<R> => {
      // Running is synchronous, so nobody reads between the count and the change.
      if (writes) this.#open.writes.add();
      return givesRows ? { rows: statement.all(...parameters) as R[] } : changesOf<R>(statement.run(...parameters));
    };
    // A transaction has the lock already, and must not give its turn away.
    const result = this.#open.database.isTransaction ? run() : await this.whenUnlocked(run);
    // Outside a transaction each statement is its own commit.
    if (writes && !this.#open.database.isTransaction) await this.#open.wal?.flush();
    return result;
  }

  // Kysely asks for a stream; SQLite answers at once.
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const statement = this.#open.database.prepare(query.sql);
    for (const row of statement.iterate(...(query.parameters as SQLInputValue[]))) yield { rows: [row as R] };
  }

  #prepare(sql: string): PreparedStatement {
    const { statements, database } = this.#open;
    const kept = statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = database.prepare(sql);
    // Asking for the columns costs as much as a short query; they stay the same while the schema does.
    const prepared = {
      statement,
      givesRows: statement.columns().length > 0,
      writes: !/^\s*(select|explain)\b/i.test(sql),
    };
    if (statements.size >= STATEMENTS_KEPT) {
      const oldest = statements.keys().next().value;
      if (oldest !== undefined) statements.delete(oldest);
    }
    statements.set(sql, prepared);
    return prepared;
  }
}

function changesOf<R>({ changes, lastInsertRowid }: ReturnType<Statement['run']>): QueryResult<R> {
  return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
}
