import type { Selectable } from 'kysely';
import type { Text } from '../system/index.ts';
import type { ClaimKey, ClaimRecord, Driver, Reclaim, StorageClass } from './model.ts';
import type { Keep } from './retention.ts';

export interface VolumeTables {
  volumes_classes: { name: string; settings: string; set_at: string; set_by: string };
  volumes_claims: {
    project: string;
    environment: string;
    claim: string;
    class: string;
    driver: string;
    access_modes: string;
    requested_bytes: number;
    reclaim: string;
    host: string | null;
    epoch: number;
    created_at: string;
    released_at: string | null;
    removal: string | null;
    sealed: number;
  };
  volumes_keys: {
    project: string;
    environment: string;
    claim: string;
    /** 32 bytes, sealed under the name of the claim. */
    sealed: Uint8Array;
    created_at: string;
  };
  /** Which host may give a device its file system: one, whatever several see at once. */
  volumes_formats: { device: string; host: string; name: string; granted_at: string };
  volumes_repositories: {
    name: string;
    location: string;
    /** RepositoryAccess, sealed under the name. */
    sealed: Uint8Array;
    created_at: string;
    created_by: string;
  };
  volumes_copies: {
    id: string;
    project: string;
    environment: string;
    claim: string;
    kind: string;
    repository: string | null;
    state: string;
    /** What came of it, as JSON: CopyAnswer or BackupAnswer; null while it is made or when it failed. */
    answer: string | null;
    problem: string | null;
    scheduled: number;
    created_at: string;
    created_by: string;
    verified_at: string | null;
    verified_same: number | null;
    /** Its volume lay encrypted. */
    sealed: number;
  };
  volumes_schedules: {
    project: string;
    environment: string;
    claim: string;
    repository: string;
    cron: string;
    keep: string;
    /** Days between trials of a restore; 0: none. */
    verify_days: number;
    next_at: string;
    set_at: string;
    set_by: string;
  };
}

export interface Copy extends ClaimKey {
  readonly id: string;
  /** A snapshot lies on the same disk as its claim; a backup somewhere else, encrypted. */
  readonly kind: 'snapshot' | 'backup';
  readonly repository: string | null;
  readonly state: 'running' | 'done' | 'failed';
  readonly bytes: number | null;
  readonly files: number | null;
  readonly addedBytes: number | null;
  readonly how: string | null;
  readonly frozenMs: number | null;
  readonly tree: string | null;
  readonly problem: Text | null;
  readonly scheduled: boolean;
  /** Its volume lay encrypted under a key of its own. */
  readonly sealed: boolean;
  readonly createdAt: string;
  readonly createdBy: string;
  /** When a restore of it was last tried, and whether everything came back as it was. */
  readonly verified: { readonly at: string; readonly same: boolean } | null;
}

export function toClass(row: Selectable<VolumeTables['volumes_classes']>): StorageClass {
  // Settings of an earlier program say nothing of encryption.
  return { encrypt: [], ...(JSON.parse(row.settings) as Omit<StorageClass, 'name' | 'encrypt'>), name: row.name };
}

export function toClaim(row: Selectable<VolumeTables['volumes_claims']>): ClaimRecord {
  return {
    project: row.project,
    environment: row.environment,
    claim: row.claim,
    class: row.class,
    driver: JSON.parse(row.driver) as Driver,
    accessModes: JSON.parse(row.access_modes) as string[],
    requestedBytes: Number(row.requested_bytes),
    reclaim: JSON.parse(row.reclaim) as Reclaim,
    host: row.host,
    epoch: Number(row.epoch),
    sealed: row.sealed === 1,
    createdAt: row.created_at,
    releasedAt: row.released_at,
    removal: row.removal === 'asked' || row.removal === 'done' ? row.removal : null,
  };
}

export function toCopy(row: Selectable<VolumeTables['volumes_copies']>): Copy {
  const answer = row.answer === null ? null : (JSON.parse(row.answer) as Record<string, unknown>);
  const number = (name: string): number | null => {
    const value = answer?.[name];
    return typeof value === 'number' ? value : null;
  };
  const word = (name: string): string | null => {
    const value = answer?.[name];
    return typeof value === 'string' ? value : null;
  };
  return {
    id: row.id,
    project: row.project,
    environment: row.environment,
    claim: row.claim,
    kind: row.kind === 'backup' ? 'backup' : 'snapshot',
    repository: row.repository,
    state: row.state === 'done' || row.state === 'failed' ? row.state : 'running',
    bytes: number('bytes'),
    files: number('files'),
    addedBytes: number('addedBytes'),
    how: word('how'),
    frozenMs: number('frozenMs'),
    tree: word('tree'),
    problem: row.problem === null ? null : (JSON.parse(row.problem) as Text),
    scheduled: row.scheduled !== 0,
    sealed: row.sealed === 1,
    createdAt: row.created_at,
    createdBy: row.created_by,
    verified: row.verified_at === null ? null : { at: row.verified_at, same: row.verified_same === 1 },
  };
}

export interface Schedule extends ClaimKey {
  readonly repository: string;
  readonly cron: string;
  readonly keep: Keep;
  readonly verifyDays: number;
  readonly nextAt: string;
  readonly setBy: string;
}

export function toSchedule(row: Selectable<VolumeTables['volumes_schedules']>): Schedule {
  return {
    project: row.project,
    environment: row.environment,
    claim: row.claim,
    repository: row.repository,
    cron: row.cron,
    keep: JSON.parse(row.keep) as Keep,
    verifyDays: row.verify_days,
    nextAt: row.next_at,
    setBy: row.set_by,
  };
}
