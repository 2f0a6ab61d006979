import type { Kysely } from 'kysely';
import type { Journal, JournalTables } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Clock, Text } from '../system/index.ts';
import { isOpen } from './here.ts';
import { findingKey } from './plan.ts';
import { DECISIONS, type Decision, type Place, type ScanReport } from './report.ts';
import type { ScanTables } from './store.ts';

const HOUR_MS = 3_600_000;

/** Hours in which a finding is to be dealt with, by decision; what is missing has no deadline. */
export type DeadlineHours = Readonly<Partial<Record<Decision, number>>>;

/**
 * When a policy says nothing. In production two days are a working week-end, fourteen a usual cycle of updates; what only
 * development has may wait for the next one.
 */
export const DEADLINE_HOURS: Readonly<Record<Place['class'], DeadlineHours>> = {
  production: { act: 48, attend: 14 * 24, 'track*': 60 * 24 },
  'pre-production': { act: 7 * 24, attend: 30 * 24 },
  development: { act: 14 * 24, attend: 60 * 24 },
};

/** By when a finding of a running image is to be gone. */
export interface Deadline {
  readonly project: string;
  readonly environment: string;
  readonly digest: Digest;
  readonly finding: string;
  readonly package: string;
  readonly decision: Decision;
  readonly since: string;
  readonly due: string;
  /** When its passing was told; null before. */
  readonly overAt: string | null;
}

/** A deadline as it is shown: of a finding, or of a whole image that a policy refuses for another cause. */
export interface ShownDeadline extends Omit<Deadline, 'finding' | 'package' | 'decision'> {
  readonly finding: string | null;
  readonly package: string | null;
  readonly decision: Decision | null;
  /** Why the image is refused for new releases; empty for a finding. */
  readonly reasons: readonly Text[];
}

export type DeadlineQuery = {
  readonly projects: readonly string[] | '*';
  readonly digest?: Digest;
  readonly limit: number;
};

/** One environment in which an image runs, with its report as of there. */
export interface RunningImage {
  readonly project: string;
  readonly environment: string;
  readonly class: Place['class'];
  readonly digest: Digest;
  readonly hours: DeadlineHours;
  readonly report: ScanReport;
}

interface Row {
  project: string;
  environment: string;
  digest: string;
  finding: string;
  package: string;
  decision: string;
  since: string;
  due: string;
  over_at: string | null;
}

/**
 * Deadlines of running images that turned vulnerable. One begins when the finding is first seen where it runs; it never
 * moves later, and earlier only when the finding becomes more urgent. Nothing is stopped by it: see the policy rule
 * `overdue-vulnerability`.
 */
export class Deadlines {
  readonly #db: Kysely<ScanTables>;
  readonly #journal: Pick<Journal, 'record' | 'committed'>;
  readonly #clock: Clock;

  constructor(parts: {
    db: Kysely<ScanTables & JournalTables>;
    journal: Pick<Journal, 'record' | 'committed'>;
    clock: Clock;
  }) {
    this.#db = parts.db as unknown as Kysely<ScanTables>;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
  }

  /** What is due first comes first. */
  async list(query: DeadlineQuery): Promise<Deadline[]> {
    if (query.projects !== '*' && query.projects.length === 0) return [];
    let select = this.#db.selectFrom('scan_deadlines').selectAll();
    if (query.projects !== '*') select = select.where('project', 'in', [...query.projects]);
    if (query.digest !== undefined) select = select.where('digest', '=', query.digest);
    const rows = await select.orderBy('due').orderBy('finding').limit(query.limit).execute();
    return rows.map(toDeadline);
  }

  /**
   * Sets what is new, ends what is gone; facts: `deadline.set` and `deadline.met`, one for each image in an environment.
   * @param running every image that runs anywhere: what is not among them has no deadline any more
   */
  async update(running: readonly RunningImage[]): Promise<void> {
    const known = Map.groupBy((await this.#db.selectFrom('scan_deadlines').selectAll().execute()) as Row[], placeOf);
    const seen = new Set<string>();
    for (const image of running) {
      seen.add(placeOf(image));
      await this.#updateOne(image, known.get(placeOf(image)) ?? []);
    }
    for (const [place, rows] of known) {
      if (!seen.has(place)) await this.#remove(rows);
    }
  }

  /** Tells deadlines that have passed, each once; answers how many. The fact is `deadline.over`. */
  async tellOver(): Promise<number> {
    const now = this.#clock.now().toISOString();
    const rows = (await this.#db
      .selectFrom('scan_deadlines')
      .selectAll()
      .where('over_at', 'is', null)
      .where('due', '<=', now)
      .execute()) as Row[];
    for (const group of Map.groupBy(rows, placeOf).values()) {
      await this.#db.transaction().execute(async (tx) => {
        for (const row of group) {
          await this.#where(tx.updateTable('scan_deadlines').set({ over_at: now }), row).execute();
        }
        await this.#tell(tx, 'deadline.over', group);
      });
    }
    if (rows.length > 0) this.#journal.committed();
    return rows.length;
  }

  async #updateOne(image: RunningImage, rows: readonly Row[]): Promise<void> {
    const { project, environment, digest, hours, report } = image;
    const now = this.#clock.now();
    const wanted = new Map<string, Row>();
    for (const finding of report.findings) {
      const decision = finding.here.find((one) => one.environment === environment)?.decision ?? finding.decision;
      const allowed = hours[decision];
      if (allowed === undefined || !isOpen(finding)) continue;
      const due = new Date(now.getTime() + allowed * HOUR_MS).toISOString();
      wanted.set(findingKey(finding), {
        ...{ project, environment, digest, finding: finding.id, package: finding.package.purl, decision },
        ...{ since: now.toISOString(), due, over_at: null },
      });
    }
    const fresh: Row[] = [];
    const sooner: Row[] = [];
    const gone = rows.filter((row) => !wanted.has(`${row.finding}|${row.package}`));
    const standing = new Map(rows.map((row) => [`${row.finding}|${row.package}`, row]));
    for (const [key, row] of wanted) {
      const old = standing.get(key);
      if (old === undefined) fresh.push(row);
      else if (old.decision !== row.decision) {
        const isMoreUrgent = DECISIONS.indexOf(row.decision as Decision) < DECISIONS.indexOf(old.decision as Decision);
        sooner.push({ ...old, decision: row.decision, due: isMoreUrgent && row.due < old.due ? row.due : old.due });
      }
    }
    if (fresh.length + sooner.length > 0) {
      await this.#db.transaction().execute(async (tx) => {
        for (const row of fresh) {
          await tx
            .insertInto('scan_deadlines')
            .values(row)
            .onConflict((conflict) =>
              conflict.columns(['project', 'environment', 'digest', 'finding', 'package']).doNothing(),
            )
            .execute();
        }
        for (const row of sooner) {
          const { decision, due } = row;
          await this.#where(tx.updateTable('scan_deadlines').set({ decision, due }), row).execute();
        }
        if (fresh.length > 0) await this.#tell(tx, 'deadline.set', fresh);
      });
      this.#journal.committed();
    }
    await this.#remove(gone);
  }

  async #remove(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#db.transaction().execute(async (tx) => {
      for (const row of rows) await this.#where(tx.deleteFrom('scan_deadlines'), row).execute();
      await this.#tell(tx, 'deadline.met', rows);
    });
    this.#journal.committed();
  }

  #where<Query extends { where(column: keyof Row, operator: '=', value: string): Query }>(
    query: Query,
    row: Row,
  ): Query {
    const columns = ['project', 'environment', 'digest', 'finding', 'package'] as const;
    return columns.reduce((narrowed, column) => narrowed.where(column, '=', row[column]), query);
  }

  async #tell(tx: Kysely<ScanTables>, kind: string, rows: readonly Row[]): Promise<void> {
    const [first] = rows;
    if (first === undefined) return;
    const counts = Object.fromEntries(
      DECISIONS.map((decision) => [decision, rows.filter((row) => row.decision === decision).length]),
    );
    const due = rows.map((row) => row.due).sort()[0] ?? first.due;
    await this.#journal.record(tx as unknown as Kysely<JournalTables>, {
      kind,
      project: first.project,
      actor: 'platform',
      subject: `${first.project}/${first.environment}`,
      digest: first.digest as Digest,
      body: {
        environment: first.environment,
        count: rows.length,
        byDecision: counts,
        due,
        findings: [...new Set(rows.map((row) => row.finding))].slice(0, 20),
      },
    });
  }
}

/** Both kinds together, what is due first coming first. */
export function showDeadlines(findings: readonly Deadline[], images: readonly ShownDeadline[]): ShownDeadline[] {
  return [...findings.map((one) => ({ ...one, reasons: [] })), ...images].sort((a, b) => (a.due < b.due ? -1 : 1));
}

function placeOf({ project, environment, digest }: Pick<Row, 'project' | 'environment' | 'digest'>): string {
  return `${project} ${environment} ${digest}`;
}

function toDeadline(row: Row): Deadline {
  return {
    project: row.project,
    environment: row.environment,
    digest: row.digest as Digest,
    finding: row.finding,
    package: row.package,
    decision: row.decision as Decision,
    since: row.since,
    due: row.due,
    overAt: row.over_at,
  };
}
