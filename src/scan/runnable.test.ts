import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ANALYSERS } from './analysers/index.ts';
import { inventoryOf, mergeNames } from './inventory.ts';
import { findRunnable } from './runnable.ts';
import { BOOKWORM, dpkgStatus, npmManifest, packLayer, readHere } from './test-image.ts';

const file = (path: string, mode = 0o644, text = path) => ({ path, mode, content: Buffer.from(text) });
const link = (path: string, linkTarget: string) => ({ path, kind: 'symlink' as const, linkTarget, mode: 0o777 });

test('what runs of a package are its programs and libraries under every name, and the rest says why not', async () => {
  const below = await packLayer([
    { path: 'usr/', kind: 'directory', mode: 0o755 },
    { path: 'usr/bin/', kind: 'directory', mode: 0o755 },
    link('bin', 'usr/bin'),
    file('etc/os-release', 0o644, BOOKWORM),
    file(
      'var/lib/dpkg/status',
      0o644,
      dpkgStatus({ 'netcat-openbsd': '1.219-1', 'python3-six': '1.16.0-4', libpcap0: '1.10.3-1', hello: '2.10-3' }),
    ),
    file(
      'var/lib/dpkg/info/netcat-openbsd.list',
      0o644,
      '/.\n/bin\n/bin/nc.openbsd\n/usr/share/doc/nc\n/usr/share/doc/nc/README\n',
    ),
    file('var/lib/dpkg/info/python3-six.list', 0o644, '/usr/lib/python3/dist-packages/six.py\n'),
    file('var/lib/dpkg/info/libpcap0.list', 0o644, '/usr/lib/libpcap.so.1.10.3\n/usr/lib/libpcap.so.0.8\n'),
    file('var/lib/dpkg/info/hello.list', 0o644, '/usr/bin/hello\n'),
    file('usr/bin/nc.openbsd', 0o755, '\x7fELF nc'),
    { path: 'usr/bin/ncat-twin', kind: 'hardlink', linkTarget: 'usr/bin/nc.openbsd', mode: 0o755 },
    link('etc/alternatives/nc', '/bin/nc.openbsd'),
    link('usr/bin/nc', '/etc/alternatives/nc'),
    file('usr/share/doc/nc/README'),
    file('usr/lib/python3/dist-packages/six.py'),
    file('usr/lib/libpcap.so.1.10.3'),
    link('usr/lib/libpcap.so.0.8', 'libpcap.so.1.10.3'),
    file('usr/bin/hello', 0o755),
    file('usr/bin/other', 0o755),
  ]);
  const above = await packLayer([
    file('usr/bin/.wh.hello', 0o644, ''),
    npmManifest('tool', '1.0.0'),
    file('app/node_modules/tool/cli.js', 0o755),
    file('app/node_modules/tool/index.js'),
    file('app/node_modules/tool/node_modules/inner/run.js', 0o755),
    file('app/node_modules/tool/build/native.node'),
  ]);
  const layers = [await readHere(below), await readHere(above)];
  const { packages } = inventoryOf(layers, ANALYSERS, mergeNames(layers));
  const of = (name: string) => {
    const keys = packages.filter((one) => one.name === name).map(({ purl, path }) => ({ purl, path }));
    assert.equal(keys.length, 1, name);
    const [found] = findRunnable(layers, ANALYSERS, keys);
    return [found?.programs, found?.libraries, found?.gap];
  };
  assert.deepEqual(of('netcat-openbsd'), [['/usr/bin/nc.openbsd', '/usr/bin/ncat-twin'], [], null]);
  assert.deepEqual(of('python3-six'), [[], [], 'no-program']);
  assert.deepEqual(of('libpcap0'), [[], ['/usr/lib/libpcap.so.1.10.3'], null]);
  assert.deepEqual(of('hello'), [[], [], 'no-program'], 'a later layer removed it');
  assert.deepEqual(of('tool'), [
    ['/app/node_modules/tool/cli.js'],
    ['/app/node_modules/tool/build/native.node'],
    'interpreted',
  ]);
  assert.deepEqual(
    findRunnable(layers, ANALYSERS, [{ purl: 'pkg:deb/debian/gone@1', path: 'var/lib/dpkg/status' }]),
    [],
  );
  assert.equal(findRunnable(layers, ANALYSERS, packages).length, packages.length);
});
