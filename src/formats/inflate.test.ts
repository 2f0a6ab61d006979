import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { FormatError } from './errors.ts';
import { detectCompression, inflate, peekStream } from './inflate.ts';
import type { InflateLimits } from './limits.ts';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* pieces(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function run(bytes: Uint8Array, limits: Partial<InflateLimits> = {}): Promise<Buffer | string> {
  try {
    return Buffer.concat(await collect(inflate(pieces(bytes), detectCompression(bytes), limits)));
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error.code;
  }
}

const text = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `${index * 7919}\n`).join(''));

test('inflate() gives the bytes back, from gzip, gzip members in a row, zstd or none', async () => {
  assert.deepEqual(await run(gzipSync(text)), text);
  assert.deepEqual(await run(Buffer.concat([gzipSync(text), gzipSync(text)])), Buffer.concat([text, text]));
  assert.deepEqual(await run(zstdCompressSync(text)), text);
  assert.deepEqual(await run(text), text);
});

test('cut streams are refused, never read as shorter', async () => {
  for (const whole of [gzipSync(text), zstdCompressSync(text)]) {
    for (const cut of [10, 500, whole.length - 1])
      assert.equal(await run(whole.subarray(0, cut)), 'inflate.corrupt', `${cut}`);
  }
});

test('a flipped byte is caught by the checksum of gzip; zstd has none, its layers are caught by their digest', async () => {
  const flipped = gzipSync(text);
  flipped[1000] = (flipped[1000] ?? 0) ^ 0xff;
  assert.equal(await run(flipped), 'inflate.corrupt');
});

test('a bomb is stopped by ratio and by size', async () => {
  const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024));
  assert.equal(await run(bomb), 'inflate.ratio-limit');
  assert.equal(await run(zstdCompressSync(Buffer.alloc(80 * 1024 * 1024))), 'inflate.ratio-limit');
  assert.equal(await run(gzipSync(text), { maxOutputBytes: text.length }).then(String), String(text));
  assert.equal(await run(gzipSync(text), { maxOutputBytes: text.length - 1 }), 'inflate.output-limit');
});

test('a zstd frame that asks for a window of 2 GiB is refused before it is allocated', async () => {
  // Frame header of RFC 8878: descriptor 0x00 (no single segment), window descriptor 0xa8 = 2^31 bytes, an empty last block.
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
  assert.equal(await run(frame), 'inflate.corrupt');
});

test('an error of the source passes through unchanged', async () => {
  const whole = gzipSync(text);
  async function* failing(): AsyncGenerator<Uint8Array> {
    yield whole.subarray(0, 500);
    throw new Error('the disk is gone');
  }
  await assert.rejects(collect(inflate(failing(), 'gzip')), /the disk is gone/);
});

test('the first bytes of a stream stay what they are when its pieces come in the same memory', async () => {
  async function* source(): AsyncGenerator<Uint8Array> {
    const room = new Uint8Array(1);
    for (const byte of Buffer.from('seven b')) {
      room[0] = byte;
      yield room;
    }
  }
  const { start, chunks } = await peekStream(source(), 4);
  assert.equal(Buffer.from(start).toString(), 'seve');
  const pieces: Buffer[] = [];
  for await (const piece of chunks) pieces.push(Buffer.from(piece));
  assert.equal(Buffer.concat(pieces).toString(), 'seven b');
});
