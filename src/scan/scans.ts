import type { Kysely } from 'kysely';
import type { AdvisoryDatabase, AdvisoryStore } from '../advisories/index.ts';
import type { Journal, JournalTables } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Clock, Language } from '../system/index.ts';
import { askFiles, askOwners, askRunnable, askWays, type OwnersAnswer } from './ask-owners.ts';
import type { BillSubject } from './bills/bill.ts';
import { toCycloneDx } from './bills/cyclonedx.ts';
import { checkWorkingFolder } from './checks/image.ts';
import type { ConfinedOptions } from './confined.ts';
import { scanFault } from './errors.ts';
import { imageScanned } from './facts.ts';
import type { JavaIndex } from './knowledge/java-index.ts';
import { type LayerFiles, type LayerFilesQuestion, readLayerFiles } from './layer-files.ts';
import { RUNNABLE_ASKED_MAX } from './limits.ts';
import type { MalwareScanner } from './malware/look.ts';
import type { MalwareResult } from './malware/result.ts';
import type { PackageFiles, PackageKey } from './owners.ts';
import type { Inventory, InventoryPackage } from './package.ts';
import {
  countStale,
  keepMatched,
  type RematchOptions,
  type RematchOutcome,
  rematchStored,
  standingOf,
} from './rematch.ts';
import type { Misconfiguration, ScanReport } from './report.ts';
import type { ReportFormat } from './reports/bill-formats.ts';
import { scanRevision } from './revision.ts';
import type { Runnable } from './runnable.ts';
import {
  findSecrets,
  lookForMalware,
  rematchInventory,
  type ScanRequest,
  type SecretsOptions,
  scanImage,
} from './scan.ts';
import type { SecretRuleSource } from './secrets/rules.ts';
import type { SecretFinding } from './secrets/secret.ts';
import {
  layerCacheIn,
  readInventory,
  readLayerResult,
  readProjectSecrets,
  readReport,
  type ScanTables,
  writeInventory,
  writeProjectSecrets,
  writeReport,
} from './store.ts';

export interface ScansParts {
  readonly db: Kysely<ScanTables & JournalTables>;
  readonly advisories: AdvisoryStore;
  readonly journal: Pick<Journal, 'record' | 'committed'>;
  readonly clock: Clock;
  readonly secrets?: SecretsOptions;
  /** @default nobody looks for malware */
  readonly malware?: Pick<MalwareScanner, 'look'>;
  /** The rules for credentials of a project's own. @default none has any */
  readonly projectRules?: (project: string) => Promise<SecretRuleSource | null>;
  /** As it is now: names for archives of Java that have none. @default there is none */
  readonly javaIndex?: () => JavaIndex | null;
  /** Limits of the confined worker, for tests. */
  readonly confined?: ConfinedOptions;
}

export type ScanJob = Pick<ScanRequest, 'manifestBytes' | 'manifestDigest' | 'configBytes' | 'content' | 'progress'> & {
  readonly project: string | null;
  readonly actor: string;
  /** As people name the image: 'tienda/web:1.2'. */
  readonly subject: string;
};

/** An engine that does not answer today takes nothing back of what was found. */
function stillFound(previous: ScanReport | null, now: MalwareResult): MalwareResult {
  const before = previous?.malware;
  if (before?.state !== 'found' || now.state !== 'not-scanned') return now;
  return { ...before, reason: now.reason };
}

/** Times that advisories may overtake one scan; they change a few times a day. */
const OVERTAKEN_MAX = 3;

/** Scans of the platform: kept by digest, judged again when the advisories change. */
export class Scans {
  readonly #parts: ScansParts;
  readonly #db: Kysely<ScanTables>;

  constructor(parts: ScansParts) {
    this.#parts = parts;
    this.#db = parts.db as unknown as Kysely<ScanTables>;
  }

  /** Who read the layers that are stored: other analysers or rules find other things, and rules may change. */
  get #readers(): string {
    return scanRevision(this.#parts.secrets?.rules);
  }

  /** Who made the inventories that are stored: the same, and whatever named what has no name. */
  get #revision(): string {
    const index = this.#javaIndex();
    return index === null ? this.#readers : `${this.#readers}+java.${index.revision}`;
  }

  #javaIndex(): JavaIndex | null {
    return this.#parts.javaIndex?.() ?? null;
  }

  /** Scans an image and keeps the report; an image that was read before is only judged again. The fact is image.scanned. */
  async scan(job: ScanJob): Promise<ScanReport> {
    const { progress: _told, ...again } = job;
    let { report, database } = await this.#scanUnder(job);
    // Advisories that came while it was read are asked by those who judge all images again, who did not see this one yet.
    for (let tries = 0; tries < OVERTAKEN_MAX; tries++) {
      if (!report.complete || (await this.#parts.advisories.current()).revision === database.revision) break;
      ({ report, database } = await this.#scanUnder(again));
    }
    return report;
  }

  async #scanUnder(job: ScanJob): Promise<{ report: ScanReport; database: AdvisoryDatabase }> {
    const { advisories, clock, confined, secrets, malware } = this.#parts;
    const database = await advisories.current();
    // Taken together: an index that comes while this image is read must not be said to have named its archives.
    const [revision, javaIndex] = [this.#revision, this.#javaIndex()];
    const known = await readInventory(this.#db, job.manifestDigest, revision);
    const previous = (await readReport(this.#db, job.manifestDigest))?.report ?? null;
    const own = await this.#rulesToLook(job);
    if (known) {
      const { manifestDigest, configBytes } = job;
      if (own) {
        const options = { secrets: { ...secrets, rules: own.rules }, ...(confined ? { confined } : {}) };
        await writeProjectSecrets(this.#db, own.key, await findSecrets({ ...job, ...options }));
      }
      const report = rematchInventory(known, {
        manifestDigest,
        advisories: database,
        clock,
        previous,
        configBytes,
        malware: stillFound(previous, await lookForMalware({ ...job, ...(malware ? { malware } : {}) })),
        ...(secrets ? { secrets } : {}),
      });
      await this.#keep(report, { known, fresh: null, revision }, database, job);
      job.progress?.done({
        en: `${report.packages} packages (read before), ${report.findings.length} findings`,
        es: `${report.packages} paquetes (ya leídos), ${report.findings.length} hallazgos`,
      });
      return { report, database };
    }
    const {
      report: fresh,
      inventory,
      ownSecrets,
    } = await scanImage({
      ...job,
      ownRules: own?.rules ?? null,
      advisories: database,
      cache: layerCacheIn(this.#db, this.#readers, () => clock.now().toISOString()),
      clock,
      javaIndex,
      ...(secrets ? { secrets } : {}),
      ...(malware ? { malware } : {}),
      ...(confined ? { confined } : {}),
    });
    if (own && ownSecrets) await writeProjectSecrets(this.#db, own.key, ownSecrets);
    const report = { ...fresh, malware: stillFound(previous, fresh.malware) };
    await this.#keep(report, { known: inventory, fresh: inventory, revision }, database, job);
    return { report, database };
  }

  /**
   * The credentials that a project's own rules find in an image; null when it has no rules of its own, or they have not
   * looked at the image yet.
   */
  async projectSecrets(project: string, digest: Digest): Promise<readonly SecretFinding[] | null> {
    const rules = await this.#parts.projectRules?.(project);
    return rules ? readProjectSecrets(this.#db, { project, digest, revision: rules.revision }) : null;
  }

  /** The rules of its project's own that have not looked at an image yet. */
  async #rulesToLook({ project, manifestDigest: digest }: ScanJob) {
    const rules = project === null ? null : await this.#parts.projectRules?.(project);
    if (project === null || !rules) return null;
    const key = { project, digest, revision: rules.revision };
    return (await readProjectSecrets(this.#db, key)) === null ? { rules, key } : null;
  }

  /** The report of an image under today's advisories; null when it was never scanned. */
  async report(digest: Digest): Promise<ScanReport | null> {
    const stored = await readReport(this.#db, digest);
    if (!stored) return null;
    const database = await this.#parts.advisories.current();
    const standing = stored.report.complete ? await standingOf(this.#db, digest, database) : 'as-written';
    const inventory = standing === 'as-written' ? null : await this.inventory(digest);
    const { clock, secrets } = this.#parts;
    // The age of the sources is that of now, whenever the report was made.
    const sources = database.sources(clock);
    if (!inventory) return { ...stored.report, advisories: { ...stored.report.advisories, sources } };
    const report = rematchInventory(inventory, {
      manifestDigest: digest,
      advisories: database,
      clock,
      previous: stored.report,
      ...(secrets ? { secrets } : {}),
    });
    // What was not matched yet is kept by `rematchAll`, which states what is new; here are details without news.
    if (standing === 'before') await this.#keepDetails(report, inventory, database);
    return report;
  }

  /** Null when the image was never scanned, or never completely. */
  inventory(digest: Digest): Promise<Inventory | null> {
    return readInventory(this.#db, digest, this.#revision);
  }

  /**
   * The names that a layer of an image brings and removes, out of what the scan kept of it.
   *
   * @throws Fault scan.not-found, scan.layer-unknown, scan.layer-unread
   */
  async layerFiles(image: Digest, layer: Digest, question: LayerFilesQuestion): Promise<LayerFiles> {
    const stored = await readReport(this.#db, image);
    if (!stored) throw scanFault('scan.not-found', { digest: image });
    if (!stored.report.layers.some(({ digest }) => digest === layer)) {
      throw scanFault('scan.layer-unknown', { layer, digest: image });
    }
    const result = await readLayerResult(this.#db, layer, this.#readers);
    if (!result) throw scanFault('scan.layer-unread', { layer });
    return readLayerFiles(layer, result, question);
  }

  /**
   * Which packages brought these files of an image, out of what the scan kept of its layers.
   *
   * @throws Fault scan.not-found, scan.layer-unread, scan.owners-failed
   */
  async fileOwners(image: Digest, paths: readonly string[]): Promise<OwnersAnswer> {
    const inventory = await this.inventory(image);
    if (!inventory) throw scanFault('scan.not-found', { digest: image });
    const { clock, confined } = this.#parts;
    const cache = layerCacheIn(this.#db, this.#readers, () => clock.now().toISOString());
    return askOwners(inventory.layers, cache, paths, confined);
  }

  /**
   * The files of one package of an image.
   *
   * @throws Fault scan.not-found, scan.package-unknown, scan.layer-unread, scan.owners-failed
   */
  async packageFiles(image: Digest, asked: PackageKey): Promise<PackageFiles & { readonly complete: boolean }> {
    const inventory = await this.inventory(image);
    if (!inventory) throw scanFault('scan.not-found', { digest: image });
    const { clock, confined } = this.#parts;
    const cache = layerCacheIn(this.#db, this.#readers, () => clock.now().toISOString());
    const found = await askFiles(inventory.layers, cache, asked, confined);
    if (found === null) throw scanFault('scan.package-unknown', { purl: asked.purl, path: asked.path });
    return found;
  }

  /**
   * Which packages of an image fit, and what of them runs; null when it has no complete inventory.
   *
   * @throws Fault scan.layer-unread, scan.owners-failed
   */
  async runnable(
    image: Digest,
    fits: (found: InventoryPackage) => boolean,
  ): Promise<{ readonly packages: readonly Runnable[]; readonly more: number } | null> {
    const inventory = await this.inventory(image);
    if (!inventory) return null;
    const fitting = inventory.packages.filter(fits);
    const asked = fitting.slice(0, RUNNABLE_ASKED_MAX).map(({ purl, path }) => ({ purl, path }));
    if (asked.length === 0) return { packages: [], more: 0 };
    const { clock, confined } = this.#parts;
    const cache = layerCacheIn(this.#db, this.#readers, () => clock.now().toISOString());
    return {
      packages: await askRunnable(inventory.layers, cache, asked, confined),
      more: fitting.length - asked.length,
    };
  }

  /**
   * What stands against starting an image in these folders: a link of it on the way that leads into a folder of the kernel.
   *
   * @throws Fault scan.not-found, scan.layer-unread, scan.owners-failed
   */
  async workingFolders(image: Digest, folders: readonly string[]): Promise<Misconfiguration[]> {
    const asked = [...new Set(folders)];
    if (asked.length === 0) return [];
    const inventory = await this.inventory(image);
    if (!inventory) throw scanFault('scan.not-found', { digest: image });
    const { clock, confined } = this.#parts;
    const cache = layerCacheIn(this.#db, this.#readers, () => clock.now().toISOString());
    const ways = await askWays(inventory.layers, cache, asked, confined);
    return asked.flatMap((folder, index) => checkWorkingFolder(folder, ways[index] ?? null));
  }

  /** Which analysers made the inventories that are read now: others may find other packages. */
  get revision(): string {
    return this.#revision;
  }

  /** The bill of materials of an image; null when it has no complete inventory. */
  async billOfMaterials(digest: Digest, reference: string | null): Promise<ReturnType<typeof toCycloneDx> | null> {
    const [inventory, stored] = await Promise.all([this.inventory(digest), readReport(this.#db, digest)]);
    if (!inventory || !stored) return null;
    const subject: BillSubject = { digest, reference, createdAt: stored.report.scannedAt };
    return toCycloneDx(inventory, subject);
  }

  /** A document of an image; null when it has no complete inventory. @param known a report with what readers add to it */
  async document(
    digest: Digest,
    format: ReportFormat,
    language: Language,
    known: ScanReport | null = null,
  ): Promise<string | null> {
    const [inventory, report] = await Promise.all([this.inventory(digest), known ?? this.report(digest)]);
    if (!inventory || !report) return null;
    const subject: BillSubject = { digest, reference: null, createdAt: report.scannedAt };
    return format.write({ report, inventory, subject, language });
  }

  /** How many images `rematchAll` would judge. */
  async countStale(): Promise<number> {
    return countStale(this.#db, await this.#parts.advisories.current(), this.#revision);
  }

  /** Judges every scanned image under today's advisories; see `rematchStored`. */
  async rematchAll(options: RematchOptions = {}): Promise<RematchOutcome> {
    return rematchStored(
      { ...this.#parts, analysers: this.#revision },
      await this.#parts.advisories.current(),
      options,
    );
  }

  async #keepDetails(report: ScanReport, inventory: Inventory, advisories: AdvisoryDatabase): Promise<void> {
    await this.#parts.db.transaction().execute(async (tx) => {
      const tables = tx as unknown as Kysely<ScanTables>;
      const { digest } = report;
      // Somebody else may have written it under newer advisories meanwhile.
      if ((await standingOf(tables, digest, advisories)) !== 'before') return;
      await writeReport(tables, report, advisories.revision);
      await keepMatched(tables, { digest, analysers: this.#revision, inventory, advisories });
    });
  }

  async #keep(
    report: ScanReport,
    {
      known,
      fresh,
      revision,
    }: { readonly known: Inventory | null; readonly fresh: Inventory | null; readonly revision: string },
    advisories: AdvisoryDatabase,
    job: ScanJob,
  ): Promise<void> {
    const { db, journal } = this.#parts;
    await db.transaction().execute(async (tx) => {
      const tables = tx as unknown as Kysely<ScanTables>;
      if (fresh) {
        const stamp = { analysers: revision, takenAt: report.scannedAt };
        await writeInventory(tables, report.digest, fresh, stamp);
      }
      await writeReport(tables, report, advisories.revision);
      if (known) {
        const { digest } = report;
        await keepMatched(tables, { digest, analysers: revision, inventory: known, advisories });
      }
      await journal.record(tx as unknown as Kysely<JournalTables>, imageScanned(report, job));
    });
    journal.committed();
  }
}
