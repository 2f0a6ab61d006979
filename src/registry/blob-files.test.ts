import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestHex, digestOf } from '../oci/index.ts';
import { BlobFiles } from './blob-files.ts';
import { scratchFolder } from './test-registry.ts';

let root: string;
let files: BlobFiles;
let count = 0;

before(async () => {
  root = await mkdtemp(join(scratchFolder(), 'blob-files-'));
  files = await BlobFiles.open(root);
});
after(() => rm(root, { recursive: true, force: true }));

async function begin(): Promise<string> {
  const id = `upload-${count++}`;
  await files.begin(id);
  return id;
}

async function readAll(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe('BlobFiles', () => {
  it('stores what matches its digest and gives it back verified', async () => {
    // More than one write batch, in pieces that do not divide it.
    const bytes = Buffer.alloc(3_500_000, 'abcdefg');
    const pieces = Array.from({ length: Math.ceil(bytes.length / 70_001) }, (_, index) =>
      bytes.subarray(index * 70_001, (index + 1) * 70_001),
    );
    const id = await begin();
    assert.equal(await files.append(id, pieces), bytes.length);
    assert.equal(await files.seal(id, digestOf(bytes)), bytes.length);
    await files.place(id, digestOf(bytes));
    assert.deepEqual(await readAll(files.readVerified(digestOf(bytes))), bytes);
    assert.equal(await files.uploadedBytes(id), null);
  });

  it('a cut source keeps what arrived, and the upload goes on from there', async () => {
    const id = await begin();
    const cut = async function* () {
      yield Buffer.from('first ');
      throw new Error('connection lost');
    };
    await assert.rejects(files.append(id, cut()), /connection lost/);
    assert.equal(await files.uploadedBytes(id), 6);
    await assert.rejects(files.append(id, [Buffer.from('x')], { offset: 3 }), {
      code: 'registry.upload-out-of-order',
    });
    await files.append(id, [Buffer.from('second')], { offset: 6 });
    await files.seal(id, digestOf(Buffer.from('first second')));
  });

  it('after a restart an open upload is read again instead of trusted', async () => {
    const id = await begin();
    await files.append(id, [Buffer.from('before ')]);
    const again = await BlobFiles.open(root);
    await again.append(id, [Buffer.from('after')]);
    assert.equal(await again.seal(id, digestOf(Buffer.from('before after'))), 12);
  });

  it('one upload has one writer at a time', async () => {
    const id = await begin();
    const gate = Promise.withResolvers<void>();
    const slow = async function* () {
      await gate.promise;
      yield Buffer.from('slow');
    };
    const first = files.append(id, slow());
    await assert.rejects(files.append(id, [Buffer.from('x')]), { code: 'registry.upload-busy' });
    await assert.rejects(files.seal(id, digestOf(Buffer.from('x'))), { code: 'registry.upload-busy' });
    gate.resolve();
    assert.equal(await first, 4);
  });

  it('stops an upload above the limit at the limit', async () => {
    const id = await begin();
    const chunk = Buffer.alloc(60);
    await assert.rejects(files.append(id, [chunk, chunk], { maxBytes: 100 }), { code: 'registry.blob-too-large' });
    await files.append(await begin(), [chunk, Buffer.alloc(40)], { maxBytes: 100 });
  });

  it('damage on disk is found at the end of a read', async () => {
    const bytes = Buffer.from('to be damaged');
    const digest = digestOf(bytes);
    const id = await begin();
    await files.append(id, [bytes]);
    await files.seal(id, digest);
    await files.place(id, digest);
    const hex = digestHex(digest);
    await writeFile(join(root, 'blobs/sha256', hex.slice(0, 2), hex), 'to be Damaged');
    await assert.rejects(readAll(files.readVerified(digest)), { code: 'registry.blob-damaged' });
  });

  it('turns on one digest come one after the other, on others side by side', async () => {
    const digest = digestOf(Buffer.from('turns'));
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const first = files.exclusively(digest, async () => {
      await gate.promise;
      order.push('first');
    });
    const failing = files.exclusively(digest, async () => {
      order.push('second');
      throw new Error('failed turn');
    });
    const third = files.exclusively(digest, async () => void order.push('third'));
    await files.exclusively(digestOf(Buffer.from('other')), async () => void order.push('other'));
    gate.resolve();
    await first;
    await assert.rejects(failing, /failed turn/);
    await third;
    assert.deepEqual(order, ['other', 'first', 'second', 'third']);
  });

  it('sixteen pushes of the same content leave one file', async () => {
    const bytes = Buffer.alloc(300_000, 'same');
    const digest = digestOf(bytes);
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        const id = await begin();
        await files.append(id, [bytes]);
        await files.seal(id, digest);
        await files.exclusively(digest, () => files.place(id, digest));
      }),
    );
    const hex = digestHex(digest);
    assert.deepEqual(await readdir(join(root, 'blobs/sha256', hex.slice(0, 2))), [hex]);
    assert.deepEqual(await readAll(files.readVerified(digest)), bytes);
  });
});
