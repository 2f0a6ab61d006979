import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, systemClock } from '../../system/index.ts';
import { HostWatch } from './host-watch.ts';

function ground(known: readonly string[] = []) {
  const state = { nowMs: 1_000_000, workloads: 3, starting: false, fails: 0 };
  const told: string[] = [];
  const back: number[] = [];
  const watch = new HostWatch(
    {
      clock: { ...systemClock, monotonicMs: () => state.nowMs, now: () => new Date(state.nowMs) },
      log: silentLog,
      workloads: async () => state.workloads,
      isStarting: async () => state.starting,
      raise: async (alert, host) => {
        if (state.fails-- > 0) throw new Error('the disk is full');
        told.push(`${host} ${alert.rule} ${alert.priority}: ${alert.output}`);
      },
      back: async (_host, silentMs) => void back.push(silentMs),
    },
    known,
  );
  const after = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 5_000) {
      state.nowMs += Math.min(left, 5_000);
      await watch.look().catch(() => undefined);
    }
  };
  return { state, told, back, watch, after };
}

test('a host with workloads that is silent for a minute is one critical alert, and that it is back is told', async () => {
  const { told, back, watch, after } = ground();
  watch.connected('h1');
  await after(300_000);
  assert.deepEqual(told, []);
  watch.away('h1');
  await after(55_000);
  assert.deepEqual(told, [], 'an agent that starts anew is back by then');
  await after(10_000);
  assert.equal(told.length, 1);
  assert.match(
    told[0] ?? '',
    /^h1 Host silent critical: The host h1, which runs 3 workloads, has said nothing for 60 s/,
  );
  await after(600_000);
  assert.equal(told.length, 1, 'once');
  watch.connected('h1');
  assert.deepEqual(back, [665_000]);
  watch.away('h1');
  await after(65_000);
  assert.equal(told.length, 2, 'each time anew');
});

test('nothing is told of a host without workloads, of one that was told to start again, and of one that came back', async () => {
  const { state, told, watch, after } = ground();
  state.workloads = 0;
  watch.away('h1');
  await after(120_000);
  state.workloads = 1;
  state.starting = true;
  await after(120_000);
  watch.connected('h1');
  state.starting = false;
  await after(120_000);
  assert.deepEqual(told, []);
});

test('after a start of control a host has three minutes, and a host that never comes is told', async () => {
  const { told, after } = ground(['h1']);
  await after(175_000);
  assert.deepEqual(told, []);
  await after(10_000);
  assert.equal(told.length, 1);
});

test('where control stood still itself a host is not blamed, and what could not be stored is told again', async () => {
  const { state, told, watch, after } = ground();
  watch.away('h1');
  state.nowMs += 500_000;
  await watch.look();
  await after(50_000);
  assert.deepEqual(told, []);
  state.fails = 2;
  await after(15_000);
  assert.equal(told.length, 1);
});
