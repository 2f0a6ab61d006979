import { createHash } from 'node:crypto';
import { FormatError, listZip, type ZipEntry } from '../../formats/index.ts';
import {
  JAVA_ARCHIVE_LIMITS,
  JAVA_DEPTH_MAX,
  JAVA_MANIFEST_MAX_BYTES,
  JAVA_OPEN_MAX_BYTES,
  JAVA_RATIO_FLOOR_BYTES,
  JAVA_RATIO_MAX,
  JAVA_TOTAL_MAX_BYTES,
  JAVA_UNNAMED_MAX,
} from '../limits.ts';
import type { FoundArchive } from '../package.ts';
import { wellKnownGroup } from './maven-groups.ts';
import { readPom } from './maven-pom.ts';
import { isSound, PackageList } from './package-list.ts';
import { baseName } from './paths.ts';

export const JAVA_ARCHIVE = /\.(?:jar|war|ear|par|aar|sar|hpi|jpi|nar|kar)$/i;
const POM = /^META-INF\/maven\/[^/]+\/[^/]+\/(pom\.properties|pom\.xml)$/;
/** Archives of sources and documentation hold no code that runs. */
const NOT_CODE = /-(?:sources|javadoc|tests?|test-sources)\.jar$/;
/** artifact-1.2.3[-classifier].jar */
const FILE_NAME =
  /^([A-Za-z][\w.+-]{0,150}?)-v?(\d[\w.+]*(?:-(?:\d|SNAPSHOT|RELEASE|FINAL|GA|jre|android|alpha|beta|rc|m)[\w.-]*)?)(?:-[\w.-]{0,60})?\.[a-z]{3}$/i;
/** Vendors that publish under many groups. */
const VENDORS_OF_MANY = new Set([
  'org.apache',
  'org.eclipse',
  'com.sun',
  'com.oracle',
  'com.google',
  'org.jboss',
  'org.hibernate',
]);

interface Coordinates {
  readonly group: string | null;
  readonly artifact: string;
  readonly version: string;
}

export interface JavaReading {
  readonly packages: PackageList;
  /** Archives inside that could not be read, and why. */
  readonly unread: readonly string[];
  /** Archives with classes that nothing in them names. */
  readonly unnamed: readonly FoundArchive[];
}

/**
 * Finds the packages of a Java archive and of the archives in it: each pom.properties is one (an archive that others were
 * shaded into has several), else its pom.xml, else the archive itself by its manifest and its name. Everything is read
 * where it lies; only these small files and archives inside are inflated, within one budget for all of them.
 *
 * @throws FormatError when the outermost archive cannot be read
 */
export function readJavaArchive(path: string, bytes: Uint8Array): JavaReading {
  const reading = {
    packages: new PackageList('maven'),
    unread: [] as string[],
    unnamed: [] as FoundArchive[],
    bytesLeft: JAVA_TOTAL_MAX_BYTES,
    openBytes: 0,
  };
  readArchive(baseName(path), '', bytes, 1, reading);
  return reading;
}

interface State {
  readonly packages: PackageList;
  readonly unread: string[];
  readonly unnamed: FoundArchive[];
  bytesLeft: number;
  /** Inflated and still needed. */
  openBytes: number;
}

function readArchive(name: string, inside: string, bytes: Uint8Array, depth: number, state: State): void {
  const found = new Map<string, { properties: Coordinates | null; pom: ReturnType<typeof readPom> | null }>();
  const nested: ZipEntry[] = [];
  let manifest: ReadonlyMap<string, string> = new Map();
  let hasClasses = false;
  const read = (entry: ZipEntry): Uint8Array => {
    if (!entry.isStored) state.bytesLeft -= entry.sizeBytes;
    if (state.bytesLeft < 0) {
      throw new FormatError('zip.size', `the archives inside hold more than ${JAVA_TOTAL_MAX_BYTES} bytes`);
    }
    return entry.read();
  };
  const readText = (entry: ZipEntry): string =>
    entry.sizeBytes > JAVA_MANIFEST_MAX_BYTES ? '' : new TextDecoder().decode(read(entry));
  for (const entry of listZip(bytes, JAVA_ARCHIVE_LIMITS)) {
    if (entry.path === 'META-INF/MANIFEST.MF') manifest = readManifest(readText(entry));
    else if (entry.path.startsWith('META-INF/maven/')) {
      const [, file] = POM.exec(entry.path) ?? [];
      if (file === undefined) continue;
      const folder = entry.path.slice(0, -file.length);
      const known = found.get(folder) ?? { properties: null, pom: null };
      if (file === 'pom.xml') known.pom = readPom(readText(entry));
      else known.properties = readProperties(readText(entry));
      found.set(folder, known);
    } else if (JAVA_ARCHIVE.test(entry.path)) {
      if (!NOT_CODE.test(entry.path)) nested.push(entry);
    } else hasClasses ||= entry.path.endsWith('.class');
  }

  const sha1 = createHash('sha1').update(bytes).digest('hex');
  const own: (Coordinates & { licences: readonly string[]; guessed?: boolean })[] = [];
  for (const { properties, pom } of found.values()) {
    const coordinates = properties ?? pom?.own ?? null;
    if (coordinates) own.push({ ...coordinates, licences: pom?.licences ?? [] });
  }
  const named = readFileName(name);
  const isNamed = own.some(({ artifact }) => artifact === named?.artifact);
  if (own.length === 0 || (!isNamed && own.length > 1)) {
    const self = identify(manifest, named);
    if (self) own.push({ ...self, licences: licencesOf(manifest), guessed: true });
    else if (hasClasses && state.unnamed.length < JAVA_UNNAMED_MAX) {
      state.unnamed.push({ sha1, ...(inside === '' ? {} : { inside }) });
      if (state.unnamed.length === JAVA_UNNAMED_MAX) state.unread.push(`${JAVA_UNNAMED_MAX} archives have no name`);
    }
  }
  const [only] = own;
  for (const one of own) {
    // The checksum is of this archive, not of those that were merged into it.
    const isSelf = own.length === 1 ? one === only : one.artifact === named?.artifact;
    state.packages.add(one.group === null ? one.artifact : `${one.group}:${one.artifact}`, one.version, {
      licences: one.licences,
      ...(isSelf ? { sha1 } : {}),
      ...(one.guessed ? { guessed: true } : {}),
      ...(inside === '' ? {} : { inside }),
    });
  }

  for (const entry of nested) {
    const place = inside === '' ? entry.path : `${inside}!/${entry.path}`;
    try {
      if (depth >= JAVA_DEPTH_MAX) throw new FormatError('zip.size', `archives nest deeper than ${JAVA_DEPTH_MAX}`);
      if (entry.sizeBytes > JAVA_RATIO_FLOOR_BYTES && entry.sizeBytes > JAVA_RATIO_MAX * entry.packedBytes) {
        throw new FormatError('zip.size', `it inflates to more than ${JAVA_RATIO_MAX} times its size`);
      }
      const opened = entry.isStored ? 0 : entry.sizeBytes;
      if (state.openBytes + opened > JAVA_OPEN_MAX_BYTES) {
        throw new FormatError('zip.size', `archives in each other hold more than ${JAVA_OPEN_MAX_BYTES} bytes`);
      }
      state.openBytes += opened;
      try {
        readArchive(baseName(entry.path), place, read(entry), depth + 1, state);
      } finally {
        state.openBytes -= opened;
      }
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      state.unread.push(`${place.slice(0, 300)}: ${error.message}`);
    }
  }
}

/** `groupId=…` lines (java.util.Properties, as the Maven archiver writes them). */
function readProperties(text: string): Coordinates | null {
  const value = (key: string): string | undefined =>
    new RegExp(`^${key}\\s{0,8}[=:]\\s{0,8}(\\S{1,300})\\s*$`, 'm').exec(text)?.[1];
  const group = value('groupId');
  const artifact = value('artifactId');
  const version = value('version');
  return group && artifact && version ? { group, artifact, version } : null;
}

/** The main section; a line that starts with a blank goes on with the one before (JAR specification, "Manifest"). */
function readManifest(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.replace(/\r?\n /g, '').split(/\r?\n/)) {
    if (line === '' && fields.size > 0) break;
    const colon = line.indexOf(': ');
    if (colon > 0) fields.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 2).trim());
  }
  return fields;
}

function readFileName(name: string): { artifact: string; version: string } | null {
  const [, artifact, version] = FILE_NAME.exec(name) ?? [];
  return artifact && version ? { artifact, version } : null;
}

/** By the name of the file, which builds write as artifact-version, and by the manifest. */
function identify(
  manifest: ReadonlyMap<string, string>,
  named: { artifact: string; version: string } | null,
): Coordinates | null {
  const field = (name: string): string | null => {
    const value = manifest.get(name)?.split(';')[0]?.trim() ?? '';
    return isSound(value) && !value.includes('${') ? value : null;
  };
  const symbolic = field('bundle-symbolicname');
  const title = field('implementation-title');
  const version = named?.version ?? field('implementation-version') ?? field('bundle-version');
  const artifact = named?.artifact ?? (title !== null && !title.includes('.') ? title : symbolic?.split('.').at(-1));
  if (!artifact || !version || !/^v?\d/.test(version)) return null;
  const vendor = field('implementation-vendor-id');
  const group =
    wellKnownGroup(artifact, version) ??
    (vendor && !VENDORS_OF_MANY.has(vendor) && /^[a-z][\w-]*(?:\.[\w-]+)+$/i.test(vendor) ? vendor : null) ??
    (symbolic?.endsWith(`.${artifact}`) ? symbolic.slice(0, -artifact.length - 1) : null);
  // Without a name that is written as builds write it and without a group, it is a guess on a guess.
  if (!named && group === null) return null;
  return { group, artifact, version };
}

function licencesOf(manifest: ReadonlyMap<string, string>): readonly string[] {
  const stated = manifest.get('bundle-license')?.split(',')[0]?.split(';')[0]?.trim() ?? '';
  return stated !== '' && stated.length <= 120 ? [stated] : [];
}
