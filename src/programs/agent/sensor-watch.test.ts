import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Alert } from '../../detect/index.ts';
import { silentLog } from '../../system/index.ts';
import { SensorWatch } from './sensor-watch.ts';

function ground() {
  let now = 1_000_000;
  const told: Alert[] = [];
  const silent: number[] = [];
  let ended = 0;
  const watch = new SensorWatch({
    log: silentLog,
    raise: (alert) => told.push(alert),
    onSilent: (since) => silent.push(since),
    end: async () => {
      ended += 1;
    },
    nowMs: () => now,
  });
  const passes = (seconds: number): void => {
    for (let n = 0; n < seconds; n++) {
      now += 1_000;
      watch.look();
    }
  };
  const rules = () => told.splice(0).map(({ rule }) => rule);
  const jump = (ms: number): void => {
    now += ms;
  };
  return { watch, passes, rules, silent, jump, told, endings: () => ended };
}

test('a sensor that runs and says nothing is told of with its figure, ended until it is gone, and told of anew the next time', () => {
  const { watch, passes, rules, silent, told, endings } = ground();
  watch.heard();
  passes(9);
  assert.deepEqual(rules(), []);
  passes(1);
  assert.match(told[0]?.output ?? '', /said nothing for 10 s/);
  assert.deepEqual([rules(), silent], [['Sensor does not answer'], [1_000_000]]);
  passes(9);
  assert.deepEqual([rules(), endings()], [[], 1]);
  passes(21);
  assert.deepEqual([rules(), endings()], [[], 3], 'nothing helped: it is tried again');
  watch.gone();
  passes(3);
  watch.heard();
  passes(10);
  assert.deepEqual(rules(), ['Sensor does not answer']);
});

test('a sensor that does not come back is told of once, also at the first start; one that comes back soon is not', () => {
  const { watch, passes, rules, endings } = ground();
  passes(119);
  assert.deepEqual(rules(), []);
  passes(1);
  assert.deepEqual(rules(), ['Sensor does not run']);
  watch.heard();
  watch.gone();
  passes(14);
  watch.heard();
  watch.gone();
  watch.gone();
  passes(15);
  assert.deepEqual(rules(), ['Sensor does not run']);
  passes(1_000);
  assert.deepEqual([rules(), endings()], [[], 0]);
});

test('an agent that was held up itself, as with its whole host, blames nobody', () => {
  const { watch, passes, rules, jump } = ground();
  watch.heard();
  passes(1);
  jump(600_000);
  passes(5);
  assert.deepEqual(rules(), []);
});

test('one that was ended because it said nothing and does not come back is told of once more, with how long nobody watched', () => {
  const { watch, passes, rules, told } = ground();
  watch.heard();
  passes(16);
  assert.deepEqual(rules(), ['Sensor does not answer']);
  watch.gone();
  passes(14);
  assert.deepEqual(rules(), []);
  passes(1);
  assert.match(told[0]?.output ?? '', /for 31 s/);
  assert.deepEqual(rules(), ['Sensor does not run']);
});

test('a clock that is set back hides no silence', () => {
  const { watch, passes, rules, jump } = ground();
  watch.heard();
  passes(5);
  jump(-3_600_000);
  passes(6);
  assert.deepEqual(rules(), ['Sensor does not answer']);
});
