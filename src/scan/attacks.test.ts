import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { AdvisoryDatabase } from '../advisories/index.ts';
import { packTar, type TarInput } from '../formats/index.ts';
import { digestOf } from '../oci/index.ts';
import { systemClock } from '../system/index.ts';
import { ANALYSERS } from './analysers/index.ts';
import type { LocalImage } from './archive.ts';
import type { ConfinedOptions } from './confined.ts';
import { findInflater } from './inflater.ts';
import { analyseLayer } from './layer.ts';
import { plainProgram } from './plain-program.ts';
import { noLayerCache, scanImage } from './scan.ts';
import { dpkgStatus, imageOf, mergeHere, npmManifest, packLayer, type TestLayer, wrapLayer } from './test-image.ts';

const text = (path: string, content: string): TarInput => ({ path, content: Buffer.from(content) });

async function reportOf(image: LocalImage, confined: ConfinedOptions = {}) {
  const { report, inventory } = await scanImage({
    ...image,
    advisories: AdvisoryDatabase.empty(),
    cache: noLayerCache,
    clock: systemClock,
    confined,
  });
  if (!report.complete) {
    assert.equal(inventory, null);
    assert.equal(report.summary.state, 'unknown');
    assert.ok(report.incomplete?.en && report.incomplete.es, 'says why in both languages');
  }
  return report;
}

/** Changes bytes of the tar of a layer and mends the checksum of its first header. */
async function forgeLayer(entries: TarInput[], change: (tar: Buffer) => void): Promise<TestLayer> {
  const parts: Uint8Array[] = [];
  for await (const part of packTar(entries)) parts.push(part);
  const tar = Buffer.concat(parts);
  change(tar);
  tar.fill(0x20, 148, 156);
  const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return wrapLayer(tar);
}

test('S1: hostile tars end the scan with the entry named, or are harmless; nothing is written', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-scan-'));
  const outside = join(folder, 'outside');
  try {
    const status = text('var/lib/dpkg/status', dpkgStatus({ a: '1' }));
    const climb = `${'../'.repeat(40)}${outside.slice(1)}`;
    const named: [string, TestLayer, RegExp][] = [
      ['climbing name', await packLayer([text(climb, 'x')]), /climbs out/],
      [
        'hard link out of the root',
        await packLayer([{ path: 'a', kind: 'hardlink', linkTarget: '../../etc/passwd' }]),
        /hard link out/,
      ],
      ['hard link to nothing', await packLayer([{ path: 'a', kind: 'hardlink', linkTarget: 'etc/shadow' }]), /"a"/],
      ['file below a file', await packLayer([text('a', ''), text('a/b', '')]), /"a\/b"/],
      [
        'links in a circle',
        await packLayer([{ path: 'a', kind: 'symlink', linkTarget: 'a' }, text('a/b', '')]),
        /links/,
      ],
      ['size below zero', await forgeLayer([text('a', 'x')], (tar) => void tar.fill(0xff, 124, 136)), /size/],
      [
        'size that overflows',
        await forgeLayer([text('a', 'x')], (tar) => void tar.write('77777777777', 124)),
        /cut|ends|truncated|claims/,
      ],
      ['unknown type', await forgeLayer([text('a', 'x')], (tar) => void tar.write('Q', 156)), /"a"/],
      ['sparse file', await forgeLayer([text('a', 'x')], (tar) => void tar.write('S', 156)), /sparse/],
    ];
    for (const [name, layer, reason] of named) await assert.rejects(mergeHere([layer]), { message: reason }, name);
    const [, first] = named[0] ?? [];
    assert.match((await reportOf(imageOf(first ? [first] : []))).incomplete?.en ?? '', /climbs out/);
    const harmless: [string, TarInput[]][] = [
      ['absolute name', [text(outside, 'x')]],
      [
        'link out, then a write through it',
        [{ path: 'out', kind: 'symlink', linkTarget: folder }, text('out/outside', 'x')],
      ],
      [
        'climbing link, then a write through it',
        [{ path: 'out', kind: 'symlink', linkTarget: `../../../..${folder}` }, text('out/outside', 'x')],
      ],
      [
        'whiteout through a link',
        [{ path: 'out', kind: 'symlink', linkTarget: '/var/lib/dpkg' }, text('out/.wh.nothing', '')],
      ],
    ];
    for (const [name, entries] of harmless) {
      assert.equal((await mergeHere([await packLayer([...entries, status])])).packages.length, 1, name);
    }
    const device = await forgeLayer(
      [{ path: 'sda', content: new Uint8Array(0) }, status],
      (tar) => void tar.write('4', 156),
    );
    assert.equal((await mergeHere([device])).packages.length, 1);
    assert.deepEqual(readdirSync(folder), []);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('S2: bombs stop at a limit, which the report names', async () => {
  const zeros = Buffer.alloc(70 * 1024 * 1024);
  const layer = await packLayer([{ path: 'zeros', content: zeros }]);
  const bomb = await reportOf(imageOf([layer]));
  assert.match(bomb.incomplete?.en ?? '', /times its size/);
});

test('S3: a package.json of 5 MiB on one line and a status without an end are named, not read', async () => {
  const long = text(
    'app/node_modules/long/package.json',
    `{"name":"long","version":"1.0.0","x":"${'a'.repeat(5 * 1024 * 1024)}"}`,
  );
  const deep = text(
    'app/node_modules/deep/package.json',
    `{"name":"deep","version":"1.0.0","x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
  );
  const small = npmManifest('small', '1.0.0');
  const report = await reportOf(imageOf([await packLayer([long, deep, small], (tar) => tar)]));
  assert.deepEqual([report.complete, report.packages], [true, 2]);
  const endless = text('var/lib/dpkg/status', `Package: a\nVersion: 1\nX: ${'y'.repeat(2 * 1024 * 1024)}\n`);
  const refused = await reportOf(imageOf([await packLayer([endless], (tar) => tar)]));
  assert.match(refused.incomplete?.en ?? '', /var\/lib\/dpkg\/status/);
});

test('S4: a layer that was cut, flipped or swapped, or has a wrong diffID, is incomplete', async () => {
  const noise = Buffer.from(Array.from({ length: 30_000 }, (_, index) => (index * 7919) % 251));
  const layer = await packLayer([
    text('var/lib/dpkg/status', dpkgStatus({ a: '1' })),
    { path: 'noise', content: noise },
  ]);
  const other = await packLayer([text('other', '')]);
  const cases: [string, LocalImage][] = [
    ['wrong diffID', imageOf([layer], { diffIds: [other.diffId] })],
    ['missing diffID', imageOf([layer], { diffIds: [] })],
    ['swapped', imageOf([layer], { stored: () => other.bytes })],
    ['grown', imageOf([layer], { stored: (_, bytes) => Buffer.concat([bytes, Buffer.alloc(10)]) })],
    ['not there', { ...imageOf([layer]), content: imageOf([other]).content }],
    ['another manifest', { ...imageOf([layer]), manifestBytes: imageOf([other]).manifestBytes }],
    ['another configuration', { ...imageOf([layer]), configBytes: imageOf([other]).configBytes }],
  ];
  for (const [name, image] of cases) assert.equal((await reportOf(image)).complete, false, name);
  assert.equal((await reportOf(imageOf([layer]))).complete, true);
});

test('S4: a layer that was cut or flipped anywhere is never taken for whole', async () => {
  const noise = Buffer.from(Array.from({ length: 30_000 }, (_, index) => (index * 7919) % 251));
  const { bytes, diffId } = await packLayer([
    text('var/lib/dpkg/status', dpkgStatus({ a: '1' })),
    { path: 'noise', content: noise },
  ]);
  const claim = { digest: digestOf(bytes), diffId, sizeBytes: bytes.length };
  const read = (changed: Uint8Array) =>
    analyseLayer(Readable.from([changed]), claim, ANALYSERS, { maxBytes: 2 ** 30, maxEntries: 1000 });
  assert.equal((await read(bytes)).entries, 2);
  for (let at = 0; at < bytes.length; at += 97) {
    await assert.rejects(read(bytes.subarray(0, at)), `cut at ${at}`);
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ 0x55;
    await assert.rejects(read(flipped), `flipped at ${at}`);
  }
});

test('S8: a layer that is only named by urls is never fetched', async () => {
  const layer = await packLayer([text('a', '')]);
  const image = imageOf([layer]);
  const manifest = JSON.parse(Buffer.from(image.manifestBytes).toString());
  manifest.layers[0].urls = ['http://169.254.169.254/latest/meta-data'];
  const manifestBytes = Buffer.from(JSON.stringify(manifest));
  const report = await reportOf({
    ...image,
    manifestBytes,
    manifestDigest: digestOf(manifestBytes),
    content: imageOf([]).content,
  });
  assert.match(report.incomplete?.en ?? '', /is not there/);
});

async function withWorker(source: string, run: (program: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-worker-'));
  const program = join(folder, 'worker.mjs');
  writeFileSync(program, source);
  try {
    await run(program);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a worker that crashes, hangs, or answers garbage or lies gives an incomplete report', async () => {
  const image = imageOf([await packLayer([text('a', 'b')])]);
  const frame = (type: number, body: string): string =>
    `const body = Buffer.from(${JSON.stringify(body)}); const head = Buffer.alloc(5); head[0] = ${type}; head.writeUInt32BE(body.length, 1); process.stdout.write(Buffer.concat([head, body])); setTimeout(() => 0, 1e6);`;
  const cases: [string, string, RegExp][] = [
    ['exit', 'process.exit(0)', /ended early/],
    ['crash', 'throw new Error("boom")', /boom/],
    ['hang', 'setInterval(() => 0, 1e6); process.stdin.resume()', /longer than/],
    ['noise', 'process.stdout.write("x".repeat(1000)); setTimeout(() => 0, 1e6)', /garbage/],
    ['not JSON', frame(12, 'hello'), /garbage/],
    [
      'another image',
      frame(
        12,
        JSON.stringify({ kind: 'inventory', inventory: { packages: [], layers: [], notices: [], distribution: null } }),
      ),
      /garbage/,
    ],
    ['a layer nobody asked for', frame(99, ''), /garbage/],
    ['out of memory', 'const all = []; for (;;) all.push(new Array(1e5).fill(Math.random()))', /heap|memory|signal/i],
  ];
  for (const [name, source, reason] of cases) {
    await withWorker(source, async (program) => {
      const report = await reportOf(image, { program, timeoutMs: name === 'hang' ? 1000 : 20_000, heapMib: 32 });
      assert.equal(report.complete, false, name);
      assert.match(report.incomplete?.en ?? '', reason, name);
    });
  }
});

test('the worker may not read, write, connect, spawn, thread or call native code', async () => {
  const outside = join(tmpdir(), `darsena-outside-${process.pid}`);
  const source = `
    import { writeFileSync } from 'node:fs';
    const tries = {
      read: () => process.getBuiltinModule('node:fs').readFileSync('/etc/passwd'),
      readState: () => process.getBuiltinModule('node:fs').readdirSync('/var/lib'),
      write: () => writeFileSync(${JSON.stringify(outside)}, 'x'),
      spawn: () => process.getBuiltinModule('node:child_process').spawnSync('/bin/true').error && (() => { throw new Error('x'); })(),
      thread: () => new (process.getBuiltinModule('node:worker_threads').Worker)('0', { eval: true }),
      wasi: () => new (process.getBuiltinModule('node:wasi').WASI)({ version: 'preview1' }),
      addon: () => process.dlopen({ exports: {} }, '/usr/lib/x.node'),
    };
    const allowed = Object.entries(tries).filter(([, run]) => { try { run(); return true; } catch { return false; } }).map(([name]) => name);
    const net = process.getBuiltinModule('node:net');
    const connected = await new Promise((resolve) => {
      try { net.connect(9, '127.0.0.1').on('error', (error) => resolve(error.code === 'ERR_ACCESS_DENIED' ? null : 'net')).on('connect', () => resolve('net')); }
      catch { resolve(null); }
    });
    if (connected) allowed.push(connected);
    throw new Error('allowed: [' + allowed + '] env: [' + Object.keys(process.env) + ']');
  `;
  await withWorker(source, async (program) => {
    const report = await reportOf(imageOf([await packLayer([text('a', 'b')])]), { program });
    assert.match(report.incomplete?.en ?? '', /allowed: \[\] env: \[MALLOC_ARENA_MAX\]/);
  });
});

test('layers with gzip trailing garbage, many members or no end are not taken for something else', async () => {
  const layer = await packLayer([text('var/lib/dpkg/status', dpkgStatus({ a: '1' }))]);
  const joined = wrapLayer(Buffer.alloc(0));
  assert.equal((await reportOf(imageOf([joined]))).complete, true);
  const half = gzipSync(Buffer.alloc(100)).subarray(0, 12);
  assert.equal((await reportOf(imageOf([{ bytes: half, diffId: layer.diffId }]))).complete, false);
});

test('S4: what another process inflates is held to the same: whole, cut, flipped, swapped, a bomb', async (t) => {
  const inflater = await findInflater();
  if (!inflater) return t.skip('needs igzip (Debian package isal) and namespaces for this user');
  const outside: ConfinedOptions = { inflater, inflateFromBytes: 1 };
  const noise = randomBytes(300_000);
  const layer = await packLayer([
    text('var/lib/dpkg/status', dpkgStatus({ a: '1' })),
    { path: 'usr/lib/noise', content: noise },
  ]);
  const second = await packLayer([npmManifest('left-pad', '1.3.0')]);
  const good = await reportOf(imageOf([layer, second]), outside);
  assert.deepEqual([good.complete, good.packages], [true, 2]);
  const members = wrapLayer(Buffer.alloc(1024), (tar) =>
    Buffer.concat([gzipSync(tar.subarray(0, 512)), gzipSync(tar.subarray(512))]),
  );
  assert.equal((await reportOf(imageOf([members]), outside)).complete, true);

  const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length - 9);
  const flipped = (bytes: Uint8Array): Uint8Array => {
    const copy = Buffer.from(bytes);
    copy[1000] = (copy[1000] ?? 0) ^ 0x10;
    return copy;
  };
  const longer = (bytes: Uint8Array): Uint8Array => Buffer.concat([bytes, Buffer.alloc(5)]);
  for (const change of [cut, flipped, longer]) {
    const bad = await reportOf(imageOf([layer, second], { stored: (_, bytes) => change(bytes) }), outside);
    assert.equal(bad.complete, false, change.name);
    // A layer that says of itself what it is: digest and size are right, and the gzip is broken.
    if (change === longer) continue;
    const honest = await reportOf(imageOf([{ bytes: change(layer.bytes), diffId: layer.diffId }]), outside);
    assert.equal(honest.complete, false, `${change.name}, with its own digest`);
  }
  const lied = await reportOf(imageOf([layer], { diffIds: [second.diffId] }), outside);
  assert.match(lied.incomplete?.en ?? '', /diffID/);
  const bomb = wrapLayer(Buffer.alloc(300 * 1024 * 1024));
  assert.match((await reportOf(imageOf([bomb]), outside)).incomplete?.en ?? '', /inflates to more than/);
});

test('the program without types is what its sources are now, and lies in a folder of nobody else', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'darsena-plain-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const entry = join(root, 'entry.ts');
  writeFileSync(entry, "import { value } from './part.ts';\nexport const whole: number = value;\n");
  writeFileSync(join(root, 'part.ts'), 'export const value: number = 1;\n');
  const cache = join(root, 'cache/node');
  const first = plainProgram(entry, root, cache);
  assert.ok(first);
  assert.match(
    readFileSync(first.program, 'utf8'),
    /^import \{ value \} from '\.\/part\.js';\nexport const whole\s+= value;/,
  );
  assert.deepEqual(plainProgram(entry, root, cache), first);
  writeFileSync(join(root, 'part.ts'), 'export const value: number = 22;\n');
  const second = plainProgram(entry, root, cache);
  assert.ok(second);
  assert.notEqual(second.folder, first.folder);
  assert.match(readFileSync(join(second.folder, 'part.js'), 'utf8'), /= 22/);
  rmSync(second.folder, { recursive: true });
  assert.notEqual(plainProgram(entry, root, cache)?.folder, second.folder);
  assert.equal(statSync(join(root, 'cache/plain')).mode & 0o777, 0o700);
  // Nowhere to keep it: the program with its types is run.
  assert.equal(plainProgram(entry, root, join(entry, 'no/folder')), null);
  assert.equal(plainProgram(entry, root, ''), null);
});
