import type { KnownProgram } from './known-programs.ts';

/** The text around an anchor that a pattern may see. */
const BEFORE = 64;
const AFTER = 160;

interface Search {
  readonly program: KnownProgram;
  readonly anchor: Buffer;
  version: string | null;
}

/** Looks for the versions of known programs in bytes that pass by, in time that grows with their number alone. */
export class ProgramSearch {
  readonly #searches: readonly Search[];
  #tail: Buffer = Buffer.alloc(0);

  constructor(programs: readonly KnownProgram[]) {
    this.#searches = programs.map((program) => ({
      program,
      anchor: Buffer.from(program.anchor, 'latin1'),
      version: null,
    }));
  }

  /** @returns false when all is found */
  write(chunk: Uint8Array): boolean {
    const open = this.#searches.filter(({ version }) => version === null);
    if (open.length === 0) return false;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const joined = this.#tail.length > 0 ? Buffer.concat([this.#tail, bytes]) : bytes;
    for (const search of open) search.version = findVersion(joined, search);
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - BEFORE - AFTER)));
    return this.#searches.some(({ version }) => version === null);
  }

  found(): readonly { readonly program: KnownProgram; readonly version: string }[] {
    return this.#searches.flatMap(({ program, version }) => (version === null ? [] : { program, version }));
  }
}

function findVersion(bytes: Buffer, { anchor, program }: Search): string | null {
  if (anchor.length === 0) return program.pattern.exec(bytes.toString('latin1'))?.[1] ?? null;
  for (let at = bytes.indexOf(anchor); at >= 0; at = bytes.indexOf(anchor, at + anchor.length)) {
    const text = bytes.toString('latin1', Math.max(0, at - BEFORE), Math.min(bytes.length, at + anchor.length + AFTER));
    const version = program.pattern.exec(text)?.[1];
    if (version !== undefined) return version;
  }
  return null;
}
