import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BURST, PER_SECOND, Throttle } from './throttle.ts';

test('a loop in one container is held back and counted, another container is not', () => {
  const throttle = new Throttle();
  let passed = 0;
  for (let i = 0; i < BURST + 500; i++) if (throttle.admits('A', 'one', 0)) passed++;
  assert.equal(passed, BURST);
  assert.deepEqual(throttle.heldBack, { A: 500 });
  assert.ok(throttle.admits('A', 'two', 0));
  assert.ok(throttle.admits('B', 'one', 0));
});

test('held back is not for ever', () => {
  const throttle = new Throttle();
  for (let i = 0; i < BURST; i++) throttle.admits('A', 'one', 0);
  assert.ok(!throttle.admits('A', 'one', 0));
  let passed = 0;
  for (let i = 0; i < BURST; i++) if (throttle.admits('A', 'one', 1_000)) passed++;
  assert.equal(passed, PER_SECOND);
});
