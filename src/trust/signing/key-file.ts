import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scryptSync,
  sign,
} from 'node:crypto';
import { parseStrictJson } from '../../formats/index.ts';
import { Fault } from '../../system/index.ts';
import { readingReason, trustFault } from '../errors.ts';
import { readPublicKey } from '../key.ts';
import { bytesOf, countOf, fieldsOf, required, textOf } from '../sigstore/fields.ts';
import { openSecretbox, sealSecretbox } from './secretbox.ts';
import type { KeySigner } from './signer.ts';

/**
 * Private keys as cosign keeps them: PKCS #8 in a NaCl secretbox under a key that scrypt makes from a passphrase, as JSON
 * in PEM. cosign reads the files written here, and the other way round.
 */
const LABEL = 'ENCRYPTED SIGSTORE PRIVATE KEY';
const LABELS: readonly string[] = [LABEL, 'ENCRYPTED COSIGN PRIVATE KEY'];
const SCRYPT = { N: 65_536, r: 8, p: 1 } as const;
/** What a file may ask for: 128 * N * r bytes of memory are taken. */
const SCRYPT_MAX = { N: 1 << 20, r: 32, p: 16 } as const;
const SCRYPT_MEMORY_MAX = 1 << 30;
const FILE_BYTES_MAX = 64 * 1024;
/** Short passphrases are guessed from the file alone. */
export const PASSPHRASE_CHARACTERS_MIN = 8;

export type LocalAlgorithm = 'ecdsa-p256' | 'ed25519';

/** A new key, encrypted, and its public part; both PEM. @throws Fault trust.passphrase-short */
export function generateKeyFile(
  algorithm: LocalAlgorithm,
  passphrase: string,
): { readonly privatePem: string; readonly publicPem: string } {
  const { privateKey, publicKey } =
    algorithm === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privatePem: encryptKey(privateKey, passphrase),
    publicPem: publicKey.export({ format: 'pem', type: 'spki' }) as string,
  };
}

/** @throws Fault trust.passphrase-short */
export function encryptKey(key: KeyObject, passphrase: string): string {
  if (passphrase.length < PASSPHRASE_CHARACTERS_MIN) {
    throw trustFault('trust.passphrase-short', { characters: PASSPHRASE_CHARACTERS_MIN });
  }
  const salt = randomBytes(32);
  const nonce = randomBytes(24);
  const plain = key.export({ format: 'der', type: 'pkcs8' });
  const box = sealSecretbox(plain, nonce, derive(passphrase, salt, SCRYPT));
  plain.fill(0);
  const json = JSON.stringify({
    kdf: { name: 'scrypt', params: SCRYPT, salt: salt.toString('base64') },
    cipher: { name: 'nacl/secretbox', nonce: nonce.toString('base64') },
    ciphertext: box.toString('base64'),
  });
  const lines =
    Buffer.from(json)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${LABEL}-----`, ...lines, `-----END ${LABEL}-----`, ''].join('\n');
}

/**
 * Opens a private key: cosign's form, or PKCS #8 in PEM, encrypted or not.
 * @throws Fault trust.key-file, trust.passphrase-wrong
 */
export function openKeyFile(pem: string, passphrase: string): KeyObject {
  if (pem.length > FILE_BYTES_MAX) throw unreadable(`it is larger than ${FILE_BYTES_MAX} bytes`);
  const match = /^\s*-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*$/.exec(pem);
  if (match?.[1] === undefined || match[2] === undefined) throw unreadable('it is not one PEM block');
  if (LABELS.includes(match[1])) return openSealed(Buffer.from(match[2], 'base64'), passphrase);
  try {
    return createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch (cause) {
    if (match[1] === 'ENCRYPTED PRIVATE KEY') throw trustFault('trust.passphrase-wrong', {}, { cause });
    throw unreadable('it holds no private key', cause);
  }
}

/** Whether a passphrase has to be asked for. */
export function isEncrypted(pem: string): boolean {
  return /-----BEGIN ENCRYPTED/.test(pem);
}

/** A signer from an opened key. @throws Fault trust.public-key for a kind of key that is not used here */
export function localSigner(key: KeyObject): KeySigner {
  const publicPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }) as string;
  const { id, algorithm } = readPublicKey(publicPem);
  const hash = algorithm === 'ed25519' ? null : algorithm === 'ecdsa-p384' ? 'sha384' : 'sha256';
  return {
    kind: 'key',
    keyId: id,
    publicPem,
    sign: async (data) => sign(hash, data, key),
  };
}

function openSealed(bytes: Uint8Array, passphrase: string): KeyObject {
  const file = readSealed(bytes);
  const plain = openSecretbox(file.box, file.nonce, derive(passphrase, file.salt, file.params));
  if (plain === null) throw trustFault('trust.passphrase-wrong', {});
  try {
    return createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw unreadable('it holds no PKCS #8', cause);
  } finally {
    plain.fill(0);
  }
}

function readSealed(bytes: Uint8Array) {
  try {
    const json = fieldsOf(parseStrictJson(bytes), 'the key');
    const kdf = required(json, 'kdf', fieldsOf);
    const cipher = required(json, 'cipher', fieldsOf);
    if (required(kdf, 'name', textOf) !== 'scrypt' || required(cipher, 'name', textOf) !== 'nacl/secretbox') {
      throw new RangeError('it is encrypted in a way that is not known');
    }
    const given = required(kdf, 'params', fieldsOf);
    const params = {
      N: required(given, 'N', countOf),
      r: required(given, 'r', countOf),
      p: required(given, 'p', countOf),
    };
    if (params.N > SCRYPT_MAX.N || params.r > SCRYPT_MAX.r || params.p > SCRYPT_MAX.p) {
      throw new RangeError('it asks for more memory than a key needs');
    }
    const nonce = required(cipher, 'nonce', bytesOf);
    if (nonce.length !== 24) throw new RangeError('its nonce has another length');
    return { params, nonce, salt: required(kdf, 'salt', bytesOf), box: required(json, 'ciphertext', bytesOf) };
  } catch (cause) {
    throw unreadable(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function derive(passphrase: string, salt: Uint8Array, { N, r, p }: { N: number; r: number; p: number }): Buffer {
  return scryptSync(passphrase, salt, 32, { N, r, p, maxmem: SCRYPT_MEMORY_MAX + 128 * r * 16 });
}

function unreadable(reason: string, cause?: unknown): Error {
  const said =
    cause instanceof Fault ? { en: cause.text('en').why ?? reason, es: cause.text('es').why ?? reason } : null;
  return trustFault(
    'trust.key-file',
    { reason: said ?? readingReason(reason, cause) },
    cause === undefined ? {} : { cause },
  );
}
