import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeSpec } from '../../model.ts';
import { Prober } from './probes.ts';
import { SimulatedClock, sampleContainer } from './simulation.ts';

test('a probe that goes on failing in other words each time is told at once, then now and then; that it passes again at once', async () => {
  const clock = new SimulatedClock();
  let changes = 0;
  let asked = 0;
  let isWell = false;
  const prober = new Prober({
    clock,
    ask: async () => {
      asked += 1;
      return isWell ? { kind: 'success' } : { kind: 'failure', text: `error ${asked} at ${clock.now().toISOString()}` };
    },
    onChange: () => {
      changes += 1;
    },
  });
  const livenessProbe: ProbeSpec = {
    action: { kind: 'tcp', port: 80 },
    ...{ initialDelaySeconds: 0, periodSeconds: 1, timeoutSeconds: 1, successThreshold: 1, failureThreshold: 10_000 },
  };
  const container = sampleContainer({ startupProbe: null, readinessProbe: null, livenessProbe });
  const startedAtMs = clock.now().getTime();
  prober.sync([{ containerId: 'c', container, startedAtMs, adopted: false, endpoint: async () => null }]);
  await clock.advance(1_000);
  const state = () => prober.health().get('c')?.probes?.[0];
  assert.match(state()?.why ?? '', /^error 1 /);
  await clock.advance(10 * 60_000);
  assert.ok(asked > 500, `${asked} questions`);
  assert.ok(changes <= 25, `${changes} changes were told of ${asked} answers`);
  assert.doesNotMatch(state()?.why ?? '', /^error 1 /);
  isWell = true;
  await clock.advance(2_000);
  assert.deepEqual([state()?.state, state()?.why], ['passing', null]);
  prober.stop();
});
