/** SQLITE_FULL of SQLite, "database or disk is full". */
const SQLITE_FULL = 13;
/** disk_full of PostgreSQL, on the machine where it runs. */
const POSTGRES_FULL = '53100';
const CAUSES_MAX = 5;

/** Whether there was no room for a file or for the database, at whatever depth it was said. */
export function isDiskFull(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < CAUSES_MAX; at = at.cause, depth++) {
    if ('code' in at && (at.code === 'ENOSPC' || at.code === 'EDQUOT' || at.code === POSTGRES_FULL)) return true;
    if ('errcode' in at && at.errcode === SQLITE_FULL) return true;
  }
  return false;
}
