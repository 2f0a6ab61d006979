import { LineReader } from '../../formats/index.ts';
import type { Analyser, FileReader } from '../analyser.ts';
import { OWNED_LIST_MAX_BYTES, OWNED_PATH_MAX_BYTES, PACKAGE_TEXT_MAX } from '../limits.ts';
import { OwnedWriter, type Owner } from '../owned.ts';

const INFO = 'var/lib/dpkg/info';
const STATUS_D = 'var/lib/dpkg/status.d';
const LIST = '.list';
/** Distroless images have checksums in the place of lists. */
const SUMS = '.md5sums';

/** Which files dpkg's packages brought: `info/NAME[:ARCH].list`, and the checksums of distroless images. */
export const dpkgFiles: Analyser = {
  name: 'dpkg-files',
  version: 1,
  fileNames: [],
  folderNames: ['info', 'status.d'],
  places: [],
  unreadable: 'notice',
  maxFileBytes: OWNED_LIST_MAX_BYTES,
  wants: ({ path }) =>
    (path.includes('info/') && path.endsWith(LIST)) || (path.includes('status.d/') && path.endsWith(SUMS)),
  read: ({ path }) => (path.endsWith(LIST) ? readList(path) : readSums(path)),
  counts: ({ path }, tree) => [INFO, STATUS_D].some((folder) => path.startsWith(`${tree.realPath(folder) ?? '\0'}/`)),
};

/** A path a line, folders before what is in them; `/.` first. */
function readList(path: string): FileReader {
  const files: string[] = [];
  let last = '';
  const take = (line: string): void => {
    // What the next line lies below is a folder.
    if (last !== '' && !line.startsWith(`${last}/`)) files.push(last.slice(1));
    last = line.startsWith('/') && line !== '/.' ? line : '';
  };
  return readLines(
    (line) => take(line),
    () => {
      take('/');
      return ownedBy(ownerOf(path, LIST), files);
    },
  );
}

/** Checksum, two spaces, the path, with or without `./` before it. */
function readSums(path: string): FileReader {
  const files: string[] = [];
  return readLines(
    (line) => {
      const file = /^[0-9a-f]{32}\s+(?:\.?\/)?(.+)$/.exec(line)?.[1];
      if (file !== undefined) files.push(file);
    },
    () => ownedBy(ownerOf(path, SUMS), files),
  );
}

function readLines(take: (line: string) => void, end: FileReader['end']): FileReader {
  const lines = new LineReader(take, OWNED_PATH_MAX_BYTES);
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

function ownerOf(path: string, suffix: string): Owner {
  const [name = '', architecture = null] = path.slice(path.lastIndexOf('/') + 1, -suffix.length).split(':');
  return { name: name.slice(0, PACKAGE_TEXT_MAX), version: null, architecture };
}

function ownedBy(owner: Owner, files: readonly string[]): ReturnType<FileReader['end']> {
  const owned = new OwnedWriter();
  owned.add(owner, files);
  return { kind: 'packages', packages: [], owned: owned.finish('deb') };
}
