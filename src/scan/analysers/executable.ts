import { inflateSync } from 'node:zlib';
import {
  detectExecutable,
  ELF_SEGMENT,
  type ElfHead,
  FormatError,
  findElfSection,
  GoBuildInfoReader,
  readElfHead,
} from '../../formats/index.ts';
import type { Analyser, Evidence, FileHead, FileReader } from '../analyser.ts';
import { EXECUTABLE_MAX_BYTES, RUST_AUDIT_MAX_BYTES, RUST_EXECUTABLE_MAX_BYTES } from '../limits.ts';
import type { FoundPackage } from '../package.ts';
import { readGoModules } from '../reading/go-modules.ts';
import { objectsIn, readJsonObject } from '../reading/json.ts';
import { programsNamed } from '../reading/known-programs.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName } from '../reading/paths.ts';
import { ProgramSearch } from '../reading/program-search.ts';
import { hasBill } from './bitnami.ts';

/** Enough for the head of a program and its notes. */
const START_BYTES = 4096;
/** Where the linker puts the names that a program asks of libraries; asked once that much has passed. */
const NAMES_WITHIN_BYTES = 64 * 1024;
/** Rust's library asks libgcc for this whatever the program does; C and C++ programs hardly ever do. */
const RUST_SIGN = '_Unwind_GetTextRelBase';

/**
 * Programs: modules of Go by its build information, crates of Rust that cargo-auditable wrote, and known programs and
 * libraries by the version they tell. What a package of the distribution brought is left to that package.
 */
export const executable: Analyser = {
  name: 'executable',
  version: 2,
  fileNames: [],
  folderNames: [],
  suffixes: [
    '.so',
    '.so.0',
    '.so.1',
    '.so.3',
    '.so.4',
    '.so.5',
    '.so.6',
    '.so.16',
    '.so.1.1',
    '.so.1.0.0',
    '.so.1.0',
    '.so.10',
  ],
  every: 'executable',
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: EXECUTABLE_MAX_BYTES,
  wants: ({ path, sizeBytes, mode }) =>
    sizeBytes >= 64 && ((mode & 0o111) !== 0 || programsNamed(baseName(path)).length > 0),
  read: (file) => new ExecutableReader(file),
  // Bitnami's bill tells of its programs, with the revision that mended them.
  counts: ({ path, evidence }, tree) => {
    const [, component] = /^opt\/bitnami\/([^/]+)\//.exec(path) ?? [];
    if (component === undefined || evidence.kind !== 'packages') return true;
    return evidence.packages.some(({ type }) => type !== 'generic') || !hasBill(component, tree);
  },
};

class ExecutableReader implements FileReader {
  readonly #file: FileHead;
  readonly #start: Buffer;
  #length = 0;
  #parts: readonly Part[] | null = null;

  constructor(file: FileHead) {
    this.#file = file;
    this.#start = Buffer.allocUnsafe(Math.min(START_BYTES, file.sizeBytes));
  }

  write(chunk: Uint8Array): boolean {
    if (this.#parts !== null) return this.#pass(chunk);
    const taken = Math.min(this.#start.length - this.#length, chunk.length);
    this.#start.set(chunk.subarray(0, taken), this.#length);
    this.#length += taken;
    // Most that may be executed are scripts: four bytes tell.
    if (this.#length >= 4 && detectExecutable(this.#start) === null) return false;
    if (this.#length < this.#start.length) return true;
    this.#parts = openParts(this.#file, this.#start);
    return this.#pass(this.#start) && (taken === chunk.length || this.#pass(chunk.subarray(taken)));
  }

  end(): Evidence | null {
    const packages = (this.#parts ?? []).flatMap((part) => part.end());
    return packages.length === 0 ? null : { kind: 'packages', packages };
  }

  #pass(chunk: Uint8Array): boolean {
    const parts = this.#parts ?? [];
    for (const part of parts) if (part.isOpen) part.isOpen = part.write(chunk);
    // What was found must still be told at the end.
    return parts.some(({ isOpen, hasFound }) => isOpen || hasFound());
  }
}

/** One way of understanding a program. */
interface Part {
  isOpen: boolean;
  write(chunk: Uint8Array): boolean;
  hasFound(): boolean;
  end(): readonly FoundPackage[];
}

function openParts({ path, sizeBytes }: FileHead, start: Buffer): Part[] {
  if (start.includes('UPX!', 0, 'latin1')) {
    throw new FormatError('executable.packed', 'it is packed by UPX: what it was built of cannot be seen');
  }
  const parts: Part[] = [openGo(start)];
  const head = readElfHead(start);
  if (head && sizeBytes <= RUST_EXECUTABLE_MAX_BYTES) parts.push(openRust(head, /\.so(?:\.|$)/.test(baseName(path))));
  const programs = programsNamed(baseName(path));
  if (programs.length > 0) {
    const search = new ProgramSearch(programs);
    parts.push({
      isOpen: true,
      write: (chunk) => search.write(chunk),
      hasFound: () => search.found().length > 0,
      end: () =>
        search.found().flatMap(({ program, version }) => {
          const packages = new PackageList('generic');
          packages.add(program.name, version, { cpe: program.cpe });
          return packages.all();
        }),
    });
  }
  return parts;
}

function openGo(start: Buffer): Part {
  const reader = new GoBuildInfoReader(start);
  return {
    isOpen: true,
    write: (chunk) => reader.write(chunk),
    hasFound: () => reader.hasFound,
    end: () => {
      const info = reader.end();
      return info ? readGoModules(info).all() : [];
    },
  };
}

/**
 * Sections are listed at the end of a file, so a program is kept whole until then; but only one that may be of Rust: its
 * library asks for `RUST_SIGN`, and a program without an interpreter is linked with everything.
 */
function openRust(head: ElfHead, isLibrary: boolean): Part {
  const isStatic = !isLibrary && !head.segments.some(({ type }) => type === ELF_SEGMENT.interpreter);
  let kept: Uint8Array[] = [];
  let length = 0;
  let isLikely = false;
  return {
    isOpen: true,
    write: (chunk) => {
      if (isLikely) {
        kept.push(Buffer.from(chunk));
        return true;
      }
      const most = NAMES_WITHIN_BYTES - length;
      length += chunk.length;
      if (chunk.length < most) {
        kept.push(Buffer.from(chunk));
        return true;
      }
      // What asks for it lies in one piece nearly always, and is looked at there: an image has thousands of programs.
      const before = Buffer.concat(kept);
      const last = Buffer.from(chunk.buffer, chunk.byteOffset, most);
      isLikely = isStatic
        ? !Buffer.concat([before, last.subarray(0, START_BYTES)])
            .subarray(0, START_BYTES)
            .includes('Go\0\0', 0, 'latin1')
        : before.includes(RUST_SIGN) ||
          last.includes(RUST_SIGN) ||
          Buffer.concat([before.subarray(-RUST_SIGN.length), last.subarray(0, RUST_SIGN.length)]).includes(RUST_SIGN);
      kept = isLikely ? [before, Buffer.from(chunk)] : [];
      return isLikely;
    },
    hasFound: () => false,
    end: () => {
      const section = kept.length === 0 ? null : findElfSection(Buffer.concat(kept), head, '.dep-v0');
      return section ? readAudit(section) : [];
    },
  };
}

/** `.dep-v0` of cargo-auditable: JSON, deflated; what ran during the build only is marked so. */
function readAudit(section: Buffer): readonly FoundPackage[] {
  let text: string;
  try {
    text = inflateSync(section, { maxOutputLength: RUST_AUDIT_MAX_BYTES }).toString();
  } catch (cause) {
    throw new FormatError('executable.corrupt', 'the list of crates in this Rust program cannot be inflated', {
      cause,
    });
  }
  const packages = new PackageList('cargo');
  for (const { name, version, kind } of objectsIn(readJsonObject(text)['packages'])) {
    if (kind !== 'build') packages.add(name, version);
  }
  return packages.all();
}
