import { createHash } from 'node:crypto';
import type { Json } from '../../system/index.ts';
import { type BillSubject, imagePurl, TOOL } from '../bills/bill.ts';
import type { Finding, ScanReport } from '../report.ts';

/**
 * What is said of each finding as OpenVEX 0.2.0 (openvex.dev): what VEX documents and exceptions say, else `affected`
 * with the upgrade where there is one, else `under_investigation`. Nothing is ever made `not_affected` here.
 */
export function toOpenVex(report: ScanReport, subject: BillSubject): { [key: string]: Json } {
  const product = imagePurl(subject) ?? subject.digest;
  const statements = [...Map.groupBy(report.findings, sayingOf).values()].map((all): Json => {
    const first = all[0] as Finding;
    return {
      vulnerability: { name: first.id, ...(first.aliases.length === 0 ? {} : { aliases: [...first.aliases] }) },
      products: [
        {
          '@id': product,
          subcomponents: [...new Set(all.map(({ package: one }) => one.purl))].map((purl) => ({ '@id': purl })),
        },
      ],
      ...statusOf(first, all),
    };
  });
  const text = JSON.stringify([product, report.digest, statements]);
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    '@id': `urn:darsena:vex:${createHash('sha256').update(text).digest('hex')}`,
    author: TOOL.vendor,
    timestamp: subject.createdAt,
    version: 1,
    tooling: TOOL.name,
    statements,
  };
}

/** Findings of one issue of which the same is held: what is said of one package is not said of another. */
function sayingOf({ id, vex, exception }: Finding): string {
  return JSON.stringify([id, vex?.status ?? null, vex?.document ?? null, exception?.id ?? null]);
}

function statusOf(first: Finding, all: readonly Finding[]): { [key: string]: Json } {
  const { vex, exception } = first;
  if (vex) {
    const statement = vex.statement ?? `${vex.author} says so in ${vex.document}`;
    switch (vex.status) {
      case 'not_affected':
        return {
          status: vex.status,
          ...(vex.justification === null ? {} : { justification: vex.justification }),
          impact_statement: statement,
        };
      case 'affected':
        return { status: vex.status, action_statement: statement };
      case 'fixed':
      case 'under_investigation':
        return { status: vex.status, status_notes: statement };
    }
  }
  if (exception) {
    return { status: 'affected', action_statement: `accepted until ${exception.expiresAt}: ${exception.reason}` };
  }
  const fixes = [
    ...new Set(
      all.flatMap(({ package: one, fixedVersion }) => (fixedVersion ? [`${one.name} to ${fixedVersion}`] : [])),
    ),
  ];
  if (fixes.length > 0) return { status: 'affected', action_statement: `upgrade ${fixes.join(', ')}` };
  return { status: 'under_investigation', status_notes: first.decisionReason.en };
}
