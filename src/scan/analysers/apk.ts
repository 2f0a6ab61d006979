import { LineReader } from '../../formats/index.ts';
import type { Analyser, FileReader } from '../analyser.ts';
import {
  APK_LINE_MAX_BYTES,
  OWNED_PATH_MAX_BYTES,
  PACKAGE_DATABASE_MAX_BYTES,
  PACKAGE_TEXT_MAX,
  PACKAGES_MAX,
} from '../limits.ts';
import { OwnedWriter } from '../owned.ts';
import type { FoundPackage } from '../package.ts';
import { requireBelow } from './bounds.ts';

/** apk-tools 2 and, where /lib is a link to /usr/lib, the same file by its other name. */
const PLACES = ['lib/apk/db/installed', 'usr/lib/apk/db/installed'];

/**
 * The database of apk (Alpine, Wolfi, Chainguard; apk-tools, doc/apk-v2.5 "installed"): a record a package, a letter and
 * a colon a field. Of each package the name (P), version (V), architecture (A), origin (o), licence (L), and its files (R)
 * by folder (F).
 */
export const apk: Analyser = {
  name: 'apk',
  version: 1,
  fileNames: ['installed'],
  folderNames: [],
  places: PLACES,
  unreadable: 'incomplete',
  maxFileBytes: PACKAGE_DATABASE_MAX_BYTES,
  // Any folder may be the one that a link leads to from where it is looked for.
  wants: () => true,
  read: readInstalled,
  counts: ({ path }, tree) => path === PLACES.map((place) => tree.realPath(place)).find((place) => place !== null),
};

function readInstalled(): FileReader {
  const packages: FoundPackage[] = [];
  const owned = new OwnedWriter();
  let fields = new Map<string, string>();
  let folder = '';
  let files: string[] = [];
  const finish = (): void => {
    const found = readPackage(fields);
    if (found) {
      packages.push(found);
      owned.add(found, files);
    }
    requireBelow(packages.length, PACKAGES_MAX, 'packages');
    fields = new Map();
    files = [];
    folder = '';
  };
  const lines = new LineReader((line) => {
    if (line === '') finish();
    else if (line[1] === ':') {
      const key = line[0] as string;
      if (key === 'F') folder = line.length > 2 ? `${line.slice(2)}/` : '';
      // A folder of a megabyte with a million files is no file system's.
      else if (key === 'R' && folder.length + line.length < OWNED_PATH_MAX_BYTES / 3)
        files.push(`${folder}${line.slice(2)}`);
      else if ('PVAoL'.includes(key)) fields.set(key, line.slice(2).trim());
    }
  }, APK_LINE_MAX_BYTES);
  return {
    write: (chunk) => {
      lines.write(chunk);
      return true;
    },
    end: () => {
      lines.end();
      finish();
      return { kind: 'packages', packages, owned: owned.finish('apk') };
    },
  };
}

function readPackage(fields: ReadonlyMap<string, string>): FoundPackage | null {
  const name = fields.get('P');
  const version = fields.get('V');
  if (!name || !version || name.length > PACKAGE_TEXT_MAX || version.length > PACKAGE_TEXT_MAX) return null;
  const origin = fields.get('o');
  const licence = fields.get('L');
  return {
    type: 'apk',
    name,
    version,
    architecture: fields.get('A')?.slice(0, PACKAGE_TEXT_MAX) ?? null,
    source: origin && origin !== name && origin.length <= PACKAGE_TEXT_MAX ? { name: origin, version } : null,
    licences: licence && licence.length <= PACKAGE_TEXT_MAX ? [licence] : [],
  };
}
