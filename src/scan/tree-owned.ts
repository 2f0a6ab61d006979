import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { OWNED_LIST_MAX_BYTES } from './limits.ts';

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const FILE_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const INFO = ['var', 'lib', 'dpkg', 'info'];
const APK = ['lib', 'apk', 'db', 'installed'];
/** Where programs and libraries are; the rest of what packages bring is not asked for. */
const PROGRAMS = /(?:^|\/)(?:s?bin|games|lib(?:exec|32|64|x32)?)\//;

/**
 * The programs and libraries that packages of the distribution brought, by their names within a root: what an analyser
 * would find in them is left to the package anyway, so a scan of a machine need not read them. Known for dpkg and apk;
 * where a list cannot be read its files are read, and nothing is missed.
 */
export function ownedPrograms(root: number): ReadonlySet<string> {
  const owned = new Set<string>();
  const links = topLinks(root);
  const add = (path: string): void => {
    if (!PROGRAMS.test(path)) return;
    const slash = path.indexOf('/');
    const top = links.get(path.slice(0, slash));
    owned.add(top === undefined ? path : `${top}${path.slice(slash)}`);
  };
  within(root, INFO, (folder) => {
    for (const name of readdirSync(place(folder))) {
      if (!name.endsWith('.list')) continue;
      const text = readWhole(`${place(folder)}/${name}`);
      for (const line of text?.split('\n') ?? []) add(line.slice(1));
    }
  });
  within(root, APK.slice(0, -1), (folder) => {
    let inside = '';
    for (const line of readWhole(`${place(folder)}/${APK.at(-1)}`)?.split('\n') ?? []) {
      if (line.startsWith('F:')) inside = line.slice(2);
      else if (line.startsWith('R:')) add(`${inside}/${line.slice(2)}`);
    }
  });
  return owned;
}

/** 'bin' → 'usr/bin': packages may know a file by a name of before /usr was merged. */
function topLinks(root: number): ReadonlyMap<string, string> {
  const links = new Map<string, string>();
  for (const entry of readdirSync(place(root), { withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    const target = readlinkSync(`${place(root)}/${entry.name}`).replace(/^\/+|\/+$/g, '');
    if (/^usr\/[a-z0-9]+$/.test(target)) links.set(entry.name, target);
  }
  return links;
}

/** Opens folder in folder, following no link. Where there is no such folder nothing is done. */
function within(folder: number, names: readonly string[], use: (folder: number) => void): void {
  const [name, ...rest] = names;
  if (name === undefined) {
    use(folder);
    return;
  }
  let inside: number;
  try {
    inside = openSync(`${place(folder)}/${name}`, FOLDER_FLAGS);
  } catch {
    // Another distribution, a link, no permission: its programs are read like all others.
    return;
  }
  try {
    within(inside, rest, use);
  } finally {
    closeSync(inside);
  }
}

function readWhole(path: string): string | null {
  try {
    const descriptor = openSync(path, FILE_FLAGS);
    try {
      const bytes = readFileSync(descriptor);
      return bytes.length > OWNED_LIST_MAX_BYTES ? null : bytes.toString('latin1');
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Gone or not ours to read: as above.
    return null;
  }
}

function place(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}
