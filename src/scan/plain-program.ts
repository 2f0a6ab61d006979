import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * A program without types. Taking them out costs a confined child three times as much as the rest of its start, and it
 * may keep nothing. So the scan, which only reads its own sources for that, does it once and keeps the outcome beside
 * what V8 compiled for the scan itself (NODE_COMPILE_CACHE): as trusted, and written by the same user alone.
 */
export interface PlainProgram {
  readonly program: string;
  /** All that it has to read. */
  readonly folder: string;
}

/** What a plain program was made from: it is made anew when one of these is another. */
interface Origin {
  readonly folder: string;
  /** Path, time of its last change in ms, and size in bytes of each source. */
  readonly sources: readonly (readonly [string, number, number])[];
}

/** Static and dynamic imports of sources beside it; code formatted as ours has them in no other shape. */
const IMPORT = /(\bfrom |\bimport\(|\bimport )'(\.\.?\/[^']+)\.ts'/g;

/** Folders of programs that no scan can still be starting from. */
const OLD_MS = 24 * 60 * 60 * 1000;

/**
 * @param entry the program's file, in TypeScript
 * @param root of all sources that it imports
 * @returns null where nothing is kept between calls, or nothing can be; the program with its types works as well
 */
export function plainProgram(
  entry: string,
  root: string,
  compileCache = process.env['NODE_COMPILE_CACHE'],
): PlainProgram | null {
  if (!compileCache) return null;
  try {
    const base = join(dirname(compileCache), 'plain');
    const name = createHash('sha256').update(`${process.version}\n${entry}`).digest('hex').slice(0, 32);
    const record = join(base, `${name}.json`);
    const folder = keptFolder(record) ?? make(entry, root, base, record);
    return { program: join(folder, plainName(relative(root, entry))), folder };
  } catch {
    // A full disk, a folder of somebody else, a half-written record: the start is slower, and nothing else.
    return null;
  }
}

function plainName(path: string): string {
  return path.replace(/\.ts$/, '.js');
}

function keptFolder(record: string): string | null {
  let origin: Origin;
  try {
    origin = JSON.parse(readFileSync(record, 'utf8')) as Origin;
  } catch {
    // The first call, or a record that nobody can read.
    return null;
  }
  const isSame = origin.sources.every(([path, mtimeMs, sizeBytes]) => {
    const now = statSync(path, { throwIfNoEntry: false });
    return now?.mtimeMs === mtimeMs && now.size === sizeBytes;
  });
  return isSame && statSync(origin.folder, { throwIfNoEntry: false }) ? origin.folder : null;
}

function make(entry: string, root: string, base: string, record: string): string {
  mkdirSync(base, { recursive: true, mode: 0o700 });
  forgetOld(base);
  const folder = join(base, randomBytes(16).toString('hex'));
  const sources: [string, number, number][] = [];
  const waiting = [entry];
  const seen = new Set(waiting);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const { mtimeMs, size } = statSync(path);
    sources.push([path, mtimeMs, size]);
    const source = path;
    const plain = stripTypeScriptTypes(readFileSync(path, 'utf8'))
      .replace(IMPORT, (_all, before: string, name: string) => {
        const next = resolve(dirname(source), `${name}.ts`);
        if (!seen.has(next)) waiting.push(next);
        seen.add(next);
        return `${before}'${name}.js'`;
      })
      // Libraries are found from where the source lies.
      .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
    const target = join(folder, plainName(relative(root, path)));
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 });
    writeFileSync(target, plain, { mode: 0o600 });
  }
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}', { mode: 0o600 });
  const making = `${record}.${randomBytes(6).toString('hex')}`;
  writeFileSync(making, JSON.stringify({ folder, sources } satisfies Origin), { mode: 0o600 });
  renameSync(making, record);
  return folder;
}

/** Of earlier versions of the sources. One that is still in use is made again. */
function forgetOld(base: string): void {
  for (const name of readdirSync(base)) {
    const path = join(base, name);
    if (Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) > OLD_MS) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}
