import type { AdvisorySource, Coverage, Severity } from '../advisories/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Text } from '../system/index.ts';
import type { MalwareResult } from './malware/result.ts';
import type { Distribution } from './package.ts';
import type { SecretFinding } from './secrets/secret.ts';

export type { Severity } from '../advisories/index.ts';

/** What a finding asks of people. Worst first. */
export const RISK_CLASSES = ['act-now', 'high', 'medium', 'low', 'unknown'] as const;
export type RiskClass = (typeof RISK_CLASSES)[number];

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
  readonly findings: readonly Finding[];
  /** Credentials that lie in the image; never their values. */
  readonly secrets: readonly SecretFinding[];
  readonly malware: MalwareResult;
  readonly summary: {
    /** `clean` is said only of a complete scan whose every package type has advisory data. */
    readonly state: 'clean' | 'findings' | 'unknown';
    readonly byRisk: Readonly<Record<RiskClass, number>>;
  };
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
  }[];
}
