import type { Journal } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import { type Clock, type Text, timeOfAges } from '../system/index.ts';
import type { RegistryDatabase } from './store.ts';

const DAY_MS = 86_400_000;

/**
 * How long an image that already runs may go on after a new advisory or policy refuses it, by the class of the
 * environment: the more is at stake, the sooner it has to be replaced. Long enough for a working week-end in production.
 */
export const GRACE_DAYS: Readonly<Record<'development' | 'pre-production' | 'production', number>> = {
  development: 14,
  'pre-production': 7,
  production: 3,
};

/** A deadline that passed is shown so long; by then the image was replaced. */
const OVER_KEPT_DAYS = 90;

/** A refused image with a deadline: until then who already runs it may pull and start it again. */
export interface Grace {
  readonly project: string;
  readonly digest: Digest;
  /** Where it runs; null: pulls of it, until the last of its environments is over. */
  readonly environment: string | null;
  readonly startedAt: string;
  readonly until: string;
  /** Why it is refused. */
  readonly reasons: readonly Text[];
  /** When the deadline passed and was told; null before. */
  readonly overAt: string | null;
}

/** Deadlines of images that ran when they were refused. Each begin, end and deadline is a fact. */
export class Graces {
  readonly #db: RegistryDatabase;
  readonly #clock: Clock;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;

  constructor(parts: { db: RegistryDatabase; clock: Clock; journal: Pick<Journal, 'record' | 'committed'> }) {
    this.#db = parts.db;
    this.#clock = parts.clock;
    this.#journal = parts.journal;
  }

  /** The grace of an image in a place, also one that is over; null when it never had one since it was last allowed. */
  async find(project: string, digest: Digest, environment: string | null): Promise<Grace | null> {
    const row = await this.#db
      .selectFrom('registry_grace')
      .selectAll()
      .where('project', '=', project)
      .where('digest', '=', digest)
      .where('environment', '=', environment ?? '')
      .executeTakeFirst();
    return row === undefined ? null : toGrace(row);
  }

  /** Of environments, what ends first coming first. */
  async ofEnvironments(query: { projects: readonly string[] | '*'; digest?: Digest; limit: number }): Promise<Grace[]> {
    const { projects, digest, limit } = query;
    if (projects !== '*' && projects.length === 0) return [];
    let select = this.#db.selectFrom('registry_grace').selectAll().where('environment', '<>', '');
    if (projects !== '*') select = select.where('project', 'in', [...projects]);
    if (digest !== undefined) select = select.where('digest', '=', digest);
    return (await select.orderBy('until_at').limit(limit).execute()).map(toGrace);
  }

  /** Of a project, what ends first coming first. */
  async list(project: string): Promise<Grace[]> {
    const rows = await this.#db
      .selectFrom('registry_grace')
      .selectAll()
      .where('project', '=', project)
      .orderBy('until_at')
      .limit(1000)
      .execute();
    return rows.map(toGrace);
  }

  /** Begins a grace; one that is there already stays as it is, so that no deadline moves by asking again. */
  async begin(wanted: Pick<Grace, 'project' | 'digest' | 'environment' | 'until' | 'reasons'>): Promise<Grace> {
    const { project, digest, environment, until, reasons } = wanted;
    const known = await this.find(project, digest, environment);
    if (known !== null) return known;
    const startedAt = this.#clock.now().toISOString();
    await this.#db.transaction().execute(async (tx) => {
      const { numInsertedOrUpdatedRows } = await tx
        .insertInto('registry_grace')
        .values({
          project,
          digest,
          environment: environment ?? '',
          started_at: startedAt,
          until_at: until,
          reasons: JSON.stringify(reasons),
          over_at: null,
        })
        .onConflict((conflict) => conflict.columns(['project', 'digest', 'environment']).doNothing())
        .executeTakeFirst();
      if ((numInsertedOrUpdatedRows ?? 0n) > 0n) await this.#record(tx, 'image.grace-started', wanted);
    });
    this.#journal.committed();
    return { ...wanted, startedAt, overAt: null };
  }

  /** The image is allowed again: a later refusal begins anew. */
  async end(project: string, digest: Digest, environment: string | null): Promise<void> {
    const known = await this.find(project, digest, environment);
    if (known === null) return;
    await this.#db.transaction().execute(async (tx) => {
      await tx
        .deleteFrom('registry_grace')
        .where('project', '=', project)
        .where('digest', '=', digest)
        .where('environment', '=', environment ?? '')
        .execute();
      await this.#record(tx, 'image.grace-ended', known);
    });
    this.#journal.committed();
  }

  /** Tells each deadline that has passed, once, and forgets old ones. @returns what is over by now and was not before */
  async tellOver(): Promise<Grace[]> {
    const now = this.#clock.now().toISOString();
    const forgotten = new Date(timeOfAges(this.#clock).getTime() - OVER_KEPT_DAYS * DAY_MS).toISOString();
    await this.#db.deleteFrom('registry_grace').where('over_at', '<', forgotten).execute();
    const rows = await this.#db
      .selectFrom('registry_grace')
      .selectAll()
      .where('until_at', '<=', now)
      .where('over_at', 'is', null)
      .limit(1000)
      .execute();
    for (const row of rows) {
      await this.#db.transaction().execute(async (tx) => {
        await tx
          .updateTable('registry_grace')
          .set({ over_at: now })
          .where('project', '=', row.project)
          .where('digest', '=', row.digest)
          .where('environment', '=', row.environment)
          .execute();
        await this.#record(tx, 'image.grace-over', toGrace(row));
      });
    }
    if (rows.length > 0) this.#journal.committed();
    return rows.map(toGrace);
  }

  async #record(
    tx: RegistryDatabase,
    kind: 'image.grace-started' | 'image.grace-ended' | 'image.grace-over',
    grace: Pick<Grace, 'project' | 'digest' | 'environment' | 'until' | 'reasons'>,
  ): Promise<void> {
    const { project, digest, environment, until, reasons } = grace;
    await this.#journal.record(tx, {
      kind,
      project,
      actor: 'platform',
      subject: environment === null ? `${project}@${digest}` : `${project}/${environment}@${digest}`,
      digest,
      body: { environment, until, reasons: reasons.map(({ en, es }) => ({ en, es })) },
    });
  }
}

/** The deadline of what is refused now. */
export function graceUntil(environment: keyof typeof GRACE_DAYS, now: Date): string {
  return new Date(now.getTime() + GRACE_DAYS[environment] * DAY_MS).toISOString();
}

function toGrace(row: {
  project: string;
  digest: string;
  environment: string;
  started_at: string;
  until_at: string;
  reasons: string;
  over_at: string | null;
}): Grace {
  return {
    project: row.project,
    digest: row.digest as Digest,
    environment: row.environment === '' ? null : row.environment,
    startedAt: row.started_at,
    until: row.until_at,
    reasons: JSON.parse(row.reasons) as Text[],
    overAt: row.over_at,
  };
}
