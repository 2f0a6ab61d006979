import { createHash } from 'node:crypto';

/** Whose data a local volume holds. */
export interface ClaimOwner {
  readonly instance: string;
  readonly project: string;
  readonly environment: string;
  readonly claim: string;
}

export const VOLUME_LABEL = {
  instance: 'darsena.instance',
  managed: 'darsena.managed',
  project: 'darsena.project',
  environment: 'darsena.environment',
  claim: 'darsena.claim',
  /** A copy of a claim at one moment, by the id of the copy. */
  snapshot: 'darsena.snapshot',
  /** What a restore or its trial needs for a while; it is nobody's data. */
  passing: 'darsena.passing',
} as const;

/** On containers that have only a part of a volume (subPath), which the engine does not take for a use of it. */
export function partLabel(volume: string): string {
  return `${PART_PREFIX}${volume}`;
}
export const PART_PREFIX = 'darsena.part.';

/** One engine volume per claim. A name that would be too long for a file keeps its beginning and gets a hash. */
export function claimVolumeName(owner: ClaimOwner): string {
  const name = `${owner.instance}-${owner.project}-${owner.environment}-${owner.claim}`;
  if (name.length <= NAME_LENGTH_MAX) return name;
  return `${name.slice(0, NAME_LENGTH_MAX - 13)}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}

/** A file name holds 255 bytes; room is left for what the engine adds. */
const NAME_LENGTH_MAX = 200;

export function volumeLabels(owner: ClaimOwner): Record<string, string> {
  return {
    [VOLUME_LABEL.managed]: 'true',
    [VOLUME_LABEL.instance]: owner.instance,
    [VOLUME_LABEL.project]: owner.project,
    [VOLUME_LABEL.environment]: owner.environment,
    [VOLUME_LABEL.claim]: owner.claim,
  };
}

/** A snapshot lies beside its claim, as a volume of its own. No claim has a name with `_`, so that none can be taken for one. */
export function snapshotVolumeName(owner: ClaimOwner, id: string): string {
  return `${claimVolumeName(owner)}_snap_${id}`;
}

export function snapshotLabels(owner: ClaimOwner, id: string): Record<string, string> {
  const { [VOLUME_LABEL.claim]: _claim, ...rest } = volumeLabels(owner);
  return { ...rest, [VOLUME_LABEL.snapshot]: id };
}

/** Null when the labels do not name a claim: a scratch volume, a snapshot, or somebody else's. */
export function readClaimOwner(labels: Readonly<Record<string, string>>): ClaimOwner | null {
  const instance = labels[VOLUME_LABEL.instance];
  const project = labels[VOLUME_LABEL.project];
  const environment = labels[VOLUME_LABEL.environment];
  const claim = labels[VOLUME_LABEL.claim];
  if (!instance || !project || !environment || !claim) return null;
  return { instance, project, environment, claim };
}

/** The part of an engine that keeps volumes. `deploy` passes the real one. */
export interface VolumeKeeper {
  listVolumes(): Promise<readonly StoredVolume[]>;
  removeVolume(name: string): Promise<void>;
}

/** The part that also makes them. `folder`: where the data lies instead of in the engine's own storage. */
export interface VolumeMaker extends VolumeKeeper {
  ensureVolume(order: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly folder?: string;
  }): Promise<StoredVolume>;
}

export interface StoredVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly path: string;
  readonly createdAt: string;
}

export interface LocalVolume {
  readonly name: string;
  readonly owner: ClaimOwner;
  readonly path: string;
  readonly createdAt: string;
}

/**
 * The claims of an instance that have data on this host. A volume outlives every pod and every workload that used it;
 * it ends only by an order of control, by `purgeVolumes`, or with the instance.
 */
export async function listClaims(keeper: VolumeKeeper, instance: string): Promise<LocalVolume[]> {
  const volumes = await keeper.listVolumes();
  return volumes.flatMap(({ name, labels, path, createdAt }) => {
    const owner = readClaimOwner(labels);
    return owner === null || owner.instance !== instance ? [] : [{ name, owner, path, createdAt }];
  });
}

/** Destroys all volumes of the instance, scratch ones included: part of taking the whole instance away. */
export async function purgeVolumes(keeper: VolumeKeeper, instance: string): Promise<string[]> {
  const removed: string[] = [];
  for (const { name, labels } of await keeper.listVolumes()) {
    if (labels[VOLUME_LABEL.instance] !== instance) continue;
    await keeper.removeVolume(name);
    removed.push(name);
  }
  return removed;
}
