import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveGatherer, ROWS_MAX } from '../console/activity/gatherer.ts';
import type { Activity } from '../console/api/types.ts';

const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => ({ pid: from + index }) as unknown as Activity);
const batch = (from: number, count: number) => ({ host: 'vm', events: events(from, count), seen: count, dropped: 0 });

test('rows that stay keep their place, new ones take the places of those that leave, and none has another’s', () => {
  const gatherer = new LiveGatherer();
  let last = 0;
  for (const count of [3, 0, 150, 90, 1, ROWS_MAX, ROWS_MAX * 3, 5]) {
    const before = gatherer.view(0).rows;
    gatherer.add(batch(last, count));
    last += count;
    const { rows, seen } = gatherer.view(0);
    assert.equal(seen, last);
    assert.equal(rows.length, Math.min(last, ROWS_MAX));
    assert.deepEqual(
      rows.map(({ event }) => event.pid),
      Array.from({ length: rows.length }, (_, place) => last - 1 - place),
    );
    assert.equal(new Set(rows.map(({ slot }) => slot)).size, rows.length);
    assert.ok(rows.every(({ slot }) => slot >= 0 && slot < ROWS_MAX));
    for (const row of before) {
      const same = rows.find(({ event }) => event.pid === row.event.pid);
      assert.ok(same === undefined || same === row, 'what stays is the same row');
    }
    if (count >= ROWS_MAX && before.length === ROWS_MAX) {
      assert.deepEqual(
        rows.map(({ slot }) => slot),
        before.map(({ slot }) => slot),
        'where all is new nothing moves',
      );
    }
  }
});
