import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesOfText, decodeText, readArguments, readName, readReversedPath, readText } from './text.ts';

/** Broken at every place: too long, half of a pair, beyond the end of Unicode, cut, alone. */
const BROKEN = [
  'ff',
  'c0af',
  'e08080',
  'eda080',
  'f5808080',
  'f4908080',
  'e282',
  'f09f98',
  '80',
  '61ff62c3',
  'c3a9ff',
  'efbfbdff',
];

test('bytes that are no letters keep what they are, and are U+FFFD for people', () => {
  for (const hex of BROKEN) {
    const bytes = Buffer.from(hex, 'hex');
    const text = decodeText(bytes, 0, bytes.length);
    assert.equal(Buffer.from(bytesOfText(text), 'latin1').toString('hex'), hex);
    assert.ok(text.toWellFormed().includes('\ufffd'), hex);
  }
  for (const text of ['', 'plain', 'café', '日本語', '😀', 'a\ufffdb']) {
    const bytes = Buffer.from(text);
    assert.equal(decodeText(bytes, 0, bytes.length), text);
    assert.equal(bytesOfText(text), bytes.toString('latin1'));
  }
});

test('any bytes come back', () => {
  let state = 1;
  for (let round = 0; round < 2_000; round++) {
    const bytes = Buffer.alloc(12);
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      const kind = state >>> 30;
      bytes[i] = kind === 0 ? 0x61 : kind === 1 ? 0x80 | ((state >>> 8) & 0x3f) : (state >>> 16) & 0xff;
    }
    assert.equal(bytesOfText(decodeText(bytes, 0, 12)), bytes.toString('latin1'));
  }
});

test('names, paths and arguments are read so', () => {
  const bytes = Buffer.from('q\xff\0p\xff\0', 'latin1');
  assert.equal(readReversedPath(bytes, 0, bytes.length), '/p\udcff/q\udcff');
  assert.equal(readText(bytes, 0, 6), 'q\udcff');
  assert.equal(readName(bytes, 0, 6), 'q\udcff');
  assert.deepEqual(readArguments(bytes, 0, bytes.length), ['q\udcff', 'p\udcff']);
});
