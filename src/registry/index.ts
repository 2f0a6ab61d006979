export { sweepArchives } from './archive/import.ts';
export { registerArchiveRoutes } from './archive/routes.ts';
export type { ByteSource } from './blob-files.ts';
export { RegistryClient, type RemoteManifest, type RemoteRegistry } from './client.ts';
export type { Collected } from './collection.ts';
export { createRegistryHandler, type RegistryHandlerOptions } from './distribution/handler.ts';
export { registryFault } from './errors.ts';
export type {
  ConfigSummary,
  ImageDetail,
  ImageSummary,
  QuarantineState,
  QuarantineWord,
  ReferrerNode,
  RepositorySummary,
} from './images.ts';
export {
  allImages,
  allSubjects,
  listImages,
  listRepositories,
  readImage,
  readQuarantine,
} from './images.ts';
export { manifestKind, type Page, type Referrer } from './manifests.ts';
export { registryMigrations } from './migrations.ts';
export { isOurRepository } from './names.ts';
export type {
  Caller,
  CheckProgress,
  Credentials,
  DigestsInUse,
  ImagePushed,
  PullAnswer,
  PullGate,
  PullQuestion,
  RegistryAccess,
} from './ports.ts';
export type { PullHistory } from './pull-history.ts';
export { GRACE_DAYS, type Grace, Graces, graceUntil } from './quarantine-grace.ts';
export { Registry, type RegistryOptions, type RegistryStatus } from './registry.ts';
export { CopiesElsewhere } from './remotes/healing.ts';
export { Mirrors, type MirrorView } from './remotes/mirrors.ts';
export { Remotes, type RemoteView } from './remotes/remotes.ts';
export { Replications, type ReplicationView } from './remotes/replications.ts';
export { registerRemoteRoutes } from './remotes/routes.ts';
export { registerWatchRoutes } from './remotes/watch-routes.ts';
export { type CopyFinding, type ForeignExaminer, Watches, type WatchView } from './remotes/watches.ts';
export type { RetentionOutcome, RetentionReport } from './retention-run.ts';
export { type DescribeImages, registerRegistryRoutes } from './routes.ts';
export type { Damage, HealSource, ScrubState } from './scrub.ts';
export type { PatternSettings, RepositorySettings, RetentionRule, SettingsChange } from './settings.ts';
export { RepositorySettingsStore } from './settings.ts';
export type { ManifestKind, RegistryTables, StoredManifest } from './store.ts';
export type { RegistryWork } from './work-routes.ts';
