import assert from 'node:assert/strict';
import { test } from 'node:test';
import { csvLine } from './csv.ts';

test('nothing that a program calls itself is a formula, another cell or another line', () => {
  assert.equal(csvLine([7, null, 'plain', 'a "b", c', 'one\ntwo']), '7,,plain,"a ""b"", c","one\ntwo"');
  for (const cell of ['=HYPERLINK("x")', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1'])
    assert.match(csvLine([cell]), /^"?'/, cell);
});
