import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { commandFault, Fault, silentLog, systemClock } from '../../src/system/index.ts';
import type { Exported } from '../../src/volumes/host/exports.ts';
import { Lvm } from '../../src/volumes/host/lvm.ts';
import type { MountHost } from '../../src/volumes/host/mount-host.ts';
import { Mounts } from '../../src/volumes/host/mounts.ts';
import type { PlaceFiles } from '../../src/volumes/host/place-files.ts';
import { limitFolder } from '../../src/volumes/host/quota.ts';
import { Seals } from '../../src/volumes/host/seals.ts';
import { LabMachine, labMissing, prepareKernel, prepareModules, preparePackages, preparePrograms } from '../lab/lab.ts';

/**
 * NFS, CIFS, iSCSI, disks and LUKS on Debian's unmodified kernel in a virtual machine: servers and clients are Debian's, and what
 * mounts them is ours. It takes a virtual machine of its own and is run by `npm run soak`.
 */

const skip = process.env['DARSENA_SOAK'] !== '1' ? 'DARSENA_SOAK is not set' : (labMissing() ?? false);

const PACKAGES = [
  ...['tgt', 'libaio1', 'libibverbs1', 'librdmacm1', 'libnl-3-200', 'libnl-route-3-200'],
  ...['open-iscsi', 'libisns0', 'libopeniscsiusr', 'libkmod2', 'kmod'],
  ...[
    'nfs-common',
    'nfs-kernel-server',
    'libevent-core-2.1-7',
    'libnfsidmap1',
    'libtirpc3',
    'libwrap0',
    'libkeyutils1',
    'cifs-utils',
    'libcap-ng0',
  ],
  ...['lvm2', 'libdevmapper-event1.02.1', 'libedit2', 'libbsd0', 'thin-provisioning-tools'],
  ...['quota', 'xfsprogs', 'libinih1', 'liburcu8'],
  ...['cryptsetup-bin', 'libcryptsetup12', 'libpopt0', 'libjson-c5', 'libdevmapper1.02.1', 'dmsetup'],
];
const PROGRAMS = [
  ...[
    'tgtd',
    'tgtadm',
    'iscsid',
    'iscsiadm',
    'mount.nfs',
    'mount.cifs',
    'exportfs',
    'rpc.nfsd',
    'rpc.mountd',
    'cryptsetup',
    'dmsetup',
    'lvm',
    'thin_check',
    'setquota',
    'mkfs.xfs',
    'xfs_growfs',
    'xfs_repair',
  ],
  ...[
    'mount',
    'umount',
    'blkid',
    'blockdev',
    'losetup',
    'mke2fs',
    'e2fsck',
    'resize2fs',
    'stat',
    'cmp',
    'mv',
    'realpath',
    'truncate',
    'lsattr',
    'chattr',
  ],
  ...['kmod', 'grep', 'mkdir', 'cat', 'test', 'rm', 'rmdir'],
];
const MODULES = [
  ...[
    'nfsd',
    'nfs',
    'nfsv4',
    'iscsi_tcp',
    'sd_mod',
    'ext4',
    'quota_v2',
    'loop',
    'dm-crypt',
    'dm-snapshot',
    'dm-thin-pool',
    'xfs',
    'target_core_mod',
    'target_core_iblock',
    'iscsi_target_mod',
    'virtio_pci',
    'virtio_net',
  ],
  ...[
    'xts',
    'aes_generic',
    'crc32c_generic',
    'aesni-intel',
    'algif_skcipher',
    'algif_hash',
    ...['cifs', 'nls_utf8', 'cmac', 'hmac', 'md5', 'sha512_generic', 'ccm', 'gcm', 'ctr', 'ghash_generic', 'nls_ascii'],
    'sha256_generic',
    'cbc',
    'ecb',
    'essiv',
  ],
];
const IQN = 'iqn.2026-01.lab.darsena:vol0';
const SECRET = 'a-secret-of-chap-15';

/** It is emulated, by a machine that may have much else to do. */
const SLOW_MS = 300_000;

let vm: LabMachine | null = null;
let host: MountHost;

before(async () => {
  if (skip !== false) return;
  const kernel = prepareKernel();
  const files = { ...preparePrograms(kernel, PACKAGES, PROGRAMS), ...prepareModules(kernel, MODULES) };
  files['etc/passwd'] = Buffer.from('root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n');
  files['etc/group'] = Buffer.from('root:x:0:\nnogroup:x:65534:\n');
  files['etc/hosts'] = Buffer.from('127.0.0.1 localhost\n');
  files['etc/netconfig'] = readFileSync('/etc/netconfig');
  files['etc/services'] = readFileSync('/etc/services');
  files['etc/protocols'] = readFileSync('/etc/protocols');
  vm = await LabMachine.boot(kernel, { files, memoryMb: 900, network: true });
  host = machineOf(vm);
  const setUp = await vm.run(
    [
      'export PATH=/usr/sbin:/bin',
      'chmod +x /usr/sbin/* /lib64/* ; ln -sf mount.nfs /usr/sbin/mount.nfs4; ln -sf mke2fs /usr/sbin/mkfs.ext4',
      'for p in modprobe depmod lsmod; do ln -sf kmod /usr/sbin/$p; done; /usr/sbin/depmod; ln -sf /usr/sbin/modprobe /bin/modprobe',
      'mkdir -p /run/lock/iscsi /etc/iscsi /var/lib/nfs/v4recovery /var/lib/nfs/sm /srv/nas /agent /sbin /etc/darsena; mount -t tmpfs t /run -o mode=755; mkdir -p /run/lock/iscsi /run/tgtd /dev/shm; ln -s /run /var/run',
      'for p in /usr/sbin/*; do ln -sf $p /sbin/; done',
      'ip link set lo up; modprobe -a virtio_pci virtio_net; ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0',
      'modprobe -a nfsd nfs nfsv4 iscsi_tcp sd_mod ext4 quota_v2 loop dm-crypt xts ecb algif_skcipher algif_hash crc32c_generic',
      'echo /sbin/modprobe > /proc/sys/kernel/modprobe',
    ].join('\n'),
    SLOW_MS,
  );
  assert.equal(setUp.code, 0, setUp.output);
});
after(async () => vm?.off());

/** Our port to a machine, over its serial line. */
function machineOf(machine: LabMachine): MountHost {
  const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
  const sh = async (script: string, timeoutMs = 30_000): Promise<{ code: number; output: string }> =>
    machine.run(`export PATH=/usr/sbin:/bin LC_ALL=C\n${script}`, timeoutMs + SLOW_MS);
  const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64');
  return {
    async run(program, words, { timeoutMs, input = '' }) {
      const seconds = Math.ceil(timeoutMs / 1000);
      // By its path: this shell would take its own small program of the name.
      const path = PROGRAMS.includes(program) || /^mkfs|^modprobe$/.test(program) ? `/usr/sbin/${program}` : program;
      const command = [path, ...words].map(quote).join(' ');
      const script = `echo ${encode(input)} | base64 -d | timeout -s KILL ${seconds} ${command} >/tmp/o 2>/tmp/e; c=$?; base64 /tmp/o | tr -d '\\n'; echo; base64 /tmp/e | tr -d '\\n'; echo; exit $c`;
      const { code, output } = await sh(script, timeoutMs);
      if (code === 137) throw commandFault('system.command-timeout', { file: program, seconds });
      if (code === 127) throw commandFault('system.command-missing', { file: program });
      const [stdout = '', stderr = ''] = output.split('\n').map((line) => Buffer.from(line, 'base64').toString('utf8'));
      return { code, stdout, stderr };
    },
    async read(path) {
      const { code, output } = await sh(`[ -e ${quote(path)} ] || exit 3; base64 ${quote(path)}`);
      return code === 3 ? null : Buffer.from(output, 'base64').toString('utf8');
    },
    async write(path, text) {
      await machine.put(path, Buffer.from(text));
      await sh(`chmod 600 ${quote(path)}`);
    },
    list: async (path) => (await sh(`ls -1 ${quote(path)} 2>/dev/null`)).output.split('\n').filter(Boolean),
    folder: async (path) => void (await sh(`mkdir -p -m 700 ${quote(path)}`)),
    async owner(path) {
      const { code, output } = await sh(`/bin/busybox stat -c '%u %f' ${quote(path)}`);
      const [uid = '', mode = ''] = output.trim().split(' ');
      const bits = Number.parseInt(mode, 16);
      return code === 0 ? { uid: Number(uid), mode: bits, isFile: (bits & 0o170000) === 0o100000 } : null;
    },
    has: async (program) => (await sh(`command -v ${quote(program)}`)).code === 0,
  };
}

async function sh(script: string): Promise<string> {
  const { code, output } = await (vm as LabMachine).run(`export PATH=/usr/sbin:/bin\n${script}`, SLOW_MS);
  assert.equal(code, 0, `${script}\n${output}\n${vm?.console.slice(-500)}`);
  return output;
}

/** The names of devices that control was asked for. */
const asked: string[] = [];

const mountsOf = (): Mounts =>
  new Mounts({
    ...{ host, folder: '/run/exports', devicesFile: '/agent/devices.json', rootless: false },
    ...{ clock: systemClock, log: silentLog },
    askFormat: async ({ device }) => {
      asked.push(device);
      return { type: 'format-answer', device, granted: true, holder: 'here' };
    },
  });

async function blocksOf(point: string): Promise<number> {
  const words = ['--file-system', '--format', '%b', '--', point];
  return Number((await host.run('stat', words, { timeoutMs: 30_000 })).stdout);
}

/** Asks until the attempt has come to its end. */
async function ended(mounts: Mounts, name: string, one: Exported): Promise<string> {
  for (;;) {
    try {
      return await mounts.ensure(name, one);
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'volume.mounting') throw error;
    }
  }
}
const fault =
  (code: string, words: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Fault, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(`${error.text('en').why}`, words);
    return true;
  };

const nas: Exported = {
  ...{ kind: 'nfs', server: '127.0.0.1', path: '/', version: '4.2', port: 2049, security: 'sys', away: 'error' },
};

test('an NFS export is mounted as it must be, a bad one says so, and one that is away holds nobody up', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  await sh(
    [
      'truncate -s 64M /tmp/nas.img; /usr/sbin/mke2fs -q -t ext4 /tmp/nas.img; mount -o loop /tmp/nas.img /srv/nas',
      "echo '/srv/nas *(rw,sync,no_root_squash,no_subtree_check,fsid=0)' > /etc/exports",
      'mount -t nfsd nfsd /proc/fs/nfsd; echo 10 > /proc/fs/nfsd/nfsv4leasetime; echo 10 > /proc/fs/nfsd/nfsv4gracetime; rpc.nfsd -N 3 -U 2 >/tmp/nfsd 2>&1; echo Y > /proc/fs/nfsd/v4_end_grace; exportfs -ra; (rpc.mountd -N 3 -V 4 >/dev/null 2>&1 &); sleep 1; cat /tmp/nfsd',
    ].join('\n'),
  );
  const mounts = mountsOf();
  const began = performance.now();
  const point = await ended(mounts, 'nas', nas);
  t.diagnostic(`mounted in ${Math.round(performance.now() - began)} ms`);
  const line = (await sh('cat /proc/self/mountinfo')).split('\n').find((one) => one.includes(' /run/exports/nas '));
  assert.match(line ?? '', / rw,nosuid,nodev,.* nfs4 .*vers=4\.2.*soft.*timeo=50,retrans=2/);
  await sh(`mkdir ${point}/claim; echo hello > ${point}/claim/row; sync; cat /srv/nas/claim/row`);
  await assert.rejects(
    ended(mounts, 'none', { ...nas, path: '/none' }),
    fault('volume.mount-failed', /no such export/),
  );
  await assert.rejects(
    ended(mounts, 'shut', { ...nas, port: 2050 }),
    fault('volume.mount-failed', /does not answer|no reply/),
  );

  // The network below it goes: who asks it is let go at the time-out, and everybody else is answered.
  await sh('ip link set lo down');
  await assert.rejects(
    host.run('stat', ['--file-system', '--', point], { timeoutMs: 3_000 }),
    (error: unknown) => error instanceof Fault && error.code === 'system.command-timeout',
  );
  const before = performance.now();
  await assert.rejects(mounts.ensure('gone', nas), (error: unknown) => error instanceof Fault);
  assert.ok(performance.now() - before < 15_000, 'whoever needs it waits, and is told within seconds');
  await sh('ip link set lo up');
  for (let attempt = 0; ; attempt++) {
    const back = await host.run('cat', [`${point}/claim/row`], { timeoutMs: 20_000 }).catch(() => null);
    if (back?.stdout === 'hello\n') break;
    assert.ok(attempt < 10, 'it is back when its network is');
  }
  await mounts.release('nas', nas);
  assert.doesNotMatch(await sh('cat /proc/self/mountinfo'), /exports\/nas/);
});

const SAMBA = [
  ...['samba', 'samba-common-bin', 'samba-libs', 'libwbclient0', 'libldb2', 'libtalloc2', 'libtdb1', 'libtevent0'],
];
const SHARE_SECRET = 'pass-word-of-a-share';

/** Debian's Samba on a free port of this machine's loopback, unpacked and not installed. */
async function startSamba(): Promise<{
  readonly port: number;
  readonly folder: string;
  signal(name: NodeJS.Signals): void;
  end(): Promise<void>;
}> {
  const root = preparePackages(prepareKernel(), SAMBA);
  const folder = mkdtempSync(join(tmpdir(), 'darsena-samba-'));
  mkdirSync(join(folder, 'share'));
  const port = await new Promise<number>((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => found(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
  const own = ['private dir', 'lock directory', 'state directory', 'cache directory', 'pid directory'];
  const conf = join(folder, 'smb.conf');
  writeFileSync(
    conf,
    [
      ...['[global]', 'server role = standalone server', 'interfaces = lo', 'bind interfaces only = yes'],
      ...[`smb ports = ${port}`, ...own.map((name) => `${name} = ${folder}`), `ncalrpc dir = ${folder}/ncalrpc`],
      ...[`log file = ${folder}/log`, `passdb backend = smbpasswd:${folder}/smbpasswd`, 'disable netbios = yes'],
      ...['disable spoolss = yes', 'load printers = no', 'rpc start on demand helpers = no'],
      ...[
        'server min protocol = SMB3_00',
        '[darsena]',
        `path = ${folder}/share`,
        'read only = no',
        'force user = root',
      ],
    ].join('\n'),
  );
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  const env = { PATH: process.env['PATH'] ?? '', LD_LIBRARY_PATH: `${libraries}:${join(libraries, 'samba')}` };
  const account = spawnSync(join(root, 'usr/bin/smbpasswd'), ['-c', conf, '-s', '-a', 'root'], {
    ...{ env, input: `${SHARE_SECRET}\n${SHARE_SECRET}\n`, encoding: 'utf8' },
  });
  assert.equal(account.status, 0, account.stderr);
  const words = ['--foreground', '--no-process-group', `--configfile=${conf}`];
  const child: ChildProcess = spawn(join(root, 'usr/sbin/smbd'), words, { env, detached: true, stdio: 'ignore' });
  const ended = new Promise<void>((over) => child.once('exit', () => over()));
  for (;;) {
    assert.equal(child.exitCode, null, 'the server began');
    const isUp = await new Promise<boolean>((found) => {
      const socket = connect(port, '127.0.0.1');
      socket.once('connect', () => found(true)).once('error', () => found(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isUp) break;
    await sleep(100);
  }
  const signal = (name: NodeJS.Signals): void => {
    // Each connection has a process of its own in its group.
    if (child.pid !== undefined) process.kill(-child.pid, name);
  };
  return {
    ...{ port, folder, signal },
    async end() {
      signal('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

test('a share of a Samba server is mounted with its credentials by file, and one that stands still holds nobody up', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  const samba = await startSamba();
  t.after(() => samba.end());
  const share = (more: Partial<Extract<Exported, { kind: 'cifs' }>> = {}): Exported => ({
    ...{ kind: 'cifs', server: '10.0.2.2', share: 'darsena', version: '3.1.1', port: samba.port, seal: true },
    ...{ credentials: '/etc/darsena/files', uid: 1000, gid: 1000, away: 'error', ...more },
  });
  await sh(
    `umask 077; printf 'username=root\\npassword=%s\\n' ${SHARE_SECRET} > /etc/darsena/files; printf 'username=root\\npassword=wrong\\n' > /etc/darsena/wrong`,
  );
  const mounts = mountsOf();
  const began = performance.now();
  const point = await ended(mounts, 'files', share());
  t.diagnostic(`mounted in ${Math.round(performance.now() - began)} ms`);
  const line = (await sh('cat /proc/self/mountinfo')).split('\n').find((one) => one.includes(' /run/exports/files '));
  assert.match(line ?? '', / rw,nosuid,nodev,.* cifs .*vers=3\.1\.1.*seal.*soft/);
  assert.doesNotMatch(line ?? '', new RegExp(SHARE_SECRET));
  await sh(`mkdir ${point}/claim; echo hello > ${point}/claim/row; sync`);
  assert.equal(readFileSync(join(samba.folder, 'share', 'claim', 'row'), 'utf8'), 'hello\n');
  assert.equal((await sh(`/bin/busybox stat -c '%u:%g' ${point}/claim/row`)).trim(), '1000:1000');
  await assert.rejects(
    ended(mounts, 'wrong', share({ credentials: '/etc/darsena/wrong' })),
    fault('volume.mount-failed', /does not let this host in/),
  );
  await assert.rejects(ended(mounts, 'none', share({ share: 'none' })), fault('volume.mount-failed', /no such export/));
  await sh('chmod 644 /etc/darsena/files');
  await assert.rejects(ended(mounts, 'open', share()), fault('volume.mount-failed', /not root's alone/));
  await sh('chmod 600 /etc/darsena/files');

  samba.signal('SIGSTOP');
  await assert.rejects(
    host.run('stat', ['--file-system', '--', point], { timeoutMs: 3_000 }),
    (error: unknown) => error instanceof Fault && error.code === 'system.command-timeout',
  );
  const before = performance.now();
  await assert.rejects(mounts.ensure('gone', share()), (error: unknown) => error instanceof Fault);
  assert.ok(performance.now() - before < 15_000, 'whoever needs it waits, and is told within seconds');
  samba.signal('SIGCONT');
  for (let attempt = 0; ; attempt++) {
    const back = await host.run('cat', [`${point}/claim/row`], { timeoutMs: 20_000 }).catch(() => null);
    if (back?.stdout === 'hello\n') break;
    assert.ok(attempt < 10, 'it is back when its server is');
  }
  // What was asked for meanwhile goes on by itself: mounted now or failed, nothing of it stays.
  await ended(mounts, 'gone', share()).catch((error: unknown) => assert.ok(error instanceof Fault, String(error)));
  await mounts.release('gone', share());
  await mounts.release('files', share());
  assert.doesNotMatch(await sh('cat /proc/self/mountinfo'), /exports\/(?:files|gone)/);
});

test('a SAN is reached with CHAP, formatted once and never twice, and what somebody else has there is left alone', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  const tgt = 'tgtadm --lld iscsi';
  await sh(
    [
      '(tgtd -f --iscsi portal=127.0.0.1:3260 >/tmp/tgtd 2>&1 &); sleep 2',
      'truncate -s 96M /tmp/lun1 /tmp/lun2 /tmp/lun3 /tmp/lun4; /usr/sbin/mke2fs -q -t ext4 -L other /tmp/lun2; (dd if=/dev/urandom bs=4096 count=8 of=/tmp/lun3 seek=100 conv=notrunc 2>/dev/null)',
      `${tgt} --op new --mode target --tid 1 -T ${IQN}`,
      ...[1, 2, 3, 4].map((lun) => `${tgt} --op new --mode logicalunit --tid 1 --lun ${lun} -b /tmp/lun${lun}`),
      `${tgt} --op bind --mode target --tid 1 -I ALL`,
      `${tgt} --op new --mode account --user darsena --password ${SECRET}; ${tgt} --op bind --mode account --tid 1 --user darsena`,
      "printf 'InitiatorName=iqn.2026-01.lab.darsena:host\\n' > /etc/iscsi/initiatorname.iscsi; : > /etc/iscsi/iscsid.conf",
      'echo node.startup = manual > /etc/iscsi/iscsid.conf; (iscsid -f >/tmp/iscsid 2>&1 &); sleep 1',
      "umask 077; printf 'username=darsena\\npassword=wrong-wrong-wrong\\n' > /etc/darsena/bad; printf 'username=darsena\\npassword=%s\\n' " +
        `${SECRET} > /etc/darsena/chap`,
    ].join('\n'),
  );
  const san = (lun: number, chap = '/etc/darsena/chap'): Exported => ({
    ...{ kind: 'iscsi', server: '127.0.0.1', port: 3260, target: IQN, lun, chap, fileSystem: 'ext4', format: true },
  });
  const mounts = mountsOf();
  await assert.rejects(ended(mounts, 'bad', san(1, '/etc/darsena/bad')), fault('volume.mount-failed', /CHAP/));
  await sh('chmod 644 /etc/darsena/chap');
  await assert.rejects(ended(mounts, 'open', san(1)), fault('volume.mount-failed', /not root's alone/));
  await sh('chmod 600 /etc/darsena/chap');
  const began = performance.now();
  const point = await ended(mounts, 'san', san(1));
  t.diagnostic(`reached, formatted and mounted in ${Math.round(performance.now() - began)} ms`);
  assert.match(
    asked.join('\n'),
    new RegExp(`^${IQN} (?:t10|naa|eui)\\.\\S[\\x21-\\x7e ]*$`),
    'control is asked by what the disk says of itself',
  );
  const line = (await sh('cat /proc/self/mountinfo')).split('\n').find((one) => one.includes(' /run/exports/san '));
  assert.match(line ?? '', / rw,nosuid,nodev,.* ext4 .*prjquota/);
  await sh(`echo once > ${point}/row; sync`);
  const modes = await sh("find /etc/iscsi/nodes -type f -exec /bin/busybox stat -c '%a' {} +");
  assert.match(modes, /^(?:600\n)+$/, 'records with secrets are closed to others');
  assert.doesNotMatch(await sh('cat /tmp/iscsid'), new RegExp(SECRET));

  const other = await sh('sha256sum /tmp/lun2 /tmp/lun3');
  await assert.rejects(ended(mounts, 'other', san(2)), fault('volume.device-refused', /somebody else/));
  await assert.rejects(ended(mounts, 'dirty', san(3)), fault('volume.device-refused', /no form that is known/));
  await assert.rejects(ended(mounts, 'none', san(9)), fault('volume.mount-failed', /no LUN 9/));
  await sh('sync');
  assert.equal(await sh('sha256sum /tmp/lun2 /tmp/lun3'), other, 'not one byte was written');

  // A restart: another agent, the same disk. Then one whose file system has gone.
  await mounts.release('san', san(1));
  const again = mountsOf();
  assert.equal(await sh(`cat ${await ended(again, 'san', san(1))}/row`), 'once\n');
  await again.release('san', san(1));
  await sh('dd if=/dev/zero of=/tmp/lun1 bs=1M count=96 conv=notrunc 2>/dev/null; sync');
  await assert.rejects(ended(mountsOf(), 'san', san(1)), fault('volume.device-refused', /second time/));

  // Stopped in the middle of making it: written down before, and gone on with.
  const uuid = '0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a004';
  const what = `${IQN} (127.0.0.1:3260, LUN 4)`;
  await host.write('/agent/devices.json', JSON.stringify({ [what]: { state: 'formatting', uuid } }));
  await sh('dd if=/dev/urandom of=/tmp/lun4 bs=4096 count=20 seek=40 conv=notrunc 2>/dev/null');
  await ended(mountsOf(), 'half', san(4));
  assert.match((await host.read('/agent/devices.json')) ?? '', /"state":"ready"/);
});

test('a disk is kept from a second host by the disk itself, and its file system follows it when it grows', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  await sh('truncate -s 64M /tmp/disk; losetup /dev/loop5 /tmp/disk; losetup /dev/loop6 /tmp/disk');
  const disk = (device: string): Exported => ({ kind: 'block', device, fileSystem: 'ext4', format: true });
  const mounts = mountsOf();
  const point = await ended(mounts, 'disk', disk('/dev/loop5'));
  await assert.rejects(ended(mounts, 'twice', disk('/dev/loop6')), fault('volume.mount-failed', /another host/));
  const small = await blocksOf(point);
  await mounts.followSize('disk', disk('/dev/loop5'));
  await sh('truncate -s 128M /tmp/disk; losetup -c /dev/loop5');
  await mounts.followSize('disk', disk('/dev/loop5'));
  assert.ok((await blocksOf(point)) > small * 1.8);
});

test('a LUN that grows at its target is followed by the file system on it', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  const target = 'iqn.2026-01.lab.darsena:grows';
  const at = `/sys/kernel/config/target/iscsi/${target}/tpgt_1`;
  // The kernel's own target: it asks the disk below for its size each time it is asked itself.
  await sh(
    [
      'set -e; modprobe -a target_core_mod target_core_iblock iscsi_target_mod iscsi_tcp sd_mod loop',
      'grep -q /sys/kernel/config /proc/mounts || mount -t configfs c /sys/kernel/config',
      'truncate -s 64M /tmp/grows; losetup /dev/loop3 /tmp/grows; D=/sys/kernel/config/target/core/iblock_0/grows; mkdir -p $D',
      'echo udev_path=/dev/loop3 > $D/control; echo 1 > $D/enable; mkdir -p /sys/kernel/config/target/iscsi',
      `mkdir -p ${at}/lun/lun_0 ${at}/np/127.0.0.1:3261; ln -s $D ${at}/lun/lun_0/grows`,
      `echo 0 > ${at}/attrib/authentication; echo 1 > ${at}/attrib/generate_node_acls; echo 0 > ${at}/attrib/demo_mode_write_protect; echo 1 > ${at}/enable`,
      'echo InitiatorName=iqn.2026-01.lab.darsena:host > /etc/iscsi/initiatorname.iscsi; echo node.startup = manual > /etc/iscsi/iscsid.conf',
      'pidof iscsid >/dev/null || (iscsid -f >/tmp/iscsid 2>&1 &) ; sleep 1',
    ].join('\n'),
  );
  const lun: Exported = {
    ...{ kind: 'iscsi', server: '127.0.0.1', port: 3261, target, lun: 0, fileSystem: 'ext4', format: true },
  };
  const mounts = mountsOf();
  const point = await ended(mounts, 'grows', lun);
  const small = await blocksOf(point);
  await sh(`echo kept > ${point}/row; sync`);
  await mounts.followSize('grows', lun);
  await sh('truncate -s 128M /tmp/grows; losetup -c /dev/loop3');
  await mounts.followSize('grows', lun);
  assert.ok((await blocksOf(point)) > small * 1.8, `${small} blocks, then ${await blocksOf(point)}`);
  assert.equal(await sh(`cat ${point}/row`), 'kept\n');
  await mounts.release('grows', lun);
});

for (const { fileSystem, device, megabytes } of [
  { fileSystem: 'ext4', device: '/dev/loop1', megabytes: 96 },
  { fileSystem: 'xfs', device: '/dev/loop2', megabytes: 320 },
] as const)
  test(`a claim on ${fileSystem} is kept within its size by the kernel, grows in place, and its disk as well`, async (t) => {
    if (vm === null) return t.skip(skip || 'no machine');
    await sh(
      `modprobe -a loop xfs; truncate -s ${megabytes}M /tmp/${fileSystem}; losetup ${device} /tmp/${fileSystem}`,
    );
    const disk: Exported = { kind: 'block', device, fileSystem, format: true };
    const mounts = mountsOf();
    const point = await ended(mounts, `sized-${fileSystem}`, disk);
    await sh(`mkdir -m 777 ${point}/claim ${point}/other`);
    // As a workload's user: whoever has CAP_SYS_RESOURCE is above quotas.
    const write = async (megabytesWanted: number, folder = 'claim') =>
      (vm as LabMachine).run(
        `su -s /bin/sh nobody -c 'dd if=/dev/zero of=${point}/${folder}/file bs=1M count=${megabytesWanted} conv=fsync' 2>&1`,
        SLOW_MS,
      );
    assert.deepEqual(await limitFolder(host, `${point}/claim`, 8 * 2 ** 20, 'a-claim'), { enforced: true });
    const over = await write(16);
    assert.notEqual(over.code, 0, over.output);
    assert.match(over.output, /quota exceeded|No space left/i);
    const used = Number((await sh(`du -sk ${point}/claim`)).split('\t')[0]);
    assert.ok(used <= 8 * 1024 && used >= 7 * 1024, `${used} kB`);
    assert.equal((await write(16, 'other')).code, 0, 'its neighbour has room');
    assert.deepEqual(await limitFolder(host, `${point}/claim`, 24 * 2 ** 20, 'a-claim'), { enforced: true });
    const within = await write(16);
    assert.equal(within.code, 0, within.output);
    const small = await blocksOf(point);
    await mounts.followSize(`sized-${fileSystem}`, disk);
    await sh(`truncate -s ${megabytes * 2}M /tmp/${fileSystem}; losetup -c ${device}`);
    await mounts.followSize(`sized-${fileSystem}`, disk);
    assert.ok((await blocksOf(point)) > small * 1.8, `${small} blocks, then ${await blocksOf(point)}`);
    await mounts.release(`sized-${fileSystem}`, disk);
    await sh(`losetup -d ${device}; rm /tmp/${fileSystem}`);
  });

test('a copy of what lies on LVM is one moment of it, of which nothing stays, also after a stop and when its room was too small', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  await sh(
    [
      'set -e; mkdir -p /etc/lvm; echo "activation { udev_sync = 0 udev_rules = 0 }" > /etc/lvm/lvm.conf; for p in lvs lvcreate lvremove; do ln -sf lvm /usr/sbin/$p; done; modprobe -a loop dm-snapshot; mkdir -p /srv/lv',
      'truncate -s 200M /tmp/pv; losetup /dev/loop7 /tmp/pv; lvm pvcreate -q /dev/loop7; lvm vgcreate -q vg0 /dev/loop7',
      'lvm lvcreate -q -y -n data -L 64M vg0; /usr/sbin/mke2fs -q -t ext4 /dev/vg0/data; mount -t ext4 /dev/vg0/data /srv/lv',
      'mkdir /srv/lv/claim && echo one > /srv/lv/claim/row',
    ].join('\n'),
  );
  const moments = (): Lvm => new Lvm({ host, folder: '/run/moments', instance: 'lab', log: silentLog });
  const lvm = moments();
  assert.equal(await lvm.originOf('/tmp/none'), null);
  const origin = await lvm.originOf('/srv/lv/claim');
  assert.ok(origin !== null);
  assert.deepEqual([origin.group, origin.volume, origin.point], ['vg0', 'data', '/srv/lv']);
  const began = performance.now();
  const moment = await lvm.open(origin, await lvm.take(origin), 'claim');
  t.diagnostic(`taken and opened in ${Math.round(performance.now() - began)} ms`);
  await sh('echo two > /srv/lv/claim/row; sync');
  assert.equal(await sh(`cat ${moment.pathOf('/srv/lv/claim')}/row`), 'one\n');
  await moment.requireWhole();
  await moment.drop();

  const tight = { ...origin, bytes: 4 * 2 ** 20 };
  const small = await lvm.open(tight, await lvm.take(tight), 'claim');
  await sh('dd if=/dev/urandom of=/srv/lv/claim/much bs=1M count=30 conv=fsync 2>/dev/null');
  await assert.rejects(small.requireWhole(), fault('volume.tool-failed', /more was written/));
  await small.drop();
  // One that an agent left by ending in the middle.
  await lvm.open(origin, await lvm.take(origin), 'claim');
  await moments().recover();
  assert.equal((await sh('lvm lvs --noheadings -o lv_name vg0')).trim(), 'data');
  assert.doesNotMatch(await sh('cat /proc/self/mountinfo'), /run\/moments/);
  assert.equal(await sh('cat /srv/lv/claim/row'), 'two\n');
});

test('a copy of what lies on thin LVM is one moment of it, takes no room beforehand, and nothing of it stays', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  await sh(
    [
      'set -e; mkdir -p /etc/lvm /srv/thin; echo "activation { udev_sync = 0 udev_rules = 0 }" > /etc/lvm/lvm.conf; for p in lvs lvcreate lvremove; do ln -sf lvm /usr/sbin/$p; done; modprobe -a loop dm-thin-pool',
      'truncate -s 160M /tmp/tp; losetup /dev/loop4 /tmp/tp; lvm pvcreate -q /dev/loop4; lvm vgcreate -q vg1 /dev/loop4',
      // All that is free is the pool's: a copy that needs room of its own would have none.
      'lvm lvcreate -q -y -l 80%FREE -T vg1/pool; lvm lvcreate -q -y -n data -V 96M -T vg1/pool',
      '/usr/sbin/mke2fs -q -t ext4 /dev/vg1/data; mount -t ext4 /dev/vg1/data /srv/thin; mkdir /srv/thin/claim; echo one > /srv/thin/claim/row',
    ].join('\n'),
  );
  const lvm = new Lvm({ host, folder: '/run/moments', instance: 'lab', log: silentLog });
  const origin = await lvm.originOf('/srv/thin/claim');
  assert.ok(origin !== null, await sh('lvm lvs -a'));
  assert.deepEqual([origin.group, origin.volume, origin.bytes], ['vg1', 'data', null]);
  const began = performance.now();
  const moment = await lvm.open(origin, await lvm.take(origin), 'claim');
  t.diagnostic(`taken and opened in ${Math.round(performance.now() - began)} ms`);
  await sh(
    'echo two > /srv/thin/claim/row; dd if=/dev/urandom of=/srv/thin/claim/much bs=1M count=30 conv=fsync 2>/dev/null',
  );
  assert.equal(await sh(`cat ${moment.pathOf('/srv/thin/claim')}/row`), 'one\n');
  await moment.requireWhole();
  await moment.drop();
  // One that an agent left by ending in the middle.
  await lvm.open(origin, await lvm.take(origin), 'claim');
  await new Lvm({ host, folder: '/run/moments', instance: 'lab', log: silentLog }).recover();
  const left = (await sh('lvm lvs --noheadings -o lv_name vg1')).trim().split(/\s+/).toSorted();
  assert.deepEqual(left, ['data', 'pool']);
  assert.doesNotMatch(await sh('cat /proc/self/mountinfo'), /run\/moments/);
  assert.equal(await sh('cat /srv/thin/claim/row'), 'two\n');
});

test('a volume lies in LUKS where the kernel can, under a key that no argument and no file ever holds', async (t) => {
  if (vm === null) return t.skip(skip || 'no machine');
  const files: PlaceFiles = {
    read: (path) => host.read(path),
    write: (path, text) => host.write(path, text),
    create: (path, text) => host.write(path, text),
    folder: async (path) => void (await host.folder(path)),
    kind: async (path) => {
      const found = await host.owner(path);
      return found === null ? null : found.isFile ? 'other' : 'folder';
    },
    remove: async (path) => void (await sh(`rm -f ${path}`)),
  };
  const seals = new Seals({
    ...{ host, folder: '/run/opened', homesFile: '/agent/homes.json', rootless: false, log: silentLog },
  });
  const key = 'ab'.repeat(32);
  const place = { home: '/agent/sealed/v', files, bytes: 24 * 2 ** 20, shared: false };
  await assert.rejects(seals.open('v', place), fault('volume.key-missing', /not come/));
  seals.setKeys(new Map([['v', key]]));
  const began = performance.now();
  const plain = await seals.open('v', place);
  t.diagnostic(`made and opened in ${Math.round(performance.now() - began)} ms`);
  await sh(`echo a-word-to-be-found > ${plain}/row; sync`);
  assert.equal(await seals.isImage(place.home), true);
  assert.match(await sh('cat /proc/self/mountinfo'), /opened\/v rw,nosuid,nodev.* ext4 \/dev\/mapper\/darsena-/);
  assert.equal((await sh('/usr/sbin/grep -caF a-word-to-be-found /agent/sealed/v/volume.luks || true')).trim(), '0');
  assert.equal(
    (await sh(`find /agent /etc /run -xdev -type f -size -1000k -exec grep -l ${key} {} + || true`)).trim(),
    '',
    'the key is in no file',
  );
  const used = async (): Promise<number> =>
    Number((await host.run('stat', ['--file-system', '--format', '%b', '--', plain], { timeoutMs: 30_000 })).stdout);
  const small = await used();
  await seals.grow('v', place.home, 64 * 2 ** 20);
  assert.ok((await used()) > small * 2);
  await seals.close('v');
  seals.setKeys(new Map([['v', 'cd'.repeat(32)]]));
  await assert.rejects(seals.open('v', place), fault('volume.key-wrong', /another key/));
  seals.setKeys(new Map([['v', key]]));
  assert.equal(await sh(`cat ${await seals.open('v', place)}/row`), 'a-word-to-be-found\n');
  await seals.close('v');
});
