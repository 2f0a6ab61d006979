import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ContentFiles } from '../../src/deploy/engines/local/index.ts';
import { giveToGroup } from '../../src/deploy/engines/local/volume-folders.ts';
import type { PodSpec, WantedState } from '../../src/deploy/model.ts';
import { Fault, newId, runCommand, silentLog, systemClock } from '../../src/system/index.ts';
import { createTools, HostVolumes } from '../../src/volumes/index.ts';
import type { VolumeMaker } from '../../src/volumes/local.ts';
import { claimVolumeName, volumeLabels } from '../../src/volumes/local.ts';
import type { VolumeOrderMessage } from '../../src/volumes/task.ts';

/** What is asked of the storage of a host whose Podman runs, and what came of it. */
export interface StorageOutcome {
  readonly rootless: boolean;
  readonly heldMs: number;
  readonly how: string;
  readonly sealedBy: string;
}

/**
 * A volume that a container goes on writing is backed up, tried, restored, snapshotted and removed with proof, and one lies
 * encrypted: with the rights of whoever runs this, by that account's own Podman.
 */
export async function checkStorage(ground: {
  readonly engine: VolumeMaker;
  readonly instance: string;
  readonly image: string;
  /** The account's own, closed to others. */
  readonly folder: string;
  readonly run: string;
  readonly env: Readonly<Record<string, string>>;
  /** Whether a container can be held here: without root only by cgroup v2. */
  readonly holds: boolean;
  readonly report: (key: string, ms: number) => void;
}): Promise<StorageOutcome> {
  const { engine, instance, image, folder, env, holds } = ground;
  const rootless = process.getuid?.() !== 0;
  const podman = (args: readonly string[]) => runCommand('podman', args, { env, timeoutMs: 180_000 });
  const does = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await podman(args);
    assert.equal(code, 0, `podman ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  let began = performance.now();
  const done = (key: string): void => {
    ground.report(key, performance.now() - began);
    began = performance.now();
  };
  const location = join(folder, 'repository');
  await mkdir(location, { recursive: true, mode: 0o700 });
  const allowedFile = join(folder, 'storage.json');
  await writeFile(allowedFile, JSON.stringify({ repositories: [location] }));
  const tools = createTools(rootless, env);
  const host = new HostVolumes({
    ...{ instance, host: 'guest', engine, podman, tools, folder, run: ground.run, allowedFile, env, rootless },
    ...{ clock: systemClock, log: silentLog, askFormat: async () => null, onLost: () => undefined },
  });
  await host.start();
  const ask = async (order: object): Promise<Record<string, unknown>> =>
    (await host.run({ kind: 'volume', order: order as VolumeOrderMessage })) as Record<string, unknown>;
  const key = { project: 'shop', environment: 'dev', claim: 'data' };
  const owner = { instance, ...key };
  const name = claimVolumeName(owner);
  await engine.ensureVolume({ name, labels: volumeLabels(owner) });
  const inside = (volume: string, script: string): Promise<string> =>
    does('run', '--rm', '--network', 'none', '-v', `${volume}:/data`, image, 'sh', '-c', script);
  await inside(
    name,
    'echo theirs > /data/theirs; chown 1234:4321 /data/theirs; chmod 4750 /data/theirs; ln -s /etc /data/link',
  );
  const script = 'while :; do echo x >> /data/log; cp /data/log /data/copy; sleep 0.1; done';
  const writer = await does('run', '-d', '--network', 'none', '-v', `${name}:/data`, image, 'sh', '-c', script);
  done('writer');
  const repository = { location, password: 'open-sesame', user: null };
  assert.equal((await ask({ action: 'open-repository', repository }))['created'], true);
  done('repository');
  await assert.rejects(ask({ action: 'remove', key, place: null }), /containers have it mounted/);
  const backup = { action: 'backup', key, id: newId(systemClock), repository };
  if (!holds) {
    // What nobody can hold still is not saved as if it were one moment; the container goes on.
    await assert.rejects(
      ask(backup),
      (error: unknown) => error instanceof Fault && error.code === 'volume.freeze-failed',
    );
    assert.equal(await does('inspect', '--format', '{{.State.Status}}', writer), 'running');
    await does('rm', '--force', '--time', '0', writer);
  }
  const saved = await ask(backup);
  done('backup');
  assert.equal(Number(saved['frozenMs']) > 0, holds, `it was held: ${JSON.stringify(saved)}`);
  if (holds) assert.equal(await does('inspect', '--format', '{{.State.Status}}', writer), 'running', 'and goes on');
  const { snapshot, path, bytes, tree } = saved;
  const trial = { action: 'verify', repository, snapshot, path, bytes, tree };
  assert.equal((await ask(trial))['same'], true);
  done('trial');
  const to = { ...key, claim: 'back' };
  const from = { kind: 'backup', repository, snapshot, path };
  assert.equal((await ask({ action: 'fill', from, to, place: null, requestedBytes: 0, bytes, tree }))['tree'], tree);
  const back = claimVolumeName({ instance, ...to });
  // What wrote it belongs to whom it belonged, seen by a container.
  assert.equal(await inside(back, "stat -c '%u:%g %a' /data/theirs"), '1234:4321 4750');
  done('restore');
  const id = newId(systemClock);
  const shot = await ask({ action: 'snapshot', key, id });
  assert.equal(Number(shot['frozenMs']) > 0, holds);
  const third = { ...key, claim: 'third' };
  const filled = { action: 'fill', from: { kind: 'snapshot', of: key, id }, to: third, place: null, requestedBytes: 0 };
  assert.equal((await ask({ ...filled, bytes: shot['bytes'], tree: shot['tree'] }))['tree'], shot['tree']);
  await ask({ action: 'drop-snapshot', key, id });
  done('snapshot');
  // A byte of what is stored, changed: the trial says so.
  const found = await tools.run('find', [join(location, 'data'), '-type', 'f', '-size', '+0'], { timeoutMs: 60_000 });
  for (const pack of found.stdout.trim().split('\n')) {
    await chmod(pack, 0o600);
    const file = await open(pack, 'r+');
    await file.write('spoiled', 20);
    await file.close();
  }
  await assert.rejects(ask(trial), (error: unknown) => error instanceof Fault && error.code === 'backup.damaged');
  done('damage');
  if (holds) await does('rm', '--force', '--time', '0', writer);
  for (const one of [key, to, third]) {
    const proof = await ask({ action: 'remove', key: one, place: null });
    assert.equal(proof['how'], 'deleted');
    assert.ok(!existsSync(String(proof['path'])));
  }
  done('removal');

  // A volume of somebody else's is given to a group, as fsGroup asks: its own file may be changed, and new ones are the group's.
  const shared = { instance, ...key, claim: 'shared' };
  const sharedName = claimVolumeName(shared);
  const { path: sharedPath } = await engine.ensureVolume({ name: sharedName, labels: volumeLabels(shared) });
  await inside(
    sharedName,
    'mkdir /data/below; echo before > /data/below/file; chown -R 1234:4321 /data/below; chmod 640 /data/below/file',
  );
  const touches = { run: async <T>(_: string, work: () => Promise<T>): Promise<T> => await work() };
  const group = { group: 10_001, onlyWhenRootDiffers: true };
  const asMember = (...words: string[]): Promise<string> =>
    does('run', '--rm', '--network', 'none', '--user', '10002:10002', '--group-add', '10001', '-v', ...words);
  for (const turn of ['first', 'again']) {
    await giveToGroup(sharedPath, group, touches, tools.run);
    const write = `echo ${turn} >> /data/below/file; echo ${turn} > /data/${turn}; stat -c '%u:%g' /data/${turn}`;
    assert.equal(await asMember(`${sharedName}:/data`, image, 'sh', '-c', write), '10002:10001', turn);
    assert.equal(await inside(sharedName, "stat -c '%u:%g %a' /data/below/file"), '1234:10001 660', turn);
    // What its own owner did later stays, while the folder itself is the group's.
    await inside(sharedName, 'chmod 600 /data/first');
  }
  await assert.rejects(asMember(`${sharedName}:/data`, image, 'sh', '-c', 'cat /data/first; cat /data/none'));
  assert.equal(await inside(sharedName, "stat -c '%a' /data/first"), '600', 'OnRootMismatch leaves it alone');
  // Files of Secrets that are closed to all others are readable by the group, whoever the platform runs as.
  const contents = new ContentFiles(join(folder, 'contents'), rootless ? tools.run : null);
  const secret = {
    kind: 'content' as const,
    name: 'keys',
    content: 'secret/keys',
    files: [{ key: 'k', path: 'k', mode: 0o400 }],
  };
  const spec = { volumes: [secret], fsGroup: { group: 10_001, onlyWhenRootDiffers: false } };
  const held = { 'secret/keys': { name: 'keys', data: { k: Buffer.from('quiet').toString('base64') } } };
  const keysAt = contents.folder('pod', 'keys');
  for (const turn of ['first', 'again']) {
    await contents.write('pod', spec as unknown as PodSpec, held as unknown as WantedState['contents'], () =>
      Buffer.alloc(0),
    );
    assert.equal(await asMember(`${keysAt}:/keys:ro`, image, 'sh', '-c', 'cat /keys/k'), 'quiet', turn);
    assert.equal(
      await asMember(`${keysAt}:/keys:ro`, image, 'sh', '-c', "stat -c '%u:%g %a' /keys/k"),
      '0:10001 440',
      turn,
    );
  }
  await ask({ action: 'remove', key: { ...key, claim: 'shared' }, place: null });
  done('group');

  // One that lies encrypted: what a container writes there stands on no disk as it wrote it.
  const sealed = { ...key, claim: 'sealed' };
  host.setKeys({ keys: [{ key: sealed, secret: 'ab'.repeat(32) }] });
  const place = { class: 'local', driver: { kind: 'local' as const }, epoch: 1, host: 'guest', sealed: true };
  const order = { ...sealed, accessModes: ['ReadWriteOnce'], requestedBytes: 32 * 2 ** 20, place };
  const plain = await host.prepare(order);
  assert.ok(plain !== null);
  const sealedOwner = { instance, ...sealed };
  const sealedName = claimVolumeName(sealedOwner);
  await engine.ensureVolume({ name: sealedName, labels: volumeLabels(sealedOwner), folder: plain });
  await inside(sealedName, 'echo a-word-to-be-found > /data/row; sync');
  assert.equal(await inside(sealedName, 'cat /data/row'), 'a-word-to-be-found');
  const home = join(folder, 'sealed', sealedName);
  const grep = await tools.run('grep', ['-rlaF', 'a-word-to-be-found', home], { timeoutMs: 60_000 });
  assert.equal(grep.stdout, '', 'nothing readable lies on the disk');
  const by = (await readdir(home)).includes('volume.luks') ? 'luks' : 'gocryptfs';
  done('sealed');
  const clean = { location: join(folder, 'repository-2'), password: 'open-sesame', user: null };
  await mkdir(clean.location, { mode: 0o700 });
  await writeFile(allowedFile, JSON.stringify({ repositories: [clean.location] }));
  await ask({ action: 'open-repository', repository: clean });
  const kept = await ask({ action: 'backup', key: sealed, id: newId(systemClock), repository: clean });
  const again = { ...trial, repository: clean, snapshot: kept['snapshot'], path: kept['path'], bytes: kept['bytes'] };
  assert.equal((await ask({ ...again, tree: kept['tree'], sealed: true }))['same'], true);
  const proof = await ask({ action: 'remove', key: sealed, place });
  assert.equal(proof['how'], 'deleted');
  assert.ok(!existsSync(home));
  done('sealed copies');
  const left = (await engine.listVolumes()).filter(({ labels }) => Object.values(labels).includes(instance));
  assert.deepEqual(left, [], 'nothing stays');
  host.stop();
  await rm(location, { recursive: true });
  return { rootless, heldMs: Number(saved['frozenMs']), how: String(saved['how']), sealedBy: by };
}
