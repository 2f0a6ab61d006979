import { sql } from 'kysely';
import type { Migration } from '../system/index.ts';

export const respondMigrations: readonly Migration[] = [
  {
    name: '0001-respond-incidents',
    async up(db) {
      await db.schema
        .createTable('respond_incidents')
        .addColumn('number', 'integer', (column) => column.primaryKey())
        .addColumn('id', 'text', (column) => column.notNull().unique())
        .addColumn('group_key', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('rule', 'text', (column) => column.notNull())
        .addColumn('priority', 'integer', (column) => column.notNull())
        .addColumn('project', 'text')
        .addColumn('environment', 'text')
        .addColumn('workload', 'text')
        .addColumn('container', 'text')
        .addColumn('container_id', 'text')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('digest', 'text')
        .addColumn('alert_count', 'integer', (column) => column.notNull())
        .addColumn('opened_at', 'text', (column) => column.notNull())
        .addColumn('last_alert_at', 'text', (column) => column.notNull())
        .addColumn('acknowledged_at', 'text')
        .addColumn('contained_at', 'text')
        .addColumn('closed_at', 'text')
        .addColumn('owner', 'text')
        .addColumn('decision', 'text')
        .addColumn('reason', 'text')
        .execute();
      await db.schema
        .createIndex('respond_incidents_group')
        .on('respond_incidents')
        .columns(['group_key', 'last_alert_at'])
        .execute();
      await db.schema
        .createTable('respond_alerts')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('incident', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('rule', 'text', (column) => column.notNull())
        .addColumn('project', 'text')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('respond_alerts_incident').on('respond_alerts').columns(['incident', 'id']).execute();
      await db.schema
        .createTable('respond_actions')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('incident', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('target', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'text')
        .addColumn('outcome', 'text')
        .execute();
      await db.schema.createIndex('respond_actions_incident').on('respond_actions').column('incident').execute();
      // Two people who press the button together: the database lets one of them through.
      await db.schema
        .createIndex('respond_actions_running')
        .unique()
        .on('respond_actions')
        .column('incident')
        .where('state' as never, '=', 'running')
        .execute();
      await db.schema
        .createTable('respond_counters')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('value', 'integer', (column) => column.notNull())
        .execute();
      await (db as import('kysely').Kysely<{ respond_counters: { name: string; value: number } }>)
        .insertInto('respond_counters')
        .values({ name: 'incident', value: 0 })
        .execute();
    },
  },
  {
    name: '0002-respond-evidence',
    async up(db) {
      await db.schema
        .createTable('respond_evidence')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('incident', 'integer')
        .addColumn('project', 'text')
        .addColumn('environment', 'text')
        .addColumn('workload', 'text')
        .addColumn('container_id', 'text', (column) => column.notNull())
        .addColumn('digest', 'text')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('taken_by', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('bytes', 'integer', (column) => column.notNull())
        .addColumn('manifest', 'text', (column) => column.notNull())
        .addColumn('receipt', 'text', (column) => column.notNull())
        .addColumn('context', 'text', (column) => column.notNull())
        .addColumn('host_key', 'text', (column) => column.notNull())
        .addColumn('deleted_at', 'text')
        .execute();
      await db.schema
        .createIndex('respond_evidence_incident')
        .on('respond_evidence')
        .columns(['incident', 'id'])
        .execute();
      await db.schema
        .createTable('respond_custody')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('evidence', 'text', (column) => column.notNull().references('respond_evidence.id'))
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('what', 'text', (column) => column.notNull())
        .addColumn('note', 'text')
        .execute();
      await db.schema
        .createIndex('respond_custody_evidence')
        .on('respond_custody')
        .columns(['evidence', 'id'])
        .execute();
    },
  },
  {
    name: '0003-respond-quarantines',
    async up(db) {
      await db.schema
        .createTable('respond_quarantines')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('incident', 'integer')
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('reason', 'text')
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('released_at', 'text')
        .execute();
      // Two who quarantine at once: the database lets one of them through.
      await db.schema
        .createIndex('respond_quarantines_standing')
        .unique()
        .on('respond_quarantines')
        .columns(['project', 'digest'])
        .where('released_at' as never, 'is', null)
        .execute();
    },
  },
  {
    name: '0004-respond-policies',
    async up(db) {
      await db.schema
        .createTable('respond_policies')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .execute();
      // How often a policy acted of late, and what waits: asked when a policy speaks of an alert.
      await db.schema.createIndex('respond_actions_actor').on('respond_actions').columns(['actor', 'at']).execute();
      await db.schema.createIndex('respond_actions_state').on('respond_actions').columns(['state', 'id']).execute();
    },
  },
  {
    name: '0005-respond-notices',
    async up(db) {
      await db.schema
        .createTable('respond_channels')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('settings', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('respond_deliveries')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('channel', 'text', (column) => column.notNull())
        .addColumn('incident', 'integer', (column) => column.notNull())
        .addColumn('event', 'text', (column) => column.notNull())
        .addColumn('notice', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('attempts', 'integer', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('next_at', 'text', (column) => column.notNull())
        .addColumn('error', 'text')
        .execute();
      await db.schema
        .createIndex('respond_deliveries_due')
        .on('respond_deliveries')
        .columns(['state', 'next_at'])
        .execute();
    },
  },
  {
    name: '0006-respond-quarantines-each',
    async up(db) {
      // Each incident holds an image for itself: to release it for one must not release it for another.
      await db.schema.dropIndex('respond_quarantines_standing').execute();
      await db.schema
        .createIndex('respond_quarantines_standing')
        .unique()
        .on('respond_quarantines')
        .columns(['project', 'digest', 'incident'])
        .where('released_at' as never, 'is', null)
        .execute();
    },
  },
  {
    name: '0007-respond-drills',
    async up(db) {
      await db.schema
        .createTable('respond_drills')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'text')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('report', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('respond_drill_plan')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('at', 'text')
        .addColumn('author', 'text', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: '0008-respond-casework',
    async up(db) {
      await db.schema
        .createTable('respond_comments')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('incident', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('text', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('respond_comments_incident')
        .on('respond_comments')
        .columns(['incident', 'id'])
        .execute();
      await db.schema
        .createTable('respond_links')
        .addColumn('one', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('other', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('respond_links_pair', ['one', 'other'])
        .execute();
      await db.schema.createIndex('respond_links_other').on('respond_links').column('other').execute();
      await db.schema
        .createTable('respond_filters')
        .addColumn('owner', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('query', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('respond_filters_name', ['owner', 'name'])
        .execute();
    },
  },
  {
    name: '0009-respond-playbooks',
    async up(db) {
      await db.schema
        .createTable('respond_playbooks')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('respond_playbook_runs')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('playbook', 'text', (column) => column.notNull())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('incident', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('ended_at', 'text')
        .addColumn('steps', 'text', (column) => column.notNull())
        .execute();
      for (const columns of [['incident', 'id'], ['state'], ['actor', 'at']] as const) {
        await db.schema
          .createIndex(`respond_playbook_runs_${columns[0]}`)
          .on('respond_playbook_runs')
          .columns([...columns])
          .execute();
      }
    },
  },
  {
    name: '0010-respond-starters',
    async up(db) {
      await db.schema.alterTable('respond_playbook_runs').addColumn('starter', 'text').execute();
    },
  },
  {
    name: '0011-respond-alerts-by-rule',
    async up(db) {
      await db.schema.createIndex('respond_alerts_rule').on('respond_alerts').columns(['rule', 'id']).execute();
    },
  },
  {
    name: '0012-respond-kept-alerts',
    async up(db) {
      await db.schema
        .alterTable('respond_incidents')
        .addColumn('kept_count', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
      await sql`update respond_incidents set kept_count =
        (select count(*) from respond_alerts where respond_alerts.incident = respond_incidents.number)`.execute(db);
    },
  },
  {
    name: '0013-respond-counted',
    async up(db) {
      await db.schema
        .createTable('respond_counted')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('ids', 'text', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: '0014-respond-steps',
    async up(db) {
      await db.schema
        .createTable('respond_steps')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('incident', 'integer', (column) => column.notNull().references('respond_incidents.number'))
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
      await db.schema.createIndex('respond_steps_incident').on('respond_steps').columns(['incident', 'id']).execute();
    },
  },
  {
    name: '0015-respond-rests',
    async up(db) {
      await db.schema.alterTable('respond_deliveries').addColumn('rest', 'text').execute();
    },
  },
];
