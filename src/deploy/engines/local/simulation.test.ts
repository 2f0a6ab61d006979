import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../../system/index.ts';
import { volumeFault } from '../../../volumes/index.ts';
import type { WantedState, WantedWorkload } from '../../model.ts';
import type { ContainerEngine } from './engine.ts';
import { LABEL, readPodIdentity } from './labels.ts';
import { MemoryEngine, type MemoryFate } from './memory.ts';
import { EMPTY_MEMORY, type PlanMemory, withClockSet, withMoreTime } from './plan.ts';
import type { AskProbe } from './probes.ts';
import { type ClaimStorage, Reconciler, type StartGate } from './reconcile.ts';
import { NO_FILES, randomFrom, SimulatedClock, sampleContainer, sampleState, sampleWorkload } from './simulation.ts';
import type { ServiceEndpoints, WorkloadStatus } from './status.ts';

/** In full with DARSENA_SOAK=1; DARSENA_SIMULATION_ROUNDS says another number. */
const ROUNDS = Number(process.env['DARSENA_SIMULATION_ROUNDS'] ?? (process.env['DARSENA_SOAK'] === '1' ? 500 : 100));

const MINUTE_MS = 60_000;
const allowAll: StartGate = { check: async () => ({ allow: true }) };
const allWell: AskProbe = async () => ({ kind: 'success' });

/** The engine as one agent sees it: when the agent is killed, no call of it comes back or begins any more. */
function mortal(engine: MemoryEngine): { engine: ContainerEngine; kill: () => void } {
  let alive = true;
  const never = new Promise<never>(() => undefined);
  const proxy = new Proxy(engine, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      if (name === 'watch') {
        return (signal: AbortSignal) => (alive ? Reflect.apply(member, target, [signal]) : never);
      }
      return async (...args: unknown[]) => {
        if (!alive) return never;
        const result: unknown = await Reflect.apply(member, target, args);
        return alive ? result : never;
      };
    },
  });
  return { engine: proxy, kill: () => (alive = false) };
}

class World {
  readonly clock = new SimulatedClock();
  readonly random: () => number;
  readonly engine: MemoryEngine;
  readonly status = new Map<string, WorkloadStatus>();
  memory: PlanMemory = EMPTY_MEMORY;
  faults = 0;
  reconciler: Reconciler;
  #kill: () => void = () => undefined;
  wanted: WantedState = sampleState([]);
  readonly askProbe: AskProbe;
  onEndpoints: (services: readonly ServiceEndpoints[]) => Promise<void> = async () => undefined;
  readonly #storage: ClaimStorage | undefined;

  constructor(
    seed: number,
    askProbe: AskProbe = allWell,
    onStart?: (version: string) => number | null,
    storage?: ClaimStorage,
  ) {
    this.#storage = storage;
    this.random = randomFrom(seed);
    this.askProbe = askProbe;
    this.engine = new MemoryEngine({
      clock: this.clock,
      latencyMs: () => Math.floor(this.random() * 40),
      fate: (): MemoryFate => {
        if (this.random() >= this.faults) return 'work';
        const kind = this.random();
        return kind < 0.45 ? 'fail' : kind < 0.9 ? 'fail-after' : 'stall';
      },
      onStart: (order) => {
        const code = onStart?.(order.args?.[0] ?? '') ?? null;
        return code === null ? 'run' : { exitCode: code };
      },
    });
    this.reconciler = this.#start();
  }

  /** SIGKILL and a new agent: all that was in flight is cut off wherever it was. */
  restart(): void {
    this.#kill();
    void this.reconciler.stop();
    this.status.clear();
    this.reconciler = this.#start();
    this.reconciler.setWanted(this.wanted);
  }

  want(workloads: readonly WantedWorkload[], more: Partial<WantedState> = {}): void {
    this.wanted = sampleState(workloads, more);
    this.reconciler.setWanted(this.wanted);
  }

  async close(): Promise<void> {
    this.#kill();
    void this.reconciler.stop();
  }

  #start(): Reconciler {
    const { engine, kill } = mortal(this.engine);
    this.#kill = kill;
    const reconciler = new Reconciler({
      instance: 'sim',
      engine,
      clock: this.clock,
      log: silentLog,
      gate: allowAll,
      askProbe: this.askProbe,
      contents: NO_FILES,
      ...(this.#storage === undefined ? {} : { storage: this.#storage }),
      onStatus: (status) => this.status.set(status.key.name, status),
      onGone: (key) => this.status.delete(key.name),
      onEndpoints: (services) => this.onEndpoints(services),
      memory: {
        load: async () => this.memory,
        save: async (memory) => {
          this.memory = memory;
        },
      },
    });
    reconciler.start();
    return reconciler;
  }
}

function versionsRunning(world: World, name: string): Set<string> {
  const versions = new Set<string>();
  for (const pod of world.engine.snapshot()) {
    const identity = readPodIdentity(pod.labels);
    if (identity?.key.name === name && pod.containers.some(({ state }) => state === 'running')) {
      versions.add(identity.specHash);
    }
  }
  return versions;
}

function randomWorkload(
  world: World,
  index: number,
  generation: number,
  before: WantedWorkload | null,
): WantedWorkload {
  const { random } = world;
  const name = `w${index}`;
  const version = `v${Math.floor(random() * 3)}`;
  const recreate = index % 2 === 1;
  const container = sampleContainer({
    args: [version],
    mounts: [
      { volume: 'data', path: '/data', readOnly: false },
      { volume: 'tmp', path: '/tmp', readOnly: false },
    ],
  });
  const workload = sampleWorkload(
    name,
    version,
    {
      generation,
      replicas: Math.floor(random() * 4),
      strategy: recreate ? { kind: 'recreate' } : { kind: 'rolling', maxSurge: 1, maxUnavailable: '25%' },
    },
    {
      containers: [container],
      initContainers: random() < 0.3 ? [sampleContainer({ name: 'init', args: ['init'] })] : [],
      volumes: [
        { kind: 'claim', name: 'data', claim: `${name}-data`, readOnly: false },
        { kind: 'scratch', name: 'tmp' },
      ],
    },
  );
  const previous =
    before === null || before.specHash === workload.specHash ? null : { specHash: before.specHash, pod: before.pod };
  return { ...workload, previous };
}

test('a volume for one pod at a time is free again when a job that had it has ended, though its pod stays for its logs', async () => {
  const world = new World(5, allWell, (version) => (version === 'load' ? 0 : null));
  const data = { kind: 'claim', name: 'data', claim: 'data', readOnly: false } as const;
  const once = {
    kind: 'job',
    ...{ completions: 1, parallelism: 1, backoffLimit: 0, activeDeadlineSeconds: null },
    ...{ ttlSeconds: null, indexed: false, suspend: false, failureRules: [], backoffLimitPerIndex: null },
    ...{ maxFailedIndexes: null, successRules: [] },
  } as const;
  const load = sampleWorkload('load', 'load', { controller: once }, { volumes: [data], restartPolicy: 'Never' });
  const claim = { project: 'shop', environment: 'dev', claim: 'data' };
  const volumes = [{ ...claim, accessModes: ['ReadWriteOncePod'], requestedBytes: 0 }];
  world.want([load], { volumes });
  await world.clock.advance(MINUTE_MS);
  assert.equal(world.status.get('load')?.phase, 'completed');
  const web = sampleWorkload('web', 'web', {}, { volumes: [data] });
  world.want([load, web], { volumes });
  await world.clock.advance(MINUTE_MS);
  assert.equal(world.status.get('web')?.ready, 1);
  const other = sampleWorkload('other', 'other', {}, { volumes: [data] });
  world.want([load, web, other], { volumes });
  await world.clock.advance(MINUTE_MS);
  assert.equal(world.status.get('other')?.ready, 0, 'who runs keeps it');
  await world.close();
});

test(`the reconciler converges from ${ROUNDS} random stories of kills, faults, crashes and reboots`, async () => {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const world = new World(seed, allWell, (version) => (version === 'init' ? 0 : null));
    const claims = new Set<string>();
    const overlaps: string[] = [];
    const watch = (): void => {
      for (const name of ['w1', 'w3']) if (versionsRunning(world, name).size > 1) overlaps.push(name);
    };
    let workloads: WantedWorkload[] = [];
    world.faults = 0.08;
    for (let step = 0; step < 8; step++) {
      const fate = world.random();
      if (fate < 0.45) {
        workloads = [0, 1, 2, 3]
          .filter(() => world.random() < 0.8)
          .map((index) =>
            randomWorkload(world, index, step + 1, workloads.find(({ key }) => key.name === `w${index}`) ?? null),
          );
        world.want(workloads);
      } else if (fate < 0.7) {
        world.restart();
      } else if (fate < 0.85) {
        const running = world.engine
          .snapshot()
          .flatMap((pod) => pod.containers.filter(({ state }) => state === 'running'));
        const victim = running[Math.floor(world.random() * running.length)];
        if (victim !== undefined) world.engine.crash(victim.id, 1);
      } else if (fate < 0.92) {
        world.engine.reboot();
      } else {
        world.faults = world.faults === 1 ? 0.08 : 1;
      }
      await world.clock.advance(Math.floor(world.random() * 5_000), watch);
      for (const { name, labels } of await volumes(world)) if (labels[LABEL.claim]) claims.add(name);
    }
    world.faults = 0;
    workloads = workloads.map((workload) => ({ ...workload, generation: 99 }));
    world.want(workloads);
    await world.clock.advance(MINUTE_MS, watch);
    await world.clock.advance(6 * MINUTE_MS);

    const story = `seed ${seed}`;
    assert.deepEqual(overlaps, [], `${story}: versions of a Recreate workload ran together`);
    const pods = world.engine.snapshot();
    const expected = workloads.flatMap(({ key, replicas, specHash }) =>
      Array(replicas).fill(`${key.name} ${specHash}`),
    );
    const actual = pods.map(({ labels }) => `${labels[LABEL.workload]} ${labels[LABEL.specHash]}`);
    assert.deepEqual(actual.sort(), expected.sort(), `${story}: pods`);
    for (const pod of pods) {
      const main = pod.containers.filter(({ labels, state }) => labels[LABEL.role] === 'main' && state === 'running');
      assert.equal(main.length, 1, `${story}: ${pod.name} runs its container once`);
    }
    const left = await volumes(world);
    for (const claim of claims)
      assert.ok(
        left.some(({ name }) => name === claim),
        `${story}: the volume ${claim} is there`,
      );
    const names = new Set(pods.map(({ name }) => name));
    for (const { name, labels } of left) {
      const owner = labels[LABEL.scratchOf];
      assert.ok(owner === undefined || names.has(owner), `${story}: ${name} belongs to no pod`);
    }
    const networks = (await asked(world, () => world.engine.listNetworks())).length;
    assert.ok(networks <= (workloads.length > 0 ? 1 : 0), `${story}: a network is left`);
    assert.ok(networks === 1 || pods.length === 0, `${story}: the network is gone`);
    for (const { key, replicas } of workloads) {
      const phase = world.status.get(key.name)?.phase;
      assert.equal(phase, replicas === 0 ? 'stopped' : 'available', `${story}: ${key.name}`);
    }
    await world.close();
  }
});

/** Asks the engine without faults; time must pass for its answer. */
async function asked<T>(world: World, ask: () => Promise<T>): Promise<T> {
  const { faults } = world;
  world.faults = 0;
  const pending = ask();
  await world.clock.advance(50);
  world.faults = faults;
  return pending;
}

function volumes(world: World): Promise<{ name: string; labels: Readonly<Record<string, string>> }[]> {
  return asked(world, () => world.engine.listVolumes());
}

test('an engine that fails, stalls or talks nonsense causes no restart, and is told after 30 s', async () => {
  const world = new World(7);
  world.want([sampleWorkload('web', 'v1', { replicas: 3 })]);
  await world.clock.advance(10_000);
  assert.equal(world.status.get('web')?.phase, 'available');
  const before = JSON.stringify(world.engine.snapshot());
  world.faults = 1;
  await world.clock.advance(20_000);
  const listed = world.engine.calls.get('list') ?? 0;
  await world.clock.advance(5 * MINUTE_MS);
  assert.ok((world.engine.calls.get('list') ?? 0) - listed < 80, 'asked with growing pauses');
  assert.ok(world.status.get('web')?.conditions.some(({ type }) => type === 'engine-away'));
  assert.equal(world.status.get('web')?.ready, 3);
  world.faults = 0;
  await world.clock.advance(MINUTE_MS);
  assert.equal(JSON.stringify(world.engine.snapshot()), before);
  assert.deepEqual(world.status.get('web')?.conditions, []);
  await world.close();
});

test('a release whose image is gone says so and leaves the former one serving; after a reboot it is tried until it is back', async () => {
  const world = new World(11);
  const image = `registry.darsena.internal/shop/web@sha256:${'b'.repeat(64)}`;
  const first = sampleWorkload('web', 'v1', { replicas: 2 });
  world.want([first]);
  await world.clock.advance(10_000);
  world.engine.goneImages.add(image);
  world.want([
    sampleWorkload('web', 'v2', { replicas: 2, previous: first }, { containers: [sampleContainer({ image })] }),
  ]);
  await world.clock.advance(30_000);
  const told = (): string =>
    world.status
      .get('web')
      ?.conditions.map(({ text }) => `${text.en} | ${text.es}`)
      .join('; ') ?? '';
  assert.match(told(), /manifest unknown/);
  assert.match(told(), /sha256:b{64}/);
  assert.equal(
    world.engine.snapshot().filter(({ infra }) => infra?.state === 'running').length,
    2,
    'the former one serves',
  );

  world.engine.goneImages.delete(image);
  await world.clock.advance(5 * MINUTE_MS);
  world.engine.goneImages.add(image);
  world.engine.reboot();
  await world.clock.advance(MINUTE_MS);
  assert.match(told(), /manifest unknown/);
  world.engine.goneImages.delete(image);
  await world.clock.advance(6 * MINUTE_MS);
  assert.equal(world.status.get('web')?.ready, 2);
  assert.deepEqual(world.status.get('web')?.conditions, []);
  await world.close();
});

test('a replica that came up and is not ready any more is told from one that is starting', async () => {
  let isWell = false;
  const ask: AskProbe = async () => (isWell ? { kind: 'success' } : { kind: 'failure', text: '503' });
  const world = new World(19, ask);
  const readinessProbe = {
    action: { kind: 'tcp', port: 80 } as const,
    ...{ initialDelaySeconds: 0, periodSeconds: 2, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 },
  };
  const containers = [sampleContainer({ readinessProbe })];
  world.want([sampleWorkload('web', 'v1', {}, { containers })]);
  const replica = () => world.status.get('web')?.replicas[0];
  await world.clock.advance(3_000);
  assert.deepEqual([replica()?.phase, replica()?.ready], ['starting', false]);
  await world.clock.advance(10_000);
  assert.deepEqual([replica()?.phase, replica()?.ready], ['running', false], 'its probe failed as often as it may');
  isWell = true;
  await world.clock.advance(5_000);
  assert.deepEqual([replica()?.phase, replica()?.ready], ['running', true]);
  isWell = false;
  await world.clock.advance(10_000);
  assert.deepEqual([replica()?.phase, replica()?.ready], ['running', false]);
  await world.close();
});

test('while a NAS is away the pods that need it wait and say why, all others go on, and they start when it is back', async () => {
  let isAway = true;
  let isSilent = true;
  const storage: ClaimStorage = {
    prepare: async () => {
      if (!isAway) return '/mnt/nas/claim';
      // First the attempt of the host lasts, as long as it lets one last; then what came of it is told.
      if (isSilent) await world.clock.sleep(30_000);
      isSilent = false;
      throw volumeFault('volume.mount-failed', {
        name: 'nas',
        why: { en: 'the server 192.0.2.1 does not answer', es: 'el servidor 192.0.2.1 no responde' },
      });
    },
    limit: async () => undefined,
    follow: async () => undefined,
  };
  const world = new World(17, allWell, undefined, storage);
  const needs = sampleWorkload(
    'store',
    'v1',
    {},
    {
      containers: [sampleContainer({ mounts: [{ volume: 'd', path: '/data', readOnly: false }] })],
      volumes: [{ kind: 'claim', name: 'd', claim: 'data', readOnly: false }],
    },
  );
  const volumes = [
    { project: 'shop', environment: 'dev', claim: 'data', accessModes: ['ReadWriteOnce'], requestedBytes: 1_000_000 },
  ] as const;
  world.want([needs, sampleWorkload('web', 'v1')], { volumes });
  await world.clock.advance(10_000);
  assert.equal(world.status.get('web')?.phase, 'available', 'who does not need it is not held up');
  world.want([needs, sampleWorkload('web', 'v2')], { volumes });
  await world.clock.advance(15_000);
  assert.equal(versionsRunning(world, 'web').size, 1, 'nor is what comes later');
  assert.ok(versionsRunning(world, 'web').has(sampleWorkload('web', 'v2').specHash));
  await world.clock.advance(MINUTE_MS);
  const told = world.status.get('store')?.conditions.map(({ text }) => `${text.en} | ${text.es}`) ?? [];
  assert.match(told.join(), /nas cannot be mounted.*192\.0\.2\.1 does not answer \|.*192\.0\.2\.1 no responde/);
  assert.equal(versionsRunning(world, 'store').size, 0);
  isAway = false;
  await world.clock.advance(6 * MINUTE_MS);
  assert.equal(world.status.get('store')?.phase, 'available');
  assert.deepEqual(world.status.get('store')?.conditions, []);
  await world.close();
});

test('a crashing container is restarted at once, then after 10, 20, 40 … 300 s, and a long run forgets', async () => {
  let crashes = true;
  const starts: number[] = [];
  const world = new World(3, allWell, () => {
    starts.push(world.clock.now().getTime());
    return crashes ? 1 : null;
  });
  world.want([sampleWorkload('web', 'v1')]);
  await world.clock.advance(30 * MINUTE_MS);
  const pauses = starts.slice(1).map((at, index) => Math.round((at - (starts[index] ?? 0)) / 1000));
  assert.deepEqual(pauses.slice(0, 8), [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.ok(world.status.get('web')?.conditions.some(({ type }) => type === 'crash-loop'));
  assert.ok(world.engine.snapshot()[0]?.containers.length === 2, 'the last ended attempt is kept for its log');
  crashes = false;
  await world.clock.advance(16 * MINUTE_MS);
  assert.equal(world.status.get('web')?.phase, 'available');
  const [running] = world.engine.snapshot()[0]?.containers.filter(({ state }) => state === 'running') ?? [];
  const before = starts.length;
  world.engine.crash(running?.id ?? '', 1);
  await world.clock.advance(1_000);
  assert.equal(starts.length, before + 1);
  await world.close();
});

test('a version that crashes does not take the place of the old one, and is rolled back when its time is over', async () => {
  const world = new World(5, allWell, (version) => (version === 'bad' ? 1 : null));
  const good = sampleWorkload('web', 'good', { replicas: 3 });
  world.want([good]);
  await world.clock.advance(10_000);
  const bad = sampleWorkload('web', 'bad', { replicas: 3, generation: 2, previous: good });
  world.want([bad]);
  let least = 3;
  const watch = (): void => {
    const pods = world.engine.snapshot().filter(({ labels }) => labels[LABEL.specHash] === good.specHash);
    least = Math.min(
      least,
      pods.filter(({ containers }) => containers.some(({ state }) => state === 'running')).length,
    );
  };
  await world.clock.advance(2 * MINUTE_MS, watch);
  assert.equal(least, 3);
  assert.equal(world.status.get('web')?.phase, 'rolled-back');
  assert.equal(world.status.get('web')?.updated, 0);
  world.restart();
  await world.clock.advance(5 * MINUTE_MS, watch);
  assert.equal(world.status.get('web')?.phase, 'rolled-back', 'a restart of the agent does not try it again');
  assert.equal(least, 3);
  world.want([{ ...bad, generation: 3 }]);
  await world.clock.advance(5_000);
  assert.equal(world.status.get('web')?.phase, 'progressing', 'a new deploy of the same version does');
  await world.close();
});

test('a liveness failure restarts the container; a startup probe holds readiness and liveness back', async () => {
  let alive = true;
  let startedAtMs = 0;
  const asked: string[] = [];
  const ask: AskProbe = async (target, probe) => {
    const now = world.clock.now().getTime();
    startedAtMs = target.startedAtMs;
    const kind =
      probe === target.container.startupProbe
        ? 'startup'
        : probe === target.container.livenessProbe
          ? 'liveness'
          : 'readiness';
    asked.push(kind);
    if (kind === 'startup')
      return now - startedAtMs > 7_000 ? { kind: 'success' } : { kind: 'failure', text: 'not yet' };
    if (kind === 'liveness' && !alive) return { kind: 'failure', text: 'stuck' };
    return { kind: 'success' };
  };
  const world = new World(9, ask);
  const probe = {
    action: { kind: 'tcp', port: 80 },
    initialDelaySeconds: 0,
    periodSeconds: 5,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  } as const;
  const container = sampleContainer({
    startupProbe: { ...probe },
    livenessProbe: { ...probe },
    readinessProbe: { ...probe },
  });
  world.want([sampleWorkload('web', 'v1', {}, { containers: [container] })]);
  await world.clock.advance(6_000);
  assert.equal(world.status.get('web')?.ready, 0);
  assert.deepEqual([...new Set(asked)], ['startup']);
  await world.clock.advance(6_000);
  assert.equal(world.status.get('web')?.phase, 'available');
  alive = false;
  await world.clock.advance(16_000);
  alive = true;
  assert.equal(world.status.get('web')?.replicas[0]?.restarts, 1);
  await world.clock.advance(20_000);
  assert.equal(world.status.get('web')?.phase, 'available');
  assert.equal(world.engine.snapshot().length, 1);
  await world.close();
});

test('a pod adopted while it is ready stays ready: no restart of the agent empties a name', async () => {
  const world = new World(11);
  const probe = {
    action: { kind: 'tcp', port: 80 },
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  } as const;
  const container = sampleContainer({ readinessProbe: probe });
  const service = { project: 'shop', environment: 'dev', name: 'web', selector: { app: 'web' }, ports: [] };
  world.want([sampleWorkload('web', 'v1', { replicas: 2 }, { containers: [container] })], { services: [service] });
  await world.clock.advance(20_000);
  const [first] = world.engine.snapshot();
  assert.equal(world.engine.hostsOf(first?.name ?? '').length, 2);
  world.restart();
  let least = 2;
  await world.clock.advance(20_000, () => {
    least = Math.min(least, world.engine.hostsOf(first?.name ?? '').length);
  });
  assert.equal(least, 2);
  await world.close();
});

test('an agent that comes back leaves in service what was ready until its probe has failed as often as it may', async () => {
  let silent = false;
  const world = new World(13, async () => (silent ? { kind: 'failure', text: 'late' } : { kind: 'success' }));
  const probe = {
    action: { kind: 'tcp', port: 80 },
    ...{ initialDelaySeconds: 0, periodSeconds: 5, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 3 },
  } as const;
  const container = sampleContainer({ startupProbe: probe, readinessProbe: probe });
  const service = { project: 'shop', environment: 'dev', name: 'web', selector: { app: 'web' }, ports: [] };
  world.want([sampleWorkload('web', 'v1', { replicas: 2 }, { containers: [container] })], { services: [service] });
  await world.clock.advance(20_000);
  const [first] = world.engine.snapshot();
  const named = (): number => world.engine.hostsOf(first?.name ?? '').length;
  assert.equal(named(), 2);
  silent = true;
  world.restart();
  let least = 2;
  await world.clock.advance(9_000, () => {
    least = Math.min(least, named());
  });
  assert.equal(least, 2);
  await world.clock.advance(10_000);
  assert.equal(named(), 0);
  await world.close();
});

test('after a reboot nothing is started before the edge sends nobody where pods were, for ten seconds at most', async () => {
  const world = new World(17);
  const service = {
    ...{ project: 'shop', environment: 'dev', name: 'web', selector: { app: 'web' } },
    ports: [{ port: 80, name: null, targetPort: 80, protocol: 'TCP' }] as const,
  };
  world.want([sampleWorkload('web', 'v1')], { services: [service] });
  await world.clock.advance(20_000);
  assert.equal(world.status.get('web')?.phase, 'available');
  const running = (): number => world.engine.snapshot().filter(({ infra }) => infra?.state === 'running').length;
  let sent = Promise.withResolvers<void>();
  const told: string[] = [];
  world.onEndpoints = (services) => {
    told.push(JSON.stringify(services.map(({ endpoints }) => endpoints.length)));
    return sent.promise;
  };
  world.engine.reboot();
  world.restart();
  await world.clock.advance(5_000);
  assert.deepEqual([told, running()], [['[0]'], 0]);
  sent.resolve();
  await world.clock.advance(20_000);
  assert.deepEqual([told.at(-1), running()], ['[1]', 1]);
  // An edge that cannot follow keeps no pod away.
  sent = Promise.withResolvers<void>();
  world.engine.reboot();
  world.restart();
  await world.clock.advance(9_000);
  assert.equal(running(), 0);
  await world.clock.advance(20_000);
  assert.equal(running(), 1);
  await world.close();
});

test('a roll-out that is under way is not late for the time in which nobody looked, nor because the clock was set', async () => {
  const world = new World(19, allWell, (version) => (version === 'v2' ? 1 : null));
  const late = { progressDeadlineSeconds: 600 };
  const v1 = sampleWorkload('web', 'v1', late, { containers: [sampleContainer({ args: ['v1'] })] });
  const v2 = sampleWorkload(
    'web',
    'v2',
    { ...late, generation: 2 },
    { containers: [sampleContainer({ args: ['v2'] })] },
  );
  world.want([v1]);
  await world.clock.advance(MINUTE_MS);
  world.want([{ ...v2, previous: v1 }]);
  await world.clock.advance(2 * MINUTE_MS);
  assert.equal(world.status.get('web')?.phase, 'progressing');
  // The clock is set an hour ahead, and later right again.
  for (const setMs of [60 * MINUTE_MS, 0]) {
    world.clock.setMs = setMs;
    await world.clock.advance(4 * MINUTE_MS);
    assert.equal(world.status.get('web')?.phase, 'progressing', `${setMs}`);
  }
  // The machine is off for an hour.
  world.memory = withMoreTime(world.memory, () => -60 * MINUTE_MS);
  world.engine.reboot();
  world.restart();
  await world.clock.advance(5 * MINUTE_MS);
  assert.equal(world.status.get('web')?.phase, 'progressing');
  await world.clock.advance(10 * MINUTE_MS);
  assert.equal(world.status.get('web')?.phase, 'rolled-back');
  await world.close();
});

test('a clock that is set makes no finished job older', () => {
  const job = { began: '', finishedMs: 1_000 } as unknown as NonNullable<PlanMemory['jobs']>[string];
  const running = { ...job, finishedMs: null };
  const { jobs } = withClockSet({ ...EMPTY_MEMORY, jobs: { done: job, running } }, 60_000);
  assert.deepEqual([jobs?.['done']?.finishedMs, jobs?.['running']?.finishedMs], [61_000, null]);
});

test('an agent that ends again and again keeps no bad version for longer than its deadline', async () => {
  for (const everyMs of [2 * MINUTE_MS, 4_000]) {
    const world = new World(23, allWell, (version) => (version === 'v2' ? 1 : null));
    const late = { progressDeadlineSeconds: 600 };
    const v1 = sampleWorkload('web', 'v1', late, { containers: [sampleContainer({ args: ['v1'] })] });
    const spec = { containers: [sampleContainer({ args: ['v2'] })] };
    const v2 = { ...sampleWorkload('web', 'v2', { ...late, generation: 2 }, spec), previous: v1 };
    world.want([v1]);
    await world.clock.advance(MINUTE_MS);
    world.want([v2]);
    let passedMs = 0;
    for (; passedMs < 9 * MINUTE_MS; passedMs += everyMs) {
      await world.clock.advance(everyMs);
      assert.notEqual(world.status.get('web')?.phase, 'rolled-back', `after ${passedMs} ms, one every ${everyMs} ms`);
      world.restart();
    }
    for (; passedMs < 11 * MINUTE_MS; passedMs += everyMs) {
      world.restart();
      await world.clock.advance(everyMs);
    }
    assert.equal(world.status.get('web')?.phase, 'rolled-back', `one every ${everyMs} ms`);
    // An hour without an agent is no time in which anybody looked.
    const v3 = sampleWorkload(
      'web',
      'v3',
      { ...late, generation: 3 },
      { containers: [sampleContainer({ args: ['v2'] })] },
    );
    world.want([{ ...v3, previous: v1 }]);
    await world.clock.advance(4 * MINUTE_MS);
    world.memory = {
      ...withMoreTime(world.memory, () => -60 * MINUTE_MS),
      seenMs: (world.memory.seenMs ?? 0) - 60 * MINUTE_MS,
    };
    world.restart();
    await world.clock.advance(5 * MINUTE_MS);
    assert.equal(world.status.get('web')?.phase, 'progressing');
    await world.clock.advance(2 * MINUTE_MS);
    assert.equal(world.status.get('web')?.phase, 'rolled-back');
    await world.close();
  }
});

test('a list that comes after the end of an agent begins no question to a pod', async () => {
  let asked = 0;
  const world = new World(12, async () => {
    asked++;
    return { kind: 'success' };
  });
  const probe = {
    action: { kind: 'tcp', port: 80 },
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  } as const;
  world.want([sampleWorkload('web', 'v1', {}, { containers: [sampleContainer({ readinessProbe: probe })] })]);
  await world.clock.advance(20_000);
  assert.ok(asked > 0);
  const before = world.engine.calls.get('list') ?? 0;
  world.reconciler.recheck();
  while ((world.engine.calls.get('list') ?? 0) === before) await world.clock.advance(1);
  const ended = world.reconciler.stop();
  asked = 0;
  await world.clock.advance(60_000);
  await ended;
  assert.equal(asked, 0);
});

test('pods that come together ask for their network once, are looked at in few lists, and never one by one', async () => {
  const world = new World(1);
  world.faults = 0;
  world.want([sampleWorkload('w', 'v1', { replicas: 20 })]);
  await world.clock.advance(MINUTE_MS);
  assert.equal(world.status.get('w')?.ready, 20);
  const { calls } = world.engine;
  assert.equal(calls.get('ensureNetwork'), 1);
  assert.ok((calls.get('list') ?? 0) < 20, `${calls.get('list')} lists for 20 pods`);

  calls.clear();
  await world.clock.advance(5 * MINUTE_MS);
  // What is asked at rest: the list at its interval, and what a sweep and the places of pods need, which is kept.
  const asked = [...calls.keys()].filter((name) => !/^list|^locatePod$/.test(name));
  assert.deepEqual(asked, [], 'at rest');
  assert.ok((calls.get('list') ?? 0) <= 31, `${calls.get('list')} lists in five minutes`);
  await world.close();
});

test('two agents of one instance at one engine end in what is wanted, and then neither does anything', async () => {
  for (let seed = 1; seed <= Math.max(10, ROUNDS / 10); seed++) {
    const world = new World(seed, allWell, (version) => (version === 'init' ? 0 : null));
    const status = new Map<string, WorkloadStatus>();
    const other = new Reconciler({
      ...{ instance: 'sim', engine: world.engine, clock: world.clock, log: silentLog, gate: allowAll },
      ...{ askProbe: allWell, contents: NO_FILES, onStatus: (one) => void status.set(one.key.name, one) },
    });
    other.start();
    const others: string[] = [];
    world.faults = 0.05;
    let workloads: WantedWorkload[] = [];
    for (let step = 1; step <= 4; step++) {
      workloads = [0, 1, 2].map((index) => randomWorkload(world, index, step, workloads[index] ?? null));
      world.want(workloads);
      await world.clock.advance(Math.floor(world.random() * 3_000));
      other.setWanted(world.wanted);
      await world.clock.advance(Math.floor(world.random() * 5_000));
    }
    world.faults = 0;
    workloads = workloads.map((workload) => ({ ...workload, generation: 99 }));
    world.want(workloads);
    other.setWanted(world.wanted);
    await world.clock.advance(10 * MINUTE_MS);
    world.engine.calls.clear();
    await world.clock.advance(15 * MINUTE_MS);

    const story = `seed ${seed}`;
    for (const name of world.engine.calls.keys())
      if (/^(create|remove(?!Volume)|start|stop|resize)/.test(name)) others.push(name);
    assert.deepEqual(others, [], `${story}: actions when all is there`);
    const expected = workloads.flatMap(({ key, replicas, specHash }) =>
      Array(replicas).fill(`${key.name} ${specHash}`),
    );
    const pods = world.engine.snapshot();
    const actual = pods.map(({ labels }) => `${labels[LABEL.workload]} ${labels[LABEL.specHash]}`);
    assert.deepEqual(actual.sort(), expected.sort(), `${story}: pods`);
    for (const { name, containers } of pods) {
      const main = containers.filter(({ labels, state }) => labels[LABEL.role] === 'main' && state === 'running');
      assert.equal(main.length, 1, `${story}: ${name} runs its container once`);
    }
    for (const { key, replicas } of workloads) {
      const phases = [world.status, status].map((seen) => seen.get(key.name)?.phase);
      const phase = replicas === 0 ? 'stopped' : 'available';
      assert.deepEqual(phases, [phase, phase], `${story}: ${key.name}`);
    }
    void other.stop();
    await world.close();
  }
});
