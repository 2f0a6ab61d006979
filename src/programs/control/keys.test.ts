import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../system/index.ts';
import { loadControlKeys, requireKeys } from './keys.ts';

test('where there is a database and its keys are not mounted, none are made in their place', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'dz-keys-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const [keys, database] = [join(folder, 'keys'), join(folder, 'darsena.db')];
  await requireKeys(keys, database);
  const names = { instance: 'dz', domain: 'dz.localhost', names: ['localhost'], addresses: ['127.0.0.1'] };
  await loadControlKeys(keys, { ...names, clock: systemClock });
  await writeFile(database, 'state');
  await requireKeys(keys, database);
  await rm(join(keys, 'master.key'));
  const before = await readdir(keys);
  await assert.rejects(requireKeys(keys, database), { code: 'control.keys-missing', message: /may not be mounted/ });
  assert.deepEqual(await readdir(keys), before);
});
