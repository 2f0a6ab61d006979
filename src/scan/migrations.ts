import type { ColumnDefinitionBuilder, Kysely } from 'kysely';
import { binaryType, type Migration } from '../system/index.ts';
import { indexFindings } from './found.ts';
import type { ScanReport } from './report.ts';
import type { ScanTables } from './store.ts';

export const scanMigrations: readonly Migration[] = [
  {
    name: '0001-scan',
    async up(db, kind) {
      await db.schema
        .createTable('scan_layers')
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('diff_id', 'text', (column) => column.notNull())
        .addColumn('analysers', 'text', (column) => column.notNull())
        .addColumn('stored_at', 'text', (column) => column.notNull())
        .addColumn('result', binaryType(kind), (column) => column.notNull())
        .addPrimaryKeyConstraint('scan_layers_key', ['digest', 'diff_id'])
        .execute();
      await db.schema
        .createTable('scan_inventories')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('analysers', 'text', (column) => column.notNull())
        .addColumn('taken_at', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('scan_reports')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('advisories', 'text', (column) => column.notNull())
        .addColumn('scanned_at', 'text', (column) => column.notNull())
        .addColumn('complete', 'integer', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: '0002-scan-found',
    async up(db) {
      const text = (column: ColumnDefinitionBuilder) => column.notNull();
      await db.schema
        .createTable('scan_found')
        .addColumn('finding', 'text', text)
        .addColumn('digest', 'text', text)
        .addColumn('risk', 'text', text)
        .addColumn('packages', 'text', text)
        .addPrimaryKeyConstraint('scan_found_key', ['finding', 'digest'])
        .execute();
      await db.schema.createIndex('scan_found_by_image').on('scan_found').column('digest').execute();
      await db.schema
        .createTable('scan_found_names')
        .addColumn('name', 'text', text)
        .addColumn('finding', 'text', text)
        .addPrimaryKeyConstraint('scan_found_names_key', ['name', 'finding'])
        .execute();
      await db.schema.createIndex('scan_found_names_by_finding').on('scan_found_names').column('finding').execute();
      await indexStoredReports(db as Kysely<ScanTables>);
    },
  },
  {
    name: '0003-scan-matched',
    async up(db) {
      await db.schema
        .createTable('scan_matched')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('fingerprint', 'text', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: '0004-scan-vex-deadlines',
    async up(db) {
      const text = (column: ColumnDefinitionBuilder) => column.notNull();
      await db.schema
        .createTable('scan_vex')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', text)
        .addColumn('format', 'text', text)
        .addColumn('document', 'text', text)
        .addColumn('author', 'text', text)
        .addColumn('claims', 'integer', text)
        .addColumn('digest', 'text', text)
        .addColumn('state', 'text', text)
        .addColumn('uploaded_by', 'text', text)
        .addColumn('uploaded_at', 'text', text)
        .addColumn('approver', 'text')
        .addColumn('decided_at', 'text')
        .addColumn('body', 'text', text)
        .execute();
      await db.schema.createIndex('scan_vex_project').on('scan_vex').columns(['project', 'state']).execute();
      await db.schema
        .createTable('scan_deadlines')
        .addColumn('project', 'text', text)
        .addColumn('environment', 'text', text)
        .addColumn('digest', 'text', text)
        .addColumn('finding', 'text', text)
        .addColumn('package', 'text', text)
        .addColumn('decision', 'text', text)
        .addColumn('since', 'text', text)
        .addColumn('due', 'text', text)
        .addColumn('over_at', 'text')
        .addPrimaryKeyConstraint('scan_deadlines_key', ['project', 'environment', 'digest', 'finding', 'package'])
        .execute();
      await db.schema.createIndex('scan_deadlines_due').on('scan_deadlines').columns(['project', 'due']).execute();
    },
  },
  {
    name: '0005-scan-malware-rules',
    async up(db) {
      const text = (column: ColumnDefinitionBuilder) => column.notNull();
      await db.schema
        .createTable('scan_malware')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('revision', 'text', text)
        .addColumn('seen_at', 'text', text)
        .addColumn('body', 'text', text)
        .execute();
      await db.schema
        .createTable('scan_rule_files')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', text)
        .addColumn('kind', 'text', text)
        .addColumn('name', 'text', text)
        .addColumn('version', 'integer', text)
        .addColumn('digest', 'text', text)
        .addColumn('size_bytes', 'integer', text)
        .addColumn('entries', 'integer', text)
        .addColumn('refused', 'text', text)
        .addColumn('state', 'text', text)
        .addColumn('uploaded_by', 'text', text)
        .addColumn('uploaded_at', 'text', text)
        .addColumn('body', 'text', text)
        .execute();
      await db.schema
        .createIndex('scan_rule_files_version')
        .on('scan_rule_files')
        .columns(['project', 'kind', 'name', 'version'])
        .unique()
        .execute();
    },
  },
  {
    name: '0006-scan-asked',
    async up(db, kind) {
      const text = (column: ColumnDefinitionBuilder) => column.notNull();
      await db.schema
        .createTable('scan_asked')
        .addColumn('id', kind === 'sqlite' ? 'integer' : 'serial', (column) =>
          kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.primaryKey(),
        )
        .addColumn('query', 'text', (column) => column.notNull().unique())
        .execute();
      // What the table before held is found out anew by the first match, which reads each inventory once.
      await db.schema.dropTable('scan_matched').execute();
      await db.schema
        .createTable('scan_matched')
        .addColumn('digest', 'text', (column) => column.primaryKey())
        .addColumn('analysers', 'text', text)
        .addColumn('advisories', 'text', text)
        .addColumn('asked', binaryType(kind), text)
        .addColumn('answers', 'text', text)
        .addColumn('news', 'text', text)
        .addColumn('written', 'text', text)
        .execute();
    },
  },
  {
    name: '0007-scan-asked-hashes',
    async up(db, kind) {
      await db.schema.dropTable('scan_asked').execute();
      await db.schema
        .createTable('scan_asked')
        .addColumn('id', kind === 'sqlite' ? 'integer' : 'serial', (column) =>
          kind === 'sqlite' ? column.primaryKey().autoIncrement() : column.primaryKey(),
        )
        .addColumn('hash', 'text', (column) => column.notNull().unique())
        .addColumn('query', 'text', (column) => column.notNull())
        .execute();
      // Their numbers are of the table before; the next match gives them anew.
      await (db as Kysely<ScanTables>).deleteFrom('scan_matched').execute();
    },
  },
  {
    name: '0008-scan-project-secrets',
    async up(db) {
      const text = (column: ColumnDefinitionBuilder) => column.notNull();
      await db.schema
        .createTable('scan_project_secrets')
        .addColumn('project', 'text', text)
        .addColumn('digest', 'text', text)
        .addColumn('revision', 'text', text)
        .addColumn('body', 'text', text)
        .addPrimaryKeyConstraint('scan_project_secrets_key', ['project', 'digest'])
        .execute();
    },
  },
];

/** Reports that were stored before there was an index, a few at a time: their bodies are large. */
async function indexStoredReports(db: Kysely<ScanTables>): Promise<void> {
  let last = '';
  for (;;) {
    const rows = await db
      .selectFrom('scan_reports')
      .select(['digest', 'body'])
      .where('digest', '>', last)
      .orderBy('digest')
      .limit(50)
      .execute();
    for (const { digest, body } of rows) {
      await indexFindings(db, JSON.parse(body) as ScanReport);
      last = digest;
    }
    if (rows.length === 0) return;
  }
}
