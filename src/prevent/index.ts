export { preventionAlert } from './alert.ts';
export { type PreventionOrder, PreventPolicies, type StoredPreventPolicy } from './book.ts';
export { preventFault } from './errors.ts';
export {
  type ContainerGuard,
  compileGuard,
  type Denied,
  type GuardedContainer,
  type GuardRule,
  isDriftForKernel,
  isForKernel,
  type Means,
  PackagesByImage,
  type PackagesOrder,
  type Part,
  type PreventPolicy,
  type Strength,
} from './guard.ts';
export { type GuardedPart, type HostPrevention, hostPrevention, packagesOrder, type Reach } from './host-state.ts';
export {
  PACKAGE_ORDERS_MAX,
  POLICIES_MAX,
  STRANGER_TEXT_MAX,
  STRANGERS_MAX,
} from './limits.ts';
export { type PreventTables, preventMigrations } from './migrations.ts';
export { type DeniedPackage, type ImagePackages, namesPackage, type PackageGap } from './packages.ts';
export { PackagesInImages, type PackagesOfImages } from './packages-in-images.ts';
export { preventPolicy, readPreventPolicy } from './policy.ts';
export { registerPreventionRoutes } from './routes.ts';
export { type KeptStranger, type Stranger, Strangers, strangersShape } from './strangers.ts';
