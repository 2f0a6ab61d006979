import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { objectsOf, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName } from '../reading/paths.ts';
import { collectText } from './text.ts';

/** What a .NET application was published with (*.deps.json), and NuGet's lock and older list of packages. */
export const dotnet: Analyser = {
  name: 'dotnet',
  version: 2,
  fileNames: ['packages.lock.json', 'packages.config'],
  folderNames: [],
  suffixes: ['.deps.json'],
  places: [],
  unreadable: 'notice',
  yieldsToDistribution: true,
  maxFileBytes: LOCK_MAX_BYTES,
  wants: () => true,
  read: ({ path }) => {
    if (path.endsWith('.deps.json')) return collectText(readDeps);
    return collectText(baseName(path) === 'packages.config' ? readConfig : readLock);
  },
};

/**
 * `libraries` names all, `targets` what is there at run time. A runtime pack is .NET itself, copied into the
 * application; advisories name it by its own package.
 */
function readDeps(text: string): Evidence | null {
  const deps = readJsonObject(text);
  const packages = new PackageList('nuget');
  const present = new Set<string>();
  for (const [, target] of objectsOf(deps['targets'])) {
    for (const [id, { runtime, runtimeTargets, native }] of objectsOf(target)) {
      if (runtime !== undefined || runtimeTargets !== undefined || native !== undefined) present.add(id);
    }
  }
  for (const [id, { type }] of objectsOf(deps['libraries'])) {
    const [name = '', version] = id.split('/');
    if (type === 'runtimepack') packages.add(name.replace(/^runtimepack\./, ''), version);
    else if (type === 'package' && (present.size === 0 || present.has(id))) packages.add(name, version);
  }
  return packages.evidence();
}

function readLock(text: string): Evidence | null {
  const packages = new PackageList('nuget');
  for (const [, framework] of objectsOf(readJsonObject(text)['dependencies'])) {
    for (const [name, { type, resolved }] of objectsOf(framework)) {
      if (type !== 'Project') packages.add(name, resolved);
    }
  }
  return packages.evidence();
}

const PACKAGE_TAG = /<package\s([^>]{1,2000})>/g;

function readConfig(text: string): Evidence | null {
  const packages = new PackageList('nuget');
  for (const [, attributes = ''] of text.matchAll(PACKAGE_TAG)) {
    const value = (name: string): string | undefined =>
      new RegExp(`(?:^|\\s)${name}\\s{0,8}=\\s{0,8}(["'])([^"']{1,200})\\1`).exec(attributes)?.[2];
    if (value('developmentDependency')?.toLowerCase() !== 'true') packages.add(value('id'), value('version'));
  }
  return packages.evidence();
}
