import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, normalize, resolve } from 'node:path';

/**
 * Makes rules/host/kbuild.txt from the source trees of kernels: which options of the build a file stands under, and in
 * which module it ends. `./darsena-node src/host/kbuild/make.ts linux-source-6.1=6.1.192-2 …`: folders (Debian's
 * packages linux-source-*, unpacked) with the version to name. Facts only: no line of the kernel's is copied.
 */

/** All of a set are needed; any set is enough. An empty set: always built. */
type Condition = readonly ReadonlySet<string>[];

interface FileFacts {
  condition: Condition;
  modules: Set<string>;
}

const ALWAYS: Condition = [new Set()];
/** More ways to be built than this say nothing that helps. */
const WAYS_MAX = 4;

/** What a Makefile brings in by ways that are not read here (variables of paths). */
const FOLDERS: Readonly<Record<string, string>> = {
  'drivers/gpu/drm/amd': 'DRM_AMDGPU',
  'drivers/gpu/drm/nouveau': 'DRM_NOUVEAU',
  'drivers/gpu/drm/i915': 'DRM_I915',
  'drivers/gpu/drm/radeon': 'DRM_RADEON',
  'drivers/staging/media/atomisp': 'INTEL_ATOMISP',
};

function and(a: Condition, b: Condition): Condition {
  return simplify(a.flatMap((left) => b.map((right) => new Set([...left, ...right]))));
}

function or(a: Condition, b: Condition): Condition {
  return simplify([...a, ...b]);
}

/** A way that asks for all that another asks for, and more, adds nothing. */
function simplify(ways: Condition): Condition {
  const kept: ReadonlySet<string>[] = [];
  for (const way of [...ways].sort((a, b) => a.size - b.size)) {
    if (!kept.some((one) => [...one].every((symbol) => way.has(symbol)))) kept.push(way);
  }
  if (kept.length <= WAYS_MAX) return kept;
  const [first = new Set<string>(), ...rest] = kept;
  return [new Set([...first].filter((symbol) => rest.every((way) => way.has(symbol))))];
}

const option = (symbol: string | undefined): Condition =>
  symbol === undefined || symbol === 'y' || symbol === 'm' ? ALWAYS : [new Set([symbol.slice('$(CONFIG_'.length, -1)])];

/** Reads one tree into files, by path. */
function readTree(root: string): Map<string, FileFacts> {
  const files = new Map<string, FileFacts>();
  const folders = new Map<string, Condition>();
  const visiting = new Set<string>();

  const addFile = (path: string, condition: Condition, module: string | null): void => {
    const known = files.get(path);
    if (known) known.condition = or(known.condition, condition);
    else files.set(path, { condition, modules: new Set() });
    if (module !== null) files.get(path)?.modules.add(module.replaceAll('-', '_'));
  };

  const visit = (folder: string, condition: Condition): void => {
    const merged = folders.has(folder) ? or(folders.get(folder) ?? ALWAYS, condition) : condition;
    if (visiting.has(folder)) return;
    folders.set(folder, merged);
    const file = ['Kbuild', 'Makefile'].map((name) => join(root, folder, name)).find((path) => existsSync(path));
    if (file === undefined) return;
    visiting.add(folder);
    readMakefile(folder, readFileSync(file, 'utf8'), merged);
    visiting.delete(folder);
  };

  const readMakefile = (folder: string, text: string, own: Condition): void => {
    const objects: { name: string; condition: Condition; isModule: boolean }[] = [];
    const parts = new Map<string, { name: string; condition: Condition }[]>();
    const variables = new Map<string, string>();
    for (const line of text.replace(/\\\n/g, ' ').split('\n')) {
      const [, left, right] = /^\s*([A-Za-z0-9_.()$/-]+)\s*[:+?]?=\s*(.*?)\s*(?:#.*)?$/.exec(line) ?? [];
      if (left === undefined || right === undefined) continue;
      const [, stem = '', kind] = /^(.+)-(y|m|objs|\$\(CONFIG_[A-Z0-9_a-z]+\))$/.exec(left) ?? [];
      if (kind === undefined) {
        variables.set(left, `${variables.get(left) ?? ''} ${right}`);
        continue;
      }
      const expanded = right.replace(/\$\(([A-Za-z0-9_-]+)\)/g, (whole, name: string) => variables.get(name) ?? whole);
      for (const word of expanded.split(/\s+/)) {
        const condition = option(kind === 'objs' ? 'y' : kind);
        if (word.endsWith('/') && /^(?:obj|core|drivers|libs|net|init|virt|subdir)$/.test(stem)) {
          const target = normalize(join(folder, word)).replace(/\/$/, '');
          if (!target.startsWith('..')) visit(target, and(own, condition));
        } else if (word.endsWith('.o')) {
          const name = word.slice(0, -2);
          if (stem === 'obj' || stem === 'lib' || stem === 'extra') {
            objects.push({ name, condition, isModule: kind !== 'y' && stem === 'obj' });
          } else {
            const list = parts.get(stem) ?? [];
            list.push({ name, condition });
            parts.set(stem, list);
          }
        }
      }
    }
    const place = (name: string): string | null => {
      const path = normalize(join(folder, name));
      for (const suffix of ['.c', '.S', '.rs']) if (existsSync(join(root, path + suffix))) return path + suffix;
      return null;
    };
    const walk = (name: string, condition: Condition, module: string | null, depth: number): void => {
      const path = place(name);
      if (path !== null) addFile(path, condition, module);
      if (depth < 4)
        for (const part of parts.get(name) ?? []) walk(part.name, and(condition, part.condition), module, depth + 1);
    };
    for (const { name, condition, isModule } of objects) {
      walk(name, and(own, condition), isModule ? basename(name) : null, 0);
    }
  };

  for (const [folder, symbol] of Object.entries(FOLDERS)) folders.set(folder, [new Set([symbol])]);
  for (const name of readdirSync(root, { withFileTypes: true })) {
    if (!name.isDirectory() || /^(?:arch|scripts|tools|Documentation|usr|include)$/.test(name.name)) continue;
    const symbol = { net: 'NET', block: 'BLOCK', io_uring: 'IO_URING', samples: 'SAMPLES', rust: 'RUST' }[name.name];
    visit(name.name, symbol === undefined ? ALWAYS : [new Set([symbol])]);
  }
  for (const arch of readdirSync(join(root, 'arch'))) {
    if (existsSync(join(root, 'arch', arch, 'Kbuild'))) visit(`arch/${arch}`, ALWAYS);
    for (const below of ['kernel', 'mm', 'lib', 'crypto']) visit(`arch/${arch}/${below}`, ALWAYS);
  }
  // What is built by ways not read here stands under what its folder stands under.
  for (const path of sourcesOf(root)) {
    if (files.has(path) || !path.endsWith('.c')) continue;
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
      const found = folders.get(folder);
      if (found === undefined) continue;
      files.set(path, { condition: found, modules: new Set() });
      break;
    }
  }
  readHeaders(root, files);
  return files;
}

function sourcesOf(root: string): string[] {
  const tops = readdirSync(root, { withFileTypes: true }).filter(
    (one) => one.isDirectory() && !/^(?:scripts|tools|Documentation|usr|debian)$/.test(one.name),
  );
  return tops.flatMap((top) =>
    readdirSync(join(root, top.name), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.[chS]$/.test(name))
      .map((name) => join(top.name, name)),
  );
}

/** A header stands under what every file that comes to include it stands under. */
function readHeaders(root: string, files: Map<string, FileFacts>): void {
  const all = sourcesOf(root);
  const present = new Set(all);
  const includes = new Map<string, string[]>();
  for (const path of all) {
    const found: string[] = [];
    for (const [, name = ''] of readFileSync(join(root, path), 'latin1').matchAll(
      /^\s*#\s*include\s*[<"]([^>"]+)[>"]/gm,
    )) {
      const places = [normalize(join(dirname(path), name)), `include/${name}`, `include/uapi/${name}`];
      const place = places.find((one) => present.has(one));
      if (place !== undefined) found.push(place);
      else {
        // A folder given by -I: the name alone decides when only one header has it.
        const [only, ...others] = byName(all).get(basename(name)) ?? [];
        if (only !== undefined && others.length === 0) found.push(only);
      }
    }
    includes.set(path, found);
  }
  /** What all who include it need; null: nobody yet. */
  const needed = new Map<string, ReadonlySet<string>>();
  const queue: string[] = [];
  const meet = (header: string, symbols: ReadonlySet<string>): void => {
    const before = needed.get(header);
    const after = before === undefined ? symbols : new Set([...before].filter((one) => symbols.has(one)));
    if (before !== undefined && after.size === before.size) return;
    needed.set(header, after);
    queue.push(header);
  };
  for (const path of all) {
    if (path.endsWith('.h')) continue;
    const [first = new Set<string>(), ...rest] = files.get(path)?.condition ?? ALWAYS;
    const common = new Set([...first].filter((symbol) => rest.every((way) => way.has(symbol))));
    if (path.startsWith('arch/')) common.add(`arch:${path.split('/')[1]}`);
    for (const header of includes.get(path) ?? []) meet(header, common);
  }
  for (let header = queue.pop(); header !== undefined; header = queue.pop()) {
    const symbols = needed.get(header) ?? new Set<string>();
    for (const next of includes.get(header) ?? []) meet(next, symbols);
  }
  for (const [header, symbols] of needed) {
    if (header.endsWith('.h'))
      files.set(header, {
        condition: [new Set([...symbols].filter((one) => !one.startsWith('arch:')))],
        modules: new Set(),
      });
  }
}

let names: Map<string, string[]> | null = null;
function byName(all: readonly string[]): Map<string, string[]> {
  if (names === null) {
    names = new Map();
    for (const path of all) {
      if (!path.endsWith('.h')) continue;
      names.set(basename(path), [...(names.get(basename(path)) ?? []), path]);
    }
  }
  return names;
}

const merged = new Map<string, FileFacts>();
const versions: string[] = [];
for (const argument of process.argv.slice(2)) {
  const [folder = '', version = ''] = argument.split('=');
  versions.push(version);
  names = null;
  for (const [path, facts] of readTree(resolve(folder))) {
    const known = merged.get(path);
    if (known === undefined) merged.set(path, facts);
    else {
      known.condition = or(known.condition, facts.condition);
      for (const module of facts.modules) known.modules.add(module);
    }
  }
}
writeFileSync(resolve(import.meta.dirname, '../../../rules/host/kbuild.txt'), writeTable(merged, versions));

/** A folder a block: its path, then `NAME…=WAYS:MODULES`. What stands under nothing is left out. */
function writeTable(files: Map<string, FileFacts>, from: readonly string[]): string {
  const folders = new Map<string, Map<string, string[]>>();
  for (const [path, { condition, modules }] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // Of other processors the path alone says that they are others; samples and tools are in no kernel.
    if (/^(?:arch\/(?!x86\/|arm64\/)|samples\/|rust\/|debian\/)/.test(path)) continue;
    if (path.endsWith('.h') && condition.some((way) => way.size === 0)) continue;
    const ways = condition
      .map((way) => [...way].sort().join('&'))
      .sort()
      .join('|');
    // Kept even when always built: "known, and always there" is another thing than "not known".
    const folder = folders.get(dirname(path)) ?? new Map<string, string[]>();
    const key = `${ways}:${[...modules].sort().join(',')}`;
    folder.set(key, [...(folder.get(key) ?? []), basename(path)]);
    folders.set(dirname(path), folder);
  }
  const lines = [
    '# Which build options each file of the kernel stands under, and in which modules it ends.',
    `# Made by src/host/kbuild/make.ts from Debian's linux-source: ${from.join(', ')}. Not written by hand.`,
  ];
  for (const [folder, groups] of folders) {
    lines.push(`/${folder}`);
    for (const [key, list] of groups) lines.push(`${key} ${list.join(' ')}`);
  }
  return `${lines.join('\n')}\n`;
}
