import { CALLS, FIRST_CALL } from './calls.ts';

/**
 * The binary record that the BPF programs write and the rules read in place. `src/observe/bpf/record.h` says the same in C; a
 * test of `observe/` compares the two. Little endian; offsets in bytes from the start of the record.
 */
export const RECORD = {
  exec: 1,
  fork: 2,
  exit: 3,
  open: 4,
  openat: 5,
  openat2: 6,
  creat: 7,
  connect: 8,
  dns: 9,
  clone: 10,
  clone3: 11,
  vfork: 12,
  call: FIRST_CALL,
} as const;

const OWN_RECORDS = [
  ...['', 'execve', 'fork', 'procexit', 'open', 'openat', 'openat2', 'creat', 'connect', 'dns_question'],
  ...['clone', 'clone3', 'vfork'],
] as const;
/** Records of one kind of act by Falco's event name. A record's number is its index; '' is no record. */
export const EVENT_NAMES: readonly string[] = [
  ...OWN_RECORDS,
  ...Array<string>(FIRST_CALL - OWN_RECORDS.length).fill(''),
  ...CALLS.map(({ name }) => name),
];
export const RECORD_TYPES_MAX = 192;

export const RECORD_FLAG = {
  pathFromCwd: 1,
  truncated: 2,
  unknownCgroup: 4,
  unlinkedRoot: 8,
  uring: 16,
  uringUnanswered: 32,
  of32Bits: 64,
  environment: 128,
  environmentCut: 256,
  content: 512,
  feigned: 1024,
} as const;
/** `cut` is not the kernel's: what is kept of the command line or the paths is not all of them. */
export const EXE_FLAG = { upperLayer: 1, memfd: 2, of32Bits: 4, writers: 8, cut: 256, fromOutside: 512 } as const;
/** A record whose flag says that something was cut: its paths are whole as long as they are shorter than this. */
export const WHOLE_PATH = { names: 32, bytes: 8_192 } as const;

export const HEADER = {
  type: 0,
  flags: 2,
  length: 4,
  time: 8,
  pid: 16,
  tid: 20,
  ppid: 24,
  uid: 28,
  gid: 32,
  loginuid: 36,
  cgroup: 40,
  mount_namespace: 48,
  tty: 52,
  started: 56,
  parent_started: 64,
  session: 72,
  inner_pid: 76,
  comm: 80,
  bytes: 96,
} as const;

export const EXEC = {
  parent_comm: 96,
  exe_flags: 112,
  exe_length: 116,
  cwd_length: 120,
  name_length: 124,
  args_length: 128,
  args_total: 132,
  inode: 136,
  changed: 144,
  modified: 152,
  cap_inheritable: 160,
  cap_permitted: 168,
  cap_effective: 176,
  bytes: 184,
} as const;

export const FORK = {
  child_started: 96,
  child: 104,
  inner_child: 108,
  clone_flags: 112,
  result: 120,
  reserved: 124,
  bytes: 128,
} as const;

export const EXIT = { code: 96, reserved: 100, bytes: 104 } as const;

export const OPEN = {
  result: 96,
  open_flags: 100,
  mode: 104,
  path_length: 108,
  name_length: 112,
  folder: 116,
  inode: 120,
  bytes: 128,
} as const;

export const CONNECT = {
  result: 96,
  descriptor: 100,
  family: 104,
  socket_type: 106,
  protocol: 108,
  remote_port: 110,
  local_port: 112,
  reserved: 114,
  path_length: 116,
  remote: 120,
  local: 136,
  bytes: 152,
} as const;

export const CALL = {
  result: 96,
  arguments: 104,
  mode: 152,
  file_length: 156,
  folder_length: 160,
  name_length: 168,
  family: 176,
  socket_type: 178,
  protocol: 180,
  remote_port: 182,
  local_port: 184,
  is_socket: 186,
  path_length: 188,
  remote: 192,
  local: 208,
  bytes: 224,
} as const;

export const COMM_BYTES = 16;

export function isOpen(type: number): boolean {
  return type >= RECORD.open && type <= RECORD.creat;
}

/** A process made, by whichever call. */
export function isFork(type: number): boolean {
  return type === RECORD.fork || (type >= RECORD.clone && type <= RECORD.vfork);
}

export function isCall(type: number): boolean {
  return type >= FIRST_CALL;
}
