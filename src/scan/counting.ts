import type { Finding, RiskClass, ScanReport } from './report.ts';

type Answers = Pick<Finding, 'vex' | 'exception'>;

/** Whether somebody answered for a finding: a believed statement says that it does not apply, or an exception holds. */
export function isAnswered({ vex, exception }: Answers): boolean {
  return exception !== null || vex?.status === 'not_affected' || vex?.status === 'fixed';
}

export function countRisks(findings: readonly Pick<Finding, 'risk'>[]): Record<RiskClass, number> {
  const counts = { 'act-now': 0, high: 0, medium: 0, low: 0, unknown: 0 };
  for (const { risk } of findings) counts[risk]++;
  return counts;
}

/** A summary of findings: what asks for something by its risk, what is answered for in a number of its own. */
export function summarise(
  findings: readonly (Answers & Pick<Finding, 'risk'>)[],
  state: ScanReport['summary']['state'],
): ScanReport['summary'] {
  const open = findings.filter((finding) => !isAnswered(finding));
  return { state, byRisk: countRisks(open), answered: findings.length - open.length };
}
