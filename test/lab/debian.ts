import { createHash } from 'node:crypto';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { type LabKernel, run, runFetching } from './lab.ts';

/**
 * A disk with packages of a Debian suite, for a machine whose first program is Debian's systemd: with cgroup v2, a bus, and
 * a person's own session. Packages are unpacked and never installed, so that what their scripts would have written is
 * written here; nothing of this machine is changed. Kept in the cache of the laboratory, by suite, packages and kernel.
 */

const LISTEN = join(import.meta.dirname, 'listen.sh');
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const NEEDED: readonly (readonly [file: string, debian: string])[] = [
  ['/usr/bin/mmdebstrap', 'mmdebstrap'],
  ['/sbin/mke2fs', 'e2fsprogs'],
  ['/sbin/depmod', 'kmod'],
  [KEYRING, 'debian-archive-keyring'],
];

/** What the machine itself is made of. */
const BASE = [
  ...[
    'base-files',
    'bash',
    'dash',
    'coreutils',
    'util-linux',
    'sed',
    'grep',
    'tar',
    'findutils',
    'hostname',
    'kmod',
    'mount',
  ],
  ...['iproute2', 'systemd', 'systemd-sysv', 'dbus', 'dbus-user-session', 'uidmap', 'libstdc++6', 'libatomic1'],
];

/** The ordinary account of the machine. */
export const LAB_ACCOUNT = { name: 'ana', id: 1000, home: '/home/ana', run: '/run/user/1000' } as const;

/** Why such a disk cannot be made here; null: it can. */
export function debianMissing(): string | null {
  if (process.getuid?.() !== 0) return 'needs root: files of a disk keep their owners';
  const missing = NEEDED.filter(([file]) => !existsSync(file));
  return missing.length === 0 ? null : `not installed: ${missing.map(([, name]) => name).join(', ')}`;
}

/** @returns the image of the disk. @throws MirrorAway; Error with what else failed */
export function prepareDebian(kernel: LabKernel, suite: string, packages: readonly string[]): string {
  const all = [...BASE, ...packages];
  const hash = createHash('sha256').update([suite, ...all, kernel.release].join(' '));
  for (const file of [LISTEN, import.meta.filename]) hash.update(readFileSync(file));
  const image = join(kernel.folder, '..', `${suite}-${hash.digest('hex').slice(0, 16)}.img`);
  if (existsSync(image)) return image;
  const making = mkdtempSync(join(kernel.folder, '..', '.making-'));
  try {
    const root = join(making, 'root');
    runFetching('mmdebstrap', [
      ...['--mode=root', '--variant=extract', '--format=directory', `--keyring=${KEYRING}`],
      // A mirror may be the copy of some day; its lists are signed all the same.
      '--aptopt=Acquire::Check-Valid-Until "false"',
      ...[`--include=${all.join(',')}`, suite, root, `deb ${mirror()} ${suite} main`],
    ]);
    for (const name of ['doc', 'man', 'locale', 'info'])
      rmSync(join(root, 'usr/share', name), { recursive: true, force: true });
    cpSync(
      join(kernel.folder, 'kernel', 'lib', 'modules', kernel.release),
      join(root, 'usr', 'lib', 'modules', kernel.release),
      { recursive: true },
    );
    run('depmod', ['-b', root, kernel.release]);
    writeSettings(root);
    run('mke2fs', ['-q', '-t', 'ext4', '-d', root, join(making, 'disk'), '2500M']);
    for (const old of readdirSync(dirname(image)))
      if (old.startsWith(`${suite}-`) && old.endsWith('.img')) rmSync(join(dirname(image), old));
    renameSync(join(making, 'disk'), image);
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return image;
}

/** A disk with the files of a folder. */
export function makeDisk(folder: string, image: string, megabytes: number): void {
  run('mke2fs', ['-q', '-t', 'ext4', '-d', folder, image, `${megabytes}M`]);
}

/** This machine's own mirror of Debian. */
function mirror(): string {
  const words = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Origin: Debian'];
  const found = run('apt-get', words)
    .split('\n')
    .find((line) => line !== '' && !line.includes('security'));
  return found ?? 'http://deb.debian.org/debian';
}

/** What scripts of packages, an installer and an administrator would have written. */
function writeSettings(root: string): void {
  const { name, id, home, run: runFolder } = LAB_ACCOUNT;
  const write = (path: string, lines: readonly string[], mode = 0o644): void => {
    mkdirSync(join(root, dirname(path)), { recursive: true });
    writeFileSync(join(root, path), `${lines.join('\n')}\n`, { mode });
  };
  const link = (path: string, to: string): void => {
    rmSync(join(root, path), { force: true });
    mkdirSync(join(root, dirname(path)), { recursive: true });
    symlinkSync(to, join(root, path));
  };
  write('etc/passwd', [
    'root:x:0:0:root:/root:/bin/bash',
    'messagebus:x:100:100::/nonexistent:/usr/sbin/nologin',
    `${name}:x:${id}:${id}::${home}:/bin/bash`,
    'containers:x:101:101::/nonexistent:/usr/sbin/nologin',
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin',
  ]);
  write('etc/group', [
    'root:x:0:',
    'tty:x:5:',
    'messagebus:x:100:',
    'containers:x:101:',
    `${name}:x:${id}:`,
    'nogroup:x:65534:',
  ]);
  write('etc/nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files dns']);
  // The second is what `userns=auto` of root is given from (podman-run(1)); later libraries want such a user, too.
  for (const file of ['etc/subuid', 'etc/subgid']) write(file, [`${name}:100000:65536`, 'containers:1000000:1048576']);
  write('etc/hosts', ['127.0.0.1 localhost lab']);
  write('etc/hostname', ['lab']);
  write('etc/resolv.conf', ['nameserver 10.0.2.3']);
  write('etc/machine-id', ['0c4dd2c18a1c4f3e9a511d8c62f0a004'], 0o444);
  mkdirSync(join(root, home), { recursive: true, mode: 0o700 });
  chownSync(join(root, home), id, id);
  // What alternatives(8) would point at.
  for (const one of ['iptables', 'ip6tables'])
    for (const part of ['', '-save', '-restore']) link(`usr/sbin/${one}${part}`, `xtables-nft-multi`);

  // Of the machine's own start only this: everything else would take half a minute under emulation.
  for (const place of [
    'system/sysinit.target.wants',
    'system-generators',
    'user-generators',
    'user-environment-generators',
  ])
    rmSync(join(root, 'usr/lib/systemd', place), { recursive: true, force: true });
  for (const place of ['system', 'user']) {
    const sockets = join(root, 'usr/lib/systemd', place, 'sockets.target.wants');
    for (const unit of readdirSync(sockets)) if (unit !== 'dbus.socket') rmSync(join(sockets, unit));
  }
  write('etc/systemd/system.conf', [
    '[Manager]',
    'LogTarget=console',
    'LogLevel=warning',
    'DefaultStandardOutput=null',
    'DefaultStandardError=inherit',
    // So that an account's own groups have what its containers are limited by.
    'DefaultMemoryAccounting=yes',
    'DefaultCPUAccounting=yes',
    'DefaultTasksAccounting=yes',
  ]);
  write('etc/systemd/user.conf', ['[Manager]', 'LogTarget=console', 'LogLevel=warning']);
  const target = ['[Unit]', `Requires=lab.service user@${id}.service dbus.socket`, `After=user@${id}.service`];
  write('etc/systemd/system/lab.target', [...target, 'AllowIsolate=yes']);
  link('etc/systemd/system/default.target', 'lab.target');
  write('usr/local/sbin/lab-listen', [readFileSync(LISTEN, 'utf8')]);
  write('usr/local/sbin/lab-ready', [
    'set -e',
    'modprobe -a virtio_pci virtio_net overlay tun fuse',
    'chmod 666 /dev/net/tun /dev/fuse',
    'ip link set eth0 up; ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2',
    'mkdir -p /lab; mount /dev/nvme1n1 /lab',
    `install -d -o ${name} -g ${name} -m 700 ${runFolder}`,
  ]);
  write('etc/systemd/system/lab-ready.service', [
    ...['[Unit]', 'DefaultDependencies=no', '[Service]', 'Type=oneshot', 'RemainAfterExit=yes'],
    ...['ExecStart=/bin/sh /usr/local/sbin/lab-ready', 'StandardOutput=kmsg', 'StandardError=inherit'],
  ]);
  write('etc/systemd/system/lab.service', [
    ...['[Unit]', 'DefaultDependencies=no', 'Requires=lab-ready.service'],
    ...[`After=lab-ready.service user@${id}.service dbus.socket`, '[Service]', 'Environment=HOME=/root'],
    'ExecStart=/bin/sh /usr/local/sbin/lab-listen',
  ]);
  // As user@.service of a machine with logind, which with what it needs is slow to start here.
  write(`etc/systemd/system/user@${id}.service`, [
    ...['[Unit]', 'DefaultDependencies=no', 'Requires=lab-ready.service', 'After=lab-ready.service dbus.socket'],
    ...['[Service]', 'Type=notify', `User=${name}`, `Group=${name}`, `Slice=user-${id}.slice`],
    ...['Delegate=pids memory cpu', `WorkingDirectory=${home}`, 'KillMode=mixed', 'TasksMax=infinity'],
    `Environment=HOME=${home} USER=${name} XDG_RUNTIME_DIR=${runFolder}`,
    'ExecStart=/usr/lib/systemd/systemd --user',
  ]);
}
