import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { JAVA_INDEX_MAX, JAVA_INDEX_REFUSED_MAX, JAVA_INDEX_TEXT_MAX_BYTES } from '../limits.ts';

/** What an archive of Java is called in Maven's repositories. */
export interface MavenName {
  readonly group: string;
  readonly artifact: string;
  readonly version: string;
}

/** Archives of Java by the SHA-1 of their bytes: names for those that do not tell theirs. */
export interface JavaIndex {
  /** Changes when its content does. */
  readonly revision: string;
  /** Archives it knows; null where nobody counted. */
  readonly size: number | null;
  /** Lines that name no archive, the first of them; `refusedCount` is of all. */
  readonly refused?: readonly RefusedLine[];
  readonly refusedCount?: number;
  /** @param sha1 40 hex digits */
  find(sha1: string): MavenName | null;
}

/** A line of a list that is not used. */
export interface RefusedLine {
  readonly name: string;
  readonly line: number;
}

/** An index that cannot be read, and why. */
export class JavaIndexError extends Error {}

/** The name under which Trivy keeps its index (aquasecurity/trivy-java-db, schema 1). */
const TRIVY_FILE = 'trivy-java.db';
const SQLITE_HEAD = 'SQLite format 3\0';

/**
 * Opens an index:
 *
 * - Trivy's `trivy-java.db`, or the folder it lies in (`~/.cache/trivy/java-db`): all of Maven Central, read in place;
 * - a text, as `readJavaIndex` reads it.
 *
 * @throws JavaIndexError, and errors of the file system
 */
export function openJavaIndex(place: string): JavaIndex {
  const path = statSync(place).isDirectory() ? join(place, TRIVY_FILE) : place;
  const { size, mtimeMs } = statSync(path);
  if (headOf(path) === SQLITE_HEAD) return trivyIndex(path, `${size}.${Math.trunc(mtimeMs)}`);
  if (size > JAVA_INDEX_TEXT_MAX_BYTES) {
    throw new JavaIndexError(`${path} has ${size} bytes, the limit of a text is ${JAVA_INDEX_TEXT_MAX_BYTES}`);
  }
  return readJavaIndex([{ name: path, text: readFileSync(path, 'utf8') }]);
}

function headOf(path: string): string {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(SQLITE_HEAD.length);
    return head.toString('latin1', 0, readSync(file, head, 0, head.length, 0));
  } finally {
    closeSync(file);
  }
}

function trivyIndex(path: string, revision: string): JavaIndex {
  try {
    const db = new DatabaseSync(path, { readOnly: true });
    const statement = db.prepare(
      'SELECT a.group_id AS groupId, a.artifact_id AS artifactId, i.version AS version FROM indices i JOIN artifacts a ON a.id = i.artifact_id WHERE i.sha1 = ?',
    );
    return {
      revision: createHash('sha256').update(`trivy\0${revision}`).digest('hex').slice(0, 16),
      size: null,
      find: (sha1) => {
        const { groupId, artifactId, version } = statement.get(Buffer.from(sha1, 'hex')) ?? {};
        return nameOf(groupId, artifactId, version);
      },
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new JavaIndexError(`${path} is no index of Trivy's: ${why}`, { cause });
  }
}

/** The first index that knows an archive names it. Null: there is none. */
export function joinIndexes(indexes: readonly JavaIndex[]): JavaIndex | null {
  const [first, ...others] = indexes;
  if (first === undefined || others.length === 0) return first ?? null;
  return {
    revision: indexes.map(({ revision }) => revision).join('.'),
    size: null,
    find: (sha1) => {
      for (const index of indexes) {
        const found = index.find(sha1);
        if (found !== null) return found;
      }
      return null;
    },
  };
}

/**
 * Reads lists of archives, a line each:
 *
 * - `SHA1 group:artifact:version`;
 * - `SHA1  path/group/parts/artifact/version/artifact-version.jar`: what `sha1sum` says of a repository of Maven's;
 * - `group TAB artifact TAB version TAB classifier TAB SHA1`, as Trivy's builder writes them.
 *
 * Empty lines and those that begin with # are passed over. A line that is none of these is told and the others count:
 * such lists come from trees in which anything may lie.
 *
 * @throws JavaIndexError when no line names an archive, or too many do
 */
export function readJavaIndex(files: readonly { readonly name: string; readonly text: string }[]): JavaIndex {
  const known = new Map<string, MavenName>();
  const hash = createHash('sha256');
  const refused: RefusedLine[] = [];
  let refusedCount = 0;
  for (const { name, text } of files) {
    hash.update(text).update('\0');
    let number = 0;
    for (const line of text.split('\n')) {
      number++;
      const trimmed = line.trim();
      if (trimmed === '' || trimmed.startsWith('#')) continue;
      const read = readLine(trimmed);
      if (read === null) {
        refusedCount++;
        if (refused.length < JAVA_INDEX_REFUSED_MAX) refused.push({ name, line: number });
        continue;
      }
      // The first name stays: what is copied under another one later is the same archive.
      if (!known.has(read.sha1)) known.set(read.sha1, read.called);
      if (known.size > JAVA_INDEX_MAX) throw new JavaIndexError(`there are more than ${JAVA_INDEX_MAX} archives`);
    }
  }
  const [first] = refused;
  if (first !== undefined && known.size === 0) {
    throw new JavaIndexError(`line ${first.line} of ${first.name} is ${NO_ARCHIVE}, and no other line is`);
  }
  return {
    revision: hash.digest('hex').slice(0, 16),
    size: known.size,
    refused,
    refusedCount,
    find: (sha1) => known.get(sha1) ?? null,
  };
}

/** Why a line is refused. */
export const NO_ARCHIVE = 'neither SHA1 group:artifact:version nor SHA1 and a path of a Maven repository';

function readLine(line: string): { readonly sha1: string; readonly called: MavenName } | null {
  const [, first, rest = ''] = /^([0-9a-fA-F]{40})\s+\*?(\S.*)$/.exec(line) ?? [];
  if (first !== undefined) {
    const called = /^[^:/]+:[^:/]+:[^:/]+$/.test(rest) ? nameOf(...rest.split(':')) : nameOfPath(rest);
    return called && { sha1: first.toLowerCase(), called };
  }
  const [group, artifact, version, , sha1 = ''] = line.split('\t');
  const called = /^[0-9a-fA-F]{40}$/.test(sha1) ? nameOf(group, artifact, version) : null;
  return called && { sha1: sha1.toLowerCase(), called };
}

/** Folders that repositories of Maven's lie in; what comes after them is the group. */
const REPOSITORY = /^.*?(?:\/|^)(?:\.m2\/repository|maven2|repository)\//;

/** The layout of Maven's repositories: group by its parts, artifact, version, file. */
function nameOfPath(path: string): MavenName | null {
  const parts = path
    .replace(/^\.?\/+/, '')
    .replace(REPOSITORY, '')
    .split('/');
  const [file, version, artifact] = [parts.pop(), parts.pop(), parts.pop()];
  // Of a snapshot from elsewhere the file has its time: 1.0-20260102.030405-1 lies in 1.0-SNAPSHOT.
  if (!file?.startsWith(`${artifact}-${version?.replace(/-SNAPSHOT$/, '-')}`)) return null;
  return nameOf(parts.join('.'), artifact, version);
}

/** Names as Maven allows them (its documentation, "Naming conventions"), and nothing that could mean something elsewhere. */
const SOUND = /^[\w.+~-]{1,200}$/;

function nameOf(group?: unknown, artifact?: unknown, version?: unknown): MavenName | null {
  const isSound = (value: unknown): value is string => typeof value === 'string' && SOUND.test(value);
  return isSound(group) && isSound(artifact) && isSound(version) ? { group, artifact, version } : null;
}
