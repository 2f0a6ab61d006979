import { createHash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
  EVIDENCE_DEPTH_MAX,
  EVIDENCE_FILE_BYTES_MAX,
  EVIDENCE_FILES_MAX,
  EVIDENCE_HASH_BYTES_MAX,
  EVIDENCE_LAYER_BYTES_MAX,
} from '../../respond/evidence/limits.ts';

/** What a container changed in its own layer above the image. */
export interface LayerChange {
  readonly path: string;
  readonly change: 'added' | 'changed' | 'deleted';
  readonly kind: 'file' | 'folder' | 'symlink' | 'other';
  readonly mode: string;
  readonly uid: number;
  readonly gid: number;
  readonly bytes: number;
  readonly modifiedAt: string;
  readonly target: string | null;
  readonly sha256: string | null;
  /** Whether its bytes are beside this list. */
  readonly copied: boolean;
}

export interface LayerReading {
  readonly changes: readonly LayerChange[];
  /** Why something is missing, or null. */
  readonly cut: string | null;
}

/** A folder itself, never what a link in its place leads to. */
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Walks the upper folder of an overlay (Documentation/filesystems/overlayfs.rst: a character device 0/0 is a deletion), or
 * another folder of a container. Each folder is opened by its name in the open one above it, and links are never
 * followed: a neighbour of the container that still runs and shares a folder with it cannot lead the reader elsewhere.
 * What cannot be read is said, and hides nothing else.
 * @param root believed: the engine named it, or the kernel
 * @param lowers the image's folders, top first
 */
export async function readLayer(
  root: string,
  lowers: readonly string[],
  options: {
    /** A folder below the root, by a path that the container may have made. */
    readonly within?: string;
    readonly copyFiles: boolean;
    /** Aborted when the container has been stopped for long enough. */
    readonly over: AbortSignal;
    /** Takes the bytes of a file; not called for what is not copied. False when there is no room for it any more. */
    readonly copy: (path: string, bytes: Buffer) => boolean;
  },
): Promise<LayerReading> {
  const changes: LayerChange[] = [];
  let cut: string | null = null;
  let copiedBytes = 0;
  let hashedBytes = 0;
  const isBelow = async (path: string): Promise<boolean> => {
    for (const lower of lowers) {
      try {
        await lstat(join(lower, path));
        return true;
      } catch {
        // Not in this layer: the next one is asked.
      }
    }
    return false;
  };
  const isFull = (): boolean => options.over.aborted || changes.length >= EVIDENCE_FILES_MAX;
  const read = async (at: Buffer, facts: Stats): Promise<{ sha256: string; bytes: Buffer | null } | null> => {
    if (hashedBytes + facts.size > EVIDENCE_HASH_BYTES_MAX) {
      cut ??= `more than ${EVIDENCE_HASH_BYTES_MAX} bytes changed`;
      return null;
    }
    const keep =
      options.copyFiles &&
      facts.size <= EVIDENCE_FILE_BYTES_MAX &&
      copiedBytes + facts.size <= EVIDENCE_LAYER_BYTES_MAX;
    const content = await readChanged(at, keep);
    hashedBytes += facts.size;
    copiedBytes += content.bytes?.length ?? 0;
    return content;
  };
  const look = async (at: Buffer, path: string, depth: number): Promise<void> => {
    const facts = await lstat(at);
    const deleted = facts.isCharacterDevice() && facts.rdev === 0;
    const kind = facts.isFile()
      ? 'file'
      : facts.isDirectory()
        ? 'folder'
        : facts.isSymbolicLink()
          ? 'symlink'
          : 'other';
    const below = deleted || (await isBelow(path));
    // A folder is copied up for what is in it: that alone says nothing.
    if (!(kind === 'folder' && below)) {
      const content = kind === 'file' ? await read(at, facts) : null;
      changes.push({
        path: `/${path}`,
        change: deleted ? 'deleted' : below ? 'changed' : 'added',
        kind: deleted ? 'other' : kind,
        mode: (facts.mode & 0o7777).toString(8).padStart(4, '0'),
        uid: facts.uid,
        gid: facts.gid,
        bytes: facts.isFile() ? facts.size : 0,
        modifiedAt: facts.mtime.toISOString(),
        target: kind === 'symlink' ? await readlink(at) : null,
        sha256: content?.sha256 ?? null,
        copied: content !== null && content.bytes !== null && options.copy(path, content.bytes),
      });
    }
    if (kind !== 'folder') return;
    if (depth >= EVIDENCE_DEPTH_MAX) cut ??= `folders deeper than ${EVIDENCE_DEPTH_MAX}`;
    else await inFolder(at, (inner) => visit(inner, path, depth + 1));
  };
  const visit = async (folder: FileHandle, inside: string, depth: number): Promise<void> => {
    for (const name of (await readdir(pathOf(folder), { encoding: 'buffer' })).sort(Buffer.compare)) {
      if (options.over.aborted) cut ??= 'the container was not kept stopped any longer';
      if (changes.length >= EVIDENCE_FILES_MAX) cut ??= `more than ${EVIDENCE_FILES_MAX} changes`;
      if (isFull()) return;
      const path = join(inside, name.toString());
      try {
        // Bytes: a name need not be UTF-8, and one that is not would hide from its text.
        await look(Buffer.concat([Buffer.from(`${pathOf(folder)}/`), name]), path, depth);
      } catch (error) {
        cut ??= `/${path.slice(0, 200)}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`;
      }
    }
  };
  const names = (options.within ?? '').split('/').filter((name) => name !== '');
  const descend = async (folder: FileHandle, at: number): Promise<void> => {
    const name = names[at];
    if (name === undefined) await visit(folder, '', 0);
    else await inFolder(Buffer.from(`${pathOf(folder)}/${name}`), (inner) => descend(inner, at + 1));
  };
  // The root may be a link of proc(5) itself.
  const top = await open(root, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await descend(top, 0);
  } finally {
    await top.close();
  }
  return { changes, cut };
}

/** What is open, whatever its name means by now (proc_pid_fd(5)). */
function pathOf({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}`;
}

async function inFolder(at: Buffer, work: (folder: FileHandle) => Promise<void>): Promise<void> {
  const folder = await open(at, FOLDER);
  try {
    await work(folder);
  } finally {
    await folder.close();
  }
}

/** Hashes a file, and keeps its bytes where they are wanted. */
async function readChanged(at: Buffer, keep: boolean): Promise<{ sha256: string; bytes: Buffer | null }> {
  const file = await open(at, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new TypeError('it is no file any more');
    return await hashFile(file, keep ? EVIDENCE_FILE_BYTES_MAX : 0);
  } finally {
    await file.close();
  }
}

/** @param keepBytes up to so many bytes are kept; of a larger file none */
export async function hashFile(file: FileHandle, keepBytes: number): Promise<{ sha256: string; bytes: Buffer | null }> {
  const hash = createHash('sha256');
  const pieces: Buffer[] = [];
  let bytes = 0;
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    hash.update(piece);
    bytes += bytesRead;
    if (bytes <= keepBytes) pieces.push(Buffer.from(piece));
    if (bytes > EVIDENCE_HASH_BYTES_MAX) break;
  }
  return { sha256: hash.digest('hex'), bytes: keepBytes > 0 && bytes <= keepBytes ? Buffer.concat(pieces) : null };
}
