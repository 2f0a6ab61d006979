export { Availability, type EnvironmentAvailability } from './availability.ts';
export { changeText, type WorkloadChange } from './change-words.ts';
export {
  addChange,
  carryChanges,
  kindOf,
  toManifestChange,
  toOverlays,
} from './changes.ts';
export { checkClaims } from './claims.ts';
export { registerComparisonRoutes } from './comparison-routes.ts';
export { type Composition, hashComposition } from './composition.ts';
export { copyWorkload } from './copy.ts';
export { nextCronTime, parseCron } from './cron.ts';
export {
  Deployments,
  type Environment,
  type EnvironmentClass,
  isAsWanted,
  type NewRelease,
  type PinnedImage,
  type ProjectView,
  type Promotion,
  type Release,
  type ReleaseSource,
} from './deployments.ts';
export { serviceRedirects } from './engines/local/hosts.ts';
export type { ServiceEndpoints, WorkloadStatus } from './engines/local/index.ts';
export { checkComposition } from './engines/local/wanted-reader.ts';
export { EnvironmentPolicies } from './environment-policies.ts';
export { type EnvironmentJudge, type RunningUnder, registerEnvironmentRoutes } from './environment-routes.ts';
export { deployFault } from './errors.ts';
export { AVAILABILITY_LOOK_MS, AVAILABILITY_WRITE_MS } from './limits.ts';
export { deployMigrations } from './migrations.ts';
export { selects, type WantedListener, type WantedRoute, type WantedState, type WantedWorkload } from './model.ts';
export { CAPABILITIES, type ContainerProfile, narrowSecurity, narrowWorkloads } from './narrow.ts';
export { type ProjectFile, parseProjectFile } from './project-file.ts';
export { Quotas } from './quota.ts';
export { registerQuotaRoutes } from './quota-routes.ts';
export { describeWorkload, findContainer, type PublishedRoute, type Releases, registerDeployRoutes } from './routes.ts';
export { type RunStarter, registerRunRoutes } from './run-routes.ts';
export { type RunOrder, Runs, type RunView, runManifests } from './runs.ts';
export type { DeployTables } from './store.ts';
export { workloadFacts } from './workload-facts.ts';
