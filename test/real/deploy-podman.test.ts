import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  BoundParts,
  ContentFiles,
  LABEL,
  purgeInstance,
  Reconciler,
  realProbes,
  type ServiceEndpoints,
  type StartGate,
  type WorkloadStatus,
} from '../../src/deploy/engines/local/index.ts';
import { checkConformance } from '../../src/deploy/engines/local/test-conformance.ts';
import { type ContainerSpec, hashPodSpec, type WantedService, type WantedWorkload } from '../../src/deploy/model.ts';
import { newId, runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { containersOf } from '../../src/volumes/host/freeze.ts';
import { createTools, HostVolumes, partLabel } from '../../src/volumes/index.ts';
import { container, type Ground, missingParts, openGround, wanted, workload } from './deploy-ground.ts';

const skip = missingParts() ?? false;
let ground: Ground;

before(async () => {
  if (skip === false) ground = await openGround('dz');
});
after(async () => {
  if (skip === false) await ground.close();
});

const allowAll: StartGate = { check: async () => ({ allow: true }) };

interface Session {
  readonly reconciler: Reconciler;
  readonly status: Map<string, WorkloadStatus>;
  readonly endpoints: () => readonly ServiceEndpoints[];
  until(what: string, test: () => boolean | Promise<boolean>, seconds?: number): Promise<number>;
}

/** The volumes of the ground's own Podman, with what its host allows in a file of the test's. */
async function openStorage(): Promise<HostVolumes> {
  const folder = join(ground.folder, 'agent');
  await mkdir(folder, { recursive: true });
  const env = { PATH: process.env['PATH'] ?? '', HOME: ground.folder };
  const storage = new HostVolumes({
    ...{ instance: ground.instance, host: 'here', engine: ground.engine, clock: systemClock, log: silentLog },
    podman: async (args) => ({ code: 0, stdout: await ground.podman(...args), stderr: '' }),
    ...{ tools: createTools(false, env), folder, env, rootless: false, onLost: () => undefined },
    askFormat: async () => null,
    ...{ run: join(folder, 'run'), allowedFile: join(folder, 'storage.json') },
  });
  await storage.start();
  return storage;
}

function open(gate: StartGate = allowAll, storage: HostVolumes | null = null): Session {
  const status = new Map<string, WorkloadStatus>();
  let endpoints: readonly ServiceEndpoints[] = [];
  const reconciler = new Reconciler({
    instance: ground.instance,
    engine: ground.engine,
    clock: systemClock,
    log: silentLog,
    gate,
    askProbe: realProbes(ground.engine, async () => (await ground.engine.facts()).rootless),
    contents: new ContentFiles(join(ground.folder, 'contents')),
    parts: new BoundParts(join(ground.folder, 'parts')),
    ...(storage === null ? {} : { storage }),
    onStatus: (one) => status.set(one.key.name, one),
    onGone: (key) => status.delete(key.name),
    onEndpoints: async (list) => {
      endpoints = list;
    },
  });
  reconciler.start();
  return {
    reconciler,
    status,
    endpoints: () => endpoints,
    async until(what, check, seconds = 60) {
      const begin = performance.now();
      while (!(await check())) {
        if (performance.now() - begin > seconds * 1000) {
          throw new Error(`not within ${seconds} s: ${what}; ${JSON.stringify([...status.values()], null, 1)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return performance.now() - begin;
    },
  };
}

const web: WantedService = {
  project: 'shop',
  environment: 'dev',
  name: 'web',
  selector: { app: 'web' },
  ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
};

/** A web server that is ready when /ready is there; it writes which version it is. */
function server(version: string, more: Partial<ContainerSpec> = {}): ContainerSpec {
  const script = `mkdir -p /tmp/www && echo ${version} > /tmp/www/index.html && exec httpd -f -p 8080 -h /tmp/www`;
  return container(ground.image, ['sh', '-c', script], {
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    readinessProbe: {
      action: { kind: 'http', port: 8080, path: '/', scheme: 'HTTP', headers: [] },
      initialDelaySeconds: 0,
      periodSeconds: 1,
      timeoutSeconds: 10,
      successThreshold: 1,
      failureThreshold: 1,
    },
    ...more,
  });
}

function shop(version: string, more: Parameters<typeof workload>[2] = {}): WantedWorkload {
  return workload({ project: 'shop', environment: 'dev', name: 'web' }, [server(version)], more);
}

const client = (): WantedWorkload =>
  workload({ project: 'shop', environment: 'dev', name: 'client' }, [container(ground.image, ['sleep', '3600'])]);

async function inside(session: Session, name: string, ...command: string[]): Promise<string> {
  const id = session.status.get(name)?.replicas[0]?.containers.find(({ state }) => state === 'running')?.id;
  assert.ok(id, `${name} has a running container`);
  const { output } = await ground.engine.exec(id, command, 5_000, AbortSignal.timeout(10_000));
  return output;
}

function get(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path: '/', agent: false, timeout: 2_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text.trim()));
    });
    sent.once('error', reject);
    sent.end();
  });
}

test('deploy: two replicas come up, are reached, roll over, fail over and are adopted', {
  skip,
  timeout: 180_000,
}, async (t) => {
  let session = open();
  t.after(() => session.reconciler.stop());
  const v1 = shop('one', { replicas: 2 });

  await t.test('two replicas become ready and are reached from the host', async (t) => {
    session.reconciler.setWanted(wanted({ workloads: [v1, client()], services: [web] }));
    const ms = await session.until('available', () => session.status.get('web')?.phase === 'available');
    t.diagnostic(`two replicas ready after ${ms.toFixed(0)} ms`);
    await session.until('endpoints', () => session.endpoints()[0]?.endpoints.length === 2);
    for (const { host, port } of session.endpoints()[0]?.endpoints ?? []) assert.equal(await get(host, port), 'one');
  });

  await t.test('every pod says by labels whose it is', async () => {
    for (const pod of await ground.engine.list()) {
      assert.equal(pod.labels[LABEL.instance], ground.instance);
      assert.equal(pod.labels[LABEL.project], 'shop');
      assert.ok(pod.containers.every(({ labels }) => labels[LABEL.digest]?.startsWith('sha256:')));
    }
  });

  await t.test('a service is called by its name and its own port from another pod', async () => {
    await session.until('names', async () =>
      (await inside(session, 'client', 'cat', '/etc/hosts')).includes('web.dev'),
    );
    assert.equal((await inside(session, 'client', 'wget', '-qO-', 'http://web/')).trim(), 'one');
    assert.equal((await inside(session, 'client', 'wget', '-qO-', 'http://web.dev:8080/')).trim(), 'one');
  });

  await t.test('a name means ready replicas only', async () => {
    const sick = session.status.get('web')?.replicas[0];
    const id = sick?.containers[0]?.id ?? '';
    await ground.engine.exec(id, ['mv', '/tmp/www/index.html', '/tmp/www/away'], 5_000, AbortSignal.timeout(5_000));
    await session.until('one ready', () => session.status.get('web')?.ready === 1);
    const hosts = async (): Promise<number> =>
      (await inside(session, 'client', 'cat', '/etc/hosts')).split('\n').filter((line) => line.includes('web.dev'))
        .length;
    await session.until('one name', async () => (await hosts()) === 1);
    await ground.engine.exec(id, ['mv', '/tmp/www/away', '/tmp/www/index.html'], 5_000, AbortSignal.timeout(5_000));
    await session.until('two names', async () => (await hosts()) === 2);
  });

  await t.test('a killed container is started again at once, in the same pod', async (t) => {
    const victim = session.status.get('web')?.replicas[0];
    process.kill(victim?.containers[0]?.pid ?? 0, 'SIGKILL');
    const ms = await session.until('restart', () => {
      const now = session.status.get('web')?.replicas.find(({ podId }) => podId === victim?.podId);
      return now?.restarts === 1 && now.ready && session.status.get('web')?.ready === 2;
    });
    t.diagnostic(`ready again after ${ms.toFixed(0)} ms`);
  });

  await t.test('a rolling update never leaves fewer than two ready and loses no request', async (t) => {
    const v2 = shop('two', { replicas: 2, generation: 2, previous: v1 });
    let least = 9;
    let lost = 0;
    let asked = 0;
    let going = true;
    const asking = (async () => {
      while (going) {
        const places = session.endpoints()[0]?.endpoints ?? [];
        const place = places[asked++ % Math.max(1, places.length)];
        if (place === undefined) lost++;
        else await get(place.host, place.port).catch(() => lost++);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    session.reconciler.setWanted(wanted({ revision: 2, workloads: [v2, client()], services: [web] }));
    const ms = await session.until('rolled out', () => {
      const now = session.status.get('web');
      if (now !== undefined) least = Math.min(least, now.ready);
      return now?.phase === 'available' && now.specHash === v2.specHash && now.replicas.length === 2;
    });
    going = false;
    await asking;
    t.diagnostic(`rolled out after ${ms.toFixed(0)} ms, ${asked} requests, ${lost} lost`);
    assert.ok(least >= 2, `least ready ${least}`);
    assert.equal(lost, 0);
    assert.equal((await inside(session, 'client', 'wget', '-qO-', 'http://web/')).trim(), 'two');
  });

  const v2 = shop('two', { replicas: 2, generation: 2, previous: v1 });
  await t.test('a version that never becomes ready is taken back, and the old one serves all the time', async () => {
    const sick = server('three', { command: ['sleep', '3600'] });
    const v3 = workload(v2.key, [sick], { replicas: 2, generation: 3, previous: v2, progressDeadlineSeconds: 3 });
    session.reconciler.setWanted(wanted({ revision: 3, workloads: [v3, client()], services: [web] }));
    await session.until('rolled back', () => {
      const now = session.status.get('web');
      assert.ok((now?.ready ?? 2) >= 2);
      return now?.phase === 'rolled-back' && now.replicas.length === 2 && now.updated === 0;
    });
    assert.equal((await inside(session, 'client', 'wget', '-qO-', 'http://web/')).trim(), 'two');
    session.reconciler.setWanted(
      wanted({ revision: 4, workloads: [{ ...v2, generation: 4 }, client()], services: [web] }),
    );
    await session.until('available', () => session.status.get('web')?.phase === 'available');
  });

  await t.test('pods outlive their reconciler and are adopted by the next one', async () => {
    const before = (await ground.engine.list()).map(({ id }) => id).sort();
    await session.reconciler.stop();
    const places = session.endpoints()[0]?.endpoints ?? [];
    session = open();
    assert.equal(await get(places[0]?.host ?? '', places[0]?.port ?? 0), 'two');
    session.reconciler.setWanted(
      wanted({ revision: 4, workloads: [{ ...v2, generation: 4 }, client()], services: [web] }),
    );
    await session.until('available', () => session.status.get('web')?.phase === 'available');
    assert.deepEqual((await ground.engine.list()).map(({ id }) => id).sort(), before);
  });

  await t.test('nothing happens to pods while Podman is away, and work goes on when it is back', async () => {
    const before = (await ground.engine.list()).flatMap((pod) => pod.containers.map(({ id }) => id)).sort();
    await ground.stopService();
    const places = session.endpoints()[0]?.endpoints ?? [];
    session.reconciler.setWanted(
      wanted({ revision: 5, workloads: [{ ...v2, generation: 4, replicas: 3 }, client()], services: [web] }),
    );
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    assert.equal(await get(places[0]?.host ?? '', places[0]?.port ?? 0), 'two');
    await ground.startService();
    await session.until('three replicas', () => session.status.get('web')?.ready === 3);
    const now = new Set((await ground.engine.list()).flatMap((pod) => pod.containers.map(({ id }) => id)));
    assert.ok(before.every((id) => now.has(id)));
  });

  await t.test('what is no longer wanted goes, with its network', async () => {
    session.reconciler.setWanted(wanted({ revision: 6 }));
    await session.until('gone', async () => (await ground.engine.list()).length === 0);
    await session.until('told', () => session.status.size === 0);
    await session.until('no network', async () => (await ground.engine.listNetworks()).length === 0);
  });
});

test('deploy: ConfigMaps, Secrets, claims, init containers and limits reach the container', {
  skip,
  timeout: 90_000,
}, async (t) => {
  const session = open();
  t.after(() => session.reconciler.stop());
  const key = { project: 'shop', environment: 'dev', name: 'store' };
  const script =
    'id -u; cat /config/greeting; cat /secret/token; echo $WHO; echo $GREETING; cat /data/seed; sleep 3600';
  const main = container(ground.image, ['sh', '-c', script], {
    env: [
      { name: 'WHO', source: { kind: 'field', path: 'metadata.namespace' } },
      { name: 'GREETING', source: { kind: 'value', value: 'hi $(WHO)' } },
    ],
    mounts: [
      { volume: 'config', path: '/config', readOnly: false },
      { volume: 'secret', path: '/secret', readOnly: true },
      { volume: 'data', path: '/data', readOnly: false },
      { volume: 'scratch', path: '/scratch', readOnly: false },
    ],
    resources: { cpuLimitMillis: 500, cpuRequestMillis: 100, memoryLimitBytes: 64 << 20, memoryRequestBytes: null },
    ulimits: { nofile: { soft: 100, hard: 200 } },
    security: {
      runAsUser: 1000,
      runAsGroup: 1000,
      runAsNonRoot: true,
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilitiesAdd: [],
      capabilitiesDrop: ['ALL'],
    },
  });
  const init = container(ground.image, ['sh', '-c', 'echo seeded > /data/seed'], {
    name: 'seed',
    security: main.security,
    mounts: [{ volume: 'data', path: '/data', readOnly: false }],
  });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const store = workload(key, [main], {
    podMore: {
      initContainers: [init],
      volumes: [
        {
          kind: 'content',
          name: 'config',
          content: 'sha256:c',
          files: [{ key: 'greeting', path: 'greeting', mode: 0o644 }],
        },
        { kind: 'content', name: 'secret', content: 'sha256:s', files: [{ key: 'token', path: 'token', mode: 0o444 }] },
        { kind: 'claim', name: 'data', claim: 'data', readOnly: false },
        { kind: 'scratch', name: 'scratch' },
      ],
    },
  });
  const contents = {
    'sha256:c': { kind: 'config', name: 'config', data: { greeting: base64('hello\n') } },
    'sha256:s': { kind: 'secret', name: 'secret', data: { token: base64('s3cr3t\n') } },
  } as const;
  session.reconciler.setWanted(wanted({ workloads: [store], contents }));
  await session.until('available', () => session.status.get('store')?.phase === 'available');
  const id = session.status.get('store')?.replicas[0]?.containers.find(({ name }) => name === 'main')?.id ?? '';

  const lines: string[] = [];
  await session.until('output', async () => {
    lines.length = 0;
    for await (const { line } of ground.engine.logs(id, {})) lines.push(line);
    return lines.length >= 6;
  });
  assert.deepEqual(lines.slice(0, 6), ['1000', 'hello', 's3cr3t', 'shop-dev', 'hi shop-dev', 'seeded']);

  const inspected = JSON.parse(await ground.podman('inspect', id)) as {
    HostConfig: { Memory: number; CpuQuota: number };
  }[];
  assert.equal(inspected[0]?.HostConfig.Memory, 64 << 20);
  assert.equal(inspected[0]?.HostConfig.CpuQuota, 50_000);
  assert.doesNotMatch(JSON.stringify(inspected), /s3cr3t/);
  const bounds = await ground.engine.exec(id, ['cat', '/proc/1/limits'], 30_000, AbortSignal.timeout(30_000));
  assert.match(bounds.output, /^Max open files +100 +200 /m);
  const written = await ground.engine.exec(
    id,
    ['sh', '-c', 'echo x > /scratch/x && echo y >> /data/seed && touch /etc/no'],
    30_000,
    AbortSignal.timeout(30_000),
  );
  assert.notEqual(written.exitCode, 0);
  assert.match(written.output, /Read-only file system/);

  await t.test('more open files than the kernel gives anybody are refused with the reason', async () => {
    const greedy = container(ground.image, ['sleep', '3600'], { ulimits: { nofile: { soft: 1, hard: -1 } } });
    const other = workload({ ...key, name: 'greedy' }, [greedy]);
    session.reconciler.setWanted(wanted({ revision: 2, workloads: [store, other], contents }));
    await session.until('refused', () =>
      /nofile=unlimited of main, where the most is \d+/.test(JSON.stringify(session.status.get('greedy') ?? null)),
    );
  });

  await t.test('the volume outlives its workload; the scratch volume and the secret files do not', async () => {
    session.reconciler.setWanted(wanted({ revision: 3 }));
    await session.until('gone', async () => (await ground.engine.list()).length === 0);
    await session.until('volumes', async () => (await ground.engine.listVolumes()).length === 1);
    const [left] = await ground.engine.listVolumes();
    assert.equal(left?.labels[LABEL.claim], 'data');
  });
  await session.reconciler.stop();
  await t.test('purge removes exactly what the instance owns', async () => {
    await purgeInstance(ground.engine, ground.instance, { volumes: true });
    assert.equal((await ground.engine.listVolumes()).length, 0);
    assert.equal((await ground.engine.listNetworks()).length, 0);
  });
});

test('deploy: ordered pods, jobs, sidecars, hooks, groups, parts of volumes and files about the pod', {
  skip,
  timeout: 300_000,
}, async (t) => {
  const session = open();
  t.after(() => session.reconciler.stop());
  const key = { project: 'shop', environment: 'dev', name: 'db' };
  const say = [
    'id -G; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; hostname; cat /part/seed',
    'df -k /memory | tail -n 1 | grep -c 1024; grep -c legacy.example /etc/hosts; echo "$(cat /info/labels)"',
    'hostname -i | grep -c "^$POD_IP"; ls -ld /part | cut -c 5-7; grep -c nameserver.192.0.2.53 /etc/resolv.conf',
  ].join('; ');
  const main = container(ground.image, ['sh', '-c', `${say}; trap "exit 0" TERM; sleep 3600 & wait`], {
    env: [{ name: 'POD_IP', source: { kind: 'field', path: 'status.podIP' } }],
    mounts: [
      { volume: 'data', path: '/part', readOnly: false, subPath: { path: 'inner/deep', expand: false } },
      { volume: 'memory', path: '/memory', readOnly: false },
      { volume: 'info', path: '/info', readOnly: true },
    ],
    security: {
      ...container(ground.image, []).security,
      runAsUser: 1000,
      supplementalGroups: [3000, 4000],
    },
    postStart: { kind: 'exec', command: ['sh', '-c', 'echo begun > /part/begun'] },
    preStop: { kind: 'exec', command: ['sh', '-c', 'echo ended > /part/ended'] },
  });
  const seed = container(ground.image, ['sh', '-c', 'mkdir -p /d/inner/deep; echo seeded > /d/inner/deep/seed'], {
    name: 'seed',
    mounts: [{ volume: 'data', path: '/d', readOnly: false }],
    security: { ...container(ground.image, []).security, runAsUser: 1000, supplementalGroups: [4000] },
  });
  const proxy = container(ground.image, ['sh', '-c', 'trap "exit 0" TERM; sleep 3600 & wait'], {
    name: 'proxy',
    sidecar: true,
  });
  const db = workload(key, [main], {
    replicas: 2,
    strategy: { kind: 'rolling', maxSurge: 0, maxUnavailable: 1 },
    controller: { kind: 'ordered', start: 0, parallel: true, partition: 0 },
    podMore: {
      initContainers: [seed, proxy],
      hostAliases: [{ address: '192.0.2.7', names: ['legacy.example'] }],
      dns: { servers: ['192.0.2.53'], searches: [], options: [] },
      sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' },
      fsGroup: { group: 4000, onlyWhenRootDiffers: false },
      subdomain: 'db',
      terminationGraceSeconds: 5,
      volumes: [
        { kind: 'claim', name: 'data', claim: 'data', readOnly: false, perOrdinal: true },
        { kind: 'scratch', name: 'memory', memory: true, sizeBytes: 1 << 20 },
        {
          kind: 'projected',
          name: 'info',
          files: [{ path: 'labels', mode: 0o444, source: { kind: 'field', path: 'metadata.labels' } }],
        },
      ],
    },
  });
  const once = workload(
    { ...key, name: 'once' },
    [container(ground.image, ['sh', '-c', 'echo part $JOB_COMPLETION_INDEX; exit $((JOB_COMPLETION_INDEX * 0))'])],
    {
      controller: {
        kind: 'job',
        completions: 2,
        parallelism: 2,
        backoffLimit: 0,
        activeDeadlineSeconds: 60,
        ttlSeconds: null,
        indexed: true,
        suspend: false,
        failureRules: [],
        backoffLimitPerIndex: null,
        maxFailedIndexes: null,
        successRules: [],
      },
      podMore: { restartPolicy: 'Never' },
    },
  );
  const named: WantedService = {
    ...web,
    name: 'db',
    selector: { app: 'db' },
    ports: [{ ...web.ports[0], name: null, port: 5432, targetPort: 5432, protocol: 'TCP' }],
  };
  session.reconciler.setWanted(wanted({ workloads: [db, once], services: [named] }));
  await session.until('available', () => session.status.get('db')?.phase === 'available', 150);
  await session.until('completed', () => session.status.get('once')?.phase === 'completed', 90);
  const pods = (await ground.engine.list()).filter(({ name }) => name.includes('-db-'));
  assert.deepEqual(
    pods.map(({ name }) => name).sort(),
    [0, 1].map((n) => `${ground.instance}-shop-dev-db-${n}`),
  );

  const first = session.status.get('db')?.replicas.find(({ name }) => name.endsWith('-db-0'));
  const id = first?.containers.find(({ name }) => name === 'main')?.id ?? '';
  const lines: string[] = [];
  for await (const { line } of ground.engine.logs(id, {})) lines.push(line);
  assert.equal(lines[0]?.split(' ').slice(1).sort().join(' '), '3000 4000');
  assert.deepEqual(lines.slice(1), ['80', 'db-0', 'seeded', '1', '1', 'app="db"', '1', 'rws', '1']);
  const read = async (command: string): Promise<string> =>
    (await ground.engine.exec(id, ['sh', '-c', command], 5_000, AbortSignal.timeout(5_000))).output.trim();
  assert.equal(await read('cat /part/begun'), 'begun');
  await session.until('names of both', async () => (await read('cat /etc/hosts')).includes('db-1.db'));
  const volume = (await ground.engine.listVolumes()).find(({ labels }) => labels[LABEL.claim] === 'data-db-0');
  assert.ok(volume);

  await t.test('what was asked for before the end is done, and nothing stays mounted', async () => {
    session.reconciler.setWanted(wanted({ revision: 2 }));
    await session.until('gone', async () => (await ground.engine.list()).length === 0, 120);
    assert.equal(await readFile(join(volume.path, 'inner/deep/ended'), 'utf8'), 'ended\n');
    await session.until(
      'unmounted',
      async () => !(await readFile('/proc/self/mountinfo', 'utf8')).includes(join(ground.folder, 'parts')),
    );
  });

  await t.test('a link in the place of a part is not followed', async () => {
    await rm(join(volume.path, 'inner'), { recursive: true });
    await symlink('/etc', join(volume.path, 'inner'));
    const { initContainers: _none, ...pod } = db.pod;
    const bare = workload(key, [main], { ...db, replicas: 1, podMore: { ...pod, initContainers: [] }, generation: 2 });
    session.reconciler.setWanted(wanted({ revision: 3, workloads: [{ ...bare, specHash: hashPodSpec(bare.pod) }] }));
    await session.until('refused', () => session.status.get('db')?.phase === 'refused', 120);
    assert.match(session.status.get('db')?.conditions[0]?.text.en ?? '', /over a link/);
    session.reconciler.setWanted(wanted({ revision: 4 }));
    await session.until('gone', async () => (await ground.engine.list()).length === 0, 60);
    await session.until(
      'unmounted',
      async () => !(await readFile('/proc/self/mountinfo', 'utf8')).includes(join(ground.folder, 'parts')),
    );
  });
  await session.reconciler.stop();
  await purgeInstance(ground.engine, ground.instance, { volumes: true });
});

test('deploy: a start the gate refuses does not happen, and says every reason', {
  skip,
  timeout: 60_000,
}, async (t) => {
  let allow = false;
  const gate: StartGate = {
    check: async () =>
      allow
        ? { allow: true }
        : {
            allow: false,
            reasons: [
              { en: 'not signed', es: 'sin firma' },
              { en: 'not scanned', es: 'sin análisis' },
            ],
          },
  };
  const session = open(gate);
  t.after(() => session.reconciler.stop());
  session.reconciler.setWanted(wanted({ workloads: [client()] }));
  await session.until('refused', () => session.status.get('client')?.phase === 'refused');
  assert.deepEqual(
    session.status.get('client')?.conditions.map(({ text }) => text.en),
    ['not signed', 'not scanned'],
  );
  assert.equal((await ground.engine.list()).length, 0);
  allow = true;
  session.reconciler.recheck();
  await session.until('available', () => session.status.get('client')?.phase === 'available');
  session.reconciler.setWanted(wanted({ revision: 2 }));
  await session.until('gone', async () => (await ground.engine.list()).length === 0);
});

test('deploy: what an image says in labels of the platform is nobody’s word (D4)', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const claims = {
    [LABEL.preStop]: JSON.stringify({ kind: 'exec', command: ['touch', '/tmp/by-label'] }),
    [LABEL.run]: '7',
    [LABEL.index]: '3',
    [LABEL.ordered]: 'true',
    [LABEL.instance]: 'other',
    [partLabel('other-volume')]: '1',
    'darsena.anything': 'x',
  };
  await ground.podman('create', '--name', 'labelled', ground.image, 'sh');
  const changes = Object.entries(claims).flatMap(([name, value]) => ['--change', `LABEL ${name}='${value}'`]);
  await ground.podman('commit', '--quiet', ...changes, 'labelled', 'localhost/labelled:test');
  await ground.podman('rm', 'labelled');
  const digest = await ground.podman('image', 'inspect', '--format', '{{.Digest}}', 'localhost/labelled:test');
  const session = open();
  t.after(() => session.reconciler.stop());
  const one = container(`localhost/labelled@${digest}`, ['sleep', '3600']);
  const all = workload({ project: 'p', environment: 'dev', name: 'labelled' }, [one], {
    podMore: { terminationGraceSeconds: 1 },
  });
  session.reconciler.setWanted(wanted({ workloads: [all] }));
  await session.until('available', () => session.status.get('labelled')?.phase === 'available');
  const [pod] = await ground.engine.list();
  const labels = pod?.containers.find(({ name }) => name.endsWith('-main-0'))?.labels ?? {};
  for (const name of Object.keys(claims))
    assert.equal(labels[name], name === LABEL.instance ? ground.instance : '', `${name} of the container`);
  const holding = await containersOf(
    async (args) => ({ code: 0, stdout: await ground.podman(...args), stderr: '' }),
    'other-volume',
  );
  assert.deepEqual(holding, [], 'it uses no volume of somebody else');
  session.reconciler.setWanted(wanted({ revision: 2 }));
  await session.until('gone', async () => (await ground.engine.list()).length === 0);
});

test('deploy: no folder to work in leads a container, or who joins it, out of it by links of its image (D3)', {
  skip,
  timeout: 600_000,
}, async (t) => {
  const links: Readonly<Record<string, string>> = {
    ...Object.fromEntries([3, 4, 5, 6, 7, 8, 9].map((fd) => [`work${fd}`, `/proc/self/fd/${fd}`])),
    up: '../../../../proc/self/fd/7',
    one: 'two',
    two: '/three/7',
    three: '/proc/self/fd',
    'srv/inner': '../proc/self/fd/8',
    home: 'srv',
    'usr/here': '/dev/fd/7',
    self: '/proc/self/cwd',
  };
  const folders = [
    ...[3, 4, 5, 6, 7, 8, 9].map((fd) => `/work${fd}`),
    ...['/up', '/one', '/three/8', '/srv/inner', '/home/inner', '/usr/here', '/self', '/work7/../../../..'],
  ];
  assert.equal(folders.length, 15, 'asked of a manifest and of exec: thirty');
  const root = join(ground.folder, 'linked');
  await runCommand('cp', ['--archive', join(ground.folder, 'busybox'), root], { timeoutMs: 60_000 });
  // What the links lead to is there before the kernel's folder covers it, so that the engine finds nothing missing.
  for (const fd of [3, 4, 5, 6, 7, 8, 9]) await mkdir(join(root, 'proc/self/fd', String(fd)), { recursive: true });
  for (const folder of ['srv', 'usr', 'proc/self/cwd', 'dev']) await mkdir(join(root, folder), { recursive: true });
  await symlink('/proc/self/fd', join(root, 'dev/fd'));
  await mkdir(join(root, 'open/own'), { recursive: true });
  await chmod(join(root, 'open'), 0o777);
  for (const [path, target] of Object.entries(links)) await symlink(target, join(root, path));
  const archive = join(ground.folder, 'linked.tar');
  await runCommand('tar', ['-C', root, '-cf', archive, '.'], { timeoutMs: 60_000 });
  await ground.podman('import', '--change', 'ENV PATH=/bin', archive, 'localhost/linked:test');
  const digest = await ground.podman('image', 'inspect', '--format', '{{.Digest}}', 'localhost/linked:test');
  const image = `localhost/linked@${digest}`;
  const word = `outside-${newId()}`;
  const marker = join(ground.folder, 'marker');
  await writeFile(marker, word);
  const look = `cat ../../../../../../../../..${marker} ../../../../../../../../../../..${marker}; ls -id .; readlink /proc/self/cwd`;
  const soak = process.env['DARSENA_SOAK'] === '1';
  const first = Math.floor(Math.random() * folders.length);
  const chosen = soak ? folders : folders.filter((_, index) => (index - first + folders.length) % folders.length < 5);
  t.diagnostic(`from ${first}: ${chosen.join(' ')}`);

  const session = open();
  t.after(() => session.reconciler.stop());
  const key = { project: 'shop', environment: 'dev' };
  const plain = workload({ ...key, name: 'plain' }, [container(image, ['sleep', '3600'])]);
  const led = chosen.map((workingDir, index) =>
    workload({ ...key, name: `led-${index}` }, [container(image, ['sh', '-c', `${look}; sleep 3600`], { workingDir })]),
  );
  session.reconciler.setWanted(wanted({ workloads: [plain, ...led] }));
  await session.until('available', () => session.status.get('plain')?.phase === 'available', 120);
  const id = session.status.get('plain')?.replicas[0]?.containers[0]?.id ?? '';
  for (const workingDir of chosen) {
    const order = { containerId: id, command: ['sh', '-c', look], terminal: false, env: {}, workingDir };
    await assert.rejects(ground.engine.execAttach(order), { code: 'engine.refused', message: /proc/ }, workingDir);
  }
  // Its own folder, which it turns into such a link after it has begun, is where a command without a folder begins.
  const turning = workload({ ...key, name: 'turning' }, [
    container(image, ['sh', '-c', 'cd /open; rmdir own; ln -s /proc/self/fd/7 own; exec sleep 3600'], {
      workingDir: '/open/own',
    }),
  ]);
  session.reconciler.setWanted(wanted({ revision: 2, workloads: [plain, ...led, turning] }));
  await session.until('turning', () => session.status.get('turning')?.phase === 'available', 120);
  const turned = session.status.get('turning')?.replicas[0]?.containers[0]?.id ?? '';
  let answer: { code?: string; message?: string } | null = null;
  await session.until(
    'a command without a folder is refused',
    async () => {
      const order = { containerId: turned, command: ['sh', '-c', look], terminal: false, env: {} };
      answer = await ground.engine.execAttach(order).then(
        (joined) => {
          joined.stream.destroy();
          return null;
        },
        (error: unknown) => error as { code?: string; message?: string },
      );
      return answer !== null;
    },
    60,
  );
  assert.match(String(answer), /leads to \/proc\/self\/fd/);
  // Whatever the run-time makes of it: refused, or a container that stays in its own files.
  for (const [index, workingDir] of chosen.entries()) {
    const status = () => session.status.get(`led-${index}`);
    await session.until(
      `${workingDir} has an end`,
      () => (status()?.conditions.length ?? 0) > 0 || (status()?.replicas[0]?.containers[0]?.pid ?? null) !== null,
      120,
    );
    for (const one of status()?.replicas[0]?.containers ?? []) {
      let said = '';
      for await (const { line } of ground.engine.logs(one.id, {})) said += line;
      assert.ok(!said.includes(word), `${workingDir} led out: ${said}`);
    }
  }
  session.reconciler.setWanted(wanted({ revision: 3 }));
  await session.until('gone', async () => (await ground.engine.list()).length === 0, 120);
});

test('deploy: a workload in gVisor has a kernel of its own, in the network of its pod', {
  skip: skip === false && !existsSync('/usr/bin/runsc') ? 'needs /usr/bin/runsc' : skip,
  timeout: 60_000,
}, async () => {
  const parts = { ...ground, credentials: null, runs: true };
  assert.deepEqual(await checkConformance(parts, () => undefined, ['runtime-runsc']), { 'runtime-runsc': null });
});

test('deploy: a terminal inside a container answers, resizes and gives its exit code', {
  skip,
  timeout: 240_000,
}, async (t) => {
  const session = open();
  t.after(() => session.reconciler.stop());
  session.reconciler.setWanted(wanted({ workloads: [client()] }));
  await session.until('available', () => session.status.get('client')?.phase === 'available');
  const id = session.status.get('client')?.replicas[0]?.containers[0]?.id ?? '';
  const terminal = await ground.engine.execAttach({
    containerId: id,
    command: ['sh'],
    terminal: true,
    env: { GREETING: 'hello' },
  });
  let text = '';
  terminal.stream.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  await terminal.resize(100, 30);
  terminal.stream.write(`${SIZE}; echo $GREETING; exit 7\n`);
  await new Promise((resolve) => terminal.stream.once('end', resolve));
  assert.match(text, /30 100/);
  assert.match(text, /hello/);
  assert.equal(await terminal.exitCode(), 7);
  // Given with the start: nobody has to ask for it once more.
  const sized = await ground.engine.execAttach({
    ...{ containerId: id, command: ['sh', '-c', SIZE], terminal: true, env: {} },
    size: { columns: 101, rows: 31 },
  });
  assert.deepEqual(await piecesOf(sized.output), ['31 101\r\n']);
  const plain = await ground.engine.exec(
    id,
    ['sh', '-c', 'echo out; echo err >&2; exit 3'],
    30_000,
    AbortSignal.timeout(30_000),
  );
  assert.equal(plain.exitCode, 3);
  assert.match(plain.output, /out/);
  assert.match(plain.output, /err/);

  await t.test('a running container is given other limits', async (t) => {
    if ((await ground.engine.facts()).limitsMissing !== null) return t.skip('this host enforces no limits');
    const MIB = 1024 * 1024;
    const none = { cpuLimitMillis: null, cpuRequestMillis: null, memoryRequestBytes: null };
    for (const memoryLimitBytes of [64 * MIB, 96 * MIB]) {
      await ground.engine.resizeContainer(id, { ...none, memoryLimitBytes });
      const pods = await ground.engine.list();
      const pid = pods.flatMap(({ containers }) => containers).find((one) => one.id === id)?.pid;
      assert.equal(await memoryLimitOf(pid ?? 0), memoryLimitBytes);
    }
  });

  await t.test(
    'a container that is added by hand sees the processes of another and no start is left unasked',
    async () => {
      const { key, specHash, pod } = workload({ project: 'shop', environment: 'dev', name: 'tools' }, [
        container(ground.image, ['sh', '-c', 'tr "\\0" " " < /proc/1/cmdline; sleep 60'], { name: 'tools' }),
      ]);
      const asked: string[] = [];
      const add = (allow: boolean, environment = 'dev') =>
        session.reconciler.addEphemeral(id, { key: { ...key, environment }, specHash, pod }, async (start) => {
          asked.push(start.specHash);
          return allow ? { allow } : { allow, reasons: [{ en: 'no', es: 'no' }] };
        });
      await assert.rejects(add(false), { code: 'deploy.gate-refused' });
      await assert.rejects(add(true, 'prod'), { code: 'engine.not-found' });
      assert.deepEqual(asked, [specHash]);
      const added = await add(true);
      const joined = await ground.engine.attach(added, false);
      await ground.engine.startContainer(added);
      const [first] = await firstOf(joined.output);
      assert.equal(first, 'sleep 3600 ');
      await session.until('it is shown last', () => {
        const names = session.status.get('client')?.replicas[0]?.containers.map(({ name }) => name);
        return names?.join() === 'main,tools';
      });
      assert.equal(session.status.get('client')?.phase, 'available');
      joined.stream.destroy();
      await session.reconciler.removeEphemeral(added);
    },
  );

  await t.test('what a terminal says whose process ends at once is told, and once', async () => {
    const { key, specHash, pod } = workload({ project: 'shop', environment: 'dev', name: 'tools' }, [
      container(ground.image, ['echo', 'hi'], { name: 'tools', stdin: true, terminal: true }),
    ]);
    for (let round = 0; round < 3; round += 1) {
      const added = await session.reconciler.addEphemeral(id, { key, specHash, pod }, async () => ({ allow: true }));
      const joined = await ground.engine.attach(added, true);
      await ground.engine.startContainer(added);
      assert.deepEqual(await piecesOf(joined.output), ['hi\r\n']);
      assert.equal(await joined.exitCode(), 0);
      await session.reconciler.removeEphemeral(added);
    }
  });

  await t.test('what waits to be joined begins when somebody is, and an ended one is never begun anew', async () => {
    const said = container(ground.image, ['sh', '-c', 'echo one; echo two >&2; printf part; exit 5']);
    const job = workload({ project: 'shop', environment: 'dev', name: 'once' }, [said], {
      podMore: { restartPolicy: 'Never' },
      controller: { kind: 'job', ...ONE_RUN },
      joined: true,
    });
    session.reconciler.setWanted(wanted({ revision: 2, workloads: [client(), job] }));
    const first = () => session.status.get('once')?.replicas[0]?.containers[0];
    await session.until('made', () => first()?.state === 'created');
    const waiting = first()?.id ?? '';
    const joined = await ground.engine.attach(waiting, false);
    session.reconciler.join(waiting);
    assert.deepEqual((await piecesOf(joined.output)).sort(), ['one\npart', 'two\n'].sort());
    assert.equal(await joined.exitCode(), 5);
    await session.until('failed', () => session.status.get('once')?.phase === 'failed');
    const late = await ground.engine.attach(waiting, false);
    assert.deepEqual((await piecesOf(late.output)).sort(), ['one\npart\n', 'two\n'].sort());
    assert.equal(await late.exitCode(), 5);
    const { containers = [] } = (await ground.engine.list()).find(({ name }) => name.includes('-once-')) ?? {};
    assert.deepEqual(
      containers.map(({ state }) => state),
      ['exited'],
    );
  });
  session.reconciler.setWanted(wanted({ revision: 3 }));
  await session.until('gone', async () => (await ground.engine.list()).length === 0);
});

/** To busybox a terminal without a size is an error; Podman gives it one a moment after its process began. */
const SIZE = 'n=0; until stty size 2>/dev/null || [ $n -ge 600 ]; do sleep 0.1; n=$((n+1)); done';

const ONE_RUN = {
  completions: 1,
  parallelism: 1,
  backoffLimit: 0,
  activeDeadlineSeconds: null,
  ttlSeconds: null,
  indexed: false,
  suspend: false,
  failureRules: [],
  backoffLimitPerIndex: null,
  maxFailedIndexes: null,
  successRules: [],
} as const;

/** What each of both streams said, to their end. */
async function piecesOf(output: AsyncIterable<{ readonly stream: string; readonly bytes: Buffer }>): Promise<string[]> {
  const said = new Map<string, string>();
  for await (const { stream, bytes } of output) said.set(stream, `${said.get(stream) ?? ''}${bytes.toString('utf8')}`);
  return [...said.values()];
}

async function firstOf(output: AsyncIterable<{ readonly bytes: Buffer }>): Promise<string[]> {
  for await (const { bytes } of output) return [bytes.toString('utf8')];
  return [];
}

test('a volume is copied while its workload is held, comes back equal from a backup, and its removal is proved', {
  skip: skip || (existsSync('/usr/bin/restic') ? false : 'needs restic'),
}, async (t) => {
  const storage = await openStorage();
  const session = open(allowAll, storage);
  t.after(async () => {
    storage.stop();
    session.reconciler.setWanted(wanted({ revision: 99 }));
    await session.until('nothing is left', async () => (await ground.engine.list()).length === 0);
    await session.reconciler.stop();
  });
  const place = { project: 'shop', environment: 'dev' };
  const key = { ...place, claim: 'data' };
  const script = 'while :; do echo x >> /data/log; cp /data/log /data/copy; done';
  const writer = workload(
    { ...place, name: 'writer' },
    [container(ground.image, ['sh', '-c', script], { mounts: [{ volume: 'v', path: '/data', readOnly: false }] })],
    { podMore: { volumes: [{ kind: 'claim', name: 'v', claim: 'data', readOnly: false }] } },
  );
  const volumes = [{ ...key, accessModes: ['ReadWriteOncePod'], requestedBytes: 1_000_000 }];
  const other = { ...writer, key: { ...place, name: 'other' } };
  session.reconciler.setWanted(wanted({ workloads: [writer], volumes }));
  await session.until('it writes', () => session.status.get('writer')?.ready === 1);
  session.reconciler.setWanted(wanted({ revision: 2, workloads: [writer, other], volumes }));
  await session.until(
    'the second waits and says for whom',
    () => session.status.get('other')?.conditions.some(({ text }) => /ReadWriteOncePod.*writer/.test(text.en)) === true,
  );
  session.reconciler.setWanted(wanted({ revision: 3, workloads: [writer], volumes }));

  const ask = async (order: object): Promise<Record<string, unknown>> =>
    (await storage.run({ kind: 'volume', order } as never)) as Record<string, unknown>;
  const location = join(ground.folder, 'repository');
  const repository = { location, password: 'open-sesame', user: null };
  await assert.rejects(ask({ action: 'open-repository', repository }), /does not use/);
  // The ground lies below /tmp, which is sticky; a folder of root's own in it is safe.
  await mkdir(location);
  await writeFile(join(ground.folder, 'agent', 'storage.json'), JSON.stringify({ repositories: [location] }));
  assert.equal((await ask({ action: 'open-repository', repository }))['created'], true);
  const wrong = { ...repository, password: 'another' };
  await assert.rejects(ask({ action: 'open-repository', repository: wrong }), /cannot be opened/);
  const saved = await ask({ action: 'backup', key, id: newId(systemClock), repository });
  assert.ok(Number(saved['frozenMs']) > 0, 'it was held');
  const { tree, snapshot, path, bytes } = saved;
  assert.equal((await ask({ action: 'verify', repository, snapshot, path, bytes, tree }))['same'], true);
  const to = { ...place, claim: 'back' };
  const from = { kind: 'backup', repository, snapshot, path };
  const fill = { action: 'fill', from, to, place: null, requestedBytes: 1_000_000, bytes, tree };
  assert.equal((await ask(fill))['tree'], tree);
  // What was filled for nobody makes room; what control asks about is somebody's.
  assert.equal((await ask(fill))['tree'], tree);
  await ask({ action: 'look', claims: [{ key: to, place: null }] });
  await assert.rejects(ask(fill), /not written over/);
  const shot = newId(systemClock);
  const snapped = await ask({ action: 'snapshot', key, id: shot });
  assert.notEqual(snapped['tree'], tree, 'the workload went on in between');
  const broken = { ...fill, to: { ...place, claim: 'broken' }, tree: 'b'.repeat(64) };
  await assert.rejects(ask(broken), /is not what was saved/);
  assert.ok(!(await ground.podman('volume', 'ls')).includes('broken'), 'what differs is not left behind');

  await assert.rejects(ask({ action: 'remove', key, place: null }), /containers have it mounted/);
  const proof = await ask({ action: 'remove', key: to, place: null });
  assert.deepEqual([proof['how'], proof['files'], existsSync(String(proof['path']))], ['deleted', 2, false]);
  await ask({ action: 'drop-snapshot', key, id: shot });
  assert.ok(!(await ground.podman('volume', 'ls')).includes('_snap_'));
  assert.ok(
    !existsSync(join(ground.folder, 'agent', 'keys')) || !(await hasFiles(join(ground.folder, 'agent', 'keys'))),
  );

  // An agent that ended while it held the workload: the next one lets it go.
  const id = session.status.get('writer')?.replicas[0]?.containers[0]?.id ?? '';
  // With control groups v1 runc does not freeze a container whose processes fork just then.
  for (let n = 0; n < 5 && (await ground.podman('inspect', '--format', '{{.State.Paused}}', id)) !== 'true'; n++)
    await ground.podman('pause', id).catch(() => null);
  await writeFile(join(ground.folder, 'agent', 'frozen.json'), JSON.stringify([id]));
  (await openStorage()).stop();
  assert.equal(await ground.podman('inspect', '--format', '{{.State.Paused}}', id), 'false');
});

async function hasFiles(folder: string): Promise<boolean> {
  const { stdout } = await runCommand('find', [folder, '-type', 'f'], { timeoutMs: 30_000 });
  return stdout !== '';
}

/** What the kernel holds a process to; Podman goes on saying what the container was made with. */
async function memoryLimitOf(pid: number): Promise<number> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const first = /^\d+:memory:(.*)$/m.exec(groups)?.[1];
  const file =
    first === undefined
      ? `/sys/fs/cgroup${/^0::(.*)$/m.exec(groups)?.[1]}/memory.max`
      : `/sys/fs/cgroup/memory${first}/memory.limit_in_bytes`;
  return Number(await readFile(file, 'utf8'));
}
