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

async function createWatches(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registry_watches')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('remote', 'text', (column) => column.notNull().references('registry_remotes.name'))
    .addColumn('repositories', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('newest', 'integer', (column) => column.notNull())
    .addColumn('every_seconds', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('checked_at', 'text')
    .addColumn('state', 'text')
    .addColumn('detail', 'text')
    .addColumn('next_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('registry_watched_images')
    .addColumn('watch', 'text', (column) => column.notNull().references('registry_watches.name').onDelete('cascade'))
    .addColumn('repository', 'text', (column) => column.notNull())
    .addColumn('tag', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('image', 'text')
    .addColumn('first_seen_at', 'text', (column) => column.notNull())
    .addColumn('changed_at', 'text', (column) => column.notNull())
    .addColumn('checked_at', 'text', (column) => column.notNull())
    .addColumn('examination', 'text')
    .addColumn('problem', 'text')
    .addPrimaryKeyConstraint('registry_watched_images_key', ['watch', 'repository', 'tag'])
    .execute();
  await db.schema
    .createIndex('registry_watched_images_by_digest')
    .on('registry_watched_images')
    .column('digest')
    .execute();
  await db.schema
    .createTable('registry_copies')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('place', 'text', (column) => column.notNull())
    .addColumn('project', 'text')
    .addColumn('here', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .addColumn('found_at', 'text', (column) => column.notNull())
    .addColumn('resolved_at', 'text')
    .execute();
  await db.schema
    .createTable('registry_replications')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('remote', 'text', (column) => column.notNull().references('registry_remotes.name'))
    .addColumn('repositories', 'text', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('deletes', 'integer', (column) => column.notNull())
    .addColumn('paused', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('succeeded_at', 'text')
    .execute();
  await db.schema
    .createTable('registry_replication_queue')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('rule', 'text', (column) =>
      column.notNull().references('registry_replications.name').onDelete('cascade'),
    )
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('repository', 'text', (column) => column.notNull())
    .addColumn('tag', 'text')
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('queued_at', 'text', (column) => column.notNull())
    .addColumn('next_at', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('ended_at', 'text')
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('problem', 'text')
    .execute();
  await db.schema
    .createIndex('registry_replication_queue_due')
    .on('registry_replication_queue')
    .columns(['rule', 'state', 'next_at'])
    .execute();
}

export const remoteMigrations: readonly Migration[] = [
  { name: '0005-registry-remotes', up: createRemotes },
  { name: '0006-registry-watches', up: createWatches },
];
