import { z } from 'zod';
import { EXPORT_NAME } from './host/exports.ts';
import { COPIES_MAX } from './limits.ts';

/**
 * The one thing about storage that control may ask of a host, in few closed forms. Names are names and never paths: where a
 * claim lies the host knows from its engine, and what lies outside of it the host's own list must allow.
 */

const NAME = /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/;
const name = z.string().max(253).regex(NAME);
const label = z.string().max(63).regex(NAME);
const bytes = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** Whatever lies there is a path of this host: absolute, without a way back up. */
const path = z
  .string()
  .max(4_096)
  .regex(/^\/[^\0]*$/)
  .refine((text) => !text.split('/').includes('..'), 'leads up');
const copyId = z.string().regex(/^[0-9a-f-]{36}$/);
const snapshot = z.string().regex(/^[0-9a-f]{8,64}$/);
const tree = z.string().regex(/^[0-9a-f]{64}$/);

export const claimKey = z.strictObject({ project: label, environment: label, claim: name });

export const driver = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local') }),
  z.strictObject({ kind: z.literal('folder'), path }),
  z.strictObject({ kind: z.literal('export'), name: z.string().regex(EXPORT_NAME) }),
]);

export const claimPlace = z.strictObject({
  class: name,
  driver,
  epoch: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  host: z.string().max(253).nullable(),
  // What an earlier program kept says nothing of it.
  sealed: z.boolean().default(false),
});

/** 256 bits, as their hexadecimal digits: it opens one volume. */
const volumeSecret = z.string().regex(/^[0-9a-f]{64}$/);
/** What control tells a host, which keeps it in memory alone. */
export const volumeKeys = z.strictObject({
  type: z.literal('volume-keys'),
  keys: z.array(z.strictObject({ key: claimKey, secret: volumeSecret })).max(10_000),
});
export type VolumeKeys = z.infer<typeof volumeKeys>;

/** What names a device wherever it is seen from: its world-wide name, or its target and LUN; else the name of its export. */
const deviceName = z
  .string()
  .max(500)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);
/** A host asks whether it may give a device its file system: two hosts may see one blank LUN at the same instant. */
export const formatAsk = z.strictObject({
  type: z.literal('format-ask'),
  device: deviceName,
  /** The host's own name of it. */
  name: z.string().max(63),
});
export type FormatAsk = z.infer<typeof formatAsk>;
/** Control's answer: one host alone is ever told yes, until an administrator takes that back. */
export const formatAnswer = z.strictObject({
  type: z.literal('format-answer'),
  device: deviceName,
  granted: z.boolean(),
  /** Which host may. */
  holder: z.string().max(253),
});
export type FormatAnswer = z.infer<typeof formatAnswer>;

/**
 * Where backups go; what begins with a dash or holds a space could be read as an option further on, and a way back up
 * would lead out of what a host allows.
 */
export const REPOSITORY_LOCATION =
  /^(?!.*[/:]\.\.(?:\/|$))(?:\/[^\0\n]{1,1000}|rest:https?:\/\/[A-Za-z0-9][A-Za-z0-9.:[\]-]*(?:\/[A-Za-z0-9._~/-]*)?|sftp:(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9._~/-]+)$/;

export const repositoryAccess = z.strictObject({
  location: z.string().max(1_100).regex(REPOSITORY_LOCATION),
  /** Opens its key; without it nothing in the repository can be read. */
  password: z
    .string()
    .min(1)
    .max(500)
    .regex(/^[\x21-\x7e]+$/),
  /** Of its server, for `rest:`. */
  user: z.strictObject({ name: z.string().max(200), password: z.string().max(500) }).nullable(),
});
export type RepositoryAccess = z.infer<typeof repositoryAccess>;

const copySource = z.discriminatedUnion('kind', [
  /** `secret` opens the copy of a volume that lies encrypted. */
  z.strictObject({ kind: z.literal('snapshot'), of: claimKey, id: copyId, secret: volumeSecret.exactOptional() }),
  z.strictObject({ kind: z.literal('backup'), repository: repositoryAccess, snapshot, path }),
]);

const volumeOrder = z.discriminatedUnion('action', [
  /** What volumes hold, and whether they can be used. */
  z.strictObject({
    action: z.literal('look'),
    claims: z.array(z.strictObject({ key: claimKey, place: claimPlace.nullable() })).max(10_000),
  }),
  z.strictObject({ action: z.literal('remove'), key: claimKey, place: claimPlace.nullable() }),
  /** `secret` opens it where it lies encrypted: one that no pod of the host is to mount has no key there. */
  z.strictObject({
    action: z.literal('snapshot'),
    ...{ key: claimKey, id: copyId, secret: volumeSecret.exactOptional() },
  }),
  z.strictObject({ action: z.literal('drop-snapshot'), key: claimKey, id: copyId }),
  /** Fills a claim that does not exist yet. */
  z.strictObject({
    action: z.literal('fill'),
    from: copySource,
    to: claimKey,
    place: claimPlace.nullable(),
    requestedBytes: bytes,
    /** What the copy holds. */
    bytes,
    tree,
    /** Of the claim that is filled, where it is to lie encrypted. */
    secret: volumeSecret.exactOptional(),
    /** Several hosts may write to it at once: how it is encrypted must bear that. */
    shared: z.boolean().exactOptional(),
  }),
  z.strictObject({
    action: z.literal('backup'),
    ...{ key: claimKey, id: copyId, repository: repositoryAccess, secret: volumeSecret.exactOptional() },
  }),
  /** Restores into a volume of its own, compares, and removes it. */
  z.strictObject({
    action: z.literal('verify'),
    ...{ repository: repositoryAccess, snapshot, path, bytes, tree },
    /** What is restored aside lies encrypted meanwhile, under a key that nobody keeps. */
    sealed: z.boolean().exactOptional(),
  }),
  z.strictObject({
    action: z.literal('forget'),
    repository: repositoryAccess,
    snapshots: z.array(snapshot).max(COPIES_MAX),
  }),
  /** Opens a repository, or makes it where there is none. */
  z.strictObject({ action: z.literal('open-repository'), repository: repositoryAccess }),
]);
export type VolumeOrderMessage = z.infer<typeof volumeOrder>;

export const volumeTask = z.strictObject({ kind: z.literal('volume'), order: volumeOrder });
export type VolumeTask = z.infer<typeof volumeTask>;

const text = z.strictObject({ en: z.string().max(10_000), es: z.string().max(10_000) });

/** What hosts answer, read by control as what anybody could have said. */
export const lookAnswer = z.strictObject({
  looks: z
    .array(
      z.strictObject({
        project: label,
        environment: label,
        claim: name,
        usedBytes: bytes.nullable(),
        freeBytes: bytes.nullable(),
        totalBytes: bytes.nullable(),
        limit: z.union([
          z.strictObject({ enforced: z.literal(true) }),
          z.strictObject({ enforced: z.literal(false), why: text }),
        ]),
        containers: z.number().int().min(0).max(1_000_000),
        trouble: text.nullable(),
      }),
    )
    .max(10_000),
});

export const removalProof = z.strictObject({
  volume: z.string().max(300),
  path: z.string().max(4_096),
  files: bytes,
  bytes,
  how: z.enum(['deleted', 'absent']),
  /** RFC 3339, when it was seen to be gone. */
  goneAt: z.iso.datetime(),
});
export type RemovalProof = z.infer<typeof removalProof>;

export const copyAnswer = z.strictObject({
  /** SHA-256 over all names, kinds, owners, modes, times and contents. */
  tree,
  files: bytes,
  bytes,
  how: z.enum(['reflink', 'lvm', 'copy', 'direct']),
  /** How long the workload was held still. */
  frozenMs: bytes,
});
export type CopyAnswer = z.infer<typeof copyAnswer>;

export const backupAnswer = copyAnswer.extend({ snapshot, path, addedBytes: bytes });
export type BackupAnswer = z.infer<typeof backupAnswer>;

export const verifyAnswer = z.strictObject({ tree, files: bytes, bytes, same: z.boolean() });
export const repositoryAnswer = z.strictObject({ created: z.boolean() });
