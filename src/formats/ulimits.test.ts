import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatUlimits, parseUlimit, parseUlimits } from './ulimits.ts';

test('limits of processes are read as docker writes them, and nothing else is', () => {
  assert.deepEqual(parseUlimit('nofile=1024:2048'), { name: 'nofile', limit: { soft: 1024, hard: 2048 } });
  assert.deepEqual(parseUlimit('memlock=-1'), { name: 'memlock', limit: { soft: -1, hard: -1 } });
  assert.deepEqual(parseUlimit('core=0:unlimited'), { name: 'core', limit: { soft: 0, hard: -1 } });
  for (const wrong of [
    'nofile',
    'nofile=',
    'nofile=-2',
    'nofile=2:1',
    'nofile=-1:5',
    'files=1',
    'NOFILE=1',
    'nofile=1:2:3',
    'nofile=1e9',
    'nofile=9999999999999999',
    'toString=1',
  ]) {
    assert.equal(parseUlimit(wrong), null, wrong);
  }
});

test('the annotation speaks of all containers of a pod, or of single ones', () => {
  const read = parseUlimits('nofile=65536, nproc=100; web: nofile=1:2; db-1:memlock=-1');
  assert.deepEqual(
    [...(read ?? [])],
    [
      [null, { nofile: { soft: 65536, hard: 65536 }, nproc: { soft: 100, hard: 100 } }],
      ['web', { nofile: { soft: 1, hard: 2 } }],
      ['db-1', { memlock: { soft: -1, hard: -1 } }],
    ],
  );
  for (const wrong of [
    '',
    ';',
    'web:',
    'web: ',
    'nofile=1;',
    'nofile=1; nproc=2',
    'nofile=1, nofile=2',
    'web: nofile=1; web: nproc=1',
    'a: b: nofile=1',
  ]) {
    assert.equal(parseUlimits(wrong), null, wrong);
  }
  assert.equal(formatUlimits({ nofile: { soft: 1, hard: 2 }, core: { soft: 0, hard: 0 } }), 'nofile=1:2, core=0');
});
