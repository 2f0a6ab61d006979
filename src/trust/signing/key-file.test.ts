import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { Fault } from '../../system/index.ts';
import { readPublicKey } from '../key.ts';
import { encryptKey, generateKeyFile, localSigner, openKeyFile } from './key-file.ts';
import { openSecretbox, sealSecretbox } from './secretbox.ts';

test('the secretbox is NaCl’s: its published vector, and no changed byte opens', () => {
  const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
  // Bernstein, "Cryptography in NaCl", section 10
  const key = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389');
  const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37');
  const plain = hex(
    `be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705`,
  );
  const box = hex(
    `f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186ac0dfc17c98dce87b4da7f011ec48c97271d2c20f9b928fe2270d6fb863d51738b48eeee314a7cc8ab932164548e526ae90224368517acfeabd6bb3732bc0e9da99832b61ca01b6de56244a9e88d5f9b37973f622a43d14a6599b1f654cb45a74e355a5`,
  );
  assert.deepEqual(sealSecretbox(plain, nonce, key), box);
  assert.deepEqual(openSecretbox(box, nonce, key), plain);
  for (const at of [0, 15, 16, box.length - 1]) {
    const changed = Buffer.from(box);
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.equal(openSecretbox(changed, nonce, key), null);
  }
});

test('a key opens with its passphrase alone, signs, and never lies in clear', async () => {
  for (const algorithm of ['ecdsa-p256', 'ed25519'] as const) {
    const { privatePem, publicPem } = generateKeyFile(algorithm, 'correct horse');
    const signer = localSigner(openKeyFile(privatePem, 'correct horse'));
    const data = Buffer.from('data');
    assert.equal(readPublicKey(publicPem).verify(data, await signer.sign(data)), true);
    assert.throws(
      () => openKeyFile(privatePem, 'wrong horse!'),
      (error: unknown) =>
        error instanceof Fault && error.code === 'trust.passphrase-wrong' && !error.message.includes('wrong horse'),
    );
  }
});

test('short passphrases, greedy parameters and other texts are refused', () => {
  const { privateKey } = generateKeyPairSync('ed25519');
  assert.throws(() => encryptKey(privateKey, 'short'), Fault);
  const good = encryptKey(privateKey, 'long enough');
  const json = Buffer.from(good.replaceAll(/-----[^-]+-----/g, ''), 'base64').toString();
  const greedy = Buffer.from(json.replace('65536', String(2 ** 40))).toString('base64');
  for (const text of [
    `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${greedy}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----`,
    'x',
    good.slice(40),
  ]) {
    assert.throws(
      () => openKeyFile(text, 'long enough'),
      (error: unknown) => error instanceof Fault && error.code === 'trust.key-file',
    );
  }
  const inSpanish = (text: string): string => {
    try {
      openKeyFile(text, 'long enough');
    } catch (error) {
      return (error as Fault).text('es').why ?? '';
    }
    return '';
  };
  const sealed = (text: string): string =>
    `-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n${Buffer.from(text).toString('base64')}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----`;
  assert.equal(inSpanish('x'), 'no es un solo bloque PEM');
  assert.equal(
    inSpanish(sealed(json.replace('65536', String(2 ** 40)))),
    'pide más memoria de la que necesita una clave',
  );
  assert.equal(inSpanish(sealed('{}')), 'falta kdf');
  assert.match(inSpanish(sealed('{')), /^JSON no está bien escrito/);
  const plain = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
  assert.equal(createPublicKey(openKeyFile(plain, '')).asymmetricKeyType, 'ed25519');
});
