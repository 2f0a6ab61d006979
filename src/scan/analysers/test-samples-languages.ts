import { makeZip } from './test-archives.ts';
import { makeElf, makeGoBuildInfo, makeRustAudit } from './test-executables.ts';
import type { AnalyserSample } from './test-samples.ts';

const text = (path: string, ...lines: string[]): AnalyserSample => ({
  path,
  bytes: Buffer.from(`${lines.join('\n')}\n`),
});

/** Small true files of every analyser of languages. */
export const LANGUAGE_SAMPLES: Readonly<Record<string, readonly AnalyserSample[]>> = {
  npm: [
    text('app/node_modules/a/package.json', '{"name":"a","version":"1.0.0","license":"MIT"}'),
    text(
      'app/package-lock.json',
      '{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"},"node_modules/b":{"name":"@c/d","version":"2.0.0"}}}',
    ),
    text(
      'old/package-lock.json',
      '{"dependencies":{"a":{"version":"1.0.0","dependencies":{"b":{"version":"2.0.0"}}}}}',
    ),
  ],
  yarn: [
    text('yarn.lock', '"@a/b@^1", "@a/b@^1.1":', '  version "1.2.3"', '  dependencies:', '    c "^4"'),
    text(
      'b/yarn.lock',
      '__metadata:',
      '  version: 8',
      '"a@npm:^1":',
      '  version: 1.2.3',
      '  resolution: "a@npm:1.2.3"',
    ),
  ],
  pnpm: [
    text('pnpm-lock.yaml', 'lockfileVersion: 5.4', 'packages:', '  /@s/b/2.0.0_r@1:', '    dev: false'),
    text(
      'b/pnpm-lock.yaml',
      "lockfileVersion: '9.0'",
      'importers:',
      '  .:',
      '    dependencies:',
      '      a:',
      '        version: 1.0.0(r@1)',
      'packages:',
      '  a@1.0.0: {}',
      'snapshots:',
      '  a@1.0.0(r@1):',
      '    dependencies:',
      '      a: 1.0.0(r@1)',
    ),
  ],
  bun: [
    text(
      'bun.lock',
      '{"workspaces":{"":{"dependencies":{"a":"1",},},},"packages":{"a":["a@1.0.0","",{"dependencies":{"a":"1"}},"s"],},}',
    ),
  ],
  python: [
    text(
      'x/site-packages/a-1.dist-info/METADATA',
      'Name: a',
      'Version: 1.0',
      'License: MIT',
      'Classifier: License :: OSI Approved :: MIT License',
      '',
      'About',
    ),
  ],
  'python-egg': [
    { path: 'x/a-1.0-py3.11.egg', bytes: makeZip({ 'EGG-INFO/PKG-INFO': 'Name: a\nVersion: 1.0\n', 'a.py': '' }) },
  ],
  'python-locks': [
    text('poetry.lock', '[[package]]', 'name = "a"', 'version = "1.0"', 'groups = ["main"]'),
    text(
      'uv.lock',
      '[[package]]',
      'name = "p"',
      'version = "0"',
      'source = { virtual = "." }',
      'dependencies = [{ name = "a", extra = ["x"] }]',
      '[[package]]',
      'name = "a"',
      'version = "1.0"',
      '[package.optional-dependencies]',
      'x = [{ name = "a" }]',
    ),
    text('Pipfile.lock', '{"default":{"a":{"version":"==1.0"}}}'),
    text('requirements.txt', 'a[b] == 1.0 ; python_version > "3" \\', '  --hash=sha256:0'),
  ],
  cargo: [text('Cargo.lock', '[[package]]', 'name = "a"', 'version = "1.0.0"', 'source = "registry+x"')],
  ruby: [
    text('Gemfile.lock', 'GEM', '  specs:', '    a (1.0-x86_64-linux)', '      b (~> 2)'),
    text('s/specifications/a-1.gemspec', '  s.name = "a".freeze', '  s.version = "1"', '  s.licenses = ["MIT".freeze]'),
  ],
  composer: [text('composer.lock', '{"packages":[{"name":"a/b","version":"v1.0.0","license":["MIT"]}]}')],
  dotnet: [
    text('a.deps.json', '{"targets":{"t":{"A/1.0":{"runtime":{}}}},"libraries":{"A/1.0":{"type":"package"}}}'),
    text('packages.lock.json', '{"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0"}}}}'),
    text('packages.config', '<packages><package id="A" version="1.0" /></packages>'),
  ],
  conan: [
    text('conan.lock', '{"requires":["zlib/1.3.1#abc%17"]}'),
    text('b/conan.lock', '{"graph_lock":{"nodes":{"0":{"ref":"zlib/1.3"}}}}'),
  ],
  apple: [
    text('Package.resolved', '{"pins":[{"location":"https://h.example/a/b.git","state":{"version":"1.0.0"}}]}'),
    text('Podfile.lock', 'PODS:', '  - "A/Core (1.0.0)":', '    - B (= 1.0)'),
  ],
  pub: [
    text(
      'pubspec.lock',
      'packages:',
      '  a:',
      '    dependency: "direct main"',
      '    source: hosted',
      '    version: "1"',
    ),
  ],
  hex: [text('mix.lock', '%{', '  "a": {:hex, :a, "1.0.0", "00", [:mix], [], "hexpm", "00"},', '}')],
  conda: [text('c/conda-meta/a-1.json', '{"name":"a","version":"1.0","license":"MIT","subdir":"linux-64"}')],
  julia: [text('Manifest.toml', '[[deps.A]]', 'uuid = "0"', 'version = "1.0.0"')],
  r: [text('R/library/a/DESCRIPTION', 'Package: a', 'Version: 1.0', 'License: MIT', 'Built: R 4.3.0')],
  executable: [
    {
      path: 'app/server',
      bytes: makeElf(
        makeGoBuildInfo('go1.22.3', ['mod\ta.example/a\tv1.0.0', 'dep\tb.example/b\tv1.0.0', '=>\tc.example/c\tv1']),
      ),
    },
    { path: 'app/tool', bytes: makeRustAudit([{ name: 'a', version: '1.0.0' }]) },
    { path: 'app/node', bytes: makeElf(Buffer.from('\0node.js/v20.11.1\0')) },
  ],
  'java-archive': [
    {
      path: 'app/a-1.0.war',
      bytes: makeZip({
        'META-INF/MANIFEST.MF': 'Implementation-Vendor-Id: org.a\r\n',
        'WEB-INF/lib/b.jar': makeZip({ 'META-INF/maven/g/b/pom.properties': 'groupId=g\nartifactId=b\nversion=2\n' }),
        'META-INF/maven/g/c/pom.xml': `<project><groupId>g</groupId><artifactId>c</artifactId><version>\${v}</version><properties><v>3</v></properties></project>`,
      }),
    },
  ],
  'java-locks': [
    text('gradle.lockfile', 'com.a:b:1.0=compileClasspath,runtimeClasspath'),
    text(
      'pom.xml',
      `<project><properties><v>1</v></properties><dependencies><dependency><groupId>g</groupId><artifactId>a</artifactId><version>\${v}</version></dependency></dependencies></project>`,
    ),
  ],
  'go-mod': [
    text(
      'go.mod',
      'module a',
      'require (',
      '\tb.example/c v1.0.0 // indirect',
      ')',
      'replace b.example/c => d.example/c v1.1.0',
    ),
  ],
  bitnami: [
    text(
      'opt/bitnami/node/.spdx-node.spdx',
      JSON.stringify({
        packages: [
          {
            licenseDeclared: 'MIT',
            externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:bitnami/node@18.17.0-2?arch=amd64' }],
          },
        ],
      }),
    ),
    text('opt/bitnami/.bitnami_components.json', '{"node": {"version": "18.1.0-0"}}'),
  ],
  applications: [text('jdk/release', 'IMPLEMENTOR="x"', 'JAVA_VERSION="17.0.15"')],
  'browser-scripts': [text('www/jquery.min.js', '/*! jQuery v3.4.1 | (c) */')],
};
