import { parseYamlDocuments } from '../formats/index.ts';
import { type Clock, type Json, newId } from '../system/index.ts';
import type { Admission } from './admission.ts';
import { admitFault } from './errors.ts';
import { judge } from './judge.ts';
import type { Policy } from './policy.ts';
import type { Verdict } from './verdict.ts';
import { describeWorkload, type ImageUser } from './workload.ts';

/** A workload in a Kubernetes manifest: anything that starts pods. */
export interface ManifestWorkload {
  readonly kind: string;
  readonly name: string;
  /** The line of the file where its document starts. */
  readonly line: number;
  readonly podSpec: Json;
}

/** Where each kind keeps the specification of its pods. */
const POD_SPEC_PATH: Readonly<Record<string, readonly string[]>> = {
  Pod: ['spec'],
  Deployment: ['spec', 'template', 'spec'],
  ReplicaSet: ['spec', 'template', 'spec'],
  ReplicationController: ['spec', 'template', 'spec'],
  StatefulSet: ['spec', 'template', 'spec'],
  DaemonSet: ['spec', 'template', 'spec'],
  Job: ['spec', 'template', 'spec'],
  CronJob: ['spec', 'jobTemplate', 'spec', 'template', 'spec'],
};

/**
 * Finds the workloads of a manifest, in `List` objects too. Documents of other kinds start nothing and are passed over.
 * @throws FormatError with the position when the YAML cannot be read
 */
export function findWorkloads(text: string): ManifestWorkload[] {
  return parseYamlDocuments(text, { scalars: 'kubernetes' }).flatMap(({ value, position }) =>
    workloadsOf(value, position.line, 0),
  );
}

/**
 * Judges only what a manifest asks for: its images are taken as they should be, because nothing is known of them here.
 * The user of an image is not known either, so a container that does not set one counts as root.
 * @throws Fault admit.manifest-unreadable when no container is where one has to be: that is no clean workload
 */
export function judgeManifest(workload: ManifestWorkload, policy: Policy, clock: Clock): Verdict {
  const { kind, name, line, podSpec } = workload;
  const facts = describeWorkload(kind, name, podSpec, () => UNKNOWN_USER);
  if (facts.containers.length === 0) throw admitFault('admit.manifest-unreadable', { kind, name, line });
  const admission = { ...BLAMELESS_IMAGE, workload: facts };
  const at = clock.now().toISOString();
  return judge({
    id: newId(clock),
    at,
    door: 'start',
    policy,
    admission,
    exceptions: [],
    specHash: null,
    running: null,
  });
}

const UNKNOWN_USER: ImageUser = { user: '', uid: null };

const BLAMELESS_IMAGE: Omit<Admission, 'workload'> = {
  image: { digest: '', repository: '', project: '', tags: [], ageDays: 0, sizeBytes: 0 },
  scan: {
    state: 'complete',
    at: '',
    packages: 0,
    hasAdvisories: true,
    sparseAdvisories: false,
    malware: 'not-scanned',
    advisoriesAgeDays: 0,
    findings: [],
  },
  signatures: {
    imageVerified: true,
    imageSigners: [],
    provenanceVerified: true,
    provenanceSigners: [],
    unmetDemands: [],
  },
  environment: { name: '', class: 'none', runs: false },
  statements: [],
};

/** A list within a list within a list is no manifest that a person wrote. */
const LIST_DEPTH_MAX = 3;

function workloadsOf(value: Json, line: number, depth: number): ManifestWorkload[] {
  const kind = memberOf(value, 'kind');
  const items = memberOf(value, 'items');
  if (Array.isArray(items) && depth < LIST_DEPTH_MAX) {
    return items.flatMap((item) => workloadsOf(item, line, depth + 1));
  }
  const path = typeof kind === 'string' && Object.hasOwn(POD_SPEC_PATH, kind) ? POD_SPEC_PATH[kind] : undefined;
  if (path === undefined) return [];
  const name = memberOf(memberOf(value, 'metadata'), 'name');
  const podSpec = path.reduce<Json | undefined>((node, member) => memberOf(node, member), value);
  return [{ kind: String(kind), name: typeof name === 'string' ? name : '?', line, podSpec: podSpec ?? null }];
}

function memberOf(value: Json | undefined, member: string): Json | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.hasOwn(value, member) ? value[member] : undefined;
}
