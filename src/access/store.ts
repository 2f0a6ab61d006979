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
    kind: 'session' | 'cli' | 'robot' | 'service' | 'workload';
    name: string;
    user_id: string | null;
    /** The person who made a robot's token: it never does more than they may, and ends with them. */
    owner_id: string | null;
    /** The robot whose secret this is; its rights are looked up there. */
    robot_id: string | null;
    /** The trust rules that a workload's token rests on, as a JSON list: it ends with any of them. */
    rule_ids: string | null;
    grants: string | null;
    created_by: string;
    created_at: string;
    expires_at: string;
    last_used_at: string | null;
    /** The robot's token that a robot's certificate was got with, and ends with. */
    parent_id: string | null;
  };
  /** Programs of a project: they belong to it, not to who made them. */
  access_robots: {
    id: string;
    project: string;
    name: string;
    grants: string;
    state: 'active' | 'disabled';
    expires_at: string;
    created_by: string;
    created_at: string;
  };
  /** Who is believed when they say which workload somebody is: OpenID Connect issuers. */
  access_issuers: {
    id: string;
    name: string;
    url: string;
    audience: string;
    jwks_url: string | null;
    /** Keys that an administrator gave, where the issuer cannot be asked. */
    jwks: string | null;
    ca_pem: string | null;
    networks: string;
    reuse: number;
    created_by: string;
    created_at: string;
  };
  access_trust_rules: {
    id: string;
    project: string;
    name: string;
    issuer_id: string;
    claims: string;
    grants: string;
    minutes: number;
    created_by: string;
    created_at: string;
  };
  /** Tokens of issuers that were shown, by hash, until they run out: none counts twice. */
  access_presented: { hash: string; issuer_id: string; expires_at: string; bound_to: string | null; token_id: string };
}

export type UserRow = Selectable<AccessTables['access_users']>;
export type TokenRow = Selectable<AccessTables['access_tokens']>;
export type RobotRow = Selectable<AccessTables['access_robots']>;
export type IssuerRow = Selectable<AccessTables['access_issuers']>;
export type TrustRuleRow = Selectable<AccessTables['access_trust_rules']>;

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
  {
    name: '0005-access-machines',
    async up(db) {
      await db.schema.alterTable('access_tokens').addColumn('robot_id', 'text').execute();
      await db.schema.alterTable('access_tokens').addColumn('rule_ids', 'text').execute();
      await db.schema
        .createTable('access_robots')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('grants', 'text', (column) => column.notNull())
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addUniqueConstraint('access_robots_name', ['project', 'name'])
        .execute();
      await db.schema
        .createTable('access_issuers')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('url', 'text', (column) => column.notNull())
        .addColumn('audience', 'text', (column) => column.notNull())
        .addColumn('jwks_url', 'text')
        .addColumn('jwks', 'text')
        .addColumn('ca_pem', 'text')
        .addColumn('networks', 'text', (column) => column.notNull())
        .addColumn('reuse', 'integer', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('access_trust_rules')
        .addColumn('id', 'text', (column) => column.primaryKey())
        .addColumn('project', 'text', (column) => column.notNull())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('issuer_id', 'text', (column) => column.notNull())
        .addColumn('claims', 'text', (column) => column.notNull())
        .addColumn('grants', 'text', (column) => column.notNull())
        .addColumn('minutes', 'integer', (column) => column.notNull())
        .addColumn('created_by', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addUniqueConstraint('access_trust_rules_name', ['project', 'name'])
        .execute();
      await db.schema
        .createTable('access_presented')
        .addColumn('hash', 'text', (column) => column.primaryKey())
        .addColumn('issuer_id', 'text', (column) => column.notNull())
        .addColumn('expires_at', 'text', (column) => column.notNull())
        .addColumn('bound_to', 'text')
        .addColumn('token_id', 'text', (column) => column.notNull())
        .execute();
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

export function findRobot(
  db: Kysely<AccessTables>,
  by: { readonly id: string } | { readonly project: string; readonly name: string },
): Promise<RobotRow | undefined> {
  const query = db.selectFrom('access_robots').selectAll();
  return 'id' in by
    ? query.where('id', '=', by.id).executeTakeFirst()
    : query.where('project', '=', by.project).where('name', '=', by.name).executeTakeFirst();
}

/** Whether every one of these trust rules is still there. */
export async function haveRules(db: Kysely<AccessTables>, ids: readonly string[]): Promise<boolean> {
  if (ids.length === 0) return false;
  const rows = await db.selectFrom('access_trust_rules').select('id').where('id', 'in', ids).execute();
  return rows.length === ids.length;
}
