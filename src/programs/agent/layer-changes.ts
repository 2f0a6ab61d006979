import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import {
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

/**
 * Walks the upper folder of an overlay (Documentation/filesystems/overlayfs.rst: a character device 0/0 is a deletion).
 * Only while the container is frozen: else a process could put a link where a folder was a moment before.
 * @param lowers the image's folders, top first
 * @param copy takes the bytes of a file; not called for what is not copied
 * @param over aborted when the container has been stopped for long enough
 */
export async function readLayer(
  upper: string,
  lowers: readonly string[],
  options: {
    readonly copyFiles: boolean;
    readonly over: AbortSignal;
    /** False when there is no room for it any more. */
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
  const visit = async (folder: string): Promise<void> => {
    for (const name of (await readdir(join(upper, folder))).sort()) {
      const path = join(folder, name);
      if (options.over.aborted) cut ??= 'the container was not kept stopped any longer';
      if (changes.length >= EVIDENCE_FILES_MAX) cut ??= `more than ${EVIDENCE_FILES_MAX} changes`;
      if (cut !== null && (options.over.aborted || changes.length >= EVIDENCE_FILES_MAX)) return;
      const facts = await lstat(join(upper, path));
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
        let content: { sha256: string; bytes: Buffer | null } | null = null;
        if (kind === 'file') {
          if (hashedBytes + facts.size > EVIDENCE_HASH_BYTES_MAX)
            cut ??= `more than ${EVIDENCE_HASH_BYTES_MAX} bytes changed`;
          else {
            const keep =
              options.copyFiles &&
              facts.size <= EVIDENCE_FILE_BYTES_MAX &&
              copiedBytes + facts.size <= EVIDENCE_LAYER_BYTES_MAX;
            content = await readChanged(join(upper, path), keep);
            hashedBytes += facts.size;
            copiedBytes += content.bytes?.length ?? 0;
          }
        }
        changes.push({
          path: `/${path}`,
          change: deleted ? 'deleted' : below ? 'changed' : 'added',
          kind: deleted ? 'other' : kind,
          mode: (facts.mode & 0o7777).toString(8).padStart(4, '0'),
          uid: facts.uid,
          gid: facts.gid,
          bytes: facts.isFile() ? facts.size : 0,
          modifiedAt: facts.mtime.toISOString(),
          target: kind === 'symlink' ? await readlink(join(upper, path)) : null,
          sha256: content?.sha256 ?? null,
          copied: content !== null && content.bytes !== null && options.copy(path, content.bytes),
        });
      }
      if (kind === 'folder') await visit(path);
    }
  };
  await visit('');
  return { changes, cut };
}

/** Hashes a file, and keeps its bytes where they are wanted. */
async function readChanged(path: string, keep: boolean): Promise<{ sha256: string; bytes: Buffer | null }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
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
