import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readQuestion } from './question.ts';

function message(labels: readonly (string | Buffer)[], type: number, flags = 0x0100): Buffer {
  const name = labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(flags, 2);
  head.writeUInt16BE(1, 4);
  return Buffer.concat([head, ...name, Buffer.from([0, type >> 8, type & 0xff, 0, 1])]);
}

test('a question to a name server is read, and what is none is nothing', () => {
  assert.deepEqual(readQuestion(message(['Www', 'Example', 'ORG'], 28)), { name: 'www.example.org', type: 'AAAA' });
  assert.deepEqual(readQuestion(message([], 2)), { name: '', type: 'NS' });
  assert.deepEqual(readQuestion(message([Buffer.from('a.\n\x1b')], 65_280)), {
    name: 'a\\046\\010\\027',
    type: 'TYPE65280',
  });
  assert.equal(readQuestion(message(['answer'], 1, 0x8180)), null);
  const whole = message(['cut', 'example'], 1);
  for (let length = 0; length < whole.length - 2; length++) assert.equal(readQuestion(whole.subarray(0, length)), null);
  // A name that points into the message, or is longer than any.
  const pointing = message(['x'], 1);
  pointing[12] = 0xc0;
  assert.equal(readQuestion(pointing), null);
  assert.equal(readQuestion(message(Array<string>(9).fill('d'.repeat(60)), 1)), null);
});
