import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { trustFault } from './errors.ts';
import { SignatureMemo } from './sigstore/signatures.ts';

/**
 * Something that can sign. `sign` returns an ECDSA P-256 / SHA-256 signature in DER, the form of Sigstore and of DSSE.
 * The private part never leaves the object.
 */
export interface SigningKey {
  /** Lower-case hexadecimal SHA-256 of the public key's SubjectPublicKeyInfo in DER. */
  readonly id: string;
  readonly publicKeyPem: string;
  sign(data: Uint8Array): Uint8Array;
}

/** The key that stands for a name: whoever was given it signs with its successor after a rotation. */
export class StandingKey implements SigningKey {
  #key: SigningKey;

  constructor(key: SigningKey) {
    this.#key = key;
  }

  get id(): string {
    return this.#key.id;
  }

  get publicKeyPem(): string {
    return this.#key.publicKeyPem;
  }

  sign(data: Uint8Array): Uint8Array {
    return this.#key.sign(data);
  }

  succeed(key: SigningKey): void {
    this.#key = key;
  }
}

/** A public key that may be asked. `keys` given to a verifier are the whole of what it trusts. */
export interface PublicKey {
  readonly id: string;
  readonly pem: string;
  readonly algorithm: 'ecdsa-p256' | 'ecdsa-p384' | 'ed25519';
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

/** A private key as it lies in the database: PKCS#8 under AES-256-GCM, bound to its id by the additional data. */
export interface SealedKey {
  readonly id: string;
  readonly publicKeyPem: string;
  /** version byte 1, 12 bytes of nonce, 16 bytes of tag, ciphertext */
  readonly sealed: Uint8Array;
}

const ALGORITHMS: Readonly<Record<string, { name: PublicKey['algorithm']; hash: string | null }>> = {
  prime256v1: { name: 'ecdsa-p256', hash: 'sha256' },
  secp384r1: { name: 'ecdsa-p384', hash: 'sha384' },
  ed25519: { name: 'ed25519', hash: null },
};

const SEAL_VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const MASTER_KEY_BYTES = 32;

/** Makes a new ECDSA P-256 key and the form of it that may be stored. */
export function generateSigningKey(masterKey: Uint8Array): { key: SigningKey; sealed: SealedKey } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = localKey(privateKey, publicKey);
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const sealed = seal(masterKey, key.id, der);
  der.fill(0);
  return { key, sealed: { id: key.id, publicKeyPem: key.publicKeyPem, sealed } };
}

/**
 * Unlocks a stored key.
 * @throws Fault trust.key-locked when the master key is another one or the bytes were changed
 */
export function openSigningKey(masterKey: Uint8Array, stored: SealedKey): SigningKey {
  const privateKey = unseal(masterKey, stored);
  const key = localKey(privateKey, createPublicKey(privateKey));
  if (key.id !== stored.id) throw trustFault('trust.key-locked', { key: stored.id });
  return key;
}

/**
 * Reads a public key from PEM.
 * @throws Fault trust.public-key for another kind of key or text
 */
export function readPublicKey(pem: string, name = 'key'): PublicKey {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw trustFault(
      'trust.public-key',
      { name, seen: { en: 'text that is no key', es: 'un texto que no es una clave' } },
      { cause },
    );
  }
  // A private PEM is accepted by createPublicKey; holding one where a public key belongs is a mistake to be seen.
  if (pem.includes('PRIVATE KEY'))
    throw trustFault('trust.public-key', { name, seen: { en: 'a private key', es: 'una clave privada' } });
  const curve = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
  const algorithm = ALGORITHMS[curve];
  if (algorithm === undefined) throw trustFault('trust.public-key', { name, seen: curve });
  const normalPem = key.export({ format: 'pem', type: 'spki' }) as string;
  const id = keyId(key);
  // A host asks the same of the same few signatures before each start of a container.
  const memo = new SignatureMemo();
  const checked = { id: Buffer.from(id, 'hex'), object: () => key };
  return {
    id,
    pem: normalPem,
    algorithm: algorithm.name,
    verify: (data, signature) => memo.holds(checked, algorithm.hash, data, signature),
  };
}

/** The hint by which a Sigstore bundle names a managed key: base64 of the SHA-256 of its SubjectPublicKeyInfo. */
export function keyHint(id: string): string {
  return Buffer.from(id, 'hex').toString('base64');
}

function localKey(privateKey: KeyObject, publicKey: KeyObject): SigningKey {
  return {
    id: keyId(publicKey),
    publicKeyPem: publicKey.export({ format: 'pem', type: 'spki' }) as string,
    sign: (data) => sign('sha256', data, privateKey),
  };
}

function keyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex');
}

function seal(masterKey: Uint8Array, id: string, plain: Uint8Array): Uint8Array {
  checkMasterKey(masterKey);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce);
  cipher.setAAD(Buffer.from(`darsena-signing-key:${id}`));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from([SEAL_VERSION]), nonce, cipher.getAuthTag(), body]);
}

function unseal(masterKey: Uint8Array, { id, sealed }: SealedKey): KeyObject {
  checkMasterKey(masterKey);
  const bytes = Buffer.from(sealed);
  try {
    if (bytes[0] !== SEAL_VERSION) throw new RangeError(`expected seal version ${SEAL_VERSION}, got ${bytes[0]}`);
    const tagStart = 1 + NONCE_BYTES;
    const bodyStart = tagStart + TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', masterKey, bytes.subarray(1, tagStart), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(`darsena-signing-key:${id}`));
    decipher.setAuthTag(bytes.subarray(tagStart, bodyStart));
    const der = Buffer.concat([decipher.update(bytes.subarray(bodyStart)), decipher.final()]);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    der.fill(0);
    return key;
  } catch (cause) {
    throw trustFault('trust.key-locked', { key: id }, { cause });
  }
}

function checkMasterKey(masterKey: Uint8Array): void {
  if (masterKey.length !== MASTER_KEY_BYTES) throw trustFault('trust.master-key', { bytes: masterKey.length });
}
