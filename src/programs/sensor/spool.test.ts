import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SPOOL_ALERTS_MAX, Spool, UNACKNOWLEDGED_KEPT_MS } from './spool.ts';

test('what the agent acknowledged is not sent again', () => {
  const spool = new Spool();
  for (let i = 0; i < 3; i++) spool.add('{}');
  spool.markSent(0);
  spool.acknowledge(2);
  assert.deepEqual(
    spool.pending().map((line) => (JSON.parse(line) as { seq: number }).seq),
    [3],
  );
  spool.forget(UNACKNOWLEDGED_KEPT_MS * 2);
  assert.equal(spool.size, 1);
});

test('an agent that never acknowledges gets the last seconds again after a break', () => {
  const spool = new Spool();
  spool.add('{}');
  spool.markSent(0);
  spool.add('{}');
  spool.markSent(UNACKNOWLEDGED_KEPT_MS - 1);
  spool.forget(UNACKNOWLEDGED_KEPT_MS);
  assert.equal(spool.pending().length, 1);
});

test('beyond the bound the oldest unsent alerts go, and are counted', () => {
  const spool = new Spool();
  for (let i = 0; i < SPOOL_ALERTS_MAX + 5; i++) spool.add('{}');
  assert.equal(spool.size, SPOOL_ALERTS_MAX);
  assert.equal(spool.lost, 5);
});
