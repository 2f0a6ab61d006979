import { open, readdir, readlink } from 'node:fs/promises';
import {
  EVIDENCE_OPEN_FILES_MAX,
  EVIDENCE_PROCESSES_MAX,
  EVIDENCE_TEXT_BYTES_MAX,
} from '../../respond/evidence/limits.ts';

/** A process as proc(5) tells it, without anything that its environment holds but the names. */
export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  /** Its number inside the container. */
  readonly pidInside: number;
  readonly name: string;
  readonly commandLine: readonly string[];
  readonly executable: string | null;
  readonly folder: string | null;
  readonly root: string | null;
  readonly state: string;
  readonly uids: string;
  readonly gids: string;
  readonly capabilities: string;
  readonly noNewPrivileges: boolean;
  readonly seccomp: string;
  readonly threads: number;
  /** Clock ticks after the start of the machine (field 22 of stat). */
  readonly startTicks: string;
  readonly environmentNames: readonly string[];
  readonly openFiles: readonly { readonly fd: number; readonly target: string }[];
  readonly namespaces: Readonly<Record<string, string>>;
}

const NAMESPACES = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;

/** The processes whose cgroup is the container's, by asking every process: also what was put there by `exec`. */
export async function processesOf(containerId: string): Promise<{ pids: number[]; whole: boolean }> {
  const pids: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const cgroup = await readProc(`/proc/${name}/cgroup`);
    if (cgroup !== null && isOfContainer(cgroup, containerId)) pids.push(Number(name));
  }
  pids.sort((one, other) => one - other);
  return { pids: pids.slice(0, EVIDENCE_PROCESSES_MAX), whole: pids.length <= EVIDENCE_PROCESSES_MAX };
}

/** The engine's own process beside a container (conmon) has its id in the name of its cgroup, and is a process of the host. */
export function isOfContainer(cgroup: string, containerId: string): boolean {
  return cgroup.includes(containerId) && !cgroup.includes(`conmon-${containerId}`);
}

/** Null when it ended meanwhile. */
export async function describeProcess(pid: number): Promise<ProcessFacts | null> {
  const folder = `/proc/${pid}`;
  const [status, stat] = [await readProc(`${folder}/status`), await readProc(`${folder}/stat`)];
  if (status === null || stat === null) return null;
  const field = (name: string): string =>
    new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]?.replaceAll('\t', ' ').trim() ?? '';
  const environment = (await readProc(`${folder}/environ`)) ?? '';
  const namespaces: Record<string, string> = {};
  for (const name of NAMESPACES) {
    const target = await link(`${folder}/ns/${name}`);
    if (target !== null) namespaces[name] = target;
  }
  return {
    pid,
    ppid: Number(field('PPid')),
    pidInside: Number(field('NSpid').split(' ').at(-1)),
    name: field('Name'),
    commandLine: ((await readProc(`${folder}/cmdline`)) ?? '').split('\0').slice(0, -1),
    executable: await link(`${folder}/exe`),
    folder: await link(`${folder}/cwd`),
    root: await link(`${folder}/root`),
    state: field('State'),
    uids: field('Uid'),
    gids: field('Gid'),
    capabilities: field('CapEff'),
    noNewPrivileges: field('NoNewPrivs') === '1',
    seccomp: field('Seccomp'),
    threads: Number(field('Threads')),
    // The name, in parentheses, may hold spaces and parentheses itself.
    startTicks: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '',
    environmentNames: namesOf(environment),
    openFiles: await openFiles(folder),
    namespaces,
  };
}

/** Names only: values are where credentials are. */
export function namesOf(environment: string): string[] {
  const names = environment.split('\0').flatMap((entry) => {
    const at = entry.indexOf('=');
    return at > 0 ? [entry.slice(0, at).slice(0, 300)] : [];
  });
  return [...new Set(names)].sort();
}

async function openFiles(folder: string): Promise<ProcessFacts['openFiles']> {
  const found: { fd: number; target: string }[] = [];
  let names: string[] = [];
  try {
    names = await readdir(`${folder}/fd`);
  } catch {
    // It ended, or is a zombie: it has none.
    return found;
  }
  for (const name of names.map(Number).sort((one, other) => one - other)) {
    if (found.length >= EVIDENCE_OPEN_FILES_MAX) break;
    const target = await link(`${folder}/fd/${name}`);
    if (target !== null) found.push({ fd: name, target });
  }
  return found;
}

async function link(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch {
    // Ended meanwhile, or a kernel thread.
    return null;
  }
}

/** A file of /proc, whose size nobody knows before; cut at the limit. Null when there is none (any more). */
export async function readProc(path: string, most = EVIDENCE_TEXT_BYTES_MAX): Promise<string | null> {
  try {
    const file = await open(path, 'r');
    try {
      const pieces: Buffer[] = [];
      let bytes = 0;
      while (bytes < most) {
        const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(64 * 1024, most - bytes)), 0);
        if (bytesRead === 0) break;
        pieces.push(buffer.subarray(0, bytesRead));
        bytes += bytesRead;
      }
      return Buffer.concat(pieces).toString('utf8');
    } finally {
      await file.close();
    }
  } catch {
    // The process ended while it was looked at.
    return null;
  }
}

export interface Socket {
  readonly protocol: string;
  readonly local: string;
  readonly remote: string;
  readonly state: string;
  readonly uid: number;
  readonly inode: string;
  /** Processes that hold it open. */
  readonly pids: readonly number[];
}

/** The states of /proc/net/tcp (include/net/tcp_states.h). */
const TCP_STATES = [
  ...['', 'established', 'syn-sent', 'syn-received', 'fin-wait-1', 'fin-wait-2', 'time-wait', 'close', 'close-wait'],
  ...['last-ack', 'listen', 'closing', 'new-syn-received'],
];

/** Reads a table of /proc/net (`tcp`, `tcp6`, `udp`, `udp6`, `raw`, `raw6`). */
export function readSockets(
  protocol: string,
  table: string,
  holders: ReadonlyMap<string, readonly number[]>,
): Socket[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local, remote, state, , , , uid, , inode] = line.trim().split(/\s+/);
      if (local === undefined || remote === undefined || inode === undefined) return [];
      return [
        {
          protocol,
          local: socketAddress(local),
          remote: socketAddress(remote),
          state: TCP_STATES[Number.parseInt(state ?? '0', 16)] ?? '',
          uid: Number(uid),
          inode,
          pids: holders.get(inode) ?? [],
        },
      ];
    });
}

/** `0100007F:1F90`: words of 32 bits, each in the byte order of the machine, then the port. */
export function socketAddress(written: string): string {
  const [words = '', port = '0'] = written.split(':');
  const bytes = [...words.matchAll(/.{8}/g)].flatMap(([word]) => [...Buffer.from(word, 'hex')].reverse());
  const number = Number.parseInt(port, 16);
  if (bytes.length === 4) return `${bytes.join('.')}:${number}`;
  const groups = Array.from({ length: 8 }, (_, at) =>
    (((bytes[at * 2] ?? 0) << 8) | (bytes[at * 2 + 1] ?? 0)).toString(16),
  );
  return `[${new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1)}]:${number}`;
}

/** Which processes hold a socket, by its inode. */
export function socketHolders(processes: readonly ProcessFacts[]): Map<string, number[]> {
  const holders = new Map<string, number[]>();
  for (const { pid, openFiles: files } of processes) {
    for (const { target } of files) {
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) holders.set(inode, [...new Set([...(holders.get(inode) ?? []), pid])]);
    }
  }
  return holders;
}

/** As a person reads it: a line a process, below its parent. */
export function processTreeText(processes: readonly ProcessFacts[]): string {
  const known = new Set(processes.map(({ pid }) => pid));
  const lines: string[] = [];
  const visit = (one: ProcessFacts, depth: number): void => {
    lines.push(
      `${'  '.repeat(depth)}${one.pid} (${one.pidInside}) uid ${one.uids.split(' ')[0]}  ${one.commandLine.join(' ') || one.name}`,
    );
    for (const child of processes) if (child.ppid === one.pid && child !== one) visit(child, depth + 1);
  };
  for (const one of processes) if (!known.has(one.ppid)) visit(one, 0);
  return `${lines.join('\n')}\n`;
}
