import { ByteReader } from './bytes.ts';
import { addressText, joinEnds } from './sockets.ts';
import {
  asFolder,
  containerOfCgroups,
  type Descriptor,
  type DescriptorKind,
  newDescriptor,
  newThread,
  type RecordedUser,
  type Thread,
} from './state.ts';

/** Descriptor kinds by their number in the file (libscap, scap.h). */
const FILE_V2 = 16;
const KINDS: readonly (DescriptorKind | null)[] = [
  null,
  'file',
  'directory',
  'ipv4',
  'ipv6',
  'ipv4',
  'ipv6',
  'fifo',
  'unix',
  'event',
  'other',
  'signal',
  'poll',
  'inotify',
  'timer',
  'netlink',
  'file',
  'bpf',
  'userfault',
  'ring',
  'memory',
  'process',
];
const NUMBER = { ipv4: 3, ipv6: 4, ipv4Server: 5, ipv6Server: 6, unix: 8 } as const;
const PROTOCOLS: readonly (string | null)[] = [null, null, 'tcp', 'udp', 'icmp', 'raw'];

/** @param version of the process list block, from 1 */
export function* readProcesses(body: Buffer, version: number): Generator<Thread> {
  const reader = new ByteReader(body);
  while (reader.left >= 4) {
    // From the ninth version on a process says how long it is; newer recorders only add to its end.
    if (version >= 9) yield readProcess(reader.part(reader.u32() - 4), version);
    else if (reader.left >= 24) yield readProcess(reader, version);
    else return;
  }
}

function readProcess(reader: ByteReader, version: number): Thread {
  const tid = reader.i64();
  const thread = newThread(tid, reader.i64());
  thread.parent = reader.i64();
  if (version >= 6) thread.session = reader.i64();
  if (version >= 8) thread.group = reader.i64();
  thread.comm = reader.text();
  thread.exe = reader.text();
  thread.exePath = version >= 7 ? reader.text() : '';
  thread.args = reader.texts();
  thread.cwd = asFolder(reader.text());
  thread.fdLimit = reader.i64();
  reader.u32(); // flags of clone
  thread.uid = reader.u32();
  thread.gid = reader.u32();
  if (version >= 2) {
    const [size, resident, swapped] = [reader.u32(), reader.u32(), reader.u32()];
    thread.memory = { size, resident, swapped, majorFaults: reader.i64(), minorFaults: reader.i64() };
  }
  if (version >= 3) thread.environment = reader.texts().filter((one) => one !== '');
  if (version >= 4) {
    thread.innerTid = reader.i64();
    thread.innerPid = reader.i64();
    thread.cgroups = reader.texts();
    thread.containerId = containerOfCgroups(thread.cgroups)?.id ?? '';
  }
  if (version >= 5) reader.text(); // the root folder
  if (version >= 9) readLater(reader, thread);
  return thread;
}

/** What recorders of before 0.10 write behind the root folder. Those since put two more before it, in the middle of the entry. */
const BEFORE_0_10_BYTES = 29;
const EXE = { writable: 1, upperLayer: 2, memfd: 4, lowerLayer: 8 } as const;

/** What newer recorders added to the end of an entry, each as far as it goes. */
function readLater(reader: ByteReader, thread: Thread): void {
  if (reader.left > BEFORE_0_10_BYTES) {
    if (reader.left >= 8) thread.namespaceStartedNs = reader.u64();
    if (reader.left >= 4) thread.tty = reader.u32();
  }
  const flag = (bit: number): void => {
    if (reader.left >= 1 && reader.u8() !== 0) thread.exeFlags |= bit;
  };
  if (reader.left >= 4) thread.loginUid = reader.u32();
  flag(EXE.writable);
  if (reader.left >= 24) {
    thread.capabilities = { inheritable: reader.u64(), permitted: reader.u64(), effective: reader.u64() };
  }
  flag(EXE.upperLayer);
  if (reader.left >= 24) {
    thread.exeInode = reader.i64();
    thread.exeChangedNs = reader.u64();
    thread.exeModifiedNs = reader.u64();
  }
  flag(EXE.memfd);
  flag(EXE.lowerLayer);
  if (reader.left >= 8) thread.hostGroup = reader.i64();
}

/** The descriptors of one process. */
export function readDescriptors(body: Buffer, hasLengths: boolean): { tid: number; fds: Map<number, Descriptor> } {
  const reader = new ByteReader(body);
  const tid = reader.i64();
  const fds = new Map<number, Descriptor>();
  while (reader.left >= (hasLengths ? 21 : 17)) {
    const one = hasLengths ? reader.part(reader.u32() - 4) : reader;
    const number = one.i64();
    const descriptor = readDescriptor(one, hasLengths);
    if (descriptor) fds.set(number, descriptor);
  }
  for (const descriptor of fds.values()) guessRole(descriptor, fds);
  return { tid, fds };
}

/** A connection belongs to a server when the process listens on its own port, or its own port is the lower one. */
function guessRole(descriptor: Descriptor, fds: ReadonlyMap<number, Descriptor>): void {
  const { client: own, server: other } = descriptor;
  if (own === null || other === null) return;
  const listens = [...fds.values()].some((one) => one.isServer && one.client === null && one.server?.port === own.port);
  if (!listens && own.port >= other.port) return;
  descriptor.isServer = true;
  descriptor.client = other;
  descriptor.server = own;
  descriptor.name = joinEnds(other, own);
  descriptor.rawName = descriptor.name;
}

function readDescriptor(reader: ByteReader, hasLength: boolean): Descriptor | null {
  const inode = reader.i64();
  const number = reader.u8();
  const kind = KINDS[number] ?? (number === 0 ? null : 'other');
  if (kind === null) return null;
  const descriptor = newDescriptor(kind);
  descriptor.inode = inode;
  switch (number) {
    case NUMBER.ipv4:
    case NUMBER.ipv6: {
      const size = number === NUMBER.ipv4 ? 4 : 16;
      // The machine's own end stands first; who listens is told when all descriptors are there.
      const [own, other] = [addressText(reader.bytes(size)), addressText(reader.bytes(size))];
      descriptor.client = { address: own, port: reader.u16() };
      descriptor.server = { address: other, port: reader.u16() };
      descriptor.protocol = PROTOCOLS[reader.u8()] ?? null;
      descriptor.name = joinEnds(descriptor.client, descriptor.server);
      descriptor.isConnected = true;
      break;
    }
    case NUMBER.ipv4Server:
    case NUMBER.ipv6Server: {
      const address = addressText(reader.bytes(number === NUMBER.ipv4Server ? 4 : 16));
      descriptor.server = { address, port: reader.u16() };
      descriptor.protocol = PROTOCOLS[reader.u8()] ?? null;
      descriptor.name = `${address}:${descriptor.server.port}`;
      descriptor.isServer = true;
      break;
    }
    case NUMBER.unix:
      reader.bytes(16); // addresses of kernel structures
      descriptor.name = reader.text().trimEnd();
      break;
    case FILE_V2:
      descriptor.openFlags = reader.u32();
      descriptor.name = reader.text();
      if (hasLength && reader.left >= 4) descriptor.device = reader.u32();
      break;
    default:
      descriptor.name = reader.text();
  }
  descriptor.rawName = descriptor.name;
  return descriptor;
}

const HOST_NAME_BYTES = 128;

export interface RecordedMachine {
  readonly hostname: string;
  /** When it booted; zero where the recorder did not say it. */
  readonly bootedNs: bigint;
}

export function readMachine(body: Buffer): RecordedMachine {
  const reader = new ByteReader(body);
  reader.bytes(20); // processors, memory, largest process number
  const name = reader.bytes(HOST_NAME_BYTES).toString('utf8');
  return { hostname: name.split('\0', 1)[0] ?? '', bootedNs: reader.left >= 8 ? reader.u64() : 0n };
}

export interface RecordedUsers {
  readonly users: Map<number, RecordedUser>;
  readonly groups: Map<number, string>;
}

export function readUsers(body: Buffer, hasLengths: boolean): RecordedUsers {
  const reader = new ByteReader(body);
  const users = new Map<number, RecordedUser>();
  const groups = new Map<number, string>();
  while (reader.left >= 7) {
    const one = hasLengths ? reader.part(reader.u32() - 4) : reader;
    if (one.u8() === 0) {
      const uid = one.u32();
      one.u32();
      users.set(uid, { name: one.text(), home: one.text(), shell: one.text() });
    } else {
      const gid = one.u32();
      groups.set(gid, one.text());
    }
  }
  return { users, groups };
}

/** Addresses of the machine itself. The kinds of an entry: IPv4 and IPv6, each with the speed of the link or without. */
export function* readInterfaces(body: Buffer, hasLengths: boolean): Generator<string> {
  const reader = new ByteReader(body);
  while (reader.left >= (hasLengths ? 8 : 4)) {
    const entry = hasLengths ? reader.part(reader.u32()) : reader;
    const kind = entry.u16();
    const nameLength = entry.u16();
    if (kind < 1 || kind > 4) return;
    const size = kind === 1 || kind === 3 ? 4 : 16;
    yield addressText(entry.bytes(size));
    const rest = 2 * size + (kind <= 2 ? 8 : 0) + nameLength;
    if (entry.left < rest) return;
    entry.bytes(rest);
  }
}
