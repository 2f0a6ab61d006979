import { summarise } from './counting.ts';
import { decide } from './decision.ts';
import { type NewerBase, planUpgrades } from './plan.ts';
import {
  DECISIONS,
  type Finding,
  type FindingException,
  type FindingHere,
  type FindingVex,
  type Place,
  RISK_CLASSES,
  type ScanReport,
} from './report.ts';
import { classifyRisk } from './risk.ts';
import { scoreImage } from './score.ts';

/** What is known of an image now and was not when it was scanned. */
export interface HereFacts {
  readonly places: readonly Place[];
  readonly vex: ReadonlyMap<Finding, FindingVex>;
  /** The exception that covers a finding, or null. */
  readonly exceptionOf: (finding: Finding) => FindingException | null;
  /** By when a finding is to be dealt with in an environment; null: nothing presses. */
  readonly deadlineOf: (environment: string, finding: Finding) => string | null;
}

/**
 * A report as of now: each finding with what it means where the image runs, with the exceptions and VEX statements that
 * apply, and the score and plan that follow from that. Nothing is left out: what is excepted stays and says so.
 */
export function describeHere(report: ScanReport, facts: HereFacts & { readonly base: NewerBase | null }): ScanReport {
  const findings = findingsHere(report, facts);
  findings.sort(
    (a, b) =>
      DECISIONS.indexOf(a.decision) - DECISIONS.indexOf(b.decision) ||
      RISK_CLASSES.indexOf(a.risk) - RISK_CLASSES.indexOf(b.risk),
  );
  const { layers, distribution, misconfigurations } = report;
  return {
    ...report,
    findings,
    summary: summarise(findings, report.summary.state),
    places: facts.places,
    plan: planUpgrades({ findings, layers, distribution }, facts.base),
    score:
      report.complete && report.withoutPackages !== true
        ? scoreImage({ decisions: findings.filter(isOpen).map(({ decision }) => decision), misconfigurations })
        : null,
  };
}

/** The summary alone, as a list of images shows it. */
export function summariseHere(report: ScanReport, facts: HereFacts): ScanReport['summary'] {
  const findings =
    facts.places.length > 0
      ? findingsHere(report, facts)
      : report.findings.map((finding) => ({
          risk: finding.risk,
          exception: facts.exceptionOf(finding),
          vex: facts.vex.get(finding) ?? null,
        }));
  return summarise(findings, report.summary.state);
}

/** The findings alone, in their order: what a judgement asks for. */
export function findingsHere(report: ScanReport, facts: HereFacts): Finding[] {
  return report.findings.map((finding) => findingHere(finding, facts));
}

/** Whether a finding still counts: no believed statement says that the image is not affected. */
export function isOpen({ vex }: Pick<Finding, 'vex'>): boolean {
  return vex?.status !== 'not_affected' && vex?.status !== 'fixed';
}

function findingHere(finding: Finding, facts: HereFacts): Finding {
  const { places } = facts;
  const decision = {
    severity: finding.severity,
    kev: finding.kev,
    ransomware: finding.kevDetail?.ransomware ?? false,
    epss: finding.epss,
    vectors: finding.cvssVectors,
  };
  const here = [...Map.groupBy(places, ({ environment }) => environment)].map(([environment, list]): FindingHere => {
    const place = worstOf(list);
    const decided = decide(decision, place);
    return {
      environment,
      class: place.class,
      exposure: place.exposure,
      risk: classifyRisk({ ...finding, place }).risk,
      decision: decided.decision,
      reason: decided.reason,
      deadline: facts.deadlineOf(environment, finding),
    };
  });
  const [worst] = [...here].sort((a, b) => DECISIONS.indexOf(a.decision) - DECISIONS.indexOf(b.decision));
  const risk = here.map((one) => one.risk).sort((a, b) => RISK_CLASSES.indexOf(a) - RISK_CLASSES.indexOf(b))[0];
  return {
    ...finding,
    ...(worst === undefined ? {} : { decision: worst.decision, decisionReason: worst.reason }),
    ...(risk === undefined ? {} : { risk }),
    here,
    exception: facts.exceptionOf(finding),
    vex: facts.vex.get(finding) ?? null,
  };
}

/** Of several workloads of one environment the most exposed one, with every right that any of them has. */
function worstOf(places: readonly Place[]): Place {
  const [first] = [...places].sort((a, b) => EXPOSURE.indexOf(a.exposure) - EXPOSURE.indexOf(b.exposure));
  return {
    ...(first as Place),
    reachesHost: places.some(({ reachesHost }) => reachesHost),
    root: places.some(({ root }) => root),
  };
}

const EXPOSURE: readonly Place['exposure'][] = ['published', 'internal', 'none'];

/** What became of an image since another one: by finding, and by package. */
export interface ReportChanges {
  readonly appeared: readonly Finding[];
  readonly gone: readonly Finding[];
}

/** A finding is the same when it is of the same issue and package, whatever the version. */
export function compareReports(before: ScanReport, after: ScanReport): ReportChanges {
  const key = ({ id, package: one }: Finding): string => `${id}|${one.type}|${one.name}|${one.path ?? ''}`;
  const [old, now] = [new Set(before.findings.map(key)), new Set(after.findings.map(key))];
  return {
    appeared: after.findings.filter((finding) => !old.has(key(finding))),
    gone: before.findings.filter((finding) => !now.has(key(finding))),
  };
}
