/**
 * The calls that one BPF program records by a table (src/observe/bpf/call.h): which of their arguments are names, folders,
 * descriptors or addresses, and what Falco calls them. The numbers are those of the kernel's system call tables.
 */
import {
  BPF_COMMANDS,
  CLONE_FLAGS,
  FAMILIES,
  KEYCTL_OPERATIONS,
  MODE_BITS,
  MOUNT_FLAGS,
  PTRACE_REQUESTS,
  RENAME_FLAGS,
  SIGNALS,
  TREE_FLAGS,
  type WordTable,
} from './call-words.ts';

/** Where an argument's value stands in a record, and how it reads. */
export type CallArgument =
  | { readonly from: 'argument'; readonly place: number; readonly as: 'decimal' | 'hexadecimal' | 'descriptor' }
  | { readonly from: 'argument'; readonly place: number; readonly as: WordTable }
  /** A name of the call, made whole from the folder it is relative to. */
  | { readonly from: 'path'; readonly which: 0 | 1 }
  /** The same as it was given: what is asked for by another name may be no path at all. */
  | { readonly from: 'given'; readonly which: 0 | 1 }
  /** A name that is none of a file. */
  | { readonly from: 'name'; readonly which: 0 | 1 }
  /** The file behind the descriptor. */
  | { readonly from: 'file' }
  /** What a socket is bound to; where that failed, what was asked for. */
  | { readonly from: 'bound' }
  | { readonly from: 'result' };

/** A name: the place of the argument with its folder's descriptor, or 'cwd', and the place of the name itself. */
export type CallName = readonly [folder: number | 'cwd', name: number];

/** As call-table.h has them. */
const CONTENT = { plain: 1, parts: 2, message: 3, messages: 4 } as const;

export interface CallDefinition {
  /** Falco's name of the event. */
  readonly name: string;
  readonly number: { readonly x64?: number; readonly arm64?: number };
  readonly category: 'file' | 'net' | 'process' | 'user' | 'memory' | 'IPC' | 'signal' | 'system';
  readonly names?: readonly CallName[];
  /** The argument with the descriptor that the call is about, or that it answers one. */
  readonly file?: number | 'result';
  /** The argument with a socket address, the next one holding its length; or with a `struct msghdr`. */
  readonly address?: {
    readonly place: number;
    readonly isMessage?: boolean;
    readonly isAnswer?: boolean;
    /** The call is told as well where the address is of another family or none. */
    readonly mayLack?: boolean;
  };
  /** Only of files by which the kernel is controlled: of /proc, /sys and control groups. */
  readonly onlyControl?: boolean;
  /** Failures say nothing. */
  readonly onlyDone?: boolean;
  /** Of a file by its name, whose kind the change itself tells. */
  readonly changesMode?: boolean;
  /** As frequent as opens. */
  readonly floods?: boolean;
  /** The argument with the bytes that it moves, and which way: told only while a rule asks for them. */
  readonly content?: { readonly place: number; readonly as: keyof typeof CONTENT; readonly way: 'read' | 'write' };
  /** Everybody reads all the time: recorded only while a rule asks for the bytes. */
  readonly onlyContent?: boolean;
  /** By Falco's names; `res` is there for all. */
  readonly arguments: Readonly<Record<string, CallArgument>>;
}

const decimal = (place: number): CallArgument => ({ from: 'argument', place, as: 'decimal' });
const hexadecimal = (place: number): CallArgument => ({ from: 'argument', place, as: 'hexadecimal' });
const descriptor = (place: number): CallArgument => ({ from: 'argument', place, as: 'descriptor' });
const words = (place: number, as: WordTable): CallArgument => ({ from: 'argument', place, as });
const path = (which: 0 | 1 = 0): CallArgument => ({ from: 'path', which });

const rename = (
  name: string,
  x64: number | null,
  arm64: number | null,
  names: readonly CallName[],
  more = {},
): CallDefinition => ({
  name,
  number: numbers(x64, arm64),
  category: 'file',
  names,
  floods: true,
  arguments: { oldpath: path(0), newpath: path(1), ...more },
});
const onPath = (
  name: string,
  x64: number | null,
  arm64: number | null,
  names: readonly CallName[],
  args: Readonly<Record<string, CallArgument>>,
  more: Partial<CallDefinition> = {},
): CallDefinition => ({
  name,
  number: numbers(x64, arm64),
  category: 'file',
  names,
  floods: true,
  arguments: args,
  ...more,
});
const plain = (
  name: string,
  x64: number | null,
  arm64: number | null,
  category: CallDefinition['category'],
  args: Readonly<Record<string, CallArgument>>,
  more: Partial<CallDefinition> = {},
): CallDefinition => ({ name, number: numbers(x64, arm64), category, arguments: args, ...more });

function numbers(x64: number | null, arm64: number | null): CallDefinition['number'] {
  return { ...(x64 === null ? {} : { x64 }), ...(arm64 === null ? {} : { arm64 }) };
}

const ONE_NAME = { names: [[0, 1]] } as const;
const TWO_NAMES = {
  names: [
    [0, 1],
    [2, 3],
  ],
} as const;

/** In the order of their record types, which begin with `FIRST_CALL`. New ones are added at the end. */
export const CALLS: readonly CallDefinition[] = [
  rename('rename', 82, null, [
    ['cwd', 0],
    ['cwd', 1],
  ]),
  rename('renameat', 264, 38, [
    [0, 1],
    [2, 3],
  ]),
  rename(
    'renameat2',
    316,
    276,
    [
      [0, 1],
      [2, 3],
    ],
    { flags: words(4, RENAME_FLAGS) },
  ),
  rename('link', 86, null, [
    ['cwd', 0],
    ['cwd', 1],
  ]),
  rename(
    'linkat',
    265,
    37,
    [
      [0, 1],
      [2, 3],
    ],
    { flags: hexadecimal(4) },
  ),
  onPath(
    'symlink',
    88,
    null,
    [
      ['cwd', 0],
      ['cwd', 1],
    ],
    { target: path(0), linkpath: path(1) },
  ),
  onPath(
    'symlinkat',
    266,
    36,
    [
      ['cwd', 0],
      [1, 2],
    ],
    { target: path(0), linkpath: path(1), linkdirfd: descriptor(1) },
  ),
  onPath('unlink', 87, null, [['cwd', 0]], { path: path() }),
  onPath('unlinkat', 263, 35, [[0, 1]], { dirfd: descriptor(0), name: path(), flags: hexadecimal(2) }),
  onPath('rmdir', 84, null, [['cwd', 0]], { path: path() }),
  onPath('mkdir', 83, null, [['cwd', 0]], { path: path(), mode: words(1, MODE_BITS) }),
  onPath('mkdirat', 258, 34, [[0, 1]], { dirfd: descriptor(0), path: path(), mode: words(2, MODE_BITS) }),
  onPath('chmod', 90, null, [['cwd', 0]], { filename: path(), mode: words(1, MODE_BITS) }, { changesMode: true }),
  plain('fchmod', 91, 52, 'file', { fd: descriptor(0), mode: words(1, MODE_BITS) }, { file: 0, changesMode: true }),
  onPath(
    'fchmodat',
    268,
    53,
    [[0, 1]],
    { dirfd: descriptor(0), filename: path(), mode: words(2, MODE_BITS) },
    { changesMode: true },
  ),
  onPath(
    'fchmodat2',
    452,
    452,
    [[0, 1]],
    { dirfd: descriptor(0), filename: path(), mode: words(2, MODE_BITS) },
    { changesMode: true },
  ),
  onPath('chown', 92, null, [['cwd', 0]], { path: path(), uid: decimal(1), gid: decimal(2) }),
  onPath('lchown', 94, null, [['cwd', 0]], { path: path(), uid: decimal(1), gid: decimal(2) }),
  plain('fchown', 93, 55, 'file', { fd: descriptor(0), uid: decimal(1), gid: decimal(2) }, { file: 0 }),
  onPath('fchownat', 260, 54, [[0, 1]], { dirfd: descriptor(0), pathname: path(), uid: decimal(2), gid: decimal(3) }),
  plain(
    'mount',
    165,
    40,
    'file',
    { dev: { from: 'given', which: 0 }, dir: path(1), flags: words(3, MOUNT_FLAGS) },
    {
      names: [
        ['cwd', 0],
        ['cwd', 1],
      ],
    },
  ),
  plain('umount2', 166, 39, 'file', { name: path(), flags: hexadecimal(1) }, { names: [['cwd', 0]] }),
  plain(
    'pivot_root',
    155,
    41,
    'file',
    { new_root: path(0), put_old: path(1) },
    {
      names: [
        ['cwd', 0],
        ['cwd', 1],
      ],
    },
  ),
  plain('chroot', 161, 51, 'process', { path: path() }, { names: [['cwd', 0]] }),
  plain('setns', 308, 268, 'process', { fd: descriptor(0), nstype: words(1, CLONE_FLAGS) }, { file: 0 }),
  plain('unshare', 272, 97, 'process', { flags: words(0, CLONE_FLAGS) }),
  plain('ptrace', 101, 117, 'process', { request: words(0, PTRACE_REQUESTS), pid: decimal(1), addr: hexadecimal(2) }),
  plain(
    'socket',
    41,
    198,
    'net',
    { domain: words(0, FAMILIES), type: decimal(1), proto: decimal(2) },
    { file: 'result' },
  ),
  plain(
    'bind',
    49,
    200,
    'net',
    { addr: { from: 'bound' }, fd: descriptor(0) },
    { file: 0, address: { place: 1, mayLack: true } },
  ),
  plain('listen', 50, 201, 'net', { fd: descriptor(0), backlog: decimal(1) }, { file: 0 }),
  plain('accept', 43, 202, 'net', {}, { file: 'result', onlyDone: true }),
  plain('accept4', 288, 242, 'net', { flags: hexadecimal(3) }, { file: 'result', onlyDone: true }),
  plain(
    'sendto',
    44,
    206,
    'net',
    { fd: descriptor(0), size: decimal(2) },
    { file: 0, address: { place: 4 }, floods: true, content: { place: 1, as: 'plain', way: 'write' } },
  ),
  plain(
    'sendmsg',
    46,
    211,
    'net',
    { fd: descriptor(0) },
    {
      file: 0,
      address: { place: 1, isMessage: true },
      floods: true,
      content: { place: 1, as: 'message', way: 'write' },
    },
  ),
  plain('dup', 32, 23, 'file', { oldfd: descriptor(0) }, { file: 'result', onlyDone: true }),
  plain('dup2', 33, null, 'file', { oldfd: descriptor(0), newfd: descriptor(1) }, { file: 'result', onlyDone: true }),
  plain(
    'dup3',
    292,
    24,
    'file',
    { oldfd: descriptor(0), newfd: descriptor(1), flags: hexadecimal(2) },
    {
      file: 'result',
      onlyDone: true,
    },
  ),
  plain('setuid', 105, 146, 'user', { uid: decimal(0) }),
  plain('setgid', 106, 144, 'user', { gid: decimal(0) }),
  plain('setreuid', 113, 145, 'user', { ruid: decimal(0), euid: decimal(1) }),
  plain('setregid', 114, 143, 'user', { rgid: decimal(0), egid: decimal(1) }),
  plain('setresuid', 117, 147, 'user', { ruid: decimal(0), euid: decimal(1), suid: decimal(2) }),
  plain('setresgid', 119, 149, 'user', { rgid: decimal(0), egid: decimal(1), sgid: decimal(2) }),
  plain('capset', 126, 91, 'process', {}),
  plain('bpf', 321, 280, 'system', { cmd: words(0, BPF_COMMANDS) }),
  plain('init_module', 175, 105, 'system', { length: decimal(1) }),
  plain('finit_module', 313, 273, 'system', { fd: descriptor(0), flags: hexadecimal(2) }, { file: 0 }),
  plain('delete_module', 176, 106, 'system', { flags: hexadecimal(1) }),
  plain('keyctl', 250, 219, 'system', { operation: words(0, KEYCTL_OPERATIONS) }),
  plain('userfaultfd', 323, 282, 'memory', { flags: hexadecimal(0) }),
  plain('seccomp', 317, 277, 'process', { op: decimal(0), flags: hexadecimal(1) }),
  plain('kill', 62, 129, 'signal', { pid: decimal(0), sig: words(1, SIGNALS) }),
  plain('tkill', 200, 130, 'signal', { tid: decimal(0), sig: words(1, SIGNALS) }),
  plain('tgkill', 234, 131, 'signal', { pid: decimal(0), tid: decimal(1), sig: words(2, SIGNALS) }),
  plain('io_uring_setup', 425, 425, 'IPC', { entries: decimal(0) }),
  plain('memfd_create', 319, 279, 'memory', { flags: hexadecimal(1) }, { file: 'result' }),
  plain('process_vm_readv', 310, 270, 'process', { pid: decimal(0) }),
  plain('process_vm_writev', 311, 271, 'process', { pid: decimal(0) }),
  plain('perf_event_open', 298, 241, 'system', { pid: decimal(1) }),
  plain('open_by_handle_at', 304, 265, 'file', { fd: { from: 'result' }, path: { from: 'file' } }, { file: 'result' }),
  plain('kexec_load', 246, 104, 'system', {}),
  plain('kexec_file_load', 320, 294, 'system', { kernel_fd: descriptor(0) }, { file: 0 }),
  plain('reboot', 169, 142, 'system', { cmd: hexadecimal(2) }),
  plain('add_key', 248, 217, 'system', {}),
  onPath('mknod', 133, null, [['cwd', 0]], { path: path(), mode: words(1, MODE_BITS), dev: decimal(2) }),
  onPath('mknodat', 259, 33, [[0, 1]], {
    dirfd: descriptor(0),
    path: path(),
    mode: words(2, MODE_BITS),
    dev: decimal(3),
  }),
  plain(
    'recvfrom',
    45,
    207,
    'net',
    { fd: descriptor(0), size: decimal(2) },
    {
      file: 0,
      address: { place: 4, isAnswer: true },
      onlyDone: true,
      floods: true,
      content: { place: 1, as: 'plain', way: 'read' },
    },
  ),
  plain(
    'recvmsg',
    47,
    212,
    'net',
    { fd: descriptor(0) },
    {
      file: 0,
      address: { place: 1, isMessage: true },
      onlyDone: true,
      floods: true,
      content: { place: 1, as: 'message', way: 'read' },
    },
  ),
  ...(
    [
      ['write', 1, 64, 'plain'],
      ['pwrite', 18, 68, 'plain'],
      ['writev', 20, 66, 'parts'],
    ] as const
  ).map(([name, x64, arm64, as]) =>
    plain(
      name,
      x64,
      arm64,
      'file',
      { fd: descriptor(0), size: decimal(2) },
      { file: 0, onlyControl: true, content: { place: 1, as, way: 'write' } },
    ),
  ),
  // Mounts by descriptors: what `mount` does in one call.
  plain('open_tree', 428, 428, 'file', { dirfd: descriptor(0), path: path(), flags: words(2, TREE_FLAGS) }, ONE_NAME),
  plain('move_mount', 429, 429, 'file', { from: path(0), dir: path(1), flags: hexadecimal(4) }, TWO_NAMES),
  plain('fsopen', 430, 430, 'file', { flags: hexadecimal(1) }),
  plain('fsconfig', 431, 431, 'file', { fd: descriptor(0), cmd: decimal(1) }),
  plain('fsmount', 432, 432, 'file', { fd: descriptor(0), flags: hexadecimal(1), attributes: hexadecimal(2) }),
  plain('fspick', 433, 433, 'file', { dirfd: descriptor(0), path: path(), flags: hexadecimal(2) }, ONE_NAME),
  plain('mount_setattr', 442, 442, 'file', { dirfd: descriptor(0), path: path(), flags: hexadecimal(2) }, ONE_NAME),
  // Of several messages the first one's address.
  plain(
    'sendmmsg',
    307,
    269,
    'net',
    { fd: descriptor(0), messages: decimal(2) },
    {
      file: 0,
      address: { place: 1, isMessage: true },
      floods: true,
      content: { place: 1, as: 'messages', way: 'write' },
    },
  ),
  plain(
    'recvmmsg',
    299,
    243,
    'net',
    { fd: descriptor(0), messages: decimal(2) },
    {
      file: 0,
      address: { place: 1, isMessage: true },
      onlyDone: true,
      floods: true,
      content: { place: 1, as: 'messages', way: 'read' },
    },
  ),
  // The other ways in which bytes come into a file.
  ...(
    [
      ['pwritev', 296, 70],
      ['pwritev2', 328, 287],
    ] as const
  ).map(([name, x64, arm64]) =>
    plain(
      name,
      x64,
      arm64,
      'file',
      { fd: descriptor(0) },
      { file: 0, onlyControl: true, content: { place: 1, as: 'parts', way: 'write' } },
    ),
  ),
  plain(
    'sendfile',
    40,
    71,
    'file',
    { out_fd: descriptor(0), in_fd: descriptor(1), size: decimal(3) },
    { file: 0, onlyControl: true },
  ),
  ...(
    [
      ['splice', 275, 76],
      ['copy_file_range', 326, 285],
    ] as const
  ).map(([name, x64, arm64]) =>
    plain(
      name,
      x64,
      arm64,
      'file',
      { fd_in: descriptor(0), fd_out: descriptor(2), size: decimal(4) },
      { file: 2, onlyControl: true },
    ),
  ),
  // Rights of a thread beside those of setuid: on files, in groups, and what it gives up.
  plain('setfsuid', 122, 151, 'user', { uid: decimal(0) }),
  plain('setfsgid', 123, 152, 'user', { gid: decimal(0) }),
  plain('setgroups', 116, 159, 'user', { size: decimal(0) }),
  plain('landlock_restrict_self', 446, 446, 'process', { ruleset_fd: descriptor(0), flags: hexadecimal(1) }),
  // Signals and descriptors by the descriptor of a process; queued signals.
  plain('pidfd_send_signal', 424, 424, 'signal', { pidfd: descriptor(0), sig: words(1, SIGNALS) }),
  plain('pidfd_getfd', 438, 438, 'process', { pidfd: descriptor(0), targetfd: descriptor(1) }, { file: 'result' }),
  plain('rt_sigqueueinfo', 129, 138, 'signal', { pid: decimal(0), sig: words(1, SIGNALS) }),
  plain('rt_tgsigqueueinfo', 297, 240, 'signal', { pid: decimal(0), tid: decimal(1), sig: words(2, SIGNALS) }),
  plain('process_madvise', 440, 440, 'process', { pidfd: descriptor(0), advice: decimal(3) }),
  plain('close_range', 436, 436, 'file', { first: descriptor(0), last: descriptor(1), flags: hexadecimal(2) }),
  // Attributes of files: capabilities of a program are one.
  ...(
    [
      ['setxattr', 188, 5],
      ['lsetxattr', 189, 6],
    ] as const
  ).map(([name, x64, arm64]) =>
    onPath(
      name,
      x64,
      arm64,
      [
        ['cwd', 0],
        ['cwd', 1],
      ],
      { path: path(0), name: { from: 'name', which: 1 } },
    ),
  ),
  plain(
    'fsetxattr',
    190,
    7,
    'file',
    { fd: descriptor(0), name: { from: 'name', which: 0 } },
    { file: 0, names: [['cwd', 1]] },
  ),
  onPath(
    'setxattrat',
    463,
    463,
    [
      [0, 1],
      ['cwd', 3],
    ],
    { dirfd: descriptor(0), path: path(0), name: { from: 'name', which: 1 } },
  ),
  plain('name_to_handle_at', 303, 264, 'file', { dirfd: descriptor(0), path: path() }, ONE_NAME),
  // What concerns the whole machine.
  plain('sethostname', 170, 161, 'system', { length: decimal(1) }),
  plain('swapon', 167, 224, 'system', { path: path() }, { names: [['cwd', 0]] }),
  plain('acct', 163, 89, 'system', { path: path() }, { names: [['cwd', 0]] }),
  plain('clock_settime', 227, 112, 'system', { clock: decimal(0) }),
  plain('settimeofday', 164, 170, 'system', {}),
  plain('personality', 135, 92, 'process', { persona: hexadecimal(0) }),
  plain('iopl', 172, null, 'system', { level: decimal(0) }),
  plain('ioperm', 173, null, 'system', { from: hexadecimal(0), num: decimal(1) }),
  plain('modify_ldt', 154, null, 'process', { func: decimal(0) }),
  plain('socketpair', 53, 199, 'net', { domain: words(0, FAMILIES), type: decimal(1), proto: decimal(2) }),
  plain('request_key', 249, 218, 'system', {}),
  ...(
    [
      ['read', 0, 63, 'plain'],
      ['pread', 17, 67, 'plain'],
      ['readv', 19, 65, 'parts'],
      ['preadv', 295, 69, 'parts'],
    ] as const
  ).map(([name, x64, arm64, as]) =>
    plain(
      name,
      x64,
      arm64,
      'file',
      { fd: descriptor(0), ...(as === 'plain' ? { size: decimal(2) } : {}) },
      { file: 0, onlyDone: true, onlyContent: true, floods: true, content: { place: 1, as, way: 'read' } },
    ),
  ),
];

/** Which way bytes go that the call moves, by its name. */
export const CONTENT_WAYS: ReadonlyMap<string, 'read' | 'write'> = new Map(
  CALLS.flatMap(({ name, content }) => (content === undefined ? [] : [[name, content.way] as const])),
);
/** Calls that are recorded for their bytes alone. */
export const ONLY_CONTENT: ReadonlySet<string> = new Set(
  CALLS.flatMap(({ name, onlyContent }) => (onlyContent === true ? [name] : [])),
);

/** Record type of the first call of the table. */
export const FIRST_CALL = 16;

/** The definition of a record's call; undefined for records of other kinds. */
export function callOf(type: number): CallDefinition | undefined {
  // An index below zero would be looked up as a name, which costs more than all else about an event.
  return type < FIRST_CALL ? undefined : CALLS[type - FIRST_CALL];
}

/** Events that are told of what was done alone: a program that did not start, a connection that nobody took. */
export const ONLY_DONE: ReadonlySet<string> = new Set([
  'execve',
  ...CALLS.filter(({ onlyDone }) => onlyDone).map(({ name }) => name),
]);

const NO_ARGUMENT = 7;
const WORKING_FOLDER = 6;
const CALL_FLAG = {
  onlyDone: 1,
  resultIsFile: 2,
  needsAddress: 4,
  messageAddress: 8,
  floods: 16,
  lengthPointer: 32,
  onlyControl: 64,
  changesMode: 128,
} as const;
const SPEC_BYTES = 16;

/**
 * The entries of the kernel's table on this processor: by the number of the call (`struct call_spec` of call.h).
 *
 * @param withContent calls whose bytes are told too: each of them then, whatever file or address it is about
 */
export function callSpecs(
  processor: string,
  withContent: ReadonlySet<string> = new Set(),
): { readonly name: string; readonly number: number; readonly spec: Buffer }[] {
  return CALLS.flatMap((call, index) => {
    const number = processor === 'x64' || processor === 'arm64' ? call.number[processor] : undefined;
    if (number === undefined) return [];
    const spec = Buffer.alloc(SPEC_BYTES);
    spec.writeUInt16LE(FIRST_CALL + index, 0);
    for (const which of [0, 1] as const) {
      const [folder, name] = call.names?.[which] ?? [NO_ARGUMENT, NO_ARGUMENT];
      spec[2 + which] = folder === 'cwd' ? WORKING_FOLDER : folder;
      spec[4 + which] = name;
    }
    spec[6] = typeof call.file === 'number' ? call.file : NO_ARGUMENT;
    spec[7] = call.address?.place ?? NO_ARGUMENT;
    const content = withContent.has(call.name) ? call.content : undefined;
    spec[8] =
      (call.onlyDone ? CALL_FLAG.onlyDone : 0) |
      (call.file === 'result' ? CALL_FLAG.resultIsFile : 0) |
      (call.address && call.address.mayLack !== true && content === undefined ? CALL_FLAG.needsAddress : 0) |
      (call.address?.isMessage ? CALL_FLAG.messageAddress : 0) |
      (call.floods || content !== undefined ? CALL_FLAG.floods : 0) |
      (call.address?.isAnswer ? CALL_FLAG.lengthPointer : 0) |
      (call.onlyControl && content === undefined ? CALL_FLAG.onlyControl : 0) |
      (call.changesMode ? CALL_FLAG.changesMode : 0);
    if (content !== undefined) {
      spec[9] = CONTENT[content.as];
      spec[10] = content.place;
    }
    return [{ name: call.name, number, spec }];
  });
}
