import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Alert } from '../../detect/index.ts';
import { CALLS_OF_32_BITS } from '../../events/index.ts';
import { WATCHED_SOON } from '../sensor/messages.ts';
import { CoverageWord } from './coverage-word.ts';

const unseen = (...what: string[]) => what.map((one) => ({ what: one, why: { en: 'no', es: 'no hay' } }));

test('what a sensor does not see is told at the first start of an instance, and then when it is something else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-coverage-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'coverage.json');
  const told: Alert[] = [];
  const open = () => CoverageWord.open(file, (alert) => told.push(alert));
  const words = () => told.splice(0).map(({ priority, output }) => `${priority}: ${output}`);
  let word = await open();
  await word.take(unseen(CALLS_OF_32_BITS));
  const [first] = told;
  assert.equal(first?.priority, 'notice');
  assert.match(first?.output ?? '', /^On this host the sensor does not see: .*32.* \(no\)$/);
  assert.match(String(first?.outputFields['darsena.said.es']), /^En este host el sensor no ve: .*32.* \(no hay\)$/);
  told.splice(0);
  await word.take(unseen(CALLS_OF_32_BITS));
  word = await open();
  await word.take(unseen(CALLS_OF_32_BITS));
  await word.take(unseen(CALLS_OF_32_BITS, WATCHED_SOON));
  assert.deepEqual(words(), [], 'over restarts it is not said again, and what is over in a moment is not');
  await word.take(unseen('files opened by openat2', CALLS_OF_32_BITS));
  assert.match(words().join(), /^warning: .*openat2/);
  await word.take([]);
  assert.match(words().join(), /^informational: .*again/);
  await writeFile(file, 'half a wo');
  await (await open()).take(unseen('connections made'));
  assert.match(words().join(), /^warning: /, 'what cannot be read was told to nobody');
});
