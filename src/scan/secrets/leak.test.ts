import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AdvisoryStore } from '../../advisories/index.ts';
import { type Journal, type JournalTables, journalMigrations } from '../../journal/index.ts';
import { openDatabase, systemClock } from '../../system/index.ts';
import { decodeLayerResult } from '../layer.ts';
import { scanMigrations } from '../migrations.ts';
import { Scans } from '../scans.ts';
import type { ScanTables } from '../store.ts';
import { imageOf, packLayer } from '../test-image.ts';

/** No token of anybody: drawn for this test. */
const TOKEN = 'ghp_Zk3mQ9vX2bL7wT4nR8cY1dF6gH5jS0aPuEiO';

test('a credential in a removed file is told by its place, and its value is in no table, fact or report', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'darsena-leak-'));
  const { db, close } = await openDatabase<ScanTables & JournalTables>('sqlite::memory:', [
    ...journalMigrations,
    ...scanMigrations,
  ]);
  const facts: unknown[] = [];
  try {
    const journal: Pick<Journal, 'record' | 'committed'> = {
      record: async (_tx, fact) => {
        facts.push(fact);
        return { ...fact, id: '1', at: '', digest: fact.digest ?? null };
      },
      committed: () => undefined,
    };
    const advisories = new AdvisoryStore(folder, systemClock);
    const scans = new Scans({ db, advisories, journal, clock: systemClock, secrets: { key: Buffer.alloc(32, 7) } });
    const image = imageOf([
      await packLayer([{ path: 'srv/.env', content: Buffer.from(`A=1\nGITHUB_TOKEN=${TOKEN}\n`) }]),
      await packLayer([{ path: 'srv/.wh..env', content: new Uint8Array(0) }]),
    ]);
    const job = { ...image, project: 'tienda', actor: 'platform', subject: 'tienda/web:1' };
    const report = await scans.scan(job);
    assert.deepEqual(
      report.secrets.map(({ rule, path, line, column, removed }) => [rule, path, line, column, removed]),
      [['github-pat', 'srv/.env', 2, 14, true]],
    );
    assert.match(report.secrets[0]?.fingerprint ?? '', /^v-/);
    assert.equal(report.malware.state, 'not-scanned');
    assert.deepEqual((await scans.scan(job)).secrets, report.secrets);

    const layers = await db.selectFrom('scan_layers').select('result').execute();
    const inventories = await db.selectFrom('scan_inventories').selectAll().execute();
    const reports = await db.selectFrom('scan_reports').selectAll().execute();
    assert.deepEqual([layers.length, inventories.length, reports.length], [2, 1, 1]);
    const kept = layers.map(({ result }) => JSON.stringify(decodeLayerResult(result).found));
    const all = JSON.stringify([kept, inventories, reports, facts, report]);
    assert.ok(all.includes('github-pat'));
    for (const part of [
      TOKEN,
      TOKEN.slice(4),
      TOKEN.slice(4, 20),
      Buffer.from(TOKEN).toString('base64').slice(4, 40),
    ]) {
      assert.ok(!all.includes(part));
    }
  } finally {
    await close();
    rmSync(folder, { recursive: true });
  }
});
