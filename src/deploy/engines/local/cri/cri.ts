import { readFile, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { outsideNameservers } from '../../../../network/index.ts';
import { Fault, type Text } from '../../../../system/index.ts';
import type { ResourceSpec } from '../../../model.ts';
import { items, objectAt, textAt } from '../answers.ts';
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
  LogOptions,
  NetworkOrder,
  ObservedContainer,
  ObservedPod,
  OutputPiece,
  PodOrder,
  PodPlace,
  ProcessTable,
  RegistryCredentials,
  VolumeOrder,
} from '../engine.ts';
import { engineFault } from '../errors.ts';
import { formatHosts } from '../hosts.ts';
import { resizer } from '../inside.ts';
import { LABEL } from '../labels.ts';
import {
  ACTION_TIMEOUT_MS,
  LIST_BYTES_MAX,
  LIST_TIMEOUT_MS,
  PROBE_OUTPUT_BYTES_MAX,
  PULL_TIMEOUT_MS,
} from '../limits.ts';
import { PodRules, rulesMissing } from '../pod-rules.ts';
import type { TightenSeccomp } from '../podman.ts';
import { knownRuntimes } from '../runtimes.ts';
import { readUsage } from '../usage.ts';
import { archiveInside } from './archive.ts';
import { type Channels, openChannels } from './channels.ts';
import { CriClient } from './grpc.ts';
import { joinedScreen, readAll } from './joined-screen.ts';
import { logBytes, readLog, turnLog } from './logs.ts';
import {
  type CONTAINER_CONFIG,
  CONTAINER_STATES,
  NAMESPACE,
  PROFILE_TYPE,
  type RESOURCES,
  type RUNTIME,
  SANDBOX_READY,
} from './messages.ts';
import { enteredSince, isInside, networkUse, pidsInside, processesOf, readInside, segmentOf } from './proc.ts';
import type { Draft, Message } from './protobuf.ts';
import { CriShelf, type SandboxConfig } from './shelf.ts';

/** Annotations of containers: what the platform must know again later and a CRI server has no field for. */
const NOTE = { volumes: 'darsena.volumes', stopSignal: 'darsena.stop-signal' } as const;

/**
 * What the kubelet hides and protects in each container that is not privileged: a CRI server hides nothing by itself
 * (k8s.io/kubernetes, pkg/securitycontext, defaultMaskedPaths).
 */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Without events the server is asked so often: a crash is seen within it. */
const POLL_MS = 1_000;
/** Logs are looked after this often, and turned over when they have grown too long. */
const LOGS_EVERY_MS = 30_000;
/** Between two looks at a container that is to end. */
const STOP_LOOK_MS = 50;
/** How long somebody who joins a container waits for its start. */
const JOIN_MS = 60_000;
/** How long after the end of its stream a container may take to have ended. */
const JOIN_END_MS = 2_000;

export interface CriOptions {
  readonly socketPath: string;
  readonly instance: string;
  /** A folder of root's for what the server does not keep: volumes, hosts files, logs. */
  readonly folder: string;
  /** Where the host keeps the filters that workloads may name. @default /etc/darsena/seccomp */
  readonly seccompFolder?: string;
  readonly tightenSeccomp?: TightenSeccomp;
}

type Status = NonNullable<Message<(typeof RUNTIME)['ContainerStatus'][1]>['status']>;

/** What a container's own status adds to its line in the list; asked once for each of its states. */
interface Inspected {
  readonly state: number;
  readonly pid: number | null;
  readonly status: Status;
}

interface Placed {
  readonly pid: number;
  readonly address: string;
  readonly segment: PodPlace['segment'];
}

/**
 * A server of the Container Runtime Interface, version v1 (containerd, CRI-O), in the kubelet's place: pods are its
 * sandboxes, and its one network is shared by all of them, so that environments are kept apart by the rules inside pods.
 * What the interface has no word for is refused with that reason.
 */
export class CriEngine implements ContainerEngine {
  readonly #client: CriClient;
  readonly #shelf: CriShelf;
  readonly #options: CriOptions;
  readonly #inspected = new Map<string, Inspected>();
  readonly #places = new Map<string, Placed>();
  readonly #rules = new PodRules(false);
  #sandboxes: ReadonlySet<string> = new Set();
  #facts: EngineFacts | null = null;
  #gateway: string | null = null;

  constructor(options: CriOptions) {
    this.#options = options;
    this.#client = new CriClient(options.socketPath);
    this.#shelf = new CriShelf(options.folder);
  }

  close(): void {
    this.#client.close();
    this.#rules.close();
  }

  async facts(): Promise<EngineFacts> {
    if (this.#facts !== null) return this.#facts;
    const asking = { operation: 'status', timeoutMs: LIST_TIMEOUT_MS };
    const version = await this.#client.ask('Version', { version: 'v1' }, asking);
    const { info, status } = await this.#client.ask('Status', { verbose: true }, asking);
    for (const { type, status: isMet, message } of status?.conditions ?? []) {
      if (!isMet && (type === 'RuntimeReady' || type === 'NetworkReady'))
        throw engineFault('engine.unavailable', { socket: this.#options.socketPath, why: `${type}: ${message}` });
    }
    const config = parsed(info['config']);
    this.#gateway = gatewayOf(parsed(info['cniconfig']));
    const isUnified = await stat('/sys/fs/cgroup/cgroup.controllers').then(
      () => true,
      () => false,
    );
    const handlers = Object.keys(objectAt(objectAt(config, 'containerd'), 'runtimes'));
    this.#facts = {
      name: version.runtimeName,
      version: version.runtimeVersion,
      rootless: false,
      cgroupVersion: isUnified ? 2 : 1,
      limitsMissing: objectAt({ config }, 'config')['disableCgroup'] === true ? NO_CGROUPS : null,
      rulesMissing: await rulesMissing(),
      ipv6Missing: CRI_FAMILIES,
      securityModules: await securityModules(config),
      runtimes: knownRuntimes(handlers),
      lacks: LACKS,
    };
    return this.#facts;
  }

  /** The folder of `hosts.toml` files, as containerd says of itself; null when it has none, or is another server. */
  async registryFolder(): Promise<string | null> {
    const asking = { operation: 'status', timeoutMs: LIST_TIMEOUT_MS };
    const { info } = await this.#client.ask('Status', { verbose: true }, asking);
    return textAt(objectAt(parsed(info['config']), 'registry'), 'configPath') || null;
  }

  /** Removes images whose every name begins so, and none that a container runs from. Gives how many. */
  async removeImages(prefix: string): Promise<number> {
    const asking = { operation: 'images', timeoutMs: ACTION_TIMEOUT_MS, maxBytes: LIST_BYTES_MAX };
    const { images } = await this.#client.ask('ListImages', {}, asking);
    const { containers } = await this.#client.ask('ListContainers', {}, asking);
    const used = new Set(containers.flatMap(({ imageRef, image }) => [imageRef, image?.image ?? '']));
    let removed = 0;
    for (const { id, tags, digests } of images) {
      const names = [...tags, ...digests];
      const isOurs = names.length > 0 && names.every((name) => name.startsWith(prefix));
      if (!isOurs || [id, ...names].some((name) => used.has(name))) continue;
      await this.#client.ask('RemoveImage', { image: { image: id } }, asking).catch(goneIsFine);
      removed += 1;
    }
    return removed;
  }

  async list(): Promise<ObservedPod[]> {
    const asking = { operation: 'list', timeoutMs: LIST_TIMEOUT_MS, maxBytes: LIST_BYTES_MAX };
    const labels = { [LABEL.instance]: this.#options.instance };
    const [{ items }, { containers }] = await Promise.all([
      this.#client.ask('ListPodSandbox', { filter: { labels } }, asking),
      this.#client.ask('ListContainers', { filter: { labels } }, asking),
    ]);
    this.#sandboxes = new Set(items.map(({ id }) => id));
    const ids = new Set(containers.map(({ id }) => id));
    for (const id of this.#inspected.keys()) if (!ids.has(id)) this.#inspected.delete(id);
    const observed = await Promise.all(
      containers.map(async (one) => ({ sandbox: one.sandboxId, container: await this.#observe(one) })),
    );
    return items
      .map(({ id, metadata, state, createdAt, labels: own }): ObservedPod => {
        const createdAtMs = toMs(createdAt) ?? 0;
        const infraState = state === SANDBOX_READY ? 'running' : 'exited';
        return {
          id,
          name: metadata?.name ?? '',
          labels: own,
          createdAtMs,
          infra: { id, state: infraState, startedAtMs: createdAtMs },
          containers: observed.flatMap(({ sandbox, container }) =>
            sandbox === id && container !== null ? [container] : [],
          ),
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** `list` shows sandboxes without containers as well; here are folders whose sandbox is gone. */
  async listEmptyPods(): Promise<{ id: string; name: string }[]> {
    // The folders first: one that is made meanwhile is not among them.
    const pods = await this.#shelf.pods();
    const names = new Set((await this.list()).map(({ name }) => name));
    return pods.filter((pod) => !names.has(pod)).map((pod) => ({ id: pod, name: pod }));
  }

  async *watch(signal: AbortSignal): AsyncIterable<void> {
    const asking = { operation: 'events', timeoutMs: Number.POSITIVE_INFINITY, signal };
    const turning = this.#turnLogs(signal);
    try {
      for await (const _ of this.#client.follow('GetContainerEvents', {}, asking)) yield;
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'engine.refused') throw error;
      yield* this.#poll(signal);
    } finally {
      await turning.end();
    }
  }

  async ensureImage(
    reference: string,
    credentials: RegistryCredentials | null,
    signal: AbortSignal,
  ): Promise<LocalImage> {
    const known = await this.#findImage(reference);
    if (known !== null) return known;
    await this.#client.ask(
      'PullImage',
      {
        image: { image: reference },
        ...(credentials === null
          ? {}
          : {
              auth: {
                username: credentials.username,
                password: credentials.password,
                // Named, they are sent there and nowhere else, wherever the image's name leads.
                serverAddress: `https://${credentials.address}`,
              },
            }),
      },
      { operation: `pull ${reference}`, timeoutMs: PULL_TIMEOUT_MS, signal },
    );
    const pulled = await this.#findImage(reference);
    if (pulled === null)
      throw engineFault('engine.not-found', { operation: `pull ${reference}`, why: 'nothing was pulled' });
    return pulled;
  }

  async createPod(order: PodOrder): Promise<{ id: string; infraId: string }> {
    const operation = `create pod ${order.name}`;
    if (order.userNamespace) throw this.#lacks(operation, 'userNamespace');
    if ((await this.#findSandboxes(order.name)).length > 0)
      throw engineFault('engine.exists', { operation, why: 'a sandbox has it' });
    const { network, runtime } = order;
    if (!(await this.#shelf.networks()).some(({ name }) => name === network))
      throw engineFault('engine.not-found', { operation, why: 'no such network' });
    const config: SandboxConfig = {
      metadata: { name: order.name, uid: order.name, namespace: this.#options.instance, attempt: 0 },
      hostname: order.hostname,
      logDirectory: this.#shelf.logFolder(order.name),
      labels: order.labels,
      ...dnsOf(order),
      linux: {
        securityContext: {
          namespaces: namespaces(order.shareProcesses === true),
          seccomp: { type: PROFILE_TYPE.runtimeDefault },
        },
        ...(order.sysctls === undefined ? {} : { sysctls: order.sysctls }),
      },
    };
    await this.#shelf.keepPod(order.name, { config, network });
    const { runtimes } = await this.facts();
    const runtimeHandler = runtimes.find(({ name }) => name === runtime)?.handler ?? '';
    try {
      const { sandboxId } = await this.#client.ask(
        'RunPodSandbox',
        { config, runtimeHandler },
        { operation, timeoutMs: ACTION_TIMEOUT_MS },
      );
      this.#sandboxes = new Set([...this.#sandboxes, sandboxId]);
      return { id: sandboxId, infraId: sandboxId };
    } catch (error) {
      // What the server made nevertheless is in its list and keeps its folder.
      if ((await this.#findSandboxes(order.name)).length === 0) await this.#shelf.removePod(order.name);
      throw error;
    }
  }

  async createContainer(order: ContainerOrder): Promise<string> {
    const operation = `create container ${order.name}`;
    if (order.ulimits !== undefined) throw this.#lacks(operation, 'ulimits');
    const [sandbox] = await this.#findSandboxes(order.pod);
    const kept = await this.#shelf.pod(order.pod);
    if (sandbox === undefined || kept === null)
      throw engineFault('engine.not-found', { operation, why: 'no such pod' });
    const config = await this.#containerConfig(order, kept.config);
    const { containerId } = await this.#client.ask(
      'CreateContainer',
      { sandboxId: sandbox, config, sandboxConfig: kept.config },
      { operation, timeoutMs: ACTION_TIMEOUT_MS },
    );
    return containerId;
  }

  async startContainer(id: string): Promise<void> {
    // A sandbox has its network from its making on.
    if (this.#sandboxes.has(id)) return;
    try {
      await this.#client.ask(
        'StartContainer',
        { containerId: id },
        { operation: `start ${id.slice(0, 12)}`, timeoutMs: ACTION_TIMEOUT_MS },
      );
    } catch (error) {
      if (error instanceof Fault && (await this.#inspect(id))?.status.state === RUNNING) return;
      throw error;
    }
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    const operation = `stop ${id.slice(0, 12)}`;
    if (this.#sandboxes.has(id)) {
      await this.#client
        .ask('StopPodSandbox', { sandboxId: id }, { operation, timeoutMs: ACTION_TIMEOUT_MS })
        .catch(goneIsFine);
      return;
    }
    let leftSeconds = graceSeconds;
    const own = graceSeconds > 0 ? (await this.#inspect(id))?.status.annotations[NOTE.stopSignal] : undefined;
    if (own !== undefined) {
      // The interface has no word for another signal than the image's: it is sent from here.
      await this.signal(id, own.replace(/^SIG/, ''));
      if (await this.#endsWithin(id, graceSeconds * 1000)) return;
      leftSeconds = 0;
    }
    await this.#client
      .ask(
        'StopContainer',
        { containerId: id, timeout: BigInt(leftSeconds) },
        { operation, timeoutMs: graceSeconds * 1000 + ACTION_TIMEOUT_MS },
      )
      .catch(goneIsFine);
  }

  async removeContainer(id: string): Promise<void> {
    await this.stopContainer(id, 0);
    await this.#client
      .ask(
        'RemoveContainer',
        { containerId: id },
        { operation: `remove ${id.slice(0, 12)}`, timeoutMs: ACTION_TIMEOUT_MS },
      )
      .catch(goneIsFine);
    this.#inspected.delete(id);
  }

  async resizeContainer(id: string, resources: ResourceSpec): Promise<void> {
    const operation = `resize ${id.slice(0, 12)}`;
    const { limitsMissing } = await this.facts();
    if (limitsMissing !== null) throw engineFault('engine.refused', { operation, why: limitsMissing.en });
    await this.#client.ask(
      'UpdateContainerResources',
      { containerId: id, linux: resourcesOf(resources) },
      { operation, timeoutMs: ACTION_TIMEOUT_MS },
    );
  }

  async diskUse(id: string): Promise<DiskUse> {
    try {
      const { stats } = await this.#client.ask(
        'ContainerStats',
        { containerId: id },
        { operation: `measure ${id.slice(0, 12)}`, timeoutMs: ACTION_TIMEOUT_MS },
      );
      const log = (await this.#inspect(id))?.status.logPath ?? '';
      return {
        layerBytes: Number(stats?.writableLayer?.usedBytes?.value ?? 0),
        logBytes: log === '' ? 0 : await logBytes(log),
      };
    } catch (error) {
      if (error instanceof Fault && error.code === 'engine.not-found') return { layerBytes: 0, logBytes: 0 };
      throw error;
    }
  }

  async wasOutOfMemory(id: string): Promise<boolean> {
    return (await this.#inspect(id))?.status.reason === 'OOMKilled';
  }

  async removePod(id: string): Promise<void> {
    const asking = { operation: `remove pod ${id.slice(0, 40)}`, timeoutMs: ACTION_TIMEOUT_MS };
    const { items } = await this.#client.ask(
      'ListPodSandbox',
      { filter: { labels: { [LABEL.instance]: this.#options.instance } } },
      { ...asking, maxBytes: LIST_BYTES_MAX },
    );
    // One that was only begun has a folder and no sandbox.
    const named = new Set((await this.#shelf.pods()).filter((pod) => pod === id));
    for (const { id: sandboxId, metadata } of items) {
      if (sandboxId !== id && metadata?.name !== id) continue;
      await this.#client.ask('StopPodSandbox', { sandboxId }, asking).catch(goneIsFine);
      await this.#client.ask('RemovePodSandbox', { sandboxId }, asking).catch(goneIsFine);
      this.#places.delete(sandboxId);
      if (metadata !== null) named.add(metadata.name);
    }
    for (const pod of named) await this.#shelf.removePod(pod);
  }

  async locatePod(pod: ObservedPod): Promise<PodPlace> {
    const { address, segment } = await this.#place(pod);
    return { address, segment, endpoint: (port) => ({ host: address, port }) };
  }

  async writeHosts(pod: ObservedPod, entries: readonly HostEntry[]): Promise<void> {
    const { address } = await this.#place(pod);
    const hostname = (await this.#shelf.pod(pod.name))?.config.hostname ?? pod.name;
    await this.#shelf.writeHosts(pod.name, formatHosts(address, hostname, entries));
  }

  async loadRules(pod: ObservedPod, ruleset: string): Promise<void> {
    const { rulesMissing: missing } = await this.facts();
    if (missing !== null) throw engineFault('engine.refused', { operation: 'load rules', why: missing.en });
    const { pid } = await this.#place(pod);
    const { code, stderr } = await this.#rules.run(pid, { load: ruleset });
    if (code !== 0) throw engineFault('engine.failed', { operation: 'load rules', why: stderr.slice(0, 300) });
  }

  async readTable(pod: ObservedPod, table: string): Promise<string | null> {
    const { pid } = await this.#place(pod);
    const { code, stdout, stderr } = await this.#rules.run(pid, { list: table });
    if (code === 0) return stdout;
    if (stderr.includes('No such file or directory')) return null;
    throw engineFault('engine.failed', { operation: 'read rules', why: stderr.slice(0, 300) });
  }

  async ensureNetwork(order: NetworkOrder): Promise<string | null> {
    await this.facts();
    await this.#shelf.ensureNetwork(order);
    return this.#gateway;
  }

  async listNetworks(): Promise<EngineNetwork[]> {
    await this.facts();
    const gateway = this.#gateway;
    return (await this.#shelf.networks()).map((network) => ({ ...network, gateway }));
  }

  async removeNetwork(name: string): Promise<void> {
    const pods = await this.#shelf.podsIn(name);
    if (pods.length > 0)
      throw engineFault('engine.refused', { operation: `remove network ${name}`, why: `${pods[0]} uses it` });
    await this.#shelf.removeNetwork(name);
  }

  ensureVolume(order: VolumeOrder): Promise<EngineVolume> {
    return this.#shelf.ensureVolume(order, new Date());
  }

  listVolumes(): Promise<EngineVolume[]> {
    return this.#shelf.volumes();
  }

  async removeVolume(name: string): Promise<void> {
    const { containers } = await this.#client.ask(
      'ListContainers',
      { filter: { labels: { [LABEL.instance]: this.#options.instance } } },
      { operation: 'list', timeoutMs: LIST_TIMEOUT_MS, maxBytes: LIST_BYTES_MAX },
    );
    const user = containers.find(({ annotations }) => (annotations[NOTE.volumes] ?? '').split(',').includes(name));
    if (user !== undefined)
      throw engineFault('engine.refused', {
        operation: `remove volume ${name}`,
        why: `${user.metadata?.name} uses it`,
      });
    await this.#shelf.removeVolume(name);
  }

  async exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    // The server counts whole seconds; the exact limit is kept on the way to it.
    const { stdout, stderr, exitCode } = await this.#client.ask(
      'ExecSync',
      { containerId, command, timeout: BigInt(Math.ceil(timeoutMs / 1000)) },
      { operation: 'exec', timeoutMs, signal, maxBytes: EXEC_BYTES_MAX },
    );
    const output = Buffer.concat([stdout, stderr]).subarray(0, PROBE_OUTPUT_BYTES_MAX).toString('utf8');
    return { exitCode, output };
  }

  async execAttach(order: ExecOrder): Promise<ExecSession> {
    const { containerId, command, terminal } = order;
    const operation = `exec in ${containerId.slice(0, 12)}`;
    const { TERM: _term, ...env } = order.env;
    if (order.user !== undefined || order.workingDir !== undefined || Object.keys(env).length > 0)
      throw this.#lacks(operation, 'execOptions');
    const before = new Set(await pidsInside(containerId));
    const { url } = await this.#client.ask(
      'Exec',
      { containerId, command, tty: terminal, stdin: true, stdout: true, stderr: !terminal },
      { operation, timeoutMs: ACTION_TIMEOUT_MS },
    );
    const channels = await openChannels(url, operation);
    const resize = resizerOf(channels);
    if (order.size !== undefined) await resize(order.size.columns, order.size.rows);
    return {
      stream: channels.stream,
      output: channels.output,
      resize,
      exitCode: async () => channels.exitCode(),
      runningPid: async () => (channels.hasResult() ? null : await enteredSince(containerId, before, command)),
    };
  }

  async *logs(containerId: string, options: LogOptions): AsyncIterable<LogLine> {
    const found = await this.#inspect(containerId);
    if (found === null)
      throw engineFault('engine.not-found', { operation: `logs of ${containerId.slice(0, 12)}`, why: 'it is gone' });
    yield* readLog(found.status.logPath, options, async () => {
      const now = await this.#inspect(containerId);
      return now === null || now.status.state >= EXITED;
    });
  }

  async readFile(containerId: string, path: string, maxBytes: number): Promise<Buffer | null> {
    return await readInside(await this.#runningPid(containerId, `read ${path}`), path, maxBytes);
  }

  async attach(containerId: string, terminal: boolean): Promise<LiveSession> {
    const operation = `attach to ${containerId.slice(0, 12)}`;
    // It closes when nobody listens any more, not when there is no more input.
    const input = new PassThrough({ autoDestroy: false });
    const stop = new AbortController();
    input.once('close', () => stop.abort());
    let size: readonly [number, number] | null = null;
    let resize: LiveSession['resize'] | null = null;
    // What has not begun cannot be joined yet: whoever joins is let in as soon as it runs.
    const join = async (): Promise<Awaited<ReturnType<typeof openChannels>> | null> => {
      const untilMs = performance.now() + JOIN_MS;
      for (;;) {
        const state = (await this.#inspect(containerId))?.status.state ?? EXITED;
        if (state >= EXITED) return null;
        if (state === RUNNING) break;
        if (performance.now() > untilMs) throw engineFault('engine.timeout', { operation, seconds: JOIN_MS / 1000 });
        await delay(STOP_LOOK_MS, undefined, { signal: stop.signal });
      }
      // Without a terminal the log is read: a server would stand still over output that nobody takes.
      const asked = { containerId, stdin: true, tty: terminal, stdout: terminal, stderr: false };
      try {
        const { url } = await this.#client.ask('Attach', asked, { operation, timeoutMs: ACTION_TIMEOUT_MS });
        return await openChannels(url, operation);
      } catch (error) {
        // It may have ended meanwhile.
        if (await isOver()) return null;
        throw error;
      }
    };
    const isOver = (): Promise<boolean> => this.#endsWithin(containerId, JOIN_END_MS);
    const log = (follow: boolean): AsyncIterable<OutputPiece> =>
      asPieces(this.logs(containerId, { follow, signal: stop.signal }), terminal ? '\r\n' : '\n');
    async function* output(): AsyncGenerator<OutputPiece> {
      const unheard = terminal ? (await readAll(log(false))).length : 0;
      const channels = await join();
      if (channels === null) {
        input.resume();
        yield* log(true);
        return;
      }
      input.pipe(channels.stream);
      resize = resizerOf(channels);
      if (size !== null) await resize(...size);
      if (terminal) {
        yield* joinedScreen(channels.output, log, isOver, unheard);
        return;
      }
      // The log has all of it from the first byte on, also what was written before anybody joined.
      try {
        yield* log(true);
      } finally {
        channels.close();
      }
    }
    return {
      stream: input,
      output: output(),
      resize: async (columns, rows) => {
        size = [columns, rows];
        await resize?.(columns, rows);
      },
      exitCode: async () => {
        await this.#endsWithin(containerId, ACTION_TIMEOUT_MS);
        const found = await this.#inspect(containerId);
        if (found === null) throw engineFault('engine.not-found', { operation, why: 'it is gone' });
        return found.status.exitCode;
      },
    };
  }

  async signal(containerId: string, name: string): Promise<void> {
    const pid = (await this.#inspect(containerId))?.pid ?? null;
    const number = constants.signals[`SIG${name}` as NodeJS.Signals];
    if (pid === null || number === undefined || !(await isInside(pid, containerId))) return;
    try {
      process.kill(pid, number);
    } catch (error) {
      // It ended meanwhile, and takes none.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  async stats(containerIds: readonly string[]): Promise<ContainerUse[]> {
    const found = await Promise.all(
      containerIds.map(async (id): Promise<ContainerUse[]> => {
        const pid = (await this.#inspect(id))?.pid ?? null;
        const usage = await readUsage({ id, pid });
        if (pid === null || usage === null) return [];
        const network = await networkUse(pid);
        return [
          {
            id,
            cpuNanos: usage.cpuNanoseconds,
            memoryBytes: usage.memoryBytes,
            memoryLimitBytes: usage.memoryLimitBytes,
            receivedBytes: network.received,
            sentBytes: network.sent,
            // Block devices are not counted a container everywhere.
            readBytes: 0,
            writtenBytes: 0,
            processes: (await pidsInside(id)).length,
          },
        ];
      }),
    );
    return found.flat();
  }

  processes(containerId: string): Promise<ProcessTable> {
    return processesOf(containerId);
  }

  async changes(containerId: string): Promise<FileChange[]> {
    throw this.#lacks(`changes of ${containerId.slice(0, 12)}`, 'changes');
  }

  async readArchive(containerId: string, path: string): Promise<AsyncIterable<Buffer>> {
    return await archiveInside(await this.#runningPid(containerId, `copy ${path}`), path);
  }

  async writeArchive(_containerId: string, folder: string, _tar: AsyncIterable<Uint8Array>): Promise<void> {
    throw this.#lacks(`copy to ${folder}`, 'copyIn');
  }

  #lacks(operation: string, what: keyof typeof LACKS): Fault {
    return engineFault('engine.lacks', { operation, why: LACKS[what].en, porque: LACKS[what].es });
  }

  async *#poll(signal: AbortSignal): AsyncGenerator<void> {
    let seen = '';
    const labels = { [LABEL.instance]: this.#options.instance };
    const asking = { operation: 'list', timeoutMs: LIST_TIMEOUT_MS, maxBytes: LIST_BYTES_MAX, signal };
    while (!signal.aborted) {
      const [{ items }, { containers }] = await Promise.all([
        this.#client.ask('ListPodSandbox', { filter: { labels } }, asking),
        this.#client.ask('ListContainers', { filter: { labels } }, asking),
      ]);
      const now = [...items, ...containers]
        .map(({ id, state }) => `${id} ${state}`)
        .sort()
        .join();
      if (now !== seen) yield;
      seen = now;
      await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Keeps logs short for as long as somebody watches. */
  #turnLogs(signal: AbortSignal): { end(): Promise<void> } {
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const turning = (async () => {
      while (!both.aborted) {
        await delay(LOGS_EVERY_MS, undefined, { signal: both, ref: false }).catch(() => undefined);
        for (const [containerId, { state, status }] of both.aborted ? [] : this.#inspected) {
          if (state !== RUNNING || status.logPath === '') continue;
          // One that cannot be turned over now, as its container ends, is looked at again, and keeps no other waiting.
          await turnLog(status.logPath, async () => {
            const asking = { operation: 'turn log', timeoutMs: LIST_TIMEOUT_MS };
            await this.#client.ask('ReopenContainerLog', { containerId }, asking).catch(goneIsFine);
          }).catch(() => undefined);
        }
      }
    })();
    return {
      async end() {
        stop.abort();
        await turning;
      },
    };
  }

  async #observe(one: Listed): Promise<ObservedContainer | null> {
    const { id, metadata, labels, image, state } = one;
    const known = this.#inspected.get(id);
    const found = known?.state === state ? known : await this.#inspect(id);
    // It went between the list and the question.
    if (found === null) return null;
    const { status, pid } = found;
    const name = CONTAINER_STATES[status.state] ?? 'unknown';
    return {
      id,
      name: metadata?.name ?? '',
      labels,
      image: image?.image ?? '',
      state: name,
      pid: name === 'running' ? pid : null,
      startedAtMs: toMs(status.startedAt),
      exitedAtMs: toMs(status.finishedAt),
      exitCode: name === 'exited' ? status.exitCode : null,
    };
  }

  /** Null: there is none of that id. */
  async #inspect(containerId: string): Promise<Inspected | null> {
    try {
      const { status, info } = await this.#client.ask(
        'ContainerStatus',
        { containerId, verbose: true },
        { operation: `status of ${containerId.slice(0, 12)}`, timeoutMs: LIST_TIMEOUT_MS },
      );
      if (status === null) return null;
      const pid = Number(objectAt({ info: parsed(info['info']) }, 'info')['pid'] ?? 0);
      const found = { state: status.state, pid: pid > 1 ? pid : null, status };
      this.#inspected.set(containerId, found);
      return found;
    } catch (error) {
      if (error instanceof Fault && error.code === 'engine.not-found') return null;
      throw error;
    }
  }

  async #runningPid(containerId: string, operation: string): Promise<number> {
    const pid = (await this.#inspect(containerId))?.pid ?? null;
    if (pid === null || !(await isInside(pid, containerId))) throw this.#lacks(operation, 'filesAtRest');
    return pid;
  }

  async #endsWithin(containerId: string, ms: number): Promise<boolean> {
    for (const untilMs = performance.now() + ms; ; ) {
      const found = await this.#inspect(containerId);
      if (found === null || found.status.state >= EXITED) return true;
      if (performance.now() > untilMs) return false;
      await delay(STOP_LOOK_MS);
    }
  }

  async #findSandboxes(name: string): Promise<string[]> {
    const { items } = await this.#client.ask(
      'ListPodSandbox',
      { filter: { labels: { [LABEL.instance]: this.#options.instance } } },
      { operation: `find ${name}`, timeoutMs: LIST_TIMEOUT_MS, maxBytes: LIST_BYTES_MAX },
    );
    return items.filter(({ metadata }) => metadata?.name === name).map(({ id }) => id);
  }

  async #findImage(reference: string): Promise<LocalImage | null> {
    const { image, info } = await this.#client.ask(
      'ImageStatus',
      { image: { image: reference }, verbose: true },
      { operation: `image ${reference}`, timeoutMs: LIST_TIMEOUT_MS },
    );
    if (image === null || image.id === '') return null;
    const uid = image.uid === null ? '' : String(image.uid.value);
    // What every implementation tells of an image's own configuration stands in its details alone.
    const config = objectAt(objectAt(parsed(info['info']), 'imageSpec'), 'config');
    const workingDir = typeof config['WorkingDir'] === 'string' ? config['WorkingDir'] : '';
    return { id: image.id, user: image.username === '' ? uid : image.username, workingDir };
  }

  async #place(pod: ObservedPod): Promise<Placed> {
    const known = this.#places.get(pod.id);
    if (known !== undefined) return known;
    const operation = `locate ${pod.name}`;
    const { status, info } = await this.#client.ask(
      'PodSandboxStatus',
      { sandboxId: pod.id, verbose: true },
      { operation, timeoutMs: LIST_TIMEOUT_MS },
    );
    const address = status?.network?.ip ?? '';
    const pid = Number(objectAt({ info: parsed(info['info']) }, 'info')['pid'] ?? 0);
    if (status?.state !== SANDBOX_READY || address === '' || pid <= 1)
      throw engineFault('engine.refused', { operation, why: 'its network is not up' });
    const segment = await segmentOf(pid);
    const placed = { pid, address, segment: segment === null ? null : { ...segment, shared: true as const } };
    this.#places.set(pod.id, placed);
    return placed;
  }

  async #containerConfig(order: ContainerOrder, sandbox: SandboxConfig): Promise<Draft<typeof CONTAINER_CONFIG>> {
    const { security } = order;
    const mounts = await Promise.all(order.mounts.map((mount) => this.#mountOf(order, mount)));
    const volumes = order.mounts.flatMap(({ source }) => (source.kind === 'volume' ? [source.volume] : []));
    for (const volume of volumes) await this.#shelf.giveTo(volume, await this.#ownerOf(order));
    const shares = sandbox.linux?.securityContext?.namespaces?.pid === NAMESPACE.pod;
    return {
      metadata: { name: order.name, attempt: 0 },
      image: { image: order.image },
      ...(order.command === null ? {} : { command: order.command }),
      ...(order.args === null ? {} : { args: order.args }),
      ...(order.workingDir === null ? {} : { workingDir: order.workingDir }),
      envs: Object.entries(order.env).map(([key, value]) => ({ key, value })),
      mounts: [
        ...mounts,
        { containerPath: '/etc/hosts', hostPath: this.#shelf.hostsPath(order.pod), readonly: false, propagation: 0 },
      ],
      labels: order.labels,
      annotations: {
        ...(volumes.length === 0 ? {} : { [NOTE.volumes]: volumes.join(',') }),
        ...(order.stopSignal === undefined ? {} : { [NOTE.stopSignal]: order.stopSignal }),
      },
      logPath: `${order.name}.log`,
      stdin: order.stdin === true,
      tty: order.terminal === true,
      linux: {
        resources: (await this.facts()).limitsMissing === null ? resourcesOf(order.resources) : {},
        securityContext: {
          capabilities: { add: security.capabilitiesAdd, drop: security.capabilitiesDrop },
          namespaces:
            order.processesOf === undefined
              ? namespaces(shares)
              : { ...namespaces(false), pid: NAMESPACE.target, targetId: order.processesOf },
          ...(security.seLinux === undefined ? {} : { seLinux: seLinuxOf(security.seLinux) }),
          ...(security.runAsUser === null ? {} : { runAsUser: { value: BigInt(security.runAsUser) } }),
          ...(security.runAsGroup === null || security.runAsUser === null
            ? {}
            : { runAsGroup: { value: BigInt(security.runAsGroup) } }),
          readonlyRootfs: security.readOnlyRootFilesystem,
          supplementalGroups: (security.supplementalGroups ?? []).map(BigInt),
          noNewPrivs: !security.allowPrivilegeEscalation,
          maskedPaths: MASKED_PATHS,
          readonlyPaths: READONLY_PATHS,
          seccomp: await this.#seccompOf(order, security.seccompProfile),
          ...(security.appArmorProfile === undefined
            ? {}
            : { apparmor: { type: PROFILE_TYPE.localhost, reference: security.appArmorProfile } }),
        },
      },
    };
  }

  /** Null: the image says a name, which only its own passwd knows. */
  async #ownerOf({ image, security }: ContainerOrder): Promise<{ uid: number; gid: number } | null> {
    const user = security.runAsUser ?? (await this.#findImage(image))?.user ?? '';
    if (!/^\d{0,10}$/.test(String(user))) return null;
    return { uid: Number(user), gid: security.runAsGroup ?? Number(user) };
  }

  /** Which containers have a volume mounted. */
  async volumeUsers(): Promise<ReadonlyMap<string, readonly { readonly id: string; readonly running: boolean }[]>> {
    const { containers } = await this.#client.ask(
      'ListContainers',
      { filter: { labels: { [LABEL.instance]: this.#options.instance } } },
      { operation: 'list', timeoutMs: LIST_TIMEOUT_MS, maxBytes: LIST_BYTES_MAX },
    );
    const users = new Map<string, { id: string; running: boolean }[]>();
    for (const { id, state, annotations } of containers) {
      for (const volume of (annotations[NOTE.volumes] ?? '').split(',').filter(Boolean))
        users.set(volume, [...(users.get(volume) ?? []), { id, running: state === RUNNING }]);
    }
    return users;
  }

  async #mountOf(
    order: ContainerOrder,
    mount: ContainerOrder['mounts'][number],
  ): Promise<{ containerPath: string; hostPath: string; readonly: boolean; propagation: number }> {
    const { source } = mount;
    const operation = `create container ${order.name}`;
    const common = { containerPath: mount.path, readonly: mount.readOnly, propagation: 0 };
    if (source.kind === 'folder') return { ...common, hostPath: source.path };
    if (source.kind === 'memory') throw engineFault('engine.refused', { operation, why: 'memory is a folder by now' });
    const volume = await this.#shelf.volume(source.volume);
    if (volume === null) throw engineFault('engine.not-found', { operation, why: `no such volume: ${source.volume}` });
    return { ...common, hostPath: volume.path };
  }

  /** The server's own filter, unless the workload names one of the host's or the host is to be tighter. */
  async #seccompOf(order: ContainerOrder, name: string | undefined): Promise<{ type: number; reference?: string }> {
    let own: string | null = null;
    if (name !== undefined) {
      own = join(this.#options.seccompFolder ?? '/etc/darsena/seccomp', name);
      const found = await stat(own).catch(() => null);
      if (found?.isFile() !== true) {
        const what = { en: `the seccomp profile ${own}`, es: `el perfil de seccomp ${own}` };
        throw engineFault('deploy.host-lacks', { pod: order.pod, what });
      }
    }
    const path = (await this.#options.tightenSeccomp?.(own, order.security.calls ?? null)) ?? own;
    return path === null ? { type: PROFILE_TYPE.runtimeDefault } : { type: PROFILE_TYPE.localhost, reference: path };
  }
}

type Listed = Message<(typeof RUNTIME)['ListContainers'][1]>['containers'][number];

const RUNNING = CONTAINER_STATES.indexOf('running');
/** From here on it does not run any more. */
const EXITED = CONTAINER_STATES.indexOf('exited');

/** Servers give at most 16 MB of each stream (api.proto, ExecSyncResponse). */
const EXEC_BYTES_MAX = 33 * 1024 * 1024;

/** What people may ask of a host and the interface has no word for. */
const LACKS = {
  pause: {
    en: 'the Container Runtime Interface cannot pause a container',
    es: 'la interfaz CRI no puede pausar un contenedor',
  },
  evidence: {
    en: 'evidence is taken from a paused container, and the Container Runtime Interface cannot pause one',
    es: 'las evidencias se toman de un contenedor en pausa, y la interfaz CRI no puede pausarlo',
  },
  drill: {
    en: 'drills run in a container of Podman’s',
    es: 'los simulacros se ejecutan en un contenedor de Podman',
  },
  changes: {
    en: 'the Container Runtime Interface does not tell what differs from the image',
    es: 'la interfaz CRI no dice qué difiere de la imagen',
  },
  copyIn: {
    en: 'the Container Runtime Interface cannot write files into a container',
    es: 'la interfaz CRI no puede escribir archivos en un contenedor',
  },
  filesAtRest: {
    en: 'the Container Runtime Interface shows no files of a container that does not run',
    es: 'la interfaz CRI no muestra archivos de un contenedor que no está en marcha',
  },
  execOptions: {
    en: 'the Container Runtime Interface runs commands as the container’s own user, in its folder, with its variables',
    es: 'la interfaz CRI ejecuta órdenes con el usuario, la carpeta y las variables propios del contenedor',
  },
  ulimits: {
    en: 'the Container Runtime Interface has no limits of processes (ulimits): they are those that its server is started with',
    es: 'la interfaz CRI no tiene límites de procesos (ulimits): son los que tenga su servidor al iniciarse',
  },
  userNamespace: {
    en: 'user namespaces of pods are not asked of CRI servers yet',
    es: 'los espacios de nombres de usuario de los pods aún no se piden a servidores CRI',
  },
} as const satisfies Record<string, Text>;

const CRI_FAMILIES: Text = {
  en: 'of the addresses that the network of a CRI server gives, the IPv4 one is used',
  es: 'de las direcciones que da la red de un servidor CRI se usa la IPv4',
};

const NO_CGROUPS: Text = {
  en: 'limits of memory and processor are not enforced here: the CRI server is configured without control groups',
  es: 'los límites de memoria y procesador no se aplican aquí: el servidor CRI está configurado sin grupos de control',
};

/** A server forgets a size that comes before its task began: it is said again as to Podman. */
function resizerOf(channels: Channels): LiveSession['resize'] {
  return resizer(channels.stream, async (columns, rows) => {
    channels.resize(columns, rows);
    return true;
  });
}

function goneIsFine(error: unknown): void {
  if (!(error instanceof Fault) || error.code !== 'engine.not-found') throw error;
}

function namespaces(sharesProcesses: boolean): { network: number; pid: number; ipc: number } {
  const pid = sharesProcesses ? NAMESPACE.pod : NAMESPACE.container;
  return { network: NAMESPACE.pod, pid, ipc: NAMESPACE.pod };
}

function dnsOf({ dns, resolver }: PodOrder): Pick<SandboxConfig, 'dns'> {
  // The pod's own resolver first; the host's after it, for when the agent is away (resolv.conf(5) takes three).
  const own = resolver === null ? [] : [resolver, ...outsideNameservers()].slice(0, 3);
  const servers = dns === undefined || dns.servers.length === 0 ? own : dns.servers;
  if (dns === undefined) return servers.length === 0 ? {} : { dns: { servers } };
  return { dns: { servers, searches: dns.searches, options: dns.options } };
}

function seLinuxOf(label: NonNullable<ContainerOrder['security']['seLinux']>): Record<string, string> {
  return Object.fromEntries(Object.entries(label).filter((part): part is [string, string] => part[1] !== null));
}

/** CPU limits become a quota of a 100 ms period, requests become shares (1024 a core), as the kubelet does. */
function resourcesOf(resources: ResourceSpec): Draft<typeof RESOURCES> {
  const { cpuLimitMillis, cpuRequestMillis, memoryLimitBytes } = resources;
  return {
    ...(cpuLimitMillis === null ? {} : { cpuPeriod: 100_000n, cpuQuota: BigInt(Math.max(1000, cpuLimitMillis * 100)) }),
    ...(cpuRequestMillis === null
      ? {}
      : { cpuShares: BigInt(Math.max(2, Math.floor((cpuRequestMillis * 1024) / 1000))) }),
    ...(memoryLimitBytes === null ? {} : { memoryLimit: BigInt(memoryLimitBytes) }),
  };
}

/** Nanoseconds since 1970; zero means never. */
function toMs(nanos: bigint): number | null {
  return nanos <= 0n ? null : Number(nanos / 1_000_000n);
}

/** What servers add in a word of their own: JSON, of which nothing may be counted on. */
function parsed(text: string | undefined): unknown {
  try {
    return text === undefined ? null : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * The host's own address in the one network of a CRI server, as its CNI configuration says it: the bridge's gateway, or
 * the first address of its range. Null when it says none (cni.dev, plugins "bridge" and "host-local").
 */
function gatewayOf(cni: unknown): string | null {
  for (const network of items(objectAt({ cni }, 'cni')['Networks'])) {
    const source = parsed(textAt(objectAt(network, 'Config'), 'Source') ?? undefined);
    for (const plugin of items(objectAt({ source }, 'source')['plugins'])) {
      if (textAt(plugin, 'type') !== 'bridge') continue;
      const ipam = objectAt(plugin, 'ipam');
      const range = items((ipam['ranges'] as unknown[] | undefined)?.[0])[0] ?? ipam;
      const gateway = textAt(range, 'gateway');
      if (gateway !== null) return gateway;
      const subnet = /^(\d+\.\d+\.\d+)\.(\d+)\/\d+$/.exec(textAt(range, 'subnet') ?? '');
      if (subnet !== null) return `${subnet[1]}.${Number(subnet[2]) + 1}`;
    }
  }
  return null;
}

async function securityModules(config: unknown): Promise<('apparmor' | 'selinux')[]> {
  const said = objectAt({ config }, 'config');
  const enabled = await readFile('/sys/module/apparmor/parameters/enabled', 'utf8').catch(() => 'N');
  return [
    ...(enabled.startsWith('Y') && said['disableApparmor'] !== true ? (['apparmor'] as const) : []),
    ...(said['enableSelinux'] === true ? (['selinux'] as const) : []),
  ];
}

/** @param end of a line, of which a log keeps that there was one */
async function* asPieces(lines: AsyncIterable<LogLine>, end: string): AsyncGenerator<OutputPiece> {
  for await (const { stream, line, goesOn } of lines)
    yield { stream, bytes: Buffer.from(goesOn === true ? line : `${line}${end}`) };
}
