import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestHex, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { type Clock, Fault, systemClock } from '../system/index.ts';
import { ensureRepository, linkBlobs } from './store.ts';
import { startTestRegistry, type TestRegistry } from './test-registry.ts';

let ahead = 0;
const clock: Clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };
let server: TestRegistry;
before(async () => {
  server = await startTestRegistry({ clock });
});
after(() => server.close());

const by = { actor: 'user:root' };
async function ask(method: string, path: string, body?: Buffer | ReadableStream, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path.startsWith('/') ? path : `/v2/${path}`}`, {
    method,
    headers: { authorization: server.basic('root'), ...headers },
    ...(body === undefined ? {} : { body, duplex: 'half' }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes, header: (name: string) => response.headers.get(name) ?? '' };
}
const error = (bytes: Buffer) => JSON.parse(bytes.toString()).errors[0];
const push = (repository: string, bytes: Buffer) =>
  ask('POST', `${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, bytes);
const used = async (project: string): Promise<number> => (await server.registry.quotas.usage(project)).usedBytes;
const putManifest = (repository: string, tag: string, config: Buffer, extra: object = {}) =>
  ask(
    'PUT',
    `${repository}/manifests/${tag}`,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
        layers: [],
        ...extra,
      }),
    ),
    { 'content-type': MEDIA_TYPE.manifest },
  );

/** The same number, counted from the tables. */
async function recount(project: string): Promise<number> {
  const { db } = server.registry;
  const blobs = await db
    .selectFrom('registry_blob_links as l')
    .innerJoin('registry_repositories as r', 'r.id', 'l.repository_id')
    .innerJoin('registry_blobs as b', 'b.digest', 'l.digest')
    .select(['b.digest', 'b.size_bytes'])
    .where('r.project', '=', project)
    .execute();
  const manifests = await db
    .selectFrom('registry_manifests as m')
    .innerJoin('registry_repositories as r', 'r.id', 'm.repository_id')
    .select('m.bytes')
    .where('r.project', '=', project)
    .execute();
  const distinct = new Map(blobs.map((row) => [row.digest, Number(row.size_bytes)]));
  return (
    [...distinct.values()].reduce((a, b) => a + b, 0) + manifests.reduce((sum, row) => sum + row.bytes.byteLength, 0)
  );
}

describe('what a project stores', () => {
  it('counts shared content once a project, and follows pushes, mounts, removals and the collection', async () => {
    const config = Buffer.from('{"a":1}');
    const layer = randomBytes(1000);
    for (const bytes of [config, layer]) assert.equal((await push('cuenta/a', bytes)).status, 201);
    assert.equal(await used('cuenta'), 1000 + config.byteLength);
    await push('cuenta/b', layer);
    await push('ajeno/a', layer);
    assert.equal(await used('cuenta'), 1000 + config.byteLength);
    assert.equal(await used('ajeno'), 1000);
    const mount = await ask('POST', `ajeno/b/blobs/uploads/?mount=${digestOf(config)}&from=cuenta/a`);
    assert.equal(mount.status, 201);
    assert.equal(await used('ajeno'), 1000 + config.byteLength);
    assert.equal((await putManifest('cuenta/a', '1', config)).status, 201);
    assert.equal((await putManifest('cuenta/a', '2', config)).status, 201);
    assert.equal(await used('cuenta'), await recount('cuenta'));
    const digest = (await ask('HEAD', 'cuenta/a/manifests/1')).header('docker-content-digest');
    assert.equal((await ask('DELETE', `cuenta/a/manifests/${digest}`)).status, 202);
    assert.equal((await ask('DELETE', `cuenta/a/blobs/${digestOf(layer)}`)).status, 202);
    assert.equal(await used('cuenta'), 1000 + config.byteLength);
    ahead += 25 * 3_600_000;
    await server.registry.collectGarbage();
    assert.equal(await used('cuenta'), 0);
    assert.equal(await used('ajeno'), 0);
  });
});

describe('the quota of a project', () => {
  it('refuses before a byte is read when the size is known, and says used, limit and needed', async () => {
    await server.registry.settings.change('lleno', '**', { quotaBytes: 5000 }, by);
    await push('lleno/a', randomBytes(3000));
    const refused = await push('lleno/a', randomBytes(2500));
    assert.equal(refused.status, 403);
    const { code, message } = error(refused.bytes);
    assert.equal(code, 'DENIED');
    assert.match(message, /quota of project lleno is full: it stores 3\.0 kB of 5\.0 kB, and this needs 2\.5 kB more/);
    assert.equal((await push('lleno/a', randomBytes(2000))).status, 201);
    assert.equal(await used('lleno'), 5000);
  });

  it('refuses in the middle of a stream without a length, and keeps nothing of it', async () => {
    await server.registry.settings.change('flujo', '**', { quotaBytes: 100_000 }, by);
    const start = await ask('POST', 'flujo/a/blobs/uploads/');
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent >= 400_000) controller.close();
        else controller.enqueue(randomBytes(20_000));
        sent += 20_000;
      },
    });
    const patch = await ask('PATCH', start.header('location'), body);
    assert.equal(patch.status, 403);
    assert.equal((await ask('GET', start.header('location'))).status, 404);
    assert.equal((await push('flujo/a', randomBytes(100_000))).status, 201);
  });

  it('counts uploads that are still arriving, chunk by chunk, until they end', async () => {
    await server.registry.settings.change('trozos', '**', { quotaBytes: 10_000 }, by);
    const start = await ask('POST', 'trozos/a/blobs/uploads/');
    const patch = await ask('PATCH', start.header('location'), randomBytes(8000));
    assert.equal(patch.status, 202);
    assert.equal((await push('trozos/a', randomBytes(3000))).status, 403);
    assert.equal((await ask('DELETE', patch.header('location'))).status, 204);
    assert.equal((await push('trozos/a', randomBytes(3000))).status, 201);
  });

  it('lets content pass that the project has already, also when it is full', async () => {
    await server.registry.settings.change('lleno2', '**', { quotaBytes: 1000 }, by);
    const bytes = randomBytes(1000);
    assert.equal((await push('lleno2/a', bytes)).status, 201);
    assert.equal((await push('lleno2/b', bytes)).status, 201);
    assert.equal((await putManifest('lleno2/a', '1', bytes)).status, 403);
  });

  it('lets damaged content be pushed again, also in chunks, when it is full', async () => {
    await server.registry.settings.change('roto', '**', { quotaBytes: 300_000 }, by);
    const bytes = randomBytes(300_000);
    const digest = digestOf(bytes);
    assert.equal((await push('roto/a', bytes)).status, 201);
    await rm(join(server.root, 'blobs', 'sha256', digestHex(digest).slice(0, 2), digestHex(digest)));
    assert.equal(await server.registry.scrub.check(digest, bytes.byteLength), 'damaged');
    const start = await ask('POST', 'roto/a/blobs/uploads/');
    const patch = await ask('PATCH', start.header('location'), bytes);
    assert.equal(patch.status, 202, patch.bytes.toString());
    assert.equal((await ask('PUT', `${patch.header('location')}?digest=${digest}`)).status, 201);
    assert.equal(await used('roto'), 300_000);
    assert.equal(await used('roto'), await recount('roto'));
  });

  it('is not passed by pushes at the same moment', async () => {
    await server.registry.settings.change('juntos', '**', { quotaBytes: 50_000 }, by);
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, n) => push(`juntos/r${n % 5}`, randomBytes(4000))),
    );
    assert.equal(answers.filter((one) => one.status === 201).length, 12);
    assert.equal(await used('juntos'), 48_000);
    assert.equal(await used('juntos'), await recount('juntos'));
  });

  it('a mount into a full project is refused', async () => {
    const bytes = randomBytes(2000);
    await push('fuente/a', bytes);
    await putManifest('fuente/a', '1', bytes);
    await server.registry.settings.change('lleno3', '**', { quotaBytes: 1000 }, by);
    const mount = await ask('POST', `lleno3/a/blobs/uploads/?mount=${digestOf(bytes)}&from=fuente/a`);
    assert.equal(mount.status, 403);
  });
});

describe('an immutable tag', () => {
  it('is made once, and then neither moved nor deleted by any road', async () => {
    const config = Buffer.from('{"immutable":true}');
    await push('fijo/web', config);
    await server.registry.settings.change('fijo', 'web', { immutableTags: ['v*'] }, by);
    assert.equal((await putManifest('fijo/web', 'v1', config)).status, 201);
    assert.equal((await putManifest('fijo/web', 'v1', config)).status, 201, 'the same digest is no change');
    const moved = await putManifest('fijo/web', 'v1', config, { annotations: { other: 'yes' } });
    assert.equal(moved.status, 403);
    assert.match(error(moved.bytes).message, /tag v1 of fijo\/web is immutable/);
    assert.equal((await ask('DELETE', 'fijo/web/manifests/v1')).status, 403);
    const digest = (await ask('HEAD', 'fijo/web/manifests/v1')).header('docker-content-digest');
    assert.equal((await ask('DELETE', `fijo/web/manifests/${digest}`)).status, 403);
    assert.equal((await ask('GET', 'fijo/web/manifests/v1')).header('docker-content-digest'), digest);
    const platform = server.registry.putManifest(
      'fijo/web',
      Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: MEDIA_TYPE.manifest,
          config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
          layers: [],
          annotations: { by: 'the platform' },
        }),
      ),
      MEDIA_TYPE.manifest,
      { tag: 'v1' },
    );
    await assert.rejects(platform, { code: 'registry.tag-immutable' });
    assert.equal((await putManifest('fijo/web', 'latest', config)).status, 201);
    assert.equal((await putManifest('fijo/web', 'latest', config, { annotations: { n: '2' } })).status, 201);
    assert.equal((await ask('DELETE', 'fijo/web/manifests/latest')).status, 202);
    assert.equal((await ask('DELETE', 'fijo/web/manifests/v9')).status, 404);
  });

  it('of many pushes at the same moment, one makes it and the rest are refused', async () => {
    const config = Buffer.from('{"race":true}');
    await push('fijo/race', config);
    await server.registry.settings.change('fijo', 'race', { immutableTags: ['**'] }, by);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => putManifest('fijo/race', '1', config, { annotations: { n: String(n) } })),
    );
    assert.deepEqual([...new Set(answers.map((one) => one.status))].sort(), [201, 403]);
    assert.equal(answers.filter((one) => one.status === 201).length, 1);
  });
});

it('of blobs that are stated in one commit those that fit are counted once, and of the others nothing stays', async () => {
  const { db } = server.registry;
  const id = await ensureRepository(db, 'lote/a', clock);
  const digests = [1, 2, 3].map((n) => digestOf(Buffer.from(`blob ${n} of one commit`))).sort();
  const state = async (quotaBytes: number | null) => {
    const repository = { id, name: 'lote/a', quotaBytes };
    const blobs = digests.map((digest) => ({ repository, digest, sizeBytes: 400, pushedById: 'x' }));
    const outcomes = await db.transaction().execute((tx) => linkBlobs(tx, blobs, new Date().toISOString()));
    return outcomes.map((one) => (one instanceof Fault ? one.code : one));
  };
  assert.deepEqual(await state(1000), [true, true, 'registry.quota-exceeded']);
  const stored = await db.selectFrom('registry_blobs').select('digest').where('digest', 'in', digests).execute();
  assert.deepEqual(stored.map(({ digest }) => digest).sort(), digests.slice(0, 2));
  assert.deepEqual([await used('lote'), await recount('lote')], [800, 800]);
  assert.deepEqual(await state(null), [false, false, true]);
  assert.deepEqual([await used('lote'), await recount('lote')], [1200, 1200]);
});
