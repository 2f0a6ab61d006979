import assert from 'node:assert/strict';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { silentLog } from '../../../system/index.ts';
import { nextCronTime, parseCron } from '../../cron.ts';
import type { Controller, JobSpec, WantedWorkload } from '../../model.ts';
import type { ObservedPod } from './engine.ts';
import { userNumber } from './host-user.ts';
import { podLabels, podName, readPodIdentity } from './labels.ts';
import { MemoryEngine } from './memory.ts';
import { EMPTY_MEMORY, type Observation, type PlanMemory, plan } from './plan.ts';
import { decideCron, decideJob } from './plan-jobs.ts';
import { askGrpcHealth } from './probe-grpc.ts';
import { Reconciler } from './reconcile.ts';
import { NO_FILES, randomFrom, SimulatedClock, sampleContainer, sampleState, sampleWorkload } from './simulation.ts';
import type { WorkloadStatus } from './status.ts';

const JOB: JobSpec = {
  completions: 3,
  parallelism: 2,
  backoffLimit: 2,
  activeDeadlineSeconds: null,
  ttlSeconds: null,
  indexed: false,
  suspend: false,
  failureRules: [],
  backoffLimitPerIndex: null,
  maxFailedIndexes: null,
  successRules: [],
};
const NEVER = { restartPolicy: 'Never' } as const;

/** An engine on a clock of its own, with a reconciler that can be ended and begun anew at any time. */
class Stage {
  readonly clock = new SimulatedClock();
  readonly engine: MemoryEngine;
  readonly status = new Map<string, WorkloadStatus>();
  memory: PlanMemory | null = null;
  #reconciler: Reconciler | null = null;

  constructor(options: Omit<ConstructorParameters<typeof MemoryEngine>[0], 'clock'> = {}) {
    this.engine = new MemoryEngine({ clock: this.clock, ...options });
  }

  begin(workloads: readonly WantedWorkload[]): void {
    this.#reconciler = new Reconciler({
      instance: 't',
      engine: this.engine,
      clock: this.clock,
      log: silentLog,
      gate: { check: async () => ({ allow: true }) },
      askProbe: async () => ({ kind: 'success' }),
      contents: NO_FILES,
      onStatus: (status) => this.status.set(status.key.name, status),
      memory: {
        load: async () => this.memory ?? { rollouts: {}, troubles: {}, since: {} },
        save: async (memory) => {
          this.memory = memory;
        },
      },
    });
    this.#reconciler.setWanted(sampleState(workloads));
    this.#reconciler.start();
  }

  want(workloads: readonly WantedWorkload[], revision: number): void {
    this.#reconciler?.setWanted({ ...sampleState(workloads), revision });
  }

  async end(): Promise<void> {
    let ended = false;
    const ending = this.#reconciler?.stop().finally(() => {
      ended = true;
    });
    // What is in flight takes its time on this clock.
    for (let rounds = 0; !ended && rounds < 200; rounds++) await this.clock.advance(1_000);
    assert.ok(ended);
    await ending;
  }

  pods(name: string): string[] {
    return this.engine
      .snapshot()
      .filter(({ labels }) => readPodIdentity(labels)?.key.name === name)
      .map((pod) => pod.name)
      .sort();
  }

  /** Ends the main container of a pod. */
  finish(pod: string, code: number): void {
    const found = this.engine.snapshot().find(({ name }) => name === pod);
    for (const { id, state } of found?.containers ?? []) if (state === 'running') this.engine.crash(id, code);
  }
}

const job = (name: string, spec: Partial<JobSpec>, podMore: object = NEVER): WantedWorkload =>
  sampleWorkload(name, 'one', { controller: { kind: 'job', ...JOB, ...spec } }, podMore);

test('a job makes as many pods at once as it may, counts successes, and stays done', async () => {
  const stage = new Stage();
  const once = job('once', {});
  stage.begin([once]);
  await stage.clock.advance(3_000);
  assert.equal(stage.pods('once').length, 2);
  assert.equal(stage.status.get('once')?.phase, 'running');
  for (let round = 0; round < 3; round++) {
    for (const pod of stage.pods('once')) stage.finish(pod, 0);
    await stage.clock.advance(3_000);
  }
  assert.equal(stage.status.get('once')?.phase, 'completed');
  assert.deepEqual(stage.status.get('once')?.job, { active: 0, succeeded: 3, failed: 0, next: null });
  assert.equal(stage.pods('once').length, 3);
  // Nothing is begun again by a new agent, nor by a deploy of the same spec.
  await stage.end();
  stage.begin([{ ...once, generation: 2 }]);
  await stage.clock.advance(30_000);
  assert.equal(stage.pods('once').length, 3);
  assert.equal(stage.status.get('once')?.phase, 'completed');
  await stage.end();
});

test('a job that fails is tried again after a pause, and given up at its limit', async () => {
  const stage = new Stage({ onStart: () => ({ exitCode: 7 }) });
  stage.begin([job('bad', { completions: 1, parallelism: 1 })]);
  await stage.clock.advance(5_000);
  assert.equal(stage.pods('bad').length, 1);
  await stage.clock.advance(60_000);
  assert.equal(stage.pods('bad').length, 3);
  const status = stage.status.get('bad');
  assert.equal(status?.phase, 'failed');
  assert.match(status?.conditions[0]?.text.en ?? '', /failed 3 times/);
  await stage.end();
});

test('a pod that is being made, or that nobody finished making, is no try of its job', () => {
  const once = job('once', { completions: 1, parallelism: 1, backoffLimit: 0 });
  const pod = { key: once.key, specHash: once.specHash, slot: 0 };
  const name = podName('t', pod);
  const labels = podLabels('t', pod, 5);
  // As Podman lists it between making the pod and starting its network.
  const half: ObservedPod = {
    id: 'p',
    name,
    labels,
    createdAtMs: 0,
    infra: { id: 'i', state: 'created', startedAtMs: null },
    containers: [],
  };
  const look = (busy: Observation['busy']) =>
    plan('t', sampleState([once]), { pods: [half], health: new Map(), busy, networks: null }, EMPTY_MEMORY, 1_000);
  const making = look(new Map([[name, { kind: 'create', pod }]]));
  assert.deepEqual([making.statuses[0]?.phase, making.actions], ['running', []]);
  const left = look(new Map());
  assert.notEqual(left.statuses[0]?.phase, 'failed');
  assert.deepEqual(
    left.actions.map(({ kind }) => kind),
    ['remove-pod'],
  );
});

test('a failure rule ends a job at once, ignores what it says, and a deadline ends what takes too long', async () => {
  const rules = [
    { action: 'Ignore', operator: 'In', values: [9], container: null },
    { action: 'FailJob', operator: 'NotIn', values: [9], container: 'main' },
  ] as const;
  const stage = new Stage();
  const one = { completions: 1, parallelism: 1, backoffLimit: 0 };
  stage.begin([job('ruled', { ...one, failureRules: rules }), job('slow', { ...one, activeDeadlineSeconds: 20 })]);
  await stage.clock.advance(2_000);
  stage.finish(stage.pods('ruled')[0] ?? '', 9);
  await stage.clock.advance(12_000);
  assert.equal(stage.status.get('ruled')?.phase, 'running');
  stage.finish(stage.pods('ruled')[1] ?? '', 42);
  await stage.clock.advance(2_000);
  assert.match(stage.status.get('ruled')?.conditions[0]?.text.en ?? '', /code 42/);
  await stage.clock.advance(10_000);
  assert.equal(stage.status.get('slow')?.phase, 'failed');
  assert.equal(stage.pods('slow').length, 0);
  await stage.end();
});

test('what is enough ends a job well although indexes failed, and a failed one keeps no other waiting', async () => {
  const stage = new Stage();
  const indexed = { indexed: true, completions: 3, parallelism: 1, backoffLimitPerIndex: 0, backoffLimit: 9 };
  stage.begin([
    job('some', { ...indexed, parallelism: 3, successRules: [{ indexes: [1], count: null }] }),
    job('rest', indexed),
    job('both', { ...indexed, backoffLimit: 0 }),
  ]);
  await stage.clock.advance(3_000);
  const [zero, one] = stage.pods('some');
  stage.finish(zero ?? '', 3);
  await stage.clock.advance(1_000);
  assert.equal(stage.status.get('some')?.phase, 'running');
  stage.finish(one ?? '', 0);
  await stage.clock.advance(3_000);
  assert.equal(stage.status.get('some')?.phase, 'completed');
  stage.finish(stage.pods('rest')[0] ?? '', 3);
  await stage.clock.advance(3_000);
  assert.equal(stage.pods('rest').length, 2, 'the next index begins at once');
  stage.finish(stage.pods('both')[0] ?? '', 3);
  await stage.clock.advance(3_000);
  assert.match(stage.status.get('both')?.conditions[0]?.text.en ?? '', /backoffLimit is 0/);
  await stage.end();
});

test('a job with less parallelism loses its youngest pods, and nothing takes the place of one that still ends', async () => {
  const stage = new Stage();
  const wide = job('wide', { completions: 4, parallelism: 3 });
  stage.begin([wide]);
  await stage.clock.advance(3_000);
  const [kept = ''] = stage.pods('wide');
  stage.want([{ ...wide, generation: 2, controller: { kind: 'job', ...JOB, completions: 4, parallelism: 1 } }], 2);
  await stage.clock.advance(60_000);
  assert.deepEqual(stage.pods('wide'), [kept]);
  await stage.end();
  const spec: JobSpec = { ...JOB, completions: 2, parallelism: 2 };
  const pod = {
    name: 'a',
    slot: 0,
    index: null,
    state: 'active',
    exits: [],
    endedAtMs: null,
    createdAtMs: 0,
    restarts: 0,
  } as const;
  const ending = decideJob(
    spec,
    [
      { ...pod, leaving: true },
      { ...pod, name: 'b', slot: 1 },
    ],
    null,
    1_000,
  );
  assert.deepEqual([ending.create, ending.remove], [[], []]);
});

test('an indexed job works on each index once, and goes with its pods when its time to live is over', async () => {
  const stage = new Stage();
  stage.begin([job('parts', { indexed: true, parallelism: 3, ttlSeconds: 60 })]);
  await stage.clock.advance(3_000);
  const indexes = stage.engine.snapshot().map(({ labels }) => readPodIdentity(labels)?.index);
  assert.deepEqual(indexes.sort(), [0, 1, 2]);
  for (const pod of stage.pods('parts')) stage.finish(pod, 0);
  await stage.clock.advance(3_000);
  assert.equal(stage.status.get('parts')?.phase, 'completed');
  await stage.clock.advance(62_000);
  assert.deepEqual(stage.pods('parts'), []);
  await stage.clock.advance(60_000);
  assert.deepEqual(stage.pods('parts'), []);
  await stage.end();
});

test('a schedule starts its runs in its time zone, keeps its history, and forbids or replaces what still runs', async () => {
  const cron: Extract<Controller, { kind: 'cron' }> = {
    kind: 'cron',
    schedule: '*/10 * * * *',
    timeZone: 'UTC',
    concurrency: 'Forbid',
    startingDeadlineSeconds: null,
    successfulHistory: 2,
    failedHistory: 1,
    suspend: false,
    job: { ...JOB, completions: 1, parallelism: 1 },
  };
  const stage = new Stage();
  stage.begin([sampleWorkload('tick', 'one', { controller: cron }, NEVER)]);
  await stage.clock.advance(5_000);
  assert.equal(stage.status.get('tick')?.phase, 'scheduled');
  assert.equal(stage.status.get('tick')?.job?.next, '2030-01-01T00:10:00.000Z');
  await stage.clock.advance(600_000);
  assert.equal(stage.pods('tick').length, 1);
  // Forbidden while the first one runs; made up for as soon as it has ended.
  await stage.clock.advance(600_000);
  assert.equal(stage.pods('tick').length, 1);
  for (let run = 0; run < 4; run++) {
    for (const pod of stage.pods('tick')) stage.finish(pod, 0);
    await stage.clock.advance(600_000);
  }
  for (const pod of stage.pods('tick')) stage.finish(pod, 0);
  await stage.clock.advance(15_000);
  // Two that are over, and the one that was forbidden meanwhile.
  assert.equal(stage.pods('tick').length, 3);
  // A new agent does not begin the last run again.
  const before = stage.pods('tick');
  stage.memory = null;
  await stage.end();
  stage.begin([sampleWorkload('tick', 'one', { controller: cron }, NEVER)]);
  await stage.clock.advance(15_000);
  assert.deepEqual(stage.pods('tick'), before);
  await stage.end();

  // What took the place of another stays alone, and a run whose pod cannot be made at first is made up for.
  const turns = new Stage();
  turns.begin([sampleWorkload('turn', 'one', { controller: { ...cron, concurrency: 'Replace' } }, NEVER)]);
  await turns.clock.advance(605_000);
  const [replaced] = turns.pods('turn');
  await turns.clock.advance(600_000);
  assert.equal(turns.pods('turn').length, 1);
  assert.notEqual(turns.pods('turn')[0], replaced);
  await turns.clock.advance(120_000);
  assert.equal(turns.pods('turn').length, 1);
  await turns.end();

  const at = Date.UTC(2030, 0, 1, 0, 30);
  const going = [{ run: String(at / 60_000 - 10), ended: null }];
  const next = decideCron({ ...cron, concurrency: 'Replace' }, going, at - 1, at);
  assert.deepEqual([next.start, next.drop], [String(at / 60_000), [going[0]?.run]]);
  const late = decideCron({ ...cron, startingDeadlineSeconds: 30 }, [], at - 1, at + 60_000);
  assert.equal(late.start, null);
  // What it missed while it was suspended is made up for once, by the newest.
  const resting = decideCron({ ...cron, suspend: true }, [], at - 1, at + 3_600_000);
  assert.deepEqual([resting.start, resting.nextMs], [null, null]);
  assert.equal(decideCron(cron, [], resting.lastMs, at + 3_600_000).start, String(at / 60_000 + 60));
  // The clock was years ahead when it was looked at last, and was set right: it goes on from now, and a small correction changes nothing.
  const years = at + 10 * 365 * 86_400_000;
  const back = decideCron(cron, [{ run: String(years / 60_000), ended: 'succeeded' }], years, at - 1);
  assert.deepEqual([back.start, back.lastMs, back.nextMs], [null, at - 1, at]);
  assert.equal(decideCron(cron, [], at, at - 500).start, null);
});

test('a run of a schedule that was too late is told until the next one, though none of its pods is left', async () => {
  const controller: Controller = {
    ...{ kind: 'cron', schedule: '0 * * * *', timeZone: 'UTC', concurrency: 'Allow', startingDeadlineSeconds: null },
    ...{ successfulHistory: 3, failedHistory: 1, suspend: false },
    job: { ...JOB, completions: 1, parallelism: 1, activeDeadlineSeconds: 20 },
  };
  const stage = new Stage();
  stage.begin([sampleWorkload('tick', 'one', { controller }, NEVER)]);
  await stage.clock.advance(3_600_000 + 60_000);
  assert.deepEqual(stage.pods('tick'), []);
  const said = (): string =>
    stage.status
      .get('tick')
      ?.conditions.map(({ type, text }) => `${type} ${text.en}`)
      .join() ?? '';
  assert.match(said(), /^job-failed it was not done within 20 s$/);
  await stage.clock.advance(3_545_000);
  stage.finish(stage.pods('tick')[0] ?? '', 0);
  await stage.clock.advance(60_000);
  assert.equal(said(), '');
  await stage.end();
});

test('a run of a schedule of which no pod could be made is tried again, and is one that forbids another', () => {
  const cron: Controller = {
    kind: 'cron',
    schedule: '* * * * *',
    timeZone: 'UTC',
    concurrency: 'Forbid',
    ...{ startingDeadlineSeconds: null, successfulHistory: 1, failedHistory: 1, suspend: false },
    job: { ...JOB, completions: 1, parallelism: 1 },
  };
  const tick = sampleWorkload('tick', 'one', { controller: cron }, NEVER);
  const none = { pods: [], health: new Map(), busy: new Map(), networks: null };
  const look = (memory: PlanMemory, nowMs: number) => plan('t', sampleState([tick]), none, memory, nowMs);
  const minute = Date.UTC(2030, 0, 1);
  const first = look(EMPTY_MEMORY, minute + 1);
  const due = look(first.memory, minute + 60_000);
  const made = ({ actions }: ReturnType<typeof look>) =>
    actions.map((one) => (one.kind === 'create-pod' ? one.pod.run : one.kind));
  const run = String((minute + 60_000) / 60_000);
  assert.deepEqual(made(due), [run]);
  // The engine was away: there is no pod of it.
  const again = look(due.memory, minute + 65_000);
  assert.deepEqual(made(again), [run]);
  assert.deepEqual(made(look(again.memory, minute + 125_000)), [run], 'the next one waits for it');
});

test('nextCronTime() follows the clock of the zone, also where it jumps', () => {
  const table: readonly [string, string, string, string | null][] = [
    ['30 2 * * *', 'Europe/Madrid', '2026-03-28T12:00Z', '2026-03-30T00:30:00.000Z'],
    ['30 2 * * *', 'Europe/Madrid', '2026-10-24T12:00Z', '2026-10-25T00:30:00.000Z'],
    ['0 0 13 * fri', 'UTC', '2026-01-01T00:00Z', '2026-01-02T00:00:00.000Z'],
    ['0 12 29 2 *', 'UTC', '2026-01-01T00:00Z', '2028-02-29T12:00:00.000Z'],
    ['@hourly', 'Asia/Kolkata', '2026-01-01T00:00Z', '2026-01-01T00:30:00.000Z'],
    ['5/20 * * * *', 'UTC', '2026-01-01T00:06Z', '2026-01-01T00:25:00.000Z'],
    ['0 0 31 2 *', 'UTC', '2026-01-01T00:00Z', null],
  ];
  for (const [text, zone, after, expected] of table) {
    const schedule = parseCron(text);
    assert.ok(schedule, text);
    const next = nextCronTime(schedule, Date.parse(after), zone);
    assert.equal(next === null ? null : new Date(next).toISOString(), expected, text);
  }
  for (const bad of ['', '* * * *', '60 * * * *', '* * 0 * *', '1-0 * * * *', '*/0 * * * *', '@reboot', 'x * * * *']) {
    assert.equal(parseCron(bad), null, bad);
  }
});

/** The full figure of the design takes minutes; a few seeds find most of what breaks. */
const SEEDS = process.env['DARSENA_SOAK'] === '1' ? 500 : 8;

const ORDERED = { kind: 'ordered', start: 0, parallel: false, partition: 0 } as const;

test('ordered pods come one after the other, keep their names, and are replaced from the last', async () => {
  const stage = new Stage();
  const strategy = { kind: 'rolling', maxSurge: 0, maxUnavailable: 1 } as const;
  const first = sampleWorkload('db', 'one', { controller: ORDERED, replicas: 3, strategy });
  stage.begin([first]);
  await stage.clock.advance(1_000);
  assert.deepEqual(stage.pods('db'), ['t-shop-dev-db-0']);
  await stage.clock.advance(20_000);
  assert.deepEqual(stage.pods('db'), ['t-shop-dev-db-0', 't-shop-dev-db-1', 't-shop-dev-db-2']);
  const versions = (): string[] =>
    stage.engine
      .snapshot()
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ labels }) => (readPodIdentity(labels)?.specHash === first.specHash ? 'one' : 'two'));
  const second = sampleWorkload('db', 'two', {
    controller: { ...ORDERED, partition: 1 },
    replicas: 3,
    strategy,
    generation: 2,
    previous: first,
  });
  stage.want([second], 2);
  await stage.clock.advance(5_000);
  assert.ok(stage.pods('db').length >= 2);
  await stage.clock.advance(30_000);
  assert.deepEqual(versions(), ['one', 'two', 'two']);
  stage.want([{ ...second, controller: ORDERED, replicas: 2 }], 3);
  await stage.clock.advance(40_000);
  assert.deepEqual(versions(), ['two', 'two']);
  // By hand: nothing is replaced until somebody removes it.
  const third = sampleWorkload('db', 'three', {
    ...second,
    controller: ORDERED,
    replicas: 2,
    strategy: { kind: 'on-delete' },
    generation: 3,
    previous: null,
    specHash: `sha256:${'e'.repeat(64)}`,
  });
  stage.want([third], 4);
  await stage.clock.advance(30_000);
  assert.deepEqual(versions(), ['two', 'two']);
  await stage.end();
});

test('what its author holds back is no roll-out that is late: a partition, or pods that only a hand removes', async () => {
  const stage = new Stage();
  const rolling = { kind: 'rolling', maxSurge: 0, maxUnavailable: 1 } as const;
  const former = {
    db: sampleWorkload('db', 'one', { controller: ORDERED, replicas: 3, strategy: rolling }),
    each: sampleWorkload('each', 'one', { controller: { kind: 'daemon' }, strategy: { kind: 'on-delete' } }),
  };
  stage.begin([former.db, former.each]);
  await stage.clock.advance(60_000);
  const held = [
    sampleWorkload('db', 'two', {
      ...{ controller: { ...ORDERED, partition: 2 }, replicas: 3, strategy: rolling },
      ...{ generation: 2, previous: former.db, progressDeadlineSeconds: 60 },
    }),
    sampleWorkload('each', 'two', {
      ...{ controller: { kind: 'daemon' }, strategy: { kind: 'on-delete' } },
      ...{ generation: 2, previous: former.each, progressDeadlineSeconds: 60 },
    }),
  ];
  stage.want(held, 2);
  const versions = (name: string): string[] =>
    stage.engine
      .snapshot()
      .filter(({ labels }) => readPodIdentity(labels)?.key.name === name)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ labels }) =>
        readPodIdentity(labels)?.specHash === held[name === 'db' ? 0 : 1]?.specHash ? 'two' : 'one',
      );
  await stage.clock.advance(600_000);
  assert.deepEqual(versions('db'), ['one', 'one', 'two']);
  assert.deepEqual(versions('each'), ['one']);
  for (const name of ['db', 'each']) assert.equal(stage.status.get(name)?.phase, 'available', name);
  // A release after it remembers only the one before: what it cannot mend it makes of the newest version.
  stage.want(
    held.map((one) => ({ ...one, generation: 3, previous: null })),
    3,
  );
  await stage.clock.advance(5_000);
  assert.deepEqual(versions('db'), ['one', 'one', 'two']);
  const first = stage.engine.snapshot().find(({ name }) => name.endsWith('-db-0'));
  for (const { id } of first?.containers ?? []) stage.engine.crash(id, 1);
  await stage.clock.advance(60_000);
  assert.deepEqual(versions('db'), ['two', 'one', 'two']);
  assert.equal(stage.status.get('db')?.phase, 'available');
  await stage.end();
});

test('a sidecar is there before the main container and is mended beside it', async () => {
  const stage = new Stage();
  const sidecar = sampleContainer({ name: 'proxy', sidecar: true });
  stage.begin([sampleWorkload('web', 'one', {}, { initContainers: [sidecar] })]);
  await stage.clock.advance(5_000);
  assert.equal(stage.status.get('web')?.phase, 'available');
  const [pod] = stage.engine.snapshot();
  const at = (name: string): number =>
    pod?.containers.find(({ labels }) => labels['darsena.container'] === name)?.startedAtMs ?? 0;
  assert.ok(at('proxy') <= at('main'));
  // Who names no container means the one that does the work, and not the one that stands before it.
  assert.deepEqual(
    stage.status.get('web')?.replicas[0]?.containers.map(({ name }) => name),
    ['main', 'proxy'],
  );
  stage.engine.crash(pod?.containers.find(({ labels }) => labels['darsena.container'] === 'proxy')?.id ?? '', 1);
  await stage.clock.advance(10_000);
  assert.equal(stage.status.get('web')?.ready, 1);
  assert.equal(stage.engine.snapshot()[0]?.containers.find(({ name }) => name.includes('-main-0'))?.state, 'running');
  await stage.end();
});

test('D1: whatever an agent was doing when it was killed, jobs and ordered pods end as they were wanted', async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = randomFrom(seed);
    const fate = (operation: string) =>
      operation === 'list' || random() > 0.15 ? 'work' : random() > 0.5 ? 'fail' : 'fail-after';
    const ends = { code: 0 };
    let faulty = true;
    const stage = new Stage({
      fate: (operation) => (faulty ? fate(operation) : 'work'),
      latencyMs: () => Math.floor(random() * 300),
      onStart: (order) => (order.labels['darsena.workload'] === 'once' ? { exitCode: ends.code } : 'run'),
    });
    const wanted = [
      job('once', { backoffLimit: 50 }),
      sampleWorkload('db', 'one', { controller: ORDERED, replicas: 3 }),
    ];
    for (let round = 0; round < 4; round++) {
      stage.begin(wanted);
      await stage.clock.advance(Math.floor(random() * 9_000));
      await stage.end();
      if (random() > 0.7) stage.engine.reboot();
    }
    faulty = false;
    stage.begin(wanted);
    await stage.clock.advance(200_000);
    assert.deepEqual(stage.pods('db'), ['t-shop-dev-db-0', 't-shop-dev-db-1', 't-shop-dev-db-2'], `seed ${seed}`);
    assert.equal(stage.status.get('db')?.phase, 'available', `seed ${seed}`);
    assert.equal(
      stage.status.get('once')?.phase,
      'completed',
      `seed ${seed}: ${JSON.stringify(stage.status.get('once'))}`,
    );
    assert.ok((stage.status.get('once')?.job?.succeeded ?? 0) >= 3, `seed ${seed}`);
    await stage.end();
  }
});

test('a pod that wrote more to its disk than its limits let it is made anew, once, with its name', async () => {
  const stage = new Stage();
  const containers = [
    sampleContainer({ name: 'main', diskLimitBytes: 1_000 }),
    sampleContainer({ name: 'beside', diskLimitBytes: 2_000 }),
  ];
  stage.begin([sampleWorkload('web', 'one', { controller: ORDERED, replicas: 1 }, { containers })]);
  await stage.clock.advance(5_000);
  const made = (): string | undefined => stage.engine.snapshot()[0]?.id;
  const first = made();
  const [pod = ''] = stage.pods('web');
  const containersOf = () => stage.engine.snapshot()[0]?.containers ?? [];
  const named = (container: string): string => containersOf().find(({ name }) => name.includes(container))?.name ?? '';
  // Each within its own limit, and both together within theirs.
  stage.engine.layers.set(named('main'), 1_000).set(named('beside'), 2_000);
  await stage.clock.advance(120_000);
  assert.equal(made(), first);
  stage.engine.layers.set(named('main'), 1_001);
  await stage.clock.advance(61_000);
  stage.engine.layers.clear();
  await stage.clock.advance(10_000);
  const second = made();
  assert.notEqual(second, first);
  assert.deepEqual(stage.pods('web'), [pod]);
  await stage.clock.advance(120_000);
  assert.equal(made(), second, 'what was measured of the former pod does not end the next');
  await stage.end();
});

test('limits of the disk count logs, also of the tries before, and what the init containers of a pod may hold', async () => {
  const stage = new Stage({
    onStart: ({ labels }) => (labels['darsena.container'] === 'first' ? { exitCode: 0 } : 'run'),
  });
  const sidecar = { sidecar: true } as const;
  const initContainers = [
    sampleContainer({ name: 'beside', diskLimitBytes: 500, ...sidecar }),
    sampleContainer({ name: 'first', diskLimitBytes: 4_000 }),
  ];
  const containers = [sampleContainer({ name: 'main', diskLimitBytes: 1_000 }), sampleContainer({ name: 'free' })];
  stage.begin([
    sampleWorkload('web', 'one', { controller: ORDERED, replicas: 1 }, { initContainers, containers }),
    // Of a pod whose containers have no limit nothing is asked.
    sampleWorkload('idle', 'one', { controller: ORDERED, replicas: 1 }),
  ]);
  await stage.clock.advance(30_000);
  const podOf = (workload: string) => stage.engine.snapshot().find(({ name }) => name.includes(`-${workload}-`));
  const named = (container: string): string =>
    podOf('web')?.containers.find(({ labels }) => labels['darsena.container'] === container)?.name ?? '';
  const [first, idle] = [podOf('web')?.id, podOf('idle')?.id];
  assert.ok(first !== undefined && idle !== undefined, JSON.stringify(stage.engine.snapshot()));
  // 500 of the sidecar and 4,000 of the init container after it are what the whole pod may hold.
  stage.engine.layers.set(named('main'), 400).set(named('free'), 3_500);
  stage.engine.logSizes.set(named('main'), 600);
  await stage.clock.advance(120_000);
  assert.equal(podOf('web')?.id, first, 'each within its own, and all within that of the pod');
  stage.engine.logSizes.set(named('main'), 601);
  await stage.clock.advance(61_000);
  stage.engine.logSizes.clear();
  await stage.clock.advance(30_000);
  const second = podOf('web')?.id;
  assert.notEqual(second, first, 'layer and log of a container together');
  // The try before it has said much, and its log is still there.
  stage.engine.layers.clear();
  const before = named('main');
  stage.engine.crash(podOf('web')?.containers.find(({ name }) => name === before)?.id ?? '', 1);
  await stage.clock.advance(30_000);
  stage.engine.logSizes.set(before, 1_001);
  await stage.clock.advance(61_000);
  stage.engine.logSizes.clear();
  await stage.clock.advance(30_000);
  const third = podOf('web')?.id;
  assert.notEqual(third, second, 'the log of the try before counts');
  stage.engine.layers.set(named('free'), 4_501);
  await stage.clock.advance(61_000);
  stage.engine.layers.clear();
  await stage.clock.advance(30_000);
  assert.notEqual(podOf('web')?.id, third, 'all of the pod together');
  assert.equal(podOf('idle')?.id, idle);
  await stage.end();
});

test('an evicted pod of a job is a failure of it: tried again with a pause, and given up at its backoffLimit', async () => {
  const stage = new Stage({ onStart: () => 'run' });
  const containers = [sampleContainer({ name: 'main', diskLimitBytes: 1_000 })];
  const one = { completions: 1, parallelism: 1, backoffLimit: 1 };
  const wanted = [job('full', one, { ...NEVER, containers })];
  stage.begin(wanted);
  await stage.clock.advance(5_000);
  const pods = (): string[] => stage.pods('full');
  const fill = async (): Promise<void> => {
    const [pod] = stage.engine.snapshot();
    stage.engine.layers.set(pod?.containers[0]?.name ?? '', 1_001);
    await stage.clock.advance(61_000);
    stage.engine.layers.clear();
  };
  const first = pods();
  assert.equal(first.length, 1);
  await fill();
  await stage.clock.advance(30_000);
  assert.equal(stage.status.get('full')?.job?.failed, 1, JSON.stringify(stage.status.get('full')));
  const second = pods();
  assert.equal(second.length, 1);
  assert.notDeepEqual(second, first, 'another pod, with a name of its own');
  // Who looks after it next has it from what was remembered: the first pod is gone.
  await stage.end();
  stage.begin(wanted);
  await stage.clock.advance(5_000);
  assert.equal(stage.status.get('full')?.job?.failed, 1);
  await fill();
  await stage.clock.advance(60_000);
  const status = stage.status.get('full');
  assert.equal(status?.phase, 'failed', JSON.stringify(status));
  assert.equal(status?.job?.failed, 2);
  assert.match(
    status?.conditions[0]?.text.en ?? '',
    /failed 2 times, and its backoffLimit is 1; a pod was evicted: .*ephemeral-storage/,
  );
  assert.match(status?.conditions[0]?.text.es ?? '', /se expulsó un pod: /);
  assert.deepEqual(pods(), []);
  await stage.end();
});

test('a gRPC health probe asks as the protocol says, and tells serving from not serving', async (t) => {
  const asked: string[] = [];
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const parts: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => parts.push(chunk));
    stream.on('end', () => {
      const service = Buffer.concat(parts).subarray(7).toString('utf8');
      asked.push(`${headers[':path']} ${service}`);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': service === 'none' ? '5' : '0' }));
      const answer = [0, 0, 0, 0, 2, 0x08, service === 'sick' ? 2 : 1];
      stream.end(service === 'none' ? undefined : Buffer.from(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const signal = AbortSignal.timeout(10_000);
  const ask = (service: string) => askGrpcHealth({ host: '127.0.0.1', port }, service, 5_000, signal);
  assert.deepEqual(await ask(''), { kind: 'success' });
  assert.deepEqual(await ask('sick'), { kind: 'failure', text: 'NOT_SERVING' });
  assert.deepEqual(await ask('none'), { kind: 'failure', text: 'gRPC status 5' });
  assert.equal(asked[1], '/grpc.health.v1.Health/Check sick');
  const closed = await askGrpcHealth({ host: '127.0.0.1', port: 1 }, '', 5_000, signal);
  assert.equal(closed.kind, 'failure');
});

test('a name in USER is judged by the image’s own passwd', async () => {
  const passwd = (text: string | null) =>
    ({ readFile: async () => (text === null ? null : Buffer.from(text)) }) as never;
  const table: readonly [string, string | null, number | null][] = [
    ['1000:5', null, 1000],
    ['', null, 0],
    ['app', 'root:x:0:0::/:\napp:x:1000:1000::/:\n', 1000],
    ['toor', 'root:x:0:0::/:\ntoor:x:0:0::/:\n', 0],
    ['app', 'app:x:0:0::/:\napp:x:1000:1000::/:\n', 0],
    ['app', 'app:x:-1:0::/:\n', null],
    ['app', null, null],
    ['ghost', 'root:x:0:0::/:\n', null],
  ];
  for (const [user, text, number] of table) assert.equal(await userNumber(passwd(text), 'id', user), number, user);
});

test('gVisor takes no AppArmor profile: a pod that asks for both is not started, and one that asks for either is judged by it', async () => {
  const stage = new Stage();
  const asks = (name: string, profile: string | null, runtime: object): WantedWorkload => {
    const containers = sampleWorkload(name, 'one').pod.containers.map((one) =>
      profile === null ? one : { ...one, security: { ...one.security, appArmorProfile: profile } },
    );
    return sampleWorkload(name, 'one', {}, { ...runtime, containers });
  };
  const runtime = { runtime: 'runsc' } as const;
  stage.begin([asks('both', 'shop', runtime), asks('profile', 'shop', {}), asks('runtime', null, runtime)]);
  await stage.clock.advance(10_000);
  const why = (name: string): string =>
    (stage.status.get(name)?.conditions ?? []).map(({ text }) => `${text.en} ${text.es}`).join(' ');
  assert.match(why('both'), /gVisor takes no AppArmor profile.*gVisor no admite perfiles de AppArmor/s);
  assert.match(why('profile'), /asks for the AppArmor profile shop.*pide el perfil de AppArmor shop/s);
  assert.deepEqual([why('runtime'), stage.pods('runtime').length > 0], ['', true]);
  await stage.end();
});
