/**
 * The only module that touches `node:ffi` (experimental, so Node is pinned): libbpf, and the few libc calls that the sensor
 * needs and Node does not offer. It is not behind the room's door, because importing it loads FFI; only `observe/` does.
 *
 * Pointers are bigints. Memory of the kernel is wrapped without copying; the wrapper lives as long as the process.
 */

import { DynamicLibrary, dlopen, getInt32, getRawPointer, toString as textAt, toArrayBuffer } from 'node:ffi';
import { closeSync, existsSync, openSync } from 'node:fs';
import { defineFaults } from './fault.ts';

export const nativeFault = defineFaults({
  'native.library-missing': {
    kind: 'needs',
    en: {
      what: 'cannot load the library {library}',
      why: '{reason}',
      remedy: 'install it: apt-get install libbpf1',
    },
    es: {
      what: 'no se puede cargar la biblioteca {library}',
      why: '{reason}',
      remedy: 'instalarla: apt-get install libbpf1',
    },
  },
  'native.call-failed': {
    kind: 'internal',
    en: { what: '{call} failed', why: 'the system answered: {reason}' },
    es: { what: 'falló {call}', why: 'el sistema respondió: {reason}' },
  },
});

const LIBBPF = 'libbpf.so.1';
const PAGE_BYTES = 4096;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC_NONBLOCK = 0o2004000;
const EPOLL_EVENT_BYTES = process.arch === 'x64' ? 12 : 16; // packed on x86-64 only (epoll_ctl(2))
const EPOLL_DATA_OFFSET = process.arch === 'x64' ? 4 : 8;
const EPOLL_EVENTS_MAX = 16;
const LOG_LINE_BYTES = 1024;
const LOG_LINES_KEPT = 200;
const AF_UNIX = 1;
const SOCK_STREAM_CLOEXEC_NONBLOCK = 0o2004001;
const SOCKET_PATH_BYTES_MAX = 107;
// fcntl(2)
const F_SETLEASE = 1024;
const F_RDLCK = 0n;
const F_UNLCK = 2n;
// flock(2)
const LOCK_SH_NB = 1 | 4;
const CLOCK_BOOTTIME = 7;
const CLOCK_MONOTONIC = 1;
// perf_event_open(2) and include/uapi/linux/bpf.h
const PERF_EVENT_OPEN = process.arch === 'arm64' ? 241n : 298n;
const PERF_TYPE_TRACEPOINT = 2;
const PERF_ATTRIBUTE_BYTES = 112;
const PERF_FLAG_FD_CLOEXEC = 8n;
const PERF_EVENT_IOC_ENABLE = 0x2400n;
const BPF_PERF_EVENT = 41;
const KERNEL_TYPES = '/sys/kernel/btf/vmlinux';
const KERNEL_TYPES_TEXT = Buffer.from(`${KERNEL_TYPES}\0`);
/** bpf_object_open_opts up to btf_custom_path, which it ends with (libbpf.h). */
const OPEN_OPTIONS_BYTES = 56;
const OPEN_OPTIONS_TYPES = 48;

function bind() {
  const { functions: libc } = dlopen(null, {
    mmap: { arguments: ['pointer', 'u64', 'i32', 'i32', 'i32', 'i64'], return: 'pointer' },
    munmap: { arguments: ['pointer', 'u64'], return: 'i32' },
    epoll_create1: { arguments: ['i32'], return: 'i32' },
    epoll_ctl: { arguments: ['i32', 'i32', 'i32', 'buffer'], return: 'i32' },
    epoll_wait: { arguments: ['i32', 'buffer', 'i32', 'i32'], return: 'i32' },
    eventfd: { arguments: ['u32', 'i32'], return: 'i32' },
    eventfd_read: { arguments: ['i32', 'buffer'], return: 'i32' },
    eventfd_write: { arguments: ['i32', 'u64'], return: 'i32' },
    clock_gettime: { arguments: ['i32', 'buffer'], return: 'i32' },
    socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
    connect: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
    close: { arguments: ['i32'], return: 'i32' },
    fanotify_init: { arguments: ['u32', 'u32'], return: 'i32' },
    fanotify_mark: { arguments: ['i32', 'u32', 'u64', 'i32', 'string'], return: 'i32' },
    ioctl: { arguments: ['i32', 'u64', 'u64'], return: 'i32' },
    flock: { arguments: ['i32', 'i32'], return: 'i32' },
    fcntl: { arguments: ['i32', 'i32', 'i64'], return: 'i32' },
    syscall: { arguments: ['i64', 'buffer', 'i64', 'i64', 'i64', 'i64'], return: 'i64' },
    strerror: { arguments: ['i32'], return: 'pointer' },
    __errno_location: { arguments: [], return: 'pointer' },
    malloc_trim: { arguments: ['u64'], return: 'i32' },
    vsnprintf: { arguments: ['buffer', 'u64', 'pointer', 'pointer'], return: 'i32' },
  });
  let library: DynamicLibrary;
  try {
    library = new DynamicLibrary(LIBBPF);
  } catch (error) {
    throw nativeFault('native.library-missing', { library: LIBBPF, reason: messageOf(error) }, { cause: error });
  }
  const bpf = library.getFunctions({
    libbpf_set_print: { arguments: ['pointer'], return: 'pointer' },
    bpf_object__open_file: { arguments: ['string', 'buffer'], return: 'pointer' },
    bpf_object__load: { arguments: ['pointer'], return: 'i32' },
    bpf_object__close: { arguments: ['pointer'], return: 'void' },
    bpf_object__next_program: { arguments: ['pointer', 'pointer'], return: 'pointer' },
    bpf_object__find_map_fd_by_name: { arguments: ['pointer', 'string'], return: 'i32' },
    bpf_object__find_map_by_name: { arguments: ['pointer', 'string'], return: 'pointer' },
    bpf_map__set_max_entries: { arguments: ['pointer', 'u32'], return: 'i32' },
    bpf_map__max_entries: { arguments: ['pointer'], return: 'u32' },
    bpf_program__name: { arguments: ['pointer'], return: 'pointer' },
    bpf_program__set_autoload: { arguments: ['pointer', 'bool'], return: 'i32' },
    bpf_program__autoload: { arguments: ['pointer'], return: 'bool' },
    bpf_program__section_name: { arguments: ['pointer'], return: 'pointer' },
    bpf_program__fd: { arguments: ['pointer'], return: 'i32' },
    bpf_raw_tracepoint_open: { arguments: ['pointer', 'i32'], return: 'i32' },
    bpf_link_create: { arguments: ['i32', 'i32', 'i32', 'pointer'], return: 'i32' },
    bpf_obj_pin: { arguments: ['i32', 'string'], return: 'i32' },
    bpf_obj_get: { arguments: ['string'], return: 'i32' },
    bpf_map_get_next_key: { arguments: ['i32', 'buffer', 'buffer'], return: 'i32' },
    bpf_map_lookup_elem: { arguments: ['i32', 'buffer', 'buffer'], return: 'i32' },
    bpf_map_update_elem: { arguments: ['i32', 'buffer', 'buffer', 'u64'], return: 'i32' },
    bpf_map_delete_elem: { arguments: ['i32', 'buffer'], return: 'i32' },
    libbpf_num_possible_cpus: { arguments: [], return: 'i32' },
  });
  return { libc, library, bpf };
}

type Bound = ReturnType<typeof bind>;
let bound: Bound | undefined;

/** Libraries are opened at first use, so that a missing one is a fault of the caller and not of the import. */
function native(): Bound {
  bound ??= bind();
  return bound;
}

/** Gives back to the kernel what the C library has free: reading the kernel's types and compiling leave tens of megabytes. */
export function trimMemory(): void {
  native().libc.malloc_trim(0n);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function lastErrno(): number {
  return getInt32(native().libc.__errno_location());
}

/** The system's words for an errno, in English. */
export function errnoText(errno: number): string {
  return textAt(native().libc.strerror(Math.abs(errno))) ?? `error ${errno}`;
}

function checked(call: string, result: number): number {
  if (result < 0) throw nativeFault('native.call-failed', { call, reason: errnoText(lastErrno()) });
  return result;
}

/** Whether a process holds the file's lock for itself (flock(2)). A file that is not there, or not for us, nobody holds. */
export function isLocked(path: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
  try {
    return native().libc.flock(fd, LOCK_SH_NB) !== 0;
  } finally {
    // The lock goes with the descriptor.
    closeSync(fd);
  }
}

export interface BpfFailure {
  readonly program: string;
  readonly errno: number;
  readonly reason: string;
}

/** A loaded BPF object: its programs and maps, in the kernel until `close` unless something else holds them. */
export class BpfObject {
  readonly #object: bigint;
  /** Programs left out because this kernel refused them. */
  readonly refused: readonly BpfFailure[];

  private constructor(object: bigint, refused: readonly BpfFailure[]) {
    this.#object = object;
    this.refused = refused;
  }

  /**
   * Opens and loads an object file. A program that the kernel refuses is left out and named in `refused`; when the whole load
   * is refused, the answer is the errno and what libbpf said.
   * @param sizes ring or map sizes to set before loading, by map name
   * @param without programs to leave out; they are not in `refused`
   * @param optional names of programs that the kernel may refuse for want of rights, too
   */
  static load(
    path: string,
    sizes: Readonly<Record<string, number>> = {},
    without: readonly string[] = [],
    optional: readonly string[] = [],
  ): BpfObject | { errno: number; log: string } {
    const { bpf } = native();
    const refused: BpfFailure[] = [];
    for (;;) {
      const log = new LibbpfLog();
      try {
        const object = openObject(path);
        if (object === 0n) return { errno: lastErrno(), log: log.text() };
        for (const [name, entries] of Object.entries(sizes)) {
          const map = bpf.bpf_object__find_map_by_name(object, name);
          if (map !== 0n) bpf.bpf_map__set_max_entries(map, entries);
        }
        for (const program of programsOf(object)) {
          const isOut = without.includes(program.name) || refused.some((one) => one.program === program.name);
          if (isOut) bpf.bpf_program__set_autoload(program.pointer, 0);
        }
        const errno = bpf.bpf_object__load(object);
        if (errno === 0) return new BpfObject(object, refused);
        bpf.bpf_object__close(object);
        const culprit = /prog '(\w+)'/.exec(log.lastMatching("': failed to"))?.[1];
        const known = culprit === undefined || refused.some((one) => one.program === culprit);
        // What the kernel itself does not have is looked for in its modules, which takes CAP_SYS_ADMIN: nothing else is amiss.
        const isAbsent = log.lastMatching(`prog '${culprit}': failed to find kernel BTF`) !== '';
        if (known || (errno === -1 && !isAbsent && !optional.includes(culprit)))
          return { errno: -errno, log: log.text() };
        refused.push({ program: culprit, errno: -errno, reason: errnoText(errno) });
      } finally {
        log.stop();
      }
    }
  }

  /** The programs that the kernel took, with the section that says where each hangs. */
  get programs(): { readonly name: string; readonly section: string; readonly fd: number }[] {
    const { bpf } = native();
    return programsOf(this.#object)
      .filter(({ pointer }) => bpf.bpf_program__autoload(pointer))
      .map(({ name, pointer }) => ({
        name,
        section: textAt(bpf.bpf_program__section_name(pointer)) ?? '',
        fd: bpf.bpf_program__fd(pointer),
      }));
  }

  /** The file descriptor and the number of entries (bytes, for a ring) of a map. */
  map(name: string): { fd: number; entries: number } {
    const { bpf } = native();
    const fd = bpf.bpf_object__find_map_fd_by_name(this.#object, name);
    if (fd < 0) throw nativeFault('native.call-failed', { call: `find map ${name}`, reason: errnoText(fd) });
    return { fd, entries: bpf.bpf_map__max_entries(bpf.bpf_object__find_map_by_name(this.#object, name)) };
  }

  close(): void {
    native().bpf.bpf_object__close(this.#object);
  }
}

/**
 * With the kernel's own types named as those to go by (bpf_object_open_opts.btf_custom_path), libbpf does not look for a type
 * that this kernel lacks among those of its modules, which takes CAP_SYS_ADMIN and would refuse the whole object without it.
 */
function openObject(path: string): bigint {
  const options = Buffer.alloc(OPEN_OPTIONS_BYTES);
  options.writeBigUInt64LE(BigInt(OPEN_OPTIONS_BYTES), 0);
  // A kernel without types says so itself when the object is loaded.
  if (existsSync(KERNEL_TYPES)) options.writeBigUInt64LE(getRawPointer(KERNEL_TYPES_TEXT), OPEN_OPTIONS_TYPES);
  return native().bpf.bpf_object__open_file(path, options);
}

/** A descriptor that keeps something in the kernel, or why there is none. */
export type KernelHold = { readonly fd: number } | { readonly errno: number; readonly reason: string };

function holdOf(fd: number): KernelHold {
  if (fd >= 0) return { fd };
  const errno = lastErrno();
  return { errno, reason: errnoText(errno) };
}

/** Hangs a program on the BTF tracepoint that it was loaded for. The link lives as long as a descriptor or a pin holds it. */
export function attachRawTracepoint(program: number): KernelHold {
  return holdOf(native().bpf.bpf_raw_tracepoint_open(0n, program));
}

/**
 * Hangs a program on a tracepoint by its number in tracefs (perf_event_open(2)). The link alone holds the perf event, so that
 * letting a pinned link go does not wait for the kernel to forget the tracepoint, which takes 40 ms and more each.
 */
export function attachTracepoint(program: number, tracepoint: number): KernelHold {
  const { libc, bpf } = native();
  const attributes = Buffer.alloc(PERF_ATTRIBUTE_BYTES);
  attributes.writeUInt32LE(PERF_TYPE_TRACEPOINT, 0);
  attributes.writeUInt32LE(PERF_ATTRIBUTE_BYTES, 4);
  attributes.writeBigUInt64LE(BigInt(tracepoint), 8);
  const event = Number(libc.syscall(PERF_EVENT_OPEN, attributes, -1n, 0n, -1n, PERF_FLAG_FD_CLOEXEC));
  if (event < 0) return holdOf(event);
  const link = holdOf(bpf.bpf_link_create(program, event, BPF_PERF_EVENT, 0n));
  if ('fd' in link && libc.ioctl(event, PERF_EVENT_IOC_ENABLE, 0n) < 0) {
    const failed = holdOf(-1);
    libc.close(link.fd);
    libc.close(event);
    return failed;
  }
  libc.close(event);
  return link;
}

/** Gives a program, map or link a name in a BPF file system, which holds it beyond the end of the process. */
export function pinToFile(fd: number, path: string): string | null {
  return native().bpf.bpf_obj_pin(fd, path) < 0 ? errnoText(lastErrno()) : null;
}

/** What lies under the name in a BPF file system, or null. */
export function openPinned(path: string): number | null {
  const fd = native().bpf.bpf_obj_get(path);
  return fd < 0 ? null : fd;
}

export function closeDescriptor(fd: number): void {
  native().libc.close(fd);
}

/** All keys of a map, of so many bytes each; what changes meanwhile may be missed. */
export function mapKeys(fd: number, keyBytes: number, max: number): Buffer[] {
  const { bpf } = native();
  const keys: Buffer[] = [];
  let last = Buffer.alloc(keyBytes, 0xff); // no such key: the first one follows
  while (keys.length < max) {
    const next = Buffer.alloc(keyBytes);
    if (bpf.bpf_map_get_next_key(fd, last, next) !== 0) break;
    keys.push(next);
    last = next;
  }
  return keys;
}

function programsOf(object: bigint): { name: string; pointer: bigint }[] {
  const { bpf } = native();
  const programs: { name: string; pointer: bigint }[] = [];
  let pointer = 0n;
  for (;;) {
    pointer = bpf.bpf_object__next_program(object, pointer);
    if (pointer === 0n) return programs;
    programs.push({ name: textAt(bpf.bpf_program__name(pointer)) ?? '', pointer });
  }
}

/** Collects what libbpf says while it loads. Its print hook takes a va_list, which only C can read: vsnprintf does. */
class LibbpfLog {
  readonly #lines: string[] = [];
  readonly #callback: bigint;

  constructor() {
    const { libc, library, bpf } = native();
    const line = Buffer.alloc(LOG_LINE_BYTES);
    this.#callback = library.registerCallback(
      { arguments: ['i32', 'pointer', 'pointer'], return: 'i32' },
      (level, format, values) => {
        if (level > 1) return 0; // debug and information
        const written = libc.vsnprintf(line, BigInt(LOG_LINE_BYTES), format, values);
        const end = Math.min(Math.max(written, 0), LOG_LINE_BYTES - 1);
        this.#lines.push(line.toString('utf8', 0, end).trimEnd());
        if (this.#lines.length > LOG_LINES_KEPT) this.#lines.shift();
        return 0;
      },
    );
    bpf.libbpf_set_print(this.#callback);
  }

  /** The last line that has the words, without libbpf's prefix. */
  lastMatching(words: string): string {
    return (this.#lines.findLast((line) => line.includes(words)) ?? '').replace(/^libbpf: /, '');
  }

  text(): string {
    return this.#lines.join('\n');
  }

  stop(): void {
    const { library, bpf } = native();
    bpf.libbpf_set_print(0n);
    library.unregisterCallback(this.#callback);
  }
}

/** Reads one entry into `value`; false when there is none. */
export function readMapEntry(fd: number, key: Uint8Array, value: Uint8Array): boolean {
  return native().bpf.bpf_map_lookup_elem(fd, key, value) === 0;
}

/** Writes one entry; false when the map is full or gone. */
export function writeMapEntry(fd: number, key: Uint8Array, value: Uint8Array): boolean {
  return native().bpf.bpf_map_update_elem(fd, key, value, 0n) === 0;
}

export function deleteMapEntry(fd: number, key: Uint8Array): boolean {
  return native().bpf.bpf_map_delete_elem(fd, key) === 0;
}

/** How many values a per-CPU map holds for one key. */
export function possibleCpus(): number {
  return native().bpf.libbpf_num_possible_cpus();
}

/** A BPF ring buffer as the kernel shares it (kernel/bpf/ringbuf.c): two position pages and the data, mapped twice in a row. */
export interface RingMemory {
  readonly consumer: BigUint64Array;
  readonly producer: BigUint64Array;
  readonly data: ArrayBuffer;
  readonly sizeBytes: number;
}

/** Maps a ring without copying. The data is mapped twice, so a record that wraps reads on in one piece. */
export function mapRing(fd: number, sizeBytes: number): RingMemory {
  const { libc } = native();
  const map = (length: number, protection: number, offset: number): bigint => {
    const at = libc.mmap(0n, BigInt(length), protection, MAP_SHARED, fd, BigInt(offset));
    if (BigInt.asIntN(64, at) === -1n) {
      throw nativeFault('native.call-failed', { call: 'mmap of a ring buffer', reason: errnoText(lastErrno()) });
    }
    return at;
  };
  const consumer = map(PAGE_BYTES, PROT_READ | PROT_WRITE, 0);
  const rest = map(PAGE_BYTES + 2 * sizeBytes, PROT_READ, PAGE_BYTES);
  return {
    consumer: new BigUint64Array(toArrayBuffer(consumer, PAGE_BYTES, false), 0, 1),
    producer: new BigUint64Array(toArrayBuffer(rest, PAGE_BYTES, false), 0, 1),
    data: toArrayBuffer(rest + BigInt(PAGE_BYTES), 2 * sizeBytes, false),
    sizeBytes,
  };
}

/** Waits for file descriptors, blocking the thread. */
export class Poller {
  readonly #fd: number;
  readonly #events = Buffer.alloc(EPOLL_EVENT_BYTES * EPOLL_EVENTS_MAX);

  constructor() {
    this.#fd = checked('epoll_create1', native().libc.epoll_create1(EPOLL_CLOEXEC));
  }

  add(fd: number): void {
    const event = Buffer.alloc(EPOLL_EVENT_BYTES);
    event.writeUInt32LE(EPOLLIN, 0);
    event.writeInt32LE(fd, EPOLL_DATA_OFFSET);
    checked('epoll_ctl', native().libc.epoll_ctl(this.#fd, EPOLL_CTL_ADD, fd, event));
  }

  /** Blocks until one is readable or the time is over; answers how many are. A signal counts as the time being over. */
  wait(timeoutMs: number): number {
    return Math.max(0, native().libc.epoll_wait(this.#fd, this.#events, EPOLL_EVENTS_MAX, timeoutMs));
  }

  close(): void {
    native().libc.close(this.#fd);
  }
}

/** An eventfd: one thread rings, another, blocked in a `Poller`, wakes. `fd` may be handed to another thread. */
export class Doorbell {
  readonly fd: number;
  readonly #value = Buffer.alloc(8);

  constructor(fd?: number) {
    this.fd = fd ?? checked('eventfd', native().libc.eventfd(0, EFD_CLOEXEC_NONBLOCK));
  }

  ring(): void {
    native().libc.eventfd_write(this.fd, 1n);
  }

  clear(): void {
    native().libc.eventfd_read(this.fd, this.#value);
  }
}

/**
 * Connects to a Unix socket for a thread whose event loop does not run; written to by `fs.writeSync`, never waiting.
 * @returns the descriptor, or null when nobody listens there or its queue is full
 */
export function connectUnix(path: string): number | null {
  const name = Buffer.from(path);
  if (name.length > SOCKET_PATH_BYTES_MAX) return null;
  const { libc } = native();
  const fd = checked('socket', libc.socket(AF_UNIX, SOCK_STREAM_CLOEXEC_NONBLOCK, 0));
  // sockaddr_un, unix(7): the family in two bytes, then the path with a zero byte.
  const address = Buffer.alloc(2 + name.length + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  if (libc.connect(fd, address, address.length) === 0) return fd;
  libc.close(fd);
  return null;
}

/** Nanoseconds of the kernel's clocks: `monotonic` stamps records, `boot` stamps the start of processes. */
export function kernelClocks(): { monotonicNs: number; bootNs: number } {
  const read = (clock: number): number => {
    const time = Buffer.alloc(16);
    checked('clock_gettime', native().libc.clock_gettime(clock, time));
    return Number(time.readBigInt64LE(0)) * 1e9 + Number(time.readBigInt64LE(8));
  };
  return { monotonicNs: read(CLOCK_MONOTONIC), bootNs: read(CLOCK_BOOTTIME) };
}

/**
 * Takes a lease on what is open to be read: whoever opens it to write waits until it is let go. Takes CAP_LEASE, and a handler for SIGIO.
 *
 * @returns false when somebody has it open to write, or the file system knows no leases
 */
export function holdAgainstWriters(fd: number): boolean {
  return native().libc.fcntl(fd, F_SETLEASE, F_RDLCK) === 0;
}

export function letWritersGo(fd: number): void {
  native().libc.fcntl(fd, F_SETLEASE, F_UNLCK);
}

const FAN_CLOEXEC_NONBLOCK = 0x3;
const FAN_CLASS_CONTENT = 0x4;
const FAN_UNLIMITED = 0x30; // queue and marks
/** Without O_NONBLOCK who asks would wait for a writer where a container opens a FIFO, and everybody behind it too. */
const O_RDONLY_LARGEFILE_CLOEXEC_NONBLOCK = 0o2104000;
const AT_FDCWD = -100;

/** What an open is asked about (fanotify_mark(2)): a program that is to be started, any file that is to be opened. */
export const FANOTIFY = {
  openPerm: 0x1_0000,
  openExecPerm: 0x4_0000,
  open: 0x20,
  openExec: 0x1000,
  closeWrite: 0x8,
} as const;
const FAN_MARK = { add: 0x1, remove: 0x2, mount: 0x10, filesystem: 0x100 } as const;

/** A group that the kernel asks before files are opened; closing it lets everything go that waits. */
export function openFanotify(): KernelHold {
  const flags = FAN_CLOEXEC_NONBLOCK | FAN_CLASS_CONTENT | FAN_UNLIMITED;
  return holdOf(native().libc.fanotify_init(flags, O_RDONLY_LARGEFILE_CLOEXEC_NONBLOCK));
}

/** A group that is told of what was opened, and holds nobody up; beyond 16,384 events unread it says that some were lost. */
export function openFanotifyNotices(): KernelHold {
  return holdOf(native().libc.fanotify_init(FAN_CLOEXEC_NONBLOCK, O_RDONLY_LARGEFILE_CLOEXEC_NONBLOCK));
}

/**
 * Has the group asked, or asked no more, about a mount or the whole file system that a path lies on.
 * @returns null, or the system's words
 */
export function markFanotify(
  group: number,
  change: 'add' | 'remove',
  scope: 'mount' | 'filesystem',
  mask: number,
  path: string,
): string | null {
  const { libc } = native();
  const done = libc.fanotify_mark(group, FAN_MARK[change] | FAN_MARK[scope], BigInt(mask), AT_FDCWD, path);
  return done === 0 ? null : errnoText(lastErrno());
}

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC_NONBLOCK = 0o2004003;
const NETLINK_ADDRESS_BYTES = 12;

/** A socket to a part of the kernel (netlink(7)), which does not wait. @param groups whose messages to all it hears, as bits */
export function openNetlink(family: number, groups: number): KernelHold {
  const { libc } = native();
  const held = holdOf(libc.socket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, family));
  if (!('fd' in held)) return held;
  const address = Buffer.alloc(NETLINK_ADDRESS_BYTES);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(groups, 8);
  if (libc.bind(held.fd, address, NETLINK_ADDRESS_BYTES) === 0) return held;
  const failed = holdOf(-1);
  libc.close(held.fd);
  return failed;
}

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 0o2000003;
/** ETH_P_ALL, in the order of the network (packet(7)). */
const ALL_PROTOCOLS = 0x0300;

/** A socket that reads every packet of the network namespace that the process is in. */
export function openPacketSocket(): KernelHold {
  return holdOf(native().libc.socket(AF_PACKET, SOCK_RAW_CLOEXEC, ALL_PROTOCOLS));
}
