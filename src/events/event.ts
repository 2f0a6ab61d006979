import type { ContainerFacts, ProcessFacts, Surroundings } from './facts.ts';
import {
  CALL,
  COMM_BYTES,
  CONNECT,
  EXE_FLAG,
  EXEC,
  FORK,
  HEADER,
  isCall,
  isFork,
  isOpen,
  OPEN,
  RECORD,
  RECORD_FLAG,
  WHOLE_PATH,
} from './layout.ts';
import { type PathName, type PathNames, partPath } from './path-names.ts';
import { type Question, readQuestion } from './question.ts';
import {
  decodeText,
  plainPath,
  readArguments,
  readName,
  readReversedPath,
  readSpaced,
  readText,
  splitArguments,
  turnedPath,
} from './text.ts';

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SECRET_PARTS = RECORD_FLAG.environment | RECORD_FLAG.environmentCut | RECORD_FLAG.content;

/**
 * One event, read where the kernel wrote it. The object is a window that moves from record to record: nothing read from it may
 * be kept beyond the next `load`, except the texts and numbers it answered. Text is decoded at the first question and kept
 * for the record.
 */
export class KernelEvent {
  readonly #view: DataView;
  readonly #bytes: Buffer;
  readonly surroundings: Surroundings;
  #at = 0;
  readonly #paths: PathNames;
  #path: PathName | undefined;
  #name: string | undefined;
  #isEnvironmentCut = false;
  type = 0;
  /** Counts records since the sensor started, from 1. */
  number = 0;
  process: ProcessFacts;
  container: ContainerFacts | null = null;

  /** @param paths has more than a megabyte: windows share one, and what is kept of single records does above all */
  constructor(memory: ArrayBuffer, surroundings: Surroundings, paths: PathNames) {
    this.#paths = paths;
    this.#view = new DataView(memory);
    this.#bytes = Buffer.from(memory);
    this.surroundings = surroundings;
    this.process = unknownProcess(0, 0);
  }

  /** Moves to the record at the offset. The caller sets `process` and `container` next. */
  load(at: number): void {
    this.#at = at;
    this.#path = undefined;
    this.#name = undefined;
    this.#isEnvironmentCut = false;
    this.type = this.#view.getUint16(at, true);
    this.number++;
  }

  u16(offset: number): number {
    return this.#view.getUint16(this.#at + offset, true);
  }
  u32(offset: number): number {
    return this.#view.getUint32(this.#at + offset, true);
  }
  i32(offset: number): number {
    return this.#view.getInt32(this.#at + offset, true);
  }
  /** Exact below 2^53; kernel times are a little rounded above (after 104 days). */
  u64(offset: number): number {
    return (
      this.#view.getUint32(this.#at + offset + 4, true) * 0x1_0000_0000 + this.#view.getUint32(this.#at + offset, true)
    );
  }
  big(offset: number): bigint {
    return this.#view.getBigUint64(this.#at + offset, true);
  }
  text(offset: number, max: number): string {
    return readText(this.#bytes, this.#at + offset, max);
  }
  /** The bytes of the record, to keep: without an environment and without what a call moved, which have secrets. */
  copyRecord(): Buffer {
    const hasContent = isCall(this.type) && this.hasFlag(RECORD_FLAG.content);
    if (!this.#hasEnvironment && !hasContent)
      return Buffer.from(this.#bytes.subarray(this.#at, this.#at + this.u32(HEADER.length)));
    const length = hasContent ? this.#contentStart() : this.#environmentStart();
    const copy = Buffer.from(this.#bytes.subarray(this.#at, this.#at + length));
    copy.writeUInt32LE(length, HEADER.length);
    copy.writeUInt16LE(this.u16(HEADER.flags) & ~SECRET_PARTS, HEADER.flags);
    return copy;
  }
  hasFlag(flag: number): boolean {
    return (this.u16(HEADER.flags) & flag) !== 0;
  }

  /** Whether a text of the record that was asked for, or what is known of the acting process, is not the whole of it. */
  get isCut(): boolean {
    return (
      this.hasFlag(RECORD_FLAG.truncated) || (this.process.exeFlags & EXE_FLAG.cut) !== 0 || this.#isEnvironmentCut
    );
  }

  /** An environment that was asked for is not the whole of it. */
  get isEnvironmentCut(): boolean {
    return this.#isEnvironmentCut;
  }

  /** Nanoseconds since 1970. */
  get wallTimeNs(): number {
    return this.u64(HEADER.time) + this.surroundings.wallOffsetNs;
  }

  /** The name of the acting thread as the kernel has it now. */
  get comm(): string {
    return readName(this.#bytes, this.#at + HEADER.comm, COMM_BYTES);
  }
  /** exec: the same of the parent. */
  get parentComm(): string {
    return readName(this.#bytes, this.#at + EXEC.parent_comm, COMM_BYTES);
  }

  /** exec: path of the program as the kernel resolved it. */
  execPath(): string {
    const path = this.#longPath(this.#at + EXEC.bytes, this.u32(EXEC.exe_length));
    return this.hasFlag(RECORD_FLAG.unlinkedRoot) && path.startsWith('/memfd:') ? path.slice(1) : path;
  }
  execCwd(): string {
    return this.#longPath(this.#at + EXEC.bytes + this.u32(EXEC.exe_length), this.u32(EXEC.cwd_length));
  }
  execArguments(): string[] {
    const length = this.u32(EXEC.args_length);
    return readArguments(this.#bytes, this.#at + this.#environmentStart() - length, length);
  }

  /** exec: path, folder and arguments, decoded in one go: each crossing into native code costs as much as all else of it. */
  execTexts(): { readonly path: string; readonly cwd: string; readonly args: string[] } {
    const start = this.#at + EXEC.bytes;
    const end = this.#at + this.#environmentStart();
    const all = decodeText(this.#bytes, start, end);
    const [exe, cwd] = [this.u32(EXEC.exe_length), this.u32(EXEC.cwd_length)];
    // Where a letter has more than one byte the lengths say nothing of it; and what was cut has its own marks.
    if (all.length !== end - start || this.hasFlag(RECORD_FLAG.truncated | RECORD_FLAG.unlinkedRoot))
      return { path: this.execPath(), cwd: this.execCwd(), args: this.execArguments() };
    return {
      path: exe === 0 ? '/' : turnedPath(all.slice(0, exe - 1)),
      cwd: cwd === 0 ? '/' : turnedPath(all.slice(exe, exe + cwd - 1)),
      args: splitArguments(all.slice(exe + cwd + this.u32(EXEC.name_length))),
    };
  }

  /**
   * The environment of a process, `NAME=value` with a NUL behind each: of the acting one as its program was given it, where the record
   * says that, and as /proc has it now where it does not; null where neither knows.
   *
   * @param isSpaced with spaces in the place of the NULs, as rules compare it
   */
  environmentOf(process: ProcessFacts, isSpaced: boolean): string | null {
    if (process !== this.process || !this.#hasEnvironment) return this.#livingEnvironment(process.pid, isSpaced);
    const [start, end] = [this.#at + this.#environmentStart(), this.#at + this.u32(HEADER.length)];
    const given = isSpaced
      ? readSpaced(this.#bytes, this.#view, start, end).trimEnd()
      : decodeText(this.#bytes, start, end);
    if (!this.hasFlag(RECORD_FLAG.environmentCut)) return given;
    // Anything could hide behind so many bytes. What /proc says is of this program if it begins alike; the last letter may be half.
    const whole = this.#livingEnvironment(process.pid, isSpaced);
    if (whole?.startsWith(given.slice(0, -4)) === true) return whole;
    this.#isEnvironmentCut = true;
    return given;
  }

  #livingEnvironment(pid: number, isSpaced: boolean): string | null {
    const living = this.surroundings.ask(pid);
    const text = living?.environment ?? null;
    if (living === null || text === null) return null;
    this.#isEnvironmentCut ||= living.isEnvironmentCut;
    return isSpaced ? text.replaceAll('\0', ' ').trimEnd() : text;
  }

  get #hasEnvironment(): boolean {
    return this.type === RECORD.exec && this.hasFlag(RECORD_FLAG.environment);
  }

  /** Where it begins in the record of a program, which is where the arguments end. */
  #environmentStart(): number {
    const paths = this.u32(EXEC.exe_length) + this.u32(EXEC.cwd_length) + this.u32(EXEC.name_length);
    return EXEC.bytes + paths + this.u32(EXEC.args_length);
  }

  /** open: the path of the file; when the open failed, the name joined to the folder it was relative to. */
  openPath(): PathName {
    if (this.#path === undefined) {
      const path = this.#pathAt(this.#at + OPEN.bytes, this.u32(OPEN.path_length));
      this.#path = this.hasFlag(RECORD_FLAG.pathFromCwd) ? partPath(plainPath(path.text, this.openName())) : path;
    }
    return this.#path;
  }
  /** open: the name as the program gave it. */
  openName(): string {
    this.#name ??= this.text(OPEN.bytes + this.u32(OPEN.path_length), this.u32(OPEN.name_length));
    return this.#name;
  }

  /** connect and calls on sockets: the other end's address as text, or null when it is not an internet socket. */
  remoteAddress(): string | null {
    return this.#address(this.#socket.remote);
  }
  localAddress(): string | null {
    // connect does not write down which of its IPv6 addresses it took.
    if (this.type === RECORD.connect && this.u16(CONNECT.family) === AF_INET6) return null;
    return this.#address(this.#socket.local);
  }
  remotePort(): number {
    return this.u16(this.#socket.remote_port);
  }
  localPort(): number {
    return this.u16(this.#socket.local_port);
  }
  /** IPv4 over an IPv6 socket (::ffff:1.2.3.4) is IPv4, as it is for Falco. */
  socketFamily(): number {
    const family = this.u16(this.#socket.family);
    return family === AF_INET6 && this.#isMapped(this.#socket.remote) ? AF_INET : family;
  }
  socketProtocol(): number {
    return this.u16(this.#socket.protocol);
  }
  /** connect and calls: path of a unix socket (an abstract one begins with "@"), or null. */
  socketPath(): string | null {
    if (this.type === RECORD.dns || this.socketFamily() !== AF_UNIX) return null;
    const length = this.u32(this.#socket.path_length);
    if (length === 0) return null;
    const start = this.#at + (isCall(this.type) ? this.#partsOfCall() : CONNECT.bytes);
    if (length > 1 && this.#bytes[start] === 0) return `@${readText(this.#bytes, start + 1, length - 1)}`;
    return readText(this.#bytes, start, length);
  }

  /** dns: what the first question of the message asks; null when it is none. */
  question(): Question | null {
    if (this.type !== RECORD.dns) return null;
    const start = this.#at + CONNECT.bytes;
    return readQuestion(this.#bytes.subarray(start, start + this.u32(CONNECT.path_length)));
  }

  /** The flags by which a process was made; null in recordings of sensors that did not write them down. */
  forkFlags(): number | null {
    // fork and vfork have none, whatever the kernel makes of them.
    if (this.type === RECORD.fork || this.type === RECORD.vfork) return 0;
    return this.#hasForkFlags ? this.u64(FORK.clone_flags) : null;
  }
  get #hasForkFlags(): boolean {
    return this.u32(HEADER.length) >= FORK.bytes;
  }

  /** Calls: an argument as it was given; exact below 2^53. */
  callArgument(place: number): number {
    return this.u64(CALL.arguments + 8 * place);
  }
  /** Calls: an argument that is a C int, as descriptors are. */
  callInteger(place: number): number {
    return this.i32(CALL.arguments + 8 * place);
  }
  /** Calls: the path of the file behind the descriptor; null for sockets and where there is none. */
  callFile(): PathName | null {
    const length = this.u32(CALL.file_length);
    if (length === 0) return null;
    const path = this.#pathAt(this.#at + CALL.bytes, length);
    return path.text.startsWith('/memfd:') ? partPath(path.text.slice(1)) : path;
  }
  /** Calls: a name as the program gave it. */
  callName(which: 0 | 1): string {
    return this.text(
      this.#startOfName(which) + this.u32(CALL.folder_length + 4 * which),
      this.u32(CALL.name_length + 4 * which),
    );
  }
  /** Calls: a name made whole; links are not followed. */
  callPath(which: 0 | 1): string {
    const name = this.callName(which);
    if (name === '') return name;
    if (name.startsWith('/')) return plainPath('/', name);
    const length = this.u32(CALL.folder_length + 4 * which);
    return plainPath(this.#pathAt(this.#at + this.#startOfName(which), length).text, name);
  }

  /** Calls: the bytes that it moved, of many the first; null where they were not asked for. */
  content(): Buffer | null {
    if (!isCall(this.type) || !this.hasFlag(RECORD_FLAG.content)) return null;
    return this.#bytes.subarray(this.#at + this.#contentStart(), this.#at + this.u32(HEADER.length));
  }

  #pathAt(at: number, length: number): PathName {
    if (this.hasFlag(RECORD_FLAG.truncated) && this.#lacksRoot(at, length)) return partPath(this.#longPath(at, length));
    return this.#paths.find(this.#bytes, this.#view, at, length);
  }

  /** A path as text. What lost its beginning does not begin at the root: it must not look as if it did. */
  #longPath(at: number, length: number): string {
    const path = readReversedPath(this.#bytes, at, length);
    return this.hasFlag(RECORD_FLAG.truncated) && this.#lacksRoot(at, length) ? `…${path}` : path;
  }

  #lacksRoot(at: number, length: number): boolean {
    if (length >= WHOLE_PATH.bytes) return true;
    let names = 0;
    for (let i = at; i < at + length; i++) if (this.#bytes[i] === 0) names++;
    return names >= WHOLE_PATH.names;
  }

  #startOfName(which: 0 | 1): number {
    const first = CALL.bytes + this.u32(CALL.file_length);
    return which === 0 ? first : first + this.u32(CALL.folder_length) + this.u32(CALL.name_length);
  }
  #partsOfCall(): number {
    return this.#startOfName(1) + this.u32(CALL.folder_length + 4) + this.u32(CALL.name_length + 4);
  }

  #contentStart(): number {
    return this.#partsOfCall() + this.u32(CALL.path_length);
  }

  get #socket(): typeof CALL | typeof CONNECT {
    return isCall(this.type) ? CALL : CONNECT;
  }

  #isMapped(offset: number): boolean {
    return this.u64(offset) === 0 && this.u32(offset + 8) === 0xffff_0000;
  }

  #address(offset: number): string | null {
    const family = this.socketFamily();
    const isMapped = this.u16(this.#socket.family) === AF_INET6;
    const at = this.#at + offset + (isMapped && family === AF_INET ? 12 : 0);
    if (family === AF_INET)
      return `${this.#bytes[at]}.${this.#bytes[at + 1]}.${this.#bytes[at + 2]}.${this.#bytes[at + 3]}`;
    if (family !== AF_INET6) return null;
    const words: string[] = [];
    for (let i = 0; i < 16; i += 2) words.push(this.#view.getUint16(at + i, false).toString(16));
    return addressOfWords(words);
  }

  /** What the call answered: a descriptor or zero, or minus errno; null for events that are not calls. */
  result(): number | null {
    if (isOpen(this.type)) return this.i32(OPEN.result);
    if (this.type === RECORD.connect || this.type === RECORD.dns) return this.i32(CONNECT.result);
    if (this.type === RECORD.exec) return 0;
    if (isFork(this.type)) return this.#hasForkFlags ? this.i32(FORK.result) : null;
    if (isCall(this.type)) return Number(this.#view.getBigInt64(this.#at + CALL.result, true));
    return null;
  }
}

/** The canonical text of an IPv6 address (RFC 5952): the first longest run of zero words becomes "::". */
export function addressOfWords(words: readonly string[]): string {
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (words[i + length] === '0') length++;
    if (length > bestLength) {
      best = i;
      bestLength = length;
    }
  }
  if (best === -1) return words.join(':');
  return `${words.slice(0, best).join(':')}::${words.slice(best + bestLength).join(':')}`;
}

/** A stand-in for a process of which nothing but the pid (and perhaps the name) is known. */
export function unknownProcess(pid: number, startedNs: number, name = ''): ProcessFacts {
  return {
    pid,
    startedNs,
    ppid: 0,
    parentStartedNs: 0,
    name,
    parentName: '',
    exe: '',
    exePath: '',
    args: [],
    cwd: '',
    uid: 0,
    gid: 0,
    loginUid: 0xffffffff,
    tty: 0,
    session: 0,
    innerPid: 0,
    exeFlags: 0,
    exeInode: 0,
    exeChangedNs: 0,
    exeModifiedNs: 0,
    capabilities: { inheritable: 0n, permitted: 0n, effective: 0n },
    execTimeNs: 0,
  };
}

/** The command line as it is told to people: where not all of it is kept, it says so. */
export function shownCommandLine(process: ProcessFacts): string {
  return (process.exeFlags & EXE_FLAG.cut) === 0 ? commandLine(process) : `${commandLine(process)}…`;
}

/** The command line as Falco prints it: the kernel's name and the arguments. */
export function commandLine(process: ProcessFacts): string {
  return process.args.length === 0 ? process.name : `${process.name} ${process.args.join(' ')}`;
}
