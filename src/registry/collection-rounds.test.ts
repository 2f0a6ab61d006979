import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Digest, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { systemClock } from '../system/index.ts';
import { parseRetentionRule } from './settings-commands.ts';
import { startTestRegistry, type TestRegistry } from './test-registry.ts';

const ROUNDS = process.env['DARSENA_SOAK'] === '1' ? 100 : 12;

let server: TestRegistry;
before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());

async function ask(method: string, path: string, body?: Buffer, as = 'root') {
  const response = await fetch(`${server.url}/v2/${path}`, {
    method,
    headers: {
      authorization: server.basic(as),
      ...(path.includes('/manifests/') ? { 'content-type': MEDIA_TYPE.manifest } : {}),
    },
    ...(body === undefined ? {} : { body }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, bytes };
}

function generator(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return Math.floor((((state ^ (state >>> 13)) >>> 0) / 2 ** 32) * below);
  };
}

const descriptor = (bytes: Buffer, mediaType: string) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});
const manifestOf = (config: Buffer, layer: Buffer, extra: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: descriptor(config, MEDIA_TYPE.config),
      layers: [descriptor(layer, MEDIA_TYPE.layer)],
      ...extra,
    }),
  );

const push = async (repository: string, bytes: Buffer): Promise<void> => {
  const { status } = await ask('POST', `${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, bytes);
  assert.equal(status, 201);
};

it(`R10: ${ROUNDS} rounds of push, pull, mount, tag move and referrers against a collection that never rests`, async () => {
  let running = true;
  let passes = 0;
  const collecting = (async () => {
    while (running) {
      await server.registry.collectGarbage({ graceMs: 0 });
      passes += 1;
    }
  })();
  /** Pushes until it holds: without a grace a blob may go before its manifest comes, and the push is told so. */
  const pushImage = async (repository: string, tag: string, config: Buffer, layer: Buffer, extra: object = {}) => {
    const manifest = manifestOf(config, layer, extra);
    for (let attempt = 0; attempt < 50; attempt++) {
      await push(repository, config);
      await push(repository, layer);
      const { status, bytes } = await ask('PUT', `${repository}/manifests/${tag}`, manifest);
      if (status === 201) return digestOf(manifest);
      assert.equal(JSON.parse(bytes.toString()).errors[0].code, 'MANIFEST_BLOB_UNKNOWN');
    }
    return assert.fail('the push never held');
  };
  const round = async (seed: number): Promise<void> => {
    const next = generator(seed);
    const worker = async (name: string): Promise<void> => {
      const repository = `vueltas/${name}`;
      const layers = Array.from({ length: 3 }, () => Buffer.from(`shared layer ${next(4)}`));
      const config = Buffer.from(`{"seed":${seed},"by":"${name}"}`);
      const layer = layers[0] ?? Buffer.from('x');
      const digest = await pushImage(repository, 'moving', config, layer);
      const signature = Buffer.from(`signature ${seed} ${name}`);
      await pushImage(repository, `sig-${seed}`, Buffer.from('{}'), signature, {
        artifactType: 'application/vnd.example.signature',
        subject: { mediaType: MEDIA_TYPE.manifest, digest, size: manifestOf(config, layer).byteLength },
      });
      if (next(2) === 0) await pushImage(repository, 'moving', config, layers[1] ?? layer);
      await ask('POST', `${repository}/blobs/uploads/?mount=${digestOf(layer)}&from=vueltas/a`);
      // Everything that is still referred to is there, byte for byte.
      const wanted: [Digest, Buffer][] = [
        [digestOf(layer), layer],
        [digestOf(config), config],
        [digestOf(signature), signature],
      ];
      assert.equal((await ask('GET', `${repository}/manifests/${digest}`)).status, 200);
      for (const [blob, bytes] of wanted) {
        const answer = await ask('GET', `${repository}/blobs/${blob}`);
        assert.deepEqual([answer.status, answer.bytes.equals(bytes)], [200, true], `seed ${seed} ${name} ${blob}`);
      }
      const referrers = JSON.parse((await ask('GET', `${repository}/referrers/${digest}`)).bytes.toString());
      assert.equal(referrers.manifests.length, 1);
      if (next(3) === 0) assert.equal((await ask('DELETE', `${repository}/manifests/${digest}`)).status, 202);
    };
    await Promise.all(['a', 'b', 'c'].map(worker));
  };
  for (let seed = 1; seed <= ROUNDS; seed++) await round(seed);
  running = false;
  await collecting;
  // It ran through all of it, however slow the machine: no pass waits for a quiet moment.
  assert.ok(passes >= 3, `${passes} passes`);
});

it('R7: what was deleted is never served where it is not linked, whatever happens at the same moment', async () => {
  for (let n = 0; n < ROUNDS; n++) {
    const config = Buffer.from(`{"gone":${n}}`);
    const layer = Buffer.from(`deleted layer ${n}`);
    await push('borrado/a', config);
    await push('borrado/a', layer);
    const manifest = manifestOf(config, layer);
    assert.equal((await ask('PUT', 'borrado/a/manifests/1', manifest)).status, 201);
    const blob = digestOf(layer);
    const other = await Promise.all([
      ask('GET', `borrado/b${n}/blobs/${blob}`),
      ask('HEAD', `borrado/b${n}/blobs/${blob}`),
      ask('DELETE', `borrado/a/manifests/${digestOf(manifest)}`),
      ask('POST', `borrado/c${n}/blobs/uploads/?mount=${blob}&from=borrado/a`),
    ]);
    assert.deepEqual([other[0].status, other[1].status, other[2].status], [404, 404, 202]);
    for (const path of [`manifests/${digestOf(manifest)}`, 'manifests/1']) {
      assert.equal((await ask('GET', `borrado/a/${path}`)).status, 404);
    }
    const isMounted = other[3].status === 201;
    await new Promise((resolve) => setTimeout(resolve, 2));
    const race = await Promise.all([
      server.registry.collectGarbage({ graceMs: 0 }),
      ask('GET', `borrado/b${n}/blobs/${blob}`),
      ask('POST', `borrado/d${n}/blobs/uploads/?mount=${blob}&from=borrado/a`),
    ]);
    assert.equal(race[1].status, 404);
    // Nothing uses what was mounted: this pass and the next take all of it.
    await new Promise((resolve) => setTimeout(resolve, 2));
    await server.registry.collectGarbage({ graceMs: 0 });
    for (const repository of ['a', `c${n}`, `d${n}`]) {
      const status = (await ask('GET', `borrado/${repository}/blobs/${blob}`, undefined, 'eye')).status;
      assert.equal(status, 404, `${repository}, mounted ${isMounted}`);
    }
  }
});

it('a pass of the collection that was cut goes on, and its figures can be read', async () => {
  const before = (await server.registry.upkeep()).collection;
  assert.equal(before.phase, null);
  for (let n = 0; n < 5; n++) await push('cortado/a', Buffer.from(`cut ${n}`));
  await new Promise((resolve) => setTimeout(resolve, 2));
  const stop = new AbortController();
  const cut = server.registry.collectGarbage({ graceMs: 0, signal: stop.signal, progress: () => stop.abort() });
  await assert.rejects(cut);
  assert.equal((await server.registry.upkeep()).collection.phase, 'links');
  const collected = await server.registry.collectGarbage({ graceMs: 0 });
  const { collection } = await server.registry.upkeep();
  assert.deepEqual([collection.phase, collection.last], [null, { ...collected }]);
  assert.ok(collected.blobs >= 5);
});

describe('retention', () => {
  const by = { actor: 'user:root' };
  const pushImage = async (repository: string, tag: string, n: number): Promise<Digest> => {
    const config = Buffer.from(`{"n":${n},"for":"${repository}"}`);
    const layer = Buffer.from(`layer ${n}`);
    await push(repository, config);
    await push(repository, layer);
    const manifest = manifestOf(config, layer);
    assert.equal((await ask('PUT', `${repository}/manifests/${tag}`, manifest)).status, 201);
    return digestOf(manifest);
  };
  const tagsOf = async (repository: string): Promise<string[]> =>
    JSON.parse((await ask('GET', `${repository}/tags/list`)).bytes.toString()).tags;

  it('removes exactly what the preview said, with a fact for each image, and leaves what is in use', async () => {
    const { registry, journal } = server;
    await registry.settings.change('limpio', '**', { retention: [parseRetentionRule('v* newest=2')] }, by);
    const digests: Digest[] = [];
    for (let n = 0; n < 6; n++) {
      digests.push(await pushImage('limpio/web', `v${n}`, n));
      await systemClock.sleep(2);
    }
    await pushImage('limpio/web', 'latest', 9);
    server.inUse.add(digests[1] ?? '');
    const preview = await registry.retention.preview('limpio');
    assert.deepEqual(preview.removals.flatMap((one) => one.tags).sort(), ['v0', 'v2', 'v3']);
    assert.deepEqual(preview.kept, { byRule: 2, inUse: 1, immutable: 0 });
    assert.deepEqual(await tagsOf('limpio/web'), ['latest', 'v0', 'v1', 'v2', 'v3', 'v4', 'v5']);
    const outcome = await registry.retention.run('limpio', 'platform');
    assert.deepEqual(outcome, { tags: 3, images: 3, skipped: 0 });
    assert.deepEqual(await tagsOf('limpio/web'), ['latest', 'v1', 'v4', 'v5']);
    assert.deepEqual((await registry.retention.preview('limpio')).removals, []);
    await journal.settled();
    const facts = await journal.query({ projects: ['limpio'], order: 'oldest', limit: 100 });
    const deleted = facts.filter((fact) => fact.kind === 'image.deleted');
    assert.deepEqual(
      deleted.map((fact) => fact.digest).sort(),
      preview.removals.flatMap((one) => one.manifests).sort(),
    );
    assert.match(JSON.stringify(deleted[0]?.body), /not among the 2 newest/);
    server.inUse.clear();
  });

  it('leaves an image whose tag was moved, or that came into use, after it was looked at', async () => {
    const { registry } = server;
    await registry.settings.change('vivo', '**', { retention: [parseRetentionRule('old* newest=0')] }, by);
    const first = await pushImage('vivo/web', 'old1', 1);
    await pushImage('vivo/web', 'old2', 2);
    const list = registry.retention;
    let asked = 0;
    // The list of what is in use is asked for the plan and before each removal: between the two it changes.
    const isAdded = server.inUse.add.bind(server.inUse);
    const has = server.inUse.has.bind(server.inUse);
    server.inUse.has = (digest) => {
      asked += 1;
      if (digest === first && asked > 2) isAdded(first);
      return has(digest);
    };
    try {
      const outcome = await list.run('vivo', 'platform');
      assert.deepEqual(outcome, { tags: 1, images: 1, skipped: 1 });
      assert.equal((await ask('GET', `vivo/web/manifests/${first}`)).status, 200);
    } finally {
      Reflect.deleteProperty(server.inUse, 'has');
      server.inUse.clear();
    }
  });
});
