import type { NewFact } from '../journal/index.ts';
import type { Digest } from '../oci/index.ts';
import type { ScanReport } from './report.ts';

/** An image was read and judged against the advisories of a day. */
export function imageScanned(
  report: ScanReport,
  { project, actor, subject }: { project: string | null; actor: string; subject: string },
): NewFact {
  return {
    kind: 'image.scanned',
    project,
    actor,
    subject,
    digest: report.digest,
    body: {
      report: report.id,
      complete: report.complete,
      incomplete: report.incomplete,
      packages: report.packages,
      state: report.summary.state,
      findings: report.findings.length,
      byRisk: { ...report.summary.byRisk },
      secrets: report.secrets.length,
      malware: report.malware.state,
    },
  };
}

/** What is known of an image became more or less, although it is the same. */
export function findingsChanged(
  report: {
    readonly id: string;
    readonly digest: Digest;
    readonly findings: number;
    readonly byRisk: ScanReport['summary']['byRisk'];
  },
  { added, removed }: { readonly added: readonly string[]; readonly removed: readonly string[] },
  { project, subject }: { readonly project: string; readonly subject: string },
): NewFact {
  return {
    kind: 'image.findings-changed',
    project,
    actor: 'platform',
    subject,
    digest: report.digest,
    body: {
      report: report.id,
      added: added.slice(0, NEWS_MAX),
      addedCount: added.length,
      removed: removed.slice(0, NEWS_MAX),
      removedCount: removed.length,
      findings: report.findings,
      byRisk: { ...report.byRisk },
    },
  };
}

/** Ids that one fact names; the counts say how many there are. */
const NEWS_MAX = 200;
