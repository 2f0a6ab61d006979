import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Kysely } from 'kysely';
import { createApi, createVault, PLATFORM, type Principal } from '../access/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import { Operations, type ProgressTables, progressMigrations } from '../progress/index.ts';
import {
  type Clock,
  type CommandResult,
  commandFault,
  Fault,
  type Json,
  openDatabase,
  runCommand,
  silentLog,
  systemClock,
} from '../system/index.ts';
import { readBytes, readKey } from './commands.ts';
import { Copies } from './copies.ts';
import { volumeFault } from './errors.ts';
import { type Exported, exportsOf, mountWords } from './host/exports.ts';
import type { AskFormat } from './host/format-asks.ts';
import { containersOf, Freezer } from './host/freeze.ts';
import { HostVolumes } from './host/keeper.ts';
import { Leases } from './host/leases.ts';
import { Lvm } from './host/lvm.ts';
import type { MountHost } from './host/mount-host.ts';
import { Mounts } from './host/mounts.ts';
import { BoundedFiles, directFiles } from './host/place-files.ts';
import { isAllowedRepository, isBelow, Marks, readAllowed, requireSafeFolder } from './host/places.ts';
import { hasProject, hasProjectQuota, mountOf, projectId } from './host/quota.ts';
import { releaseMounts } from './host/release.ts';
import { addressOf, readSummary } from './host/restic.ts';
import { Seals } from './host/seals.ts';
import { createTools } from './host/tree.ts';
import { judgeLease, mustLetGo } from './lease.ts';
import { FAILED_KEPT, LEASE_LOST_MS, LEASE_MS, MOUNT_AGAIN_MS } from './limits.ts';
import { claimVolumeName, type StoredVolume, type VolumeMaker, volumeLabels } from './local.ts';
import { volumeMigrations } from './migrations.ts';
import {
  type AskedClaim,
  type ClaimLook,
  type ClaimRecord,
  claimProblems,
  classOf,
  formatClaim,
  judgeClaim,
  LOCAL_CLASS,
  type StorageClass,
} from './model.ts';
import { expiredCopies } from './retention.ts';
import { registerVolumeRoutes } from './routes.ts';
import type { VolumeTables } from './store.ts';
import { formatAsk, REPOSITORY_LOCATION, type VolumeOrderMessage, volumeKeys, volumeTask } from './task.ts';
import { Volumes } from './volumes.ts';

const GI = 2 ** 30;
const fault =
  (code: string, words = /./) =>
  (error: unknown): boolean =>
    error instanceof Fault && error.code === code && words.test(`${error.text('en').what} ${error.text('en').why}`);

const record: ClaimRecord = {
  project: 'shop',
  environment: 'prod',
  claim: 'data',
  class: 'local',
  driver: { kind: 'local' },
  accessModes: ['ReadWriteOnce'],
  requestedBytes: GI,
  reclaim: { policy: 'retain', afterHours: 24 },
  host: 'one',
  epoch: 1,
  sealed: false,
  createdAt: '2026-01-01T00:00:00.000Z',
  releasedAt: null,
  removal: null,
};
const look: ClaimLook = {
  ...{ project: 'shop', environment: 'prod', claim: 'data' },
  ...{ usedBytes: 0, freeBytes: 90, totalBytes: 100, containers: 1, trouble: null },
  limit: { enforced: true },
};
const asked: AskedClaim = {
  ...{ project: 'shop', environment: 'prod', claim: 'data' },
  ...{ accessModes: ['ReadWriteOnce'], requestedBytes: GI },
};
const disk: StorageClass = {
  ...LOCAL_CLASS,
  name: 'disk',
  driver: { kind: 'folder', path: '/srv/data' },
  accessModes: ['ReadWriteOnce'],
  environments: ['production'],
  maxBytes: 10 * GI,
};

test('a claim says in what state it is, and why', () => {
  const state = (
    change: Partial<ClaimRecord>,
    seen: Partial<ClaimLook> | null,
    host: 'told' | 'not-yet' | 'away' = 'told',
  ): string => judgeClaim({ ...record, ...change }, seen === null ? null : { ...look, ...seen }, host).state;
  for (const [expected, found] of [
    ['in-use', state({}, {})],
    ['ready', state({}, { containers: 0 })],
    ['pending', state({}, null)],
    ['nearly-full', state({}, { usedBytes: 0.9 * GI })],
    ['full', state({}, { usedBytes: GI })],
    ['full', state({}, { freeBytes: 4 })],
    ['unavailable', state({}, { trouble: { en: 'away', es: 'no responde' } })],
    ['released', state({ releasedAt: '2026-01-02T00:00:00.000Z' }, {})],
    ['removing', state({ removal: 'asked' }, {})],
    ['unknown', state({}, {}, 'away')],
    // After a start of control nobody knows yet whether a pod has needed it.
    ['unknown', state({}, null, 'not-yet')],
  ]) {
    assert.equal(found, expected);
  }
});

test('claims are refused with every reason at once: class, environment, mode, size, another class, shrinking', () => {
  const problems = (claim: Partial<AskedClaim>, known: Partial<ClaimRecord> | null, environmentClass = 'production') =>
    claimProblems(
      [{ ...asked, ...claim }],
      new Map(known === null ? [] : [[formatClaim(asked), { ...record, ...known }]]),
      { classes: [disk], environmentClass },
    ).map(({ en }) => en);
  assert.deepEqual(problems({}, null), []);
  assert.deepEqual(problems({ storageClass: 'disk' }, null), []);
  assert.match(problems({ storageClass: 'gold' }, null)[0] ?? '', /no storage class gold; there is disk, local/);
  assert.match(problems({ storageClass: 'disk' }, null, 'development')[0] ?? '', /this environment is development/);
  const many = problems({ storageClass: 'disk', accessModes: ['ReadWriteMany'], requestedBytes: 20 * GI }, null);
  assert.equal(many.length, 2);
  assert.match(problems({ storageClass: 'disk' }, {})[0] ?? '', /another class needs another claim/);
  assert.match(problems({ requestedBytes: GI / 2 }, {})[0] ?? '', /never shrinks/);
  assert.deepEqual(problems({ requestedBytes: 2 * GI }, {}), []);
  assert.match(problems({ requestedBytes: 0 }, null)[0] ?? '', /more than 0/);
  assert.match(problems({ requestedBytes: Number.MAX_SAFE_INTEGER }, {})[0] ?? '', /no storage has/);
  assert.equal(classOf([{ ...disk, isDefault: true }], undefined)?.name, 'disk');
});

test('retention keeps the last ones and the newest of each day, week and month', () => {
  const copies = Array.from({ length: 60 }, (_, index) => ({
    createdAt: new Date(Date.UTC(2026, 5, 30, 2) - index * 86_400_000).toISOString(),
  }));
  const keep = { last: 2, daily: 3, weekly: 2, monthly: 2 };
  const now = new Date(Date.UTC(2026, 5, 30, 3));
  const expired = new Set(expiredCopies(copies, keep, now));
  const kept = copies.filter((one) => !expired.has(one)).map(({ createdAt }) => createdAt.slice(0, 10));
  assert.deepEqual(kept, ['2026-06-30', '2026-06-29', '2026-06-28', '2026-05-31']);
  assert.equal(expiredCopies(copies, { last: 0, daily: 0, weekly: 0, monthly: 0 }, now).length, 59, 'the newest stays');
});

test('a backup that a clock years ahead dated keeps its place and takes that of none made since', () => {
  const ahead = { createdAt: '2029-01-01T02:00:00.000Z' };
  const before = { createdAt: '2026-06-28T02:00:00.000Z' };
  const made = { createdAt: '2026-06-30T02:00:00.000Z' };
  const keep = { last: 1, daily: 0, weekly: 0, monthly: 0 };
  assert.deepEqual(expiredCopies([before, ahead, made], keep, new Date('2026-06-30T02:01:00Z')), [before]);
});

test('a lease passes to a newer epoch only when its holder shows no sign of life, who has ended its pods before that', () => {
  const held = { holder: 'one', epoch: 1, beat: 7 };
  const two = { holder: 'two', epoch: 2 };
  assert.equal(judgeLease(null, two, null, 0).kind, 'take');
  assert.deepEqual(judgeLease(held, { holder: 'two', epoch: 1 }, null, 0), { kind: 'wait', why: 'same-epoch' });
  assert.deepEqual(judgeLease(held, two, null, 0), { kind: 'wait', why: 'held' });
  assert.deepEqual(judgeLease(held, two, { lease: { ...held, beat: 6 }, sinceMs: 0 }, LEASE_MS), {
    kind: 'wait',
    why: 'held',
  });
  assert.equal(judgeLease(held, two, { lease: held, sinceMs: 0 }, LEASE_MS).kind, 'take');
  assert.deepEqual(judgeLease({ ...held, epoch: 3 }, two, null, 0), { kind: 'wait', why: 'newer-epoch' });
  const one = { holder: 'one', epoch: 1 };
  assert.equal(mustLetGo(held, one, 0, LEASE_LOST_MS - 1), false);
  assert.equal(mustLetGo(held, one, 0, LEASE_LOST_MS), true);
  assert.equal(mustLetGo({ ...two, beat: 1 }, one, 0, 1), true);
  assert.ok(LEASE_LOST_MS < LEASE_MS);
});

test('two hosts that reach one folder never both hold a claim', async (t) => {
  const root = await folder(t);
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const lost: string[] = [];
  const host = (holder: string): Leases =>
    new Leases({ holder, clock, log: silentLog, onLost: (volume) => lost.push(`${holder} ${volume}`) });
  const [one, two] = [host('one'), host('two')];
  await one.acquire('v', root, 1);
  await assert.rejects(two.acquire('v', root, 1), fault('volume.held-elsewhere'));
  await assert.rejects(two.acquire('v', root, 2), fault('volume.held-elsewhere', /signs of life/));
  nowMs += LEASE_MS - 1;
  await one.renew();
  await assert.rejects(two.acquire('v', root, 2), fault('volume.held-elsewhere'));
  nowMs += LEASE_MS;
  assert.equal(await two.acquire('v', root, 2), true, 'another host had it');
  assert.equal(await two.acquire('v', root, 2), false);
  await one.renew();
  assert.deepEqual(lost, ['one v']);
  assert.equal(one.epochOf('v'), null);
  assert.equal(two.epochOf('v'), 2);
  await two.forget('v', root);
  assert.equal(two.epochOf('v'), null);
  await two.acquire('v', root, 1);
  assert.equal(two.epochOf('v'), 1, 'a claim that is made anew begins anew');
  await writeFile(join(root, '.darsena-leases', 'v.json'), 'broken');
  await assert.rejects(one.acquire('v', root, 3), 'a lease that cannot be read is not taken for none');
});

test('only what the host itself allows is used, and no link or foreign pen on the way', async (t) => {
  const root = await folder(t);
  const file = join(root, 'storage.json');
  assert.deepEqual(await readAllowed(file), { folders: [], repositories: [], exports: {} });
  await writeFile(file, '{"folders":["/srv/data"],"more":1}');
  await assert.rejects(readAllowed(file), fault('volume.place-refused'));
  for (const [path, expected] of [
    ['/srv/data', true],
    ['/srv/data/one', true],
    ['/srv/data2', false],
    ['/srv/data/../etc', false],
    ['/', false],
  ] as const) {
    assert.equal(isBelow(path, ['/srv/data']), expected, path);
  }
  const places = ['/srv/backup', 'rest:https://backup.example', 'sftp:b@nas:/darsena'];
  for (const [location, expected] of [
    ['/srv/backup/x', true],
    ['/srv', false],
    ['rest:https://backup.example/one', true],
    ['rest:https://backup.example.evil/one', false],
    ['sftp:b@nas:/darsena/one', true],
    ['sftp:b@nas:/darsena2', false],
    ['sftp:b@nas:/darsena/../root', false],
    ['rest:https://backup.example/one/..', false],
    ['/srv/backup/../backup', false],
    ['rest:https://backup.example/a..b', true],
  ] as const) {
    assert.equal(isAllowedRepository(location, places), expected, location);
  }
  await mkdir(join(root, 'good', 'below'), { recursive: true, mode: 0o755 });
  assert.equal(await requireSafeFolder(join(root, 'good', 'below')), join(root, 'good', 'below'));
  await symlink(join(root, 'good'), join(root, 'link'));
  await assert.rejects(requireSafeFolder(join(root, 'link', 'below')), fault('volume.place-unsafe', /link/));
  await mkdir(join(root, 'open'));
  await chmod(join(root, 'open'), 0o777);
  await assert.rejects(requireSafeFolder(join(root, 'open')), fault('volume.place-unsafe', /could replace open/));
  await assert.rejects(requireSafeFolder(join(root, 'absent')), fault('volume.place-missing'));
});

test('a file system that is not mounted is not taken for an empty one', async (t) => {
  const folderOf = await folder(t);
  const root = join(folderOf, 'nas');
  await mkdir(root);
  const marks = new Marks(join(folderOf, 'marks.json'), () => '0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a001');
  await marks.check(root);
  await marks.check(root);
  await rm(root, { recursive: true });
  await mkdir(root);
  await assert.rejects(marks.check(root), fault('volume.place-away', /not mounted/));
  await writeFile(join(root, '.darsena-storage'), 'something else');
  await assert.rejects(marks.check(root), fault('volume.place-away', /another file system/));
  const other = new Marks(join(folderOf, 'other.json'), () => 'x');
  await rm(join(root, '.darsena-storage'));
  await symlink('/etc/hostname', join(root, '.darsena-storage'));
  await assert.rejects(other.check(root), 'a link is no mark');
});

test('addresses of repositories cannot become options, and no secret stands in one', () => {
  for (const good of ['/srv/backup', 'rest:https://b.example:8000/x/', 'sftp:me@nas:/backup', 'sftp:nas:backup']) {
    assert.match(good, REPOSITORY_LOCATION);
  }
  for (const bad of [
    'srv',
    '-o x',
    'sftp:-oProxyCommand=x:/b',
    'sftp:me@-x:/b',
    'rest:https://u:p@h/',
    'rest:https://h/a/../b',
    'sftp:nas:../root',
    '/srv/..',
    's3:x',
    '/a\nb',
  ]) {
    assert.doesNotMatch(bad, REPOSITORY_LOCATION);
  }
  const user = { name: 'me', password: 'a/b' };
  assert.equal(addressOf({ location: 'rest:https://h/x', password: 'k', user }), 'rest:https://me:a%2Fb@h/x');
  assert.equal(readSummary('{"message_type":"summary","snapshot_id":"0123456789","data_added":7}\n').addedBytes, 7);
  assert.throws(() => readSummary('{}'), fault('volume.tool-failed'));
});

test('a control that was taken over cannot name a path outside, or a task that is none', () => {
  const key = { project: 'shop', environment: 'prod', claim: 'data' };
  const parse = (order: unknown): boolean => volumeTask.safeParse({ kind: 'volume', order }).success;
  assert.equal(parse({ action: 'remove', key, place: null }), true);
  assert.equal(parse({ action: 'remove', key: { ...key, claim: '../etc' }, place: null }), false);
  assert.equal(parse({ action: 'remove', key: { ...key, claim: 'a/b' }, place: null }), false);
  const place = (path: string) => ({ class: 'x', driver: { kind: 'folder', path }, epoch: 1, host: null });
  assert.equal(parse({ action: 'remove', key, place: place('/srv/x') }), true);
  assert.equal(parse({ action: 'remove', key, place: place('/srv/../etc') }), false);
  assert.equal(parse({ action: 'mount', key }), false);
});

/** A host whose engine and restic are stood in for; files are real. */
async function oneHost(t: TestContext) {
  const base = await folder(t);
  const root = join(base, 'class');
  const stored = new Map<string, StoredVolume>();
  const engine: VolumeMaker = {
    listVolumes: async () => [...stored.values()],
    removeVolume: async (name) => {
      const { path = '' } = stored.get(name) ?? {};
      stored.delete(name);
      if (path.endsWith('/_data')) await rm(path, { recursive: true });
    },
    async ensureVolume({ name, labels, folder: at }) {
      const path = at ?? join(base, 'engine', name, '_data');
      await mkdir(path, { recursive: true, mode: 0o755 });
      const volume = { name, labels, path, createdAt: '' };
      stored.set(name, volume);
      return volume;
    },
  };
  let held: number | null = null;
  let answer: (words: readonly string[]) => string = () => '';
  let restore: (target: string) => Promise<void> = async () => undefined;
  const env = { PATH: process.env['PATH'] ?? '' };
  const real = createTools(false, env);
  const tools: typeof real = {
    ...real,
    async run(program, words, options) {
      if (program === 'du' && held !== null) return { code: 0, stdout: `${held}\t${words.at(-1)}`, stderr: '' };
      if (program !== 'restic') return real.run(program, words, options);
      const at = words.indexOf('--target');
      if (at >= 0) await restore(words[at + 1] ?? '');
      return { code: 0, stdout: answer(words), stderr: '' };
    },
  };
  await mkdir(root, { mode: 0o755 });
  await mkdir(join(base, 'agent'));
  const allowedFile = join(base, 'storage.json');
  await writeFile(allowedFile, JSON.stringify({ folders: [root], repositories: ['/'] }));
  const another = (): HostVolumes =>
    new HostVolumes({
      ...{ instance: 'test', host: 'one', engine, tools, folder: join(base, 'agent'), run: join(base, 'run') },
      askFormat: granting,
      ...{ allowedFile, env, rootless: true, clock: systemClock, log: silentLog, onLost: () => undefined },
      podman: async () => ({ code: 0, stdout: '[]', stderr: '' }),
    });
  const host = another();
  const place = (path = root) => ({
    class: 'disk',
    driver: { kind: 'folder' as const, path },
    epoch: 1,
    host: 'one',
    sealed: false,
  });
  return {
    ...{ base, root, stored, engine, host, another, place, allowedFile },
    restores: (by: (target: string) => Promise<void>) => {
      restore = by;
    },
    answers: (by: (words: readonly string[]) => string) => {
      answer = by;
    },
    holds: (bytes: number | null) => {
      held = bytes;
    },
    run: (order: VolumeOrderMessage) => host.run({ kind: 'volume', order }),
    make: async (claim: string, at?: string) => {
      const owner = { instance: 'test', project: 'shop', environment: 'prod', claim };
      const path = at === undefined ? {} : { folder: join(at, claimVolumeName(owner)) };
      return engine.ensureVolume({ name: claimVolumeName(owner), labels: volumeLabels(owner), ...path });
    },
  };
}

const KEY = { project: 'shop', environment: 'prod', claim: 'data' };

test('what is said to be gone is gone: a removal that failed half-way is not taken for one that is done', async (t) => {
  const { root, run, make, place, stored, allowedFile } = await oneHost(t);
  const { path } = await make('data', root);
  await writeFile(join(path, 'row'), 'x');
  const remove = { action: 'remove', key: KEY, place: place() } as const;
  await assert.rejects(run({ ...remove, place: null }), fault('volume.still-there'));
  const allowed = await readFile(allowedFile, 'utf8');
  await writeFile(allowedFile, '{}');
  await assert.rejects(run(remove), fault('volume.place-refused'));
  assert.equal(stored.size, 1, 'the engine still knows it');
  await writeFile(allowedFile, allowed);
  // An engine that forgot it: its folder is still there, and that counts.
  stored.clear();
  const proof = (await run(remove)) as { how: string; files: number };
  assert.deepEqual([proof.how, proof.files], ['deleted', 1]);
  await assert.rejects(readdir(path), { code: 'ENOENT' });
  assert.equal(((await run(remove)) as { how: string }).how, 'absent');
});

test('data is named by its labels: claims whose names come out alike are never each other, nor a copy a claim', async (t) => {
  const { run, make } = await oneHost(t);
  await make('data');
  const alike = { project: 'shop-prod', environment: 'data', claim: 'x' };
  await make('data-x');
  await assert.rejects(run({ action: 'remove', key: alike, place: null }), fault('volume.busy', /another claim/));
  const id = '0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a001';
  const { path } = await make(`data-snap-${id}`);
  await run({ action: 'drop-snapshot', key: KEY, id });
  assert.deepEqual(await readdir(path), [], 'a claim with the name of a snapshot is left alone');
});

test('a control that was taken over reaches no file of the host through a link in a backup or a volume', async (t) => {
  const { base, root, run, make, place, restores, host } = await oneHost(t);
  const secret = join(base, 'secret');
  await mkdir(secret);
  await writeFile(join(secret, 'key'), 'x');
  restores(async (target) => {
    await mkdir(join(target, 'data'), { recursive: true });
    await symlink(secret, join(target, 'data', 'link'));
    await symlink(join(base, 'touched'), join(target, 'time'));
  });
  const repository = { location: base, password: 'k', user: null };
  const from = { kind: 'backup', repository, snapshot: '01234567', path: '/data/link' } as const;
  const fill = {
    action: 'fill',
    from,
    to: { ...KEY, claim: 'back' },
    requestedBytes: 0,
    bytes: 1,
    tree: TREE,
  } as const;
  await assert.rejects(run({ ...fill, place: null }), fault('volume.place-unsafe', /leads out/));
  const { snapshot, path } = from;
  const verify = { action: 'verify', repository, snapshot, path, bytes: 1, tree: TREE } as const;
  await assert.rejects(run(verify), fault('volume.place-unsafe'));
  await assert.rejects(
    run({ ...fill, from: { ...from, path: '/data' }, place: null }),
    fault('volume.restored-differs'),
  );
  const large = { bytes: 10 ** 15 };
  await assert.rejects(run({ ...fill, ...large, place: null }), fault('volume.no-room'));
  await assert.rejects(run({ ...verify, ...large }), fault('volume.no-room'));
  assert.deepEqual(await readdir(secret), ['key']);
  await assert.rejects(readdir(join(base, 'touched')), { code: 'ENOENT' });
  // A class that lies in a volume would be full of what its workload writes.
  const inside = await make('data', root);
  await mkdir(join(inside.path, 'below'), { mode: 0o755 });
  for (const at of [inside.path, join(inside.path, 'below')]) {
    const order = { ...KEY, claim: 'other', accessModes: ['ReadWriteMany'], requestedBytes: 0, place: place(at) };
    await assert.rejects(host.prepare(order), fault('volume.place-unsafe', /lies in the volume/));
  }
  await symlink(secret, join(root, 'test-shop-prod-linked'));
  const linked = { ...KEY, claim: 'linked', accessModes: ['ReadWriteMany'], requestedBytes: 0, place: place() };
  await assert.rejects(host.prepare(linked), fault('volume.place-unsafe', /link or no folder/));
  // What lies there already, of a host before this one, is not written over.
  await mkdir(join(root, 'test-shop-prod-back'));
  await writeFile(join(root, 'test-shop-prod-back', 'row'), 'x');
  await assert.rejects(run({ ...fill, place: place() }), fault('volume.exists'));
  assert.deepEqual(await readdir(join(root, 'test-shop-prod-back')), ['row']);
});

test('a restore or a snapshot that ended half-way leaves no data, and no name that nobody can free', async (t) => {
  const { base, root, host, another, make, place, restores, stored } = await oneHost(t);
  const source = await make('data', root);
  await writeFile(join(source.path, 'row'), 'x');
  const back = 'test-shop-prod-back';
  const task = (order: VolumeOrderMessage): { kind: 'volume'; order: VolumeOrderMessage } => ({
    kind: 'volume',
    order,
  });
  const id = '0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a001';
  const taken = (await host.run(task({ action: 'snapshot', key: KEY, id }))) as { tree: string };
  const repository = { location: base, password: 'k', user: null };
  const from = { kind: 'backup', repository, snapshot: '01234567', path: '/data' } as const;
  const to = { ...KEY, claim: 'back' };
  const fill = { action: 'fill', from, to, requestedBytes: 0, bytes: 1, tree: taken.tree } as const;
  const whole = { ...fill, from: { kind: 'snapshot', of: KEY, id } } as const;
  for (const at of [null, place()]) {
    // The machine loses its power while restic writes.
    const began = Promise.withResolvers<void>();
    restores(async () => {
      began.resolve();
      await new Promise(() => undefined);
    });
    void another().run(task({ ...fill, place: at }));
    await began.promise;
    assert.ok(stored.has(back));
    const next = another();
    await next.start();
    assert.deepEqual([...stored.keys()].sort(), ['test-shop-prod-data', `test-shop-prod-data_snap_${id}`]);
    // Control stops meanwhile: it would know nothing of what is filled to its end.
    const gone = AbortSignal.abort(new Error('control went away'));
    await assert.rejects(next.run(task({ ...whole, place: at }), gone), /control went away/);
    await assert.rejects(
      next.run(task({ action: 'snapshot', key: KEY, id: id.replace('0c', '1c') }), gone),
      /went away/,
    );
    assert.equal(stored.size, 2);
    // It ended before control wrote it down, which asks again.
    await next.run(task({ ...whole, place: at }));
    await next.start();
    await next.run(task({ ...whole, place: at }));
    assert.ok(stored.has(back), 'what is whole stays');
    // What control asks about is somebody's, and so is what a pod has.
    await next.run(task({ action: 'look', claims: [{ key: to, place: at }] }));
    await assert.rejects(next.run(task({ ...whole, place: at })), fault('volume.exists'));
    await next.run(task({ action: 'remove', key: to, place: at }));
    await next.run(task({ ...whole, place: at }));
    const claim = { ...to, accessModes: ['ReadWriteMany'], requestedBytes: 0 };
    await next.prepare({ ...claim, ...(at === null ? {} : { place: at }) });
    await assert.rejects(next.run(task({ ...whole, place: at })), fault('volume.exists'));
    await next.run(task({ action: 'remove', key: to, place: at }));
  }
});

test('what a backup that was cut off left in the repository goes with the next one of the same volume', async (t) => {
  const { base, root, run, make, answers } = await oneHost(t);
  await make('data', root);
  const left = 'ab'.repeat(32);
  const forgotten: string[] = [];
  answers((words) => {
    const [command] = words.slice(2);
    if (command === 'forget') forgotten.push(...words.slice(words.indexOf('--') + 1));
    if (command === 'backup') return '{"message_type":"summary","snapshot_id":"01234567","data_added":1}\n';
    if (command !== 'snapshots') return '';
    return words.includes('darsena=test,claim=shop/prod/data,first-pass') ? JSON.stringify([{ id: left }]) : '[]';
  });
  const repository = { location: base, password: 'k', user: null };
  await run({ action: 'backup', key: KEY, id: '0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a001', repository });
  assert.deepEqual(forgotten, [left]);
});

test('a snapshot that does not fit is refused before it fills the disk of its neighbours', async (t) => {
  const { root, run, make, stored, holds } = await oneHost(t);
  await writeFile(join((await make('data', root)).path, 'row'), 'x');
  const id = '0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a001';
  holds(10 ** 15);
  await assert.rejects(
    run({ action: 'snapshot', key: KEY, id }),
    fault('volume.snapshot-no-room', /before it is full/),
  );
  assert.equal(stored.size, 1);
  holds(null);
  await run({ action: 'snapshot', key: KEY, id });
  assert.equal(stored.size, 2);
});

test('a container of two volumes stands still until both are copied, and is let go by an engine that hesitates', async (t) => {
  const id = 'c'.repeat(64);
  const paused = new Set<string>();
  const said: string[] = [];
  let hesitates = 1;
  let refuses = 2;
  const freezer = new Freezer({
    file: join(await folder(t), 'frozen.json'),
    log: silentLog,
    podman: async ([action = '']) => {
      if (action === 'ps') {
        const State = paused.has(id) ? 'paused' : 'running';
        return { code: 0, stdout: JSON.stringify([{ Id: id, State }]), stderr: '' };
      }
      if (action === 'unpause' && hesitates-- > 0) throw new Error('no answer');
      if (action === 'pause' && refuses-- > 0) return { code: 1, stdout: '', stderr: 'unable to freeze' };
      if (action === 'pause') paused.add(id);
      else paused.delete(id);
      said.push(action);
      return { code: 0, stdout: '', stderr: '' };
    },
  });
  const begun = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const first = freezer.hold('one', async () => {
    begun.resolve();
    await go.promise;
    return paused.has(id);
  });
  await begun.promise;
  const second = freezer.hold('two', async () => paused.has(id));
  go.resolve();
  assert.deepEqual([(await first).value, (await second).value], [true, true]);
  assert.deepEqual(said, ['pause', 'unpause', 'pause', 'unpause']);
});

test('quotas are set where a file system was mounted with them, and nowhere else', () => {
  const info = [
    '24 1 8:1 / / rw,relatime - ext4 /dev/vda rw',
    '30 24 8:2 / /srv rw,relatime - xfs /dev/vdb rw,attr2,prjquota',
    '31 30 8:3 / /srv/data\\040x rw - ext4 /dev/vdc rw,prjquota',
  ].join('\n');
  assert.equal(mountOf(info, '/var/lib')?.point, '/');
  assert.equal(mountOf(info, '/srv/one')?.type, 'xfs');
  assert.equal(mountOf(info, '/srv2')?.point, '/');
  assert.equal(mountOf(info, '/srv/data x/v')?.point, '/srv/data x');
  const [root, srv] = ['/var', '/srv/one'].map((path) => mountOf(info, path));
  assert.equal(root != null && hasProjectQuota(root), false);
  assert.equal(srv != null && hasProjectQuota(srv), true);
  assert.equal(hasProject('1234567 -----------P-e---- /mnt/vol\n', '1234567'), true);
  assert.equal(hasProject('    0 --------------e------- /mnt/vol\n', '1234567'), false);
  assert.ok(projectId('a') >= 1_000_000 && projectId('a') < 2 ** 31);
});

test('names and sizes are read as people write them', () => {
  assert.deepEqual(readKey('shop/prod/data'), { project: 'shop', environment: 'prod', claim: 'data' });
  assert.throws(() => readKey('shop/data'), fault('volume.name-invalid'));
  assert.equal(readBytes('1.5Gi'), 1.5 * GI);
  assert.throws(() => readBytes('1.5 pounds'), fault('volume.amount-invalid'));
});

/** The control side with a host that answers as it is told. */
async function platform(t: TestContext) {
  const { db, close } = await openDatabase<VolumeTables & JournalTables & ProgressTables>('sqlite::memory:', [
    ...journalMigrations,
    ...progressMigrations,
    ...volumeMigrations,
  ]);
  let nowMs = Date.UTC(2026, 0, 1);
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, now: () => new Date(nowMs + aheadMs), aged: () => new Date(nowMs) };
  const checkpointKeyPem = generateKeyPairSync('ed25519')
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const untyped = db as unknown as Kysely<never>;
  const journal = new Journal({ db: untyped, clock, log: silentLog, checkpointKeyPem, keyId: 'test' });
  const operations = new Operations({ db: untyped, clock, log: silentLog });
  const wants: { current: AskedClaim[]; kept: AskedClaim[] } = { current: [asked], kept: [] };
  const orders: VolumeOrderMessage[] = [];
  let answer: (order: VolumeOrderMessage) => Json = () => null;
  const finished: Promise<unknown>[] = [];
  const ports = {
    run: async (order: VolumeOrderMessage) => {
      orders.push(order);
      return answer(order);
    },
    host: () => 'one',
    hosts: () => ['one', 'two'],
    async start(...parts: Parameters<Operations['start']>) {
      const started = await operations.start(...parts);
      finished.push(started.finished);
      return started;
    },
  };
  const vault = createVault(Buffer.alloc(32, 7));
  const parts = { ...ports, db: untyped as unknown as Kysely<VolumeTables>, journal, clock, log: silentLog, vault };
  const limits: { room: number } = { room: Number.POSITIVE_INFINITY };
  const volumes = new Volumes({ ...parts, asked: async () => wants, changed: () => undefined });
  const copies = new Copies({
    ...{ ...parts, volumes },
    environmentClass: async (_project, environment) => (environment === 'prod' ? 'production' : 'development'),
    async requireRoom(_place, { volumeBytes }) {
      if (volumeBytes > limits.room) throw new Error('over the limit');
    },
    nextTime: (text, afterMs) => (text === 'bad' ? null : afterMs + 3_600_000),
  });
  t.after(async () => {
    await Promise.all(finished);
    await journal.close();
    await close();
  });
  return {
    ...{ volumes, copies, wants, orders, operations, db, journal, limits },
    answer: (by: (order: VolumeOrderMessage) => Json) => {
      answer = by;
    },
    pass: (hours: number) => {
      nowMs += hours * 3_600_000;
    },
    /** The clock jumps, and is not believed where something is deleted for its age. */
    jump: (hours: number) => {
      aheadMs += hours * 3_600_000;
    },
    async ended(id: string) {
      await Promise.all(finished);
      return operations.read(id);
    },
    async facts() {
      await journal.settled();
      return await db
        .selectFrom('journal_facts' as never)
        .selectAll()
        .execute();
    },
  };
}

const TREE = 'a'.repeat(64);
const COPY = { tree: TREE, files: 3, bytes: 99, how: 'copy', frozenMs: 12 };
const PROOF = {
  volume: 'v',
  path: '/x/_data',
  files: 3,
  bytes: 99,
  how: 'deleted',
  goneAt: '2026-01-02T00:00:00.000Z',
};

test('a claim lives with its releases, grows, is released, and goes by its policy with a proof', async (t) => {
  const { volumes, wants, orders, answer, pass } = await platform(t);
  await volumes.setClass(disk, 'user:ana');
  assert.equal((await volumes.follow()).size, 0, 'local claims need no place');
  wants.current.push({ ...asked, claim: 'files', storageClass: 'disk' });
  const places = await volumes.follow();
  assert.deepEqual(places.get('shop/prod/files'), {
    ...{ class: 'disk', driver: disk.driver, epoch: 1, host: 'one', sealed: false },
  });
  await assert.rejects(volumes.removeClass('disk', 'user:ana'), fault('volume.class-in-use'));
  const elsewhere = { ...disk, driver: { kind: 'folder', path: '/srv/other' } } as const;
  await assert.rejects(volumes.setClass(elsewhere, 'user:ana'), fault('volume.class-in-use', /left behind/));

  wants.current[0] = { ...asked, requestedBytes: 2 * GI };
  await volumes.follow();
  assert.equal((await volumes.show(asked)).requestedBytes, 2 * GI);
  await assert.rejects(volumes.remove(asked, 'user:ana'), fault('volume.wanted'));
  await assert.rejects(
    volumes.admit([asked], { project: 'shop', environment: 'prod', class: 'production' }),
    fault('volume.not-admitted', /never shrinks/),
  );
  await volumes.admit([asked], { project: 'shop', environment: 'prod', class: 'production' }, true);
  wants.current[0] = asked;
  await volumes.follow();
  assert.equal((await volumes.show(asked)).requestedBytes, 2 * GI, 'a release before it grew leaves it its size');

  await volumes.setReclaim(asked, { policy: 'delete', afterHours: 24 }, 'user:ana');
  wants.kept.push({ ...asked });
  wants.current.shift();
  await volumes.follow();
  assert.equal((await volumes.record(asked)).releasedAt, null, 'a roll-back would still want it');
  wants.kept.pop();
  await volumes.follow();
  assert.notEqual((await volumes.record(asked)).releasedAt, null);
  answer((order) => (order.action === 'look' ? { looks: [] } : { ...PROOF }));
  await volumes.tick();
  assert.ok(!orders.some(({ action }) => action === 'remove'), 'not before its time');
  pass(25);
  await volumes.tick();
  assert.equal(orders.filter(({ action }) => action === 'remove').length, 1);
  await assert.rejects(volumes.record(asked), fault('volume.unknown'));
  assert.equal((await volumes.move({ ...asked, claim: 'files' }, 'two', 'user:ana')).epoch, 2);
});

test('a claim moves to a host that there is, and not away from the disk that its data lies on', async (t) => {
  const { volumes, wants } = await platform(t);
  await volumes.setClass(disk, 'user:ana');
  const files = { ...asked, claim: 'files', storageClass: 'disk' };
  wants.current.push(files);
  await volumes.follow();
  await assert.rejects(volumes.move(asked, 'two', 'user:ana'), fault('volume.unmovable', /on the disk of one/));
  await assert.rejects(volumes.move(files, 'twoo', 'user:ana'), fault('volume.unmovable', /there is one, two/));
  for (const claim of [asked, files]) assert.equal((await volumes.record(claim)).epoch, 1, 'nobody ends a pod for it');
  assert.equal((await volumes.move(files, 'two', 'user:ana')).epoch, 2);
});

test('a clock that is years ahead for a while removes no volume that nobody wants at the moment', async (t) => {
  const { volumes, wants, orders, answer, pass, jump } = await platform(t);
  await volumes.follow();
  await volumes.setReclaim(asked, { policy: 'delete', afterHours: 24 }, 'user:ana');
  wants.current.length = 0;
  await volumes.follow();
  answer((order) => (order.action === 'look' ? { looks: [] } : { ...PROOF }));
  jump(24 * 800);
  await volumes.tick();
  assert.ok(!orders.some(({ action }) => action === 'remove'));
  jump(-24 * 800);
  pass(25);
  await volumes.tick();
  assert.equal(orders.filter(({ action }) => action === 'remove').length, 1, 'when its time has really come');
});

test('what a release wants again while another volume is being removed stays', async (t) => {
  const { volumes, wants, orders, answer, pass } = await platform(t);
  const other = { ...asked, claim: 'other' };
  wants.current.push(other);
  await volumes.follow();
  for (const one of [asked, other]) await volumes.setReclaim(one, { policy: 'delete', afterHours: 1 }, 'user:ana');
  wants.current.length = 0;
  await volumes.follow();
  pass(2);
  answer((order) => {
    if (order.action === 'look') return { looks: [] };
    // A release comes while the host is at work.
    wants.current.push(order.action === 'remove' && order.key.claim === 'data' ? other : asked);
    return { ...PROOF };
  });
  await volumes.tick();
  assert.deepEqual(
    orders.flatMap((order) => (order.action === 'remove' ? [order.key.claim] : [])),
    ['data'],
  );
  await volumes.follow();
  assert.equal((await volumes.record(other)).releasedAt, null);
});

test('what a host cannot prove to be gone stays written down and is tried again', async (t) => {
  const { volumes, wants, answer, ended } = await platform(t);
  await volumes.follow();
  wants.current.pop();
  await volumes.follow();
  answer(() => {
    throw new Error('the disk is gone');
  });
  const operation = await volumes.remove(asked, 'user:ana');
  assert.equal((await ended(operation.id)).state, 'failed');
  assert.equal((await volumes.record(asked)).removal, null);
  answer(() => ({ ...PROOF, goneAt: 'soon' }));
  assert.equal((await ended((await volumes.remove(asked, 'user:ana')).id)).state, 'failed', 'no proof, no removal');
  answer(() => ({ ...PROOF }));
  assert.equal((await ended((await volumes.remove(asked, 'user:ana')).id)).state, 'done');
});

test('a full volume is said once, and again when it has room', async (t) => {
  const { volumes, answer, facts } = await platform(t);
  await volumes.follow();
  const say = (usedBytes: number) => answer(() => ({ looks: [{ ...look, usedBytes }] }) as unknown as Json);
  for (const used of [0, GI, GI, 0]) {
    say(used);
    await volumes.tick();
    assert.deepEqual(await volumes.troubled(), used === GI ? ['shop/prod/data'] : []);
  }
  const kinds = ((await facts()) as { kind: string }[]).map(({ kind }) => kind);
  assert.deepEqual(
    kinds.filter((kind) => /full|room/.test(kind)),
    ['volume.full', 'volume.has-room'],
  );
});

test('backups: the key stays in the vault, schedules keep as said, a restore needs a free name, a trial says what differs', async (t) => {
  const { volumes, copies, answer, ended, orders, pass, db } = await platform(t);
  await volumes.follow();
  await assert.rejects(
    copies.make(asked, { kind: 'backup', repository: null }, 'user:ana'),
    fault('backup.repository-none'),
  );
  await assert.rejects(
    copies.addRepository({ name: 'nas', location: '-o x' }, 'user:ana'),
    fault('backup.repository-invalid'),
  );
  answer(() => ({ created: true }));
  await ended((await copies.addRepository({ name: 'nas', location: '/srv/backup' }, 'user:ana')).id);
  const { password } = await copies.repositoryKey('nas', 'user:ana');
  const [row] = await db.selectFrom('volumes_repositories').selectAll().execute();
  assert.ok(!Buffer.from(row?.sealed ?? '').includes(password), 'sealed');

  let number = 0;
  let found = TREE;
  answer((order): Json => {
    if (order.action === 'backup')
      return { ...COPY, snapshot: `0123456${number++ % 10}`, path: '/x/_data', addedBytes: 5 };
    if (order.action === 'verify') return { tree: found, files: 3, bytes: 99, same: found === order.tree };
    return { ...COPY };
  });
  await assert.rejects(
    copies.setSchedule(
      asked,
      { repository: null, cron: 'bad', keep: { last: 1, daily: 0, weekly: 0, monthly: 0 }, verifyDays: 0 },
      'u',
    ),
    fault('backup.schedule-invalid'),
  );
  const keep = { last: 2, daily: 0, weekly: 0, monthly: 0 };
  await copies.setSchedule(asked, { repository: null, cron: '0 * * * *', keep, verifyDays: 7 }, 'user:ana');
  for (let hour = 0; hour < 4; hour++) {
    pass(1);
    await copies.tick();
  }
  const list = await copies.list('shop');
  assert.equal(list.length, 2);
  assert.equal(
    orders.filter(({ action }) => action === 'verify').length,
    2,
    'again when the one that was tried is gone',
  );
  assert.ok(orders.some((order) => order.action === 'forget' && order.snapshots.length === 1));
  await assert.rejects(copies.removeRepository('nas', 'user:ana'), fault('backup.repository-used'));

  const id = list[0]?.id ?? '';
  await assert.rejects(copies.restore('shop', id, { claim: 'data' }, 'user:ana'), fault('volume.exists'));
  await assert.rejects(copies.restore('other', id, { claim: 'free' }, 'user:ana'), fault('backup.unknown'));
  assert.equal((await ended((await copies.restore('shop', id, { claim: 'free' }, 'user:ana')).id)).state, 'done');
  assert.equal((await volumes.show({ ...asked, claim: 'free' })).requestedBytes, GI);
  found = 'b'.repeat(64);
  const trial = await ended((await copies.verify('shop', id, 'user:ana')).id);
  assert.equal(trial.problem?.en.code, 'volume.restored-differs');
  assert.equal((await copies.show('shop', id)).verified?.same, false);
});

test('backups go on at their times after the clock was years ahead', async (t) => {
  const { volumes, copies, answer, ended, pass, orders } = await platform(t);
  await volumes.follow();
  answer(() => ({ created: true }));
  await ended((await copies.addRepository({ name: 'nas', location: '/srv/backup' }, 'user:ana')).id);
  let number = 0;
  answer((order): Json => {
    if (order.action === 'verify') return { tree: TREE, files: 3, bytes: 99, same: true };
    return { ...COPY, snapshot: `0123456${number++ % 10}`, path: '/x/_data', addedBytes: 5 };
  });
  const keep = { last: 9, daily: 0, weekly: 0, monthly: 0 };
  await copies.setSchedule(asked, { repository: null, cron: '0 * * * *', keep, verifyDays: 7 }, 'user:ana');
  const made = async (hours: number): Promise<[number, number]> => {
    pass(hours);
    await copies.tick();
    const count = (action: string): number => orders.filter((order) => order.action === action).length;
    return [count('backup'), count('verify')];
  };
  const years = 24 * 365 * 9;
  const all = [await made(1), await made(years), await made(-years), await made(0), await made(1)];
  assert.deepEqual(all.join(' '), '1,1 2,2 3,2 3,2 4,2');
  assert.deepEqual(await copies.troubled(), []);
  answer(() => {
    throw new Error('the place is away');
  });
  await made(1);
  assert.equal((await copies.troubled()).length, 1, 'the good one of years ahead is not the newest');
});

test('a backup that is damaged, or that could not be tried, is an alarm until one comes back whole', async (t) => {
  const { volumes, copies, answer, ended, facts, pass, orders } = await platform(t);
  await volumes.follow();
  answer(() => ({ created: true }));
  await ended((await copies.addRepository({ name: 'nas', location: '/srv/backup' }, 'user:ana')).id);
  let number = 0;
  let trial: () => Json = () => ({ tree: TREE, files: 3, bytes: 99, same: true });
  let saves = true;
  answer((order): Json => {
    if (order.action === 'verify') return trial();
    if (!saves) throw new Error('no route to host');
    return { ...COPY, snapshot: `0123456${number++ % 10}`, path: '/x/_data', addedBytes: 5 };
  });
  const keep = { last: 9, daily: 0, weekly: 0, monthly: 0 };
  await copies.setSchedule(asked, { repository: null, cron: '0 * * * *', keep, verifyDays: 7 }, 'user:ana');
  const hour = async (): Promise<readonly string[]> => {
    pass(1);
    await copies.tick();
    return await copies.troubled();
  };
  const trials = () => orders.filter(({ action }) => action === 'verify').length;
  assert.deepEqual(await hour(), []);
  pass(24 * 7);
  trial = () => {
    throw volumeFault('backup.damaged', { snapshot: '01234567', why: 'ciphertext verification failed' });
  };
  assert.deepEqual(await hour(), ['shop/prod/data']);
  const [damaged] = await copies.list('shop');
  assert.equal(damaged?.verified?.same, false);
  assert.match(damaged?.problem?.es ?? '', /está dañado: ciphertext/);
  // Tried again with each backup, not a week later; while it cannot be tried that is said, too.
  trial = () => {
    throw new Error('the NAS is away');
  };
  assert.deepEqual(await hour(), ['shop/prod/data']);
  assert.equal(trials(), 3);
  trial = () => ({ tree: TREE, files: 3, bytes: 99, same: true });
  assert.deepEqual(await hour(), ['shop/prod/data'], 'the damaged one is still there');
  await ended((await copies.remove('shop', damaged?.id ?? '', 'user:ana')).id);
  assert.deepEqual(await copies.troubled(), []);
  saves = false;
  assert.deepEqual(await hour(), ['shop/prod/data'], 'nothing was saved this time');
  saves = true;
  assert.deepEqual(await hour(), []);
  const kinds = ((await facts()) as { kind: string }[]).map(({ kind }) => kind);
  for (const kind of ['backup.damaged', 'backup.untried', 'backup.failed'])
    assert.equal(kinds.filter((one) => one === kind).length, 1, kind);
});

test('a copy that control did not see end is failed, and one of a host that failed says why', async (t) => {
  const { volumes, copies, answer, ended } = await platform(t);
  await volumes.follow();
  answer(() => {
    throw new Error('no room');
  });
  const { operation, id } = await copies.make(asked, { kind: 'snapshot' }, 'user:ana');
  assert.equal((await ended(operation.id)).state, 'failed');
  assert.match((await copies.show('shop', id)).problem?.en ?? '', /no room/);
});

test('a repository that is away for long does not use the room for copies up', async (t) => {
  const { volumes, copies, answer, ended } = await platform(t);
  await volumes.follow();
  answer(() => ({ created: true }));
  await ended((await copies.addRepository({ name: 'nas', location: '/srv/backup' }, 'user:ana')).id);
  answer(() => {
    throw new Error('no route to host');
  });
  for (let index = 0; index < FAILED_KEPT + 3; index++) {
    const { operation } = await copies.make(asked, { kind: 'backup', repository: null }, 'user:ana');
    await ended(operation.id);
  }
  assert.equal((await copies.list('shop')).length, FAILED_KEPT + 1);
  const made = Promise.withResolvers<Json>();
  answer(() => made.promise as unknown as Json);
  const { operation, id } = await copies.make(asked, { kind: 'snapshot' }, 'user:ana');
  await assert.rejects(copies.remove('shop', id, 'user:ana'), fault('volume.busy', /still being made/));
  made.resolve({ ...COPY });
  assert.equal((await ended(operation.id)).state, 'done');
});

test('routes: who deploys may copy and restore, never remove, set classes or be shown a key; other projects see nothing', async (t) => {
  const { volumes, copies, answer } = await platform(t);
  await volumes.follow();
  answer(() => ({ ...COPY }));
  const developer: Principal = {
    ...PLATFORM,
    ...{ id: 'd', actor: 'user:dev', kind: 'user', name: 'dev', grants: [{ role: 'developer', project: 'shop' }] },
  };
  const stranger: Principal = { ...developer, id: 's', grants: [{ role: 'admin', project: 'other' }] };
  const app = createApi({
    instance: 'test',
    log: silentLog,
    authenticate: async (secret) => (secret === 'dev' ? developer : secret === 'stranger' ? stranger : PLATFORM),
  });
  registerVolumeRoutes(app, volumes, copies);
  t.after(() => app.close());
  const ask = async (who: string, method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, body?: object) => {
    const payload = body === undefined ? {} : { payload: body };
    const reply = await app.inject({
      method,
      url: `/api/v1${url}`,
      headers: { authorization: `Bearer ${who}` },
      ...payload,
    });
    return { status: reply.statusCode, body: reply.json() as { items?: unknown[]; code?: string } };
  };
  const claim = '/projects/shop/volumes/prod/data';
  assert.equal((await ask('dev', 'GET', '/volumes')).body.items?.length, 1);
  assert.equal((await ask('stranger', 'GET', '/volumes')).body.items?.length, 0);
  assert.equal((await ask('stranger', 'GET', claim)).status, 403);
  assert.equal((await ask('dev', 'POST', `${claim}/snapshots`)).status, 202);
  // A kind of environment that there is not would leave its volumes open without a word.
  const local = { kind: 'local' };
  for (const wrong of [{ encrypt: ['preproduction'] }, { encrypt: ['prod'] }, { environments: ['staging'] }])
    assert.equal((await ask('root', 'PUT', '/storage-classes/y', { driver: local, ...wrong })).status, 400);
  const right = { encrypt: ['pre-production', '*'], environments: ['production'] };
  assert.equal((await ask('root', 'PUT', '/storage-classes/y', { driver: local, ...right })).status, 200);
  for (const [method, url, body] of [
    ['DELETE', claim],
    ['PUT', `${claim}/reclaim`, { policy: 'delete' }],
    ['PUT', `${claim}/host`, { host: 'two' }],
    ['PUT', '/storage-classes/x', { driver: { kind: 'local' } }],
    ['POST', '/backup-repositories/nas/key'],
    ['POST', '/backup-repositories', { name: 'x', location: '/srv' }],
  ] as const) {
    assert.equal((await ask('dev', method, url, body)).status, 403, `${method} ${url}`);
  }
  assert.equal(
    (await ask('root', 'PUT', '/storage-classes/x', { driver: { kind: 'folder', path: 'srv' } })).status,
    400,
  );
  assert.equal(
    (await ask('root', 'PUT', '/storage-classes/x', { driver: { kind: 'folder', path: '/srv' } })).status,
    200,
  );
  assert.equal((await ask('dev', 'GET', '/projects/shop/volumes/prod/none')).body.code, 'volume.unknown');
});

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'darsena-volumes-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A machine that mounts as it is told, and remembers what it ran. */
function aMachine(answers: (program: string, words: readonly string[]) => Promise<Partial<CommandResult>>) {
  const ran: string[] = [];
  const files = new Map<string, string>();
  let mounts = '';
  const host: MountHost = {
    async run(program, words) {
      ran.push([program, ...words].join(' '));
      const done = { code: 0, stdout: '', stderr: '', ...(await answers(program, words)) };
      if (program === 'mount' && done.code === 0) mounts += `1 2 0:1 / ${words.at(-1)} rw - x ${words.at(-2)} rw\n`;
      return done;
    },
    read: async (path) => (path === '/proc/self/mountinfo' ? mounts : (files.get(path) ?? null)),
    write: async (path, text) => void files.set(path, text),
    list: async () => [],
    folder: async () => undefined,
    owner: async (path) => (files.has(path) ? { uid: 0, mode: 0o100600, isFile: true } : null),
    has: async () => true,
  };
  return { host, ran, files };
}

const granting: AskFormat = async ({ device }) => ({ type: 'format-answer', device, granted: true, holder: 'one' });

function mountsOn(host: MountHost, clock: Clock = systemClock, rootless = false, askFormat = granting): Mounts {
  const files = { folder: '/run/e', devicesFile: '/agent/devices' };
  return new Mounts({ host, ...files, askFormat, rootless, clock, log: silentLog });
}

test('a host names its exports whole: what control says is a name, and a line that could smuggle an option is refused', () => {
  const reads = (one: unknown): boolean => exportsOf.safeParse({ nas: one }).success;
  const nfs = { kind: 'nfs', server: 'nas.example', path: '/srv/x' };
  assert.equal(reads(nfs), true);
  for (const bad of [
    { ...nfs, path: '/srv/x,suid' },
    { ...nfs, path: '/srv/../etc' },
    { ...nfs, server: '-o' },
    { ...nfs, server: 'nas:evil' },
    { ...nfs, options: 'suid' },
    { kind: 'cifs', server: 'f', share: 'a,uid=0', credentials: '/c' },
    { kind: 'cifs', server: 'f', share: 'a', credentials: '/c,guest' },
    { kind: 'iscsi', server: 'f', target: '../../x' },
    { kind: 'block', device: 'sda' },
    { kind: 'tmpfs' },
  ]) {
    assert.equal(reads(bad), false, JSON.stringify(bad));
  }
  const order = (name: string) => ({ class: 'x', driver: { kind: 'export', name }, epoch: 1, host: null });
  const parse = (name: string) =>
    volumeTask.safeParse({ kind: 'volume', order: { action: 'remove', key: KEY, place: order(name) } }).success;
  assert.deepEqual([parse('nas'), parse('nas.example:/x'), parse('../nas')], [true, false, false]);
  const all = exportsOf.parse({
    nas: nfs,
    hard: { ...nfs, away: 'wait' },
    files: { kind: 'cifs', server: 'f', share: 'a', credentials: '/etc/c' },
    disk: { kind: 'block', device: '/dev/x' },
  });
  const words = Object.values(all).map((one) => mountWords(one, '/run/e/n', '/dev/x'));
  for (const line of words) assert.match(line.join(' '), /nosuid,nodev/);
  assert.match(words[0]?.join(' ') ?? '', /soft,timeo=50,retrans=2,retry=0/);
  assert.match(words[1]?.join(' ') ?? '', /hard,timeo=50/);
  assert.match(words[2]?.join(' ') ?? '', /credentials=\/etc\/c,.*seal,soft/);
});

test('an export that is away holds nobody up: one attempt for all, a clear reason, and the same answer for a while', async () => {
  let nowMs = 0;
  const slow = Promise.withResolvers<void>();
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs, sleep: async () => undefined };
  const nas = exportsOf.parse({ nas: { kind: 'nfs', server: 'n', path: '/x' } })['nas'] as Exported;
  const away = { code: 32, stderr: 'mount.nfs4: Connection refused' };
  const { host, ran } = aMachine(async (program) => {
    if (program === 'mount') await slow.promise;
    return program === 'mount' ? away : {};
  });
  const mounts = mountsOn(host, clock);
  const ask = () => mounts.ensure('nas', nas);
  await Promise.all([1, 2, 3].map(() => assert.rejects(ask(), fault('volume.mounting', /not answered/))));
  assert.equal(ran.filter((line) => line.startsWith('mount ')).length, 1);
  slow.resolve();
  for (let look = 0; look < 20; look++) await new Promise((done) => setImmediate(done));
  await assert.rejects(ask(), fault('volume.mount-failed', /does not answer/));
  nowMs += MOUNT_AGAIN_MS - 1;
  await assert.rejects(ask(), fault('volume.mount-failed'));
  assert.equal(ran.filter((line) => line.startsWith('mount ')).length, 1);
  nowMs += 1;
  await assert.rejects(ask());
  assert.equal(ran.filter((line) => line.startsWith('mount ')).length, 2);
  await assert.rejects(
    mountsOn(host, systemClock, true).ensure('nas', nas),
    fault('volume.mount-failed', /needs root/),
  );
});

test('a device is given a file system once: never over something, never a second time, and gone on with after a stop', async () => {
  const disk = exportsOf.parse({ d: { kind: 'block', device: '/dev/x' } })['d'] as Exported;
  let holds = '';
  let blank = true;
  const { host, ran, files } = aMachine(async (program) => {
    if (program === 'blkid') return holds === '' ? { code: 2 } : { stdout: holds };
    if (program === 'blockdev') return { stdout: '1000000000\n' };
    if (program === 'cmp') return { code: blank ? 0 : 1 };
    if (program === 'e2fsck') return { code: 4 };
    return {};
  });
  const made = () => ran.filter((line) => line.startsWith('mkfs')).length;
  const uuid = () => /"uuid":"([^"]+)"/.exec(files.get('/agent/devices') ?? '')?.[1] ?? '';
  holds = 'TYPE=ext4\nLABEL=theirs\nUUID=1\n';
  await assert.rejects(mountsOn(host).ensure('d', disk), fault('volume.device-refused', /somebody else/));
  holds = 'PTTYPE=gpt\n';
  await assert.rejects(mountsOn(host).ensure('d', disk), fault('volume.device-refused', /ext4 is expected/));
  holds = '';
  blank = false;
  await assert.rejects(mountsOn(host).ensure('d', disk), fault('volume.device-refused', /no form that is known/));
  blank = true;
  const never = { ...disk, format: false } as Exported;
  await assert.rejects(mountsOn(host).ensure('d', never), fault('volume.device-refused', /forbids/));
  assert.equal(made(), 0);
  assert.equal(await mountsOn(host).ensure('d', disk), '/run/e/d');
  assert.equal(made(), 1);
  assert.match(ran.find((line) => line.startsWith('mkfs.ext4')) ?? '', new RegExp(`-L darsena -U ${uuid()} .*mmp`));

  const again = aMachine(async (program) => (program === 'blkid' ? { code: 2 } : {}));
  again.files.set('/agent/devices', files.get('/agent/devices') ?? '');
  await assert.rejects(mountsOn(again.host).ensure('d', disk), fault('volume.device-refused', /second time/));
  // A stop in the middle: written down as begun, and what lies there is what was begun.
  const half = aMachine(async (program) => {
    if (program === 'blkid') return { stdout: `TYPE=ext4\nUUID=${uuid()}\n` };
    return program === 'e2fsck' ? { code: 4 } : {};
  });
  half.files.set('/agent/devices', (files.get('/agent/devices') ?? '').replace('ready', 'formatting'));
  await mountsOn(half.host).ensure('d', disk);
  assert.match(half.ran.join('\n'), /e2fsck -fn[\s\S]*mkfs\.ext4 -q -F/);
  assert.match(half.files.get('/agent/devices') ?? '', /"ready"/);
  const other = aMachine(async (program) => (program === 'blkid' ? { stdout: 'TYPE=ext4\nUUID=other\n' } : {}));
  other.files.set('/agent/devices', (files.get('/agent/devices') ?? '').replace('ready', 'formatting'));
  await assert.rejects(mountsOn(other.host).ensure('d', disk), fault('volume.device-refused', /came there since/));
});

test('two hosts that see one blank device at the same instant: control lets one of them format it, and the other waits', async (t) => {
  const { volumes, db } = await platform(t);
  const lun = exportsOf.parse({ d: { kind: 'block', device: '/dev/disk/by-id/lun' } })['d'] as Exported;
  const askOf =
    (name: string): AskFormat =>
    (ask) =>
      volumes.grantFormat(name, formatAsk.parse(ask));
  const seen = (wwid: string) => {
    const machine = aMachine(async (program) => {
      if (program === 'realpath') return { stdout: '/dev/sdb\n' };
      if (program === 'blkid') return { code: 2 };
      return program === 'blockdev' ? { stdout: '1000000000\n' } : {};
    });
    if (wwid !== '') machine.files.set('/sys/class/block/sdb/device/wwid', `${wwid}\n`);
    return machine;
  };
  const made = ({ ran }: ReturnType<typeof aMachine>) => ran.filter((line) => line.startsWith('mkfs')).length;
  const [one, two] = [seen('naa.600a'), seen('naa.600a')];
  const both = await Promise.allSettled(
    [one, two].map(({ host }, at) => mountsOn(host, systemClock, false, askOf(`host${at}`)).ensure('d', lun)),
  );
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.equal(made(one) + made(two), 1);
  const refused = both.find((end) => end.status === 'rejected')?.reason;
  fault('volume.device-refused', /the host host[01] gives it its file system/)(refused);
  // Its own answer stands, also after a restart of control; another disk of the same name is another one.
  const [grant] = await volumes.formats();
  assert.equal(grant?.device, 'naa.600a');
  assert.equal((await askOf(grant?.host ?? '')({ type: 'format-ask', device: 'naa.600a', name: 'd' }))?.granted, true);
  await mountsOn(seen('naa.600b').host, systemClock, false, askOf('host1')).ensure('d', lun);
  // Two that say nothing of themselves cannot be told apart: the second waits for its administrator.
  await mountsOn(seen('').host, systemClock, false, askOf('host0')).ensure('d', lun);
  const mute = mountsOn(seen('').host, systemClock, false, askOf('host1'));
  await assert.rejects(mute.ensure('d', lun), fault('volume.device-refused', /host0/));
  const taken = (await volumes.formats()).find(({ device }) => device === 'export d');
  await volumes.releaseFormat(taken?.id ?? '', 'user:ana');
  await mountsOn(seen('').host, systemClock, false, askOf('host1')).ensure('d', lun);
  // Control away: nothing is written.
  const alone = seen('naa.600c');
  const away = mountsOn(alone.host, systemClock, false, async () => null);
  await assert.rejects(away.ensure('d', lun), fault('volume.mount-failed', /control has not said/));
  assert.equal(made(alone), 0);
  const kinds = (await db.selectFrom('journal_facts').select('kind').execute()).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === 'storage-device.granted').length, 4);
});

test('one disk under two names, as a LUN and as a block device, is mounted under the first alone', async () => {
  const all = exportsOf.parse({
    san: { kind: 'iscsi', server: 'n', target: 'iqn.2026-01.example:x' },
    disk: { kind: 'block', device: '/dev/disk/by-id/lun' },
    other: { kind: 'block', device: '/dev/disk/by-id/other' },
  }) as Record<'san' | 'disk' | 'other', Exported>;
  const held = new Map<string, string>();
  const { host, files } = aMachine(async (program, words) => {
    const at = words.at(-1) ?? '';
    if (program === 'realpath') return { stdout: at.endsWith('other') ? '/dev/sdc\n' : '/dev/sdb\n' };
    if (program === 'blkid') return { stdout: 'TYPE=ext4\nUUID=0c4dd2c1-8a1c-4f3e-9a51-1d8c62f0a001\nLABEL=darsena\n' };
    if (program === 'mount') held.set(at, words.at(-2) ?? '');
    return {};
  });
  files.set('/sys/class/block/sdb/dev', '8:16\n');
  files.set('/sys/class/block/sdc/dev', '8:32\n');
  files.set('/sys/class/iscsi_session/s/targetname', 'iqn.2026-01.example:x\n');
  const folders = new Map([
    ['/sys/class/iscsi_session', ['s']],
    ['/sys/class/iscsi_session/s/device', ['target0:0:0']],
    ['/sys/class/iscsi_session/s/device/target0:0:0', ['0:0:0:0']],
    ['/sys/class/iscsi_session/s/device/target0:0:0/0:0:0:0/block', ['sdb']],
  ]);
  const numbers = (device: string): string => (device.endsWith('other') ? '8:32' : '8:16');
  const mountinfo = (): string =>
    [...held].map(([point, device]) => `1 2 ${numbers(device)} / ${point} rw - ext4 ${device} rw\n`).join('');
  const mounts = mountsOn({
    ...host,
    list: async (path) => folders.get(path) ?? [],
    read: async (path) => (path === '/proc/self/mountinfo' ? mountinfo() : host.read(path)),
  });
  const both = await Promise.allSettled([mounts.ensure('san', all.san), mounts.ensure('disk', all.disk)]);
  assert.deepEqual(both.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  const refused = both.find((end) => end.status === 'rejected')?.reason;
  fault('volume.device-refused', /mounted as the export (san|disk) already/)(refused);
  await mounts.ensure('other', all.other);
});

test('one blank disk under two names at the same instant is given one file system, and under neither a second one', async () => {
  const [lun, disk] = [
    exportsOf.parse({ d: { kind: 'iscsi', server: 'n', target: 'iqn.2026-01.example:x' } })['d'] as Exported,
    exportsOf.parse({ d: { kind: 'block', device: '/dev/disk/by-id/lun' } })['d'] as Exported,
  ];
  const target = '/devices/platform/host3/session1/target3:0:0/3:0:0:0';
  const folders = new Map([
    ['/sys/class/iscsi_session', ['session1']],
    ['/sys/class/iscsi_session/session1/device', ['target3:0:0']],
    ['/sys/class/iscsi_session/session1/device/target3:0:0', ['3:0:0:0']],
    ['/sys/class/iscsi_session/session1/device/target3:0:0/3:0:0:0/block', ['sdb']],
  ]);
  const machine = (wwid: string, holds: { on: string }, say: (device: string) => void = () => undefined) => {
    const one = aMachine(async (program, words) => {
      const at = words.at(-1) ?? '';
      await new Promise((done) => setImmediate(done));
      if (program === 'realpath') return { stdout: `${at.startsWith('/sys') ? `/sys${target}` : '/dev/sdb'}\n` };
      if (program === 'blkid') return holds.on === '' ? { code: 2 } : { stdout: holds.on };
      if (program === 'blockdev') return { stdout: '1000000000\n' };
      if (program === 'mkfs.ext4') {
        // As slow as it is in truth: who looked before it was done would still see a blank disk.
        for (let turn = 0; turn < 50; turn++) await new Promise((done) => setImmediate(done));
        holds.on = `TYPE=ext4\nLABEL=darsena\nUUID=${words[words.indexOf('-U') + 1]}\n`;
      }
      return {};
    });
    one.files.set('/sys/class/block/sdb/dev', '8:16\n');
    if (wwid !== '') one.files.set('/sys/class/block/sdb/device/wwid', wwid);
    one.files.set('/sys/class/iscsi_session/session1/targetname', 'iqn.2026-01.example:x\n');
    const ask: AskFormat = async ({ device }) => {
      say(device);
      return { type: 'format-answer', device, granted: true, holder: 'here' };
    };
    const mounts = mountsOn({ ...one.host, list: async (path) => folders.get(path) ?? [] }, systemClock, false, ask);
    return { ...one, mounts, made: () => one.ran.filter((line) => line.startsWith('mkfs')).length };
  };
  const asked: string[] = [];
  const both = machine('naa.600a', { on: '' }, (device) => asked.push(device));
  await Promise.allSettled([both.mounts.ensure('san', lun as Exported), both.mounts.ensure('disk', disk as Exported)]);
  assert.equal(both.made(), 1);
  assert.deepEqual(asked, ['iqn.2026-01.example:x naa.600a'], 'by one name, whichever way it is reached');

  // Later, cleared by somebody: what is written down under the one name holds for the other.
  const records = [...both.files].find(([path]) => path === '/agent/devices')?.[1] ?? '';
  const cleared = machine('naa.600a', { on: '' });
  const was = records.includes('LUN') ? disk : lun;
  const only = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(records) as object).slice(0, 1)));
  cleared.files.set('/agent/devices', only);
  await assert.rejects(
    cleared.mounts.ensure('renamed', was as Exported),
    fault('volume.device-refused', /second time/),
  );
  assert.equal(cleared.made(), 0);
  // Another disk there is another one.
  const fresh = machine('naa.600b', { on: '' });
  fresh.files.set('/agent/devices', only);
  await fresh.mounts.ensure('renamed', { kind: 'block', device: '/dev/z', fileSystem: 'ext4', format: true });
  assert.equal(fresh.made(), 1);
});

test('a LUN that grew is seen because its target is asked again, and its file system follows once', async () => {
  const lun = exportsOf.parse({ d: { kind: 'iscsi', server: 'n', target: 'iqn.2026-01.example:x' } })['d'] as Exported;
  let atTarget = 1_000;
  let known = 1_000;
  const { host, ran } = aMachine(async (program, words) => {
    if (program === 'iscsiadm' && words.includes('--rescan')) known = atTarget;
    if (program === 'blockdev') return { stdout: `${known}\n` };
    return program === 'stat' ? { stdout: '1 990\n' } : {};
  });
  const mounts = mountsOn({
    ...host,
    read: async (path) => (path === '/proc/self/mountinfo' ? '1 2 8:16 / /run/e/d rw - ext4 /dev/sdb rw\n' : null),
  });
  const grown = () => ran.filter((line) => line === 'resize2fs /dev/sdb').length;
  await mounts.followSize('d', lun);
  assert.equal(grown(), 0);
  atTarget = 2_000;
  await mounts.followSize('d', lun);
  await mounts.followSize('d', lun);
  assert.equal(grown(), 1);
});

test('a moment of a logical volume: none by a way through links, a thin one is whole, and what fails while it is put away hides nothing', async () => {
  const machine = aMachine(async (program, words) => {
    if (program === 'realpath') return { stdout: words.at(-1) === '/srv/link' ? '/srv/lv/x\n' : `${words.at(-1)}\n` };
    if (program === 'umount') throw commandFault('system.command-timeout', { file: 'umount', seconds: 20 });
    if (program !== 'lvs') return {};
    return { stdout: words.includes('lv_snapshot_invalid') ? '  unknown\n' : '  vg0|data|1000|100|thin\n' };
  });
  const host: MountHost = {
    ...machine.host,
    read: async () => '1 2 0:1 / / rw - ext4 /dev/vg0/root rw\n2 2 0:2 / /srv/lv rw - ext4 /dev/mapper/vg0-data rw\n',
  };
  const lvm = new Lvm({ host, folder: '/run/moments', instance: 'test', log: silentLog });
  assert.equal(await lvm.originOf('/srv/link'), null);
  const origin = await lvm.originOf('/srv/lv/x');
  assert.deepEqual(origin, { group: 'vg0', volume: 'data', point: '/srv/lv', type: 'ext4', bytes: null });
  assert.ok(origin !== null);
  const moment = await lvm.open(origin, await lvm.take(origin), 'claim');
  assert.equal(moment.pathOf('/srv/lv/x'), '/run/moments/claim/x');
  await moment.requireWhole();
  await moment.drop();
  assert.match(machine.ran.join('\n'), /lvremove --force --yes vg0\/darsena-snap-[0-9a-f]{16}\n/);
  // One with room of its own must be told to be whole.
  const thick = await lvm.open({ ...origin, bytes: 100 }, 'darsena-snap-0', 'claim');
  await assert.rejects(thick.requireWhole(), fault('volume.tool-failed', /more was written/));
});

test('a container that has a part of a volume alone counts as one that has it', async () => {
  const [whole, part] = ['a'.repeat(64), 'b'.repeat(64)];
  const podman = async (args: readonly string[]) => {
    const rows = [
      ...(args.includes('volume=v') ? [{ Id: whole, State: 'running' }] : []),
      ...(args.includes('label=darsena.part.v=1') ? [whole, part].map((Id) => ({ Id, State: 'running' })) : []),
    ];
    return { code: 0, stdout: JSON.stringify(rows), stderr: '' };
  };
  assert.deepEqual(
    (await containersOf(podman, 'v')).map(({ id }) => id),
    [whole, part],
  );
});

test('who touches the files of a place is a process of its own, and one that gets no answer is given up', async (t) => {
  const root = await folder(t);
  const files = new BoundedFiles(root, 20_000);
  t.after(() => files.close());
  assert.equal(await files.read(join(root, 'none')), null);
  await files.write(join(root, 'a'), 'x');
  assert.equal(await files.read(join(root, 'a')), 'x');
  await assert.rejects(files.create(join(root, 'a'), 'y'), { code: 'EEXIST' });
  await files.folder(join(root, 'f'), 0o755);
  assert.deepEqual([await files.kind(join(root, 'f')), await files.kind(join(root, 'a'))], ['folder', 'other']);
  // Opening a pipe that nobody writes to is held in the kernel, as a NAS that is away would hold it.
  await runCommand('mkfifo', [join(root, 'pipe')], { timeoutMs: 10_000 });
  const short = new BoundedFiles(root, 700);
  t.after(() => short.close());
  await assert.rejects(short.read(join(root, 'pipe')), fault('volume.place-away', /no reply/));
  assert.equal(await files.read(join(root, 'a')), 'x', 'others go on');
});

test('claims of some kinds of environment get a key of their own, which hosts are told and which goes with the claim', async (t) => {
  const { volumes, copies, wants, orders, answer, ended, limits, db } = await platform(t);
  await volumes.setClass({ ...disk, environments: [], encrypt: ['production'], isDefault: true }, 'user:ana');
  wants.current = [
    { ...asked, environmentClass: 'production' },
    { ...asked, environment: 'dev', environmentClass: 'development' },
  ];
  const places = await volumes.follow();
  assert.equal(places.get('shop/prod/data')?.sealed, true);
  assert.equal(places.get('shop/dev/data')?.sealed, false);
  const { keys } = await volumes.keys('one');
  assert.deepEqual(
    keys.map(({ key }) => key),
    [KEY],
  );
  assert.match(keys[0]?.secret ?? '', /^[0-9a-f]{64}$/);
  const rows = await db.selectFrom('volumes_keys').selectAll().execute();
  assert.doesNotMatch(Buffer.from(rows[0]?.sealed ?? []).toString('hex'), new RegExp(keys[0]?.secret ?? 'x'));
  assert.equal(volumeKeys.safeParse(await volumes.keys('one')).success, true);
  // A host that is not to mount it never has its key: not while another one writes, and not when nobody wants it.
  assert.deepEqual((await volumes.keys('two')).keys, []);
  await volumes.move(KEY, 'two', 'user:ana');
  assert.deepEqual((await volumes.keys('one')).keys, []);
  assert.equal((await volumes.keys('two')).keys.length, 1);
  await volumes.move(KEY, 'one', 'user:ana');
  const [kept] = wants.current.splice(0, 1);
  await volumes.follow();
  assert.deepEqual((await volumes.keys('one')).keys, []);
  if (kept !== undefined) wants.current.unshift(kept);
  await volumes.follow();

  // A restore asks what a release would be asked, and a snapshot counts.
  answer(() => COPY);
  limits.room = 1;
  await assert.rejects(
    copies.restore('shop', (await copies.make(KEY, { kind: 'snapshot' }, 'user:ana')).id, { claim: 'b' }, 'user:ana'),
    /over the limit|no existe|there is no copy/,
  );
  await ended('x').catch(() => undefined);
  const [snapshot] = await copies.list('shop');
  const copied = orders.findLast(({ action }) => action === 'snapshot');
  assert.equal(copied?.action === 'snapshot' ? copied.secret : '', keys[0]?.secret, 'a copy brings its key along');
  await assert.rejects(copies.restore('shop', snapshot?.id ?? '', { claim: 'b' }, 'user:ana'), /over the limit/);
  limits.room = Number.POSITIVE_INFINITY;
  const gold = { ...disk, name: 'gold', driver: { kind: 'folder', path: '/srv/gold' } } as const;
  await volumes.setClass({ ...gold, environments: ['development'] }, 'user:ana');
  const into = { claim: 'b', class: 'gold' };
  await assert.rejects(copies.restore('shop', snapshot?.id ?? '', into, 'user:ana'), fault('volume.not-admitted'));
  assert.deepEqual(await copies.beside('shop'), [{ environment: 'prod', claim: null, volumes: 0, volumeBytes: 99 }]);
  await copies.restore('shop', snapshot?.id ?? '', { claim: 'b' }, 'user:ana');
  await ended('x').catch(() => undefined);
  const fill = orders.find(({ action }) => action === 'fill') as Extract<VolumeOrderMessage, { action: 'fill' }>;
  assert.equal(fill.place?.sealed, true);
  assert.notEqual(fill.secret, keys[0]?.secret, 'a new claim has a new key');
  assert.equal(fill.from.kind === 'snapshot' ? fill.from.secret : '', keys[0]?.secret);

  wants.current = [];
  await volumes.follow();
  answer((order) => (order.action === 'remove' ? PROOF : null));
  const { id } = await volumes.remove(KEY, 'user:ana');
  const done = await ended(id);
  assert.equal((done?.result as { key?: string } | undefined)?.key, 'destroyed');
  assert.equal(await volumes.keyOf(KEY), null);
});

test('a restore never touches the key that a release has, and what it filled opens with the key that it was filled under', async (t) => {
  const { volumes, copies, wants, orders, answer, ended } = await platform(t);
  await volumes.setClass({ ...LOCAL_CLASS, encrypt: ['production'] }, 'user:ana');
  const sealed = { ...asked, environmentClass: 'production' };
  wants.current = [sealed];
  await volumes.follow();
  answer(() => COPY);
  const { operation, id } = await copies.make(KEY, { kind: 'snapshot' }, 'user:ana');
  await ended(operation.id);
  /** A release wants the claim while it is filled. */
  const meanwhile = async (claim: string): Promise<string | null> => {
    wants.current = [...wants.current, { ...sealed, claim }];
    await volumes.follow();
    return await volumes.keyOf({ ...KEY, claim });
  };
  let before: string | null = null;
  answer(
    () =>
      meanwhile('b').then((key) => {
        before = key;
        throw new Error('the host took it for somebody else’s');
      }) as unknown as Json,
  );
  const failed = await copies.restore('shop', id, { claim: 'b' }, 'user:ana');
  assert.equal((await ended(failed.id)).state, 'failed');
  assert.notEqual(before, null);
  assert.equal(await volumes.keyOf({ ...KEY, claim: 'b' }), before, 'what pods have written since can still be read');

  answer(() => meanwhile('c').then(() => COPY) as unknown as Json);
  const done = await copies.restore('shop', id, { claim: 'c' }, 'user:ana');
  assert.equal((await ended(done.id)).state, 'done');
  const fill = orders.findLast(({ action }) => action === 'fill');
  assert.equal(await volumes.keyOf({ ...KEY, claim: 'c' }), fill?.action === 'fill' ? fill.secret : '');
  await volumes.follow();
  assert.equal((await volumes.keys('one')).keys.length, 3);
});

/** cryptsetup and mounts as a machine keeps them: one opened image of each name, one mount at a point. */
function aSealingMachine() {
  const state = { mapper: false, mounted: '', image: false };
  const machine = aMachine(async (program, words) => {
    const [first = ''] = words;
    if (program === 'cat') return { stdout: state.mounted === '' ? '' : `1 2 0:1 / ${state.mounted} rw - x y rw\n` };
    if (program === 'dmsetup') return { stdout: 'crypt            v1.24.0\n' };
    if (program === 'test') return { code: (words[1]?.startsWith('/dev/mapper') ? state.mapper : state.image) ? 0 : 1 };
    if (program === 'stat' && words.includes('%s')) return { stdout: '1\n' };
    if (program === 'mount') state.mounted = words.at(-1) ?? '';
    if (program === 'umount') state.mounted = '';
    if (program === 'mv') state.image = true;
    if (program !== 'cryptsetup') return {};
    if (first === 'open' && state.mapper) return { code: 5, stderr: 'Device already exists.' };
    if (first === 'open' || first === 'close') state.mapper = first === 'open';
    return {};
  });
  return { ...machine, state };
}

test('an encrypted image is made anew after an attempt that was cut short, and never opened where several hosts write', async () => {
  const { host, state, ran } = aSealingMachine();
  const files = {
    ...directFiles,
    folder: async () => undefined,
    kind: async (path: string) => (state.image && path.endsWith('.luks') ? ('other' as const) : null),
  };
  const seals = new Seals({ host, folder: '/run/o', homesFile: '/agent/homes', rootless: false, log: silentLog });
  seals.setKeys(new Map([['v', 'ab'.repeat(32)]]));
  const place = { home: '/srv/v', files, bytes: 2 ** 26, shared: false };
  state.mapper = true;
  assert.equal(await seals.open('v', place), '/run/o/v/data');
  assert.doesNotMatch(ran.join('\n'), /abab/, 'keys are no arguments');
  await seals.close('v');
  assert.deepEqual([state.mounted, state.mapper], ['', false]);
  assert.equal(await seals.grow('v', '/srv/v', GI), false, 'one that is closed has not grown');
  await assert.rejects(seals.open('v', { ...place, shared: true }), fault('volume.seal-failed', /one host alone/));
  await seals.open('v', place);
  assert.equal(await seals.grow('v', '/srv/v', GI), true);
});

test('an agent that begins anew takes the leases of pods that went on, or ends them where another host has the claim', async (t) => {
  const base = await folder(t);
  const root = join(base, 'class');
  await mkdir(root, { mode: 0o755 });
  await mkdir(join(base, 'agent'));
  await writeFile(join(base, 'storage.json'), JSON.stringify({ folders: [root] }));
  const name = claimVolumeName({ instance: 'test', ...KEY });
  const engine: VolumeMaker = {
    listVolumes: async () => [],
    removeVolume: async () => undefined,
    ensureVolume: async () => assert.fail('nothing is made'),
  };
  const env = { PATH: process.env['PATH'] ?? '' };
  const ended = Promise.withResolvers<string>();
  const agent = (): HostVolumes => {
    const host = new HostVolumes({
      ...{ instance: 'test', host: 'one', engine, tools: createTools(false, env), machine: aSealingMachine().host },
      ...{ folder: join(base, 'agent'), run: join(base, 'run'), allowedFile: join(base, 'storage.json'), env },
      ...{ rootless: false, clock: systemClock, log: silentLog, onLost: ended.resolve, askFormat: granting },
      podman: async ([verb]) => ({ code: 0, stdout: verb === 'ps' ? 'a'.repeat(64) : `volume:${name} `, stderr: '' }),
    });
    t.after(() => host.stop());
    return host;
  };
  const order = {
    ...{ ...KEY, accessModes: ['ReadWriteOnce'], requestedBytes: 0 },
    place: { class: 'disk', driver: { kind: 'folder' as const, path: root }, epoch: 1, host: 'one', sealed: false },
  };
  await agent().prepare(order);
  const file = join(root, '.darsena-leases', `${name}.json`);
  const lease = async () => JSON.parse(await readFile(file, 'utf8')) as { holder: string; epoch: number; beat: number };
  assert.deepEqual(await lease(), { holder: 'one/test', epoch: 1, beat: 1 });
  await agent().follow([order]);
  while ((await lease()).beat < 2) await systemClock.sleep(10);
  await writeFile(file, JSON.stringify({ holder: 'two/test', epoch: 2, beat: 7 }));
  await agent().follow([order]);
  assert.equal(await ended.promise, name);
  assert.equal((await lease()).holder, 'two/test');
});

test('what is open here since before another host had the claim is closed before it is opened again', async (t) => {
  const base = await folder(t);
  const root = join(base, 'class');
  await mkdir(root, { mode: 0o755 });
  await mkdir(join(base, 'agent'));
  await writeFile(join(base, 'storage.json'), JSON.stringify({ folders: [root] }));
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  const { host: machine, state, ran } = aSealingMachine();
  const engine: VolumeMaker = {
    listVolumes: async () => [],
    removeVolume: async () => undefined,
    ensureVolume: async () => assert.fail('nothing is made'),
  };
  const env = { PATH: process.env['PATH'] ?? '' };
  const host = new HostVolumes({
    ...{ instance: 'test', host: 'one', engine, tools: createTools(false, env), machine },
    ...{ folder: join(base, 'agent'), run: join(base, 'run'), allowedFile: join(base, 'storage.json'), env },
    ...{ rootless: false, clock, log: silentLog, onLost: () => undefined, askFormat: granting },
    podman: async () => ({ code: 0, stdout: '[]', stderr: '' }),
  });
  t.after(() => host.stop());
  host.setKeys({ keys: [{ key: KEY, secret: 'ab'.repeat(32) }] });
  const order = (epoch: number) => ({
    ...{ ...KEY, accessModes: ['ReadWriteOnce'], requestedBytes: 2 ** 26 },
    place: { class: 'disk', driver: { kind: 'folder' as const, path: root }, epoch, host: 'one', sealed: true },
  });
  const path = await host.prepare(order(1));
  assert.equal(path, join(state.mounted, 'data'));
  await writeFile(
    join(path === null ? '' : join(root, claimVolumeName({ instance: 'test', ...KEY })), 'volume.luks'),
    '',
  );
  await host.prepare(order(1));
  assert.equal(ran.filter((line) => line.startsWith('umount')).length, 0, 'one that stays here stays open');
  const lease = join(root, '.darsena-leases', `${claimVolumeName({ instance: 'test', ...KEY })}.json`);
  await writeFile(lease, JSON.stringify({ holder: 'two/test', epoch: 2, beat: 7 }));
  await assert.rejects(host.prepare(order(3)), fault('volume.held-elsewhere', /the volume shop\/prod\/data /));
  const look = async () => {
    const claims = [{ key: KEY, place: order(3).place }];
    const { looks } = (await host.run({
      type: 'volume',
      id: 'x',
      order: { action: 'look', claims },
    } as never)) as never as {
      looks: readonly ClaimLook[];
    };
    return looks[0]?.trouble?.en ?? null;
  };
  assert.match((await look()) ?? '', /another host holds it/, 'who looks at the volume reads why its pods wait');
  nowMs += LEASE_MS;
  await host.prepare(order(3));
  assert.equal(await look(), null);
  assert.match(ran.join('\n'), /mount [\s\S]*\numount [\s\S]*cryptsetup close [\s\S]*\nmount /);
});

test('what an instance has mounted goes with it, also where the server is away and unmounting does not end', async (t) => {
  const base = await folder(t);
  const run = join(base, 'run');
  const programs = {
    podman: 'shift; exec "$@"',
    cat: `echo '1 2 0:1 / ${run}/exports/nas rw - nfs4 n:/x rw'; echo '3 2 0:2 / ${run}/opened/v rw - fuse g rw'; echo '4 2 0:3 / /srv rw - ext4 x rw'`,
    umount: `echo "$*" >> ${base}/ran; [ "$1" = --lazy ] || exec sleep 600`,
  };
  for (const [name, lines] of Object.entries(programs))
    await writeFile(join(base, name), `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  await mkdir(join(run, 'opened', 'v'), { recursive: true });
  await releaseMounts({
    instance: 'test',
    ...{ run, allowedFile: join(base, 'none'), devicesFile: join(base, 'none'), rootless: true, unmountMs: 300 },
    env: { PATH: `${base}:/usr/bin:/bin` },
  });
  const ran = (await readFile(join(base, 'ran'), 'utf8')).split('\n').filter((line) => line.startsWith('--lazy'));
  assert.deepEqual(ran, [`--lazy -- ${run}/opened/v`, `--lazy -- ${run}/exports/nas`]);
});

test('a container that somebody pauses while it is let go after a copy is paused again, and no later copy leaves it so', async (t) => {
  const id = 'd'.repeat(64);
  const paused = new Set<string>();
  const said: string[] = [];
  const freezer: Freezer = new Freezer({
    ...{ file: join(await folder(t), 'frozen.json'), log: silentLog },
    podman: async ([action = '']) => {
      const State = paused.has(id) ? 'paused' : 'running';
      if (action === 'ps') return { code: 0, stdout: JSON.stringify([{ Id: id, State }]), stderr: '' };
      said.push(action);
      if (action === 'pause') paused.add(id);
      else {
        paused.delete(id);
        // The engine has done it, and its answer is on the way.
        if (said.length === 2) assert.equal(await freezer.keepPaused(id, true), true);
      }
      return { code: 0, stdout: '', stderr: '' };
    },
  });
  await freezer.hold('one', async () => undefined);
  assert.deepEqual([paused.has(id), said.join(' ')], [true, 'pause unpause pause']);
  paused.delete(id);
  await freezer.hold('one', async () => undefined);
  assert.equal(paused.has(id), false);
});

test('what was paused during a copy stays paused after it', async (t) => {
  const id = 'c'.repeat(64);
  const paused = new Set<string>();
  const file = join(await folder(t), 'frozen.json');
  const freezer = new Freezer({
    ...{ file, log: silentLog },
    podman: async ([action = '']) => {
      const State = paused.has(id) ? 'paused' : 'running';
      if (action === 'ps') return { code: 0, stdout: JSON.stringify([{ Id: id, State }]), stderr: '' };
      if (action === 'pause') paused.add(id);
      else paused.delete(id);
      return { code: 0, stdout: '', stderr: '' };
    },
  });
  assert.equal(await freezer.keepPaused(id, true), false, 'nothing is held');
  await freezer.hold('one', async () => {
    assert.equal(await freezer.keepPaused(id, true), true);
    assert.equal(await readFile(file, 'utf8'), '[]', 'nor does the next agent let it go');
  });
  assert.equal(paused.has(id), true);
  paused.delete(id);
  await freezer.hold('one', async () => {
    await freezer.keepPaused(id, true);
    await freezer.keepPaused(id, false);
  });
  assert.equal(paused.has(id), false);
});
