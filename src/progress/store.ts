import type { Kysely } from 'kysely';
import type { Migration } from '../system/index.ts';
import type { Operation } from './operation.ts';

export interface ProgressTables {
  progress_operations: {
    id: string;
    kind: string;
    project: string | null;
    state: string;
    started_at: string;
    document: string;
  };
}

export const progressMigrations: readonly Migration[] = [
  {
    name: '0002-progress',
    async up(db) {
      await db.schema
        .createTable('progress_operations')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('project', 'text')
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('started_at', 'text', (column) => column.notNull())
        .addColumn('document', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('progress_operations_state')
        .on('progress_operations')
        .columns(['state', 'id'])
        .execute();
    },
  },
];

export async function saveOperation(db: Kysely<ProgressTables>, operation: Operation): Promise<void> {
  const { id, kind, project, state, startedAt } = operation;
  const document = JSON.stringify(operation);
  await db
    .insertInto('progress_operations')
    .values({ id, kind, project, state, started_at: startedAt, document })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ state, document }))
    .execute();
}

export async function readOperation(db: Kysely<ProgressTables>, id: string): Promise<Operation | null> {
  const row = await db.selectFrom('progress_operations').select('document').where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : (JSON.parse(row.document) as Operation);
}

export async function listOperations(
  db: Kysely<ProgressTables>,
  query: { readonly projects: '*' | readonly string[]; readonly state?: string; readonly limit: number },
): Promise<Operation[]> {
  let select = db.selectFrom('progress_operations').select('document');
  if (query.projects !== '*') {
    if (query.projects.length === 0) return [];
    select = select.where('project', 'in', query.projects);
  }
  if (query.state !== undefined) select = select.where('state', '=', query.state);
  const rows = await select.orderBy('id', 'desc').limit(query.limit).execute();
  return rows.map((row) => JSON.parse(row.document) as Operation);
}
