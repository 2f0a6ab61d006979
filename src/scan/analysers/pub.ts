import { outlineChild, outlineValue, readOutline } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { collectText } from './text.ts';

/** Dart's pubspec.lock, without direct development dependencies; which others only they need is not in the file. */
export const pub: Analyser = {
  name: 'pub',
  version: 1,
  fileNames: ['pubspec.lock'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) => !path.includes('.pub-cache/'),
  read: () => collectText(readLock),
};

function readLock(text: string): Evidence | null {
  const packages = new PackageList('pub');
  for (const { key, children } of outlineChild(readOutline(text), 'packages')?.children ?? []) {
    if (outlineValue(children, 'dependency') === 'direct dev' || outlineValue(children, 'source') !== 'hosted')
      continue;
    packages.add(key, outlineValue(children, 'version'));
  }
  return packages.evidence();
}
