import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf } from '../../src/oci/index.ts';
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
});
