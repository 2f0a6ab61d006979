import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

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
