import { parse as parseToml } from 'smol-toml';
import { Fault, runCommand } from '../../system/index.ts';
import type { Root } from '../root.ts';
import { type ContainerFacts, DEFAULT_CAPS, type EngineFacts, type ImageFacts, NO_ENGINE } from './engine.ts';

/** An engine answers each question within this; more containers than this are looked at in part, and it is said. */
const ASK_TIMEOUT_MS = 20_000;
const CONTAINERS_MAX = 2_000;
const INSPECTED_AT_ONCE = 200;

type Json = Readonly<Record<string, unknown>>;
const object = (value: unknown): Json => (typeof value === 'object' && value !== null ? (value as Json) : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const word = (value: unknown): string => (typeof value === 'string' ? value : '');
const number = (value: unknown): number => (typeof value === 'number' ? value : 0);

export const ENGINE_KINDS = ['podman', 'docker', 'cri'] as const;
export type EngineKind = (typeof ENGINE_KINDS)[number];

/**
 * The engine that is asked for; else the first of Podman, Docker and a CRI server (crictl) that has containers running, else
 * the first that answers: a host of Docker's has Podman's program on it often enough.
 */
export async function askEngine(root: Root, only: EngineKind | null = null): Promise<EngineFacts> {
  if (root.path !== '/') return NO_ENGINE;
  let first: EngineFacts | null = null;
  for (const kind of only === null ? ENGINE_KINDS : [only]) {
    try {
      const found = kind === 'cri' ? await askCri(root) : await askDockerLike(kind, root);
      if ((found.containers ?? []).length > 0) return found;
      first ??= found;
    } catch (error) {
      if (!(error instanceof Silent) && !(error instanceof Fault)) throw error;
    }
  }
  return first ?? NO_ENGINE;
}

class Silent extends Error {}

async function run(file: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand(file, args, {
    timeoutMs: ASK_TIMEOUT_MS,
    maxOutputBytes: 256 * 1024 * 1024,
  });
  if (code !== 0) throw new Silent(stderr.slice(0, 200));
  return stdout;
}

async function askDockerLike(kind: 'podman' | 'docker', root: Root): Promise<EngineFacts> {
  const info = object(JSON.parse(await run(kind, ['info', '--format', kind === 'podman' ? 'json' : '{{json .}}'])));
  const ids = (await run(kind, ['ps', '--quiet', '--no-trunc'])).split('\n').filter(Boolean).slice(0, CONTAINERS_MAX);
  const all = (await run(kind, ['ps', '--all', '--quiet'])).split('\n').filter(Boolean).length;
  const settings =
    kind === 'podman'
      ? podmanSettings(root)
      : { ...readJson(root.text('etc/docker/daemon.json')), ...daemonArguments(root) };
  const containers: ContainerFacts[] = [];
  for (let at = 0; at < ids.length; at += INSPECTED_AT_ONCE) {
    const some = ids.slice(at, at + INSPECTED_AT_ONCE);
    for (const one of list(JSON.parse(await run(kind, ['inspect', '--type', 'container', ...some])))) {
      const facts = readContainer(kind, object(one), root, settings);
      if (facts !== null) containers.push(facts);
    }
  }
  const imageIds = [...new Set((await run(kind, ['images', '--quiet', '--no-trunc'])).split('\n').filter(Boolean))];
  const images: ImageFacts[] = [];
  for (let at = 0; at < imageIds.length; at += INSPECTED_AT_ONCE) {
    const some = imageIds.slice(at, at + INSPECTED_AT_ONCE);
    for (const one of list(JSON.parse(await run(kind, ['image', 'inspect', ...some]))))
      images.push(readImage(object(one)));
  }
  const host = object(info['host']);
  const store = object(info['store']);
  return kind === 'podman'
    ? {
        kind,
        version: word(object(info['version'])['Version']),
        rootless: object(host['security'])['rootless'] === true,
        daemon: false,
        storageDriver: word(store['graphDriverName']) || null,
        insecureRegistries: insecureOf(root),
        containers,
        images,
        containerCount: all,
        swarm: false,
        settings,
        silent: null,
      }
    : {
        kind,
        version: word(info['ServerVersion']),
        rootless: list(info['SecurityOptions']).some((one) => word(one).includes('rootless')),
        daemon: true,
        storageDriver: word(info['Driver']) || null,
        insecureRegistries: list(object(info['RegistryConfig'])['InsecureRegistryCIDRs'])
          .map(word)
          .filter((one) => one !== '127.0.0.0/8' && one !== '::1/128'),
        containers,
        images,
        containerCount: all,
        swarm: word(object(info['Swarm'])['LocalNodeState']) === 'active',
        settings,
        silent: null,
      };
}

/** What `inspect` of Docker and of Podman have in common. A pod's own container holds no program of anybody's. */
export function readContainer(
  engine: 'podman' | 'docker',
  one: Json,
  root: Root,
  defaults: Json,
): ContainerFacts | null {
  if (one['IsInfra'] === true) return null;
  const settings = object(one['HostConfig']);
  const config = object(one['Config']);
  const security = list(settings['SecurityOpt']).map(word);
  const restart = object(settings['RestartPolicy']);
  const network = object(one['NetworkSettings']);
  const pid = number(object(one['State'])['Pid']);
  return {
    name: word(one['Name']).replace(/^\//, ''),
    engine,
    image: word(one['Image']),
    user: word(config['User']),
    apparmor: root.has('sys/kernel/security/apparmor') ? word(one['AppArmorProfile']) : null,
    selinux: root.has('sys/fs/selinux') ? word(one['ProcessLabel']) : null,
    capAdd: list(settings['CapAdd']).map((cap) => word(cap).toUpperCase().replace(/^CAP_/, '')),
    privileged: settings['Privileged'] === true,
    mounts: list(one['Mounts']).map((mount) => {
      const { Source, Destination, RW, Propagation } = object(mount) as Json &
        Record<'Source' | 'Destination' | 'RW' | 'Propagation', unknown>;
      return { source: word(Source), target: word(Destination), rw: RW === true, propagation: word(Propagation) };
    }),
    ports: Object.values(object(network['Ports'])).flatMap((bound) =>
      list(bound).map((port) => ({
        hostIp: word(object(port)['HostIp']),
        hostPort: Number(object(port)['HostPort']) || 0,
      })),
    ),
    networkMode: word(settings['NetworkMode']),
    pidMode: word(settings['PidMode']),
    ipcMode: word(settings['IpcMode']),
    utsMode: word(settings['UTSMode']),
    usernsMode: word(settings['UsernsMode']),
    memoryBytes: number(settings['Memory']),
    cpuShares: number(settings['CpuShares']) || number(settings['NanoCpus']) || number(settings['CpuQuota']),
    readonlyRootfs: settings['ReadonlyRootfs'] === true,
    restart: { name: word(restart['Name']), max: number(restart['MaximumRetryCount']) },
    devices: list(settings['Devices']).length,
    ulimits: list(settings['Ulimits']).length,
    seccompUnconfined: security.some((option) => /^seccomp[:=]unconfined$/.test(option)),
    cgroupParent: OWN_GROUPS.test(word(settings['CgroupParent'])) ? '' : word(settings['CgroupParent']),
    noNewPrivileges:
      security.some((option) => option.startsWith('no-new-privileges')) ||
      (isConfined(pid, root) ?? defaults['no-new-privileges'] === true),
    healthcheck: list(object(config['Healthcheck'])['Test']).length > 0,
    pidsLimit: number(settings['PidsLimit']),
    networks: Object.keys(object(network['Networks'])),
    processes: processesOf(pid, root),
  };
}

/** Where engines put containers by themselves: Docker says nothing, Podman names its own group or that of the pod. */
const OWN_GROUPS =
  /^(?:\/?libpod_parent(?:\/[0-9a-f]{64})?|(?:machine|user)\.slice(?:\/|$).*|(?:.*\/)?(?:machine|user)-libpod_pod_[0-9a-f]{64}\.slice)?$/;

/** Of the OCI run-time's description: a number; none means root. */
function userOf(user: unknown): string | null {
  return typeof user === 'object' && user !== null ? String(number(object(user)['uid'])) : null;
}

/** Whether the kernel holds the first process to its privileges, whoever asked for it (proc(5): NoNewPrivs); null: not seen. */
function isConfined(pid: number, root: Root): boolean | null {
  const status = pid > 0 ? root.text(`proc/${pid}/status`) : null;
  return status === null ? null : /^NoNewPrivs:\s*1$/m.test(status);
}

/** Names of the processes that share the process namespace of a container's first one. */
function processesOf(pid: number, root: Root): string[] | null {
  if (pid <= 0) return null;
  const found: string[] = [];
  const queue = [pid];
  for (let next = queue.pop(); next !== undefined && found.length < 1_000; next = queue.pop()) {
    const name = root.line(`proc/${next}/comm`);
    if (name === null) continue;
    found.push(name);
    for (const child of (root.line(`proc/${next}/task/${next}/children`) ?? '').split(' ')) {
      if (child !== '') queue.push(Number(child));
    }
  }
  return found.length === 0 ? null : found;
}

function readImage(one: Json): ImageFacts {
  const config = object(one['Config']);
  const [tag] = list(one['RepoTags']).map(word);
  return {
    name: tag ?? word(one['Id']).slice(0, 19),
    id: word(one['Id']),
    user: word(config['User']) || word(one['User']),
    healthcheck: list(object(config['Healthcheck'] ?? one['Healthcheck'])['Test']).length > 0,
    history: list(one['History']).map((step) => word(object(step)['created_by'])),
  };
}

async function askCri(root: Root): Promise<EngineFacts> {
  const info = object(JSON.parse(await run('crictl', ['version', '-o', 'json'])));
  const running = list(object(JSON.parse(await run('crictl', ['ps', '-o', 'json'])))['containers']);
  const all = list(object(JSON.parse(await run('crictl', ['ps', '--all', '-o', 'json'])))['containers']);
  const containers: ContainerFacts[] = [];
  for (const one of running.slice(0, CONTAINERS_MAX)) {
    containers.push(
      readCriContainer(object(JSON.parse(await run('crictl', ['inspect', word(object(one)['id'])]))), root),
    );
  }
  const images = list(object(JSON.parse(await run('crictl', ['images', '-o', 'json'])))['images']).map((one) => ({
    name: word(list(object(one)['repoTags'])[0]),
    id: word(object(one)['id']),
    user: word(object(one)['username']) || String(object(object(one)['uid'])['value'] ?? ''),
    healthcheck: true,
    history: [],
  }));
  return {
    ...NO_ENGINE,
    kind: 'cri',
    version: word(info['runtimeVersion']),
    daemon: true,
    insecureRegistries: insecureOf(root),
    containers,
    images,
    containerCount: all.length,
    settings: {},
    silent: null,
  };
}

/** What crictl inspect gives: the OCI run-time's own description is the truth of it. */
export function readCriContainer(answer: Json, root: Root): ContainerFacts {
  const status = object(answer['status']);
  const info = object(answer['info']);
  const spec = object(info['runtimeSpec']);
  const process = object(spec['process']);
  const linux = object(spec['linux']);
  const resources = object(linux['resources']);
  const spaces = new Map(
    list(linux['namespaces']).map((one) => [word(object(one)['type']), word(object(one)['path'])]),
  );
  const missing = (type: string): string => (spaces.has(type) ? 'private' : 'host');
  const bounding = list(object(process['capabilities'])['bounding']).map((cap) => word(cap).replace(/^CAP_/, ''));
  const added = bounding.filter((cap) => !DEFAULT_CAPS.has(cap));
  return {
    name: word(object(status['metadata'])['name']),
    engine: 'cri',
    image: word(status['imageRef']),
    user: userOf(process['user']),
    apparmor: root.has('sys/kernel/security/apparmor') ? word(process['apparmorProfile']) : null,
    selinux: root.has('sys/fs/selinux') ? word(process['selinuxLabel']) : null,
    capAdd: added,
    privileged:
      added.includes('SYS_ADMIN') && linux['seccomp'] === undefined && list(linux['maskedPaths']).length === 0,
    mounts: list(status['mounts']).map((mount) => ({
      source: word(object(mount)['hostPath']),
      target: word(object(mount)['containerPath']),
      rw: object(mount)['readonly'] !== true,
      propagation: /BIDIRECTIONAL/.test(word(object(mount)['propagation'])) ? 'rshared' : 'private',
    })),
    ports: [],
    networkMode: missing('network'),
    pidMode: missing('pid'),
    ipcMode: missing('ipc'),
    utsMode: missing('uts'),
    usernsMode: '',
    memoryBytes: number(object(resources['memory'])['limit']),
    cpuShares: number(object(resources['cpu'])['shares']) <= 2 ? 0 : number(object(resources['cpu'])['shares']),
    readonlyRootfs: object(spec['root'])['readonly'] === true,
    restart: { name: '', max: 0 },
    devices: list(linux['devices']).length,
    ulimits: 0,
    seccompUnconfined: linux['seccomp'] === undefined,
    cgroupParent: '',
    noNewPrivileges: process['noNewPrivileges'] === true,
    healthcheck: null,
    pidsLimit: number(object(resources['pids'])['limit']),
    networks: [],
    processes: processesOf(number(info['pid']), root),
  };
}

const LISTS: Readonly<Record<string, string>> = {
  host: 'hosts',
  H: 'hosts',
  'insecure-registry': 'insecure-registries',
  'storage-opt': 'storage-opts',
  'authorization-plugin': 'authorization-plugins',
  'default-ulimit': 'default-ulimits',
};
/** Options of dockerd that stand alone. */
const SWITCHES = new Set(
  'D debug experimental icc ip-forward ip-masq iptables ip6tables ipv6 live-restore no-new-privileges raw-logs rootless selinux-enabled tls tlsverify userland-proxy validate'.split(
    ' ',
  ),
);

/** What the running daemon was told on its command line, by the names that daemon.json has for the same (dockerd(8)). */
export function daemonArguments(root: Root): Json {
  const pid = root.list('proc').find((name) => /^\d+$/.test(name) && root.line(`proc/${name}/comm`) === 'dockerd');
  const words = pid === undefined ? [] : (root.text(`proc/${pid}/cmdline`) ?? '').split('\0').slice(1);
  const found: Record<string, unknown> = {};
  for (let at = 0; at < words.length; at++) {
    const [, key = '', given] = /^--?([A-Za-z][A-Za-z0-9-]*)(?:=(.*))?$/s.exec(words[at] ?? '') ?? [];
    if (key === '') continue;
    const value = given ?? (SWITCHES.has(key) ? 'true' : (words[++at] ?? ''));
    const name = LISTS[key] ?? (key === 'l' ? 'log-level' : key === 'D' ? 'debug' : key);
    if (LISTS[key] !== undefined) found[name] = [...list(found[name]), value];
    else found[name] = /^(?:true|false)$/i.test(value) ? value.toLowerCase() === 'true' : value;
  }
  return found;
}

function insecureOf(root: Root): string[] {
  const files = [
    'etc/containers/registries.conf',
    ...root.list('etc/containers/registries.conf.d').map((name) => `etc/containers/registries.conf.d/${name}`),
  ];
  return files.flatMap((file) =>
    list(readToml(root.text(file))['registry'])
      .map(object)
      .filter((one) => one['insecure'] === true)
      .map((one) => word(one['location']) || word(one['prefix'])),
  );
}

/** Podman's own file of settings in one list, and what its policy does with what it does not name. */
function podmanSettings(root: Root): Json {
  const merged: Record<string, unknown> = {};
  for (const file of ['usr/share/containers/containers.conf', 'etc/containers/containers.conf']) {
    const { containers, engine } = readToml(root.text(file)) as Json & { containers?: unknown; engine?: unknown };
    Object.assign(merged, object(containers), object(engine));
  }
  const policy = readJson(root.text('etc/containers/policy.json'));
  const [first] = list(object(policy)['default']);
  if (first !== undefined) merged['policy.default'] = word(object(first)['type']);
  return merged;
}

function readToml(text: string | null): Json {
  try {
    return text === null ? {} : (parseToml(text) as Json);
  } catch {
    return {}; // the engine itself refuses such a file and says so
  }
}

function readJson(text: string | null): Json | null {
  try {
    return text === null ? null : object(JSON.parse(text));
  } catch {
    return null; // as above
  }
}
