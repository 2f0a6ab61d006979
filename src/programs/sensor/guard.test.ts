import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Guard } from './guard.ts';

test('who sets the clock back does not close the eyes that look after the sensor itself', () => {
  let missing: string[] = [];
  const guard = new Guard(() => missing, []);
  const nowMs = Date.UTC(2030, 0, 1);
  assert.deepEqual(guard.look(nowMs), []);
  missing = ['exec'];
  assert.deepEqual(guard.look(nowMs + 500), [], 'once a second');
  assert.deepEqual(guard.look(nowMs - 7_200_000), [{ kind: 'detached', names: ['exec'] }]);
});
