import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { createApi, PLATFORM } from '../access/index.ts';
import { Journal, journalMigrations } from '../journal/index.ts';
import { type Descriptor, type Digest, digestOf, MEDIA_TYPE } from '../oci/index.ts';
import { Fault, openDatabase, silentLog, systemClock } from '../system/index.ts';
import {
  BILL_MEDIA_TYPE,
  billBytes,
  containersPolicy,
  documentOf,
  followSuccession,
  generateSigningKey,
  NO_SIGNATURES,
  outlineOf,
  type Referrer,
  readPublicKey,
  readTokenKey,
  registerTrustRoutes,
  type SignatureStore,
  type SimpleSigning,
  STATED_BILL_BYTES_MAX,
  type StoredBundle,
  type StoredSignatures,
  signersOf,
  signImage,
  Trust,
  type TrustTables,
  trustMigrations,
} from './index.ts';
import { tokenReason } from './signing/token.ts';

const digest = digestOf(Buffer.from('image'));

/** Signatures in memory, as the registry keeps them. */
class MemorySignatures implements SignatureStore {
  readonly referrers: Referrer[] = [];
  async repositoriesOf(project: string): Promise<string[]> {
    return [`${project}/web`];
  }
  async describe(_repository: string, wanted: Digest): Promise<Descriptor | null> {
    return wanted === digest ? { mediaType: MEDIA_TYPE.manifest, digest, size: 5 } : null;
  }
  readonly simpleSignings: SimpleSigning[] = [];
  async signaturesOf(): Promise<StoredSignatures> {
    const bundles = this.referrers.map((referrer) => referrer.blobs[1]?.bytes ?? new Uint8Array());
    return { ...NO_SIGNATURES, bundles, simpleSignings: this.simpleSignings };
  }
  async putSimpleSigning(_repository: string, _digest: Digest, signing: SimpleSigning): Promise<Digest> {
    this.simpleSignings.push(signing);
    return digestOf(signing.payload);
  }
  async putReferrer(_repository: string, referrer: Referrer): Promise<void> {
    this.referrers.push(referrer);
  }
  async bundlesStating(_repository: string, _digest: Digest, predicateType: string): Promise<StoredBundle[]> {
    const stating = this.referrers.filter((one) => Buffer.from(one.manifestBytes).includes(predicateType));
    return stating.map((one) => ({ referrer: one.digest, bundle: one.blobs[1]?.bytes ?? new Uint8Array() }));
  }
  async removeReferrer(_repository: string, digest: Digest): Promise<void> {
    this.referrers.splice(0, Infinity, ...this.referrers.filter((one) => one.digest !== digest));
  }
}

async function open(masterKey: Uint8Array) {
  const opened = await openDatabase<TrustTables>('sqlite::memory:', [...journalMigrations, ...trustMigrations]);
  const journal = new Journal({
    db: opened.db as never,
    clock: systemClock,
    log: silentLog,
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    keyId: 'test',
  });
  const signatures = new MemorySignatures();
  const make = (key: Uint8Array) =>
    new Trust({ db: opened.db, journal, clock: systemClock, masterKey: key, signatures });
  return { opened, journal, signatures, make, trust: make(masterKey) };
}

test('a key made once is the same after a restart, and locked to another master key', async () => {
  const masterKey = randomBytes(32);
  const { opened, make, trust, journal } = await open(masterKey);
  const first = await trust.ensureKey('release', ['image']);
  assert.equal((await make(masterKey).ensureKey('release', ['image'])).id, first.id);
  const locked = (error: unknown) => error instanceof Fault && error.code === 'trust.key-locked';
  await assert.rejects(make(randomBytes(32)).signingKey('release'), locked);
  const [row] = await opened.db.selectFrom('trust_keys').selectAll().execute();
  assert.equal(Buffer.from(row?.sealed ?? []).includes('PRIVATE'), false);
  await journal.settled();
  assert.equal((await journal.query({ projects: '*', kinds: ['key.added'], limit: 9 })).length, 1);
  await opened.close();
});

test('an image that was signed and stored verifies; a revoked key counts no more', async () => {
  const { opened, trust, journal } = await open(randomBytes(32));
  await trust.ensureKey('release', ['image']);
  const image = { use: 'image', digest, repository: 'tienda/web', predicate: {}, key: 'release' } as const;
  await trust.sign({ ...image, actor: 'user:ana' });
  const [verdict] = await trust.verifyInProject('tienda', digest);
  assert.ok(verdict);
  assert.deepEqual(signersOf(verdict, 'image'), ['release']);
  await journal.settled();
  const [fact] = await journal.query({ projects: ['tienda'], kinds: ['image.signed'], limit: 1 });
  assert.equal(fact?.digest, digest);
  await trust.revokeKey('release', 'user:eva');
  const after = await trust.verify('tienda/web', digest);
  assert.deepEqual([after.accepted, after.refused.map((one) => one.code)], [[], ['signer-revoked']]);
  await assert.rejects(
    trust.sign({ ...image, actor: 'user:ana' }),
    (error: unknown) => error instanceof Fault && error.code === 'trust.key-unknown',
  );
  await opened.close();
});

test('an image that is not there cannot be signed', async () => {
  const { opened, trust, signatures } = await open(randomBytes(32));
  await trust.ensureKey('release', ['image']);
  const absent = digestOf(Buffer.from('absent'));
  await assert.rejects(
    trust.sign({
      use: 'image',
      digest: absent,
      repository: 'tienda/web',
      predicate: {},
      key: 'release',
      actor: 'user:ana',
    }),
    (error: unknown) => error instanceof Fault && error.code === 'trust.not-verified',
  );
  assert.equal(signatures.referrers.length, 0);
  await opened.close();
});

test('the routes show keys without anything secret, and the signatures of an image with every reason', async () => {
  const { opened, trust } = await open(randomBytes(32));
  await trust.ensureKey('release', ['image']);
  await trust.ensureKey('builder', ['provenance']);
  const image = { digest, repository: 'tienda/web', predicate: {}, actor: 'user:ana' };
  await trust.sign({ ...image, use: 'image', key: 'release' });
  await trust.sign({ ...image, use: 'image', key: 'builder' });
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => PLATFORM });
  registerTrustRoutes(app, trust);
  const get = async (url: string) => {
    const response = await app.inject({ url, headers: { authorization: 'Bearer x' } });
    return { status: response.statusCode, text: response.body, body: response.json() };
  };
  const keys = await get('/api/v1/trust/keys');
  assert.deepEqual(
    keys.body.items.map((key: { name: string; algorithm: string }) => [key.name, key.algorithm]),
    [
      ['builder', 'ecdsa-p256'],
      ['release', 'ecdsa-p256'],
    ],
  );
  assert.doesNotMatch(keys.text, /sealed|PRIVATE/);
  const signatures = await get(`/api/v1/projects/tienda/images/${digest}/signatures`);
  const [counts, other] = signatures.body.items;
  assert.deepEqual([counts.kind, counts.signer, counts.verified], ['image', 'release', true]);
  assert.equal(other.verified, false);
  assert.match(other.reason.es, /no para image/);
  assert.equal((await get('/api/v1/projects/tienda/images/latest/signatures')).status, 400);
  await app.close();
  await opened.close();
});

test("somebody else's key is believed once, under one name, and stays revoked when it was", async () => {
  const { opened, trust } = await open(randomBytes(32));
  const { key } = generateSigningKey(randomBytes(32));
  const other = generateSigningKey(randomBytes(32)).key;
  const wanted = {
    name: 'builder:host1',
    uses: ['image'],
    repositories: ['**'],
    publicKeyPem: key.publicKeyPem,
  } as const;
  const first = await trust.addPublicKey(wanted, 'agent:host1');
  assert.deepEqual([first.signsHere, (await trust.addPublicKey(wanted, 'agent:host1')).id], [false, first.id]);
  const taken = (error: unknown) => error instanceof Fault && error.code === 'trust.key-name-taken';
  await assert.rejects(trust.addPublicKey({ ...wanted, publicKeyPem: other.publicKeyPem }, 'agent:host1'), taken);
  await assert.rejects(trust.addPublicKey({ ...wanted, name: 'mine' }, 'user:ana'), { code: 'trust.key-known' });
  await trust.revokeKey('builder:host1', 'user:eva');
  assert.notEqual((await trust.addPublicKey(wanted, 'agent:host1')).revokedAt, null);
  await assert.rejects(
    trust.signingKey('builder:host1'),
    (error: unknown) => error instanceof Fault && error.code === 'trust.key-unknown',
  );
  await opened.close();
});

test('a person changes what a key is believed for; a revoked one, the platform’s own and a taken name are told, not passed over', async () => {
  const { opened, trust } = await open(randomBytes(32));
  const publicKeyPem = generateSigningKey(randomBytes(32)).key.publicKeyPem;
  const key = { name: 'release', uses: ['image'], repositories: ['**'], publicKeyPem } as const;
  await trust.believeKey(key, 'user:ana');
  await trust.believeKey(key, 'user:ana');
  const changed = { ...key, uses: ['image', 'sbom'] as const, repositories: ['tienda/**'] };
  assert.deepEqual((await trust.believeKey(changed, 'user:ana')).uses, ['image', 'sbom']);
  const [signer] = (await trust.policy()).signers;
  assert.deepEqual([signer?.uses, signer?.repositories], [['image', 'sbom'], ['tienda/**']]);
  const facts: unknown[] = await opened.db
    .selectFrom('journal_facts' as never)
    .select('kind' as never)
    .execute();
  assert.deepEqual(
    facts.map((fact) => (fact as { kind: string }).kind).filter((kind) => kind.startsWith('key.')),
    ['key.added', 'key.changed'],
  );
  await trust.revokeKey('release', 'user:ana');
  await assert.rejects(trust.believeKey(key, 'user:ana'), { code: 'trust.key-revoked' });
  const own = await trust.ensureKey('control', ['scan']);
  const grab = { name: 'control', uses: ['image'], repositories: ['**'], publicKeyPem: own.publicKeyPem } as const;
  await assert.rejects(trust.believeKey(grab, 'user:ana'), { code: 'trust.key-own' });
  const other = generateSigningKey(randomBytes(32)).key.publicKeyPem;
  const document = { version: 1, signers: [{ name: 'partner', uses: ['image'], key: other }] };
  await trust.setPolicy(document, 'user:ana');
  await assert.rejects(trust.believeKey({ ...key, name: 'partner' }, 'user:ana'), { code: 'trust.signer-name-taken' });
  const taken = { version: 1, signers: [{ name: 'release', uses: ['image'], key: other }] };
  await assert.rejects(trust.setPolicy(taken, 'user:ana'), /darsena trust keys/);
  await opened.close();
});

test('a bill that is too large for a statement lies beside its image, and what is signed names it by its digest', async () => {
  const { opened, trust, signatures } = await open(randomBytes(32));
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => PLATFORM });
  registerTrustRoutes(app, trust);
  const components = Array.from({ length: 30_000 }, (_, at) => ({
    type: 'library',
    name: `package-${at}`,
    purl: `pkg:deb/debian/a-package-with-a-long-name-${at}@1.0.0?arch=amd64&distro=debian-12`,
  }));
  const bill = {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: 'urn:uuid:1' },
    metadata: { timestamp: '2026-01-01T00:00:00Z', component: { name: 'tienda/web' } },
    components,
  };
  const bytes = billBytes(bill);
  assert.ok(bytes.length > STATED_BILL_BYTES_MAX && !bytes.includes('timestamp'));
  const send = (project: string, body: Buffer, type: string) =>
    app.inject({
      ...{ method: 'POST', headers: { authorization: 'Bearer x', 'content-type': type }, payload: body },
      url: `/api/v1/projects/${project}/images/${digest}/documents?repository=tienda/web`,
    });
  const stored = await send('tienda', bytes, BILL_MEDIA_TYPE);
  assert.equal(stored.statusCode, 201, stored.body);
  const [beside] = signatures.referrers;
  assert.equal(beside?.digest, stored.json().digest);
  assert.ok(beside?.blobs.some((blob) => blob.digest === digestOf(bytes)));
  const outline = outlineOf(bill, 'tienda/web', stored.json().digest, bytes);
  assert.equal(documentOf(outline), stored.json().digest);
  assert.match(JSON.stringify(outline), new RegExp(digestOf(bytes).slice('sha256:'.length)));
  assert.ok(JSON.stringify(outline).length < 1000);
  assert.equal((await send('otro', bytes, BILL_MEDIA_TYPE)).statusCode, 403);
  assert.ok((await send('tienda', bytes, 'text/plain')).statusCode >= 400);
  assert.equal(signatures.referrers.length, 1);
  await app.close();
  await opened.close();
});

test('what a token says when it does not sign is told in words, in both languages', () => {
  const rows = [
    [
      'error: PKCS11 function C_Login failed: rv = CKR_PIN_INCORRECT (0xa0)\nAborting.\n',
      'the PIN is wrong',
      'el PIN no es correcto',
    ],
    [
      'sc_dlopen failed: /no.so\nerror: Failed to load pkcs11 module\nAborting.\n',
      'the module cannot be loaded',
      'no se puede cargar el módulo',
    ],
    ['No slot with token named "x" found\n', 'there is no such token', 'no hay tal dispositivo'],
    ['first\nerror: something new\nAborting.\n', 'error: something new', 'error: something new'],
  ] as const;
  for (const [stderr, en, es] of rows) assert.deepEqual(tokenReason(stderr), { en, es });
  assert.throws(() => readTokenKey('pkcs11:token=%zz;object=b?module-path=/m.so'), { code: 'trust.key-reference' });
});

test('a signature that a builder made is stored with its fact, and one that does not count is not stored', async () => {
  const { opened, trust, journal, signatures } = await open(randomBytes(32));
  const { key } = generateSigningKey(randomBytes(32));
  const image = { digest, repository: 'tienda/web' };
  const refused = (error: unknown) => error instanceof Fault && error.code === 'trust.not-verified';
  await assert.rejects(trust.attach(signImage(key, image), image, 'agent:host1'), refused);
  await assert.rejects(trust.attach(Buffer.from('{}'), image, 'agent:host1'), refused);
  assert.equal(signatures.referrers.length, 0);
  const builder = {
    name: 'builder:host1',
    uses: ['image'],
    repositories: ['**'],
    publicKeyPem: key.publicKeyPem,
  } as const;
  await trust.addPublicKey(builder, 'agent:host1');
  await trust.attach(signImage(key, image), image, 'agent:host1');
  assert.deepEqual(signersOf(await trust.verify('tienda/web', digest), 'image'), ['builder:host1']);
  await journal.settled();
  const [fact] = await journal.query({ projects: ['tienda'], kinds: ['image.signed'], limit: 1 });
  assert.deepEqual(fact?.body, {
    use: 'image',
    key: 'builder:host1',
    referrer: signatures.referrers[0]?.digest ?? null,
  });
  await opened.close();
});

test('another key takes the place of a key: rules and statements go on, a stolen one is out at once, and the platform is not left without one', async () => {
  const { opened, trust, signatures, make } = await open(randomBytes(32));
  const held = await trust.ensureKey('control', ['scan', 'approval']);
  const pinned = readPublicKey(held.publicKeyPem);
  const image = { digest, repository: 'tienda/web' };
  const approval = { decision: 'approved', approver: { name: 'ana' } };
  await trust.sign({ ...image, use: 'scan', predicate: { found: 1 }, key: 'control', actor: 'platform' });
  await trust.sign({ ...image, use: 'approval', predicate: approval, key: 'control', actor: 'user:ana' });
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => PLATFORM });
  const told: string[] = [];
  registerTrustRoutes(app, trust, {
    changed: () => told.push('changed'),
    succeeded: (name, _actor, { stolen }) => told.push(`${name} ${stolen}`),
    rotateBuilder: async (name) => {
      const { publicKeyPem } = generateSigningKey(randomBytes(32)).key;
      const key = { name: `${name}2`, uses: ['image'], repositories: ['**'], publicKeyPem } as const;
      return trust.addPublicKey(key, 'agent:host1');
    },
  });
  const post = async (path: string, payload: object = {}) => {
    const url = `/api/v1/trust/keys/${path}`;
    const response = await app.inject({ method: 'POST', url, headers: { authorization: 'Bearer x' }, payload });
    return { status: response.statusCode, body: response.json() };
  };
  assert.equal((await post('control/revoke')).body.code, 'trust.key-in-use');
  const { body: rotated } = await post('control/rotate');
  assert.notEqual(rotated.key.id, pinned.id);
  assert.equal(rotated.former, `control~${pinned.id.slice(0, 12)}`);
  assert.equal(held.id, rotated.key.id, 'who was given the key signs with the new one');
  assert.equal(
    (await make(randomBytes(32)).keys()).some(({ name, signsHere }) => name.includes('~') && signsHere),
    false,
  );
  // What the former key said counts under the same name, also for the people it vouches for.
  const people = async () =>
    (await trust.verify('tienda/web', digest)).accepted.map((one) => [one.use, one.signer, one.vouches]);
  const both = [
    ['scan', 'control', true],
    ['approval', 'control', true],
  ];
  assert.deepEqual(await people(), both);
  // Restated, and what a thief would have said is not taken over.
  assert.equal(await trust.restateFormer(image, 'control', 'platform'), 2);
  assert.equal(await trust.restateFormer(image, 'control', 'platform'), 0);
  assert.equal(signatures.referrers.length, 2);
  assert.equal((await post(`${rotated.former}/rotate`)).body.code, 'trust.key-former');
  assert.equal((await post(`${rotated.former}/revoke`)).status, 200);
  assert.deepEqual(await people(), both);
  // What is said meanwhile is not overtaken by what was said before.
  await post('control/rotate');
  const later = { ...image, use: 'scan', predicate: { found: 2 }, key: 'control', actor: 'platform' } as const;
  const put = signatures.putReferrer.bind(signatures);
  let said: Promise<unknown> | null = null;
  signatures.putReferrer = async (repository, referrer) => {
    signatures.putReferrer = put;
    said = trust.restate(later);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    await put(repository, referrer);
  };
  await trust.restateFormer(image, 'control', 'platform');
  assert.notEqual(said, null);
  await said;
  assert.deepEqual(
    (await trust.verify('tienda/web', digest)).accepted.filter(({ use }) => use === 'scan').map((one) => one.predicate),
    [{ found: 2 }],
  );
  const between = await trust.signingKey('control');
  const { body: stolen } = await post('control/rotate', { stolen: true });
  assert.deepEqual(await people(), []);
  assert.equal(await trust.restateFormer(image, 'control', 'platform'), 0);
  // A host that pinned the first key is led to the last one, whoever else signs what.
  const words = await trust.successions('control');
  assert.deepEqual(
    followSuccession(pinned, 'control', words).map(({ id }) => id),
    [rotated.key.id, between.id, stolen.key.id],
  );
  assert.deepEqual(
    followSuccession(pinned, 'control', [...words].reverse()).map(({ id }) => id),
    [rotated.key.id, between.id, stolen.key.id],
    'whatever the clock said when they were made',
  );
  assert.deepEqual(followSuccession(pinned, 'control', words.slice(1)), []);
  assert.deepEqual(followSuccession(pinned, 'release', words), []);
  // Keys of others: the new one is brought along.
  const [first, second] = [1, 2].map(() => generateSigningKey(randomBytes(32)).key.publicKeyPem);
  await trust.believeKey(
    { name: 'release', uses: ['image'], repositories: ['tienda/**'], publicKeyPem: first ?? '' },
    'user:ana',
  );
  assert.equal((await post('release/rotate')).body.code, 'trust.key-needed');
  assert.equal((await post('control/rotate', { publicKeyPem: second })).body.code, 'trust.key-own');
  const { body: release } = await post('release/rotate', { publicKeyPem: second });
  assert.deepEqual([release.key.repositories, release.stolen], [['tienda/**'], false]);
  assert.equal((await post('release/rotate', { publicKeyPem: first })).body.code, 'trust.key-known');
  assert.deepEqual(
    (await trust.policy()).signers.filter((one) => one.name === 'release').map((one) => one.revokedAt),
    [null, null],
  );
  // A builder makes its key itself; the former one is named by its own id.
  const builder = { name: 'builder:host1:a', uses: ['image'], repositories: ['**'] } as const;
  const builderKey = { ...builder, publicKeyPem: generateSigningKey(randomBytes(32)).key.publicKeyPem };
  const added = await Promise.all([1, 2].map(() => trust.addPublicKey(builderKey, 'agent:host1')));
  assert.deepEqual(added[0], added[1], 'said twice at once it is added once');
  assert.equal((await post('builder:host1:a/rotate', { stolen: true })).body.key.name, 'builder:host1:a2');
  assert.notEqual((await trust.keys()).find(({ name }) => name === 'builder:host1:a')?.revokedAt, null);
  assert.deepEqual(
    told.filter((one) => one !== 'changed'),
    ['control false', 'control false', 'control true'],
  );
  await app.close();
  await opened.close();
});

test('plain Podman believes a former key where that one counts, and the one that stands nowhere else', () => {
  const key = (name: string, repository: string) => ({
    ...{ name, uses: ['image'] as const, repositories: [repository], publicKeyPem: name, revokedAt: null },
  });
  const options = { address: 'localhost:5000', others: 'reject', now: new Date() } as const;
  const keys = [key('release', 'tienda/web'), key('release~0123', 'tienda/**'), key('other', 'otra/**')];
  const { policy } = containersPolicy({ version: 1 }, keys, options);
  const docker = (policy as { transports: { docker: Record<string, Record<string, unknown>[]> } }).transports.docker;
  const keysOf = (scope: string) =>
    docker[`registry.darsena.internal/${scope}`]?.map(({ keyData, keyDatas }) =>
      [keyDatas ?? keyData].flat().map((one) => Buffer.from(String(one), 'base64').toString()),
    );
  assert.deepEqual(keysOf('tienda/web'), [['release', 'release~0123']]);
  assert.deepEqual(keysOf('tienda'), [['release~0123']]);
  assert.deepEqual(keysOf('otra'), [['other']]);
});

test('a signature that cosign 2 left at its tag counts like any other', async () => {
  const { opened, trust, signatures } = await open(randomBytes(32));
  const { key } = generateSigningKey(randomBytes(32));
  const release = { name: 'release', uses: ['image'], repositories: ['**'], publicKeyPem: key.publicKeyPem } as const;
  await trust.addPublicKey(release, 'user:ana');
  const identity = { 'docker-reference': 'registry.darsena.internal/tienda/web' };
  const critical = { identity, image: { 'docker-manifest-digest': digest }, type: 'cosign container image signature' };
  const payload = Buffer.from(JSON.stringify({ critical, optional: null }));
  signatures.simpleSignings.push({ payload, signature: Buffer.from(key.sign(payload)).toString('base64') });
  assert.deepEqual(signersOf(await trust.verify('tienda/web', digest), 'image'), ['release']);
  await opened.close();
});

test('one statement of a thing lies beside an image, however often it changes and whoever copies its name', async () => {
  const { opened, trust, signatures } = await open(randomBytes(32));
  await trust.ensureKey('control', ['scan']);
  await trust.ensureKey('stranger', ['scan']);
  const scan = { use: 'scan', digest, repository: 'tienda/web', key: 'control', actor: 'platform' } as const;
  // Another's statement of the same kind is neither replaced nor taken for one's own.
  await trust.sign({ ...scan, key: 'stranger', predicate: { found: 0 } });
  const first = await trust.restate({ ...scan, predicate: { found: 1 } });
  assert.ok(first !== null);
  assert.equal(await trust.restate({ ...scan, predicate: { found: 1 } }), null);
  const [second, third] = await Promise.all([
    trust.restate({ ...scan, predicate: { found: 2 } }),
    trust.restate({ ...scan, predicate: { found: 2 } }),
  ]);
  assert.ok(second !== null && third === null);
  assert.equal(signatures.referrers.length, 2);
  const { accepted } = await trust.verify('tienda/web', digest);
  assert.deepEqual(accepted.map(({ signer, predicate }) => [signer, predicate]).sort(), [
    ['control', { found: 2 }],
    ['stranger', { found: 0 }],
  ]);
  await opened.close();
});

test('a key that signs here learns new uses; one that only is believed does not vouch for people', async () => {
  const { opened, trust } = await open(randomBytes(32));
  const before = await trust.ensureKey('control', ['scan', 'verdict']);
  const after = await trust.ensureKey('control', ['scan', 'approval', 'verdict']);
  assert.equal(after.id, before.id);
  const outside = generateSigningKey(randomBytes(32)).key;
  const key = {
    name: 'security',
    uses: ['approval'],
    repositories: ['**'],
    publicKeyPem: outside.publicKeyPem,
  } as const;
  await trust.addPublicKey(key, 'user:ana');
  const { signers } = await trust.policy();
  assert.deepEqual(
    signers.map(({ name, uses, vouches }) => [name, uses.includes('approval'), vouches]),
    [
      ['control', true, true],
      ['security', true, false],
    ],
  );
  const sent = (await trust.hostPolicy()).keys.map(({ name, vouches }) => [name, vouches]);
  assert.deepEqual(sent, [
    ['control', true],
    ['security', false],
  ]);
  await opened.close();
});
