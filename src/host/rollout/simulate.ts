import type { Text } from '../../system/index.ts';
import { decideRollout, type HostSight, Rollout, type RolloutEvent } from './machine.ts';
import { isOpen, planRings, type RolloutRules, rolloutRules } from './plan.ts';

/** Shares of hosts that behave so; what is left of 1 behaves well. */
export interface RolloutFaults {
  /** Refuse the patch. */
  readonly refuse: number;
  /** A workload turns bad after the patch, until it is out again. */
  readonly sicken: number;
  /** A workload turns bad for a moment. */
  readonly stumble: number;
  /** Go away when they are patched and never return. */
  readonly vanish: number;
  /** Go away when they are patched and return later. */
  readonly blink: number;
  /** Are away from the beginning and come back later. */
  readonly away: number;
  /** Refuse to let go of it. */
  readonly cling: number;
  /** Come back from a restart on the kernel that they had. */
  readonly old: number;
  /** Times that control dies in the middle, with all that was on its way. */
  readonly deaths: number;
}

export const NO_FAULTS: RolloutFaults = {
  ...{ refuse: 0, sicken: 0, stumble: 0, vanish: 0, blink: 0, away: 0, cling: 0, old: 0, deaths: 0 },
};

type Manner = Exclude<keyof RolloutFaults, 'deaths'> | 'good';

interface SimulatedHost {
  readonly manner: Manner;
  /** It has the patch; or it was started again. */
  hasPatch: boolean;
  restarts: number;
  awaySinceMs: number | null;
  backAtMs: number;
  sickSinceMs: number | null;
  wellAtMs: number;
  /** Commands on their way to it, one after the other. */
  readonly inbox: { readonly change: 'apply' | 'withdraw'; readonly atMs: number }[];
}

export interface SimulatedRollout {
  readonly rollout: Rollout;
  readonly events: readonly { readonly atMs: number; readonly event: RolloutEvent }[];
  readonly hosts: ReadonlyMap<string, Pick<SimulatedHost, 'manner' | 'hasPatch' | 'awaySinceMs'>>;
  readonly simulatedMs: number;
  /** Properties that did not hold; none is how it should be. */
  readonly broken: readonly string[];
}

const TICK_MS = 10_000;
const LIMIT_MS = 40 * 86_400_000;
/** Long enough to outlast what comes back, so that what is owed is paid. */
const AFTER_MS = 2 * 86_400_000;

/**
 * Plays a whole roll-out with a seed: the machine that decides is the real one, hosts and time are made up. After each step
 * it looks whether what must hold holds. The same seed plays the same.
 */
export function simulateRollout(options: {
  readonly hosts: number;
  readonly seed: number;
  /** Hosts are started again, and are away meanwhile, instead of taking a patch. @default false */
  readonly isRestart?: boolean;
  readonly rules?: Partial<RolloutRules>;
  readonly faults?: Partial<RolloutFaults>;
}): SimulatedRollout {
  const random = randomOf(options.seed);
  const faults = { ...NO_FAULTS, ...options.faults };
  const rules = rolloutRules.parse(options.rules ?? {});
  const names = Array.from({ length: options.hosts }, (_, index) => `host-${index}`);
  const isRestart = options.isRestart ?? false;
  const plan = {
    ...{ id: 'r', patch: 'fix', digest: 'sha256:0', rules, rings: planRings(names, `${options.seed}`, rules) },
    ...(isRestart ? { restart: { kernel: null } } : {}),
  };
  const startMs = Date.UTC(2026, 0, 5) + Math.floor(random() * 7 * 86_400_000);
  const hosts = new Map(names.map((name) => [name, newHost(faults, random, startMs)]));
  const events: { atMs: number; event: RolloutEvent }[] = [];
  const broken = new Set<string>();
  let rollout = new Rollout(plan);
  let nowMs = startMs;
  const deathsAt = Array.from({ length: faults.deaths }, () => startMs + Math.floor(random() * 86_400_000)).sort(
    (a, b) => b - a,
  );

  const see = (name: string): HostSight => {
    const host = hosts.get(name) as SimulatedHost;
    const problems = host.sickSinceMs === null ? [] : [{ key: SICK.en, text: SICK, sinceMs: host.sickSinceMs }];
    return { awaySinceMs: host.awaySinceMs, problems };
  };
  const take = (event: RolloutEvent): void => {
    const before = rollout.state;
    rollout.take(event, nowMs);
    events.push({ atMs: nowMs, event });
    if (event.kind === 'host-begun') {
      if (!isOpen(rules.windows, nowMs)) broken.add('a host was begun outside of the windows');
      if (before !== 'running') broken.add(`a host was begun while ${before}`);
      if (
        rollout.hosts.get(event.host)?.ring !== rollout.ring &&
        (rollout.hosts.get(event.host)?.ring ?? 0) > rollout.ring
      )
        broken.add('a host was begun before its ring');
    }
  };
  const command = (name: string, change: 'apply' | 'withdraw'): void => {
    hosts.get(name)?.inbox.push({ change, atMs: nowMs + 1_000 + Math.floor(random() * 20_000) });
  };
  const busy = new Set<string>();
  const send = (event: RolloutEvent): void => {
    if (event.kind === 'host-begun') command(event.host, 'apply');
    else if (event.kind === 'host-withdrawing') command(event.host, 'withdraw');
    else return;
    busy.add(event.host);
  };

  let endMs: number | null = null;
  const wandering = [...hosts].filter(([, { manner }]) => isRestart || manner !== 'good');
  for (; nowMs < startMs + LIMIT_MS && (endMs === null || nowMs < endMs + AFTER_MS); nowMs += TICK_MS) {
    if (nowMs >= (deathsAt.at(-1) ?? Number.POSITIVE_INFINITY)) {
      deathsAt.pop();
      // All that was in memory is gone; commands on their way may have been done, and nobody heard of it.
      const again = new Rollout(plan);
      for (const { atMs, event } of events) again.take(event, atMs);
      if (describe(again) !== describe(rollout)) broken.add('what the events say is not what stood');
      rollout = again;
      for (const name of rollout.active) {
        const phase = rollout.hosts.get(name)?.phase;
        if (phase === 'applying') command(name, 'apply');
        else if (phase === 'withdrawing') command(name, 'withdraw');
        else continue;
        busy.add(name);
      }
    }
    for (const [, host] of wandering) wander(host, nowMs);
    for (const name of busy) {
      const host = hosts.get(name) as SimulatedHost;
      for (const outcome of (isRestart ? workRestart : work)(host, nowMs, random)) {
        const phase = rollout.hosts.get(name)?.phase;
        // An answer to what is no longer asked says nothing.
        if (outcome.change === 'apply' && phase === 'applying')
          take(
            outcome.why === null
              ? { kind: 'host-applied', host: name }
              : { kind: 'host-failed', host: name, why: outcome.why },
          );
        if (outcome.change === 'withdraw' && phase === 'withdrawing')
          take(
            outcome.why === null
              ? { kind: 'host-withdrawn', host: name }
              : { kind: 'host-stuck', host: name, why: outcome.why },
          );
      }
      if (host.inbox.length === 0) busy.delete(name);
    }
    for (let round = 0; round < 4; round++) {
      const decided = decideRollout(rollout, nowMs, see);
      if (decided.length === 0) break;
      for (const event of decided) {
        take(event);
        send(event);
      }
    }
    let applying = 0;
    for (const name of rollout.active) if (rollout.hosts.get(name)?.phase === 'applying') applying++;
    if (applying > rules.concurrency) broken.add('more hosts at once than allowed');
    if (isRestart) {
      let down = 0;
      for (const name of busy) {
        const isLost = rollout.hosts.get(name)?.phase === 'lost';
        if (!isLost && hosts.get(name)?.awaySinceMs !== null) down++;
      }
      if (down > rules.concurrency) broken.add('more hosts down at once than allowed');
    }
    if (rollout.hasEnded) endMs ??= nowMs;
    if (endMs !== null && rollout.active.size === 0 && busy.size === 0) break;
  }
  if (!rollout.hasEnded) broken.add(`it did not end: ${rollout.state}`);
  for (const [name, host] of hosts) {
    const phase = rollout.hosts.get(name)?.phase;
    if (rollout.state === 'rolled-back' && host.hasPatch && phase !== 'stuck' && phase !== 'lost')
      broken.add(`the patch stayed after a roll-back (${host.manner}, ${phase})`);
    if (host.restarts > 1) broken.add(`a host was started ${host.restarts} times`);
    if (phase === 'waiting' && host.restarts > 0) broken.add('a host was started whose turn had not come');
    if (phase === 'well' && host.manner === 'old') broken.add('a host counts as well on the kernel that it had');
    if (phase === 'well' && !host.hasPatch) broken.add('a host counts as well without the patch');
    if (phase === 'withdrawn' && host.hasPatch) broken.add('a host counts as withdrawn with the patch');
    if (rollout.state === 'done' && (phase === 'waiting' || phase === 'applying' || phase === 'watching'))
      broken.add(`done with a host that is ${phase}`);
  }
  return { rollout, events, hosts, simulatedMs: nowMs - startMs, broken: [...broken] };
}

/** Everything that a roll-out holds, to compare two. */
export function describe(rollout: Rollout): string {
  const { state, ring, why, hosts, active } = rollout;
  const counts = rollout.plan.rings.map((_, at) => [
    rollout.failedIn(at),
    rollout.settledIn(at),
    rollout.waiting(at, 1),
  ]);
  return JSON.stringify([state, ring, why, counts, [...active].sort(), [...hosts]]);
}

function newHost(faults: RolloutFaults, random: () => number, startMs: number): SimulatedHost {
  let place = random();
  let manner: Manner = 'good';
  for (const one of ['refuse', 'sicken', 'stumble', 'vanish', 'blink', 'away', 'cling', 'old'] as const) {
    if (place < faults[one]) {
      manner = one;
      break;
    }
    place -= faults[one];
  }
  const isAway = manner === 'away';
  return {
    ...{ manner, hasPatch: false, restarts: 0, sickSinceMs: null, wellAtMs: 0, inbox: [] },
    awaySinceMs: isAway ? startMs - 3_600_000 : null,
    backAtMs: isAway ? startMs + Math.floor(random() * 86_400_000) : 0,
  };
}

function wander(host: SimulatedHost, nowMs: number): void {
  if (host.awaySinceMs !== null && nowMs >= host.backAtMs && host.manner !== 'vanish') host.awaySinceMs = null;
  if (host.sickSinceMs !== null && nowMs >= host.wellAtMs) host.sickSinceMs = null;
  if (host.manner === 'sicken' && !host.hasPatch) host.sickSinceMs = null;
}

/** What a host does with what reached it: in order, nothing while it is away. */
function work(
  host: SimulatedHost,
  nowMs: number,
  random: () => number,
): { readonly change: 'apply' | 'withdraw'; readonly why: Text | null }[] {
  const done: { change: 'apply' | 'withdraw'; why: Text | null }[] = [];
  while (host.awaySinceMs === null && host.inbox[0] !== undefined && host.inbox[0].atMs <= nowMs) {
    const { change } = host.inbox.shift() as SimulatedHost['inbox'][number];
    if (change === 'withdraw') {
      if (host.manner === 'cling' && host.hasPatch) {
        done.push({ change, why: plain('it does not let go') });
        continue;
      }
      host.hasPatch = false;
      done.push({ change, why: null });
      continue;
    }
    if (host.manner === 'refuse') {
      done.push({ change, why: plain('refused') });
      continue;
    }
    const isNew = !host.hasPatch;
    host.hasPatch = true;
    if (isNew && (host.manner === 'vanish' || host.manner === 'blink')) {
      host.awaySinceMs = nowMs;
      host.backAtMs = nowMs + Math.floor(random() * 7_200_000);
      // Its answer is lost with it; control asks again when it is back.
      host.inbox.unshift({ change, atMs: nowMs });
      break;
    }
    if (isNew && (host.manner === 'sicken' || host.manner === 'stumble')) {
      host.sickSinceMs = nowMs;
      host.wellAtMs = host.manner === 'sicken' ? Number.POSITIVE_INFINITY : nowMs + 20_000;
    }
    done.push({ change, why: null });
  }
  return done;
}

/** A restart: away for a while, and then the answer, which control asks for again if it was not there to hear it. */
function workRestart(
  host: SimulatedHost,
  nowMs: number,
  random: () => number,
): { readonly change: 'apply' | 'withdraw'; readonly why: Text | null }[] {
  const done: { change: 'apply' | 'withdraw'; why: Text | null }[] = [];
  while (host.awaySinceMs === null && host.inbox[0] !== undefined && host.inbox[0].atMs <= nowMs) {
    const { change } = host.inbox.shift() as SimulatedHost['inbox'][number];
    if (host.manner === 'refuse') {
      done.push({ change, why: plain('refused') });
      continue;
    }
    if (host.hasPatch) {
      done.push({ change, why: host.manner === 'old' ? plain('it came back on the kernel that it had') : null });
      continue;
    }
    host.hasPatch = true;
    host.restarts++;
    host.awaySinceMs = nowMs;
    // A slow one takes hours, most some minutes.
    host.backAtMs = nowMs + 60_000 + Math.floor(random() * (host.manner === 'blink' ? 7_200_000 : 300_000));
    if (host.manner === 'sicken' || host.manner === 'stumble') {
      host.sickSinceMs = nowMs;
      host.wellAtMs = host.manner === 'sicken' ? Number.POSITIVE_INFINITY : host.backAtMs + 20_000;
    }
    host.inbox.unshift({ change, atMs: nowMs });
  }
  return done;
}

/** Nobody reads what simulated hosts say. */
function plain(text: string): Text {
  return { en: text, es: text };
}

const SICK = plain('web is not ready');

/** mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
