import { type Kysely, type Selectable, sql } from 'kysely';
import type { Migration } from '../system/index.ts';
import type { Grant } from './action.ts';

export interface AccessTables {
  access_users: {
    id: string;
    name: string;
    password_hash: string | null;
    grants: string;
    language: string | null;
    created_at: string;
    last_login_at: string | null;
    state: 'active' | 'disabled';
    /** Rises with each password: what was derived from the former one ends. */
    epoch: number;
  };
  access_codes: { hash: string; user_id: string; expires_at: string };
  access_tokens: {
    id: string;
    hash: string;
    kind: 'session' | 'cli' | 'robot' | 'service';
    name: string;
    user_id: string | null;
    /** The person who made a robot's token: it never does more than they may, and ends with them. */
    owner_id: string | null;
    grants: string | null;
    created_by: string;
    created_at: string;
    expires_at: string;
    last_used_at: string | null;
    /** The robot's token that a robot's certificate was got with, and ends with. */
    parent_id: string | null;
  };
}

export type UserRow = Selectable<AccessTables['access_users']>;
export type TokenRow = Selectable<AccessTables['access_tokens']>;

export const accessMigrations: readonly Migration[] = [
  {
    name: '0003-access',
    async up(db) {
      await db.schema
        .createTable('access_users')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('password_hash', 'text')
        .addColumn('grants', 'text', (column) => column.notNull())
        .addColumn('language', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('last_login_at', 'text')
        .execute();
      await db.schema
        .createTable('access_codes')
        .addColumn('hash', 'text', (column) => column.primaryKey())
        .addColumn('user_id', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('access_tokens')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('hash', 'text', (column) => column.notNull().unique())
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('user_id', 'text')
        .addColumn('grants', 'text')
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .addColumn('last_used_at', 'text')
        .execute();
    },
  },
  {
    name: '0004-access-states',
    async up(db) {
      await db.schema
        .alterTable('access_users')
        .addColumn('state', 'text', (column) => column.notNull().defaultTo('active'))
        .execute();
      await db.schema
        .alterTable('access_users')
        .addColumn('epoch', 'integer', (column) => column.notNull().defaultTo(0))
        .execute();
      await db.schema.alterTable('access_tokens').addColumn('owner_id', 'text').execute();
      // Tokens that were made before owners were kept: their maker is in created_by.
      await sql`
        update access_tokens set owner_id = (
          select id from access_users where 'user:' || access_users.name = access_tokens.created_by
        ) where kind = 'robot'`.execute(db);
    },
  },
  {
    name: '0020-access-certificates',
    async up(db) {
      await db.schema.alterTable('access_tokens').addColumn('parent_id', 'text').execute();
    },
  },
];

export function readGrants(text: string): Grant[] {
  return JSON.parse(text) as Grant[];
}

export function findUser(db: Kysely<AccessTables>, by: 'id' | 'name', value: string): Promise<UserRow | undefined> {
  return db.selectFrom('access_users').selectAll().where(by, '=', value).executeTakeFirst();
}

export function findToken(db: Kysely<AccessTables>, by: 'id' | 'hash', value: string): Promise<TokenRow | undefined> {
  return db.selectFrom('access_tokens').selectAll().where(by, '=', value).executeTakeFirst();
}
