import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../../detect/index.ts';
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

test('a clock that is set back holds no alert back', () => {
  const throttle = new Throttle();
  assert.equal(throttle.admits('A', 'one', 3_600_000), 1);
  assert.equal(throttle.admits('A', 'one', 0), 1);
  for (let i = 2; i < BURST; i++) assert.equal(throttle.admits('A', 'one', 0), 1);
  assert.equal(throttle.admits('A', 'one', 0), 0, 'and makes no room either');
});

test('what was held back is told: by the next alert that goes, or by the last one once more', () => {
  const throttle = new Throttle();
  const made = (n: number) => ({ id: `id-${n}`, at: '', output: `n ${n}` }) as Alert;
  let [counted, sent] = [0, 0];
  const act = (n: number, nowMs: number): void => {
    const stands = throttle.admits('A', 'one', nowMs);
    if (stands === 0) return;
    counted += throttle.told('A', 'one', made(n), stands).count ?? 1;
    sent += 1;
  };
  const times = 5_000;
  // A loop of a second: its last acts are held back, and nothing comes after them.
  for (let n = 0; n < times; n++) act(n, n / 5);
  assert.ok(sent < BURST + 2 * PER_SECOND);
  assert.ok(counted < times);
  assert.deepEqual([...throttle.leftovers(1_100)], [], 'not while it may go on');
  const [left, ...more] = [...throttle.leftovers(3_000)];
  assert.deepEqual(more, []);
  assert.match(left?.output ?? '', /^n \d+ \(one of \d+ alike in a flood\)$/);
  assert.equal(counted + (left?.count ?? 1), times);
  assert.deepEqual([...throttle.leftovers(9_000)], [], 'once');
});
