/** How each field that this sensor knows is read from an event. The catalogue of all names is in `field-types.ts`. */
import { hostname } from 'node:os';
import { CLONE_FLAGS, wordsOf } from './call-words.ts';
import { CALLS, type CallArgument, CONTENT_WAYS, callOf, FIRST_CALL, ONLY_CONTENT } from './calls.ts';
import { commandLine, type KernelEvent } from './event.ts';
import { argumentsInOrder, rawArgumentType } from './event-arguments.ts';
import type { ContainerFacts, LivingFacts, ProcessFacts } from './facts.ts';
import { capabilityNames, fileKind, OPEN_ACCESS, openFlagNames, resultName } from './kernel-words.ts';
import {
  CALL,
  CONNECT,
  EVENT_NAMES,
  EXE_FLAG,
  EXIT,
  FORK,
  HEADER,
  isCall,
  isFork,
  isOpen,
  OPEN,
  RECORD,
  RECORD_FLAG,
} from './layout.ts';
import { type HostMount, mountOf, mountText } from './mounts.ts';
import type { PathName } from './path-names.ts';
import { plainPath } from './text.ts';

/** Null is "not there": every comparison with it is false. A list answers for any of its members. */
export type FieldValue = string | number | boolean | null | readonly string[] | readonly number[];
export type FieldReader = (event: KernelEvent) => FieldValue;

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const PROTOCOL_NAMES: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp', 255: 'raw' };
const ANCESTORS_MAX = 64;
/** The name of a number that has none. */
const NO_ENTRY = '<NA>';
const NO_UID = 0xffffffff;
/** Up to CAP_AUDIT_READ: those after it are of kernels younger than some that are watched. */
const ALL_CAPABILITIES = (1n << 38n) - 1n;
const NAMES_PEER: ReadonlySet<string> = new Set([
  ...['connect', 'accept', 'accept4', 'bind', 'sendto', 'sendmsg', 'recvfrom', 'recvmsg', 'dns_question'],
]);
const NET_RECORDS: ReadonlySet<number> = new Set([RECORD.connect, RECORD.dns]);
const IMAGE_TAG = /^(?<repository>.+?)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>sha\d+:[0-9a-f]+))?$/;

/** The parent, grandparent and so on, nearest first. */
export function ancestorsOf(event: KernelEvent, limit = ANCESTORS_MAX): ProcessFacts[] {
  const list: ProcessFacts[] = [];
  let process = event.surroundings.parentOf(event.process);
  while (process !== undefined && list.length < limit && !list.includes(process)) {
    list.push(process);
    process = event.surroundings.parentOf(process);
  }
  return list;
}

function ancestor(event: KernelEvent, level: number): ProcessFacts | undefined {
  let process: ProcessFacts | undefined = event.process;
  for (let i = 0; i < level && process !== undefined; i++) process = event.surroundings.parentOf(process);
  return process;
}

function parent(event: KernelEvent): ProcessFacts | undefined {
  return event.surroundings.parentOf(event.process);
}

/** Date and time of day with nine digits after the second, as Falco writes them, in UTC. */
function timeText({ wallTimeNs }: KernelEvent): string {
  const seconds = Math.floor(wallTimeNs / 1e9);
  const rest = String(wallTimeNs - seconds * 1e9).padStart(9, '0');
  return `${new Date(seconds * 1e3).toISOString().slice(0, 19)}.${rest}`;
}

function known(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

/** Fields of ancestors: with an index the one at that level (0 is the process itself), without it all of them. */
function ofAncestors(read: (process: ProcessFacts) => string): (argument: string | null) => FieldReader {
  return (argument) => {
    if (argument === null) {
      return (event) =>
        ancestorsOf(event)
          .map(read)
          .filter((text) => text !== '');
    }
    const level = Number(argument);
    return (event) => {
      const process = ancestor(event, level);
      return process === undefined ? null : known(read(process));
    };
  };
}

/**
 * The first process of the container, when the acting one is it or descends from it. Its number is 1 where it is, and its parent
 * is of the host: whoever makes itself another first process, in a namespace of its own, has a parent in the container.
 */
function firstProcess(event: KernelEvent): ProcessFacts | undefined {
  if (event.container === null) return undefined;
  const line = [event.process, ...ancestorsOf(event)];
  return line.find(({ pid, innerPid }, at) => {
    const parent = line[at + 1];
    return innerPid === 1 && pid !== 1 && parent !== undefined && parent.innerPid === parent.pid;
  });
}

function startOf(process: ProcessFacts | undefined, event: KernelEvent): number | null {
  if (process === undefined || process.startedNs === 0) return null;
  return process.startedNs - event.surroundings.bootOffsetNs + event.surroundings.wallOffsetNs;
}

function duration(process: ProcessFacts | undefined, event: KernelEvent): number | null {
  const start = startOf(process, event);
  return start === null ? null : Math.max(0, event.wallTimeNs - start);
}

/** Whether the event is about a socket whose addresses it tells. */
function isOfSocket(event: KernelEvent): boolean {
  return (
    event.type === RECORD.connect ||
    event.type === RECORD.dns ||
    (isCall(event.type) && event.u16(CALL.is_socket) !== 0)
  );
}

function filePath(event: KernelEvent): string | null {
  if (isOpen(event.type)) return event.openPath().text;
  if (!isOfSocket(event)) return isCall(event.type) ? (event.callFile()?.text ?? null) : null;
  const local = event.localAddress();
  const remote = event.remoteAddress();
  if (remote === null) return event.socketPath();
  if (isListening(event)) return `${local}:${event.localPort()}`;
  const [own, other] = [`${local ?? '::'}:${event.localPort()}`, `${remote}:${event.remotePort()}`];
  return isServer(event) ? `${other}->${own}` : `${own}->${other}`;
}

/** Of a connect or a bind: the address that was asked for. Of a bind that was done, the one that the socket has since. */
function addressAsked(event: KernelEvent): string | null {
  if (isListening(event) && (event.result() ?? 0) >= 0) return filePath(event);
  const asked = event.remoteAddress();
  return asked === null ? event.socketPath() : `${asked}:${event.remotePort()}`;
}

const SERVER_CALLS: ReadonlySet<string> = new Set(['accept', 'accept4', 'recvfrom', 'recvmsg']);

/** accept and receiving from whoever sends are the server's end; what is bound or listens has no other end yet. */
function isServer(event: KernelEvent): boolean {
  return SERVER_CALLS.has(EVENT_NAMES[event.type] ?? '') || isListening(event);
}

function isListening(event: KernelEvent): boolean {
  const name = EVENT_NAMES[event.type];
  return name === 'bind' || name === 'listen';
}

function kindOf(event: KernelEvent): { type: string; letter: string } | null {
  if (isOpen(event.type)) return fileKind(event.u32(OPEN.mode));
  if (!isOfSocket(event)) {
    const mode = isCall(event.type) ? event.u32(CALL.mode) : 0;
    return mode === 0 ? null : fileKind(mode);
  }
  const family = event.socketFamily();
  if (family === AF_INET) return { type: 'ipv4', letter: '4' };
  if (family === AF_INET6) return { type: 'ipv6', letter: '6' };
  if (family === AF_NETLINK) return { type: 'netlink', letter: 'n' };
  return family === AF_UNIX ? { type: 'unix', letter: 'u' } : null;
}

/** The descriptor that the call is about. */
function descriptorOf(event: KernelEvent): number | null {
  if (isOpen(event.type)) return Math.max(-1, event.i32(OPEN.result));
  if (event.type === RECORD.connect || event.type === RECORD.dns) return event.i32(CONNECT.descriptor);
  const file = callOf(event.type)?.file;
  if (file === undefined) return null;
  return file === 'result' ? Math.max(-1, event.result() ?? -1) : event.callInteger(file);
}

function readArgument(event: KernelEvent, argument: CallArgument): string | number | null {
  switch (argument.from) {
    case 'result':
      return event.result();
    case 'file':
      return event.callFile()?.text ?? null;
    case 'bound':
      return isOfSocket(event) ? addressAsked(event) : null;
    case 'path':
      return event.callPath(argument.which);
    case 'given':
    case 'name':
      return event.callName(argument.which);
    case 'argument': {
      const { as, place } = argument;
      if (as === 'descriptor') return event.callInteger(place);
      if (as === 'decimal') return event.callInteger(place);
      return as === 'hexadecimal'
        ? event.callArgument(place).toString(16).toUpperCase()
        : wordsOf(as, event.u32(CALL.arguments + 8 * place));
    }
  }
}

function wayOf(event: KernelEvent): 'read' | 'write' | null {
  return CONTENT_WAYS.get(EVENT_NAMES[event.type] ?? '') ?? null;
}

/** How many bytes the call moved, one way or both, to files, to internet sockets or to whatever it was. */
function moved({ way, of }: { readonly way?: 'read' | 'write'; readonly of?: 'file' | 'net' } = {}): FieldReader {
  return (event) => {
    const went = wayOf(event);
    const result = event.result();
    if (went === null || (way !== undefined && went !== way) || result === null || result < 0) return null;
    const kind = kindOf(event)?.type;
    const isMeant = of === undefined || (of === 'file' ? kind === 'file' : kind === 'ipv4' || kind === 'ipv6');
    return isMeant ? result : null;
  };
}

function accessOf(event: KernelEvent): number | null {
  return isOpen(event.type) ? event.u32(OPEN.open_flags) & OPEN_ACCESS.mask : null;
}

const onOpen =
  (read: (event: KernelEvent) => FieldValue): FieldReader =>
  (event) =>
    isOpen(event.type) ? read(event) : null;
const onFile =
  (read: (path: PathName) => string): FieldReader =>
  (event) => {
    const path = isOpen(event.type) ? event.openPath() : isCall(event.type) ? event.callFile() : null;
    return path === null ? null : read(path);
  };
/** Of internet sockets. */
const onEnds =
  (read: (event: KernelEvent) => FieldValue): FieldReader =>
  (event) =>
    isOfSocket(event) && (event.socketFamily() === AF_INET || event.socketFamily() === AF_INET6) ? read(event) : null;

/**
 * The addresses of both ends. One's own is zeros where nothing was bound: of whoever sends without being connected, and of a
 * connection that was refused. Falco puts an address of the host there, so that `fd.ip != "0.0.0.0"` is not about it.
 */
function knownEnds(event: KernelEvent): string[] {
  const [remote, local] = [isListening(event) ? null : event.remoteAddress(), event.localAddress()];
  const isBound = remote === null || (local !== '0.0.0.0' && local !== '::');
  return [remote, isBound ? local : null].filter((one) => one !== null);
}

/** The names of an address, among those that rules speak of. */
const onNamed = (address: (event: KernelEvent) => string | null): FieldReader =>
  onEnds((event) => {
    const found = address(event);
    return found === null ? null : (event.surroundings.namesOf?.(found) ?? []);
  });

/** Whether the event is of a process as a whole, and has what Falco's events of programs and processes have. */
function isOfProcess(event: KernelEvent): boolean {
  return event.type === RECORD.exec || isFork(event.type);
}

const CLONE_WORDS_MAX = 256;
const cloneWordsKept = new Map<number, string>();

/** Every program forks in the few ways of its C library: the words are put together once. */
function cloneWords(flags: number | null): string | null {
  if (flags === null) return null;
  const kept = cloneWordsKept.get(flags);
  if (kept !== undefined) return kept;
  const words = wordsOf(CLONE_FLAGS, flags);
  if (cloneWordsKept.size < CLONE_WORDS_MAX) cloneWordsKept.set(flags, words);
  return words;
}

/** Arguments of the call by Falco's names for them. */
const EVENT_ARGUMENTS: Readonly<Record<string, FieldReader>> = {
  res: (event) => {
    const result = event.result();
    // What is done by making a process is the number of the child.
    if (isFork(event.type)) return result === null || result < 0 ? resultName(result ?? 0) : result;
    const hasResult = event.type === RECORD.connect || event.type === RECORD.exec || isCall(event.type);
    return hasResult ? resultName(result ?? 0) : null;
  },
  fd: (event) => (isOpen(event.type) ? event.i32(OPEN.result) : descriptorOf(event)),
  addr: (event) => (event.type === RECORD.connect ? addressAsked(event) : null),
  name: onOpen((event) => event.openName()),
  filename: (event) =>
    event.type === RECORD.exec ? event.process.exePath : isOpen(event.type) ? event.openName() : null,
  flags: (event) => {
    if (isOpen(event.type)) return openFlagNames(event.u32(OPEN.open_flags));
    if (isFork(event.type)) return cloneWords(event.forkFlags());
    if (event.type !== RECORD.exec) return null;
    const flags = event.process.exeFlags;
    const words = [
      (flags & EXE_FLAG.upperLayer) !== 0 ? 'EXE_UPPER_LAYER' : '',
      (flags & EXE_FLAG.memfd) !== 0 ? 'EXE_FROM_MEMFD' : '',
    ];
    return words.filter((word) => word !== '').join('|');
  },
  mode: onOpen((event) => `0${(event.u32(OPEN.mode) & 0o7777).toString(8)}`),
  ino: onOpen((event) => event.u64(OPEN.inode)),
  exe: (event) => (isOfProcess(event) ? event.process.exe : null),
  comm: (event) => (isOfProcess(event) ? event.process.name : null),
  cwd: (event) => (isOfProcess(event) ? event.process.cwd : null),
  args: (event) => (isOfProcess(event) ? event.process.args.join(' ') : null),
  uid: (event) => event.u32(HEADER.uid),
  // Ours: how it was done, and what a name server was asked.
  via: (event) =>
    event.hasFlag(RECORD_FLAG.uring) ? 'io_uring' : event.hasFlag(RECORD_FLAG.of32Bits) ? '32-bit' : null,
  question: (event) => event.question()?.name ?? null,
  qtype: (event) => event.question()?.type ?? null,
  status: (event) => (event.type === RECORD.exit ? event.i32(EXIT.code) : null),
  pid: (event) => event.process.pid,
  child: (event) => (isFork(event.type) ? event.u32(FORK.child) || null : null),
};

/** The same as numbers, where the kernel's argument is one. */
const RAW_ARGUMENTS: Readonly<Record<string, FieldReader>> = {
  res: (event) => event.result(),
  fd: (event) => EVENT_ARGUMENTS['fd']?.(event) ?? null,
  flags: (event) => (isOpen(event.type) ? event.u32(OPEN.open_flags) : isFork(event.type) ? event.forkFlags() : null),
  mode: onOpen((event) => event.u32(OPEN.mode) & 0o7777),
  uid: (event) => event.u32(HEADER.uid),
  pid: (event) => event.process.pid,
};

/** A reader, or a maker of readers where the field takes an argument. */
const READERS: Readonly<Record<string, FieldReader>> = {
  'evt.num': (event) => event.number,
  'evt.type': (event) => EVENT_NAMES[event.type] ?? null,
  'syscall.type': (event) => (event.type === RECORD.exit ? null : (EVENT_NAMES[event.type] ?? null)),
  'evt.dir': () => '<',
  'evt.source': () => 'syscall',
  'evt.category': (event) =>
    isOpen(event.type) ? 'file' : NET_RECORDS.has(event.type) ? 'net' : (callOf(event.type)?.category ?? 'process'),
  'evt.rawtime': (event) => event.wallTimeNs,
  'evt.rawtime.s': (event) => Math.floor(event.wallTimeNs / 1e9),
  'evt.rawtime.ns': (event) => event.wallTimeNs % 1e9,
  'evt.time': (event) => timeText(event).slice(11),
  'evt.time.iso8601': (event) => `${timeText(event)}+0000`,
  'evt.datetime': (event) => timeText(event).replace('T', ' '),
  'evt.res': (event) => {
    const result = event.result();
    return result === null ? null : resultName(result);
  },
  'evt.rawres': (event) => event.result(),
  'evt.failed': (event) => (event.result() ?? 0) < 0,
  'evt.count': () => 1,
  'evt.is_io': (event) => wayOf(event) !== null,
  'evt.is_io_read': (event) => wayOf(event) === 'read',
  'evt.is_io_write': (event) => wayOf(event) === 'write',
  'evt.io_dir': wayOf,
  // Bytes as letters of Latin-1, one each.
  'evt.buffer': (event) => event.content()?.toString('latin1') ?? null,
  'evt.buffer.b64': (event) => event.content()?.toString('base64') ?? null,
  'evt.buflen': moved(),
  'evt.buflen.in': moved({ way: 'read' }),
  'evt.buflen.out': moved({ way: 'write' }),
  'evt.buflen.file': moved({ of: 'file' }),
  'evt.buflen.file.in': moved({ way: 'read', of: 'file' }),
  'evt.buflen.file.out': moved({ way: 'write', of: 'file' }),
  'evt.buflen.net': moved({ of: 'net' }),
  'evt.buflen.net.in': moved({ way: 'read', of: 'net' }),
  'evt.buflen.net.out': moved({ way: 'write', of: 'net' }),
  'evt.is_wait': () => false,
  'evt.is_open_read': (event) => {
    const access = accessOf(event);
    return access === OPEN_ACCESS.read || access === OPEN_ACCESS.both;
  },
  'evt.is_open_write': (event) => {
    const access = accessOf(event);
    return access === OPEN_ACCESS.write || access === OPEN_ACCESS.both;
  },
  'evt.is_open_create': (event) => isOpen(event.type) && (event.u32(OPEN.open_flags) & 0o100) !== 0,
  'evt.args': (event) =>
    argumentNames(event)
      .map((name) => [name, name === 'res' ? resultText(event) : (eventArgument(name)?.(event) ?? null)] as const)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name}=${String(value)}`)
      .join(' '),
  'evt.info': (event) => READERS['evt.args']?.(event) ?? null,
  'evt.is_async': () => false,
  'evt.is_syslog': () => false,
  'evt.is_open_exec': (event) =>
    isOpen(event.type) && (event.u32(OPEN.open_flags) & 0o100) !== 0 && (event.u32(OPEN.mode) & 0o111) !== 0,
  'evt.hostname': () => hostname(),
  'evt.time.s': (event) => timeText(event).slice(11, 19),
  'evt.datetime.s': (event) => timeText(event).slice(0, 19).replace('T', ' '),
  'evt.outputtime': (event) => timeText(event).slice(11),
  // What was tried as well, where fs.path.… is of what was done.
  'evt.abspath': (event) => pathName(event, false),
  'evt.abspath.src': (event) => (hasTwoNames(event) ? nameOfCall(event, 0, false) : null),
  'evt.abspath.dst': (event) => (hasTwoNames(event) ? nameOfCall(event, 1, false) : null),
  'proc.pid': (event) => event.process.pid,
  'proc.ppid': (event) => event.u32(HEADER.ppid),
  'proc.vpid': (event) => event.u32(HEADER.inner_pid),
  'proc.sid': (event) => event.u32(HEADER.session),
  'proc.tty': (event) => event.u32(HEADER.tty),
  'proc.name': (event) => known(event.process.name),
  'proc.exe': (event) => known(event.process.exe),
  'proc.exepath': (event) => known(event.process.exePath),
  'proc.args': (event) => event.process.args.join(' '),
  'proc.cmdnargs': (event) => event.process.args.length,
  'proc.cmdline': (event) => known(commandLine(event.process)),
  'proc.exeline': (event) => known([event.process.exe, ...event.process.args].join(' ')),
  'proc.cwd': (event) => known(event.process.cwd),
  'proc.pname': (event) => known(parent(event)?.name ?? event.process.parentName),
  'proc.pexe': (event) => known(parent(event)?.exe),
  'proc.pexepath': (event) => known(parent(event)?.exePath),
  'proc.pcmdline': (event) => {
    const process = parent(event);
    return process === undefined ? null : known(commandLine(process));
  },
  'proc.cmdlenargs': (event) => event.process.args.reduce((sum, one) => sum + one.length, 0),
  'proc.pvpid': (event) => parent(event)?.innerPid ?? null,
  'proc.pgid': (event) => living(event)?.group ?? null,
  'proc.vpgid': (event) => living(event)?.innerGroup ?? null,
  'proc.is_vpgid_leader': (event) => living(event)?.innerGroup === event.u32(HEADER.inner_pid),
  'proc.is_pgid_leader': (event) => living(event)?.group === event.process.pid,
  'proc.pgid.name': ofGroupLeader((process) => process.name),
  'proc.pgid.exe': ofGroupLeader((process) => process.exe),
  'proc.vpgid.name': ofGroupLeader((process) => process.name),
  'proc.vpgid.exe': ofGroupLeader((process) => process.exe),
  'proc.vpgid.exepath': ofGroupLeader((process) => process.exePath),
  'proc.pgid.exepath': ofGroupLeader((process) => process.exePath),
  'proc.sname': ofSessionLeader((process) => process.name),
  'proc.sid.exe': ofSessionLeader((process) => process.exe),
  'proc.sid.exepath': ofSessionLeader((process) => process.exePath),
  'proc.loginshellid': (event) => loginShell(event)?.pid ?? null,
  'proc.loginshellid.name': (event) => loginShell(event)?.name ?? null,
  'proc.is_container_healthcheck': () => false,
  'proc.is_container_liveness_probe': () => false,
  'proc.is_container_readiness_probe': () => false,
  'proc.duration': (event) => duration(event.process, event),
  'proc.ppid.duration': (event) => duration(parent(event), event),
  'proc.pid.ts': (event) => startOf(event.process, event),
  'proc.ppid.ts': (event) => startOf(parent(event), event),
  'proc.is_exe_upper_layer': (event) => (event.process.exeFlags & EXE_FLAG.upperLayer) !== 0,
  'darsena.truncated': (event) => event.isCut,
  'darsena.is_32_bit': (event) =>
    (event.process.exeFlags & EXE_FLAG.of32Bits) !== 0 || event.hasFlag(RECORD_FLAG.of32Bits),
  'darsena.is_from_outside': (event) => (event.process.exeFlags & EXE_FLAG.fromOutside) !== 0,
  'darsena.is_exe_deleted': (event) => living(event)?.isProgramDeleted ?? null,
  'darsena.is_exe_of_image': (event) =>
    event.container === null || (event.process.exeFlags & EXE_FLAG.upperLayer) === 0
      ? null
      : (living(event)?.isOfImage(event.process, event.container.id, event.u32(HEADER.mount_namespace)) ?? null),
  'darsena.start.duration': (event) => {
    const first = firstProcess(event);
    return first === undefined ? null : duration(first, event);
  },
  'darsena.parent.cmdline': (event) => {
    const process = parent(event);
    return process === undefined ? null : (event.surroundings.ask(process.pid)?.commandLine ?? null);
  },
  'proc.is_exe_from_memfd': (event) => (event.process.exeFlags & EXE_FLAG.memfd) !== 0,
  'proc.exe_ino': (event) => event.process.exeInode || null,
  'proc.exe_ino.ctime': (event) => event.process.exeChangedNs || null,
  'proc.exe_ino.mtime': (event) => event.process.exeModifiedNs || null,
  'proc.exe_ino.ctime_duration_proc_start': (event) => {
    const start = event.process.execTimeNs;
    return event.process.exeChangedNs === 0 || start === 0 ? null : start - event.process.exeChangedNs;
  },
  'proc.is_sid_leader': (event) => event.u32(HEADER.session) === event.process.pid,
  'thread.tid': (event) => event.u32(HEADER.tid),
  'thread.nametid': (event) => `${event.process.name}${event.u32(HEADER.tid)}`,
  'thread.ismain': (event) => event.u32(HEADER.tid) === event.process.pid,
  'thread.cap_permitted': (event) => capabilityNames(event.process.capabilities.permitted),
  'thread.cap_effective': (event) => capabilityNames(event.process.capabilities.effective),
  'thread.cap_inheritable': (event) => capabilityNames(event.process.capabilities.inheritable),
  'user.uid': (event) => event.u32(HEADER.uid),
  'user.loginuid': (event) => (event.u32(HEADER.loginuid) === NO_UID ? -1 : event.u32(HEADER.loginuid)),
  'group.gid': (event) => event.u32(HEADER.gid),
  // A container has its own names for numbers; only root means the same everywhere. As for Falco since 0.41 there is always a
  // name, so that "user.name != root" holds for who has no entry.
  'user.name': (event) => {
    const uid = event.u32(HEADER.uid);
    if (uid === 0) return 'root';
    return (event.container === null ? event.surroundings.userName(uid) : null) ?? NO_ENTRY;
  },
  'user.loginname': (event) => {
    const uid = event.u32(HEADER.loginuid);
    if (uid === NO_UID) return NO_ENTRY;
    return event.surroundings.userName(uid) ?? (uid === 0 ? 'root' : NO_ENTRY);
  },
  // Of the same kind as names of users.
  'group.name': (event) => {
    const gid = event.u32(HEADER.gid);
    if (gid === 0) return 'root';
    return (event.container === null ? event.surroundings.groupName(gid) : null) ?? NO_ENTRY;
  },
  'fd.uid': (event) => {
    const number = descriptorOf(event);
    return number === null ? null : `${event.u32(HEADER.tid)}${number}`;
  },
  'fd.containername': (event) => inContainer(event, filePath(event)),
  'fd.containerdirectory': (event) => inContainer(event, onFile(({ folder }) => folder)(event) as string | null),
  'fd.types': (event) => {
    const kind = kindOf(event);
    return kind === null ? null : [kind.type];
  },
  'fd.num': descriptorOf,
  'fd.name': filePath,
  'fd.nameraw': onOpen((event) => event.openName()),
  // In letters alone: links are not followed.
  'darsena.fd.given': onOpen((event) => {
    const name = event.openName();
    return name.startsWith('/') ? plainPath('/', name) : known(name);
  }),
  'fd.directory': onFile(({ folder }) => folder),
  'fd.filename': onFile(({ file }) => file),
  'fd.type': (event) => kindOf(event)?.type ?? null,
  'fd.typechar': (event) => kindOf(event)?.letter ?? null,
  'fd.ino': onOpen((event) => event.u64(OPEN.inode)),
  'fd.sockfamily': (event) => {
    if (!isOfSocket(event)) return null;
    const family = event.socketFamily();
    return family === AF_UNIX ? 'unix' : family === AF_INET || family === AF_INET6 ? 'ip' : null;
  },
  'fd.l4proto': onEnds((event) => PROTOCOL_NAMES[event.socketProtocol()] ?? null),
  'fd.ip': onEnds(knownEnds),
  'fd.sip': onEnds((event) => (isServer(event) ? event.localAddress() : event.remoteAddress())),
  'fd.rip': onEnds((event) => (isListening(event) ? null : event.remoteAddress())),
  'fd.cip': onEnds((event) => clientAddress(event)),
  'fd.lip': onEnds((event) => event.localAddress()),
  'fd.net': onEnds(knownEnds),
  'fd.snet': onEnds((event) => (isServer(event) ? event.localAddress() : event.remoteAddress())),
  'fd.rnet': onEnds((event) => (isListening(event) ? null : event.remoteAddress())),
  'fd.cnet': onEnds((event) => clientAddress(event)),
  'fd.lnet': onEnds((event) => event.localAddress()),
  'fd.port': onEnds((event) => (isListening(event) ? [event.localPort()] : [event.remotePort(), event.localPort()])),
  'fd.sport': onEnds((event) => (isServer(event) ? event.localPort() : event.remotePort())),
  'fd.rport': onEnds((event) => (isListening(event) ? null : event.remotePort())),
  'fd.cport': onEnds((event) => (isListening(event) ? null : isServer(event) ? event.remotePort() : event.localPort())),
  'fd.lport': onEnds((event) => event.localPort()),
  'fd.sip.name': onNamed((event) => (isServer(event) ? event.localAddress() : event.remoteAddress())),
  'fd.rip.name': onNamed((event) => (isListening(event) ? null : event.remoteAddress())),
  'fd.cip.name': onNamed((event) => clientAddress(event)),
  'fd.lip.name': onNamed((event) => event.localAddress()),
  'fd.is_server': onEnds(isServer),
  // Of a socket the peer is new with each call that names one.
  'fd.name_changed': onEnds((event) => NAMES_PEER.has(EVENT_NAMES[event.type] ?? '')),
  'fd.connected': onEnds((event) =>
    event.type === RECORD.connect ? event.i32(CONNECT.result) >= 0 : isServer(event) && !isListening(event),
  ),
  'fs.path.name': (event) => (isDone(event) && !hasTwoNames(event) ? pathName(event, false) : null),
  'fs.path.nameraw': (event) => (isDone(event) && !hasTwoNames(event) ? pathName(event, true) : null),
  'fs.path.source': (event) => twoNames(event, 'source', false),
  'fs.path.sourceraw': (event) => twoNames(event, 'source', true),
  'fs.path.target': (event) => twoNames(event, 'target', false),
  'fs.path.targetraw': (event) => twoNames(event, 'target', true),
  'container.id': (event) => event.container?.id.slice(0, 12) ?? 'host',
  'container.full_id': (event) => event.container?.id ?? 'host',
  'container.name': (event) => (event.container === null ? 'host' : event.container.name),
  'container.type': (event) => (event.container === null ? 'host' : 'podman'),
  'container.image': (event) => event.container?.image ?? null,
  'container.image.repository': (event) => imagePart(event, 'repository'),
  'container.image.tag': (event) => imagePart(event, 'tag'),
  'container.image.digest': (event) => event.container?.digest ?? null,
  // The engine's own word is not asked: privileged is who may do everything that the kernel knows.
  'container.privileged': (event) =>
    event.container === null ? null : (event.process.capabilities.permitted & ALL_CAPABILITIES) === ALL_CAPABILITIES,
  'container.start_ts': (event) => startOf(innerInit(event), event),
  'container.duration': (event) => duration(innerInit(event), event),
  'container.mounts': (event) => mountsOf(event)?.map(mountText).join(',') ?? null,
  'k8s.pod.name': (event) => event.container?.pod ?? null,
  // Where Kubernetes has a namespace the platform has a project.
  'k8s.ns.name': (event) => event.container?.project ?? null,
  'darsena.project': (event) => event.container?.project ?? null,
  'darsena.environment': (event) => event.container?.environment ?? null,
  'darsena.workload': (event) => event.container?.workload ?? null,
  'darsena.container': (event) => event.container?.container ?? null,
};

const READER_MAKERS: Readonly<Record<string, (argument: string | null) => FieldReader | undefined>> = {
  'proc.args': (argument) =>
    argument === null ? READERS['proc.args'] : (event) => event.process.args[Number(argument)] ?? '',
  'proc.aargs': ofAncestors((process) => process.args.join(' ')),
  'proc.env': (argument) => environmentReader(argument, (event) => [event.process]),
  'proc.aenv': (argument) => {
    const level = argument === null || !/^\d+$/.test(argument) ? null : Number(argument);
    if (argument === null) {
      return (event) => ancestorsOf(event).flatMap((one) => event.environmentOf(one, true) ?? []);
    }
    if (level === null) return environmentReader(argument, (event) => ancestorsOf(event));
    return environmentReader(null, (event) => {
      const one = ancestor(event, level);
      return one === undefined ? [] : [one];
    });
  },
  'evt.around': (argument) => {
    if (argument === null || !/^\d{1,20}$/.test(argument)) return undefined;
    const middle = Number(argument);
    return (event) => Math.abs(event.wallTimeNs - middle) / 1_000_000;
  },
  'evt.type.is': (argument) =>
    argument === null ? undefined : (event) => (EVENT_NAMES[event.type] === argument ? 1 : 0),
  'container.mount': ofMount('source', mountText),
  'container.mount.source': ofMount('destination', ({ source }) => source),
  'container.mount.dest': ofMount('source', ({ destination }) => destination),
  'container.mount.mode': ofMount('source', () => ''),
  'container.mount.rdwr': ofMount('source', ({ isWritable }) => String(isWritable)),
  'container.mount.propagation': ofMount('source', ({ propagation }) => propagation),
  'proc.aname': ofAncestors((process) => process.name),
  'proc.aexe': ofAncestors((process) => process.exe),
  'proc.aexepath': ofAncestors((process) => process.exePath),
  'proc.acmdline': ofAncestors(commandLine),
  'proc.apid': (argument) => (event) =>
    argument === null
      ? ancestorsOf(event).map((process) => process.pid)
      : (ancestor(event, Number(argument))?.pid ?? null),
  'evt.arg': (argument) => {
    if (argument === null) return undefined;
    const read = /^\d{1,3}$/.test(argument) ? argumentAt(Number(argument)) : eventArgument(argument);
    if (read === undefined) return undefined;
    return (event) => {
      const value = read(event);
      return value === null ? null : String(value);
    };
  },
  'evt.rawarg': (argument) => {
    if (argument === null) return undefined;
    const shared = Object.hasOwn(RAW_ARGUMENTS, argument) ? RAW_ARGUMENTS[argument] : undefined;
    const isOfCalls = CALLS.some(({ arguments: list }) => list[argument]?.from === 'argument');
    if (shared === undefined && !isOfCalls) {
      const isText = rawArgumentType(argument) === 'text';
      return isText ? READER_MAKERS['evt.arg']?.(argument) : undefined;
    }
    return (event) => {
      const own = callOf(event.type)?.arguments[argument];
      if (own?.from === 'argument') return event.callArgument(own.place);
      return isCall(event.type) && argument !== 'res' && argument !== 'fd' ? null : (shared?.(event) ?? null);
    };
  },
};

/** An argument by its number is what the event of that type has there; of some this sensor knows less. */
function argumentAt(place: number): FieldReader | undefined {
  const readers = EVENT_NAMES.map((event) => {
    const argument = argumentsInOrder(event)[place];
    return argument === undefined ? undefined : eventArgument(argument);
  });
  if (readers.every((read) => read === undefined)) return undefined;
  return (event) => readers[event.type]?.(event) ?? null;
}

/** The first process of the container, where the event is one of its own or of those it began. */
function innerInit(event: KernelEvent): ProcessFacts | undefined {
  if (event.container === null) return undefined;
  for (const one of [event.process, ...ancestorsOf(event)]) {
    // Above what is executed in a container come the host's own processes, and their first is no container's.
    if (one.innerPid === one.pid) return undefined;
    if (one.innerPid === 1) return one;
  }
  return undefined;
}

/** An engine mounts before the first program runs, and what is asked of a container is asked of processes that end. */
const mountsKnown = new WeakMap<ContainerFacts, readonly HostMount[]>();

function mountsOf(event: KernelEvent): readonly HostMount[] | null {
  const { container } = event;
  if (container === null) return null;
  const known = mountsKnown.get(container);
  if (known !== undefined) return known;
  const found = living(event)?.mounts ?? null;
  if (found !== null) mountsKnown.set(container, found);
  return found;
}

function ofMount(
  by: 'source' | 'destination',
  read: (mount: HostMount) => string,
): (argument: string | null) => FieldReader | undefined {
  return (argument) => {
    if (argument === null) return undefined;
    return (event) => {
      const found = mountOf(mountsOf(event) ?? [], argument, by);
      return found === undefined ? null : read(found);
    };
  };
}

function living(event: KernelEvent): LivingFacts | null {
  return event.surroundings.ask(event.process.pid);
}

function ofGroupLeader(read: (process: ProcessFacts) => string): FieldReader {
  return (event) => {
    const group = living(event)?.group ?? null;
    const leader = group === null ? undefined : event.surroundings.processOf(group);
    return leader === undefined ? null : known(read(leader));
  };
}

/** Who leads the session, or the eldest of the ancestors in it. */
function ofSessionLeader(read: (process: ProcessFacts) => string): FieldReader {
  return (event) => {
    const session = event.u32(HEADER.session);
    const leader = session === 0 ? undefined : event.surroundings.processOf(session);
    if (leader !== undefined && leader.session === session) return known(read(leader));
    let eldest = event.process;
    for (const ancestor of ancestorsOf(event)) {
      if (ancestor.session !== session) break;
      eldest = ancestor;
    }
    return known(read(eldest));
  };
}

/** The eldest shell above the process, which is the one that somebody logged in with. */
function loginShell(event: KernelEvent): ProcessFacts | undefined {
  return [event.process, ...ancestorsOf(event)].findLast(({ name }) => name.length >= 2 && name.endsWith('sh'));
}

/** With the container before it. */
function inContainer(event: KernelEvent, path: string | null): string | null {
  return path === null ? null : `${event.container?.id.slice(0, 12) ?? ''}:${path}`;
}

function environmentReader(
  argument: string | null,
  ofWhom: (event: KernelEvent) => readonly ProcessFacts[],
): FieldReader {
  const start = `${argument}=`;
  return (event) => {
    // A variable that is not there is an empty one, as for Falco; where an environment is not known, or not the whole of it, there
    // is nothing to say.
    let missing: string | null = null;
    for (const process of ofWhom(event)) {
      const environment = event.environmentOf(process, argument === null);
      if (environment === null) continue;
      if (argument === null) return environment;
      const found = environment.split('\0').find((one) => one.startsWith(start));
      if (found !== undefined) return found.slice(start.length);
      missing = '';
    }
    return event.isEnvironmentCut ? null : missing;
  };
}

function clientAddress(event: KernelEvent): string | null {
  if (isListening(event)) return null;
  return isServer(event) ? event.remoteAddress() : event.localAddress();
}

/** Whether a call about paths did what it says; of opens Falco leaves out those alone that were not permitted. */
function isDone(event: KernelEvent): boolean {
  const result = event.result() ?? 0;
  return isOpen(event.type) ? result !== -1 : result >= 0;
}

/** What an open or a call with one path, or its first, is about; of one that works on a descriptor the file behind it. */
function pathName(event: KernelEvent, raw: boolean): string | null {
  if (isOpen(event.type)) return raw ? event.openName() : event.openPath().text;
  const call = callOf(event.type);
  if (call !== undefined && call.names === undefined && OF_DESCRIPTOR.has(call.name))
    return event.callFile()?.text ?? null;
  return known(nameOfCall(event, 0, raw) ?? '');
}

const OF_DESCRIPTOR: ReadonlySet<string> = new Set(['fchmod', 'fchown']);

/** Names of calls whose first path is what the second leads to: Falco takes the new name for the source. */
const LINKING: ReadonlySet<string> = new Set(['link', 'linkat', 'symlink', 'symlinkat']);

function twoNames(event: KernelEvent, end: 'source' | 'target', raw: boolean): string | null {
  if (!hasTwoNames(event) || !isDone(event)) return null;
  const isFirst = (end === 'source') !== LINKING.has(EVENT_NAMES[event.type] ?? '');
  return nameOfCall(event, isFirst ? 0 : 1, raw);
}

function hasTwoNames(event: KernelEvent): boolean {
  return callOf(event.type)?.names?.length === 2 && !isText(event, 1);
}

/** The names of calls that are no paths, as twice the place of the call and which of its names. */
const TEXTS: ReadonlySet<number> = new Set(
  CALLS.flatMap(({ arguments: list }, place) =>
    Object.values(list).flatMap((one) => (one.from === 'name' ? [2 * place + one.which] : [])),
  ),
);

function isText(event: KernelEvent, which: 0 | 1): boolean {
  return TEXTS.has(2 * (event.type - FIRST_CALL) + which);
}

function nameOfCall(event: KernelEvent, which: 0 | 1, raw: boolean): string | null {
  if (callOf(event.type)?.names?.[which] === undefined || isText(event, which)) return null;
  return raw ? event.callName(which) : event.callPath(which);
}

const OF_ALL_CALLS: ReadonlySet<string> = new Set(['res', 'fd', 'via']);

/** Calls that the table records know their own arguments; all others share those above. */
function eventArgument(name: string): FieldReader | undefined {
  const shared = Object.hasOwn(EVENT_ARGUMENTS, name) ? EVENT_ARGUMENTS[name] : undefined;
  const isOfCalls = CALLS.some(({ arguments: list }) => Object.hasOwn(list, name));
  if (shared === undefined && !isOfCalls) return undefined;
  return (event) => {
    const argument = callOf(event.type)?.arguments[name];
    if (argument !== undefined) return readArgument(event, argument);
    return isCall(event.type) && !OF_ALL_CALLS.has(name) ? null : (shared?.(event) ?? null);
  };
}

/** The result as Falco lists it among the arguments: the number, and behind an error's its name. */
function resultText(event: KernelEvent): string | null {
  if (EVENT_ARGUMENTS['res']?.(event) === null) return null;
  const result = event.result() ?? 0;
  return result < 0 ? `${result}(${resultName(result)})` : String(result);
}

/** What nothing of Falco's has. */
const OWN_ARGUMENTS = ['via', 'question', 'qtype', 'child'];
const argumentNamesKept: (readonly string[] | undefined)[] = [];

/** The arguments that events of the type have, in Falco's order, and then our own. */
function argumentNames({ type }: KernelEvent): readonly string[] {
  const kept = argumentNamesKept[type];
  if (kept !== undefined) return kept;
  const call = callOf(type);
  const known = call === undefined ? Object.keys(EVENT_ARGUMENTS) : ['res', ...Object.keys(call.arguments)];
  const ordered = argumentsInOrder(EVENT_NAMES[type] ?? '');
  // Of what Falco has no event all that is known is told.
  const own = call === undefined && ordered.length > 0 ? OWN_ARGUMENTS : [...known, 'via'];
  const names = [...new Set([...ordered.filter((name) => known.includes(name)), ...own])];
  argumentNamesKept[type] = names;
  return names;
}

function imagePart(event: KernelEvent, part: 'repository' | 'tag'): string | null {
  return partOfImage(event.container?.image ?? null, part);
}

/** A part of an image's name as an engine writes it. */
export function partOfImage(image: string | null, part: 'repository' | 'tag'): string | null {
  return image === null ? null : (IMAGE_TAG.exec(image)?.groups?.[part] ?? null);
}

/**
 * How a field with several values answers. Of a lineage, one of its members must satisfy the operator, also where that is "!=". Of
 * the ends of a connection one must as well, but both for "!=". A list is only asked "in", and then all of it must be, or
 * "intersects". One of the names of an address must be meant; for "!=" none may be, and an address without a name is none.
 */
export type ManyKind = 'lineage' | 'ends' | 'list' | 'names';

const MANY_WITHOUT_ARGUMENT: Readonly<Record<string, ManyKind>> = {
  'proc.aname': 'lineage',
  'proc.aexe': 'lineage',
  'proc.aexepath': 'lineage',
  'proc.acmdline': 'lineage',
  'proc.aargs': 'lineage',
  'proc.aenv': 'lineage',
  'proc.apid': 'lineage',
  'fd.ip': 'ends',
  'fd.net': 'ends',
  'fd.port': 'ends',
  'fd.types': 'list',
  'fd.cip.name': 'names',
  'fd.sip.name': 'names',
  'fd.lip.name': 'names',
  'fd.rip.name': 'names',
};

/** Whether the field may answer several values, and how: all ancestors, both ends of a connection. */
export function manyKind(name: string, argument: string | null): ManyKind | null {
  // Of one descriptor it is a list as well, with one member.
  if (argument !== null && name !== 'fd.types') return null;
  return Object.hasOwn(MANY_WITHOUT_ARGUMENT, name) ? (MANY_WITHOUT_ARGUMENT[name] ?? null) : null;
}

/** The reader of a field, or undefined when this sensor does not see what the field speaks of. */
export function fieldReader(name: string, argument: string | null): FieldReader | undefined {
  const maker = Object.hasOwn(READER_MAKERS, name) ? READER_MAKERS[name] : undefined;
  if (maker !== undefined) return maker(argument);
  return argument === null && Object.hasOwn(READERS, name) ? READERS[name] : undefined;
}

/** The events this sensor produces, by Falco's names; without those that are recorded for their bytes alone. */
export function observedEvents(): readonly string[] {
  return EVENT_NAMES.filter((name) => name !== '' && !ONLY_CONTENT.has(name));
}
