import { FormatError } from '../../formats/index.ts';
import { resultName } from '../kernel-words.ts';
import { SYSCALL_NAMES } from './event-lines.ts';
import { EVENT_TYPES, type EventType, type Parameter } from './event-types.ts';
import { addressText, endText, FAMILY, joinEnds, readAddress, readPair } from './sockets.ts';
import { DESCRIPTOR_KINDS, type Descriptor, type RecordedContainer, type RecordedUser, type Thread } from './state.ts';

const HEAD_BYTES = 22;
const COUNT_BYTES = 4;
const SIGNALS = (
  'SIGNONE SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM ' +
  'SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH ' +
  'SIGIO SIGPWR SIGSYS'
).split(' ');

/** What stands around an event: asked by its fields, answered by the recording's state. */
export interface RecordedSurroundings {
  thread(tid: number): Thread | undefined;
  user(uid: number): RecordedUser | undefined;
  group(gid: number): string | undefined;
  container(id: string): RecordedContainer | undefined;
  childrenOf(pid: number): number;
  /** Whether the address is one of the machine that was recorded. */
  isOwnAddress(address: string): boolean;
}

/** One event of a recording, with what the recording knew when it happened. Valid until the next one. */
export class ScapEvent {
  readonly number: number;
  readonly cpu: number;
  readonly type: EventType;
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly tid: number;
  readonly surroundings: RecordedSurroundings;
  readonly #values: readonly Buffer[];
  thread: Thread | null = null;
  /** The descriptor that the event is about, where there is one. */
  fd: number | null = null;
  descriptor: Descriptor | null = null;
  /** Of an open that failed: what was to be opened. */
  triedPath: string | null = null;

  private constructor(
    number: number,
    cpu: number,
    type: EventType,
    timeNs: bigint,
    tid: number,
    values: readonly Buffer[],
    surroundings: RecordedSurroundings,
  ) {
    this.number = number;
    this.cpu = cpu;
    this.type = type;
    this.timeNs = timeNs;
    this.tid = tid;
    this.#values = values;
    this.surroundings = surroundings;
  }

  /**
   * @param body of an event block: 2 bytes of processor, 4 of flags where the block has them, then the event
   * @param counted whether the event says how many parameters it has; else that follows from its length
   * @returns null for a number that no recorder of our table knows
   */
  static read(
    body: Buffer,
    { counted, hasFlags }: { counted: boolean; hasFlags: boolean },
    number: number,
    surroundings: RecordedSurroundings,
  ): ScapEvent | null {
    const at = hasFlags ? 6 : 2;
    const head = at + HEAD_BYTES + (counted ? COUNT_BYTES : 0);
    if (body.length < head) throw new FormatError('scap.truncated', `event ${number} is shorter than its head`);
    const length = body.readUInt32LE(at + 16);
    const type = EVENT_TYPES[body.readUInt16LE(at + 20)];
    if (length < head - at || at + length > body.length) {
      throw new FormatError('scap.size', `event ${number} claims ${length} bytes of ${body.length}`);
    }
    if (type === undefined) return null;
    const bytes = body.subarray(head, at + length);
    const count = counted ? body.readUInt32LE(at + HEAD_BYTES) : countParameters(bytes, type);
    const values = partParameters(bytes, count, type.isLong ? 4 : 2, number);
    const timeNs = body.readBigUInt64LE(at);
    const tid = Number(body.readBigInt64LE(at + 8));
    return new ScapEvent(number, body.readUInt16LE(0), type, timeNs, tid, values, surroundings);
  }

  /** Falco's name of the event; a call without an event of its own goes by the name of the call. */
  get name(): string {
    if (this.type.number > 1) return this.type.name;
    const name = SYSCALL_NAMES[this.integer('ID') ?? 0];
    return name === undefined || name === '-' || name === 'unknown' ? '<unknown>' : name;
  }

  /** RFC 3339 in UTC, with nanoseconds. */
  get timeText(): string {
    const text = new Date(Number(this.timeNs / 1_000_000n)).toISOString();
    return `${text.slice(0, -4)}${String(this.timeNs % 1_000_000_000n).padStart(9, '0')}Z`;
  }

  /** The bytes of a parameter; null when this recorder did not write it. */
  bytes(name: string): Buffer | null {
    const index = this.type.parameters.findIndex((one) => one.name === name);
    return index < 0 ? null : (this.#values[index] ?? null);
  }

  /** A parameter as a number; null when it is none, is empty, or is not there. */
  integer(name: string): number | null {
    const value = this.long(name);
    return value === null ? null : Number(value);
  }

  long(name: string): bigint | null {
    const index = this.type.parameters.findIndex((one) => one.name === name);
    const parameter = this.type.parameters[index];
    const bytes = this.#values[index];
    return parameter === undefined || bytes === undefined ? null : readInteger(parameter, bytes);
  }

  text(name: string): string | null {
    const bytes = this.bytes(name);
    return bytes === null ? null : untilNul(bytes);
  }

  /** The parameters that are there, as text in the way Falco prints them. */
  get arguments(): readonly { readonly name: string; readonly text: string }[] {
    return this.type.parameters
      .slice(0, this.#values.length)
      .map((parameter, index) => ({ name: parameter.name, text: this.#print(parameter, index, 'long') }));
  }

  /** One parameter as `evt.arg` answers it; null when it is not there. */
  argument(name: string): string | null {
    const index = /^\d+$/.test(name) ? Number(name) : this.type.parameters.findIndex((one) => one.name === name);
    const parameter = this.type.parameters[index];
    if (parameter === undefined || index >= this.#values.length) return null;
    return this.#print(parameter, index, 'short');
  }

  /** What the call answered; null for events that are not the end of a call. */
  get result(): bigint | null {
    if (!this.type.isExit) return null;
    const [first] = this.type.parameters;
    const bytes = this.#values[0];
    if (first === undefined || bytes === undefined) return null;
    if (first.name !== 'res' && first.name !== 'fd') return null;
    return readInteger(first, bytes);
  }

  #print(parameter: Parameter, index: number, form: 'long' | 'short'): string {
    const bytes = this.#values[index] ?? Buffer.alloc(0);
    const value = readInteger(parameter, bytes);
    switch (parameter.type) {
      case 'text':
      case 'path':
      case 'relpath': {
        const raw = untilNul(bytes);
        return form === 'short' ? this.#resolve(parameter, raw) : raw;
      }
      case 'bytes':
        return printBytes(parameter.name, bytes);
      case 'errno': {
        if (value === null) return '';
        return value < 0n
          ? withWord(value.toString(), resultName(Number(value)), form)
          : printInteger(parameter, value, form);
      }
      case 'fd': {
        if (value === null) return '';
        if (value < 0n) return withWord(value.toString(), resultName(Number(value)), form);
        const there = this.thread?.fds.get(Number(value));
        if (there === undefined || form === 'short') return value.toString();
        return `${value}(<${letterOf(there)}>${there.name})`;
      }
      case 'pid': {
        if (value === null) return '';
        const there = this.surroundings.thread(Number(value));
        return there === undefined || form === 'short' ? value.toString() : `${value}(${there.comm})`;
      }
      case 'address': {
        const address = readAddress(bytes);
        return address === null ? 'NULL' : address.family === 'unix' ? address.path : endText(address.end);
      }
      case 'tuple': {
        const pair = readPair(bytes);
        if (pair === null) return 'NULL';
        return pair.family === 'unix' ? pair.text : joinEnds(pair.from, pair.to);
      }
      case 'ipv4':
        return addressText(bytes);
      case 'fds':
        return printFds(bytes, this.thread);
      case 'signal':
        return value === null ? '' : (SIGNALS[Number(value)] ?? value.toString());
      case 'bool':
        return value === 0n ? 'false' : 'true';
      case 'dynamic':
        return printDynamic(bytes);
      case 'double':
        return bytes.length < 8 ? '' : String(bytes.readDoubleLE(0));
      default:
        if (value === null) return '';
        return printInteger(parameter, value, form);
    }
  }

  /** A path of the call made whole: from the folder it names, or the working folder. */
  #resolve(parameter: Parameter, raw: string): string {
    if (parameter.type === 'text' || raw === '' || raw === '<NA>') return raw;
    if (parameter.type === 'path') return resolvePath(this.thread?.cwd ?? '', raw);
    const folder = parameter.folder === null ? undefined : this.type.parameters[parameter.folder];
    return resolvePath(folder === undefined ? '' : folderOf(this.thread, this.integer(folder.name)), raw);
  }
}

/** The letter of the kind, and for internet sockets that of the protocol: '4t' is TCP over IPv4. */
export function letterOf({ kind, protocol }: Descriptor): string {
  const { letter } = DESCRIPTOR_KINDS[kind];
  return kind === 'ipv4' || kind === 'ipv6' ? `${letter}${protocol?.[0] ?? ''}` : letter;
}

/** AT_FDCWD. */
const CWD = -100;

/** The folder that a path relative to a descriptor starts from. */
export function folderOf(thread: Thread | null, fd: number | null): string {
  if (thread === null) return '';
  if (fd === null || fd === CWD) return thread.cwd;
  return thread.fds.get(fd)?.name ?? '<UNKNOWN>';
}

/** Joins and takes out '.', '..' and doubled slashes, as text only. */
export function resolvePath(folder: string, name: string): string {
  const whole = name.startsWith('/') ? name : `${folder.endsWith('/') || folder === '' ? folder : `${folder}/`}${name}`;
  const parts: string[] = [];
  for (const part of whole.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `${whole.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}

/** How many parameters an event of an older recorder has: the number whose lengths add up to the event's. */
function countParameters(bytes: Buffer, type: EventType): number {
  for (let count = type.parameters.length; count >= 0; count--) {
    let total = count * 2;
    for (let index = 0; index < count && total <= bytes.length; index++) total += lengthAt(bytes, index, 2);
    if (total === bytes.length) return count;
  }
  return 0;
}

function lengthAt(bytes: Buffer, index: number, size: 2 | 4): number {
  const at = index * size;
  if (at + size > bytes.length) return Number.POSITIVE_INFINITY;
  return size === 2 ? bytes.readUInt16LE(at) : bytes.readUInt32LE(at);
}

function partParameters(bytes: Buffer, count: number, size: 2 | 4, number: number): Buffer[] {
  const values: Buffer[] = [];
  let at = count * size;
  for (let index = 0; index < count; index++) {
    const length = lengthAt(bytes, index, size);
    if (at + length > bytes.length) {
      throw new FormatError('scap.truncated', `parameter ${index} of event ${number} does not fit into it`);
    }
    values.push(bytes.subarray(at, at + length));
    at += length;
  }
  return values;
}

const SIGNED = new Set(['int8', 'int16', 'int32', 'int64', 'errno', 'fd', 'pid']);

function readInteger(parameter: Parameter, bytes: Buffer): bigint | null {
  const isSigned = SIGNED.has(parameter.type);
  switch (bytes.length) {
    case 1:
      return BigInt(isSigned ? bytes.readInt8(0) : bytes.readUInt8(0));
    case 2:
      return BigInt(isSigned ? bytes.readInt16LE(0) : bytes.readUInt16LE(0));
    case 4:
      return BigInt(isSigned ? bytes.readInt32LE(0) : bytes.readUInt32LE(0));
    case 8:
      return isSigned ? bytes.readBigInt64LE(0) : bytes.readBigUInt64LE(0);
    default:
      return null;
  }
}

/** Words of a value: for bits all that are set, in the table's order. */
export function wordsOf({ words }: Parameter, value: bigint): string {
  if (words === null) return '';
  if (words.kind === 'value') return words.list.find(([, number]) => BigInt(number) === value)?.[0] ?? '';
  let left = value;
  const found: string[] = [];
  for (const [word, number] of words.list) {
    const bits = BigInt(number);
    if (bits === 0n ? value === 0n : (left & bits) === bits) {
      found.push(word);
      left &= ~bits;
    }
  }
  return found.join('|');
}

function printInteger(parameter: Parameter, value: bigint, form: 'long' | 'short'): string {
  const { base, words } = parameter;
  const number =
    base === 16 ? value.toString(16).toUpperCase() : base === 8 && value !== 0n ? `0${value.toString(8)}` : `${value}`;
  if (words === null) return number;
  const text = wordsOf(parameter, value);
  if (form === 'short') return text === '' ? number : text;
  return text === '' ? number : `${number}(${text})`;
}

function withWord(number: string, word: string, form: 'long' | 'short'): string {
  return form === 'short' ? word : `${number}(${word})`;
}

const LISTS = new Set(['args', 'env', 'cgroups']);

/** Bytes with a dot for each that cannot be printed; lists of texts as Falco prints them. */
function printBytes(name: string, bytes: Buffer): string {
  if (LISTS.has(name)) return bytes.toString('utf8', 0, bytes.length).replaceAll('\0', '.');
  let text = '';
  for (const byte of bytes) text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  return text;
}

function printFds(bytes: Buffer, thread: Thread | null): string {
  if (bytes.length < 2) return '';
  const count = bytes.readUInt16LE(0);
  const list: string[] = [];
  for (let index = 0; index < count; index++) {
    const at = 2 + index * 10;
    if (at + 10 > bytes.length) break;
    const fd = bytes.readBigInt64LE(at);
    const there = thread?.fds.get(Number(fd));
    const letter = there === undefined ? 'o' : DESCRIPTOR_KINDS[there.kind].letter;
    list.push(
      `${fd}:${letter}${bytes
        .readUInt16LE(at + 8)
        .toString(16)
        .toUpperCase()}`,
    );
  }
  return list.join(' ');
}

/** A value with a byte before it that says which of several types it has. */
function printDynamic(bytes: Buffer): string {
  const rest = bytes.subarray(1);
  switch (rest.length) {
    case 1:
      return String(rest.readInt8(0));
    case 4:
      return String(rest.readInt32LE(0));
    case 8:
      return String(rest.readBigInt64LE(0));
    default:
      return rest.toString('hex');
  }
}

function untilNul(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
}

export { FAMILY };
