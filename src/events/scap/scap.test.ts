import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FormatError } from '../../formats/index.ts';
import { EVENT_TYPES } from './event-types.ts';
import { readScap, scapFields } from './index.ts';

const u16 = (value: number): Buffer => Buffer.from([value & 0xff, value >> 8]);
const u32 = (value: number): Buffer => Buffer.from(new Uint32Array([value]).buffer);
const i64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([u16(value.length), Buffer.from(value)]);

function block(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const fill = Buffer.alloc((4 - (body.length % 4)) % 4);
  const length = u32(body.length + fill.length + 12);
  return Buffer.concat([u32(type), length, body, fill, length]);
}

const SECTION = block(0x0a0d0d0a, u32(0x1a2b3c4d), u16(1), u16(2), i64(-1));

/** A process of the sixth version of the list. */
function processes(tid: number, comm: string, cgroups: string): Buffer {
  return block(
    0x212,
    ...[i64(tid), i64(tid), i64(1), i64(tid), text(comm), text(`/bin/${comm}`), text('-c\0ls\0'), text('/srv')],
    ...[
      i64(1024),
      u32(0),
      u32(33),
      u32(33),
      Buffer.alloc(28),
      text('HOME=/\0'),
      i64(tid),
      i64(1),
      text(cgroups),
      text('/'),
    ],
  );
}

function event(name: string, isExit: boolean, tid: number, values: readonly Buffer[]): Buffer {
  const type = EVENT_TYPES.find(
    (one) => one.name === name && one.isExit === isExit && one.parameters.length >= values.length,
  );
  assert.ok(type);
  const body = Buffer.concat([...values.map(({ length }) => u16(length)), ...values]);
  const time = i64(1_700_000_000_000_000_000);
  return block(0x216, u16(0), time, i64(tid), u32(26 + body.length), u16(type.number), u32(values.length), body);
}

const ID = 'a'.repeat(64);
const RECORDING = Buffer.concat([
  SECTION,
  processes(40, 'sh', `cpu=/docker/${ID}\0`),
  event('openat', true, 40, [i64(5), i64(-100), Buffer.from('../etc/shadow\0'), u32(1), u32(0), u32(0)]),
  event('close', false, 40, [i64(5)]),
  event('close', true, 40, [i64(0)]),
  event('read', false, 40, [i64(5), u32(10)]),
  event('openat', true, 40, [i64(-13), i64(-100), Buffer.from('/root/x\0'), u32(1), u32(0), u32(0)]),
]);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Uint8Array>, fields: readonly string[]): Promise<unknown[][]> {
  const rows: unknown[][] = [];
  await readScap(source, (one) => rows.push(fields.map((name) => scapFields.reader(name, null)?.(one))));
  return rows;
}

test('a recording tells events with their process, container and descriptor, compressed or in small pieces', async () => {
  const fields = ['evt.num', 'evt.type', 'evt.dir', 'evt.res', 'proc.cmdline', 'container.id', 'fd.num', 'fd.name'];
  const who = ['sh -c ls', 'aaaaaaaaaaaa'];
  const expected = [
    [1, 'openat', '<', 'SUCCESS', ...who, 5, '/etc/shadow'],
    [2, 'close', '>', null, ...who, 5, '/etc/shadow'],
    [3, 'close', '<', 'SUCCESS', ...who, 5, '/etc/shadow'],
    [4, 'read', '>', null, ...who, 5, null],
    [5, 'openat', '<', 'EACCES', ...who, -1, '/root/x'],
  ];
  const found = await read(pieces(RECORDING, 7), fields);
  assert.deepEqual(
    found.map((row) => row.map((value) => value ?? null)),
    expected,
  );
  const again = await read(pieces(gzipSync(RECORDING), 1000), fields);
  assert.deepEqual(again, found);
});

test('a recording that is cut or changed anywhere ends in an error of its format, or in fewer events', async () => {
  for (let end = 0; end < RECORDING.length; end++) {
    const bytes = RECORDING.subarray(0, end);
    const isWhole = [SECTION.length].includes(end);
    await read(pieces(bytes, 4096), ['evt.num']).then(
      (rows) => assert.ok(isWhole || rows.length < 5),
      (error: unknown) => assert.ok(error instanceof FormatError, String(error)),
    );
  }
  let seed = 1;
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.from(RECORDING);
    for (let flips = 0; flips < 3; flips++) {
      seed = (seed * 48_271) % 2_147_483_647;
      bytes[seed % bytes.length] = seed >> 8;
    }
    await read(pieces(bytes, 4096), ['evt.args', 'fd.name', 'proc.aname', 'evt.category']).catch((error: unknown) => {
      assert.ok(error instanceof FormatError, `${error instanceof Error ? error.stack : error}`);
    });
  }
});

test('what is no recording is refused at its first bytes', async () => {
  await assert.rejects(read(pieces(Buffer.from('#!/bin/sh\n'), 4), []), { code: 'scap.header' });
  await assert.rejects(read(pieces(Buffer.alloc(0), 4), []), { code: 'scap.truncated' });
  await assert.rejects(read(pieces(Buffer.concat([SECTION, u32(0x216), u32(0xffffffff)]), 64), []), {
    code: 'scap.size',
  });
});
