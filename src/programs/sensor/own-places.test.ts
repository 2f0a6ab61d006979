import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnPlaces, placeIn } from './own-places.ts';

const [ID, OTHER] = ['a'.repeat(64), 'b'.repeat(64)];
const PATHS = new Map([
  [`unified /machine.slice/libpod-${ID}.scope`, 11n],
  [`pids /libpod_parent/libpod-${ID}`, 12n],
  [`unified /user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`, 13n],
]);
const number = (hierarchy: string, path: string): bigint => PATHS.get(`${hierarchy} ${path}`) ?? 0n;

test('a container’s place is where its engine put it, in each hierarchy, whatever it named below', () => {
  const cases: readonly (readonly [cgroups: string, unified: bigint, pids: bigint])[] = [
    [`0::/machine.slice/libpod-${ID}.scope/container\n`, 11n, 0n],
    [`0::/machine.slice/libpod-${ID}.scope/libpod-${ID}\n`, 11n, 0n],
    [`9:cpu,pids:/libpod_parent/libpod-${ID}\n1:name=systemd:/libpod_parent/libpod-${ID}\n0::/\n`, 0n, 12n],
    [`0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope/container\n`, 13n, 0n],
  ];
  for (const [cgroups, unified, pids] of cases) assert.deepEqual(placeIn(ID, cgroups, number), { unified, pids });
  for (const cgroups of ['', '0::/\n', `0::/machine.slice/libpod-${OTHER}.scope\n`, 'nonsense'])
    assert.equal(placeIn(ID, cgroups, number), null, cgroups);
});

test('a container that has not begun has no place, and one that ran keeps its own', () => {
  const places = new OwnPlaces();
  assert.deepEqual([...places.of([{ id: ID, pid: null }, { id: OTHER }])], []);
  // It runs, and stands nowhere by that name: the name is taken all the same.
  const nowhere = { unified: 0n, pids: 0n };
  assert.deepEqual([...places.of([{ id: ID, pid: process.pid }, { id: OTHER }])], [[ID, nowhere]]);
  assert.deepEqual([...places.of([{ id: ID, pid: null }])], [[ID, nowhere]]);
  assert.deepEqual([...places.of([{ id: OTHER, pid: null }])], []);
  assert.deepEqual([...places.of([{ id: ID, pid: null }])], [], 'nobody speaks of it any more');
});
