import { parseReference } from '../../../oci/index.ts';
import { claimVolumeName, volumeLabels } from '../../../volumes/index.ts';
import type { ContainerSpec, ContentData, PodSpec, ProbeSpec, WantedState, WantedWorkload } from '../../model.ts';
import type { ContainerOrder, MountSource, PodOrder, VolumeOrder } from './engine.ts';
import { engineFault } from './errors.ts';
import { serviceRedirects } from './hosts.ts';
import { hostName, LABEL, networkName, type PodIdentity, podLabels, podName } from './labels.ts';

/** Which attempt of which container of a pod is made. */
export interface Attempt {
  readonly role: 'init' | 'main';
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
  for (const container of spec.containers) {
    for (const { port, protocol } of container.ports) if (protocol === 'TCP') ports.add(port);
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      const port = probedPort(probe);
      if (port !== null) ports.add(port);
    }
  }
  for (const { to } of serviceRedirects(wanted.services, workload)) ports.add(to);
  return {
    name: podName(instance, identity),
    hostname: hostName(identity),
    network: networkName(instance, identity.key.project, identity.key.environment),
    labels: podLabels(instance, identity, spec.terminationGraceSeconds),
    ports: [...ports].sort((a, b) => a - b).map((port) => ({ port, protocol: 'TCP' })),
    resolver: null,
  };
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
): ContainerOrder {
  const pod = podName(instance, identity);
  const env = resolveEnv(container, identity, spec, contents);
  const expand = (text: string): string => expandReferences(text, env);
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
    },
    command: container.command?.map(expand) ?? null,
    args: container.args?.map(expand) ?? null,
    workingDir: container.workingDir,
    env,
    resources: container.resources,
    security: container.security,
    mounts: container.mounts.map((mount) => {
      const { source, readOnly } = mountSource(instance, identity, spec, mount.volume, contentFolder);
      return { ...mount, readOnly: mount.readOnly || readOnly, source };
    }),
  };
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
      const owner = { instance, project, environment, claim: volume.claim };
      return [{ name: claimVolumeName(owner), labels: volumeLabels(owner) }];
    }
    if (volume.kind === 'scratch') {
      const pod = podName(instance, identity);
      const labels = {
        [LABEL.managed]: 'true',
        [LABEL.instance]: instance,
        [LABEL.project]: project,
        [LABEL.environment]: environment,
        [LABEL.scratchOf]: pod,
      };
      return [{ name: scratchName(pod, volume.name), labels }];
    }
    return [];
  });
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
      return { source: { kind: 'folder', path: contentFolder(volume.name) }, readOnly: true };
    case 'claim': {
      const owner = { instance, project, environment, claim: volume.claim };
      return { source: { kind: 'volume', volume: claimVolumeName(owner) }, readOnly: volume.readOnly };
    }
    case 'scratch':
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
): Record<string, string> {
  const env: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const { name, source } of container.env) {
    switch (source.kind) {
      case 'value':
        env[name] = expandReferences(source.value, env);
        break;
      case 'content':
        env[name] = decodeText(contentAt(contents, source.content, container.name), source.key, container.name);
        break;
      case 'field':
        env[name] = fieldValue(source.path, identity, spec);
        break;
    }
  }
  return { ...env };
}

export function contentAt(contents: WantedState['contents'], hash: string, container: string): ContentData {
  const content = Object.hasOwn(contents, hash) ? contents[hash] : undefined;
  if (content === undefined) throw engineFault('deploy.content-missing', { container, reference: `content ${hash}` });
  return content;
}

function decodeText(content: ContentData, key: string, container: string): string {
  const data = Object.hasOwn(content.data, key) ? content.data[key] : undefined;
  if (data === undefined) {
    throw engineFault('deploy.content-missing', { container, reference: `${content.name}, key ${key}` });
  }
  return Buffer.from(data, 'base64').toString('utf8');
}

function fieldValue(path: string, identity: PodIdentity, spec: PodSpec): string {
  const { project, environment } = identity.key;
  if (path === 'metadata.name') return hostName(identity);
  if (path === 'metadata.namespace') return `${project}-${environment}`;
  const keyed = /^metadata\.(labels|annotations)\['([^']+)'\]$/.exec(path);
  if (keyed?.[2] === undefined) return '';
  return (keyed[1] === 'labels' ? spec.labels : spec.annotations)[keyed[2]] ?? '';
}

/** `$(NAME)` becomes the value, `$$(NAME)` the text `$(NAME)`; a name that is not set stays as written. */
export function expandReferences(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$?)\(([A-Za-z0-9_.-]+)\)/g, (whole, escaped: string, name: string) => {
    if (escaped === '$') return `$(${name})`;
    return Object.hasOwn(env, name) ? (env[name] ?? whole) : whole;
  });
}
