import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildImage, createBase, packSource } from '../../src/build/index.ts';
import { parseProjectFile } from '../../src/deploy/project-file.ts';
import { newId } from '../../src/system/index.ts';
import { type BuildBench, missingForBuilds, openBuildBench } from './build-bench.ts';

const skip = missingForBuilds() ?? false;
const folder = join(import.meta.dirname, '../../examples/tienda');
let bench: BuildBench;

before(async () => {
  if (skip === false) bench = await openBuildBench();
});
after(async () => {
  if (skip === false) await bench.close();
});

test('the example shop is built whole from its own base, without a network', { skip, timeout: 300_000 }, async () => {
  const file = parseProjectFile(await readFile(join(folder, 'darsena.yaml'), 'utf8'), 'darsena.yaml');
  for (const [name, { release, include }] of Object.entries(file.bases)) {
    const base = await createBase({ id: newId(), release, include, name }, bench.context());
    assert.ok(base.packages.some((found) => found.name === 'nodejs'));
  }
  for (const [name, image] of Object.entries(file.images)) {
    const built = await buildImage(
      {
        id: newId(),
        repository: `${file.project}/${name}`,
        tags: ['test'],
        source: packSource(join(folder, image.context)),
      },
      bench.context(),
    );
    assert.match(built.digest, /^sha256:/);
    assert.ok(built.durationMs < 60_000);
  }
});
