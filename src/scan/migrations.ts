import { binaryType, type Migration } from '../system/index.ts';

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
];
