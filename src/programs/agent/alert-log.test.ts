import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog } from '../../system/index.ts';
import { AlertLog } from './alert-log.ts';

interface One {
  readonly id: string;
  readonly text: string;
}

const read = (value: unknown): One | null =>
  typeof value === 'object' && value !== null && 'id' in value ? (value as One) : null;

function ground(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-alert-log-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, open: () => AlertLog.open(folder, read, silentLog) };
}

const idsOf = (alerts: readonly One[]): string[] => alerts.map(({ id }) => id);

test('what was added is there after a start, and what was forgotten goes with its file', async (t) => {
  const { folder, open } = ground(t);
  const { log } = await open();
  for (const id of ['a', 'b', 'c']) log.add({ id, text: 'x' });
  assert.equal(await log.settled(), true);
  assert.deepEqual(readdirSync(folder), ['alerts-1.ndjson']);
  log.forget('b');
  // Nothing is told to the first one: as after a machine that stopped.
  const again = await open();
  assert.deepEqual(idsOf(again.alerts), ['a', 'b', 'c']);
  for (const id of ['a', 'b', 'c']) again.log.forget(id);
  assert.deepEqual(readdirSync(folder), []);
});

test('a line that was being written when the machine stopped is left out, and so is one that is damaged', async (t) => {
  const { folder, open } = ground(t);
  writeFileSync(
    join(folder, 'alerts-7.ndjson'),
    '{"id":"a","text":"1"}\n{"id":\n\u0000\n{"id":"b","text":"2"}\n{"id":"c"',
  );
  const { log, alerts } = await open();
  assert.deepEqual(idsOf(alerts), ['a', 'b']);
  log.add({ id: 'd', text: '3' });
  await log.settled();
  assert.deepEqual(
    readdirSync(folder).sort(),
    ['alerts-7.ndjson', 'alerts-8.ndjson'],
    'what is there is not written to',
  );
  await log.close();
});

test('what nobody needs takes no room, and one that is needed for ever keeps no others', async (t) => {
  const { folder, open } = ground(t);
  const { log } = await open();
  const text = 'x'.repeat(1024 * 1024);
  const needed = new Map<string, One>();
  for (let place = 0; place < 270; place++) {
    const one = { id: `id-${place}`, text };
    log.add(one);
    // One of four stays, as many files as it takes.
    if (place % 4 === 0) needed.set(one.id, { ...one, text: 'short' });
    await log.settled();
    if (place % 4 !== 0) log.forget(one.id);
  }
  assert.ok(readdirSync(folder).length > 64);
  for (let turn = 0; turn < 20; turn++) {
    log.tidy((id) => needed.get(id));
    await log.settled();
  }
  assert.ok(readdirSync(folder).length <= 65, `${readdirSync(folder).length} files`);
  const { alerts } = await open();
  for (const id of needed.keys()) assert.ok(idsOf(alerts).includes(id), id);
  for (const id of needed.keys()) log.forget(id);
  log.tidy(() => undefined);
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).size);
  assert.deepEqual(sizes, [0], 'the one that is written to is empty');
  await log.close();
  assert.deepEqual(readdirSync(folder), []);
});

test('a disk that refuses leaves all in memory, and takes it when it has room', async (t) => {
  const { folder, open } = ground(t);
  const { log } = await open();
  // A file of that name is there already: it cannot be begun.
  appendFileSync(join(folder, 'alerts-1.ndjson'), '');
  log.add({ id: 'a', text: 'x' });
  assert.equal(await log.settled(), false);
  assert.equal(log.pending, 1);
  rmSync(join(folder, 'alerts-1.ndjson'));
  assert.equal(await log.settled(), true);
  assert.match(readFileSync(join(folder, 'alerts-1.ndjson'), 'utf8'), /^\{"id":"a"/);
  await log.close();
});

test('a file that cannot be read keeps the agent from nothing, stays where it is, and its number is not given again', async (t) => {
  const { folder, open } = ground(t);
  writeFileSync(join(folder, 'alerts-1.ndjson'), '{"id":"a","text":"1"}\n');
  mkdirSync(join(folder, 'alerts-2.ndjson'));
  const { log, alerts } = await open();
  assert.deepEqual(idsOf(alerts), ['a']);
  log.add({ id: 'b', text: '2' });
  assert.equal(await log.settled(), true);
  assert.deepEqual(readdirSync(folder).sort(), ['alerts-1.ndjson', 'alerts-2.ndjson', 'alerts-3.ndjson']);
  assert.equal(await log.close(), true);
});
