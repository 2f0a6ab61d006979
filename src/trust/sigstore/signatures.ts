import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { SIGNATURE_MEMO_MAX } from '../limits.ts';

/** Hash that goes with a signature algorithm of X.509 or CMS; null where the algorithm has its own. */
export const HASH_OF_SIGNATURE: Readonly<Record<string, string | null>> = {
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.3.101.112': null,
};

/** A public key by its SubjectPublicKeyInfo. OpenSSL reads it at the first question, which a memo may make needless. */
export interface CheckedKey {
  /** SHA-256 of the SubjectPublicKeyInfo. */
  readonly id: Buffer;
  readonly object: () => KeyObject;
}

export function checkedKey(info: Uint8Array, form: 'spki' | 'pkcs1' = 'spki'): CheckedKey {
  let object: KeyObject | null = null;
  return {
    id: hash('sha256', info, 'buffer'),
    object: () => {
      object ??= createPublicKey({ key: Buffer.from(info), format: 'der', type: form });
      return object;
    },
  };
}

/** The hash that a key of this kind is used with where nothing else names one (Sigstore's algorithm registry). */
export function usualHash(key: CheckedKey): string | null {
  const { asymmetricKeyType, asymmetricKeyDetails } = key.object();
  if (asymmetricKeyType === 'ed25519') return null;
  if (asymmetricKeyDetails?.namedCurve === 'secp384r1') return 'sha384';
  return asymmetricKeyDetails?.namedCurve === 'secp521r1' ? 'sha512' : 'sha256';
}

/**
 * Remembers signatures that held. Whether a signature holds depends on nothing but key, hash, bytes and signature, and all
 * four are in the name it is remembered by; so an answer from here is the answer OpenSSL would give. Times, names and
 * policy are never remembered. Only good ones are kept, so that garbage cannot push them out with cheap questions alone.
 */
export class SignatureMemo {
  readonly #good = new Set<string>();

  holds(key: CheckedKey, algorithm: string | null, data: Uint8Array, signature: Uint8Array): boolean {
    const head = Buffer.from(`${algorithm ?? '-'} ${signature.length} ${data.length} `);
    const name = hash('sha256', Buffer.concat([key.id, head, signature, data]), 'base64');
    if (this.#good.has(name)) return true;
    let good: boolean;
    try {
      good = verify(algorithm, data, key.object(), signature);
    } catch {
      good = false; // a key or signature that OpenSSL cannot even read did not sign this
    }
    if (!good) return false;
    if (this.#good.size >= SIGNATURE_MEMO_MAX) {
      for (const oldest of this.#good) {
        this.#good.delete(oldest);
        break;
      }
    }
    this.#good.add(name);
    return true;
  }
}
