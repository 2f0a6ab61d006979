import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, suite, test } from 'node:test';
import { CODE_ROOT, instanceFiles, instanceFolders, readInstance } from '../../src/programs/setup/instance.ts';
import { isRunning, listProcesses } from '../../src/programs/setup/processes.ts';
import { ROLES, userName } from '../../src/programs/setup/users.ts';
import { runCommand } from '../../src/system/index.ts';
import { missingPart } from './faults-ground.ts';

// A first `up` that does not come to its end, at each of its steps: what it leaves can be purged whole, or gone on from.

const ROOT = join(import.meta.dirname, '..', '..');
const PATH = process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin';
const skip = await missingPart();

suite('an up that ends half-way', { skip, timeout: 240_000 }, () => {
  const name = `h${randomBytes(4).toString('hex')}`;
  const folders = instanceFolders(name, 'root');
  const files = instanceFiles(folders);
  let home: string;

  const environment = (more: Record<string, string> = {}) => ({ PATH, HOME: home, LANG: 'C.UTF-8', ...more });
  const darsena = (args: readonly string[], more: Record<string, string> = {}) =>
    runCommand(join(ROOT, 'darsena'), [...args, '--instance', name], {
      timeoutMs: 120_000,
      cwd: '/',
      env: environment(more),
    });

  /** Starts `up` and kills it as soon as it has said this. */
  async function upUntil(words: string): Promise<void> {
    const up = spawn(join(ROOT, 'darsena'), ['up', '--yes', '--instance', name], {
      cwd: '/',
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = once(up, 'close');
    let said = false;
    for await (const line of createInterface({ input: up.stdout })) {
      if (!line.includes(words)) continue;
      said = true;
      up.kill('SIGKILL');
      break;
    }
    await closed;
    assert.ok(said, words);
  }

  async function leftovers(): Promise<string[]> {
    const left: string[] = [];
    const paths = [folders.data, folders.run, folders.logs, `${folders.run}.lock`];
    for (const path of [...paths, join(home, '.config', 'darsena', `${name}.json`)]) {
      const there = await stat(path).catch(() => null);
      if (there !== null) left.push(path);
    }
    for (const file of ['/etc/passwd', '/etc/group', '/etc/subuid', '/etc/subgid']) {
      const text = await readFile(file, 'utf8');
      for (const role of ROLES) if (text.includes(`${userName(name, role)}:`)) left.push(`${file}: ${role}`);
    }
    for (const { id } of await listProcesses()) {
      const argv = (await readFile(`/proc/${id.pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ');
      if (argv.includes(`/${name}/`)) left.push(`process ${id.pid}: ${argv}`);
    }
    const ownSpace = /\d+/.exec(await readlink('/proc/self/ns/pid'))?.[0];
    for (const entry of await readdir(CODE_ROOT).catch(() => [])) {
      const [, pid, start, space] = /^\..+\.(\d+)-(\d+)-(\d+)$/.exec(entry) ?? [];
      // Of a machine made of namespaces beside this one nobody here knows the processes.
      const isUnderWay = pid && start && (space !== ownSpace || (await isRunning({ pid: Number(pid), start })));
      if (entry.startsWith('.') && !isUnderWay) left.push(entry);
    }
    return left;
  }

  async function purge(): Promise<void> {
    const { code, stderr } = await darsena(['down', '--purge', '--yes']);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await leftovers(), []);
  }

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'darsena-halfway-'));
  });
  after(async () => {
    if ((await readInstance(files.description)) !== null) await purge();
    await rm(home, { recursive: true, force: true });
  });

  for (const step of ['System packages', 'Install the platform', 'Users, folders, ports']) {
    test(`killed after “${step}”: purge takes what there is, whole`, async () => {
      await upUntil(step);
      await purge();
    });
  }

  test('killed again and again, it goes on each time, and is ready in the end', async () => {
    for (const step of ['System packages', 'Users, folders, ports', 'Start control']) await upUntil(step);
    const { code, stdout, stderr } = await darsena(['up', '--yes', '--json']);
    assert.equal(code, 0, stderr);
    const { ports } = JSON.parse(stdout) as { ports: object };
    const instance = await readInstance(files.description);
    assert.equal(instance?.unfinished, undefined);
    assert.deepEqual(instance?.ports, ports);
    const status = await darsena(['status', '--json']);
    assert.equal(status.code, 0, status.stdout);
    await purge();
  });

  test('a tool that fails in the middle is named; status says that it is not up', async () => {
    const tools = join(home, 'tools');
    await mkdir(tools);
    // The second of the three users cannot be made.
    const refusal = `#!/bin/sh\ncase "$*" in *-build) echo 'useradd: no' >&2; exit 1;; esac\nexec /usr/sbin/useradd "$@"\n`;
    await writeFile(join(tools, 'useradd'), refusal, { mode: 0o755 });
    const failed = await darsena(['up', '--yes'], { PATH: `${tools}:${PATH}` });
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /cannot create the user darsena-\S+-build\n.*useradd: no/);
    assert.ok((await readFile('/etc/passwd', 'utf8')).includes(`${userName(name, 'control')}:`));
    const status = await darsena(['status']);
    assert.equal(status.code, 3);
    assert.match(status.stderr, /is not set up on this machine/);
    await purge();
  });

  test('a folder of somebody else’s in the way is neither taken over nor purged', async () => {
    await mkdir(folders.logs, { recursive: true });
    await writeFile(join(folders.logs, 'theirs'), 'kept');
    await chown(folders.logs, 65_000, 65_000);
    const { code, stderr } = await darsena(['up', '--yes']);
    assert.equal(code, 4);
    assert.match(stderr, new RegExp(`${folders.logs} is not ours`));
    const purged = await darsena(['down', '--purge', '--yes']);
    assert.equal(purged.code, 0, purged.stderr);
    assert.match(purged.stdout, new RegExp(`${folders.logs} stays`));
    assert.equal(await readFile(join(folders.logs, 'theirs'), 'utf8'), 'kept');
    await rm(folders.logs, { recursive: true });
    assert.deepEqual(await leftovers(), []);
  });
});
