import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  canonicalJson,
  defineFaults,
  fillTemplate,
  keptBundle,
  languageOf,
  newId,
  type ResolveName,
  runCommand,
  ServerAddresses,
  streamToFile,
  writeFileAtomic,
} from './index.ts';
import { BUNDLES_FOLDER, type BundleRecord } from './kept-bundle.ts';

test('newId() is a UUIDv7 and keeps order within a millisecond', () => {
  const ids = Array.from({ length: 5_000 }, () => newId());
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.deepEqual([...ids].sort(), ids);
});

test('a fault says what, why and the way out in both languages', () => {
  const make = defineFaults({
    'test.port-taken': {
      kind: 'needs',
      en: { what: 'port {port} is taken', why: 'by {owner}', remedy: 'darsena up --port {port}' },
      es: { what: 'el puerto {port} está ocupado', why: 'por {owner}' },
    },
  });
  const fault = make('test.port-taken', { port: 80, owner: 'nginx' });
  assert.equal(fault.message, 'port 80 is taken: by nginx');
  assert.deepEqual(fault.text('es'), { what: 'el puerto 80 está ocupado', why: 'por nginx' });
  assert.equal(fault.toProblem('en').remedy, 'darsena up --port 80');
  assert.equal(fault.toProblem('en').status, 409);
});

test('fillTemplate() leaves a place without a value as it is, also for names of Object.prototype', () => {
  assert.equal(fillTemplate('{a} {b} {constructor}', { a: 1 }), '1 {b} {constructor}');
});

test('languageOf() reads locale variables and Accept-Language', () => {
  assert.equal(languageOf('es_ES.UTF-8'), 'es');
  assert.equal(languageOf('es-MX,en;q=0.5'), 'es');
  assert.equal(languageOf('C'), 'en');
  assert.equal(languageOf('est'), 'en');
});

test('canonicalJson() sorts keys at every depth and refuses numbers that JSON cannot say', () => {
  assert.equal(canonicalJson({ b: [1, { d: null, c: 'x' }], a: true }), '{"a":true,"b":[1,{"c":"x","d":null}]}');
  assert.throws(() => canonicalJson({ a: Number.NaN }), TypeError);
});

test('runCommand() returns code and output, and passes arguments as they are', async () => {
  const result = await runCommand('/bin/echo', ['$(id)', ';', 'a b'], { timeoutMs: 5_000 });
  assert.deepEqual(result, { code: 0, stdout: '$(id) ; a b\n', stderr: '' });
});

test('runCommand() ends a child and its children that take too long', async () => {
  const started = Date.now();
  await assert.rejects(runCommand('/bin/sh', ['-c', 'sleep 30 & sleep 30'], { timeoutMs: 200 }), {
    code: 'system.command-timeout',
  });
  assert.ok(Date.now() - started < 5_000);
});

test('runCommand() names a program that is not there and an output that is too long', async () => {
  await assert.rejects(runCommand('/no/such/program', [], { timeoutMs: 1_000 }), { code: 'system.command-missing' });
  await assert.rejects(runCommand('/usr/bin/yes', [], { timeoutMs: 5_000, maxOutputBytes: 1_000 }), {
    code: 'system.command-output',
  });
});

test('streamToFile() leaves nothing open: what failed can be removed, however late its file was opened', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-files-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'whole.part');
  for (let round = 0; round < 20; round += 1) {
    // Calls that open files wait behind these.
    const others = Array.from({ length: 8 }, () => promisify(pbkdf2)('password', 'salt', 5_000, 32, 'sha256'));
    const source = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      throw new Error('the other side is gone');
    };
    await assert.rejects(streamToFile(path, [source()]), /gone/);
    await rm(path);
    await Promise.all(others);
    assert.deepEqual(await readdir(folder), []);
  }
  const upper = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of source) yield Buffer.from(piece.toString('utf8').toUpperCase());
  };
  await streamToFile(path, [Readable.from([Buffer.from('whole')]), upper], { flush: true });
  assert.equal(await readFile(path, 'utf8'), 'WHOLE');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  await assert.rejects(streamToFile(path, [Readable.from([])], { exclusive: true }), { code: 'EEXIST' });
  assert.equal(await readFile(path, 'utf8'), 'WHOLE');
});

test('writeFileAtomic() replaces the file and leaves no temporary one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-files-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a');
  await writeFileAtomic(path, 'one');
  await writeFileAtomic(path, 'two', { mode: 0o600 });
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.deepEqual(await readdir(folder), ['a']);
});

test('a bundle is used while its sources are the same, never after one was changed, touched or removed, nor in a copy of the checkout, nor cut', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'darsena-bundle-'));
  t.after(() => rm(root, { recursive: true }));
  const source = join(root, 'a.ts');
  const record = join(root, BUNDLES_FOLDER, 'scan-cli.json');
  await mkdir(join(root, BUNDLES_FOLDER, 'made'), { recursive: true });
  await writeFile(source, 'one');
  const { mtimeMs, mtime, size } = await stat(source);
  const made = { node: process.version, root, folder: 'made', programBytes: 3 };
  const told: BundleRecord = { ...made, sources: [['a.ts', mtimeMs, size]] };
  assert.equal(keptBundle('scan-cli', root), null);
  await writeFile(record, JSON.stringify(told));
  assert.equal(keptBundle('scan-cli', root), null, 'its program is gone');
  const program = join(root, BUNDLES_FOLDER, 'made', 'scan-cli.mjs');
  await writeFile(program, 'a;');
  assert.equal(keptBundle('scan-cli', root), null, 'its program is cut');
  await writeFile(program, 'a;\n');
  assert.equal(keptBundle('scan-cli', root)?.program, program);
  await writeFile(record, JSON.stringify({ ...told, root: '/elsewhere' }));
  assert.equal(keptBundle('scan-cli', root), null, 'it names places of another checkout');
  await writeFile(record, JSON.stringify(told));

  await writeFile(source, 'ones');
  await utimes(source, mtime, mtimeMs / 1000);
  assert.equal(keptBundle('scan-cli', root), null);
  await writeFile(source, 'two');
  await utimes(source, mtime, mtimeMs / 1000 + 1);
  assert.equal(keptBundle('scan-cli', root), null);
  await rm(source);
  assert.equal(keptBundle('scan-cli', root), null);

  await writeFile(record, JSON.stringify({ ...told, sources: [] }));
  assert.notEqual(keptBundle('scan-cli', root), null);
  await writeFile(record, JSON.stringify({ ...told, sources: [], node: 'v1.0.0' }));
  assert.equal(keptBundle('scan-cli', root), null);
  await writeFile(record, '{"node":');
  assert.equal(keptBundle('scan-cli', root), null);
});

test('a server leads to its own host wherever that is, and else to the public Internet alone, at each connection', async () => {
  let answer = '93.184.216.34';
  const resolve: ResolveName = (_name, _options, done) => done(null, [{ address: answer, family: 4 }]);
  const addresses = new ServerAddresses(new URL('https://acme.inside.example/directory'), resolve);
  assert.deepEqual(addresses.connection(new URL('https://acme.inside.example/order/1')), {});
  const inside = [
    'https://10.0.0.1/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://2130706433/',
    'https://169.254.169.254/latest',
    'http://acme.inside.example/',
    'ftp://other.example/',
  ];
  for (const one of inside) assert.throws(() => addresses.connection(new URL(one)), /public Internet|https/, one);
  const { lookup } = addresses.connection(new URL('https://other.example/'));
  const look = (): Promise<unknown> =>
    new Promise((done) => lookup?.('other.example', { all: false }, (error, address) => done(error ?? address)));
  assert.equal(await look(), '93.184.216.34');
  answer = '127.0.0.1';
  assert.match(String(await look()), /not of the public Internet/);
});
