import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from './errors.ts';
import { type Paragraph, ParagraphReader } from './paragraphs.ts';

function read(text: string, cut = 7, maxBytes?: number): Record<string, string>[] {
  const found: Record<string, string>[] = [];
  const take = (paragraph: Paragraph): void => {
    found.push(Object.fromEntries(paragraph));
  };
  const reader = new ParagraphReader(['package', 'version', 'depends'], take, maxBytes);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += cut) reader.write(bytes.subarray(at, at + cut));
  reader.end();
  return found;
}

test('ParagraphReader keeps wanted fields, joins continuations and ignores case and comments', () => {
  const text =
    '# c\nPackage: libc6\nVersion: 2.36-9\nConffiles:\n /etc/x 123\nDEPENDS: a,\n b\n\n\n \nPackage: ñandú\n';
  const wanted = [{ package: 'libc6', version: '2.36-9', depends: 'a,\nb' }, { package: 'ñandú' }];
  for (const cut of [1, 7, 1000]) assert.deepEqual(read(text, cut), wanted);
  assert.deepEqual(read(''), []);
});

test('ParagraphReader refuses what is not a control file and what has no end', () => {
  const codeOf = (text: string) => {
    try {
      read(text, 100, 50);
    } catch (error) {
      return error instanceof FormatError ? error.code : String(error);
    }
    return 'accepted';
  };
  assert.equal(codeOf('\u007fELF\n'), 'paragraph.syntax');
  assert.equal(codeOf(`Package: ${'a'.repeat(39)}\n`), 'accepted');
  assert.equal(codeOf(`Package: ${'a'.repeat(41)}\n`), 'paragraph.size');
  assert.equal(codeOf('x'.repeat(1000)), 'paragraph.size');
});
