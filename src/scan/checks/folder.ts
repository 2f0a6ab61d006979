import { constants } from 'node:fs';
import { open, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeText, describeFormatError, FormatError, parseManifests } from '../../formats/index.ts';
import type { Text } from '../../system/index.ts';
import { CHECK_FILE_MAX_BYTES, CHECK_FILES_MAX } from '../limits.ts';
import { type AskSupport, type CheckedFile, checkFile, mayCheck } from './index.ts';

/** Installed modules and what version control keeps are not what somebody wrote here. */
const SKIPPED = new Set(['node_modules', '.git', '.hg', '.svn', 'vendor', '.venv', '__pycache__']);

/**
 * Checks a file, or every Containerfile, manifest and Compose file below a folder. What is asked for may be a link; those
 * below it are not followed. Files that are too large are named as unreadable; of more than `CHECK_FILES_MAX` files the rest is left out.
 */
export async function checkPath(path: string, support?: AskSupport): Promise<CheckedFile[]> {
  const root = await realpath(path);
  const found = await stat(root);
  const checked: CheckedFile[] = [];
  if (!found.isDirectory()) {
    const one = (await checkOne(root, path, support)) ?? unreadableOne(await namedYaml(root, path), path);
    return one === null ? [] : [one];
  }
  let files = 0;
  const waiting = [''];
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) waiting.push(name);
      if (!entry.isFile() || !mayCheck(name) || files >= CHECK_FILES_MAX) continue;
      files += 1;
      const one = await checkOne(join(root, name), name, support);
      if (one !== null) checked.push(one);
    }
  }
  return checked.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** As places name what came without a name; nothing but YAML is told by what it says. */
const STREAM_NAME = 'stdin.yaml';

/** Checks manifests or a Compose file that come on a stream, as `helm template` prints them; null when they are neither. */
export async function checkStream(input: AsyncIterable<Uint8Array>, support?: AskSupport): Promise<CheckedFile | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    bytes += chunk.length;
    if (bytes > CHECK_FILE_MAX_BYTES) {
      const unreadable: Text = {
        en: `it has more than ${CHECK_FILE_MAX_BYTES} bytes`,
        es: `tiene más de ${CHECK_FILE_MAX_BYTES} bytes`,
      };
      return { kind: 'kubernetes', path: STREAM_NAME, misconfigurations: [], unreadable };
    }
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const { text, unreadable } = readText(whole);
  const blind = (why: Text): CheckedFile => ({
    kind: 'kubernetes',
    path: STREAM_NAME,
    misconfigurations: [],
    unreadable: why,
  });
  if (unreadable !== null) return blind(unreadable);
  // A gate must not pass because the command before it failed.
  if (text.trim() === '') return blind(NOTHING_CAME);
  const checked = checkFile(STREAM_NAME, text);
  if (checked === null) return unreadableOne(whole, STREAM_NAME);
  if (checked.kind === 'compose') return { ...blind(NEEDS_FOLDER), kind: 'compose' };
  if (support === undefined || checked.kind !== 'kubernetes' || checked.unreadable !== null) return checked;
  return { ...checked, support: support(checked.kind, STREAM_NAME, text) };
}

const NOTHING_CAME: Text = {
  en: 'nothing came on standard input: the command before it printed nothing',
  es: 'no llegó nada por la entrada estándar: la orden anterior no imprimió nada',
};
const NEEDS_FOLDER: Text = {
  en: 'a Compose file is read with the folder in which it stands: name the file',
  es: 'un archivo Compose se lee con la carpeta en la que está: nombrar el archivo',
};

/** A file that somebody names is not passed over because it cannot even be read: a gate would let it through. */
function unreadableOne(bytes: Uint8Array | null, path: string): CheckedFile | null {
  if (bytes === null) return null;
  try {
    parseManifests(decodeText(bytes), { maxBytes: CHECK_FILE_MAX_BYTES });
    return null;
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { kind: 'kubernetes', path, misconfigurations: [], unreadable: describeFormatError(error) };
  }
}

async function namedYaml(place: string, path: string): Promise<Uint8Array | null> {
  return /\.(?:ya?ml|json)$/i.test(path) ? readFile(place) : null;
}

async function checkOne(place: string, name: string, support?: AskSupport): Promise<CheckedFile | null> {
  // Non-blocking, so that a pipe that took the place of a file holds nobody up.
  const file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { size } = await file.stat();
    if (size > CHECK_FILE_MAX_BYTES) {
      const kind = /\.ya?ml$/i.test(name) ? 'kubernetes' : 'containerfile';
      const unreadable: Text = {
        en: `the file has ${size} bytes, the limit is ${CHECK_FILE_MAX_BYTES}`,
        es: `el archivo tiene ${size} bytes; el límite es ${CHECK_FILE_MAX_BYTES}`,
      };
      return { kind, path: name, misconfigurations: [], unreadable };
    }
    const { text, unreadable } = readText(await file.readFile());
    const checked = checkFile(name, text);
    // A Containerfile is built whatever letters its comments have; of the rest a deploy would refuse the file.
    if (checked === null || checked.kind === 'containerfile') return checked;
    if (unreadable !== null) return { ...checked, misconfigurations: [], unreadable };
    if (support === undefined) return checked;
    return { ...checked, support: support(checked.kind, name, text) };
  } finally {
    await file.close();
  }
}

/** The text of a file, and why not all of its letters can be read where that is so. */
function readText(bytes: Buffer): { readonly text: string; readonly unreadable: Text | null } {
  try {
    return { text: decodeText(bytes), unreadable: null };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { text: bytes.toString('utf8'), unreadable: describeFormatError(error) };
  }
}
