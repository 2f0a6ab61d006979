import type { Migration } from '../system/index.ts';

export const admitMigrations: readonly Migration[] = [
  {
    name: '0001-admit-verdicts',
    async up(db) {
      await db.schema
        .createTable('admit_verdicts')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('door', 'text', (column) => column.notNull())
        .addColumn('decision', 'text', (column) => column.notNull())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text')
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('spec_hash', 'text')
        .addColumn('policy', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('admit_verdicts_digest')
        .on('admit_verdicts')
        .columns(['project', 'digest', 'id'])
        .execute();
      await db.schema
        .createTable('admit_exceptions')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text')
        .addColumn('rule', 'text', (column) => column.notNull())
        .addColumn('subject', 'text')
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('approver', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('admit_exceptions_digest')
        .on('admit_exceptions')
        .columns(['project', 'digest'])
        .execute();
    },
  },
  {
    name: '0002-admit-exception-scope',
    async up(db) {
      for (const column of ['repository', 'package', 'revoked_at', 'revoked_by', 'announced_at']) {
        await db.schema.alterTable('admit_exceptions').addColumn(column, 'text').execute();
      }
    },
  },
];
