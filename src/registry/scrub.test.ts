import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { open, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Digest, digestHex, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { type Clock, systemClock } from '../system/index.ts';
import type { HealSource } from './scrub.ts';
import { startTestRegistry, type TestRegistry } from './test-registry.ts';

/** Sleeping costs nothing here, and is counted. */
let sleptMs = 0;
const clock: Clock = {
  ...systemClock,
  sleep: async (ms) => {
    sleptMs += ms;
    await new Promise((resolve) => setImmediate(resolve));
  },
};
let server: TestRegistry;
before(async () => {
  server = await startTestRegistry({ clock });
});
after(() => server.close());

const put = async (repository: string, bytes: Buffer): Promise<Digest> => {
  await server.registry.putBlob(repository, bytes, digestOf(bytes));
  await server.registry.settle();
  return digestOf(bytes);
};
const fileOf = (digest: Digest): string =>
  join(server.root, 'blobs', 'sha256', digestHex(digest).slice(0, 2), digestHex(digest));
const get = async (path: string, method = 'GET') =>
  fetch(`${server.url}/v2/${path}`, { method, headers: { authorization: server.basic('eye') } });

async function flipBit(digest: Digest, at: number): Promise<void> {
  const file = await open(fileOf(digest), 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ 0x10;
  await file.write(byte, 0, 1, at);
  await file.close();
}

const sourceOf = (copies: ReadonlyMap<string, Uint8Array>): HealSource => ({
  fetch: async ({ digest }) => {
    const bytes = copies.get(digest);
    return bytes === undefined ? null : { from: 'https://mirror.example', bytes: [bytes] };
  },
});

describe('the scrub', () => {
  it('T5: finds changed, cut and missing content, serves none of it, heals it from a good copy and proves it', async () => {
    const contents = Array.from({ length: 40 }, () => randomBytes(5000));
    const copies = new Map<string, Buffer>();
    const digests: Digest[] = [];
    for (const bytes of contents) {
      const digest = await put('tienda/heal', bytes);
      digests.push(digest);
      copies.set(digest, bytes);
    }
    const hurt = digests.filter((_, n) => n % 2 === 0);
    for (const [n, digest] of hurt.entries()) {
      if (n % 3 === 0) await flipBit(digest, n * 100);
      else if (n % 3 === 1) await truncate(fileOf(digest), 100);
      else await rm(fileOf(digest));
    }
    const first = await server.registry.scrub.run();
    assert.deepEqual([first.found, first.healed], [hurt.length, 0]);
    for (const digest of hurt) {
      for (const method of ['GET', 'HEAD']) {
        assert.equal((await get(`tienda/heal/blobs/${digest}`, method)).status, 404, `${method} ${digest}`);
      }
    }
    assert.equal((await readdir(join(server.root, 'damaged'))).length, hurt.length - Math.floor(hurt.length / 3));
    const kinds = (await server.registry.scrub.damages()).map((one) => one.kind);
    assert.deepEqual([...new Set(kinds)].sort(), ['changed', 'missing', 'truncated']);

    server.registry.scrub.healFrom(sourceOf(copies));
    const second = await server.registry.scrub.run();
    assert.deepEqual([second.found, second.healed], [0, hurt.length]);
    for (const digest of digests) {
      const answer = await get(`tienda/heal/blobs/${digest}`);
      const bytes = Buffer.from(await answer.arrayBuffer());
      assert.equal(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, digest);
    }
    assert.ok((await server.registry.scrub.damages()).every((one) => one.healedFrom === 'https://mirror.example'));
    await server.journal.settled();
    const facts = await server.journal.query({ projects: ['tienda'], order: 'oldest', limit: 1000 });
    for (const kind of ['registry.content-damaged', 'registry.content-healed']) {
      assert.equal(facts.filter((fact) => fact.kind === kind).length, hurt.length, kind);
    }
  });

  it('a copy that does not match is refused, and nothing of it stays', async () => {
    const digest = await put('tienda/lie', randomBytes(3000));
    await flipBit(digest, 7);
    server.registry.scrub.healFrom(sourceOf(new Map([[digest, randomBytes(3000)]])));
    const state = await server.registry.scrub.run();
    assert.deepEqual([state.found, state.healed], [1, 0]);
    assert.equal((await get(`tienda/lie/blobs/${digest}`)).status, 404);
    assert.deepEqual(await readdir(join(server.root, 'uploads')), []);
    server.registry.scrub.healFrom(sourceOf(new Map([[digest, randomBytes(3_000_000)]])));
    assert.equal((await server.registry.scrub.run()).healed, 0);
  });

  it('content that is pushed again is healed by the push', async () => {
    const bytes = randomBytes(2000);
    const digest = await put('tienda/again', bytes);
    await rm(fileOf(digest));
    server.registry.scrub.healFrom({ fetch: async () => null });
    await server.registry.scrub.run();
    assert.equal((await get(`tienda/again/blobs/${digest}`, 'HEAD')).status, 404);
    await put('tienda/again', bytes);
    assert.equal((await get(`tienda/again/blobs/${digest}`)).status, 200);
    const damage = (await server.registry.scrub.damages()).find((one) => one.digest === digest);
    assert.equal(damage?.healedFrom, 'push');
  });

  it('a manifest whose bytes changed in the database is not served, and healed by a push or a copy elsewhere here', async () => {
    const config = Buffer.from('{"rot":true}');
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
        layers: [],
      }),
    );
    const putBoth = async (repository: string): Promise<Digest> => {
      await put(repository, config);
      return server.registry.putManifest(repository, manifest, MEDIA_TYPE.manifest, { tag: '1' });
    };
    const digest = await putBoth('tienda/rot');
    const rot = () =>
      server.registry.db
        .updateTable('registry_manifests')
        .set({ bytes: Buffer.from(`${manifest} `) })
        .where('digest', '=', digest)
        .where('repository_id', 'in', (select) =>
          select.selectFrom('registry_repositories').select('id').where('name', '=', 'tienda/rot'),
        )
        .execute();
    await rot();
    assert.equal((await server.registry.scrub.run()).found, 1);
    assert.equal((await get('tienda/rot/manifests/1')).status, 404);
    await putBoth('tienda/rot');
    assert.equal((await get('tienda/rot/manifests/1')).status, 200);
    await putBoth('tienda/rot2');
    await rot();
    const state = await server.registry.scrub.run();
    assert.deepEqual([state.found, state.healed], [1, 1]);
    const served = Buffer.from(await (await get('tienda/rot/manifests/1')).arrayBuffer());
    assert.deepEqual(served, manifest);
  });

  it('what a reader of the platform finds is set aside without waiting for a pass', async () => {
    const digest = await put('tienda/read', randomBytes(1000));
    await flipBit(digest, 10);
    const read = async (): Promise<void> => {
      for await (const _ of server.registry.openBlob(digest));
    };
    await assert.rejects(read, { code: 'registry.blob-damaged' });
    for (let n = 0; (await get(`tienda/read/blobs/${digest}`)).status !== 404; n++) {
      assert.ok(n < 200);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });

  it('reads no faster than it is told, and goes on where it was stopped', async () => {
    for (let n = 0; n < 30; n++) await put('tienda/slow', randomBytes(10_000));
    const { bytes } = (await server.registry.status()).content;
    sleptMs = 0;
    const whole = await server.registry.scrub.run({ bytesPerSecond: 100_000 });
    assert.ok(sleptMs >= (bytes / 100_000) * 1000 * 0.5, `${sleptMs} ms`);
    const stop = new AbortController();
    let seen = 0;
    const cut = server.registry.scrub.run({
      bytesPerSecond: 1e12,
      signal: stop.signal,
      progress: () => {
        seen += 1;
        if (seen === 10) stop.abort();
      },
    });
    await assert.rejects(cut);
    const standing = (await server.registry.upkeep()).scrub;
    assert.deepEqual([standing.phase, standing.readBlobs], ['blobs', 10]);
    let first = 0;
    const rest = await server.registry.scrub.run({
      bytesPerSecond: 1e12,
      progress: (state) => {
        first ||= state.readBlobs;
      },
    });
    assert.equal(first, 11);
    assert.equal(rest.readBlobs, whole.readBlobs);
  });
});
