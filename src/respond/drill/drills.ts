import type { Kysely, Selectable } from 'kysely';
import type { Alert } from '../../detect/index.ts';
import type { Journal } from '../../journal/index.ts';
import type { StepHandle } from '../../progress/index.ts';
import { type Clock, type Log, newId } from '../../system/index.ts';
import type { RespondTables } from '../store.ts';
import { drillFault } from './errors.ts';
import { DRILL_LATE_MINUTES, DRILL_WAIT_MS, DRILLS_KEPT } from './limits.ts';

/** What became of one rule in a drill. */
export interface DrilledRule {
  readonly rule: string;
  /** `off`: it is not in force; `absent`: that kernel has no such call; `not-performed`: its act could not be done there. */
  readonly outcome: 'detected' | 'missed' | 'off' | 'absent' | 'not-performed';
  /** From the act to control's reading of the alert. */
  readonly detectMs: number | null;
}

export interface Drill {
  readonly id: string;
  readonly at: string;
  readonly endedAt: string | null;
  readonly host: string;
  /** `user:NAME`, or `platform` for the daily one. */
  readonly by: string;
  readonly state: 'running' | 'passed' | 'missed' | 'failed';
  readonly rules: readonly DrilledRule[];
  /** From the order to end the container to the host's word that it is over. */
  readonly actMs: number | null;
}

/** Asked of the hosts. */
export interface DrillGround {
  /** The host on which it is made. @throws Fault when none is connected */
  host(): string;
  /** Performs the acts of these rules; answers which of them were. The container stays. */
  perform(
    host: string,
    id: string,
    rules: readonly string[],
  ): Promise<readonly { readonly rule: string; readonly performed: boolean; readonly absent: boolean }[]>;
  /** Ends the container. */
  end(host: string, id: string): Promise<void>;
  /** The shipped rules, and whether they are in force. */
  rules(): readonly { readonly name: string; readonly isOn: boolean }[];
  /** Raises an alert of the platform itself about rules that were missed. */
  alarm(host: string, drill: Drill): Promise<void>;
}

interface Running {
  readonly id: string;
  readonly host: string;
  readonly at: string;
  readonly expected: Set<string>;
  /** By rule, from act to arrival in milliseconds. */
  readonly detected: Map<string, number>;
  heard: () => void;
}

const NOT_ENDED = 'the container of a drill could not be ended; it ends by itself';
/** How its container is named to the sensor; no workload can be called so. */
const MARK = 'drill:';

/**
 * Acts that every shipped rule must see, done on purpose in a container made for it. Their alerts come the whole way from the
 * kernel to here, are measured, and open no incident.
 */
export class Drills {
  readonly #db: Kysely<RespondTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ground: DrillGround;
  #running: Running | null = null;
  /** Of late: what comes after the end of a drill is still its own. */
  readonly #known = new Set<string>();

  constructor(parts: {
    readonly db: Kysely<RespondTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    readonly log: Log;
    readonly ground: DrillGround;
  }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#ground = parts.ground;
  }

  /** After a start: a drill that was running has come to nothing. */
  async recover(): Promise<void> {
    const endedAt = this.#clock.now().toISOString();
    await this.#db
      .updateTable('respond_drills')
      .set({ state: 'failed', ended_at: endedAt })
      .where('state', '=', 'running')
      .execute();
  }

  /** Takes an alert that a drill provoked; false: it is a real one. */
  take(host: string, alert: Alert): boolean {
    const mark = alert.container?.workload;
    if (mark === undefined || mark === null || !mark.startsWith(MARK) || alert.container?.project != null) return false;
    const id = mark.slice(MARK.length);
    if (!this.#known.has(id)) return false;
    const running = this.#running;
    if (running === null || running.id !== id || running.host !== host) return true;
    if (!running.detected.has(alert.rule)) {
      running.detected.set(alert.rule, Math.max(0, this.#clock.now().getTime() - Date.parse(alert.at)));
      running.heard();
    }
    return true;
  }

  /** Makes a drill and waits for its end. @throws Fault drill.running, and why it could not be made */
  async run(by: string, step: StepHandle): Promise<Drill> {
    if (this.#running !== null) throw drillFault('drill.running', { at: this.#running.at });
    const id = newId(this.#clock);
    const at = this.#clock.now().toISOString();
    const host = this.#ground.host();
    const rules = this.#ground.rules();
    const expected = new Set(rules.filter(({ isOn }) => isOn).map(({ name }) => name));
    const running: Running = { id, host, at, expected, detected: new Map(), heard: () => undefined };
    this.#running = running;
    this.#remember(id);
    try {
      await this.#db
        .insertInto('respond_drills')
        .values({ id, at, ended_at: null, host, author: by, state: 'running', report: '{}' })
        .execute();
      const drill = await this.#perform(running, rules, by, step);
      await this.#keep(drill);
      if (drill.state === 'missed') await this.#ground.alarm(host, drill);
      return drill;
    } catch (error) {
      const failed: Drill = {
        id,
        at,
        endedAt: this.#clock.now().toISOString(),
        host,
        by,
        state: 'failed',
        rules: [],
        actMs: null,
      };
      await this.#keep(failed);
      throw error;
    } finally {
      this.#running = null;
    }
  }

  async list(limit = DRILLS_KEPT): Promise<Drill[]> {
    const rows = await this.#db.selectFrom('respond_drills').selectAll().orderBy('id', 'desc').limit(limit).execute();
    return rows.map(toDrill);
  }

  /** @throws Fault drill.unknown */
  async read(id: string): Promise<Drill> {
    const row = await this.#db.selectFrom('respond_drills').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw drillFault('drill.unknown', { id });
    return toDrill(row);
  }

  /** When each day, `HH:MM` in UTC; null: never. */
  async plan(): Promise<{ at: string | null; author: string | null }> {
    const row = await this.#db.selectFrom('respond_drill_plan').selectAll().where('id', '=', 1).executeTakeFirst();
    return { at: row?.at ?? null, author: row?.author ?? null };
  }

  async setPlan(at: string | null, author: string): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_drill_plan').where('id', '=', 1).execute();
      await tx.insertInto('respond_drill_plan').values({ id: 1, at, author }).execute();
      await this.#journal.record<RespondTables>(tx, {
        kind: 'drill.planned',
        project: null,
        actor: author,
        subject: 'platform',
        digest: null,
        body: { at },
      });
    });
    this.#journal.committed();
  }

  /** Whether the daily drill is due now: its time has come, and none was made since. */
  async isDue(): Promise<boolean> {
    const { at } = await this.plan();
    if (at === null || this.#running !== null) return false;
    const now = this.#clock.now();
    const due = new Date(`${now.toISOString().slice(0, 11)}${at}:00.000Z`);
    const late = now.getTime() - due.getTime();
    if (late < 0 || late > DRILL_LATE_MINUTES * 60_000) return false;
    const [last] = await this.list(1);
    // One of a time still to come was made while the clock was ahead.
    return last === undefined || last.at < due.toISOString() || last.at > now.toISOString();
  }

  async #perform(
    running: Running,
    rules: ReturnType<DrillGround['rules']>,
    by: string,
    step: StepHandle,
  ): Promise<Drill> {
    const { id, host, expected, detected } = running;
    const acting = step.step({ en: `Acts on ${host}`, es: `Actos en ${host}` });
    const acts = await this.#ground.perform(host, id, [...expected]).catch(async (error: unknown) => {
      // Half of it may stand there already.
      await this.#ground.end(host, id).catch((cause: unknown) => this.#log.warn({ err: cause, host }, NOT_ENDED));
      throw error;
    });
    const absent = new Set(acts.filter((one) => one.absent).map(({ rule }) => rule));
    const performed = new Set(acts.filter((one) => one.performed && !one.absent).map(({ rule }) => rule));
    acting.done({ en: `${performed.size} performed`, es: `${performed.size} realizados` });
    const waiting = step.step({ en: 'Alerts', es: 'Alertas' });
    await this.#allHeard(running, performed);
    waiting.done({ en: `${detected.size} of ${performed.size}`, es: `${detected.size} de ${performed.size}` });
    const ending = step.step({ en: 'End the container', es: 'Terminar el contenedor' });
    const orderedMs = this.#clock.monotonicMs();
    await this.#ground.end(host, id);
    const actMs = Math.round(this.#clock.monotonicMs() - orderedMs);
    ending.done();
    const told = rules.map(({ name, isOn }): DrilledRule => {
      const detectMs = detected.get(name) ?? null;
      if (!isOn) return { rule: name, outcome: 'off', detectMs: null };
      if (detectMs !== null) return { rule: name, outcome: 'detected', detectMs };
      const outcome = performed.has(name) ? 'missed' : absent.has(name) ? 'absent' : 'not-performed';
      return { rule: name, outcome, detectMs: null };
    });
    const state = told.some(isMiss) ? 'missed' : 'passed';
    return { id, at: running.at, endedAt: this.#clock.now().toISOString(), host, by, state, rules: told, actMs };
  }

  async #allHeard(running: Running, performed: ReadonlySet<string>): Promise<void> {
    const stop = new AbortController();
    const all = new Promise<void>((resolve) => {
      running.heard = () => {
        if ([...performed].every((rule) => running.detected.has(rule))) resolve();
      };
      running.heard();
    });
    const late = this.#clock.sleep(DRILL_WAIT_MS, stop.signal).catch(() => undefined);
    await Promise.race([all, late]);
    stop.abort();
  }

  async #keep(drill: Drill): Promise<void> {
    const { id, endedAt, state, rules, actMs, host, by } = drill;
    const missed = rules.filter(isMiss).map(({ rule }) => rule);
    await this.#db.transaction().execute(async (tx) => {
      const report = JSON.stringify({ rules, actMs });
      await tx.updateTable('respond_drills').set({ ended_at: endedAt, state, report }).where('id', '=', id).execute();
      const kept = await tx
        .selectFrom('respond_drills')
        .select('id')
        .orderBy('id', 'desc')
        .limit(1)
        .offset(DRILLS_KEPT)
        .execute();
      if (kept[0] !== undefined) await tx.deleteFrom('respond_drills').where('id', '<=', kept[0].id).execute();
      const detected = rules.filter(({ outcome }) => outcome === 'detected').length;
      await this.#journal.record<RespondTables>(tx, {
        kind: 'drill.ended',
        project: null,
        actor: by,
        subject: host,
        digest: null,
        body: { drill: id, state, detected, missed, actMs },
      });
    });
    this.#journal.committed();
    if (state !== 'passed') this.#log.warn({ drill: id, state, missed }, 'a drill was not passed');
  }

  #remember(id: string): void {
    this.#known.add(id);
    const [oldest] = this.#known;
    if (this.#known.size > DRILLS_KEPT && oldest !== undefined) this.#known.delete(oldest);
  }
}

export function isMiss({ outcome }: DrilledRule): boolean {
  return outcome === 'missed' || outcome === 'not-performed';
}

function toDrill(row: Selectable<RespondTables['respond_drills']>): Drill {
  const { rules = [], actMs = null } = JSON.parse(row.report) as Partial<Pick<Drill, 'rules' | 'actMs'>>;
  const { id, at, ended_at: endedAt, host, author: by, state } = row;
  return { id, at, endedAt, host, by, state: state as Drill['state'], rules, actMs };
}
