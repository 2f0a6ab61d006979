import { runCommand } from '../../system/index.ts';
import type { RuntimeName } from './instance.ts';
import type { Machine } from './machine.ts';

/** One Debian package, the program or library by which its absence shows elsewhere, and why we need it. */
export interface PackageNeed {
  readonly name: string;
  readonly provides: string;
  readonly why: string;
  /** Nothing waits for it: it is installed along with what is needed. */
  readonly optional?: true;
}

/** What only Podman needs. */
const PODMAN_ALONE = ['podman', 'netavark', 'aardvark-dns', 'iptables', 'catatonit'];

/** What an instance needs from the distribution; the one list that `up`, `doctor` and the manual share. */
export function neededPackages(
  machine: Pick<Machine, 'mode' | 'podmanMajor'>,
  runtime: RuntimeName,
  engine: 'podman' | 'cri' = 'podman',
): PackageNeed[] {
  const rootless = machine.mode === 'rootless';
  const needs: PackageNeed[] = [
    { name: 'podman', provides: 'podman', why: 'runs the pods' },
    { name: runtime, provides: runtime, why: 'starts the containers' },
    { name: 'netavark', provides: '/usr/lib/podman/netavark', why: 'pod networks' },
    { name: 'aardvark-dns', provides: '/usr/lib/podman/aardvark-dns', why: 'names between pods' },
    { name: 'iptables', provides: 'iptables', why: 'netavark before 1.14 writes its rules with it' },
    { name: 'nftables', provides: 'nft', why: 'rules inside pods; later netavarks write theirs with it' },
    { name: 'catatonit', provides: 'catatonit', why: 'holds the namespaces of a pod' },
    { name: 'buildah', provides: 'buildah', why: 'builds images' },
    { name: 'uidmap', provides: 'newuidmap', why: 'builds without root' },
    { name: 'fuse-overlayfs', provides: 'fuse-overlayfs', why: 'layers of builds without root' },
    { name: 'slirp4netns', provides: 'slirp4netns', why: rootless ? 'pod networks without root' : 'builds’ network' },
    // What Podman 5 takes unless told otherwise; one that is to be installed may be one.
    ...(rootless && machine.podmanMajor !== 4
      ? [{ name: 'passt', provides: 'pasta', why: 'pod networks without root, with Podman 5' }]
      : []),
    { name: 'mmdebstrap', provides: 'mmdebstrap', why: 'makes base images' },
    { name: 'haproxy', provides: 'haproxy', why: 'the edge: TLS and balancing' },
    { name: 'isal', provides: 'igzip', why: 'the scanner inflates layers in half the time', optional: true },
    { name: 'libbpf1', provides: 'libbpf.so.1', why: 'the sensor loads its programs with it' },
    { name: 'libatomic1', provides: 'libatomic.so.1', why: 'the pinned Node needs it' },
    { name: 'libnss-myhostname', provides: 'libnss_myhostname.so.2', why: '*.localhost resolves for every program' },
    { name: 'ca-certificates', provides: '/etc/ssl/certs/ca-certificates.crt', why: 'fetching advisories' },
  ];
  // A CRI server has brought its own; it is there before the platform is.
  return engine === 'cri' ? needs.filter(({ name }) => !PODMAN_ALONE.includes(name)) : needs;
}

/** True where apt and dpkg rule. */
export function isDebian(machine: Pick<Machine, 'distribution'>): boolean {
  const { id, like } = machine.distribution;
  return [id, ...like].some((name) => name === 'debian' || name === 'ubuntu');
}

/** The packages to install, or elsewhere than on Debian the programs that are not there; none where all that is needed is. */
export async function missingNeeds(
  machine: Pick<Machine, 'distribution'>,
  needs: readonly PackageNeed[],
): Promise<string[]> {
  if (!isDebian(machine)) return await missingPrograms(needs.filter(({ optional }) => optional !== true));
  const missing = await missingPackages(needs);
  const isNeeded = (name: string): boolean => needs.some((need) => need.name === name && need.optional !== true);
  return missing.some(isNeeded) ? missing : [];
}

/** The names of those that dpkg does not have as installed. */
async function missingPackages(needs: readonly PackageNeed[]): Promise<string[]> {
  const names = needs.map((need) => need.name);
  const { stdout } = await runCommand(
    'dpkg-query',
    ['--show', '--showformat', '\x24{Package} \x24{db:Status-Status}\\n', ...names],
    {
      timeoutMs: 20_000,
    },
  );
  return missingFrom(names, stdout);
}

/** dpkg-query answers a line for each package it knows, also for those removed with their settings left. */
export function missingFrom(names: readonly string[], answer: string): string[] {
  const installed = new Set(
    answer
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([, status]) => status === 'installed')
      .map(([name]) => name),
  );
  return names.filter((name) => !installed.has(name));
}

/** Elsewhere than on Debian: the programs that are not on PATH (libraries cannot be told apart from here). */
async function missingPrograms(needs: readonly PackageNeed[]): Promise<string[]> {
  const missing: string[] = [];
  for (const { name, provides } of needs) {
    if (provides.includes('.') || provides.startsWith('/')) continue;
    const { code } = await runCommand('sh', ['-c', 'command -v "$1"', 'sh', provides], { timeoutMs: 5_000 });
    if (code !== 0) missing.push(name);
  }
  return missing;
}

export function installArguments(packages: readonly string[]): string[] {
  return ['install', '--yes', '--no-install-recommends', ...packages];
}

/** The command as a person types it. */
export function installCommand(packages: readonly string[]): string {
  return `apt-get ${installArguments(packages).join(' ')}`;
}
