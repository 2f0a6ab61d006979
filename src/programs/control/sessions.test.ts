import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Access, type AccessTables, accessMigrations, createApi, PLATFORM } from '../../access/index.ts';
import type { Deployments, Runs } from '../../deploy/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../../journal/index.ts';
import type { Operation } from '../../progress/index.ts';
import { openDatabase, silentLog, systemClock } from '../../system/index.ts';
import { SESSION_PROTOCOL } from '../link/protocol.ts';
import { EventStream } from './events.ts';
import type { Hosts } from './hosts.ts';
import { openSession, SESSIONS_OF_ONE_MAX, SessionSeats } from './sessions.ts';

/** A door to terminals with real accounts and sockets; the host is a socket of the test's that says everything back. */
async function open(t: TestContext) {
  const opened = await openDatabase<AccessTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...accessMigrations,
  ]);
  const { privateKey } = generateKeyPairSync('ed25519');
  const checkpointKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const db = opened.db as never;
  const journal = new Journal({ db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k' });
  const access = new Access({ db, journal, clock: systemClock });
  await access.ensureAdministrator('root');
  await access.createUser('ana', [{ role: 'developer', project: 'tienda' }], 'platform');
  const hostSide = createTcpServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(hostSide, 'listening');
  const held: Socket[] = [];
  const container = { id: 'c1', name: 'web', state: 'running', digest: null };
  const door = {
    hosts: {
      expectSession: () => {
        const socket = connect((hostSide.address() as AddressInfo).port, '127.0.0.1');
        held.push(socket);
        return { session: 's', stream: Promise.resolve(socket as Duplex), forget: () => undefined };
      },
      run: () => new Promise(() => undefined),
    } as unknown as Hosts,
    deployments: {
      environments: async () => [{ name: 'dev' }],
      statuses: () => [
        {
          key: { name: 'web', environment: 'dev' },
          replicas: [{ name: 'web-1', ready: true, containers: [container] }],
        },
      ],
    } as unknown as Deployments,
    runs: { join: async () => null } as unknown as Runs,
    seats: new SessionSeats(),
    debug: async () => assert.fail('nobody asked for it'),
    journal,
    db,
    cookie: 'darsena-test',
    authenticate: (secret: string) => access.authenticate(secret),
    authenticateCertificate: () => null,
    opened: (principal: Parameters<Access['hold']>[0], stream: Duplex) => access.hold(principal, stream),
    watch: (...of: Parameters<Access['watch']>) => access.watch(...of),
    log: silentLog,
  };
  const server = createServer().listen(0, '127.0.0.1');
  server.on('upgrade', (message: IncomingMessage, socket: Duplex) => {
    openSession(door, message, socket).catch(() => socket.destroy());
  });
  await once(server, 'listening');
  t.after(async () => {
    for (const socket of held) socket.destroy();
    server.closeAllConnections();
    server.close();
    hostSide.close();
    access.close();
    await opened.close();
  });
  const login = async (name: string): Promise<string> => {
    const { code } = await access.issueCode(name, 'platform');
    return (await access.exchangeCode(code)).secret;
  };
  const terminal = async (secret: string): Promise<{ socket: Socket; host: Socket }> => {
    const command = encodeURIComponent(JSON.stringify(['sh']));
    const sent = request({
      port: (server.address() as AddressInfo).port,
      path: `/api/v1/projects/tienda/workloads/web/session?kind=exec&env=dev&command=${command}`,
      headers: { authorization: `Bearer ${secret}`, connection: 'Upgrade', upgrade: SESSION_PROTOCOL },
    });
    sent.end();
    const [, socket] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket];
    socket.on('error', () => undefined);
    socket.write('hello');
    assert.equal(String((await once(socket, 'data'))[0]), 'hello');
    socket.resume();
    const host = held.at(-1);
    assert.ok(host !== undefined);
    return { socket, host };
  };
  /** As a page of the console asks. */
  const socketOf = async (headers: Record<string, string>): Promise<Socket> => {
    const { port } = server.address() as AddressInfo;
    const sent = request({
      port,
      path: '/api/v1/projects/tienda/workloads/web/session?kind=exec&env=dev&tty=1&command=%5B%22sh%22%5D',
      headers: {
        ...{ host: 'control:7443', origin: 'https://control:7443', connection: 'Upgrade', upgrade: 'websocket' },
        ...{ 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==', 'sec-websocket-version': '13' },
        'sec-websocket-protocol': 'darsena-session',
        ...headers,
      },
    });
    sent.end();
    const [, socket, head] = (await once(sent, 'upgrade')) as [IncomingMessage, Socket, Buffer];
    socket.on('error', () => undefined);
    if (head.length > 0) socket.unshift(head);
    return socket;
  };
  return { access, login, terminal, socketOf, sessions: () => held.length };
}

/** Cut connections also say an error; here only their end counts. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()).on('error', () => undefined));
}

// How soon, within a second, is measured by test/real/access-control.test.ts and access-exec.test.ts.
test('W3: an open terminal is cut on both sides, whichever way the right goes', async (t) => {
  const { access, login, terminal } = await open(t);
  const ways: [string, (secret: string) => Promise<unknown>][] = [
    [
      'the role in the project',
      () => access.changeGrants('ana', [{ role: 'analyst', project: 'tienda' }], 'user:root'),
    ],
    ['the membership', async () => access.changeGrants('ana', [{ role: 'developer', project: 'banco' }], 'user:root')],
    [
      'the session',
      async (secret) => {
        const principal = await access.authenticate(secret);
        await access.revokeToken(principal.tokenId ?? '', principal);
      },
    ],
    ['the account', () => access.setState('ana', 'disabled', 'user:root')],
  ];
  for (const [name, end] of ways) {
    await access.changeGrants('ana', [{ role: 'developer', project: 'tienda' }], 'user:root');
    const secret = await login('ana');
    const { socket, host } = await terminal(secret);
    const cut = { person: false, host: false };
    const closed = Promise.all([
      closeOf(socket).then(() => {
        cut.person = true;
      }),
      closeOf(host).then(() => {
        cut.host = true;
      }),
    ]);
    await end(secret);
    const late = new AbortController();
    await Promise.race([closed, sleep(60_000, null, { signal: late.signal }).catch(() => undefined)]);
    late.abort();
    assert.deepEqual(cut, { person: true, host: true }, `after the loss of ${name}`);
  }
});

test('a terminal of the console: by its cookie, from its own pages alone, told why not, and cut with the right', async (t) => {
  const { access, login, socketOf, sessions } = await open(t);
  const cookie = `darsena-test=${await login('ana')}`;
  await assert.rejects(socketOf({ cookie, origin: 'https://web.control:7443' }), { code: 'ECONNRESET' });
  await assert.rejects(socketOf({ cookie, origin: 'null' }), { code: 'ECONNRESET' });
  assert.equal(sessions(), 0);
  const stranger = await socketOf({});
  assert.match(String((await once(stranger, 'data'))[0]), /access\.login-needed/);
  stranger.destroy();

  const socket = await socketOf({ cookie });
  // "hi" masked with zeros, which the host says back.
  socket.write(Buffer.from([0x82, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
  assert.deepEqual([...((await once(socket, 'data')) as [Buffer])[0]], [0x82, 2, 0x68, 0x69]);
  socket.resume();
  const closed = closeOf(socket);
  await access.changeGrants('ana', [{ role: 'analyst', project: 'tienda' }], 'user:root');
  await closed;
  const refused = await socketOf({ cookie });
  assert.match(String((await once(refused, 'data'))[0]), /access\.not-allowed/);
  refused.destroy();
  assert.equal(sessions(), 1);
});

test('one person has a bounded number of terminals, of all tokens together, and room again when one closes', async (t) => {
  const { login, socketOf, access } = await open(t);
  await access.createUser('eva', [{ role: 'developer', project: 'tienda' }], 'platform');
  const cookies = [`darsena-test=${await login('ana')}`, `darsena-test=${await login('ana')}`];
  const talks = async (cookie: string): Promise<{ socket: Socket; said: string }> => {
    const socket = await socketOf({ cookie });
    socket.write(Buffer.from([0x82, 0x82, 0, 0, 0, 0, 0x68, 0x69]));
    return { socket, said: String((await once(socket, 'data'))[0]) };
  };
  const all: Socket[] = [];
  for (let index = 0; index < SESSIONS_OF_ONE_MAX; index += 1) {
    const { socket, said } = await talks(cookies[index % 2] ?? '');
    assert.doesNotMatch(said, /too-many/, `terminal ${index}`);
    all.push(socket);
  }
  for (const cookie of cookies) assert.match((await talks(cookie)).said, /access\.too-many-sessions/);
  assert.doesNotMatch((await talks(`darsena-test=${await login('eva')}`)).said, /too-many/);
  all[0]?.destroy();
  let last = '';
  for (let tries = 0; tries < 600; tries += 1) {
    last = (await talks(cookies[1] ?? '')).said;
    if (!last.includes('too-many')) return;
    await sleep(100);
  }
  assert.fail(`no room after one was closed: ${last}`);
});

test('a change that leaves the right leaves the terminal', async (t) => {
  const { access, login, terminal } = await open(t);
  const { socket } = await terminal(await login('ana'));
  await access.changeGrants('ana', [{ role: 'admin', project: 'tienda' }], 'user:root');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(socket.destroyed, false);
  socket.write('still here');
  assert.equal(String((await once(socket, 'data'))[0]), 'still here');
  socket.destroy();
});

test('an operation whose end is told twice ends its stream once, and takes nothing down', async () => {
  let tell: (operation: Operation) => void = () => undefined;
  const running = {
    ...{ id: 'o1', kind: 'deploy', project: 'tienda', environment: 'dev', actor: 'user:ana' },
    ...{ title: { en: 'Deploy', es: 'Desplegar' }, state: 'running', startedAt: '', endedAt: null, steps: [] },
    ...{ result: null, problem: null },
  } as unknown as Operation;
  const operations = {
    subscribe: (listener: typeof tell) => {
      tell = listener;
    },
  };
  const journal = { subscribe: () => undefined };
  const events = new EventStream(journal as never, operations as never, () => () => undefined);
  events.useOperationReader(async () => running);
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => PLATFORM });
  events.register(app);
  const asked = app.inject({ url: '/api/v1/operations/o1/events', headers: { authorization: 'Bearer x' } });
  // The follower is there as soon as the answer has begun.
  while (!events.hasFollowers) await new Promise((resolve) => setImmediate(resolve));
  tell({ ...running, state: 'done' });
  tell({ ...running, state: 'done' });
  const { body } = await asked;
  assert.equal(body.match(/^event: operation/gm)?.length, 2);
  events.close();
  await app.close();
});
