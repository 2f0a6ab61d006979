import { LineReader } from '../../formats/index.ts';
import type { Analyser, FileReader } from '../analyser.ts';
import { LICENCES_MAX, OWNED_LIST_MAX_BYTES, OWNED_PATH_MAX_BYTES, PACKAGE_TEXT_MAX } from '../limits.ts';
import { OwnedWriter } from '../owned.ts';
import type { FoundPackage } from '../package.ts';

const LOCAL = 'var/lib/pacman/local';
/** `NAME-VERSION-RELEASE/desc` says what a package is, `files` beside it what it brought. */
const PLACE = /(?:^|\/)pacman\/local\/([^/]+)\/(desc|files)$/;
const LISTED_MAX = 1_000_000;

/** The database of pacman (Arch Linux and its kin; alpm-db-desc(5), alpm-db-files(5)): `%NAME%`, its lines, an empty line. */
export const alpm: Analyser = {
  name: 'alpm',
  version: 1,
  fileNames: ['desc', 'files'],
  folderNames: [],
  places: [],
  unreadable: 'incomplete',
  maxFileBytes: OWNED_LIST_MAX_BYTES,
  wants: ({ path }) => PLACE.test(path),
  read: ({ path }) => (path.endsWith('/desc') ? readDescription() : readFiles(path)),
  counts: ({ path }, tree) => path.startsWith(`${tree.realPath(LOCAL) ?? '\0'}/`),
};

const WANTED = new Set(['NAME', 'VERSION', 'BASE', 'ARCH', 'LICENSE']);

function readDescription(): FileReader {
  const fields = new Map<string, string[]>();
  return readSections(
    (section, line) => {
      if (!WANTED.has(section) || line.length > PACKAGE_TEXT_MAX) return;
      const values = fields.get(section) ?? [];
      fields.set(section, values);
      if (values.length < LICENCES_MAX) values.push(line);
    },
    () => {
      const found = toPackage(fields);
      return { kind: 'packages', packages: found ? [found] : [] };
    },
  );
}

function toPackage(fields: ReadonlyMap<string, readonly string[]>): FoundPackage | null {
  const [name] = fields.get('NAME') ?? [];
  const [version] = fields.get('VERSION') ?? [];
  const [base] = fields.get('BASE') ?? [];
  if (!name || !version) return null;
  return {
    type: 'alpm',
    name,
    version,
    architecture: fields.get('ARCH')?.[0] ?? null,
    source: base && base !== name ? { name: base, version } : null,
    licences: fields.get('LICENSE') ?? [],
  };
}

function readFiles(path: string): FileReader {
  const files: string[] = [];
  // The folder is NAME-VERSION-RELEASE; neither version nor release has a dash.
  const [, name = '', version = ''] = /^(.+)-([^-]+-[^-]+)$/.exec(PLACE.exec(path)?.[1] ?? '') ?? [];
  return readSections(
    (section, line) => {
      if (section === 'FILES' && !line.endsWith('/') && files.length < LISTED_MAX) files.push(line);
    },
    () => {
      const owned = new OwnedWriter();
      if (name.length <= PACKAGE_TEXT_MAX) owned.add({ name, version, architecture: null }, files);
      return { kind: 'packages', packages: [], owned: owned.finish('alpm') };
    },
  );
}

function readSections(take: (section: string, line: string) => void, end: FileReader['end']): FileReader {
  let section = '';
  const lines = new LineReader((line) => {
    const started = /^%([A-Z0-9]{1,64})%$/.exec(line)?.[1];
    if (started !== undefined) section = started;
    else if (line !== '') take(section, line);
  }, OWNED_PATH_MAX_BYTES);
  return {
    write: (chunk) => {
      lines.write(chunk);
      return true;
    },
    end: () => {
      lines.end();
      return end();
    },
  };
}
