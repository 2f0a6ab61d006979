import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SECRET, startTestRegistry, type TestRegistry } from '../test-registry.ts';
import { defineConformance } from './test-conformance.ts';

let server: TestRegistry;
before(async () => {
  server = await startTestRegistry();
});
after(() => server.close());

const names = defineConformance(() => ({
  origin: server.url,
  repository: 'tienda/web',
  other: 'tienda/other',
  name: 'ana',
  secret: SECRET,
}));

test('every case of the official list is here, and no other', (t) => {
  const data = process.env['DARSENA_TEST_DATA'];
  const file = join(data ?? '', 'registry/oci-conformance-v1.1.1-test-names.txt');
  if (data === undefined || !existsSync(file)) {
    t.skip('DARSENA_TEST_DATA is not set: the official list of case names is not here');
    return;
  }
  const official = readFileSync(file, 'utf8').trim().split('\n');
  t.diagnostic(`${names.length} of ${official.length} names covered`);
  assert.deepEqual([...names].sort(), [...official].sort());
});
