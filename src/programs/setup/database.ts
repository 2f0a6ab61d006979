import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { databasePlace, inspectPostgres, runCommand } from '../../system/index.ts';
import { setupFault } from './errors.ts';
import { type Instance, type InstanceFolders, instanceFiles } from './instance.ts';

/** The oldest PostgreSQL that its makers still mend (2026). */
const VERSION_MIN = 14;
/** An address with certificates' paths and options is a few hundred characters. */
const URL_CHARACTERS_MAX = 4_096;
/** Where control puts the mark of its instance. */
const MARK_TABLE = 'platform_instance';
const TIMEOUT_MS = 10_000;

/** control.json as people may write it; what is not ours to know stays as it is. */
const settings = z.looseObject({ databaseUrl: z.string().optional() });

/**
 * The address that the caller names: in a file, or in DARSENA_DATABASE_URL, never in an argument, which everybody on the
 * machine can read.
 * @throws Fault `setup.database-file`, `setup.database-url`
 */
export async function readDatabaseUrl(
  file: string | undefined,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string | null> {
  const named = environment['DARSENA_DATABASE_URL'];
  let url: string;
  if (file !== undefined) {
    url = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw setupFault('setup.database-file', { path: file, reason: cause.code ?? cause.message }, { cause });
    });
  } else if (named !== undefined && named !== '') {
    url = named;
  } else {
    return null;
  }
  url = url.trim();
  const where = file ?? 'DARSENA_DATABASE_URL';
  if (url.length > URL_CHARACTERS_MAX || !/^postgres(ql)?:\/\/\S+$/.test(url) || !URL.canParse(url))
    throw setupFault('setup.database-url', { where });
  return url;
}

export interface DatabaseChoice {
  readonly url: string;
  /** For people: server version, host, port and name. */
  readonly description: string;
}

/**
 * Looks whether the database can be this instance's, and changes nothing: reachable, new enough, its tables may be made,
 * and it is empty or holds this very instance's state.
 * @throws Fault `setup.database-unreachable`, `setup.database-old`, `setup.database-rights`, `setup.database-taken`,
 *   `setup.database-fixed`
 */
export async function checkDatabase(
  url: string,
  known: Instance | null,
  folders: InstanceFolders,
): Promise<DatabaseChoice> {
  const place = databasePlace(url);
  const report = await inspectPostgres(url, { markTable: MARK_TABLE }).catch((cause: Error) => {
    throw setupFault('setup.database-unreachable', { place, reason: cause.message || String(cause) }, { cause });
  });
  const version = report.versionText;
  if (report.version < VERSION_MIN * 10_000)
    throw setupFault('setup.database-old', { place, version, min: VERSION_MIN });
  if (!report.mayCreate) throw setupFault('setup.database-rights', { place });
  const description = `PostgreSQL ${version.split(' ', 1)[0]}, ${place}`;
  const { keys, settings: stored } = instanceFiles(folders).control;
  const ownMark = await readFile(join(keys, 'instance-id'), 'utf8').catch(() => null);
  if (ownMark !== null && report.mark === ownMark) return { url, description };
  if ((await readFile(stored, 'utf8').catch(() => '')).includes(JSON.stringify(url))) return { url, description };
  if (report.tables.length > 0) {
    const tables = `${report.tables.slice(0, 3).join(', ')}${report.tables.length > 3 ? ', …' : ''}`;
    throw setupFault('setup.database-taken', { place, tables });
  }
  // Control makes its keys before it writes any state: without them the first `up` did not get so far.
  const hasState = await readdir(keys).then(
    (entries) => entries.length > 0,
    () => false,
  );
  if (known !== null && hasState) throw setupFault('setup.database-fixed', { name: known.name, place });
  return { url, description };
}

/**
 * Writes the address where control alone reads it, as control's user: root opens no path in a folder that somebody else
 * can change meanwhile. @returns true when it is another one than before
 */
export async function storeDatabaseUrl(instance: Instance, url: string): Promise<boolean> {
  const path = instanceFiles(instance).control.settings;
  const asControl = async (script: string, input: string): Promise<string> => {
    const { code, stdout, stderr } = await runCommand('sh', ['-c', script, 'sh', path], {
      input,
      timeoutMs: TIMEOUT_MS,
      cwd: '/',
      ...(instance.mode === 'root' ? { uid: instance.users.control.uid, gid: instance.users.control.gid } : {}),
    });
    if (code !== 0) throw setupFault('setup.database-file', { path, reason: stderr.trim() });
    return stdout;
  };
  const text = await asControl('if [ -e "$1" ]; then cat "$1"; else echo "{}"; fi', '');
  let kept: z.infer<typeof settings>;
  try {
    kept = settings.parse(JSON.parse(text));
  } catch (cause) {
    throw setupFault('setup.database-file', { path, reason: 'it is not a JSON object' }, { cause });
  }
  if (kept.databaseUrl === url) return false;
  const wanted = `${JSON.stringify({ ...kept, databaseUrl: url }, null, 2)}\n`;
  await asControl('umask 077 && cat >"$1.new" && mv -f "$1.new" "$1"', wanted);
  return true;
}

/** Where the instance keeps its state when that is not a file of its own; null otherwise. */
export async function storedPlace(instance: Instance): Promise<string | null> {
  const text = await readFile(instanceFiles(instance).control.settings, 'utf8').catch(() => '{}');
  const url = /"databaseUrl"\s*:\s*"(postgres(?:ql)?:[^"]+)"/.exec(text)?.[1];
  return url !== undefined && URL.canParse(url) ? databasePlace(url) : null;
}
