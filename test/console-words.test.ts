import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { factWords } from '../console/shell/parts/fact-words.ts';
import { readCatalogues, textsOf } from './console-catalogues.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** `kind: 'image.pushed'`, also behind a condition. */
const STATED =
  /(?:\bkind(?::| =) |\b(?:factOf|record)\((?:tx, )?)(?:[^'\n]{0,60}\? )?'([a-z-]+\.[a-z-]+)'(?: : '([a-z-]+\.[a-z-]+)')?/g;

/** Words that are the same in both languages: names, units, terms kept by the table of words. */
const SAME = new Set(
  'Dársena Host Tags Commit Control Sensor Tokens Token Digest Hash Pod Error Roles CVE rootless root No.'.split(' '),
);

const holesOf = (entry: Parameters<typeof textsOf>[0]): string =>
  [...new Set(textsOf(entry).flatMap((text) => text.match(/\{\w+\}/g) ?? []))].sort().join(' ');

test('both catalogues have the same keys, the same holes, and no empty text', async () => {
  const catalogues = await readCatalogues();
  assert.ok(catalogues.length >= 10, `found ${catalogues.length} catalogues`);
  for (const { file, en, es } of catalogues) {
    assert.deepEqual(Object.keys(es).sort(), Object.keys(en).sort(), file);
    for (const [key, entry] of Object.entries(en)) {
      const other = es[key];
      assert.ok(other !== undefined);
      for (const text of [...textsOf(entry), ...textsOf(other)]) assert.notEqual(text.trim(), '', `${file} ${key}`);
      assert.equal(holesOf(other), holesOf(entry), `${file} ${key}`);
      assert.equal(typeof other, typeof entry, `${file} ${key}`);
    }
  }
});

test('a long English text is never left untranslated', async () => {
  for (const { file, en, es } of await readCatalogues()) {
    for (const [key, entry] of Object.entries(en)) {
      const [text = ''] = textsOf(entry);
      const [other = ''] = textsOf(es[key] ?? '');
      if (text.includes(' ') && !/^[\d{} ]+$/.test(text) && !text.startsWith('darsena ') && !SAME.has(text)) {
        assert.notEqual(other, text, `${file} ${key} is the same in both languages`);
      }
    }
  }
});

test('every kind of fact that the code states has its sentence', async () => {
  const kinds = new Set<string>();
  const sources = globSync('src/**/*.ts', { cwd: ROOT, exclude: ['**/*.test.ts', '**/test-*.ts'] });
  for (const file of sources) {
    const text = await readFile(join(ROOT, file), 'utf8');
    for (const [, one, other] of text.matchAll(STATED)) for (const kind of [one, other]) if (kind) kinds.add(kind);
  }
  assert.ok(kinds.size > 30, `found ${kinds.size} kinds`);
  assert.deepEqual([...kinds].filter((kind) => !(kind in factWords.en)).sort(), []);
});
