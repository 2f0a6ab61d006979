import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { z } from 'zod';
import { Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import { type Clock, describeIssues, openDatabase, silentLog, systemClock } from '../system/index.ts';
import {
  Access,
  type AccessTables,
  accessMigrations,
  createApi,
  createVault,
  may,
  PLATFORM,
  type ROLES,
  registerAccessRoutes,
  visibleProjects,
} from './index.ts';

const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

async function open(t: TestContext) {
  let offsetMs = 0;
  const clock: Clock = {
    ...systemClock,
    now: () => new Date(Date.now() + offsetMs),
    monotonicMs: () => performance.now() + offsetMs,
    // It goes on with what really passes: nothing here waits for days.
    aged: () => new Date(),
  };
  const opened = await openDatabase<AccessTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...accessMigrations,
  ]);
  t.after(opened.close);
  const journal = new Journal({ db: opened.db as never, clock, log: silentLog, checkpointKeyPem, keyId: 'k' });
  const access = new Access({ db: opened.db as never, journal, clock });
  const app = createApi({ instance: 'test', log: silentLog, authenticate: (secret) => access.authenticate(secret) });
  registerAccessRoutes(app, {
    access,
    instance: 'test',
    consoleUrl: 'https://localhost:7443',
    mutual: { certify: () => assert.fail('not asked'), port: 7444, authorityPem: '' },
  });
  app.route({
    method: 'GET',
    url: '/api/v1/projects/:project/secret',
    config: { action: 'audit.read' },
    handler: async () => ({ ok: true }),
  });
  t.after(() => app.close());
  return {
    access,
    journal,
    app,
    pass: (ms: number) => {
      offsetMs += ms;
    },
  };
}

async function sessionOf(access: Access, name: string) {
  const { code } = await access.issueCode(name, 'platform');
  return access.exchangeCode(code);
}

test('a login code works once and for ten minutes', async (t) => {
  const { access, pass } = await open(t);
  await access.ensureAdministrator('root');
  const first = await access.issueCode('root', 'platform');
  assert.equal((await access.exchangeCode(first.code)).user.name, 'root');
  await assert.rejects(access.exchangeCode(first.code), { code: 'access.code-invalid' });
  const second = await access.issueCode('root', 'platform');
  pass(10 * 60_000 + 1);
  await assert.rejects(access.exchangeCode(second.code), { code: 'access.code-invalid' });
});

test('a token ends when it expires, when it is revoked and when its owner is removed', async (t) => {
  const { access, pass } = await open(t);
  await access.ensureAdministrator('root');
  await access.createUser('ana', [{ role: 'developer', project: 'tienda' }], 'platform');
  const expired = await sessionOf(access, 'ana');
  assert.equal((await access.authenticate(expired.secret)).actor, 'user:ana');
  pass(13 * 3_600_000);
  await assert.rejects(access.authenticate(expired.secret), { code: 'access.token-invalid' });
  const revoked = await sessionOf(access, 'ana');
  await access.revokeToken(revoked.record.id, await access.authenticate(revoked.secret));
  await assert.rejects(access.authenticate(revoked.secret), { code: 'access.token-invalid' });
  const orphan = await sessionOf(access, 'ana');
  await access.removeUser('ana', 'platform');
  await assert.rejects(access.authenticate(orphan.secret), { code: 'access.token-invalid' });
});

test('a clock that is years ahead for a while ends no token for good', async (t) => {
  const { access, pass } = await open(t);
  await access.ensureAdministrator('root');
  const session = await sessionOf(access, 'root');
  const years = 800 * 24 * 3_600_000;
  pass(years);
  await assert.rejects(access.authenticate(session.secret), { code: 'access.token-invalid' });
  await sessionOf(access, 'root');
  pass(-years);
  assert.equal((await access.authenticate(session.secret)).actor, 'user:root');
});

test('a password is kept as argon2id, and guessing is slowed down', async (t) => {
  const { access, pass } = await open(t);
  const root = await access.ensureAdministrator('root');
  await assert.rejects(access.setPassword(root.id, 'short', undefined), { code: 'access.password-weak' });
  await access.setPassword(root.id, 'correct horse', undefined);
  assert.equal((await access.login('root', 'correct horse')).user.name, 'root');
  await assert.rejects(access.setPassword(root.id, 'another horse', undefined), { code: 'access.credentials-wrong' });
  for (let n = 0; n < 10; n += 1)
    await assert.rejects(access.login('root', 'wrong'), { code: 'access.credentials-wrong' });
  await assert.rejects(access.login('root', 'correct horse'), { code: 'access.too-many-tries' });
  pass(60_001);
  assert.equal((await access.login('root', 'correct horse')).user.name, 'root');
});

test('a first password ends no login, so the command line that up logged in stays; another one does', async (t) => {
  const { access } = await open(t);
  const root = await access.ensureAdministrator('root');
  const other = await sessionOf(access, 'root');
  const asking = await sessionOf(access, 'root');
  await access.setPassword(root.id, 'correct horse', undefined, asking.record.id);
  await access.authenticate(other.secret);
  await access.setPassword(root.id, 'another horse', 'correct horse', asking.record.id);
  await access.authenticate(asking.secret);
  await assert.rejects(access.authenticate(other.secret), { code: 'access.token-invalid' });
});

test('the last administrator cannot be removed or lose the role', async (t) => {
  const { access } = await open(t);
  await access.ensureAdministrator('root');
  await assert.rejects(access.removeUser('root', 'user:root'), { code: 'access.last-admin' });
  await assert.rejects(access.changeGrants('root', [], 'user:root'), { code: 'access.last-admin' });
});

test('roles: an auditor never writes, an approver does not release, one project is not another', () => {
  const as = (role: (typeof ROLES)[number], project: string) => ({ ...PLATFORM, grants: [{ role, project }] });
  for (const action of [
    'image.push',
    'image.delete',
    'release.create',
    'promotion.approve',
    'workload.exec',
    'incident.respond',
    'advisories.update',
    'base.create',
    'user.manage',
    'platform.admin',
  ] as const) {
    assert.equal(may(as('auditor', '*'), action, 'tienda'), false, action);
  }
  assert.equal(may(as('approver', 'tienda'), 'release.create', 'tienda'), false);
  assert.equal(may(as('developer', 'tienda'), 'promotion.approve', 'tienda'), false);
  assert.equal(may(as('developer', 'tienda'), 'image.push', 'tienda'), true);
  assert.equal(may(as('developer', 'tienda'), 'image.push', 'banco'), false);
  assert.equal(may(as('developer', 'tienda'), 'host.read', null), false);
  assert.deepEqual(visibleProjects(as('developer', 'tienda'), 'image.read'), ['tienda']);
  assert.equal(visibleProjects(as('auditor', '*'), 'audit.read'), '*');
});

test('the API: no token, a forged one, a token of another project, a cookie from another site', async (t) => {
  const { access, app } = await open(t);
  await access.ensureAdministrator('root');
  await access.createUser('eva', [{ role: 'auditor', project: 'banco' }], 'platform');
  const eva = (await sessionOf(access, 'eva')).secret;
  const root = (await sessionOf(access, 'root')).secret;
  const get = (url: string, headers: Record<string, string>) => app.inject({ method: 'GET', url, headers });
  assert.equal((await get('/api/v1/me', {})).statusCode, 401);
  for (const forged of ['Bearer dtk_x', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Basic cm9vdDpyb290', `Bearer ${root}x`]) {
    assert.equal((await get('/api/v1/me', { authorization: forged })).statusCode, 401, forged);
  }
  const bearer = { authorization: `Bearer ${eva}` };
  assert.equal((await get('/api/v1/projects/banco/secret', bearer)).statusCode, 200);
  const refused = await get('/api/v1/projects/tienda/secret', { ...bearer, 'accept-language': 'es' });
  assert.equal(refused.statusCode, 403);
  assert.equal(refused.json().code, 'access.not-allowed');
  assert.match(refused.json().title, /no puede hacer esto/);
  const cookie = { cookie: `__Host-darsena-test=${root}` };
  assert.equal(
    (await app.inject({ method: 'POST', url: '/api/v1/me/language', headers: cookie, payload: { language: 'es' } }))
      .statusCode,
    403,
  );
  const ours = { ...cookie, 'x-darsena': '1' };
  assert.equal(
    (await app.inject({ method: 'POST', url: '/api/v1/me/language', headers: ours, payload: { language: 'es' } }))
      .statusCode,
    200,
  );
  assert.equal((await get('/api/v1/nothing', bearer)).json().code, 'access.route-unknown');
});

test('what is wrong with a request is said place by place, in the language of who asks', async (t) => {
  const { access, app } = await open(t);
  await access.ensureAdministrator('root');
  const authorization = `Bearer ${(await sessionOf(access, 'root')).secret}`;
  const ask = async (payload: string | object, language: string) => {
    const headers = { authorization, 'accept-language': language, 'content-type': 'application/json' };
    const { json } = await app.inject({ method: 'POST', url: '/api/v1/users', headers, payload });
    return json<{ detail: string; params: { why: string } }>();
  };
  const wrong = { name: 'Ñ', grants: [{ role: 'king', project: 7 }] };
  const en =
    '/name does not match /^[a-z][a-z0-9._-]{0,62}$/; /grants/0/role expected a role; /grants/0/project expected text';
  assert.equal((await ask(wrong, 'en')).detail, en);
  const spanish = await ask(wrong, 'es');
  assert.equal(
    spanish.detail,
    '/name no se ajusta a /^[a-z][a-z0-9._-]{0,62}$/; /grants/0/role se esperaba un rol; /grants/0/project se esperaba texto',
  );
  assert.equal(spanish.params.why, en);
  assert.match((await ask({}, 'es')).detail, /^\/name falta/);
  assert.equal((await ask('{', 'es')).detail, 'el cuerpo no es JSON');
  for (const nul of [
    { name: 'eva', grants: ['a\0b'] },
    { name: 'eva', 'a\0': 1 },
  ])
    assert.equal((await ask(nul, 'es')).detail, 'un texto lleva el carácter U+0000');
  const { json } = await app.inject({ url: '/api/v1/users?x=%00', headers: { authorization } });
  assert.match(json<{ detail: string }>().detail, /U\+0000/);
  // Whatever a schema can say is said in words of ours in both languages.
  const schema = z.strictObject({
    ...{
      a: z.string().max(3),
      b: z.int().min(2),
      c: z.enum(['x', 'y']),
      d: z.array(z.string()).max(1),
      e: z.iso.datetime(),
    },
    ...{ f: z.union([z.string(), z.number()]), g: z.literal('q'), h: z.record(z.string().regex(/^a$/), z.string()) },
    ...{ i: z.discriminatedUnion('t', [z.object({ t: z.literal('1') })]), j: z.boolean(), k: z.number().multipleOf(2) },
    l: z.number().gt(1),
  });
  const value = {
    a: '1234',
    b: 1,
    c: 'z',
    d: ['1', '2'],
    e: '',
    f: true,
    g: 'w',
    h: { b: '' },
    i: {},
    k: 3,
    l: 1,
    zz: 1,
  };
  const issues = schema.safeParse(value).error?.issues ?? [];
  assert.equal(issues.length, 13);
  const words = issues.map(({ code, message, path, ...params }) =>
    describeIssues([{ keyword: code, message, instancePath: `/${path.join('/')}`, params }]),
  );
  assert.deepEqual(
    words.map(({ es }) => es),
    [
      '/a se esperaban como máximo 3 caracteres',
      '/b se esperaba como mínimo 2',
      '/c se esperaba uno de "x", "y"',
      '/d se esperaban como máximo 1 elementos',
      '/e se esperaba una fecha y hora (2026-01-31T09:00:00Z)',
      '/f no tiene ninguna de las formas admitidas aquí',
      '/g se esperaba uno de "q"',
      '/h/b es un nombre que no se admite aquí',
      '/i/t se esperaba uno de "1"',
      '/j falta',
      '/k se esperaba un múltiplo de 2',
      '/l se esperaba más de 1',
      '/ tiene miembros que aquí no se conocen: "zz"',
    ],
  );
  for (const { en, es } of words) assert.notEqual(en, es);
});

test('the API describes itself: every route, with what it takes and who may', async (t) => {
  const { app } = await open(t);
  const response = await app.inject({ method: 'GET', url: '/api/v1/openapi.json' });
  assert.equal(response.statusCode, 200);
  const described = response.json<{
    openapi: string;
    paths: Record<string, Record<string, { security: object[]; parameters?: { name: string; in: string }[] }>>;
  }>();
  assert.match(described.openapi, /^3\.1\./);
  const found = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{([^}]+)\}/g, ':$1')}`),
  );
  const source = await readFile(join(import.meta.dirname, 'routes.ts'), 'utf8');
  const written = [...source.matchAll(/method: '([A-Z]+)',\s*url: '(\/api\/[^']+)'/g)].map(([, a, b]) => `${a} ${b}`);
  assert.ok(written.length > 15);
  for (const route of written) assert.ok(found.includes(route), route);
  assert.deepEqual(described.paths['/api/v1/session/certificate']?.['post']?.security, []);
  assert.deepEqual(
    described.paths['/api/v1/users/{name}']?.['delete']?.parameters?.map((one) => one.name),
    ['name'],
  );
  assert.equal(described.paths['/api/v1/users']?.['get']?.security.length, 2);
});

test('a route that names no action does not start', async (t) => {
  const { app } = await open(t);
  assert.throws(
    () => app.route({ method: 'GET', url: '/api/v1/forgotten', handler: async () => ({}) }),
    /names no action/,
  );
});

test('a route whose body has defaults alone is asked without one, and the description says so', async (t) => {
  const app = createApi({ instance: 'test', log: silentLog, authenticate: () => assert.fail('not asked') });
  t.after(() => app.close());
  const config = { action: 'public' } as const;
  const some = z.strictObject({ rollBack: z.boolean().default(true) });
  const routes = {
    '/api/v1/given': some.prefault({}),
    '/api/v1/perhaps': some.nullish(),
    '/api/v1/needed': some,
  };
  for (const [url, body] of Object.entries(routes)) {
    app.route({ method: 'POST', url, config, schema: { body }, handler: async (request) => ({ got: request.body }) });
  }
  await app.ready();
  const post = async (url: string, sent: object = {}) => (await app.inject({ method: 'POST', url, ...sent })).json();
  const json = { headers: { 'content-type': 'application/json' } };
  assert.deepEqual(await post('/api/v1/given'), { got: { rollBack: true } });
  assert.deepEqual(await post('/api/v1/given', { ...json, payload: 'null' }), { got: { rollBack: true } });
  assert.deepEqual(await post('/api/v1/given', { payload: { rollBack: false } }), { got: { rollBack: false } });
  assert.equal((await post('/api/v1/given', { payload: { other: 1 } })).code, 'access.request-invalid');
  assert.ok(!('code' in (await post('/api/v1/perhaps'))));
  assert.equal((await post('/api/v1/needed')).code, 'access.request-invalid');
  const { paths } = (await app.inject('/api/v1/openapi.json')).json();
  const required = Object.keys(routes).map((url) => paths[url].post.requestBody.required);
  assert.deepEqual(required, [false, false, true]);
});

test('what finds no room on the disk is answered with that, and not as a failure of the platform', async (t) => {
  const app = createApi({ instance: 'test', log: silentLog, authenticate: () => assert.fail('not asked') });
  t.after(() => app.close());
  const faults: Record<string, object> = {
    file: { code: 'ENOSPC' },
    sqlite: { errcode: 13 },
    postgres: { code: '53100' },
  };
  for (const [name, marks] of Object.entries(faults)) {
    const handler = async () => {
      throw new Error('it was not kept', { cause: Object.assign(new Error('full'), marks) });
    };
    app.route({ method: 'GET', url: `/api/v1/${name}`, config: { action: 'public' }, handler });
  }
  for (const name of Object.keys(faults)) {
    const answer = await app.inject({ url: `/api/v1/${name}`, headers: { 'accept-language': 'es' } });
    assert.deepEqual([answer.statusCode, answer.json().code], [507, 'access.disk-full']);
    assert.match(answer.json().detail, /está lleno/);
  }
});

test('nobody makes a token that may do more than they may', async (t) => {
  const { access } = await open(t);
  await access.ensureAdministrator('root');
  await access.createUser('ana', [{ role: 'developer', project: 'tienda' }], 'platform');
  const by = await access.authenticate((await sessionOf(access, 'ana')).secret);
  const request = { name: 'ci', days: 1, by };
  await assert.rejects(access.issueRobotToken({ ...request, grant: { role: 'admin', project: 'tienda' } }), {
    code: 'access.grant-too-wide',
  });
  await assert.rejects(access.issueRobotToken({ ...request, grant: { role: 'developer', project: '*' } }), {
    code: 'access.grant-too-wide',
  });
  const robot = await access.issueRobotToken({ ...request, grant: { role: 'developer', project: 'tienda' } });
  const { actor, owner } = await access.authenticate(robot.secret);
  assert.equal(actor, 'robot:ci');
  assert.match(owner ?? '', /^user:/, 'who made it stands behind it');
});

test('sealed secrets open only whole, in their own place and under their own key', () => {
  const vault = createVault(Buffer.alloc(32, 1));
  const sealed = vault.seal(Buffer.from('s3cret'), 'tienda/dev/db');
  assert.equal(Buffer.from(vault.open(sealed, 'tienda/dev/db')).toString(), 's3cret');
  assert.throws(() => vault.open(sealed, 'tienda/prod/db'));
  assert.throws(() => createVault(Buffer.alloc(32, 2)).open(sealed, 'tienda/dev/db'));
  const changed = Uint8Array.from(sealed);
  changed[20] = (changed[20] ?? 0) ^ 1;
  assert.throws(() => vault.open(changed, 'tienda/dev/db'));
});
