import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { type Clock, Fault, systemClock } from '../system/index.ts';
import {
  type Authority,
  createAuthority,
  createRequest,
  defaultDomain,
  describeCertificate,
  type IssuedCertificate,
  issueClientCertificate,
  issueServerCertificate,
  issueWildcardCertificate,
  needsRenewal,
  parseAuthority,
  serialiseAuthority,
  signRequest,
} from './certificates.ts';

const authority = createAuthority({ name: 'Dársena CA', clock: systemClock });

function clockAt(iso: string): Clock {
  return { ...systemClock, now: () => new Date(iso) };
}

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof Fault && error.code === code;
}

/** Shakes hands with a server that holds `server`; answers what each side saw of the other. */
async function handshake(
  server: IssuedCertificate,
  options: { name: string; ca: string; client?: IssuedCertificate },
): Promise<{ client: string; protocol: string | null }> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const listener = createServer(
    {
      cert: server.certificatePem,
      key: server.privateKeyPem,
      ca: options.ca,
      requestCert: options.client !== undefined,
      rejectUnauthorized: true,
    },
    resolve,
  );
  // With TLS 1.3 the client has finished before the server refuses its certificate: both sides are listened to.
  listener.on('tlsClientError', reject);
  promise.catch(() => undefined);
  const accepted: Socket[] = [];
  listener.on('connection', (raw: Socket) => accepted.push(raw));
  await new Promise<void>((done) => listener.listen(0, '127.0.0.1', done));
  const socket = connect({
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    servername: options.name,
    ca: options.ca,
    ...(options.client === undefined ? {} : { cert: options.client.certificatePem, key: options.client.privateKeyPem }),
  });
  try {
    const failed = new Promise<never>((_, no) => socket.once('error', no));
    const peer = await Promise.race([promise, failed]);
    const client = options.client === undefined ? '' : String(peer.getPeerCertificate().subject.CN);
    return { client, protocol: peer.getProtocol() };
  } finally {
    socket.destroy();
    for (const raw of accepted) raw.destroy();
    listener.close();
  }
}

test('a TLS client that trusts the authority accepts its wildcard for every label under the domain', async () => {
  const wildcard = issueWildcardCertificate(authority, { domain: defaultDomain('darsena') });
  for (const name of ['web-tienda-dev.darsena.localhost', 'darsena.localhost']) {
    const { protocol } = await handshake(wildcard, { name, ca: authority.certificatePem });
    assert.equal(protocol, 'TLSv1.3');
  }
});

test('a TLS client refuses the certificate for another name, two labels deep, or from another authority', async () => {
  const wildcard = issueWildcardCertificate(authority, { domain: 'darsena.localhost' });
  const other = createAuthority({ name: 'Another', clock: systemClock });
  for (const name of ['web.other.localhost', 'a.b.darsena.localhost']) {
    await assert.rejects(handshake(wildcard, { name, ca: authority.certificatePem }), {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  }
  await assert.rejects(handshake(wildcard, { name: 'a.darsena.localhost', ca: other.certificatePem }));
});

test('mutual TLS shows the server the subject of the client certificate', async () => {
  const server = issueServerCertificate(authority, {
    names: ['control.darsena.internal'],
    addresses: ['127.0.0.1', '::1'],
  });
  const client = issueClientCertificate(authority, { subject: 'agent:host1' });
  const seen = await handshake(server, { name: 'control.darsena.internal', ca: authority.certificatePem, client });
  assert.equal(seen.client, 'agent:host1');
});

test('a server certificate is refused as a client certificate and the other way round', async () => {
  const server = issueServerCertificate(authority, { names: ['control.darsena.internal'] });
  const client = issueClientCertificate(authority, { subject: 'agent:host1' });
  const ca = authority.certificatePem;
  await assert.rejects(handshake(client, { name: 'agent:host1', ca }));
  await assert.rejects(handshake(server, { name: 'control.darsena.internal', ca, client: server }));
});

test('certificates carry random serials, key identifiers, usages and the profile of RFC 5280', () => {
  const issued = issueServerCertificate(authority, {
    names: ['a.darsena.localhost'],
    addresses: ['10.1.2.3', 'fd00::12'],
  });
  const again = issueServerCertificate(authority, { names: ['a.darsena.localhost'] });
  const root = new X509Certificate(authority.certificatePem);
  const leaf = new X509Certificate(issued.certificatePem);
  assert.ok(root.ca && !leaf.ca);
  assert.ok(leaf.checkIssued(root) && leaf.verify(root.publicKey));
  assert.deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  assert.equal(leaf.subjectAltName, 'DNS:a.darsena.localhost, IP Address:10.1.2.3, IP Address:FD00:0:0:0:0:0:0:12');
  assert.equal(leaf.serialNumber.length, 32);
  assert.notEqual(describeCertificate(issued.certificatePem).serial, describeCertificate(again.certificatePem).serial);
  assert.deepEqual(describeCertificate(issued.certificatePem).names, ['a.darsena.localhost']);
  assert.equal(describeCertificate(issued.certificatePem).issuer, 'Dársena CA');
});

test('an authority bound to its domains signs nothing a client would accept outside them', async () => {
  const bound: Authority = createAuthority({ name: 'Bound', clock: systemClock, domains: ['darsena.localhost'] });
  const inside = issueServerCertificate(bound, { names: ['web.darsena.localhost'] });
  await handshake(inside, { name: 'web.darsena.localhost', ca: bound.certificatePem });
  const outside = issueServerCertificate(bound, { names: ['bank.example'] });
  await assert.rejects(handshake(outside, { name: 'bank.example', ca: bound.certificatePem }));
});

test('an authority survives writing and reading, with and without a passphrase', async () => {
  const plain = parseAuthority(serialiseAuthority(authority), systemClock);
  assert.equal(plain.name, 'Dársena CA');
  const locked = serialiseAuthority(authority, 'correct horse');
  assert.match(locked.privateKeyPem, /BEGIN ENCRYPTED PRIVATE KEY/);
  assert.throws(
    () => parseAuthority({ ...locked, passphrase: 'wrong' }, systemClock),
    hasCode('network.authority-broken'),
  );
  const unlocked = parseAuthority({ ...locked, passphrase: 'correct horse' }, systemClock);
  const leaf = issueServerCertificate(unlocked, { names: ['x.darsena.localhost'] });
  await handshake(leaf, { name: 'x.darsena.localhost', ca: authority.certificatePem });
  assert.doesNotMatch(JSON.stringify(unlocked), /PRIVATE/);
});

test('an authority whose key belongs to another is refused', () => {
  const other = serialiseAuthority(createAuthority({ name: 'Another', clock: systemClock }));
  assert.throws(
    () => parseAuthority({ certificatePem: authority.certificatePem, privateKeyPem: other.privateKeyPem }, systemClock),
    hasCode('network.authority-broken'),
  );
  assert.throws(
    () => parseAuthority(issueClientCertificate(authority, { subject: 'a' }), systemClock),
    hasCode('network.authority-broken'),
  );
});

test('a request becomes a certificate for the subject the authority decides, not the one it asks for', async () => {
  const { requestPem, privateKeyPem } = createRequest({ subject: 'agent:somebody-else' });
  const { certificatePem } = signRequest(authority, requestPem, { subject: 'agent:host1' });
  assert.equal(describeCertificate(certificatePem).subject, 'agent:host1');
  const server = issueServerCertificate(authority, { names: ['c.darsena.internal'] });
  const client = { certificatePem, privateKeyPem };
  const seen = await handshake(server, { name: 'c.darsena.internal', ca: authority.certificatePem, client });
  assert.equal(seen.client, 'agent:host1');
});

test('a request that was altered, is cut short or is something else is refused', () => {
  const { requestPem } = createRequest({ subject: 'agent:host1' });
  const der = Buffer.from(requestPem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const pem = (bytes: Buffer): string =>
    `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  for (let at = 0; at < der.length; at += 1) {
    const altered = Buffer.from(der);
    altered[at] = (altered[at] ?? 0) ^ 0x01;
    assert.throws(() => signRequest(authority, pem(altered), { subject: 'x' }), Fault, `byte ${at}`);
    assert.throws(() => signRequest(authority, pem(der.subarray(0, at)), { subject: 'x' }), Fault, `cut at ${at}`);
  }
  for (const hostile of [
    '',
    'hello',
    authority.certificatePem,
    requestPem.repeat(2),
    pem(Buffer.alloc(20_000, 0x30)),
  ]) {
    assert.throws(() => signRequest(authority, hostile, { subject: 'x' }), Fault);
  }
});

test('names nobody would accept are refused before they are signed', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['*.localhost', 'network.wildcard-too-wide'],
    ['*.com', 'network.wildcard-too-wide'],
    ['*', 'network.name-invalid'],
    ['a.*.example', 'network.name-invalid'],
    ['Bad_Name.example', 'network.name-invalid'],
    ['-a.example', 'network.name-invalid'],
    ['10.0.0.1', 'network.name-invalid'],
    [`${'a'.repeat(64)}.example`, 'network.name-invalid'],
    ['a\0.example', 'network.name-invalid'],
    ['', 'network.name-invalid'],
  ];
  for (const [name, code] of cases) {
    assert.throws(() => issueServerCertificate(authority, { names: [name] }), hasCode(code), name);
  }
  assert.throws(
    () => issueServerCertificate(authority, { names: ['a.b'], addresses: ['1.2.3'] }),
    hasCode('network.address-invalid'),
  );
  assert.throws(
    () => issueClientCertificate(authority, { subject: 'a\nCN=admin' }),
    hasCode('network.subject-invalid'),
  );
});

test('renewal is due when a third of the life is left, and an end-entity never outlives its authority', () => {
  const born = clockAt('2026-01-01T00:00:00Z');
  const young = createAuthority({ name: 'CA', clock: born, days: 120 });
  const { certificatePem } = issueServerCertificate(young, { names: ['a.darsena.localhost'], days: 90 });
  const isDue = (at: string, by = young): boolean => needsRenewal(certificatePem, by.certificatePem, clockAt(at));
  assert.equal(isDue('2026-03-01T00:00:00Z'), false);
  assert.equal(isDue('2026-03-02T00:00:00Z'), true);
  assert.equal(isDue('2027-01-01T00:00:00Z'), true);
  // Issued while the clock was ahead, and set right since.
  const old = createAuthority({ name: 'CA', clock: clockAt('2025-01-01T00:00:00Z') });
  assert.equal(isDue('2025-06-01T00:00:00Z', old), true);
  // A machine whose clock begins anew before its authority was made: nothing that it issues now would be good afterwards.
  assert.equal(isDue('2025-06-01T00:00:00Z'), false);
  const long = issueServerCertificate(young, { names: ['a.darsena.localhost'], days: 365 });
  assert.equal(describeCertificate(long.certificatePem).notAfter, describeCertificate(young.certificatePem).notAfter);
});
