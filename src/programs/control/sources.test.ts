import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { packTar } from '../../formats/index.ts';
import { Fault, systemClock } from '../../system/index.ts';
import { SourceBundle } from './sources.ts';

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-sources-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A source as clients send it, slowly: what goes wrong with the file does so between two pieces. */
async function* slowly(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for await (const piece of packTar(paths.map((path) => ({ path, content: Buffer.from(path) })))) {
    yield piece;
    await systemClock.sleep(5);
  }
}

test('a source is read as it arrives, and what is in it by its path', async (t) => {
  const folder = await folderFor(t);
  const bundle = await SourceBundle.receive(folder, 'one', slowly(['darsena.yaml', 'kubernetes/web.yaml']));
  assert.equal(await bundle.text('kubernetes/web.yaml'), 'kubernetes/web.yaml');
  assert.equal(await bundle.text('nowhere.yaml'), null);
  assert.deepEqual(bundle.yamlFiles('kubernetes'), ['kubernetes/web.yaml']);
});

test('a file that cannot be written ends the upload with its reason, and nothing else', async (t) => {
  const folder = await folderFor(t);
  await assert.rejects(
    SourceBundle.receive(folder, 'nowhere/one', slowly(['a', 'b', 'c'])),
    (error) =>
      error instanceof Fault && error.code === 'deploy.source-broken' && /ENOENT/.test(error.text('en').why ?? ''),
  );
  assert.deepEqual(await readdir(folder), []);
});

test('a source that breaks off, or is no tar, leaves no file', async (t) => {
  const folder = await folderFor(t);
  const sources: [AsyncGenerator<Uint8Array>, RegExp][] = [
    [
      (async function* () {
        yield* slowly(['a']);
        throw new Error('the client is gone');
      })(),
      /the client is gone/,
    ],
    [
      (async function* () {
        yield Buffer.alloc(2_048, 'x');
      })(),
      /./,
    ],
  ];
  for (const [source, why] of sources) {
    await assert.rejects(
      SourceBundle.receive(folder, 'broken', source),
      (error) =>
        error instanceof Fault && error.code === 'deploy.source-broken' && why.test(error.text('en').why ?? ''),
    );
    assert.deepEqual(await readdir(folder), []);
  }
});

test('a source for which the disk has no room is not said to be broken', async (t) => {
  const folder = await folderFor(t);
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const source = async function* (): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(512);
    throw full;
  };
  await assert.rejects(SourceBundle.receive(folder, 'full', source()), (error) => error === full);
  assert.deepEqual(await readdir(folder), []);
});
