import { readFile } from 'node:fs/promises';
import { type Json, writeFileAtomic } from '../../system/index.ts';
import {
  checkSuccessor,
  compileHostPolicy,
  defineSigner,
  HOST_POLICY_TYPE,
  type HostPolicy,
  type RootCache,
  readPublicKey,
  type SignedRecord,
  type TrustedSigner,
  type TrustPolicy,
  verifyRecord,
} from '../../trust/index.ts';
import type { BuilderKey } from './builder-key.ts';
import type { PinnedControl } from './pinned-control.ts';

/** Whose keys this host holds itself. */
export interface OwnKeys {
  readonly host: string;
  readonly builder: Pick<BuilderKey, 'publicKeyPems'>;
  readonly control: PinnedControl;
}

/**
 * Whom this host believes. The first policy that control sends is pinned in a file that only this host's root writes; a
 * later one is followed if it is no older and the administrators whom the pinned one names signed it. The host's own
 * builder counts in any case, until its key is revoked.
 */
export class HostTrust {
  readonly #path: string;
  readonly #own: OwnKeys;
  readonly #roots: RootCache = new Map();
  #pinned: HostPolicy | null;
  #policy: TrustPolicy;

  private constructor(path: string, own: OwnKeys, pinned: HostPolicy | null) {
    this.#path = path;
    this.#own = own;
    this.#pinned = pinned;
    this.#policy = this.#compile(pinned);
  }

  /** @throws when the pinned policy is there and cannot be read: a host that forgot whom to believe starts nothing */
  static async open(path: string, own: OwnKeys): Promise<HostTrust> {
    let pinned: HostPolicy | null = null;
    try {
      pinned = JSON.parse(await readFile(path, 'utf8')) as HostPolicy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return new HostTrust(path, own, pinned);
  }

  get policy(): TrustPolicy {
    return this.#policy;
  }

  /**
   * Follows what control sent, if it may be followed; it is written down before it counts.
   * @throws Fault trust.record-refused, trust.policy-unsigned, trust.policy-changed, trust.policy-invalid
   */
  async follow(record: SignedRecord): Promise<void> {
    const { standing } = this.#own.control;
    const next = verifyRecord(record, [standing], HOST_POLICY_TYPE) as unknown as HostPolicy;
    checkSuccessor(this.#pinned, next);
    const policy = this.#compile(next);
    const text = JSON.stringify(next as unknown as Json);
    if (text !== JSON.stringify(this.#pinned)) await writeFileAtomic(this.#path, text, { mode: 0o600 });
    this.#pinned = next;
    this.#policy = policy;
  }

  /** The keys that this host holds itself have changed. */
  keysChanged(): void {
    this.#policy = this.#compile(this.#pinned);
  }

  #compile(policy: HostPolicy | null): TrustPolicy {
    const { host, builder, control } = this.#own;
    const own = builder.publicKeyPems.map((pem) => ownBuilder(host, pem));
    return compileHostPolicy(policy, { own, control: control.keys }, this.#roots);
  }
}

/** Named as control names it, so that a rule such as `1 of builder:*` means the same in both places. */
function ownBuilder(host: string, builderKeyPem: string): TrustedSigner {
  const publicKey = readPublicKey(builderKeyPem, 'builder');
  return defineSigner({
    name: `builder:${host}:${publicKey.id.slice(0, 12)}`,
    uses: ['image', 'provenance'],
    identity: { kind: 'key', publicKey, trustedRoot: null },
  });
}
