/** Programs started, as the audit system of the kernel tells them: with arguments, and also of processes that have ended since. */
import { closeSync, existsSync, readSync, writeSync } from 'node:fs';
import type { Text } from '../system/index.ts';
import { errnoText, openNetlink } from '../system/native.ts';

// include/uapi/linux/audit.h
const NETLINK_AUDIT = 9;
const AUDIT_GET = 1000;
const AUDIT_SET = 1001;
const AUDIT_ADD_RULE = 1011;
const AUDIT_DEL_RULE = 1012;
const TYPE = { syscall: 1300, path: 1302, cwd: 1307, execve: 1309, end: 1320, replace: 1329 } as const;
const GROUP_READLOG = 1;
/** Members of struct audit_status: the bit that says that one is to be set, and where it stands. */
const STATUS = {
  enabled: { bit: 0x01, at: 4 },
  pid: { bit: 0x04, at: 12 },
  backlog: { bit: 0x10, at: 20 },
  wait: { bit: 0x20, at: 36 },
} as const;
const STATUS_FAILURE_AT = 8;
const STATUS_LOST_AT = 24;
const FAILURE_HALTS = 2;
/** As the audit daemon's own rules usually have it; the kernel's own is 64, some ten programs. */
const BACKLOG_RECORDS = 8_192;
const FILTER_EXIT = 4;
const ALWAYS = 2;
const FIELD = { arch: 11, key: 210 } as const;
const EQUAL = 0x4000_0000;
const NLM_REQUEST = 1;
const NLM_REQUEST_ACK = 5;
const NLMSG_ERROR = 2;
const HEADER_BYTES = 16;
const STATUS_BYTES = 40;
const MASK_WORDS = 64;
const FIELDS_MAX = 64;
const BUFFER_BYTES = 65_536;
const EEXIST = 17;
const EIO = 5;
/** The kernel answers at once, if it runs. */
const ANSWER_MS = 2_000;
/** execve and execveat of each processor's own programs, and of the 32-bit ones that it starts as well. */
const PROCESSORS: Readonly<Record<string, readonly { readonly arch: number; readonly calls: readonly number[] }[]>> = {
  x64: [
    { arch: 0xc000003e, calls: [59, 322] },
    { arch: 0x40000003, calls: [11, 358] },
  ],
  arm64: [
    { arch: 0xc00000b7, calls: [221, 281] },
    { arch: 0x40000028, calls: [11, 387] },
  ],
};
const STARTS: ReadonlySet<string> = new Set(
  Object.values(PROCESSORS)
    .flat()
    .flatMap(({ arch, calls }) => calls.map((call) => `${arch.toString(16)} ${call}`)),
);
/** Events whose end has not come; the kernel sends an event's records one after the other. */
const OPEN_EVENTS_MAX = 256;
const ARGUMENTS_MAX = 1_024;
/** Of all arguments of a program together, as the programs in the kernel cut them: who starts it chooses up to 2 MB. */
const ARGUMENTS_TEXT_MAX = 4_096;
/** What is left waits in the kernel: rules have their turn in between. */
const DRAIN_MESSAGES_MAX = 2_048;

const HALTS: Text = {
  en: 'the audit system of this machine is set to halt it when records are lost',
  es: 'el sistema de auditoría de esta máquina está configurado para detenerla cuando se pierden registros',
};

export interface AuditedExec {
  readonly wallMs: number;
  readonly pid: number;
  readonly ppid: number;
  readonly uid: number;
  readonly gid: number;
  readonly loginUid: number;
  /** As /proc numbers terminals; 0 for none. */
  readonly tty: number;
  /** Of the file system that the program lies on, as the table of mounts writes it; empty when it was not told. */
  readonly device: string;
  readonly name: string;
  readonly exe: string;
  readonly cwd: string;
  readonly argv: readonly string[];
}

interface OpenEvent {
  fields: Map<string, string> | null;
  cwd: string;
  device: string;
  argv: string[];
  /** Characters that arguments may still take. */
  room: number;
}

export class AuditExecs {
  #fd: number;
  readonly #key: string;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  readonly #events = new Map<string, OpenEvent>();
  readonly #nap = new Int32Array(new SharedArrayBuffer(4));
  #wasOff = false;
  /** What the kernel had for its queue before this process took the daemon's place; null while another has it. */
  #queueBefore: { readonly backlog: number; readonly wait: number } | null = null;
  #lost = 0;
  #sequence = 0;
  /** Times that the kernel had more than the socket holds, and records that it had no room for, whoever asked for them. */
  overruns = 0;

  private constructor(fd: number, key: string) {
    this.#fd = fd;
    this.#key = key;
  }

  /** What to wait for; it is another one after this process made way for a daemon. */
  get fd(): number {
    return this.#fd;
  }

  /**
   * Asks the kernel to tell of programs started. Where a daemon of the machine's own listens it is left alone and heard along
   * with; where there is none this process takes its place, so that nothing goes to the kernel's log.
   * @returns why it cannot be
   */
  static open(key: string): AuditExecs | string | Text {
    if (PROCESSORS[process.arch] === undefined) return `no numbers of calls for ${process.arch}`;
    const held = openNetlink(NETLINK_AUDIT, 0);
    if (!('fd' in held)) return held.reason;
    const audit = new AuditExecs(held.fd, key);
    const why = audit.#begin();
    if (why === null) return audit;
    audit.close();
    return why;
  }

  /** Takes away what a process that was killed left in the kernel. */
  static removeRules(key: string): void {
    const held = openNetlink(NETLINK_AUDIT, 0);
    if (!('fd' in held)) return;
    const audit = new AuditExecs(held.fd, key);
    audit.#changeRules(AUDIT_DEL_RULE);
    closeSync(held.fd);
  }

  #begin(): string | Text | null {
    const status = this.#ask(AUDIT_GET, Buffer.alloc(0), AUDIT_GET);
    if (typeof status === 'number') return errnoText(status);
    if (status.length < STATUS_BYTES) return errnoText(EIO);
    if (status.readUInt32LE(STATUS_FAILURE_AT) === FAILURE_HALTS) return HALTS;
    this.#lost = status.readUInt32LE(STATUS_LOST_AT);
    if (status.readUInt32LE(STATUS.enabled.at) === 0) {
      const failed = this.#set('enabled', 1);
      if (failed !== 0) return errnoText(failed);
      this.#wasOff = true;
    }
    const daemon = status.readUInt32LE(STATUS.pid.at);
    // One that was killed is forgotten by the kernel only with the next record for it.
    const failed =
      daemon === 0 || !existsSync(`/proc/${daemon}`)
        ? this.#takePlace(status.readUInt32LE(STATUS.backlog.at), status.readUInt32LE(STATUS.wait.at))
        : this.#hearAlong();
    if (failed !== null) return failed;
    const refused = this.#changeRules(AUDIT_ADD_RULE);
    return refused === 0 ? null : errnoText(refused);
  }

  /** Without this every program that starts would wait, up to a minute, when this process does not read fast enough. */
  #takePlace(backlog: number, wait: number): string | null {
    const failed = this.#set('pid', process.pid);
    if (failed !== 0) return errnoText(failed);
    this.#queueBefore = { backlog, wait };
    for (const [what, value] of [['backlog', Math.max(backlog, BACKLOG_RECORDS)] as const, ['wait', 0] as const]) {
      const refused = this.#set(what, value);
      if (refused !== 0) return errnoText(refused);
    }
    return null;
  }

  #leavePlace(): void {
    if (this.#queueBefore === null) return;
    const { backlog, wait } = this.#queueBefore;
    this.#queueBefore = null;
    this.#set('backlog', backlog);
    this.#set('wait', wait);
    this.#set('pid', 0);
  }

  #hearAlong(): string | null {
    const heard = openNetlink(NETLINK_AUDIT, GROUP_READLOG);
    if (!('fd' in heard)) return heard.reason;
    closeSync(this.#fd);
    this.#fd = heard.fd;
    return null;
  }

  /** @returns 0, or the number of the first error */
  #changeRules(order: number): number {
    let failed = 0;
    for (const one of PROCESSORS[process.arch] ?? []) {
      const answer = this.#ask(order, this.#rule(one), NLMSG_ERROR);
      if (typeof answer === 'number' && answer !== EEXIST && failed === 0) failed = answer;
    }
    return failed;
  }

  #set(what: keyof typeof STATUS, value: number): number {
    const answer = this.#ask(AUDIT_SET, statusWith(what, value), NLMSG_ERROR);
    return typeof answer === 'number' ? answer : 0;
  }

  /** struct audit_rule_data */
  #rule({ arch, calls }: { arch: number; calls: readonly number[] }): Buffer {
    const key = Buffer.from(this.#key);
    const words = [FILTER_EXIT, ALWAYS, 2, ...Array<number>(MASK_WORDS).fill(0)];
    for (const call of calls) words[3 + (call >> 5)] = ((words[3 + (call >> 5)] ?? 0) | (1 << (call & 31))) >>> 0;
    const padded = (...values: number[]): number[] => [...values, ...Array<number>(FIELDS_MAX - values.length).fill(0)];
    words.push(...padded(FIELD.arch, FIELD.key), ...padded(arch, key.length), ...padded(EQUAL, EQUAL), key.length);
    const bytes = Buffer.alloc(words.length * 4);
    for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, index * 4);
    return Buffer.concat([bytes, key]);
  }

  /** @returns the answer's body, or the number of the error (0: done) */
  #ask(type: number, body: Buffer, answered: number): Buffer | number {
    const sent = this.#send(type, body, NLM_REQUEST_ACK);
    if (sent !== 0) return sent;
    // What was asked for comes from a thread of the kernel's, and events that wait before it.
    const untilMs = Date.now() + ANSWER_MS;
    for (;;) {
      let bytes: number;
      try {
        bytes = readSync(this.#fd, this.#buffer, 0, BUFFER_BYTES, null);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || Date.now() > untilMs) return errnoOf(error);
        Atomics.wait(this.#nap, 0, 0, 1);
        continue;
      }
      const kind = this.#buffer.readUInt16LE(4);
      if (kind === NLMSG_ERROR) {
        const error = -this.#buffer.readInt32LE(HEADER_BYTES);
        if (error !== 0 || answered === NLMSG_ERROR) return error;
      } else if (kind === answered) return Buffer.from(this.#buffer.subarray(HEADER_BYTES, bytes));
    }
  }

  #send(type: number, body: Buffer, flags: number): number {
    const head = Buffer.alloc(HEADER_BYTES);
    head.writeUInt32LE(HEADER_BYTES + body.length, 0);
    head.writeUInt16LE(type, 4);
    head.writeUInt16LE(flags, 6);
    head.writeUInt32LE(++this.#sequence, 8);
    try {
      writeSync(this.#fd, Buffer.concat([head, body]));
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  /** Asks what was lost; the answer comes among the records. */
  askLost(): void {
    this.#send(AUDIT_GET, Buffer.alloc(0), NLM_REQUEST);
  }

  /** Hands over what the kernel told since the last time, at most one batch. */
  drain(take: (exec: AuditedExec) => void): void {
    for (let messages = 0; messages < DRAIN_MESSAGES_MAX; messages++) {
      let bytes: number;
      try {
        bytes = readSync(this.#fd, this.#buffer, 0, BUFFER_BYTES, null);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') return;
        if (code !== 'ENOBUFS') throw error;
        this.overruns++;
        continue;
      }
      if (bytes < HEADER_BYTES) return;
      const kind = this.#buffer.readUInt16LE(4);
      if (kind === AUDIT_GET) {
        if (bytes < HEADER_BYTES + STATUS_BYTES) continue;
        this.#countLost(this.#buffer.readUInt32LE(HEADER_BYTES + STATUS_LOST_AT));
        this.#holdPlace(this.#buffer.readUInt32LE(HEADER_BYTES + STATUS.pid.at));
        continue;
      }
      if (kind === TYPE.replace) {
        this.#makeWay();
        continue;
      }
      const exec = this.hear(kind, this.#buffer.toString('latin1', HEADER_BYTES, bytes).replace(/\0+$/, ''));
      if (exec !== null) take(exec);
    }
  }

  #countLost(lost: number): void {
    this.overruns += (lost - this.#lost) >>> 0;
    this.#lost = lost;
  }

  /** The kernel gives up on a listener that did not read for a while, and tells nobody any more (kernel/audit.c, auditd_reset). */
  #holdPlace(daemon: number): void {
    if (this.#queueBefore === null || daemon !== 0) return;
    this.overruns++;
    // The answer comes among the records, and whether it was done with the next status.
    this.#send(AUDIT_SET, statusWith('pid', process.pid), NLM_REQUEST);
  }

  /** The machine's own daemon starts, and the kernel has refused it this place: it is free when it is tried again. */
  #makeWay(): void {
    if (this.#queueBefore === null) return;
    this.#leavePlace();
    if (this.#hearAlong() !== null) this.overruns++;
  }

  /** One record; answers the program that it completes. */
  hear(type: number, text: string): AuditedExec | null {
    const stamp = /^audit\((\d+\.\d+):(\d+)\): ?/.exec(text);
    if (stamp === null) return null;
    const id = stamp[2] ?? '';
    const body = text.slice(stamp[0].length);
    if (type === TYPE.end) {
      const event = this.#events.get(id);
      this.#events.delete(id);
      return event === undefined ? null : execOf(event, Number(stamp[1]) * 1_000);
    }
    if (type !== TYPE.syscall && type !== TYPE.execve && type !== TYPE.cwd && type !== TYPE.path) return null;
    const event = this.#events.get(id) ?? { fields: null, cwd: '', device: '', argv: [], room: ARGUMENTS_TEXT_MAX };
    this.#events.set(id, event);
    if (this.#events.size > OPEN_EVENTS_MAX) {
      const [oldest] = this.#events.keys();
      if (oldest !== undefined) this.#events.delete(oldest);
    }
    const fields = readFields(body);
    // By the call, not by the key: where several rules ask for one call the kernel tells it once, under the key of the first.
    if (type === TYPE.syscall)
      event.fields = STARTS.has(`${fields.get('arch')} ${fields.get('syscall')}`) ? fields : null;
    else if (type === TYPE.cwd) event.cwd = fields.get('cwd') ?? '';
    else if (type === TYPE.path) event.device = fields.get('item') === '0' ? deviceOf(fields.get('dev')) : event.device;
    else addArguments(event, fields);
    return null;
  }

  close(): void {
    this.#changeRules(AUDIT_DEL_RULE);
    this.#leavePlace();
    if (this.#wasOff) this.#set('enabled', 0);
    closeSync(this.#fd);
  }
}

function statusWith(what: keyof typeof STATUS, value: number): Buffer {
  const status = Buffer.alloc(STATUS_BYTES);
  status.writeUInt32LE(STATUS[what].bit, 0);
  status.writeUInt32LE(value, STATUS[what].at);
  return status;
}

function errnoOf(error: unknown): number {
  return Math.abs((error as NodeJS.ErrnoException).errno ?? EIO);
}

/** `name=value`, in quotes, bare, or in hexadecimal digits where the text has quotes, blanks or bytes beyond ASCII. */
function readFields(body: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, name = '', quoted, bare] of body.matchAll(/([\w[\]-]+)=(?:"([^"]*)"|(\S*))/g)) {
    if (quoted !== undefined) fields.set(name, quoted);
    else if (bare !== undefined)
      fields.set(name, TEXTS.test(name) && /^(?:[0-9A-F]{2})+$/.test(bare) ? fromHex(bare) : bare);
  }
  return fields;
}

const TEXTS = /^(?:comm|exe|cwd|key|a\d+(?:\[\d+\])?)$/;

function fromHex(text: string): string {
  return Buffer.from(text, 'hex').toString('utf8');
}

/** a0, a1 …; a long one in parts, a1[0], a1[1] … */
function addArguments(event: OpenEvent, fields: ReadonlyMap<string, string>): void {
  for (const [name, value] of fields) {
    const place = /^a(\d+)(?:\[\d+\])?$/.exec(name)?.[1];
    if (place === undefined || Number(place) >= ARGUMENTS_MAX || event.room === 0) continue;
    const kept = value.slice(0, event.room);
    event.room -= kept.length;
    event.argv[Number(place)] = `${event.argv[Number(place)] ?? ''}${kept}`;
  }
}

/** `00:2f`, in hexadecimal digits, is 0:47 in the table of mounts. */
function deviceOf(text = ''): string {
  const [, major = '', minor = ''] = /^([0-9a-f]+):([0-9a-f]+)$/.exec(text) ?? [];
  return major === '' ? '' : `${Number.parseInt(major, 16)}:${Number.parseInt(minor, 16)}`;
}

/** `pts3`, `tty1` or `(none)`; majors of Documentation/admin-guide/devices.txt. */
function terminalOf(text = ''): number {
  const [, kind = '', number = ''] = /^(pts|tty)(\d+)$/.exec(text) ?? [];
  return kind === '' ? 0 : ((kind === 'pts' ? 136 : 4) << 8) + Number(number);
}

function execOf({ fields, cwd, device, argv }: OpenEvent, wallMs: number): AuditedExec | null {
  if (fields?.get('success') !== 'yes') return null;
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  const [name, exe] = [fields.get('comm') ?? '', fields.get('exe') ?? ''];
  return {
    ...{ wallMs, pid: number('pid'), ppid: number('ppid'), uid: number('uid'), gid: number('gid') },
    ...{
      loginUid: number('auid'),
      tty: terminalOf(fields.get('tty')),
      device,
      name,
      exe,
      cwd,
      argv: Array.from(argv, (one) => one ?? ''),
    },
  };
}
