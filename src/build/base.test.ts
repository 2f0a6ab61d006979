import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../system/index.ts';
import { parseAptSources } from './apt-sources.ts';
import { baseName, checkBaseRequest } from './base.ts';
import { describePackages, readPackages } from './packages.ts';
import { RELEASES, sourcesOf } from './releases.ts';

const [bookworm, trixie] = RELEASES;
assert.ok(bookworm && trixie);

test('the host mirrors are used, whichever format names them, and those of others are not', () => {
  const deb822 = `Types: deb deb-src
# http://snapshot.debian.org/archive/debian
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;
  const lines = `# comment
deb [arch=amd64 signed-by=/k.gpg] https://packages.example/apt stable-tools main
deb-src http://other.example/debian bookworm main
deb http://old.example/debian bookworm main contrib # trailing
`;
  const sources = parseAptSources([
    { name: 'tools.list', text: lines.split('\n').slice(0, 3).join('\n') },
    { name: 'debian.sources', text: deb822 },
  ]);
  assert.deepEqual(sourcesOf(bookworm, sources), [
    'deb http://mirror.example/debian bookworm main',
    'deb http://mirror.example/debian bookworm-updates main',
    'deb http://mirror.example/debian-security bookworm-security main',
  ]);
  assert.equal(
    sourcesOf(trixie, parseAptSources([{ name: 'a.list', text: lines }]))[0],
    'deb http://old.example/debian trixie main',
  );
  assert.equal(sourcesOf(bookworm, [])[0], 'deb http://deb.debian.org/debian bookworm main');
});

test('a base is named after its release and packages, in one order', () => {
  assert.equal(baseName('debian-12', []), 'debian-12');
  assert.equal(baseName('debian-12', ['nodejs', 'ca-certificates']), 'debian-12-ca-certificates-nodejs');
});

test('a base that cannot be made is refused before anything is started', () => {
  const codes: readonly (readonly [Parameters<typeof checkBaseRequest>[0], string])[] = [
    [{ release: 'debian-10', include: [] }, 'build.release-unknown'],
    [{ release: 'debian-12', include: ['--hook=x'] }, 'build.base-request'],
    [{ release: 'debian-12', include: ['a b'] }, 'build.base-request'],
    [{ release: 'debian-12', include: ['libstdc++6'] }, 'build.base-request'],
    [{ release: 'debian-12', include: [], name: '../x' }, 'build.base-request'],
  ];
  for (const [request, code] of codes) {
    assert.throws(
      () => checkBaseRequest(request),
      (error) => error instanceof Fault && error.code === code,
    );
  }
  assert.equal(checkBaseRequest({ release: 'debian-12', include: ['libstdc++6'], name: 'cpp' }).name, 'cpp');
});

test('the package list names what is installed, as purls', () => {
  const status = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1
`;
  const packages = readPackages(Buffer.from(status));
  assert.deepEqual(packages, [{ name: 'libc6', version: '2.36-9+deb12u9', architecture: 'amd64', source: 'glibc' }]);
  const list = describePackages(packages, {
    name: 'base/debian-12',
    release: 'debian-12',
    configDigest: `sha256:${'0'.repeat(64)}`,
  });
  assert.match(JSON.stringify(list), /pkg:deb\/debian\/libc6@2\.36-9%2Bdeb12u9\?arch=amd64&distro=debian-12/);
});
