import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LossWord } from './loss-word.ts';

test('the first loss is told at once, what follows within a minute together, and nothing twice', () => {
  const word = new LossWord();
  assert.equal(word.say([], 0), null);
  assert.match(word.say([['openat', 3]], 500)?.en ?? '', /lost: 3 \(openat 3\)/);
  assert.equal(word.say([['openat', 5]], 1_000), null);
  assert.equal(word.say([['kill', 7]], 1_500), null);
  assert.equal(word.say([], 30_000), null);
  assert.match(word.say([], 61_000)?.en ?? '', /lost: 12 \(kill 7, openat 5\)/);
  assert.equal(word.say([], 200_000), null);
});
