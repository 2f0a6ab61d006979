import type { Kysely } from 'kysely';
import type { Journal } from '../../journal/index.ts';
import { matchesGlob } from '../../oci/index.ts';
import { silentStep } from '../../progress/index.ts';
import { type Clock, Fault, type Json, type Log, newId, type Text } from '../../system/index.ts';
import { hostFault } from '../errors.ts';
import { ROLLOUTS_SHOWN } from '../limits.ts';
import type { HostTables } from '../machines.ts';
import type { KernelPatches } from '../patches/patches.ts';
import type { Reboots } from '../reboot/reboots.ts';
import { faultText } from '../words.ts';
import {
  decideRollout,
  type HostPhase,
  type HostSight,
  Rollout,
  type RolloutEvent,
  type RolloutState,
} from './machine.ts';
import { isOpen, planRings, type RolloutPlan, type RolloutRules } from './plan.ts';

/** What is seen of hosts now: whether each answers, and what is wrong with its workloads and its sensor, by name. */
export type LookAtHosts = () => (host: string) => { readonly isHere: boolean; readonly problems: readonly Text[] };

export interface RolloutView {
  readonly id: string;
  readonly kind: 'patch' | 'restart';
  readonly patch: string;
  readonly digest: string;
  readonly state: RolloutState;
  /** Why it turned back or stopped. */
  readonly why: Text | null;
  readonly startedAt: string;
  readonly startedBy: string;
  readonly rules: RolloutRules;
  /** Hosts may be begun now, as far as windows go. */
  readonly isOpen: boolean;
  readonly rings: readonly {
    readonly name: string;
    readonly state: 'waiting' | 'now' | 'passed';
    readonly hosts: number;
    readonly failuresMax: number;
    readonly phases: Readonly<Partial<Record<HostPhase, number>>>;
  }[];
  /** Hosts that are neither well nor waiting, the last changed first. */
  readonly notable: readonly {
    readonly host: string;
    readonly phase: HostPhase;
    readonly why: Text | null;
    readonly since: string;
  }[];
}

interface Standing {
  readonly rollout: Rollout;
  readonly startedAt: string;
  readonly startedBy: string;
  sequence: number;
  /** Commands on their way, by host: one a host. */
  readonly underway: Set<string>;
  /** Since when what is wrong with a host. */
  readonly seen: Map<
    string,
    { awaySinceMs: number | null; readonly problems: Map<string, { readonly text: Text; readonly sinceMs: number }> }
  >;
}

/** The image digest that facts of a roll-out name: a patch has one, a restart none. */
const digestOf = ({ restart, digest }: RolloutPlan): string | null => (restart === undefined ? digest : null);

/** Hosts that a view names. */
const NOTABLE_MAX = 200;

/**
 * Roll-outs of live patches over the hosts of the platform. Each thing that happens is written down, with its fact in the
 * journal, before the command goes out that follows from it; a control that starts anew folds what is written and goes on.
 */
export class Rollouts {
  readonly #db: Kysely<HostTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #patches: Pick<KernelPatches, 'show' | 'places' | 'changeNow'>;
  readonly #look: LookAtHosts;
  readonly #reboots: Pick<Reboots, 'needs' | 'reboot'>;
  readonly #standing = new Map<string, Standing>();
  #turn: Promise<unknown> = Promise.resolve();
  /** The latest time that anything was seen or written at. */
  #latestMs = 0;
  /** What the clock said when this began to count, and from where it counts. */
  #base: { readonly atMs: number; readonly monotonicMs: number } | null = null;

  constructor(options: {
    readonly db: Kysely<never>;
    readonly journal: Pick<Journal, 'record' | 'committed'>;
    readonly clock: Clock;
    readonly log: Log;
    readonly patches: Pick<KernelPatches, 'show' | 'places' | 'changeNow'>;
    readonly look: LookAtHosts;
    readonly reboots: Pick<Reboots, 'needs' | 'reboot'>;
  }) {
    this.#db = options.db as unknown as Kysely<HostTables>;
    this.#journal = options.journal;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#patches = options.patches;
    this.#look = options.look;
    this.#reboots = options.reboots;
  }

  /** Takes up what was under way when control ended, however it ended. */
  async open(): Promise<void> {
    const rows = await this.#db
      .selectFrom('host_rollouts')
      .selectAll()
      .orderBy('started_at', 'desc')
      .limit(ROLLOUTS_SHOWN)
      .execute();
    for (const row of rows) {
      const rollout = new Rollout(JSON.parse(row.plan) as RolloutPlan);
      const events = await this.#db
        .selectFrom('host_rollout_events')
        .selectAll()
        .where('rollout', '=', row.id)
        .orderBy('sequence')
        .execute();
      for (const { at_ms, event } of events) {
        rollout.take(readEvent(event), Number(at_ms));
        this.#latestMs = Math.max(this.#latestMs, Number(at_ms));
      }
      const sequence = Number(events.at(-1)?.sequence ?? 0);
      this.#keep(rollout, { startedAt: row.started_at, startedBy: row.started_by, sequence });
    }
  }

  /**
   * Begins a roll-out over the hosts whose running kernel the patch is for and where it is not in force.
   * @param patterns names of hosts, `*` for part of one; none: all of them
   * @throws Fault host.patch-unknown, host.patch-untrusted, host.rollout-nowhere, host.rollout-running
   */
  async start(
    {
      patch,
      rules,
      patterns,
    }: { readonly patch: string; readonly rules: RolloutRules; readonly patterns: readonly string[] },
    actor: string,
  ): Promise<RolloutView> {
    return this.#inTurn(async () => {
      const found = await this.#patches.show(patch);
      if (found.doubt !== null) throw hostFault('host.patch-untrusted', { name: patch, why: found.doubt.en });
      this.#requireNone();
      const { fitting } = this.#patches.places(found);
      const hosts = fitting.filter((host) => patterns.length === 0 || patterns.some((one) => matchesGlob(one, host)));
      if (hosts.length === 0) throw hostFault('host.rollout-nowhere', { patch });
      const { digest } = found;
      const id = newId(this.#clock);
      return this.#begin({ id, patch, digest, rules, rings: planRings(hosts, digest, rules) }, hosts.length, actor);
    });
  }

  /**
   * Begins to start hosts again in order.
   * @param patterns names of hosts, `*` for part of one; none: all that need it
   * @param kernel the release to come back on; null: the newest on each host's disk
   * @param isForced also those that need no start
   * @throws Fault host.reboot-nowhere, host.rollout-running
   */
  async startRestart(
    {
      rules,
      patterns,
      kernel,
      isForced,
    }: {
      readonly rules: RolloutRules;
      readonly patterns: readonly string[];
      readonly kernel: string | null;
      readonly isForced: boolean;
    },
    actor: string,
  ): Promise<RolloutView> {
    return this.#inTurn(async () => {
      this.#requireNone();
      const hosts = this.#reboots
        .needs()
        .filter(({ host, release, isNeeded }) => {
          const isNamed = patterns.length === 0 || patterns.some((one) => matchesGlob(one, host));
          return isNamed && (isForced || isNeeded || (kernel !== null && kernel !== release));
        })
        .map(({ host }) => host);
      if (hosts.length === 0) throw hostFault('host.reboot-nowhere');
      const id = newId(this.#clock);
      // There is no way back from a start: what goes wrong stops it.
      const own = { ...rules, rollBack: false };
      const plan = {
        id,
        patch: 'restart',
        digest: id,
        restart: { kernel },
        rules: own,
        rings: planRings(hosts, id, own),
      };
      return this.#begin(plan, hosts.length, actor);
    });
  }

  #requireNone(): void {
    const other = [...this.#standing.values()].find(({ rollout }) => !rollout.hasEnded);
    if (other !== undefined) throw hostFault('host.rollout-running', { patch: other.rollout.plan.patch });
  }

  async #begin(plan: RolloutPlan, hosts: number, actor: string): Promise<RolloutView> {
    const { id, patch } = plan;
    // Nothing is waited for now: from here on it may be the clock's time again.
    this.#base = null;
    const startedAt = this.#clock.now().toISOString();
    const body = { patch, hosts, rings: plan.rings.map(({ name, hosts: of }) => ({ name, hosts: of.length })) };
    await this.#db.transaction().execute(async (tx) => {
      const row = { id, plan: JSON.stringify(plan), started_at: startedAt, started_by: actor };
      await tx.insertInto('host_rollouts').values(row).execute();
      const about = { project: null, subject: id, digest: digestOf(plan), actor };
      await this.#journal.record(tx, { kind: 'rollout.started', ...about, body });
    });
    this.#journal.committed();
    const standing = this.#keep(new Rollout(plan), { startedAt, startedBy: actor, sequence: 0 });
    await this.#advance(standing);
    return this.#view(standing);
  }

  list(): RolloutView[] {
    return [...this.#standing.values()]
      .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1))
      .slice(0, ROLLOUTS_SHOWN)
      .map((one) => this.#view(one));
  }

  /** @throws Fault host.rollout-unknown */
  show(id: string): RolloutView {
    return this.#view(this.#find(id));
  }

  /** @throws Fault host.rollout-unknown, host.rollout-state */
  async order(
    id: string,
    order: 'pause' | 'resume' | 'abort',
    actor: string,
    { rollBack = true } = {},
  ): Promise<RolloutView> {
    return this.#inTurn(async () => {
      const standing = this.#find(id);
      const { state } = standing.rollout;
      const fits =
        order === 'pause'
          ? state === 'running'
          : order === 'resume'
            ? state === 'paused'
            : state === 'running' || state === 'paused';
      if (!fits) throw hostFault('host.rollout-state', { order, state });
      const event: RolloutEvent =
        order === 'abort'
          ? { kind: 'aborted', by: actor, rollBack: rollBack && standing.rollout.plan.restart === undefined }
          : { kind: order === 'pause' ? 'paused' : 'resumed', by: actor };
      await this.#write(standing, [event], actor);
      await this.#advance(standing);
      return this.#view(standing);
    });
  }

  /** Looks what is due; call often. Answers when all that followed is written down and on its way. */
  async tick(): Promise<void> {
    await this.#inTurn(async () => {
      for (const standing of this.#standing.values()) {
        const { rollout } = standing;
        if (!rollout.hasEnded || rollout.active.size > 0) await this.#advance(standing);
      }
    });
  }

  async #advance(standing: Standing): Promise<void> {
    const { rollout, underway } = standing;
    const nowMs = this.#steadyMs();
    const look = this.#look();
    const see = (host: string): HostSight => this.#see(standing, host, look(host), nowMs);
    for (let round = 0; round < 4; round++) {
      const decided = decideRollout(rollout, nowMs, see, this.#clock.now().getTime());
      if (decided.length === 0) break;
      await this.#write(standing, decided, 'platform');
    }
    // Whatever was asked before control ended, or before the host went away, is asked again: it changes nothing twice.
    for (const host of rollout.active) {
      const phase = rollout.hosts.get(host)?.phase;
      if ((phase !== 'applying' && phase !== 'withdrawing') || underway.has(host)) continue;
      if (see(host).awaySinceMs !== null) continue;
      underway.add(host);
      this.#command(standing, host, phase).catch((error: unknown) =>
        this.#log.error({ err: error, host }, 'the end of a step of a roll-out could not be written down'),
      );
    }
  }

  async #command(standing: Standing, host: string, phase: 'applying' | 'withdrawing'): Promise<void> {
    const { id, patch, digest, restart } = standing.rollout.plan;
    const change = phase === 'applying' ? 'apply' : 'rollback';
    let why: Text | null = null;
    try {
      const options = { step: silentStep, actor: standing.startedBy, digest };
      if (restart === undefined) await this.#patches.changeNow(host, change, patch, options);
      else {
        const order = { rollout: id, host, wanted: restart.kernel };
        await this.#reboots.reboot(order, () => !standing.rollout.hasEnded);
      }
    } catch (error) {
      // A host that went away in the middle is asked again when it is back, or lost.
      if (error instanceof Fault && (error.code === 'host.lost' || error.code === 'host.away')) {
        standing.underway.delete(host);
        return;
      }
      why = faultText(error);
    }
    await this.#inTurn(async () => {
      standing.underway.delete(host);
      // An answer to what is no longer asked says nothing.
      if (standing.rollout.hosts.get(host)?.phase !== phase) return;
      const event: RolloutEvent =
        phase === 'applying'
          ? why === null
            ? { kind: 'host-applied', host }
            : { kind: 'host-failed', host, why }
          : why === null
            ? { kind: 'host-withdrawn', host }
            : { kind: 'host-stuck', host, why };
      await this.#write(standing, [event], 'platform');
      await this.#advance(standing);
    });
  }

  /** Written down and stated as facts, then folded: never the other way round. */
  async #write(standing: Standing, events: readonly RolloutEvent[], actor: string): Promise<void> {
    const { rollout } = standing;
    const { id, patch } = rollout.plan;
    const digest = digestOf(rollout.plan);
    const at = this.#steadyMs();
    await this.#db.transaction().execute(async (tx) => {
      let { sequence } = standing;
      for (const event of events) {
        sequence++;
        const row = { rollout: id, sequence, at_ms: at, event: JSON.stringify(event) };
        await tx.insertInto('host_rollout_events').values(row).execute();
        const { kind, ...rest } = event;
        const body: Json = { patch, ...(rest as { [key: string]: Json }) };
        await this.#journal.record(tx, { kind: `rollout.${kind}`, project: null, subject: id, digest, actor, body });
      }
    });
    this.#journal.committed();
    standing.sequence += events.length;
    for (const event of events) rollout.take(event, at);
  }

  #see(
    standing: Standing,
    host: string,
    { isHere, problems }: ReturnType<ReturnType<LookAtHosts>>,
    nowMs: number,
  ): HostSight {
    let seen = standing.seen.get(host);
    if (seen === undefined) {
      seen = { awaySinceMs: null, problems: new Map() };
      standing.seen.set(host, seen);
    }
    seen.awaySinceMs = isHere ? null : (seen.awaySinceMs ?? nowMs);
    for (const key of seen.problems.keys()) if (!problems.some(({ en }) => en === key)) seen.problems.delete(key);
    for (const text of problems) {
      if (!seen.problems.has(text.en)) seen.problems.set(text.en, { text, sinceMs: nowMs });
    }
    return {
      awaySinceMs: seen.awaySinceMs,
      problems: [...seen.problems].map(([key, { text, sinceMs }]) => ({ key, text, sinceMs })),
    };
  }

  #keep(rollout: Rollout, about: Pick<Standing, 'startedAt' | 'startedBy' | 'sequence'>): Standing {
    const standing: Standing = { rollout, ...about, underway: new Set(), seen: new Map() };
    this.#standing.set(rollout.plan.id, standing);
    return standing;
  }

  #find(id: string): Standing {
    const standing = this.#standing.get(id);
    if (standing === undefined) throw hostFault('host.rollout-unknown', { id });
    return standing;
  }

  #view({ rollout, startedAt, startedBy }: Standing): RolloutView {
    const { id, patch, digest, rules, rings } = rollout.plan;
    const phases = rings.map((): Partial<Record<HostPhase, number>> => ({}));
    const notable: { host: string; phase: HostPhase; why: Text | null; sinceMs: number }[] = [];
    for (const [host, { ring, phase, why, sinceMs }] of rollout.hosts) {
      const counts = phases[ring];
      if (counts !== undefined) counts[phase] = (counts[phase] ?? 0) + 1;
      if (phase !== 'well' && phase !== 'waiting') notable.push({ host, phase, why, sinceMs });
    }
    notable.sort((a, b) => b.sinceMs - a.sinceMs);
    const { state, why } = rollout;
    return {
      ...{ id, patch, digest, state, why, startedAt, startedBy, rules },
      kind: rollout.plan.restart === undefined ? 'patch' : 'restart',
      isOpen: isOpen(rules.windows, this.#clock.now().getTime()),
      rings: rings.map(({ name, hosts, failuresMax }, at) => ({
        ...{ name, failuresMax },
        hosts: hosts.length,
        state: at < rollout.ring || state === 'done' ? 'passed' : at === rollout.ring ? 'now' : 'waiting',
        phases: phases[at] ?? {},
      })),
      notable: notable
        .slice(0, NOTABLE_MAX)
        .map(({ sinceMs, ...one }) => ({ ...one, since: new Date(sinceMs).toISOString() })),
    };
  }

  /**
   * The time of day when it was first asked, and from then on only what has really passed: a clock that is set back must not
   * leave hosts watched for years, and one that is set forward is no time in which anybody watched.
   * @returns whole milliseconds since 1970
   */
  #steadyMs(): number {
    const monotonicMs = this.#clock.monotonicMs();
    this.#base ??= { atMs: Math.max(this.#clock.now().getTime(), this.#latestMs), monotonicMs };
    this.#latestMs = this.#base.atMs + Math.floor(monotonicMs - this.#base.monotonicMs);
    return this.#latestMs;
  }

  /** One change at a time, in the order in which they came. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** Events of earlier versions had their reasons in English alone. */
function readEvent(text: string): RolloutEvent {
  const event = JSON.parse(text) as RolloutEvent & { readonly why?: Text | string };
  return typeof event.why === 'string' ? ({ ...event, why: { en: event.why, es: event.why } } as RolloutEvent) : event;
}
