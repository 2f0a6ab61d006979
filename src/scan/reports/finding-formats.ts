import type { BillSubject } from '../bills/bill.ts';
import { toCycloneDxVex } from '../bills/cyclonedx.ts';
import { pretty, type ReportFormat } from './bill-formats.ts';
import type { FindingFormatName } from './format-names.ts';
import { toHtml } from './html.ts';
import { toOpenVex } from './openvex.ts';
import { toSarif } from './sarif.ts';

/** Findings, for other programs and for people. */
export const FINDING_FORMATS = {
  json: { mediaType: 'application/json', suffix: 'json', write: ({ report }) => pretty(report) },
  sarif: {
    mediaType: 'application/sarif+json',
    suffix: 'sarif',
    write: ({ report, subject, language }) => pretty(toSarif(report, targetOf(subject), language)),
  },
  'cyclonedx-vex': {
    mediaType: 'application/vnd.cyclonedx+json; version=1.6',
    suffix: 'vex.cdx.json',
    write: ({ report, inventory, subject }) => pretty(toCycloneDxVex(report, inventory, subject)),
  },
  openvex: {
    mediaType: 'application/json',
    suffix: 'openvex.json',
    write: ({ report, subject }) => pretty(toOpenVex(report, subject)),
  },
  html: {
    mediaType: 'text/html; charset=utf-8',
    suffix: 'html',
    write: ({ report, inventory, subject, language }) => toHtml(report, inventory, targetOf(subject), language),
  },
} as const satisfies Record<FindingFormatName, ReportFormat>;

function targetOf({ reference, digest }: BillSubject): string {
  return reference ?? digest;
}
