import { basename, dirname } from 'node:path/posix';
import { rawArgumentType } from '../event-arguments.ts';
import { type FieldType, fieldArgument, fieldType, normalizeField } from '../field-types.ts';
import { type FieldValue, manyKind } from '../fields.ts';
import { capabilityNames, resultName } from '../kernel-words.ts';
import { mountOf } from '../mounts.ts';
import { folderOf, resolvePath, type ScapEvent } from './event.ts';
import { CATEGORY_OF_CALL, EVENT_TYPES } from './event-types.ts';
import { DESCRIPTOR_KINDS, type Descriptor, type Endpoint, type RecordedContainer, type Thread } from './state.ts';

type Reader = (event: ScapEvent) => FieldValue;

const ANCESTORS_MAX = 64;
const NO_ID = 0xffffffff;
const NOT_SAID = -1;
/** The recorder's own numbers for the ways to open a file. */
/** `created` is the recorder's word that a file was made; `create` only allows it. */
const OPEN = {
  read: 1,
  write: 2,
  create: 4,
  temporary: 8192,
  created: 16_384,
  upperLayer: 1 << 15,
  lowerLayer: 1 << 16,
} as const;
const KIB = 1024;
const NEVER_SAID = (
  'evt.latency.quantized evt.count.procinfo evt.count.threadinfo thread.cpu thread.cpu.user thread.cpu.system evt.infra.docker.name ' +
  'evt.infra.docker.container.id evt.infra.docker.container.name evt.infra.docker.container.image'
).split(' ');
const IO_CATEGORIES = new Set(['read', 'write', 'io']);
const CONNECTS = new Set(['accept', 'accept4', 'connect']);
const SECOND_NS = 1_000_000_000;
/** RFC 5424, tables 1 and 2, by the short names of syslog(3). */
const LOG_FACILITIES: readonly string[] = (
  'kern user mail daemon auth syslog lpr news uucp clock authpriv ftp ntp logaudit logalert cron ' +
  'local0 local1 local2 local3 local4 local5 local6 local7'
).split(' ');
const LOG_SEVERITIES: readonly string[] = 'emerg alert crit err warn notice info debug'.split(' ');
const OPENS = new Set(['open', 'openat', 'openat2', 'open_by_handle_at', 'creat']);
const EXE_FLAG = { writable: 1, upperLayer: 2, memfd: 4, lowerLayer: 8 } as const;
const CATEGORY_OF_KIND: Readonly<Record<string, string>> = {
  file: 'file',
  directory: 'file',
  ipv4: 'net',
  ipv6: 'net',
  netlink: 'net',
  unix: 'ipc',
  fifo: 'ipc',
  event: 'ipc',
  signal: 'ipc',
  inotify: 'ipc',
};

function leaderOf(event: ScapEvent, thread: Thread): Thread {
  return event.surroundings.thread(thread.pid) ?? thread;
}

function parentOf(event: ScapEvent, thread: Thread): Thread | null {
  const parent = event.surroundings.thread(leaderOf(event, thread).parent);
  return parent === undefined ? null : leaderOf(event, parent);
}

/** The parent, grandparent and so on, nearest first. */
function ancestorsOf(event: ScapEvent): Thread[] {
  const list: Thread[] = [];
  let next = event.thread === null ? null : parentOf(event, event.thread);
  while (next !== null && list.length < ANCESTORS_MAX && !list.includes(next)) {
    list.push(next);
    next = parentOf(event, next);
  }
  return list;
}

/** Who leads the session, or the eldest of the ancestors in it. */
function sessionLeader(event: ScapEvent, thread: Thread): Thread {
  const leader = event.surroundings.thread(thread.session);
  if (leader !== undefined && leader.session === thread.session) return leader;
  let eldest = leaderOf(event, thread);
  for (const ancestor of ancestorsOf(event)) {
    if (ancestor.session !== thread.session) break;
    eldest = ancestor;
  }
  return eldest;
}

/**
 * Who leads the group of processes: the thread of that number, unless the group is one of a namespace of its own and the number
 * too, or the eldest of the ancestors in the group. Where there is none Falco answers an empty text.
 */
function groupLeader(event: ScapEvent, thread: Thread, which: 'group' | 'hostGroup'): Thread | null {
  const id = thread[which];
  if (id === NOT_SAID) return null;
  const leader = which === 'hostGroup' || thread.innerTid === thread.tid ? event.surroundings.thread(id) : undefined;
  if (leader !== undefined) return leader;
  let eldest: Thread | null = null;
  for (const ancestor of ancestorsOf(event)) {
    if (ancestor[which] !== id) break;
    eldest = ancestor;
  }
  return eldest;
}

const ofThread =
  (read: (thread: Thread, event: ScapEvent) => FieldValue): Reader =>
  (event) =>
    event.thread === null ? null : read(event.thread, event);

const ofGroupLeader = (which: 'group' | 'hostGroup', read: (thread: Thread) => string): Reader =>
  ofThread((thread, event) => {
    const leader = groupLeader(event, thread, which);
    return leader === null ? '' : read(leader);
  });

const ofParent = (read: (thread: Thread) => FieldValue): Reader =>
  ofThread((thread, event) => {
    const parent = parentOf(event, thread);
    return parent === null ? null : read(parent);
  });

const ofDescriptor =
  (read: (descriptor: NonNullable<ScapEvent['descriptor']>, event: ScapEvent) => FieldValue): Reader =>
  (event) =>
    event.descriptor === null ? null : read(event.descriptor, event);

const ofContainer =
  (read: (container: RecordedContainer) => FieldValue): Reader =>
  (event) => {
    const container = event.surroundings.container(event.thread?.containerId ?? '');
    return container === undefined ? null : read(container);
  };

/** Of the descriptors that every program begins with. */
const ofStandard = (fd: 0 | 1 | 2, read: (descriptor: Descriptor) => string): Reader =>
  ofThread((thread, event) => {
    const found = leaderOf(event, thread).fds.get(fd);
    return found === undefined ? null : read(found);
  });

function commandLine({ comm, args }: Thread): string {
  return args.length === 0 ? comm : `${comm} ${args.join(' ')}`;
}

function known(text: string): string | null {
  return text === '' ? null : text;
}

/** The end of a connection that is this machine's: the client's when both are. A socket that has no peer has neither. */
function isClientOwn({ client, server, isServer }: Descriptor, event: ScapEvent): boolean {
  if (client === null || server === null) return !isServer;
  return event.surroundings.isOwnAddress(client.address) || !event.surroundings.isOwnAddress(server.address);
}

const END: Readonly<
  Record<'client' | 'server' | 'local' | 'remote', (descriptor: Descriptor, event: ScapEvent) => Endpoint | null>
> = {
  client: ({ client }) => client,
  server: ({ server }) => server,
  local: (descriptor, event) => {
    if (descriptor.client === null) return null;
    return isClientOwn(descriptor, event) ? descriptor.client : descriptor.server;
  },
  remote: (descriptor, event) => {
    if (descriptor.client === null) return null;
    return isClientOwn(descriptor, event) ? descriptor.server : descriptor.client;
  },
};

const endReader = (end: keyof typeof END, part: keyof Endpoint): Reader =>
  ofDescriptor((descriptor, event) => END[end](descriptor, event)?.[part] ?? null);

/** Of a connection: whether the server is this machine. */
function isServerHere(descriptor: Descriptor, event: ScapEvent): boolean {
  const { kind, client, server, isServer } = descriptor;
  if (kind !== 'ipv4' && kind !== 'ipv6') return isServer;
  if (server === null) return kind === 'ipv6';
  return client === null || event.surroundings.isOwnAddress(server.address);
}

/** What a call says of a descriptor that it has not made yet, by the event's name. */
const LETTER_TO_BE: Readonly<Record<string, string>> = {
  open: 'f',
  openat: 'f',
  openat2: 'f',
  creat: 'f',
  socket: '4',
  accept: '4',
  accept4: '4',
  pipe: 'p',
  pipe2: 'p',
  eventfd: 'e',
  signalfd: 's',
  timerfd_create: 't',
  inotify_init: 'i',
};

/**
 * The path, also of an open that failed. A descriptor that the call used and nobody saw being made has no name, which at the
 * end of the call is an empty one.
 */
function nameOf({ descriptor, triedPath, fd, type }: ScapEvent): string | null {
  if (descriptor !== null) return descriptor.name;
  if (triedPath !== null) return triedPath;
  return fd !== null && (type.usesFd || type.maps) && type.isExit ? '' : null;
}

function folderOfName(event: ScapEvent): string | null {
  const { descriptor } = event;
  if (descriptor !== null && descriptor.kind !== 'file' && descriptor.kind !== 'directory') return null;
  const name = nameOf(event);
  return name === null ? null : name.startsWith('/') ? dirname(name) : '/';
}

/** With the container before it. */
function inContainer(event: ScapEvent, path: string | null): string | null {
  return path === null ? null : `${event.thread?.containerId ?? ''}:${path}`;
}

/** Ports go by their numbers: which service is meant is not the recording's to say. */
const portName = (end: keyof typeof END): Reader =>
  ofDescriptor((descriptor, event) => END[end](descriptor, event)?.port.toString() ?? null);

const bothEnds = (part: keyof Endpoint): Reader =>
  ofDescriptor(({ client, server }) => {
    const found = [client, server].flatMap((one) => one?.[part] ?? []);
    return found.length === 0 ? null : (found as readonly string[] | readonly number[]);
  });

function openBits(event: ScapEvent): number | null {
  if (!OPENS.has(event.type.name) || !event.type.isExit) return null;
  // What creat does goes without saying, and libsinsp asks it for nothing.
  return event.type.name === 'creat' ? 0 : event.integer('flags');
}

const opensWith =
  (bit: number): Reader =>
  (event) => {
    const bits = openBits(event);
    return bits !== null && (bits & bit) !== 0;
  };

/** What a call is about, or where it leads from and to: its parameter with the path, and that with the folder it starts from. */
interface PathParameters {
  readonly name?: readonly [path: string, folder?: string];
  readonly source?: readonly [path: string, folder?: string];
  readonly target?: readonly [path: string, folder?: string];
}

/** As libsinsp has it: of a link the new name is the source, and what it leads to the target. */
const PATHS_OF_CALLS: Readonly<Record<string, PathParameters>> = {
  mkdir: { name: ['path'] },
  mkdirat: { name: ['path', 'dirfd'] },
  rmdir: { name: ['path'] },
  unlink: { name: ['path'] },
  unlinkat: { name: ['name', 'dirfd'] },
  open: { name: ['name'] },
  openat: { name: ['name', 'dirfd'] },
  openat2: { name: ['name', 'dirfd'] },
  fchmodat: { name: ['filename', 'dirfd'] },
  chmod: { name: ['filename'] },
  fchmod: { name: ['fd'] },
  chown: { name: ['path'] },
  lchown: { name: ['path'] },
  fchown: { name: ['fd'] },
  fchownat: { name: ['pathname', 'dirfd'] },
  quotactl: { name: ['special'] },
  rename: { source: ['oldpath'], target: ['newpath'] },
  renameat: { source: ['oldpath', 'olddirfd'], target: ['newpath', 'newdirfd'] },
  renameat2: { source: ['oldpath', 'olddirfd'], target: ['newpath', 'newdirfd'] },
  link: { source: ['newpath'], target: ['oldpath'] },
  linkat: { source: ['newpath', 'newdir'], target: ['oldpath', 'olddir'] },
  symlink: { source: ['linkpath'], target: ['target'] },
  symlinkat: { source: ['linkpath', 'linkdirfd'], target: ['target'] },
  mount: { source: ['dev'], target: ['dir'] },
  umount: { name: ['name'] },
  umount2: { name: ['name'] },
};

/** Only of calls that were done: what failed has no path here. Of opens Falco leaves out those alone that were not permitted. */
const pathOf =
  (which: keyof PathParameters, raw: boolean): Reader =>
  (event) => {
    const { type, thread, result } = event;
    if (!type.isExit || !Object.hasOwn(PATHS_OF_CALLS, type.name)) return null;
    const [path, folder] = PATHS_OF_CALLS[type.name]?.[which] ?? [];
    if (path === undefined || result === null || (OPENS.has(type.name) ? result === -1 : result !== 0)) return null;
    const isDescriptor = path === 'fd';
    const text = isDescriptor ? (event.descriptor?.name ?? null) : (event.text(path) ?? event.entered(path));
    if (text === null || raw || isDescriptor) return text;
    if (thread === null) return null;
    return resolvePath(folder === undefined ? thread.cwd : folderOf(thread, event.integer(folder)), text);
  };

/** Parameters of a folder's descriptor and of the path from there: what a call is about, and what it makes of it. */
const PATHS_AT: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  openat: [['dirfd', 'name']],
  openat2: [['dirfd', 'name']],
  unlinkat: [['dirfd', 'name']],
  mkdirat: [['dirfd', 'path']],
  fchmodat: [['dirfd', 'filename']],
  fchownat: [['dirfd', 'pathname']],
  symlinkat: [['linkdirfd', 'linkpath']],
  renameat: [
    ['olddirfd', 'oldpath'],
    ['newdirfd', 'newpath'],
  ],
  renameat2: [
    ['olddirfd', 'oldpath'],
    ['newdirfd', 'newpath'],
  ],
  linkat: [
    ['olddir', 'oldpath'],
    ['newdir', 'newpath'],
  ],
};

const wholePath =
  (place: 0 | 1): Reader =>
  (event) => {
    const { type, thread } = event;
    const names = Object.hasOwn(PATHS_AT, type.name) ? PATHS_AT[type.name] : undefined;
    const [folder, path] = (names?.length === 1 ? names[0] : names?.[place]) ?? [];
    if (thread === null || folder === undefined || path === undefined) return null;
    // Where both ends of a call say it, its end does.
    if (!type.isExit && EVENT_TYPES[type.number + 1]?.places.has(path) === true) return null;
    const text = event.text(path);
    return text === null ? null : resolvePath(folderOf(thread, event.integer(folder)), text);
  };

/** How many bytes the call moved, one way or both, to files, to internet sockets or to whatever it was. */
function moved({ way, of }: { readonly way?: 'read' | 'write'; readonly of?: 'file' | 'net' } = {}): Reader {
  return ({ type, descriptor, result }) => {
    if (descriptor === null || result === null || result < 0) return null;
    if (way === undefined ? !IO_CATEGORIES.has(type.category) : type.category !== way) return null;
    const { kind } = descriptor;
    const isMeant = of === undefined || (of === 'file' ? kind === 'file' : kind === 'ipv4' || kind === 'ipv6');
    return isMeant ? result : null;
  };
}

function argumentsText({ type, arguments: list }: ScapEvent): string {
  // What the generic event has beside its name are numbers of the recorder.
  return type.number <= 1 ? '' : list.map(({ name, text }) => `${name}=${text} `).join('');
}

/** A line to the system's log: a number in pointed brackets, then the message. */
const ofLogLine =
  (read: (line: { priority: number; message: string }) => FieldValue): Reader =>
  (event) => {
    if (!event.type.isExit || !isToLog(event)) return null;
    const found = /^<(\d{1,3})>(.*)$/s.exec(event.bytes('data')?.toString('utf8') ?? '');
    return found === null ? null : read({ priority: Number(found[1]), message: found[2] ?? '' });
  };

function isToLog({ type, descriptor }: ScapEvent): boolean {
  return type.writes && descriptor?.kind === 'unix' && descriptor.name.includes('/dev/log');
}

/** One for a call that failed. */
function failures({ result }: ScapEvent): number | null {
  return result !== null && result < 0 ? 1 : null;
}

/** What a call was about, seen from its descriptor, else from what it was to make. */
function subjectOf({ type, descriptor }: ScapEvent): 'file' | 'net' | 'memory' | 'other' {
  if (descriptor !== null) {
    const { kind } = descriptor;
    if (kind === 'file' || kind === 'directory') return 'file';
    return kind === 'ipv4' || kind === 'ipv6' || kind === 'unix' ? 'net' : 'other';
  }
  if (OPENS.has(type.name)) return 'file';
  if (CONNECTS.has(type.name)) return 'net';
  return type.category === 'memory' ? 'memory' : 'other';
}

const failuresOf =
  (subject: ReturnType<typeof subjectOf>): Reader =>
  (event) =>
    subjectOf(event) === subject ? failures(event) : null;

/** How long the thread's last call took. */
const ofLatency =
  (read: (ns: number) => FieldValue): Reader =>
  ({ thread, type }) =>
    type.category === 'internal' && thread !== null ? null : read(thread?.latencyNs ?? 0);

const UNITS = [
  ['ms', 1_000_000],
  ['us', 1_000],
] as const;

/** A span of nanoseconds as people read it: 01:00:02, 2:5, 1.10s, 25ms, 2.50ms, 40us. */
function spanText(ns: number): string {
  const two = (number: number): string => String(Math.floor(number)).padStart(2, '0');
  const seconds = Math.floor(ns / SECOND_NS);
  if (seconds >= 3_600) return [seconds / 3_600, (seconds / 60) % 60, seconds % 60].map(two).join(':');
  if (seconds >= 60) return `${Math.floor(seconds / 60)}:${seconds % 60}`;
  if (seconds >= 1) return `${seconds}.${two((ns % SECOND_NS) / (SECOND_NS / 100))}s`;
  for (const [word, unit] of UNITS) {
    if (ns >= unit * 10) return `${Math.floor(ns / unit)}${word}`;
    if (ns >= unit) return `${Math.floor(ns / unit)}.${two((ns % unit) / (unit / 100))}${word}`;
  }
  return `${ns}ns`;
}

/** Of the descriptors that poll waits for; those that have nothing to say are left out. */
const ofPolled =
  (read: (descriptor: Descriptor | undefined, fd: number) => string | null): Reader =>
  ({ polled, thread }) => {
    if (polled === null || thread === null) return null;
    const texts = polled.flatMap((fd) => read(thread.fds.get(fd), fd) ?? []);
    return texts.length === 0 ? null : texts.join(',');
  };

const NO_ADDRESS: Readonly<Record<string, string>> = { ipv4: '0.0.0.0', ipv6: '::' };

/** An end of a socket; one that is not known yet is the address of nobody. */
function polledEnd(descriptor: Descriptor | undefined, end: 'client' | 'server'): Endpoint | null {
  const nobody = descriptor === undefined ? undefined : NO_ADDRESS[descriptor.kind];
  if (descriptor === undefined || nobody === undefined) return null;
  if (end === 'client' && descriptor.client === null && descriptor.isServer) return null;
  return descriptor[end] ?? { address: nobody, port: 0 };
}

/** Whether an open made a file that may be run. */
function isOpenOfProgram(event: ScapEvent): boolean {
  const bits = event.type.name === 'creat' && event.type.isExit ? OPEN.create : openBits(event);
  return bits !== null && (bits & (OPEN.create | OPEN.temporary)) !== 0 && ((event.integer('mode') ?? 0) & 0o111) !== 0;
}

const isShell = (thread: Thread): boolean => thread.comm.length >= 2 && thread.comm.endsWith('sh');

const READERS: Readonly<Record<string, Reader>> = {
  'evt.num': ({ number }) => number,
  'evt.type': ({ name }) => name,
  'syscall.type': ({ type, name }) => (type.isSyscall ? name : null),
  'evt.dir': ({ type }) => (type.isExit ? '<' : '>'),
  'evt.source': () => 'syscall',
  'evt.cpu': ({ cpu }) => cpu,
  'evt.count': () => 1,
  'evt.count.exit': ({ type }) => (type.isExit ? 1 : null),
  'evt.count.error': failures,
  'evt.count.error.file': failuresOf('file'),
  'evt.count.error.net': failuresOf('net'),
  'evt.count.error.memory': failuresOf('memory'),
  'evt.count.error.other': failuresOf('other'),
  'evt.latency': ofLatency((ns) => ns),
  'evt.latency.s': ofLatency((ns) => Math.floor(ns / SECOND_NS)),
  'evt.latency.ns': ofLatency((ns) => ns % SECOND_NS),
  'evt.latency.human': ofLatency(spanText),
  'evt.wait_latency': ({ type, thread }) => (type.waits && type.isExit ? (thread?.latencyNs ?? 0) : null),
  'evt.reltime': ({ sinceStartNs }) => sinceStartNs,
  'evt.reltime.s': ({ sinceStartNs }) => Math.floor(sinceStartNs / SECOND_NS),
  'evt.reltime.ns': ({ sinceStartNs }) => sinceStartNs % SECOND_NS,
  'evt.deltatime': ({ sinceLastNs }) => sinceLastNs,
  'evt.deltatime.s': ({ sinceLastNs }) => Math.floor(sinceLastNs / SECOND_NS),
  'evt.deltatime.ns': ({ sinceLastNs }) => sinceLastNs % SECOND_NS,
  'evt.category': ({ type, name, descriptor }) => {
    if (type.number <= 1) return CATEGORY_OF_CALL.get(name) ?? type.category;
    if (type.category !== 'read' && type.category !== 'write' && type.category !== 'io') return type.category;
    return descriptor === null ? 'unknown' : (CATEGORY_OF_KIND[descriptor.kind] ?? 'unknown');
  },
  'evt.rawtime': ({ timeNs }) => Number(timeNs),
  'evt.rawtime.s': ({ timeNs }) => Number(timeNs / 1_000_000_000n),
  'evt.rawtime.ns': ({ timeNs }) => Number(timeNs % 1_000_000_000n),
  'evt.datetime.s': ({ timeText }) => timeText.slice(0, 19).replace('T', ' '),
  'evt.time.s': ({ timeText }) => timeText.slice(11, 19),
  'evt.time': ({ timeText }) => timeText.slice(11, -1),
  'evt.outputtime': ({ timeText }) => timeText.slice(11, -1),
  'evt.time.iso8601': ({ timeText }) => timeText.replace('Z', '+0000'),
  'evt.datetime': ({ timeText }) => timeText.replace('T', ' ').slice(0, -1),
  'evt.res': ({ result }) => (result === null ? null : resultName(result)),
  'evt.rawres': ({ result }) => result,
  'evt.failed': ({ result }) => result !== null && result < 0,
  'evt.is_io': ({ type }) => type.reads || type.writes,
  'evt.is_io_read': ({ type }) => type.reads,
  'evt.is_io_write': ({ type }) => type.writes,
  'evt.io_dir': ({ type }) => (type.writes ? 'write' : type.reads ? 'read' : null),
  'evt.is_wait': ({ type }) => type.waits,
  'evt.is_async': ({ type }) => type.name === 'container',
  'evt.asynctype': ({ type }) => (type.name === 'container' ? type.name : null),
  'evt.hostname': ({ surroundings }) => known(surroundings.hostname),
  // Of events about the process list, which no reader shows; of engines and measures that nobody fills any more.
  ...Object.fromEntries(NEVER_SAID.map((name): [string, Reader] => [name, () => null])),
  'evt.is_syslog': isToLog,
  'evt.is_open_read': opensWith(OPEN.read),
  'evt.is_open_write': opensWith(OPEN.write),
  'evt.is_open_create': (event) => {
    const bits = openBits(event) ?? 0;
    return (bits & OPEN.created) !== 0 || ((bits & OPEN.temporary) !== 0 && (event.result ?? -1) >= 0);
  },
  'evt.is_open_exec': isOpenOfProgram,
  'evt.args': argumentsText,
  'evt.info': argumentsText,
  'evt.buffer': (event) => event.bytes('data')?.toString('latin1') ?? null,
  'evt.buffer.b64': (event) => event.bytes('data')?.toString('base64') ?? null,
  'evt.abspath': wholePath(0),
  'evt.abspath.src': wholePath(0),
  'evt.abspath.dst': wholePath(1),
  'evt.buflen': moved(),
  'evt.buflen.in': moved({ way: 'read' }),
  'evt.buflen.out': moved({ way: 'write' }),
  'evt.buflen.file': moved({ of: 'file' }),
  'evt.buflen.file.in': moved({ way: 'read', of: 'file' }),
  'evt.buflen.file.out': moved({ way: 'write', of: 'file' }),
  'evt.buflen.net': moved({ of: 'net' }),
  'evt.buflen.net.in': moved({ way: 'read', of: 'net' }),
  'evt.buflen.net.out': moved({ way: 'write', of: 'net' }),
  'proc.pid': ofThread(({ pid }) => pid),
  'proc.ppid': ofThread((thread, event) => leaderOf(event, thread).parent),
  'proc.vpid': ofThread(({ innerPid }) => (innerPid === NOT_SAID ? null : innerPid)),
  'proc.sid': ofThread(({ session }) => session),
  'proc.pgid': ofThread(({ hostGroup }) => hostGroup),
  'proc.pgid.name': ofGroupLeader('hostGroup', ({ comm }) => comm),
  'proc.pgid.exe': ofGroupLeader('hostGroup', ({ exe }) => exe),
  'proc.pgid.exepath': ofGroupLeader('hostGroup', ({ exePath }) => exePath),
  'proc.vpgid.name': ofGroupLeader('group', ({ comm }) => comm),
  'proc.vpgid.exe': ofGroupLeader('group', ({ exe }) => exe),
  'proc.vpgid.exepath': ofGroupLeader('group', ({ exePath }) => exePath),
  'proc.is_pgid_leader': ofThread(({ hostGroup, pid }) => hostGroup === pid),
  'proc.vpgid': ofThread(({ group }) => group),
  'proc.tty': ofThread(({ tty }) => tty),
  'proc.name': ofThread(({ comm }) => comm),
  'proc.exe': ofThread(({ exe }) => exe),
  'proc.exepath': ofThread((thread, event) => known(thread.exePath) ?? leaderOf(event, thread).exePath),
  'proc.args': ofThread(({ args }) => args.join(' ')),
  'proc.cmdline': ofThread(commandLine),
  'proc.exeline': ofThread(({ exe, args }) => `${exe} ${args.join(' ')}`),
  'proc.cmdnargs': ofThread(({ args }) => args.length),
  'proc.cmdlenargs': ofThread(({ args }) => args.reduce((sum, one) => sum + one.length, 0)),
  'proc.env': ofThread((thread, event) => environmentOf(event, thread).join(' ')),
  'proc.cwd': ofThread((thread, event) => leaderOf(event, thread).cwd),
  'proc.pname': ofParent(({ comm }) => comm),
  'proc.pexe': ofParent(({ exe }) => exe),
  'proc.pexepath': ofParent(({ exePath }) => exePath),
  'proc.pcmdline': ofParent(commandLine),
  'proc.sname': ofThread((thread, event) => sessionLeader(event, thread).comm),
  'proc.sid.exe': ofThread((thread, event) => sessionLeader(event, thread).exe),
  'proc.sid.exepath': ofThread((thread, event) => sessionLeader(event, thread).exePath),
  'proc.loginshellid': ofThread((thread, event) => {
    const shells = [leaderOf(event, thread), ...ancestorsOf(event)].filter(isShell);
    return shells.at(-1)?.pid ?? null;
  }),
  'proc.loginshellid.name': ofThread((thread, event) => {
    const shells = [leaderOf(event, thread), ...ancestorsOf(event)].filter(isShell);
    return shells.at(-1)?.comm ?? null;
  }),
  'proc.duration': ofThread(({ startedNs }, { timeNs }) => (startedNs === 0n ? null : Number(timeNs - startedNs))),
  'proc.ppid.duration': ofThread((thread, event) => {
    const started = parentOf(event, thread)?.startedNs ?? 0n;
    return started === 0n ? null : Number(event.timeNs - started);
  }),
  'proc.ppid.ts': ofParent(({ startedNs }) => Number(startedNs)),
  'proc.pvpid': ofParent(({ innerPid }) => (innerPid === NOT_SAID ? null : innerPid)),
  'proc.stdin.name': ofStandard(0, ({ name }) => name),
  'proc.stdin.type': ofStandard(0, ({ kind }) => DESCRIPTOR_KINDS[kind].type),
  'proc.stdout.name': ofStandard(1, ({ name }) => name),
  'proc.stdout.type': ofStandard(1, ({ kind }) => DESCRIPTOR_KINDS[kind].type),
  'proc.stderr.name': ofStandard(2, ({ name }) => name),
  'proc.stderr.type': ofStandard(2, ({ kind }) => DESCRIPTOR_KINDS[kind].type),
  'proc.pid.ts': ofThread(({ startedNs }) => (startedNs === 0n ? null : Number(startedNs))),
  'proc.fdopencount': ofThread((thread, event) => leaderOf(event, thread).fds.size),
  'proc.fdlimit': ofThread((thread, event) => leaderOf(event, thread).fdLimit),
  'proc.fdusage': ofThread((thread, event) => {
    const { fds, fdLimit } = leaderOf(event, thread);
    return fdLimit > 0 ? (fds.size * 100) / fdLimit : 0;
  }),
  'proc.vmsize': ofThread(({ memory }) => memory.size),
  'proc.vmrss': ofThread(({ memory }) => memory.resident),
  'proc.vmswap': ofThread(({ memory }) => memory.swapped),
  'thread.vmsize': ofThread(({ memory, tid, pid }) => (tid === pid ? memory.size : 0)),
  'thread.vmrss': ofThread(({ memory, tid, pid }) => (tid === pid ? memory.resident : 0)),
  'thread.pfmajor': ofThread(({ memory }) => memory.majorFaults),
  'thread.pfminor': ofThread(({ memory }) => memory.minorFaults),
  'thread.exectime': ({ type, ranNs }) => (type.name === 'switch' ? ranNs : 0),
  'thread.totexectime': ofThread(({ ranNs }) => ranNs),
  'proc.nchilds': ofThread((thread, event) => event.surroundings.childrenOf(thread.pid)),
  'proc.nthreads': ofThread((thread, event) => event.surroundings.childrenOf(thread.pid) + 1),
  'proc.is_exe_writable': ofThread(({ exeFlags }) => (exeFlags & EXE_FLAG.writable) !== 0),
  'proc.is_exe_upper_layer': ofThread(({ exeFlags }) => (exeFlags & EXE_FLAG.upperLayer) !== 0),
  'proc.is_exe_lower_layer': ofThread(({ exeFlags }) => (exeFlags & EXE_FLAG.lowerLayer) !== 0),
  'proc.is_exe_from_memfd': ofThread(({ exeFlags }) => (exeFlags & EXE_FLAG.memfd) !== 0),
  'proc.is_container_healthcheck': ofThread(() => false),
  'proc.is_container_liveness_probe': ofThread(() => false),
  'proc.is_container_readiness_probe': ofThread(() => false),
  'proc.is_sid_leader': ofThread(({ session, innerPid }) => session === innerPid),
  'proc.is_vpgid_leader': ofThread(({ group, innerPid }) => group === innerPid),
  'proc.exe_ino': ofThread(({ exeInode }) => exeInode || null),
  'proc.exe_ino.ctime': ofThread(({ exeChangedNs }) => Number(exeChangedNs) || null),
  'proc.exe_ino.mtime': ofThread(({ exeModifiedNs }) => Number(exeModifiedNs) || null),
  'proc.exe_ino.ctime_duration_proc_start': ofThread((thread) => Number(thread.exeChangedBeforeStartNs) || null),
  'proc.exe_ino.ctime_duration_pidns_start': ofThread((thread) => Number(thread.exeChangedAfterNamespaceNs) || null),
  'proc.pidns_init_start_ts': ofThread(({ namespaceStartedNs }) => Number(namespaceStartedNs) || null),
  'thread.tid': ({ tid }) => tid,
  'thread.vtid': ofThread(({ innerTid }) => (innerTid === NOT_SAID ? null : innerTid)),
  'thread.nametid': ofThread(({ comm }, { tid }) => `${comm}${tid}`),
  'thread.vmsize.b': ofThread(({ memory, tid, pid }) => (tid === pid ? memory.size * KIB : 0)),
  'thread.vmrss.b': ofThread(({ memory, tid, pid }) => (tid === pid ? memory.resident * KIB : 0)),
  'thread.ismain': ofThread(({ tid, pid }) => tid === pid),
  'thread.cap_permitted': ofThread(({ capabilities }) => capabilityNames(capabilities.permitted)),
  'thread.cap_effective': ofThread(({ capabilities }) => capabilityNames(capabilities.effective)),
  'thread.cap_inheritable': ofThread(({ capabilities }) => capabilityNames(capabilities.inheritable)),
  'thread.cgroups': ofThread(({ cgroups }) => known(cgroups.join(' '))),
  'user.uid': ofThread(({ uid }) => uid),
  'user.loginuid': ofThread(({ loginUid }) => (loginUid === NO_ID ? -1 : loginUid)),
  'user.name': ofThread(({ uid }, event) => event.surroundings.user(uid)?.name ?? null),
  'user.homedir': ofThread(({ uid }, event) => event.surroundings.user(uid)?.home ?? null),
  'user.shell': ofThread(({ uid }, event) => event.surroundings.user(uid)?.shell ?? null),
  'user.loginname': ofThread(({ loginUid }, event) => event.surroundings.user(loginUid)?.name ?? null),
  'group.gid': ofThread(({ gid }) => gid),
  'group.name': ofThread(({ gid }, event) => event.surroundings.group(gid) ?? null),
  'fd.num': ({ fd }) => fd,
  'fd.name': nameOf,
  'fd.nameraw': ({ descriptor, fd, type }) =>
    descriptor === null ? (fd !== null && type.usesFd && type.isExit ? '' : null) : descriptor.rawName,
  'fd.directory': folderOfName,
  'fd.filename': ofDescriptor(({ kind, name }) => (kind === 'file' ? basename(name) : null)),
  'fd.type': ofDescriptor(({ kind }) => DESCRIPTOR_KINDS[kind].type),
  'fd.typechar': ({ fd, descriptor, type }) => {
    if (descriptor !== null) return DESCRIPTOR_KINDS[descriptor.kind].letter;
    return fd === null ? null : (LETTER_TO_BE[type.name] ?? 'o');
  },
  'fd.sockfamily': ofDescriptor(({ kind }) =>
    kind === 'ipv4' || kind === 'ipv6' ? 'ip' : kind === 'unix' ? 'unix' : null,
  ),
  'fd.l4proto': ofDescriptor(({ protocol }) => protocol ?? '<NA>'),
  'fd.connected': ofDescriptor(({ isConnected }) => isConnected),
  'fd.is_server': ofDescriptor(isServerHere),
  'fd.name_changed': ofDescriptor(({ nameChangedAt }, { number }) => nameChangedAt === number),
  'fd.uid': (event) => (event.fd === null || event.thread === null ? null : `${event.tid}${event.fd}`),
  'fd.containername': (event) => inContainer(event, nameOf(event)),
  'fd.containerdirectory': (event) => inContainer(event, folderOfName(event)),
  'fd.dev': ofDescriptor(({ device }) => device),
  'fd.dev.major': ofDescriptor(({ device }) => (device >> 8) & 0xfff),
  'fd.dev.minor': ofDescriptor(({ device }) => (device & 0xff) | ((device >>> 12) & 0xf_ff00)),
  'fd.ino': ofDescriptor(({ inode }) => inode),
  'fd.openflags': ofDescriptor(({ openFlags }) => openFlags),
  'fd.is_upper_layer': ofDescriptor(({ openFlags }) => (openFlags & OPEN.upperLayer) !== 0),
  'fd.is_lower_layer': ofDescriptor(({ openFlags }) => (openFlags & OPEN.lowerLayer) !== 0),
  'fd.cip': endReader('client', 'address'),
  'fd.sip': endReader('server', 'address'),
  'fd.lip': endReader('local', 'address'),
  'fd.rip': endReader('remote', 'address'),
  'fd.cnet': endReader('client', 'address'),
  'fd.snet': endReader('server', 'address'),
  'fd.lnet': endReader('local', 'address'),
  'fd.rnet': endReader('remote', 'address'),
  'fd.cport': endReader('client', 'port'),
  'fd.sport': endReader('server', 'port'),
  'fd.lport': endReader('local', 'port'),
  'fd.rport': endReader('remote', 'port'),
  'fd.cproto': portName('client'),
  'fd.sproto': portName('server'),
  'fd.lproto': portName('local'),
  'fd.rproto': portName('remote'),
  'fd.ip': bothEnds('address'),
  'fd.net': bothEnds('address'),
  'fd.port': bothEnds('port'),
  'fd.proto': bothEnds('port'),
  'fdlist.nums': ofPolled((_, fd) => String(fd)),
  'fdlist.names': ofPolled((descriptor) => known(descriptor?.name ?? '') ?? '<NA>'),
  'fdlist.cips': ofPolled((descriptor) => polledEnd(descriptor, 'client')?.address ?? null),
  'fdlist.sips': ofPolled((descriptor) => polledEnd(descriptor, 'server')?.address ?? null),
  'fdlist.cports': ofPolled((descriptor) => polledEnd(descriptor, 'client')?.port.toString() ?? null),
  'fdlist.sports': ofPolled((descriptor) =>
    descriptor?.client === null && descriptor.isServer
      ? null
      : (polledEnd(descriptor, 'server')?.port.toString() ?? null),
  ),
  'syslog.facility': ofLogLine(({ priority }) => priority >> 3),
  'syslog.facility.str': ofLogLine(({ priority }) => LOG_FACILITIES[priority >> 3] ?? '<NA>'),
  'syslog.severity': ofLogLine(({ priority }) => priority & 7),
  'syslog.severity.str': ofLogLine(({ priority }) => LOG_SEVERITIES[priority & 7] ?? '<NA>'),
  'syslog.message': ofLogLine(({ message }) => message),
  'fs.path.name': pathOf('name', false),
  'fs.path.nameraw': pathOf('name', true),
  'fs.path.source': pathOf('source', false),
  'fs.path.sourceraw': pathOf('source', true),
  'fs.path.target': pathOf('target', false),
  'fs.path.targetraw': pathOf('target', true),
  'container.id': ofThread(({ containerId }) => (containerId === '' ? 'host' : containerId)),
  'container.name': (event) => hostOr(event, ({ name }) => name),
  'container.type': (event) => hostOr(event, ({ type }) => type),
  'container.image': ofContainer(({ image }) => known(image)),
  'container.image.id': ofContainer(({ imageId }) => known(imageId)),
  'container.image.digest': ofContainer(({ digest }) => known(digest)),
  'container.image.repository': ofContainer(({ image }) => known(imagePart(image, 'repository'))),
  'container.image.tag': ofContainer(({ image }) => known(imagePart(image, 'tag'))),
  'container.privileged': ofContainer(({ privileged }) => privileged),
  'container.mounts': ofContainer(({ mounts }) =>
    mounts.map((one) => `${one.source}:${one.destination}:${one.mode}:${one.isWritable}:${one.propagation}`).join(','),
  ),
  // What an engine says of them the recording does not keep.
  'container.healthcheck': ofContainer(() => 'NONE'),
  'container.liveness_probe': ofContainer(() => 'NONE'),
  'container.readiness_probe': ofContainer(() => 'NONE'),
  'container.labels': ofContainer(({ labels }) => [...labels].map(([key, label]) => `${key}:${label}`).join(', ')),
  // A kubelet labels the containers it starts.
  'k8s.ns.name': ofContainer(({ labels }) => labels.get('io.kubernetes.pod.namespace') ?? null),
  'k8s.pod.name': ofContainer(({ labels }) => labels.get('io.kubernetes.pod.name') ?? null),
  'k8s.pod.uid': ofContainer(({ labels }) => labels.get('io.kubernetes.pod.uid') ?? null),
};

function hostOr(event: ScapEvent, read: (container: RecordedContainer) => string): string | null {
  const { thread } = event;
  if (thread === null) return null;
  if (thread.containerId === '') return 'host';
  const container = event.surroundings.container(thread.containerId);
  return container === undefined ? null : known(read(container));
}

/** Docker's short names have the tag `latest` unless another is said. */
function imagePart(image: string, part: 'repository' | 'tag'): string {
  const name = image.split('@')[0] ?? '';
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  if (part === 'repository') return hasTag ? name.slice(0, colon) : name;
  return hasTag ? name.slice(colon + 1) : image.includes('@') || name === '' ? '' : 'latest';
}

const ofAncestors =
  (read: (thread: Thread) => string | number): ((argument: string | null) => Reader) =>
  (argument) => {
    if (argument === null) return (event) => ancestorsOf(event).map(read) as readonly string[] | readonly number[];
    const level = Number(argument);
    return ofThread((thread, event) => {
      const found = level === 0 ? leaderOf(event, thread) : ancestorsOf(event)[level - 1];
      return found === undefined ? null : read(found);
    });
  };

function ofMount(
  by: 'source' | 'destination',
  read: (mount: RecordedContainer['mounts'][number]) => string,
): (argument: string | null) => Reader | undefined {
  return (argument) => {
    if (argument === null) return undefined;
    return ofContainer(({ mounts }) => {
      const one = mountOf(mounts, argument, by);
      return one === undefined ? null : read(one);
    });
  };
}

/** Newer recorders write it down for the process alone, and not again for each of its threads. */
function environmentOf(event: ScapEvent, thread: Thread): readonly string[] {
  return thread.environment.length > 0 ? thread.environment : leaderOf(event, thread).environment;
}

/** Of a process: its whole environment as one text. */
function environmentText({ environment }: Thread): string {
  return environment.join(' ');
}

const MAKERS: Readonly<Record<string, (argument: string | null) => Reader | undefined>> = {
  'proc.args': (argument) =>
    argument === null ? READERS['proc.args'] : ofThread(({ args }) => args[Number(argument)] ?? ''),
  'proc.aargs': ofAncestors(({ args }) => args.join(' ')),
  'proc.aenv': (argument) => {
    if (argument === null || /^\d+$/.test(argument)) return ofAncestors(environmentText)(argument);
    const start = `${argument}=`;
    return ofThread((_thread, event) => {
      for (const { environment } of ancestorsOf(event)) {
        const found = environment.find((one) => one.startsWith(start));
        if (found !== undefined) return found.slice(start.length);
      }
      return '';
    });
  },
  'proc.aname': ofAncestors(({ comm }) => comm),
  'proc.aexe': ofAncestors(({ exe }) => exe),
  'proc.aexepath': ofAncestors(({ exePath }) => exePath),
  'proc.acmdline': ofAncestors(commandLine),
  'proc.apid': ofAncestors(({ pid }) => pid),
  'proc.env': (argument) => {
    if (argument === null) return READERS['proc.env'];
    const start = `${argument}=`;
    return ofThread((thread, event) => {
      const found = environmentOf(event, thread).find((one) => one.startsWith(start));
      return found?.slice(start.length) ?? '';
    });
  },
  'evt.type.is': (argument) => {
    if (argument === null) return undefined;
    // The first of a name, as in Falco; its end has the next number.
    const first = EVENT_TYPES.findIndex(({ name }) => name === argument);
    return ({ type }) => (String(type.number) === argument || (first >= 0 && type.number >> 1 === first >> 1) ? 1 : 0);
  },
  'evt.around': (argument) => {
    if (argument === null || !/^\d{1,20}$/.test(argument)) return undefined;
    const middle = BigInt(argument);
    return ({ timeNs }) => Math.abs(Number(timeNs - middle)) / 1_000_000;
  },
  'fd.types': (argument) => {
    if (argument !== null) {
      return ofThread(({ fds }, { fd }) => {
        if (fd === null) return null;
        const found = fds.get(Number(argument));
        return found === undefined ? null : [DESCRIPTOR_KINDS[found.kind].type];
      });
    }
    return ofThread(({ fds }, { fd }) =>
      fd === null ? null : [...new Set([...fds.values()].map(({ kind }) => DESCRIPTOR_KINDS[kind].type))],
    );
  },
  'evt.arg': (argument) => (argument === null ? undefined : (event) => event.argument(argument)),
  'evt.rawarg': (argument) => {
    if (argument === null) return undefined;
    const type = rawArgumentType(argument);
    if (type === 'text') return (event) => event.text(argument);
    if (type === 'bytes') return (event) => event.bytes(argument)?.toString('latin1') ?? null;
    return (event) => {
      const value = event.long(argument);
      return value === null ? null : Number(value);
    };
  },
  'thread.cgroup': (argument) => {
    if (argument === null) return undefined;
    const start = `${argument}=`;
    return ofThread(({ cgroups }) => cgroups.find((one) => one.startsWith(start))?.slice(start.length) ?? null);
  },
  'container.label': (argument) =>
    argument === null ? undefined : ofContainer(({ labels }) => labels.get(argument) ?? null),
  'container.mount': ofMount(
    'source',
    (one) => `${one.source}:${one.destination}:${one.mode}:${one.isWritable}:${one.propagation}`,
  ),
  'container.mount.source': ofMount('destination', ({ source }) => source),
  'container.mount.dest': ofMount('source', ({ destination }) => destination),
  'container.mount.mode': ofMount('source', ({ mode }) => mode),
  'container.mount.propagation': ofMount('source', ({ propagation }) => propagation),
  'container.mount.rdwr': ofMount('source', ({ isWritable }) => String(isWritable)),
};

/** The fields of a recording, as the rules' language asks for them. */
export const scapFields = {
  normalize: normalizeField,
  type: (name: string, argument: string | null = null): FieldType | undefined =>
    name === 'evt.rawarg' && argument !== null ? rawArgumentType(argument) : fieldType(name),
  argument: fieldArgument,
  many: manyKind,
  reader: (name: string, argument: string | null): Reader | undefined => {
    const maker = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (maker !== undefined) return maker(argument);
    return argument === null && Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  },
};
