import type { Analyser } from '../analyser.ts';
import { PACKAGE_DATABASE_MAX_BYTES } from '../limits.ts';

/**
 * Changes that SQLite keeps beside rpm's database until they are moved into it. They are not replayed, because each file
 * is read for itself; a log that is not empty gets a notice. rpm leaves an empty one when it ends.
 */
export const rpmLog: Analyser = {
  name: 'rpm-log',
  version: 1,
  fileNames: ['rpmdb.sqlite-wal'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: PACKAGE_DATABASE_MAX_BYTES,
  wants: ({ path, sizeBytes }) => path.includes('rpm/') && sizeBytes > 0,
  read: () => ({
    write: () => true,
    end: () => ({
      kind: 'unreadable',
      reason: "the newest changes of rpm's database may be only here, and are not read",
    }),
  }),
};
