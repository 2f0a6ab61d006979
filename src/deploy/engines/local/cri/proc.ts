import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, readlink } from 'node:fs/promises';
import type { ProcessTable } from '../engine.ts';
import { engineFault } from '../errors.ts';
import { PROCESSES_SHOWN_MAX } from '../limits.ts';

/** symlink(7): more links on one way are a loop. */
const LINKS_MAX = 40;
const CLOCK_TICKS = 100;

/** No link, no waiting for who writes to a pipe, and no terminal that would become the agent's own and end it when it hangs up (open(2)). */
export const READ_ONE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Whether a process is inside a container now: numbers of processes are used again. */
export async function isInside(pid: number, containerId: string): Promise<boolean> {
  return ((await readOrNull(`/proc/${pid}/cgroup`)) ?? '').includes(containerId);
}

/** The processes of a container, as numbers of the host's, in their order. */
export async function pidsInside(containerId: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc'))
    if (/^\d+$/.test(name) && (await isInside(Number(name), containerId))) found.push(Number(name));
  return found.sort((a, b) => a - b);
}

/**
 * The process that came into a container by a command from outside, which the interface does not tell: new, with a parent
 * that is none of the container's. Of several, which other sessions and probes bring, the one of these words; null rather
 * than another's.
 */
export async function enteredSince(
  containerId: string,
  before: ReadonlySet<number>,
  command: readonly string[],
): Promise<number | null> {
  const inside = await pidsInside(containerId);
  const entered: number[] = [];
  for (const pid of inside) {
    if (before.has(pid)) continue;
    const parent = Number(fieldOf((await readOrNull(`/proc/${pid}/status`)) ?? '', 'PPid'));
    if (parent > 0 && !inside.includes(parent)) entered.push(pid);
  }
  const words = command.map((word) => `${word}\0`).join('');
  for (const pid of entered) if ((await readOrNull(`/proc/${pid}/cmdline`)) === words) return pid;
  return entered.length === 1 ? (entered[0] ?? null) : null;
}

/** The processes of a container by the kernel's account, with the numbers that they have themselves. */
export async function processesOf(containerId: string): Promise<ProcessTable> {
  const rows: string[][] = [];
  for (const pid of (await pidsInside(containerId)).slice(0, PROCESSES_SHOWN_MAX)) {
    const [status, line, stat] = await Promise.all(
      ['status', 'cmdline', 'stat'].map((file) => readOrNull(`/proc/${pid}/${file}`)),
    );
    if (status == null || stat == null) continue;
    const last = (field: string): string => fieldOf(status, field).split(/\s+/).at(-1) ?? '';
    const own = last('NSpid');
    // After the name in brackets, which may hold anything (proc(5)).
    const numbers = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (Number(numbers[11]) + Number(numbers[12])) / CLOCK_TICKS;
    const command = (line ?? '').replaceAll('\0', ' ').trim() || `[${fieldOf(status, 'Name')}]`;
    rows.push([fieldOf(status, 'Uid').split(/\s+/)[1] ?? '', own, `${seconds.toFixed(2)}s`, command.slice(0, 300)]);
  }
  return { titles: ['USER', 'PID', 'TIME', 'COMMAND'], processes: rows };
}

/** What went through the network of a process: all but the loopback. */
export async function networkUse(pid: number): Promise<{ readonly received: number; readonly sent: number }> {
  let [received, sent] = [0, 0];
  for (const line of ((await readOrNull(`/proc/${pid}/net/dev`)) ?? '').split('\n')) {
    const [name, rest] = line.split(':');
    if (rest === undefined || name?.trim() === 'lo') continue;
    const numbers = rest.trim().split(/\s+/).map(Number);
    received += numbers[0] ?? 0;
    sent += numbers[8] ?? 0;
  }
  return { received, sent };
}

/**
 * The network of a process: the one its default way leads through, and the host that it leads to (proc_pid_net: `route`
 * has addresses as little-endian words). Null when it has none.
 */
export async function segmentOf(pid: number): Promise<{ readonly network: string; readonly gateway: string } | null> {
  const rows = ((await readOrNull(`/proc/${pid}/net/route`)) ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'));
  const way = rows.find(([, destination, gateway]) => destination === '00000000' && gateway !== '00000000');
  const network = rows.find(
    ([name, destination, gateway]) => name === way?.[0] && destination !== '00000000' && gateway === '00000000',
  );
  if (way?.[2] === undefined || network?.[1] === undefined || network[7] === undefined) return null;
  const mask = Number.parseInt(network[7], 16);
  const bits = mask.toString(2).replaceAll('0', '').length;
  return { gateway: addressOf(way[2]), network: `${addressOf(network[1])}/${bits}` };
}

function addressOf(word: string): string {
  return (word.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

/**
 * Opens a file or folder as a running container sees it. Every name of the way is opened from the folder before it and
 * links are followed by hand, so that none leads out of the container's file system, whatever it does meanwhile.
 * Null when there is none.
 */
export async function openInside(pid: number, path: string): Promise<FileHandle | null> {
  const way: FileHandle[] = [await open(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY)];
  const names = path.split('/').filter((name) => name !== '');
  let links = 0;
  try {
    while (names.length > 0) {
      const name = names.shift() ?? '';
      const at = way.at(-1);
      if (name === '.' || at === undefined) continue;
      if (name === '..') {
        // Above its root there is the root.
        if (way.length > 1) await way.pop()?.close();
        continue;
      }
      const place = `/proc/self/fd/${at.fd}/${name}`;
      try {
        way.push(await open(place, READ_ONE));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENXIO') return null;
        if (code !== 'ELOOP') throw error;
        links += 1;
        if (links > LINKS_MAX)
          throw engineFault('engine.refused', { operation: `read ${path}`, why: 'links in a ring' });
        const target = await readlink(place);
        names.unshift(...target.split('/').filter((part) => part !== ''));
        if (target.startsWith('/')) while (way.length > 1) await way.pop()?.close();
      }
    }
    return way.pop() ?? null;
  } finally {
    await Promise.all(way.map((handle) => handle.close()));
  }
}

/** One file of a running container. @throws Fault engine.refused when it is too large or no plain file */
export async function readInside(pid: number, path: string, maxBytes: number): Promise<Buffer | null> {
  const file = await openInside(pid, path);
  if (file === null) return null;
  try {
    const facts = await file.stat();
    const refused = (why: string): Error => engineFault('engine.refused', { operation: `read ${path}`, why });
    if (!facts.isFile()) throw refused('it is no plain file');
    if (facts.size > maxBytes) throw refused(`more than ${maxBytes} bytes`);
    // It may grow meanwhile: no more is read than was promised.
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
    if (bytesRead > maxBytes) throw refused(`more than ${maxBytes} bytes`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function fieldOf(text: string, name: string): string {
  const line = text.split('\n').find((one) => one.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim() ?? '';
}

/** Null: it has ended, or never was. */
async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
