import type { Language } from '../../system/index.ts';
import type { BillSubject } from '../bills/bill.ts';
import { toCycloneDx } from '../bills/cyclonedx.ts';
import { toSpdx2 } from '../bills/spdx2.ts';
import { toSpdx3 } from '../bills/spdx3.ts';
import type { Inventory } from '../package.ts';
import type { ScanReport } from '../report.ts';

/** All that any format says. */
export interface ReportContent {
  readonly report: ScanReport;
  readonly inventory: Inventory;
  readonly subject: BillSubject;
  readonly language: Language;
}

export interface ReportFormat {
  readonly mediaType: string;
  /** Of a file with it. */
  readonly suffix: string;
  write(content: ReportContent): string;
}

/** As files are written that people may read too. */
export const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Bills of materials: what is in an image, whatever is known to be wrong with it. */
export const BILL_FORMATS = {
  cyclonedx: {
    mediaType: 'application/vnd.cyclonedx+json; version=1.6',
    suffix: 'cdx.json',
    write: ({ inventory, subject }) => pretty(toCycloneDx(inventory, subject)),
  },
  'cyclonedx-1.7': {
    mediaType: 'application/vnd.cyclonedx+json; version=1.7',
    suffix: 'cdx.json',
    write: ({ inventory, subject }) => pretty(toCycloneDx(inventory, subject, '1.7')),
  },
  spdx: {
    mediaType: 'application/spdx+json',
    suffix: 'spdx.json',
    write: ({ inventory, subject }) => pretty(toSpdx2(inventory, subject)),
  },
  'spdx-3': {
    mediaType: 'application/spdx+json; version=3.0.1',
    suffix: 'spdx3.json',
    write: ({ inventory, subject }) => pretty(toSpdx3(inventory, subject)),
  },
} as const satisfies Record<string, ReportFormat>;

export type BillFormatName = keyof typeof BILL_FORMATS;

export function isBillFormat(name: string): name is BillFormatName {
  return Object.hasOwn(BILL_FORMATS, name);
}
