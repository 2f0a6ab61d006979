import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Fault, newId, runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { createTools, HostVolumes } from '../../src/volumes/index.ts';
import { claimVolumeName, type StoredVolume, type VolumeMaker, volumeLabels } from '../../src/volumes/local.ts';
import { backupAnswer, type VolumeOrderMessage } from '../../src/volumes/task.ts';

// Copies of volumes by Debian's restic and by the file systems of this kernel; no container runs here.

const KEY = { project: 'shop', environment: 'prod', claim: 'data' };
const env = { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' };

async function missing(programs: readonly string[]): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'needs root: files keep their owners';
  for (const program of programs) {
    const { code } = await runCommand('sh', ['-c', 'command -v "$1"', 'sh', program], { timeoutMs: 30_000 });
    if (code !== 0) return `needs ${program}`;
  }
  return false;
}

async function act(program: string, ...words: string[]): Promise<void> {
  const { code, stderr } = await runCommand(program, words, { timeoutMs: 120_000, env });
  assert.equal(code, 0, `${program} ${words.join(' ')}: ${stderr}`);
}

/** A host whose volumes lie below a folder, with one claim that holds files of several owners, modes and kinds. */
async function oneHost(t: TestContext, at: string) {
  const stored = new Map<string, StoredVolume>();
  const engine: VolumeMaker = {
    listVolumes: async () => [...stored.values()],
    async removeVolume(name) {
      const volume = stored.get(name);
      stored.delete(name);
      if (volume?.path.endsWith('/_data')) await rm(join(volume.path, '..'), { recursive: true });
    },
    async ensureVolume({ name, labels, folder }) {
      const path = folder ?? join(at, 'engine', name, '_data');
      await mkdir(path, { recursive: true, mode: 0o755 });
      const volume = { name, labels, path, createdAt: '' };
      stored.set(name, volume);
      return volume;
    },
  };
  const agent = join(at, 'agent');
  const location = join(at, 'repository');
  await mkdir(agent, { mode: 0o700 });
  await mkdir(location);
  const allowedFile = join(agent, 'storage.json');
  await writeFile(allowedFile, JSON.stringify({ repositories: [location] }));
  const host = new HostVolumes({
    ...{ instance: 'test', host: 'one', engine, tools: createTools(false, env), folder: agent, run: join(at, 'run') },
    ...{ allowedFile, env, rootless: false, clock: systemClock, log: silentLog, onLost: () => undefined },
    askFormat: async () => null,
    podman: async () => ({ code: 0, stdout: '[]', stderr: '' }),
  });
  t.after(() => host.stop());
  const ask = async (order: VolumeOrderMessage): Promise<Record<string, unknown>> =>
    (await host.run({ kind: 'volume', order })) as Record<string, unknown>;
  const owner = { instance: 'test', ...KEY };
  const { path } = await engine.ensureVolume({ name: claimVolumeName(owner), labels: volumeLabels(owner) });
  await mkdir(join(path, 'deep', 'er'), { recursive: true });
  for (let n = 0; n < 40; n++) await writeFile(join(path, 'deep', `file${n}`), randomBytes(50_000));
  await act('chown', '1234:4321', join(path, 'deep', 'file0'));
  await act('chmod', '4750', join(path, 'deep', 'file1'));
  await act('ln', '-s', '../nowhere', join(path, 'deep', 'er', 'link'));
  await act('mkfifo', join(path, 'deep', 'er', 'fifo'));
  const repository = { location, password: 'open-sesame', user: null };
  return { ...{ host, ask, stored, path, repository, location }, id: () => newId(systemClock) };
}

async function folderOf(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-copies-'));
  t.after(async () => {
    // What a test has mounted in it goes before it.
    await runCommand('umount', ['--', join(folder, 'mounted')], { timeoutMs: 60_000, env });
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}

/** The files of a repository that hold content: the small one is that of trees. */
async function packsOf(location: string): Promise<string[]> {
  const { stdout } = await runCommand('find', [join(location, 'data'), '-type', 'f', '-printf', '%s %p\n'], {
    timeoutMs: 30_000,
  });
  const found = stdout.trim().split('\n');
  return found
    .toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))
    .map((line) => line.split(' ')[1] ?? '');
}

async function spoil(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.write('spoiled', at);
  } finally {
    await file.close();
  }
}

test('a trial finds what was changed or lost in a repository, whatever the cache remembers, and tells it from one that is away', {
  skip: await missing(['restic', 'tar']),
}, async (t) => {
  const at = await folderOf(t);
  const { ask, repository, location, id, stored } = await oneHost(t, at);
  assert.equal((await ask({ action: 'open-repository', repository }))['created'], true);
  const { snapshot, path, bytes, tree } = backupAnswer.parse(
    await ask({ action: 'backup', key: KEY, id: id(), repository }),
  );
  const trial: VolumeOrderMessage = { action: 'verify', repository, snapshot, path, bytes, tree };
  assert.equal((await ask(trial))['same'], true);
  const good = join(at, 'good');
  await cp(location, good, { recursive: true });
  const damages: Record<string, () => Promise<void>> = {
    'a byte of content': async () => spoil((await packsOf(location))[0] ?? '', 5_000),
    'a byte of the tree of names': async () => spoil((await packsOf(location)).at(-1) ?? '', 40),
    'a byte of the index': async () =>
      spoil(join(location, 'index', (await readdir(join(location, 'index')))[0] ?? ''), 40),
    'a byte of the snapshot': async () =>
      spoil(join(location, 'snapshots', (await readdir(join(location, 'snapshots')))[0] ?? ''), 40),
    'no snapshot any more': async () => rm(join(location, 'snapshots'), { recursive: true }),
    'a byte of its settings': async () => spoil(join(location, 'config'), 20),
  };
  for (const [what, damage] of Object.entries(damages)) {
    await damage();
    await assert.rejects(
      ask(trial),
      (error: unknown) => {
        assert.ok(error instanceof Fault, `${what}: ${String(error)}`);
        assert.equal(error.code, 'backup.damaged', `${what}: ${error.message} ${JSON.stringify(error.text('en'))}`);
        assert.doesNotMatch(JSON.stringify(error.text('en')), /open-sesame/);
        return true;
      },
      what,
    );
    assert.deepEqual([...stored.keys()], ['test-shop-prod-data'], `${what}: nothing of the trial stays`);
    await rm(location, { recursive: true });
    await cp(good, location, { recursive: true });
  }
  assert.equal((await ask(trial))['same'], true);
  await rename(join(location, 'config'), join(at, 'config'));
  await assert.rejects(ask(trial), (error: unknown) => error instanceof Fault && error.code === 'volume.tool-failed');
});

for (const { type, make } of [
  { type: 'xfs', make: ['mkfs.xfs', '-q', '-m', 'reflink=1'] },
  { type: 'btrfs', make: ['mkfs.btrfs', '-q'] },
] as const)
  test(`on ${type} a snapshot and a backup are made by reference, and come back as they were`, {
    skip: await missing(['restic', 'losetup', make[0]]),
  }, async (t) => {
    const folder = await folderOf(t);
    const image = join(folder, 'image');
    await writeFile(image, '');
    await truncate(image, 400 * 2 ** 20);
    const [program, ...words] = make;
    await act(program, ...words, image);
    const at = join(folder, 'mounted');
    await mkdir(at);
    const mounted = await runCommand('mount', ['-t', type, '-o', 'loop', image, at], { timeoutMs: 60_000, env });
    if (mounted.code !== 0) {
      const known = await readFile('/proc/filesystems', 'utf8');
      assert.ok(!known.includes(`\t${type}\n`), `this kernel has ${type}: ${mounted.stderr}`);
      return t.skip(`the kernel has no ${type}: ${mounted.stderr.trim()}`);
    }
    const { ask, repository, path, id } = await oneHost(t, at);
    const shot = id();
    const snapped = await ask({ action: 'snapshot', key: KEY, id: shot });
    assert.equal(snapped['how'], 'reflink');
    await ask({ action: 'open-repository', repository });
    const saved = await ask({ action: 'backup', key: KEY, id: id(), repository });
    assert.deepEqual([saved['how'], saved['tree']], ['reflink', snapped['tree']]);
    await writeFile(join(path, 'later'), 'written after the copies');
    const fill = (claim: string, from: object): Promise<Record<string, unknown>> =>
      ask({
        ...{ action: 'fill', from, to: { ...KEY, claim }, place: null, requestedBytes: 0 },
        ...{ bytes: saved['bytes'], tree: saved['tree'] },
      } as VolumeOrderMessage);
    const backup = { kind: 'backup', repository, snapshot: saved['snapshot'], path: saved['path'] };
    assert.equal((await fill('from-backup', backup))['tree'], snapped['tree']);
    assert.equal((await fill('from-snapshot', { kind: 'snapshot', of: KEY, id: shot }))['tree'], snapped['tree']);
    const back = join(at, 'engine', 'test-shop-prod-from-backup', '_data', 'deep');
    assert.deepEqual(
      [(await stat(join(back, 'file0'))).uid, (await stat(join(back, 'file1'))).mode & 0o7777],
      [1234, 0o4750],
    );
    const proof = await ask({ action: 'remove', key: { ...KEY, claim: 'from-backup' }, place: null });
    assert.deepEqual([proof['how'], await readdir(back).catch(() => 'gone')], ['deleted', 'gone']);
  });
