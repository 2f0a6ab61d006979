import { binaryType, type Migration } from '../system/index.ts';

export const volumeMigrations: readonly Migration[] = [
  {
    name: '0001-volumes',
    async up(db, kind) {
      await db.schema
        .createTable('volumes_classes')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('settings', 'text', (column) => column.notNull())
        .addColumn('set_at', 'text', (column) => column.notNull())
        .addColumn('set_by', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('volumes_claims')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('claim', 'text', (column) => column.notNull())
        .addColumn('class', 'text', (column) => column.notNull())
        .addColumn('driver', 'text', (column) => column.notNull())
        .addColumn('access_modes', 'text', (column) => column.notNull())
        .addColumn('requested_bytes', 'bigint', (column) => column.notNull())
        .addColumn('reclaim', 'text', (column) => column.notNull())
        .addColumn('host', 'text')
        .addColumn('epoch', 'bigint', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('released_at', 'text')
        .addColumn('removal', 'text')
        .addPrimaryKeyConstraint('volumes_claims_key', ['project', 'environment', 'claim'])
        .execute();
      await db.schema
        .createTable('volumes_repositories')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('location', 'text', (column) => column.notNull())
        .addColumn('sealed', binaryType(kind), (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('volumes_copies')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('claim', 'text', (column) => column.notNull())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('repository', 'text')
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('answer', 'text')
        .addColumn('problem', 'text')
        .addColumn('scheduled', 'integer', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('verified_at', 'text')
        .addColumn('verified_same', 'integer')
        .execute();
      await db.schema
        .createIndex('volumes_copies_claim')
        .on('volumes_copies')
        .columns(['project', 'environment', 'claim'])
        .execute();
      await db.schema
        .createTable('volumes_schedules')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('claim', 'text', (column) => column.notNull())
        .addColumn('repository', 'text', (column) => column.notNull())
        .addColumn('cron', 'text', (column) => column.notNull())
        .addColumn('keep', 'text', (column) => column.notNull())
        .addColumn('verify_days', 'integer', (column) => column.notNull())
        .addColumn('next_at', 'text', (column) => column.notNull())
        .addColumn('set_at', 'text', (column) => column.notNull())
        .addColumn('set_by', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('volumes_schedules_key', ['project', 'environment', 'claim'])
        .execute();
    },
  },
  {
    name: '0002-encrypted-volumes',
    async up(db, kind) {
      await db.schema
        .alterTable('volumes_claims')
        .addColumn('sealed', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
      await db.schema
        .alterTable('volumes_copies')
        .addColumn('sealed', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
      // The key of each encrypted claim, sealed by the master key: the one place where it is.
      await db.schema
        .createTable('volumes_keys')
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('environment', 'text', (column) => column.notNull())
        .addColumn('claim', 'text', (column) => column.notNull())
        .addColumn('sealed', binaryType(kind), (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('volumes_keys_key', ['project', 'environment', 'claim'])
        .execute();
    },
  },
  {
    name: '0003-formats',
    async up(db) {
      await db.schema
        .createTable('volumes_formats')
        .addColumn('device', 'text', (column) => column.primaryKey())
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('granted_at', 'text', (column) => column.notNull())
        .execute();
    },
  },
];
