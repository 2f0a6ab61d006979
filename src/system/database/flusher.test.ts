import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flusher } from './flusher.ts';

function controlled() {
  const began: { end(): void; fail(error: Error): void }[] = [];
  const flusher = new Flusher(
    () => new Promise((resolve, reject) => began.push({ end: () => resolve(), fail: (error) => reject(error) })),
  );
  return { began, flusher };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('who asks while a flush is under way waits for one that began afterwards, and all of them share it', async () => {
  const { began, flusher } = controlled();
  const done: string[] = [];
  void flusher.flush().then(() => done.push('first'));
  void flusher.flush().then(() => done.push('second'));
  void flusher.flush().then(() => done.push('third'));
  await turn();
  assert.equal(began.length, 1);
  began[0]?.end();
  await turn();
  assert.deepEqual(done, ['first']);
  assert.equal(began.length, 2, 'one flush for both who waited');
  began[1]?.end();
  await turn();
  assert.deepEqual(done, ['first', 'second', 'third']);
  await flusher.settled();
});

test('after a flush that failed none is tried again as if clean: everybody is told', async () => {
  const { began, flusher } = controlled();
  const first = flusher.flush();
  const second = flusher.flush();
  began[0]?.fail(new Error('the disk is gone'));
  await assert.rejects(first, /the disk is gone/);
  await assert.rejects(second, /the disk is gone/);
  await assert.rejects(flusher.flush(), /until a restart/);
  assert.equal(began.length, 1);
  await flusher.settled();
});
