/** What a recording knows of threads, descriptors, users and containers while it is read. */

/** A descriptor. Words and letters are Falco's (`fd.type`, `fd.typechar`). */
export interface Descriptor {
  readonly kind: DescriptorKind;
  /** Path, or both ends of a socket as text. */
  name: string;
  /** The name as the program gave it. */
  rawName: string;
  client: Endpoint | null;
  server: Endpoint | null;
  /** Whether this process has the server's end: it listens, or accepted. */
  isServer: boolean;
  isConnected: boolean;
  protocol: string | null;
  openFlags: number;
  device: number;
  inode: number;
  /** The last event changed the name. */
  nameChangedAt: number;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export const DESCRIPTOR_KINDS = {
  file: { type: 'file', letter: 'f' },
  directory: { type: 'directory', letter: 'd' },
  ipv4: { type: 'ipv4', letter: '4' },
  ipv6: { type: 'ipv6', letter: '6' },
  fifo: { type: 'pipe', letter: 'p' },
  unix: { type: 'unix', letter: 'u' },
  event: { type: 'event', letter: 'e' },
  signal: { type: 'signalfd', letter: 's' },
  poll: { type: 'eventpoll', letter: 'l' },
  inotify: { type: 'inotify', letter: 'i' },
  timer: { type: 'timerfd', letter: 't' },
  netlink: { type: 'netlink', letter: 'n' },
  bpf: { type: 'bpf', letter: 'b' },
  userfault: { type: 'userfaultfd', letter: 'u' },
  ring: { type: 'io_uring', letter: 'r' },
  memory: { type: 'memfd', letter: 'm' },
  process: { type: 'pidfd', letter: 'P' },
  other: { type: 'unsupported', letter: 'X' },
} as const;
export type DescriptorKind = keyof typeof DESCRIPTOR_KINDS;

export function newDescriptor(kind: DescriptorKind, name = ''): Descriptor {
  return {
    kind,
    name,
    rawName: name,
    client: null,
    server: null,
    isServer: false,
    isConnected: false,
    protocol: null,
    openFlags: 0,
    device: 0,
    inode: 0,
    nameChangedAt: 0,
  };
}

/** A thread; what belongs to its process stands in the thread that leads it. */
export interface Thread {
  readonly tid: number;
  readonly pid: number;
  /** Nobody said anything of it yet: it ran before and is not in the process list. */
  isUnsure: boolean;
  parent: number;
  session: number;
  /** As its own namespace of processes numbers it; `hostGroup` is the same by the host's number, -1 where the recorder did not say it. */
  group: number;
  hostGroup: number;
  comm: string;
  exe: string;
  exePath: string;
  args: readonly string[];
  environment: readonly string[];
  cwd: string;
  uid: number;
  gid: number;
  loginUid: number;
  tty: number;
  innerTid: number;
  innerPid: number;
  cgroups: readonly string[];
  containerId: string;
  capabilities: { inheritable: bigint; permitted: bigint; effective: bigint };
  /** How many descriptors it may have open. */
  fdLimit: number;
  memory: Memory;
  /** Falco's EXE_… bits of the program. */
  exeFlags: number;
  exeInode: number;
  exeChangedNs: bigint;
  exeModifiedNs: bigint;
  /** Zero when it ran before the recording began. */
  startedNs: bigint;
  /** When the first process of its namespace began; zero where the recorder did not say it. */
  namespaceStartedNs: bigint;
  /** Nanoseconds by which the program's last change came before the process, and after the namespace; zero is not said. */
  exeChangedBeforeStartNs: bigint;
  exeChangedAfterNamespaceNs: bigint;
  fds: Map<number, Descriptor>;
  /** What the last enter event said, for the exit event that belongs to it. */
  entered: Entered | null;
  /** When the last call began, in halves; the upper is -1 before the first. */
  enteredHigh: number;
  enteredLow: number;
  /** How long the last call took; zero while it runs. */
  latencyNs: number;
  /** Time on a processor, as far as the recording saw. */
  ranNs: number;
}

/** As the recorder last said: KiB, and page faults since the thread began. */
export interface Memory {
  size: number;
  resident: number;
  swapped: number;
  majorFaults: number;
  minorFaults: number;
}

/** Of a thread that nothing was said of: it is never written to. */
export const NO_MEMORY: Memory = { size: 0, resident: 0, swapped: 0, majorFaults: 0, minorFaults: 0 };

/** The beginning of a call: its event's name, its descriptor, and what older recorders do not repeat at its end. */
export interface Entered {
  name: string;
  fd: number | null;
  remembered: Remembered | null;
}

export interface Remembered {
  readonly domain: number | null;
  readonly type: number | null;
  readonly flags: number | null;
  readonly dirfd: number | null;
  readonly resource: number | null;
  readonly filename: string | null;
  readonly name: string | null;
  readonly tuple: Buffer | null;
  /** Of calls about paths, by the name of the parameter. */
  readonly paths: ReadonlyMap<string, string>;
}

export function newThread(tid: number, pid: number): Thread {
  return {
    tid,
    pid,
    isUnsure: false,
    parent: 0,
    session: -1,
    group: -1,
    hostGroup: -1,
    comm: '',
    exe: '',
    exePath: '',
    args: [],
    environment: [],
    cwd: '',
    uid: 0xffffffff,
    gid: 0xffffffff,
    loginUid: 0xffffffff,
    tty: 0,
    innerTid: -1,
    innerPid: -1,
    cgroups: [],
    containerId: '',
    capabilities: { inheritable: 0n, permitted: 0n, effective: 0n },
    exeFlags: 0,
    exeInode: 0,
    exeChangedNs: 0n,
    exeModifiedNs: 0n,
    startedNs: 0n,
    namespaceStartedNs: 0n,
    exeChangedBeforeStartNs: 0n,
    exeChangedAfterNamespaceNs: 0n,
    fdLimit: -1,
    memory: NO_MEMORY,
    fds: new Map(),
    entered: null,
    enteredHigh: -1,
    enteredLow: 0,
    latencyNs: 0,
    ranNs: 0,
  };
}

export interface RecordedUser {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

/** A container as its engine described it to the recorder. */
export interface RecordedContainer {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  readonly image: string;
  readonly imageId: string;
  readonly digest: string;
  readonly privileged: boolean | null;
  readonly mounts: readonly {
    readonly source: string;
    readonly destination: string;
    readonly mode: string;
    readonly isWritable: boolean;
    readonly propagation: string;
  }[];
  readonly labels: ReadonlyMap<string, string>;
}

/** Names of container engines in a path of a cgroup, with the id they write there. */
const CGROUP_OF_CONTAINER: readonly (readonly [RegExp, string])[] = [
  [/(?:^|\/)(?:docker[-/])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/, 'docker'],
  [/(?:^|\/)(?:libpod-(?:conmon-)?|podman-)([0-9a-f]{64})(?:\.scope)?(?:\/|$)/, 'podman'],
  [/(?:^|\/)crio-(?:conmon-)?([0-9a-f]{64})(?:\.scope)?(?:\/|$)/, 'cri-o'],
  [/(?:^|\/)cri-containerd-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/, 'containerd'],
  [/\/kubepods[^/]*(?:\/[^/]+)*\/([0-9a-f]{64})(?:\/|$)/, 'containerd'],
];

/** The first 12 digits of the container's id, as Falco names it; '' on the host. */
export function containerOfCgroups(cgroups: readonly string[]): { id: string; type: string } | null {
  for (const cgroup of cgroups) {
    for (const [pattern, type] of CGROUP_OF_CONTAINER) {
      const id = pattern.exec(cgroup)?.[1];
      if (id !== undefined) return { id: id.slice(0, 12), type };
    }
  }
  return null;
}

/** A working folder as Falco writes it: with a slash at its end. */
export function asFolder(path: string): string {
  return path === '' || path.endsWith('/') ? path : `${path}/`;
}
