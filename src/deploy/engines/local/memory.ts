import { PassThrough } from 'node:stream';
import type { Clock } from '../../../system/index.ts';
import { type ResourceSpec, RUNTIME_CLASSES } from '../../model.ts';
import type {
  ContainerEngine,
  ContainerOrder,
  ContainerUse,
  DiskUse,
  EngineFacts,
  EngineNetwork,
  EngineVolume,
  ExecOrder,
  ExecResult,
  ExecSession,
  FileChange,
  HostEntry,
  LiveSession,
  LocalImage,
  LogLine,
  NetworkOrder,
  ObservedContainer,
  ObservedPod,
  OutputPiece,
  PodOrder,
  PodPlace,
  ProcessTable,
  VolumeOrder,
} from './engine.ts';
import { engineFault } from './errors.ts';

/** What happens to one call: it works, it fails without effect, it takes effect but says it failed, or it never answers. */
export type MemoryFate = 'work' | 'fail' | 'fail-after' | 'stall';

export interface MemoryOptions {
  readonly clock: Clock;
  /** Asked before each call. @default every call works */
  readonly fate?: (operation: string) => MemoryFate;
  /** How long a call takes. @default 0 */
  readonly latencyMs?: (operation: string) => number;
  /** What a container does when it is started: run, or end with this code at once. @default runs */
  readonly onStart?: (order: ContainerOrder) => { readonly exitCode: number } | 'run';
}

interface MemoryContainer {
  readonly id: string;
  readonly order: ContainerOrder;
  resources: ResourceSpec;
  state: 'created' | 'running' | 'exited';
  startedAtMs: number | null;
  exitedAtMs: number | null;
  exitCode: number | null;
}

interface MemoryPod {
  readonly id: string;
  readonly order: PodOrder;
  readonly infraId: string;
  readonly createdAtMs: number;
  infraState: 'created' | 'running' | 'exited';
  infraStartedAtMs: number | null;
  readonly address: string;
  hosts: readonly HostEntry[];
  rules: readonly string[];
}

/**
 * An engine without containers, for simulations: it keeps the same promises as a real one, on a clock and with faults
 * that the caller decides. It runs nothing, so commands inside a container answer with what `onExec` says.
 */
export class MemoryEngine implements ContainerEngine {
  readonly #options: MemoryOptions;
  readonly #pods = new Map<string, MemoryPod>();
  readonly #containers = new Map<string, MemoryContainer>();
  readonly #networks = new Map<string, NetworkOrder>();
  readonly #volumes = new Map<string, EngineVolume>();
  readonly #images = new Map<string, LocalImage>();
  readonly #watchers = new Set<() => void>();
  #serial = 0;
  /** How often each operation was asked. */
  readonly calls = new Map<string, number>();

  constructor(options: MemoryOptions) {
    this.#options = options;
  }

  /** Images that neither this engine nor its registry has any more. */
  readonly goneImages = new Set<string>();

  /** Gives an image a USER; any other image runs as 1000. */
  setImageUser(reference: string, user: string): void {
    this.#images.set(reference, { id: `image-${this.#images.size}`, user });
  }

  /** Ends a running container from outside, as a crash or `kill` would. */
  crash(containerId: string, exitCode: number): void {
    const container = this.#containers.get(containerId);
    if (container?.state === 'running') this.#end(container, exitCode);
    this.#tell();
  }

  /** What a reboot leaves: everything is there, nothing runs. */
  reboot(): void {
    for (const container of this.#containers.values()) if (container.state === 'running') this.#end(container, 137);
    for (const pod of this.#pods.values()) if (pod.infraState === 'running') pod.infraState = 'exited';
    this.#tell();
  }

  hostsOf(pod: string): readonly HostEntry[] {
    return this.#podNamed(pod)?.hosts ?? [];
  }

  /** The rulesets that the pod was given, in their order. */
  rulesOf(pod: string): readonly string[] {
    return this.#podNamed(pod)?.rules ?? [];
  }

  orderOf(containerId: string): ContainerOrder | null {
    return this.#containers.get(containerId)?.order ?? null;
  }

  async facts(): Promise<EngineFacts> {
    return {
      name: 'memory',
      version: '1',
      rootless: false,
      cgroupVersion: 2,
      limitsMissing: null,
      rulesMissing: null,
      ipv6Missing: null,
      runtimes: RUNTIME_CLASSES.map((name) => ({ name, handler: name, missing: null })),
    };
  }

  list(): Promise<ObservedPod[]> {
    return this.#call('list', () => this.snapshot());
  }

  /** The truth, without faults. */
  snapshot(): ObservedPod[] {
    return [...this.#pods.values()]
      .map((pod): ObservedPod => {
        const containers = [...this.#containers.values()].filter(({ order }) => order.pod === pod.order.name);
        return {
          id: pod.id,
          name: pod.order.name,
          labels: pod.order.labels,
          createdAtMs: pod.createdAtMs,
          infra: { id: pod.infraId, state: pod.infraState, startedAtMs: pod.infraStartedAtMs },
          containers: containers.map(toObserved),
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async *watch(signal: AbortSignal): AsyncIterable<void> {
    const queue: { wake: (() => void) | null; pending: boolean } = { wake: null, pending: false };
    const watcher = (): void => {
      queue.pending = true;
      queue.wake?.();
    };
    this.#watchers.add(watcher);
    signal.addEventListener('abort', watcher, { once: true });
    try {
      while (!signal.aborted) {
        if (!queue.pending) await new Promise<void>((resolve) => (queue.wake = resolve));
        queue.pending = false;
        if (!signal.aborted) yield;
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  ensureImage(reference: string): Promise<LocalImage> {
    return this.#call('ensureImage', () => {
      if (this.goneImages.has(reference))
        throw engineFault('engine.failed', { operation: `pull ${reference}`, why: 'manifest unknown' });
      const known = this.#images.get(reference);
      if (known !== undefined) return known;
      const image = { id: `image-${this.#images.size}`, user: '1000' };
      this.#images.set(reference, image);
      return image;
    });
  }

  createPod(order: PodOrder): Promise<{ id: string; infraId: string }> {
    return this.#call('createPod', () => {
      const operation = `create pod ${order.name}`;
      if (this.#podNamed(order.name) !== null) throw engineFault('engine.exists', { operation, why: 'already exists' });
      if (!this.#networks.has(order.network))
        throw engineFault('engine.not-found', { operation, why: 'no such network' });
      const serial = ++this.#serial;
      const pod: MemoryPod = {
        id: `pod-${serial}`,
        order,
        infraId: `infra-${serial}`,
        createdAtMs: this.#nowMs(),
        infraState: 'created',
        infraStartedAtMs: null,
        address: `10.0.${serial >> 8}.${serial & 255}`,
        hosts: [],
        rules: [],
      };
      this.#pods.set(pod.id, pod);
      return { id: pod.id, infraId: pod.infraId };
    });
  }

  createContainer(order: ContainerOrder): Promise<string> {
    return this.#call('createContainer', () => {
      const operation = `create container ${order.name}`;
      if (this.#podNamed(order.pod) === null) throw engineFault('engine.not-found', { operation, why: 'no such pod' });
      for (const { order: other } of this.#containers.values()) {
        if (other.name === order.name) throw engineFault('engine.exists', { operation, why: 'already in use' });
      }
      for (const { source } of order.mounts) {
        if (source.kind === 'volume' && !this.#volumes.has(source.volume)) {
          throw engineFault('engine.not-found', { operation, why: 'no such volume' });
        }
      }
      const id = `container-${++this.#serial}`;
      this.#containers.set(id, {
        id,
        order,
        resources: order.resources,
        state: 'created',
        startedAtMs: null,
        exitedAtMs: null,
        exitCode: null,
      });
      return id;
    });
  }

  startContainer(id: string): Promise<void> {
    return this.#call('startContainer', () => {
      const infra = [...this.#pods.values()].find(({ infraId }) => infraId === id);
      if (infra !== undefined) {
        this.#startInfra(infra);
        return;
      }
      const container = this.#containers.get(id);
      if (container === undefined)
        throw engineFault('engine.not-found', { operation: `start ${id}`, why: 'no such container' });
      if (container.state === 'running') return;
      const pod = this.#podNamed(container.order.pod);
      if (pod !== null) this.#startInfra(pod);
      container.state = 'running';
      container.startedAtMs = this.#nowMs();
      container.exitedAtMs = null;
      container.exitCode = null;
      const fate = this.#options.onStart?.(container.order) ?? 'run';
      if (fate !== 'run') this.#end(container, fate.exitCode);
    });
  }

  stopContainer(id: string): Promise<void> {
    return this.#call('stopContainer', () => {
      const container = this.#containers.get(id);
      if (container?.state === 'running') this.#end(container, 143);
      const infra = [...this.#pods.values()].find(({ infraId }) => infraId === id);
      if (infra?.infraState === 'running') infra.infraState = 'exited';
    });
  }

  removeContainer(id: string): Promise<void> {
    return this.#call('removeContainer', () => {
      this.#containers.delete(id);
    });
  }

  resizeContainer(id: string, resources: ResourceSpec): Promise<void> {
    return this.#call('resizeContainer', () => {
      const container = this.#containers.get(id);
      if (container?.state !== 'running')
        throw engineFault('engine.not-found', { operation: `resize ${id}`, why: 'it does not run' });
      container.resources = resources;
    });
  }

  /** What containers have written, and what they have said, by name. */
  readonly layers = new Map<string, number>();
  readonly logSizes = new Map<string, number>();

  diskUse(id: string): Promise<DiskUse> {
    return this.#call('diskUse', () => {
      const name = this.#containers.get(id)?.order.name ?? '';
      return { layerBytes: this.layers.get(name) ?? 0, logBytes: this.logSizes.get(name) ?? 0 };
    });
  }

  wasOutOfMemory(): Promise<boolean> {
    return this.#call('wasOutOfMemory', () => false);
  }

  /** What a container may use now. */
  resourcesOf(containerId: string): ResourceSpec | null {
    return this.#containers.get(containerId)?.resources ?? null;
  }

  removePod(id: string): Promise<void> {
    return this.#call('removePod', () => {
      const pod = this.#pods.get(id) ?? this.#podNamed(id);
      if (pod === null) return;
      this.#pods.delete(pod.id);
      for (const [containerId, { order }] of this.#containers) {
        if (order.pod === pod.order.name) this.#containers.delete(containerId);
      }
    });
  }

  /** Here a pod goes as a whole. */
  listEmptyPods(): Promise<{ id: string; name: string }[]> {
    return this.#call('listEmptyPods', () => []);
  }

  locatePod(observed: ObservedPod): Promise<PodPlace> {
    return this.#call('locatePod', () => {
      const pod = this.#pods.get(observed.id);
      if (pod === undefined) throw engineFault('engine.not-found', { operation: 'locate', why: observed.name });
      const segment = { network: '10.0.0.0/8', gateway: '10.255.255.254' };
      return { address: pod.address, segment, endpoint: (port) => ({ host: pod.address, port }) };
    });
  }

  writeHosts(observed: ObservedPod, entries: readonly HostEntry[]): Promise<void> {
    return this.#call('writeHosts', () => {
      const pod = this.#pods.get(observed.id);
      if (pod === undefined) throw engineFault('engine.not-found', { operation: 'write hosts', why: observed.name });
      pod.hosts = entries;
    });
  }

  loadRules(observed: ObservedPod, ruleset: string): Promise<void> {
    return this.#call('loadRules', () => {
      const pod = this.#pods.get(observed.id);
      if (pod === undefined) throw engineFault('engine.not-found', { operation: 'load rules', why: observed.name });
      pod.rules = [...pod.rules, ruleset];
    });
  }

  readTable(): Promise<string | null> {
    return this.#call('readTable', () => null);
  }

  ensureNetwork(order: NetworkOrder): Promise<string | null> {
    return this.#call('ensureNetwork', () => {
      if (!this.#networks.has(order.name)) this.#networks.set(order.name, order);
      return null;
    });
  }

  listNetworks(): Promise<EngineNetwork[]> {
    return this.#call('listNetworks', () => [...this.#networks.values()].map((one) => ({ ...one, gateway: null })));
  }

  removeNetwork(name: string): Promise<void> {
    return this.#call('removeNetwork', () => {
      const used = [...this.#pods.values()].some(({ order }) => order.network === name);
      if (used) throw engineFault('engine.refused', { operation: `remove network ${name}`, why: 'a pod uses it' });
      this.#networks.delete(name);
    });
  }

  ensureVolume(order: VolumeOrder): Promise<EngineVolume> {
    return this.#call('ensureVolume', () => {
      const known = this.#volumes.get(order.name);
      if (known !== undefined) return known;
      const createdAt = new Date(this.#nowMs()).toISOString();
      const { folder, writers: _, ...rest } = order;
      const volume = { ...rest, path: folder ?? `/memory/${order.name}/_data`, createdAt };
      this.#volumes.set(order.name, volume);
      return volume;
    });
  }

  listVolumes(): Promise<EngineVolume[]> {
    return this.#call('listVolumes', () => [...this.#volumes.values()]);
  }

  removeVolume(name: string): Promise<void> {
    return this.#call('removeVolume', () => {
      for (const { order } of this.#containers.values()) {
        if (order.mounts.some(({ source }) => source.kind === 'volume' && source.volume === name)) {
          throw engineFault('engine.refused', { operation: `remove volume ${name}`, why: 'a container uses it' });
        }
      }
      this.#volumes.delete(name);
    });
  }

  exec(): Promise<ExecResult> {
    return this.#call('exec', () => ({ exitCode: 0, output: '' }));
  }

  async execAttach(_order: ExecOrder): Promise<ExecSession> {
    const stream = new PassThrough();
    return { ...silent(stream), runningPid: async () => null };
  }

  async attach(): Promise<LiveSession> {
    return silent(new PassThrough());
  }

  signal(containerId: string): Promise<void> {
    return this.#call('signal', () => {
      const container = this.#containers.get(containerId);
      if (container?.state === 'running') this.#end(container, 130);
    });
  }

  stats(): Promise<ContainerUse[]> {
    return this.#call('stats', () => []);
  }

  processes(): Promise<ProcessTable> {
    return this.#call('processes', () => ({ titles: ['PID', 'COMMAND'], processes: [] }));
  }

  changes(): Promise<FileChange[]> {
    return this.#call('changes', () => []);
  }

  async readArchive(_containerId: string, path: string): Promise<AsyncIterable<Buffer>> {
    throw engineFault('engine.not-found', { operation: `copy ${path}`, why: 'nothing is kept in memory' });
  }

  async writeArchive(_containerId: string, _folder: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const _chunk of tar);
  }

  /** Images here hold nothing but a passwd with root and `app`. */
  async readFile(_containerId: string, path: string): Promise<Buffer | null> {
    return path === '/etc/passwd' ? Buffer.from('root:x:0:0::/:\napp:x:1000:1000::/:\n') : null;
  }

  async *logs(): AsyncIterable<LogLine> {
    yield* [];
  }

  #podNamed(name: string): MemoryPod | null {
    for (const pod of this.#pods.values()) if (pod.order.name === name) return pod;
    return null;
  }

  #startInfra(pod: MemoryPod): void {
    if (pod.infraState === 'running') return;
    pod.infraState = 'running';
    pod.infraStartedAtMs = this.#nowMs();
  }

  #end(container: MemoryContainer, exitCode: number): void {
    container.state = 'exited';
    container.exitedAtMs = this.#nowMs();
    container.exitCode = exitCode;
  }

  #nowMs(): number {
    return this.#options.clock.now().getTime();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }

  async #call<T>(operation: string, work: () => T): Promise<T> {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    const { fate: decide, latencyMs, clock } = this.#options;
    const fate = decide?.(operation) ?? 'work';
    const waitMs = latencyMs?.(operation) ?? 0;
    if (waitMs > 0) await clock.sleep(waitMs);
    const failure = engineFault('engine.failed', { operation, why: 'the simulation says so' });
    if (fate === 'fail') throw failure;
    if (fate === 'stall') {
      // Real calls give up in the end; so does this one.
      await clock.sleep(STALL_MS);
      throw engineFault('engine.timeout', { operation, seconds: STALL_MS / 1000 });
    }
    const result = work();
    if (!operation.startsWith('list') && operation !== 'locatePod') this.#tell();
    if (fate === 'fail-after') throw failure;
    return result;
  }
}

function silent(stream: PassThrough): LiveSession {
  const output = async function* (): AsyncGenerator<OutputPiece> {
    for await (const bytes of stream as AsyncIterable<Buffer>) yield { stream: 'stdout', bytes };
  };
  return { stream, output: output(), resize: async () => undefined, exitCode: async () => 0 };
}

const STALL_MS = 10_000;

function toObserved(container: MemoryContainer): ObservedContainer {
  return {
    id: container.id,
    name: container.order.name,
    labels: container.order.labels,
    image: container.order.image,
    state: container.state,
    pid: container.state === 'running' ? 1000 : null,
    startedAtMs: container.startedAtMs,
    exitedAtMs: container.exitedAtMs,
    exitCode: container.exitCode,
  };
}
