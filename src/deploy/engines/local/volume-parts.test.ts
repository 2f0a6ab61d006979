import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { BoundParts } from './volume-parts.ts';

test('releasing a pod takes away the empty places of its mounts and nothing that is in one', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-parts-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  const parts = new BoundParts(root);
  await mkdir(join(root, 'done', 'folder'), { recursive: true });
  await writeFile(join(root, 'done', 'file'), '');
  // As a volume looks that is mounted while the pod is released.
  await mkdir(join(root, 'late', 'folder'), { recursive: true });
  await writeFile(join(root, 'late', 'folder', 'data'), 'of a person');
  await parts.release('done');
  await parts.release('late');
  await parts.release('never-there');
  assert.deepEqual(await readdir(root), ['late']);
  await parts.sweep(new Set());
  assert.equal(await readFile(join(root, 'late', 'folder', 'data'), 'utf8'), 'of a person');
});
