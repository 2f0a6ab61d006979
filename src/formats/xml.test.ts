import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError } from './errors.ts';
import { type XmlElement, XmlReader } from './xml.ts';

function read(text: string, name: string, piece = text.length): XmlElement[] {
  const reader = new XmlReader((one) => one === name, { maxDepth: 8, maxTokenChars: 1000, maxNodes: 20 });
  const found: XmlElement[] = [];
  for (let at = 0; at < text.length; at += piece) found.push(...reader.write(text.slice(at, at + piece)));
  reader.end();
  return found;
}

const TEXT = `<?xml version="1.0"?><!-- a > b --><ns:list xmlns:ns='x'>
<item id="1 > 0" b='"'>one &amp; two&#33;<![CDATA[<raw>]]><x:y/></item><other><item id="2"/></other></ns:list>`;

test('wanted elements come as trees, however the text is cut', () => {
  const whole = read(TEXT, 'item');
  assert.deepEqual(
    whole.map(({ attributes, text, children }) => [attributes['id'], text, children.map(({ name }) => name)]),
    [
      ['1 > 0', 'one & two!<raw>', ['y']],
      ['2', '', []],
    ],
  );
  for (let piece = 1; piece < 40; piece++) assert.deepEqual(read(TEXT, 'item', piece), whole, `pieces of ${piece}`);
});

test('hostile XML is refused: document types, depth, endless tags, crossed and cut elements', () => {
  const cases: [string, string][] = [
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'xml.doctype'],
    ['<a>'.repeat(9) + '</a>'.repeat(9), 'xml.depth'],
    [`<a b="${'x'.repeat(2000)}`, 'xml.size'],
    [`<a>${'<b/>'.repeat(30)}</a>`, 'xml.size'],
    ['<a><b></a></b>', 'xml.syntax'],
    ['<a><b></b>', 'xml.syntax'],
    ['<a/><b/>', 'xml.syntax'],
    ['text', 'xml.syntax'],
    ['', 'xml.syntax'],
  ];
  for (const [text, code] of cases) {
    assert.throws(
      () => read(text, 'a'),
      (error) => error instanceof FormatError && error.code === code,
      text.slice(0, 40),
    );
  }
  assert.equal(read('<a>&nbsp;&b;&#x110000;</a>', 'a')[0]?.text, '&nbsp;&b;\ufffd', 'unknown entities stay text');
  assert.deepEqual(Object.getPrototypeOf(read('<a __proto__="x"/>', 'a')[0]?.attributes), null);
});
