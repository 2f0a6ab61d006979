import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fuzz } from '../../../test/fuzz.ts';
import type { TarInput } from '../../formats/index.ts';
import { mergeHere, packLayer } from '../test-image.ts';
import { ANALYSERS } from './index.ts';
import { readSample, SAMPLES } from './test-samples.ts';
import { ANALYSER_VERSIONS } from './versions.ts';

const text = (path: string, content: string | object): TarInput => ({
  path,
  content: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
});

const found = async (...entries: TarInput[]): Promise<string[]> =>
  (await mergeHere([await packLayer(entries)])).packages.map(({ purl }) => purl);

test('the list of analysers is the folder', () => {
  const files = readdirSync(import.meta.dirname).filter(
    (name) => !/^(?:(?:index|text|bounds|versions)\.ts|test-.*|.*\.test\.ts)$/.test(name),
  );
  assert.deepEqual(files.sort(), ANALYSERS.map(({ name }) => `${name}.ts`).sort());
});

test('the manual names every analyser, in both languages', () => {
  for (const language of ['en', 'es']) {
    const page = readFileSync(new URL(`../../../docs/${language}/scanner.md`, import.meta.url), 'utf8');
    const named = [...page.matchAll(/^\| `([a-z-]+)` /gm)].map(([, name]) => name);
    assert.deepEqual(named.toSorted(), ANALYSERS.map(({ name }) => name).toSorted(), language);
  }
});

test('dpkg: states, sources and distroless folders', async () => {
  const status = [
    'Package: kept\nStatus: install ok installed\nVersion: 1:2.0-1+b1\nArchitecture: amd64\nSource: origin (1:2.0-1)',
    'Package: held\nStatus: hold ok half-configured\nVersion: 3\nArchitecture: all\nSource: origin',
    'Package: gone\nStatus: deinstall ok config-files\nVersion: 4\nArchitecture: amd64',
    'Package: never\nStatus: unknown ok not-installed\nArchitecture: amd64',
  ].join('\n\n');
  const { packages } = await mergeHere([
    await packLayer([
      text('var/lib/dpkg/status', status),
      text('usr/lib/os-release', 'ID=debian\nVERSION_CODENAME=trixie\n'),
    ]),
  ]);
  assert.deepEqual(
    packages.map(({ purl, source }) => [purl, source]),
    [
      ['pkg:deb/debian/held@3?arch=all&distro=debian-trixie', { name: 'origin', version: '3' }],
      ['pkg:deb/debian/kept@1:2.0-1%2Bb1?arch=amd64&distro=debian-trixie', { name: 'origin', version: '1:2.0-1' }],
    ],
  );
  assert.deepEqual(
    await found(
      text('var/lib/dpkg/status.d/base', 'Package: base-files\nVersion: 12.4\nArchitecture: amd64\n'),
      text('var/lib/dpkg/status.d/base.md5sums', 'abc  ./etc/debian_version\n'),
      text('home/x/dpkg/status', 'Package: copy\nVersion: 1\n'),
    ),
    ['pkg:deb/debian/base-files@12.4?arch=amd64'],
  );
});

test('npm: what is installed, wherever it is, and nothing that merely lies there', async () => {
  assert.deepEqual(
    await found(
      text('app/package.json', { name: 'app', version: '9.9.9' }),
      text('app/node_modules/a/package.json', { name: 'a', version: '1.0.0' }),
      text('app/node_modules/a/node_modules/b/package.json', { name: 'b', version: '2.0.0' }),
      text('app/node_modules/@s/c/package.json', { name: '@s/c', version: '3.0.0' }),
      text('app/node_modules/a/test/package.json', { name: 'fixture', version: '1.0.0' }),
      text('app/node_modules/a/esm/package.json', { type: 'module' }),
      text('app/node_modules/.pnpm/d@1.0.0/node_modules/d/package.json', { name: 'd', version: '1.0.0' }),
      text('app/node_modules/.bin/package.json', { name: 'bin', version: '1.0.0' }),
      text('app/node_modules/link/package.json', { name: 'link', version: 'file:../link' }),
    ),
    ['pkg:npm/%40s/c@3.0.0', 'pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0', 'pkg:npm/d@1.0.0'],
  );
});

test('npm: lock files of versions 1 to 3 count where nothing is installed beside them', async () => {
  const flat = {
    lockfileVersion: 3,
    packages: {
      '': { name: 'app', version: '1.0.0' },
      'node_modules/a': { version: '1.0.0', license: 'MIT' },
      'node_modules/a/node_modules/@s/b': { version: '2.0.0' },
      'node_modules/alias': { name: 'real', version: '3.0.0' },
      'node_modules/dev': { version: '4.0.0', dev: true },
      'node_modules/ws': { resolved: 'packages/ws', link: true },
      'packages/ws': { name: 'ws', version: '5.0.0' },
    },
  };
  const nested = {
    lockfileVersion: 1,
    dependencies: {
      a: { version: '1.0.0', dependencies: { b: { version: '2.0.0' } } },
      dev: { version: '3.0.0', dev: true },
      git: { version: 'git+ssh://x' },
    },
  };
  assert.deepEqual(await found(text('app/package-lock.json', flat)), [
    'pkg:npm/%40s/b@2.0.0',
    'pkg:npm/a@1.0.0',
    'pkg:npm/real@3.0.0',
  ]);
  assert.deepEqual(await found(text('package-lock.json', nested)), ['pkg:npm/a@1.0.0', 'pkg:npm/b@2.0.0']);
  assert.deepEqual(
    await found(
      text('app/package-lock.json', flat),
      text('app/node_modules/a/package.json', { name: 'a', version: '1.0.1' }),
    ),
    ['pkg:npm/a@1.0.1'],
  );
});

test('the versions that stored results are known by are those of the analysers', () => {
  const versions = ANALYSERS.map(({ name, version }) => [name, version]);
  assert.deepEqual(Object.entries(ANALYSER_VERSIONS), versions, 'mend versions.ts');
});

test('S5: no analyser crashes or hangs on broken bytes', () => {
  for (const analyser of ANALYSERS) {
    const samples = SAMPLES[analyser.name] ?? [];
    assert.ok(samples.length > 0, `${analyser.name} has no sample in test-samples.ts`);
    for (const sample of samples) {
      assert.match(readSample(analyser, sample), /^\{"kind":"/, `${analyser.name}: ${sample.path}`);
    }
    fuzz({ samples, read: (input) => readSample(analyser, input), seed: 1, inputs: 60, budgetMs: 50 });
  }
});
