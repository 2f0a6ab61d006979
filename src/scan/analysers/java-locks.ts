import type { Analyser, Evidence } from '../analyser.ts';
import { LOCK_MAX_BYTES } from '../limits.ts';
import { readPom } from '../reading/maven-pom.ts';
import { PackageList } from '../reading/package-list.ts';
import { isBelow } from '../reading/paths.ts';
import { collectText } from './text.ts';

/** Gradle's locks, and what a pom.xml of a source tree names with a version of its own. */
export const javaLocks: Analyser = {
  name: 'java-locks',
  version: 1,
  fileNames: ['pom.xml'],
  folderNames: [],
  suffixes: ['.lockfile'],
  places: [],
  unreadable: 'notice',
  maxFileBytes: LOCK_MAX_BYTES,
  wants: ({ path }) =>
    path.endsWith('pom.xml')
      ? !isBelow(path, 'META-INF') && !isBelow(path, 'target')
      : /(?:^|\/)gradle\.lockfile$|(?:^|\/)dependency-locks\/[^/]+\.lockfile$/.test(path) && !/buildscript/.test(path),
  read: ({ path }) => collectText(path.endsWith('pom.xml') ? readProject : readLock),
};

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
