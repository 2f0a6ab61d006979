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
  {
    name: '0003-host-bench',
    async up(db) {
      await db.schema
        .createTable('host_bench')
        .addColumn('host', 'text', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('host_bench_changes')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('check_id', 'text', (column) => column.notNull())
        .addColumn('state_before', 'text', (column) => column.notNull())
        .addColumn('state_after', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('host_bench_changes_key', ['host', 'at', 'check_id'])
        .execute();
      await db.schema
        .createTable('host_bench_exceptions')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('check_id', 'text', (column) => column.notNull())
        // Null: on every host.
        .addColumn('host', 'text')
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('until_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'text')
        .execute();
    },
  },
  {
    name: '0004-host-module-use',
    async up(db) {
      await db.schema
        .createTable('host_module_use')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('module', 'text', (column) => column.notNull())
        .addColumn('first_at', 'text', (column) => column.notNull())
        .addColumn('last_at', 'text', (column) => column.notNull())
        // Null: it was there and nobody used it.
        .addColumn('used_at', 'text')
        .addColumn('boot_id', 'text', (column) => column.notNull())
        .addColumn('boots', 'integer', (column) => column.notNull())
        .addColumn('loads', 'integer', (column) => column.notNull())
        .addColumn('workloads', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('host_module_use_key', ['host', 'module'])
        .execute();
    },
  },
  {
    name: '0005-host-reboots',
    async up(db) {
      await db.schema
        .createTable('host_reboots')
        .addColumn('rollout', 'text', (column) => column.notNull())
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('boot_before', 'text', (column) => column.notNull())
        .addColumn('release_before', 'text', (column) => column.notNull())
        .addColumn('expected', 'text', (column) => column.notNull())
        // Null: not known yet. 0: somebody else had taken it out of service, and it stays so.
        .addColumn('was_serving', 'integer')
        .addColumn('begun_at', 'text', (column) => column.notNull())
        .addColumn('empty_at', 'text')
        .addColumn('ordered_at', 'text')
        .addColumn('back_at', 'text')
        .addColumn('release_after', 'text')
        .addColumn('boot_after', 'text')
        .addColumn('served_at', 'text')
        .addPrimaryKeyConstraint('host_reboots_key', ['rollout', 'host'])
        .execute();
    },
  },
  {
    name: '0006-host-bench-sums',
    async up(db) {
      // The sums of thousands of hosts are asked for without reading what each check said.
      for (const name of ['fails', 'passes', 'blind', 'idle'] as const) {
        await db.schema
          .alterTable('host_bench')
          .addColumn(name, 'integer', (column) => column.notNull().defaultTo(0))
          .execute();
      }
      await db.schema
        .alterTable('host_bench')
        .addColumn('failing', 'text', (column) => column.notNull().defaultTo('[]'))
        .execute();
    },
  },
  {
    name: '0007-host-profiles',
    async up(db) {
      await db.schema
        .createTable('host_profiles')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('workload', 'text', (column) => column.notNull())
        .addColumn('container', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('repository', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('recorded_at', 'text', (column) => column.notNull())
        // Null: not tried yet.
        .addColumn('trial', 'text')
        .addColumn('applied_at', 'text')
        .addPrimaryKeyConstraint('host_profiles_key', ['project', 'workload', 'container', 'digest'])
        .execute();
    },
  },
];
