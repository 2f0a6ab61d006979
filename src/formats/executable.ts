/** One part of a program as the kernel maps it. Offsets are bytes in the file, addresses those at run time. */
export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: number;
  readonly fileBytes: number;
}

/** What stands at the start of an ELF file (System V gABI, chapters 4 and 5). */
export interface ElfHead {
  readonly is64: boolean;
  readonly isLittleEndian: boolean;
  readonly segments: readonly ElfSegment[];
  readonly sections: {
    readonly offset: number;
    readonly count: number;
    readonly entryBytes: number;
    /** The section that holds the names of all. */
    readonly namesIndex: number;
  };
}

export const ELF_SEGMENT = { load: 1, dynamic: 2, interpreter: 3, note: 4 } as const;
export const ELF_WRITABLE = 2;

/** Linkers write about a dozen. */
const SEGMENTS_MAX = 64;
/** Programs have about 40; the linker makes one for each function of a library when asked to. */
const SECTIONS_MAX = 20_000;

export type ExecutableKind = 'elf' | 'pe' | 'mach-o';

/** By the first four bytes; null for scripts and data. */
export function detectExecutable(start: Uint8Array): ExecutableKind | null {
  if (start.length < 4) return null;
  const view = Buffer.from(start.buffer, start.byteOffset, 4);
  if (view[0] === 0x4d && view[1] === 0x5a) return 'pe';
  switch (view.readUInt32BE(0)) {
    case 0x7f454c46:
      return 'elf';
    case 0xfeedface:
    case 0xfeedfacf:
    case 0xcefaedfe:
    case 0xcffaedfe:
      return 'mach-o';
    default:
      return null;
  }
}

/** Reads the head of an ELF file from its first bytes; null when they are not one, or too few to hold its segments. */
export function readElfHead(bytes: Uint8Array): ElfHead | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 64 || detectExecutable(view) !== 'elf') return null;
  const is64 = view[4] === 2;
  const isLittleEndian = view[5] !== 2;
  const read = new NumberReader(view, is64, isLittleEndian);
  const segmentsAt = read.word(is64 ? 32 : 28);
  const sectionsAt = read.word(is64 ? 40 : 32);
  const counts = is64 ? 54 : 42;
  const segmentBytes = read.half(counts);
  const segmentCount = read.half(counts + 2);
  if (segmentCount > SEGMENTS_MAX || segmentBytes < (is64 ? 56 : 32)) return null;
  if (segmentsAt + segmentCount * segmentBytes > view.length) return null;
  const segments: ElfSegment[] = [];
  for (let index = 0; index < segmentCount; index++) {
    const at = segmentsAt + index * segmentBytes;
    segments.push({
      type: read.int(at),
      flags: read.int(at + (is64 ? 4 : 24)),
      offset: read.word(at + (is64 ? 8 : 4)),
      address: read.word(at + (is64 ? 16 : 8)),
      fileBytes: read.word(at + (is64 ? 32 : 16)),
    });
  }
  return {
    is64,
    isLittleEndian,
    segments,
    sections: {
      offset: sectionsAt,
      entryBytes: read.half(counts + 4),
      count: read.half(counts + 6),
      namesIndex: read.half(counts + 8),
    },
  };
}

/** The bytes of the section with this name, from a file that is whole in memory; null when there is none or it is cut. */
export function findElfSection(file: Buffer, head: ElfHead, name: string): Buffer | null {
  const { offset, count, entryBytes, namesIndex } = head.sections;
  if (count > SECTIONS_MAX || entryBytes < (head.is64 ? 64 : 40) || offset + count * entryBytes > file.length)
    return null;
  const read = new NumberReader(file, head.is64, head.isLittleEndian);
  const bodyOf = (index: number): Buffer | null => {
    const at = offset + index * entryBytes;
    const start = read.word(at + (head.is64 ? 24 : 16));
    const length = read.word(at + (head.is64 ? 32 : 20));
    return start + length <= file.length ? file.subarray(start, start + length) : null;
  };
  const names = namesIndex < count ? bodyOf(namesIndex) : null;
  if (!names) return null;
  const wanted = Buffer.from(`${name}\0`, 'latin1');
  for (let index = 0; index < count; index++) {
    const at = read.int(offset + index * entryBytes);
    if (names.subarray(at, at + wanted.length).equals(wanted)) return bodyOf(index);
  }
  return null;
}

/** Numbers as the file writes them; above 2^53 they are no offsets of anything and only have to stay above all limits. */
class NumberReader {
  readonly #view: Buffer;
  readonly #is64: boolean;
  readonly #isLittle: boolean;

  constructor(view: Buffer, is64: boolean, isLittle: boolean) {
    this.#view = view;
    this.#is64 = is64;
    this.#isLittle = isLittle;
  }

  half(at: number): number {
    return this.#isLittle ? this.#view.readUInt16LE(at) : this.#view.readUInt16BE(at);
  }

  int(at: number): number {
    return this.#isLittle ? this.#view.readUInt32LE(at) : this.#view.readUInt32BE(at);
  }

  word(at: number): number {
    if (!this.#is64) return this.int(at);
    return Number(this.#isLittle ? this.#view.readBigUInt64LE(at) : this.#view.readBigUInt64BE(at));
  }
}
