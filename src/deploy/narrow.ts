import { type ContainerSpec, hashPodSpec, type PodSpec, type SecuritySpec } from './model.ts';

/** What one container of a workload was seen to need, proven in a copy of it. */
export interface ContainerProfile {
  readonly project: string;
  readonly workload: string;
  readonly container: string;
  /** Names of system calls. */
  readonly calls: readonly string[];
  /** Families of sockets, as numbers of linux/socket.h. */
  readonly families: readonly number[];
  /** Names without CAP_; null: not known, and left as they are. */
  readonly capabilities: readonly string[] | null;
}

/** linux/capability.h, by their numbers. */
export const CAPABILITIES = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...['LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER'],
  ...['SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP'],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
] as const;

/**
 * A container with less than its manifest gives it. Nothing is ever added: what is not needed is dropped by its name, for to
 * add a capability would also hand it to a process that is not root.
 */
export function narrowSecurity(security: SecuritySpec, profile: ContainerProfile): SecuritySpec {
  const calls = { names: [...profile.calls].sort(), families: [...profile.families].sort((a, b) => a - b) };
  if (profile.capabilities === null) return { ...security, calls };
  const needed = new Set(profile.capabilities);
  const plain = (name: string): string => name.toUpperCase().replace(/^CAP_/, '');
  const unused = CAPABILITIES.filter((name) => !needed.has(name));
  const isAll = needed.size === 0 || security.capabilitiesDrop.some((name) => plain(name) === 'ALL');
  return {
    ...security,
    calls,
    capabilitiesAdd: security.capabilitiesAdd.filter((name) => needed.has(plain(name))),
    capabilitiesDrop: isAll ? ['ALL'] : [...new Set([...security.capabilitiesDrop.map(plain), ...unused])],
  };
}

/** The workloads with every container narrowed that a profile of its image speaks of, and the spec hashes that follow. */
export async function narrowWorkloads<
  T extends { readonly key: { readonly project: string; readonly name: string }; readonly pod: PodSpec },
>(
  workloads: readonly T[],
  profilesOf: (image: string) => Promise<readonly ContainerProfile[]>,
): Promise<(T & { readonly specHash: string })[]> {
  const narrowed: (T & { readonly specHash: string })[] = [];
  for (const workload of workloads) {
    const one = async (container: ContainerSpec): Promise<ContainerSpec> => {
      const profile = (await profilesOf(container.image)).find(
        (found) =>
          found.project === workload.key.project &&
          found.workload === workload.key.name &&
          found.container === container.name,
      );
      return profile === undefined
        ? container
        : { ...container, security: narrowSecurity(container.security, profile) };
    };
    const pod = {
      ...workload.pod,
      initContainers: await Promise.all(workload.pod.initContainers.map(one)),
      containers: await Promise.all(workload.pod.containers.map(one)),
    };
    narrowed.push({ ...workload, pod, specHash: hashPodSpec(pod) });
  }
  return narrowed;
}
