import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Journal, type JournalTables, journalMigrations } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import { openDatabase, silentLog, systemClock } from '../system/index.ts';
import { registryMigrations } from './migrations.ts';
import { readPullHistory } from './pull-history.ts';
import { PullRecorder } from './pulls.ts';
import type { RegistryTables } from './store.ts';

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}` as Digest;

test('pulls are counted by hour with their facts, and shown by hour and day with the quiet ones', async () => {
  const { db, close } = await openDatabase<RegistryTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...registryMigrations,
  ]);
  try {
    let now = new Date('2026-11-20T22:10:00.000Z');
    const clock = { ...systemClock, now: () => now };
    const facts: { kind: string }[] = [];
    const journal: Pick<Journal, 'record' | 'committed'> = {
      record: async (_tx, fact) => {
        facts.push(fact);
        return { ...fact, id: '1', at: '', digest: fact.digest ?? null };
      },
      committed: () => undefined,
    };
    const recorder = new PullRecorder({ db: db as never, journal, clock, log: silentLog });
    const pull = async (at: string, actor: string, repository: string, digest: Digest, times = 1) => {
      now = new Date(at);
      for (let time = 0; time < times; time += 1) recorder.add(actor, repository, '1', digest);
      await recorder.flush();
    };
    // Out of every answer: another year, which the first write drops, another project, another day.
    await pull('2025-01-01T10:00:00.000Z', 'user:ana', 'tienda/web', digestOf('a'));
    await pull('2026-11-20T22:10:00.000Z', 'user:ana', 'tienda/web', digestOf('a'), 3);
    await pull('2026-11-20T22:50:00.000Z', 'user:ana', 'tienda/web', digestOf('a'));
    await pull('2026-11-22T00:05:00.000Z', 'agent:vm', 'tienda/web', digestOf('b'), 2);
    await pull('2026-11-22T00:06:00.000Z', 'agent:vm', 'otro/web', digestOf('b'));
    assert.equal(facts.length, 5);

    const ask = (question: object) =>
      readPullHistory(db as never, { project: 'tienda', by: 'day', count: 3, ...question }, now);
    const days = await ask({});
    assert.deepEqual(
      days.periods.map(({ at, pulls }) => [at, pulls]),
      [
        ['2026-11-20T00:00:00.000Z', 4],
        ['2026-11-21T00:00:00.000Z', 0],
        ['2026-11-22T00:00:00.000Z', 2],
      ],
    );
    assert.deepEqual([days.total, days.lastAt], [6, '2026-11-22T00:05:00.000Z']);
    assert.deepEqual([days.from, days.to], ['2026-11-20T00:00:00.000Z', '2026-11-23T00:00:00.000Z']);
    assert.deepEqual(
      days.actors.map(({ actor, pulls }) => [actor, pulls]),
      [
        ['user:ana', 4],
        ['agent:vm', 2],
      ],
    );
    assert.deepEqual(
      days.images.map(({ digest, pulls }) => [digest, pulls]),
      [
        [digestOf('a'), 4],
        [digestOf('b'), 2],
      ],
    );

    const hours = await ask({ by: 'hour', count: 27, digest: digestOf('a') });
    assert.equal(hours.periods.length, 27);
    assert.deepEqual(
      hours.periods.filter(({ pulls }) => pulls > 0).map(({ at, pulls }) => [at, pulls]),
      [['2026-11-20T22:00:00.000Z', 4]],
    );
    assert.equal((await ask({ repository: 'tienda/api' })).total, 0);
    assert.equal((await ask({ by: 'hour', count: 9999 })).periods.length, 14 * 24, 'an answer is bounded');
    const kept = await db.selectFrom('registry_pulls').select('hour').execute();
    assert.ok(
      kept.every(({ hour }) => hour > '2026'),
      'old counts go',
    );
  } finally {
    await close();
  }
});
