import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  HEADER as AT,
  CALL,
  EVENT_NAMES,
  fieldReader,
  KernelEvent,
  PathNames,
  RECORD_FLAG,
  type Surroundings,
} from '../events/index.ts';
import { makeExec } from './made-records.ts';

const HEADER = {
  ...{ timeNs: 5, pid: 7, ppid: 1, uid: 0, gid: 0, loginUid: 0, cgroup: 0n, tty: 0, startedNs: 3, session: 1 },
  ...{ innerPid: 7, name: 'a' },
};
const around = (environment: string | null): Surroundings => ({
  ...{ parentOf: () => undefined, processOf: () => undefined, userName: () => null, groupName: () => null },
  ...{ wallOffsetNs: 0, bootOffsetNs: 0 },
  ask: () => ({
    ...{
      environment,
      isEnvironmentCut: false,
      commandLine: null,
      isOfImage: () => false,
      group: null,
      innerGroup: null,
    },
  }),
});

/** It has more than a megabyte. */
const PATHS = new PathNames();

function eventOf(record: Buffer, living: string | null = null): KernelEvent {
  // Not where numbers of four bytes stand, and with the bytes of another record behind.
  const memory = new ArrayBuffer(record.length + 64);
  Buffer.from(memory).fill(0x58);
  Buffer.from(memory).set(record, 8);
  const event = new KernelEvent(memory, around(living), PATHS);
  event.load(8);
  return event;
}

/** Pseudo-random numbers that are the same each time (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test('the texts of a program are the same whether they are decoded in one go or one by one', () => {
  const next = numbers(11);
  const letters = ['a', 'b', ' ', '=', '\n', 'ñ', '€', '😀', '\u0001', '\u007f', 'zz', ''];
  const text = (most: number): string =>
    Array.from({ length: next(most + 1) }, () => letters[next(next(2) === 0 ? 5 : letters.length)]).join('');
  for (let n = 0; n < 3_000; n++) {
    const argv = Array.from({ length: next(5) }, () => text(8));
    const environment = Array.from({ length: next(6) }, (_, i) => `N${i}=${text(9)}`);
    const path = `/${Array.from({ length: next(4) }, () => `p${text(5)}`).join('/')}`;
    const record = makeExec(HEADER, { path, cwd: '/srv', argv, parentName: text(3), environment });
    // Bytes that are no text, now and then.
    if (n % 3 === 0 && record.length > 184) {
      const at = 184 + next(record.length - 184);
      if (record[at] !== 0) record[at] = 0x80 + next(0x80);
    }
    const event = eventOf(record);
    const { path: exe, cwd, args } = event.execTexts();
    assert.deepEqual({ exe, cwd, args }, { exe: event.execPath(), cwd: event.execCwd(), args: event.execArguments() });
    const given = event.environmentOf(event.process, false) ?? assert.fail('no environment');
    assert.equal(event.environmentOf(event.process, true), given.replaceAll('\0', ' ').trimEnd());
    const copy = event.copyRecord();
    assert.deepEqual(
      [eventOf(copy).execTexts(), eventOf(copy).environmentOf(event.process, true)],
      [{ path: exe, cwd, args }, null],
    );
  }
});

test('an environment that says itself whole is believed before /proc; of one that was cut /proc is asked', () => {
  const program = { path: '/bin/a', cwd: '/', argv: ['a'], parentName: 'b' };
  const read = fieldReader('proc.env', null) ?? assert.fail();
  const one = fieldReader('proc.env', 'B') ?? assert.fail();
  assert.equal(read(eventOf(makeExec(HEADER, { ...program, environment: ['A=1', 'B=2 3'] }), 'A=9\0')), 'A=1 B=2 3');
  assert.equal(one(eventOf(makeExec(HEADER, { ...program, environment: ['A=1 B=0', 'B=2 3'] }), 'A=9\0')), '2 3');
  assert.equal(read(eventOf(makeExec(HEADER, program), 'A=9\0B=8\0')), 'A=9 B=8');
  const cut = makeExec(HEADER, { ...program, environment: ['A=1', 'FILLED=xxxxxxxx'] });
  cut.writeUInt16LE(cut.readUInt16LE(2) | 256, 2);
  const whole = eventOf(cut, 'A=1\0FILLED=xxxxxxxxyyyy\0B=2\0');
  assert.deepEqual([read(whole), whole.isCut], ['A=1 FILLED=xxxxxxxxyyyy B=2', false]);
  // By now another program has the number, or none.
  for (const living of ['C=1\0', null]) {
    const part = eventOf(cut, living);
    assert.deepEqual([read(part), part.isCut], ['A=1 FILLED=xxxxxxxx', true]);
  }
});

test('what a call moved is read behind all else of its record, and a copy to keep has none of it', () => {
  const [path, moved] = [Buffer.from('log\0var\0'), Buffer.from('secret \xca\xfe', 'latin1')];
  const record = Buffer.alloc(CALL.bytes + path.length + moved.length);
  record.writeUInt16LE(EVENT_NAMES.indexOf('write'), AT.type);
  record.writeUInt16LE(RECORD_FLAG.content, AT.flags);
  record.writeUInt32LE(record.length, AT.length);
  record.writeBigInt64LE(9n, CALL.result);
  record.writeUInt32LE(0o100644, CALL.mode);
  record.writeUInt32LE(path.length, CALL.file_length);
  path.copy(record, CALL.bytes);
  moved.copy(record, CALL.bytes + path.length);
  const ask = (event: KernelEvent, field: string): unknown => fieldReader(field, null)?.(event);
  const event = eventOf(record);
  assert.equal(ask(event, 'evt.buffer'), 'secret \xca\xfe');
  assert.equal(ask(event, 'evt.buffer.b64'), moved.toString('base64'));
  assert.deepEqual(
    [ask(event, 'evt.buflen.file.out'), ask(event, 'evt.buflen.in'), ask(event, 'evt.io_dir')],
    [9, null, 'write'],
  );
  const copy = event.copyRecord();
  assert.equal(copy.includes('secret'), false);
  assert.deepEqual([ask(eventOf(copy), 'evt.buffer'), ask(eventOf(copy), 'fd.name')], [null, '/var/log']);
  record.writeUInt16LE(0, AT.flags);
  assert.equal(ask(eventOf(record), 'evt.buffer'), null);
});
