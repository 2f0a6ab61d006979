import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { parseStrictJson } from '../formats/index.ts';
import { canonicalJson, type Json } from '../system/index.ts';
import { trustFault } from './errors.ts';
import {
  DOCUMENT_DEPTH_MAX,
  TRUSTED_ROOT_BYTES_MAX,
  TUF_METADATA_BYTES_MAX,
  TUF_ROOT_ROTATIONS_MAX,
  TUF_SIGNATURES_MAX,
  TUF_TARGETS_MAX,
} from './limits.ts';
import { reasonInWords } from './reason-words.ts';
import { countOf, type Fields, fieldsOf, instantOf, listOf, optional, required, textOf } from './sigstore/fields.ts';

/**
 * The client's side of The Update Framework (specification 1.0.33, section 5): how a mirrored trusted root is renewed
 * without believing the mirror. No delegations: Sigstore's trusted_root.json is a top-level target.
 */

/** Where metadata and targets come from: a folder or a URL. Null when it is not there. */
export interface TufMirror {
  metadata(name: string, maxBytes: number): Promise<Uint8Array | null>;
  target(path: string, maxBytes: number): Promise<Uint8Array | null>;
}

/** What a client keeps between updates. The root is the anchor: the first one is given by hand. */
export interface TufState {
  readonly root: Uint8Array;
  readonly timestamp: Uint8Array | null;
  readonly snapshot: Uint8Array | null;
  readonly targets: Uint8Array | null;
}

export interface TufUpdate {
  readonly state: TufState;
  readonly target: Uint8Array;
  readonly versions: {
    readonly root: number;
    readonly timestamp: number;
    readonly snapshot: number;
    readonly targets: number;
  };
  /** The nearest time at which some of it is too old to be believed. */
  readonly expires: Date;
}

type Role = 'root' | 'timestamp' | 'snapshot' | 'targets';

interface Signed {
  readonly role: Role;
  readonly version: number;
  readonly expires: number;
  readonly fields: Fields;
  readonly bytes: Uint8Array;
}

interface RootMetadata extends Signed {
  readonly keys: ReadonlyMap<string, TufKey>;
  readonly roles: Readonly<Record<Role, { readonly keyIds: readonly string[]; readonly threshold: number }>>;
  readonly consistentSnapshot: boolean;
}

interface TufKey {
  readonly object: KeyObject;
  readonly hash: string | null;
}

interface FileInfo {
  readonly version: number | null;
  readonly length: number | null;
  readonly hashes: ReadonlyMap<string, string>;
}

/**
 * Renews a target. Everything is checked before anything counts: an error leaves the state that was given as it is.
 * @param name of the target, such as `trusted_root.json`
 * @throws Fault trust.tuf-refused with what does not hold
 */
export async function updateTarget(mirror: TufMirror, standing: TufState, name: string, now: Date): Promise<TufUpdate> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(name))
    throw refused(`the target name ${JSON.stringify(name)} is not plain`);
  const root = await followRoots(mirror, readRoot(standing.root));
  checkFresh(root, now);

  const timestamp = await renew(mirror, 'timestamp', root, null, now);
  const oldTimestamp = keptOf(standing.timestamp, 'timestamp', root);
  notOlder(timestamp, oldTimestamp);
  const snapshotInfo = metaOf(timestamp, 'snapshot.json');
  const oldSnapshotInfo = oldTimestamp === null ? null : metaOf(oldTimestamp, 'snapshot.json');
  if (oldSnapshotInfo !== null && (snapshotInfo.version ?? 0) < (oldSnapshotInfo.version ?? 0)) {
    throw refused('the time stamp names an older snapshot than before');
  }

  const snapshot = await renew(mirror, 'snapshot', root, snapshotInfo, now);
  const oldSnapshot = keptOf(standing.snapshot, 'snapshot', root);
  notOlder(snapshot, oldSnapshot);
  checkNothingDropped(snapshot, oldSnapshot);

  const targetsInfo = metaOf(snapshot, 'targets.json');
  const targets = await renew(mirror, 'targets', root, targetsInfo, now);
  notOlder(targets, keptOf(standing.targets, 'targets', root));

  const target = await fetchTarget(mirror, root, targets, name);
  return {
    state: { root: root.bytes, timestamp: timestamp.bytes, snapshot: snapshot.bytes, targets: targets.bytes },
    target,
    versions: {
      root: root.version,
      timestamp: timestamp.version,
      snapshot: snapshot.version,
      targets: targets.version,
    },
    expires: new Date(Math.min(root.expires, timestamp.expires, snapshot.expires, targets.expires)),
  };
}

/** Section 5.3: each next root is signed by the keys of the one before and by its own. */
async function followRoots(mirror: TufMirror, first: RootMetadata): Promise<RootMetadata> {
  let root = first;
  for (let step = 0; ; step += 1) {
    const bytes = await mirror.metadata(`${root.version + 1}.root.json`, TUF_METADATA_BYTES_MAX);
    if (bytes === null) return root;
    if (step >= TUF_ROOT_ROTATIONS_MAX) throw refused(`more than ${TUF_ROOT_ROTATIONS_MAX} roots follow each other`);
    checkSignatures(bytes, 'root', root);
    const next = readRoot(bytes);
    if (next.version !== root.version + 1) throw refused(`expected root ${root.version + 1}, got ${next.version}`);
    root = next;
  }
}

/** One file of metadata: of the length, hash and version that stand above it, signed by its role, not too old. */
async function renew(
  mirror: TufMirror,
  role: Role,
  root: RootMetadata,
  info: FileInfo | null,
  now: Date,
): Promise<Signed> {
  const prefix = info?.version != null && root.consistentSnapshot ? `${info.version}.` : '';
  const maxBytes = Math.min(info?.length ?? TUF_METADATA_BYTES_MAX, TUF_METADATA_BYTES_MAX);
  const bytes = await mirror.metadata(`${prefix}${role}.json`, maxBytes);
  if (bytes === null) throw refused(`${prefix}${role}.json is not there`);
  checkBytes(bytes, info, `${role}.json`);
  checkSignatures(bytes, role, root);
  const signed = readSigned(bytes, role);
  if (info?.version != null && signed.version !== info.version) {
    throw refused(`expected version ${info.version} of ${role}, got ${signed.version}`);
  }
  checkFresh(signed, now);
  return signed;
}

async function fetchTarget(mirror: TufMirror, root: RootMetadata, targets: Signed, name: string): Promise<Uint8Array> {
  const listed = required(targets.fields, 'targets', fieldsOf);
  if (Object.keys(listed).length > TUF_TARGETS_MAX) throw refused(`more than ${TUF_TARGETS_MAX} targets`);
  const info = optional(listed, name, readInfo);
  if (info === null) throw refused(`${name} is not among the targets`);
  if (info.length === null || info.hashes.size === 0) throw refused(`${name} has no length or no hash`);
  if (info.length > TRUSTED_ROOT_BYTES_MAX) throw refused(`${name} is larger than ${TRUSTED_ROOT_BYTES_MAX} bytes`);
  const digest = info.hashes.get('sha256') ?? info.hashes.get('sha512') ?? '';
  const bytes = await mirror.target(root.consistentSnapshot ? `${digest}.${name}` : name, info.length);
  if (bytes === null) throw refused(`the target ${name} is not there`);
  checkBytes(bytes, info, name);
  return bytes;
}

function readRoot(bytes: Uint8Array): RootMetadata {
  const signed = readSigned(bytes, 'root');
  const keys = new Map<string, TufKey>();
  for (const [id, value] of Object.entries(required(signed.fields, 'keys', fieldsOf))) {
    const key = readKey(fieldsOf(value, 'keys'));
    if (key !== null) keys.set(id, key);
  }
  const written = required(signed.fields, 'roles', fieldsOf);
  const roleOf = (role: Role) => {
    const fields = required(written, role, fieldsOf);
    const keyIds = required(fields, 'keyids', listOf(TUF_SIGNATURES_MAX, textOf));
    const threshold = required(fields, 'threshold', countOf);
    if (threshold < 1) throw refused(`the threshold of ${role} is ${threshold}`);
    return { keyIds, threshold };
  };
  const root = {
    ...signed,
    keys,
    roles: {
      root: roleOf('root'),
      timestamp: roleOf('timestamp'),
      snapshot: roleOf('snapshot'),
      targets: roleOf('targets'),
    },
    consistentSnapshot: signed.fields['consistent_snapshot'] === true,
  };
  checkSignatures(bytes, 'root', root);
  return root;
}

function readKey(fields: Fields): TufKey | null {
  const kind = required(fields, 'keytype', textOf);
  const value = required(required(fields, 'keyval', fieldsOf), 'public', textOf);
  try {
    switch (kind) {
      case 'ecdsa':
      case 'ecdsa-sha2-nistp256':
        return { object: createPublicKey(value), hash: 'sha256' };
      case 'ed25519': {
        const jwk = { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(value, 'hex').toString('base64url') };
        return { object: createPublicKey({ key: jwk, format: 'jwk' }), hash: null };
      }
      default:
        return null; // a key of a kind that is not known signs nothing here
    }
  } catch (cause) {
    throw refused(`a key of kind ${kind} cannot be read`, cause);
  }
}

function readSigned(bytes: Uint8Array, role: Role): Signed {
  const { signed } = readEnvelope(bytes);
  if (required(signed, '_type', textOf) !== role) throw refused(`expected metadata of ${role}`);
  if (!/^1\.\d+(\.\d+)?$/.test(required(signed, 'spec_version', textOf)))
    throw refused('it is not of version 1 of TUF');
  const version = required(signed, 'version', countOf);
  if (version < 1) throw refused(`${role} has version ${version}`);
  return { role, version, expires: required(signed, 'expires', instantOf), fields: signed, bytes };
}

function readEnvelope(bytes: Uint8Array): { readonly signed: Fields; readonly signatures: readonly Fields[] } {
  try {
    const json = parseStrictJson(bytes, { maxBytes: TUF_METADATA_BYTES_MAX, maxDepth: DOCUMENT_DEPTH_MAX });
    const envelope = fieldsOf(json, 'the metadata');
    return {
      signed: required(envelope, 'signed', fieldsOf),
      signatures: required(envelope, 'signatures', listOf(TUF_SIGNATURES_MAX, fieldsOf)),
    };
  } catch (cause) {
    throw refused(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** Section 5.3.4 and its like: as many different keys as the threshold, whatever other signatures stand beside them. */
function checkSignatures(bytes: Uint8Array, role: Role, root: RootMetadata): void {
  const { signed, signatures } = readEnvelope(bytes);
  const data = Buffer.from(canonicalTuf(signed as Json));
  const { keyIds, threshold } = root.roles[role];
  const good = new Set<string>();
  for (const signature of signatures) {
    const id = required(signature, 'keyid', textOf);
    const key = root.keys.get(id);
    const text = required(signature, 'sig', textOf);
    if (!keyIds.includes(id) || key === undefined || !/^([0-9a-f]{2})+$/.test(text)) continue;
    if (holds(key, data, Buffer.from(text, 'hex'))) good.add(keyName(key));
  }
  if (good.size < threshold)
    throw refused(`${role} is signed by ${good.size} of the ${threshold} keys that are wanted`);
}

/** The same key under two ids is one. */
function keyName({ object }: TufKey): string {
  return hash('sha256', object.export({ format: 'der', type: 'spki' }), 'hex');
}

function holds(key: TufKey, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify(key.hash, data, key.object, signature);
  } catch {
    return false; // bytes that are no signature did not sign it
  }
}

function checkFresh({ role, expires }: Signed, now: Date): void {
  if (expires <= now.getTime())
    throw refused(`${role} ended at ${new Date(expires).toISOString()}: the mirror is frozen or our clock runs ahead`);
}

function notOlder(next: Signed, old: Signed | null): void {
  if (old !== null && next.version < old.version)
    throw refused(`${next.role} goes back from version ${old.version} to ${next.version}`);
}

/** Section 5.5.5: what a snapshot listed stays listed, and no file of it goes back. */
function checkNothingDropped(next: Signed, old: Signed | null): void {
  if (old === null) return;
  const listed = required(next.fields, 'meta', fieldsOf);
  for (const [name, value] of Object.entries(required(old.fields, 'meta', fieldsOf))) {
    const now = optional(listed, name, readInfo);
    const before = readInfo(value);
    if (now === null) throw refused(`${name} is no longer in the snapshot`);
    if ((now.version ?? 0) < (before.version ?? 0)) throw refused(`${name} goes back in the snapshot`);
  }
}

/** Metadata that is kept counts for comparing only while the keys of today signed it: a stolen key cannot lock us out. */
function keptOf(bytes: Uint8Array | null, role: Role, root: RootMetadata): Signed | null {
  if (bytes === null) return null;
  try {
    checkSignatures(bytes, role, root);
    return readSigned(bytes, role);
  } catch {
    return null; // section 5.3.11: after a change of keys the old metadata says nothing
  }
}

function metaOf(signed: Signed, name: string): FileInfo {
  const info = optional(required(signed.fields, 'meta', fieldsOf), name, readInfo);
  if (info === null) throw refused(`${signed.role} does not name ${name}`);
  return info;
}

function readInfo(value: unknown, where = 'meta'): FileInfo {
  const fields = fieldsOf(value, where);
  const hashes = optional(fields, 'hashes', fieldsOf) ?? {};
  const known = Object.entries(hashes).filter(([algorithm]) => algorithm === 'sha256' || algorithm === 'sha512');
  return {
    version: optional(fields, 'version', countOf),
    length: optional(fields, 'length', countOf),
    hashes: new Map(known.map(([algorithm, text]) => [algorithm, textOf(text, 'hashes')])),
  };
}

function checkBytes(bytes: Uint8Array, info: FileInfo | null, name: string): void {
  if (info === null) return;
  if (info.length !== null && bytes.length > info.length) throw refused(`${name} is longer than it should be`);
  for (const [algorithm, wanted] of info.hashes) {
    if (hash(algorithm, bytes, 'hex') !== wanted) throw refused(`${name} has another ${algorithm}`);
  }
}

/** TUF's own canonical JSON (OLPC): sorted keys, no spaces, only quote and backslash escaped. */
function canonicalTuf(value: Json): string {
  if (typeof value === 'string') return `"${value.replaceAll(/["\\]/g, (character) => `\\${character}`)}"`;
  if (Array.isArray(value)) return `[${value.map(canonicalTuf).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${members.map(([key, member]) => `${canonicalTuf(key)}:${canonicalTuf(member)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw refused('a number is not whole');
  return canonicalJson(value);
}

function refused(reason: string, cause?: unknown): Error {
  return trustFault('trust.tuf-refused', { reason: reasonInWords(reason) }, cause === undefined ? {} : { cause });
}
