import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { deflateRawSync, gunzipSync, gzipSync } from 'node:zlib';
import { AdvisoryDatabase } from '../../src/advisories/index.ts';
import { readScap, scapFields } from '../../src/events/scap/index.ts';
import { FormatError, packTar, type TarInput } from '../../src/formats/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { ANALYSERS } from '../../src/scan/analysers/index.ts';
import { readSample, SAMPLES } from '../../src/scan/analysers/test-samples.ts';
import { toCycloneDx } from '../../src/scan/bills/cyclonedx.ts';
import { readBill } from '../../src/scan/bills/read.ts';
import { toSpdx2 } from '../../src/scan/bills/spdx2.ts';
import { toSpdx3 } from '../../src/scan/bills/spdx3.ts';
import { type Inventory, noLayerCache, type ScanResult, scanImage, scanTree } from '../../src/scan/index.ts';
import { analyseLayer, LayerMismatch } from '../../src/scan/layer.ts';
import { dpkgStatus, imageOf, packLayer } from '../../src/scan/test-image.ts';
import { keptBundle, systemClock } from '../../src/system/index.ts';
import { type FuzzSample, fuzz, mutate, randomFrom } from '../fuzz.ts';

const isSoak = process.env['DARSENA_SOAK'] === '1';
const seed = Number(process.env['DARSENA_SEED'] ?? 20261122);

const text = (path: string, content: string | Uint8Array): TarInput => ({ path, content: Buffer.from(content) });

async function tarOf(entries: readonly TarInput[]): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of packTar(entries)) parts.push(part);
  return Buffer.concat(parts);
}

function mendChecksum(tar: Buffer, at: number): void {
  tar.fill(0x20, at + 148, at + 156);
  const sum = tar.subarray(at, at + 512).reduce((total, byte) => total + byte, 0);
  tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}

type Random = (below: number) => number;

/** One to three attacks in one archive, around a package database that is as it should be. */
async function hostileTar(random: Random, outside: string): Promise<Buffer> {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const climb = `${'../'.repeat(1 + random(40))}${outside.slice(1)}`;
  const attacks: (() => TarInput[])[] = [
    () => [text(climb, 'x')],
    () => [text(outside, 'x')],
    () => [{ path: 'out', kind: 'symlink', linkTarget: pick([outside, climb, '/']) }, text('out/made', 'x')],
    () => [{ path: 'hard', kind: 'hardlink', linkTarget: pick([outside, climb, '/etc/passwd']) }],
    () => [
      { path: 'link', kind: 'symlink', linkTarget: outside },
      { path: 'hard', kind: 'hardlink', linkTarget: 'link' },
    ],
    () => [
      { path: 'w', kind: 'symlink', linkTarget: pick([outside, '/var/lib/dpkg', '../..']) },
      { path: pick(['w/.wh.status', 'w/.wh..wh..opq', '.wh...', '.wh.', '.wh..']) },
    ],
    () => [{ path: 'a', kind: 'symlink', linkTarget: 'a' }, text('a/b', 'x')],
    () => [text('f', 'x'), text('f/below', 'x')],
    () => [{ path: 'var/lib/dpkg', kind: 'symlink', linkTarget: pick([outside, '/proc/self/fd', '..']) }],
    () => [text(`${'d/'.repeat(1 + random(1500))}deep`, 'x')],
    () => [text('n'.repeat(1 + random(6000)), 'x')],
  ];
  const entries = Array.from({ length: 1 + random(3) }, () => pick(attacks)()).flat();
  entries.splice(random(entries.length + 1), 0, text('var/lib/dpkg/status', dpkgStatus({ a: '1' })));
  const tar = await tarOf(entries);
  const forgeries: ((at: number) => void)[] = [
    () => undefined,
    (at) => void tar.fill(0xff, at + 124, at + 136),
    (at) => void tar.write(pick(['77777777777', '00000000200', '-0000000001', '99999999999']), at + 124),
    (at) => void tar.write(pick(['3', '4', '6', 'S', 'Q', 'x', 'g', 'L', 'K', 'V', '\0']), at + 156),
    (at) => void tar.write('a\0b', at),
    (at) => void tar.fill(0, at, at + 100),
    (at) => void tar.write('ustar  \0', at + 257),
  ];
  const blocks = tar.length / 512;
  pick(forgeries)(512 * random(blocks));
  // A forged header counts only when its checksum is right.
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    if (tar.toString('latin1', at + 257, at + 262) === 'ustar') mendChecksum(tar, at);
  }
  if (random(6) === 0) {
    const record = pick(['path=../../x', 'size=9', 'size=-1', 'GNU.sparse.size=4294967296', 'path=a\0b', 'linkpath=/']);
    const body = Buffer.alloc(512);
    body.write(`${record.length + 4} ${record}\n`);
    const [header] = await Promise.all([tarOf([{ path: 'pax', content: Buffer.alloc(record.length + 4) }])]);
    header.write('x', 156);
    mendChecksum(header, 0);
    return Buffer.concat([header.subarray(0, 512), body, tar]);
  }
  return tar;
}

test('S1: hostile tars are harmless or refused by name, and nothing is written', async (t) => {
  const random = randomFrom(seed);
  const place = mkdtempSync(join(tmpdir(), 'darsena-hostile-'));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  const outside = join(place, 'outside');
  const hostile: Buffer[] = [];
  for (let count = 0; count < 200; count++) hostile.push(await hostileTar(random, outside));
  let refused = 0;
  for (const tar of hostile) {
    const limits = { maxBytes: 2 ** 30, maxEntries: 10_000 };
    try {
      await analyseLayer(Readable.from([tar]), 'none', ANALYSERS, limits);
    } catch (error) {
      assert.ok(error instanceof FormatError, `seed ${seed}: ${String(error)}`);
      refused++;
    }
  }
  assert.throws(() => readFileSync(outside), { code: 'ENOENT' });
  t.diagnostic(`${hostile.length} archives, ${refused} refused`);

  if (spawnSync('strace', ['-V']).status !== 0) return t.diagnostic('strace is not installed: writes were not watched');
  // The same by the command line, watched: everything that could make or change a file is written down.
  const layouts = isSoak ? hostile : hostile.slice(0, 2);
  const folders: string[] = [];
  for (const [index, tar] of layouts.entries()) {
    const layout = join(place, `layout-${index}`);
    const image = imageOf([{ bytes: gzipSync(tar), diffId: digestOf(tar) }]);
    mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
    for (const bytes of [image.manifestBytes, image.configBytes, gzipSync(tar)]) {
      writeFileSync(join(layout, 'blobs/sha256', digestOf(bytes).slice(7)), bytes);
    }
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    const descriptor = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: image.manifestDigest,
      size: image.manifestBytes.length,
    };
    writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [descriptor] }));
    folders.push(layout);
  }
  const work = join(place, 'work');
  mkdirSync(work);
  const root = resolve(import.meta.dirname, '../..');
  if (keptBundle('scan-cli', root) === null || keptBundle('scan-worker', root) === null) {
    // A scan that meets newer sources has its bundle made again beside it, which is not what is watched here.
    spawnSync(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/programs/setup/make-bundles.ts'], {
      cwd: root,
    });
  }
  const calls =
    'openat,open,creat,mkdir,mkdirat,symlink,symlinkat,link,linkat,rename,renameat,renameat2,mknod,mknodat,truncate';
  for (const layout of folders) {
    // A log a process: in one for all a call may be parted into two lines.
    const logs = mkdtempSync(join(place, 'strace-'));
    const darsena = join(root, 'darsena');
    const env = { PATH: process.env['PATH'] ?? '', HOME: work, TMPDIR: work, XDG_CACHE_HOME: work };
    const args = ['-ff', '-qq', '-o', join(logs, 'log'), '-e', `trace=${calls}`, darsena, 'scan', layout];
    spawnSync('strace', args, { env, encoding: 'utf8' });
    const lines = readdirSync(logs).flatMap((log) => readFileSync(join(logs, log), 'utf8').split('\n'));
    rmSync(logs, { recursive: true });
    const writing = lines.filter(
      (line) =>
        / = \d+$/.test(line) &&
        (!/open(?:at)?\(/.test(line) || /O_CREAT|O_TRUNC/.test(line)) &&
        !line.includes(`"${work}`) &&
        !line.includes('"/dev/'),
    );
    assert.ok(lines.length > 50, 'the log holds the calls of a whole scan');
    assert.deepEqual(writing, []);
  }
});

/** USER_HZ is 100 on every machine that Node runs on. */
const TICK_MS = 10;

async function scanTar(
  content: AsyncIterable<Uint8Array>,
): Promise<ScanResult & { peakMib: number; ms: number; cpuMs: number }> {
  const start = performance.now();
  const before = process.cpuUsage();
  const ticks = new Map<string, number>();
  let peakMib = 0;
  const timer = setInterval(() => {
    for (const child of readFileSync(
      '/proc/self/task/self/children'.replace('self/children', `${process.pid}/children`),
      'utf8',
    ).split(' ')) {
      if (child.trim() === '') continue;
      try {
        const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child}/status`, 'utf8'))?.[1];
        peakMib = Math.max(peakMib, Number(peak ?? 0) / 1024);
        // proc(5): utime and stime are the fields 14 and 15; the name before them may hold blanks.
        const times = readFileSync(`/proc/${child}/stat`, 'utf8').split(') ').at(-1)?.split(' ').slice(11, 13) ?? [];
        ticks.set(child, Number(times[0]) + Number(times[1]));
      } catch {
        // It has ended meanwhile.
      }
    }
  }, 10);
  try {
    const parts = { advisories: AdvisoryDatabase.empty(), clock: systemClock };
    const result = await scanTree({ ...parts, content, everything: () => content, skipped: () => [] });
    const own = process.cpuUsage(before);
    const children = [...ticks.values()].reduce((sum, one) => sum + one * TICK_MS, 0);
    const cpuMs = Math.round((own.user + own.system) / 1000 + children);
    return { ...result, peakMib: Math.round(peakMib), ms: Math.round(performance.now() - start), cpuMs };
  } finally {
    clearInterval(timer);
  }
}

async function* repeat(part: Uint8Array, times: number): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < times; count++) yield part;
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 2 ** 20) yield bytes.subarray(at, at + 2 ** 20);
}

async function* oneAfterTheOther(...parts: AsyncIterable<Uint8Array>[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* part;
}

/** The header of a file that claims a size, without its bytes. */
async function headOf(path: string, sizeBytes: number, mode = 0o644): Promise<Buffer> {
  const tar = await tarOf([{ path, mode, content: Buffer.alloc(0) }]);
  tar.write(sizeBytes.toString(8).padStart(11, '0'), 124);
  mendChecksum(tar, 0);
  return tar.subarray(0, 512);
}

test('S2, S3: bombs and endless files end at a named limit, soon and in little memory', async (t) => {
  const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const megabyte = Buffer.alloc(1024 * 1024, 0x61);
  const names = await tarOf(Array.from({ length: 20_000 }, (_, index) => text(`d/${index}`, '')));
  const manifest = 'app/node_modules/x/package.json';
  const lock = 'app/package-lock.json';
  // Window descriptor 21 << 3: 2 GiB (RFC 8878, 3.1.1.1.2).
  const window = Buffer.concat([Buffer.from('28b52ffd00a8', 'hex'), Buffer.alloc(64)]);
  const aliases = `a: &a [x]\n${Array.from({ length: 12 }, (_, i) => `${'bcdefghijklm'[i]}: &${'bcdefghijklm'[i]} [${Array.from({ length: 9 }, () => `*${'abcdefghijkl'[i]}`).join(', ')}]`).join('\n')}\n`;
  const elf = Buffer.alloc(64 * 1024 * 1024);
  elf.write('7f454c4602010100', 'hex');
  elf.fill(0xff, 16, 4096);
  const cases: [string, AsyncIterable<Uint8Array>, RegExp | 'a notice or nothing'][] = [
    ['gzip, 10 MB to 10 GB', repeat(zeros, 160), /times its size/],
    ['gzip in gzip', repeat(gzipSync(zeros), 1), /checksum|tar/],
    ['zstd with a window of 2 GB', repeat(window, 1), /zstd stream cannot be read/],
    ['a million entries', repeat(names.subarray(0, -1024), 50), /more than \d+ entries/],
    ['a sparse file of 4 GB', repeat(await sparse(), 1), /sparse/],
    [
      'JSON of 1 GB on one line',
      oneAfterTheOther(repeat(await headOf(manifest, 2 ** 30), 1), repeat(megabyte, isSoak ? 1024 : 64)),
      isSoak ? 'a notice or nothing' : /ends inside/,
    ],
    [
      'JSON 100,000 deep',
      repeat(await tarOf([text(lock, `{"packages":${'['.repeat(100_000)}`)]), 1),
      'a notice or nothing',
    ],
    [
      'YAML 100,000 deep',
      repeat(await tarOf([text('pnpm-lock.yaml', `packages: ${'['.repeat(100_000)}`)]), 1),
      'a notice or nothing',
    ],
    ['YAML aliases', repeat(await tarOf([text('pnpm-lock.yaml', aliases)]), 1), 'a notice or nothing'],
    [
      'ELF of 64 MB with forged sections',
      inPieces(await tarOf([{ path: 'usr/bin/x', mode: 0o755, content: elf }])),
      'a notice or nothing',
    ],
  ];
  const jars: [string, Buffer][] = [
    ['a jar with a jar of 120 MB of nothing', zipOf([['lib/inner.jar', Buffer.alloc(120 * MEBIBYTE)]])],
    ['a jar with three of them', zipOf(['a', 'b', 'c'].map((x) => [`${x}.jar`, Buffer.alloc(120 * MEBIBYTE)]))],
    ['a jar with jars in jars, each full of nothing', nestedBomb(3)],
    [
      'a jar with 2,000 jars of nothing',
      zipOf(Array.from({ length: 2000 }, (_, x) => [`${x}.jar`, Buffer.alloc(MEBIBYTE)])),
    ],
    ['a jar with a pom of 100 MB', zipOf([['META-INF/maven/a/b/pom.xml', Buffer.alloc(100 * MEBIBYTE, 0x61)]])],
  ];
  for (const [name, jar] of jars) {
    cases.push([name, inPieces(await tarOf([text('srv/app.jar', jar)])), 'a notice or nothing']);
  }
  for (const [name, content, expected] of cases) {
    const { report, peakMib, ms, cpuMs } = await scanTar(content);
    const why = report.incomplete?.en ?? '';
    if (expected === 'a notice or nothing') assert.equal(why, '', name);
    else assert.match(why, expected, name);
    t.diagnostic(`${name}: ${ms} ms, ${cpuMs} ms of processors, ${peakMib} MiB: ${why.slice(0, 100)}`);
    // The figures are those of an idle machine; a busy one may take longer, which is no failure of the limit.
    if (isSoak) assert.ok(ms <= 5000, `${name} takes ${ms} ms, ${cpuMs} ms of processors`);
    assert.ok(peakMib <= 300, `${name} takes ${peakMib} MiB`);
  }
});

const MEBIBYTE = 1024 * 1024;

/** A zip archive of deflated files, with no more than readers need. */
function zipOf(files: readonly (readonly [string, Uint8Array])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [path, content] of files) {
    const name = Buffer.from(path);
    const packed = deflateRawSync(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(packed.length, 18);
    local.writeUInt32LE(content.length, 22);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(8, 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(content.length, 24);
    central.writeUInt16LE(name.length, 28);
    central.writeUInt32LE(offset, 42);
    parts.push(local, name, packed);
    directory.push(central, name);
    offset += local.length + name.length + packed.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, list, end]);
}

function nestedBomb(depth: number): Buffer {
  const nothing: [string, Buffer] = ['nothing.jar', Buffer.alloc(60 * MEBIBYTE)];
  let jar = zipOf([nothing]);
  for (let level = 1; level < depth; level++) jar = zipOf([['inner.jar', jar], nothing]);
  return jar;
}

async function sparse(): Promise<Buffer> {
  const tar = Buffer.from(await tarOf([text('sparse', 'x')]));
  tar.write('S', 156);
  tar.write('40000000000', 483);
  mendChecksum(tar, 0);
  return tar;
}

test('S4: a layer that was cut or changed anywhere is incomplete, by what it reads as and by its digest', async (t) => {
  const random = randomFrom(seed);
  const noise = Buffer.from(Array.from({ length: 2 * 1024 * 1024 }, () => random(256)));
  const layer = await packLayer([
    text('var/lib/dpkg/status', dpkgStatus({ a: '1' })),
    { path: 'noise', content: noise },
  ]);
  const claim = { digest: digestOf(layer.bytes), diffId: layer.diffId, sizeBytes: layer.bytes.length };
  const read = (bytes: Uint8Array) =>
    analyseLayer(Readable.from([bytes]), claim, ANALYSERS, { maxBytes: 2 ** 30, maxEntries: 1000 });
  assert.equal((await read(layer.bytes)).entries, 2);
  const step = isSoak ? 4096 : 128 * 1024;
  let tries = 0;
  const mustFail = async (bytes: Uint8Array, what: string): Promise<void> => {
    tries++;
    await assert.rejects(read(bytes), (error) => error instanceof FormatError || error instanceof LayerMismatch, what);
  };
  for (let round = 0; round < (isSoak ? 10 : 1); round++) {
    for (let block = 0; block < layer.bytes.length; block += step) {
      const at = Math.min(layer.bytes.length - 1, block + random(Math.min(step, layer.bytes.length - block)));
      await mustFail(layer.bytes.subarray(0, at), `cut at ${at}`);
      const flipped = Buffer.from(layer.bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8));
      await mustFail(flipped, `flipped at ${at}`);
    }
  }
  t.diagnostic(`${tries} broken layers`);
  // And so says the whole scan, not only its reader.
  const image = imageOf([layer], { stored: (_, bytes) => bytes.subarray(0, bytes.length - 4096) });
  const parts = { advisories: AdvisoryDatabase.empty(), cache: noLayerCache, clock: systemClock };
  const { report } = await scanImage({ ...image, ...parts });
  assert.deepEqual([report.complete, report.summary.state], [false, 'unknown']);
});

/** What S5 feeds with broken bytes: every analyser, and bills of materials from other tools. */
const PARSERS: readonly { name: string; samples: readonly FuzzSample[]; read: (input: FuzzSample) => string }[] = [
  ...ANALYSERS.map((analyser) => ({
    name: analyser.name,
    samples: SAMPLES[analyser.name] ?? [],
    read: (input: FuzzSample) => readSample(analyser, input),
  })),
  { name: 'bill-of-materials', samples: billSamples(), read: readBillSample },
];

function billSamples(): FuzzSample[] {
  const digest = `sha256:${'a'.repeat(64)}` as const;
  const licences = ['MIT', 'GPL-2.0-only OR (Apache-2.0 WITH LLVM-exception)'];
  const found = { name: 'bash', version: '5.2-1', architecture: 'amd64', path: 'var/lib/dpkg/status', layer: digest };
  const inventory: Inventory = {
    distribution: { id: 'debian', version: '12', name: 'Debian' },
    packages: [
      { ...found, type: 'deb', purl: 'pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12', source: null, licences },
    ],
    layers: [{ digest, diffId: digest, sizeBytes: 1, uncompressedBytes: 1, entries: 1, packages: 1 }],
    secrets: [],
    notices: [],
  };
  const subject = { digest, reference: 'shop/web:1', createdAt: '2026-01-01T00:00:00.000Z', kind: 'image' } as const;
  const documents = [toCycloneDx(inventory, subject), toSpdx2(inventory, subject), toSpdx3(inventory, subject)];
  return documents.map((document, index) => ({
    path: `bill-${index}.json`,
    bytes: Buffer.from(JSON.stringify(document)),
  }));
}

function readBillSample({ bytes }: FuzzSample): string {
  try {
    const { format, subject, inventory } = readBill(bytes);
    return JSON.stringify([format, subject, inventory.distribution, inventory.notices, inventory.packages]);
  } catch (error) {
    if (error instanceof FormatError) return error.message;
    throw error;
  }
}

for (const { name, samples, read } of PARSERS) {
  test(`S5: ten minutes of broken bytes for ${name}`, async (t) => {
    if (!isSoak) return t.skip('only with DARSENA_SOAK=1; a slice runs with the unit tests');
    const budgetMs = 1000 * Number(process.env['DARSENA_FUZZ_SECONDS'] ?? 600);
    const { inputs, answers, slowestMs } = fuzz({ samples, read, seed, budgetMs });
    t.diagnostic(`${name}: ${inputs} inputs, ${answers} answers, slowest ${slowestMs} ms`);
  });
}

test('S5: ten minutes of broken bytes for scap', async (t) => {
  if (!isSoak) return t.skip('only with DARSENA_SOAK=1; a slice runs with the unit tests');
  const data = process.env['DARSENA_TEST_DATA'];
  if (!data) return t.skip('DARSENA_TEST_DATA is not set');
  const folder = join(data, 'detection/falco-diff/captures');
  const samples = readdirSync(folder).map((name) => {
    const bytes = readFileSync(join(folder, name));
    return bytes[0] === 0x1f ? gunzipSync(bytes) : bytes;
  });
  const fields = ['evt.type', 'proc.name', 'proc.cmdline', 'fd.name', 'user.name', 'container.id', 'evt.args'];
  const readers = fields.flatMap((name) => scapFields.reader(name, null) ?? []);
  const random = randomFrom(seed);
  const end = performance.now() + 1000 * Number(process.env['DARSENA_FUZZ_SECONDS'] ?? 600);
  let [inputs, refused, slowestMs] = [0, 0, 0];
  while (performance.now() < end) {
    const [base, other] = [samples[random(samples.length)] as Buffer, samples[random(samples.length)] as Buffer];
    const bytes = mutate(base, other, random);
    const before = process.threadCpuUsage();
    try {
      await readScap(Readable.from([bytes]), (event) => {
        for (const read of readers) read(event);
      });
    } catch (error) {
      if (!(error instanceof FormatError)) {
        throw new Error(`seed ${seed}, input ${inputs} is a defect: ${String(error)}`, { cause: error });
      }
      refused++;
    }
    const { user, system } = process.threadCpuUsage(before);
    slowestMs = Math.max(slowestMs, (user + system) / 1000);
    assert.ok(slowestMs <= 1000, `seed ${seed}, input ${inputs} takes ${Math.round(slowestMs)} ms`);
    inputs++;
  }
  t.diagnostic(`scap: ${inputs} inputs, ${refused} refused, slowest ${Math.round(slowestMs)} ms`);
});
