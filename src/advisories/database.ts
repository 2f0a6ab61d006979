import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock } from '../system/index.ts';
import { COVERAGE_RECORDS_MIN } from './limits.ts';
import { orderingOf } from './orderings/index.ts';
import { isInside } from './ranges.ts';
import { type Severity, severityOfScore, type VersionInterval } from './record.ts';

export interface AdvisorySource {
  readonly name: string;
  readonly records: number;
  /** When the feed itself was last changed, as it says. */
  readonly updatedAt: string;
  /** From `updatedAt` to now. */
  readonly ageSeconds: number;
}

/** Whether anything is known about an ecosystem. Without data the absence of a finding means nothing. */
/** `partial`: some advisories, too few for silence to mean anything. */
export type Coverage = 'data' | 'partial' | 'no-data';

/** A package to be judged. */
export interface PackageQuery {
  /** purl type. */
  readonly type: string;
  readonly name: string;
  readonly version: string;
  /** What advisories of its distribution speak of. */
  readonly source: { readonly name: string; readonly version: string } | null;
  readonly distribution: {
    /** `ID` of os-release(5). */
    readonly id: string;
    readonly version: string;
    /** `ID_LIKE`: whose advisories hold for a rebuild that publishes none. */
    readonly idLike?: readonly string[];
  } | null;
  /** The rpm module stream that it came from, 'nodejs:18'; null or absent: none. */
  readonly module?: string | null;
}

/** What one source says of how bad an issue is. */
export interface AdvisoryRating {
  readonly source: string;
  readonly severity: Severity;
  readonly cvss: number | null;
  /** With its prefix (`CVSS:3.1/…`, `CVSS:4.0/…`). */
  readonly vector: string | null;
}

/** What the maintainers of the package do about it. */
export type AdvisoryStatus = 'affected' | 'will-not-fix' | 'fix-deferred' | 'under-investigation';

/** One issue of one package, whatever many advisories say it. */
export interface AdvisoryMatch {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly title: string;
  readonly url: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly cvssVector: string | null;
  /** The source whose word or score `severity` is; null when it is unknown. */
  readonly severitySource: string | null;
  /** All ratings, the distribution's own among them; CVSS 3 and 4 vectors are kept side by side. */
  readonly ratings: readonly AdvisoryRating[];
  readonly fixedVersion: string | null;
  readonly status: AdvisoryStatus;
  readonly kev: boolean;
  /** Days (YYYY-MM-DD) on which CISA listed it and by which it asks for the fix. */
  readonly kevAddedAt: string | null;
  readonly kevDueAt: string | null;
  readonly ransomware: boolean;
  readonly epss: number | null;
  /** Names of the sources that say so. */
  readonly sources: readonly string[];
}

export const SCHEMA = `
CREATE TABLE sources (name TEXT PRIMARY KEY, feed TEXT NOT NULL, records INTEGER NOT NULL, skipped INTEGER NOT NULL,
  updated_at TEXT NOT NULL, imported_at TEXT NOT NULL) STRICT;
CREATE TABLE advisories (key INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, aliases TEXT NOT NULL,
  title TEXT NOT NULL, url TEXT, severity TEXT NOT NULL, cvss REAL, vector TEXT) STRICT;
CREATE INDEX advisories_source ON advisories (source);
CREATE TABLE affected (ecosystem TEXT NOT NULL, name TEXT NOT NULL, advisory INTEGER NOT NULL, intervals TEXT NOT NULL,
  versions TEXT NOT NULL) STRICT;
CREATE INDEX affected_package ON affected (ecosystem, name);
CREATE INDEX affected_advisory ON affected (advisory);
CREATE TABLE kev (cve TEXT PRIMARY KEY, added_at TEXT NOT NULL, due_at TEXT, ransomware INTEGER NOT NULL) STRICT;
CREATE TABLE epss (cve TEXT PRIMARY KEY, score REAL NOT NULL, cvss REAL) STRICT;
CREATE TABLE revision (value TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
`;

export const SCHEMA_VERSION = 1;

interface Row {
  readonly id: string;
  readonly source: string;
  readonly aliases: string;
  readonly title: string;
  readonly url: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly vector: string | null;
  readonly intervals: string;
  readonly versions: string;
}

interface KevRow {
  readonly added_at: string;
  readonly due_at: string | null;
  readonly ransomware: number;
}

interface Hit {
  readonly row: Row;
  readonly names: readonly string[];
  readonly fixedVersion: string | null;
}

/** The compiled advisories, open for questions. One file, replaced as a whole by an import; see `AdvisoryStore`. */
export class AdvisoryDatabase {
  readonly #db: DatabaseSync;
  readonly #candidates: StatementSync;
  readonly #kev: StatementSync;
  readonly #epss: StatementSync;
  readonly #ecosystem: StatementSync;
  readonly #covered = new Map<string, Coverage>();
  /** Changes with every import; a report made under another revision is out of date. */
  readonly revision: string;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#candidates = db.prepare(
      `SELECT a.id, a.source, a.aliases, a.title, a.url, a.severity, a.cvss, a.vector, f.intervals, f.versions
       FROM affected f JOIN advisories a ON a.key = f.advisory WHERE f.ecosystem = ? AND f.name = ?`,
    );
    this.#kev = db.prepare('SELECT added_at, due_at, ransomware FROM kev WHERE cve = ?');
    this.#epss = db.prepare('SELECT score, cvss FROM epss WHERE cve = ?');
    this.#ecosystem = db.prepare(
      'SELECT count(*) AS records FROM (SELECT 1 FROM affected WHERE ecosystem = ? LIMIT ?)',
    );
    const row = db.prepare('SELECT value FROM revision').get() as { value: string } | undefined;
    this.revision = row?.value ?? 'none';
  }

  /** A database that knows nothing: every answer is "no data". */
  static empty(): AdvisoryDatabase {
    const db = new DatabaseSync(':memory:');
    db.exec(SCHEMA);
    return new AdvisoryDatabase(db);
  }

  static open(path: string): AdvisoryDatabase {
    return new AdvisoryDatabase(new DatabaseSync(path, { readOnly: true }));
  }

  sources(clock: Clock): AdvisorySource[] {
    const rows = this.#db.prepare('SELECT name, records, updated_at FROM sources ORDER BY name').all() as {
      name: string;
      records: number;
      updated_at: string;
    }[];
    const now = clock.now().getTime();
    return rows.map(({ name, records, updated_at: updatedAt }) => ({
      name,
      records,
      updatedAt,
      ageSeconds: Math.max(0, Math.round((now - Date.parse(updatedAt)) / 1000)),
    }));
  }

  /** Whether there is data for packages of this type, and of this release of the distribution where that matters. */
  coverage(query: Pick<PackageQuery, 'type' | 'distribution'>): Coverage {
    const ecosystem = ecosystemOf(query);
    if (ecosystem === null) return 'no-data';
    let coverage = this.#covered.get(ecosystem);
    if (coverage === undefined) {
      const { records } = this.#ecosystem.get(ecosystem, COVERAGE_RECORDS_MIN) as { records: number };
      coverage = records === 0 ? 'no-data' : records < COVERAGE_RECORDS_MIN ? 'partial' : 'data';
      this.#covered.set(ecosystem, coverage);
    }
    return coverage;
  }

  /** Every issue known of a package; advisories that speak of the same issue under different names are one. */
  match(query: PackageQuery): AdvisoryMatch[] {
    const ecosystem = ecosystemOf(query);
    if (ecosystem === null) return [];
    const name = query.source?.name ?? query.name;
    const version = query.source?.version ?? query.version;
    const hits: Hit[] = [];
    for (const row of this.#candidates.iterate(ecosystem, normaliseName(query.type, name)) as Iterable<unknown>) {
      const hit = judge(row as Row, ecosystem, version);
      if (hit) hits.push(hit);
    }
    return groupByIssue(hits).map((group) => this.#merge(group, ecosystem));
  }

  close(): void {
    this.#db.close();
  }

  #merge(group: readonly Hit[], ecosystem: string): AdvisoryMatch {
    const names = [...new Set(group.flatMap((hit) => hit.names))];
    const cves = names.filter((name) => name.startsWith('CVE-'));
    const first = group.find((hit) => cves.includes(hit.row.id)) ?? (group[0] as Hit);
    const id = cves.includes(first.row.id) ? first.row.id : (cves.sort()[0] ?? first.row.id);
    const epss = cves.map((cve) => this.#epss.get(cve) as { score: number; cvss: number | null } | undefined);
    const scored = group.map(({ row }) => row).filter((row) => row.cvss !== null);
    const best = scored.sort((a, b) => (b.cvss ?? 0) - (a.cvss ?? 0))[0];
    const cvss = best?.cvss ?? epss.find((one) => one?.cvss)?.cvss ?? null;
    const stated = group.map(({ row }) => row.severity).find((word) => word !== 'unknown');
    const scores = epss.flatMap((one) => (one ? [one.score] : []));
    const kev = cves.map((cve) => this.#kev.get(cve) as KevRow | undefined).find((one) => one !== undefined);
    return {
      id,
      aliases: names.filter((name) => name !== id).sort(),
      title: first.row.title,
      url: first.row.url ?? group.map(({ row }) => row.url).find((url) => url !== null) ?? null,
      severity: cvss === null ? (stated ?? 'unknown') : severityOfScore(cvss),
      cvss,
      cvssVector: best?.vector ?? null,
      severitySource: (best ?? group.map(({ row }) => row).find((row) => row.severity === stated))?.source ?? null,
      ratings: group.map(({ row: { source, severity, cvss, vector } }) => ({ source, severity, cvss, vector })),
      fixedVersion: commonFix(group, ecosystem),
      status: 'affected',
      kev: kev !== undefined,
      kevAddedAt: kev?.added_at ?? null,
      kevDueAt: kev?.due_at ?? null,
      ransomware: kev?.ransomware === 1,
      epss: scores.length > 0 ? Math.max(...scores) : null,
      sources: [...new Set(group.map(({ row }) => row.source))].sort(),
    };
  }
}

function judge(row: Row, ecosystem: string, version: string): Hit | null {
  const ordering = orderingOf(ecosystem);
  const intervals = JSON.parse(row.intervals) as VersionInterval[];
  const names = [row.id, ...(JSON.parse(row.aliases) as string[])];
  const inside = ordering === null ? undefined : intervals.find((interval) => isInside(version, interval, ordering));
  if (inside) return { row, names, fixedVersion: inside.fixed };
  const versions = JSON.parse(row.versions) as string[];
  const isNamed = versions.some((one) => one === version || ordering?.compare(one, version) === 0);
  if (!isNamed) return null;
  const fixes = intervals.flatMap(({ fixed }) =>
    fixed !== null && (ordering?.compare(fixed, version) ?? -1) > 0 ? [fixed] : [],
  );
  return { row, names, fixedVersion: fixes.sort((a, b) => ordering?.compare(a, b) ?? 0)[0] ?? null };
}

/** Parts hits so that those sharing any name, also through a third one, are together. */
function groupByIssue(hits: readonly Hit[]): Hit[][] {
  const groups = new Set<{ names: Set<string>; hits: Hit[] }>();
  for (const hit of hits) {
    const joined = { names: new Set(hit.names), hits: [hit] };
    for (const group of [...groups]) {
      if (!hit.names.some((name) => group.names.has(name))) continue;
      for (const name of group.names) joined.names.add(name);
      joined.hits.unshift(...group.hits);
      groups.delete(group);
    }
    groups.add(joined);
  }
  return [...groups].map((group) => group.hits);
}

/** Sources may name different fixes; the highest one is free of the issue whoever is right. */
function commonFix(group: readonly Hit[], ecosystem: string): string | null {
  const ordering = orderingOf(ecosystem);
  const fixes = group.flatMap(({ fixedVersion }) => (fixedVersion === null ? [] : [fixedVersion]));
  return fixes.sort((a, b) => ordering?.compare(b, a) ?? 0)[0] ?? null;
}

const ECOSYSTEMS: Readonly<Record<string, string>> = { npm: 'npm', pypi: 'PyPI', golang: 'Go', cargo: 'crates.io' };
const DISTRIBUTIONS: Readonly<Record<string, string>> = {
  debian: 'Debian',
  ubuntu: 'Ubuntu',
  almalinux: 'AlmaLinux',
  rocky: 'Rocky Linux',
};

/** The ecosystem that speaks of a package. A distribution's packages are judged by its own release only. */
function ecosystemOf({ type, distribution }: Pick<PackageQuery, 'type' | 'distribution'>): string | null {
  if (type === 'deb' || type === 'rpm') {
    const family = DISTRIBUTIONS[distribution?.id ?? ''];
    if (!family || !distribution?.version) return null;
    // Point releases share one set of advisories everywhere but in Ubuntu, where 22.04 is the release.
    return `${family}:${family === 'Ubuntu' ? distribution.version : distribution.version.split('.')[0]}`;
  }
  return ECOSYSTEMS[type] ?? null;
}

/** PEP 503: names of Python packages are equal when only case, dots and dashes differ. */
export function normaliseName(type: string, name: string): string {
  return type === 'pypi' ? name.toLowerCase().replace(/[-_.]+/g, '-') : name;
}
