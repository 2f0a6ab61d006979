import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { AdvisoryDatabase, AdvisoryStore, inputsOf } from '../advisories/index.ts';
import type { Clock } from '../system/index.ts';

/** What says something of kernels and of the packages that hold containers; other feeds in the folder cost time only. */
const FEEDS = new Set(['cve5', 'cisa-kev', 'epss', 'debian-lists', 'debian-tracker', 'debian-changelog']);
/** Records of rpm distributions come in these forms, among much else. */
const RPM_FEEDS = new Set([...FEEDS, 'osv', 'updateinfo']);
/** Compiled sets that are kept in the caller's cache folder. */
const KEPT_MAX = 4;
const CACHE_REVISION = 'host-1';

export interface OpenedAdvisories {
  readonly database: AdvisoryDatabase;
  /** Files of the place in which nothing was recognised; none where the place was compiled before. */
  readonly strangers: readonly string[];
}

/**
 * Advisories of a folder or file for the command line. A folder with a compiled database is used as it is; others are
 * compiled once into the caller's cache, by the names, sizes and times of the files.
 */
export async function openAdvisories(
  place: string | null,
  clock: Clock,
  { isRpm = false, environment = process.env }: { isRpm?: boolean; environment?: NodeJS.ProcessEnv } = {},
): Promise<OpenedAdvisories> {
  if (place === null) return { database: AdvisoryDatabase.empty(), strangers: [] };
  const inputs = await inputsOf(place);
  if (inputs.some(({ name }) => name.endsWith('/advisories.db')))
    return { database: await new AdvisoryStore(place, clock).current(), strangers: [] };
  const stamps = await Promise.all(
    inputs.map(async ({ name }) => {
      const found = await stat(name).catch(() => null);
      return `${name} ${found?.size} ${found?.mtimeMs}`;
    }),
  );
  const base = join(
    environment['XDG_CACHE_HOME'] || join(environment['HOME'] ?? homedir(), '.cache'),
    'darsena',
    'kernel',
  );
  const key = createHash('sha256')
    .update([CACHE_REVISION, isRpm, AdvisoryDatabase.format, ...stamps].join('\n'))
    .digest('hex')
    .slice(0, 32);
  const folder = join(base, key);
  const store = new AdvisoryStore(folder, clock);
  const kept = await store.current();
  if (kept.revision !== 'none') return { database: kept, strangers: [] };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { unknown } = await store.import(inputs, { skipUnknown: true, feeds: isRpm ? RPM_FEEDS : FEEDS, force: true });
  await dropOldest(base, key);
  return { database: await store.current(), strangers: unknown.map((name) => basename(name)) };
}

async function dropOldest(base: string, keep: string): Promise<void> {
  const found = await Promise.all(
    (await readdir(base)).map(async (name) => ({
      name,
      at: (await stat(join(base, name)).catch(() => null))?.mtimeMs ?? 0,
    })),
  );
  const old = found.filter(({ name }) => name !== keep).sort((a, b) => b.at - a.at);
  for (const { name } of old.slice(KEPT_MAX - 1)) await rm(join(base, name), { recursive: true, force: true });
}
