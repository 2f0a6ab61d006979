/** Words of the kernel's numbers, as Falco prints them. */

/** Capabilities in the order of include/uapi/linux/capability.h. */
const CAPABILITIES = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ');

export function capabilityNames(set: bigint): string {
  return CAPABILITIES.filter((_, bit) => ((set >> BigInt(bit)) & 1n) === 1n)
    .map((name) => `CAP_${name}`)
    .join(' ');
}

/** Error numbers that Linux shares between x86-64 and arm64 (include/uapi/asm-generic/errno*.h). */
const ERRORS: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  5: 'EIO',
  6: 'ENXIO',
  7: 'E2BIG',
  8: 'ENOEXEC',
  9: 'EBADF',
  10: 'ECHILD',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  15: 'ENOTBLK',
  16: 'EBUSY',
  17: 'EEXIST',
  18: 'EXDEV',
  19: 'ENODEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  22: 'EINVAL',
  23: 'ENFILE',
  24: 'EMFILE',
  25: 'ENOTTY',
  26: 'ETXTBSY',
  27: 'EFBIG',
  28: 'ENOSPC',
  29: 'ESPIPE',
  30: 'EROFS',
  31: 'EMLINK',
  32: 'EPIPE',
  33: 'EDOM',
  34: 'ERANGE',
  35: 'EDEADLK',
  36: 'ENAMETOOLONG',
  37: 'ENOLCK',
  38: 'ENOSYS',
  39: 'ENOTEMPTY',
  40: 'ELOOP',
  42: 'ENOMSG',
  43: 'EIDRM',
  44: 'ECHRNG',
  45: 'EL2NSYNC',
  46: 'EL3HLT',
  47: 'EL3RST',
  48: 'ELNRNG',
  49: 'EUNATCH',
  50: 'ENOCSI',
  51: 'EL2HLT',
  52: 'EBADE',
  53: 'EBADR',
  54: 'EXFULL',
  55: 'ENOANO',
  56: 'EBADRQC',
  57: 'EBADSLT',
  59: 'EBFONT',
  60: 'ENOSTR',
  61: 'ENODATA',
  62: 'ETIME',
  63: 'ENOSR',
  64: 'ENONET',
  65: 'ENOPKG',
  66: 'EREMOTE',
  67: 'ENOLINK',
  68: 'EADV',
  69: 'ESRMNT',
  70: 'ECOMM',
  71: 'EPROTO',
  72: 'EMULTIHOP',
  73: 'EDOTDOT',
  74: 'EBADMSG',
  75: 'EOVERFLOW',
  76: 'ENOTUNIQ',
  77: 'EBADFD',
  78: 'EREMCHG',
  79: 'ELIBACC',
  80: 'ELIBBAD',
  81: 'ELIBSCN',
  82: 'ELIBMAX',
  83: 'ELIBEXEC',
  84: 'EILSEQ',
  85: 'ERESTART',
  86: 'ESTRPIPE',
  87: 'EUSERS',
  88: 'ENOTSOCK',
  89: 'EDESTADDRREQ',
  90: 'EMSGSIZE',
  91: 'EPROTOTYPE',
  92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT',
  94: 'ESOCKTNOSUPPORT',
  95: 'EOPNOTSUPP',
  96: 'EPFNOSUPPORT',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  102: 'ENETRESET',
  103: 'ECONNABORTED',
  104: 'ECONNRESET',
  105: 'ENOBUFS',
  106: 'EISCONN',
  107: 'ENOTCONN',
  108: 'ESHUTDOWN',
  109: 'ETOOMANYREFS',
  110: 'ETIMEDOUT',
  111: 'ECONNREFUSED',
  112: 'EHOSTDOWN',
  113: 'EHOSTUNREACH',
  114: 'EALREADY',
  115: 'EINPROGRESS',
  116: 'ESTALE',
  117: 'EUCLEAN',
  118: 'ENOTNAM',
  119: 'ENAVAIL',
  120: 'EISNAM',
  121: 'EREMOTEIO',
  122: 'EDQUOT',
  123: 'ENOMEDIUM',
  124: 'EMEDIUMTYPE',
  125: 'ECANCELED',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  128: 'EKEYREVOKED',
  129: 'EKEYREJECTED',
  130: 'EOWNERDEAD',
  131: 'ENOTRECOVERABLE',
  132: 'ERFKILL',
  133: 'EHWPOISON',
  // Of the kernel's inside: a call that a signal interrupted is to be made again.
  512: 'ERESTARTSYS',
  513: 'ERESTARTNOINTR',
  514: 'ERESTARTNOHAND',
  516: 'ERESTART_RESTARTBLOCK',
};

/** "SUCCESS", the name of the error, or its number. */
export function resultName(result: number): string {
  return result >= 0 ? 'SUCCESS' : (ERRORS[-result] ?? String(result));
}

export const OPEN_ACCESS = { mask: 3, read: 0, write: 1, both: 2 } as const;
const O_CREAT = 0o100;
const O_TMPFILE = 0o20000000;

const OPEN_FLAGS: readonly (readonly [number, string])[] = [
  [O_CREAT, 'O_CREAT'],
  [0o200, 'O_EXCL'],
  [0o1000, 'O_TRUNC'],
  [0o2000, 'O_APPEND'],
  [0o4000, 'O_NONBLOCK'],
  [0o10000, 'O_DSYNC'],
  [0o200000, process.arch === 'arm64' ? 'O_DIRECT' : 'O_DIRECTORY'],
  [0o40000, process.arch === 'arm64' ? 'O_DIRECTORY' : 'O_DIRECT'],
  [0o2000000, 'O_CLOEXEC'],
  [O_TMPFILE, 'O_TMPFILE'],
];

/** Programs use few combinations; the bound keeps a hostile one from filling the memory with others. */
const FLAG_WORDS_MAX = 1_024;
const flagWords = new Map<number, string>();

export function openFlagNames(flags: number): string {
  const known = flagWords.get(flags);
  if (known !== undefined) return known;
  const words = spellOpenFlags(flags);
  if (flagWords.size < FLAG_WORDS_MAX) flagWords.set(flags, words);
  return words;
}

function spellOpenFlags(flags: number): string {
  const access = flags & OPEN_ACCESS.mask;
  const first = access === OPEN_ACCESS.read ? 'O_RDONLY' : access === OPEN_ACCESS.write ? 'O_WRONLY' : 'O_RDWR';
  return [first, ...OPEN_FLAGS.filter(([bit]) => (flags & bit) === bit).map(([, name]) => name)].join('|');
}

interface FileKind {
  readonly type: string;
  readonly letter: string;
}
// One object each: they are asked for with every open.
const FOLDER: FileKind = { type: 'directory', letter: 'd' };
const FIFO: FileKind = { type: 'fifo', letter: 'p' };
const UNIX: FileKind = { type: 'unix', letter: 'u' };
const FILE: FileKind = { type: 'file', letter: 'f' };

/** The kind of a file by its mode: Falco's word and letter. */
export function fileKind(mode: number): FileKind {
  switch (mode & 0o170000) {
    case 0o040000:
      return FOLDER;
    case 0o010000:
      return FIFO;
    case 0o140000:
      return UNIX;
    default:
      return FILE;
  }
}
