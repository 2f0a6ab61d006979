import { type SignatureVerdict, signersOf } from '../trust/index.ts';
import type { ContainerFacts, FindingFacts, ScanFacts, SignatureFacts, WorkloadFacts } from './admission.ts';
import { NO_SCAN } from './admission.ts';
import { CONTAINERS_MAX } from './limits.ts';
import { type ImageUser, runsAsRoot } from './workload.ts';

/** What is read of a scan report; `ScanReport` of scan has this shape. */
export interface ScanOutcome {
  readonly complete: boolean;
  readonly scannedAt: string;
  readonly packages: number;
  readonly findings: readonly {
    readonly id: string;
    readonly package: { readonly name: string; readonly version: string };
    readonly fixedVersion: string | null;
    readonly severity: string;
    readonly cvss: number | null;
    readonly kev: boolean;
    readonly epss: number | null;
  }[];
  /** By package type: `data` where there is something to compare with. */
  readonly advisories: { readonly coverage: Readonly<Record<string, string>> };
}

/**
 * The facts of a scan.
 * @param scan the report; `missing` when there was none, `failed` when the image is damaged
 * @param advisoriesAt RFC 3339 time of the newest advisory data, null when there are none
 */
export function describeScan(
  scan: ScanOutcome | 'missing' | 'failed',
  advisoriesAt: string | null,
  now: Date,
): ScanFacts {
  if (typeof scan === 'string') return { ...NO_SCAN, state: scan };
  const age = now.getTime() - Date.parse(advisoriesAt ?? '');
  return {
    state: scan.complete ? 'complete' : 'incomplete',
    at: scan.scannedAt,
    packages: scan.packages,
    // one kind of package without data is enough to make "nothing found" mean nothing
    hasAdvisories: !Number.isNaN(age) && Object.values(scan.advisories.coverage).every((one) => one === 'data'),
    advisoriesAgeDays: Number.isNaN(age) ? -1 : Math.max(0, Math.floor(age / 86_400_000)),
    findings: scan.findings.map(describeFinding),
  };
}

function describeFinding(finding: ScanOutcome['findings'][number]): FindingFacts {
  const { id, fixedVersion, severity, cvss, kev, epss } = finding;
  const { name, version } = finding.package;
  return {
    key: id,
    label: `${name} ${version} (${id}${fixedVersion === null ? '' : ` → ${fixedVersion}`})`,
    kind: 'vulnerability',
    severity,
    package: name,
    version,
    fixable: fixedVersion !== null,
    fixedVersion: fixedVersion ?? '',
    exploited: kev,
    score: cvss ?? -1,
    epss: epss ?? -1,
  };
}

/** The facts of an image's signatures. */
export function describeSignatures(verdict: SignatureVerdict): SignatureFacts {
  const imageSigners = signersOf(verdict, 'image');
  const provenanceSigners = signersOf(verdict, 'provenance');
  return {
    imageVerified: imageSigners.length > 0,
    imageSigners,
    provenanceVerified: provenanceSigners.length > 0,
    provenanceSigners,
  };
}

/** What is read of a pod as `deploy` holds it, after everything it cannot enforce was refused. */
export interface PodOutline {
  readonly initContainers: readonly ContainerOutline[];
  readonly containers: readonly ContainerOutline[];
}

export interface ContainerOutline {
  readonly name: string;
  readonly image: string;
  readonly ports: readonly { readonly port: number }[];
  readonly resources: { readonly cpuLimitMillis: number | null; readonly memoryLimitBytes: number | null };
  readonly readinessProbe: object | null;
  readonly livenessProbe: object | null;
  readonly security: {
    readonly runAsUser: number | null;
    readonly readOnlyRootFilesystem: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly capabilitiesAdd: readonly string[];
    readonly capabilitiesDrop: readonly string[];
  };
}

/**
 * The facts of a pod in deploy's own shape, which has no place for host namespaces, host paths or privileged: manifests
 * that ask for them are refused before.
 */
export function describePod(
  kind: string,
  name: string,
  pod: PodOutline,
  imageUser: (image: string) => ImageUser,
): WorkloadFacts {
  const containers = [
    ...pod.containers.map((container) => describeOutline('main', container, imageUser)),
    ...pod.initContainers.map((container) => describeOutline('init', container, imageUser)),
  ];
  if (containers.length > CONTAINERS_MAX) {
    throw new RangeError(`expected at most ${CONTAINERS_MAX} containers in ${kind} ${name}, got ${containers.length}`);
  }
  return { present: true, kind, name, hostNetwork: false, hostPid: false, hostIpc: false, hostPaths: [], containers };
}

function describeOutline(
  role: string,
  container: ContainerOutline,
  imageUser: (image: string) => ImageUser,
): ContainerFacts {
  const { security, resources } = container;
  const bare = (capability: string) => capability.toUpperCase().replace(/^CAP_/, '');
  return {
    key: container.name,
    label: role === 'main' ? container.name : `${container.name} (${role})`,
    image: container.image,
    role,
    privileged: false,
    runsAsRoot: runsAsRoot(security.runAsUser, imageUser(container.image)),
    allowPrivilegeEscalation: security.allowPrivilegeEscalation,
    readOnlyRootFilesystem: security.readOnlyRootFilesystem,
    addedCapabilities: security.capabilitiesAdd.map(bare),
    dropsAllCapabilities: security.capabilitiesDrop.map(bare).includes('ALL'),
    seccompUnconfined: false,
    hostPorts: [],
    ports: container.ports.map(({ port }) => port),
    hasCpuLimit: resources.cpuLimitMillis !== null,
    hasMemoryLimit: resources.memoryLimitBytes !== null,
    hasReadinessProbe: container.readinessProbe !== null,
    hasLivenessProbe: container.livenessProbe !== null,
  };
}
