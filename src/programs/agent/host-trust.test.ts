import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Fault, type Json } from '../../system/index.ts';
import {
  generateSigningKey,
  HOST_POLICY_TYPE,
  type HostPolicy,
  signRecord,
  TRUST_DOCUMENT_TYPE,
} from '../../trust/index.ts';
import { BuilderKey } from './builder-key.ts';
import { HostTrust } from './host-trust.ts';
import { PinnedControl } from './pinned-control.ts';

const master = randomBytes(32);
const [control, builder, admin, person] = [0, 1, 2, 3].map(() => generateSigningKey(master).key);
if (control === undefined || builder === undefined || admin === undefined || person === undefined)
  throw new Error('no keys');

const record = (policy: HostPolicy, by = control) => signRecord(by, HOST_POLICY_TYPE, policy as unknown as Json);
const names = (trust: HostTrust): string[] => trust.policy.signers.map((signer) => signer.name.split(':')[0] ?? '');
const key = (name: string) => ({
  ...{ name, uses: ['image'] as const, repositories: ['**'], publicKeyPem: person.publicKeyPem },
  ...{ validFrom: null, validUntil: null, revokedAt: null },
});

test('a host pins the first policy, finds it again after a restart, and is led neither back nor past its administrators', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'host-trust-'));
  const path = join(folder, 'trust-policy.json');
  const own = { host: 'host1', builder: { publicKeyPems: [builder.publicKeyPem] } };
  const open = () => HostTrust.open(path, { ...own, control: new PinnedControl(control.publicKeyPem) });
  const refuses = (trust: HostTrust, policy: HostPolicy, code: string, by = control) =>
    assert.rejects(trust.follow(record(policy, by)), (error: unknown) => error instanceof Fault && error.code === code);

  const trust = await open();
  assert.deepEqual(names(trust), ['builder']);
  const first: HostPolicy = { version: 1, document: { version: 1 }, signatures: [], keys: [key('release')] };
  await refuses(trust, first, 'trust.record-refused', person);
  await trust.follow(record(first));
  assert.deepEqual(names(trust), ['builder', 'release']);
  assert.equal((await stat(path)).mode & 0o777, 0o600);

  const administrators = { count: 1, keys: [admin.publicKeyPem] };
  const ruled: HostPolicy = {
    version: 2,
    document: { version: 1, administrators },
    signatures: [],
    keys: [key('release')],
  };
  await trust.follow(record(ruled));
  assert.deepEqual(names(await open()), ['builder', 'control']);
  const wider: HostPolicy = { version: 3, document: { version: 1 }, signatures: [], keys: [key('release')] };
  await refuses(await open(), wider, 'trust.policy-unsigned');
  await refuses(await open(), first, 'trust.policy-changed');
  const signed = { ...wider, signatures: [signRecord(admin, TRUST_DOCUMENT_TYPE, wider.document as unknown as Json)] };
  const again = await open();
  await again.follow(record(signed));
  assert.deepEqual(names(again), ['builder', 'release']);

  await writeFile(path, `${await readFile(path, 'utf8')}{`);
  await assert.rejects(open());
  await rm(folder, { recursive: true });
});

test('a host goes over to the key that its pinned one named, keeps what its own builder signed with before, and counts nothing revoked', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'host-keys-'));
  const path = join(folder, 'trust-policy.json');
  const next = generateSigningKey(master).key;
  const says = (key: typeof control, name: string, publicKeyPem: string) =>
    signRecord(key, 'application/vnd.darsena.key-succession.v1+json', { name, publicKeyPem });
  const pinned = new PinnedControl(control.publicKeyPem);
  for (const foreign of [
    says(person, 'control', person.publicKeyPem),
    says(control, 'release', person.publicKeyPem),
    signRecord(control, HOST_POLICY_TYPE, { name: 'control', publicKeyPem: person.publicKeyPem }),
  ]) {
    assert.equal(pinned.follow([foreign]), false);
  }
  const own = await BuilderKey.open(folder);
  const trust = await HostTrust.open(path, { host: 'host1', builder: own, control: pinned });
  const administrators = { count: 1, keys: [admin.publicKeyPem] };
  const policy: HostPolicy = { version: 1, document: { version: 1, administrators }, signatures: [], keys: [] };
  await trust.follow(record(policy));
  assert.equal(pinned.follow([says(control, 'control', next.publicKeyPem)]), true);
  const first = own.key;
  await own.rotate();
  trust.keysChanged();
  assert.deepEqual(names(trust), ['builder', 'builder', 'control', 'control']);
  assert.deepEqual((await BuilderKey.open(folder)).publicKeyPems, own.publicKeyPems);
  assert.doesNotMatch(await readFile(join(folder, 'builder-key.json'), 'utf8'), /PRIVATE/);
  // The former key of control leads nowhere any more.
  await assert.rejects(trust.follow(record(policy)), { code: 'trust.record-refused' });
  const gone = (publicKeyPem: string) => ({ ...key('x'), publicKeyPem, revokedAt: '2026-01-01T00:00:00Z' });
  const revoking = { ...policy, keys: [gone(control.publicKeyPem), gone(first.publicKeyPem), key('release')] };
  await trust.follow(record(revoking, next));
  assert.deepEqual(
    trust.policy.signers.map(({ revokedAt }) => revokedAt !== null),
    [false, true, false, true],
  );
  // Two at once are two, and none is forgotten.
  await Promise.all([own.rotate(), own.rotate()]);
  assert.equal(new Set(own.publicKeyPems).size, 4);
  assert.deepEqual((await BuilderKey.open(folder)).publicKeyPems, own.publicKeyPems);
  await rm(folder, { recursive: true });
});
