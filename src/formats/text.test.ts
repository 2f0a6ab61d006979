import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeText } from './text.ts';

test('a text of Windows is read, and one in no known encoding is refused where it is', () => {
  const text = 'a: ñ\nb: 😀\n';
  const wide = Buffer.from(`\ufeff${text}`, 'utf16le');
  assert.equal(decodeText(wide), text);
  assert.equal(decodeText(Buffer.from(wide).swap16()), text);
  assert.equal(decodeText(Buffer.from(`\ufeff${text}`)), text);
  assert.equal(decodeText(Buffer.from(text)), text);
  assert.equal(decodeText(new Uint8Array()), '');
  const latin = Buffer.concat([Buffer.from('a: ñ\nb: '), Buffer.from([0xf1]), Buffer.from('o\nc: 1\n')]);
  assert.throws(() => decodeText(latin), { code: 'text.encoding', position: { line: 2, column: 4 } });
  assert.throws(() => decodeText(Buffer.from('a: ñ', 'utf16le')), {
    code: 'text.encoding',
    message: /UTF-16 without its mark/,
  });
  assert.throws(() => decodeText(wide.subarray(0, wide.length - 1)), { code: 'text.encoding', message: /UTF-16/ });
});
