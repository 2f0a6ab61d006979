import type { Kysely } from 'kysely';
import { binaryType, type DatabaseKind, type Migration } from '../../system/index.ts';

async function createRemotes(db: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  await db.schema
    .createTable('registry_remotes')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('username', 'text')
    .addColumn('secret', binaryType(kind))
    .addColumn('ca', 'text')
    .addColumn('repositories', 'text', (column) => column.notNull())
    .addColumn('projects', 'text', (column) => column.notNull())
    .addColumn('networks', 'text', (column) => column.notNull())
    .addColumn('token_hosts', 'text', (column) => column.notNull())
    .addColumn('storage_hosts', 'text', (column) => column.notNull())
    .addColumn('offline', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('registry_mirrors')
    .addColumn('prefix', 'text', (column) => column.primaryKey())
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('remote', 'text', (column) => column.notNull().references('registry_remotes.name'))
    .addColumn('upstream', 'text', (column) => column.notNull())
    .addColumn('pull_through', 'integer', (column) => column.notNull())
    .addColumn('repositories', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('platforms', 'text', (column) => column.notNull())
    .addColumn('referrers', 'integer', (column) => column.notNull())
    .addColumn('newest', 'integer')
    .addColumn('every_seconds', 'integer')
    .addColumn('fresh_seconds', 'integer', (column) => column.notNull())
    .addColumn('size_max_bytes', 'bigint', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('synced_at', 'text')
    .addColumn('sync_state', 'text')
    .addColumn('sync_detail', 'text')
    .addColumn('next_sync_at', 'text')
    .execute();
  await db.schema
    .createTable('registry_mirror_tags')
    .addColumn('repository', 'text', (column) => column.notNull())
    .addColumn('tag', 'text', (column) => column.notNull())
    .addColumn('digest', 'text')
    .addColumn('checked_at', 'text', (column) => column.notNull())
    .addColumn('changed_at', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('detail', 'text')
    .addPrimaryKeyConstraint('registry_mirror_tags_key', ['repository', 'tag'])
    .execute();
}

export const remoteMigrations: readonly Migration[] = [{ name: '0005-registry-remotes', up: createRemotes }];
