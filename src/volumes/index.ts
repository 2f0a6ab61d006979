export {
  type ClaimOwner,
  claimVolumeName,
  type LocalVolume,
  listClaims,
  purgeVolumes,
  readClaimOwner,
  removeClaim,
  type StoredVolume,
  VOLUME_LABEL,
  type VolumeKeeper,
  volumeLabels,
} from './local.ts';
