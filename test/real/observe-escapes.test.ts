/** Twelve families of escapes from a container, three ways each: the attempt in a real container raises the shipped alert (E7). */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alert } from '../../src/detect/index.ts';
import { findStrangers, stopStranger } from '../../src/programs/agent/strangers.ts';
import { callProgram, callsProgram } from './call-program.ts';
import { Ground, missingParts, SHIPPED_RULES } from './observe-ground.ts';

/** A shell line (`bb` is busybox), or a system call with its number and arguments; what the alert's sentence must show. */
interface Attempt {
  readonly rule: string;
  readonly shows: RegExp;
  readonly line?: string;
  readonly call?: readonly [name: string, number: number, ...args: (number | string)[]];
}

const MOUNT = 'File system mounted in a container';
const CONTROL = 'Kernel control file written from a container';
const NAMESPACE = 'Namespace made or entered in a container';
const ENGINE = 'Container engine addressed from a container';
const LOADED = 'Kernel code loaded from a container';
const BPF = 'BPF used from a container';
const RARE = 'Rare kernel interface used from a container';
const TAKEN = 'Process taken over in a container';
const SETTING = 'Kernel setting written from a container';
const GROUP = 'Control group written from a container';
const NODE = 'Device node made in a container';
const DISK = 'Disk of the host opened from a container';

/** A `struct sockaddr_un`: AF_UNIX in two bytes, then the path. */
const socketAt = (path: string): [number, string, number] => [0, `\u0001\u0000${path}`, path.length + 2];

const [CLONE_NEWNS, CLONE_NEWUSER, SIGCHLD] = [0x20000, 0x10000000, 17];
/** A `struct clone_args`: CLONE_NEWUSER, and the signal at the end. */
const CLONE_LIST = `\u0000\u0000\u0000\u0010${'\u0000'.repeat(28)}\u0011${'\u0000'.repeat(55)}`;

const FAMILIES: Readonly<Record<string, readonly [Attempt, Attempt, Attempt]>> = {
  'host mount': [
    { rule: MOUNT, line: 'bb mount -t tmpfs none /tmp', shows: /command=busybox mount -t tmpfs/ },
    { rule: MOUNT, line: 'bb mount -o bind / /etc', shows: /to=\/etc / },
    { rule: MOUNT, call: ['umount', 166, '/proc', 2], shows: /call=umount2 / },
  ],
  release_agent: [
    { rule: CONTROL, line: 'echo x > /sys/fs/cgroup/release_agent', shows: /file=\/sys\/fs\/cgroup\/release_agent / },
    { rule: CONTROL, line: 'cd /sys/fs/cgroup && echo x > memory/release_agent', shows: /memory\/release_agent / },
    { rule: CONTROL, line: 'bb tee /sys/fs/cgroup/pids/release_agent </dev/null', shows: /pids\/release_agent / },
  ],
  core_pattern: [
    { rule: CONTROL, line: 'echo x > /proc/sys/kernel/core_pattern', shows: /core_pattern program=\S+ command=sh/ },
    {
      rule: CONTROL,
      line: 'bb tee /proc/self/root/proc/sys/kernel/core_pattern </dev/null',
      shows: /core_pattern .*tee/,
    },
    {
      rule: CONTROL,
      line: 'cd /proc/sys && bb dd of=kernel/../kernel/core_pattern </dev/null',
      shows: /core_pattern .*dd/,
    },
  ],
  nsenter: [
    { rule: NAMESPACE, line: 'bb nsenter -t 1 -m true', shows: /call=setns .*nsenter -t 1 -m/ },
    { rule: NAMESPACE, line: 'bb nsenter -t 1 -n true', shows: /call=setns .*nsenter -t 1 -n/ },
    { rule: NAMESPACE, line: 'bb unshare -r true', shows: /call=unshare .*CLONE_NEWUSER/ },
  ],
  'namespace with a new process': [
    { rule: NAMESPACE, call: ['clone', 56, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0], shows: /call=clone .*CLONE_NEWUSER/ },
    { rule: NAMESPACE, call: ['clone', 56, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0], shows: /call=clone .*CLONE_NEWNS/ },
    { rule: NAMESPACE, call: ['clone3', 435, CLONE_LIST, 88], shows: /call=clone3 .*CLONE_NEWUSER/ },
  ],
  'runtime socket': [
    { rule: ENGINE, call: ['docker', 42, ...socketAt('/run/docker.sock')], shows: /\/run\/docker\.sock/ },
    {
      rule: ENGINE,
      call: ['podman', 42, ...socketAt('/run/podman/podman.sock')],
      shows: /\/run\/podman\/podman\.sock/,
    },
    { rule: ENGINE, call: ['crio', 42, ...socketAt('/var/run/crio/crio.sock')], shows: /crio\.sock/ },
  ],
  'module load': [
    { rule: LOADED, call: ['init_module', 175, 0, 0, ''], shows: /call=init_module / },
    { rule: LOADED, call: ['finit_module', 313, 0, '', 0], shows: /call=finit_module / },
    { rule: LOADED, call: ['kexec_load', 246, 0, 0, 0, 0], shows: /call=kexec_load / },
  ],
  bpf: [
    { rule: BPF, call: ['bpf', 321, 5, 0, 0], shows: /BPF_PROG_LOAD/ },
    { rule: BPF, call: ['bpf', 321, 0, 0, 0], shows: /BPF_MAP_CREATE/ },
    { rule: BPF, call: ['bpf', 321, 7, 0, 0], shows: /BPF_OBJ_GET/ },
  ],
  userfaultfd: [
    { rule: RARE, call: ['userfaultfd', 323, 0], shows: /call=userfaultfd .*act-userfaultfd-0/ },
    { rule: RARE, call: ['userfaultfd', 323, 1], shows: /call=userfaultfd .*act-userfaultfd-1/ },
    { rule: RARE, call: ['userfaultfd', 323, 2048], shows: /call=userfaultfd .*act-userfaultfd-2/ },
  ],
  ptrace: [
    { rule: TAKEN, call: ['ptrace', 101, 16, 1, 0, 0], shows: /PTRACE_ATTACH/ },
    { rule: TAKEN, call: ['ptrace', 101, 0x4206, 1, 0, 0], shows: /PTRACE_SEIZE/ },
    { rule: TAKEN, call: ['process_vm_writev', 311, 1, 0, 0, 0, 0], shows: /call=process_vm_writev/ },
  ],
  '/proc/sys': [
    { rule: SETTING, line: 'echo 1 > /proc/sys/net/ipv4/ip_forward', shows: /ip_forward/ },
    { rule: SETTING, line: 'echo 0 > /proc/sys/kernel/randomize_va_space', shows: /randomize_va_space/ },
    { rule: SETTING, line: 'cd /proc/sys/vm && echo 1 > ./overcommit_memory', shows: /overcommit_memory/ },
  ],
  cgroup: [
    { rule: GROUP, line: 'echo 1 > /sys/fs/cgroup/cgroup.procs', shows: /\/sys\/fs\/cgroup\/cgroup\.procs/ },
    { rule: GROUP, line: 'echo a > /sys/fs/cgroup/devices/devices.allow', shows: /devices\.allow/ },
    { rule: GROUP, line: 'echo 1 > /sys/fs/cgroup/memory/notify_on_release', shows: /notify_on_release/ },
  ],
  'device nodes': [
    { rule: NODE, line: 'bb mknod /tmp/disk b 8 0', shows: /node=\/tmp\/disk/ },
    { rule: NODE, line: 'cd /tmp && bb mknod mem c 1 1', shows: /node=\/tmp\/mem/ },
    { rule: DISK, line: 'cat /dev/vda', shows: /file=\/dev\/vda/ },
  ],
};

const WARDEN = join(import.meta.dirname, '..', '..', 'src', 'programs', 'warden.ts');

const skip = missingParts() || (process.arch === 'x64' ? false : 'the programs of single calls are of x86-64');
/** Of E7: an alert within a second. The machine of a test run has other work as well, that of a soak has none. */
const ALERT_MS = process.env['DARSENA_SOAK'] === '1' ? 1_000 : 10_000;

describe('attempts to leave a container', { skip }, () => {
  let ground: Ground;

  before(async () => {
    ground = new Ground();
    const container = ground.startContainer();
    await ground.startSensor({ rules: [SHIPPED_RULES], scope: 'instance' });
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    const acts = join(ground.folder, 'acts');
    mkdirSync(acts);
    let script = '';
    for (const attempts of Object.values(FAMILIES)) {
      attempts.forEach(({ line, call }, variant) => {
        if (call === undefined) {
          script += `(${(line ?? '').replaceAll('bb ', '/bin/busybox ')}) >/dev/null 2>&1\n`;
          return;
        }
        const [name, number, ...args] = call;
        const file = `act-${name}-${variant}`;
        writeFileSync(join(acts, file), callProgram(number, args), { mode: 0o755 });
        script += `/acts/${file} 2>/dev/null\n`;
      });
    }
    writeFileSync(join(acts, 'all.sh'), script);
    ground.podman('cp', acts, `${container}:/acts`);
    await ground.podmanLater('exec', container, 'sh', '/acts/all.sh');
  });
  after(() => ground.close());

  const guardOf = (container: string, effect: 'act' | 'report') => ({
    ...{ containerId: container, except: ['/tmp/named'], whenLate: 'allow', drift: 0 },
    // The last, a trial, knows the programs by their file's own name: it must not hide what is in force for their links.
    rules: [
      ...['drift', 'command', 'file'].map((part) => ({ policy: 'p', part, effect })),
      { policy: 'q', part: 'command', effect: 'report' },
    ],
    commands: ['id', 'named', 'busybox'].map((pattern, at) => ({ pattern, kind: 'name', rule: at < 2 ? 1 : 3 })),
    files: [{ pattern: '/etc/secret', kind: 'path', rule: 2 }],
  });
  /** Denied by the name of a link and of a file, not in the image, in memory's file system, in the image, a denied file, another. */
  const ACTS = `/bin/id; echo id $?; cp /bin/busybox /tmp/named; /tmp/named ls /; echo named $?; cp /bin/busybox /tmp/ls; /tmp/ls /; echo drift $?; cp /tmp/ls /dev/shm/ls; /dev/shm/ls /; echo shm $?
ls /bin/ls; echo ls $?; cat /etc/secret; echo secret $?; cat /etc/other; echo other $?`;
  const outcomes = (container: string): Record<string, number> => {
    const said = ground.podman('exec', container, 'sh', '-c', ACTS);
    return Object.fromEntries([...said.matchAll(/^(\w+) (\d+)$/gm)].map(([, act = '', code]) => [act, Number(code)]));
  };
  const saved = (container: string): void =>
    void ground.podman('exec', container, 'sh', '-c', 'echo x > /etc/secret; echo x > /etc/other');

  test('what a policy forbids is only told in a trial, and ends its process where the kernel has no better way', async () => {
    const container = ground.startContainer();
    saved(container);
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    const met = (outcome: string) => () => {
      const found = ground.agent.alerts.filter(
        ({ container: where, tags }) => where?.id === container && tags.includes(outcome),
      );
      return new Set(found.map(({ rule }) => rule)).size >= 3 ? found : undefined;
    };
    const guarded = (count: number) =>
      ground.agent.waitFor(
        () => ground.agent.messages.filter(({ type }) => type === 'guarded')[count],
        20_000,
        'the guards to be set',
      );
    ground.agent.send({ type: 'guards', guards: [guardOf(container, 'report')] });
    await guarded(0);
    const trial = outcomes(container);
    assert.deepEqual([trial['id'], trial['drift'], trial['secret'], trial['ls']], [0, 0, 0, 0]);
    const told = await ground.agent.waitFor(met('reported'), 20_000, 'what was only told');
    assert.ok(told.every(({ container: where }) => where?.workload === 'web'));
    ground.agent.send({ type: 'guards', guards: [guardOf(container, 'act')] });
    await guarded(1);
    const act = outcomes(container);
    // Killed (128 + 9), or refused before (126) where this kernel lets a program answer.
    for (const one of ['id', 'named', 'drift', 'shm'])
      assert.ok([137, 126].includes(act[one] ?? 0), `${one}: ${act[one]}`);
    assert.ok((act['secret'] ?? 0) > 0);
    assert.deepEqual([act['ls'], act['other']], [0, 0], 'what nobody forbade goes on');
    await ground.agent.waitFor(() => met('killed')() ?? met('blocked')(), 20_000, 'what was prevented');
    ground.agent.send({ type: 'guards', guards: [] });
    await guarded(2);
    assert.deepEqual(outcomes(container)['id'], 0);
  });

  test('the warden lets nothing happen that a policy forbids, in its container alone, and nothing waits when it is gone', async (t) => {
    const [container, other] = [ground.startContainer(), ground.startContainer()];
    saved(container);
    const pid = Number(ground.podman('inspect', '-f', '{{.State.Pid}}', container));
    const strangers = await findStrangers({ isOwn: (id) => id === other, makers: new Set(), node: '' });
    const found = strangers.find(({ id }) => id === container);
    assert.deepEqual([found?.engine, found?.pid], ['podman', pid], 'it is one that nobody of the platform started');
    assert.match(found?.image ?? '', /darsena-observe-test/);
    assert.ok(!strangers.some(({ id }) => id === other));
    // What shuts itself in below a program of the platform, as each scan does, is the platform's.
    const confined = spawn('unshare', ['--pid', '--mount', '--kill-child', 'sleep', '60']);
    t.after(() => confined.kill('SIGKILL'));
    const [isSleeping, nobody] = [({ command }: { command: string }) => command === 'sleep 60', new Set<number>()];
    let nameless = false;
    for (let tries = 0; tries < 100 && !nameless; tries += 1) {
      await sleep(50);
      nameless = (await findStrangers({ isOwn: () => false, makers: nobody, node: '' })).some(isSleeping);
    }
    assert.ok(nameless);
    for (const own of [
      { makers: new Set([process.pid]), node: '' },
      { makers: nobody, node: process.execPath },
    ])
      assert.ok(!(await findStrangers({ isOwn: () => false, ...own })).some(isSleeping));
    const said: { type: string; outcome?: string; path?: string; why?: string | null }[] = [];
    const warden = spawn(process.execPath, [WARDEN], { stdio: ['pipe', 'pipe', 'inherit'] });
    t.after(() => warden.kill('SIGKILL'));
    const lines = createInterface({ input: warden.stdout });
    lines.on('line', (line) => said.push(JSON.parse(line)));
    const heard = async (type: string): Promise<(typeof said)[number]> => {
      for (let n = 0; n < 2_000; n++) {
        const one = said.find((message) => message.type === type);
        if (one !== undefined) return one;
        await sleep(10);
      }
      throw new Error(`the warden did not say ${type}`);
    };
    assert.equal((await heard('ready')).why, null);
    const word = { guard: guardOf(container, 'act'), pid, drift: true, vouch: false, commands: [0, 1], files: [0] };
    warden.stdin.write(`${JSON.stringify({ type: 'guards', guards: [word] })}\n`);
    assert.equal((await heard('guarded')).why, null);
    const act = outcomes(container);
    // Of a link the warden is shown the program that it leads to: by such a name the sensor knows it, and kills.
    assert.deepEqual([act['named'], act['drift'], act['shm'], act['secret']], [126, 126, 126, 1]);
    assert.deepEqual([act['ls'], act['other']], [0, 0]);
    assert.equal(outcomes(other)['drift'], 0, 'another container is not asked about');
    // A FIFO without a writer holds up nobody but who opens it, and a file that cannot be opened ends nothing.
    const socket = createServer().listen(`/proc/${pid}/root/tmp/socket`);
    t.after(() => socket.close());
    await once(socket, 'listening');
    const odd = ground.podman(
      ...['exec', container, 'sh', '-c'],
      'cat /tmp/socket 2>/dev/null; /bin/busybox mkfifo /tmp/fifo; cat /tmp/fifo & sleep 0.2; cat /etc/other; echo went on; echo x > /tmp/fifo; wait',
    );
    assert.match(odd, /went on/);
    assert.notEqual(outcomes(container)['drift'], 0, 'the warden lives');
    await heard('met');
    assert.ok(said.filter(({ type }) => type === 'met').every(({ outcome }) => outcome === 'blocked'));
    // Stopped in the middle of everything it answers nobody; ended, it keeps nobody waiting.
    warden.kill('SIGSTOP');
    const waiting = ground.podmanLater('exec', container, '/tmp/named', 'ls');
    await sleep(100);
    warden.kill('SIGKILL');
    await waiting;
    assert.equal(outcomes(container)['drift'], 0);
    assert.match(await stopStranger(found ?? assert.fail()), /killed its first process/);
    const isRunning = () => ground.podman('inspect', '-f', '{{.State.Running}}', container);
    for (let n = 0; n < 500 && isRunning() === 'true'; n++) await sleep(20);
    assert.equal(isRunning(), 'false');
    assert.equal(ground.podman('inspect', '-f', '{{.State.Running}}', other), 'true');
  });

  test('a program of the image that has another owner runs where programs of others do not, whoever guards', async (t) => {
    const at = 0x10000000;
    // Maps the first page of what is open as 5 and writes it as it is, closes it, and two seconds later writes through the mapping,
    // where a program has bytes that nobody reads.
    const holder = callsProgram([
      [9, at, 4_096, 3, 0x11, 5], // mmap: to read and write, shared, at this place
      [17, 6, at, 1, 0], // pread64
      [3, 5], // close
      [7, 0, 0, 2_000], // poll of nothing
      [17, 7, at + 9, 1, 0],
    ]);
    // One writes one byte, and takes care to leave size and time of change as they were; so does the other, through a mapping.
    const ACTS = `b=/bin/busybox; o=/bin/busybox-own
$b chown 7:7 $o; $o true; echo chowned $?
$b cp $o /bin/busybox-more; /bin/busybox-more true; echo copied $?
t=$($b stat -c %Y $o); s=$($b stat -c %s $o)
$b printf X | $b dd of=$o bs=1 seek=$((s-1)) conv=notrunc 2>/dev/null; $b touch -d @$t $o; $o true; echo written $?
h=/bin/busybox-held; $b chown 7:7 $h; $b sleep 0.1; /bin/holder 5<>$h 6<$h 7</bin/holder & $b sleep 1; $h true; echo held $?
wait; $h true; echo mapped $?`;
    const folder = join(ground.folder, 'owned');
    mkdirSync(join(folder, 'bin'), { recursive: true });
    for (const name of ['busybox-own', 'busybox-held']) copyFileSync('/bin/busybox', join(folder, 'bin', name));
    writeFileSync(join(folder, 'bin/holder'), holder, { mode: 0o755 });
    const image = 'localhost/darsena-observe-owned:1';
    ground.makeImageOf(image, folder);
    const acts = (container: string): Record<string, number> => {
      const said = ground.podman('exec', container, 'sh', '-c', ACTS);
      return Object.fromEntries([...said.matchAll(/^(\w+) (\d+)$/gm)].map(([, act = '', code]) => [act, Number(code)]));
    };
    const drift = (id: string) => ({ ...guardOf(id, 'act'), commands: [], files: [] });
    const isStopped = (code: number | undefined): boolean => code === 126 || code === 137;
    assert.deepEqual(
      acts(ground.startContainerOf(image)),
      { chowned: 0, copied: 0, written: 0, held: 0, mapped: 0 },
      'where nobody guards',
    );
    for (const who of ['the warden alone', 'the kernel, by the word of the warden', 'the kernel alone'] as const) {
      const container = ground.startContainerOf(image);
      const pid = Number(ground.podman('inspect', '-f', '{{.State.Pid}}', container));
      ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
      const isKernels = who !== 'the warden alone';
      const before = ground.agent.messages.filter(({ type }) => type === 'guarded').length;
      ground.agent.send({ type: 'guards', guards: isKernels ? [drift(container)] : [] });
      await ground.agent.waitFor(
        () => ground.agent.messages.filter(({ type }) => type === 'guarded')[before],
        60_000,
        'the guards to be set',
      );
      const warden = spawn(process.execPath, [WARDEN, ground.pins], { stdio: ['pipe', 'pipe', 'inherit'] });
      t.after(() => warden.kill('SIGKILL'));
      const said = createInterface({ input: warden.stdout });
      const word = { guard: drift(container), pid, drift: !isKernels, vouch: isKernels, commands: [], files: [] };
      if (who !== 'the kernel alone') {
        warden.stdin.write(`${JSON.stringify({ type: 'guards', guards: [word] })}\n`);
        for await (const line of said) if (JSON.parse(line).type === 'guarded') break;
      }
      const did = acts(container);
      t.diagnostic(`${who}: ${JSON.stringify(did)}`);
      if (who === 'the kernel alone') assert.ok(isStopped(did['chowned']), 'nobody says that it is a copy');
      else assert.equal(did['chowned'], 0, who);
      for (const act of ['copied', 'written', 'held', 'mapped'])
        assert.ok(isStopped(did[act]), `${who}, ${act}: ${JSON.stringify(did)}`);
      warden.kill('SIGKILL');
    }
    ground.agent.send({ type: 'guards', guards: [] });
  });

  for (const [family, attempts] of Object.entries(FAMILIES)) {
    test(`${family}: three of three are told`, async (t) => {
      for (const { rule, shows, line, call } of attempts) {
        const isThere = rule !== LOADED || existsSync(`/sys/kernel/tracing/events/syscalls/sys_exit_${call?.[0]}`);
        if (!isThere) {
          t.diagnostic(`this kernel has no ${call?.[0]}`);
          continue;
        }
        const { afterMs, alert } = await ground.agent.waitFor(
          () => ground.agent.arrivals.find((one) => one.alert.rule === rule && shows.test(one.alert.output)),
          5_000,
          `"${rule}" of ${line ?? call?.join(' ')}; ${ground.sensorErrors}`,
        );
        assert.ok(afterMs < ALERT_MS, `after ${afterMs} ms`);
        assert.equal(alert.container?.workload, 'web');
      }
    });
  }

  test('the sandbox of a browser as the image has it is no alert; a program that was brought to its place is', async () => {
    const browser = '/usr/lib/chromium/chromium';
    const files = join(ground.folder, 'browser');
    mkdirSync(join(files, dirname(browser)), { recursive: true });
    const sandbox = callProgram(56, [CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0]);
    writeFileSync(join(files, browser), sandbox, { mode: 0o755 });
    ground.makeImageOf('localhost/darsena-browser:1', files);
    const [own, brought] = ['localhost/darsena-browser:1', ground.image].map((image) =>
      ground.startContainerOf(image),
    ) as [string, string];
    ground.podman('cp', join(files, 'usr'), `${brought}:/`);
    ground.agent.send({ type: 'containers', containers: [own, brought].map((one) => ground.describe(one)) });
    for (const container of [own, brought]) await ground.podmanLater('exec', container, browser);
    const isOf = (container: string) => (one: Alert) => one.rule === NAMESPACE && one.container?.id === container;
    await ground.agent.waitFor(
      () => ground.agent.alerts.find(isOf(brought)),
      60_000,
      () => `the browser that was brought in: ${ground.podman('exec', brought, 'ls', '-l', browser)}`,
    );
    assert.deepEqual(ground.agent.alerts.filter(isOf(own)), []);
  });
});

test('what gVisor does in the place of a container is no alert', { skip: skip || lacksGvisor() }, async (t) => {
  const ground = new Ground();
  t.after(() => ground.close());
  await ground.startSensor({ rules: [SHIPPED_RULES], scope: 'all' });
  const flags = ['platform=ptrace', 'network=host'].flatMap((flag) => ['--runtime-flag', flag]);
  // By another run-time than that of the others, which is an option of the engine and not of the container.
  const boxed = ground.podman(
    '--runtime',
    'runsc',
    ...flags,
    'run',
    '-d',
    '--network',
    'none',
    ground.image,
    'sleep',
    '600',
  );
  t.after(() => void ground.podmanTried('--runtime', 'runsc', ...flags, 'rm', '-f', '-t', '0', boxed));
  const last = ground.startContainer();
  await ground.podmanLater('exec', last, 'cat', '/etc/shadow');
  await ground.agent.waitFor(
    () => ground.agent.alerts.find(({ container }) => container?.id === last),
    60_000,
    () => `the alert of the last act; ${ground.sensorErrors}`,
  );
  const told = ground.agent.alerts.filter(({ container }) => container?.id === boxed);
  assert.deepEqual(
    told.map(({ rule, output }) => `${rule}: ${output}`),
    [],
  );
});

function lacksGvisor(): string | false {
  return spawnSync('runsc', ['--version']).status === 0 ? false : 'needs runsc';
}

test('what a run-time does itself is no alert, in a pod too; a program that takes its name is seen', {
  skip,
}, async (t) => {
  const ground = new Ground();
  let pod = '';
  t.after(async () => {
    if (pod !== '') await ground.podmanLater('pod', 'rm', '-f', '-t', '0', pod);
    await ground.close();
  });
  await ground.startSensor({ rules: [SHIPPED_RULES], scope: 'all' });
  pod = ground.podman('pod', 'create', '--network', 'none');
  const within = ground.startContainer();
  ground.podman('exec', within, 'true');
  const program = join(ground.folder, 'runc');
  writeFileSync(program, callProgram(166, ['/proc', 2]), { mode: 0o755 });
  ground.podman('cp', program, `${within}:/tmp/runc`);
  const ended = ground.startContainerIn(pod);
  ground.podman('exec', ended, 'true');
  ground.podman('stop', '-t', '0', ended);
  ground.podman('pod', 'rm', '-f', '-t', '0', pod);
  await ground.podmanLater('exec', within, '/tmp/runc');
  const alert = await ground.agent.waitFor(
    () => ground.agent.alerts.find((one) => one.rule === MOUNT && one.container?.id === within),
    60_000,
    () => `the alert of /tmp/runc; there were ${JSON.stringify(ground.agent.alerts)}; ${ground.sensorErrors}`,
  );
  assert.match(alert.output, /from=\/proc .*command=runc/);
  const others = ground.agent.alerts.filter(
    (one) =>
      one !== alert && !one.output.includes('/tmp/runc') && [pod, within, ended].includes(one.container?.id ?? ''),
  );
  assert.deepEqual(
    others.map(({ rule, output }) => `${rule}: ${output}`),
    [],
  );
});
