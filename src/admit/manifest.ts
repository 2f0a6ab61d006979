import { type Clock, newId } from '../system/index.ts';
import { type Admission, constantFacts, NO_WORKLOAD } from './admission.ts';
import { type PlacedDocument, podsOf, startsPods } from './document.ts';
import { admitFault } from './errors.ts';
import { judgeRules, type Question, type RuleOutcome, verdictOf } from './judge.ts';
import { CONTAINERS_MAX } from './limits.ts';
import type { Policy } from './policy.ts';
import type { Verdict } from './verdict.ts';
import { describeWorkload, type ImageUser } from './workload.ts';

/** What a policy says of one document of a manifest. */
export interface JudgedDocument {
  readonly document: PlacedDocument;
  readonly verdict: Verdict;
  readonly outcomes: readonly RuleOutcome[];
}

/**
 * Judges only what a document asks for: its images are taken as they should be, because nothing is known of them here.
 * The user of an image is not known either, so a container that does not set one counts as root.
 * @throws Fault admit.manifest-unreadable when no container is where one has to be: that is no clean workload
 */
export function judgeDocument(document: PlacedDocument, policy: Policy, clock: Clock): JudgedDocument {
  const { kind, name, line } = document;
  const unreadable = (en: string, es: string) =>
    admitFault('admit.manifest-unreadable', { kind, name, line, reason: { en, es } });
  const workloads = podsOf(document).map(({ spec }) => {
    try {
      return describeWorkload(kind, name, spec, () => UNKNOWN_USER);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw unreadable(
        `expected at most ${CONTAINERS_MAX} containers`,
        `se esperaban como máximo ${CONTAINERS_MAX} contenedores`,
      );
    }
  });
  if (startsPods(kind) && workloads.every(({ containers }) => containers.length === 0)) {
    throw unreadable(
      'expected at least one container in its pod specification',
      'se esperaba al menos un contenedor en la especificación de su pod',
    );
  }
  const [first] = workloads;
  const workload =
    first === undefined ? NO_WORKLOAD : { ...first, containers: workloads.flatMap((one) => one.containers) };
  const admission = { ...BLAMELESS_IMAGE, workload, documents: [document] };
  const at = clock.now().toISOString();
  const question: Question = {
    ...{ id: newId(clock), at, door: 'start', policy, admission, exceptions: [], specHash: null, running: null },
  };
  const outcomes = judgeRules(question);
  return { document, verdict: verdictOf(question, outcomes), outcomes };
}

const UNKNOWN_USER: ImageUser = { user: '', uid: null };

const BLAMELESS_IMAGE: Omit<Admission, 'workload' | 'documents'> = constantFacts({
  image: { digest: '', repository: '', project: '', tags: [], base: '', ageDays: 0, sizeBytes: 0 },
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
  host: { known: true, issues: [] },
  statements: [],
});
