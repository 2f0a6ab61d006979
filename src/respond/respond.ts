import { setImmediate as immediate } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import type { Alert } from '../detect/index.ts';
import type { Fact, Journal, NewFact } from '../journal/index.ts';
import { type Clock, Fault, type Json, type Log, newId, type Text } from '../system/index.ts';
import { ACTIONS, CONTAINER_GONE, describeAction, reachOf, targetWords, whyNot } from './actions.ts';
import { groupKey, priorityRank } from './alert.ts';
import { AlertStore, addCounts, type Counted, countOf, kindOf } from './alert-store.ts';
import { respondFault } from './errors.ts';
import {
  type Action,
  type ActionKind,
  type Decision,
  type DeedKind,
  type Incident,
  type KillTarget,
  placeOf,
  type StoredAlert,
  titleOf,
} from './incident.ts';
import {
  ACTION_TIMEOUT_MS,
  ALERTS_SHOWN_MAX,
  COUNTED_KNOWN_MAX,
  INCIDENT_ALERTS_MAX,
  INCIDENT_RULES_MAX,
  INCIDENT_WINDOW_MINUTES,
  KILL_PROCESSES_MAX,
  POLICY_INCIDENTS_AT_ONCE,
  POLICY_RUNS_OPEN_MAX,
  REPLAY_ALERTS_MAX,
  REPLAY_SLICE,
  SLOW_ACTION_TIMEOUT_MS,
  TIMELINE_FACTS_MAX,
  WORKLOAD_RUNS_OPEN_MAX,
} from './limits.ts';
import type { Notices } from './notices/notices.ts';
import type { Playbooks } from './playbooks/playbooks.ts';
import type { ResponsePolicies } from './policy/book.ts';
import { actsAgain, asksFirst, POLICY_GONE, type ResponsePolicy } from './policy/policy.ts';
import { buildProcessTree, offendingPids, type ProcessNode } from './process-tree.ts';
import {
  type AlertQuery,
  changeIncident,
  endAction,
  type IncidentChange,
  type IncidentQuery,
  insertAction,
  insertStep,
  moveAction,
  oldestOf,
  openIncident,
  type RespondTables,
  readActions,
  readAlerts,
  readIncident,
  readIncidents,
  readSteps,
  reopenIncident,
} from './store.ts';
import { buildTimeline, type TimelineEntry } from './timeline.ts';

/** Asked of the host on which it happens. */
export interface Responder {
  /**
   * Ends a process with all below it, or with `pid` null the whole container. The host checks that the process belongs
   * to the container. Answers only when it is over.
   * @param host the name of the agent that raised the alert
   * @returns `gone` when there was nothing left to end
   * @throws Fault when the host refused, failed, or is not there: nothing was ended then, as far as it knows
   */
  kill(host: string, target: { readonly containerId: string; readonly pid: number | null }): Promise<'killed' | 'gone'>;
}

/** What can be done beside killing, each by whoever can. It answers in words what it did. @throws Fault: it was not done */
export type Deeds = Readonly<
  Record<
    DeedKind,
    (incident: Incident, order: { readonly actor: string; readonly reason: string | null }) => Promise<Text>
  >
>;

export interface RespondOptions {
  readonly db: Kysely<RespondTables>;
  readonly journal: Pick<Journal, 'record' | 'committed' | 'query'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly responder: Responder;
  /** What this platform can do; what is missing is not offered. */
  readonly deeds?: Partial<Deeds>;
  /** What is done by itself. */
  readonly policies?: Pick<ResponsePolicies, 'speakingOf' | 'list'>;
  /** Several steps in their order, begun by policies. */
  readonly playbooks?: Pick<
    Playbooks,
    'plan' | 'startedBy' | 'startedFor' | 'workQueued' | 'list' | 'openOfPolicies' | 'incidentClosed' | 'awaiting'
  >;
  /** Who is told of incidents. */
  readonly notices?: Pick<Notices, 'plan' | 'deliver'>;
  /** Whether a container of ours has not ended, as its host told last; null: that is away, or has not told all it runs. */
  readonly stands?: (container: Pick<Incident, 'host' | 'project' | 'containerId'>) => boolean | null;
}

/** An incident with everything that is known of it. */
export interface IncidentDetail extends Incident {
  /** Oldest first; `alertCount` says how many there are. */
  readonly alerts: readonly StoredAlert[];
  readonly timeline: readonly TimelineEntry[];
  readonly processTree: readonly ProcessNode[];
  readonly actions: readonly Action[];
}

export type Ingested = { readonly outcome: 'opened' | 'added' | 'counted' | 'known'; readonly incident: number | null };

const KNOWN: Ingested = { outcome: 'known', incident: null };

/** Facts of an image that belong to the story of an incident in it. */
const TIMELINE_KINDS: readonly string[] = [
  'image.built',
  'image.pushed',
  'image.scanned',
  'image.findings-changed',
  'image.signed',
  'workload.judged',
  'workload.changed',
  'workload.exec-opened',
  'workload.attached',
  'workload.debugged',
  'workload.port-forwarded',
  'action.approved',
];

/** Alerts become incidents, people decide about them, actions end what must not go on. */
export class Respond {
  readonly #options: RespondOptions;
  readonly #alerts: AlertStore;
  /** Ids of alerts that are only a number in their incident, the last of them. */
  readonly #counted = new Set<string>();
  /** The rows that they are written down in; undefined until these were read. */
  #counts: Promise<CountedRows> | undefined;
  /** Playbooks that were not begun, and said so. */
  readonly #heldBack = new Set<string>();
  /** Of incidents that are full the rules of which an alert is kept. */
  readonly #rules = new Set<string>();
  /** Set when a policy put something into the queue. */
  #planned = false;
  /** Set when a policy began a playbook. */
  #toRun = false;
  /** Set when somebody is to be told. */
  #toTell = false;
  #working: Promise<void> = Promise.resolve();
  /** Lets what is working look at the queue again. */
  #wake: () => void = () => undefined;

  constructor(options: RespondOptions) {
    this.#options = options;
    this.#alerts = new AlertStore(options.db);
  }

  /**
   * After a start: an action that was running when control stopped has an outcome that nobody knows.
   * @returns how many there were
   */
  async recover(): Promise<number> {
    const running = await readActions(this.#options.db, { state: 'running' });
    for (const action of running) {
      await this.#end(action, 'unknown', {
        en: 'control stopped meanwhile; whether it happened is not known',
        es: 'el control se detuvo entretanto; no se sabe si ocurrió',
      });
    }
    this.#workSoon();
    return running.length;
  }

  /**
   * Stores an alert. When this returns it is on disk; the same alert again changes nothing.
   * @param host the agent's name
   */
  async ingest(alert: Alert, host: string): Promise<Ingested> {
    const ingested = await this.#store((tx, batch) => this.#ingest(tx, alert, host, batch));
    if (ingested.outcome !== 'known') this.#options.journal.committed();
    this.#goOn();
    return ingested;
  }

  /** Stores several in one transaction, as after an agent was away. All are stored or none. */
  async ingestAll(alerts: readonly Alert[], host: string): Promise<Ingested[]> {
    const ingested = await this.#store(async (tx, batch) => {
      batch.known = await this.#alerts.known(
        tx,
        alerts.map(({ id }) => id),
      );
      const done: Ingested[] = [];
      for (const alert of alerts) done.push(await this.#ingest(tx, alert, host, batch));
      return done;
    });
    this.#options.journal.committed();
    this.#goOn();
    return ingested;
  }

  incidents(query: IncidentQuery): Promise<Incident[]> {
    return readIncidents(this.#options.db, query);
  }

  alerts(query: AlertQuery): Promise<StoredAlert[]> {
    return readAlerts(this.#options.db, query);
  }

  /** @throws Fault respond.incident-unknown */
  async incident(number: number): Promise<Incident> {
    const incident = await readIncident(this.#options.db, number);
    if (incident === null) throw respondFault('respond.incident-unknown', { number });
    return incident;
  }

  /** @throws Fault respond.incident-unknown */
  async describe(number: number): Promise<IncidentDetail> {
    const { db } = this.#options;
    const incident = await this.incident(number);
    const [alerts, actions, facts, steps] = await Promise.all([
      readAlerts(db, { projects: '*', incident: number, order: 'oldest', limit: ALERTS_SHOWN_MAX }),
      readActions(db, { incident: number }),
      this.#factsOf(incident),
      readSteps(db, number),
    ]);
    return {
      ...incident,
      alerts,
      actions,
      timeline: buildTimeline(incident, { facts, steps, alerts, actions }),
      processTree: buildProcessTree(alerts),
    };
  }

  /**
   * Somebody takes it on. Again by the same person changes nothing; by another hands it over.
   * @throws Fault respond.incident-unknown, respond.incident-closed
   */
  async acknowledge(number: number, actor: string): Promise<Incident> {
    const incident = await this.#notClosed(number);
    if (incident.owner === actor && incident.state !== 'open') return incident;
    const change = {
      owner: actor,
      ...(incident.state === 'open' ? { state: 'acknowledged' as const } : {}),
      acknowledgedAt: incident.acknowledgedAt ?? this.#now(),
    };
    return this.#change(incident, change, 'incident.acknowledged', actor, {});
  }

  /**
   * The end of the story, with what it was and why.
   * @throws Fault respond.incident-unknown, respond.incident-closed, respond.reason-needed
   */
  async close(number: number, close: { decision: Decision; reason: string }, actor: string): Promise<Incident> {
    const incident = await this.#notClosed(number);
    const reason = close.reason.trim();
    if (reason === '') throw respondFault('respond.reason-needed', { number });
    const { decision } = close;
    const change = {
      state: 'closed' as const,
      closedAt: this.#now(),
      decision,
      reason,
      owner: incident.owner ?? actor,
    };
    const closed = await this.#change(incident, change, 'incident.closed', actor, { decision, reason });
    await this.#options.playbooks?.incidentClosed(number);
    return closed;
  }

  /**
   * Gives it to somebody, or to nobody again; whether they take it on is theirs to say.
   * @throws Fault respond.incident-unknown, respond.incident-closed
   */
  async assign(number: number, owner: string | null, actor: string): Promise<Incident> {
    const incident = await this.#notClosed(number);
    if (incident.owner === owner) return incident;
    const change = {
      owner,
      // What nobody has, nobody has taken on.
      ...(incident.state === 'acknowledged' ? { state: 'open' as const, acknowledgedAt: null } : {}),
    };
    return this.#change(incident, change, 'incident.assigned', actor, { owner: owner ?? '' });
  }

  /**
   * It was closed too early: it goes on where it was, with whoever says so. What it was held for stays in the journal.
   * @throws Fault respond.incident-unknown, respond.incident-not-closed
   */
  async reopen(number: number, reason: string, actor: string): Promise<Incident> {
    const incident = await this.incident(number);
    const { db, journal } = this.#options;
    const at = this.#now();
    await db.transaction().execute(async (tx) => {
      if (!(await reopenIncident(tx, number, { owner: actor, at })))
        throw respondFault('respond.incident-not-closed', { number });
      await this.#step(tx, number, factOf('incident.reopened', incident, actor, { reason }));
    });
    journal.committed();
    return this.incident(number);
  }

  /**
   * Ends what the alerts speak of, and waits for the host's word. Killing again what was contained answers the action
   * that did it; the container can still be ended after its processes. The outcome is told as it was: an action that
   * failed or that nobody can vouch for contains nothing.
   * @param what the processes that the alerts name (with all below them) or the whole container
   * @throws Fault respond.incident-unknown, .incident-closed, .action-running, .nothing-to-kill
   */
  async kill(
    number: number,
    request: { readonly what: KillTarget['kind']; readonly reason: string | null },
    actor: string,
  ): Promise<Action> {
    const { db } = this.#options;
    const incident = await this.#notClosed(number);
    const actions = await readActions(db, { incident: number });
    const before = actions.findLast(
      ({ state, kind }) =>
        state === 'done' && (kind === 'kill-container' || (kind === 'kill-process' && request.what === 'process')),
    );
    if (incident.state === 'contained' && before !== undefined) return before;
    const running = actions.find((action) => action.state === 'running');
    if (running !== undefined) throw this.#running(number, running);
    const target = await this.#target(incident, request.what);
    const action: Action = {
      id: newId(this.#options.clock),
      incident: number,
      kind: request.what === 'container' ? 'kill-container' : 'kill-process',
      target,
      state: 'running',
      actor,
      reason: request.reason,
      at: this.#now(),
      endedAt: null,
      outcome: null,
    };
    await this.#begin(action);
    const end = await this.#perform(incident, target);
    return this.#end(action, end.state, end.outcome);
  }

  /** What can be done about an incident now, with what each will do. @throws Fault respond.incident-unknown */
  async offers(number: number): Promise<Offer[]> {
    const incident = await this.incident(number);
    const actions = await readActions(this.#options.db, { incident: number });
    return ACTIONS.flatMap((action) => {
      if (!this.#can(action.kind)) return [];
      const { kind, title, undo, contains } = action;
      const isGone = this.isGone(incident);
      const never = action.needs === 'container' && action.undoes === null && isGone ? CONTAINER_GONE : null;
      const why = incident.state === 'closed' ? CLOSED : (whyNot(action, incident, actions) ?? never);
      const effect = (isGone ? action.effectWhenGone : undefined) ?? action.effect;
      return [{ kind, title, undo, contains, effect: effect(incident), why }];
    });
  }

  /**
   * Whether the container of an incident is known to be there no longer: a restart of its machine, a roll-out or its own end
   * took with it what was done to it. False where nobody knows.
   */
  isGone({ project, containerId, host, lastAlertAt }: Incident): boolean {
    if (project === null || containerId === null) return false;
    // A host tells of a container a moment after its first alert.
    const sinceMs = this.#options.clock.now().getTime() - Date.parse(lastAlertAt);
    if (sinceMs >= 0 && sinceMs < TOLD_WITHIN_MS) return false;
    return this.#options.stands?.({ host, project, containerId }) === false;
  }

  /**
   * Does one of what `offers` names, and waits until it is over. The outcome is told as it was.
   * @throws Fault respond.incident-unknown, .incident-closed, .action-running, .action-unavailable
   */
  async act(
    number: number,
    request: { readonly kind: ActionKind; readonly reason: string | null },
    actor: string,
  ): Promise<Action> {
    const { kind, reason } = request;
    if (kind === 'kill-process' || kind === 'kill-container')
      return this.kill(number, { what: kind === 'kill-process' ? 'process' : 'container', reason }, actor);
    const incident = await this.#notClosed(number);
    const actions = await readActions(this.#options.db, { incident: number });
    const running = actions.find((action) => action.state === 'running');
    if (running !== undefined) throw this.#running(number, running);
    const deed = this.#options.deeds?.[kind];
    const why = deed === undefined ? NOT_HERE : whyNot(describeAction(kind), incident, actions);
    if (deed === undefined || why !== null)
      throw respondFault('respond.action-unavailable', { action: kind, number, why: why ?? '' });
    const action: Action = {
      ...{ id: newId(this.#options.clock), incident: number, kind, state: 'running', actor, reason },
      target: { kind: 'subject', subject: targetWords(kind, incident) },
      ...{ at: this.#now(), endedAt: null, outcome: null },
    };
    await this.#begin(action);
    const end = await this.#carryOut(incident, action);
    return this.#end(action, end.state, end.outcome);
  }

  /**
   * Alerts of the last days that somebody may see, oldest first; of too many the newest. They come in slices, each read when
   * the one before was dealt with, so that nobody else waits for all of them.
   */
  async *alertsSince(projects: '*' | readonly string[], days: number): AsyncGenerator<readonly StoredAlert[]> {
    const { db, clock } = this.#options;
    const since = new Date(clock.now().getTime() - days * 86_400_000).toISOString();
    let after = await oldestOf(db, { projects, since, limit: REPLAY_ALERTS_MAX });
    while (after !== null) {
      const some = await readAlerts(db, { projects, since, from: after, order: 'oldest', limit: REPLAY_SLICE });
      const last = some.at(-1);
      const isMore = some.length === REPLAY_SLICE && last !== undefined;
      // The last one is read once more as the first of the next slice: an id is all there is to go on by.
      yield isMore ? some.slice(0, -1) : some;
      after = isMore ? last.id : null;
      await immediate();
    }
  }

  /** Where an action or a playbook waits for somebody's answer; those of closed incidents wait no more. */
  async awaitingAnswers(): Promise<readonly { readonly incident: number; readonly project: string | null }[]> {
    const { db, playbooks } = this.#options;
    const numbers = [
      ...(await readActions(db, { state: 'awaiting' })).map(({ incident }) => incident),
      ...((await playbooks?.awaiting()) ?? []),
    ];
    // A flood of alerts may have many of them wait in one incident.
    const found = await Promise.all([...new Set(numbers)].map((number) => this.incident(number)));
    const open = new Map(found.filter(({ state }) => state !== 'closed').map((one) => [one.number, one]));
    return numbers.flatMap((incident) => {
      const project = open.get(incident)?.project;
      return project === undefined ? [] : [{ incident, project }];
    });
  }

  /**
   * What a policy asks for and nobody answered yet.
   * @param id the beginning of its id, or what it does where only one such waits
   * @throws Fault respond.action-unknown, .action-several
   */
  async awaiting(number: number, id: string): Promise<Action> {
    const waiting = await readActions(this.#options.db, { incident: number, state: 'awaiting' });
    const meant = waiting.filter((one) => one.kind === id || one.id.startsWith(id));
    const [action] = meant;
    if (action === undefined) throw respondFault('respond.action-unknown', { number, id });
    if (meant.length > 1) throw respondFault('respond.action-several', { number, id, count: meant.length });
    return action;
  }

  /**
   * A person answers what a policy asks for. Who wrote the policy does not approve what it wants.
   * @throws Fault respond.incident-unknown, .incident-closed, .action-unknown, .action-several, .own-approval
   */
  async decide(
    number: number,
    id: string,
    answer: { readonly approve: boolean; readonly reason: string | null },
    actor: string,
  ): Promise<Action> {
    const incident = await this.#notClosed(number);
    const action = await this.awaiting(number, id);
    if (!answer.approve) {
      const why = answer.reason === null ? '' : `: ${answer.reason}`;
      return this.#end(action, 'declined', { en: `${actor} declined${why}`, es: `${actor} lo rechazó${why}` });
    }
    const author = this.authorOf(action.actor);
    if (author === null)
      throw respondFault('respond.action-unavailable', { action: action.kind, number, why: POLICY_GONE });
    if (author === actor) throw respondFault('respond.own-approval', { actor });
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      if (!(await moveAction(tx, action.id, 'awaiting', 'queued')))
        throw respondFault('respond.action-unknown', { number, id });
      const body = { action: action.id, kind: action.kind, reason: answer.reason };
      await this.#record(tx, factOf('action.approved', incident, actor, body));
    });
    journal.committed();
    this.#workSoon();
    return { ...action, state: 'queued' };
  }

  /** Why a playbook that a policy began leaves a step out: the policy did the same to as much for another incident. */
  async heldBack(incident: Incident, kind: ActionKind, actor: string): Promise<Text | null> {
    const { db, clock, policies } = this.#options;
    const limit = policies?.list().find(({ policy }) => `policy:${policy.name}` === actor)?.policy.limit;
    if (limit === undefined) return null;
    const since = new Date(clock.now().getTime() - limit.minutes * 60_000).toISOString();
    const lately = (await readActions(db, { actor, since })).filter(
      (one) => one.incident !== incident.number && one.state !== 'declined' && one.state !== 'dry-run',
    );
    return (await this.#reachedAlready(db, kind, incident, lately)) ? DONE_LATELY(limit) : null;
  }

  /** Who wrote the policy that acts under this name; null: it is no longer in force. */
  authorOf(actor: string): string | null {
    return this.#options.policies?.list().find(({ policy }) => `policy:${policy.name}` === actor)?.author ?? null;
  }

  /** Resolves when nothing that policies asked for is left to do. */
  async idle(): Promise<void> {
    await this.#working;
  }

  /** Writes down what policies want about an alert, in the transaction that stores it: nothing is forgotten by a crash. */
  async #plan(tx: Kysely<RespondTables>, alert: Alert, incident: Incident): Promise<void> {
    const speaking = this.#options.policies?.speakingOf(alert) ?? [];
    if (speaking.length === 0) return;
    const before = await readActions(tx, { incident: incident.number });
    for (const { policy } of speaking) {
      const actor = `policy:${policy.name}`;
      const since = new Date(this.#options.clock.now().getTime() - policy.limit.minutes * 60_000).toISOString();
      // What it only said when it was tried is nothing that it did.
      const lately = (await readActions(tx, { actor, since })).filter(
        ({ state }) => state !== 'declined' && (state !== 'dry-run' || policy.mode === 'dry-run'),
      );
      let acted = lately.length;
      for (const kind of policy.do) {
        if (before.some((one) => one.kind === kind && one.actor === actor && isStanding(one, policy.mode))) continue;
        const isAgain = await this.#reachedAlready(tx, kind, incident, lately);
        const isOver = isAgain || acted >= policy.limit.actions;
        if (!isOver) acted += 1;
        const asks = asksFirst(policy, incident.environment);
        const state = isOver ? 'declined' : policy.mode === 'dry-run' ? 'dry-run' : asks ? 'awaiting' : 'queued';
        const action: Action = {
          ...{ id: newId(this.#options.clock), incident: incident.number, kind, state, actor },
          target: { kind: 'subject', subject: targetWords(kind, incident) },
          ...{ reason: alert.rule, at: this.#now(), endedAt: null },
          outcome: isAgain
            ? DONE_LATELY(policy.limit)
            : isOver
              ? OVER_LIMIT(policy.limit)
              : state === 'dry-run' && asks
                ? WOULD_ASK
                : null,
        };
        await insertAction(tx, action);
        await this.#record(
          tx,
          factOf('action.planned', incident, actor, { action: action.id, kind, state, alert: alert.id }),
        );
        if (state === 'queued') this.#planned = true;
      }
      await this.#planRuns(tx, policy, incident, { actor, since, acted });
    }
  }

  /** The playbooks that a policy begins: each once an incident, within the same limit. A trial begins none. */
  async #planRuns(
    tx: Kysely<RespondTables>,
    policy: ResponsePolicy,
    incident: Incident,
    { actor, since, acted }: { readonly actor: string; readonly since: string; readonly acted: number },
  ): Promise<void> {
    const { playbooks, log } = this.#options;
    if (playbooks === undefined || policy.run.length === 0 || policy.mode === 'dry-run') return;
    const before = await playbooks.startedFor(tx, actor, incident.number);
    let begun = acted + (await playbooks.startedBy(tx, actor, since));
    const open = await playbooks.openOfPolicies(tx, incident);
    let planned = 0;
    for (const name of policy.run) {
      const isKnown = playbooks.list().some(({ playbook }) => playbook.name === name);
      if (before.includes(name)) continue;
      const isOver =
        begun >= policy.limit.actions ||
        open.project + planned >= POLICY_RUNS_OPEN_MAX ||
        open.workload + planned >= WORKLOAD_RUNS_OPEN_MAX;
      if (!isKnown || isOver) {
        const why = !isKnown ? 'unknown' : begun >= policy.limit.actions ? 'limit' : 'too-many-open';
        log.warn({ policy: policy.name, playbook: name, incident: incident.number, why }, 'a playbook was not begun');
        await this.#tellHeldBack(tx, incident, { policy: policy.name, playbook: name, why });
        continue;
      }
      begun += 1;
      planned += 1;
      await playbooks.plan(tx, name, incident, actor, { asks: asksFirst(policy, incident.environment) });
      this.#toRun = true;
    }
  }

  /** In the journal once an incident: an incident has thousands of alerts. */
  async #tellHeldBack(
    tx: Kysely<RespondTables>,
    incident: Incident,
    body: { readonly policy: string; readonly playbook: string; readonly why: string },
  ): Promise<void> {
    const key = `${body.policy} ${body.playbook} ${incident.number}`;
    if (this.#heldBack.has(key)) return;
    this.#heldBack.add(key);
    for (const oldest of this.#heldBack) {
      if (this.#heldBack.size <= COUNTED_KNOWN_MAX) break;
      this.#heldBack.delete(oldest);
    }
    await this.#record(tx, factOf('playbook.held-back', incident, `policy:${body.policy}`, body));
  }

  /**
   * Whether a policy did the same to more than a container a while ago, for another incident. What comes of a roll-back runs
   * in new containers, whose alerts are new incidents: it would go back release by release.
   */
  async #reachedAlready(
    tx: Kysely<RespondTables>,
    kind: ActionKind,
    incident: Incident,
    lately: readonly Action[],
  ): Promise<boolean> {
    const reach = reachOf(kind, incident);
    if (reach === null) return false;
    for (const one of lately) {
      if (one.kind !== kind || one.state === 'failed') continue;
      const other = await readIncident(tx, one.incident);
      if (other !== null && reachOf(kind, other) === reach) return true;
    }
    return false;
  }

  /** After a commit: what it asked for begins. */
  #goOn(): void {
    if (this.#planned) this.#workSoon();
    if (this.#toRun) {
      this.#toRun = false;
      this.#options.playbooks
        ?.workQueued()
        .catch((error: unknown) => this.#options.log.error({ err: error }, 'playbooks could not begin'));
    }
    if (!this.#toTell) return;
    this.#toTell = false;
    void this.#options.notices?.deliver();
  }

  #workSoon(): void {
    this.#planned = false;
    this.#wake();
    this.#working = this.#working
      .then(() => this.#work())
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'what policies asked for could not be done'));
  }

  /**
   * Does what is queued: incidents side by side, the actions of one in their order. One that takes its time, as evidence does,
   * keeps nobody else's waiting.
   */
  async #work(): Promise<void> {
    const underway = new Map<number, Promise<void>>();
    const failed = new Set<number>();
    for (;;) {
      const news = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const queued = await readActions(this.#options.db, { state: 'queued' });
      for (const { incident: number } of queued) {
        if (underway.size >= POLICY_INCIDENTS_AT_ONCE) break;
        if (underway.has(number) || failed.has(number)) continue;
        const work = this.#workOffAll(queued.filter(({ incident }) => incident === number))
          .catch((error: unknown) => {
            // Not tried again at once: whatever comes next tries it.
            failed.add(number);
            this.#options.log.error({ err: error, incident: number }, 'what policies asked for could not be done');
          })
          .finally(() => underway.delete(number));
        underway.set(number, work);
      }
      if (underway.size === 0) return;
      await Promise.race([news, ...underway.values()]);
    }
  }

  async #workOffAll(actions: readonly Action[]): Promise<void> {
    for (const action of actions) await this.#workOff(action);
  }

  async #workOff(action: Action): Promise<void> {
    const { db, clock } = this.#options;
    const incident = await this.incident(action.incident);
    if (incident.state === 'closed') {
      await this.#end(action, 'declined', CLOSED);
      return;
    }
    for (let alone = 0; ; ) {
      try {
        if (!(await db.transaction().execute((tx) => moveAction(tx, action.id, 'queued', 'running')))) return;
        break;
      } catch (error) {
        // The unique index: somebody else's action on the incident runs, or ran until a moment ago; it ends within its time.
        const running = (await readActions(db, { incident: action.incident })).some(({ state }) => state === 'running');
        if (!running && ++alone >= BUSY_ALONE_MAX) throw error;
        await clock.sleep(BUSY_WAIT_MS);
      }
    }
    const end = await this.#execute(incident, action);
    await this.#end(action, end.state, end.outcome);
  }

  async #execute(incident: Incident, action: Action): Promise<{ state: Action['state']; outcome: Text }> {
    const { kind } = action;
    if (kind !== 'kill-process' && kind !== 'kill-container') {
      const actions = await readActions(this.#options.db, { incident: incident.number });
      const why = whyNot(describeAction(kind), incident, actions);
      return why === null ? this.#carryOut(incident, action) : { state: 'failed', outcome: why };
    }
    if (incident.containerId === null) return { state: 'failed', outcome: NOT_HERE };
    return this.#perform(incident, await this.#target(incident, kind === 'kill-process' ? 'process' : 'container'));
  }

  #can(kind: ActionKind): boolean {
    return kind === 'kill-process' || kind === 'kill-container' || this.#options.deeds?.[kind] !== undefined;
  }

  async #carryOut(incident: Incident, action: Action): Promise<{ state: Action['state']; outcome: Text }> {
    const deed = this.#options.deeds?.[action.kind as DeedKind];
    if (deed === undefined) return { state: 'failed', outcome: NOT_HERE };
    try {
      const most = SLOW_ACTIONS.includes(action.kind) ? SLOW_ACTION_TIMEOUT_MS : ACTION_TIMEOUT_MS;
      return { state: 'done', outcome: await this.#inTime(deed(incident, action), most) };
    } catch (error) {
      return failureOf(error, incident.host, { en: 'not done', es: 'no se hizo' });
    }
  }

  /** What is stored together is stored or not, the numbers and the ids behind them too. */
  async #store<T>(work: (tx: Kysely<RespondTables>, batch: Batch) => Promise<T>): Promise<T> {
    const written = await this.#readCounted();
    const batch = newBatch();
    try {
      let row: CountedRow | null = null;
      const done = await this.#options.db.transaction().execute(async (tx) => {
        const result = await work(tx, batch);
        await this.#count(tx, batch);
        row = await this.#writeCounted(tx, written, batch.counted);
        // Known from now on: one that comes once more is answered after a later commit, whose flush covers this one.
        this.#remember(batch);
        return result;
      });
      if (row !== null) written.add(row);
      return done;
    } catch (error) {
      // Whether the commit happened may be known to nobody: what was counted is read anew.
      for (const id of batch.counted) this.#counted.delete(id);
      for (const key of batch.rules) this.#rules.delete(key);
      this.#counts = undefined;
      throw error;
    }
  }

  /** After a start the ids of the last that were only counted are read: agents send again what was not answered. */
  #readCounted(): Promise<CountedRows> {
    if (this.#counts !== undefined) return this.#counts;
    const reading = this.#alerts.readCounted(COUNTED_KNOWN_MAX).then((rows) => {
      const written = new CountedRows();
      for (const { id, ids } of rows) {
        for (const one of ids) this.#counted.add(one);
        written.add({ id, size: ids.length });
      }
      return written;
    });
    this.#counts = reading;
    reading.catch(() => {
      this.#counts = undefined;
    });
    return reading;
  }

  async #writeCounted(
    tx: Kysely<RespondTables>,
    written: CountedRows,
    ids: ReadonlySet<string>,
  ): Promise<CountedRow | null> {
    if (ids.size === 0) return null;
    const row = { id: newId(this.#options.clock), size: ids.size };
    await this.#alerts.insertCounted(tx, row.id, ids);
    const last = written.tooOld(row.size);
    if (last !== null) await this.#alerts.forgetCounted(tx, last);
    return row;
  }

  async #ingest(tx: Kysely<RespondTables>, alert: Alert, host: string, batch: Batch): Promise<Ingested> {
    if (this.#counted.has(alert.id) || batch.counted.has(alert.id)) return KNOWN;
    const { clock } = this.#options;
    const alerts = this.#alerts;
    const key = groupKey(alert, host);
    const since = new Date(Date.parse(alert.at) - INCIDENT_WINDOW_MINUTES * 60_000).toISOString();
    const flooded = batch.full.get(key);
    if (
      flooded !== undefined &&
      flooded.incident.lastAlertAt >= since &&
      !isWorse(alert, flooded.incident) &&
      this.#isKnownRule(flooded.incident, alert, batch)
    ) {
      if (await this.#isStored(tx, alert, batch)) return KNOWN;
      flooded.counted = flooded.counted === null ? countOf(alert) : addCounts(flooded.counted, countOf(alert));
      batch.counted.add(alert.id);
      return { outcome: 'counted', incident: flooded.incident.number };
    }
    // What was counted until now is seen by who looks for the incident.
    await this.#count(tx, batch);
    const found = await alerts.findOpenIncident(tx, key, since);
    const isFull = found !== null && (await this.#isFull(tx, found, alert, batch));
    // Where the alert is written down, its id tells whether it was before.
    if ((found === null || isFull) && (await this.#isStored(tx, alert, batch))) return KNOWN;
    const incident = found ?? (await openIncident(tx, newId(clock), alert, host));
    if (!isFull && !(await alerts.insertAlert(tx, alert, incident.number, host))) return KNOWN;
    if (!isFull) batch.known?.add(alert.id);
    if (found !== null) {
      const { reopened } = await alerts.countAlert(tx, found, alert, { kept: isFull ? 0 : 1, now: clock.now() });
      if (reopened)
        await this.#step(tx, found.number, factOf('incident.reopened', found, `agent:${host}`, { alert: alert.id }));
      if (isFull) {
        const worse = isWorse(alert, found) ? await this.#worsen(tx, found, alert) : found;
        batch.counted.add(alert.id);
        // An incident that was contained is looked at alert by alert: one that goes on is open again.
        if (found.state !== 'contained') batch.full.set(key, { incident: worse, counted: null });
        return { outcome: 'counted', incident: found.number };
      }
    }
    await this.#record(tx, alertFact(alert, incident, host));
    if (found === null) {
      await this.#record(
        tx,
        factOf('incident.opened', incident, 'platform', {
          rule: alert.rule,
          priority: alert.priority,
          alert: alert.id,
        }),
      );
    }
    if (found !== null && isWorse(alert, found)) await this.#worsen(tx, found, alert);
    await this.#plan(tx, alert, incident);
    if (found === null && ((await this.#options.notices?.plan(tx, 'incident.opened', incident, alert)) ?? 0) > 0)
      this.#toTell = true;
    return { outcome: found === null ? 'opened' : 'added', incident: incident.number };
  }

  /** An incident bears the name of what was worst in it; who waits for this severity, and was not told of less, is told now. */
  async #worsen(tx: Kysely<RespondTables>, found: Incident, alert: Alert): Promise<Incident> {
    const { rule, priority } = alert;
    const incident = { ...found, rule, priority, title: titleOf({ ...found, rule }) };
    await changeIncident(tx, found.number, { rule });
    await this.#step(
      tx,
      found.number,
      factOf('incident.worsened', incident, 'platform', { rule, priority, before: found.priority, alert: alert.id }),
    );
    if (((await this.#options.notices?.plan(tx, 'incident.worsened', incident, alert)) ?? 0) > 0) this.#toTell = true;
    return incident;
  }

  /** Whether no more is kept whole of it than the first alert of each further rule, priority and tags, and this is none. */
  async #isFull(tx: Kysely<RespondTables>, incident: Incident, alert: Alert, batch: Batch): Promise<boolean> {
    if (incident.keptCount < INCIDENT_ALERTS_MAX) return false;
    if (incident.keptCount >= INCIDENT_ALERTS_MAX + INCIDENT_RULES_MAX) return true;
    if (this.#isKnownRule(incident, alert, batch)) return true;
    const isKnown = await this.#alerts.hasKind(tx, incident.number, alert);
    if (isKnown) batch.rules.add(ruleKey(incident, alert));
    return isKnown;
  }

  #isKnownRule(incident: Incident, alert: Alert, batch: Batch): boolean {
    const key = ruleKey(incident, alert);
    return (
      incident.keptCount >= INCIDENT_ALERTS_MAX + INCIDENT_RULES_MAX || batch.rules.has(key) || this.#rules.has(key)
    );
  }

  #isStored(tx: Kysely<RespondTables>, { id }: Alert, { known }: Batch): Promise<boolean> | boolean {
    return known === null ? this.#alerts.hasAlert(tx, id) : known.has(id);
  }

  /** Writes down what a batch only counted: once an incident, however many there were. */
  async #count(tx: Kysely<RespondTables>, batch: Batch): Promise<void> {
    for (const [key, { incident, counted }] of batch.full) {
      if (counted !== null) await this.#alerts.count(tx, incident, { ...counted, kept: 0 });
      batch.full.delete(key);
    }
  }

  /** What was counted is known when it comes once more. */
  #remember(batch: Batch): void {
    for (const id of batch.counted) this.#counted.add(id);
    for (const key of batch.rules) this.#rules.add(key);
    for (const set of [this.#counted, this.#rules]) {
      for (const oldest of set) {
        if (set.size <= COUNTED_KNOWN_MAX) break;
        set.delete(oldest);
      }
    }
  }

  async #target(incident: Incident, what: KillTarget['kind']): Promise<KillTarget> {
    const { containerId, number } = incident;
    if (containerId === null) throw respondFault('respond.nothing-to-kill', { number });
    if (what === 'container') return { kind: 'container', containerId };
    const alerts = await readAlerts(this.#options.db, {
      projects: '*',
      incident: number,
      order: 'newest',
      limit: ALERTS_SHOWN_MAX,
    });
    // Those named last first: of many, the oldest have ended most likely.
    const latest = new Map(
      alerts.map(({ process }, place): [number, number] => [process.pid, alerts.length - place]).reverse(),
    );
    const pids = [...new Set(offendingPids(buildProcessTree(alerts.toReversed())))]
      .sort((one, other) => (latest.get(other) ?? 0) - (latest.get(one) ?? 0))
      .slice(0, KILL_PROCESSES_MAX);
    return pids.length === 0 ? { kind: 'container', containerId } : { kind: 'process', containerId, pids };
  }

  /** Writes down that it is being done before it is: after a crash it is never silently forgotten. */
  async #begin(action: Action): Promise<void> {
    const { db } = this.#options;
    try {
      await db.transaction().execute((tx) => insertAction(tx, action));
    } catch (cause) {
      // The unique index let somebody else's action through first.
      const [running] = (await readActions(db, { incident: action.incident })).filter((one) => one.state === 'running');
      throw running === undefined ? cause : this.#running(action.incident, running);
    }
  }

  async #perform(incident: Incident, target: KillTarget): Promise<{ state: Action['state']; outcome: Text }> {
    const { responder } = this.#options;
    const pids = target.kind === 'container' ? [null] : target.pids;
    const answers = await Promise.allSettled(
      pids.map((pid) => this.#inTime(responder.kill(incident.host, { containerId: target.containerId, pid }))),
    );
    return judgeAnswers(incident, target, answers);
  }

  async #inTime<T>(work: Promise<T>, mostMs = ACTION_TIMEOUT_MS): Promise<T> {
    const { clock } = this.#options;
    const timer = new AbortController();
    try {
      const late = clock.sleep(mostMs, timer.signal).then(() => {
        throw new NoAnswer(mostMs);
      });
      return await Promise.race([work, late]);
    } finally {
      timer.abort();
    }
  }

  async #end(action: Action, state: Action['state'], outcome: Text): Promise<Action> {
    const { db, journal, log } = this.#options;
    const endedAt = this.#now();
    const ended: Action = { ...action, state, endedAt, outcome };
    const incident = await this.incident(action.incident);
    await db.transaction().execute(async (tx) => {
      if (!(await endAction(tx, action.id, { state, endedAt, outcome }))) return;
      const change = state === 'done' ? changeAfter(action, incident, endedAt) : null;
      if (change !== null) await changeIncident(tx, incident.number, change);
      await this.#record(
        tx,
        factOf('action.taken', incident, action.actor, {
          action: action.id,
          kind: action.kind,
          target: targetBody(action.target),
          state,
          outcome: { ...outcome },
          reason: action.reason,
        }),
      );
    });
    journal.committed();
    if (state !== 'done') log.warn({ incident: action.incident, action: action.id, state }, outcome.en);
    return ended;
  }

  async #change(
    incident: Incident,
    change: IncidentChange,
    kind: string,
    actor: string,
    body: Record<string, string>,
  ): Promise<Incident> {
    const { db, journal } = this.#options;
    await db.transaction().execute(async (tx) => {
      if (!(await changeIncident(tx, incident.number, change))) throw this.#closed(await this.#read(tx, incident));
      await this.#step(tx, incident.number, factOf(kind, incident, actor, body));
    });
    journal.committed();
    return this.incident(incident.number);
  }

  async #read(tx: Kysely<RespondTables>, incident: Incident): Promise<Incident> {
    return (await readIncident(tx, incident.number)) ?? incident;
  }

  async #notClosed(number: number): Promise<Incident> {
    const incident = await this.incident(number);
    if (incident.state === 'closed') throw this.#closed(incident);
    return incident;
  }

  #closed({ number, owner, closedAt }: Incident): Fault {
    return respondFault('respond.incident-closed', { number, owner: owner ?? '?', at: closedAt ?? '?' });
  }

  #running(number: number, action: Action): Fault {
    return respondFault('respond.action-running', { number, actor: action.actor, at: action.at });
  }

  /** Oldest first; of a long life the newest part, because that is what led here. */
  async #factsOf(incident: Incident): Promise<Fact[]> {
    if (incident.digest === null) return [];
    const facts = await this.#options.journal.query({
      projects: incident.project === null ? '*' : [incident.project],
      digest: incident.digest,
      kinds: TIMELINE_KINDS,
      order: 'newest',
      limit: TIMELINE_FACTS_MAX,
    });
    return facts.reverse();
  }

  /** States what became of an incident, and keeps it with the incident: its story is told by its number. */
  async #step(tx: Kysely<RespondTables>, incident: number, fact: NewFact): Promise<void> {
    await insertStep(tx, incident, await this.#record(tx, fact));
  }

  #record(tx: Kysely<RespondTables>, fact: NewFact): Promise<Fact> {
    return this.#options.journal.record<RespondTables>(tx, fact);
  }

  #now(): string {
    return this.#options.clock.now().toISOString();
  }
}

/** Alerts that are stored together, and what of them is a number. */
interface Batch {
  /** Ids that are stored, of those that came; null: each is looked up. */
  known: Set<string> | null;
  readonly counted: Set<string>;
  readonly rules: Set<string>;
  /** Incidents that keep no more alerts whole, by their group. */
  readonly full: Map<string, { readonly incident: Incident; counted: Counted | null }>;
}

/** A row of ids that were counted together. */
interface CountedRow {
  readonly id: string;
  readonly size: number;
}

/** Which rows hold the ids of alerts that were only counted, oldest first, so that the oldest can make room. */
class CountedRows {
  readonly #rows: CountedRow[] = [];
  #known = 0;

  add(row: CountedRow): void {
    this.#rows.push(row);
    this.#known += row.size;
    for (let oldest = this.#rows[0]; oldest !== undefined && this.#isTooOld(oldest, 0); oldest = this.#rows[0]) {
      this.#known -= oldest.size;
      this.#rows.shift();
    }
  }

  /** The last row that nobody needs once so many more ids are written down, or null. */
  tooOld(more: number): string | null {
    let last: string | null = null;
    let dropped = 0;
    for (const row of this.#rows) {
      if (!this.#isTooOld(row, more - dropped)) break;
      dropped += row.size;
      last = row.id;
    }
    return last;
  }

  #isTooOld({ size }: CountedRow, more: number): boolean {
    return this.#known + more - size >= COUNTED_KNOWN_MAX;
  }
}

function newBatch(): Batch {
  return { known: null, counted: new Set(), rules: new Set(), full: new Map() };
}

function ruleKey({ number }: Incident, alert: Alert): string {
  return `${number} ${kindOf(alert)}`;
}

/** The host did not answer in time: whether it acted is not known. */
class NoAnswer extends Error {
  readonly waitedMs: number;

  constructor(waitedMs: number) {
    super(`no answer within ${waitedMs} ms`);
    this.waitedMs = waitedMs;
  }
}

/** An action that a host or the platform did not do, in words; without an answer nobody knows. */
function failureOf(cause: unknown, host: string, lead: Text): { state: Action['state']; outcome: Text } {
  if (cause instanceof NoAnswer) {
    const seconds = cause.waitedMs / 1000;
    return {
      state: 'unknown',
      outcome: {
        en: `${host} did not answer within ${seconds} s; whether it happened is not known`,
        es: `${host} no respondió en ${seconds} s; no se sabe si ocurrió`,
      },
    };
  }
  const why = (language: 'en' | 'es') => {
    if (!(cause instanceof Fault)) return cause instanceof Error ? cause.message : String(cause);
    const text = cause.text(language);
    return text.why === undefined ? text.what : `${text.what}: ${text.why}`;
  };
  return { state: 'failed', outcome: { en: `${lead.en}: ${why('en')}`, es: `${lead.es}: ${why('es')}` } };
}

/** What the host's answers mean together. One that failed makes the whole not done; one without answer, not known. */
function judgeAnswers(
  incident: Incident,
  target: KillTarget,
  answers: readonly PromiseSettledResult<'killed' | 'gone'>[],
): { state: Action['state']; outcome: Text } {
  const refused = answers.find((answer) => answer.status === 'rejected');
  if (refused !== undefined) {
    return failureOf(refused.reason, incident.host, {
      en: `not killed on ${incident.host}`,
      es: `no se terminó en ${incident.host}`,
    });
  }
  const gone = answers.every((answer) => answer.status === 'fulfilled' && answer.value === 'gone');
  if (gone) {
    return {
      state: 'done',
      outcome:
        target.kind === 'container'
          ? { en: 'the container was gone already', es: 'el contenedor ya no existía' }
          : {
              en: `processes ${target.pids.join(', ')} had ended already; what they started may still run: end the container to be sure`,
              es: `los procesos ${target.pids.join(', ')} ya habían acabado; lo que iniciaron puede seguir: terminar el contenedor para estar seguro`,
            },
    };
  }
  return {
    state: 'done',
    outcome:
      target.kind === 'container'
        ? { en: `container killed on ${incident.host}`, es: `contenedor terminado en ${incident.host}` }
        : {
            en: `processes ${target.pids.join(', ')} and all below them killed on ${incident.host}`,
            es: `procesos ${target.pids.join(', ')} y todos sus descendientes terminados en ${incident.host}`,
          },
  };
}

/** What an action that was done makes of its incident; null: nothing. */
function changeAfter({ kind, actor }: Action, incident: Incident, at: string): IncidentChange | null {
  const { contains, undoes } = describeAction(kind);
  // A policy acts; it does not take anything on.
  const owner = incident.owner ?? (actor.startsWith('policy:') ? null : actor);
  if (contains) return { state: 'contained', containedAt: at, owner };
  if (undoes !== null && describeAction(undoes).contains && incident.state === 'contained')
    return { state: owner === null ? 'open' : 'acknowledged', containedAt: null, owner };
  return null;
}

/** What takes as long as a look at a container, or as judging a release. */
const SLOW_ACTIONS: readonly ActionKind[] = ['evidence', 'roll-back', 'quarantine', 'unquarantine'];
const CLOSED: Text = { en: 'the incident is closed', es: 'el incidente está cerrado' };
/** A container that begins is among what its host tells within this time. */
const TOLD_WITHIN_MS = 15_000;
const NOT_HERE: Text = { en: 'this platform has no part that does it', es: 'esta plataforma no tiene quien lo haga' };

const OVER_LIMIT = ({ actions, minutes }: ResponsePolicy['limit']): Text => ({
  en: `held back: the policy acted ${actions} ${actions === 1 ? 'time' : 'times'} in ${minutes} min`,
  es: `retenido: la política actuó ${actions} ${actions === 1 ? 'vez' : 'veces'} en ${minutes} min`,
});

const DONE_LATELY = ({ minutes }: ResponsePolicy['limit']): Text => ({
  en: `held back: the policy did the same there less than ${minutes} min ago`,
  es: `retenido: la política hizo lo mismo allí hace menos de ${minutes} min`,
});

const WOULD_ASK: Text = {
  en: 'somebody else would have to agree first',
  es: 'antes tendría que aprobarlo otra persona',
};

/**
 * Whether what a policy planned about an incident before keeps it from planning the same again. What it only said while it was tried
 * does not, once it acts.
 */
function isStanding({ kind, state }: Action, mode: ResponsePolicy['mode']): boolean {
  if (state === 'dry-run') return mode === 'dry-run';
  return !actsAgain(kind, mode) || state === 'queued' || state === 'awaiting' || state === 'declined';
}

/** Between looks at whether another action on the same incident has ended. */
const BUSY_WAIT_MS = 200;
/** Refusals with no other action to be seen, after which it is something else that is wrong. */
const BUSY_ALONE_MAX = 5;

/** Something that can be done, or why not. */
export interface Offer {
  readonly kind: ActionKind;
  readonly title: Text;
  readonly effect: readonly Text[];
  readonly undo: ActionKind | null;
  readonly contains: boolean;
  /** Why it cannot be done now; null: it can. */
  readonly why: Text | null;
}

function targetBody(target: Action['target']): { [key: string]: Json } {
  if (target.kind === 'subject') return { ...target };
  const { kind, containerId } = target;
  return target.kind === 'process' ? { kind, containerId, pids: [...target.pids] } : { kind, containerId };
}

function isWorse(alert: Alert, incident: Incident): boolean {
  return priorityRank(alert.priority) < priorityRank(incident.priority);
}

function alertFact(alert: Alert, incident: Incident, host: string): NewFact {
  return {
    kind: 'alert.raised',
    project: incident.project,
    actor: `agent:${host}`,
    subject: placeOf(incident),
    digest: incident.digest,
    body: {
      alert: alert.id,
      incident: incident.number,
      rule: alert.rule,
      priority: alert.priority,
      environment: incident.environment,
      output: alert.output,
    },
  };
}

function factOf(kind: string, incident: Incident, actor: string, body: Extract<NewFact['body'], object>): NewFact {
  return {
    kind,
    project: incident.project,
    actor,
    subject: `incident ${incident.number}`,
    digest: incident.digest,
    body: { incident: incident.number, environment: incident.environment, workload: incident.workload, ...body },
  };
}
