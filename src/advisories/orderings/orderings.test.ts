import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { alpm } from './alpm.ts';
import { apk } from './apk.ts';
import { composer } from './composer.ts';
import { deb } from './deb.ts';
import { gem } from './gem.ts';
import { go } from './go.ts';
import { ORDERINGS } from './index.ts';
import { loose } from './loose.ts';
import { maven } from './maven.ts';
import { nuget } from './nuget.ts';
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

test('rpm versions with tilde, caret, odd separators and module releases', () => {
  checkRows(rpm, [
    ['1.0~beta1', '1.0~rc1^git1', '1.0~rc1^z', '1.0', '1.0^git1~pre', '1.0^git1', '1.0^git2', '1.0.1'],
    ['10a1', '10a2', '10b1', '10.1'],
    [
      '1:12.22.9-1.module_el8.6.0+2719+ac2c0b54',
      '1:12.22.12-1.module_el8.6.0+2904+e8e1c1ee',
      '1:14.0.0-1.el8',
      '2:1-1',
    ],
    ['5.14.0-70.13.1.el9_0', '5.14.0-70.22.1.el9_0', '5.14.0-162.6.1.el9_1'],
    ['2.0.1', '2.0.1a', '2.0.2'],
    ['FC5', 'fc4', '4'],
  ]);
  checkEqual(rpm, [
    ['1.0.0', '1_0_0', '1..0.0'],
    ['1.0-1.el8', '01.00-1.el8', '0:1.0-1.el8'],
  ]);
});

test('apk versions', () => {
  checkRows(apk, [
    [
      '1.2_alpha',
      '1.2_alpha2',
      '1.2_beta',
      '1.2_pre1',
      '1.2_rc1',
      '1.2',
      '1.2_git20200101',
      '1.2_p1',
      '1.2a',
      '1.2b',
      '1.2.0',
      '1.2.1',
    ],
    ['1.1.1g-r0', '1.1.1g-r1', '1.1.1k-r0', '1.1.1k-r10', '3.0.0-r0'],
    ['2.01', '2.1', '2.9', '2.10'],
    ['9.1_rc1-r5', '9.1-r0', '9.1_p1-r0', '9.1_p1-r1', '9.2_p1-r0'],
    ['20191127-r4', '20191127-r5', '20220614-r0'],
    ['1.2', '1.2-r0', '1.2-r1'],
  ]);
  checkEqual(apk, [
    ['1.2-r1', '1.2-r01'],
    ['01.2', '1.2'],
  ]);
  for (const bad of ['', 'a1', '1.2-1', '1.2_foo', '1..2']) assert.equal(apk.compare(bad, '1'), null, bad);
});

test('Go versions, of modules and of the toolchain', () => {
  checkRows(go, [
    [
      'v0.0.0-20200101000000-abcdefabcdef',
      'v0.0.0-20210101000000-abcdefabcdef',
      'v0.1.0',
      'v1.0.0',
      'v1.2.0-rc.1',
      'v1.2.0',
    ],
    ['go1.20', 'go1.20.1', 'go1.21beta1', 'go1.21rc2', 'go1.21', 'go1.21.9', 'go1.21.10', 'go1.22rc1'],
    ['1.21.0-0', '1.21.0-rc.1', '1.21.0', '1.21.1'],
    ['v1.2.3-0.20200101000000-abcdefabcdef', 'v1.2.3', 'v2.0.0+incompatible'],
  ]);
  checkEqual(go, [
    ['go1.21rc2', '1.21.0-rc.2'],
    ['go1.22.3 X:boringcrypto', 'go1.22.3', 'go1.22.3-custom', '1.22.3'],
    ['v2.0.0+incompatible', 'v2.0.0'],
  ]);
  for (const bad of ['', '(devel)', 'devel +abc', 'unknown']) assert.equal(go.compare(bad, '1.0.0'), null, bad);
});

test('Maven versions', () => {
  checkRows(maven, [
    [
      '1-alpha',
      '1-alpha-123',
      '1-beta-2',
      '1-m2',
      '1-m11',
      '1-rc',
      '1-rc2',
      '1-SNAPSHOT',
      '1',
      '1-sp',
      '1-sp2',
      '1-abc',
      '1-1',
      '1-2',
      '1.1',
    ],
    ['2.0.0.RC1', '2.0.0.RELEASE', '2.0.1.RELEASE', '2.1'],
    ['9.4.44.v20210927', '9.4.45.v20220203', '10.0.0'],
    ['31.0.1-android', '31.0.1-jre', '32.0.0-android'],
    ['2.13.4', '2.13.4.1', '2.13.4.2', '2.14.0-rc1', '2.14.0'],
    ['4.1.67.Final', '4.1.68.Final', '4.1.100.Final'],
    ['1.0-beta1-SNAPSHOT', '1.0-beta1', '1.0-rc1', '1.0'],
    [
      '2-alpha1',
      '2.Beta2',
      '2-beta-3',
      '2.M1',
      '2.0.0.RC1',
      '2-rc2',
      '2-SNAPSHOT',
      '2',
      '2.SP1',
      '2-jre',
      '2.jre8',
      '2-1',
    ],
  ]);
  checkEqual(maven, [
    ['1', '1.0', '1.0.0', '1-0', '1.ga', '1-final', '1.RELEASE', '1-GA'],
    ['1-a1', '1-alpha-1', '1alpha1'],
    ['1-cr1', '1-rc1', '1RC1', '1.RC1', '1.0.0.CR1'],
  ]);
  for (const bad of ['', 'RELEASE', 'project.version', '[1,2)']) assert.equal(maven.compare(bad, '1'), null, bad);
});

test('gem versions', () => {
  checkRows(gem, [
    ['1.0.0.a', '1.0.0.a.1', '1.0.0.b1', '1.0.0.pre', '1.0.0.rc1', '1.0.0', '1.0.0.1', '1.0.1'],
    ['1.9.3', '1.10.0', '1.10.1', '2.0'],
    ['5.2.4.2', '5.2.4.3', '6.0.0.beta1', '6.0.0'],
    ['1.0.0-1', '1.0.0', '1.0.1'],
  ]);
  checkEqual(gem, [
    ['1', '1.0', '1.0.0'],
    ['1.16.2', '1.16.2-x86_64-linux', '1.16.2-x86_64-linux-gnu', '1.16.2-java', '1.16.2-arm64-darwin'],
    ['1.a', '1.0.a', '1.0.a.0'],
  ]);
  for (const bad of ['', 'a', '1..0', '>= 1']) assert.equal(gem.compare(bad, '1'), null, bad);
});

test('NuGet versions', () => {
  checkRows(nuget, [
    [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-Beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc',
      '1.0.0',
      '1.0.0.1',
      '1.0.1',
    ],
    ['4.3.0', '4.3.1', '4.10.0', '12.0.3', '13.0.1'],
  ]);
  checkEqual(nuget, [
    ['1.0', '1.0.0', '1.0.0.0', '01.0.0', '1.0.0+build'],
    ['1.0.0-RC.1', '1.0.0-rc.1'],
  ]);
  for (const bad of ['', '1.0.0.0.0', '[1.0,2.0)', '1.0-']) assert.equal(nuget.compare(bad, '1'), null, bad);
});

test('Composer versions', () => {
  checkRows(composer, [
    [
      '1.0.0-dev',
      '1.0.0-alpha1',
      '1.0.0-alpha2',
      '1.0.0-beta',
      '1.0.0-beta2',
      '1.0.0-RC1',
      '1.0.0-RC10',
      '1.0.0',
      '1.0.0-p1',
      '1.0.0.1',
      '1.0.1',
    ],
    ['v2.8.52', 'v2.9.0', 'v3.4.26', '4.4.13', '5.0.10'],
    ['2.3.0-p1', '2.3.0-p2', '2.3.1', '2.3.5-p2', '2.4.0-beta1', '2.4.0'],
    ['7.0', '7.58', '8.5.0-alpha1', '8.5.1'],
  ]);
  checkEqual(composer, [
    ['1.0', 'v1.0.0', '1.0.0.0', '1.0.0+meta', '1.0.0-stable'],
    ['1.0.0-RC1', '1.0.0rc1', '1.0.0-rc.1'],
    ['1.0-b2', '1.0-beta2'],
    ['1.0-pl1', '1.0-patch1', '1.0-p1'],
  ]);
  for (const bad of ['', 'dev-main', '1.x-dev', '^1.0']) assert.equal(composer.compare(bad, '1'), null, bad);
});

test('Arch Linux versions', () => {
  checkRows(alpm, [
    ['1.0a', '1.0b', '1.0beta', '1.0p', '1.0pre', '1.0rc', '1.0', '1.0.a', '1.0.1'],
    ['1', '1.0', '1.1', '1.1.1', '1.2', '2.0', '3.0.0'],
    ['1.5.0-1', '1.5.0-2', '1.5.1-1', '1:1.0-1'],
    ['1.5', '1.5.b', '1.5.1'],
  ]);
  checkEqual(alpm, [
    ['1.5.0', '1.5.0-1'],
    ['0:1.0-1', '1.0-1'],
  ]);
});

test('versions that follow no standard', () => {
  checkRows(loose, [
    [
      '1.0.2',
      '1.0.2a',
      '1.0.2z',
      '1.1.0',
      '1.1.1',
      '1.1.1k',
      '1.1.1w',
      '3.0.0-alpha1',
      '3.0.0-beta2',
      '3.0.0-rc1',
      '3.0.0',
    ],
    ['3.13.0a1', '3.13.0a2', '3.13.0b1', '3.13.0rc1', '3.13.0', '3.13.1'],
    ['8.9p1', '9.2p1', '9.2p2', '9.10p1'],
    ['1.26.0-0', '1.26.0-rc1', '1.26.0', '1.26.0-1', '1.26.1'],
    ['1.8.0-275', '1.8.0-333', '11.0.15-1', '17.0.3-1'],
    ['8.1.1-9', '8.1.2', '8.1.2-3', '8.1.10'],
    ['2.6.0-rc2', '2.6.0-rc7', '2.6.0', '2.6.0.1'],
  ]);
  checkEqual(loose, [['1.2', '1.2.0', 'v1.2.0', '1.2.0+build', '1.2.0-final', 'release-1.2']]);
  for (const bad of ['', 'latest', 'nightly.2026']) assert.equal(loose.compare(bad, '1'), null, bad);
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
      // CPU time: what else the machine does at the moment must not decide.
      const start = process.cpuUsage();
      ordering.compare(text, text);
      const { user, system } = process.cpuUsage(start);
      assert.ok(user + system < 500_000, `${ordering.name} ${text.slice(0, 8)}`);
    }
  }
});
