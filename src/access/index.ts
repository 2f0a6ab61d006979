export {
  Access,
  type Certified,
  type CertifyClient,
  type ClientCertificate,
  type Issued,
  type Proof,
  type Token,
  type User,
} from './access.ts';
export {
  type Action,
  actionsOf,
  type Grant,
  isRobotRight,
  isRole,
  may,
  PLATFORM,
  type Principal,
  personBehind,
  ROBOT_ACTIONS,
  ROBOT_ROLES,
  ROLES,
  type RobotAction,
  type RobotRole,
  type Role,
  requirePerson,
  visibleProjects,
} from './action.ts';
export { accessFault } from './errors.ts';
export { type ApiApp, type ApiOptions, createApi, readCookie, sessionCookie } from './http.ts';
export { WorkloadIdentity } from './identity/identity.ts';
export { signInClient } from './identity/sign-in.ts';
export { registerMachineRoutes } from './machine-routes.ts';
export type { Identity } from './presence.ts';
export { Robots } from './robots.ts';
export { registerAccessRoutes } from './routes.ts';
export { type AccessTables, accessMigrations } from './store.ts';
export { FailureThrottle, RateLimit } from './throttle.ts';
export { createVault, type Vault } from './vault.ts';
