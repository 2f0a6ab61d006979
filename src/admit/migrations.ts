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
  {
    name: '0003-admit-policies',
    async up(db) {
      await db.schema
        .createTable('admit_policies')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('approver', 'text')
        .addColumn('state', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('admit_policies_name')
        .unique()
        .on('admit_policies')
        .columns(['name', 'revision'])
        .execute();
      await db.schema
        .createTable('admit_admissions')
        .addColumn('key', 'text', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('door', 'text', (column) => column.notNull())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text')
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('policy', 'text', (column) => column.notNull())
        .addColumn('decision', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('admit_admissions_at').on('admit_admissions').column('at').execute();
    },
  },
  {
    name: '0004-admit-host-exceptions',
    async up(db) {
      await db.schema
        .createTable('admit_host_exceptions')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('cves', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('approver', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .addColumn('revoked_at', 'text')
        .addColumn('revoked_by', 'text')
        .addColumn('announced_at', 'text')
        .execute();
    },
  },
];
