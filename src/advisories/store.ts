import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FormatError, STREAM_CHUNK_BYTES } from '../formats/index.ts';
import { type Clock, Fault, syncFolder } from '../system/index.ts';
import { adoptSources } from './adoption.ts';
import { AdvisoryDatabase, type AdvisorySource, SCHEMA, SCHEMA_VERSION, TABLES } from './database.ts';
import { readDocuments, stemOf } from './documents.ts';
import { advisoryFault } from './errors.ts';
import type { Feed, FeedReader } from './feeds/feed.ts';
import { FEEDS } from './feeds/index.ts';
import { runHeavy } from './heavy.ts';
import {
  HEAVY_FROM_BYTES,
  LEFTOVER_AGE_MS,
  MAX_AGE_DAYS,
  RECORDS_PER_TURN,
  SHRINK_SHARE_MIN,
  STRANGERS_MAX,
} from './limits.ts';
import type { FeedItem } from './record.ts';
import { seal } from './seal.ts';
import { takeSnapshot } from './snapshot.ts';
import { type CurrentSource, clearSource, SourceWriter } from './source-writer.ts';

/** Something to import. `name` is a file name or address: it says nothing but the name of the source. */
export interface AdvisoryInput {
  readonly name: string;
  open(): AsyncIterable<Uint8Array>;
  /** What the server said of what it sent, once all of it has come: kept to ask only for news next time. */
  fetched?(): FetchedMark | null;
}

export interface FetchedMark {
  readonly url: string;
  readonly etag: string | null;
  readonly lastModified: string | null;
}

export interface ImportedSource {
  readonly name: string;
  readonly feed: string;
  readonly records: number;
  /** Withdrawn, or about what cannot be matched. */
  readonly skipped: number;
  readonly updatedAt: string;
}

export interface ImportOutcome {
  readonly imported: readonly ImportedSource[];
  /** Inputs that are no known feed. */
  readonly unknown: readonly string[];
  readonly revision: string;
}

export interface ImportOptions {
  /** Take what is older or much smaller than the data in use. @default false */
  readonly force?: boolean;
  /** Leave out inputs that are no known feed; otherwise one of them is a fault. @default false */
  readonly skipUnknown?: boolean;
  /** Names of feeds: inputs of others are passed over as unknown ones. @default all */
  readonly feeds?: ReadonlySet<string>;
  readonly onRecords?: (source: string, records: number) => void;
}

/**
 * The advisories on disk: one compiled file, `advisories.db`, in a folder of its own. An import builds a new file beside
 * it and renames it into place at the end, so a reader sees the old data or the new, and a crash or a faulty feed leaves
 * the old. Imports of one process queue up.
 */
export class AdvisoryStore {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #heavyFromBytes: number;
  #database: AdvisoryDatabase | null = null;
  #stamp = '';
  #queue: Promise<unknown> = Promise.resolve();

  /** @param options.heavyFromBytes see HEAVY_FROM_BYTES; tests put another in its place */
  constructor(
    folder: string,
    clock: Clock,
    { heavyFromBytes = HEAVY_FROM_BYTES }: { readonly heavyFromBytes?: number } = {},
  ) {
    this.#folder = folder;
    this.#clock = clock;
    this.#heavyFromBytes = heavyFromBytes;
  }

  /** The data in use; another process may have replaced it since the last call. Do not keep the answer for long. */
  async current(): Promise<AdvisoryDatabase> {
    const found = await stat(this.#path, { bigint: true }).catch(() => null);
    const stamp = found ? `${found.ino}.${found.mtimeNs}` : 'none';
    if (!this.#database || stamp !== this.#stamp) {
      const next = found ? AdvisoryDatabase.open(this.#path) : AdvisoryDatabase.empty();
      // The one before may still be answering; it is closed when nobody holds it any more.
      this.#database = next;
      this.#stamp = stamp;
    }
    return this.#database;
  }

  async sources(): Promise<AdvisorySource[]> {
    return (await this.current()).sources(this.#clock);
  }

  /**
   * Adds sources, each in place of the one of the same name. All or nothing.
   *
   * @throws Fault advisories.unreadable, advisories.unknown-format, advisories.older, advisories.shrunk
   */
  import(inputs: readonly AdvisoryInput[], options: ImportOptions = {}): Promise<ImportOutcome> {
    const result = this.#queue.then(() => this.#import(inputs, options));
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** Takes the sources of another database, such as one that was signed elsewhere. All or nothing, and none that is older. */
  adopt(path: string, options: Pick<ImportOptions, 'force'> = {}): Promise<ImportOutcome> {
    const result = this.#queue.then(() =>
      this.#replace(async (db, own) => {
        const force = options.force ?? false;
        if (await areHeavy([own, path], this.#heavyFromBytes)) return runHeavy('adopt', own, { other: path, force });
        return adoptSources(db, path, { force });
      }),
    );
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** A copy of the database in a file of its own; null when there is none yet. */
  async snapshot(target: string): Promise<{ readonly revision: string; readonly importedAt: string } | null> {
    if ((await stat(this.#path).catch(() => null)) === null) return null;
    return (await areHeavy([this.#path], this.#heavyFromBytes))
      ? runHeavy('snapshot', this.#path, { target })
      : takeSnapshot(this.#path, target);
  }

  /** What a server last said of an address, as long as its source is still there. */
  async fetchedMark(url: string): Promise<FetchedMark | null> {
    return (await this.current()).fetchedMark(url);
  }

  get #path(): string {
    return join(this.#folder, 'advisories.db');
  }

  #import(inputs: readonly AdvisoryInput[], options: ImportOptions): Promise<ImportOutcome> {
    return this.#replace((db, own) =>
      compile({ db, path: own, heavyFromBytes: this.#heavyFromBytes }, inputs, options, this.#clock),
    );
  }

  /** Changes a copy, and puts it in the place of the original when all went well. */
  async #replace(change: (db: DatabaseSync, path: string) => Promise<ImportOutcome>): Promise<ImportOutcome> {
    await mkdir(this.#folder, { recursive: true });
    await removeLeftovers(this.#folder, this.#clock);
    const temporary = join(this.#folder, `.import-${randomBytes(6).toString('hex')}.db`);
    try {
      const hasCurrent = await stat(this.#path).then(
        () => true,
        () => false,
      );
      if (hasCurrent) await copyFile(this.#path, temporary);
      const db = new DatabaseSync(temporary);
      let outcome: ImportOutcome;
      try {
        prepare(db);
        outcome = await change(db, temporary);
      } finally {
        db.close();
      }
      if (outcome.imported.length > 0) {
        const handle = await open(temporary, 'r');
        await handle.sync().finally(() => handle.close());
        await rename(temporary, this.#path);
        await syncFolder(this.#folder);
      }
      return outcome;
    } finally {
      await Promise.all([temporary, `${temporary}-journal`].map((path) => rm(path, { force: true })));
    }
  }
}

/** Whether what SQLite does with all of them would hold up the service. */
async function areHeavy(paths: readonly string[], fromBytes: number): Promise<boolean> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.size ?? 0));
  return sizes.some((size) => size > fromBytes);
}

/** What imports that were killed left behind. */
async function removeLeftovers(folder: string, clock: Clock): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!/^\.(?:import|pack|received)-/.test(name)) continue;
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found && clock.now().getTime() - found.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { force: true });
  }
}

/** An empty or foreign file gets the tables of today. */
function prepare(db: DatabaseSync): void {
  const version = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version.user_version === SCHEMA_VERSION) return;
  if (version.user_version !== 0) dropAll(db);
  db.exec(SCHEMA);
}

/** Compiles files into memory, for the command line without a platform. */
export async function compileAdvisories(
  inputs: readonly AdvisoryInput[],
  clock: Clock,
  options: ImportOptions = {},
): Promise<{ database: AdvisoryDatabase; outcome: ImportOutcome }> {
  const db = new DatabaseSync(':memory:');
  prepare(db);
  const outcome = await compile({ db, path: null, heavyFromBytes: 0 }, inputs, options, clock);
  return { database: new AdvisoryDatabase(db), outcome };
}

/**
 * The feeds in files and folders. A folder gives its files, those in folders below too; records that have a file each, as
 * OSV's and CSAF's have, are one source of each kind, named after the folder where they do not name it themselves.
 *
 * @throws the errors of `stat` and `readdir`
 */
export async function inputsOf(path: string): Promise<AdvisoryInput[]> {
  const found = await stat(path).catch((cause: unknown) => {
    throw advisoryFault('advisories.unreadable', { source: path, why: (cause as Error).message }, { cause });
  });
  if (!found.isDirectory()) return [fileInput(path)];
  const entries = await readdir(path, { withFileTypes: true, recursive: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name));
  const single = files.filter((file) => SINGLE.test(basename(file))).sort();
  const whole = files
    .filter((file) => !SINGLE.test(basename(file)))
    .sort()
    .map(fileInput);
  const kinds = await byFeed(single);
  return [
    ...whole,
    ...[...kinds].map(([feed, paths]) => ({
      name: kinds.size === 1 || feed === 'osv' ? basename(path) : `${basename(path)}-${feed}`,
      open: () => joinRecords(paths),
    })),
  ];
}

/** 'GHSA-3fx5-fwvr-xrjg.json', 'ALSA-2023:4520.json'; CSAF's names are small: 'rhsa-2024_0811.json', 'suse-su-2024_1-1.json'. */
const SINGLE = /^(?:[A-Z]{2,}[A-Z0-9]*-|ghsa-|(?:rh[sbe]a|cve|usn|(?:open)?suse-[a-z]{2})-\d)[^/]*\.json$/;

/** Files of one record by the feed that reads them: the first of each kind of name speaks for all of its kind. */
async function byFeed(paths: readonly string[]): Promise<Map<string, string[]>> {
  const kinds = Map.groupBy(paths, (path) => basename(path).split('-')[0] ?? '');
  const feeds = new Map<string, string[]>();
  for (const [kind, alike] of kinds) {
    const name = (await feedOf(alike[0] ?? '')) ?? kind;
    feeds.set(name, [...(feeds.get(name) ?? []), ...alike]);
  }
  return feeds;
}

async function feedOf(path: string): Promise<string | null> {
  try {
    for await (const document of readDocuments(createReadStream(path), path))
      return FEEDS.find((feed) => feed.recognises(document))?.name ?? null;
  } catch (error) {
    // The import says what is wrong with it.
    if (!(error instanceof FormatError)) throw error;
  }
  return null;
}

function fileInput(path: string): AdvisoryInput {
  return { name: path, open: () => createReadStream(path, { highWaterMark: STREAM_CHUNK_BYTES }) };
}

/** One JSON file a record becomes NDJSON. */
async function* joinRecords(paths: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    for await (const document of readDocuments(createReadStream(path), path))
      yield Buffer.from(`${JSON.stringify(document)}\n`);
  }
}

/** A database that is being made, and its file; null: it is in memory, and nobody waits for others meanwhile. */
interface Making {
  readonly db: DatabaseSync;
  readonly path: string | null;
  readonly heavyFromBytes: number;
}

/** Between two transactions, and in a thread where the file is large; no reader sees it before it is whole. */
async function apart<T>(
  { db, path, heavyFromBytes }: Making,
  here: () => T,
  there: (path: string) => Promise<T>,
): Promise<T> {
  if (path === null) return here();
  db.exec('COMMIT');
  const answer = (await areHeavy([path], heavyFromBytes)) ? await there(path) : here();
  db.exec('BEGIN');
  return answer;
}

async function compile(
  making: Making,
  inputs: readonly AdvisoryInput[],
  options: ImportOptions,
  clock: Clock,
): Promise<ImportOutcome> {
  const { db } = making;
  // The file is thrown away when anything fails, so it needs no journal of its own.
  db.exec('PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN');
  const writer = new SourceWriter(db);
  const imported: ImportedSource[] = [];
  const unknown: string[] = [];
  for (const input of inputs) {
    const source = await importSource(making, writer, input, options, clock);
    if (source) {
      imported.push(source);
      const mark = input.fetched?.();
      if (mark) writer.markFetched(mark, source.name, clock.now().toISOString());
    }
    if (!source && options.skipUnknown) unknown.push(input.name);
    else if (!source) throw advisoryFault('advisories.unknown-format', { source: basename(input.name) });
  }
  const revision = await apart(
    making,
    () => seal(db),
    (path) => runHeavy('seal', path, {}),
  );
  db.exec('COMMIT');
  return { imported, unknown, revision };
}

async function importSource(
  making: Making,
  writer: SourceWriter,
  input: AdvisoryInput,
  options: ImportOptions,
  clock: Clock,
): Promise<ImportedSource | null> {
  let feed: Feed | undefined;
  let reader: FeedReader | undefined;
  let name = stemOf(input.name);
  let current: CurrentSource | null = null;
  let records = 0;
  let skipped = 0;
  let updatedAt: string | null = null;
  let turn = 0;
  let strangers = 0;
  const takeAll = async (items: Iterable<FeedItem>): Promise<void> => {
    for (const item of items) {
      if (item.kind === 'updated') updatedAt = later(updatedAt, item.at);
      else if (item.kind === 'skipped') skipped++;
      else {
        if (item.kind === 'advisory') updatedAt = later(updatedAt, item.record.modified);
        if (item.kind === 'issue') updatedAt = later(updatedAt, item.details.modified);
        writer.write(name, item);
        records++;
      }
      if (++turn % RECORDS_PER_TURN === 0) {
        options.onRecords?.(name, records);
        await nextTurn();
      }
    }
  };
  try {
    for await (const document of readDocuments(input.open(), basename(input.name))) {
      if (!feed) {
        feed = FEEDS.find((one) => one.recognises(document));
        if (!feed) {
          // An archive of a repository holds other files, and XML begins with what made it.
          if (++strangers > STRANGERS_MAX) return null;
          continue;
        }
        if (options.feeds?.has(feed.name) === false) return null;
        // An archive holds several such documents, and its own name says more.
        const own = /\.(?:tar|tgz|zip)\b/.test(input.name) ? null : feed.nameOf?.(document);
        name = feed.sourceName ?? own ?? name;
        current = writer.current(name);
        const source = name;
        if (current !== null)
          await apart(
            making,
            () => clearSource(making.db, source),
            (path) => runHeavy('clear', path, { source }),
          );
        reader = feed.start?.();
      }
      await takeAll(reader?.read(document) ?? feed.read?.(document) ?? []);
    }
    if (reader?.end) await takeAll(reader.end());
  } catch (cause) {
    if (cause instanceof Fault) throw cause;
    // Before anything was recognised, broken JSON is just another kind of file; packed bytes that are cut are not.
    const isOther = cause instanceof FormatError && !cause.code.startsWith('inflate.');
    if (feed === undefined && isOther) return null;
    throw advisoryFault(
      'advisories.unreadable',
      { source: basename(input.name), why: cause instanceof Error ? cause.message : String(cause) },
      { cause },
    );
  }
  if (!feed) return null;
  if (records === 0) {
    throw advisoryFault('advisories.unreadable', {
      source: basename(input.name),
      why: 'it holds no record that can be used',
    });
  }
  const found = { name, feed: feed.name, records, skipped, updatedAt: updatedAt ?? clock.now().toISOString() };
  if (!options.force) refuseWorse(found, current);
  writer.finish(found, {
    importedAt: clock.now().toISOString(),
    isPartial: feed.isPartial ?? false,
    maxAgeDays: feed.maxAgeDays ?? MAX_AGE_DAYS,
  });
  return found;
}

/** An older or half-sent feed must not take the place of a good one. */
function refuseWorse(found: ImportedSource, current: CurrentSource | null): void {
  if (!current) return;
  if (found.updatedAt < current.updatedAt) {
    throw advisoryFault('advisories.older', {
      source: found.name,
      updatedAt: found.updatedAt,
      currentAt: current.updatedAt,
    });
  }
  if (found.records < current.records * SHRINK_SHARE_MIN) {
    throw advisoryFault('advisories.shrunk', { source: found.name, records: found.records, current: current.records });
  }
}

function later(a: string | null, b: string | null): string | null {
  return a === null || (b !== null && b > a) ? b : a;
}

function dropAll(db: DatabaseSync): void {
  for (const table of TABLES) db.exec(`DROP TABLE IF EXISTS ${table}`);
}
