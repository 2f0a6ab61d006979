import { type OutlineNode, outlineChild, outlineValue, readOutline } from '../../formats/index.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { PACKAGE_LOCK_MAX_BYTES } from '../limits.ts';
import { PackageList } from '../reading/package-list.ts';
import { hasInstalledModules, isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/**
 * yarn.lock of version 1 and of yarn 2 and later. Neither says what is needed in development only, so all is named.
 * Workspaces, links and what comes from a folder are the project itself and left out.
 */
export const yarn: Analyser = {
  name: 'yarn',
  version: 1,
  fileNames: ['yarn.lock'],
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: PACKAGE_LOCK_MAX_BYTES,
  wants: ({ path }) => !isBelow(path, 'node_modules'),
  read: () => collectText(readLock),
  counts: ({ path }, tree) => !hasInstalledModules(path, tree),
};

function readLock(text: string): Evidence | null {
  const nodes = readOutline(text);
  const packages = new PackageList('npm');
  if (outlineChild(nodes, '__metadata')) {
    for (const { children } of nodes) {
      // "name@npm:1.2.3", with "::…" where a registry is bound to it; a patch is of the version it names last.
      const [, name, version] =
        /^(@?[^@]+)@(?:npm:|patch:.*@npm%3A)([^:#]+)/.exec(outlineValue(children, 'resolution')) ?? [];
      packages.add(name, version ? outlineValue(children, 'version') : null);
    }
  } else {
    for (const node of nodes) packages.add(nameOf(node), fieldOf(node, 'version'));
  }
  return packages.evidence();
}

/** The header of an entry: `"name@range", "name@other-range":`; for an alias, `alias@npm:name@range`. */
function nameOf({ key }: OutlineNode): string | null {
  const [first = ''] = key.split(',');
  const [, name, range = ''] = /^"?(@?[^@"]+)@([^"]*)/.exec(first) ?? [];
  if (!name || /^(?:file|link|portal|workspace):/.test(range)) return null;
  const [, real] = /^npm:(@?[^@]+)@/.exec(range) ?? [];
  return real ?? name;
}

/** Version 1 has no colon between a field and its value. */
function fieldOf({ children }: OutlineNode, field: string): string | null {
  const line = children.find(({ key, value }) => key === '' && value.startsWith(`${field} `));
  return line ? line.value.slice(field.length + 1).replaceAll('"', '') : null;
}
