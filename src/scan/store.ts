import type { Kysely } from 'kysely';
import type { Digest } from '../oci/index.ts';
import type { AskedTables } from './asked.ts';
import { type FoundTables, indexFindings } from './found.ts';
import type { LayerSeen, SeenCache } from './malware/look.ts';
import { malwareNotScanned, NO_ENGINE } from './malware/result.ts';
import type { Inventory } from './package.ts';
import { readStoredReport, type ScanReport } from './report.ts';
import type { LayerCache } from './scan.ts';
import type { SecretFinding } from './secrets/secret.ts';

export interface ScanTables extends FoundTables, AskedTables {
  scan_vex: {
    id: string;
    project: string;
    format: string;
    document: string;
    author: string;
    claims: number;
    digest: string;
    state: string;
    uploaded_by: string;
    uploaded_at: string;
    approver: string | null;
    decided_at: string | null;
    body: string;
  };
  scan_deadlines: {
    project: string;
    environment: string;
    digest: string;
    finding: string;
    package: string;
    decision: string;
    since: string;
    due: string;
    over_at: string | null;
  };
  /** What reading a layer told; `analysers` is the revision of those who read it. */
  scan_layers: { digest: string; diff_id: string; analysers: string; stored_at: string; result: Uint8Array };
  scan_inventories: { digest: string; analysers: string; taken_at: string; body: string };
  /** The newest report of each image; `advisories` is the revision it was made under, `scan_matched` knows whether it still holds. */
  scan_reports: {
    digest: string;
    id: string;
    advisories: string;
    scanned_at: string;
    complete: number;
    body: string;
  };
  /** What engines against malware saw in a layer, under the newest revision of theirs. */
  scan_malware: { digest: string; revision: string; seen_at: string; body: string };
  /** Credentials that a project's own rules find in an image; `revision` is that of the rules. */
  scan_project_secrets: { project: string; digest: string; revision: string; body: string };
  /** Files with knowledge for the scanner, in all their versions; `project` is empty for those of the platform. */
  scan_rule_files: {
    id: string;
    project: string;
    kind: string;
    name: string;
    version: number;
    digest: string;
    size_bytes: number;
    entries: number;
    refused: string;
    state: string;
    uploaded_by: string;
    uploaded_at: string;
    body: string;
  };
}

export type ScanDatabase = Kysely<ScanTables>;

/** Layer results in the platform's database. */
export function layerCacheIn(db: ScanDatabase, analysers: string, now: () => string): LayerCache {
  return {
    get: async (digest, diffId) => {
      const row = await db
        .selectFrom('scan_layers')
        .select('result')
        .where('digest', '=', digest)
        .where('diff_id', '=', diffId)
        .where('analysers', '=', analysers)
        .executeTakeFirst();
      return row?.result ?? null;
    },
    put: async (digest, diffId, result) => {
      const values = { analysers, stored_at: now(), result };
      await db
        .insertInto('scan_layers')
        .values({ digest, diff_id: diffId, ...values })
        .onConflict((conflict) => conflict.columns(['digest', 'diff_id']).doUpdateSet(values))
        .execute();
    },
  };
}

/** What engines saw of layers, in the platform's database. */
export function seenCacheIn(db: ScanDatabase, now: () => string): SeenCache {
  return {
    get: async (layer, revision) => {
      const row = await db
        .selectFrom('scan_malware')
        .select('body')
        .where('digest', '=', layer)
        .where('revision', '=', revision)
        .executeTakeFirst();
      return row ? (JSON.parse(row.body) as LayerSeen) : null;
    },
    put: async (layer, revision, seen) => {
      const values = { revision, seen_at: now(), body: JSON.stringify(seen) };
      await db
        .insertInto('scan_malware')
        .values({ digest: layer, ...values })
        .onConflict((conflict) => conflict.column('digest').doUpdateSet(values))
        .execute();
    },
  };
}

/** The stored result of a layer as one image has it; null when this revision of the analysers has not read it. */
export async function readLayerResult(db: ScanDatabase, layer: Digest, analysers: string): Promise<Uint8Array | null> {
  const row = await db
    .selectFrom('scan_layers')
    .select('result')
    .where('digest', '=', layer)
    .where('analysers', '=', analysers)
    .executeTakeFirst();
  return row?.result ?? null;
}

export async function readInventory(db: ScanDatabase, digest: Digest, analysers: string): Promise<Inventory | null> {
  const row = await db
    .selectFrom('scan_inventories')
    .select('body')
    .where('digest', '=', digest)
    .where('analysers', '=', analysers)
    .executeTakeFirst();
  return row ? (JSON.parse(row.body) as Inventory) : null;
}

export async function writeInventory(
  db: ScanDatabase,
  digest: Digest,
  inventory: Inventory,
  stamp: { analysers: string; takenAt: string },
): Promise<void> {
  const values = { analysers: stamp.analysers, taken_at: stamp.takenAt, body: JSON.stringify(inventory) };
  await db
    .insertInto('scan_inventories')
    .values({ digest, ...values })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet(values))
    .execute();
}

/** What a project's own rules found in an image; null when these rules have not looked yet. */
export async function readProjectSecrets(
  db: ScanDatabase,
  { project, digest, revision }: { readonly project: string; readonly digest: Digest; readonly revision: string },
): Promise<readonly SecretFinding[] | null> {
  const row = await db
    .selectFrom('scan_project_secrets')
    .select('body')
    .where('project', '=', project)
    .where('digest', '=', digest)
    .where('revision', '=', revision)
    .executeTakeFirst();
  return row ? (JSON.parse(row.body) as SecretFinding[]) : null;
}

export async function writeProjectSecrets(
  db: ScanDatabase,
  key: { readonly project: string; readonly digest: Digest; readonly revision: string },
  secrets: readonly SecretFinding[],
): Promise<void> {
  const values = { revision: key.revision, body: JSON.stringify(secrets) };
  await db
    .insertInto('scan_project_secrets')
    .values({ project: key.project, digest: key.digest, ...values })
    .onConflict((conflict) => conflict.columns(['project', 'digest']).doUpdateSet(values))
    .execute();
}

/** What a report that was stored by an earlier version does not say. */
const BEFORE_SECRETS: Pick<ScanReport, 'secrets' | 'malware'> = { secrets: [], malware: malwareNotScanned(NO_ENGINE) };

export async function readReport(
  db: ScanDatabase,
  digest: Digest,
): Promise<{ report: ScanReport; advisories: string } | null> {
  const row = await db
    .selectFrom('scan_reports')
    .select(['body', 'advisories'])
    .where('digest', '=', digest)
    .executeTakeFirst();
  if (!row) return null;
  const report = { ...BEFORE_SECRETS, ...readStoredReport(row.body) };
  return { report, advisories: row.advisories };
}

/** Which report is stored of an image, without reading all of it. */
export async function readReportStamp(
  db: ScanDatabase,
  digest: Digest,
): Promise<{ readonly id: string; readonly advisories: string } | null> {
  const row = await db
    .selectFrom('scan_reports')
    .select(['id', 'advisories'])
    .where('digest', '=', digest)
    .executeTakeFirst();
  return row ?? null;
}

/** Stores a report and what it says to the index of findings; call it inside a transaction. */
export async function writeReport(db: ScanDatabase, report: ScanReport, advisories: string): Promise<void> {
  const values = {
    id: report.id,
    advisories,
    scanned_at: report.scannedAt,
    complete: report.complete ? 1 : 0,
    body: JSON.stringify(report),
  };
  await db
    .insertInto('scan_reports')
    .values({ digest: report.digest, ...values })
    .onConflict((conflict) => conflict.column('digest').doUpdateSet(values))
    .execute();
  await indexFindings(db as unknown as Kysely<FoundTables>, report);
}
