import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { AdvisoryDatabase } from '../../src/advisories/index.ts';
import { packTar, type TarInput } from '../../src/formats/index.ts';
import { digestHex, digestOf } from '../../src/oci/index.ts';
import { openTarget, type ScanResult, scanTarget, type TargetOptions } from '../../src/scan/index.ts';
import { findCredentials } from '../../src/scan/remote.ts';
import { dpkgStatus, imageOf, packLayer } from '../../src/scan/test-image.ts';
import { systemClock } from '../../src/system/index.ts';

async function scanPlace(place: string, options: TargetOptions = {}): Promise<ScanResult> {
  const target = await openTarget(place, options);
  assert.ok(target, `${place} is opened here`);
  try {
    return await scanTarget(target, { advisories: AdvisoryDatabase.empty(), clock: systemClock });
  } finally {
    await target.close();
  }
}

function packagesOf({ report, inventory }: ScanResult): string[] {
  assert.equal(report.incomplete, null);
  return (inventory?.packages ?? []).map(({ name, version }) => `${name} ${version}`);
}

function placeFor(t: TestContext): string {
  const place = mkdtempSync(join(tmpdir(), 'darsena-target-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

function put(folder: string, path: string, content: string): void {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), content);
}

test('a root is read without its links, pipes, devices and kernel folders, and nothing outside of it', async (t) => {
  const place = placeFor(t);
  const root = join(place, 'root');
  put(root, 'etc/os-release', 'ID=debian\nVERSION_ID="12"\n');
  put(root, 'usr/lib/dpkg/status', dpkgStatus({ inside: '1' }));
  mkdirSync(join(root, 'var/lib'), { recursive: true });
  symlinkSync('/usr/lib/dpkg', join(root, 'var/lib/dpkg'));
  put(place, 'outside/node_modules/secret/package.json', '{"name":"outside","version":"1.0.0"}');
  symlinkSync('../outside', join(root, 'out'));
  symlinkSync(join(place, 'outside/node_modules'), join(root, 'node_modules'));
  put(root, 'proc/node_modules/p/package.json', '{"name":"kernel","version":"1.0.0"}');
  put(root, 'var/lib/containers/node_modules/p/package.json', '{"name":"other","version":"1.0.0"}');
  execFileSync('mkfifo', [join(root, 'status'), join(root, 'package.json')]);
  const result = await scanPlace(root);
  assert.deepEqual(packagesOf(result), ['inside 1']);
  assert.deepEqual(
    result.inventory?.notices.map(({ path }) => path),
    ['proc', 'var/lib/containers'],
  );
});

test('a database that may not be read makes the scan of a root incomplete, not empty', async (t) => {
  const place = placeFor(t);
  put(place, 'etc/os-release', 'ID=debian\n');
  put(place, 'var/lib/dpkg/status', dpkgStatus({ a: '1' }));
  if (process.getuid?.() !== 0) {
    execFileSync('chmod', ['0', join(place, 'var/lib/dpkg/status')]);
    assert.match((await scanPlace(place)).report.incomplete?.en ?? '', /no permission/);
    return;
  }
  // Root reads everything; a database beyond the limit is the other way to have one that is not read.
  execFileSync('truncate', ['--size=65M', join(place, 'var/lib/dpkg/status')]);
  assert.match((await scanPlace(place)).report.incomplete?.en ?? '', /needed for the inventory/);
});

test('source is read by its lock files; installed modules only when asked for', async (t) => {
  const place = placeFor(t);
  const lock = { lockfileVersion: 3, packages: { 'node_modules/locked': { version: '1.0.0' } } };
  put(place, 'app/package-lock.json', JSON.stringify(lock));
  put(place, 'app/node_modules/installed/package.json', '{"name":"installed","version":"2.0.0"}');
  put(place, '.git/node_modules/x/package.json', '{"name":"history","version":"1.0.0"}');
  assert.deepEqual(packagesOf(await scanPlace(place)), ['locked 1.0.0']);
  assert.deepEqual(packagesOf(await scanPlace(place, { everything: true })), ['history 1.0.0', 'installed 2.0.0']);
});

async function layoutFiles(packages: Record<string, string>): Promise<TarInput[]> {
  const layer = await packLayer([{ path: 'var/lib/dpkg/status', content: Buffer.from(dpkgStatus(packages)) }]);
  const image = imageOf([layer]);
  const descriptor = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: image.manifestDigest,
    size: image.manifestBytes.length,
    annotations: { 'org.opencontainers.image.ref.name': 'x' },
  };
  const blobs = [image.manifestBytes, image.configBytes, layer.bytes];
  return [
    { path: 'oci-layout', content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
    { path: 'index.json', content: Buffer.from(JSON.stringify({ schemaVersion: 2, manifests: [descriptor] })) },
    ...blobs.map((content) => ({ path: `blobs/sha256/${digestHex(digestOf(content))}`, content })),
  ];
}

async function archiveOf(packages: Record<string, string>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of packTar(await layoutFiles(packages))) parts.push(part);
  return Buffer.concat(parts);
}

test('compressed archives are read, and cut ones and bombs refused, with nothing left behind', async (t) => {
  const place = placeFor(t);
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = join(place, 'tmp');
  mkdirSync(join(place, 'tmp'));
  t.after(() => {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  });
  const archive = await archiveOf({ packed: '1' });
  const cases: [string, Buffer, RegExp | null][] = [
    ['image.tar', archive, null],
    ['image.tar.gz', gzipSync(archive), null],
    ['image.tar.zst', zstdCompressSync(archive), null],
    ['cut.tar.gz', gzipSync(archive).subarray(0, -20), /cannot be read/],
    ['bomb.tar.gz', gzipSync(Buffer.alloc(80 * 1024 * 1024)), /times its size/],
  ];
  for (const [name, bytes, refusal] of cases) {
    writeFileSync(join(place, name), bytes);
    if (refusal === null) assert.deepEqual(packagesOf(await scanPlace(join(place, name))), ['packed 1'], name);
    else await assert.rejects(scanPlace(join(place, name)), refusal, name);
  }
  assert.deepEqual(readdirSync(join(place, 'tmp')), []);
});

test('an image in another registry is read from there, by tag and by digest', async (t) => {
  const program = ['/usr/bin/docker-registry'].find((file) => spawnSync(file, ['--version']).status === 0);
  if (program === undefined) return t.skip('docker-registry is not installed');
  if (spawnSync('skopeo', ['--version']).status !== 0) return t.skip('skopeo is not installed');
  const place = placeFor(t);
  const port = await freePort();
  writeFileSync(
    join(place, 'config.yml'),
    `version: 0.1\nstorage: { filesystem: { rootdirectory: ${join(place, 'data')} } }\nhttp: { addr: 127.0.0.1:${port} }\n`,
  );
  const server = spawn(program, ['serve', join(place, 'config.yml')], { stdio: 'ignore' });
  t.after(async () => {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  });
  await reach(port);
  writeFileSync(join(place, 'image.tar'), await archiveOf({ remote: '7' }));
  const name = `localhost:${port}/team/app`;
  const copy = ['copy', '--quiet', '--dest-tls-verify=false', `oci-archive:${join(place, 'image.tar')}`];
  execFileSync('skopeo', [...copy, `docker://${name}:1`], { stdio: 'ignore' });
  const tagged = await scanPlace(`${name}:1`);
  assert.deepEqual(packagesOf(tagged), ['remote 7']);
  assert.deepEqual(packagesOf(await scanPlace(`docker://${name}@${tagged.report.digest}`)), ['remote 7']);
  await assert.rejects(scanPlace(`${name}:2`), { code: 'registry.remote-missing' });
  assert.equal(await openTarget('team/app:1'), null, 'names without a registry are the platform’s');
});

test('credentials come from the file of podman login, the longest name first', async (t) => {
  const place = placeFor(t);
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') });
  const auths = { 'r.example': auth('a:1'), 'r.example/team': auth('b:2:3'), 'other.example': {} };
  writeFileSync(join(place, 'auth.json'), JSON.stringify({ auths }));
  const find = (registry: string, repository: string) =>
    findCredentials(registry, repository, [join(place, 'none.json'), join(place, 'auth.json')]);
  assert.deepEqual(await find('r.example', 'team/app'), { name: 'b', secret: '2:3' });
  assert.deepEqual(await find('r.example', 'teams/app'), { name: 'a', secret: '1' });
  assert.equal(await find('other.example', 'x'), null);
  assert.equal(await find('r.example.org', 'x'), null);
});

test('a container of Podman is read as it is now, and an image as Podman saves it', async (t) => {
  if (spawnSync('podman', ['info'], { stdio: 'ignore' }).status !== 0) return t.skip('podman does not run here');
  const place = placeFor(t);
  writeFileSync(join(place, 'image.tar'), await archiveOf({ base: '1' }));
  const image = `localhost/darsena-target-${process.pid}:1`;
  const loaded = spawnSync('podman', ['load', '--quiet', '--input', join(place, 'image.tar')], { encoding: 'utf8' });
  if (loaded.status !== 0) return t.skip(`podman cannot load an image: ${loaded.stderr.trim().slice(-200)}`);
  const id = /sha256:([0-9a-f]{64})/.exec(loaded.stdout)?.[1] ?? loaded.stdout.trim().split(': ').at(-1) ?? '';
  t.after(() => spawnSync('podman', ['rmi', '--force', id, image], { stdio: 'ignore' }));
  execFileSync('podman', ['tag', id, image], { stdio: 'ignore' });
  assert.deepEqual(packagesOf(await scanPlace(`podman:${image}`)), ['base 1']);
  const container = `darsena-target-${process.pid}`;
  execFileSync('podman', ['create', '--name', container, image, '/none'], { stdio: 'ignore' });
  t.after(() => spawnSync('podman', ['rm', '--force', container], { stdio: 'ignore' }));
  put(place, 'status', dpkgStatus({ base: '1', later: '2' }));
  execFileSync('podman', ['cp', join(place, 'status'), `${container}:/var/lib/dpkg/status`], { stdio: 'ignore' });
  assert.deepEqual(packagesOf(await scanPlace(`container:${container}`)), ['base 1', 'later 2']);
  await assert.rejects(scanPlace('container:darsena-no-such'), { code: 'scan.engine-failed' });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  assert.ok(address && typeof address === 'object');
  return address.port;
}

async function reach(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => null);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error('the registry does not answer');
}
