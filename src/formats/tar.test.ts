import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FormatError } from './errors.ts';
import { cleanTarPath, readTar, type TarFile, TarReader } from './tar.ts';
import { packTar, type TarInput } from './tar-writer.ts';

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function pack(entries: TarInput[]): Promise<Buffer> {
  return Buffer.concat(await collect(packTar(entries)));
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const readAll = (bytes: Uint8Array, size = 700): Promise<TarFile[]> => collect(readTar(pieces(bytes, size)));

async function codeOf(bytes: Uint8Array): Promise<string> {
  try {
    await readAll(bytes);
  } catch (error) {
    assert.ok(error instanceof FormatError, String(error));
    return error.code;
  }
  return 'accepted';
}

/** Changes header fields of the first entry and mends the checksum. */
async function forge(
  change: (block: Buffer) => void,
  entry: TarInput = { path: 'file', content: Buffer.from('hello') },
) {
  const bytes = await pack([entry]);
  change(bytes);
  bytes.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of bytes.subarray(0, 512)) sum += byte;
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

const long = `${'directory-of-a-long-name/'.repeat(12)}${'ñ'.repeat(60)}`;
const sample: TarInput[] = [
  { path: 'etc', kind: 'directory', mode: 0o700 },
  { path: 'etc/name', content: Buffer.from('Dársena'), uid: 1000, gid: 50, mtimeSeconds: 1_700_000_000, mode: 0o4755 },
  { path: 'etc/empty' },
  { path: 'link', kind: 'symlink', linkTarget: `../${'x'.repeat(150)}` },
  { path: 'hard', kind: 'hardlink', linkTarget: 'etc/name' },
  { path: long, content: Buffer.alloc(1500, 7), uid: 3_000_000 },
];

test('what packTar() writes readTar() reads, however it is cut', async () => {
  const bytes = await pack(sample);
  for (const size of [1, 511, 512, 513, 100_000]) {
    const files = await readAll(bytes, size);
    assert.deepEqual(
      files.map(({ entry }) => [entry.path, entry.kind, entry.linkTarget, entry.sizeBytes, entry.ordinal]),
      [
        ['etc/', 'directory', '', 0, 0],
        ['etc/name', 'file', '', 8, 1],
        ['etc/empty', 'file', '', 0, 2],
        ['link', 'symlink', `../${'x'.repeat(150)}`, 0, 3],
        ['hard', 'hardlink', 'etc/name', 0, 4],
        [long, 'file', '', 1500, 5],
      ],
      `pieces of ${size}`,
    );
    const name = files[1];
    assert.equal(Buffer.from(name?.bytes ?? []).toString(), 'Dársena');
    assert.deepEqual([name?.entry.mode, name?.entry.uid, name?.entry.mtimeSeconds], [0o4755, 1000, 1_700_000_000]);
    assert.equal(files[5]?.entry.uid, 3_000_000);
  }
});

test('packTar() gives the same bytes for the same entries', async () => {
  assert.deepEqual(await pack(sample), await pack(structuredClone(sample)));
});

test('packTar() refuses a stream of another length than stated', async () => {
  const entry = { path: 'a', sizeBytes: 4, content: pieces(Buffer.from('hello'), 2) };
  await assert.rejects(pack([entry]), /expected 4/);
});

test('GNU tar reads what packTar() writes', async (t) => {
  if (spawnSync('tar', ['--version']).status !== 0) return t.skip('tar is not installed');
  const listed = execFileSync('tar', ['-t', '--quoting-style=literal'], {
    input: await pack(sample),
    encoding: 'utf8',
  });
  assert.deepEqual(listed.trim().split('\n'), ['etc/', 'etc/name', 'etc/empty', 'link', 'hard', long]);
});

test('archives of GNU tar in each of its formats are read alike', async (t) => {
  if (spawnSync('tar', ['--version']).status !== 0) return t.skip('tar is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'darsena-tar-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const deep = join(...Array(9).fill('a-folder-with-quite-a-long-name'));
  mkdirSync(join(folder, deep), { recursive: true });
  writeFileSync(join(folder, deep, 'file'), 'deep');
  symlinkSync(`${'t/'.repeat(90)}end`, join(folder, 'link'));
  for (const format of ['gnu', 'pax', 'posix']) {
    const bytes = execFileSync('tar', ['-c', `--format=${format}`, '-C', folder, '.'], { maxBuffer: 1e8 });
    const files = await readAll(bytes);
    const file = files.find(({ entry }) => entry.kind === 'file');
    assert.equal(file?.entry.path, `./${deep}/file`, format);
    assert.equal(Buffer.from(file?.bytes ?? []).toString(), 'deep', format);
    assert.equal(
      files.find(({ entry }) => entry.kind === 'symlink')?.entry.linkTarget,
      `${'t/'.repeat(90)}end`,
      format,
    );
  }
  writeFileSync(join(folder, 'sparse'), '');
  truncateSync(join(folder, 'sparse'), 4 * 1024 ** 3);
  for (const format of ['gnu', 'pax']) {
    const bytes = execFileSync('tar', ['-cS', `--format=${format}`, '-C', folder, 'sparse'], { maxBuffer: 1e8 });
    assert.equal(await codeOf(bytes), 'tar.unsupported', `sparse in ${format}`);
  }
});

test('sizes in base 256 are read and negative or endless ones refused', async () => {
  const inBase256 = (bytes: number[]) => forge((block) => void block.set(bytes, 124));
  assert.equal(await codeOf(await inBase256([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5])), 'accepted');
  assert.equal(
    await codeOf(await inBase256([0xff, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 251])),
    'tar.header',
  );
  assert.equal(await codeOf(await inBase256([0x80, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255, 255])), 'tar.header');
  assert.equal(await codeOf(await inBase256([0x80, 0, 0, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255])), 'tar.size');
});

test('hostile headers are refused with the entry named', async () => {
  const pax = async (record: string) => {
    const body = Buffer.from(record);
    const head = await forge(
      (block) => {
        block.write('x', 156);
      },
      { path: 'pax', content: body },
    );
    return Buffer.concat([head.subarray(0, 512 + Math.ceil(body.length / 512) * 512), await pack([{ path: 'file' }])]);
  };
  const record = (text: string): string => {
    const length = text.length + 2 + (text.length < 8 ? 1 : 2);
    return `${length} ${text}\n`;
  };
  const cases: [string, Buffer, string][] = [
    [
      'a wrong checksum',
      Buffer.concat([Buffer.from('F'), (await pack([{ path: 'file' }])).subarray(1)]),
      'tar.checksum',
    ],
    ['a size that is not octal', await forge((block) => void block.write('12x', 124)), 'tar.header'],
    ['a name of nothing', await forge((block) => void block.fill(0, 0, 100)), 'tar.name'],
    ['an unknown type', await forge((block) => void block.write('Z', 156)), 'tar.unsupported'],
    ['a GNU sparse type', await forge((block) => void block.write('S', 156)), 'tar.unsupported'],
    ['NUL in a pax path', await pax(record('path=a\0b')), 'tar.name'],
    ['a pax path of nothing', await pax(record('path=')), 'tar.name'],
    ['a pax length of zero', await pax('0 path=a\n'), 'tar.extended-header'],
    ['a pax length beyond the body', await pax('99 path=a\n'), 'tar.extended-header'],
    ['a pax size below zero', await pax(record('size=-5')), 'tar.extended-header'],
    ['a pax size above all', await pax('29 size=99999999999999999999\n'), 'tar.extended-header'],
    ['a pax size above the limit', await pax('23 size=99999999999999\n'), 'tar.size'],
    ['a pax sparse map', await pax('22 GNU.sparse.major=1\n'), 'tar.unsupported'],
    ['a pax body of 2 MiB', await pax(`2097152 path=${'a'.repeat(2_097_138)}\n`), 'tar.extended-header'],
    ['a name of 5,000 bytes', await pack([{ path: 'a/'.repeat(2500) }]), 'tar.name'],
  ];
  for (const [name, bytes, code] of cases) assert.equal(await codeOf(bytes), code, name);
  await assert.rejects(readAll(await forge((block) => void block.write('Z', 156))), /"file"/);
});

test('an archive cut anywhere inside an entry is refused', async () => {
  const bytes = await pack([{ path: 'a', content: Buffer.alloc(1000) }, { path: 'b' }]);
  for (const cut of [1, 100, 511, 513, 1000, 1511])
    assert.equal(await codeOf(bytes.subarray(0, cut)), 'tar.truncated', `at ${cut}`);
});

test('entries are counted and bounded', async () => {
  const bytes = await pack(Array.from({ length: 11 }, (_, index) => ({ path: `f${index}` })));
  const read = (maxEntries: number) => new TarReader(() => null, { maxEntries }).write(bytes);
  assert.doesNotThrow(() => read(11));
  assert.throws(() => read(10), /more than 10 entries/);
});

test('cleanTarPath() keeps paths inside the root', () => {
  const table: [string, string | null][] = [
    ['etc/passwd', 'etc/passwd'],
    ['/etc/passwd', 'etc/passwd'],
    ['./etc//passwd/', 'etc/passwd'],
    ['a/../b', 'b'],
    ['a/./.wh.b', 'a/.wh.b'],
    ['.', ''],
    ['/', ''],
    ['..', null],
    ['../etc', null],
    ['a/../../etc', null],
    ['/../etc', null],
    ['..a/b..', '..a/b..'],
  ];
  for (const [path, expected] of table) assert.equal(cleanTarPath(path), expected, path);
});
