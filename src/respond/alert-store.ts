import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import type { Alert } from '../detect/index.ts';
import { priorityRank } from './alert.ts';
import type { Incident } from './incident.ts';
import { ALERT_COUNT_MAX } from './limits.ts';
import { type RespondTables, toIncident } from './store.ts';

type Db = Kysely<RespondTables>;
/** Rows of ids read at once. */
const COUNTED_ROWS = 5_000;
type IncidentRow = Selectable<RespondTables['respond_incidents']>;

/**
 * The queries of every alert, compiled once: an alert waits for each of them, and building and compiling them each time
 * costs more than running them. The order of the parameters is that of the places in the statement.
 */
export class AlertStore {
  readonly #db: Db;
  readonly #hasAlert: CompiledQuery<{ id: string }>;
  readonly #ofRule: CompiledQuery<{ body: string }>;
  readonly #findOpen: CompiledQuery<IncidentRow>;
  readonly #insert: CompiledQuery;
  readonly #count: CompiledQuery;

  constructor(db: Db) {
    this.#db = db;
    this.#hasAlert = db.selectFrom('respond_alerts').select('id').where('id', '=', '').compile();
    this.#ofRule = db
      .selectFrom('respond_alerts')
      .select('body')
      .where('incident', '=', 0)
      .where('rule', '=', '')
      .compile();
    this.#findOpen = db
      .selectFrom('respond_incidents')
      .selectAll()
      .where('group_key', '=', '')
      .where('state', '!=', '')
      .where('last_alert_at', '>=', '')
      .orderBy('number', 'desc')
      // Part of the statement in every dialect, not a place in it.
      .limit(sql.lit(1))
      .compile();
    this.#insert = db
      .insertInto('respond_alerts')
      .values({ id: '', incident: 0, at: '', rule: '', project: '', host: '', body: '' })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .compile();
    this.#count = db
      .updateTable('respond_incidents')
      .set((eb) => ({
        // No flood takes the number beyond what a column of PostgreSQL holds: whatever came after it could not be stored.
        alert_count: sql<number>`case when alert_count > ${0} then ${0} else alert_count + ${0} end`,
        kept_count: eb('kept_count', '+', 1),
        last_alert_at: '',
        priority: 0,
      }))
      .where('number', '=', 0)
      .compile();
  }

  async hasAlert(tx: Db, id: string): Promise<boolean> {
    const { rows } = await tx.executeQuery({ ...this.#hasAlert, parameters: [id] });
    return rows.length > 0;
  }

  /** The incident that an alert of this group belongs to now, or null. */
  async findOpenIncident(tx: Db, key: string, since: string): Promise<Incident | null> {
    const { rows } = await tx.executeQuery<IncidentRow>({ ...this.#findOpen, parameters: [key, 'closed', since] });
    const [row] = rows;
    return row === undefined ? null : toIncident(row);
  }

  /** False when it was there already. */
  async insertAlert(tx: Db, alert: Alert, incident: number, host: string): Promise<boolean> {
    const project = alert.container?.project ?? null;
    const parameters = [alert.id, incident, alert.at, alert.rule, project, host, JSON.stringify(alert)];
    const { numAffectedRows } = await tx.executeQuery({ ...this.#insert, parameters });
    return Number(numAffectedRows) > 0;
  }

  /** Whether an alert alike, see {@link kindOf}, is kept whole in the incident. */
  async hasKind(tx: Db, incident: number, alert: Alert): Promise<boolean> {
    const { rows } = await tx.executeQuery<{ body: string }>({ ...this.#ofRule, parameters: [incident, alert.rule] });
    return rows.some(({ body }) => kindOf(JSON.parse(body) as Alert) === kindOf(alert));
  }

  /** Which of these are kept whole. */
  async known(tx: Db, ids: readonly string[]): Promise<Set<string>> {
    const rows = await tx.selectFrom('respond_alerts').select('id').where('id', 'in', ids).execute();
    return new Set(rows.map(({ id }) => id));
  }

  /** The ids of the last alerts that were only counted, so many at least, as they were counted together; oldest first. */
  async readCounted(most: number): Promise<{ readonly id: string; readonly ids: readonly string[] }[]> {
    const found: { id: string; ids: string[] }[] = [];
    let known = 0;
    for (let before: string | null = null; known < most; ) {
      let select = this.#db.selectFrom('respond_counted').selectAll();
      if (before !== null) select = select.where('id', '<', before);
      const rows = await select.orderBy('id', 'desc').limit(COUNTED_ROWS).execute();
      for (const row of rows) {
        const ids = row.ids.split(' ');
        found.push({ id: row.id, ids });
        known += ids.length;
      }
      if (rows.length < COUNTED_ROWS) break;
      before = rows.at(-1)?.id ?? null;
    }
    return found.reverse();
  }

  async insertCounted(tx: Db, id: string, ids: Iterable<string>): Promise<void> {
    await tx
      .insertInto('respond_counted')
      .values({ id, ids: [...ids].join(' ') })
      .execute();
  }

  /** This row of them and all before it. */
  async forgetCounted(tx: Db, last: string): Promise<void> {
    await tx.deleteFrom('respond_counted').where('id', '<=', last).execute();
  }

  /** Counts one more alert that is kept; an incident that was contained and goes on is open again. */
  async countAlert(
    tx: Db,
    incident: Incident,
    alert: Alert,
    { kept, now }: { readonly kept: 0 | 1; readonly now: Date },
  ): Promise<{ reopened: boolean }> {
    await this.count(tx, incident, { ...countOf(alert), kept });
    const contained = incident.containedAt ?? '';
    // Contained at a time still to come: the clock was ahead then, and says nothing of what was first.
    const reopened = incident.state === 'contained' && (contained < alert.at || contained > now.toISOString());
    if (reopened) {
      await tx
        .updateTable('respond_incidents')
        .set({ state: 'open', contained_at: null })
        .where('number', '=', incident.number)
        .execute();
    }
    return { reopened };
  }

  /** Adds to the numbers of an incident. */
  async count(tx: Db, incident: Incident, { by, last, worst, kept }: Counted & { kept: number }): Promise<void> {
    const lastAt = Date.parse(last) > Date.parse(incident.lastAlertAt) ? last : incident.lastAlertAt;
    const rank = Math.min(priorityRank(incident.priority), worst);
    const counts = [ALERT_COUNT_MAX - by, ALERT_COUNT_MAX, by, kept];
    await tx.executeQuery({ ...this.#count, parameters: [...counts, lastAt, rank, incident.number] });
  }
}

/** What policies tell alerts apart by: "Denied command" of one policy that was only told is not that of another that was blocked. */
export function kindOf({ rule, priority, tags }: Alert): string {
  return JSON.stringify([rule, priority, tags]);
}

/** What alerts add to the numbers of their incident. */
export interface Counted {
  readonly by: number;
  /** When the last of them was. */
  readonly last: string;
  /** The rank of the worst. */
  readonly worst: number;
}

export function countOf({ count = 1, at, priority }: Alert): Counted {
  return { by: count, last: at, worst: priorityRank(priority) };
}

export function addCounts(one: Counted, other: Counted): Counted {
  return {
    by: Math.min(one.by + other.by, ALERT_COUNT_MAX),
    last: Date.parse(other.last) > Date.parse(one.last) ? other.last : one.last,
    worst: Math.min(one.worst, other.worst),
  };
}
