import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TarInput } from '../../formats/index.ts';
import { mergeHere, packLayer } from '../test-image.ts';

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
