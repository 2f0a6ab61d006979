import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../../src/system/index.ts';
import { makeGuestFiles } from './guest-files.ts';

// Volumes of an ordinary account, whose files belong to numbers that only its own namespace shows: saved, tried, restored,
// encrypted and removed with that account's rights alone. What holds a container still there needs cgroup v2, and is
// tried in the laboratory (deploy-podman5).

async function missing(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'needs root, to make an account of its own';
  for (const file of ['podman', 'busybox', 'newuidmap', 'restic', 'gocryptfs'])
    if (!['/usr/bin', '/bin'].some((place) => existsSync(join(place, file)))) return `needs ${file}`;
  const words = ['--reuid=65534', '--clear-groups', 'test', '-w', '/dev/fuse'];
  const { code } = await runCommand('setpriv', words, { timeoutMs: 30_000 });
  return code === 0 ? false : 'needs /dev/fuse open to ordinary users: chmod 666 /dev/fuse';
}

test('volumes of an ordinary account are saved, tried, restored, encrypted and removed without root', {
  skip: await missing(),
  timeout: 1_200_000,
}, async (t) => {
  const account = `dr${randomBytes(3).toString('hex')}`;
  // Not the next free id: files that an account removed long ago left somewhere would count as this one's.
  const uid = randomInt(30_000, 60_000);
  const words = ['--uid', String(uid), '--create-home', '--shell', '/bin/sh', account];
  const made = await runCommand('useradd', words, { timeoutMs: 60_000 });
  assert.equal(made.code, 0, made.stderr);
  const line = (await readFile('/etc/passwd', 'utf8')).split('\n').find((entry) => entry.startsWith(`${account}:`));
  const home = line?.split(':')[5] ?? '';
  const folder = await mkdtemp(join(tmpdir(), 'dr-'));
  const runtime = join(folder, 'run');
  const env = {
    ...{
      PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
      HOME: home,
      USER: account,
      XDG_RUNTIME_DIR: runtime,
      TMPDIR: home,
    },
  };
  const asUser = (...command: string[]) =>
    runCommand('setpriv', [`--reuid=${uid}`, `--regid=${uid}`, '--init-groups', '--', ...command], {
      ...{ env, cwd: '/', timeoutMs: 900_000 },
    });
  t.after(async () => {
    await runCommand('pkill', ['-KILL', '--uid', String(uid)], { timeoutMs: 60_000 });
    // Its files belong to numbers of its namespace as well.
    await runCommand('userdel', ['--remove', '--force', account], { timeoutMs: 60_000 });
    await rm(`/dev/shm/libpod_rootless_lock_${uid}`, { force: true });
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  const files = join(folder, 'files');
  await makeGuestFiles(files);
  await runCommand('install', ['-d', '-m', '700', '-o', account, '-g', account, runtime], { timeoutMs: 30_000 });
  await chown(folder, uid, uid);
  await chmod(folder, 0o755);
  const { code, stdout, stderr } = await asUser(
    ...[join(files, 'node'), join(files, 'suite', 'guest.mjs'), join(files, 'image.tar'), 'storage'],
  );
  for (const [, key = '', ms = ''] of stdout.matchAll(/^\{"key":"([^"]+)","ms":(\d+)\}$/gm))
    t.diagnostic(`${key} ${ms} ms`);
  assert.equal(code, 0, `${stdout.slice(-2_000)}\n${stderr.slice(-4_000)}`);
  assert.match(stdout, /"results":\{"rootless":true/);
  // Whatever the guest began has ended with it, but for what keeps the account's namespace.
  await asUser('podman', 'system', 'migrate');
});
