import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RuleEngine } from '../../detect/live.ts';
import { readingRules, reasonOf } from './rule-reading.ts';

const RULE = '- rule: A\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: NOTICE\n';

function readAll<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

test('a fault while rules are read is told as what is wrong with them, and ends nothing', () => {
  const sound = readAll(readingRules(RuleEngine.loading([{ file: 'a.yaml', text: RULE }])));
  assert.ok(sound instanceof RuleEngine);
  assert.equal(reasonOf(sound.findings), null);
  function* failing(): Generator<void, RuleEngine> {
    yield;
    throw new RangeError('x'.repeat(1_000));
  }
  const told = readAll(readingRules(failing()));
  assert.ok(!(told instanceof RuleEngine));
  assert.equal(told.severity, 'error');
  assert.match(told.message, /RangeError: x/);
  assert.match(reasonOf([told]) ?? '', /^rules:1:1: a fault of the sensor.{1,280}$/);
});

test('what fails between two steps of the reading is not hidden', () => {
  function* two(): Generator<void, RuleEngine> {
    yield;
    return RuleEngine.load([]);
  }
  const steps = readingRules(two());
  assert.throws(() => {
    steps.next();
    throw new Error('the reading of events');
  }, /reading of events/);
  assert.ok(steps.next().value instanceof RuleEngine);
});
