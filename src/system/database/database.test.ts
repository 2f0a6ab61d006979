import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Migration, openDatabase } from './database.ts';

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
