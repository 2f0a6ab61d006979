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
});
