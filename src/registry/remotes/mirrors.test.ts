import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../oci/index.ts';
import { HELD, SECRET, startTestRegistry, type TestRegistry } from '../test-registry.ts';
import { upstreamOf } from './mirrors.ts';
import {
  connect,
  MovedClock,
  putImage,
  putIndex,
  putReferrer,
  startTestMirror,
  type TestMirror,
} from './test-mirror.ts';

let source: TestRegistry;
let mirror: TestMirror;
const clock = new MovedClock();

before(async () => {
  source = await startTestRegistry();
  mirror = await startTestMirror({ clock });
  await connect(mirror, 'source', source);
  await mirror.mirrors.create('tienda/lib', 'source', { upstream: 'library', freshSeconds: 600 }, 'user:root');
});
after(async () => {
  await mirror.close();
  await source.close();
});
beforeEach(() => {
  mirror.fallback = { allow: true };
});

interface Answer {
  readonly status: number;
  readonly digest: string | null;
  readonly age: string | null;
  readonly warning: string | null;
  readonly text: string;
}

async function ask(path: string, method = 'GET', to: TestRegistry = mirror, as = 'root'): Promise<Answer> {
  const response = await fetch(`${to.url}/v2/${path}`, { method, headers: { authorization: to.basic(as) } });
  return {
    status: response.status,
    digest: response.headers.get('docker-content-digest'),
    age: response.headers.get('age'),
    warning: response.headers.get('warning'),
    text: await response.text(),
  };
}

/** How often the source was asked for a manifest's bytes. */
async function fetches(digest: Digest): Promise<number> {
  await source.registry.pulls.flush();
  await source.journal.settled();
  const facts = await source.journal.query({ projects: '*', digest, kinds: ['image.pulled'], limit: 100 });
  return facts.reduce((sum, fact) => sum + Number((fact.body as { count: number }).count), 0);
}

describe('a mirror that fetches on demand', () => {
  it('fetches once what eight ask for at the same time, with its layers and referrers, verified', async () => {
    const digest = await putImage(source, 'library/web', '1', 'one');
    const size = (await source.registry.resolve('library/web', digest))?.bytes.byteLength ?? 0;
    const sbom = await putReferrer(source, 'library/web', { digest, size }, 'an sbom');
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask('tienda/lib/web/manifests/1')));
    for (const answer of answers) assert.deepEqual([answer.status, answer.digest], [200, digest], answer.text);
    assert.equal(await fetches(digest), 1);
    const again = await ask('tienda/lib/web/manifests/1');
    assert.deepEqual([again.status, again.age, again.warning], [200, '0', null]);
    assert.equal(await fetches(digest), 1);
    const { layers, config } = JSON.parse(again.text);
    for (const blob of [...layers, config])
      assert.equal((await ask(`tienda/lib/web/blobs/${blob.digest}`)).status, 200);
    const referrers = JSON.parse((await ask(`tienda/lib/web/referrers/${digest}`)).text);
    assert.deepEqual(
      referrers.manifests.map((one: { digest: string }) => one.digest),
      [sbom],
    );
    const pushed = mirror.pushed.filter((one) => one.repository === 'tienda/lib/web').map((one) => one.kind);
    assert.deepEqual(pushed, ['artifact', 'image'], 'what is judged finds its signatures');
    await mirror.journal.settled();
    const facts = await mirror.journal.query({ projects: '*', digest, limit: 10 });
    assert.ok(facts.some((fact) => fact.kind === 'mirror.fetched' && fact.actor === 'mirror:tienda/lib'));
  });

  it('harbor#16732: the first pull waits for the verdict and gets it, and no pull passes before', async () => {
    const digest = await putImage(source, 'library/held', '1', 'held');
    mirror.fallback = HELD;
    let answered = false;
    const waiting = ask('tienda/lib/held/manifests/1', 'GET', mirror, 'beto').then((answer) => {
      answered = true;
      return answer;
    });
    while ((await mirror.registry.resolve('tienda/lib/held', digest)) === null) await clock.sleep(10);
    await clock.sleep(10);
    assert.equal(answered, false);
    mirror.verdicts.set(digest, { allow: true });
    assert.equal((await waiting).status, 200);
    const refused = await putImage(source, 'library/held', '2', 'refused');
    mirror.verdicts.set(refused, { ...HELD, settled: true, reasons: [{ en: 'it is bad', es: 'es mala' }] });
    const answer = await ask('tienda/lib/held/manifests/2', 'GET', mirror, 'beto');
    assert.equal(answer.status, 403);
    assert.match(answer.text, /it is bad/);
  });

  it('keeps to the freshness it promises, then sees that a tag moved', async () => {
    const old = await putImage(source, 'library/moving', 'latest', 'old');
    assert.equal((await ask('tienda/lib/moving/manifests/latest')).digest, old);
    const fresh = await putImage(source, 'library/moving', 'latest', 'new');
    clock.move(300);
    const within = await ask('tienda/lib/moving/manifests/latest');
    assert.deepEqual([within.digest, within.age], [old, '300']);
    clock.move(301);
    const later = await ask('tienda/lib/moving/manifests/latest', 'HEAD');
    assert.deepEqual([later.digest, later.age], [fresh, '0']);
    assert.equal((await ask(`tienda/lib/moving/manifests/${old}`)).status, 200, 'the former one stays');
  });

  it('an index is fetched by itself, and an image of it when that is asked for', async () => {
    const amd = await putImage(source, 'library/multi', null, 'amd64');
    const arm = await putImage(source, 'library/multi', null, 'arm64');
    const index = await putIndex(source, 'library/multi', '1', [
      { digest: amd, platform: 'linux/amd64' },
      { digest: arm, platform: 'linux/arm64' },
    ]);
    assert.equal((await ask('tienda/lib/multi/manifests/1')).digest, index);
    assert.equal(await mirror.registry.resolve('tienda/lib/multi', amd), null);
    assert.equal((await ask(`tienda/lib/multi/manifests/${arm}`)).status, 200);
    assert.equal(await mirror.registry.resolve('tienda/lib/multi', amd), null);
  });

  it('a name that the source does not have is a 404, and the source is not asked again at once', async () => {
    for (let n = 0; n < 3; n++) {
      const answer = await ask('tienda/lib/none/manifests/1');
      assert.deepEqual([answer.status, JSON.parse(answer.text).errors[0].code], [404, 'MANIFEST_UNKNOWN']);
    }
    const digest = await putImage(source, 'library/none', '1', 'now there');
    assert.equal((await ask('tienda/lib/none/manifests/1')).status, 404);
    clock.move(31);
    assert.equal((await ask('tienda/lib/none/manifests/1')).digest, digest);
  });

  it('content that is not what the source said is neither stored nor served', async () => {
    const digest = await putImage(source, 'library/rotten', '1', 'rotten');
    const stored = await source.registry.resolve('library/rotten', digest);
    const layer = JSON.parse(Buffer.from(stored?.bytes ?? []).toString()).layers[0].digest as string;
    const { writeFile } = await import('node:fs/promises');
    await source.registry.settle();
    await writeFile(`${source.root}/blobs/sha256/${layer.slice(7, 9)}/${layer.slice(7)}`, 'X'.repeat(1500));
    const answer = await ask('tienda/lib/rotten/manifests/1');
    assert.notEqual(answer.status, 200);
    assert.equal(await mirror.registry.resolve('tienda/lib/rotten', '1'), null);
    assert.equal(await mirror.registry.content.blobSize('tienda/lib/rotten', layer as Digest), null);
  });

  it('nobody pushes into a mirror, and a mirror takes no place that was pushed to', async () => {
    for (const [path, method] of [
      ['tienda/lib/web/blobs/uploads/', 'POST'],
      ['tienda/lib/manifests/x', 'PUT'],
      ['tienda/lib/deep/er/manifests/x', 'PUT'],
    ] as const) {
      const answer = await ask(path, method);
      assert.equal(answer.status, 405, path);
      assert.match(answer.text, /takes no pushes/);
    }
    assert.equal((await ask('tienda/library/blobs/uploads/', 'POST')).status, 202, 'a name that only starts alike');
    await putImage(mirror, 'tienda/own/app', '1', 'own');
    await assert.rejects(mirror.mirrors.create('tienda/own', 'source', {}, 'user:root'), { code: 'mirror.taken' });
    await assert.rejects(mirror.mirrors.create('tienda/lib', 'source', {}, 'user:root'), { code: 'mirror.taken' });
  });

  it('an image beyond the bound is refused before its bytes come', async () => {
    await mirror.mirrors.change('tienda/lib', { sizeMaxBytes: 100 }, 'user:root');
    await putImage(source, 'library/huge', '1', 'huge');
    const answer = await ask('tienda/lib/huge/manifests/1');
    assert.equal(answer.status, 403);
    assert.match(answer.text, /larger than its mirror takes/);
    await mirror.mirrors.change('tienda/lib', { sizeMaxBytes: 1_000_000 }, 'user:root');
  });

  it('a remote that is offline or down: what is here is served and said to be old, what is not is told why', async () => {
    const digest = await putImage(source, 'library/old', '1', 'old one');
    assert.equal((await ask('tienda/lib/old/manifests/1')).status, 200);
    clock.move(3600);
    await mirror.remotes.change('source', { offline: true }, 'user:root');
    const offline = await ask('tienda/lib/old/manifests/1');
    assert.deepEqual([offline.status, offline.digest, offline.age], [200, digest, '3600']);
    assert.match(offline.warning ?? '', /^299 - ".*set offline/);
    assert.equal((await ask('tienda/lib/never/manifests/1')).status, 504);
    await mirror.remotes.change('source', { offline: false }, 'user:root');
    const other = await startTestRegistry();
    const image = await putImage(other, 'library/x', '1', 'x');
    await connect(mirror, 'other', other);
    await mirror.mirrors.create('tienda/other', 'other', { upstream: 'library', freshSeconds: 0 }, 'user:root');
    assert.equal((await ask('tienda/other/x/manifests/1')).digest, image);
    await other.close();
    const down = await ask('tienda/other/x/manifests/1');
    assert.deepEqual([down.status, down.digest], [200, image]);
    assert.match(down.warning ?? '', /cannot be reached/);
    const started = performance.now();
    assert.equal((await ask('tienda/other/y/manifests/1')).status, 504);
    assert.ok(performance.now() - started < 200, 'it is not waited for again');
  });
});

describe('loops', () => {
  it('a mirror of itself is refused with the reason, and the check of the remote says so', async () => {
    await connect(mirror, 'self', mirror);
    await mirror.mirrors.create('tienda/self', 'self', { upstream: 'tienda/self' }, 'user:root');
    const answer = await ask('tienda/self/web/manifests/1');
    assert.equal(answer.status, 508);
    assert.match(answer.text, /leads back to where the request came from/);
    await assert.rejects(mirror.remotes.check('self'), { code: 'registry.remote-loop' });
    assert.equal((await mirror.remotes.check('source')).instance, source.registry.instanceId);
  });

  it('two mirrors of each other end with a fault instead of asking for ever', async () => {
    const one = await startTestMirror();
    const two = await startTestMirror();
    await connect(one, 'two', two);
    await connect(two, 'one', one);
    await one.mirrors.create('tienda/a', 'two', { upstream: 'tienda/a' }, 'user:root');
    await two.mirrors.create('tienda/a', 'one', { upstream: 'tienda/a' }, 'user:root');
    const answer = await ask('tienda/a/x/manifests/1', 'GET', one);
    assert.equal(answer.status, 508);
    await one.close();
    await two.close();
  });
});

describe('who may use a remote', () => {
  it('a project that may not use it, and a repository outside its patterns, get nothing', async () => {
    await mirror.remotes.create(
      'narrow',
      { url: source.url, projects: ['otro'], repositories: ['library/*'] },
      'user:root',
    );
    await assert.rejects(mirror.mirrors.create('tienda/narrow', 'narrow', {}, 'user:root'), {
      code: 'remote.not-for-project',
    });
    await mirror.remotes.change('source', { repositories: ['library/w*'] }, 'user:root');
    const answer = await ask('tienda/lib/secret/manifests/1');
    assert.equal(answer.status, 403);
    await mirror.remotes.change('source', { repositories: ['**'] }, 'user:root');
  });

  it('W5: the secret is in no view, fact or row, and another address takes it away', async () => {
    await mirror.remotes.create(
      'secret',
      { url: 'https://registry.example', credentials: { name: 'ana', secret: 'canary-4711' } },
      'user:root',
    );
    const view = await mirror.remotes.read('secret');
    assert.deepEqual([view.username, view.hasSecret], ['ana', true]);
    await mirror.journal.settled();
    const facts = await mirror.journal.query({ projects: '*', limit: 100 });
    const rows = await (mirror.registry.db as never as import('./store.ts').RemoteDatabase)
      .selectFrom('registry_remotes')
      .selectAll()
      .execute();
    const shown = JSON.stringify([
      view,
      facts,
      rows.map((row) => ({ ...row, secret: Buffer.from(row.secret ?? []).toString('latin1') })),
    ]);
    assert.ok(!shown.includes('canary-4711'));
    assert.equal(
      (await mirror.remotes.change('secret', { url: 'https://evil.example' }, 'user:root')).hasSecret,
      false,
    );
  });

  it('what cannot be meant is refused', async () => {
    for (const input of [
      { url: 'file:///etc/passwd' },
      { url: 'https://a.example/path' },
      { url: 'https://u:p@a.example' },
      { url: 'gopher://a.example' },
      { url: 'https://a.example?x' },
      { url: 'http://a.example', credentials: { name: 'ana', secret: 'x' } },
      { url: 'https://a.example', networks: ['0.0.0.0/0'] },
      { url: 'https://a.example', tokenHosts: ['*.example'] },
      { url: 'https://a.example', tokenHosts: ['https://b.example'] },
      { url: 'https://a.example', storageHosts: ['*.com/x'] },
      { url: 'https://a.example', storageHosts: ['*.com'] },
      { url: 'https://a.example', ca: 'no pem' },
      { url: 'https://a.example', repositories: ['a b'] },
    ]) {
      await assert.rejects(
        mirror.remotes.create('bad', input, 'user:root'),
        { code: 'remote.invalid' },
        JSON.stringify(input),
      );
    }
    for (const input of [
      { platforms: ['x'] },
      { everySeconds: 1 },
      { tags: ['***'] },
      { upstream: 'A' },
      { newest: 0 },
    ]) {
      await assert.rejects(mirror.mirrors.create('tienda/bad', 'source', input, 'user:root'), {
        code: 'mirror.invalid',
      });
    }
    assert.equal(SECRET.length > 0, true);
  });

  it('names there and here', () => {
    assert.equal(upstreamOf({ prefix: 'm/debian', upstream: 'library' }, 'm/debian/web/x'), 'library/web/x');
    assert.equal(upstreamOf({ prefix: 'm/debian', upstream: 'library' }, 'm/debian'), 'library');
    assert.equal(upstreamOf({ prefix: 'm/debian', upstream: '' }, 'm/debian/web'), 'web');
  });
});

describe('a mirror by schedule', () => {
  it('brings the tags and platforms that are wanted with what refers to them, and only what is new the next time', async () => {
    const amd = await putImage(source, 'sync/app', null, 'app amd');
    const arm = await putImage(source, 'sync/app', null, 'app arm');
    const index = await putIndex(source, 'sync/app', 'v1.9', [
      { digest: amd, platform: 'linux/amd64' },
      { digest: arm, platform: 'linux/arm64' },
    ]);
    for (const tag of ['v1.10', 'v1.11', 'nightly']) await putImage(source, 'sync/app', tag, tag);
    const size = (await source.registry.resolve('sync/app', amd))?.bytes.byteLength ?? 0;
    const sbom = await putReferrer(source, 'sync/app', { digest: amd, size }, 'sbom of amd');
    await mirror.mirrors.create(
      'tienda/sync',
      'source',
      {
        upstream: 'sync',
        repositories: ['app'],
        tags: ['v*'],
        platforms: ['linux/amd64'],
        newest: 3,
        everySeconds: 3600,
      },
      'user:root',
    );
    const first = await (await mirror.mirrors.sync('tienda/sync', 'user:root')).finished;
    assert.equal(first.state, 'done', JSON.stringify(first.problem));
    assert.deepEqual((first.result as { brought: number; tags: number }).brought, 3);
    const has = async (reference: string) => (await mirror.registry.resolve('tienda/sync/app', reference)) !== null;
    assert.deepEqual(await Promise.all(['v1.9', 'v1.10', 'v1.11', 'nightly', index, amd, arm, sbom].map(has)), [
      true,
      true,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
    await putImage(source, 'sync/app', 'v1.11', 'v1.11 anew');
    await source.registry.manifests.deleteTag('sync/app', 'v1.10', {
      id: 'x',
      actor: 'user:x',
      kind: 'platform',
      name: 'x',
    });
    clock.move(3601);
    await mirror.mirrors.syncDue();
    const { syncState, syncDetail } = mirror.mirrors.read('tienda/sync');
    assert.deepEqual([syncState, syncDetail?.brought, syncDetail?.unchanged, syncDetail?.gone], ['done', 1, 1, 1]);
    const tags = await mirror.mirrors.tagsOf('tienda/sync', 10);
    assert.deepEqual(
      tags.map(({ tag, state }) => `${tag} ${state}`),
      ['v1.10 gone', 'v1.11 current', 'v1.9 current'],
    );
    const years = 800 * 86_400;
    clock.move(years);
    await mirror.mirrors.syncDue();
    clock.move(-years);
    const { syncedAt } = mirror.mirrors.read('tienda/sync');
    await mirror.mirrors.syncDue();
    const after = mirror.mirrors.read('tienda/sync').syncedAt;
    assert.ok(
      (after ?? '') < (syncedAt ?? ''),
      `due when a clock years ahead is set right: ${syncedAt}, then ${after}`,
    );
  });

  it('goes on after a failure: what came stays, the rest is told and comes the next time', async () => {
    const bad = await putImage(source, 'sync2/app', '2', 'bad one');
    await putImage(source, 'sync2/app', '1', 'good one');
    const stored = await source.registry.resolve('sync2/app', bad);
    const layer = JSON.parse(Buffer.from(stored?.bytes ?? []).toString()).layers[0];
    const { readFile, writeFile } = await import('node:fs/promises');
    const path = `${source.root}/blobs/sha256/${layer.digest.slice(7, 9)}/${layer.digest.slice(7)}`;
    await source.registry.settle();
    const good = await readFile(path);
    await writeFile(path, 'Y'.repeat(good.byteLength));
    await mirror.mirrors.create('tienda/sync2', 'source', { upstream: 'sync2', repositories: ['*'] }, 'user:root');
    const first = await (await mirror.mirrors.sync('tienda/sync2', 'user:root')).finished;
    assert.deepEqual([first.state, first.problem?.en.code], ['failed', 'mirror.sync-incomplete']);
    assert.notEqual(await mirror.registry.resolve('tienda/sync2/app', '1'), null);
    assert.equal(mirror.mirrors.read('tienda/sync2').syncDetail?.failed, 1);
    await writeFile(path, good);
    const second = await (await mirror.mirrors.sync('tienda/sync2', 'user:root')).finished;
    assert.equal(second.state, 'done');
    assert.equal((second.result as { brought: number }).brought, 1);
    await mirror.remotes.change('source', { offline: true }, 'user:root');
    assert.equal((await (await mirror.mirrors.sync('tienda/sync2', 'user:root')).finished).state, 'failed');
    const { syncDetail } = mirror.mirrors.read('tienda/sync2');
    assert.match(syncDetail?.problem?.en ?? '', /offline/);
    assert.equal(syncDetail?.brought, 0);
    await mirror.remotes.change('source', { offline: false }, 'user:root');
  });
});
