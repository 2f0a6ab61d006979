import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FormatError } from '../../formats/index.ts';
import { KernelEvent, unknownProcess } from '../event.ts';
import type { ContainerFacts, LivingFacts, ProcessFacts, Surroundings } from '../facts.ts';
import { HEADER, RECORD_FLAG, RECORD_TYPES_MAX } from '../layout.ts';
import { isParent } from '../lineage.ts';
import { PathNames } from '../path-names.ts';
import {
  BLOCK_BYTES_MAX,
  BLOCK_HEAD_BYTES,
  CAPTURE_BLOCK,
  CAPTURE_MAGIC,
  type CaptureEnd,
  type CaptureHeader,
  EVENT_HEAD_BYTES,
} from './format.ts';

const text = z.string().max(BLOCK_BYTES_MAX);
const number = z.number();
const count = z.number().int().min(0);
const word = text.nullable();
const big = z.string().regex(/^\d{1,20}$/);
const names = z.record(z.string().regex(/^\d{1,10}$/), text.nullable());

const header = z.object({
  version: z.literal(1),
  host: text,
  startedAt: z.iso.datetime(),
  filter: text,
  projects: z.array(text).max(10_000).nullable(),
  environment: word,
  workload: word,
  by: text,
});
const end = z.object({
  endedAt: z.iso.datetime(),
  events: count,
  dropped: count,
  why: z.enum(['time', 'size', 'asked']),
});
const surroundings = z.object({
  wallOffsetNs: number,
  bootOffsetNs: number,
  containers: z
    .array(
      z.object({
        ...{ id: text, name: word, project: word, environment: word, workload: word },
        ...{ pod: word, container: word, image: word, digest: word },
      }),
    )
    .max(BLOCK_BYTES_MAX),
  users: names,
  groups: names,
  processes: z
    .array(
      z.object({
        ...{ pid: number, startedNs: number, ppid: number, parentStartedNs: number, name: text, parentName: text },
        ...{ exe: text, exePath: text, args: z.array(text), cwd: text, uid: number, gid: number, loginUid: number },
        ...{ tty: number, session: number, innerPid: number, exeFlags: number, exeInode: number },
        ...{ exeChangedNs: number, exeModifiedNs: number, execTimeNs: number },
        capabilities: z.tuple([big, big, big]),
      }),
    )
    .max(BLOCK_BYTES_MAX),
});

export interface ReadCapture {
  readonly header: CaptureHeader;
  readonly end: CaptureEnd;
  /** In hexadecimal. */
  readonly sha256: string;
}

/** Whether bytes begin as a recording of ours does. */
export function isCapture(start: Uint8Array): boolean {
  return Buffer.from(start).subarray(0, CAPTURE_MAGIC.length).toString('latin1') === CAPTURE_MAGIC;
}

/**
 * Reads a recording and hands out event by event. The seal stands at its end: what was handed out counts only when this returns.
 *
 * @param source uncompressed
 * @param take is given an event that is valid during the call
 * @throws FormatError `capture.corrupt` when it is none, was cut or was changed
 */
export async function readCapture(
  source: AsyncIterable<Uint8Array>,
  take: (event: KernelEvent) => void,
): Promise<ReadCapture> {
  const hash = createHash('sha256');
  const paths = new PathNames();
  let head: CaptureHeader | null = null;
  let tail: CaptureEnd | null = null;
  let sha256: string | null = null;
  let events = 0;
  for await (const { kind, payload, raw } of readBlocks(source)) {
    if (sha256 !== null) throw damaged('something stands behind the seal', 'hay algo detrás del sello');
    if (kind === CAPTURE_BLOCK.seal) {
      const sealed = hash.digest();
      if (tail === null || !sealed.equals(payload))
        throw damaged('its seal does not fit: it was changed', 'su sello no coincide: se cambió');
      sha256 = sealed.toString('hex');
      continue;
    }
    hash.update(raw);
    if (kind === CAPTURE_BLOCK.header && head === null) head = parse(header, payload);
    else if (kind === CAPTURE_BLOCK.batch && head !== null && tail === null)
      events = readBatch(payload, paths, events, take);
    else if (kind === CAPTURE_BLOCK.end && tail === null) tail = parse(end, payload);
    else
      throw damaged(
        `a block of kind ${kind} stands where none may`,
        `hay un bloque de la clase ${kind} donde no puede haberlo`,
      );
  }
  if (head === null || tail === null || sha256 === null)
    throw damaged('it was cut: the seal is missing', 'está cortada: falta el sello');
  if (tail.events !== events)
    throw damaged(`it says ${tail.events} events and has ${events}`, `dice ${tail.events} eventos y tiene ${events}`);
  return { header: head, end: tail, sha256 };
}

/** The first block comes with the bytes before it. */
async function* readBlocks(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly kind: number; readonly payload: Buffer; readonly raw: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  let lead = CAPTURE_MAGIC.length;
  for await (const chunk of source) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < lead + BLOCK_HEAD_BYTES) break;
      if (lead > 0 && !isCapture(rest)) throw damaged('it does not begin as one', 'no empieza como una grabación');
      const bytes = rest.readUInt32LE(lead + 1);
      if (bytes > BLOCK_BYTES_MAX)
        throw damaged(
          `a block of ${bytes} bytes, at most ${BLOCK_BYTES_MAX}`,
          `un bloque de ${bytes} bytes, como mucho ${BLOCK_BYTES_MAX}`,
        );
      const start = lead + BLOCK_HEAD_BYTES;
      if (rest.length < start + bytes) break;
      yield {
        kind: rest.readUInt8(lead),
        payload: rest.subarray(start, start + bytes),
        raw: rest.subarray(0, start + bytes),
      };
      rest = rest.subarray(start + bytes);
      lead = 0;
    }
  }
  if (rest.length > 0) throw damaged('it was cut in the middle of a block', 'está cortada en medio de un bloque');
}

function readBatch(payload: Buffer, paths: PathNames, before: number, take: (event: KernelEvent) => void): number {
  let number = before;
  for (const event of eventsOfBatch(payload, paths)) {
    event.number = ++number;
    take(event);
  }
  return number;
}

/**
 * The events of one batch, each valid until the next is asked for.
 *
 * @throws FormatError when it is none
 */
export function* eventsOfBatch(payload: Buffer, paths: PathNames): Generator<KernelEvent, void> {
  try {
    const length = payload.readUInt32LE(0);
    const { processes, containers, ...around } = parse(surroundings, payload.subarray(4, 4 + length));
    const memory = Uint8Array.from(payload.subarray(4 + length)).buffer;
    const view = new DataView(memory);
    const known = new RecordedSurroundings(processes.map(toProcess), around);
    const event = new KernelEvent(memory, known, paths);
    for (let at = 0; at < memory.byteLength; ) {
      const record = at + EVENT_HEAD_BYTES;
      const bytes = view.getUint32(record + HEADER.length, true);
      const isSound = bytes >= HEADER.bytes && record + bytes <= memory.byteLength;
      if (!isSound || view.getUint16(record + HEADER.type, true) >= RECORD_TYPES_MAX)
        throw damaged('a record is none', 'un registro no lo es');
      // None of ours is recorded with one.
      if ((view.getUint16(record + HEADER.flags, true) & RECORD_FLAG.environment) !== 0)
        throw damaged('a record has an environment', 'un registro tiene un entorno');
      const process = known.list[view.getInt32(at, true)];
      const container = view.getInt32(at + 4, true);
      if (process === undefined) throw damaged('a record names no process', 'un registro no nombra ningún proceso');
      event.load(record);
      event.process = process;
      event.container = (containers[container] as ContainerFacts | undefined) ?? null;
      yield event;
      at = record + bytes;
    }
  } catch (error) {
    if (error instanceof RangeError)
      throw damaged('a record reaches beyond its batch', 'un registro se sale de su lote');
    throw error;
  }
}

type PackedProcess = z.infer<typeof surroundings>['processes'][number];

function toProcess({ capabilities, ...rest }: PackedProcess): ProcessFacts {
  const [inheritable, permitted, effective] = capabilities;
  return {
    ...rest,
    capabilities: { inheritable: BigInt(inheritable), permitted: BigInt(permitted), effective: BigInt(effective) },
  };
}

/** What the sensor knew, as far as the events of one batch asked for it. */
class RecordedSurroundings implements Surroundings {
  readonly list: readonly ProcessFacts[];
  readonly wallOffsetNs: number;
  readonly bootOffsetNs: number;
  readonly #users: Readonly<Record<string, string | null>>;
  readonly #groups: Readonly<Record<string, string | null>>;
  readonly #byPid = new Map<number, ProcessFacts>();

  constructor(list: readonly ProcessFacts[], around: Omit<z.infer<typeof surroundings>, 'processes' | 'containers'>) {
    this.list = list;
    this.wallOffsetNs = around.wallOffsetNs;
    this.bootOffsetNs = around.bootOffsetNs;
    this.#users = around.users;
    this.#groups = around.groups;
    for (const process of list) this.#byPid.set(process.pid, process);
  }

  parentOf(process: ProcessFacts): ProcessFacts | undefined {
    const { ppid, parentStartedNs, parentName } = process;
    if (ppid === 0) return undefined;
    const parent = this.#byPid.get(ppid);
    if (parent !== undefined && isParent(parent, process, this)) return parent;
    return parentName === '' ? undefined : unknownProcess(ppid, parentStartedNs, parentName);
  }

  processOf(pid: number): ProcessFacts | undefined {
    return this.#byPid.get(pid);
  }

  userName(uid: number): string | null {
    return this.#users[uid] ?? null;
  }

  groupName(gid: number): string | null {
    return this.#groups[gid] ?? null;
  }

  /** A recording knows nothing of what a process would have answered. */
  ask(): LivingFacts | null {
    return null;
  }
}

function parse<T>(schema: z.ZodType<T>, payload: Buffer): T {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch {
    throw damaged('a part of it is not JSON', 'una parte no es JSON');
  }
  const read = schema.safeParse(value);
  if (!read.success) {
    const place = read.error.issues[0]?.path.join('.') ?? '';
    throw damaged(`a part of it is not as it should be: ${place}`, `una parte no es como debe: ${place}`);
  }
  return read.data;
}

function damaged(reason: string, spanish: string): FormatError {
  return new FormatError('capture.corrupt', reason, { spanish });
}
