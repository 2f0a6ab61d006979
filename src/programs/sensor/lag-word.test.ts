import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LagWord } from './lag-word.ts';

test('a lag that lasts is told once a minute, and what is caught up with is none', () => {
  const word = new LagWord();
  assert.equal(word.say(20_000, 0), null, 'it has just begun');
  assert.equal(word.say(0, 1_000), null);
  assert.equal(word.say(20_000, 2_000), null, 'it begins again');
  assert.match(word.say(21_000, 5_000)?.en ?? '', /^Events are judged 21 s late/);
  assert.equal(word.say(30_000, 20_000), null);
  assert.match(word.say(40_000, 65_001)?.en ?? '', /40 s late/);
});
