import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from './pace.ts';

test('what comes in a few quick turns is read at once; a rush is read with rests, until it is over', () => {
  const pace = new Pace();
  const rests = (turns: number, events: number, everyMs: number, fromMs: number): number =>
    Array.from({ length: turns }, (_, turn) => pace.rest(events, fromMs + turn * everyMs)).filter(Boolean).length;
  assert.equal(rests(50, 3, 5, 1_000), 0, 'an event now and then');
  assert.equal(rests(15, 3, 0.05, 2_000), 0, 'a program that starts');
  assert.equal(rests(50, 1, 5, 2_100), 0, 'and then little');
  const rush = rests(40, 50, 0.05, 3_000);
  assert.ok(rush >= 20, `${rush}`);
  assert.equal(rests(20, 50, 1.1, 3_100), 20, 'while it lasts');
  assert.equal(rests(20, 2, 1.1, 3_200), 0, 'and no longer');
});
