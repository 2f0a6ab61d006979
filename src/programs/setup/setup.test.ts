import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { lchown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../system/index.ts';
import { planMachine, portAdaptation } from './adaptations.ts';
import { unitText } from './boot.ts';
import { packageClosure } from './code.ts';
import { setupFault } from './errors.ts';
import { planFolders } from './folders.ts';
import {
  type Instance,
  instanceFiles,
  instanceFolders,
  instanceName,
  instancePrefix,
  readInstance,
} from './instance.ts';
import { formatLogLine } from './logs.ts';
import type { Machine } from './machine.ts';
import { forgetFormerRun, runOfMachine } from './machine-run.ts';
import { installCommand, missingFrom, missingNeeds, neededPackages } from './packages.ts';
import { planPodman } from './podman.ts';
import { keeperOfPort, markPorts, unmarkPorts } from './port-marks.ts';
import { choosePorts, isFree } from './ports.ts';
import { identify, isRunning, listenerOf, readPidFile } from './processes.ts';
import { describeProgram, programsOf, sensorConfig } from './programs.ts';
import { ownedImages, ownedNames, ownedPods, ownedTables } from './purge.ts';
import { mergeParts } from './status.ts';
import { lastWords, stopProgram, supervisedState, superviseProgram, usefulLines } from './supervisor.ts';
import { freeSubIds, userName } from './users.ts';

const FULL: Machine = {
  mode: 'root',
  distribution: { id: 'debian', like: [], name: 'Debian GNU/Linux 12' },
  systemd: true,
  cgroup: 'v2',
  capabilities: { sysResource: true, bpf: true, perfmon: true, sysAdmin: true },
  btf: true,
  unmounted: [],
  locked: false,
  limits: { raisable: true, openFiles: 1_048_576, processes: null },
  devices: { tun: 'open', fuse: 'open' },
  subIds: true,
  sessionBus: null,
  podmanMajor: 5,
  memoryBytes: 8 * 1024 ** 3,
  diskFreeBytes: 50 * 1024 ** 3,
};

function instanceOf(mode: Instance['mode'] = 'root'): Instance {
  const folders = instanceFolders('test', mode, { HOME: '/home/ana', XDG_RUNTIME_DIR: '/run/user/1000' });
  const plan = planMachine({ ...FULL, mode });
  const user = (name: string, uid: number) => ({ name, uid, gid: uid });
  return {
    name: 'test',
    mode,
    prefix: instancePrefix('test'),
    version: '0.1.0',
    code: '/opt/darsena/0.1.0-abc',
    ...folders,
    domain: 'test.localhost',
    ports: { console: 7443, agents: 7444, edgeHttps: 443, edgeHttp: 80 },
    bind: '127.0.0.1',
    users: { control: user('c', 901), build: user('b', 902), edge: user('e', 903) },
    runtime: 'crun',
    cgroup: 'v2',
    sensor: mode === 'root',
    adaptations: [],
    podman: planPodman(folders, { mode, plan, registryPort: 7443 }).files,
    createdAt: '2026-01-01T00:00:00Z',
  };
}

test('instance names become user, container and folder names, so that only safe ones are taken', () => {
  for (const name of ['darsena', 'a', 't9-x', 'a'.repeat(20)]) assert.equal(instanceName(name), name);
  for (const name of ['', 'A', '9a', 'a_b', '../x', 'a b', 'a-', 'a'.repeat(21), 'ñ']) {
    assert.throws(() => instanceName(name), { code: 'setup.instance-name' }, name);
  }
  assert.equal(instanceName(undefined, { DARSENA_INSTANCE: 'other' }), 'other');
  assert.equal(instanceName(undefined, {}), 'darsena');
});

test('no two instances share a user, and no user name is longer than the system takes', () => {
  const long = ['a'.repeat(20), `${'a'.repeat(19)}b`];
  const names = ['darsena', 'x', ...long].flatMap((name) =>
    (['control', 'build', 'edge'] as const).map((role) => userName(name, role)),
  );
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.ok(name.length <= 32, name);
});

test('a full machine needs no adaptation', () => {
  const plan = planMachine(FULL);
  assert.deepEqual(plan.adaptations, []);
  assert.deepEqual([plan.runtime, plan.cgroupManager, plan.ulimits, plan.sensor], ['crun', 'systemd', null, true]);
});

test('each lack of the machine is adapted to and said in both languages', () => {
  const cases: [Partial<Machine>, string, (plan: ReturnType<typeof planMachine>) => boolean][] = [
    [{ cgroup: 'hybrid' }, 'cgroup', (plan) => plan.runtime === 'runc' && plan.cgroupManager === 'cgroupfs'],
    [{ cgroup: 'v1' }, 'cgroup', (plan) => plan.runtime === 'runc'],
    [
      { limits: { raisable: false, openFiles: 20_000, processes: 96_365 } },
      'ulimits',
      (plan) => plan.ulimits?.join() === 'nofile=20000:20000,nproc=8192:8192' && plan.runtime === 'runc',
    ],
    [
      { limits: { raisable: false, openFiles: 512, processes: 100 } },
      'ulimits',
      (plan) => plan.ulimits?.join() === 'nofile=512:512,nproc=100:100',
    ],
    [{ btf: false }, 'weak-sensor', (plan) => plan.sensor],
    [{ unmounted: ['tracefs', 'bpf'] }, 'kernel-mounts', (plan) => plan.sensor],
    [{ locked: true }, 'weak-sensor', (plan) => plan.sensor],
    // Root of a container that has SYS_ADMIN and not BPF: the sensor that loads programs would have neither.
    [
      { capabilities: { sysResource: true, bpf: false, perfmon: false, sysAdmin: true } },
      'weak-sensor',
      (plan) => plan.sensor,
    ],
    [
      { capabilities: { sysResource: true, bpf: false, perfmon: true, sysAdmin: false } },
      'no-sensor',
      (plan) => !plan.sensor,
    ],
    [{ mode: 'rootless' }, 'rootless', (plan) => !plan.sensor],
    [{ mode: 'rootless', devices: { tun: 'closed', fuse: 'open' } }, 'tun', () => true],
    [{ mode: 'rootless', devices: { tun: 'open', fuse: 'missing' } }, 'fuse', () => true],
    [{ mode: 'rootless', subIds: false }, 'sub-ids', () => true],
    [{ mode: 'rootless', cgroup: 'hybrid' }, 'rootless-limits', () => true],
    [{ mode: 'rootless', sessionBus: null }, 'rootless-limits', (plan) => plan.cgroupManager === 'cgroupfs'],
    [{ systemd: false }, 'no-systemd', (plan) => plan.cgroupManager === 'cgroupfs'],
    [{ memoryBytes: 1024 ** 3 }, 'memory', () => true],
    [{ diskFreeBytes: 1024 ** 3 }, 'disk', () => true],
  ];
  for (const [part, code, holds] of cases) {
    const plan = planMachine({ ...FULL, ...part });
    const adaptation = plan.adaptations.find((found) => found.code === code);
    assert.ok(adaptation !== undefined, code);
    assert.ok(holds(plan), code);
    assert.notEqual(adaptation.text.en, adaptation.text.es);
    assert.ok(!adaptation.text.en.includes('\n'), 'one line');
  }
});

test('without root Podman is led to the bus of the account’s own systemd, which is not in its folder of the instance', () => {
  const folders = instanceFolders('test', 'rootless', { HOME: '/home/ana', XDG_RUNTIME_DIR: '/run/user/1000' });
  const busWith = (sessionBus: string | null): unknown => {
    const plan = planMachine({ ...FULL, mode: 'rootless', sessionBus });
    assert.equal(plan.cgroupManager, sessionBus === null ? 'cgroupfs' : 'systemd');
    const { bus, files } = planPodman(folders, { mode: 'rootless', plan, registryPort: 7443 });
    assert.equal(files.environment['XDG_RUNTIME_DIR'], folders.run);
    return bus;
  };
  assert.deepEqual(busWith('/run/user/1000/bus'), { path: join(folders.run, 'bus'), target: '/run/user/1000/bus' });
  assert.equal(busWith(null), null);
});

test('a taken port is said with its holder where that is known', () => {
  const text = portAdaptation('edgeHttps', { wanted: 443, got: 8443, holder: 'nginx (pid 8)', privileged: false }).text;
  assert.match(text.en, /port 443 is taken by nginx \(pid 8\).*port 8443/);
  assert.match(text.es, /el puerto 443 está ocupado por nginx \(pid 8\).*puerto 8443/);
});

test('ports: a taken one is passed over, chosen ones differ, and who listens is found', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  assert.equal(await isFree(address.port, '127.0.0.1'), false);
  assert.match((await listenerOf(address.port)) ?? '', new RegExp(`\\(pid ${process.pid}\\)`));
  const others = new Map([
    [7443, 'Dársena other'],
    [8443, 'Dársena other'],
  ]);
  const { ports, adaptations, release, abandon } = await choosePorts('rootless', '127.0.0.1', others);
  t.after(abandon);
  assert.equal(new Set(Object.values(ports)).size, 4);
  assert.ok(!Object.values(ports).includes(7443) && !Object.values(ports).includes(8443));
  assert.match(adaptations[0]?.text.en ?? '', /port 7443 is taken by Dársena other/);

  // Let go of for the program that will listen there, and still nobody else's.
  await release();
  assert.ok(await isFree(ports.console, '127.0.0.1'));
  const second = await choosePorts('rootless', '127.0.0.1', others);
  t.after(second.abandon);
  assert.equal(new Set([...Object.values(ports), ...Object.values(second.ports)]).size, 8);
  await second.abandon();
  const third = await choosePorts('rootless', '127.0.0.1', others);
  await third.abandon();
  assert.deepEqual(third.ports, second.ports);
});

test('ports of an ordinary user’s instance are passed over while it is down, and the last free one is nobody’s', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-marks-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  // Other instances of this machine may listen at some of them.
  const open: number[] = [];
  for (let port = 7_445; port < 7_543 && open.length < 3; port += 1)
    if (await isFree(port, '127.0.0.1')) open.push(port);
  const [first = 0, second = 0, third = 0] = open;
  const instance = {
    ...instanceOf('rootless'),
    name: 'ana',
    ports: { console: first, agents: 7_543, edgeHttps: 8_450, edgeHttp: 8_090 },
  };
  const isRoot = process.getuid?.() === 0;
  await markPorts(instance, folder);
  await markPorts(instance, folder);
  const marks = (await readdir(folder)).sort();
  assert.equal(marks.length, 4);
  // As a user's: those of root are read from its descriptions.
  if (isRoot) for (const mark of marks) await lchown(join(folder, mark), 1_000, 1_000);
  const keeper = (port: number) => keeperOfPort(port, 'eva', folder);
  const uid = isRoot ? 1_000 : process.getuid?.();
  assert.equal(await keeper(first), `Dársena ana (uid ${uid})`);
  assert.equal(await keeper(second), null);
  if (!isRoot) assert.equal(await keeperOfPort(first, 'ana', folder), null, 'its own');
  await writeFile(join(folder, '.darsena-port-8560'), 'no link');
  await symlink('../../etc', join(folder, '.darsena-port-8561'));
  assert.deepEqual([await keeper(8_560), await keeper(8_561)], [null, null]);
  const others = new Map(Array.from({ length: 100 }, (_, index) => [7_443 + index, 'somebody']));
  for (const port of open) others.delete(port);
  const chosen = await choosePorts('rootless', '127.0.0.1', others, keeper);
  t.after(chosen.abandon);
  assert.deepEqual([chosen.ports.console, chosen.ports.agents], [second, third]);
  others.set(third, 'somebody');
  await chosen.abandon();
  const scarce = await choosePorts('rootless', '127.0.0.1', others, keeper);
  t.after(scarce.abandon);
  assert.deepEqual([scarce.ports.console, scarce.ports.agents], [second, first]);
  if (isRoot) for (const mark of marks) await lchown(join(folder, mark), 0, 0);
  await unmarkPorts({ ...instance, name: 'eva' }, folder);
  assert.equal((await readdir(folder)).length, 6, 'of another instance');
  await unmarkPorts(instance, folder);
  assert.equal((await readdir(folder)).length, 2);
});

test('packages: what dpkg does not call installed is missing, also when its settings are left', () => {
  const answer = 'podman installed\nrunc config-files\nhaproxy not-installed\n';
  assert.deepEqual(missingFrom(['podman', 'runc', 'haproxy', 'buildah'], answer), ['runc', 'haproxy', 'buildah']);
  assert.equal(installCommand(['runc', 'buildah']), 'apt-get install --yes --no-install-recommends runc buildah');
  const names = neededPackages(FULL, 'runc').map(({ name }) => name);
  assert.ok(names.includes('runc') && !names.includes('crun'));
  // Netavark 1.14 and later need nft, Podman 5 without root needs pasta, and neither package depends on them.
  assert.ok(names.includes('nftables') && !names.includes('passt'));
  const wantsPasta = (podmanMajor: number | null): boolean =>
    neededPackages({ mode: 'rootless', podmanMajor }, 'runc').some(({ provides }) => provides === 'pasta');
  assert.deepEqual([4, 5, null].map(wantsPasta), [false, true, true]);
  assert.equal(new Set(names).size, names.length);
});

test('packages: a machine that has all but a useful one is not asked for it', async () => {
  const machine = { distribution: { id: 'other', like: [], name: 'Other' } };
  const shell = { name: 'dash', provides: 'sh', why: '' };
  const nowhere = { name: 'nowhere', provides: 'no-such-program', why: '' };
  assert.deepEqual(await missingNeeds(machine, [shell, { ...nowhere, optional: true }]), []);
  assert.deepEqual(await missingNeeds(machine, [shell, nowhere]), ['nowhere']);
});

test('sub-ids of a new user begin behind all that are given', () => {
  assert.equal(freeSubIds(''), 100_000);
  assert.equal(freeSubIds('a:100000:65536\nb:300000:10\n'), 300_010);
});

test('folders: only root writes where root reads, and private ones are closed', () => {
  const instance = instanceOf();
  const files = instanceFiles(instance);
  const plan = new Map(planFolders(instance).map((folder) => [folder.path, folder]));
  assert.deepEqual(
    [files.control.folder, files.agent.folder, files.supervisors, files.build.folder].map((path) => {
      const folder = plan.get(path);
      return [folder?.uid, folder?.mode.toString(8)];
    }),
    [
      [901, '700'],
      [0, '700'],
      [0, '755'],
      [902, '711'],
    ],
  );
  const foreign = planFolders(instance).filter(({ uid }) => uid !== 0);
  for (const { path } of planFolders(instance).filter(({ uid }) => uid === 0)) {
    assert.ok(
      !foreign.some((folder) => path.startsWith(`${folder.path}/`)),
      `${path} is below a folder of another user`,
    );
  }
});

test('control has no rights, the edge one, the sensor four; none can gain more', () => {
  const instance = instanceOf();
  const argv = (name: 'control' | 'edge' | 'sensor'): string => describeProgram(instance, name).argv.join(' ');
  assert.match(
    argv('control'),
    /^setpriv --reuid=901 --regid=901 --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs -- \/opt/,
  );
  assert.match(argv('edge'), /--reuid=903 .*--bounding-set=-all,\+net_bind_service .*--no-new-privs -- haproxy -W/);
  assert.match(
    argv('sensor'),
    /^nice -n -14 setpriv --bounding-set=-all,\+bpf,\+perfmon,\+sys_ptrace,\+dac_read_search .*--no-new-privs/,
  );
  assert.deepEqual(programsOf(instance), ['control', 'agent', 'sensor', 'edge']);
  // Where there are no BPF programs it has other rights, and no more of them than fanotify and audit need.
  const weak = { ...instance, adaptations: [{ code: 'weak-sensor', text: { en: '', es: '' } }] };
  assert.match(
    describeProgram(weak, 'sensor').argv.join(' '),
    /--bounding-set=-all,\+sys_admin,\+audit_control,\+audit_read,\+sys_ptrace,\+dac_read_search /,
  );
  assert.equal((sensorConfig(weak) as { source?: string }).source, 'fallback');
});

test('rootless: everything runs as the caller, without a sensor, below the caller’s own folders', () => {
  const instance = instanceOf('rootless');
  assert.equal(instance.data, '/home/ana/.local/share/darsena/test');
  assert.equal(instance.run, '/run/user/1000/darsena/test');
  assert.deepEqual(programsOf(instance), ['control', 'agent', 'edge']);
  assert.ok(!describeProgram(instance, 'control').argv.includes('setpriv'));
  assert.ok(instance.podman.storageConf?.startsWith(instance.data));
});

test('programs run from the installed copy and get no variable of the caller', () => {
  const instance = instanceOf();
  const { argv, environment } = describeProgram(instance, 'agent');
  assert.ok(
    argv.every((argument) => !argument.startsWith('/') || /^\/(opt|var\/lib)\/darsena\//.test(argument)),
    argv.join(' '),
  );
  assert.deepEqual(Object.keys(environment).sort(), [
    'DARSENA_INSTANCE',
    'HOME',
    'LANG',
    'MALLOC_ARENA_MAX',
    'NODE_COMPILE_CACHE',
    'PATH',
  ]);
});

test('the engine takes images from our registry only', () => {
  const folders = instanceFolders('test', 'root', {});
  const { contents, files } = planPodman(folders, {
    mode: 'root',
    plan: planMachine({ ...FULL, cgroup: 'hybrid', limits: { raisable: false, openFiles: 20_000, processes: 96_365 } }),
    registryPort: 7449,
  });
  const policy = JSON.parse(contents.get(join(files.home, '.config/containers/policy.json')) ?? '{}') as {
    default: { type: string }[];
    transports: { docker: Record<string, unknown> };
  };
  assert.deepEqual(policy.default, [{ type: 'reject' }]);
  assert.deepEqual(Object.keys(policy.transports.docker), ['registry.darsena.internal']);
  assert.match(contents.get(files.registriesConf) ?? '', /unqualified-search-registries = \[\]/);
  assert.match(contents.get(files.registriesConf) ?? '', /location = "127\.0\.0\.1:7449"/);
  assert.match(
    contents.get(files.containersConf) ?? '',
    /default_ulimits = \["nofile=20000:20000", "nproc=8192:8192"\]/,
  );
  assert.equal(files.storageConf, null);
});

test('purge lists only what carries the instance’s label, name or registry', () => {
  const objects = [
    { name: 'mine', labels: { 'darsena.instance': 'test' } },
    { name: 'test-but-not-mine', labels: {} },
    { name: 'darsena-test-web', labels: { 'darsena.instance': 'test2' } },
  ];
  assert.deepEqual(ownedNames('test', objects), ['mine']);
  const pods = ['1', '3600', null].map((grace, index) => ({
    name: `pod-${index}`,
    labels: { 'darsena.instance': 'test', ...(grace === null ? {} : { 'darsena.grace-seconds': grace }) },
  }));
  // Each pod has the time of its own manifest, and whoever purges does not wait for an hour.
  assert.deepEqual(
    ownedPods('test', [...pods, ...objects.slice(1)]),
    [1, 10, 10].map((graceSeconds, index) => ({ id: `pod-${index}`, graceSeconds })),
  );
  const digest = (id: string): string => `sha256:${id.repeat(64)}`;
  const image = (id: string, names: readonly string[], createdAtMs = 0) => ({
    id,
    digest: digest(id),
    names,
    createdAtMs,
  });
  assert.deepEqual(
    ownedImages(
      [
        image('1', ['registry.darsena.internal/a/b:1', 'docker.io/a/b:1']),
        image('2', ['registry.darsena.internal.evil/a']),
        image('3', [`registry.darsena.internal/a/held@${digest('3')}`]),
        image('4', ['registry.darsena.internal/a/held:tag']),
        image('5', [`registry.darsena.internal/a/used@${digest('5')}`]),
        image('6', ['localhost/podman-pause:4.3.1-0'], 2_000),
        image('7', ['localhost/podman-pause:4.2.0-0'], 500),
        image('8', ['localhost/podman-pause-not:1'], 2_000),
      ],
      {
        usedIds: new Set(['5']),
        heldDigests: new Set([digest('3'), digest('4')]),
        instanceSinceMs: 1_000,
      },
    ),
    ['registry.darsena.internal/a/b:1', 'localhost/podman-pause:4.3.1-0'],
  );
  const tables = ['darsena-test', 'darsena_test', 'darsena-test:edge', 'darsena-test2', 'darsena', 'filter'].map(
    (name) => ({ family: 'inet', name }),
  );
  assert.deepEqual(
    ownedTables('darsena-test', tables).map(({ name }) => name),
    ['darsena-test', 'darsena_test', 'darsena-test:edge'],
  );
});

test('packages to copy are the closure from the root, nearest folder first', () => {
  const packages = {
    '': { dependencies: { a: '1' }, optionalDependencies: { native: '1' } },
    'node_modules/a': { dependencies: { b: '2' } },
    'node_modules/b': { dependencies: {} },
    'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
    'node_modules/c': {},
    'node_modules/dev-only': {},
  };
  assert.deepEqual(packageClosure(packages), ['node_modules/a', 'node_modules/a/node_modules/b', 'node_modules/c']);
});

test('status: a program that does not run is down whatever control last heard', () => {
  const local = (name: string, state: 'ok' | 'down') => ({ name, state, since: null, memoryBytes: 1, detail: null });
  const merged = mergeParts(
    [local('agent', 'down'), local('sensor', 'ok')],
    [
      { name: 'agent', state: 'ok' },
      { name: 'sensor', state: 'degraded', detail: { en: 'lost events', es: 'eventos perdidos' } },
      { name: 'database', state: 'ok' },
    ],
  );
  assert.deepEqual(
    merged.map(({ name, state }) => [name, state]),
    [
      ['agent', 'down'],
      ['sensor', 'degraded'],
      ['database', 'ok'],
    ],
  );
});

test('a log line of a program reads as a sentence; another is shown as it is', () => {
  const line = '{"level":50,"time":"2026-01-01T00:00:00Z","pid":7,"name":"control","project":"shop","msg":"failed"}';
  assert.equal(formatLogLine(line), '2026-01-01T00:00:00Z error control failed project=shop');
  assert.equal(formatLogLine('plain \u001b[31mtext'), 'plain �[31mtext');
});

test('the last words of a program are those that tell something', () => {
  const text = `{"level":30,"name":"control","msg":"opening \\"x\\""}
file:///a.ts:2
  import { y } from 'x';
           ^^^^
SyntaxError: no export named 'y'
    at async run (node:internal:5)

Node.js v26.10.0
{"level":50,"name":"supervisor","program":"control","msg":"control ended with 1"}
`;
  assert.deepEqual(usefulLines(text), ['opening \\"x\\"', 'file:///a.ts:2', "SyntaxError: no export named 'y'"]);
  const thrown = `Fault: the keys are not there: nothing is in the folder
    at make (file:///opt/fault.ts:152:12) {
  code: 'control.keys-missing',
  kind: 'needs',
  params: {},
  details: null
}
`;
  assert.deepEqual(usefulLines(thrown), ['Fault: the keys are not there: nothing is in the folder']);
});

test('the boot unit starts the installed copy, never a clone', () => {
  assert.match(
    unitText(instanceOf()),
    /ExecStart=\/opt\/darsena\/0\.1\.0-abc\/darsena up --instance test --yes --quiet/,
  );
});

test('numbers of processes and the edge’s mark of another run of the machine are forgotten, where its folder is on disk', async (t) => {
  const instance = { ...instanceOf('rootless'), run: await folderOf(t) };
  const { supervisors, edge, agent } = instanceFiles(instance);
  const all = [edge.current, join(supervisors, 'agent.pid'), join(supervisors, 'agent.supervisor')];
  for (const folder of [supervisors, agent.run]) await mkdir(folder);
  const left = async (): Promise<string[]> => [...(await readdir(supervisors)), ...(await readdir(agent.run))].sort();
  for (const path of all) await writeFile(path, '1 1\n');
  const names = ['agent.pid', 'agent.supervisor', 'edge-is-current'];
  // A folder from before runs were told apart is not of another one.
  assert.equal(await forgetFormerRun(instance), false);
  assert.equal(await forgetFormerRun(instance), false);
  assert.deepEqual(await left(), names);
  assert.equal(await forgetFormerRun(instance, 'another boot'), true);
  assert.deepEqual(await left(), []);
  assert.match(await runOfMachine(), /^[0-9a-f-]{36} \d*$/);
});

test('every fault of set-up is said in both languages with its parameters in both', () => {
  for (const [code, spec] of Object.entries(setupFault.specs)) {
    const places = (text: object): string[] => [...new Set(JSON.stringify(text).match(/\{[a-z]+\}/gi) ?? [])].sort();
    assert.deepEqual(places(spec.en), places(spec.es), code);
  }
});

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-setup-'));
  t.after(async () => {
    for (const name of ['echo', 'p']) await stopProgram(folder, name, systemClock);
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

test('a broken instance.json is refused, a missing one is no instance', async (t) => {
  const folder = await folderOf(t);
  assert.equal(await readInstance(join(folder, 'none.json')), null);
  for (const text of ['{', '{}', '{"name":"../x","mode":"root"}', 'null']) {
    await writeFile(join(folder, 'i.json'), text);
    await assert.rejects(readInstance(join(folder, 'i.json')), { code: 'setup.instance-broken' });
  }
});

test('a killed program is back within two seconds, a stopped one stays down and nothing is left', async (t) => {
  const folder = await folderOf(t);
  const program = {
    name: 'echo',
    argv: ['/bin/sh', '-c', 'echo "uid $(id -u)"; exec sleep 1000'],
    environment: { PATH: '/usr/bin:/bin' },
    log: join(folder, 'echo.log'),
  };
  assert.equal(await superviseProgram(folder, program, { clock: systemClock }), true);
  const first = await runningChild(folder, null);
  assert.equal(await superviseProgram(folder, program, { clock: systemClock }), false, 'never two');
  process.kill(first, 'SIGKILL');
  const began = performance.now();
  const second = await runningChild(folder, first);
  assert.notEqual(second, first);
  assert.ok(performance.now() - began < 2_000);
  assert.match(await readFile(program.log, 'utf8'), /ended with 137; starting it again/);
  // The child is known before it has said anything.
  while (!/^uid \d+/.test(await lastWords(program.log))) await systemClock.sleep(20);
  const { supervisor } = await supervisedState(folder, 'echo');
  assert.equal(await stopProgram(folder, 'echo', systemClock), true);
  assert.deepEqual(await supervisedState(folder, 'echo'), { supervisor: null, child: null });
  for (const pid of [second, supervisor?.pid ?? 0]) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});

test('a program whose supervisor was killed is replaced, never doubled', async (t) => {
  const folder = await folderOf(t);
  const program = {
    name: 'p',
    argv: ['/bin/sleep', '1000'],
    environment: { PATH: '/usr/bin:/bin' },
    log: join(folder, 'p.log'),
  };
  await superviseProgram(folder, program, { clock: systemClock });
  const first = await identify(await runningChild(folder, null, 'p'));
  const { supervisor } = await supervisedState(folder, 'p');
  process.kill(supervisor?.pid ?? 0, 'SIGKILL');
  await systemClock.sleep(50);
  assert.equal(await superviseProgram(folder, program, { clock: systemClock }), true);
  await runningChild(folder, first.pid, 'p');
  assert.equal(await isRunning(first), false);
});

test('a pid file of a process that ended is never taken for a stranger with the same pid', async (t) => {
  const folder = await folderOf(t);
  const stranger = spawn('/bin/sleep', ['1000'], { stdio: 'ignore' });
  t.after(() => stranger.kill('SIGKILL'));
  await writeFile(join(folder, 'x.pid'), `${stranger.pid} 1\n`);
  assert.equal(await readPidFile(join(folder, 'x.pid')), null);
  for (const text of ['', '0 0', '-1 5', 'x y', '1']) {
    await writeFile(join(folder, 'x.pid'), text);
    assert.equal(await readPidFile(join(folder, 'x.pid')), null, text);
  }
});

async function runningChild(folder: string, other: number | null, name = 'echo'): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const { child } = await supervisedState(folder, name);
    if (child !== null && child.pid !== other) return child.pid;
    await systemClock.sleep(20);
  }
  throw new Error(
    `no new process of ${name}; log: ${await readFile(join(folder, `${name}.log`), 'utf8').catch(() => '')}`,
  );
}
