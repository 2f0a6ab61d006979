import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Alert } from '../detect/index.ts';
import { Journal, journalMigrations } from '../journal/index.ts';
import { silentStep } from '../progress/index.ts';
import { Fault, newId, openDatabase, silentLog, systemClock } from '../system/index.ts';
import { requireActionRight } from './action-rights.ts';
import { ACTIONS } from './actions.ts';
import {
  Casework,
  type Deeds,
  Drills,
  isMiss,
  Playbooks,
  PolicyReplay,
  Quarantines,
  Respond,
  type RespondTables,
  ResponsePolicies,
  readResponsePolicy,
  respondFault,
  respondMigrations,
} from './index.ts';
import { PLAYBOOK_RUNS_KEPT_MAX, PLAYBOOK_RUNS_OPEN_MAX, WORKLOAD_RUNS_OPEN_MAX } from './limits.ts';
import { showDetail } from './view.ts';

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

async function open(
  deeds: Partial<Deeds> = {},
  sources: readonly string[] = [],
  kills: (number | null)[] = [],
  stands?: () => boolean | null,
) {
  const opened = await openDatabase<RespondTables>('sqlite::memory:', [...journalMigrations, ...respondMigrations]);
  const journal = new Journal({
    ...{ db: opened.db as never, clock: systemClock, log: silentLog, keyId: 'test' },
    checkpointKeyPem: generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  });
  const responder = {
    kill: async (_host: string, { pid }: { readonly pid: number | null }) => {
      kills.push(pid);
      return 'killed' as const;
    },
  };
  const policies = new ResponsePolicies({ db: opened.db, journal, clock: systemClock });
  for (const source of sources) await policies.apply(source, 'user:author');
  const respond = new Respond({
    db: opened.db,
    journal,
    clock: systemClock,
    log: silentLog,
    responder,
    deeds,
    policies,
    ...(stands === undefined ? {} : { stands }),
  });
  const facts = async () => {
    await journal.settled();
    return journal.query({ projects: '*', order: 'oldest', limit: 1000 });
  };
  return { opened, journal, respond, facts, policies };
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

test('a pause whose container went with its machine is said to be of a container that is gone, and only taken back', async () => {
  let standing: boolean | null = true;
  const { opened, respond } = await open(
    { pause: async () => DONE, unpause: async () => DONE },
    [],
    [],
    () => standing,
  );
  await respond.ingest(alert({ at: new Date(Date.now() - 60_000).toISOString() }), 'host1');
  await respond.act(1, { kind: 'pause', reason: null }, 'user:ana');
  const shown = async () => {
    const detail = await respond.describe(1);
    const { state, containerGone } = showDetail(detail, 'es', respond.isGone(detail));
    const offers = await respond.offers(1);
    const effect = offers.find(({ kind }) => kind === 'unpause')?.effect.map(({ es }) => es);
    const can = offers.filter(({ why }) => why === null).map(({ kind }) => kind);
    return { state, containerGone, effect: effect?.join('; '), can };
  };
  const before = await shown();
  assert.deepEqual([before.state, before.containerGone], ['contained', false]);
  assert.match(before.effect ?? '', /siga desde donde se detuvo$/);
  standing = null;
  assert.equal((await shown()).containerGone, false, 'nobody knows');
  standing = false;
  const after = await shown();
  assert.deepEqual([after.state, after.containerGone, after.can], ['contained', true, ['unpause']]);
  assert.match(after.effect ?? '', /ya no existe, ni su pausa: .*; el incidente deja de contar como contenido/);
  const killed = (await respond.offers(1)).find(({ kind }) => kind === 'kill-container');
  assert.match(killed?.why?.es ?? '', /el contenedor ya no existe: acabó o fue sustituido/);
  await respond.act(1, { kind: 'unpause', reason: null }, 'user:ana');
  assert.equal((await respond.incident(1)).state, 'acknowledged');
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
  for (const { kind, undo, undoes, effect, effectWhenGone } of ACTIONS) {
    for (const { en, es } of [...effect(incident), ...(effectWhenGone?.(incident) ?? [])])
      assert.ok(en.length > 10 && es.length > 10 && en !== es, kind);
    // A job has no successor, and a first release nothing to return to.
    if (kind === 'kill-container') assert.match(effect(incident)[0]?.en ?? '', /unless it was to run once/);
    if (kind === 'roll-back') assert.match(effect(incident)[0]?.en ?? '', /if there is one/);
    if (undo !== null && undoes === null) assert.equal(ACTIONS.find((one) => one.kind === undo)?.undoes, kind);
  }
  await opened.close();
});

test('an image in quarantine stays there over a restart, in its project only, until each incident released it', async () => {
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
  await second.add({ ...image, incident: 4 });
  assert.deepEqual(await second.release(image, 'user:eva', null), [4]);
  assert.match((await make()).reason('tienda', digest)?.en ?? '', /incident 4/);
  // Twice is once, and the other incident's stays.
  assert.deepEqual(await second.release(image, 'user:eva', null), [4]);
  assert.deepEqual(await second.release({ ...image, incident: 4 }, 'user:eva', null), []);
  assert.equal((await make()).reason('tienda', digest), null);
  // Policies act on several incidents at the same time: neither forgets the other's.
  const both = { ...image, project: 'both' };
  await Promise.all([1, 2].map((incident) => second.add({ ...both, incident })));
  assert.equal(second.list(['both']).length, 2);
  await Promise.all([second.release({ ...both, incident: 1 }, 'user:eva', null), second.add({ ...both, incident: 3 })]);
  assert.deepEqual(
    second
      .list(['both'])
      .map(({ incident }) => incident)
      .sort(),
    [2, 3],
  );
  assert.deepEqual(
    (await facts()).filter(({ project }) => project === 'tienda').map(({ kind, actor }) => `${kind} ${actor}`),
    [
      'image.quarantined user:ana',
      'image.quarantined user:ana',
      'image.quarantine-ended user:eva',
      'image.quarantine-ended user:eva',
    ],
  );
  await opened.close();
});

const POLICY = `name: stop-shells
mode: enforce
match:
  rules: ["Terminal *"]
  tags: [shell]
  projects: [tienda]
do: [isolate, quarantine]
`;

async function withPolicy(source: string, deeds: Partial<Deeds> = {}) {
  const calls: string[] = [];
  const deed = (kind: string) => async () => {
    calls.push(kind);
    return DONE;
  };
  const made = await open({ isolate: deed('isolate'), quarantine: deed('quarantine'), ...deeds }, [source]);
  const states = async (number: number) =>
    (await made.respond.describe(number)).actions.map(({ kind, state }) => `${kind} ${state}`);
  return { ...made, calls, states };
}

test('a policy that enforces acts once an incident, in its order, and says so as a fact', async () => {
  const { opened, respond, calls, states, facts } = await withPolicy(POLICY);
  await respond.ingest(alert(), 'host1');
  await respond.ingest(alert(), 'host1');
  await respond.ingest(alert({ rule: 'Something else' }), 'host1');
  await respond.idle();
  assert.deepEqual(calls, ['isolate', 'quarantine']);
  assert.deepEqual(await states(1), ['isolate done', 'quarantine done']);
  assert.deepEqual([(await respond.incident(1)).state, (await respond.incident(1)).owner], ['contained', null]);
  const taken = (await facts()).filter(({ kind }) => kind === 'action.taken');
  assert.deepEqual(
    taken.map(({ actor }) => actor),
    ['policy:stop-shells', 'policy:stop-shells'],
  );
  await opened.close();
});

test('without a word a policy only says what it would do', async () => {
  const { opened, respond, calls, states } = await withPolicy(POLICY.replace('mode: enforce\n', ''));
  await respond.ingest(alert(), 'host1');
  await respond.idle();
  assert.deepEqual([calls, await states(1)], [[], ['isolate dry-run', 'quarantine dry-run']]);
  assert.equal((await respond.incident(1)).state, 'open');
  await opened.close();
  const asking = await withPolicy(`${POLICY.replace('mode: enforce\n', '')}approve: [dev]\n`);
  await asking.respond.ingest(alert(), 'host1');
  assert.deepEqual(
    (await asking.respond.describe(1)).actions.map(({ outcome }) => outcome?.en),
    ['somebody else would have to agree first', 'somebody else would have to agree first'],
  );
  await asking.opened.close();
});

test('what a policy only said while it was tried does not keep it from acting about the same incident', async () => {
  const { opened, respond, policies, calls, states } = await withPolicy(POLICY.replace('enforce', 'dry-run'));
  for (let n = 0; n < 2; n++) await respond.ingest(alert(), 'host1');
  assert.deepEqual([calls, await states(1)], [[], ['isolate dry-run', 'quarantine dry-run']]);
  await policies.apply(POLICY, 'user:author');
  for (let n = 0; n < 2; n++) await respond.ingest(alert(), 'host1');
  await respond.idle();
  assert.deepEqual(calls, ['isolate', 'quarantine']);
  assert.deepEqual(await states(1), ['isolate dry-run', 'quarantine dry-run', 'isolate done', 'quarantine done']);
  // Tried again after it acted: it says what it would do.
  await policies.apply(POLICY.replace('enforce', 'dry-run'), 'user:author');
  await respond.ingest(alert(), 'host1');
  await respond.idle();
  assert.equal(calls.length, 2);
  await opened.close();
});

test('a policy ends the processes of each further alert, the last one’s first, as often as its limit lets it', async () => {
  const kills: (number | null)[] = [];
  const source = POLICY.replace('[isolate, quarantine]', '[kill-process]');
  const { opened, respond, policies } = await open({}, [`${source}limit: { actions: 3, minutes: 60 }\n`], kills);
  const states = async () => (await respond.describe(1)).actions.map(({ state }) => state);
  const { process } = alert();
  for (const [n, pid] of [300, 400, 500, 600, 700].entries()) {
    await respond.ingest(alert({ process: { ...process, pid } }), 'host1');
    await respond.idle();
    if (n < 3) assert.equal(kills.splice(0)[0], pid);
  }
  assert.deepEqual(kills, []);
  assert.deepEqual(await states(), ['done', 'done', 'done', 'declined']);
  const alerts = [300, 400, 500].map((pid) => ({ ...alert({ process: { ...process, pid } }), incident: 1, host: 'h' }));
  const replay = new PolicyReplay(readResponsePolicy(source));
  replay.take(alerts);
  assert.equal(replay.found.length, 3);
  await policies.apply(source.replace('enforce', 'dry-run'), 'user:author');
  await opened.close();
});

test('where a policy asks first, another person than its author has to agree', async () => {
  const { opened, respond, calls, states } = await withPolicy(`${POLICY}approve: [dev]\n`);
  await respond.ingest(alert(), 'host1');
  await respond.idle();
  assert.deepEqual([calls, await states(1)], [[], ['isolate awaiting', 'quarantine awaiting']]);
  const [{ project = null } = {}] = await respond.incidents({ projects: '*', limit: 1 });
  assert.deepEqual(await respond.awaitingAnswers(), [
    { incident: 1, project },
    { incident: 1, project },
  ]);
  const [first, second] = (await respond.describe(1)).actions;
  assert.ok(first !== undefined && second !== undefined);
  const yes = { approve: true, reason: null };
  await assert.rejects(respond.decide(1, first.id, yes, 'user:author'), hasCode('respond.own-approval'));
  // By what it does, or by as much of its id as no other has.
  assert.equal((await respond.awaiting(1, 'isolate')).id, first.id);
  assert.equal((await respond.awaiting(1, second.id)).kind, 'quarantine');
  await assert.rejects(respond.decide(1, first.id.slice(0, 4), yes, 'user:ana'), hasCode('respond.action-several'));
  await assert.rejects(respond.decide(1, 'kill-process', yes, 'user:ana'), hasCode('respond.action-unknown'));
  await respond.decide(1, 'isolate', yes, 'user:ana');
  await respond.decide(1, second.id, { approve: false, reason: 'not now' }, 'user:author');
  await respond.idle();
  assert.deepEqual([calls, await states(1)], [['isolate'], ['isolate done', 'quarantine declined']]);
  const agreed = (await respond.describe(1)).timeline.filter(({ kind }) => kind === 'action.approved');
  assert.deepEqual(
    agreed.map(({ actor, title }) => [actor, title.en]),
    [['user:ana', 'agreed to: Isolate from the network']],
  );
  await assert.rejects(respond.decide(1, second.id, yes, 'user:ana'), hasCode('respond.action-unknown'));
  await opened.close();
});

test('a policy acts no more often than its limit, and what it held back is seen', async () => {
  const { opened, respond, calls, states } = await withPolicy(`${POLICY}limit: { actions: 1, minutes: 60 }\n`);
  await respond.ingest(alert(), 'host1');
  await respond.idle();
  assert.deepEqual([calls, await states(1)], [['isolate'], ['isolate done', 'quarantine declined']]);
  const { timeline } = await respond.describe(1);
  const told = timeline
    .filter(({ station, title }) => station === 'action' && title.en.startsWith('Quarantine'))
    .map(({ title }) => title);
  assert.equal(told.length, 1, JSON.stringify(told));
  assert.match(told[0]?.en ?? '', /\(held back: the policy acted 1 time in 60 min\)/);
  assert.match(told[0]?.es ?? '', /\(retenido: la política actuó 1 vez en 60 min\)/);
  assert.doesNotMatch(told[0]?.en ?? '', /declined/, 'nobody was asked');
  await opened.close();
});

test('an action that takes its time keeps no other incident waiting', async () => {
  const gate = Promise.withResolvers<typeof DONE>();
  const quick = Promise.withResolvers<number>();
  const { opened, respond, states } = await withPolicy(POLICY.replace('[isolate, quarantine]', '[isolate]'), {
    async isolate({ number }) {
      if (number === 1) return gate.promise;
      quick.resolve(number);
      return DONE;
    },
  });
  const of = (id: string) => {
    const { container } = alert();
    return alert({ container: container === null ? null : { ...container, id: id.repeat(64) } });
  };
  await respond.ingest(of('a'), 'host1');
  while ((await states(1))[0] !== 'isolate running') await new Promise((resolve) => setImmediate(resolve));
  await respond.ingest(of('b'), 'host1');
  assert.equal(await quick.promise, 2);
  gate.resolve(DONE);
  await respond.idle();
  assert.deepEqual([await states(1), await states(2)], [['isolate done'], ['isolate done']]);
  await opened.close();
});

test('what a policy did to more than a container it does not do again for the next incident there', async () => {
  const { opened, respond, calls, states } = await withPolicy(POLICY);
  const { container } = alert();
  const of = (id: string, project: string, digest: string) =>
    alert({ container: container === null ? null : { ...container, id: id.repeat(64), project, digest } });
  await respond.ingest(of('a', 'tienda', digest), 'host1');
  await respond.idle();
  await respond.ingest(of('b', 'tienda', digest), 'host1');
  await respond.ingest(of('d', 'tienda', `sha256:${'d'.repeat(64)}`), 'host1');
  await respond.idle();
  assert.deepEqual(await states(2), ['isolate done', 'quarantine declined']);
  assert.deepEqual(await states(3), ['isolate done', 'quarantine done']);
  assert.equal(calls.filter((kind) => kind === 'quarantine').length, 2);
  await opened.close();
});

test('who wrote a policy cannot agree alone by taking it away', async () => {
  const { opened, respond, policies, calls } = await withPolicy(`${POLICY}approve: [dev]\n`);
  await respond.ingest(alert(), 'host1');
  const [first] = (await respond.describe(1)).actions;
  assert.ok(first !== undefined);
  await policies.remove('stop-shells', 'user:author');
  const yes = { approve: true, reason: null };
  await assert.rejects(respond.decide(1, first.id, yes, 'user:author'), hasCode('respond.action-unavailable'));
  await respond.idle();
  assert.deepEqual(calls, []);
  await opened.close();
});

test('what was asked for before a crash is done after it, once', async () => {
  const gate = Promise.withResolvers<typeof DONE>();
  const { opened, respond, journal, policies } = await withPolicy(POLICY, { isolate: () => gate.promise });
  await respond.ingest(alert(), 'host1');
  const calls: string[] = [];
  const deed = (kind: string) => async () => {
    calls.push(kind);
    return DONE;
  };
  const deeds = { quarantine: deed('quarantine'), isolate: deed('isolate') };
  // Control stopped while it isolated: nobody knows whether that happened; the rest is still wanted.
  while ((await respond.describe(1)).actions[0]?.state !== 'running')
    await new Promise((resolve) => setImmediate(resolve));
  const responder = { kill: async () => 'killed' as const };
  const next = new Respond({ db: opened.db, journal, clock: systemClock, log: silentLog, responder, deeds, policies });
  await next.recover();
  await next.idle();
  const states = (await next.describe(1)).actions.map(({ kind, state }) => `${kind} ${state}`);
  assert.deepEqual([calls, states], [['quarantine'], ['isolate unknown', 'quarantine done']]);
  gate.resolve(DONE);
  await respond.idle();
  await opened.close();
});

test('policies that name nothing, or what is not there, are refused with their place', () => {
  const refused = [
    ['name: x\nmatch: {}\ndo: [isolate]\n', 'match'],
    [POLICY.replace('isolate', 'explode'), 'do.0'],
    [POLICY.replace('isolate', 'unisolate'), 'do.0'],
    [POLICY.replace('mode: enforce', 'mode: always'), 'mode'],
    [`${POLICY}more: 1\n`, /^\d+:1: has members that are not known here: "more"$/],
    // All at once, as each would cost another try.
    [POLICY.replace('isolate', 'explode').replace('enforce', 'always'), /^2:1 mode: .*; \d+:\d+ do\.0: /],
    ['name: [', '1:'],
    // What is no list is not too long as well.
    ['name: x\nmatch: {}\ndo: kill-container\n', /; 3:1 do: expected a list$/],
  ] as const;
  for (const [source, place] of refused) {
    assert.throws(
      () => readResponsePolicy(source),
      (error) =>
        error instanceof Fault &&
        error.code === 'respond.policy-invalid' &&
        Array.isArray(error.details) &&
        (typeof place === 'string'
          ? (error.text('en').why ?? '').includes(place)
          : place.test(error.text('en').why ?? '')),
      source,
    );
  }
});

test('what a policy would have done is what it does: once an incident, within its limit', () => {
  const policy = readResponsePolicy(`${POLICY}limit: { actions: 3, minutes: 60 }\n`);
  const stored = (incident: number, minute: number, rule = 'Terminal shell in container') => ({
    ...alert({ at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(), rule }),
    incident,
    host: 'host1',
  });
  const past = new PolicyReplay(policy);
  past.take([stored(1, 0), stored(1, 1), stored(2, 2)]);
  past.take([stored(3, 3, 'Other'), stored(4, 90)]);
  const { found } = past;
  assert.deepEqual(
    found.map(({ incident, action, how }) => `${incident} ${action} ${how}`),
    ['1 isolate act', '1 quarantine act', '2 isolate act', '2 quarantine limit', '4 isolate act', '4 quarantine act'],
  );
  const running = readResponsePolicy(
    'name: x\nmatch: { rules: [Terminal*] }\ndo: [evidence]\nrun: [contain]\nlimit: { actions: 2, minutes: 60 }\n',
  );
  const begun = new PolicyReplay(running);
  begun.take([stored(1, 0), stored(1, 1), stored(2, 2)]);
  assert.deepEqual(
    begun.found.map(({ incident, action, how }) => `${incident} ${action} ${how}`),
    ['1 evidence act', '1 run contain act', '2 evidence act', '2 run contain limit'],
    'a playbook counts too, and actions are not held back for it',
  );
});

test('who agrees to an action needs the rights of who orders it', () => {
  const principal = (role: 'analyst' | 'developer' | 'admin', project = 'tienda') => ({
    ...{ id: 'x', actor: 'user:x', kind: 'user' as const, name: 'x', tokenId: null },
    grants: [{ role, project }],
  });
  const incident = { project: 'tienda' };
  requireActionRight(principal('analyst'), incident, 'isolate');
  for (const kind of ['roll-back', 'revoke-tokens', 'cordon'] as const)
    assert.throws(() => requireActionRight(principal('analyst'), incident, kind), hasCode('access.not-allowed'), kind);
  assert.throws(() => requireActionRight(principal('developer'), incident, 'roll-back'), hasCode('access.not-allowed'));
  requireActionRight(principal('admin'), incident, 'roll-back');
  assert.throws(() => requireActionRight(principal('admin'), incident, 'cordon'), hasCode('access.not-allowed'));
  requireActionRight(principal('admin', '*'), incident, 'cordon');
});

test('a drill tells what was seen and how soon, and what was not is an alarm; real alerts are left alone', async () => {
  const { opened, journal, facts } = await open();
  const alarms: string[] = [];
  let now = '2026-01-05T03:29:10.000Z';
  const raised = (id: string, rule: string) =>
    alert({
      rule,
      container: { ...alert().container, id: 'd', project: null, workload: `drill:${id}` } as Alert['container'],
    });
  const drills: Drills = new Drills({
    ...{ db: opened.db, journal, log: silentLog },
    clock: { ...systemClock, now: () => new Date(now), sleep: async () => undefined, monotonicMs: () => 1 },
    ground: {
      host: () => 'h1',
      rules: () => ['A', 'B', 'C', 'D'].map((name) => ({ name, isOn: name !== 'D' })),
      async perform(host, id, rules) {
        assert.deepEqual(rules, ['A', 'B', 'C']);
        assert.equal(drills.take('h1', alert()), false);
        assert.equal(drills.take('h1', raised(newId(), 'A')), false, 'of no drill that is known');
        assert.equal(drills.take('h2', raised(id, 'B')), true, 'another host has nothing to say of it');
        assert.equal(drills.take(host, raised(id, 'A')), true);
        return rules.map((rule) => ({ rule, performed: rule !== 'C', absent: rule === 'C' }));
      },
      end: async () => undefined,
      alarm: async (_host, { rules }) => void alarms.push(...rules.filter(isMiss).map(({ rule }) => rule)),
    },
  });
  const { id, state, rules } = await drills.run('user:ana', silentStep);
  assert.equal(state, 'missed');
  assert.deepEqual(
    rules.map(({ outcome }) => outcome),
    ['detected', 'missed', 'absent', 'off'],
  );
  assert.deepEqual(alarms, ['B']);
  assert.equal((await drills.read(id)).rules.length, 4);
  assert.equal(drills.take('h1', raised(id, 'B')), true, 'what comes late is still of the drill');
  assert.ok((await facts()).some(({ kind }) => kind === 'drill.ended'));
  assert.equal(await drills.isDue(), false);
  await drills.setPlan('03:29', 'user:ana');
  assert.equal(await drills.isDue(), false, 'one was made since');
  await drills.setPlan('03:30', 'user:ana');
  assert.equal(await drills.isDue(), false, 'not yet');
  now = '2026-01-05T03:30:00.000Z';
  assert.equal(await drills.isDue(), true);
  now = '2026-01-05T05:31:00.000Z';
  assert.equal(await drills.isDue(), false, 'too late for today');
  await opened.close();
});

test('a drill that could not be performed leaves no container behind, and says so', async () => {
  const { opened, journal } = await open();
  const ended: string[] = [];
  const drills = new Drills({
    ...{ db: opened.db, journal, log: silentLog, clock: systemClock },
    ground: {
      host: () => 'h1',
      rules: () => [{ name: 'A', isOn: true }],
      perform: async () => {
        throw respondFault('respond.reason-needed', { number: 1 });
      },
      end: async (_host, id) => void ended.push(id),
      alarm: async () => assert.fail('nothing was tried'),
    },
  });
  await assert.rejects(drills.run('user:ana', silentStep), hasCode('respond.reason-needed'));
  const [last] = await drills.list();
  assert.equal(last?.state, 'failed');
  assert.deepEqual(ended, [last?.id]);
  await opened.close();
});

test('comments and links of incidents are facts, saved filters are a person’s own, and each has its bounds', async () => {
  const { opened, journal, respond, facts } = await open();
  for (const id of ['c', 'd']) {
    const container = { ...alert().container, id: id.repeat(64) } as Alert['container'];
    await respond.ingest(alert({ container }), 'host1');
  }
  const [one, two] = [await respond.incident(1), await respond.incident(2)];
  const casework = new Casework({ db: opened.db, journal, clock: systemClock });
  await casework.comment(one, 'the load test', 'user:ana');
  await casework.comment(one, 'no, it was not', 'user:luis');
  assert.deepEqual(
    (await casework.comments(1)).map(({ author, text }) => `${author}: ${text}`),
    ['user:ana: the load test', 'user:luis: no, it was not'],
  );
  await casework.link(two, one, 'user:ana');
  await casework.link(one, two, 'user:ana');
  await casework.unlink(one, 2, 'user:ana');
  await Promise.all(['user:ana', 'user:luis'].map((author) => casework.link(two, one, author)));
  assert.deepEqual([await casework.links(1), await casework.links(2)], [[2], [1]]);
  await assert.rejects(casework.link(one, one, 'user:ana'), hasCode('respond.link-impossible'));
  await casework.unlink(one, 2, 'user:ana');
  assert.deepEqual(await casework.links(2), []);
  assert.deepEqual(
    (await facts()).map(({ kind }) => kind).filter((kind) => /commented|linked/.test(kind)),
    [
      ...['incident.commented', 'incident.commented', 'incident.linked', 'incident.unlinked', 'incident.linked'],
      'incident.unlinked',
    ],
  );
  await casework.saveFilter('user:ana', { name: 'mine', query: { owner: 'me' } });
  await casework.saveFilter('user:ana', { name: 'mine', query: { owner: 'me', environment: 'pro' } });
  assert.deepEqual(await casework.filters('user:ana'), [{ name: 'mine', query: { owner: 'me', environment: 'pro' } }]);
  assert.deepEqual(await casework.filters('user:luis'), []);
  await casework.removeFilter('user:luis', 'mine');
  assert.equal((await casework.filters('user:ana')).length, 1);
  const found = await respond.incidents({ projects: '*', environment: 'dev', rank: 5, limit: 10 });
  assert.equal(found.length, 2);
  assert.deepEqual(await respond.incidents({ projects: '*', rank: 4, limit: 10 }), []);
  await opened.close();
});

test('a playbook does its steps in their order, leaves out what does not fit, and waits for another person', async () => {
  const done: string[] = [];
  const words = { en: 'ok', es: 'ok' };
  const deeds: Deeds = new Proxy({} as Deeds, {
    get: (_target, kind) => async () => {
      done.push(String(kind));
      if (kind === 'evidence') throw respondFault('respond.reason-needed', { number: 1 });
      return words;
    },
  });
  const { opened, journal, respond, facts } = await open(deeds);
  await respond.ingest(alert(), 'host1');
  const make = () => new Playbooks({ db: opened.db, journal, clock: systemClock, log: silentLog, doer: () => respond });
  const playbooks = make();
  const source = `name: contain
steps:
  - { do: evidence, onFailure: go-on }
  - { do: isolate }
  - { do: pause, when: { environments: [pro] } }
  - { do: quarantine, approve: true }
  - { do: notify }
`;
  await playbooks.apply(source, 'user:ana');
  assert.deepEqual(
    (await playbooks.preview('contain', 1)).map(({ do: kind, why }) => `${kind} ${why?.en ?? ''}`),
    ['evidence ', 'isolate ', 'pause another environment', 'quarantine ', 'notify '],
  );
  assert.deepEqual(done, []);
  const { id } = await playbooks.start('contain', 1, 'robot:ci', 'user:luis');
  await playbooks.idle();
  const states = async () => (await playbooks.run(id)).steps.map(({ state }) => state);
  assert.deepEqual(await states(), ['failed', 'done', 'skipped', 'awaiting', 'pending']);
  assert.equal((await playbooks.run(id)).state, 'awaiting');
  for (const own of ['user:ana', 'user:luis'])
    await assert.rejects(playbooks.answer(id, { approve: true }, own), hasCode('respond.own-approval'));
  await playbooks.answer(id, { approve: true }, 'user:eva');
  await playbooks.idle();
  assert.deepEqual(await states(), ['failed', 'done', 'skipped', 'done', 'done']);
  assert.deepEqual(done, ['evidence', 'isolate', 'quarantine', 'notify']);
  await assert.rejects(playbooks.answer(id, { approve: true }, 'user:eva'), hasCode('respond.run-not-waiting'));
  assert.ok((await facts()).some(({ kind }) => kind === 'playbook.ended'));
  // What is in force is left out; what is declined ends; what a crash cut short is told as such.
  const second = await playbooks.start('contain', 1, 'user:luis');
  await playbooks.idle();
  assert.equal((await playbooks.run(second.id)).steps[1]?.state, 'skipped');
  // Twenty that wait are enough for one person; another may begin one still.
  const { endedAt: _ended, ...waiting } = second;
  const rows = Array.from({ length: PLAYBOOK_RUNS_OPEN_MAX }, () => ({
    ...{ ...waiting, id: newId(systemClock), state: 'awaiting', ended_at: null, source, steps: '[]' },
  }));
  await opened.db.insertInto('respond_playbook_runs').values(rows).execute();
  await assert.rejects(playbooks.start('contain', 1, 'user:luis'), hasCode('respond.too-many-runs'));
  await playbooks.start('contain', 1, 'user:eva');
  await playbooks.idle();
  await opened.db.updateTable('respond_playbook_runs').set({ state: 'running' }).where('id', '=', second.id).execute();
  const after = make();
  await after.open();
  await after.recover();
  assert.equal((await after.run(second.id)).state, 'interrupted');
  for (const [wrong, place] of [
    [source.replace('isolate', 'explode'), 'steps.1.do'],
    ['name: x\nsteps: []', 'steps'],
    ['name: [', '1:'],
  ] as const)
    await assert.rejects(
      playbooks.apply(wrong, 'user:ana'),
      (error) => error instanceof Fault && (error.text('en').why ?? '').includes(place),
    );
  await opened.close();
});

test('a policy begins a playbook once an incident, waits where it asks first, and never in a trial', async () => {
  const { opened, journal } = await open();
  const policies = new ResponsePolicies({ db: opened.db, journal, clock: systemClock });
  const playbooks: Playbooks = new Playbooks({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog },
    doer: () => respond,
  });
  await playbooks.apply('name: tell\nsteps: [{ do: notify }]', 'user:ana');
  const deeds = { notify: async () => ({ en: 'told', es: 'avisado' }) };
  const respond = new Respond({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog, deeds, policies, playbooks },
    responder: { kill: async () => 'killed' },
  });
  const policy = (name: string, rest: string) =>
    policies.apply(`name: ${name}\nmatch: { rules: ["Terminal*"] }\nrun: [tell]\n${rest}`, 'user:ana');
  await policy('one', 'mode: enforce');
  await policy('two', 'mode: enforce\napprove: [dev]');
  await policy('three', 'mode: dry-run');
  for (let n = 0; n < 3; n++) await respond.ingest(alert(), 'host1');
  await playbooks.idle();
  assert.deepEqual((await playbooks.runs(1)).map(({ actor, state }) => `${actor} ${state}`).sort(), [
    'policy:one done',
    'policy:two awaiting',
  ]);
  await opened.close();
});

test('runs are bounded: those that policies leave open, those that are kept, and none waits about a closed incident', async () => {
  const { opened, journal, policies, facts } = await open();
  const playbooks: Playbooks = new Playbooks({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog },
    doer: () => respond,
  });
  const respond = new Respond({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog, policies, playbooks },
    responder: { kill: async () => 'killed' },
  });
  await playbooks.apply('name: hold\nsteps: [{ do: isolate, approve: true }]', 'user:ana');
  await respond.ingest(alert(), 'host1');
  const run = await playbooks.start('hold', 1, 'user:luis');
  await playbooks.idle();
  assert.equal((await playbooks.run(run.id)).state, 'awaiting');
  await respond.close(1, { decision: 'test', reason: 'over' }, 'user:luis');
  const closed = await playbooks.run(run.id);
  assert.deepEqual([closed.state, closed.steps[0]?.state], ['declined', 'skipped']);
  await assert.rejects(playbooks.answer(run.id, { approve: true }, 'user:eva'), hasCode('respond.run-not-waiting'));
  // As many of policies wait about the workload as may: a further one is held back, and that is said once.
  const { endedAt: _ended, ...row } = { ...closed, source: 'name: hold\nsteps: [{ do: isolate }]', steps: '[]' };
  const many = (count: number, change: object) =>
    Array.from({ length: count }, () => ({
      ...row,
      id: newId(systemClock),
      ended_at: null as string | null,
      ...change,
    }));
  const insert = async (rows: ReturnType<typeof many>) => {
    for (let at = 0; at < rows.length; at += 100)
      await opened.db
        .insertInto('respond_playbook_runs')
        .values(rows.slice(at, at + 100))
        .execute();
  };
  await insert(many(WORKLOAD_RUNS_OPEN_MAX, { state: 'awaiting', actor: 'policy:other' }));
  await policies.apply('name: one\nmode: enforce\nmatch: { rules: ["Terminal*"] }\nrun: [hold]', 'user:ana');
  for (let n = 0; n < 3; n++) await respond.ingest(alert(), 'host1');
  assert.deepEqual(await playbooks.runs(2), []);
  assert.equal((await facts()).filter(({ kind }) => kind === 'playbook.held-back').length, 1);
  // Whoever has one workload in their hands keeps no playbook from another.
  const container = { ...alert().container, id: 'd'.repeat(64), workload: 'db' } as Alert['container'];
  const { incident: other } = (await respond.ingest(alert({ container }), 'host1')) as { incident: number };
  await playbooks.idle();
  assert.equal((await playbooks.runs(other)).length, 1);
  // Of those that ended the last stay.
  await insert(many(PLAYBOOK_RUNS_KEPT_MAX + 20, { state: 'done', ended_at: new Date().toISOString() }));
  await playbooks.start('hold', 2, 'user:eva');
  await playbooks.idle();
  await respond.close(2, { decision: 'test', reason: 'over' }, 'user:eva');
  const kept = await opened.db
    .selectFrom('respond_playbook_runs')
    .select('id')
    .where('ended_at', 'is not', null)
    .execute();
  assert.equal(kept.length, PLAYBOOK_RUNS_KEPT_MAX);
  await opened.close();
});

test('who wrote the policy that runs a playbook agrees to it no more than who wrote the playbook', async () => {
  const { opened, journal, policies } = await open();
  const state = { aheadMs: 0 };
  const clock = { ...systemClock, now: () => new Date(Date.now() + state.aheadMs) };
  const playbooks: Playbooks = new Playbooks({
    ...{ db: opened.db, journal, clock, log: silentLog },
    doer: () => respond,
  });
  const steps = '[{ do: isolate }, { do: cordon }, { do: quarantine, approve: true }]';
  await playbooks.apply(`name: contain\nsteps: ${steps}`, 'user:ana');
  const respond = new Respond({
    ...{ db: opened.db, journal, clock, log: silentLog, policies, playbooks },
    responder: { kill: async () => 'killed' },
  });
  const source = `name: one
match: { rules: ["Terminal*"] }
run: [contain]
mode: enforce
approve: [dev]
limit: { actions: 5, minutes: 1 }
`;
  await policies.apply(source, 'user:luis');
  await respond.ingest(alert(), 'host1');
  // Once an incident, however long the incident and however short the limit.
  state.aheadMs = 5 * 60_000;
  await respond.ingest(alert(), 'host1');
  const [run, another] = await playbooks.runs(1);
  assert.equal(another, undefined);
  assert.ok(run !== undefined);
  assert.deepEqual(await playbooks.asked(run), ['isolate', 'cordon']);
  for (const own of ['user:ana', 'user:luis'])
    await assert.rejects(playbooks.answer(run.id, { approve: true }, own), hasCode('respond.own-approval'));
  await policies.remove('one', 'user:luis');
  const gone = hasCode('respond.action-unavailable');
  await assert.rejects(playbooks.answer(run.id, { approve: true }, 'user:eva'), gone);
  assert.equal((await playbooks.answer(run.id, { approve: false }, 'user:eva')).state, 'declined');
  await opened.close();
});

test('a playbook that a policy runs does not go back release by release either', async () => {
  const { opened, journal, policies, facts } = await open();
  const done: string[] = [];
  const playbooks: Playbooks = new Playbooks({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog },
    doer: () => respond,
  });
  await playbooks.apply('name: back\nsteps: [{ do: roll-back }, { do: notify }]', 'user:ana');
  const deed = (kind: string) => async (incident: { readonly number: number }) => {
    done.push(`${kind} ${incident.number}`);
    return DONE;
  };
  const deeds = { 'roll-back': deed('roll-back'), notify: deed('notify') };
  const respond = new Respond({
    ...{ db: opened.db, journal, clock: systemClock, log: silentLog, deeds, policies, playbooks },
    responder: { kill: async () => 'killed' },
  });
  await policies.apply('name: one\nmatch: { rules: ["Terminal*"] }\nrun: [back]\nmode: enforce\n', 'user:ana');
  for (const id of ['c', 'd']) {
    await respond.ingest(alert({ container: { ...alert().container, id: id.repeat(64) } as Alert['container'] }), 'h');
    await playbooks.workQueued();
    await playbooks.idle();
  }
  assert.deepEqual(done, ['roll-back 1', 'notify 1', 'notify 2']);
  assert.deepEqual(
    (await playbooks.runs(2))[0]?.steps.map((step) => step.state),
    ['skipped', 'done'],
  );
  const ended = (await facts()).filter(({ kind }) => kind === 'playbook.ended');
  assert.deepEqual(
    ended.map(({ project }) => project),
    ['tienda', 'tienda'],
  );
  await opened.close();
});
