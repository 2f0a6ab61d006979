import type { Kysely, Selectable } from 'kysely';
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
  readonly revokedAt: string | null;
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
  };
}
