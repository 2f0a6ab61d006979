import { FormatError, RPM_TAG, RpmHeader, readBerkeleyHash, readRpmNdb, readSqliteTable } from '../../formats/index.ts';
import type { Analyser, Evidence, FileHead, FileReader } from '../analyser.ts';
import { PACKAGE_DATABASE_MAX_BYTES, PACKAGE_TEXT_MAX, PACKAGES_MAX } from '../limits.ts';
import { OwnedWriter } from '../owned.ts';
import type { FoundPackage } from '../package.ts';
import { requireBelow } from './bounds.ts';

/** Where the database is: by default, of SUSE and Fedora from 36, of rpm-ostree. */
const FOLDERS = ['var/lib/rpm', 'usr/lib/sysimage/rpm', 'usr/share/rpm'];
/** By the name of the file, the newest format first: rpm leaves nothing of an older one that counts. */
const FORMATS: Readonly<Record<string, (bytes: Uint8Array) => Iterable<Uint8Array>>> = {
  'rpmdb.sqlite': readSqliteBlobs,
  'Packages.db': readRpmNdb,
  Packages: readBerkeleyHash,
};

/**
 * rpm's database in its three formats: SQLite (Fedora, RHEL 9 and later), ndb (SUSE), Berkeley DB (RHEL 8 and earlier).
 * Each holds the headers of the installed packages as blobs.
 */
export const rpm: Analyser = {
  name: 'rpm',
  version: 1,
  fileNames: Object.keys(FORMATS),
  folderNames: [],
  places: FOLDERS.flatMap((folder) => Object.keys(FORMATS).map((name) => `${folder}/${name}`)),
  unreadable: 'incomplete',
  maxFileBytes: PACKAGE_DATABASE_MAX_BYTES,
  // Any folder may be the one that a link leads to; but lists of packages of Debian have the old name too.
  wants: ({ path }) => path.includes('rpm/') || !path.endsWith('Packages'),
  read: readDatabase,
  counts: ({ path }, tree) =>
    FOLDERS.some((folder) => {
      const newest = Object.keys(FORMATS).find((name) => tree.lookup(`${folder}/${name}`)?.content);
      return newest !== undefined && path === tree.realPath(`${folder}/${newest}`);
    }),
};

function readDatabase({ path, sizeBytes }: FileHead): FileReader {
  const bytes = Buffer.alloc(sizeBytes);
  let fill = 0;
  return {
    write: (chunk) => {
      bytes.set(chunk, fill);
      fill += chunk.length;
      return true;
    },
    end: () => {
      const blobs = FORMATS[path.slice(path.lastIndexOf('/') + 1)];
      // An empty one is what a file that was only touched looks like.
      if (!blobs || fill === 0) return { kind: 'packages', packages: [] };
      return readHeaders(blobs(bytes));
    },
  };
}

function* readSqliteBlobs(bytes: Uint8Array): Generator<Uint8Array> {
  for (const { values } of readSqliteTable(bytes, 'Packages')) {
    const blob = values[1];
    if (!(blob instanceof Uint8Array)) throw new FormatError('rpm.corrupt', 'a row of rpm holds no header');
    yield blob;
  }
}

function readHeaders(blobs: Iterable<Uint8Array>): Evidence {
  const packages: FoundPackage[] = [];
  const owned = new OwnedWriter();
  for (const blob of blobs) {
    // Berkeley DB keeps the number of the next package among them, in four bytes.
    if (blob.length <= 8) continue;
    const header = new RpmHeader(blob);
    const found = readPackage(header);
    if (!found) continue;
    packages.push(found);
    requireBelow(packages.length, PACKAGES_MAX, 'packages');
    owned.add(found, readFiles(header));
  }
  return { kind: 'packages', packages, owned: owned.finish('rpm') };
}

function readPackage(header: RpmHeader): FoundPackage | null {
  const name = header.text(RPM_TAG.name);
  const version = header.text(RPM_TAG.version);
  const release = header.text(RPM_TAG.release);
  // Keys that were imported are kept as packages of this name; nothing of them is on the disk.
  if (!name || !version || !release || name === 'gpg-pubkey') return null;
  const [epoch] = header.numbers(RPM_TAG.epoch);
  const licence = header.text(RPM_TAG.license);
  const vendor = header.text(RPM_TAG.vendor);
  const module = readModule(header.text(RPM_TAG.modularityLabel));
  const full = `${epoch ? `${epoch}:` : ''}${version}-${release}`;
  if (name.length > PACKAGE_TEXT_MAX || full.length > PACKAGE_TEXT_MAX) return null;
  return {
    type: 'rpm',
    name,
    version: full,
    architecture: header.text(RPM_TAG.arch)?.slice(0, PACKAGE_TEXT_MAX) ?? null,
    source: readSource(header.text(RPM_TAG.sourceRpm), name, full, epoch ?? 0),
    licences: licence && licence.length <= PACKAGE_TEXT_MAX ? [licence] : [],
    ...(vendor && vendor.length <= PACKAGE_TEXT_MAX ? { vendor } : {}),
    ...(module ? { module } : {}),
  };
}

/** `name-version-release.src.rpm`; its epoch is the package's own, as builds of rpm set one for all. */
export function readSource(file: string | null, name: string, version: string, epoch: number): FoundPackage['source'] {
  if (file === null || file.length > PACKAGE_TEXT_MAX) return null;
  const [, sourceName, upstream, release] = /^(.+)-([^-]+)-([^-]+)\.(?:no)?src\.rpm$/.exec(file) ?? [];
  if (!sourceName || !upstream || !release) return null;
  const sourceVersion = `${epoch ? `${epoch}:` : ''}${upstream}-${release}`;
  return sourceName === name && sourceVersion === version ? null : { name: sourceName, version: sourceVersion };
}

/** `name:stream:version:context:…`, of which name and stream say what advisories ask. */
function readModule(label: string | null): string | null {
  const [, stream] = /^([^:\s]{1,128}:[^:\s]{1,128})(?::|$)/.exec(label ?? '') ?? [];
  return stream ?? null;
}

const FOLDER_MODE = 0o040000;
const KIND_MODE = 0o170000;

/** Files without their folders; names are kept in two parts, folder and name, since rpm 4. */
function readFiles(header: RpmHeader): string[] {
  const modes = header.numbers(RPM_TAG.fileModes);
  const isFile = (_: string, index: number): boolean => ((modes[index] ?? 0) & KIND_MODE) !== FOLDER_MODE;
  const folders = header.texts(RPM_TAG.dirNames);
  const indexes = header.numbers(RPM_TAG.dirIndexes);
  const bases = header.texts(RPM_TAG.baseNames);
  const paths = bases.length > 0 ? null : header.texts(RPM_TAG.oldFileNames);
  const all = paths ?? bases.map((base, index) => [folders[indexes[index] ?? -1] ?? '', base]);
  const files: string[] = [];
  for (const [index, one] of all.entries()) {
    const [folder = '', base = ''] = typeof one === 'string' ? ['', one] : one;
    // A folder of a megabyte named by a million files is no file system's; it would be written out a million times.
    if (folder.length + base.length > FILE_NAME_MAX || !isFile(base, index)) continue;
    const path = `${folder}${base}`;
    files.push(path.startsWith('/') ? path.slice(1) : path);
  }
  return files;
}

/** PATH_MAX, less room for letters that grow when they are written as UTF-8. */
const FILE_NAME_MAX = 1365;
