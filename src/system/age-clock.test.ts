import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AgeClock, clockDoubtText, timeOfAges } from './age-clock.ts';
import type { Clock } from './clock.ts';
import { silentLog } from './log.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const BEGIN_MS = Date.parse('2026-06-01T10:00:00Z');

/** A machine whose clock is set while time passes. */
function machine() {
  let [wallMs, runMs, upMs] = [BEGIN_MS, 0, 0];
  const clock: Clock = {
    now: () => new Date(wallMs),
    monotonicMs: () => runMs,
    sleep: () => Promise.reject(new Error('not here')),
  };
  return {
    clock,
    uptimeMs: () => upMs,
    pass(ms: number) {
      wallMs += ms;
      runMs += ms;
      upMs += ms;
    },
    asleep(ms: number) {
      wallMs += ms;
      upMs += ms;
    },
    /** Nothing of what counts from a start goes on. */
    off(ms: number) {
      wallMs += ms;
      [runMs, upMs] = [0, 0];
    },
    set(ms: number) {
      wallMs += ms;
    },
    get wallMs() {
      return wallMs;
    },
  };
}

async function begin(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-clock-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const world = machine();
  const path = join(folder, 'clock.json');
  const open = () => AgeClock.open(path, { log: silentLog, ...world });
  /** Minute by minute, as it is called. */
  const run = async (clock: AgeClock, ms: number) => {
    for (let passed = 0; passed < ms; passed += MINUTE_MS) {
      world.pass(MINUTE_MS);
      await clock.tick();
    }
  };
  return { world, path, open, run };
}

test('a clock that jumps years ahead makes nothing older, neither before it is looked at nor while it says so', async (t) => {
  const { world, open, run } = await begin(t);
  const clock = await open();
  await run(clock, HOUR_MS);
  assert.equal(timeOfAges(clock).getTime(), world.wallMs);
  assert.deepEqual(clock.doubt, null);
  world.set(800 * DAY_MS);
  world.pass(20_000);
  assert.equal(timeOfAges(clock).getTime(), BEGIN_MS + HOUR_MS + 20_000, 'before anybody looked');
  await run(clock, 5 * HOUR_MS);
  assert.equal(timeOfAges(clock).getTime(), BEGIN_MS + 6 * HOUR_MS + 20_000, 'it goes on with what passes');
  assert.deepEqual(clock.doubt, { aheadMs: 800 * DAY_MS });
  assert.match(clockDoubtText({ aheadMs: 800 * DAY_MS }).es, /se adelantó 800 días de golpe/);
  world.set(-800 * DAY_MS);
  await clock.tick();
  assert.equal(clock.doubt, null);
  assert.equal(timeOfAges(clock).getTime(), world.wallMs);
});

test('what a clock says for a day is believed, also when the platform starts anew meanwhile', async (t) => {
  const { world, open, run } = await begin(t);
  let clock = await open();
  world.set(400 * DAY_MS);
  await run(clock, 13 * HOUR_MS);
  world.off(MINUTE_MS);
  clock = await open();
  assert.ok(clock.doubt !== null);
  await run(clock, 10 * HOUR_MS);
  assert.ok(clock.doubt !== null, 'after 23 hours');
  await run(clock, 2 * HOUR_MS);
  assert.equal(clock.doubt, null);
  assert.equal(timeOfAges(clock).getTime(), world.wallMs);
});

test('a machine that starts with its clock far ahead is not believed, one that was off or asleep for days is', async (t) => {
  const { world, open, run } = await begin(t);
  await run(await open(), HOUR_MS);
  world.off(60 * HOUR_MS);
  let clock = await open();
  assert.equal(clock.doubt, null, 'a week-end');
  world.asleep(40 * HOUR_MS);
  await clock.tick();
  assert.equal(clock.doubt, null, 'asleep');
  await run(clock, HOUR_MS);
  const stoodMs = world.wallMs;
  world.off(HOUR_MS);
  world.set(5_000 * DAY_MS);
  clock = await open();
  assert.ok(clock.doubt !== null);
  assert.ok(Math.abs(timeOfAges(clock).getTime() - stoodMs) <= 10 * MINUTE_MS, timeOfAges(clock).toISOString());
  world.set(-5_000 * DAY_MS);
  await clock.tick();
  assert.equal(clock.doubt, null, 'set right, with the hour in which it was off');
});

test('a clock that starts in the past and is set right is no jump', async (t) => {
  const { world, open, run } = await begin(t);
  await run(await open(), HOUR_MS);
  world.off(HOUR_MS);
  world.set(-3_000 * DAY_MS);
  const clock = await open();
  assert.equal(timeOfAges(clock).getTime(), world.wallMs, 'nothing is older than it says');
  await run(clock, HOUR_MS);
  world.set(3_000 * DAY_MS);
  await clock.tick();
  assert.equal(clock.doubt, null);
  assert.equal(timeOfAges(clock).getTime(), world.wallMs);
});

test('without what was written down, or where it cannot be read, the clock is believed', async (t) => {
  const { world, path, open } = await begin(t);
  await writeFile(path, '{"atMs":"soon"');
  const clock = await open();
  assert.equal(timeOfAges(clock).getTime(), world.wallMs);
  assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), { atMs: BEGIN_MS, doubtedMs: 0 });
  assert.equal(timeOfAges(world.clock).getTime(), world.wallMs, 'a clock that follows no ages');
});
