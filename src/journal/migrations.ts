import type { Migration } from '../system/index.ts';

export const journalMigrations: readonly Migration[] = [
  {
    name: '0001-journal',
    async up(db) {
      await db.schema
        .createTable('journal_facts')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('seq', 'bigint', (column) => column.unique())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('project', 'text')
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('subject', 'text', (column) => column.notNull())
        .addColumn('digest', 'text')
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('body_hash', 'text')
        .addColumn('hash', 'text')
        .execute();
      await db.schema.createIndex('journal_facts_digest').on('journal_facts').columns(['digest', 'seq']).execute();
      await db.schema.createIndex('journal_facts_project').on('journal_facts').columns(['project', 'seq']).execute();
      await db.schema
        .createTable('journal_checkpoints')
        .addColumn('seq', 'bigint', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('hash', 'text', (column) => column.notNull())
        .addColumn('key_id', 'text', (column) => column.notNull())
        .addColumn('signature', 'text', (column) => column.notNull())
        .execute();
    },
  },
];
