import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { FormatError } from './errors.ts';
import type { ZipLimits } from './limits.ts';
import { readZip } from './zip.ts';

interface Item {
  readonly path: string;
  readonly content: string;
  readonly stored?: boolean;
  readonly flags?: number;
  readonly method?: number;
  readonly claimedSize?: number;
  readonly sameAs?: number;
}

function pack(items: readonly Item[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  const places: number[] = [];
  let at = 0;
  for (const { path, content, stored = false, flags = 0, method, claimedSize, sameAs } of items) {
    const name = Buffer.from(path);
    const packed = stored ? Buffer.from(content) : deflateRawSync(content);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(method ?? (stored ? 0 : 8), 10);
    central.writeUInt32LE(packed.length, 20);
    central.writeUInt32LE(claimedSize ?? Buffer.byteLength(content), 24);
    central.writeUInt16LE(name.length, 28);
    const place = sameAs === undefined ? at : (places[sameAs] ?? 0);
    places.push(place);
    central.writeUInt32LE(place, 42);
    directory.push(central, name);
    if (sameAs !== undefined) continue;
    parts.push(local, name, packed);
    at += 30 + name.length + packed.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(items.length, 10);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, ...directory, end]);
}

const read = (bytes: Uint8Array, limits: Partial<ZipLimits> = {}): [string, string][] =>
  [...readZip(bytes, limits)].map(({ path, bytes: content }) => [path, Buffer.from(content).toString()]);

const codeOf = (bytes: Uint8Array, limits: Partial<ZipLimits> = {}): string => {
  try {
    read(bytes, limits);
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error.code;
  }
  return 'accepted';
};

const good: Item[] = [
  { path: 'a.json', content: '{"a":1}' },
  { path: 'd/', content: '', stored: true },
  { path: 'd/ñ', content: 'x'.repeat(1000), stored: true },
];

test('readZip() gives files, deflated and stored', () => {
  assert.deepEqual(read(pack(good)), [
    ['a.json', '{"a":1}'],
    ['d/ñ', 'x'.repeat(1000)],
  ]);
  assert.deepEqual(read(Buffer.concat([pack(good), Buffer.alloc(0)])).length, 2);
});

test('readZip() reads what Python writes', (t) => {
  const script =
    'import zipfile,sys,io\nb=io.BytesIO()\nz=zipfile.ZipFile(b,"w",zipfile.ZIP_DEFLATED)\n[z.writestr(f"f{i}.json","x"*(i%50)) for i in range(70000)]\nz.close()\nsys.stdout.buffer.write(b.getvalue())';
  const made = spawnSync('python3', ['-c', script], { maxBuffer: 1e9 });
  if (made.status !== 0) return t.skip('python3 is not installed');
  let count = 0;
  for (const { path, bytes } of readZip(made.stdout)) {
    assert.equal(bytes.length, Number(path.slice(1, -5)) % 50);
    count++;
  }
  assert.equal(count, 70_000);
});

test('hostile archives are refused', () => {
  const cases: [string, Uint8Array, string][] = [
    ['no end record', pack(good).subarray(0, -30), 'zip.corrupt'],
    ['nothing', new Uint8Array(0), 'zip.corrupt'],
    ['encrypted', pack([{ path: 'a', content: 'a', flags: 1 }]), 'zip.encrypted'],
    ['another method', pack([{ path: 'a', content: 'a', method: 9 }]), 'zip.unsupported'],
    ['smaller than stated', pack([{ path: 'a', content: 'abc', claimedSize: 10 }]), 'zip.corrupt'],
    ['larger than stated', pack([{ path: 'a', content: 'abc'.repeat(1000), claimedSize: 10 }]), 'zip.corrupt'],
    [
      'overlapping entries',
      pack([
        { path: 'a', content: 'abc'.repeat(100), stored: true },
        ...Array(9).fill({ path: 'b', content: 'abc'.repeat(100), stored: true, sameAs: 0 }),
      ]),
      'zip.corrupt',
    ],
  ];
  for (const [name, bytes, code] of cases) assert.equal(codeOf(bytes), code, name);
  for (let cut = 1; cut < pack(good).length; cut += 7)
    assert.notEqual(codeOf(pack(good).subarray(0, cut)), 'accepted', `${cut}`);
});

test('readZip() limits: at the limit is read, above it is refused', () => {
  assert.equal(codeOf(pack(good), { maxEntries: 3, maxFileBytes: 1000, maxTotalBytes: 1007 }), 'accepted');
  assert.equal(codeOf(pack(good), { maxEntries: 2 }), 'zip.entry-limit');
  assert.equal(codeOf(pack(good), { maxFileBytes: 999 }), 'zip.size');
  assert.equal(codeOf(pack(good), { maxTotalBytes: 1006 }), 'zip.size');
});
