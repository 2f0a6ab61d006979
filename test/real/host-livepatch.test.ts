import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  hostMigrations,
  KernelDriver,
  ModuleKeeper,
  ModuleWatch,
  machineFacts,
  PATCH_REPOSITORY,
  type PatchHost,
  type PatchOrder,
  packPatch,
  Reboots,
  Rollouts,
  readBuildId,
  readPatchMetadata,
  receivePatch,
  ShieldKeeper,
  signedBy,
} from '../../src/host/index.ts';
import { openDatabase, silentLog, systemClock } from '../../src/system/index.ts';
import {
  defineSigner,
  generateKeyFile,
  localSigner,
  makeBundle,
  NO_SIGNATURES,
  openKeyFile,
  readPublicKey,
} from '../../src/trust/index.ts';
import { buildGuard, buildModules, LabMachine, labMissing, prepareKernel, prepareOlderKernel } from '../lab/lab.ts';

/** The in-kernel driver against Debian's unmodified kernel in a virtual machine, with patches built from test/lab/modules. */

const RECORDS = 'var/lib/darsena-patches';
let skip: string | false = labMissing() ?? false;
let kernel: ReturnType<typeof prepareKernel>;
const modules = new Map<string, Buffer>();
let machine: LabMachine | null = null;
let build = '';

before(async () => {
  if (skip !== false) return;
  try {
    kernel = prepareKernel();
  } catch (error) {
    skip = `the laboratory's kernel cannot be fetched: ${(error as Error).message.slice(0, 300)}`;
    return;
  }
  const folder = buildModules(kernel);
  for (const name of ['lab_fix_a', 'lab_fix_b', 'lab_sleeper', 'lab_fix_sleeper']) {
    modules.set(name, readFileSync(join(folder, `${name}.ko`)));
  }
  machine = await LabMachine.boot(kernel, { files: { ...files(), ...moduleTools(), ...guardFiles() } });
  build = (await hostOf(machine).buildId()) ?? '';
});

after(async () => machine?.off());

/** The sensor's programs, who loads them, and what an image's layers need; nothing where they cannot be built. */
function guardFiles(): Record<string, Uint8Array> {
  const program = buildGuard(kernel);
  if (program === null) return {};
  const object = join(import.meta.dirname, '..', '..', 'src', 'observe', 'bpf', 'sensor.x64.bpf.o');
  const overlay = join('kernel', 'lib', 'modules', kernel.release, 'kernel', 'fs', 'overlayfs', 'overlay.ko');
  return {
    'm/guard': readFileSync(program),
    'm/sensor.o': readFileSync(object),
    'm/overlay.ko': readFileSync(join(kernel.folder, overlay)),
    ...shutFiles(),
  };
}

/** What shuts modules, sockets and rings in the kernel, and modules to try it with. */
function shutFiles(): Record<string, Uint8Array> {
  const program = buildGuard(kernel, 'shut');
  if (program === null) return {};
  const object = join(import.meta.dirname, '..', '..', 'src', 'observe', 'bpf', 'shut.x64.bpf.o');
  const modules = ['crypto/af_alg', 'crypto/algif_skcipher', 'crypto/algif_hash', 'crypto/algif_rng'];
  const folder = join(kernel.folder, 'kernel', 'lib', 'modules', kernel.release, 'kernel');
  return {
    'm/shut': readFileSync(program),
    'm/shut.o': readFileSync(object),
    ...Object.fromEntries(modules.map((path) => [`m/${basename(path)}.ko`, readFileSync(join(folder, `${path}.ko`))])),
  };
}

function files(): Record<string, Uint8Array> {
  return Object.fromEntries([...modules].map(([name, bytes]) => [`m/${name}.ko`, bytes]));
}

/** The machine's files and programs over its serial line. Modules are there already: the line is slow. */
function hostOf(vm: LabMachine): PatchHost {
  const must = async (script: string): Promise<string> => {
    const { code, output } = await vm.run(script);
    if (code !== 0) throw new Error(output);
    return output;
  };
  return {
    async read(path) {
      const { code, output } = await vm.run(`[ -e "${path}" ] && cat "${path}"`);
      return code === 0 ? output : null;
    },
    async write(path, text) {
      await must(`printf %s "${text}" > "${path}"`);
    },
    async list(path) {
      return (await vm.run(`[ -d "${path}" ] && ls -1 "${path}"; true`)).output
        .split('\n')
        .filter((name) => name !== '')
        .sort();
    },
    async put(path, bytes) {
      const name = basename(path, '.ko');
      if (path.endsWith('.ko') && modules.get(name)?.equals(bytes))
        await must(`mkdir -p /${RECORDS}; cp /m/${name}.ko "${path}"`);
      else await vm.put(path, bytes);
    },
    async remove(path) {
      await must(`rm -f "${path}"`);
    },
    run: (file, args) => vm.run([file, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')),
    sleep: (ms) => sleep(ms),
    nowMs: () => performance.now(),
    async buildId() {
      return readBuildId(Buffer.from(await must('base64 /sys/kernel/notes | tr -d "\\n"'), 'base64'));
    },
  };
}

const order = (name: string, changes: Partial<PatchOrder> = {}): PatchOrder => ({
  name,
  module: modules.get(name) ?? null,
  buildIds: [build],
  cves: ['CVE-2024-10000'],
  digest: null,
  ...changes,
});

const trusting = { checkSignature: async () => null };

async function says(vm: LabMachine): Promise<string> {
  const { output } = await vm.run('cat /proc/cmdline');
  return output.startsWith('patched by') ? output.trim() : 'original';
}

/** The patch as an artifact of a registry, signed by the one whom this policy names. */
async function artifactOf(name: string, expects: string) {
  const tests = [{ name: 'what /proc/cmdline says', file: '/proc/cmdline', contains: expects }];
  const about = readPatchMetadata(JSON.stringify({ name, buildIds: [build], cves: ['CVE-2024-10000'], tests }), name);
  const { digest, manifestBytes, blobs } = packPatch(about, modules.get(name) as Buffer);
  const key = generateKeyFile('ecdsa-p256', 'a passphrase');
  const signer = localSigner(openKeyFile(key.privatePem, 'a passphrase'));
  const identity = { kind: 'key', publicKey: readPublicKey(key.publicPem), trustedRoot: null } as const;
  const bundle = await makeBundle(signer, 'image', { digest, repository: PATCH_REPOSITORY }, {});
  return {
    wanted: { name, digest, signatures: { ...NO_SIGNATURES, bundles: [bundle] } },
    trust: {
      signers: [defineSigner({ name: 'release', uses: ['image'], identity })],
      repositoryBinding: 'required' as const,
    },
    source: {
      manifest: async () => manifestBytes,
      blob: async (blob: { digest: string }) =>
        blobs.find((one) => one.digest === blob.digest)?.bytes ?? Buffer.alloc(0),
    },
  };
}

test('a patch changes the running kernel, a cumulative one takes its place, and taking it out brings the original back', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const driver = new KernelDriver(hostOf(machine), trusting);
  assert.equal(await driver.unusable(), null);
  assert.equal(await says(machine), 'original');
  const parts = { driver, host: hostOf(machine), clock: systemClock };
  // A signed artifact whose test looks for what it does not do leaves the kernel as it was.
  const wrong = await artifactOf('lab_fix_a', 'patched by somebody else');
  await assert.rejects(receivePatch(wrong.wanted, { ...wrong, ...parts }), { code: 'host.patch-test' });
  assert.equal(await says(machine), 'original');
  const artifact = await artifactOf('lab_fix_a', 'patched by A');
  await receivePatch(artifact.wanted, { ...artifact, ...parts });
  assert.equal(await says(machine), 'patched by A');
  assert.match((await machine.run(`cat /${RECORDS}/lab_fix_a.json`)).output, new RegExp(artifact.wanted.digest));
  assert.deepEqual(await driver.list(), [{ name: 'lab_fix_a', state: 'on', cves: ['CVE-2024-10000'] }]);
  // Again is no change and no error.
  await driver.apply(order('lab_fix_a'));
  await driver.apply(order('lab_fix_b'));
  assert.equal(await says(machine), 'patched by B');
  assert.deepEqual(
    (await driver.list()).map(({ name }) => name),
    ['lab_fix_b'],
  );
  assert.doesNotMatch((await machine.run('cat /proc/modules')).output, /lab_fix_a/);
  await driver.revert('lab_fix_b');
  assert.equal(await says(machine), 'original');
  assert.deepEqual(await driver.list(), []);
  assert.equal(
    (await machine.run(`ls /${RECORDS} /proc/modules; cat /proc/modules`)).output.includes('lab_fix'),
    false,
  );
});

test('a shield shuts the way to a fault on a real kernel, and opens it again as it was', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const keeper = new ShieldKeeper(hostOf(machine), () => '2026-11-22T00:00:00.000Z');
  const probe = async (): Promise<number | undefined> => (await machine?.run('unshare -U true'))?.code;
  const before = (await machine.run('cat /proc/sys/user/max_user_namespaces')).output;
  await machine.run('mkdir -p /etc/sysctl.d /etc/modprobe.d');
  assert.equal(await probe(), 0);
  const { probes } = await keeper.apply('CVE-2022-0185');
  assert.deepEqual([probes[0]?.before, probes[0]?.after], ['open', 'closed']);
  assert.notEqual(await probe(), 0);
  await keeper.undo('user-namespaces');
  assert.equal(await probe(), 0);
  assert.equal((await machine.run('cat /proc/sys/user/max_user_namespaces')).output, before);
});

/** Programs that load modules by their configuration, and some of the kernel's own modules; none where kmod is not installed. */
function moduleTools(): Record<string, Uint8Array> {
  const { status, stdout } = spawnSync('ldd', ['/bin/kmod'], { encoding: 'utf8' });
  if (status !== 0) return {};
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  const folder = `lib/modules/${kernel.release}`;
  const own = ['net/dccp/dccp', 'net/sctp/sctp', 'lib/libcrc32c', 'net/ipv4/udp_tunnel', 'net/ipv6/ip6_udp_tunnel'];
  return Object.fromEntries([
    ['sbin/modprobe', readFileSync('/bin/kmod')],
    ...libraries.map((path) => [path.slice(1), readFileSync(path)] as const),
    ...own.map(
      (path) =>
        [
          `${folder}/kernel/${path}.ko`,
          readFileSync(join(kernel.folder, 'kernel', folder, 'kernel', `${path}.ko`)),
        ] as const,
    ),
  ]);
}

test('modules that nobody uses are seen coming and going, tried, kept out, and let in again by a real kernel', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const vm = machine;
  const code = async (script: string): Promise<number> => (await vm.run(script)).code;
  if ((await code('[ -e /sbin/modprobe ]')) !== 0) return t.skip('kmod is not installed');
  const setUp =
    'chmod +x /sbin/modprobe $(find /lib /lib64 -name "*.so*"); ln -sf modprobe /sbin/depmod; ln -sf modprobe /sbin/rmmod';
  assert.equal(
    await code(`${setUp}; mkdir -p /etc/modprobe.d; /sbin/depmod; mount -t tracefs t /sys/kernel/tracing`),
    0,
  );
  const host = hostOf(machine);
  const watch = new ModuleWatch(host, 'lab');
  assert.equal((await watch.look())?.blind, null);
  const keeper = new ModuleKeeper(host, () => '2026-11-22T00:00:00.000Z');
  const load = (name: string): Promise<number> => code(`/sbin/modprobe ${name}`);
  const order = { kind: 'kernel-modules', allow: ['sctp'] } as const;

  const trial = await keeper.do({ ...order, change: 'trial' });
  assert.deepEqual([trial.mode, trial.onDisk, trial.kept], ['trial', 5, 1]);
  assert.equal(await load('dccp'), 0, 'a trial refuses nothing');
  assert.equal(await code('/sbin/rmmod dccp'), 0);
  assert.deepEqual(
    (await keeper.standing()).wouldBlock.map(({ module, times }) => [module, times]),
    [['dccp', 1]],
  );
  const sight = await watch.look();
  assert.deepEqual(
    sight?.events.map(({ module, change, by }) => `${by} ${change} ${module}`),
    ['modprobe load dccp', 'rmmod unload dccp'],
  );

  await keeper.do({ ...order, change: 'enforce' });
  assert.notEqual(await load('dccp'), 0);
  assert.equal(await load('sctp'), 0, 'what is allowed is loaded with what it needs');
  assert.deepEqual(
    (await watch.look())?.modules
      .map(({ name }) => name)
      .filter((name) => /crc32c|sctp|dccp|tunnel/.test(name))
      .sort(),
    ['ip6_udp_tunnel', 'libcrc32c', 'sctp', 'udp_tunnel'],
  );
  assert.equal((await keeper.do({ ...order, change: 'undo' })).mode, 'off');
  assert.equal(await load('dccp'), 0);
  await watch.close();
  assert.notEqual(await code('[ -e /sys/kernel/tracing/instances/darsena-modules-lab ]'), 0);
});

test('a real kernel lets nothing happen that a policy forbids: by LSM, by its hooks alone, or else it kills', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const vm = machine;
  if ((await vm.run('[ -e /m/guard ]')).code !== 0)
    return t.skip('libbpf-dev, libelf-dev and zlib1g-dev are not installed');
  const id = 'c'.repeat(64);
  const programs = 'sh cp cat ls nc';
  const ready = await vm.run(
    `chmod +x /m/guard; insmod /m/overlay.ko; mount -t cgroup2 c /sys/fs/cgroup; mount -t tracefs t /sys/kernel/tracing
     mkdir /sys/fs/cgroup/libpod-${id} /ov; mount -t tmpfs t /ov; mkdir -p /ov/l/bin /ov/l/tmp /ov/u /ov/w /ov/m
     for n in hello busybox busybox-known busybox-other; do cp /bin/busybox /ov/l/bin/$n; done; for n in ${programs}; do ln /ov/l/bin/busybox /ov/l/bin/$n; done
     echo s > /ov/l/secret; echo o > /ov/l/other
     echo 'try() { "$@" >/tmp/o 2>&1; echo "$?"; }
       try nc -h; try hello ls /; try cat /secret; try cat /other; try ls /; try /tmp/new ls /
       try busybox-known ls /; try busybox-other ls /; echo x >> /bin/busybox-known; try busybox-known ls /' > /ov/l/acts
     mount -t overlay o -o lowerdir=/ov/l,upperdir=/ov/u,workdir=/ov/w /ov/m
     chown 7 /ov/m/bin/busybox-known /ov/m/bin/busybox-other`,
  );
  assert.equal(ready.code, 0, ready.output);
  // Under emulation the verifier takes seconds each time: the other two ways with the long runs.
  const ways = [
    // The last three: a copy that the kernel was told of, one that it was not, and the first again after it was written.
    ['lsm', [126, 126, 1, 0, 0, 126, 0, 126, 126]],
    ['return', [126, 126, 1, 0, 0, 126, 0, 126, 126]],
    ['signal', [137, 137, 137, 0, 0, 137, 0, 137, 137]],
  ] as const;
  for (const [hooks, expected] of ways.slice(0, process.env['DARSENA_SOAK'] === '1' ? 3 : 1)) {
    const { output } = await vm.run(
      `rm -f /tmp/said; /m/guard /m/sensor.o ${id} ${hooks} nc hello,bin, secret, /ov/m/bin/busybox-known > /tmp/said 2>&1 & guard=$!
       n=0; while ! grep -q READY /tmp/said && kill -0 $guard && [ $n -lt 1200 ]; do usleep 50000; n=$((n+1)); done
       unshare -m sh -c 'echo $$ > /sys/fs/cgroup/libpod-${id}/cgroup.procs; exec chroot /ov/m /bin/sh -c "cp /bin/busybox /tmp/new; . /acts"'
       kill $guard; cat /tmp/said`,
      120_000,
    );
    const codes = [...output.matchAll(/^(\d+)$/gm)].map(([, code]) => Number(code));
    assert.deepEqual(codes, expected, `${hooks}: ${output}`);
  }
  assert.equal((await vm.run('chroot /ov/m /bin/nc -h; [ $? -ne 126 ]')).code, 0, 'the host itself is let be');
  // What comes after in this machine finds it as it was.
  await vm.run(
    'umount /ov/m /ov; rmmod overlay; rmdir /sys/fs/cgroup/libpod-*; umount /sys/fs/cgroup /sys/kernel/tracing',
  );
});

test('a real kernel itself refuses modules that no list names, however root loads them, and sockets and rings to containers that run', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const vm = machine;
  if ((await vm.run('[ -e /m/shut ]')).code !== 0)
    return t.skip('libbpf-dev, libelf-dev and zlib1g-dev are not installed');
  const alg = 38;
  const before = await vm.run(`chmod +x /m/shut; insmod /m/af_alg.ko; /m/shut in try ${alg} && /m/shut in ring`);
  assert.equal(before.code, 0, before.output);
  const acts: readonly (readonly [string, number])[] = [
    [`/m/shut in try ${alg}`, 1], // a container's socket: EPERM
    [`/m/shut try ${alg}`, 0], // the host's own
    ['/m/shut in try 1', 0], // another family
    ['/m/shut in ring', 1],
    ['/m/shut ring', 0],
    ['insmod /m/algif_skcipher.ko', 1], // by its file
    ['/m/shut memory /m/algif_skcipher.ko', 1], // by its bytes, without a name
    ['insmod /m/algif_hash.ko', 0], // on the list
    ['mv /m/algif_rng.ko /m/algif-rng.ko; insmod /m/algif-rng.ko', 0], // on the list with _ for -
    [
      'mkdir -p /f/darsena-patches; cp /m/algif_skcipher.ko /f/darsena-patches/own.ko; insmod /f/darsena-patches/own.ko',
      0,
    ],
  ];
  // The other way, for kernels without "bpf" in their list, with the long runs: the verifier takes seconds under emulation.
  for (const hooks of ['lsm', 'return'].slice(0, process.env['DARSENA_SOAK'] === '1' ? 2 : 1)) {
    const { output } = await vm.run(
      `rm -f /tmp/said; /m/shut /m/shut.o ${hooks} algif_hash,algif_rng ${alg} > /tmp/said 2>&1 & shut=$!
       n=0; while ! grep -q READY /tmp/said && kill -0 $shut && [ $n -lt 1200 ]; do usleep 50000; n=$((n+1)); done
       ${acts.map(([act]) => `${act} > /tmp/o 2>&1; echo "$?"`).join('\n')}
       kill $shut; rmmod algif_skcipher; rmmod algif_hash; rmmod algif_rng; mv /m/algif-rng.ko /m/algif_rng.ko; cat /tmp/said`,
      120_000,
    );
    const codes = [...output.matchAll(/^(\d+)$/gm)].map(([, code]) => Number(code));
    assert.deepEqual(
      codes,
      acts.map(([, code]) => code),
      `${hooks}: ${output}`,
    );
  }
  // Whoever set it is gone: all is as before, some moments later.
  const { code, output } = await vm.run(
    `n=0; until /m/shut in try ${alg} || [ $n -gt 600 ]; do usleep 50000; n=$((n+1)); done; insmod /m/algif_skcipher.ko && rmmod algif_skcipher; code=$?; rmmod af_alg; exit $code`,
  );
  assert.equal(code, 0, output);
});

/** Node with what it leans on, libbpf, and the class that shuts things in the kernel with all that it imports. */
function shutProgram(): Record<string, Uint8Array> | null {
  const { status, stdout } = spawnSync('ldd', [process.execPath], { encoding: 'utf8' });
  const bpf = ['libbpf.so.1', 'libelf.so.1', 'libz.so.1'].map((name) => `/usr/lib/x86_64-linux-gnu/${name}`);
  if (status !== 0 || bpf.some((path) => !existsSync(path))) return null;
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path = '']) => path);
  const source = join(import.meta.dirname, '..', '..', 'src');
  const own = [
    ...['observe/kernel-shut.ts', 'observe/kernel-part.ts', 'observe/bpf/shut.x64.bpf.o'],
    ...['system/native.ts', 'system/fault.ts', 'system/text.ts'],
  ];
  return {
    'app/node': readFileSync(process.execPath),
    ...Object.fromEntries([...libraries, ...bpf].map((path) => [path.slice(1), readFileSync(path)])),
    ...Object.fromEntries(own.map((path) => [`app/${path}`, readFileSync(join(source, path))])),
    'app/package.json': Buffer.from('{"type":"module"}'),
    'app/act.ts': Buffer.from(
      `import { KernelShut } from './observe/kernel-shut.ts';
const [act = '', ...words] = process.argv.slice(2);
const shut = new KernelShut();
const families = words.map(Number);
const answer =
  act === 'containers' ? shut.keepFromContainers({ families, rings: false })
  : act === 'rings' ? shut.keepFromContainers({ families, rings: true })
  : act === 'modules' ? shut.keepModules({ allowed: words, memory: true })
  : act === 'free' ? shut.keepModules(null)
  : shut.standing();
console.log(JSON.stringify(answer));
`,
    ),
  };
}

test('what the agent has the kernel refuse outlives it, is changed without a gap, and leaves nothing when it is taken back', async (t) => {
  if (process.env['DARSENA_SOAK'] !== '1') return t.skip('DARSENA_SOAK is not set');
  if (skip !== false) return t.skip(skip);
  const program = shutProgram();
  const parts = guardFiles();
  if (program === null || !('m/shut' in parts)) return t.skip('libbpf1 and libbpf-dev are not installed');
  const vm = await LabMachine.boot(kernel, { files: { ...program, ...parts }, memoryMb: 1_200 });
  t.after(() => vm.off());
  await vm.run(
    'chmod -R +x /m/shut /app/node /lib /lib64 /usr/lib; mkdir -p /sys/fs/bpf; mount -t bpf bpf /sys/fs/bpf; insmod /m/af_alg.ko',
  );
  // Each is a program of its own, as an agent that was started anew is.
  const act = async (words: string): Promise<unknown> => {
    const node = '/app/node --experimental-ffi --no-warnings /app/act.ts';
    const { code, output } = await vm.run(`${node} ${words} 2>/tmp/said || { cat /tmp/said; exit 1; }`, 120_000);
    assert.equal(code, 0, output);
    return JSON.parse(output) as unknown;
  };
  const standing = async () =>
    (await act('standing')) as { families: number[]; modules: boolean; rings: boolean; refused: object } | null;
  const mayOpen = async (family: number): Promise<boolean> => (await vm.run(`/m/shut in try ${family}`)).code === 0;
  const pinned = async (): Promise<string> => (await vm.run('ls /sys/fs/bpf/darsena-shut 2>/dev/null')).output.trim();
  const [alg, unix] = [38, 1];

  assert.equal(await standing(), null);
  assert.deepEqual(await act('containers'), { why: 'nothing is shut' });
  assert.equal(await pinned(), '', 'nothing is in the kernel while nothing is shut');
  assert.equal(await mayOpen(alg), true);

  // One that was killed while it loaded left a part of it.
  await vm.run('mkdir -p /sys/fs/bpf/darsena-shut/$(sha256sum /app/observe/bpf/shut.x64.bpf.o | cut -c1-16)');
  assert.equal(await standing(), null);
  assert.deepEqual(await act(`containers ${alg}`), { means: 'bpf-lsm' });
  assert.equal(await mayOpen(alg), false);
  assert.equal((await vm.run(`/m/shut try ${alg}`)).code, 0, 'the host itself');
  assert.deepEqual((await standing())?.families, [alg]);

  // Another entry, and then this one alone goes.
  await act(`containers ${alg} ${unix}`);
  assert.deepEqual([await mayOpen(alg), await mayOpen(unix)], [false, false]);
  await act(`containers ${unix}`);
  assert.deepEqual([await mayOpen(alg), await mayOpen(unix)], [true, false]);

  // Modules stand beside it in the same tables, and go without it.
  assert.deepEqual(await act('modules algif_hash'), { means: 'bpf-lsm' });
  assert.notEqual((await vm.run('insmod /m/algif_skcipher.ko')).code, 0);
  assert.equal((await vm.run('insmod /m/algif_hash.ko && rmmod algif_hash')).code, 0);
  const both = await standing();
  assert.deepEqual([both?.modules, both?.families], [true, [unix]]);
  assert.match(JSON.stringify(both?.refused), /"modules":[1-9].*"sockets":[1-9]/);
  await act('free');
  assert.equal((await vm.run('insmod /m/algif_skcipher.ko && rmmod algif_skcipher')).code, 0);
  assert.equal(await mayOpen(unix), false, 'containers are kept from it all the same');

  await act('containers');
  assert.equal(await standing(), null);
  assert.equal(await pinned(), '');
  // The kernel lets go of the programs in its own time.
  const freed = await vm.run(
    `n=0; until /m/shut in try ${unix} || [ $n -gt 600 ]; do usleep 50000; n=$((n+1)); done; [ $n -le 600 ]`,
    60_000,
  );
  assert.equal(freed.code, 0, freed.output);
});

test('what is for another build, no live patch, cut or not signed by the pinned key never reaches the kernel', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const driver = new KernelDriver(hostOf(machine), trusting);
  const fix = modules.get('lab_fix_a') as Buffer;
  await assert.rejects(driver.apply(order('lab_fix_a', { buildIds: ['ab'.repeat(20)] })), {
    code: 'host.patch-other-kernel',
  });
  await assert.rejects(driver.apply(order('lab_fix_a', { buildIds: [] })), { code: 'host.patch-other-kernel' });
  await assert.rejects(driver.apply(order('lab_sleeper')), { code: 'host.patch-unreadable' });
  await assert.rejects(driver.apply(order('lab_fix_b', { module: fix })), { code: 'host.patch-unreadable' });
  await assert.rejects(driver.apply(order('lab_fix_a', { module: fix.subarray(0, fix.length / 2) })), {
    code: 'host.patch-unreadable',
  });

  const folder = mkdtempSync(join(tmpdir(), 'darsena-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (file: string, args: readonly string[]): void => {
    assert.equal(spawnSync(file, args, { cwd: folder }).status, 0, file);
  };
  for (const name of ['ours', 'theirs']) {
    const subject = ['-subj', `/CN=${name}/`, '-addext', 'keyUsage=digitalSignature'];
    run('openssl', [
      'req',
      '-new',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      ...subject,
    ]);
    run('cp', [join(kernel.folder, basename(buildModules(kernel)), 'lab_fix_a.ko'), `${name}.ko`]);
    run(kernel.signFile, ['sha256', `${name}.key`, `${name}.pem`, `${name}.ko`]);
  }
  const pinned = new KernelDriver(hostOf(machine), {
    checkSignature: signedBy(readFileSync(join(folder, 'ours.pem'), 'utf8')),
  });
  const signed = readFileSync(join(folder, 'ours.ko'));
  const tampered = Buffer.from(signed);
  tampered[4_096] = (tampered[4_096] ?? 0) ^ 1;
  for (const module of [fix, readFileSync(join(folder, 'theirs.ko')), tampered]) {
    await assert.rejects(pinned.apply(order('lab_fix_a', { module })), { code: 'host.patch-untrusted' });
  }
  assert.deepEqual(await driver.list(), []);
  assert.equal(await says(machine), 'original');
});

test('a patch that a sleeping task holds up is turned round and leaves nothing behind; when the task is gone it goes in', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const driver = new KernelDriver(hostOf(machine), { ...trusting, transitionMaxMs: 1_500 });
  await machine.run('insmod /m/lab_sleeper.ko; (cat /proc/lab_wait > /tmp/woken 2>&1 &) ; sleep 1');
  await assert.rejects(driver.apply(order('lab_fix_sleeper')), { code: 'host.patch-stalled', message: /\d+ cat/ });
  assert.deepEqual(await driver.list(), []);
  assert.equal((await machine.run(`ls /${RECORDS}`)).output.trim(), '');
  await machine.run('cat /proc/lab_wake; sleep 1');
  await driver.apply(order('lab_fix_sleeper'));
  assert.equal((await machine.run('cat /proc/lab_wait')).output, 'patched\n');
  await driver.revert('lab_fix_sleeper');
});

test('an agent killed between load and record, and a restart of the machine, end with the patch in force', async (t) => {
  if (machine === null) return t.skip(skip || 'no machine');
  const driver = new KernelDriver(hostOf(machine), trusting);
  const record = (state: string, buildIds: readonly string[] = [build]): Buffer =>
    Buffer.from(JSON.stringify({ name: 'lab_fix_a', state, buildIds, cves: [], digest: null }));
  // Loaded, and not yet written down as such.
  await machine.run(`mkdir -p /${RECORDS}; cp /m/lab_fix_a.ko /${RECORDS}/; insmod /${RECORDS}/lab_fix_a.ko`);
  await machine.put(`/${RECORDS}/lab_fix_a.json`, record('loading'));
  assert.deepEqual(await driver.restore(), { restored: ['lab_fix_a'], left: [] });
  assert.match((await machine.run(`cat /${RECORDS}/lab_fix_a.json`)).output, /"on"/);
  // Begun to be taken out.
  await machine.put(`/${RECORDS}/lab_fix_a.json`, record('leaving'));
  await driver.restore();
  assert.equal(await says(machine), 'original');
  await machine.off();

  const kept = {
    [`${RECORDS}/lab_fix_a.ko`]: modules.get('lab_fix_a') as Buffer,
    [`${RECORDS}/lab_fix_a.json`]: record('on'),
  };
  const foreign = {
    [`${RECORDS}/lab_fix_b.json`]: Buffer.from(
      JSON.stringify({ name: 'lab_fix_b', state: 'on', buildIds: ['cd'.repeat(20)], cves: [], digest: null }),
    ),
  };
  machine = await LabMachine.boot(kernel, { files: { ...files(), ...kept, ...foreign } });
  const restarted = new KernelDriver(hostOf(machine), trusting);
  assert.equal(await says(machine), 'original');
  const { restored, left } = await restarted.restore();
  assert.deepEqual([restored, left.map(({ name }) => name)], [['lab_fix_a'], ['lab_fix_b']]);
  assert.equal(await says(machine), 'patched by A');

  // Under lockdown the kernel itself refuses what its own keys did not sign, and nothing is left of it.
  await restarted.revert('lab_fix_a');
  assert.equal((await machine.run('echo integrity > /sys/kernel/security/lockdown')).code, 0);
  await assert.rejects(restarted.apply(order('lab_fix_a')), { code: 'host.patch-refused' });
  assert.equal(await says(machine), 'original');
  assert.doesNotMatch((await machine.run(`ls /${RECORDS}`)).output, /lab_fix_a/);
});

/** A machine of the laboratory with one workload, as control sees it. */
class LabHost {
  readonly name: string;
  vm: LabMachine | null = null;
  bootId = '';
  release = '';
  isServing = true;
  pods: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  async start(kernel: { readonly image: string }): Promise<void> {
    const vm = await LabMachine.boot(kernel);
    const { output } = await vm.run('cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/osrelease');
    [this.bootId = '', this.release = ''] = output.trim().split('\n');
    this.vm = vm;
    await this.follow();
  }

  /** What an agent does: the workload runs while the host serves, and not otherwise. */
  async follow(): Promise<void> {
    const script = this.isServing
      ? '[ -e /tmp/pid ] || { sleep 100000 >/dev/null 2>&1 & echo $! > /tmp/pid; }'
      : 'kill $(cat /tmp/pid); rm -f /tmp/pid';
    await this.vm?.run(script);
    this.pods = this.isServing ? [`${this.name}-web`] : [];
  }

  async answers(): Promise<boolean> {
    return (await this.vm?.run('[ -d /proc/$(cat /tmp/pid) ]'))?.code === 0;
  }
}

test('a live patch goes over two real machines in one roll-out, and out again where a workload suffers from it', async (t) => {
  if (process.env['DARSENA_SOAK'] !== '1') return t.skip('DARSENA_SOAK is not set');
  if (skip !== false) return t.skip(skip);
  const began = performance.now();
  const vms = new Map<string, LabMachine>();
  t.after(async () => Promise.all([...vms.values()].map((vm) => vm.off())));
  for (const name of ['n1', 'n2']) {
    vms.set(name, await LabMachine.boot(kernel, { files: { ...files(), ...moduleTools() } }));
  }
  const vmOf = (name: string): LabMachine => vms.get(name) as LabMachine;
  const artifact = await artifactOf('lab_fix_a', 'patched by A');
  const { digest } = artifact.wanted;
  const inForce = new Set<string>();
  let suffers = true;
  const opened = await openDatabase('sqlite::memory:', hostMigrations);
  t.after(() => opened.close());
  const about = readPatchMetadata(JSON.stringify({ name: 'lab_fix_a', buildIds: [build] }), 'lab_fix_a');
  const rollouts = new Rollouts({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, reboots: null as never },
    journal: { committed: () => undefined, record: async (_tx, fact) => ({ ...fact, id: '', at: '', digest: null }) },
    look: () => (name) => ({
      isHere: true,
      problems: suffers && inForce.has(name) ? [{ en: 'web is not ready', es: 'web no está lista' }] : [],
    }),
    patches: {
      show: async () => ({ ...about, digest, signers: ['release'], doubt: null }),
      places: () => ({ inForce: [...inForce], fitting: [...vms.keys()].filter((name) => !inForce.has(name)) }),
      async changeNow(name, change) {
        const host = hostOf(vmOf(name));
        const driver = new KernelDriver(host, trusting);
        if (change === 'apply') {
          await receivePatch(artifact.wanted, { ...artifact, driver, host, clock: systemClock });
          inForce.add(name);
        } else {
          await driver.revert('lab_fix_a');
          inForce.delete(name);
        }
      },
    },
  });
  const rules = {
    ...{ canaries: 1, share: 0.5, soakSeconds: 1, patienceSeconds: 1, lostSeconds: 60, concurrency: 1 },
    ...{ failuresShare: 0, rollBack: true, windows: [] },
  };
  const run = async (): Promise<string> => {
    const { id } = await rollouts.start({ patch: 'lab_fix_a', rules, patterns: [] }, 'user:ana');
    const until = performance.now() + 120_000;
    while (['running', 'withdrawing'].includes(rollouts.show(id).state) && performance.now() < until) {
      await rollouts.tick();
      await sleep(200);
    }
    return rollouts.show(id).state;
  };
  assert.equal(await run(), 'rolled-back');
  assert.deepEqual(await Promise.all([...vms.values()].map(says)), ['original', 'original']);
  suffers = false;
  assert.equal(await run(), 'done');
  assert.deepEqual(await Promise.all([...vms.values()].map(says)), ['patched by A', 'patched by A']);
  t.diagnostic(`two machines, turned back once and patched once: ${Math.round(performance.now() - began)} ms`);
});

test('two machines go to the next kernel one after the other while one of them always serves, with proof of each', async (t) => {
  if (process.env['DARSENA_SOAK'] !== '1') return t.skip('DARSENA_SOAK is not set');
  if (skip !== false) return t.skip(skip);
  const older = prepareOlderKernel();
  const hosts = ['n1', 'n2'].map((name) => new LabHost(name));
  t.after(async () => Promise.all(hosts.map((one) => one.vm?.off())));
  for (const one of hosts) await one.start(older);
  const find = (name: string): LabHost => hosts.find((one) => one.name === name) as LabHost;
  const opened = await openDatabase('sqlite::memory:', hostMigrations);
  t.after(() => opened.close());
  const facts: string[] = [];
  const machines = {
    hosts: () => ['n1', 'n2'],
    facts(name: string) {
      const { bootId, release } = find(name);
      return machineFacts.parse({ bootId, kernel: { release, installed: [older.release, kernel.release] } });
    },
  };
  const reboots = new Reboots({
    ...{ db: opened.db as never, clock: systemClock, machines },
    ground: {
      isHere: (name) => find(name).vm !== null,
      async empty(name) {
        const was = find(name).isServing;
        find(name).isServing = false;
        await find(name).follow();
        return was;
      },
      pods: (name) => find(name).pods,
      async serve(name) {
        find(name).isServing = true;
        await find(name).follow();
      },
      async order(name, { bootId }) {
        const one = find(name);
        assert.equal(one.bootId, bootId);
        await one.vm?.off();
        one.vm = null;
        // What a boot loader does: the newest on disk.
        void one.start(kernel).catch((error: unknown) => facts.push(String(error)));
      },
    },
  });
  const rollouts = new Rollouts({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, reboots, patches: null as never },
    journal: {
      committed: () => undefined,
      async record(_tx, fact) {
        facts.push(`${fact.kind} ${(fact.body as { host?: string }).host ?? ''}`.trim());
        return { ...fact, id: '', at: '', digest: null };
      },
    },
    look: () => (name) => ({
      isHere: find(name).vm !== null,
      problems: find(name).pods.length > 0 ? [] : [{ en: 'web is not ready', es: 'web no está lista' }],
    }),
  });
  assert.deepEqual(
    reboots.needs().map(({ isNeeded, newest }) => [isNeeded, newest]),
    [
      [true, kernel.release],
      [true, kernel.release],
    ],
  );
  const rules = { canaries: 1, share: 0.1, soakSeconds: 1, patienceSeconds: 60, lostSeconds: 300, concurrency: 1 };
  const began = performance.now();
  const { id } = await rollouts.startRestart(
    {
      rules: { ...rules, failuresShare: 0, rollBack: false, windows: [] },
      patterns: [],
      kernel: null,
      isForced: false,
    },
    'user:ana',
  );
  let probes = 0;
  let gaps = 0;
  while (rollouts.show(id).state === 'running' && performance.now() - began < 300_000) {
    await rollouts.tick();
    const serving = await Promise.all(hosts.map((one) => one.answers().catch(() => false)));
    probes++;
    if (!serving.includes(true)) gaps++;
    await sleep(100);
  }
  const proofs = await reboots.proofs(id);
  t.diagnostic(`${Math.round(performance.now() - began)} ms, ${probes} probes, ${gaps} of them without an answer`);
  assert.equal(rollouts.show(id).state, 'done', facts.join(', '));
  assert.deepEqual(
    proofs.map(({ releaseBefore, releaseAfter, expected }) => [releaseBefore, releaseAfter, expected]),
    [1, 2].map(() => [older.release, kernel.release, kernel.release]),
  );
  assert.ok(proofs.every(({ bootBefore, bootAfter }) => bootAfter !== null && bootAfter !== bootBefore));
  const [first, second] = proofs;
  assert.ok((first?.servedAt ?? '') <= (second?.begunAt ?? ''), 'never both at once');
  assert.equal(gaps, 0);
});
