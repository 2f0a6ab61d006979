import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { deb } from './deb.ts';
import { ORDERINGS } from './index.ts';
import type { Ordering } from './ordering.ts';
import { pypi } from './pypi.ts';
import { rpm } from './rpm.ts';
import { semver } from './semver.ts';

/** Each row from the lowest to the highest; every pair of a row is compared both ways. */
function checkRows(ordering: Ordering, rows: readonly (readonly string[])[]): void {
  for (const row of rows) {
    for (const [i, a] of row.entries()) {
      for (const [j, b] of row.entries()) {
        assert.equal(
          Math.sign(ordering.compare(a, b) ?? Number.NaN),
          Math.sign(i - j),
          `${ordering.name}: ${a} against ${b}`,
        );
      }
    }
  }
}

function checkEqual(ordering: Ordering, rows: readonly (readonly string[])[]): void {
  for (const row of rows)
    for (const a of row) for (const b of row) assert.equal(ordering.compare(a, b), 0, `${a} ${b}`);
}

const DEB_ROWS = [
  ['0~~', '0~~a', '0~', '0', '0a', '0+', '0.', '0.1'],
  ['1.0~beta1~svn1245', '1.0~beta1', '1.0'],
  ['1.2.3-1~deb12u1', '1.2.3-1', '1.2.3-1+b1', '1.2.3-1+deb12u1', '1.2.3-1.1', '1.2.3-2', '1.2.3-10'],
  ['9.0', '10.0', '1:0.1', '1:1', '2:0'],
  ['2.36-9', '2.36-9+deb12u3', '2.36-9+deb12u10', '2.37-1'],
  ['7.88.1-10+deb12u5', '7.88.1-10+deb12u12', '8.0'],
  ['1.0a', '1.0b', '1.0z', '1.0aa'.replace('aa', '+a')],
  ['99999999999999999998', '99999999999999999999', '100000000000000000000'],
];

test('deb versions', () => {
  checkRows(deb, DEB_ROWS);
  checkEqual(deb, [
    ['1.0', '0:1.0', '1.0-', '01.0', '1.00'],
    ['1.0-0', '1.0'],
    ['5:1-2', '05:1-2'],
  ]);
  for (const bad of ['', '1 2', 'ñ', '-1', 'a:1']) assert.equal(deb.compare(bad, '1'), null, bad);
});

test('deb versions as dpkg orders them', (t) => {
  if (spawnSync('dpkg', ['--version']).status !== 0) return t.skip('dpkg is not installed');
  for (const row of DEB_ROWS) {
    for (let at = 1; at < row.length; at++) {
      const [a = '', b = ''] = [row[at - 1], row[at]];
      assert.equal(spawnSync('dpkg', ['--compare-versions', a, 'lt', b]).status, 0, `${a} lt ${b}`);
    }
  }
});

test('semver versions', () => {
  checkRows(semver, [
    [
      '1.0.0-0',
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
    ],
    ['0.9.9', '0.10.0', '0.10.1', '1.0.0', '1.0.10', '2.0.0', '10.0.0'],
    ['v0.0.0-20210101000000-abcdef123456', 'v0.0.0-20220101000000-abcdef123456', 'v0.0.1'],
    ['99999999999999999998.0.0', '99999999999999999999.0.0'],
  ]);
  checkEqual(semver, [
    ['1.2.3', 'v1.2.3', '=1.2.3', '1.2.3+build', '1.2.3+other'],
    ['1', '1.0', '1.0.0'],
    ['v2.0.0+incompatible', '2.0.0'],
  ]);
  for (const bad of ['', 'latest', 'git+ssh://x', '1.2.3.4', '^1.0.0'])
    assert.equal(semver.compare(bad, '1.0.0'), null, bad);
});

test('PEP 440 versions', () => {
  checkRows(pypi, [
    [
      '1.0.dev456',
      '1.0a1',
      '1.0a2.dev456',
      '1.0a12.dev456',
      '1.0a12',
      '1.0b1.dev456',
      '1.0b2',
      '1.0b2.post345.dev456',
      '1.0b2.post345',
      '1.0rc1.dev456',
      '1.0rc1',
      '1.0',
      '1.0+abc.5',
      '1.0+abc.7',
      '1.0+5',
      '1.0.post456.dev34',
      '1.0.post456',
      '1.1.dev1',
      '1!0.1',
    ],
    ['2.9', '2.10', '2.10.1', '3'],
  ]);
  checkEqual(pypi, [
    ['1.0', '1', 'v1.0.0', '1.0.0.0'],
    ['1.0alpha1', '1.0a1', '1.0-A-1', '1.0.a.1'],
    ['1.0-1', '1.0.post1', '1.0r1'],
    ['1.0c1', '1.0rc1', '1.0preview1'],
    ['1.0.dev', '1.0.dev0'],
  ]);
  for (const bad of ['', 'abc', '1.0-', '1..0', 'french toast']) assert.equal(pypi.compare(bad, '1'), null, bad);
});

test('rpm versions', () => {
  checkRows(rpm, [
    ['1.0~rc1', '1.0', '1.0^', '1.0^1', '1.0.1', '1.1', '2'],
    ['1.0a', '1.0b', '1.0.1'],
    ['5.5p1', '5.5p2', '5.5p10', '5.6p1'],
    ['1.0-1.el9', '1.0-1.el9_2', '1.0-2.el9', '1.0-10.el9', '1:0.1-1.el9'],
  ]);
  checkEqual(rpm, [
    ['1.0', '0:1.0', '1_0', '1.0-5'],
    ['1.0-1', '1.00-01'],
  ]);
  assert.equal(rpm.compare('', '1'), null);
});

test('the list of orderings is the folder', () => {
  const files = readdirSync(import.meta.dirname).filter((name) => !/^(index|ordering|orderings\.test)\.ts$/.test(name));
  assert.deepEqual(files.sort(), ORDERINGS.map(({ name }) => `${name}.ts`).sort());
});

test('orderings stay fast on the longest texts', () => {
  const long = [
    '1.'.repeat(50_000),
    'a'.repeat(100_000),
    '1'.repeat(100_000),
    `1${'-'.repeat(100_000)}`,
    '1.0a'.repeat(25_000),
  ];
  for (const ordering of ORDERINGS) {
    for (const text of long) {
      const start = performance.now();
      ordering.compare(text, text);
      assert.ok(performance.now() - start < 500, `${ordering.name} ${text.slice(0, 8)}`);
    }
  }
});
