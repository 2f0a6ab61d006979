/**
 * The sensor's part in the kernel: programs, the links that hang them on tracepoints, and maps. In a BPF file system it stays when
 * the sensor ends: what happens while no sensor runs waits in the rings, and the next one goes on reading where the last one
 * stopped. Detaching a tracepoint takes the kernel 40 ms and more, and a sensor that held its links itself could only end when
 * all were gone; a name that is removed is let go by the kernel in its own time.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statfsSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  attachRawTracepoint,
  attachTracepoint,
  BpfObject,
  closeDescriptor,
  type KernelHold,
  openPinned,
  pinToFile,
} from '../system/native.ts';

const MAPS = [
  ...(['process_ring', 'open_ring', 'containers', 'own_containers', 'settings', 'calls', 'counts', 'told'] as const),
  ...(['guards', 'denials', 'prevent_ring', 'hook_calls', 'calls_32', 'image_copies'] as const),
] as const;
export type MapName = (typeof MAPS)[number];
/** Hangs on the exit of each call that rules ask for. */
const CALL_PROGRAM = 'on_call';
/** Hang where the kernel asks whether something may happen, while a policy forbids anything. */
export const HOOKS = {
  exec: { lsm: 'guard_exec_lsm', return: 'guard_exec_return' },
  open: { lsm: 'guard_open_lsm', return: 'guard_open_return' },
} as const;
/** Hangs where packets are queued, while somebody asks for questions to name servers. */
export const QUESTION_PROGRAM = 'on_question';
const HOOK_PROGRAMS: readonly string[] = [
  ...Object.values(HOOKS).flatMap((hook): string[] => Object.values(hook)),
  QUESTION_PROGRAM,
];
/** Tells of what kind the file is whose rights are changed by its name; not every kernel lets it. */
const MODE_PROGRAM = 'on_mode_changed';
/** Hangs on the calls of programs of 32 bits; many kernels let nothing hang there. */
export const PROGRAM_32 = 'on_call_32';
/** magic.h */
const BPF_FS_MAGIC = 0xcafe4a11;
const EVENTS_FOLDERS = ['/sys/kernel/tracing/events', '/sys/kernel/debug/tracing/events'];
/** Made when all is in its place, with the number of the programs' links; and while a sensor runs. */
const COMPLETE = 'complete-';
const RUNNING = 'running';
/** In hexadecimal it is a part of a file name. */
const REASON_BYTES_MAX = 80;

export interface PartOptions {
  readonly objectFile: string;
  /** Map sizes to set before loading, in bytes. */
  readonly sizes: Readonly<Record<string, number>>;
  /** A folder below a BPF file system to keep the part in; null keeps it only as long as this process. */
  readonly pins: string | null;
}

export interface Refusal {
  readonly program: string;
  readonly reason: string;
}

export class KernelPart {
  readonly #maps: Readonly<Record<MapName, number>>;
  readonly #callProgram: number | null;
  readonly #hooks: ReadonlyMap<string, number>;
  readonly #links = new Map<string, number>();
  readonly #folder: string | null;
  readonly #held: number[] = [];
  readonly #object: BpfObject | null;
  #names: ReadonlySet<string> = new Set();
  readonly attached: readonly string[];
  readonly refused: readonly Refusal[];
  /** It was there: a sensor before this one left it, and nothing was missed since. */
  readonly isResumed: boolean;
  /** The sensor before this one did not end by itself. */
  readonly wasCut: boolean;

  private constructor(
    maps: Readonly<Record<MapName, number>>,
    callProgram: number | null,
    folder: string | null,
    object: BpfObject | null,
    state: {
      attached: readonly string[];
      refused: readonly Refusal[];
      held: readonly number[];
      hooks: ReadonlyMap<string, number>;
      wasCut: boolean;
    },
  ) {
    this.#maps = maps;
    this.#hooks = state.hooks;
    this.#callProgram = callProgram;
    this.#folder = folder;
    this.#object = object;
    this.#held.push(...state.held);
    this.attached = state.attached;
    this.refused = state.refused;
    this.wasCut = state.wasCut;
    this.isResumed = object === null;
    if (folder !== null) {
      if (!existsSync(join(folder, RUNNING))) mkdirSync(join(folder, RUNNING));
      this.#names = new Set(readdirSync(folder));
    }
  }

  /** Takes over what a sensor left, or loads and attaches anew. Answers what the kernel said when it refused the whole. */
  static open(options: PartOptions): KernelPart | { errno: number; log: string } {
    const folder = options.pins === null || !isBpfFs(options.pins) ? null : join(options.pins, versionOf(options));
    const wasCut = folder !== null && existsSync(join(folder, RUNNING));
    const left = folder === null ? null : KernelPart.#takeOver(folder, wasCut);
    if (left !== null) return left;
    if (options.pins !== null) removePins(options.pins);
    const without = kernelHas(CALLS_32_FUNCTION) ? [] : [PROGRAM_32];
    const object = BpfObject.load(options.objectFile, options.sizes, without, [
      ...HOOK_PROGRAMS,
      PROGRAM_32,
      MODE_PROGRAM,
    ]);
    if (!(object instanceof BpfObject)) return object;
    return KernelPart.#attach(object, folder, wasCut);
  }

  static #attach(object: BpfObject, folder: string | null, wasCut: boolean): KernelPart {
    const attached: string[] = [];
    const held: number[] = [];
    const refused: Refusal[] = object.refused.map(({ program, reason }) => ({ program, reason }));
    if (folder !== null) mkdirSync(folder, { recursive: true, mode: 0o700 });
    let callProgram: number | null = null;
    const hooks = new Map<string, number>();
    for (const { name, section, fd } of object.programs) {
      if (name === CALL_PROGRAM) {
        callProgram = fd;
        continue;
      }
      if (HOOK_PROGRAMS.includes(name)) {
        hooks.set(name, fd);
        if (folder !== null) pinToFile(fd, join(folder, `program-${name}`));
        continue;
      }
      const link = attach(section, fd);
      if ('fd' in link) {
        attached.push(name);
        keep(link.fd, folder, `link-${name}`, held);
      } else refused.push({ program: name, reason: link.reason });
    }
    const maps = Object.fromEntries(MAPS.map((name) => [name, object.map(name).fd])) as Record<MapName, number>;
    if (folder !== null) {
      for (const name of MAPS) pinToFile(maps[name], join(folder, `map-${name}`));
      if (callProgram !== null) pinToFile(callProgram, join(folder, `program-${CALL_PROGRAM}`));
      for (const { program, reason } of refused) mkdirSync(join(folder, refusedName(program, reason)));
      mkdirSync(join(folder, `${COMPLETE}${attached.length}`));
    }
    return new KernelPart(maps, callProgram, folder, object, { attached, refused, held, hooks, wasCut });
  }

  /** Takes over what is complete; null when there is nothing, or not all of it. */
  static #takeOver(folder: string, wasCut: boolean): KernelPart | null {
    if (!existsSync(folder)) return null;
    const there = readdirSync(folder);
    // Without those that hang only while they are asked for: they are not among what was counted.
    const attached = there
      .flatMap((name) => /^link-(on_\w+)$/.exec(name)?.[1] ?? [])
      .filter((name) => !HOOK_PROGRAMS.includes(name));
    if (!there.includes(`${COMPLETE}${attached.length}`)) return null;
    const entries: [MapName, number][] = [];
    for (const name of MAPS) {
      const fd = openPinned(join(folder, `map-${name}`));
      if (fd === null) return null;
      entries.push([name, fd]);
    }
    const callProgram = openPinned(join(folder, `program-${CALL_PROGRAM}`));
    const hooks = new Map<string, number>();
    for (const name of HOOK_PROGRAMS) {
      const fd = openPinned(join(folder, `program-${name}`));
      if (fd !== null) hooks.set(name, fd);
    }
    const refused = there.flatMap((name) => readRefused(name) ?? []);
    const state = { attached, refused, held: [], hooks, wasCut };
    return new KernelPart(Object.fromEntries(entries) as Record<MapName, number>, callProgram, folder, null, state);
  }

  map(name: MapName): number {
    return this.#maps[name];
  }

  /** Whether the call is recorded already. */
  hasCall(name: string): boolean {
    return this.#names.has(`link-call-${name}`);
  }

  /** Records the exits of one more call. @returns null, or why it cannot be */
  attachCall(name: string, kernelName: string): string | null {
    if (this.hasCall(name)) return null;
    if (this.#callProgram === null) return `${CALL_PROGRAM} is not loaded`;
    const link = attach(`tracepoint/syscalls/sys_exit_${kernelName}`, this.#callProgram);
    if (!('fd' in link)) return link.reason;
    keep(link.fd, this.#folder, `link-call-${name}`, this.#held);
    this.#names = new Set([...this.#names, `link-call-${name}`]);
    return null;
  }

  /** Hangs a program where the kernel asks. @returns null, or why it cannot be */
  attachHook(name: string): string | null {
    if (this.#links.has(name) || this.#names.has(`link-${name}`)) return null;
    const program = this.#hooks.get(name);
    if (program === undefined) return this.refused.find((one) => one.program === name)?.reason ?? 'it is not loaded';
    const link = attachRawTracepoint(program);
    if (!('fd' in link)) return link.reason;
    if (this.#folder !== null && pinToFile(link.fd, join(this.#folder, `link-${name}`)) === null) {
      closeDescriptor(link.fd);
      this.#names = new Set([...this.#names, `link-${name}`]);
    } else this.#links.set(name, link.fd);
    return null;
  }

  detachHook(name: string): void {
    const fd = this.#links.get(name);
    if (fd !== undefined) closeDescriptor(fd);
    this.#links.delete(name);
    if (this.#folder === null || !this.#names.has(`link-${name}`)) return;
    // Before it is gone: what is taken away by order is not missing.
    this.#names = new Set([...this.#names].filter((one) => one !== `link-${name}`));
    rmSync(join(this.#folder, `link-${name}`), { force: true });
  }

  /** Names that somebody removed: the kernel lets go of what they held. Nothing can be missing where nothing has a name. */
  missingNames(): string[] {
    if (this.#folder === null) return [];
    const folder = this.#folder;
    // By their names: reading the folder would take a descriptor, and whoever limits those would seem to have removed everything.
    return [...this.#names].filter((name) => !existsSync(join(folder, name)));
  }

  /** Ends this process's share. What has a name goes on recording. */
  close(): void {
    if (this.#folder !== null && existsSync(join(this.#folder, RUNNING))) rmdirSync(join(this.#folder, RUNNING));
    for (const fd of this.#held.splice(0)) closeDescriptor(fd);
    for (const fd of this.#links.values()) closeDescriptor(fd);
    this.#object?.close();
  }
}

/** Where all calls of 32 bits come by, on x86. */
const CALLS_32_FUNCTION = 'ia32_sys_call';
/** What a kernel has that runs programs of 32 bits at all, also those in which the calls do not come by one place. */
const FUNCTION_32 = /^(?:__ia32_compat_sys_|__arm64_compat_sys_|compat_sys_)/;
const X32_FUNCTION = 'x32_sys_call';

let functions: { readonly named: ReadonlySet<string>; readonly any32: boolean } | null = null;

function readFunctions(): NonNullable<typeof functions> {
  const named = new Set<string>();
  let any32 = false;
  for (const line of readFileSync('/proc/kallsyms', 'latin1').split('\n')) {
    const name = line.slice(line.lastIndexOf(' ') + 1);
    if (name === CALLS_32_FUNCTION || name === X32_FUNCTION) named.add(name);
    any32 ||= FUNCTION_32.test(name);
  }
  return { named, any32 };
}

function kernelHas(name: string): boolean {
  functions ??= readFunctions();
  return functions.named.has(name);
}

/** Whether programs of 32 bits run on this kernel, by their own calls or by those of x32. */
export function runs32(): boolean {
  functions ??= readFunctions();
  return functions.any32 || functions.named.size > 0;
}

/** Lets the kernel forget all that is kept below the folder. It does so in its own time. */
export function removePins(folder: string): void {
  if (!existsSync(folder) || !isBpfFs(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removePins(path);
    else unlinkSync(path);
  }
  rmdirSync(folder);
}

export function isBpfFs(path: string): boolean {
  let at = path;
  while (!existsSync(at) && at !== '/') at = dirname(at);
  return statfsSync(at).type === BPF_FS_MAGIC;
}

/** What the kernel refused is kept as the name of a folder, since nothing else can be written there: the next sensor says it too. */
function refusedName(program: string, reason: string): string {
  return `refused-${program}-${Buffer.from(reason).subarray(0, REASON_BYTES_MAX).toString('hex')}`;
}

function readRefused(name: string): Refusal | null {
  const [, program, reason] = /^refused-(\w+)-([0-9a-f]*)$/.exec(name) ?? [];
  return program === undefined || reason === undefined
    ? null
    : { program, reason: Buffer.from(reason, 'hex').toString() };
}

/** A part of other programs or with other rings cannot be gone on with. */
function versionOf({ objectFile, sizes }: PartOptions): string {
  return createHash('sha256').update(readFileSync(objectFile)).update(JSON.stringify(sizes)).digest('hex').slice(0, 16);
}

/** Gives it a name, so that closing costs nothing; without one the process holds it. */
function keep(fd: number, folder: string | null, name: string, held: number[]): void {
  if (folder !== null && pinToFile(fd, join(folder, name)) === null) closeDescriptor(fd);
  else held.push(fd);
}

function attach(section: string, program: number): KernelHold {
  const [kind, category, event] = section.split('/');
  // What hangs on a function is attached as what hangs on a tracepoint by its type is.
  if (kind !== 'tracepoint') return attachRawTracepoint(program);
  const id = tracepointId(`${category}/${event}`);
  return id === null ? { errno: 2, reason: `the kernel has no tracepoint ${event}` } : attachTracepoint(program, id);
}

function tracepointId(name: string): number | null {
  for (const folder of EVENTS_FOLDERS) {
    try {
      return Number(readFileSync(join(folder, name, 'id'), 'utf8'));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
  }
  return null;
}
