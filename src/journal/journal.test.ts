import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { type Clock, openDatabase, silentLog, systemClock } from '../system/index.ts';
import { type ChainedFact, Journal, type JournalTables, journalMigrations } from './index.ts';

const checkpointKeyPem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

async function openJournal(t: TestContext) {
  const opened = await openDatabase<JournalTables>('sqlite::memory:', journalMigrations);
  t.after(opened.close);
  const journal = new Journal({ db: opened.db, clock: systemClock, log: silentLog, checkpointKeyPem, keyId: 'k1' });
  const state = async (n: number): Promise<void> => {
    await opened.db.transaction().execute((tx) =>
      journal.record(tx, {
        kind: 'test.done',
        project: n % 2 ? 'a' : null,
        actor: 'user:ana',
        subject: `s${n}`,
        body: { n },
      }),
    );
    journal.committed();
  };
  return { db: opened.db, journal, state };
}

test('facts get their places in the order they were committed, and listeners hear each once', async (t) => {
  const { journal, state } = await openJournal(t);
  const heard: ChainedFact[] = [];
  journal.subscribe((fact) => heard.push(fact));
  for (let n = 1; n <= 20; n += 1) await state(n);
  await journal.settled();
  assert.deepEqual(
    heard.map((fact) => fact.seq),
    Array.from({ length: 20 }, (_, n) => n + 1),
  );
  assert.deepEqual(
    heard.map((fact) => fact.subject),
    Array.from({ length: 20 }, (_, n) => `s${n + 1}`),
  );
});

test('ids go on after those that a clock years ahead made, so that the last of a state is the newest', async (t) => {
  const { db, journal, state } = await openJournal(t);
  await journal.continueIds();
  const ahead: Clock = { ...systemClock, now: () => new Date(Date.now() + 800 * 86_400_000) };
  // Another process made it: this one has seen no such time.
  const hex = ahead.now().getTime().toString(16).padStart(12, '0');
  const id = `${hex.slice(0, 8)}-${hex.slice(8)}-7fff-bfff-ffffffffffff`;
  const empty = { project: null, actor: 'platform', subject: 'x', digest: null, body: 'null' };
  await db
    .insertInto('journal_facts')
    .values({ id, at: ahead.now().toISOString(), kind: 'test.done', ...empty, seq: null, body_hash: null, hash: null })
    .execute();
  await journal.continueIds();
  await state(1);
  await state(2);
  await journal.settled();
  const facts = await journal.query({ projects: '*', order: 'oldest', limit: 10 });
  assert.deepEqual(
    facts.map(({ subject }) => subject),
    ['x', 's1', 's2'],
  );
  assert.ok(facts.every((fact) => fact.id >= id));
});

test('a fact of a transaction that failed was never stated', async (t) => {
  const { db, journal, state } = await openJournal(t);
  await assert.rejects(
    db.transaction().execute(async (tx) => {
      await journal.record(tx, { kind: 'test.done', project: null, actor: 'platform', subject: 'x', body: null });
      throw new Error('state failed');
    }),
  );
  await state(1);
  await journal.settled();
  assert.equal((await journal.query({ projects: '*', limit: 10 })).length, 1);
});

test('a reader of one project sees neither another project nor the platform', async (t) => {
  const { journal, state } = await openJournal(t);
  for (let n = 1; n <= 4; n += 1) await state(n);
  await journal.settled();
  assert.deepEqual(
    (await journal.query({ projects: ['a'], limit: 10 })).map((fact) => fact.subject),
    ['s3', 's1'],
  );
  assert.deepEqual(await journal.query({ projects: [], limit: 10 }), []);
});

for (const [name, edit] of [
  ['a changed body', (db) => db.updateTable('journal_facts').set({ body: '{"n":99}' }).where('seq', '=', 3).execute()],
  [
    'a changed actor',
    (db) => db.updateTable('journal_facts').set({ actor: 'user:eva' }).where('seq', '=', 3).execute(),
  ],
  ['a removed record', (db) => db.deleteFrom('journal_facts').where('seq', '=', 3).execute()],
  ['a cut tail', (db) => db.deleteFrom('journal_facts').where('seq', '>=', 3).execute()],
] as [string, (db: import('kysely').Kysely<JournalTables>) => Promise<unknown>][]) {
  test(`verify() finds ${name} and names the first bad record`, async (t) => {
    const { db, journal, state } = await openJournal(t);
    for (let n = 1; n <= 5; n += 1) await state(n);
    await journal.close();
    assert.equal((await journal.verify()).state, 'intact');
    await edit(db);
    const verdict = await journal.verify();
    assert.equal(verdict.state, 'broken');
    assert.equal(verdict.firstBad?.seq, 3);
  });
}
