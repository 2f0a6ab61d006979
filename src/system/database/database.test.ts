import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { Kysely } from 'kysely';
import { type Migration, openDatabase } from './database.ts';
import { sqliteDialect, WriteCount } from './sqlite-dialect.ts';

interface Tables {
  notes: { id: number; body: string };
}

const migrations: Migration[] = [
  {
    name: '0001-notes',
    async up(db) {
      await db.schema
        .createTable('notes')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('body', 'text', (column) => column.notNull())
        .execute();
    },
  },
];

test('openDatabase() applies each migration once and keeps the rows', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-db-'));
  t.after(() => rm(folder, { recursive: true }));
  const url = `sqlite:${join(folder, 'a.db')}`;
  const first = await openDatabase<Tables>(url, migrations);
  await first.db.insertInto('notes').values({ id: 1, body: 'kept' }).execute();
  await first.close();
  const second = await openDatabase<Tables>(url, migrations);
  t.after(() => second.close());
  assert.deepEqual(
    (await second.db.selectFrom('notes').selectAll().execute()).map((row) => ({ ...row })),
    [{ id: 1, body: 'kept' }],
  );
});

test('openDatabase() refuses a database that a newer version has migrated', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-db-'));
  t.after(() => rm(folder, { recursive: true }));
  const url = `sqlite:${join(folder, 'a.db')}`;
  await (await openDatabase<Tables>(url, migrations)).close();
  await assert.rejects(openDatabase<Tables>(url, []), { code: 'system.database-newer' });
});

test('a failed transaction leaves nothing, and the next one works', async (t) => {
  const { db, close } = await openDatabase<Tables>('sqlite::memory:', migrations);
  t.after(close);
  await assert.rejects(
    db.transaction().execute(async (tx) => {
      await tx.insertInto('notes').values({ id: 1, body: 'x' }).execute();
      await tx.insertInto('notes').values({ id: 1, body: 'again' }).execute();
    }),
  );
  await db.insertInto('notes').values({ id: 2, body: 'y' }).execute();
  assert.equal((await db.selectFrom('notes').selectAll().execute()).length, 1);
});

test('writes() changes with every write, commit and other process, and with nothing else', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-db-'));
  t.after(() => rm(folder, { recursive: true }));
  const url = `sqlite:${join(folder, 'a.db')}`;
  const { db, writes, close } = await openDatabase<Tables>(url, migrations);
  const other = await openDatabase<Tables>(url, migrations);
  t.after(() => Promise.all([close(), other.close()]));
  const settled = writes();
  await db.selectFrom('notes').selectAll().execute();
  assert.equal(writes(), settled);
  await db.insertInto('notes').values({ id: 1, body: 'x' }).execute();
  const inserted = writes();
  assert.notEqual(inserted, settled);
  let inside: number | null = null;
  await db.transaction().execute(async (tx) => {
    await tx.updateTable('notes').set({ body: 'y' }).returning('id').execute();
    inside = writes();
    assert.notEqual(inside, inserted);
  });
  const committed = writes();
  assert.notEqual(committed, inside);
  await other.db.insertInto('notes').values({ id: 2, body: 'elsewhere' }).execute();
  await new Promise((resolve) => setTimeout(resolve, 120));
  assert.notEqual(writes(), committed);
});

test('while another process writes to the file, reads are answered, and writes wait or say so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'darsena-locked-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'locked.db');
  const open = (lockedMs: number) =>
    new Kysely<{ notes: { text: string } }>({ dialect: sqliteDialect(path, new WriteCount(), lockedMs) });
  const [db, impatient] = [open(600_000), open(0)];
  t.after(() => Promise.all([db.destroy(), impatient.destroy()]));
  await db.schema.createTable('notes').addColumn('text', 'text').execute();
  const other = new DatabaseSync(path);
  t.after(() => other.close());
  const texts = async () => (await db.selectFrom('notes').select('text').execute()).map(({ text }) => text);
  const insert = (text: string) => db.insertInto('notes').values({ text }).execute();
  const begun = (text: string, on = db) =>
    on.transaction().execute((tx) => tx.insertInto('notes').values({ text }).execute());
  other.exec('BEGIN IMMEDIATE');
  let ended = 0;
  const waiting = [insert('alone'), begun('together')].map((one) => one.finally(() => ended++));
  // Read again and again while both wait: a thread that SQLite stopped would not come here before they end.
  assert.deepEqual(await texts(), []);
  assert.equal(ended, 0);
  other.exec('COMMIT');
  await Promise.all(waiting);
  assert.deepEqual((await texts()).sort(), ['alone', 'together']);
  other.exec('BEGIN IMMEDIATE');
  const refused = { code: 'system.database-locked' };
  await assert.rejects(impatient.insertInto('notes').values({ text: 'late' }).execute(), refused);
  await assert.rejects(begun('late', impatient), refused);
  other.exec('ROLLBACK');
  await begun('after', impatient);
  assert.equal((await texts()).length, 3);
});

test('transactions started together run one after the other', async (t) => {
  const { db, close } = await openDatabase<Tables>('sqlite::memory:', migrations);
  t.after(close);
  await Promise.all(
    Array.from({ length: 50 }, (_, id) =>
      db.transaction().execute(async (tx) => {
        const rows = await tx.selectFrom('notes').select('id').execute();
        await tx
          .insertInto('notes')
          .values({ id, body: String(rows.length) })
          .execute();
      }),
    ),
  );
  const bodies = (await db.selectFrom('notes').select('body').execute()).map((row) => Number(row.body));
  assert.deepEqual(
    bodies.sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, n) => n),
  );
});
