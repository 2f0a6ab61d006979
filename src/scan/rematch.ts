import { createHash } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { AdvisoryDatabase, AdvisoryMatch } from '../advisories/index.ts';
import type { Journal, JournalTables } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Clock } from '../system/index.ts';
import { findingsChanged } from './facts.ts';
import type { Inventory } from './package.ts';
import type { ScanReport } from './report.ts';
import { queriesOf, rematchInventory, type SecretsOptions } from './scan.ts';
import { readReport, type ScanTables, writeReport } from './store.ts';

/** Images between two looks at the clock, so that requests are answered meanwhile. */
const PAGE = 20;

export interface RematchParts {
  readonly db: Kysely<ScanTables & JournalTables>;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  /** Whose inventories are judged. */
  readonly analysers: string;
  /** In whose words credentials are told. */
  readonly secrets?: SecretsOptions;
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
  /** Issues that are new or gone somewhere, summed over the images. */
  readonly added: number;
  readonly removed: number;
}

/**
 * Judges every stored inventory under today's advisories. Only reports that come out different are written, and only
 * issues that an image did not have before, or has no longer, are stated (`image.findings-changed`).
 */
export async function rematchStored(
  parts: RematchParts,
  advisories: AdvisoryDatabase,
  options: RematchOptions = {},
): Promise<RematchOutcome> {
  const db = parts.db as unknown as Kysely<ScanTables>;
  const digests = await staleInventories(db, advisories, parts.analysers).execute();
  const changed: Digest[] = [];
  let [done, added, removed] = [0, 0, 0];
  for (let at = 0; at < digests.length; at += PAGE) {
    options.signal?.throwIfAborted();
    const page = digests.slice(at, at + PAGE).map(({ digest }) => digest);
    const rows = await db
      .selectFrom('scan_inventories')
      .leftJoin('scan_matched', 'scan_matched.digest', 'scan_inventories.digest')
      .select(['scan_inventories.digest', 'body', 'fingerprint'])
      .where('scan_inventories.digest', 'in', page)
      .execute();
    const same: string[] = [];
    for (const { digest, body, fingerprint } of rows) {
      const inventory = JSON.parse(body) as Inventory;
      const now = fingerprintOf(inventory, advisories);
      if (now === fingerprint) {
        same.push(digest);
        continue;
      }
      const news = await renew(parts, digest as Digest, inventory, advisories, options);
      if (news === null) continue;
      changed.push(digest as Digest);
      added += news.added.length;
      removed += news.removed.length;
    }
    if (same.length > 0) {
      const values = { advisories: advisories.revision };
      await db.updateTable('scan_reports').set(values).where('digest', 'in', same).execute();
    }
    done += page.length;
    options.progress?.(done, digests.length);
    await parts.clock.sleep(0);
  }
  return { images: digests.length, changed, added, removed };
}

/** How many inventories were last judged under other advisories. */
export async function countStale(
  db: Kysely<ScanTables>,
  advisories: AdvisoryDatabase,
  analysers: string,
): Promise<number> {
  return (await staleInventories(db, advisories, analysers).execute()).length;
}

function staleInventories(db: Kysely<ScanTables>, advisories: AdvisoryDatabase, analysers: string) {
  return db
    .selectFrom('scan_inventories')
    .innerJoin('scan_reports', 'scan_reports.digest', 'scan_inventories.digest')
    .select('scan_inventories.digest')
    .where('scan_inventories.analysers', '=', analysers)
    .where('scan_reports.complete', '=', 1)
    .where('scan_reports.advisories', '!=', advisories.revision)
    .orderBy('scan_inventories.digest');
}

/**
 * Judges one stored inventory anew and keeps what came out; null when its findings are what they were. News is an issue
 * by its id, whatever many packages have it.
 */
async function renew(
  { db, journal, clock, secrets }: RematchParts,
  digest: Digest,
  inventory: Inventory,
  advisories: AdvisoryDatabase,
  { namesOf }: RematchOptions,
): Promise<{ readonly added: string[]; readonly removed: string[] } | null> {
  const tables = db as unknown as Kysely<ScanTables>;
  const previous = (await readReport(tables, digest))?.report ?? null;
  const words = secrets ? { secrets } : {};
  const report = rematchInventory(inventory, { manifestDigest: digest, advisories, clock, previous, ...words });
  const news = newsBetween(previous, report);
  const isNews = news.added.length + news.removed.length > 0;
  const names = isNews && previous !== null ? await namesOf?.(digest) : [];
  await db.transaction().execute(async (tx) => {
    await writeReport(tx as unknown as Kysely<ScanTables>, report, advisories.revision);
    await writeFingerprint(tx as unknown as Kysely<ScanTables>, digest, fingerprintOf(inventory, advisories));
    for (const name of names ?? []) {
      await journal.record(tx as unknown as Kysely<JournalTables>, findingsChanged(report, news, name));
    }
  });
  if (names && names.length > 0) journal.committed();
  return isNews ? news : null;
}

function newsBetween(before: ScanReport | null, after: ScanReport): { added: string[]; removed: string[] } {
  const idsOf = (report: ScanReport | null): Set<string> => new Set(report?.findings.map(({ id }) => id));
  const [old, now] = [idsOf(before), idsOf(after)];
  // An issue that got its CVE since is known by its other names.
  const known = new Set(before?.findings.flatMap(({ id, aliases }) => [id, ...aliases]));
  const still = new Set(after.findings.flatMap(({ id, aliases }) => [id, ...aliases]));
  const isKnown = (id: string): boolean =>
    known.has(id) || after.findings.some((one) => one.id === id && one.aliases.some((name) => old.has(name)));
  return {
    added: [...now].filter((id) => !isKnown(id)).sort(),
    removed: [...old].filter((id) => !now.has(id) && !still.has(id)).sort(),
  };
}

/**
 * What the advisories say of an inventory, as one hash: equal as long as no answer about any of its packages changes.
 * Answers are shared between images, and so are their hashes.
 */
export function fingerprintOf(inventory: Inventory, advisories: AdvisoryDatabase): string {
  const hash = createHash('sha1');
  const coverage = new Map<string, string>();
  for (const query of queriesOf(inventory, advisories)) {
    if (!coverage.has(query.type)) coverage.set(query.type, advisories.coverage(query));
    const answer = advisories.match(query);
    if (answer.length > 0) hash.update(`${query.type} ${query.name} ${query.version} ${hashOf(answer)}\n`);
  }
  return hash.update([...coverage].sort().join()).digest('base64url');
}

const HASHES = new WeakMap<readonly AdvisoryMatch[], string>();

function hashOf(answer: readonly AdvisoryMatch[]): string {
  const known = HASHES.get(answer);
  if (known !== undefined) return known;
  const hash = createHash('sha1').update(JSON.stringify(answer)).digest('base64url');
  HASHES.set(answer, hash);
  return hash;
}

export async function writeFingerprint(db: Kysely<ScanTables>, digest: Digest, fingerprint: string): Promise<void> {
  await db
    .insertInto('scan_matched')
    .values({ digest, fingerprint })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet({ fingerprint }))
    .execute();
}
