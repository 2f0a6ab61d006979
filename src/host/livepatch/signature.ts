import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand, type Text } from '../../system/index.ts';
import type { CheckSignature } from './kernel-driver.ts';

const OPENSSL_MS = 10_000;

/**
 * Believes modules that were signed with the key of one certificate (PEM), as scripts/sign-file of the kernel signs them:
 * CMS over the bytes before the signature. The certificate is pinned: neither its chain nor its dates are asked for.
 */
export function signedBy(certificatePem: string): CheckSignature {
  return async ({ body, signature }) => {
    if (signature === null) {
      return { en: 'it is not signed', es: 'no está firmado' };
    }
    const folder = await mkdtemp(join(tmpdir(), 'darsena-patch-'));
    try {
      const [sig, content, certificate] = ['sig', 'body', 'cert.pem'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      await Promise.all([writeFile(sig, signature), writeFile(content, body), writeFile(certificate, certificatePem)]);
      const args = [
        'cms',
        '-verify',
        '-binary',
        '-inform',
        'DER',
        '-in',
        sig,
        '-content',
        content,
        '-certfile',
        certificate,
        '-nointern',
        '-noverify',
        '-out',
        '/dev/null',
      ];
      const { code } = await runCommand('openssl', args, { timeoutMs: OPENSSL_MS });
      const wrong: Text = {
        en: 'no signature of the pinned key is over it',
        es: 'no tiene ninguna firma de la clave fijada',
      };
      return code === 0 ? null : wrong;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}
