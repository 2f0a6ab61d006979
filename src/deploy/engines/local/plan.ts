import type { Text } from '../../../system/index.ts';
import {
  type ContainerSpec,
  type Controller,
  canaryCount,
  formatKey,
  type PodSpec,
  resolveAllowance,
  type WantedState,
  type WantedWorkload,
  type WorkloadKey,
  type WorkloadSpec,
} from '../../model.ts';
import { type BudgetPod, whatKeeps } from '../../scaling/budget.ts';
import type { ScalingMemory } from './autoscale.ts';
import type { ObservedContainer, ObservedPod } from './engine.ts';
import { LABEL, networkName, type PodIdentity, podName, readCount, readPodIdentity } from './labels.ts';
import { RESTART_BACKOFF_MS } from './limits.ts';
import type { ContainerRole } from './orders.ts';
import { type CronRun, decideCron, decideJob, type JobMemory, type JobPod } from './plan-jobs.ts';
import { orderedActions } from './plan-ordered.ts';
import type {
  Condition,
  ConditionType,
  ProbeState,
  ReplicaPhase,
  ReplicaStatus,
  WorkloadPhase,
  WorkloadStatus,
} from './status.ts';

/**
 * A container without any probe counts as ready when it runs, but a roll-out waits this long before it removes an old
 * replica for it: an image that crashes in its first breath must not take the old version's place.
 */
const SETTLE_MS = 3_000;

/** What the probes say of one container. */
export interface ContainerHealth {
  readonly started: boolean;
  readonly ready: boolean;
  readonly readySinceMs: number | null;
  /** Its readiness probe has failed as often as it may: it does not start any more, it is not ready. */
  readonly unready?: boolean;
  /** Set when the startup or liveness probe gave up: the container is to be stopped and started again. */
  readonly failed: Text | null;
  /** What that probe says instead of the pod's grace. */
  readonly graceSeconds?: number;
  /** What each of its probes said last. */
  readonly probes?: readonly ProbeState[];
}

/** What is being done to a pod right now; nothing else is done to it meanwhile. */
export type Busy =
  | { readonly kind: 'create'; readonly pod: PodIdentity }
  | { readonly kind: 'remove'; readonly reason?: Text }
  | { readonly kind: 'mend' };

/** What a pod has filled: an emptyDir with a limit of its own, or the disk that its containers have together. */
export type Overfull = 'emptyDir' | 'disk';

export interface Observation {
  readonly pods: readonly ObservedPod[];
  readonly health: ReadonlyMap<string, ContainerHealth>;
  /** By pod name. */
  readonly busy: ReadonlyMap<string, Busy>;
  /** Pods that hold more on disk than they may, by id: one that is made anew under its name holds nothing yet. */
  readonly overfull?: ReadonlyMap<string, Overfull>;
  /** Names of pods with a volume that another host may write to by now. */
  readonly fenced?: ReadonlySet<string>;
  /** Pods that are to be made anew with other resources, as budgets allow, with the reason. */
  readonly outgrown?: ReadonlyMap<string, Text>;
  /** Containers that somebody has joined, of those that wait for it. */
  readonly joined?: ReadonlySet<string>;
  /** Names of the instance's networks when they were listed, else null. */
  readonly networks: readonly string[] | null;
}

/** Why something was not done, and until when it is not tried again. */
export interface Trouble {
  readonly kind: 'refused' | 'failed';
  readonly count: number;
  readonly untilMs: number;
  readonly texts: readonly Text[];
}

interface Rollout {
  readonly specHash: string;
  readonly generation: number;
  readonly lastProgressMs: number;
  readonly bestAvailable: number;
  readonly bestCreated: number;
  readonly completed: boolean;
  /** Pods of the previous version when it began. */
  readonly former?: number;
  /** Set when the deadline passed and the previous spec serves again. */
  readonly rolledBack: boolean;
}

/**
 * What the plan remembers between rounds. All of it may be lost: a failed roll-out would then be tried once more, and
 * nothing that runs would be touched for it.
 */
export interface PlanMemory {
  readonly rollouts: Readonly<Record<string, Rollout>>;
  /** By `troubleOfSpec` or pod name. */
  readonly troubles: Readonly<Record<string, Trouble>>;
  /** When a condition of a workload began, by `key#type`. */
  readonly since: Readonly<Record<string, number>>;
  /** By `jobKey`. What is not there was not begun, as far as its pods do not show it. */
  readonly jobs?: Readonly<Record<string, JobMemory>>;
  /** The last time of each schedule that was looked at, by workload, in Unix milliseconds. */
  readonly schedules?: Readonly<Record<string, number>>;
  /** When the reconciler last looked, in Unix milliseconds; the plan itself does not look at it, nor at what follows. */
  readonly seenMs?: number;
  /** Kept beside it by the reconciler. */
  readonly scaling?: ScalingMemory;
  /** The same way: containers with probes that were ready, and when each was started, in Unix milliseconds. */
  readonly ready?: Readonly<Record<string, number>>;
}

export const EMPTY_MEMORY: PlanMemory = { rollouts: {}, troubles: {}, since: {} };

export type MendStep =
  | { readonly kind: 'start'; readonly containerId: string; readonly container: ContainerSpec }
  | {
      readonly kind: 'create';
      readonly container: ContainerSpec;
      readonly role: ContainerRole;
      readonly attempt: number;
      readonly failures: number;
      readonly start: boolean;
    }
  | { readonly kind: 'stop'; readonly containerId: string; readonly graceSeconds: number; readonly reason: Text }
  | { readonly kind: 'remove'; readonly containerId: string };

export type Action =
  | {
      readonly kind: 'create-pod';
      readonly workload: WantedWorkload;
      readonly spec: WorkloadSpec;
      readonly pod: PodIdentity;
    }
  | {
      readonly kind: 'mend-pod';
      readonly workload: WantedWorkload;
      readonly spec: WorkloadSpec;
      readonly pod: ObservedPod;
      readonly steps: readonly MendStep[];
    }
  | {
      readonly kind: 'remove-pod';
      readonly pod: ObservedPod;
      readonly graceSeconds: number;
      /** Take it out of names and the edge first. */
      readonly drain: boolean;
      readonly reason: Text;
    }
  | { readonly kind: 'remove-network'; readonly network: string };

export interface Plan {
  readonly actions: readonly Action[];
  readonly statuses: readonly WorkloadStatus[];
  /** Names of the pods that may be reached: each container ready, not about to go. */
  readonly readyPods: readonly string[];
  readonly memory: PlanMemory;
  /** When to look again even if nothing happens; null when there is nothing to wait for. */
  readonly nextCheckMs: number | null;
}

/**
 * What to do so that the host runs what is wanted, from any state it may be in. Pure: the same arguments give the same
 * plan, and applying no action of it loses nothing.
 */
export function plan(
  instance: string,
  wanted: WantedState,
  observed: Observation,
  memory: PlanMemory,
  nowMs: number,
): Plan {
  const round = new Round(instance, observed, memory, nowMs, wanted.maintenance !== undefined);
  const pods = groupByWorkload(observed.pods);
  for (const workload of wanted.workloads) {
    const key = formatKey(workload.key);
    round.planWorkload(workload, pods.get(key) ?? []);
    pods.delete(key);
  }
  for (const orphans of pods.values()) {
    for (const orphan of orphans) round.remove(orphan.pod, true, REASON.notWanted);
  }
  round.planEvictions(wanted);
  round.planNetworks(wanted);
  return round.result();
}

/** The name under which trouble with making pods of a spec is remembered. */
export function troubleOfSpec(key: WorkloadKey, specHash: string): string {
  return `${formatKey(key)}@${specHash}`;
}

const REASON = {
  notWanted: { en: 'the workload is no longer wanted', es: 'la carga de trabajo ya no se desea' },
  replaced: { en: 'a newer version took its place', es: 'una versión más nueva ocupó su lugar' },
  scaledDown: { en: 'fewer replicas are wanted', es: 'se desean menos réplicas' },
  broken: { en: 'its network is gone', es: 'su red ya no existe' },
  jobOver: { en: 'its job has ended', es: 'su trabajo ha terminado' },
  drained: { en: 'its host is being drained', es: 'su host se está vaciando' },
  aborted: { en: 'the trial of its version ended', es: 'la prueba de su versión terminó' },
  fenced: {
    en: 'the lease of its volume is lost: the storage does not answer, or another host has it now',
    es: 'se perdió la concesión de su volumen: el almacenamiento no responde, o lo tiene ahora otro host',
  },
  emptyDir: {
    en: 'its emptyDir holds more than its sizeLimit',
    es: 'su emptyDir contiene más que su sizeLimit',
  },
  disk: {
    en: 'its containers wrote more to the disk than limits.ephemeral-storage lets them, logs and emptyDirs counted',
    es: 'sus contenedores escribieron en el disco más de lo que permite limits.ephemeral-storage, contados registros y emptyDir',
  },
} as const satisfies Record<string, Text>;

/** What nobody asked for by a release, a number or a drain: who looks is told why. */
const UNASKED: ReadonlySet<Text> = new Set([REASON.broken, REASON.fenced, REASON.emptyDir, REASON.disk]);

interface OwnedPod {
  readonly pod: ObservedPod;
  readonly identity: PodIdentity;
}

function groupByWorkload(pods: readonly ObservedPod[]): Map<string, OwnedPod[]> {
  const groups = new Map<string, OwnedPod[]>();
  for (const pod of pods) {
    const identity = readPodIdentity(pod.labels);
    if (identity === null || pod.labels[LABEL.managed] !== 'true') continue;
    const key = formatKey(identity.key);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ pod, identity }]);
    else group.push({ pod, identity });
  }
  return groups;
}

/** One existing pod, judged. */
interface Judged extends OwnedPod {
  readonly phase: ReplicaPhase;
  readonly ready: boolean;
  /** Ready long enough for a roll-out to go on. */
  readonly available: boolean;
  readonly steps: readonly MendStep[];
  readonly wakeMs: number | null;
  readonly crashing: Text | null;
  /** Nothing of it will be started again. */
  readonly finished: 'succeeded' | 'failed' | null;
}

/** Jobs that are remembered after nothing of them is wanted any more. */
const JOBS_KEPT_MS = 30 * 24 * 3_600_000;

class Round {
  readonly #instance: string;
  readonly #observed: Observation;
  readonly #memory: PlanMemory;
  readonly #nowMs: number;
  readonly #actions: Action[] = [];
  readonly #statuses: WorkloadStatus[] = [];
  readonly #readyPods: string[] = [];
  readonly #rollouts: Record<string, Rollout> = {};
  readonly #since: Record<string, number> = {};
  readonly #jobs: Record<string, JobMemory> = {};
  readonly #schedules: Record<string, number> = {};
  readonly #cordoned: boolean;
  /** Workloads that would have got a pod. */
  readonly #held = new Set<string>();
  readonly #present: { readonly workload: WantedWorkload; readonly pod: Judged }[] = [];
  #nextCheckMs: number | null = null;

  constructor(instance: string, observed: Observation, memory: PlanMemory, nowMs: number, cordoned: boolean) {
    this.#cordoned = cordoned;
    this.#instance = instance;
    this.#observed = observed;
    this.#memory = memory;
    this.#nowMs = nowMs;
  }

  planWorkload(workload: WantedWorkload, owned: readonly OwnedPod[]): void {
    const { controller } = workload;
    if (controller?.kind === 'job') {
      this.#planJob(workload, controller, owned);
      return;
    }
    if (controller?.kind === 'cron') {
      this.#planCron(workload, controller, owned);
      return;
    }
    const { current, target, rollout } = this.#chooseTarget(workload, owned);
    const judged = owned.map((pod) => this.#judge(workload, pod));
    const { staying, creating } = this.#sortOut(workload, judged);
    const counted = this.#followProgress(workload, rollout, staying, creating);
    // The deadline may just have passed: then this very round already returns to the previous spec.
    const goal = counted.rolledBack && workload.previous !== null ? workload.previous : target;
    const leaving = this.#replace(workload, goal, staying, creating);
    for (const pod of staying) {
      if (leaving.has(pod)) continue;
      this.#mend(workload, pod);
      this.#present.push({ workload, pod });
    }
    for (const pod of staying) if (pod.ready && !leaving.has(pod)) this.#readyPods.push(pod.pod.name);
    this.#state(workload, current, counted, judged, staying, creating);
  }

  planNetworks(wanted: WantedState): void {
    if (this.#observed.networks === null) return;
    const used = new Set(wanted.workloads.map(({ key }) => networkName(this.#instance, key.project, key.environment)));
    for (const { labels } of this.#observed.pods) {
      used.add(networkName(this.#instance, labels[LABEL.project] ?? '', labels[LABEL.environment] ?? ''));
    }
    for (const network of this.#observed.networks) {
      if (!used.has(network)) this.#actions.push({ kind: 'remove-network', network });
    }
  }

  remove(pod: ObservedPod, drain: boolean, reason: Text): void {
    if (this.#observed.busy.has(pod.name) || this.#isWaiting(pod.name)) return;
    const graceSeconds = LABEL.grace in pod.labels ? readCount(pod.labels, LABEL.grace) : 30;
    this.#actions.push({ kind: 'remove-pod', pod, graceSeconds, drain, reason });
  }

  #toReplica(judged: Judged): ReplicaStatus {
    const replica = toReplica(judged, this.#observed.health);
    const { id, name } = judged.pod;
    const busy = this.#observed.busy.get(name);
    const { overfull, fenced } = this.#observed;
    let leaving = busy?.kind === 'remove' ? busy.reason : undefined;
    if (busy === undefined && (judged.phase === 'broken' || overfull?.has(id) || fenced?.has(name))) {
      const action = this.#actions.find((one) => one.kind === 'remove-pod' && one.pod.id === id);
      if (action?.kind === 'remove-pod') leaving = action.reason;
    }
    return leaving === undefined || !UNASKED.has(leaving) ? replica : { ...replica, leaving };
  }

  result(): Plan {
    // A job that went with its release is not begun again when that release comes back.
    for (const [name, job] of Object.entries(this.#memory.jobs ?? {})) {
      const doneMs = job.finishedMs ?? this.#nowMs;
      if (job.outcome !== null && !(name in this.#jobs) && this.#nowMs - doneMs < JOBS_KEPT_MS) this.#jobs[name] = job;
    }
    const troubles: Record<string, Trouble> = {};
    for (const [name, trouble] of Object.entries(this.#memory.troubles)) {
      // Kept a while after its time, so that the count of a repeated failure goes on.
      if (this.#nowMs - trouble.untilMs < RESTART_BACKOFF_MS.forgetAfter) troubles[name] = trouble;
    }
    return {
      actions: this.#actions,
      statuses: this.#statuses,
      readyPods: this.#readyPods,
      memory: {
        rollouts: this.#rollouts,
        troubles,
        since: this.#since,
        ...(Object.keys(this.#jobs).length === 0 ? {} : { jobs: this.#jobs }),
        ...(Object.keys(this.#schedules).length === 0 ? {} : { schedules: this.#schedules }),
      },
      nextCheckMs: this.#nextCheckMs,
    };
  }

  #wake(atMs: number | null): void {
    if (atMs !== null && (this.#nextCheckMs === null || atMs < this.#nextCheckMs)) this.#nextCheckMs = atMs;
  }

  /** Whether an earlier failure still forbids a try; asks to be woken when it no longer does. */
  #isWaiting(name: string): boolean {
    const trouble = this.#memory.troubles[name];
    if (trouble === undefined || !forbids(trouble, this.#nowMs)) return false;
    this.#wake(trouble.untilMs);
    return true;
  }

  #chooseTarget(
    workload: WantedWorkload,
    owned: readonly OwnedPod[],
  ): { current: WorkloadSpec; target: WorkloadSpec; rollout: Rollout } {
    const known = this.#memory.rollouts[formatKey(workload.key)];
    const same =
      known !== undefined && known.specHash === workload.specHash && known.generation === workload.generation;
    const rollout: Rollout = same
      ? known
      : {
          specHash: workload.specHash,
          generation: workload.generation,
          lastProgressMs: this.#nowMs,
          bestAvailable: 0,
          bestCreated: owned.filter(({ identity }) => identity.specHash === workload.specHash).length,
          completed: false,
          former: owned.filter(({ identity }) => identity.specHash === workload.previous?.specHash).length,
          rolledBack: false,
        };
    const trouble = this.#memory.troubles[troubleOfSpec(workload.key, workload.specHash)];
    const refused = trouble?.kind === 'refused' && forbids(trouble, this.#nowMs);
    const back = (rollout.rolledBack || refused) && workload.previous !== null;
    return { current: workload, target: back && workload.previous !== null ? workload.previous : workload, rollout };
  }

  /** Pods without a network are removed at once; those being removed no longer count; those being made already do. */
  #sortOut(workload: WantedWorkload, judged: readonly Judged[]): { staying: Judged[]; creating: PodIdentity[] } {
    const staying: Judged[] = [];
    for (const pod of judged) {
      const busy = this.#observed.busy.get(pod.pod.name);
      const overfull = this.#observed.overfull?.get(pod.pod.id);
      if (busy?.kind === 'remove') continue;
      if (busy === undefined && pod.phase === 'broken') this.remove(pod.pod, false, REASON.broken);
      else if (this.#observed.fenced?.has(pod.pod.name)) this.remove(pod.pod, false, REASON.fenced);
      else if (overfull !== undefined) this.remove(pod.pod, true, REASON[overfull]);
      else staying.push(pod);
    }
    const seen = new Set(judged.map(({ pod }) => pod.name));
    const creating: PodIdentity[] = [];
    for (const [name, busy] of this.#observed.busy) {
      if (busy.kind !== 'create' || seen.has(name) || formatKey(busy.pod.key) !== formatKey(workload.key)) continue;
      creating.push(busy.pod);
    }
    return { staying, creating };
  }

  #followProgress(
    workload: WantedWorkload,
    rollout: Rollout,
    staying: readonly Judged[],
    creating: readonly PodIdentity[],
  ): Rollout {
    const updated = staying.filter(({ identity }) => identity.specHash === workload.specHash);
    const available = updated.filter((pod) => pod.available).length;
    const created = updated.length + creating.filter(({ specHash }) => specHash === workload.specHash).length;
    const canary = canaryOf(workload);
    const inPlace = staying.every(({ identity }) => mayStay(workload, identity));
    const whole = inPlace && staying.filter((pod) => pod.available).length >= workload.replicas;
    // A trial lasts as long as its pods are well, and while nothing may be made or replaced nothing can be late: nor where
    // the new version waits for a hand that removes pods of the former one.
    const still = this.#cordoned || workload.paused === true || workload.strategy.kind === 'on-delete';
    const well = still || (canary !== null && available >= canaryCount(canary, workload.replicas));
    const progressed = well || available > rollout.bestAvailable || created > rollout.bestCreated;
    const next: Rollout = {
      ...rollout,
      lastProgressMs: progressed ? this.#nowMs : rollout.lastProgressMs,
      bestAvailable: Math.max(available, rollout.bestAvailable),
      bestCreated: Math.max(created, rollout.bestCreated),
      completed: rollout.completed || whole,
    };
    const deadlineMs = next.lastProgressMs + workload.progressDeadlineSeconds * 1000;
    const late = !next.completed && this.#nowMs >= deadlineMs;
    if (!next.completed && !late) this.#wake(deadlineMs);
    const canReturn = workload.previous !== null && workload.previous.specHash !== workload.specHash;
    const refused = this.#memory.troubles[troubleOfSpec(workload.key, workload.specHash)]?.kind === 'refused';
    const result = late && canReturn && !refused ? { ...next, rolledBack: true } : next;
    this.#rollouts[formatKey(workload.key)] = result;
    return result;
  }

  /** Creates and removes pods towards `replicas` of the target spec; gives the pods that are to go. */
  #replace(
    workload: WantedWorkload,
    target: WorkloadSpec,
    staying: readonly Judged[],
    creating: readonly PodIdentity[],
  ): Set<Judged> {
    const { replicas, strategy, controller } = workload;
    const leaving = new Set<Judged>();
    const leave = (pods: readonly Judged[], reason: Text): void => {
      for (const pod of pods) {
        leaving.add(pod);
        this.remove(pod.pod, true, reason);
      }
    };
    if (controller?.kind === 'ordered') {
      const pods = staying.map((pod) => {
        const { slot, specHash } = pod.identity;
        return { ...pod, slot, specHash, forgotten: specOf(workload, specHash) === null, pod };
      });
      const going = [...this.#observed.busy].filter(([, busy]) => busy.kind === 'remove').map(([name]) => name);
      const mine = this.#observed.pods.filter(({ name, labels }) => {
        const identity = readPodIdentity(labels);
        return going.includes(name) && identity !== null && formatKey(identity.key) === formatKey(workload.key);
      });
      const actions = orderedActions({
        controller,
        strategy,
        replicas,
        target: target.specHash,
        former: workload.previous?.specHash ?? null,
        pods,
        coming: creating.map(({ slot }) => slot),
        going: mine.length,
      });
      leave(
        actions.scaledDown.map(({ pod }) => pod),
        REASON.scaledDown,
      );
      leave(
        actions.replaced.map(({ pod }) => pod),
        REASON.replaced,
      );
      for (const { slot, former } of actions.create) {
        const spec = former && workload.previous !== null ? workload.previous : target;
        if (this.#isWaiting(troubleOfSpec(workload.key, spec.specHash))) continue;
        this.#createOne(workload, spec, { key: workload.key, specHash: spec.specHash, slot, ordered: true });
      }
      return leaving;
    }
    if (workload.paused) {
      this.#standStill(workload, target, staying, creating, leave);
      return leaving;
    }
    if (canaryOf(workload) !== null && target.specHash === workload.specHash) {
      this.#tryOut(workload, staying, creating, leave);
      return leaving;
    }
    const fresh = staying.filter(({ identity }) => identity.specHash === target.specHash).sort(mostReadyFirst);
    const old = staying.filter(({ identity }) => identity.specHash !== target.specHash).sort(mostReadyFirst);
    const coming = creating.filter(({ specHash }) => specHash === target.specHash);
    const freshCount = fresh.length + coming.length;
    const total = staying.length + creating.length;
    const trouble = troubleOfSpec(workload.key, target.specHash);
    const stuck = this.#isWaiting(trouble);
    // A version that could not be started takes nobody's place until it has been started once, unless there is no room
    // to try it beside the old one; a refused one never does.
    const unproven = this.#memory.troubles[trouble] !== undefined;
    const mayMakeRoom = !unproven || (!stuck && this.#memory.troubles[trouble]?.kind === 'failed');

    leave(fresh.slice(replicas), REASON.scaledDown);
    const missing = Math.max(0, replicas - freshCount);
    if (replicas === 0) {
      leave(old, REASON.scaledDown);
    } else if (strategy.kind === 'on-delete') {
      if (!stuck) this.#create(workload, target, Math.max(0, replicas - total));
    } else if (strategy.kind === 'recreate') {
      const oldRemain = creating.length > coming.length || this.#hasOtherPods(workload, target.specHash);
      if (mayMakeRoom) leave(old, REASON.replaced);
      if (!oldRemain && !stuck) this.#create(workload, target, missing);
    } else {
      const surge = resolveAllowance(strategy.maxSurge, replicas, 'up');
      const allowed = resolveAllowance(strategy.maxUnavailable, replicas, 'down');
      // Percentages that both come to nothing would stop every roll-out; Kubernetes then allows one to be away.
      const away = surge === 0 && allowed === 0 ? 1 : allowed;
      const restored = this.#restore(workload, target, old.length + creating.length - coming.length, replicas - away);
      const room = old.length + restored === 0 ? missing : replicas + surge - total - restored;
      if (!stuck) this.#create(workload, target, Math.min(missing, room));
      if (room > 0 ? !unproven : mayMakeRoom)
        leave(this.#replaceable(old, fresh, total, freshCount, replicas - away), REASON.replaced);
    }
    return leaving;
  }

  /**
   * Makes pods of the previous version anew that a roll-out still counts on: those that went with a restart of the machine,
   * say, when nothing shows yet that the new version will ever be ready. Kubernetes keeps their number in a ReplicaSet.
   * @param present how many pods of other versions than the new one there are
   * @param least how many are to be available at any time
   * @returns how many it makes
   */
  #restore(workload: WantedWorkload, target: WorkloadSpec, present: number, least: number): number {
    const { key, previous, specHash } = workload;
    const rollout = this.#rollouts[formatKey(key)];
    if (previous === null || target.specHash !== specHash || previous.specHash === specHash) return 0;
    if (rollout === undefined || rollout.completed) return 0;
    const counted = Math.min(rollout.former ?? 0, least - rollout.bestAvailable);
    const missing = Math.max(0, counted - present);
    if (missing === 0 || this.#isWaiting(troubleOfSpec(key, previous.specHash))) return 0;
    this.#create(workload, previous, missing);
    return missing;
  }

  /** A paused roll-out: the number of pods is kept, and each version keeps what it has. */
  #standStill(
    workload: WantedWorkload,
    target: WorkloadSpec,
    staying: readonly Judged[],
    creating: readonly PodIdentity[],
    leave: (pods: readonly Judged[], reason: Text) => void,
  ): void {
    const { replicas, previous, strategy } = workload;
    const counts = (spec: WorkloadSpec): number =>
      [...staying.map(({ identity }) => identity), ...creating].filter(({ specHash }) => specHash === spec.specHash)
        .length;
    const fresh = counts(target);
    const former = previous === null || previous.specHash === target.specHash ? 0 : counts(previous);
    const total = staying.length + creating.length;
    // Half-way through a roll-out there may be more than are wanted: those stay as they are.
    const surge = strategy.kind === 'rolling' ? resolveAllowance(strategy.maxSurge, replicas, 'up') : 0;
    const most = replicas === 0 ? 0 : fresh === total ? replicas : replicas + surge;
    leave(staying.toSorted(mostReadyFirst).slice(Math.max(0, most - creating.length)), REASON.scaledDown);
    // What is missing is of the version of which there is more; of two alike, of the one that has proven itself.
    const spec = previous !== null && former >= fresh ? previous : target;
    if (!this.#isWaiting(troubleOfSpec(workload.key, spec.specHash))) this.#create(workload, spec, replicas - total);
  }

  /** A trial: the previous version keeps all its replicas, and a few of the new one stand beside them. */
  #tryOut(
    workload: WantedWorkload,
    staying: readonly Judged[],
    creating: readonly PodIdentity[],
    leave: (pods: readonly Judged[], reason: Text) => void,
  ): void {
    const { previous, replicas } = workload;
    if (previous === null) return;
    const of = (spec: WorkloadSpec): Judged[] =>
      staying.filter(({ identity }) => identity.specHash === spec.specHash).sort(mostReadyFirst);
    const keep = (spec: WorkloadSpec, count: number): Judged[] => {
      const pods = of(spec);
      leave(pods.slice(count), REASON.scaledDown);
      const coming = creating.filter(({ specHash }) => specHash === spec.specHash).length;
      const missing = Math.max(0, count - pods.length - coming);
      if (!this.#isWaiting(troubleOfSpec(workload.key, spec.specHash))) this.#create(workload, spec, missing);
      return pods;
    };
    const base = keep(previous, replicas);
    keep(workload, canaryCount(canaryOf(workload) ?? 0, replicas));
    // What is of neither version serves until the previous one is whole.
    const others = staying.filter(({ identity }) => specOf(workload, identity.specHash) === null);
    if (base.filter(({ ready }) => ready).length >= replicas) leave(others, REASON.aborted);
  }

  /**
   * Takes pods away that must go although they are wanted, as far as the budgets of their projects let it be: those that
   * need other resources, and all of a host that is drained. What serves others goes last: first what has an end and what
   * is replicated, then what has an order (the highest first, one at a time), then what is on each host.
   */
  planEvictions(wanted: WantedState): void {
    const { maintenance, budgets = [] } = wanted;
    const outgrown = this.#observed.outgrown ?? new Map<string, Text>();
    if (maintenance?.draining !== true && outgrown.size === 0) return;
    const acted = new Set(
      this.#actions.map((action) => ('pod' in action && 'name' in action.pod ? action.pod.name : '')),
    );
    const counts = new Map(wanted.workloads.map(({ key, replicas }) => [formatKey(key), replicas]));
    let present = this.#present.map(({ workload, pod }) => ({ workload, pod, budget: toBudgetPod(workload, pod) }));
    const evict = (one: (typeof present)[number], reason: Text): void => {
      const why = maintenance?.disregardBudgets
        ? null
        : whatKeeps(
            one.budget,
            budgets,
            present.map(({ budget }) => budget),
            counts,
          );
      if (why !== null) {
        this.#condition(one.workload.key, 'eviction-waits', why);
        return;
      }
      // What is being done to it ends first.
      if (acted.has(one.pod.pod.name) || this.#observed.busy.has(one.pod.pod.name)) return;
      this.remove(one.pod.pod, true, reason);
      present = present.filter((other) => other !== one);
      const ready = this.#readyPods.indexOf(one.pod.pod.name);
      if (ready >= 0) this.#readyPods.splice(ready, 1);
    };
    if (maintenance?.draining !== true) {
      for (const one of present) {
        const reason = outgrown.get(one.pod.pod.name);
        const key = formatKey(one.workload.key);
        const ready = present.filter((other) => formatKey(other.workload.key) === key && other.pod.ready).length;
        // One after the other, budget or not: the next goes when all that are wanted serve again.
        const isWhole = ready >= (counts.get(key) ?? 0);
        if (reason !== undefined && (isWhole || !one.pod.ready)) evict(one, reason);
      }
      return;
    }
    const removing = [...this.#observed.busy.values()].some(({ kind }) => kind === 'remove');
    const first = Math.min(...present.map(({ workload }) => drainRank(workload)));
    const due = present.filter(({ workload }) => drainRank(workload) === first);
    // Those of the rank before are still ending.
    if (removing && first > 0) return;
    const begun = new Set<string>();
    for (const one of due.sort((a, b) => b.pod.identity.slot - a.pod.identity.slot)) {
      const key = formatKey(one.workload.key);
      if (one.workload.controller?.kind === 'ordered' && begun.has(key)) continue;
      begun.add(key);
      evict(one, REASON.drained);
    }
  }

  /** Adds to a status that was already made. */
  #condition(key: WorkloadKey, type: ConditionType, text: Text): void {
    const index = this.#statuses.findIndex((status) => formatKey(status.key) === formatKey(key));
    const status = this.#statuses[index];
    if (status === undefined || status.conditions.some((one) => one.type === type)) return;
    this.#statuses[index] = { ...status, conditions: [...status.conditions, this.#begin(key, type, text)] };
  }

  #begin(key: WorkloadKey, type: ConditionType, text: Text): Condition {
    const id = `${formatKey(key)}#${type}`;
    const sinceMs = this.#memory.since[id] ?? this.#nowMs;
    this.#since[id] = sinceMs;
    return { type, since: new Date(sinceMs).toISOString(), text };
  }

  /** Old pods that may go without leaving fewer than `least` available. */
  #replaceable(
    old: readonly Judged[],
    fresh: readonly Judged[],
    total: number,
    freshCount: number,
    least: number,
  ): Judged[] {
    const freshAvailable = fresh.filter((pod) => pod.available).length;
    const budget = total - least - (freshCount - freshAvailable);
    if (budget <= 0) return [];
    const unready = old.filter((pod) => !pod.ready).slice(0, budget);
    const oldReady = old.filter((pod) => pod.ready);
    const spare = Math.min(freshAvailable + oldReady.length - least, budget - unready.length);
    // The ones listed last are the least ready and youngest.
    return [...unready, ...oldReady.slice(Math.max(0, oldReady.length - Math.max(0, spare)))];
  }

  /** Unless a pod of that name is there, or on its way in or out. */
  #createOne(workload: WantedWorkload, spec: WorkloadSpec, pod: PodIdentity): void {
    const name = podName(this.#instance, pod);
    if (this.#cordoned) {
      this.#held.add(formatKey(workload.key));
      return;
    }
    if (this.#observed.busy.has(name) || this.#observed.pods.some((one) => one.name === name)) return;
    this.#actions.push({ kind: 'create-pod', workload, spec, pod });
  }

  #create(workload: WantedWorkload, spec: WorkloadSpec, count: number): void {
    if (count <= 0) return;
    if (this.#cordoned) {
      this.#held.add(formatKey(workload.key));
      return;
    }
    const used = new Set<string>(this.#observed.busy.keys());
    for (const { name } of this.#observed.pods) used.add(name);
    for (let slot = 0, made = 0; made < count; slot++) {
      const pod: PodIdentity = { key: workload.key, specHash: spec.specHash, slot };
      if (used.has(podName(this.#instance, pod))) continue;
      this.#actions.push({ kind: 'create-pod', workload, spec, pod });
      made++;
    }
  }

  /** With `Recreate` no two versions may run together, so pods that are still being removed count here. */
  #hasOtherPods(workload: WantedWorkload, specHash: string): boolean {
    const key = formatKey(workload.key);
    return this.#observed.pods.some((pod) => {
      const identity = readPodIdentity(pod.labels);
      return identity !== null && formatKey(identity.key) === key && identity.specHash !== specHash;
    });
  }

  #mend(workload: WantedWorkload, judged: Judged): void {
    this.#wake(judged.wakeMs);
    const { pod, steps, identity } = judged;
    const spec = specOf(workload, identity.specHash);
    if (spec === null || steps.length === 0 || this.#observed.busy.has(pod.name) || this.#isWaiting(pod.name)) return;
    this.#actions.push({ kind: 'mend-pod', workload, spec, pod, steps });
  }

  #judge(workload: WantedWorkload, owned: OwnedPod): Judged {
    const { pod, identity } = owned;
    const blank = { ...owned, ready: false, available: false, steps: [], wakeMs: null, crashing: null, finished: null };
    if (this.#observed.busy.get(pod.name)?.kind === 'remove') return { ...blank, phase: 'stopping' };
    const spec = specOf(workload, identity.specHash);
    const finished = spec === null ? null : finishedOf(pod, spec.pod);
    if (finished !== null) {
      // Its containers stay for their logs; its network is given back.
      const infra = pod.infra;
      const steps: MendStep[] =
        infra?.state === 'running'
          ? [{ kind: 'stop', containerId: infra.id, graceSeconds: 0, reason: REASON.jobOver }]
          : [];
      return { ...blank, phase: finished, steps, finished };
    }
    if (pod.infra?.state !== 'running') return { ...blank, phase: 'broken' };
    // A version nobody remembers keeps serving until it is replaced; its containers cannot be made again.
    if (spec === null) {
      const own = pod.containers.filter(isOwn);
      const ready = own.length > 0 && own.every(({ state }) => state === 'running');
      return { ...blank, ready, available: ready, phase: ready ? 'running' : 'waiting' };
    }
    return this.#judgeKnown(workload, owned, spec);
  }

  #judgeKnown(workload: WantedWorkload, owned: OwnedPod, spec: WorkloadSpec): Judged {
    const steps: MendStep[] = [];
    const attempts = currentAttempts(owned.pod);
    let wakeMs: number | null = null;
    let crashing: Text | null = null;
    const wait = (atMs: number): void => {
      wakeMs = Math.min(wakeMs ?? atMs, atMs);
    };
    const { restartPolicy } = spec.pod;
    const revive = (container: ContainerSpec, role: ContainerRole, found: Attempt | undefined): void => {
      if (found === undefined) {
        steps.push({ kind: 'create', container, role, attempt: 0, failures: 0, start: true });
      } else if (found.now.state === 'created') {
        if (workload.joined && !this.#observed.joined?.has(found.now.id)) return;
        steps.push({ kind: 'start', containerId: found.now.id, container });
      } else if (found.now.state === 'exited') {
        // What ended well, or must not run again, is left as it is; the pod goes on with its other containers.
        if (role === 'main' && restartPolicy === 'Never') return;
        if (role === 'main' && restartPolicy === 'OnFailure' && found.now.exitCode === 0) return;
        const next = backOff(found.now, this.#nowMs);
        if (next.failures > 1) crashing = crashText(container.name, found.now.exitCode, next.dueMs - this.#nowMs);
        if (next.dueMs > this.#nowMs) {
          wait(next.dueMs);
        } else {
          for (const stale of found.stale) steps.push({ kind: 'remove', containerId: stale.id });
          steps.push({
            kind: 'create',
            container,
            role,
            attempt: found.attempt + 1,
            failures: next.failures,
            start: true,
          });
        }
      }
    };

    // Once the main containers were begun, a sidecar that ended is mended beside them.
    const begun = [...attempts].some(([id, { now }]) => id.startsWith('main/') && now.state !== 'created');
    for (const container of spec.pod.initContainers) {
      const role = container.sidecar ? 'sidecar' : 'init';
      const found = attempts.get(`${role}/${container.name}`);
      if (container.sidecar) {
        const health = found === undefined ? undefined : this.#observed.health.get(found.now.id);
        const started = container.startupProbe === null || health?.started === true;
        if (begun || (found?.now.state === 'running' && started && !health?.failed)) continue;
        if (health?.failed) steps.push(stopStep(found?.now.id ?? '', spec, health));
      }
      if (!container.sidecar && (begun || (found?.now.state === 'exited' && found.now.exitCode === 0))) continue;
      revive(container, role, found);
      const phase = steps.length > 0 || found?.now.state === 'running' ? 'starting' : 'waiting';
      return { ...owned, phase, ready: false, available: false, steps, wakeMs, crashing, finished: null };
    }

    let ready = true;
    let available = true;
    let paused = false;
    let unready = false;
    const sidecars = spec.pod.initContainers.filter(({ sidecar }) => sidecar);
    const isBusy = this.#observed.busy.has(owned.pod.name);
    for (const container of [...sidecars, ...spec.pod.containers]) {
      const role = container.sidecar ? 'sidecar' : 'main';
      const found = attempts.get(`${role}/${container.name}`);
      if (found?.now.state !== 'running') {
        ready = false;
        paused ||= found?.now.state === 'paused';
        revive(container, role, found);
        continue;
      }
      // Its hook after the start may still run.
      if (isBusy && container.postStart !== undefined) ready = false;
      const health = this.#observed.health.get(found.now.id);
      if (health?.failed) steps.push(stopStep(found.now.id, spec, health));
      const readiness = readinessOf(container, found, health, workload.minReadySeconds, this.#nowMs);
      ready &&= readiness.ready;
      unready ||= health?.unready === true;
      available &&= readiness.ready && readiness.availableAtMs <= this.#nowMs;
      if (readiness.ready && readiness.availableAtMs > this.#nowMs) wait(readiness.availableAtMs);
    }
    const whole: ReplicaPhase = ready || (unready && steps.length === 0) ? 'running' : 'starting';
    const phase = paused ? 'paused' : !ready && crashing !== null ? 'waiting' : whole;
    return { ...owned, phase, ready, available: ready && available, steps, wakeMs, crashing, finished: null };
  }

  #planJob(
    workload: WantedWorkload,
    job: Extract<Controller, { kind: 'job' }>,
    owned: readonly OwnedPod[],
    run?: string,
  ): JobMemory {
    const judged = owned.map((pod) => this.#judge(workload, pod));
    const mine = judged.filter(({ identity }) => identity.specHash === workload.specHash && identity.run === run);
    // Kubernetes never changes a job; here a changed one takes the place of the former.
    if (run === undefined) {
      for (const pod of judged) if (!mine.includes(pod)) this.remove(pod.pod, true, REASON.replaced);
    }
    const id = `${formatKey(workload.key)}@${workload.specHash}${run === undefined ? '' : `#${run}`}`;
    const creating = [...this.#observed.busy].flatMap(([name, busy]) =>
      busy.kind === 'create' &&
      formatKey(busy.pod.key) === formatKey(workload.key) &&
      busy.pod.run === run &&
      !judged.some(({ pod }) => pod.name === name)
        ? [busy.pod]
        : [],
    );
    const jobPods = mine.map((pod): JobPod => {
      // What has ended by itself is evicted no more.
      const overfull = pod.finished === null ? this.#observed.overfull?.get(pod.pod.id) : undefined;
      return { ...toJobPod(pod), ...(overfull === undefined ? {} : { evicted: REASON[overfull] }) };
    });
    const pods = [...jobPods, ...creating.map(comingJobPod)];
    const decision = decideJob(job, pods, this.#memory.jobs?.[id] ?? null, this.#nowMs);
    this.#jobs[id] = decision.memory;
    this.#wake(decision.wakeMs);
    const going = new Set(decision.remove);
    for (const pod of mine) {
      const evicted = decision.memory.evicted?.find(({ name }) => name === pod.pod.name);
      if (going.has(pod.pod.name)) this.remove(pod.pod, true, REASON.jobOver);
      else if (pod.phase === 'broken') this.remove(pod.pod, false, REASON.broken);
      else if (this.#observed.fenced?.has(pod.pod.name)) this.remove(pod.pod, false, REASON.fenced);
      else if (evicted !== undefined) this.remove(pod.pod, true, evicted.why);
      else {
        this.#mend(workload, pod);
        if (pod.finished === null) this.#present.push({ workload, pod });
      }
      if (pod.ready && !going.has(pod.pod.name) && evicted === undefined) this.#readyPods.push(pod.pod.name);
    }
    if (!this.#isWaiting(troubleOfSpec(workload.key, workload.specHash))) {
      for (const { slot, index } of decision.create) {
        this.#createOne(workload, workload, {
          key: workload.key,
          specHash: workload.specHash,
          slot,
          ...(run === undefined ? {} : { run }),
          ...(index === null ? {} : { index }),
        });
      }
    }
    if (run === undefined) this.#stateJob(workload, job.suspend, [decision.memory], judged, null);
    return decision.memory;
  }

  #planCron(workload: WantedWorkload, cron: Extract<Controller, { kind: 'cron' }>, owned: readonly OwnedPod[]): void {
    const key = formatKey(workload.key);
    const groups = Map.groupBy(owned, ({ identity }) => identity.run ?? '');
    const memories = new Map<string, JobMemory>();
    const job = { kind: 'job', ...cron.job } as const;
    const runs: CronRun[] = [];
    // A run of which no pod could be made yet is one all the same.
    const begun = new Map<string, string>();
    for (const [id, { outcome }] of Object.entries(this.#memory.jobs ?? {})) {
      const [specHash = '', run] = id.startsWith(`${key}@`) ? id.slice(key.length + 1).split('#') : [];
      if (run === undefined || outcome !== null || groups.has(run)) continue;
      begun.set(run, specHash);
      groups.set(run, []);
    }
    const specHashOf = (run: string): string => begun.get(run) ?? groups.get(run)?.[0]?.identity.specHash ?? '';
    const known = (run: string): JobMemory | undefined => this.#memory.jobs?.[`${key}@${specHashOf(run)}#${run}`];
    for (const [run, pods] of groups) {
      const ended = known(run)?.outcome ?? null;
      const leaves = pods.length > 0 && pods.every(({ pod }) => this.#observed.busy.get(pod.name)?.kind === 'remove');
      if (ended === null || !leaves) runs.push({ run, ended });
    }
    // Times that fall into the maintenance of the host are left out, and not made up for.
    const decision = decideCron(
      this.#cordoned ? { ...cron, suspend: true } : cron,
      runs,
      this.#memory.schedules?.[key] ?? null,
      this.#nowMs,
    );
    this.#schedules[key] = this.#cordoned ? this.#nowMs : decision.lastMs;
    this.#wake(decision.nextMs);
    for (const [run, pods] of groups) {
      if (decision.drop.includes(run)) {
        for (const { pod } of pods) this.remove(pod, true, REASON.jobOver);
        // Another took its place: nothing of it is made again.
        const memory = known(run);
        if (memory?.outcome === null)
          this.#jobs[`${key}@${specHashOf(run)}#${run}`] = { ...memory, outcome: 'failed', finishedMs: this.#nowMs };
        continue;
      }
      // A run keeps the spec that it was begun with; one that nobody remembers ends by itself.
      const spec = specOf(workload, specHashOf(run));
      if (spec !== null) memories.set(run, this.#planJob({ ...workload, ...spec }, job, pods, run));
    }
    if (decision.start !== null && !groups.has(decision.start)) {
      memories.set(decision.start, this.#planJob(workload, job, [], decision.start));
    }
    const judged = owned.map((pod) => this.#judge(workload, pod));
    // How the last run ended is told until the next one, also where none of its pods is left: those of one that was too late.
    const last = this.#lastRun(key);
    if (last !== null && [...memories.keys()].every((run) => Number(run) < Number(last.run)))
      memories.set(last.run, last.memory);
    this.#stateJob(workload, cron.suspend, [...memories.values()], judged, decision);
  }

  /** The newest run of a schedule that has ended, as it is remembered. */
  #lastRun(key: string): { readonly run: string; readonly memory: JobMemory } | null {
    const ended = Object.entries(this.#memory.jobs ?? {}).flatMap(([id, memory]) => {
      const run = id.startsWith(`${key}@`) ? id.split('#')[1] : undefined;
      return run === undefined || memory.outcome === null ? [] : [{ run, memory }];
    });
    return ended.sort((one, other) => Number(other.run) - Number(one.run))[0] ?? null;
  }

  #stateJob(
    workload: WantedWorkload,
    suspended: boolean,
    jobs: readonly JobMemory[],
    judged: readonly Judged[],
    cron: { readonly lastMs: number; readonly nextMs: number | null } | null,
  ): void {
    const conditions: Condition[] = [];
    const trouble = this.#memory.troubles[troubleOfSpec(workload.key, workload.specHash)];
    const state = (type: ConditionType, text: Text): void => {
      conditions.push(this.#begin(workload.key, type, text));
    };
    if (this.#held.has(formatKey(workload.key))) state('cordoned', CORDONED);
    for (const text of trouble?.texts ?? []) state(trouble?.kind === 'refused' ? 'refused' : 'start-failed', text);
    const failed = jobs.find(({ outcome }) => outcome === 'failed');
    if (failed?.why != null) state('job-failed', failed.why);
    const going = jobs.some(({ outcome }) => outcome === null);
    let phase: WorkloadPhase = cron === null ? 'completed' : 'scheduled';
    if (trouble?.kind === 'refused') phase = 'refused';
    else if (suspended) phase = 'suspended';
    else if (going) phase = judged.length > 0 ? 'running' : 'progressing';
    else if (failed !== undefined && cron === null) phase = 'failed';
    const active = judged.filter(({ finished, phase: now }) => finished === null && now !== 'stopping').length;
    this.#statuses.push({
      key: workload.key,
      specHash: workload.specHash,
      generation: workload.generation,
      phase,
      wanted: active,
      ready: judged.filter(({ ready }) => ready).length,
      updated: active,
      conditions,
      replicas: judged.map((one) => this.#toReplica(one)),
      job: {
        active,
        succeeded: jobs.reduce((sum, { succeeded }) => sum + succeeded, 0),
        failed: jobs.reduce((sum, job) => sum + job.failed, 0),
        next: cron?.nextMs == null ? null : new Date(cron.nextMs).toISOString(),
      },
    });
  }

  #state(
    workload: WantedWorkload,
    current: WorkloadSpec,
    rollout: Rollout,
    judged: readonly Judged[],
    staying: readonly Judged[],
    creating: readonly PodIdentity[],
  ): void {
    const trouble = this.#memory.troubles[troubleOfSpec(workload.key, current.specHash)];
    const updated = staying.filter(({ identity }) => identity.specHash === current.specHash);
    const ready = staying.filter((pod) => pod.ready).length;
    const inPlace = staying.every(({ identity }) => mayStay(workload, identity));
    const settled = inPlace && creating.length === 0 && ready >= workload.replicas;
    const late = !rollout.completed && this.#nowMs >= rollout.lastProgressMs + workload.progressDeadlineSeconds * 1000;
    const conditions: Condition[] = [];
    const state = (type: ConditionType, text: Text): void => {
      conditions.push(this.#begin(workload.key, type, text));
    };
    if (this.#held.has(formatKey(workload.key))) state('cordoned', CORDONED);
    if (workload.paused) state('paused', PAUSED);
    if (trouble !== undefined && !settled) {
      for (const text of trouble.texts) state(trouble.kind === 'refused' ? 'refused' : 'start-failed', text);
    }
    for (const pod of staying) {
      if (pod.crashing !== null) state('crash-loop', pod.crashing);
      for (const text of this.#memory.troubles[pod.pod.name]?.texts ?? []) if (!pod.ready) state('start-failed', text);
    }
    if (rollout.rolledBack) state('rolled-back', rolledBackText(workload));
    else if (late) state('deadline-exceeded', deadlineText(workload));

    const canary = rollout.rolledBack ? null : canaryOf(workload);
    const tried =
      canary !== null &&
      updated.filter((pod) => pod.available).length >= canaryCount(canary, workload.replicas) &&
      ready - updated.filter((pod) => pod.ready).length >= workload.replicas;
    let phase: WorkloadPhase = 'progressing';
    if (rollout.rolledBack) phase = 'rolled-back';
    else if (tried) phase = 'canary';
    else if (trouble?.kind === 'refused' && !settled) phase = 'refused';
    else if (workload.replicas === 0 && judged.length === 0) phase = 'stopped';
    else if (workload.replicas > 0 && settled) phase = 'available';
    else if (late || rollout.completed) phase = 'degraded';
    this.#statuses.push({
      key: workload.key,
      specHash: workload.specHash,
      generation: workload.generation,
      phase,
      wanted: workload.replicas,
      ready,
      updated: updated.length,
      conditions,
      replicas: judged.map((one) => this.#toReplica(one)),
    });
  }
}

/** The share of a trial that is going on; null when there is none. */
function canaryOf({ canary, previous, specHash, controller, replicas }: WantedWorkload): number | null {
  if (canary === undefined || previous === null || previous.specHash === specHash) return null;
  return controller === undefined && replicas > 0 ? canary.percent : null;
}

/** Whether nothing takes the place of a pod by itself: it is of this version, or its author keeps the former one there. */
function mayStay({ specHash, strategy, controller }: WantedWorkload, pod: PodIdentity): boolean {
  if (pod.specHash === specHash || strategy.kind === 'on-delete') return true;
  return controller?.kind === 'ordered' && pod.slot < controller.partition;
}

function drainRank({ controller }: WantedWorkload): number {
  if (controller?.kind === 'daemon') return 2;
  return controller?.kind === 'ordered' ? 1 : 0;
}

function toBudgetPod(workload: WantedWorkload, { pod, ready, identity }: Judged): BudgetPod {
  const { project, environment, name } = workload.key;
  const labels = (specOf(workload, identity.specHash) ?? workload).pod.labels;
  return { name: pod.name, project, environment, workload: name, labels, ready };
}

const CORDONED: Text = {
  en: 'this host is in maintenance, so no pod is made; darsena host uncordon ends it',
  es: 'este host está en mantenimiento, así que no se crea ningún pod; darsena host uncordon lo termina',
};

const PAUSED: Text = {
  en: 'its roll-out is paused, so no version takes the place of another; darsena rollout resume goes on with it',
  es: 'su despliegue está en pausa, así que ninguna versión sustituye a otra; darsena rollout resume lo continúa',
};

interface Attempt {
  readonly now: ObservedContainer;
  readonly attempt: number;
  /** Ended attempts before the last one that ended; that one is kept, so that its log can be read. */
  readonly stale: readonly ObservedContainer[];
}

/** Whether its specification has it; not what somebody added to look into the pod. */
function isOwn({ labels }: ObservedContainer): boolean {
  return labels[LABEL.role] !== 'ephemeral';
}

/** The newest attempt of each container of a pod, by `role/name`. */
function currentAttempts(pod: ObservedPod): Map<string, Attempt> {
  const attempts = new Map<string, ObservedContainer[]>();
  for (const container of pod.containers) {
    const id = `${container.labels[LABEL.role] ?? 'main'}/${container.labels[LABEL.container] ?? ''}`;
    const list = attempts.get(id);
    if (list === undefined) attempts.set(id, [container]);
    else list.push(container);
  }
  const current = new Map<string, Attempt>();
  for (const [id, list] of attempts) {
    list.sort((a, b) => readCount(b.labels, LABEL.attempt) - readCount(a.labels, LABEL.attempt));
    const [now, ...rest] = list;
    if (now !== undefined) current.set(id, { now, attempt: readCount(now.labels, LABEL.attempt), stale: rest });
  }
  return current;
}

/** When an ended container may be started again, and how many failures in a row its next attempt stands for. */
function backOff(ended: ObservedContainer, nowMs: number): { dueMs: number; failures: number } {
  const exitedAtMs = ended.exitedAtMs ?? nowMs;
  const ranMs = exitedAtMs - (ended.startedAtMs ?? exitedAtMs);
  const past = ranMs >= RESTART_BACKOFF_MS.forgetAfter ? 0 : readCount(ended.labels, LABEL.failures);
  const waitMs = past === 0 ? 0 : Math.min(RESTART_BACKOFF_MS.first * 2 ** (past - 1), RESTART_BACKOFF_MS.most);
  // The clock was set back since it ended: waiting for that time could take years.
  return { dueMs: exitedAtMs > nowMs ? nowMs : exitedAtMs + waitMs, failures: past + 1 };
}

/** Whether an earlier failure still forbids a try. One from before the clock was set back may name a time years ahead. */
export function forbids({ untilMs }: Trouble, nowMs: number): boolean {
  return untilMs > nowMs && untilMs - nowMs <= RESTART_BACKOFF_MS.most;
}

/** With other deadlines, by so much later, for roll-outs that are under way. */
export function withMoreTime(memory: PlanMemory, moreMs: (lastProgressMs: number) => number): PlanMemory {
  const rollouts = Object.entries(memory.rollouts).map(([key, one]) =>
    one.completed || one.rolledBack
      ? ([key, one] as const)
      : ([key, { ...one, lastProgressMs: one.lastProgressMs + moreMs(one.lastProgressMs) }] as const),
  );
  return { ...memory, rollouts: Object.fromEntries(rollouts) };
}

/** After the clock was set: what was ended before is as old as it was, so that a clock that jumps ahead removes no job for its age. */
export function withClockSet(memory: PlanMemory, setMs: number): PlanMemory {
  const moved = withMoreTime(memory, () => setMs);
  if (memory.jobs === undefined) return moved;
  const jobs = Object.entries(memory.jobs).map(
    ([name, job]) => [name, job.finishedMs === null ? job : { ...job, finishedMs: job.finishedMs + setMs }] as const,
  );
  return { ...moved, jobs: Object.fromEntries(jobs) };
}

function stopStep(containerId: string, spec: WorkloadSpec, health: ContainerHealth): MendStep {
  return {
    kind: 'stop',
    containerId,
    graceSeconds: health.graceSeconds ?? spec.pod.terminationGraceSeconds,
    reason: health.failed ?? REASON.broken,
  };
}

/** Whether nothing of the pod will run again, and how it ended; null while something runs or may be started. */
export function finishedOf(pod: ObservedPod, spec: PodSpec): 'succeeded' | 'failed' | null {
  const { restartPolicy } = spec;
  if (restartPolicy === undefined) return null;
  const attempts = currentAttempts(pod);
  // A container that has no end was torn away with its host: it counts as failed.
  const codeOf = ({ now }: Attempt): number => (now.exitedAtMs === null ? -1 : (now.exitCode ?? -1));
  for (const { name, sidecar } of spec.initContainers) {
    const found = attempts.get(`init/${name}`);
    if (sidecar || found?.now.state !== 'exited') continue;
    if (restartPolicy === 'Never' && codeOf(found) !== 0) return 'failed';
  }
  const mains = spec.containers.map(({ name }) => attempts.get(`main/${name}`));
  let failed = false;
  for (const found of mains) {
    if (found?.now.state !== 'exited') return null;
    const code = codeOf(found);
    if (code !== 0 && restartPolicy === 'OnFailure') return null;
    failed ||= code !== 0;
  }
  return failed ? 'failed' : 'succeeded';
}

function toJobPod(judged: Judged): JobPod {
  const attempts = [...currentAttempts(judged.pod)];
  const ended = judged.pod.containers.filter((one) => one.state === 'exited' && isOwn(one));
  // A pod that lost its network before it ended is made anew, and counts as failed. One of which nothing has begun is
  // being made, or its maker was stopped half-way: no try was made.
  const hasBegun = judged.pod.containers.some((one) => isOwn(one) && one.state !== 'created');
  const lost = judged.phase === 'broken' && hasBegun;
  return {
    name: judged.pod.name,
    slot: judged.identity.slot,
    index: judged.identity.index ?? null,
    state: lost ? 'failed' : (judged.finished ?? 'active'),
    exits: ended.map(({ labels, name, exitCode }) => ({
      container: labels[LABEL.container] ?? name,
      code: exitCode ?? -1,
    })),
    endedAtMs: judged.finished === null ? null : Math.max(0, ...ended.map(({ exitedAtMs }) => exitedAtMs ?? 0)),
    createdAtMs: judged.pod.createdAtMs,
    ...(judged.phase === 'stopping' ? { leaving: true as const } : {}),
    restarts: attempts.reduce((sum, [id, { attempt }]) => (id.startsWith('sidecar/') ? sum : sum + attempt), 0),
  };
}

/** A pod that is being made. */
function comingJobPod(identity: PodIdentity): JobPod {
  return {
    name: '',
    slot: identity.slot,
    index: identity.index ?? null,
    state: 'active',
    exits: [],
    endedAtMs: null,
    createdAtMs: Number.POSITIVE_INFINITY,
    restarts: 0,
  };
}

function readinessOf(
  container: ContainerSpec,
  found: Attempt,
  health: ContainerHealth | undefined,
  minReadySeconds: number,
  nowMs: number,
): { ready: boolean; availableAtMs: number } {
  // What began at a time still to come has run since before the clock was set back: nobody knows for how long.
  const after = (sinceMs: number, waitMs: number): number => (sinceMs > nowMs ? nowMs : sinceMs + waitMs);
  const probed = container.readinessProbe !== null || container.startupProbe !== null;
  if (probed) {
    const ready = health?.ready === true;
    const sinceMs = health?.readySinceMs ?? null;
    return {
      ready,
      availableAtMs: sinceMs === null ? Number.POSITIVE_INFINITY : after(sinceMs, minReadySeconds * 1000),
    };
  }
  // After a crash, running again proves nothing yet: as long as the first pause of the back-off.
  const settleMs = readCount(found.now.labels, LABEL.failures) > 0 ? RESTART_BACKOFF_MS.first : SETTLE_MS;
  const waitMs = Math.max(settleMs, minReadySeconds * 1000);
  return { ready: true, availableAtMs: after(found.now.startedAtMs ?? 0, waitMs) };
}

function specOf(workload: WantedWorkload, specHash: string): WorkloadSpec | null {
  if (workload.specHash === specHash) return workload;
  return workload.previous?.specHash === specHash ? workload.previous : null;
}

function mostReadyFirst(a: Judged, b: Judged): number {
  if (a.ready !== b.ready) return a.ready ? -1 : 1;
  return a.identity.slot - b.identity.slot;
}

function toReplica(judged: Judged, health: Observation['health']): ReplicaStatus {
  const { pod } = judged;
  const mains = [...currentAttempts(pod)].filter(([id]) => id.startsWith('main/')).map(([, attempt]) => attempt);
  const ended = pod.containers
    .filter(({ state, exitedAtMs }) => state === 'exited' && exitedAtMs !== null)
    .filter((one) => isOwn(one) && (one.labels[LABEL.role] !== 'init' || one.exitCode !== 0))
    .sort((a, b) => (b.exitedAtMs ?? 0) - (a.exitedAtMs ?? 0))[0];
  const startedMs = mains.reduce<number | null>((latest, { now }) => {
    return now.startedAtMs === null ? latest : Math.max(latest ?? 0, now.startedAtMs);
  }, null);
  return {
    name: pod.name,
    podId: pod.id,
    specHash: judged.identity.specHash,
    phase: judged.phase,
    ready: judged.ready,
    restarts: mains.reduce((sum, { attempt }) => sum + attempt, 0),
    startedAt: startedMs === null ? null : new Date(startedMs).toISOString(),
    lastExit:
      ended === undefined || ended.exitedAtMs === null
        ? null
        : { code: ended.exitCode ?? -1, at: new Date(ended.exitedAtMs).toISOString() },
    // Who names no container means the one that does the work; what was added by hand is meant only by its name.
    containers: pod.containers
      .toSorted((a, b) => placeOf(a) - placeOf(b))
      .map((container) => ({
        name: container.labels[LABEL.container] ?? container.name,
        id: container.id,
        image: container.image,
        digest: container.labels[LABEL.digest] ?? null,
        state: container.state,
        pid: container.pid,
        attempt: readCount(container.labels, LABEL.attempt),
        ...probesOf(container, health),
      })),
  };
}

/** Before others comes what a pod is for, then what goes along with it, then what prepared it. */
function placeOf(container: ObservedContainer): number {
  if (!isOwn(container)) return 3;
  const role = container.labels[LABEL.role];
  return role === 'init' ? 2 : role === 'sidecar' ? 1 : 0;
}

function probesOf(container: ObservedContainer, health: Observation['health']): { probes?: readonly ProbeState[] } {
  const probes = container.state === 'running' ? health.get(container.id)?.probes : undefined;
  return probes === undefined || probes.length === 0 ? {} : { probes };
}

function crashText(container: string, exitCode: number | null, waitMs: number): Text {
  const seconds = Math.max(0, Math.ceil(waitMs / 1000));
  return {
    en: `${container} ended with code ${exitCode ?? '?'} again and again; it is started anew in ${seconds} s`,
    es: `${container} terminó con código ${exitCode ?? '?'} una y otra vez; se inicia de nuevo en ${seconds} s`,
  };
}

function rolledBackText(workload: WantedWorkload): Text {
  return {
    en: `the new version did not become ready within ${workload.progressDeadlineSeconds} s; the previous one serves`,
    es: `la versión nueva no estuvo lista en ${workload.progressDeadlineSeconds} s; sirve la anterior`,
  };
}

function deadlineText(workload: WantedWorkload): Text {
  return {
    en: `no progress for ${workload.progressDeadlineSeconds} s; it stays as it is, having no other version`,
    es: `sin avance durante ${workload.progressDeadlineSeconds} s; queda como está, pues no tiene otra versión`,
  };
}
