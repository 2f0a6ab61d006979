import { LineReader } from '../../formats/index.ts';
import type { Analyser, FileHead, FileReader } from '../analyser.ts';
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
  read: (file) => (file.path.endsWith(LIST) ? readList(file) : readSums(file.path)),
  counts: ({ path }, tree) => [INFO, STATUS_D].some((folder) => path.startsWith(`${tree.realPath(folder) ?? '\0'}/`)),
};

/** A path a line, folders before what is in them; `/.` first. */
function readList({ path, sizeBytes }: FileHead): FileReader {
  const text = Buffer.allocUnsafe(sizeBytes);
  let length = 0;
  return {
    write: (chunk) => {
      text.set(chunk, length);
      length += chunk.length;
      return true;
    },
    end: () => {
      const owned = new OwnedWriter();
      owned.addPlaces(ownerOf(path, LIST), text, filesIn(text));
      return { kind: 'packages', packages: [], owned: owned.finish('deb') };
    },
  };
}

const FEED = 0x0a;
const SLASH = 0x2f;
const DOT = 0x2e;

/** Where names of files lie in a list, without their first slash: half a million lines are never made into texts. */
function filesIn(list: Buffer): number[] {
  const places: number[] = [];
  let start = -1;
  let end = -1;
  for (let at = 0; at < list.length; ) {
    const feed = list.indexOf(FEED, at);
    const stop = feed < 0 ? list.length : feed;
    // What the next line lies below is a folder.
    if (start >= 0 && !isBelow(list, start, end, at, stop)) places.push(start + 1, end);
    const isRoot = stop - at === 2 && list[at + 1] === DOT;
    start = list[at] === SLASH && stop - at > 1 && !isRoot ? at : -1;
    end = stop;
    at = stop + 1;
  }
  if (start >= 0) places.push(start + 1, end);
  return places;
}

function isBelow(list: Buffer, start: number, end: number, lineStart: number, lineEnd: number): boolean {
  const length = end - start;
  if (lineEnd - lineStart <= length || list[lineStart + length] !== SLASH) return false;
  // Names that differ do so at their end.
  for (let at = length - 1; at >= 0; at--) if (list[start + at] !== list[lineStart + at]) return false;
  return true;
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
