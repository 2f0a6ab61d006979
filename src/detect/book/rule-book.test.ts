import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createApi, type Principal } from '../../access/index.ts';
import { EXEC, HEADER, KernelEvent, PathNames, RECORD, unknownProcess } from '../../events/index.ts';
import { Journal, journalMigrations } from '../../journal/index.ts';
import { Fault, openDatabase, silentLog, systemClock } from '../../system/index.ts';
import { RuleEngine } from '../engine.ts';
import {
  type DetectTables,
  detectMigrations,
  type KeptGroundPort,
  RuleBook,
  registerKeptRoutes,
  registerRuleRoutes,
} from './index.ts';

const rule = (name: string, condition: string) =>
  `- rule: ${name}\n  desc: d\n  condition: ${condition}\n  output: o\n  priority: INFO\n`;
const SHIPPED = [{ file: 'shipped/a.yaml', text: rule('Program started', 'evt.type = execve') }];

/** A program started in a container of the place. */
function execIn(project: string, environment: string, name: string): KernelEvent {
  const memory = new ArrayBuffer(512);
  const view = new DataView(memory);
  view.setUint16(0, RECORD.exec, true);
  view.setUint32(HEADER.length, EXEC.bytes, true);
  const around = {
    parentOf: () => undefined,
    processOf: () => undefined,
    userName: () => null,
    groupName: () => null,
    ask: () => null,
    wallOffsetNs: Date.parse('2026-06-01T00:00:00Z') * 1e6,
    bootOffsetNs: 0,
  };
  const event = new KernelEvent(memory, around, new PathNames());
  event.load(0);
  event.process = unknownProcess(7, 1, name);
  const container = {
    id: 'a'.repeat(64),
    name: 'c',
    workload: 'web',
    pod: 'web-1',
    container: 'web',
    image: null,
    digest: null,
  };
  event.container = { ...container, project, environment };
  return event;
}

function alertsOf(engine: RuleEngine, event: KernelEvent): string[] {
  const held = engine.match(event) ?? [];
  return held.filter((one) => engine.fires(event, one)).map((one) => engine.ruleName(event.type, one));
}

async function open() {
  const opened = await openDatabase<DetectTables>('sqlite::memory:', [...journalMigrations, ...detectMigrations]);
  const journal = new Journal({
    db: opened.db as never,
    clock: systemClock,
    log: silentLog,
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    keyId: 'test',
  });
  const told: string[] = [];
  const options = { db: opened.db, journal, clock: systemClock, shipped: SHIPPED };
  const book: RuleBook = await RuleBook.open({ ...options, changed: () => told.push(book.order().revision) });
  const facts = async () => {
    await journal.settled();
    const list = await journal.query({ projects: '*', limit: 50 });
    return list.map(({ kind, subject }) => `${kind} ${subject}`);
  };
  return { opened, journal, book, told, facts, reopen: () => RuleBook.open({ ...options, changed: () => undefined }) };
}

const hasCode = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;
const file = (name: string, text: string, project: string | null = null, environment: string | null = null) => ({
  name,
  text,
  project,
  environment,
});
const tuning = { project: null, environment: null, workload: null, condition: null, until: null, reason: 'known' };

test('a rule of a project counts there and nowhere else, with the lists and macros of all', () => {
  const engine = RuleEngine.load([
    ...SHIPPED,
    {
      file: 'words.yaml',
      text: '- list: shells\n  items: [sh, bash]\n- macro: started\n  condition: evt.type = execve\n',
    },
    {
      file: 'tienda.yaml',
      text: rule('Shell in the shop', 'started and proc.name in (shells)'),
      scope: { project: 'tienda', environment: 'prod' },
    },
    { file: 'other.yaml', text: rule('Shell in the shop', 'started'), scope: { project: 'otra', environment: null } },
  ]);
  assert.equal(engine.hasErrors, false);
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'prod', 'bash')), ['Program started', 'Shell in the shop']);
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'prod', 'ls')), ['Program started']);
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'dev', 'bash')), ['Program started']);
  assert.deepEqual(alertsOf(engine, execIn('otra', 'dev', 'ls')), ['Program started', 'Shell in the shop']);
});

test('a file of a project cannot change a rule that counts everywhere', () => {
  const scope = { project: 'tienda', environment: null };
  const engine = RuleEngine.load([
    ...SHIPPED,
    { file: 'x.yaml', text: rule('Program started', 'evt.type = open'), scope },
  ]);
  assert.deepEqual(
    engine.findings.filter(({ severity }) => severity === 'error').map(({ file, item }) => [file, item]),
    [['x.yaml', 'Program started']],
  );
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'dev', 'ls')), ['Program started']);
});

test('what is known harmless raises no alert in its place and time, and is counted', () => {
  const base = { ...tuning, rule: 'Program started' };
  const engine = RuleEngine.load(SHIPPED, [
    { ...base, id: 'one', project: 'tienda', environment: 'dev', condition: 'proc.name = backup' },
    { ...base, id: 'past', until: '2026-05-31T00:00:00Z' },
    { ...base, id: 'wide', project: 'otra', workload: 'web', until: '2026-06-02T00:00:00Z' },
  ]);
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'dev', 'backup')), []);
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'dev', 'backup2')), ['Program started']);
  assert.deepEqual(alertsOf(engine, execIn('tienda', 'prod', 'backup')), ['Program started']);
  assert.deepEqual(alertsOf(engine, execIn('otra', 'prod', 'x')), []);
  assert.deepEqual(
    [...engine.tuned],
    [
      ['one', 1],
      ['wide', 1],
    ],
  );
});

test('a tuning whose condition is none makes the whole set an error, and no sensor fall', () => {
  const engine = RuleEngine.load(SHIPPED, [
    { ...tuning, id: 'x', rule: 'Program started', condition: 'constructor = 1' },
  ]);
  assert.equal(engine.hasErrors, true);
});

test('a wrong file changes nothing and names its place; a right one is kept in its order, with its fact', async () => {
  const { opened, book, told, facts, reopen } = await open();
  await assert.rejects(book.apply(file('bad.yaml', rule('Bad', 'proc.nmae = x')), 'user:ana'), (error: unknown) => {
    assert.ok(error instanceof Fault && error.code === 'detect.rules-invalid');
    assert.match(error.message, /3:\d+: LOAD_ERR_COMPILE_CONDITION/);
    return true;
  });
  assert.deepEqual(told, []);
  await book.apply(file('z.yaml', '- macro: shop\n  condition: proc.name = shop\n'), 'user:ana');
  await book.apply(file('a.yaml', rule('Shop started', 'evt.type = execve and shop')), 'user:ana');
  // It was first: what it says now is still read before the other.
  await book.apply(file('z.yaml', '- macro: shop\n  condition: proc.name = tienda\n'), 'user:eva');
  await assert.rejects(book.remove('z.yaml', 'user:eva'), hasCode('detect.rules-invalid'));
  const kept = await reopen();
  assert.deepEqual(kept.order(), book.order());
  assert.deepEqual(
    kept.files().map(({ name, author }) => [name, author]),
    [
      ['z.yaml', 'user:eva'],
      ['a.yaml', 'user:ana'],
    ],
  );
  assert.equal(new Set(told).size, 3);
  await book.remove('a.yaml', 'user:eva');
  await book.remove('z.yaml', 'user:eva');
  assert.deepEqual((await facts()).slice(0, 2), ['rules.removed z.yaml', 'rules.removed a.yaml']);
  await opened.close();
});

test('a tuning names a rule that is there, a condition that reads, a time to come; it ends with its fact', async () => {
  const { opened, book, facts } = await open();
  await assert.rejects(book.tune({ ...tuning, rule: 'Program startd' }, 'user:ana'), (error: unknown) => {
    assert.ok(error instanceof Fault && error.code === 'detect.rule-unknown');
    assert.match(error.text('en').why ?? '', /Program started/);
    return true;
  });
  const good = { ...tuning, rule: 'Program started' };
  await assert.rejects(
    book.tune({ ...good, condition: 'proc.name =' }, 'user:ana'),
    hasCode('detect.condition-invalid'),
  );
  await assert.rejects(book.tune({ ...good, condition: 'a_macro' }, 'user:ana'), hasCode('detect.condition-invalid'));
  await assert.rejects(
    book.tune({ ...good, until: '2020-01-01T00:00:00Z' }, 'user:ana'),
    hasCode('detect.tuning-past'),
  );
  const { id } = await book.tune({ ...good, condition: 'proc.name = backup' }, 'user:ana');
  assert.deepEqual(
    book.order().tunings.map((one) => one.condition),
    ['proc.name = backup'],
  );
  await book.untune(id, 'user:eva');
  assert.deepEqual(book.order().tunings, []);
  assert.deepEqual(
    (await book.tunings()).map(({ endedBy }) => endedBy),
    ['user:eva'],
  );
  assert.deepEqual((await facts()).slice(0, 2), ['rules.untuned Program started', 'rules.tuned Program started']);
  await opened.close();
});

test('an analyst of a project tunes there and not elsewhere; what is of another project is not shown', async () => {
  const { opened, book } = await open();
  await book.apply(file('otra.yaml', rule('Otra', 'evt.type = execve'), 'otra'), 'user:root');
  const principal: Principal = {
    id: 'u',
    actor: 'user:ana',
    kind: 'user',
    name: 'ana',
    grants: [{ role: 'analyst', project: 'tienda' }],
    tokenId: null,
  };
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => principal });
  registerRuleRoutes(app, book, { keptBack: () => new Map(), states: () => [] });
  const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', url: string, payload?: object) => {
    const headers = { authorization: 'Bearer x' };
    const response = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    return { status: response.statusCode, body: response.json() };
  };
  const wanted = { rule: 'Program started', reason: 'known' };
  assert.equal((await call('POST', '/api/v1/rules/tunings', wanted)).status, 403);
  assert.equal((await call('POST', '/api/v1/rules/tunings', { ...wanted, project: 'otra' })).status, 403);
  assert.equal((await call('POST', '/api/v1/rules/tunings', { ...wanted, environment: 'dev' })).status, 400);
  assert.equal((await call('POST', '/api/v1/rules/tunings', { ...wanted, project: 'tienda' })).status, 201);
  assert.equal((await call('PUT', '/api/v1/rules/files/x.yaml', { text: rule('X', 'evt.type = execve') })).status, 403);
  // Not by taking the file of another project for one's own either.
  const stolen = { text: rule('X', 'evt.type = execve'), project: 'tienda' };
  assert.equal((await call('PUT', '/api/v1/rules/files/otra.yaml', stolen)).status, 403);
  assert.equal((await call('DELETE', '/api/v1/rules/files/otra.yaml')).status, 403);
  assert.equal((await call('GET', '/api/v1/rules/files/otra.yaml')).status, 404);
  assert.equal((await call('PUT', '/api/v1/rules/files/x.yaml', stolen)).status, 200);
  const { body } = await call('GET', '/api/v1/rules');
  assert.deepEqual(
    body.items.map(({ name }: { name: string }) => name),
    ['Program started', 'X'],
  );
  await app.close();
  await opened.close();
});

const ana: Principal = {
  ...{ id: 'u', actor: 'user:ana', kind: 'user', name: 'ana', tokenId: null },
  grants: [{ role: 'analyst', project: 'tienda' }],
};

async function openTrials(ask: KeptGroundPort['ask']) {
  const { opened, journal, book } = await open();
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => ana });
  registerKeptRoutes(app, {
    ...{ book, journal, db: opened.db as never, clock: systemClock },
    ground: { hosts: () => ['vm'], ask },
  });
  const close = async (): Promise<void> => {
    await app.close();
    await opened.close();
  };
  return { app, book, close };
}

test('a trial asks hosts for what the caller may see: neither other projects nor hosts', async () => {
  const asked: unknown[] = [];
  const { app, book, close } = await openTrials(async (_host, { draft, projects }) => {
    asked.push([draft?.scope ?? null, projects]);
    return {};
  });
  await book.apply(file('otra.yaml', rule('Otra', 'evt.type = execve'), 'otra'), 'user:root');
  const text = rule('X', 'evt.type = execve');
  const statusOf = async (payload: object): Promise<number> => {
    const headers = { authorization: 'Bearer x' };
    return (await app.inject({ method: 'POST', url: '/api/v1/rules/try', headers, payload })).statusCode;
  };
  assert.equal(await statusOf({ text }), 403);
  assert.equal(await statusOf({ text, project: 'otra' }), 403);
  assert.equal(await statusOf({ text, project: 'tienda', name: 'otra.yaml' }), 403);
  assert.equal(await statusOf({ rule: 'Program started', project: 'otra' }), 403);
  assert.equal(await statusOf({ rule: 'Otra' }), 404);
  assert.equal(await statusOf({ rule: 'Program started', environment: 'e'.repeat(21) }), 400);
  assert.deepEqual(asked, []);
  assert.equal(await statusOf({ text, project: 'tienda' }), 200);
  assert.equal(await statusOf({ rule: 'Program started' }), 200);
  assert.deepEqual(asked, [
    [{ project: 'tienda', environment: null }, ['tienda']],
    [null, ['tienda']],
  ]);
  await close();
});

test('who goes away ends the trial on the hosts', { timeout: 120_000 }, async () => {
  const began = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const { app, close } = await openTrials(async (_host, _question, signal) => {
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    began.resolve();
    await ended.promise;
    return {};
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const headers = { authorization: 'Bearer x', 'content-type': 'application/json' };
  const asking = request({ port, host: '127.0.0.1', path: '/api/v1/rules/try', method: 'POST', headers });
  const gone = once(asking, 'error');
  asking.end(JSON.stringify({ rule: 'Program started' }));
  await began.promise;
  asking.destroy(new Error('gone'));
  await gone;
  await ended.promise;
  await close();
});

test('a draft that changes rules of others names them, and not those of projects', async () => {
  const { opened, book } = await open();
  await book.apply(file('words.yaml', '- list: shells\n  items: [sh]\n'), 'user:root');
  await book.apply(file('otra.yaml', rule('Otra', 'evt.type = execve and proc.name in (shells)'), 'otra'), 'user:root');
  const namesOf = (name: string, text: string): string[] => book.draft(file(name, text)).rules.map((one) => one.name);
  const narrowed = '- rule: Program started\n  condition: and proc.name = bash\n  override:\n    condition: append\n';
  assert.deepEqual(namesOf('narrow.yaml', narrowed), ['Program started']);
  assert.deepEqual(namesOf('words.yaml', '- list: shells\n  items: [sh, bash]\n'), []);
  assert.deepEqual(namesOf('new.yaml', rule('New', 'evt.type = execve')), ['New']);
  await opened.close();
});
