import type { ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Digest } from '../oci/index.ts';
import { startChild } from '../system/index.ts';
import { type LayerClaim, LayerMismatch, longerThan, requireStored } from './layer.ts';
import { INFLATER_BYTES_MAX } from './limits.ts';

/**
 * igzip (Debian package isal) inflates twice as fast as zlib. It is C that reads the bytes of strangers, so it runs only
 * where it can be shut in: namespaces of its own without network or other processes, no capability, no new privileges, no
 * file it could write, and an address space of its own size. Its output is believed only when the diffID proves it.
 */
const CONFINE = [
  ['/usr/bin/unshare', '--user', '--map-root-user', '--net', '--ipc', '--uts', '--pid', '--fork', '--kill-child'],
  ['--mount-proc'],
  ['/usr/bin/setpriv', '--no-new-privs', '--bounding-set=-all', '--inh-caps=-all'],
  ['/usr/bin/prlimit', '--nofile=8', '--fsize=0', '--core=0', '--nproc=1', `--as=${INFLATER_BYTES_MAX}`],
].flat();
const IGZIP = '/usr/bin/igzip';

/** Inflates gzip streams outside of this process. */
export interface Inflater {
  /** A child that reads gzip from its standard input and writes to `output`; exits with 0 when the input was whole. */
  start(output: Socket): ChildProcess;
}

let found: Promise<Inflater | null> | null = null;

/** Null where igzip is not installed or cannot be confined; asked once a process. */
export function findInflater(): Promise<Inflater | null> {
  found ??= probe().catch((error: unknown) => {
    // No process was to be had just now: asked again the next time.
    found = null;
    throw error;
  });
  return found;
}

async function probe(): Promise<Inflater | null> {
  const programs = [IGZIP, ...CONFINE.filter((word) => word.startsWith('/'))];
  const present = await Promise.all(
    programs.map((program) =>
      access(program, constants.X_OK).then(
        () => true,
        () => false,
      ),
    ),
  );
  if (!present.every(Boolean)) return null;
  // Whether this kernel lets this user have namespaces is known only by trying.
  const child = startChild(CONFINE[0] ?? '', [...CONFINE.slice(1), IGZIP, '--version'], {
    env: {},
    cwd: '/',
    stdio: 'ignore',
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  });
  if (code !== 0) return null;
  return {
    start: (output) =>
      startChild(CONFINE[0] ?? '', [...CONFINE.slice(1), IGZIP, '-dc'], {
        env: {},
        cwd: '/',
        stdio: ['pipe', output, 'ignore'],
      }),
  };
}

/** What went in is not the layer that the image names, or no gzip: nothing learned from it may be used. */
export class LayerRefused extends Error {
  readonly code: string;
  readonly layer: Digest;

  constructor(code: string, message: string, layer: Digest) {
    super(message);
    this.code = code;
    this.layer = layer;
  }
}

/**
 * Puts one layer through the inflater, with size and digest of what goes in held to what the image states.
 *
 * @throws LayerRefused; errors of the content pass through
 */
export async function inflateInto(
  channel: Socket,
  inflater: Inflater,
  pieces: AsyncIterable<Uint8Array>,
  claim: LayerClaim,
): Promise<void> {
  const child = inflater.start(channel);
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', (code) => resolve(code));
  });
  // The child has the other end now; when it closes it, the worker sees the end.
  channel.destroy();
  const { stdin } = child;
  let hasEnded = false;
  let wake = (): void => undefined;
  // It has stopped reading: why, its exit code says.
  stdin?.on('error', () => wake());
  void ended.then(() => {
    hasEnded = true;
    wake();
  });
  const algorithm = claim.digest.startsWith('sha512:') ? 'sha512' : 'sha256';
  const hash = createHash(algorithm);
  let sizeBytes = 0;
  try {
    for await (const piece of pieces) {
      sizeBytes += piece.length;
      if (sizeBytes > claim.sizeBytes) throw longerThan(claim);
      hash.update(piece);
      if (hasEnded) break;
      // Whoever gives pieces may use their memory again, so each is written before the next is asked for.
      const written = new Promise<void>((resolve) => {
        wake = resolve;
      });
      stdin?.write(piece, () => wake());
      await written;
    }
    stdin?.end();
    const code = await ended;
    if (code !== 0) throw new LayerRefused('inflate.corrupt', 'the gzip stream cannot be read', claim.digest);
    requireStored({ digest: `${algorithm}:${hash.digest('hex')}` as Digest, sizeBytes }, claim);
  } catch (error) {
    if (!(error instanceof LayerMismatch)) throw error;
    throw new LayerRefused(error.code, error.message, claim.digest);
  } finally {
    child.kill('SIGKILL');
  }
}
