/** The BPF programs in the kernel: loading, settings, counters, rings. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CALLS_OF_32_BITS, callSpecs, calls32, EVENT_NAMES, isCall, ONLY_CONTENT } from '../events/index.ts';
import type { Text } from '../system/index.ts';
import {
  deleteMapEntry,
  mapKeys,
  mapRing,
  Poller,
  possibleCpus,
  readMapEntry,
  writeMapEntry,
} from '../system/native.ts';
import type { CgroupName, OwnPlace } from './containers.ts';
import { observeFault } from './errors.ts';
import { KernelGuards } from './kernel-guards.ts';
import { KernelPart, PROGRAM_32, QUESTION_PROGRAM, runs32 } from './kernel-part.ts';
import { KernelSettings } from './kernel-settings.ts';
import { CGROUPS_MAX } from './limits.ts';
import { missingCapabilities } from './proc.ts';
import { RingReader } from './ring.ts';

const BTF_FILE = '/sys/kernel/btf/vmlinux';
const EPERM = 1;
const EACCES = 13;
const COUNTERS_BYTES = 16;
const CALL_SPEC_BYTES = 16;
/** Where the kernel's tracepoint has another name than the call. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  umount2: 'umount',
  pwrite: 'pwrite64',
  pread: 'pread64',
  sendfile: 'sendfile64',
};
const ENTRY_BYTES = 80;
const ENTRY_MARKS_OFFSET = 4;
const ENTRY_NAMED_OFFSET = 72;
const ENTRY_ID_OFFSET = 8;
const CONTAINER_ID_BYTES = 64;
const OWN_PLACE_BYTES = 16;
/** What a sensor before this one said of a container; it is said anew. */
const PLACE_OF_BEFORE: OwnPlace = { unified: -1n, pids: -1n };
const MARK = { open: 1, nested: 2, feigned: 4 } as const;
/** Loss of these blinds the sensor; without any other it still works and says what it cannot see. */
const ESSENTIAL = ['on_exec'];
/** The event that is not a call, and yet hung in only when it is asked for. */
const QUESTION = 'dns_question';
const IGNORED = 2;
const KEY_BYTES = 8;
const RING_BYTES = { process_ring: 1 << 20, open_ring: 1 << 22 } as const;
/** As prevent.h has it. */
const PREVENT_RING_BYTES = 1 << 18;

/** What each program sees, for the word of what is missing. */
const SEES: Readonly<Record<string, string>> = {
  on_exec: 'programs started',
  on_fork: 'processes made',
  on_clone_refused: 'namespaces refused to clone',
  on_clone3_refused: 'namespaces refused to clone3',
  on_exit: 'processes ended',
  on_cgroup_removed: 'containers removed',
  on_openat: 'files opened by openat',
  on_openat2: 'files opened by openat2',
  on_open: 'files opened by open',
  on_creat: 'files made by creat',
  on_connect: 'connections made',
  on_exec_guarded: 'denied programs killed',
  on_uring_taken: 'what is done through io_uring',
  on_uring_taken_before: 'what is done through io_uring',
  on_uring_answered: 'how it ended what is done through io_uring',
  on_uring_overflow: 'how it ended what is done through io_uring when its answers overflow',
  on_question: 'questions to name servers',
  on_call_32: CALLS_OF_32_BITS,
};
/** A kernel has one place of these two, by its age. */
const INSTEAD: Readonly<Record<string, string>> = {
  on_uring_taken: 'on_uring_taken_before',
  on_uring_taken_before: 'on_uring_taken',
};
/**
 * Without them as much is seen. What is not blocked prevention says by itself; and where the kernel does not tell of what kind
 * the file is whose rights are changed, a folder's bit is told like a program's.
 */
const NOT_SEEING = /^(?:guard_|on_mode_changed$)/;

export interface Coverage {
  /** Programs that are attached. */
  readonly programs: readonly string[];
  readonly missing: readonly { readonly what: string; readonly why: string | Text }[];
}

/** Events since the start by Falco's names of their types, as the kernel counted them. */
export interface KernelCounts {
  readonly seen: Readonly<Record<string, number>>;
  readonly lost: Readonly<Record<string, number>>;
}

export interface ProbeOptions {
  /** Events of the host itself too. Default: containers only. */
  readonly hostToo?: boolean;
  /** Bytes of the rings, powers of two of at least a page. Defaults: 1 MiB and 4 MiB. */
  readonly processRingBytes?: number;
  readonly openRingBytes?: number;
  /** Where the compiled programs are. Default: beside this file. */
  readonly objectFile?: string;
  /** A folder below a BPF file system, in which the programs stay when this process ends. Default: they end with it. */
  readonly pins?: string | null;
}

export class Probe {
  readonly #part: KernelPart;
  readonly #settings: KernelSettings;
  readonly #containers: number;
  readonly #ownContainers: number;
  /** What the kernel was told of. */
  #own: ReadonlyMap<string, OwnPlace> = new Map();
  readonly #calls: number;
  readonly #told: number;
  #watchedCalls: ReadonlySet<string> = new Set();
  readonly #counts: number;
  readonly #key = Buffer.alloc(8);
  readonly #entry = Buffer.alloc(ENTRY_BYTES);
  readonly #counters: Buffer;
  readonly objectFile: string;
  readonly coverage: Coverage;
  readonly processRing: RingReader;
  readonly openRing: RingReader;
  readonly guards: KernelGuards;
  readonly poller: Poller;

  /** Loads and attaches. Throws a fault that says what the machine lacks. */
  constructor(options: ProbeOptions = {}) {
    const file = options.objectFile ?? join(import.meta.dirname, 'bpf', `sensor.${process.arch}.bpf.o`);
    if (!existsSync(BTF_FILE)) throw observeFault('observe.no-btf');
    if (!existsSync(file)) throw observeFault('observe.no-object', { processor: process.arch, file });
    const sizes = {
      process_ring: options.processRingBytes ?? RING_BYTES.process_ring,
      open_ring: options.openRingBytes ?? RING_BYTES.open_ring,
    };
    this.objectFile = file;
    const part = KernelPart.open({ objectFile: file, sizes, pins: options.pins ?? null });
    if (!(part instanceof KernelPart)) throw loadFault(part);
    this.#part = part;
    if (ESSENTIAL.some((program) => !part.attached.includes(program))) {
      throw observeFault('observe.nothing-attached', { reason: part.refused[0]?.reason ?? '' });
    }
    this.coverage = {
      programs: part.attached,
      missing: part.refused
        .filter(({ program }) => !NOT_SEEING.test(program) && !part.attached.includes(INSTEAD[program] ?? ''))
        .map(({ program, reason }) => ({ what: SEES[program] ?? program, why: reason })),
    };
    // Left out without a try: the place where they would be seen is not in this kernel, and the calls may be.
    if (!this.#tells(PROGRAM_32) && runs32()) {
      const why = {
        en: 'this kernel has no one place where they come by',
        es: 'este núcleo no tiene un único lugar por donde pasen',
      };
      this.coverage = { ...this.coverage, missing: [...this.coverage.missing, { what: CALLS_OF_32_BITS, why }] };
    }
    this.#containers = part.map('containers');
    this.#ownContainers = part.map('own_containers');
    for (const { place, spec } of process.arch === 'x64' ? calls32() : []) {
      const key = Buffer.alloc(4);
      key.writeUInt32LE(place);
      writeMapEntry(part.map('calls_32'), key, spec);
    }
    this.#calls = part.map('calls');
    this.#counts = part.map('counts');
    this.#told = part.map('told');
    this.#counters = Buffer.alloc(COUNTERS_BYTES * possibleCpus());
    const rings = (['process_ring', 'open_ring'] as const).map((name) => ({ fd: part.map(name), bytes: sizes[name] }));
    this.poller = new Poller();
    for (const ring of rings) this.poller.add(ring.fd);
    const [processRing, openRing] = rings.map((ring) => new RingReader(mapRing(ring.fd, ring.bytes)));
    if (processRing === undefined || openRing === undefined) throw new TypeError('there are no rings');
    this.processRing = processRing;
    this.openRing = openRing;
    if (part.isResumed) {
      this.#watchAll();
      const ids = mapKeys(this.#ownContainers, CONTAINER_ID_BYTES, CGROUPS_MAX);
      this.#own = new Map(ids.map((id) => [id.toString('latin1'), PLACE_OF_BEFORE]));
    }
    this.poller.add(part.map('prevent_ring'));
    const ring = new RingReader(mapRing(part.map('prevent_ring'), PREVENT_RING_BYTES));
    this.#settings = new KernelSettings(part.map('settings'), options.hostToo === true);
    this.guards = new KernelGuards(part, ring, this.#settings);
  }

  /** Whether the program is attached, or it was said why not. */
  #tells(program: string): boolean {
    const what = SEES[program] ?? program;
    return this.coverage.programs.includes(program) || this.coverage.missing.some((one) => one.what === what);
  }

  /** Takes in what does not come by itself: here everything does. */
  fill(): void {
    // The kernel writes into the rings.
  }

  /**
   * Records these calls from now on and no others of the table. Attached to are only calls that somebody asked for.
   *
   * @param withContent those whose bytes are told too; they have secrets: only while somebody asks for them
   * @returns what of it this kernel does not let us see
   */
  watchCalls(names: ReadonlySet<string>, withContent: ReadonlySet<string> = new Set()): Coverage['missing'] {
    this.#watchedCalls = names;
    const missing: Coverage['missing'][number][] = [];
    const none = Buffer.alloc(CALL_SPEC_BYTES);
    if (!names.has(QUESTION)) this.#part.detachHook(QUESTION_PROGRAM);
    // What the kernel refused to load is missing already.
    else if (!this.#part.refused.some(({ program }) => program === QUESTION_PROGRAM)) {
      const why = this.#part.attachHook(QUESTION_PROGRAM);
      if (why !== null) missing.push({ what: SEES[QUESTION_PROGRAM] ?? QUESTION_PROGRAM, why });
    }
    for (const { name, number, spec } of callSpecs(process.arch, withContent)) {
      const isWanted = names.has(name) && (!ONLY_CONTENT.has(name) || withContent.has(name));
      if (isWanted) {
        const why = this.#part.attachCall(name, KERNEL_NAMES[name] ?? name);
        if (why !== null && kernelHasCall(name)) missing.push({ what: name, why });
      }
      const key = Buffer.alloc(4);
      key.writeUInt32LE(number);
      writeMapEntry(this.#calls, key, isWanted ? spec : none);
    }
    return missing;
  }

  /** Whether programs that start are told with their environment from now on. It has secrets: only while a rule asks for it. */
  askEnvironment(isAsked: boolean): void {
    this.#settings.change({ environment: isAsked });
  }

  /** The id of the container a cgroup belongs to, as the kernel programs found it, or null. */
  containerId(cgroup: bigint): string | null {
    this.#key.writeBigUInt64LE(cgroup);
    if (!readMapEntry(this.#containers, this.#key, this.#entry)) return null;
    return this.#entry.toString('latin1', ENTRY_ID_OFFSET, ENTRY_ID_OFFSET + CONTAINER_ID_BYTES);
  }

  /** From now on the kernel drops, or passes again, what happens in this cgroup. */
  setIgnored(cgroup: bigint, id: string, ignored: boolean): void {
    this.#key.writeBigUInt64LE(cgroup);
    if (!readMapEntry(this.#containers, this.#key, this.#entry)) this.#entry.fill(0);
    this.#entry.writeUInt32LE(ignored ? IGNORED : 1, 0);
    this.#entry.write(id, ENTRY_ID_OFFSET, CONTAINER_ID_BYTES, 'latin1');
    writeMapEntry(this.#containers, this.#key, this.#entry);
  }

  nameOf(cgroup: bigint): CgroupName | null {
    this.#key.writeBigUInt64LE(cgroup);
    if (!readMapEntry(this.#containers, this.#key, this.#entry)) return null;
    const marks = this.#entry.readUInt32LE(ENTRY_MARKS_OFFSET);
    return {
      named: this.#entry.readBigUInt64LE(ENTRY_NAMED_OFFSET),
      isOpen: (marks & MARK.open) !== 0,
      isNested: (marks & MARK.nested) !== 0,
    };
  }

  forget(cgroup: bigint): void {
    this.#key.writeBigUInt64LE(cgroup);
    deleteMapEntry(this.#containers, this.#key);
  }

  /** Tells the kernel's programs of what is new or has another place, and of what is gone. */
  setOwn(places: ReadonlyMap<string, OwnPlace>): void {
    const value = Buffer.alloc(OWN_PLACE_BYTES);
    let isMoved = false;
    // What is gone makes room first.
    for (const id of this.#own.keys()) if (!places.has(id)) deleteMapEntry(this.#ownContainers, ownKey(id));
    for (const [id, place] of places) {
      const before = this.#own.get(id);
      if (before !== undefined && before.unified === place.unified && before.pids === place.pids) continue;
      value.writeBigUInt64LE(place.unified, 0);
      value.writeBigUInt64LE(place.pids, 8);
      writeMapEntry(this.#ownContainers, ownKey(id), value);
      isMoved ||= place.unified !== 0n || place.pids !== 0n;
    }
    this.#own = places;
    // A container that began anew has another cgroup, which was not known as its own until now.
    if (isMoved) this.#forgetFeigned();
  }

  #forgetFeigned(): void {
    for (const key of mapKeys(this.#containers, KEY_BYTES, CGROUPS_MAX)) {
      if (!readMapEntry(this.#containers, key, this.#entry)) continue;
      if ((this.#entry.readUInt32LE(ENTRY_MARKS_OFFSET) & MARK.feigned) !== 0) deleteMapEntry(this.#containers, key);
    }
  }

  counts(): KernelCounts {
    const seen: Record<string, number> = {};
    const lost: Record<string, number> = {};
    EVENT_NAMES.forEach((name, type) => {
      if (name === '' || (isCall(type) && !this.#watchedCalls.has(name))) return;
      const key = Buffer.alloc(4);
      key.writeUInt32LE(type);
      if (!readMapEntry(this.#counts, key, this.#counters)) return;
      seen[name] = 0;
      lost[name] = 0;
      for (let at = 0; at < this.#counters.length; at += COUNTERS_BYTES) {
        seen[name] += Number(this.#counters.readBigUInt64LE(at));
        lost[name] += Number(this.#counters.readBigUInt64LE(at + 8));
      }
    });
    return { seen, lost };
  }

  /** Whether a sensor before this one left the programs recording, so that nothing was missed in between. */
  get isResumed(): boolean {
    return this.#part.isResumed;
  }
  /** Whether the sensor before this one was ended from outside. */
  get wasCut(): boolean {
    return this.#part.wasCut;
  }
  /** What somebody took away of the programs and maps. */
  missingNames(): string[] {
    return this.#part.missingNames();
  }

  /** Losses that were told already, by type, also by sensors before this one. */
  toldLosses(): Record<string, number> {
    const told: Record<string, number> = {};
    const value = Buffer.alloc(KEY_BYTES);
    EVENT_NAMES.forEach((name, type) => {
      if (name === '') return;
      const key = Buffer.alloc(4);
      key.writeUInt32LE(type);
      if (readMapEntry(this.#told, key, value)) told[name] = Number(value.readBigUInt64LE());
    });
    return told;
  }

  rememberTold(lost: Readonly<Record<string, number>>): void {
    EVENT_NAMES.forEach((name, type) => {
      const count = lost[name];
      if (name === '' || count === undefined) return;
      const [key, value] = [Buffer.alloc(4), Buffer.alloc(KEY_BYTES)];
      key.writeUInt32LE(type);
      value.writeBigUInt64LE(BigInt(count));
      writeMapEntry(this.#told, key, value);
    });
  }

  /** What was dropped for the sensor before is judged anew. */
  #watchAll(): void {
    for (const key of mapKeys(this.#containers, KEY_BYTES, CGROUPS_MAX)) {
      if (!readMapEntry(this.#containers, key, this.#entry) || this.#entry.readUInt32LE(0) !== IGNORED) continue;
      this.#entry.writeUInt32LE(1, 0);
      writeMapEntry(this.#containers, key, this.#entry);
    }
  }

  /** Ends the reading. The rings' memory stays mapped: readers may still look at it. */
  close(): void {
    this.#part.close();
    this.poller.close();
  }
}

function ownKey(id: string): Buffer {
  const key = Buffer.alloc(CONTAINER_ID_BYTES);
  key.write(id, 'latin1');
  return key;
}

const TRACEPOINTS = ['/sys/kernel/tracing/events/syscalls', '/sys/kernel/debug/tracing/events/syscalls'];

/** A kernel that was built without modules or kexec has no such calls, and so nothing of them to see. */
function kernelHasCall(name: string): boolean {
  const folder = TRACEPOINTS.find((path) => existsSync(path));
  return folder === undefined || existsSync(join(folder, `sys_exit_${KERNEL_NAMES[name] ?? name}`));
}

function loadFault({ errno, log }: { errno: number; log: string }): Error {
  const lines = log.split('\n').map((line) => line.replace(/^libbpf: /, ''));
  if (errno === EPERM || errno === EACCES) {
    const missing = missingCapabilities().join(', ');
    const capabilities = missing === '' ? 'nothing known; a lockdown or a seccomp filter may forbid bpf(2)' : missing;
    return observeFault('observe.no-rights', { reason: lines[0] ?? '', capabilities });
  }
  const reason = lines.at(-1) ?? '';
  return observeFault('observe.load-failed', { reason: reason === '' ? `error ${errno}` : reason });
}
