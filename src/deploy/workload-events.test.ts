import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, openDatabase } from '../system/index.ts';
import type { ProbeState, ReplicaStatus, WorkloadStatus } from './engines/local/index.ts';
import { EVENTS_OF_A_WORKLOAD_MAX } from './limits.ts';
import { deployMigrations } from './migrations.ts';
import type { DeployTables } from './store.ts';
import { eventsBetween, WorkloadEvents } from './workload-events.ts';

const KEY = { project: 'tienda', environment: 'dev', name: 'web' };
const NOW = Date.parse('2026-01-01T00:00:00Z');

function replica(change: Partial<ReplicaStatus> & { probe?: ProbeState; attempt?: number } = {}): ReplicaStatus {
  const { probe, attempt = 0, ...rest } = change;
  const probes = probe === undefined ? {} : { probes: [probe] };
  const container = { name: 'web', image: 'i', digest: null, state: 'running', pid: 1, ...probes } as const;
  return {
    ...{ name: 'web-1', podId: 'p', specHash: 's', phase: 'running', ready: true, restarts: attempt },
    ...{ startedAt: new Date(NOW).toISOString(), lastExit: null },
    containers: [{ ...container, id: `c${attempt}`, attempt }],
    ...rest,
  };
}

function status(replicas: readonly ReplicaStatus[], change: Partial<WorkloadStatus> = {}): WorkloadStatus {
  const ready = replicas.filter((one) => one.ready).length;
  return {
    ...{ key: KEY, specHash: 's', generation: 1, phase: 'available', wanted: 1, ready, updated: 1, conditions: [] },
    ...{ replicas, ...change },
  };
}

const kinds = (before: WorkloadStatus | null, after: WorkloadStatus, nowMs = NOW): string[] =>
  eventsBetween(before, after, nowMs).map(({ kind, trouble }) => `${kind}${trouble ? '!' : ''}`);

test('what happens to pods is told: made, ready, not ready, started again, gone, phases and conditions', () => {
  const fine = status([replica()]);
  assert.deepEqual(kinds(null, fine), ['replica-made', 'replica-ready', 'phase']);
  assert.deepEqual(kinds(fine, fine), []);
  const unready = status([replica({ ready: false })], { phase: 'degraded' });
  assert.deepEqual(kinds(fine, unready), ['replica-unready!', 'phase!']);
  const leaving = { en: 'its disk is full', es: 'su disco está lleno' };
  const evicted = status([replica({ leaving })]);
  assert.deepEqual(kinds(fine, evicted), ['replica-unready!']);
  assert.equal(eventsBetween(fine, evicted, NOW)[0]?.text.es, 'web-1 se retira: su disco está lleno');
  assert.deepEqual(kinds(evicted, status([replica({ leaving, ready: false, phase: 'stopping' })])), []);
  const again = status([replica({ attempt: 1, lastExit: { code: 137, at: '' } })]);
  assert.deepEqual(kinds(fine, again), ['restarted!']);
  assert.match(eventsBetween(fine, again, NOW)[0]?.text.es ?? '', /código 137/);
  assert.deepEqual(kinds(fine, status([], { phase: 'stopped' })), ['replica-gone', 'phase']);
  const done = status([replica({ ready: false, phase: 'succeeded' })], { phase: 'scheduled', wanted: 0 });
  assert.deepEqual(kinds(fine, done), ['replica-unready', 'phase'], 'a job that has done its work is no trouble');
  assert.equal(eventsBetween(fine, done, NOW).at(-1)?.text.en, 'now scheduled');
  const condition = { type: 'crash-loop', since: 'x', text: { en: 'a', es: 'b' } } as const;
  assert.deepEqual(kinds(fine, status([replica()], { conditions: [condition] })), ['condition!']);
});

test('a probe that begins to fail, fails otherwise or passes again is told; one that goes on is not', () => {
  const with_ = (state: ProbeState['state'], why: string | null = null): WorkloadStatus =>
    status([replica({ probe: { kind: 'liveness', state, why } })]);
  assert.deepEqual(kinds(with_('waiting'), with_('passing')), []);
  assert.deepEqual(kinds(with_('passing'), with_('failing', 'HTTP 503')), ['probe-failing!']);
  assert.deepEqual(kinds(with_('failing', 'HTTP 503'), with_('failing', 'HTTP 503')), []);
  assert.deepEqual(kinds(with_('failing', 'HTTP 503'), with_('failing', 'ECONNREFUSED')), ['probe-failing!']);
  assert.deepEqual(kinds(with_('failing', 'HTTP 503'), with_('passing')), ['probe-passing']);
});

test('a probe whose answer is another each time is one event with a count, and pushes nothing else out', async (t) => {
  let nowMs = NOW;
  const clock = { now: () => new Date(nowMs++) } as unknown as Clock;
  const opened = await openDatabase<DeployTables>('sqlite::memory:', deployMigrations);
  t.after(() => opened.close());
  const events = new WorkloadEvents(opened.db as never, clock);
  const failing = (why: string, kind: ProbeState['kind'] = 'liveness') =>
    status([replica({ probe: { kind, state: 'failing', why } })]);
  await events.follow(status([]), failing('at 0'), false);
  for (let round = 1; round <= EVENTS_OF_A_WORKLOAD_MAX + 20; round += 1)
    await events.follow(failing(`at ${round - 1}`), failing(`at ${round}`), false);
  await events.follow(failing('x'), failing('at 0', 'readiness'), false);
  const told = (await events.list(KEY)).map(({ kind, text, count }) => `${kind} ${text.en} ${count}`);
  assert.deepEqual(told.slice(0, 2), [
    'probe-failing the readiness probe of web fails: at 0 1',
    `probe-failing the liveness probe of web fails: at ${EVENTS_OF_A_WORKLOAD_MAX + 20} ${EVENTS_OF_A_WORKLOAD_MAX + 21}`,
  ]);
  assert.ok(
    told.some((line) => line.startsWith('replica-made')),
    told.join('\n'),
  );
});

test('a host that comes back and finds what ran all the time tells nothing', () => {
  const fine = status([replica()]);
  assert.deepEqual(kinds(null, status([], { phase: 'degraded' })), []);
  assert.deepEqual(kinds(status([], { phase: 'degraded' }), fine, NOW + 3_600_000), []);
});

test('an agent that starts anew in the first minute of a pod tells nothing of it again, and of another one all', async (t) => {
  const clock = { now: () => new Date(NOW + 5_000) } as unknown as Clock;
  const opened = await openDatabase<DeployTables>('sqlite::memory:', deployMigrations);
  t.after(() => opened.close());
  const events = new WorkloadEvents(opened.db as never, clock);
  const told = async () => (await events.list(KEY)).map(({ kind, count }) => `${kind} ${count}`);
  const fine = status([replica()]);
  await events.follow(null, fine, false);
  const first = ['phase 1', 'replica-ready 1', 'replica-made 1'];
  assert.deepEqual(await told(), first);
  // It has not looked yet, then has not asked its probes yet.
  await events.follow(null, status([], { phase: 'progressing' }), false);
  const asked = status([replica({ ready: false })], { phase: 'progressing' });
  await events.follow(status([], { phase: 'progressing' }), asked, false);
  await events.follow(asked, fine, false);
  assert.deepEqual(await told(), first);
  await events.follow(null, status([replica({ name: 'web-2', podId: 'q' })]), false);
  assert.deepEqual((await told()).slice(0, 3), ['phase 2', 'replica-ready 1', 'replica-made 1']);
});

test('what a start of the platform finds is no news once its probes have answered; what happens meanwhile is', async (t) => {
  let nowMs = NOW + 3_600_000;
  const clock = { now: () => new Date(nowMs) } as unknown as Clock;
  const opened = await openDatabase<DeployTables>('sqlite::memory:', deployMigrations);
  t.after(() => opened.close());
  const events = new WorkloadEvents(opened.db as never, clock);
  const told = async () => (await events.list(KEY)).map(({ kind, replica }) => `${kind} ${replica ?? ''}`.trim());
  const asked = status([replica({ ready: false })], { phase: 'degraded' });
  const fine = status([replica()]);
  for (const isFirst of [true, false]) {
    await events.follow(null, asked, isFirst);
    nowMs += 5_000;
    await events.follow(asked, fine, false);
    assert.deepEqual(await told(), []);
  }
  const young = replica({ name: 'web-2', startedAt: new Date(nowMs).toISOString() });
  const more = status([replica(), young], { wanted: 2 });
  await events.follow(fine, more, false);
  assert.deepEqual(await told(), ['replica-ready web-2', 'replica-made web-2']);
  // One that is young among those that were found is told alone.
  assert.deepEqual(kinds(null, more, nowMs), ['replica-made', 'replica-ready', 'phase']);
  nowMs += 120_000;
  await events.follow(asked, fine, false);
  assert.deepEqual((await told()).slice(0, 2), ['phase', 'replica-ready web-1']);
  nowMs += 8 * 24 * 3_600_000;
  assert.deepEqual(await told(), [], 'a week later, though nothing else came');
});

test('the same again is counted and comes first; old ones and more than can be read go', async (t) => {
  let nowMs = NOW;
  const clock = { now: () => new Date(nowMs++), sleep: () => Promise.reject(new Error('unused')) } as unknown as Clock;
  const opened = await openDatabase<DeployTables>('sqlite::memory:', deployMigrations);
  t.after(() => opened.close());
  const events = new WorkloadEvents(opened.db as never, clock);
  const event = (text: string) =>
    ({ kind: 'phase', trouble: false, replica: null, text: { en: text, es: text } }) as const;
  await events.add(KEY, [event('one'), event('two')]);
  await events.add(KEY, [event('one')]);
  await events.add({ ...KEY, name: 'api' }, [event('other')]);
  assert.deepEqual(
    (await events.list(KEY)).map(({ text, count }) => `${text.en} ${count}`),
    ['one 2', 'two 1'],
  );
  await events.add(
    KEY,
    Array.from({ length: EVENTS_OF_A_WORKLOAD_MAX + 5 }, (_, number) => event(`n${number}`)),
  );
  const kept = await events.list(KEY);
  assert.equal(kept.length, EVENTS_OF_A_WORKLOAD_MAX);
  assert.equal(kept[0]?.text.en, `n${EVENTS_OF_A_WORKLOAD_MAX + 4}`);
  nowMs += 8 * 24 * 3_600_000;
  await events.add(KEY, [event('later')]);
  assert.deepEqual(
    (await events.list(KEY)).map(({ text }) => text.en),
    ['later'],
  );
  assert.deepEqual(await events.list({ ...KEY, name: 'api' }), []);
});
