import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Incident } from '../../respond/index.ts';
import { createDeeds, type DeedParts } from './deeds.ts';

type Maintenance = Awaited<ReturnType<DeedParts['deployments']['maintenance']>>;

test('a host is cordoned for an incident and given back; maintenance that is somebody else’s stays', async () => {
  let standing: Maintenance = null;
  const deployments: DeedParts['deployments'] = {
    maintenance: async () => standing,
    async refuseInMaintenance() {
      if (standing !== null) throw new Error('in maintenance');
    },
    async setMaintenance(wanted, by) {
      standing = wanted === null ? null : { ...wanted, since: '2026-11-22T00:00:00.000Z', by };
      return standing;
    },
  };
  const unused = {} as unknown as Omit<DeedParts, 'deployments'>;
  const { cordon, uncordon } = createDeeds({ ...unused, deployments });
  assert.ok(cordon !== undefined && uncordon !== undefined);
  const incident = { host: 'host1', number: 7 } as unknown as Incident;
  const order = { actor: 'user:ana', reason: null };
  await cordon(incident, order);
  const set = await deployments.maintenance();
  assert.deepEqual([set?.draining, set?.reason, set?.by], [false, 'incident 7', 'user:ana']);
  await assert.rejects(cordon(incident, order), /in maintenance/);
  assert.match((await uncordon(incident, order)).en, /again/);
  assert.equal(await deployments.maintenance(), null);
  assert.match((await uncordon(incident, order)).en, /already/);
  await deployments.setMaintenance({ draining: true, disregardBudgets: false, reason: 'new disk' }, 'user:luis');
  await assert.rejects(uncordon(incident, order), /in maintenance/);
  assert.equal((await deployments.maintenance())?.by, 'user:luis');
  const { drain, undrain } = createDeeds({ ...unused, deployments });
  assert.ok(drain !== undefined && undrain !== undefined);
  await assert.rejects(drain(incident, order), /in maintenance/);
  await deployments.setMaintenance(null, 'user:luis');
  await cordon(incident, order);
  await drain(incident, order);
  assert.equal((await deployments.maintenance())?.draining, true, 'a cordon goes over into a drain');
  await undrain(incident, order);
  assert.equal(await deployments.maintenance(), null);
});

test('the volumes of an incident’s workload are kept as they are, each by a snapshot of its own', async () => {
  const made: string[] = [];
  const parts: Partial<DeedParts> = {
    claims: async () => ['data', 'logs'].map((claim) => ({ project: 'tienda', environment: 'pro', claim })),
    async snapshot({ claim }, actor) {
      made.push(`${claim} ${actor}`);
      return `operation-of-${claim}`;
    },
  };
  const { snapshot } = createDeeds(parts as DeedParts);
  assert.ok(snapshot !== undefined);
  const said = await snapshot({} as unknown as Incident, { actor: 'user:ana', reason: null });
  assert.deepEqual(made, ['data user:ana', 'logs user:ana']);
  assert.match(said.en, /operation-of-logs/);
  const none = createDeeds({ ...parts, claims: async () => [] } as unknown as DeedParts);
  assert.match((await none.snapshot?.({} as unknown as Incident, { actor: 'a', reason: null }))?.en ?? '', /no volume/);
});
