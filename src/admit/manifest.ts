import { type Clock, newId } from '../system/index.ts';
import { type Admission, constantFacts, type EnvironmentClass, NO_WORKLOAD, type ScanFacts } from './admission.ts';
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
 * @param environment where it would go; without it to none, as rules that ask for one see it
 * @throws Fault admit.manifest-unreadable when no container is where one has to be: that is no clean workload
 */
export function judgeDocument(
  document: PlacedDocument,
  policy: Policy,
  clock: Clock,
  environment: { readonly name: string; readonly class: EnvironmentClass } = NOWHERE,
): JudgedDocument {
  const { kind, name, line } = document;
  const unreadable = (en: string, es: string) =>
    admitFault('admit.manifest-unreadable', { kind, name, line, reason: { en, es } });
  const workloads = podsOf(document).map(({ metadata, spec }) => {
    try {
      return describeWorkload(kind, name, spec, () => UNKNOWN_USER, metadata);
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
  const admission = {
    ...{ ...BLAMELESS_IMAGE, scan: scannedAt(clock), workload, documents: [document] },
    // Facts that are always the same are converted once: another environment is an object of its own.
    ...(environment === NOWHERE ? {} : { environment: { ...environment, runs: false } }),
  };
  const at = clock.now().toISOString();
  const question: Question = {
    ...{ id: newId(clock), at, door: 'start', policy, admission, exceptions: [], specHash: null, running: null },
  };
  const outcomes = judgeRules(question);
  return { document, verdict: verdictOf(question, outcomes), outcomes };
}

const SCAN_KEPT_MS = 60_000;
let kept: { readonly scan: ScanFacts; readonly ms: number } | null = null;

/** The scan of an image that is as it should be is of now, near enough: what is asked again and again is converted once. */
function scannedAt(clock: Clock): ScanFacts {
  const now = clock.now();
  if (kept === null || Math.abs(now.getTime() - kept.ms) > SCAN_KEPT_MS) {
    const { scan } = constantFacts({ scan: { ...BLAMELESS_IMAGE.scan, at: now.toISOString() } });
    kept = { scan, ms: now.getTime() };
  }
  return kept.scan;
}

const NOWHERE = { name: '', class: 'none' } as const;
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
