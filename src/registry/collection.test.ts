import assert from 'node:assert/strict';
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { type Clock, systemClock } from '../system/index.ts';
import { startTestRegistry, type TestRegistry } from './test-registry.ts';

const HOUR = 3_600_000;
let ahead = 0;
/** Real time, moved forward by the test. */
const clock: Clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };

let server: TestRegistry;
before(async () => {
  server = await startTestRegistry({ clock });
});
after(() => server.close());

const put = async (repository: string, text: string) => {
  const bytes = Buffer.from(text);
  await server.registry.putBlob(repository, bytes, digestOf(bytes));
  await server.registry.settle();
  return { mediaType: MEDIA_TYPE.layer, digest: digestOf(bytes), size: bytes.byteLength };
};

async function putImage(repository: string, config: object, layers: readonly object[], tag?: string) {
  const manifest = { schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, config, layers };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return server.registry.putManifest(repository, bytes, MEDIA_TYPE.manifest, tag === undefined ? {} : { tag });
}

const exists = async (digest: string): Promise<boolean> => {
  const names = await readdir(join(server.root, 'blobs'), { recursive: true });
  return names.some((name) => name.endsWith(digest.slice('sha256:'.length)));
};

describe('the collection of garbage', () => {
  it('removes what nothing refers to, after the grace and not before', async () => {
    const config = { ...(await put('tienda/web', '{"config":1}')), mediaType: MEDIA_TYPE.config };
    const used = await put('tienda/web', 'a used layer');
    const left = await put('tienda/web', 'a layer of a push that never ended');
    await putImage('tienda/web', config, [used], 'latest');
    assert.deepEqual(await server.registry.collectGarbage(), { uploads: 0, links: 0, blobs: 0, freedBytes: 0 });
    ahead += 25 * HOUR;
    const collected = await server.registry.collectGarbage();
    assert.deepEqual([collected.links, collected.blobs, collected.freedBytes], [1, 1, left.size]);
    assert.deepEqual(
      [await exists(used.digest), await exists(config.digest), await exists(left.digest)],
      [true, true, false],
    );
  });

  it('content that two repositories share stays until both let go', async () => {
    const shared = await put('tienda/a', 'shared');
    await put('tienda/b', 'shared');
    const config = { ...(await put('tienda/b', '{}')), mediaType: MEDIA_TYPE.config };
    const digest = await putImage('tienda/b', config, [shared]);
    ahead += 25 * HOUR;
    await server.registry.collectGarbage();
    assert.equal(await exists(shared.digest), true);
    assert.equal(await server.registry.content.blobSize('tienda/a', shared.digest), null);
    const root = { id: 'x', actor: 'user:x', kind: 'user', name: 'x' } as const;
    await server.registry.manifests.delete('tienda/b', digest, root);
    await server.registry.collectGarbage();
    assert.equal(await exists(shared.digest), false);
  });

  it('a client that was told "it is here" has the grace to use it', async () => {
    const layer = await put('tienda/web', 'asked for by HEAD');
    ahead += 20 * HOUR;
    assert.notEqual(await server.registry.content.blobSize('tienda/web', layer.digest), null);
    ahead += 20 * HOUR;
    await server.registry.collectGarbage();
    assert.equal(await exists(layer.digest), true);
  });

  it('a file that a crash left without its row goes, and so does an upload nobody came back for', async () => {
    const digest = digestOf(Buffer.from('crashed'));
    const hex = digest.slice('sha256:'.length);
    const folder = join(server.root, 'blobs/sha256', hex.slice(0, 2));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, hex), 'crashed');
    const old = new Date(Date.now() - 48 * HOUR);
    await utimes(join(folder, hex), old, old);
    const upload = await server.registry.content.beginUpload('tienda/web', 'somebody');
    await server.registry.content.appendUpload('tienda/web', 'somebody', upload, [Buffer.from('a start')]);
    ahead += 25 * HOUR;
    const collected = await server.registry.collectGarbage();
    assert.equal(collected.uploads, 1);
    assert.equal(await exists(digest), false);
  });

  it('R10: pushes, deletions and collections side by side lose nothing that is referred to', async () => {
    ahead = 0;
    const pusher = { id: 'p', actor: 'user:p', kind: 'user', name: 'p' } as const;
    const kept = new Map<string, string[]>();
    let running = true;
    const collecting = (async () => {
      while (running) {
        await server.registry.collectGarbage({ graceMs: 0 });
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    for (let round = 0; round < 40; round++) {
      const repository = `tienda/busy${round % 3}`;
      // With no grace a blob may go before its manifest comes; then the push is told so and tries again.
      for (;;) {
        const config = { ...(await put(repository, `{"round":${round % 5}}`)), mediaType: MEDIA_TYPE.config };
        const layer = await put(repository, `layer ${round % 7}`);
        try {
          const digest = await putImage(repository, config, [layer], `t${round}`);
          kept.set(`${repository} ${digest}`, [config.digest, layer.digest]);
          break;
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'registry.manifest-blob-unknown');
        }
      }
      if (round % 4 === 3) {
        const [name] = kept.keys();
        const [from = '', digest = ''] = (name ?? '').split(' ');
        kept.delete(name ?? '');
        await server.registry.manifests.delete(from, digestOfText(digest), pusher);
      }
    }
    running = false;
    await collecting;
    for (const digests of kept.values()) {
      for (const digest of digests) {
        for await (const piece of server.registry.openBlob(digestOfText(digest))) assert.ok(piece.byteLength > 0);
      }
    }
  });
});

function digestOfText(text: string): `sha256:${string}` {
  assert.match(text, /^sha256:/);
  return text as `sha256:${string}`;
}
