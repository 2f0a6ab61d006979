import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../../system/index.ts';
import { createFleet } from './fleet.ts';
import { askedOf, FLEET_MIGRATIONS, fillFleet, runningOf } from './test-fleet.ts';

test('"where does it run?" counts what is there, puts what runs first, and shows each project its own', async () => {
  const { db, close } = await openDatabase<never>('sqlite::memory:', FLEET_MIGRATIONS);
  try {
    const images = await fillFleet(db, { images: 30, findings: 4 });
    const [, running = '', other = ''] = images;
    const fleet = createFleet({ db, deployments: runningOf([{ digest: running, project: 'p1', replicas: 2 }]) });

    const all = await fleet.where(askedOf('CVE-2026-0001', { limit: 10 }));
    // Every other image has it; the last image was removed from the registry after its scan.
    assert.deepEqual([all.images, all.running, all.items.length], [14, 1, 10]);
    assert.equal(all.items[0]?.digest, running);
    assert.deepEqual(all.items[0]?.workloads, [{ project: 'p1', environment: 'production', name: 'web', replicas: 2 }]);
    assert.deepEqual(all.items[0]?.places, [{ project: 'p1', repository: 'p1/app', tags: ['v1'] }]);
    assert.deepEqual(all.aliases, ['GHSA-0001']);
    const rest = await fleet.where(askedOf('CVE-2026-0001', { limit: 10, after: all.next }));
    const seen = [...all.items, ...rest.items].map(({ digest }) => digest);
    assert.deepEqual([new Set(seen).size, seen.length, rest.next], [14, 14, null]);

    assert.equal((await fleet.where(askedOf('GHSA-0001', {}))).images, 14, 'asked by another name');
    assert.equal((await fleet.where(askedOf('CVE-1999-1', {}))).images, 0);
    const own = await fleet.where(askedOf('CVE-2026-0001', { projects: ['p0'] }));
    assert.deepEqual([own.images, own.running], [0, 0], 'images of another project are not even counted');
    const none = await fleet.where(askedOf('CVE-2026-0001', { projects: [] }));
    assert.deepEqual([none.images, none.items], [0, []]);
    const now = await fleet.where(askedOf('CVE-2026-0001', { running: true }));
    assert.deepEqual([now.images, now.items.length], [1, 1]);

    // A later report without the finding takes the image off the answer.
    await fillFleet(db, { only: [running], images: 30, findings: 0 });
    const after = await fleet.where(askedOf('CVE-2026-0001', {}));
    assert.deepEqual([after.images, after.running], [13, 0]);
    assert.notEqual(other, '');
  } finally {
    await close();
  }
});
