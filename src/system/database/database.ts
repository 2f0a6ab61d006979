import type { Kysely } from 'kysely';
import { defineFaults } from '../fault.ts';

export const databaseFault = defineFaults({
  'system.database-url': {
    kind: 'invalid',
    en: { what: 'the database address is not understood', why: 'expected sqlite:PATH or postgres://…, got {scheme}' },
    es: {
      what: 'no se entiende la dirección de la base de datos',
      why: 'se esperaba sqlite:RUTA o postgres://…, se recibió {scheme}',
    },
  },
  'system.database-locked': {
    kind: 'unavailable',
    en: {
      what: 'the database takes no writes',
      why: 'another process has held its lock for {seconds} s',
      remedy: 'end what holds it open, such as a copy or a shell of SQLite, and try again',
    },
    es: {
      what: 'la base de datos no acepta escrituras',
      why: 'otro proceso tiene su cerrojo desde hace {seconds} s',
      remedy: 'terminar lo que la tiene abierta, como una copia o una consola de SQLite, e intentar de nuevo',
    },
  },
  'system.database-silent': {
    kind: 'unavailable',
    en: {
      what: 'the database does not answer',
      why: 'PostgreSQL has not answered for {seconds} s: it is stopped, out of reach, or waits for a lock that somebody holds',
      remedy: 'see that its server runs and is reached, and which sessions it has (pg_stat_activity), and try again',
    },
    es: {
      what: 'la base de datos no responde',
      why: 'PostgreSQL no ha respondido en {seconds} s: está parado, fuera de alcance o espera un cerrojo que tiene alguien',
      remedy: 'ver que su servidor funciona y se alcanza, y qué sesiones tiene (pg_stat_activity), e intentar de nuevo',
    },
  },
  'system.database-newer': {
    kind: 'conflict',
    en: {
      what: 'the database belongs to a newer version of Dársena',
      why: 'it has the migration {name}, which this version does not know',
      remedy: 'start the newer version again, or restore a backup made before it',
    },
    es: {
      what: 'la base de datos pertenece a una versión más nueva de Dársena',
      why: 'tiene la migración {name}, que esta versión no conoce',
      remedy: 'iniciar de nuevo la versión más nueva o restaurar una copia de seguridad anterior a ella',
    },
  },
});

export type DatabaseKind = 'sqlite' | 'postgres';

/** One step of the schema. Names are unique and sorted: `0001-registry-content`. It runs once, in a transaction. */
export interface Migration {
  readonly name: string;
  up(db: Kysely<unknown>, kind: DatabaseKind): Promise<void>;
}

export interface OpenedDatabase<T> {
  readonly db: Kysely<T>;
  readonly kind: DatabaseKind;
  /**
   * A number that changes whenever a read could give something else; what was derived from reads holds while it stays.
   * Null where that is not known (PostgreSQL, which others write to as well). Writes of other processes to the same
   * file show after a tenth of a second.
   */
  writes(): number | null;
  close(): Promise<void>;
}

interface MigrationTables {
  schema_migrations: { name: string; applied_at: string };
}

/**
 * Opens the database and brings its schema up to date.
 * @param url `sqlite:/path/file.db`, `sqlite::memory:` or `postgres://user@host/name`
 * @throws Fault system.database-url, system.database-newer
 */
export async function openDatabase<T>(url: string, migrations: readonly Migration[]): Promise<OpenedDatabase<T>> {
  const { db, kind, writes } = await connect<T>(url);
  try {
    await migrate(db as unknown as Kysely<MigrationTables>, kind, migrations);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return { db, kind, writes, close: () => db.destroy() };
}

/** Drivers are loaded here and not above: most commands open no database, and these are 300 modules. */
async function connect<T>(url: string): Promise<{ db: Kysely<T>; kind: DatabaseKind; writes: () => number | null }> {
  if (url.startsWith('sqlite:')) {
    const [{ Kysely }, { sqliteDialect, WriteCount }] = await Promise.all([
      import('kysely'),
      import('./sqlite-dialect.ts'),
    ]);
    const count = new WriteCount();
    const dialect = sqliteDialect(url.slice('sqlite:'.length), count);
    return { db: new Kysely<T>({ dialect }), kind: 'sqlite', writes: () => count.read() };
  }
  if (/^postgres(ql)?:\/\//.test(url)) {
    const [{ Kysely, PostgresDialect }, { default: pg }, { CONNECT_MS, LEFT_MS, patientPool }] = await Promise.all([
      import('kysely'),
      import('pg'),
      import('./postgres-pool.ts'),
    ]);
    // int8 comes as text by default; our integers are sizes, counts and milliseconds, all below 2^53.
    const types = new pg.TypeOverrides();
    types.setTypeParser(pg.types.builtins.INT8, Number);
    const pool = new pg.Pool({ connectionString: url, max: 10, types, connectionTimeoutMillis: CONNECT_MS });
    // A connection that drops while nobody uses it is replaced at the next query, which tells its caller if it cannot be.
    pool.on('error', () => undefined);
    // What was given up ends on the server too: each such session would wait on for its lock, until no other is let in. Before
    // PostgreSQL 14 there is no such setting.
    pool.on('connect', (client) => {
      client.query(`set client_connection_check_interval = ${LEFT_MS}`).catch(() => undefined);
    });
    const dialect = new PostgresDialect({ pool: patientPool(pool) });
    return { db: new Kysely<T>({ dialect }), kind: 'postgres', writes: () => null };
  }
  throw databaseFault('system.database-url', { scheme: url.split(':', 1)[0] ?? '' });
}

async function migrate(
  db: Kysely<MigrationTables>,
  kind: DatabaseKind,
  migrations: readonly Migration[],
): Promise<void> {
  const known = [...migrations].sort((a, b) => (a.name < b.name ? -1 : 1));
  await db.transaction().execute(async (tx) => {
    // Two control replicas may start together: the second waits for the first one's migrations.
    const { sql } = await import('kysely');
    if (kind === 'postgres') await sql`select pg_advisory_xact_lock(7446327)`.execute(tx);
    await tx.schema
      .createTable('schema_migrations')
      .ifNotExists()
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('applied_at', 'text', (column) => column.notNull())
      .execute();
    const applied = new Set((await tx.selectFrom('schema_migrations').select('name').execute()).map((row) => row.name));
    for (const name of applied) {
      if (!known.some((migration) => migration.name === name)) throw databaseFault('system.database-newer', { name });
    }
    for (const migration of known) {
      if (applied.has(migration.name)) continue;
      await migration.up(tx as unknown as Kysely<unknown>, kind);
      await tx
        .insertInto('schema_migrations')
        .values({ name: migration.name, applied_at: new Date().toISOString() })
        .execute();
    }
  });
}

/** The column type for bytes: SQLite says blob, PostgreSQL bytea. */
export function binaryType(kind: DatabaseKind): 'blob' | 'bytea' {
  return kind === 'sqlite' ? 'blob' : 'bytea';
}
