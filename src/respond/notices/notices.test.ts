import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { createVault } from '../../access/index.ts';
import { Journal, journalMigrations } from '../../journal/index.ts';
import { Fault, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import type { Incident } from '../incident.ts';
import { respondMigrations } from '../migrations.ts';
import type { RespondTables } from '../store.ts';
import { bodyOf, type Notice, sentenceOf, signatureOf, syslogMessage } from './message.ts';
import { type NewChannel, Notices } from './notices.ts';
import { sendNotice } from './send.ts';

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
  ...{ priority: 'warning', projects: null, networks: [] },
};

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

test('a notice is tried until it is taken, over a restart, with longer and longer waits', async () => {
  let failures = 2;
  const { opened, state, make } = await open(async () => {
    failures -= 1;
    if (failures >= 0) throw new Error('the receiver answered 503');
  });
  const first = await make();
  await first.add(CHANNEL, 'user:ana');
  assert.equal(await opened.db.transaction().execute((tx) => first.plan(tx, 'incident.opened', INCIDENT, null)), 1);
  await first.deliver();
  const [after] = await first.deliveries(10);
  assert.deepEqual([after?.state, after?.attempts, after?.error], ['pending', 1, 'the receiver answered 503']);
  await first.deliver();
  assert.equal((await first.deliveries(10))[0]?.attempts, 1, 'not before its time');
  const second = await make();
  for (const minutes of [1, 2, 3]) {
    state.aheadMs = minutes * 60_000;
    await second.deliver();
  }
  const [taken] = await second.deliveries(10);
  assert.deepEqual([taken?.state, taken?.attempts, taken?.error], ['sent', 3, null]);
  await opened.close();
});

test('who takes only worse, or other projects, is not told; address and secret are in no list and no table', async () => {
  const { opened, make } = await open(async () => undefined);
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

test('a webhook is signed over its time and bytes, follows no redirect; syslog over TCP counts its octets', async () => {
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
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => log.listen(0, '127.0.0.1', resolve));
  try {
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
    const url = `tcp://127.0.0.1:${(log.address() as AddressInfo).port}`;
    await sendNotice({ kind: 'syslog', url, secret: null, networks: ['127.0.0.0/8'] }, NOTICE, new Date());
    const [, count, message = ''] = /^(\d+) (.*)$/s.exec(lines.join('')) ?? [];
    assert.equal(Number(count), Buffer.byteLength(message));
  } finally {
    server.close();
    server.closeAllConnections();
    log.close();
  }
});
