import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Fault } from '../../../system/index.ts';
import type { ContainerOrder } from './engine.ts';
import { PodmanEngine, type PodmanOptions } from './podman.ts';

/**
 * A Podman that answers as it is told, by method and path behind the version.
 * @param written all that a process writes to who joins it
 */
async function openPodman(
  t: TestContext,
  answers: Readonly<Record<string, readonly [status: number, body: unknown]>>,
  asked: string[] = [],
  written = '',
  options: Partial<PodmanOptions> = {},
): Promise<PodmanEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'dz-podman-'));
  const socketPath = join(folder, 's');
  const server = createServer((request, response) => {
    const path = (request.url ?? '').replace(/^\/v[^/]+\/libpod/, '').replace(/\?.*$/, '');
    asked.push(`${request.method} ${path}`);
    const [status, body] = answers[`${request.method} ${path}`] ?? [404, { message: `no ${path}` }];
    const bytes = Buffer.isBuffer(body) ? body : JSON.stringify(body);
    request.resume().once('end', () => response.writeHead(status).end(bytes));
  });
  server.on('upgrade', (_, socket) => {
    socket.resume().end(`HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n${written}`);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const engine = new PodmanEngine({ socketPath, instance: 'dz', ...options });
  t.after(async () => {
    engine.close();
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return engine;
}

const info = (host: object): readonly [number, unknown] => [
  200,
  { version: { Version: '5.4.2' }, host: { cgroupVersion: 'v2', ociRuntime: { name: 'crun' }, ...host } },
];

function containerOf(image: string): ContainerOrder {
  const security = {
    ...{ runAsUser: null, runAsGroup: null, capabilitiesAdd: [], capabilitiesDrop: [] },
    ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
  } as unknown as ContainerOrder['security'];
  const resources = { cpuLimitMillis: null, cpuRequestMillis: null, memoryLimitBytes: null, memoryRequestBytes: null };
  return {
    ...{ name: 'c', pod: 'p', labels: {}, image, command: null, args: null, workingDir: null, env: {} },
    ...{ resources: resources as unknown as ContainerOrder['resources'], security, mounts: [] },
  };
}

test('without root no limit is promised where Podman has fallen back from systemd, whatever controllers it lists', async (t) => {
  const listed = { cgroupControllers: ['cpu', 'memory', 'pids'], security: { rootless: true } };
  const fallen = await openPodman(t, { 'GET /info': info({ ...listed, cgroupManager: 'cgroupfs' }) });
  const { limitsMissing, lacks } = await fallen.facts();
  assert.match(limitsMissing?.en ?? '', /session of systemd/);
  assert.match(limitsMissing?.es ?? '', /sesión de systemd/);
  assert.deepEqual(Object.keys(lacks ?? {}), ['pause', 'evidence']);

  const whole = await openPodman(t, { 'GET /info': info({ ...listed, cgroupManager: 'systemd' }) });
  assert.deepEqual([(await whole.facts()).limitsMissing, (await whole.facts()).lacks], [null, undefined]);
  const root = await openPodman(t, {
    'GET /info': info({ ...listed, cgroupManager: 'cgroupfs', security: { rootless: false } }),
  });
  assert.deepEqual([(await root.facts()).limitsMissing, (await root.facts()).lacks], [null, undefined]);
});

test('what Podman did not hand on of a process that somebody joined is told from its log, in its place and once', async (t) => {
  const frame = (text: string): Buffer => {
    const head = Buffer.alloc(8);
    head[0] = 1;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const joined = async (status: string, terminal: boolean, written: string): Promise<[string, number]> => {
    const isOver = status === 'exited';
    const answers = {
      'GET /containers/c/json': [200, { State: { Status: status, ExitCode: 3 } }],
      'GET /containers/c/logs': [200, frame(isOver ? '2026-11-23T07:00:00.000000000Z hi there\r\n' : 'hi there\r\n')],
      'POST /containers/c/wait': [200, 3],
    } as const;
    const session = await (await openPodman(t, answers, [], written)).attach('c', terminal);
    const pieces: Buffer[] = [];
    for await (const { bytes } of session.output) pieces.push(Buffer.from(bytes));
    return [Buffer.concat(pieces).toString(), await session.exitCode()];
  };
  // Nothing of it, all of it, its end, its beginning.
  for (const written of ['', 'hi there\r\n', 'there\r\n', 'hi '])
    assert.deepEqual(await joined('created', true, written), ['hi there\r\n', 3], JSON.stringify(written));
  for (const written of ['', 'there\r\n'])
    assert.deepEqual(
      await joined('created', false, written === '' ? '' : frame(written).toString()),
      ['hi there\r\n', 3],
      JSON.stringify(written),
    );
  // A log that was turned over meanwhile has another beginning, and adds nothing.
  assert.deepEqual(await joined('created', true, 'something else'), ['something else', 3]);
  // Joined while it ran its logs came first.
  assert.deepEqual(await joined('running', true, ''), ['', 3]);
  assert.deepEqual(await joined('exited', true, ''), ['hi there\r\n', 3]);
});

test('a command whose end Podman has forgotten, as it was read so slowly, is never said to have ended well', async (t) => {
  const answers = {
    'GET /containers/c/json': [200, { State: { Pid: 0 } }],
    'POST /containers/c/exec': [201, { Id: 'e' }],
  } as const;
  const engine = await openPodman(t, answers, [], 'all it said');
  const session = await engine.execAttach({ containerId: 'c', command: ['x'], terminal: true, env: {} });
  const pieces: string[] = [];
  for await (const { bytes } of session.output) pieces.push(bytes.toString());
  assert.equal(pieces.join(''), 'all it said');
  await assert.rejects(session.exitCode(), { code: 'engine.not-found', message: /slowly/ });
});

test('an image that tells the run-time by annotations what to do gets no container, whatever Podman would make of them', async (t) => {
  const image = (annotations: object): readonly [number, unknown] => [200, { Id: 'x', Annotations: annotations }];
  const engine = await openPodman(t, {
    'GET /info': info({ cgroupManager: 'systemd', cgroupControllers: ['cpu', 'memory'] }),
    'GET /images/usual/json': image({ 'org.opencontainers.image.created': '2026', 'run.ociX': '' }),
    'GET /images/none/json': image({}),
    'GET /images/systemd/json': image({ 'org.systemd.property.DevicePolicy': "'auto'" }),
    'GET /images/crun/json': image({ 'run.oci.seccomp_bpf_data': 'AA==' }),
    'GET /images/kata/json': image({ 'io.katacontainers.config.hypervisor.path': '/x' }),
    'POST /containers/create': [201, { Id: 'made' }],
  });
  const create = (image: string): Promise<string> => engine.createContainer(containerOf(image));
  for (const name of ['usual', 'none']) assert.equal(await create(name), 'made', name);
  for (const name of ['systemd', 'crun', 'kata'])
    await assert.rejects(create(name), { code: 'engine.refused', message: /annotations that run-times obey/ }, name);
});

test('a container that turned its own folder into a way to the kernel gets no command, also when none names a folder', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-own-folder-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const own = join(folder, 'app');
  await mkdir(own);
  const asked: string[] = [];
  const answers: Record<string, readonly [number, unknown]> = {
    // This very process stands for the container's: its root is the host's.
    'GET /containers/c/json': [200, { State: { Pid: process.pid }, Config: { WorkingDir: own } }],
    'POST /containers/c/exec': [201, { Id: 'e' }],
  };
  const engine = await openPodman(t, answers, asked);
  const run = () => engine.execAttach({ containerId: 'c', command: ['x'], terminal: true, env: {} });
  for (let time = 0; time < 3; time++) (await run()).stream.destroy();
  assert.equal(asked.filter((one) => one === 'GET /containers/c/json').length, 1, 'one look in its life');
  await rm(own, { recursive: true });
  await symlink('/proc/self/fd/7', own);
  await assert.rejects(run(), { code: 'engine.refused', message: /leads to \/proc\/self\/fd\/7/ });
  assert.equal(asked.filter((one) => one === 'POST /containers/c/exec').length, 3, 'Podman was not asked');
});

test('an image that somebody removed meanwhile is looked for again, and not believed to be there for ever', async (t) => {
  const answers: Record<string, readonly [number, unknown]> = {
    'GET /info': info({ cgroupManager: 'systemd', cgroupControllers: ['cpu', 'memory'] }),
    'GET /images/web/json': [200, { Id: 'first' }],
    // As Podman 4.3 says it.
    'POST /containers/create': [500, { cause: 'image not known', message: 'web: image not known', response: 500 }],
  };
  const engine = await openPodman(t, answers);
  const ensure = () => engine.ensureImage('web', null, new AbortController().signal);
  assert.equal((await ensure()).id, 'first');
  answers['GET /images/web/json'] = [200, { Id: 'second' }];
  assert.equal((await ensure()).id, 'first', 'what is known is not asked for again');
  await assert.rejects(engine.createContainer(containerOf('web')), /image not known/);
  assert.equal((await ensure()).id, 'second');
});

test('that no ranges are left for a namespace of users is said with what root can do about it', async (t) => {
  const message = 'failed to make pod: creating container storage: not enough unused IDs in user namespace';
  const engine = await openPodman(t, {
    'GET /info': info({ cgroupManager: 'systemd', cgroupControllers: ['cpu', 'memory'] }),
    'POST /pods/create': [500, { cause: 'x', message, response: 500 }],
  });
  const order = { name: 'p', hostname: 'p', network: 'n', labels: {}, ports: [], resolver: null } as const;
  await assert.rejects(engine.createPod({ ...order, userNamespace: true }), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'engine.lacks');
    assert.match(error.message, /--add-subuids .* containers/);
    return true;
  });
});

test('the place of a pod is asked for once in the life of its network, and anew when it was made or started again', async (t) => {
  const asked: string[] = [];
  const infra = (pid: number, startedAt: string): readonly [number, unknown] => [
    200,
    {
      ...{ Id: 'f'.repeat(64), Name: 'p-infra', Pod: 'e'.repeat(64), HostsPath: '/nowhere/hosts' },
      ...{ State: { Pid: pid, StartedAt: startedAt }, Config: { Hostname: 'p' } },
      NetworkSettings: { Networks: { n: { IPAddress: `10.1.0.${pid}`, IPPrefixLen: 24, Gateway: '10.1.0.1' } } },
    },
  ];
  const answers: Record<string, readonly [number, unknown]> = {
    'GET /info': info({ cgroupManager: 'systemd', cgroupControllers: ['cpu', 'memory'] }),
    'POST /pods/create': [201, { Id: 'e'.repeat(64) }],
    'GET /containers/p-infra/json': infra(7, '2026-11-23T02:00:00.123456789Z'),
    [`GET /containers/${'f'.repeat(64)}/json`]: infra(8, '2026-11-23T02:05:00.5Z'),
  };
  const engine = await openPodman(t, answers, asked);
  const order = { name: 'p', hostname: 'p', network: 'n', labels: {}, ports: [], resolver: null } as const;
  await Promise.all(Array.from({ length: 8 }, () => engine.facts()));
  assert.deepEqual(asked, ['GET /info'], 'eight that ask together');
  const inspects = (): number => asked.filter((one) => /^GET .containers.*json$/.test(one)).length;
  const place = async (id: string, startedAtMs: number | null): Promise<string> => {
    const pod = { id: 'e'.repeat(64), name: 'p', labels: {}, createdAtMs: 0, containers: [] };
    return (await engine.locatePod({ ...pod, infra: { id, state: 'running', startedAtMs } })).address;
  };

  const { infraId } = await engine.createPod(order);
  for (let n = 0; n < 4; n++) assert.equal(await place(infraId, null), '10.1.0.7');
  for (let n = 0; n < 4; n++) assert.equal(await place('f'.repeat(64), Date.UTC(2026, 10, 23, 2, 0, 0)), '10.1.0.7');
  assert.equal(inspects(), 1, 'by the name that we gave and by the id of lists');
  assert.equal(await place('f'.repeat(64), Date.UTC(2026, 10, 23, 2, 5, 0)), '10.1.0.8', 'started again from outside');
  assert.equal(inspects(), 2);
  answers['GET /containers/p-infra/json'] = infra(9, '2026-11-23T02:06:00Z');
  await engine.createPod(order);
  assert.equal(await place(infraId, null), '10.1.0.9', 'another pod by the same name');
});

test('without the device of its network no pod of an ordinary account is begun, and it is said what root has to do', async (t) => {
  const asked: string[] = [];
  const answers = { 'GET /info': info({ security: { rootless: true } }) };
  const engine = await openPodman(t, answers, asked, '', { tun: '/nowhere/tun' });
  await assert.rejects(engine.startContainer('dz-shop-infra'), (error: Fault) => {
    assert.equal(error.code, 'engine.lacks');
    assert.match(error.message, /start dz-shop-infra .*\/nowhere\/tun, which this machine lacks/);
    return true;
  });
  assert.deepEqual(asked, ['GET /info']);
});

test('a network that Podman made by half is dropped once, however many pods found it so', async (t) => {
  const half = [
    500,
    { message: 'failed to mount runtime directory for rootless netns: no such file or directory' },
  ] as const;
  const start = 'POST /containers/dz-shop-infra/start';
  const answers: Record<string, readonly [number, unknown]> = {
    'GET /info': info({ security: { rootless: true } }),
    [start]: half,
  };
  let dropped = 0;
  const engine = await openPodman(t, answers, [], '', {
    tun: '/dev/null',
    dropHalfNetwork: async () => {
      dropped += 1;
      answers[start] = [204, ''];
    },
  });
  await Promise.all([1, 2, 3].map(() => engine.startContainer('dz-shop-infra')));
  assert.equal(dropped, 1);
  answers[start] = [500, { message: 'something else' }];
  await assert.rejects(engine.startContainer('dz-shop-infra'), /something else/);
  assert.equal(dropped, 1);
});
