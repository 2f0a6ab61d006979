import { FormatError, parseToml } from '../../formats/index.ts';
import type { FileTree } from '../../oci/layers.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { isObject, type JsonObject, objectsIn, objectsOf, readJsonObject } from '../reading/json.ts';
import { PackageList } from '../reading/package-list.ts';
import { baseName, isBelow, isMostlyInstalled, oncePerTree } from '../reading/paths.ts';
import { collectText } from './text.ts';

const READERS: Readonly<Record<string, (text: string) => Evidence | null>> = {
  'poetry.lock': readPoetry,
  'uv.lock': readUv,
  'pdm.lock': readPdm,
  'pylock.toml': readPylock,
  'Pipfile.lock': readPipfile,
  'requirements.txt': readRequirements,
  'requirements.lock': readRequirements,
};

/**
 * What lock files of Python name, without what is needed in development only. They count where those packages are
 * not installed: an image that has both runs what is installed.
 */
export const pythonLocks: Analyser = {
  name: 'python-locks',
  version: 1,
  fileNames: Object.keys(READERS),
  folderNames: [],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) =>
    !isBelow(path, 'site-packages') && !isBelow(path, 'dist-packages') && !isBelow(path, 'node_modules'),
  read: ({ path }) => collectText(READERS[baseName(path)] ?? (() => null)),
  counts: (found, tree) => !isMostlyInstalled(found, installedNames(tree), ({ name }) => plainName(name)),
};

const INSTALLED = /([^/]+)\.(?:dist-info\/METADATA|egg-info\/PKG-INFO)$/;

const installedNames = oncePerTree((tree: FileTree) => {
  const names = new Set<string>();
  for (const { path } of tree.files()) {
    if (!path.endsWith('/METADATA') && !path.endsWith('/PKG-INFO')) continue;
    const [, name] = INSTALLED.exec(path) ?? [];
    // The version follows the first dash: dashes of a name are written as underscores.
    if (name) names.add(plainName(name.split('-')[0] ?? name));
  }
  return names;
});

/** Names that differ only in case and in these letters are the same (PEP 503). */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** Poetry 1 writes a category or nothing, poetry 2 the groups; 'main' is what a plain install brings. */
function readPoetry(text: string): Evidence | null {
  const packages = new PackageList('pypi');
  for (const entry of objectsIn(parseToml(text)['package'])) {
    const { category, groups } = entry;
    if (category === 'dev' || (Array.isArray(groups) && groups.length > 0 && !groups.includes('main'))) continue;
    if (!isElsewhere(entry)) packages.add(entry['name'], entry['version']);
  }
  return packages.evidence();
}

/** Poetry's own folders and checkouts; what has no published version cannot be looked up. */
function isElsewhere({ source }: JsonObject): boolean {
  return isObject(source) && ['directory', 'file', 'git'].includes(String(source['type']));
}

/**
 * uv writes the graph, the project and its members included. What those need is walked; `dev-dependencies` are not.
 * Optional dependencies of the project are followed, of others where an extra is asked for.
 */
function readUv(text: string): Evidence | null {
  const entries = objectsIn(parseToml(text)['package']);
  const byName = Map.groupBy(entries, (entry) => String(entry['name']));
  const isProject = ({ source }: JsonObject): boolean =>
    isObject(source) && ['virtual', 'editable', 'directory'].some((kind) => source[kind] !== undefined);
  const waiting: { name: string; extras: readonly string[] }[] = [];
  const push = (needs: unknown): void => {
    for (const need of objectsIn(needs)) {
      const extras = Array.isArray(need['extra']) ? need['extra'].map(String) : [];
      waiting.push({ name: String(need['name']), extras });
    }
  };
  const projects = entries.filter(isProject);
  for (const project of projects) {
    push(project['dependencies']);
    const optional = project['optional-dependencies'];
    if (isObject(optional)) for (const needs of Object.values(optional)) push(needs);
  }
  const packages = new PackageList('pypi');
  const seen = new Set<string>();
  const visit = (name: string, extra: string | null, run: (entry: JsonObject) => void): void => {
    const key = `${name}[${extra ?? ''}]`;
    if (seen.has(key)) return;
    seen.add(key);
    for (const entry of byName.get(name) ?? []) run(entry);
  };
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    visit(next.name, null, (entry) => {
      if (!isProject(entry)) packages.add(entry['name'], entry['version']);
      push(entry['dependencies']);
    });
    for (const extra of next.extras) {
      visit(next.name, extra, ({ 'optional-dependencies': optional }) => {
        if (isObject(optional)) push(optional[extra]);
      });
    }
  }
  // A lock of scripts or of an older uv names no project: then nothing is left out.
  if (projects.length === 0) for (const entry of entries) packages.add(entry['name'], entry['version']);
  return packages.evidence();
}

function readPdm(text: string): Evidence | null {
  const packages = new PackageList('pypi');
  for (const { name, version, groups } of objectsIn(parseToml(text)['package'])) {
    if (!Array.isArray(groups) || groups.includes('default')) packages.add(name, version);
  }
  return packages.evidence();
}

/** PEP 751. */
function readPylock(text: string): Evidence | null {
  const packages = new PackageList('pypi');
  for (const { name, version, marker } of objectsIn(parseToml(text)['packages'])) {
    if (typeof marker !== 'string' || !marker.includes('dependency_groups')) packages.add(name, version);
  }
  return packages.evidence();
}

function readPipfile(text: string): Evidence | null {
  const packages = new PackageList('pypi');
  for (const [name, { version }] of objectsOf(readJsonObject(text)['default'])) {
    if (typeof version === 'string' && version.startsWith('==')) packages.add(name, version.slice(2));
  }
  return packages.evidence();
}

/** Exact pins only: `name[extras]==1.2 ; marker --hash=…`. A range names no version. */
const PIN =
  /^([A-Za-z0-9][A-Za-z0-9._-]{0,200})\s{0,8}(?:\[[^\]]{0,200}\])?\s{0,8}={2,3}\s{0,8}([A-Za-z0-9][A-Za-z0-9._+!-]{0,100})\s*(?:[;#\\]|--|$)/;

function readRequirements(text: string): Evidence | null {
  if (text.includes('\0')) throw new FormatError('package-list.syntax', 'it is not text');
  const packages = new PackageList('pypi');
  for (const line of text.split('\n')) {
    const [, name, version] = PIN.exec(line.trim()) ?? [];
    packages.add(name, version);
  }
  return packages.evidence();
}
