import { createHash } from 'node:crypto';
import { parseReference } from '../../../oci/index.ts';
import { claimVolumeName, partLabel, volumeLabels } from '../../../volumes/index.ts';
import type {
  ContainerSpec,
  ContentData,
  EnvSource,
  MountSpec,
  PodSpec,
  ProbeSpec,
  WantedState,
  WantedWorkload,
} from '../../model.ts';
import type { ContainerOrder, MountSource, PodOrder, VolumeOrder } from './engine.ts';
import { engineFault } from './errors.ts';
import { serviceRedirects } from './hosts.ts';
import { hostName, LABEL, networkName, type PodIdentity, podLabels, podName } from './labels.ts';

/** `ephemeral`: added by hand for as long as somebody looks into the pod. */
export type ContainerRole = 'init' | 'main' | 'sidecar' | 'ephemeral';

/** What only the host knows of a pod. */
export interface PodPlacing {
  /** Null while the pod has no network yet. */
  readonly address: string | null;
  readonly node: string;
  readonly capacity: { readonly cpuMillis: number; readonly memoryBytes: number };
}

/** Which attempt of which container of a pod is made. */
export interface Attempt {
  readonly role: ContainerRole;
  readonly attempt: number;
  readonly failures: number;
}

export function podOrder(
  instance: string,
  identity: PodIdentity,
  workload: WantedWorkload,
  spec: PodSpec,
  wanted: WantedState,
): PodOrder {
  const ports = new Set<number>();
  for (const container of [...spec.initContainers.filter(({ sidecar }) => sidecar), ...spec.containers]) {
    for (const { port, protocol } of container.ports) if (protocol === 'TCP') ports.add(port);
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      const port = probedPort(probe);
      if (port !== null) ports.add(port);
    }
  }
  for (const { to } of serviceRedirects(wanted.services, workload)) ports.add(to);
  return {
    name: podName(instance, identity),
    hostname: hostNameOf(identity, spec),
    network: networkName(instance, identity.key.project, identity.key.environment),
    labels: podLabels(instance, identity, spec.terminationGraceSeconds),
    ports: [...ports].sort((a, b) => a - b).map((port) => ({ port, protocol: 'TCP' })),
    resolver: null,
    ...(spec.dns === undefined ? {} : { dns: spec.dns }),
    ...(spec.shareProcesses ? { shareProcesses: true } : {}),
    ...(spec.userNamespace ? { userNamespace: true } : {}),
    ...(spec.runtime === undefined ? {} : { runtime: spec.runtime }),
    ...(spec.sysctls === undefined ? {} : { sysctls: spec.sysctls }),
  };
}

/** What the pod calls itself: what its author says, else a name of its own. */
export function hostNameOf(identity: PodIdentity, spec: PodSpec): string {
  return spec.hostname ?? hostName(identity);
}

function probedPort(probe: ProbeSpec | null): number | null {
  return probe === null || probe.action.kind === 'exec' ? null : probe.action.port;
}

/**
 * One container of a pod, with its environment resolved and its mounts bound to places on this host.
 * @throws Fault deploy.not-pinned, deploy.content-missing
 */
export function containerOrder(
  instance: string,
  identity: PodIdentity,
  spec: PodSpec,
  container: ContainerSpec,
  attempt: Attempt,
  contents: WantedState['contents'],
  contentFolder: (volume: string) => string,
  placing: PodPlacing = UNPLACED,
): ContainerOrder {
  const pod = podName(instance, identity);
  const env = resolveEnv(container, identity, spec, contents, placing);
  const expand = (text: string): string => expandReferences(text, env);
  const mounts = container.mounts.map((mount) => {
    const { source, readOnly } = mountSource(instance, identity, spec, mount.volume, contentFolder);
    const part = mount.subPath === undefined ? null : innerPart(mount.subPath, env, container.name);
    return { ...mount, readOnly: mount.readOnly || readOnly, source, part };
  });
  return {
    name: `${pod}-${container.name}-${attempt.attempt}`,
    pod,
    image: container.image,
    labels: {
      ...podLabels(instance, identity, spec.terminationGraceSeconds),
      [LABEL.container]: container.name,
      [LABEL.role]: attempt.role,
      [LABEL.digest]: pinnedDigest(container.image),
      [LABEL.attempt]: String(attempt.attempt),
      [LABEL.failures]: String(attempt.failures),
      // Whoever ends it later may no longer have its spec.
      ...(container.preStop === undefined ? {} : { [LABEL.preStop]: JSON.stringify(container.preStop) }),
      ...Object.fromEntries(
        mounts.flatMap(({ source, part }) =>
          source.kind === 'volume' && part !== null && part !== '' ? [[partLabel(source.volume), '1']] : [],
        ),
      ),
    },
    command: container.command?.map(expand) ?? null,
    args: container.args?.map(expand) ?? null,
    workingDir: workingFolder(container),
    env,
    resources: container.resources,
    security: container.security,
    mounts,
    ...(container.stopSignal === undefined ? {} : { stopSignal: container.stopSignal }),
    ...(container.stdin ? { stdin: true } : {}),
    ...(container.terminal ? { terminal: true } : {}),
    ...(container.ulimits === undefined ? {} : { ulimits: container.ulimits }),
    ...(spec.userNamespace ? { userNamespace: true } : {}),
    ...(spec.runtime === undefined ? {} : { runtime: spec.runtime }),
  };
}

/**
 * Control is not believed to have looked: a run-time of before 2024 hands over the host by such a folder (CVE-2024-21626).
 * @throws Fault engine.refused
 */
function workingFolder({ name, workingDir }: Pick<ContainerSpec, 'name' | 'workingDir'>): string | null {
  if (workingDir !== null && /^\/+(?:\.\/+)*(?:proc|sys|dev)(?:\/|$)/.test(workingDir))
    throw engineFault('engine.refused', {
      operation: `to start ${name} in ${workingDir}`,
      why: 'it is a folder of the kernel: no container starts there',
    });
  return workingDir;
}

const UNPLACED: PodPlacing = { address: null, node: '', capacity: { cpuMillis: 0, memoryBytes: 0 } };

/** A path inside a volume, with the container's variables in it. @throws Fault deploy.part-outside */
function innerPart(
  subPath: NonNullable<MountSpec['subPath']>,
  env: Readonly<Record<string, string>>,
  container: string,
): string {
  const path = subPath.expand ? expandReferences(subPath.path, env) : subPath.path;
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || path.includes('\0')) {
    throw engineFault('deploy.part-outside', { container, path: path.slice(0, 200) });
  }
  return parts.join('/');
}

/** @throws Fault deploy.not-pinned */
export function pinnedDigest(image: string): string {
  const { digest } = parseReference(image);
  if (digest === null) throw engineFault('deploy.not-pinned', { image });
  return digest;
}

/** The engine volumes a pod needs before its containers can be made. */
export function volumeOrders(instance: string, identity: PodIdentity, spec: PodSpec): VolumeOrder[] {
  const { project, environment } = identity.key;
  return spec.volumes.flatMap((volume): VolumeOrder[] => {
    if (volume.kind === 'claim') {
      const owner = { instance, project, environment, claim: claimOf(volume, identity) };
      const kept = spec.fsGroup === undefined ? {} : { writers: 'as-it-is' as const };
      return [{ name: claimVolumeName(owner), labels: volumeLabels(owner), ...kept }];
    }
    if (volume.kind === 'scratch' && !volume.memory) {
      const pod = podName(instance, identity);
      const labels = {
        [LABEL.managed]: 'true',
        [LABEL.instance]: instance,
        [LABEL.project]: project,
        [LABEL.environment]: environment,
        [LABEL.scratchOf]: pod,
      };
      return [{ name: scratchName(pod, volume.name), labels, writers: 'all' }];
    }
    return [];
  });
}

/** The claim that a volume means for this pod: of a template, the one of its ordinal, named as Kubernetes names it. */
export function claimOf(
  volume: { readonly claim: string; readonly perOrdinal?: true },
  { key, slot }: PodIdentity,
): string {
  return volume.perOrdinal ? `${volume.claim}-${key.name}-${slot}` : volume.claim;
}

/** The scratch volumes that go with a pod; claims stay. */
export function scratchName(pod: string, volume: string): string {
  return `${pod}-scratch-${volume}`;
}

function mountSource(
  instance: string,
  identity: PodIdentity,
  spec: PodSpec,
  name: string,
  contentFolder: (volume: string) => string,
): { source: MountSource; readOnly: boolean } {
  const volume = spec.volumes.find((candidate) => candidate.name === name);
  if (volume === undefined) {
    throw engineFault('deploy.content-missing', { container: identity.key.name, reference: `volume ${name}` });
  }
  const { project, environment } = identity.key;
  switch (volume.kind) {
    case 'content':
    case 'projected':
      return { source: { kind: 'folder', path: contentFolder(volume.name) }, readOnly: true };
    case 'claim': {
      const owner = { instance, project, environment, claim: claimOf(volume, identity) };
      return { source: { kind: 'volume', volume: claimVolumeName(owner) }, readOnly: volume.readOnly };
    }
    case 'scratch':
      if (volume.memory) {
        const source: MountSource = { kind: 'memory', volume: volume.name, sizeBytes: volume.sizeBytes ?? null };
        return { source, readOnly: false };
      }
      return {
        source: { kind: 'volume', volume: scratchName(podName(instance, identity), volume.name) },
        readOnly: false,
      };
  }
}

/**
 * The environment as Kubernetes builds it: in order, later names win, `$(NAME)` means a variable set before it.
 * Values of Secrets reach the process as ordinary environment variables and can be read by whoever may inspect the
 * container; a Secret mounted as a file cannot.
 */
export function resolveEnv(
  container: ContainerSpec,
  identity: PodIdentity,
  spec: PodSpec,
  contents: WantedState['contents'],
  placing: PodPlacing = UNPLACED,
): Record<string, string> {
  const env: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const { name, source } of container.env) {
    env[name] =
      source.kind === 'value'
        ? expandReferences(source.value, env)
        : sourceBytes(source, container.name, identity, spec, contents, placing).toString('utf8');
  }
  if (identity.index !== undefined) env['JOB_COMPLETION_INDEX'] = String(identity.index);
  return { ...env };
}

/** What a source other than a plain value means for one pod. @throws Fault deploy.content-missing */
export function sourceBytes(
  source: Exclude<EnvSource, { kind: 'value' }>,
  container: string,
  identity: PodIdentity,
  spec: PodSpec,
  contents: WantedState['contents'],
  placing: PodPlacing,
): Buffer {
  switch (source.kind) {
    case 'content':
      return decode(contentAt(contents, source.content, container), source.key, container);
    case 'field':
      return Buffer.from(fieldValue(source.path, identity, spec, placing));
    case 'resource': {
      const found = [...spec.initContainers, ...spec.containers].find(({ name }) => name === source.container);
      const { resources } = found ?? {};
      const { capacity } = placing;
      // Kubernetes: without a limit it is what the host has; without a request it is the limit, or nothing.
      const cpu =
        source.resource === 'limits.cpu'
          ? (resources?.cpuLimitMillis ?? capacity.cpuMillis)
          : (resources?.cpuRequestMillis ?? 0);
      const memory =
        source.resource === 'limits.memory'
          ? (resources?.memoryLimitBytes ?? capacity.memoryBytes)
          : (resources?.memoryRequestBytes ?? resources?.memoryLimitBytes ?? 0);
      const amount = source.resource.endsWith('cpu') ? cpu / 1000 : memory;
      return Buffer.from(String(Math.ceil(amount / source.divisor)));
    }
  }
}

export function contentAt(contents: WantedState['contents'], hash: string, container: string): ContentData {
  const content = Object.hasOwn(contents, hash) ? contents[hash] : undefined;
  if (content === undefined) throw engineFault('deploy.content-missing', { container, reference: `content ${hash}` });
  return content;
}

function decode(content: ContentData, key: string, container: string): Buffer {
  const data = Object.hasOwn(content.data, key) ? content.data[key] : undefined;
  if (data === undefined) {
    throw engineFault('deploy.content-missing', { container, reference: `${content.name}, key ${key}` });
  }
  return Buffer.from(data, 'base64');
}

function fieldValue(path: string, identity: PodIdentity, spec: PodSpec, placing: PodPlacing): string {
  const { project, environment } = identity.key;
  switch (path) {
    case 'metadata.name':
      return hostName(identity);
    case 'metadata.namespace':
      return `${project}-${environment}`;
    case 'metadata.uid':
      return podUid(identity);
    case 'metadata.labels':
      return listPairs(spec.labels);
    case 'metadata.annotations':
      return listPairs(spec.annotations);
    case 'spec.nodeName':
      return placing.node;
    case 'spec.serviceAccountName':
      return 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return placing.address ?? '';
  }
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed?.[2] === undefined) return '';
  return (keyed[1] === 'labels' ? spec.labels : spec.annotations)[keyed[2]] ?? '';
}

/** One line a pair, as Kubernetes writes them into files: `name="value"`. */
function listPairs(pairs: Readonly<Record<string, string>>): string {
  return Object.entries(pairs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join('\n');
}

/** Equal for the same pod whoever asks, and shaped like a UUID (RFC 9562, version 8). */
function podUid(identity: PodIdentity): string {
  const { project, environment } = identity.key;
  const text = [project, environment, hostName(identity), identity.specHash].join('/');
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `a${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

/** `$(NAME)` becomes the value, `$$` the text `$`; a name that is not set stays as written. */
export function expandReferences(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([A-Za-z0-9_.-]+)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return '$';
    return Object.hasOwn(env, name) ? (env[name] ?? whole) : whole;
  });
}
