/**
 * What can be seen where BPF cannot be had: programs started (audit, or else fanotify with /proc) and files opened (fanotify). It
 * makes records like the kernel's programs, so that all that follows is the same.
 */
import { closeSync, fstatSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import type { Text } from '../system/index.ts';
import { FANOTIFY, kernelClocks, markFanotify, openFanotifyNotices, Poller } from '../system/native.ts';
import { AuditExecs, type AuditedExec } from './audit.ts';
import type { KernelGuard, KernelMet, KernelReach } from './kernel-guards.ts';
import { CGROUPS_MAX, FALLBACK_PIDS_MAX, FALLBACK_RING_BYTES } from './limits.ts';
import { type MadeHeader, MadeRing, makeExec, makeOpen } from './made-records.ts';
import type { Coverage, KernelCounts } from './probe.ts';
import { containerOf, listProcesses, readProcess } from './proc.ts';

const EVENT_BYTES = 24;
const BUFFER_BYTES = 65_536;
const QUEUE_OVERFLOW = 0x4000;
const READS_MAX = 16;
/** New file systems are looked for this often. */
const MOUNTS_MS = 1_000;
/** A process is looked at again after this; of one that has ended, what it was holds this long. */
const KNOWN_MS = 1_000;
const ENDED_MS = 10_000;
/** A file system that no process has for its root after so many looks is a container's no more. */
const OWNER_LOOKS_MAX = 30;
/** A process is given this long to become the program that it starts; one of a script becomes its interpreter. */
const BECOMING_LOOKS = 4;
const BECOMING_MS = 0.5;
/** Of one turn, for all programs together: what can be started and never becomes the program must not hold up all else. */
const BECOMING_TURN_LOOKS_MAX = 40;
const O_WRONLY = 1;
/** On these there are no files of programs or people. */
const UNSEEN: ReadonlySet<string> = new Set(
  'proc sysfs cgroup cgroup2 devpts devtmpfs mqueue securityfs bpf nsfs debugfs tracefs pstore configfs fusectl autofs binfmt_misc'.split(
    ' ',
  ),
);
/** The dynamic loader is started with every program, and is none. */
const LOADER = /\/ld-(?:linux|musl)[^/]*$|\/ld(?:64)?\.so[^/]*$/;

const BLIND: Coverage['missing'] = [
  {
    what: 'processes made and ended, connections, and every call beside exec and open',
    why: { en: 'only BPF programs see them', es: 'solo los programas BPF los ven' },
  },
  {
    what: 'opens that failed, the flags of an open, and what a container opens in its first second',
    why: {
      en: 'fanotify tells of files that were opened, and when one that was written to is closed; new file systems are looked for once a second',
      es: 'fanotify avisa de los archivos abiertos, y de cuándo se cierra uno en que se escribió; los sistemas de archivos nuevos se buscan una vez por segundo',
    },
  },
  {
    what: 'whether a program is in the image',
    why: { en: 'only BPF programs look into the overlay', es: 'solo los programas BPF miran dentro del overlay' },
  },
  {
    what: 'volumes and other file systems of the host inside containers',
    why: {
      en: 'only file systems that are a container’s alone are watched, unless the host is',
      es: 'solo se observan los sistemas de archivos exclusivos de un contenedor, salvo que se observe el anfitrión',
    },
  },
];

const NO_REACH: KernelReach = {
  exec: { means: null, why: 'no BPF programs on this kernel' },
  open: { means: null, why: 'no BPF programs on this kernel' },
  left: [],
};

/** The kernel keeps the rules of a sensor that was killed; all else of it ends with its process. */
export function removeFallback(instance: string): void {
  AuditExecs.removeRules(auditKey(instance));
}

function auditKey(instance: string): string {
  return `darsena-${instance}`;
}

export interface FallbackOptions {
  /** Events of the host itself too. Default: containers only. */
  readonly hostToo?: boolean;
  /** Names the rules in the kernel's audit; those of several instances must differ. */
  readonly instance: string;
  /** Why there are no BPF programs. */
  readonly why: string | Text;
}

interface KnownProcess {
  readonly container: string | null;
  readonly header: Omit<MadeHeader, 'timeNs'>;
  readonly atMs: number;
}

export class FallbackProbe {
  readonly coverage: Coverage;
  readonly processRing = new MadeRing(FALLBACK_RING_BYTES);
  readonly openRing = new MadeRing(FALLBACK_RING_BYTES);
  readonly poller = new Poller();
  readonly objectFile = import.meta.filename;
  readonly isResumed = false;
  readonly wasCut = false;
  readonly guards = {
    set: (guards: readonly KernelGuard[]): KernelReach => ({ ...NO_REACH, left: guards.map((one) => one.containerId) }),
    drain: (_take: (met: KernelMet) => void): void => undefined,
  };
  readonly #group: number;
  readonly #audit: AuditExecs | null;
  readonly #hostToo: boolean;
  readonly #marked = new Set<string>();
  readonly #ignored = new Set<string>();
  /** Containers by the number that stands for their cgroup, and the other way. */
  readonly #containers = new Map<bigint, string>();
  readonly #numbers = new Map<string, bigint>();
  #lastNumber = 0n;
  /** Whose the file systems are that only one container has: for processes that ended before they were looked at. */
  readonly #ofDevice = new Map<string, string>();
  /** Where each overlay lies, and how often its owner was looked for: one of the same number elsewhere is another one's. */
  readonly #overlays = new Map<string, { readonly path: string; looks: number }>();
  readonly #known = new Map<number, KnownProcess>();
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  readonly #seen = { execve: 0, openat: 0 };
  readonly #lost = { execve: 0, openat: 0 };
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  #looksLeft = BECOMING_TURN_LOOKS_MAX;
  #lookedMs = 0;
  #auditFd = -1;

  private constructor(group: number, audit: AuditExecs | string | Text, options: FallbackOptions) {
    this.#group = group;
    this.#audit = audit instanceof AuditExecs ? audit : null;
    this.#hostToo = options.hostToo === true;
    this.poller.add(group);
    this.#listenToAudit();
    const ofExecs =
      audit instanceof AuditExecs ? [] : [{ what: 'arguments of programs that ended at once (audit)', why: audit }];
    const programs = ['fanotify', ...(audit instanceof AuditExecs ? ['audit'] : [])];
    this.coverage = { programs, missing: [{ what: 'BPF programs', why: options.why }, ...BLIND, ...ofExecs] };
    this.#lookForMounts();
  }

  /** @returns why it cannot be, in the system's words */
  static open(options: FallbackOptions): FallbackProbe | string {
    const held = openFanotifyNotices();
    if (!('fd' in held)) return `fanotify_init: ${held.reason}`;
    return new FallbackProbe(held.fd, AuditExecs.open(auditKey(options.instance)), options);
  }

  /** Takes in what the kernel has told since the last time. */
  fill(): void {
    this.#looksLeft = BECOMING_TURN_LOOKS_MAX;
    if (Math.abs(Date.now() - this.#lookedMs) > MOUNTS_MS) {
      this.#lookForMounts();
      this.#audit?.askLost();
    }
    this.#audit?.drain((exec) => this.#takeExec(exec));
    this.#listenToAudit();
    this.#drainFiles();
  }

  /** The poller forgets by itself what was closed. */
  #listenToAudit(): void {
    if (this.#audit === null || this.#audit.fd === this.#auditFd) return;
    this.#auditFd = this.#audit.fd;
    this.poller.add(this.#auditFd);
  }

  watchCalls(names: ReadonlySet<string>): Coverage['missing'] {
    const unseen = [...names].filter((name) => name !== 'execve' && name !== 'openat');
    return unseen.length === 0
      ? []
      : [{ what: unseen.join(', '), why: { en: 'needs BPF programs', es: 'necesita programas BPF' } }];
  }

  askEnvironment(_isAsked: boolean): void {
    // Neither fanotify nor audit knows it: /proc does while the program runs.
  }

  containerId(cgroup: bigint): string | null {
    return this.#containers.get(cgroup) ?? null;
  }

  setIgnored(_cgroup: bigint, id: string, ignored: boolean): void {
    if (ignored) this.#ignored.add(id);
    else this.#ignored.delete(id);
  }

  counts(): KernelCounts {
    return {
      seen: { ...this.#seen },
      lost: { ...this.#lost, execve: this.#lost.execve + (this.#audit?.overruns ?? 0) },
    };
  }
  missingNames(): string[] {
    return [];
  }
  toldLosses(): Record<string, number> {
    return {};
  }
  rememberTold(_lost: Readonly<Record<string, number>>): void {
    // The next sensor begins to count anew.
  }

  close(): void {
    this.#audit?.close();
    closeSync(this.#group);
    this.poller.close();
  }

  /** Containers' own file systems are overlays in the machine's table of mounts; the host's are watched when the host is. */
  #lookForMounts(): void {
    this.#lookedMs = Date.now();
    const mask = FANOTIFY.open | FANOTIFY.openExec | FANOTIFY.closeWrite;
    const there = new Set<string>();
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
      const [before = '', after = ''] = line.split(' - ');
      const [, , device = '', , path = ''] = before.split(' ');
      const [type = ''] = after.split(' ');
      if (path === '' || UNSEEN.has(type) || (type !== 'overlay' && !this.#hostToo)) continue;
      if (type === 'overlay' && !there.has(device) && this.#overlays.get(device)?.path !== path) {
        this.#overlays.set(device, { path, looks: 0 });
        this.#ofDevice.delete(device);
      }
      there.add(device);
      // An overlay's number is the next one's as soon as it is gone: the mark went with the first. A second mark changes nothing.
      if (type !== 'overlay' && this.#marked.has(device)) continue;
      const name = path.replaceAll(/\\([0-7]{3})/g, (_all, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 8)),
      );
      // What cannot be marked (a file system that knows no notices) is tried again with the next look.
      if (markFanotify(this.#group, 'add', 'filesystem', mask, name) === null) this.#marked.add(device);
    }
    for (const device of this.#marked) if (!there.has(device)) this.#marked.delete(device);
    for (const device of this.#overlays.keys())
      if (!there.has(device)) {
        this.#overlays.delete(device);
        this.#ofDevice.delete(device);
      }
    this.#lookForOwners();
  }

  /** Whose each overlay is, by the roots of processes: so that what has ended when it is looked at is known by its files. */
  #lookForOwners(): void {
    const wanted = new Set<string>();
    for (const [device, overlay] of this.#overlays)
      if (!this.#ofDevice.has(device) && overlay.looks++ < OWNER_LOOKS_MAX) wanted.add(device);
    if (wanted.size === 0) return;
    for (const pid of listProcesses()) {
      const device = rootDevice(pid);
      if (device === null || !wanted.has(device)) continue;
      const container = containerOf(pid);
      if (container !== null) this.#ofDevice.set(device, container);
    }
  }

  #drainFiles(): void {
    // What is left waits in the kernel: others have their turn in between.
    for (let reads = 0; reads < READS_MAX; reads++) {
      let bytes: number;
      try {
        bytes = readSync(this.#group, this.#buffer, 0, BUFFER_BYTES, null);
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return;
        if (code === 'EBADF' || code === 'EINVAL' || code === 'EFAULT') throw error;
        continue; // a file that cannot be opened again, such as one of a device
      }
      for (let at = 0; at + EVENT_BYTES <= bytes; ) {
        const length = this.#buffer.readUInt32LE(at);
        const mask = Number(this.#buffer.readBigUInt64LE(at + 8));
        const [fd, pid] = [this.#buffer.readInt32LE(at + 16), this.#buffer.readInt32LE(at + 20)];
        at += Math.max(length, EVENT_BYTES);
        if ((mask & QUEUE_OVERFLOW) !== 0) this.#lost.openat++;
        if (fd < 0) continue;
        if (pid !== process.pid) this.#takeFile(fd, pid, mask);
        closeSync(fd);
      }
    }
  }

  #takeFile(fd: number, pid: number, mask: number): void {
    let path: string;
    let stat: { dev: bigint; ino: bigint; mode: bigint };
    try {
      path = readlinkSync(`/proc/self/fd/${fd}`).replace(/ \(deleted\)$/, '');
      stat = fstatSync(fd, { bigint: true });
    } catch {
      return; // a kind of file that has neither
    }
    const process = this.#processOf(pid, stat.dev);
    if (!this.#isWanted(process.container)) return;
    const facts = { ...process.header, timeNs: kernelClocks().monotonicNs };
    if ((mask & FANOTIFY.openExec) !== 0 && this.#audit === null && !LOADER.test(path))
      this.#execByFile(pid, path, stat.dev);
    const flags = (mask & FANOTIFY.closeWrite) !== 0 ? O_WRONLY : 0;
    this.#put('openat', makeOpen(facts, { path, flags, mode: Number(stat.mode), inode: Number(stat.ino) }));
  }

  /** The kernel told of the file before the process had become the program, which it does at once: until then it is another. */
  #execByFile(pid: number, path: string, device: bigint): void {
    const { container, header } = this.#processOf(pid, device, true);
    let facts = readProcess(pid);
    for (let looks = 0; looks < BECOMING_LOOKS && facts !== null && facts.exePath !== path; looks++) {
      if (this.#looksLeft-- <= 0) break;
      Atomics.wait(this.#nap, 0, 0, BECOMING_MS);
      facts = readProcess(pid);
    }
    const there = facts !== null && facts.exePath === path ? facts : null;
    const argv = there === null ? [path] : [there.exe, ...there.args];
    const name = there?.name ?? path.slice(path.lastIndexOf('/') + 1);
    const became = { ...header, name };
    this.#remember(pid, { container, header: became, atMs: Date.now() });
    const record = makeExec(
      { ...became, timeNs: kernelClocks().monotonicNs },
      { path, cwd: facts?.cwd ?? '/', argv, parentName: readProcess(header.ppid)?.name ?? '' },
    );
    this.#put('execve', record);
  }

  #takeExec(exec: AuditedExec): void {
    const before = this.#processOf(exec.pid, null, true);
    // Of one that has ended, the file system of its program and whoever started it say where it was.
    const ofFile = before.header.name === '' ? (this.#ofDevice.get(exec.device) ?? null) : null;
    const container = before.container ?? ofFile ?? this.#processOf(exec.ppid, null).container;
    if (exec.pid === process.pid || !this.#isWanted(container)) return;
    const { monotonicNs } = kernelClocks();
    const { pid, ppid, uid, gid, loginUid, tty, name } = exec;
    const facts = { ...before.header, pid, ppid, uid, gid, loginUid, tty, name, cgroup: this.#numberOf(container) };
    // What it opens is the new program's, also when it has ended before that is read.
    this.#remember(pid, { container, header: facts, atMs: Date.now() });
    const timeNs = monotonicNs - Math.max(0, Date.now() - exec.wallMs) * 1e6;
    const parentName = readProcess(ppid)?.name ?? '';
    this.#put('execve', makeExec({ ...facts, timeNs }, { path: exec.exe, cwd: exec.cwd, argv: exec.argv, parentName }));
  }

  #put(type: 'execve' | 'openat', record: Buffer): void {
    this.#seen[type]++;
    const ring = type === 'execve' ? this.processRing : this.openRing;
    if (!ring.put(record)) this.#lost[type]++;
  }

  #isWanted(container: string | null): boolean {
    return container === null ? this.#hostToo : !this.#ignored.has(container);
  }

  /**
   * @param device of the file that it opened: only one container has it, if any
   * @param isNew it has become another program: what was read before is of no use while it lives
   */
  #processOf(pid: number, device: bigint | null, isNew = false): KnownProcess {
    const known = this.#known.get(pid);
    const atMs = Date.now();
    if (known !== undefined && !isNew && atMs - known.atMs < KNOWN_MS) return known;
    const read = readProcess(pid);
    if (read === null && known !== undefined && known.container !== null && atMs - known.atMs < ENDED_MS) return known;
    let container = read === null ? null : containerOf(pid);
    if (device !== null && container === null && read === null)
      container = this.#ofDevice.get(deviceName(device)) ?? null;
    const header = {
      ...{
        pid,
        ppid: read?.ppid ?? 0,
        uid: read?.uid ?? 0,
        gid: read?.gid ?? 0,
        loginUid: read?.loginUid ?? 0xffffffff,
      },
      ...{ cgroup: this.#numberOf(container), tty: read?.tty ?? 0, startedNs: read?.startedNs ?? 0 },
      ...{ session: read?.session ?? 0, innerPid: read?.innerPid ?? 0, name: read?.name ?? '' },
    };
    const found = { container, header, atMs };
    // Of one that has ended the next file, on another file system, may say more.
    if (read === null) return found;
    this.#remember(pid, found);
    return found;
  }

  #remember(pid: number, known: KnownProcess): void {
    this.#known.set(pid, known);
    if (this.#known.size <= FALLBACK_PIDS_MAX) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  #numberOf(container: string | null): bigint {
    if (container === null) return 0n;
    const known = this.#numbers.get(container);
    if (known !== undefined) return known;
    const number = ++this.#lastNumber;
    this.#numbers.set(container, number);
    this.#containers.set(number, container);
    if (this.#numbers.size > CGROUPS_MAX) {
      const [oldest] = this.#numbers;
      if (oldest !== undefined) {
        this.#numbers.delete(oldest[0]);
        this.#containers.delete(oldest[1]);
      }
    }
    return number;
  }
}

function rootDevice(pid: number): string | null {
  try {
    return deviceName(statSync(`/proc/${pid}/root`, { bigint: true }).dev);
  } catch {
    return null; // it ended meanwhile
  }
}

/** As the table of mounts writes it (makedev(3)). */
function deviceName(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}
