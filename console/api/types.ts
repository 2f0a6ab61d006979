/** The records of the REST API, as the control program sends them. Times are RFC 3339 UTC, sizes bytes, digests `sha256:…`. */

export interface Text {
  readonly en: string;
  readonly es: string;
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface List<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** RFC 9457 problem document. */
export interface Problem {
  readonly type?: string;
  readonly title: string;
  readonly status?: number;
  readonly detail?: string;
  readonly code: string;
  readonly kind: string;
  readonly remedy?: string;
  readonly details?: Json;
}

export type Role = 'admin' | 'developer' | 'analyst' | 'approver' | 'auditor';

export interface Grant {
  readonly role: Role;
  readonly project: string;
}

export interface Me {
  readonly id: string;
  readonly name: string;
  readonly actor: string;
  readonly grants: readonly Grant[];
  readonly language: 'en' | 'es' | null;
  readonly hasPassword: boolean;
}

export type PartState = 'ok' | 'degraded' | 'down' | 'absent';

export interface Adaptation {
  readonly code: string;
  readonly text: Text;
}

export interface Status {
  readonly instance: string;
  readonly version: string;
  readonly mode: 'root' | 'rootless';
  readonly startedAt: string;
  readonly parts: readonly {
    readonly name: 'control' | 'agent' | 'sensor' | 'edge' | 'database' | 'engine';
    readonly state: PartState;
    readonly detail: Text | null;
    readonly since: string;
  }[];
  readonly adaptations: readonly Adaptation[];
  readonly domain: string;
  readonly registry: string;
}

export interface Fact {
  readonly seq: number;
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly project: string | null;
  readonly actor: string;
  readonly subject: string;
  readonly digest: string | null;
  readonly body: Json;
  readonly hash: string;
}

export interface Todo {
  readonly id: string;
  readonly kind: string;
  readonly weight: number;
  readonly text: Text;
  readonly href: string;
  readonly action: Text;
}

export interface Overview {
  readonly serving: {
    readonly ok: number;
    readonly total: number;
    readonly degraded: readonly {
      readonly project: string;
      readonly environment: string;
      readonly workload: string;
      readonly text: Text;
    }[];
  };
  readonly todo: readonly Todo[];
  readonly changes: readonly Fact[];
}

export type ReleaseState =
  | 'judging'
  | 'refused'
  | 'awaiting-approval'
  | 'rolling-out'
  | 'canary'
  | 'available'
  | 'rolled-back'
  | 'failed'
  | 'superseded';

export interface EnvironmentSummary {
  readonly name: string;
  readonly class: 'development' | 'pre-production' | 'production';
  readonly policy: string;
  /** People other than the requester who must agree; 0: direct deploys are taken. */
  readonly approvals: number;
  readonly release: { readonly id: string; readonly number: number; readonly state: ReleaseState } | null;
  readonly workloads: { readonly ok: number; readonly total: number };
}

export interface Project {
  readonly name: string;
  readonly createdAt: string;
  readonly environments: readonly EnvironmentSummary[];
}

export type WorkloadPhase =
  | 'progressing'
  | 'available'
  | 'degraded'
  | 'refused'
  | 'rolled-back'
  | 'stopped'
  | 'canary'
  | 'running'
  | 'completed'
  | 'failed'
  | 'scheduled'
  | 'suspended';

export interface Replica {
  readonly name: string;
  readonly podId: string | null;
  readonly specHash: string;
  readonly phase: string;
  readonly ready: boolean;
  readonly restarts: number;
  readonly startedAt: string | null;
  readonly containers: readonly {
    readonly name: string;
    readonly id: string | null;
    readonly image: string;
    readonly digest: string | null;
    readonly state: string;
    readonly probes?: readonly {
      readonly kind: 'startup' | 'readiness' | 'liveness';
      readonly state: 'waiting' | 'passing' | 'failing';
      readonly why: string | null;
    }[];
  }[];
}

/** Something that happened to the pods of a workload. */
export interface WorkloadEvent {
  readonly kind: string;
  readonly trouble: boolean;
  readonly replica: string | null;
  readonly text: Text;
  readonly count: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

export interface WorkloadStatus {
  readonly project: string;
  readonly environment: string;
  readonly name: string;
  readonly kind: string;
  readonly specHash: string;
  readonly phase: WorkloadPhase;
  readonly ready: number;
  readonly wanted: number;
  readonly updated: number;
  readonly image: readonly { readonly repository: string; readonly digest: string }[];
  /** Null for what somebody ran beside the releases. */
  readonly release: number | null;
  readonly conditions: readonly { readonly type: string; readonly since: string; readonly text: Text }[];
  readonly endpoints: readonly { readonly url: string }[];
  readonly replicas: readonly Replica[];
  /** When a CronJob runs, as it was written, with its time zone. */
  readonly schedule?: string;
  /** Of what runs to an end. */
  readonly job?: {
    readonly active: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly next: string | null;
  };
}

export type Decision = 'allow' | 'warn' | 'refuse';

export interface Verdict {
  readonly id: string;
  readonly at: string;
  readonly door: string;
  readonly decision: Decision;
  readonly reasons: readonly {
    readonly rule: string;
    readonly effect: string;
    readonly message: Text;
    readonly remedy: Text | null;
    readonly subject: string | null;
  }[];
  readonly policy: { readonly name: string; readonly version: string | number };
  readonly project: string;
  readonly environment: string | null;
  readonly digest: string;
  readonly specHash: string | null;
  readonly expiresAt: string | null;
}

export interface ImageDigest {
  readonly name: string;
  readonly repository: string;
  readonly digest: string;
}

export interface Release {
  readonly id: string;
  readonly number: number;
  readonly environment: string;
  readonly state: ReleaseState;
  readonly digests: readonly ImageDigest[];
  readonly createdAt: string;
  readonly createdBy: string;
  readonly promotedFrom: { readonly environment: string; readonly number: number } | null;
  readonly verdict: Verdict | null;
  readonly specHash: string;
  /** What was changed by hand of the release before. */
  readonly change?: {
    readonly kind: 'scale' | 'restart' | 'pause' | 'resume';
    readonly workload: string;
    readonly replicas?: number;
  } | null;
  /** Why it failed or went back; absent or empty for any other. */
  readonly why?: readonly { readonly workload: string | null; readonly text: Text }[];
}

export type PromotionState = 'judging' | 'refused' | 'awaiting-approval' | 'approved' | 'rejected' | 'done' | 'failed';

export interface Promotion {
  readonly id: string;
  readonly project: string;
  readonly from: string;
  readonly to: string;
  readonly state: PromotionState;
  readonly digests: readonly ImageDigest[];
  readonly requestedBy: string;
  /** The person behind a token or robot that asked. */
  readonly requester: string;
  /** Who asked for it or had a part in what is promoted: they cannot approve it. */
  readonly involved: readonly string[];
  readonly requestedAt: string;
  readonly verdict: Verdict | null;
  readonly approvals: readonly {
    readonly by: string;
    readonly at: string;
    readonly decision: 'approve' | 'reject';
    readonly comment: string | null;
  }[];
  readonly required: number;
  readonly releaseId: string | null;
}

export interface Route {
  readonly host: string;
  readonly url: string;
  readonly project: string;
  readonly environment: string;
  readonly service: string;
  readonly ready: number | boolean | null;
  readonly kind: 'http' | 'tcp';
  readonly path: string;
  /** How the edge treats its requests, by the names of its rules. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A request that came to the edge; never with what stood behind its question mark. */
export interface AccessEntry {
  readonly at: string;
  readonly kind: 'http' | 'tcp';
  readonly service: string | null;
  readonly client: string;
  readonly method: string | null;
  readonly host: string | null;
  readonly path: string | null;
  readonly status: number | null;
  readonly durationMs: number | null;
  readonly agent: string | null;
  readonly refused: 'network' | 'method' | 'agent' | 'path' | 'rate' | 'length' | null;
  readonly ended: string | null;
}

export interface ServedCertificate {
  readonly id: string;
  readonly project: string | null;
  readonly names: readonly string[];
  readonly issuer: string;
  readonly notAfter: string;
  readonly source: 'upload' | 'acme';
  readonly addedBy: string;
  readonly state: 'valid' | 'expiring' | 'expired';
  readonly days: number;
}

export interface CertificateOrder {
  readonly id: string;
  readonly names: readonly string[];
  readonly state: 'waiting' | 'valid' | 'failed';
  readonly detail: Text | null;
  readonly nextAt: string;
}

export interface ShownPolicy {
  readonly environment: string;
  readonly name: string;
  readonly selects: readonly string[];
  readonly ingress: readonly string[] | null;
  readonly egress: readonly string[] | null;
  readonly egressNames: readonly string[];
}

export interface Volume {
  readonly project: string;
  readonly environment: string;
  readonly claim: string;
  readonly class: string;
  readonly state:
    | 'pending'
    | 'ready'
    | 'in-use'
    | 'nearly-full'
    | 'full'
    | 'unavailable'
    | 'released'
    | 'removing'
    | 'unknown';
  readonly why: Text | null;
  readonly accessModes: readonly string[];
  readonly requestedBytes: number;
  readonly reclaim: { readonly policy: 'retain' | 'delete'; readonly afterHours: number };
  readonly host: string | null;
  readonly epoch: number;
  readonly sealed: boolean;
  readonly createdAt: string;
  readonly look: {
    readonly usedBytes: number | null;
    readonly freeBytes: number | null;
    readonly limit: { readonly enforced: true } | { readonly enforced: false; readonly why: Text };
    readonly containers: number;
  } | null;
}

export interface VolumeCopy {
  readonly id: string;
  readonly project: string;
  readonly environment: string;
  readonly claim: string;
  readonly kind: 'snapshot' | 'backup';
  readonly repository: string | null;
  readonly state: 'running' | 'done' | 'failed';
  readonly bytes: number | null;
  readonly files: number | null;
  readonly problem: Text | null;
  readonly createdAt: string;
  readonly verified: { readonly at: string; readonly same: boolean } | null;
}

export interface VolumeDetails extends Volume {
  readonly copies: readonly VolumeCopy[];
  readonly schedule: {
    readonly cron: string;
    readonly repository: string;
    readonly nextAt: string;
    readonly keep: Readonly<Record<'last' | 'daily' | 'weekly' | 'monthly', number>>;
    readonly verifyDays: number;
  } | null;
}

export interface RemovalProof {
  readonly volume: string;
  readonly path: string;
  readonly files: number;
  readonly bytes: number;
  readonly how: 'deleted' | 'absent';
  readonly goneAt: string;
  readonly key?: string;
}

export interface StorageClass {
  readonly name: string;
  readonly driver:
    | { readonly kind: 'local' }
    | { readonly kind: 'folder'; readonly path: string }
    | { readonly kind: 'export'; readonly name: string };
  readonly reclaim: Volume['reclaim'];
  readonly accessModes: readonly string[];
  readonly environments: readonly string[];
  readonly maxBytes: number | null;
  readonly isDefault: boolean;
  readonly encrypt: readonly string[];
}

export interface BackupRepository {
  readonly name: string;
  readonly location: string;
  readonly backups: number;
  readonly createdAt: string;
  readonly createdBy: string;
}

/** Which host was told to give a device its file system. */
export interface StorageDevice {
  readonly id: string;
  readonly device: string;
  readonly host: string;
  readonly name: string;
  readonly grantedAt: string;
}

export type Risk = 'act-now' | 'high' | 'medium' | 'low' | 'unknown';
export type ByRisk = Partial<Readonly<Record<Risk, number>>>;

export interface Image {
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly pushedAt: string;
  readonly pushedBy: string;
  readonly sizeBytes: number;
  readonly layers: number;
  readonly quarantine: 'held' | 'released' | 'refused';
  readonly scan: {
    readonly state: string;
    readonly byRisk: ByRisk;
    /** Findings that a believed statement or an exception answers for; not in `byRisk`. */
    readonly answered?: number;
    readonly secrets?: number;
    readonly malware?: 'clean' | 'found' | 'not-scanned';
  } | null;
  readonly verdicts: readonly {
    readonly environment: string | null;
    readonly door: string;
    readonly decision: Decision;
  }[];
}

/** What is attached to a digest, and what is attached to that. */
export interface Referrer {
  readonly digest: string;
  readonly artifactType: string | null;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly createdAt: string | null;
  readonly annotations: Readonly<Record<string, string>>;
  readonly content: readonly string[];
  readonly referrers: readonly Referrer[];
}

export interface LayerFile {
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'hardlink' | 'other' | 'removed' | 'emptied';
  readonly sizeBytes: number | null;
  /** Octal with four digits. */
  readonly mode: string | null;
  readonly linkTarget: string | null;
}

export interface LayerFiles {
  readonly items: readonly LayerFile[];
  readonly next: string | null;
  readonly totals: {
    readonly entries: number;
    readonly files: number;
    readonly sizeBytes: number;
    readonly removed: number;
    readonly matching: number;
  } | null;
}

export interface PullHistory {
  readonly by: 'hour' | 'day';
  readonly from: string;
  readonly to: string;
  readonly total: number;
  readonly lastAt: string | null;
  readonly periods: readonly { readonly at: string; readonly pulls: number }[];
  readonly actors: readonly { readonly actor: string; readonly pulls: number; readonly lastAt: string }[];
  readonly images: readonly {
    readonly repository: string;
    readonly digest: string;
    readonly pulls: number;
    readonly lastAt: string;
  }[];
}

export interface Repository {
  readonly repository: string;
  readonly images: number;
  readonly tags: number;
  readonly sizeBytes: number;
  readonly lastPushedAt: string | null;
}

/** What goes together: tags, and the image with what belongs to it alone. */
export interface Removal {
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly manifests: readonly string[];
  readonly why: Text;
  readonly sizeBytes: number;
}

export interface RetentionPreview {
  readonly project: string;
  readonly at: string;
  readonly removals: readonly Removal[];
  readonly kept: { readonly byRule: number; readonly inUse: number; readonly immutable: number };
  readonly sizeBytes: number;
}

export interface Damage {
  readonly digest: string;
  readonly content: 'blob' | 'manifest';
  readonly kind: 'changed' | 'truncated' | 'missing' | 'unreadable';
  readonly foundAt: string;
  readonly repositories: readonly string[];
  readonly healedAt: string | null;
  readonly healedFrom: string | null;
}

export interface RegistryStatus {
  readonly content: {
    readonly blobs: number;
    readonly bytes: number;
    readonly manifests: number;
    readonly repositories: number;
  };
  readonly scrub: {
    readonly phase: 'blobs' | 'manifests' | null;
    readonly readBytes: number;
    readonly found: number;
    readonly healed: number;
    readonly finishedAt: string | null;
  };
  readonly damages: readonly Damage[];
}

export interface CheckProgress {
  readonly state: 'queued' | 'scanning' | 'judging';
  readonly place: number | null;
  readonly queued: number;
  readonly since: string;
  readonly step: { readonly text: Text | null; readonly done: number | null; readonly total: number | null } | null;
  readonly operation: string | null;
}

export interface QuarantineAnswer {
  readonly repository: string;
  readonly digest: string;
  readonly quarantine: {
    readonly state: 'held' | 'released' | 'refused';
    readonly code: string | null;
    readonly reasons: readonly Text[];
    readonly remedies: readonly Text[];
    readonly warnings: readonly Text[];
    readonly progress: CheckProgress | null;
  };
}

export interface RetentionRule {
  /** Empty: images without a tag. */
  readonly tags: readonly string[];
  readonly keepNewest: number | null;
  readonly keepPushedDays: number | null;
  readonly keepPulledDays: number | null;
}

export interface RepositorySettings {
  readonly anonymousPull: boolean;
  readonly immutableTags: readonly string[];
  readonly retention: readonly RetentionRule[];
  readonly quotaBytes: number | null;
}

/** Null: this pattern says nothing of it, and a less specific one decides. */
export interface PatternSettings {
  readonly pattern: string;
  readonly anonymousPull: boolean | null;
  readonly immutableTags: readonly string[] | null;
  readonly retention: readonly RetentionRule[] | null;
  readonly quotaBytes: number | null;
  readonly updatedAt: string;
  readonly updatedBy: string;
}

export interface SettingsAnswer {
  readonly project: string;
  readonly repository: string | null;
  readonly effective: RepositorySettings | null;
  readonly usage: { readonly usedBytes: number; readonly quotaBytes: number | null };
  readonly items: readonly PatternSettings[];
}

export type StationKind = 'commit' | 'build' | 'scan' | 'signatures' | 'verdict' | 'deploy' | 'alerts';
export type StationState = 'ok' | 'warn' | 'bad' | 'pending' | 'absent';

export interface Station {
  readonly kind: StationKind;
  readonly state: StationState;
  readonly title: Text;
  readonly detail: Text | null;
  readonly at: string | null;
  readonly href: string | null;
}

export interface ImageDetail extends Image {
  readonly config: {
    readonly created: string | null;
    readonly architecture: string | null;
    readonly user: string | null;
    readonly entrypoint: readonly string[] | null;
    readonly cmd: readonly string[] | null;
    readonly env: readonly string[];
  } | null;
  readonly layersList: readonly {
    readonly digest: string;
    readonly sizeBytes: number;
    readonly createdBy: string | null;
  }[];
  readonly quarantineReasons: readonly Text[];
  readonly referrers: readonly Referrer[];
  readonly thread: readonly Station[];
}

export type Severity = 'none' | 'low' | 'medium' | 'high' | 'critical';

export interface Finding {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly package: {
    readonly purl: string;
    readonly name: string;
    readonly version: string;
    readonly type: string;
    readonly path: string | null;
    readonly layer: string | null;
  };
  readonly fixedVersion: string | null;
  readonly severity: Severity | null;
  readonly cvss: number | { readonly score: number; readonly vector?: string } | null;
  readonly kev: boolean;
  readonly epss: number | null;
  readonly risk: Risk;
  readonly title: string;
  readonly url: string | null;
  readonly reason: Text;
  readonly decision: ToDo;
  readonly decisionReason: Text;
  readonly cvssVectors: readonly { readonly source: string; readonly vector: string; readonly score: number | null }[];
  readonly kevDetail: { readonly dueDate: string | null; readonly ransomware: boolean } | null;
  readonly here: readonly {
    readonly environment: string;
    readonly decision: ToDo;
    readonly reason: Text;
    readonly deadline: string | null;
  }[];
  readonly exception: {
    readonly id: string;
    readonly reason: string;
    readonly author: string;
    readonly approver: string;
    readonly expiresAt: string;
  } | null;
  readonly vex: {
    readonly status: VexStatus;
    readonly statement: string | null;
    readonly author: string;
    readonly believedBecause: string;
  } | null;
}

/** What a finding asks of people (SSVC). */
export type ToDo = 'act' | 'attend' | 'track*' | 'track';

export interface Misconfiguration {
  readonly id: string;
  readonly severity: 'critical' | 'high' | 'medium' | 'low';
  readonly message: Text;
  readonly remedy: Text;
  readonly path: string | null;
  readonly line: number | null;
}

export interface FixStep {
  readonly kind: 'base' | 'package';
  readonly title: Text;
  readonly name: string;
  readonly from: string;
  readonly path: string | null;
  readonly layer: string | null;
  readonly line: string | null;
  readonly removes: { readonly findings: number; readonly kev: number };
  readonly share: number;
}

/** A refusal that may be lived with for a while. */
export interface Exception {
  readonly id: string;
  readonly rule: string;
  readonly subject: string | null;
  readonly package: string | null;
  readonly digest: string | null;
  readonly repository: string | null;
  readonly reason: string;
  readonly author: string;
  readonly approver: string | null;
  readonly expiresAt: string;
  readonly state: 'waiting' | 'active' | 'expiring' | 'expired' | 'revoked';
}

export interface ScanChanges {
  readonly previous: string | null;
  readonly appeared: readonly Finding[];
  readonly gone: readonly Finding[];
  readonly packages: {
    readonly added: readonly PackageVersion[];
    readonly removed: readonly PackageVersion[];
    readonly changed: readonly (PackageVersion & { readonly from: string })[];
  };
}

export interface PackageVersion {
  readonly type: string;
  readonly name: string;
  readonly version: string;
}

export interface ListedPackage extends PackageVersion {
  readonly purl: string;
  readonly source: { readonly name: string; readonly version: string } | null;
  readonly licences: readonly string[];
  readonly path: string;
  readonly layer: string;
  readonly findings: number;
}

export interface PackagePage {
  readonly items: readonly ListedPackage[];
  readonly next: string | null;
  readonly matching: number;
  readonly byType: Readonly<Record<string, number>>;
}

export interface PackageFiles {
  readonly files: readonly string[];
  readonly total: number;
}

/** By when a finding, or a whole image that a policy refuses, is to be gone from where it runs. */
export interface Deadline {
  readonly project: string;
  readonly environment: string;
  readonly digest: string;
  readonly finding: string | null;
  readonly package: string | null;
  readonly decision: ToDo | null;
  readonly since: string;
  readonly due: string;
  readonly overAt: string | null;
  readonly reasons: readonly Text[];
}

export type VexStatus = 'not_affected' | 'affected' | 'fixed' | 'under_investigation';

export interface VexRecord {
  readonly id: string;
  readonly format: 'openvex' | 'csaf' | 'cyclonedx';
  readonly document: string;
  readonly author: string;
  readonly claims: number;
  readonly state: 'waiting' | 'approved' | 'revoked';
  readonly uploadedBy: string;
  readonly uploadedAt: string;
  readonly approver: string | null;
}

/** A version of a file that tells the scanner of a project something: rules for credentials, or known ones. */
export interface ScanRuleFile {
  readonly id: string;
  readonly kind: 'secrets' | 'baseline';
  readonly version: number;
  readonly entries: number;
  readonly refused: readonly { readonly rule: string; readonly why: Text }[];
  readonly state: 'active' | 'replaced' | 'removed';
  readonly uploadedBy: string;
  readonly uploadedAt: string;
}

/** What rules for credentials would find in a text. */
export interface TriedRules {
  readonly of: 'given' | 'project' | 'platform';
  readonly rules: number;
  readonly refused: readonly { readonly rule: string; readonly why: Text }[];
  readonly findings: readonly {
    readonly rule: string;
    readonly title: Text;
    readonly severity: Severity;
    readonly line: number;
    readonly column: number;
  }[];
}

/** An image that has a finding, and where it runs. */
export interface FleetImage {
  readonly digest: string;
  readonly risk: Risk;
  readonly packages: readonly {
    readonly name: string;
    readonly version: string;
    readonly fixedVersion: string | null;
  }[];
  readonly places: readonly {
    readonly project: string;
    readonly repository: string;
    readonly tags: readonly string[];
  }[];
  readonly workloads: readonly {
    readonly project: string;
    readonly environment: string;
    readonly name: string;
    readonly replicas: number;
  }[];
}

export interface FleetAnswer {
  readonly finding: string;
  readonly aliases: readonly string[];
  readonly images: number;
  readonly running: number;
  readonly items: readonly FleetImage[];
  readonly next?: string;
}

export interface AdvisorySource {
  readonly name: string;
  readonly kind?: string;
  readonly records: number;
  readonly updatedAt: string;
  readonly ageSeconds: number;
  readonly maxAgeDays?: number;
  readonly isOld?: boolean;
}

export interface ScanReport {
  readonly id: string;
  readonly digest: string;
  readonly scannedAt: string;
  readonly complete: boolean;
  readonly incomplete: Text | null;
  readonly distribution: { readonly id: string; readonly version: string; readonly name: string } | null;
  readonly packages: number;
  readonly packagesByType: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
  readonly summary: {
    readonly state: 'clean' | 'findings' | 'unknown';
    readonly byRisk: ByRisk;
    readonly answered?: number;
  };
  readonly advisories: {
    readonly sources: readonly AdvisorySource[];
    readonly coverage: Readonly<Record<string, 'data' | 'partial' | 'no-data'>>;
  };
  readonly misconfigurations: readonly Misconfiguration[];
  readonly secrets: readonly {
    readonly rule: string;
    readonly title?: Text;
    readonly path: string | null;
    readonly line?: number;
    /** A later layer removes the file; who has the image still has it. */
    readonly removed?: boolean;
    readonly fingerprint: string;
  }[];
  /** Credentials that the project's baseline names, left out of the list. */
  readonly secretsKnown?: number;
  /** Files that could not be understood. */
  readonly notices?: readonly { readonly path: string; readonly reason: Text }[];
  /** Archives of Java without a name. */
  readonly unnamedArchives?: number;
  readonly malware: {
    readonly state: 'clean' | 'found' | 'not-scanned';
    readonly reason: Text | null;
    readonly files: number;
    readonly engines?: readonly {
      readonly name: string;
      readonly version: string;
      readonly signatures: string;
      readonly signaturesAt: string | null;
    }[];
    readonly scannedAt?: string | null;
    readonly findings: readonly { readonly engine?: string; readonly signature: string; readonly path: string }[];
  };
  readonly score: number | null;
  readonly plan: { readonly steps: readonly FixStep[]; readonly removes: number; readonly of: number };
  readonly layers: readonly { readonly digest: string; readonly createdBy: string | null }[];
  readonly durationMs: number;
}

export interface Signature {
  /** Of the same digest in other repositories of the project too: each is judged under its own name. */
  readonly repository: string;
  readonly kind: string;
  readonly signer: string;
  readonly verified: boolean;
  readonly reason: Text | null;
  readonly bundle?: string | null;
  readonly code?: string | null;
  readonly logged?: boolean;
  readonly at: string | null;
}

/** "2 of release, security", and who of them signed. */
export interface SignatureDemand {
  readonly repository: string;
  readonly use: DemandedUse;
  readonly count: number;
  readonly of: readonly string[] | null;
  /** Environments whose starts need it; null: all. */
  readonly environments: readonly string[] | null;
  readonly signers: readonly string[];
  readonly met: boolean;
  /** Named by the trust policy: nothing starts without it. */
  readonly needed: boolean;
}

export type DemandedUse = 'image' | 'provenance' | 'sbom' | 'scan' | 'approval';

export interface SignatureAnswer {
  readonly items: readonly Signature[];
  readonly demands: readonly SignatureDemand[];
}

/** A public key that is believed, or that the platform signs with. */
export interface TrustKey {
  readonly id: string;
  readonly name: string;
  readonly uses: readonly string[];
  readonly repositories: readonly string[];
  readonly publicKeyPem: string;
  readonly algorithm: string;
  readonly createdAt: string;
  readonly validFrom: string | null;
  readonly validUntil: string | null;
  readonly revokedAt: string | null;
  readonly signsHere: boolean;
}

export interface TrustDemand {
  readonly count: number;
  readonly of?: readonly string[];
  readonly environments?: readonly string[];
}

export interface TrustDocument {
  readonly version: 1;
  readonly binding?: 'required' | 'ignored';
  readonly roots?: Readonly<Record<string, Json>>;
  readonly signers?: readonly {
    readonly name: string;
    readonly uses: readonly string[];
    readonly repositories?: readonly string[];
    readonly key?: string;
    readonly keyless?: { readonly issuer: string; readonly subject: string; readonly root: string };
    readonly notation?: { readonly authorities: readonly string[]; readonly subject: string };
    readonly validFrom?: string;
    readonly validUntil?: string;
    readonly revokedAt?: string;
  }[];
  readonly rules?: readonly {
    readonly repositories: readonly string[];
    readonly image?: TrustDemand;
    readonly provenance?: TrustDemand;
    readonly sbom?: TrustDemand;
    readonly scan?: TrustDemand;
    readonly approval?: TrustDemand;
    readonly alsoBoundTo?: readonly string[];
    readonly binding?: 'required' | 'ignored';
  }[];
  readonly administrators?: { readonly count: number; readonly keys: readonly string[] };
}

export interface TrustPolicy {
  /** 0: nobody wrote one yet. */
  readonly version: number;
  readonly document: TrustDocument;
  readonly signatures: readonly Json[];
  readonly actor: string;
  readonly createdAt: string;
}

export interface Remote {
  readonly name: string;
  readonly url: string;
  readonly username: string | null;
  readonly hasSecret: boolean;
  readonly repositories: readonly string[];
  readonly projects: readonly string[];
  readonly offline: boolean;
  readonly createdBy: string;
  readonly updatedAt: string;
}

export interface Mirror {
  readonly prefix: string;
  readonly project: string;
  readonly remote: string;
  readonly upstream: string;
  readonly pullThrough: boolean;
  readonly repositories: readonly string[];
  readonly tags: readonly string[];
  readonly everySeconds: number | null;
  readonly createdBy: string;
  readonly syncedAt: string | null;
  readonly syncState: 'running' | 'done' | 'failed' | null;
  readonly syncDetail: { readonly brought: number; readonly gone: number; readonly problem: Text | null } | null;
  readonly nextSyncAt: string | null;
}

export interface Watch {
  readonly name: string;
  readonly remote: string;
  readonly repositories: readonly string[];
  readonly createdBy: string;
  readonly checkedAt: string | null;
  readonly state: 'running' | 'done' | 'failed' | null;
  readonly detail: {
    readonly images: number;
    readonly refused: number;
    readonly unsigned: number;
    readonly problem: Text | null;
  } | null;
  readonly nextAt: string;
}

export interface CopyFinding {
  readonly id: string;
  readonly kind: 'ours-elsewhere' | 'other-digest' | 'no-source';
  readonly place: string;
  readonly project: string | null;
  readonly here: string;
  readonly digest: string;
  readonly detail: Text;
  readonly foundAt: string;
}

export interface Replication {
  readonly name: string;
  readonly remote: string;
  readonly repositories: readonly string[];
  readonly paused: boolean;
  readonly createdBy: string;
  readonly succeededAt: string | null;
  readonly waiting: number;
  readonly failing: number;
  readonly refused: number;
  readonly lagSeconds: number | null;
  readonly problem: Text | null;
}

/** An image where it lies elsewhere, and what was found in it. */
export interface WatchedImage {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  readonly changedAt: string;
  readonly checkedAt: string;
  readonly examination: {
    readonly complete: boolean;
    readonly packages: number;
    readonly byRisk: Readonly<Record<string, number>>;
    readonly signers: readonly string[];
    readonly decision: Decision;
    readonly reasons: readonly Text[];
  } | null;
  readonly problem: Text | null;
}

export interface WatchDetail extends Watch {
  readonly images: readonly WatchedImage[];
}

export interface ReplicationEntry {
  readonly id: string;
  readonly action: 'put' | 'delete';
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string;
  readonly queuedAt: string;
  readonly nextAt: string;
  readonly attempts: number;
  readonly state: 'waiting' | 'done' | 'same' | 'refused' | 'gone';
  readonly endedAt: string | null;
  readonly bytes: number;
  readonly problem: Text | null;
}

export interface ReplicationDetail extends Replication {
  readonly entries: readonly ReplicationEntry[];
}

/** A platform elsewhere whose identity tokens may be believed. */
export interface Issuer {
  readonly name: string;
  readonly url: string;
  readonly audience: string;
  readonly createdBy: string;
}

export interface Member {
  readonly name: string;
  readonly roles: readonly Role[];
}

export interface Robot {
  readonly id: string;
  readonly project: string;
  readonly name: string;
  readonly login: string;
  readonly rights: readonly string[];
  readonly repositories: readonly string[];
  readonly state: 'active' | 'disabled' | 'expired';
  readonly expiresAt: string;
  readonly createdBy: string;
  readonly lastUsedAt: string | null;
}

export interface WorkloadRule {
  readonly id: string;
  readonly name: string;
  readonly issuer: string;
  readonly claims: readonly { readonly claim: string; readonly value: string }[];
  readonly rights: readonly string[];
  readonly repositories: readonly string[];
  readonly minutes: number;
  readonly createdBy: string;
}

export interface PolicyRevision {
  readonly name: string;
  readonly revision: number;
  readonly source: string;
  readonly author: string;
  readonly createdAt: string;
  readonly approver: string | null;
  readonly state: 'waiting' | 'active' | 'superseded' | 'rejected' | 'removed';
}

interface ChangedAnswer {
  readonly at: string;
  readonly subject: string;
  readonly digest: string;
  readonly before: Decision;
  readonly after: Decision;
  readonly reasons: readonly { readonly rule: string; readonly message: Text }[];
}

/** What a policy would have said of what was judged. */
export interface PolicyReplay {
  readonly replayed: number;
  readonly same: number;
  readonly newlyRefused: readonly ChangedAnswer[];
  readonly newlyAllowed: readonly ChangedAnswer[];
  readonly otherwise: readonly ChangedAnswer[];
  readonly counts: { readonly newlyRefused: number; readonly newlyAllowed: number; readonly otherwise: number };
  /** Rules that could not be evaluated, and how often. */
  readonly errors: readonly { readonly rule: string; readonly times: number; readonly why: string }[];
}

/** A change of the policy of an environment. */
export interface PolicyChange {
  readonly id: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
  readonly state: 'waiting' | 'applied' | 'rejected' | 'superseded';
  readonly requestedBy: string;
  /** The person behind it. */
  readonly requester: string;
  readonly requestedAt: string;
  readonly decidedBy: string | null;
  readonly decidedAt: string | null;
}

/** What a policy says of an image that runs, as of a new release. */
export interface RunningUnder {
  readonly workload: string;
  readonly repository: string;
  readonly digest: string;
  readonly decision: Decision;
  readonly reasons: readonly { readonly rule: string; readonly effect: string; readonly message: Text }[];
}

export interface EnvironmentPolicy {
  readonly environment: string;
  readonly class: EnvironmentSummary['class'];
  readonly policy: string;
  /** Whether the next deploy’s project file may name another one. */
  readonly followsFile: boolean;
  readonly waiting: PolicyChange | null;
  readonly changes: readonly PolicyChange[];
  readonly running: readonly RunningUnder[];
  /** Why its policy cannot be asked. */
  readonly problem: Text | null;
}

export interface PolicyTrial {
  readonly policy: string;
  readonly current: string;
  readonly replay: PolicyReplay;
  readonly running: readonly RunningUnder[];
}

export interface Policy {
  readonly name: string;
  readonly origin?: 'preset' | 'own';
  /** Only of one policy. */
  readonly source?: string;
  readonly version: string | number;
  readonly description: Text;
  readonly rules: readonly {
    readonly id: string;
    readonly effect: string;
    readonly message: Text;
    readonly when: string;
  }[];
  /** Named in the messages of rules as `{name}`. */
  readonly params?: readonly { readonly name: string; readonly value: Json; readonly description: Text }[];
  /** What is right and may not be expected, with its line. */
  readonly warnings?: readonly { readonly line: number; readonly text: Text }[];
}

export interface Base {
  readonly name: string;
  readonly release: string;
  readonly include: readonly string[];
  readonly digest: string;
  readonly createdAt: string;
  readonly packages: number;
  readonly sizeBytes: number;
}

export type OperationState = 'running' | 'done' | 'failed' | 'refused' | 'interrupted' | 'cancelled';

export interface Step {
  readonly id: string;
  readonly parent: string | null;
  readonly title: Text;
  readonly state: 'running' | 'done' | 'failed' | 'waiting';
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly done: number | null;
  readonly total: number | null;
  readonly unit: 'bytes' | 'layers' | 'items' | null;
  readonly detail: Text | null;
  readonly notes: readonly Text[];
}

/** The live stream and the list send operations without steps; the operation's own address sends them. */
export interface OperationSummary {
  readonly id: string;
  readonly kind: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly actor: string;
  readonly state: OperationState;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly title: Text;
  readonly result?: Json;
  readonly problem?: Problem | null;
}

export interface Operation extends OperationSummary {
  readonly steps: readonly Step[];
}

/** Priorities are Falco's words. */
export type Priority = 'Emergency' | 'Alert' | 'Critical' | 'Error' | 'Warning' | 'Notice' | 'Informational' | 'Debug';

export type IncidentState = 'open' | 'acknowledged' | 'contained' | 'closed';

export interface Incident {
  readonly number: number;
  /** Null for what happened on a host outside any container of the platform. */
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  readonly containerId: string | null;
  readonly host: string;
  readonly title: string;
  readonly rule: string;
  readonly priority: string;
  readonly state: IncidentState;
  readonly openedAt: string;
  readonly lastAlertAt: string;
  readonly alerts: number;
  readonly owner: string | null;
  readonly digest: string | null;
  readonly closedAt?: string | null;
  readonly decision?: string | null;
  readonly reason?: string | null;
  /** Known to be there no longer: what was done to the container went with it. */
  readonly containerGone?: boolean;
}

export interface ProcessFacts {
  readonly pid: number;
  readonly ppid: number;
  readonly name: string;
  readonly exe: string;
  readonly cmdline: string;
  readonly cwd: string;
  readonly uid: number;
  readonly tty: number | string | null;
  readonly startedAt: string | null;
}

export interface Alert {
  readonly id: string;
  readonly at: string;
  readonly rule: string;
  /** The name of the rule in the reader's language. */
  readonly title: string;
  readonly priority: string;
  readonly tags: readonly string[];
  readonly output: string;
  readonly outputFields: Readonly<Record<string, Json>>;
  readonly container: Readonly<Record<string, Json>> | null;
  readonly process: ProcessFacts | null;
  readonly ancestors: readonly { readonly pid: number; readonly name: string }[];
  /** A text of the event was longer than what is kept. */
  readonly truncated?: true;
}

export interface ProcessNode {
  readonly pid: number;
  readonly ppid: number;
  readonly name: string;
  readonly cmdline: string;
  /** Null where only a descendant was seen. */
  readonly uid: number | null;
  readonly user: string | null;
  readonly startedAt: string | null;
  readonly alert: boolean;
  readonly children: readonly ProcessNode[];
}

export interface IncidentDetail extends Incident {
  readonly alertsList: readonly Alert[];
  readonly timeline: readonly {
    readonly at: string;
    readonly kind: string;
    readonly tone?: 'plain' | 'good' | 'warn' | 'bad';
    readonly title: Text;
    readonly actor: string | null;
    readonly href: string | null;
    readonly digest: string | null;
  }[];
  readonly processTree: readonly ProcessNode[];
  readonly actions: readonly {
    readonly id: string;
    readonly at: string;
    readonly actor: string;
    readonly action: string;
    readonly target: string;
    readonly state: ActionState;
    readonly detail: Text | null;
    readonly reason: string | null;
  }[];
}

export type ActionState = 'awaiting' | 'queued' | 'running' | 'done' | 'failed' | 'unknown' | 'dry-run' | 'declined';

export interface IncidentComment {
  readonly id: string;
  readonly at: string;
  readonly author: string;
  readonly text: string;
}

/** What people wrote down about an incident, and the incidents that belong to it. */
export interface IncidentCase {
  readonly items: readonly IncidentComment[];
  readonly links: readonly Incident[];
}

export interface PlaybookRun {
  readonly id: string;
  readonly playbook: string;
  readonly actor: string;
  /** The person behind what started it. */
  readonly starter: string;
  /** Who wrote the playbook. */
  readonly author: string;
  readonly state: 'queued' | 'running' | 'awaiting' | 'done' | 'failed' | 'declined' | 'interrupted';
  readonly at: string;
  readonly steps: readonly {
    readonly do: string;
    readonly state: 'pending' | 'awaiting' | 'running' | 'done' | 'skipped' | 'failed' | 'declined';
    readonly by: string | null;
    readonly detail: Text | null;
  }[];
}

export interface StoredPlaybook {
  readonly playbook: {
    readonly name: string;
    readonly description: string;
    readonly steps: readonly { readonly do: string; readonly approve: boolean }[];
  };
  readonly source: string;
  readonly author: string;
  readonly at: string;
}

/** What a step of a playbook would do now. */
export interface PlannedStep {
  readonly do: string;
  readonly approve: boolean;
  readonly effect: readonly Text[];
  readonly why: Text | null;
}

export interface SavedFilter {
  readonly name: string;
  readonly query: Readonly<Record<string, string>>;
}

/** What became of each incident of several. */
export interface Triage {
  readonly items: readonly { readonly number: number; readonly problem: Problem | null }[];
}

/** Something that can be done about an incident, with what it will do. */
export interface Offer {
  readonly kind: string;
  readonly title: Text;
  readonly effect: readonly Text[];
  readonly undo: string | null;
  readonly contains: boolean;
  /** Why it cannot be done now; null: it can. */
  readonly why: Text | null;
}

export interface Evidence {
  readonly id: string;
  readonly at: string;
  readonly takenBy: string;
  readonly reason: string | null;
  readonly bytes: number;
  readonly deletedAt: string | null;
  readonly frozen: boolean;
  readonly milliseconds: number;
  readonly files: number;
  readonly parts: readonly { readonly part: string; readonly state: 'whole' | 'partial' | 'absent' }[];
}

export interface Host {
  readonly name: string;
  readonly state: 'connected' | 'away';
  readonly lastSeenAt: string;
  /** Null until the agent of the host has told. */
  readonly kernel: { readonly release: string; readonly version: string } | null;
  readonly engine: {
    readonly name: string;
    readonly version: string;
    readonly runtime: string;
    readonly rootless: boolean;
  } | null;
  readonly cgroup: 'v1' | 'v2' | 'hybrid' | null;
  readonly sensor: {
    readonly state: string;
    readonly coverage: {
      readonly programs: readonly string[];
      readonly missing: readonly { readonly what: string; readonly why: Text }[];
    };
    readonly lost: Readonly<Record<string, number>>;
    readonly events: number;
  } | null;
  readonly adaptations: readonly Adaptation[];
}

export type TruthState = 'exposed' | 'unknown' | 'mitigated' | 'live-patched' | 'not-reachable' | 'not-affected';

export interface KernelData {
  readonly state: 'data' | 'no-data';
  readonly advisories: number;
  readonly updatedAt: string | null;
  readonly isOld: boolean;
}

/** A host of the fleet, in the few words of a row. */
export interface FleetHost {
  readonly host: string;
  readonly release: string;
  readonly rebootRequired: boolean;
  readonly livePatches: readonly string[];
  /** Null: it did not say when it gathered its facts. */
  readonly clockOffSeconds: number | null;
  /** Null: there are no kernel advisories. */
  readonly summary: Readonly<Record<TruthState, number>> | null;
}

export interface FleetHostOfCve {
  readonly host: string;
  readonly state: TruthState;
  readonly release: string;
  readonly evidence: readonly Text[];
  readonly wayOut: { readonly kind: string; readonly text: Text } | null;
}

export interface FleetOfCve {
  readonly cve: string;
  readonly title: string;
  readonly summary: Readonly<Record<TruthState, number>>;
  readonly hosts: number;
  readonly items: readonly FleetHostOfCve[];
}

export interface HostKernel {
  readonly data: KernelData;
  readonly summary: Readonly<Record<TruthState, number>> | null;
  readonly facts: {
    readonly kernel: { readonly buildId: string | null; readonly upstream: string | null };
    readonly lockdown: string | null;
    readonly lsm: readonly string[];
    readonly modules: { readonly loaded: readonly unknown[] | null; readonly available: readonly string[] | null };
    readonly livePatches: readonly { readonly name: string; readonly enabled: boolean; readonly transition: boolean }[];
    readonly reboot: { readonly isRequired: boolean; readonly because: readonly string[] };
    readonly cpu: { readonly microcode: string | null };
  };
  readonly runtimes: readonly {
    readonly program: string;
    readonly version: string;
    readonly package: string | null;
    readonly issues: readonly {
      readonly cve: string;
      readonly state: TruthState;
      readonly title: Text;
      readonly evidence: Text;
    }[];
  }[];
}

export interface KernelCves {
  readonly cves: readonly {
    readonly cve: string;
    readonly state: TruthState;
    readonly title: string;
    readonly cvss: number | null;
    readonly kev: boolean;
    readonly fixedIn: string | null;
    readonly evidence: readonly Text[];
  }[];
}

export interface KernelPatch {
  readonly name: string;
  readonly digest: string;
  readonly cves: readonly string[];
  readonly signers: readonly string[];
  readonly doubt: Text | null;
  /** Numbers of hosts. */
  readonly inForce: number;
  readonly fitting: number;
}

export type RolloutPhase =
  | 'waiting'
  | 'applying'
  | 'watching'
  | 'well'
  | 'failed'
  | 'lost'
  | 'absent'
  | 'withdrawing'
  | 'withdrawn'
  | 'stuck';

export interface KernelRollout {
  readonly id: string;
  readonly patch: string;
  readonly state: 'running' | 'paused' | 'withdrawing' | 'done' | 'rolled-back' | 'stopped';
  readonly why: Text | null;
  readonly startedAt: string;
  /** Hosts may be changed now, as far as maintenance windows go. */
  readonly isOpen: boolean;
  readonly rings: readonly {
    readonly name: string;
    readonly hosts: number;
    readonly phases: Readonly<Partial<Record<RolloutPhase, number>>>;
  }[];
  readonly kind: 'patch' | 'restart';
  readonly notable: readonly { readonly host: string; readonly phase: RolloutPhase; readonly why: Text | null }[];
}

export interface ShieldEntry {
  readonly id: string;
  readonly title: Text;
  readonly cves: readonly string[];
  /** What stops working. */
  readonly cost: Text;
}

/** A host of the plan of restarts. */
export interface RebootNeed {
  readonly host: string;
  readonly release: string;
  readonly newest: string | null;
  readonly isNeeded: boolean;
  readonly because: readonly string[];
}

export interface ModuleUse {
  readonly module: string;
  readonly usedOn: number;
  readonly boots: number;
  readonly firstAt: string;
  readonly workloads: readonly string[];
}

export interface ModuleProposal {
  readonly observedSince: string | null;
  readonly onDisk: number;
  readonly keptOut: number;
  readonly unreachable: { readonly most: number };
  readonly isBlind: boolean;
}

export interface ModuleStanding {
  readonly mode: 'off' | 'trial' | 'enforce';
  readonly wouldBlock: readonly { readonly module: string }[];
  readonly kernel: { readonly means: string | null; readonly why: string | null; readonly refused: number };
}

export type BenchState = 'fail' | 'not-determinable' | 'pass' | 'not-applicable';

export interface BenchItem {
  readonly id: string;
  readonly section: string;
  readonly title: Text;
  readonly state: BenchState;
  readonly evidence: readonly Text[];
  readonly remedy: Text | null;
  /** `--fix` mends it and can take that back. */
  readonly isFixable: boolean;
  readonly isMended: boolean;
  readonly accepted: {
    readonly id: string;
    readonly reason: string;
    readonly until: string;
    readonly createdBy: string;
  } | null;
}

export interface HostBench {
  readonly at: string;
  readonly summary: Readonly<Record<BenchState | 'accepted', number>>;
  readonly items: readonly BenchItem[];
  readonly changes: readonly {
    readonly check: string;
    readonly from: BenchState;
    readonly to: BenchState;
    readonly at: string;
  }[];
}

export interface ShieldStanding {
  readonly id: string;
  readonly state: 'off' | 'given' | 'setting' | 'on' | 'leaving' | 'fixed';
  readonly since: string | null;
}

export interface AuditVerification {
  readonly state: 'intact' | 'broken';
  readonly facts: number;
  readonly checkpoints: number;
  readonly firstBad: { readonly seq: number; readonly why: Text } | null;
  readonly head: { readonly seq: number; readonly hash: string } | null;
  readonly durationMs: number;
}

export interface User {
  readonly id: string;
  readonly name: string;
  readonly grants: readonly Grant[];
  readonly createdAt: string;
  readonly lastLoginAt: string | null;
  readonly hasPassword: boolean;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly grants: readonly Grant[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

/** An event as it is shown live. */
export interface Activity {
  readonly at: string;
  readonly type: string;
  readonly project: string | null;
  readonly environment: string | null;
  readonly workload: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  readonly pid: number;
  readonly process: string;
  readonly parent: string;
  readonly exe: string;
  readonly uid: number;
  readonly about: string | null;
  readonly result: string | null;
  readonly arguments: string | null;
  /** A text of it is longer than what is kept. */
  readonly truncated?: true;
}

/** Events of a host since the batch before; of `seen` that fit, `dropped` are not among them. */
export interface ActivityBatch {
  readonly host: string;
  readonly seen: number;
  readonly dropped: number;
  readonly events: readonly Activity[];
}

export interface ActivityWatching {
  readonly hosts: readonly string[];
  /** Whether the reader may see command lines. */
  readonly arguments: boolean;
  readonly missing: readonly string[];
}

/** One way that connections of a workload took, or were refused. */
export interface NetworkFlow {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly direction: 'in' | 'out';
  readonly refused: boolean;
  readonly unanswered?: true;
  readonly peer:
    | { readonly kind: 'workload'; readonly project: string; readonly environment: string; readonly name: string }
    | { readonly kind: 'address'; readonly address: string };
  readonly protocol: string;
  readonly port: number;
  readonly connections: number;
  readonly firstAt: string;
  readonly lastAt: string;
}

type ComparedState = 'only-from' | 'only-to' | 'differs' | 'same';
interface ComparedPlace {
  readonly name: string;
  readonly class: 'development' | 'pre-production' | 'production';
  readonly policy: string;
  readonly approvals: number;
  readonly release: { readonly id: string; readonly number: number };
}
interface ComparedSide {
  readonly replicas: number;
  readonly images: readonly { readonly container: string; readonly image: string }[];
}

/** What is stated of an environment and what was measured; times in seconds, shares in percent. */
export interface EnvironmentAssurance {
  readonly environment: string;
  readonly class: 'development' | 'pre-production' | 'production';
  readonly objective: number | null;
  readonly days: number;
  readonly served: number | null;
  readonly watchedSeconds: number;
  readonly downSeconds: number;
  readonly allowedSeconds: number | null;
  readonly maintenanceSeconds: number;
  readonly missed: boolean | null;
  readonly byDay: readonly { readonly day: string; readonly watchedSeconds: number; readonly downSeconds: number }[];
  readonly down: readonly { readonly workload: string; readonly downSeconds: number }[];
  readonly images: { readonly total: number; readonly signed: number };
  readonly volumes: {
    readonly total: number;
    readonly encrypted: number;
    readonly backedUp: number;
    readonly restored: number;
    readonly failedAt: string | null;
    readonly oldestBackupAt: string | null;
  };
}

/** What differs between two environments or releases. */
export interface Comparison {
  readonly from: ComparedPlace;
  readonly to: ComparedPlace;
  readonly workloads: readonly {
    readonly name: string;
    readonly state: ComparedState;
    readonly from: ComparedSide | null;
    readonly to: ComparedSide | null;
  }[];
  readonly settings: readonly {
    readonly kind: string;
    readonly name: string;
    readonly key: string;
    readonly state: ComparedState;
  }[];
  readonly documents: readonly {
    readonly kind: string;
    readonly name: string;
    readonly state: ComparedState;
    readonly lines: readonly { readonly op: ' ' | '-' | '+' | '@'; readonly text: string }[];
  }[];
  readonly same: number;
}

/** One state of a workload in the history of its environment. */
export interface WorkloadRevision {
  readonly release: number;
  readonly state: string;
  readonly specHash: string;
  readonly replicas: number;
  readonly paused: boolean;
  readonly images: readonly string[];
  readonly current: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
}

/** What the containers of a workload use by now; processor time and traffic since they began. */
export interface WorkloadUse {
  readonly at: string;
  readonly items: readonly {
    readonly replica: string;
    readonly container: string;
    readonly id: string;
    readonly cpuNanos: number;
    readonly memoryBytes: number;
    readonly memoryLimitBytes: number | null;
    readonly receivedBytes: number;
    readonly sentBytes: number;
    readonly processes: number;
  }[];
}

export interface HostException {
  readonly id: string;
  readonly host: string;
  readonly cves: readonly string[];
  readonly reason: string;
  readonly author: string;
  readonly approver: string | null;
  readonly expiresAt: string;
  readonly state: 'waiting' | 'active' | 'expiring' | 'expired' | 'revoked';
}

/** Known vulnerabilities of hosts' run-times, and what two administrators live with until a day. */
export interface HostExceptions {
  readonly items: readonly HostException[];
  readonly hosts: readonly {
    readonly host: string;
    readonly issues: readonly {
      readonly cve: string;
      readonly title: Text;
      readonly program: string;
      readonly version: string;
      readonly exception: string | null;
    }[];
  }[];
}

/** What a container of a workload was seen to call. */
export interface CallProfile {
  readonly workload: string;
  readonly container: string;
  readonly digest: string;
  readonly state: 'recorded' | 'passed' | 'failed' | 'applied';
  readonly calls: readonly string[];
  readonly families: readonly number[];
  readonly capabilities: readonly string[] | null;
  readonly fromStart: boolean;
  readonly trial: { readonly at: string; readonly passed: boolean; readonly why: Text | null } | null;
  /** One stands beside the image, perhaps an earlier one. */
  readonly appliedAt: string | null;
}

/** A workload with containers that run as root; `needs` is null where nothing was recorded. */
export interface RootWorkload {
  readonly project: string;
  readonly environment: string;
  readonly workload: string;
  readonly containers: readonly string[];
  readonly needs:
    | readonly {
        readonly container: string;
        readonly capabilities: readonly string[];
        readonly lowPorts: boolean;
        readonly scratch: readonly string[];
        readonly volumes: readonly string[];
        readonly inImage: readonly string[];
      }[]
    | null;
}

/** A workload's manifest without root, and what a copy with it said. */
export interface RootTrial {
  readonly passed: boolean;
  readonly why: Text | null;
  readonly needs: readonly { readonly container: string; readonly notes: readonly Text[] }[];
  readonly yaml: string;
}

type Strength = 'blocks' | 'kills' | 'reports' | 'nothing';
interface PreventionReach {
  readonly strength: Strength;
  readonly means: string | null;
  readonly why: { readonly en: string; readonly es: string } | null;
}

/** What may not happen in containers, and how strongly hosts follow. */
export interface PreventionPolicy {
  readonly policy: { readonly name: string; readonly mode: 'dry-run' | 'enforce' };
  readonly hosts: readonly {
    readonly host: string;
    readonly parts: readonly (PreventionReach & {
      readonly part: 'drift' | 'command' | 'file' | 'component' | 'package';
      readonly containers: number;
    })[];
  }[];
  /** What the packages that it denies are in each image that runs. */
  readonly packages: readonly {
    readonly digest: string;
    readonly image: string;
    readonly unknown: Text | null;
    readonly found: readonly {
      readonly purl: string;
      readonly programs: readonly string[];
      readonly libraries: readonly string[];
      readonly why: Text | null;
    }[];
  }[];
}
export interface PreventionStanding {
  readonly items: readonly PreventionPolicy[];
  readonly hosts: readonly {
    readonly host: string;
    readonly exec: PreventionReach | null;
    readonly open: PreventionReach | null;
  }[];
}

/** A container that the platform did not start. */
export interface ForeignContainer {
  readonly host: string;
  readonly id: string;
  readonly engine: string;
  readonly name: string | null;
  readonly image: string | null;
  readonly command: string;
  readonly pid: number;
  readonly foundAt: string;
  readonly goneAt: string | null;
  readonly stoppedAt: string | null;
  readonly allowedBy: { readonly id: string; readonly reason: string } | null;
}

/** A host that several sites serve, as this one sees it. */
export interface SiteHost {
  readonly host: string;
  readonly path: string;
  readonly seconds: number;
  readonly addresses: readonly { readonly address: string; readonly up: boolean | null; readonly why: Text | null }[];
  readonly sites: readonly {
    readonly site: string;
    readonly addresses: readonly string[];
    readonly state: 'up' | 'down' | 'silent';
  }[];
  readonly answers: readonly string[];
  readonly stays: boolean;
  readonly toldAt: string | null;
  readonly problem: Text | null;
}

export interface SiteState {
  readonly settings: {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly port: number;
    readonly dns: {
      readonly host: string;
      readonly port: number;
      readonly zones: readonly string[];
      readonly keyName: string;
    };
  } | null;
  /** Why DNS takes no changes from here; null: it does, or was not asked yet. */
  readonly problem: Text | null;
  readonly drained: boolean;
  readonly hosts: readonly SiteHost[];
}

/** What is done by itself about alerts. */
export interface ResponsePolicy {
  readonly policy: {
    readonly name: string;
    readonly mode: 'dry-run' | 'enforce';
    readonly do: readonly string[];
    readonly run: readonly string[];
    readonly approve: readonly string[];
    readonly limit: { readonly actions: number; readonly minutes: number };
  };
  /** As its author wrote it. */
  readonly source: string;
  readonly author: string;
  readonly at: string;
}

/** What may run beside the platform, and what of the rest is stopped; null: whatever it is. */
export interface ForeignRules {
  readonly allowed: readonly {
    readonly id: string;
    readonly image: string | null;
    readonly name: string | null;
    readonly host: string | null;
    readonly reason: string;
    readonly until: string | null;
    readonly author: string;
    readonly at: string;
  }[];
  readonly stops: readonly {
    readonly id: string;
    readonly host: string | null;
    readonly environment: string | null;
    readonly image: string | null;
    readonly name: string | null;
    readonly reason: string;
    readonly author: string;
    readonly at: string;
  }[];
}
