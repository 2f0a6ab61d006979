import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PodFlow } from '../../deploy/engines/local/index.ts';
import type { WorkloadFlow } from '../../network/index.ts';
import { silentLog } from '../../system/index.ts';
import { FlowReport } from './flow-report.ts';

const KEY = { project: 'shop', environment: 'dev' };

/** From one pod to a replica of `web`. */
function way(address: string, connections: number, more: Partial<WorkloadFlow> = {}): PodFlow {
  const peer = { kind: 'workload', ...KEY, name: 'web' } as const;
  const flow = {
    direction: 'out',
    refused: false,
    protocol: 'tcp',
    port: 8080,
    ...KEY,
    workload: 'api',
    peer,
  } as const;
  return { pod: 'p', address, flow: { ...flow, connections, ...more } };
}

test('each connection is counted once: by several replicas, by both families, and by an agent that starts anew', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-flows-'));
  t.after(() => rm(folder, { recursive: true }));
  let now: PodFlow[] = [];
  let told = 0;
  const file = join(folder, 'told.json');
  const start = (): FlowReport =>
    new FlowReport({
      read: async () => now,
      send: (flows) => {
        for (const { connections } of flows) told += connections;
      },
      file,
      log: silentLog,
    });
  let report = start();
  const tells = async (flows: PodFlow[], total: number, why: string): Promise<void> => {
    now = flows;
    await report.tell();
    assert.equal(told, total, why);
  };
  const three = [way('10.0.0.2', 5), way('10.0.0.3', 2), way('fd00::2', 1)];
  await tells(three, 8, 'all of them');
  for (let n = 0; n < 5; n += 1) await tells(three, 8, 'nothing came');
  await tells([way('10.0.0.2', 6), way('10.0.0.3', 2), way('fd00::2', 4)], 12, 'what came');
  await tells([way('10.0.0.2', 6), way('fd00::2', 4)], 12, 'a replica that went takes nothing with it');
  await tells([way('10.0.0.2', 6), way('10.0.0.3', 1), way('fd00::2', 4)], 13, 'its address begins anew');
  await tells([way('10.0.0.2', 6), way('10.0.0.2', 3, { refused: true })], 16, 'what was refused is another way');
  report = start();
  await tells([], 16, 'which has read no pod yet');
  await tells([way('10.0.0.2', 7), way('10.0.0.2', 3, { refused: true })], 17, 'an agent that starts anew');
  await writeFile(file, '{"p": "x"}');
  report = start();
  await tells([way('10.0.0.2', 7)], 24, 'a file that is damaged stops nothing');
});
