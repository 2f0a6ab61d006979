export { Copies, type KeptBeside } from './copies.ts';
export { volumeFault } from './errors.ts';
export { FormatAsks } from './host/format-asks.ts';
export { type ClaimOrder, HostVolumes } from './host/keeper.ts';
export { releaseMounts } from './host/release.ts';
export { createTools } from './host/tree.ts';
export { LOOK_EVERY_MS } from './limits.ts';
export {
  type ClaimOwner,
  claimVolumeName,
  type LocalVolume,
  listClaims,
  partLabel,
  purgeVolumes,
  readClaimOwner,
  type StoredVolume,
  VOLUME_LABEL,
  type VolumeKeeper,
  type VolumeMaker,
  volumeLabels,
} from './local.ts';
export { volumeMigrations } from './migrations.ts';
export { type AskedClaim, type ClaimKey, type ClaimPlace, type ClaimRecord, formatClaim } from './model.ts';
export { registerVolumeRoutes } from './routes.ts';
export type { Copy, VolumeTables } from './store.ts';
export {
  claimPlace,
  type FormatAnswer,
  type FormatAsk,
  formatAnswer,
  formatAsk,
  type VolumeKeys,
  type VolumeTask,
  volumeKeys,
  volumeTask,
} from './task.ts';
export { Volumes } from './volumes.ts';
