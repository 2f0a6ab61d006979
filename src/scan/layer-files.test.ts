import assert from 'node:assert/strict';
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { FormatError, TarReader } from '../formats/index.ts';
import type { Digest } from '../oci/index.ts';
import { digestOf } from '../oci/index.ts';
import { analyseLayer, encodeLayerResult } from './layer.ts';
import { readLayerFiles } from './layer-files.ts';
import { packLayer } from './test-image.ts';
import { packTree } from './tree.ts';

const LIMITS = { maxBytes: 1 << 30, maxEntries: 100_000 };

async function store(entries: Parameters<typeof packLayer>[0]): Promise<{ digest: Digest; result: Uint8Array }> {
  const { bytes, diffId } = await packLayer(entries);
  const digest = digestOf(bytes);
  async function* source() {
    yield bytes;
  }
  const claim = { digest, diffId, sizeBytes: bytes.length };
  return { digest, result: encodeLayerResult(await analyseLayer(source(), claim, [], LIMITS)) };
}

const file = (path: string, size: number, mode = 0o644) => ({ path, mode, content: new Uint8Array(size).fill(65) });

test('the files of a layer are told with size, rights, links and what it removes', async () => {
  const { digest, result } = await store([
    { path: 'usr/', kind: 'directory', mode: 0o755 },
    file('usr/su', 70_000, 0o4755),
    { path: 'usr/sudo', kind: 'symlink', linkTarget: 'su', mode: 0o777 },
    file('etc/.wh.passwd', 0),
    file('srv/.wh..wh..opq', 0),
    file('etc/hosts', 12),
  ]);
  const { items, next, totals } = await readLayerFiles(digest, result);
  assert.deepEqual(
    items.map(({ path, kind, sizeBytes, mode, linkTarget }) => [path, kind, sizeBytes, mode, linkTarget]),
    [
      ['usr', 'directory', null, '0755', null],
      ['usr/su', 'file', 70_000, '4755', null],
      ['usr/sudo', 'symlink', null, '0777', 'su'],
      ['etc/passwd', 'removed', null, null, null],
      ['srv', 'emptied', null, null, null],
      ['etc/hosts', 'file', 12, '0644', null],
    ],
  );
  assert.equal(next, null);
  assert.deepEqual(totals, { entries: 6, files: 2, sizeBytes: 70_012, removed: 2, matching: 6 });
});

test('a large layer is read in pages, by a part of the path, or by size, and never twice', async () => {
  const { digest, result } = await store(
    Array.from({ length: 5000 }, (_, index) => file(`data/folder-${index % 7}/File-${index}`, index % 1000)),
  );
  const seen: string[] = [];
  let after: number | undefined;
  do {
    const page = await readLayerFiles(digest, result, { limit: 499, ...(after === undefined ? {} : { after }) });
    assert.equal(page.totals === null, after !== undefined, 'only the first page tells of the whole');
    seen.push(...page.items.map(({ path }) => path));
    after = page.next === null ? undefined : Number(page.next);
  } while (after !== undefined);
  assert.equal(seen.length, 5000);
  assert.equal(new Set(seen).size, 5000);

  const found = await readLayerFiles(digest, result, { match: 'folder-3/file-1', limit: 1 });
  assert.equal(found.items.length, 1);
  assert.ok((found.totals?.matching ?? 0) > 100);
  assert.notEqual(found.next, null);

  const largest = await readLayerFiles(digest, result, { order: 'largest', limit: 6 });
  assert.deepEqual(
    largest.items.map(({ sizeBytes }) => sizeBytes),
    [999, 999, 999, 999, 999, 998],
  );
  assert.equal((await readLayerFiles(digest, result, { limit: 1_000_000 })).items.length, 500, 'a page is bounded');
});

test('a stored listing that was cut or forged is an error, not half a list', async () => {
  const { digest, result } = await store([file('a', 1), file('b', 2)]);
  const head = Buffer.from('{}');
  const wrap = (listing: readonly number[]): Uint8Array => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(head.length);
    return deflateRawSync(Buffer.concat([length, head, Buffer.from(listing)]));
  };
  const forged = [
    result.subarray(0, result.length - 3),
    wrap([0, 5, 97]),
    wrap([0, 1, 97, 9, 0]),
    wrap([0, 0xff, 0xff, 0xff, 0x7f, 97]),
    wrap([0, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from('no deflate at all'),
  ];
  for (const bytes of forged) {
    await assert.rejects(readLayerFiles(digest, bytes), (error) => error instanceof FormatError);
  }
});

test('of a machine no program is read that a package answers for, and one of two names is read once', async () => {
  const root = mkdtempSync(join(tmpdir(), 'darsena-tree-'));
  try {
    const put = (path: string, content: string | Buffer, mode = 0o644): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), content);
      chmodSync(join(root, path), mode);
    };
    const elf = Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(100)]);
    put('var/lib/dpkg/info/tools.list', '/.\n/bin\n/bin/owned\n/usr/bin/rights\n');
    for (const name of ['owned', 'foreign', 'rights']) put(`usr/bin/${name}`, elf, name === 'rights' ? 0o4755 : 0o755);
    put('usr/bin/script', `#!/bin/sh\n${'#'.repeat(100)}`, 0o755);
    put('app/node_modules/x/package.json', '{"name":"x","version":"1.0.0"}', 0o755);
    symlinkSync('usr/bin', join(root, 'bin'));
    linkSync(join(root, 'usr/bin/foreign'), join(root, 'usr/bin/twice'));
    const folders: string[] = [];
    const pieces: Uint8Array[] = [];
    const onFolder = (path: string): void => void folders.push(path);
    for await (const piece of packTree(root, { kind: 'root', onFolder }, ({ path }) => assert.fail(path)))
      pieces.push(piece);
    const seen: string[] = [];
    const reader = new TarReader((entry) => {
      if (entry.kind !== 'directory') seen.push(`${entry.kind} ${entry.path} ${entry.linkTarget}`.trim());
      return null;
    });
    for (const piece of pieces) reader.write(piece);
    reader.end();
    assert.deepEqual(seen, [
      'file app/node_modules/x/package.json',
      'symlink bin usr/bin',
      'file usr/bin/foreign',
      'file usr/bin/rights',
      'hardlink usr/bin/twice usr/bin/foreign',
      'file var/lib/dpkg/info/tools.list',
    ]);
    assert.ok(folders.includes('usr/bin/'));
    assert.equal(pieces.length, 1, 'small pieces go together');
  } finally {
    rmSync(root, { recursive: true });
  }
});
