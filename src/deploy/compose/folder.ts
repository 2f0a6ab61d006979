import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { REPORT_TEXT_MAX } from '../limits.ts';
import { type ComposeConversion, convertCompose } from './convert.ts';

/** In the order in which Compose itself looks for them (section 3). */
const FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const;

export interface ComposePlace {
  readonly folder: string;
  readonly files: readonly string[];
}

/** The Compose file that a person means: a file, or the one of a folder, with the override beside it. Null: there is none. */
export function findCompose(path: string): ComposePlace | null {
  const full = resolve(path);
  const found = statSync(full, { throwIfNoEntry: false });
  if (found?.isFile() === true) return { folder: dirname(full), files: [basename(full)] };
  const file = FILES.find((name) => statSync(join(full, name), { throwIfNoEntry: false })?.isFile() === true);
  if (file === undefined) return null;
  const override = file.replace(/\.(ya?ml)$/, '.override.$1');
  const hasOverride = statSync(join(full, override), { throwIfNoEntry: false })?.isFile() === true;
  return { folder: full, files: hasOverride ? [file, override] : [file] };
}

/** Converts what stands in a folder of this machine; no file out of the folder is read, by link or by name. */
export function convertFolder(
  place: ComposePlace,
  options: {
    readonly more?: readonly string[];
    readonly profiles?: readonly string[];
    readonly project?: string | null;
    readonly variables: Readonly<Record<string, string | undefined>>;
  },
): ComposeConversion {
  const root = realpathSync(place.folder);
  const read = (path: string): string | null => {
    try {
      const full = realpathSync(join(root, path));
      if (full !== root && !full.startsWith(root + sep)) return null;
      const found = statSync(full);
      return found.isFile() && found.size <= REPORT_TEXT_MAX ? readFileSync(full, 'utf8') : null;
    } catch {
      // Not there, or not readable: the place that names it says so.
      return null;
    }
  };
  const variables = Object.fromEntries(
    Object.entries(options.variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
  const profiles = [...(options.profiles ?? []), ...(variables['COMPOSE_PROFILES'] ?? '').split(',').filter(Boolean)];
  return convertCompose({
    files: [...place.files, ...(options.more ?? [])],
    read,
    variables,
    profiles,
    project: options.project ?? variables['COMPOSE_PROJECT_NAME'] ?? nameInFile(place, read) ?? basename(root),
  });
}

/** The folder's name counts only where the file has none. */
function nameInFile(place: ComposePlace, read: (path: string) => string | null): string | null {
  for (const file of place.files) {
    const name = /^name:[ \t]*["']?([a-zA-Z0-9._-]+)/m.exec(read(file) ?? '')?.[1];
    if (name !== undefined) return name;
  }
  return null;
}
