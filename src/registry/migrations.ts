import { type Kysely, type RawBuilder, sql } from 'kysely';
import { binaryType, type DatabaseKind, type Migration } from '../system/index.ts';
import { remoteMigrations } from './remotes/migrations.ts';

/**
 * Names and digests sort by their bytes everywhere: SQLite does so by itself, PostgreSQL by collation "C". Pages of
 * tags are in the order that distribution-spec 1.1 "Listing Tags" asks for ("lexical").
 */
function orderedText(kind: DatabaseKind): RawBuilder<unknown> {
  return kind === 'postgres' ? sql`text collate "C"` : sql`text`;
}

async function createContent(db: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  const text = orderedText(kind);
  await db.schema
    .createTable('registry_repositories')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull().unique())
    .addColumn('project', text, (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('registry_repositories_by_project')
    .on('registry_repositories')
    .columns(['project', 'name'])
    .execute();
  await db.schema
    .createTable('registry_blobs')
    .addColumn('digest', text, (column) => column.primaryKey())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('stored_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('registry_blob_links')
    .addColumn('repository_id', 'text', (column) =>
      column.notNull().references('registry_repositories.id').onDelete('cascade'),
    )
    .addColumn('digest', text, (column) => column.notNull().references('registry_blobs.digest'))
    .addColumn('touched_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('registry_blob_links_key', ['repository_id', 'digest'])
    .execute();
  await db.schema
    .createIndex('registry_blob_links_by_digest')
    .on('registry_blob_links')
    .columns(['digest', 'repository_id'])
    .execute();
  await db.schema
    .createTable('registry_manifests')
    .addColumn('repository_id', 'text', (column) =>
      column.notNull().references('registry_repositories.id').onDelete('cascade'),
    )
    .addColumn('digest', text, (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('media_type', 'text', (column) => column.notNull())
    .addColumn('artifact_type', 'text')
    .addColumn('subject_digest', text)
    .addColumn('annotations', 'text', (column) => column.notNull())
    .addColumn('content_bytes', 'bigint', (column) => column.notNull())
    .addColumn('layers', 'integer', (column) => column.notNull())
    .addColumn('pushed_at', 'text', (column) => column.notNull())
    .addColumn('pushed_by', 'text', (column) => column.notNull())
    .addColumn('pushed_by_id', 'text', (column) => column.notNull())
    .addColumn('bytes', binaryType(kind), (column) => column.notNull())
    .addPrimaryKeyConstraint('registry_manifests_key', ['repository_id', 'digest'])
    .execute();
  await db.schema
    .createIndex('registry_manifests_by_subject')
    .on('registry_manifests')
    .columns(['repository_id', 'subject_digest', 'digest'])
    .execute();
  await db.schema.createIndex('registry_manifests_by_digest').on('registry_manifests').column('digest').execute();
  await db.schema
    .createTable('registry_manifest_content')
    .addColumn('repository_id', 'text', (column) => column.notNull())
    .addColumn('manifest_digest', text, (column) => column.notNull())
    .addColumn('content_digest', text, (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('registry_manifest_content_key', ['repository_id', 'manifest_digest', 'content_digest'])
    .addForeignKeyConstraint(
      'registry_manifest_content_of',
      ['repository_id', 'manifest_digest'],
      'registry_manifests',
      ['repository_id', 'digest'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createIndex('registry_manifest_content_by_content')
    .on('registry_manifest_content')
    .columns(['repository_id', 'content_digest'])
    .execute();
  await db.schema
    .createTable('registry_tags')
    .addColumn('repository_id', 'text', (column) => column.notNull())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('digest', text, (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('registry_tags_key', ['repository_id', 'name'])
    .addForeignKeyConstraint(
      'registry_tags_of',
      ['repository_id', 'digest'],
      'registry_manifests',
      ['repository_id', 'digest'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute();
  await db.schema
    .createIndex('registry_tags_by_digest')
    .on('registry_tags')
    .columns(['repository_id', 'digest'])
    .execute();
}

async function createSettings(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registry_settings')
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('pattern', 'text', (column) => column.notNull())
    .addColumn('anonymous_pull', 'integer')
    .addColumn('immutable_tags', 'text')
    .addColumn('retention', 'text')
    .addColumn('quota_bytes', 'bigint')
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .addColumn('updated_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('registry_settings_key', ['project', 'pattern'])
    .execute();
}

async function createPulls(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registry_pulls')
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('repository', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('hour', 'text', (column) => column.notNull())
    .addColumn('actor', 'text', (column) => column.notNull())
    .addColumn('pulls', 'bigint', (column) => column.notNull())
    .addColumn('last_at', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('registry_pulls_key', ['project', 'hour', 'repository', 'digest', 'actor'])
    .execute();
  await db.schema
    .createIndex('registry_pulls_by_image')
    .on('registry_pulls')
    .columns(['repository', 'digest', 'hour'])
    .execute();
}

async function addUploader(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('registry_blob_links').addColumn('pushed_by_id', 'text').execute();
}

/** Starts the count of what projects store with what is there. */
async function createUsage(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registry_usage')
    .addColumn('project', 'text', (column) => column.primaryKey())
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .execute();
  await sql`
    insert into registry_usage (project, bytes)
    select project, sum(size_bytes) from (
      select distinct r.project as project, b.digest as digest, b.size_bytes as size_bytes
      from registry_blob_links l
      join registry_repositories r on r.id = l.repository_id
      join registry_blobs b on b.digest = l.digest
      union all
      select r.project as project, m.digest as digest, length(m.bytes) as size_bytes
      from registry_manifests m join registry_repositories r on r.id = m.repository_id
    ) stored group by project`.execute(db);
}

async function createUpkeep(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('registry_blobs').addColumn('damaged_at', 'text').execute();
  await db.schema
    .createTable('registry_work')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('updated_at', 'text', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('registry_damage')
    .addColumn('digest', 'text', (column) => column.primaryKey())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('found_at', 'text', (column) => column.notNull())
    .addColumn('repositories', 'text', (column) => column.notNull())
    .addColumn('is_open', 'integer', (column) => column.notNull())
    .addColumn('healed_at', 'text')
    .addColumn('healed_from', 'text')
    .execute();
}

/** Small content on its way to a synced file: BlobIntake. */
async function createIntake(db: Kysely<unknown>, kind: DatabaseKind): Promise<void> {
  await db.schema
    .createTable('registry_intake')
    .addColumn('digest', orderedText(kind), (column) =>
      column.primaryKey().references('registry_blobs.digest').onDelete('cascade'),
    )
    .addColumn('bytes', binaryType(kind), (column) => column.notNull())
    .execute();
}

async function createGrace(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('registry_grace')
    .addColumn('project', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('environment', 'text', (column) => column.notNull())
    .addColumn('started_at', 'text', (column) => column.notNull())
    .addColumn('until_at', 'text', (column) => column.notNull())
    .addColumn('reasons', 'text', (column) => column.notNull())
    .addColumn('over_at', 'text')
    .addPrimaryKeyConstraint('registry_grace_key', ['project', 'digest', 'environment'])
    .execute();
}

export const registryMigrations: readonly Migration[] = [
  ...remoteMigrations,
  { name: '0001-registry-content', up: createContent },
  { name: '0002-registry-settings', up: createSettings },
  { name: '0003-registry-pulls', up: createPulls },
  { name: '0004-registry-uploader', up: addUploader },
  { name: '0005-registry-usage', up: createUsage },
  { name: '0006-registry-upkeep', up: createUpkeep },
  { name: '0007-registry-intake', up: createIntake },
  { name: '0008-registry-grace', up: createGrace },
];
