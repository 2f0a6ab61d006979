import { binaryType, type Migration } from '../system/index.ts';

export const deployMigrations: readonly Migration[] = [
  {
    name: '0010-deploy',
    async up(db, kind) {
      await db.schema
        .createTable('deploy_projects')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('deploy_environments')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('position', 'integer', (column) => column.notNull())
        .addColumn('class', 'text', (column) => column.notNull())
        .addColumn('policy', 'text', (column) => column.notNull())
        .addColumn('approvals', 'integer', (column) => column.notNull())
        .addColumn('current_release', 'text')
        .addColumn('stable_release', 'text')
        .addPrimaryKeyConstraint('deploy_environments_key', ['project', 'name'])
        .execute();
      await db.schema
        .createTable('deploy_releases')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('number', 'integer', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('spec_hash', 'text', (column) => column.notNull())
        .addColumn('digests', 'text', (column) => column.notNull())
        .addColumn('verdict', 'text')
        .addColumn('promoted_from', 'text')
        .addColumn('commit_id', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('sealed', binaryType(kind), (column) => column.notNull())
        .addUniqueConstraint('deploy_releases_number', ['project', 'environment', 'number'])
        .execute();
      await db.schema
        .createTable('deploy_promotions')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('from_environment', 'text', (column) => column.notNull())
        .addColumn('to_environment', 'text', (column) => column.notNull())
        .addColumn('source_release', 'text', (column) => column.notNull())
        .addColumn('target_release', 'text')
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('required', 'integer', (column) => column.notNull())
        .addColumn('decisions', 'text', (column) => column.notNull())
        .addColumn('verdict', 'text')
        .addColumn('requested_at', 'text', (column) => column.notNull())
        .addColumn('requested_by', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('deploy_revision')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('revision', 'bigint', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: '0120-deploy-limits',
    async up(db) {
      await db.schema.alterTable('deploy_releases').addColumn('canary', 'integer').execute();
      await db.schema
        .createTable('deploy_maintenance')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('draining', 'integer', (column) => column.notNull())
        .addColumn('disregard_budgets', 'integer', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('since', 'text', (column) => column.notNull())
        .addColumn('since_by', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('deploy_quotas')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('limits', 'text', (column) => column.notNull())
        .addColumn('set_at', 'text', (column) => column.notNull())
        .addColumn('set_by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('deploy_quotas_key', ['project', 'environment'])
        .execute();
    },
  },
  {
    name: '0130-deploy-runs',
    async up(db, kind) {
      await db.schema.alterTable('deploy_releases').addColumn('change', 'text').execute();
      await db.schema
        .createTable('deploy_runs')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('image', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('command', 'text', (column) => column.notNull())
        .addColumn('joined', 'integer', (column) => column.notNull())
        .addColumn('remove', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'text')
        .addColumn('exit_code', 'integer')
        .addColumn('why', 'text')
        .addColumn('sealed', binaryType(kind), (column) => column.notNull())
        .addUniqueConstraint('deploy_runs_name', ['project', 'environment', 'name'])
        .execute();
    },
  },
  {
    name: '0140-deploy-authors',
    async up(db) {
      await db.schema.alterTable('deploy_releases').addColumn('authors', 'text').execute();
      await db.schema.alterTable('deploy_promotions').addColumn('requester', 'text').execute();
    },
  },
  {
    name: '0150-deploy-events',
    async up(db) {
      await db.schema
        .createTable('deploy_events')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('workload', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('trouble', 'integer', (column) => column.notNull())
        .addColumn('replica', 'text')
        .addColumn('text_en', 'text', (column) => column.notNull())
        .addColumn('text_es', 'text', (column) => column.notNull())
        .addColumn('count', 'integer', (column) => column.notNull())
        .addColumn('first_at', 'text', (column) => column.notNull())
        .addColumn('last_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('deploy_events_workload')
        .on('deploy_events')
        .columns(['project', 'environment', 'workload', 'id'])
        .execute();
      await db.schema.createIndex('deploy_events_age').on('deploy_events').column('last_at').execute();
    },
  },
  {
    name: '0160-deploy-availability',
    async up(db) {
      await db.schema.alterTable('deploy_environments').addColumn('availability_millis', 'integer').execute();
      await db.schema
        .createTable('deploy_availability')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('workload', 'text', (column) => column.notNull())
        .addColumn('day', 'text', (column) => column.notNull())
        .addColumn('watched_ms', 'integer', (column) => column.notNull())
        .addColumn('served_ms', 'integer', (column) => column.notNull())
        .addColumn('full_ms', 'integer', (column) => column.notNull())
        .addColumn('maintenance_ms', 'integer', (column) => column.notNull())
        .addPrimaryKeyConstraint('deploy_availability_key', ['project', 'environment', 'workload', 'day'])
        .execute();
    },
  },
  {
    name: '0170-deploy-why',
    async up(db) {
      await db.schema.alterTable('deploy_releases').addColumn('why', 'text').execute();
    },
  },
  {
    name: '0180-deploy-environment-policies',
    async up(db) {
      await db.schema.alterTable('deploy_environments').addColumn('policy_set', 'integer').execute();
      await db.schema
        .createTable('deploy_policy_changes')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('before', 'text', (column) => column.notNull())
        .addColumn('after', 'text', (column) => column.notNull())
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('requested_by', 'text', (column) => column.notNull())
        .addColumn('requester', 'text', (column) => column.notNull())
        .addColumn('requested_at', 'text', (column) => column.notNull())
        .addColumn('decided_by', 'text')
        .addColumn('decided_at', 'text')
        .execute();
      await db.schema
        .createIndex('deploy_policy_changes_place')
        .on('deploy_policy_changes')
        .columns(['project', 'environment', 'id'])
        .execute();
    },
  },
];
