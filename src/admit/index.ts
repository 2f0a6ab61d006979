export {
  type Admission,
  type ContainerFacts,
  DOORS,
  type Door,
  type EnvironmentClass,
  type FindingFacts,
  type ImageFacts,
  NO_SCAN,
  NO_WORKLOAD,
  type ScanFacts,
  type SignatureFacts,
  type WorkloadFacts,
} from './admission.ts';
export { admitFault } from './errors.ts';
export type { Exception } from './exception.ts';
export { judge, type Question } from './judge.ts';
export { type Effect, type FailMode, type Policy, type PolicyProblem, readPolicy } from './policy.ts';
export { PRESETS_FOLDER, readPolicies } from './presets.ts';
export {
  checkVerdict,
  type Reason,
  readVerdict,
  type StartQuestion,
  signVerdict,
  VERDICT_PAYLOAD_TYPE,
  type Verdict,
} from './verdict.ts';
export { describeWorkload, type ImageUser } from './workload.ts';
