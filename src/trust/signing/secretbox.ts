/**
 * NaCl's secretbox (XSalsa20 and Poly1305), because cosign keeps its private keys in it and Node's OpenSSL has no
 * XSalsa20. Used for keys of a few hundred bytes; the passphrase's scrypt costs a thousand times as much.
 */
import { timingSafeEqual } from 'node:crypto';

const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;
const BLOCK_BYTES = 64;
const TAG_BYTES = 16;
/** Poly1305's prime, 2^130 - 5. */
const PRIME = (1n << 130n) - 5n;
const CLAMP = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** @returns tag and ciphertext, in NaCl's order */
export function sealSecretbox(plain: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer {
  const { stream, macKey } = keystream(nonce, key, plain.length);
  const body = xor(plain, stream);
  return Buffer.concat([poly1305(body, macKey), body]);
}

/** Null when the key is another one or a byte was changed. */
export function openSecretbox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer | null {
  if (box.length < TAG_BYTES) return null;
  const body = box.subarray(TAG_BYTES);
  const { stream, macKey } = keystream(nonce, key, body.length);
  return timingSafeEqual(poly1305(body, macKey), box.subarray(0, TAG_BYTES)) ? xor(body, stream) : null;
}

/** The first 32 bytes of the stream are the key of the tag, what follows hides the text. */
function keystream(nonce: Uint8Array, key: Uint8Array, length: number): { stream: Buffer; macKey: Buffer } {
  const subkey = hsalsa20(key, nonce.subarray(0, 16));
  const blocks: Buffer[] = [];
  for (let counter = 0; counter * BLOCK_BYTES < length + 32; counter += 1) {
    const input = Buffer.alloc(16);
    input.set(nonce.subarray(16, 24));
    input.writeUInt32LE(counter, 8);
    blocks.push(salsaBlock(subkey, input));
  }
  const all = Buffer.concat(blocks);
  return { macKey: all.subarray(0, 32), stream: all.subarray(32, 32 + length) };
}

function stateOf(key: Uint8Array, input: Uint8Array): Uint32Array {
  const k = wordsOf(key);
  const n = wordsOf(input);
  const at = (words: Uint32Array, index: number): number => words[index] ?? 0;
  return Uint32Array.from([
    ...[SIGMA[0], at(k, 0), at(k, 1), at(k, 2), at(k, 3), SIGMA[1], at(n, 0), at(n, 1)],
    ...[at(n, 2), at(n, 3), SIGMA[2], at(k, 4), at(k, 5), at(k, 6), at(k, 7), SIGMA[3]],
  ]);
}

/** Twenty rounds of Salsa20 (Bernstein, "The Salsa20 family of stream ciphers"). */
function rounds(state: Uint32Array): Uint32Array {
  const x = Uint32Array.from(state);
  const step = (to: number, a: number, b: number, by: number): void => {
    const sum = ((x[a] ?? 0) + (x[b] ?? 0)) | 0;
    x[to] = (x[to] ?? 0) ^ ((sum << by) | (sum >>> (32 - by)));
  };
  const quarter = (a: number, b: number, c: number, d: number): void => {
    step(b, a, d, 7);
    step(c, b, a, 9);
    step(d, c, b, 13);
    step(a, d, c, 18);
  };
  for (let round = 0; round < 10; round += 1) {
    quarter(0, 4, 8, 12);
    quarter(5, 9, 13, 1);
    quarter(10, 14, 2, 6);
    quarter(15, 3, 7, 11);
    quarter(0, 1, 2, 3);
    quarter(5, 6, 7, 4);
    quarter(10, 11, 8, 9);
    quarter(15, 12, 13, 14);
  }
  return x;
}

function salsaBlock(key: Uint8Array, input: Uint8Array): Buffer {
  const state = stateOf(key, input);
  return bytesOfWords(rounds(state).map((word, index) => word + (state[index] ?? 0)));
}

function hsalsa20(key: Uint8Array, input: Uint8Array): Buffer {
  const x = rounds(stateOf(key, input));
  return bytesOfWords(Uint32Array.from([0, 5, 10, 15, 6, 7, 8, 9].map((index) => x[index] ?? 0)));
}

function poly1305(message: Uint8Array, key: Uint8Array): Buffer {
  const r = littleEndian(key.subarray(0, 16)) & CLAMP;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * r) % PRIME;
  }
  const tag = (sum + littleEndian(key.subarray(16, 32))) & ((1n << 128n) - 1n);
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const buffer = Buffer.from(bytes);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => buffer.readUInt32LE(index * 4));
}

function bytesOfWords(words: Uint32Array): Buffer {
  const buffer = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) buffer.writeUInt32LE(word, index * 4);
  return buffer;
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}
