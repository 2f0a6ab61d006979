import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  access,
  chmod,
  chown,
  constants,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EngineFacts, PodmanEngine, runscWrapper } from '../../src/deploy/engines/local/index.ts';
import type { ConformanceResults } from '../../src/deploy/engines/local/test-conformance.ts';
import { runCommand } from '../../src/system/index.ts';
import { makeGuestFiles } from './guest-files.ts';

/** Why the tests cannot run here, or null. */
export async function missingRootlessParts(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'needs root, to make an account of its own';
  for (const file of ['/usr/bin/podman', '/bin/busybox', '/usr/bin/newuidmap', '/usr/bin/slirp4netns'])
    if (!existsSync(file)) return `needs ${file}`;
  for (const device of ['/dev/net/tun', '/dev/fuse']) {
    const words = ['--reuid=65534', '--clear-groups', 'test', '-w', device];
    if ((await runCommand('setpriv', words, { timeoutMs: 30_000 })).code !== 0)
      return `needs ${device} open to ordinary users`;
  }
  return null;
}

export interface RootlessGround {
  readonly folder: string;
  readonly socketPath: string;
  readonly instance: string;
  readonly image: string;
  readonly engine: PodmanEngine;
  close(): Promise<void>;
}

/** What `podman-guest.ts` says. */
export interface GuestOutcome {
  readonly facts: Pick<EngineFacts, 'name' | 'version' | 'cgroupVersion'>;
  readonly results: ConformanceResults;
}

/**
 * Runs the suite of engines as an ordinary account that is made for it: the machine is looked at and Podman is set up as `up`
 * does it for such an account, and nothing is done with root's rights.
 * @param keys capabilities; none for all
 */
export async function runAsAccount(keys: readonly string[], report: (text: string) => void): Promise<GuestOutcome> {
  const account = `dr${randomBytes(3).toString('hex')}`;
  const uid = randomInt(30_000, 60_000);
  const add = ['--uid', String(uid), '--create-home', '--shell', '/bin/sh', account];
  const made = await runCommand('useradd', add, { timeoutMs: 30_000 });
  if (made.code !== 0) throw new Error(`useradd: ${made.stderr}`);
  const folder = await mkdtemp(join(tmpdir(), 'dr-'));
  const run = join(folder, 'run');
  try {
    await chmod(folder, 0o755);
    await mkdir(run, { mode: 0o700 });
    await chown(run, uid, uid);
    const files = join(folder, 'files');
    await makeGuestFiles(files);
    const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${account}:`));
    const home = line?.split(':')[5] ?? '';
    const asUser = [`--reuid=${uid}`, `--regid=${uid}`, '--init-groups', '--'];
    const env = {
      ...{ PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', LANG: 'C.UTF-8' },
      // What it leaves goes with its account.
      ...{ HOME: home, USER: account, XDG_RUNTIME_DIR: run, TMPDIR: home },
    };
    const words = [join(files, 'node'), join(files, 'suite', 'guest.mjs'), join(files, 'image.tar'), ...keys];
    const suite = await runCommand('setpriv', [...asUser, ...words], { env, cwd: home, timeoutMs: 900_000 });
    if (suite.code !== 0)
      throw new Error(`${suite.code}: ${suite.stdout.slice(-2_000)}\n${suite.stderr.slice(-4_000)}`);
    for (const [, key = '', ms = ''] of suite.stdout.matchAll(/^\{"key":"([^"]+)","ms":(\d+)\}$/gm))
      report(`${key} ${ms} ms`);
    const lines = suite.stdout.split('\n').filter((text) => text.startsWith('{'));
    return Object.assign({}, ...lines.map((text): unknown => JSON.parse(text))) as GuestOutcome;
  } finally {
    // Processes of this very account, which nobody else has.
    await runCommand('pkill', ['-KILL', '--uid', String(uid)], { timeoutMs: 30_000 });
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    await rm(`/dev/shm/libpod_rootless_lock_${uid}`, { force: true });
    await runCommand('userdel', ['--remove', '--force', account], { timeoutMs: 60_000 });
  }
}

/** Podman of an ordinary account that is made for it, asked by its socket. */
export async function openRootlessGround(name: string): Promise<RootlessGround> {
  const account = `dr${randomBytes(3).toString('hex')}`;
  // Not the next free id: files that an account removed long ago left somewhere would count as this one's.
  const uid = randomInt(30_000, 60_000);
  const made = await runCommand('useradd', ['--uid', String(uid), '--create-home', '--shell', '/bin/sh', account], {
    timeoutMs: 30_000,
  });
  if (made.code !== 0) throw new Error(`useradd: ${made.stderr}`);
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${account}:`));
  const home = line?.split(':')[5] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'dr-'));
  await chown(folder, uid, uid);
  await chmod(folder, 0o755);
  const config = join(home, '.config', 'containers');
  await runCommand('install', ['-d', '-o', account, '-g', account, join(home, '.config'), config], {
    timeoutMs: 30_000,
  });
  await writeFile(
    join(config, 'containers.conf'),
    `[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n[engine.runtimes]\nrunsc=["${folder}/gvisor"]\n[network]\nnetwork_backend="netavark"\n`,
  );
  // As `up` writes it; the run-time keeps its own folder "runsc" beside.
  await writeFile(join(folder, 'gvisor'), runscWrapper({ rootless: true }), { mode: 0o755 });
  await writeFile(join(config, 'storage.conf'), '[storage]\ndriver="overlay"\n');
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
    HOME: home,
    USER: account,
    XDG_RUNTIME_DIR: folder,
  };
  const asUser = [`--reuid=${uid}`, `--regid=${uid}`, '--init-groups', '--', 'podman'];
  const podman = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand('setpriv', [...asUser, ...args], {
      env,
      timeoutMs: 120_000,
      cwd: '/',
    });
    if (code !== 0) throw new Error(`podman ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const root = join(folder, 'busybox');
  await mkdir(join(root, 'bin'), { recursive: true });
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await copyFile('/bin/busybox', join(root, 'bin/busybox'));
  const { stdout } = await runCommand('/bin/busybox', ['--list'], { timeoutMs: 30_000 });
  for (const applet of stdout.trim().split('\n'))
    if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
  const archive = join(folder, 'busybox.tar');
  await runCommand('tar', ['-C', root, '-cf', archive, '.'], { timeoutMs: 30_000 });
  await podman('import', '--change', 'ENV PATH=/bin', archive, 'localhost/busybox:test');
  const digest = await podman('image', 'inspect', '--format', '{{.Digest}}', 'localhost/busybox:test');
  const socketPath = join(folder, 'podman.sock');
  const services: ChildProcess[] = [];
  const serve = async (socket: string, options: readonly string[] = []): Promise<void> => {
    const words = [...asUser, ...options, 'system', 'service', '--time', '0', `unix://${socket}`];
    services.push(spawn('setpriv', words, { env, stdio: 'ignore', cwd: '/' }));
    for (let tries = 0; ; tries++) {
      if (
        await access(socket, constants.W_OK).then(
          () => true,
          () => false,
        )
      )
        return;
      if (tries > 1_200) throw new Error('the Podman service did not come up');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  await serve(socketPath);
  // One service for each run-time that a container asks for, as the agent has them.
  const others = new Map<string, Promise<string>>();
  const serviceOf = async (runtime: string): Promise<string> => {
    const socket = join(folder, `podman-${runtime}.sock`);
    const found = others.get(runtime) ?? serve(socket, ['--runtime', runtime]).then(() => socket);
    others.set(runtime, found);
    return await found;
  };
  const instance = `${name}${process.pid}`;
  const engine = new PodmanEngine({ socketPath, instance, serviceOf });
  return {
    ...{ folder, socketPath, instance, engine },
    image: `localhost/busybox@${digest}`,
    async close() {
      engine.close();
      await podman('pod', 'rm', '--all', '--force', '--time', '0');
      for (const service of services) {
        const ended = new Promise((resolve) => service.once('exit', resolve));
        service.kill('SIGTERM');
        await ended;
      }
      await podman('system', 'reset', '--force');
      // What keeps the account's user namespace, and nothing of anybody else.
      await runCommand('pkill', ['-KILL', '--uid', String(uid)], { timeoutMs: 30_000 });
      await runCommand('userdel', ['--remove', '--force', account], { timeoutMs: 30_000 });
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
