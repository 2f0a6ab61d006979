import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

/** Elixir's mix.lock. It does not say what is needed in development only. */
export const hex: Analyser = {
  name: 'hex',
  version: 2,
  fileNames: ['mix.lock'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: () => true,
  read: () => collectText(readLock),
};

/**
 * One entry a line: `"key": {:hex, :name, "1.2.3", …}`; the oldest versions begin with the first one on the line of the
 * opening `%{`. Entries of :git have a commit and no version.
 */
const ENTRY =
  /^\s{0,8}(?:%\{)?"[^"]{1,200}":\s{0,8}\{\s{0,8}:hex,\s{0,8}:"?([A-Za-z0-9_]{1,200})"?,\s{0,8}"([^"]{1,100})"/;

function readLock(text: string): Evidence | null {
  const packages = new PackageList('hex');
  for (const line of text.split('\n')) {
    const [, name, version] = ENTRY.exec(line) ?? [];
    packages.add(name, version);
  }
  return packages.evidence();
}
