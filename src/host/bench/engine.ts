import type { Text } from '../../system/index.ts';

/** What Docker, containerd and CRI-O give when nobody asks for more, and what Podman's own answers count from. */
export const DEFAULT_CAPS: ReadonlySet<string> = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(
    ' ',
  ),
);

/** A running container as the benchmark looks at it, whichever engine runs it. Null: that engine does not say. */
export interface ContainerFacts {
  readonly name: string;
  readonly engine: 'podman' | 'docker' | 'cri';
  readonly image: string;
  /** Whom its program runs as, as it was asked for: a name or number, '' when nobody said. */
  readonly user: string | null;
  readonly apparmor: string | null;
  readonly selinux: string | null;
  readonly capAdd: readonly string[];
  readonly privileged: boolean;
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly rw: boolean;
    readonly propagation: string;
  }[];
  readonly ports: readonly { readonly hostIp: string; readonly hostPort: number }[];
  readonly networkMode: string;
  readonly pidMode: string;
  readonly ipcMode: string;
  readonly utsMode: string;
  readonly usernsMode: string;
  readonly memoryBytes: number;
  readonly cpuShares: number;
  readonly readonlyRootfs: boolean;
  readonly restart: { readonly name: string; readonly max: number };
  readonly devices: number;
  readonly ulimits: number;
  readonly seccompUnconfined: boolean;
  readonly cgroupParent: string;
  readonly noNewPrivileges: boolean;
  readonly healthcheck: boolean | null;
  readonly pidsLimit: number;
  readonly networks: readonly string[];
  /** Names of its processes; null: not seen. */
  readonly processes: readonly string[] | null;
}

export interface ImageFacts {
  readonly name: string;
  readonly id: string;
  readonly user: string;
  readonly healthcheck: boolean;
  /** Lines that made it. */
  readonly history: readonly string[];
}

/** What an engine says of itself and of what it holds. */
export interface EngineFacts {
  readonly kind: 'podman' | 'docker' | 'cri' | 'none';
  readonly version: string;
  readonly rootless: boolean;
  /** What it runs on the host: a daemon that everything goes through, or a program per call. */
  readonly daemon: boolean;
  readonly storageDriver: string | null;
  readonly insecureRegistries: readonly string[] | null;
  readonly containers: readonly ContainerFacts[] | null;
  readonly images: readonly ImageFacts[] | null;
  /** Total of containers, running or not. */
  readonly containerCount: number | null;
  readonly swarm: boolean;
  /** Settings of the daemon (daemon.json) and its arguments; null: there is none. */
  readonly settings: Readonly<Record<string, unknown>> | null;
  /** Why it could not be asked. */
  readonly silent: Text | null;
}

export const NO_ENGINE: EngineFacts = {
  kind: 'none',
  version: '',
  rootless: false,
  daemon: false,
  storageDriver: null,
  insecureRegistries: null,
  containers: null,
  images: null,
  containerCount: null,
  swarm: false,
  settings: null,
  silent: { en: 'no container engine answers here', es: 'aquí no responde ningún motor de contenedores' },
};
