import { splitTexts } from './bytes.ts';
import { folderOf, type RecordedSurroundings, resolvePath, type ScapEvent } from './event.ts';
import { EVENT_TYPES } from './event-types.ts';
import { CONTAINER_JSON_MAX_BYTES, SCAP_ADDRESSES_MAX, SCAP_FDS_MAX, SCAP_THREADS_MAX } from './limits.ts';
import type { RecordedMachine, RecordedUsers } from './lists.ts';
import { endText, FAMILY, joinEnds, readAddress, readPair } from './sockets.ts';
import {
  asFolder,
  containerOfCgroups,
  type Descriptor,
  type DescriptorKind,
  NO_MEMORY,
  newDescriptor,
  newThread,
  type RecordedContainer,
  type RecordedUser,
  type Remembered,
  type Thread,
} from './state.ts';

const CLONE = { files: 1n, newNumbers: 64n, parent: 256n, thread: 2048n, otherNumbers: 536_870_912n } as const;

/** Names of events that make a descriptor of a kind that their name tells. */
const MADE: Readonly<Record<string, DescriptorKind>> = {
  eventfd: 'event',
  eventfd2: 'event',
  signalfd: 'signal',
  signalfd4: 'signal',
  epoll_create: 'poll',
  epoll_create1: 'poll',
  inotify_init: 'inotify',
  inotify_init1: 'inotify',
  timerfd_create: 'timer',
  bpf: 'bpf',
  userfaultfd: 'userfault',
  io_uring_setup: 'ring',
  memfd_create: 'memory',
  pidfd_open: 'process',
  pidfd_getfd: 'other',
  open_by_handle_at: 'file',
};
const DATAGRAM = 2;
/** PPM's word for O_DIRECTORY. */
const O_DIRECTORY = 1024;
/** Parameters of the beginning of a call that older recorders do not repeat at its end. */
const REMEMBERED = ['domain', 'type', 'filename', 'name', 'flags', 'dirfd', 'tuple', 'resource'] as const;
/** Names of events whose end changes what is known, beside those that make a descriptor. */
const CHANGING = new Set(
  (
    'execve execveat open openat openat2 creat socket connect bind accept accept4 sendto sendmsg recvfrom recvmsg close pipe pipe2 ' +
    'socketpair dup dup2 dup3 chdir fchdir getcwd setsid setuid setgid setresuid setresgid capset getrlimit setrlimit prlimit'
  ).split(' '),
);
const IS_CHANGING: readonly boolean[] = EVENT_TYPES.map(({ name }) => CHANGING.has(name) || Object.hasOwn(MADE, name));
/** Of older recorders: calls whose paths stand where they begin and not at their end. */
const PATHS = ['path', 'name', 'oldpath', 'newpath'] as const;
const NO_PATHS: ReadonlyMap<string, string> = new Map();
const HAS_PATHS: readonly boolean[] = EVENT_TYPES.map(({ name, isExit, places, number }) => {
  const isAboutPaths = ['mkdir', 'rmdir', 'unlink', 'unlinkat', 'link', 'linkat'].includes(name) && !isExit;
  return isAboutPaths && PATHS.some((one) => places.has(one) && EVENT_TYPES[number + 1]?.places.has(one) === false);
});
/** Beginnings that say something of which the end's change is made. */
const HAS_REMEMBERED: readonly boolean[] = EVENT_TYPES.map(
  ({ name, places, number }) =>
    HAS_PATHS[number] === true || (CHANGING.has(name) && REMEMBERED.some((one) => places.has(one))),
);
const IS_CLONE: readonly boolean[] = EVENT_TYPES.map(
  ({ name, isExit }) => isExit && ['clone', 'clone3', 'fork', 'vfork'].includes(name),
);
/** Events that only tell how much memory the thread has now. */
const MEASURES_MEMORY: readonly boolean[] = EVENT_TYPES.map(
  ({ name, memoryPlace }) => memoryPlace >= 0 && ['brk', 'mmap', 'mmap2', 'munmap', 'switch'].includes(name),
);
const IS_CONTAINER: readonly boolean[] = EVENT_TYPES.map(({ name }) => name === 'container');
const IS_END: readonly boolean[] = EVENT_TYPES.map(({ name }) => name === 'procexit');
const IS_SWITCH: readonly boolean[] = EVENT_TYPES.map(({ name }) => name === 'switch');
/** What begins or ends a call; a signal and the end of a thread begin something as well. */
const IS_TIMED: readonly boolean[] = EVENT_TYPES.map(
  ({ name, isSyscall }) => isSyscall || name === 'procexit' || name === 'signaldeliver',
);
/** The recorder's number for how many descriptors may be open. */
const LIMIT_OF_FILES = 7;
const NO_PROCESS = -1;
const NO_DESCRIPTOR = -1;
const NO_INNER = -2;
/** What Falco answers for the name of a process that it knows nothing of. */
const UNKNOWN = '<NA>';

/** Follows the events of a recording: who runs, what is open, what is connected. */
export class Machine implements RecordedSurroundings {
  readonly #threads = new Map<number, Thread>();
  #last: Thread | null = null;
  readonly #containers = new Map<string, RecordedContainer>();
  readonly #addresses = new Set<string>();
  #users: RecordedUsers = { users: new Map(), groups: new Map() };
  #machine: RecordedMachine = { hostname: '', bootedNs: 0n };
  /** What an event ends is only forgotten when the next one begins, so that the event itself can still be asked. */
  #ending: Thread | null = null;
  #closing: Map<number, Descriptor> | null = null;
  #closingFd = NO_DESCRIPTOR;
  /** When each processor last changed from one thread to another. */
  readonly #switched = new Map<number, { high: number; low: number }>();

  thread(tid: number): Thread | undefined {
    return this.#threads.get(tid);
  }
  /** Who acts: often the one of the event before. */
  #acting(tid: number): Thread | undefined {
    if (this.#last?.tid === tid) return this.#last;
    const thread = this.#threads.get(tid);
    if (thread !== undefined) this.#last = thread;
    return thread;
  }
  user(uid: number): RecordedUser | undefined {
    return this.#users.users.get(uid);
  }
  group(gid: number): string | undefined {
    return this.#users.groups.get(gid);
  }
  container(id: string): RecordedContainer | undefined {
    return this.#containers.get(id);
  }
  isOwnAddress(address: string): boolean {
    return address.startsWith('127.') || address === '::1' || this.#addresses.has(address);
  }
  childrenOf(pid: number): number {
    let count = 0;
    for (const thread of this.#threads.values()) if (thread.pid === pid && thread.tid !== pid) count++;
    return count;
  }

  addThread(thread: Thread): void {
    if (this.#threads.size >= SCAP_THREADS_MAX) return;
    this.#threads.set(thread.tid, thread);
    this.#last = null;
  }

  /** Threads of a process share its descriptors; they come after the process list. */
  addDescriptors(tid: number, fds: Map<number, Descriptor>): void {
    // Threads that do not lead their process have lists of their own, which are empty.
    if (fds.size === 0) return;
    const pid = this.#threads.get(tid)?.pid ?? tid;
    for (const thread of this.#threads.values()) if (thread.pid === pid) thread.fds = fds;
  }

  addAddress(address: string): void {
    if (this.#addresses.size < SCAP_ADDRESSES_MAX) this.#addresses.add(address);
  }

  get hostname(): string {
    return this.#machine.hostname;
  }

  setMachine(machine: RecordedMachine): void {
    this.#machine = machine;
  }

  setUsers(users: RecordedUsers): void {
    this.#users = users;
  }

  /** Takes in what an event says and gives the event its thread and descriptor. */
  follow(event: ScapEvent): void {
    if (this.#closing !== null || this.#ending !== null) this.#forget();
    if (IS_CONTAINER[event.type.number] === true) {
      event.thread = this.#describeContainer(event.text('json'));
      return;
    }
    const { type } = event;
    if (IS_CLONE[type.number] === true) this.#clone(event);
    // Only a call shows that a thread nobody told us of is there; the idle task never makes one.
    const thread = this.#acting(event.tid) ?? (type.isSyscall && event.tid > 0 ? this.#unknownThread(event.tid) : null);
    event.thread = thread;
    if (IS_SWITCH[type.number] === true) this.#switch(event, thread);
    if (thread === null) return;
    if (IS_TIMED[type.number] === true) time(event, thread);
    if (MEASURES_MEMORY[type.number] === true) measureMemory(event, thread);
    if (!type.isExit) this.#enter(event, thread);
    else this.#leave(event, thread);
    if (IS_END[type.number] === true) this.#ending = thread;
  }

  #forget(): void {
    if (this.#closing !== null) {
      this.#closing.delete(this.#closingFd);
      this.#closing = null;
    }
    if (this.#ending !== null) {
      if (this.#threads.get(this.#ending.tid) === this.#ending) this.#threads.delete(this.#ending.tid);
      this.#last = null;
      this.#ending = null;
    }
  }

  #switch(event: ScapEvent, thread: Thread | null): void {
    const last = this.#switched.get(event.cpu);
    event.ranNs = last === undefined ? 0 : event.since(last.high, last.low);
    if (last === undefined) this.#switched.set(event.cpu, { high: event.timeHigh, low: event.timeLow });
    else {
      last.high = event.timeHigh;
      last.low = event.timeLow;
    }
    if (thread !== null) thread.ranNs += event.ranNs;
  }

  #unknownThread(tid: number): Thread {
    const thread = newThread(tid, tid);
    thread.isUnsure = true;
    thread.parent = NO_PROCESS;
    thread.session = NO_PROCESS;
    thread.comm = UNKNOWN;
    thread.exe = UNKNOWN;
    this.addThread(thread);
    return thread;
  }

  #enter(event: ScapEvent, thread: Thread): void {
    const { type } = event;
    const fd = type.usesFd ? event.namedFd : null;
    // A switch or a signal may come between the two ends of a call.
    if (type.isSyscall) {
      thread.entered ??= { name: '', fd: null, remembered: null };
      thread.entered.name = type.name;
      thread.entered.fd = fd;
      thread.entered.remembered = rememberParameters(event);
    }
    if (fd !== null) this.#speakOf(event, thread, fd);
    else if (type.makesFd) event.fd = NO_DESCRIPTOR;
  }

  #entered<Name extends keyof Remembered>(event: ScapEvent, thread: Thread, name: Name): Remembered[Name] | null {
    const { entered } = thread;
    return entered?.name === event.type.name ? (entered.remembered?.[name] ?? null) : null;
  }

  #speakOf(event: ScapEvent, thread: Thread, fd: number): Descriptor | null {
    event.fd = fd;
    event.descriptor = thread.fds.get(fd) ?? null;
    return event.descriptor;
  }

  #leave(event: ScapEvent, thread: Thread): void {
    const { type } = event;
    // A mapping of a file is about it where its end names it; older recorders name it where it begins alone.
    if (type.maps && event.namedFd !== null) this.#speakOf(event, thread, event.namedFd);
    if (type.usesFd) {
      const { entered } = thread;
      const used = (type.makesFd ? null : event.namedFd) ?? (entered?.name === type.name ? entered.fd : null);
      this.#speakOf(event, thread, used ?? NO_DESCRIPTOR);
    }
    if (IS_CHANGING[type.number] !== true) return;
    const result = event.result;
    const isDone = result === null || result >= 0;
    switch (type.name) {
      case 'execve':
      case 'execveat':
        if (result === 0) this.#exec(event, thread);
        return;
      case 'open':
      case 'openat':
      case 'openat2':
      case 'creat':
        this.#open(event, thread, result ?? -1);
        return;
      case 'socket':
        if (isDone && result !== null) this.#socket(event, thread, result);
        return;
      case 'connect':
        this.#connect(event, thread);
        return;
      case 'bind':
        if (isDone) this.#bind(event);
        return;
      case 'accept':
      case 'accept4':
        if (isDone && result !== null) this.#accept(event, thread, result);
        return;
      case 'sendto':
      case 'sendmsg':
        if (isDone) {
          this.#inferSocket(event, thread);
          this.#adoptPair(event, this.#pairOf(event, thread), 'sent');
        }
        return;
      case 'recvfrom':
      case 'recvmsg':
        if (isDone) this.#adoptPair(event, this.#pairOf(event, thread), 'received');
        return;
      case 'close':
        if (isDone && event.fd !== null) {
          this.#closing = thread.fds;
          this.#closingFd = event.fd;
        }
        return;
      case 'pipe':
      case 'pipe2':
      case 'socketpair':
        if (isDone) {
          const kind = type.name === 'socketpair' ? 'unix' : 'fifo';
          for (const name of ['fd1', 'fd2']) {
            const fd = event.integer(name);
            if (fd === null) continue;
            const descriptor = newDescriptor(kind);
            descriptor.inode = event.integer('ino') ?? 0;
            this.#put(event, thread, fd, descriptor);
          }
        }
        return;
      case 'dup':
      case 'dup2':
      case 'dup3':
        if (isDone && result !== null) this.#duplicate(event, thread, result);
        return;
      case 'chdir':
        if (isDone) thread.cwd = asFolder(resolvePath(thread.cwd, event.text('path') ?? ''));
        return;
      case 'fchdir':
        if (isDone && event.descriptor) thread.cwd = asFolder(event.descriptor.name);
        return;
      case 'getcwd':
        if (isDone && event.text('path')) thread.cwd = asFolder(event.text('path') ?? '');
        return;
      case 'setsid':
        if (isDone && result !== null) thread.session = result;
        return;
      case 'setuid':
      case 'setgid':
      case 'setresuid':
      case 'setresgid':
        if (isDone) this.#changeIds(event, thread);
        return;
      case 'getrlimit':
      case 'setrlimit':
      case 'prlimit':
        if (isDone) this.#limit(event, thread);
        return;
      case 'capset':
        if (isDone) {
          thread.capabilities = {
            inheritable: event.long('cap_inheritable') ?? 0n,
            permitted: event.long('cap_permitted') ?? 0n,
            effective: event.long('cap_effective') ?? 0n,
          };
        }
        return;
      default: {
        const kind = MADE[type.name];
        if (kind && type.makesFd && isDone && result !== null) this.#put(event, thread, result, newDescriptor(kind));
      }
    }
  }

  #put(event: ScapEvent, thread: Thread, fd: number, descriptor: Descriptor): void {
    event.fd = fd;
    event.descriptor = descriptor;
    if (thread.fds.size < SCAP_FDS_MAX) thread.fds.set(fd, descriptor);
  }

  #clone(event: ScapEvent): void {
    const result = event.integer('res');
    if (result === null || result < 0) return;
    const tid = result === 0 ? event.tid : result;
    const flags = event.long('flags') ?? 0n;
    if (result !== 0 && isNumberedWithin(event, flags)) return;
    const isThread = (flags & CLONE.thread) !== 0n;
    // A new thread says the parent of its whole process.
    const callerTid = result === 0 ? event.integer(isThread ? 'pid' : 'ptid') : event.tid;
    const caller = callerTid === null ? undefined : this.#threads.get(callerTid);
    const known = this.#threads.get(tid);
    if (known !== undefined && known.startedNs !== 0n && result !== 0) return;
    // Only the child's side knows its own numbers; the caller's side comes first, or instead.
    const pid = result === 0 ? (event.integer('pid') ?? tid) : isThread ? (caller?.pid ?? tid) : tid;
    const thread = newThread(tid, pid);
    const leader = this.#threads.get(pid);
    const shared = isThread || (flags & CLONE.files) !== 0n;
    if (caller) {
      const { tid: _tid, pid: _pid, fds, entered: _entered, ...rest } = caller;
      Object.assign(thread, rest);
      Object.assign(thread, { enteredHigh: -1, latencyNs: 0, ranNs: 0, memory: NO_MEMORY });
      thread.fds = shared ? (leader?.fds ?? fds) : new Map([...fds].map(([fd, one]) => [fd, { ...one }]));
    }
    thread.startedNs = known?.startedNs || event.timeNs;
    const namespaceStarted = event.long('pidns_init_start_ts');
    if (namespaceStarted !== null) {
      const isInner = (flags & (CLONE.otherNumbers | CLONE.newNumbers)) !== 0n || event.integer('vtid') !== tid;
      thread.namespaceStartedNs = this.#machine.bootedNs + (isInner ? namespaceStarted : 0n);
    }
    thread.parent = result === 0 ? (event.integer('ptid') ?? 0) : isThread ? (caller?.parent ?? 0) : event.tid;
    this.#describeSelf(event, thread, result === 0);
    // What the caller's side said of its memory stands: the child tells its own with its next switch.
    if (result === 0 && known !== undefined && known.startedNs !== 0n) thread.memory = known.memory;
    if (result !== 0 && !isThread) {
      thread.innerTid = -1;
      thread.innerPid = -1;
    }
    this.addThread(thread);
  }

  /** Parameters that clone and exec have alike. */
  #describeSelf(event: ScapEvent, thread: Thread, ownNumbers: boolean): void {
    const exe = event.text('exe');
    if (exe !== null) thread.exe = exe;
    const args = event.bytes('args');
    if (args !== null) thread.args = splitTexts(args);
    const comm = event.text('comm');
    if (comm !== null) thread.comm = comm;
    else if (exe !== null) thread.comm = exe.slice(exe.lastIndexOf('/') + 1);
    const cwd = event.text('cwd');
    if (cwd !== null && cwd !== '') thread.cwd = asFolder(cwd);
    const cgroups = event.bytes('cgroups');
    if (cgroups !== null) {
      // The kernel's own name of this group was another when recorders began to write it.
      thread.cgroups = splitTexts(cgroups).map((one) => (one.startsWith('io=') ? `blk${one}` : one));
      thread.containerId = containerOfCgroups(thread.cgroups)?.id ?? '';
    }
    const uid = event.integer('uid');
    if (uid !== null) thread.uid = uid;
    const gid = event.integer('gid');
    if (gid !== null) thread.gid = gid;
    thread.fdLimit = event.integer('fdlimit') ?? thread.fdLimit;
    measureMemory(event, thread);
    if (!ownNumbers) return;
    thread.innerTid = event.integer('vtid') ?? thread.innerTid;
    thread.innerPid = event.integer('vpid') ?? thread.innerPid;
  }

  /** A thread that was never seen gets its numbers from the first exec that says them. */
  #adopt(event: ScapEvent, thread: Thread): Thread {
    if (!thread.isUnsure) return thread;
    const known = newThread(thread.tid, event.integer('pid') ?? thread.tid);
    known.parent = event.integer('ptid') ?? 0;
    known.session = NO_PROCESS;
    known.entered = thread.entered;
    known.enteredHigh = thread.enteredHigh;
    known.enteredLow = thread.enteredLow;
    known.latencyNs = thread.latencyNs;
    known.fds = thread.fds;
    this.addThread(known);
    event.thread = known;
    return known;
  }

  #exec(event: ScapEvent, unsure: Thread): void {
    const thread = this.#adopt(event, unsure);
    const filename = this.#entered(event, thread, 'filename');
    this.#describeSelf(event, thread, false);
    const environment = event.bytes('env');
    if (environment !== null) thread.environment = splitTexts(environment).filter((one) => one !== '');
    thread.tty = event.integer('tty') ?? thread.tty;
    thread.group = event.integer('vpgid') ?? thread.group;
    thread.hostGroup = event.integer('pgid') ?? thread.hostGroup;
    thread.loginUid = event.integer('loginuid') ?? thread.loginUid;
    thread.exeFlags = event.integer('flags') ?? 0;
    const permitted = event.long('cap_permitted');
    if (permitted !== null) {
      thread.capabilities = {
        inheritable: event.long('cap_inheritable') ?? 0n,
        permitted,
        effective: event.long('cap_effective') ?? 0n,
      };
    }
    thread.exeInode = event.integer('exe_ino') ?? 0;
    thread.exeChangedNs = event.long('exe_ino_ctime') ?? 0n;
    thread.exeModifiedNs = event.long('exe_ino_mtime') ?? 0n;
    const [changed, began] = [thread.exeChangedNs, thread.namespaceStartedNs];
    const isSaid = event.long('exe_ino_mtime') !== null;
    thread.exeChangedBeforeStartNs = isSaid && thread.startedNs !== 0n ? thread.startedNs - changed : 0n;
    thread.exeChangedAfterNamespaceNs = isSaid && began !== 0n && changed > began ? changed - began : 0n;
    const trusted = event.text('trusted_exepath');
    // The kernel marks a file that is gone; the program is still the one of that path.
    if (trusted !== null && trusted !== '') thread.exePath = trusted.replace(/ \(deleted\)$/, '');
    else if (filename !== null && filename !== '') thread.exePath = resolvePath(thread.cwd, filename);
    // Older recorders do not say what was run; the first argument is only what the program was told of its name.
    else thread.exePath = '';
  }

  #open(event: ScapEvent, thread: Thread, fd: number): void {
    const name = event.text('name') ?? this.#entered(event, thread, 'name') ?? '';
    const flags = event.integer('flags') ?? this.#entered(event, thread, 'flags') ?? 0;
    const at = event.integer('dirfd') ?? this.#entered(event, thread, 'dirfd');
    const hasFolder = event.type.name === 'openat' || event.type.name === 'openat2';
    const path = resolvePath(hasFolder ? folderOf(thread, at) : thread.cwd, name);
    const descriptor = newDescriptor((flags & O_DIRECTORY) === 0 ? 'file' : 'directory', path);
    descriptor.rawName = name;
    descriptor.openFlags = flags;
    descriptor.device = event.integer('dev') ?? 0;
    descriptor.inode = event.integer('ino') ?? 0;
    descriptor.nameChangedAt = event.number;
    // A failed open has no descriptor; rules still ask for the path that was tried.
    if (fd < 0) {
      event.fd = NO_DESCRIPTOR;
      event.triedPath = path;
    } else this.#put(event, thread, fd, descriptor);
  }

  #socket(event: ScapEvent, thread: Thread, fd: number): void {
    const domain = event.integer('domain') ?? this.#entered(event, thread, 'domain') ?? 0;
    const type = event.integer('type') ?? this.#entered(event, thread, 'type') ?? 0;
    const kinds: Readonly<Record<number, DescriptorKind>> = { 1: 'unix', 2: 'ipv4', 10: 'ipv6', 16: 'netlink' };
    const descriptor = newDescriptor(kinds[domain] ?? 'other');
    // The lower bits are the type; above them stand SOCK_CLOEXEC and SOCK_NONBLOCK.
    if (domain === FAMILY.ipv4 || domain === FAMILY.ipv6) {
      descriptor.protocol = null;
      descriptor.device = (type & 0xf) === DATAGRAM ? DATAGRAM : 0;
    }
    this.#put(event, thread, fd, descriptor);
  }

  #connect(event: ScapEvent, thread: Thread): void {
    const { descriptor } = event;
    const result = event.result ?? 0;
    // EINPROGRESS: the connection is on its way.
    if (descriptor === null || (result < 0 && result !== -115)) {
      const failed = event.bytes('tuple');
      const pair = failed === null ? null : readPair(failed);
      if (descriptor !== null && pair?.family === 'unix') event.descriptor = { ...descriptor, name: pair.text };
      return;
    }
    descriptor.isServer = false;
    this.#adoptPair(event, this.#pairOf(event, thread), 'connected');
  }

  #pairOf(event: ScapEvent, thread: Thread): ReturnType<typeof readPair> {
    const bytes = event.bytes('tuple') ?? this.#entered(event, thread, 'tuple');
    return bytes !== null && bytes.length > 0 ? readPair(bytes) : null;
  }

  /** What was sent through a descriptor that nobody saw being made went through a socket: the call says which ends it has. */
  #inferSocket(event: ScapEvent, thread: Thread): void {
    const bytes = event.bytes('tuple');
    if (event.descriptor !== null || event.namedFd === null || event.namedFd < 0 || bytes === null) return;
    const pair = bytes.length === 0 ? null : readPair(bytes);
    if (pair === null || pair.family === 'unix') return;
    const descriptor = newDescriptor(pair.family);
    descriptor.device = DATAGRAM;
    this.#put(event, thread, event.namedFd, descriptor);
  }

  #adoptPair(event: ScapEvent, pair: ReturnType<typeof readPair>, how: 'connected' | 'sent' | 'received'): void {
    const { descriptor } = event;
    if (descriptor === null || pair === null) return;
    if (pair.family === 'unix') {
      descriptor.name = pair.text;
      descriptor.isConnected = how === 'connected' || descriptor.isConnected;
      return;
    }
    if (how !== 'connected' && descriptor.isConnected) return;
    const [local, remote] = how === 'received' ? [pair.to, pair.from] : [pair.from, pair.to];
    [descriptor.client, descriptor.server] = descriptor.isServer ? [remote, local] : [local, remote];
    descriptor.protocol ??= descriptor.device === DATAGRAM || how !== 'connected' ? 'udp' : 'tcp';
    const name = joinEnds(descriptor.client, descriptor.server);
    if (name !== descriptor.name) descriptor.nameChangedAt = event.number;
    descriptor.name = name;
    descriptor.isConnected = how === 'connected';
  }

  #bind(event: ScapEvent): void {
    const { descriptor } = event;
    const bytes = event.bytes('addr');
    const address = bytes === null ? null : readAddress(bytes);
    if (descriptor === null || address === null) return;
    if (address.family === 'unix') descriptor.name = address.path;
    else {
      descriptor.name = endText(address.end);
      // Port 0 leaves the choice to the kernel: nothing is known of the server's end yet.
      if (address.end.port !== 0) {
        descriptor.server = address.end;
        descriptor.isServer = true;
        descriptor.protocol ??= descriptor.device === DATAGRAM ? 'udp' : 'tcp';
      }
    }
    descriptor.nameChangedAt = event.number;
  }

  #accept(event: ScapEvent, thread: Thread, fd: number): void {
    const pair = this.#pairOf(event, thread);
    const descriptor = newDescriptor(pair?.family ?? 'other');
    if (pair?.family === 'unix') descriptor.name = pair.text;
    else if (pair) {
      descriptor.client = pair.from;
      descriptor.server = pair.to;
      descriptor.name = joinEnds(pair.from, pair.to);
      descriptor.protocol = 'tcp';
    }
    descriptor.isServer = true;
    descriptor.isConnected = true;
    descriptor.nameChangedAt = event.number;
    this.#put(event, thread, fd, descriptor);
  }

  #duplicate(event: ScapEvent, thread: Thread, fd: number): void {
    const old = event.integer('oldfd') ?? thread.entered?.fd ?? null;
    const source = old === null ? undefined : thread.fds.get(old);
    if (source) this.#put(event, thread, fd, { ...source });
  }

  /** The limits of a process are those of the thread that leads it. */
  #limit(event: ScapEvent, thread: Thread): void {
    if ((event.integer('resource') ?? this.#entered(event, thread, 'resource')) !== LIMIT_OF_FILES) return;
    const limit = event.integer('cur') ?? event.integer('newcur');
    const pid = event.integer('pid') || thread.pid;
    const leader = this.#threads.get(pid) ?? thread;
    if (limit !== null && limit >= 0) leader.fdLimit = limit;
  }

  #changeIds(event: ScapEvent, thread: Thread): void {
    const none = 0xffffffff;
    const uid = event.integer('euid') ?? event.integer('uid');
    if (uid !== null && uid !== none) thread.uid = uid;
    const gid = event.integer('egid') ?? event.integer('gid');
    if (gid !== null && gid !== none) thread.gid = gid;
  }

  /** Falco gives the news of a container a thread of its own, which has no number. */
  #describeContainer(text: string | null): Thread | null {
    if (text === null || text.length > CONTAINER_JSON_MAX_BYTES) return null;
    const container = readContainer(text);
    if (container === null) return null;
    this.#containers.set(container.id, container);
    const thread = newThread(NO_PROCESS, NO_PROCESS);
    thread.comm = `container:${container.id}`;
    thread.containerId = container.id;
    thread.session = NO_PROCESS;
    thread.innerTid = NO_INNER;
    thread.innerPid = NO_INNER;
    thread.uid = 0;
    thread.gid = 0;
    thread.loginUid = 0;
    return thread;
  }
}

function time(event: ScapEvent, thread: Thread): void {
  const { type } = event;
  if (type.isExit) {
    if (!isEndOf(type.name, thread.entered?.name)) thread.latencyNs = 0;
    else if (thread.enteredHigh >= 0) thread.latencyNs = event.since(thread.enteredHigh, thread.enteredLow);
    return;
  }
  thread.enteredHigh = event.timeHigh;
  thread.enteredLow = event.timeLow;
  thread.latencyNs = 0;
}

/** Newer recorders tell no beginnings: without one nothing is known of how long a call took. A program begins by either name. */
function isEndOf(name: string, begun: string | undefined): boolean {
  return name === begun || (name === 'execve' && begun === 'execveat');
}

/** Whether the number that the caller got is one of a container's own, which says nothing here: the child tells the host's. */
function isNumberedWithin(event: ScapEvent, flags: bigint): boolean {
  if ((flags & (CLONE.newNumbers | CLONE.otherNumbers)) !== 0n) return true;
  const inner = event.integer('vtid');
  return inner !== null && inner !== event.tid;
}

function measureMemory(event: ScapEvent, thread: Thread): void {
  const size = event.integerAt(event.type.memoryPlace);
  if (size === null) return;
  // Each thread has its own, which is written over: half of all events may be switches.
  if (thread.memory === NO_MEMORY) thread.memory = { ...NO_MEMORY };
  const { memory } = thread;
  const { places } = event.type;
  const read = (name: string): number | null => event.integerAt(places.get(name) ?? -1);
  memory.size = size;
  memory.resident = read('vm_rss') ?? 0;
  memory.swapped = read('vm_swap') ?? 0;
  memory.majorFaults = read('pgft_maj') ?? memory.majorFaults;
  memory.minorFaults = read('pgft_min') ?? memory.minorFaults;
}

function pathsOf(event: ScapEvent): ReadonlyMap<string, string> {
  return new Map(
    PATHS.flatMap((name) => (event.bytes(name) === null ? [] : [[name, event.text(name) ?? ''] as const])),
  );
}

function rememberParameters(event: ScapEvent): Remembered | null {
  if (HAS_REMEMBERED[event.type.number] !== true) return null;
  const tuple = event.bytes('tuple');
  return {
    domain: event.integer('domain'),
    type: event.integer('type'),
    flags: event.integer('flags'),
    dirfd: event.integer('dirfd'),
    resource: event.integer('resource'),
    filename: event.text('filename'),
    name: event.text('name'),
    tuple: tuple === null ? null : Buffer.from(tuple),
    paths: HAS_PATHS[event.type.number] === true ? pathsOf(event) : NO_PATHS,
  };
}

const CONTAINER_TYPES: Readonly<Record<number, string>> = {
  0: 'docker',
  1: 'lxc',
  2: 'libvirt_lxc',
  3: 'mesos',
  4: 'rkt',
  5: 'custom',
  6: 'cri',
  7: 'containerd',
  8: 'cri-o',
  9: 'bpm',
  11: 'podman',
};

/** A container event holds what the engine said, as JSON; what cannot be read is left out, as the engine's own silence would be. */
function readContainer(text: string): RecordedContainer | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const body = isObject(value) ? value['container'] : null;
  if (!isObject(body) || typeof body['id'] !== 'string') return null;
  const say = (key: string): string => (typeof body[key] === 'string' ? (body[key] as string) : '');
  const mounts = Array.isArray(body['Mounts']) ? body['Mounts'].filter(isObject) : [];
  const labels = isObject(body['labels']) ? Object.entries(body['labels']) : [];
  const type = body['type'];
  return {
    id: body['id'],
    type: typeof type === 'number' ? (CONTAINER_TYPES[type] ?? 'unknown') : String(type ?? ''),
    name: say('name'),
    image: say('image'),
    imageId: say('imageid'),
    digest: say('imagedigest'),
    privileged: typeof body['privileged'] === 'boolean' ? body['privileged'] : null,
    mounts: mounts.map((mount) => ({
      source: String(mount['Source'] ?? ''),
      destination: String(mount['Destination'] ?? ''),
      mode: String(mount['Mode'] ?? ''),
      isWritable: mount['RW'] === true,
      propagation: String(mount['Propagation'] ?? ''),
    })),
    labels: new Map(labels.map(([key, label]) => [key, String(label)])),
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
