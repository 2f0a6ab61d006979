import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../system/index.ts';
import { generateSigningKey, openSigningKey, type SigningKey } from '../../trust/index.ts';

/** As it lies in the agent's folder, 0600: sealed under a key of its own beside it. */
interface KeptKey {
  readonly master: string;
  readonly id: string;
  readonly publicKeyPem: string;
  readonly sealed: string;
  /** Public keys that this builder signed with before, in PEM. */
  readonly former?: readonly string[];
}

/** The key that this host's builder signs with: made at the first start, and another one whenever control asks for it. */
export class BuilderKey {
  readonly #path: string;
  #key: SigningKey;
  #former: readonly string[];
  #rotating: Promise<void> = Promise.resolve();

  private constructor(path: string, key: SigningKey, former: readonly string[]) {
    this.#path = path;
    this.#key = key;
    this.#former = former;
  }

  /** @param folder the agent's own */
  static async open(folder: string): Promise<BuilderKey> {
    const path = join(folder, 'builder-key.json');
    try {
      const kept = JSON.parse(await readFile(path, 'utf8')) as KeptKey;
      const { id, publicKeyPem, former = [] } = kept;
      const sealed = { id, publicKeyPem, sealed: Buffer.from(kept.sealed, 'base64') };
      return new BuilderKey(path, openSigningKey(Buffer.from(kept.master, 'base64'), sealed), former);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return new BuilderKey(path, await makeKey(path, []), []);
  }

  get key(): SigningKey {
    return this.#key;
  }

  /** Its public keys in PEM: the one that it signs with first, then those from before. */
  get publicKeyPems(): readonly string[] {
    return [this.#key.publicKeyPem, ...this.#former];
  }

  /** Makes another key; the private part of the former one is gone with that. One after the other: none is forgotten. */
  rotate(): Promise<void> {
    const rotated = this.#rotating.then(async () => {
      const former = this.publicKeyPems;
      this.#key = await makeKey(this.#path, former);
      this.#former = former;
    });
    this.#rotating = rotated.catch(() => undefined);
    return rotated;
  }
}

async function makeKey(path: string, former: readonly string[]): Promise<SigningKey> {
  const master = randomBytes(32);
  const { key, sealed } = generateSigningKey(master);
  const kept: KeptKey = {
    master: master.toString('base64'),
    id: sealed.id,
    publicKeyPem: sealed.publicKeyPem,
    sealed: Buffer.from(sealed.sealed).toString('base64'),
    former,
  };
  await writeFileAtomic(path, JSON.stringify(kept), { mode: 0o600 });
  return key;
}
