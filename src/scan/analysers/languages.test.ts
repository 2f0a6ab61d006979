import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import type { TarInput } from '../../formats/index.ts';
import { nameArchives } from '../java-names.ts';
import { JavaIndexError, joinIndexes, openJavaIndex, readJavaIndex } from '../knowledge/java-index.ts';
import { KNOWN_PROGRAMS } from '../reading/known-programs.ts';
import { mergeHere, packLayer } from '../test-image.ts';
import { makeZip } from './test-archives.ts';
import { makeElf, makeGoBuildInfo, makeRustAudit } from './test-executables.ts';

const file = (path: string, content: string | object | Uint8Array): TarInput => ({
  path,
  content:
    content instanceof Uint8Array
      ? content
      : Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)),
});
const executableFile = (path: string, bytes: Uint8Array): TarInput => ({ path, content: bytes, mode: 0o755 });
const lines = (...all: string[]): string => `${all.join('\n')}\n`;
const inventory = async (...entries: TarInput[]) => mergeHere([await packLayer(entries)]);
/** The purls found, without 'pkg:'. */
const found = async (...entries: TarInput[]): Promise<string[]> =>
  (await inventory(...entries)).packages.map(({ purl }) => purl.slice(4));

test('yarn 1: names with and without scope, aliases, and nothing of the project itself', async () => {
  const lock = file(
    'app/yarn.lock',
    lines(
      '# yarn lockfile v1',
      '',
      '"@babel/core@^7.0.0", "@babel/core@^7.1.0":',
      '  version "7.24.0"',
      '  resolved "https://registry.yarnpkg.com/@babel/core/-/core-7.24.0.tgz#aa"',
      '  dependencies:',
      '    lodash "^4.17.0"',
      'lodash@^4.17.0, lodash@^4.17.21:',
      '  version "4.17.21"',
      'alias@npm:left-pad@^1.0.0:',
      '  version "1.3.0"',
      '"mine@file:../mine":',
      '  version "9.9.9"',
    ),
  );
  assert.deepEqual(await found(lock), ['npm/%40babel/core@7.24.0', 'npm/left-pad@1.3.0', 'npm/lodash@4.17.21']);
  const installed = file('app/node_modules/lodash/package.json', { name: 'lodash', version: '4.17.20' });
  assert.deepEqual(await found(lock, installed), ['npm/lodash@4.17.20']);
});

test('yarn 2 and later: workspaces are left out, patches are of the version they patch', async () => {
  assert.deepEqual(
    await found(
      file(
        'yarn.lock',
        lines(
          '__metadata:',
          '  version: 8',
          '',
          '"@scope/a@npm:^1.0.0, @scope/a@npm:^1.1.0":',
          '  version: 1.2.3',
          '  resolution: "@scope/a@npm:1.2.3"',
          '  dependencies:',
          '    version: "npm:^5.0.0"',
          '  checksum: 10c0/abc',
          '  languageName: node',
          '',
          '"app@workspace:.":',
          '  version: 0.0.0-use.local',
          '  resolution: "app@workspace:."',
          '',
          '? "typescript@patch:typescript@npm%3A^5.0.0#optional!builtin<compat/typescript>"',
          ':',
          '  version: 5.4.5',
          '  resolution: "typescript@patch:typescript@npm%3A5.4.5#optional!builtin<compat/typescript>::version=5.4.5"',
        ),
      ),
    ),
    ['npm/%40scope/a@1.2.3', 'npm/typescript@5.4.5'],
  );
});

test('pnpm 5, 6 and 9: development dependencies are left out, also where only the graph tells', async () => {
  const five = lines(
    'lockfileVersion: 5.4',
    'dependencies:',
    '  a: 1.0.0',
    'packages:',
    '  /@s/b/2.0.0_react@18.2.0:',
    '    resolution: {integrity: sha512-x==}',
    '    dev: false',
    '  /a/1.0.0:',
    '    dev: false',
    '  /c/3.0.0:',
    '    dev: true',
  );
  assert.deepEqual(await found(file('pnpm-lock.yaml', five)), ['npm/%40s/b@2.0.0', 'npm/a@1.0.0']);
  const six = lines(
    "lockfileVersion: '6.0'",
    'packages:',
    '',
    "  '@registry.npmjs.org/not-this':",
    '    dev: true',
    '  /@s/b@2.0.0(react@18.2.0):',
    '    resolution: {integrity: sha512-x==}',
    '  /c@3.0.0:',
    '    dev: true',
    '  github.com/x/y/0123abc:',
    '    name: y',
    '    version: 4.0.0',
  );
  assert.deepEqual(await found(file('pnpm-lock.yaml', six)), ['npm/%40s/b@2.0.0', 'npm/y@4.0.0']);
  const nine = lines(
    "lockfileVersion: '9.0'",
    'importers:',
    '  .:',
    '    dependencies:',
    '      a:',
    '        specifier: ^1.0.0',
    '        version: 1.0.0(react@18.2.0)',
    '      alias:',
    '        specifier: npm:real@^2.0.0',
    '        version: real@2.0.0',
    '    devDependencies:',
    '      d:',
    '        specifier: ^4.0.0',
    '        version: 4.0.0',
    'packages:',
    "  '@s/b@2.0.0':",
    '    resolution: {integrity: sha512-x==}',
    '  a@1.0.0:',
    '    resolution: {integrity: sha512-x==}',
    '  d@4.0.0: {}',
    '  real@2.0.0: {}',
    'snapshots:',
    "  '@s/b@2.0.0': {}",
    '  a@1.0.0(react@18.2.0):',
    '    dependencies:',
    "      '@s/b': 2.0.0",
    '  d@4.0.0: {}',
    '  real@2.0.0: {}',
  );
  assert.deepEqual(await found(file('pnpm-lock.yaml', nine)), ['npm/%40s/b@2.0.0', 'npm/a@1.0.0', 'npm/real@2.0.0']);
});

test('bun: the text lock is walked from the workspaces; of the binary one there is a notice', async () => {
  const lock = `{
    "lockfileVersion": 1,
    "workspaces": { "": { "name": "app", "dependencies": { "a": "^1.0.0", }, "devDependencies": { "d": "^4.0.0", }, }, },
    "packages": {
      "a": ["a@1.0.0", "", { "dependencies": { "b": "^1.0.0" } }, "sha512-x,]=="],
      "a/b": ["b@1.5.0", "", {}, "sha512-x=="],
      "b": ["b@2.0.0", "", {}, "sha512-x=="],
      "d": ["d@4.0.0", "", { "dependencies": { "b": "2" } }, "sha512-x=="],
    },
  }`;
  assert.deepEqual(await found(file('bun.lock', lock)), ['npm/a@1.0.0', 'npm/b@1.5.0']);
  // A scope is half a name: @ui/a needs "b", which is not @ui/b. What one workspace alone has stands below its name.
  const scoped = `{
    "lockfileVersion": 1,
    "workspaces": {
      "": { "name": "root", "dependencies": { "@ui/a": "1" } },
      "packages/web": { "name": "web", "dependencies": { "c": "^1.0.0" } },
    },
    "packages": {
      "@ui/a": ["@ui/a@1.0.0", "", { "dependencies": { "b": "2" } }, "sha512-x=="],
      "@ui/b": ["@ui/b@9.0.0", "", {}, "sha512-x=="],
      "b": ["b@2.0.0", "", {}, "sha512-x=="],
      "c": ["c@2.0.0", "", {}, "sha512-x=="],
      "web": ["web@workspace:packages/web"],
      "web/c": ["c@1.0.0", "", {}, "sha512-x=="],
    },
  }`;
  assert.deepEqual(await found(file('bun.lock', scoped)), ['npm/%40ui/a@1.0.0', 'npm/b@2.0.0', 'npm/c@1.0.0']);
  const { packages, notices } = await inventory(file('bun.lockb', 'bun-lockfile-format-v0\n'));
  assert.deepEqual(packages, []);
  assert.match(notices[0]?.reason ?? '', /bun\.lockb is not read/);
});

test('npm-shrinkwrap.json is read like a package lock', async () => {
  const lock = { lockfileVersion: 2, packages: { 'node_modules/a': { version: '1.0.0' } } };
  assert.deepEqual(await found(file('app/npm-shrinkwrap.json', lock)), ['npm/a@1.0.0']);
});

test('Python: wheels, eggs of three kinds, and their licences', async () => {
  const header = (name: string, version: string, ...more: string[]) =>
    lines('Metadata-Version: 2.1', `Name: ${name}`, `Version: ${version}`, ...more, '', 'Name: not-this', 'Text');
  const { packages } = await inventory(
    file(
      'usr/lib/python3/site-packages/Flask_Login-0.6.dist-info/METADATA',
      header('Flask_Login', '0.6', 'License: MIT', 'Classifier: License :: OSI Approved :: MIT License'),
    ),
    file('v/site-packages/new-1.dist-info/METADATA', header('new', '1.0', 'License-Expression: MIT OR Apache-2.0')),
    file('v/site-packages/old.egg-info/PKG-INFO', header('old', '2.0', 'License: UNKNOWN')),
    file('v/dist-packages/single-3.0.egg-info', header('single', '3.0')),
    file('v/site-packages/zip-4.egg/EGG-INFO/PKG-INFO', header('zip', '4')),
    file('src/PKG-INFO', header('source-distribution', '5')),
  );
  assert.deepEqual(
    packages.map(({ purl, licences }) => [purl.slice(4), ...licences]),
    [
      ['pypi/flask-login@0.6', 'MIT License'],
      ['pypi/new@1.0', 'MIT OR Apache-2.0'],
      ['pypi/old@2.0'],
      ['pypi/single@3.0'],
      ['pypi/zip@4'],
    ],
  );
});

test('Python locks: poetry, uv, pdm, pipenv, pylock and exact pins, without development', async () => {
  const poetry = lines(
    '[[package]]',
    'name = "a"',
    'version = "1.0"',
    'groups = ["main", "dev"]',
    '[[package]]',
    'name = "d"',
    'version = "2.0"',
    'groups = ["dev"]',
    '[[package]]',
    'name = "old-dev"',
    'version = "3.0"',
    'category = "dev"',
    '[[package]]',
    'name = "local"',
    'version = "0.1"',
    '[package.source]',
    'type = "directory"',
    'url = "../local"',
  );
  assert.deepEqual(await found(file('poetry.lock', poetry)), ['pypi/a@1.0']);
  const uv = lines(
    'version = 1',
    '[[package]]',
    'name = "app"',
    'version = "0.1.0"',
    'source = { virtual = "." }',
    'dependencies = [{ name = "a", extra = ["x"] }]',
    '[package.dev-dependencies]',
    'dev = [{ name = "d" }]',
    '[[package]]',
    'name = "a"',
    'version = "1.0"',
    'source = { registry = "https://pypi.org/simple" }',
    'dependencies = [{ name = "b" }]',
    '[package.optional-dependencies]',
    'x = [{ name = "c" }]',
    'y = [{ name = "d" }]',
    ...['b', 'c', 'd'].flatMap((name) => ['[[package]]', `name = "${name}"`, 'version = "2.0"']),
  );
  assert.deepEqual(await found(file('uv.lock', uv)), ['pypi/a@1.0', 'pypi/b@2.0', 'pypi/c@2.0']);
  const pdm = lines(
    ...['default', 'dev'].flatMap((group) => [
      '[[package]]',
      `name = "${group}-a"`,
      'version = "1"',
      `groups = ["${group}"]`,
    ]),
  );
  assert.deepEqual(await found(file('pdm.lock', pdm)), ['pypi/default-a@1']);
  assert.deepEqual(
    await found(file('Pipfile.lock', { default: { a: { version: '==1.0' } }, develop: { d: { version: '==2.0' } } })),
    ['pypi/a@1.0'],
  );
  assert.deepEqual(
    await found(file('pylock.toml', '[[packages]]\nname = "a"\nversion = "1.0"\n[[packages]]\nname = "folder"\n')),
    ['pypi/a@1.0'],
  );
  const pins = lines(
    '# comment==1.0',
    'Django==4.2.1 \\',
    '    --hash=sha256:abc',
    'requests[security] == 2.31.0 ; python_version > "3"',
    'loose>=1.0',
    'wild==1.*',
    '-r other.txt',
    'pkg @ https://example.org/pkg-1.0.whl',
    'late==1.0  # why',
  );
  assert.deepEqual(await found(file('requirements.txt', pins)), [
    'pypi/django@4.2.1',
    'pypi/late@1.0',
    'pypi/requests@2.31.0',
  ]);
  assert.deepEqual(
    await found(
      file('app/requirements.txt', pins),
      ...['django-4.2.7', 'Requests-2.31.0'].map((name) =>
        file(`v/site-packages/${name}.dist-info/METADATA`, `Name: ${name.split('-')[0]}\nVersion: 4.2.7\n\n`),
      ),
    ),
    ['pypi/django@4.2.7', 'pypi/requests@4.2.7'],
    'where they are installed, what is installed counts',
  );
});

test('Rust, Ruby, PHP, .NET: locks and what is installed', async () => {
  const cargo = lines(
    '[[package]]',
    'name = "app"',
    'version = "0.1.0"',
    '[[package]]',
    'name = "serde"',
    'version = "1.0.200"',
    'source = "registry+https://github.com/rust-lang/crates.io-index"',
  );
  assert.deepEqual(await found(file('Cargo.lock', cargo)), ['cargo/serde@1.0.200']);

  const gems = lines(
    'GIT',
    '  remote: https://example.org/x.git',
    '  specs:',
    '    x (0.1)',
    'PATH',
    '  remote: .',
    '  specs:',
    '    mine (1.0)',
    'GEM',
    '  remote: https://rubygems.org/',
    '  specs:',
    '    rack (3.0.1)',
    '    nokogiri (1.15.0-x86_64-linux)',
    '      racc (~> 1.4)',
    'DEPENDENCIES',
    '  rack (= 9.9)',
  );
  assert.deepEqual(await found(file('Gemfile.lock', gems)), ['gem/nokogiri@1.15.0', 'gem/rack@3.0.1', 'gem/x@0.1']);
  const gemspec = (name: string, version: string) =>
    file(
      `usr/local/bundle/specifications/${name}-${version}.gemspec`,
      lines(
        '# -*- encoding: utf-8 -*-',
        'Gem::Specification.new do |s|',
        `  s.name = "${name}".freeze`,
        `  s.version = "${version}"`,
        '  s.licenses = ["MIT".freeze, "Ruby".freeze]',
        'end',
      ),
    );
  const { packages } = await inventory(
    file('Gemfile.lock', gems),
    gemspec('rack', '3.0.1'),
    gemspec('nokogiri', '1.15.0'),
    file('src/x/x.gemspec', 's.name = "x"\ns.version = "1"'),
  );
  assert.deepEqual(
    packages.map(({ purl, licences }) => [purl, licences]),
    [
      ['pkg:gem/nokogiri@1.15.0', ['MIT', 'Ruby']],
      ['pkg:gem/rack@3.0.1', ['MIT', 'Ruby']],
    ],
  );

  const composer = {
    packages: [
      { name: 'monolog/monolog', version: 'v3.5.0', license: ['MIT'] },
      { name: 'x/branch', version: 'dev-main' },
    ],
    'packages-dev': [{ name: 'phpunit/phpunit', version: '10.0.0' }],
  };
  assert.deepEqual(await found(file('composer.lock', composer)), ['composer/monolog/monolog@3.5.0']);
  assert.deepEqual(
    await found(
      file('composer.lock', composer),
      file('vendor/composer/installed.json', [{ name: 'a/b', version: '1.0.0' }]),
    ),
    ['composer/a/b@1.0.0'],
  );

  const deps = {
    targets: {
      '.NETCoreApp,Version=v8.0': {
        'App/1.0.0': { runtime: {} },
        'Newtonsoft.Json/13.0.3': { runtime: {} },
        'Build.Only/1.0.0': {},
      },
    },
    libraries: {
      'App/1.0.0': { type: 'project' },
      'Newtonsoft.Json/13.0.3': { type: 'package' },
      'Build.Only/1.0.0': { type: 'package' },
      'runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1': { type: 'runtimepack' },
    },
  };
  assert.deepEqual(await found(file('app/App.deps.json', deps)), [
    'nuget/Microsoft.NETCore.App.Runtime.linux-x64@8.0.1',
    'nuget/Newtonsoft.Json@13.0.3',
  ]);
  const nuget = { dependencies: { 'net8.0': { A: { type: 'Direct', resolved: '1.0.0' }, P: { type: 'Project' } } } };
  assert.deepEqual(await found(file('packages.lock.json', nuget)), ['nuget/A@1.0.0']);
  assert.deepEqual(
    await found(
      file(
        'packages.config',
        '<packages><package id="A" version="1.0.0" /><package id="D" version="2" developmentDependency="true"/></packages>',
      ),
    ),
    ['nuget/A@1.0.0'],
  );
});

test('Conan, Swift, CocoaPods, Dart, Elixir, conda, Julia, R', async () => {
  assert.deepEqual(
    await found(file('conan.lock', { version: '0.5', requires: ['zlib/1.3.1#abc%17'], build_requires: ['cmake/3.2'] })),
    ['conan/zlib@1.3.1'],
  );
  assert.deepEqual(
    await found(
      file('conan.lock', {
        graph_lock: { nodes: { 0: { ref: 'app/1.0@me/x' }, 1: { ref: 'openssl/3.1.0#r', context: 'host' } } },
      }),
    ),
    ['conan/app@1.0', 'conan/openssl@3.1.0'],
  );
  // Without profiles for building Conan 1 says "host" of tools as well, and the project is a node with the path of its recipe.
  const nodes = {
    0: { ref: 'app/1.0', path: '../conanfile.py', requires: ['1'], build_requires: ['3'], context: 'host' },
    1: { ref: 'ssl/3.1.0', requires: ['2'], build_requires: ['2', '3'], context: 'host' },
    2: { ref: 'zlib/1.2.13', context: 'host' },
    3: { ref: 'tool/3.2', context: 'host' },
  };
  assert.deepEqual(await found(file('conan.lock', { graph_lock: { nodes }, version: '0.4' })), [
    'conan/ssl@3.1.0',
    'conan/zlib@1.2.13',
  ]);
  assert.deepEqual(
    await found(
      file('registry/Package.resolved', {
        pins: [{ identity: 'mona.LinkedList', kind: 'registry', location: '', state: { version: '1.2.0' } }],
        version: 2,
      }),
      file('Package.resolved', {
        version: 2,
        pins: [
          { location: 'https://github.com/apple/swift-nio.git', state: { version: '2.62.0' } },
          { location: 'https://github.com/x/branch', state: { branch: 'main' } },
        ],
      }),
      file('old/Package.resolved', {
        version: 1,
        object: { pins: [{ repositoryURL: 'git@github.com:vapor/vapor.git', state: { version: '4.0.0' } }] },
      }),
    ),
    ['swift/github.com/apple/swift-nio@2.62.0', 'swift/github.com/vapor/vapor@4.0.0', 'swift/mona.LinkedList@1.2.0'],
  );
  assert.deepEqual(
    await found(
      file(
        'Podfile.lock',
        lines(
          'PODS:',
          '  - Alamofire (5.8.1)',
          '  - "Firebase/Core (10.0.0)":',
          '    - FirebaseCore (= 10.0.0)',
          'DEPENDENCIES:',
          '  - Alamofire (~> 5)',
        ),
      ),
    ),
    ['cocoapods/Alamofire@5.8.1', 'cocoapods/Firebase@10.0.0'],
  );
  assert.deepEqual(
    await found(
      file(
        'pubspec.lock',
        lines(
          'packages:',
          '  http:',
          '    dependency: "direct main"',
          '    description:',
          '      name: http',
          '    source: hosted',
          '    version: "1.1.0"',
          '  lints:',
          '    dependency: "direct dev"',
          '    source: hosted',
          '    version: "3.0.0"',
          '  flutter:',
          '    dependency: "direct main"',
          '    source: sdk',
          '    version: "0.0.0"',
        ),
      ),
    ),
    ['pub/http@1.1.0'],
  );
  assert.deepEqual(
    await found(
      file(
        'mix.lock',
        lines(
          '%{"cowboy": {:hex, :cowboy, "2.10.0", "00", [:rebar3], [], "hexpm", "00"},',
          '  "jason": {:hex, :jason, "1.4.1", "af12", [:mix], [], "hexpm", "fbb0"},',
          '  "local": {:git, "https://example.org/x.git", "0123", []},',
          '}',
        ),
      ),
    ),
    ['hex/cowboy@2.10.0', 'hex/jason@1.4.1'],
  );
  assert.deepEqual(
    await found(
      file('opt/conda/conda-meta/numpy-1.26.json', { name: 'numpy', version: '1.26.0', license: 'BSD-3-Clause' }),
    ),
    ['conda/numpy@1.26.0'],
  );
  assert.deepEqual(
    await found(
      file(
        'Manifest.toml',
        lines(
          'manifest_format = "2.0"',
          '[[deps.JSON]]',
          'uuid = "682c06a0-de6a-54ab-a142-c8b1cf79cde6"',
          'version = "0.21.4"',
          '[[deps.Dates]]',
          'uuid = "ade2ca70-3891-5945-98fb-dc099432e06a"',
        ),
      ),
    ),
    ['julia/JSON@0.21.4'],
  );
  assert.deepEqual(
    await found(
      file('usr/lib/R/library/base/DESCRIPTION', 'Package: base\nVersion: 4.3.0\nPriority: base\nBuilt: R 4.3.0\n'),
      file('usr/lib/R/site-library/xml2/DESCRIPTION', 'Package: xml2\nVersion: 1.3.6\nLicense: MIT\nBuilt: R 4.3.0\n'),
    ),
    ['cran/xml2@1.3.6'],
  );
});

test('Go: modules of a program, replacements, the library and the version that flags set', async () => {
  const program = (...modules: string[]) =>
    makeElf(makeGoBuildInfo('go1.22.3 X:boringcrypto', ['path\texample.org/app', ...modules]));
  assert.deepEqual(
    await found(
      executableFile(
        'app/server',
        program(
          'mod\texample.org/app\t(devel)\t',
          'dep\tgithub.com/a/b\tv1.0.0\th1:x=',
          'dep\tgithub.com/old/c\tv1.0.0',
          '=>\tgithub.com/new/c\tv1.1.0\th1:y=',
          'dep\tgithub.com/local/d\tv1.0.0',
          '=>\t../d\t',
          `build\t-ldflags="-s -w -X 'main.version=2.3.4'"`,
        ),
      ),
    ),
    [
      'golang/example.org/app@v2.3.4',
      'golang/github.com/a/b@v1.0.0',
      'golang/github.com/new/c@v1.1.0',
      'golang/stdlib@1.22.3',
    ],
  );
  assert.deepEqual(await found(executableFile('app/server', program('mod\texample.org/app\t(devel)\t'))), [
    'golang/stdlib@1.22.3',
  ]);
  const { notices } = await inventory(
    executableFile('app/cut', makeElf(makeGoBuildInfo('go1.22.3', ['path\tx']).subarray(0, 80))),
  );
  assert.match(notices[0]?.reason ?? '', /build information of this Go program is cut/);
});

test('Rust: crates that cargo-auditable wrote, but not those that only built', async () => {
  const audit = makeRustAudit([
    { name: 'app', version: '0.1.0', source: 'local', root: true },
    { name: 'serde', version: '1.0.200', source: 'crates.io' },
    { name: 'cc', version: '1.0.0', kind: 'build' },
  ]);
  assert.deepEqual(await found(executableFile('app/tool', audit)), ['cargo/app@0.1.0', 'cargo/serde@1.0.200']);
  assert.deepEqual(await found(executableFile('app/tool', audit.subarray(0, -1))), [], 'a cut file has no sections');
  const { notices } = await inventory(
    executableFile('t', makeElf(Buffer.alloc(16), { '.dep-v0': deflateSync(Buffer.alloc(2 ** 25)) })),
  );
  assert.match(notices[0]?.reason ?? '', /cannot be inflated/, 'a bomb is refused');
});

test('known programs: where no package manager speaks of them, and only then', async () => {
  const node = executableFile('usr/bin/node', makeElf(Buffer.from('\0node.js/v20.11.1\0', 'latin1')));
  assert.deepEqual(await found(node), ['generic/node@20.11.1']);
  const brought = [
    file(
      'var/lib/dpkg/status',
      'Package: nodejs\nStatus: install ok installed\nVersion: 20.11.1\nArchitecture: amd64\n',
    ),
    file('var/lib/dpkg/info/nodejs.list', '/.\n/usr/bin\n/usr/bin/node\n/usr/lib/python3/dist-packages/x.egg-info\n'),
    file('usr/lib/python3/dist-packages/x.egg-info', 'Name: x\nVersion: 1\n'),
  ];
  assert.deepEqual(await found(node, ...brought), ['deb/debian/nodejs@20.11.1?arch=amd64']);
  const later = await mergeHere([await packLayer([node, ...brought]), await packLayer([node])]);
  assert.deepEqual(
    later.packages.map(({ purl }) => purl.slice(4)),
    ['deb/debian/nodejs@20.11.1?arch=amd64', 'generic/node@20.11.1'],
    'what a later layer put there is not the package any more',
  );
  assert.deepEqual(await found(executableFile('app/notnode', makeElf(Buffer.from('node.js/v20.11.1')))), []);
  assert.deepEqual(
    await found(executableFile('app/node', Buffer.from('#!/bin/sh\necho node.js/v20.11.1 and more than 64 bytes'))),
    [],
  );
  const { notices } = await inventory(
    executableFile('app/packed', makeElf(Buffer.from('x'), {}).fill('UPX!', 200, 204)),
  );
  assert.match(notices[0]?.reason ?? '', /packed by UPX/);
});

test('the table of known programs: no name twice, an anchor is part of its pattern', () => {
  const names = KNOWN_PROGRAMS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { anchor, pattern, cpe, name } of KNOWN_PROGRAMS) {
    assert.match(cpe, /^[a-z0-9_-]+:[a-z0-9_.-]+$/, name);
    const fixed = anchor.replaceAll('\0', '').split(/[\d/]/)[0] ?? '';
    assert.ok(pattern.source.replaceAll('\\', '').includes(fixed), `${name}: ${anchor}`);
  }
});

const properties = (group: string, artifact: string, version: string): Readonly<Record<string, string>> => ({
  [`META-INF/maven/${group}/${artifact}/pom.properties`]: `#Created\nversion=${version}\ngroupId=${group}\nartifactId=${artifact}\n`,
});

test('Java: by pom.properties, shaded ones too, by pom.xml, by manifest and by name', async () => {
  const jar = (path: string, entries: Readonly<Record<string, string | Uint8Array>>) => file(path, makeZip(entries));
  assert.deepEqual(await found(jar('app/renamed.jar', properties('org.x', 'lib', '1.0'))), ['maven/org.x/lib@1.0']);
  assert.deepEqual(
    await found(
      jar('app/own-2.0.jar', { ...properties('org.x', 'own', '2.0'), ...properties('com.shaded', 'inner', '1.5') }),
    ),
    ['maven/com.shaded/inner@1.5', 'maven/org.x/own@2.0'],
  );
  const { packages } = await inventory(
    jar('a/lib.jar', {
      'META-INF/maven/g/a/pom.xml':
        '<project><parent><groupId>g</groupId><version>3</version></parent><artifactId>a</artifactId><licenses><license><name>MIT</name></license></licenses></project>',
    }),
  );
  assert.deepEqual(
    packages.map(({ purl, licences, sha1 }) => [purl, licences, sha1?.length]),
    [['pkg:maven/g/a@3', ['MIT'], 40]],
  );
  const manifest = (...fields: string[]) => ({ 'META-INF/MANIFEST.MF': `${fields.join('\r\n')}\r\n\r\nName: x\r\n` });
  assert.deepEqual(
    await found(
      jar('1/spring-core-5.3.20.jar', manifest('Implementation-Title: spring-core', 'Implementation-Version: 5.3.20')),
      jar('2/widget-1.2.3.jar', manifest('Bundle-SymbolicName: org.acme.widget;singleton:=true')),
      jar(
        '3/thing.jar',
        manifest('Implementation-Title: thing', 'Implementation-Version: 4.0', 'Implementation-Vendor-Id: org.thing'),
      ),
      jar('4/nothing.jar', manifest('Created-By: 17')),
      jar('5/Some Tool.jar', manifest('Implementation-Title: Some Tool', 'Implementation-Version: 1')),
      jar('6/a-1.0-sources.jar', properties('g', 'sources', '1')),
    ),
    ['maven/org.acme/widget@1.2.3', 'maven/org.springframework/spring-core@5.3.20', 'maven/org.thing/thing@4.0'],
  );
});

test('Java: archives inside archives, and what is wrong with one does not hide the others', async () => {
  const inner = makeZip(properties('org.in', 'inner', '1.0'));
  const { packages, notices } = await inventory(
    file(
      'app/app.war',
      makeZip({
        'WEB-INF/lib/inner-1.0.jar': inner,
        'WEB-INF/lib/deep.jar': makeZip({ 'x/inner2.jar': makeZip(properties('org.in', 'inner2', '2.0')) }),
        'WEB-INF/lib/broken.jar': 'this is no archive, not at all',
      }),
    ),
  );
  assert.deepEqual(
    packages.map(({ purl, inside }) => [purl, inside]),
    [
      ['pkg:maven/org.in/inner2@2.0', 'WEB-INF/lib/deep.jar!/x/inner2.jar'],
      ['pkg:maven/org.in/inner@1.0', 'WEB-INF/lib/inner-1.0.jar'],
    ],
  );
  assert.deepEqual(
    notices.map(({ path, reason }) => [path, reason]),
    [['app/app.war', 'WEB-INF/lib/broken.jar: zip has no end record; it was cut or is no zip']],
  );
});

test('S2: bombs in archives end with a notice', async () => {
  let nested = makeZip(properties('g', 'bottom', '1'));
  for (let depth = 0; depth < 6; depth++) nested = makeZip({ 'a.jar': nested });
  const deep = await inventory(file('deep.jar', nested));
  assert.match(deep.notices[0]?.reason ?? '', /nest deeper than 4/);
  const zeros = makeZip({ 'big.jar': Buffer.alloc(2 ** 20 * 40) });
  const wide = makeZip(Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`${index}.jar`, zeros])));
  const started = performance.now();
  const { notices } = await inventory(file('wide.jar', wide));
  assert.ok(performance.now() - started < 5000);
  assert.equal(notices.filter(({ reason }) => /inflates to more than 50 times/.test(reason)).length, 8);
});

test('Java sources: Gradle locks and versions that a pom.xml says itself', async () => {
  assert.deepEqual(
    await found(
      file(
        'gradle.lockfile',
        lines(
          '# This is a Gradle generated file',
          'com.a:run:1.0=compileClasspath,runtimeClasspath,testRuntimeClasspath',
          'com.a:tests:2.0=testCompileClasspath,testRuntimeClasspath',
          'empty=annotationProcessor',
        ),
      ),
    ),
    ['maven/com.a/run@1.0'],
  );
  const checksums = file(
    'app/gradle/verification-metadata.xml',
    `<verification-metadata><configuration><trusted-keys><trusted-key id="AB" group="org.x" name="x" version="9"/></trusted-keys></configuration>
    <components><component group="ch.qos.logback" name="logback-core" version="1.5.20"><artifact name="logback-core-1.5.20.jar"><sha256 value="29"/></artifact>
    <artifact name="logback-core-1.5.20.pom"><sha256 value="5c"/></artifact></component>
    <component group="ch.qos.logback" name="logback-parent" version="1.5.20"><artifact name="logback-parent-1.5.20.pom"><sha256 value="17"/></artifact></component>
    <component group="org.s" name="only" version="1"><artifact name="only-1-sources.jar"><sha256 value="17"/></artifact></component></components></verification-metadata>`,
  );
  assert.deepEqual(await found(checksums), ['maven/ch.qos.logback/logback-core@1.5.20']);
  assert.deepEqual(
    await found(checksums, file('app/core/gradle.lockfile', 'com.a:run:1.0=runtimeClasspath\n')),
    ['maven/com.a/run@1.0'],
    'a lock says what is used, checksums what a build may fetch',
  );
  assert.deepEqual(
    await found(
      file(
        'pom.xml',
        `<project><groupId>g</groupId><artifactId>app</artifactId><version>7</version>
        <properties><loop>\${loop}</loop><a.version>1.\${minor}</a.version><minor>5</minor></properties>
        <dependencyManagement><dependencies><dependency><groupId>m</groupId><artifactId>managed</artifactId><version>3</version></dependency></dependencies></dependencyManagement>
        <dependencies>
          <dependency><groupId>g</groupId><artifactId>a</artifactId><version>\${a.version}</version></dependency>
          <dependency><groupId>\${project.groupId}</groupId><artifactId>sibling</artifactId><version>\${project.version}</version></dependency>
          <dependency><groupId>m</groupId><artifactId>managed</artifactId></dependency>
          <dependency><groupId>g</groupId><artifactId>looping</artifactId><version>\${loop}</version></dependency>
          <dependency><groupId>g</groupId><artifactId>range</artifactId><version>[1,2)</version></dependency>
          <dependency><groupId>g</groupId><artifactId>inherited</artifactId></dependency>
          <dependency><groupId>g</groupId><artifactId>t</artifactId><version>1</version><scope>test</scope></dependency>
        </dependencies></project>`,
      ),
    ),
    ['maven/g/a@1.5', 'maven/g/sibling@7', 'maven/m/managed@3'],
  );
});

test('go.mod: what is required, with replacements, but not of other projects', async () => {
  const text = lines(
    'module example.org/app',
    'go 1.22',
    'require github.com/a/b v1.0.0',
    'require (',
    '\tgithub.com/c/d v1.1.0 // indirect',
    '\tgithub.com/e/f v1.2.0',
    '\tgithub.com/g/h v1.3.0',
    ')',
    'replace github.com/c/d => github.com/fork/d v1.1.1',
    'replace (',
    '\tgithub.com/e/f v9.9.9 => github.com/fork/f v1.0.0',
    '\tgithub.com/g/h => ../h',
    ')',
    'exclude github.com/a/b v0.9.0',
  );
  assert.deepEqual(await found(file('go.mod', text)), [
    'golang/github.com/a/b@v1.0.0',
    'golang/github.com/e/f@v1.2.0',
    'golang/github.com/fork/d@v1.1.1',
  ]);
  assert.deepEqual(await found(file('root/go/pkg/mod/github.com/a/b@v1.0.0/go.mod', text)), []);
});

test('applications that write their version into a file', async () => {
  assert.deepEqual(
    await found(
      file('opt/jdk/release', 'IMPLEMENTOR="Eclipse Adoptium"\nJAVA_VERSION="17.0.15"\n'),
      file('etc/release', 'JAVA_VERSION="1"'),
      file('opt/otp/releases/25/OTP_VERSION', '25.3.2.8\n'),
      file('var/www/wp-includes/version.php', "<?php\n$wp_version = '6.4.2';\n"),
      file('var/www/core/lib/Drupal.php', "class Drupal {\n  const VERSION = '10.1.5';\n"),
    ),
    ['generic/drupal@10.1.5', 'generic/erlang@25.3.2.8', 'generic/openjdk@17.0.15', 'generic/wordpress@6.4.2'],
  );
});

test('scripts for browsers: by banner, by code, by name, and not those of an installed module', async () => {
  assert.deepEqual(
    await found(
      file('www/js/jquery.min.js', '/*! jQuery v3.4.1 | (c) JS Foundation */'),
      file('www/js/lodash.min.js', '/** @license Lodash | Underscore.js 1.8.3 */;n.VERSION="4.17.15"'),
      file('www/js/bootstrap-4.3.1.bundle.min.js', '(function(){})'),
      file('www/js/angular.js', '/**\n * @license AngularJS v1.7.8\n'),
      file('www/js/vue.js', '// nothing says the version'),
      file('www/js/myjquery.js', '/*! jQuery v1.0.0 */'),
      file('app/node_modules/jquery/dist/jquery.js', '/*! jQuery v3.4.0 */'),
    ),
    [
      'javascript/angularjs@1.7.8',
      'javascript/bootstrap@4.3.1',
      'javascript/jquery@3.4.1',
      'javascript/lodash@4.17.15',
    ],
  );
});

test('Java archives without a name are told by their SHA-1, and an index by SHA-1 names them and what was guessed', async () => {
  const silent = makeZip({ 'org/example/A.class': 'A' });
  const guessed = makeZip({ 'META-INF/MANIFEST.MF': 'Implementation-Version: 1.2\r\n', 'a/B.class': 'B' });
  const sure = makeZip({ 'META-INF/maven/g/a/pom.properties': 'groupId=g\nartifactId=a\nversion=1\n', 'A.class': 'A' });
  const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');
  const all = await inventory(
    file('app/lib.jar', silent),
    file('app/thing-1.2.jar', guessed),
    file('app/sure.jar', sure),
    file('app/app.war', makeZip({ 'WEB-INF/lib/in.jar': silent })),
    file('app/texts.jar', makeZip({ 'a.properties': 'a=b' })),
  );
  assert.deepEqual(
    all.archives?.map(({ path, inside, sha1: sum }) => [path, inside, sum]),
    [
      ['app/lib.jar', undefined, sha1(silent)],
      ['app/app.war', 'WEB-INF/lib/in.jar', sha1(silent)],
    ],
  );
  const list = [
    '# ours',
    `${sha1(silent)} org.example:quiet:3.0`,
    `${sha1(guessed)}  ./com/acme/thing/1.2/thing-1.2.jar`,
    `other\tname\t9\t-\t${sha1(sure)}`,
    `${'0'.repeat(40)} *.m2/repository/a/b/c/1/c-1.jar`,
    `${'1'.repeat(40)}  ./a/b/c/1-SNAPSHOT/c-1-20260102.030405-1.jar`,
  ].join('\n');
  const index = readJavaIndex([{ name: 'list', text: list }]);
  assert.deepEqual(index.find('0'.repeat(40)), { group: 'a.b', artifact: 'c', version: '1' });
  assert.deepEqual(index.find('1'.repeat(40)), { group: 'a.b', artifact: 'c', version: '1-SNAPSHOT' });
  const named = nameArchives(all, index);
  assert.deepEqual(
    named.packages.map(({ purl, path }) => `${purl.slice(10)} ${path}`),
    [
      'com.acme/thing@1.2 app/thing-1.2.jar',
      'g/a@1 app/sure.jar',
      'org.example/quiet@3.0 app/app.war',
      'org.example/quiet@3.0 app/lib.jar',
    ],
  );
  assert.deepEqual([named.archives, named.layers[0]?.packages], [[], 4]);
  for (const text of ['nothing', `${sha1(silent)} a:b`, `${sha1(silent)} x/y-1.jar`, `${sha1(silent)} a b:c:1`]) {
    assert.throws(() => readJavaIndex([{ name: 'list', text }]), /line 1 of list/, text);
    const mixed = readJavaIndex([{ name: 'list', text: `${list}\n${`${text}\n`.repeat(30)}` }]);
    assert.equal(mixed.find(sha1(silent))?.version, '3.0', 'one bad line takes nothing from the good ones');
    assert.deepEqual([mixed.refused?.[0]?.line, mixed.refused?.length, mixed.refusedCount], [7, 20, 30]);
  }

  const folder = mkdtempSync(join(tmpdir(), 'darsena-java-'));
  try {
    const db = new DatabaseSync(join(folder, 'trivy-java.db'));
    db.exec(`CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
      CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT);
      INSERT INTO artifacts VALUES (1, 'org.example', 'quiet');
      INSERT INTO indices VALUES (1, '3.1', x'${sha1(silent)}', 'jar');`);
    db.close();
    const known = openJavaIndex(folder);
    assert.deepEqual(known.find(sha1(silent)), { group: 'org.example', artifact: 'quiet', version: '3.1' });
    assert.equal(known.find(sha1(sure)), null);
    assert.equal(joinIndexes([index, known])?.find(sha1(silent))?.version, '3.0', 'the first that knows it');
    writeFileSync(join(folder, 'trivy-java.db'), Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(84)]));
    assert.throws(() => openJavaIndex(folder), JavaIndexError);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('zipped eggs and the components of Bitnami are told, and programs that a bill of theirs names are told once', async () => {
  const bill = (name: string, purl: string) =>
    file(`opt/bitnami/${name}/.spdx-${name}.spdx`, {
      spdxVersion: 'SPDX-2.3',
      packages: [
        { licenseDeclared: 'MIT', externalRefs: [{ referenceType: 'purl', referenceLocator: purl }] },
        { externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:npm/npm@9.0.0' }] },
      ],
    });
  const node = makeElf(Buffer.from('\0node.js/v18.17.0\0'));
  assert.deepEqual(
    await found(
      bill('node', 'pkg:bitnami/node@18.17.0-2?arch=amd64&distro=debian-12'),
      executableFile('opt/bitnami/node/bin/node', node),
      executableFile('usr/local/bin/node', node),
      file('opt/bitnami/.bitnami_components.json', { node: { version: '18.0.0-1' } }),
      file('usr/lib/x-2.0-py3.9.egg', makeZip({ 'EGG-INFO/PKG-INFO': 'Name: x\nVersion: 2.0\n\nText', 'x.py': '' })),
      file('usr/lib/broken.egg', 'not a zip'),
    ),
    ['bitnami/node@18.17.0-2', 'generic/node@18.17.0', 'pypi/x@2.0'],
  );
  assert.deepEqual(await found(file('opt/bitnami/.bitnami_components.json', { redis: { version: '7.0.1-0' } })), [
    'bitnami/redis@7.0.1-0',
  ]);
});
