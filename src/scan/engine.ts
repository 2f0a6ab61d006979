import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, startChild } from '../system/index.ts';
import { type LocalImage, openImagePath } from './archive.ts';
import { scanFault } from './errors.ts';
import { ENGINE_TIMEOUT_MS } from './limits.ts';

/**
 * A container of the local Podman as it is now: its image with all that was written above it, without volumes and mounts.
 * Works for the containers of the user who asks: rootless ones need no more rights, those of root need root.
 *
 * @throws Fault scan.engine-failed when there is none of this name
 */
export async function exportContainer(container: string, signal?: AbortSignal) {
  const { code, stderr } = await runCommand(
    'podman',
    ['container', 'inspect', '--format', '{{.ID}}', '--', container],
    {
      timeoutMs: ENGINE_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    },
  );
  if (code !== 0) throw engineFailed(container, stderr);
  async function* content(): AsyncGenerator<Uint8Array> {
    const { writeEnd, readEnd } = await openPipe();
    const args = ['container', 'export', '--', container];
    const child = startChild('podman', args, { stdio: ['ignore', writeEnd, 'pipe'] });
    closeSync(writeEnd);
    const output = new Socket({ fd: readEnd, readable: true, writable: false });
    const abort = (): boolean => child.kill();
    signal?.addEventListener('abort', abort, { once: true });
    let complaint = '';
    let failure: Error | null = null;
    child.on('error', (error) => {
      failure = error;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      complaint = `${complaint}${text}`.slice(-2000);
    });
    const ended = new Promise<number | null>((resolve) => {
      child.once('close', resolve);
      child.once('error', () => resolve(null));
    });
    try {
      for await (const chunk of output) yield chunk as Uint8Array;
      const code = await ended;
      if (failure !== null || code !== 0) throw engineFailed(container, failure ?? complaint);
    } finally {
      signal?.removeEventListener('abort', abort);
      child.kill();
      output.destroy();
      await ended;
    }
  }
  return {
    kind: 'tree',
    tree: 'container',
    content,
    everything: content,
    skipped: () => [],
    close: async () => undefined,
  } as const;
}

/** Podman opens /dev/stdout by name, which a pipe can be and the sockets that Node gives its children cannot. */
async function openPipe(): Promise<{ writeEnd: number; readEnd: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-pipe-'));
  try {
    const name = join(folder, 'pipe');
    const { code, stderr } = await runCommand('mkfifo', ['-m', '600', name], { timeoutMs: 10_000 });
    if (code !== 0) throw new Error(`mkfifo: ${stderr.trim()}`);
    // Both ways first: a pipe that is opened one way waits for the other.
    const writeEnd = openSync(name, constants.O_RDWR);
    const readEnd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK);
    return { writeEnd, readEnd };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * An image of the local Podman, by way of an archive in the temporary folder. Podman keeps no layer as it was pulled, so
 * the digest is that of the saved image and not the one of its registry.
 *
 * @throws Fault scan.engine-failed, system.command-missing
 */
export async function saveLocalImage(
  name: string,
  signal?: AbortSignal,
): Promise<{ image: LocalImage; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-image-'));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const file = join(folder, 'image.tar');
    const args = ['image', 'save', '--quiet', '--format', 'docker-archive', '--output', file, '--', name];
    const { code, stderr } = await runCommand('podman', args, {
      timeoutMs: ENGINE_TIMEOUT_MS,
      ...(signal ? { signal } : {}),
    });
    if (code !== 0) throw engineFailed(name, stderr);
    return { image: await openImagePath(file), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function engineFailed(name: string, cause: Error | string) {
  const text = cause instanceof Error ? cause.message : cause;
  const why = text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
  return scanFault('scan.engine-failed', { name, why }, cause instanceof Error ? { cause } : {});
}
