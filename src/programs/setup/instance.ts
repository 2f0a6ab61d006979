import { mkdir, readdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { type Text, writeFileAtomic } from '../../system/index.ts';
import { setupFault } from './errors.ts';

/** As root everything has its own user and the kernel is watched; rootless is one ordinary user's own platform. */
export type Mode = 'root' | 'rootless';
export type CgroupKind = 'v1' | 'v2' | 'hybrid';
export type RuntimeName = 'runc' | 'crun';

/** What `up` did differently on this machine, and what that means to the person. */
export interface Adaptation {
  readonly code: string;
  readonly text: Text;
}

export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface Ports {
  /** Console, API and registry: HTTPS. */
  readonly console: number;
  /** Mutual TLS: where agents dial control, and command lines its API. */
  readonly agents: number;
  readonly edgeHttps: number;
  readonly edgeHttp: number;
}

/** How Podman, Buildah and Skopeo are run for this instance; `environment` is the whole of it, added to PATH. */
export interface PodmanFiles {
  readonly home: string;
  readonly containersConf: string;
  readonly registriesConf: string;
  readonly storageConf: string | null;
  readonly socket: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** One instance of the platform on this machine, as `up` wrote it to `instance.json`. Holds no secret. */
export interface Instance {
  readonly name: string;
  readonly mode: Mode;
  /** What users, containers, networks, tables carry in front of their names. */
  readonly prefix: string;
  readonly version: string;
  /** The root of the code that the programs run from (holds src/, node_modules/, console/dist/). */
  readonly code: string;
  /** Which code that was, where it is not told by its folder: without root the programs run from the checkout itself. */
  readonly codeName?: string;
  readonly data: string;
  readonly run: string;
  readonly logs: string;
  /** Published names stand below it. */
  readonly domain: string;
  readonly ports: Ports;
  /** Where the ports listen: LOOPBACK, or EVERYWHERE. */
  readonly bind: string;
  readonly users: { readonly control: SystemUser; readonly build: SystemUser; readonly edge: SystemUser };
  readonly runtime: RuntimeName;
  readonly cgroup: CgroupKind;
  /** False where the kernel or our rights do not let eBPF programs load. */
  readonly sensor: boolean;
  readonly adaptations: readonly Adaptation[];
  readonly podman: PodmanFiles;
  /** A CRI server of the host's own runs the pods, instead of Podman. */
  readonly cri?: { readonly socket: string };
  readonly createdAt: string;
  /**
   * Set from the moment something of it may be on the machine until users and folders stand: a first `up` that ends in
   * between leaves a description that `down --purge` follows and the next `up` goes on from.
   */
  readonly unfinished?: true;
}

/** Folders of an instance; everything it owns on disk but the code copy lies below these three. */
export interface InstanceFolders {
  readonly data: string;
  readonly run: string;
  readonly logs: string;
}

export const DEFAULT_INSTANCE = 'darsena';
export const INSTANCE_NAME = /^[a-z][a-z0-9-]{0,19}$/;

/** The instance's own parts always meet here, wherever else it listens. */
export const LOOPBACK = '127.0.0.1';
export const EVERYWHERE = '0.0.0.0';

const ROOT_DATA = '/var/lib/darsena';

/** Below it stand the code copies `<version>-<hash>`, root-owned and shared by instances. */
export const CODE_ROOT = '/opt/darsena';

/**
 * The instance a call speaks of: the argument, else DARSENA_INSTANCE, else `darsena`.
 * @throws Fault `setup.instance-name` when it could not be part of a user or container name
 */
export function instanceName(argument: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  const name = argument ?? environment['DARSENA_INSTANCE'] ?? DEFAULT_INSTANCE;
  if (!INSTANCE_NAME.test(name) || name.endsWith('-')) throw setupFault('setup.instance-name', { name });
  return name;
}

export function instancePrefix(name: string): string {
  return name === DEFAULT_INSTANCE ? 'darsena' : `darsena-${name}`;
}

/** Where this machine reaches the public port: the one name that every certificate of an instance carries. */
export function localUrl(instance: Instance, door: 'console' | 'agents' = 'console'): string {
  return `https://localhost:${instance.ports[door]}`;
}

export function currentMode(): Mode {
  return process.geteuid?.() === 0 ? 'root' : 'rootless';
}

/** Where an instance of this name keeps its things; pure, so that `purge` and tests ask the same function. */
export function instanceFolders(
  name: string,
  mode: Mode,
  environment: NodeJS.ProcessEnv = process.env,
): InstanceFolders {
  if (mode === 'root') {
    return { data: join(ROOT_DATA, name), run: `/run/darsena/${name}`, logs: `/var/log/darsena/${name}` };
  }
  const home = environment['HOME'] ?? homedir();
  const data = join(environment['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'darsena', name);
  // A socket path may have 107 bytes (unix(7)); the fall-back below the data folder stays short enough for usual homes.
  const runtime = environment['XDG_RUNTIME_DIR'];
  const run = runtime === undefined || runtime === '' ? join(data, 'run') : join(runtime, 'darsena', name);
  return { data, run, logs: join(data, 'logs') };
}

const BPF_ROOT = '/sys/fs/bpf';

/** Every file and folder that more than one program must find; the one place that knows their names. */
export function instanceFiles(folders: InstanceFolders) {
  const { data, run, logs } = folders;
  return {
    description: join(data, 'instance.json'),
    /** The platform's CA certificate for people and clients, 0644; the key never leaves control/keys. */
    ca: join(data, 'ca.pem'),
    control: {
      /** 0700, control's user. */
      folder: join(data, 'control'),
      database: join(data, 'control', 'darsena.db'),
      blobs: join(data, 'control', 'blobs'),
      keys: join(data, 'control', 'keys'),
      /** Optional: `{ "databaseUrl": "postgres://…" }`. */
      settings: join(data, 'control', 'control.json'),
      /** 0700, control's user: only root and control can reach the socket and the join token inside. */
      run: join(run, 'control'),
      adminSocket: join(run, 'control', 'admin.sock'),
      joinToken: join(run, 'control', 'join-token'),
    },
    agent: {
      /** 0700, root (the user itself when rootless). */
      folder: join(data, 'agent'),
      hostLimits: join(data, 'agent', 'host-limits.json'),
      /** Folders and repositories that this host lets storage use; control cannot write it. */
      storage: join(data, 'agent', 'storage.json'),
      run: join(run, 'agent'),
    },
    sensor: {
      folder: join(data, 'sensor'),
      config: join(data, 'sensor', 'sensor.json'),
      run: join(run, 'sensor'),
      socket: join(run, 'sensor', 'sensor.sock'),
      /** In the BPF file system: the programs in the kernel stay while the sensor starts anew. */
      pins: join(BPF_ROOT, `darsena-${basename(data)}`),
    },
    edge: {
      /** Root-owned, readable by the edge's group: written by the agent. */
      folder: join(data, 'edge'),
      config: join(data, 'edge', 'haproxy.cfg'),
      /** 0700, edge's user: HAProxy's own sockets. */
      run: join(run, 'edge'),
      socket: join(run, 'edge', 'haproxy.sock'),
      /** The configuration is of this run of the machine; gone with it, and with `down`: addresses are others afterwards. */
      current: join(run, 'agent', 'edge-is-current'),
    },
    build: {
      /** The home of the build user. */
      folder: join(data, 'build'),
    },
    podman: join(data, 'podman'),
    /** Of which run of the machine the folder is. */
    machineRun: join(run, 'machine-run'),
    /** Pid files and supervisors' words, root-owned. */
    supervisors: join(run, 'supervisors'),
    log: (program: string): string => join(logs, `${program}.log`),
  };
}

export type InstanceFiles = ReturnType<typeof instanceFiles>;

/** The instance as `up` described it, or null when there is none. @throws Fault `setup.instance-broken` */
export async function readInstance(path: string): Promise<Instance | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isInstance(value)) return value;
  } catch (cause) {
    throw setupFault('setup.instance-broken', { path }, { cause });
  }
  throw setupFault('setup.instance-broken', { path });
}

/** Finds an instance by its name: as root among the machine's, otherwise the caller's own, then the machine's. */
export async function findInstance(
  name: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Instance | null> {
  const modes: Mode[] = currentMode() === 'root' ? ['root'] : ['rootless', 'root'];
  for (const mode of modes) {
    const found = await readInstance(instanceFiles(instanceFolders(name, mode, environment)).description);
    if (found !== null) return found;
  }
  return null;
}

/** All instances of root on this machine whose description can be read. */
export async function instancesOfRoot(): Promise<Instance[]> {
  const found: Instance[] = [];
  const names = await readdir(ROOT_DATA).catch(() => []);
  for (const name of names) {
    // A broken neighbour is its own owner's matter; what it holds is simply not known.
    const other = await readInstance(join(ROOT_DATA, name, 'instance.json')).catch(() => null);
    if (other !== null) found.push(other);
  }
  return found;
}

export async function writeInstance(instance: Instance): Promise<void> {
  await mkdir(instance.data, { recursive: true });
  await writeFileAtomic(instanceFiles(instance).description, `${JSON.stringify(instance, null, 2)}\n`, { mode: 0o644 });
}

function isInstance(value: unknown): value is Instance {
  const instance = value as Partial<Instance> | null;
  return (
    typeof instance === 'object' &&
    instance !== null &&
    typeof instance.name === 'string' &&
    INSTANCE_NAME.test(instance.name) &&
    (instance.mode === 'root' || instance.mode === 'rootless') &&
    typeof instance.data === 'string' &&
    typeof instance.run === 'string' &&
    typeof instance.logs === 'string' &&
    typeof instance.ports === 'object' &&
    typeof instance.podman === 'object' &&
    typeof instance.users === 'object'
  );
}
