import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPOOL_ALERTS_MAX, Spool, UNACKNOWLEDGED_KEPT_MS } from './spool.ts';

function sentAgain(spool: Spool): number[] {
  const lines: string[] = [];
  spool.resetSent();
  spool.flush((line) => lines.push(line) > 0, 0);
  return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
}

test('what the agent acknowledged is not sent again', () => {
  const spool = new Spool();
  for (let i = 0; i < 3; i++) spool.add('{}', 0);
  spool.flush(() => true, 0);
  spool.acknowledge(2);
  assert.deepEqual(sentAgain(spool), [3]);
  spool.forget(UNACKNOWLEDGED_KEPT_MS * 2);
  assert.equal(spool.size, 1);
});

test('an agent that never acknowledges gets the last seconds again after a break', () => {
  const spool = new Spool();
  spool.add('{}', 0);
  spool.flush(() => true, 0);
  spool.add('{}', 0);
  spool.flush(() => true, UNACKNOWLEDGED_KEPT_MS - 1);
  spool.forget(UNACKNOWLEDGED_KEPT_MS);
  assert.equal(sentAgain(spool).length, 1);
});

test('beyond the bound the oldest unsent alerts go, and are counted', () => {
  const spool = new Spool();
  for (let i = 0; i < SPOOL_ALERTS_MAX + 5; i++) spool.add('{}', 0);
  assert.equal(spool.size, SPOOL_ALERTS_MAX);
  assert.equal(spool.lost, 5);
});

test('an agent that reads slowly gets the rest, in order, when it has caught up', () => {
  const spool = new Spool();
  for (let i = 0; i < 4; i++) spool.add('{}', 0);
  const lines: string[] = [];
  let room = 2;
  const write = (line: string): boolean => {
    if (room === 0) return false;
    room--;
    return lines.push(line) > 0;
  };
  spool.flush(write, 0);
  room = 10;
  spool.flush(write, 0);
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { seq: number }).seq),
    [1, 2, 3, 4],
  );
});
