import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { FormatError } from '../../formats/index.ts';
import { EVENT_TYPES } from './event-types.ts';
import { readScap, recordingChunks, scapFields } from './index.ts';

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
function processes(tid: number, comm: string, cgroups: string, pid = tid, environment = 'HOME=/\0'): Buffer {
  return block(
    0x212,
    ...[i64(tid), i64(pid), i64(1), i64(tid), text(comm), text(`/bin/${comm}`), text('-c\0ls\0'), text('/srv')],
    ...[
      i64(1024),
      u32(0),
      u32(33),
      u32(33),
      Buffer.alloc(28),
      text(environment),
      i64(tid),
      i64(1),
      text(cgroups),
      text('/'),
    ],
  );
}

const START = 1_700_000_000_000_000_000n;

/** @param at nanoseconds after the first event */
function event(name: string, isExit: boolean, tid: number, values: readonly Buffer[], at = 0): Buffer {
  const type = EVENT_TYPES.find(
    (one) => one.name === name && one.isExit === isExit && one.parameters.length >= values.length,
  );
  assert.ok(type);
  const body = Buffer.concat([...values.map(({ length }) => u16(length)), ...values]);
  const time = Buffer.from(new BigUint64Array([START + BigInt(at)]).buffer);
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
  const readers = fields.map((field) => {
    const { name, argument } = scapFields.normalize(field, null);
    return scapFields.reader(name, argument);
  });
  await readScap(source, (one) => rows.push(readers.map((reader) => reader?.(one))));
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

test('a file is read piece by piece in the same memory, a compressed one too, and no event is lost between two pieces', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-scap-'));
  try {
    const path = Buffer.from('/srv/a/rather/long/name/of/a/file\0');
    const opens = Array.from({ length: 30_000 }, (_, i) =>
      event('openat', true, 40, [i64(5), i64(-100), path, u32(1), u32(0), u32(i)]),
    );
    const recording = Buffer.concat([SECTION, processes(40, 'sh', ''), ...opens]);
    assert.ok(recording.length > 2 * 1024 * 1024);
    const [plain, packed] = [join(folder, 'plain.scap'), join(folder, 'packed.scap')];
    writeFileSync(plain, recording);
    // Hardly smaller, so that the file has several pieces as well.
    writeFileSync(packed, gzipSync(recording, { level: 0 }));
    const expected = await read(pieces(recording, 4096), ['evt.num', 'fd.name', 'evt.arg.dev']);
    assert.equal(expected.length, opens.length);
    for (const file of [plain, packed]) {
      assert.deepEqual(await read(recordingChunks(file), ['evt.num', 'fd.name', 'evt.arg.dev']), expected);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('times, memory, failures and what poll waits for are told as sysdig tells them', async () => {
  const polled = Buffer.concat([u16(2), i64(5), u16(1), i64(9), u16(1)]);
  const path = Buffer.from('/etc/passwd\0');
  const recording = Buffer.concat([
    ...[SECTION, processes(40, 'sh', ''), event('openat', true, 40, [i64(5), i64(-100), path, u32(1), u32(0)])],
    event('read', false, 40, [i64(5), u32(10)], 1_000),
    event('read', true, 40, [i64(-5), Buffer.alloc(0)], 2_500),
    event('poll', false, 40, [polled, i64(-1)], 2_000_000_000),
    event('poll', true, 40, [i64(0), polled], 5_250_000_000),
    event('brk', true, 40, [i64(0), u32(7_000), u32(900), u32(3)], 5_250_000_001),
    event('switch', false, 40, [i64(41)], 5_250_000_002),
    event('switch', false, 41, [i64(40)], 5_250_000_052),
    event('switch', false, 40, [i64(41)], 5_250_000_062),
    event('openat', true, 40, [i64(-2), i64(-100), path, u32(4), u32(0o755)], 5_250_000_063),
    event('connect', true, 40, [i64(-111), Buffer.alloc(0)], 5_250_000_064),
  ]);
  const told = async (...fields: string[]): Promise<unknown[][]> => read(pieces(recording, 4096), fields);
  assert.deepEqual((await told('evt.latency', 'evt.latency.human', 'evt.wait_latency')).slice(0, 5), [
    [0, '0ns', null],
    [0, '0ns', null],
    [1_500, '1.50us', null],
    [0, '0ns', null],
    [3_250_000_000, '3.25s', 3_250_000_000],
  ]);
  assert.deepEqual((await told('evt.reltime', 'evt.reltime.s', 'evt.deltatime', 'evt.deltatime.ns'))[4], [
    ...[5_250_000_000, 5, 3_250_000_000, 250_000_000],
  ]);
  assert.deepEqual((await told('fdlist.nums', 'fdlist.names', 'fdlist.cips', 'evt.io_dir')).slice(2, 5), [
    [null, null, null, 'read'],
    ['5,9', '/etc/passwd,<NA>', null, null],
    ['5,9', '/etc/passwd,<NA>', null, null],
  ]);
  const memory = await told('proc.vmsize', 'thread.vmrss', 'proc.vmswap', 'proc.fdlimit', 'thread.pfmajor');
  assert.deepEqual(
    [memory[0], memory[5]],
    [
      [0, 0, 0, 1024, 0],
      [7_000, 900, 3, 1024, 0],
    ],
  );
  // Of the second switch nobody knows the thread.
  const ran = await told('thread.exectime', 'thread.totexectime');
  assert.deepEqual(ran.slice(5, 9), [
    [0, 0],
    [0, 0],
    [50, null],
    [10, 10],
  ]);
  const failures = await told(
    'evt.count.error',
    'evt.count.error.file',
    'evt.count.error.net',
    'evt.count.error.other',
  );
  assert.deepEqual(
    [failures[1], failures[2], failures[9], failures[10]],
    [
      [null, null, null, null],
      [1, 1, null, null],
      [1, 1, null, null],
      [1, null, 1, null],
    ],
  );
  assert.deepEqual((await told('evt.is_open_exec', 'evt.abspath'))[9], [true, '/etc/passwd']);
  assert.deepEqual((await told('evt.args', 'evt.arg.fd', 'evt.arg.size', 'evt.type.is.read'))[1], [
    ...['fd=5(<f>/etc/passwd) size=10 ', '<f>/etc/passwd', '10', 1],
  ]);
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
    await read(pieces(bytes, 4096), ['evt.args', 'fdlist.names', 'proc.aname', 'evt.category']).catch(
      (error: unknown) => {
        assert.ok(error instanceof FormatError, `${error instanceof Error ? error.stack : error}`);
      },
    );
  }
});

test('what is no recording is refused at its first bytes', async () => {
  await assert.rejects(read(pieces(Buffer.from('#!/bin/sh\n'), 4), []), { code: 'scap.header' });
  await assert.rejects(read(pieces(Buffer.alloc(0), 4), []), { code: 'scap.truncated' });
  await assert.rejects(read(pieces(Buffer.concat([SECTION, u32(0x216), u32(0xffffffff)]), 64), []), {
    code: 'scap.size',
  });
});

/** A process of the ninth version of the list, as recorders write it since two values were put in before its end. */
function newProcess(tid: number, more: readonly Buffer[]): Buffer {
  const entry = Buffer.concat([
    ...[i64(tid), i64(tid), i64(1), i64(tid), i64(7), text('sh'), text('/bin/sh'), text('/usr/bin/dash'), text('')],
    ...[text('/'), i64(1024), u32(0), u32(33), u32(33), Buffer.alloc(28), text(''), i64(tid), i64(tid), text('')],
    ...[text('/'), ...more],
  ]);
  return block(0x215, u32(entry.length + 4), entry);
}

test('what newer recorders put into the process list is read where it stands, and older lists as they were', async () => {
  const flag = (value: number): Buffer => Buffer.from([value]);
  const older = [u32(1000), flag(1), i64(1), i64(2), i64(4)];
  const newer = [
    ...[i64(77), u32(34816), ...older],
    ...[flag(1), i64(4711), i64(5), i64(6), flag(0), flag(1), i64(12)],
  ];
  const fields =
    'user.loginuid proc.is_exe_writable proc.tty proc.exe_ino proc.pgid proc.vpgid proc.is_exe_lower_layer proc.pidns_init_start_ts';
  const told = async (more: readonly Buffer[]): Promise<unknown[] | undefined> => {
    const bytes = Buffer.concat([SECTION, newProcess(40, more), event('close', true, 40, [i64(0)])]);
    return (await read(pieces(bytes, 4096), fields.split(' ')))[0];
  };
  assert.deepEqual(await told(newer), [1000, true, 34816, 4711, 12, 7, true, 77]);
  assert.deepEqual(await told(older), [1000, true, 0, null, -1, 7, false, null]);
  assert.deepEqual(await told([]), [-1, false, 0, null, -1, 7, false, null]);
});

test('blocks by the numbers of before the library, and events that nobody knows, are read as sysdig reads them', async () => {
  const close = event('close', true, 40, [i64(0)]);
  const old = Buffer.from(close);
  const plain = event('close', true, 40, [i64(0)]);
  plain.writeUInt16LE(60_000, 8 + 2 + 20);
  const machine = block(0x201, u32(4), i64(0), i64(0), Buffer.from('recorded'.padEnd(128, '\0')), i64(9));
  const rows = await read(pieces(Buffer.concat([SECTION, machine, close, plain, old]), 64), [
    'evt.num',
    'evt.hostname',
  ]);
  assert.deepEqual(rows, [
    [1, 'recorded'],
    [2, 'recorded'],
  ]);
  // An event whose parameters are not counted, as it was when the number was in use.
  const body = Buffer.concat([u16(8), i64(0)]);
  const number = EVENT_TYPES.findIndex(({ name, isExit }) => name === 'close' && isExit);
  const time = Buffer.from(new BigUint64Array([START]).buffer);
  const first = block(0x8010abcd, u16(0), time, i64(40), u32(22 + body.length), u16(number), body);
  assert.deepEqual(await read(pieces(Buffer.concat([SECTION, first]), 64), ['evt.type']), [['close']]);
});

test('paths of calls are those of calls that were done; of a link the new name is the source', async () => {
  const paths = ['fs.path.name', 'fs.path.nameraw', 'fs.path.source', 'fs.path.target'];
  const rows = await read(
    pieces(
      Buffer.concat([
        ...[SECTION, processes(40, 'sh', '')],
        event('mkdir', true, 40, [i64(0), Buffer.from('made\0'), u32(0)]),
        event('mkdir', true, 40, [i64(-17), Buffer.from('made\0'), u32(0)]),
        event('openat', true, 40, [i64(-2), i64(-100), Buffer.from('none\0'), u32(1), u32(0), u32(0)]),
        event('link', true, 40, [i64(0), Buffer.from('/etc/shadow\0'), Buffer.from('mine\0')]),
        // An older recorder tells the path where the call begins.
        event('unlink', false, 40, [Buffer.from('gone\0')]),
        event('unlink', true, 40, [i64(0)]),
        event('access', true, 40, [i64(0), Buffer.from('/etc/passwd\0')]),
      ]),
      4096,
    ),
    paths,
  );
  assert.deepEqual(
    rows.filter((_, place) => place !== 4),
    [
      ['/srv/made', 'made', null, null],
      [null, null, null, null],
      ['/srv/none', 'none', null, null],
      [null, null, '/srv/mine', '/etc/shadow'],
      ['/srv/gone', 'gone', null, null],
      [null, null, null, null],
    ],
  );
});

test('a file was made where the recorder says so, and not where that was only allowed', async () => {
  const [created, allowed, temporary] = [16_384 | 4 | 2, 4 | 2, 8_192 | 2];
  const open = (fd: number, flags: number): Buffer =>
    event('openat', true, 40, [i64(fd), i64(-100), Buffer.from('/tmp/x\0'), u32(flags), u32(0o644), u32(0)]);
  const events = [open(5, created), open(6, allowed), open(7, temporary), open(-13, temporary)];
  const creat = event('creat', true, 40, [i64(8), Buffer.from('/tmp/y\0'), u32(0o644), u32(0)]);
  const bytes = Buffer.concat([SECTION, processes(40, 'sh', ''), ...events, creat]);
  const told: unknown[] = [];
  await readScap(pieces(bytes, 4_096), (one) => {
    told.push(['evt.is_open_create', 'evt.is_open_write'].map((name) => scapFields.reader(name, null)?.(one)));
  });
  assert.deepEqual(told, [
    [true, true],
    [false, true],
    [true, true],
    [false, true],
    [false, false],
  ]);
});

test('a variable of the environment is that of the process, and an empty one where it is not there; both ends of a pipe have its number', async () => {
  const recording = Buffer.concat([
    SECTION,
    processes(7, 'sh', ''),
    processes(8, 'sh', '', 7, ''),
    event('pipe', true, 7, [i64(0), i64(5), i64(6), i64(99)]),
    event('close', false, 7, [i64(6)], 1),
    event('close', false, 8, [i64(9)], 2),
  ]);
  const found: unknown[][] = [];
  const readers = ['HOME', 'NOBODY'].map((name) => scapFields.reader('proc.env', name));
  readers.push(scapFields.reader('proc.env', null), scapFields.reader('fd.ino', null));
  await readScap(pieces(recording, 1_000), (one) => void found.push(readers.map((reader) => reader?.(one))));
  assert.deepEqual(
    found.map((row) => row.slice(0, 3)),
    [0, 1, 2].map(() => ['/', '', 'HOME=/']),
  );
  assert.equal(found[1]?.[3], 99);
});

test('what newer recorders tell at the end of a call alone is taken from there', async () => {
  const ends = Buffer.from([2, 0, 0, 0, 0, 1, 0, 128, 32, 41, 1, 0, 0]);
  const map = (fd: number): Buffer =>
    event('mmap', true, 40, [i64(4096), u32(1), u32(1), u32(0), i64(0), i64(8), u32(1), u32(2), i64(fd), i64(0)], 9);
  const user = (at: number): Buffer =>
    event('useradded', false, -1, [u32(1), u32(1), text('u').subarray(2), Buffer.from('/\0'), Buffer.from('/\0')], at);
  const recording = Buffer.concat([
    ...[SECTION, processes(40, 'sh', ''), user(0), user(1)],
    event('openat', true, 40, [i64(5), i64(-100), Buffer.from('/etc/passwd\0'), u32(1), u32(0), u32(0)], 5),
    // A signal comes and goes without a word of the call that it breaks.
    event('signaldeliver', false, 40, [i64(1), i64(40), Buffer.from([2])], 6),
    event('read', true, 40, [i64(1), Buffer.from('x'), i64(5), u32(1)], 8),
    ...[map(5), map(-1)],
    // Nobody saw the socket being made, of a thread that nobody told of.
    event('sendto', true, 77, [i64(1), Buffer.from('x'), i64(3), u32(1), ends], 10),
    event('sendto', true, 77, [i64(-1), Buffer.from('x'), i64(4), u32(1), ends], 11),
    event('write', true, 77, [i64(1), Buffer.from('x'), i64(3), u32(1)], 12),
  ]);
  const told = async (...fields: string[]): Promise<unknown[][]> => read(pieces(recording, 4096), fields);
  const rows = (await told('evt.type', 'evt.reltime', 'evt.latency', 'fd.num', 'fd.name', 'fd.cip', 'fd.sport')).slice(
    2,
  );
  const passwd = '/etc/passwd';
  const socket = '0.0.0.0:1->128.32.41.1:0';
  assert.deepEqual(
    rows.map((row) => row.map((value) => value ?? null)),
    [
      ['openat', 0, 0, 5, passwd, null, null],
      ['signaldeliver', 1, 0, null, null, null, null],
      ['read', 3, 0, 5, passwd, null, null],
      ['mmap', 4, 0, 5, passwd, null, null],
      ['mmap', 4, 0, -1, '', null, null],
      ['sendto', 5, 0, 3, socket, '0.0.0.0', 0],
      ['sendto', 6, 0, 4, '', null, null],
      ['write', 7, 0, 3, socket, '0.0.0.0', 0],
    ],
  );
});
