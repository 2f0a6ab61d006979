import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Admission, judge, NO_WORKLOAD, type Running, readPolicy, type Verdict } from '../../admit/index.ts';
import { digestOf } from '../../oci/index.ts';
import { startTestRegistry } from '../../registry/test-registry.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { imageDeadline, startVerdicts } from './permissions.ts';

const HOUR = 3_600_000;
const digest = digestOf(Buffer.from('an image'));

const policyOf = (restarts: string) =>
  readPolicy(
    `name: prod
version: "1"
description: { en: a policy, es: una política }
doors: { start: closed }
validHours: 100
restarts: ${restarts}
rules:
  - id: late
    each: "scan.findings.filter(f, f.severity == 'critical')"
    effect: refuse
    message: { en: "a hole: {subject}", es: "un fallo: {subject}" }
  - id: unsigned
    when: "!signatures.imageVerified"
    effect: refuse
    message: { en: unsigned, es: sin firma }
  - id: malware
    when: "scan.malware == 'found'"
    effect: refuse
    message: { en: malware, es: código malicioso }
`,
    'policy',
  );

/** A control whose facts the test sets: what runs is asked again as `startVerdicts` does, with the real judge. */
async function ground(restarts: 'allow' | 'refuse') {
  const state = { aheadMs: 0, factsChangedMs: 0, due: '', vulnerable: false, signed: true, malware: false };
  const clock = { ...systemClock, now: () => new Date(Date.now() + state.aheadMs) };
  const server = await startTestRegistry({ clock });
  const kept: Verdict[] = [];
  const policy = policyOf(restarts);
  const environment = { name: 'pro', class: 'production', policy: 'prod' } as Parameters<typeof startVerdicts>[2];
  const admission = (): Admission => ({
    image: { digest, repository: 'tienda/web', project: 'tienda', tags: [], ageDays: 1, sizeBytes: 1 },
    scan: {
      ...{ state: 'complete', at: '', packages: 1, hasAdvisories: true, sparseAdvisories: false, advisoriesAgeDays: 0 },
      malware: state.malware ? 'found' : 'clean',
      findings: !state.vulnerable
        ? []
        : [
            {
              ...{ key: 'CVE-1', label: 'p 1 (CVE-1)', kind: 'vulnerability', severity: 'critical', package: 'p' },
              ...{ version: '1', fixable: true, fixedVersion: '2', exploited: true, score: 9.8, epss: 0.9 },
              ...{ decision: 'act', overdue: state.due !== '' && Date.parse(state.due) <= clock.now().getTime() },
              due: state.due,
            } as const,
          ],
    },
    signatures: {
      ...{ imageVerified: state.signed, imageSigners: [], provenanceVerified: true, provenanceSigners: [] },
      unmetDemands: [],
    },
    workload: NO_WORKLOAD,
    environment: { name: 'pro', class: 'production', runs: true },
    statements: [],
    documents: [],
  });
  const answer = async (restart: boolean) => {
    const place = { project: 'tienda', digest, environment };
    const running: Running = { restart, until: await imageDeadline(server.registry.graces, clock, place) };
    kept.push(
      judge({
        ...{ id: String(kept.length), at: clock.now().toISOString(), door: 'start', policy, admission: admission() },
        ...{ exceptions: [], specHash: 'spec', running },
      }),
    );
    // Time goes by between the judgement and what is kept of it.
    state.aheadMs += 5;
    return { verdict: kept.at(-1) as Verdict, until: running.until };
  };
  const parts = {
    admit: {
      policy: () => policy,
      current: async () => {
        const newest = kept.at(-1);
        return newest !== undefined && Date.parse(newest.expiresAt) > clock.now().getTime() ? newest : null;
      },
    },
    pipeline: {
      judgeComposition: async (_c: unknown, _e: unknown, _p: unknown, _a: unknown, how: { restart?: boolean }) => [
        { subject: 'web', ...(await answer(how.restart === true)) },
      ],
    },
    graces: server.registry.graces,
    factsChangedMs: () => state.factsChangedMs,
    clock,
    log: silentLog,
  } as unknown as Parameters<typeof startVerdicts>[0];
  const container = { image: `registry.darsena.internal/tienda/web@${digest}` };
  const composition = {
    workloads: [{ key: { name: 'web' }, specHash: 'spec', pod: { initContainers: [], containers: [container] } }],
  } as unknown as Parameters<typeof startVerdicts>[1];
  return {
    ...{ state, clock, kept },
    graces: () => server.registry.graces.list('tienda'),
    close: () => server.close(),
    deploy: async () => (await answer(false)).verdict,
    /** What hosts are sent for what runs. */
    async ask(): Promise<Verdict> {
      const [verdict] = await startVerdicts(parts, composition, environment, 'tienda');
      assert.ok(verdict !== undefined);
      return verdict;
    },
    later(hours: number, change: Partial<typeof state> = {}): void {
      state.aheadMs += hours * HOUR;
      Object.assign(state, change, { factsChangedMs: clock.now().getTime() });
      state.aheadMs += 1;
    },
  };
}

test('what runs and turns vulnerable is restarted and released again until its deadline, and only restarted after it', async () => {
  const { state, clock, kept, ask, deploy, later, close } = await ground('allow');
  try {
    assert.equal((await ask()).decision, 'allow');
    assert.equal((await ask()).id, '0', 'a standing verdict is not asked again');
    later(1, { vulnerable: true, due: new Date(clock.now().getTime() + 49 * HOUR).toISOString() });
    const warned = await ask();
    assert.deepEqual([warned.decision, warned.restart], ['warn', true]);
    assert.equal(warned.reasons[0]?.exception?.expiresAt, state.due, 'the deadline of the finding is said');
    assert.ok(warned.expiresAt > state.due, 'a host that is alone at the deadline goes on');
    assert.deepEqual([(await deploy()).decision, kept.at(-1)?.expiresAt], ['warn', state.due]);

    later(60);
    assert.equal((await deploy()).decision, 'refuse', 'a new release after the deadline');
    const after = await ask();
    assert.deepEqual([after.decision, after.restart], ['warn', true], 'that refusal says nothing about what runs');
    assert.equal((await ask()).id, after.id);
    assert.match(after.reasons[0]?.exception?.reason ?? '', /passed/);

    later(1, { malware: true });
    assert.equal((await ask()).decision, 'refuse', 'malware has no deadline');
  } finally {
    await close();
  }
});

test('what changes while an answer is sought is not in it: it is sought anew', async () => {
  const { state, kept, ask, deploy, close } = await ground('allow');
  try {
    // Its facts were read, then malware was found in the image, then the answer was written down.
    const late = await deploy();
    state.malware = true;
    state.factsChangedMs = Date.parse(late.at) + 2;
    assert.equal((await ask()).decision, 'refuse');
    assert.equal(kept.length, 2);
    state.factsChangedMs = Date.parse(kept.at(-1)?.at ?? '');
    await ask();
    assert.equal(kept.length, 3, 'in the same millisecond nobody knows which was first');
  } finally {
    await close();
  }
});

test('what was answered while the clock was years ahead is answered anew when it is set right', async () => {
  const { state, ask, close } = await ground('refuse');
  const years = 800 * 24 * HOUR;
  try {
    state.aheadMs += years;
    const ahead = await ask();
    state.aheadMs -= years;
    state.malware = true;
    const now = await ask();
    assert.deepEqual([now.id === ahead.id, now.decision], [false, 'refuse']);
    assert.equal((await ask()).at, now.at, 'and not again and again');
  } finally {
    await close();
  }
});

test('with "restarts: refuse" nothing starts after the deadline, and no verdict is given again and again before it', async () => {
  const { clock, kept, ask, later, close } = await ground('refuse');
  try {
    later(1, { vulnerable: true, due: new Date(clock.now().getTime() + 49 * HOUR).toISOString() });
    const warned = await ask();
    assert.deepEqual([warned.decision, warned.expiresAt], ['warn', warned.reasons[0]?.exception?.expiresAt]);
    const count = kept.length;
    later(0.01);
    assert.equal((await ask()).decision, 'warn');
    assert.equal(kept.length, count + 1, 'the facts changed: asked once');
    assert.equal((await ask()).decision, 'warn');
    assert.equal(kept.length, count + 1);
    later(60);
    assert.equal((await ask()).decision, 'refuse');
  } finally {
    await close();
  }
});

test('what has no deadline of its own gets that of the class, which does not move and ends with its cause', async () => {
  const { ask, later, graces, close } = await ground('allow');
  try {
    later(1, { signed: false });
    const first = await ask();
    const until = first.reasons[0]?.exception?.expiresAt;
    assert.equal(first.decision, 'warn');
    assert.deepEqual(
      (await graces()).map((grace) => [grace.environment, grace.until]),
      [['pro', until]],
    );
    later(24);
    assert.equal((await ask()).reasons[0]?.exception?.expiresAt, until);
    later(1, { signed: true });
    assert.equal((await ask()).decision, 'allow');
    assert.deepEqual(await graces(), []);
  } finally {
    await close();
  }
});
