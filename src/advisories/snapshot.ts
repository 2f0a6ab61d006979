import { DatabaseSync } from 'node:sqlite';

/** A copy of a compiled database in a file of its own; null when nothing was imported into it yet. */
export function takeSnapshot(
  path: string,
  target: string,
): { readonly revision: string; readonly importedAt: string } | null {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const row = db.prepare('SELECT value FROM revision').get() as { value: string } | undefined;
    const { at } = db.prepare('SELECT max(imported_at) AS at FROM sources').get() as { at: string | null };
    if (!row || at === null) return null;
    // Packed as if it were new, and without what only this machine's updates need.
    db.prepare('VACUUM INTO ?').run(target);
    return { revision: row.value, importedAt: at };
  } finally {
    db.close();
  }
}
