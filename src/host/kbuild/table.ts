import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** What has to be built for a file of the kernel to be in it. */
export interface BuildFacts {
  /** Sets of options without `CONFIG_`: all of one set have to be on; any set is enough; an empty one: always built. */
  readonly ways: readonly (readonly string[])[];
  /** Modules in which it ends when it is built as one. */
  readonly modules: readonly string[];
  /** False: the file is not known, and this is what all that are known of its folder stand under. */
  readonly isExact: boolean;
}

const FILE = join(resolve(import.meta.dirname, '../../../rules/host'), 'kbuild.txt');

/** Which options and modules each file of the kernel stands under, as Debian's kernels 6.1 and 6.12 are built. */
export class KbuildTable {
  readonly #folders = new Map<string, string>();
  readonly #parsed = new Map<string, Map<string, BuildFacts>>();
  readonly #common = new Map<string, BuildFacts | null>();

  constructor(text: string) {
    for (const block of text.split('\n/').slice(1)) {
      const end = block.indexOf('\n');
      this.#folders.set(block.slice(0, end), block.slice(end + 1));
    }
  }

  /** Null when nothing is known of it. */
  find(path: string): BuildFacts | null {
    const cut = path.lastIndexOf('/');
    for (
      let folder = path.slice(0, cut);
      folder !== '';
      folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))
    ) {
      const exact = folder.length === cut ? this.#files(folder)?.get(path.slice(cut + 1)) : undefined;
      if (exact !== undefined) return exact;
      const common = this.#commonOf(folder);
      if (common !== null) return common;
    }
    return null;
  }

  #files(folder: string): Map<string, BuildFacts> | null {
    const known = this.#parsed.get(folder);
    if (known !== undefined) return known;
    const text = this.#folders.get(folder);
    if (text === undefined) return null;
    const files = new Map<string, BuildFacts>();
    for (const line of text.split('\n')) {
      const [key = '', ...names] = line.split(' ');
      const [ways = '', modules = ''] = key.split(':');
      const facts: BuildFacts = {
        ways: ways.split('|').map((way) => way.split('&').filter((symbol) => symbol !== '')),
        modules: modules.split(',').filter((name) => name !== ''),
        isExact: true,
      };
      for (const name of names) files.set(name, facts);
    }
    this.#parsed.set(folder, files);
    return files;
  }

  /** What every known file of a folder needs; a new file there needs it too, since it is built by the same Makefile. */
  #commonOf(folder: string): BuildFacts | null {
    const known = this.#common.get(folder);
    if (known !== undefined) return known;
    const files = this.#files(folder);
    let common: BuildFacts | null = null;
    if (files !== null) {
      const ways = [...files.values()].flatMap((facts) => facts.ways);
      const [first = [], ...rest] = ways;
      const symbols = first.filter((symbol) => rest.every((way) => way.includes(symbol)));
      common = { ways: [symbols], modules: [], isExact: false };
    }
    this.#common.set(folder, common);
    return common;
  }
}

let table: KbuildTable | null = null;

/** The table that is shipped, read once. */
export function kbuildTable(): KbuildTable {
  table ??= new KbuildTable(readFileSync(FILE, 'utf8'));
  return table;
}
