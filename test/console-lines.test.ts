import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineChanges } from '../console/settings/line-changes.ts';

const shown = (before: string, after: string) => lineChanges(before, after).map(({ op, text }) => `${op} ${text}`);

test('a comparison shows what went, what came and three lines beside it, and counts the rest', () => {
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
  const changed = lines.with(10, 'another').toSpliced(11, 0, 'one more');
  assert.deepEqual(shown(lines.join('\n'), changed.join('\n')), [
    ...['left 7', 'same line 7', 'same line 8', 'same line 9', 'out line 10', 'in another', 'in one more'],
    ...['same line 11', 'same line 12', 'same line 13', 'left 6'],
  ]);
});

test('what goes and comes gives both texts again, whatever they are', () => {
  let seed = 7;
  const next = (most: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % most;
  };
  const draw = () => Array.from({ length: next(30) }, () => `${next(4)}`).join('\n');
  for (let round = 0; round < 300; round += 1) {
    const [before, after] = [draw(), draw()];
    const changes = lineChanges(before, after).filter(({ op }) => op !== 'left');
    const gone = changes.filter(({ op }) => op === 'out').length;
    const come = changes.filter(({ op }) => op === 'in').length;
    assert.equal(before.split('\n').length - gone, after.split('\n').length - come);
    if (before === after) assert.deepEqual([gone, come], [0, 0]);
  }
});

test('a comparison of texts that share nothing ends at once, however long they are', () => {
  const long = (word: string) => Array.from({ length: 20_000 }, (_, index) => `${word} ${index}`).join('\n');
  assert.equal(lineChanges(long('a'), long('b')).length, 40_000);
});
