import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf, MEDIA_TYPE } from '../../src/oci/index.ts';
import { startTestRegistry, type TestRegistry } from '../../src/registry/test-registry.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root to mount a small tmpfs';

describe('the disk of the registry', { skip }, () => {
  let folder: string;
  let server: TestRegistry;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'registry-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=0700', 'registry-disk-test', folder]);
    server = await startTestRegistry({ root: folder });
  });
  after(async () => {
    await server?.close();
    execFileSync('umount', [folder]);
    await rm(folder, { recursive: true, force: true });
  });

  const push = (bytes: Buffer) =>
    fetch(`${server.url}/v2/tienda/web/blobs/uploads/?digest=${digestOf(bytes)}`, {
      method: 'POST',
      headers: { authorization: server.basic('ana') },
      body: new Uint8Array(bytes),
    });

  it('full: the push fails with 507 and the reason, nothing stays, smaller pushes and pulls go on', async () => {
    const small = Buffer.alloc(100_000, 'small');
    assert.equal((await push(small)).status, 201);
    const large = await push(Buffer.alloc(12_000_000, 'large'));
    assert.equal(large.status, 507);
    const { errors } = (await large.json()) as { errors: { message: string }[] };
    assert.match(errors[0]?.message ?? '', /disk of the registry is full/);
    assert.deepEqual(await readdir(join(folder, 'uploads')), []);
    assert.equal((await push(Buffer.alloc(200_000, 'again'))).status, 201);
    const get = await fetch(`${server.url}/v2/tienda/web/blobs/${digestOf(small)}`, {
      headers: { authorization: server.basic('ana') },
    });
    assert.deepEqual(Buffer.from(await get.arrayBuffer()), small);
  });

  it('T3: full for files and database alike: small pushes and manifests get 507, pulls go on, and space again is enough', async () => {
    const place = join(folder, 'both');
    await mkdir(place);
    const both = await startTestRegistry({
      root: join(place, 'content'),
      database: `sqlite:${join(place, 'registry.db')}`,
    });
    const ask = (method: string, path: string, body?: Buffer, type = 'application/octet-stream') =>
      fetch(`${both.url}/v2/tienda/web/${path}`, {
        method,
        headers: { authorization: both.basic('ana'), 'content-type': type },
        ...(body === undefined ? {} : { body: new Uint8Array(body) }),
      });
    const put = async (bytes: Buffer): Promise<number> =>
      (await ask('POST', `blobs/uploads/?digest=${digestOf(bytes)}`, bytes)).status;
    try {
      const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
      assert.equal(await put(config), 201);
      const manifest = (n: number): Buffer =>
        Buffer.from(
          JSON.stringify({
            schemaVersion: 2,
            mediaType: MEDIA_TYPE.manifest,
            config: { mediaType: MEDIA_TYPE.config, digest: digestOf(config), size: config.byteLength },
            layers: [],
            annotations: { n: 'x'.repeat(50_000) + n },
          }),
        );
      assert.equal((await ask('PUT', 'manifests/before', manifest(0), MEDIA_TYPE.manifest)).status, 201);
      const filler = await open(join(folder, 'filler'), 'w');
      try {
        for (let size = 65_536; size >= 512; ) {
          try {
            await filler.write(Buffer.alloc(size));
          } catch {
            size >>= 1; // Full for this much; the rest is filled with less.
          }
        }
      } finally {
        await filler.close();
      }
      const refused = new Set<number>();
      const during = Array.from({ length: 12 }, (_, n) => randomBytes(40_000 + n));
      for (const bytes of during) refused.add(await put(bytes));
      for (let n = 1; n < 4; n++) {
        refused.add((await ask('PUT', `manifests/t${n}`, manifest(n), MEDIA_TYPE.manifest)).status);
      }
      assert.ok(refused.has(507), `answers were ${[...refused]}`);
      refused.delete(507);
      refused.delete(201);
      assert.deepEqual([...refused], []);
      assert.equal((await ask('GET', 'manifests/before')).status, 200);
      assert.equal((await ask('GET', `blobs/${digestOf(config)}`)).status, 200);
      await rm(join(folder, 'filler'));
      for (const bytes of during) assert.equal(await put(bytes), 201);
      assert.equal((await ask('PUT', 'manifests/after', manifest(9), MEDIA_TYPE.manifest)).status, 201);
      for (const bytes of during) {
        const get = await ask('GET', `blobs/${digestOf(bytes)}`);
        assert.deepEqual(Buffer.from(await get.arrayBuffer()), bytes);
      }
    } finally {
      await both.close();
    }
  });
});
