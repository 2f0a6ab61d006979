import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { daemonArguments, readCriContainer } from './bench/ask-engine.ts';
import type { CheckResult } from './bench/check.ts';
import { type ContainerFacts, type EngineFacts, NO_ENGINE } from './bench/engine.ts';
import { BenchLedger } from './bench/ledger.ts';
import { runBench } from './bench/run.ts';
import { machineFacts } from './facts.ts';
import type { PatchHost } from './livepatch/driver.ts';
import { readModuleFile } from './livepatch/module-file.ts';
import { CanonicalDriver, KernelCareDriver, KpatchDriver } from './livepatch/vendor-drivers.ts';
import { Root } from './root.ts';

const DATA = process.env['DARSENA_TEST_DATA'];

function folder(t: TestContext): { readonly path: string; put(path: string, text: string, mode?: number): void } {
  const path = mkdtempSync(join(tmpdir(), 'darsena-mend-'));
  t.after(() => rmSync(path, { recursive: true }));
  return {
    path,
    put(name, text, mode = 0o644) {
      mkdirSync(dirname(join(path, name)), { recursive: true });
      writeFileSync(join(path, name), text);
      chmodSync(join(path, name), mode);
    },
  };
}

const good: ContainerFacts = {
  name: 'web',
  engine: 'podman',
  image: 'sha256:1',
  apparmor: null,
  selinux: null,
  user: '1000',
  capAdd: [],
  privileged: false,
  mounts: [],
  ports: [],
  networkMode: 'bridge',
  pidMode: 'private',
  ipcMode: 'private',
  utsMode: 'private',
  usernsMode: '',
  memoryBytes: 1e8,
  cpuShares: 512,
  readonlyRootfs: true,
  restart: { name: '', max: 0 },
  devices: 0,
  ulimits: 0,
  seccompUnconfined: false,
  cgroupParent: '',
  noNewPrivileges: true,
  healthcheck: true,
  pidsLimit: 100,
  networks: ['shop'],
  processes: ['nginx'],
};
const engine: EngineFacts = {
  ...NO_ENGINE,
  kind: 'podman',
  silent: null,
  containers: [good],
  images: [],
  containerCount: 1,
  settings: {},
};
const facts = machineFacts.parse({ kernel: { release: '6.1' } });
const results = (path: string, of: EngineFacts): Map<string, CheckResult> =>
  new Map(runBench(new Root(path), facts, of).map((one) => [one.id, one]));

test('every check of the container benchmark is there, in both languages', (t) => {
  if (DATA === undefined) return t.skip('DARSENA_TEST_DATA is not set');
  const list = JSON.parse(readFileSync(join(DATA, 'posture', 'docker-bench-checks.json'), 'utf8')) as {
    readonly id: string;
    readonly title: string;
    readonly section: string;
  }[];
  // Headings carry no verb, and C.1 and C.1.1 are examples of the list's own.
  const wanted = list.filter(({ id }) => !/^(?:\d+|1\.[12]|8\.[12]|C\.1|C\.1\.1)$/.test(id)).map(({ id }) => id);
  const found = results(folder(t).path, engine);
  assert.deepEqual(
    wanted.filter((id) => !found.has(id)),
    [],
  );
  for (const { title } of found.values())
    assert.ok(title.en !== '' && title.es !== '' && title.en !== title.es, title.en);
});

test('each fault of a container fails its own check and no other', (t) => {
  const { path } = folder(t);
  const failing = (changes: Partial<ContainerFacts>): string =>
    [...results(path, { ...engine, containers: [{ ...good, ...changes }] }).values()]
      .filter(({ id, state }) => /^(?:4|5|C\.5)/.test(id) && state === 'fail')
      .map(({ id }) => id)
      .join(' ');
  assert.equal(failing({}), '');
  const mount = { source: '/srv', target: '/srv', rw: true, propagation: 'rprivate' };
  const cases: readonly (readonly [Partial<ContainerFacts>, string])[] = [
    [{ capAdd: ['NET_ADMIN'] }, '5.4'],
    [{ capAdd: ['NET_BIND_SERVICE', 'CHOWN'] }, ''],
    [{ user: '' }, '4.1'],
    [{ user: '0:0' }, '4.1'],
    [{ ulimits: 2 }, ''],
    [{ capAdd: ['SYS_ADMIN'] }, '5.4 C.5.3.3'],
    [{ privileged: true }, '5.5 C.5.3.1 C.5.3.2 C.5.3.3 C.5.3.4'],
    [{ mounts: [{ ...mount, source: '/etc/' }] }, '5.6'],
    [{ mounts: [{ ...mount, source: '/etc', rw: false }] }, ''],
    [{ mounts: [mount] }, ''],
    [{ mounts: [{ ...mount, source: '/run/podman/podman.sock' }] }, '5.32'],
    [{ mounts: [{ ...mount, propagation: 'rshared' }] }, '5.20'],
    [{ processes: ['sh', 'sshd'] }, '5.7'],
    [{ ports: [{ hostIp: '127.0.0.1', hostPort: 443 }] }, '5.8'],
    [{ ports: [{ hostIp: '0.0.0.0', hostPort: 8443 }] }, '5.14'],
    [{ networkMode: 'host' }, '5.10'],
    [{ memoryBytes: 0 }, '5.11'],
    [{ cpuShares: 0 }, '5.12'],
    [{ readonlyRootfs: false }, '5.13'],
    [{ restart: { name: 'always', max: 0 } }, '5.15'],
    [{ restart: { name: 'on-failure', max: 5 } }, ''],
    [{ pidMode: 'host' }, '5.16'],
    [{ ipcMode: 'host' }, '5.17'],
    [{ devices: 1 }, '5.18'],
    [{ utsMode: 'host' }, '5.21'],
    [{ seccompUnconfined: true }, '5.22'],
    [{ noNewPrivileges: false }, '5.26'],
    [{ healthcheck: false }, '5.27'],
    [{ pidsLimit: 0 }, '5.29'],
    [{ networks: ['podman'] }, '5.30'],
    [{ usernsMode: 'host' }, '5.31'],
  ];
  for (const [changes, wanted] of cases) assert.equal(failing(changes), wanted, JSON.stringify(changes));
  // Without an engine nothing is said to be well.
  const silent = results(path, NO_ENGINE);
  assert.ok([...silent.values()].every(({ id, state }) => !/^[5-8]\./.test(id) || state !== 'pass'));
});

test('what cannot be seen of a container is never a pass, and what this system does not have does not apply', (t) => {
  const { path } = folder(t);
  const of = (id: string, ...containers: readonly Partial<ContainerFacts>[]) =>
    results(path, { ...engine, containers: containers.map((one) => ({ ...good, ...one })) }).get(id);
  assert.equal(of('5.7', {}, { name: 'hidden', processes: null })?.state, 'not-determinable');
  assert.match(of('5.7', {}, { name: 'hidden', processes: null })?.evidence[0]?.en ?? '', /^hidden: /);
  assert.equal(of('5.7', { processes: ['sshd'] }, { processes: null })?.state, 'fail');
  assert.equal(of('4.1', { user: null })?.state, 'not-determinable');
  assert.equal(of('5.19', {})?.state, 'not-determinable');
  assert.equal(of('5.2', {})?.state, 'not-applicable');
  const mount = { source: '/tmp/proxy', target: '/var/run/docker.sock', rw: true, propagation: 'rprivate' };
  assert.equal(of('5.32', { mounts: [mount] })?.state, 'fail');
});

test('files of a TLS daemon, certificates of registries and units of the administrator are looked at where they lie', (t) => {
  const { path, put } = folder(t);
  put('etc/docker/certs.d/reg/ca.crt', '', 0o444);
  put('etc/docker/certs.d/reg/client.key', '', 0o600);
  put('etc/systemd/system/docker.service', '', 0o666);
  put('srv/tls/ca.pem', '', 0o444);
  put('srv/tls/key.pem', '', 0o440);
  const settings = { tlsverify: true, tlscacert: '/srv/tls/ca.pem', tlskey: '/srv/tls/key.pem' };
  const found = results(path, { ...engine, kind: 'docker', settings });
  const state = (id: string) => found.get(id)?.state;
  assert.deepEqual(['3.8', '3.2', '3.10', '3.14', '3.12'].map(state), [
    ...['pass', 'fail', 'pass', 'fail', 'not-determinable'],
  ]);
  assert.deepEqual(found.get('3.14')?.fixes, [{ kind: 'mode', path: '/srv/tls/key.pem', mode: 0o400 }]);
  assert.equal(results(path, engine).get('3.14')?.state, 'not-applicable');
});

test('a watch counts when the kernel has it; that it is written counts only where the kernel is not asked', (t) => {
  const { path, put } = folder(t);
  put('usr/bin/podman', '');
  put('etc/audit/rules.d/x.rules', '-w /usr/bin/podman -k containers\n');
  const look = (audit: string | null) =>
    runBench(new Root(path), facts, engine, audit).find(({ id }) => id === '1.1.3') as CheckResult;
  assert.equal(look(null).state, 'pass');
  assert.equal(look('No rules\n').state, 'fail');
  assert.match(look('No rules\n').evidence[0]?.en ?? '', /written, and the kernel does not have it/);
  assert.equal(look('-w /usr/bin/podman -p rwxa -k x\n').state, 'pass');
  assert.equal(look('-a always,exit -S all -F path=/usr/bin/podman -F perm=rwxa\n').state, 'pass');
});

test('a CRI container is read from the description that the run-time itself got', (t) => {
  const root = new Root(folder(t).path);
  const spec = {
    process: { capabilities: { bounding: ['CAP_CHOWN', 'CAP_SYS_ADMIN'] }, noNewPrivileges: true },
    root: { readonly: true },
    linux: {
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'uts' }],
      seccomp: {},
      resources: { memory: { limit: 5 } },
    },
  };
  const one = readCriContainer({ status: { metadata: { name: 'web' } }, info: { runtimeSpec: spec } }, root);
  assert.deepEqual(
    [one.name, one.capAdd, one.ipcMode, one.pidMode, one.memoryBytes, one.readonlyRootfs, one.seccompUnconfined],
    ['web', ['SYS_ADMIN'], 'host', 'private', 5, true, false],
  );
});

test('what dockerd was told on its command line stands over its file', (t) => {
  const { path, put } = folder(t);
  put('proc/7/comm', 'dockerd\n');
  const words = [
    '-H',
    'tcp://0.0.0.0:2376',
    '--host=fd://',
    '--icc=false',
    '--live-restore',
    '-l',
    'info',
    '--tlsverify',
  ];
  put('proc/7/cmdline', `${['dockerd', ...words, '--default-ulimit', 'nofile=1024'].join('\0')}\0`);
  assert.deepEqual(daemonArguments(new Root(path)), {
    hosts: ['tcp://0.0.0.0:2376', 'fd://'],
    icc: false,
    'live-restore': true,
    'log-level': 'info',
    tlsverify: true,
    'default-ulimits': ['nofile=1024'],
  });
  assert.deepEqual(daemonArguments(new Root(folder(t).path)), {});
});

test('an image whose later layers use ADD fails, its base does not count', (t) => {
  const image = { name: 'x', id: 'y', user: '', healthcheck: true };
  const state = (history: readonly string[]) =>
    results(folder(t).path, { ...engine, images: [{ ...image, history }] }).get('4.9')?.state;
  assert.equal(state(['/bin/sh -c #(nop) ADD file:1 in /', 'COPY a b']), 'pass');
  assert.equal(state(['/bin/sh -c #(nop) ADD file:1 in /', '/bin/sh -c #(nop) ADD file:2 in /srv']), 'fail');
});

test('owners, modes and watched files are looked at where they are, and not applicable where they are not', (t) => {
  const { path, put } = folder(t);
  put('etc/containers/containers.conf', '', 0o666);
  put('usr/bin/podman', '', 0o755);
  put(
    'etc/audit/rules.d/x.rules',
    '-w /usr/bin/podman -k containers\n-a exit,always -F path=/usr/bin/runc -F perm=war\n',
  );
  put('usr/bin/runc', '', 0o755);
  const found = results(path, engine);
  assert.deepEqual(
    [found.get('3.18')?.state, found.get('3.18')?.subjects],
    ['fail', ['/etc/containers/containers.conf']],
  );
  assert.deepEqual(found.get('3.18')?.fixes, [{ kind: 'mode', path: '/etc/containers/containers.conf', mode: 0o644 }]);
  assert.equal(found.get('3.20')?.state, 'not-applicable');
  assert.equal(found.get('1.1.3')?.state, 'pass');
  assert.equal(found.get('1.1.18')?.state, 'pass');
  assert.equal(found.get('1.1.6')?.state, 'fail');
  assert.equal(found.get('kernel.BUG')?.state, 'not-determinable');
});

test('a run-time whose package leaves an escape open fails by name, one without stays quiet', (t) => {
  const programs = [
    { name: 'runc', version: '1.1.5' },
    { name: 'crun', version: '99' },
  ];
  const found = runBench(
    new Root(folder(t).path),
    machineFacts.parse({ kernel: { release: '6.1' }, programs }),
    engine,
  );
  const runc = found.find(({ id }) => id === 'host.runtime.runc');
  assert.deepEqual([runc?.section, runc?.state], ['host', 'fail']);
  assert.ok(runc?.subjects.includes('CVE-2024-21626') && runc.subjects.includes('CVE-2025-31133'));
  assert.match(runc?.remedy?.en ?? '', /--except/);
  assert.notEqual(found.find(({ id }) => id === 'host.runtime.crun')?.state, 'fail');
});

test('what is mended is taken back as it was, drift is told, and an exception ends on its day', async (t) => {
  const { path, put } = folder(t);
  put('file', 'x', 0o666);
  const file = join(path, 'file');
  const ledger = await BenchLedger.open(join(path, 'ledger.json'));
  await ledger.fix('3.18', { kind: 'mode', path: file, mode: 0o644 }, '2026-01-01T00:00:00Z');
  assert.equal(statSync(file).mode & 0o777, 0o644);
  const result = { id: '3.18', state: 'fail' } as CheckResult;
  await ledger.remember([result], '2026-01-01T00:00:00Z');
  await ledger.except({ id: '3.18', reason: 'later', until: '2026-02-01T00:00:00Z' });
  const again = await BenchLedger.open(join(path, 'ledger.json'));
  assert.deepEqual(again.changes([{ ...result, state: 'pass' }]), [{ id: '3.18', from: 'fail', to: 'pass' }]);
  assert.equal(again.exceptions('2026-01-31T00:00:00Z').length, 1);
  assert.equal(again.exceptions('2026-02-02T00:00:00Z').length, 0);
  assert.deepEqual(await again.undo(), ['3.18']);
  assert.equal(statSync(file).mode & 0o777, 0o666);
  assert.deepEqual(await again.undo(), []);
});

test('what is mended while a look goes on is not forgotten with it, and a file that is gone keeps no other from being taken back', async (t) => {
  const { path, put } = folder(t);
  for (const name of ['one', 'two']) put(name, 'x', 0o666);
  const [one, two] = [join(path, 'one'), join(path, 'two')];
  const looking = await BenchLedger.open(join(path, 'ledger.json'));
  const mending = await BenchLedger.open(join(path, 'ledger.json'));
  for (const file of [one, two])
    await mending.fix('3.18', { kind: 'mode', path: file, mode: 0o644 }, '2026-01-01T00:00:00Z');
  await looking.remember([{ id: '3.18', state: 'fail' } as CheckResult], '2026-01-01T00:00:01Z');
  assert.equal(looking.mended.length, 2);
  rmSync(two);
  assert.deepEqual(await (await BenchLedger.open(join(path, 'ledger.json'))).undo(), ['3.18', '3.18']);
  assert.equal(statSync(one).mode & 0o777, 0o666);
  // What the machine refuses leaves nothing to take back.
  await assert.rejects(looking.fix('3.18', { kind: 'mode', path: two, mode: 0o644 }, '2026-01-01T00:00:02Z'), /ENOENT/);
  assert.deepEqual((await BenchLedger.open(join(path, 'ledger.json'))).mended, []);
});

test('a file that is no kernel module is refused whatever its bytes are', () => {
  const elf = Buffer.alloc(200);
  elf.write('\x7fELF', 0, 'latin1');
  elf[4] = 2;
  elf[5] = 1;
  elf.writeBigUInt64LE(0xffff_ffffn, 40);
  elf.writeUInt16LE(64, 58);
  elf.writeUInt16LE(9, 60);
  const signed = Buffer.concat([
    elf,
    Buffer.alloc(8),
    Buffer.from([0xff, 0, 0, 0]),
    Buffer.from('~Module signature appended~\n'),
  ]);
  for (const bytes of [Buffer.alloc(0), Buffer.from('#!/bin/sh'), elf, elf.subarray(0, 60), signed]) {
    assert.throws(() => readModuleFile(bytes), /module|ELF|section|signature/);
  }
});

/** A machine where nothing is but the answers that a vendor's documentation gives. */
function simulated(
  answers: Readonly<Record<string, { code?: number; output?: string }>>,
): PatchHost & { readonly calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    read: async () => null,
    write: async () => undefined,
    list: async () => [],
    put: async () => undefined,
    remove: async () => undefined,
    async run(file, args) {
      const line = [file, ...args].join(' ');
      calls.push(line);
      const { code = 0, output = '' } = answers[line] ?? { code: 127 };
      return { code, output };
    },
    sleep: async () => undefined,
    nowMs: () => 0,
    buildId: async () => 'ab'.repeat(20),
  };
}

test('kcarectl is spoken to by its exit codes and its blocks (a simulator written from its documentation)', async () => {
  const info =
    'OS: debian\nkernel: 6.1\ntime: 2026-01-01 00:00:00\nuname: 6.1.99\n\nkpatch-name: a/1.patch\nkpatch-cve: CVE-2024-1086\nkpatch-cvss: 7.8\n\nkpatch-name: a/2.patch\nkpatch-cve: N/A\n';
  const base = {
    'sh -c command -v kcarectl': {},
    'kcarectl --patch-info': { output: info },
    'kcarectl --uname': { output: '6.1.99\n' },
    'kcarectl --update': {},
    'kcarectl --unload': {},
  };
  const on = simulated({ ...base, 'kcarectl --status': { code: 0 } });
  const driver = new KernelCareDriver(on);
  assert.equal(await driver.unusable(), null);
  assert.deepEqual(await driver.list(), [{ name: '6.1.99', state: 'on', cves: ['CVE-2024-1086'] }]);
  await driver.apply({ name: 'kernelcare', module: null, buildIds: [], cves: [], digest: null });
  await driver.revert('kernelcare');
  assert.ok(on.calls.includes('kcarectl --update') && on.calls.includes('kcarectl --unload'));
  assert.deepEqual(await new KernelCareDriver(simulated({ ...base, 'kcarectl --status': { code: 1 } })).list(), []);
  assert.notEqual(
    await new KernelCareDriver(simulated({ ...base, 'kcarectl --status': { code: 3 } })).unusable(),
    null,
  );
  // A newer set that did not come in is no success.
  const late = new KernelCareDriver(simulated({ ...base, 'kcarectl --status': { code: 2 } }));
  await assert.rejects(late.apply({ name: 'kernelcare', module: null, buildIds: [], cves: [], digest: null }), {
    code: 'host.patch-refused',
  });
  assert.notEqual(await new KernelCareDriver(simulated({})).unusable(), null);
});

test('kpatch and Canonical Livepatch are read as their documentation has them (simulators)', async () => {
  const list =
    'Loaded patch modules:\nkpatch_fix [enabled]\nkpatch_old [disabled]\n\nInstalled patch modules:\nkpatch_fix (6.1)\n';
  const kpatch = new KpatchDriver(simulated({ 'sh -c command -v kpatch': {}, 'kpatch list': { output: list } }));
  assert.deepEqual(await kpatch.list(), [
    { name: 'kpatch_fix', state: 'on', cves: [] },
    { name: 'kpatch_old', state: 'off', cves: [] },
  ]);
  const wrong = { name: 'kpatch_fix', module: Buffer.from('x'), buildIds: ['cd'.repeat(20)], cves: [], digest: null };
  await assert.rejects(kpatch.apply(wrong), { code: 'host.patch-other-kernel' });
  const status = {
    Status: [
      {
        Kernel: '5.15',
        Running: true,
        Livepatch: { State: 'applied', Version: '99.1', Fixes: [{ Name: 'cve-2024-1086', Patched: true }] },
      },
    ],
  };
  const canonical = new CanonicalDriver(
    simulated({ 'canonical-livepatch status --format json': { output: JSON.stringify(status) } }),
  );
  assert.deepEqual(await canonical.list(), [{ name: '99.1', state: 'on', cves: ['CVE-2024-1086'] }]);
  await assert.rejects(canonical.revert('99.1'), { code: 'host.patch-refused' });
  const broken = new CanonicalDriver(simulated({ 'canonical-livepatch status --format json': { output: 'oops' } }));
  await assert.rejects(broken.list(), { code: 'host.patch-refused' });
});
