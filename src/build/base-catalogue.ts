import type { Kysely } from 'kysely';
import type { Journal } from '../journal/index.ts';
import { isRepositoryName } from '../oci/index.ts';
import type { Clock, Migration } from '../system/index.ts';
import { buildFault } from './errors.ts';
import { RELEASES, type Release } from './releases.ts';

export interface BuildTables {
  build_bases: {
    repository: string;
    tag: string;
    owner: string | null;
    stale_days: number | null;
    support_until: string | null;
    updated_at: string;
    updated_by: string;
  };
}

/** What people say about a base image; everything else is seen from the image itself. */
export interface BaseEntry {
  readonly repository: string;
  readonly tag: string;
  /** Who answers for it: a person or team. Null: nobody does yet. */
  readonly owner: string | null;
  /** Older than this it warns. Null: the default. */
  readonly staleDays: number | null;
  /** Last day (`2028-06-30`) of security support, where its release does not say it. */
  readonly supportUntil: string | null;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

/** A month without Debian's security fixes: what most rules of institutions ask for. */
export const BASE_STALE_DAYS = 30;

/** Base images that people answer for: those made here, and mirrored ones that somebody put on the list. */
export class BaseCatalogue {
  readonly #db: Kysely<BuildTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;

  constructor(parts: { db: Kysely<never>; journal: Pick<Journal, 'record' | 'committed'>; clock: Clock }) {
    this.#db = parts.db as unknown as Kysely<BuildTables>;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  async list(): Promise<readonly BaseEntry[]> {
    const rows = await this.#db.selectFrom('build_bases').selectAll().orderBy('repository').execute();
    return rows.map((row) => ({
      repository: row.repository,
      tag: row.tag,
      owner: row.owner,
      staleDays: row.stale_days,
      supportUntil: row.support_until,
      updatedAt: row.updated_at,
      updatedBy: row.updated_by,
    }));
  }

  /** Puts an image on the list, or changes what is said of it. @throws Fault build.base-request */
  async set(
    repository: string,
    said: { readonly [K in 'tag' | 'owner' | 'staleDays' | 'supportUntil']?: BaseEntry[K] | undefined },
    actor: string,
  ): Promise<void> {
    if (!isRepositoryName(repository) || !repository.includes('/')) {
      throw buildFault('build.base-request', { reason: `"${repository.slice(0, 200)}" is not PROJECT/IMAGE` });
    }
    const known = (await this.list()).find((entry) => entry.repository === repository);
    const row = {
      tag: said.tag ?? known?.tag ?? 'latest',
      owner: said.owner === undefined ? (known?.owner ?? null) : said.owner,
      stale_days: said.staleDays === undefined ? (known?.staleDays ?? null) : said.staleDays,
      support_until: said.supportUntil === undefined ? (known?.supportUntil ?? null) : said.supportUntil,
      updated_at: this.#clock.now().toISOString(),
      updated_by: actor,
    };
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .insertInto('build_bases')
        .values({ repository, ...row })
        .onConflict((conflict) => conflict.column('repository').doUpdateSet(row))
        .execute();
      const { tag, owner, stale_days: staleDays, support_until: supportUntil } = row;
      await this.#journal.record<BuildTables>(tx, {
        kind: 'base.changed',
        project: null,
        actor,
        subject: repository,
        body: { tag, owner, staleDays, supportUntil },
      });
    });
    this.#journal.committed();
  }

  /** Takes an image off the list; the image stays. */
  async remove(repository: string, actor: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('build_bases').where('repository', '=', repository).execute();
      await this.#journal.record<BuildTables>(tx, {
        kind: 'base.removed',
        project: null,
        actor,
        subject: repository,
        body: {},
      });
    });
    this.#journal.committed();
  }
}

/** The release that the name of a base speaks of: `debian-12-nodejs` is of `debian-12`. */
export function releaseOf(name: string): Release | null {
  return RELEASES.find((one) => name === one.name || name.startsWith(`${one.name}-`)) ?? null;
}

export const buildMigrations: readonly Migration[] = [
  {
    name: '0001-build-bases',
    up: async (db) => {
      await db.schema
        .createTable('build_bases')
        .addColumn('repository', 'text', (column) => column.primaryKey())
        .addColumn('tag', 'text', (column) => column.notNull())
        .addColumn('owner', 'text')
        .addColumn('stale_days', 'integer')
        .addColumn('support_until', 'text')
        .addColumn('updated_at', 'text', (column) => column.notNull())
        .addColumn('updated_by', 'text', (column) => column.notNull())
        .execute();
    },
  },
];
