import { isAnswered, summarise } from '../counting.ts';
import { malwareNotScanned, NOT_ASKED } from '../malware/result.ts';
import { CHECK_SEVERITIES, type CheckSeverity, RISK_CLASSES, type RiskClass, type ScanReport } from '../report.ts';

export const SCANNERS = ['vuln', 'secret', 'misconfig', 'malware'] as const;
export type Scanner = (typeof SCANNERS)[number];

/** The report with nothing but what was asked for. */
export function narrowReport(
  report: ScanReport,
  { scanners, ignoreUnfixed }: { readonly scanners: ReadonlySet<Scanner>; readonly ignoreUnfixed: boolean },
): ScanReport {
  const findings = scanners.has('vuln')
    ? report.findings.filter(({ fixedVersion }) => !ignoreUnfixed || fixedVersion !== null)
    : [];
  // What was left out by choice does not make an image clean.
  const state = findings.length > 0 ? 'findings' : report.summary.state === 'clean' ? 'clean' : 'unknown';
  return {
    ...report,
    findings,
    secrets: scanners.has('secret') ? report.secrets : [],
    misconfigurations: scanners.has('misconfig') ? report.misconfigurations : [],
    malware: scanners.has('malware') ? report.malware : malwareNotScanned(NOT_ASKED),
    summary: summarise(findings, state),
  };
}

/** What makes a gate refuse: one of `GATE_WORDS`. */
export type GateRule =
  | { readonly kind: 'any' }
  | { readonly kind: 'risk'; readonly risk: RiskClass }
  | { readonly kind: 'severity'; readonly severity: CheckSeverity }
  | { readonly kind: 'misconfig'; readonly severity: CheckSeverity }
  | { readonly kind: 'kev' }
  | { readonly kind: 'secret' }
  | { readonly kind: 'malware' };

const RISKS = RISK_CLASSES.filter((risk) => risk !== 'unknown');
export const GATE_WORDS: readonly string[] = [
  ...RISKS,
  'any',
  'kev',
  'secret',
  'malware',
  ...CHECK_SEVERITIES.map((severity) => `severity:${severity}`),
  ...CHECK_SEVERITIES.map((severity) => `misconfig:${severity}`),
];

/** @returns null for a word that is none */
export function parseGateRule(word: string): GateRule | null {
  if (!GATE_WORDS.includes(word)) return null;
  if (word === 'any' || word === 'kev' || word === 'secret' || word === 'malware') return { kind: word };
  const [kind, severity] = word.split(':');
  if (kind === 'severity' || kind === 'misconfig') return { kind, severity: severity as CheckSeverity };
  return { kind: 'risk', risk: word as RiskClass };
}

/** Who can answer a rule: one of them is enough. */
export function scannersOf({ kind }: GateRule): readonly Scanner[] {
  if (kind === 'secret' || kind === 'misconfig' || kind === 'malware') return [kind];
  return kind === 'risk' || kind === 'any' ? ['vuln', 'secret'] : ['vuln'];
}

const SECRET_RISK: Readonly<Record<string, RiskClass>> = {
  critical: 'act-now',
  high: 'high',
  medium: 'medium',
  low: 'low',
};

/** Whether the gate refuses. Malware always does. */
export function refuses(report: ScanReport, rules: readonly GateRule[]): boolean {
  if (rules.length === 0) return false;
  if (report.malware.findings.length > 0) return true;
  // What somebody answered for does not stop a pipeline.
  const findings = report.findings.filter((finding) => !isAnswered(finding));
  const atLeast = <T extends string>(order: readonly T[], value: T, limit: T): boolean =>
    order.indexOf(value) <= order.indexOf(limit);
  const isMet = (rule: GateRule): boolean => {
    switch (rule.kind) {
      case 'any':
        return findings.length > 0 || report.secrets.length > 0;
      case 'risk':
        return (
          findings.some(({ risk }) => risk !== 'unknown' && atLeast(RISK_CLASSES, risk, rule.risk)) ||
          report.secrets.some(({ severity }) => atLeast(RISK_CLASSES, SECRET_RISK[severity] ?? 'unknown', rule.risk))
        );
      case 'severity':
        return findings.some(
          ({ severity }) =>
            CHECK_SEVERITIES.includes(severity as CheckSeverity) &&
            atLeast(CHECK_SEVERITIES, severity as CheckSeverity, rule.severity),
        );
      case 'misconfig':
        return report.misconfigurations.some(({ severity }) => atLeast(CHECK_SEVERITIES, severity, rule.severity));
      case 'kev':
        return findings.some(({ kev }) => kev);
      case 'secret':
        return report.secrets.length > 0;
      case 'malware':
        return report.malware.findings.length > 0;
    }
  };
  return rules.some(isMet);
}
