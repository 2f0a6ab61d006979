/** Finds containers that the platform did not start, by what the kernel shows of them and what their engines wrote down. */
import { constants, readFileSync, readlinkSync } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { STRANGER_TEXT_MAX, STRANGERS_MAX, type Stranger } from '../../prevent/index.ts';
import { O_PATH } from '../../system/plain-file.ts';

/** Bytes of an engine's file about its containers; a large host's list of names has some hundred kilobytes. */
const FILE_BYTES_MAX = 8 * 1024 * 1024;
const ANCESTORS_MAX = 64;
/** Processes looked at before others have their turn: one to two milliseconds. */
const AT_A_TIME = 64;
/** A container that no engine names: called after its processes' namespace. */
const NAMELESS = 'ns-';
/** The innermost part of a path that is named so: above it may be the group of a pod. */
const NAMED = /^.*(?:^|[/-])([0-9a-f]{64})(?:\.scope)?(?:\/|$)/;

/** Below it users name control groups as they like, also as the platform's containers are called; those lie elsewhere. */
const OF_USERS = /(?:^|\/)user\.slice\//;

interface ProcessSight {
  readonly pid: number;
  readonly ppid: number;
  readonly started: number;
  readonly uid: number;
  readonly cgroup: string;
  readonly pidNamespace: string;
  readonly mountNamespace: string;
  readonly command: string;
}

/** Whose containers are the platform's own: by the engine's id, or by the processes that made them. */
export interface OwnContainers {
  isOwn(id: string): boolean;
  /** Processes below which everything is the platform's, such as a build or a scan. */
  readonly makers: ReadonlySet<number>;
  /** Its own program: what root started of it by hand is the platform's too, such as a scan without a server. */
  readonly node: string;
}

/** What was learned of a process that still is the one it was. */
const known = new Map<number, { started: number; sight: ProcessSight | null }>();

/**
 * All containers of this machine but the platform's own. A container is a process with other processes and mounts in sight than
 * the host's, or one in a control group that an engine names after a container.
 */
export async function findStrangers(own: OwnContainers, root = '/proc'): Promise<Stranger[]> {
  const host = namespacesOf(root, 'self');
  if (host === null) return [];
  const sights = await lookAtProcesses(root, host);
  const isBelowMaker = (pid: number): boolean => {
    // Looked at anew: by a number that became another's a container could stand below what never made it.
    for (let at = pid, n = 0; at > 1 && n < ANCESTORS_MAX; n++) {
      if (own.makers.has(at)) return true;
      const sight = sightOf(root, at);
      if (sight === null) return false;
      if (sight.uid === 0 && sight.mountNamespace === host.mount && programOf(root, at) === own.node) return true;
      at = sight.ppid;
    }
    return false;
  };
  const found = new Map<string, Stranger>();
  const monitors = monitorsOf(sights.all);
  // Of one that is not the container's parent root's word counts alone: anybody could call another's container as they like.
  const bundles = new Map([...monitors.values()].flatMap(({ id, bundle, uid }) => (uid === 0 ? [[id, bundle]] : [])));
  const namedBy = ({ cgroup }: ProcessSight): string | undefined => {
    const id = NAMED.exec(cgroup)?.[1];
    return id !== undefined && OF_USERS.test(cgroup) && own.isOwn(id) ? undefined : id;
  };
  const seen = new Set<string>();
  // Those with a name of the kernel's first: what others say of themselves takes no name from them. The oldest process of each is its first.
  const isNamed = (one: ProcessSight): number => (namedBy(one) === undefined ? 1 : 0);
  for (const one of sights.inside.sort((a, b) => isNamed(a) - isNamed(b) || a.started - b.started || a.pid - b.pid)) {
    const given = namedBy(one) ?? NAMELESS + one.pidNamespace;
    if (seen.has(given) || own.isOwn(given) || found.size >= STRANGERS_MAX || isBelowMaker(one.pid)) continue;
    seen.add(given);
    // An engine of an ordinary user may have no control group to name: then its monitor says which one it is, as anybody could.
    const claimed = given.startsWith(NAMELESS) ? monitors.get(one.ppid)?.id : undefined;
    const isFree = claimed !== undefined && !own.isOwn(claimed) && !found.has(claimed);
    const id = isFree ? claimed : given;
    const parent = monitors.get(one.ppid);
    const bundle = (parent?.id === id ? parent.bundle : bundles.get(id)) ?? null;
    // A container within one that is known: what runs in an engine that itself runs in a container.
    found.set(id, { id, ...(await describe(one, id, bundle)) });
  }
  return [...found.values()];
}

/** Whether no engine made it: any program that shuts itself in looks so, if only for a moment. */
export function isNameless({ id }: Stranger): boolean {
  return id.startsWith(NAMELESS);
}

/** Ends it, whatever started it: its first process takes all others with it, or all of its control group goes. */
export async function stopStranger(stranger: Stranger, root = '/proc'): Promise<string> {
  const host = namespacesOf(root, 'self');
  const first = sightOf(root, stranger.pid);
  // The number may be another's by now.
  if (host === null || first === null || first.started !== stranger.started) return 'it had ended';
  if (first.pidNamespace !== host.pid) {
    kill(first.pid);
    return `killed its first process, ${first.pid}`;
  }
  let killed = 0;
  for (const one of (await lookAtProcesses(root, host)).inside) {
    if (one.cgroup !== first.cgroup) continue;
    kill(one.pid);
    killed++;
  }
  return `killed ${killed} processes of its control group`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

async function lookAtProcesses(
  root: string,
  host: { readonly pid: string; readonly mount: string },
): Promise<{ all: ProcessSight[]; inside: ProcessSight[] }> {
  const all: ProcessSight[] = [];
  const there = new Set<number>();
  for (const name of await readdir(root)) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    there.add(pid);
    // The kernel answers these from memory in microseconds; handing each to another thread costs ten times that.
    if (there.size % AT_A_TIME === 0) await setImmediate();
    const before = known.get(pid)?.sight;
    // Most processes are the host's and stay so: of those the one link is read that says it.
    const stays = before?.mountNamespace === host.mount && mountOf(root, pid) === host.mount;
    const sight = stays ? before : sightOf(root, pid);
    if (sight !== null) all.push(sight);
  }
  for (const pid of known.keys()) if (!there.has(pid)) known.delete(pid);
  const inside = all.filter(
    ({ pidNamespace, mountNamespace, cgroup }) =>
      mountNamespace !== host.mount &&
      (pidNamespace !== host.pid || (NAMED.test(cgroup) && !cgroup.includes('conmon-'))),
  );
  return { all, inside };
}

/** A process as it was seen; looked at anew only when its number became another's, or its program changed. */
function sightOf(root: string, pid: number): ProcessSight | null {
  try {
    const stat = readFileSync(`${root}/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [ppid, started] = [Number(fields[1]), Number(fields[19])];
    const namespaces = namespacesOf(root, String(pid));
    if (namespaces === null) return null;
    const before = known.get(pid);
    if (
      before?.sight != null &&
      before.started === started &&
      // Whose parent ended has another: the old one's number may be anybody's by now.
      before.sight.ppid === ppid &&
      before.sight.pidNamespace === namespaces.pid &&
      before.sight.mountNamespace === namespaces.mount
    )
      return before.sight;
    const status = readFileSync(`${root}/${pid}/status`, 'utf8');
    const command = readFileSync(`${root}/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const sight: ProcessSight = {
      ...{ pid, ppid, started, uid: Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? 0) },
      ...{ pidNamespace: namespaces.pid, mountNamespace: namespaces.mount, command },
      cgroup: cgroupOf(readFileSync(`${root}/${pid}/cgroup`, 'utf8')),
    };
    // What a kernel thread has is never another; an engine's helper may enter a container yet.
    known.set(pid, { started, sight });
    return sight;
  } catch {
    return null; // it ended meanwhile
  }
}

function mountOf(root: string, pid: number): string | null {
  return linkOf(`${root}/${pid}/ns/mnt`);
}

function programOf(root: string, pid: number): string | null {
  return linkOf(`${root}/${pid}/exe`);
}

/** Null when the process ended meanwhile. */
function linkOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function namespacesOf(root: string, pid: string): { pid: string; mount: string } | null {
  try {
    const [own, mount] = [readlinkSync(`${root}/${pid}/ns/pid`), readlinkSync(`${root}/${pid}/ns/mnt`)];
    return { pid: /\d+/.exec(own)?.[0] ?? '', mount };
  } catch {
    return null; // it ended meanwhile, or is none of ours to look at
  }
}

/** The path that names a container, of whichever hierarchy; else the unified one, else the first. */
export function cgroupOf(text: string): string {
  const paths = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(':').slice(2).join(':'));
  return paths.find((path) => NAMED.test(path)) ?? paths.find((path) => path !== '/') ?? '/';
}

interface Monitor {
  readonly id: string;
  readonly bundle: string;
  readonly uid: number;
}

/** Which container each monitor keeps, and where its bundle lies, by its command line: `conmon … -c ID … -b FOLDER`. */
function monitorsOf(processes: readonly ProcessSight[]): Map<number, Monitor> {
  const monitors = new Map<number, Monitor>();
  for (const { pid, uid, command } of processes) {
    const words = command.split(' ');
    if (!(words[0] ?? '').endsWith('conmon')) continue;
    const after = (option: string): string | undefined => words[words.indexOf(option) + 1];
    const [id, bundle] = [after('-c'), after('-b')];
    if (id === undefined || !/^[0-9a-f]{64}$/.test(id) || bundle?.startsWith('/') !== true) continue;
    // A session of `exec` has a monitor of its own, whose folder lies below that of the container.
    const end = bundle.indexOf(`/${id}/userdata`);
    monitors.set(pid, { id, uid, bundle: end === -1 ? bundle : bundle.slice(0, end + `/${id}/userdata`.length) });
  }
  return monitors;
}

type Described = Omit<Stranger, 'id'>;

async function describe(one: ProcessSight, id: string, bundle: string | null): Promise<Described> {
  const { pid, started, uid, command, cgroup } = one;
  const told =
    (await askPodman(id, bundle)) ?? (await askDocker(id)) ?? (await askContainerd(id)) ?? (await askRunc(pid));
  const engine = told?.engine ?? engineOf(cgroup);
  return {
    ...{ engine, name: cut(told?.name ?? null), image: cut(told?.image ?? null), pid, started, uid },
    ...{ command: command.slice(0, STRANGER_TEXT_MAX), cgroup: cgroup.slice(0, STRANGER_TEXT_MAX) },
  };
}

interface Told {
  readonly engine: Stranger['engine'];
  readonly name: string | null;
  readonly image: string | null;
}

/** containers.json of containers/storage, beside the bundle: names, and the image's name in the metadata. */
async function askPodman(id: string, bundle: string | null): Promise<Told | null> {
  if (bundle === null) return null;
  const list = await readJson(join(bundle, '..', '..', 'containers.json'));
  if (!Array.isArray(list)) return { engine: 'podman', name: null, image: null };
  const found = list.find((one) => recordOf(one)['id'] === id);
  const metadata = textOf(recordOf(found)['metadata']);
  const image = metadata === null ? null : textOf(recordOf(parse(metadata))['image-name']);
  const names = recordOf(found)['names'];
  const isCrio = bundle.includes('/crio/');
  return { engine: isCrio ? 'cri-o' : 'podman', name: Array.isArray(names) ? textOf(names[0]) : null, image };
}

async function askDocker(id: string): Promise<Told | null> {
  const config = recordOf(await readJson(`/var/lib/docker/containers/${id}/config.v2.json`));
  const name = textOf(config['Name']);
  if (name === null) return null;
  return { engine: 'docker', name: name.replace(/^\//, ''), image: textOf(recordOf(config['Config'])['Image']) };
}

async function askContainerd(id: string): Promise<Told | null> {
  const tasks = '/run/containerd/io.containerd.runtime.v2.task';
  for (const namespace of await readdir(tasks).catch(() => [])) {
    const config = recordOf(await readJson(join(tasks, namespace, id, 'config.json')));
    if (Object.keys(config).length === 0) continue;
    const notes = recordOf(config['annotations']);
    const name = textOf(notes['io.kubernetes.cri.container-name']) ?? textOf(notes['nerdctl/name']);
    return { engine: 'containerd', name, image: textOf(notes['io.kubernetes.cri.image-name']) };
  }
  return null;
}

/** What was started by a runtime alone: its state names its first process. */
async function askRunc(pid: number): Promise<Told | null> {
  for (const engine of ['runc', 'crun'] as const) {
    for (const name of await readdir(`/run/${engine}`).catch(() => [])) {
      const state = recordOf(await readJson(`/run/${engine}/${name}/state.json`));
      if (state['init_process_pid'] === pid) return { engine, name, image: null };
      const status = recordOf(await readJson(`/run/${engine}/${name}/status`));
      if (status['pid'] === pid) return { engine, name, image: null };
    }
  }
  return null;
}

function engineOf(cgroup: string): Stranger['engine'] {
  if (cgroup.includes('libpod')) return 'podman';
  if (cgroup.includes('docker')) return 'docker';
  if (cgroup.includes('cri-containerd')) return 'containerd';
  return cgroup.includes('crio') ? 'cri-o' : 'unknown';
}

/**
 * Of an ordinary user's engine it lies where that user says: what would never end, or is no file, is not read; nor is a device so
 * much as opened, which begins something with many of them (a watchdog restarts the machine).
 */
async function readJson(path: string): Promise<unknown> {
  const seen = await open(path, O_PATH).catch(() => null);
  if (seen === null) return null;
  try {
    const about = await seen.stat();
    if (!about.isFile() || about.size > FILE_BYTES_MAX) return null;
    const file = await open(`/proc/self/fd/${seen.fd}`, constants.O_RDONLY);
    try {
      return parse(await file.readFile('utf8'));
    } finally {
      await file.close();
    }
  } catch {
    return null;
  } finally {
    await seen.close();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // written by somebody else, perhaps just now
  }
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

function cut(text: string | null): string | null {
  return text === null ? null : text.slice(0, STRANGER_TEXT_MAX);
}
