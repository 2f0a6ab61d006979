import type { Clock, Log, Text } from '../../../system/index.ts';
import {
  type ContainerSpec,
  formatKey,
  type HorizontalSpec,
  type ResourceSpec,
  type VerticalSpec,
  type WantedState,
  type WantedWorkload,
  type WorkloadKey,
} from '../../model.ts';
import {
  type ContainerUsage,
  DECIDE_EVERY_MS,
  desiredReplicas,
  type HorizontalMemory,
  type MeasuredMetric,
  type ScaledPod,
  type ScalingCondition,
} from '../../scaling/horizontal.ts';
import {
  type Amounts,
  addSample,
  emptyHistory,
  isOff,
  meetsRequirements,
  policyOf,
  type Recommendation,
  recommend,
  resized,
  SAMPLE_EVERY_MS,
  scaledContainers,
  type UsageHistory,
} from '../../scaling/vertical.ts';
import type { ObservedContainer, ObservedPod } from './engine.ts';
import { LABEL, readPodIdentity } from './labels.ts';
import type { HorizontalStatus, VerticalStatus, WorkloadStatus } from './status.ts';
import type { UsageReading } from './usage.ts';

/** After the kernel ended it for want of memory a container gets more at once, however unsure the recommendation is (upstream: ten minutes). */
const HUNGRY_MS = 600_000;
/** Histories of usage are written down this often: what is lost with them is learned again in as long. */
const KEEP_EVERY_MS = 600_000;

/** What outlives the agent. Losing it changes no pod: replicas are counted, usage is learned anew. */
export interface ScalingMemory {
  readonly horizontal: Readonly<Record<string, HorizontalKept>>;
  readonly vertical: Readonly<Record<string, VerticalKept>>;
  /** What containers have instead of what their spec says, by id. */
  readonly given: Readonly<Record<string, ResourceSpec>>;
}

interface HorizontalKept {
  readonly memory: HorizontalMemory;
  /** The number that the author asked for when this began: another one starts from there. */
  readonly asked: number;
  readonly lastScale: HorizontalStatus['lastScale'];
}

interface VerticalKept {
  readonly containers: Readonly<Record<string, UsageHistory>>;
  readonly lastChange: VerticalStatus['lastChange'];
}

export const NO_SCALING: ScalingMemory = { horizontal: {}, vertical: {}, given: {} };

export interface AutoscalerOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** What a container has used; null where it cannot be known. */
  readonly readUsage: (container: ObservedContainer) => Promise<UsageReading | null>;
  /** Changes what a running container may use. */
  readonly resize: (containerId: string, resources: ResourceSpec) => Promise<void>;
  readonly wasOutOfMemory: (containerId: string) => Promise<boolean>;
}

/** What the plan is told beside what is wanted. */
interface Now {
  readonly pods: readonly ObservedPod[];
  readonly readyPods: ReadonlySet<string>;
  /** Pods that are being removed. */
  readonly leaving: ReadonlySet<string>;
}

/**
 * Scales workloads on this host by what the kernel says they use: it measures, asks the pure decisions and keeps their
 * memory. The number of replicas reaches the plan as if the author had written it; resources are changed in place.
 */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  #horizontal = new Map<string, HorizontalKept>();
  #vertical = new Map<string, VerticalKept>();
  #given = new Map<string, ResourceSpec>();
  readonly #readings = new Map<string, { reading: UsageReading; atMs: number; usage: ContainerUsage | null }>();
  readonly #ready = new Map<string, { ready: boolean; sinceMs: number }>();
  readonly #decided = new Map<
    string,
    { metrics: readonly MeasuredMetric[]; conditions: readonly ScalingCondition[] }
  >();
  readonly #advice = new Map<string, ReadonlyMap<string, Recommendation>>();
  readonly #waits = new Map<string, Text>();
  readonly #ended = new Set<string>();
  /** Processes of containers that the kernel had ended for want of memory at the last sample. */
  readonly #kills = new Map<string, number>();
  /** When a container of a workload last wanted for memory, by workload and name. */
  readonly #hungry = new Map<string, number>();
  #outgrown: ReadonlyMap<string, Text> = new Map();
  #lookedMs = Number.NEGATIVE_INFINITY;
  #sampledMs = Number.NEGATIVE_INFINITY;
  #keptMs = Number.NEGATIVE_INFINITY;
  #changes = 0;

  constructor(options: AutoscalerOptions) {
    this.#options = options;
  }

  restore(kept: ScalingMemory): void {
    this.#horizontal = new Map(Object.entries(kept.horizontal));
    this.#vertical = new Map(Object.entries(kept.vertical));
    this.#given = new Map(Object.entries(kept.given));
  }

  get memory(): ScalingMemory {
    return {
      horizontal: Object.fromEntries(this.#horizontal),
      vertical: Object.fromEntries(this.#vertical),
      given: Object.fromEntries(this.#given),
    };
  }

  /** Changes when the memory should be written down. */
  get changes(): number {
    return this.#changes;
  }

  /** Pods to be made anew for other resources, with the reason. */
  get outgrown(): ReadonlyMap<string, Text> {
    return this.#outgrown;
  }

  /** When to look again; null while nothing is scaled. */
  nextMs(wanted: WantedState): number | null {
    return wanted.workloads.some(isScaled) ? this.#lookedMs + DECIDE_EVERY_MS : null;
  }

  /** What is wanted with the numbers of replicas that were decided. */
  apply(wanted: WantedState, pods: readonly ObservedPod[]): WantedState {
    if (!wanted.workloads.some(({ horizontal }) => horizontal !== undefined)) return wanted;
    return {
      ...wanted,
      workloads: wanted.workloads.map((workload) =>
        workload.horizontal === undefined
          ? workload
          : { ...workload, replicas: this.#keptOf(workload, workload.horizontal, pods).memory.replicas },
      ),
    };
  }

  /** What a container that is made now is given. */
  resourcesFor(workload: WantedWorkload, container: ContainerSpec): ResourceSpec {
    const { vertical } = workload;
    if (vertical === undefined || vertical.mode === 'off') return container.resources;
    // Before the first look of an agent what the one before it had learned counts.
    if (!this.#advice.has(formatKey(workload.key))) this.#advise(workload, vertical);
    const advice = this.#advice.get(formatKey(workload.key))?.get(container.name);
    if (advice === undefined) return container.resources;
    return resized(container.resources, advice.target, policyOf(vertical, container.name));
  }

  /** Notes what a container was made with. */
  made(containerId: string, own: ResourceSpec, given: ResourceSpec): void {
    if (own === given) return;
    this.#given.set(containerId, given);
    this.#changes++;
  }

  /** A status with what was decided about its workload. */
  describe(status: WorkloadStatus, workload: WantedWorkload | undefined): WorkloadStatus {
    const key = formatKey(status.key);
    const { horizontal, vertical } = workload ?? {};
    const kept = this.#horizontal.get(key);
    const decided = this.#decided.get(key);
    return {
      ...status,
      ...(horizontal === undefined || kept === undefined
        ? {}
        : {
            horizontal: {
              name: horizontal.name,
              least: horizontal.minReplicas,
              most: horizontal.maxReplicas,
              replicas: kept.memory.replicas,
              metrics: decided?.metrics ?? [],
              conditions: decided?.conditions ?? [],
              lastScale: kept.lastScale,
            },
          }),
      ...(vertical === undefined || workload === undefined
        ? {}
        : { vertical: this.#describeVertical(workload, vertical, status) }),
    };
  }

  /** Measures and decides, when it is time. */
  async look(wanted: WantedState, now: Now): Promise<void> {
    const nowMs = this.#options.clock.now().getTime();
    this.#followReadiness(now, nowMs);
    const scaled = wanted.workloads.filter(isScaled);
    this.#forget(scaled, now.pods);
    if (scaled.length === 0 || isSoon(nowMs - this.#lookedMs, DECIDE_EVERY_MS)) return;
    this.#lookedMs = nowMs;
    const sampling = !isSoon(nowMs - this.#sampledMs, SAMPLE_EVERY_MS);
    const previousMs = this.#sampledMs;
    if (sampling) this.#sampledMs = nowMs;
    const outgrown = new Map<string, Text>();
    for (const workload of scaled) {
      const key = formatKey(workload.key);
      const pods = now.pods.filter(({ labels }) => isOf(labels, workload.key));
      await this.#measure(workload, pods, nowMs);
      if (workload.horizontal !== undefined) this.#decide(workload, workload.horizontal, pods, now, nowMs);
      if (workload.vertical === undefined) continue;
      if (sampling) await this.#learn(workload, pods, { nowMs, previousMs });
      this.#advise(workload, workload.vertical);
      this.#waits.delete(key);
      await this.#fit(workload, workload.vertical, pods, now, outgrown, nowMs);
    }
    this.#outgrown = outgrown;
    if (sampling && !isSoon(nowMs - this.#keptMs, KEEP_EVERY_MS)) {
      this.#keptMs = nowMs;
      this.#changes++;
    }
  }

  #keptOf(workload: WantedWorkload, spec: HorizontalSpec, pods: readonly ObservedPod[]): HorizontalKept {
    const key = formatKey(workload.key);
    const known = this.#horizontal.get(key);
    if (known !== undefined && known.asked === workload.replicas) return known;
    const { minReplicas, maxReplicas } = spec;
    // Without memory what runs is what was decided; a number that its author changed since is a new beginning.
    const running = pods.filter(({ labels }) => isOf(labels, workload.key)).length;
    const asked = known === undefined && running > 0 ? running : workload.replicas;
    const replicas = workload.replicas === 0 ? 0 : Math.min(maxReplicas, Math.max(minReplicas, asked));
    const kept: HorizontalKept = {
      memory: { replicas, recommendations: [], added: [], removed: [] },
      asked: workload.replicas,
      lastScale: known?.lastScale ?? null,
    };
    this.#horizontal.set(key, kept);
    this.#changes++;
    return kept;
  }

  #decide(workload: WantedWorkload, spec: HorizontalSpec, pods: readonly ObservedPod[], now: Now, nowMs: number): void {
    const key = formatKey(workload.key);
    const kept = this.#keptOf(workload, spec, pods);
    const seen = pods.map((pod) => this.#scaledPod(workload, pod, now));
    const decision = desiredReplicas(spec, seen, kept.memory, nowMs);
    this.#decided.set(key, { metrics: decision.metrics, conditions: decision.conditions });
    const [from, to] = [kept.memory.replicas, decision.memory.replicas];
    const lastScale = from === to ? kept.lastScale : { at: new Date(nowMs).toISOString(), from, to };
    this.#horizontal.set(key, { ...kept, memory: decision.memory, lastScale });
    if (from === to) return;
    this.#changes++;
    this.#options.log.info({ workload: key, from, to, metrics: decision.metrics }, 'scaled by its usage');
  }

  #scaledPod(workload: WantedWorkload, pod: ObservedPod, { readyPods, leaving }: Now): ScaledPod {
    const running = pod.containers.filter(({ state }) => state === 'running');
    const containers = scaledContainers(workload.pod).map((container) => {
      const found = running.find(({ labels }) => labels[LABEL.container] === container.name);
      const resources = (found === undefined ? undefined : this.#given.get(found.id)) ?? container.resources;
      return {
        name: container.name,
        usage: found === undefined ? null : (this.#readings.get(found.id)?.usage ?? null),
        // A limit alone is a request of as much (Kubernetes, resource management).
        requests: {
          cpu: resources.cpuRequestMillis ?? resources.cpuLimitMillis,
          memory: resources.memoryRequestBytes ?? resources.memoryLimitBytes,
        },
      };
    });
    const known = this.#ready.get(pod.name);
    return {
      name: pod.name,
      phase:
        leaving.has(pod.name) || pod.infra?.state !== 'running' ? 'gone' : running.length === 0 ? 'pending' : 'running',
      ready: readyPods.has(pod.name),
      startedAtMs: pod.infra?.startedAtMs ?? pod.createdAtMs,
      readySinceMs: known?.sinceMs ?? null,
      containers,
    };
  }

  async #measure(workload: WantedWorkload, pods: readonly ObservedPod[], nowMs: number): Promise<void> {
    const names = new Set(scaledContainers(workload.pod).map(({ name }) => name));
    const running = pods
      .flatMap(({ containers }) => containers)
      .filter(({ state, labels }) => state === 'running' && names.has(labels[LABEL.container] ?? ''));
    await Promise.all(
      running.map(async (container) => {
        const reading = await this.#options.readUsage(container).catch((error: unknown) => {
          this.#options.log.warn({ container: container.name, err: error }, 'its usage cannot be read');
          return null;
        });
        const before = this.#readings.get(container.id);
        if (reading === null) {
          this.#readings.delete(container.id);
          return;
        }
        const windowMs = before === undefined ? 0 : nowMs - before.atMs;
        const usage: ContainerUsage | null =
          before === undefined || windowMs <= 0
            ? null
            : {
                cpuMillis: Math.max(0, (reading.cpuNanoseconds - before.reading.cpuNanoseconds) / windowMs / 1000),
                memoryBytes: reading.memoryBytes,
                atMs: nowMs,
                windowMs,
              };
        this.#readings.set(container.id, { reading, atMs: nowMs, usage });
      }),
    );
  }

  /** Adds a sample of each container to the history of its name. */
  async #learn(
    workload: WantedWorkload,
    pods: readonly ObservedPod[],
    { nowMs, previousMs }: { readonly nowMs: number; readonly previousMs: number },
  ): Promise<void> {
    const key = formatKey(workload.key);
    const histories = { ...this.#vertical.get(key)?.containers };
    const containers = pods.flatMap((pod) => pod.containers);
    for (const { name, resources } of scaledContainers(workload.pod)) {
      for (const container of containers.filter(({ labels }) => labels[LABEL.container] === name)) {
        const given = this.#given.get(container.id) ?? resources;
        const requestMillis = given.cpuRequestMillis ?? given.cpuLimitMillis;
        const usage = this.#readings.get(container.id)?.usage ?? null;
        const history = histories[name] ?? emptyHistory(nowMs);
        if (container.state === 'running' && usage !== null) {
          const killed = this.#killedSince(container, previousMs);
          // The kernel ended one of its processes at the limit, and it goes on without it.
          const memoryBytes = killed ? Math.max(usage.memoryBytes, given.memoryLimitBytes ?? 0) : usage.memoryBytes;
          const sample = { cpuMillis: usage.cpuMillis, memoryBytes, requestMillis, ranOutOfMemory: killed };
          histories[name] = addSample(history, sample, nowMs);
          if (killed) this.#hungry.set(`${key}/${name}`, nowMs);
        } else if (await this.#ranOut(container, given)) {
          const memoryBytes = given.memoryLimitBytes ?? 0;
          const sample = { cpuMillis: 0, memoryBytes, requestMillis: null, ranOutOfMemory: true };
          histories[name] = { ...addSample(history, sample, nowMs), cpu: history.cpu };
          this.#hungry.set(`${key}/${name}`, nowMs);
        }
      }
    }
    this.#vertical.set(key, { containers: histories, lastChange: this.#vertical.get(key)?.lastChange ?? null });
  }

  /** Whether the kernel ended a process of a running container for want of memory since the last sample. */
  #killedSince({ id, startedAtMs }: ObservedContainer, previousMs: number): boolean {
    const count = this.#readings.get(id)?.reading.outOfMemory ?? 0;
    // What is seen for the first time may have been counted by an agent before this one.
    const isNew = Number.isFinite(previousMs) && (startedAtMs ?? 0) >= previousMs;
    const before = this.#kills.get(id) ?? (isNew ? 0 : count);
    this.#kills.set(id, count);
    return count > before;
  }

  /** Asked once of a container that was killed. */
  async #ranOut({ id, state, exitCode }: ObservedContainer, { memoryLimitBytes }: ResourceSpec): Promise<boolean> {
    if (state !== 'exited' || exitCode !== 137 || memoryLimitBytes === null || this.#ended.has(id)) return false;
    this.#ended.add(id);
    return await this.#options.wasOutOfMemory(id).catch(() => false);
  }

  #advise(workload: WantedWorkload, spec: VerticalSpec): void {
    const histories = this.#vertical.get(formatKey(workload.key))?.containers ?? {};
    const all = scaledContainers(workload.pod);
    const advice = new Map<string, Recommendation>();
    for (const { name } of all) {
      const history = histories[name];
      const one = history === undefined ? null : recommend(history, policyOf(spec, name), all.length);
      if (one !== null) advice.set(name, one);
    }
    this.#advice.set(formatKey(workload.key), advice);
  }

  /** Gives running containers what is recommended, in place where the mode says so. */
  async #fit(
    workload: WantedWorkload,
    spec: VerticalSpec,
    pods: readonly ObservedPod[],
    { readyPods, leaving }: Now,
    outgrown: Map<string, Text>,
    nowMs: number,
  ): Promise<void> {
    if (spec.mode === 'off' || spec.mode === 'initial') return;
    const key = formatKey(workload.key);
    const advice = this.#advice.get(key);
    for (const pod of pods) {
      if (leaving.has(pod.name) || pod.infra?.state !== 'running') continue;
      for (const { name, resources } of scaledContainers(workload.pod)) {
        const found = pod.containers.find(
          ({ state, labels }) => state === 'running' && labels[LABEL.container] === name,
        );
        const one = advice?.get(name);
        if (found === undefined || one === undefined) continue;
        const given = this.#given.get(found.id) ?? resources;
        const hungry =
          nowMs - (this.#hungry.get(`${key}/${name}`) ?? Number.NEGATIVE_INFINITY) < HUNGRY_MS &&
          (one.target.memoryBytes ?? 0) > (given.memoryRequestBytes ?? given.memoryLimitBytes ?? 0);
        if (!hungry && !isOff(given, one, nowMs - (found.startedAtMs ?? nowMs))) continue;
        const wanted = resized(resources, one.target, policyOf(spec, name));
        if (sameResources(given, wanted)) continue;
        const why = spec.mode === 'recreate' ? RECREATES : await this.#resize(found, given, wanted, key, nowMs);
        if (why === null || spec.mode === 'in-place') {
          if (why !== null) this.#waits.set(key, why);
          continue;
        }
        if (readyPods.size > 0 && pods.length >= spec.minReplicas && meetsRequirements(spec, given, one.target)) {
          outgrown.set(pod.name, OUTGROWN);
        } else {
          this.#waits.set(key, pods.length < spec.minReplicas ? TOO_FEW(spec.minReplicas) : why);
        }
      }
    }
  }

  /** Null when it was done; otherwise why not. */
  async #resize(
    container: ObservedContainer,
    given: ResourceSpec,
    wanted: ResourceSpec,
    key: string,
    nowMs: number,
  ): Promise<Text | null> {
    const held = this.#readings.get(container.id)?.reading.memoryBytes ?? 0;
    const shrinks =
      wanted.memoryLimitBytes !== null &&
      wanted.memoryLimitBytes < (given.memoryLimitBytes ?? Number.POSITIVE_INFINITY);
    // Below what it holds the kernel would end it.
    if (shrinks && held * 1.05 > (wanted.memoryLimitBytes ?? 0)) return HOLDS_MORE;
    try {
      await this.#options.resize(container.id, wanted);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#options.log.warn({ container: container.name, err: error }, 'its resources cannot be changed in place');
      return { en: why, es: why };
    }
    this.#given.set(container.id, wanted);
    this.#changes++;
    const to: Amounts = { cpuMillis: wanted.cpuRequestMillis, memoryBytes: wanted.memoryRequestBytes };
    const lastChange = { at: new Date(nowMs).toISOString(), container: container.labels[LABEL.container] ?? '', to };
    this.#vertical.set(key, { containers: this.#vertical.get(key)?.containers ?? {}, lastChange });
    this.#options.log.info({ container: container.name, given, wanted }, 'its resources were changed in place');
    return null;
  }

  #describeVertical(workload: WantedWorkload, spec: VerticalSpec, status: WorkloadStatus): VerticalStatus {
    const key = formatKey(workload.key);
    const kept = this.#vertical.get(key);
    const running = status.replicas.flatMap(({ containers }) => containers).filter(({ state }) => state === 'running');
    return {
      name: spec.name,
      mode: spec.mode,
      containers: scaledContainers(workload.pod).flatMap(({ name, resources }) => {
        const advice = this.#advice.get(key)?.get(name);
        if (advice === undefined) return [];
        const last = running.filter((one) => one.name === name).at(-1);
        const given = (last === undefined ? undefined : this.#given.get(last.id)) ?? resources;
        return [
          {
            ...advice,
            name,
            given: { cpuMillis: given.cpuRequestMillis, memoryBytes: given.memoryRequestBytes },
            samples: kept?.containers[name]?.samples ?? 0,
          },
        ];
      }),
      waits: this.#waits.get(key) ?? null,
      lastChange: kept?.lastChange ?? null,
    };
  }

  #followReadiness({ pods, readyPods }: Now, nowMs: number): void {
    const names = new Set(pods.map(({ name }) => name));
    for (const { name, infra, createdAtMs } of pods) {
      const ready = readyPods.has(name);
      const known = this.#ready.get(name);
      if (known?.ready === ready) continue;
      // One that is first seen ready has been so since before this agent.
      const sinceMs = known === undefined && ready ? (infra?.startedAtMs ?? createdAtMs) : nowMs;
      this.#ready.set(name, { ready, sinceMs });
    }
    for (const name of this.#ready.keys()) if (!names.has(name)) this.#ready.delete(name);
  }

  /** What is no longer scaled, and containers that are gone. */
  #forget(scaled: readonly WantedWorkload[], pods: readonly ObservedPod[]): void {
    const keys = new Set(scaled.map(({ key }) => formatKey(key)));
    for (const map of [this.#horizontal, this.#vertical, this.#decided, this.#advice, this.#waits]) {
      for (const key of map.keys()) if (!keys.has(key)) map.delete(key);
    }
    const ids = new Set(pods.flatMap(({ containers }) => containers.map(({ id }) => id)));
    for (const map of [this.#readings, this.#given, this.#kills])
      for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    for (const name of this.#hungry.keys())
      if (!keys.has(name.slice(0, name.lastIndexOf('/')))) this.#hungry.delete(name);
    for (const id of this.#ended) if (!ids.has(id)) this.#ended.delete(id);
  }
}

const RECREATES: Text = {
  en: 'its mode makes pods anew',
  es: 'su modo rehace los pods',
};
const OUTGROWN: Text = {
  en: 'its VerticalPodAutoscaler recommends other resources',
  es: 'su VerticalPodAutoscaler recomienda otros recursos',
};
const HOLDS_MORE: Text = {
  en: 'it holds more memory than the recommended limit, so it keeps its limit',
  es: 'ocupa más memoria que el límite recomendado, así que conserva su límite',
};
const TOO_FEW = (least: number): Text => ({
  en: `with fewer than ${least} replicas no pod is made anew for it (updatePolicy.minReplicas)`,
  es: `con menos de ${least} réplicas ningún pod se rehace por ello (updatePolicy.minReplicas)`,
});

function isScaled({ horizontal, vertical }: WantedWorkload): boolean {
  return horizontal !== undefined || vertical !== undefined;
}

/** Less than so much has passed; a clock that was set back makes nothing wait. */
function isSoon(passedMs: number, everyMs: number): boolean {
  return Math.abs(passedMs) < everyMs;
}

function isOf(labels: Readonly<Record<string, string>>, key: WorkloadKey): boolean {
  const identity = readPodIdentity(labels);
  return identity !== null && formatKey(identity.key) === formatKey(key);
}

function sameResources(one: ResourceSpec, other: ResourceSpec): boolean {
  return (
    one.cpuLimitMillis === other.cpuLimitMillis &&
    one.cpuRequestMillis === other.cpuRequestMillis &&
    one.memoryLimitBytes === other.memoryLimitBytes &&
    one.memoryRequestBytes === other.memoryRequestBytes
  );
}
