import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../../system/index.ts';
import type { Finding, ScanReport } from '../report.ts';

export interface OpenVexSubject {
  /** Who says so: the platform's name. */
  readonly author: string;
  /** As people name the image; null: by its digest alone. */
  readonly repository: string | null;
}

/**
 * What is held of each finding of an image, as OpenVEX 0.2.0: a statement that was believed is passed on with who made
 * it; an exception is `affected` with its reason and end; all else is `affected` with its fix, or under investigation.
 */
export function toOpenVex(report: ScanReport, { author, repository }: OpenVexSubject): Json {
  const name = repository?.split('/').at(-1) ?? 'image';
  const product = `pkg:oci/${encodeURIComponent(name)}@${report.digest.replace(':', '%3A')}`;
  const statements = report.findings.map((finding) => statementOf(finding, product, report.digest));
  const content = { author, timestamp: report.scannedAt, version: 1, statements };
  const hash = createHash('sha256').update(canonicalJson(content)).digest('hex');
  return { '@context': 'https://openvex.dev/ns/v0.2.0', '@id': `urn:darsena:vex:${hash}`, ...content };
}

function statementOf(finding: Finding, product: string, digest: string): Json {
  const { id, aliases, package: one } = finding;
  return {
    vulnerability: { name: id, ...(aliases.length === 0 ? {} : { aliases: [...aliases] }) },
    products: [
      { '@id': product, hashes: { 'sha-256': digest.replace(/^sha256:/, '') }, subcomponents: [{ '@id': one.purl }] },
    ],
    ...judgement(finding),
  };
}

function judgement({ vex, exception, fixedVersion, package: one, decisionReason }: Finding): Record<string, Json> {
  if (vex !== null) {
    const because = `${vex.document} by ${vex.author || 'an unnamed author'}, ${vex.provenance === 'signed' ? 'signed by' : 'approved by'} ${vex.believedBecause}`;
    return {
      status: vex.status,
      status_notes: because,
      // OpenVEX wants a justification or an impact statement of what is not affected, an action of what is.
      ...(vex.status === 'not_affected'
        ? {
            ...(isJustification(vex.justification) ? { justification: vex.justification } : {}),
            impact_statement: vex.statement ?? because,
          }
        : {}),
      ...(vex.status === 'affected' ? { action_statement: vex.statement ?? because } : {}),
    };
  }
  if (exception !== null) {
    return {
      status: 'affected',
      status_notes: decisionReason.en,
      action_statement: `accepted until ${exception.expiresAt} by ${exception.approver}: ${exception.reason}`,
    };
  }
  if (fixedVersion !== null) {
    return {
      status: 'affected',
      status_notes: decisionReason.en,
      action_statement: `upgrade ${one.name} to ${fixedVersion}`,
    };
  }
  return { status: 'under_investigation', status_notes: decisionReason.en };
}

/** The five that OpenVEX knows; CSAF has the same words, CycloneDX others. */
const JUSTIFICATIONS: ReadonlySet<string> = new Set([
  'component_not_present',
  'vulnerable_code_not_present',
  'vulnerable_code_not_in_execute_path',
  'vulnerable_code_cannot_be_controlled_by_adversary',
  'inline_mitigations_already_exist',
]);

function isJustification(text: string | null): text is string {
  return text !== null && JUSTIFICATIONS.has(text);
}
