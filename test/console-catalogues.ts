import { globSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const CONSOLE = resolve(import.meta.dirname, '..', 'console');

type Entry = string | { readonly one: string; readonly other: string };
type Catalogue = Readonly<Record<string, Entry>>;

/** The words of the console, file by file, in both languages. */
export async function readCatalogues(): Promise<readonly { file: string; en: Catalogue; es: Catalogue }[]> {
  const files = globSync(['**/words.ts', '**/*-words.ts'], { cwd: CONSOLE, exclude: ['node_modules', 'dist'] });
  const catalogues = [];
  for (const file of files) {
    const module = (await import(pathToFileURL(join(CONSOLE, file)).href)) as Record<
      string,
      { en: Catalogue; es: Catalogue }
    >;
    for (const value of Object.values(module)) catalogues.push({ file, en: value.en, es: value.es });
  }
  return catalogues;
}

export const textsOf = (entry: Entry): readonly string[] =>
  typeof entry === 'string' ? [entry] : [entry.one, entry.other];
