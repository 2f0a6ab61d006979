import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { detectExecutable, packTar, STREAM_CHUNK_BYTES, type TarInput } from '../formats/index.ts';
import type { Analyser, FileHead } from './analyser.ts';
import { executable } from './analysers/executable.ts';
import { ANALYSERS } from './analysers/index.ts';
import { KERNEL_FILES } from './incomplete.ts';
import { pickerOf } from './layer.ts';
import { TREE_DEPTH_MAX } from './limits.ts';
import { ownedPrograms } from './tree-owned.ts';

/** What was left out of a tree, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface TreeOptions {
  /** `root`: the file system of a machine or container; `source`: somebody's work, with lock files. */
  readonly kind: 'root' | 'source';
  /** Of source: with installed modules and the history of the version control too. @default false */
  readonly everything?: boolean;
  readonly analysers?: readonly Analyser[];
  /** Told the folder that is looked at, and how many names were seen; a machine may take minutes. */
  readonly onFolder?: (path: string, names: number) => void;
}

/**
 * A tar of the files below a folder that analysers want, with all folders and links, made as it is read. Whatever
 * happens on the disk meanwhile, nothing outside of the folder is read: each name is opened within the open folder above
 * it, and links are never followed. It does not leave the local disks: see `skippedMounts`.
 *
 * @param skipped takes what was left out
 * @throws Error when a file cannot be read without which the inventory would be wrong
 */
export function packTree(
  folder: string,
  options: TreeOptions,
  skipped: (one: Skipped) => void,
): AsyncIterable<Uint8Array> {
  return gathered(packTar(withPauses(walkTree(resolve(folder), options, skipped))));
}

/** Lets timers, signals and pipes have their turn: most of a machine gives no byte to anybody. */
async function* withPauses(inputs: Iterable<TarInput | typeof PAUSE>): AsyncGenerator<TarInput> {
  for (const input of inputs) {
    if (input === PAUSE) await nextTurn();
    else yield input;
  }
}

const PAUSE = null;
/** Names between two pauses: some 10 ms. */
const NAMES_PER_TURN = 1_000;

/** Small pieces together: folders and links are half a kibibyte each, and there are hundreds of thousands. */
async function* gathered(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let room = Buffer.allocUnsafe(STREAM_CHUNK_BYTES);
  let length = 0;
  for await (const piece of pieces) {
    if (length + piece.length > room.length && length > 0) {
      yield room.subarray(0, length);
      room = Buffer.allocUnsafe(STREAM_CHUNK_BYTES);
      length = 0;
    }
    if (piece.length >= room.length) yield piece;
    else {
      room.set(piece, length);
      length += piece.length;
    }
  }
  if (length > 0) yield room.subarray(0, length);
}

/** Written by the kernel, not by packages. */
const KERNEL_FOLDERS = new Set(['proc', 'sys', 'dev']);
/** What container engines keep: other machines' files in the sense of an inventory. */
const ENGINE_FOLDERS = new Set([
  'var/lib/containers',
  'var/lib/docker',
  'var/lib/containerd',
  'var/lib/kubelet/pods',
  'run/containers',
]);
const USER_ENGINE_FOLDER = /(?:^|\/)\.local\/share\/(?:containers|docker)$/;
/** Installed modules, whose lock file speaks for them, and what version control keeps. */
const INSTALLED_FOLDERS = new Set(['node_modules', '.git', '.hg', '.svn']);

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** Non-blocking, so that a pipe that took the place of a file holds nobody up. */
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

function* walkTree(
  root: string,
  { kind, everything = false, analysers = ANALYSERS, onFolder }: TreeOptions,
  skipped: (one: Skipped) => void,
): Generator<TarInput | typeof PAUSE> {
  const pick = pickerOf(analysers);
  let names = 0;
  let owned: ReadonlySet<string> = new Set();
  /** Files of several names that were packed, by what they are on the disk. */
  const packed = new Map<string, { readonly path: string; readonly wanting: readonly Analyser[] }>();
  const mounts = kind === 'root' ? skippedMounts(root) : new Map<string, string>();

  function whyNot(path: string, depth: number): string | null {
    if (depth > TREE_DEPTH_MAX) return `folders nest deeper than ${TREE_DEPTH_MAX}`;
    if (kind === 'source') return null;
    if (KERNEL_FOLDERS.has(path)) return KERNEL_FILES;
    if (ENGINE_FOLDERS.has(path) || USER_ENGINE_FOLDER.test(path)) return 'files of containers';
    return mounts.get(path) ?? null;
  }

  function* walk(descriptor: number, prefix: string, depth: number): Generator<TarInput | typeof PAUSE> {
    const here = `/proc/self/fd/${descriptor}`;
    const entries = readdirSync(here, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
    onFolder?.(prefix, names);
    for (const entry of entries) {
      if (++names % NAMES_PER_TURN === 0) yield PAUSE;
      const { name } = entry;
      const path = `${prefix}${name}`;
      try {
        if (entry.isSymbolicLink()) {
          yield { path, kind: 'symlink', linkTarget: readlinkSync(`${here}/${name}`) };
        } else if (entry.isDirectory()) {
          if (kind === 'source' && !everything && INSTALLED_FOLDERS.has(name)) continue;
          const reason = whyNot(path, depth);
          if (reason !== null) {
            skipped({ path, reason });
            continue;
          }
          const inside = openSync(`${here}/${name}`, FOLDER_FLAGS);
          try {
            yield { path, kind: 'directory', mode: fstatSync(inside).mode & 0o7777 };
            yield* walk(inside, `${path}/`, depth + 1);
          } finally {
            closeSync(inside);
          }
        } else if (entry.isFile()) {
          yield* packFile(`${here}/${name}`, path);
        }
      } catch (error) {
        const reason = whyUnread(error);
        if (reason === null) throw error;
        requireUnneeded(path, reason, analysers);
        skipped({ path, reason });
      }
    }
  }

  function* packFile(place: string, path: string): Generator<TarInput> {
    // Nearly all files are wanted by nobody and are not opened.
    if (pick(headOf(path, lstatSync(place))).length === 0) return;
    const descriptor = openSync(place, FILE_FLAGS);
    try {
      const found = fstatSync(descriptor);
      if (!found.isFile()) return;
      const file = headOf(path, found);
      const wanting = pick(file);
      if (wanting.length === 0 || tellsNothing(file, wanting, descriptor)) return;
      const size = file.sizeBytes;
      const most = Math.max(...wanting.map(({ maxFileBytes }) => maxFileBytes));
      if (size > most) {
        const reason = `it has ${size} bytes, the limit is ${most}`;
        requireUnneeded(path, reason, analysers);
        skipped({ path, reason });
        return;
      }
      if (found.nlink > 1) {
        const name = `${found.dev} ${found.ino}`;
        const before = packed.get(name);
        if (before && wanting.every((one) => before.wanting.includes(one))) {
          yield { path, kind: 'hardlink', linkTarget: before.path, mode: file.mode };
          return;
        }
        packed.set(name, { path, wanting });
      }
      yield { path, mode: file.mode, sizeBytes: size, content: readExactly(descriptor, size) };
    } finally {
      closeSync(descriptor);
    }
  }

  /** Whether a package answers for a file of a root, or it is wanted as a program alone and is none. */
  function tellsNothing({ path, mode }: FileHead, wanting: readonly Analyser[], descriptor: number): boolean {
    if (kind !== 'root' || wanting.some(({ yieldsToDistribution }) => yieldsToDistribution !== true)) return false;
    // What gives rights to whoever executes it is listed with its package or without.
    if ((mode & RIGHTS_BITS) !== 0) return false;
    if (owned.has(path)) return true;
    if (wanting.some((one) => one !== executable)) return false;
    const start = Buffer.alloc(4);
    return readSync(descriptor, start, 0, 4, 0) < 4 || detectExecutable(start) === null;
  }

  const top = openSync(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (kind === 'root') owned = ownedPrograms(top);
    yield* walk(top, '', 1);
  } finally {
    closeSync(top);
  }
}

/** setuid, setgid, and writable by everybody. */
const RIGHTS_BITS = 0o6002;

function headOf(path: string, { size, mode }: Stats): FileHead {
  return { path, sizeBytes: size, mode: mode & 0o7777 };
}

/** As many bytes as were announced: a file that shrinks meanwhile is filled with zeros, one that grows is cut. */
async function* readExactly(descriptor: number, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const chunk = Buffer.alloc(Math.min(left, STREAM_CHUNK_BYTES));
    const read = readSync(descriptor, chunk, 0, chunk.length, null);
    const piece = read === 0 ? chunk : chunk.subarray(0, read);
    left -= piece.length;
    yield piece;
  }
}

/** Null for errors that are not about one file. */
function whyUnread(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  switch (code) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read it';
    case 'ENOENT':
    case 'ELOOP':
    case 'ENOTDIR':
    case 'ENXIO':
      return 'it was gone or replaced while it was being read';
    case 'EIO':
    case 'ESTALE':
    case 'ENODEV':
      return 'the disk cannot read it';
    default:
      return null;
  }
}

/** A package database that is not read would make packages vanish from the answer. */
function requireUnneeded(path: string, reason: string, analysers: readonly Analyser[]): void {
  const isNeeded = analysers.some(
    ({ places, unreadable }) =>
      unreadable === 'incomplete' && places.some((place) => place === path || place.startsWith(`${path}/`)),
  );
  if (isNeeded) throw new Error(`${path} is needed for the inventory: ${reason}`);
}

/** File systems on disks of this machine; all others are the kernel's, somebody else's, or made of the same files again. */
const DISKS = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'zfs', 'f2fs', 'jfs', 'reiserfs', 'bcachefs', 'erofs']);

/** proc(5), mountinfo: mount points below a folder that are not walked, by their path within it, with the reason. */
function skippedMounts(root: string): ReadonlyMap<string, string> {
  const base = root === '/' ? '/' : `${root}/`;
  const reasons = new Map<string, string>();
  const seen: string[] = [];
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const [mount = '', source = ''] = line.split(' - ');
    const [, , device = '', inside = '', point = ''] = mount.split(' ');
    if (point === '') continue;
    const type = source.split(' ')[0] ?? '';
    const path = point.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    // A folder of a file system that is mounted a second time stands elsewhere too. (Subvolumes of btrfs do not.)
    const folder = `${device} ${inside === '/' ? '' : inside}/`;
    const isAgain = seen.some((one) => folder.startsWith(one));
    seen.push(folder);
    if (!path.startsWith(base) || path === root) continue;
    if (!DISKS.has(type)) reasons.set(path.slice(base.length), `another file system (${type})`);
    else if (isAgain) reasons.set(path.slice(base.length), 'files that stand elsewhere too');
  }
  return reasons;
}
