import type { DatabaseSync } from 'node:sqlite';
import type { KernelRecord, Severity } from '../record.ts';

/** A CVE of the kernel with what is known of it beside where it is. */
export interface KernelAdvisory extends KernelRecord {
  readonly title: string;
  readonly severity: Severity;
  readonly cvss: number | null;
  readonly kev: boolean;
  /** From 0 to 1. */
  readonly epss: number | null;
}

type Packed = readonly [
  files: readonly string[],
  introduced: readonly string[],
  mainline: 0 | 1,
  free: readonly (readonly [string, string])[],
  fixes: readonly (readonly [string | null, string, string | null])[],
  stable: readonly (readonly [string, string])[],
];

export function packKernelRecord({ files, introduced, mainline, free, fixes, stable }: KernelRecord): string {
  const packed: Packed = [
    files,
    introduced,
    mainline ? 1 : 0,
    free.map(({ from, to }) => [from, to] as const),
    fixes.map(({ branch, release, commit }) => [branch, release, commit] as const),
    stable.map(({ from, to }) => [from, to] as const),
  ];
  return JSON.stringify(packed);
}

/** All of them, by id. Some 14,000 take about a twentieth of a second. */
export function readKernelAdvisories(db: DatabaseSync): readonly KernelAdvisory[] {
  const rows = db
    .prepare(
      `SELECT k.id AS id, k.body AS body, i.title AS title, i.severity AS severity, i.cvss AS cvss,
         v.cve IS NOT NULL AS kev, e.score AS epss, e.cvss AS joined
       FROM kernel k LEFT JOIN issues i ON i.id = k.id AND i.source = k.source
       LEFT JOIN kev v ON v.cve = k.id LEFT JOIN epss e ON e.cve = k.id GROUP BY k.id ORDER BY k.id`,
    )
    .all() as unknown as {
    id: string;
    body: string;
    title: string | null;
    severity: Severity | null;
    cvss: number | null;
    kev: number;
    epss: number | null;
    joined: number | null;
  }[];
  return rows.map((row) => {
    const [files, introduced, mainline, free, fixes, stable] = JSON.parse(row.body) as Packed;
    return {
      id: row.id,
      title: row.title ?? row.id,
      severity: row.severity ?? 'unknown',
      cvss: row.cvss ?? row.joined,
      kev: row.kev === 1,
      epss: row.epss,
      files,
      introduced,
      mainline: mainline === 1,
      free: free.map(([from, to]) => ({ from, to })),
      fixes: fixes.map(([branch, release, commit]) => ({ branch, release, commit })),
      stable: stable.map(([from, to]) => ({ from, to })),
    };
  });
}
