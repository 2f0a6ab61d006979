import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

/** Writes down what ecosystems there are and what the content is called; answers the latter. */
export function seal(db: DatabaseSync): string {
  db.exec(`DELETE FROM coverage; INSERT INTO coverage SELECT f.ecosystem, count(*), min(s.is_partial)
    FROM affected f JOIN advisories a ON a.key = f.advisory JOIN sources s ON s.name = a.source GROUP BY f.ecosystem`);
  const rows = db.prepare('SELECT * FROM sources ORDER BY name').all();
  const revision = createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16);
  const before = db.prepare('SELECT serial FROM revision').get() as { serial: number } | undefined;
  db.exec('DELETE FROM revision');
  db.prepare('INSERT INTO revision VALUES (?, ?)').run(revision, (before?.serial ?? 0) + 1);
  return revision;
}
