export type { Analyser, Evidence, FileHead, FileReader, LiveEvidence } from './analyser.ts';
export { isOnDisk, type LocalImage, openImagePath } from './archive.ts';
export { askOwners, type OwnersAnswer } from './ask-owners.ts';
export type { BillSubject } from './bills/bill.ts';
export { toCycloneDx, toCycloneDxVex } from './bills/cyclonedx.ts';
export { toSpdx2 } from './bills/spdx2.ts';
export { toSpdx3 } from './bills/spdx3.ts';
export {
  type AskSupport,
  CHECKS,
  type CheckedFile,
  checkFile,
  checkImage,
  checkKubernetes,
  type FieldSupport,
  meetsPodSecurity,
  podOf,
} from './checks/index.ts';
export {
  DEADLINE_HOURS,
  type Deadline,
  type DeadlineHours,
  type DeadlineQuery,
  Deadlines,
  type RunningImage,
  type ShownDeadline,
  showDeadlines,
} from './deadlines.ts';
export { type DecisionFacts, type DecisionPlace, decide } from './decision.ts';
export { scanFault } from './errors.ts';
export { registerFleetRoutes } from './fleet-routes.ts';
export {
  type Fleet,
  type FleetAnswer,
  type FleetImage,
  type FleetQuestion,
  findingsNamed,
  indexFindings,
  namesOfFinding,
} from './found.ts';
export { registerHarborRoutes } from './harbor/routes.ts';
export { type HarborRegistry, HarborScanner } from './harbor/scanner.ts';
export { describeHere, isOpen } from './here.ts';
export { CurrentSecretRules } from './knowledge/current-rules.ts';
export { type JavaIndex, joinIndexes, openJavaIndex } from './knowledge/java-index.ts';
export { type KnowledgeRoutesParts, registerKnowledgeRoutes } from './knowledge/routes.ts';
export { RULE_FILE_KINDS, type RuleFileKind, type RuleFileRecord, RuleFiles } from './knowledge/rule-files.ts';
export type { LayerFile, LayerFileKind, LayerFiles, LayerTotals } from './layer-files.ts';
export type { ClamdOptions } from './malware/clamd.ts';
export { type EngineState, MalwareScanner, type MalwareSettings } from './malware/look.ts';
export type { MalwareEngine, MalwareFinding, MalwareResult } from './malware/result.ts';
export { scanMigrations } from './migrations.ts';
export type { FileOwner, FileOwners } from './owners.ts';
export type { Distribution, FoundPackage, Inventory, InventoryPackage } from './package.ts';
export { baseKey, findingKey, type NewerBase, planUpgrades } from './plan.ts';
export { type ReadingPorts, Readings } from './readings.ts';
export type { RematchOptions, RematchOutcome } from './rematch.ts';
export {
  CHECK_SEVERITIES,
  type CheckSeverity,
  type CvssVector,
  DECISIONS,
  type Decision,
  type Finding,
  type FindingException,
  type FindingHere,
  type FindingVex,
  type FixPlan,
  type FixStep,
  type Misconfiguration,
  type Place,
  RISK_CLASSES,
  type RiskClass,
  readStoredReport,
  type ScanReport,
  type Severity,
  VEX_STATUSES,
  type VexStatus,
} from './report.ts';
export { classifyRisk, type RiskFacts } from './risk.ts';
export { type RiskRoutesParts, registerRiskRoutes } from './risk-routes.ts';
export { type ImagesOfProject, registerScanRoutes, type ScanRoutesParts, type ScanStarter } from './routes.ts';
export { RUNNABLE_GAPS, type Runnable, type RunnableGap } from './runnable.ts';
export {
  type ContentSource,
  type LayerCache,
  noLayerCache,
  rematchInventory,
  type ScanRequest,
  type ScanResult,
  scanImage,
  scanTree,
  type TreeRequest,
} from './scan.ts';
export { type ScanJob, Scans, type ScansParts } from './scans.ts';
export { scoreImage } from './score.ts';
export { deriveFingerprintKey } from './secrets/fingerprint.ts';
export type { FoundSecret, ImageSecret, SecretFinding, SecretSeverity, SecretSource } from './secrets/secret.ts';
export { keepShippedRules } from './secrets/shipped.ts';
export { type ScanTables, seenCacheIn } from './store.ts';
export {
  type ImageTarget,
  openTarget,
  type ScanTarget,
  scanTarget,
  type TargetOptions,
  type TreeTarget,
} from './target.ts';
export type { Skipped } from './tree.ts';
export { type FindSignedVex, type SignedVex, VexDocuments, type VexRecord } from './vex/documents.ts';
export { readVex } from './vex/read.ts';
