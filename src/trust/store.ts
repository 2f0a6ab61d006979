import type { Kysely, Selectable } from 'kysely';
import type { TrustDocument } from './policy-document.ts';
import type { SignedRecord } from './record.ts';
import type { SignatureUse } from './statement.ts';

export interface TrustTables {
  trust_keys: {
    id: string;
    name: string;
    uses: string;
    repositories: string;
    public_key_pem: string;
    /** Null: only the public key is here, somebody else signs with it. */
    sealed: Uint8Array | null;
    created_at: string;
    revoked_at: string | null;
    valid_from: string | null;
    valid_until: string | null;
    successor: string | null;
  };
  trust_policies: {
    version: number;
    document: string;
    signatures: string;
    actor: string;
    created_at: string;
  };
}

/** A key the platform signs with or believes. The private part, where it is here, stays sealed. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  readonly uses: readonly SignatureUse[];
  readonly repositories: readonly string[];
  readonly publicKeyPem: string;
  readonly sealed: Uint8Array | null;
  readonly createdAt: string;
  /** Nothing it ever signed counts. */
  readonly revokedAt: string | null;
  /** RFC 3339; null is unbounded. A signature counts whose trusted time, or the time of checking, is inside. */
  readonly validFrom: string | null;
  readonly validUntil: string | null;
  /** Of a former key that signed here: its own word, under KEY_SUCCESSION_TYPE, of the key that took its place. */
  readonly successor: SignedRecord | null;
}

/** A version of the trust policy. */
export interface PolicyRecord {
  readonly version: number;
  readonly document: TrustDocument;
  /** Of the administrators, over the document (record.ts); none where the policy names none. */
  readonly signatures: readonly SignedRecord[];
  readonly actor: string;
  readonly createdAt: string;
}

export async function insertKey(tx: Kysely<TrustTables>, key: KeyRecord): Promise<void> {
  await tx
    .insertInto('trust_keys')
    .values({
      id: key.id,
      name: key.name,
      uses: JSON.stringify(key.uses),
      repositories: JSON.stringify(key.repositories),
      public_key_pem: key.publicKeyPem,
      sealed: key.sealed,
      created_at: key.createdAt,
      revoked_at: key.revokedAt,
      valid_from: key.validFrom,
      valid_until: key.validUntil,
      successor: key.successor === null ? null : JSON.stringify(key.successor),
    })
    .execute();
}

export async function readKeys(db: Kysely<TrustTables>): Promise<KeyRecord[]> {
  const rows = await db.selectFrom('trust_keys').selectAll().orderBy('name').execute();
  return rows.map(toKeyRecord);
}

export async function readKeyByName(db: Kysely<TrustTables>, name: string): Promise<KeyRecord | null> {
  const row = await db.selectFrom('trust_keys').selectAll().where('name', '=', name).executeTakeFirst();
  return row === undefined ? null : toKeyRecord(row);
}

/** False when there is no such key or it was revoked before; the first time of revocation stays. */
export async function markRevoked(tx: Kysely<TrustTables>, id: string, at: string): Promise<boolean> {
  const result = await tx
    .updateTable('trust_keys')
    .set({ revoked_at: at })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows) > 0;
}

/** The time a key ends: what it signed before, by a trusted time, still counts. */
export async function markEnded(tx: Kysely<TrustTables>, id: string, at: string): Promise<void> {
  await tx.updateTable('trust_keys').set({ valid_until: at }).where('id', '=', id).execute();
}

/** For what, where and when a key is believed. */
export async function markTrust(
  tx: Kysely<TrustTables>,
  id: string,
  { uses, repositories, validFrom, validUntil }: Pick<KeyRecord, 'uses' | 'repositories' | 'validFrom' | 'validUntil'>,
): Promise<void> {
  const values = { uses: JSON.stringify(uses), repositories: JSON.stringify(repositories) };
  await tx
    .updateTable('trust_keys')
    .set({ ...values, valid_from: validFrom, valid_until: validUntil })
    .where('id', '=', id)
    .execute();
}

/** A key that another one takes the place of: it goes on under this name, and nobody signs with it here any more. */
export async function markFormer(
  tx: Kysely<TrustTables>,
  id: string,
  { name, successor, revokedAt }: Pick<KeyRecord, 'name' | 'successor' | 'revokedAt'>,
): Promise<void> {
  await tx
    .updateTable('trust_keys')
    .set({
      name,
      sealed: null,
      successor: successor === null ? null : JSON.stringify(successor),
      revoked_at: revokedAt,
    })
    .where('id', '=', id)
    .execute();
}

/** What a key may be used for. */
export async function markUses(tx: Kysely<TrustTables>, id: string, uses: readonly SignatureUse[]): Promise<void> {
  await tx
    .updateTable('trust_keys')
    .set({ uses: JSON.stringify(uses) })
    .where('id', '=', id)
    .execute();
}

/** The newest version, or that one; null when there is none. */
export async function readPolicy(db: Kysely<TrustTables>, version?: number): Promise<PolicyRecord | null> {
  let query = db.selectFrom('trust_policies').selectAll();
  if (version !== undefined) query = query.where('version', '=', version);
  const row = await query.orderBy('version', 'desc').limit(1).executeTakeFirst();
  if (row === undefined) return null;
  return {
    version: row.version,
    document: JSON.parse(row.document) as TrustDocument,
    signatures: JSON.parse(row.signatures) as SignedRecord[],
    actor: row.actor,
    createdAt: row.created_at,
  };
}

export async function insertPolicy(tx: Kysely<TrustTables>, policy: PolicyRecord): Promise<void> {
  await tx
    .insertInto('trust_policies')
    .values({
      version: policy.version,
      document: JSON.stringify(policy.document),
      signatures: JSON.stringify(policy.signatures),
      actor: policy.actor,
      created_at: policy.createdAt,
    })
    .execute();
}

function toKeyRecord(row: Selectable<TrustTables['trust_keys']>): KeyRecord {
  return {
    id: row.id,
    name: row.name,
    uses: JSON.parse(row.uses) as SignatureUse[],
    repositories: JSON.parse(row.repositories) as string[],
    publicKeyPem: row.public_key_pem,
    sealed: row.sealed === null ? null : new Uint8Array(row.sealed),
    createdAt: row.created_at,
    revokedAt: row.revoked_at,
    validFrom: row.valid_from,
    validUntil: row.valid_until,
    successor: row.successor === null ? null : (JSON.parse(row.successor) as SignedRecord),
  };
}
