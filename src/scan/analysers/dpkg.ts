import { type Paragraph, ParagraphReader } from '../../formats/index.ts';
import type { Analyser, FileReader } from '../analyser.ts';
import { DPKG_STATUS_MAX_BYTES, PACKAGE_TEXT_MAX } from '../limits.ts';
import type { FoundPackage } from '../package.ts';

const STATUS = 'var/lib/dpkg/status';
/** Distroless images keep one file a package here. */
const STATUS_D = 'var/lib/dpkg/status.d';

/** dpkg's database (dpkg(1), "INFORMATION ABOUT PACKAGES"): what is on the disk, whatever the package's wanted state. */
export const dpkg: Analyser = {
  name: 'dpkg',
  version: 2,
  fileNames: ['status'],
  folderNames: ['status.d'],
  places: [STATUS],
  unreadable: 'incomplete',
  maxFileBytes: DPKG_STATUS_MAX_BYTES,
  // Any folder may be the one that a link leads to from where it is looked for.
  wants: ({ path }) => /(?:^|\/)status$/.test(path) || (path.includes('status.d/') && !path.endsWith('.md5sums')),
  read: () => readStatus('deb'),
  // A folder on the way may be a link: then the file has another name in the tree.
  counts: ({ path }, tree) => path === tree.realPath(STATUS) || path.startsWith(`${tree.realPath(STATUS_D) ?? '\0'}/`),
};

const FIELDS = ['package', 'status', 'version', 'architecture', 'source', 'license'];

/** The database as dpkg writes it; opkg writes the same fields. */
export function readStatus(type: 'deb' | 'opkg'): FileReader {
  const packages: FoundPackage[] = [];
  const reader = new ParagraphReader(FIELDS, (paragraph) => {
    const found = readPackage(paragraph, type);
    if (found) packages.push(found);
  });
  return {
    write: (chunk) => {
      reader.write(chunk);
      return true;
    },
    end: () => {
      reader.end();
      return { kind: 'packages', packages };
    },
  };
}

/** States in which no file of the package is on the disk. */
const ABSENT = new Set(['not-installed', 'config-files']);

function readPackage(paragraph: Paragraph, type: FoundPackage['type']): FoundPackage | null {
  const name = paragraph.get('package');
  const version = paragraph.get('version');
  // "want flag status", as in "install ok installed"; status.d has no such field.
  const state = paragraph.get('status')?.split(/\s+/)[2];
  if (!name || !version || (state !== undefined && ABSENT.has(state))) return null;
  if (name.length > PACKAGE_TEXT_MAX || version.length > PACKAGE_TEXT_MAX) return null;
  return {
    type,
    name,
    version,
    architecture: paragraph.get('architecture') ?? null,
    source: readSource(paragraph.get('source'), name, version),
    // Only opkg states it here; dpkg has it in a file (see dpkg-licences.ts).
    licences: readLicence(paragraph.get('license')),
  };
}

function readLicence(field: string | undefined): string[] {
  return field && field.length <= PACKAGE_TEXT_MAX ? [field] : [];
}

/** "Source: name (version)"; the version is left out when it equals the package's own (deb-control(5)). */
function readSource(field: string | undefined, name: string, version: string): FoundPackage['source'] {
  const [, sourceName, sourceVersion] = /^(\S{1,512})(?:\s+\(([^)\s]{1,512})\))?$/.exec(field ?? '') ?? [];
  if (!sourceName || (sourceName === name && !sourceVersion)) return null;
  return { name: sourceName, version: sourceVersion ?? version };
}
