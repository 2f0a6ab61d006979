import type { Text } from '../../system/index.ts';
import { isOpen, type RolloutPlan } from './plan.ts';

/**
 * waiting → applying → watching → well. What goes wrong is failed; a host that stops answering is lost until it is back,
 * one that was away when its turn came is absent. On the way back: withdrawing → withdrawn, or stuck when the host refuses
 * that too.
 */
export type HostPhase =
  | 'waiting'
  | 'applying'
  | 'watching'
  | 'well'
  | 'failed'
  | 'lost'
  | 'absent'
  | 'withdrawing'
  | 'withdrawn'
  | 'stuck';

export type RolloutState = 'running' | 'paused' | 'withdrawing' | 'done' | 'rolled-back' | 'stopped';

/** Everything that ever happens in a roll-out. Its whole state is the fold of these, so it survives any death of control. */
export type RolloutEvent =
  | { readonly kind: 'ring-begun'; readonly ring: number }
  | { readonly kind: 'host-begun'; readonly host: string; readonly before: readonly string[] }
  | { readonly kind: 'host-applied'; readonly host: string }
  | { readonly kind: 'host-well'; readonly host: string }
  | { readonly kind: 'host-failed'; readonly host: string; readonly why: Text }
  | { readonly kind: 'host-lost'; readonly host: string }
  | { readonly kind: 'host-absent'; readonly host: string }
  | { readonly kind: 'host-withdrawing'; readonly host: string }
  | { readonly kind: 'host-withdrawn'; readonly host: string }
  | { readonly kind: 'host-stuck'; readonly host: string; readonly why: Text }
  | { readonly kind: 'tripped'; readonly ring: number; readonly why: Text }
  | { readonly kind: 'paused'; readonly by: string }
  | { readonly kind: 'resumed'; readonly by: string }
  | { readonly kind: 'aborted'; readonly by: string; readonly rollBack: boolean }
  | { readonly kind: 'ended'; readonly outcome: 'done' | 'rolled-back' | 'stopped' };

/** What is seen of a host from outside. */
export interface HostSight {
  /** Since when it does not answer; null: it does. */
  readonly awaySinceMs: number | null;
  /** What is wrong there, by a name that stays the same while it lasts. */
  readonly problems: readonly { readonly key: string; readonly text: Text; readonly sinceMs: number }[];
}

export interface HostStanding {
  phase: HostPhase;
  readonly ring: number;
  sinceMs: number;
  why: Text | null;
  /** What was wrong there before the patch came: not its fault. */
  before: readonly string[];
  /** It was told to take the patch, so it may have it, whatever became of it. */
  mayHaveIt: boolean;
  /** It counts against its ring. */
  hasFailed: boolean;
}

/** A roll-out as its events made it. `take` folds one more; nothing else changes it. */
export class Rollout {
  readonly plan: RolloutPlan;
  state: RolloutState = 'running';
  ring = -1;
  why: Text | null = null;
  readonly hosts = new Map<string, HostStanding>();
  /** Hosts that something is due for, so that a tick does not look at thousands that wait or are well. */
  readonly active = new Set<string>();
  readonly #next: number[];
  readonly #failed: number[];
  readonly #settled: number[];

  constructor(plan: RolloutPlan) {
    this.plan = plan;
    this.#next = plan.rings.map(() => 0);
    this.#failed = plan.rings.map(() => 0);
    this.#settled = plan.rings.map(() => 0);
    plan.rings.forEach(({ hosts }, ring) => {
      for (const host of hosts) {
        const standing = {
          phase: 'waiting',
          ring,
          sinceMs: 0,
          why: null,
          before: [],
          mayHaveIt: false,
          hasFailed: false,
        } as const;
        this.hosts.set(host, { ...standing });
      }
    });
  }

  get hasEnded(): boolean {
    return this.state === 'done' || this.state === 'rolled-back' || this.state === 'stopped';
  }

  /** Hosts of a ring that failed or were lost, once each. */
  failedIn(ring: number): number {
    return this.#failed[ring] ?? 0;
  }

  /** Hosts of a ring about which all is known. */
  settledIn(ring: number): number {
    return this.#settled[ring] ?? 0;
  }

  /** The next hosts of a ring that nobody has spoken to, at most so many. */
  waiting(ring: number, most: number): readonly string[] {
    const from = this.#next[ring] ?? 0;
    return this.plan.rings[ring]?.hosts.slice(from, from + most) ?? [];
  }

  take(event: RolloutEvent, atMs: number): void {
    switch (event.kind) {
      case 'ring-begun':
        this.ring = event.ring;
        return;
      case 'paused':
        this.state = 'paused';
        return;
      case 'resumed':
        this.state = 'running';
        return;
      case 'tripped':
        this.why = event.why;
        this.#turnBack(this.plan.rules.rollBack);
        return;
      case 'aborted':
        this.why = { en: `aborted by ${event.by}`, es: `detenido por ${event.by}` };
        this.#turnBack(event.rollBack);
        return;
      case 'ended':
        this.state = event.outcome;
        return;
      default:
        this.#takeOfHost(event, atMs);
    }
  }

  #turnBack(rollBack: boolean): void {
    this.state = rollBack ? 'withdrawing' : 'stopped';
    if (!rollBack) {
      this.active.clear();
      return;
    }
    for (const [name, host] of this.hosts) if (host.mayHaveIt) this.active.add(name);
  }

  #takeOfHost(event: Extract<RolloutEvent, { readonly host: string }>, atMs: number): void {
    const host = this.hosts.get(event.host);
    if (host === undefined) return;
    const { phase: was } = host;
    host.phase = PHASE_AFTER[event.kind];
    host.sinceMs = atMs;
    if ('why' in event) host.why = event.why;
    if (was === 'waiting') add(this.#next, host.ring, 1);
    if (event.kind === 'host-begun') {
      host.before = event.before;
      host.mayHaveIt = true;
    }
    const hasFailed = event.kind === 'host-begun' ? false : host.hasFailed || FAILING.has(event.kind);
    if (hasFailed !== host.hasFailed) add(this.#failed, host.ring, hasFailed ? 1 : -1);
    host.hasFailed = hasFailed;
    if (SETTLED.has(host.phase) !== SETTLED.has(was)) add(this.#settled, host.ring, SETTLED.has(was) ? -1 : 1);
    if (AT_REST.has(host.phase)) this.active.delete(event.host);
    else this.active.add(event.host);
  }
}

function add(counts: number[], at: number, change: number): void {
  counts[at] = (counts[at] ?? 0) + change;
}

const FAILING: ReadonlySet<RolloutEvent['kind']> = new Set(['host-failed', 'host-lost']);
const AT_REST: ReadonlySet<HostPhase> = new Set(['well', 'withdrawn', 'stuck']);
/** All is known of it that its ring waits for. */
const SETTLED: ReadonlySet<HostPhase> = new Set([
  'well',
  'failed',
  'lost',
  'absent',
  'withdrawing',
  'withdrawn',
  'stuck',
]);

const PHASE_AFTER: Readonly<Record<Extract<RolloutEvent, { readonly host: string }>['kind'], HostPhase>> = {
  'host-begun': 'applying',
  'host-applied': 'watching',
  'host-well': 'well',
  'host-failed': 'failed',
  'host-lost': 'lost',
  'host-absent': 'absent',
  'host-withdrawing': 'withdrawing',
  'host-withdrawn': 'withdrawn',
  'host-stuck': 'stuck',
};

/**
 * What happens next, from what stands and what is seen; changes nothing. `host-begun` and `host-withdrawing` ask for a
 * command to that host; its end comes back as an event from whoever gave it.
 * @param nowMs a time that counts only what has passed, however clocks are set: for what is waited for
 * @param wallMs the time of day, for windows
 */
export function decideRollout(
  rollout: Rollout,
  nowMs: number,
  see: (host: string) => HostSight,
  wallMs: number = nowMs,
): RolloutEvent[] {
  if (rollout.state === 'withdrawing' || rollout.hasEnded) return decideWayBack(rollout, nowMs, see);
  const watched = watchHosts(rollout, nowMs, see);
  const failing = watched.filter((event) => FAILING.has(event.kind));
  const over = rollout.plan.rings.findIndex(({ failuresMax }, ring) => {
    const more = failing.filter((event) => 'host' in event && rollout.hosts.get(event.host)?.ring === ring);
    return rollout.failedIn(ring) + more.length > failuresMax;
  });
  if (over >= 0) return [...watched, { kind: 'tripped', ring: over, why: whyTripped(rollout, over, failing) }];
  if (rollout.state === 'paused' || watched.length > 0) return watched;
  const ring = rollout.plan.rings[rollout.ring];
  if (ring !== undefined && rollout.settledIn(rollout.ring) < ring.hosts.length)
    return beginHosts(rollout, wallMs, see);
  // One of an earlier ring that was away and has come back is waited for as well.
  for (const name of rollout.active) if (!SETTLED.has(rollout.hosts.get(name)?.phase ?? 'well')) return [];
  const next = rollout.ring + 1;
  return [next < rollout.plan.rings.length ? { kind: 'ring-begun', ring: next } : { kind: 'ended', outcome: 'done' }];
}

function whyTripped(rollout: Rollout, over: number, failing: readonly RolloutEvent[]): Text {
  for (const event of failing) if (event.kind === 'host-failed') return ofHost(event.host, event.why);
  for (const [name, { ring, hasFailed, why }] of rollout.hosts) {
    if (ring === over && hasFailed) return ofHost(name, why ?? LOST);
  }
  const lost = failing.flatMap((event) => ('host' in event ? [event.host] : []));
  return ofHost(lost.join(', '), LOST);
}

const LOST: Text = { en: 'lost', es: 'sin respuesta' };

function ofHost(host: string, why: Text): Text {
  return { en: `${host}: ${why.en}`, es: `${host}: ${why.es}` };
}

function watchHosts(rollout: Rollout, nowMs: number, see: (host: string) => HostSight): RolloutEvent[] {
  const { lostSeconds, soakSeconds, patienceSeconds, rollBack } = rollout.plan.rules;
  const events: RolloutEvent[] = [];
  for (const name of rollout.active) {
    const host = rollout.hosts.get(name);
    if (host === undefined || host.phase === 'lost' || host.phase === 'absent') continue;
    const { awaySinceMs, problems } = see(name);
    if (awaySinceMs !== null) {
      const quietMs = nowMs - Math.max(awaySinceMs, host.sinceMs);
      if (quietMs >= lostSeconds * 1_000) events.push({ kind: 'host-lost', host: name });
      continue;
    }
    // What failed does not keep the patch, however the others fare.
    if (host.phase === 'failed' && rollBack) events.push({ kind: 'host-withdrawing', host: name });
    if (host.phase !== 'watching') continue;
    const fresh = problems.filter(({ key }) => !host.before.includes(key));
    // What was emptied before a restart was not ready then either: it has its time from when the host was back.
    const bad = fresh.find(({ sinceMs }) => nowMs - Math.max(sinceMs, host.sinceMs) >= patienceSeconds * 1_000);
    if (bad !== undefined) events.push({ kind: 'host-failed', host: name, why: bad.text });
    else if (fresh.length === 0 && nowMs - host.sinceMs >= soakSeconds * 1_000)
      events.push({ kind: 'host-well', host: name });
  }
  return events;
}

/** Hosts that come next: those that were away and are back, then the ring's own order. */
function beginHosts(rollout: Rollout, wallMs: number, see: (host: string) => HostSight): RolloutEvent[] {
  const { windows, concurrency } = rollout.plan.rules;
  if (!isOpen(windows, wallMs)) return [];
  const phases = [...rollout.active].map((name) => ({ name, phase: rollout.hosts.get(name)?.phase }));
  const room = concurrency - phases.filter(({ phase }) => phase === 'applying').length;
  if (room <= 0) return [];
  const back = phases.filter(({ phase }) => phase === 'lost' || phase === 'absent').map(({ name }) => name);
  const events: RolloutEvent[] = [];
  for (const host of [...back, ...rollout.waiting(rollout.ring, room)]) {
    if (events.length >= room) break;
    const { awaySinceMs, problems } = see(host);
    if (awaySinceMs === null) events.push({ kind: 'host-begun', host, before: problems.map(({ key }) => key) });
    else if (rollout.hosts.get(host)?.phase === 'waiting') events.push({ kind: 'host-absent', host });
  }
  return events;
}

/** Takes the patch out wherever it may be. It ends when that is done on all hosts that answer; to others it is owed. */
function decideWayBack(rollout: Rollout, nowMs: number, see: (host: string) => HostSight): RolloutEvent[] {
  if (rollout.state === 'done' || rollout.state === 'stopped') return [];
  const { lostSeconds, concurrency } = rollout.plan.rules;
  const events: RolloutEvent[] = [];
  let busy = [...rollout.active].filter((name) => rollout.hosts.get(name)?.phase === 'withdrawing').length;
  let open = 0;
  for (const name of rollout.active) {
    const host = rollout.hosts.get(name);
    if (host === undefined || !host.mayHaveIt) continue;
    const { awaySinceMs } = see(name);
    if (awaySinceMs !== null) {
      if (host.phase === 'lost') continue;
      open++;
      const quietMs = nowMs - Math.max(awaySinceMs, host.sinceMs);
      if (quietMs >= lostSeconds * 1_000) events.push({ kind: 'host-lost', host: name });
      continue;
    }
    open++;
    if (host.phase === 'withdrawing' || busy >= concurrency) continue;
    busy++;
    events.push({ kind: 'host-withdrawing', host: name });
  }
  if (open === 0 && rollout.state === 'withdrawing') return [{ kind: 'ended', outcome: 'rolled-back' }];
  return events;
}
