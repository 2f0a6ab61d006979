/**
 * The calls of 32-bit programs on x86 by their numbers (arch/x86/entry/syscalls/syscall_32.tbl), each with the name of the same
 * call of 64 bits. Some have two: the older one takes user numbers of 16 bits.
 */
import { CALLS } from './calls.ts';

const NUMBERS: Readonly<Record<string, readonly number[]>> = {
  ...{ rename: [38], renameat: [302], renameat2: [353], link: [9], linkat: [303], symlink: [83], symlinkat: [304] },
  ...{ unlink: [10], unlinkat: [301], rmdir: [40], mkdir: [39], mkdirat: [296], chmod: [15], fchmod: [94] },
  ...{ fchmodat: [306], fchmodat2: [452], chown: [182, 212], lchown: [16, 198], fchown: [95, 207], fchownat: [298] },
  ...{ mount: [21], umount2: [22, 52], pivot_root: [217], chroot: [61], setns: [346], unshare: [310], ptrace: [26] },
  ...{ socket: [359], bind: [361], listen: [363], accept4: [364], sendto: [369], sendmsg: [370], recvfrom: [371] },
  ...{ recvmsg: [372], sendmmsg: [345], recvmmsg: [337, 417], dup: [41], dup2: [63], dup3: [330] },
  ...{ setuid: [23, 213], setgid: [46, 214], setreuid: [70, 203], setregid: [71, 204], setresuid: [164, 208] },
  ...{ setresgid: [170, 210], setfsuid: [138, 215], setfsgid: [139, 216], setgroups: [81, 206], capset: [185] },
  ...{ bpf: [357], init_module: [128], finit_module: [350], delete_module: [129], keyctl: [288], userfaultfd: [374] },
  ...{ seccomp: [354], kill: [37], tkill: [238], tgkill: [270], rt_sigqueueinfo: [178], rt_tgsigqueueinfo: [335] },
  ...{ pidfd_send_signal: [424], pidfd_getfd: [438], io_uring_setup: [425], memfd_create: [356] },
  ...{ process_vm_readv: [347], process_vm_writev: [348], perf_event_open: [336], open_by_handle_at: [342] },
  ...{ name_to_handle_at: [341], kexec_load: [283], reboot: [88], add_key: [286], request_key: [287], mknod: [14] },
  ...{
    mknodat: [297],
    read: [3],
    pread: [180],
    readv: [145],
    preadv: [333],
    write: [4],
    pwrite: [181],
    writev: [146],
    pwritev: [334],
    pwritev2: [379],
    sendfile: [187, 239],
  },
  ...{ splice: [313], copy_file_range: [377], open_tree: [428], move_mount: [429], fsopen: [430], fsconfig: [431] },
  ...{ fsmount: [432], fspick: [433], mount_setattr: [442], setxattr: [226], lsetxattr: [227], fsetxattr: [228] },
  ...{ setxattrat: [463], landlock_restrict_self: [446], process_madvise: [440], sethostname: [74], swapon: [87] },
  ...{ acct: [51], clock_settime: [264, 404], settimeofday: [79], personality: [136], iopl: [110], ioperm: [101] },
  ...{ modify_ldt: [123], socketpair: [360], close_range: [436] },
};
/** What one call multiplexes (include/uapi/linux/net.h). */
const SOCKET_CALLS: Readonly<Record<string, number>> = {
  ...{ socket: 1, bind: 2, listen: 4, accept: 5, socketpair: 8, sendto: 11, recvfrom: 12, sendmsg: 16, recvmsg: 17 },
  ...{ accept4: 18, recvmmsg: 19, sendmmsg: 20 },
};
/** As compat.h has them. */
const KIND = {
  table: 1,
  open: 2,
  openat: 3,
  openat2: 4,
  creat: 5,
  connect: 6,
  socket: 7,
  forks: 8,
  forksByList: 9,
} as const;
const OWN: readonly (readonly [number, keyof typeof KIND])[] = [
  [5, 'open'],
  [8, 'creat'],
  [102, 'socket'],
  [120, 'forks'],
  [295, 'openat'],
  [362, 'connect'],
  [435, 'forksByList'],
  [437, 'openat2'],
];
const SOCKET_CALLS_AT = 512;
const SOCKET_CONNECT = 3;

/** The entries of the kernel's table `calls_32` (`struct call_32_spec`) by their places in it. */
export function calls32(): { readonly place: number; readonly spec: Buffer }[] {
  const entries: { place: number; spec: Buffer }[] = [];
  const add = (place: number, kind: keyof typeof KIND, number = 0): void => {
    const spec = Buffer.alloc(8);
    spec.writeUInt32LE(KIND[kind], 0);
    spec.writeUInt32LE(number, 4);
    entries.push({ place, spec });
  };
  for (const [place, kind] of OWN) add(place, kind);
  add(SOCKET_CALLS_AT + SOCKET_CONNECT, 'connect');
  for (const { name, number } of CALLS) {
    if (number.x64 === undefined) continue;
    for (const place of NUMBERS[name] ?? []) add(place, 'table', number.x64);
    const multiplexed = SOCKET_CALLS[name];
    if (multiplexed !== undefined) add(SOCKET_CALLS_AT + multiplexed, 'table', number.x64);
  }
  return entries;
}
