import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDatabase } from '../system/index.ts';
import { Availability, type Watched } from './availability.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { deployMigrations } from './migrations.ts';
import type { DeployTables } from './store.ts';

const WEB = { project: 'tienda', environment: 'prod', name: 'web' };

function status(name: string, ready: number, wanted = 2, more: Partial<WorkloadStatus> = {}): WorkloadStatus {
  const phase = ready >= wanted ? 'available' : 'degraded';
  const counts = { wanted, ready, updated: ready };
  return {
    key: { ...WEB, name },
    ...{ specHash: 's', generation: 1, phase, ...counts, conditions: [], replicas: [] },
    ...more,
  };
}

async function ground(objective: number | null) {
  const { db, close } = await openDatabase<DeployTables>('sqlite::memory:', deployMigrations);
  const row = { position: 0, class: 'production', policy: 'prod', approvals: 1 };
  await db
    .insertInto('deploy_environments')
    .values({
      ...{ project: 'tienda', name: 'prod', ...row, current_release: 'r', stable_release: 'r' },
      availability_millis: objective,
    })
    .execute();
  let ms = 0;
  let watched: Watched = { statuses: null, isMaintenance: false };
  const clock = {
    now: () => new Date(Date.UTC(2026, 10, 20, 12) + ms),
    monotonicMs: () => ms,
    sleep: () => Promise.resolve(),
  };
  const start = (): Availability => new Availability({ db, clock, watch: async () => watched });
  let availability = start();
  return {
    /** So many looks, fifteen seconds each, at these. */
    async during(looks: number, statuses: readonly WorkloadStatus[] | null, isMaintenance = false): Promise<void> {
      watched = { statuses, isMaintenance };
      for (let look = 0; look < looks; look++) {
        ms += 15_000;
        await availability.look();
      }
    },
    pass: (passedMs: number) => {
      ms += passedMs;
    },
    restart: () => {
      availability = start();
    },
    write: () => availability.write(),
    close,
    read: async (days = 30) => {
      const [found] = await availability.read('tienda', days);
      assert.ok(found);
      return found;
    },
  };
}

test('an environment serves while every workload has a ready replica; what nobody watched is counted neither way', async (t) => {
  const at = await ground(99_000);
  t.after(at.close);
  await at.during(1, [status('web', 2), status('db', 1, 1)]);
  await at.during(80, [status('web', 2), status('db', 1, 1)]);
  await at.during(8, [status('web', 1), status('db', 1, 1)]);
  await at.during(4, [status('web', 0), status('db', 1, 1)]);
  await at.during(4, [status('web', 0), status('db', 1, 1)], true);
  await at.during(100, null);
  at.pass(3_600_000);
  await at.during(1, [status('web', 2), status('db', 1, 1)]);
  const found = await at.read();
  assert.equal(found.watchedSeconds, 96 * 15);
  assert.equal(found.fullSeconds, 80 * 15);
  assert.equal(found.servedSeconds, 88 * 15);
  assert.equal(found.maintenanceSeconds, 60);
  assert.equal(found.downSeconds, 60);
  assert.equal(found.served?.toFixed(3), (100 * (88 / 92)).toFixed(3));
  assert.equal(found.allowedSeconds, Math.round(92 * 15 * 0.01));
  assert.equal(found.missed, true);
  assert.deepEqual(found.down, [{ workload: 'web', downSeconds: 60 }]);
  assert.deepEqual(found.byDay, [{ day: '2026-11-20', watchedSeconds: 96 * 15, downSeconds: 60 }]);
});

test('a workload counts from when it first served, also after control was started anew; jobs and what rests never', async (t) => {
  const at = await ground(null);
  t.after(at.close);
  const others = [status('night', 0, 1, { phase: 'scheduled' }), status('old', 0, 0, { phase: 'stopped' })];
  await at.during(5, [status('web', 0), ...others]);
  assert.equal((await at.read()).served, null, 'its first roll-out is no failure');
  await at.during(5, [status('web', 1), ...others]);
  await at.during(5, [status('web', 1), status('new', 0), ...others]);
  assert.equal((await at.read()).downSeconds, 0);
  at.restart();
  await at.during(3, [status('web', 0), ...others]);
  const found = await at.read();
  assert.equal(found.downSeconds, 30, 'the first look after a start says nothing of the time before it');
  assert.equal(found.objective, null);
  assert.equal(found.missed, null);
});

test('days are kept apart, and a shorter look back sees the newest alone', async (t) => {
  const at = await ground(99_900);
  t.after(at.close);
  await at.during(11, [status('web', 2)]);
  await at.write();
  await at.during(4, [status('web', 0)]);
  at.pass(2 * 24 * 3_600_000);
  await at.during(1, [status('web', 2)]);
  await at.during(20, [status('web', 2)]);
  const [all, last] = [await at.read(30), await at.read(1)];
  assert.deepEqual(
    all.byDay.map(({ day, downSeconds }) => [day, downSeconds]),
    [
      ['2026-11-20', 60],
      ['2026-11-22', 0],
    ],
  );
  assert.equal(last.downSeconds, 0);
  assert.equal(last.missed, false);
  assert.equal(last.watchedSeconds, 300);
});
