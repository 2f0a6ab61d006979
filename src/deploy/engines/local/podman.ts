import { open, stat } from 'node:fs/promises';
import { isIPv4, isIPv6 } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { FormatError, readTar } from '../../../formats/index.ts';
import { outsideNameservers, type PodPlaceSix } from '../../../network/index.ts';
import { Fault, type Text } from '../../../system/index.ts';
import type { ResourceSpec, SecuritySpec } from '../../model.ts';
import type { Ulimits } from '../../ulimits.ts';
import { type Answer, items, numberAt, objectAt, textAt } from './answers.ts';
import type {
  ContainerEngine,
  ContainerOrder,
  ContainerState,
  ContainerUse,
  DiskUse,
  Endpoint,
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
  PodOrder,
  PodPlace,
  ProcessTable,
  RegistryCredentials,
  VolumeOrder,
} from './engine.ts';
import { engineFault } from './errors.ts';
import { demultiplex } from './frames.ts';
import { ipv6Missing } from './host-ipv6.ts';
import { wholeUlimits } from './host-ulimits.ts';
import { formatHosts } from './hosts.ts';
import {
  attachTo,
  fillArchive,
  openArchive,
  outputOf,
  readChanges,
  readProcesses,
  readStats,
  resizer,
} from './inside.ts';
import { refuseKernelWay } from './kernel-ways.ts';
import { LABEL, LABEL_PREFIX, OBEYED_ANNOTATION } from './labels.ts';
import { Lanes } from './lanes.ts';
import { LibpodClient } from './libpod.ts';
import {
  ACTION_TIMEOUT_MS,
  FACTS_TIMEOUT_MS,
  LIST_BYTES_MAX,
  LIST_TIMEOUT_MS,
  LOG_LINE_BYTES_MAX,
  PROBE_OUTPUT_BYTES_MAX,
  PULL_TIMEOUT_MS,
} from './limits.ts';
import { removePodCgroups } from './pod-cgroups.ts';
import { PodRules, type RulesAct, rulesMissing } from './pod-rules.ts';
import { isHalfMade, requireTun, TUN } from './rootless-network.ts';
import { findRuntimes } from './runtimes.ts';
import { readUsage, readUseOfProcesses } from './usage.ts';
import { fileBytes, openToAll } from './volume-folders.ts';

/** Bytes of a container's log before it is turned over; the previous file is dropped by the k8s-file driver. */
const LOG_BYTES_MAX = 10 * 1024 * 1024;

/** Events that say nothing about whether a pod runs: probes by exec would otherwise wake the reconciler each time. */
const SILENT_EVENTS: ReadonlySet<string> = new Set([
  'exec',
  'exec_died',
  'init',
  'attach',
  'cleanup',
  'mount',
  'unmount',
  'pull',
]);

const STATES: Readonly<Record<string, ContainerState>> = {
  configured: 'created',
  created: 'created',
  initialized: 'created',
  running: 'running',
  stopping: 'running',
  paused: 'paused',
  exited: 'exited',
  stopped: 'exited',
};

/** @param calls to which the container is narrowed; null: it is not */
export type TightenSeccomp = (
  profile: string | null,
  calls: NonNullable<SecuritySpec['calls']> | null,
) => Promise<string | null>;

export interface PodmanOptions {
  readonly socketPath: string;
  readonly instance: string;
  /** Where the host keeps the filters that workloads may name. @default /etc/darsena/seccomp */
  readonly seccompFolder?: string;
  /** A tighter filter in place of the one that a container would have (null: the engine's own). Null: as it is. */
  readonly tightenSeccomp?: TightenSeccomp;
  /** Podman 4 takes no run-time for one container: the socket of a service all of whose containers have this one. */
  readonly serviceOf?: (runtime: string) => Promise<string>;
  /** Takes away the namespace of an ordinary account's bridges that Podman made by half; no pod is in it. */
  readonly dropHalfNetwork?: () => Promise<void>;
  /** What an ordinary account's pods reach their network by. @default /dev/net/tun */
  readonly tun?: string;
}

/**
 * What containers cannot share when each has a kernel of its own is refused: the run-time would leave it out in silence.
 * @throws Fault engine.lacks
 */
function refuseSharing(runtime: string | undefined, processes: boolean, users: boolean, name: string): void {
  if (runtime !== 'runsc' && runtime !== 'kata') return;
  if (!processes && !users) return;
  const what = processes
    ? { en: 'see processes of another', es: 'ver procesos de otro' }
    : { en: 'have a user namespace from the engine', es: 'tener un espacio de usuarios del motor' };
  throw engineFault('engine.lacks', {
    operation: `create ${name}`,
    why: `with ${runtime} below Podman each container has a kernel of its own and cannot ${what.en}`,
    porque: `con ${runtime} bajo Podman cada contenedor tiene su propio núcleo y no puede ${what.es}`,
  });
}

/** Its API has a container's own run-time since Podman 5. */
function takesRuntime(version: string | null): boolean {
  return Number.parseInt(version ?? '', 10) >= 5;
}

/** Some hundred bytes each; more pods than a host runs. */
const RUNNING_KNOWN_MAX = 5_000;

/**
 * Podman 4.x and 5.x through the libpod REST API. Podman's own restart policy stays `no`: conmon keeps each container
 * running when the agent, control or the Podman service ends, and the reconciler alone decides what is started again.
 */
export class PodmanEngine implements ContainerEngine {
  readonly #client: LibpodClient;
  readonly #instance: string;
  readonly #seccompFolder: string;
  readonly #tightenSeccomp: TightenSeccomp;
  readonly #inspected = new Map<string, InfraFacts>();
  readonly #images = new Map<string, FoundImage>();
  /** The process and the folder of containers that commands were run in. */
  readonly #running = new Map<string, { readonly pid: number; readonly folder: string }>();
  readonly #serviceOf: PodmanOptions['serviceOf'];
  /** By run-time: where its containers are made. */
  readonly #makers = new Map<string, LibpodClient>();
  readonly #dropHalfNetwork: PodmanOptions['dropHalfNetwork'];
  readonly #tun: string;
  readonly #mending = new Lanes(1);
  #facts: Promise<EngineFacts> | null = null;
  #rules: PodRules | null = null;

  constructor(options: PodmanOptions) {
    this.#client = new LibpodClient(options.socketPath);
    this.#instance = options.instance;
    this.#seccompFolder = options.seccompFolder ?? '/etc/darsena/seccomp';
    this.#tightenSeccomp = options.tightenSeccomp ?? (async () => null);
    this.#serviceOf = options.serviceOf;
    this.#dropHalfNetwork = options.dropHalfNetwork;
    this.#tun = options.tun ?? TUN;
  }

  close(): void {
    for (const client of [this.#client, ...this.#makers.values()]) client.close();
    this.#rules?.close();
    this.#rules = null;
  }

  /** Asked once, however many pods begin together: Podman asks the package manager about itself for this answer. */
  async facts(): Promise<EngineFacts> {
    this.#facts ??= this.#readFacts().catch((error: unknown) => {
      this.#facts = null;
      throw error;
    });
    return await this.#facts;
  }

  async #readFacts(): Promise<EngineFacts> {
    const { json } = await this.#client.ask('GET', '/info', { operation: 'info', timeoutMs: FACTS_TIMEOUT_MS });
    const host = objectAt(json, 'host');
    const rootless = objectAt(host, 'security')['rootless'] === true;
    const cgroupVersion = textAt(host, 'cgroupVersion') === 'v2' ? 2 : 1;
    const controllers = Array.isArray(host['cgroupControllers']) ? host['cgroupControllers'].map(String) : [];
    const hasGroups = !rootless || (cgroupVersion === 2 && textAt(host, 'cgroupManager') === 'systemd');
    const missingLimits = limitsMissing({ hasGroups, cgroupVersion, controllers });
    return {
      name: 'podman',
      version: textAt(objectAt(json, 'version'), 'Version') ?? 'unknown',
      rootless,
      cgroupVersion,
      limitsMissing: missingLimits,
      rulesMissing: await rulesMissing(),
      ipv6Missing: rootless ? ROOTLESS_IPV4 : await ipv6Missing(),
      runtimes: await findRuntimes({
        ...{ cgroupVersion, rootless, standard: textAt(objectAt(host, 'ociRuntime'), 'name') ?? '' },
        takesAnother: takesRuntime(textAt(objectAt(json, 'version'), 'Version')) || this.#serviceOf !== undefined,
      }),
      ...(cgroupVersion === 2 && hasGroups
        ? {}
        : {
            lacks: {
              ...(cgroupVersion === 2 ? {} : UNTOLD),
              ...(hasGroups ? {} : cgroupVersion === 2 ? UNPAUSED_2 : UNPAUSED),
            },
          }),
      securityModules: [
        ...(objectAt(host, 'security')['apparmorEnabled'] === true ? (['apparmor'] as const) : []),
        ...(objectAt(host, 'security')['selinuxEnabled'] === true ? (['selinux'] as const) : []),
      ],
    };
  }

  async list(): Promise<ObservedPod[]> {
    const { json } = await this.#client.ask('GET', `/containers/json?all=true&filters=${this.#ownFilter()}`, {
      operation: 'list',
      timeoutMs: LIST_TIMEOUT_MS,
      maxBytes: LIST_BYTES_MAX,
    });
    return groupPods(items(json));
  }

  async listEmptyPods(): Promise<{ id: string; name: string }[]> {
    const { json } = await this.#client.ask('GET', `/pods/json?filters=${this.#ownFilter()}`, {
      operation: 'list pods',
      timeoutMs: LIST_TIMEOUT_MS,
      maxBytes: LIST_BYTES_MAX,
    });
    return items(json)
      .filter((pod) => items(pod['Containers']).length === 0)
      .map((pod) => ({ id: textAt(pod, 'Id') ?? '', name: textAt(pod, 'Name') ?? '' }));
  }

  async *watch(signal: AbortSignal): AsyncIterable<void> {
    const stream = await this.#client.stream('GET', `/events?stream=true&filters=${this.#ownFilter()}`, {
      operation: 'events',
      timeoutMs: Number.POSITIVE_INFINITY,
      signal,
    });
    for await (const line of linesOf(stream)) {
      const action = textAt(parseLine(line), 'Action') ?? '';
      if (!SILENT_EVENTS.has(action)) yield;
    }
  }

  async ensureImage(
    reference: string,
    credentials: RegistryCredentials | null,
    signal: AbortSignal,
  ): Promise<LocalImage> {
    const known = this.#images.get(reference) ?? (await this.#findImage(reference));
    if (known !== null) {
      this.#images.set(reference, known);
      return known;
    }
    const stream = await this.#client.stream(
      'POST',
      `/images/pull?quiet=true&reference=${encodeURIComponent(reference)}`,
      {
        operation: `pull ${reference}`,
        timeoutMs: PULL_TIMEOUT_MS,
        signal,
        // The token travels in a header over the unix socket; it is in no argument list and no file.
        ...(credentials === null ? {} : { headers: { 'X-Registry-Auth': registryAuth(credentials) } }),
      },
    );
    for await (const line of linesOf(stream)) {
      const error = textAt(parseLine(line), 'error');
      if (error) throw engineFault('engine.failed', { operation: `pull ${reference}`, why: error.slice(0, 500) });
    }
    const pulled = await this.#findImage(reference);
    if (pulled === null) {
      throw engineFault('engine.not-found', { operation: `pull ${reference}`, why: 'Podman pulled nothing' });
    }
    this.#images.set(reference, pulled);
    return pulled;
  }

  async createPod(order: PodOrder): Promise<{ id: string; infraId: string }> {
    const { rootless } = await this.facts();
    refuseSharing(order.runtime, order.shareProcesses === true, order.userNamespace === true, order.name);
    if (rootless) await requireTun(this.#tun, `create pod ${order.name}`);
    // Named by us, it can be spoken of without asking for its id.
    const infraName = `${order.name}-infra`;
    // What was known belongs to a pod of before that had this name.
    this.#inspected.delete(order.name);
    const { json } = await this.#client.ask('POST', '/pods/create', {
      operation: `create pod ${order.name}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      body: {
        name: order.name,
        hostname: order.hostname,
        infra_name: infraName,
        labels: order.labels,
        netns: { nsmode: 'bridge' },
        Networks: { [order.network]: {} },
        shared_namespaces: ['net', 'ipc', 'uts', ...(order.shareProcesses ? ['pid'] : [])],
        ...(order.userNamespace ? { userns: { nsmode: 'auto' } } : {}),
        ...(order.sysctls === undefined ? {} : { sysctl: order.sysctls }),
        // Servers of its own are asked instead of ours; names of services are in its hosts file all the same.
        ...(order.resolver === null ? {} : { dns_server: nameserversOf(order.resolver) }),
        ...(order.dns === undefined || order.dns.servers.length === 0 ? {} : { dns_server: order.dns.servers }),
        ...(order.dns === undefined ? {} : { dns_search: order.dns.searches, dns_option: order.dns.options }),
        ...(rootless
          ? {
              portmappings: order.ports.map(({ port, protocol }) => ({
                container_port: port,
                host_ip: '127.0.0.1',
                protocol: protocol.toLowerCase(),
              })),
            }
          : {}),
      },
    });
    const id = textAt(json, 'Id');
    if (id === null)
      throw engineFault('engine.answer-invalid', { operation: `create pod ${order.name}`, why: 'no Id' });
    return { id, infraId: infraName };
  }

  async createContainer(order: ContainerOrder): Promise<string> {
    try {
      return await this.#createContainer(order);
    } catch (error) {
      // Its image may have been removed behind our back, which Podman tells as a failure of its own: the next try looks for it
      // again, and brings it.
      this.#images.delete(order.image);
      throw error;
    }
  }

  async #createContainer(order: ContainerOrder): Promise<string> {
    const facts = await this.facts();
    const { security } = order;
    refuseSharing(order.runtime, order.processesOf !== undefined, order.userNamespace === true, order.name);
    const labels = { ...(await this.#emptiedLabels(order)), ...order.labels };
    const maker = await this.#makerOf(order.runtime);
    // A kernel of its own knows the pod's host name only when it is told.
    const named =
      order.runtime === 'runsc' ? { utsns: { nsmode: 'private' }, hostname: await this.#hostnameOf(order.pod) } : {};
    const { status, json } = await maker.ask('POST', '/containers/create', {
      accept: [404],
      operation: `create container ${order.name}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      body: {
        name: order.name,
        pod: order.pod,
        image: order.image,
        labels,
        ...(order.command === null ? {} : { entrypoint: order.command }),
        ...(order.args === null ? {} : { command: order.args }),
        ...(order.workingDir === null ? {} : { work_dir: order.workingDir }),
        ...(security.runAsUser === null ? {} : { user: userText(security.runAsUser, security.runAsGroup) }),
        env: order.env,
        httpproxy: false,
        restart_policy: 'no',
        cap_add: security.capabilitiesAdd,
        cap_drop: security.capabilitiesDrop,
        ...(security.supplementalGroups === undefined ? {} : { groups: security.supplementalGroups.map(String) }),
        ...(await this.#seccompOf(order, security.seccompProfile)),
        ...(security.appArmorProfile === undefined ? {} : { apparmor_profile: security.appArmorProfile }),
        ...(security.seLinux === undefined ? {} : { selinux_opts: seLinuxOptions(security.seLinux) }),
        ...(order.stopSignal === undefined ? {} : { stop_signal: signalNumber(order.stopSignal) }),
        ...(order.stdin ? { stdin: true } : {}),
        ...(order.terminal ? { terminal: true } : {}),
        ...(order.ulimits === undefined ? {} : { r_limits: resourceBounds(await wholeUlimits(order.ulimits)) }),
        ...(order.runtime === undefined ? {} : { oci_runtime: order.runtime }),
        ...named,
        ...(order.processesOf === undefined ? {} : { pidns: { nsmode: 'container', value: order.processesOf } }),
        no_new_privileges: !security.allowPrivilegeEscalation,
        read_only_filesystem: security.readOnlyRootFilesystem,
        // An image's VOLUME would become an unnamed volume that nobody owns or removes.
        image_volume_mode: 'ignore',
        log_configuration: { driver: 'k8s-file', size: LOG_BYTES_MAX },
        systemd: 'false',
        mounts: order.mounts.flatMap((mount) =>
          mount.source.kind === 'folder'
            ? [
                {
                  type: 'bind',
                  source: mount.source.path,
                  destination: mount.path,
                  options: [
                    'rbind',
                    mount.readOnly ? 'ro' : 'rw',
                    'nosuid',
                    'nodev',
                    ...(order.userNamespace ? ['U'] : []),
                  ],
                },
              ]
            : [],
        ),
        volumes: order.mounts.flatMap((mount) =>
          mount.source.kind === 'volume'
            ? [
                {
                  Name: mount.source.volume,
                  Dest: mount.path,
                  Options: [mount.readOnly ? 'ro' : 'rw', 'nocopy', ...(order.userNamespace ? ['U'] : [])],
                },
              ]
            : [],
        ),
        ...(facts.limitsMissing === null ? { resource_limits: resourceLimits(order.resources) } : {}),
      },
    });
    if (status === 404) {
      const why = textAt(json, 'message') ?? 'the image or the pod is gone';
      throw engineFault('engine.not-found', { operation: `create container ${order.name}`, why });
    }
    const id = textAt(json, 'Id');
    if (id === null)
      throw engineFault('engine.answer-invalid', { operation: `create container ${order.name}`, why: 'no Id' });
    if (order.runtime !== undefined) await this.#requireRuntime(id, order.runtime);
    return id;
  }

  /**
   * What Podman does from outside, with the host's kernel, sees nothing of a program that runs in gVisor's.
   * @throws Fault engine.lacks
   */
  async #refuseOwnKernel(id: string, operation: string): Promise<void> {
    const { json } = await this.#client.ask('GET', `/containers/${id}/json`, {
      operation,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
    if (textAt(json, 'OCIRuntime') !== 'runsc' || objectAt(json, 'State')['Running'] !== true) return;
    throw engineFault('engine.lacks', {
      operation,
      why: 'gVisor keeps files, processes and limits of a running container to itself; darsena exec works inside',
      porque:
        'gVisor guarda para sí archivos, procesos y límites de un contenedor en marcha; dentro funciona darsena exec',
    });
  }

  /**
   * Where a command begins: said, or the container's own folder, which it may have turned into a link since it began.
   * @throws Fault engine.refused
   */
  async #checkWorkingDir(id: string, said: string | undefined): Promise<void> {
    const operation = `exec in ${id.slice(0, 12)}`;
    const known = this.#running.get(id);
    try {
      const { pid, folder } = known ?? (await this.#placeOf(id, operation));
      if (pid !== 0) await refuseKernelWay(`/proc/${pid}/root`, said ?? folder, operation);
    } catch (error) {
      this.#running.delete(id);
      // The process that was known has ended; Podman itself says what became of the container.
      if (known === undefined || !['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? ''))
        throw error;
    }
  }

  /** One inspect in the life of a container: it is started once, and neither changes. */
  async #placeOf(id: string, operation: string): Promise<{ readonly pid: number; readonly folder: string }> {
    const { json } = await this.#client.ask('GET', `/containers/${id}/json`, { operation, timeoutMs: LIST_TIMEOUT_MS });
    // Where the kernel is the container's own, no descriptor of the host's is in it.
    const { OCIRuntime: runtime } = json as { OCIRuntime?: unknown };
    const pid = runtime === 'runsc' || runtime === 'kata' ? 0 : (numberAt(objectAt(json, 'State'), 'Pid') ?? 0);
    const place = { pid, folder: textAt(objectAt(json, 'Config'), 'WorkingDir') || '/' };
    if (this.#running.size >= RUNNING_KNOWN_MAX) this.#running.clear();
    if (pid !== 0) this.#running.set(id, place);
    return place;
  }

  async #hostnameOf(pod: string): Promise<string> {
    const operation = `inspect ${pod}`;
    const { json } = await this.#client.ask('GET', `/containers/${pod}-infra/json`, {
      operation,
      timeoutMs: LIST_TIMEOUT_MS,
    });
    const name = textAt(objectAt(json, 'Config'), 'Hostname');
    if (name === null) throw engineFault('engine.answer-invalid', { operation, why: 'no Hostname' });
    return name;
  }

  /** Who makes containers with this run-time; once made, each of them is Podman's whoever asks. */
  async #makerOf(runtime: string | undefined): Promise<LibpodClient> {
    const { version } = await this.facts();
    if (runtime === undefined || this.#serviceOf === undefined || takesRuntime(version)) return this.#client;
    const socketPath = await this.#serviceOf(runtime);
    const known = this.#makers.get(runtime);
    if (known !== undefined) return known;
    const client = new LibpodClient(socketPath);
    this.#makers.set(runtime, client);
    return client;
  }

  /** A version whose API does not know the field leaves it out in silence: what was asked for is looked up. */
  async #requireRuntime(id: string, runtime: string): Promise<void> {
    const operation = `create container with ${runtime}`;
    const { json } = await this.#client.ask('GET', `/containers/${id}/json`, {
      operation,
      timeoutMs: ACTION_TIMEOUT_MS,
    });
    const made = textAt(json, 'OCIRuntime');
    if (made === runtime) return;
    await this.removeContainer(id);
    throw engineFault('engine.refused', { operation, why: `Podman made it with ${made}` });
  }

  async startContainer(id: string): Promise<void> {
    try {
      await this.#start(id);
    } catch (error) {
      const drop = this.#dropHalfNetwork;
      if (drop === undefined || !isHalfMade(error)) throw error;
      // One at a time, and never what another has made whole meanwhile.
      await this.#mending.run(() =>
        this.#start(id).catch(async (again: unknown) => {
          if (!isHalfMade(again)) throw again;
          await drop();
          await this.#start(id);
        }),
      );
    }
  }

  async #start(id: string): Promise<void> {
    const operation = `start ${/^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id}`;
    if ((await this.facts()).rootless) await requireTun(this.#tun, operation);
    await this.#client.ask('POST', `/containers/${id}/start`, {
      operation,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [304],
    });
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    await this.#client.ask('POST', `/containers/${id}/stop?timeout=${graceSeconds}`, {
      operation: `stop ${id.slice(0, 12)}`,
      timeoutMs: graceSeconds * 1000 + ACTION_TIMEOUT_MS,
      accept: [304, 404],
    });
  }

  async removeContainer(id: string): Promise<void> {
    await this.#client.ask('DELETE', `/containers/${id}?force=true&timeout=0&v=true`, {
      operation: `remove ${id.slice(0, 12)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
  }

  async resizeContainer(id: string, resources: ResourceSpec): Promise<void> {
    const { limitsMissing } = await this.facts();
    const operation = `resize ${id.slice(0, 12)}`;
    if (limitsMissing !== null) throw engineFault('engine.refused', { operation, why: limitsMissing.en });
    await this.#refuseOwnKernel(id, operation);
    const answer = await this.#client.stream('POST', `/containers/${id}/update`, {
      operation,
      timeoutMs: ACTION_TIMEOUT_MS,
      body: resourceLimits(resources, true),
    });
    // The bare id, which is no JSON; that it was cut short changes nothing.
    answer.on('error', () => answer.destroy()).resume();
  }

  async diskUse(id: string): Promise<DiskUse> {
    const { json } = await this.#client.ask('GET', `/containers/${id}/json?size=true`, {
      operation: `measure ${id.slice(0, 12)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
    const size = (json as { SizeRw?: unknown } | null)?.SizeRw;
    // The log is turned over in place: there is never more of it than this one file.
    const log = textAt(objectAt(objectAt(json, 'HostConfig'), 'LogConfig'), 'Path');
    return {
      layerBytes: typeof size === 'number' && size > 0 ? size : 0,
      logBytes: log === null || log === '' ? 0 : await fileBytes(log),
    };
  }

  async wasOutOfMemory(id: string): Promise<boolean> {
    const { json } = await this.#client.ask('GET', `/containers/${id}/json`, {
      operation: `inspect ${id.slice(0, 12)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
    const state = (json as { State?: { OOMKilled?: unknown } } | null)?.State;
    return state?.OOMKilled === true;
  }

  async removePod(id: string): Promise<void> {
    await this.#client.ask('DELETE', `/pods/${id}?force=true&timeout=0`, {
      operation: `remove pod ${id.slice(0, 40)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
    for (const [name, { podId }] of this.#inspected) if (name === id || podId === id) this.#inspected.delete(name);
    await removePodCgroups(id);
  }

  async locatePod(pod: ObservedPod): Promise<PodPlace> {
    const infra = await this.#infra(pod);
    const { rootless } = await this.facts();
    return {
      address: infra.address,
      segment: infra.segment,
      endpoint: (port) => {
        if (!rootless) return { host: infra.address, port };
        const published = infra.published.get(port);
        return published === undefined ? null : { ...published, inside: { pid: infra.pid, port } };
      },
    };
  }

  async writeHosts(pod: ObservedPod, entries: readonly HostEntry[]): Promise<void> {
    const infra = await this.#infra(pod);
    const text = Buffer.from(formatHosts(infra.address, infra.hostname, entries));
    // The containers have this very inode bind-mounted, so it is rewritten and never replaced. New bytes go in by one
    // write before the old tail is cut off: a reader in between sees whole lines, at worst some old ones.
    const file = await open(infra.hostsPath, 'r+');
    try {
      await file.write(text, 0, text.length, 0);
      await file.truncate(text.length);
    } finally {
      await file.close();
    }
  }

  async loadRules(pod: ObservedPod, ruleset: string): Promise<void> {
    const { rulesMissing } = await this.facts();
    if (rulesMissing !== null) throw engineFault('engine.refused', { operation: 'load rules', why: rulesMissing.en });
    const done = await this.#nft(pod, { load: ruleset });
    if (done.code !== 0) {
      throw engineFault('engine.failed', { operation: 'load rules', why: done.stderr.slice(0, 300) });
    }
  }

  async readTable(pod: ObservedPod, table: string): Promise<string | null> {
    const done = await this.#nft(pod, { list: table });
    if (done.code === 0) return done.stdout;
    if (done.stderr.includes('No such file or directory')) return null;
    throw engineFault('engine.failed', { operation: 'read rules', why: done.stderr.slice(0, 300) });
  }

  /** Runs nft inside the pod's network namespace, with the rights that its owner has there. */
  async #nft(pod: ObservedPod, act: RulesAct): ReturnType<PodRules['run']> {
    const infra = await this.#infra(pod);
    const { rootless } = await this.facts();
    this.#rules ??= new PodRules(rootless);
    return await this.#rules.run(infra.pid, act);
  }

  async ensureNetwork(order: NetworkOrder): Promise<string | null> {
    const path = `/networks/${order.name}/json`;
    const options = { operation: `network ${order.name}`, timeoutMs: LIST_TIMEOUT_MS };
    const known = await this.#client.ask('GET', path, { ...options, accept: [404] });
    if (known.status !== 404) return gatewayOf(known.json);
    const made = await this.#client.ask('POST', '/networks/create', {
      operation: `create network ${order.name}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [409],
      body: {
        name: order.name,
        driver: 'bridge',
        network_interface: order.bridge,
        dns_enabled: false,
        ipv6_enabled: !(await this.facts()).rootless && (await ipv6Missing()) === null,
        labels: order.labels,
      },
    });
    return gatewayOf(made.status === 409 ? (await this.#client.ask('GET', path, options)).json : made.json);
  }

  async listNetworks(): Promise<EngineNetwork[]> {
    const { json } = await this.#client.ask('GET', `/networks/json?filters=${this.#ownFilter()}`, {
      operation: 'list networks',
      timeoutMs: LIST_TIMEOUT_MS,
    });
    return items(json).map((network) => ({
      name: textAt(network, 'name') ?? '',
      bridge: textAt(network, 'network_interface') ?? '',
      labels: labelsAt(network, 'labels'),
      gateway: gatewayOf(network),
    }));
  }

  async removeNetwork(name: string): Promise<void> {
    await this.#client.ask('DELETE', `/networks/${name}`, {
      operation: `remove network ${name}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
  }

  async ensureVolume(order: VolumeOrder): Promise<EngineVolume> {
    const path = `/volumes/${order.name}/json`;
    const options = { operation: `volume ${order.name}`, timeoutMs: LIST_TIMEOUT_MS };
    const known = await this.#client.ask('GET', path, { ...options, accept: [404] });
    if (known.status !== 404) return requireSame(toVolume(known.json), order);
    let made: EngineVolume;
    try {
      const { json } = await this.#client.ask('POST', '/volumes/create', {
        operation: `create volume ${order.name}`,
        timeoutMs: ACTION_TIMEOUT_MS,
        body: {
          Name: order.name,
          Label: order.labels,
          ...volumeOptions(order),
        },
      });
      made = toVolume(json);
    } catch (error) {
      // Two pods that share a claim come up together: the other one made it first.
      const { status, json } = await this.#client.ask('GET', path, { ...options, accept: [404] });
      if (status === 404) throw error;
      return requireSame(toVolume(json), order);
    }
    if (order.writers !== 'all') return made;
    try {
      await openToAll(made.path);
      return made;
    } catch (error) {
      // Found at the next try, it would be taken for whole.
      await this.removeVolume(order.name);
      throw error;
    }
  }

  async listVolumes(): Promise<EngineVolume[]> {
    const { json } = await this.#client.ask('GET', `/volumes/json?filters=${this.#ownFilter()}`, {
      operation: 'list volumes',
      timeoutMs: LIST_TIMEOUT_MS,
      maxBytes: LIST_BYTES_MAX,
    });
    return items(json).map(toVolume);
  }

  async removeVolume(name: string): Promise<void> {
    await this.#client.ask('DELETE', `/volumes/${name}`, {
      operation: `remove volume ${name}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      accept: [404],
    });
  }

  async exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ExecResult> {
    const session = await this.execAttach({ containerId, command, terminal: false, env: {} });
    const kept: Buffer[] = [];
    let bytes = 0;
    const end = (): void =>
      void session.stream.destroy(engineFault('engine.timeout', { operation: 'exec', seconds: timeoutMs / 1000 }));
    const timer = setTimeout(end, timeoutMs);
    const onAbort = (): void => void session.stream.destroy(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const { bytes: chunk } of session.output) {
        if (bytes < PROBE_OUTPUT_BYTES_MAX) kept.push(chunk.subarray(0, PROBE_OUTPUT_BYTES_MAX - bytes));
        bytes += chunk.length;
      }
      return { exitCode: await session.exitCode(), output: Buffer.concat(kept).toString('utf8') };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      session.stream.destroy();
    }
  }

  async execAttach(order: ExecOrder): Promise<ExecSession> {
    await this.#checkWorkingDir(order.containerId, order.workingDir);
    const { json } = await this.#client.ask('POST', `/containers/${order.containerId}/exec`, {
      operation: `exec in ${order.containerId.slice(0, 12)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      body: {
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: order.terminal,
        Cmd: order.command,
        Env: Object.entries(order.env).map(([name, value]) => `${name}=${value}`),
        ...(order.user === undefined ? {} : { User: order.user }),
        ...(order.workingDir === undefined ? {} : { WorkingDir: order.workingDir }),
      },
    });
    const id = textAt(json, 'Id');
    if (id === null) throw engineFault('engine.answer-invalid', { operation: 'exec', why: 'no Id' });
    const { stream, head } = await this.#client.hijack(`/exec/${id}/start`, {
      operation: `exec in ${order.containerId.slice(0, 12)}`,
      timeoutMs: ACTION_TIMEOUT_MS,
      body: { Detach: false, Tty: order.terminal, ...(order.size && { h: order.size.rows, w: order.size.columns }) },
    });
    if (head.length > 0) stream.unshift(head);
    const client = this.#client;
    return {
      stream,
      output: outputOf(stream, order.terminal),
      resize: resizer(stream, async (columns, rows) => {
        try {
          await client.ask('POST', `/exec/${id}/resize?h=${rows}&w=${columns}`, {
            operation: 'resize terminal',
            timeoutMs: LIST_TIMEOUT_MS,
            accept: [404, 409],
          });
          return true;
        } catch (error) {
          // Podman answers the start before the command runs; of one that has ended it says the same.
          if (error instanceof Fault && error.message.includes('exec session state improper')) return false;
          throw error;
        }
      }),
      async exitCode() {
        const inspected = await client.ask('GET', `/exec/${id}/json`, {
          operation: 'exec result',
          timeoutMs: LIST_TIMEOUT_MS,
          accept: [404],
        });
        // Podman forgets a command some time after its end (exit_command_delay).
        if (inspected.status === 404) {
          const why = {
            en: 'its container is gone, or its last output was taken so slowly that Podman has forgotten how it ended',
            es: 'su contenedor ya no está, o lo último que dijo se tomó tan despacio que Podman olvidó cómo terminó',
          };
          throw engineFault('engine.not-found', { operation: 'exec result', why });
        }
        const code = numberAt(inspected.json, 'ExitCode');
        if (code === null) throw engineFault('engine.answer-invalid', { operation: 'exec result', why: 'no ExitCode' });
        return code;
      },
      async runningPid() {
        const { status, json } = await client.ask('GET', `/exec/${id}/json`, {
          operation: 'exec state',
          timeoutMs: LIST_TIMEOUT_MS,
          accept: [404],
        });
        const pid = numberAt(json, 'Pid');
        const isRunning = status !== 404 && (json as { Running?: unknown } | null)?.Running === true;
        return isRunning && pid !== null && pid > 0 ? pid : null;
      },
    };
  }

  async *logs(containerId: string, options: LogOptions): AsyncIterable<LogLine> {
    const query = new URLSearchParams({ stdout: 'true', stderr: 'true', timestamps: 'true' });
    if (options.follow) query.set('follow', 'true');
    if (options.tail !== undefined) query.set('tail', String(options.tail));
    if (options.since !== undefined) query.set('since', options.since);
    if (options.until !== undefined) query.set('until', options.until);
    const response = await this.#client.stream('GET', `/containers/${containerId}/logs?${query}`, {
      operation: `logs of ${containerId.slice(0, 12)}`,
      timeoutMs: options.follow ? Number.POSITIVE_INFINITY : ACTION_TIMEOUT_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    for await (const { stream, bytes } of demultiplex(response, LOG_LINE_BYTES_MAX)) {
      const text = bytes.toString('utf8').replace(/\r?\n$/, '');
      const space = text.indexOf(' ');
      const time = text.slice(0, Math.max(space, 0));
      yield { stream, time, line: text.slice(space + 1) };
    }
  }

  async readFile(containerId: string, path: string, maxBytes: number): Promise<Buffer | null> {
    await this.#refuseOwnKernel(containerId, `read ${path}`);
    const response = await this.#client.stream(
      'GET',
      `/containers/${containerId}/archive?path=${encodeURIComponent(path)}`,
      { operation: `read ${path}`, timeoutMs: ACTION_TIMEOUT_MS, accept: [404] },
    );
    if (response.statusCode === 404) {
      response.resume();
      return null;
    }
    try {
      for await (const { entry, bytes } of readTar(response, () => true, { maxFileBytes: maxBytes })) {
        if (entry.kind === 'file') return Buffer.from(bytes);
      }
    } catch (cause) {
      if (!(cause instanceof FormatError)) throw cause;
      throw engineFault('engine.refused', { operation: `read ${path}`, why: cause.message }, { cause });
    }
    throw engineFault('engine.refused', { operation: `read ${path}`, why: 'it is no plain file' });
  }

  attach(containerId: string, terminal: boolean): Promise<LiveSession> {
    return attachTo(this.#client, containerId, terminal, () => this.logs(containerId, {}));
  }

  async signal(containerId: string, name: string): Promise<void> {
    try {
      await this.#client.ask('POST', `/containers/${containerId}/kill?signal=${encodeURIComponent(name)}`, {
        operation: `signal to ${containerId.slice(0, 12)}`,
        timeoutMs: ACTION_TIMEOUT_MS,
        accept: [404, 409],
      });
    } catch (error) {
      // Of one that has ended Podman 4 says so as an error of its own.
      if (!(error instanceof Fault) || !error.message.includes('can only kill running containers')) throw error;
    }
  }

  async stats(containerIds: readonly string[]): Promise<ContainerUse[]> {
    const told = await readStats(this.#client, containerIds);
    if (told.length === containerIds.length && told.length === 0) return [];
    const pids = new Map((await this.list()).flatMap(({ containers }) => containers).map(({ id, pid }) => [id, pid]));
    const alive = containerIds.flatMap((id) => {
      const pid = pids.get(id) ?? null;
      return pid === null || pid <= 1 || told.some((use) => use.id === id) ? [] : [{ id, pid }];
    });
    const { rootless, cgroupVersion } = await this.facts();
    // Podman tells nothing of containers without groups, and of none when one of them has ended meanwhile.
    const others =
      rootless && cgroupVersion === 1
        ? await readUseOfProcesses(alive)
        : await readStats(
            this.#client,
            alive.map(({ id }) => id),
          );
    const uses = [...told, ...others];
    // Podman tells the limit that a container was made with; after a change in place only the kernel knows it.
    return await Promise.all(
      uses.map(async (use) => {
        const now = await readUsage({ id: use.id, pid: pids.get(use.id) ?? null });
        return now === null ? use : { ...use, memoryLimitBytes: now.memoryLimitBytes };
      }),
    );
  }

  async processes(containerId: string): Promise<ProcessTable> {
    await this.#refuseOwnKernel(containerId, 'processes');
    return readProcesses(this.#client, containerId);
  }

  async changes(containerId: string): Promise<FileChange[]> {
    await this.#refuseOwnKernel(containerId, 'changes');
    return readChanges(this.#client, containerId);
  }

  async readArchive(containerId: string, path: string): Promise<AsyncIterable<Buffer>> {
    await this.#refuseOwnKernel(containerId, 'copy');
    return openArchive(this.#client, containerId, path);
  }

  async writeArchive(containerId: string, folder: string, tar: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#refuseOwnKernel(containerId, 'copy');
    return fillArchive(this.#client, containerId, folder, tar);
  }

  async #seccompOf(order: ContainerOrder, name: string | undefined): Promise<{ seccomp_profile_path?: string }> {
    const own = name === undefined ? null : await this.#seccompFile(order, name);
    const path = (await this.#tightenSeccomp(own, order.security.calls ?? null)) ?? own;
    return path === null ? {} : { seccomp_profile_path: path };
  }

  /** The file of a filter that the host keeps. @throws Fault deploy.host-lacks */
  async #seccompFile(order: ContainerOrder, profile: string): Promise<string> {
    const file = join(this.#seccompFolder, profile);
    // A name leads nowhere else: the reader of the wanted state lets no `..` through.
    const found = await stat(file).catch(() => null);
    if (found?.isFile() !== true) {
      const what = { en: `the seccomp profile ${file}`, es: `el perfil de seccomp ${file}` };
      throw engineFault('deploy.host-lacks', { pod: order.pod, what });
    }
    return file;
  }

  #ownFilter(): string {
    return encodeURIComponent(JSON.stringify({ label: [`${LABEL.instance}=${this.#instance}`] }));
  }

  async #findImage(reference: string): Promise<FoundImage | null> {
    const { status, json } = await this.#client.ask('GET', `/images/${reference}/json`, {
      operation: `image ${reference}`,
      timeoutMs: LIST_TIMEOUT_MS,
      accept: [404],
    });
    if (status === 404) return null;
    const claimed = Object.keys(objectAt(json, 'Labels')).filter((name) => name.startsWith(LABEL_PREFIX));
    const obeyed = Object.keys(objectAt(json, 'Annotations')).filter((name) => OBEYED_ANNOTATION.test(name));
    const workingDir = textAt(objectAt(json, 'Config'), 'WorkingDir') ?? '';
    return { id: textAt(json, 'Id') ?? '', user: textAt(json, 'User') ?? '', workingDir, claimed, obeyed };
  }

  /**
   * Podman gives a container the labels of its image too: those in the words of the platform, with nothing in them. An image
   * must not say what only the platform says, such as what is done before a container ends, or whose volume it has.
   * @throws Fault engine.refused for an image that tells the run-time by annotations what to do, which cannot be emptied
   */
  async #emptiedLabels({ image, name }: Pick<ContainerOrder, 'image' | 'name'>): Promise<Record<string, string>> {
    const found = this.#images.get(image) ?? (await this.#findImage(image));
    if (found !== null && found.obeyed.length > 0) {
      throw engineFault('engine.refused', {
        operation: `create container ${name}`,
        why: {
          en: `its image has annotations that run-times obey: ${found.obeyed.join(', ').slice(0, 300)}`,
          es: `su imagen tiene anotaciones que los entornos de ejecución obedecen: ${found.obeyed.join(', ').slice(0, 300)}`,
        },
      });
    }
    return Object.fromEntries((found?.claimed ?? []).map((name) => [name, '']));
  }

  /** One inspect in the life of a pod's network; kept while the same infra process runs, whether by its id or by its name. */
  async #infra({ name, infra }: ObservedPod): Promise<InfraFacts> {
    if (infra === null)
      throw engineFault('engine.not-found', { operation: `locate ${name}`, why: 'no infra container' });
    const known = this.#inspected.get(name);
    const isSame = known !== undefined && (infra.id === known.id || infra.id === known.name);
    // Started again from outside, it has another network.
    if (isSame && (infra.startedAtMs === null || infra.startedAtMs === known.startedAtMs)) return known;
    const { json } = await this.#client.ask('GET', `/containers/${infra.id}/json`, {
      operation: `locate ${name}`,
      timeoutMs: LIST_TIMEOUT_MS,
    });
    const facts = readInfra(json);
    if (facts === null)
      throw engineFault('engine.refused', { operation: `locate ${name}`, why: 'its network is not up' });
    this.#inspected.set(name, facts);
    return facts;
  }
}

interface FoundImage extends LocalImage {
  /** Names of the platform's own labels that the image has. */
  readonly claimed: readonly string[];
  /** Names of its annotations that a run-time would obey. */
  readonly obeyed: readonly string[];
}

interface InfraFacts {
  readonly id: string;
  readonly name: string;
  readonly podId: string;
  /** In whole seconds, as lists tell it. */
  readonly startedAtMs: number | null;
  readonly pid: number;
  readonly address: string;
  readonly segment: PodPlace['segment'];
  readonly hostname: string;
  readonly hostsPath: string;
  readonly published: ReadonlyMap<number, Endpoint>;
}

function readInfra(json: unknown): InfraFacts | null {
  const settings = objectAt(json, 'NetworkSettings');
  const network = Object.values(objectAt(settings, 'Networks')).find((one) => textAt(one, 'IPAddress'));
  const pid = numberAt(objectAt(json, 'State'), 'Pid') ?? 0;
  const hostsPath = textAt(json, 'HostsPath') ?? '';
  const id = textAt(json, 'Id') ?? '';
  const address = textAt(network, 'IPAddress');
  if (address === null || pid === 0 || hostsPath === '') return null;
  const published = new Map<number, Endpoint>();
  for (const [name, bindings] of Object.entries(objectAt(settings, 'Ports'))) {
    const first = items(bindings)[0];
    const hostPort = Number(textAt(first, 'HostPort') ?? Number.NaN);
    const containerPort = Number.parseInt(name, 10);
    if (name.endsWith('/tcp') && Number.isInteger(hostPort) && Number.isInteger(containerPort)) {
      published.set(containerPort, { host: textAt(first, 'HostIp') || '127.0.0.1', port: hostPort });
    }
  }
  const gateway = textAt(network, 'Gateway');
  const bits = numberAt(network, 'IPPrefixLen');
  const segment =
    gateway === null || bits === null
      ? null
      : { gateway, network: `${networkOf(address, bits)}/${bits}`, six: sixOf(network) };
  const startedAtMs = Date.parse(textAt(objectAt(json, 'State'), 'StartedAt') ?? '');
  return {
    id,
    name: textAt(json, 'Name') ?? '',
    podId: textAt(json, 'Pod') ?? '',
    startedAtMs: Number.isNaN(startedAtMs) ? null : Math.floor(startedAtMs / 1000) * 1000,
    pid,
    address,
    segment,
    hostsPath,
    published,
    hostname: textAt(objectAt(json, 'Config'), 'Hostname') ?? 'pod',
  };
}

/** Their programs would prefer it, and what carries an account's way out may have none: it would be tried first, in vain. */
const ROOTLESS_IPV4: Text = {
  en: 'pods of an ordinary user have IPv4 alone: what carries their way out (slirp4netns, pasta) need not have IPv6',
  es: 'los pods de un usuario corriente solo tienen IPv4: lo que lleva su salida (slirp4netns, pasta) puede no tener IPv6',
};

/** The host's own IPv4 address in a network, at which its resolver listens. */
function gatewayOf(network: unknown): string | null {
  const gateways = items(objectAt({ network }, 'network')['subnets']).map((subnet) => textAt(subnet, 'gateway'));
  return gateways.find((gateway) => gateway !== null && isIPv4(gateway)) ?? null;
}

/** What a network of both families gave the pod in IPv6. */
function sixOf(network: unknown): PodPlaceSix | null {
  const address = textAt(network, 'GlobalIPv6Address') ?? '';
  const gateway = textAt(network, 'IPv6Gateway') ?? '';
  const bits = numberAt(network, 'GlobalIPv6PrefixLen') ?? 0;
  // nft(8) takes the address of a pod with its prefix for its network.
  return isIPv6(address) && isIPv6(gateway) && bits > 0
    ? { address, gateway, network: `${networkOfSix(address, bits)}/${bits}` }
    : null;
}

/** The first address of an IPv6 address's network, whole sixteen bits at a time: engines give networks of 64 bits. */
function networkOfSix(address: string, bits: number): string {
  const [before = '', after] = address.split('::');
  const left = before.split(':').filter(Boolean);
  const right = after?.split(':').filter(Boolean) ?? [];
  const middle = after === undefined ? 0 : 8 - left.length - right.length;
  const words = [...left, ...Array.from({ length: middle }, () => '0'), ...right].map((word) =>
    Number.parseInt(word, 16),
  );
  return words
    .map((word, index) => (word & (0xffff_0000 >> Math.min(16, Math.max(0, bits - index * 16))) & 0xffff).toString(16))
    .join(':');
}

/** The first address of an IPv4 address's network. */
function networkOf(address: string, bits: number): string {
  const parts = address.split('.').map(Number);
  return parts.map((part, index) => part & (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff).join('.');
}

function groupPods(containers: readonly Answer[]): ObservedPod[] {
  const pods = new Map<
    string,
    { -readonly [K in keyof ObservedPod]: ObservedPod[K] } & { containers: ObservedContainer[] }
  >();
  for (const entry of containers) {
    const podId = textAt(entry, 'Pod') ?? '';
    if (podId === '') continue;
    const pod = pods.get(podId) ?? {
      id: podId,
      name: textAt(entry, 'PodName') ?? '',
      labels: {},
      createdAtMs: Number.POSITIVE_INFINITY,
      infra: null,
      containers: [],
    };
    pods.set(podId, pod);
    const container = toContainer(entry);
    if (entry['IsInfra'] === true) {
      pod.labels = container.labels;
      pod.createdAtMs = Date.parse(textAt(entry, 'Created') ?? '') || 0;
      pod.infra = { id: container.id, state: container.state, startedAtMs: container.startedAtMs };
    } else {
      pod.containers.push(container);
    }
  }
  for (const pod of pods.values()) {
    // A pod that lost its infra container still says whose it is through its containers.
    if (pod.infra === null) {
      pod.labels = pod.containers[0]?.labels ?? {};
      pod.createdAtMs = 0;
    }
  }
  return [...pods.values()];
}

function toContainer(entry: Answer): ObservedContainer {
  const labels = labelsAt(entry, 'Labels');
  const pid = numberAt(entry, 'Pid') ?? 0;
  const state = STATES[textAt(entry, 'State') ?? ''] ?? 'unknown';
  return {
    id: textAt(entry, 'Id') ?? '',
    name: textAt({ first: Array.isArray(entry['Names']) ? entry['Names'][0] : '' }, 'first') ?? '',
    labels,
    image: textAt(entry, 'Image') ?? '',
    state,
    pid: pid > 0 ? pid : null,
    startedAtMs: secondsAt(entry, 'StartedAt'),
    exitedAtMs: secondsAt(entry, 'ExitedAt'),
    // Of one that runs it is a zero that means nothing.
    exitCode: state === 'exited' ? numberAt(entry, 'ExitCode') : null,
  };
}

/** libpod writes Go's zero time as a large negative number of seconds. */
function secondsAt(entry: Answer, name: string): number | null {
  const seconds = numberAt(entry, name);
  return seconds === null || seconds <= 0 ? null : seconds * 1000;
}

function labelsAt(value: unknown, name: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [label, text] of Object.entries(objectAt(value, name))) labels[label] = String(text);
  return labels;
}

/** Names of projects, environments and claims come out alike where their dashes fall so: data of one is never another's. */
function requireSame(found: EngineVolume, { name, labels }: VolumeOrder): EngineVolume {
  if (Object.entries(labels).every(([label, value]) => found.labels[label] === value)) return found;
  const why = {
    en: 'there is a volume of that name that is another’s',
    es: 'hay un volumen con ese nombre que es de otro',
  };
  throw engineFault('engine.refused', { operation: `volume ${name}`, why });
}

/** podman-volume-create(1): the local driver binds a folder when a container starts; with an owner named it changes none. */
function volumeOptions({ folder, writers }: VolumeOrder): { Options?: Readonly<Record<string, string>> } {
  const owner = writers === undefined ? [] : ['uid=0', 'gid=0'];
  if (folder !== undefined) return { Options: { type: 'none', o: ['bind', ...owner].join(','), device: folder } };
  return owner.length === 0 ? {} : { Options: { o: owner.join(',') } };
}

function toVolume(json: unknown): EngineVolume {
  return {
    name: textAt(json, 'Name') ?? '',
    labels: labelsAt(json, 'Labels'),
    path: textAt(objectAt(json, 'Options'), 'device') ?? textAt(json, 'Mountpoint') ?? '',
    createdAt: textAt(json, 'CreatedAt') ?? '',
  };
}

function seLinuxOptions({ user, role, type, level }: NonNullable<ContainerOrder['security']['seLinux']>): string[] {
  return Object.entries({ user, role, type, level }).flatMap(([part, value]) =>
    value === null ? [] : [`${part}:${value}`],
  );
}

function signalNumber(name: string): number {
  return constants.signals[name as NodeJS.Signals] ?? constants.signals.SIGTERM;
}

function userText(user: number, group: number | null): string {
  return group === null ? String(user) : `${user}:${group}`;
}

/**
 * Credentials by address, as Podman's REST API takes several: given without one they are dropped when registries.conf
 * leads the image's name to another address, which ours does.
 */
function registryAuth({ address, username, password }: RegistryCredentials): string {
  // Podman decodes with Go's URLEncoding, which wants the padding that Node's base64url leaves out.
  const text = Buffer.from(JSON.stringify({ [address]: { username, password } })).toString('base64url');
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
}

/** No limit is the greatest number that the kernel has for one, which a number of JavaScript cannot hold. */
const NO_LIMIT = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON('18446744073709551615');

function resourceBounds(ulimits: Ulimits): object[] {
  const bound = (value: number): unknown => (value === -1 ? NO_LIMIT : value);
  return Object.entries(ulimits).map(([type, { soft, hard }]) => ({ type, soft: bound(soft), hard: bound(hard) }));
}

/** CPU limits become a quota of a 100 ms period, requests become shares (1024 a core), as the kubelet does. */
function resourceLimits(resources: ResourceSpec, isChange = false): object {
  const { cpuLimitMillis, cpuRequestMillis, memoryLimitBytes, memoryRequestBytes } = resources;
  return {
    ...(memoryLimitBytes === null && memoryRequestBytes === null
      ? {}
      : {
          memory: {
            ...(memoryLimitBytes === null ? {} : { limit: memoryLimitBytes }),
            // Podman gives a new container twice its limit with swap; unless that grows too, the kernel refuses a higher limit.
            ...(memoryLimitBytes === null || !isChange ? {} : { swap: memoryLimitBytes * 2 }),
            ...(memoryRequestBytes === null ? {} : { reservation: memoryRequestBytes }),
          },
        }),
    ...(cpuLimitMillis === null && cpuRequestMillis === null
      ? {}
      : {
          cpu: {
            ...(cpuLimitMillis === null ? {} : { quota: Math.max(1000, cpuLimitMillis * 100), period: 100_000 }),
            ...(cpuRequestMillis === null ? {} : { shares: Math.max(2, Math.floor((cpuRequestMillis * 1024) / 1000)) }),
          },
        }),
  };
}

const UNTOLD = {
  outOfMemory: {
    en: 'on cgroup v1 Podman does not say that a container was ended for want of memory (its exit code is 137)',
    es: 'en cgroup v1 Podman no dice que un contenedor terminó por falta de memoria (su código de salida es 137)',
  },
} as const satisfies EngineFacts['lacks'];

/** What needs a paused container, where an ordinary user has no groups. */
const UNPAUSED = {
  pause: {
    en: 'nothing can be paused here: cgroup v1 gives an ordinary user no groups',
    es: 'aquí no se puede pausar nada: cgroup v1 no da grupos a un usuario corriente',
  },
  evidence: {
    en: 'evidence is taken from a paused container, and cgroup v1 gives an ordinary user no groups to pause it by',
    es: 'las evidencias se toman de un contenedor en pausa, y cgroup v1 no da a un usuario corriente grupos para pausarlo',
  },
} as const satisfies EngineFacts['lacks'];

const UNPAUSED_2 = {
  pause: {
    en: 'nothing can be paused here: containers get no groups without a session of systemd of this account',
    es: 'aquí no se puede pausar nada: sin una sesión de systemd de esta cuenta los contenedores no tienen grupos',
  },
  evidence: {
    en: 'evidence is taken from a paused container, and containers get no groups to pause them by without a session of systemd of this account',
    es: 'las evidencias se toman de un contenedor en pausa, y sin una sesión de systemd de esta cuenta los contenedores no tienen grupos con que pausarlos',
  },
} as const satisfies EngineFacts['lacks'];

function limitsMissing({
  hasGroups,
  cgroupVersion,
  controllers,
}: {
  /** Whether containers get control groups of their own. */
  readonly hasGroups: boolean;
  readonly cgroupVersion: 1 | 2;
  readonly controllers: readonly string[];
}): Text | null {
  if (!hasGroups && cgroupVersion === 1) {
    return {
      en: 'limits of memory and processor are not enforced here: cgroup v1 gives an ordinary user no groups',
      es: 'los límites de memoria y procesador no se aplican aquí: cgroup v1 no da grupos a un usuario corriente',
    };
  }
  if (!hasGroups) {
    // Podman lists the controllers of the group that it is in itself; its containers stay in that very group.
    return {
      en: 'limits of memory and processor are not enforced here: Podman reaches no session of systemd of this account, which would give its containers groups (loginctl enable-linger)',
      es: 'los límites de memoria y procesador no se aplican aquí: Podman no llega a una sesión de systemd de esta cuenta, que daría grupos a sus contenedores (loginctl enable-linger)',
    };
  }
  const lacking = ['memory', 'cpu'].filter((controller) => !controllers.includes(controller));
  if (lacking.length === 0) return null;
  return {
    en: `limits of memory and processor are not enforced here: cgroup controllers are missing (${lacking.join(', ')})`,
    es: `los límites de memoria y procesador no se aplican aquí: faltan controladores de cgroup (${lacking.join(', ')})`,
  };
}

/** The pod's own resolver first; the host's after it, for when the agent is away (resolv.conf(5) takes three). */
function nameserversOf(resolver: string): string[] {
  return [resolver, ...outsideNameservers()].slice(0, 3);
}

async function* linesOf(stream: AsyncIterable<Buffer>): AsyncIterable<string> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LOG_LINE_BYTES_MAX * 16)
      throw engineFault('engine.answer-invalid', { operation: 'stream', why: 'a line without end' });
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw engineFault('engine.answer-invalid', { operation: 'stream', why: 'a line is not JSON' }, { cause });
  }
}
