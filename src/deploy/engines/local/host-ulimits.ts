import { readFile } from 'node:fs/promises';
import type { Text } from '../../../system/index.ts';
import type { PodSpec } from '../../model.ts';
import { ULIMIT_NAMES, type UlimitName, type Ulimits } from '../../ulimits.ts';

/** The lines of /proc/PID/limits (proc_pid_limits(5)). */
const LINES: Readonly<Record<UlimitName, string>> = {
  as: 'Max address space',
  core: 'Max core file size',
  cpu: 'Max cpu time',
  data: 'Max data size',
  fsize: 'Max file size',
  locks: 'Max file locks',
  memlock: 'Max locked memory',
  msgqueue: 'Max msgqueue size',
  nice: 'Max nice priority',
  nofile: 'Max open files',
  nproc: 'Max processes',
  rss: 'Max resident set',
  rtprio: 'Max realtime priority',
  rttime: 'Max realtime timeout',
  sigpending: 'Max pending signals',
  stack: 'Max stack size',
};

/** CAP_SYS_RESOURCE (capabilities(7)): who has it may raise a hard limit. */
const CAP_SYS_RESOURCE = 24n;

/** The most that a container of this host may be given of each; -1 is no limit. */
export type MostUlimits = Readonly<Record<UlimitName, number>>;

/**
 * Nobody but the administrator of the host gives it: a process of real time is held back neither by its container's share of
 * processors nor by its limit (sched(7)), and with this limit it needs no CAP_SYS_NICE, for which policies look.
 */
const NEVER_RAISED: UlimitName = 'rtprio';

/**
 * What the agent itself has, as the engine and what it starts are its children, and none of them may raise a hard limit without
 * CAP_SYS_RESOURCE in the first user namespace. No process at all has more open files than `fs.nr_open`.
 */
export function readMostUlimits(limits: string, status: string, uidMap: string, openMost: string): MostUlimits {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  const isFirst = /^\s*0\s+0\s+4294967295\s*$/.test(uidMap);
  const raises = isFirst && ((BigInt(`0x${effective}`) >> CAP_SYS_RESOURCE) & 1n) === 1n;
  const lines = limits.split('\n');
  const most = Object.fromEntries(
    ULIMIT_NAMES.map((name): [string, number] => {
      const line = lines.find((one) => one.startsWith(LINES[name]));
      const hard = line?.slice(LINES[name].length).trim().split(/\s+/)[1];
      if (name === NEVER_RAISED) return [name, hard === 'unlimited' ? -1 : Number(hard ?? 0)];
      return [name, raises || hard === undefined || hard === 'unlimited' ? -1 : Number(hard)];
    }),
  ) as Record<UlimitName, number>;
  const files = Number(openMost);
  return { ...most, nofile: most.nofile === -1 ? files : Math.min(most.nofile, files) };
}

let own: Promise<MostUlimits> | null = null;

function ownMost(): Promise<MostUlimits> {
  const read = (path: string): Promise<string> => readFile(path, 'utf8');
  own ??= Promise.all([
    ...['/proc/self/limits', '/proc/self/status', '/proc/self/uid_map', '/proc/sys/fs/nr_open'].map(read),
  ]).then(([limits = '', status = '', map = '', files = '']) => readMostUlimits(limits, status, map, files));
  return own;
}

/**
 * Told of any limit, Podman forgets those of its configuration and gives open files and processes numbers of its own, which
 * the kernel refuses a host that may not raise its limits: there they are what the host has.
 */
export async function wholeUlimits(ulimits: Ulimits, most?: MostUlimits): Promise<Ulimits> {
  const may = most ?? (await ownMost());
  const { nofile, nproc } = may;
  const processes = Math.min(nproc, PROCESSES_MAX);
  return {
    ...(nofile >= PODMAN_FILES ? {} : { nofile: { soft: nofile, hard: nofile } }),
    ...(nproc === -1 ? {} : { nproc: { soft: processes, hard: processes } }),
    ...ulimits,
  };
}

/** What Podman gives by itself, and the most that `up` gives on a host that may not raise its limits. */
const PODMAN_FILES = 1_048_576;
const PROCESSES_MAX = 8_192;

const NOT_RAISED: Text = { en: 'it is never raised', es: 'nunca se eleva' };
const RAISED: Text = {
  en: 'more needs CAP_SYS_RESOURCE or, of nofile, fs.nr_open',
  es: 'más requiere CAP_SYS_RESOURCE o, de nofile, fs.nr_open',
};

/** What a pod asks for beyond what this host may give; null when it may be given. */
export async function beyondUlimits(spec: PodSpec, most?: MostUlimits): Promise<Text | null> {
  const all = [...spec.initContainers, ...spec.containers];
  if (all.every(({ ulimits }) => ulimits === undefined)) return null;
  const may = most ?? (await ownMost());
  for (const { name: container, ulimits = {} } of all) {
    for (const name of ULIMIT_NAMES) {
      const hard = ulimits[name]?.hard;
      const bound = may[name];
      if (hard === undefined || bound === -1 || (hard !== -1 && hard <= bound)) continue;
      const asked = hard === -1 ? 'unlimited' : String(hard);
      const more = name === NEVER_RAISED ? NOT_RAISED : RAISED;
      return {
        en: `the limit ${name}=${asked} of ${container}, where the most is ${bound} (the agent’s own; ${more.en})`,
        es: `el límite ${name}=${asked} de ${container}, donde lo máximo es ${bound} (el del propio agente; ${more.es})`,
      };
    }
  }
  return null;
}
