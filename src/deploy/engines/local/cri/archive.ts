import { type FileHandle, open, readdir, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { packTar, type TarInput } from '../../../../formats/index.ts';
import { engineFault } from '../errors.ts';
import { openInside, READ_ONE } from './proc.ts';

const READ_BYTES = 64 * 1024;
const DEPTH_MAX = 128;

/** A file or folder of a running container as a tar whose entries begin with its last name. @throws Fault engine.not-found */
export async function archiveInside(pid: number, path: string): Promise<AsyncIterable<Buffer>> {
  const handle = await openInside(pid, path);
  if (handle === null) throw engineFault('engine.not-found', { operation: `copy ${path}`, why: 'no such file' });
  async function* bytes(top: FileHandle): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of packTar(entriesOf(top, basename(path) || 'root', 0))) yield Buffer.from(chunk);
    } finally {
      await top.close();
    }
  }
  return bytes(handle);
}

/** Opened one below the other, following no link: the container may change everything meanwhile. */
async function* entriesOf(handle: FileHandle, path: string, depth: number): AsyncGenerator<TarInput> {
  const facts = await handle.stat();
  const common = {
    path,
    mode: facts.mode & 0o7777,
    uid: facts.uid,
    gid: facts.gid,
    mtimeSeconds: Math.floor(facts.mtimeMs / 1000),
  };
  if (facts.isFile()) {
    yield { ...common, content: contentOf(handle, facts.size), sizeBytes: facts.size };
    return;
  }
  if (!facts.isDirectory()) return;
  if (depth > DEPTH_MAX) throw engineFault('engine.refused', { operation: 'copy', why: 'folders without end' });
  yield { ...common, kind: 'directory' };
  for (const name of (await readdir(`/proc/self/fd/${handle.fd}`)).sort()) {
    const place = `/proc/self/fd/${handle.fd}/${name}`;
    let inner: FileHandle;
    try {
      inner = await open(place, READ_ONE);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ELOOP') yield { path: `${path}/${name}`, kind: 'symlink', linkTarget: await readlink(place) };
      // Gone meanwhile, or a socket.
      if (code === 'ELOOP' || code === 'ENOENT' || code === 'ENXIO') continue;
      throw error;
    }
    try {
      yield* entriesOf(inner, `${path}/${name}`, depth + 1);
    } finally {
      await inner.close();
    }
  }
}

/** Exactly as many bytes as were promised: of a file that shrinks meanwhile the rest is zeros. */
async function* contentOf(handle: FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const wanted = Math.min(READ_BYTES, size - at);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, at);
    yield bytesRead === 0 ? Buffer.alloc(wanted) : buffer.subarray(0, bytesRead);
    at += bytesRead === 0 ? wanted : bytesRead;
  }
}
