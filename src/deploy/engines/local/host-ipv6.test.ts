import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../../system/index.ts';
import type { EngineFacts } from './engine.ts';
import { MemoryEngine } from './memory.ts';
import { Reconciler } from './reconcile.ts';
import { NO_FILES, SimulatedClock, sampleState, sampleWorkload } from './simulation.ts';
import type { WorkloadStatus } from './status.ts';

const WHY = { en: 'pods have IPv4 alone: this host has none other', es: 'los pods solo tienen IPv4' };

test('where pods have IPv4 alone it is said beside the workloads whose Service wishes for both, and beside no other', async () => {
  const clock = new SimulatedClock();
  const engine = new (class extends MemoryEngine {
    override async facts(): Promise<EngineFacts> {
      return { ...(await super.facts()), ipv6Missing: WHY };
    }
  })({ clock });
  const status = new Map<string, WorkloadStatus>();
  const reconciler = new Reconciler({
    ...{ instance: 't', engine, clock, log: silentLog, contents: NO_FILES },
    gate: { check: async () => ({ allow: true }) },
    askProbe: async () => ({ kind: 'success' }),
    onStatus: (one) => status.set(one.key.name, one),
  });
  const service = (name: string, environment: string, sixToo?: true) => ({
    ...{ project: 'shop', environment, name, selector: { app: name }, ports: [] },
    ...(sixToo === undefined ? {} : { sixToo }),
  });
  reconciler.setWanted({
    ...sampleState([sampleWorkload('web', '1'), sampleWorkload('api', '1'), sampleWorkload('db', '1')]),
    services: [service('web', 'dev', true), service('api', 'dev'), service('db', 'prod', true)],
  });
  reconciler.start();
  await clock.advance(5_000);
  const said = (name: string): (string | undefined)[] =>
    (status.get(name)?.conditions ?? []).filter(({ type }) => type === 'not-enforced').map(({ text }) => text?.en);
  assert.deepEqual([said('web'), said('api'), said('db')], [[WHY.en], [], []]);
  let ended = false;
  const ending = reconciler.stop().finally(() => {
    ended = true;
  });
  for (let rounds = 0; !ended && rounds < 200; rounds++) await clock.advance(1_000);
  await ending;
});
