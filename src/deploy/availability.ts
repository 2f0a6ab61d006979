import type { Kysely } from 'kysely';
import { type Clock, timeOfAges } from '../system/index.ts';
import type { EnvironmentClass } from './deployments.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { AVAILABILITY_GAP_MS, AVAILABILITY_KEPT_DAYS } from './limits.ts';
import { formatKey } from './model.ts';
import type { DeployTables } from './store.ts';

/** Times of one place, in seconds; `watched` holds the others. */
export interface AvailabilityTimes {
  /** The host told what runs, and there was something that should serve. */
  readonly watchedSeconds: number;
  /** At least one replica of every workload was ready. */
  readonly servedSeconds: number;
  /** Every wanted replica was ready. */
  readonly fullSeconds: number;
  /** Not served while hosts were in maintenance: somebody's wish and no failure. */
  readonly maintenanceSeconds: number;
}

export interface EnvironmentAvailability extends AvailabilityTimes {
  readonly environment: string;
  readonly class: EnvironmentClass;
  /** Percent of the watched time that it should serve, as the project file says; null: nothing was stated. */
  readonly objective: number | null;
  readonly days: number;
  /** Percent of the watched time without maintenance that it served; null: it was not watched. */
  readonly served: number | null;
  readonly downSeconds: number;
  /** What the objective leaves to be down of the time watched so far; null without an objective. */
  readonly allowedSeconds: number | null;
  /** Whether it served less than stated; null: nothing was stated or watched. */
  readonly missed: boolean | null;
  /** The days that were watched, UTC, the oldest first. */
  readonly byDay: readonly { readonly day: string; readonly watchedSeconds: number; readonly downSeconds: number }[];
  /** Workloads without a ready replica for a time, the longest first. */
  readonly down: readonly { readonly workload: string; readonly downSeconds: number }[];
}

/** The row of an environment as a whole. */
const WHOLE = '';
const DAY_MS = 24 * 3_600_000;
const RUNS_TO_AN_END: ReadonlySet<WorkloadStatus['phase']> = new Set(['running', 'completed', 'scheduled']);
/** Of these nobody expects an answer. */
const RESTS: ReadonlySet<WorkloadStatus['phase']> = new Set(['stopped', 'suspended']);

interface Counted {
  watched: number;
  served: number;
  full: number;
  maintenance: number;
}

interface Place {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly day: string;
}

/** What availability is measured on. */
export interface Watched {
  /** What hosts said last; null: none is in touch, or none has told all that runs yet. */
  readonly statuses: readonly WorkloadStatus[] | null;
  readonly isMaintenance: boolean;
}

/**
 * Measures how long environments serve, each workload from the first time that it did: a release that adds one does not
 * count as a failure. Time that nobody watched (control or the host was away) is no part of it, in neither direction: the
 * views say how much was watched.
 */
export class Availability {
  readonly #db: Kysely<DeployTables>;
  readonly #clock: Clock;
  readonly #watch: () => Promise<Watched>;
  readonly #counted = new Map<string, { readonly place: Place; readonly counted: Counted }>();
  /** Workloads that have served, by `formatKey`; null: not read yet. */
  #began: Set<string> | null = null;
  #lastMs: number | null = null;
  #prunedDay = '';

  constructor(options: {
    readonly db: Kysely<DeployTables>;
    readonly clock: Clock;
    readonly watch: () => Promise<Watched>;
  }) {
    this.#db = options.db;
    this.#clock = options.clock;
    this.#watch = options.watch;
  }

  /** Counts the time since the last look as what is the case now. */
  async look(): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    const passedMs = this.#lastMs === null ? 0 : nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    const { statuses, isMaintenance } = await this.#watch();
    // After a longer gap (a machine that slept) nobody knows what was in it.
    if (statuses === null || passedMs <= 0 || passedMs > AVAILABILITY_GAP_MS) return;
    this.#began ??= await this.#readBegan();
    const day = this.#clock.now().toISOString().slice(0, 10);
    const environments = new Map<string, WorkloadStatus[]>();
    for (const status of statuses.filter(shouldServe)) {
      const { key, ready } = status;
      if (ready > 0) this.#began.add(formatKey(key));
      if (!this.#began.has(formatKey(key))) continue;
      const place = `${key.project}/${key.environment}`;
      const others = environments.get(place);
      if (others === undefined) environments.set(place, [status]);
      else others.push(status);
    }
    for (const mine of environments.values()) {
      const { project, environment } = (mine[0] as WorkloadStatus).key;
      const add = (workload: string, served: boolean, full: boolean): void => {
        const counted = this.#of({ project, environment, workload, day });
        counted.watched += passedMs;
        if (served) counted.served += passedMs;
        else if (isMaintenance) counted.maintenance += passedMs;
        if (full) counted.full += passedMs;
      };
      for (const { key, ready, wanted } of mine) add(key.name, ready > 0, ready >= wanted);
      add(
        WHOLE,
        mine.every(({ ready }) => ready > 0),
        mine.every(({ ready, wanted }) => ready >= wanted),
      );
    }
  }

  async #readBegan(): Promise<Set<string>> {
    const rows = await this.#db
      .selectFrom('deploy_availability')
      .select(['project', 'environment', 'workload'])
      .where('workload', '!=', WHOLE)
      .where('served_ms', '>', 0)
      .distinct()
      .execute();
    return new Set(rows.map(({ project, environment, workload: name }) => formatKey({ project, environment, name })));
  }

  #of(place: Place): Counted {
    const name = `${place.project}/${place.environment}/${place.workload}/${place.day}`;
    const known = this.#counted.get(name);
    if (known !== undefined) return known.counted;
    const counted = { watched: 0, served: 0, full: 0, maintenance: 0 };
    this.#counted.set(name, { place, counted });
    return counted;
  }

  /** Writes down what was counted, in one transaction. What is not written when the program is killed was not watched. */
  async write(): Promise<void> {
    const all = [...this.#counted.values()];
    const today = this.#clock.now().toISOString().slice(0, 10);
    if (all.length === 0) return;
    this.#counted.clear();
    try {
      await this.#db.transaction().execute(async (tx) => {
        for (const { place, counted } of all) {
          const { project, environment, workload, day } = place;
          const values = {
            watched_ms: Math.round(counted.watched),
            served_ms: Math.round(counted.served),
            full_ms: Math.round(counted.full),
            maintenance_ms: Math.round(counted.maintenance),
          };
          await tx
            .insertInto('deploy_availability')
            .values({ project, environment, workload, day, ...values })
            .onConflict((conflict) =>
              conflict.columns(['project', 'environment', 'workload', 'day']).doUpdateSet((one) => ({
                watched_ms: one('deploy_availability.watched_ms', '+', values.watched_ms),
                served_ms: one('deploy_availability.served_ms', '+', values.served_ms),
                full_ms: one('deploy_availability.full_ms', '+', values.full_ms),
                maintenance_ms: one('deploy_availability.maintenance_ms', '+', values.maintenance_ms),
              })),
            )
            .execute();
        }
        if (this.#prunedDay !== today)
          await tx.deleteFrom('deploy_availability').where('day', '<', this.#daysAgo(AVAILABILITY_KEPT_DAYS)).execute();
      });
      this.#prunedDay = today;
    } catch (error) {
      // A database that cannot write now gets it with the next.
      for (const { place, counted } of all) {
        const again = this.#of(place);
        again.watched += counted.watched;
        again.served += counted.served;
        again.full += counted.full;
        again.maintenance += counted.maintenance;
      }
      throw error;
    }
  }

  #daysAgo(days: number): string {
    return new Date(timeOfAges(this.#clock).getTime() - days * DAY_MS).toISOString().slice(0, 10);
  }

  /** The environments of a project in the order of its file, over so many days up to now. */
  async read(project: string, days: number): Promise<EnvironmentAvailability[]> {
    await this.write();
    const environments = await this.#db
      .selectFrom('deploy_environments')
      .select(['name', 'class', 'availability_millis'])
      .where('project', '=', project)
      .orderBy('position')
      .execute();
    const rows = await this.#db
      .selectFrom('deploy_availability')
      .selectAll()
      .where('project', '=', project)
      .where('day', '>', this.#daysAgo(days))
      .orderBy('day')
      .execute();
    return environments.map(({ name, class: environmentClass, availability_millis: millis }) => {
      const mine = rows.filter(({ environment }) => environment === name);
      const whole = mine.filter(({ workload }) => workload === WHOLE);
      const total = (of: (row: (typeof rows)[number]) => number): number =>
        whole.reduce((sum, row) => sum + of(row), 0);
      const objective = millis === null ? null : millis / 1_000;
      const downMs = total(downOf);
      const countedMs = total((row) => row.watched_ms - row.maintenance_ms);
      const served = countedMs === 0 ? null : (1 - downMs / countedMs) * 100;
      const byWorkload = new Map<string, number>();
      for (const row of mine) {
        if (row.workload !== WHOLE) byWorkload.set(row.workload, (byWorkload.get(row.workload) ?? 0) + downOf(row));
      }
      return {
        environment: name,
        class: environmentClass as EnvironmentClass,
        ...{ objective, days, served },
        watchedSeconds: seconds(total(({ watched_ms }) => watched_ms)),
        servedSeconds: seconds(total(({ served_ms }) => served_ms)),
        fullSeconds: seconds(total(({ full_ms }) => full_ms)),
        maintenanceSeconds: seconds(total(({ maintenance_ms }) => maintenance_ms)),
        downSeconds: seconds(downMs),
        allowedSeconds: objective === null ? null : seconds((countedMs * (100 - objective)) / 100),
        missed: objective === null || served === null ? null : served < objective,
        byDay: whole.map((row) => ({
          day: row.day,
          watchedSeconds: seconds(row.watched_ms),
          downSeconds: seconds(downOf(row)),
        })),
        down: [...byWorkload]
          .filter(([, ms]) => ms > 0)
          .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
          .map(([workload, ms]) => ({ workload, downSeconds: seconds(ms) })),
      };
    });
  }
}

/** Whether somebody expects an answer of it: no job, not stopped, and with at least one replica wanted. */
function shouldServe({ phase, wanted, job }: WorkloadStatus): boolean {
  return wanted > 0 && job === undefined && !RUNS_TO_AN_END.has(phase) && !RESTS.has(phase);
}

function downOf(row: {
  readonly watched_ms: number;
  readonly served_ms: number;
  readonly maintenance_ms: number;
}): number {
  return row.watched_ms - row.served_ms - row.maintenance_ms;
}

function seconds(ms: number): number {
  return Math.round(ms / 1_000);
}
