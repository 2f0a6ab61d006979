import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../../../system/index.ts';
import { canaryWeights, type HorizontalSpec, type VerticalSpec, type WantedState } from '../../model.ts';
import { whatKeeps } from '../../scaling/budget.ts';
import { desiredReplicas, type HorizontalMemory, type ScaledPod } from '../../scaling/horizontal.ts';
import { ANY_CONTAINER, addSample, emptyHistory, isOff, recommend, resized } from '../../scaling/vertical.ts';
import { Autoscaler, NO_SCALING } from './autoscale.ts';
import type { ObservedContainer } from './engine.ts';
import { readPodIdentity } from './labels.ts';
import { MemoryEngine } from './memory.ts';
import { EMPTY_MEMORY, type PlanMemory } from './plan.ts';
import { Reconciler } from './reconcile.ts';
import { NO_FILES, randomFrom, SimulatedClock, sampleContainer, sampleState, sampleWorkload } from './simulation.ts';
import type { WorkloadStatus } from './status.ts';
import { readUsage, readUseOfProcesses, type UsageReading } from './usage.ts';

const NOW = Date.UTC(2030, 0, 1);
const MINUTE_MS = 60_000;
const GIB = 2 ** 30;

function horizontal(more: Partial<HorizontalSpec> = {}): HorizontalSpec {
  return {
    name: 'web',
    minReplicas: 1,
    maxReplicas: 10,
    metrics: [{ resource: 'cpu', container: null, target: { kind: 'utilization', percent: 50 } }],
    scaleUp: {
      stabilizationSeconds: 0,
      select: 'Max',
      policies: [
        { kind: 'Pods', value: 4, periodSeconds: 15 },
        { kind: 'Percent', value: 100, periodSeconds: 15 },
      ],
      tolerance: 0.1,
    },
    scaleDown: {
      stabilizationSeconds: 300,
      select: 'Max',
      policies: [{ kind: 'Percent', value: 100, periodSeconds: 15 }],
      tolerance: 0.1,
    },
    ...more,
  };
}

/** A pod that asks for a tenth of a core and has run for ten minutes. */
function pod(name: string, cpuMillis: number | null, more: Partial<ScaledPod> = {}): ScaledPod {
  const usage = cpuMillis === null ? null : { cpuMillis, memoryBytes: 1e8, atMs: NOW, windowMs: 15_000 };
  return {
    name,
    phase: 'running',
    ready: true,
    startedAtMs: NOW - 10 * MINUTE_MS,
    readySinceMs: NOW - 10 * MINUTE_MS,
    containers: [{ name: 'main', usage, requests: { cpu: 100, memory: 2e8 } }],
    ...more,
  };
}

function memory(replicas: number, more: Partial<HorizontalMemory> = {}): HorizontalMemory {
  return { replicas, recommendations: [], added: [], removed: [], ...more };
}

function decide(
  pods: readonly ScaledPod[],
  replicas: number,
  spec = horizontal(),
  more: Partial<HorizontalMemory> = {},
) {
  return desiredReplicas(spec, pods, memory(replicas, more), NOW);
}

const young = { startedAtMs: NOW - 20_000, readySinceMs: NOW - 5_000 };

test('replicas follow usage in proportion, and a tenth beside the target changes nothing', () => {
  assert.equal(decide([pod('a', 100), pod('b', 100)], 2).memory.replicas, 4);
  assert.equal(decide([pod('a', 54), pod('b', 54)], 2).memory.replicas, 2);
  assert.equal(decide([pod('a', 56), pod('b', 56)], 2).memory.replicas, 3);
  const none = { ...horizontal().scaleDown, stabilizationSeconds: 0 };
  assert.equal(decide([pod('a', 20), pod('b', 20)], 2, horizontal({ scaleDown: none })).memory.replicas, 1);
  assert.equal(decide([pod('a', 20), pod('b', 20)], 2).memory.replicas, 2, 'the window down holds it');
  assert.deepEqual(
    decide([pod('a', 20), pod('b', 20)], 2).conditions.map(({ type, reason }) => `${type}/${reason}`),
    ['AbleToScale/ScaleDownStabilized', 'ScalingActive/ValidMetricFound', 'ScalingLimited/DesiredWithinRange'],
  );
});

test('pods that were not measured damp a change in both directions and never turn it round', () => {
  // 200 of 100 wanted by one: with one unknown and taken as idle it is 100 of 100 on average, so ratio 2/2 = 1 × …
  assert.equal(decide([pod('a', 150), pod('b', null)], 2).memory.replicas, 3);
  assert.equal(decide([pod('a', 55.1), pod('b', null)], 2).memory.replicas, 2, 'idle would turn it round');
  const spec = horizontal({ scaleDown: { ...horizontal().scaleDown, stabilizationSeconds: 0 } });
  assert.equal(decide([pod('a', 10), pod('b', 10), pod('c', null)], 3, spec).memory.replicas, 3, 'busy at 100 %');
});

test('a pod in its first minutes counts as idle on the way up and not at all on the way down', () => {
  assert.equal(decide([pod('a', 150), pod('b', 900, young)], 2).memory.replicas, 3);
  assert.equal(decide([pod('a', 150), pod('b', 900)], 2).memory.replicas, 6, 'grown up: four more at once');
  const unready = { ready: false, readySinceMs: NOW - 9 * MINUTE_MS, startedAtMs: NOW - 9 * MINUTE_MS - 20_000 };
  assert.equal(decide([pod('a', 150), pod('b', 900, unready)], 2).memory.replicas, 3, 'it never was ready');
  assert.equal(decide([pod('a', 150), pod('b', null, { phase: 'pending' })], 2).memory.replicas, 3);
  assert.equal(decide([pod('a', 150), pod('b', 900, { phase: 'gone' })], 1).memory.replicas, 3);
});

test('the greatest of several metrics counts; with one unknown it may grow and not shrink', () => {
  const average = (amount: number) => ({
    resource: 'memory' as const,
    container: null,
    target: { kind: 'average' as const, amount },
  });
  const both = horizontal({ metrics: [...horizontal().metrics, average(5e7)] });
  assert.equal(decide([pod('a', 50), pod('b', 50)], 2, both).memory.replicas, 4);
  const lost = horizontal({
    metrics: [...horizontal().metrics, { ...average(5e7), container: 'other' }],
    scaleDown: { ...horizontal().scaleDown, stabilizationSeconds: 0 },
  });
  assert.equal(decide([pod('a', 100), pod('b', 100)], 2, lost).memory.replicas, 4);
  const held = decide([pod('a', 10), pod('b', 10)], 2, lost);
  assert.equal(held.memory.replicas, 2);
  assert.equal(
    held.conditions.find(({ type }) => type === 'ScalingActive')?.reason,
    'FailedGetContainerResourceMetric',
  );
});

test('policies bound the rate by what was changed within their period, and least and most always hold', () => {
  const two = { ...horizontal().scaleUp, policies: [{ kind: 'Pods' as const, value: 2, periodSeconds: 60 }] };
  const spec = horizontal({ scaleUp: two });
  const busy = [pod('a', 400), pod('b', 400)];
  const first = decide(busy, 2, spec);
  assert.equal(first.memory.replicas, 4);
  assert.equal(first.conditions.at(-1)?.reason, 'ScaleUpLimit');
  assert.equal(desiredReplicas(spec, busy, first.memory, NOW + 30_000).memory.replicas, 4, 'the two of this minute');
  assert.equal(desiredReplicas(spec, busy, first.memory, NOW + 61_000).memory.replicas, 6);
  const most = decide([pod('a', 900), pod('b', 900)], 7, horizontal({ maxReplicas: 8 }));
  assert.equal(most.memory.replicas, 8);
  assert.equal(most.conditions.at(-1)?.reason, 'TooManyReplicas');
  assert.equal(decide([], 20).memory.replicas, 10, 'above the most without any metric');
  assert.equal(decide([], 1, horizontal({ minReplicas: 3 })).memory.replicas, 3);
  assert.equal(decide([pod('a', 900)], 0).memory.replicas, 0, 'stopped by its author');
  assert.equal(decide([pod('a', 900)], 2, horizontal({ scaleUp: { ...two, select: 'Disabled' } })).memory.replicas, 2);
});

test('the window down keeps the highest recommendation of the last minutes', () => {
  let state = memory(2);
  const at = (minutes: number, cpuMillis: number): number => {
    const nowMs = NOW + minutes * MINUTE_MS;
    const pods = Array.from({ length: state.replicas }, (_, index) => {
      const one = pod(`p${index}`, cpuMillis);
      return { ...one, startedAtMs: NOW - 60 * MINUTE_MS, readySinceMs: NOW - 60 * MINUTE_MS };
    });
    state = desiredReplicas(horizontal(), pods, state, nowMs).memory;
    return state.replicas;
  };
  assert.deepEqual([at(0, 100), at(1, 50), at(2, 10), at(4, 10), at(6.5, 10), at(11.6, 10)], [4, 4, 4, 4, 1, 1]);
  // The clock was ahead for a while: what was recommended then does not hold it for as long.
  assert.deepEqual([at(600, 400), at(20, 10), at(26, 10)], [5, 5, 1]);
});

test('a budget counts those that are ready, rounds shares up, and lets sick pods go only while it is met', () => {
  const budget = {
    project: 'shop',
    environment: 'dev',
    name: 'web',
    selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
    keeps: { kind: 'available', amount: '50%' },
    unhealthyAlways: false,
  } as const;
  const one = (name: string, ready = true) => ({
    name,
    project: 'shop',
    environment: 'dev',
    workload: 'web',
    labels: { app: 'web' },
    ready,
  });
  const [a, b, c] = [one('a'), one('b'), one('c')];
  const wanted = new Map([['shop/dev/web', 3]]);
  assert.equal(whatKeeps(a, [budget], [a, b, c], wanted), null);
  assert.match(whatKeeps(a, [budget], [a, b], wanted)?.en ?? '', /2 must be ready, 2 are/);
  const sick = one('d', false);
  assert.equal(whatKeeps(sick, [budget], [a, b, sick], wanted), null);
  assert.notEqual(whatKeeps(sick, [budget], [a, sick], wanted), null);
  const none = { ...budget, keeps: { kind: 'available', amount: 0 } } as const;
  assert.equal(whatKeeps(sick, [none], [a, sick], wanted), null, 'there is one to spare');
  assert.equal(whatKeeps(sick, [{ ...budget, unhealthyAlways: true }], [a, sick], wanted), null);
  const away = { ...budget, keeps: { kind: 'unavailable', amount: 1 } } as const;
  assert.equal(whatKeeps(a, [away], [a, b, c], wanted), null);
  assert.notEqual(whatKeeps(a, [away], [a, b], wanted), null);
  assert.equal(
    whatKeeps({ ...a, environment: 'prod' }, [away], [a, b], wanted),
    null,
    'it guards its environment only',
  );
});

test('the recommender follows usage with a margin, remembers a peak of memory, and is unsure at first', () => {
  let history = emptyHistory(NOW);
  for (let minute = 0; minute < 1440; minute++) {
    const memoryBytes = minute === 700 ? 2 * GIB : GIB;
    const sample = { cpuMillis: 400, memoryBytes, requestMillis: 100, ranOutOfMemory: false };
    history = addSample(history, sample, NOW + minute * MINUTE_MS);
    if (minute !== 30) continue;
    const early = recommend(history, ANY_CONTAINER, 1);
    assert.ok((early?.upper.cpuMillis ?? 0) > 40 * (early?.target.cpuMillis ?? 0), 'half an hour says little');
  }
  const advice = recommend(history, ANY_CONTAINER, 1);
  assert.ok(advice);
  const { target, lower, upper } = advice;
  // 400 m in buckets of a twentieth, a margin of 15 %.
  assert.ok((target.cpuMillis ?? 0) >= 460 && (target.cpuMillis ?? 0) <= 490, `${target.cpuMillis}`);
  assert.ok((target.memoryBytes ?? 0) >= 2 * GIB * 1.15 && (target.memoryBytes ?? 0) <= 2 * GIB * 1.22);
  assert.ok(
    (lower.cpuMillis ?? 0) <= (target.cpuMillis ?? 0) && (upper.cpuMillis ?? 0) <= 2.1 * (target.cpuMillis ?? 0),
  );
  assert.equal(recommend(emptyHistory(NOW), ANY_CONTAINER, 1), null);
  const capped = { ...ANY_CONTAINER, cpu: { least: null, most: 300 }, memory: null };
  assert.deepEqual(recommend(history, capped, 1)?.target, { cpuMillis: 300, memoryBytes: null });
  assert.ok((recommend(history, capped, 1)?.uncapped.cpuMillis ?? 0) > 300);
  // Two days later what was used counts a quarter, so a quieter time is believed.
  for (let minute = 0; minute < 2880; minute++) {
    const sample = { cpuMillis: 40, memoryBytes: GIB / 2, requestMillis: 100, ranOutOfMemory: false };
    history = addSample(history, sample, NOW + (1440 + minute) * MINUTE_MS);
  }
  assert.ok((recommend(history, ANY_CONTAINER, 1)?.lower.cpuMillis ?? 999) < 60);
  const out = addSample(
    emptyHistory(NOW),
    { cpuMillis: 1, memoryBytes: GIB, requestMillis: null, ranOutOfMemory: true },
    NOW,
  );
  assert.ok((recommend(out, ANY_CONTAINER, 1)?.target.memoryBytes ?? 0) >= GIB * 1.2 * 1.15);
});

test('limits keep their proportion, and what is inside the bounds is changed late or not at all', () => {
  const given = { cpuRequestMillis: 100, cpuLimitMillis: 200, memoryRequestBytes: 100, memoryLimitBytes: 100 };
  const target = { cpuMillis: 150, memoryBytes: 300 };
  assert.deepEqual(resized(given, target, ANY_CONTAINER), {
    cpuRequestMillis: 150,
    cpuLimitMillis: 300,
    memoryRequestBytes: 300,
    memoryLimitBytes: 300,
  });
  assert.equal(
    resized(given, { ...target, cpuMillis: 900 }, { ...ANY_CONTAINER, limits: false }).cpuRequestMillis,
    200,
  );
  const advice = {
    target,
    lower: { cpuMillis: 90, memoryBytes: 50 },
    upper: { cpuMillis: 400, memoryBytes: 900 },
    uncapped: target,
  };
  assert.equal(isOff(given, advice, MINUTE_MS), false);
  assert.equal(isOff(given, advice, 13 * 60 * MINUTE_MS), true);
  assert.equal(isOff({ ...given, cpuRequestMillis: 80 }, advice, MINUTE_MS), true);
});

test('shares of a trial come out at the edge whatever the numbers of replicas', () => {
  for (const [percent, fresh, former] of [
    [10, 1, 9],
    [10, 1, 1],
    [25, 2, 3],
    [50, 1, 8],
  ] as const) {
    const weights = canaryWeights(percent, fresh, former);
    const share = (100 * weights.fresh * fresh) / (weights.fresh * fresh + weights.former * former);
    assert.ok(Math.abs(share - percent) < 1, `${percent} % came out as ${share}`);
    assert.ok(weights.fresh <= 256 && weights.former <= 256);
  }
  assert.deepEqual(canaryWeights(10, 0, 3), { fresh: 100, former: 100 });
});

test('usage is read from groups of either version, of the container itself and of no other', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'usage-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const id = 'a'.repeat(64);
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), text);
  };
  const roots = { groups: join(root, 'groups'), processes: join(root, 'proc') };
  await put('proc/10/cgroup', `0::/system.slice/libpod-${id}.scope/container/inner\n`);
  const two = `groups/system.slice/libpod-${id}.scope`;
  await put(`${two}/cpu.stat`, 'usage_usec 2500\nuser_usec 1\n');
  await put(`${two}/memory.current`, '5000\n');
  await put(`${two}/memory.stat`, 'anon 1\ninactive_file 2000\n');
  await put(`${two}/memory.events`, 'oom 3\noom_kill 2\n');
  await put(`${two}/memory.max`, '67108864\n');
  assert.deepEqual(await readUsage({ id, pid: 10 }, roots), {
    cpuNanoseconds: 2_500_000,
    memoryBytes: 3000,
    outOfMemory: 2,
    memoryLimitBytes: 67_108_864,
  });
  const path = `/libpod_parent/pod/${id}`;
  await put('proc/11/cgroup', `5:memory:${path}\n4:cpu,cpuacct:${path}\n0::/\n`);
  await put(`groups/cpuacct${path}/cpuacct.usage`, '77\n');
  await put(`groups/memory${path}/memory.usage_in_bytes`, '900\n');
  await put(`groups/memory${path}/memory.stat`, 'total_inactive_file 1000\n');
  await put(`groups/memory${path}/memory.oom_control`, 'under_oom 0\n');
  await put(`groups/memory${path}/memory.limit_in_bytes`, '9223372036854771712\n');
  assert.deepEqual(await readUsage({ id, pid: 11 }, roots), {
    ...{ cpuNanoseconds: 77, memoryBytes: 0, outOfMemory: 0 },
    memoryLimitBytes: null,
  });
  assert.equal(await readUsage({ id: 'b'.repeat(64), pid: 11 }, roots), null);
  assert.equal(await readUsage({ id, pid: 99 }, roots), null);
});

test('without groups, what a container uses is counted from its processes and from no other', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'usage-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const put = async (pid: number, parent: number, ticks: string, kibibytes: number): Promise<void> => {
    await mkdir(join(root, String(pid), 'net'), { recursive: true });
    const stat = `${pid} (sh) S 1) (x) S ${parent} 1 1 0 -1 4194560 0 0 0 0 ${ticks} 20 0 1 0 5 0 0\n`;
    await writeFile(join(root, String(pid), 'stat'), stat);
    await writeFile(join(root, String(pid), 'status'), `Name:\tsh\nVmRSS:\t    ${kibibytes} kB\n`);
  };
  await put(10, 1, '1 2 3 4', 100);
  await put(11, 10, '5 0 0 0', 20);
  await put(12, 11, '0 7 0 0', 3);
  await put(20, 1, '100 100 100 100', 5000);
  const links =
    ' Inter-|   Receive\n face |bytes\n    lo: 999 1 0 0 0 0 0 0 999 1\n  eth0: 40 1 0 0 0 0 0 0 50 1\n  eth1:1 1 0 0 0 0 0 0 2 1\n';
  await writeFile(join(root, '10', 'net', 'dev'), links);
  await writeFile(join(root, 'loadavg'), '');
  const [used, ...others] = await readUseOfProcesses(
    [
      { id: 'a', pid: 10 },
      { id: 'ended', pid: 99 },
    ],
    root,
  );
  assert.deepEqual(others, []);
  assert.deepEqual(used, {
    ...{ id: 'a', cpuNanos: 22 * 10_000_000, memoryBytes: 123 * 1024, memoryLimitBytes: null },
    ...{ receivedBytes: 41, sentBytes: 52, readBytes: 0, writtenBytes: 0, processes: 3 },
  });
});

test('numbers of processes that were given anew while they were read count none twice', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'usage-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const [pid, parent] of [
    [10, 9],
    [9, 10],
  ]) {
    await mkdir(join(root, String(pid)), { recursive: true });
    await writeFile(
      join(root, String(pid), 'stat'),
      `${pid} (sh) S ${parent} 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 1 0 5 0 0\n`,
    );
  }
  const [used] = await readUseOfProcesses([{ id: 'a', pid: 10 }], root);
  assert.deepEqual([used?.processes, used?.cpuNanos], [2, 20_000_000]);
});

/** A host whose pods use what the test says. */
class ScaledHost {
  readonly clock = new SimulatedClock();
  readonly engine: MemoryEngine;
  readonly statuses = new Map<string, WorkloadStatus>();
  memory: PlanMemory = EMPTY_MEMORY;
  /** Thousandths of a core that all pods of a workload use together. */
  load = 0;
  bytes = 1e8;
  /** Processes that the kernel ended for want of memory. */
  kills = 0;
  readonly #used = new Map<string, { nanoseconds: number; atMs: number }>();
  reconciler: Reconciler;

  constructor(seed: number, faults = 0) {
    const random = randomFrom(seed);
    this.engine = new MemoryEngine({
      clock: this.clock,
      latencyMs: () => Math.floor(random() * 40),
      fate: () => (random() < faults ? 'fail' : 'work'),
    });
    this.reconciler = this.start();
  }

  start(): Reconciler {
    const reconciler = new Reconciler({
      instance: 'sim',
      engine: this.engine,
      clock: this.clock,
      log: silentLog,
      gate: { check: async () => ({ allow: true }) },
      askProbe: async () => ({ kind: 'success' }),
      contents: NO_FILES,
      onStatus: (status) => this.statuses.set(status.key.name, status),
      readUsage: async (container) => this.#use(container),
      memory: {
        load: async () => this.memory,
        save: async (memory) => {
          this.memory = structuredClone(memory);
        },
      },
    });
    reconciler.start();
    return reconciler;
  }

  want(state: WantedState): void {
    this.reconciler.setWanted(state);
  }

  running(): number {
    return this.engine.snapshot().filter(({ containers }) => containers.some(({ state }) => state === 'running'))
      .length;
  }

  #use({ id }: ObservedContainer): UsageReading {
    const nowMs = this.clock.now().getTime();
    const before = this.#used.get(id) ?? { nanoseconds: 0, atMs: nowMs };
    const nanoseconds = before.nanoseconds + (this.load / Math.max(1, this.running())) * (nowMs - before.atMs) * 1000;
    this.#used.set(id, { nanoseconds, atMs: nowMs });
    return { cpuNanoseconds: nanoseconds, memoryBytes: this.bytes, outOfMemory: this.kills, memoryLimitBytes: null };
  }
}

const requests = { cpuLimitMillis: null, cpuRequestMillis: 100, memoryLimitBytes: null, memoryRequestBytes: 1e8 };

test('from any seed a workload grows with its load and shrinks after it, through faults and a new agent', async () => {
  for (let seed = 1; seed <= 2; seed++) {
    const host = new ScaledHost(seed, seed % 2 === 0 ? 0.05 : 0);
    const workload = sampleWorkload(
      'web',
      'v1',
      { replicas: 2, horizontal: horizontal({ minReplicas: 2, maxReplicas: 6 }) },
      { containers: [sampleContainer({ resources: requests })] },
    );
    const state = sampleState([workload]);
    host.want(state);
    await host.clock.advance(8 * MINUTE_MS);
    assert.equal(host.statuses.get('web')?.wanted, 2, `seed ${seed}`);
    host.load = 240;
    await host.clock.advance(8 * MINUTE_MS);
    const grown = host.statuses.get('web');
    assert.equal(grown?.wanted, 5, `seed ${seed}: 240 of 50 a pod`);
    assert.equal(host.running(), 5, `seed ${seed}`);
    assert.equal(grown?.horizontal?.replicas, 5);
    assert.ok(grown.horizontal.conditions.every(({ type, status }) => status === (type !== 'ScalingLimited')));
    void host.reconciler.stop();
    host.reconciler = host.start();
    host.want(state);
    await host.clock.advance(MINUTE_MS);
    assert.equal(host.running(), 5, `seed ${seed}: the new agent goes on`);
    host.load = 20;
    await host.clock.advance(4 * MINUTE_MS);
    assert.equal(host.running(), 5, `seed ${seed}: steady for five minutes`);
    await host.clock.advance(4 * MINUTE_MS);
    assert.equal(host.running(), 2, `seed ${seed}`);
    void host.reconciler.stop();
  }
});

test('a container is resized while it runs; where that fails pods are made anew, one after the other and never below the budget', async () => {
  const spec: VerticalSpec = {
    name: 'web',
    mode: 'in-place-or-recreate',
    minReplicas: 2,
    policies: [{ ...ANY_CONTAINER, memory: null, cpu: { least: 50, most: 800 } }],
    requirements: [],
  };
  const workload = sampleWorkload(
    'web',
    'v1',
    { replicas: 2, vertical: spec },
    { containers: [sampleContainer({ resources: requests })] },
  );
  const host = new ScaledHost(3);
  host.load = 1000;
  host.want(sampleState([workload]));
  await host.clock.advance(5 * MINUTE_MS);
  const ids = host.engine.snapshot().flatMap(({ containers }) => containers.map(({ id }) => id));
  const given = (): number[] => ids.map((id) => host.engine.resourcesOf(id)?.cpuRequestMillis ?? 0);
  assert.ok(
    given().every((cpu) => cpu > 550 && cpu < 700),
    `${given()}`,
  );
  const status = host.statuses.get('web');
  assert.equal(status?.vertical?.containers[0]?.given.cpuMillis, given()[0]);
  assert.equal(status?.vertical?.waits, null);
  assert.ok(status?.replicas.every(({ restarts }) => restarts === 0));
  void host.reconciler.stop();

  const budget = {
    project: 'shop',
    environment: 'dev',
    name: 'web',
    selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
    keeps: { kind: 'available', amount: 1 },
    unhealthyAlways: false,
  } as const;
  for (const budgets of [[budget], []]) {
    const stubborn = new ScaledHost(4);
    stubborn.engine.resizeContainer = async () => {
      throw new Error('this engine cannot');
    };
    stubborn.load = 1000;
    stubborn.want(sampleState([workload], { budgets }));
    await stubborn.clock.advance(MINUTE_MS);
    const before = new Set(stubborn.engine.snapshot().map(({ id }) => id));
    let least = 2;
    await stubborn.clock.advance(6 * MINUTE_MS, () => {
      least = Math.min(least, stubborn.running());
    });
    assert.equal(least, 1);
    const after = stubborn.engine.snapshot();
    assert.equal(after.length, 2);
    assert.ok(after.every(({ id }) => !before.has(id)));
    for (const { containers } of after) {
      assert.ok((stubborn.engine.resourcesOf(containers[0]?.id ?? '')?.cpuRequestMillis ?? 0) > 550);
    }
    void stubborn.reconciler.stop();
  }
});

test('a process that the kernel ended for want of memory raises what its container gets, and a new agent knows it', async () => {
  const spec: VerticalSpec = {
    ...{ name: 'web', mode: 'in-place-or-recreate', minReplicas: 1, requirements: [] },
    policies: [{ ...ANY_CONTAINER, cpu: null }],
  };
  const resources = { ...requests, memoryRequestBytes: 4e8, memoryLimitBytes: 4e8 };
  const containers = [sampleContainer({ resources })];
  const workload = sampleWorkload('web', 'v1', { replicas: 1, vertical: spec }, { containers });
  const host = new ScaledHost(7);
  host.bytes = 3e8;
  const given = (): number => {
    const id = host.engine.snapshot()[0]?.containers[0]?.id ?? '';
    return host.engine.resourcesOf(id)?.memoryRequestBytes ?? 0;
  };
  const target = (): number => host.statuses.get('web')?.vertical?.containers[0]?.target.memoryBytes ?? 0;
  host.want(sampleState([workload]));
  await host.clock.advance(3 * MINUTE_MS);
  assert.ok(target() < 4e8, `${target()}`);
  host.kills = 1;
  await host.clock.advance(3 * MINUTE_MS);
  // Upstream: a fifth more than the limit at which it was ended, and fifteen in a hundred to spare.
  assert.ok(target() >= 4e8 * 1.2, `${target()}`);
  assert.equal(given(), target());
  void host.reconciler.stop();
  const next = new Autoscaler({
    clock: host.clock,
    log: silentLog,
    readUsage: async () => null,
    resize: async () => undefined,
    wasOutOfMemory: async () => false,
  });
  next.restore(host.memory.scaling ?? NO_SCALING);
  const [container] = workload.pod.containers;
  assert.ok(container);
  const first = next.resourcesFor(workload, container);
  assert.equal(first.memoryRequestBytes, target(), 'the first pod of a new agent has it from its beginning');
});

test('a drained host empties in order within the budgets, makes nothing, and is filled again when it is over', async () => {
  for (let seed = 11; seed <= 12; seed++) {
    const host = new ScaledHost(seed, seed % 2 === 0 ? 0.05 : 0);
    const ordered = { kind: 'ordered', start: 0, parallel: false, partition: 0 } as const;
    const workloads = [
      sampleWorkload('web', 'v1', { replicas: 3 }),
      sampleWorkload('db', 'v1', { replicas: 2, controller: ordered }),
      sampleWorkload('node', 'v1', { controller: { kind: 'daemon' } }),
    ];
    const budget = {
      project: 'shop',
      environment: 'dev',
      name: 'web',
      selector: { matchLabels: { app: 'web' }, matchExpressions: [] },
      keeps: { kind: 'available', amount: 1 },
      unhealthyAlways: false,
    } as const;
    const state = (more: Partial<WantedState> = {}) => sampleState(workloads, { budgets: [budget], ...more });
    const counts = (): Record<string, number> => {
      const found: Record<string, number> = {};
      for (const one of host.engine.snapshot()) {
        const name = readPodIdentity(one.labels)?.key.name ?? '';
        found[name] = (found[name] ?? 0) + 1;
      }
      return found;
    };
    host.want(state());
    await host.clock.advance(15 * MINUTE_MS);
    assert.deepEqual(counts(), { web: 3, db: 2, node: 1 }, `seed ${seed}`);

    host.want(state({ maintenance: { draining: false, disregardBudgets: false } }));
    const [first] = host.engine.snapshot();
    void host.engine.removePod(first?.id ?? '').catch(() => undefined);
    await host.clock.advance(3 * MINUTE_MS);
    const missing = Object.values(counts()).reduce((sum, count) => sum + count, 0);
    assert.ok(missing === 5 || seed % 2 === 0, `seed ${seed}: nothing is made`);
    const held = [...host.statuses.values()].filter(({ conditions }) =>
      conditions.some(({ type }) => type === 'cordoned'),
    );
    assert.equal(held.length, missing === 5 ? 1 : 0, `seed ${seed}`);
    assert.ok([...host.statuses.values()].every(({ phase }) => phase !== 'rolled-back'));

    let webLeast = 3;
    host.want(state({ maintenance: { draining: true, disregardBudgets: false } }));
    await host.clock.advance(6 * MINUTE_MS, () => {
      webLeast = Math.min(webLeast, counts()['web'] ?? 0);
    });
    assert.equal(webLeast, 1, `seed ${seed}`);
    assert.deepEqual(counts()['web'], 1, `seed ${seed}: its budget holds it, and what comes after waits`);
    assert.ok(host.statuses.get('web')?.conditions.some(({ type }) => type === 'eviction-waits'));
    // A new agent knows of it, as it is in what is wanted.
    void host.reconciler.stop();
    host.reconciler = host.start();

    const order: string[] = [];
    host.want(state({ maintenance: { draining: true, disregardBudgets: true } }));
    await host.clock.advance(6 * MINUTE_MS, () => {
      const names = Object.keys(counts()).sort().join(' ');
      if (order.at(-1) !== names) order.push(names);
    });
    assert.deepEqual(counts(), {}, `seed ${seed}`);
    assert.deepEqual(order.slice(-3), ['db node', 'node', ''], `seed ${seed}: ${order.join(' | ')}`);

    host.want(state());
    await host.clock.advance(15 * MINUTE_MS);
    assert.deepEqual(counts(), { web: 3, db: 2, node: 1 }, `seed ${seed}`);
    void host.reconciler.stop();
  }
});

test('a trial keeps the previous version whole, ends by itself when it is not well, and goes on when it is promoted', async () => {
  const old = sampleWorkload('web', 'v1', { replicas: 3 });
  const fresh = (more = {}) =>
    sampleWorkload('web', 'v2', {
      replicas: 3,
      generation: 2,
      previous: { specHash: old.specHash, pod: old.pod },
      canary: { percent: 10 },
      ...more,
    });
  const versions = (host: ScaledHost): string =>
    host.engine
      .snapshot()
      .map(({ labels }) => (readPodIdentity(labels)?.specHash === old.specHash ? 'v1' : 'v2'))
      .sort()
      .join(' ');
  for (let seed = 21; seed <= 22; seed++) {
    const host = new ScaledHost(seed, seed % 2 === 0 ? 0.05 : 0);
    host.want(sampleState([old]));
    await host.clock.advance(2 * MINUTE_MS);
    host.want(sampleState([fresh({ progressDeadlineSeconds: 600 })]));
    await host.clock.advance(10 * MINUTE_MS);
    assert.equal(versions(host), 'v1 v1 v1 v2', `seed ${seed}`);
    assert.equal(host.statuses.get('web')?.phase, 'canary');
    const { canary: _canary, ...promoted } = fresh({ progressDeadlineSeconds: 600 });
    host.want(sampleState([promoted]));
    await host.clock.advance(4 * MINUTE_MS);
    assert.equal(versions(host), 'v2 v2 v2', `seed ${seed}`);
    assert.equal(host.statuses.get('web')?.phase, 'available');
    void host.reconciler.stop();
  }
  const host = new ScaledHost(31);
  host.want(sampleState([old]));
  await host.clock.advance(2 * MINUTE_MS);
  host.want(sampleState([fresh()]));
  await host.clock.advance(2 * MINUTE_MS);
  const sick = host.engine.snapshot().find(({ labels }) => readPodIdentity(labels)?.specHash !== old.specHash);
  for (let minute = 0; minute < 12; minute++) {
    const now = host.engine.snapshot().find(({ name }) => name === sick?.name);
    for (const { id, state } of now?.containers ?? []) if (state === 'running') host.engine.crash(id, 1);
    await host.clock.advance(15_000);
  }
  assert.equal(versions(host), 'v1 v1 v1');
  assert.equal(host.statuses.get('web')?.phase, 'rolled-back');
  void host.reconciler.stop();
});
