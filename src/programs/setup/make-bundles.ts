import { randomBytes } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';
import { keepShippedRules } from '../../scan/index.ts';
import {
  BUNDLES_FOLDER,
  BUNDLES_LOCK,
  BUNDLES_LOCK_MS,
  type BundleName,
  type BundleRecord,
} from '../../system/kept-bundle.ts';

// Makes the bundles of this checkout (see system/kept-bundle.ts). Run by ./darsena when it has installed dependencies, and
// beside a scan that met sources newer than its bundle.

const ROOT = join(import.meta.dirname, '..', '..', '..');
const BASE = join(ROOT, BUNDLES_FOLDER);
const ENTRIES: Readonly<Record<BundleName, string>> = {
  'scan-cli': 'src/programs/cli/scan-cli.ts',
  'scan-worker': 'src/programs/scan-worker.ts',
};
/** How long after others took their place bundles stay: a long scan loads parts of its own late. */
const OLD_MS = 24 * 60 * 60 * 1000;
const MADE = /^[0-9a-f]{32}$/;

mkdirSync(BASE, { recursive: true, mode: 0o755 });
const lock = join(BASE, BUNDLES_LOCK);
if (takeLock()) {
  const folder = randomBytes(16).toString('hex');
  const names = ['scan-cli', 'scan-worker'] as const;
  for (const name of names) noteLastUse(name);
  for (const name of names) await make(name, folder);
  keepShippedRules(join(BASE, folder));
  forgetOld();
  // Where that failed the lock stays until it is old, or each scan would begin in vain.
  rmdirSync(lock);
}

function takeLock(): boolean {
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > BUNDLES_LOCK_MS) rmSync(lock, { recursive: true, force: true });
  try {
    mkdirSync(lock);
    return true;
  } catch {
    // Another one is at it.
    return false;
  }
}

async function make(name: BundleName, folder: string): Promise<void> {
  const sources = new Map<string, readonly [string, number, number]>();
  const note = (path: string): void => {
    const { mtimeMs, size } = statSync(path);
    sources.set(path, [relative(ROOT, path), mtimeMs, size]);
  };
  note(join(ROOT, 'package-lock.json'));
  const bundle = await rolldown({
    input: { [name]: join(ROOT, ENTRIES[name]) },
    platform: 'node',
    // PostgreSQL's driver looks for an add-on of its own; a scan needs neither.
    external: ['pg', 'pg-native', 'smol-toml'],
    logLevel: 'silent',
    plugins: [
      {
        name: 'sources',
        // Before it is read: what changes after this makes the bundle old, not wrong.
        load: (id) => {
          if (id.startsWith(join(ROOT, 'src/'))) note(id);
          return null;
        },
        transform: (code, id) => (id.startsWith(join(ROOT, 'src/')) ? inPlace(code, id) : null),
      },
    ],
  });
  const { output } = await bundle.write({
    dir: join(BASE, folder),
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
    // A confined worker reads one file.
    codeSplitting: name !== 'scan-worker',
  });
  await bundle.close();
  const chunks = output.filter((one): one is OutputChunk => one.type === 'chunk');
  if (!chunks.some(({ fileName }) => fileName === `${name}.mjs`)) throw new Error(`no bundle ${name} was made`);
  const programBytes = statSync(join(BASE, folder, `${name}.mjs`)).size;
  const made = { node: process.version, root: ROOT, folder, programBytes };
  const record: BundleRecord = { ...made, sources: [...sources.values()] };
  const making = join(BASE, `${name}.${folder}.part`);
  writeFileSync(making, JSON.stringify(record), { mode: 0o644 });
  renameSync(making, join(BASE, `${name}.json`));
}

/** A bundle lies elsewhere than the sources beside which it looks for files, and has their modules in itself. */
function inPlace(code: string, id: string): string {
  return code
    .replace(/createRequire\(import\.meta\.url\)\('(\.[^']+)'\)/g, "require('$1')")
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href))
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(id)));
}

/** Until now scans began from it, however long ago it was made. */
function noteLastUse(name: BundleName): void {
  try {
    const { folder } = JSON.parse(readFileSync(join(BASE, `${name}.json`), 'utf8')) as BundleRecord;
    if (MADE.test(folder)) utimesSync(join(BASE, folder), new Date(), new Date());
  } catch {
    // There is none yet, or none that anybody could begin from.
  }
}

/** Once no record names them any more. */
function forgetOld(): void {
  for (const name of readdirSync(BASE)) {
    const path = join(BASE, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if ((MADE.test(name) || name.endsWith('.part')) && age > OLD_MS) rmSync(path, { recursive: true, force: true });
  }
}
