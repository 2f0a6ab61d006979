import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { STATIONS } from '../link/stations.ts';
import { DetectionPath, isOnHost } from './detection-path.ts';

test('the figures are of the way as a whole and of each part of it, in milliseconds', () => {
  const path = new DetectionPath();
  assert.equal(path.describe(), null);
  for (let n = 1; n <= 100; n++) {
    const step = n === 100 ? 9e6 : 1e6;
    path.note(
      hostname(),
      STATIONS.map((_, index) => index * step),
    );
  }
  const figures = path.describe();
  assert.ok(figures);
  assert.deepEqual(
    [figures.alerts, figures.p50Ms, figures.p99Ms],
    [100, STATIONS.length - 1, 9 * (STATIONS.length - 1)],
  );
  assert.deepEqual(figures.stations[0], { name: 'matched', p50Ms: 1, p99Ms: 9 });
  assert.equal(figures.stations.length, STATIONS.length - 1);
});

test('times of another machine, and lists that leave stations out, are not counted', () => {
  const path = new DetectionPath();
  path.note(
    'another',
    STATIONS.map(() => 1),
  );
  path.note(hostname(), [1, 2]);
  assert.equal(path.describe(), null);
  assert.equal(isOnHost([1, 2, 3, 4]), true);
  for (const bad of [null, [1, 2, 3], [1, 2, 3, Number.NaN], [1, 2, 3, '4']]) assert.equal(isOnHost(bad), false);
});
