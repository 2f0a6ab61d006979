import type { Kysely } from 'kysely';
import type { Digest } from '../oci/index.ts';
import { FOUND_PACKAGES_MAX } from './limits.ts';
import { type Finding, RISK_CLASSES, type RiskClass } from './report.ts';

/** Which image has which finding: the answer to "where does CVE-… run?", kept with each report. */
export interface FoundTables {
  /** `packages` is a JSON list of `FoundIn`; `risk` is the worst of them. */
  scan_found: { finding: string; digest: string; risk: string; packages: string };
  /** Other names of a finding: GHSA, DSA, ALAS, … */
  scan_found_names: { name: string; finding: string };
}

/** A package of one image that has the finding. */
export interface FoundIn {
  readonly purl: string;
  readonly name: string;
  readonly version: string;
  readonly fixedVersion: string | null;
  readonly path: string | null;
}

/** What of a report the index keeps. */
export interface Indexed {
  readonly digest: Digest;
  readonly findings: readonly (Pick<Finding, 'id' | 'aliases' | 'risk' | 'fixedVersion'> & {
    readonly package: Omit<FoundIn, 'fixedVersion'>;
  })[];
}

type FoundRow = FoundTables['scan_found'];

/** Rows of one INSERT: four values a row stay far below SQLite's and PostgreSQL's limits of parameters. */
const ROWS_AT_ONCE = 500;

/**
 * Brings the index in line with a report, inside the transaction that stores it. Writes only what differs, and answers
 * the ids of the findings that were there before.
 */
export async function indexFindings(db: Kysely<FoundTables>, report: Indexed): Promise<ReadonlySet<string>> {
  const wanted = new Map(rowsOf(report).map((row) => [row.finding, row]));
  const present = await db.selectFrom('scan_found').selectAll().where('digest', '=', report.digest).execute();
  const gone: string[] = [];
  for (const row of present) {
    const now = wanted.get(row.finding);
    if (now === undefined) gone.push(row.finding);
    else if (now.risk === row.risk && now.packages === row.packages) wanted.delete(row.finding);
  }
  for (let at = 0; at < gone.length; at += ROWS_AT_ONCE) {
    await db
      .deleteFrom('scan_found')
      .where('digest', '=', report.digest)
      .where('finding', 'in', gone.slice(at, at + ROWS_AT_ONCE))
      .execute();
  }
  const fresh = [...wanted.values()];
  for (let at = 0; at < fresh.length; at += ROWS_AT_ONCE) {
    await db
      .insertInto('scan_found')
      .values(fresh.slice(at, at + ROWS_AT_ONCE))
      .onConflict((conflict) =>
        conflict.columns(['finding', 'digest']).doUpdateSet(({ ref }) => ({
          risk: ref('excluded.risk'),
          packages: ref('excluded.packages'),
        })),
      )
      .execute();
  }
  const isNew = new Set(fresh.map(({ finding }) => finding));
  const names = report.findings
    .filter(({ id }) => isNew.has(id))
    .flatMap(({ id, aliases }) => aliases.filter((name) => name !== id).map((name) => ({ name, finding: id })));
  for (let at = 0; at < names.length; at += ROWS_AT_ONCE) {
    await db
      .insertInto('scan_found_names')
      .values(names.slice(at, at + ROWS_AT_ONCE))
      .onConflict((conflict) => conflict.columns(['name', 'finding']).doNothing())
      .execute();
  }
  return new Set(present.map(({ finding }) => finding));
}

function rowsOf({ digest, findings }: Indexed): FoundRow[] {
  const byFinding = Map.groupBy(findings, ({ id }) => id);
  return [...byFinding].map(([finding, all]) => ({
    finding,
    digest,
    risk: all.map(({ risk }) => risk).reduce(worse),
    packages: JSON.stringify(
      // In one order whoever asks, so that what is the same is not written again.
      [...all]
        .sort(byRiskAndPlace)
        .slice(0, FOUND_PACKAGES_MAX)
        .map(
          ({ package: one, fixedVersion }): FoundIn => ({
            purl: one.purl,
            name: one.name,
            version: one.version,
            fixedVersion,
            path: one.path,
          }),
        ),
    ),
  }));
}

function byRiskAndPlace(a: Indexed['findings'][number], b: Indexed['findings'][number]): number {
  const byRisk = RISK_CLASSES.indexOf(a.risk) - RISK_CLASSES.indexOf(b.risk);
  if (byRisk !== 0) return byRisk;
  const [one, other] = [`${a.package.purl} ${a.package.path}`, `${b.package.purl} ${b.package.path}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

function worse(a: RiskClass, b: RiskClass): RiskClass {
  return RISK_CLASSES.indexOf(a) <= RISK_CLASSES.indexOf(b) ? a : b;
}

/** What a question means: the ids under which findings are kept that have this id or other name. */
export async function findingsNamed(db: Kysely<FoundTables>, name: string): Promise<string[]> {
  const rows = await db.selectFrom('scan_found_names').select('finding').where('name', '=', name).execute();
  return [...new Set([name, ...rows.map(({ finding }) => finding)])];
}

/** All names that a finding goes by. */
export async function namesOfFinding(db: Kysely<FoundTables>, finding: string): Promise<string[]> {
  const rows = await db
    .selectFrom('scan_found_names')
    .select('name')
    .where('finding', '=', finding)
    .orderBy('name')
    .execute();
  return rows.map(({ name }) => name);
}

/** An image of the fleet that has the finding, with where it lies and what runs of it. */
export interface FleetImage {
  readonly digest: Digest;
  readonly risk: RiskClass;
  readonly packages: readonly FoundIn[];
  readonly places: readonly {
    readonly project: string;
    readonly repository: string;
    readonly tags: readonly string[];
  }[];
  /** Empty when nothing of it runs. */
  readonly workloads: readonly {
    readonly project: string;
    readonly environment: string;
    readonly name: string;
    readonly replicas: number;
  }[];
}

export interface FleetQuestion {
  /** CVE or any other id or name of a finding. */
  readonly finding: string;
  /** `*`: all images, those of other registries too. */
  readonly projects: '*' | readonly string[];
  readonly running: boolean;
  /** Digest of the last image of the page before. */
  readonly after: string | null;
  readonly limit: number;
}

export interface FleetAnswer {
  readonly finding: string;
  readonly aliases: readonly string[];
  /** Images that have it, and how many of them run now. */
  readonly images: number;
  readonly running: number;
  /** Running ones first. */
  readonly items: readonly FleetImage[];
  readonly next: string | null;
}

/** Asked by the fleet route; joined with registry and deploy where everybody is known. */
export interface Fleet {
  where(question: FleetQuestion): Promise<FleetAnswer>;
}
