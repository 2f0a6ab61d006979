import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ContainerOrder, PodOrder } from '../../src/deploy/engines/local/engine.ts';
import { type ContainerEngine, CriEngine, type PodmanEngine } from '../../src/deploy/engines/local/index.ts';
import {
  CAPABILITIES,
  type ConformanceResults,
  checkConformance,
} from '../../src/deploy/engines/local/test-conformance.ts';
import type { RuntimeClass } from '../../src/deploy/model.ts';
import { Fault, type Text } from '../../src/system/index.ts';
import { missingCriParts, openCriGround } from './cri-ground.ts';
import { missingParts, openGround } from './deploy-ground.ts';
import { compareEngine } from './engine-record.ts';
import { missingRootlessParts, runAsAccount } from './rootless-ground.ts';

// The one suite for every engine: whole, and compared with what is recorded, when there is time for it; otherwise
// the heart of it, against a CRI server (Podman has tests of its own in deploy-podman).
const WHOLE = process.env['DARSENA_SOAK'] === '1';
const HEART = ['names', 'adoption', 'process', 'exec', 'confinement', 'limits'];

async function compare(ground: string, engine: ContainerEngine, results: ConformanceResults): Promise<void> {
  await compareEngine(ground, await engine.facts(), results);
}

test('a CRI server keeps what engines promise', { skip: missingCriParts() ?? false, timeout: 300_000 }, async (t) => {
  const ground = await openCriGround('dzc');
  t.after(() => ground.close());
  const folder = join(ground.folder, 'shelf');
  const reopen = (): CriEngine => new CriEngine({ socketPath: ground.socketPath, instance: ground.instance, folder });
  const report = (key: string, ms: number): void => t.diagnostic(`${key} ${ms.toFixed(0)} ms`);
  const results = await checkConformance({ ...ground, runs: true, reopen }, report, WHOLE ? null : HEART);
  // The registry had asked for the password first, and was given it.
  assert.ok(ground.refusedPulls() > 0);
  if (WHOLE) await compare('cri', ground.engine, results);
  else assert.deepEqual(results, Object.fromEntries(HEART.map((key) => [key, null])));
});

test('rootful Podman keeps what engines promise', {
  skip: WHOLE ? (missingParts() ?? false) : 'takes half a minute: DARSENA_SOAK=1',
  timeout: 600_000,
}, async (t) => {
  const ground = await openGround('dzq');
  t.after(() => ground.close());
  const report = (key: string, ms: number): void => t.diagnostic(`${key} ${ms.toFixed(0)} ms`);
  const results = await checkConformance({ ...ground, credentials: null, runs: true }, report, null);
  await compare('podman-rootful', ground.engine, results);
});

/** The engine with every pod and container asking for this run-time. */
function withRuntime(engine: PodmanEngine, runtime: RuntimeClass): PodmanEngine {
  return new Proxy(engine, {
    get(target, name) {
      if (name === 'createPod') return (order: PodOrder) => target.createPod({ runtime, ...order });
      if (name === 'createContainer') return (order: ContainerOrder) => target.createContainer({ runtime, ...order });
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
}

/**
 * Asked of files of /proc that gVisor's own kernel does not show; and, to reach a neighbour, busybox's wget, which runsc of
 * 2022 now and then gives EAGAIN where a blocking read waits (Node's own client is answered).
 */
const NOT_IN_GVISOR = ['confinement', 'resolver', 'reach'];

test('gVisor below Podman keeps what engines promise', {
  skip: !WHOLE
    ? 'takes minutes: DARSENA_SOAK=1 (deploy-podman runs one such workload)'
    : (missingParts() ?? (existsSync('/usr/bin/runsc') ? false : 'needs /usr/bin/runsc')),
  timeout: 600_000,
}, async (t) => {
  const ground = await openGround('dzg');
  t.after(() => ground.close());
  const engine = withRuntime(ground.engine, 'runsc');
  const reopen = (): ContainerEngine => withRuntime(ground.reopen(), 'runsc');
  const report = (key: string, ms: number): void => t.diagnostic(`${key} ${ms.toFixed(0)} ms`);
  const runs = { ...ground, engine, reopen, credentials: null, runs: true };
  const results: Record<string, Text | null> = {};
  for (const { key } of CAPABILITIES) {
    if (NOT_IN_GVISOR.includes(key)) continue;
    try {
      Object.assign(results, await checkConformance(runs, report, [key]));
    } catch (error) {
      // What it refuses with its reason is an answer; anything else is none.
      const { cause } = error as Error;
      if (!(cause instanceof Fault) || cause.code !== 'engine.lacks') throw error;
      results[key] = { en: cause.text('en').why ?? '', es: cause.text('es').why ?? '' };
    }
  }
  await compare('podman-gvisor', ground.engine, results);
});

test('rootless Podman keeps what engines promise', {
  skip: WHOLE ? ((await missingRootlessParts()) ?? false) : 'takes a minute: DARSENA_SOAK=1',
  timeout: 1_200_000,
}, async (t) => {
  const { facts, results } = await runAsAccount([], (text) => t.diagnostic(text));
  await compareEngine('podman-rootless', facts, results);
});

/** What differs most from root's; the whole has all of it. */
const NAMES = ['serviceNames', 'waysByName'];
const OTHERWISE = ['hostAddress', 'ipv6'];

test('pods of an ordinary account ask for names of services, and reach what is outside by name', {
  skip: WHOLE ? 'part of the whole' : ((await missingRootlessParts()) ?? false),
  timeout: 300_000,
}, async (t) => {
  const { results } = await runAsAccount([...NAMES, ...OTHERWISE], (text) => t.diagnostic(text));
  for (const key of NAMES) assert.equal(results[key], null, key);
  // What is otherwise without root is said, not passed over.
  for (const key of OTHERWISE) assert.match(results[key]?.en ?? '', /without root|ordinary user/, key);
});
