import { createHash, createHmac } from 'node:crypto';
import type { LabelSelector, NetworkPolicy, RouteOptions } from '../network/index.ts';
import { canonicalJson, type Json } from '../system/index.ts';
import type { ClaimPlace } from '../volumes/index.ts';
import type { Ulimits } from './ulimits.ts';

/** Names one workload on one host; every label, name and status carries these three. */
export interface WorkloadKey {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
}

export type HttpHeader = { readonly name: string; readonly value: string };

export type ProbeAction =
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | {
      readonly kind: 'http';
      readonly port: number;
      readonly path: string;
      readonly scheme: 'HTTP' | 'HTTPS';
      readonly headers: readonly HttpHeader[];
    }
  | { readonly kind: 'tcp'; readonly port: number }
  /** grpc.health.v1.Health/Check; an empty service asks about the server as a whole. */
  | { readonly kind: 'grpc'; readonly port: number; readonly service: string };

/** What is done right after a container's start, or before it is told to stop. */
export type HookAction =
  | Extract<ProbeAction, { kind: 'exec' | 'http' }>
  | { readonly kind: 'sleep'; readonly seconds: number };

/** One probe with its timings in seconds, defaults of Kubernetes already filled in. */
export interface ProbeSpec {
  readonly action: ProbeAction;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
  /** Instead of the pod's, when this probe ends the container. */
  readonly terminationGraceSeconds?: number;
}

export type EnvSource =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'content'; readonly content: string; readonly key: string }
  | { readonly kind: 'field'; readonly path: string }
  | ResourceSource;

/** A limit or request of a container, in whole `divisor`s, rounded up. */
export interface ResourceSource {
  readonly kind: 'resource';
  readonly container: string;
  readonly resource: 'limits.cpu' | 'limits.memory' | 'requests.cpu' | 'requests.memory';
  readonly divisor: number;
}

/** In the order in which they apply: a later name wins. Values hold `$(NAME)` references as written. */
export interface EnvVariable {
  readonly name: string;
  readonly source: EnvSource;
}

export interface ContainerPort {
  readonly name: string | null;
  readonly port: number;
  readonly protocol: 'TCP' | 'UDP';
}

/** Limits and requests; null where the author said nothing. */
export interface ResourceSpec {
  readonly cpuLimitMillis: number | null;
  readonly cpuRequestMillis: number | null;
  readonly memoryLimitBytes: number | null;
  readonly memoryRequestBytes: number | null;
}

export interface MountSpec {
  /** Name of a volume of the pod. */
  readonly volume: string;
  readonly path: string;
  readonly readOnly: boolean;
  /** Only this file or folder of the volume. With `expand`, `$(NAME)` in it means a variable of the container. */
  readonly subPath?: { readonly path: string; readonly expand: boolean };
}

export interface SeLinuxSpec {
  readonly user: string | null;
  readonly role: string | null;
  readonly type: string | null;
  readonly level: string | null;
}

/**
 * Members that are not there mean what they meant before there were such: the hash of a spec that does not use one stays
 * the same. So it is with every optional member of a PodSpec.
 */
export interface SecuritySpec {
  readonly runAsUser: number | null;
  readonly runAsGroup: number | null;
  readonly runAsNonRoot: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  readonly supplementalGroups?: readonly number[];
  /** A filter in the host's folder of profiles; without it the engine's default filter. */
  readonly seccompProfile?: string;
  /** A profile loaded on the host; without it the engine's default profile. */
  readonly appArmorProfile?: string;
  readonly seLinux?: SeLinuxSpec;
  /** The only system calls, and families of sockets, that its filter lets through, of those that it would. */
  readonly calls?: { readonly names: readonly string[]; readonly families: readonly number[] };
}

export interface ContainerSpec {
  readonly name: string;
  /** As written until `pinImages`; digest-pinned in everything that reaches an engine. */
  readonly image: string;
  readonly command: readonly string[] | null;
  readonly args: readonly string[] | null;
  readonly workingDir: string | null;
  readonly env: readonly EnvVariable[];
  readonly ports: readonly ContainerPort[];
  readonly resources: ResourceSpec;
  /** What it may write outside of volumes. @default no limit */
  readonly diskLimitBytes?: number;
  readonly mounts: readonly MountSpec[];
  readonly startupProbe: ProbeSpec | null;
  readonly readinessProbe: ProbeSpec | null;
  readonly livenessProbe: ProbeSpec | null;
  readonly security: SecuritySpec;
  /** Of an init container: it keeps running beside the main ones, and ends after them. */
  readonly sidecar?: true;
  readonly postStart?: HookAction;
  readonly preStop?: HookAction;
  /** As `SIGUSR1`. @default what the image says, else SIGTERM */
  readonly stopSignal?: string;
  readonly stdin?: true;
  readonly terminal?: true;
  /** @default what the engine is configured with */
  readonly ulimits?: Ulimits;
}

/** One file of a ConfigMap or Secret volume. */
export interface ProjectedFile {
  readonly key: string;
  readonly path: string;
  readonly mode: number;
}

/** One file of a volume that is put together from several sources. */
export interface ComposedFile {
  readonly path: string;
  readonly mode: number;
  readonly source: Exclude<EnvSource, { kind: 'value' }>;
}

export type VolumeSpec =
  | {
      readonly kind: 'content';
      readonly name: string;
      readonly content: string;
      readonly files: readonly ProjectedFile[];
    }
  | {
      readonly kind: 'scratch';
      readonly name: string;
      /** In memory; counts against no container's limit. */
      readonly memory?: true;
      /** Above it the pod is ended (disk), or writing fails (memory). */
      readonly sizeBytes?: number;
    }
  | { readonly kind: 'projected'; readonly name: string; readonly files: readonly ComposedFile[] }
  | {
      readonly kind: 'claim';
      readonly name: string;
      readonly claim: string;
      readonly readOnly: boolean;
      /** Each ordinal has a claim of its own, made of this name (a StatefulSet's template). */
      readonly perOrdinal?: true;
    };

/** OCI run-times that a workload may ask for: runsc is gVisor's. */
export const RUNTIME_CLASSES = ['runc', 'crun', 'runsc', 'kata'] as const;
export type RuntimeClass = (typeof RUNTIME_CLASSES)[number];

export interface PodSpec {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly initContainers: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly terminationGraceSeconds: number;
  /** What happens to a container that ended. @default 'Always' */
  readonly restartPolicy?: 'OnFailure' | 'Never';
  /** Instead of a name made of the pod's own. */
  readonly hostname?: string;
  /** A headless service under which the pod has a name of its own: `hostname.subdomain`. */
  readonly subdomain?: string;
  readonly hostAliases?: readonly { readonly address: string; readonly names: readonly string[] }[];
  /** What the resolver is configured with. @default what the host uses */
  readonly dns?: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  /** The containers see each other's processes. */
  readonly shareProcesses?: true;
  /** The OCI run-time of its containers. @default the host's own */
  readonly runtime?: RuntimeClass;
  /** A user namespace of its own: root inside is nobody outside. */
  readonly userNamespace?: true;
  readonly sysctls?: Readonly<Record<string, string>>;
  /** The group that owns the pod's volumes, and a supplemental group of every process. */
  readonly fsGroup?: { readonly group: number; readonly onlyWhenRootDiffers: boolean };
}

/** Pods above (surge) or below (unavailable) the wanted number during a roll-out: a count, or a percentage like `25%`. */
export type Allowance = number | `${number}%`;

export type Strategy =
  | { readonly kind: 'recreate' }
  | { readonly kind: 'rolling'; readonly maxSurge: Allowance; readonly maxUnavailable: Allowance }
  /** Pods take the new spec when somebody removes the old ones. */
  | { readonly kind: 'on-delete' };

/** How pods are kept, other than as `replicas` that are all alike. */
export type Controller =
  /** One on each host. */
  | { readonly kind: 'daemon' }
  /** Pods with names that stay: `name-0`, `name-1` …, started and replaced in their order. */
  | {
      readonly kind: 'ordered';
      readonly start: number;
      /** All at once instead of one after the other. */
      readonly parallel: boolean;
      /** Ordinals below it keep the former spec. */
      readonly partition: number;
    }
  | ({ readonly kind: 'job' } & JobSpec)
  | {
      readonly kind: 'cron';
      readonly schedule: string;
      readonly timeZone: string;
      readonly concurrency: 'Allow' | 'Forbid' | 'Replace';
      /** A start that is later than this is missed. */
      readonly startingDeadlineSeconds: number | null;
      readonly successfulHistory: number;
      readonly failedHistory: number;
      readonly suspend: boolean;
      readonly job: JobSpec;
    };

/** What runs to an end. */
export interface JobSpec {
  /** Successes that are wanted; null: one success is enough, and the rest is let finish. */
  readonly completions: number | null;
  readonly parallelism: number;
  readonly backoffLimit: number;
  readonly activeDeadlineSeconds: number | null;
  /** Its pods are removed so long after its end; null: they stay. */
  readonly ttlSeconds: number | null;
  /** Each of the completions has a number of its own. */
  readonly indexed: boolean;
  readonly suspend: boolean;
  readonly failureRules: readonly {
    readonly action: 'FailJob' | 'FailIndex' | 'Ignore' | 'Count';
    readonly operator: 'In' | 'NotIn';
    readonly values: readonly number[];
    /** Null: any container. */
    readonly container: string | null;
  }[];
  readonly backoffLimitPerIndex: number | null;
  readonly maxFailedIndexes: number | null;
  /** Any of them ends the job with success. */
  readonly successRules: readonly { readonly indexes: readonly number[] | null; readonly count: number | null }[];
}

export type ScaledResource = 'cpu' | 'memory';

/** What usage is compared with: a share of what is requested, or an amount a pod (thousandths of a core, or bytes). */
export type ScalingTarget =
  | { readonly kind: 'utilization'; readonly percent: number }
  | { readonly kind: 'average'; readonly amount: number };

export interface HorizontalMetric {
  readonly resource: ScaledResource;
  /** Only this container of each pod; null: all together. */
  readonly container: string | null;
  readonly target: ScalingTarget;
}

/** How fast and after how long a number of replicas may change in one direction. */
export interface ScalingRules {
  readonly stabilizationSeconds: number;
  readonly select: 'Max' | 'Min' | 'Disabled';
  readonly policies: readonly {
    readonly kind: 'Pods' | 'Percent';
    readonly value: number;
    readonly periodSeconds: number;
  }[];
  /** Deviation from the target that changes nothing: 0.1 is a tenth. */
  readonly tolerance: number;
}

/** A HorizontalPodAutoscaler (autoscaling/v2), its defaults filled in. */
export interface HorizontalSpec {
  readonly name: string;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly metrics: readonly HorizontalMetric[];
  readonly scaleUp: ScalingRules;
  readonly scaleDown: ScalingRules;
}

/** What a VerticalPodAutoscaler may do to containers of one name, or to all that no other rule names. */
export interface VerticalPolicy {
  /** Null: every other container. */
  readonly container: string | null;
  /** False: it is left alone. */
  readonly scaled: boolean;
  /** Null: this resource is left alone. Amounts in thousandths of a core. */
  readonly cpu: { readonly least: number | null; readonly most: number | null } | null;
  /** The same in bytes. */
  readonly memory: { readonly least: number | null; readonly most: number | null } | null;
  /** Limits follow requests in proportion; false: they stay. */
  readonly limits: boolean;
}

/** A VerticalPodAutoscaler (autoscaling.k8s.io/v1), its defaults filled in. */
export interface VerticalSpec {
  readonly name: string;
  /** `off`: only says it; `initial`: what is made anew gets it; `in-place`: never by making a pod anew. */
  readonly mode: 'off' | 'initial' | 'recreate' | 'in-place' | 'in-place-or-recreate';
  /** With fewer replicas none is made anew for it. */
  readonly minReplicas: number;
  readonly policies: readonly VerticalPolicy[];
  /** A pod is made anew only if one of these resources changes as said. */
  readonly requirements: readonly { readonly resources: readonly ScaledResource[]; readonly higher: boolean }[];
}

/** A PodDisruptionBudget (policy/v1). */
export interface DisruptionBudget {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly selector: LabelSelector;
  /** Pods that stay ready, or that may be away: a count or a share of those wanted. */
  readonly keeps: { readonly kind: 'available' | 'unavailable'; readonly amount: Allowance };
  /** Pods that are not ready may always go; false: only while the budget is met. */
  readonly unhealthyAlways: boolean;
}

/** A pod template with the hash that names it. */
export interface WorkloadSpec {
  readonly specHash: string;
  readonly pod: PodSpec;
}

export interface WantedWorkload extends WorkloadSpec {
  readonly key: WorkloadKey;
  /** Raised by each deploy, also one of an equal spec: a spec that failed under an older generation is tried again. */
  readonly generation: number;
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly strategy: Strategy;
  readonly progressDeadlineSeconds: number;
  /** Absent: `replicas` that are all alike. */
  readonly controller?: Controller;
  /** The host changes `replicas` by what the pods use. */
  readonly horizontal?: HorizontalSpec;
  /** The host changes what its containers may use by what they use. */
  readonly vertical?: VerticalSpec;
  /** Its containers are started when somebody has joined them, so that nothing they say is missed. */
  readonly joined?: true;
  /** Its roll-out stands still: pods that are missing are made anew, and none takes another version's place. */
  readonly paused?: true;
  /** While there is a previous spec, only this share of the requests goes to the new one, until it is promoted. */
  readonly canary?: { readonly percent: number };
  /** The last spec that became available: what an automatic roll-back returns to. */
  readonly previous: WorkloadSpec | null;
}

export interface ServicePort {
  readonly name: string | null;
  readonly port: number;
  /** A number, or the name of a container port. */
  readonly targetPort: number | string;
  readonly protocol: 'TCP' | 'UDP';
}

export interface WantedService {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  /** Labels a pod must carry. */
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly ServicePort[];
  /** Its names mean pods that are not ready as well. */
  readonly publishNotReady?: true;
  /** Its names mean the IPv6 addresses of pods as well, where they have one. */
  readonly sixToo?: true;
}

export interface WantedRoute {
  readonly project: string;
  readonly environment: string;
  readonly ingress: string;
  /** Null: the platform's published name of the service. */
  readonly host: string | null;
  readonly path: string;
  readonly pathType: 'Prefix' | 'Exact';
  readonly service: string;
  /** Number or name of a port of the service. */
  readonly servicePort: number | string;
  /** How the edge treats its requests; absent: it sends them on. */
  readonly options?: RouteOptions;
}

/** A port of the edge that carries TCP to a service (Service type LoadBalancer or NodePort). */
export interface WantedListener {
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  /** Number of a port of the service. */
  readonly servicePort: number;
  /** At the edge. */
  readonly port: number;
  /** `loadBalancerSourceRanges`; empty: everybody. */
  readonly sources: readonly string[];
  readonly sticky: boolean;
  readonly sendProxy: boolean;
  readonly tls: boolean;
}

export interface WantedVolume {
  readonly project: string;
  readonly environment: string;
  readonly claim: string;
  readonly accessModes: readonly string[];
  readonly requestedBytes: number;
  /** As its manifest names it. @default what the platform takes for claims that name none */
  readonly storageClass?: string;
  /** Where its data lies, as control says it to hosts. @default the engine's own storage */
  readonly place?: ClaimPlace;
}

/** What a ConfigMap or Secret holds, by key, in base64. */
export interface ContentData {
  readonly kind: 'config' | 'secret';
  readonly name: string;
  readonly data: Readonly<Record<string, string>>;
}

/** All that one host is asked to run. Plain JSON; `contents` is addressed by hash, so that a previous spec keeps its own. */
export interface WantedState {
  readonly revision: number;
  readonly workloads: readonly WantedWorkload[];
  readonly services: readonly WantedService[];
  readonly routes: readonly WantedRoute[];
  /** Absent where no TCP service is published. */
  readonly listeners?: readonly WantedListener[];
  readonly volumes: readonly WantedVolume[];
  readonly policies: readonly NetworkPolicy[];
  readonly budgets?: readonly DisruptionBudget[];
  /** No pod is made on this host; draining, those that there are go too. */
  readonly maintenance?: { readonly draining: boolean; readonly disregardBudgets: boolean };
  readonly contents: Readonly<Record<string, ContentData>>;
}

export const EMPTY_WANTED: WantedState = {
  revision: 0,
  workloads: [],
  services: [],
  routes: [],
  volumes: [],
  policies: [],
  contents: {},
};

/** One text for a key, for maps and logs: `project/environment/name`. */
export function formatKey(key: WorkloadKey): string {
  return `${key.project}/${key.environment}/${key.name}`;
}

/**
 * The hash of everything that affects how one pod runs: images, commands, environment, mounts, limits, probes, security,
 * labels, and the content hashes of the ConfigMaps and Secrets it refers to. Replicas and the strategy are not in it.
 */
export function hashPodSpec(pod: PodSpec): string {
  return `sha256:${createHash('sha256')
    .update(canonicalJson(pod as unknown as Json))
    .digest('hex')}`;
}

/**
 * The address of a ConfigMap's or Secret's content. With a key it is an HMAC: the spec hash stands in container labels,
 * and without a key a short secret could be guessed from it.
 */
export function hashContent(content: ContentData, key: string | null): string {
  const text = canonicalJson(content as unknown as Json);
  const hash = key === null ? createHash('sha256') : createHmac('sha256', key);
  return `sha256:${hash.update(text).digest('hex')}`;
}

/** Every image named by a list of workloads, as written, without repeats. */
export function collectImages(workloads: readonly { readonly pod: PodSpec }[]): string[] {
  const images = new Set<string>();
  for (const { pod } of workloads) {
    for (const container of [...pod.initContainers, ...pod.containers]) images.add(container.image);
  }
  return [...images];
}

/** The pod with each image replaced by its digest-pinned reference; names that are not in the map stay as written. */
export function pinImages(pod: PodSpec, pinned: ReadonlyMap<string, string>): PodSpec {
  const pin = (container: ContainerSpec): ContainerSpec => ({
    ...container,
    image: pinned.get(container.image) ?? container.image,
  });
  return { ...pod, initContainers: pod.initContainers.map(pin), containers: pod.containers.map(pin) };
}

/** Resolves an allowance as Kubernetes does: percentages round up for surge, down for unavailable. */
export function resolveAllowance(allowance: Allowance, replicas: number, rounding: 'up' | 'down'): number {
  if (typeof allowance === 'number') return allowance;
  const share = (Number.parseFloat(allowance) * replicas) / 100;
  return rounding === 'up' ? Math.ceil(share) : Math.floor(share);
}

/** Pods of the new version while it serves a share only. */
export function canaryCount(percent: number, replicas: number): number {
  return Math.min(replicas, Math.max(1, Math.ceil((percent * replicas) / 100)));
}

/**
 * Weights of each server of a version under trial and of each of the one before, so that the share of the requests is as
 * said however many there are; HAProxy takes 0 to 256. A version that is alone serves everything.
 */
export function canaryWeights(percent: number, fresh: number, former: number): { fresh: number; former: number } {
  if (fresh === 0 || former === 0) return { fresh: 100, former: 100 };
  const [one, other] = [percent / fresh, (100 - percent) / former];
  const scale = 256 / Math.max(one, other);
  return { fresh: Math.max(1, Math.round(one * scale)), former: Math.max(1, Math.round(other * scale)) };
}

/** The container port a service's target means in this pod, or null when the pod has no port of that name. */
export function resolveTargetPort(pod: PodSpec, target: number | string): number | null {
  if (typeof target === 'number') return target;
  for (const container of pod.containers) {
    const found = container.ports.find((port) => port.name === target);
    if (found !== undefined) return found.port;
  }
  return null;
}

export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const pairs = Object.entries(selector);
  return pairs.length > 0 && pairs.every(([name, value]) => Object.hasOwn(labels, name) && labels[name] === value);
}
