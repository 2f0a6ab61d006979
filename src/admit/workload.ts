import { listUlimits, parseUlimits, ULIMIT_NAMES, ULIMITS_ANNOTATION, type Ulimits } from '../formats/index.ts';
import type { Json } from '../system/index.ts';
import type { ContainerFacts, WorkloadFacts } from './admission.ts';
import { CONTAINERS_MAX } from './limits.ts';

/** The user that an image runs as by itself: `USER` of its configuration and the uid behind it where that is known. */
export interface ImageUser {
  /** As written: empty, `1000`, `1000:1000`, `node`. */
  readonly user: string;
  /** The uid that /etc/passwd of the image gives for a name; null when unknown. */
  readonly uid: number | null;
}

/**
 * The facts of a workload from its pod specification (Kubernetes `PodSpec`, also what Compose files become). Every
 * container of every list is looked at. A value of the wrong type counts as the dangerous one, so that a field written
 * as text does not slip by.
 * @param imageUser the user of each container's image, asked by the image reference as written
 * @param podMetadata of the pod, whose annotation says limits of processes
 */
export function describeWorkload(
  kind: string,
  name: string,
  podSpec: Json,
  imageUser: (image: string) => ImageUser,
  podMetadata: Json = null,
): WorkloadFacts {
  const spec = members(podSpec);
  const ulimitsOf = readUlimits(members(members(podMetadata)['annotations'])[ULIMITS_ANNOTATION]);
  const podContext = members(spec['securityContext']);
  const lists = [
    ['main', spec['containers']],
    ['init', spec['initContainers']],
    ['ephemeral', spec['ephemeralContainers']],
  ] as const;
  const containers = lists.flatMap(([role, list]) =>
    items(list).map((item) => {
      const container = members(item);
      return {
        ...describeContainer(role, container, podContext, imageUser),
        ulimits: listUlimits(ulimitsOf(textOf(container['name']))),
      };
    }),
  );
  if (containers.length > CONTAINERS_MAX) {
    throw new RangeError(`expected at most ${CONTAINERS_MAX} containers in ${kind} ${name}, got ${containers.length}`);
  }
  return {
    present: true,
    kind,
    name,
    hostNetwork: isOn(spec['hostNetwork']),
    hostPid: isOn(spec['hostPID']),
    hostIpc: isOn(spec['hostIPC']),
    hostPaths: items(spec['volumes']).flatMap((volume) => {
      const hostPath = members(volume)['hostPath'];
      return hostPath === undefined || hostPath === null ? [] : [textOf(members(hostPath)['path'])];
    }),
    containers,
  };
}

type Members = Readonly<Record<string, Json>>;

function describeContainer(
  role: string,
  container: Members,
  podContext: Members,
  imageUser: (image: string) => ImageUser,
): Omit<ContainerFacts, 'ulimits'> {
  const context = members(container['securityContext']);
  const capabilities = members(context['capabilities']);
  const limits = members(members(container['resources'])['limits']);
  const name = textOf(container['name']);
  const image = textOf(container['image']);
  const ports = items(container['ports']).map(members);
  const privileged = isOn(context['privileged']);
  const seccomp = members(context['seccompProfile'] ?? podContext['seccompProfile'])['type'];
  return {
    key: name,
    label: role === 'main' ? name : `${name} (${role})`,
    image,
    role,
    privileged,
    runsAsRoot: runsAsRoot(context['runAsUser'] ?? podContext['runAsUser'] ?? null, imageUser(image)),
    // Kubernetes: on unless it is switched off, and always on for privileged or CAP_SYS_ADMIN
    allowPrivilegeEscalation: privileged || context['allowPrivilegeEscalation'] !== false,
    readOnlyRootFilesystem: context['readOnlyRootFilesystem'] === true,
    addedCapabilities: items(capabilities['add']).map(capability),
    dropsAllCapabilities: items(capabilities['drop']).map(capability).includes('ALL'),
    seccompUnconfined: seccomp === 'Unconfined',
    hostPorts: ports.flatMap((port) => portNumber(port['hostPort'])),
    ports: ports.flatMap((port) => portNumber(port['containerPort'])),
    hasCpuLimit: isAmount(limits['cpu']),
    hasMemoryLimit: isAmount(limits['memory']),
    hasReadinessProbe: isSet(container['readinessProbe']),
    hasLivenessProbe: isSet(container['livenessProbe']),
  };
}

/**
 * Whether the first process may be uid 0. What the workload says (`written`) goes before what the image says. A name that nobody resolved may be a second name of uid 0 in the image's passwd, so it counts as root; so
 * does a number outside what a uid can be, which some runtimes wrap around.
 */
function runsAsRoot(written: Json, image: ImageUser): boolean {
  if (written !== null) return !isOrdinaryUid(written);
  const user = image.user.split(':', 1)[0] ?? '';
  if (/^[0-9]{1,10}$/.test(user)) return !isOrdinaryUid(Number(user));
  return user === '' || image.uid === null || !isOrdinaryUid(image.uid);
}

/** The limits of each container; an annotation that cannot be read counts as all of them lifted. */
function readUlimits(written: Json | undefined): (container: string) => Ulimits {
  if (written === undefined || written === null) return () => ({});
  const limits = parseUlimits(textOf(written));
  return (container) => (limits === null ? LIFTED : { ...limits.get(null), ...limits.get(container) });
}

const LIFTED: Ulimits = Object.fromEntries(ULIMIT_NAMES.map((name) => [name, { soft: -1, hard: -1 }]));

/** From 1 to 2^32 - 2; 2^32 - 1 is "no user" to the kernel. */
function isOrdinaryUid(value: Json): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 0xffff_fffe;
}

/** `CAP_SYS_ADMIN` and `SYS_ADMIN` are one. */
function capability(value: Json): string {
  return textOf(value).toUpperCase().replace(/^CAP_/, '');
}

function members(value: Json | undefined): Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
}

function items(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** A switch that opens the host: anything that is not plainly off counts as on. */
function isOn(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== false;
}

function isSet(value: Json | undefined): boolean {
  return value !== undefined && value !== null && value !== '' && value !== 0 && value !== '0';
}

/** A quantity of nothing, however it is written, limits nothing: `0`, `0m`, `0.0Gi`. */
function isAmount(value: Json | undefined): boolean {
  return isSet(value) && /[1-9]/.test(String(value).split(/[eE](?=[-+]?\d)/)[0] ?? '');
}

function portNumber(value: Json | undefined): number[] {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? [value] : [];
}
