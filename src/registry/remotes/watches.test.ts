import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Digest } from '../../oci/index.ts';
import { silentLog } from '../../system/index.ts';
import { HELD, startTestRegistry, type TestRegistry } from '../test-registry.ts';
import { CopiesElsewhere } from './healing.ts';
import { Replications } from './replications.ts';
import type { RemoteDatabase } from './store.ts';
import { connect, MovedClock, putImage, putReferrer, startTestMirror, type TestMirror } from './test-mirror.ts';
import { type Examination, Watches } from './watches.ts';

let here: TestMirror;
let there: TestRegistry;
let replications: Replications;
let watches: Watches;
const clock = new MovedClock();
const examined: string[] = [];
const sourced = new Set<string>();
let decision: Examination['decision'] = 'allow';

before(async () => {
  here = await startTestMirror({ clock });
  there = await startTestRegistry();
  await connect(here, 'there', there);
  const { registry, journal, operations, remotes, mirrors } = here;
  const db = registry.db as unknown as RemoteDatabase;
  replications = new Replications({ db, journal, operations, registry, remotes, clock, log: silentLog });
  await replications.open();
  watches = new Watches({
    db,
    journal,
    operations,
    registry,
    remotes,
    mirrors,
    inUse: { list: async () => here.inUse },
    isReplicated: (remote, repository) => replications.covers(remote, repository),
    clock,
    log: silentLog,
    examiner: {
      examine: async ({ name, tag, config, source }) => {
        let bytes = 0;
        for await (const piece of source.openBlob(config.digest)) bytes += piece.byteLength;
        assert.equal(bytes, config.size);
        examined.push(`${name.replace(/^[^/]+/, 'there')}:${tag}`);
        return { complete: true, packages: 1, byRisk: { high: 1 }, scannedAt: '', signers: [], decision, reasons: [] };
      },
      hasSource: async (_repository, digest) => sourced.has(digest),
    },
  });
});
after(async () => {
  await replications.close();
  await here.close();
  await there.close();
});

/** Hears the last facts, works off the queue and tells how it ended. */
async function replicated(name: string): Promise<string[]> {
  await here.journal.settled();
  await replications.runDue();
  return (await replications.entries(name)).map(
    ({ action, repository, tag, state }) => `${action} ${repository}:${tag} ${state}`,
  );
}

describe('replication', () => {
  it('sends what is there and what comes, with what refers to it, and only once', async () => {
    const first = await putImage(here, 'tienda/web', '1', 'web one');
    await here.journal.settled();
    await replications.create('backup', { remote: 'there', repositories: ['tienda/web'], deletes: true }, 'user:root');
    assert.deepEqual(await replicated('backup'), ['put tienda/web:1 done']);
    assert.equal((await there.registry.resolve('tienda/web', '1'))?.digest, first);
    const second = await putImage(here, 'tienda/web', '2', 'web two');
    await putImage(here, 'tienda/other', '1', 'not covered');
    await replicated('backup');
    assert.equal((await there.registry.resolve('tienda/web', '2'))?.digest, second);
    assert.equal(await there.registry.resolve('tienda/other', '1'), null);
    const size = (await here.registry.resolve('tienda/web', second))?.bytes.byteLength ?? 0;
    const sbom = await putReferrer(here, 'tienda/web', { digest: second, size }, 'late sbom');
    await replicated('backup');
    assert.deepEqual(
      (await there.registry.listReferrers('tienda/web', second)).map(({ digest }) => digest),
      [sbom],
    );
    await replications.sync('backup');
    const { waiting, lagSeconds, refused } = await replications.read('backup');
    assert.deepEqual([waiting, lagSeconds, refused], [0, null, 0]);
    const entries = await replications.entries('backup');
    assert.equal(entries.filter(({ state }) => state === 'same').length, 2);
  });

  it('waits for the verdict here; what is refused does not leave', async () => {
    here.fallback = HELD;
    const held = await putImage(here, 'tienda/web', 'held', 'held one');
    await replicated('backup');
    const before = await replicated('backup');
    assert.ok(before.includes('put tienda/web:held waiting'), before.join());
    here.fallback = { ...HELD, settled: true };
    await putImage(here, 'tienda/web', 'bad', 'bad one');
    const after = await replicated('backup');
    assert.ok(after.includes('put tienda/web:bad refused'), after.join());
    assert.equal(await there.registry.resolve('tienda/web', 'bad'), null);
    here.fallback = { allow: true };
    clock.move(20);
    await replicated('backup');
    assert.equal((await there.registry.resolve('tienda/web', 'held'))?.digest, held);
  });

  it('a delete goes along where the rule says so', async () => {
    const by = { id: 'x', actor: 'user:x', kind: 'platform', name: 'x' } as const;
    await here.registry.manifests.deleteTag('tienda/web', '1', by);
    await replicated('backup');
    assert.equal(await there.registry.resolve('tienda/web', '1'), null);
  });

  it('a remote that is down: the queue grows, the lag shows, and it goes on when it is back', async () => {
    await here.remotes.change('there', { offline: true }, 'user:root');
    const digest = await putImage(here, 'tienda/web', 'later', 'later');
    await replicated('backup');
    clock.move(100);
    const behind = await replications.read('backup');
    assert.equal(behind.waiting, 1);
    assert.ok((behind.lagSeconds ?? 0) >= 100);
    assert.match(behind.problem?.en ?? '', /offline/);
    // What a clock years ahead put off is due when it is set right.
    clock.move(800 * 86_400);
    await replicated('backup');
    clock.move(-800 * 86_400);
    await here.remotes.change('there', { offline: false }, 'user:root');
    await replicated('backup');
    assert.equal((await there.registry.resolve('tienda/web', 'later'))?.digest, digest);
    assert.equal((await replications.read('backup')).waiting, 0);
  });
});

describe('healing', () => {
  it('a good copy comes from where the content was replicated to or mirrored from', async () => {
    const elsewhere = new CopiesElsewhere({ ...here, replications, log: silentLog });
    const stored = await here.registry.resolve('tienda/web', '2');
    const [layer] = JSON.parse(Buffer.from(stored?.bytes ?? []).toString()).layers as {
      digest: Digest;
      size: number;
    }[];
    assert.ok(layer);
    const wanted = { digest: layer.digest, sizeBytes: layer.size, repositories: ['tienda/web'] };
    const copy = await elsewhere.fetch({ ...wanted, kind: 'blob' });
    assert.equal(copy?.from, `${there.host}/tienda/web`);
    let bytes = 0;
    for await (const piece of copy?.bytes ?? []) bytes += piece.byteLength;
    assert.equal(bytes, layer.size);
    await putImage(there, 'library/x', '1', 'mirrored');
    await here.mirrors.create('tienda/lib', 'there', { upstream: 'library' }, 'user:root');
    await (await here.mirrors.sync('tienda/lib', 'user:root')).finished;
    const own = await putImage(here, 'tienda/alone', '1', 'nowhere else');
    const alone = { digest: own, sizeBytes: 1, repositories: ['tienda/alone'], kind: 'manifest' } as const;
    assert.equal(await elsewhere.fetch(alone), null);
  });

  it('T5: rot in content that was replicated is found by the scrub and healed from there', async () => {
    const digest = await putImage(here, 'tienda/web', 'rots', 'this one rots');
    await replicated('backup');
    const stored = await here.registry.resolve('tienda/web', digest);
    const [layer] = JSON.parse(Buffer.from(stored?.bytes ?? []).toString()).layers as {
      digest: Digest;
      size: number;
    }[];
    assert.ok(layer);
    const path = `${here.root}/blobs/sha256/${layer.digest.slice(7, 9)}/${layer.digest.slice(7)}`;
    await here.registry.settle();
    await writeFile(path, 'Z'.repeat(layer.size));
    here.registry.scrub.healFrom(new CopiesElsewhere({ ...here, replications, log: silentLog }));
    await here.registry.scrub.check(layer.digest, layer.size);
    const [damage] = await here.registry.scrub.damages();
    assert.equal(damage?.digest, layer.digest);
    assert.notEqual(damage?.healedAt, null);
    let bytes = 0;
    for await (const piece of here.registry.openBlob(layer.digest)) bytes += piece.byteLength;
    assert.equal(bytes, layer.size);
  });
});

describe('R6: watching another registry', () => {
  it('lists, examines without storing, and sees what moved', async () => {
    await putImage(there, 'outside/app', '1', 'foreign one');
    await putImage(there, 'outside/app', '2', 'foreign two');
    await watches.create('others', { remote: 'there', repositories: ['outside/app'], everySeconds: 3600 }, 'user:root');
    const first = await (await watches.check('others', 'user:root')).finished;
    assert.equal(first.state, 'done', JSON.stringify(first.problem));
    assert.deepEqual(examined.sort(), ['there/outside/app:1', 'there/outside/app:2']);
    assert.equal(await here.registry.resolve('outside/app', '1'), null);
    const images = await watches.images('others');
    assert.deepEqual(
      images.map(({ tag, examination }) => `${tag} ${examination?.decision} ${examination?.byRisk['high']}`),
      ['1 allow 1', '2 allow 1'],
    );
    const moved = await putImage(there, 'outside/app', '1', 'foreign one anew');
    decision = 'refuse';
    clock.move(3601);
    await watches.checkDue();
    const { detail } = await watches.read('others');
    assert.deepEqual([detail?.images, detail?.changed, detail?.refused], [2, 1, 2]);
    assert.equal((await watches.images('others'))[0]?.digest, moved);
    await here.journal.settled();
    const facts = await here.journal.query({ projects: '*', kinds: ['image.watched'], limit: 10 });
    assert.equal(facts.length, 4, 'two that came, one that moved, one that is judged otherwise now');
    clock.move(800 * 86_400);
    await watches.checkDue();
    clock.move(-800 * 86_400);
    const looked = examined.length;
    await putImage(there, 'outside/app', '1', 'foreign one of after');
    await watches.checkDue();
    assert.ok(examined.length > looked, 'a check that a clock years ahead put off is due when it is set right');
  });

  it('reports copies that should not exist, and takes them back when they are gone', async () => {
    const ours = await putImage(here, 'tienda/secret', '1', 'internal');
    sourced.add(ours);
    await putImage(there, 'leaked/app', 'x', 'internal');
    // Replicated there, but not to this name.
    await putImage(there, 'leaked/web', 'y', 'web two');
    await putImage(here, 'shared/app', '1', 'ours');
    await putImage(there, 'shared/app', '1', 'theirs');
    await watches.create(
      'leaks',
      { remote: 'there', repositories: ['leaked/*', 'shared/app', 'tienda/web'] },
      'user:root',
    );
    assert.equal((await (await watches.check('leaks', 'user:root')).finished).state, 'done');
    const kinds = async (): Promise<string[]> =>
      (await watches.copies({ projects: '*', all: false }))
        .filter(({ kind }) => kind !== 'no-source')
        .map(({ kind, place, here: ourName }) => `${kind} ${place.replace(/^[^/]+/, 'there')} ${ourName}`)
        .sort();
    assert.deepEqual(
      await kinds(),
      [
        'other-digest there/shared/app:1 shared/app:1',
        'ours-elsewhere there/leaked/app:x tienda/secret',
        'ours-elsewhere there/leaked/web:y tienda/web',
      ],
      'what a replication brings there is where it should be',
    );
    const loose = await watches.copies({ projects: ['tienda'], all: false });
    assert.ok(loose.some(({ kind, here: name }) => kind === 'no-source' && name === 'tienda/alone'));
    assert.ok(!loose.some(({ kind, digest }) => kind === 'no-source' && digest === ours), 'it has a source');
    assert.ok(!loose.some(({ here: name }) => name === 'shared/app:1'), 'of another project');
    const by = { id: 'x', actor: 'user:x', kind: 'platform', name: 'x' } as const;
    await there.registry.manifests.deleteTag('leaked/app', 'x', by);
    await (await watches.check('leaks', 'user:root')).finished;
    await there.registry.manifests.deleteTag('leaked/web', 'y', by);
    await (await watches.check('leaks', 'user:root')).finished;
    assert.deepEqual(await kinds(), ['other-digest there/shared/app:1 shared/app:1']);
  });
});
