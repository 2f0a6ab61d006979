import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuditExecs } from './audit.ts';

/** Without a kernel: only what it said is read. */
function reader(): AuditExecs {
  return Reflect.construct(AuditExecs, [-1, 'darsena-test']) as AuditExecs;
}

const call = (serial: number, more: string): string =>
  `audit(1700000000.250:${serial}): arch=c000003e syscall=59 ${more} ppid=7 pid=8 auid=4294967295 uid=12 gid=13 tty=pts3 comm="sh" exe="/bin/sh" key="darsena-test"`;

test('programs are put together from the records of the audit system, however they come', () => {
  const audit = reader();
  const said: readonly (readonly [number, string])[] = [
    [1300, call(1, 'success=yes exit=0')],
    // Three events at once, one of them a failure, and one another call, which a rule of others asks for.
    [1300, call(2, 'success=no exit=-13')],
    [1300, call(3, 'success=yes exit=0').replace('syscall=59', 'syscall=2')],
    [1309, 'audit(1700000000.250:1): argc=4 a0="sh" a1="-c" a2=6563686F2022E28692220A a3[0]="long" a3[1]="er"'],
    [1307, 'audit(1700000000.250:1): cwd=2F746D702F612062'],
    [1302, 'audit(1700000000.250:1): item=0 name="/bin/sh" inode=5 dev=00:2f mode=0100755'],
    [1302, 'audit(1700000000.250:1): item=1 name="/lib/ld.so" inode=6 dev=fe:01 mode=0100755'],
    [1320, 'audit(1700000000.250:2): '],
    [1320, 'audit(1700000000.250:3): '],
    [1320, 'audit(1700000000.250:1): '],
    [1320, 'audit(1700000000.250:1): '],
  ];
  const told = said.map(([type, text]) => audit.hear(type, text)).filter((one) => one !== null);
  assert.deepEqual(told, [
    {
      ...{ wallMs: 1_700_000_000_250, pid: 8, ppid: 7, uid: 12, gid: 13, loginUid: 4_294_967_295, name: 'sh' },
      ...{
        tty: 136 * 256 + 3,
        device: '0:47',
        exe: '/bin/sh',
        cwd: '/tmp/a b',
        argv: ['sh', '-c', 'echo "→"\n', 'longer'],
      },
    },
  ]);
});

test('programs are told that the rule of somebody else was the first to ask for, and those of 32 bits', () => {
  const audit = reader();
  audit.hear(1300, call(1, 'success=yes').replace('darsena-test', 'exec'));
  assert.equal(audit.hear(1320, 'audit(1700000000.250:1): ')?.exe, '/bin/sh');
  audit.hear(1300, call(2, 'success=yes').replace('arch=c000003e syscall=59', 'arch=40000003 syscall=11'));
  assert.equal(audit.hear(1320, 'audit(1700000000.250:2): ')?.exe, '/bin/sh');
  // Of the 64-bit programs the number is another call's.
  audit.hear(1300, call(3, 'success=yes').replace('syscall=59', 'syscall=11'));
  assert.equal(audit.hear(1320, 'audit(1700000000.250:3): '), null);
});

test('a program started with megabytes of arguments is told with the first of them', () => {
  const audit = reader();
  audit.hear(1300, call(1, 'success=yes'));
  for (let part = 0; part < 300; part++) audit.hear(1309, `audit(1.0:1): a1[${part}]=${'41'.repeat(3_500)}`);
  audit.hear(1309, 'audit(1.0:1): a2="late"');
  const told = audit.hear(1320, 'audit(1700000000.250:1): ');
  assert.deepEqual(told?.argv, ['', 'A'.repeat(4_096)]);
});

test('records that never end, and what is none, take no memory for ever', () => {
  const audit = reader();
  for (let serial = 0; serial < 5_000; serial++) assert.equal(audit.hear(1300, call(serial, 'success=yes')), null);
  // The first ones were let go, the last ones not.
  assert.equal(audit.hear(1320, 'audit(1700000000.250:1): '), null);
  assert.equal(audit.hear(1320, 'audit(1700000000.250:4999): ')?.pid, 8);
  for (const text of ['', 'audit(', 'audit(1:2', 'audit(x:y): a=b', '\0\0']) assert.equal(audit.hear(1300, text), null);
  const [many] = [audit.hear(1300, call(9_000, 'success=yes'))];
  assert.equal(many, null);
  audit.hear(1309, `audit(1.0:9000): ${Array.from({ length: 3_000 }, (_, n) => `a${n}="x"`).join(' ')} a99999999="x"`);
  assert.equal(audit.hear(1320, 'audit(1700000000.250:9000): ')?.argv.length, 1_024);
});
