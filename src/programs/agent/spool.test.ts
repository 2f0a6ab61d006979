import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLog, systemClock } from '../../system/index.ts';
import { AlertSpool, type SpooledAlert } from './spool.ts';

const WAIT_MS = 60_000;

async function eventually(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!holds()) {
    assert.ok(performance.now() < end, what);
    await systemClock.sleep(20);
  }
}

function ground(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-spool-'));
  const sent: SpooledAlert[] = [];
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const open = () =>
    AlertSpool.open(folder, { log: silentLog, send: (alert) => void sent.push(alert), isBehind: () => false });
  return { folder, sent, open };
}

const alertOf = (place: number, rule: string): SpooledAlert => {
  const container = { id: `c${place % 3}` } as SpooledAlert['container'] & object;
  return { id: `id-${place}`, rule, priority: 'warning', container, output: `${rule} ${place}` };
};
const countIn = (alerts: Iterable<SpooledAlert>): number => [...alerts].reduce((sum, { count = 1 }) => sum + count, 0);

test('what comes faster than it can be kept is summed by rule and container, and no alert is lost or told as another', async (t) => {
  const { sent, open } = ground(t);
  const spool = await open();
  const flood = 10_000;
  for (let place = 0; place < flood; place++) spool.add(alertOf(place, 'flood'), []);
  spool.add(alertOf(flood, 'quiet'), []);
  assert.ok(spool.length < 3_000, `${spool.length} wait`);
  await eventually(`the sums leave; ${sent.length} were sent`, () => countIn(sent) === flood + 1);
  const sums = sent.filter(({ count = 1 }) => count > 1);
  assert.deepEqual(
    new Set(sums.map(({ rule, container }) => `${rule} ${container?.id}`)),
    new Set(['flood c0', 'flood c1', 'flood c2']),
  );
  assert.match(sums[0]?.output ?? '', /^flood \d+ \(and \d+ more alike in a flood\)$/);
  assert.equal(sent.filter(({ rule }) => rule === 'quiet')[0]?.output, `quiet ${flood}`, 'what is alone is told whole');
  for (const { id } of sent) spool.stored(id);
  assert.equal(spool.length, 0);
  await spool.close();
});

test('sums and alerts survive the agent, also while control is away', async (t) => {
  const { folder, sent, open } = ground(t);
  const first = await open();
  for (let place = 0; place < 5_000; place++) first.add(alertOf(place, 'flood'), []);
  await first.close();
  assert.ok(readdirSync(folder).includes('sums'), 'what was only summed is on disk');
  sent.length = 0;
  const second = await open();
  second.resend();
  await eventually(`everything is said once more; ${countIn(sent)} were`, () => countIn(sent) === 5_000);
  for (const { id } of sent) second.stored(id);
  assert.equal(second.length, 0);
  await second.close();
  await eventually('nothing is left on disk', () => readdirSync(folder).length === 0);
});

test('a sum that comes as a sum counts what it stands for', async (t) => {
  const { sent, open } = ground(t);
  const spool = await open();
  for (let place = 0; place < 2_500; place++) spool.add({ ...alertOf(place, 'flood'), count: 10 }, []);
  await eventually(`all are told; ${countIn(sent)} were`, () => countIn(sent) === 25_000);
  await spool.close();
});
