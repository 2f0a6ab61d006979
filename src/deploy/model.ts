import { createHash, createHmac } from 'node:crypto';
import type { NetworkPolicy } from '../network/index.ts';
import { canonicalJson, type Json } from '../system/index.ts';

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
  | { readonly kind: 'tcp'; readonly port: number };

/** One probe with its timings in seconds, defaults of Kubernetes already filled in. */
export interface ProbeSpec {
  readonly action: ProbeAction;
  readonly initialDelaySeconds: number;
  readonly periodSeconds: number;
  readonly timeoutSeconds: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export type EnvSource =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'content'; readonly content: string; readonly key: string }
  | { readonly kind: 'field'; readonly path: string };

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
}

export interface SecuritySpec {
  readonly runAsUser: number | null;
  readonly runAsGroup: number | null;
  readonly runAsNonRoot: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
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
  readonly mounts: readonly MountSpec[];
  readonly startupProbe: ProbeSpec | null;
  readonly readinessProbe: ProbeSpec | null;
  readonly livenessProbe: ProbeSpec | null;
  readonly security: SecuritySpec;
}

/** One file of a ConfigMap or Secret volume. */
export interface ProjectedFile {
  readonly key: string;
  readonly path: string;
  readonly mode: number;
}

export type VolumeSpec =
  | {
      readonly kind: 'content';
      readonly name: string;
      readonly content: string;
      readonly files: readonly ProjectedFile[];
    }
  | { readonly kind: 'scratch'; readonly name: string }
  | { readonly kind: 'claim'; readonly name: string; readonly claim: string; readonly readOnly: boolean };

export interface PodSpec {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly initContainers: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly terminationGraceSeconds: number;
}

/** Pods above (surge) or below (unavailable) the wanted number during a roll-out: a count, or a percentage like `25%`. */
export type Allowance = number | `${number}%`;

export type Strategy =
  | { readonly kind: 'recreate' }
  | { readonly kind: 'rolling'; readonly maxSurge: Allowance; readonly maxUnavailable: Allowance };

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
}

export interface WantedVolume {
  readonly project: string;
  readonly environment: string;
  readonly claim: string;
  readonly accessModes: readonly string[];
  readonly requestedBytes: number;
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
  readonly volumes: readonly WantedVolume[];
  readonly policies: readonly NetworkPolicy[];
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
