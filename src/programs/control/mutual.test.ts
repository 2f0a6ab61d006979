import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import {
  Access,
  type AccessTables,
  accessMigrations,
  type CertifyClient,
  createApi,
  registerAccessRoutes,
} from '../../access/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../../journal/index.ts';
import {
  type Authority,
  createAuthority,
  createRequest,
  describeCertificate,
  type IssuedCertificate,
  issueServerCertificate,
  parseAuthority,
  serialiseAuthority,
  signRequest,
} from '../../network/index.ts';
import { type Clock, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import { LINK_PROTOCOL, SESSION_PROTOCOL } from '../link/protocol.ts';
import type { ControlKeys } from './keys.ts';
import { certificateOf, listenMutual } from './listeners.ts';

interface Answer {
  readonly status: number;
  readonly body: { readonly code?: string; readonly name?: string };
}

const authority = createAuthority({ name: 'Darsena CA (test)', clock: systemClock });

suite('the port for mutual TLS', () => {
  const closing: (() => Promise<void> | void)[] = [];
  let access: Access;
  let port: number;
  const linked: string[] = [];
  const sessions: Duplex[] = [];
  const certify: CertifyClient = (requestPem, { subject, hours }) =>
    signRequest(authority, requestPem, { subject, hours }).certificatePem;

  before(async () => {
    const opened = await openDatabase<AccessTables & JournalTables>('sqlite::memory:', [
      ...journalMigrations,
      ...accessMigrations,
    ]);
    const checkpointKeyPem = generateKeyPairSync('ed25519')
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    const db = opened.db as never;
    const journal = new Journal({ db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k' });
    access = new Access({ db, journal, clock: systemClock });
    await access.ensureAdministrator('ana');
    const identify = (message: IncomingMessage) => {
      const certificate = certificateOf(message);
      return certificate === null ? null : access.authenticateCertificate(certificate);
    };
    const app = createApi({
      instance: 'test',
      log: silentLog,
      authenticate: (secret) => access.authenticate(secret),
      authenticateCertificate: identify,
      opened: (principal, stream) => access.hold(principal, stream),
    });
    const mutual = { certify, port: 0, authorityPem: authority.certificatePem };
    registerAccessRoutes(app, { access, instance: 'test', consoleUrl: '', mutual });
    app.route({
      method: 'GET',
      url: '/api/v1/live',
      config: { action: 'any' },
      handler: async (_request, reply) => {
        reply.raw.writeHead(200, { 'content-type': 'text/event-stream' });
        reply.raw.write(': open\n\n');
        reply.hijack();
      },
    });
    await app.ready();
    const keys = { authority, server: issueServerCertificate(authority, { names: ['localhost'] }) } as ControlKeys;
    const server = await listenMutual(
      {
        app,
        onUpgrade: async (message, socket) => {
          const principal = (await identify(message)) ?? assert.fail('no certificate');
          socket.write(
            `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${SESSION_PROTOCOL}\r\n\r\n`,
          );
          access.hold(principal, socket);
          sessions.push(socket);
        },
        join: async () => ({}),
        link: (host, socket) => {
          linked.push(host);
          socket.destroy();
        },
        session: () => false,
        source: () => null,
      },
      { keys, port: 0, bind: '127.0.0.1', log: silentLog },
    );
    port = (server.address() as AddressInfo).port;
    closing.push(
      () => {
        server.close();
        server.closeAllConnections();
      },
      () => access.close(),
      () => app.close(),
      () => opened.close(),
    );
  });
  after(async () => {
    for (const socket of sessions) socket.destroy();
    for (const close of closing) await close();
  });

  /** A client's options for one certificate, or none. */
  function shown(issued: IssuedCertificate | null) {
    return {
      host: '127.0.0.1',
      port,
      servername: 'localhost',
      ca: authority.certificatePem,
      ...(issued === null ? {} : { cert: issued.certificatePem, key: issued.privateKeyPem }),
    };
  }

  async function ask(issued: IssuedCertificate | null, path: string, more: object = {}): Promise<Answer> {
    const call = request({ ...shown(issued), path, agent: false, ...more });
    call.end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    const text = (await response.toArray()).join('');
    return { status: response.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) };
  }

  /** Asks to change protocols; answers the status, and the socket when it was opened. */
  async function upgrade(issued: IssuedCertificate | null, path: string, protocol: string) {
    const headers = { connection: 'Upgrade', upgrade: protocol };
    const call = request({ ...shown(issued), path, agent: false, headers });
    call.end();
    return new Promise<{ status: number; code?: string | undefined; socket?: Duplex }>((resolve, reject) => {
      call.once('upgrade', (_response, socket: Duplex) => {
        // The server's end of it is destroyed, which this side may see as a reset.
        socket.on('error', () => undefined);
        resolve({ status: 101, socket });
      });
      call.once('response', (response) => {
        response.toArray().then((chunks) => {
          const { code } = JSON.parse(chunks.join('')) as { code?: string };
          resolve({ status: response.statusCode ?? 0, code });
        }, reject);
      });
      call.once('error', reject);
    });
  }

  function certificate(subject: string, by: Authority = authority, hours = 12): IssuedCertificate {
    const { requestPem, privateKeyPem } = createRequest({ subject: 'whatever it asks for' });
    return { privateKeyPem, certificatePem: signRequest(by, requestPem, { subject, hours }).certificatePem };
  }

  async function login(name = 'ana'): Promise<IssuedCertificate & { login: string }> {
    const { requestPem, privateKeyPem } = createRequest({ subject: 'host:forged' });
    const { certificatePem, principal } = await access.certifyUser(name, requestPem, certify);
    return { certificatePem, privateKeyPem, login: principal.tokenId ?? assert.fail('no login') };
  }

  test('a person’s certificate opens the API as that person, whatever token or cookie comes with it', async () => {
    const person = await login();
    assert.deepEqual((await ask(person, '/api/v1/me')).body.name, 'ana');
    const with_ = { headers: { authorization: 'Bearer dtk_nonsense', cookie: '__Host-darsena-test=nonsense' } };
    assert.equal((await ask(person, '/api/v1/me', with_)).status, 200);
    // A write needs no header against cross-site requests: no browser has this certificate.
    assert.equal((await ask(person, '/api/v1/session', { method: 'DELETE' })).status, 200);
    assert.equal((await ask(person, '/api/v1/me')).body.code, 'access.login-ended');
  });

  test('without a certificate no bearer token is taken, not even a good one', async () => {
    const { code } = await access.issueCode('ana', 'platform');
    const { secret } = await access.exchangeCode(code);
    const answer = await ask(null, '/api/v1/me', { headers: { authorization: `Bearer ${secret}` } });
    assert.deepEqual([answer.status, answer.body.code], [401, 'access.certificate-needed']);
    assert.equal((await upgrade(null, '/agent/v1/link', LINK_PROTOCOL)).code, 'access.certificate-needed');
    assert.equal((await ask(null, '/agent/v1/source/00000000-0000-0000-0000-000000000000')).status, 401);
  });

  test('a person cannot act as a host, nor a host as a person', async () => {
    const person = await login();
    const host = certificate('host:box1');
    const link = await upgrade(person, '/agent/v1/link', LINK_PROTOCOL);
    assert.deepEqual([link.status, link.code], [403, 'access.certificate-kind']);
    const stream = `/agent/v1/session/${'0'.repeat(48)}`;
    assert.equal((await upgrade(person, stream, SESSION_PROTOCOL)).code, 'access.certificate-kind');
    const source = '/agent/v1/source/00000000-0000-0000-0000-000000000000';
    assert.equal((await ask(person, source)).body.code, 'access.certificate-kind');
    const api = await ask(host, '/api/v1/me');
    assert.deepEqual([api.status, api.body.code], [403, 'access.certificate-kind']);
    const exec = '/api/v1/projects/p/workloads/w/session';
    assert.equal((await upgrade(host, exec, SESSION_PROTOCOL)).code, 'access.certificate-kind');
    assert.deepEqual(linked, []);
    assert.equal((await upgrade(host, '/agent/v1/link', LINK_PROTOCOL)).status, 101);
    assert.deepEqual(linked, ['box1']);
  });

  test('certificates of another instance, expired ones, servers’ own and unknown kinds are refused', async () => {
    const person = await login();
    // The other instance knows everything but the key: same name of the authority, same login.
    const other = createAuthority({ name: 'Darsena CA (test)', clock: systemClock });
    const early: Clock = { ...systemClock, now: () => new Date(Date.now() - 20 * 3_600_000) };
    const past = parseAuthority(serialiseAuthority(authority), early);
    const cases: [IssuedCertificate, string][] = [
      [certificate(`person:${person.login}`, other), 'access.certificate-foreign'],
      [certificate('host:box1', other), 'access.certificate-foreign'],
      [certificate(`person:${person.login}`, past), 'access.certificate-expired'],
      [certificate('host:box1', past), 'access.certificate-expired'],
      [issueServerCertificate(authority, { names: ['localhost'] }), 'access.certificate-foreign'],
      [certificate(`admin:${person.login}`), 'access.certificate-foreign'],
    ];
    for (const [shownOne, code] of cases) {
      const answer = await ask(shownOne, '/api/v1/me');
      assert.deepEqual([answer.status, answer.body.code], [401, code]);
      assert.equal((await upgrade(shownOne, '/agent/v1/link', LINK_PROTOCOL)).code, code);
    }
  });

  test('a certificate that names a login it was not made for is worth nothing', async () => {
    const person = await login();
    for (const subject of [`person:${person.login}`, `robot:${person.login}`, 'person:no-such-login']) {
      const answer = await ask(certificate(subject), '/api/v1/me');
      assert.deepEqual([answer.status, answer.body.code], [401, 'access.login-ended'], subject);
    }
  });

  test('ending a login, or removing its person, ends requests, live streams and terminals within a second', async () => {
    const admin = await access.authenticateCertificate(certificateIn(await login()));
    for (const [name, end] of [
      ['eva', (id: string) => access.revokeToken(id, admin)],
      ['leo', () => access.setState('leo', 'disabled', admin.actor)],
      ['zoe', () => access.removeUser('zoe', admin.actor)],
    ] as const) {
      await access.createUser(name, [{ role: 'developer', project: 'p' }], 'user:ana');
      const person = await login(name);
      const agent = new Agent({ keepAlive: true });
      const kept = await ask(person, '/api/v1/me', { agent });
      assert.equal(kept.status, 200);
      const live = request({ ...shown(person), path: '/api/v1/live', agent: false }).end();
      const [response] = (await once(live, 'response')) as [IncomingMessage];
      response.on('error', () => undefined).resume();
      const { socket } = await upgrade(person, '/api/v1/projects/p/workloads/w/session', SESSION_PROTOCOL);
      socket?.resume();
      const closed = (stream: Duplex | IncomingMessage | undefined) =>
        new Promise<void>((resolve) => (stream ?? assert.fail('not opened')).once('close', resolve));
      const cut = Promise.all([closed(response), closed(socket)]);
      const began = performance.now();
      await end(person.login);
      await cut;
      assert.ok(performance.now() - began < 1_000);
      // The same connection, and a new one that resumes its TLS session, are no way around it.
      for (const again of [await ask(person, '/api/v1/me', { agent }), await ask(person, '/api/v1/me')])
        assert.equal(again.body.code, 'access.login-ended');
      agent.destroy();
    }
  });

  test('a robot gets a certificate by its token, has its rights and no more, and ends with it', async () => {
    const admin = await access.authenticateCertificate(certificateIn(await login()));
    const grant = { role: 'developer', project: 'p' } as const;
    const { secret, record } = await access.issueRobotToken({ name: 'ci', grant, days: 30, by: admin });
    const { requestPem, privateKeyPem } = createRequest({ subject: 'x' });
    const { certificatePem, expiresAt } = await access.certify({ token: secret }, requestPem, certify);
    assert.ok(Date.parse(expiresAt) < Date.now() + 12.1 * 3_600_000);
    const robot = { certificatePem, privateKeyPem };
    assert.equal((await ask(robot, '/api/v1/me')).body.name, 'ci');
    assert.equal((await ask(robot, '/api/v1/users')).status, 403);
    await assert.rejects(access.certify({ token: 'dtk_other' }, requestPem, certify), { code: 'access.token-invalid' });
    await access.revokeToken(record.id, admin);
    assert.equal((await ask(robot, '/api/v1/me')).body.code, 'access.login-ended');
  });

  function certificateIn(one: IssuedCertificate & { login: string }) {
    const { fingerprintSha256: fingerprint } = describeCertificate(one.certificatePem);
    return { kind: 'person', login: one.login, fingerprint } as const;
  }
});
