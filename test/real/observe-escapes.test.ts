/** Twelve families of escapes from a container, three ways each: the attempt in a real container raises the shipped alert (E7). */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { callProgram } from './call-program.ts';
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

const skip = missingParts() || (process.arch === 'x64' ? false : 'the programs of single calls are of x86-64');
/** Of E7: an alert within a second. The machine of a test run has other work as well. */
const ALERT_MS = 10_000;

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
});
