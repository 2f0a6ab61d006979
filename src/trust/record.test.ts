import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Fault, type Json } from '../system/index.ts';
import { generateSigningKey, openSigningKey, readPublicKey, signRecord, verifyRecord } from './index.ts';

const VERDICT = 'application/vnd.darsena.verdict.v1+json';
const masterKey = randomBytes(32);
const { key, sealed } = generateSigningKey(masterKey);
const other = generateSigningKey(masterKey);
const trusted = [readPublicKey(key.publicKeyPem)];
const value: Json = { decision: 'allow', digest: 'sha256:00', n: 1.5, list: [1, 'ñ'] };

function isRefused(error: unknown): boolean {
  return error instanceof Fault && error.code === 'trust.record-refused';
}

test('verifyRecord returns what was signed, from an object and from text', () => {
  const record = signRecord(key, VERDICT, value);
  assert.deepEqual(verifyRecord(record, trusted, VERDICT), value);
  assert.deepEqual(verifyRecord(JSON.stringify(record), trusted, VERDICT), value);
});

test('a record of one type does not pass as another', () => {
  const record = signRecord(key, VERDICT, value);
  assert.throws(() => verifyRecord(record, trusted, 'application/vnd.darsena.wanted.v1+json'), isRefused);
  assert.throws(() => verifyRecord({ ...record, payloadType: 'other' }, trusted, 'other'), isRefused);
});

test('every changed byte of payload or signature is refused', () => {
  const record = signRecord(key, VERDICT, value);
  const payload = Buffer.from(record.payload, 'base64');
  for (let index = 0; index < payload.length; index++) {
    const changed = Buffer.from(payload);
    changed[index] = (changed[index] ?? 0) ^ 1;
    assert.throws(() => verifyRecord({ ...record, payload: changed.toString('base64') }, trusted, VERDICT), isRefused);
  }
});

test('a key that is not trusted, no keys, and a forged keyid are refused', () => {
  const record = signRecord(other.key, VERDICT, value);
  assert.throws(() => verifyRecord(record, trusted, VERDICT), isRefused);
  assert.throws(() => verifyRecord(signRecord(key, VERDICT, value), [], VERDICT), isRefused);
  const forged = { ...record, signatures: record.signatures.map((signature) => ({ ...signature, keyid: key.id })) };
  assert.throws(() => verifyRecord(forged, trusted, VERDICT), isRefused);
});

test('what is no record is refused, never passed and never another error', () => {
  const record = signRecord(key, VERDICT, value);
  const attacks: unknown[] = [
    null,
    '',
    '{',
    [],
    {},
    { ...record, signatures: [] },
    { ...record, signatures: Array.from({ length: 17 }, () => record.signatures[0]) },
    { ...record, payload: `${record.payload}\n` },
    { ...record, payload: 5 },
    { ...record, signatures: [{ keyid: '', sig: '####' }] },
    { ...record, signatures: [null] },
    'x'.repeat(5 * 1024 * 1024),
  ];
  for (const attack of attacks) assert.throws(() => verifyRecord(attack, trusted, VERDICT), isRefused);
});

test('a stored key opens only under its master key and under its own id', () => {
  assert.equal(openSigningKey(masterKey, sealed).id, key.id);
  const locked = (error: unknown) => error instanceof Fault && error.code === 'trust.key-locked';
  assert.throws(() => openSigningKey(randomBytes(32), sealed), locked);
  assert.throws(() => openSigningKey(masterKey, { ...sealed, id: other.key.id }), locked);
  const changed = Buffer.from(sealed.sealed);
  changed[40] = (changed[40] ?? 0) ^ 1;
  assert.throws(() => openSigningKey(masterKey, { ...sealed, sealed: changed }), locked);
  assert.throws(
    () => openSigningKey(randomBytes(16), sealed),
    (error: unknown) => error instanceof Fault && error.code === 'trust.master-key',
  );
  assert.equal(Buffer.from(sealed.sealed).includes('PRIVATE KEY'), false);
});

test('a private key where a public one belongs is refused', () => {
  assert.throws(
    () => readPublicKey('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'),
    (error: unknown) => error instanceof Fault && error.code === 'trust.public-key',
  );
});
