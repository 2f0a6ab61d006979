/** What a database server says of itself and of the database that a URL names. */
export interface DatabaseReport {
  /** As `server_version_num`: 150006 is 15.6. */
  readonly version: number;
  readonly versionText: string;
  /** May the URL's user make tables in the schema that it would use? */
  readonly mayCreate: boolean;
  /** Tables in that schema, sorted. */
  readonly tables: readonly string[];
  /** The only value of `markTable.id`; null when there is no such table or row. */
  readonly mark: string | null;
}

const CONNECT_MS = 10_000;
const QUERY_MS = 10_000;

/** Host, port and name of the database in a URL; never who or with what password. */
export function databasePlace(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `${hostname === '' ? 'localhost' : hostname}:${port === '' ? '5432' : port}${pathname}`;
}

/**
 * Looks at a PostgreSQL database without changing anything in it.
 * @throws the driver's or the server's error, which never holds the password
 */
export async function inspectPostgres(url: string, options: { readonly markTable: string }): Promise<DatabaseReport> {
  const { default: pg } = await import('pg');
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS,
  });
  // A connection that breaks is told by the query that waits.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query('begin transaction read only');
    const {
      rows: [about],
    } = await client.query<{ version: string; text: string; may: boolean | null }>(
      `select current_setting('server_version_num') as version, current_setting('server_version') as text,
         has_schema_privilege(current_schema(), 'create') as may`,
    );
    const { rows } = await client.query<{ name: string }>(
      'select tablename as name from pg_tables where schemaname = current_schema() order by tablename collate "C"',
    );
    const tables = rows.map(({ name }) => name);
    const marks = tables.includes(options.markTable)
      ? await client.query<{ id: string }>(`select id from ${client.escapeIdentifier(options.markTable)} limit 1`)
      : { rows: [] };
    return {
      version: Number(about?.version ?? 0),
      versionText: about?.text ?? '',
      mayCreate: about?.may === true,
      tables,
      mark: marks.rows[0]?.id ?? null,
    };
  } finally {
    await client.end();
  }
}
