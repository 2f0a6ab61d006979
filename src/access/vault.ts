import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const VERSION = 1;

/** Keeps secrets encrypted at rest: AES-256-GCM (NIST SP 800-38D) under the instance's master key. */
export interface Vault {
  /** `context` names the place of the secret and is authenticated: sealed bytes moved elsewhere do not open. */
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** @throws Error when the bytes were changed, moved, or sealed under another key. */
  open(sealed: Uint8Array, context: string): Uint8Array;
}

export function createVault(masterKey: Uint8Array): Vault {
  if (masterKey.length !== KEY_BYTES)
    throw new RangeError(`master key: expected ${KEY_BYTES} bytes, got ${masterKey.length}`);
  return {
    seal(plain, context) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv('aes-256-gcm', masterKey, iv);
      cipher.setAAD(Buffer.from(context));
      return Buffer.concat([Buffer.from([VERSION]), iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, context) {
      if (sealed[0] !== VERSION || sealed.length < 1 + IV_BYTES + TAG_BYTES)
        throw new Error('the sealed bytes are not understood');
      const decipher = createDecipheriv('aes-256-gcm', masterKey, sealed.subarray(1, 1 + IV_BYTES));
      decipher.setAAD(Buffer.from(context));
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
      return Buffer.concat([
        decipher.update(sealed.subarray(1 + IV_BYTES, sealed.length - TAG_BYTES)),
        decipher.final(),
      ]);
    },
  };
}
