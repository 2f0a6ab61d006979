import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TarInput } from '../../formats/index.ts';
import { findOwners } from '../owners.ts';
import { mergeHere, packLayer, readHere, type TestLayer } from '../test-image.ts';
import { ANALYSERS } from './index.ts';
import { rpmBerkeley, rpmNdb, rpmSqlite } from './test-rpm.ts';
import { RPM_HEADERS } from './test-samples-os.ts';

const text = (path: string, content: string): TarInput => ({ path, content: Buffer.from(content) });
const link = (path: string, linkTarget: string): TarInput => ({ path, kind: 'symlink', linkTarget });

const INSTALLED = [
  'C:Q1\nP:libcrypto3\nV:3.3.2-r1\nA:x86_64\nS:1\nT:Crypto: library\nL:Apache-2.0\no:openssl\nF:usr\nF:usr/lib\nR:libcrypto.so.3',
  'P:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\nF:lib\nR:ld-musl-x86_64.so.1',
  'P:.virtual\nV:20240101.000000\nA:noarch',
  'P:broken\nA:x86_64',
].join('\n\n');

test('apk: names, versions, origins and licences, of Alpine and of its kin', async () => {
  const { packages } = await mergeHere([
    await packLayer([
      text('lib/apk/db/installed', INSTALLED),
      text('etc/os-release', 'ID=alpine\nVERSION_ID=3.21.0\n'),
      text('home/x/apk/db/installed', 'P:copy\nV:1-r0\n'),
    ]),
  ]);
  assert.deepEqual(
    packages.map(({ purl, source, licences }) => [purl, source, licences]),
    [
      ['pkg:apk/alpine/.virtual@20240101.000000?arch=noarch&distro=alpine-3.21.0', null, []],
      [
        'pkg:apk/alpine/libcrypto3@3.3.2-r1?arch=x86_64&distro=alpine-3.21.0',
        { name: 'openssl', version: '3.3.2-r1' },
        ['Apache-2.0'],
      ],
      ['pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.21.0', null, ['MIT']],
    ],
  );
});

test('apk: a database below /usr/lib, with /lib a link to it, is read once', async () => {
  const { packages } = await mergeHere([
    await packLayer([
      link('lib', 'usr/lib'),
      text('usr/lib/apk/db/installed', 'P:wolfi-baselayout\nV:20230201-r1\nA:x86_64\n\n'),
      text('etc/os-release', 'ID=wolfi\nVERSION_ID=20230201\n'),
    ]),
  ]);
  assert.deepEqual(
    packages.map(({ purl }) => purl),
    ['pkg:apk/wolfi/wolfi-baselayout@20230201-r1?arch=x86_64&distro=wolfi-20230201'],
  );
});

const RPM_TRUTH = [
  [
    'pkg:rpm/rhel/nodejs@20.16.0-1.module%2Bel9?arch=x86_64&distro=rhel-9.5&rpmmod=nodejs:20',
    null,
    [],
    'nodejs:20',
    undefined,
  ],
  [
    'pkg:rpm/rhel/openssl-libs@3.2.2-6.el9_5?arch=x86_64&distro=rhel-9.5&epoch=1',
    { name: 'openssl', version: '1:3.2.2-6.el9_5' },
    ['ASL 2.0'],
    undefined,
    'Example Project',
  ],
];

async function rpmPackages(...entries: TarInput[]): Promise<unknown[]> {
  const release = text('etc/os-release', 'ID="rhel"\nVERSION_ID="9.5"\n');
  const { packages } = await mergeHere([await packLayer([release, ...entries])]);
  return packages.map(({ purl, source, licences, module, vendor }) => [purl, source, licences, module, vendor]);
}

test('rpm: the three formats of its database tell the same', async () => {
  const sqlite = { path: 'var/lib/rpm/rpmdb.sqlite', content: rpmSqlite(RPM_HEADERS) };
  const ndb = { path: 'var/lib/rpm/Packages.db', content: rpmNdb(RPM_HEADERS) };
  const berkeley = { path: 'var/lib/rpm/Packages', content: rpmBerkeley(RPM_HEADERS) };
  for (const database of [sqlite, ndb, berkeley]) assert.deepEqual(await rpmPackages(database), RPM_TRUTH);
  // An older format that stayed behind is not counted again.
  assert.deepEqual(await rpmPackages(sqlite, { ...berkeley, content: rpmBerkeley(RPM_HEADERS.slice(1)) }), RPM_TRUTH);
  assert.deepEqual(await rpmPackages(text('var/lib/rpm/Packages', '')), []);
});

test('rpm: a database that /var/lib/rpm leads to is read once, and one that merely lies there is not', async () => {
  const content = rpmSqlite(RPM_HEADERS);
  assert.deepEqual(
    await rpmPackages(
      link('var/lib/rpm', '../../usr/lib/sysimage/rpm'),
      { path: 'usr/lib/sysimage/rpm/rpmdb.sqlite', content },
      { path: 'srv/backup/rpm/rpmdb.sqlite', content: rpmSqlite(RPM_HEADERS.slice(1)) },
    ),
    RPM_TRUTH,
  );
});

test('rpm: a database that is cut makes the inventory incomplete, and one whose changes are in its log gets a notice', async () => {
  const content = rpmSqlite(RPM_HEADERS);
  const cut = { path: 'var/lib/rpm/rpmdb.sqlite', content: content.subarray(0, 8192) };
  await assert.rejects(rpmPackages(cut), /rpmdb\.sqlite cannot be read/);
  const whole = { path: 'var/lib/rpm/rpmdb.sqlite', content };
  for (const [log, notices] of [
    ['x', 1],
    ['', 0],
  ] as const) {
    const found = await mergeHere([await packLayer([whole, text('var/lib/rpm/rpmdb.sqlite-wal', log)])]);
    assert.deepEqual([found.packages.length, found.notices.length], [2, notices]);
  }
});

test('pacman, opkg and the manifest of distroless rpm images', async () => {
  const desc = (name: string, lines: string): TarInput => text(`var/lib/pacman/local/${name}/desc`, lines);
  const { packages } = await mergeHere([
    await packLayer([
      text('etc/os-release', 'ID=arch\n'),
      desc(
        'libz-1:1.3.1-2',
        '%NAME%\nlibz\n\n%VERSION%\n1:1.3.1-2\n\n%BASE%\nzlib\n\n%ARCH%\nx86_64\n\n%LICENSE%\nZlib\nMIT\n',
      ),
      text('usr/lib/opkg/status', 'Package: libc\nVersion: 1.2.4-4\nStatus: install user installed\nLicense: MIT\n'),
      text(
        'var/lib/rpmmanifest/container-manifest-2',
        'libgcc\t13.2.0-7.azl3\t1\t2\tMicrosoft Corporation\t1\t10\tx86_64\t1\tgcc-13.2.0-7.azl3.src.rpm\n',
      ),
    ]),
  ]);
  assert.deepEqual(
    packages.map(({ purl, source, licences }) => [purl, source, licences]),
    [
      [
        'pkg:alpm/arch/libz@1:1.3.1-2?arch=x86_64&distro=arch-',
        { name: 'zlib', version: '1:1.3.1-2' },
        ['Zlib', 'MIT'],
      ],
      ['pkg:opkg/libc@1.2.4-4', null, ['MIT']],
      [
        'pkg:rpm/arch/libgcc@13.2.0-7.azl3?arch=x86_64&distro=arch-&epoch=1',
        { name: 'gcc', version: '1:13.2.0-7.azl3' },
        [],
      ],
    ],
  );
});

const COPYRIGHT =
  'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+ or Expat\n text\n\nFiles: x\nLicense: LGPL-2.1\n\nLicense: Custom-1\n text\n';

test('dpkg: licences of machine-readable copyright files, also through a link; prose says nothing', async () => {
  const { packages, notices } = await mergeHere([
    await packLayer([
      text(
        'var/lib/dpkg/status',
        ['a', 'linked', 'prose', 'none']
          .map((name) => `Package: ${name}\nVersion: 1\nArchitecture: amd64\n`)
          .join('\n'),
      ),
      text('usr/share/doc/a/copyright', COPYRIGHT),
      link('usr/share/doc/linked', 'a'),
      text('usr/share/doc/prose/copyright', 'This package was debianized by A.\nLicense: see below, it is long\n'),
    ]),
  ]);
  const own = ['GPL-2.0-or-later OR MIT', 'LGPL-2.1-only', 'Custom-1'];
  assert.deepEqual(
    packages.map(({ name, licences }) => [name, licences]),
    [
      ['a', own],
      ['linked', own],
      ['none', []],
      ['prose', []],
    ],
  );
  assert.deepEqual(notices, []);
});

async function ownersOf(paths: readonly string[], ...layers: TestLayer[]): Promise<unknown[]> {
  const results = await Promise.all(layers.map(readHere));
  return findOwners(results, ANALYSERS, paths).map(({ realPath, layer, packages }) => [
    realPath,
    layers.findIndex(({ bytes }) => results.some((one) => one.digest === layer && one.sizeBytes === bytes.length)),
    ...packages.map(({ name, version, replaced }) => `${name} ${version}${replaced ? ' replaced' : ''}`),
  ]);
}

test('owners: files of dpkg by links of folders, replaced, removed, and of nobody', async () => {
  const base = await packLayer([
    link('bin', 'usr/bin'),
    text('usr/bin/ls', 'x'),
    text('usr/bin/gawk', 'x'),
    link('usr/bin/awk', 'gawk'),
    text('usr/bin/own', 'x'),
    text(
      'var/lib/dpkg/status',
      'Package: coreutils\nVersion: 9.1\nArchitecture: amd64\n\nPackage: gawk\nVersion: 5\nArchitecture: amd64\n',
    ),
    text('var/lib/dpkg/info/coreutils.list', '/.\n/bin\n/bin/ls\n/bin/gone\n'),
    text('var/lib/dpkg/info/gawk:amd64.list', '/.\n/usr\n/usr/bin\n/usr/bin/gawk\n/usr/share\n'),
  ]);
  assert.deepEqual(
    await ownersOf(['/bin/ls', 'usr/bin/ls', '/usr/bin/awk', '/usr/bin/own', '/bin/gone', '/usr'], base),
    [
      ['/usr/bin/ls', 0, 'coreutils 9.1'],
      ['/usr/bin/ls', 0, 'coreutils 9.1'],
      ['/usr/bin/gawk', 0, 'gawk 5'],
      ['/usr/bin/own', 0],
      [null, -1],
      ['/usr', -1],
    ],
  );
  const later = await packLayer([text('usr/bin/ls', 'another'), text('var/lib/dpkg/info/.wh.gawk:amd64.list', '')]);
  assert.deepEqual(await ownersOf(['/bin/ls', '/usr/bin/gawk'], base, later), [
    ['/usr/bin/ls', 1, 'coreutils 9.1 replaced'],
    ['/usr/bin/gawk', 0],
  ]);
});

test('owners: files of apk, rpm and pacman, archives and installed modules', async () => {
  const layer = await packLayer([
    text('lib/apk/db/installed', 'P:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:ld-musl-x86_64.so.1\nF:\nR:root\n'),
    text('lib/ld-musl-x86_64.so.1', 'x'),
    text('root', 'x'),
    { path: 'var/lib/rpm/rpmdb.sqlite', content: rpmSqlite(RPM_HEADERS) },
    text('usr/lib64/libssl.so.59', 'x'),
    text('var/lib/pacman/local/a-b-1:1-2/desc', '%NAME%\na-b\n\n%VERSION%\n1:1-2\n'),
    text('var/lib/pacman/local/a-b-1:1-2/files', '%FILES%\nusr/\nusr/bin/\nusr/bin/ab\n'),
    text('usr/bin/ab', 'x'),
    text('app/node_modules/m/package.json', '{"name":"m","version":"1.0.0"}'),
    text('app/node_modules/m/dist/index.js', 'x'),
  ]);
  const paths = ['/lib/ld-musl-x86_64.so.1', '/root', '/usr/lib64/libssl.so.59', '/usr/bin/ab'];
  assert.deepEqual(await ownersOf([...paths, '/app/node_modules/m/dist/index.js'], layer), [
    ['/lib/ld-musl-x86_64.so.1', 0, 'musl 1.2.5-r0'],
    ['/root', 0, 'musl 1.2.5-r0'],
    ['/usr/lib64/libssl.so.59', 0, 'openssl-libs 1:3.2.2-6.el9_5'],
    ['/usr/bin/ab', 0, 'a-b 1:1-2'],
    ['/app/node_modules/m/dist/index.js', 0, 'm 1.0.0'],
  ]);
});
