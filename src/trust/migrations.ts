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
];
