import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LagWord } from './lag-word.ts';

test('a lag is told at once with its figure, then once a minute with the worst since, and what is soon caught up with is none', () => {
  const word = new LagWord();
  assert.equal(word.say(2_900, 0), null);
  const first = word.say(12_340, 500);
  assert.match(first?.en ?? '', /up to 12\.3 s late/);
  assert.match(first?.es ?? '', /hasta 12,3 s de retraso/);
  assert.equal(word.say(40_000, 20_000), null, 'it was told a moment ago');
  assert.equal(word.say(0, 30_000), null);
  assert.match(word.say(0, 60_501)?.en ?? '', /up to 40\.0 s late/, 'what came meanwhile is told, although it is over');
  assert.equal(word.say(0, 200_000), null, 'nothing more was late');
});
