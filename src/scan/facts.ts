import type { NewFact } from '../journal/index.ts';
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
    },
  };
}
