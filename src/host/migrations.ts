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
  {
    name: '0002-host-rollouts',
    async up(db) {
      await db.schema
        .createTable('host_rollouts')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('plan', 'text', (column) => column.notNull())
        .addColumn('started_at', 'text', (column) => column.notNull())
        .addColumn('started_by', 'text', (column) => column.notNull())
        .execute();
      // The state of a roll-out is the fold of these.
      await db.schema
        .createTable('host_rollout_events')
        .addColumn('rollout', 'text', (column) => column.notNull())
        .addColumn('sequence', 'integer', (column) => column.notNull())
        .addColumn('at_ms', 'bigint', (column) => column.notNull())
        .addColumn('event', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('host_rollout_events_key', ['rollout', 'sequence'])
        .execute();
    },
  },
];
