import { createHash } from 'node:crypto';
import { chmod, copyFile, lstat, mkdir, readdir, readFile, readlink, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../system/index.ts';
import { CODE_ROOT } from './instance.ts';
import { identify, isRunning } from './processes.ts';

/** The root of the checkout or copy that this file runs from. */
export const OWN_CODE: string = join(import.meta.dirname, '..', '..', '..');

/** What a running platform needs of a checkout, beside node_modules. Tests, docs and examples stay behind. */
const PARTS = ['darsena', 'darsena-node', 'package.json', 'package-lock.json', 'src', 'rules', 'console/dist'] as const;
/** What packages carry for people, compilers and their own tests. Node runs no TypeScript below node_modules. */
const NOT_RUN = /\.(?:[cm]?ts|map|md|markdown)$|^node_modules\/(?:@[^/]+\/)?[^/]+\/(?:tests?|benchmarks?|examples)\//;
/** For whoever changes the code; optional in the lock file because it is a binary of one architecture. */
const TOOL_PACKAGE = /^node_modules\/@biomejs\//;
/** Of the Node packages only the binary runs. */
const NODE_PACKAGE = /^node_modules\/node-linux-[a-z0-9]+$/;
const CODE_MARK = '.darsena-code';
const COPIES_AT_ONCE = 8;
/** A copy takes seconds to minutes. */
const COPY_MS_MAX = 3_600_000;

const lockFile = z.object({
  packages: z.record(
    z.string(),
    z.object({
      dependencies: z.record(z.string(), z.string()).optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
      peerDependencies: z.record(z.string(), z.string()).optional(),
      integrity: z.string().optional(),
      link: z.boolean().optional(),
    }),
  ),
});

export async function readVersion(code: string): Promise<string> {
  const text = await readFile(join(code, 'package.json'), 'utf8');
  return z.object({ version: z.string().regex(/^[0-9A-Za-z.+-]{1,40}$/) }).parse(JSON.parse(text)).version;
}

/**
 * The name of a copy: the version and the start of a hash over everything that would run, so that a changed clone is
 * installed beside the one that others still run from.
 */
export async function codeName(code: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await listFiles(code)) {
    const bytes = await readFile(join(code, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return `${await readVersion(code)}-${hash.digest('hex').slice(0, 12)}`;
}

/** Where the copy of this code stands, or will. */
export async function codeFolder(code: string): Promise<string> {
  return join(CODE_ROOT, await codeName(code));
}

/**
 * Installs a root-owned copy under /opt/darsena that no ordinary account can change; a finished copy of the same
 * content is left alone. Links are refused rather than followed.
 * @param folder as codeFolder answers
 */
export async function installCode(
  code: string,
  folder: string,
): Promise<{ folder: string; copied: boolean; sizeBytes: number }> {
  const name = basename(folder);
  if (await isFile(join(folder, CODE_MARK))) return { folder, copied: false, sizeBytes: 0 };
  const { pid, start } = await identify(process.pid);
  const temporary = join(CODE_ROOT, `.${name}.${pid}-${start}-${await processSpace()}`);
  await mkdir(CODE_ROOT, { recursive: true, mode: 0o755 });
  await removeCutCopies();
  let sizeBytes = 0;
  try {
    const files = [...(await listFiles(code)), ...(await listPackageFiles(code))];
    for (const path of new Set(files.map((path) => dirname(join(temporary, path))))) {
      await mkdir(path, { recursive: true, mode: 0o755 });
    }
    const left = files.values();
    const copyLeft = async (): Promise<void> => {
      for (const path of left) {
        const target = join(temporary, path);
        await copyFile(join(code, path), target);
        const { mode, size } = await stat(target);
        await chmod(target, (mode & 0o111) === 0 ? 0o644 : 0o755);
        sizeBytes += size;
      }
    };
    const copied = await Promise.allSettled(Array.from({ length: COPIES_AT_ONCE }, copyLeft));
    // Only when none of them writes there any more is it taken away, and what went wrong first is what is said.
    for (const one of copied) if (one.status === 'rejected') throw one.reason;
    await writeFileAtomic(join(temporary, CODE_MARK), `${name}\n`);
    if (!(await takePlace(temporary, folder))) return { folder, copied: false, sizeBytes: 0 };
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return { folder, copied: true, sizeBytes };
}

/**
 * Puts a finished copy in its place in one step. Another instance may have finished the same copy meanwhile, and run from it
 * already: then that one stays.
 *
 * @returns false when the other one stays
 */
async function takePlace(temporary: string, folder: string): Promise<boolean> {
  try {
    await rename(temporary, folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    if (await isFile(join(folder, CODE_MARK))) return false;
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder);
  }
  return true;
}

/**
 * Removes what copies left that were cut short, of whatever version. A copy under way carries the identity of its process, and of the
 * space its number belongs to: whether one of another space, such as a container's, still runs cannot be seen, so it has an hour.
 */
export async function removeCutCopies(): Promise<void> {
  const space = await processSpace();
  for (const entry of await readdir(CODE_ROOT).catch(() => [])) {
    if (!entry.startsWith('.')) continue;
    const path = join(CODE_ROOT, entry);
    const [, pid, start, of] = /^\..+\.(\d+)-(\d+)-(\d+)$/.exec(entry) ?? [];
    if (pid !== undefined && start !== undefined) {
      if (of === space && (await isRunning({ pid: Number(pid), start }))) continue;
      const begunMs = await stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      );
      if (of !== space && Date.now() - begunMs < COPY_MS_MAX) continue;
    }
    await rm(path, { recursive: true, force: true });
  }
}

/** Where process numbers are those that this process sees (pid_namespaces(7)). */
async function processSpace(): Promise<string> {
  return /\d+/.exec(await readlink('/proc/self/ns/pid'))?.[0] ?? '';
}

/** Relative paths of the platform's own files, sorted. */
async function listFiles(code: string): Promise<string[]> {
  const found: string[] = [];
  for (const part of PARTS) await collect(code, join(code, part), found);
  return found.filter((path) => !path.endsWith('.test.ts')).sort();
}

/** Relative paths of the packages that the platform imports at run time: the lock file's closure from its root. */
async function listPackageFiles(code: string): Promise<string[]> {
  const lock = lockFile.parse(JSON.parse(await readFile(join(code, 'package-lock.json'), 'utf8')));
  const found: string[] = [];
  for (const folder of packageClosure(lock.packages)) {
    if (TOOL_PACKAGE.test(folder)) continue;
    if (NODE_PACKAGE.test(folder)) {
      await collect(code, join(code, folder, 'bin'), found);
      await collect(code, join(code, folder, 'package.json'), found);
    } else {
      await collect(code, join(code, folder), found, true);
    }
  }
  return found.filter((path) => !NOT_RUN.test(path));
}

/** Package folders reachable from the root's dependencies, resolved as Node does: nearest node_modules upwards. */
export function packageClosure(
  packages: Readonly<
    Record<
      string,
      {
        dependencies?: Record<string, string> | undefined;
        optionalDependencies?: Record<string, string> | undefined;
        peerDependencies?: Record<string, string> | undefined;
      }
    >
  >,
): string[] {
  const found = new Set<string>();
  const queue = [''];
  for (const from of queue) {
    const entry = packages[from];
    if (entry === undefined) continue;
    const names = Object.keys({ ...entry.peerDependencies, ...entry.optionalDependencies, ...entry.dependencies });
    for (const name of names) {
      const folder = resolvePackage(packages, from, name);
      if (folder === undefined || found.has(folder)) continue;
      found.add(folder);
      queue.push(folder);
    }
  }
  return [...found].sort();
}

function resolvePackage(packages: Readonly<Record<string, unknown>>, from: string, name: string): string | undefined {
  let base = from;
  for (;;) {
    const candidate = base === '' ? `node_modules/${name}` : `${base}/node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (base === '') return undefined;
    const cut = base.lastIndexOf('/node_modules/');
    base = cut === -1 ? '' : base.slice(0, cut);
  }
}

/** Adds regular files below a path; a package's own nested packages are found by their own entry in the lock file. */
async function collect(code: string, path: string, found: string[], isPackage = false): Promise<void> {
  const stats = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    // An optional package of another architecture, or a console that is not built, is not there.
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stats === null) return;
  if (stats.isDirectory()) {
    for (const entry of await readdir(path)) {
      if (isPackage && entry === 'node_modules') continue;
      await collect(code, join(path, entry), found);
    }
  } else if (stats.isFile()) {
    found.push(relative(code, path));
  }
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
