import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { Kysely } from 'kysely';
import { createApi, createVault, PLATFORM, type Principal } from '../access/index.ts';
import type { Verdict } from '../admit/index.ts';
import { BuildSecrets } from '../build/index.ts';
import { Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import { openDatabase, silentLog, systemClock } from '../system/index.ts';
import type { WorkloadChange } from './change-words.ts';
import { addChange, carryChanges, toManifestChange } from './changes.ts';
import type { Composition } from './composition.ts';
import { Deployments, isAsWanted, type NewRelease } from './deployments.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { expandReferences } from './engines/local/orders.ts';
import { sampleContainer } from './engines/local/simulation.ts';
import { readManifests, translateManifests } from './kubernetes/index.ts';
import { deployMigrations } from './migrations.ts';
import type { WantedState } from './model.ts';
import { parseProjectFile } from './project-file.ts';
import { Quotas, useOf, withDefaults } from './quota.ts';
import { registerQuotaRoutes } from './quota-routes.ts';
import { type Releases, registerDeployRoutes } from './routes.ts';
import { isShort } from './run-routes.ts';
import { type RunOrder, Runs, runManifests } from './runs.ts';
import { ANY_CONTAINER } from './scaling/vertical.ts';
import type { DeployTables } from './store.ts';

test('what failed is not as it should be, whoever serves in its place', () => {
  for (const phase of ['rolled-back', 'refused', 'degraded', 'progressing', 'failed'] as const) {
    // The pods of the version before are ready, or a job has none at work.
    assert.ok(!isAsWanted({ phase, ready: 1, wanted: 1 }), phase);
    assert.ok(!isAsWanted({ phase, ready: 0, wanted: 0 }), phase);
  }
  assert.ok(isAsWanted({ phase: 'available', ready: 1, wanted: 1 }));
  assert.ok(isAsWanted({ phase: 'completed', ready: 0, wanted: 0 }));
});

const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const digest = `sha256:${'a'.repeat(64)}` as const;

const PROJECT = `project: tienda
images: { web: web }
manifests: [kubernetes]
environments:
  dev: { policy: dev, class: development }
  prod: { policy: prod, class: production, approvals: 1 }
`;

function composition(environment: string, spec: string): Composition {
  const pod = {
    labels: {},
    annotations: {},
    initContainers: [],
    containers: [],
    volumes: [],
    terminationGraceSeconds: 30,
  };
  return {
    workloads: [
      {
        key: { project: 'tienda', environment, name: 'web' },
        specHash: spec,
        pod,
        replicas: 1,
        minReadySeconds: 0,
        strategy: { kind: 'recreate' },
        progressDeadlineSeconds: 600,
      },
    ],
    services: [],
    routes: [],
    volumes: [],
    contents: {},
  };
}

function verdict(decision: Verdict['decision']): Verdict {
  return {
    id: 'v',
    at: new Date().toISOString(),
    door: 'start',
    decision,
    reasons: [],
    policy: { name: 'dev', version: '1' },
    project: 'tienda',
    environment: 'dev',
    digest,
    specHash: null,
    restart: false,
    expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
  };
}

const release = (environment: string, spec: string, decision: Verdict['decision'] = 'allow'): NewRelease => ({
  project: 'tienda',
  environment,
  composition: composition(environment, spec),
  source: { projectFile: PROJECT, manifests: [] },
  digests: [{ name: 'web', repository: 'tienda/web', digest }],
  verdict: verdict(decision),
  promotedFrom: null,
  commit: null,
  actor: 'user:ana',
  authors: ['user:ana'],
});

function status(environment: string, generation: number, phase: WorkloadStatus['phase'], spec: string): WorkloadStatus {
  const ready = phase === 'available' ? 1 : 0;
  return {
    key: { project: 'tienda', environment, name: 'web' },
    specHash: spec,
    generation,
    phase,
    wanted: 1,
    ready,
    updated: ready,
    conditions: [],
    replicas: [],
  };
}

async function open(
  t: TestContext,
  options: Pick<ConstructorParameters<typeof Deployments>[0], 'projectsOfImages'> = {},
) {
  const opened = await openDatabase<DeployTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...deployMigrations,
  ]);
  t.after(opened.close);
  const db = opened.db as unknown as Kysely<never>;
  const journal = new Journal({ db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k' });
  const deployments = new Deployments({
    ...{ db, journal, clock: systemClock, vault: createVault(Buffer.alloc(32, 7)) },
    ...options,
  });
  const told: WantedState[] = [];
  deployments.onWanted((wanted) => told.push(wanted));
  await deployments.ensureProject(parseProjectFile(PROJECT, 'darsena.yaml'), 'user:ana');
  return { db: opened.db, deployments, journal, told };
}

const person = (name: string): Principal => ({ ...PLATFORM, id: name, actor: `user:${name}`, kind: 'user', name });

test('a release that is refused is written down and never reaches a host', async (t) => {
  const { deployments, told } = await open(t);
  const refused = await deployments.release(release('dev', 's1', 'refuse'));
  assert.equal(refused.state, 'refused');
  assert.equal(told.length, 0);
  assert.deepEqual((await deployments.wanted()).workloads, []);
});

test('a release becomes available by what the host reports, and the one before is replaced', async (t) => {
  const { deployments, told } = await open(t);
  const first = await deployments.release(release('dev', 's1'));
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  assert.equal((await deployments.readRelease(first.id)).state, 'available');
  const second = await deployments.release(release('dev', 's2'));
  assert.equal(told.at(-1)?.workloads[0]?.specHash, 's2');
  assert.equal(told.at(-1)?.workloads[0]?.previous?.specHash, 's1');
  // A status of the release before says nothing about this one.
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  assert.equal((await deployments.readRelease(second.id)).state, 'rolling-out');
  await deployments.report([status('dev', 2, 'available', 's2')], true);
  assert.equal((await deployments.readRelease(second.id)).state, 'available');
  assert.equal((await deployments.readRelease(first.id)).state, 'superseded');
  assert.equal(told.at(-1)?.workloads[0]?.previous, null);
  const targets = async (): Promise<number[]> =>
    (await deployments.returnTargets('tienda', 'dev')).map((target) => target.number);
  assert.deepEqual(await targets(), [1], 'what served before can be returned to, what is in place cannot');
  await deployments.release(release('dev', 's3', 'refuse'));
  assert.deepEqual(await targets(), [1], 'nor what was refused');
});

test('a release that went back gives its place to the last one that was good', async (t) => {
  const { deployments, told } = await open(t);
  await deployments.release(release('dev', 's1'));
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  const bad = await deployments.release(release('dev', 's2'));
  await deployments.report([status('dev', 2, 'rolled-back', 's2')], true);
  assert.equal((await deployments.readRelease(bad.id)).state, 'rolled-back');
  assert.equal(told.at(-1)?.workloads[0]?.specHash, 's1');
  assert.equal((await deployments.stableRelease('tienda', 'dev')).release.number, 1);
});

test('a release that went back says why, also what its pods had against them before they went', async (t) => {
  const { db, deployments } = await open(t);
  const since = '2026-11-23T10:00:00.000Z';
  const late = { en: 'not ready within 60 s', es: 'sin estar lista en 60 s' };
  const first = await deployments.release(release('dev', 's1'));
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  const bad = await deployments.release(release('dev', 's2'));
  const crash = { en: 'web ends: no configuration', es: `web termina: ${'sin configuración '.repeat(100)}` };
  await deployments.report(
    [{ ...status('dev', 2, 'progressing', 's2'), conditions: [{ type: 'crash-loop', since, text: crash }] }],
    true,
  );
  await deployments.report(
    [{ ...status('dev', 2, 'rolled-back', 's2'), conditions: [{ type: 'rolled-back', since, text: late }] }],
    true,
  );
  const { why } = await deployments.readRelease(bad.id);
  assert.deepEqual(
    why.map(({ workload, text }) => [workload, text.en]),
    [
      ['web', late.en],
      ['web', crash.en],
    ],
  );
  assert.equal(why[1]?.text.es.length, 500);
  const facts = await db.selectFrom('journal_facts').select('body').execute();
  assert.ok(facts.some(({ body }) => String(body).includes('web: web ends: no configuration')));
  assert.deepEqual((await deployments.readRelease(first.id)).why, []);
  const other = await deployments.release(release('dev', 's3'));
  await deployments.report([status('dev', 3, 'available', 's3')], true);
  assert.deepEqual((await deployments.readRelease(other.id)).why, [], 'what an earlier one had is not said of it');
});

test('what runs is in use whatever became of its release, and before a host has spoken every release is', async (t) => {
  const { deployments } = await open(t);
  const other = `sha256:${'e'.repeat(64)}` as const;
  await deployments.release(release('dev', 's1'));
  await deployments.release({
    ...release('prod', 'p1', 'refuse'),
    digests: [{ name: 'web', repository: 'tienda/web', digest: other }],
  });
  assert.deepEqual([...(await deployments.digestsInUse())].sort(), [digest, other].sort());
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  assert.deepEqual([...(await deployments.digestsInUse())], [digest]);
  const container = {
    name: 'web',
    id: 'c',
    image: 'tienda/web',
    digest: other,
    state: 'running',
    pid: 1,
    attempt: 0,
  } as const;
  const replica = {
    name: 'web-0',
    podId: 'p',
    specHash: 's0',
    phase: 'running',
    ready: true,
    restarts: 0,
    startedAt: null,
    lastExit: null,
    containers: [container],
  } as const;
  await deployments.report([{ ...status('dev', 1, 'available', 's1'), replicas: [replica] }], true);
  assert.deepEqual([...(await deployments.digestsInUse())].sort(), [digest, other].sort());
});

test('revisions only rise, so that a host never follows an older wanted state', async (t) => {
  const { deployments, told } = await open(t);
  for (const n of [1, 2, 3]) {
    await deployments.release(release('dev', `s${n}`));
    await deployments.report([status('dev', n, n === 2 ? 'rolled-back' : 'available', `s${n}`)], true);
  }
  const revisions = told.map((wanted) => wanted.revision);
  assert.deepEqual(
    [...revisions].sort((a, b) => a - b),
    revisions,
  );
});

test('who asked for a promotion or wrote the release cannot approve it; a robot cannot; another person can', async (t) => {
  const { deployments } = await open(t);
  const source = await deployments.release(release('dev', 's1'));
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  const to = await deployments.readEnvironment('tienda', 'prod');
  const { id } = await deployments.requestPromotion({ source, to, verdict: verdict('allow'), by: person('bea') });
  for (const by of [person('ana'), person('bea'), { ...person('ci'), kind: 'robot' as const }]) {
    await assert.rejects(
      deployments.decide('tienda', id, by, 'approve', null),
      { code: 'deploy.same-person' },
      by.name,
    );
  }
  assert.equal((await deployments.decide('tienda', id, person('eva'), 'approve', 'ok')).state, 'approved');
  await assert.rejects(deployments.decide('tienda', id, person('eva'), 'approve', null), {
    code: 'deploy.promotion-decided',
  });
});

test('nobody approves what they asked for or wrote by a token or a robot, nor what came of it', async (t) => {
  const { deployments } = await open(t);
  const to = await deployments.readEnvironment('tienda', 'prod');
  const token = (of: string): Principal => ({ ...person('ci'), actor: 'robot:ci', kind: 'robot', owner: `user:${of}` });
  const ask = async (authors: readonly string[], by: Principal) => {
    const source = await deployments.release({ ...release('dev', 's1'), actor: 'robot:ci', authors });
    return deployments.requestPromotion({ source, to, verdict: verdict('allow'), by });
  };
  const approve = async (id: string, by: Principal) => {
    try {
      return (await deployments.decide('tienda', id, by, 'approve', null)).state;
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const same = 'deploy.same-person';
  const cases: readonly (readonly [string, readonly string[], Principal, readonly (readonly [Principal, string])[]])[] =
    [
      [
        'by a token of bea',
        ['user:ana'],
        token('bea'),
        [
          [person('bea'), same],
          [token('eva'), same],
          [person('eva'), 'approved'],
        ],
      ],
      [
        'by bea',
        ['user:ana'],
        person('bea'),
        [
          [token('bea'), same],
          [token('eva'), same],
          [person('eva'), 'approved'],
        ],
      ],
      [
        'of a release by a token of ana',
        ['user:ana'],
        person('bea'),
        [
          [person('ana'), same],
          [person('eva'), 'approved'],
        ],
      ],
      [
        'written by ana, brought on by bea',
        ['user:ana', 'user:bea'],
        person('luis'),
        [
          [person('ana'), same],
          [person('bea'), same],
          [person('luis'), same],
          [person('eva'), 'approved'],
        ],
      ],
    ];
  for (const [what, authors, by, answers] of cases) {
    const { id, requestedBy, requester } = await ask(authors, by);
    assert.deepEqual([requestedBy, requester], [by.actor, by.owner ?? by.actor], what);
    for (const [who, answer] of answers) assert.equal(await approve(id, who), answer, `${what}: ${who.actor}`);
  }
});

test('a promotion that policy refuses is never open for approval', async (t) => {
  const { deployments } = await open(t);
  const source = await deployments.release(release('dev', 's1'));
  const to = await deployments.readEnvironment('tienda', 'prod');
  const { id, state } = await deployments.requestPromotion({
    source,
    to,
    verdict: verdict('refuse'),
    by: person('bea'),
  });
  assert.equal(state, 'refused');
  await assert.rejects(deployments.decide('tienda', id, person('eva'), 'approve', null), {
    code: 'deploy.promotion-decided',
  });
});

test('the project file cannot loosen what guards production', async (t) => {
  const { deployments } = await open(t);
  const loosened = PROJECT.replace(
    'policy: prod, class: production, approvals: 1',
    'policy: dev, class: development, approvals: 0',
  );
  const kept = await deployments.ensureProject(parseProjectFile(loosened, 'darsena.yaml'), 'user:eva');
  assert.deepEqual(
    kept.map(({ en }) => en.split(':')[0]),
    [
      'prod keeps the class production, not development',
      'prod keeps the policy prod, not dev',
      'prod keeps the approvals 1, not 0',
    ],
  );
  assert.deepEqual(await deployments.ensureProject(parseProjectFile(PROJECT, 'darsena.yaml'), 'user:ana'), []);
  assert.deepEqual(await deployments.readEnvironment('tienda', 'prod'), {
    name: 'prod',
    class: 'production',
    policy: 'prod',
    approvals: 1,
  });
});

test('what a release was made from lies sealed: no Secret of it can be read from the table', async (t) => {
  const { db, deployments } = await open(t);
  const secret = { kind: 'secret' as const, name: 'clave', data: { password: 'czNjcmV0LWNhbmFyeQ==' } };
  const request = release('dev', 's1');
  await deployments.release({ ...request, composition: { ...request.composition, contents: { h: secret } } });
  const rows = await db.selectFrom('deploy_releases').selectAll().execute();
  const plain = rows
    .map((row) => `${JSON.stringify({ ...row, sealed: null })}${Buffer.from(row.sealed).toString('latin1')}`)
    .join();
  assert.ok(!plain.includes('czNjcmV0LWNhbmFyeQ') && !plain.includes('s3cret-canary'));
  assert.deepEqual((await deployments.wanted()).contents['h'], secret);
});

test('a project that only has images so far is among the projects of who may see it', async (t) => {
  const images = [
    { name: 'almacen', createdAt: '2026-01-01T00:00:00Z' },
    { name: 'tienda', createdAt: '2026-01-02T00:00:00Z' },
  ];
  const { deployments } = await open(t, { projectsOfImages: async () => images });
  await deployments.release(release('dev', 's1'));
  const reader: Principal = { ...person('eva'), grants: [{ role: 'developer', project: 'almacen' }] };
  const [only, ...others] = await deployments.listProjects(reader);
  assert.deepEqual([only, others], [{ ...images[0], environments: [] }, []]);
  assert.deepEqual(
    (await deployments.listProjects(person('ana'))).map(({ name, environments }) => [name, environments.length > 0]),
    [
      ['almacen', false],
      ['tienda', true],
    ],
  );
  assert.equal((await deployments.readProject('almacen')).createdAt, images[0]?.createdAt);
  await assert.rejects(deployments.readProject('nada'), { code: 'deploy.project-unknown' });
});

test('a reader of another project sees neither it nor its workloads', async (t) => {
  const { deployments } = await open(t);
  await deployments.release(release('dev', 's1'));
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  const stranger: Principal = { ...person('eva'), grants: [{ role: 'developer', project: 'banco' }] };
  assert.deepEqual(await deployments.listProjects(stranger), []);
  assert.deepEqual(deployments.statuses(stranger), []);
  assert.equal((await deployments.listProjects(person('ana'))).length, 1);
});

test('a release under trial gets its share, and is promoted when it is well or goes as if it had not been', async (t) => {
  const { deployments, told } = await open(t);
  await deployments.release(release('dev', 's1'));
  await deployments.report([status('dev', 1, 'available', 's1')], true);
  const tried = await deployments.release({ ...release('dev', 's2'), canary: 20 });
  assert.deepEqual(told.at(-1)?.workloads[0]?.canary, { percent: 20 });
  await assert.rejects(deployments.endTrial('tienda', 'dev', 'promote', 'user:ana'), {
    code: 'deploy.canary-not-ready',
  });
  await deployments.report([status('dev', 2, 'canary', 's2')], true);
  assert.equal((await deployments.readRelease(tried.id)).state, 'canary');
  assert.equal((await deployments.stableRelease('tienda', 'dev')).release.number, 1);
  // A pod that falls ill later makes it wait again.
  await deployments.report([status('dev', 2, 'progressing', 's2')], true);
  await assert.rejects(deployments.endTrial('tienda', 'dev', 'promote', 'user:ana'), {
    code: 'deploy.canary-not-ready',
  });
  await deployments.report([status('dev', 2, 'canary', 's2')], true);
  await deployments.endTrial('tienda', 'dev', 'promote', 'user:ana');
  assert.equal(told.at(-1)?.workloads[0]?.canary, undefined);
  assert.equal(told.at(-1)?.workloads[0]?.previous?.specHash, 's1');
  await deployments.report([status('dev', 2, 'available', 's2')], true);
  assert.equal((await deployments.readRelease(tried.id)).state, 'available');
  await assert.rejects(deployments.endTrial('tienda', 'dev', 'abort', 'user:ana'), { code: 'deploy.no-canary' });

  const bad = await deployments.release({ ...release('dev', 's3'), canary: 5 });
  await deployments.report([status('dev', 3, 'canary', 's3')], true);
  await deployments.endTrial('tienda', 'dev', 'abort', 'user:ana');
  assert.equal((await deployments.readRelease(bad.id)).state, 'rolled-back');
  assert.match((await deployments.readRelease(bad.id)).why[0]?.text.en ?? '', /ended by user:ana/);
  assert.equal(told.at(-1)?.workloads[0]?.specHash, 's2');
  const sick = await deployments.release({ ...release('dev', 's4'), canary: 5 });
  await deployments.report([status('dev', 4, 'canary', 's4')], true);
  await deployments.report([status('dev', 4, 'rolled-back', 's4')], true);
  assert.equal((await deployments.readRelease(sick.id)).state, 'rolled-back');
  assert.equal(told.at(-1)?.workloads[0]?.specHash, 's2');
});

test('what hosts are told under a number is never older than what the number stands for, whoever asks meanwhile', async (t) => {
  const { deployments, told } = await open(t);
  await deployments.release(release('dev', 's1'));
  for (let round = 0; round < 60; round++) {
    const draining = round % 2 === 0;
    const wanted = draining ? { draining, disregardBudgets: false, reason: 'r' } : null;
    // Somebody else's news is read while the host is taken out of service, or given back: at each of its steps in turn.
    const others = deployments.announce();
    for (let step = 0; step < round >> 1; step++) await Promise.resolve();
    await Promise.all([others, deployments.setMaintenance(wanted, 'user:ana')]);
    const last = Math.max(...told.map(({ revision }) => revision));
    for (const { revision, maintenance } of told.splice(0))
      if (revision === last) assert.equal(maintenance?.draining ?? false, draining, `round ${round}`);
  }
});

test('maintenance is part of what hosts are sent, refuses new work, and is a fact at both ends', async (t) => {
  const { deployments, told, journal } = await open(t);
  await deployments.release(release('dev', 's1'));
  await deployments.refuseInMaintenance();
  const reason = 'a new disk';
  await deployments.setMaintenance({ draining: false, disregardBudgets: false, reason }, 'user:ana');
  assert.deepEqual(told.at(-1)?.maintenance, { draining: false, disregardBudgets: false });
  await assert.rejects(deployments.refuseInMaintenance(), { code: 'deploy.host-maintenance' });
  const since = (await deployments.maintenance())?.since;
  await deployments.setMaintenance({ draining: true, disregardBudgets: true, reason }, 'user:luis');
  assert.equal((await deployments.maintenance())?.since, since, 'it goes on');
  assert.deepEqual(told.at(-1)?.maintenance, { draining: true, disregardBudgets: true });
  const revision = told.at(-1)?.revision ?? 0;
  await deployments.setMaintenance(null, 'user:ana');
  assert.equal(told.at(-1)?.maintenance, undefined);
  assert.ok((told.at(-1)?.revision ?? 0) > revision);
  await journal.settled();
  const facts = await journal.query({ projects: '*', limit: 50 });
  const kinds = facts.map(({ kind }) => kind).filter((kind) => kind.startsWith('host.'));
  assert.deepEqual(kinds.sort(), ['host.cordoned', 'host.drained', 'host.uncordoned']);
  // Closed without words, emptied for a restart, and closed as it was: the words of the restart do not stay.
  for (const [draining, said, kept] of [
    [false, '', ''],
    [true, 'restart r: ', 'restart r: '],
    [true, '', 'restart r: '],
    [false, '', ''],
  ] as const) {
    await deployments.setMaintenance({ draining, disregardBudgets: false, reason: said }, 'platform');
    assert.equal((await deployments.maintenance())?.reason, kept);
  }
});

test('limits count the most that may be asked for, say used, asked and allowed, and fill what a container leaves out', async (t) => {
  const { db, deployments, journal } = await open(t);
  const quotas = new Quotas({
    db: db as unknown as Kysely<DeployTables>,
    journal,
    clock: systemClock,
    active: () => deployments.activeReleases(),
  });
  const sized = (environment: string, cpu: number | null, replicas: number): Composition => {
    const base = composition(environment, 's');
    const [workload] = base.workloads;
    assert.ok(workload);
    const resources = {
      cpuRequestMillis: cpu,
      cpuLimitMillis: null,
      memoryRequestBytes: 2 ** 20,
      memoryLimitBytes: null,
    };
    const container = { ...sampleContainer(), resources };
    return { ...base, workloads: [{ ...workload, replicas, pod: { ...workload.pod, containers: [container] } }] };
  };
  assert.equal(useOf(sized('dev', 100, 3)).cpuMillis, 300);
  const limits = { most: { cpuMillis: 500, pods: 4 }, defaults: {}, containerMost: {} };
  await quotas.set('tienda', null, limits, 'user:admin');
  await deployments.release({ ...release('prod', 's1'), composition: sized('prod', 100, 2) });
  await quotas.admit(sized('dev', 100, 2), 'tienda', 'dev');
  await assert.rejects(quotas.admit(sized('dev', 200, 2), 'tienda', 'dev'), {
    code: 'deploy.quota-exceeded',
    message: /200m used elsewhere, 400m asked for, 500m allowed/,
  });
  await assert.rejects(quotas.admit(sized('dev', null, 1), 'tienda', 'dev'), /does not say resources.requests.cpu/);
  await quotas.set(
    'tienda',
    'dev',
    { most: { pods: 1 }, defaults: { cpuRequestMillis: 50 }, containerMost: {} },
    'user:admin',
  );
  const filled = await quotas.admit(sized('dev', null, 1), 'tienda', 'dev');
  assert.equal(filled.workloads[0]?.pod.containers[0]?.resources.cpuRequestMillis, 50);
  assert.notEqual(filled.workloads[0]?.specHash, 's', 'what runs is another thing, and is judged as such');
  await assert.rejects(quotas.admit(sized('dev', 10, 2), 'tienda', 'dev'), { code: 'deploy.quota-exceeded' });
  const shown = await quotas.list('tienda');
  assert.deepEqual(
    shown.map(({ environment, used }) => [environment, used.cpuMillis]),
    [
      [null, 200],
      ['dev', 0],
    ],
  );
  await quotas.set('tienda', 'dev', null, 'user:admin');
  assert.equal((await quotas.list('tienda')).length, 1);
  const kept = withDefaults(sized('dev', 70, 1), { cpuRequestMillis: 50, cpuLimitMillis: 60 });
  const { cpuRequestMillis, cpuLimitMillis } = kept.workloads[0]?.pod.containers[0]?.resources ?? {};
  assert.deepEqual([cpuRequestMillis, cpuLimitMillis], [70, 70], 'no limit below what it asks for itself');

  const [plain] = sized('dev', 100, 2).workloads;
  assert.ok(plain);
  const first = {
    ...sampleContainer({ name: 'first' }),
    resources: { ...sampleContainer().resources, cpuLimitMillis: 900 },
  };
  const pod = { ...plain.pod, initContainers: [first] };
  assert.equal(useOf({ volumes: [], workloads: [{ ...plain, pod }] }).cpuMillis, 1800, 'what runs first counts alone');
  const capped = { most: { cpuLimitMillis: 500 }, defaults: {}, containerMost: {} };
  await quotas.set('tienda', 'dev', capped, 'user:admin');
  await assert.rejects(quotas.admit(sized('dev', 100, 2), 'tienda', 'dev'), /does not say resources\.limits\.cpu/);
  await quotas.set('tienda', 'dev', null, 'user:admin');

  const scaled = (most: number | null): Composition => {
    const base = sized('dev', 100, 2);
    const policies = [{ ...ANY_CONTAINER, cpu: { least: null, most } }];
    const vertical = { name: 'web', mode: 'in-place' as const, minReplicas: 1, policies, requirements: [] };
    return { ...base, workloads: base.workloads.map((workload) => ({ ...workload, vertical })) };
  };
  assert.equal(useOf(scaled(150)).cpuMillis, 300);
  await quotas.admit(scaled(150), 'tienda', 'dev');
  await assert.rejects(quotas.admit(scaled(null), 'tienda', 'dev'), /does not say maxAllowed\.cpu/);

  // Each was admitted alone; together they are too much.
  const dev = { ...release('dev', 's1'), composition: sized('dev', 150, 2) };
  const prod = { ...release('prod', 's2'), composition: sized('prod', 150, 2) };
  await quotas.admit(dev.composition, 'tienda', 'dev');
  const both = await Promise.allSettled([dev, prod].map((one) => quotas.take(one, () => deployments.release(one))));
  assert.deepEqual(
    both.map((one) => (one.status === 'fulfilled' ? 'taken' : (one.reason as { code: string }).code)),
    ['taken', 'deploy.quota-exceeded'],
  );
});

test('the administrator of one project sees no pod of another, and sets no limits of their own', async (t) => {
  const { db, deployments, journal } = await open(t);
  await deployments.release(release('dev', 's1'));
  const container = { name: 'web', id: 'c', image: 'i', digest: null, state: 'running', pid: 1, attempt: 0 } as const;
  const replica = {
    ...{ name: 'web-0', podId: 'p', specHash: 's1', phase: 'running' as const, ready: true, restarts: 0 },
    ...{ startedAt: null, lastExit: null, containers: [container] },
  } as const;
  await deployments.report([{ ...status('dev', 1, 'available', 's1'), replicas: [replica] }], true);
  const grants = (name: string): Principal['grants'] => [{ role: 'admin', project: name === 'all' ? '*' : name }];
  const app = createApi({
    instance: 'darsena',
    log: silentLog,
    authenticate: async (project) => ({ ...person(project), grants: grants(project) }),
  });
  t.after(() => app.close());
  const active = () => deployments.activeReleases();
  const quotas = new Quotas({ db: db as unknown as Kysely<DeployTables>, journal, clock: systemClock, active });
  registerQuotaRoutes(app, quotas, deployments);
  const secrets = new BuildSecrets(systemClock);
  registerDeployRoutes(app, { deployments, releases: {} as Releases, routes: async () => [], secrets });
  const ask = (who: string, method: 'GET' | 'PUT' | 'DELETE', url: string) =>
    app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${who}` },
      ...(method === 'PUT' ? { payload: {} } : {}),
    });
  const pods = async (who: string) =>
    (await ask(who, 'GET', '/api/v1/host/maintenance')).json<{ pods: unknown[] }>().pods.length;
  assert.deepEqual([await pods('banco'), await pods('tienda'), await pods('all')], [0, 1, 1]);
  const place = '/api/v1/projects/tienda/quotas';
  for (const method of ['PUT', 'DELETE'] as const) {
    assert.equal((await ask('tienda', method, place)).statusCode, 403);
    assert.equal((await ask('all', method, place)).statusCode, 200);
  }
});

test('what is changed by hand stays until the manifests say otherwise, and what cannot be is refused with a way out', () => {
  const { documents } = readManifests([
    {
      path: 'a.yaml',
      text: `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2, template: {metadata: {}}}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: api}, spec: {template: {metadata: {annotations: {a: b}}}}}
`,
    },
  ]);
  const [workload] = composition('dev', 's1').workloads;
  assert.ok(workload);
  const change = (one: WorkloadChange, more = {}, kind = 'Deployment') =>
    toManifestChange(one, 'dev', kind, { ...workload, ...more });
  const scaled = change({ kind: 'scale', workload: 'web', replicas: 5 });
  let changes = addChange([], scaled);
  changes = addChange(changes, change({ kind: 'pause', workload: 'web' }));
  changes = addChange(changes, change({ kind: 'scale', workload: 'api', replicas: 3 }));
  changes = addChange(changes, change({ kind: 'restart', workload: 'api', at: '2026-11-22T10:00:00Z' }));
  assert.equal(changes.length, 2, 'one for each object');
  assert.deepEqual(
    carryChanges(changes, documents, 'dev').map(({ name, merge }) => [name, merge]),
    [
      ['web', { spec: { paused: true } }],
      [
        'api',
        {
          spec: {
            replicas: 3,
            template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-11-22T10:00:00Z' } } },
          },
        },
      ],
    ],
  );
  assert.deepEqual(carryChanges(changes, documents.slice(0, 1), 'dev').length, 1, 'what is not there any more');
  assert.deepEqual(carryChanges(changes, documents, 'prod'), [], 'another environment has its own');
  const horizontal = { name: 'auto', minReplicas: 1, maxReplicas: 9 };
  const refused: [WorkloadChange, object, string][] = [
    [{ kind: 'scale', workload: 'web', replicas: 2 }, { horizontal }, 'Deployment'],
    [{ kind: 'scale', workload: 'web', replicas: 2 }, {}, 'DaemonSet'],
    [{ kind: 'restart', workload: 'web', at: '' }, {}, 'Job'],
    [{ kind: 'restart', workload: 'web', at: '' }, { paused: true }, 'Deployment'],
    [{ kind: 'pause', workload: 'web' }, {}, 'StatefulSet'],
    [{ kind: 'pause', workload: 'web' }, { paused: true }, 'Deployment'],
    [{ kind: 'resume', workload: 'web' }, {}, 'Deployment'],
  ];
  for (const [one, more, kind] of refused)
    assert.throws(() => change(one, more, kind), { code: 'deploy.change-impossible' }, JSON.stringify([one, kind]));
  change({ kind: 'scale', workload: 'web', replicas: 0 }, { horizontal });
  change({ kind: 'scale', workload: 'web', replicas: 2 }, { horizontal, replicas: 0 });
});

test('a release that is scaled to nothing is in place when nothing runs', async (t) => {
  const { deployments } = await open(t);
  const made = await deployments.release(release('dev', 's1'));
  await deployments.report([{ ...status('dev', made.number, 'stopped', 's1'), wanted: 0 }], true);
  assert.equal((await deployments.readRelease(made.id)).state, 'available');
});

async function openRuns(t: TestContext) {
  const { db, journal } = await open(t);
  let offsetMs = 0;
  const clock = {
    ...systemClock,
    now: () => new Date(Date.UTC(2030, 0, 1) + offsetMs),
    advance: (ms: number) => (offsetMs += ms),
  };
  const vault = createVault(Buffer.alloc(32, 7));
  const stopped: string[] = [];
  let away = false;
  let statuses: WorkloadStatus[] = [];
  const runs = new Runs({
    ...{ db: db as unknown as Kysely<never>, journal, clock, vault },
    hosts: {
      statuses: () => statuses,
      announce: async () => undefined,
      async stop(id) {
        if (away) throw new Error('the host is away');
        stopped.push(id);
      },
    },
  });
  let started = 0;
  const start = async (more: Partial<RunOrder> = {}) => {
    const id = `run-${++started}`;
    const order = { ...ORDER, ...more };
    const [workload] = composition('dev', 's1').workloads;
    assert.ok(workload);
    const controller = { kind: 'job', ...JOB } as const;
    const run = { ...workload, key: { ...workload.key, name: order.name }, controller };
    return runs.start({
      ...{ id, project: 'tienda', environment: 'dev', order, digest, actor: 'user:ana' },
      composition: { ...composition('dev', 's1'), workloads: [run] },
      source: { projectFile: PROJECT, manifests: [] },
    });
  };
  const say = (name: string, phase: WorkloadStatus['phase'], code: number | null): void => {
    const container = { name, id: 'c1', image: 'i', digest, state: code === null ? 'running' : 'exited' } as const;
    const at = clock.now().toISOString();
    statuses = [
      {
        ...status('dev', 0, phase, 's1'),
        key: { project: 'tienda', environment: 'dev', name },
        replicas: [
          {
            ...{ name: 'pod', podId: 'p', specHash: 's1', phase: 'running', ready: true, restarts: 0, startedAt: at },
            lastExit: code === null ? null : { code, at },
            containers: [{ ...container, pid: 1, attempt: 0 }],
          },
        ],
      },
    ];
  };
  return {
    ...{ runs, clock, stopped, start, say, db },
    none: () => (statuses = []),
    isAway: (now: boolean) => {
      away = now;
    },
  };
}

const JOB = {
  completions: 1,
  parallelism: 1,
  backoffLimit: 0,
  activeDeadlineSeconds: null,
  ttlSeconds: null,
  indexed: false,
  suspend: false,
  failureRules: [],
  backoffLimitPerIndex: null,
  maxFailedIndexes: null,
  successRules: [],
};
const ORDER: RunOrder = {
  name: 'shell',
  image: 'tienda/web',
  entrypoint: null,
  command: ['sh', '-c', 'echo $(id) $$'],
  env: [{ name: 'PRICE', value: '$(TWO)' }],
  workingDir: null,
  user: null,
  cpuMillis: null,
  memoryBytes: null,
  readOnly: false,
  capAdd: [],
  capDrop: [],
  newPrivileges: false,
  volumes: [],
  tmpfs: [],
  hostname: null,
  labels: {},
  hosts: [],
  ulimits: {},
  stopSeconds: null,
  interactive: false,
  terminal: false,
  joined: false,
  remove: false,
};

test('a run is kept with its end until it is removed, and starts nothing any more', async (t) => {
  const { runs, start, say, db } = await openRuns(t);
  const run = await start();
  await assert.rejects(start(), { code: 'deploy.run-exists' });
  await assert.rejects(runs.remove('tienda', 'shell', { force: false, actor: 'user:ana' }), {
    code: 'deploy.run-going',
  });
  assert.equal((await runs.active()).length, 1);
  say('shell', 'failed', 3);
  await runs.follow();
  const ended = await runs.read('tienda', 'shell');
  assert.deepEqual([ended.state, ended.exitCode], ['ended', 3]);
  assert.equal((await runs.active()).length, 0);
  const [kept] = await runs.compositions();
  const controller = kept?.workloads[0]?.controller;
  assert.equal(controller?.kind === 'job' && controller.parallelism, 0);
  await runs.remove('tienda', run.id, { force: false, actor: 'user:ana' });
  await assert.rejects(runs.read('tienda', 'shell'), { code: 'deploy.run-unknown' });
  const facts = await db.selectFrom('journal_facts').select('kind').where('kind', 'like', 'run.%').execute();
  assert.deepEqual(facts.map(({ kind }) => kind).sort(), ['run.ended', 'run.removed', 'run.started']);
});

test('a joined run ends with its last connection; --rm waits for who reads its output', async (t) => {
  const { runs, start, say, clock, stopped, none } = await openRuns(t);
  await start({ joined: true, remove: true });
  const key = { project: 'tienda', environment: 'dev', name: 'shell' };
  const joined = await runs.join(key);
  say('shell', 'running', null);
  clock.advance(600_000);
  await runs.follow();
  assert.deepEqual(stopped, [], 'somebody is there');
  joined?.gone();
  joined?.gone();
  await runs.follow();
  assert.deepEqual(stopped, [], 'its end may be on the way');
  clock.advance(3_000);
  await runs.follow();
  assert.deepEqual(stopped, ['c1']);
  say('shell', 'failed', 143);
  await runs.follow();
  assert.equal((await runs.read('tienda', 'shell')).exitCode, 143);
  await runs.follow();
  assert.equal((await runs.list('tienda')).length, 1, 'a late reader finds it');
  clock.advance(60_000);
  await runs.follow();
  assert.deepEqual(await runs.list('tienda'), []);

  none();
  await start({ joined: true, name: 'nobody' });
  clock.advance(200_000);
  await runs.follow();
  const alone = await runs.read('tienda', 'nobody');
  assert.deepEqual([alone.state, alone.exitCode], ['ended', null], 'nobody ever came');
  assert.deepEqual(await runs.compositions(), [], 'and it does not begin any more');
});

test('a run that cannot be stopped keeps no other from ending, and what had ended is not said to be stopped', async (t) => {
  const { runs, start, say, clock, db, isAway } = await openRuns(t);
  await start({ joined: true });
  await start({ joined: true, name: 'nobody' });
  say('shell', 'running', null);
  clock.advance(200_000);
  isAway(true);
  await assert.rejects(runs.follow(), /1 runs could not be followed/);
  assert.equal((await runs.read('tienda', 'nobody')).state, 'ended');
  isAway(false);
  say('shell', 'running', 0);
  for (let round = 0; round < 3; round++) await runs.follow();
  const facts = await db.selectFrom('journal_facts').select('subject').where('kind', '=', 'run.stopped').execute();
  assert.deepEqual(
    facts.map(({ subject }) => subject),
    ['tienda/dev/nobody'],
  );
});

test('of a long command the list and the audit log keep the beginning, and all of it has an end', async (t) => {
  const { runs, start } = await openRuns(t);
  const command = ['sh', '-c', 'x'.repeat(5_000), 'more'];
  const run = await start({ command });
  // The fact is written from the same words.
  assert.match(run.command.join(' '), /^sh -c x{4090}… …$/);
  assert.deepEqual((await runs.read('tienda', run.id)).command, run.command);
  assert.equal(isShort({ ...ORDER, command }), true);
  assert.equal(
    isShort({ ...ORDER, command: ['x'.repeat(70_000)], env: [{ name: 'A', value: 'y'.repeat(70_000) }] }),
    false,
  );
});

test('no two environments have one name on the hosts', async (t) => {
  const { deployments } = await open(t);
  const file = (project: string, environment: string) =>
    parseProjectFile(
      JSON.stringify({ project, manifests: ['m.yaml'], environments: { [environment]: { policy: 'baseline' } } }),
      'darsena.yaml',
    );
  await deployments.ensureProject(file('shop', 'eu-prod'), 'user:ana');
  await deployments.ensureProject(file('shop', 'eu-prod'), 'user:ana');
  await assert.rejects(deployments.ensureProject(file('shop-eu', 'prod'), 'user:eva'), {
    code: 'deploy.environment-alike',
  });
});

test('a run says what it asks for as manifests do, word for word', () => {
  const order = { ...ORDER, volumes: [{ claim: 'data', path: '/data', readOnly: true }], cpuMillis: 500 };
  const claims = [{ claim: 'data', accessModes: ['ReadWriteOnce'], requestedBytes: 1024 }];
  const documents = runManifests('id', order, claims);
  const text = documents.map((one) => JSON.stringify(one)).join('\n---\n');
  const { documents: read } = readManifests([{ path: 'run.json', text }]);
  const options = { project: 'tienda', environment: 'dev', contentKey: null };
  const { translation, problems } = translateManifests(read, options);
  assert.deepEqual(problems, []);
  const container = translation?.workloads[0]?.pod.containers[0];
  assert.deepEqual(
    container?.args?.map((one) => expandReferences(one, {})),
    ORDER.command,
  );
  assert.equal(container?.security.allowPrivilegeEscalation, false);
  assert.equal(container?.resources.cpuLimitMillis, 500);
  assert.throws(() => runManifests('id', order, []), { code: 'deploy.run-volume' });
});

test('what people run beside a release counts against the limits of its project', async (t) => {
  const { db, journal } = await open(t);
  const container = { ...sampleContainer(), resources: { ...ANY_RESOURCES, cpuRequestMillis: 400 } };
  const [workload] = composition('dev', 's1').workloads;
  assert.ok(workload);
  const one = {
    ...composition('dev', 's1'),
    workloads: [{ ...workload, pod: { ...workload.pod, containers: [container] } }],
  };
  const place = { project: 'tienda', environment: 'dev' };
  const active = [{ release: place, composition: one }];
  const quotas = new Quotas({
    ...{ db: db as unknown as Kysely<never>, journal, clock: systemClock },
    active: async () => [...active, { release: place, composition: one, beside: true }],
  });
  await quotas.set('tienda', 'dev', { most: { cpuMillis: 800 }, defaults: {}, containerMost: {} }, 'user:ana');
  await quotas.admit(one, 'tienda', 'dev');
  await assert.rejects(quotas.admit(one, 'tienda', 'dev', { beside: true }), { code: 'deploy.quota-exceeded' });
});

const ANY_RESOURCES = {
  cpuLimitMillis: null,
  cpuRequestMillis: null,
  memoryLimitBytes: null,
  memoryRequestBytes: null,
};
