import { Readable, type Transform } from 'node:stream';
import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { FormatError } from './errors.ts';
import { INFLATE_LIMITS, type InflateLimits, STREAM_CHUNK_BYTES, ZSTD_WINDOW_LOG_MAX } from './limits.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Recognises gzip (RFC 1952, 2.3.1) and zstd frames (RFC 8878, 3.1.1, skippable frames too) by their first four bytes. */
export function detectCompression(start: Uint8Array): Compression {
  const [a, b, c, d] = start;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return 'zstd';
  if (a !== undefined && (a & 0xf0) === 0x50 && b === 0x2a && c === 0x4d && d === 0x18) return 'zstd';
  return 'none';
}

/**
 * Counts what comes out of an inflater.
 *
 * @returns to be called with each chunk, and with the bytes that went in so far
 */
export function inflateGuard(limits: Partial<InflateLimits> = {}): (chunk: Uint8Array, inputBytes: number) => void {
  const { maxOutputBytes, maxRatio, ratioFloorBytes } = { ...INFLATE_LIMITS, ...limits };
  let output = 0;
  return (chunk, input) => {
    output += chunk.length;
    if (output > maxOutputBytes) {
      throw new FormatError('inflate.output-limit', `the stream inflates to more than ${maxOutputBytes} bytes`, {
        spanish: `descomprimido ocupa más de ${maxOutputBytes} bytes`,
      });
    }
    if (output > ratioFloorBytes && output > input * maxRatio) {
      throw new FormatError('inflate.ratio-limit', `the stream inflates to more than ${maxRatio} times its size`, {
        spanish: `descomprimido ocupa más de ${maxRatio} veces su tamaño`,
      });
    }
  };
}

/**
 * Inflates a stream within limits. Cut, broken or endless input ends with an error, never with a shorter result.
 *
 * @throws FormatError with an `inflate.*` code; errors of the source pass through unchanged
 */
export async function* inflate(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
  limits: Partial<InflateLimits> = {},
): AsyncGenerator<Uint8Array> {
  const guard = inflateGuard(limits);
  let input = 0;
  const check = (chunk: Uint8Array): Uint8Array => {
    guard(chunk, input);
    return chunk;
  };
  if (compression === 'none') {
    for await (const chunk of source) {
      input += chunk.length;
      yield check(chunk);
    }
    return;
  }
  let sourceError: unknown = null;
  async function* counted(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        input += chunk.length;
        yield chunk;
      }
    } catch (error) {
      sourceError = error;
      throw error;
    }
  }
  const from = Readable.from(counted(), { objectMode: false, highWaterMark: STREAM_CHUNK_BYTES });
  const through = decompressor(compression);
  from.on('error', (error) => through.destroy(error));
  from.pipe(through);
  try {
    for await (const chunk of through) yield check(chunk as Uint8Array);
  } catch (cause) {
    if (cause instanceof FormatError || sourceError !== null) throw sourceError ?? cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const spanish = `no se puede descomprimir (${compression}): ${reason}`;
    throw new FormatError('inflate.corrupt', `the ${compression} stream cannot be read: ${reason}`, { cause, spanish });
  } finally {
    from.destroy();
    through.destroy();
  }
}

/** The same for a stream that says by its first bytes how it is compressed. */
export async function* inflateUnknown(
  source: AsyncIterable<Uint8Array>,
  limits: Partial<InflateLimits> = {},
): AsyncGenerator<Uint8Array> {
  const { start, chunks } = await peekStream(source, 4);
  yield* inflate(chunks, detectCompression(start), limits);
}

/** At least that many of the first bytes of a stream, if it has as many, and the whole stream. */
export async function peekStream(
  source: AsyncIterable<Uint8Array>,
  bytes: number,
): Promise<{ start: Uint8Array; chunks: AsyncGenerator<Uint8Array> }> {
  const rest = source[Symbol.asyncIterator]();
  let start: Uint8Array = new Uint8Array(0);
  while (start.length < bytes) {
    const next = await rest.next();
    if (next.done) break;
    // A copy of what is not enough: a source may give the next piece in the same memory.
    const isEnough = start.length === 0 && next.value.length >= bytes;
    start = isEnough ? next.value : Buffer.concat([start, next.value]);
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      if (start.length > 0) yield start;
      for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
    } finally {
      // Who stops early sets free what the source holds.
      await rest.return?.();
    }
  }
  return { start, chunks: chunks() };
}

function decompressor(compression: 'gzip' | 'zstd'): Transform {
  const sizes = { chunkSize: STREAM_CHUNK_BYTES, highWaterMark: STREAM_CHUNK_BYTES };
  if (compression === 'gzip') return createGunzip(sizes);
  return createZstdDecompress({ ...sizes, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } });
}
