import type { Kysely, Transaction } from 'kysely';
import { type Clock, newId, type Text, timeOfAges } from '../system/index.ts';
import type { ProbeState, ReplicaContainer, ReplicaStatus, WorkloadStatus } from './engines/local/index.ts';
import { EVENTS_KEPT_MS, EVENTS_OF_A_WORKLOAD_MAX, KNOWN_WORKLOADS_MAX } from './limits.ts';
import { formatKey, type WorkloadKey } from './model.ts';
import type { DeployTables } from './store.ts';

export type WorkloadEventKind =
  | 'phase'
  | 'condition'
  | 'replica-made'
  | 'replica-ready'
  | 'replica-unready'
  | 'replica-gone'
  | 'restarted'
  | 'probe-failing'
  | 'probe-passing';

/** Something that happened to the pods of a workload, as its host told it. The same again is one event with a count. */
export interface WorkloadEvent {
  readonly kind: WorkloadEventKind;
  /** Whether it is trouble. */
  readonly trouble: boolean;
  readonly replica: string | null;
  readonly text: Text;
  readonly count: number;
  /** RFC 3339 */
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface NewWorkloadEvent extends Omit<WorkloadEvent, 'count' | 'firstAt' | 'lastAt'> {
  /**
   * How its English text begins whenever it is the same event, when what follows may be different each time, as a probe's
   * answer with the time in it; absent: the same is what says the same.
   */
  readonly begins?: string;
}

const TROUBLED_PHASES: ReadonlySet<string> = new Set(['degraded', 'refused', 'rolled-back', 'failed']);
const PHASES_ES: Readonly<Record<WorkloadStatus['phase'], string>> = {
  ...{ progressing: 'en curso', available: 'disponible', degraded: 'degradada', refused: 'rechazada' },
  ...{ 'rolled-back': 'revertida', stopped: 'detenida', canary: 'a prueba', running: 'en marcha' },
  ...{ completed: 'completada', failed: 'fallida', scheduled: 'programada', suspended: 'suspendida' },
};
const PROBES: Readonly<Record<ProbeState['kind'], Text>> = {
  startup: { en: 'startup', es: 'de arranque' },
  readiness: { en: 'readiness', es: 'de disponibilidad' },
  liveness: { en: 'liveness', es: 'de vida' },
};

/** Replicas that were seen for the first time but began earlier than this were there before their host was asked. */
const ADOPTED_MS = 60_000;

const NONE: ReadonlySet<string> = new Set();

/**
 * The replicas of a report that were there before anybody told of them.
 * @param known the ids of pods that were told of before their host came back without knowing them
 */
function foundIn(
  before: WorkloadStatus | null,
  after: WorkloadStatus,
  nowMs: number,
  known: ReadonlySet<string>,
): ReadonlySet<string> {
  if ((before?.replicas.length ?? 0) > 0) return NONE;
  const isOld = ({ podId, startedAt }: ReplicaStatus): boolean =>
    known.has(podId) || (startedAt !== null && nowMs - Date.parse(startedAt) > ADOPTED_MS);
  return new Set(after.replicas.filter(isOld).map(({ name }) => name));
}

/** What happened between two reports of a workload. @param before null: it was not there @param known as of `foundIn` */
export function eventsBetween(
  before: WorkloadStatus | null,
  after: WorkloadStatus,
  nowMs: number,
  known: ReadonlySet<string> = NONE,
): NewWorkloadEvent[] {
  // A host that comes back has not looked yet, or has just found what ran all the time: nothing happened.
  if (before === null && after.replicas.length === 0) return [];
  const found = foundIn(before, after, nowMs, known);
  if (after.replicas.length > 0 && found.size === after.replicas.length) return [];
  const events: NewWorkloadEvent[] = [];
  const was = new Map(before?.replicas.map((replica) => [replica.name, replica]));
  for (const replica of after.replicas) {
    if (!found.has(replica.name)) events.push(...replicaEvents(was.get(replica.name) ?? null, replica));
    was.delete(replica.name);
  }
  for (const name of was.keys()) {
    const text = { en: `${name} is gone`, es: `${name} ya no está` };
    events.push({ kind: 'replica-gone', trouble: false, replica: name, text });
  }
  for (const { type, since, text } of after.conditions) {
    const known = before?.conditions.some((one) => one.type === type && one.since === since) === true;
    if (!known)
      events.push({ kind: 'condition', trouble: type !== 'paused' && type !== 'cordoned', replica: null, text });
  }
  if (before?.phase !== after.phase) {
    const { phase, ready, wanted } = after;
    // What waits for its time, or has done its work, has no replica that could be ready.
    const hasReplicas = ready > 0 || wanted > 0;
    const text = {
      en: `now ${phase}${hasReplicas ? `, ${ready} of ${wanted} ready` : ''}`,
      es: `ahora ${PHASES_ES[phase]}${hasReplicas ? `, ${ready} de ${wanted} listas` : ''}`,
    };
    events.push({ kind: 'phase', trouble: TROUBLED_PHASES.has(phase), replica: null, text });
  }
  return events;
}

type Say = (kind: WorkloadEventKind, trouble: boolean, text: Text, begins?: string) => void;

function replicaEvents(before: ReplicaStatus | null, after: ReplicaStatus): NewWorkloadEvent[] {
  const { name: replica } = after;
  const events: NewWorkloadEvent[] = [];
  const say: Say = (kind, trouble, text, begins) => {
    events.push({ kind, trouble, replica, text, ...(begins === undefined ? {} : { begins }) });
  };
  if (before === null) say('replica-made', false, { en: `${replica} was made`, es: `se creó ${replica}` });
  for (const container of after.containers) {
    const former = before?.containers.filter(({ name }) => name === container.name) ?? [];
    containerEvents(former, container, after, say);
  }
  const { leaving } = after;
  if (leaving !== undefined) {
    if (before?.leaving !== undefined) return events;
    const en = `${replica} is taken away: ${leaving.en}`;
    say('replica-unready', true, { en, es: `${replica} se retira: ${leaving.es}` });
  } else if (after.ready !== (before?.ready ?? false)) {
    if (after.ready) say('replica-ready', false, { en: `${replica} is ready`, es: `${replica} está lista` });
    else if (after.phase === 'succeeded') {
      say('replica-unready', false, { en: `${replica} has done its work`, es: `${replica} terminó su trabajo` });
    } else {
      const leaves = after.phase === 'stopping';
      say('replica-unready', !leaves, { en: `${replica} is not ready any more`, es: `${replica} ya no está lista` });
    }
  }
  return events;
}

function containerEvents(
  former: readonly ReplicaContainer[],
  container: ReplicaContainer,
  replica: ReplicaStatus,
  say: Say,
): void {
  const { name, attempt, id, probes = [] } = container;
  const last = former.reduce((most, one) => Math.max(most, one.attempt), 0);
  if (attempt > last && former.length > 0) {
    const code = replica.lastExit?.code;
    const [en, es] = code === undefined ? ['', ''] : [` after exit code ${code}`, ` tras terminar con código ${code}`];
    say('restarted', code !== 0, { en: `${name} was started again${en}`, es: `${name} se inició de nuevo${es}` });
  }
  for (const probe of probes) {
    const was = former.find((one) => one.id === id)?.probes?.find(({ kind }) => kind === probe.kind);
    const { en, es } = PROBES[probe.kind];
    if (probe.state === 'failing' && (was?.state !== 'failing' || was.why !== probe.why)) {
      const begins = `the ${en} probe of ${name} fails: `;
      const text = { en: `${begins}${probe.why ?? ''}`, es: `la sonda ${es} de ${name} falla: ${probe.why ?? ''}` };
      say('probe-failing', true, text, begins);
    } else if (probe.state === 'passing' && was?.state === 'failing') {
      say('probe-passing', false, {
        en: `the ${en} probe of ${name} passes again`,
        es: `la sonda ${es} de ${name} vuelve a pasar`,
      });
    }
  }
}

/** Keeps what happened to workloads, the newest of each, for a week. */
export class WorkloadEvents {
  readonly #db: Kysely<DeployTables>;
  readonly #clock: Clock;
  /** By workload: replicas that ran before this program heard of them, and until when their host is still asking them. */
  readonly #found = new Map<string, { readonly replicas: ReadonlySet<string>; readonly untilMs: number }>();

  /** By workload: the ids of the pods that were told of last. An agent that starts anew has none to tell of at first. */
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(db: Kysely<DeployTables>, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * Keeps what happened between two reports of a workload.
   * @param before null: it was not there
   * @param isFirst nobody has told of anything since this program started: what is there is nothing that happened now
   */
  async follow(before: WorkloadStatus | null, after: WorkloadStatus, isFirst: boolean): Promise<void> {
    const nowMs = this.#clock.now().getTime();
    const name = formatKey(after.key);
    const known = this.#known.get(name) ?? NONE;
    if (after.replicas.length > 0) this.#know(name, after);
    const replicas = foundIn(isFirst ? null : before, after, nowMs, known);
    if (replicas.size > 0) this.#found.set(name, { replicas, untilMs: nowMs + ADOPTED_MS });
    const found = this.#found.get(name);
    if (found !== undefined && found.untilMs < nowMs) this.#found.delete(name);
    if (isFirst) return;
    const events = eventsBetween(before, after, nowMs, known);
    await this.add(after.key, found === undefined || found.untilMs < nowMs ? events : newsOf(events, found.replicas));
  }

  #know(name: string, { replicas }: WorkloadStatus): void {
    this.#known.delete(name);
    this.#known.set(name, new Set(replicas.map(({ podId }) => podId)));
    const [oldest] = this.#known.keys();
    if (this.#known.size > KNOWN_WORKLOADS_MAX && oldest !== undefined) this.#known.delete(oldest);
  }

  async add(key: WorkloadKey, events: readonly NewWorkloadEvent[]): Promise<void> {
    if (events.length === 0) return;
    await this.#db.transaction().execute(async (tx) => {
      for (const event of events) await this.#addOne(tx, key, event);
      const keep = await of(tx, key)
        .select('id')
        .orderBy('id', 'desc')
        .offset(EVENTS_OF_A_WORKLOAD_MAX)
        .limit(1)
        .executeTakeFirst();
      await tx.deleteFrom('deploy_events').where('last_at', '<', this.#oldest()).execute();
      if (keep === undefined) return;
      await tx
        .deleteFrom('deploy_events')
        .where('project', '=', key.project)
        .where('environment', '=', key.environment)
        .where('workload', '=', key.name)
        .where('id', '<=', keep.id)
        .execute();
    });
  }

  async #addOne(tx: Transaction<DeployTables>, key: WorkloadKey, event: NewWorkloadEvent): Promise<void> {
    const at = this.#clock.now().toISOString();
    const { kind, trouble, replica, text, begins } = event;
    // A new row each time: what happened last is what is shown first.
    const alike = await of(tx, key)
      .select(['id', 'count', 'first_at', 'text_en'])
      .where('kind', '=', kind)
      .where('replica', replica === null ? 'is' : '=', replica)
      .execute();
    const known = alike.find(({ text_en }) =>
      begins === undefined ? text_en === text.en : text_en.startsWith(begins),
    );
    if (known !== undefined) await tx.deleteFrom('deploy_events').where('id', '=', known.id).execute();
    const place = { project: key.project, environment: key.environment, workload: key.name };
    await tx
      .insertInto('deploy_events')
      .values({
        id: newId(this.#clock),
        ...place,
        ...{ kind, trouble: trouble ? 1 : 0, replica, text_en: text.en, text_es: text.es },
        ...{ count: (known?.count ?? 0) + 1, first_at: known?.first_at ?? at, last_at: at },
      })
      .execute();
  }

  /** The newest first. */
  async list(key: WorkloadKey): Promise<WorkloadEvent[]> {
    // Old ones go when something new comes, which may be never.
    const rows = await of(this.#db, key)
      .selectAll()
      .where('last_at', '>=', this.#oldest())
      .orderBy('id', 'desc')
      .execute();
    return rows.map((row) => ({
      kind: row.kind as WorkloadEventKind,
      trouble: row.trouble === 1,
      replica: row.replica,
      text: { en: row.text_en, es: row.text_es },
      count: row.count,
      firstAt: row.first_at,
      lastAt: row.last_at,
    }));
  }

  #oldest(): string {
    return new Date(timeOfAges(this.#clock).getTime() - EVENTS_KEPT_MS).toISOString();
  }
}

/** Without what only says that a host has now asked those that it found: that they are ready, and the phase of that. */
function newsOf(events: readonly NewWorkloadEvent[], found: ReadonlySet<string>): readonly NewWorkloadEvent[] {
  const news = events.filter(
    ({ kind, replica }) => kind !== 'replica-ready' || replica === null || !found.has(replica),
  );
  return news.every(({ kind, trouble }) => kind === 'phase' && !trouble) ? [] : news;
}

function of(db: Kysely<DeployTables>, key: WorkloadKey) {
  return db
    .selectFrom('deploy_events')
    .where('project', '=', key.project)
    .where('environment', '=', key.environment)
    .where('workload', '=', key.name);
}
