export { type BaseRequest, type BaseResult, baseName, checkBaseRequest, createBase } from './base.ts';
export {
  BASE_STALE_DAYS,
  BaseCatalogue,
  type BaseEntry,
  type BuildTables,
  buildMigrations,
  releaseOf,
} from './base-catalogue.ts';
export { type Containerfile, type ImageUse, type Instruction, parseContainerfile } from './containerfile.ts';
export { buildFault } from './errors.ts';
export {
  type BuildContext,
  type BuildRequest,
  type BuildResult,
  type BuiltLayer,
  buildImage,
  type SourceCommit,
} from './image.ts';
export { BUILD_LABELS_MAX, BUILD_SECRET_BYTES_MAX, BUILD_SECRETS_MAX } from './limits.ts';
export { commitOf, type OpenedSource, openSource, readGitAddress } from './open-source.ts';
export { describePackages, type InstalledPackage, readPackages } from './packages.ts';
export {
  BASE_BUILD_TYPE,
  CONTAINERFILE_BUILD_TYPE,
  PROVENANCE_PREDICATE_TYPE,
  type Provenance,
} from './provenance.ts';
export type { BuildRegistry } from './registry-client.ts';
export { RELEASES, type Release } from './releases.ts';
export {
  type BuildOrder,
  type Builds,
  readSourceFacts,
  registerBuildRoutes,
  type SourceFacts,
  sourceQuery,
} from './routes.ts';
export { BuildSecrets, SECRET_ID } from './secrets.ts';
export { checkSource, packSource, type SourceLimits, type SourceSummary } from './source.ts';
export { addSecrets, addSourceFacts } from './source-facts.ts';
export { type BuildPaths, type BuildRuntime, type BuildUser, Workshop } from './workshop.ts';
