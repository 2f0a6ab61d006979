import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PodmanEngine, runscWrapper } from '../../src/deploy/engines/local/index.ts';
import type { ContainerSpec, PodSpec, WantedState, WantedWorkload, WorkloadKey } from '../../src/deploy/model.ts';
import { EMPTY_WANTED, hashPodSpec } from '../../src/deploy/model.ts';
import { runCommand } from '../../src/system/index.ts';

/** Why the tests cannot run here, or null. */
export function missingParts(): string | null {
  if (process.getuid?.() !== 0) return 'needs root: these tests drive rootful Podman';
  for (const file of ['/usr/bin/podman', '/bin/busybox']) if (!existsSync(file)) return `needs ${file}`;
  return null;
}

/** A Podman service of the test's own, with storage, networks and a socket that nothing else shares. */
export interface Ground {
  readonly folder: string;
  readonly socketPath: string;
  readonly instance: string;
  /** Digest-pinned reference of an image that holds busybox and nothing else. */
  readonly image: string;
  readonly engine: PodmanEngine;
  /** As an agent that starts anew has it. */
  reopen(): PodmanEngine;
  podman(...args: string[]): Promise<string>;
  startService(): Promise<void>;
  stopService(): Promise<void>;
  close(): Promise<void>;
}

export async function openGround(name: string): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), `darsena-${name}-`));
  const socketPath = join(folder, 'podman.sock');
  const instance = `${name}${process.pid}`;
  await writeFile(
    join(folder, 'containers.conf'),
    [
      '[engine]',
      'runtime="runc"',
      'cgroup_manager="cgroupfs"',
      'events_logger="file"',
      'exit_command_delay=20',
      `tmp_dir="${folder}/tmp"`,
      '[engine.runtimes]',
      `runsc=["${folder}/runsc"]`,
      '[containers]',
      // Equal numbers: Podman 4.3 takes the first for the hard limit, and this machine refuses soft above hard.
      'default_ulimits=["nofile=4096:4096","nproc=4096:4096"]',
      '[network]',
      'network_backend="netavark"',
      `network_config_dir="${folder}/networks"`,
      // Away from the ranges of any other Podman here.
      `default_subnet_pools=[{"base"="10.${100 + (process.pid % 100)}.0.0/16","size"=24}]`,
      '',
    ].join('\n'),
  );
  await writeFile(
    join(folder, 'storage.conf'),
    `[storage]\ndriver="overlay"\ngraphroot="${folder}/storage"\nrunroot="${folder}/run"\n`,
  );
  // As `up` writes it.
  await writeFile(join(folder, 'runsc'), runscWrapper({ rootless: false }), { mode: 0o755 });
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    CONTAINERS_CONF: join(folder, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
  };
  const podman = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand('podman', args, { env, timeoutMs: 60_000 });
    if (code !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const image = await importBusybox(folder, podman);

  let service: ChildProcess | null = null;
  const serve = async (socket: string, options: readonly string[] = []): Promise<ChildProcess> => {
    const args = [...options, 'system', 'service', '--time', '0', `unix://${socket}`];
    const child = spawn('podman', args, { env, stdio: 'ignore' });
    for (let tries = 0; !existsSync(socket); tries++) {
      // A minute: a machine of tests has other work as well.
      if (tries > 1_200) throw new Error('the Podman service did not come up');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return child;
  };
  const end = async (child: ChildProcess, socket: string): Promise<void> => {
    if (child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    await rm(socket, { force: true });
  };
  const startService = async (): Promise<void> => {
    service = await serve(socketPath);
  };
  const stopService = async (): Promise<void> => {
    const ending = service;
    service = null;
    if (ending !== null) await end(ending, socketPath);
  };
  await startService();
  // One service for each run-time that a container asks for, as the agent has them.
  const others = new Map<string, Promise<ChildProcess>>();
  const otherSocket = (runtime: string): string => join(folder, `podman-${runtime}.sock`);
  const serviceOf = async (runtime: string): Promise<string> => {
    const found = others.get(runtime) ?? serve(otherSocket(runtime), ['--runtime', runtime]);
    others.set(runtime, found);
    await found;
    return otherSocket(runtime);
  };
  const open = (): PodmanEngine => new PodmanEngine({ socketPath, instance, serviceOf });
  const engine = open();
  return {
    folder,
    socketPath,
    instance,
    image,
    engine,
    reopen: open,
    podman,
    startService,
    stopService,
    async close() {
      engine.close();
      await stopService();
      for (const [runtime, child] of others) await end(await child, otherSocket(runtime));
      await podman('pod', 'rm', '--all', '--force', '--time', '0');
      await podman('network', 'prune', '--force');
      await podman('rmi', '--all', '--force');
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function importBusybox(folder: string, podman: (...args: string[]) => Promise<string>): Promise<string> {
  const root = join(folder, 'busybox');
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'tmp'), { mode: 0o1777 });
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const { stdout } = await runCommand('/bin/busybox', ['--list'], { timeoutMs: 30_000 });
  for (const applet of stdout.trim().split('\n')) {
    if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  }
  const archive = join(folder, 'busybox.tar');
  await runCommand('tar', ['-C', root, '-cf', archive, '.'], { timeoutMs: 30_000 });
  await podman('import', '--change', 'ENV PATH=/bin', archive, 'localhost/busybox:test');
  return `localhost/busybox@${await podman('image', 'inspect', '--format', '{{.Digest}}', 'localhost/busybox:test')}`;
}

export function container(image: string, command: readonly string[], more: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    name: 'main',
    image,
    command,
    args: null,
    workingDir: null,
    env: [],
    ports: [],
    resources: { cpuLimitMillis: null, cpuRequestMillis: null, memoryLimitBytes: null, memoryRequestBytes: null },
    mounts: [],
    startupProbe: null,
    readinessProbe: null,
    livenessProbe: null,
    security: {
      runAsUser: null,
      runAsGroup: null,
      runAsNonRoot: false,
      readOnlyRootFilesystem: false,
      allowPrivilegeEscalation: false,
      capabilitiesAdd: [],
      capabilitiesDrop: ['ALL'],
    },
    ...more,
  };
}

export function workload(
  key: WorkloadKey,
  containers: readonly ContainerSpec[],
  more: Partial<WantedWorkload> & { readonly podMore?: Partial<PodSpec> } = {},
): WantedWorkload {
  const { podMore, ...rest } = more;
  const pod: PodSpec = {
    labels: { app: key.name },
    annotations: {},
    initContainers: [],
    containers,
    volumes: [],
    terminationGraceSeconds: 1,
    ...podMore,
  };
  return {
    key,
    generation: 1,
    specHash: hashPodSpec(pod),
    pod,
    replicas: 1,
    minReadySeconds: 0,
    strategy: { kind: 'rolling', maxSurge: 1, maxUnavailable: 0 },
    progressDeadlineSeconds: 60,
    previous: null,
    ...rest,
  };
}

export function wanted(more: Partial<WantedState>): WantedState {
  return { ...EMPTY_WANTED, revision: 1, ...more };
}
