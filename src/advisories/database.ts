import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { FormatError, scoreCvss4 } from '../formats/index.ts';
import type { Clock } from '../system/index.ts';
import { isKernelHeaders, type Lookup, lookupsOf } from './ecosystems.ts';
import { type KernelAdvisory, readKernelAdvisories } from './kernel/advisories.ts';
import {
  COVERAGE_RECORDS_MIN,
  MAPPED_BYTES_MAX,
  MEMO_ANSWERS_MAX,
  MEMO_PACKAGES_MAX,
  MEMO_RECORDS_MAX,
  NAMES_ASKED_MIN,
} from './limits.ts';
import { type Candidate, judge, unpackCandidate } from './matching.ts';
import { orderingOf } from './orderings/index.ts';
import { type AdvisoryStatus, type Severity, severityOfScore } from './record.ts';
import type { FetchedMark } from './store.ts';

export interface AdvisorySource {
  readonly name: string;
  readonly records: number;
  /** When the feed itself was last changed, as it says. */
  readonly updatedAt: string;
  /** From `updatedAt` to now. */
  readonly ageSeconds: number;
  /** It knows only some of the issues, and silence means nothing. */
  readonly isPartial: boolean;
  /** Days after which its age is worth an alarm. */
  readonly maxAgeDays: number;
  /** It speaks of the kernel itself (see `kernel()`). */
  readonly hasKernel: boolean;
}

/**
 * Whether anything is known about an ecosystem. Without data the absence of a finding means nothing; `partial` is some
 * advisories, too few for silence to mean anything.
 */
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

/** What a distribution says of one issue of a package of a given version. */
export interface PackageStatement {
  readonly affected: boolean;
  readonly fixedVersion: string | null;
  readonly source: string;
  readonly url: string | null;
}

export const SCHEMA = `
CREATE TABLE sources (name TEXT PRIMARY KEY, feed TEXT NOT NULL, records INTEGER NOT NULL, skipped INTEGER NOT NULL,
  updated_at TEXT NOT NULL, imported_at TEXT NOT NULL, is_partial INTEGER NOT NULL, max_age_days INTEGER NOT NULL) STRICT;
CREATE TABLE advisories (key INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, aliases TEXT NOT NULL,
  issues TEXT, title TEXT NOT NULL, url TEXT, severity TEXT NOT NULL, cvss REAL, vector TEXT, vector4 TEXT) STRICT;
CREATE INDEX advisories_source ON advisories (source);
CREATE TABLE affected (ecosystem TEXT NOT NULL, name TEXT NOT NULL, advisory INTEGER NOT NULL, part INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (ecosystem, name, advisory, part)) STRICT, WITHOUT ROWID;
CREATE TABLE coverage (ecosystem TEXT PRIMARY KEY, records INTEGER NOT NULL, is_partial INTEGER NOT NULL) STRICT;
CREATE TABLE aliases (name TEXT NOT NULL, cve TEXT NOT NULL, source TEXT NOT NULL, PRIMARY KEY (name, cve, source))
  STRICT, WITHOUT ROWID;
CREATE TABLE issues (id TEXT NOT NULL, source TEXT NOT NULL, title TEXT, severity TEXT NOT NULL, cvss REAL, vector TEXT,
  vector4 TEXT, is_rejected INTEGER NOT NULL, PRIMARY KEY (id, source)) STRICT, WITHOUT ROWID;
CREATE TABLE kev (cve TEXT PRIMARY KEY, added_at TEXT NOT NULL, due_at TEXT, ransomware INTEGER NOT NULL) STRICT;
CREATE TABLE epss (cve TEXT PRIMARY KEY, score REAL NOT NULL, cvss REAL) STRICT;
CREATE TABLE fetched (url TEXT PRIMARY KEY, source TEXT NOT NULL, etag TEXT, last_modified TEXT, checked_at TEXT NOT NULL) STRICT;
CREATE TABLE kernel (id TEXT NOT NULL, source TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (id, source)) STRICT, WITHOUT ROWID;
CREATE INDEX kernel_source ON kernel (source);
CREATE TABLE revision (value TEXT NOT NULL, serial INTEGER NOT NULL) STRICT;
PRAGMA user_version = 3;
`;

export const SCHEMA_VERSION = 3;
export const TABLES: readonly string[] = [
  'sources',
  'advisories',
  'affected',
  'coverage',
  'aliases',
  'issues',
  'kev',
  'epss',
  'fetched',
  'kernel',
  'revision',
];

interface Row {
  readonly id: string;
  readonly source: string;
  /** The id and all other names of the one issue; a notice has its id alone. */
  readonly names: readonly string[];
  /** What a notice speaks of; null when the record is about one issue. */
  readonly issues: readonly string[] | null;
  readonly title: string;
  readonly url: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly vector: string | null;
  readonly vector4: string | null;
}

interface IssueRow {
  readonly source: string;
  readonly title: string | null;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly vector: string | null;
  readonly vector4: string | null;
  readonly is_rejected: number;
}

/** What is known of a CVE whatever it affects. */
interface CveFacts {
  readonly kev: KevRow | null;
  readonly epss: { readonly score: number; readonly cvss: number | null } | null;
  readonly issues: readonly IssueRow[];
}

interface KevRow {
  readonly added_at: string;
  readonly due_at: string | null;
  readonly ransomware: number;
}

interface Hit {
  readonly row: Row;
  /** Names of the one issue. */
  readonly names: readonly string[];
  /** The notice that speaks of it among others. */
  readonly notice: string | null;
  readonly fixedVersion: string | null;
  readonly status: AdvisoryStatus;
  readonly ecosystem: string;
}

const NOTHING: readonly AdvisoryMatch[] = [];

/** The compiled advisories, open for questions. One file, replaced as a whole by an import; see `AdvisoryStore`. */
export class AdvisoryDatabase {
  readonly #db: DatabaseSync;
  readonly #candidates: StatementSync;
  readonly #advisory: StatementSync;
  readonly #alias: StatementSync;
  readonly #issue: StatementSync;
  readonly #epss: StatementSync;
  readonly #ecosystem: StatementSync;
  readonly #covered = new Map<string, Coverage>();
  /** Images share most of their packages, and packages their issues. */
  readonly #answers = new Memory<string, readonly AdvisoryMatch[]>(MEMO_ANSWERS_MAX, ({ length }) => 1 + length);
  readonly #packages = new Memory<string, readonly Candidate[]>(MEMO_PACKAGES_MAX);
  readonly #names = new Map<string, { asked: number; known: ReadonlySet<string> | null }>();
  readonly #rows = new Memory<number, Row>(MEMO_RECORDS_MAX);
  readonly #cves = new Memory<string, CveFacts>(MEMO_RECORDS_MAX);
  #kernel: readonly KernelAdvisory[] | null = null;
  #kev: ReadonlyMap<string, KevRow> | null = null;
  /** Changes with every import; a report made under another revision is out of date. */
  readonly revision: string;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#candidates = db.prepare('SELECT advisory, body FROM affected WHERE ecosystem = ? AND name = ?');
    this.#advisory = db.prepare(
      'SELECT id, source, aliases, issues, title, url, severity, cvss, vector, vector4 FROM advisories WHERE key = ?',
    );
    this.#alias = db.prepare('SELECT cve FROM aliases WHERE name = ?');
    this.#issue = db.prepare(
      'SELECT source, title, severity, cvss, vector, vector4, is_rejected FROM issues WHERE id = ? ORDER BY source',
    );
    this.#epss = db.prepare('SELECT score, cvss FROM epss WHERE cve = ?');
    this.#ecosystem = db.prepare('SELECT records, is_partial FROM coverage WHERE ecosystem = ?');
    const row = db.prepare('SELECT value FROM revision').get() as { value: string } | undefined;
    this.revision = row?.value ?? 'none';
  }

  /** Of the file: one of another format has to be made again. */
  static readonly format = SCHEMA_VERSION;

  /** A database that knows nothing: every answer is "no data". */
  static empty(): AdvisoryDatabase {
    const db = new DatabaseSync(':memory:');
    db.exec(SCHEMA);
    return new AdvisoryDatabase(db);
  }

  /** A file of another version of the platform is taken for empty: its sources have to be imported again. */
  static open(path: string): AdvisoryDatabase {
    const db = new DatabaseSync(path, { readOnly: true });
    const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
    // Reading a page is a system call otherwise. The file is never changed, only replaced by another under its name.
    db.exec(`PRAGMA mmap_size = ${MAPPED_BYTES_MAX}`);
    if (version === SCHEMA_VERSION) return new AdvisoryDatabase(db);
    db.close();
    return AdvisoryDatabase.empty();
  }

  sources(clock: Clock): AdvisorySource[] {
    const rows = this.#db
      .prepare(
        `SELECT name, records, updated_at AS updatedAt, is_partial AS isPartial, max_age_days AS maxAgeDays,
           EXISTS (SELECT 1 FROM kernel k WHERE k.source = name) AS hasKernel FROM sources ORDER BY name`,
      )
      .all() as {
      name: string;
      records: number;
      updatedAt: string;
      isPartial: number;
      maxAgeDays: number;
      hasKernel: number;
    }[];
    const now = clock.now().getTime();
    return rows.map(({ name, records, updatedAt, isPartial, maxAgeDays, hasKernel }) => ({
      name,
      records,
      updatedAt,
      ageSeconds: Math.max(0, Math.round((now - Date.parse(updatedAt)) / 1000)),
      isPartial: isPartial === 1,
      maxAgeDays,
      hasKernel: hasKernel === 1,
    }));
  }

  /** Whether there is data for packages of this type, and of this release of the distribution where that matters. */
  coverage({ type, distribution }: Pick<PackageQuery, 'type' | 'distribution'>): Coverage {
    const key = `${type}\0${distribution?.id}\0${distribution?.version}\0${distribution?.idLike}`;
    let coverage = this.#covered.get(key);
    if (coverage === undefined) {
      let [records, sparse] = [0, 0];
      for (const { ecosystem } of lookupsOf({ type, distribution, name: '', version: '', source: null })) {
        const row = this.#ecosystem.get(ecosystem) as { records: number; is_partial: number } | undefined;
        if (row?.is_partial === 0) records += row.records;
        else sparse += row?.records ?? 0;
      }
      coverage = records >= COVERAGE_RECORDS_MIN ? 'data' : records + sparse > 0 ? 'partial' : 'no-data';
      this.#covered.set(key, coverage);
    }
    return coverage;
  }

  /** Every issue known of a package; advisories that speak of the same issue under different names are one. */
  match(query: PackageQuery): readonly AdvisoryMatch[] {
    const { type, name, version, source, distribution } = query;
    const key = `${type}\0${name}\0${version}\0${source?.name}\0${source?.version}\0${distribution?.id}\0${distribution?.version}\0${distribution?.idLike}\0${query.module}`;
    return this.#answers.get(key, () => this.#match(query));
  }

  /** Every CVE of the kernel with what is known of it, by id; empty: there is no such feed. Kept: it is read once. */
  kernel(): readonly KernelAdvisory[] {
    this.#kernel ??= readKernelAdvisories(this.#db);
    return this.#kernel;
  }

  /**
   * What a package's distribution says of each issue of it, of this version: `affected`, or fixed before it. Issues of
   * which it says nothing are not there.
   */
  statements(query: PackageQuery): ReadonlyMap<string, PackageStatement> {
    const found = new Map<string, PackageStatement>();
    for (const lookup of lookupsOf(query)) {
      const ordering = orderingOf(lookup.ecosystem);
      for (const { advisory, body } of this.#candidates.all(lookup.ecosystem, lookup.name) as {
        advisory: number;
        body: string;
      }[]) {
        const candidate = unpackCandidate(advisory, body);
        const judged = judge(candidate, lookup, ordering, query.module ?? null);
        const row = this.#readRow(advisory);
        const fixedVersion =
          judged?.fixedVersion ?? candidate.intervals.find(({ fixed }) => fixed !== null)?.fixed ?? null;
        const statement = { affected: judged !== null, fixedVersion, source: row.source, url: row.url };
        for (const id of row.issues ?? row.names) {
          // Of two notices the one that still asks for an update decides.
          if (found.get(id)?.affected !== true) found.set(id, statement);
        }
      }
    }
    return found;
  }

  /** See `AdvisoryStore.fetchedMark`. */
  fetchedMark(url: string): FetchedMark | null {
    const row = this.#db.prepare('SELECT etag, last_modified AS lastModified FROM fetched WHERE url = ?').get(url) as
      | Omit<FetchedMark, 'url'>
      | undefined;
    return row ? { url, etag: row.etag, lastModified: row.lastModified } : null;
  }

  close(): void {
    this.#db.close();
  }

  #match(query: PackageQuery): readonly AdvisoryMatch[] {
    if (isKernelHeaders(query)) return NOTHING;
    const hits: Hit[] = [];
    // What the project itself says of an issue of its program stands, whatever others say of the same.
    const decided = query.type === 'generic' ? new Set<string>() : null;
    for (const lookup of lookupsOf(query)) this.#look(lookup, query.module ?? null, hits, decided);
    if (hits.length === 0) return NOTHING;
    const isSystem = query.distribution !== null && /^(?:deb|rpm|apk|alpm)$/.test(query.type);
    return groupByIssue(hits).flatMap((group) => this.#merge(group, isSystem) ?? []);
  }

  #look(lookup: Lookup, module: string | null, hits: Hit[], decided: Set<string> | null): void {
    const { ecosystem, name } = lookup;
    if (!this.#mayKnow(ecosystem, name)) return;
    const ordering = orderingOf(ecosystem);
    const candidates = this.#packages.get(`${ecosystem}\0${name}`, () =>
      (this.#candidates.all(ecosystem, name) as { advisory: number; body: string }[]).map((row) =>
        unpackCandidate(row.advisory, row.body),
      ),
    );
    const before = decided === null ? null : new Set(decided);
    for (const candidate of candidates) {
      const found = judge(candidate, lookup, ordering, module);
      if (!found && decided === null) continue;
      const row = this.#rows.get(candidate.advisory, () => this.#readRow(candidate.advisory));
      for (const one of row.names) decided?.add(one);
      if (!found || row.names.some((one) => before?.has(one))) continue;
      const common = { row, fixedVersion: found.fixedVersion, status: candidate.status, ecosystem };
      if (row.issues === null) hits.push({ ...common, names: row.names, notice: null });
      else for (const issue of row.issues) hits.push({ ...common, names: [issue], notice: row.id });
    }
  }

  /** Most packages have no advisory at all: once many were asked for, their names are all in memory. */
  #mayKnow(ecosystem: string, name: string): boolean {
    const names = this.#names.get(ecosystem) ?? { asked: 0, known: null };
    if (names.known === null) {
      this.#names.set(ecosystem, names);
      if (++names.asked < NAMES_ASKED_MIN) return true;
      const rows = this.#db.prepare('SELECT DISTINCT name FROM affected WHERE ecosystem = ?').all(ecosystem);
      names.known = new Set(rows.map((row) => String(row['name'])));
    }
    return names.known.has(name);
  }

  #readRow(key: number): Row {
    const row = this.#advisory.get(key) as unknown as Omit<Row, 'names' | 'issues'> & {
      readonly aliases: string;
      readonly issues: string | null;
    };
    if (row.issues !== null) return { ...row, names: [row.id], issues: JSON.parse(row.issues) as string[] };
    const names = [row.id, ...(JSON.parse(row.aliases) as string[])];
    if (names.some((name) => name.startsWith('CVE-'))) return { ...row, names, issues: null };
    // A record that names no CVE may have one by way of another record.
    const cves = names.flatMap((name) => (this.#alias.all(name) as { cve: string }[]).map(({ cve }) => cve));
    return { ...row, names: [...new Set([...names, ...cves])], issues: null };
  }

  /** Whether a CVE is known to be exploited, and how likely that is to come (0 to 1; null: not said). */
  urgencyOf(cve: string): { readonly kev: boolean; readonly epss: number | null } {
    const { kev, epss } = this.#factsOf(cve);
    return { kev: kev !== null, epss: epss?.score ?? null };
  }

  #factsOf(cve: string): CveFacts {
    return this.#cves.get(cve, () => ({
      kev: this.#exploited().get(cve) ?? null,
      epss: (this.#epss.get(cve) as { score: number; cvss: number | null } | undefined) ?? null,
      issues: this.#issue.all(cve) as unknown as IssueRow[],
    }));
  }

  /** CISA's list: a thousand rows, which nearly every finding is asked about. */
  #exploited(): ReadonlyMap<string, KevRow> {
    this.#kev ??= new Map(
      (
        this.#db.prepare('SELECT cve, added_at, due_at, ransomware FROM kev').all() as unknown as (KevRow & {
          cve: string;
        })[]
      ).map((row) => [row.cve, row]),
    );
    return this.#kev;
  }

  #merge(group: readonly Hit[], isSystem: boolean): AdvisoryMatch | null {
    const names = [...new Set(group.flatMap((hit) => hit.names))];
    const cves = names.filter((name) => name.startsWith('CVE-'));
    const first = group.find((hit) => cves.includes(hit.row.id)) ?? (group[0] as Hit);
    const id = cves.includes(first.row.id) ? first.row.id : (cves.sort()[0] ?? first.row.id);
    const facts = cves.map((cve) => this.#factsOf(cve));
    const details = facts.flatMap((one) => one.issues);
    // A number that was taken back is no issue, unless somebody keeps it under a name of their own.
    if (details.some((one) => one.is_rejected === 1) && names.length === 1) return null;
    const epss = facts.flatMap((one) => one.epss ?? []);
    const kev = facts.map((one) => one.kev).find((one) => one !== null);
    const ratings = ratingsOf([...group.map(({ row }) => row), ...details]);
    const chosen = chooseSeverity(group, ratings, isSystem);
    const scored = ratings.filter((one) => one.cvss !== null).sort((a, b) => (b.cvss ?? 0) - (a.cvss ?? 0));
    const best = scored.find((one) => !one.vector?.startsWith('CVSS:4')) ?? scored[0];
    const joined = epss.find((one) => one.cvss !== null)?.cvss ?? null;
    const cvss = best?.cvss ?? joined;
    const notices = group.flatMap(({ notice }) => notice ?? []);
    const fixedVersion = commonFix(group);
    return {
      id,
      aliases: [...new Set([...names, ...notices])].filter((name) => name !== id).sort(),
      title: titleOf(first, details),
      url: urlOf(first, group),
      severity: chosen?.severity ?? (cvss === null ? 'unknown' : severityOfScore(cvss)),
      severitySource: chosen?.source ?? (cvss === null ? null : 'epss'),
      ratings,
      cvss,
      cvssVector: best?.vector ?? null,
      fixedVersion,
      status:
        fixedVersion === null
          ? (group.map(({ status }) => status).find((one) => one !== 'affected') ?? 'affected')
          : 'affected',
      kev: kev !== undefined,
      kevAddedAt: kev?.added_at ?? null,
      kevDueAt: kev?.due_at ?? null,
      ransomware: kev?.ransomware === 1,
      epss: epss.length > 0 ? Math.max(...epss.map(({ score }) => score)) : null,
      sources: [...new Set(group.map(({ row }) => row.source))].sort(),
    };
  }
}

/** Answers by question, thrown away together when there are too many. */
class Memory<Key, Value> {
  readonly #known = new Map<Key, Value>();
  readonly #max: number;
  readonly #weigh: (value: Value) => number;
  #weight = 0;

  constructor(max: number, weigh: (value: Value) => number = () => 1) {
    this.#max = max;
    this.#weigh = weigh;
  }

  get(key: Key, find: () => Value): Value {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = find();
    this.#weight += this.#weigh(value);
    if (this.#weight > this.#max) {
      this.#known.clear();
      this.#weight = this.#weigh(value);
    }
    this.#known.set(key, value);
    return value;
  }
}

/** The words and scores of all sources, CVSS 4 as a rating of its own, each once. */
function ratingsOf(
  rows: readonly Pick<IssueRow, 'source' | 'severity' | 'cvss' | 'vector' | 'vector4'>[],
): AdvisoryRating[] {
  const ratings = new Map<string, AdvisoryRating>();
  for (const { source, severity, cvss, vector, vector4 } of rows) {
    const both: AdvisoryRating[] = [];
    if (severity !== 'unknown' || cvss !== null) both.push({ source, severity, cvss, vector });
    if (vector4 !== null) {
      const score = scoreOf4(vector4);
      both.push({ source, severity: severityOfScore(score), cvss: score, vector: vector4 });
    }
    for (const one of both) ratings.set(`${one.source} ${one.severity} ${one.vector}`, one);
  }
  return [...ratings.values()];
}

function scoreOf4(vector: string): number {
  try {
    return scoreCvss4(vector);
  } catch (error) {
    if (error instanceof FormatError) return 0; // feeds are read with it, so it was one once
    throw error;
  }
}

/**
 * For a distribution's package its own word first, because it knows how it was built; else the highest score of CVSS 3,
 * else of CVSS 4, else the first word.
 */
function chooseSeverity(
  group: readonly Hit[],
  ratings: readonly AdvisoryRating[],
  isSystem: boolean,
): AdvisoryRating | null {
  const own = new Set(group.map(({ row }) => row.source));
  const stated = ratings.filter(({ severity }) => severity !== 'unknown');
  if (isSystem) {
    const word = stated.find(({ source }) => own.has(source));
    if (word) return word;
  }
  const scored = stated.filter(({ cvss }) => cvss !== null).sort((a, b) => (b.cvss ?? 0) - (a.cvss ?? 0));
  return scored.find(({ vector }) => !vector?.startsWith('CVSS:4')) ?? scored[0] ?? stated[0] ?? null;
}

function titleOf({ row, notice, names }: Hit, details: readonly IssueRow[]): string {
  const known = details.map(({ title }) => title).find((title) => title !== null);
  // A notice's title speaks of all its issues at once.
  if (notice !== null || row.title === '' || names.includes(row.title)) return known ?? row.title;
  return row.title;
}

function urlOf(first: Hit, group: readonly Hit[]): string | null {
  const url = first.row.url ?? group.map(({ row }) => row.url).find((one) => one !== null);
  return url ?? (first.names[0]?.startsWith('CVE-') ? `https://www.cve.org/CVERecord?id=${first.names[0]}` : null);
}

/** Parts hits so that those sharing any name, also through a third one, are together. */
function groupByIssue(hits: readonly Hit[]): Hit[][] {
  const groups: Hit[][] = [];
  const byName = new Map<string, Hit[]>();
  for (const hit of hits) {
    const joined: Hit[] = [];
    for (const name of hit.names) {
      const group = byName.get(name);
      if (group === undefined || group === joined || group.length === 0) continue;
      joined.push(...group.splice(0));
    }
    joined.push(hit);
    groups.push(joined);
    for (const one of joined) for (const name of one.names) byName.set(name, joined);
  }
  return groups.filter((group) => group.length > 0);
}

/** Sources may name different fixes; the highest one is free of the issue whoever is right. */
function commonFix(group: readonly Hit[]): string | null {
  const ordering = orderingOf(group[0]?.ecosystem ?? '');
  const fixes = group.flatMap(({ fixedVersion }) => (fixedVersion === null ? [] : [fixedVersion]));
  return fixes.sort((a, b) => ordering?.compare(b, a) ?? 0)[0] ?? null;
}
