import { access, constants, mkdtemp, readFile, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../../system/index.ts';
import { type CgroupKind, currentMode, type Mode } from './instance.ts';
import { missingKernelMounts } from './kernel-mounts.ts';

/** How a device is for the account that asks. */
export type DeviceState = 'open' | 'closed' | 'missing';

/** What was found on the machine; plain facts, looked at once. */
export interface Machine {
  readonly mode: Mode;
  readonly distribution: { readonly id: string; readonly like: readonly string[]; readonly name: string };
  readonly systemd: boolean;
  readonly cgroup: CgroupKind;
  readonly capabilities: {
    readonly sysResource: boolean;
    readonly bpf: boolean;
    readonly perfmon: boolean;
    readonly sysAdmin: boolean;
  };
  readonly btf: boolean;
  /** The kernel lets no program read its memory, BPF programs neither (kernel_lockdown(7), confidentiality). */
  readonly locked: boolean;
  /** File systems of the kernel that nobody has mounted, as mount(8) names them. */
  readonly unmounted: readonly string[];
  /** Hard limits that a container may get at most when they cannot be raised; null = unlimited. */
  readonly limits: { readonly raisable: boolean; readonly openFiles: number | null; readonly processes: number | null };
  readonly devices: { readonly tun: DeviceState; readonly fuse: DeviceState };
  /** The account may map ranges of sub-ids (rootless only). */
  readonly subIds: boolean;
  /** The socket of the bus of the account's own systemd, which gives containers their control groups (rootless only). */
  readonly sessionBus: string | null;
  /** Of the Podman that is installed; null without one. */
  readonly podmanMajor: number | null;
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
}

export async function detectMachine(dataFolder: string): Promise<Machine> {
  const mode = currentMode();
  const capabilities = await readCapabilities();
  return {
    mode,
    distribution: await readDistribution(),
    systemd: await exists('/run/systemd/system'),
    cgroup: await readCgroup(),
    capabilities,
    btf: await exists('/sys/kernel/btf/vmlinux'),
    locked: (await readFile('/sys/kernel/security/lockdown', 'utf8').catch(() => '')).includes('[confidentiality]'),
    unmounted: (await missingKernelMounts()).map(({ type }) => type),
    limits: await readLimits(),
    devices: { tun: await deviceState('/dev/net/tun'), fuse: await deviceState('/dev/fuse') },
    subIds: mode === 'root' || (await hasSubIds()),
    sessionBus: mode === 'root' ? null : await findSessionBus(),
    podmanMajor: await readPodmanMajor(),
    memoryBytes: totalmem(),
    diskFreeBytes: await freeBytes(dataFolder),
  };
}

async function readDistribution(): Promise<Machine['distribution']> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return {
    id: field('ID') || 'unknown',
    like: field('ID_LIKE').split(' ').filter(Boolean),
    name: field('PRETTY_NAME') || 'this system',
  };
}

/** cgroups(7): v2 alone is mounted at /sys/fs/cgroup itself; hybrid keeps it in `unified` beside v1 controllers. */
async function readCgroup(): Promise<CgroupKind> {
  if (await exists('/sys/fs/cgroup/cgroup.controllers')) return 'v2';
  return (await exists('/sys/fs/cgroup/unified/cgroup.controllers')) ? 'hybrid' : 'v1';
}

/** capabilities(7), bit numbers of include/uapi/linux/capability.h. */
async function readCapabilities(): Promise<Machine['capabilities']> {
  const status = await readFile('/proc/self/status', 'utf8');
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const has = (bit: bigint): boolean => ((effective >> bit) & 1n) === 1n;
  // SYS_ADMIN would stand for BPF and PERFMON, but the sensor that loads programs is not given it.
  return { sysResource: has(24n), bpf: has(39n), perfmon: has(38n), sysAdmin: has(21n) };
}

/** Podman asks for 1048576 open files by default; whether the kernel lets us is tried, not guessed. */
async function readLimits(): Promise<Machine['limits']> {
  const text = await readFile('/proc/self/limits', 'utf8');
  const hard = (name: string): number | null => {
    const value = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(text)?.[1];
    return value === undefined || value === 'unlimited' ? null : Number(value);
  };
  const tried = await runCommand('prlimit', ['--nofile=1048576:1048576', 'true'], { timeoutMs: 5_000 });
  return { raisable: tried.code === 0, openFiles: hard('Max open files'), processes: hard('Max processes') };
}

async function deviceState(path: string): Promise<DeviceState> {
  if (!(await exists(path))) return 'missing';
  return access(path, constants.R_OK | constants.W_OK).then(
    () => 'open',
    () => 'closed',
  );
}

async function hasSubIds(): Promise<boolean> {
  const uid = process.getuid?.() ?? 0;
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const name = passwd
    .split('\n')
    .find((line) => line.split(':')[2] === String(uid))
    ?.split(':')[0];
  for (const path of ['/etc/subuid', '/etc/subgid']) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const owner = (line: string): string | undefined => line.split(':')[0];
    if (!text.split('\n').some((line) => owner(line) === name || owner(line) === String(uid))) return false;
  }
  return true;
}

async function readPodmanMajor(): Promise<number | null> {
  const [, major] = /^podman version (\d+)\./.exec((await podmanVersion()) ?? '') ?? [];
  return major === undefined ? null : Number(major);
}

/** What `podman --version` says, or null. Without root even that makes folders in XDG_RUNTIME_DIR, which nobody would remove. */
export async function podmanVersion(): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-podman-'));
  try {
    const { PATH = '/usr/bin:/bin', HOME = '/' } = process.env;
    const env = { PATH, HOME, XDG_RUNTIME_DIR: folder };
    return (await runCommand('podman', ['--version'], { timeoutMs: 20_000, env })).stdout.trim();
  } catch {
    return null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Where systemd puts it for every account that is signed in or lingers (pam_systemd(8)), whatever this shell was told. */
async function findSessionBus(): Promise<string | null> {
  const told = process.env['XDG_RUNTIME_DIR'] ?? '';
  for (const folder of [...(told.startsWith('/') ? [told] : []), `/run/user/${process.getuid?.() ?? 0}`]) {
    const path = join(folder, 'bus');
    const found = await stat(path).catch(() => null);
    // Any other sign has a meaning in an address of D-Bus.
    if (/^[-\w/.]+$/.test(path) && found?.isSocket() === true && found.uid === process.getuid?.()) return path;
  }
  return null;
}

/** Free bytes where the folder is, or will be. */
async function freeBytes(folder: string): Promise<number> {
  let path = folder;
  while (!(await exists(path)) && path !== '/') path = path.slice(0, path.lastIndexOf('/')) || '/';
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
