import { LineReader } from '../../formats/index.ts';
import type { Analyser, FileReader } from '../analyser.ts';
import { APK_LINE_MAX_BYTES, PACKAGE_DATABASE_MAX_BYTES, PACKAGE_TEXT_MAX, PACKAGES_MAX } from '../limits.ts';
import type { FoundPackage } from '../package.ts';
import { requireBelow } from './bounds.ts';

/** apk-tools 2 and, where /lib is a link to /usr/lib, the same file by its other name. */
const PLACES = ['lib/apk/db/installed', 'usr/lib/apk/db/installed'];

/**
 * The database of apk (Alpine, Wolfi, Chainguard; apk-tools, doc/apk-v2.5 "installed"): a record a package, a letter and
 * a colon a field. Of each package the name (P), version (V), architecture (A), origin (o) and licence (L).
 */
export const apk: Analyser = {
  name: 'apk',
  version: 1,
  fileNames: ['installed'],
  folderNames: [],
  places: PLACES,
  unreadable: 'incomplete',
  maxFileBytes: PACKAGE_DATABASE_MAX_BYTES,
  wants: ({ path }) => path.endsWith('apk/db/installed'),
  read: readInstalled,
  counts: ({ path }, tree) => PLACES.some((place) => path === tree.realPath(place)),
};

function readInstalled(): FileReader {
  const packages: FoundPackage[] = [];
  let fields = new Map<string, string>();
  const finish = (): void => {
    const found = readPackage(fields);
    if (found) packages.push(found);
    requireBelow(packages.length, PACKAGES_MAX, 'packages');
    fields = new Map();
  };
  const lines = new LineReader((line) => {
    if (line === '') finish();
    else if (line[1] === ':') {
      const key = line[0] as string;
      if ('PVAoL'.includes(key)) fields.set(key, line.slice(2).trim());
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
      return { kind: 'packages', packages };
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
