import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { requireAllowed } from './host-limits.ts';

test('the host alone decides what control may ask: its file is read anew each time and fails closed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-limits-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'host-limits.json');
  await requireAllowed('exec', path);
  await writeFile(path, '{"exec": false}');
  await assert.rejects(requireAllowed('exec', path), { code: 'agent.host-limit' });
  await requireAllowed('build', path);
  for (const broken of ['', '[]', '{"exec": "yes"}', '{"everything": true}']) {
    await writeFile(path, broken);
    await assert.rejects(requireAllowed('build', path), { code: 'agent.host-limits-broken' }, broken);
  }
});
