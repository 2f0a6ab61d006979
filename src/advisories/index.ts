export {
  ADVISORIES_TYPE,
  type PackedAdvisories,
  packAdvisories,
  receiveArtifact,
  type VerifyBundles,
} from './artifact.ts';
export { type ChangelogEntry, changelogInput, type PackageChangelog, readChangelog } from './changelog.ts';
export {
  AdvisoryDatabase,
  type AdvisoryMatch,
  type AdvisoryRating,
  type AdvisorySource,
  type Coverage,
  type PackageQuery,
  type PackageStatement,
} from './database.ts';
export { type MirrorOptions, mirrorChangelogs } from './debian-mirror.ts';
export { advisoryFault } from './errors.ts';
export type { KernelAdvisory } from './kernel/advisories.ts';
export { compareKernels, type KernelRelease, parseKernelRelease } from './kernel/release.ts';
export { judgeKernel, type KernelVerdict } from './kernel/verdict.ts';
export { ORDERINGS, orderingOf } from './orderings/index.ts';
export type { AdvisoryStatus, KernelFix, KernelRecord, Severity } from './record.ts';
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
