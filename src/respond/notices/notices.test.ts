import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import { sql } from 'kysely';
import { createVault } from '../../access/index.ts';
import { PRIORITIES } from '../../detect/index.ts';
import { Journal, journalMigrations } from '../../journal/index.ts';
import { createAuthority, issueServerCertificate } from '../../network/index.ts';
import { Fault, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import type { Incident } from '../incident.ts';
import { respondMigrations } from '../migrations.ts';
import type { RespondTables } from '../store.ts';
import { mailOf, sendMail } from './mail.ts';
import { bodyOf, type Notice, sentenceOf, signatureOf, syslogMessage } from './message.ts';
import { type NewChannel, Notices } from './notices.ts';
import { reasonInWords } from './reason-words.ts';
import { type Destination, NobodyTold, sendNotice } from './send.ts';

/** For what only waits. */
const WAIT_MS = 60_000;
const hasCode = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;
const NOTICE: Notice = {
  ...{ event: 'incident.opened', at: '2026-11-22T10:00:00.000Z', instance: 'darsena' },
  incident: {
    ...{ number: 7, rule: 'Terminal shell', priority: 'warning', project: 'tienda', environment: 'pro' },
    ...{ workload: 'web', container: 'web', host: 'host1', digest: null, openedAt: '2026-11-22T10:00:00.000Z' },
  },
  alert: {
    ...{ id: 'a', at: '2026-11-22T10:00:00.000Z', rule: 'Terminal shell', priority: 'warning', tags: ['shell'] },
    ...{ output: 'sh <!channel>\n<13>1 forged', outputFields: { 'proc.name': 'sh' } },
  },
};
const INCIDENT = { ...NOTICE.incident, alertCount: 1 } as unknown as Incident;
const CHANNEL: NewChannel = {
  ...{ name: 'ops', kind: 'webhook', url: 'https://hooks.example.com/T0/secret-path', secret: 's'.repeat(20) },
  ...{ priority: 'warning', projects: null, networks: [], ca: null, mail: null },
};

/** Also when an assertion fails: a server that listens, or a connection that stands, keeps the whole run from ending. */
function closing(t: TestContext, server: Server): void {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
}

async function open(send: typeof sendNotice | undefined = undefined) {
  const opened = await openDatabase<RespondTables>('sqlite::memory:', [...journalMigrations, ...respondMigrations]);
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  const state = { aheadMs: 0 };
  const clock = { ...systemClock, now: () => new Date(Date.now() + state.aheadMs) };
  const vault = createVault(Buffer.alloc(32, 7));
  const made = { db: opened.db, journal, clock, log: silentLog, vault, instance: 'darsena' };
  const make = async () => {
    const notices = new Notices({ ...made, ...(send === undefined ? {} : { send }) });
    await notices.open();
    return notices;
  };
  return { opened, state, make };
}

test('what programs wrote breaks out of no message: not out of Slack, nor out of a line of syslog', () => {
  assert.doesNotMatch(sentenceOf(NOTICE), /\n/);
  assert.match(bodyOf('slack', NOTICE), /&lt;!channel&gt;/);
  const syslog = syslogMessage({ ...NOTICE, incident: { ...NOTICE.incident, project: 'a"]b\\' } });
  assert.match(syslog, /^<84>1 2026-11-22T10:00:00\.000Z host1 darsena-darsena - incident\.opened \[darsena@32473 /);
  assert.match(syslog, /project="a\\"\\]b\\\\"/);
  assert.doesNotMatch(syslog, /\n/);
});

test('a receiver of Falcosidekick reads what it knows', () => {
  const event = JSON.parse(bodyOf('falcosidekick', NOTICE));
  assert.deepEqual(
    [event.priority, event.rule, event.hostname, event.output_fields['proc.name'], event.tags],
    ['Warning', 'Terminal shell', 'host1', 'sh', ['shell']],
  );
  assert.deepEqual(Object.keys(event).sort(), [
    ...['hostname', 'output', 'output_fields', 'priority', 'rule', 'source', 'tags', 'time', 'uuid'],
  ]);
});

test('a receiver of Falco finds the time and the container of every event, whatever the sentence of its rule has', () => {
  const { alert } = NOTICE;
  assert.ok(alert !== null);
  const container = {
    ...{ id: 'c'.repeat(64), name: 'web-1-web', project: 'tienda', environment: 'pro', workload: 'web', pod: 'web-1' },
    ...{ container: 'web', image: 'registry.example:5000/tienda/web:1.0', digest: null },
  };
  const fieldsOf = (more: object): Record<string, unknown> =>
    (JSON.parse(bodyOf('falcosidekick', { ...NOTICE, alert: { ...alert, ...more } })) as Record<string, never>)[
      'output_fields'
    ] ?? {};
  const said = { 'container.name': 'as the rule says', 'proc.name': 'sh', 'evt.time': '10:00:00.000000000' };
  const found = fieldsOf({ container, outputFields: said });
  assert.deepEqual(
    ['evt.time', 'container.id', 'container.name', 'container.image.repository', 'container.image.tag'].map(
      (name) => found[name],
    ),
    [1_795_341_600_000_000_000, 'c'.repeat(12), 'as the rule says', 'registry.example:5000/tienda/web', '1.0'],
  );
  assert.deepEqual(
    ['k8s.ns.name', 'k8s.pod.name', 'proc.name'].map((name) => found[name]),
    ['tienda', 'web-1', 'sh'],
  );
  assert.equal(fieldsOf({ container: null })['container.id'], 'host');
  assert.equal('container.id' in fieldsOf({}), false);
});

/**
 * What Falcosidekick does with a body: encoding/json into types.FalcoPayload (a member of another type is an error, unknown ones are
 * left out, names are compared without case), then `Check`, then its handler, which takes two fields for texts wherever they are not nil.
 */
function sidekickTakes(body: string): string {
  const given = JSON.parse(body) as Record<string, unknown>;
  const texts = ['uuid', 'output', 'priority', 'rule', 'time', 'source', 'hostname'];
  for (const name of texts)
    if (given[name] !== undefined && typeof given[name] !== 'string') return `${name} is no string`;
  const levels = ['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'];
  if (!levels.includes(String(given['priority']).toLowerCase())) return 'no priority';
  if (given['rule'] === '' || given['output'] === '') return 'no rule, or no output';
  // time.Time reads RFC 3339 with a zone.
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(String(given['time']))) return 'no time';
  const { tags = [], output_fields: fields } = given;
  if (!Array.isArray(tags) || tags.some((tag) => typeof tag !== 'string')) return 'tags are no strings';
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) return 'fields are no map';
  if (Object.keys(fields).length === 0) return 'no fields';
  for (const name of ['k8s.ns.name', 'k8s.pod.name']) {
    const value = (fields as Record<string, unknown>)[name] ?? null;
    if (value !== null && typeof value !== 'string') return `${name} ends the receiver`;
  }
  return 'taken';
}

test('whatever is told, Falcosidekick takes it', () => {
  const { alert } = NOTICE;
  assert.ok(alert !== null);
  const fields = { 'proc.pid': 7, 'fd.name': null, 'proc.is_exe_upper_layer': true, 'k8s.ns.name': null };
  const notices: readonly Notice[] = [
    NOTICE,
    { ...NOTICE, alert: null, event: 'incident.told' },
    { ...NOTICE, alert: null, event: 'test', incident: { ...NOTICE.incident, number: 0, project: null } },
    { ...NOTICE, alert: { ...alert, output: '', outputFields: {}, tags: [] } },
    { ...NOTICE, alert: { ...alert, outputFields: fields, truncated: true } },
    ...PRIORITIES.map((priority) => ({ ...NOTICE, alert: { ...alert, priority } })),
  ];
  for (const notice of notices) assert.equal(sidekickTakes(bodyOf('falcosidekick', notice)), 'taken');
});

test('a notice is tried until it is taken, over a restart, with longer and longer waits', async () => {
  let failures = 2;
  const { opened, state, make } = await open(async () => {
    failures -= 1;
    if (failures >= 0) throw new Error('the receiver answered 503');
    return null;
  });
  const first = await make();
  await first.add(CHANNEL, 'user:ana');
  assert.equal(await opened.db.transaction().execute((tx) => first.plan(tx, 'incident.opened', INCIDENT, null)), 1);
  await first.deliver();
  const [after] = await first.deliveries(10);
  assert.deepEqual([after?.state, after?.attempts], ['pending', 1]);
  assert.deepEqual(after?.error, { en: 'the receiver answered 503', es: 'el receptor respondió 503' });
  await first.deliver();
  assert.equal((await first.deliveries(10))[0]?.attempts, 1, 'not before its time');
  const second = await make();
  // One of the tries is made while the clock is years ahead: what it puts off is due when it is set right.
  for (const minutes of [1_000_000, 1]) {
    state.aheadMs = minutes * 60_000;
    await second.deliver();
  }
  const [taken] = await second.deliveries(10);
  assert.deepEqual([taken?.state, taken?.attempts, taken?.error], ['sent', 3, null]);
  await opened.close();
});

test('a notice whose end the database does not take is not sent again for that', async () => {
  let sent = 0;
  const { opened, make } = await open(async () => {
    sent += 1;
    return null;
  });
  const notices = await make();
  await notices.add(CHANNEL, 'user:ana');
  await opened.db.transaction().execute((tx) => notices.plan(tx, 'incident.opened', INCIDENT, null));
  const full = `CREATE TRIGGER full BEFORE UPDATE ON respond_deliveries BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`;
  await sql.raw(full).execute(opened.db);
  for (let looks = 0; looks < 3; looks++) await notices.deliver();
  assert.deepEqual([sent, (await notices.deliveries(10))[0]?.state], [1, 'pending']);
  await sql`DROP TRIGGER full`.execute(opened.db);
  await notices.deliver();
  assert.deepEqual([sent, (await notices.deliveries(10))[0]?.state], [1, 'sent']);
  await opened.close();
});

test('a receiver that answers late holds up no other channel, and no later notice', async (t) => {
  const late = Promise.withResolvers<void>();
  const sent: string[] = [];
  const { opened, make } = await open(async (to) => {
    if (to.url.includes('slow')) await late.promise;
    sent.push(to.url);
    return null;
  });
  t.after(async () => {
    // Who waits for the late one goes on, and is done before the database is.
    late.resolve();
    await notices.deliver();
    await opened.close();
  });
  const notices = await make();
  await notices.add(CHANNEL, 'user:ana');
  await notices.add({ ...CHANNEL, name: 'slow', url: 'https://slow.example.com/' }, 'user:ana');
  const plan = () => opened.db.transaction().execute((tx) => notices.plan(tx, 'incident.opened', INCIDENT, null));
  const quick = async (): Promise<number> =>
    (await notices.deliveries(10)).filter(({ channel, state }) => channel === 'ops' && state === 'sent').length;
  for (const wanted of [1, 2]) {
    await plan();
    const over = notices.deliver();
    // Bounded: what does not come is a failure and not a test that never ends.
    for (const end = performance.now() + WAIT_MS; (await quick()) < wanted; await systemClock.sleep(5))
      assert.ok(performance.now() < end, JSON.stringify(await notices.deliveries(10)));
    if (wanted === 2) {
      late.resolve();
      await over;
    }
  }
  assert.deepEqual(
    (await notices.deliveries(10)).map(({ state }) => state),
    ['sent', 'sent', 'sent', 'sent'],
  );
  assert.equal(sent.length, 4, 'each once');
});

test('who takes only worse, or other projects, is not told; address and secret are in no list and no table', async () => {
  const { opened, make } = await open(async () => null);
  const notices = await make();
  await notices.add({ ...CHANNEL, priority: 'critical' }, 'user:ana');
  await notices.add({ ...CHANNEL, name: 'other', projects: ['other'] }, 'user:ana');
  await notices.add({ ...CHANNEL, name: 'all' }, 'user:ana');
  await opened.db.transaction().execute((tx) => notices.plan(tx, 'incident.opened', INCIDENT, null));
  assert.deepEqual(
    (await notices.deliveries(10)).map(({ channel }) => channel),
    ['all'],
  );
  const everything = JSON.stringify([
    notices.channels(),
    await opened.db.selectFrom('respond_channels').selectAll().execute(),
    await (opened.db as never as typeof opened.db)
      .selectFrom('journal_facts' as never)
      .selectAll()
      .execute(),
  ]);
  assert.doesNotMatch(everything, /secret-path|ssssssssss/);
  assert.equal(notices.channels()[0]?.host, 'hooks.example.com');
  await opened.close();
});

test('addresses that leak, or lead inside, are refused when they are set up or when they are used', async () => {
  const { opened, make } = await open();
  const notices = await make();
  const refused: Partial<NewChannel>[] = [
    { url: 'http://hooks.example.com/' },
    { url: 'https://ana:pass@hooks.example.com/' },
    { url: 'file:///etc/passwd' },
    { kind: 'syslog', url: 'https://hooks.example.com/' },
    { networks: ['10.0.0.0/2'] },
  ];
  for (const change of refused)
    await assert.rejects(notices.add({ ...CHANNEL, ...change }, 'user:ana'), hasCode('respond.channel-invalid'));
  for (const url of ['https://127.0.0.1/', 'https://[::1]/', 'https://169.254.169.254/latest/', 'https://localhost/']) {
    await notices.add({ ...CHANNEL, url }, 'user:ana');
    await assert.rejects(notices.test('ops'), hasCode('respond.notice-failed'), url);
  }
  await notices.remove('ops', 'user:ana');
  await assert.rejects(notices.test('ops'), hasCode('respond.channel-unknown'));
  await opened.close();
});

test('a webhook is signed over its time and bytes, follows no redirect; syslog over TCP counts its octets', async (t) => {
  const heard: { headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      heard.push({ headers: request.headers, body });
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
    });
  });
  const lines: string[] = [];
  const log = createTcpServer((socket) => socket.on('data', (piece) => lines.push(piece.toString())));
  closing(t, server);
  closing(t, log);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => log.listen(0, '127.0.0.1', resolve));
  const port = (server.address() as AddressInfo).port;
  const to = {
    kind: 'webhook',
    url: `http://127.0.0.1:${port}/x`,
    secret: 'k'.repeat(20),
    networks: ['127.0.0.0/8'],
  } as const;
  await sendNotice(to, NOTICE, new Date(1_000_000));
  const [first] = heard;
  assert.equal(first?.headers['darsena-timestamp'], '1000');
  assert.equal(first?.headers['darsena-signature'], signatureOf('k'.repeat(20), '1000', first?.body ?? ''));
  assert.equal(JSON.parse(first?.body ?? '').incident.number, 7);
  status = 302;
  await assert.rejects(sendNotice(to, NOTICE, new Date()), /302/);
  await assert.rejects(sendNotice({ ...to, networks: [] }, NOTICE, new Date()), hasCode('respond.channel-address'));
  const elsewhere = { ...to, url: 'http://93.184.216.34/' };
  await assert.rejects(sendNotice(elsewhere, NOTICE, new Date()), hasCode('respond.channel-address'));
  const url = `tcp://127.0.0.1:${(log.address() as AddressInfo).port}`;
  await sendNotice({ kind: 'syslog', url, secret: null, networks: ['127.0.0.0/8'] }, NOTICE, new Date());
  const [, count, message = ''] = /^(\d+) (.*)$/s.exec(lines.join('')) ?? [];
  assert.equal(Number(count), Buffer.byteLength(message));
});

test('a receiver of syslog that keeps the line, or hangs up when it has read, took the notice once', async (t) => {
  for (const manner of ['keeps', 'hangs up'] as const) {
    const heard: string[] = [];
    const log = createTcpServer({ allowHalfOpen: true }, (socket) => {
      t.after(() => socket.destroy());
      socket.on('error', () => undefined);
      socket.setEncoding('utf8').on('data', (text: string) => {
        heard.push(text);
        if (manner === 'hangs up') socket.destroy();
      });
    });
    log.listen(0, '127.0.0.1');
    t.after(() => void log.close());
    await new Promise((resolve) => log.once('listening', resolve));
    const url = `tcp://127.0.0.1:${(log.address() as AddressInfo).port}`;
    await sendNotice({ kind: 'syslog', url, secret: null, networks: ['127.0.0.0/8'] }, NOTICE, new Date());
    assert.equal(heard.length, 1, manner);
  }
});

test('Slack, Teams, Falcosidekick and syslog over UDP: each receiver is sent what it reads, signed where it is asked', async (t) => {
  const heard: { path: string; type: string; signature: string; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const { 'content-type': type = '', 'darsena-signature': signature = '' } = request.headers;
      heard.push({ path: request.url ?? '', type, signature: String(signature), body });
      response.writeHead(200).end('ok');
    });
  });
  closing(t, server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const networks = ['127.0.0.0/8'];
  for (const kind of ['slack', 'teams', 'falcosidekick'] as const)
    await sendNotice({ kind, url: `${url}/${kind}`, secret: 'k'.repeat(20), networks }, NOTICE, new Date());
  assert.deepEqual(
    heard.map(({ path, type }) => [path, type.split(';')[0]]),
    ['slack', 'teams', 'falcosidekick'].map((kind) => [`/${kind}`, 'application/json']),
  );
  for (const { signature } of heard) assert.match(signature, /^v1=[0-9a-f]{64}$/);
  const [slack, teams, falco] = heard.map(({ body }) => JSON.parse(body));
  assert.equal(typeof slack.text, 'string');
  assert.equal(teams.attachments[0].contentType, 'application/vnd.microsoft.card.adaptive');
  assert.equal(teams.attachments[0].content.type, 'AdaptiveCard');
  assert.deepEqual([falco.rule, falco.priority, typeof falco.output_fields], ['Terminal shell', 'Warning', 'object']);
  const lines: string[] = [];
  const udp = createSocket('udp4', (message) => lines.push(message.toString('utf8')));
  t.after(() => udp.close());
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  await sendNotice(
    { kind: 'syslog', url: `udp://127.0.0.1:${udp.address().port}`, secret: null, networks },
    NOTICE,
    new Date(),
  );
  for (const end = performance.now() + WAIT_MS; lines.length === 0; await systemClock.sleep(5))
    assert.ok(performance.now() < end, 'no datagram came');
  assert.match(lines[0] ?? '', /^<84>1 /);
  // Into a network that nobody allowed none of them goes.
  for (const kind of ['slack', 'teams', 'falcosidekick'] as const)
    await assert.rejects(
      sendNotice({ kind, url: `${url}/${kind}`, secret: null, networks: [] }, NOTICE, new Date()),
      hasCode('respond.channel-address'),
    );
  assert.equal(heard.length, 3);
});

test('Slack and Teams over https, syslog over TLS: an authority of one’s own is enough, another is not, and each signature is checked', async (t) => {
  const { key, cert, ca } = MAIL_PAIR;
  const networks = ['127.0.0.0/8', '::1/128'];
  const secret = 'k'.repeat(20);
  const heard: string[] = [];
  let refusals = 1;
  // As a receiver does that believes nobody else: it checks signature and time before it reads.
  const server = createHttpsServer({ key, cert }, (request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      const stamp = String(request.headers['darsena-timestamp']);
      const wanted = `v1=${createHmac('sha256', secret).update(`${stamp}.${body}`).digest('hex')}`;
      const isTrue =
        request.headers['darsena-signature'] === wanted && Math.abs(Date.now() / 1_000 - Number(stamp)) < 300;
      const code = !isTrue ? 401 : refusals-- > 0 ? 500 : 200;
      if (code === 200) heard.push(`${request.url} ${body}`);
      response.writeHead(code).end();
    });
  });
  const lines: string[] = [];
  const log = createTlsServer({ key, cert }, (socket) => socket.on('data', (piece) => lines.push(piece.toString())));
  closing(t, server);
  closing(t, log);
  for (const one of [server, log]) await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
  const portOf = (one: Server): number => (one.address() as AddressInfo).port;
  const of = (kind: 'slack' | 'teams' | 'webhook' | 'falcosidekick', over: Partial<Destination> = {}) =>
    sendNotice(
      { kind, url: `https://localhost:${portOf(server)}/${kind}`, secret, networks, ca, ...over },
      NOTICE,
      new Date(),
    );
  await assert.rejects(of('slack'), /answered 500/);
  for (const kind of ['slack', 'teams', 'webhook', 'falcosidekick'] as const) await of(kind);
  assert.deepEqual(
    heard.map((one) => one.split(' ')[0]),
    ['/slack', '/teams', '/webhook', '/falcosidekick'],
  );
  await assert.rejects(of('slack', { secret: 'j'.repeat(20) }), /answered 401/);
  await assert.rejects(of('slack', { ca: null }), /certificate/);
  const other = createAuthority({ name: 'Other', clock: systemClock }).certificatePem;
  await assert.rejects(of('teams', { ca: other }), /certificate/);
  await assert.rejects(of('slack', { networks: [] }), hasCode('respond.channel-address'));
  const syslog = { kind: 'syslog', url: `tls://localhost:${portOf(log)}`, secret: null, networks, ca } as const;
  await sendNotice(syslog, NOTICE, new Date());
  for (const end = performance.now() + WAIT_MS; lines.length === 0; await systemClock.sleep(5))
    assert.ok(performance.now() < end, 'no line came');
  assert.match(lines.join(''), /^\d+ <84>1 /);
  await assert.rejects(sendNotice({ ...syslog, ca: null }, NOTICE, new Date()), /certificate/);
  await assert.rejects(sendNotice({ ...syslog, networks: [] }, NOTICE, new Date()), hasCode('respond.channel-address'));
  // A receiver that never ends its answer does not hold up for ever, and one that speaks no TLS is told nothing.
  const plain = createTcpServer((socket) => socket.on('data', (piece) => lines.push(`plain ${piece}`)).end('no TLS'));
  closing(t, plain);
  await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
  await assert.rejects(sendNotice({ ...syslog, url: `tls://127.0.0.1:${portOf(plain)}` }, NOTICE, new Date()));
  assert.doesNotMatch(lines.join(''), /plain .*Terminal/s);
});

test('an authority belongs to an address with TLS, and is a certificate', async () => {
  const { opened, make } = await open(async () => null);
  const notices = await make();
  const refused: Partial<NewChannel>[] = [
    { ca: 'no certificate' },
    { url: 'http://10.0.0.1/', networks: ['10.0.0.0/8'], ca: MAIL_PAIR.ca },
    { kind: 'syslog', url: 'tcp://10.0.0.1', secret: null, ca: MAIL_PAIR.ca },
  ];
  for (const change of refused)
    await assert.rejects(notices.add({ ...CHANNEL, ...change }, 'user:ana'), hasCode('respond.channel-invalid'));
  await notices.add({ ...CHANNEL, ca: MAIL_PAIR.ca }, 'user:ana');
  await notices.add(
    { ...CHANNEL, name: 'siem', kind: 'syslog', url: 'tls://log.example.com', secret: null },
    'user:ana',
  );
  await opened.close();
});

const AUTHORITY = createAuthority({ name: 'Test', clock: systemClock });
const MAIL_PAIR = (() => {
  const issued = issueServerCertificate(AUTHORITY, { names: ['localhost'], addresses: ['127.0.0.1'] });
  return { key: issued.privateKeyPem, cert: issued.certificatePem, ca: AUTHORITY.certificatePem };
})();

/** A mail server that takes what it is told and remembers it; `answers` change what it says to a command. */
async function mailServer(
  t: TestContext,
  options: {
    readonly tls: 'at-once' | 'starttls' | 'none';
    readonly answers?: Record<string, string>;
  },
) {
  const { key, cert } = MAIL_PAIR;
  const said: string[] = [];
  const serve = (socket: Socket, isSecret: boolean): void => {
    let rest = '';
    let isData = false;
    const tell = (text: string): void => void socket.write(`${text}\r\n`);
    const hear = (chunk: Buffer): void => {
      rest += chunk.toString('utf8');
      for (let end = rest.indexOf('\r\n'); end !== -1; end = rest.indexOf('\r\n')) {
        const line = rest.slice(0, end);
        rest = rest.slice(end + 2);
        said.push(`${isSecret ? 'tls' : 'plain'} ${line}`);
        if (isData) {
          if (line === '.') {
            isData = false;
            tell('250 taken');
          }
          continue;
        }
        const word = line.split(' ')[0] ?? '';
        const wanted = options.answers?.[line] ?? options.answers?.[word];
        if (wanted !== undefined) tell(wanted);
        else if (word === 'EHLO') {
          const offers = ['250-mail', ...(options.tls === 'starttls' && !isSecret ? ['250-STARTTLS'] : [])];
          tell([...offers, '250 AUTH PLAIN LOGIN'].join('\r\n'));
        } else if (word === 'STARTTLS') {
          tell('220 go');
          socket.off('data', hear);
          serve(new TLSSocket(socket, { isServer: true, key, cert }), true);
          return;
        } else if (word === 'AUTH')
          tell(line.endsWith(Buffer.from('\0ana\0geheim').toString('base64')) ? '235 yes' : '535 no');
        else if (word === 'DATA') {
          isData = true;
          tell('354 go on');
        } else tell(word === 'QUIT' ? '221 bye' : '250 yes');
      }
    };
    socket.on('data', hear);
    socket.on('error', () => socket.destroy());
    if (!isSecret || options.tls === 'at-once') tell('220 mail');
  };
  const server =
    options.tls === 'at-once'
      ? createTlsServer({ key, cert }, (socket) => serve(socket, true))
      : createTcpServer((socket) => serve(socket, false));
  closing(t, server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { said, port };
}

test('no line of a mail is longer than one may be, with as many recipients as there may be', () => {
  const [local, domain] = ['a'.repeat(64), `${'b.'.repeat(120)}example`];
  const to = Array.from({ length: 20 }, (_, at) => `${at}${local.slice(2)}@${domain}`);
  const incident = { ...NOTICE.incident, rule: 'ñandú '.repeat(20) };
  const mail = mailOf({ ...NOTICE, incident }, { from: `${local}@${domain}`, to }, new Date(0));
  const [head = ''] = mail.split('\r\n\r\n');
  for (const line of mail.split('\r\n')) {
    assert.ok(line.length <= 998, `${line.length} characters`);
    if (line.includes('=?')) assert.ok(line.length <= 76, line);
  }
  // What is folded is one header again, with every address in it.
  const unfolded = head.replaceAll('\r\n ', ' ').split('\r\n');
  assert.ok(unfolded.includes(`To: ${to.join(', ')}`));
  assert.equal(unfolded.filter((line) => line.startsWith('Subject: =?')).length, 1);
});

test('e-mail goes by TLS with a login, to every recipient, and no text of a program is more than text', async (t) => {
  for (const tls of ['at-once', 'starttls'] as const) {
    const { said, port } = await mailServer(t, { tls });
    const mail = { from: 'darsena@example.com', to: ['a@example.com', 'b@example.com'], user: 'ana', ca: MAIL_PAIR.ca };
    const url = `${tls === 'at-once' ? 'smtps://localhost' : 'smtp://127.0.0.1'}:${port}`;
    const to = { kind: 'email' as const, url, secret: 'geheim', networks: ['127.0.0.0/8', '::1/128'], mail };
    await sendNotice(to, NOTICE, new Date('2026-11-22T10:00:00Z'));
    const secret = said.filter((line) => line.startsWith('tls '));
    assert.deepEqual(
      said.filter((line) => line.startsWith('plain ')),
      tls === 'starttls' ? ['plain EHLO darsena.invalid', 'plain STARTTLS'] : [],
    );
    assert.ok(secret.includes('tls RCPT TO:<b@example.com>'));
    const head = secret.slice(secret.indexOf('tls DATA') + 1);
    assert.ok(head.includes('tls Date: Sun, 22 Nov 2026 10:00:00 +0000'));
    const text = Buffer.from(
      head
        .slice(head.indexOf('tls ') + 1, head.indexOf('tls .'))
        .map((line) => line.slice(4))
        .join(''),
      'base64',
    );
    assert.match(text.toString('utf8'), /^\[warning\] incident 7: Terminal shell: tienda\/pro\/web – sh <!channel>/);
    assert.match(text.toString('utf8'), /darsena incident show 7$/);
  }
});

test('why a notice was not taken is kept in both languages; what was kept in English before is read as well', async (t) => {
  const failures: Error[] = [
    Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:443'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('unable to verify the first certificate'), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' }),
    new NobodyTold(['a@example.com: the server answered 550 no; never', 'the server offers no TLS']),
    new Error('words of nobody known'),
  ];
  const { opened, state, make } = await open(async () => {
    throw failures.shift() ?? new Error('no answer in time');
  });
  t.after(() => opened.close());
  const notices = await make();
  await notices.add(CHANNEL, 'user:ana');
  await opened.db.transaction().execute((tx) => notices.plan(tx, 'incident.opened', INCIDENT, null));
  const spanish: (string | undefined)[] = [];
  for (let tries = 0; tries < 5; tries++) {
    state.aheadMs += 3_600_000;
    await notices.deliver();
    spanish.push((await notices.deliveries(1))[0]?.error?.es);
  }
  assert.deepEqual(spanish, [
    'en 10.0.0.7:443 no responde nadie',
    'ninguna autoridad en la que se confía responde de su certificado; --ca-file nombra una propia',
    'a@example.com: el servidor respondió 550 no; never; el servidor no ofrece TLS',
    'words of nobody known',
    'no respondió a tiempo',
  ]);
  await opened.db.updateTable('respond_deliveries').set({ error: 'the receiver answered 503' }).execute();
  assert.equal((await notices.deliveries(1))[0]?.error?.es, 'el receptor respondió 503');
  await assert.rejects(notices.add({ ...CHANNEL, url: 'ftp://a' }, 'user:ana'), (error: unknown) => {
    assert.ok(error instanceof Fault);
    return /una dirección de webhook empieza por https: o http:\/\//.test(error.text('es').why ?? '');
  });
});

/** What send.ts, mail.ts and notices.ts say in English of their own. */
test('every reason of the platform has Spanish', async () => {
  const said = (
    await Promise.all(
      ['send.ts', 'mail.ts', 'notices.ts'].map((name) => readFile(new URL(name, import.meta.url), 'utf8')),
    )
  ).flatMap((source) =>
    [...source.matchAll(/(?:new Error|invalid|refuse)\((['`])(.*?)\1\)/gs)].map(([, , text = '']) =>
      text.replaceAll(/\$\{[^}]*\}/g, '7'),
    ),
  );
  assert.ok(said.length >= 15, said.join('\n'));
  for (const text of said) assert.notEqual(reasonInWords(text).es, text, text);
});

test('a recipient that is refused keeps no other from being told, and none told is a failure', async (t) => {
  const answers = { 'RCPT TO:<gone@example.com>': '550 no such mailbox' };
  const { said, port } = await mailServer(t, { tls: 'starttls', answers });
  const mail = { from: 'd@example.com', to: ['gone@example.com', 'b@example.com'], user: null, ca: MAIL_PAIR.ca };
  const networks = ['127.0.0.0/8', '::1/128'];
  const to = { kind: 'email' as const, url: `smtp://localhost:${port}`, secret: null, networks, mail };
  assert.deepEqual(await sendNotice(to, NOTICE, new Date()), {
    ...{ refused: ['gone@example.com: the server answered 550 no such mailbox'], putOff: [] },
  });
  assert.ok(said.includes('tls DATA') && said.includes('tls RCPT TO:<b@example.com>'));
  said.length = 0;
  const nobody = { ...to, mail: { ...mail, to: ['gone@example.com'] } };
  await assert.rejects(sendNotice(nobody, NOTICE, new Date()), /550 no such mailbox/);
  assert.ok(!said.includes('tls DATA'));
  const { opened, make } = await open(async () => ({
    ...{ refused: ['gone@example.com: the server answered 550'], putOff: [] },
  }));
  const notices = await make();
  await notices.add(CHANNEL, 'user:ana');
  assert.match((await notices.test(CHANNEL.name))?.es ?? '', /el servidor respondió 550/);
  await opened.db.transaction().execute((tx) => notices.plan(tx, 'incident.opened', INCIDENT, null));
  await notices.deliver();
  const [delivery] = await notices.deliveries(1);
  assert.deepEqual([delivery?.state, delivery?.error?.en], ['sent', 'gone@example.com: the server answered 550']);
  assert.equal(delivery?.error?.es, 'gone@example.com: el servidor respondió 550');
  await opened.close();
});

test('who is put off is tried again alone until taken, over a restart; who got the mail gets no second, and refusals are told', async (t) => {
  const answers: Record<string, string> = {
    'RCPT TO:<gone@example.com>': '550 no such mailbox',
    'RCPT TO:<grey@example.com>': '450 4.2.0 greylisted, try again',
    'RCPT TO:<later@example.com>': '451 4.7.1 later',
  };
  const { said, port } = await mailServer(t, { tls: 'starttls', answers });
  const { opened, state, make } = await open(sendNotice);
  t.after(() => opened.close());
  const to = ['a@example.com', 'gone@example.com', 'grey@example.com', 'later@example.com'];
  const mail = { from: 'd@example.com', to, user: null, ca: MAIL_PAIR.ca };
  const networks = ['127.0.0.0/8', '::1/128'];
  const email = { kind: 'email' as const, url: `smtp://localhost:${port}`, secret: null, networks, mail };
  const first = await make();
  await first.add({ ...CHANNEL, ...email }, 'user:ana');
  assert.match((await first.test(CHANNEL.name))?.en ?? '', /gone@.* 550 .*; grey@.* 450 .*; later@.* 451 /);
  said.length = 0;
  await opened.db.transaction().execute((tx) => first.plan(tx, 'incident.opened', INCIDENT, null));
  const told = (): string[] => said.flatMap((line) => /RCPT TO:<(.*)>/.exec(line)?.[1] ?? []);
  const mails = (): number => said.filter((line) => line === 'tls DATA').length;
  await first.deliver();
  assert.deepEqual([told(), mails()], [to, 1]);
  const [after] = await first.deliveries(1);
  assert.equal(after?.state, 'pending');
  assert.match(after?.error?.en ?? '', /gone@example\.com: .* 550 .*; grey@example\.com: .* 450 /);

  // Put off again, both: no mail goes out. Then one of them is taken, and the other refused for good.
  const second = await make();
  const next = async (minutes: number): Promise<void> => {
    said.length = 0;
    state.aheadMs += minutes * 60_000;
    await second.deliver();
  };
  await next(1);
  assert.deepEqual([told(), mails()], [['grey@example.com', 'later@example.com'], 0]);
  delete answers['RCPT TO:<grey@example.com>'];
  await next(2);
  assert.deepEqual([told(), mails()], [['grey@example.com', 'later@example.com'], 1]);
  assert.ok(said.includes('tls To: a@example.com,'), 'the mail says to whom all it was written');
  answers['RCPT TO:<later@example.com>'] = '554 5.7.1 never';
  await next(5);
  assert.deepEqual([told(), mails()], [['later@example.com'], 0]);
  const [done] = await second.deliveries(1);
  assert.deepEqual([done?.state, done?.attempts], ['sent', 4]);
  assert.match(done?.error?.en ?? '', /^gone@example\.com: .* 550 .*; later@example\.com: .* 554 5\.7\.1 never$/);
  await next(60);
  assert.deepEqual(told(), []);
});

test('a mail that nobody got goes to all again, also where some are only put off', async (t) => {
  const answers: Record<string, string> = {
    'RCPT TO:<gone@example.com>': '550 no such mailbox',
    'RCPT TO:<grey@example.com>': '450 greylisted',
    DATA: '451 not now',
  };
  const { said, port } = await mailServer(t, { tls: 'starttls', answers });
  const { opened, state, make } = await open(sendNotice);
  t.after(() => opened.close());
  const mail = { from: 'd@example.com', to: ['gone@example.com', 'grey@example.com'], user: null, ca: MAIL_PAIR.ca };
  const networks = ['127.0.0.0/8', '::1/128'];
  const email = { kind: 'email' as const, url: `smtp://localhost:${port}`, secret: null, networks, mail };
  const notices = await make();
  await notices.add({ ...CHANNEL, ...email }, 'user:ana');
  await opened.db.transaction().execute((tx) => notices.plan(tx, 'incident.opened', INCIDENT, null));
  const tries = async (): Promise<unknown> => {
    said.length = 0;
    state.aheadMs += 3_600_000;
    await notices.deliver();
    const [delivery] = await notices.deliveries(1);
    return [said.flatMap((line) => /<(\w+)@example\.com>$/.exec(line)?.[1] ?? []).slice(1), delivery?.state];
  };
  assert.deepEqual(await tries(), [['gone', 'grey'], 'pending']);
  delete answers['RCPT TO:<grey@example.com>'];
  // Taken as a recipient, and then the mail itself is put off: still nobody got it.
  assert.deepEqual(await tries(), [['gone', 'grey'], 'pending']);
  delete answers['DATA'];
  assert.deepEqual(await tries(), [['gone', 'grey'], 'sent']);
});

test('a password is told to nobody without TLS or without the certificate, and a refusal says why in clean signs', async (t) => {
  const mail = { from: 'd@example.com', to: ['a@example.com'], user: 'ana', ca: null };
  const networks = ['127.0.0.0/8', '::1/128'];
  const plain = await mailServer(t, { tls: 'none' });
  const to = { kind: 'email' as const, url: `smtp://localhost:${plain.port}`, secret: 'geheim', networks, mail };
  await assert.rejects(sendNotice(to, NOTICE, new Date()), /offers no TLS/);
  await assert.rejects(sendNotice({ ...to, networks: [] }, NOTICE, new Date()), hasCode('respond.channel-address'));
  await sendNotice({ ...to, secret: null, mail: { ...mail, user: null } }, NOTICE, new Date());
  assert.doesNotMatch(plain.said.join('\n'), /AUTH/);
  // An allowed network says nothing of servers elsewhere.
  const silent = await mailServer(t, { tls: 'none' });
  const elsewhere = {
    ...{ url: new URL(`smtp://127.0.0.1:${silent.port}`), host: '127.0.0.1', mail: { ...mail, user: null } },
    ...{ password: null, lookup: () => assert.fail('an address is not looked up') },
  };
  await assert.rejects(sendMail({ ...elsewhere, mayBePlain: () => false }, NOTICE, new Date()), /offers no TLS/);
  assert.doesNotMatch(silent.said.join('\n'), /MAIL/);
  // What was said before the keys were agreed on is believed of nobody.
  const smuggled = await mailServer(t, { tls: 'starttls', answers: { STARTTLS: '220 go\r\n250 AUTH PLAIN' } });
  const starttls = { ...to, mail: { ...mail, ca: MAIL_PAIR.ca } };
  await assert.rejects(
    sendNotice({ ...starttls, url: `smtp://127.0.0.1:${smuggled.port}` }, NOTICE, new Date()),
    /more before TLS/,
  );
  assert.doesNotMatch(smuggled.said.join('\n'), /AUTH/);
  // A server named by its address is one too; what it says back of the password is repeated nowhere.
  const echo = Buffer.from('\0ana\0geheim').toString('base64');
  const loud = await mailServer(t, { tls: 'at-once', answers: { AUTH: `500 what is "AUTH PLAIN ${echo}"?` } });
  await assert.rejects(
    sendNotice({ ...starttls, url: `smtps://127.0.0.1:${loud.port}` }, NOTICE, new Date()),
    /answered 500 what is "AUTH PLAIN \*\*\*"\?$/,
  );
  const unknown = await mailServer(t, { tls: 'at-once' });
  await assert.rejects(
    sendNotice({ ...to, url: `smtps://localhost:${unknown.port}` }, NOTICE, new Date()),
    /certificate/,
  );
  assert.deepEqual(unknown.said, []);
  const rude = await mailServer(t, { tls: 'none', answers: { MAIL: '550 go\u001b[2J away' } });
  const open = { ...to, url: `smtp://localhost:${rude.port}`, secret: null, mail: { ...mail, user: null } };
  await assert.rejects(sendNotice(open, NOTICE, new Date()), /answered 550 go\?\[2J away$/);
});
