import { readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { REPORT_TEXT_MAX } from '../limits.ts';
import { type ComposeConversion, convertCompose } from './convert.ts';
import { parseEnvFile } from './interpolate.ts';

/** In the order in which Compose itself looks for them (section 3). */
const FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'] as const;

export interface ComposePlace {
  readonly folder: string;
  readonly files: readonly string[];
}

/** The Compose file that a person means: a file, or the one of a folder, with the override beside it. Null: there is none. */
export function findCompose(
  path: string,
  variables: Readonly<Record<string, string | undefined>> = process.env,
): ComposePlace | null {
  const full = resolve(path);
  const found = statSync(full, { throwIfNoEntry: false });
  if (found?.isFile() === true) return { folder: dirname(full), files: [basename(full)] };
  const named = namedFiles(full, variables);
  if (named.length > 0) return { folder: full, files: named };
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
  const bytes = (path: string): Uint8Array | null => {
    try {
      const full = realpathSync(join(root, path));
      if (full !== root && !full.startsWith(root + sep)) return null;
      const found = statSync(full);
      return found.isFile() && found.size <= REPORT_TEXT_MAX ? readFileSync(full) : null;
    } catch {
      // Not there, or not readable: the place that names it says so.
      return null;
    }
  };
  const read = (path: string): string | null => {
    const found = bytes(path);
    return found === null ? null : Buffer.from(found).toString('utf8');
  };
  const variables = Object.fromEntries(
    Object.entries(options.variables).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
  return convertCompose({
    files: [...place.files, ...(options.more ?? [])],
    read,
    bytes,
    variables,
    profiles: options.profiles ?? [],
    project: options.project ?? null,
    otherwise: basename(root),
  });
}

/** The files that `COMPOSE_FILE` names, in the environment or in `.env`, as Compose takes them where nobody names one. */
function namedFiles(folder: string, variables: Readonly<Record<string, string | undefined>>): string[] {
  const read = (name: string): string => {
    try {
      const path = join(folder, name);
      const found = statSync(path);
      return found.isFile() && found.size <= REPORT_TEXT_MAX ? readFileSync(path, 'utf8') : '';
    } catch {
      return '';
    }
  };
  const settings = { ...parseEnvFile(read('.env'), {}), ...variables };
  const separator = settings['COMPOSE_PATH_SEPARATOR'] || ':';
  return (settings['COMPOSE_FILE'] ?? '').split(separator).filter((name) => name !== '');
}
