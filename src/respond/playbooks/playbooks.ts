import type { Kysely, Selectable } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import { type Clock, Fault, type Log, newId, type Text, timeOfAges } from '../../system/index.ts';
import { describeAction, whyNot } from '../actions.ts';
import { respondFault } from '../errors.ts';
import type { Action, ActionKind, Incident } from '../incident.ts';
import {
  PLAYBOOK_RUNS_AT_ONCE,
  PLAYBOOK_RUNS_KEPT_DAYS,
  PLAYBOOK_RUNS_KEPT_MAX,
  PLAYBOOK_RUNS_OPEN_MAX,
  PLAYBOOK_RUNS_SHOWN,
  PLAYBOOKS_MAX,
} from '../limits.ts';
import { POLICY_GONE } from '../policy/policy.ts';
import { type RespondTables, readActions } from '../store.ts';
import { type Playbook, type PlaybookStep, readPlaybook, whyNotNow } from './playbook.ts';

export interface StoredPlaybook {
  readonly playbook: Playbook;
  readonly source: string;
  readonly author: string;
  readonly at: string;
}

export interface RunStep {
  readonly do: ActionKind;
  readonly state: 'pending' | 'awaiting' | 'running' | 'done' | 'skipped' | 'failed' | 'declined';
  /** Who agreed or declined. */
  readonly by: string | null;
  readonly detail: Text | null;
}

export interface PlaybookRun {
  readonly id: string;
  readonly playbook: string;
  readonly incident: number;
  /** `user:NAME`, `robot:NAME` or `policy:NAME`. */
  readonly actor: string;
  /** The person behind a token or robot that started it; of a policy its own name. */
  readonly starter: string;
  /** Who wrote the playbook as it was then. */
  readonly author: string;
  readonly state: 'queued' | 'running' | 'awaiting' | 'done' | 'failed' | 'declined' | 'interrupted';
  readonly at: string;
  readonly endedAt: string | null;
  readonly steps: readonly RunStep[];
}

/** What a step would do now. */
export interface PlannedStep {
  readonly do: ActionKind;
  readonly approve: boolean;
  readonly effect: readonly Text[];
  readonly undo: ActionKind | null;
  /** Why it would be left out; null: it would be done. */
  readonly why: Text | null;
}

/** Asked of Respond. */
export interface PlaybookDoer {
  incident(number: number): Promise<Incident>;
  act(number: number, request: { kind: ActionKind; reason: string | null }, actor: string): Promise<Action>;
  /** Why what a policy began leaves a step out that it did elsewhere a while ago, or null. */
  heldBack(incident: Incident, kind: ActionKind, actor: string): Promise<Text | null>;
  /** Who wrote the policy that acts under this name; null: it is no longer in force. */
  authorOf(actor: string): string | null;
}

const OPEN: readonly PlaybookRun['state'][] = ['queued', 'running', 'awaiting'];
const CLOSED: Text = { en: 'the incident was closed', es: 'el incidente se cerró' };
const BUSY_WAIT_MS = 500;
/** An action of somebody else on the same incident ends within its own time; this is longer than any. */
const BUSY_TRIES_MAX = 400;

/** Steps done one after the other about an incident, each an action like any other: shown, recorded, taken back like any other. */
export class Playbooks {
  readonly #db: Kysely<RespondTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #doer: () => PlaybookDoer;
  #playbooks: readonly StoredPlaybook[] = [];
  readonly #driving = new Map<string, Promise<void>>();

  constructor(parts: {
    readonly db: Kysely<RespondTables>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    readonly log: Log;
    readonly doer: () => PlaybookDoer;
  }) {
    this.#db = parts.db;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#log = parts.log;
    this.#doer = parts.doer;
  }

  async open(): Promise<void> {
    const rows = await this.#db.selectFrom('respond_playbooks').selectAll().orderBy('name').execute();
    this.#playbooks = rows.map(({ source, author, at }) => ({ playbook: readPlaybook(source), source, author, at }));
  }

  /** After a start: what had not begun begins, what ran is told as interrupted, because nobody knows how its step ended. */
  async recover(): Promise<void> {
    for (const run of await this.#read('running')) await this.#end({ ...run, state: 'interrupted' });
    await this.workQueued();
  }

  list(): readonly StoredPlaybook[] {
    return this.#playbooks;
  }

  /** @throws Fault respond.playbook-unknown */
  named(name: string): StoredPlaybook {
    const found = this.#playbooks.find((one) => one.playbook.name === name);
    if (found === undefined) throw respondFault('respond.playbook-unknown', { name });
    return found;
  }

  /**
   * In force when this returns.
   * @param author the person who answers for it, see `personBehind`: agrees to no step of it
   * @param actor who asked for it, as facts name them
   * @throws Fault respond.playbook-invalid, respond.playbooks-full
   */
  async apply(source: string, author: string, actor = author): Promise<StoredPlaybook> {
    const playbook = readPlaybook(source);
    const { name } = playbook;
    const others = this.#playbooks.filter((one) => one.playbook.name !== name);
    if (others.length >= PLAYBOOKS_MAX) throw respondFault('respond.playbooks-full', { most: PLAYBOOKS_MAX });
    const at = this.#clock.now().toISOString();
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_playbooks').where('name', '=', name).execute();
      await tx.insertInto('respond_playbooks').values({ name, source, author, at }).execute();
      await this.#record(tx, 'playbook.applied', `playbook ${name}`, actor, {
        steps: playbook.steps.map((step) => step.do),
      });
    });
    this.#playbooks = [...others, { playbook, source, author, at }].sort((a, b) =>
      a.playbook.name.localeCompare(b.playbook.name, 'en'),
    );
    this.#journal.committed();
    return this.named(name);
  }

  /** Runs that have begun go on with what they were. @throws Fault respond.playbook-unknown */
  async remove(name: string, actor: string): Promise<void> {
    this.named(name);
    await this.#db.transaction().execute(async (tx) => {
      await tx.deleteFrom('respond_playbooks').where('name', '=', name).execute();
      await this.#record(tx, 'playbook.removed', `playbook ${name}`, actor, {});
    });
    this.#playbooks = this.#playbooks.filter(({ playbook }) => playbook.name !== name);
    this.#journal.committed();
  }

  /** What each step would do about an incident now; nothing is done. @throws Fault respond.playbook-unknown */
  async preview(name: string, number: number): Promise<PlannedStep[]> {
    const { playbook } = this.named(name);
    const incident = await this.#doer().incident(number);
    const actions = await readActions(this.#db, { incident: number });
    return playbook.steps.map((step) => {
      const action = describeAction(step.do);
      const why = whyNotNow(step, incident) ?? whyNot(action, incident, actions);
      return { do: step.do, approve: step.approve, effect: action.effect(incident), undo: action.undo, why };
    });
  }

  /**
   * Begins a run and answers it; it goes on by itself.
   * @param starter the person who answers for it, see `personBehind`: agrees to no step of it
   * @throws Fault respond.playbook-unknown, respond.incident-unknown, respond.too-many-runs
   */
  async start(name: string, number: number, actor: string, starter = actor): Promise<PlaybookRun> {
    const incident = await this.#doer().incident(number);
    const run = await this.#db.transaction().execute(async (tx) => {
      const open = await tx
        .selectFrom('respond_playbook_runs')
        .select('id')
        .where('actor', '=', actor)
        .where('state', 'in', OPEN)
        .execute();
      if (open.length >= PLAYBOOK_RUNS_OPEN_MAX)
        throw respondFault('respond.too-many-runs', { actor, most: PLAYBOOK_RUNS_OPEN_MAX });
      return this.plan(tx, name, incident, actor, { starter });
    });
    this.#journal.committed();
    await this.workQueued();
    return run;
  }

  /**
   * Writes a run down, in the transaction of whatever wants it.
   * @param options.asks whether somebody has to agree before its first step
   * @param options.starter see {@link PlaybookRun.starter}
   * @throws Fault respond.playbook-unknown
   */
  async plan(
    tx: Kysely<RespondTables>,
    name: string,
    incident: Incident,
    actor: string,
    { asks = false, starter = actor }: { readonly asks?: boolean; readonly starter?: string } = {},
  ): Promise<PlaybookRun> {
    const { playbook, source, author } = this.named(name);
    const steps = playbook.steps.map((step, index): RunStep => {
      const state = asks && index === 0 ? 'awaiting' : 'pending';
      return { do: step.do, state, by: null, detail: null };
    });
    const run: PlaybookRun = {
      ...{
        id: newId(this.#clock),
        playbook: name,
        incident: incident.number,
        actor,
        starter,
        author,
        state: asks ? 'awaiting' : 'queued',
        steps,
      },
      ...{ at: this.#clock.now().toISOString(), endedAt: null },
    };
    const { endedAt, incident: number, ...row } = run;
    await tx
      .insertInto('respond_playbook_runs')
      .values({ ...row, incident: number, source, ended_at: endedAt, steps: JSON.stringify(steps) })
      .execute();
    await this.#record(tx, 'playbook.started', `incident ${number}`, actor, { run: run.id, playbook: name }, incident);
    return run;
  }

  /** How many runs that policies began have not ended, in the project of an incident and about its workload. */
  async openOfPolicies(
    tx: Kysely<RespondTables>,
    { project, environment, workload }: Pick<Incident, 'project' | 'environment' | 'workload'>,
  ): Promise<{ readonly project: number; readonly workload: number }> {
    const rows = await tx
      .selectFrom('respond_playbook_runs')
      .innerJoin('respond_incidents', 'respond_incidents.number', 'respond_playbook_runs.incident')
      .select(['respond_incidents.environment', 'respond_incidents.workload'])
      .where('respond_playbook_runs.state', 'in', OPEN)
      .where('respond_playbook_runs.actor', 'like', 'policy:%')
      .where('respond_incidents.project', project === null ? 'is' : '=', project)
      .execute();
    const own = rows.filter((row) => row.environment === environment && row.workload === workload);
    return { project: rows.length, workload: own.length };
  }

  /** What waits for an answer about an incident that is closed waits no more. */
  async incidentClosed(number: number): Promise<void> {
    for (const state of ['awaiting', 'queued'] as const) {
      for (const run of await this.#read(state)) {
        if (run.incident !== number) continue;
        const steps = run.steps.map((step) =>
          step.state === 'awaiting' || step.state === 'pending'
            ? ({ ...step, state: 'skipped', detail: CLOSED } as RunStep)
            : step,
        );
        const ended: PlaybookRun = { ...run, state: 'declined', steps };
        // Somebody who answers at this moment goes first.
        if (await this.#keep(this.#db, ended, state)) await this.#end(ended);
      }
    }
  }

  /** How many runs this actor started since. */
  async startedBy(tx: Kysely<RespondTables>, actor: string, since: string): Promise<number> {
    const rows = await tx
      .selectFrom('respond_playbook_runs')
      .select('id')
      .where('actor', '=', actor)
      .where('at', '>=', since)
      .execute();
    return rows.length;
  }

  /** The playbooks that this actor ever started for an incident. */
  async startedFor(tx: Kysely<RespondTables>, actor: string, incident: number): Promise<string[]> {
    const rows = await tx
      .selectFrom('respond_playbook_runs')
      .select('playbook')
      .where('actor', '=', actor)
      .where('incident', '=', incident)
      .execute();
    return rows.map(({ playbook }) => playbook);
  }

  /** Newest first; of one incident, or of all. */
  async runs(incident: number | null): Promise<PlaybookRun[]> {
    let select = this.#db.selectFrom('respond_playbook_runs').selectAll();
    if (incident !== null) select = select.where('incident', '=', incident);
    return (await select.orderBy('id', 'desc').limit(PLAYBOOK_RUNS_SHOWN).execute()).map(toRun);
  }

  /** The incidents about which a run waits for somebody's answer. */
  async awaiting(): Promise<number[]> {
    const rows = await this.#db
      .selectFrom('respond_playbook_runs')
      .select('incident')
      .where('state', '=', 'awaiting')
      .orderBy('id')
      .execute();
    return rows.map(({ incident }) => incident);
  }

  /** @throws Fault respond.run-unknown */
  async run(id: string): Promise<PlaybookRun> {
    const row = await this.#db.selectFrom('respond_playbook_runs').selectAll().where('id', '=', id).executeTakeFirst();
    if (row === undefined) throw respondFault('respond.run-unknown', { id });
    return toRun(row);
  }

  /**
   * What somebody agrees to with the step that a run waits with: that one; where the whole run of a policy waits, all up to
   * the next that asks by itself.
   */
  async asked(run: PlaybookRun): Promise<readonly ActionKind[]> {
    const place = run.steps.findIndex(({ state }) => state === 'awaiting');
    const kinds = run.steps.map((step) => step.do);
    if (place !== 0 || !isOfPolicy(run)) return place === -1 ? [] : kinds.slice(place, place + 1);
    const next = (await this.#steps(run.id)).findIndex(({ approve }, index) => index > 0 && approve);
    return next === -1 ? kinds : kinds.slice(0, next);
  }

  /**
   * Answers what a run waits for. Whoever wrote the playbook, or started it by hand or by a policy, does not agree to it.
   * @throws Fault respond.run-unknown, respond.run-not-waiting, respond.own-approval, respond.action-unavailable
   */
  async answer(id: string, answer: { readonly approve: boolean }, actor: string): Promise<PlaybookRun> {
    const run = await this.run(id);
    const place = run.steps.findIndex(({ state }) => state === 'awaiting');
    if (run.state !== 'awaiting' || place === -1)
      throw respondFault('respond.run-not-waiting', { id, state: run.state });
    if (answer.approve) {
      const starter = isOfPolicy(run) ? this.#doer().authorOf(run.actor) : run.starter;
      if (starter === null)
        throw respondFault('respond.action-unavailable', {
          ...{ action: run.playbook, number: run.incident, why: POLICY_GONE },
        });
      if (actor === run.author || actor === starter) throw respondFault('respond.own-approval', { actor });
    }
    const incident = await this.#doer().incident(run.incident);
    const state = answer.approve ? 'pending' : 'declined';
    const steps = run.steps.map((step, index) => (index === place ? ({ ...step, state, by: actor } as RunStep) : step));
    const next: PlaybookRun = { ...run, steps, state: answer.approve ? 'queued' : 'declined' };
    await this.#db.transaction().execute(async (tx) => {
      // Two who answer at once: one of them finds that it waits no more.
      if (!(await this.#keep(tx, next, 'awaiting')))
        throw respondFault('respond.run-not-waiting', { id, state: 'answered' });
      const body = { run: id, step: place + 1, approve: answer.approve };
      await this.#record(tx, 'playbook.answered', `incident ${run.incident}`, actor, body, incident);
    });
    this.#journal.committed();
    if (!answer.approve) return this.#end(next);
    await this.workQueued();
    return next;
  }

  /** Begins what is queued, oldest first, some runs beside each other; each that ends makes room for the next. */
  async workQueued(): Promise<void> {
    for (const run of await this.#read('queued')) {
      if (this.#driving.size >= PLAYBOOK_RUNS_AT_ONCE) return;
      if (this.#driving.has(run.id)) continue;
      const driving = this.#drive(run)
        .catch((error: unknown) => this.#log.error({ err: error, run: run.id }, 'a playbook could not go on'))
        .then(() => {
          this.#driving.delete(run.id);
          return this.workQueued();
        })
        .catch((error: unknown) => this.#log.error({ err: error }, 'playbooks could not be looked for'));
      this.#driving.set(run.id, driving);
    }
  }

  /** Resolves when no run has anything left to do by itself. */
  async idle(): Promise<void> {
    while (this.#driving.size > 0) await Promise.all(this.#driving.values());
  }

  async #drive(queued: PlaybookRun): Promise<void> {
    const steps = await this.#steps(queued.id);
    let run: PlaybookRun = { ...queued, state: 'running' };
    // Read twice, it is begun once.
    if (!(await this.#keep(this.#db, run, 'queued'))) return;
    const go = async (next: PlaybookRun): Promise<void> => {
      run = next;
      await this.#keep(this.#db, run);
    };
    for (const [index, step] of steps.entries()) {
      const before = run.steps[index];
      if (before === undefined || before.state !== 'pending') continue;
      const change = (state: RunStep['state'], detail: Text | null, rest: Partial<PlaybookRun> = {}): Promise<void> =>
        go({ ...run, ...rest, steps: run.steps.map((one, at) => (at === index ? { ...one, state, detail } : one)) });
      const incident = await this.#doer().incident(run.incident);
      const actions = await readActions(this.#db, { incident: run.incident });
      const why =
        whyNotNow(step, incident) ??
        whyNot(describeAction(step.do), incident, actions) ??
        (isOfPolicy(run) ? await this.#doer().heldBack(incident, step.do, run.actor) : null);
      if (why !== null) {
        await change('skipped', why);
        continue;
      }
      if (step.approve && before.by === null) {
        await change('awaiting', null, { state: 'awaiting' });
        return;
      }
      await change('running', null);
      const { state, detail } = await this.#do(run, step.do);
      await change(state, detail);
      if (state === 'failed' && step.onFailure === 'stop') {
        await this.#end({ ...run, state: 'failed' });
        return;
      }
    }
    await this.#end({ ...run, state: 'done' });
  }

  async #do(run: PlaybookRun, kind: ActionKind): Promise<{ state: 'done' | 'failed'; detail: Text }> {
    const reason = `playbook ${run.playbook}`;
    for (let tries = 1; ; tries++) {
      try {
        const action = await this.#doer().act(run.incident, { kind, reason }, run.actor);
        const detail = action.outcome ?? { en: action.state, es: action.state };
        return { state: action.state === 'done' ? 'done' : 'failed', detail };
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.code === 'respond.action-running' && tries < BUSY_TRIES_MAX) {
          await this.#clock.sleep(BUSY_WAIT_MS);
          continue;
        }
        const say = (language: 'en' | 'es'): string => {
          const { what, why } = error.text(language);
          return why === undefined ? what : `${what}: ${why}`;
        };
        return { state: 'failed', detail: { en: say('en'), es: say('es') } };
      }
    }
  }

  /** The steps of the playbook as it was when the run was written down. */
  async #steps(id: string): Promise<readonly PlaybookStep[]> {
    const row = await this.#db
      .selectFrom('respond_playbook_runs')
      .select('source')
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    return readPlaybook(row.source).steps;
  }

  /** False when it was not in the state that it was to leave. */
  async #keep(tx: Kysely<RespondTables>, run: PlaybookRun, from: PlaybookRun['state'] | null = null): Promise<boolean> {
    const { id, state, endedAt, steps } = run;
    let update = tx
      .updateTable('respond_playbook_runs')
      .set({ state, ended_at: endedAt, steps: JSON.stringify(steps) })
      .where('id', '=', id);
    if (from !== null) update = update.where('state', '=', from);
    return (await update.executeTakeFirst()).numUpdatedRows === 1n;
  }

  async #end(run: PlaybookRun): Promise<PlaybookRun> {
    const ended: PlaybookRun = { ...run, endedAt: this.#clock.now().toISOString() };
    const incident = await this.#doer().incident(run.incident);
    const body = {
      run: run.id,
      playbook: run.playbook,
      state: run.state,
      steps: run.steps.map((step) => `${step.do}: ${step.state}`),
    };
    await this.#db.transaction().execute(async (tx) => {
      await this.#keep(tx, ended);
      await this.#record(tx, 'playbook.ended', `incident ${run.incident}`, run.actor, body, incident);
    });
    this.#journal.committed();
    await this.#forget();
    return ended;
  }

  /** Old runs make room: of those that have ended the last ones are kept. */
  async #forget(): Promise<void> {
    const db = this.#db;
    const before = new Date(timeOfAges(this.#clock).getTime() - PLAYBOOK_RUNS_KEPT_DAYS * 86_400_000).toISOString();
    await db.deleteFrom('respond_playbook_runs').where('ended_at', '<', before).execute();
    const last = await db
      .selectFrom('respond_playbook_runs')
      .select('id')
      .where('ended_at', 'is not', null)
      .orderBy('id', 'desc')
      .limit(1)
      .offset(PLAYBOOK_RUNS_KEPT_MAX)
      .executeTakeFirst();
    if (last === undefined) return;
    await db.deleteFrom('respond_playbook_runs').where('ended_at', 'is not', null).where('id', '<=', last.id).execute();
  }

  async #read(state: PlaybookRun['state']): Promise<PlaybookRun[]> {
    const rows = await this.#db
      .selectFrom('respond_playbook_runs')
      .selectAll()
      .where('state', '=', state)
      .orderBy('id')
      .execute();
    return rows.map(toRun);
  }

  async #record(
    tx: Kysely<RespondTables>,
    kind: string,
    subject: string,
    actor: string,
    body: { readonly [key: string]: string | number | boolean | string[] },
    incident: Pick<Incident, 'project' | 'digest'> = { project: null, digest: null },
  ): Promise<void> {
    const { project, digest } = incident;
    await this.#journal.record<RespondTables>(tx, { kind, project, actor, subject, digest, body });
  }
}

function isOfPolicy({ actor }: PlaybookRun): boolean {
  return actor.startsWith('policy:');
}

function toRun(row: Selectable<RespondTables['respond_playbook_runs']>): PlaybookRun {
  const { id, playbook, incident, actor, author, at, ended_at: endedAt } = row;
  const steps = JSON.parse(row.steps) as RunStep[];
  const starter = row.starter ?? actor;
  return {
    id,
    playbook,
    incident,
    actor,
    starter,
    author,
    state: row.state as PlaybookRun['state'],
    at,
    endedAt,
    steps,
  };
}
