import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { randomFrom } from '../../../test/fuzz.ts';
import { ENCODED_RUN } from './encoded.ts';
import { BLOCK_BYTES, type ByteRun, PlainSearch, type TextSearch, vectorSearch } from './search.ts';
import { SHIPPED_RULES } from './shipped.ts';
import { compileWords } from './words.ts';

const members = (letters: string): Uint8Array => {
  const set = new Uint8Array(256);
  for (const letter of Buffer.from(letters, 'latin1')) set[letter] = 1;
  return set;
};
const DIGITS = '0123456789';
const RUNS: readonly ByteRun[] = [
  ENCODED_RUN,
  { members: members(DIGITS), length: 15 },
  { members: members(`${DIGITS}abcdefABCDEF`), length: 40 },
  { members: members('\x00\x80\xff\n'), length: 8 },
  { members: new Uint8Array(256).fill(1), length: 9 },
  { members: new Uint8Array(256), length: 20 },
];
const RULES = SHIPPED_RULES.load().rules;
const WORDS = [
  ...new Set(RULES.flatMap(({ anchor, keywords }) => [...(anchor?.literals ?? []), ...keywords])),
  'a',
  'ab',
  'bab',
  'a-word-that-is-longer-than-any-lane-of-a-short-text-is-and-therefore-keeps-it-from-having-lanes',
].filter((word) => word !== '');

/** Everything that a search says of a text that comes in blocks. */
function said(search: TextSearch<string>, text: Uint8Array, blockBytes: number): unknown[] {
  const cursor = { state: 0 };
  const all: unknown[] = [];
  for (let base = 0; base < text.length; base += blockBytes) {
    const block = text.subarray(base, base + blockBytes);
    search.take(block);
    search.words(cursor, base, (word, end) => all.push([word, end]));
    for (const kind of RUNS.keys()) {
      for (let at = search.run(kind, 0); at >= 0; at = search.run(kind, search.stop)) all.push([kind, at, search.stop]);
      for (const from of [0, 1, 15, 16, block.length >> 1, block.length])
        if (from <= block.length) all.push(search.runEnd(kind, from));
    }
    for (const to of [0, 1, 15, 16, 17, block.length]) if (to <= block.length) all.push(search.newlines(to));
  }
  return all;
}

test('search by vectors says what the plain search says, of random texts at all alignments and borders of blocks', () => {
  const random = randomFrom(20261123);
  const table = compileWords(WORDS.map((word) => [word, word] as const));
  const plain = new PlainSearch(table, RUNS);
  const vectors = vectorSearch(table, RUNS);
  assert.ok(vectors, 'this machine has vectors');
  const pieces: (() => string)[] = [
    () => WORDS[random(WORDS.length)] ?? '',
    () => (WORDS[random(WORDS.length)] ?? '').toUpperCase(),
    () => (WORDS[random(WORDS.length)] ?? '').slice(0, 1 + random(5)),
    () => DIGITS.repeat(6).slice(0, random(50)),
    () => 'QWxhZGRpbjpvcGVuIHNlc2FtZQ'.repeat(3).slice(0, random(70)),
    () => '\x00\x80\xff\n'.repeat(random(20)),
    () => '\n'.repeat(random(3)),
    () => String.fromCharCode(random(256)),
    () => ' '.repeat(random(70)),
  ];
  const lengths = [0, 1, 2, 3, 15, 16, 17, 23, 24, 25, 39, 40, 41, 63, 64, 65, 255, 256, 257, 1000, 5000, BLOCK_BYTES];
  for (let round = 0; round < 300; round++) {
    const length = round < lengths.length ? (lengths[round] ?? 0) : random(3000);
    let text = '';
    while (text.length < length) text += pieces[random(pieces.length)]?.() ?? '';
    const bytes = Buffer.from(text, 'latin1').subarray(0, length);
    for (const block of [BLOCK_BYTES, 1 + random(300)]) {
      assert.deepEqual(said(vectors, bytes, block), said(plain, bytes, block), `round ${round}, blocks of ${block}`);
    }
  }
});

test('a word too long for lanes leaves room for a hit at every byte', () => {
  const table = compileWords(['a', 'b'.repeat(BLOCK_BYTES / 4 + 1)].map((word) => [word, word] as const));
  const plain = new PlainSearch(table, RUNS);
  const vectors = vectorSearch(table, RUNS);
  assert.ok(vectors);
  const text = Buffer.alloc(2 * BLOCK_BYTES, 'a');
  const expected = said(plain, text, BLOCK_BYTES);
  assert.ok(expected.length > text.length);
  // Twice: what went too far would be seen in the words of the next text.
  for (const time of ['first', 'second']) assert.deepEqual(said(vectors, text, BLOCK_BYTES), expected, time);
  const long = Buffer.from(`a${'b'.repeat(BLOCK_BYTES / 4 + 1)}a`);
  assert.deepEqual(said(vectors, long, BLOCK_BYTES), said(plain, long, BLOCK_BYTES));
});

test('what a block held is not found again in a shorter one behind it', () => {
  const table = compileWords([['secret', 'secret']]);
  const search = vectorSearch(table, RUNS);
  assert.ok(search);
  const text = Buffer.from(`${'A'.repeat(200)} secret ${'7'.repeat(200)}\n`.repeat(20));
  search.take(text);
  for (let length = 0; length < 80; length++) {
    search.take(Buffer.alloc(length, ' '));
    search.words({ state: 0 }, 0, () => assert.fail('a word of the block before'));
    for (const kind of [0, 1, 2, 3]) {
      assert.equal(search.run(kind, 0), -1);
      assert.equal(search.runEnd(kind, length), length);
    }
    assert.equal(search.newlines(length), 0);
  }
});

test('a process without rights has the search by vectors', () => {
  const url = new URL('./search.ts', import.meta.url).href;
  const code = `
    const { textSearch } = await import(${JSON.stringify(url)});
    console.log(textSearch([['a', 'a']], []).constructor.name);`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      '--permission',
      `--allow-fs-read=${new URL('../../', import.meta.url).pathname}`,
      `--allow-fs-read=${new URL('../../../package.json', import.meta.url).pathname}`,
      '--disallow-code-generation-from-strings',
      '--no-warnings',
      '--input-type=module',
      '--eval',
      code,
    ],
    { encoding: 'utf8', cwd: '/' },
  );
  assert.equal(stdout.trim(), 'VectorSearch', stderr);
});
