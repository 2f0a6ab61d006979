import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../system/index.ts';

/** A process named so that a reused pid is never taken for it: proc(5), stat field 22, in clock ticks since boot. */
export interface ProcessId {
  readonly pid: number;
  readonly start: string;
}

/** USER_HZ, in which the kernel reports times to user space on every Linux architecture we run on. */
const TICKS_PER_SECOND = 100;

/** The process that a pid file names, when it still runs; null otherwise. */
export async function readPidFile(path: string): Promise<ProcessId | null> {
  const text = await readFile(path, 'utf8').catch(missing);
  const [pid, start] = text?.trim().split(' ') ?? [];
  if (pid === undefined || start === undefined || !/^[1-9]\d{0,9}$/.test(pid) || !/^\d+$/.test(start)) return null;
  const id = { pid: Number(pid), start };
  return (await isRunning(id)) ? id : null;
}

/** The identity of a process that runs. */
export async function identify(pid: number): Promise<ProcessId> {
  const stat = await readStat(pid);
  if (stat === null) throw new RangeError(`process ${pid} does not run`);
  return { pid, start: stat.start };
}

export async function isRunning(id: ProcessId): Promise<boolean> {
  const stat = await readStat(id.pid);
  return stat !== null && stat.start === id.start && stat.state !== 'Z';
}

/** When the process was started, RFC 3339. */
export async function startedAt(id: ProcessId): Promise<string | null> {
  const stat = await readFile('/proc/stat', 'utf8').catch(missing);
  const boot = /^btime (\d+)$/m.exec(stat ?? '')?.[1];
  if (boot === undefined) return null;
  return new Date((Number(boot) + Number(id.start) / TICKS_PER_SECOND) * 1000).toISOString();
}

/**
 * Ends a process: TERM, then KILL after the grace time, checking its identity before each signal.
 * Resolves true when it is gone.
 */
export async function endProcess(id: ProcessId, options: { clock: Clock; graceMs: number }): Promise<boolean> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isRunning(id))) return true;
    if (!signalProcess(id.pid, signal)) return true;
    const deadline = options.clock.monotonicMs() + (signal === 'SIGTERM' ? options.graceMs : 2_000);
    while (options.clock.monotonicMs() < deadline) {
      if (!(await isRunning(id))) return true;
      await options.clock.sleep(25);
    }
  }
  return !(await isRunning(id));
}

/** False when the process was gone already. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** All processes with their parents and owners, for memory and for what an instance's users still run. */
export async function listProcesses(): Promise<{ id: ProcessId; parent: number; uid: number }[]> {
  const found: { id: ProcessId; parent: number; uid: number }[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const pid = Number(entry);
    const stat = await readStat(pid);
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(missing);
    const uid = /^Uid:\s+(\d+)/m.exec(status ?? '')?.[1];
    if (stat === null || uid === undefined || stat.state === 'Z') continue;
    found.push({ id: { pid, start: stat.start }, parent: stat.parent, uid: Number(uid) });
  }
  return found;
}

/** Proportional set size, bytes: memory shared by several processes is counted once in their sum. Null without rights. */
export async function memoryBytes(pid: number): Promise<number | null> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(missing);
  const kib = /^Pss:\s+(\d+) kB$/m.exec(text ?? '')?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/** The process and all below it. */
export function descendants(root: number, all: readonly { id: ProcessId; parent: number }[]): number[] {
  const found = [root];
  for (const parent of found) {
    for (const process of all) if (process.parent === parent) found.push(process.id.pid);
  }
  return found;
}

/** Processes that listen on a Unix socket below a folder: what a program of ours started and left behind. */
export async function socketOwners(folder: string): Promise<ProcessId[]> {
  const inodes = new Set<string>();
  for (const line of ((await readFile('/proc/net/unix', 'utf8').catch(missing)) ?? '').split('\n')) {
    // Num RefCount Protocol Flags Type St Inode Path; flag 00010000 is __SO_ACCEPTCON (net/unix/af_unix.c)
    const [, , , flags, , , inode, path] = line.trim().split(/\s+/);
    if (flags === '00010000' && inode !== undefined && path?.startsWith(`${folder}/`) === true) inodes.add(inode);
  }
  const owners: ProcessId[] = [];
  if (inodes.size === 0) return owners;
  for (const pid of await socketHolders(inodes)) {
    const stat = await readStat(pid);
    if (stat !== null) owners.push({ pid, start: stat.start });
  }
  return owners;
}

/** Ends what still listens below a folder of ours, such as the engine service of an agent that was killed. */
export async function endSocketOwners(folder: string, options: { clock: Clock; graceMs: number }): Promise<void> {
  for (const owner of await socketOwners(folder)) {
    if (owner.pid !== process.pid) await endProcess(owner, options);
  }
}

/** Which process listens on a local TCP port, where our rights show it: `nginx (pid 812)`. */
export async function listenerOf(port: number): Promise<string | null> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = ((await readFile(table, 'utf8').catch(missing)) ?? '').split('\n').slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      // st 0A is TCP_LISTEN (include/net/tcp_states.h)
      if (fields[3] !== '0A') continue;
      const local = fields[1]?.split(':')[1];
      if (local !== undefined && Number.parseInt(local, 16) === port && fields[9] !== undefined) inodes.add(fields[9]);
    }
  }
  if (inodes.size === 0) return null;
  for (const pid of await socketHolders(inodes)) {
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(missing);
    return `${(name ?? '?').trim()} (pid ${pid})`;
  }
  return null;
}

/** Processes that have one of these sockets open, as far as our rights show. */
async function socketHolders(inodes: ReadonlySet<string>): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    for (const descriptor of await readdir(`/proc/${entry}/fd`).catch(() => [])) {
      const target = await readlink(join('/proc', entry, 'fd', descriptor)).catch(missing);
      const inode = /^socket:\[(\d+)\]$/.exec(target ?? '')?.[1];
      if (inode === undefined || !inodes.has(inode)) continue;
      found.push(Number(entry));
      break;
    }
  }
  return found;
}

async function readStat(pid: number): Promise<{ state: string; parent: number; start: string } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(missing);
  if (text === null) return null;
  // The command name may hold spaces and brackets: fields are counted from after the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent, start] = [fields[0], fields[1], fields[19]];
  return state === undefined || parent === undefined || start === undefined
    ? null
    : { state, parent: Number(parent), start };
}

/** A process may end, and its files vanish or close to us, between any two looks at /proc. */
function missing(error: NodeJS.ErrnoException): null {
  if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM', 'EINVAL'].includes(error.code ?? '')) return null;
  throw error;
}
