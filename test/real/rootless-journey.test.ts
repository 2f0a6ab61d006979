import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { access, chmod, chown, constants, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { listProcesses } from '../../src/programs/setup/processes.ts';
import { runCommand, systemClock } from '../../src/system/index.ts';

// An ordinary person's whole way in an account of its own: clone, up, deploy, down, purge. No step has root's help but
// the account itself.

const ROOT = join(import.meta.dirname, '..', '..');
const account = `dr${randomBytes(3).toString('hex')}`;
const name = 'own';
const DEVICES = ['/dev/net/tun', '/dev/fuse'];
const PROGRAMS = ['podman', 'runc', 'buildah', 'haproxy', 'mmdebstrap', 'slirp4netns', 'newuidmap', 'setpriv', 'git'];

async function missingPart(): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'needs root, to make an account of its own';
  for (const program of PROGRAMS) {
    if ((await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 })).code !== 0) {
      return `needs ${program}`;
    }
  }
  for (const device of DEVICES) {
    const { code } = await runCommand('setpriv', ['--reuid=65534', '--clear-groups', 'test', '-w', device], {
      timeoutMs: 30_000,
    });
    if (code !== 0) return `needs ${device} open to ordinary users: chmod 666 ${device}`;
  }
  return access(join(ROOT, '.git'), constants.R_OK).then(
    () => false,
    () => 'needs a git checkout to clone',
  );
}

/** What `useradd` puts into a new home. */
const SKELETON = /\/\.(?:profile|bashrc|bash_logout)$/;

const skip = await missingPart();

suite('an ordinary user’s platform', { skip, timeout: 420_000 }, () => {
  let uid: number;
  let home: string;
  let runtime: string;
  let checkout: string;
  let ports: { edgeHttps: number; console: number };

  async function asUser(
    file: string,
    args: readonly string[],
    timeoutMs = 120_000,
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    return runCommand('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--init-groups', '--', file, ...args], {
      timeoutMs,
      cwd: home,
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: home,
        USER: account,
        XDG_RUNTIME_DIR: runtime,
        LANG: 'C.UTF-8',
      },
    });
  }

  async function darsena(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return asUser(join(checkout, 'darsena'), ['--instance', name, ...args], 300_000);
  }

  async function get(): Promise<number> {
    const host = `web-tienda-dev.${name}.localhost`;
    const { stdout } = await asUser('curl', [
      '--silent',
      '--max-time',
      '5',
      '--output',
      '/dev/null',
      '--write-out',
      '%{http_code}',
      '--cacert',
      join(home, '.local/share/darsena', name, 'ca.pem'),
      '--resolve',
      `${host}:${ports.edgeHttps}:127.0.0.1`,
      `https://${host}:${ports.edgeHttps}/`,
    ]);
    return Number(stdout);
  }

  async function getSoon(status: number): Promise<void> {
    let last = 0;
    for (let tries = 0; tries < 40; tries += 1) {
      last = await get();
      if (last === status) return;
      await systemClock.sleep(250);
    }
    assert.equal(last, status);
  }

  /** Of the account itself and of the ids it may map; a dead one whose parent has not looked yet is no process any more. */
  async function ownProcesses(): Promise<string[]> {
    const subIds = (await readFile('/etc/subuid', 'utf8'))
      .split('\n')
      .map((line) => line.split(':'))
      .filter(([owner]) => owner === account)
      .map(([, first, count]) => ({ first: Number(first), last: Number(first) + Number(count) }));
    const found: string[] = [];
    for (const { id, uid: owner } of await listProcesses()) {
      if (owner !== uid && !subIds.some(({ first, last }) => owner >= first && owner < last)) continue;
      const argv = await readFile(`/proc/${id.pid}/cmdline`, 'utf8').catch(() => '');
      if (argv !== '') found.push(`${id.pid} ${argv.replaceAll('\0', ' ').slice(0, 120)}`);
    }
    return found;
  }

  async function noProcessSoon(but: (line: string) => boolean = () => false): Promise<void> {
    let left: string[] = [];
    for (let tries = 0; tries < 40; tries += 1) {
      left = (await ownProcesses()).filter((line) => !but(line));
      if (left.length === 0) return;
      await systemClock.sleep(100);
    }
    assert.deepEqual(left, []);
  }

  before(async () => {
    // Not the next free id: files that an account removed long ago left somewhere would count as this one's.
    const options = ['--uid', String(randomInt(30_000, 60_000)), '--create-home', '--shell', '/bin/sh'];
    const made = await runCommand('useradd', [...options, account], { timeoutMs: 30_000 });
    assert.equal(made.code, 0, made.stderr);
    const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${account}:`));
    const fields = line?.split(':') ?? [];
    uid = Number(fields[2]);
    home = fields[5] ?? '';
    assert.ok(uid >= 1000 && home !== '');
    // Homes are closed to others on many machines, and nothing may depend on that they are not.
    await chmod(home, 0o700);
    runtime = await mkdtemp(join(tmpdir(), 'dr-'));
    await chown(runtime, uid, uid);
    checkout = join(home, 'darsena');
    // Linked objects would be one file with the checkout's own, and change hands there as well.
    const cloned = await runCommand('git', ['clone', '--quiet', '--no-hardlinks', ROOT, checkout], {
      timeoutMs: 60_000,
    });
    assert.equal(cloned.code, 0, cloned.stderr);
    // What npm would install, without asking the network for it again.
    for (const [file, args] of [
      ['cp', ['-a', '--reflink=auto', join(ROOT, 'node_modules'), checkout]],
      ['chown', ['-R', `${uid}:${uid}`, checkout]],
    ] as const) {
      const { code, stderr } = await runCommand(file, args, { timeoutMs: 120_000 });
      assert.equal(code, 0, stderr);
    }
  });

  after(async () => {
    await darsena('down', '--purge', '--yes');
    for (const { id, uid: owner } of await listProcesses()) {
      if (owner === uid) process.kill(id.pid, 'SIGKILL');
    }
    await rm(runtime, { recursive: true, force: true });
    await rm(`/dev/shm/libpod_rootless_lock_${uid}`, { force: true });
    await runCommand('userdel', ['--remove', account], { timeoutMs: 120_000 });
  });

  test('up needs no root and says what is missing without it', async () => {
    const { code, stdout, stderr } = await darsena('up', '--yes', '--json');
    assert.equal(code, 0, stderr);
    const result = JSON.parse(stdout) as {
      ports: typeof ports;
      started: string[];
      adaptations: { code: string; text: { en: string } }[];
    };
    ports = result.ports;
    assert.ok(ports.edgeHttps >= 8443 && ports.edgeHttps <= 8542);
    assert.deepEqual(result.started, ['control', 'agent', 'edge']);
    const status = JSON.parse((await darsena('status', '--json')).stdout) as {
      parts: { name: string; state: string }[];
    };
    const states = Object.fromEntries(status.parts.map((part) => [part.name, part.state]));
    assert.equal(states['sensor'], 'absent');
    for (const part of ['control', 'agent', 'edge', 'database', 'engine']) assert.equal(states[part], 'ok', part);
    assert.match((await darsena('status')).stdout, /no kernel sensor \(no alerts\)/);
  });

  test('the example goes from source to an address that answers', async () => {
    const { code, stderr } = await darsena('deploy', 'darsena/examples/tienda', '--yes');
    assert.equal(code, 0, stderr);
    await getSoon(200);
  });

  /**
   * What a pod of the example is told by the first server of its resolv.conf. Asked from inside its network, and not by exec:
   * what watches an exec stays for a while, and the account's processes are counted here.
   */
  async function namesSoon(): Promise<void> {
    const name = 'web.tienda-dev.svc.cluster.local';
    let said = '';
    for (let tries = 0; tries < 120; tries += 1) {
      const [pid] = (await ownProcesses())
        .filter((line) => /node server\.js/.test(line))
        .map((line) => line.split(' ')[0]);
      const conf = await readFile(`/proc/${pid}/root/etc/resolv.conf`, 'utf8').catch(() => '');
      const [, server = ''] = /^nameserver (\S+)/m.exec(conf) ?? [];
      const script = `const dns = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 1 }); dns.setServers(['${server}']); Promise.all([dns.resolve4('${name}'), dns.resolveSrv('_http._tcp.${name}')]).then(([addresses, targets]) => console.log(addresses.length, targets.length, targets[0].port), (error) => console.log(error.code))`;
      const words = ['--target', String(pid), '--net', process.execPath, '-e', script];
      const { stdout, stderr } = await runCommand('nsenter', words, { timeoutMs: 30_000 });
      said = `${stdout}${stderr}`.trim();
      if (said === '1 1 8080') return;
      await systemClock.sleep(250);
    }
    assert.equal(said, '1 1 8080');
  }

  test('pods ask for whole names and SRV records without root', () => namesSoon());

  test('everything runs as the account or the ids that were lent to it', async () => {
    const lines = await ownProcesses();
    assert.equal(lines.filter((line) => /conmon/.test(line)).length, 6);
    assert.ok(lines.some((line) => /node server\.js/.test(line)));
  });

  test('limits that the kernel does not enforce are said beside each workload', async () => {
    const limited = await readFile('/sys/fs/cgroup/cgroup.controllers', 'utf8').then(
      () => true,
      () => false,
    );
    const { stdout } = await darsena('ps', 'tienda', '--json');
    const { items } = JSON.parse(stdout) as { items: { conditions: { type: string; text: { en: string } }[] }[] };
    assert.equal(items.length, 3);
    if (limited) return;
    for (const { conditions } of items) {
      assert.match(conditions.find(({ type }) => type === 'not-enforced')?.text.en ?? '', /not enforced here/);
    }
  });

  test('down leaves the workloads, up finds them and the address answers again', async () => {
    const pods = async (): Promise<string[]> =>
      (await ownProcesses()).filter((line) => /node server\.js/.test(line)).map((line) => line.split(' ')[0] ?? '');
    const before_ = await pods();
    assert.equal((await darsena('down')).code, 0);
    assert.deepEqual(await pods(), before_);
    assert.equal((await darsena('up', '--yes')).code, 0);
    await getSoon(200);
    assert.deepEqual(await pods(), before_);
    // The sockets went with the agent of before.
    await namesSoon();
  });

  test('down --workloads stops them too', async () => {
    const { code, stdout } = await darsena('down', '--workloads');
    assert.equal(code, 0);
    assert.match(stdout, /removed 3 pods\n/);
    // Podman keeps the account's user namespace with one process until the purge.
    await noProcessSoon((line) => /catatonit -P/.test(line));
  });

  test('purge leaves the account as it was', async () => {
    assert.equal((await darsena('up', '--yes')).code, 0);
    await getSoon(200);
    const { code, stderr } = await darsena('down', '--purge', '--yes');
    assert.equal(code, 0, stderr);
    await noProcessSoon();
    const ours = new Set(['darsena', '.cache', '.bashrc', '.bash_logout', '.profile', '.config', '.local']);
    assert.deepEqual(
      (await readdir(home)).filter((entry) => !ours.has(entry)),
      [],
    );
    const left = await runCommand(
      'find',
      [
        ...[home, runtime, '/dev/shm', '/tmp', '/var/tmp'],
        ...['-path', checkout, '-prune', '-o', '-path', join(home, '.cache'), '-prune', '-o'],
        ...['-user', String(uid), '-type', 'f', '-print'],
      ],
      { timeoutMs: 20_000 },
    );
    assert.deepEqual(
      left.stdout.split('\n').filter((path) => path !== '' && !SKELETON.test(path)),
      [],
    );
    assert.deepEqual(await readdir(runtime), []);
  });
});
