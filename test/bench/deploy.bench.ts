import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ipv6Missing } from '../../src/deploy/engines/local/host-ipv6.ts';
import {
  ContentFiles,
  EMPTY_MEMORY,
  PodmanEngine,
  plan,
  Reconciler,
  realProbes,
} from '../../src/deploy/engines/local/index.ts';
import { LABEL, podLabels, podName } from '../../src/deploy/engines/local/labels.ts';
import { MemoryEngine } from '../../src/deploy/engines/local/memory.ts';
import type { WantedService, WantedWorkload } from '../../src/deploy/model.ts';
import { silentLog, systemClock } from '../../src/system/index.ts';
import { container, type Ground, missingParts, openGround, wanted, workload } from '../real/deploy-ground.ts';
import { fakeWorkloads } from './fake-podman.ts';

/**
 * Our roll-out of 20 pods against a bare loop over the same REST calls with as many in flight, in turns, in pairs, median of the ratios:
 * a loop whose network has what ours has (IPv6 too, where the host has it, which costs each pod as many calls of ip6tables as of iptables),
 * and one in IPv4 alone; neither keeps environments apart, as ours does before anything runs. Then the same by `podman run`, one by one;
 * single pods likewise, from the wish to ready; what a thousand workloads cost that all run as wanted; and the plan when
 * nothing is to be done. Needs root and Podman for the first part; with `rollout` as an argument only that part runs.
 */
const PODS = 20;
const ROUNDS = Number(process.env['DARSENA_ROUNDS'] ?? 3);
const ONLY_ROLLOUT = process.argv[2] === 'rollout';
const CHANGES = Number(process.env['DARSENA_CHANGES'] ?? 30);

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function post(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ Id?: string; InfraContainerID?: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath, method, path: `/v4.0.0/libpod${path}`, headers: { 'Content-Type': 'application/json' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          if ((response.statusCode ?? 500) >= 400) reject(new Error(`${path}: ${text}`));
          else resolve(text === '' ? {} : JSON.parse(text));
        });
      },
    );
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** What anybody would write: network, pod, container, start; four at a time. */
async function bareLoop(ground: Ground, round: string, six: boolean): Promise<number> {
  const begin = performance.now();
  await post(ground.socketPath, 'POST', '/networks/create', {
    name: `bare${round}`,
    driver: 'bridge',
    dns_enabled: false,
    ipv6_enabled: six,
  });
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < PODS; index = next++) {
      const pod = `bare-${round}-${index}`;
      await post(ground.socketPath, 'POST', '/pods/create', {
        name: pod,
        netns: { nsmode: 'bridge' },
        Networks: { [`bare${round}`]: {} },
        shared_namespaces: ['net', 'ipc', 'uts'],
      });
      const made = await post(ground.socketPath, 'POST', '/containers/create', {
        name: `${pod}-main`,
        pod,
        image: ground.image,
        entrypoint: ['sleep', '3600'],
        cap_drop: ['ALL'],
      });
      await post(ground.socketPath, 'POST', `/containers/${made.Id}/start`);
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
  const ms = performance.now() - begin;
  await ground.podman('pod', 'rm', '--all', '--force', '--time', '0');
  await ground.podman('network', 'rm', '--force', `bare${round}`);
  return ms;
}

async function serialRuns(ground: Ground): Promise<number> {
  await ground.podman('network', 'create', '--disable-dns', 'serial');
  const begin = performance.now();
  for (let index = 0; index < PODS; index++)
    await ground.podman('run', '--detach', '--network', 'serial', '--cap-drop', 'ALL', ground.image, 'sleep', '3600');
  const ms = performance.now() - begin;
  await ground.podman('rm', '--all', '--force', '--time', '0');
  await ground.podman('network', 'rm', '--force', 'serial');
  return ms;
}

/** As performance figures of container engines are taken: each run to its end and taken away before the next. */
async function serialWhole(ground: Ground): Promise<number> {
  await ground.podman('network', 'create', '--disable-dns', 'serial');
  const begin = performance.now();
  for (let index = 0; index < PODS; index++)
    await ground.podman('run', '--rm', '--network', 'serial', '--cap-drop', 'ALL', ground.image, 'true');
  const ms = performance.now() - begin;
  await ground.podman('network', 'rm', '--force', 'serial');
  return ms;
}

/** What a pod of ours is, by hand: a pod in a network of both families, and one container in it. */
async function serialPods(ground: Ground, six: boolean): Promise<number> {
  await ground.podman('network', 'create', '--disable-dns', ...(six ? ['--ipv6'] : []), 'serial');
  const begin = performance.now();
  for (let index = 0; index < PODS; index++) {
    await ground.podman('pod', 'create', '--network', 'serial', '--name', `serial${index}`);
    const words = ['--detach', '--pod', `serial${index}`, '--cap-drop', 'ALL', ground.image, 'sleep', '3600'];
    await ground.podman('run', ...words);
  }
  const ms = performance.now() - begin;
  await ground.podman('pod', 'rm', '--all', '--force', '--time', '0');
  await ground.podman('network', 'rm', '--force', 'serial');
  return ms;
}

async function ourRollout(ground: Ground, round: number): Promise<number> {
  const done = Promise.withResolvers<void>();
  const gone = Promise.withResolvers<void>();
  const reconciler = new Reconciler({
    instance: ground.instance,
    engine: ground.engine,
    clock: systemClock,
    log: silentLog,
    gate: { check: async () => ({ allow: true }) },
    askProbe: realProbes(ground.engine, async () => false),
    contents: new ContentFiles(join(ground.folder, 'contents')),
    onStatus: (status) => {
      if (status.ready === PODS) done.resolve();
    },
    onGone: () => gone.resolve(),
  });
  reconciler.start();
  const one = container(ground.image, ['sleep', '3600']);
  const all = workload({ project: 'bench', environment: `r${round}`, name: 'many' }, [one], {
    replicas: PODS,
    podMore: { terminationGraceSeconds: 0 },
  });
  const begin = performance.now();
  reconciler.setWanted(wanted({ workloads: [all] }));
  await done.promise;
  const ms = performance.now() - begin;
  reconciler.setWanted(wanted({ revision: 2 }));
  await gone.promise;
  await reconciler.stop();
  return ms;
}

/** One pod of one container by bare calls: what the engine itself needs. */
async function bareOne(ground: Ground, round: number): Promise<number> {
  const pod = `single-${round}`;
  const begin = performance.now();
  await post(ground.socketPath, 'POST', '/pods/create', {
    name: pod,
    netns: { nsmode: 'bridge' },
    Networks: { single: {} },
    shared_namespaces: ['net', 'ipc', 'uts'],
  });
  const made = await post(ground.socketPath, 'POST', '/containers/create', {
    name: `${pod}-main`,
    pod,
    image: ground.image,
    entrypoint: ['sleep', '3600'],
    cap_drop: ['ALL'],
  });
  await post(ground.socketPath, 'POST', `/containers/${made.Id}/start`);
  const ms = performance.now() - begin;
  await post(ground.socketPath, 'DELETE', `/pods/${pod}?force=true&timeout=0`);
  return ms;
}

/** Single pods, one at a time, ours and bare in turns: from the wish to the status that says ready. */
async function singleChanges(ground: Ground): Promise<{ ours: number[]; bare: number[] }> {
  const shape = { driver: 'bridge', dns_enabled: false, ipv6_enabled: (await ipv6Missing()) === null };
  await post(ground.socketPath, 'POST', '/networks/create', { name: 'single', ...shape });
  let onStatus: (name: string, ready: number) => void = () => undefined;
  let onGone: () => void = () => undefined;
  const reconciler = new Reconciler({
    instance: ground.instance,
    engine: ground.engine,
    clock: systemClock,
    log: silentLog,
    gate: { check: async () => ({ allow: true }) },
    askProbe: realProbes(ground.engine, async () => false),
    contents: new ContentFiles(join(ground.folder, 'contents')),
    onStatus: (status) => onStatus(status.key.name, status.ready),
    onGone: () => onGone(),
  });
  reconciler.start();
  const one = container(ground.image, ['sleep', '3600']);
  const keep = workload({ project: 'bench', environment: 'single', name: 'keep' }, [one], { replicas: 1 });
  const ours: number[] = [];
  const bare: number[] = [];
  let revision = 1;
  const until = (name: string): Promise<void> =>
    new Promise((done) => {
      onStatus = (changed, ready) => {
        if (changed === name && ready === 1) done();
      };
    });
  reconciler.setWanted(wanted({ revision, workloads: [keep] }));
  await until('keep');
  for (let round = 0; round < CHANGES; round++) {
    bare.push(await bareOne(ground, round));
    const name = `single${round}`;
    const next = workload({ project: 'bench', environment: 'single', name }, [one], {
      podMore: { terminationGraceSeconds: 0 },
    });
    const begin = performance.now();
    reconciler.setWanted(wanted({ revision: ++revision, workloads: [keep, next] }));
    await until(name);
    ours.push(performance.now() - begin);
    const gone = new Promise<void>((done) => (onGone = done));
    reconciler.setWanted(wanted({ revision: ++revision, workloads: [keep] }));
    await gone;
  }
  reconciler.setWanted(wanted({ revision: ++revision }));
  await new Promise<void>((done) => (onGone = done));
  await reconciler.stop();
  return { ours, bare };
}

function planNothing(): number[] {
  const workloads: WantedWorkload[] = [];
  const pods = Array.from({ length: 1_000 }, (_, index) => {
    const one = workload({ project: 'p', environment: `e${index % 10}`, name: `w${index}` }, [
      container('i@sha256:00', ['x']),
    ]);
    workloads.push(one);
    const identity = { key: one.key, specHash: one.specHash, slot: 0 };
    const labels = podLabels('bench', identity, 30);
    return {
      id: `pod${index}`,
      name: podName('bench', identity),
      labels,
      createdAtMs: 0,
      infra: { id: `infra${index}`, state: 'running', startedAtMs: 0 } as const,
      containers: [
        {
          id: `c${index}`,
          name: `c${index}`,
          labels: { ...labels, [LABEL.container]: 'main', [LABEL.role]: 'main' },
          image: 'i',
          state: 'running',
          pid: 1,
          startedAtMs: 0,
          exitedAtMs: null,
          exitCode: null,
        } as const,
      ],
    };
  });
  const state = wanted({ workloads });
  const times: number[] = [];
  for (let round = 0; round < 30; round++) {
    const begin = performance.now();
    const observed = { pods, health: new Map(), busy: new Map(), networks: null };
    const { actions } = plan('bench', state, observed, EMPTY_MEMORY, Date.now());
    times.push(performance.now() - begin);
    if (actions.length > 0) throw new Error('the plan should be empty');
  }
  return times;
}

const FLEET = { hosts: 1_000, workloads: 20 } as const;

/**
 * How many actions a second are decided on, each for one pod, where a thousand hosts begin with what they are wanted to run.
 * Which host runs what is no decision here: a workload is wanted of every host of its platform.
 */
function decisions(): number {
  const all = Array.from({ length: FLEET.workloads }, (_, index) =>
    workload({ project: 'p', environment: `e${index % 4}`, name: `w${index}` }, [container('i@sha256:00', ['x'])]),
  );
  const state = wanted({ workloads: all });
  const rates: number[] = [];
  for (let round = 0; round < 5; round++) {
    let made = 0;
    const begin = performance.now();
    for (let host = 0; host < FLEET.hosts; host++) {
      const observed = { pods: [], health: new Map(), busy: new Map(), networks: null };
      made += plan(`host${host}`, state, observed, EMPTY_MEMORY, 0).actions.length;
    }
    rates.push((made * 1000) / (performance.now() - begin));
    if (made !== FLEET.hosts * FLEET.workloads) throw new Error('each host makes one pod of each workload');
  }
  return median(rates);
}

const AT_REST = { workloads: 1_000, environments: 50, seconds: 60 } as const;

/** Share of a core that the reconciler takes, an engine in memory included, and how often it asks for the list. */
async function atRest(): Promise<{ share: number; lists: number; risingMs: number }> {
  const engine = new MemoryEngine({ clock: systemClock });
  const folder = await mkdtemp(join(tmpdir(), 'darsena-rest-'));
  const rising = Promise.withResolvers<void>();
  const ready = new Set<string>();
  const reconciler = new Reconciler({
    instance: 'rest',
    engine,
    clock: systemClock,
    log: silentLog,
    gate: { check: async () => ({ allow: true }) },
    askProbe: async () => ({ kind: 'success' }),
    contents: new ContentFiles(folder),
    onStatus: (status) => {
      if (status.ready === 1) ready.add(`${status.key.environment}/${status.key.name}`);
      if (ready.size === AT_REST.workloads) rising.resolve();
    },
    onEndpoints: () => Promise.resolve(),
  });
  const workloads: WantedWorkload[] = [];
  const services: WantedService[] = [];
  for (let index = 0; index < AT_REST.workloads; index++) {
    const place = { project: `p${index % 5}`, environment: `e${index % AT_REST.environments}` };
    const name = `w${index}`;
    const one = container(`registry.example/x@sha256:${'0'.repeat(64)}`, ['x']);
    workloads.push(workload({ ...place, name }, [one]));
    const port = { name: null, port: 80, targetPort: 8080, protocol: 'TCP' } as const;
    services.push({ ...place, name, selector: { app: name }, ports: [port] });
  }
  try {
    const began = performance.now();
    reconciler.start();
    reconciler.setWanted(wanted({ workloads, services }));
    await rising.promise;
    const risingMs = performance.now() - began;
    await systemClock.sleep(5_000);
    const before = { cpu: process.cpuUsage(), lists: engine.calls.get('list') ?? 0 };
    await systemClock.sleep(AT_REST.seconds * 1_000);
    const { user, system } = process.cpuUsage(before.cpu);
    const lists = (engine.calls.get('list') ?? 0) - before.lists;
    return { share: (user + system) / 1e6 / AT_REST.seconds, lists, risingMs };
  } finally {
    await reconciler.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** The reconciler that finds them all running, over the real client and an API that lists them; and the bare list, as often. */
async function adopted(): Promise<{ share: number; bare: number; requests: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-rest-'));
  const fake = join(import.meta.dirname, 'fake-podman.ts');
  const server = spawn(process.execPath, [...process.execArgv, fake, folder, 'rest', `${AT_REST.workloads}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout, 'data');
  const socketPath = join(folder, 'podman.sock');
  const engine = new (class extends PodmanEngine {
    override async loadRules(): Promise<void> {
      // Their processes are none, so nobody has a network to load them into.
    }
  })({ socketPath, instance: 'rest' });
  const ready = new Set<string>();
  const all = Promise.withResolvers<void>();
  const reconciler = new Reconciler({
    instance: 'rest',
    engine,
    clock: systemClock,
    log: silentLog,
    gate: { check: async () => ({ allow: true }) },
    askProbe: async () => ({ kind: 'success' }),
    contents: new ContentFiles(join(folder, 'contents')),
    onStatus: ({ key, ready: count }) => {
      if (count === 1) ready.add(`${key.environment}/${key.name}`);
      if (ready.size === AT_REST.workloads) all.resolve();
    },
    onEndpoints: () => Promise.resolve(),
  });
  const used = async (seconds: number, work: () => Promise<void>): Promise<number> => {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6 / seconds;
  };
  try {
    reconciler.start();
    const workloads = fakeWorkloads(AT_REST.workloads);
    const services = workloads.map(({ key }): WantedService => {
      const port = { name: null, port: 80, targetPort: 8080, protocol: 'TCP' } as const;
      return { ...key, selector: { app: key.name }, ports: [port] };
    });
    reconciler.setWanted(wanted({ workloads, services }));
    await all.promise;
    await systemClock.sleep(15_000);
    await post(socketPath, 'GET', '/asked');
    const share = await used(AT_REST.seconds, () => systemClock.sleep(AT_REST.seconds * 1_000));
    const seen = Object.entries(await post(socketPath, 'GET', '/asked')).map(([path, times]) => `${times} × ${path}`);
    await reconciler.stop();
    const lists = AT_REST.seconds / 10;
    // As far apart as the reconciler's own: what is done after seconds of rest costs more than what is done at once again.
    const bare = await used(AT_REST.seconds, async () => {
      for (let index = 0; index < lists; index++) {
        await engine.list();
        await systemClock.sleep((AT_REST.seconds / lists) * 1_000);
      }
    });
    return { share, bare, requests: seen.join(', ') };
  } finally {
    await reconciler.stop();
    engine.close();
    server.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}

if (!ONLY_ROLLOUT) {
  const rest = await atRest();
  console.log(
    `${AT_REST.workloads} workloads at rest: ${(rest.share * 100).toFixed(2)} % of a core, ${rest.lists} lists in ${AT_REST.seconds} s (goal at most 1 %); from nothing to all ready ${(rest.risingMs / 1000).toFixed(1)} s`,
  );
  const running = await adopted();
  console.log(
    `  adopted from an API that lists them: ${(running.share * 100).toFixed(2)} % of a core (${running.requests}), the list alone ${(running.bare * 100).toFixed(2)} %`,
  );
  console.log(`plan of 1,000 workloads with nothing to do: ${median(planNothing()).toFixed(2)} ms`);
  console.log(
    `actions decided for ${FLEET.hosts} hosts of ${FLEET.workloads} workloads: ${Math.round(decisions()).toLocaleString('en')} a second (goal at least 10,000)`,
  );
}
const missing = missingParts();
if (missing !== null) {
  console.log(`roll-out left out: ${missing}`);
} else {
  const ground = await openGround('dzb');
  try {
    if (!ONLY_ROLLOUT) {
      const single = await singleChanges(ground);
      const beyond = single.ours.map((ms, round) => ms - (single.bare[round] ?? Number.NaN));
      const line = (values: readonly number[]): string => {
        const sorted = values.toSorted((a, b) => a - b);
        return `p50 ${median(sorted).toFixed(0)}, p99 ${(sorted[Math.floor(0.99 * sorted.length)] ?? Number.NaN).toFixed(0)} ms`;
      };
      console.log(
        `one more pod, wanted → ready, ${CHANGES} times: ${line(single.ours)} (goal p99 at most 1 s); bare calls ${line(single.bare)}`,
      );
      console.log(`  beyond the engine's own time, pair by pair: ${line(beyond)}`);
    }
    await ourRollout(ground, 99);
    const six = (await ipv6Missing()) === null;
    const took = {
      ours: [] as number[],
      alike: [] as number[],
      four: [] as number[],
      serial: [] as number[],
      whole: [] as number[],
      pods: [] as number[],
    };
    for (let round = 0; round < ROUNDS; round++) {
      took.alike.push(await bareLoop(ground, `${round}`, six));
      took.ours.push(await ourRollout(ground, round));
      took.four.push(six ? await bareLoop(ground, `${round}four`, false) : (took.alike.at(-1) ?? Number.NaN));
      took.serial.push(await serialRuns(ground));
      took.whole.push(await serialWhole(ground));
      took.pods.push(await serialPods(ground, six));
    }
    const rate = (times: readonly number[]): string =>
      `${((PODS * 1000) / median(times)).toFixed(1)} pods/s (${times.map((ms) => ms.toFixed(0)).join(' ')} ms)`;
    const ratio = (times: readonly number[]): string => {
      const ratios = times.map((ms, round) => ms / (took.ours[round] ?? Number.NaN));
      return `${median(ratios).toFixed(2)} (each pair ${ratios.map((one) => one.toFixed(2)).join(' ')})`;
    };
    console.log(`our roll-out: ${rate(took.ours)}`);
    console.log(
      `bare REST loop, 4 in flight, its network like ours (${six ? 'IPv4 and IPv6' : 'IPv4'}): ${rate(took.alike)}`,
    );
    console.log(`  ratio ours / bare: ${ratio(took.alike)}; goal at least 0.9`);
    if (six) {
      console.log(`bare REST loop in IPv4 alone: ${rate(took.four)}`);
      console.log(`  ratio ours / bare: ${ratio(took.four)}`);
    }
    const serial = [
      ['podman run --detach', took.serial],
      ['podman run --rm of a program that ends', took.whole],
      ['podman pod create and podman run in it', took.pods],
    ] as const;
    for (const [what, times] of serial) {
      console.log(`${what}, one by one: ${rate(times)}`);
      console.log(`  ratio ours to it: ${ratio(times)}; goal at least 3 of podman run`);
    }
  } finally {
    await ground.close();
  }
}
