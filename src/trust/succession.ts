import { Fault, type Json } from '../system/index.ts';
import { isRecord } from './dsse.ts';
import { type PublicKey, readPublicKey, type SigningKey } from './key.ts';
import { type SignedRecord, signRecord, verifyRecord } from './record.ts';

/** What a key's word of its successor is called where it is signed. */
export const KEY_SUCCESSION_TYPE = 'application/vnd.darsena.key-succession.v1+json';

/** Between the name of a key and the id of a former one of that name; no name that a person gives has it. */
const FORMER = '~';
const FORMER_ID_LENGTH = 12;

/** `control` → `control~0123456789ab`: what a key is listed as after another one took its name. */
export function formerName(name: string, id: string): string {
  return `${name}${FORMER}${id.slice(0, FORMER_ID_LENGTH)}`;
}

/** The name by which rules know the key: that of the one which took its place. */
export function signerName(name: string): string {
  return name.split(FORMER, 1)[0] ?? name;
}

export function isFormer(name: string): boolean {
  return name.includes(FORMER);
}

/** The word of a key that another one takes its place; signed with it, for who knows nothing but this key. */
export function signSuccession(key: SigningKey, name: string, next: Pick<SigningKey, 'publicKeyPem'>): SignedRecord {
  return signRecord(key, KEY_SUCCESSION_TYPE, { name, publicKeyPem: next.publicKeyPem });
}

/**
 * The keys that followed a pinned one, each named by the one before it, in order; none when nothing here was signed by it.
 * @param records in any order, as a clock that was set back may have put them; what another key signed is passed over
 */
export function followSuccession(pinned: PublicKey, name: string, records: readonly SignedRecord[]): PublicKey[] {
  const followed: PublicKey[] = [];
  const left = new Set(records);
  for (let key: PublicKey | null = pinned; key !== null; ) {
    let next: PublicKey | null = null;
    for (const record of left) {
      next = successorIn(record, key, name);
      if (next === null) continue;
      left.delete(record);
      followed.push(next);
      break;
    }
    key = next;
  }
  return followed;
}

function successorIn(record: SignedRecord, key: PublicKey, name: string): PublicKey | null {
  let value: Json;
  try {
    value = verifyRecord(record, [key], KEY_SUCCESSION_TYPE);
  } catch (error) {
    if (error instanceof Fault) return null; // of another key: one that was followed long ago, or none of ours
    throw error;
  }
  if (!isRecord(value) || value['name'] !== name || typeof value['publicKeyPem'] !== 'string') return null;
  return readPublicKey(value['publicKeyPem'], name);
}
