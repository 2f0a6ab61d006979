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
];
