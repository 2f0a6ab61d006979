import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalJson, defineFaults, fillTemplate, languageOf, newId, runCommand, writeFileAtomic } from './index.ts';

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

test('writeFileAtomic() replaces the file and leaves no temporary one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-files-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'a');
  await writeFileAtomic(path, 'one');
  await writeFileAtomic(path, 'two', { mode: 0o600 });
  assert.equal(await readFile(path, 'utf8'), 'two');
  assert.deepEqual(await readdir(folder), ['a']);
});
