/** What the running kernel is told to refuse beside what files of modprobe.d say: shut.bpf.c, with names that outlive who set it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  attachRawTracepoint,
  BpfObject,
  closeDescriptor,
  deleteMapEntry,
  mapKeys,
  openPinned,
  pinToFile,
  readMapEntry,
  writeMapEntry,
} from '../system/native.ts';
import { isBpfFs, removePins } from './kernel-part.ts';

/** As shut.bpf.c has them. */
const MAPS = ['allowed_modules', 'shut_families', 'shut_state', 'shut_counts'] as const;
const NAME_BYTES = 64;
const STATE_BYTES = 16;
const MODULES_MAX = 20_000;
const FAMILIES_MAX = 64;
const STATE = { modules: 0, memory: 4, rings: 8 } as const;
/** Without these it shuts nothing well; older kernels do not ask before a ring is made. */
const HOOKS = ['read', 'load', 'socket'] as const;
const RING = 'ring';
const FOLDER = '/sys/fs/bpf';

export interface ModuleOrder {
  /** Names as in /proc/modules; nothing else is loaded. */
  readonly allowed: readonly string[];
  /** Whether modules that a program hands over from its memory, without a name, are refused too. */
  readonly memory: boolean;
}

export interface ContainerOrder {
  /** Families of sockets (AF_…) that containers do without, those that run already too. */
  readonly families: readonly number[];
  readonly rings: boolean;
}

export type ShutMeans = 'bpf-lsm' | 'bpf-return';
export interface ShutState {
  readonly means: ShutMeans;
  readonly modules: boolean;
  readonly families: readonly number[];
  readonly rings: boolean;
  /** How often since it was loaded. */
  readonly refused: { readonly modules: number; readonly sockets: number; readonly rings: number };
}
export type ShutAnswer = { readonly means: ShutMeans } | { readonly why: string };

/**
 * Refusals by the kernel itself. All of it stays in force when this process ends, until it is opened again or the machine
 * starts anew; nothing of it is in the kernel while nothing is shut.
 */
export class KernelShut {
  readonly #base: string;

  /** @param name of the folder below the BPF file system: one a machine, as the kernel is one */
  constructor(name = 'darsena-shut') {
    this.#base = join(FOLDER, name);
  }

  /** Lets the kernel load these modules alone; null: any. */
  keepModules(order: ModuleOrder | null): ShutAnswer {
    return this.#change((maps) => {
      const one = Buffer.alloc(4, 0);
      one.writeUInt32LE(1);
      const wanted = new Set((order?.allowed ?? []).map((name) => name.replaceAll('-', '_')));
      for (const name of wanted) {
        if (!writeMapEntry(maps.allowed_modules, keyOf(name), one)) return 'its table has no room for all names';
      }
      // The list is whole before it counts, and counts no more before it goes.
      const state = stateOf(maps);
      state.writeUInt32LE(order === null ? 0 : 1, STATE.modules);
      state.writeUInt32LE(order?.memory === true ? 1 : 0, STATE.memory);
      if (!writeMapEntry(maps.shut_state, Buffer.alloc(4), state)) return 'its state cannot be written';
      for (const key of mapKeys(maps.allowed_modules, NAME_BYTES, MODULES_MAX))
        if (!wanted.has(nameOf(key))) deleteMapEntry(maps.allowed_modules, key);
      return null;
    }, order !== null);
  }

  /** Keeps these from containers, those that run already included; families also where rings cannot be. */
  keepFromContainers({ families, rings }: ContainerOrder): ShutAnswer {
    return this.#change(
      (maps, has) => {
        const hasRings = [...has].some((name) => name.startsWith(`shut_${RING}_`));
        const [key, one] = [Buffer.alloc(4), Buffer.alloc(4)];
        one.writeUInt32LE(1);
        for (const family of families) {
          key.writeUInt32LE(family);
          if (!writeMapEntry(maps.shut_families, key, one)) return 'its table has no room for all families';
        }
        for (const there of mapKeys(maps.shut_families, 4, FAMILIES_MAX))
          if (!families.includes(there.readUInt32LE())) deleteMapEntry(maps.shut_families, there);
        const state = stateOf(maps);
        state.writeUInt32LE(rings && hasRings ? 1 : 0, STATE.rings);
        if (!writeMapEntry(maps.shut_state, Buffer.alloc(4), state)) return 'its state cannot be written';
        return rings && !hasRings ? 'this kernel does not ask before a ring is made' : null;
      },
      families.length > 0 || rings,
    );
  }

  /** What the kernel refuses by this now; null while that is nothing. */
  standing(): ShutState | null {
    const folder = this.#standing();
    const maps = folder === null ? null : openMaps(folder);
    if (folder === null || maps === null) return null;
    try {
      const state = stateOf(maps);
      const [key, value] = [Buffer.alloc(4), Buffer.alloc(8)];
      const countOf = (at: number): number => {
        key.writeUInt32LE(at);
        return readMapEntry(maps.shut_counts, key, value) ? Number(value.readBigUInt64LE()) : 0;
      };
      return {
        means: meansOf(folder),
        modules: state.readUInt32LE(STATE.modules) === 1,
        families: mapKeys(maps.shut_families, 4, FAMILIES_MAX).map((one) => one.readUInt32LE()),
        rings: state.readUInt32LE(STATE.rings) === 1,
        refused: { modules: countOf(1), sockets: countOf(3), rings: countOf(5) },
      };
    } finally {
      for (const fd of Object.values(maps)) closeDescriptor(fd);
    }
  }

  #standing(): string | null {
    if (!existsSync(this.#base)) return null;
    const folder = join(this.#base, versionOf(objectFile()));
    return existsSync(join(folder, 'complete')) ? folder : null;
  }

  #change(act: (maps: Maps, links: ReadonlySet<string>) => string | null, isWanted: boolean): ShutAnswer {
    const there = this.#standing();
    if (there === null && !isWanted) {
      removePins(this.#base);
      return { why: 'nothing is shut' };
    }
    const folder = there ?? this.#load();
    if (typeof folder !== 'string') return folder;
    const maps = openMaps(folder);
    if (maps === null) return { why: 'its tables cannot be opened' };
    try {
      const links = new Set(readdirSync(folder).flatMap((name) => /^link-(.+)$/.exec(name)?.[1] ?? []));
      const why = act(maps, links);
      const answer = why === null ? { means: meansOf(folder) } : { why };
      const isIdle =
        stateOf(maps).every((byte) => byte === 0) && mapKeys(maps.shut_families, 4, FAMILIES_MAX).length === 0;
      if (isIdle) removePins(this.#base);
      return answer;
    } finally {
      for (const fd of Object.values(maps)) closeDescriptor(fd);
    }
  }

  #load(): string | { readonly why: string } {
    if (!isBpfFs(this.#base)) return { why: `${FOLDER} is no BPF file system (mount -t bpf bpf ${FOLDER})` };
    const file = objectFile();
    if (!existsSync(file)) return { why: `there is no ${file}` };
    const hasLsm = (readText('/sys/kernel/security/lsm') ?? '').trim().split(',').includes('bpf');
    const reasons: string[] = [];
    for (const way of hasLsm ? (['lsm', 'return'] as const) : (['return'] as const)) {
      const wanted = HOOKS.map((hook) => `shut_${hook}_${way}`);
      const other = [...HOOKS, RING].map((hook) => `shut_${hook}_${way === 'lsm' ? 'return' : 'lsm'}`);
      const object = openObject(file, other, `shut_${RING}_${way}`);
      if (!(object instanceof BpfObject)) {
        reasons.push(`${way}: ${object.why}`);
        continue;
      }
      const why = this.#hang(object, wanted);
      object.close();
      if (why === null) return join(this.#base, versionOf(file));
      reasons.push(`${way}: ${why}`);
      removePins(this.#base);
    }
    return { why: reasons.join('; ') };
  }

  #hang(object: BpfObject, wanted: readonly string[]): string | null {
    const folder = join(this.#base, versionOf(objectFile()));
    // What other programs left goes once these stand.
    const before = existsSync(this.#base) ? readdirSync(this.#base) : [];
    // One that was killed in the middle left part of it, whose names would be in the way.
    removePins(folder);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const name of MAPS) {
      const why = pinToFile(object.map(name).fd, join(folder, `map-${name}`));
      if (why !== null) return why;
    }
    for (const { name, fd } of object.programs) {
      const link = attachRawTracepoint(fd);
      const why = 'fd' in link ? pinToFile(link.fd, join(folder, `link-${name}`)) : link.reason;
      if ('fd' in link) closeDescriptor(link.fd);
      if (why !== null && !name.startsWith(`shut_${RING}_`)) return `${name}: ${why}`;
    }
    const missing = wanted.find((name) => !object.programs.some((one) => one.name === name));
    if (missing !== undefined) return `${missing}: the kernel refuses it`;
    mkdirSync(join(folder, 'complete'));
    for (const name of before) if (join(this.#base, name) !== folder) removePins(join(this.#base, name));
    return null;
  }
}

type Maps = Readonly<Record<(typeof MAPS)[number], number>>;

function openMaps(folder: string): Maps | null {
  const maps = {} as Record<(typeof MAPS)[number], number>;
  for (const name of MAPS) {
    const fd = openPinned(join(folder, `map-${name}`));
    if (fd === null) {
      for (const opened of Object.values(maps)) closeDescriptor(opened);
      return null;
    }
    maps[name] = fd;
  }
  return maps;
}

function meansOf(folder: string): ShutMeans {
  return readdirSync(folder).some((name) => /^link-shut_\w+_lsm$/.test(name)) ? 'bpf-lsm' : 'bpf-return';
}

function openObject(file: string, other: readonly string[], ring: string): BpfObject | { readonly why: string } {
  let why = '';
  for (const without of [other, [...other, ring]]) {
    const object = BpfObject.load(file, {}, without, [ring]);
    if (object instanceof BpfObject) return object;
    why = object.log.split('\n')[0] || `error ${object.errno}`;
  }
  return { why };
}

function objectFile(): string {
  return join(import.meta.dirname, 'bpf', `shut.${process.arch}.bpf.o`);
}

function versionOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 16);
}

function stateOf(maps: Maps): Buffer {
  const state = Buffer.alloc(STATE_BYTES);
  readMapEntry(maps.shut_state, Buffer.alloc(4), state);
  return state;
}

function keyOf(name: string): Buffer {
  const key = Buffer.alloc(NAME_BYTES);
  key.write(name, 0, NAME_BYTES - 1, 'latin1');
  return key;
}

function nameOf(key: Buffer): string {
  return key.toString('latin1', 0, key.indexOf(0));
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null; // no such file: no such LSM
  }
}
