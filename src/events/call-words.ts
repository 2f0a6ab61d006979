/** Words of the numbers that calls take, as Falco prints them. */

/** Bits add up; a value is one word. */
export interface WordTable {
  readonly kind: 'bits' | 'value';
  readonly words: readonly (readonly [number, string])[];
  /** Before the words stands the number in this base. */
  readonly base: 8 | 10 | 16;
}

const bits = (base: WordTable['base'], words: WordTable['words']): WordTable => ({ kind: 'bits', words, base });
const values = (words: WordTable['words']): WordTable => ({ kind: 'value', words, base: 10 });

/** include/uapi/linux/sched.h, in the order in which Falco says them. */
export const CLONE_FLAGS = bits(10, [
  [0x400, 'CLONE_FILES'],
  [0x200, 'CLONE_FS'],
  [0x80000000, 'CLONE_IO'],
  [0x8000000, 'CLONE_NEWIPC'],
  [0x40000000, 'CLONE_NEWNET'],
  [0x20000, 'CLONE_NEWNS'],
  [0x20000000, 'CLONE_NEWPID'],
  [0x4000000, 'CLONE_NEWUTS'],
  [0x8000, 'CLONE_PARENT'],
  [0x100000, 'CLONE_PARENT_SETTID'],
  [0x2000, 'CLONE_PTRACE'],
  [0x800, 'CLONE_SIGHAND'],
  [0x40000, 'CLONE_SYSVSEM'],
  [0x10000, 'CLONE_THREAD'],
  [0x800000, 'CLONE_UNTRACED'],
  [0x100, 'CLONE_VM'],
  [0x10000000, 'CLONE_NEWUSER'],
  [0x200000, 'CLONE_CHILD_CLEARTID'],
  [0x1000000, 'CLONE_CHILD_SETTID'],
  [0x80000, 'CLONE_SETTLS'],
  [0x4000, 'CLONE_VFORK'],
  [0x2000000, 'CLONE_NEWCGROUP'],
  // Falco has no words for these.
  [0x80, 'CLONE_NEWTIME'],
  [0x1000, 'CLONE_PIDFD'],
]);

/** include/uapi/linux/stat.h */
export const MODE_BITS = bits(8, [
  [0o1, 'S_IXOTH'],
  [0o2, 'S_IWOTH'],
  [0o4, 'S_IROTH'],
  [0o10, 'S_IXGRP'],
  [0o20, 'S_IWGRP'],
  [0o40, 'S_IRGRP'],
  [0o100, 'S_IXUSR'],
  [0o200, 'S_IWUSR'],
  [0o400, 'S_IRUSR'],
  [0o1000, 'S_ISVTX'],
  [0o2000, 'S_ISGID'],
  [0o4000, 'S_ISUID'],
]);

/** include/uapi/linux/mount.h: open_tree */
export const TREE_FLAGS = bits(10, [
  [0x1, 'OPEN_TREE_CLONE'],
  [0x100, 'AT_SYMLINK_NOFOLLOW'],
  [0x800, 'AT_NO_AUTOMOUNT'],
  [0x1000, 'AT_EMPTY_PATH'],
  [0x8000, 'AT_RECURSIVE'],
  [0x80000, 'OPEN_TREE_CLOEXEC'],
]);

/** include/uapi/linux/mount.h */
export const MOUNT_FLAGS = bits(10, [
  [1, 'RDONLY'],
  [2, 'NOSUID'],
  [4, 'NODEV'],
  [8, 'NOEXEC'],
  [16, 'SYNCHRONOUS'],
  [32, 'REMOUNT'],
  [64, 'MANDLOCK'],
  [128, 'DIRSYNC'],
  [1024, 'NOATIME'],
  [2048, 'NODIRATIME'],
  [4096, 'BIND'],
  [8192, 'MOVE'],
  [16384, 'REC'],
  [32768, 'SILENT'],
  [1 << 17, 'UNBINDABLE'],
  [1 << 18, 'PRIVATE'],
  [1 << 19, 'SLAVE'],
  [1 << 20, 'SHARED'],
  [1 << 21, 'RELATIME'],
]);

/** include/uapi/linux/fs.h */
export const RENAME_FLAGS = bits(10, [
  [1, 'RENAME_NOREPLACE'],
  [2, 'RENAME_EXCHANGE'],
  [4, 'RENAME_WHITEOUT'],
]);

/** include/linux/socket.h */
export const FAMILIES = values([
  [0, 'AF_UNSPEC'],
  [1, 'AF_UNIX'],
  [2, 'AF_INET'],
  [3, 'AF_AX25'],
  [4, 'AF_IPX'],
  [10, 'AF_INET6'],
  [15, 'AF_KEY'],
  [16, 'AF_NETLINK'],
  [17, 'AF_PACKET'],
  [21, 'AF_RDS'],
  [29, 'AF_CAN'],
  [30, 'AF_TIPC'],
  [31, 'AF_BLUETOOTH'],
  [33, 'AF_RXRPC'],
  [38, 'AF_ALG'],
  [39, 'AF_NFC'],
  [40, 'AF_VSOCK'],
  [41, 'AF_KCM'],
  [42, 'AF_QIPCRTR'],
  [43, 'AF_SMC'],
  [44, 'AF_XDP'],
]);

/** include/uapi/linux/ptrace.h and the processors' own */
export const PTRACE_REQUESTS = values([
  [0, 'PTRACE_TRACEME'],
  [1, 'PTRACE_PEEKTEXT'],
  [2, 'PTRACE_PEEKDATA'],
  [3, 'PTRACE_PEEKUSR'],
  [4, 'PTRACE_POKETEXT'],
  [5, 'PTRACE_POKEDATA'],
  [6, 'PTRACE_POKEUSR'],
  [7, 'PTRACE_CONT'],
  [8, 'PTRACE_KILL'],
  [9, 'PTRACE_SINGLESTEP'],
  [12, 'PTRACE_GETREGS'],
  [13, 'PTRACE_SETREGS'],
  [14, 'PTRACE_GETFPREGS'],
  [15, 'PTRACE_SETFPREGS'],
  [16, 'PTRACE_ATTACH'],
  [17, 'PTRACE_DETACH'],
  [24, 'PTRACE_SYSCALL'],
  [0x4200, 'PTRACE_SETOPTIONS'],
  [0x4201, 'PTRACE_GETEVENTMSG'],
  [0x4202, 'PTRACE_GETSIGINFO'],
  [0x4203, 'PTRACE_SETSIGINFO'],
  [0x4204, 'PTRACE_GETREGSET'],
  [0x4205, 'PTRACE_SETREGSET'],
  [0x4206, 'PTRACE_SEIZE'],
  [0x4207, 'PTRACE_INTERRUPT'],
  [0x4208, 'PTRACE_LISTEN'],
]);

/** include/uapi/linux/bpf.h */
export const BPF_COMMANDS = values(
  (
    'MAP_CREATE MAP_LOOKUP_ELEM MAP_UPDATE_ELEM MAP_DELETE_ELEM MAP_GET_NEXT_KEY PROG_LOAD OBJ_PIN OBJ_GET PROG_ATTACH ' +
    'PROG_DETACH PROG_TEST_RUN PROG_GET_NEXT_ID MAP_GET_NEXT_ID PROG_GET_FD_BY_ID MAP_GET_FD_BY_ID OBJ_GET_INFO_BY_FD ' +
    'PROG_QUERY RAW_TRACEPOINT_OPEN BTF_LOAD BTF_GET_FD_BY_ID TASK_FD_QUERY MAP_LOOKUP_AND_DELETE_ELEM MAP_FREEZE ' +
    'BTF_GET_NEXT_ID MAP_LOOKUP_BATCH MAP_LOOKUP_AND_DELETE_BATCH MAP_UPDATE_BATCH MAP_DELETE_BATCH LINK_CREATE LINK_UPDATE ' +
    'LINK_GET_FD_BY_ID LINK_GET_NEXT_ID ENABLE_STATS ITER_CREATE LINK_DETACH PROG_BIND_MAP'
  )
    .split(' ')
    .map((word, number): readonly [number, string] => [number, `BPF_${word}`]),
);

/** include/uapi/linux/keyctl.h */
export const KEYCTL_OPERATIONS = values(
  (
    'GET_KEYRING_ID JOIN_SESSION_KEYRING UPDATE REVOKE CHOWN SETPERM DESCRIBE CLEAR LINK UNLINK SEARCH READ INSTANTIATE NEGATE ' +
    'SET_REQKEY_KEYRING SET_TIMEOUT ASSUME_AUTHORITY GET_SECURITY SESSION_TO_PARENT REJECT INSTANTIATE_IOV INVALIDATE ' +
    'GET_PERSISTENT'
  )
    .split(' ')
    .map((word, number): readonly [number, string] => [number, `KEYCTL_${word}`]),
);

/** signal(7), for x86-64 and arm64 */
export const SIGNALS = values(
  (
    'NONE HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU ' +
    'XFSZ VTALRM PROF WINCH IO PWR SYS'
  )
    .split(' ')
    .map((word, number): readonly [number, string] => [number, `SIG${word}`]),
);

/** The words of a number; the number itself when no word is known. */
export function wordsOf(table: WordTable, value: number): string {
  const number = table.base === 8 && value !== 0 ? `0${value.toString(8)}` : value.toString(table.base);
  if (table.kind === 'value') return table.words.find(([one]) => one === value)?.[1] ?? number;
  // Above 2^31 the operators for bits work on negative numbers.
  const found = table.words.filter(([bit]) => Math.floor(value / bit) % 2 === 1).map(([, word]) => word);
  return found.length === 0 ? number : found.join('|');
}
