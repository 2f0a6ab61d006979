import type { Duplex } from 'node:stream';
import type { PodPlaceSix } from '../../../network/index.ts';
import type { Text } from '../../../system/index.ts';
import type { MountSpec, PodSpec, ResourceSpec, RuntimeClass, SecuritySpec } from '../../model.ts';
import type { Ulimits } from '../../ulimits.ts';
import type { RuntimeFacts } from './runtimes.ts';

/** What the engine on this host is and can do; asked once at the start. */
export interface EngineFacts {
  readonly name: string;
  readonly version: string;
  readonly rootless: boolean;
  readonly cgroupVersion: 1 | 2;
  /** Null when limits of memory and processor are enforced; otherwise why not. */
  readonly limitsMissing: Text | null;
  /** Security modules that are at work on the host. */
  readonly securityModules?: readonly ('apparmor' | 'selinux')[];
  /** Null when a service port may differ from its target port; otherwise why not. */
  readonly rulesMissing: Text | null;
  /** Null where pods have IPv6 beside IPv4; otherwise why not. */
  readonly ipv6Missing: Text | null;
  /** The run-times that workloads may ask for, each as this host has it. */
  readonly runtimes: readonly RuntimeFacts[];
  /** What an engine of this kind cannot do at all, and is refused with that reason. @default nothing */
  readonly lacks?: Readonly<Partial<Record<EngineLack, Text>>>;
}

/** `evidence`, `drill` and `pause` go beyond this port: the agent asks the engine's command line for them. */
export type EngineLack =
  | 'pause'
  | 'evidence'
  | 'drill'
  | 'changes'
  | 'copyIn'
  | 'filesAtRest'
  | 'execOptions'
  | 'ulimits'
  | 'userNamespace'
  | 'outOfMemory';

export type ContainerState = 'created' | 'running' | 'paused' | 'exited' | 'unknown';

export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly state: ContainerState;
  readonly pid: number | null;
  readonly startedAtMs: number | null;
  readonly exitedAtMs: number | null;
  readonly exitCode: number | null;
}

export interface ObservedPod {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly createdAtMs: number;
  /** The container that holds the pod's network; a pod without a running one has no network and is made anew. */
  readonly infra: { readonly id: string; readonly state: ContainerState; readonly startedAtMs: number | null } | null;
  readonly containers: readonly ObservedContainer[];
}

export interface PodOrder {
  readonly name: string;
  readonly hostname: string;
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Ports to publish on a loopback port of the host where pod addresses cannot be reached (rootless). */
  readonly ports: readonly { readonly port: number; readonly protocol: 'TCP' | 'UDP' }[];
  /** The resolver that the pod asks first; null for those of the host alone. */
  readonly resolver: string | null;
  readonly dns?: NonNullable<PodSpec['dns']>;
  readonly shareProcesses?: true;
  readonly userNamespace?: true;
  /** @default the engine's own */
  readonly runtime?: RuntimeClass;
  readonly sysctls?: Readonly<Record<string, string>>;
}

/** Where the bytes of a mount come from on this host. */
export type MountSource =
  | { readonly kind: 'volume'; readonly volume: string }
  | { readonly kind: 'folder'; readonly path: string }
  /** A file system in memory that the host makes for the pod; it is a folder before it reaches an engine. */
  | { readonly kind: 'memory'; readonly volume: string; readonly sizeBytes: number | null };

export interface ContainerOrder {
  readonly name: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly image: string;
  readonly command: readonly string[] | null;
  readonly args: readonly string[] | null;
  readonly workingDir: string | null;
  readonly env: Readonly<Record<string, string>>;
  readonly resources: ResourceSpec;
  readonly security: SecuritySpec;
  /** `part`: only this file or folder of the source, as a path that leads nowhere else by its text. */
  readonly mounts: readonly (MountSpec & { readonly source: MountSource; readonly part: string | null })[];
  readonly stopSignal?: string;
  readonly stdin?: true;
  readonly terminal?: true;
  readonly ulimits?: Ulimits;
  readonly userNamespace?: true;
  readonly runtime?: RuntimeClass;
  /** The id of a container of the pod whose processes it sees. */
  readonly processesOf?: string;
}

export interface NetworkOrder {
  readonly name: string;
  readonly bridge: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface EngineNetwork extends NetworkOrder {
  readonly gateway: string | null;
}

export interface VolumeOrder {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Where its data lies on this host, instead of in the engine's own storage. */
  readonly folder?: string;
  /**
   * Who may write to a new one: everybody inside, or whoever its folder says.
   * @default it is given to the user of its first container
   */
  readonly writers?: 'all' | 'as-it-is';
}

export interface EngineVolume extends Omit<VolumeOrder, 'folder' | 'writers'> {
  readonly path: string;
  readonly createdAt: string;
}

/** Where a running pod is reached: from other pods of its network, and from this host. */
export interface PodPlace {
  readonly address: string;
  /**
   * Its network, as `10.89.1.0/24`, and the host's own address in it; null where the engine does not say. `shared`: pods
   * of other environments are in it too.
   */
  readonly segment: {
    readonly network: string;
    readonly gateway: string;
    readonly shared?: true;
    /** The same in IPv6, where the network has both. */
    readonly six?: PodPlaceSix | null;
  } | null;
  /** Where this host connects for a container port: the pod's address, or a published loopback port; null when neither. */
  endpoint(port: number): Endpoint | null;
}

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Of a published port, which accepts whoever listens behind it: a process in the pod's network, and the port there. */
  readonly inside?: { readonly pid: number; readonly port: number };
}

export interface LocalImage {
  readonly id: string;
  /** The image's USER, empty for root. */
  readonly user: string;
  /** Where its command works unless a manifest says another folder; absent: its root. */
  readonly workingDir?: string;
}

export interface RegistryCredentials {
  /** Where the name in image references really leads (`host:port`): the only place that these are sent to. */
  readonly address: string;
  readonly username: string;
  readonly password: string;
}

export interface ExecResult {
  readonly exitCode: number;
  /** First bytes of both streams, bounded. */
  readonly output: string;
}

/** A process that somebody listens to and speaks to. */
export interface LiveSession {
  /** Its standard input; destroying it leaves the process alone. */
  readonly stream: Duplex;
  /** What it writes, as it comes and no faster than it is read; with a terminal all of it is standard output. */
  readonly output: AsyncIterable<OutputPiece>;
  /** Resolves when the terminal has it: of what has not begun, once it has. The size asked for last counts. */
  resize(columns: number, rows: number): Promise<void>;
  /** Resolves after the output has ended. */
  exitCode(): Promise<number>;
}

export interface OutputPiece {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

export interface ExecSession extends LiveSession {
  /** The command's process on the host while it runs; null once it has ended. */
  runningPid(): Promise<number | null>;
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr';
  readonly time: string;
  readonly line: string;
  /** A part of a line that is longer than one may be: the next of its stream is what follows in it. */
  readonly goesOn?: boolean;
}

export interface LogOptions {
  readonly follow?: boolean;
  /** Last lines to begin with. @default all */
  readonly tail?: number;
  /** RFC 3339 */
  readonly since?: string;
  readonly until?: string;
  readonly signal?: AbortSignal;
}

export interface HostEntry {
  readonly address: string;
  readonly names: readonly string[];
  /** What the pod is called in whole: the first of these names is what `hostname -f` says inside. */
  readonly own?: true;
}

/**
 * Pods and their containers. All methods may be called again with the same arguments after an error: `create*` fails
 * with `engine.exists` when the name is taken, `remove*`, `stop` and `kill` succeed when the thing is already gone.
 * An error that is not `engine.exists`, `engine.not-found` or `engine.refused` says nothing about whether the engine acted.
 */
export interface PodEngine {
  facts(): Promise<EngineFacts>;
  /**
   * Everything that carries the instance's label: as many requests for a thousand pods as for one, and beside them at most
   * one for each container whose state is another than at the last look.
   */
  list(): Promise<ObservedPod[]>;
  /** Pods without any container, which `list` cannot show: what an engine leaves that is killed while it removes a pod. */
  listEmptyPods(): Promise<readonly { readonly id: string; readonly name: string }[]>;
  /** Yields when something of the instance may have changed; ends or throws when the engine goes away. */
  watch(signal: AbortSignal): AsyncIterable<void>;
  /** Brings the image here if it is not; the reference carries a digest, and the engine checks it. */
  ensureImage(reference: string, credentials: RegistryCredentials | null, signal: AbortSignal): Promise<LocalImage>;
  /** Makes the pod without starting anything in it; its network is up once `infraId`, an id or a name, was started. */
  createPod(order: PodOrder): Promise<{ readonly id: string; readonly infraId: string }>;
  createContainer(order: ContainerOrder): Promise<string>;
  startContainer(id: string): Promise<void>;
  /** SIGTERM, then SIGKILL when the grace is over. Resolves when it has ended. */
  stopContainer(id: string, graceSeconds: number): Promise<void>;
  removeContainer(id: string): Promise<void>;
  /** Changes what a running container may use, without a restart. */
  resizeContainer(id: string, resources: ResourceSpec): Promise<void>;
  /** What it has written outside of its volumes, as it stands on the disk; nothing for one that is gone. */
  diskUse(id: string): Promise<DiskUse>;
  /** Whether the kernel ended it for want of memory. */
  wasOutOfMemory(id: string): Promise<boolean>;
  /** Ends whatever still runs in it at once and removes it with its containers. */
  removePod(id: string): Promise<void>;
  /** Where the pod is reached; its infra container must run. */
  locatePod(pod: ObservedPod): Promise<PodPlace>;
  /** Replaces what the names mean inside the pod, without a restart. */
  writeHosts(pod: ObservedPod, entries: readonly HostEntry[]): Promise<void>;
  /** Gives the pod's own network namespace a ruleset of nftables (nft(8)): one transaction, so no packet meets half of it. */
  loadRules(pod: ObservedPod, ruleset: string): Promise<void>;
  /** A table of the pod's rules as libnftables-json(5); null when it has none of that name. */
  readTable(pod: ObservedPod, table: string): Promise<string | null>;
}

/** What a container takes on the disk: the layer over its image, and its log with what was kept of it when it was turned over. */
export interface DiskUse {
  readonly layerBytes: number;
  readonly logBytes: number;
}

export interface NetworkEngine {
  /** Gives the host's own address in the network, where the engine says it. */
  ensureNetwork(order: NetworkOrder): Promise<string | null>;
  listNetworks(): Promise<EngineNetwork[]>;
  removeNetwork(name: string): Promise<void>;
}

export interface VolumeEngine {
  ensureVolume(order: VolumeOrder): Promise<EngineVolume>;
  listVolumes(): Promise<EngineVolume[]>;
  /** Destroys the data. Fails with `engine.refused` while a container uses it. */
  removeVolume(name: string): Promise<void>;
}

export interface InsideEngine {
  /** Runs a command to its end; rejects with `engine.timeout` when it does not end in time. */
  exec(containerId: string, command: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<ExecResult>;
  execAttach(order: ExecOrder): Promise<ExecSession>;
  logs(containerId: string, options: LogOptions): AsyncIterable<LogLine>;
  /**
   * A file as it is in the container's file system, running or not; null when there is none. Links are followed inside of
   * it only.
   * @throws Fault engine.refused when it is larger than `maxBytes` or no plain file
   */
  readFile(containerId: string, path: string, maxBytes: number): Promise<Buffer | null>;
  /** Joins the container's first process: all it wrote so far, then what it writes. */
  attach(containerId: string, terminal: boolean): Promise<LiveSession>;
  /** Sends a signal (`INT`) to the container's first process; one that has ended takes none. */
  signal(containerId: string, name: string): Promise<void>;
  /** What each of them uses; one that does not run is left out. */
  stats(containerIds: readonly string[]): Promise<ContainerUse[]>;
  /** The processes inside, as their own names of users and numbers say it. */
  processes(containerId: string): Promise<ProcessTable>;
  /** What differs from the image. */
  changes(containerId: string): Promise<FileChange[]>;
  /** A file or folder as a tar whose entries begin with its last name. @throws Fault engine.not-found */
  readArchive(containerId: string, path: string): Promise<AsyncIterable<Buffer>>;
  /** Unpacks a tar into a folder of the container; links are followed inside of its file system only. */
  writeArchive(containerId: string, folder: string, tar: AsyncIterable<Uint8Array>): Promise<void>;
}

/** Counters since the container's start; null where the host does not count. */
export interface ContainerUse {
  readonly id: string;
  readonly cpuNanos: number;
  readonly memoryBytes: number;
  /** Null: no limit. */
  readonly memoryLimitBytes: number | null;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly processes: number;
}

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

export interface FileChange {
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'removed';
}

export interface ExecOrder {
  readonly containerId: string;
  readonly command: readonly string[];
  readonly terminal: boolean;
  readonly env: Readonly<Record<string, string>>;
  /** Instead of the container's own: `1000`, `1000:100`, `www-data`. */
  readonly user?: string;
  readonly workingDir?: string;
  /** Of its terminal, which the command finds as it begins; a CRI server gives it a moment after. */
  readonly size?: { readonly columns: number; readonly rows: number };
}

export interface ContainerEngine extends PodEngine, NetworkEngine, VolumeEngine, InsideEngine {}
