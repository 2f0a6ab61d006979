import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Alert } from '../detect/index.ts';
import { Journal, journalMigrations } from '../journal/index.ts';
import { Fault, newId, openDatabase, silentLog, systemClock } from '../system/index.ts';
import { ACTIONS } from './actions.ts';
import { type Deeds, Quarantines, Respond, type RespondTables, respondFault, respondMigrations } from './index.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const hasCode = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

function alert(change: Partial<Alert> = {}): Alert {
  return {
    ...{ id: newId(), at: new Date().toISOString(), kernelTimeNs: 1, rule: 'Terminal shell in container' },
    ...{ priority: 'notice', tags: ['container', 'shell'], output: 'A shell', outputFields: { 'proc.name': 'sh' } },
    container: {
      ...{ id: 'c'.repeat(64), name: 'web', project: 'tienda', environment: 'dev', workload: 'web', pod: 'web-1' },
      ...{ container: 'web', image: 'tienda/web', digest },
    },
    process: {
      ...{ pid: 300, ppid: 200, name: 'sh', exe: '/bin/sh', cmdline: 'sh', cwd: '/', uid: 0, tty: 0, startedAt: null },
    },
    ancestors: [],
    source: { kind: 'rule', file: 'rules.yaml', line: 1 },
    ...change,
  };
}

async function open(deeds: Partial<Deeds> = {}) {
  const opened = await openDatabase<RespondTables>('sqlite::memory:', [...journalMigrations, ...respondMigrations]);
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  const responder = { kill: async () => 'killed' as const };
  const respond = new Respond({ db: opened.db, journal, clock: systemClock, log: silentLog, responder, deeds });
  const facts = async () => {
    await journal.settled();
    return journal.query({ projects: '*', order: 'oldest', limit: 1000 });
  };
  return { opened, journal, respond, facts };
}

const DONE = { en: 'done', es: 'hecho' };

test('what can be done is what this platform has a part for, and what takes something back is offered after it', async () => {
  const { opened, respond } = await open({ isolate: async () => DONE, unisolate: async () => DONE });
  await respond.ingest(alert(), 'host1');
  await respond.ingest(alert({ container: null }), 'host1');
  const open1 = async (number: number) =>
    (await respond.offers(number)).filter(({ why }) => why === null).map(({ kind }) => kind);
  assert.deepEqual(await open1(1), ['isolate', 'kill-process', 'kill-container']);
  assert.deepEqual(await open1(2), []);
  const action = await respond.act(1, { kind: 'isolate', reason: 'why' }, 'user:ana');
  assert.deepEqual([action.state, action.outcome], ['done', DONE]);
  assert.deepEqual([(await respond.incident(1)).state, (await respond.incident(1)).owner], ['contained', 'user:ana']);
  assert.deepEqual(await open1(1), ['unisolate', 'kill-process', 'kill-container']);
  await assert.rejects(
    respond.act(1, { kind: 'isolate', reason: null }, 'user:ana'),
    hasCode('respond.action-unavailable'),
  );
  await assert.rejects(
    respond.act(1, { kind: 'pause', reason: null }, 'user:ana'),
    hasCode('respond.action-unavailable'),
  );
  await respond.act(1, { kind: 'unisolate', reason: null }, 'user:luis');
  assert.equal((await respond.incident(1)).state, 'acknowledged');
  assert.deepEqual(await open1(1), ['isolate', 'kill-process', 'kill-container']);
  await opened.close();
});

test('an action that the host refuses is told as not done, contains nothing, and is a fact all the same', async () => {
  const { opened, respond, facts } = await open({
    isolate: async () => {
      throw respondFault('respond.nothing-to-kill', { number: 1 });
    },
  });
  await respond.ingest(alert(), 'host1');
  const action = await respond.act(1, { kind: 'isolate', reason: 'why' }, 'user:ana');
  assert.equal(action.state, 'failed');
  assert.match(action.outcome?.en ?? '', /not done: its alerts|not done: incident 1/);
  assert.equal((await respond.incident(1)).state, 'open');
  const fact = (await facts()).find(({ kind }) => kind === 'action.taken');
  assert.ok(fact !== undefined);
  assert.equal(fact.actor, 'user:ana');
  assert.match(JSON.stringify(fact.body), /"kind":"isolate".*"reason":"why"/);
  await opened.close();
});

test('every action says in both languages what it will do, and each undo takes back the one that names it', async () => {
  const { opened, respond } = await open();
  await respond.ingest(alert(), 'host1');
  const incident = await respond.incident(1);
  for (const { kind, undo, undoes, effect } of ACTIONS) {
    for (const { en, es } of effect(incident)) assert.ok(en.length > 10 && es.length > 10 && en !== es, kind);
    if (undo !== null && undoes === null) assert.equal(ACTIONS.find((one) => one.kind === undo)?.undoes, kind);
  }
  await opened.close();
});

test('an image in quarantine stays there over a restart, in its project only, until somebody releases it', async () => {
  const { opened, journal, facts } = await open();
  const make = async () => {
    const made = new Quarantines({ db: opened.db, journal, clock: systemClock });
    await made.open();
    return made;
  };
  const first = await make();
  const image = { project: 'tienda', digest, incident: 3, actor: 'user:ana', reason: 'tampered' };
  await first.add(image);
  await first.add({ ...image, actor: 'user:luis' });
  const second = await make();
  assert.match(second.reason('tienda', digest)?.en ?? '', /incident 3: user:ana/);
  assert.equal(second.reason('other', digest), null);
  assert.deepEqual(second.list(['other']), []);
  await second.release('tienda', digest, 'user:eva', null);
  assert.equal((await make()).reason('tienda', digest), null);
  assert.deepEqual(
    (await facts()).map(({ kind, actor }) => `${kind} ${actor}`),
    ['image.quarantined user:ana', 'image.released user:eva'],
  );
  await opened.close();
});
