import { readlinkSync } from 'node:fs';
import {
  COMM_BYTES,
  EXE_FLAG,
  EXEC,
  FORK,
  HEADER,
  isFork,
  isParent,
  type KernelEvent,
  type LivingFacts,
  type ProcessFacts,
  RECORD,
  RECORD_FLAG,
  type Surroundings,
  sameStart,
  unknownProcess,
} from '../events/index.ts';
import { kernelClocks } from '../system/native.ts';
import { type Comparison, ImagePrograms } from './image-programs.ts';
import { ARGUMENT_OVERHEAD, ENDED_PROCESSES_MAX, PROCESS_TEXT_LENGTH_MAX, PROCESSES_MAX } from './limits.ts';
import { LivingProcess, listProcesses, readProcess, readProgram, readUsers } from './proc.ts';

const USERS_REREAD_MS = 10_000;
const ASKED_KEPT_MS = 10;
/** A power of two: processes that are found without the table, by the last digits of their number. */
const RECENT_PLACES = 1_024;
const GONE_MAX = 4_096;
const COMM_WORDS = COMM_BYTES / 4;

/**
 * Processes by pid, bounded, safe against reuse: an entry answers only for the start time it was made with. Ended processes stay
 * for a while. What was never seen is read from /proc once.
 */
export class ProcessTable implements Surroundings {
  readonly #living = new Map<number, ProcessFacts>();
  /** Who acted a moment ago and is living still, and the name of its first thread then, as the kernel wrote it. */
  readonly #recent = new Array<ProcessFacts | undefined>(RECENT_PLACES).fill(undefined);
  readonly #recentComms = new Int32Array(RECENT_PLACES * COMM_WORDS);
  readonly #hasComm = new Uint8Array(RECENT_PLACES);
  readonly #ended: ProcessFacts[] = [];
  /** Numbers that /proc did not know a moment ago: rules ask for the same parent several times for one event. */
  readonly #gone = new Set<number>();
  readonly #image: ImagePrograms;
  #textLength = 0;
  #users: Map<number, string>;
  #groups: Map<number, string>;
  #usersReadMs: number;
  #asked: { pid: number; atMs: number; facts: LivingFacts | null } = { pid: 0, atMs: 0, facts: null };
  #names: ReadonlyMap<string, readonly string[]> = new Map();
  wallOffsetNs = 0;
  bootOffsetNs = 0;
  /** Of what began earlier nobody saw where. */
  readonly #beganNs: number;
  /** The host's, by its number. */
  readonly #mountNamespace = Number(/\d+/.exec(readlinkSync('/proc/self/ns/mnt'))?.[0]);

  /** @param compareLater compares large programs with those of their image beside the reading of events */
  constructor(compareLater?: (comparison: Comparison) => void) {
    this.#image = new ImagePrograms(compareLater === undefined ? {} : { compareLater });
    this.#beganNs = kernelClocks().bootNs;
    this.#users = readUsers();
    this.#groups = readUsers('/etc/group');
    this.#usersReadMs = Date.now();
    this.adjustClocks();
  }

  /** Follows the wall clock, which may be set while the kernel's goes on. */
  adjustClocks(): void {
    this.#gone.clear();
    const clocks = kernelClocks();
    this.wallOffsetNs = Date.now() * 1e6 - clocks.monotonicNs;
    this.bootOffsetNs = clocks.bootNs - clocks.monotonicNs;
  }

  /** Reads what runs already. */
  seed(): void {
    for (const pid of listProcesses()) {
      const facts = readProcess(pid);
      if (facts !== null) this.#put(facts);
    }
  }

  get size(): number {
    return this.#living.size;
  }

  /** The acting process of the event, after taking in what the event says of it. */
  follow(event: KernelEvent): ProcessFacts {
    if (event.type === RECORD.exec) return this.#put(this.#fromExec(event));
    const process = this.#findRecent(event) ?? this.#find(event) ?? this.#adopt(event);
    if (event.type === RECORD.exit) this.#end(process);
    else this.#rename(event, process);
    // The child has the name that its parent has by now.
    if (isFork(event.type)) this.#fork(event, process);
    return process;
  }

  parentOf(process: ProcessFacts): ProcessFacts | undefined {
    if (process.ppid === 0) return undefined;
    const known = this.#living.get(process.ppid);
    if (known !== undefined && isParent(known, process, this)) return known;
    // Where the parent's start is not known, /proc has nobody better than one whose start is.
    if (known === undefined || known.startedNs === 0 || process.parentStartedNs !== 0) {
      const read = this.#read(process.ppid);
      if (read !== null && isParent(read, process, this)) return this.#put(read);
    }
    if (process.parentName === '') return undefined;
    return unknownProcess(process.ppid, process.parentStartedNs, process.parentName);
  }

  processOf(pid: number): ProcessFacts | undefined {
    const known = this.#living.get(pid);
    if (known !== undefined) return known;
    const read = this.#read(pid);
    return read === null ? undefined : this.#put(read);
  }

  #read(pid: number): ProcessFacts | null {
    if (this.#gone.has(pid)) return null;
    const read = readProcess(pid);
    if (read === null && this.#gone.size < GONE_MAX) this.#gone.add(pid);
    return read;
  }

  /** The same for one that may have ended a moment ago. */
  lastOf(pid: number): ProcessFacts | undefined {
    return this.#living.get(pid) ?? this.#ended.findLast((one) => one.pid === pid) ?? this.processOf(pid);
  }

  userName(uid: number): string | null {
    if (!this.#users.has(uid)) this.#rereadNames();
    return this.#users.get(uid) ?? null;
  }

  groupName(gid: number): string | null {
    if (!this.#groups.has(gid)) this.#rereadNames();
    return this.#groups.get(gid) ?? null;
  }

  namesOf(address: string): readonly string[] {
    return this.#names.get(address) ?? [];
  }

  /** Where the names that rules speak of lead now. */
  learnNames(names: ReadonlyMap<string, readonly string[]>): void {
    this.#names = names;
  }

  /** Asked several times for one event, and by few rules: the last answer is kept for a moment. */
  ask(pid: number): LivingFacts | null {
    const now = Date.now();
    if (this.#asked.pid !== pid || Math.abs(now - this.#asked.atMs) > ASKED_KEPT_MS)
      this.#asked = { pid, atMs: now, facts: new LivingProcess(pid, this.#image) };
    return this.#asked.facts;
  }

  /** Whether it is being found out if the program of who acts is the image's; asked of a start, and while anything is. */
  isUndecided(event: KernelEvent, containerId: string): boolean {
    const { process } = event;
    if ((process.exeFlags & EXE_FLAG.upperLayer) === 0) return false;
    if (event.type !== RECORD.exec && !this.#image.isComparing) return false;
    return this.#image.isUndecided(process, `${containerId} ${event.u32(HEADER.mount_namespace)}`);
  }

  compared(id: number, isSame: boolean): boolean {
    return this.#image.compared(id, isSame);
  }

  #rereadNames(): void {
    if (Math.abs(Date.now() - this.#usersReadMs) <= USERS_REREAD_MS) return;
    this.#users = readUsers();
    this.#groups = readUsers('/etc/group');
    this.#usersReadMs = Date.now();
  }

  #findRecent(event: KernelEvent): ProcessFacts | undefined {
    const pid = event.u32(HEADER.pid);
    const recent = this.#recent[pid & (RECENT_PLACES - 1)];
    return recent !== undefined && recent.pid === pid && recent.startedNs === event.u64(HEADER.started)
      ? recent
      : undefined;
  }

  #find(event: KernelEvent): ProcessFacts | undefined {
    const pid = event.u32(HEADER.pid);
    const known = this.#living.get(pid);
    if (known === undefined || !sameStart(known.startedNs, event.u64(HEADER.started))) return undefined;
    const place = pid & (RECENT_PLACES - 1);
    this.#recent[place] = known;
    this.#hasComm[place] = 0;
    return known;
  }

  #put(process: ProcessFacts): ProcessFacts {
    this.#gone.delete(process.pid);
    const before = this.#living.get(process.pid);
    if (before !== undefined) this.#drop(before);
    this.#living.set(process.pid, process);
    this.#textLength += textLengthOf(process);
    while (this.#living.size > PROCESSES_MAX || this.#textLength > PROCESS_TEXT_LENGTH_MAX) {
      const [oldest] = this.#living.values();
      if (oldest === undefined || oldest === process) break;
      this.#drop(oldest);
    }
    return process;
  }

  #drop(process: ProcessFacts): void {
    this.#living.delete(process.pid);
    const place = process.pid & (RECENT_PLACES - 1);
    if (this.#recent[place] === process) this.#recent[place] = undefined;
    this.#textLength -= textLengthOf(process);
  }

  #fromExec(event: KernelEvent): ProcessFacts {
    const { path, cwd, args } = event.execTexts();
    // Written out: made of the parts that others are made of, it would be copied three times.
    const facts: ProcessFacts = {
      pid: event.u32(HEADER.pid),
      startedNs: event.u64(HEADER.started),
      ppid: event.u32(HEADER.ppid),
      parentStartedNs: event.u64(HEADER.parent_started),
      name: event.comm,
      parentName: event.parentComm,
      exe: args.shift() ?? '',
      exePath: path,
      args,
      cwd,
      uid: event.u32(HEADER.uid),
      gid: event.u32(HEADER.gid),
      loginUid: event.u32(HEADER.loginuid),
      tty: event.u32(HEADER.tty),
      session: event.u32(HEADER.session),
      innerPid: event.u32(HEADER.inner_pid),
      exeFlags:
        event.u32(EXEC.exe_flags) |
        (event.hasFlag(RECORD_FLAG.truncated) ? EXE_FLAG.cut : 0) |
        (this.#isOutside(event) || this.#isItselfAgain(event) ? EXE_FLAG.fromOutside : 0),
      exeInode: event.u64(EXEC.inode),
      exeChangedNs: event.u64(EXEC.changed),
      exeModifiedNs: event.u64(EXEC.modified),
      capabilities: {
        inheritable: event.big(EXEC.cap_inheritable),
        permitted: event.big(EXEC.cap_permitted),
        effective: event.big(EXEC.cap_effective),
      },
      execTimeNs: event.wallTimeNs,
    };
    return facts;
  }

  /** A run-time may start itself anew when it is in the control group already; it sees the host's files then. */
  #isOutside(event: KernelEvent): boolean {
    return event.u64(HEADER.cgroup) === 0 || this.seesHost(event);
  }

  /** Whether the acting process has the host's own mounts in sight. */
  seesHost(event: KernelEvent): boolean {
    return event.u32(HEADER.mount_namespace) === this.#mountNamespace;
  }

  /**
   * A run-time that is a sandbox, as gVisor is, starts itself anew within the container: the same file, by a process from outside. runc
   * and crun copy themselves into memory and never do: a container that has them start /proc/self/exe wants their rights.
   */
  #isItselfAgain(event: KernelEvent): boolean {
    const before = this.#find(event);
    if (before === undefined || (before.exeFlags & EXE_FLAG.fromOutside) === 0 || before.exeInode === 0) return false;
    if ((before.exeFlags & EXE_FLAG.memfd) !== 0 || before.exePath.startsWith('memfd:')) return false;
    return before.exeInode === event.u64(EXEC.inode) && before.exeChangedNs === event.u64(EXEC.changed);
  }

  /** A process whose exec was not seen: /proc knows it while it lives, the header knows the rest. */
  #adopt(event: KernelEvent): ProcessFacts {
    const header = headerFacts(event);
    const read = readProcess(header.pid);
    const isKnown = read !== null && sameStart(read.startedNs, header.startedNs);
    const facts = isKnown ? { ...read, ...sureFacts(header) } : header;
    // What starts a program in a container is seen there: this one was started outside and came in, as run-times do.
    const isFromOutside = event.u64(HEADER.cgroup) !== 0 && header.startedNs > this.#beganNs;
    if (!isFromOutside) return this.#put(facts);
    return this.#put({ ...facts, ...readProgram(header.pid), exeFlags: facts.exeFlags | EXE_FLAG.fromOutside });
  }

  #fork(event: KernelEvent, parent: ProcessFacts): void {
    if (event.u32(FORK.child) === 0) return; // it was refused
    this.#put({
      ...parent,
      pid: event.u32(FORK.child),
      startedNs: event.u64(FORK.child_started),
      ppid: parent.pid,
      parentStartedNs: parent.startedNs,
      parentName: parent.name,
      innerPid: event.u32(FORK.inner_child),
    });
  }

  #end(process: ProcessFacts): void {
    this.#ended.push(process);
    if (this.#ended.length <= ENDED_PROCESSES_MAX) return;
    const oldest = this.#ended.shift();
    // Its number may be another process's by now.
    if (oldest !== undefined && this.#living.get(oldest.pid) === oldest) this.#drop(oldest);
  }

  /** prctl(PR_SET_NAME): busybox, for one, runs itself and then takes the name of the applet. */
  #rename(event: KernelEvent, process: ProcessFacts): void {
    if (event.u32(HEADER.tid) !== process.pid) return;
    const place = process.pid & (RECENT_PLACES - 1);
    const isRecent = this.#recent[place] === process;
    if (isRecent && this.#hasComm[place] === 1 && this.#hasName(event, place * COMM_WORDS)) return;
    const name = event.comm;
    if (name !== process.name) process.name = name;
    if (!isRecent) return;
    this.#hasComm[place] = 1;
    for (let i = 0; i < COMM_WORDS; i++) this.#recentComms[place * COMM_WORDS + i] = event.i32(HEADER.comm + 4 * i);
  }

  #hasName(event: KernelEvent, at: number): boolean {
    for (let i = 0; i < COMM_WORDS; i++) if (this.#recentComms[at + i] !== event.i32(HEADER.comm + 4 * i)) return false;
    return true;
  }
}

/** How much of the bound it takes. Processes that were forked share texts, and count as if they did not. */
function textLengthOf({ exe, exePath, cwd, args }: ProcessFacts): number {
  let length = exe.length + exePath.length + cwd.length;
  for (const argument of args) length += argument.length + ARGUMENT_OVERHEAD;
  return length;
}

/** What the header alone is sure of, and fresher than /proc. */
function sureFacts(header: ProcessFacts) {
  const { startedNs, ppid, parentStartedNs, name, uid, gid, loginUid, tty, session, innerPid } = header;
  return { startedNs, ppid, parentStartedNs, name, uid, gid, loginUid, tty, session, innerPid };
}

function headerFacts(event: KernelEvent): ProcessFacts {
  return {
    ...unknownProcess(event.u32(HEADER.pid), event.u64(HEADER.started), event.comm),
    ppid: event.u32(HEADER.ppid),
    parentStartedNs: event.u64(HEADER.parent_started),
    uid: event.u32(HEADER.uid),
    gid: event.u32(HEADER.gid),
    loginUid: event.u32(HEADER.loginuid),
    tty: event.u32(HEADER.tty),
    session: event.u32(HEADER.session),
    innerPid: event.u32(HEADER.inner_pid),
  };
}
