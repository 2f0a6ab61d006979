import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { type Instance, instanceFiles, instanceFolders, readInstance } from '../../src/programs/setup/instance.ts';
import { listProcesses, readPidFile } from '../../src/programs/setup/processes.ts';
import { programsOf } from '../../src/programs/setup/programs.ts';
import { supervisedState } from '../../src/programs/setup/supervisor.ts';
import { ROLES, userName } from '../../src/programs/setup/users.ts';
import { runCommand, type Text } from '../../src/system/index.ts';
import { eventually } from './faults-ground.ts';

// One instance of its own through its whole life, by the command line as a person types it.

const ROOT = join(import.meta.dirname, '..', '..');
const name = `t${randomBytes(4).toString('hex')}`;
const files = instanceFiles(instanceFolders(name, 'root'));
let home: string;

async function darsena(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return runCommand(join(ROOT, 'darsena'), [...args, '--instance', name], {
    timeoutMs: 120_000,
    // Not the checkout: it works from anywhere.
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, LANG: 'C.UTF-8' },
  });
}

async function podman(instance: Instance | null, ...args: string[]): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...instance?.podman.environment };
  const { code, stdout, stderr } = await runCommand('podman', args, { timeoutMs: 60_000, env, cwd: '/' });
  assert.equal(code, 0, stderr);
  return stdout.trim();
}

async function missingPart(): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'needs root';
  for (const program of ['podman', 'haproxy', 'setpriv']) {
    if ((await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 })).code !== 0) {
      return `needs ${program}`;
    }
  }
  return false;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

const skip = await missingPart();

suite('the life of an instance', { skip, timeout: 480_000 }, () => {
  let instance: Instance;
  const foreignVolume = `${name}-foreign`;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'darsena-home-'));
  });
  after(async () => {
    if (await exists(files.description)) await darsena('down', '--purge', '--yes');
    await runCommand('podman', ['volume', 'rm', '--force', foreignVolume], { timeoutMs: 20_000 });
    await rm(home, { recursive: true, force: true });
  });

  test('before it is up, every command says so and how', async () => {
    for (const verb of ['status', 'down', 'logs']) {
      const { code, stderr } = await darsena(verb);
      assert.equal(code, 3, verb);
      assert.match(stderr, new RegExp(`way out: darsena --instance ${name} up`));
    }
  });

  test('up makes it ready, with nothing privileged running from the checkout', async () => {
    const { code, stdout, stderr } = await darsena('up', '--yes', '--json');
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout) as { console: string; started: string[]; caFingerprint: string };
    assert.match(result.console, /^https:\/\/localhost:\d+\/login#code=\S+$/);
    assert.match(result.caFingerprint, /^([0-9a-f]{2}:){31}[0-9a-f]{2}$/);
    assert.ok(['control', 'agent'].every((program) => result.started.includes(program)));
    const found = await readInstance(files.description);
    assert.ok(found !== null);
    instance = found;
    assert.ok(await exists(join(instance.code, 'node_modules', 'zod')));
    assert.ok(!(await exists(join(instance.code, 'node_modules', '@biomejs'))), 'a tool of developers was installed');
    for (const program of ['control', 'agent']) {
      const id = await readPidFile(join(files.supervisors, `${program}.pid`));
      assert.ok(id !== null);
      const argv = (await readFile(`/proc/${id.pid}/cmdline`, 'utf8')).split('\0');
      assert.match(argv[0] ?? '', /^\/opt\/darsena\//);
      assert.ok(!argv.some((argument) => argument.startsWith(ROOT)));
    }
  });

  test('control runs as its own user without any right', async () => {
    const id = await readPidFile(join(files.supervisors, 'control.pid'));
    const status = await readFile(`/proc/${id?.pid}/status`, 'utf8');
    assert.equal(/^Uid:\s+(\d+)/m.exec(status)?.[1], String(instance.users.control.uid));
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'));
    assert.match(status, /^NoNewPrivs:\s+1$/m);
  });

  test('the caller is logged in by a file that only he can read', async () => {
    const path = join(home, '.config', 'darsena', `${name}.json`);
    assert.equal(((await stat(path)).mode & 0o777).toString(8), '600');
    const { code, stdout } = await darsena('status', '--json');
    const status = JSON.parse(stdout) as { unanswered: string | null; parts: { name: string; state: string }[] };
    assert.equal(status.unanswered, null);
    for (const part of ['control', 'agent', 'database']) {
      assert.equal(status.parts.find((found) => found.name === part)?.state, 'ok', part);
    }
    assert.ok(code === 0 || status.parts.some(({ state }) => state === 'down'));
  });

  test('a second up starts nothing, keeps the ports and gives a fresh code', async () => {
    const first = JSON.parse((await darsena('up', '--yes', '--json')).stdout) as { code: string; ports: object };
    const second = JSON.parse((await darsena('up', '--yes', '--json')).stdout) as {
      code: string;
      ports: object;
      started: string[];
      alreadyRunning: string[];
    };
    assert.deepEqual(second.started, []);
    assert.ok(second.alreadyRunning.includes('control') && second.alreadyRunning.includes('agent'));
    assert.deepEqual(second.ports, first.ports);
    assert.notEqual(second.code, first.code);
  });

  test('down stops the platform and leaves workloads', async () => {
    await podman(instance, 'pod', 'create', '--name', `${name}-pod`, '--label', `darsena.instance=${name}`);
    await podman(instance, 'pod', 'start', `${name}-pod`);
    await podman(instance, 'volume', 'create', '--label', `darsena.instance=${name}`, `${name}-data`);
    await podman(null, 'volume', 'create', foreignVolume);
    const { code } = await darsena('down');
    assert.equal(code, 0);
    assert.deepEqual(await readdir(files.supervisors), []);
    assert.match(
      await podman(instance, 'pod', 'ps', '--format', '{{.Name}} {{.Status}}'),
      new RegExp(`${name}-pod Running`),
    );
    assert.equal((await darsena('status')).code, 1);
  });

  test('a port that went to somebody else is named with its holder, and nothing is started', async () => {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(instance.ports.console, instance.bind, resolve);
    });
    try {
      const { code, stderr } = await darsena('up', '--yes');
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`port ${instance.ports.console} .*taken\\n.*\\(pid ${process.pid}\\)`));
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  test('purge without consent changes nothing and exits 3', async () => {
    const { code, stderr } = await darsena('down', '--purge');
    assert.equal(code, 3);
    assert.match(stderr, /way out: darsena --instance \S+ down --purge --yes/);
    assert.ok(await exists(files.description));
  });

  test('where control cannot start the host goes on with what it was told last, until control can', async () => {
    const key = join(files.control.keys, 'master.key');
    await rename(key, `${key}.away`);
    const { code, stderr } = await darsena('up', '--yes');
    assert.equal(code, 1);
    assert.match(stderr, /the keys of this instance are not in/);
    // A supervisor writes itself down a moment after it is begun.
    for (const program of programsOf(instance)) {
      await eventually(
        async () => ({ program, ...(await supervisedState(files.supervisors, program)) }),
        ({ supervisor }) => supervisor !== null,
        60_000,
      );
    }
    await rename(`${key}.away`, key);
    await eventually(
      async () => (await darsena('status', '--json')).stdout,
      (text) => {
        const { parts } = JSON.parse(text) as { parts: { name: string; state: string }[] };
        return ['control', 'agent', 'edge'].every((name) =>
          parts.some((one) => one.name === name && one.state === 'ok'),
        );
      },
      120_000,
    );
  });

  test('up after down finds everything as it was', async () => {
    const { code, stdout, stderr } = await darsena('up', '--yes', '--json');
    assert.equal(code, 0, stderr);
    assert.deepEqual((JSON.parse(stdout) as { ports: object }).ports, instance.ports);
  });

  test('a clock far ahead of where the platform was when it stopped is told beside control, until it is believed', async () => {
    const path = join(files.control.folder, 'clock.json');
    assert.ok(Math.abs(JSON.parse(await readFile(path, 'utf8')).atMs - Date.now()) < 600_000);
    for (const [days, detail] of [
      [100, /^the clock of this machine went 100 days ahead at once/],
      [1, null],
    ] as const) {
      // As if it had been off for so long, by what this clock says.
      await writeFile(path, JSON.stringify({ atMs: Date.now() - days * 86_400_000, doubtedMs: 0 }));
      const { child } = await supervisedState(files.supervisors, 'control');
      assert.ok(child !== null);
      process.kill(child.pid, 'SIGKILL');
      await eventually(
        async () => (await darsena('status', '--json')).stdout,
        (text) => {
          const { parts } = JSON.parse(text) as { parts: { name: string; state: string; detail: Text | null }[] };
          const control = parts.find((one) => one.name === 'control');
          return detail === null
            ? control?.state === 'ok'
            : control?.state === 'degraded' && detail.test(control.detail?.en ?? '');
        },
        120_000,
      );
    }
  });

  test('purge leaves nothing of the instance, and everything of others', async () => {
    const { code, stdout, stderr } = await darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /removed 1 pod\n/);
    for (const path of [files.description, instance.data, instance.run, instance.logs]) {
      assert.equal(await exists(path), false, path);
    }
    const passwd = await readFile('/etc/passwd', 'utf8');
    const subIds = await readFile('/etc/subuid', 'utf8');
    for (const role of ROLES) {
      assert.ok(!passwd.includes(`${userName(name, role)}:`), role);
      assert.ok(!subIds.includes(`${userName(name, role)}:`), role);
    }
    for (const { id } of await listProcesses()) {
      const argv = await readFile(`/proc/${id.pid}/cmdline`, 'utf8').catch(() => '');
      // The supervisor's helper may still be in its last look at the log.
      assert.ok(!argv.includes(`/${name}/`), argv.replaceAll('\0', ' '));
    }
    const label = `label=darsena.instance=${name}`;
    for (const args of [
      ['ps', '--all', '--quiet', '--filter', label],
      ['pod', 'ps', '--quiet', '--filter', label],
      ['network', 'ls', '--quiet', '--filter', label],
      ['volume', 'ls', '--quiet', '--filter', label],
    ]) {
      assert.equal(await podman(null, ...args), '', args.join(' '));
    }
    assert.equal(await exists(join(home, '.config', 'darsena', `${name}.json`)), false);
    await podman(null, 'volume', 'inspect', foreignVolume);
  });
});
