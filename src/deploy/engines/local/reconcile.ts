import { join } from 'node:path';
import { type Clock, Fault, type Log, sayFault, type Text } from '../../../system/index.ts';
import { claimVolumeName } from '../../../volumes/index.ts';
import {
  type ContainerSpec,
  canaryWeights,
  EMPTY_WANTED,
  formatKey,
  type PodSpec,
  resolveTargetPort,
  selects,
  type WantedState,
  type WantedVolume,
  type WantedWorkload,
  type WorkloadKey,
  type WorkloadSpec,
} from '../../model.ts';
import { Autoscaler, NO_SCALING } from './autoscale.ts';
import type { ContentStore } from './content-files.ts';
import type {
  ContainerEngine,
  ContainerOrder,
  DiskUse,
  LocalImage,
  ObservedContainer,
  ObservedPod,
  PodPlace,
  RegistryCredentials,
} from './engine.ts';
import { engineFault } from './errors.ts';
import { POST_START_MS, readHook, runHook } from './hooks.ts';
import { beyondUlimits } from './host-ulimits.ts';
import { userNumber } from './host-user.ts';
import {
  addressesFor,
  formatHosts,
  type NamedPod,
  ownName,
  redirectRules,
  type ServiceRedirect,
  serviceHosts,
  serviceRedirects,
} from './hosts.ts';
import { refuseLinkInVolume } from './kernel-ways.ts';
import { bridgeName, LABEL, networkName, type PodIdentity, podName, readPodIdentity } from './labels.ts';
import { Lanes } from './lanes.ts';
import {
  ACTIONS_IN_FLIGHT_MAX,
  ADOPT_PROBE_MS,
  BUSY_GATHER_MS,
  DRAIN_TIMEOUT_MS,
  ENGINE_ALARM_MS,
  ENGINE_BACKOFF_MS,
  EVENT_GATHER_MS,
  REFUSED_RETRY_MS,
  RESTART_BACKOFF_MS,
  RESYNC_MS,
  VISITORS_MS,
} from './limits.ts';
import {
  type Attempt,
  claimOf,
  containerOrder,
  hostNameOf,
  type PodPlacing,
  pinnedDigest,
  podOrder,
  scratchName,
  sourceBytes,
  volumeOrders,
} from './orders.ts';
import {
  type Action,
  type Busy,
  EMPTY_MEMORY,
  finishedOf,
  forbids,
  type MendStep,
  type Overfull,
  type PlanMemory,
  plan,
  type Trouble,
  troubleOfSpec,
  withClockSet,
  withMoreTime,
} from './plan.ts';
import { type AskProbe, Prober, type ProbeTarget } from './probes.ts';
import { type Names, type PlacedPod, type PodFlow, Segments } from './segments.ts';
import type { ServiceEndpoints, WorkloadStatus } from './status.ts';
import type { UsageReading } from './usage.ts';
import { folderBytes, giveToGroup, type RunWithNumbers } from './volume-folders.ts';
import { NO_PARTS, type VolumeParts } from './volume-parts.ts';
import { VolumeTouches } from './volume-touches.ts';

/** Asked before every start of a container: the agent verifies digest, signatures and verdict there. A throw is a no. */
export interface StartGate {
  check(start: {
    readonly workload: WorkloadKey;
    readonly container: string;
    readonly image: string;
    readonly imageDigest: string;
    readonly specHash: string;
  }): Promise<{ readonly allow: true } | { readonly allow: false; readonly reasons: readonly Text[] }>;
}

/** The storage of claims, as far as pods need it. A throw lets the pod wait, with what it says as the reason. */
export interface ClaimStorage {
  /** The folder of a claim, ready to be mounted; null: the engine's own storage. Asked before every pod with that claim. */
  prepare(claim: WantedVolume): Promise<string | null>;
  /** Keeps a volume within its size, where the host can. */
  limit(volume: string, path: string, bytes: number): Promise<void>;
  follow(claims: readonly WantedVolume[]): Promise<void>;
}

/** Keeps the plan's memory over restarts of the agent. Losing it loses no pod: a failed roll-out is tried once more. */
export interface MemoryStore {
  load(): Promise<PlanMemory>;
  save(memory: PlanMemory): Promise<void>;
}

export interface ReconcilerOptions {
  readonly instance: string;
  readonly engine: ContainerEngine;
  readonly clock: Clock;
  readonly log: Log;
  readonly gate: StartGate;
  readonly askProbe: AskProbe;
  /** The files of ConfigMaps and Secrets, on a tmpfs. */
  readonly contents: ContentStore;
  /** Called once per pull, so that a token can be short-lived. @default none */
  readonly credentials?: (image: string) => Promise<RegistryCredentials | null>;
  readonly onStatus?: (status: WorkloadStatus) => void;
  /** A workload that is no longer wanted and has no pods left. */
  readonly onGone?: (key: WorkloadKey) => void;
  /** Where each service is answered now; resolves when visitors are sent there and nowhere else. */
  readonly onEndpoints?: (services: readonly ServiceEndpoints[]) => Promise<void>;
  /** Resolves when nobody outside sends requests to the pod any more; waited for at most two seconds. */
  readonly beforeStop?: (pod: string) => Promise<void>;
  readonly memory?: MemoryStore;
  /** Answers the questions of pods; without it they ask the resolvers of the host. @default none */
  readonly names?: Names;
  /** Where parts of volumes are mounted. @default nowhere: such a pod is refused */
  readonly parts?: VolumeParts;
  /** Without root it goes into the account's namespace. @default this host's own; without root a pod with a group for its volumes is refused */
  readonly runWithNumbers?: RunWithNumbers;
  /** Where the claims of other storage classes lie. @default every claim is a volume of the engine */
  readonly storage?: ClaimStorage;
  /** What a running container has used; without it nothing is scaled. @default it cannot be known */
  readonly readUsage?: (container: ObservedContainer) => Promise<UsageReading | null>;
  /** What pods may know of this host. @default no name, nothing to give */
  readonly node?: Omit<PodPlacing, 'address'>;
}

/** Why the reconciler looks again. */
type Wake = 'wanted' | 'event' | 'probe' | 'action' | 'time' | 'stop';

/**
 * Keeps the pods of this host as they are wanted: observe, plan, apply, again whenever something changed. It keeps no
 * truth of its own: a new one beside the same engine adopts every pod by its labels. Stopping it stops no pod.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #prober: Prober;
  readonly #files: ContentStore;
  readonly #segments: Segments;
  readonly #autoscaler: Autoscaler;
  readonly #lanes = new Lanes(ACTIONS_IN_FLIGHT_MAX);
  readonly #touches: VolumeTouches;
  readonly #busy = new Map<string, Busy>();
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  /** The host's address in each. */
  readonly #networks = new Map<string, string | null>();
  /** Those that are being made: pods that come together ask for theirs once. */
  readonly #comingNetworks = new Map<string, Promise<void>>();
  readonly #written = new Map<string, string>();
  readonly #emitted = new Map<string, { key: WorkloadKey; text: string; status: WorkloadStatus }>();
  readonly #gated = new Map<string, number>();
  readonly #joined = new Set<string>();
  /** Containers that were added by hand and somebody looks at. */
  readonly #ephemeral = new Set<string>();
  readonly #startedAt: string;
  /** Folders of volumes by name. */
  readonly #volumes = new Map<string, string>();
  /** The pod that has a volume for itself, by volume. */
  readonly #holders = new Map<string, string>();
  readonly #fenced = new Set<string>();
  #overfull: ReadonlyMap<string, Overfull> = new Map();
  #measuredMs = Number.NEGATIVE_INFINITY;
  #wanted: WantedState = EMPTY_WANTED;
  /** Of what is wanted now: each round asks for those of every pod. */
  #redirects = new WeakMap<PodSpec, readonly ServiceRedirect[]>();
  #workloads: ReadonlyMap<string, WantedWorkload> = new Map();
  #hasWanted = false;
  #memory: PlanMemory = EMPTY_MEMORY;
  #savedRollouts = '';
  #savedSeenMs = 0;
  #emittedEndpoints = '';
  #visitorsSent = Promise.resolve();
  #pods: readonly ObservedPod[] = [];
  #readyPods: ReadonlySet<string> = new Set();
  #wake: ((reason: Wake) => void) | null = null;
  #dirty = false;
  /** How long the engine took for the last list: it lists all that there is. */
  #lookMs = 0;
  /** Whether something else than an event of the engine came since the last look. */
  #pressing = false;
  #adopted = false;
  /** The clock at the last look, beside the one that is never set. */
  #clockSeen: { readonly nowMs: number; readonly passedMs: number } | null = null;
  /** What was ready when the agent before this one last wrote it down: by container, when it was started. */
  #readyBefore: Readonly<Record<string, number>> = {};
  #awaySinceMs: number | null = null;
  #awayTries = 0;
  #lastSweepMs = Number.NEGATIVE_INFINITY;
  #hasSwept = false;
  #sweepSoon = false;
  #namesDone: Promise<void> = Promise.resolve();
  /** What names, rules and endpoints were last made of, whole; null: something of it is still to be done. */
  #settled: { readonly wanted: WantedState; readonly sight: string } | null = null;
  #namesForgotten = 0;
  #loop: Promise<void> | null = null;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now().toISOString();
    this.#files = options.contents;
    this.#touches = new VolumeTouches(options.clock);
    this.#segments = new Segments({ engine: options.engine, log: options.log, names: options.names ?? null });
    this.#autoscaler = new Autoscaler({
      clock: options.clock,
      log: options.log,
      readUsage: options.readUsage ?? (async () => null),
      resize: (id, resources) => options.engine.resizeContainer(id, resources),
      wasOutOfMemory: (id) => options.engine.wasOutOfMemory(id),
    });
    this.#prober = new Prober({ clock: options.clock, ask: options.askProbe, onChange: () => this.#notice('probe') });
  }

  /** What this host shall run from now on. Takes effect at once; nothing is removed before the first call. */
  setWanted(wanted: WantedState): void {
    this.#wanted = wanted;
    this.#redirects = new WeakMap();
    this.#workloads = new Map(wanted.workloads.map((workload) => [formatKey(workload.key), workload]));
    this.#hasWanted = true;
    const troubles = { ...this.#memory.troubles };
    for (const { key, specHash, generation } of wanted.workloads) {
      if (this.#memory.rollouts[formatKey(key)]?.generation === generation) continue;
      // Deployed anew: earlier failures with it or its pods no longer hold it back.
      delete troubles[troubleOfSpec(key, specHash)];
      for (const { name, labels } of this.#pods) {
        const identity = readPodIdentity(labels);
        if (identity !== null && formatKey(identity.key) === formatKey(key)) delete troubles[name];
      }
    }
    this.#memory = { ...this.#memory, troubles };
    this.#options.storage
      ?.follow(wanted.volumes)
      .catch((error: unknown) => this.#options.log.warn({ error: messageOf(error) }, 'volumes were not sized anew'));
    this.recheck();
  }

  /** Another host may write to a volume by now: the pods that have it here are ended at once. */
  fence(volume: string): void {
    for (const pod of this.#pods) {
      const identity = readPodIdentity(pod.labels);
      if (identity !== null && this.#claimsOf(identity).some(({ name }) => name === volume)) this.#fenced.add(pod.name);
    }
    this.#notice('wanted');
  }

  /** Asks the gate again about starts it had refused: a verdict or a signature may have come. */
  recheck(): void {
    const troubles = Object.entries(this.#memory.troubles).filter(([, { kind }]) => kind !== 'refused');
    this.#memory = { ...this.#memory, troubles: Object.fromEntries(troubles) };
    this.#gated.clear();
    this.#notice('wanted');
  }

  /**
   * Adds a container to the pod of another one, seeing its processes, without starting it. What an agent leaves of it that
   * ends meanwhile is removed by the next one.
   * @throws Fault deploy.gate-refused, engine.not-found and more
   */
  async addEphemeral(
    targetId: string,
    workload: WorkloadSpec & { readonly key: WorkloadKey },
    gate: StartGate['check'],
  ): Promise<string> {
    const { engine, instance } = this.#options;
    const pod = (await engine.list()).find(({ containers }) => containers.some(({ id }) => id === targetId));
    const identity = pod === undefined ? null : readPodIdentity(pod.labels);
    const [container] = workload.pod.containers;
    const { project, environment } = workload.key;
    // What was judged for one environment is started in no other.
    const isThere = identity?.key.project === project && identity.key.environment === environment;
    if (pod === undefined || identity === null || container === undefined || !isThere)
      throw engineFault('engine.not-found', { operation: 'add a container', why: 'its pod is gone' });
    const { image, name } = container;
    const { key, specHash } = workload;
    const answer = await gate({ workload: key, container: name, image, imageDigest: pinnedDigest(image), specHash });
    if (!answer.allow) throw engineFault('deploy.gate-refused', { container: name, ...saidOf(answer.reasons) });
    await this.#refuseLacking(pod.name, workload.pod);
    const images = await this.#ensureImages([container]);
    const { address } = await engine.locatePod(pod);
    const order = containerOrder(
      instance,
      identity,
      workload.pod,
      container,
      { role: 'ephemeral', attempt: 0, failures: 0 },
      {},
      (volume) => this.#files.folder(pod.name, volume),
      this.#placing(address),
    );
    const id = await engine.createContainer({ ...order, processesOf: targetId });
    this.#ephemeral.add(id);
    try {
      await this.#refuseRoot(container, images.get(image), id);
    } catch (error) {
      await this.removeEphemeral(id);
      throw error;
    }
    return id;
  }

  /** Ends what was added by hand at once and takes it away. */
  async removeEphemeral(id: string): Promise<void> {
    // Whatever comes of it: what is not looked at any more is swept away.
    this.#ephemeral.delete(id);
    await this.#options.engine.removeContainer(id);
    this.#notice('event');
  }

  /** Somebody has joined a container that waits for it: it is started. */
  join(containerId: string): void {
    this.#joined.add(containerId);
    this.#notice('wanted');
  }

  /** Lets a pod reach addresses that a name of its policies led to, for some seconds. */
  async openAddresses(pod: string, set: string, addresses: readonly string[], seconds: number): Promise<void> {
    await this.#segments.open(pod, set, addresses, seconds);
  }

  /** Who talked to whom on this host, counted since each pod started. */
  async flows(): Promise<readonly PodFlow[]> {
    return await this.#segments.flows();
  }

  statuses(): WorkloadStatus[] {
    return [...this.#emitted.values()].map(({ status }) => status);
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  /** Ends the loop and waits for what is in flight; every pod goes on running. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#notice('stop');
    this.#prober.stop();
    await this.#loop;
    await Promise.allSettled([...this.#running]);
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    this.#memory = (await this.#options.memory?.load()) ?? EMPTY_MEMORY;
    this.#autoscaler.restore(this.#memory.scaling ?? NO_SCALING);
    this.#readyBefore = this.#memory.ready ?? {};
    const events = this.#followEvents();
    while (!this.#stop.signal.aborted) {
      let nextMs = RESYNC_MS;
      this.#dirty = false;
      this.#pressing = false;
      try {
        nextMs = await this.#tick();
        this.#awaySinceMs = null;
        this.#awayTries = 0;
      } catch (error) {
        if (this.#stop.signal.aborted) break;
        this.#sweepSoon = true;
        this.#awaySinceMs ??= clock.now().getTime();
        nextMs = Math.min(ENGINE_BACKOFF_MS.first * 2 ** this.#awayTries++, ENGINE_BACKOFF_MS.most);
        log.warn({ error: messageOf(error), retryMs: nextMs }, 'the engine could not be observed');
        this.#sayAway();
        // Whatever woke us meanwhile waits too: an engine in trouble is not asked more often for it.
        await clock.sleep(nextMs, this.#stop.signal).catch(() => undefined);
        continue;
      }
      await this.#sleep(nextMs);
    }
    await events;
  }

  /** One round; gives the time until the next one in ms. @throws when the engine cannot be observed. */
  async #tick(): Promise<number> {
    const { engine, clock } = this.#options;
    const before = new Map(this.#busy);
    const due = clock.monotonicMs() - this.#lastSweepMs >= SWEEP_MS;
    const sweeping = due || this.#sweepSoon || this.#hasEmptyNetwork();
    this.#sweepSoon = false;
    const askedMs = clock.monotonicMs();
    const [pods, networks] = await Promise.all([engine.list(), sweeping ? engine.listNetworks() : null]);
    this.#lookMs = clock.monotonicMs() - askedMs;
    // A list that comes after the end begins nothing any more, no questions to pods either.
    this.#stop.signal.throwIfAborted();
    this.#pods = pods;
    const ids = new Set(pods.flatMap(({ containers }) => containers.map(({ id }) => id)));
    for (const id of this.#joined) if (!ids.has(id)) this.#joined.delete(id);
    for (const { name, gateway } of networks ?? []) this.#networks.set(name, gateway);
    if (!this.#hasWanted) return RESYNC_MS;
    this.#watchProbes(pods);
    const isFirst = !this.#adopted;
    if (isFirst) {
      await this.#prober.settle(ADOPT_PROBE_MS);
      this.#adopted = true;
    }
    await this.#gateNew();
    // Stopped meanwhile: another reconciler may already be at work, and this view of things is old.
    this.#stop.signal.throwIfAborted();

    // What ended while the list was on its way may look in it as if it had not begun: it stays untouched this round.
    const busy = new Map([...before, ...this.#busy]);
    if (this.#busy.size !== busy.size) this.#dirty = true;
    const leaving = [...busy].flatMap(([name, { kind }]) => (kind === 'remove' ? [name] : []));
    await this.#autoscaler.look(this.#wanted, { pods, readyPods: this.#readyPods, leaving: new Set(leaving) });
    this.#stop.signal.throwIfAborted();
    const nowMs = clock.now().getTime();
    this.#followClock(nowMs, pods);
    const result = plan(
      this.#options.instance,
      this.#autoscaler.apply(this.#wanted, pods),
      {
        pods,
        health: this.#prober.health(),
        busy,
        overfull: this.#overfull,
        fenced: this.#fenced,
        outgrown: this.#autoscaler.outgrown,
        joined: this.#joined,
        networks: networks?.map(({ name }) => name) ?? null,
      },
      this.#memory,
      nowMs,
    );
    this.#memory = result.memory;
    this.#readyPods = new Set(result.readyPods);
    if (isFirst && result.actions.length > 0) await this.#sendVisitors();
    // Set before the actions start: a pod that is to stop waits until nobody is sent to it any more.
    const named = Promise.withResolvers<void>();
    this.#namesDone = named.promise;
    for (const action of result.actions) this.#launch(action);
    try {
      await this.#nameServices();
    } finally {
      named.resolve();
    }
    this.#stop.signal.throwIfAborted();
    this.#emit((await this.#tellUnenforced(result.statuses)).map((status) => this.#tellScaling(status)));
    if (sweeping) await this.#sweep();
    await this.#measure();
    await this.#saveMemory();
    const next = [result.nextCheckMs, this.#autoscaler.nextMs(this.#wanted)].filter((atMs) => atMs !== null);
    return Math.min(RESYNC_MS, Math.max(0, Math.min(...next) - clock.now().getTime()));
  }

  /**
   * Roll-outs that are under way are late by the time in which they were looked at, with the seconds between an agent and the
   * next one: neither by the time in which nobody looked, nor because the clock was set.
   */
  #followClock(nowMs: number, pods: readonly ObservedPod[]): void {
    const passedMs = this.#options.clock.monotonicMs();
    const known = this.#clockSeen;
    this.#clockSeen = { nowMs, passedMs };
    if (known === null) {
      const { seenMs } = this.#memory;
      // A machine that came back makes its pods anew: what a version had reached is to be reached again.
      const cameBack = pods.length > 0 && pods.every(({ infra }) => infra?.state !== 'running');
      const awayMs = seenMs === undefined || cameBack ? Number.POSITIVE_INFINITY : nowMs - seenMs;
      if (awayMs >= 0 && awayMs <= AGENT_RESTART_MS) return;
      this.#memory = withMoreTime(this.#memory, (lastProgressMs) => Math.min(awayMs, nowMs - lastProgressMs));
      return;
    }
    const setMs = nowMs - known.nowMs - (passedMs - known.passedMs);
    if (Math.abs(setMs) < CLOCK_SET_MS) return;
    this.#options.log.warn({ seconds: Math.round(setMs / 1000) }, 'the clock of this machine was set');
    this.#memory = withClockSet(this.#memory, setMs);
  }

  /**
   * Before the first action: an edge that came back with its machine sends visitors where pods were, and an address may be
   * given to a pod that is not ready, or to another project's.
   */
  async #sendVisitors(): Promise<void> {
    await this.#nameServices();
    const enough = new AbortController();
    const signal = AbortSignal.any([enough.signal, this.#stop.signal]);
    await Promise.race([this.#visitorsSent, this.#options.clock.sleep(VISITORS_MS, signal).catch(() => undefined)]);
    enough.abort();
    this.#stop.signal.throwIfAborted();
  }

  #tellScaling(status: WorkloadStatus): WorkloadStatus {
    return this.#autoscaler.describe(status, this.#workloads.get(formatKey(status.key)));
  }

  /** Whether an environment that had pods has neither pods nor anything wanted any more. */
  #hasEmptyNetwork(): boolean {
    const { instance } = this.#options;
    const used = new Set(this.#wanted.workloads.map(({ key }) => networkName(instance, key.project, key.environment)));
    for (const { labels } of this.#pods) {
      used.add(networkName(instance, labels[LABEL.project] ?? '', labels[LABEL.environment] ?? ''));
    }
    return [...this.#networks.keys()].some((network) => !used.has(network));
  }

  #notice(reason: Wake): void {
    this.#dirty = true;
    if (reason !== 'event') this.#pressing = true;
    this.#wake?.(reason);
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#dirty) {
      await this.#gather();
      return;
    }
    const over = new AbortController();
    const woken = new Promise<Wake>((resolve) => {
      this.#wake = resolve;
    });
    const time = this.#options.clock.sleep(ms, over.signal).catch(() => undefined);
    const reason = await Promise.race([woken, time]);
    over.abort();
    this.#wake = null;
    if (reason !== 'stop' && reason !== 'wanted') await this.#gather();
  }

  /**
   * Lets what comes together be seen together. While actions are in flight a list takes time away from them, and waits in
   * Podman for each container that starts; so the pause is longer then, and ends with the last of them or with a new wish.
   */
  async #gather(): Promise<void> {
    const { clock } = this.#options;
    const beganMs = clock.monotonicMs();
    const { revision } = this.#wanted;
    do {
      await clock.sleep(EVENT_GATHER_MS, this.#stop.signal).catch(() => undefined);
      if (this.#stop.signal.aborted || !this.#lanes.isBusy || this.#wanted.revision !== revision) return;
    } while (clock.monotonicMs() - beganMs < this.#gatherMs());
  }

  #gatherMs(): number {
    const { full, events, pressing, looks } = BUSY_GATHER_MS;
    if (this.#lanes.isFull) return full;
    return Math.min(full, Math.max(this.#pressing ? pressing : events, this.#lookMs * looks));
  }

  async #followEvents(): Promise<void> {
    const { engine, clock } = this.#options;
    const { signal } = this.#stop;
    for (let tries = 0; !signal.aborted; tries++) {
      try {
        for await (const _ of engine.watch(signal)) {
          tries = 0;
          this.#notice('event');
        }
      } catch (error) {
        if (!signal.aborted) this.#options.log.debug({ error: messageOf(error) }, 'the event stream ended');
      }
      if (signal.aborted) return;
      const waitMs = Math.min(ENGINE_BACKOFF_MS.first * 2 ** Math.min(tries, 10), ENGINE_BACKOFF_MS.most);
      await clock.sleep(waitMs, signal).catch(() => undefined);
      this.#notice('event');
    }
  }

  #watchProbes(pods: readonly ObservedPod[]): void {
    const targets: ProbeTarget[] = [];
    const specs = new Map<string, WorkloadSpec>();
    for (const workload of this.#wanted.workloads) {
      for (const spec of [workload, workload.previous]) {
        if (spec !== null) specs.set(troubleOfSpec(workload.key, spec.specHash), spec);
      }
    }
    for (const pod of pods) {
      const identity = readPodIdentity(pod.labels);
      const spec = identity === null ? undefined : specs.get(troubleOfSpec(identity.key, identity.specHash));
      if (spec === undefined) continue;
      for (const observed of pod.containers) {
        const role = observed.labels[LABEL.role];
        if (observed.state !== 'running' || role === 'init' || role === 'ephemeral') continue;
        const container = [...spec.pod.containers, ...spec.pod.initContainers].find(
          ({ name }) => name === observed.labels[LABEL.container],
        );
        if (container === undefined || !hasProbe(container)) continue;
        targets.push({
          containerId: observed.id,
          container,
          startedAtMs: observed.startedAtMs ?? this.#options.clock.now().getTime(),
          adopted: !this.#adopted,
          wasReady:
            !this.#adopted && observed.startedAtMs !== null && this.#readyBefore[observed.id] === observed.startedAtMs,
          endpoint: async (port) => (await this.#options.engine.locatePod(pod)).endpoint(port),
        });
      }
    }
    this.#prober.sync(targets);
  }

  /** Asks about versions that have no pod yet, before the plan takes anything away for them. */
  async #gateNew(): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const present = new Set<string>();
    for (const { labels } of this.#pods) {
      const identity = readPodIdentity(labels);
      if (identity !== null) present.add(troubleOfSpec(identity.key, identity.specHash));
    }
    await Promise.all(
      this.#wanted.workloads.map(async (workload) => {
        const name = troubleOfSpec(workload.key, workload.specHash);
        const askedMs = this.#gated.get(name);
        if (workload.replicas === 0 || (askedMs !== undefined && nowMs - askedMs < REFUSED_RETRY_MS)) return;
        const trouble = this.#memory.troubles[name];
        if (present.has(name) || (trouble !== undefined && forbids(trouble, clock.now().getTime()))) return;
        this.#gated.set(name, nowMs);
        try {
          await this.#checkGate(workload, workload);
        } catch (error) {
          this.#trouble(name, error);
        }
      }),
    );
  }

  async #checkGate(workload: WantedWorkload, spec: WorkloadSpec, only: ContainerSpec | null = null): Promise<void> {
    const containers = only === null ? [...spec.pod.initContainers, ...spec.pod.containers] : [only];
    const reasons: Text[] = [];
    for (const container of containers) {
      const answer = await this.#options.gate.check({
        workload: workload.key,
        container: container.name,
        image: container.image,
        imageDigest: pinnedDigest(container.image),
        specHash: spec.specHash,
      });
      if (!answer.allow) reasons.push(...answer.reasons);
    }
    if (reasons.length > 0) throw new Refused(reasons);
  }

  #launch(action: Action): void {
    if (this.#stop.signal.aborted) return;
    const name = actionSubject(this.#options.instance, action);
    this.#busy.set(name, busyOf(action));
    const work = this.#apply(action)
      .then(
        () => this.#forgetTrouble(action, name),
        (error: unknown) => {
          const subject = action.kind === 'create-pod' ? troubleOfSpec(action.pod.key, action.pod.specHash) : name;
          if (!this.#stop.signal.aborted) this.#trouble(subject, error);
        },
      )
      .finally(() => {
        this.#busy.delete(name);
        this.#running.delete(work);
        this.#notice('action');
      });
    this.#running.add(work);
  }

  async #apply(action: Action): Promise<void> {
    switch (action.kind) {
      case 'create-pod':
        return await this.#lanes.run(() => this.#createPod(action));
      case 'mend-pod':
        return await this.#mendPod(action);
      case 'remove-pod':
        return await this.#removePod(action);
      case 'remove-network':
        this.#networks.delete(action.network);
        return await this.#options.engine.removeNetwork(action.network);
    }
  }

  async #createPod(action: Extract<Action, { kind: 'create-pod' }>): Promise<void> {
    const { engine, instance, log } = this.#options;
    const { workload, spec, pod: identity } = action;
    const wanted = this.#wanted;
    const order = podOrder(instance, identity, workload, spec.pod, wanted);
    await this.#checkGate(workload, spec);
    const containers = [...spec.pod.initContainers, ...spec.pod.containers];
    await this.#refuseLacking(order.name, spec.pod);
    await this.#ensureNetwork(identity);
    const images = await this.#ensureImages(containers);
    await this.#ensureVolumes(identity, spec.pod, order.name);
    this.#stop.signal.throwIfAborted();

    const gateway = this.#options.names === undefined ? null : (this.#networks.get(order.network) ?? null);
    const made = await this.#makePod({ ...order, resolver: gateway });
    try {
      const place: ObservedPod = {
        id: made.id,
        name: order.name,
        labels: order.labels,
        createdAtMs: this.#options.clock.now().getTime(),
        infra: { id: made.infraId, state: 'running', startedAtMs: null },
        containers: [],
      };
      const [first] = spec.pod.initContainers;
      const beginning = first === undefined ? spec.pod.containers : [first];
      const starting = workload.joined ? [] : beginning;
      // Its network takes the engine longest, and waits more than it works: what needs no network is made meanwhile.
      const located = engine.startContainer(made.infraId).then(() => engine.locatePod(place));
      const making = asksForAddress(spec.pod)
        ? located.then(({ address }) => this.#makeContainers(identity, spec, wanted, images, address))
        : this.#makeContainers(identity, spec, wanted, images, '');
      const named = located.then(() => this.#nameInside(place, workload, spec));
      // What is half made is taken away when nothing is being made any more.
      await Promise.allSettled([located, making, named]);
      await located;
      await named;
      const ids = await making;
      for (const container of starting) {
        const id = ids.get(container);
        if (id !== undefined) await this.#startContainer(place, id, container);
      }
      // Podman adds a line for each container it starts; the file is compared and written again in the next round.
      this.#forgetNames(order.name);
      log.info({ pod: order.name, workload: formatKey(workload.key), specHash: spec.specHash }, 'pod started');
    } catch (error) {
      await this.#discardPod(made.id, order.name);
      throw error;
    }
  }

  async #makeContainers(
    identity: PodIdentity,
    spec: WorkloadSpec,
    wanted: WantedState,
    images: ReadonlyMap<string, LocalImage>,
    address: string,
  ): Promise<Map<ContainerSpec, string>> {
    await this.#writeFiles(identity, spec.pod, wanted, address);
    const ids = new Map<ContainerSpec, string>();
    for (const container of [...spec.pod.initContainers, ...spec.pod.containers]) {
      const attempt = { role: roleOf(spec.pod, container), attempt: 0, failures: 0 };
      const place = { address, image: images.get(container.image) };
      const id = await this.#createContainer(identity, spec, container, attempt, place);
      await this.#refuseRoot(container, images.get(container.image), id);
      ids.set(container, id);
    }
    return ids;
  }

  /** A pod of that name that no list shows is what an agent left that ended while making it. */
  async #makePod(order: Parameters<ContainerEngine['createPod']>[0]): Promise<{ id: string; infraId: string }> {
    const { engine } = this.#options;
    try {
      return await engine.createPod(order);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      if (error.code === 'engine.not-found') this.#networks.delete(order.network);
      if (error.code !== 'engine.exists') throw error;
      const pods = await engine.list();
      if (pods.some(({ name }) => name === order.name)) throw error;
      await engine.removePod(order.name);
      return await engine.createPod(order);
    }
  }

  async #discardPod(id: string, name: string): Promise<void> {
    try {
      await this.#options.engine.removePod(id);
      await this.#options.parts?.release(name);
      await this.#files.remove(name);
    } catch (error) {
      // It is seen in the next list and removed or mended then.
      this.#options.log.warn(
        { pod: name, error: messageOf(error) },
        'a pod that could not be made whole is still there',
      );
    }
  }

  async #mendPod(action: Extract<Action, { kind: 'mend-pod' }>): Promise<void> {
    for (const step of action.steps) {
      this.#stop.signal.throwIfAborted();
      // Waiting out a grace period is no work for the engine and takes no lane.
      if (step.kind === 'stop') await this.#stopContainer(action.pod, step);
      else await this.#lanes.run(() => this.#mendStep(action, step));
    }
    this.#forgetNames(action.pod.name);
  }

  async #stopContainer(pod: ObservedPod, step: Extract<MendStep, { kind: 'stop' }>): Promise<void> {
    this.#options.log.warn({ pod: pod.name, reason: step.reason.en }, 'container stopped');
    const hook = pod.containers.find(({ id }) => id === step.containerId)?.labels[LABEL.preStop];
    await this.#endContainer(pod, step.containerId, step.graceSeconds, hook);
  }

  /** Starts a container and does what is asked for after it; one whose hook fails is ended again. */
  async #startContainer(pod: ObservedPod, id: string, container: ContainerSpec): Promise<void> {
    const { engine } = this.#options;
    await engine.startContainer(id);
    if (container.postStart === undefined) return;
    const target = {
      containerId: id,
      container: container.name,
      endpoint: async (port: number) => (await engine.locatePod(pod)).endpoint(port),
    };
    try {
      await runHook(engine, container.postStart, target, POST_START_MS, this.#stop.signal);
    } catch (error) {
      if (!this.#stop.signal.aborted) await engine.stopContainer(id, 0);
      throw error;
    }
  }

  /** What was asked for before the end counts against the grace; two seconds are left for the end itself. */
  async #endContainer(pod: ObservedPod, id: string, graceSeconds: number, label: string | undefined): Promise<void> {
    const { engine, clock, log } = this.#options;
    const hook = readHook(label);
    let leftSeconds = graceSeconds;
    if (hook !== null && graceSeconds > 0) {
      const beganMs = clock.monotonicMs();
      const target = {
        containerId: id,
        container: pod.name,
        endpoint: async (port: number) => (await engine.locatePod(pod)).endpoint(port),
      };
      await runHook(engine, hook, target, graceSeconds * 1000, this.#stop.signal).catch((error: unknown) => {
        log.warn({ pod: pod.name, error: messageOf(error) }, 'the preStop hook failed; the container is ended');
      });
      leftSeconds = Math.max(2, Math.ceil(graceSeconds - (clock.monotonicMs() - beganMs) / 1000));
    }
    await engine.stopContainer(id, leftSeconds);
  }

  async #mendStep(
    action: Extract<Action, { kind: 'mend-pod' }>,
    step: Exclude<MendStep, { kind: 'stop' }>,
  ): Promise<void> {
    const { engine, log } = this.#options;
    const { workload, spec, pod } = action;
    if (step.kind === 'remove') return await engine.removeContainer(step.containerId);
    const identity = readPodIdentity(pod.labels);
    if (identity === null) return;
    await this.#checkGate(workload, spec, step.container);
    const images = await this.#ensureImages([step.container]);
    if (step.kind === 'start') {
      await this.#refuseRoot(step.container, images.get(step.container.image), step.containerId);
      return await this.#startContainer(pod, step.containerId, step.container);
    }
    await this.#ensureVolumes(identity, spec.pod, pod.name);
    const { address } = await engine.locatePod(pod);
    await this.#writeFiles(identity, spec.pod, this.#wanted, address);
    const place = { address, image: images.get(step.container.image) };
    const id = await this.#createContainer(identity, spec, step.container, step, place);
    await this.#refuseRoot(step.container, images.get(step.container.image), id);
    await this.#startContainer(pod, id, step.container);
    log.info({ pod: pod.name, container: step.container.name, attempt: step.attempt }, 'container started again');
  }

  async #createContainer(
    identity: PodIdentity,
    spec: WorkloadSpec,
    container: ContainerSpec,
    attempt: Attempt,
    { address, image }: { readonly address: string; readonly image: LocalImage | undefined },
  ): Promise<string> {
    const { engine, instance } = this.#options;
    const pod = podName(instance, identity);
    const folder = (volume: string): string => this.#files.folder(pod, volume);
    const placing = this.#placing(address);
    const workload = this.#workloads.get(formatKey(identity.key));
    const resources = workload === undefined ? container.resources : this.#autoscaler.resourcesFor(workload, container);
    const order = containerOrder(
      instance,
      identity,
      spec.pod,
      { ...container, resources },
      attempt,
      this.#wanted.contents,
      folder,
      placing,
    );
    const group = spec.pod.fsGroup?.group ?? null;
    const mounts = await Promise.all(order.mounts.map((mount) => this.#boundPart(pod, container.name, mount, group)));
    await this.#refuseLinkedFolder(order.workingDir ?? image?.workingDir ?? null, mounts, order.name);
    const id = await engine.createContainer({ ...order, mounts });
    this.#autoscaler.made(id, container.resources, resources);
    return id;
  }

  /** A mount of one part of its source, found and held for it; any other as it is. */
  async #boundPart(
    pod: string,
    container: string,
    mount: ContainerOrder['mounts'][number],
    group: number | null,
  ): Promise<ContainerOrder['mounts'][number]> {
    const { part } = mount;
    let { source } = mount;
    if (source.kind === 'memory') {
      const { volume, sizeBytes } = source;
      const path = await (this.#options.parts ?? NO_PARTS).memory(pod, volume, { sizeBytes, group });
      source = { kind: 'folder', path };
      if (part === null || part === '') return { ...mount, part: null, source };
      return {
        ...mount,
        part: null,
        source: { kind: 'folder', path: await (this.#options.parts ?? NO_PARTS).mount(pod, path, part, container) },
      };
    }
    if (part === null || part === '') return mount;
    // The platform alone writes into such a folder, and has just written it.
    if (source.kind === 'folder')
      return { ...mount, part: null, source: { kind: 'folder', path: join(source.path, part) } };
    const volume = this.#volumes.get(source.volume);
    if (volume === undefined) throw engineFault('deploy.content-missing', { container: pod, reference: source.volume });
    const path = await this.#touches.run(volume, () =>
      (this.#options.parts ?? NO_PARTS).mount(pod, volume, part, container),
    );
    return { ...mount, part: null, source: { kind: 'folder', path } };
  }

  /** A folder to work in that lies in a volume: other containers write there, and their links are not the image's. */
  async #refuseLinkedFolder(
    folder: string | null,
    mounts: readonly ContainerOrder['mounts'][number][],
    container: string,
  ): Promise<void> {
    if (folder === null) return;
    const below = mounts
      .filter(({ path }) => `${folder}/`.startsWith(`${path.replace(/\/+$/, '')}/`))
      .sort((one, other) => other.path.length - one.path.length)[0];
    if (below === undefined) return;
    const { source } = below;
    const root =
      source.kind === 'folder' ? source.path : source.kind === 'volume' ? this.#volumes.get(source.volume) : undefined;
    const part = folder.slice(below.path.length);
    if (root === undefined || part === '') return;
    await this.#touches.run(root, () => refuseLinkInVolume(root, part, `create container ${container}`));
  }

  #placing(address: string): PodPlacing {
    return { node: '', capacity: { cpuMillis: 0, memoryBytes: 0 }, ...this.#options.node, address };
  }

  async #writeFiles(identity: PodIdentity, spec: PodSpec, wanted: WantedState, address: string): Promise<void> {
    const placing = this.#placing(address);
    await this.#files.write(podName(this.#options.instance, identity), spec, wanted.contents, ({ source, path }) =>
      sourceBytes(source, path, identity, spec, wanted.contents, placing),
    );
  }

  /** The volumes of a pod, made and given to its group. */
  async #ensureVolumes(identity: PodIdentity, spec: PodSpec, pod: string): Promise<void> {
    const { engine, instance } = this.#options;
    const claims = new Map(this.#claims(identity, spec).map((claim) => [claim.name, claim.wanted]));
    for (const order of volumeOrders(instance, identity, spec)) {
      const claim = claims.get(order.name);
      const folder = claim === undefined ? null : await this.#prepareClaim(claim, order.name, pod);
      const { name, path } = await engine.ensureVolume({ ...order, ...(folder === null ? {} : { folder }) });
      this.#volumes.set(name, path);
      if (claim !== undefined) await this.#options.storage?.limit(name, path, claim.requestedBytes);
      if (spec.fsGroup === undefined) continue;
      const { runWithNumbers } = this.#options;
      if (runWithNumbers === undefined && (await engine.facts()).rootless) {
        const what = { en: 'fsGroup, which needs root', es: 'fsGroup, que necesita root' };
        throw engineFault('deploy.host-lacks', { pod, what });
      }
      await giveToGroup(path, spec.fsGroup, this.#touches, runWithNumbers);
    }
  }

  async #prepareClaim(claim: WantedVolume, volume: string, pod: string): Promise<string | null> {
    if (claim.accessModes.includes('ReadWriteOncePod')) {
      const known = this.#holders.get(volume);
      const holder = known === undefined || this.#hasEnded(known) ? this.#userOf(volume, pod) : known;
      const isThere = this.#pods.some(({ name }) => name === holder) || this.#busy.has(holder ?? '');
      if (holder !== undefined && holder !== pod && isThere) {
        throw engineFault('deploy.volume-held', { pod, claim: claim.claim, holder });
      }
      this.#holders.set(volume, pod);
    }
    return (await this.#options.storage?.prepare(claim)) ?? null;
  }

  /** Another pod that mounts the volume, as far as its spec is still known. */
  #userOf(volume: string, pod: string): string | undefined {
    return this.#pods.find(({ name, labels }) => {
      const identity = name === pod || this.#hasEnded(name) ? null : readPodIdentity(labels);
      return identity !== null && this.#claimsOf(identity).some((claim) => claim.name === volume);
    })?.name;
  }

  /** Whether it has run to its end and is kept for its logs alone: it writes no more. */
  #hasEnded(name: string): boolean {
    const pod = this.#pods.find((one) => one.name === name);
    const identity = pod === undefined ? null : readPodIdentity(pod.labels);
    const spec = identity === null ? null : this.#specOf(identity);
    return pod !== undefined && spec !== null && finishedOf(pod, spec) !== null;
  }

  #claimsOf(identity: PodIdentity): { readonly name: string; readonly wanted: WantedVolume }[] {
    const spec = this.#specOf(identity);
    return spec === null ? [] : this.#claims(identity, spec);
  }

  /** Null: nobody remembers it any more. */
  #specOf(identity: PodIdentity): PodSpec | null {
    const workload = this.#workloads.get(formatKey(identity.key));
    const spec = [workload, workload?.previous].find((candidate) => candidate?.specHash === identity.specHash);
    return spec?.pod ?? null;
  }

  /** The claims of a pod, by the names of their volumes; one more ordinal than was wanted is like the others. */
  #claims(identity: PodIdentity, spec: PodSpec): { readonly name: string; readonly wanted: WantedVolume }[] {
    const { project, environment, name: workload } = identity.key;
    const here = this.#wanted.volumes.filter((one) => one.project === project && one.environment === environment);
    return spec.volumes.flatMap((volume) => {
      if (volume.kind !== 'claim') return [];
      const claim = claimOf(volume, identity);
      const known =
        here.find((one) => one.claim === claim) ??
        (volume.perOrdinal ? here.find((one) => one.claim.startsWith(`${volume.claim}-${workload}-`)) : undefined);
      if (known === undefined) return [];
      const name = claimVolumeName({ instance: this.#options.instance, project, environment, claim });
      return [{ name, wanted: { ...known, claim } }];
    });
  }

  /** What a workload asks of its host and the host does not have refuses the start instead of being left out. */
  async #refuseLacking(pod: string, spec: PodSpec): Promise<void> {
    const { securityModules: modules = [], runtimes, lacks } = await this.#options.engine.facts();
    const runtime = runtimes.find(({ name }) => name === spec.runtime);
    if (spec.runtime !== undefined && runtime?.missing !== null) {
      const missing = runtime?.missing ?? { en: 'it is not known here', es: 'no se conoce aquí' };
      throw engineFault('deploy.runtime-missing', { pod, runtime: spec.runtime, why: missing.en, porque: missing.es });
    }
    if (spec.userNamespace && lacks?.userNamespace !== undefined) {
      const { en, es } = lacks.userNamespace;
      throw engineFault('engine.lacks', { operation: `create pod ${pod}`, why: en, porque: es });
    }
    const limited = [...spec.initContainers, ...spec.containers].some(({ ulimits }) => ulimits !== undefined);
    if (limited && lacks?.ulimits !== undefined) {
      const { en, es } = lacks.ulimits;
      throw engineFault('engine.lacks', { operation: `create pod ${pod}`, why: en, porque: es });
    }
    const beyond = await beyondUlimits(spec);
    if (beyond !== null) throw engineFault('deploy.host-lacks', { pod, what: beyond });
    for (const { security } of [...spec.initContainers, ...spec.containers]) {
      const { appArmorProfile: profile } = security;
      if (profile !== undefined && spec.runtime === 'runsc') {
        throw engineFault('engine.lacks', {
          operation: `create pod ${pod}`,
          why: `gVisor takes no AppArmor profile, and ${profile} would be left out in silence`,
          porque: `gVisor no admite perfiles de AppArmor, y ${profile} se omitiría en silencio`,
        });
      }
      if (profile !== undefined && !modules.includes('apparmor')) {
        const what = { en: `the AppArmor profile ${profile}`, es: `el perfil de AppArmor ${profile}` };
        throw engineFault('deploy.host-lacks', { pod, what });
      }
      if (security.seLinux !== undefined && !modules.includes('selinux')) {
        throw engineFault('deploy.host-lacks', {
          pod,
          what: { en: 'an SELinux label', es: 'una etiqueta de SELinux' },
        });
      }
    }
  }

  /** @throws Fault deploy.root-user */
  async #refuseRoot(container: ContainerSpec, image: LocalImage | undefined, id: string): Promise<void> {
    if (!container.security.runAsNonRoot) return;
    const { runAsUser } = container.security;
    const user = runAsUser === null ? (image?.user ?? '') : String(runAsUser);
    const number = runAsUser ?? (await userNumber(this.#options.engine, id, user));
    // uid_t has 32 bits, of which the last stands for "unchanged".
    if (number !== null && number > 0 && number < 0xffff_ffff) return;
    throw engineFault('deploy.root-user', { container: container.name, user: user.slice(0, 64) });
  }

  async #removePod(action: Extract<Action, { kind: 'remove-pod' }>): Promise<void> {
    const { engine, log, beforeStop, clock } = this.#options;
    const { pod } = action;
    log.info({ pod: pod.name, reason: action.reason.en }, 'pod is removed');
    if (action.drain && pod.infra?.state === 'running') {
      await this.#namesDone;
      if (beforeStop !== undefined) {
        const late = new AbortController();
        const timer = clock.sleep(DRAIN_TIMEOUT_MS, late.signal).catch(() => undefined);
        await Promise.race([beforeStop(pod.name), timer]);
        late.abort();
      }
      const running = pod.containers.filter(({ state }) => state === 'running');
      const end = ({ id, labels }: ObservedContainer): Promise<void> =>
        this.#endContainer(pod, id, action.graceSeconds, labels[LABEL.preStop]);
      await Promise.all(running.filter(({ labels }) => labels[LABEL.role] !== 'sidecar').map(end));
      // Sidecars serve the others to their end; the one begun last ends first.
      const sidecars = running.filter(({ labels }) => labels[LABEL.role] === 'sidecar');
      for (const sidecar of sidecars.sort((a, b) => (b.startedAtMs ?? 0) - (a.startedAtMs ?? 0))) await end(sidecar);
    }
    await this.#lanes.run(async () => {
      await engine.removePod(pod.id);
      this.#fenced.delete(pod.name);
      for (const [volume, holder] of this.#holders) if (holder === pod.name) this.#holders.delete(volume);
      await this.#options.parts?.release(pod.name);
      await this.#files.remove(pod.name);
      const volumes = await engine.listVolumes();
      for (const { name, labels } of volumes) if (labels[LABEL.scratchOf] === pod.name) await engine.removeVolume(name);
    });
    this.#forgetNames(pod.name);
  }

  async #ensureNetwork(identity: PodIdentity): Promise<void> {
    const { instance, engine } = this.#options;
    const { project, environment } = identity.key;
    const name = networkName(instance, project, environment);
    if (this.#networks.has(name)) return;
    const labels = {
      [LABEL.managed]: 'true',
      [LABEL.instance]: instance,
      [LABEL.project]: project,
      [LABEL.environment]: environment,
    };
    let coming = this.#comingNetworks.get(name);
    if (coming === undefined) {
      coming = engine
        .ensureNetwork({ name, bridge: bridgeName(name), labels })
        .then((gateway) => void this.#networks.set(name, gateway))
        .finally(() => this.#comingNetworks.delete(name));
      this.#comingNetworks.set(name, coming);
    }
    await coming;
  }

  async #ensureImages(containers: readonly ContainerSpec[]): Promise<Map<string, LocalImage>> {
    const { engine, credentials } = this.#options;
    const images = new Map<string, LocalImage>();
    for (const { image } of containers) {
      if (images.has(image)) continue;
      pinnedDigest(image);
      const token = (await credentials?.(image)) ?? null;
      images.set(image, await engine.ensureImage(image, token, this.#stop.signal));
    }
    return images;
  }

  #forgetTrouble(action: Action, name: string): void {
    const subjects = new Set([name]);
    if (action.kind === 'create-pod') subjects.add(troubleOfSpec(action.pod.key, action.pod.specHash));
    const troubles = Object.entries(this.#memory.troubles).filter(([subject]) => !subjects.has(subject));
    this.#memory = { ...this.#memory, troubles: Object.fromEntries(troubles) };
  }

  #trouble(subject: string, error: unknown): void {
    const nowMs = this.#options.clock.now().getTime();
    const known = this.#memory.troubles[subject];
    const texts = error instanceof Refused ? error.reasons : [textOf(error)];
    const refused = error instanceof Refused || (error instanceof Fault && error.kind === 'refused');
    const count = (known?.count ?? 0) + 1;
    const waitMs = refused
      ? REFUSED_RETRY_MS
      : Math.min((RESTART_BACKOFF_MS.first / 5) * 2 ** (count - 1), RESTART_BACKOFF_MS.most);
    const trouble: Trouble = { kind: refused ? 'refused' : 'failed', count, untilMs: nowMs + waitMs, texts };
    this.#memory = { ...this.#memory, troubles: { ...this.#memory.troubles, [subject]: trouble } };
    // What was given up half-way may have left a volume or files behind.
    this.#sweepSoon = true;
    this.#options.log.warn({ subject, retryMs: waitMs, why: texts.map(({ en }) => en).join('; ') }, 'could not act');
  }

  /** Its file of names is looked at again. */
  #forgetNames(pod: string): void {
    this.#written.delete(pod);
    this.#settled = null;
    this.#namesForgotten++;
  }

  /** All that names, rules and endpoints are made of, beside what is wanted. */
  #sightOf(places: ReadonlyMap<ObservedPod, PodPlace>): string {
    const lines = [...places].map(([{ name, infra }, { address, segment }]) => {
      const busy = this.#busy.get(name)?.kind ?? '';
      const ready = this.#readyPods.has(name);
      return [name, infra?.id, infra?.startedAtMs, address, segment?.six?.address, busy, ready].join(' ');
    });
    return lines.join('\n');
  }

  /** Rewrites what names mean in every pod, and tells the edge where services are; nothing while nothing changes. */
  async #nameServices(): Promise<void> {
    const wanted = this.#wanted;
    const { services } = wanted;
    const places = await this.#locate();
    const sight = this.#sightOf(places);
    if (this.#settled?.wanted === wanted && this.#settled.sight === sight) return;
    const forgotten = this.#namesForgotten;
    let isWhole = true;
    const named: NamedPod[] = [];
    for (const [pod, place] of places) {
      const identity = readPodIdentity(pod.labels);
      if (identity === null) continue;
      const workload = this.#workloads.get(formatKey(identity.key));
      const spec = [workload, workload?.previous].find((candidate) => candidate?.specHash === identity.specHash);
      named.push(this.#namePod(pod, identity, spec?.pod ?? workload?.pod ?? null, place));
    }
    for (const [pod, place] of places) {
      const identity = readPodIdentity(pod.labels);
      if (identity === null || this.#busy.get(pod.name)?.kind === 'create') continue;
      const workload = this.#workloads.get(formatKey(identity.key));
      const spec = [workload, workload?.previous].find((candidate) => candidate?.specHash === identity.specHash);
      const subdomain = spec?.pod.subdomain;
      const hostname = spec?.pod === undefined ? pod.name : hostNameOf(identity, spec.pod);
      const entries = [
        ...ownName(identity.key, hostname, { address: place.address, subdomain }),
        ...(spec?.pod.hostAliases ?? []),
        ...serviceHosts(services, named, { ...identity.key, name: pod.name }),
      ];
      const text = formatHosts(place.address, pod.name, entries);
      if (this.#written.get(pod.name) === text) continue;
      await this.#options.engine.writeHosts(pod, entries).then(
        () => this.#written.set(pod.name, text),
        (error: unknown) => {
          isWhole = false;
          this.#options.log.debug({ pod: pod.name, error: messageOf(error) }, 'names not written');
        },
      );
    }
    this.#emitEndpoints(
      named.filter(({ ready }) => ready),
      places,
    );
    const isFollowed = await this.#segments.follow(
      this.#placed(places),
      wanted.policies,
      services.map((service) => ({
        ...service,
        ports: service.ports,
        pods: named
          .filter((pod) => pod.ready || service.publishNotReady === true)
          .filter((pod) => pod.project === service.project && pod.environment === service.environment)
          .filter((pod) => selects(service.selector, pod.labels))
          .flatMap((pod) =>
            addressesFor(service, pod).map((address) => ({ hostname: pod.hostname ?? pod.name, address })),
          ),
      })),
      (pod) => this.#busy.has(pod),
    );
    // What began or ended meanwhile is in the next sight.
    this.#settled = isWhole && isFollowed && this.#namesForgotten === forgotten ? { wanted, sight } : null;
  }

  #namePod(pod: ObservedPod, identity: PodIdentity, spec: PodSpec | null, place: PodPlace): NamedPod {
    return {
      ...identity.key,
      name: pod.name,
      labels: spec?.labels ?? {},
      address: place.address,
      six: place.segment?.six?.address ?? null,
      ready: this.#readyPods.has(pod.name),
      ...(spec === null ? {} : { hostname: hostNameOf(identity, spec) }),
      ...(spec?.subdomain === undefined ? {} : { subdomain: spec.subdomain }),
    };
  }

  /**
   * What a pod that has just got its network needs before anything in it runs: what names mean, the ports by which its
   * services are called, and the rules that keep it apart.
   */
  async #nameInside(pod: ObservedPod, workload: WantedWorkload, spec: WorkloadSpec): Promise<void> {
    const { engine } = this.#options;
    const entries = [...(spec.pod.hostAliases ?? []), ...(await this.#entriesFor(pod, workload.key))];
    await engine.writeHosts(pod, entries);
    const place = await engine.locatePod(pod);
    const redirects = this.#redirectsOf(workload.key, spec.pod);
    const six = place.segment?.six?.address ?? null;
    if (redirects.length > 0) await engine.loadRules(pod, redirectRules(place.address, redirects, six));
    const placed: PlacedPod = { pod, place, key: workload.key, spec: spec.pod, redirects };
    await this.#segments.prepare(placed, this.#placed(await this.#locate()), this.#wanted.policies);
  }

  /** Pods with a network whose specification is known; those being made get their rules where they are made. */
  #placed(places: ReadonlyMap<ObservedPod, PodPlace>): PlacedPod[] {
    return [...places].flatMap(([pod, place]): PlacedPod[] => {
      const identity = readPodIdentity(pod.labels);
      if (identity === null || this.#busy.get(pod.name)?.kind === 'create') return [];
      const workload = this.#workloads.get(formatKey(identity.key));
      const spec = [workload, workload?.previous].find((one) => one?.specHash === identity.specHash) ?? workload;
      if (spec === undefined) return [];
      const { key } = identity;
      return [{ pod, place, key, spec: spec.pod, redirects: this.#redirectsOf(key, spec.pod) }];
    });
  }

  #redirectsOf(key: WorkloadKey, pod: PodSpec): readonly ServiceRedirect[] {
    const known = this.#redirects.get(pod);
    if (known !== undefined) return known;
    const found = serviceRedirects(this.#wanted.services, { key, pod });
    this.#redirects.set(pod, found);
    return found;
  }

  async #entriesFor(pod: ObservedPod, key: WorkloadKey): Promise<ReturnType<typeof serviceHosts>> {
    const named: NamedPod[] = [];
    for (const other of this.#pods) {
      const identity = readPodIdentity(other.labels);
      if (identity === null || other.infra?.state !== 'running' || this.#busy.get(other.name)?.kind === 'remove')
        continue;
      if (formatKey(identity.key) === formatKey(key) && other.name === pod.name) continue;
      const workload = this.#workloads.get(formatKey(identity.key));
      if (!this.#readyPods.has(other.name) && !this.#isPublishedEarly(workload)) continue;
      const place = await this.#options.engine.locatePod(other);
      named.push(this.#namePod(other, identity, workload?.pod ?? null, place));
    }
    return serviceHosts(this.#wanted.services, named, { ...key, name: pod.name });
  }

  #isPublishedEarly(workload: WantedWorkload | undefined): boolean {
    return this.#wanted.services.some(
      ({ publishNotReady, selector }) => publishNotReady === true && selects(selector, workload?.pod.labels ?? {}),
    );
  }

  async #locate(): Promise<Map<ObservedPod, PodPlace>> {
    const places = new Map<ObservedPod, PodPlace>();
    for (const pod of this.#pods) {
      if (pod.infra?.state !== 'running' || this.#busy.get(pod.name)?.kind === 'remove') continue;
      try {
        places.set(pod, await this.#options.engine.locatePod(pod));
      } catch (error) {
        this.#options.log.debug({ pod: pod.name, error: messageOf(error) }, 'pod not located');
      }
    }
    return places;
  }

  #emitEndpoints(named: readonly NamedPod[], places: ReadonlyMap<ObservedPod, PodPlace>): void {
    const { onEndpoints } = this.#options;
    if (onEndpoints === undefined) return;
    const placeOf = new Map([...places].map(([pod, place]) => [pod.name, { pod, place }]));
    const list = this.#wanted.services.flatMap((service) =>
      service.ports.map((port): ServiceEndpoints => {
        const endpoints = named.flatMap((pod) => {
          if (pod.project !== service.project || pod.environment !== service.environment) return [];
          const found = placeOf.get(pod.name);
          const identity = found === undefined ? null : readPodIdentity(found.pod.labels);
          if (found === undefined || identity === null || !selects(service.selector, pod.labels)) return [];
          const workload = this.#workloads.get(formatKey(identity.key));
          const spec = workload?.previous?.specHash === identity.specHash ? workload.previous.pod : workload?.pod;
          const target = spec === undefined ? null : resolveTargetPort(spec, port.targetPort);
          const endpoint = target === null ? null : found.place.endpoint(target);
          return endpoint === null
            ? []
            : [
                {
                  host: endpoint.host,
                  port: endpoint.port,
                  pod: pod.name,
                  ...this.#triedOut(workload, identity, named),
                },
              ];
        });
        return {
          project: service.project,
          environment: service.environment,
          service: service.name,
          port: port.port,
          portName: port.name,
          endpoints,
        };
      }),
    );
    const text = JSON.stringify(list);
    if (text === this.#emittedEndpoints) return;
    this.#emittedEndpoints = text;
    this.#visitorsSent = onEndpoints(list);
  }

  /** The weight of a pod while a new version of its workload serves a share only. */
  #triedOut(
    workload: WantedWorkload | undefined,
    identity: PodIdentity,
    ready: readonly NamedPod[],
  ): { readonly weight?: number } {
    if (workload?.canary === undefined || workload.previous === null) return {};
    const key = formatKey(identity.key);
    let [fresh, former] = [0, 0];
    for (const { labels } of this.#pods.filter(({ name }) => ready.some((pod) => pod.name === name))) {
      const other = readPodIdentity(labels);
      if (other === null || formatKey(other.key) !== key) continue;
      if (other.specHash === workload.specHash) fresh++;
      else former++;
    }
    const { fresh: weight, former: rest } = canaryWeights(workload.canary.percent, fresh, former);
    return { weight: identity.specHash === workload.specHash ? weight : rest };
  }

  /** What this host cannot enforce is said on every workload that it concerns. */
  async #tellUnenforced(statuses: readonly WorkloadStatus[]): Promise<readonly WorkloadStatus[]> {
    const { limitsMissing, rulesMissing, ipv6Missing } = await this.#options.engine.facts();
    if (limitsMissing === null && rulesMissing === null && ipv6Missing === null) return statuses;
    const limited = new Set(this.#wanted.workloads.filter(hasLimit).map(({ key }) => formatKey(key)));
    const sixes = this.#wanted.services.filter(({ sixToo }) => sixToo === true);
    const sixed = new Set(
      this.#wanted.workloads
        .filter(({ key: { project, environment }, pod }) =>
          sixes.some(
            (one) => one.project === project && one.environment === environment && selects(one.selector, pod.labels),
          ),
        )
        .map(({ key }) => formatKey(key)),
    );
    const since = this.#startedAt;
    return statuses.map((status) => {
      const key = formatKey(status.key);
      const texts = [limited.has(key) ? limitsMissing : null, rulesMissing, sixed.has(key) ? ipv6Missing : null];
      const more = texts.flatMap((text) => (text === null ? [] : [{ type: 'not-enforced', since, text } as const]));
      return more.length === 0 ? status : { ...status, conditions: [...status.conditions, ...more] };
    });
  }

  #emit(statuses: readonly WorkloadStatus[]): void {
    const seen = new Set<string>();
    for (const status of statuses) {
      const key = formatKey(status.key);
      seen.add(key);
      const text = JSON.stringify(status);
      if (this.#emitted.get(key)?.text === text) continue;
      this.#emitted.set(key, { key: status.key, text, status });
      this.#options.onStatus?.(status);
    }
    for (const [name, { key }] of this.#emitted) {
      if (seen.has(name)) continue;
      const remains = this.#pods.some(({ labels }) => {
        const identity = readPodIdentity(labels);
        return identity !== null && formatKey(identity.key) === name;
      });
      if (remains) continue;
      this.#emitted.delete(name);
      this.#options.onGone?.(key);
    }
  }

  /** After a while without an engine every workload says so; what is known of its replicas stays as it was. */
  #sayAway(): void {
    const nowMs = this.#options.clock.now().getTime();
    const sinceMs = this.#awaySinceMs ?? nowMs;
    if (nowMs - sinceMs < ENGINE_ALARM_MS) return;
    const condition = { type: 'engine-away', since: new Date(sinceMs).toISOString(), text: ENGINE_AWAY } as const;
    for (const [name, known] of this.#emitted) {
      if (known.status.conditions.some(({ type }) => type === 'engine-away')) continue;
      const status = { ...known.status, conditions: [...known.status.conditions, condition] };
      this.#emitted.set(name, { key: known.key, status, text: JSON.stringify(status) });
      this.#options.onStatus?.(status);
    }
  }

  /** Once a minute: which pods hold more on disk than an emptyDir's sizeLimit or the limits of their containers let them. */
  async #measure(): Promise<void> {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#measuredMs < MEASURE_MS) return;
    this.#measuredMs = nowMs;
    const over = new Map<string, Overfull>();
    for (const pod of this.#pods) {
      const identity = readPodIdentity(pod.labels);
      if (identity === null) continue;
      const workload = this.#workloads.get(formatKey(identity.key));
      const spec = [workload, workload?.previous].find((candidate) => candidate?.specHash === identity.specHash);
      const found = spec == null ? null : await this.#overfullOf(pod, spec.pod);
      if (found !== null) over.set(pod.id, found);
    }
    this.#overfull = over;
    if (over.size > 0) this.#notice('time');
  }

  /**
   * As the kubelet's eviction manager has it: each emptyDir by its sizeLimit, each container by its own limit (its layer and
   * its logs), and the pod by the limits of all of them together, emptyDirs counted. What is in memory is bounded as memory.
   */
  async #overfullOf({ name, containers }: ObservedPod, pod: PodSpec): Promise<Overfull | null> {
    const all = [...pod.initContainers, ...pod.containers];
    const limits = new Map(all.map((one) => [one.name, one.diskLimitBytes ?? 0] as const));
    const together = diskLimitOf(pod);
    let heldBytes = 0;
    for (const volume of pod.volumes) {
      if (volume.kind !== 'scratch' || volume.memory) continue;
      if (volume.sizeBytes === undefined && together === 0) continue;
      const path = this.#volumes.get(scratchName(name, volume.name));
      const bytes = path === undefined ? 0 : await folderBytes(path);
      if (volume.sizeBytes !== undefined && bytes > volume.sizeBytes) return 'emptyDir';
      heldBytes += bytes;
    }
    if (together === 0) return null;
    const runs = new Set(
      containers.filter(({ state }) => state === 'running').map(({ labels }) => labels[LABEL.container] ?? ''),
    );
    const held = new Map<string, number>();
    for (const { id, labels, state } of containers) {
      const container = labels[LABEL.container] ?? '';
      if (!runs.has(container)) continue;
      // Of tries before the one that runs the logs are kept, and count as its own.
      const { layerBytes, logBytes } = await this.#diskUse(id);
      const bytes = logBytes + (state === 'running' ? layerBytes : 0);
      held.set(container, (held.get(container) ?? 0) + bytes);
      heldBytes += bytes;
    }
    for (const [container, bytes] of held) {
      const own = limits.get(container) ?? 0;
      if (own > 0 && bytes > own) return 'disk';
    }
    return heldBytes > together ? 'disk' : null;
  }

  async #diskUse(id: string): Promise<DiskUse> {
    try {
      return await this.#options.engine.diskUse(id);
    } catch (error) {
      // The engine may be away, or the container on its way out: a minute later it is asked again.
      this.#options.log.warn(
        { container: id, error: messageOf(error) },
        'what a container wrote could not be measured',
      );
      return { layerBytes: 0, logBytes: 0 };
    }
  }

  async #sweep(): Promise<void> {
    const { engine, log, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    // The first one is followed by another soon: what the agent before this one had asked for may still come about.
    this.#lastSweepMs = this.#hasSwept ? nowMs : nowMs - SWEEP_MS + SECOND_SWEEP_MS;
    this.#hasSwept = true;
    const names = new Set([...this.#pods.map(({ name }) => name), ...this.#busy.keys()]);
    try {
      for (const { id, name } of await engine.listEmptyPods()) {
        if (names.has(name)) continue;
        log.info({ pod: name }, 'an empty pod that was left behind is removed');
        await engine.removePod(id);
      }
      for (const { id, labels } of this.#pods.flatMap(({ containers }) => containers)) {
        if (labels[LABEL.role] === 'ephemeral' && !this.#ephemeral.has(id)) await engine.removeContainer(id);
      }
      await this.#files.sweep(names);
      await this.#options.parts?.sweep(names);
      for (const { name, labels, path } of await engine.listVolumes()) {
        this.#volumes.set(name, path);
        const owner = labels[LABEL.scratchOf];
        if (owner !== undefined && !names.has(owner)) await engine.removeVolume(name);
      }
    } catch (error) {
      this.#lastSweepMs = nowMs - SWEEP_MS + RESYNC_MS;
      log.debug({ error: messageOf(error) }, 'not all that was left behind could be removed');
    }
  }

  async #saveMemory(): Promise<void> {
    const { memory, log } = this.#options;
    if (memory === undefined) return;
    const changes = `${this.#autoscaler.changes} ${this.#prober.readyChanges}`;
    // Of jobs what their pods do not tell once they are gone: how they ended, and what was evicted.
    const jobs = Object.entries(this.#memory.jobs ?? {}).flatMap(([name, { outcome, evicted = [] }]) =>
      outcome === null && evicted.length === 0 ? [] : [name, outcome, evicted.at(-1)?.name],
    );
    const text = `${changes} ${JSON.stringify(this.#memory.rollouts)} ${JSON.stringify(jobs)}`;
    const seenMs = this.#options.clock.now().getTime();
    if (text === this.#savedRollouts && !this.#isSeenDue(seenMs)) return;
    try {
      await memory.save({ ...this.#memory, seenMs, scaling: this.#autoscaler.memory, ready: this.#prober.ready() });
      this.#savedRollouts = text;
      this.#savedSeenMs = seenMs;
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the memory of roll-outs could not be kept');
    }
  }

  /** While a roll-out can still become late, the next agent is to know how long this one has looked at it. */
  #isSeenDue(nowMs: number): boolean {
    if (Math.abs(nowMs - this.#savedSeenMs) < SEEN_EVERY_MS) return false;
    return Object.entries(this.#memory.rollouts).some(([name, { completed, rolledBack, lastProgressMs }]) => {
      const deadlineMs = (this.#workloads.get(name)?.progressDeadlineSeconds ?? 0) * 1000;
      return !completed && !rolledBack && this.#savedSeenMs < lastProgressMs + deadlineMs;
    });
  }
}

/** Looks for what no event and no pod tells of: empty networks, files and scratch volumes that were left behind. */
const SWEEP_MS = 600_000;

const SECOND_SWEEP_MS = 60_000;

/** A clock that is kept right is slewed, or set by less than this. */
const CLOCK_SET_MS = 1_000;

const SEEN_EVERY_MS = 5_000;

/** An agent that ended is there again within this; longer than looks are apart, so that one that ends soon again loses no time. */
const AGENT_RESTART_MS = 30_000;

const MEASURE_MS = 60_000;

const ENGINE_AWAY: Text = {
  en: 'the container engine does not answer; what runs goes on, and nothing is started or mended meanwhile',
  es: 'el motor de contenedores no responde; lo que se ejecuta continúa, y entretanto nada se inicia ni se repara',
};

function saidOf(reasons: readonly Text[]): { why: string; porque: string } {
  return { why: reasons.map(({ en }) => en).join('; '), porque: reasons.map(({ es }) => es).join('; ') };
}

/** Whether a container of the pod, or a file in it, is told the pod's address; where users or a kernel are the pod's own, as if. */
function asksForAddress(spec: PodSpec): boolean {
  return spec.runtime !== undefined || spec.userNamespace === true || JSON.stringify(spec).includes('status.podIP');
}

/** The gate said no; every reason is told. */
class Refused extends Error {
  readonly reasons: readonly Text[];

  constructor(reasons: readonly Text[]) {
    super(reasons.map(({ en }) => en).join('; '));
    this.name = 'Refused';
    this.reasons = reasons;
  }
}

function actionSubject(instance: string, action: Action): string {
  if (action.kind === 'remove-network') return `network ${action.network}`;
  return action.kind === 'create-pod' ? podName(instance, action.pod) : action.pod.name;
}

function busyOf(action: Action): Busy {
  switch (action.kind) {
    case 'create-pod':
      return { kind: 'create', pod: action.pod };
    case 'mend-pod':
      return { kind: 'mend' };
    case 'remove-pod':
      return { kind: 'remove', reason: action.reason };
    case 'remove-network':
      return { kind: 'remove' };
  }
}

function hasLimit({ pod }: WantedWorkload): boolean {
  return [...pod.initContainers, ...pod.containers].some(
    ({ resources }) => resources.cpuLimitMillis !== null || resources.memoryLimitBytes !== null,
  );
}

function hasProbe(container: ContainerSpec): boolean {
  return container.startupProbe !== null || container.readinessProbe !== null || container.livenessProbe !== null;
}

function roleOf(spec: PodSpec, container: ContainerSpec): Attempt['role'] {
  if (!spec.initContainers.includes(container)) return 'main';
  return container.sidecar ? 'sidecar' : 'init';
}

function textOf(error: unknown): Text {
  if (error instanceof Fault) return sayFault(error);
  return { en: messageOf(error), es: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What a pod may hold on disk by the limits of its containers, 0 for no bound; as Kubernetes adds them up: what runs side by
 * side together, or what the greatest of its init containers may hold beside the sidecars before it.
 */
function diskLimitOf({ initContainers, containers }: PodSpec): number {
  let sidecars = 0;
  let begins = 0;
  for (const { sidecar, diskLimitBytes = 0 } of initContainers) {
    if (sidecar === true) sidecars += diskLimitBytes;
    begins = Math.max(begins, sidecar === true ? sidecars : sidecars + diskLimitBytes);
  }
  return Math.max(
    begins,
    containers.reduce((sum, { diskLimitBytes = 0 }) => sum + diskLimitBytes, sidecars),
  );
}
