import type { ContainerFacts, WorkloadFacts } from '../admit/index.ts';
import { listUlimits } from '../formats/index.ts';
import type { ContainerSpec, PodSpec } from './model.ts';

/**
 * What a policy may ask of a workload, read from the normalised model: exactly what will run, whatever the YAML called
 * it. Fields that the model does not have (host namespaces, host paths, privileged) were refused when it was read.
 * @param kind as the YAML calls it
 * @param imageUser `USER` of an image's configuration by reference, empty when it says none
 */
export function workloadFacts(
  name: string,
  kind: string,
  pod: PodSpec,
  imageUser: (image: string) => string,
): WorkloadFacts {
  const facts = (role: string) => (container: ContainerSpec) => containerFacts(role, container, imageUser);
  return {
    present: true,
    kind,
    name,
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    hostPaths: [],
    containers: [...pod.initContainers.map(facts('init')), ...pod.containers.map(facts('main'))],
  };
}

function containerFacts(role: string, container: ContainerSpec, imageUser: (image: string) => string): ContainerFacts {
  const { security, resources } = container;
  return {
    key: container.name,
    label: role === 'main' ? container.name : `${container.name} (${role})`,
    image: container.image,
    role,
    privileged: false,
    runsAsRoot: mayBeRoot(security.runAsUser, imageUser(container.image)),
    allowPrivilegeEscalation: security.allowPrivilegeEscalation,
    readOnlyRootFilesystem: security.readOnlyRootFilesystem,
    // `CAP_SYS_ADMIN` and `SYS_ADMIN` are one.
    addedCapabilities: security.capabilitiesAdd.map((name) => name.toUpperCase().replace(/^CAP_/, '')),
    dropsAllCapabilities: security.capabilitiesDrop.some((capability) => capability.toUpperCase() === 'ALL'),
    seccompUnconfined: false,
    hostPorts: [],
    ports: container.ports.map((port) => port.port),
    hasCpuLimit: resources.cpuLimitMillis !== null,
    hasMemoryLimit: resources.memoryLimitBytes !== null,
    hasReadinessProbe: container.readinessProbe !== null,
    hasLivenessProbe: container.livenessProbe !== null,
    ulimits: listUlimits(container.ulimits ?? {}),
  };
}

/** True unless it is certain that the first process is not uid 0: a name in an image may stand for any number. */
function mayBeRoot(runAsUser: number | null, imageUser: string): boolean {
  // uid_t has 32 bits: 2^32 wraps to 0, and -1 means "unchanged" to setuid(2).
  if (runAsUser !== null) return runAsUser <= 0 || runAsUser >= 0xffff_ffff;
  const uid = /^(\d+)(?::|$)/.exec(imageUser)?.[1];
  return uid === undefined || Number(uid) === 0;
}
