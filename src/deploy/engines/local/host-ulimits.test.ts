import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '../../model.ts';
import type { Ulimits } from '../../ulimits.ts';
import { beyondUlimits, readMostUlimits, wholeUlimits } from './host-ulimits.ts';

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max processes             93000                93000                processes
Max open files            1024                 20000                files
Max locked memory         8388608              8388608              bytes
Max nice priority         0                    0
Max realtime priority     0                    0
`;
const FIRST = '         0          0 4294967295\n';
const podOf = (ulimits: Ulimits): PodSpec =>
  ({ initContainers: [], containers: [{ name: 'web', ulimits }] }) as unknown as PodSpec;

test('a host gives no more than the agent has, unless it may raise its own limits', async () => {
  const bound = readMostUlimits(LIMITS, 'CapEff:\t00000000a80425fb\n', FIRST, '1048576\n');
  assert.deepEqual([bound.nofile, bound.nproc, bound.cpu, bound.nice], [20_000, 93_000, -1, 0]);
  const free = readMostUlimits(LIMITS, 'CapEff:\t000001ffffffffff\n', FIRST, '1048576\n');
  assert.deepEqual([free.nofile, free.nproc], [1_048_576, -1]);
  // Real time would leave the container's share of processors, without the capability that policies look for.
  assert.deepEqual([bound.rtprio, free.rtprio], [0, 0]);
  assert.equal(readMostUlimits('', 'CapEff:\t000001ffffffffff\n', FIRST, '1048576\n').rtprio, 0);
  const real = await beyondUlimits(podOf({ rtprio: { soft: 0, hard: 1 } }), free);
  assert.match(real?.en ?? '', /rtprio=1 of web, where the most is 0 \(the agent’s own; it is never raised\)/);
  assert.equal(await beyondUlimits(podOf({ rtprio: { soft: 0, hard: 0 } }), free), null);
  // Root of a user namespace raises nothing.
  const nested = readMostUlimits(LIMITS, 'CapEff:\t000001ffffffffff\n', '0 100000 65536\n', '1048576\n');
  assert.equal(nested.nofile, 20_000);

  // Where it may not, Podman is not left to its own numbers for what nobody speaks of.
  assert.deepEqual(await wholeUlimits({ nofile: { soft: 1, hard: 2 } }, bound), {
    nofile: { soft: 1, hard: 2 },
    nproc: { soft: 8_192, hard: 8_192 },
  });
  assert.deepEqual(await wholeUlimits({ core: { soft: 0, hard: 0 } }, free), { core: { soft: 0, hard: 0 } });

  assert.equal(await beyondUlimits(podOf({ nofile: { soft: 1, hard: 20_000 } }), bound), null);
  const beyond = await beyondUlimits(podOf({ nofile: { soft: 1, hard: 20_001 } }), bound);
  assert.match(beyond?.en ?? '', /nofile=20001 of web, where the most is 20000/);
  assert.match(
    (await beyondUlimits(podOf({ memlock: { soft: -1, hard: -1 } }), bound))?.es ?? '',
    /memlock=unlimited de web/,
  );
  assert.equal(await beyondUlimits(podOf({ cpu: { soft: -1, hard: -1 } }), bound), null);
  assert.match((await beyondUlimits(podOf({ nofile: { soft: -1, hard: -1 } }), free))?.en ?? '', /1048576/);
});
