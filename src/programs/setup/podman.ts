import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runscWrapper } from '../../deploy/engines/local/index.ts';
import { REGISTRY_NAME } from '../../oci/index.ts';
import { writeFileAtomic } from '../../system/index.ts';
import type { MachinePlan } from './adaptations.ts';
import { type InstanceFolders, instanceFiles, LOOPBACK, type Mode, type PodmanFiles } from './instance.ts';

export interface PodmanPlan {
  readonly files: PodmanFiles;
  /** Path → content; all without secrets. */
  readonly contents: ReadonlyMap<string, string>;
  /** The program that starts gVisor for Podman: where, and its text. */
  readonly runsc: { readonly path: string; readonly text: string };
  /** Where a link to the bus of the account's systemd is to be, and the bus; null: no systemd is asked. */
  readonly bus: { readonly path: string; readonly target: string } | null;
}

/**
 * The instance's own settings for the engine tools; the machine's are neither read nor changed.
 * HOME carries two things that have no setting of their own: policy.json (which images may enter) and certs.d (the
 * authority of our registry). Images enter from our registry only.
 */
export function planPodman(
  folders: InstanceFolders,
  machine: { mode: Mode; plan: MachinePlan; registryPort: number },
): PodmanPlan {
  const folder = instanceFiles(folders).podman;
  const home = join(folder, 'home');
  const runsc = join(folder, 'runsc');
  const rootless = machine.mode === 'rootless';
  const address = `${LOOPBACK}:${machine.registryPort}`;
  const containersConf = join(folder, 'containers.conf');
  const registriesConf = join(folder, 'registries.conf');
  const storageConf = rootless ? join(folder, 'storage.conf') : null;
  const { plan } = machine;
  const contents = new Map<string, string>([
    [
      containersConf,
      toml([
        '[containers]',
        ...(plan.ulimits === null ? [] : [`default_ulimits = [${plan.ulimits.map(quoted).join(', ')}]`]),
        'log_driver = "k8s-file"',
        // 10 MiB for each container; what must be kept goes to the platform's own store
        'log_size_max = 10485760',
        '',
        '[engine]',
        `runtime = ${quoted(plan.runtime)}`,
        `cgroup_manager = ${quoted(plan.cgroupManager)}`,
        'events_logger = "file"',
        // For so long a process of its own stays behind each command that has ended, as each question of a probe is one; its
        // exit code is asked for at once.
        'exit_command_delay = 20',
        // The usual locks are one piece of shared memory for all Podmans of an account, which would outlive the instance.
        ...(rootless ? ['lock_type = "file"'] : []),
        '',
        '[engine.runtimes]',
        `runsc = [${quoted(runsc)}]`,
        '',
        '[network]',
        'network_backend = "netavark"',
      ]),
    ],
    [
      registriesConf,
      toml([
        'unqualified-search-registries = []',
        'short-name-mode = "enforcing"',
        '',
        '[[registry]]',
        `prefix = ${quoted(REGISTRY_NAME)}`,
        `location = ${quoted(address)}`,
      ]),
    ],
    [
      // containers-policy.json(5): `docker` is the transport of registries; the others are what the tools use among
      // themselves on this machine (the pause image of a pod, a build's working images).
      join(home, '.config', 'containers', 'policy.json'),
      `${JSON.stringify(
        {
          default: [{ type: 'reject' }],
          transports: {
            docker: { [REGISTRY_NAME]: [{ type: 'insecureAcceptAnything' }] },
            'containers-storage': { '': [{ type: 'insecureAcceptAnything' }] },
          },
        },
        null,
        2,
      )}\n`,
    ],
  ]);
  if (storageConf !== null) {
    const storage = join(folder, 'storage');
    contents.set(
      storageConf,
      toml([
        '[storage]',
        'driver = "overlay"',
        // Without root, containers/storage takes this key and not graphroot (containers-storage.conf(5)).
        `rootless_storage_path = ${quoted(storage)}`,
        `runroot = ${quoted(join(folders.run, 'storage'))}`,
      ]),
    );
  }
  return {
    files: {
      home,
      containersConf,
      registriesConf,
      storageConf,
      socket: join(folders.run, 'agent', 'podman.sock'),
      environment: {
        HOME: home,
        CONTAINERS_CONF: containersConf,
        CONTAINERS_REGISTRIES_CONF: registriesConf,
        ...(storageConf === null ? {} : { CONTAINERS_STORAGE_CONF: storageConf }),
        ...(rootless ? { XDG_RUNTIME_DIR: folders.run, XDG_CONFIG_HOME: join(home, '.config') } : {}),
      },
    },
    contents,
    // In the folder that they are told is the account's: Podman hands its run-time no other word of it when limits change.
    bus:
      rootless && plan.cgroupManager === 'systemd' && plan.sessionBus !== null
        ? { path: join(folders.run, 'bus'), target: plan.sessionBus }
        : null,
    runsc: { path: runsc, text: runscWrapper({ rootless }) },
  };
}

/** Writes the settings and the registry's authority; `ca` is its PEM text. */
export async function writePodmanFiles(
  plan: PodmanPlan,
  options: { registryAddress: string; ca: string },
): Promise<void> {
  for (const [path, content] of plan.contents) {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFileAtomic(path, content, { mode: 0o644 });
  }
  await writeFileAtomic(plan.runsc.path, plan.runsc.text, { mode: 0o755 });
  if (plan.bus !== null) {
    await mkdir(dirname(plan.bus.path), { recursive: true, mode: 0o700 });
    await rm(plan.bus.path, { force: true });
    await symlink(plan.bus.target, plan.bus.path);
  }
  // containers-certs.d(5): the folder is named after the address that is dialled
  const folder = join(plan.files.home, '.config', 'containers', 'certs.d', options.registryAddress);
  await mkdir(folder, { recursive: true });
  await writeFileAtomic(join(folder, 'ca.crt'), options.ca, { mode: 0o644 });
}

function toml(lines: readonly string[]): string {
  return `# Written by darsena up; changes are lost.\n${lines.join('\n')}\n`;
}

/** A TOML basic string: JSON's escapes are a subset of its. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
