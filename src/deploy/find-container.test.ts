import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fault } from '../system/index.ts';
import type { WorkloadStatus } from './engines/local/index.ts';
import { findContainer } from './routes.ts';

const replica = (name: string, state: string) => ({
  ...{ name, ready: state === 'running' },
  containers: [{ name: 'web', id: `id-${name}`, digest: null, state }],
});
const STATUSES = [
  {
    key: { project: 'shop', environment: 'dev', name: 'web' },
    replicas: [replica('web-0', 'exited'), replica('web-1', 'running')],
  },
] as unknown as WorkloadStatus[];
const find = (more: { readonly replica?: string }) =>
  findContainer(STATUSES, { project: 'shop', environment: 'dev', workload: 'web', ...more });

test('a replica that there is none of is told with those that there are; one that does not run, as such', () => {
  assert.equal(find({}).replica, 'web-1');
  assert.equal(find({ replica: 'web-1' }).containerId, 'id-web-1');
  assert.throws(
    () => find({ replica: 'web-7' }),
    (error: Fault) => {
      assert.equal(error.code, 'deploy.replica-unknown');
      const { what, why } = error.text('en');
      assert.deepEqual([what, why], ['shop/web has no replica web-7', 'its replicas in dev: web-0, web-1']);
      return true;
    },
  );
  assert.throws(() => find({ replica: 'web-0' }), { code: 'deploy.replica-missing' });
});
