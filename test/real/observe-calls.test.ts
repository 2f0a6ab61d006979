/** Calls beside exec, open and connect: acts in a real container, and what rules read of them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { callProgram } from './call-program.ts';
import { Ground, missingParts, writeRules } from './observe-ground.ts';

const busybox = (line: string): string => line.replaceAll('bb ', '/bin/busybox ');

/** An act as a shell line, the condition it must meet, and the fields that the alert must show. */
const ACTS: readonly {
  readonly act: string;
  readonly condition: string;
  readonly shows: Readonly<Record<string, string | number | boolean>>;
}[] = [
  {
    act: 'cd /tmp && echo > a-file && bb mv a-file b-file',
    condition: 'evt.type in (rename, renameat, renameat2) and fs.path.target = /tmp/b-file',
    shows: { 'fs.path.source': '/tmp/a-file', 'evt.res': 'SUCCESS', 'evt.arg.oldpath': '/tmp/a-file' },
  },
  {
    act: 'bb rm -f /tmp/b-file /tmp/never-there',
    condition: 'evt.type in (unlink, unlinkat) and fs.path.name = /tmp/b-file',
    shows: { 'evt.category': 'file', 'proc.name': 'busybox' },
  },
  {
    act: 'bb ln -s /etc/shadow /tmp/link-shadow',
    condition: 'evt.type in (symlink, symlinkat) and evt.arg.target = /etc/shadow',
    shows: { 'evt.arg.linkpath': '/tmp/link-shadow' },
  },
  {
    act: 'bb ln /etc/shadow /tmp/hard-shadow',
    condition: 'evt.type in (link, linkat) and fs.path.target = /etc/shadow',
    shows: { 'fs.path.source': '/tmp/hard-shadow', 'evt.arg.oldpath': '/etc/shadow' },
  },
  {
    act: 'echo > /tmp/tool && bb chmod 4755 /tmp/tool',
    condition: 'evt.type in (chmod, fchmod, fchmodat, fchmodat2) and evt.arg.mode contains S_ISUID',
    shows: { 'evt.arg.filename': '/tmp/tool', 'evt.failed': false },
  },
  {
    act: 'bb mkdir /tmp/made-folder; bb rmdir /tmp/made-folder',
    condition: 'evt.type = rmdir and evt.arg.path = /tmp/made-folder',
    shows: { 'evt.rawres': 0 },
  },
  {
    act: 'bb unshare -m true',
    condition: 'evt.type = unshare and evt.arg.flags contains CLONE_NEWNS',
    shows: { 'evt.category': 'process' },
  },
  {
    act: 'bb mount -t tmpfs none /tmp',
    condition: 'evt.type = mount and evt.failed = true',
    shows: { 'evt.arg.dir': '/tmp', 'evt.res': 'EPERM' },
  },
  {
    act: 'bb arping -c 1 -w 1 -I lo 127.0.0.1',
    condition: 'evt.type = socket and evt.arg.domain contains AF_PACKET',
    shows: { 'evt.category': 'net' },
  },
  {
    act: 'bb nc -l -p 7081 < /dev/null & bb sleep 0.3; echo hello | bb nc 127.0.0.1 7081 -w 1',
    condition: 'evt.type = listen and fd.sport = 7081',
    shows: { 'fd.is_server': true },
  },
  {
    act: 'bb nc -l -p 7085 < /dev/null & bb sleep 0.3; echo hello | bb nc 127.0.0.1 7085 -w 1',
    condition: 'evt.type = bind and fd.sport = 7085',
    shows: { 'evt.failed': false, 'evt.category': 'net' },
  },
  {
    act: 'bb nc -l -p 7082 < /dev/null & bb sleep 0.3; echo hello | bb nc 127.0.0.1 7082 -w 1',
    condition: 'evt.type in (accept, accept4) and fd.sport = 7082 and fd.cip = "127.0.0.1"',
    shows: { 'fd.connected': true, 'fd.type': 'ipv4' },
  },
  {
    act: 'bb nc -l -p 7083 < /dev/null & bb sleep 0.3; bb nc 127.0.0.1 7083 -e /bin/true',
    condition: 'evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) and fd.type in ("ipv4", "ipv6")',
    shows: { 'fd.l4proto': 'tcp', 'fd.sport': 7083 },
  },
  {
    act: 'bb sleep 30 & bb kill -9 $!',
    condition: 'evt.type = kill and evt.arg.sig = SIGKILL',
    shows: { 'evt.category': 'signal' },
  },
  {
    act: 'echo 0 > /proc/self/oom_score_adj; echo 0 > /tmp/oom_score_adj',
    condition: 'evt.type in (write, pwrite, writev) and fd.filename = oom_score_adj',
    shows: { 'evt.category': 'file', 'evt.failed': false },
  },
  {
    act: 'bb ping -c 1 -w 2 127.0.0.1',
    condition: 'evt.type in (recvfrom, recvmsg) and fd.rip = "127.0.0.1"',
    shows: { 'fd.is_server': true, 'fd.l4proto': 'icmp' },
  },
  {
    act: 'bb nslookup darsena.example 127.0.0.1',
    condition: 'evt.type = dns_question and evt.arg.question = darsena.example and evt.arg.qtype = A',
    shows: { 'fd.rport': 53, 'fd.rip': '127.0.0.1', 'proc.name': 'busybox' },
  },
  {
    act: 'bb chroot /tmp true',
    condition: 'evt.type = chroot and evt.arg.path = /tmp',
    shows: { 'proc.name': 'busybox' },
  },
];

/** Calls that no tool of a small container makes; the kernel refuses most of them. */
const REFUSED: readonly { readonly name: string; readonly program: Buffer; readonly condition: string }[] = [
  { name: 'bpf', program: callProgram(321, [5, 0, 0]), condition: 'evt.type = bpf and evt.arg.cmd = BPF_PROG_LOAD' },
  { name: 'userfaultfd', program: callProgram(323, [0]), condition: 'evt.type = userfaultfd' },
  { name: 'AF_ALG', program: callProgram(41, [38, 5, 0]), condition: 'evt.type = socket and evt.arg.domain = AF_ALG' },
  { name: 'by-handle', program: callProgram(304, [0, 0, 0]), condition: 'evt.type = open_by_handle_at' },
  {
    name: 'ptrace',
    program: callProgram(101, [16, 1, 0, 0]),
    condition: 'evt.type = ptrace and evt.arg.request contains PTRACE_ATTACH',
  },
  {
    name: 'unlink',
    program: callProgram(87, ['/root/.bash_history']),
    condition: 'evt.type = unlink and evt.arg.path = /root/.bash_history',
  },
  { name: 'setns', program: callProgram(308, [77, 0]), condition: 'evt.type = setns and evt.arg.fd = 77' },
  {
    name: 'keyctl',
    program: callProgram(250, [0, -3]),
    condition: 'evt.type = keyctl and evt.arg.operation = KEYCTL_GET_KEYRING_ID',
  },
  { name: 'seccomp', program: callProgram(317, [2, 0]), condition: 'evt.type = seccomp and evt.arg.op = 2' },
  { name: 'capset', program: callProgram(126, [0, 0]), condition: 'evt.type = capset' },
  { name: 'setuid', program: callProgram(105, [12]), condition: 'evt.type = setuid and evt.arg.uid = 12' },
  {
    name: 'init_module',
    program: callProgram(175, [0, 16]),
    condition: 'evt.type = init_module and evt.arg.length = 16',
  },
  {
    name: 'pivot_root',
    program: callProgram(155, ['/tmp', '/tmp']),
    condition: 'evt.type = pivot_root and evt.arg.new_root = /tmp',
  },
  {
    name: 'chown',
    program: callProgram(92, ['/etc/passwd', 7, 8]),
    condition: 'evt.type = chown and evt.arg.uid = 7 and evt.arg.gid = 8',
  },
  {
    name: 'move_mount',
    program: callProgram(429, [-100, '/tmp', -100, '/proc', 0]),
    condition: 'evt.type = move_mount and evt.abspath.src = /tmp and evt.abspath.dst = /proc',
  },
  {
    name: 'open_tree',
    program: callProgram(428, [-100, '/etc', 1]),
    condition: 'evt.type = open_tree and evt.arg.flags contains OPEN_TREE_CLONE and evt.arg.path = /etc',
  },
  { name: 'fsopen', program: callProgram(430, ['tmpfs', 0]), condition: 'evt.type = fsopen and evt.failed = true' },
  {
    name: 'fspick',
    program: callProgram(433, [-100, '/tmp', 0]),
    condition: 'evt.type = fspick and evt.arg.path = /tmp',
  },
  { name: 'fsmount', program: callProgram(432, [5, 0, 0]), condition: 'evt.type = fsmount' },
  {
    name: 'fsconfig',
    program: callProgram(431, [5, 6, 0, 0, 0]),
    condition: 'evt.type = fsconfig and evt.arg.cmd = 6',
  },
  {
    name: 'mount_setattr',
    program: callProgram(442, [-100, '/tmp', 0, 0, 0]),
    condition: 'evt.type = mount_setattr and evt.arg.path = /tmp',
  },
  {
    name: 'memfd_create',
    program: callProgram(319, ['x', 1]),
    condition: 'evt.type = memfd_create and evt.rawres >= 0',
  },
  { name: 'process_vm_writev', program: callProgram(311, [1, 0, 0, 0, 0]), condition: 'evt.type = process_vm_writev' },
  { name: 'perf_event_open', program: callProgram(298, [0, 0, -1, -1, 0]), condition: 'evt.type = perf_event_open' },
  { name: 'add_key', program: callProgram(248, [0, 0, 0, 0, 0]), condition: 'evt.type = add_key' },
  {
    name: 'setresuid',
    program: callProgram(117, [12, 13, 14]),
    condition: 'evt.type = setresuid and evt.arg.euid = 13',
  },
  { name: 'kexec_load', program: callProgram(246, [0, 0, 0, 0]), condition: 'evt.type = kexec_load' },
];

/** Where they are in the container. */
const PROGRAMS = '/calls';

/** Kernels without modules or kexec have no such calls. */
const OF_MODULES: ReadonlySet<string> = new Set(['kexec_load', 'init_module']);

const fieldsOf = ({ shows }: (typeof ACTS)[number]): string[] => Object.keys(shows);

describe('what a container does beside starting programs and opening files', { skip: missingParts() }, () => {
  let ground: Ground;
  let container: string;

  before(async () => {
    ground = new Ground();
    container = ground.startContainer();
    const rules = ACTS.map((one, index) => ({
      rule: `act ${index}`,
      desc: one.act,
      condition: one.condition,
      output: fieldsOf(one)
        .map((field) => `%${field}`)
        .join(' '),
      priority: 'WARNING',
    }));
    for (const { name, condition } of REFUSED) {
      const output = '%evt.type %evt.res';
      const own = `(${condition}) and proc.exepath = ${PROGRAMS}/${name}`;
      rules.push({ rule: `call ${name}`, desc: name, condition: own, output, priority: 'WARNING' });
    }
    await ground.startSensor({ rules: [writeRules(ground, JSON.stringify(rules))], scope: 'instance' });
    ground.agent.send({ type: 'containers', containers: [ground.describe(container)] });
    // All at once: bringing each into the container by itself takes longer than what it does.
    await mkdir(join(ground.folder, 'calls'));
    for (const { name, program } of REFUSED)
      await writeFile(join(ground.folder, 'calls', name), program, { mode: 0o755 });
    ground.podman('cp', join(ground.folder, 'calls'), `${container}:/`);
    await ground.podmanLater('exec', container, 'sh', '-c', `for one in ${PROGRAMS}/*; do $one; done`);
  });
  after(() => ground.close());

  const arrivalOf = (rule: string) =>
    ground.agent.waitFor(
      () => ground.agent.arrivals.find(({ alert }) => alert.rule === rule),
      5_000,
      `an alert of "${rule}"; stderr: ${ground.sensorErrors}`,
    );

  for (const [index, one] of ACTS.entries()) {
    test(`${one.condition} sees: ${one.act}`, async () => {
      await ground.podmanLater('exec', container, 'sh', '-c', busybox(one.act));
      const { alert } = await arrivalOf(`act ${index}`);
      assert.deepEqual(Object.fromEntries(fieldsOf(one).map((field) => [field, alert.outputFields[field]])), one.shows);
      assert.equal(alert.container?.id, container);
    });
  }

  for (const { name, condition } of REFUSED) {
    const isThere = existsSync(`/sys/kernel/tracing/events/syscalls/sys_exit_${name}`) || !OF_MODULES.has(name);
    const why = process.arch !== 'x64' ? 'the program is of x86-64' : isThere ? false : 'this kernel has no such call';
    test(`${condition} sees a program that makes the call`, { skip: why }, async () => {
      const { alert } = await arrivalOf(`call ${name}`);
      assert.equal(alert.process.exe, `${PROGRAMS}/${name}`);
    });
  }
});
