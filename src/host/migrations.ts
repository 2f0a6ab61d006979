import type { Migration } from '../system/index.ts';

export const hostMigrations: readonly Migration[] = [
  {
    name: '0001-host-machines',
    async up(db) {
      // Thousands of hosts of one build share all facts but a few: those stand once, by hash.
      await db.schema
        .createTable('host_facts')
        .addColumn('hash', 'text', (column) => column.primaryKey())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('host_machines')
        .addColumn('host', 'text', (column) => column.primaryKey())
        .addColumn('hash', 'text', (column) => column.notNull())
        .addColumn('own', 'text', (column) => column.notNull())
        .addColumn('seen_at', 'text', (column) => column.notNull())
        .addColumn('changed_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('host_machines_hash').on('host_machines').column('hash').execute();
    },
  },
];
