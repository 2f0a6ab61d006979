import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { Kysely } from 'kysely';
import { createApi, createVault, type Grant, PLATFORM, type Principal } from '../access/index.ts';
import { admitFault, type Replay } from '../admit/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import { openDatabase, silentLog, systemClock } from '../system/index.ts';
import { Deployments } from './deployments.ts';
import { EnvironmentPolicies } from './environment-policies.ts';
import { registerEnvironmentRoutes } from './environment-routes.ts';
import { deployMigrations } from './migrations.ts';
import { parseProjectFile } from './project-file.ts';
import type { DeployTables } from './store.ts';

const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const fileOf = (dev: string, prod = 'prod') =>
  parseProjectFile(
    `project: tienda
images: { web: web }
manifests: [kubernetes]
environments:
  dev: { policy: ${dev}, class: development }
  prod: { policy: ${prod}, class: production, approvals: 1 }
`,
    'darsena.yaml',
  );

const KNOWN = ['dev', 'prod', 'strict', 'loose'];

async function open(t: TestContext) {
  const opened = await openDatabase<DeployTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...deployMigrations,
  ]);
  t.after(opened.close);
  const db = opened.db as unknown as Kysely<never>;
  const journal = new Journal({ db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k' });
  const deployments = new Deployments({
    ...{ db, journal, clock: systemClock, vault: createVault(Buffer.alloc(32, 7)) },
  });
  await deployments.ensureProject(fileOf('dev'), 'user:ana');
  const changed: string[] = [];
  const known = new Set(KNOWN);
  const policies = new EnvironmentPolicies({
    ...{ db: db as unknown as Kysely<DeployTables>, journal, clock: systemClock },
    check: (policy) => {
      const [name = ''] = policy.split('@');
      if (!known.has(name)) throw admitFault('admit.policy-unknown', { policy: name });
    },
    changed: (project) => changed.push(project),
  });
  const facts = async () => {
    await journal.settled();
    const all = await journal.query({ projects: '*', limit: 100 });
    return all
      .filter(({ kind }) => kind.startsWith('environment.'))
      .map(({ kind, actor, body }) => {
        const { before, after } = body as { before: string; after: string };
        return `${kind.slice('environment.policy-'.length)} ${before} → ${after} by ${actor}`;
      })
      .toReversed();
  };
  return { db: opened.db, deployments, policies, changed, known, facts };
}

const person = (name: string, grants: readonly Grant[] = PLATFORM.grants): Principal => ({
  ...{ ...PLATFORM, id: name, actor: `user:${name}`, kind: 'user', name },
  grants,
});
const token = (of: string): Principal => ({
  ...{ ...PLATFORM, id: 'ci', actor: 'robot:ci', kind: 'robot', name: 'ci' },
  owner: `user:${of}`,
});
const prod = { project: 'tienda', environment: 'prod' };
const dev = { project: 'tienda', environment: 'dev' };

test('production gets another policy when a second person agrees, and not before', async (t) => {
  const { deployments, policies, changed, facts } = await open(t);
  const asked = await policies.set(prod, 'strict', 'a reason', person('ana'));
  assert.deepEqual([asked.policy, asked.waiting?.after, changed], ['prod', 'strict', []]);
  const change = asked.waiting?.id ?? '';
  for (const who of [person('ana'), token('ana')])
    await assert.rejects(policies.decide(prod, change, 'approve', who), {
      code: who.kind === 'user' ? 'deploy.policy-own' : 'access.person-needed',
    });
  assert.equal((await deployments.readEnvironment('tienda', 'prod')).policy, 'prod');
  const agreed = await policies.decide(prod, change, 'approve', person('eva'));
  assert.deepEqual([agreed.policy, agreed.waiting, changed], ['strict', null, ['tienda']]);
  await assert.rejects(policies.decide(prod, change, 'approve', person('eva')), { code: 'deploy.policy-not-waiting' });
  assert.deepEqual(await facts(), ['requested prod → strict by user:ana', 'changed prod → strict by user:eva']);
  // Whatever the project file says from then on.
  await deployments.ensureProject(fileOf('dev', 'prod'), 'user:luis');
  assert.equal((await deployments.readEnvironment('tienda', 'prod')).policy, 'strict');
});

test('who asked by a token cannot agree as a person', async (t) => {
  const { policies } = await open(t);
  const { waiting } = await policies.set(prod, 'loose', '', token('ana'));
  await assert.rejects(policies.decide(prod, waiting?.id ?? '', 'approve', person('ana')), {
    code: 'deploy.policy-own',
  });
});

test('another change takes the place of one that waits, so that nobody agrees to what they were not shown', async (t) => {
  const { policies, facts, changed } = await open(t);
  const first = await policies.set(prod, 'strict', '', person('ana'));
  const second = await policies.set(prod, 'loose', '', person('ana'));
  await assert.rejects(policies.decide(prod, first.waiting?.id ?? '', 'approve', person('eva')), {
    code: 'deploy.policy-not-waiting',
  });
  assert.deepEqual(
    second.changes.map(({ after, state }) => `${after} ${state}`),
    ['loose waiting', 'strict superseded'],
  );
  // The policy that it has takes the change back.
  assert.equal((await policies.set(prod, 'prod', '', person('ana'))).waiting, null);
  assert.deepEqual(await facts(), [
    'requested prod → strict by user:ana',
    'withdrawn prod → strict by user:ana',
    'requested prod → loose by user:ana',
    'withdrawn prod → loose by user:ana',
  ]);
  assert.deepEqual(changed, []);
});

test('a change of production may be rejected, by its author too', async (t) => {
  const { policies } = await open(t);
  for (const who of ['eva', 'ana']) {
    const { waiting } = await policies.set(prod, 'loose', '', person('ana'));
    const after = await policies.decide(prod, waiting?.id ?? '', 'reject', person(who));
    assert.deepEqual([after.policy, after.waiting, after.changes[0]?.state], ['prod', null, 'rejected']);
  }
});

test('what an administrator gave a development environment is not taken away by a project file, until it is left to it', async (t) => {
  const { deployments, policies, changed, facts } = await open(t);
  assert.equal((await policies.read('tienda', 'dev')).followsFile, true);
  const set = await policies.set(dev, 'strict', '', person('ana'));
  assert.deepEqual([set.policy, set.followsFile, set.waiting, changed], ['strict', false, null, ['tienda']]);
  const kept = await deployments.ensureProject(fileOf('dev'), 'user:luis');
  assert.deepEqual(kept, [
    {
      en: 'dev keeps the policy strict, not dev: an administrator set it (darsena env set tienda/dev --policy dev)',
      es: 'dev conserva la política strict, no dev: la fijó un administrador (darsena env set tienda/dev --policy dev)',
    },
  ]);
  assert.equal((await deployments.readEnvironment('tienda', 'dev')).policy, 'strict');
  assert.deepEqual(await deployments.ensureProject(fileOf('strict'), 'user:luis'), []);
  assert.equal((await policies.set(dev, null, '', person('ana'))).followsFile, true);
  await deployments.ensureProject(fileOf('loose'), 'user:luis');
  assert.equal((await deployments.readEnvironment('tienda', 'dev')).policy, 'loose');
  assert.deepEqual(await facts(), ['changed dev → strict by user:ana', 'changed strict → strict by user:ana']);
  await assert.rejects(policies.set(prod, null, '', person('ana')), { code: 'deploy.policy-of-file' });
});

test('a policy that nobody knows is given to no environment, also where it is gone when somebody agrees', async (t) => {
  const { policies, known } = await open(t);
  await assert.rejects(policies.set(dev, 'nonsense', '', person('ana')), { code: 'admit.policy-unknown' });
  await assert.rejects(policies.set({ project: 'tienda', environment: 'pre' }, 'strict', '', person('ana')), {
    code: 'deploy.environment-unknown',
  });
  const { waiting } = await policies.set(prod, 'strict@1.30', '', person('ana'));
  known.delete('strict');
  await assert.rejects(policies.decide(prod, waiting?.id ?? '', 'approve', person('eva')), {
    code: 'admit.policy-unknown',
  });
  assert.equal((await policies.read('tienda', 'prod')).waiting?.state, 'waiting');
});

test('a policy that production would be judged by counts as its own while the change waits', async (t) => {
  const { policies } = await open(t);
  assert.deepEqual(await policies.using('strict'), []);
  const { waiting } = await policies.set(prod, 'strict@1.30', '', person('ana'));
  const place = { project: 'tienda', environment: 'prod', class: 'production' };
  assert.deepEqual(await policies.using('strict'), [place]);
  await policies.decide(prod, waiting?.id ?? '', 'reject', person('eva'));
  assert.deepEqual(await policies.using('strict'), []);
  assert.deepEqual(await policies.using('prod'), [place], 'without a release too');
});

test('administrators of the platform change policies, approvers of the project agree, developers read', async (t) => {
  const { deployments, policies } = await open(t);
  const grants: Readonly<Record<string, readonly Grant[]>> = {
    admin: [{ role: 'admin', project: '*' }],
    own: [{ role: 'admin', project: 'tienda' }],
    approver: [{ role: 'approver', project: 'tienda' }],
    developer: [{ role: 'developer', project: 'tienda' }],
    stranger: [{ role: 'admin', project: 'banco' }],
  };
  const app = createApi({
    instance: 'darsena',
    log: silentLog,
    authenticate: async (name) => person(name, grants[name] ?? []),
  });
  t.after(() => app.close());
  const asked: string[] = [];
  registerEnvironmentRoutes(app, {
    ...{ policies, deployments, clock: systemClock },
    judge: {
      running: async (environment, project, policy) => {
        asked.push(`${project}/${environment.name} ${policy}`);
        if (policy === 'loose') throw admitFault('admit.policy-unknown', { policy });
        return [];
      },
      replay: async () => ({}) as Replay,
    },
  });
  const url = '/api/v1/projects/tienda/environments/prod/policy';
  const ask = async (who: string, method: 'GET' | 'PUT' | 'POST', path: string, payload?: object) => {
    const headers = { authorization: `Bearer ${who}` };
    return app.inject({ method, url: path, headers, ...(payload === undefined ? {} : { payload }) });
  };
  const codes = async (method: 'GET' | 'PUT' | 'POST', path: string, payload?: object) => {
    const found: number[] = [];
    for (const who of Object.keys(grants)) found.push((await ask(who, method, path, payload)).statusCode);
    return found;
  };
  assert.deepEqual(await codes('GET', url), [200, 200, 200, 200, 403]);
  assert.deepEqual(await codes('POST', `${url}/try`, { policy: 'strict' }), [200, 200, 200, 200, 403]);
  assert.deepEqual(await codes('PUT', url, { policy: 'strict' }), [200, 403, 403, 403, 403]);
  const change = (await policies.read('tienda', 'prod')).waiting?.id ?? '';
  for (const who of ['developer', 'stranger', 'admin'])
    assert.equal((await ask(who, 'POST', `${url}/approve`, { change })).statusCode, 403, who);
  assert.equal((await ask('approver', 'POST', `${url}/approve`, { change })).statusCode, 200);
  for (const policy of ['', '../x', 'a b', 'x@', 7])
    assert.equal((await ask('admin', 'PUT', url, { policy })).statusCode, 400, String(policy));
  // Whose policy cannot be asked is seen all the same, to be given another one.
  await policies.set(dev, 'loose', '', person('admin'));
  const seen = await ask('developer', 'GET', url.replace('prod', 'dev'));
  const { problem, running, policy } = seen.json<{ problem: { en: string }; running: unknown[]; policy: string }>();
  assert.deepEqual([policy, running, problem.en], ['loose', [], 'there is no policy "loose"']);
});
