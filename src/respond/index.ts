export { readAlert } from './alert.ts';
export { Casework, type Comment, type SavedFilter } from './casework/casework.ts';
export { registerCaseworkRoutes } from './casework/routes.ts';
export { type Drill, type DrillGround, Drills, isMiss } from './drill/drills.ts';
export { registerDrillRoutes } from './drill/routes.ts';
export { respondFault } from './errors.ts';
export { evidenceFault } from './evidence/errors.ts';
export {
  type Evidence,
  type EvidenceOrder,
  EvidenceStore,
  type EvidenceTaker,
  type EvidenceTarget,
} from './evidence/evidence.ts';
export { type EvidenceDetailView, type EvidenceView, registerEvidenceRoutes } from './evidence/routes.ts';
export { takeIncidentEvidence } from './evidence/take.ts';
export { type VerifiedEvidence, verifyEvidence } from './evidence/verify.ts';
export type {
  Action,
  ActionKind,
  Decision,
  DeedKind,
  Incident,
  IncidentState,
  KillTarget,
  StoredAlert,
} from './incident.ts';
export { respondMigrations } from './migrations.ts';
export { type Channel, type Delivery, Notices, type NoticesOptions } from './notices/notices.ts';
export { registerNoticeRoutes } from './notices/routes.ts';
export { type PlaybookRun, Playbooks, type StoredPlaybook } from './playbooks/playbooks.ts';
export { registerPlaybookRoutes } from './playbooks/routes.ts';
export { ResponsePolicies, type StoredResponsePolicy } from './policy/book.ts';
export { PolicyReplay, type ResponsePolicy, readResponsePolicy, type WouldDo } from './policy/policy.ts';
export { registerResponseRoutes } from './policy/routes.ts';
export type { ProcessNode } from './process-tree.ts';
export { type QuarantinedImage, Quarantines } from './quarantines.ts';
export {
  type Deeds,
  type IncidentDetail,
  type Ingested,
  type Offer,
  Respond,
  type Responder,
  type RespondOptions,
} from './respond.ts';
export { registerRespondRoutes } from './routes.ts';
export type { AlertQuery, IncidentQuery, RespondTables } from './store.ts';
export type { Station, TimelineEntry } from './timeline.ts';
export type { ActionView, IncidentDetailView, IncidentView, ProcessNodeView } from './view.ts';
