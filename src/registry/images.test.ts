import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { accessFault, createApi } from '../access/index.ts';
import { digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { silentLog } from '../system/index.ts';
import { registerRegistryRoutes } from './routes.ts';
import { HELD, PEOPLE, startTestRegistry, type TestRegistry } from './test-registry.ts';

let server: TestRegistry;
let app: ReturnType<typeof createApi>;
let digest: string;

const config = Buffer.from(
  JSON.stringify({
    created: '2026-01-02T03:04:05Z',
    architecture: 'amd64',
    os: 'linux',
    config: {
      User: '1000',
      Entrypoint: ['/app'],
      Env: ['PATH=/bin', 'API_KEY=do-not-show'],
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
    },
    rootfs: { type: 'layers', diff_ids: [] },
    history: [{ created_by: 'COPY app /app' }],
  }),
);
const layer = Buffer.from('layer');
const empty = Buffer.from('{}');
const descriptor = (bytes: Buffer, mediaType: string) => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.byteLength,
});

before(async () => {
  server = await startTestRegistry();
  app = createApi({
    instance: 'test',
    log: silentLog,
    authenticate: async (secret) => {
      const found = PEOPLE.get(secret);
      if (found === undefined) throw accessFault('access.token-invalid');
      return found;
    },
  });
  registerRegistryRoutes(app, server.registry);
  const { registry } = server;
  for (const bytes of [config, layer, empty]) await registry.putBlob('tienda/web', bytes, digestOf(bytes));
  const image = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MEDIA_TYPE.manifest,
      config: descriptor(config, MEDIA_TYPE.config),
      layers: [descriptor(layer, MEDIA_TYPE.layer)],
    }),
  );
  digest = await registry.putManifest('tienda/web', image, MEDIA_TYPE.manifest, { tag: '1', actor: 'user:ana' });
  await registry.putManifest('tienda/web', image, MEDIA_TYPE.manifest, { tag: 'latest' });
  let subject = descriptor(image, MEDIA_TYPE.manifest);
  for (const artifactType of ['application/vnd.example.sbom', 'application/vnd.example.signature']) {
    const artifact = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        artifactType,
        config: descriptor(empty, MEDIA_TYPE.empty),
        layers: [descriptor(empty, MEDIA_TYPE.empty)],
        subject,
      }),
    );
    await registry.putManifest('tienda/web', artifact, MEDIA_TYPE.manifest);
    subject = descriptor(artifact, MEDIA_TYPE.manifest);
  }
});
after(async () => {
  await app.close();
  await server.close();
});
beforeEach(() => {
  server.fallback = { allow: true };
});

async function ask(method: 'GET' | 'DELETE', path: string, as = 'ana') {
  const url = `/api/v1/projects/${path}`;
  const response = await app.inject({ method, url, headers: { authorization: `Bearer ${as}` } });
  return { status: response.statusCode, body: response.body === '' ? null : response.json() };
}

describe('the REST part of the registry', () => {
  it('lists images of the project with tags and quarantine, not the artifacts that belong to them', async () => {
    server.fallback = HELD;
    const { status, body } = await ask('GET', 'tienda/images');
    assert.equal(status, 200);
    assert.equal(body.items.length, 1);
    const { pushedAt, ...item } = body.items[0];
    assert.match(pushedAt, /^\d{4}-.*Z$/);
    assert.deepEqual(item, {
      repository: 'tienda/web',
      digest,
      tags: ['1', 'latest'],
      kind: 'image',
      mediaType: MEDIA_TYPE.manifest,
      pushedBy: 'user:ana',
      sizeBytes: config.byteLength + layer.byteLength,
      layers: 1,
      quarantine: 'held',
    });
    assert.equal((await ask('GET', 'tienda/images?tag=1')).body.items.length, 1);
    assert.equal((await ask('GET', 'tienda/images?tag=2')).body.items.length, 0);
    assert.equal((await ask('GET', 'otro/images', 'root')).body.items.length, 0);
    assert.equal((await ask('GET', 'tienda/images', 'carla')).status, 403);
  });

  it('what cosign 2 leaves at its tags is no image of the list, but attached to the one in its name', async () => {
    const { registry } = server;
    const payload = Buffer.from('{"critical":{}}');
    await registry.putBlob('tienda/web', payload, digestOf(payload));
    const signature = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.manifest,
        config: descriptor(config, MEDIA_TYPE.config),
        layers: [descriptor(payload, 'application/vnd.dev.cosign.simplesigning.v1+json')],
      }),
    );
    const tag = `${digest.replace(':', '-')}.sig`;
    const before = (await ask('GET', 'tienda/images')).body.items.length;
    const stored = await registry.putManifest('tienda/web', signature, MEDIA_TYPE.manifest, { tag });
    assert.equal((await ask('GET', 'tienda/images')).body.items.length, before);
    const { body } = await ask('GET', `tienda/images/${digest}?repository=tienda/web`);
    const attached = body.referrers.find((one: { digest: string }) => one.digest === stored);
    assert.deepEqual(
      [attached.artifactType, attached.content],
      ['application/vnd.dev.cosign.simplesigning.v1+json', [digestOf(payload)]],
    );
    const by = { id: 'x', actor: 'user:ana', kind: 'platform', name: 'x' } as const;
    await registry.manifests.delete('tienda/web', stored, by);
    // A list of referrers is no image of the list either; one with a name that people gave it is.
    const list = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [] }));
    const listed = await registry.putManifest('tienda/web', list, MEDIA_TYPE.index, { tag: digest.replace(':', '-') });
    assert.equal((await ask('GET', 'tienda/images')).body.items.length, before);
    await registry.putManifest('tienda/web', list, MEDIA_TYPE.index, { tag: 'named' });
    assert.equal((await ask('GET', 'tienda/images')).body.items.length, before + 1);
    await registry.manifests.delete('tienda/web', listed, by);
  });

  it('pages through images without losing or repeating one', async () => {
    const { registry } = server;
    const seen: string[] = [];
    for (let n = 0; n < 7; n++) {
      for (const bytes of [config]) await registry.putBlob('paginas/web', bytes, digestOf(bytes));
      const manifest = {
        schemaVersion: 2,
        config: descriptor(config, MEDIA_TYPE.config),
        layers: [],
        annotations: { n: String(n) },
      };
      await registry.putManifest('paginas/web', Buffer.from(JSON.stringify(manifest)), MEDIA_TYPE.manifest);
    }
    let next: string | undefined = '';
    while (next !== undefined) {
      const page: { body: { items: { digest: string }[]; next?: string } } = await ask(
        'GET',
        `paginas/images?limit=3${next === '' ? '' : `&after=${encodeURIComponent(next)}`}`,
        'root',
      );
      seen.push(...page.body.items.map((item) => item.digest));
      next = page.body.next;
    }
    assert.deepEqual([seen.length, new Set(seen).size], [7, 7]);
  });

  it('shows one image: config without the values of its environment, layers, referrers as a tree', async () => {
    const { status, body } = await ask('GET', `tienda/images/${digest}?repository=tienda/web`);
    assert.equal(status, 200);
    assert.deepEqual(body.config.env, ['PATH', 'API_KEY']);
    assert.equal(JSON.stringify(body).includes('do-not-show'), false);
    assert.deepEqual([body.config.user, body.config.entrypoint], ['1000', ['/app']]);
    assert.deepEqual(body.layersList, [
      {
        digest: digestOf(layer),
        mediaType: MEDIA_TYPE.layer,
        sizeBytes: layer.byteLength,
        createdBy: 'COPY app /app',
      },
    ]);
    assert.equal(body.manifest.schemaVersion, 2);
    const [sbom] = body.referrers;
    assert.equal(sbom.artifactType, 'application/vnd.example.sbom');
    assert.equal(sbom.referrers[0].artifactType, 'application/vnd.example.signature');
    assert.equal((await ask('GET', `otro/images/${digest}`, 'root')).status, 404);
    assert.equal((await ask('GET', 'tienda/images/sha256:short')).status, 404);
  });

  it('says why an image is held, in both languages, and whether that can still change', async () => {
    server.fallback = { ...HELD, settled: true };
    const { body } = await ask('GET', 'tienda/quarantine?repository=tienda/web&reference=1');
    assert.equal(body.digest, digest);
    assert.deepEqual(body.quarantine, {
      state: 'refused',
      code: 'admit.pending',
      reasons: [{ en: 'not scanned yet', es: 'aún sin analizar' }],
      remedies: [],
      warnings: [],
      progress: null,
    });
    server.fallback = { allow: true };
    const released = await ask('GET', 'tienda/quarantine?repository=tienda/web&reference=1');
    assert.equal(released.body.quarantine.state, 'released');
    assert.equal((await ask('GET', 'otro/quarantine?repository=tienda/web&reference=1', 'root')).status, 404);
  });

  it('sums up repositories', async () => {
    const { body } = await ask('GET', 'tienda/repositories');
    const [{ lastPushedAt, ...repository }] = body.items;
    assert.match(lastPushedAt, /Z$/);
    assert.deepEqual(repository, {
      repository: 'tienda/web',
      images: 1,
      tags: 2,
      sizeBytes: config.byteLength + layer.byteLength,
    });
  });

  it('deletes tags and images with the right, and never what is in use', async () => {
    const image = `tienda/images/${digest}?repository=tienda/web`;
    assert.equal((await ask('DELETE', image, 'beto')).status, 403);
    assert.equal((await ask('DELETE', 'tienda/tags?repository=tienda/web&tag=latest')).status, 204);
    server.inUse.add(digest);
    const kept = await ask('DELETE', image);
    assert.deepEqual([kept.status, kept.body.code], [403, 'registry.in-use']);
    server.inUse.clear();
    const index = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MEDIA_TYPE.index,
        manifests: [{ mediaType: MEDIA_TYPE.manifest, digest, size: 1 }],
      }),
    );
    const named = await server.registry.putManifest('tienda/web', index, MEDIA_TYPE.index);
    server.inUse.add(named);
    assert.equal((await ask('DELETE', image)).body.code, 'registry.in-use', 'an index that is in use names it');
    server.inUse.clear();
    assert.equal((await ask('DELETE', image)).status, 204);
    assert.equal((await ask('DELETE', image)).status, 404);
    assert.equal((await ask('DELETE', `otro/images/${digest}?repository=tienda/web`, 'root')).status, 404);
  });
});
