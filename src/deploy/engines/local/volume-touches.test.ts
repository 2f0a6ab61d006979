import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../../system/index.ts';
import { TOUCH_MS, TOUCHES_MAX } from './limits.ts';
import { VolumeTouches } from './volume-touches.ts';

/** A clock whose sleepers wake when the test says so. */
function handClock(): { clock: Clock; pass: () => Promise<void> } {
  const sleepers = new Set<() => void>();
  const clock: Clock = {
    now: () => new Date(0),
    monotonicMs: () => 0,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        assert.equal(ms, TOUCH_MS);
        sleepers.add(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
  };
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    clock,
    pass: async () => {
      for (const wake of sleepers) wake();
      sleepers.clear();
      await settle();
    },
  };
}

const AWAY = { code: 'volume.place-away' };

test('storage that holds whoever touches it holds two threads at most, is told as away, and is asked again when it is back', async () => {
  const { clock, pass } = handClock();
  const touches = new VolumeTouches(clock);
  let running = 0;
  let most = 0;
  const back = Promise.withResolvers<void>();
  const hang = async (): Promise<string> => {
    running++;
    most = Math.max(most, running);
    await back.promise;
    running--;
    return 'late';
  };
  const places = ['/nas/a', '/nas/b', '/san/c', '/san/d'];
  const asked = places.map((place) => touches.run(`${place}/volume`, hang));
  const answers = Promise.allSettled(asked);
  await pass();
  for (const answer of await answers)
    assert.equal(answer.status === 'rejected' && answer.reason.code, 'volume.place-away');
  await assert.rejects(asked[0] ?? Promise.resolve(), /held a thread of the agent/);
  await assert.rejects(asked[2] ?? Promise.resolve(), /other storage that does not answer/);
  // Whoever comes now is told at once, and touches nothing.
  await assert.rejects(
    touches.run('/nas/a/other', () => assert.fail('touched')),
    AWAY,
  );
  await assert.rejects(
    touches.run('/san/c/other', () => assert.fail('touched')),
    /other storage that does not answer/,
  );
  assert.deepEqual([running, most], [TOUCHES_MAX, TOUCHES_MAX]);
  back.resolve();
  await pass();
  for (const place of places) assert.equal(await touches.run(`${place}/volume`, async () => place), place);
  assert.equal(running, 0);
});

test('what touches a volume in time is answered in its turn, and its errors are its own', async () => {
  const touches = new VolumeTouches(handClock().clock);
  const all = Array.from({ length: 20 }, (_, index) => touches.run('/nas/a/volume', async () => index));
  assert.deepEqual(
    await Promise.all(all),
    Array.from({ length: 20 }, (_, index) => index),
  );
  const failed = touches.run('/nas/a/volume', () => Promise.reject(new Error('ENOENT')));
  await assert.rejects(failed, /ENOENT/);
  assert.equal(await touches.run('/nas/a/volume', async () => 'again'), 'again');
});
