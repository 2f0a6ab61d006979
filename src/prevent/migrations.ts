import type { Migration } from '../system/index.ts';

export interface PreventTables {
  prevent_policies: { name: string; source: string; author: string; at: string };
  prevent_strangers: {
    host: string;
    id: string;
    facts: string;
    found_at: string;
    gone_at: string | null;
    stopped_at: string | null;
    /** Who or what stopped it. */
    stopped_by: string | null;
    outcome: string | null;
  };
  prevent_allowed: {
    id: string;
    image: string | null;
    name: string | null;
    host: string | null;
    reason: string;
    until: string | null;
    author: string;
    at: string;
  };
  /** What a policy's list of packages means in an image. */
  prevent_packages: { policy: string; digest: string; asked: string; revision: string; body: string; at: string };
  prevent_stops: {
    id: string;
    host: string | null;
    environment: string | null;
    image: string | null;
    name: string | null;
    reason: string;
    author: string;
    at: string;
  };
}

export const preventMigrations: readonly Migration[] = [
  {
    name: '0001-prevent',
    async up(db) {
      await db.schema
        .createTable('prevent_policies')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('source', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('prevent_strangers')
        .addColumn('host', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('facts', 'text', (column) => column.notNull())
        .addColumn('found_at', 'text', (column) => column.notNull())
        .addColumn('gone_at', 'text')
        .addColumn('stopped_at', 'text')
        .addColumn('stopped_by', 'text')
        .addColumn('outcome', 'text')
        .addPrimaryKeyConstraint('prevent_strangers_key', ['host', 'id'])
        .execute();
      await db.schema
        .createTable('prevent_allowed')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('image', 'text')
        .addColumn('name', 'text')
        .addColumn('host', 'text')
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('until', 'text')
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('prevent_stops')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('host', 'text')
        .addColumn('environment', 'text')
        .addColumn('image', 'text')
        .addColumn('name', 'text')
        .addColumn('reason', 'text', (column) => column.notNull())
        .addColumn('author', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .execute();
    },
  },
  {
    name: '0002-prevent-packages',
    async up(db) {
      await db.schema
        .createTable('prevent_packages')
        .addColumn('policy', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('asked', 'text', (column) => column.notNull())
        .addColumn('revision', 'text', (column) => column.notNull())
        .addColumn('body', 'text', (column) => column.notNull())
        .addColumn('at', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('prevent_packages_key', ['policy', 'digest'])
        .execute();
    },
  },
];
