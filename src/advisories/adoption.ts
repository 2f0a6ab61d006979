import { DatabaseSync } from 'node:sqlite';
import { SCHEMA_VERSION } from './database.ts';
import { advisoryFault } from './errors.ts';
import { seal } from './seal.ts';
import { clearSource } from './source-writer.ts';
import type { ImportedSource, ImportOutcome } from './store.ts';

interface Stored {
  readonly name: string;
  readonly feed: string;
  readonly records: number;
  readonly skipped: number;
  readonly updated_at: string;
  readonly imported_at: string;
  readonly is_partial: number;
  readonly max_age_days: number;
}

/**
 * Takes every source of another database that is newer than the one in use; those that are equal stay.
 *
 * @throws Fault advisories.older when one of them is older (unless forced), advisories.artifact-invalid
 */
export function adoptSources(db: DatabaseSync, path: string, { force }: { readonly force: boolean }): ImportOutcome {
  checkDatabase(path);
  db.prepare('ATTACH ? AS other').run(path);
  const current = new Map(
    (db.prepare('SELECT * FROM main.sources').all() as unknown as Stored[]).map((one) => [one.name, one]),
  );
  const offered = db.prepare('SELECT * FROM other.sources ORDER BY name').all() as unknown as Stored[];
  const wanted = offered.filter((one) => {
    const known = current.get(one.name);
    if (!known || force) return true;
    if (one.updated_at < known.updated_at) {
      throw advisoryFault('advisories.older', {
        source: one.name,
        updatedAt: one.updated_at,
        currentAt: known.updated_at,
      });
    }
    return one.updated_at !== known.updated_at || one.records !== known.records;
  });
  db.exec('BEGIN');
  for (const source of wanted) copySource(db, source);
  const revision = seal(db);
  db.exec('COMMIT');
  db.exec('DETACH other');
  return { imported: wanted.map(toImported), unknown: [], revision };
}

/** The bytes are signed, and still a cut file must not get into what is in use. */
function checkDatabase(path: string): void {
  try {
    const other = new DatabaseSync(path, { readOnly: true });
    try {
      const { user_version: version } = other.prepare('PRAGMA user_version').get() as { user_version: number };
      if (version !== SCHEMA_VERSION) {
        throw new Error(`its format is number ${version}, this version of the platform reads number ${SCHEMA_VERSION}`);
      }
      const [check] = other.prepare('PRAGMA quick_check(1)').all() as { quick_check: string }[];
      if (check?.quick_check !== 'ok') throw new Error(`the database is damaged: ${check?.quick_check}`);
    } finally {
      other.close();
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw advisoryFault('advisories.artifact-invalid', { why }, { cause });
  }
}

function copySource(db: DatabaseSync, source: Stored): void {
  const { name } = source;
  clearSource(db, name);
  const { last } = db.prepare('SELECT coalesce(max(key), 0) AS last FROM main.advisories').get() as { last: number };
  db.prepare(
    `INSERT INTO main.advisories (key, source, id, aliases, issues, title, url, severity, cvss, vector, vector4)
     SELECT key + ?, source, id, aliases, issues, title, url, severity, cvss, vector, vector4
     FROM other.advisories WHERE source = ?`,
  ).run(last, name);
  db.prepare(
    `INSERT INTO main.affected SELECT f.ecosystem, f.name, f.advisory + ?, f.part, f.body
     FROM other.affected f JOIN other.advisories a ON a.key = f.advisory WHERE a.source = ?`,
  ).run(last, name);
  for (const table of ['aliases', 'issues', 'kernel']) {
    db.prepare(`INSERT OR REPLACE INTO main.${table} SELECT * FROM other.${table} WHERE source = ?`).run(name);
  }
  if (source.feed === 'cisa-kev') db.exec('INSERT OR REPLACE INTO main.kev SELECT * FROM other.kev');
  if (source.feed === 'epss') db.exec('INSERT OR REPLACE INTO main.epss SELECT * FROM other.epss');
  db.prepare('INSERT INTO main.sources SELECT * FROM other.sources WHERE name = ?').run(name);
}

function toImported({ name, feed, records, skipped, updated_at: updatedAt }: Stored): ImportedSource {
  return { name, feed, records, skipped, updatedAt };
}
