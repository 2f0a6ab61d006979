import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seldom } from './seldom.ts';

test('one thing is told once an hour, and of many the longest untold is forgotten', () => {
  const seldom = new Seldom();
  assert.deepEqual(
    [0, 1_000, 3_599_999, 3_600_000, 3_600_001].map((nowMs) => seldom.admits('a', nowMs)),
    [true, false, false, true, false],
  );
  assert.equal(seldom.admits('a', -1), true, 'the clock was set back');
  for (let n = 0; n < 512; n++) seldom.admits(`other ${n}`, 0);
  assert.equal(seldom.admits('a', 0), true);
  assert.equal(seldom.admits('other 511', 0), false);
});
