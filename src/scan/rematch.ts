import type { Kysely } from 'kysely';
import type { AdvisoryDatabase, AdvisoryMatch } from '../advisories/index.ts';
import type { Journal, JournalTables } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Clock } from '../system/index.ts';
import { Answers, type AskedTables, type Asks, numberAsks, unpackAsks, writeMatched } from './asked.ts';
import { countRisks } from './counting.ts';
import { findingsChanged } from './facts.ts';
import { type Indexed, indexFindings } from './found.ts';
import type { Inventory, InventoryPackage } from './package.ts';
import { riskOf } from './risk.ts';
import { matchesOf } from './scan.ts';
import { readInventory, readReportStamp, type ScanTables } from './store.ts';

/** Stored matches that are read at once: near 1 KB each. */
const PAGE = 200;
/** Images whose changes are written in one transaction, which is some 20 ms of the database's time. */
const OPENED_AT_ONCE = 8;
/** After so long others get their turn. */
const SLICE_MS = 10;

export interface RematchParts {
  readonly db: Kysely<ScanTables & JournalTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** Whose inventories are judged. */
  readonly analysers: string;
}

export interface RematchOptions {
  readonly signal?: AbortSignal;
  readonly progress?: (done: number, total: number) => void;
  /** The names under which people know an image, to whom its news is told. */
  readonly namesOf?: (digest: Digest) => Promise<readonly { readonly project: string; readonly subject: string }[]>;
}

export interface RematchOutcome {
  readonly images: number;
  /** Digests whose findings are others now. */
  readonly changed: readonly Digest[];
  /** Digests that are answered otherwise in anything, such as a score: what was judged by the answers before is out of date. */
  readonly answered: readonly Digest[];
  /** Issues that are new or gone somewhere, summed over the images. */
  readonly added: number;
  readonly removed: number;
}

/**
 * Judges every stored inventory under today's advisories. Each question is asked once, and only images with an answer
 * that people are told of are opened; other reports are made anew when somebody reads them. Only issues that an image did
 * not have before, or has no longer, are stated (`image.findings-changed`).
 */
export async function rematchStored(
  parts: RematchParts,
  advisories: AdvisoryDatabase,
  options: RematchOptions = {},
): Promise<RematchOutcome> {
  const db = parts.db as unknown as Kysely<ScanTables>;
  const { analysers, clock } = parts;
  const total = await countStale(db, advisories, analysers);
  const changed: Digest[] = [];
  const answered: Digest[] = [];
  let [done, added, removed] = [0, 0, 0];
  const outcome = () => ({ images: total, changed, answered, added, removed });
  if (total === 0) return outcome();
  let turnMs = clock.monotonicMs();
  const pause = async (): Promise<void> => {
    options.signal?.throwIfAborted();
    if (clock.monotonicMs() - turnMs < SLICE_MS) return;
    await clock.sleep(0);
    turnMs = clock.monotonicMs();
  };
  const answers = new Answers(advisories);
  const asked = new Set<number>();
  let opened: Opened[] = [];
  const openAll = async (): Promise<void> => {
    for (const { digest, news } of await renew(parts, opened, { answers, asked }, advisories, options)) {
      changed.push(digest);
      added += news.added.length;
      removed += news.removed.length;
    }
    opened = [];
  };
  const take = async (one: Opened): Promise<void> => {
    opened.push(one);
    answered.push(one.digest);
    if (opened.length === OPENED_AT_ONCE) await openAll();
  };
  const stepOn = async (): Promise<void> => {
    options.progress?.(++done, total);
    await pause();
  };
  await answers.askAll(db, pause);
  for await (const page of matchedPages(db, analysers)) {
    const same: string[] = [];
    const details: { readonly digest: string; readonly answers: string }[] = [];
    for (const { digest, advisories: under, asked: bytes, ...before } of page) {
      const asks = unpackAsks(bytes);
      for (const id of asks.always) asked.add(id);
      for (const id of asks.own) asked.add(id);
      if (under === advisories.revision) continue;
      const now = answers.fingerprintsOf(asks);
      if (now?.news !== before.news) {
        await take({ digest: digest as Digest, written: before.written, asks: now && asks });
      } else if (now.answers === before.answers) same.push(digest);
      else {
        details.push({ digest, answers: now.answers });
        answered.push(digest as Digest);
      }
      await stepOn();
    }
    await standAt(db, advisories.revision, same, details);
  }
  for (const digest of await neverMatched(db, analysers)) {
    await take({ digest, written: null, asks: null });
    await stepOn();
  }
  await openAll();
  await answers.forget(db, asked);
  return outcome();
}

/** How many inventories were last judged under other advisories. */
export async function countStale(
  db: Kysely<ScanTables>,
  advisories: AdvisoryDatabase,
  analysers: string,
): Promise<number> {
  const { stale } = await db
    .selectFrom('scan_matched')
    .select(({ fn }) => fn.countAll<number>().as('stale'))
    .where('analysers', '=', analysers)
    .where('advisories', '!=', advisories.revision)
    .executeTakeFirstOrThrow();
  return Number(stale) + (await neverMatched(db, analysers)).length;
}

async function* matchedPages(db: Kysely<ScanTables>, analysers: string) {
  for (let last = ''; ; ) {
    const page = await db
      .selectFrom('scan_matched')
      .select(['digest', 'analysers', 'advisories', 'asked', 'answers', 'news', 'written'])
      .where('digest', '>', last)
      .orderBy('digest')
      .limit(PAGE)
      .execute();
    yield page.filter((one) => one.analysers === analysers);
    last = page.at(-1)?.digest ?? last;
    if (page.length < PAGE) return;
  }
}

/** Inventories that an earlier version stored: what they ask is not written down yet. */
async function neverMatched(db: Kysely<ScanTables>, analysers: string): Promise<Digest[]> {
  // The digests alone are read from an index; the rows with their bodies are as large as everything else together.
  const [stored, matched] = await Promise.all([
    db.selectFrom('scan_inventories').select('digest').orderBy('digest').execute(),
    db.selectFrom('scan_matched').select('digest').orderBy('digest').execute(),
  ]);
  const known = new Set(matched.map(({ digest }) => digest));
  const missing = stored.filter(({ digest }) => !known.has(digest)).map(({ digest }) => digest);
  const mine: Digest[] = [];
  for (let at = 0; at < missing.length; at += PAGE) {
    const rows = await db
      .selectFrom('scan_inventories')
      .select('digest')
      .where('digest', 'in', missing.slice(at, at + PAGE))
      .where('analysers', '=', analysers)
      .execute();
    mine.push(...rows.map(({ digest }) => digest as Digest));
  }
  return mine;
}

/** Writes down that these have no news: `same` not even other details, `details` with what is answered now. */
async function standAt(
  db: Kysely<ScanTables>,
  advisories: string,
  same: readonly string[],
  details: readonly { readonly digest: string; readonly answers: string }[],
): Promise<void> {
  if (same.length + details.length === 0) return;
  await db.transaction().execute(async (tx) => {
    if (same.length > 0) await tx.updateTable('scan_matched').set({ advisories }).where('digest', 'in', same).execute();
    for (const { digest, answers } of details)
      await tx.updateTable('scan_matched').set({ advisories, answers }).where('digest', '=', digest).execute();
  });
}

/** An image whose inventory is opened. */
interface Opened {
  readonly digest: Digest;
  /** The answers that its stored report shows; null when nobody wrote them down. */
  readonly written: string | null;
  /** Null when nobody numbered them, or one was forgotten. */
  readonly asks: Asks | null;
}

interface News {
  readonly added: string[];
  readonly removed: string[];
}

/**
 * Judges stored inventories anew and keeps in the index what they have now; their reports are made anew when somebody
 * reads them. Answers the news there are: of an issue by its id, whatever many packages have it.
 */
async function renew(
  { db, journal, analysers }: RematchParts,
  images: readonly Opened[],
  { answers, asked }: { readonly answers: Answers; readonly asked: Set<number> },
  advisories: AdvisoryDatabase,
  { namesOf }: RematchOptions,
): Promise<{ readonly digest: Digest; readonly news: News }[]> {
  const tables = db as unknown as Kysely<ScanTables>;
  const renewals: {
    readonly image: Opened;
    readonly inventory: Inventory;
    readonly findings: Indexed['findings'];
    readonly report: { readonly id: string; readonly advisories: string };
    readonly names: readonly { readonly project: string; readonly subject: string }[];
  }[] = [];
  for (const image of images) {
    const { digest } = image;
    const inventory = await readInventory(tables, digest, analysers);
    const report = await readReportStamp(tables, digest);
    if (inventory === null || report === null) continue;
    const findings = [...matchesOf(inventory, advisories)].map(toIndexed);
    renewals.push({ image, inventory, findings, report, names: (await namesOf?.(digest)) ?? [] });
  }
  if (renewals.length === 0) return [];
  const told: { digest: Digest; news: News }[] = [];
  await db.transaction().execute(async (tx) => {
    const one = tx as unknown as Kysely<ScanTables>;
    for (const { image, inventory, findings, report, names } of renewals) {
      const { digest } = image;
      const before = await indexFindings(one, { digest, findings });
      const written = report.advisories === advisories.revision ? null : (image.written ?? '');
      const matched = { digest, analysers, inventory, advisories, asks: image.asks, written };
      const asks = await keepMatched(one, matched, answers);
      for (const id of [...asks.always, ...asks.own]) asked.add(id);
      const news = await newsOf(one, before, findings);
      if (news === null) continue;
      told.push({ digest, news });
      const now = { id: report.id, digest, findings: findings.length, byRisk: countRisks(findings) };
      for (const name of names) {
        await journal.record(tx as unknown as Kysely<JournalTables>, findingsChanged(now, news, name));
      }
    }
  });
  if (told.length > 0) journal.committed();
  return told;
}

function toIndexed({ one, match }: { one: InventoryPackage; match: AdvisoryMatch }): Indexed['findings'][number] {
  const { purl, name, version, path } = one;
  const { id, aliases, fixedVersion } = match;
  return { id, aliases, fixedVersion, risk: riskOf(match), package: { purl, name, version, path } };
}

/** What an image has that it had not; null: nothing came and nothing went. */
async function newsOf(
  db: Kysely<ScanTables>,
  old: ReadonlySet<string>,
  after: Indexed['findings'],
): Promise<News | null> {
  const now = new Map(after.map((one) => [one.id, one]));
  const came = [...now.values()].filter(({ id }) => !old.has(id));
  const went = [...old].filter((id) => !now.has(id));
  if (came.length + went.length === 0) return null;
  // An issue that got its CVE since is known by its other names, and one that lost it too.
  const known = new Set<string>();
  for (let at = 0; at < came.length; at += PAGE) {
    const ids = came.slice(at, at + PAGE).map(({ id }) => id);
    for (const { name, finding } of await db
      .selectFrom('scan_found_names')
      .selectAll()
      .where('name', 'in', ids)
      .execute())
      if (old.has(finding)) known.add(name);
  }
  const still = new Set(after.flatMap(({ aliases }) => aliases));
  const added = came.filter(({ id, aliases }) => !known.has(id) && !aliases.some((name) => old.has(name)));
  const removed = went.filter((id) => !still.has(id));
  if (added.length + removed.length === 0) return null;
  return { added: added.map(({ id }) => id).sort(), removed: removed.sort() };
}

/**
 * Writes down what an inventory asks and is answered, in the transaction that stores what was made of it. Answers the
 * numbers of its questions.
 */
export async function keepMatched(
  db: Kysely<ScanTables>,
  one: {
    readonly digest: Digest;
    readonly analysers: string;
    readonly inventory: Inventory;
    readonly advisories: AdvisoryDatabase;
    /** The answers that the stored report shows. @default these */
    readonly written?: string | null;
    /** What it asks, where that is known. */
    readonly asks?: Asks | null;
  },
  answers: Answers = new Answers(one.advisories),
): Promise<Asks> {
  const { digest, analysers, inventory, advisories } = one;
  const tables = db as unknown as Kysely<AskedTables>;
  const asks = one.asks ?? (await numberAsks(tables, inventory, answers));
  const fingerprints = answers.fingerprintsOf(asks);
  if (fingerprints === null) throw new Error('an inventory asks what was never asked');
  const written = one.written ?? fingerprints.answers;
  await writeMatched(tables, { digest, analysers, advisories: advisories.revision, asks, ...fingerprints, written });
  return asks;
}

/**
 * How the stored report of an image stands to today's advisories: `as-written`, its details are of `before`, or the image
 * was not matched with them yet.
 */
export async function standingOf(
  db: Kysely<ScanTables>,
  digest: Digest,
  advisories: AdvisoryDatabase,
): Promise<'as-written' | 'before' | 'unmatched'> {
  const row = await db
    .selectFrom('scan_matched')
    .select(['advisories', 'answers', 'written'])
    .where('digest', '=', digest)
    .executeTakeFirst();
  if (row?.advisories !== advisories.revision) return 'unmatched';
  return row.answers === row.written ? 'as-written' : 'before';
}
