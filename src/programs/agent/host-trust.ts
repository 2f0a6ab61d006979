import { readFile } from 'node:fs/promises';
import { type Json, writeFileAtomic } from '../../system/index.ts';
import {
  checkSuccessor,
  compileHostPolicy,
  defineSigner,
  HOST_POLICY_TYPE,
  type HostPolicy,
  type PublicKey,
  type RootCache,
  readPublicKey,
  type SignedRecord,
  type TrustedSigner,
  type TrustPolicy,
  verifyRecord,
} from '../../trust/index.ts';

/**
 * Whom this host believes. The first policy that control sends is pinned in a file that only this host's root writes; a
 * later one is followed if it is no older and the administrators whom the pinned one names signed it. The host's own
 * builder always counts.
 */
export class HostTrust {
  readonly #path: string;
  readonly #pins: Parameters<typeof compileHostPolicy>[1];
  readonly #verdictKeys: readonly PublicKey[];
  readonly #roots: RootCache = new Map();
  #pinned: HostPolicy | null;
  #policy: TrustPolicy;

  private constructor(path: string, own: TrustedSigner, control: PublicKey, pinned: HostPolicy | null) {
    this.#path = path;
    this.#pins = { own, control };
    this.#verdictKeys = [control];
    this.#pinned = pinned;
    this.#policy = compileHostPolicy(pinned, this.#pins, this.#roots);
  }

  /** @throws when the pinned policy is there and cannot be read: a host that forgot whom to believe starts nothing */
  static async open(
    path: string,
    options: { readonly host: string; readonly builderKeyPem: string; readonly verdictKeyPem: string },
  ): Promise<HostTrust> {
    const own = ownBuilder(options.host, options.builderKeyPem);
    const control = readPublicKey(options.verdictKeyPem, 'control');
    let pinned: HostPolicy | null = null;
    try {
      pinned = JSON.parse(await readFile(path, 'utf8')) as HostPolicy;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return new HostTrust(path, own, control, pinned);
  }

  get policy(): TrustPolicy {
    return this.#policy;
  }

  /**
   * Follows what control sent, if it may be followed; it is written down before it counts.
   * @throws Fault trust.record-refused, trust.policy-unsigned, trust.policy-changed, trust.policy-invalid
   */
  async follow(record: SignedRecord): Promise<void> {
    const next = verifyRecord(record, this.#verdictKeys, HOST_POLICY_TYPE) as unknown as HostPolicy;
    checkSuccessor(this.#pinned, next);
    const policy = compileHostPolicy(next, this.#pins, this.#roots);
    const text = JSON.stringify(next as unknown as Json);
    if (text !== JSON.stringify(this.#pinned)) await writeFileAtomic(this.#path, text, { mode: 0o600 });
    this.#pinned = next;
    this.#policy = policy;
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
