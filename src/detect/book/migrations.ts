import type { Migration } from '../../system/index.ts';

export const detectMigrations: readonly Migration[] = [
  {
    name: '0001-detect-rule-book',
    async up(db) {
      await db.schema
        .createTable('detect_rule_files')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('text', 'text', (column) => column.notNull())
        .addColumn('project', 'text')
        .addColumn('environment', 'text')
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('applied_at', 'text', (column) => column.notNull())
        .addColumn('place', 'integer', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('detect_tunings')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('rule', 'text', (column) => column.notNull())
        .addColumn('project', 'text')
        .addColumn('environment', 'text')
        .addColumn('workload', 'text')
        .addColumn('condition', 'text')
        .addColumn('until', 'text')
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('made_at', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'text')
        .addColumn('ended_by', 'text')
        .execute();
    },
  },
];
