import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CALL,
  CONNECT,
  EVENT_NAMES,
  fieldReader,
  KernelEvent,
  PathNames,
  RECORD,
  unknownProcess,
} from '../events/index.ts';
import { makeOpen } from '../observe/made-records.ts';
import { liveFields, RuleEngine } from './engine.ts';
import { compileOutput } from './output.ts';

/** The alert of a condition about a file that was opened: a "~" in its path stands for the byte ff, which is no letter. */
function alertOf(condition: string, path: string, uid = 1000): { output: string; json: string } | null {
  const output = '%fd.name %user.name %group.name %user.loginname';
  const text = `- rule: R\n  desc: d\n  condition: ${JSON.stringify(`evt.type = openat and ${condition}`)}\n  output: "${output}"\n  priority: NOTICE\n`;
  const engine = RuleEngine.load([{ file: 'f.yaml', text }]);
  assert.deepEqual(
    engine.findings.filter(({ severity }) => severity === 'error'),
    [],
    condition,
  );
  const facts = {
    ...{ timeNs: 1, pid: 7, ppid: 1, uid, gid: uid, loginUid: 0xffff_ffff, cgroup: 0n, tty: 0, startedNs: 1 },
    ...{ session: 7, innerPid: 7, name: 'cat' },
  };
  const made = makeOpen(facts, { path, flags: 0, mode: 0, inode: 1 });
  for (let i = 0; i < made.length; i++) if (made[i] === 0x7e) made[i] = 0xff;
  const memory = new ArrayBuffer(made.length + 8);
  Buffer.from(memory).set(made);
  const around = {
    ...{ parentOf: () => undefined, processOf: () => undefined, groupName: () => null, namesOf: () => [] },
    ...{ userName: (id: number) => (id === 33 ? 'www-data' : null), ask: () => null, wallOffsetNs: 0, bootOffsetNs: 0 },
  };
  const event = new KernelEvent(memory, around, new PathNames());
  event.load(0);
  event.process = unknownProcess(7, 1, 'cat');
  const [held] = engine.match(event) ?? [];
  if (held === undefined) return null;
  const alert = engine.makeAlert(event, held);
  return { output: alert.output, json: JSON.stringify(alert) };
}

const holds = (condition: string, path: string): boolean => alertOf(condition, path) !== null;

test('a byte that is no letter is found in a path of the kernel, and no other byte is taken for it', () => {
  for (const good of [
    'fd.name = "/p\\xff/q\\xff"',
    'fd.name contains "\\xff"',
    'fd.name in (/a, "/p\\xff/q\\xff")',
    'fd.name startswith "/p\\xff/"',
    'fd.name glob "/p?/q?"',
    'fd.name glob "/p\\xff/*"',
    'fd.name pmatch ("/p\\xff")',
    'fd.name icontains "Q\\xff"',
    'fd.name regex "/p./q."',
    'fd.directory endswith "\\xff"',
    'fd.filename = "q\\xff"',
    'len(fd.name) = 6',
    'tolower(fd.name) = "/p\\xff/q\\xff"',
    'not fd.name contains "\\xfe"',
  ])
    assert.ok(holds(good, '/p~/q~'), good);
  for (const bad of ['fd.name contains "\\xfe"', 'fd.name = "/p?/q?"', 'fd.name regex "/p./q"', 'fd.name = "/p\\xff"'])
    assert.ok(!holds(bad, '/p~/q~'), bad);
});

test('bytes that make letters together are those letters, and a part of a letter is found in it', () => {
  assert.ok(holds('fd.name = "/caf\\xc3\\xa9"', '/café'));
  assert.ok(holds('fd.name contains "\\x2fcaf"', '/café'));
  assert.ok(holds('fd.name contains "\\xc3"', '/café'));
  assert.ok(holds('fd.name endswith "\\xa9"', '/café'));
  assert.ok(!holds('fd.name contains "\\xc4"', '/café'));
});

test('people and receivers get U+FFFD in its place', () => {
  const alert = alertOf('fd.name contains "\\xff"', '/p~/q~');
  assert.equal(alert?.output, '/p\ufffd/q\ufffd <NA> <NA> <NA>');
  assert.doesNotMatch(alert?.json ?? '', /\\ud[89a-f]/);
});

test('who has no entry among the users has a name all the same, as for Falco since 0.41', () => {
  assert.match(alertOf('user.name != root', '/a')?.output ?? '', / <NA> <NA> <NA>$/);
  assert.ok(holds('user.name exists', '/a'));
  assert.ok(holds('group.name exists', '/a'));
  assert.ok(holds('user.name = "<NA>"', '/a'));
  assert.ok(!holds('user.name = ""', '/a'));
  assert.match(alertOf('user.name = www-data', '/a', 33)?.output ?? '', /www-data/);
  assert.match(alertOf('user.name = root', '/a', 0)?.output ?? '', / root root <NA>$/);
});

test('times have nine digits after the second and the zone of UTC, as Falco writes them', () => {
  const said = (field: string, value: string) => assert.ok(holds(`${field} = "${value}"`, '/a'), `${field} ${value}`);
  // The event is one nanosecond after the clock began.
  said('evt.time', '00:00:00.000000001');
  said('evt.time.s', '00:00:00');
  said('evt.time.iso8601', '1970-01-01T00:00:00.000000001+0000');
  said('evt.datetime', '1970-01-01 00:00:00.000000001');
  said('evt.datetime.s', '1970-01-01 00:00:00');
  said('evt.outputtime', '00:00:00.000000001');
});

test('an own address of zeros is none of the ends of a connection, as for Falco, which puts one of the host there', () => {
  const ends = (remote: readonly number[], local: readonly number[]): unknown => {
    const memory = new ArrayBuffer(256);
    const bytes = Buffer.from(memory);
    bytes.writeUInt16LE(RECORD.connect, 0);
    bytes.writeUInt16LE(2, CONNECT.family);
    bytes.writeInt32LE(-111, CONNECT.result);
    bytes.writeInt32LE(3, CONNECT.descriptor);
    bytes.set(remote, CONNECT.remote);
    bytes.set(local, CONNECT.local);
    const around = {
      ...{ parentOf: () => undefined, processOf: () => undefined, groupName: () => null, userName: () => null },
      ...{ ask: () => null, wallOffsetNs: 0, bootOffsetNs: 0 },
    };
    const event = new KernelEvent(memory, around, new PathNames());
    event.load(0);
    assert.deepEqual(fieldReader('fd.net', null)?.(event), fieldReader('fd.ip', null)?.(event));
    assert.equal(fieldReader('evt.args', null)?.(event), `res=-111(ECONNREFUSED) fd=3 addr=${remote.join('.')}:0`);
    return fieldReader('fd.ip', null)?.(event);
  };
  assert.deepEqual(ends([10, 1, 2, 3], [10, 0, 0, 9]), ['10.1.2.3', '10.0.0.9']);
  assert.deepEqual(ends([10, 1, 2, 3], [0, 0, 0, 0]), ['10.1.2.3']);
  assert.deepEqual(ends([0, 0, 0, 0], [10, 0, 0, 9]), ['0.0.0.0', '10.0.0.9']);
});

test('a bind tells what the socket is bound to since, and what was asked for where it failed', () => {
  const type = EVENT_NAMES.indexOf('bind');
  const told = (result: number, asked: readonly number[], local: readonly number[]): unknown[] => {
    const memory = new ArrayBuffer(512);
    const bytes = Buffer.from(memory);
    bytes.writeUInt16LE(type, 0);
    bytes.writeBigInt64LE(BigInt(result), CALL.result);
    bytes.writeUInt16LE(1, CALL.is_socket);
    bytes.writeUInt16LE(2, CALL.family);
    bytes.set(asked, CALL.remote);
    bytes.writeUInt16LE(8080, CALL.remote_port);
    bytes.set(local, CALL.local);
    bytes.writeUInt16LE(result === 0 ? 8080 : 0, CALL.local_port);
    const around = {
      ...{ parentOf: () => undefined, processOf: () => undefined, groupName: () => null, userName: () => null },
      ...{ ask: () => null, wallOffsetNs: 0, bootOffsetNs: 0 },
    };
    const event = new KernelEvent(memory, around, new PathNames());
    event.load(0);
    return ['evt.args', 'fd.name', 'fd.ip', 'fd.rip'].map((name) => fieldReader(name, null)?.(event));
  };
  assert.deepEqual(told(0, [127, 0, 0, 1], [127, 0, 0, 1]), [
    ...['res=0 addr=127.0.0.1:8080 fd=0', '127.0.0.1:8080', ['127.0.0.1'], null],
  ]);
  assert.equal(told(-99, [10, 99, 0, 1], [0, 0, 0, 0])[0], 'res=-99(EADDRNOTAVAIL) addr=10.99.0.1:8080 fd=0');
});

test('the nanoseconds since 1970 keep all their digits in an output, as in the time beside them', () => {
  const { format } = compileOutput('%evt.rawtime %evt.rawtime.s %evt.time', {
    ...liveFields,
    reader: (name) =>
      name === 'evt.rawtime.ns' ? () => 6_339_073 : name === 'evt.rawtime.s' ? () => 1_795_490_236 : () => 0,
  });
  const { text, fields } = format({} as KernelEvent);
  assert.match(text, /^1795490236006339073 1795490236 /);
  assert.equal(fields['evt.rawtime'], '1795490236006339073');
});

test('what is not there has no length', () => {
  assert.ok(!holds('len(proc.pname) = 0', '/a'));
  assert.ok(!holds('len(fs.path.target) >= 0', '/a'));
  assert.ok(holds('len(fd.name) > 0', '/a'));
});

test('an argument of an event is known by its number, as by its name', () => {
  assert.ok(holds('evt.arg[0] = 0', '/a') === holds('evt.arg.fd = 0', '/a'));
  assert.ok(holds('evt.arg[2] contains /etc', '/etc/shadow'));
  assert.ok(!holds('evt.arg[1] contains /etc', '/etc/shadow'));
  assert.ok(!holds('evt.arg[99] exists', '/etc/shadow'));
});
