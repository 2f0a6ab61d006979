/** Records as the kernel's programs write them, made here from what other parts of the kernel say, and read like theirs. */
import { EXEC, HEADER, OPEN, RECORD, RECORD_FLAG } from '../events/index.ts';

/** What watchers read: records one after the other, each until `advance`. */
export interface RecordRing {
  readonly data: ArrayBuffer;
  /** Offset of the next record, or -1. The record stays until `advance`. */
  peek(): number;
  advance(): void;
  release(): void;
}

/** The acting process, as far as it is known. */
export interface MadeHeader {
  readonly timeNs: number;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly gid: number;
  readonly loginUid: number;
  readonly cgroup: bigint;
  readonly tty: number;
  readonly startedNs: number;
  readonly session: number;
  readonly innerPid: number;
  readonly name: string;
}

const HEADER_NAME_BYTES = 15;

function header(bytes: Buffer, type: number, facts: MadeHeader): void {
  bytes.writeUInt16LE(type, HEADER.type);
  bytes.writeUInt32LE(bytes.length, HEADER.length);
  bytes.writeBigUInt64LE(BigInt(Math.max(0, Math.round(facts.timeNs))), HEADER.time);
  for (const offset of [HEADER.pid, HEADER.tid]) bytes.writeUInt32LE(facts.pid, offset);
  bytes.writeUInt32LE(facts.ppid, HEADER.ppid);
  bytes.writeUInt32LE(facts.uid >>> 0, HEADER.uid);
  bytes.writeUInt32LE(facts.gid >>> 0, HEADER.gid);
  bytes.writeUInt32LE(facts.loginUid >>> 0, HEADER.loginuid);
  bytes.writeBigUInt64LE(facts.cgroup, HEADER.cgroup);
  bytes.writeUInt32LE(facts.tty >>> 0, HEADER.tty);
  bytes.writeBigUInt64LE(BigInt(facts.startedNs), HEADER.started);
  // -1 while a process is being taken away (proc(5) does not say so).
  bytes.writeUInt32LE(facts.session >>> 0, HEADER.session);
  bytes.writeUInt32LE(facts.innerPid >>> 0, HEADER.inner_pid);
  bytes.write(facts.name.slice(0, HEADER_NAME_BYTES), HEADER.comm, HEADER_NAME_BYTES, 'utf8');
}

/** A path leaf first, each name ended by NUL. */
function reversedPath(path: string): Buffer {
  const names = path.split('/').filter((name) => name !== '');
  return Buffer.from(
    names
      .map((name) => `${name}\0`)
      .reverse()
      .join(''),
  );
}

export function makeExec(
  facts: MadeHeader,
  program: {
    readonly path: string;
    readonly cwd: string;
    readonly argv: readonly string[];
    readonly parentName: string;
    /** `NAME=value`; left out: the record says nothing of it. */
    readonly environment?: readonly string[];
  },
): Buffer {
  const exe = reversedPath(program.path);
  const cwd = reversedPath(program.cwd);
  const name = Buffer.from(`${program.path}\0`);
  const args = Buffer.from(program.argv.map((one) => `${one}\0`).join(''));
  const environment = Buffer.from((program.environment ?? []).map((one) => `${one}\0`).join(''));
  const all = Buffer.concat([exe, cwd, name, args, environment]);
  const bytes = Buffer.alloc(EXEC.bytes + all.length);
  header(bytes, RECORD.exec, facts);
  if (program.environment !== undefined) bytes.writeUInt16LE(RECORD_FLAG.environment, HEADER.flags);
  bytes.write(program.parentName.slice(0, HEADER_NAME_BYTES), EXEC.parent_comm, HEADER_NAME_BYTES, 'utf8');
  bytes.writeUInt32LE(exe.length, EXEC.exe_length);
  bytes.writeUInt32LE(cwd.length, EXEC.cwd_length);
  bytes.writeUInt32LE(name.length, EXEC.name_length);
  bytes.writeUInt32LE(args.length, EXEC.args_length);
  bytes.writeUInt32LE(args.length, EXEC.args_total);
  all.copy(bytes, EXEC.bytes);
  return bytes;
}

export function makeOpen(
  facts: MadeHeader,
  file: { readonly path: string; readonly flags: number; readonly mode: number; readonly inode: number },
): Buffer {
  const path = reversedPath(file.path);
  const name = Buffer.from(`${file.path}\0`);
  const bytes = Buffer.alloc(OPEN.bytes + path.length + name.length);
  header(bytes, RECORD.openat, facts);
  bytes.writeUInt32LE(file.flags, OPEN.open_flags);
  bytes.writeUInt32LE(file.mode, OPEN.mode);
  bytes.writeUInt32LE(path.length, OPEN.path_length);
  bytes.writeUInt32LE(name.length, OPEN.name_length);
  bytes.writeInt32LE(-100, OPEN.folder); // AT_FDCWD
  bytes.writeBigUInt64LE(BigInt(file.inode), OPEN.inode);
  Buffer.concat([path, name]).copy(bytes, OPEN.bytes);
  return bytes;
}

/** Records made in this process. What does not fit is not taken. */
export class MadeRing implements RecordRing {
  readonly data: ArrayBuffer;
  readonly #bytes: Buffer;
  readonly #offsets: number[] = [];
  #end = 0;

  constructor(bytes: number) {
    this.data = new ArrayBuffer(bytes);
    this.#bytes = Buffer.from(this.data);
  }

  /** @returns whether there was room */
  put(record: Buffer): boolean {
    if (this.#offsets.length === 0) this.#end = 0;
    if (this.#end + record.length > this.#bytes.length) return false;
    record.copy(this.#bytes, this.#end);
    this.#offsets.push(this.#end);
    this.#end = (this.#end + record.length + 7) & ~7;
    return true;
  }

  peek(): number {
    return this.#offsets[0] ?? -1;
  }

  advance(): void {
    this.#offsets.shift();
  }

  release(): void {
    // Its room is taken again when it is empty.
  }
}
