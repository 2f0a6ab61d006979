import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { createApi, type Principal } from '../access/index.ts';
import { type Alert, readRulePages, selfAlert } from '../detect/index.ts';
import { Journal, journalMigrations } from '../journal/index.ts';
import { type Clock, Fault, newId, openDatabase, silentLog, systemClock } from '../system/index.ts';
import { ruleTitle } from './incident.ts';
import {
  Respond,
  type Responder,
  type RespondTables,
  readAlert,
  registerRespondRoutes,
  respondFault,
  respondMigrations,
} from './index.ts';

const digest = `sha256:${'a'.repeat(64)}`;

function alert(change: Partial<Alert> = {}, at = '2026-11-21T10:00:00.000Z'): Alert {
  return {
    id: newId(),
    at,
    kernelTimeNs: 1,
    rule: 'Terminal shell in container',
    priority: 'notice',
    tags: ['container', 'shell', 'mitre_execution'],
    output: 'A shell was spawned',
    outputFields: { 'proc.name': 'sh', 'fd.num': 3 },
    container: {
      id: 'c'.repeat(64),
      name: 'web',
      project: 'tienda',
      environment: 'dev',
      workload: 'web',
      pod: 'web-1',
      container: 'web',
      image: 'tienda/web',
      digest,
    },
    process: {
      pid: 300,
      ppid: 200,
      name: 'sh',
      exe: '/bin/sh',
      cmdline: 'sh -c id',
      cwd: '/',
      uid: 1000,
      tty: 34816,
      startedAt: '2026-11-21T10:00:00.000Z',
    },
    ancestors: [{ pid: 200, name: 'conmon', exe: '/usr/bin/conmon', cmdline: 'conmon' }],
    source: { kind: 'rule', file: 'rules.yaml', line: 1 },
    ...change,
  };
}

/** A host that does as it is told, or as a test wants. */
class FakeHost implements Responder {
  readonly calls: { containerId: string; pid: number | null }[] = [];
  answer: () => Promise<'killed' | 'gone'> = async () => 'killed';
  kill(_host: string, target: { containerId: string; pid: number | null }): Promise<'killed' | 'gone'> {
    this.calls.push(target);
    return this.answer();
  }
}

async function open(clock: Clock = systemClock) {
  const opened = await openDatabase<RespondTables>('sqlite::memory:', [...journalMigrations, ...respondMigrations]);
  const journal = new Journal({
    db: opened.db as never,
    clock: systemClock,
    log: silentLog,
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    keyId: 'test',
  });
  const host = new FakeHost();
  const respond = new Respond({ db: opened.db, journal, clock, log: silentLog, responder: host });
  const facts = async () => {
    await journal.settled();
    return (await journal.query({ projects: '*', order: 'oldest', limit: 1000 })).map((fact) => fact.kind);
  };
  return { opened, journal, host, respond, facts };
}

function hasCode(code: string) {
  return (error: unknown) => error instanceof Fault && error.code === code;
}

test('alerts of one container are one incident, those of another and later ones are their own', async () => {
  const { opened, respond, facts } = await open();
  const first = alert();
  assert.deepEqual(await respond.ingest(first, 'host1'), { outcome: 'opened', incident: 1 });
  const second = alert({ rule: 'Read sensitive file untrusted', priority: 'warning' }, '2026-11-21T10:05:00.000Z');
  assert.deepEqual(await respond.ingest(second, 'host1'), { outcome: 'added', incident: 1 });
  const container = first.container;
  assert.ok(container);
  const elsewhere = alert({ container: { ...container, id: 'd'.repeat(64) } });
  assert.equal((await respond.ingest(elsewhere, 'host1')).incident, 2);
  const later = alert({}, '2026-11-21T12:00:00.000Z');
  assert.equal((await respond.ingest(later, 'host1')).incident, 3);
  const onHost = alert({ container: null });
  assert.equal((await respond.ingest(onHost, 'host1')).incident, 4);
  const incident = await respond.incident(1);
  assert.deepEqual(
    [incident.alertCount, incident.priority, incident.state, incident.lastAlertAt],
    [2, 'warning', 'open', '2026-11-21T10:05:00.000Z'],
  );
  // It is called after what was worst.
  assert.equal(incident.title.es, 'Lectura de un archivo sensible: tienda/dev/web');
  assert.equal((await respond.incident(2)).title.es, 'Terminal interactiva en un contenedor: tienda/dev/web');
  assert.equal(ruleTitle('Crypto miner started').es, readRulePages('es').get('Crypto miner started')?.title);
  assert.deepEqual(ruleTitle('toString'), { en: 'toString', es: 'toString' });
  const own = [
    'Sensor does not answer',
    'Sensor does not run',
    'Sensor detached',
    'Sensor replaced',
    'Sensor lags',
    'Sensor lost events',
    'Sensor ended from outside',
  ];
  own.push(
    'Sensor does not see everything',
    'Drill not seen',
    'Denied command',
    'Control group named like a container',
  );
  for (const rule of [...readRulePages('en').keys(), ...own]) {
    const { en, es } = ruleTitle(rule);
    assert.ok(es !== '' && es !== en, `${rule} has a name in Spanish`);
  }
  assert.deepEqual((await facts()).slice(0, 3), ['alert.raised', 'incident.opened', 'alert.raised']);
  await opened.close();
});

test('an incident that becomes worse is told to who waits for that, once a severity, also in a flood', async () => {
  const { opened, respond, journal } = await open();
  const told: [string, string, string][] = [];
  const telling = new Respond({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog, responder: new FakeHost() },
    notices: {
      plan: async (_tx, event, incident) => {
        told.push([event, incident.priority, incident.title.en]);
        return 1;
      },
      deliver: async () => undefined,
    },
  });
  await telling.ingestAll([alert(), ...Array.from({ length: 1200 }, () => alert())], 'host1');
  const miner = () => alert({ rule: 'Crypto miner started', priority: 'critical' });
  await telling.ingestAll([miner(), miner(), alert({ priority: 'error' })], 'host1');
  assert.deepEqual(told, [
    ['incident.opened', 'notice', 'Terminal shell in container: tienda/dev/web'],
    ['incident.worsened', 'critical', 'Crypto miner started: tienda/dev/web'],
  ]);
  const { timeline, title } = await respond.describe(1);
  assert.equal(title.en, 'Crypto miner started: tienda/dev/web');
  const entry = timeline.find(({ kind }) => kind === 'incident.worsened');
  assert.equal(entry?.title.en, 'severity is now critical: Crypto miner started');
  await opened.close();
});

test('who gave, closed and reopened an incident is told with each step, and it can be found by words', async () => {
  const { opened, respond } = await open();
  await respond.ingest(alert(), 'host1');
  await assert.rejects(respond.reopen(1, 'no', 'user:ana'), hasCode('respond.incident-not-closed'));
  await respond.acknowledge(1, 'user:ana');
  assert.equal((await respond.assign(1, 'user:berta', 'user:ana')).state, 'open');
  await respond.close(1, { decision: 'false-alarm', reason: 'a test' }, 'user:carla');
  await assert.rejects(respond.assign(1, null, 'user:ana'), hasCode('respond.incident-closed'));
  const again = await respond.reopen(1, 'it was none', 'user:dora');
  assert.deepEqual(
    [again.state, again.owner, again.closedAt, again.decision, again.reason],
    ['acknowledged', 'user:dora', null, null, null],
  );
  const { timeline } = await respond.describe(1);
  assert.deepEqual(
    timeline.filter(({ station }) => station === 'incident').map(({ title, actor }) => [title.en, actor]),
    [
      ['incident acknowledged', 'user:ana'],
      ['incident given to user:berta', 'user:ana'],
      ['incident closed: false alarm (a test)', 'user:carla'],
      ['incident reopened (it was none)', 'user:dora'],
    ],
  );
  const found = async (text: string) => (await respond.incidents({ projects: '*', text, limit: 5 })).length;
  assert.deepEqual(
    await Promise.all(['TERMINAL interactiva', 'tienda web', 'dora', 'dora nobody', '%', '_', '\\', '1'].map(found)),
    [1, 1, 1, 0, 0, 0, 0, 1],
  );
  await opened.close();
});

test('what the platform says of itself is told whole, in both languages', async () => {
  const { opened, respond } = await open();
  const said = { en: 'Not seen by 1 rules: A', es: 'No lo vio 1 regla: A' };
  const self = selfAlert('Drill not seen', 'critical', said, { wallMs: Date.now(), kernelNs: 1 });
  const { incident: number } = await respond.ingest(self, 'host1');
  const { timeline } = await respond.describe(number ?? 0);
  assert.deepEqual(timeline.find(({ station }) => station === 'alert')?.title, {
    en: 'Drill not seen: Not seen by 1 rules: A',
    es: 'Simulacro no visto: No lo vio 1 regla: A',
  });
  await opened.close();
});

test('the same alert twice, as after a lost acknowledgement, changes nothing', async () => {
  const { opened, respond, facts } = await open();
  const one = alert();
  await respond.ingest(one, 'host1');
  assert.equal((await respond.ingest(one, 'host1')).outcome, 'known');
  assert.deepEqual(
    (await respond.ingestAll([one, alert(), one], 'host1')).map((done) => done.outcome),
    ['known', 'added', 'known'],
  );
  assert.equal((await respond.incident(1)).alertCount, 2);
  assert.equal((await facts()).filter((kind) => kind === 'alert.raised').length, 2);
  await opened.close();
});

test('a flood is counted and not kept whole', async () => {
  const { opened, respond } = await open();
  await respond.ingestAll(
    Array.from({ length: 1100 }, () => alert()),
    'host1',
  );
  const incident = await respond.incident(1);
  assert.equal(incident.alertCount, 1100);
  const stored = async () => (await opened.db.selectFrom('respond_alerts').select('id').execute()).length;
  assert.equal(await stored(), 1000);
  assert.equal(incident.keptCount, 1000);
  await opened.close();
});

test('in a flood the first alert of each rule is kept, a sum counts what it stands for, and nothing is counted twice', async () => {
  const { opened, respond } = await open();
  const numbers = async () => {
    const { alertCount, keptCount, priority, lastAlertAt } = await respond.incident(1);
    return [alertCount, keptCount, priority, lastAlertAt];
  };
  const flood = Array.from({ length: 1000 }, () => alert());
  await respond.ingestAll(flood, 'host1');
  const late = '2026-11-21T10:20:00.000Z';
  const more = [alert({ count: 5_000 }), alert({ priority: 'critical' }, late), alert()];
  assert.deepEqual(
    (await respond.ingestAll([...more, ...more.slice(0, 2)], 'host1')).map(({ outcome }) => outcome),
    ['counted', 'added', 'counted', 'known', 'known'],
    'what is worse, by the same rule, is kept too',
  );
  assert.deepEqual(await numbers(), [6_002, 1_001, 'critical', late]);
  // As after a link that broke before the answer.
  for (const one of [...more, flood[7] as (typeof flood)[number]])
    assert.equal((await respond.ingest(one, 'host1')).outcome, 'known');
  // Another rule is not hidden by them, within a batch or alone; its second alert is a number again.
  const other = { rule: 'Read sensitive file untrusted' };
  assert.deepEqual(
    (await respond.ingestAll([alert(), alert(other), alert(other), alert()], 'host1')).map(({ outcome }) => outcome),
    ['counted', 'added', 'counted', 'counted'],
  );
  assert.equal((await respond.ingest(alert({ rule: 'Reverse shell' }), 'host1')).outcome, 'added');
  assert.equal((await respond.ingest(alert({ rule: 'Reverse shell' }), 'host1')).outcome, 'counted');
  assert.deepEqual((await numbers()).slice(0, 2), [6_008, 1_003]);
  // What was contained and goes on is open again, flood or not.
  await opened.db
    .updateTable('respond_incidents')
    .set({ state: 'contained', contained_at: '2026-11-21T10:00:30.000Z' })
    .execute();
  await respond.ingestAll([alert({}, '2026-11-21T10:00:00.000Z')], 'host1');
  assert.equal((await respond.incident(1)).state, 'contained');
  await respond.ingestAll([alert(), alert({}, late), alert({}, late)], 'host1');
  assert.equal((await respond.incident(1)).state, 'open');
  // The number ends where a column ends, and what comes after it is stored all the same.
  const most = 2 ** 31 - 1;
  await respond.ingestAll([alert({ count: most }), alert({ count: most }), alert()], 'host1');
  assert.equal((await respond.ingest(alert(), 'host1')).outcome, 'counted');
  assert.equal((await respond.incident(1)).alertCount, most);
  await opened.close();
});

test('what was only counted is known after a restart too: an agent that sends it again counts nothing twice', async () => {
  const { opened, journal, respond } = await open();
  const restarted = () =>
    new Respond({ db: opened.db, journal, clock: systemClock, log: silentLog, responder: new FakeHost() });
  await respond.ingestAll(
    Array.from({ length: 1000 }, () => alert()),
    'host1',
  );
  const batch = [alert(), alert({ count: 40 }), alert()];
  await respond.ingestAll(batch, 'host1');
  const alone = alert({ count: 7 });
  await respond.ingest(alone, 'host1');
  const after = restarted();
  for (const { outcome } of await after.ingestAll([...batch, alone], 'host1')) assert.equal(outcome, 'known');
  assert.equal((await after.ingest(alone, 'host1')).outcome, 'known');
  assert.equal((await after.incident(1)).alertCount, 1_049);
  // As many as are known stay written down, and no more.
  for (let at = 0; at < 60; at++)
    await after.ingestAll(
      Array.from({ length: 1_000 }, () => alert()),
      'host1',
    );
  const rows = await opened.db.selectFrom('respond_counted').select('ids').execute();
  const ids = rows.reduce((sum, row) => sum + row.ids.split(' ').length, 0);
  assert.ok(ids >= 50_000 && ids < 51_000, `${ids}`);
  assert.equal((await restarted().ingest(alone, 'host1')).outcome, 'counted');
  await opened.close();
});

test('kill names the topmost processes of the alerts, contains the incident, and is done once', async () => {
  const { opened, respond, host, facts } = await open();
  await respond.ingest(alert(), 'host1');
  const child = alert({
    rule: 'Read sensitive file untrusted',
    process: { ...alert().process, pid: 301, ppid: 300, name: 'cat', exe: '/bin/cat', cmdline: 'cat /etc/shadow' },
    ancestors: [
      { pid: 300, name: 'sh', exe: '/bin/sh', cmdline: 'sh -c id' },
      { pid: 200, name: 'conmon', exe: '/usr/bin/conmon', cmdline: 'conmon' },
    ],
  });
  await respond.ingest(child, 'host1');
  const action = await respond.kill(1, { what: 'process', reason: null }, 'user:ana');
  assert.deepEqual([action.state, host.calls], ['done', [{ containerId: 'c'.repeat(64), pid: 300 }]]);
  assert.match(action.outcome?.es ?? '', /300/);
  const contained = await respond.incident(1);
  assert.deepEqual([contained.state, contained.owner], ['contained', 'user:ana']);
  assert.equal((await respond.kill(1, { what: 'process', reason: null }, 'user:eva')).id, action.id);
  assert.equal(host.calls.length, 1);
  assert.ok((await facts()).includes('action.taken'));
  await opened.close();
});

test('what happens before the kill does not reopen the incident, what happens after it does', async () => {
  const { opened, respond } = await open({ ...systemClock, now: () => new Date('2026-11-21T10:01:00.000Z') });
  await respond.ingest(alert(), 'host1');
  await respond.kill(1, { what: 'container', reason: 'intruder' }, 'user:ana');
  await respond.ingest(alert({}, '2026-11-21T10:00:59.000Z'), 'host1');
  assert.equal((await respond.incident(1)).state, 'contained');
  await respond.ingest(alert({}, '2026-11-21T10:01:01.000Z'), 'host1');
  assert.deepEqual([(await respond.incident(1)).state, (await respond.incident(1)).containedAt], ['open', null]);
  await opened.close();
});

test('an incident that was contained while the clock was years ahead is open again when an alert comes', async () => {
  let now = new Date('2029-11-21T10:00:30.000Z');
  const { opened, respond } = await open({ ...systemClock, now: () => now });
  await respond.ingest(alert(), 'host1');
  await respond.kill(1, { what: 'container', reason: 'intruder' }, 'user:ana');
  assert.equal((await respond.incident(1)).state, 'contained');
  now = new Date('2026-11-21T10:01:30.000Z');
  await respond.ingest(alert({}, '2026-11-21T10:01:29.000Z'), 'host1');
  assert.equal((await respond.incident(1)).state, 'open');
  await opened.close();
});

test('an action that failed says so and contains nothing; it can be tried again', async () => {
  const { opened, respond, host } = await open();
  await respond.ingest(alert(), 'host1');
  host.answer = async () => {
    throw respondFault('respond.nothing-to-kill', { number: 1 });
  };
  const failed = await respond.kill(1, { what: 'process', reason: null }, 'user:ana');
  assert.equal(failed.state, 'failed');
  assert.match(failed.outcome?.es ?? '', /no se terminó en host1/);
  assert.equal((await respond.incident(1)).state, 'open');
  host.answer = async () => 'gone';
  const gone = await respond.kill(1, { what: 'process', reason: null }, 'user:ana');
  assert.equal(gone.state, 'done');
  assert.match(gone.outcome?.en ?? '', /had ended already; what they started may still run/);
  // Who wants to be sure ends the container after all; once is enough.
  host.answer = async () => 'killed';
  const sure = await respond.kill(1, { what: 'container', reason: null }, 'user:ana');
  assert.equal(sure.target.kind, 'container');
  assert.equal((await respond.kill(1, { what: 'process', reason: null }, 'user:ana')).id, sure.id);
  await opened.close();
});

test('a host that does not answer leaves the outcome unknown, never done', async () => {
  const quick: Clock = { ...systemClock, sleep: (_ms, signal) => systemClock.sleep(5, signal) };
  const { opened, respond, host } = await open(quick);
  await respond.ingest(alert(), 'host1');
  host.answer = () => new Promise(() => undefined);
  const action = await respond.kill(1, { what: 'container', reason: null }, 'user:ana');
  assert.equal(action.state, 'unknown');
  assert.equal((await respond.incident(1)).state, 'open');
  await opened.close();
});

test('two people who press at once cause one kill', async () => {
  const { opened, respond, host } = await open();
  await respond.ingest(alert(), 'host1');
  let release: (answer: 'killed') => void = () => undefined;
  host.answer = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const both = [
    respond.kill(1, { what: 'container', reason: null }, 'user:ana'),
    respond.kill(1, { what: 'container', reason: null }, 'user:eva'),
  ];
  const settled = Promise.allSettled(both);
  while (host.calls.length === 0) await systemClock.sleep(1);
  await systemClock.sleep(20);
  release('killed');
  const results = await settled;
  assert.equal(host.calls.length, 1);
  assert.deepEqual(results.map((result) => result.status).sort(), ['fulfilled', 'rejected']);
  const [refused] = results.filter((result) => result.status === 'rejected');
  assert.ok(hasCode('respond.action-running')(refused?.reason));
  await opened.close();
});

test('an action that control did not see the end of is unknown after a restart', async () => {
  const { opened, respond, host } = await open({ ...systemClock, sleep: () => new Promise(() => undefined) });
  await respond.ingest(alert(), 'host1');
  host.answer = () => new Promise(() => undefined);
  void respond.kill(1, { what: 'container', reason: null }, 'user:ana');
  while (host.calls.length === 0) await systemClock.sleep(1);
  assert.equal(await respond.recover(), 1);
  const { actions } = await respond.describe(1);
  assert.equal(actions[0]?.state, 'unknown');
  await opened.close();
});

test('an incident is taken on, closed with a reason, and then stays as it is', async () => {
  const { opened, respond } = await open();
  await respond.ingest(alert(), 'host1');
  assert.equal((await respond.acknowledge(1, 'user:ana')).owner, 'user:ana');
  await assert.rejects(
    respond.close(1, { decision: 'test', reason: ' ' }, 'user:ana'),
    hasCode('respond.reason-needed'),
  );
  const closed = await respond.close(1, { decision: 'test', reason: 'a drill' }, 'user:ana');
  assert.deepEqual([closed.state, closed.decision, closed.reason], ['closed', 'test', 'a drill']);
  const isClosed = hasCode('respond.incident-closed');
  await assert.rejects(respond.kill(1, { what: 'container', reason: null }, 'user:eva'), isClosed);
  await assert.rejects(respond.acknowledge(1, 'user:eva'), isClosed);
  await assert.rejects(respond.close(1, { decision: 'confirmed', reason: 'x' }, 'user:eva'), isClosed);
  assert.equal((await respond.ingest(alert(), 'host1')).incident, 2);
  await assert.rejects(respond.incident(9), hasCode('respond.incident-unknown'));
  await opened.close();
});

test('the timeline runs from the build over the verdict to the alert and the kill', async () => {
  const { opened, respond, journal } = await open();
  const record = (kind: string, body: object) =>
    opened.db.transaction().execute((tx) =>
      journal.record<RespondTables>(tx, {
        kind,
        project: 'tienda',
        actor: 'user:ana',
        subject: 'tienda/web:1',
        digest,
        body: body as never,
      }),
    );
  await record('image.built', { commit: 'abc123', durationMs: 2_000 });
  await record('image.scanned', { findings: 1 });
  await record('image.signed', { use: 'image', key: 'release' });
  await record('workload.judged', { door: 'start', decision: 'warn', environment: 'dev' });
  await record('workload.judged', { door: 'start', decision: 'refuse', environment: 'prod' });
  await record('workload.changed', { state: 'available', environment: 'dev' });
  const { id: containerId } = alert().container ?? {};
  await record('workload.exec-opened', { containerId: containerId ?? '' });
  await record('workload.exec-opened', { containerId: 'e'.repeat(64) });
  await journal.settled();
  await respond.ingest(alert({}, new Date(Date.now() + 10).toISOString()), 'host1');
  await systemClock.sleep(15);
  await respond.kill(1, { what: 'process', reason: null }, 'user:ana');
  const { timeline, processTree } = await respond.describe(1);
  assert.deepEqual(
    timeline.map((entry) => entry.station),
    ['commit', 'build', 'scan', 'signature', 'verdict', 'deploy', 'session', 'alert', 'action', 'action'],
  );
  assert.equal(timeline[4]?.title.es, 'veredicto antes de arrancar: advertir');
  assert.deepEqual([processTree[0]?.name, processTree[0]?.children[0]?.name], ['conmon', 'sh']);
  await opened.close();
});

test('control characters of a program do not reach a line of the timeline (E5)', async () => {
  const { opened, respond } = await open();
  await respond.ingest(alert({ process: { ...alert().process, cmdline: 'a\u001b[2J\nb\u202e' } }), 'host1');
  const { timeline } = await respond.describe(1);
  assert.match(timeline[0]?.title.en ?? '', /a\\u001b\[2J\\u000ab\\u202e/);
  await opened.close();
});

test('an alert that is not one is refused at the door, and long texts are cut', () => {
  const good = JSON.parse(JSON.stringify(alert({ output: 'x'.repeat(10_000) })));
  assert.equal(readAlert(good).output.length, 4096);
  const attacks: object[] = [
    { id: '1' },
    { at: 'now' },
    { priority: 'huge' },
    { process: null },
    { process: { ...good.process, pid: -1 } },
    { ancestors: Array.from({ length: 100 }, () => good.ancestors[0]) },
    { container: { id: 5 } },
    { container: undefined },
    { tags: 'all' },
    { tags: Array.from({ length: 101 }, () => 'x') },
    { rule: 'x'.repeat(301) },
    { kernelTimeNs: '1' },
    { outputFields: { deep: { a: 1 } } },
    { outputFields: Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`f${n}`, n])) },
    { at: '2026-99-99T10:00:00Z' },
    { source: { kind: 'other', file: 'f', line: 1 } },
  ];
  for (const attack of attacks) {
    assert.throws(() => readAlert({ ...good, ...attack }), hasCode('respond.alert-unreadable'));
  }
  assert.throws(() => readAlert(null), hasCode('respond.alert-unreadable'));
});

test('the routes keep a project from another, and acting from reading', async () => {
  const { opened, respond } = await open();
  await respond.ingest(alert(), 'host1');
  await respond.ingest(alert({ container: null }), 'host1');
  const as = (role: 'analyst' | 'developer', project: string): Principal => ({
    id: 'p',
    actor: 'user:ana',
    kind: 'user',
    name: 'ana',
    grants: [{ role, project }],
    tokenId: null,
  });
  let principal = as('analyst', 'tienda');
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => principal });
  registerRespondRoutes(app, respond);
  const call = async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const headers = { authorization: 'Bearer x' };
    const response = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    return { status: response.statusCode, body: response.json() };
  };
  assert.deepEqual(
    (await call('GET', '/api/v1/incidents')).body.items.map((one: { number: number }) => one.number),
    [1],
  );
  assert.equal((await call('GET', '/api/v1/alerts')).body.items.length, 1);
  assert.equal((await call('GET', '/api/v1/incidents/1')).body.timeline.length, 1);
  assert.equal((await call('GET', '/api/v1/incidents/2')).status, 404);
  assert.equal((await call('POST', '/api/v1/incidents/2/respond', { action: 'kill' })).status, 404);
  assert.equal((await call('POST', '/api/v1/incidents/1/respond', { action: 'dance' })).status, 400);
  principal = as('developer', 'tienda');
  assert.equal((await call('POST', '/api/v1/incidents/1/respond', { action: 'kill' })).status, 403);
  principal = as('analyst', 'banco');
  assert.deepEqual((await call('GET', '/api/v1/incidents')).body.items, []);
  assert.equal((await call('POST', '/api/v1/incidents/1/respond', { action: 'kill' })).status, 404);
  principal = as('analyst', '*');
  assert.equal((await call('GET', '/api/v1/incidents')).body.items.length, 2);
  const shown = (await call('GET', '/api/v1/incidents/1')).body;
  assert.deepEqual(
    [shown.title, shown.alerts, shown.pod, shown.alertsList.length, shown.processTree[0].children[0].alert],
    ['Terminal shell in container: tienda/dev/web', 1, 'web-1', 1, true],
  );
  const killed = await call('POST', '/api/v1/incidents/1/respond', { action: 'kill', reason: 'shell' });
  assert.deepEqual([killed.body.action.state, killed.body.incident.state], ['done', 'contained']);
  assert.equal(
    (await call('POST', '/api/v1/incidents/2/respond', { action: 'kill' })).body.code,
    'respond.nothing-to-kill',
  );
  assert.equal((await call('POST', '/api/v1/incidents/1/respond', { action: 'close' })).status, 400);
  await app.close();
  await opened.close();
});

test('T2: whichever statement of a batch fails, none of it is stored, and the same batch is counted once afterwards', async () => {
  for (let failing = 1; ; failing++) {
    const { opened } = await open();
    let statements = 0;
    let isArmed = false;
    const failingDb = opened.db.withPlugin({
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (isArmed && ++statements === failing) throw Object.assign(new Error('disk I/O error'), { code: 'EIO' });
        return result;
      },
    });
    const journal = {
      record: async (_tx: unknown, fact: object) => ({ ...fact, id: '', at: '' }),
      committed: () => undefined,
    };
    const respond = new Respond({
      ...{ db: failingDb, clock: systemClock, log: silentLog, responder: new FakeHost() },
      journal: { ...journal, query: async () => [] } as never,
    });
    const batch = [alert(), alert({ count: 40 }), alert({ rule: 'Reverse shell' })];
    await respond.ingestAll(
      Array.from({ length: 999 }, () => alert()),
      'host1',
    );
    isArmed = true;
    const failed = await respond.ingestAll(batch, 'host1').then(
      () => false,
      () => true,
    );
    isArmed = false;
    const numbers = async () => {
      const { alertCount, keptCount } = await respond.incident(1);
      return [alertCount, keptCount];
    };
    assert.deepEqual(await numbers(), failed ? [999, 999] : [1_041, 1_001], `statement ${failing}`);
    // The agent sends again what was not answered.
    await respond.ingestAll(batch, 'host1');
    assert.deepEqual(await numbers(), [1_041, 1_001], `statement ${failing}, again`);
    await opened.close();
    if (!failed) {
      assert.ok(failing > 5, `${failing} statements`);
      break;
    }
  }
});
