export { Copies } from './copies.ts';
export { volumeFault } from './errors.ts';
export { type ClaimOrder, HostVolumes } from './host/keeper.ts';
export { createTools } from './host/tree.ts';
export { LOOK_EVERY_MS } from './limits.ts';
export {
  type ClaimOwner,
  claimVolumeName,
  type LocalVolume,
  listClaims,
  purgeVolumes,
  readClaimOwner,
  type StoredVolume,
  VOLUME_LABEL,
  type VolumeKeeper,
  type VolumeMaker,
  volumeLabels,
} from './local.ts';
export { volumeMigrations } from './migrations.ts';
export { type AskedClaim, type ClaimPlace, formatClaim } from './model.ts';
export { registerVolumeRoutes } from './routes.ts';
export type { VolumeTables } from './store.ts';
export { claimPlace, type VolumeTask, volumeTask } from './task.ts';
export { Volumes } from './volumes.ts';
