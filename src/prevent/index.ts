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
  type Part,
  type PreventPolicy,
  type Strength,
} from './guard.ts';
export { type GuardedPart, type HostPrevention, hostPrevention, type Reach } from './host-state.ts';
export { POLICIES_MAX, STRANGER_TEXT_MAX, STRANGERS_MAX } from './limits.ts';
export { type PreventTables, preventMigrations } from './migrations.ts';
export { preventPolicy, readPreventPolicy } from './policy.ts';
export { registerPreventionRoutes } from './routes.ts';
export { type KeptStranger, type Stranger, Strangers, strangersShape } from './strangers.ts';
