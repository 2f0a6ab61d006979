import { XmlReader } from '../../formats/index.ts';
import type { FileTree } from '../../oci/layers.ts';
import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { readPom } from '../reading/maven-pom.ts';
import { PackageList } from '../reading/package-list.ts';
import { isBelow, oncePerTree } from '../reading/paths.ts';
import { collectText } from './text.ts';

const CHECKSUMS = 'gradle/verification-metadata.xml';

/**
 * Gradle's locks, what a pom.xml of a source tree names with a version of its own, and the archives that Gradle verifies.
 * The last hold those of the build's own plugins too, so a lock below the same folder is believed instead.
 */
export const javaLocks: Analyser = {
  name: 'java-locks',
  version: 2,
  fileNames: ['pom.xml', 'verification-metadata.xml'],
  folderNames: [],
  suffixes: ['.lockfile'],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) =>
    path.endsWith('verification-metadata.xml')
      ? path === CHECKSUMS || path.endsWith(`/${CHECKSUMS}`)
      : path.endsWith('pom.xml')
        ? !isBelow(path, 'META-INF') && !isBelow(path, 'target')
        : /(?:^|\/)gradle\.lockfile$|(?:^|\/)dependency-locks\/[^/]+\.lockfile$/.test(path) &&
          !/buildscript/.test(path),
  read: ({ path }) =>
    collectText(path.endsWith('pom.xml') ? readProject : path.endsWith(CHECKSUMS) ? readChecksums : readLock),
  counts: ({ path }, tree) =>
    !path.endsWith(CHECKSUMS) || !isAnyBelow(lockedFolders(tree), path.slice(0, -CHECKSUMS.length)),
};

/** Folders of which Gradle locked what they need, in order. */
const lockedFolders = oncePerTree((tree: FileTree) =>
  [...tree.files()]
    .flatMap(({ path }) => (/(?:^|\/)gradle\.lockfile$/.test(path) ? [path.slice(0, -'gradle.lockfile'.length)] : []))
    .sort(),
);

/** Whether one of the folders is this one or below it: the first that is not before it, for an image may hold many of both. */
function isAnyBelow(sorted: readonly string[], folder: string): boolean {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < folder) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(folder) ?? false;
}

/** docs.gradle.org, dependency verification: `component` with an `artifact` a file; parents and boms have no archive. */
function readChecksums(text: string): Evidence | null {
  const packages = new PackageList('maven');
  const reader = new XmlReader((name) => name === 'component', { maxDepth: 16 });
  for (const component of reader.write(text)) {
    const { group, name, version } = component.attributes;
    const hasArchive = component.children.some(
      (one) =>
        one.name === 'artifact' &&
        /\.(?:jar|aar|war|ear)$/.test(one.attributes['name'] ?? '') &&
        !/-(?:sources|javadoc)\.jar$/.test(one.attributes['name'] ?? ''),
    );
    if (hasArchive && group && name) packages.add(`${group}:${name}`, version);
  }
  reader.end();
  return packages.evidence();
}

function readProject(text: string): Evidence | null {
  const packages = new PackageList('maven');
  for (const { name, version } of readPom(text).needs) packages.add(name, version);
  return packages.evidence();
}

/** Configurations that only compile tests or run tools of the build. */
const AT_RUN_TIME = /^(?!.*test)(?:.*[rR]untimeClasspath|.*[cC]ompileClasspath|default|runtime|compile)$/i;

/** `group:artifact:version=configuration,configuration`; before Gradle 6.8 a file for each configuration, without names. */
function readLock(text: string): Evidence | null {
  const packages = new PackageList('maven');
  for (const line of text.split('\n')) {
    const [, group, artifact, version, used] =
      /^([^:#=\s]{1,200}):([^:=\s]{1,200}):([^:=\s]{1,100})(?:=(\S{0,4000}))?\s*$/.exec(line) ?? [];
    if (used === undefined || used.split(',').some((name) => AT_RUN_TIME.test(name))) {
      packages.add(group ? `${group}:${artifact}` : null, version);
    }
  }
  return packages.evidence();
}
