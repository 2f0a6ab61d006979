export {
  type Admission,
  type ContainerFacts,
  DOORS,
  type Door,
  type EnvironmentClass,
  type FindingFacts,
  type HostFacts,
  type ImageFacts,
  NO_HOST,
  NO_SCAN,
  NO_WORKLOAD,
  type ScanFacts,
  type SignatureFacts,
  type StatementFacts,
  type WorkloadFacts,
} from './admission.ts';
export { Admit, type AdmitOptions, type AdmitQuestion, isOfHost, joinVerdicts } from './admit.ts';
export { asAsked, type PolicyDocument, startsPods, toDocument } from './document.ts';
export { admitFault } from './errors.ts';
export { covers, coversImage, EVERY_RULE, type Exception, type ExceptionState, stateOf } from './exception.ts';
export { registerHostExceptionRoutes } from './host-exception-routes.ts';
export { HostExceptions, type HostRuntimes, hostExceptionState } from './host-exceptions.ts';
export { GRACE_EXCEPTION, judge, mayHaveGrace, type Question, type Running } from './judge.ts';
export { admitMigrations } from './migrations.ts';
export { type Effect, type FailMode, type Policy, type PolicyProblem, readPolicy } from './policy.ts';
export { PolicyBook, type PolicyRevision, type PolicyUse } from './policy-book.ts';
export { PRESETS_FOLDER, readPolicies } from './presets.ts';
export type { Replay } from './recorded.ts';
export { registerAdmitRoutes } from './routes.ts';
export type { AdmitTables, VerdictQuery } from './store.ts';
export {
  checkVerdict,
  type Reason,
  readVerdict,
  type StartQuestion,
  signVerdict,
  VERDICT_PAYLOAD_TYPE,
  type Verdict,
} from './verdict.ts';
