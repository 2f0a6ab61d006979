import { FormatError } from '../../formats/index.ts';
import { resultName } from '../kernel-words.ts';
import { decodeText } from '../text.ts';
import { SYSCALL_NAMES } from './event-lines.ts';
import { EVENT_TYPES, type EventType, type Parameter } from './event-types.ts';
import { PARAMETERS_MAX } from './limits.ts';
import { addressText, endText, FAMILY, joinEnds, readAddress, readPair } from './sockets.ts';
import { DESCRIPTOR_KINDS, type Descriptor, type RecordedContainer, type RecordedUser, type Thread } from './state.ts';

const HEAD_BYTES = 22;
const COUNT_BYTES = 4;
/** A descriptor in a list of poll: 8 bytes of number, 2 of bits. */
const POLLED_BYTES = 10;
const NOT_PARTED = -1;
const SIGNALS = (
  ' SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM ' +
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
  /** The name of the machine that was recorded; '' where the recorder did not say it. */
  readonly hostname: string;
  /** Whether the address is one of the machine that was recorded. */
  isOwnAddress(address: string): boolean;
}

/** How a block holds its event. */
export interface EventForm {
  /** Whether the event says how many parameters it has; else that follows from its length. */
  readonly counted: boolean;
  /** Whether 4 bytes of flags stand before it. */
  readonly hasFlags: boolean;
}

/**
 * One event of a recording, with what the recording knew when it happened. The object is a window that moves from event to
 * event: nothing but the texts and numbers it answered may be kept.
 */
export class ScapEvent {
  readonly surroundings: RecordedSurroundings;
  number = 0;
  cpu = 0;
  type: EventType = EVENT_TYPES[0] as EventType;
  tid = 0;
  thread: Thread | null = null;
  /** The descriptor that the event is about, where there is one. */
  fd: number | null = null;
  descriptor: Descriptor | null = null;
  /** Of an open that failed: what was to be opened. */
  triedPath: string | null = null;
  /** When it happened, in halves: their differences are exact, and need no big number for each event. */
  timeHigh = 0;
  timeLow = 0;
  /** When the first event happened, and the one before this. */
  startHigh = 0;
  startLow = 0;
  lastHigh = 0;
  lastLow = 0;
  /** Of a switch: how long the thread that goes was on the processor. */
  ranNs = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #head = 0;
  #end = 0;
  #isCounted = false;
  /** How many parameters there are; where each begins, and where the last one ends. */
  #count = NOT_PARTED;
  readonly #bounds = new Uint32Array(PARAMETERS_MAX + 1);

  constructor(surroundings: RecordedSurroundings) {
    this.surroundings = surroundings;
  }

  /**
   * Moves to the event between the two places: 2 bytes of processor, 4 of flags where the block has them, then the event.
   *
   * @returns false for a number that no recorder of our table knows
   */
  load(bytes: Buffer, start: number, end: number, { counted, hasFlags }: EventForm, number: number): boolean {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    const view = this.#view;
    const at = start + (hasFlags ? 6 : 2);
    const head = at + HEAD_BYTES + (counted ? COUNT_BYTES : 0);
    if (end < head) {
      throw new FormatError('scap.truncated', `event ${number} is shorter than its head`, {
        spanish: `el evento ${number} es más corto que su cabecera`,
      });
    }
    const length = view.getUint32(at + 16, true);
    const type = EVENT_TYPES[view.getUint16(at + 20, true)];
    if (length < head - at || at + length > end) {
      throw new FormatError('scap.size', `event ${number} claims ${length} bytes of ${end - start}`, {
        spanish: `el evento ${number} dice tener ${length} bytes de ${end - start}`,
      });
    }
    if (type === undefined) return false;
    this.number = number;
    this.type = type;
    this.#at = at;
    this.cpu = view.getUint16(start, true);
    this.timeLow = view.getUint32(at, true);
    this.timeHigh = view.getUint32(at + 4, true);
    const [tidLow, tidHigh] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
    // A small integer, as nearly all are, is found in a map at less cost.
    this.tid = tidHigh === 0 && tidLow >= 0 ? tidLow : tidHigh * 0x1_0000_0000 + (tidLow >>> 0);
    this.thread = null;
    this.fd = null;
    this.descriptor = null;
    this.triedPath = null;
    this.#head = head;
    this.#end = at + length;
    this.#isCounted = counted;
    this.#count = NOT_PARTED;
    return true;
  }

  /** Finds where the parameters stand: of many events nobody asks for one. */
  #part(): void {
    const head = this.#head;
    const end = this.#end;
    const isCounted = this.#isCounted;
    this.#partParameters(
      head,
      end,
      isCounted ? this.#view.getUint32(head - COUNT_BYTES, true) : this.#countParameters(head, end),
    );
  }

  /** How many parameters an event of an older recorder has: the number whose lengths add up to the event's. */
  #countParameters(head: number, end: number): number {
    for (let count = this.type.parameters.length; count >= 0; count--) {
      let total = head + count * 2;
      for (let index = 0; index < count && total <= end; index++) {
        const place = head + index * 2;
        total += place + 2 > end ? end : this.#view.getUint16(place, true);
      }
      if (total === end) return count;
    }
    return 0;
  }

  #partParameters(head: number, end: number, count: number): void {
    const size = this.type.isLong ? 4 : 2;
    let at = head + count * size;
    if (count > PARAMETERS_MAX || at > end) {
      throw new FormatError('scap.truncated', `${count} parameters of event ${this.number} do not fit into it`, {
        spanish: `${count} parámetros del evento ${this.number} no caben en él`,
      });
    }
    this.#count = count;
    this.#bounds[0] = at;
    for (let index = 0; index < count; index++) {
      const place = head + index * size;
      at += size === 2 ? this.#view.getUint16(place, true) : this.#view.getUint32(place, true);
      if (at > end) {
        throw new FormatError('scap.truncated', `parameter ${index} of event ${this.number} does not fit into it`, {
          spanish: `el parámetro ${index} del evento ${this.number} no cabe en él`,
        });
      }
      this.#bounds[index + 1] = at;
    }
  }

  /** Nanoseconds since the first event, and since the one before this. */
  get sinceStartNs(): number {
    return this.since(this.startHigh, this.startLow);
  }
  get sinceLastNs(): number {
    return this.since(this.lastHigh, this.lastLow);
  }

  /** Nanoseconds since another time in halves. */
  since(high: number, low: number): number {
    return (this.timeHigh - high) * 0x1_0000_0000 + (this.timeLow - low);
  }

  /** Nanoseconds since 1970. */
  get timeNs(): bigint {
    return this.#view.getBigUint64(this.#at, true);
  }

  /** Falco's name of the event; a call without an event of its own goes by the name of the call. */
  get name(): string {
    if (this.type.number > 1) return this.type.name;
    return callName(this.integer('ID') ?? 0);
  }

  /** RFC 3339 in UTC, with nanoseconds. */
  get timeText(): string {
    const text = new Date(Number(this.timeNs / 1_000_000n)).toISOString();
    return `${text.slice(0, -4)}${String(this.timeNs % 1_000_000_000n).padStart(9, '0')}Z`;
  }

  /** The place of a parameter; -1 when this recorder did not write it. */
  #placeOf(name: string): number {
    if (this.#count === NOT_PARTED) this.#part();
    const place = this.type.places.get(name) ?? -1;
    return place < this.#count ? place : -1;
  }

  #bytesAt(place: number): Buffer {
    return this.#bytes.subarray(this.#bounds[place] ?? 0, this.#bounds[place + 1] ?? 0);
  }

  /** The bytes of a parameter, valid until the next event; null when this recorder did not write it. */
  bytes(name: string): Buffer | null {
    const place = this.#placeOf(name);
    return place < 0 ? null : this.#bytesAt(place);
  }

  /** A parameter as a number, exact below 2^53; null when it is none, is empty, or is not there. */
  integer(name: string): number | null {
    const place = this.#placeOf(name);
    return place < 0 ? null : this.#integerAt(place);
  }

  /** The descriptor it names, as a number. */
  get namedFd(): number | null {
    return this.integerAt(this.type.fdPlace);
  }

  /** The same by the place of the parameter; -1 is none. */
  integerAt(place: number): number | null {
    if (place < 0) return null;
    if (this.#count === NOT_PARTED) this.#part();
    return place < this.#count ? this.#integerAt(place) : null;
  }

  #integerAt(place: number): number | null {
    const at = this.#bounds[place] ?? 0;
    const view = this.#view;
    const isSigned = this.type.parameters[place]?.isSigned === true;
    switch ((this.#bounds[place + 1] ?? 0) - at) {
      case 1:
        return isSigned ? view.getInt8(at) : view.getUint8(at);
      case 2:
        return isSigned ? view.getInt16(at, true) : view.getUint16(at, true);
      case 4:
        return isSigned ? view.getInt32(at, true) : view.getUint32(at, true);
      case 8: {
        const high = isSigned ? view.getInt32(at + 4, true) : view.getUint32(at + 4, true);
        return high * 0x1_0000_0000 + view.getUint32(at, true);
      }
      default:
        return null;
    }
  }

  long(name: string): bigint | null {
    const place = this.#placeOf(name);
    const parameter = this.type.parameters[place];
    return parameter === undefined ? null : readInteger(parameter, this.#bytesAt(place));
  }

  /** A path that older recorders say where the call begins, and not again at its end. */
  entered(name: string): string | null {
    const { entered } = this.thread ?? { entered: null };
    return entered?.name === this.type.name ? (entered.remembered?.paths.get(name) ?? null) : null;
  }

  text(name: string): string | null {
    const place = this.#placeOf(name);
    return place < 0 ? null : untilNul(this.#bytes, this.#bounds[place] ?? 0, this.#bounds[place + 1] ?? 0);
  }

  /** The parameters that are there, as text in the way Falco prints them. */
  get arguments(): readonly { readonly name: string; readonly text: string }[] {
    if (this.#count === NOT_PARTED) this.#part();
    return this.type.parameters
      .slice(0, this.#count)
      .map((parameter, index) => ({ name: parameter.name, text: this.#print(parameter, index, 'long') }));
  }

  /** One parameter as `evt.arg` answers it; null when it is not there. */
  argument(name: string): string | null {
    if (this.#count === NOT_PARTED) this.#part();
    const index = /^\d+$/.test(name) ? Number(name) : (this.type.places.get(name) ?? -1);
    const parameter = this.type.parameters[index];
    if (parameter === undefined || index >= this.#count) return null;
    return this.#print(parameter, index, 'short');
  }

  /** The descriptors that poll waits for; null for other calls. */
  get polled(): readonly number[] | null {
    const bytes = this.bytes('fds');
    return bytes === null ? null : readPolled(bytes).map(({ fd }) => fd);
  }

  /** What the call answered; null for events that are not the end of a call. */
  get result(): number | null {
    if (!this.type.answers) return null;
    if (this.#count === NOT_PARTED) this.#part();
    return this.#count > 0 ? this.#integerAt(0) : null;
  }

  #print(parameter: Parameter, index: number, form: 'long' | 'short'): string {
    const bytes = this.#bytesAt(index);
    const value = readInteger(parameter, bytes);
    switch (parameter.type) {
      case 'text':
      case 'path':
      case 'relpath': {
        const raw = untilNul(bytes);
        const whole = this.#resolve(parameter, raw);
        return whole === raw ? raw : withWord(raw, whole, form);
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
        if (value === BigInt(CWD)) return withWord(value.toString(), 'AT_FDCWD', form);
        if (value < 0n) return withWord(value.toString(), resultName(Number(value)), form);
        const there = this.thread?.fds.get(Number(value));
        if (there === undefined) return value.toString();
        const word = `<${letterOf(there)}>${there.name}`;
        return withWord(value.toString(), word, form);
      }
      case 'pid': {
        if (value === null) return '';
        const there = this.surroundings.thread(Number(value));
        return there === undefined ? value.toString() : withWord(value.toString(), there.comm, form);
      }
      case 'uid':
        return value === null ? '' : withWord(`${value}`, this.surroundings.user(Number(value))?.name ?? '', form);
      case 'gid':
        return value === null ? '' : withWord(`${value}`, this.surroundings.group(Number(value)) ?? '', form);
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
        return value === null ? '' : withWord(value.toString(), SIGNALS[Number(value)] ?? '', form);
      case 'duration':
        return value === null
          ? ''
          : withWord(value.toString(), `${Number((Number(value) / 1e9).toPrecision(6))}s`, form);
      case 'syscall':
        if (value === null) return '';
        return form === 'short' ? callName(Number(value)) : value.toString();
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

/** A part that is empty, '.' or '..', or a slash at the end. */
const UNTIDY = /\/(?:\.{0,2})(?:\/|$)/;

/** Joins and takes out '.', '..' and doubled slashes, as text only. */
export function resolvePath(folder: string, name: string): string {
  if (name.startsWith('/') && !UNTIDY.test(name)) return name;
  const whole = name.startsWith('/') ? name : `${folder.endsWith('/') || folder === '' ? folder : `${folder}/`}${name}`;
  const parts: string[] = [];
  for (const part of whole.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `${whole.startsWith('/') ? '/' : ''}${parts.join('/')}`;
}

function callName(number: number): string {
  const name = SYSCALL_NAMES[number];
  return name === undefined || name === '-' || name === 'unknown' ? '<unknown>' : name;
}

function readInteger({ isSigned }: Parameter, bytes: Buffer): bigint | null {
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
  if (word === '') return number;
  return form === 'short' ? word : `${number}(${word})`;
}

/** Of more Falco prints the beginning. */
const PRINTED_BYTES_MAX = 80;
const CUT = '...';
const LISTS = new Set(['args', 'env', 'cgroups']);

/** Bytes with a dot for each that cannot be printed; lists of texts as Falco prints them. */
function printBytes(name: string, bytes: Buffer): string {
  if (LISTS.has(name) && bytes.length <= PRINTED_BYTES_MAX) return bytes.toString().replaceAll('\0', '.');
  let text = '';
  const isWhole = bytes.length <= PRINTED_BYTES_MAX;
  for (const byte of isWhole ? bytes : bytes.subarray(0, PRINTED_BYTES_MAX - CUT.length)) {
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.';
  }
  return isWhole ? text : `${text}${CUT}`;
}

/** What a call waits for: descriptors, each with the bits of its events. */
function readPolled(bytes: Buffer): { fd: number; bits: number }[] {
  if (bytes.length < 2) return [];
  const count = Math.min(bytes.readUInt16LE(0), Math.floor((bytes.length - 2) / POLLED_BYTES));
  return Array.from({ length: count }, (_, index) => {
    const at = 2 + index * POLLED_BYTES;
    return { fd: Number(bytes.readBigInt64LE(at)), bits: bytes.readUInt16LE(at + 8) };
  });
}

function printFds(bytes: Buffer, thread: Thread | null): string {
  const texts = readPolled(bytes).map(({ fd, bits }) => {
    const there = thread?.fds.get(fd);
    const letter = there === undefined ? 'o' : DESCRIPTOR_KINDS[there.kind].letter;
    return `${fd}:${letter}${bits.toString(16).toUpperCase()}`;
  });
  return texts.join(' ');
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

function untilNul(bytes: Buffer, start = 0, end: number = bytes.length): string {
  let stop = start;
  while (stop < end && bytes[stop] !== 0) stop++;
  return decodeText(bytes, start, stop);
}

export { FAMILY };
