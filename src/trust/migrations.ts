import { binaryType, type Migration } from '../system/index.ts';

export const trustMigrations: readonly Migration[] = [
  {
    name: '0001-trust-keys',
    async up(db, kind) {
      await db.schema
        .createTable('trust_keys')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('uses', 'text', (column) => column.notNull())
        .addColumn('repositories', 'text', (column) => column.notNull())
        .addColumn('public_key_pem', 'text', (column) => column.notNull())
        .addColumn('sealed', binaryType(kind))
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('revoked_at', 'text')
        .execute();
    },
  },
  {
    name: '0002-trust-policies',
    async up(db) {
      await db.schema
        .createTable('trust_policies')
        .addColumn('version', 'integer', (column) => column.primaryKey())
        .addColumn('document', 'text', (column) => column.notNull())
        .addColumn('signatures', 'text', (column) => column.notNull())
        .addColumn('actor', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema.alterTable('trust_keys').addColumn('valid_from', 'text').execute();
      await db.schema.alterTable('trust_keys').addColumn('valid_until', 'text').execute();
    },
  },
  {
    name: '0003-trust-successors',
    async up(db) {
      await db.schema.alterTable('trust_keys').addColumn('successor', 'text').execute();
    },
  },
];
