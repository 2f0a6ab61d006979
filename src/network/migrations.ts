import type { Migration } from '../system/index.ts';

export const networkMigrations: readonly Migration[] = [
  {
    name: '0001-network-flows',
    async up(db) {
      await db.schema
        .createTable('network_flows')
        .addColumn('key', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('workload', 'text', (column) => column.notNull())
        .addColumn('document', 'text', (column) => column.notNull())
        .addColumn('connections', 'bigint', (column) => column.notNull())
        .addColumn('first_at', 'text', (column) => column.notNull())
        .addColumn('last_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('network_flows_workload')
        .on('network_flows')
        .columns(['project', 'environment', 'workload', 'last_at'])
        .execute();
    },
  },
  {
    name: '0002-network-certificates',
    async up(db) {
      await db.schema
        .createTable('network_certificates')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text')
        .addColumn('names', 'text', (column) => column.notNull())
        .addColumn('chain', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .addColumn('issuer', 'text', (column) => column.notNull())
        .addColumn('fingerprint', 'text', (column) => column.notNull())
        .addColumn('not_before', 'text', (column) => column.notNull())
        .addColumn('not_after', 'text', (column) => column.notNull())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('added_at', 'text', (column) => column.notNull())
        .addColumn('added_by', 'text', (column) => column.notNull())
        .addColumn('told_days', 'integer')
        .execute();
      // Settings of the edge and of ACME, each one document by its name; secrets of them are sealed.
      await db.schema
        .createTable('network_settings')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('document', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text')
        .execute();
      await db.schema
        .createTable('network_orders')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text')
        .addColumn('names', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('detail', 'text')
        .addColumn('next_at', 'text', (column) => column.notNull())
        .addColumn('added_at', 'text', (column) => column.notNull())
        .addColumn('added_by', 'text', (column) => column.notNull())
        .execute();
    },
  },
];
