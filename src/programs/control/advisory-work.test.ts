import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AdvisoryStore } from '../../advisories/index.ts';
import { type Digest, digestOf } from '../../oci/index.ts';
import { type Operations, silentStep } from '../../progress/index.ts';
import type { RematchOutcome } from '../../scan/index.ts';
import { silentLog, systemClock } from '../../system/index.ts';
import { AdvisoryWork } from './advisory-work.ts';

const HOUR = 3_600_000;

test('policies judge what the advisories answer otherwise, and all where that is not known or the advisories got younger', async () => {
  const [one, two] = ['one', 'two'].map((name) => digestOf(Buffer.from(name))) as [Digest, Digest];
  let nowMs = Date.parse('2026-03-01T00:00:00Z');
  let madeMs = nowMs - HOUR;
  let passes: (readonly Digest[] | Error)[] = [];
  const outcomeOf = (answered: readonly Digest[]): RematchOutcome => ({
    ...{ images: 2, changed: [], added: 0, removed: 0 },
    answered,
  });
  const work = new AdvisoryWork({
    store: { sources: async () => [{ ageSeconds: (nowMs - madeMs) / 1000 }] } as unknown as AdvisoryStore,
    scans: {
      countStale: async () => passes.length,
      rematchAll: async () => {
        const pass = passes.shift();
        // Another change comes while this one is worked through.
        if (passes.length > 0) void work.rematch('user:eva');
        if (pass instanceof Error) throw pass;
        return outcomeOf(pass ?? []);
      },
    },
    operations: {
      start: async (_request: unknown, run: (context: object) => Promise<unknown>) => ({
        finished: run({ signal: new AbortController().signal, step: () => silentStep }).then(
          () => ({ state: 'done', problem: null }),
          () => ({ state: 'failed', problem: null }),
        ),
      }),
    } as unknown as Operations,
    ...{ urls: [], pgpKeys: [], maxAgeDays: null, log: silentLog, publisher: { publish: async () => true } },
    clock: { ...systemClock, now: () => new Date(nowMs) },
    record: async () => undefined,
    changed: async () => undefined,
    imagesWith: async function* () {
      yield* [];
    },
  });
  const rematch = async (...wanted: (readonly Digest[] | Error)[]) => {
    passes = wanted;
    const answered = await work.rematch('user:ana');
    return answered && [...answered];
  };
  assert.deepEqual(await rematch(), [], 'nothing is stale');
  assert.deepEqual(await rematch([one], [two, one]), [one, two]);
  assert.equal(await rematch([one], new Error('the disk is full')), null);
  nowMs += 10 * HOUR;
  madeMs = nowMs;
  assert.deepEqual(await rematch([one]), [one]);
  nowMs += 30 * HOUR;
  madeMs = nowMs;
  assert.equal(await rematch([one]), null, 'they were a day old, which a policy may have refused for');
  assert.deepEqual(await rematch([two]), [two]);
});
