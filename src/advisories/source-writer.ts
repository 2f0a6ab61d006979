import type { DatabaseSync } from 'node:sqlite';
import { normaliseEcosystem, normaliseName, storedEcosystem } from './ecosystems.ts';
import { packKernelRecord } from './kernel/advisories.ts';
import { packCandidate } from './matching.ts';
import { orderingOf } from './orderings/index.ts';
import type { AdvisoryRecord, FeedItem } from './record.ts';

export interface CurrentSource {
  readonly records: number;
  readonly updatedAt: string;
}

/** Removes what a source said before. */
export function clearSource(db: DatabaseSync, name: string): null {
  db.prepare('DELETE FROM affected WHERE advisory IN (SELECT key FROM advisories WHERE source = ?)').run(name);
  for (const table of ['advisories', 'aliases', 'issues', 'kernel', 'fetched'])
    db.prepare(`DELETE FROM ${table} WHERE source = ?`).run(name);
  db.prepare('DELETE FROM sources WHERE name = ?').run(name);
  if (name === 'cisa-kev') db.exec('DELETE FROM kev');
  if (name === 'epss') db.exec('DELETE FROM epss');
  return null;
}

/** Writes what a source says into the database, from which `clearSource` has removed what it said before. */
export class SourceWriter {
  readonly #db: DatabaseSync;
  readonly #advisory;
  readonly #affected;
  readonly #alias;
  readonly #issue;
  readonly #kernel;
  readonly #kev;
  readonly #epss;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#advisory = db.prepare(
      `INSERT INTO advisories (source, id, aliases, issues, title, url, severity, cvss, vector, vector4)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#affected = db.prepare('INSERT INTO affected VALUES (?, ?, ?, ?, ?)');
    this.#alias = db.prepare('INSERT OR IGNORE INTO aliases VALUES (?, ?, ?)');
    this.#issue = db.prepare('INSERT OR REPLACE INTO issues VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#kernel = db.prepare('INSERT OR REPLACE INTO kernel VALUES (?, ?, ?)');
    this.#kev = db.prepare('INSERT OR REPLACE INTO kev VALUES (?, ?, ?, ?)');
    this.#epss = db.prepare('INSERT OR REPLACE INTO epss VALUES (?, ?, ?)');
  }

  /** What the source is now; null when there is none of that name. */
  current(name: string): CurrentSource | null {
    const row = this.#db.prepare('SELECT records, updated_at FROM sources WHERE name = ?').get(name) as
      | { records: number; updated_at: string }
      | undefined;
    return row ? { records: row.records, updatedAt: row.updated_at } : null;
  }

  write(source: string, item: Exclude<FeedItem, { kind: 'updated' | 'skipped' }>): void {
    switch (item.kind) {
      case 'kev':
        this.#kev.run(item.cve, item.addedAt, item.dueAt, item.ransomware ? 1 : 0);
        break;
      case 'epss':
        this.#epss.run(item.cve, item.score, item.cvss);
        break;
      case 'issue': {
        const { id, title, severity, cvss, cvssVector, cvss4Vector, isRejected } = item.details;
        this.#issue.run(id, source, title, severity, cvss, cvssVector, cvss4Vector, isRejected ? 1 : 0);
        if (item.kernel && !isRejected) this.#kernel.run(id, source, packKernelRecord(item.kernel));
        break;
      }
      case 'advisory':
        this.#writeRecord(source, item.record);
        break;
    }
  }

  markFetched(
    {
      url,
      etag,
      lastModified,
    }: { readonly url: string; readonly etag: string | null; readonly lastModified: string | null },
    source: string,
    at: string,
  ): void {
    this.#db.prepare('INSERT OR REPLACE INTO fetched VALUES (?, ?, ?, ?, ?)').run(url, source, etag, lastModified, at);
  }

  finish(
    source: {
      readonly name: string;
      readonly feed: string;
      readonly records: number;
      readonly skipped: number;
      readonly updatedAt: string;
    },
    { importedAt, isPartial, maxAgeDays }: { importedAt: string; isPartial: boolean; maxAgeDays: number },
  ): void {
    const { name, feed, records, skipped, updatedAt } = source;
    this.#db
      .prepare('INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      .run(name, feed, records, skipped, updatedAt, importedAt, isPartial ? 1 : 0, maxAgeDays);
  }

  #writeRecord(source: string, record: AdvisoryRecord): void {
    const { id, aliases, issues, title, url, severity, cvss, cvssVector, cvss4Vector, affected } = record;
    const { lastInsertRowid: key } = this.#advisory.run(
      source,
      id,
      JSON.stringify(aliases),
      issues && issues.length > 0 ? JSON.stringify(issues) : null,
      title,
      url,
      severity,
      cvss,
      cvssVector,
      cvss4Vector ?? null,
    );
    let part = 0;
    for (const one of affected) {
      const ecosystem = normaliseEcosystem(one.ecosystem);
      const body = packCandidate(one, orderingOf(ecosystem));
      this.#affected.run(
        storedEcosystem(one.ecosystem, one.level),
        normaliseName(ecosystem, one.name),
        key,
        part++,
        body,
      );
    }
    const names = [id, ...aliases];
    const cves = names.filter((name) => name.startsWith('CVE-'));
    // Names that stand for one CVE lead to it from records that do not know it.
    if (cves.length !== 1 || (issues && issues.length > 0)) return;
    for (const name of names) if (name !== cves[0]) this.#alias.run(name, cves[0] ?? '', source);
  }
}
