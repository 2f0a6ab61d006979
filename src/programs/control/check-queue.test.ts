import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentStep } from '../../progress/index.ts';
import { systemClock } from '../../system/index.ts';
import { CHECKS_PARALLEL, CheckQueue } from './check-queue.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('images are checked a few at a time, the rest know their place, and who is waited for goes to the front', async () => {
  const queue = new CheckQueue<string>(systemClock);
  const started: string[] = [];
  const gates = new Map<string, () => void>();
  const check = (key: string, urgent = false) =>
    queue.run(
      key,
      async ({ step, judging }) => {
        started.push(key);
        step.update({ done: 1, total: 4 });
        await new Promise<void>((resolve) => gates.set(key, resolve));
        judging();
        return key;
      },
      { step: silentStep, urgent },
    );
  const all = ['a', 'b', 'c', 'd'].map((key) => check(key));
  await settled();
  assert.equal(started.length, CHECKS_PARALLEL);
  assert.deepEqual([queue.progress('c')?.place, queue.progress('d')?.place, queue.progress('d')?.queued], [1, 2, 2]);
  assert.deepEqual(queue.progress('a')?.step, { text: null, done: 1, total: 4 });
  const again = check('d', true);
  assert.equal(queue.progress('d')?.place, 1);
  gates.get('a')?.();
  await settled();
  assert.deepEqual(started, ['a', 'b', 'd']);
  for (const key of ['b', 'd', 'c']) {
    await settled();
    gates.get(key)?.();
  }
  assert.deepEqual(await Promise.all([...all, again]), ['a', 'b', 'c', 'd', 'd']);
  assert.equal(queue.progress('a'), null);
  assert.deepEqual(queue.counts, { running: 0, queued: 0 });
});

test('a check that fails tells everybody who asked, and the queue goes on', async () => {
  const queue = new CheckQueue<string>(systemClock);
  const work = async (): Promise<string> => {
    throw new Error('the scanner is away');
  };
  const options = { step: silentStep, urgent: false };
  const results = await Promise.allSettled([queue.run('a', work, options), queue.run('a', work, options)]);
  assert.deepEqual(
    results.map((one) => one.status),
    ['rejected', 'rejected'],
  );
  assert.equal(await queue.run('b', async () => 'fine', options), 'fine');
});
