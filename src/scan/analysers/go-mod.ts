import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/**
 * go.mod of a source tree, which since Go 1.17 names all modules a build needs. Those of Go itself, of the module cache
 * and of vendored or test data are of other projects.
 */
export const goMod: Analyser = {
  name: 'go-mod',
  version: 1,
  fileNames: ['go.mod'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) =>
    !path.includes('pkg/mod/') &&
    !path.includes('usr/local/go/') &&
    !['testdata', 'vendor', 'node_modules'].some((folder) => isBelow(path, folder)),
  read: () => collectText(readModule),
};

/** go.dev/ref/mod#go-mod-file: `require` and `replace`, as lines of their own or in blocks. */
function readModule(text: string): Evidence | null {
  const required = new Map<string, string>();
  const replaced = new Map<string, { path: string; version: string | undefined }>();
  let block = '';
  for (const raw of text.split('\n')) {
    const line = raw.split('//')[0]?.trim() ?? '';
    if (line === ')') block = '';
    const words = line.split(/\s+/).map((word) => word.replace(/^["`]|["`]$/g, ''));
    if (words[1] === '(') {
      block = words[0] ?? '';
      continue;
    }
    const [verb, ...rest] = block === '' ? words : [block, ...words];
    const [path, second] = rest;
    if (verb === 'require' && path && second) required.set(path, second);
    const arrow = rest.indexOf('=>');
    const target = rest[arrow + 1];
    if (verb === 'replace' && path && arrow > 0 && target) {
      // With a version on the left it is replaced only where that version is required.
      replaced.set(arrow === 2 ? `${path}@${second}` : path, { path: target, version: rest[arrow + 2] });
    }
  }
  const packages = new PackageList('golang');
  for (const [path, version] of required) {
    const other = replaced.get(`${path}@${version}`) ?? replaced.get(path);
    packages.add(other?.path ?? path, other ? other.version : version);
  }
  return packages.evidence();
}
