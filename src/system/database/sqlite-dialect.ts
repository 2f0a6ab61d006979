import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';

/** Prepared statements kept per connection: preparing costs more than running for the short statements of hot paths. */
const STATEMENTS_KEPT = 256;

/**
 * Kysely over node:sqlite. One connection, one user of it at a time: a transaction holds it until it ends, so callers
 * await nothing but the database inside one.
 */
export function sqliteDialect(path: string, writes: WriteCount = new WriteCount()): Dialect {
  return {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new SqliteDriver(path, writes),
    createIntrospector: (db) => new SqliteIntrospector(db),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  };
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
  #database: DatabaseSync | undefined;
  #connection: SqliteConnection | undefined;
  #free: Promise<void> = Promise.resolve();
  #release: () => void = () => undefined;

  constructor(path: string, writes: WriteCount) {
    this.#path = path;
    this.#writes = writes;
  }

  async init(): Promise<void> {
    this.#database = new DatabaseSync(this.#path, { timeout: 5_000 });
    // FULL: a committed transaction survives power loss also in WAL mode (sqlite.org/pragma.html#pragma_synchronous).
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;');
    this.#writes.watch(this.#database);
    this.#connection = new SqliteConnection(this.#database, this.#writes);
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    const previous = this.#free;
    let release: () => void = () => undefined;
    this.#free = new Promise((resolve) => {
      release = resolve;
    });
    await previous;
    this.#release = release;
    if (this.#connection === undefined) throw new Error('the SQLite database is closed');
    return this.#connection;
  }

  async beginTransaction(): Promise<void> {
    // IMMEDIATE: the write lock is taken now, not in the middle, where SQLITE_BUSY could not be waited out.
    this.#database?.exec('BEGIN IMMEDIATE');
  }

  async commitTransaction(): Promise<void> {
    this.#database?.exec('COMMIT');
    this.#writes.add();
  }

  async rollbackTransaction(): Promise<void> {
    // A failed statement such as SQLITE_FULL may have rolled back already.
    if (this.#database?.isTransaction === true) this.#database.exec('ROLLBACK');
  }

  async releaseConnection(): Promise<void> {
    this.#release();
  }

  async destroy(): Promise<void> {
    this.#writes.watch(undefined);
    this.#database?.close();
    this.#database = undefined;
    this.#connection = undefined;
  }
}

type Statement = ReturnType<DatabaseSync['prepare']>;

class SqliteConnection implements DatabaseConnection {
  readonly #database: DatabaseSync;
  readonly #writes: WriteCount;
  readonly #statements = new Map<string, { statement: Statement; givesRows: boolean; reads: boolean }>();

  constructor(database: DatabaseSync, writes: WriteCount) {
    this.#database = database;
    this.#writes = writes;
  }

  async executeQuery<R>(query: CompiledQuery): Promise<QueryResult<R>> {
    const { statement, givesRows, reads } = this.#prepare(query.sql);
    const parameters = query.parameters as SQLInputValue[];
    if (reads) return { rows: statement.all(...parameters) as R[] };
    // Running is synchronous, so nobody reads between the count and the change.
    this.#writes.add();
    if (givesRows) return { rows: statement.all(...parameters) as R[] };
    const result = statement.run(...parameters);
    return { rows: [], numAffectedRows: BigInt(result.changes), insertId: BigInt(result.lastInsertRowid) };
  }

  // Kysely asks for a stream; SQLite answers at once.
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    const statement = this.#database.prepare(query.sql);
    for (const row of statement.iterate(...(query.parameters as SQLInputValue[]))) yield { rows: [row as R] };
  }

  #prepare(sql: string): { statement: Statement; givesRows: boolean; reads: boolean } {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    const statement = this.#database.prepare(sql);
    // Asking for the columns costs as much as a short query; they stay the same while the schema does.
    const givesRows = statement.columns().length > 0;
    const prepared = { statement, givesRows, reads: givesRows && /^\s*select\s/i.test(sql) };
    if (this.#statements.size >= STATEMENTS_KEPT) {
      const oldest = this.#statements.keys().next().value;
      if (oldest !== undefined) this.#statements.delete(oldest);
    }
    this.#statements.set(sql, prepared);
    return prepared;
  }
}
