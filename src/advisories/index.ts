export {
  ADVISORIES_TYPE,
  type PackedAdvisories,
  packAdvisories,
  receiveArtifact,
  type VerifyBundles,
} from './artifact.ts';
export { type ChangelogEntry, changelogInput, type PackageChangelog, readChangelog } from './changelog.ts';
export { advisoryCommands } from './commands.ts';
export {
  AdvisoryDatabase,
  type AdvisoryMatch,
  type AdvisoryRating,
  type AdvisorySource,
  type Coverage,
  type PackageQuery,
} from './database.ts';
export { type MirrorOptions, mirrorChangelogs } from './debian-mirror.ts';
export { advisoryFault } from './errors.ts';
export { ORDERINGS, orderingOf } from './orderings/index.ts';
export type { AdvisoryStatus, Severity } from './record.ts';
export { type AdvisoryArtifacts, type AdvisoryRoutesParts, isOld, registerAdvisoryRoutes } from './routes.ts';
export {
  type AdvisoryInput,
  AdvisoryStore,
  compileAdvisories,
  type ImportedSource,
  type ImportOptions,
  type ImportOutcome,
  inputsOf,
} from './store.ts';
export { configuredUrls, type UpdateOptions, type UpdateOutcome, updateAdvisories } from './update.ts';
