import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
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

test('an alert that the sensor says twice is one, and takes no room from others', async (t) => {
  const { sent, open } = ground(t);
  const spool = await open();
  for (let turn = 0; turn < 4; turn++)
    for (let place = 0; place < 1_900; place++) spool.add(alertOf(place, 'twice'), []);
  assert.equal(spool.length, 1_900);
  for (let place = 0; place < 1_900; place++) spool.stored(`id-${place}`);
  for (let place = 5_000; place < 6_900; place++) spool.add(alertOf(place, 'later'), []);
  assert.equal(countIn(sent), 3_800, 'each is told at once, whole');
  for (let turn = 0; turn < 2; turn++)
    for (let place = 7_000; place < 9_000; place++) spool.add(alertOf(place, 'sum'), []);
  await eventually(`what was summed is counted once; ${countIn(sent)}`, () => countIn(sent) === 5_800);
  await spool.close();
});

test('more pairs of rule and container than are told apart are told of the host, and none in the name of another', async (t) => {
  const { sent, open } = ground(t);
  const spool = await open();
  const own = (place: number): SpooledAlert => ({ ...alertOf(place, 'own'), container: { id: `p${place}` } as never });
  for (let place = 0; place < 2_000 + 4_096; place++) spool.add(own(place), []);
  for (let place = 10_000; place < 10_010; place++) spool.add({ ...own(place), rule: 'other' }, []);
  await eventually(`all are told; ${countIn(sent)} were`, () => countIn(sent) === 2_000 + 4_096 + 10);
  const [mixed, ...more] = sent.filter(({ rule }) => rule === 'other');
  assert.deepEqual([more.length, mixed?.count, mixed?.container], [0, 10, null]);
  assert.match(mixed?.output ?? '', /and 9 more of any container/);
  assert.ok(sent.filter(({ rule }) => rule === 'own').every(({ count = 1 }) => count === 1));
  await spool.close();
});

test('alerts that an earlier program kept in a file each are sent, and their files go', async (t) => {
  const { folder, sent, open } = ground(t);
  writeFileSync(join(folder, 'id-1.json'), JSON.stringify(alertOf(1, 'before')));
  writeFileSync(join(folder, 'id-2.json'), '{"id":');
  const spool = await open();
  assert.deepEqual(
    readdirSync(folder).sort(),
    ['alerts-1.ndjson', 'id-2.json'],
    'what cannot be read is not thrown away',
  );
  spool.resend();
  assert.deepEqual(
    sent.map(({ id }) => id),
    ['id-1'],
  );
  spool.stored('id-1');
  await spool.close();
});

test('a sum whose alert the disk refuses is on disk as a sum still when the agent ends', async (t) => {
  const { folder, sent, open } = ground(t);
  const first = await open();
  for (let place = 0; place < 2_100; place++) first.add(alertOf(place, 'flood'), []);
  await first.close();
  // A file of the next name is there already: it cannot be begun.
  const next = Math.max(...readdirSync(folder).map((name) => Number(/\d+/.exec(name)?.[0] ?? 0))) + 1;
  writeFileSync(join(folder, `alerts-${next}.ndjson`), '');
  const blocker = join(folder, `alerts-${next + 1}.ndjson`);
  const second = await open();
  writeFileSync(blocker, '');
  const before = sent.length;
  await eventually('the sums leave', () => countIn(sent.slice(before)) >= 100);
  await second.close();
  assert.ok(readdirSync(folder).includes('sums'), readdirSync(folder).join(' '));
  rmSync(blocker);
  sent.length = 0;
  const third = await open();
  third.resend();
  await eventually(`all are told; ${countIn(sent)} were`, () => countIn(sent) === 2_100);
  await third.close();
});
