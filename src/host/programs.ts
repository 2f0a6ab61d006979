import { spawnSync } from 'node:child_process';
import type { MachineFacts } from './facts.ts';
import { CHANGELOG_MAX_BYTES, PROGRAM_TIMEOUT_MS } from './limits.ts';
import { fixesOf, installedPackages } from './packages.ts';
import { type Root, remember } from './root.ts';

/** Programs that hold containers, where they lie, and the packages that bring them. */
const PROGRAMS: readonly {
  readonly name: string;
  readonly paths: readonly string[];
  readonly packages: readonly string[];
}[] = [
  {
    name: 'runc',
    paths: ['usr/bin/runc', 'usr/sbin/runc', 'usr/local/sbin/runc', 'usr/local/bin/runc'],
    packages: ['runc', 'containerd.io'],
  },
  { name: 'crun', paths: ['usr/bin/crun', 'usr/local/bin/crun'], packages: ['crun'] },
  {
    name: 'conmon',
    paths: ['usr/bin/conmon', 'usr/libexec/podman/conmon', 'usr/local/bin/conmon'],
    packages: ['conmon'],
  },
  {
    name: 'containerd',
    paths: ['usr/bin/containerd', 'usr/local/bin/containerd'],
    packages: ['containerd', 'containerd.io'],
  },
  { name: 'crio', paths: ['usr/bin/crio', 'usr/local/bin/crio'], packages: ['cri-o'] },
  { name: 'podman', paths: ['usr/bin/podman', 'usr/local/bin/podman'], packages: ['podman'] },
  { name: 'dockerd', paths: ['usr/bin/dockerd', 'usr/sbin/dockerd'], packages: ['docker.io', 'docker-ce'] },
  { name: 'buildah', paths: ['usr/bin/buildah', 'usr/local/bin/buildah'], packages: ['buildah'] },
];

const WANTED = new Set(PROGRAMS.flatMap(({ packages }) => packages));

/** Engine and run-times that are there, by the distribution's package; only what no package brought is asked itself. */
export function gatherPrograms(root: Root): MachineFacts['programs'] {
  const installed = installedPackages(root, WANTED);
  return PROGRAMS.flatMap(({ name, paths, packages }): MachineFacts['programs'] => {
    const path = paths.find((one) => root.has(one));
    if (path === undefined) return [];
    // What lies below /usr/local came by hand.
    const owner = path.startsWith('usr/local/') ? undefined : packages.find((one) => installed.has(one));
    if (owner === undefined) return [{ name, version: askVersion(root, path), package: null, fixes: {} }];
    const version = installed.get(owner) ?? '';
    return [
      { name, version: upstreamVersion(version), package: { name: owner, version }, fixes: readFixes(root, owner) },
    ];
  });
}

function readFixes(root: Root, name: string): Record<string, string> {
  const path = `usr/share/doc/${name}/changelog.Debian.gz`;
  return remember(root, path, () => fixesOf(root.inflated(path, CHANGELOG_MAX_BYTES) ?? ''));
}

/** '1.1.5' of 1:1.1.5+ds1-1+deb12u1, '1.0.0-rc93' of 1.0.0~rc93+ds1-5. */
export function upstreamVersion(version: string): string {
  return version
    .replace(/^\d+:/, '')
    .replace(/-[^-]*$/, '')
    .replace(/[+~](?:ds|dfsg|really)[\w.]*/g, '')
    .replace('~', '-');
}

function askVersion(root: Root, path: string): string {
  if (root.path !== '/') return '';
  const { stdout, status } = spawnSync(`/${path}`, ['--version'], {
    encoding: 'utf8',
    timeout: PROGRAM_TIMEOUT_MS,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent' },
    maxBuffer: 64 * 1024,
  });
  return status === 0 ? (/\bv?(\d+\.\d+(?:\.\d+)?(?:[-~]\w[\w.]*)?)/.exec(stdout)?.[1] ?? '') : '';
}
