import { createHash } from 'node:crypto';
import type { WorkloadKey } from '../../model.ts';

/**
 * Every pod, container, network and volume says by labels whose it is, so that an agent that starts anew reads its whole
 * state from the engine and needs no database of its own.
 */
export const LABEL = {
  instance: 'darsena.instance',
  managed: 'darsena.managed',
  project: 'darsena.project',
  environment: 'darsena.environment',
  workload: 'darsena.workload',
  specHash: 'darsena.spec-hash',
  replica: 'darsena.replica',
  container: 'darsena.container',
  role: 'darsena.role',
  digest: 'darsena.image-digest',
  attempt: 'darsena.attempt',
  failures: 'darsena.failures',
  grace: 'darsena.grace-seconds',
  claim: 'darsena.claim',
  scratchOf: 'darsena.scratch-of',
  ordered: 'darsena.ordered',
  run: 'darsena.run',
  index: 'darsena.completion-index',
  /** A hook, as JSON. */
  preStop: 'darsena.pre-stop',
} as const;

/** Only the platform says what begins so. */
export const LABEL_PREFIX = 'darsena.';

/**
 * Annotations that run-times obey: other system calls, devices, properties of systemd, paths of a hypervisor. Podman before
 * version 5 gives containers those of their image.
 */
export const OBEYED_ANNOTATION =
  /^(?:run\.oci\.|org\.systemd\.property\.|io\.katacontainers\.|dev\.gvisor\.|io\.kubernetes\.cri|io\.podman\.)/;

export interface PodIdentity {
  readonly key: WorkloadKey;
  readonly specHash: string;
  /** The place of the pod among its equals: the lowest free number. */
  readonly slot: number;
  /** Its name is that of its ordinal, whatever its spec: what replaces it has the same name. */
  readonly ordered?: true;
  /** Which run of a schedule it belongs to. */
  readonly run?: string;
  /** Which of the completions of an indexed job it works on. */
  readonly index?: number;
}

/** The same pod always gets the same name, so the engine itself refuses a duplicate. */
export function podName(instance: string, pod: PodIdentity): string {
  const { project, environment, name } = pod.key;
  return `${instance}-${project}-${environment}-${name}${tailOf(pod)}`;
}

/** The pod's own part of its name. */
function tailOf(pod: PodIdentity): string {
  if (pod.ordered) return `-${pod.slot}`;
  return `-${shortHash(pod.specHash)}${pod.run === undefined ? '' : `-${pod.run}`}-${pod.slot}`;
}

/** What the pod calls itself inside: the name Kubernetes would show, within the 63 characters of a host name. */
export function hostName(pod: PodIdentity): string {
  const tail = tailOf(pod);
  return `${pod.key.name.slice(0, 63 - tail.length)}${tail}`;
}

function shortHash(specHash: string): string {
  return specHash.replace(/^sha256:/, '').slice(0, 8);
}

export function podLabels(instance: string, pod: PodIdentity, graceSeconds: number): Record<string, string> {
  return {
    [LABEL.managed]: 'true',
    [LABEL.instance]: instance,
    [LABEL.project]: pod.key.project,
    [LABEL.environment]: pod.key.environment,
    [LABEL.workload]: pod.key.name,
    [LABEL.specHash]: pod.specHash,
    [LABEL.replica]: String(pod.slot),
    [LABEL.grace]: String(graceSeconds),
    ...(pod.ordered ? { [LABEL.ordered]: 'true' } : {}),
    ...(pod.run === undefined ? {} : { [LABEL.run]: pod.run }),
    ...(pod.index === undefined ? {} : { [LABEL.index]: String(pod.index) }),
  };
}

/** Null when the labels do not name a whole pod: somebody else's, or damaged. */
export function readPodIdentity(labels: Readonly<Record<string, string>>): PodIdentity | null {
  const project = labels[LABEL.project];
  const environment = labels[LABEL.environment];
  const name = labels[LABEL.workload];
  const specHash = labels[LABEL.specHash];
  const replica = labels[LABEL.replica];
  if (!project || !environment || !name || !specHash || !replica || !/^\d{1,6}$/.test(replica)) return null;
  // Empty: an image said it, and the engine emptied it.
  const run = labels[LABEL.run] || undefined;
  return {
    key: { project, environment, name },
    specHash,
    slot: Number(replica),
    ...(labels[LABEL.ordered] === 'true' ? { ordered: true as const } : {}),
    ...(run === undefined ? {} : { run }),
    ...(labels[LABEL.index] ? { index: readCount(labels, LABEL.index) } : {}),
  };
}

export function readCount(labels: Readonly<Record<string, string>>, label: string): number {
  const text = labels[label] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

export function networkName(instance: string, project: string, environment: string): string {
  return `${instance}-${project}-${environment}`;
}

/** A kernel interface name holds 15 characters (IFNAMSIZ 16 with its zero), so the bridge is named by a hash. */
export function bridgeName(network: string): string {
  return `dz${createHash('sha256').update(network).digest('hex').slice(0, 12)}`;
}
