/** What containers ask of the kernel while somebody records: programs of their own, in the kernel for that time alone. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  attachRawTracepoint,
  BpfObject,
  closeDescriptor,
  mapKeys,
  readMapEntry,
  writeMapEntry,
} from '../system/native.ts';
import { callNames } from './call-names.ts';
import { RECORDINGS_MAX } from './limits.ts';

/** struct recording of recorder.bpf.c */
const ID_BYTES = 64;
const CALL_WORDS = 8;
const FAMILIES_AT = ID_BYTES + CALL_WORDS * 8;
const CAPABILITIES_AT = FAMILIES_AT + 8;
const FROM_START_AT = CAPABILITIES_AT + 8;
const FOREIGN_AT = FROM_START_AT + 4;
const RECORDING_BYTES = FOREIGN_AT + 4;
const STATE_BYTES = 16;
/** Without it there is nothing to record. */
const ESSENTIAL = 'on_enter';
/** The one that also says whether a question was in earnest, then the tracepoint of newer kernels. */
const CAPABILITY_PROGRAMS = ['on_capable', 'on_capability'] as const;

/** What one container asked for. */
export interface RecordedContainer {
  readonly id: string;
  /** Names of system calls; those without a name here as `syscall_N`. */
  readonly calls: readonly string[];
  /** Families of sockets, as numbers of linux/socket.h. */
  readonly families: readonly number[];
  /** Numbers of linux/capability.h that were asked for and granted; null where this kernel does not show them. */
  readonly capabilities: readonly number[] | null;
  /** Its first program was seen to begin: nothing of its start is missing. */
  readonly fromStart: boolean;
  /** It made calls of another kind (32-bit programs), which are not in the list. */
  readonly foreign: boolean;
}

/** Records from its making to `close`. */
export class CallRecorder {
  readonly #object: BpfObject;
  readonly #links: number[] = [];
  readonly #map: number;
  readonly #state: number;
  readonly #seesCapabilities: boolean;
  readonly #names = callNames(process.arch);

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#map = object.map('recordings').fd;
    this.#state = object.map('recorder_state').fd;
    const state = Buffer.alloc(STATE_BYTES);
    state.writeUInt32LE(statSync('/proc/self/ns/mnt').ino >>> 0, 0);
    writeMapEntry(this.#state, Buffer.alloc(4), state);
    const programs = new Map(object.programs.map(({ name, fd }) => [name, fd]));
    const hang = (name: string): boolean => {
      const program = programs.get(name);
      const link = program === undefined ? null : attachRawTracepoint(program);
      if (link === null || !('fd' in link)) return false;
      this.#links.push(link.fd);
      return true;
    };
    // The beginnings first: a container must not have called anything before it can be seen to begin.
    hang('on_begin');
    this.#seesCapabilities = CAPABILITY_PROGRAMS.some(hang);
    if (!hang(ESSENTIAL)) {
      this.close();
      throw new RangeError('the kernel does not let system calls be watched (raw tracepoint sys_enter)');
    }
  }

  /** Begins to record, or answers why it cannot be. */
  static open(): CallRecorder | string {
    const file = join(import.meta.dirname, 'bpf', `recorder.${process.arch}.bpf.o`);
    if (!existsSync(file)) return `there is no ${file}`;
    let object = BpfObject.load(file);
    // What a kernel does not let hang on its functions it refuses as if it were a matter of rights.
    for (let out = 1; out <= CAPABILITY_PROGRAMS.length && !(object instanceof BpfObject); out++) {
      object = BpfObject.load(file, {}, CAPABILITY_PROGRAMS.slice(0, out));
    }
    if (!(object instanceof BpfObject)) return object.log.split('\n')[0] ?? `error ${object.errno}`;
    try {
      return new CallRecorder(object);
    } catch (error) {
      if (error instanceof RangeError) return error.message;
      throw error;
    }
  }

  /** What was recorded so far, by container. */
  read(): RecordedContainer[] {
    const found = new Map<string, { words: bigint[]; families: bigint; capabilities: bigint; flags: boolean[] }>();
    const entry = Buffer.alloc(RECORDING_BYTES);
    for (const key of mapKeys(this.#map, 8, RECORDINGS_MAX)) {
      if (!readMapEntry(this.#map, key, entry) || entry[0] === 0) continue;
      const id = entry.toString('latin1', 0, ID_BYTES);
      const before = found.get(id);
      const words = Array.from({ length: CALL_WORDS }, (_, word) => {
        return entry.readBigUInt64LE(ID_BYTES + word * 8) | (before?.words[word] ?? 0n);
      });
      found.set(id, {
        words,
        families: entry.readBigUInt64LE(FAMILIES_AT) | (before?.families ?? 0n),
        capabilities: entry.readBigUInt64LE(CAPABILITIES_AT) | (before?.capabilities ?? 0n),
        flags: [FROM_START_AT, FOREIGN_AT].map(
          (at, index) => entry.readUInt32LE(at) !== 0 || before?.flags[index] === true,
        ),
      });
    }
    return [...found].map(([id, { words, families, capabilities, flags }]) => ({
      id,
      calls: words
        .flatMap((word, index) => bitsOf(word).map((bit) => index * 64 + bit))
        .map((number) => this.#names[number] ?? `syscall_${number}`)
        .sort(),
      families: bitsOf(families),
      capabilities: this.#seesCapabilities ? bitsOf(capabilities) : null,
      fromStart: flags[0] === true,
      foreign: flags[1] === true,
    }));
  }

  /** Cgroups of containers that the table had no room for. */
  lost(): number {
    const state = Buffer.alloc(STATE_BYTES);
    return readMapEntry(this.#state, Buffer.alloc(4), state) ? Number(state.readBigUInt64LE(8)) : 0;
  }

  close(): void {
    for (const fd of this.#links.splice(0)) closeDescriptor(fd);
    this.#object.close();
  }
}

function bitsOf(word: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => (word >> BigInt(bit)) & 1n);
}
