import { createHash, hash } from 'node:crypto';
import { ociFault } from './errors.ts';

/** OCI image-spec 1.1, descriptor.md "Digests": the two registered algorithms, lower-case hex. */
export type Digest = `sha256:${string}` | `sha512:${string}`;
export type DigestAlgorithm = 'sha256' | 'sha512';

const PATTERN = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

/** @throws Fault oci.digest-invalid */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw ociFault('oci.digest-invalid', { digest: text.slice(0, 160) });
  return text;
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

/** The hex part, safe as a file name: the pattern holds nothing else. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${hash(algorithm, bytes, 'hex')}` as Digest;
}

export interface Digester {
  update(bytes: Uint8Array): void;
  /** Ends the digester; call once. */
  digest(): Digest;
}

export function createDigester(algorithm: DigestAlgorithm = 'sha256'): Digester {
  const hasher = createHash(algorithm);
  return {
    update: (bytes) => {
      hasher.update(bytes);
    },
    digest: () => `${algorithm}:${hasher.digest('hex')}` as Digest,
  };
}
