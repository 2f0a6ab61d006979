import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutputPiece } from '../engine.ts';
import { joinedScreen } from './joined-screen.ts';

async function* pieces(...texts: readonly string[]): AsyncGenerator<OutputPiece> {
  for (const text of texts) yield { stream: 'stdout', bytes: Buffer.from(text) };
}

test('a terminal that is joined while it runs says all of it once, whatever its server hands on', async () => {
  const whole = 'one\r\ntwo\r\nthree\r\nfour\r\n';
  /** @param logged how much the log has at each look */
  const screen = async (logged: readonly string[], unheard: number, ...handed: readonly string[]): Promise<string> => {
    let look = 0;
    const log = (follow: boolean) => pieces(follow ? whole : (logged[Math.min(look++, logged.length - 1)] ?? ''));
    let told = '';
    for await (const { bytes } of joinedScreen(pieces(...handed), log, async () => true, unheard)) told += bytes;
    return told;
  };
  assert.equal(await screen([''], 0, 'one\r\ntw', 'o\r\nthree\r\nfour\r\n'), whole, 'all was handed on');
  assert.equal(await screen(['one\r\n', whole], 0, 'three\r\n', 'four\r\n'), whole, 'some of it was not');
  assert.equal(
    await screen(['one\r\ntwo\r\nthree\r\n', whole], 0, 'one\r\n', 'two\r\nthr', 'ee\r\nfour\r\n'),
    whole,
    'twice',
  );
  assert.equal(await screen(['one\r\n'], 5), whole, 'nothing was');
  assert.equal(await screen(['one\r\n', 'one\r\n', whole], 5, 'two\r\n'), whole, 'its end was not');
  // The log is behind, and is waited for.
  assert.equal(await screen(['one\r\n', 'one\r\n', 'one\r\n', whole], 5, 'three\r\nfour\r\n'), whole, 'late');
});

test('a line that has not ended is shown at once, and its end is not made up', async () => {
  const log = (follow: boolean) => pieces(follow ? 'hi\r\n$ \r\n' : 'hi\r\n');
  let told = '';
  for await (const { bytes } of joinedScreen(pieces('$ '), log, async () => true, 0)) told += bytes;
  assert.equal(told, 'hi\r\n$ ');
});
