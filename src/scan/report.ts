import type { AdvisorySource, Coverage, Severity } from '../advisories/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import type { MalwareResult } from './malware/result.ts';
import type { Distribution } from './package.ts';
import type { SecretFinding } from './secrets/secret.ts';
import { noticeText } from './spanish.ts';

export type { Severity } from '../advisories/index.ts';

/** What a finding asks of people. Worst first. */
export const RISK_CLASSES = ['act-now', 'high', 'medium', 'low', 'unknown'] as const;
export type RiskClass = (typeof RISK_CLASSES)[number];

/** What to do about a finding, by CISA's decision tree (SSVC). Most urgent first. */
export const DECISIONS = ['act', 'attend', 'track*', 'track'] as const;
export type Decision = (typeof DECISIONS)[number];

/** A rating as its source gave it; `score` is recomputed from the vector where the version allows. */
export interface CvssVector {
  readonly source: string;
  /** '3.0', '3.1' or '4.0'. */
  readonly version: string;
  readonly vector: string;
  readonly score: number | null;
}

/** A promise that a finding may be lived with for a while; it changes verdicts and never hides the finding. */
export interface FindingException {
  readonly id: string;
  /** `digest`: this image; else the pattern of repositories that it was given for. */
  readonly scope: string;
  readonly reason: string;
  readonly author: string;
  readonly approver: string;
  readonly expiresAt: string;
}

export const VEX_STATUSES = ['not_affected', 'affected', 'fixed', 'under_investigation'] as const;
export type VexStatus = (typeof VEX_STATUSES)[number];

/** What a VEX document says of a finding, and why it is believed. */
export interface FindingVex {
  readonly status: VexStatus;
  /** As in OpenVEX: `vulnerable_code_not_in_execute_path` … */
  readonly justification: string | null;
  readonly statement: string | null;
  readonly document: string;
  readonly author: string;
  readonly format: 'openvex' | 'csaf' | 'cyclonedx';
  /** `signed`: by the key named in `believedBecause`; `approved`: by the person named there. */
  readonly provenance: 'signed' | 'approved';
  readonly believedBecause: string;
  readonly at: string;
}

/** A place where the image runs, and what makes a finding better or worse there. */
export interface Place {
  readonly project: string;
  readonly environment: string;
  readonly class: 'development' | 'pre-production' | 'production';
  readonly workload: string;
  /** `published`: through an Ingress; `internal`: serves ports to its own environment; `none`: serves nothing. */
  readonly exposure: 'published' | 'internal' | 'none';
  /** Privileged, shares a namespace of the host or mounts a folder of it. */
  readonly reachesHost: boolean;
  readonly root: boolean;
}

/** The same finding in one environment. */
export interface FindingHere {
  readonly environment: string;
  readonly class: Place['class'];
  readonly exposure: Place['exposure'];
  readonly risk: RiskClass;
  readonly decision: Decision;
  readonly reason: Text;
  /** By when it is to be dealt with there; null when nothing presses. */
  readonly deadline: string | null;
}

export interface Finding {
  /** The CVE where there is one, else the id of the advisory. */
  readonly id: string;
  readonly aliases: readonly string[];
  readonly package: {
    readonly purl: string;
    readonly name: string;
    readonly version: string;
    readonly type: string;
    readonly path: string | null;
    readonly layer: Digest | null;
  };
  readonly fixedVersion: string | null;
  readonly severity: Severity;
  /** CVSS base score, 0 to 10. */
  readonly cvss: number | null;
  /** In CISA's list of vulnerabilities that are being exploited. */
  readonly kev: boolean;
  /** FIRST's probability of exploitation within 30 days, 0 to 1. */
  readonly epss: number | null;
  readonly risk: RiskClass;
  readonly title: string;
  readonly url: string | null;
  /** Why this risk class, in one sentence. */
  readonly reason: Text;
  /** What to do: the most urgent answer of the places where the image runs, or that for the image alone. */
  readonly decision: Decision;
  readonly decisionReason: Text;
  readonly cvssVectors: readonly CvssVector[];
  /** What CISA asks of it; null when it is not in the list. */
  readonly kevDetail: { readonly dueDate: string | null; readonly ransomware: boolean } | null;
  /** One of each environment where it runs; empty in what is stored: it is worked out at reading. */
  readonly here: readonly FindingHere[];
  readonly exception: FindingException | null;
  readonly vex: FindingVex | null;
}

/** Worst first. */
export const CHECK_SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;
export type CheckSeverity = (typeof CHECK_SEVERITIES)[number];

/** Something about an image, Containerfile or manifest that should be otherwise. */
export interface Misconfiguration {
  /** Of the check: 'image-root-user', 'k8s-host-network'. */
  readonly id: string;
  readonly severity: CheckSeverity;
  readonly title: Text;
  /** What is wrong here. */
  readonly message: Text;
  readonly remedy: Text;
  /** Items of standards that ask for it: 'CIS Docker 4.1', 'PSS baseline'. */
  readonly standards: readonly string[];
  /** File that says so (manifest, Containerfile, path in the image); null: the image's configuration. */
  readonly path: string | null;
  /** From 1. */
  readonly line: number | null;
  /** The object or container that it is about: 'Deployment web', 'container app'. */
  readonly subject: string | null;
  readonly layer: Digest | null;
}

/** One upgrade, and what it removes. */
export interface FixStep {
  readonly kind: 'base' | 'package';
  /** As one would say it: 'upgrade openssl 3.0.15 → 3.0.17'. */
  readonly title: Text;
  readonly name: string;
  /** purl type; null for a base image. */
  readonly type: string | null;
  readonly from: string;
  readonly to: string;
  readonly path: string | null;
  readonly layer: Digest | null;
  /** The line of the Containerfile that made the layer, from the image's history. */
  readonly line: string | null;
  /** Keys `ID|purl` of the findings that are gone after it and were not after the steps before. */
  readonly findings: readonly string[];
  readonly removes: {
    readonly findings: number;
    readonly kev: number;
    readonly byDecision: Readonly<Record<Decision, number>>;
  };
  /** How much of the image's risk it takes away, 0 to 1. */
  readonly share: number;
}

/** The fewest upgrades that remove the most risk, best first. */
export interface FixPlan {
  readonly steps: readonly FixStep[];
  /** Findings that some step removes, and all there are. */
  readonly removes: number;
  readonly of: number;
}

/** What is in an image and what is known to be broken in it, on the day of `scannedAt`. */
export interface ScanReport {
  readonly id: string;
  readonly digest: Digest;
  readonly scannedAt: string;
  /** False: something could not be read, so the absence of a finding means nothing. */
  readonly complete: boolean;
  readonly incomplete: Text | null;
  readonly distribution: Distribution | null;
  readonly packages: number;
  readonly packagesByType: Readonly<Record<string, number>>;
  /** The scan was asked for other things: nobody looked for packages, so that there are none means nothing. */
  readonly withoutPackages?: boolean;
  readonly findings: readonly Finding[];
  /** Credentials that lie in the image; never their values. */
  readonly secrets: readonly SecretFinding[];
  /** Credentials that the project's baseline names, left out of `secrets`; not in what is stored. */
  readonly secretsKnown?: number;
  readonly malware: MalwareResult;
  readonly summary: {
    /** `clean` is said only of a complete scan whose every package type has advisory data. */
    readonly state: 'clean' | 'findings' | 'unknown';
    /** Findings that nobody answered for. */
    readonly byRisk: Readonly<Record<RiskClass, number>>;
    /** Findings that a believed statement or an exception answers for; absent in what is stored. */
    readonly answered?: number;
  };
  readonly misconfigurations: readonly Misconfiguration[];
  /** Files that could not be understood; what they may hold is not known. Absent in reports of before. */
  readonly notices?: readonly { readonly path: string; readonly reason: Text }[];
  /** Archives of Java that nothing in them names and no index knows. */
  readonly unnamedArchives?: number;
  /** 0: nothing is known to be wrong; 100: as bad as it gets; null: not complete, or no packages looked for. See `scoreImage`. */
  readonly score: number | null;
  readonly plan: FixPlan;
  /** Where it runs, as of reading; empty in what is stored. */
  readonly places: readonly Place[];
  readonly advisories: {
    readonly sources: readonly AdvisorySource[];
    /** By purl type of the packages found. */
    readonly coverage: Readonly<Record<string, Coverage>>;
  };
  readonly durationMs: number;
  readonly layers: readonly {
    readonly digest: Digest;
    readonly sizeBytes: number;
    readonly packages: number;
    readonly cached: boolean;
    /** The step of the build that made it, as the image's history tells; null when it does not. */
    readonly createdBy: string | null;
  }[];
}

/** A stored report as one of today: what an earlier version did not write gets the value that claims nothing. */
export function readStoredReport(body: string): ScanReport {
  const stored = JSON.parse(body) as ScanReport;
  return {
    ...stored,
    misconfigurations: stored.misconfigurations ?? [],
    score: stored.score ?? null,
    plan: stored.plan ?? { steps: [], removes: 0, of: stored.findings.length },
    places: [],
    notices: (stored.notices ?? []).map(({ path, reason }: { path: string; reason: Text | string }) => ({
      path,
      reason: typeof reason === 'string' ? noticeText(reason) : reason,
    })),
    layers: stored.layers.map((layer) => ({ ...layer, createdBy: layer.createdBy ?? null })),
    findings: stored.findings.map((finding) => ({
      ...finding,
      decision: finding.decision ?? 'track',
      decisionReason: finding.decisionReason ?? finding.reason,
      cvssVectors: finding.cvssVectors ?? [],
      kevDetail: finding.kevDetail ?? null,
      here: [],
      exception: null,
      vex: null,
    })),
  };
}
