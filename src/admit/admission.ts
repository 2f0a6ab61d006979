import type { PolicyDocument } from './document.ts';
import { FINDINGS_MAX } from './limits.ts';

/** Where a question is asked: in a pipeline, at push, at pull, before a container starts, at promotion. */
export type Door = 'ci' | 'push' | 'pull' | 'start' | 'promote';
export const DOORS: readonly Door[] = ['ci', 'push', 'pull', 'start', 'promote'];

/**
 * Everything that a policy may ask about, as plain data. A field that is not known has a value that says so (an empty
 * text, -1, `missing`); it is never left out, so that no rule passes because a fact was absent.
 */
export interface Admission {
  readonly image: ImageFacts;
  readonly scan: ScanFacts;
  readonly signatures: SignatureFacts;
  readonly workload: WorkloadFacts;
  readonly environment: {
    readonly name: string;
    readonly class: EnvironmentClass;
    /** Whether this very image runs there already: what is late must not stop what serves. */
    readonly runs: boolean;
  };
  /** What stands against the hosts that it may start on; without it nothing is known of them. */
  readonly host?: HostFacts;
  /**
   * The Kubernetes objects that the question is about, as they were written: the workload's own and what goes out with it.
   * None at doors where there is no workload yet; elsewhere a rule that reads documents refuses when there are none.
   */
  readonly documents: readonly PolicyDocument[];
  /** What believed VEX documents take away; not for policies to ask, but to answer them. */
  readonly statements: readonly StatementFacts[];
}

export interface HostFacts {
  /** False: no host has told what it runs. */
  readonly known: boolean;
  /** Known vulnerabilities of engines and run-times to which a host is exposed, by the distribution's judgement. */
  readonly issues: readonly HostIssueFacts[];
}

export interface HostIssueFacts {
  /** CVE-… */
  readonly key: string;
  /** How a person reads it: `CVE-2025-31133 (runc 1.1.5+ds1-1, host-a)`. */
  readonly label: string;
  /** `runc`, `conmon` … */
  readonly package: string;
  readonly version: string;
  /** The host's name. */
  readonly onHost: string;
}

/** A host of which nothing is known. */
export const NO_HOST: HostFacts = { known: false, issues: [] };

/** A believed statement that a finding does not affect the image. */
export interface StatementFacts {
  readonly finding: string;
  readonly package: string;
  readonly version: string;
  /** `vex ` and the document. */
  readonly id: string;
  readonly reason: string;
}

/** `none`: the door belongs to no environment, as push does. */
export type EnvironmentClass = 'development' | 'pre-production' | 'production' | 'none';

export interface ImageFacts {
  readonly digest: string;
  /** `project/image` */
  readonly repository: string;
  readonly project: string;
  readonly tags: readonly string[];
  /** Repository of the base image of the catalogue that it stands on by its layers; empty or left out: of none. */
  readonly base?: string;
  /** Whole days since it was built; -1 when the image does not say. */
  readonly ageDays: number;
  readonly sizeBytes: number;
}

export interface ScanFacts {
  /** `missing`: no scan; `failed`: the image could not be read; `incomplete`: a part of it could not. */
  readonly state: 'complete' | 'incomplete' | 'failed' | 'missing';
  /** RFC 3339, or empty. */
  readonly at: string;
  readonly packages: number;
  /** False: nothing was compared with anything, so "no findings" means nothing. */
  readonly hasAdvisories: boolean;
  /** For some type of package there are only a few advisories: that nothing was found means little. */
  readonly sparseAdvisories: boolean;
  /** Whole days since the newest advisory data; -1 when there are none. */
  readonly advisoriesAgeDays: number;
  /** What engines against malware said: `clean` and `found` of a whole look; `not-scanned` is never clean. */
  readonly malware: 'clean' | 'found' | 'not-scanned';
  readonly findings: readonly FindingFacts[];
}

export interface FindingFacts {
  /** By what an exception names it: the vulnerability id, or the id of the rule that found it. */
  readonly key: string;
  /** How a person reads it: `minimist 0.0.8 (CVE-2020-7598, fixed in 0.2.1)`. */
  readonly label: string;
  readonly kind: 'vulnerability' | 'secret' | 'malware' | 'misconfiguration';
  /** `none` `low` `medium` `high` `critical`, or `unknown` */
  readonly severity: string;
  readonly package: string;
  readonly version: string;
  readonly fixable: boolean;
  readonly fixedVersion: string;
  /** CISA KEV or an equal source names it. */
  readonly exploited: boolean;
  /** CVSS base score, -1 when there is none. */
  readonly score: number;
  /** EPSS probability from 0 to 1, -1 when there is none. */
  readonly epss: number;
  /** `act` `attend` `track*` `track`; empty for what is no vulnerability. */
  readonly decision: string;
  /** The deadline that the finding has in the environment has passed. */
  readonly overdue: boolean;
  /** RFC 3339: by when it is to be gone from the environment; empty when nothing presses. */
  readonly due: string;
}

export interface SignatureFacts {
  readonly imageVerified: boolean;
  readonly imageSigners: readonly string[];
  readonly provenanceVerified: boolean;
  readonly provenanceSigners: readonly string[];
  /** What the trust policy names for this place and nobody signed: `approval 0/1 (security)`. */
  readonly unmetDemands: readonly string[];
}

export interface WorkloadFacts {
  /** False at doors where there is no workload yet; then everything below is empty. */
  readonly present: boolean;
  readonly kind: string;
  readonly name: string;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  /** Paths of the host that it mounts. */
  readonly hostPaths: readonly string[];
  readonly containers: readonly ContainerFacts[];
}

export interface ContainerFacts {
  /** The container's name: what an exception names. */
  readonly key: string;
  readonly label: string;
  readonly image: string;
  /** `init`, `main` or `ephemeral` */
  readonly role: string;
  readonly privileged: boolean;
  /** True unless it is certain that the first process is not uid 0. */
  readonly runsAsRoot: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly addedCapabilities: readonly string[];
  readonly dropsAllCapabilities: boolean;
  readonly seccompUnconfined: boolean;
  readonly hostPorts: readonly number[];
  readonly ports: readonly number[];
  readonly hasCpuLimit: boolean;
  readonly hasMemoryLimit: boolean;
  readonly hasReadinessProbe: boolean;
  readonly hasLivenessProbe: boolean;
  /** Limits of its processes that the workload asks for, of each name one; -1 is no limit. Not those that the host gives to all. */
  readonly ulimits: readonly UlimitFacts[];
}

export interface UlimitFacts {
  /** As docker and podman call it: `nofile`. */
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** The workload of a door that has none. */
export const NO_WORKLOAD: WorkloadFacts = {
  present: false,
  kind: '',
  name: '',
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  hostPaths: [],
  containers: [],
};

/** The scan of an image that was not scanned. */
export const NO_SCAN: ScanFacts = {
  state: 'missing',
  at: '',
  packages: 0,
  hasAdvisories: false,
  sparseAdvisories: false,
  advisoriesAgeDays: -1,
  malware: 'not-scanned',
  findings: [],
};

type FieldType =
  | 'string'
  | 'int'
  | 'double'
  | 'bool'
  | 'list<string>'
  | 'list<int>'
  | 'list<Finding>'
  | 'list<Container>'
  | 'list<Ulimit>'
  | 'list<HostIssue>';
export type Schema = Readonly<Record<string, FieldType>>;

/** The types of the facts as policies see them. Names are part of the policy language: adding is fine, changing is not. */
export const SCHEMAS = {
  Finding: {
    key: 'string',
    label: 'string',
    kind: 'string',
    severity: 'string',
    package: 'string',
    version: 'string',
    fixable: 'bool',
    fixedVersion: 'string',
    exploited: 'bool',
    score: 'double',
    epss: 'double',
    decision: 'string',
    overdue: 'bool',
    due: 'string',
  },
  Container: {
    key: 'string',
    label: 'string',
    image: 'string',
    role: 'string',
    privileged: 'bool',
    runsAsRoot: 'bool',
    allowPrivilegeEscalation: 'bool',
    readOnlyRootFilesystem: 'bool',
    addedCapabilities: 'list<string>',
    dropsAllCapabilities: 'bool',
    seccompUnconfined: 'bool',
    hostPorts: 'list<int>',
    ports: 'list<int>',
    hasCpuLimit: 'bool',
    hasMemoryLimit: 'bool',
    hasReadinessProbe: 'bool',
    hasLivenessProbe: 'bool',
    ulimits: 'list<Ulimit>',
  },
  Ulimit: { name: 'string', soft: 'int', hard: 'int' },
  HostIssue: { key: 'string', label: 'string', package: 'string', version: 'string', onHost: 'string' },
  image: {
    digest: 'string',
    repository: 'string',
    project: 'string',
    tags: 'list<string>',
    base: 'string',
    ageDays: 'int',
    sizeBytes: 'int',
  },
  scan: {
    state: 'string',
    at: 'string',
    packages: 'int',
    hasAdvisories: 'bool',
    sparseAdvisories: 'bool',
    advisoriesAgeDays: 'int',
    malware: 'string',
    findings: 'list<Finding>',
  },
  signatures: {
    imageVerified: 'bool',
    imageSigners: 'list<string>',
    provenanceVerified: 'bool',
    provenanceSigners: 'list<string>',
    unmetDemands: 'list<string>',
  },
  workload: {
    present: 'bool',
    kind: 'string',
    name: 'string',
    hostNetwork: 'bool',
    hostPid: 'bool',
    hostIpc: 'bool',
    hostPaths: 'list<string>',
    containers: 'list<Container>',
  },
  environment: { name: 'string', class: 'string', runs: 'bool' },
  host: { known: 'bool', issues: 'list<HostIssue>' },
} as const satisfies Record<string, Schema>;

/**
 * The facts as the expression language takes them: whole numbers as BigInt, nothing missing, nothing of another type.
 * @throws TypeError naming the first field that is not what the schema says
 */
export function toPolicyValues(admission: Admission): Record<string, unknown> {
  if (admission.scan.findings.length > FINDINGS_MAX) {
    throw new TypeError(`scan.findings: expected at most ${FINDINGS_MAX}, got ${admission.scan.findings.length}`);
  }
  const { image, host = NO_HOST } = admission;
  // What was recorded before there were such facts says nothing of them.
  const facts = { ...admission, image: image.base === undefined ? { ...image, base: '' } : image, host };
  return Object.fromEntries(ROOTS.map((root) => [root, CONSTANT.get(facts[root]) ?? convertRoot(facts[root], root)]));
}

const ROOTS = ['image', 'scan', 'signatures', 'workload', 'environment', 'host'] as const;
type Root = (typeof ROOTS)[number];

/** Facts that are always the same are converted once. */
const CONSTANT = new WeakMap<object, Record<string, unknown>>();

/** Facts that nobody changes any more, in all their parts: a policy is asked about them many times. */
export function constantFacts<Facts extends Partial<Pick<Admission, Root>>>(facts: Facts): Facts {
  for (const root of ROOTS) {
    const part = facts[root];
    if (part === undefined) continue;
    freeze(part);
    CONSTANT.set(part, convertRoot(part, root));
  }
  return facts;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  for (const member of Object.values(Object.freeze(value))) freeze(member);
}

function convertRoot(value: unknown, root: Root): Record<string, unknown> {
  return convertObject(value, FIELDS[root], root);
}

type Fields = readonly (readonly [name: string, type: FieldType])[];

const FIELDS = Object.fromEntries(
  Object.entries(SCHEMAS).map(([name, schema]) => [name, Object.entries(schema)]),
) as unknown as Readonly<Record<keyof typeof SCHEMAS, Fields>>;

function convertObject(value: unknown, fields: Fields, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${path}: expected an object`);
  const converted: Record<string, unknown> = {};
  for (const [name, type] of fields) {
    const member = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    // What was recorded before there was such a fact says nothing of it.
    converted[name] = convert(member === undefined && type === 'list<Ulimit>' ? [] : member, type, path, name);
  }
  return converted;
}

/** @param path, name where it is, put together for what is wrong alone */
function convert(value: unknown, type: string, path: string, name: string): unknown {
  switch (type) {
    case 'Finding':
    case 'Container':
    case 'Ulimit':
    case 'HostIssue':
      return convertObject(value, FIELDS[type], `${path}${name}`);
    case 'int':
      if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
      break;
    case 'double':
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      break;
    case 'string':
      if (typeof value === 'string') return value;
      break;
    case 'bool':
      if (typeof value === 'boolean') return value;
      break;
    default: {
      const place = `${path}.${name}`;
      if (!Array.isArray(value)) throw new TypeError(`${place}: expected a list`);
      const inner = type.slice('list<'.length, -1);
      return value.map((item: unknown, index) => convert(item, inner, place, `[${index}]`));
    }
  }
  const place = name.startsWith('[') ? `${path}${name}` : `${path}.${name}`;
  throw new TypeError(`${place}: expected ${type}, got ${value === null ? 'null' : typeof value}`);
}
