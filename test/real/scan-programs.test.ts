import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { executable } from '../../src/scan/analysers/executable.ts';
import type { FoundPackage } from '../../src/scan/index.ts';
import { programsNamed } from '../../src/scan/reading/known-programs.ts';

/** Reads a file of this machine as the scan worker would read it from a layer. */
function readProgram(path: string): readonly FoundPackage[] {
  const bytes = readFileSync(path);
  const file = { path: path.slice(1), sizeBytes: bytes.length, mode: statSync(path).mode & 0o7777 };
  if (!executable.wants(file)) return [];
  const reader = executable.read(file);
  for (let at = 0; at < bytes.length; at += 65_536) {
    if (!reader.write(bytes.subarray(at, at + 65_536))) return [];
  }
  const evidence = reader.end();
  return evidence?.kind === 'packages' ? evidence.packages : [];
}

/** '1:2.4.71-1~deb12u1' is 2.4.71 upstream (deb-version(7)). */
function upstreamOf(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
}

test('known programs: the version found is that of the package which brought the file', (t) => {
  if (spawnSync('dpkg-query', ['--version']).status !== 0) return t.skip('dpkg-query is not there');
  const folders = ['/usr/bin', '/usr/sbin', '/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu'];
  const seen = new Map<string, string>();
  for (const folder of folders) {
    for (const name of readdirSyncOrNone(folder)) {
      const path = join(folder, name);
      if (programsNamed(name).length === 0 || !statSync(path, { throwIfNoEntry: false })?.isFile()) continue;
      const real = realpathSync(path);
      if (programsNamed(real.slice(real.lastIndexOf('/') + 1)).length > 0) seen.set(real, name);
    }
  }
  let compared = 0;
  const silent: string[] = [];
  for (const real of seen.keys()) {
    const owner = spawnSync('dpkg-query', ['-S', real, real.replace(/^\/usr/, '')], { encoding: 'utf8' }).stdout;
    const [, name] = /^([^\s,:]+)(?::\w+)?(?:, [^:]+)*: \//m.exec(owner) ?? [];
    if (!name || owner.startsWith('diversion')) continue;
    const version = execFileSync('dpkg-query', ['-W', '-f', `\${Version}`, name], { encoding: 'utf8' });
    const found = readProgram(real).filter(({ type }) => type === 'generic');
    if (found.length === 0) silent.push(real);
    for (const one of found) {
      const upstream = upstreamOf(version).replace(/[+~].*$/, '');
      const plain = one.version.replace(/p\d+$/, '');
      assert.ok(
        upstream === one.version || upstream.startsWith(plain) || one.version.startsWith(upstream),
        `${real}: found ${one.name} ${one.version}, the package ${name} has ${version}`,
      );
      compared++;
    }
  }
  t.diagnostic(`${compared} programs compared; without a version: ${silent.join(' ') || 'none'}`);
  assert.ok(compared > 0);
});

test('Go: what the linker of the installed Go writes', (t) => {
  if (process.env['DARSENA_SOAK'] !== '1') return t.skip('builds programs: with DARSENA_SOAK=1');
  const version = spawnSync('go', ['version'], { encoding: 'utf8' }).stdout ?? '';
  const [, release] = /go version go(\S+)/.exec(version) ?? [];
  if (!release) return t.skip('go is not there');
  const folder = mkdtempSync(join(tmpdir(), 'darsena-go-'));
  try {
    writeFileSync(join(folder, 'go.mod'), 'module example.org/hello\n\ngo 1.20\n');
    writeFileSync(join(folder, 'main.go'), 'package main\n\nvar version = "dev"\n\nfunc main() { println(version) }\n');
    const builds: Readonly<Record<string, readonly [string[], Record<string, string>]>> = {
      plain: [['-ldflags', '-s -w -X main.version=v1.2.3'], {}],
      'no-id': [['-ldflags', '-buildid='], {}],
      pie: [['-buildmode=pie'], {}],
      windows: [[], { GOOS: 'windows' }],
      mac: [[], { GOOS: 'darwin', GOARCH: 'arm64' }],
      big: [[], { GOARCH: 's390x' }],
      small: [[], { GOARCH: '386' }],
    };
    for (const [name, [flags, env]] of Object.entries(builds)) {
      const out = join(folder, name);
      execFileSync('go', ['build', '-buildvcs=false', ...flags, '-o', out, '.'], {
        cwd: folder,
        env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOPROXY: 'off', ...env },
      });
      const found = readProgram(out).map(({ name: found, version: its }) => `${found}@${its}`);
      const own = name === 'plain' ? ['example.org/hello@v1.2.3'] : [];
      assert.deepEqual(found, [`stdlib@${release}`, ...own], name);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function readdirSyncOrNone(folder: string): readonly string[] {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? readdirSync(folder) : [];
}
