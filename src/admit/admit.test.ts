import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createApi, type Principal } from '../access/index.ts';
import { Journal, journalMigrations } from '../journal/index.ts';
import { Fault, openDatabase, silentLog, systemClock, type Text } from '../system/index.ts';
import { generateSigningKey, readPublicKey } from '../trust/index.ts';
import {
  type Admission,
  Admit,
  type AdmitTables,
  admitMigrations,
  checkVerdict,
  HostExceptions,
  joinVerdicts,
  NO_SCAN,
  NO_WORKLOAD,
  PolicyBook,
  PRESETS_FOLDER,
  readPolicies,
  registerAdmitRoutes,
  registerHostExceptionRoutes,
} from './index.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const admission: Admission = {
  image: { digest, repository: 'tienda/web', project: 'tienda', tags: [], ageDays: 0, sizeBytes: 1 },
  scan: { ...NO_SCAN, state: 'complete', hasAdvisories: true, advisoriesAgeDays: 0 },
  signatures: {
    imageVerified: true,
    imageSigners: ['release'],
    provenanceVerified: true,
    provenanceSigners: ['builder'],
    unmetDemands: [],
  },
  workload: NO_WORKLOAD,
  environment: { name: 'dev', class: 'development', runs: false },
  host: { known: true, issues: [] },
  statements: [],
  documents: [],
};
const question = {
  door: 'start',
  admission,
  specHash: 'sha256:spec',
  actor: 'user:ana',
  subject: 'tienda/dev/web',
} as const;

async function open(url = 'sqlite::memory:') {
  const opened = await openDatabase<AdmitTables>(url, [...journalMigrations, ...admitMigrations]);
  const journal = new Journal({
    db: opened.db as never,
    clock: systemClock,
    log: silentLog,
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    keyId: 'test',
  });
  const { key } = generateSigningKey(randomBytes(32));
  const policies = await readPolicies(PRESETS_FOLDER);
  const admit = new Admit({ db: opened.db, journal, clock: systemClock, policies, key });
  return { opened, journal, admit, keys: [readPublicKey(key.publicKeyPem)] };
}

function hasCode(code: string) {
  return (error: unknown) => error instanceof Fault && error.code === code;
}

test('an answer is kept with its fact, and found again by digest until it expires', async () => {
  const { opened, journal, admit } = await open();
  const [verdict] = await admit.judge([question]);
  assert.equal(verdict?.decision, 'allow');
  assert.deepEqual(await admit.verdicts({ project: 'tienda', digest, limit: 5 }), [verdict]);
  assert.deepEqual(await admit.current({ project: 'tienda', digest, door: 'start', environment: 'dev' }), verdict);
  assert.equal(await admit.current({ project: 'tienda', digest, door: 'start', environment: 'prod' }), null);
  assert.equal(await admit.current({ project: 'banco', digest }), null);
  await opened.db.updateTable('admit_verdicts').set({ expires_at: '2020-01-01T00:00:00Z' }).execute();
  await journal.settled();
  const [fact] = await journal.query({ projects: ['tienda'], kinds: ['workload.judged'], limit: 1 });
  assert.equal(fact?.digest, digest);
  await opened.close();
});

test('an agent takes a signed verdict for its image, workload and place only, in time, and never a refusal', async () => {
  const { opened, admit, keys } = await open();
  const [verdict] = await admit.judge([question]);
  assert.ok(verdict);
  const readAt = new Date(Date.now() - 5_000);
  const [early] = await admit.judge([{ ...question, readAt }]);
  assert.equal(early?.at, readAt.toISOString(), 'an answer is as old as what it was told');
  const record = admit.sign(verdict);
  const start = { project: 'tienda', environment: 'dev', digest, specHash: 'sha256:spec', now: new Date() };
  assert.deepEqual(checkVerdict(record, keys, start), verdict);
  const refused = hasCode('admit.verdict-refused');
  for (const change of [
    { project: 'banco' },
    { environment: 'prod' },
    { digest: `sha256:${'b'.repeat(64)}` },
    { specHash: 'sha256:other' },
    { now: new Date(Date.parse(verdict.expiresAt)) },
    { now: new Date(Number.NaN) },
  ]) {
    assert.throws(() => checkVerdict(record, keys, { ...start, ...change }), refused);
  }
  const sign = (change: object) => admit.sign({ ...verdict, ...change });
  assert.throws(() => checkVerdict(sign({ decision: 'refuse' }), keys, start), refused);
  assert.throws(() => checkVerdict(sign({ decision: 'yes' }), keys, start), refused);
  assert.throws(() => checkVerdict(sign({ door: 'push' }), keys, start), refused);
  assert.throws(() => checkVerdict(record, [], start), hasCode('trust.record-refused'));
  assert.throws(() => checkVerdict(verdict, keys, start), hasCode('trust.record-refused'));
  await opened.close();
});

test('an exception needs another person, an end, and a place to be found', async () => {
  const { opened, admit } = await open();
  const finding = {
    key: 'CVE-1',
    label: 'p 1 (CVE-1)',
    kind: 'vulnerability',
    severity: 'critical',
    package: 'p',
    version: '1',
    fixable: true,
    fixedVersion: '2',
    exploited: false,
    score: -1,
    epss: -1,
    decision: 'track',
    overdue: false,
    due: '',
  } as const;
  const scan = { ...admission.scan, findings: [finding] };
  const prod = {
    ...question,
    admission: { ...admission, scan, environment: { name: 'prod', class: 'production' as const, runs: false } },
  };
  assert.equal((await admit.preview(prod)).decision, 'refuse');
  const wanted = {
    project: 'tienda',
    environment: 'prod',
    rule: 'critical-vulnerability',
    subject: 'CVE-1',
    package: null,
    repository: null,
    digest,
    reason: 'the code is never reached',
    expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
  };
  for (const expiresAt of ['never', '2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z']) {
    await assert.rejects(
      admit.requestException({ ...wanted, expiresAt }, 'user:ana'),
      hasCode('admit.exception-expiry'),
    );
  }
  const { id } = await admit.requestException(wanted, 'user:ana');
  assert.equal((await admit.preview(prod)).decision, 'refuse');
  await assert.rejects(admit.approveException('tienda', id, 'user:ana'), hasCode('admit.exception-own'));
  await assert.rejects(admit.approveException('banco', id, 'user:eva'), hasCode('admit.exception-unknown'));
  assert.equal((await admit.approveException('tienda', id, 'user:eva')).approver, 'user:eva');
  assert.equal((await admit.approveException('tienda', id, 'user:leo')).approver, 'user:eva');
  assert.equal((await admit.preview(prod)).decision, 'warn');
  await opened.close();
});

test('what stands against a host’s run-times warns in dev and refuses in prod until two administrators except it for a while', async () => {
  const { opened, journal } = await open();
  const issue = { cve: 'CVE-2025-31133', title: { en: 'a', es: 'a' }, program: 'runc', version: '1.1.5' };
  let exposed = [{ host: 'h1', issues: [issue] }];
  let nowMs = Date.parse('2026-11-22T12:00:00.000Z');
  const clock = { ...systemClock, now: () => new Date(nowMs) };
  const runtimes = { exposed: async () => exposed };
  const hosts = new HostExceptions({ db: opened.db, journal, clock, runtimes });
  const policies = await readPolicies(PRESETS_FOLDER);
  const { key } = generateSigningKey(randomBytes(32));
  const admit = new Admit({ db: opened.db, journal, clock, policies, key, hosts });
  const prod = {
    ...question,
    door: 'promote' as const,
    admission: { ...admission, environment: { name: 'prod', class: 'production' as const, runs: false } },
  };
  const say = async (one: Parameters<Admit['judge']>[0][number]): Promise<string[]> =>
    (await admit.judge([one]))[0]?.reasons
      .filter(({ rule }) => rule.startsWith('host-'))
      .map(({ rule, effect, subject, exception }) => [rule, effect, subject, exception?.id].join(' ').trim()) ?? [];
  assert.deepEqual(await say(question), ['host-runtime warn CVE-2025-31133 (runc 1.1.5, h1)']);
  assert.deepEqual(await say(prod), ['host-runtime refuse CVE-2025-31133 (runc 1.1.5, h1)']);
  // What stands against a host is not for the people of a project to except.
  const ofProject = { project: 'tienda', environment: null, package: null, repository: null, digest };
  const until = new Date(nowMs + 86_400_000).toISOString();
  const own = {
    ...ofProject,
    rule: 'host-runtime',
    subject: 'CVE-2025-31133',
    reason: 'because we say so',
    expiresAt: until,
  };
  const { id: theirs } = await admit.requestException(own, 'user:ana');
  await admit.approveException('tienda', theirs, 'user:eva');
  assert.deepEqual(await say(prod), ['host-runtime refuse CVE-2025-31133 (runc 1.1.5, h1)']);
  const wanted = { host: 'h1', cves: null, reason: 'no fix in Debian yet', expiresAt: until };
  for (const wrong of [
    { ...wanted, host: 'h2' },
    { ...wanted, cves: ['CVE-2020-1'] },
    { ...wanted, cves: [] },
  ])
    await assert.rejects(hosts.request(wrong, 'user:ana'), hasCode('admit.host-exception-scope'));
  for (const expiresAt of ['never', '2020-01-01T00:00:00Z', '2099-01-01T00:00:00Z'])
    await assert.rejects(hosts.request({ ...wanted, expiresAt }, 'user:ana'), hasCode('admit.exception-expiry'));
  const { id, cves } = await hosts.request(wanted, 'user:ana');
  assert.deepEqual(cves, ['CVE-2025-31133']);
  assert.deepEqual(await say(prod), ['host-runtime refuse CVE-2025-31133 (runc 1.1.5, h1)']);
  await assert.rejects(hosts.approve(id, 'user:ana'), hasCode('admit.exception-own'));
  assert.equal((await hosts.approve(id, 'user:eva')).approver, 'user:eva');
  assert.deepEqual(await say(prod), [`host-runtime warn CVE-2025-31133 (runc 1.1.5, h1) ${id}`]);
  // The verdict ends with the exception, and what becomes known later is not covered.
  assert.equal((await admit.judge([prod]))[0]?.expiresAt, until);
  exposed = [{ host: 'h1', issues: [issue, { ...issue, cve: 'CVE-2026-1' }] }];
  assert.deepEqual(
    (await say(prod)).filter((one) => one.includes('refuse')),
    ['host-runtime refuse CVE-2026-1 (runc 1.1.5, h1)'],
  );
  exposed = [{ host: 'h1', issues: [issue] }];
  // A draft that leaves the rule out is told as what it is: it would newly allow.
  const later = await admit.replay(
    policies.find(({ name }) => name === 'prod') as (typeof policies)[number],
    '2026-01-01T00:00:00.000Z',
    'prod',
  );
  assert.ok(later.replayed > 0);
  nowMs += 2 * 86_400_000;
  assert.deepEqual(await say(prod), ['host-runtime refuse CVE-2025-31133 (runc 1.1.5, h1)']);
  await assert.rejects(hosts.approve(id, 'user:leo'), hasCode('admit.exception-over'));
  exposed = [];
  assert.deepEqual(await say(prod), ['host-unknown warn']);
  await opened.close();
});

test('the answer about several containers is the worst of them, each reason naming whose it is', async () => {
  const { opened, admit } = await open();
  const unsigned = { ...admission, signatures: { ...admission.signatures, imageVerified: false } };
  const verdicts = await admit.judge([question, { ...question, admission: unsigned }]);
  const joined = joinVerdicts(
    verdicts.map((verdict, index) => ({ subject: index === 0 ? 'web' : 'api', verdict })),
    'sha256:release',
  );
  assert.equal(joined?.decision, 'warn');
  assert.deepEqual(
    joined?.reasons.map((reason) => [reason.rule, reason.subject]),
    [['image-unsigned', 'api']],
  );
  assert.equal(joined?.specHash, 'sha256:release');
  assert.equal(joinVerdicts([], null), null);
  await opened.close();
});

test('the routes show policies and verdicts, and keep a project from another', async () => {
  const { opened, admit } = await open();
  await admit.judge([question]);
  const principal: Principal = {
    id: 'p',
    actor: 'user:ana',
    kind: 'user',
    name: 'ana',
    grants: [{ role: 'developer', project: 'tienda' }],
    tokenId: null,
  };
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => principal });
  registerAdmitRoutes(app, admit, systemClock);
  const call = async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const headers = { authorization: 'Bearer x' };
    const response = await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) });
    return { status: response.statusCode, body: response.json() };
  };
  const list = await call('GET', '/api/v1/policies');
  assert.deepEqual(
    list.body.items.map((policy: { name: string }) => policy.name),
    [...(await readPolicies(PRESETS_FOLDER)).map((policy) => policy.name)],
  );
  const manifests = 'kind: Pod\nmetadata: { name: p }\nspec: { hostPID: true, containers: [{ name: a, image: i }] }\n';
  const tested = await call('POST', '/api/v1/policies/pod-security-baseline@1.30/test', { manifests });
  assert.deepEqual([tested.status, tested.body.items[0].decision], [200, 'refuse']);
  assert.deepEqual(
    (await call('POST', '/api/v1/policies/pod-security-baseline@1.30/test', { manifests })).body,
    tested.body,
  );
  for (const policy of list.body.items as {
    name: string;
    rules: { id: string; message: Text; remedy: Text | null }[];
  }[])
    for (const { id, message, remedy } of policy.rules)
      for (const text of [message.en, message.es, remedy?.en ?? '', remedy?.es ?? ''])
        assert.doesNotMatch(text, /\{[a-zA-Z]+\}/, `${policy.name} ${id}: what a rule says has its values`);
  const prod = await call('GET', '/api/v1/policies/prod');
  assert.equal(prod.body.rules[0].id, 'scan-failed');
  assert.equal((await call('GET', '/api/v1/policies/none')).status, 404);
  assert.equal((await call('POST', '/api/v1/policies/check', { source: 'name: x' })).body.code, 'admit.policy-invalid');
  const verdicts = await call('GET', `/api/v1/projects/tienda/verdicts?digest=${digest}`);
  assert.equal(verdicts.body.items.length, 1);
  assert.equal((await call('GET', '/api/v1/projects/banco/verdicts')).status, 403);
  assert.equal((await call('GET', '/api/v1/projects/tienda/verdicts?digest=x')).status, 400);
  await app.close();
  await opened.close();
});

const OWN = (effect: string) => `name: ours
version: "1"
description: { en: Ours, es: Nuestra }
doors: { start: closed, promote: closed, ci: closed }
uses:
  - policy: disallow-latest-tag
rules:
  - { id: no-node-port, kinds: [Service], when: "object.spec.type == 'NodePort'", effect: ${effect}, message: { en: a port, es: un puerto } }
`;

async function openBook(production: { policy: string | null }) {
  const ground = await open();
  const state = { changes: 0 };
  const book = await PolicyBook.open({
    ...{ db: ground.opened.db, journal: ground.journal, clock: systemClock, presets: ground.admit.policies() },
    use: {
      environmentsUsing: async (name) =>
        name === production.policy ? [{ project: 'tienda', environment: 'pro', class: 'production' as const }] : [],
    },
    changed: () => {
      state.changes += 1;
    },
  });
  return { ...ground, book, state };
}

test('what two people have to agree to is agreed to by people, never by a token that one of them made', async () => {
  const { opened, journal, admit, book } = await openBook({ policy: 'ours' });
  const exposed = async () => [
    { host: 'h', issues: [{ cve: 'CVE-2025-1', title: { en: 'x', es: 'x' }, program: 'runc', version: '1' }] },
  ];
  const hostExceptions = new HostExceptions({ db: opened.db, journal, clock: systemClock, runtimes: { exposed } });
  const person: Principal = {
    ...{ id: 'p', actor: 'user:ana', kind: 'user', name: 'ana', tokenId: null },
    grants: [{ role: 'admin', project: '*' }],
  };
  let caller = person;
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => caller });
  registerAdmitRoutes(app, admit, systemClock, book);
  registerHostExceptionRoutes(app, hostExceptions, systemClock);
  const send = async (url: string, payload: object = {}) => {
    const headers = { authorization: 'Bearer x' };
    const response = await app.inject({ method: 'POST', url, headers, payload });
    return { status: response.statusCode, body: response.json() };
  };
  const asked = { reason: 'there is no fix yet', expiresAt: new Date(Date.now() + 86_400_000).toISOString() };
  const ofHost = await send('/api/v1/host-exceptions', { host: 'h', ...asked });
  const ofProject = await send('/api/v1/projects/tienda/exceptions', { rule: 'readiness-missing', digest, ...asked });
  const ofPolicy = await send('/api/v1/policies', { source: OWN('refuse') });
  assert.deepEqual([ofHost.status, ofProject.status, ofPolicy.body.state], [201, 201, 'waiting']);
  const approvals = [
    `/api/v1/host-exceptions/${ofHost.body.id}/approve`,
    `/api/v1/projects/tienda/exceptions/${ofProject.body.id}/approve`,
    '/api/v1/policies/ours/approve',
  ];
  caller = { ...person, id: 't', actor: 'robot:mine', kind: 'robot', name: 'mine', tokenId: 't' };
  for (const url of approvals) assert.equal((await send(url)).body.code, 'access.person-needed', url);
  assert.equal((await send('/api/v1/host-exceptions', { host: 'h', ...asked })).body.code, 'access.person-needed');
  // What her token asks for she has asked for.
  caller = { ...caller, owner: 'user:ana' };
  const byToken = await send('/api/v1/projects/tienda/exceptions', { rule: 'readiness-missing', digest, ...asked });
  assert.equal(byToken.body.author, 'user:ana');
  caller = person;
  const own = await send(`/api/v1/projects/tienda/exceptions/${byToken.body.id}/approve`);
  assert.equal(own.body.code, 'admit.exception-own');
  caller = { ...person, id: 'q', actor: 'user:eva', name: 'eva' };
  const [, , policyUrl = ''] = approvals;
  const { revision } = ofPolicy.body;
  assert.equal((await send(policyUrl, { revision: revision + 1 })).body.code, 'admit.policy-other');
  for (const url of approvals) assert.equal((await send(url, url === policyUrl ? { revision } : {})).status, 200, url);
  // Without a word of what was read, as the command line asks.
  const plain = {
    method: 'POST',
    url: '/api/v1/policies/ours/reject',
    headers: { authorization: 'Bearer x' },
  } as const;
  assert.equal((await app.inject(plain)).json().code, 'admit.policy-not-waiting');
  const unbound = {
    ...{
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'lonely' },
    },
    spec: {
      matchConstraints: {
        resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
      validations: [{ expression: "object.metadata.name.matches('^\\\\p{L}+$')" }],
    },
  };
  const told = await send('/api/v1/policies', { source: JSON.stringify(unbound) });
  assert.match(told.body.warnings?.[0]?.text.en ?? JSON.stringify(told), /no binding/);
  assert.deepEqual(ofPolicy.body.warnings, []);
  await app.close();
  await opened.close();
});

test('what is too large is refused at the door, and nothing is allowed while the database does not answer (A3)', async () => {
  const { opened, admit } = await open();
  const principal: Principal = {
    ...{ id: 'p', actor: 'user:ana', kind: 'user', name: 'ana', tokenId: null },
    grants: [{ role: 'developer', project: 'tienda' }],
  };
  const app = createApi({ instance: 'test', log: silentLog, authenticate: async () => principal });
  registerAdmitRoutes(app, admit, systemClock);
  await app.ready();
  const send = async (manifests: string): Promise<number> =>
    (
      await app.inject({
        method: 'POST',
        url: '/api/v1/policies/dev/test',
        headers: { authorization: 'Bearer x' },
        payload: { manifests },
      })
    ).statusCode;
  assert.deepEqual(
    [await send('x'.repeat(5 * 1024 * 1024)), await send('['.repeat(10_000)), await send('a: {b')],
    [413, 400, 400],
  );
  await app.close();
  await opened.close();
  // No answer is kept, so none is given: the pipeline and the agent have nothing to start by.
  await assert.rejects(admit.judge([question]));
  await assert.rejects(admit.preview(question));
});

test('while another process holds the database what is to start is refused soon and says why, and others wait (A3)', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-admit-locked-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'locked.db');
  const { opened, journal, admit } = await open(`sqlite:${path}`);
  t.after(() => opened.close());
  await admit.judge([question]);
  await journal.settled();
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  other.exec('BEGIN EXCLUSIVE');
  await assert.rejects(admit.judge([question]), hasCode('admit.not-kept'));
  // What only reads is answered all the same.
  assert.equal((await admit.preview(question)).decision, 'allow');
  const pushed = admit.judge([{ ...question, door: 'push' }]);
  await assert.rejects(admit.judge([question, { ...question, door: 'push' }]), hasCode('admit.not-kept'));
  other.exec('ROLLBACK');
  assert.equal((await pushed).length, 1);
  assert.equal((await admit.judge([question])).length, 1);
  assert.equal(
    (await admit.verdicts({ project: 'tienda', door: 'start', limit: 10 })).length,
    2,
    'nothing of what was refused is kept',
  );
});

test('a policy of one’s own is in force at once, but waits for a second person where production is judged by it', async () => {
  const production: { policy: string | null } = { policy: null };
  const { opened, journal, book, state } = await openBook(production);
  assert.equal((await book.apply(OWN('warn'), 'user:ana')).state, 'active');
  assert.equal(book.find('ours')?.rules.length, 3);
  assert.equal((await book.apply(OWN('warn'), 'user:eva')).revision, 1, 'the same text changes nothing');
  production.policy = 'ours';
  assert.equal((await book.apply(OWN('refuse'), 'user:ana')).state, 'waiting');
  assert.equal(book.find('ours')?.rules.at(-1)?.effect, 'warn', 'what waits is not in force');
  await assert.rejects(book.decide('ours', 'user:ana', 'approve'), hasCode('admit.policy-own'));
  // Who read another text has agreed to nothing.
  await assert.rejects(book.decide('ours', 'user:eva', 'approve', 1), hasCode('admit.policy-other'));
  assert.equal((await book.decide('ours', 'user:eva', 'approve')).state, 'active');
  assert.equal(book.find('ours')?.rules.at(-1)?.effect, 'refuse');
  await assert.rejects(book.decide('ours', 'user:eva', 'approve'), hasCode('admit.policy-not-waiting'));
  await assert.rejects(book.remove('ours', 'user:ana'), hasCode('admit.policy-in-use'));
  const prod = book.find('prod')?.source ?? '';
  const milder = prod.replaceAll('effect: refuse', 'effect: warn');
  assert.equal((await book.apply(milder, 'user:ana')).state, 'waiting', 'prod is production’s, used or not');
  assert.equal((await book.decide('prod', 'user:eva', 'reject')).state, 'rejected');
  production.policy = null;
  await book.remove('ours', 'user:ana');
  assert.equal(book.find('ours'), null);
  assert.deepEqual(
    (await book.revisions('ours')).map(({ revision, state: one }) => `${revision} ${one}`),
    ['2 removed', '1 superseded'],
  );
  assert.ok(state.changes >= 5);
  await journal.settled();
  const facts = await journal.query({
    projects: '*',
    kinds: ['policy.applied', 'policy.requested', 'policy.removed'],
    limit: 10,
  });
  assert.equal(facts.length, 5);
  await assert.rejects(book.apply('name: x', 'user:ana'), hasCode('admit.policy-invalid'));
  await opened.close();
});

test('what production is judged by waits for a second person, however deep and in whose words it is taken in', async () => {
  const production: { policy: string | null } = { policy: null };
  const { opened, book } = await openBook(production);
  const taking = (name: string, policy: string): string =>
    `name: ${name}\nversion: "1"\ndescription: { en: x, es: x }\ndoors: { start: closed }\nuses: [{ policy: ${policy} }]\n`;
  await book.apply(taking('inner', 'disallow-latest-tag'), 'user:ana');
  await book.apply(taking('middle', 'inner'), 'user:ana');
  await book.apply(taking('outer', 'middle'), 'user:ana');
  production.policy = 'outer';
  assert.equal((await book.apply(taking('inner', 'require-run-as-nonroot'), 'user:ana')).state, 'waiting');
  const team = {
    ...{ apiVersion: 'kyverno.io/v1', kind: 'ClusterPolicy', metadata: { name: 'team' } },
    spec: {
      rules: [
        {
          ...{ name: 'r', match: { any: [{ resources: { kinds: ['Pod'] } }] } },
          validate: { podSecurity: { level: 'baseline', version: 'latest' } },
        },
      ],
    },
  };
  await book.apply(JSON.stringify(team), 'user:ana');
  production.policy = 'team';
  assert.equal((await book.apply(taking('pod-security-baseline', 'inner'), 'user:ana')).state, 'waiting');
  await opened.close();
});

test('a draft says of what was judged who would be hit, and keeps nothing', async () => {
  const { opened, admit, book } = await openBook({ policy: null });
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { type: 'NodePort' } };
  const document = { apiVersion: 'v1', kind: 'Service', name: 'web', namespace: '', object: service };
  await admit.judge([
    question,
    { ...question, subject: 'tienda/dev/api', admission: { ...admission, documents: [document] } },
  ]);
  await admit.judge([question]);
  const before = await admit.verdicts({ project: 'tienda', limit: 50 });
  await book.apply(OWN('refuse'), 'user:ana');
  const draft = book.find('ours');
  assert.ok(draft);
  const replay = await admit.replay(draft, '2020-01-01T00:00:00Z', null);
  // What has no document cannot be judged by a rule that reads documents; it refuses and says why.
  assert.equal(replay.replayed, 2, 'a question asked twice is one');
  assert.deepEqual(replay.newlyRefused.map(({ subject }) => subject).sort(), ['tienda/dev/api', 'tienda/dev/web']);
  assert.ok(replay.errors.some(({ why }) => /no document/.test(why)));
  const usual = await admit.replay(admit.policy('dev'), '2020-01-01T00:00:00Z', 'dev');
  assert.deepEqual([usual.replayed, usual.same], [2, 2]);
  assert.equal((await admit.replay(draft, '2999-01-01T00:00:00Z', null)).replayed, 0);
  assert.equal((await admit.replay(draft, '2999-01-01T00:00:00Z', 'prod')).replayed, 0);
  await assert.rejects(admit.replay(draft, '2020-01-01T00:00:00Z', 'porduction'), { code: 'admit.policy-unknown' });
  const place = { project: 'tienda', environment: 'dev', policy: 'dev' };
  const under = await admit.replayPlace(place, 'prod', '2020-01-01T00:00:00Z');
  assert.equal(under.replayed, 2);
  assert.equal(under.counts.newlyRefused + under.counts.otherwise + under.same, 2);
  // Both answers are of the same facts, so the policy that is in force changes nothing, whatever was answered then.
  await opened.db.updateTable('admit_admissions').set({ decision: 'warn' }).execute();
  const back = await admit.replayPlace({ ...place, policy: 'prod' }, 'prod', '2020-01-01T00:00:00Z');
  assert.deepEqual([back.replayed, back.same], [2, 2]);
  assert.equal(
    (await admit.replayPlace({ ...place, environment: 'prod' }, 'prod', '2020-01-01T00:00:00Z')).replayed,
    0,
  );
  assert.equal((await admit.verdicts({ project: 'tienda', limit: 50 })).length, before.length);
  await opened.db.updateTable('admit_admissions').set({ at: '2020-01-01T00:00:00Z' }).execute();
  await admit.forgetOld();
  assert.deepEqual(await opened.db.selectFrom('admit_admissions').select('key').execute(), []);
  await opened.close();
});
