/** What /proc says of a process that was there before the sensor, or whose birth was not seen. */
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import {
  decodeText,
  EXE_FLAG,
  type HostMount,
  hostMounts,
  type LivingFacts,
  type ProcessFacts,
  TICK_NS,
} from '../events/index.ts';
import type { ImagePrograms } from './image-programs.ts';
import { ENVIRONMENT_BYTES_MAX, MOUNT_TABLE_BYTES_MAX, PASSWD_BYTES_MAX, PROC_TEXT_BYTES_MAX } from './limits.ts';

const CONTAINER_ID = /^(?:(?:libpod|docker|crio|cri-containerd)-)?([0-9a-f]{64})(?:\.scope)?$/;
const POD_MONITORS = /^\/libpod_parent\/[0-9a-f]{64}\/conmon$/;

/** One for all: an environment may be asked for at each program that starts. */
const memory = Buffer.allocUnsafeSlow(Math.max(PROC_TEXT_BYTES_MAX, ENVIRONMENT_BYTES_MAX));

function readBounded(path: string, max = PROC_TEXT_BYTES_MAX): string {
  const fd = openSync(path, 'r');
  try {
    return decodeText(memory, 0, readSync(fd, memory, 0, max, 0));
  } finally {
    closeSync(fd);
  }
}

/** The kernel gives long lists a page at a time. */
function readPages(path: string, max: number): string {
  const fd = openSync(path, 'r');
  try {
    const pages: Buffer[] = [];
    for (let length = 0; length < max; ) {
      const page = Buffer.alloc(Math.min(PROC_TEXT_BYTES_MAX, max - length));
      const read = readSync(fd, page, 0, page.length, null);
      if (read === 0) break;
      pages.push(page.subarray(0, read));
      length += read;
    }
    return Buffer.concat(pages).toString('utf8');
  } finally {
    closeSync(fd);
  }
}

function readLink(path: string): string {
  try {
    const target = readlinkSync(path, { encoding: 'buffer' });
    return decodeText(target, 0, target.length);
  } catch {
    return ''; // a kernel thread has none, another user's needs more rights
  }
}

const DELETED = ' (deleted)';
const MEMFD = '/memfd:';

/**
 * The path of the program that a process runs, as records have it. The kernel writes behind it that its file is gone; a file whose
 * name ends so is known by being there.
 */
export function programOf(pid: number): { readonly path: string; readonly isDeleted: boolean } {
  const target = readLink(`/proc/${pid}/exe`);
  if (!target.endsWith(DELETED) || isThere(pid, target)) return { path: target, isDeleted: false };
  const path = target.slice(0, -DELETED.length);
  return { path: path.startsWith(MEMFD) ? path.slice(1) : path, isDeleted: true };
}

function isThere(pid: number, path: string): boolean {
  try {
    const [own, named] = [statSync(`/proc/${pid}/exe`), lstatSync(`/proc/${pid}/root${path}`)];
    return own.ino === named.ino && own.dev === named.dev;
  } catch {
    return false;
  }
}

/** Reads a process, or null when it is gone or not readable. */
export function readProcess(pid: number): ProcessFacts | null {
  try {
    const stat = readBounded(`/proc/${pid}/stat`);
    const close = stat.lastIndexOf(')');
    const name = stat.slice(stat.indexOf('(') + 1, close);
    const fields = stat.slice(close + 2).split(' '); // from the third field, "state"
    const status = readBounded(`/proc/${pid}/status`);
    const number = (key: string): number => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
    const mask = (key: string): bigint =>
      BigInt(`0x${new RegExp(`^${key}:\\s+([0-9a-f]+)`, 'm').exec(status)?.[1] ?? '0'}`);
    const line = readBounded(`/proc/${pid}/cmdline`);
    const words = line.split('\0');
    if (words.at(-1) === '') words.pop();
    const program = programOf(pid);
    const inner = /^NSpid:.*\t(\d+)$/m.exec(status)?.[1];
    return {
      pid,
      startedNs: Number(fields[19] ?? 0) * TICK_NS,
      ppid: Number(fields[1] ?? 0),
      parentStartedNs: 0,
      name,
      parentName: '',
      exe: words[0] ?? '',
      exePath: program.path,
      args: words.slice(1),
      cwd: readLink(`/proc/${pid}/cwd`),
      uid: number('Uid'),
      gid: number('Gid'),
      loginUid: 0xffffffff,
      tty: Number(fields[4] ?? 0),
      session: Number(fields[3] ?? 0),
      innerPid: inner === undefined ? pid : Number(inner),
      // Ended by a NUL it is whole; who writes over its own command line may end it without.
      exeFlags:
        (line !== '' && !line.endsWith('\0') && Buffer.byteLength(line) >= PROC_TEXT_BYTES_MAX ? EXE_FLAG.cut : 0) |
        (program.isDeleted && program.path.startsWith(MEMFD.slice(1)) ? EXE_FLAG.memfd : 0),
      exeInode: 0,
      exeChangedNs: 0,
      exeModifiedNs: 0,
      capabilities: { inheritable: mask('CapInh'), permitted: mask('CapPrm'), effective: mask('CapEff') },
      execTimeNs: 0,
    };
  } catch {
    return null; // it ended meanwhile
  }
}

/** Which file a process was started from, as records say it; nothing when it is gone. */
export function readProgram(pid: number): Partial<Pick<ProcessFacts, 'exeInode' | 'exeChangedNs'>> {
  try {
    const { ino, ctimeNs } = statSync(`/proc/${pid}/exe`, { bigint: true });
    return { exeInode: Number(ino), exeChangedNs: Number(ctimeNs) };
  } catch {
    return {}; // it ended meanwhile
  }
}

/** What no record holds. Each file of /proc costs as much as many events, so none is read before its facts are asked for. */
export class LivingProcess implements LivingFacts {
  readonly pid: number;
  readonly #image: ImagePrograms;
  #environment: string | null | undefined;
  #groups: readonly number[] | undefined;
  #mounts: readonly HostMount[] | null | undefined;

  constructor(pid: number, image: ImagePrograms) {
    this.pid = pid;
    this.#image = image;
  }

  get environment(): string | null {
    if (this.#environment === undefined) this.#environment = this.#read('environ', ENVIRONMENT_BYTES_MAX);
    return this.#environment;
  }

  get isEnvironmentCut(): boolean {
    const { environment } = this;
    return (
      environment !== null && !environment.endsWith('\0') && Buffer.byteLength(environment) >= ENVIRONMENT_BYTES_MAX
    );
  }

  get group(): number | null {
    return this.#groupsOf()[0] ?? null;
  }

  get innerGroup(): number | null {
    return this.#groupsOf().at(-1) ?? null;
  }

  get isProgramDeleted(): boolean {
    return programOf(this.pid).isDeleted;
  }

  get commandLine(): string | null {
    return this.#read('cmdline', PROC_TEXT_BYTES_MAX)?.replaceAll('\0', ' ').trimEnd() ?? null;
  }

  isOfImage(process: ProcessFacts, containerId: string, mountNamespace: number): boolean {
    return this.#image.has(process, `${containerId} ${mountNamespace}`);
  }

  get mounts(): readonly HostMount[] | null {
    if (this.#mounts === undefined) {
      try {
        const own = readPages(`/proc/${this.pid}/mountinfo`, MOUNT_TABLE_BYTES_MAX);
        this.#mounts = hostMounts(own, readPages('/proc/self/mountinfo', MOUNT_TABLE_BYTES_MAX));
      } catch {
        this.#mounts = null; // it ended meanwhile
      }
    }
    return this.#mounts;
  }

  #groupsOf(): readonly number[] {
    this.#groups ??=
      /^NSpgid:\s+(.*)$/m
        .exec(this.#read('status', PROC_TEXT_BYTES_MAX) ?? '')?.[1]
        ?.split('\t')
        .map(Number) ?? [];
    return this.#groups;
  }

  #read(file: 'cmdline' | 'environ' | 'status', max: number): string | null {
    try {
      return readBounded(`/proc/${this.pid}/${file}`, max);
    } catch {
      return null; // it ended meanwhile
    }
  }
}

export function listProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The id of the container a process is in, by the names engines give their cgroups, or null. */
export function containerOf(pid: number): string | null {
  try {
    return containerIn(readBounded(`/proc/${pid}/cgroup`));
  } catch {
    return null; // it ended meanwhile
  }
}

/** The other containers in whose cgroups the process stands by their names; none where it is gone, or not in that one any more. */
export function containersAbove(pid: number, id: string): string[] {
  try {
    const named = containersIn(readBounded(`/proc/${pid}/cgroup`));
    return named.includes(id) ? named.filter((one) => one !== id) : [];
  } catch {
    return []; // it ended meanwhile
  }
}

/** All names of containers that stand in what /proc/PID/cgroup says. */
export function containersIn(cgroups: string): string[] {
  return cgroups.split('\n').flatMap((line) => {
    const path = line.slice(line.lastIndexOf(':') + 1);
    return path.split('/').flatMap((name) => CONTAINER_ID.exec(name)?.[1] ?? []);
  });
}

/**
 * The same of what /proc/PID/cgroup says, as the kernel's part of the sensor judges what is not known to be ours: the innermost name
 * counts, and monitors (libpod-conmon-ID.scope; with cgroupfs libpod_parent/ID/conmon beside the containers of a pod) are of the host.
 */
export function containerIn(cgroups: string): string | null {
  for (const line of cgroups.split('\n')) {
    const path = line.slice(line.lastIndexOf(':') + 1);
    if (POD_MONITORS.test(path)) continue;
    for (const name of path.split('/').reverse()) {
      const id = CONTAINER_ID.exec(name)?.[1];
      if (id !== undefined) return id;
    }
  }
  return null;
}

/** Users (or, from /etc/group, groups) of the host by number. */
export function readUsers(path = '/etc/passwd'): Map<number, string> {
  const users = new Map<number, string>();
  const text = readFileSync(path, 'utf8');
  if (text.length > PASSWD_BYTES_MAX) return users;
  for (const line of text.split('\n')) {
    const [name, , uid] = line.split(':');
    if (name !== undefined && uid !== undefined && /^\d+$/.test(uid) && !users.has(Number(uid)))
      users.set(Number(uid), name);
  }
  return users;
}

/** What loading and attaching need, by bit (include/uapi/linux/capability.h). CAP_SYS_ADMIN stands for the first two. */
const NEEDED: readonly (readonly [string, number])[] = [
  ['CAP_PERFMON', 38],
  ['CAP_BPF', 39],
  ['CAP_DAC_READ_SEARCH', 2],
];
const SYS_ADMIN = 21;

/** Capabilities that the sensor needs and this process has not, for error texts. */
export function missingCapabilities(): string[] {
  const text = /^CapEff:\s+([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const held = BigInt(`0x${text}`);
  const has = (bit: number): boolean => ((held >> BigInt(bit)) & 1n) === 1n;
  return NEEDED.filter(([, bit]) => !has(bit) && !(bit >= 38 && has(SYS_ADMIN))).map(([name]) => name);
}
