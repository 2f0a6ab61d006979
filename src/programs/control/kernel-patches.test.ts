import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployments } from '../../deploy/index.ts';
import type { HostView } from './hosts.ts';
import { lookAtHosts, rebootGround } from './kernel-patches.ts';

type Maintenance = NonNullable<Awaited<ReturnType<Deployments['maintenance']>>>;

function ground({ names = ['a1'], here = names }: { names?: readonly string[]; here?: readonly string[] } = {}) {
  let standing: Maintenance | null = null;
  const status = {
    key: { project: 'shop', environment: 'dev', name: 'web' },
    ...{ phase: 'degraded', ready: 1, wanted: 2 },
    replicas: [
      { name: 'web-1', phase: 'running' },
      { name: 'job-1', phase: 'succeeded' },
    ],
  };
  const parts = {
    hosts: {
      views: () =>
        names.map((name) => {
          const state = here.includes(name) ? 'connected' : 'away';
          return { name, state, sensor: { state: name === 'a2' ? 'down' : 'ok' } } as unknown as HostView;
        }),
      connected: () => [...here],
      run: async () => null,
    },
    deployments: {
      statuses: () => [status] as never,
      maintenance: async () => standing,
      async setMaintenance(wanted: Pick<Maintenance, 'draining' | 'disregardBudgets' | 'reason'> | null) {
        standing = wanted === null ? null : { ...wanted, since: '', by: 'platform' };
        return standing;
      },
    },
  };
  const set = (one: Maintenance | null): void => {
    standing = one;
  };
  return { parts, standing: () => standing, set };
}

test('a workload that is not ready is told of the host that runs it, and a sensor that is down of its own', () => {
  const look = lookAtHosts(ground({ names: ['a1', 'a2', 'a3'], here: ['a1', 'a2'] }).parts);
  assert.deepEqual(look('a1'), {
    isHere: true,
    problems: [{ en: 'shop/dev/web is not ready', es: 'shop/dev/web no está lista' }],
  });
  assert.deepEqual(look('a2'), { isHere: true, problems: [{ en: 'the sensor is down', es: 'el sensor está caído' }] });
  assert.deepEqual(look('a3'), { isHere: false, problems: [] });
  assert.equal(lookAtHosts(ground({ here: [] }).parts)('a1').problems.length, 1, 'the only one, though it is away');
});

/** No host is a node of a cluster. */
const NO_NODES = { nodeOf: async () => null, empty: assert.fail, pods: assert.fail, serve: async () => undefined };

test('a host that is a node of a cluster is emptied through it, and the engine of pods here is let be', async () => {
  const { parts, standing } = ground();
  const asked: string[] = [];
  const nodes = {
    nodeOf: async () => ({ cluster: 'main', node: 'n1' }),
    empty: async (host: string) => asked.push(`empty ${host}`) > 0,
    pods: async () => ['shop/web'],
    serve: async (host: string) => void asked.push(`serve ${host}`),
  };
  const engine = rebootGround({ ...parts, nodes });
  assert.equal(await engine.empty('a1', 'restart r'), true);
  assert.deepEqual(await engine.pods('a1'), ['shop/web']);
  await engine.serve('a1', 'restart r');
  assert.deepEqual([asked, standing()], [['empty a1', 'serve a1'], null]);
});

test('a host is emptied for a restart and given back; what a person took out of service stays so', async () => {
  const { parts, standing, set } = ground();
  const engine = rebootGround({ ...parts, nodes: NO_NODES });
  assert.equal(await engine.empty('a1', 'restart r'), true);
  assert.equal(standing()?.draining, true);
  assert.deepEqual(await engine.pods('a1'), ['web-1']);
  assert.equal(await engine.empty('a1', 'restart r'), true, 'again, after a death of control');
  await engine.serve('a1', 'restart r');
  assert.equal(standing(), null);

  const theirs = { draining: false, disregardBudgets: false, reason: 'new disk', since: '', by: 'user:ana' };
  set(theirs);
  assert.equal(await engine.empty('a1', 'restart r'), true);
  assert.equal(standing()?.draining, true);
  assert.equal(await engine.empty('a1', 'restart r'), true, 'again, after a death of control');
  await engine.serve('a1', 'restart r');
  assert.deepEqual([standing()?.draining, standing()?.reason], [false, 'new disk'], 'only closed, as it was');

  set({ ...theirs, draining: true });
  assert.equal(await engine.empty('a1', 'restart r'), false);
  await engine.serve('a1', 'restart r');
  assert.deepEqual([standing()?.draining, standing()?.reason], [true, 'new disk']);

  const many = ground({ names: ['a1', 'a2'] });
  const other = rebootGround({ ...many.parts, nodes: NO_NODES });
  assert.deepEqual([await other.empty('a2', 'restart r'), many.standing(), await other.pods('a2')], [false, null, []]);
});
