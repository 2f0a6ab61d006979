import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Verdict, withGrace } from '../../admit/index.ts';
import { digestOf } from '../../oci/index.ts';
import { startTestRegistry } from '../../registry/test-registry.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { startVerdicts } from './permissions.ts';

const HOUR = 3_600_000;
const digest = digestOf(Buffer.from('an image'));

test('the start of what runs already is permitted until the deadline of its environment, and refused after it', async () => {
  let ahead = 0;
  const clock = { ...systemClock, now: () => new Date(Date.now() + ahead) };
  const server = await startTestRegistry({ clock });
  try {
    const kept: Verdict[] = [];
    let decision: Verdict['decision'] = 'allow';
    let factsChangedMs = 0;
    const judge = (): Verdict => ({
      id: String(kept.length),
      at: clock.now().toISOString(),
      door: 'start',
      decision,
      reasons:
        decision === 'allow'
          ? []
          : [
              {
                rule: 'critical-vulnerability',
                effect: 'refuse',
                message: { en: 'a new hole', es: 'un fallo nuevo' },
                remedy: null,
                subject: null,
                exception: null,
              },
            ],
      policy: { name: 'prod', version: '1' },
      project: 'tienda',
      environment: 'pro',
      digest,
      specHash: 'spec',
      // Well after the deadline: within the same milliseconds it would be the verdict that ends first.
      expiresAt: new Date(clock.now().getTime() + 200 * HOUR).toISOString(),
    });
    const parts = {
      admit: {
        policy: () => ({ name: 'prod', version: '1' }),
        current: async () => {
          const newest = kept.at(-1);
          return newest !== undefined && Date.parse(newest.expiresAt) > clock.now().getTime() ? newest : null;
        },
        grant: async (verdict: Verdict, until: string) => {
          kept.push(withGrace(verdict, { id: `g${kept.length}`, at: clock.now().toISOString(), until }));
          return kept.at(-1);
        },
      },
      pipeline: {
        judgeComposition: async () => {
          kept.push(judge());
          return [{ subject: 'web', verdict: kept.at(-1) }];
        },
      },
      graces: server.registry.graces,
      factsChangedMs: () => factsChangedMs,
      clock,
      log: silentLog,
    } as unknown as Parameters<typeof startVerdicts>[0];
    const container = { image: `registry.darsena.internal/tienda/web@${digest}` };
    const composition = {
      workloads: [{ key: { name: 'web' }, specHash: 'spec', pod: { initContainers: [], containers: [container] } }],
    } as unknown as Parameters<typeof startVerdicts>[1];
    const environment = { name: 'pro', class: 'production', policy: 'prod' } as Parameters<typeof startVerdicts>[2];
    const ask = async (): Promise<Verdict> => {
      const [verdict] = await startVerdicts(parts, composition, environment, 'tienda');
      assert.ok(verdict !== undefined);
      return verdict;
    };

    assert.equal((await ask()).decision, 'allow');
    assert.equal((await ask()).id, '0', 'a standing verdict is not asked again');
    decision = 'refuse';
    assert.equal((await ask()).decision, 'allow', 'nothing has changed yet');
    ahead = HOUR;
    factsChangedMs = clock.now().getTime();
    ahead = 2 * HOUR;
    const graced = await ask();
    const deadline = Date.parse(graced.expiresAt);
    assert.equal(graced.decision, 'warn');
    assert.equal(Math.round((deadline - clock.now().getTime()) / HOUR), 72);
    assert.equal(graced.reasons[0]?.exception?.expiresAt, (await server.registry.graces.list('tienda'))[0]?.until);

    const count = kept.length;
    ahead = 73 * HOUR;
    assert.equal((await ask()).decision, 'warn');
    assert.equal(kept.length, count, 'a verdict that ends with its grace is not given again and again');
    // A deploy of the same digest is judged without a grace; what runs keeps its deadline.
    kept.push(judge());
    assert.equal((await ask()).expiresAt, graced.expiresAt);
    ahead = 75 * HOUR;
    assert.equal((await ask()).decision, 'refuse');
    decision = 'allow';
    factsChangedMs = clock.now().getTime() + 1;
    ahead = 76 * HOUR;
    assert.equal((await ask()).decision, 'allow');
    assert.deepEqual(await server.registry.graces.list('tienda'), []);
  } finally {
    await server.close();
  }
});
