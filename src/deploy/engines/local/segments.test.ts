import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog, systemClock } from '../../../system/index.ts';
import { MemoryEngine } from './memory.ts';
import { type PlacedPod, Segments } from './segments.ts';
import { sampleWorkload } from './simulation.ts';

const SEGMENT = { network: '10.0.0.0/16', gateway: '10.0.0.1' };

function placed(index: number): PlacedPod {
  const name = `pod${index}`;
  const address = `10.0.${index >> 8}.${index & 255}`;
  const place = { address, segment: SEGMENT, endpoint: () => null };
  const { key, pod: spec } = sampleWorkload(name, '1');
  const pod = { id: `id-${name}`, name, labels: {}, createdAtMs: 0, infra: null, containers: [] };
  return { pod, place, key, spec, redirects: [] };
}

/** As nft tells it: each pod was called on port 80, so many times as it was read. */
function tableOf(times: number): string {
  const elem = [{ elem: { val: { concat: ['192.0.2.1', 'tcp', 80] }, counter: { packets: times } } }];
  return JSON.stringify({ nftables: [{ set: { name: 'came', elem } }] });
}

test('the counters of many pods are read in turn, and what was read stands until the next time', async () => {
  const reads = new Map<string, number>();
  const engine = new (class extends MemoryEngine {
    override async loadRules(): Promise<void> {
      // Of rules nothing is asked here.
    }

    override readTable(pod?: { readonly name: string }): Promise<string | null> {
      const name = pod?.name ?? '';
      reads.set(name, (reads.get(name) ?? 0) + 1);
      if (name === 'pod3' && reads.get(name) === 2) return Promise.reject(new Error('nft is not there'));
      return Promise.resolve(tableOf(reads.get(name) ?? 0));
    }
  })({ clock: systemClock });
  const segments = new Segments({ engine, log: silentLog, names: null });
  const pods = Array.from({ length: 50 }, (_, index) => placed(index));
  const follow = (some: readonly PlacedPod[]): Promise<boolean> => segments.follow(some, [], [], () => false);
  assert.equal(await follow(pods), true);

  assert.equal((await segments.flows()).length, 20);
  assert.equal((await segments.flows()).length, 40);
  assert.equal((await segments.flows()).length, 50);
  assert.deepEqual(new Set(pods.map(({ pod }) => reads.get(pod.name))), new Set([1, 2]), 'everyone has had a turn');
  assert.equal(reads.get('pod9'), 2, 'those who waited longest were read again');

  const third = (await segments.flows()).find(({ pod }) => pod === 'id-pod3');
  assert.equal(third?.flow.connections, 1, 'what could not be read now stands as it was read before');

  assert.equal(await follow(pods.slice(0, 10)), true);
  assert.equal((await segments.flows()).length, 10, 'of pods that are gone nothing is told any more');
});

test('a resolver that could not listen tries again while its pods are there, and not without end', async () => {
  const engine = new (class extends MemoryEngine {
    override async loadRules(): Promise<void> {
      // Of rules nothing is asked here.
    }
  })({ clock: systemClock });
  let isTaken = true;
  let [tries, nowMs] = [0, 0];
  const names = {
    setZone: () => undefined,
    listen: async () => {
      tries += 1;
      if (isTaken) throw new Error('EADDRINUSE');
    },
  };
  const segments = new Segments({ engine, log: silentLog, names, nowMs: () => nowMs });
  const follow = (some: readonly PlacedPod[]): Promise<boolean> => segments.follow(some, [], [], () => false);
  const later = (some: readonly PlacedPod[]): Promise<boolean> => {
    nowMs += 10_000;
    return follow(some);
  };
  assert.equal(await follow([placed(1)]), false);
  assert.equal(await follow([placed(1)]), false);
  assert.equal(tries, 1, 'not at every look');
  assert.equal(await later([placed(1)]), false);
  isTaken = false;
  assert.equal(await later([placed(1)]), true);
  assert.equal(tries, 3);
  isTaken = true;
  assert.equal(await follow([placed(1), placed(2)]), false);
  for (let round = 0; round < 9; round += 1) await later([placed(1), placed(2)]);
  assert.equal(tries, 9, 'six times, and no more');
  assert.equal(await later([placed(1), placed(2)]), true);
});
