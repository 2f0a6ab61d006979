import { EVENT_LINES, WORD_LINES } from './event-lines.ts';

/** How the bytes of a parameter are read. All numbers are little endian. */
export type ParameterType =
  | 'none'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  /** NUL-terminated. */
  | 'text'
  | 'bytes'
  /** int64: zero or more, or minus an error number. */
  | 'errno'
  /** Family and address of one end of a socket. */
  | 'address'
  /** Family and addresses of both ends. */
  | 'tuple'
  | 'fd'
  | 'pid'
  | 'fds'
  /** A path as the program gave it, from its working folder. */
  | 'path'
  /** The same from a folder's descriptor, which is another parameter. */
  | 'relpath'
  | 'syscall'
  | 'signal'
  | 'duration'
  | 'time'
  | 'port'
  | 'bool'
  | 'ipv4'
  | 'dynamic'
  | 'uid'
  | 'gid'
  | 'double';

export interface Words {
  /** Bits add up; a value is one word. */
  readonly kind: 'bits' | 'value';
  readonly list: readonly (readonly [string, number])[];
}

export interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly isSigned: boolean;
  readonly words: Words | null;
  readonly base: 10 | 16 | 8;
  /** The place of the parameter that names the folder, for a `relpath`. */
  readonly folder: number | null;
}

export interface EventType {
  readonly number: number;
  /** Falco's name: open, clone, procexit … */
  readonly name: string;
  readonly category: string;
  /** An event at the end of a call; events that are no calls have only one number, which is even. */
  readonly isExit: boolean;
  readonly isSyscall: boolean;
  readonly makesFd: boolean;
  readonly closesFd: boolean;
  readonly usesFd: boolean;
  /** The end of a mapping, which may be one of a file. */
  readonly maps: boolean;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly waits: boolean;
  readonly isUnused: boolean;
  /** The end of a call, whose first parameter is what it answered. */
  readonly answers: boolean;
  /** Lengths of parameters take 4 bytes instead of 2. */
  readonly isLong: boolean;
  readonly parameters: readonly Parameter[];
  /** Where each parameter stands, by its name. */
  readonly places: ReadonlyMap<string, number>;
  /** The same of those that most events are asked for, -1 where there is none: the descriptor, and what memory the thread has. */
  readonly fdPlace: number;
  readonly memoryPlace: number;
}

const words = WORD_LINES.map((line) =>
  line.split(' ').map((pair): readonly [string, number] => {
    const at = pair.indexOf('=');
    return [pair.slice(0, at), Number(pair.slice(at + 1))];
  }),
);

const SIGNED = new Set(['int8', 'int16', 'int32', 'int64', 'errno', 'fd', 'pid']);

/** Every event of the format, at the index of its number. */
export const EVENT_TYPES: readonly EventType[] = EVENT_LINES.map(readLine);

function readLine(line: string, number: number): EventType {
  const [name = '', category = '', letters = '', ...texts] = line.split(' ');
  const parameters = texts.map(readParameter);
  // The first of a name counts.
  const places = new Map(parameters.map(({ name: one }, place): [string, number] => [one, place]).reverse());
  return {
    number,
    name,
    category,
    isExit: number % 2 === 1,
    isSyscall: letters.includes('s'),
    makesFd: letters.includes('c'),
    closesFd: letters.includes('d'),
    usesFd: letters.includes('u') && category !== 'memory',
    maps: letters.includes('u') && category === 'memory' && number % 2 === 1,
    reads: letters.includes('r'),
    writes: letters.includes('w'),
    waits: letters.includes('W'),
    isUnused: letters.includes('x'),
    answers: number % 2 === 1 && (parameters[0]?.name === 'res' || parameters[0]?.name === 'fd'),
    isLong: letters.includes('L'),
    parameters,
    places,
    fdPlace: places.get('fd') ?? -1,
    memoryPlace: places.get('vm_size') ?? -1,
  };
}

function readParameter(text: string): Parameter {
  const [name = '', type = 'none', ...rest] = text.split(':');
  let found: Words | null = null;
  let base: Parameter['base'] = 10;
  let folder: number | null = null;
  for (const one of rest) {
    if (one === 'hex') base = 16;
    else if (one === 'oct') base = 8;
    else if (one.startsWith('@')) folder = Number(one.slice(1));
    else if (one.startsWith('=#')) found = { kind: 'value', list: words[Number(one.slice(2))] ?? [] };
    else if (one.startsWith('#')) found = { kind: 'bits', list: words[Number(one.slice(1))] ?? [] };
  }
  return { name, type: type as ParameterType, isSigned: SIGNED.has(type), words: found, base, folder };
}

const CATEGORIES: Readonly<Record<string, string>> = {
  file: `access chmod chown creat dup dup2 dup3 fadvise64 fallocate fchmod fchown fchownat fdatasync fgetxattr flistxattr
    fremovexattr fsetxattr fstat fstatat64 fstatfs fsync ftruncate futimesat getcwd getxattr lchown lgetxattr link linkat
    listxattr llistxattr lremovexattr lseek lsetxattr lstat mknod mknodat mount name_to_handle_at open_by_handle_at newfstatat
    readahead readlink readlinkat removexattr setxattr stat statfs statx symlink symlinkat sync syncfs sync_file_range truncate
    umask umount umount2 unlink unlinkat ustat utime utimensat utimes`,
  net: 'getpeername getsockname recvmmsg sendmmsg shutdown',
  IPC: `futex get_robust_list inotify_add_watch inotify_rm_watch mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget signalfd4`,
  memory: `get_mempolicy madvise mbind migrate_pages mincore mlock mlock2 mlockall move_pages mprotect mremap msync munlock
    munlockall process_vm_readv process_vm_writev remap_file_pages set_mempolicy userfaultfd`,
  process: `acct arch_prctl exit exit_group getpgid getpgrp getpid getppid getpriority getrlimit getrusage getsid gettid
    ioprio_get ioprio_set nice personality prctl prlimit64 sched_getaffinity sched_getattr sched_getparam sched_getscheduler
    sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield set_robust_list set_tid_address setpriority
    setrlimit times unshare wait4 waitid waitpid`,
  signal: `kill rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_tgsigqueueinfo sigaltstack sigreturn tgkill tkill`,
  wait: 'epoll_pwait epoll_wait pause poll ppoll pselect6 select',
  time: `adjtimex alarm clock_adjtime clock_getres clock_gettime clock_settime getitimer gettimeofday setitimer settimeofday
    time timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_gettime timerfd_settime`,
  sleep: 'clock_nanosleep nanosleep',
  user: `getegid geteuid getgid getgroups getresgid getresuid getuid setfsgid setfsuid setgroups setregid setreuid`,
  system:
    'delete_module finit_module init_module kexec_load reboot sethostname setdomainname swapoff swapon sysfs sysinfo syslog uname',
};

/** Categories of calls that have no event of their own, as libsinsp names them. */
export const CATEGORY_OF_CALL: ReadonlyMap<string, string> = new Map(
  Object.entries(CATEGORIES).flatMap(([category, names]) =>
    names.split(/\s+/).map((name): [string, string] => [name, category]),
  ),
);
