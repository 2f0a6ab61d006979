import { FormatError } from './errors.ts';
import { detectExecutable, ELF_SEGMENT, ELF_WRITABLE, type ElfHead, readElfHead } from './executable.ts';
import { GO_BUILD_INFO_MAX_BYTES } from './limits.ts';

/** What the linker of Go writes into a program (debug/buildinfo, runtime/debug.BuildInfo). */
export interface GoBuildInfo {
  /** As in 'go1.22.3', with what was added to it: 'go1.22.3 X:boringcrypto'. */
  readonly goVersion: string;
  /** Lines of tab-separated words; '' when the program was built without modules. */
  readonly modules: string;
}

const MAGIC = Buffer.from('\xff Go buildinf:', 'latin1');
const HEADER_BYTES = 32;
/** The linker aligns the header to this. */
const ALIGNMENT = 16;
/** Flag: the texts follow the header (since Go 1.18); else two pointers to strings do. */
const INLINE = 2;
const BIG_ENDIAN = 1;
/** What `modules` begins with and ends with in the program: 16 bytes each (cmd/go/internal/modload). */
const SENTINEL_BYTES = 16;
const MODULES_START = Buffer.from('3077af0c9274080241e1c107e6d618e6', 'hex');
const MODULES_END = Buffer.from('f932433186182072008242104116d8f2', 'hex');
const VERSION_START = Buffer.from('go1.');
const VERSION_BYTES_MAX = 64;
/** Places at which a program from before Go 1.18 may keep its version; real ones have a handful. */
const VERSION_PLACES_MAX = 4096;
const NOTE_SEARCH_BYTES = 4096;

/**
 * Finds the build information of a Go program while its bytes pass, from first to last, keeping only what may be part
 * of it: programs of 100 MiB are common. In ELF files only the writable segment is searched, as Go itself does, because
 * programs that read build information have its magic among their constants.
 */
export class GoBuildInfoReader {
  readonly #head: ElfHead | null;
  readonly #searchFrom: number;
  readonly #texts: TextCollector | null;
  #at = 0;
  #tail: Buffer = Buffer.alloc(0);
  #found: Buffer | null = null;
  #foundAt = 0;
  #info: GoBuildInfo | null = null;
  #isDone = false;

  /** @param start the first bytes of the file, some 4 KiB of them; they must be written all the same */
  constructor(start: Uint8Array) {
    const kind = detectExecutable(start);
    this.#head = kind === 'elf' ? readElfHead(start) : null;
    const data = this.#head?.segments.find(
      ({ type, flags }) => type === ELF_SEGMENT.load && (flags & ELF_WRITABLE) !== 0,
    );
    this.#searchFrom = kind === 'elf' ? (data?.offset ?? Number.POSITIVE_INFINITY) : 0;
    this.#texts = this.#head && hasGoNote(this.#head, start) ? new TextCollector() : null;
    if (kind === null || this.#searchFrom === Number.POSITIVE_INFINITY) this.#isDone = true;
  }

  /** @returns false when nothing more is wanted */
  write(chunk: Uint8Array): boolean {
    if (this.#isDone) return false;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const start = this.#at;
    this.#at += bytes.length;
    this.#texts?.write(bytes, start);
    if (this.#found) this.#extend(bytes);
    else if (this.#at > this.#searchFrom) this.#search(bytes, start);
    return !this.#isDone;
  }

  /** Whether `end` has something to tell already. */
  get hasFound(): boolean {
    return this.#info !== null || this.#found !== null;
  }

  /** Null when the file has none. */
  end(): GoBuildInfo | null {
    if (this.#info) return this.#info;
    return this.#found ? this.#followPointers(this.#found) : null;
  }

  #search(bytes: Buffer, start: number): void {
    const skip = Math.max(0, this.#searchFrom - start);
    const joined = this.#tail.length > 0 ? Buffer.concat([this.#tail, bytes]) : bytes;
    const base = start - this.#tail.length;
    for (
      let at = joined.indexOf(MAGIC, this.#tail.length > 0 ? 0 : skip);
      at >= 0;
      at = joined.indexOf(MAGIC, at + 1)
    ) {
      if ((base + at) % ALIGNMENT !== 0) continue;
      this.#found = Buffer.alloc(0);
      this.#foundAt = base + at;
      this.#tail = Buffer.alloc(0);
      this.#extend(joined.subarray(at));
      return;
    }
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - MAGIC.length)));
  }

  #extend(bytes: Buffer): void {
    const found = Buffer.concat([this.#found ?? Buffer.alloc(0), bytes]);
    this.#found = found;
    if (found.length < HEADER_BYTES) return;
    if (((found[15] ?? 0) & INLINE) === 0) {
      // The strings that the pointers name stand in what follows; a segment of data is bounded by what is kept of it.
      if (!this.#texts || found.length >= GO_BUILD_INFO_MAX_BYTES) this.#isDone = true;
      return;
    }
    const version = readText(found, HEADER_BYTES);
    const modules = version && readText(found, version.end);
    if (version && modules) {
      this.#info = { goVersion: version.text.toString('latin1'), modules: withoutSentinels(modules.text) };
      this.#isDone = true;
    } else if (found.length > GO_BUILD_INFO_MAX_BYTES) {
      throw new FormatError('executable.corrupt', 'the build information of this Go program is cut or too large');
    }
  }

  /** Before Go 1.18: pointers to two Go strings in the data, each a pointer to the text and its length. */
  #followPointers(found: Buffer): GoBuildInfo | null {
    if (found.length < HEADER_BYTES || ((found[15] ?? 0) & INLINE) !== 0) {
      throw new FormatError('executable.corrupt', 'the build information of this Go program is cut');
    }
    const head = this.#head;
    const texts = this.#texts;
    const pointerBytes = found[14];
    if (!head || !texts || (pointerBytes !== 4 && pointerBytes !== 8)) return null;
    const isBig = ((found[15] ?? 0) & BIG_ENDIAN) !== 0;
    const pointer = (bytes: Buffer, at: number): number => {
      if (at < 0 || at + pointerBytes > bytes.length) return Number.NaN;
      if (pointerBytes === 4) return isBig ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
      return Number(isBig ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at));
    };
    const offsetOf = (address: number): number => {
      const segment = head.segments.find(
        ({ type, address: start, fileBytes }) =>
          type === ELF_SEGMENT.load && address >= start && address < start + fileBytes,
      );
      return segment ? address - segment.address + segment.offset : Number.NaN;
    };
    const header = offsetOf(pointer(found, 16)) - this.#foundAt;
    const length = pointer(found, header + pointerBytes);
    const goVersion = texts.versionAt(offsetOf(pointer(found, header)), length);
    return goVersion === null ? null : { goVersion, modules: texts.modules() };
  }
}

/** The note with the id of the build, which Go programs carry near their start unless it was left out on purpose. */
function hasGoNote({ segments }: ElfHead, start: Uint8Array): boolean {
  const view = Buffer.from(start.buffer, start.byteOffset, Math.min(start.byteLength, NOTE_SEARCH_BYTES));
  return segments.some(({ type, offset, fileBytes }) => {
    if (type !== ELF_SEGMENT.note) return false;
    return view.subarray(offset, offset + fileBytes).includes('Go\0\0', 0, 'latin1');
  });
}

/** A text after its length as an unsigned varint; null when it is not all there yet. */
function readText(bytes: Buffer, from: number): { text: Buffer; end: number } | null {
  let length = 0;
  let at = from;
  for (let factor = 1; ; factor *= 128) {
    const next = bytes[at++];
    if (next === undefined || factor > 2 ** 28) return null;
    length += (next & 0x7f) * factor;
    if (next < 0x80) break;
  }
  return at + length <= bytes.length ? { text: bytes.subarray(at, at + length), end: at + length } : null;
}

function withoutSentinels(modules: Buffer): string {
  if (modules.length === 0) return '';
  if (
    !modules.subarray(0, SENTINEL_BYTES).equals(MODULES_START) ||
    !modules.subarray(-SENTINEL_BYTES).equals(MODULES_END)
  ) {
    throw new FormatError('executable.corrupt', 'the build information of this Go program is cut');
  }
  return modules.toString('utf8', SENTINEL_BYTES, modules.length - SENTINEL_BYTES);
}

/** Gathers from the constants, which come before the data, what the pointers may name. */
class TextCollector {
  #tail: Buffer = Buffer.alloc(0);
  readonly #versions = new Map<number, string>();
  #modules: Buffer | null = null;
  #areModulesWhole = false;

  write(bytes: Buffer, start: number): void {
    const joined = this.#tail.length > 0 ? Buffer.concat([this.#tail, bytes]) : bytes;
    const base = start - this.#tail.length;
    for (let at = joined.indexOf(VERSION_START); at >= 0; at = joined.indexOf(VERSION_START, at + 1)) {
      if (this.#versions.size >= VERSION_PLACES_MAX) break;
      this.#versions.set(base + at, joined.toString('latin1', at, at + VERSION_BYTES_MAX));
    }
    if (this.#modules === null) {
      const at = joined.indexOf(MODULES_START);
      if (at >= 0) this.#takeModules(joined.subarray(at));
    } else if (!this.#areModulesWhole) this.#takeModules(bytes);
    // What begins within the last bytes may go on in the next.
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - VERSION_BYTES_MAX)));
  }

  #takeModules(bytes: Buffer): void {
    const modules = Buffer.concat([this.#modules ?? Buffer.alloc(0), bytes]);
    const end = modules.indexOf(MODULES_END);
    this.#areModulesWhole = end >= 0 || modules.length > GO_BUILD_INFO_MAX_BYTES;
    this.#modules = end >= 0 ? modules.subarray(0, end) : modules;
  }

  versionAt(offset: number, length: number): string | null {
    const text = this.#versions.get(offset);
    return text !== undefined && length > 0 && length <= text.length ? text.slice(0, length) : null;
  }

  modules(): string {
    return this.#modules && this.#areModulesWhole ? this.#modules.toString('utf8', SENTINEL_BYTES) : '';
  }
}
