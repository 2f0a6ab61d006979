import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../system/index.ts';
import { setupFault } from './errors.ts';
import { type Instance, instanceFiles } from './instance.ts';

/** What control keeps of its authority; only the certificate is taken out. */
const kept = z.object({ certificatePem: z.string() });

export interface AuthorityCertificate {
  readonly pem: string;
  /** Lower-case hexadecimal with colons, as browsers and openssl show it. */
  readonly fingerprint: string;
}

/**
 * Copies the authority's certificate out of control's folder to where agents, engines and people read it.
 * @throws Fault `setup.authority-missing` when control has not made it, or it is no certificate
 */
export async function publishAuthority(instance: Instance): Promise<AuthorityCertificate> {
  const files = instanceFiles(instance);
  const source = join(files.control.keys, 'authority.json');
  let pem: string;
  try {
    // Parsed before anything is written: control's folder is not ours, and only a certificate may leave it.
    pem = new X509Certificate(kept.parse(JSON.parse(await readFile(source, 'utf8'))).certificatePem).toString();
  } catch (cause) {
    throw setupFault('setup.authority-missing', { path: source }, { cause });
  }
  const published = await readFile(files.ca, 'utf8').catch(() => null);
  if (published !== pem) await writeFileAtomic(files.ca, pem, { mode: 0o644 });
  return describe(pem);
}

/** The published certificate; null when there is none yet. */
export async function readAuthority(instance: Instance): Promise<AuthorityCertificate | null> {
  const pem = await readFile(instanceFiles(instance).ca, 'utf8').catch(() => null);
  return pem === null ? null : describe(pem);
}

function describe(pem: string): AuthorityCertificate {
  return { pem, fingerprint: new X509Certificate(pem).fingerprint256.toLowerCase() };
}
