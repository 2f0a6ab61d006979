import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerUse } from './engine.ts';

/** What a container has used since it began, and what it holds now. */
export interface UsageReading {
  readonly cpuNanoseconds: number;
  /** Memory that the kernel could not give to others at once: without file pages that nobody used for a while. */
  readonly memoryBytes: number;
  /** How often a process of it was ended for want of memory. */
  readonly outOfMemory: number;
  /** Null: no limit. */
  readonly memoryLimitBytes: number | null;
}

/** Limits from here on mean that there is none: the kernel rounds "unlimited" down to a page. */
const MEMORY_UNLIMITED = 2 ** 60;

/** The files of one control group: they are small, whatever runs in it. */
const ROOTS = { groups: '/sys/fs/cgroup', processes: '/proc' } as const;

/**
 * Reads the kernel's own account of a running container (cgroups(7), version 1, 2 or both): four small files.
 * Null when it has ended, or has no group that carries its id.
 */
export async function readUsage(
  container: { readonly id: string; readonly pid: number | null },
  roots: { readonly groups: string; readonly processes: string } = ROOTS,
): Promise<UsageReading | null> {
  if (container.pid === null || container.pid <= 1) return null;
  try {
    const text = await readFile(join(roots.processes, String(container.pid), 'cgroup'), 'utf8');
    const groups = groupsOf(text, container.id);
    const unified = groups.get('');
    const [cpu, memory] = [groups.get('cpuacct'), groups.get('memory')];
    if (cpu !== undefined && memory !== undefined) return await readVersion1(roots.groups, cpu, memory);
    if (unified === undefined) return null;
    return await readVersion2(join(roots.groups, unified));
  } catch (error) {
    // It ended between the list and the reading.
    if (['ENOENT', 'ESRCH', 'ENODEV'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** Ticks of a second, as every Linux tells times of processes (proc(5), sysconf(_SC_CLK_TCK)). */
const TICK_NANOSECONDS = 1e9 / 100;

/**
 * What containers use that have no groups of their own: without root on a host with cgroup v1. The processes below each first
 * one are counted, with those that have ended and were waited for; pages that several share are counted for each. What was
 * read and written on disk is not to be seen there.
 */
export async function readUseOfProcesses(
  containers: readonly { readonly id: string; readonly pid: number }[],
  root: string = ROOTS.processes,
): Promise<ContainerUse[]> {
  const below = new Map<number, { readonly pid: number; readonly ticks: number }[]>();
  const ticksOf = new Map<number, number>();
  for (const name of await readdir(root)) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readIfThere(join(root, name, 'stat'));
    // The name of the program may hold spaces and brackets; what follows its last bracket is numbers.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields.length < 16) continue;
    // Its own time and that of children that it waited for, in user and kernel mode: fields 14 to 17.
    const ticks = [11, 12, 13, 14].reduce((sum, field) => sum + (Number(fields[field]) || 0), 0);
    const parent = Number(fields[1]);
    ticksOf.set(Number(name), ticks);
    below.set(parent, [...(below.get(parent) ?? []), { pid: Number(name), ticks }]);
  }
  const uses = containers.map(async ({ id, pid }): Promise<ContainerUse[]> => {
    const ticks = ticksOf.get(pid);
    if (ticks === undefined) return [];
    const found = [{ pid, ticks }];
    // Walked as a list: a child is added once, by its one parent. A number that was given anew while they were read could make
    // the first one a child of its own.
    for (const one of found) found.push(...(below.get(one.pid) ?? []).filter((child) => child.pid !== pid));
    const memory = await Promise.all(
      found.map(
        async (one) => /^VmRSS:\s*(\d+) kB/m.exec(await readIfThere(join(root, String(one.pid), 'status')))?.[1],
      ),
    );
    const { received, sent } = trafficOf(await readIfThere(join(root, String(pid), 'net', 'dev')));
    return [
      {
        id,
        cpuNanos: found.reduce((sum, one) => sum + one.ticks, 0) * TICK_NANOSECONDS,
        memoryBytes: memory.reduce((sum, kibibytes) => sum + Number(kibibytes ?? 0) * 1024, 0),
        memoryLimitBytes: null,
        receivedBytes: received,
        sentBytes: sent,
        readBytes: 0,
        writtenBytes: 0,
        processes: found.length,
      },
    ];
  });
  return (await Promise.all(uses)).flat();
}

/** Bytes in and out of a network namespace, without its loopback. */
function trafficOf(text: string): { readonly received: number; readonly sent: number } {
  const links = text.split('\n').flatMap((line) => {
    const [, name = '', rest = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    return name === '' || name === 'lo' ? [] : [rest.split(/\s+/).map(Number)];
  });
  const sum = (field: number): number => links.reduce((all, numbers) => all + (numbers[field] || 0), 0);
  return { received: sum(0), sent: sum(8) };
}

/** Empty for a process that has ended. */
async function readIfThere(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/**
 * The container's own group by controller, `''` for version 2. What a process inside made for itself below it is cut off,
 * and a group of another container is none.
 */
function groupsOf(text: string, id: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    const parts = path.split('/');
    const own = parts.findIndex((part) => part.includes(id));
    if (own < 0 || parts.includes('..')) continue;
    const group = parts.slice(0, own + 1).join('/');
    for (const controller of controllers.split(',')) groups.set(controller, group);
  }
  return groups;
}

async function readVersion1(root: string, cpu: string, memory: string): Promise<UsageReading> {
  const folder = join(root, 'memory', memory);
  const [used, held, stat, control, limit] = await Promise.all([
    readFile(join(root, 'cpuacct', cpu, 'cpuacct.usage'), 'utf8'),
    readFile(join(folder, 'memory.usage_in_bytes'), 'utf8'),
    readFile(join(folder, 'memory.stat'), 'utf8'),
    readFile(join(folder, 'memory.oom_control'), 'utf8'),
    readFile(join(folder, 'memory.limit_in_bytes'), 'utf8'),
  ]);
  return {
    cpuNanoseconds: Number(used.trim()),
    memoryBytes: Math.max(0, Number(held.trim()) - numberOf(stat, 'total_inactive_file')),
    outOfMemory: numberOf(control, 'oom_kill'),
    memoryLimitBytes: limitOf(limit),
  };
}

async function readVersion2(folder: string): Promise<UsageReading> {
  const [cpu, held, stat, events, limit] = await Promise.all([
    readFile(join(folder, 'cpu.stat'), 'utf8'),
    readFile(join(folder, 'memory.current'), 'utf8'),
    readFile(join(folder, 'memory.stat'), 'utf8'),
    readFile(join(folder, 'memory.events'), 'utf8'),
    readFile(join(folder, 'memory.max'), 'utf8'),
  ]);
  return {
    cpuNanoseconds: numberOf(cpu, 'usage_usec') * 1000,
    memoryBytes: Math.max(0, Number(held.trim()) - numberOf(stat, 'inactive_file')),
    outOfMemory: numberOf(events, 'oom_kill'),
    memoryLimitBytes: limitOf(limit),
  };
}

/** `max` in version 2; in version 1 the largest whole page there is. */
function limitOf(text: string): number | null {
  const bytes = Number(text.trim());
  return Number.isFinite(bytes) && bytes < MEMORY_UNLIMITED ? bytes : null;
}

/** The value of one line of `name value` pairs; 0 where an older kernel has no such line. */
function numberOf(text: string, name: string): number {
  for (const line of text.split('\n')) {
    const [key, value] = line.split(' ');
    if (key === name) return Number(value) || 0;
  }
  return 0;
}
