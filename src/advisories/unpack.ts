import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { FormatError, inflateGuard } from '../formats/index.ts';
import { startChild } from '../system/index.ts';
import { FEED_MAX_BYTES, FEED_MAX_RATIO, UNPACK_MEMORY } from './limits.ts';

/** Programs of Debian for what node:zlib does not inflate; each reads its standard input and writes its standard output. */
const UNPACKERS = {
  bzip2: ['-dc'],
  xz: ['-dc', '--format=xz', `--memlimit-decompress=${UNPACK_MEMORY}`],
} as const satisfies Record<string, readonly string[]>;

export type Packing = keyof typeof UNPACKERS;

/** Which of them a stream needs, by its first bytes; null: none. */
export function packingOf(start: Uint8Array): Packing | null {
  const head = Buffer.from(start.subarray(0, 6)).toString('latin1');
  if (/^BZh[1-9]/.test(head)) return 'bzip2';
  return head === '\xfd7zXZ\0' ? 'xz' : null;
}

/**
 * What a packed stream holds, within the limits of feeds. The child has no environment and no file but its two streams;
 * cut or broken input ends with an error, never with a shorter result.
 *
 * @throws FormatError
 */
export async function* unpack(source: AsyncIterable<Uint8Array>, packing: Packing): AsyncGenerator<Uint8Array> {
  const guard = inflateGuard({ maxOutputBytes: FEED_MAX_BYTES, maxRatio: FEED_MAX_RATIO });
  const child = startChild(packing, UNPACKERS[packing], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' },
    cwd: '/',
  });
  const ended: Promise<number> = once(child, 'close').then(
    ([code]) => (typeof code === 'number' ? code : 1),
    (cause: unknown) => {
      const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      throw new FormatError(
        'inflate.unsupported',
        isMissing ? `it needs the program ${packing}, which is not installed` : `${packing} could not be started`,
        { cause },
      );
    },
  );
  ended.catch(() => undefined);
  let [input, said] = [0, ''];
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < 200) said += chunk.toString('latin1');
  });
  let broken: unknown = null;
  const feeding = pipeline(async function* () {
    for await (const chunk of source) {
      input += chunk.length;
      yield chunk;
    }
  }, child.stdin).catch((error: unknown) => {
    // A child that gave up closes its end; its own word says why.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') broken = error;
    child.kill('SIGKILL');
  });
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      guard(chunk, input);
      yield chunk;
    }
    const code = await ended;
    await feeding;
    if (broken !== null) throw broken;
    if (code !== 0) {
      const why = said.trim().split('\n')[0] || 'it is cut or broken';
      throw new FormatError('inflate.corrupt', `${packing} cannot unpack it: ${why}`);
    }
  } finally {
    child.kill('SIGKILL');
  }
}
