import { basename, dirname } from 'node:path/posix';
import { type FieldType, fieldArgument, fieldType, normalizeField } from '../field-types.ts';
import { type FieldValue, isManyValued } from '../fields.ts';
import { capabilityNames, resultName } from '../kernel-words.ts';
import { folderOf, resolvePath, type ScapEvent } from './event.ts';
import { CATEGORY_OF_CALL } from './event-types.ts';
import { DESCRIPTOR_KINDS, type Descriptor, type Endpoint, type RecordedContainer, type Thread } from './state.ts';

type Reader = (event: ScapEvent) => FieldValue;

const ANCESTORS_MAX = 64;
const NO_ID = 0xffffffff;
const NOT_SAID = -1;
/** The recorder's own numbers for the ways to open a file. */
const OPEN = { read: 1, write: 2, create: 4 } as const;
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

const ofThread =
  (read: (thread: Thread, event: ScapEvent) => FieldValue): Reader =>
  (event) =>
    event.thread === null ? null : read(event.thread, event);

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
  return fd !== null && type.usesFd && type.isExit ? '' : null;
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

const bothEnds = (part: keyof Endpoint): Reader =>
  ofDescriptor(({ client, server }) => {
    const found = [client, server].flatMap((one) => one?.[part] ?? []);
    return found.length === 0 ? null : (found as readonly string[] | readonly number[]);
  });

function openBits(event: ScapEvent): number | null {
  if (!OPENS.has(event.type.name) || !event.type.isExit) return null;
  return event.type.name === 'creat' ? OPEN.write | OPEN.create : event.integer('flags');
}

const opensWith =
  (bit: number): Reader =>
  (event) => {
    const bits = openBits(event);
    return bits !== null && (bits & bit) !== 0;
  };

/** The path a call is about, also when it failed or names no descriptor. */
function pathOf(event: ScapEvent, raw: boolean): string | null {
  for (const name of ['path', 'name', 'pathname', 'newpath', 'target', 'dir', 'filename', 'special']) {
    const parameter = event.type.parameters.find((one) => one.name === name);
    if (parameter === undefined) continue;
    const text = event.text(name);
    if (text === null || text === '') continue;
    if (raw) return text;
    if (parameter.type === 'relpath' && parameter.folder !== null) {
      const folder = event.type.parameters[parameter.folder];
      return resolvePath(folderOf(event.thread, folder ? event.integer(folder.name) : null), text);
    }
    return resolvePath(event.thread?.cwd ?? '', text);
  }
  return null;
}

function argumentsText({ type, arguments: list }: ScapEvent): string {
  // What the generic event has beside its name are numbers of the recorder.
  return type.number <= 1 ? '' : list.map(({ name, text }) => `${name}=${text} `).join('');
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
  'evt.category': ({ type, name, descriptor }) => {
    if (type.number <= 1) return CATEGORY_OF_CALL.get(name) ?? type.category;
    if (type.category !== 'read' && type.category !== 'write' && type.category !== 'io') return type.category;
    return descriptor === null ? 'unknown' : (CATEGORY_OF_KIND[descriptor.kind] ?? 'unknown');
  },
  'evt.rawtime': ({ timeNs }) => Number(timeNs),
  'evt.rawtime.s': ({ timeNs }) => Number(timeNs / 1_000_000_000n),
  'evt.rawtime.ns': ({ timeNs }) => Number(timeNs % 1_000_000_000n),
  'evt.time': ({ timeText }) => timeText.slice(11, -1),
  'evt.time.iso8601': ({ timeText }) => timeText.replace('Z', '+0000'),
  'evt.datetime': ({ timeText }) => timeText.replace('T', ' ').slice(0, -1),
  'evt.res': ({ result }) => (result === null ? null : resultName(result)),
  'evt.rawres': ({ result }) => result,
  'evt.failed': ({ result }) => result !== null && result < 0,
  'evt.is_io': ({ type }) => type.reads || type.writes,
  'evt.is_io_read': ({ type }) => type.reads,
  'evt.is_io_write': ({ type }) => type.writes,
  'evt.is_wait': ({ type }) => type.waits,
  'evt.is_async': () => false,
  'evt.is_syslog': (event) =>
    event.type.writes && event.descriptor?.kind === 'unix' && event.descriptor.name.includes('/dev/log'),
  'evt.is_open_read': opensWith(OPEN.read),
  'evt.is_open_write': opensWith(OPEN.write),
  'evt.is_open_create': opensWith(OPEN.create),
  'evt.args': argumentsText,
  'evt.info': argumentsText,
  'evt.buffer': (event) => event.bytes('data')?.toString('latin1') ?? null,
  'evt.buflen': (event) => event.bytes('data')?.length ?? null,
  'proc.pid': ofThread(({ pid }) => pid),
  'proc.ppid': ofThread((thread, event) => leaderOf(event, thread).parent),
  'proc.vpid': ofThread(({ innerPid }) => (innerPid === NOT_SAID ? null : innerPid)),
  'proc.sid': ofThread(({ session }) => session),
  'proc.pgid': ofThread(({ group }) => group),
  'proc.vpgid': ofThread(({ group }) => group),
  'proc.tty': ofThread(({ tty }) => tty),
  'proc.name': ofThread(({ comm }) => comm),
  'proc.exe': ofThread(({ exe }) => exe),
  'proc.exepath': ofThread((thread, event) => known(thread.exePath) ?? leaderOf(event, thread).exePath),
  'proc.args': ofThread(({ args }) => args.join(' ')),
  'proc.cmdline': ofThread(commandLine),
  'proc.exeline': ofThread(({ exe, args }) => [exe, ...args].join(' ')),
  'proc.cmdnargs': ofThread(({ args }) => args.length),
  'proc.cmdlenargs': ofThread(({ args }) => args.reduce((sum, one) => sum + one.length, 0)),
  'proc.env': ofThread(({ environment }) => environment.join(' ')),
  'proc.cwd': ofThread((thread, event) => leaderOf(event, thread).cwd),
  'proc.pname': ofParent(({ comm }) => comm),
  'proc.pexe': ofParent(({ exe }) => exe),
  'proc.pexepath': ofParent(({ exePath }) => exePath),
  'proc.pcmdline': ofParent(commandLine),
  'proc.sname': ofThread((thread, event) => sessionLeader(event, thread).comm),
  'proc.sid.exe': ofThread((thread, event) => sessionLeader(event, thread).exe),
  'proc.sid.exepath': ofThread((thread, event) => known(sessionLeader(event, thread).exePath)),
  'proc.loginshellid': ofThread((thread, event) => {
    const shells = [leaderOf(event, thread), ...ancestorsOf(event)].filter(isShell);
    return shells.at(-1)?.pid ?? null;
  }),
  'proc.duration': ofThread(({ startedNs }, { timeNs }) => (startedNs === 0n ? null : Number(timeNs - startedNs))),
  'proc.pid.ts': ofThread(({ startedNs }) => (startedNs === 0n ? null : Number(startedNs))),
  'proc.fdopencount': ofThread((thread, event) => leaderOf(event, thread).fds.size),
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
  'proc.exe_ino': ofThread(({ exeInode }) => exeInode),
  'proc.exe_ino.ctime': ofThread(({ exeChangedNs }) => Number(exeChangedNs)),
  'proc.exe_ino.mtime': ofThread(({ exeModifiedNs }) => Number(exeModifiedNs)),
  'thread.tid': ({ tid }) => tid,
  'thread.vtid': ofThread(({ innerTid }) => (innerTid === NOT_SAID ? null : innerTid)),
  'thread.ismain': ofThread(({ tid, pid }) => tid === pid),
  'thread.cap_permitted': ofThread(({ capabilities }) => capabilityNames(capabilities.permitted)),
  'thread.cap_effective': ofThread(({ capabilities }) => capabilityNames(capabilities.effective)),
  'thread.cap_inheritable': ofThread(({ capabilities }) => capabilityNames(capabilities.inheritable)),
  'thread.cgroups': ofThread(({ cgroups }) => cgroups.join(' ')),
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
  'fd.nameraw': ofDescriptor(({ rawName }) => rawName),
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
  'fd.ino': ofDescriptor(({ inode }) => inode),
  'fd.openflags': ofDescriptor(({ openFlags }) => openFlags),
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
  'fd.ip': bothEnds('address'),
  'fd.net': bothEnds('address'),
  'fd.port': bothEnds('port'),
  'fs.path.name': (event) => pathOf(event, false),
  'fs.path.nameraw': (event) => pathOf(event, true),
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
      const found = level === 0 ? thread : ancestorsOf(event)[level - 1];
      return found === undefined ? null : read(found);
    });
  };

function mountOf(container: RecordedContainer, argument: string) {
  if (/^\d+$/.test(argument)) return container.mounts[Number(argument)];
  return container.mounts.find(({ destination }) => destination === argument);
}

const MAKERS: Readonly<Record<string, (argument: string | null) => Reader | undefined>> = {
  'proc.aname': ofAncestors(({ comm }) => comm),
  'proc.aexe': ofAncestors(({ exe }) => exe),
  'proc.aexepath': ofAncestors(({ exePath }) => exePath),
  'proc.acmdline': ofAncestors(commandLine),
  'proc.apid': ofAncestors(({ pid }) => pid),
  'proc.env': (argument) => {
    if (argument === null) return READERS['proc.env'];
    const start = `${argument}=`;
    return ofThread(({ environment }) => {
      const found = environment.find((one) => one.startsWith(start));
      return found === undefined ? null : found.slice(start.length);
    });
  },
  'evt.arg': (argument) => (argument === null ? undefined : (event) => event.argument(argument)),
  'evt.rawarg': (argument) => {
    if (argument === null) return undefined;
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
  'container.mount': (argument) =>
    argument === null
      ? undefined
      : ofContainer((container) => {
          const one = mountOf(container, argument);
          return one === undefined
            ? null
            : `${one.source}:${one.destination}:${one.mode}:${one.isWritable}:${one.propagation}`;
        }),
  'container.mount.source': (argument) =>
    argument === null ? undefined : ofContainer((container) => mountOf(container, argument)?.source ?? null),
  'container.mount.dest': (argument) =>
    argument === null ? undefined : ofContainer((container) => mountOf(container, argument)?.destination ?? null),
  'container.mount.mode': (argument) =>
    argument === null ? undefined : ofContainer((container) => mountOf(container, argument)?.mode ?? null),
  'container.mount.rdwr': (argument) =>
    argument === null
      ? undefined
      : ofContainer((container) => {
          const one = mountOf(container, argument);
          return one === undefined ? null : String(one.isWritable);
        }),
};

/** The fields of a recording, as the rules' language asks for them. */
export const scapFields = {
  normalize: normalizeField,
  type: (name: string): FieldType | undefined => fieldType(name),
  argument: fieldArgument,
  isMany: isManyValued,
  reader: (name: string, argument: string | null): Reader | undefined => {
    const maker = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (maker !== undefined) return maker(argument);
    return argument === null && Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  },
};
