import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { test } from 'node:test';
import { createVault } from '../../access/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../../journal/index.ts';
import { type Clock, Fault, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import { CertificateOrders } from '../acme/orders.ts';
import { createAuthority, issueServerCertificate } from '../certificates.ts';
import { Denials, withDenials } from '../edge/denials.ts';
import { networkMigrations } from '../migrations.ts';
import { readServer } from './commands.ts';
import { coversHost, ownersOfHost, ServedCertificates, type ServedTables } from './served.ts';
import { type SettingsTables, writeEdgeSettings } from './settings.ts';
import { checkCertificate } from './upload.ts';

const DAY_MS = 86_400_000;
const institution = createAuthority({ name: 'Institution', clock: systemClock });
const issue = (names: readonly string[], days = 90) => issueServerCertificate(institution, { names, days });

/** The platform's own certificate, as far as it matters beside the others. */
const PLATFORM = { names: ['*.darsena.localhost'], notAfter: new Date(Date.now() + 90 * DAY_MS).toISOString() };

function hasCode(code: string, reason?: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code && (reason?.test(error.message) ?? true);
}

async function open(clock: Clock = systemClock) {
  type Tables = ServedTables & SettingsTables & JournalTables;
  const opened = await openDatabase<Tables>('sqlite::memory:', [...journalMigrations, ...networkMigrations]);
  const db = opened.db as never;
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const journal = new Journal({ db, clock, log: silentLog, checkpointKeyPem: key, keyId: 'journal-1' });
  let changes = 0;
  const served = new ServedCertificates({
    ...{ db, journal, clock, vault: createVault(Buffer.alloc(32, 7)) },
    projectExists: async (project) => project !== 'none',
    publishedHosts: async () => [{ host: 'www.tienda.example', project: 'tienda' }],
    onChange: () => {
      changes += 1;
    },
  });
  const facts = async () => {
    await journal.settled();
    return (await journal.query({ projects: '*', limit: 100 })).map(({ kind, body }) => ({ kind, body }));
  };
  return { opened, db, journal, served, facts, changes: () => changes };
}

test('a chain and a key that do not belong together, or would serve nobody, are refused with the reason', () => {
  const now = new Date();
  const good = issue(['www.banco.example']);
  const chain = good.certificatePem + institution.certificatePem;
  const checked = checkCertificate(chain, good.privateKeyPem, now);
  assert.deepEqual([checked.names, checked.issuer], [['www.banco.example'], 'Institution']);
  assert.equal(checked.chainPem.match(/BEGIN CERTIFICATE/g)?.length, 1, 'a root is not sent to clients');
  const reversed = checkCertificate(institution.certificatePem + good.certificatePem, good.privateKeyPem, now);
  assert.equal(reversed.fingerprint, checked.fingerprint, 'in whatever order they come');

  const pem = (key: KeyObject, more: object = {}): string =>
    key.export({ type: 'pkcs8', format: 'pem', ...more }).toString();
  const locked = pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, {
    ...{ cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  const short = pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
  const edwards = pem(generateKeyPairSync('ed25519').privateKey);
  const other = createAuthority({ name: 'Stranger', clock: systemClock });
  const odd = issueServerCertificate(institution, { names: [], addresses: ['192.0.2.1'] });
  const cases: readonly (readonly [string, string, RegExp])[] = [
    [chain, issue(['x.example']).privateKeyPem, /belongs to none/],
    [chain, '', /not readable/],
    [chain, 'x'.repeat(20_000), /not readable/],
    [chain, locked, /passphrase/],
    [chain, short, /not of a kind/],
    [chain, edwards, /not of a kind/],
    ['', good.privateKeyPem, /PEM blocks/],
    ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', good.privateKeyPem, /PEM blocks/],
    [good.certificatePem.repeat(11), good.privateKeyPem, /longer than any/],
    ['x'.repeat(200_000), good.privateKeyPem, /longer than any/],
    [good.certificatePem + other.certificatePem, good.privateKeyPem, /no part of the chain/],
    [institution.certificatePem, institution.privateKeyPem(), /of an authority/],
    [odd.certificatePem, odd.privateKeyPem, /no DNS names/],
  ];
  for (const [text, key, reason] of cases) {
    assert.throws(() => checkCertificate(text, key, now), hasCode('network.certificate-refused', reason));
  }
  assert.throws(
    () => checkCertificate(SIGNED_BY_SHA1, KEY_OF_SHA1, new Date('2030-01-01T00:00:00Z')),
    hasCode('network.certificate-refused', /a signature or a key that clients refuse/),
  );
  const late = new Date(now.getTime() + 91 * DAY_MS);
  assert.throws(
    () => checkCertificate(chain, good.privateKeyPem, late),
    hasCode('network.certificate-refused', /ended at/),
  );
  const early = new Date(now.getTime() - DAY_MS);
  assert.throws(
    () => checkCertificate(chain, good.privateKeyPem, early),
    hasCode('network.certificate-refused', /begins at/),
  );
});

/** Of www.banco.example until 2126, signed by SHA-1 as old authorities do: Debian's HAProxy loads nothing beside it. Serves nowhere. */
const SIGNED_BY_SHA1 = `-----BEGIN CERTIFICATE-----
MIIBmDCCAT+gAwIBAgIBATAJBgcqhkjOPQQBMBoxGDAWBgNVBAMMD09sZCBpbnN0
aXR1dGlvbjAgFw0yNjExMjIxNTIxMjdaGA8yMTI2MTAyOTE1MjEyN1owDjEMMAoG
A1UEAwwDb2xkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2I6W8J6phhKTGJSS
O/6rYqsFwKhWIl4QS5JBdOTaDyLLJoGnpFJmqfTLrSrbLFW65m9HMriS1l2b4v2z
zLG0+qOBgDB+MBwGA1UdEQQVMBOCEXd3dy5iYW5jby5leGFtcGxlMBMGA1UdJQQM
MAoGCCsGAQUFBwMBMAkGA1UdEwQCMAAwHQYDVR0OBBYEFFAtCRWYZliMbS3wbUVO
H9Of+W6hMB8GA1UdIwQYMBaAFFZNSW8+ruwUdcv3PBcLT+Wgn+0BMAkGByqGSM49
BAEDSAAwRQIgB/+GyAQJfPrA6b26LrHph075RtrTZ2mEZkPyPi+aaAICIQCYOvDw
V1TmtzrtEwJcbmtyyBbhs2MxSvvW3x0OCUN94A==
-----END CERTIFICATE-----`;
const KEY_OF_SHA1 = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggbye6vb5VFNDZTEQ
Ot0lHbNNVT2xNt2eapGJ7x+1GDWhRANCAATYjpbwnqmGEpMYlJI7/qtiqwXAqFYi
XhBLkkF05NoPIssmgaekUmap9MutKtssVbrmb0cyuJLWXZvi/bPMsbT6
-----END PRIVATE KEY-----`;

test('a wildcard is for one label, never for its domain or what is deeper', () => {
  assert.deepEqual(
    ['a.b.example', 'b.example', 'x.a.b.example', 'A.b.example', 'ab.example'].map((host) =>
      coversHost('*.b.example', host),
    ),
    [true, false, false, true, false],
  );
});

test('a host belongs to the project of its own name, else of the wildcard above; a wildcard to all who have names below', () => {
  const certificates = [
    { names: ['*.banco.example'], project: null },
    { names: ['www.banco.example'], project: 'banco' },
    { names: ['*.tienda.example', 'tienda.example'], project: 'tienda' },
    { names: ['all.tienda.example'], project: null },
  ];
  const hosts = ['www.banco.example', 'x.banco.example', '*.banco.example', 'x.tienda.example', '*.tienda.example'];
  assert.deepEqual(
    [...hosts, 'all.tienda.example', 'a.b.tienda.example'].map((host) => ownersOfHost(certificates, host)),
    [['banco'], [], ['banco'], ['tienda'], ['tienda'], [], []],
  );
});

test('a turn of the orders that fails as a whole is not the last one, and what is served already is not ordered again', async () => {
  const { opened, db, journal, served } = await open();
  const vault = createVault(Buffer.alloc(32, 7));
  let locked = true;
  const orders = new CertificateOrders({
    ...{ db, journal, clock: systemClock, log: silentLog, served },
    vault: {
      seal: (bytes, context) => vault.seal(bytes, context),
      open(bytes, context) {
        if (locked) throw new Error('locked');
        return vault.open(bytes, context);
      },
    },
  });
  const { certificatePem: chain, privateKeyPem: key } = issue(['www.banco.example']);
  await served.add({ chain, key, project: 'banco' }, 'user:ana');
  await orders.setSettings(
    {
      // Nobody listens there: it must not be asked.
      ...{ directory: 'https://127.0.0.1:1/dir', contact: [], ca: null, termsAgreed: true, secret: 'c2VjcmV0c2VjcmV0' },
      dns: { host: '127.0.0.1', port: 1, zones: ['banco.example'], keyName: 'darsena', waitSeconds: 0 },
    },
    'user:ana',
  );
  const wanted = { names: ['www.banco.example'], project: null };
  const both = await Promise.allSettled([orders.add(wanted, 'user:ana'), orders.add(wanted, 'user:ana')]);
  assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected'], 'a name is ordered once');
  await orders.tick();
  assert.equal((await orders.list())[0]?.state, 'waiting');
  locked = false;
  await orders.tick();
  const [order] = await orders.list();
  assert.equal(order?.state, 'failed');
  assert.match(order?.detail?.es ?? '', /^ya hay un certificado para www\.banco\.example/);
  await opened.close();
});

test('a DNS server is named with its port or without, in either family', () => {
  const read = (text: string): string => {
    const { host, port } = readServer(text);
    return `${host} ${port}`;
  };
  assert.deepEqual(
    ['ns1.example.org', 'ns1.example.org:5353', '192.0.2.53:53', '2001:db8::53', '[2001:db8::53]:5353', '::1'].map(
      read,
    ),
    ['ns1.example.org 53', 'ns1.example.org 5353', '192.0.2.53 53', '2001:db8::53 53', '2001:db8::53 5353', '::1 53'],
  );
  for (const odd of ['', ':53', '[x', 'a:b:c']) assert.equal(readServer(odd).host, '', odd);
});

test('a certificate for one project is for a project that is there, and never for what another one publishes', async () => {
  const { opened, served } = await open();
  try {
    const add = (names: readonly string[], project: string | null) => {
      const { certificatePem, privateKeyPem } = issue(names);
      return served.add({ chain: certificatePem, key: privateKeyPem, project }, 'user:ana');
    };
    await assert.rejects(add(['a.example'], 'none'), hasCode('network.certificate-project'));
    await assert.rejects(add(['www.tienda.example'], 'banco'), hasCode('network.certificate-host-taken'));
    await assert.rejects(add(['*.tienda.example'], 'banco'), hasCode('network.certificate-host-taken'));
    await add(['www.tienda.example'], 'tienda');
    await add(['*.tienda.example'], 'banco');
    await assert.rejects(add(['www.tienda.example', 'x.example'], 'banco'), hasCode('network.certificate-host-taken'));
  } finally {
    await opened.close();
  }
});

test('two uploads of the same names at once leave one certificate', async () => {
  const { opened, served } = await open();
  const upload = () => {
    const { certificatePem: chain, privateKeyPem: key } = issue(['www.banco.example']);
    return served.add({ chain, key, project: null }, 'user:ana');
  };
  const [one, other] = await Promise.all([upload(), upload()]);
  assert.equal(one.id, other.id);
  assert.equal((await served.list()).length, 1);
  await opened.close();
});

test('a key is never shown again and stands in no list, fact or fault; the edge alone gets it', async () => {
  const { opened, served, facts, changes } = await open();
  const first = issue(['www.banco.example', '*.banco.example']);
  const added = await served.add(
    { chain: first.certificatePem, key: first.privateKeyPem, project: 'banco' },
    'user:ana',
  );
  const secret = first.privateKeyPem.split('\n')[1] ?? '';
  const shown = JSON.stringify([added, await served.list(), await served.read(added.id), await facts()]);
  assert.ok(secret.length > 40 && !shown.includes(secret));
  const rows = JSON.stringify(await opened.db.selectFrom('network_certificates').selectAll().execute());
  assert.ok(!rows.includes(secret), 'nor in the database');
  assert.ok((await served.forEdge(PLATFORM))[0]?.privateKeyPem.includes(secret));

  const renewed = issue(['www.banco.example', '*.banco.example'], 120);
  const again = await served.add(
    { chain: renewed.certificatePem, key: renewed.privateKeyPem, project: 'banco' },
    'user:ana',
  );
  assert.equal(again.id, added.id, 'the edge changes it without a reload');
  const clash = issue(['www.banco.example', 'other.example']);
  await assert.rejects(
    served.add({ chain: clash.certificatePem, key: clash.privateKeyPem, project: null }, 'user:ana'),
    hasCode('network.certificate-name-taken'),
  );
  await served.remove(added.id, 'user:ana');
  await assert.rejects(served.read(added.id), hasCode('network.certificate-unknown'));
  assert.equal(changes(), 3);
  assert.deepEqual((await facts()).map(({ kind }) => kind).sort(), [
    'certificate.added',
    'certificate.removed',
    'certificate.renewed',
  ]);
  await opened.close();
});

test('the end of a certificate is told at 30, 14 and 7 days and once when it is over', async () => {
  const { certificatePem: chain, privateKeyPem: key } = issue(['www.banco.example'], 60);
  // Not before it is issued: certificates end at a whole second, and the day would depend on which second that was.
  let now = Date.now();
  const clock: Clock = { ...systemClock, now: () => new Date(now) };
  const { opened, served, facts } = await open(clock);
  await served.add({ chain, key, project: null }, 'user:ana');
  const told: string[] = [];
  for (let day = 0; day <= 62; day += 1, now += DAY_MS) {
    for (let turn = 0; turn < 2; turn += 1) if ((await served.tellExpiring()) > 0) told.push(`${59 - day}`);
  }
  assert.deepEqual(told, ['29', '13', '6', '-1']);
  assert.equal((await served.list())[0]?.state, 'expired');
  const kinds = (await facts()).map(({ kind }) => kind);
  assert.equal(kinds.filter((kind) => kind === 'certificate.expiring').length, 3);
  assert.equal(kinds.filter((kind) => kind === 'certificate.expired').length, 1);
  await opened.close();
});

test('a certificate that has ended gives way, name by name, to a valid one that covers the name and may be shown there', async () => {
  let now = Date.now();
  const clock: Clock = { ...systemClock, now: () => new Date(now) };
  const { opened, served } = await open(clock);
  const add = async (names: readonly string[], days: number, project: string | null) => {
    const { certificatePem: chain, privateKeyPem: key } = issue(names, days);
    return (await served.add({ chain, key, project }, 'user:ana')).id;
  };
  const short = ['www.banco.example', 'api.banco.example', 'deep.api.banco.example', 'shop.darsena.localhost'];
  const ended = await add(short, 10, null);
  const covered = await add(['eu.banco.example'], 10, 'banco');
  const foreign = await add(['x.caja.example'], 10, 'banco');
  const wild = await add(['*.banco.example'], 60, null);
  const another = await add(['*.caja.example'], 60, 'caja');
  const shown = async (): Promise<Record<string, readonly string[] | undefined>> =>
    Object.fromEntries((await served.forEdge(PLATFORM)).map(({ id, names }) => [id, names]));
  const all = { [ended]: undefined, [covered]: undefined, [foreign]: undefined };
  assert.deepEqual(await shown(), { ...all, [wild]: undefined, [another]: undefined }, 'while all are valid');
  now += 11 * DAY_MS;
  assert.deepEqual(await shown(), {
    // No valid one covers this name: an ended one is served on, and told.
    ...{ [ended]: ['deep.api.banco.example'], [wild]: undefined, [another]: undefined },
    // A wildcard of another project is not shown to its visitors.
    [foreign]: undefined,
  });
  now += 50 * DAY_MS;
  assert.deepEqual(Object.keys(await shown()).length, 5, 'where none is valid each is served as before');
  await opened.close();
});

test('balancers in front are few and named, as they can say that a client is anybody', async () => {
  const { opened, db, journal } = await open();
  for (const proxies of [['0.0.0.0/0'], ['::/0'], ['nobody'], Array.from({ length: 65 }, () => '192.0.2.1')])
    await assert.rejects(writeEdgeSettings(db, journal, { proxies }, 'user:ana'), Fault, proxies[0]);
  await writeEdgeSettings(db, journal, { proxies: ['192.0.2.0/24'] }, 'user:ana');
  await opened.close();
});

test('a denial holds for its time, in its project, beside what the manifests refuse', async () => {
  let now = Date.now();
  const clock: Clock = { ...systemClock, now: () => new Date(now) };
  const { opened, db, journal, facts } = await open(clock);
  let changes = 0;
  const denials = new Denials({ db, journal, clock, onChange: () => changes++ });
  const until = new Date(now + 3_600_000).toISOString();
  const wanted = {
    environment: null,
    service: null,
    networks: ['203.0.113.7'],
    paths: ['/admin'],
    reason: 'scans',
    until,
  };
  for (const more of [
    { networks: ['1.2.3.4 }\n  use_backend x'] },
    { paths: ["/a'b"] },
    { networks: [], paths: [] },
    { until: new Date(now - 1).toISOString() },
    { until: new Date(now + 91 * DAY_MS).toISOString() },
  ])
    await assert.rejects(denials.add('tienda', { ...wanted, ...more }, 'user:ana'), hasCode('network.denial-invalid'));
  const { id } = await denials.add('tienda', wanted, 'user:ana');
  await assert.rejects(denials.remove('banco', id, 'user:eva'), hasCode('network.denial-unknown'));
  const joined = withDenials({ denyPaths: ['*.php'], h2c: true }, await denials.list());
  assert.deepEqual(joined, { h2c: true, denyPaths: ['/admin', '*.php'], denyNetworks: ['203.0.113.7'] });
  assert.equal(withDenials(undefined, []), undefined);
  assert.equal(await denials.endOver(), false);
  now += 3_600_001;
  assert.deepEqual(await denials.list(), []);
  assert.equal(await denials.endOver(), true);
  assert.equal(changes, 2);
  assert.deepEqual((await facts()).map(({ kind }) => kind).sort(), ['edge.denial-ended', 'edge.denied']);
  await opened.close();
});
